/* The credentials endpoint of a container (ECS, EKS), named by the environment. */
#include <stdlib.h>
#include <string.h>

#include "aws_chain.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define ATTEMPTS 3

struct container {
    struct aws_request request;
};

static bool configured(const struct aws_lookup *k)
{
    (void)k;
    return aws_environment(RELATIVE) || aws_environment(FULL);
}

static void stop(struct aws_lookup *k)
{
    struct container *c = k->state;

    aws_request_release(&c->request);
    free(c);
}

/* Who may be told the token: over TLS anybody, else only this machine and where containers have
 * their agents. */
static bool allowed(const struct endpoint *ep)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    size_t i;

    if (ep->https || endpoint_is_loopback(ep))
        return true;
    for (i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strcmp(ep->host, hosts[i]) == 0)
            return true;
    return false;
}

static enum pb_err check_address(const char *url, struct error *e)
{
    struct endpoint ep = {0};
    struct buf base;
    enum pb_err err;

    buf_init(&base, BUF_MAX_LINE);
    buf_append(&base, url, strcspn(url, "?#"));
    err = buf_status(&base, e);
    if (err == PB_OK && endpoint_parse(&ep, base.data, NULL) != PB_OK)
        err = error_set(e, PB_EUSAGE, FULL " is no address");
    else if (err == PB_OK && !allowed(&ep))
        err = error_set(e, PB_EDENIED,
                        FULL " names a host that is neither this machine's nor reached by https: "
                             "no credentials are asked for there");
    endpoint_release(&ep);
    buf_release(&base);
    return err;
}

static enum pb_err add_token(struct aws_request *r, struct error *e)
{
    const char *file = aws_environment(TOKEN_FILE), *given = aws_environment(TOKEN);
    struct buf token;
    enum pb_err err = PB_OK;

    buf_init(&token, BUF_MAX_LINE);
    if (file)
        err = aws_read_file(file, &token, e);
    else if (given)
        buf_puts(&token, given);
    if (err == PB_OK)
        err = buf_status(&token, e);
    while (file && token.len > 0 && strchr("\r\n \t", token.data[token.len - 1]))
        buf_truncate(&token, token.len - 1);
    if (err == PB_OK && (strpbrk(token.data, "\r\n") || strlen(token.data) != token.len))
        err = error_set(e, PB_EDENIED, "the token of the container (%s) is more than one line",
                        file ? TOKEN_FILE : TOKEN);
    if (err == PB_OK && token.len > 0)
        err = aws_request_header(r, "Authorization", token.data, e);
    aws_wipe_buf(&token);
    return err;
}

static enum pb_err read_answer(struct aws_lookup *k, const struct http_result *r, struct error *e)
{
    json_t *o;
    enum pb_err err;

    if (r->status != 200)
        return error_set(e, r->status / 100 == 4 ? PB_EDENIED : PB_ESERVER,
                         "the container's credentials endpoint answered %d", r->status);
    o = aws_json_object(r->body.data, r->body.len);
    if (!o)
        return error_set(e, PB_ESERVER, "the container's credentials endpoint gave no JSON");
    err =
        aws_json_take(k, o, "Token", false, "the container's credentials endpoint", e, "container");
    json_decref(o);
    return err;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct error why = {0};

    if (e)
        (void)error_set(&why, e->code, "the container's credentials: %s", e->msg);
    else
        (void)read_answer(k, r, &why);
    aws_lookup_end(k, why.code == PB_OK ? AWS_FOUND : AWS_FAILED, &why);
}

/* No proxy and short limits, but for an address that may be anywhere. */
static enum pb_err client(struct aws_session *s, bool far, struct http **out, struct error *e)
{
    const struct http_options o = {.direct = true,
                                   .connect_ms = 2000,
                                   .stall_ms = 2000,
                                   .attempts = ATTEMPTS,
                                   .user_agent = "pklbrowse/" PACKAGE_VERSION};
    enum pb_err err = PB_OK;

    if (!far && !s->container)
        err = http_new(s->loop, &o, &s->container, e);
    *out = far ? s->http : s->container;
    return err;
}

static enum pb_err send(struct aws_lookup *k, struct container *c, struct error *e)
{
    const char *relative = aws_environment(RELATIVE), *full = aws_environment(FULL);
    bool far = !relative && strncmp(full, "https:", 6) == 0;
    struct http *http;
    enum pb_err err = client(k->session, far, &http, e);

    if (err != PB_OK)
        return err;
    aws_request_init(&c->request, http, "GET");
    if (relative)
        err = aws_request_url(&c->request, e, "http://169.254.170.2%s%s",
                              relative[0] == '/' ? "" : "/", relative);
    else
        err = check_address(full, e);
    if (err == PB_OK && !relative)
        err = aws_request_url(&c->request, e, "%s", full);
    if (err == PB_OK)
        err = add_token(&c->request, e);
    if (err == PB_OK)
        err = aws_request_header(&c->request, "Accept", "application/json", e);
    c->request.done = answered;
    c->request.ctx = k;
    return err == PB_OK ? aws_request_send(&c->request, e) : err;
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct container *c = mem_alloc(sizeof *c);

    if (!c) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = c;
    return send(k, c, e) == PB_OK ? AWS_LATER : AWS_FAILED;
}

const struct aws_provider aws_by_container = {.name = "container-role",
                                              .source = "EcsContainer",
                                              .configured = configured,
                                              .ask = ask,
                                              .stop = stop};

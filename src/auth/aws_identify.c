/* Whose credentials these are: GetCallerIdentity. */
#include <stdlib.h>
#include <string.h>

#include "aws_chain.h"

struct aws_identify {
    struct aws_session *session;
    char *endpoint; /* NULL: STS as configured */
    struct aws_credentials mine;
    struct aws_request request;
    aws_identify_fn done;
    void *ctx;
};

void aws_identify_free(struct aws_identify *i)
{
    if (!i)
        return;
    aws_session_forget(i->session, i);
    aws_request_release(&i->request);
    aws_credentials_release(&i->mine);
    free(i->endpoint);
    free(i);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct aws_identify *i = ctx;
    struct aws_sts_answer a = {0};
    struct aws_identity id;
    struct error why = {0};

    if (e)
        why = *e;
    else if (aws_sts_read(&a, r, "STS does not say who this is", &why) == PB_OK && !a.arn)
        (void)error_set(&why, PB_EUNSUPPORTED, "the server does not say who this is");
    id = (struct aws_identity){a.account ? a.account : "", a.arn ? a.arn : "",
                               a.user_id ? a.user_id : ""};
    if (why.code == PB_OK)
        i->done(i->ctx, &id, NULL);
    else
        i->done(i->ctx, NULL, &why);
    aws_sts_answer_release(&a);
}

static enum pb_err copy_keys(struct aws_identify *i, const struct aws_credentials *c,
                             struct error *e)
{
    i->mine.access_key = mem_strdup(c->access_key);
    i->mine.secret_key = mem_strdup(c->secret_key);
    i->mine.session_token = c->session_token ? mem_strdup(c->session_token) : NULL;
    if (!i->mine.access_key || !i->mine.secret_key || (c->session_token && !i->mine.session_token))
        return error_nomem(e);
    return PB_OK;
}

static void ready(void *ctx, const struct error *e)
{
    struct aws_identify *i = ctx;
    struct aws_query p = {0};
    struct error why = {0};
    enum pb_err err;

    if (e) {
        i->done(i->ctx, NULL, e);
        return;
    }
    err = copy_keys(i, aws_session_credentials(i->session), &why);
    if (err == PB_OK)
        err = aws_sts_request(&i->request, i->session, "GetCallerIdentity", &p, &why);
    if (err == PB_OK && i->endpoint)
        err = aws_request_url(&i->request, &why, "%s/", i->endpoint);
    i->request.credentials = &i->mine;
    i->request.done = answered;
    i->request.ctx = i;
    if (err == PB_OK)
        err = aws_request_send(&i->request, &why);
    aws_query_release(&p);
    if (err != PB_OK)
        i->done(i->ctx, NULL, &why);
}

enum pb_err aws_identify_start(struct aws_session *s, const char *endpoint, aws_identify_fn done,
                               void *ctx, struct aws_identify **out, struct error *e)
{
    struct aws_identify *i = mem_alloc(sizeof *i);
    const char *where, *name;
    enum pb_err err = PB_OK;
    size_t n;

    *out = NULL;
    if (!i)
        return error_nomem(e);
    i->session = s;
    i->done = done;
    i->ctx = ctx;
    if (endpoint && !aws_configured_endpoint(s->config, s->profile, "sts", &where, &name)) {
        for (n = strlen(endpoint); n > 0 && endpoint[n - 1] == '/'; n--)
            continue;
        i->endpoint = mem_strndup(endpoint, n);
        if (!i->endpoint)
            err = error_nomem(e);
    }
    if (err == PB_OK)
        err = aws_session_wait(s, ready, i, e);
    if (err != PB_OK)
        aws_identify_free(i);
    else
        *out = i;
    return err;
}

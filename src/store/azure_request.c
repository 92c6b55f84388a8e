#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>

#include "azure.h"

/* The service takes 15 minutes; what is nearer was refused for another reason. */
#define SKEW_SUSPECT_S 600
/* How long the service may read what it is to copy. */
#define SOURCE_S 3600

enum pb_err azure_request_init(struct azure_request *r, struct azure_store *s,
                               enum azure_action action, const char *where, const char *key,
                               size_t key_len, struct error *e)
{
    *r = (struct azure_request){
        .azure = s, .action = action, .speaks_of = action, .key_len = key_len};
    r->where = mem_strdup(where);
    if (!r->where || (key && !(r->key = mem_strndup(key, key_len))))
        return error_nomem(e);
    if (!azure_spot_split(&r->spot, r->where))
        return azure_error(r, PB_EUSAGE, "that is not the name of a storage account", e);
    if (action != AZURE_LIST_CONTAINERS && (!r->spot.container || !*r->spot.container))
        return azure_error(r, PB_EUSAGE, "the container is missing (az://account/container/blob)",
                           e);
    if (r->spot.container && strchr(r->spot.container, '/'))
        return azure_error(r, PB_EUSAGE, "that is not the name of a container", e);
    return azure_setup_auth(&s->setup, r->spot.account, r->spot.container, &r->auth, &r->sas, e);
}

void azure_request_release(struct azure_request *r)
{
    if (r->call)
        http_cancel(r->call);
    if (r->waiting)
        azure_session_forget(r->azure->session, r);
    if (r->sent_token)
        explicit_bzero(r->sent_token, strlen(r->sent_token));
    free(r->sent_token);
    free(r->where);
    free(r->key);
    aws_query_release(&r->params);
    http_headers_release(&r->headers);
    *r = (struct azure_request){0};
}

enum pb_err azure_request_header(struct azure_request *r, const char *name, const char *value,
                                 struct error *e)
{
    return http_headers_add(&r->headers, name, value, e);
}

enum pb_err azure_request_param(struct azure_request *r, const char *name, const char *value,
                                struct error *e)
{
    return aws_query_add(&r->params, name, value, strlen(value), e);
}

enum pb_err azure_request_version(struct azure_request *r, const char *version_id, struct error *e)
{
    size_t n = strlen(AZURE_SNAPSHOT);

    if (!version_id || strcmp(version_id, AZURE_CURRENT) == 0)
        return PB_OK;
    if (strncmp(version_id, AZURE_SNAPSHOT, n) == 0)
        return azure_request_param(r, "snapshot", version_id + n, e);
    return azure_request_param(r, "versionid", version_id, e);
}

/* ------------------------------------------------------------------------ authorizing */

static const struct {
    const char *method;
    enum http_retry retry; /* what changes something is repeated only where that is harmless */
} actions[] = {
    [AZURE_LIST_CONTAINERS] = {"GET", HTTP_READ},
    [AZURE_LIST] = {"GET", HTTP_READ},
    [AZURE_LIST_VERSIONS] = {"GET", HTTP_READ},
    [AZURE_HEAD] = {"HEAD", HTTP_READ},
    [AZURE_GET] = {"GET", HTTP_READ},
    [AZURE_TAGS] = {"GET", HTTP_READ},
    [AZURE_PUT] = {"PUT", HTTP_WRITE},
    [AZURE_DELETE] = {"DELETE", HTTP_READ},
    [AZURE_GET_BLOCKS] = {"GET", HTTP_READ},
    [AZURE_BLOCK] = {"PUT", HTTP_READ},
    [AZURE_PUT_BLOCKS] = {"PUT", HTTP_WRITE},
};

static enum pb_err put_url(const struct azure_request *r, struct azure_url *url, struct error *e)
{
    return azure_url_make(url, &r->azure->setup, r->spot.account, r->spot.container, r->key,
                          r->key_len, e);
}

static enum pb_err sign(const struct azure_request *r, const struct azure_url *url,
                        struct http_message *m, struct error *e)
{
    struct azure_signing s = {.account = r->spot.account,
                              .key = r->azure->setup.key,
                              .method = m->method,
                              .path = url->path.data,
                              .query = &r->params,
                              .headers = &m->headers,
                              .content_length = r->body ? r->body->size : 0};
    struct buf value;
    enum pb_err err;

    buf_init(&value, BUF_MAX_LINE);
    err = azure_authorization(&s, &value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    buf_release(&value);
    return err;
}

static enum pb_err bear(struct azure_request *r, struct http_message *m, struct error *e)
{
    const struct azure_token *t = azure_session_token(r->azure->session);
    struct buf value;
    enum pb_err err;

    if (!t)
        return error_set(e, PB_EDENIED, "there are no credentials any more");
    if (strncasecmp(m->url.data, "https://", 8) != 0)
        return azure_error(r, PB_EDENIED, "a token is not sent without https", e);
    free(r->sent_token);
    r->sent_token = mem_strdup(t->text);
    if (!r->sent_token)
        return error_nomem(e);
    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "Bearer %s", t->text);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    buf_release(&value);
    return err;
}

static enum pb_err add_headers(const struct azure_request *r, struct http_headers *h,
                               struct error *e)
{
    struct buf date;
    enum pb_err err = http_headers_set(h, "x-ms-version", AZURE_VERSION, e);
    size_t i;

    buf_init(&date, BUF_MAX_LINE);
    clock_format_http(&date, clock_now() + r->azure->skew);
    if (err == PB_OK)
        err = buf_status(&date, e);
    if (err == PB_OK && r->auth != AZURE_ANONYMOUS)
        err = http_headers_set(h, "x-ms-date", date.data, e);
    buf_release(&date);
    for (i = 0; err == PB_OK && i < r->headers.len; i++)
        err = http_headers_add(h, r->headers.data[i].name, r->headers.data[i].value, e);
    return err;
}

static enum pb_err prepare(void *ctx, unsigned attempt, struct http_message *out, struct error *e)
{
    struct azure_request *r = ctx;
    struct azure_url url;
    enum pb_err err;

    (void)attempt;
    azure_url_init(&url);
    out->method = actions[r->action].method;
    err = put_url(r, &url, e);
    buf_append(&out->url, url.url.data, url.url.len);
    if (err == PB_OK && (r->params.len > 0 || r->auth == AZURE_SAS))
        buf_putc(&out->url, '?');
    if (err == PB_OK)
        err = aws_query_format(&r->params, &out->url, e);
    if (err == PB_OK && r->auth == AZURE_SAS)
        buf_printf(&out->url, "%s%s", r->params.len > 0 ? "&" : "", r->sas);
    if (err == PB_OK)
        err = buf_status(&out->url, e);
    if (err == PB_OK)
        err = add_headers(r, &out->headers, e);
    if (err == PB_OK && r->auth == AZURE_KEY)
        err = sign(r, &url, out, e);
    else if (err == PB_OK && r->auth == AZURE_TOKEN)
        err = bear(r, out, e);
    azure_url_release(&url);
    return err;
}

enum pb_err azure_request_source(struct azure_request *r, struct error *e)
{
    const struct azure_setup *s = &r->azure->setup;
    const struct azure_token *t =
        r->auth == AZURE_TOKEN ? azure_session_token(r->azure->session) : NULL;
    struct azure_url url;
    struct buf bearer;
    enum pb_err err;

    azure_url_init(&url);
    buf_init(&bearer, BUF_MAX_LINE);
    err = put_url(r, &url, e);
    if (err == PB_OK && r->auth == AZURE_SAS)
        buf_printf(&url.url, "?%s", r->sas);
    if (err == PB_OK && r->auth == AZURE_KEY) {
        buf_putc(&url.url, '?');
        err = azure_read_sas(r->spot.account, s->key, r->spot.container, r->key, r->key_len,
                             clock_now() + r->azure->skew + SOURCE_S, &url.url, e);
    }
    if (err == PB_OK)
        err = buf_status(&url.url, e);
    if (err == PB_OK)
        err = azure_request_header(r, "x-ms-copy-source", url.url.data, e);
    if (err == PB_OK && t) {
        buf_printf(&bearer, "Bearer %s", t->text);
        err = buf_status(&bearer, e);
        if (err == PB_OK)
            err = azure_request_header(r, "x-ms-copy-source-authorization", bearer.data, e);
    }
    azure_url_release(&url);
    buf_release(&bearer);
    return err;
}

/* ---------------------------------------------------------------------------- learning */

bool azure_request_learn(struct azure_request *r, const struct http_result *a)
{
    int64_t off = a->date - clock_now() - r->azure->skew;

    if (r->skewed || a->date == 0 || a->status != 403 ||
        (r->auth != AZURE_KEY && r->auth != AZURE_TOKEN) ||
        (off <= SKEW_SUSPECT_S && off >= -SKEW_SUSPECT_S))
        return false;
    r->skewed = true;
    r->azure->skew += off;
    log_line("the server's clock is %lld s ahead of ours", (long long)r->azure->skew);
    return true;
}

static bool again(void *ctx, const struct http_result *a)
{
    return a->status / 100 != 2 && azure_request_learn(ctx, a);
}

static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    const struct azure_request *r = ctx;

    return r->on_head(r->ctx, a, e);
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    const struct azure_request *r = ctx;

    return r->on_body(r->ctx, p, n, e);
}

/* ----------------------------------------------------------------------------- sending */

static enum pb_err start(struct azure_request *r, struct error *e);

static void on_ready(void *ctx, const struct error *e)
{
    struct azure_request *r = ctx;
    struct http_result none = {.status = 0};
    struct error why = {0};

    r->waiting = false;
    if (e)
        why = *e;
    else if (start(r, &why) == PB_OK)
        return;
    r->done(r->ctx, &none, &why);
}

static enum pb_err wait(struct azure_request *r, struct error *e)
{
    enum pb_err err = azure_session_wait(r->azure->session, on_ready, r, e);

    r->waiting = err == PB_OK;
    return err;
}

/* A token that has ended or was taken back: once more with another one. */
static bool renew(struct azure_request *r, const struct http_result *a)
{
    if (r->renewed || r->auth != AZURE_TOKEN || a->status != 401 || !r->sent_token)
        return false;
    r->renewed = true;
    log_line("the token is refused: another one is asked for");
    azure_session_refuse(r->azure->session, r->sent_token);
    return azure_session_ready(r->azure->session) ? start(r, NULL) == PB_OK
                                                  : wait(r, NULL) == PB_OK;
}

static void done(void *ctx, const struct http_result *a, const struct error *e)
{
    struct azure_request *r = ctx;

    r->call = NULL;
    if (!e && renew(r, a))
        return;
    r->done(r->ctx, a, e);
}

static enum pb_err start(struct azure_request *r, struct error *e)
{
    struct http_request q = {
        .retry = actions[r->action].retry,
        .prepare = prepare,
        .on_head = r->on_head ? on_head : NULL,
        .on_body = r->on_body ? on_body : NULL,
        .again = again,
        .done = done,
        .ctx = r,
        .body = r->body,
    };

    return http_start(r->azure->http, &q, &r->call, e);
}

enum pb_err azure_request_send(struct azure_request *r, struct error *e)
{
    if (r->auth == AZURE_TOKEN && !r->azure->session)
        return azure_error(r, PB_EDENIED, "there are no credentials", e);
    if (r->auth == AZURE_TOKEN && !azure_session_ready(r->azure->session))
        return wait(r, e);
    return start(r, e);
}

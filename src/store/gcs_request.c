/* One request of the JSON API: made anew for every attempt, with the token of the moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "gcs.h"

enum pb_err gcs_request_init(struct gcs_request *r, struct gcs_store *s, enum gcs_action action,
                             const char *bucket, const char *key, size_t key_len, struct error *e)
{
    *r = (struct gcs_request){.gcs = s, .action = action, .speaks_of = action, .key_len = key_len};
    buf_init(&r->query, BUF_MAX_LINE);
    if (bucket && !(r->bucket = mem_strdup(bucket)))
        return error_nomem(e);
    if (key && !(r->key = mem_strndup(key, key_len)))
        return error_nomem(e);
    return PB_OK;
}

static void forget_token(struct gcs_request *r)
{
    if (r->token)
        explicit_bzero(r->token, strlen(r->token));
    free(r->token);
    r->token = NULL;
}

void gcs_request_release(struct gcs_request *r)
{
    if (r->call)
        http_cancel(r->call);
    if (r->waiting)
        google_session_forget(r->gcs->session, r);
    forget_token(r);
    free(r->bucket);
    free(r->key);
    aws_query_release(&r->params);
    http_headers_release(&r->headers);
    if (r->gcs) /* else it was never begun */
        buf_release(&r->query);
    *r = (struct gcs_request){0};
}

enum pb_err gcs_request_param(struct gcs_request *r, const char *name, const char *value,
                              struct error *e)
{
    return aws_query_add(&r->params, name, value, strlen(value), e);
}

enum pb_err gcs_request_number(struct gcs_request *r, const char *name, uint64_t value,
                               struct error *e)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return gcs_request_param(r, name, text, e);
}

/* -------------------------------------------------------------------------- attempts */

static const struct {
    const char *method;
    enum http_retry retry; /* what changes something is repeated only where that is harmless */
} actions[] = {
    [GCS_LIST_BUCKETS] = {"GET", HTTP_READ}, [GCS_LIST] = {"GET", HTTP_READ},
    [GCS_HEAD] = {"GET", HTTP_READ},         [GCS_GET] = {"GET", HTTP_READ},
    [GCS_BEGIN] = {"POST", HTTP_READ},       [GCS_SEND] = {"PUT", HTTP_WRITE},
    [GCS_ASK] = {"PUT", HTTP_READ},          [GCS_DELETE] = {"DELETE", HTTP_READ},
};

static bool is_upload(const struct gcs_request *r)
{
    return r->action == GCS_SEND || r->action == GCS_ASK;
}

static void put_url(const struct gcs_request *r, struct buf *out)
{
    buf_puts(out, r->gcs->setup->endpoint);
    buf_puts(out, r->action == GCS_BEGIN ? "/upload/storage/v1/b" : "/storage/v1/b");
    if (r->bucket) {
        buf_putc(out, '/');
        uri_encode(out, r->bucket, strlen(r->bucket), false);
    }
    if (r->bucket)
        buf_puts(out, "/o");
    if (r->key && r->action != GCS_BEGIN) {
        buf_putc(out, '/');
        uri_encode(out, r->key, r->key_len, false);
    }
    if (r->query.len > 0)
        buf_printf(out, "?%s", r->query.data);
}

/* The project may have been found with the token. */
static enum pb_err add_project(struct gcs_request *r, struct buf *url, struct error *e)
{
    const char *project = google_session_project(r->gcs->session);

    if (!project)
        return error_set(e, PB_EUSAGE,
                         "cannot list the buckets: of which Google Cloud project? --project ID or "
                         "GOOGLE_CLOUD_PROJECT says it; a bucket opens by its name without");
    buf_printf(url, "%cproject=", r->query.len > 0 ? '&' : '?');
    uri_encode(url, project, strlen(project), false);
    return PB_OK;
}

static enum pb_err authorize(struct gcs_request *r, struct http_message *m, struct error *e)
{
    const char *token = google_session_token(r->gcs->session);
    struct buf value;
    enum pb_err err;

    forget_token(r);
    if (!token)
        return PB_OK;
    r->token = mem_strdup(token);
    if (!r->token)
        return error_nomem(e);
    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "Bearer %s", token);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    if (value.len > 0)
        explicit_bzero(value.data, value.len);
    buf_release(&value);
    return err;
}

static enum pb_err prepare(void *ctx, unsigned attempt, struct http_message *out, struct error *e)
{
    struct gcs_request *r = ctx;
    enum pb_err err = PB_OK;
    size_t i;

    (void)attempt;
    out->method = actions[r->action].method;
    if (is_upload(r))
        buf_puts(&out->url, r->upload);
    else
        put_url(r, &out->url);
    if (r->action == GCS_LIST_BUCKETS)
        err = add_project(r, &out->url, e);
    if (err == PB_OK)
        err = buf_status(&out->url, e);
    for (i = 0; err == PB_OK && i < r->headers.len; i++)
        err = http_headers_add(&out->headers, r->headers.data[i].name, r->headers.data[i].value, e);
    return err == PB_OK && !is_upload(r) ? authorize(r, out, e) : err;
}

static bool again(void *ctx, const struct http_result *a)
{
    static const char *const reasons[] = {"rateLimitExceeded", "userRateLimitExceeded",
                                          "backendError", "internalError"};
    struct gcs_problem p;
    size_t i;

    (void)ctx;
    if (a->status / 100 == 2)
        return false;
    if (a->status == 408)
        return true;
    gcs_problem_read(&p, a);
    for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (gcs_problem_is(&p, reasons[i]))
            return true;
    return false;
}

/* --------------------------------------------------------------------------- sending */

static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    const struct gcs_request *r = ctx;

    return r->on_head(r->ctx, a, e);
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    const struct gcs_request *r = ctx;

    return r->on_body(r->ctx, p, n, e);
}

static enum pb_err start(struct gcs_request *r, struct error *e);

static void on_ready(void *ctx, const struct error *e)
{
    struct gcs_request *r = ctx;
    struct http_result none = {.status = 0};
    struct error why = {0};

    r->waiting = false;
    if (e)
        why = *e;
    else if (start(r, &why) == PB_OK)
        return;
    r->done(r->ctx, &none, &why);
}

static enum pb_err wait(struct gcs_request *r, struct error *e)
{
    enum pb_err err = google_session_wait(r->gcs->session, on_ready, r, e);

    r->waiting = err == PB_OK;
    return err;
}

/* Nothing was done for a token that is not taken (any more): once more with another one. */
static bool renew(struct gcs_request *r)
{
    if (r->renewed || !r->token || !google_session_refuse(r->gcs->session, r->token))
        return false;
    r->renewed = true;
    log_line("the access token is refused: another one is asked for");
    return google_session_ready(r->gcs->session) ? start(r, NULL) == PB_OK : wait(r, NULL) == PB_OK;
}

static void done(void *ctx, const struct http_result *a, const struct error *e)
{
    struct gcs_request *r = ctx;

    r->call = NULL;
    if (!e && a->status == 401 && renew(r))
        return;
    r->done(r->ctx, a, e);
}

static enum pb_err start(struct gcs_request *r, struct error *e)
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

    return http_start(r->gcs->http, &q, &r->call, e);
}

enum pb_err gcs_request_send(struct gcs_request *r, struct error *e)
{
    const char *payer = r->gcs->setup->user_project;
    enum pb_err err = PB_OK;

    if (r->key && utf8_check(r->key, r->key_len, false, NULL) != r->key_len)
        return gcs_error(r, PB_EUSAGE, "the names of objects are UTF-8 there", e);
    if (payer && !is_upload(r))
        err = gcs_request_param(r, "userProject", payer, e);
    buf_clear(&r->query);
    if (err == PB_OK)
        err = aws_query_format(&r->params, &r->query, e);
    if (err == PB_OK && !is_upload(r) && !google_session_ready(r->gcs->session))
        return wait(r, e);
    return err == PB_OK ? start(r, e) : err;
}

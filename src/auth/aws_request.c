/* One request to STS, SSO or a metadata service: signed anew for every attempt, or not at all. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/log.h>

#include "aws_chain.h"

#define ANSWER_MAX ((size_t)256 * 1024)
/* An answer that refuses, with a clock this far off: that may be why. */
#define SKEW_SUSPECT_S 240

void aws_wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void aws_wipe_buf(struct buf *b)
{
    if (b->len > 0)
        explicit_bzero(b->data, b->len);
    buf_release(b);
}

void aws_request_init(struct aws_request *r, struct http *h, const char *method)
{
    *r = (struct aws_request){.http = h, .method = method};
}

enum pb_err aws_request_header(struct aws_request *r, const char *name, const char *value,
                               struct error *e)
{
    return http_headers_set(&r->headers, name, value, e);
}

enum pb_err aws_request_url(struct aws_request *r, struct error *e, const char *fmt, ...)
{
    char text[4096];
    struct buf url;
    enum pb_err err;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return error_set(e, PB_ELIMIT, "the address to ask for credentials is too long");
    buf_init(&url, sizeof text);
    buf_puts(&url, text);
    err = buf_status(&url, e);
    if (err == PB_OK) {
        free(r->url);
        r->url = buf_take(&url, NULL);
        if (!r->url)
            err = error_nomem(e);
    }
    buf_release(&url);
    return err;
}

enum pb_err aws_request_body(struct aws_request *r, struct buf *body, const char *type,
                             struct error *e)
{
    enum pb_err err = buf_status(body, e);

    if (err == PB_OK)
        err = aws_request_header(r, "Content-Type", type, e);
    if (err != PB_OK)
        return err;
    r->body = buf_take(body, &r->body_len);
    r->source = r->body ? source_mem(r->body, r->body_len, false) : NULL;
    return r->source ? PB_OK : error_nomem(e);
}

void aws_request_release(struct aws_request *r)
{
    size_t i;

    if (r->call)
        http_cancel(r->call);
    source_free(r->source);
    if (r->body)
        explicit_bzero(r->body, r->body_len);
    free(r->body);
    free(r->url);
    for (i = 0; i < r->headers.len; i++) /* among them tokens */
        explicit_bzero(r->headers.data[i].value, strlen(r->headers.data[i].value));
    http_headers_release(&r->headers);
    *r = (struct aws_request){0};
}

/* ---------------------------------------------------------------------------- signing */

static void put_host(struct buf *out, const struct endpoint *ep)
{
    buf_puts(out, ep->host);
    if (ep->port != 0 && ep->port != (ep->https ? 443u : 80u))
        buf_printf(out, ":%u", ep->port);
}

static enum pb_err add_date_and_token(const struct aws_request *r, int64_t now,
                                      struct http_headers *h, struct error *e)
{
    const char *token = r->credentials->session_token;
    struct buf date;
    enum pb_err err;

    buf_init(&date, BUF_MAX_LINE);
    clock_format_basic(&date, now);
    err = buf_status(&date, e);
    if (err == PB_OK)
        err = http_headers_set(h, "x-amz-date", date.data, e);
    if (err == PB_OK && token)
        err = http_headers_set(h, "x-amz-security-token", token, e);
    buf_release(&date);
    return err;
}

/* Only requests without a query are signed. */
static enum pb_err sign(const struct aws_request *r, struct http_message *m, struct error *e)
{
    int64_t now = clock_now() + (r->skew ? *r->skew : 0);
    struct endpoint ep = {0};
    struct buf host, hash, value, path;
    struct sigv4 s = {.credentials = r->credentials,
                      .region = r->region,
                      .service = r->service,
                      .time = now,
                      .method = r->method,
                      .query = "",
                      .headers = &m->headers};
    uint8_t digest[SHA256_LEN];
    enum pb_err err = endpoint_parse(&ep, r->url, e);

    buf_init(&host, BUF_MAX_LINE);
    buf_init(&hash, BUF_MAX_LINE);
    buf_init(&value, BUF_MAX_LINE);
    buf_init(&path, BUF_MAX_LINE);
    if (err == PB_OK)
        err = sha256(r->body ? r->body : "", r->body_len, digest, e);
    if (err == PB_OK)
        err = add_date_and_token(r, now, &m->headers, e);
    if (err == PB_OK) {
        put_host(&host, &ep);
        hex_encode(&hash, digest, sizeof digest);
        buf_printf(&path, "%s/", ep.path);
        s.path = path.data;
        s.payload_hash = hash.data;
        err = buf_status(&host, e);
    }
    if (err == PB_OK)
        err = buf_status(&path, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Host", host.data, e);
    if (err == PB_OK)
        err = sigv4_authorization(&s, &value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    endpoint_release(&ep);
    buf_release(&host);
    buf_release(&hash);
    buf_release(&value);
    buf_release(&path);
    return err;
}

static enum pb_err prepare(void *ctx, unsigned attempt, struct http_message *out, struct error *e)
{
    const struct aws_request *r = ctx;
    enum pb_err err;
    size_t i;

    (void)attempt;
    out->method = r->method;
    buf_puts(&out->url, r->url);
    err = buf_status(&out->url, e);
    for (i = 0; err == PB_OK && i < r->headers.len; i++)
        err = http_headers_add(&out->headers, r->headers.data[i].name, r->headers.data[i].value, e);
    return err == PB_OK && r->credentials ? sign(r, out, e) : err;
}

/* STS has many words for a clock that is wrong, and the Date of its answer: once more with that. */
static bool again(void *ctx, const struct http_result *a)
{
    struct aws_request *r = ctx;
    int64_t off;

    if (!r->skew || !r->credentials || r->skewed || a->date == 0 ||
        (a->status != 400 && a->status != 403))
        return false;
    off = a->date - clock_now() - *r->skew;
    if (off < SKEW_SUSPECT_S && off > -SKEW_SUSPECT_S)
        return false;
    r->skewed = true;
    *r->skew += off;
    log_line("the server's clock is %lld s ahead of ours", (long long)*r->skew);
    return true;
}

static void done(void *ctx, const struct http_result *a, const struct error *e)
{
    struct aws_request *r = ctx;

    r->call = NULL;
    r->done(r->ctx, a, e);
}

enum pb_err aws_request_send(struct aws_request *r, struct error *e)
{
    struct http_request q = {.retry = r->retry,
                             .prepare = prepare,
                             .again = again,
                             .done = done,
                             .ctx = r,
                             .body = r->source,
                             .max_body = ANSWER_MAX};

    return http_start(r->http, &q, &r->call, e);
}

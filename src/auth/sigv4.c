#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/mem.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define GOOGLE_ALGORITHM "GOOG4-HMAC-SHA256"
#define DATE_LEN 8 /* 20261122 of 20261122T100203Z */

/*
 * Headers that a proxy, a front end or the HTTP library may add or change on the way: signing them
 * makes good requests fail.  Everything else that is sent is signed.
 */
static bool may_be_signed(const char *name)
{
    static const char *const never[] = {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "expect",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "user-agent",
        "via",
        "x-amzn-trace-id",
        "transfer-encoding",
    };
    size_t i;

    if (strncasecmp(name, "proxy-", 6) == 0)
        return false;
    for (i = 0; i < sizeof never / sizeof *never; i++)
        if (strcasecmp(name, never[i]) == 0)
            return false;
    return true;
}

struct signed_header {
    const char *name, *value;
    size_t at; /* order of sending, since qsort is not stable */
};

static int by_name(const void *a, const void *b)
{
    const struct signed_header *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Trimmed, and each run of blanks inside is one blank. */
static void put_value(struct buf *out, const char *value)
{
    bool gap = false, any = false;

    for (; *value; value++) {
        if (is_blank(*value)) {
            gap = any;
            continue;
        }
        if (gap)
            buf_putc(out, ' ');
        buf_putc(out, *value);
        gap = false;
        any = true;
    }
}

static void put_lower(struct buf *out, const char *s)
{
    for (; *s; s++)
        buf_putc(out, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
}

static void put_headers(const struct signed_header *h, size_t n, struct buf *out,
                        struct buf *signed_headers)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (i > 0 && strcasecmp(h[i].name, h[i - 1].name) == 0) {
            buf_putc(out, ',');
        } else {
            if (i > 0) {
                buf_putc(out, '\n');
                buf_putc(signed_headers, ';');
            }
            put_lower(signed_headers, h[i].name);
            put_lower(out, h[i].name);
            buf_putc(out, ':');
        }
        put_value(out, h[i].value);
    }
    if (n > 0)
        buf_putc(out, '\n');
}

enum pb_err sigv4_canonical_request(const struct sigv4 *s, struct buf *out,
                                    struct buf *signed_headers, struct error *e)
{
    struct signed_header *list = NULL;
    size_t i, n = 0;
    enum pb_err err;

    if (s->headers->len > 0) {
        list = mem_alloc(s->headers->len * sizeof *list);
        if (!list)
            return error_nomem(e);
        for (i = 0; i < s->headers->len; i++)
            if (may_be_signed(s->headers->data[i].name))
                list[n++] =
                    (struct signed_header){s->headers->data[i].name, s->headers->data[i].value, i};
        qsort(list, n, sizeof *list, by_name);
    }
    buf_printf(out, "%s\n%s\n%s\n", s->method, s->path, s->query);
    put_headers(list, n, out, signed_headers);
    buf_printf(out, "\n%s\n%s", signed_headers->data, s->payload_hash);
    free(list);
    err = buf_status(signed_headers, e);
    return err == PB_OK ? buf_status(out, e) : err;
}

static const char *algorithm(const struct sigv4 *s)
{
    return s->goog4 ? GOOGLE_ALGORITHM : ALGORITHM;
}

static const char *terminator(const struct sigv4 *s)
{
    return s->goog4 ? "goog4_request" : "aws4_request";
}

/* 20261122/us-east-1/s3/aws4_request */
static void put_scope(const struct sigv4 *s, struct buf *out)
{
    struct buf date;

    buf_init(&date, BUF_MAX_LINE);
    clock_format_basic(&date, s->time);
    buf_printf(out, "%.*s/%s/%s/%s", DATE_LEN, date.data, s->region, s->service, terminator(s));
    buf_release(&date);
}

enum pb_err sigv4_string_to_sign(const struct sigv4 *s, const struct buf *canonical,
                                 struct buf *out, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    enum pb_err err = sha256(canonical->data, canonical->len, hash, e);

    if (err != PB_OK)
        return err;
    buf_printf(out, "%s\n", algorithm(s));
    clock_format_basic(out, s->time);
    buf_putc(out, '\n');
    put_scope(s, out);
    buf_putc(out, '\n');
    hex_encode(out, hash, sizeof hash);
    return buf_status(out, e);
}

/* key = HMAC(... HMAC(HMAC("AWS4" + secret, date), region) ..., "aws4_request") */
static enum pb_err derive_key(const struct sigv4 *s, uint8_t key[SHA256_LEN], struct error *e)
{
    const char *const parts[] = {s->region, s->service, terminator(s)};
    struct buf secret, date;
    enum pb_err err;
    size_t i;

    buf_init(&secret, BUF_MAX_LINE);
    buf_init(&date, BUF_MAX_LINE);
    buf_printf(&secret, "%s%s", s->goog4 ? "GOOG4" : "AWS4", s->credentials->secret_key);
    clock_format_basic(&date, s->time);
    err = buf_status(&secret, e);
    if (err == PB_OK)
        err = buf_status(&date, e);
    if (err == PB_OK)
        err = hmac_sha256(secret.data, secret.len, date.data, DATE_LEN, key, e);
    for (i = 0; err == PB_OK && i < sizeof parts / sizeof *parts; i++)
        err = hmac_sha256(key, SHA256_LEN, parts[i], strlen(parts[i]), key, e);
    if (secret.len > 0)
        explicit_bzero(secret.data, secret.len);
    buf_release(&secret);
    buf_release(&date);
    return err;
}

enum pb_err sigv4_signature(const struct sigv4 *s, const struct buf *string_to_sign,
                            struct buf *out_hex, struct error *e)
{
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];
    enum pb_err err = derive_key(s, key, e);

    if (err == PB_OK)
        err = hmac_sha256(key, sizeof key, string_to_sign->data, string_to_sign->len, mac, e);
    if (err == PB_OK) {
        hex_encode(out_hex, mac, sizeof mac);
        err = buf_status(out_hex, e);
    }
    explicit_bzero(key, sizeof key);
    return err;
}

enum pb_err sigv4_authorization(const struct sigv4 *s, struct buf *out, struct error *e)
{
    struct buf canonical, names, text, signature;
    enum pb_err err;

    buf_init(&canonical, BUF_MAX_TEXT);
    buf_init(&names, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    buf_init(&signature, BUF_MAX_LINE);
    err = sigv4_canonical_request(s, &canonical, &names, e);
    if (err == PB_OK)
        err = sigv4_string_to_sign(s, &canonical, &text, e);
    if (err == PB_OK)
        err = sigv4_signature(s, &text, &signature, e);
    if (err == PB_OK) {
        buf_printf(out, "%s Credential=%s/", algorithm(s), s->credentials->access_key);
        put_scope(s, out);
        buf_printf(out, ", SignedHeaders=%s, Signature=%s", names.data, signature.data);
        err = buf_status(out, e);
    }
    buf_release(&canonical);
    buf_release(&names);
    buf_release(&text);
    buf_release(&signature);
    return err;
}

static enum pb_err add_text(struct aws_query *q, const char *name, const char *value,
                            struct error *e)
{
    return aws_query_add(q, name, value, strlen(value), e);
}

static enum pb_err add_presigning(const struct sigv4 *s, struct aws_query *q, unsigned seconds,
                                  struct error *e)
{
    struct buf canonical, names, text;
    enum pb_err err;

    buf_init(&canonical, BUF_MAX_TEXT);
    buf_init(&names, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    err = sigv4_canonical_request(s, &canonical, &names, e); /* which headers are signed */
    if (err == PB_OK)
        err = add_text(q, "X-Amz-SignedHeaders", names.data, e);
    if (err == PB_OK)
        err = add_text(q, "X-Amz-Algorithm", ALGORITHM, e);
    buf_printf(&text, "%s/", s->credentials->access_key);
    put_scope(s, &text);
    if (err == PB_OK)
        err = buf_status(&text, e);
    if (err == PB_OK)
        err = add_text(q, "X-Amz-Credential", text.data, e);
    buf_clear(&text);
    clock_format_basic(&text, s->time);
    if (err == PB_OK)
        err = add_text(q, "X-Amz-Date", text.data, e);
    buf_clear(&text);
    buf_printf(&text, "%u", seconds);
    if (err == PB_OK)
        err = add_text(q, "X-Amz-Expires", text.data, e);
    if (err == PB_OK && s->credentials->session_token)
        err = add_text(q, "X-Amz-Security-Token", s->credentials->session_token, e);
    buf_release(&canonical);
    buf_release(&names);
    buf_release(&text);
    return err;
}

enum pb_err sigv4_presign(const struct sigv4 *s, struct aws_query *q, unsigned seconds,
                          struct buf *out, struct error *e)
{
    struct sigv4 own = *s;
    struct buf query, canonical, names, text, signature;
    enum pb_err err;

    buf_init(&query, BUF_MAX_TEXT);
    buf_init(&canonical, BUF_MAX_TEXT);
    buf_init(&names, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    buf_init(&signature, BUF_MAX_LINE);
    own.query = "";
    err = add_presigning(&own, q, seconds, e);
    if (err == PB_OK)
        err = aws_query_format(q, &query, e);
    own.query = query.data;
    if (err == PB_OK)
        err = sigv4_canonical_request(&own, &canonical, &names, e);
    if (err == PB_OK)
        err = sigv4_string_to_sign(&own, &canonical, &text, e);
    if (err == PB_OK)
        err = sigv4_signature(&own, &text, &signature, e);
    if (err == PB_OK) {
        buf_printf(out, "%s&X-Amz-Signature=%s", query.data, signature.data);
        err = buf_status(out, e);
    }
    buf_release(&query);
    buf_release(&canonical);
    buf_release(&names);
    buf_release(&text);
    buf_release(&signature);
    return err;
}

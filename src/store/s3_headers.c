/* Between the headers of an answer and what is known of an object. */
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/num.h>

#include "s3.h"

/* An overwrite loses these unless they are sent again. */
static const char *const kept[] = {
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Content-Language",
    "Cache-Control",
    "Expires",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-website-redirect-location",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
};

/* About the answer, not about the object; or shown in other words. */
static const char *const hidden[] = {
    "Date",
    "Server",
    "Connection",
    "Keep-Alive",
    "Via",
    "x-amz-request-id",
    "x-amz-id-2",
    "Accept-Ranges",
    "Vary",
    "Content-Length",
    "Content-Range",
    "Transfer-Encoding",
    "ETag",
    "Last-Modified",
    "Set-Cookie",
    "Strict-Transport-Security",
    "x-amz-version-id",
};

static bool in(const char *const *list, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (strcasecmp(list[i], name) == 0)
            return true;
    return false;
}

static bool is_kept(const char *name)
{
    return in(kept, sizeof kept / sizeof *kept, name) || strncasecmp(name, "x-amz-meta-", 11) == 0;
}

/*
 * "aws-chunked" in Content-Encoding says how the object was once sent; a careless server stored the
 * word. What is left of the list without it.
 */
static void without_aws_chunked(struct buf *out, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, ","), begin = strspn(value, " \t"), end = n;

        while (end > begin && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        if (end > begin &&
            !(end - begin == 11 && strncasecmp(value + begin, "aws-chunked", 11) == 0)) {
            if (out->len > 0)
                buf_puts(out, ", ");
            buf_append(out, value + begin, end - begin);
        }
        value += n + (value[n] == ',');
    }
}

static enum pb_err keep_header(struct store_object *o, const char *name, const char *value,
                               struct error *e)
{
    struct buf cleaned;
    enum pb_err err;

    if (strcasecmp(name, "Content-Encoding") != 0)
        return http_headers_add(&o->keep, name, value, e);
    buf_init(&cleaned, BUF_MAX_LINE);
    without_aws_chunked(&cleaned, value);
    err = buf_status(&cleaned, e);
    if (err == PB_OK && cleaned.len > 0)
        err = http_headers_add(&o->keep, name, cleaned.data, e);
    buf_release(&cleaned);
    return err;
}

/* "bytes 0-9/1234": the number after the slash. */
static bool range_total(const char *value, uint64_t *total)
{
    const char *slash = value ? strchr(value, '/') : NULL;

    return slash && num_parse_u64(slash + 1, strlen(slash + 1), total);
}

static enum pb_err identity_from(struct store_identity *id, const struct http_headers *h,
                                 struct error *e)
{
    const char *etag = http_headers_get(h, "ETag");
    const char *version = http_headers_get(h, "x-amz-version-id");
    const char *length = http_headers_get(h, "Content-Length");
    const char *modified = http_headers_get(h, "Last-Modified");

    if (!range_total(http_headers_get(h, "Content-Range"), &id->size) &&
        !(length && num_parse_u64(length, strlen(length), &id->size)))
        return error_set(e, PB_ESERVER, "the server does not say how large the object is");
    if (!modified || !clock_parse_http(modified, strlen(modified), &id->mtime))
        id->mtime = 0;
    if (etag && *etag && !(id->etag = mem_strdup(etag)))
        return error_nomem(e);
    if (version && *version && !(id->version_id = mem_strdup(version)))
        return error_nomem(e);
    return PB_OK;
}

static enum pb_err show(struct store_object *o, const char *name, const char *value,
                        struct error *e)
{
    return value ? http_headers_add(&o->shown, name, value, e) : PB_OK;
}

static enum pb_err show_first(struct store_object *o, const struct http_headers *h, struct error *e)
{
    struct buf size;
    enum pb_err err;

    buf_init(&size, BUF_MAX_LINE);
    buf_printf(&size, "%llu", (unsigned long long)o->identity.size);
    err = buf_status(&size, e);
    if (err == PB_OK)
        err = show(o, "Size", size.data, e);
    buf_release(&size);
    if (err == PB_OK)
        err = show(o, "Last-Modified", http_headers_get(h, "Last-Modified"), e);
    if (err == PB_OK)
        err = show(o, "ETag", o->identity.etag, e);
    if (err == PB_OK)
        err = show(o, "Version", o->identity.version_id, e);
    return err;
}

enum pb_err s3_object_from(struct store_object *o, const struct http_result *r, struct error *e)
{
    const char *tags = http_headers_get(&r->headers, "x-amz-tagging-count");
    uint64_t count = 0;
    enum pb_err err;
    size_t i;

    store_object_init(o);
    err = identity_from(&o->identity, &r->headers, e);
    if (err == PB_OK)
        err = show_first(o, &r->headers, e);
    for (i = 0; err == PB_OK && i < r->headers.len; i++) {
        const struct http_header *h = &r->headers.data[i];

        if (is_kept(h->name))
            err = keep_header(o, h->name, h->value, e);
        if (err == PB_OK && !in(hidden, sizeof hidden / sizeof *hidden, h->name))
            err = show(o, h->name, h->value, e);
    }
    if (tags && num_parse_u64(tags, strlen(tags), &count) && count < 1000)
        o->tags = (unsigned)count;
    if (err != PB_OK)
        store_object_release(o);
    return err;
}

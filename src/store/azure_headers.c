/* Between the headers of an answer and what is known of a blob. */
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>

#include "azure.h"

/* An overwrite loses these unless they are sent again, under the second name. */
static const struct {
    const char *read, *write;
} kept[] = {
    {"Content-Type", "x-ms-blob-content-type"},
    {"Content-Encoding", "x-ms-blob-content-encoding"},
    {"Content-Disposition", "x-ms-blob-content-disposition"},
    {"Content-Language", "x-ms-blob-content-language"},
    {"Cache-Control", "x-ms-blob-cache-control"},
    {"x-ms-access-tier", "x-ms-access-tier"},
    {"x-ms-encryption-scope", "x-ms-encryption-scope"},
    {"x-ms-immutability-policy-until-date", "x-ms-immutability-policy-until-date"},
    {"x-ms-immutability-policy-mode", "x-ms-immutability-policy-mode"},
    {"x-ms-legal-hold", "x-ms-legal-hold"},
};

/* About the answer, not about the blob; or shown in other words. */
static const char *const hidden[] = {
    "Date",
    "Server",
    "Connection",
    "Keep-Alive",
    "Via",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-ms-version",
    "Accept-Ranges",
    "Vary",
    "Content-Length",
    "Content-Range",
    "Transfer-Encoding",
    "ETag",
    "Last-Modified",
    "Set-Cookie",
    "Strict-Transport-Security",
    "x-ms-version-id",
    "Access-Control-Expose-Headers",
    "Access-Control-Allow-Origin",
};

static const char *written_as(const char *name)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcasecmp(kept[i].read, name) == 0)
            return kept[i].write;
    return strncasecmp(name, "x-ms-meta-", 10) == 0 ? name : NULL;
}

static bool is_hidden(const char *name)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (strcasecmp(hidden[i], name) == 0)
            return true;
    return false;
}

/* A tier that nobody chose, and a retention that is over, are not to be set. */
static bool is_current(const struct http_headers *h, const char *name)
{
    const char *inferred = http_headers_get(h, "x-ms-access-tier-inferred");
    const char *until = http_headers_get(h, "x-ms-immutability-policy-until-date");
    int64_t end = 0;

    if (strcasecmp(name, "x-ms-access-tier") == 0)
        return !inferred || strcasecmp(inferred, "true") != 0;
    if (strncasecmp(name, "x-ms-immutability-policy-", 25) == 0)
        return until && clock_parse_http(until, strlen(until), &end) && end > clock_now();
    if (strcasecmp(name, "x-ms-legal-hold") == 0)
        return strcasecmp(http_headers_get(h, name), "true") == 0;
    return true;
}

enum pb_err azure_put_kept(struct azure_request *r, const struct http_headers *keep,
                           struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; err == PB_OK && i < keep->len; i++) {
        const char *name = written_as(keep->data[i].name);

        if (name && is_current(keep, keep->data[i].name))
            err = cloud_header(&r->q, name, keep->data[i].value, e);
    }
    if (err == PB_OK && !http_headers_get(keep, "Content-Type"))
        err = cloud_header(&r->q, "x-ms-blob-content-type", "application/octet-stream", e);
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
    const char *version = http_headers_get(h, "x-ms-version-id");
    const char *length = http_headers_get(h, "Content-Length");
    const char *modified = http_headers_get(h, "Last-Modified");

    if (!range_total(http_headers_get(h, "Content-Range"), &id->size) &&
        !(length && num_parse_u64(length, strlen(length), &id->size)))
        return error_set(e, PB_ESERVER, "the server does not say how large the blob is");
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

static bool has(const struct http_headers *h, const char *name, const char *value)
{
    const char *have = http_headers_get(h, name);

    return have && strcasecmp(have, value) == 0;
}

static const char *why_read_only(const struct http_headers *h)
{
    if (has(h, "x-ms-blob-type", "AppendBlob"))
        return _("it is an append blob, which can only be added to");
    if (has(h, "x-ms-blob-type", "PageBlob"))
        return _("it is a page blob (a disk), which is not written as a whole");
    if (has(h, "x-ms-lease-status", "locked"))
        return _("somebody has leased it: it can be changed when the lease ends");
    return NULL;
}

enum pb_err azure_object_from(struct store_object *o, const struct http_result *r, struct error *e)
{
    const char *tags = http_headers_get(&r->headers, "x-ms-tag-count");
    uint64_t count = 0;
    enum pb_err err;

    store_object_init(o);
    o->read_only = why_read_only(&r->headers);
    err = identity_from(&o->identity, &r->headers, e);
    if (err == PB_OK)
        err = show_first(o, &r->headers, e);
    for (size_t i = 0; err == PB_OK && i < r->headers.len; i++) {
        const struct http_header *h = &r->headers.data[i];

        if (written_as(h->name) && is_current(&r->headers, h->name))
            err = http_headers_add(&o->keep, h->name, h->value, e);
        if (err == PB_OK && !is_hidden(h->name))
            err = show(o, h->name, h->value, e);
    }
    if (tags && num_parse_u64(tags, strlen(tags), &count) && count < 1000)
        o->tags = (unsigned)count;
    if (err != PB_OK)
        store_object_release(o);
    return err;
}

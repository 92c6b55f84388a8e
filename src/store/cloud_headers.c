/* Between the headers of an answer and what is known of an object. */
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/num.h>

#include "cloud.h"

/* About the answer, not about the object; or shown in other words. */
static const char *const hidden[] = {
    "Date",
    "Server",
    "Connection",
    "Keep-Alive",
    "Via",
    "Accept-Ranges",
    "Vary",
    "Content-Length",
    "Content-Range",
    "Transfer-Encoding",
    "ETag",
    "Last-Modified",
    "Set-Cookie",
    "Strict-Transport-Security",
    NULL,
};

static bool in(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcasecmp(*list, name) == 0)
            return true;
    return false;
}

/* "bytes 0-9/1234": the number after the slash. */
static bool range_total(const char *value, uint64_t *total)
{
    const char *slash = value ? strchr(value, '/') : NULL;

    return slash && num_parse_u64(slash + 1, strlen(slash + 1), total);
}

static enum pb_err identity_from(struct store_identity *id, const struct http_headers *h,
                                 const struct cloud_names *names, struct error *e)
{
    const char *etag = http_headers_get(h, "ETag");
    const char *version = http_headers_get(h, names->version);
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

enum pb_err cloud_object_from(struct store_object *o, const struct http_result *r,
                              const struct cloud_names *names, struct error *e)
{
    const char *tags = http_headers_get(&r->headers, names->tag_count);
    uint64_t count = 0;
    enum pb_err err;

    store_object_init(o);
    err = identity_from(&o->identity, &r->headers, names, e);
    if (err == PB_OK)
        err = show_first(o, &r->headers, e);
    for (size_t i = 0; err == PB_OK && i < r->headers.len; i++) {
        const struct http_header *h = &r->headers.data[i];

        err = names->keep(o, &r->headers, h, e);
        if (err == PB_OK && !in(hidden, h->name) && !in(names->hidden, h->name))
            err = show(o, h->name, h->value, e);
    }
    if (tags && num_parse_u64(tags, strlen(tags), &count) && count < 1000)
        o->tags = (unsigned)count;
    if (err != PB_OK)
        store_object_release(o);
    return err;
}

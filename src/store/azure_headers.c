/* Between the headers of an answer and what is known of a blob. */
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>

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

static const char *const hidden[] = {
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-ms-version",
    "x-ms-version-id",
    "Access-Control-Expose-Headers",
    "Access-Control-Allow-Origin",
    NULL,
};

static const char *written_as(const char *name)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcasecmp(kept[i].read, name) == 0)
            return kept[i].write;
    return strncasecmp(name, "x-ms-meta-", 10) == 0 ? name : NULL;
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

static enum pb_err keep(struct store_object *o, const struct http_headers *all,
                        const struct http_header *h, struct error *e)
{
    if (!written_as(h->name) || !is_current(all, h->name))
        return PB_OK;
    return http_headers_add(&o->keep, h->name, h->value, e);
}

enum pb_err azure_object_from(struct store_object *o, const struct http_result *r, struct error *e)
{
    static const struct cloud_names names = {"x-ms-version-id", "x-ms-tag-count", hidden, keep};
    enum pb_err err = cloud_object_from(o, r, &names, e);

    o->read_only = why_read_only(&r->headers);
    return err;
}

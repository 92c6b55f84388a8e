/* Copy Blob, within an account: properties and metadata go with it, tags and tier are said again.
 */
#include <string.h>
#include <strings.h>

#include "azure.h"
#include "cloud_copy.h"

/* The key of an account, or a token, that authorizes the request opens what is copied as well, as
 * long as that is in the same account. */
static enum pb_err check(const struct cloud_copy *c, struct error *e)
{
    size_t n = strcspn(c->from_container, "/");

    if (strncmp(c->from_container, c->c.container, n) != 0 || c->c.container[n] != '/')
        return cloud_error(c->c.request, PB_EUNSUPPORTED, "it is in another account", e);
    if (c->c.keep.read_only && http_headers_get(&c->c.keep.shown, "x-ms-blob-type") &&
        strcmp(http_headers_get(&c->c.keep.shown, "x-ms-blob-type"), "BlockBlob") != 0)
        return cloud_error(c->c.request, PB_EUNSUPPORTED,
                           "it is a blob of another type (append or page)", e);
    return PB_OK;
}

static bool is_said(const char *name)
{
    static const char *const said[] = {
        "x-ms-access-tier",
        "x-ms-encryption-scope",
        "x-ms-immutability-policy-until-date",
        "x-ms-immutability-policy-mode",
        "x-ms-legal-hold",
    };

    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (strcasecmp(said[i], name) == 0)
            return true;
    return false;
}

static enum pb_err add_conditions(struct cloud_copy *c, struct error *e)
{
    struct cloud_request *r = c->c.request;
    const char *source = c->c.keep.identity.etag;
    enum pb_err err = PB_OK;

    if (source && !c->version_id)
        err = cloud_header(r, "x-ms-source-if-match", source, e);
    if (err == PB_OK && c->c.condition == STORE_IF_ABSENT)
        err = cloud_header(r, "If-None-Match", "*", e);
    if (err == PB_OK && c->c.condition == STORE_IF_SAME && c->c.before.identity.etag)
        err = cloud_header(r, "If-Match", c->c.before.identity.etag, e);
    return err;
}

static enum pb_err fill(struct cloud_copy *c, struct error *e)
{
    struct azure_request *r = (struct azure_request *)c->c.request;
    const struct http_headers *keep = &c->c.keep.keep;
    enum pb_err err =
        azure_copy_source(r, c->from_container, c->from_key, c->from_len, c->version_id, e);

    for (size_t i = 0; err == PB_OK && i < keep->len; i++)
        if (is_said(keep->data[i].name))
            err = cloud_header(&r->q, keep->data[i].name, keep->data[i].value, e);
    if (err == PB_OK && c->c.tagging.len > 0)
        err = cloud_header(&r->q, "x-ms-tags", c->c.tagging.data, e);
    return err == PB_OK ? add_conditions(c, e) : err;
}

static enum cloud_copied answered(struct cloud_copy *c, const struct http_result *r,
                                  struct error *e)
{
    const char *status = http_headers_get(&r->headers, "x-ms-copy-status");

    (void)e;
    cloud_write_take_identity(&c->c, r, http_headers_get(&r->headers, "ETag"), "x-ms-version-id");
    if (status && strcmp(status, "pending") == 0) { /* it will have another one when it is done */
        store_identity_release(&c->c.put);
        c->c.put.size = c->c.size;
    }
    return CLOUD_COPIED;
}

static enum cloud_copied state(const struct store_object *now)
{
    const char *status = http_headers_get(&now->shown, "x-ms-copy-status");

    if (!status || strcmp(status, "success") == 0)
        return CLOUD_COPIED;
    return strcmp(status, "pending") == 0 ? CLOUD_GO_ON : CLOUD_FAILED;
}

static bool same_bytes(const struct store_object *a, const struct store_object *b)
{
    const char *x = http_headers_get(&a->shown, "Content-MD5");
    const char *y = http_headers_get(&b->shown, "Content-MD5");

    return x && y && strcmp(x, y) == 0;
}

static bool is_checked(const struct store *s)
{
    (void)s;
    return true;
}

const struct cloud_copy_kind azure_copies = {
    .action = AZURE_COPY_BLOB,
    .is_checked = is_checked,
    .check = check,
    .reads_tags = true,
    .fill = fill,
    .answered = answered,
    .state = state,
    .same_bytes = same_bytes,
};

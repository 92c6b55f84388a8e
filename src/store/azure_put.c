/* What a write carries: the blob's own properties, its tags, the condition, the checksum. */
#include "azure_write.h"

static enum pb_err put_condition(struct azure_write_op *w, struct error *e)
{
    if (w->c.condition == STORE_IF_ABSENT)
        return cloud_header(&w->request.q, "If-None-Match", "*", e);
    if (w->c.condition == STORE_IF_SAME && w->c.before.identity.etag)
        return cloud_header(&w->request.q, "If-Match", w->c.before.identity.etag, e);
    return PB_OK;
}

enum pb_err azure_put_headers(struct azure_write_op *w, struct error *e)
{
    enum pb_err err = azure_put_kept(&w->request, cloud_write_properties(&w->c), e);

    if (err == PB_OK && w->c.tagging.len > 0)
        err = cloud_header(&w->request.q, "x-ms-tags", w->c.tagging.data, e);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "x-ms-blob-content-md5", w->c.digest.checks.md5, e);
    return err == PB_OK ? put_condition(w, e) : err;
}

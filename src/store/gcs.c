#include <stdlib.h>

#include "cloud_copy.h"
#include "gcs.h"

static void gcs_free(struct store *base)
{
    free(base);
}

static const struct store_ops gcs_ops = {
    .scheme = "gs",
    .list_containers = gcs_list_containers,
    .list = gcs_list,
    .head = cloud_head,
    .read = gcs_read,
    .write = gcs_write,
    .copy = cloud_copy,
    .list_versions = gcs_list_versions,
    .remove = cloud_remove,
    .details = cloud_details,
    .free = gcs_free,
};

enum pb_err store_gcs_new(struct loop *l, struct http *h, const struct google_setup *setup,
                          struct google_session *session, struct store **out, struct error *e)
{
    struct gcs_store *s = mem_alloc(sizeof *s);

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->c = (struct cloud_store){{.ops = &gcs_ops, .loop = l}, &gcs_kind, h};
    s->setup = setup;
    s->session = session;
    *out = &s->c.base;
    return PB_OK;
}

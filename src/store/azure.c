#include <stdlib.h>

#include "azure.h"
#include "cloud_copy.h"
#include "cloud_read.h"

static void azure_free(struct store *base)
{
    struct azure_store *s = (struct azure_store *)base;

    azure_setup_release(&s->setup);
    free(s);
}

static const struct store_ops azure_ops = {
    .scheme = "az",
    .list_containers = azure_list_containers,
    .list = azure_list,
    .head = cloud_head,
    .read = cloud_read_one,
    .write = azure_write,
    .copy = cloud_copy,
    .list_versions = azure_list_versions,
    .remove = cloud_remove,
    .details = cloud_details,
    .free = azure_free,
};

enum pb_err store_azure_new(struct loop *l, struct http *h, const struct azure_setup *setup,
                            struct azure_session *session, struct store **out, struct error *e)
{
    struct azure_store *s = mem_alloc(sizeof *s);
    enum pb_err err;

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->c = (struct cloud_store){{.ops = &azure_ops, .loop = l}, &azure_kind, h};
    s->session = session;
    err = azure_setup_copy(&s->setup, setup, e);
    if (err != PB_OK) {
        azure_free(&s->c.base);
        return err;
    }
    *out = &s->c.base;
    return PB_OK;
}

enum pb_err store_azure_learn(struct store *s, const char *url, struct error *e)
{
    return azure_setup_learn(&((struct azure_store *)s)->setup, url, e);
}

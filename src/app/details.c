/* What the store knows of an object beyond what an opening asks for. */
#include <stdlib.h>

#include <pklbrowse/log.h>

#include "app_private.h"

static void on_details(void *ctx, const struct http_headers *rows, const struct error *e)
{
    struct app_object *o = ctx;
    enum pb_err err = PB_OK;

    o->details_op = NULL;
    o->details_here = e == NULL;
    for (size_t i = 0; e == NULL && err == PB_OK && i < rows->len; i++)
        err = http_headers_add(&o->details, rows->data[i].name, rows->data[i].value, NULL);
    if (e != NULL)
        log_line("tags and access list: %s", e->msg);
    if (o->changed != NULL)
        o->changed(o->ctx, o);
}

const struct http_headers *app_object_details(struct app_object *o)
{
    struct store *s = o->spot.store;

    if (!o->details_asked && s != NULL && s->ops->details != NULL && o->state != APP_HEAD &&
        o->state != APP_FAILED) {
        o->details_asked = true;
        o->details_op = s->ops->details(s, o->spot.container, o->spot.key, o->spot.key_len,
                                        o->info.identity.version_id, on_details, o, NULL);
    }
    return o->details_here ? &o->details : NULL;
}

void details_forget(struct app_object *o)
{
    if (o->details_op != NULL)
        store_op_cancel(o->details_op);
    o->details_op = NULL;
    o->details_asked = o->details_here = false;
    http_headers_release(&o->details);
}

/* Is there a folder, or a file?  Asked of the store, since a network folder may take its time. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_look {
    struct location where;
    struct arena mem;
    struct store_op *op;
    app_look_fn done;
    void *ctx;
};

void app_look_free(struct app_look *k)
{
    if (k == NULL)
        return;
    store_op_cancel(k->op);
    location_release(&k->where);
    arena_release(&k->mem);
    free(k);
}

/* Whatever else is wrong is said, better, by whoever opens it. */
static void on_head(void *ctx, const struct store_object *o, const struct error *e)
{
    struct app_look *k = ctx;

    (void)o;
    k->op = NULL;
    k->done(k->ctx, &k->where, e != NULL && e->code == PB_EUSAGE);
}

enum pb_err app_look_start(struct app *a, const struct location *loc, app_look_fn done, void *ctx,
                           struct app_look **out, struct error *e)
{
    struct app_look *k = mem_alloc(sizeof *k);
    struct app_spot spot;
    struct error error;
    enum pb_err err;

    *out = NULL;
    if (k == NULL)
        return error_nomem(e);
    arena_init(&k->mem);
    k->done = done;
    k->ctx = ctx;
    err = location_copy(&k->where, loc, &error);
    if (err == PB_OK)
        err = app_resolve(a, loc, &k->mem, &spot, &error);
    if (err == PB_OK) {
        k->op = spot.store->ops->head(spot.store, spot.container, spot.key, spot.key_len, NULL,
                                      on_head, k, &error);
        err = k->op != NULL ? PB_OK : error.code;
    }
    if (err == PB_OK) {
        *out = k;
        return PB_OK;
    }
    app_look_free(k);
    if (e != NULL)
        *e = error;
    return err;
}

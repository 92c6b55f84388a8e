/* The addresses of an object, to be copied. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_links {
    struct arena mem;
    struct app_spot spot;
    struct store_op *op;
    app_links_fn done;
    void *ctx;
};

static void on_links(void *ctx, const struct http_headers *rows, const struct error *e)
{
    struct app_links *l = ctx;

    l->op = NULL;
    l->done(l->ctx, rows, e);
}

enum pb_err app_links_start(struct app *a, const struct location *loc, const char *version_id,
                            app_links_fn done, void *ctx, struct app_links **out, struct error *e)
{
    struct app_links *l = mem_alloc(sizeof *l);
    struct store *s;
    struct error error;
    enum pb_err err;

    *out = NULL;
    if (l == NULL)
        return error_nomem(e);
    l->done = done;
    l->ctx = ctx;
    arena_init(&l->mem);
    err = app_resolve(a, loc, &l->mem, &l->spot, &error);
    s = l->spot.store;
    if (err == PB_OK && (l->spot.container == NULL || s->ops->links == NULL))
        err = app_fail(&error, PB_EUNSUPPORTED, loc, "it has no other address");
    if (err == PB_OK) {
        l->op = s->ops->links(s, l->spot.container, l->spot.key, l->spot.key_len, version_id,
                              on_links, l, &error);
        err = l->op != NULL ? PB_OK : error.code;
    }
    if (err == PB_OK) {
        *out = l;
        return PB_OK;
    }
    if (e != NULL)
        *e = error;
    app_links_free(l);
    return err;
}

void app_links_free(struct app_links *l)
{
    if (l == NULL)
        return;
    store_op_cancel(l->op);
    arena_release(&l->mem);
    free(l);
}

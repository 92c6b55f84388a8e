/* Asking for an archived object to be made readable for a while. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_thaw {
    struct arena mem;
    struct app_spot spot;
    struct store_op *op;
    app_thaw_fn done;
    void *ctx;
};

static void on_asked(void *ctx, bool readable, const struct error *e)
{
    struct app_thaw *t = ctx;

    t->op = NULL;
    t->done(t->ctx, readable, e);
}

static enum pb_err check(struct app *a, const struct location *loc, struct error *e)
{
    if (a->options.read_only)
        return error_set(e, PB_EREADONLY, "read-only was asked for");
    return app_check_protected(a, loc, e);
}

enum pb_err app_thaw_start(struct app *a, const struct location *loc, const char *version_id,
                           unsigned days, enum store_thaw_tier tier, app_thaw_fn done, void *ctx,
                           struct app_thaw **out, struct error *e)
{
    struct app_thaw *t = mem_alloc(sizeof *t);
    struct store_thaw_request q = {.version_id = version_id, .days = days, .tier = tier};
    struct error error;
    enum pb_err err;

    *out = NULL;
    if (t == NULL)
        return error_nomem(e);
    t->done = done;
    t->ctx = ctx;
    arena_init(&t->mem);
    err = check(a, loc, &error);
    if (err == PB_OK)
        err = app_resolve(a, loc, &t->mem, &t->spot, &error);
    if (err == PB_OK && (t->spot.key == NULL || t->spot.store->ops->thaw == NULL))
        err = app_fail(&error, PB_EUNSUPPORTED, loc, "nothing is archived there");
    if (err == PB_OK) {
        q.container = t->spot.container;
        q.key = t->spot.key;
        q.key_len = t->spot.key_len;
        t->op = t->spot.store->ops->thaw(t->spot.store, &q, on_asked, t, &error);
        err = t->op != NULL ? PB_OK : error.code;
    }
    if (err == PB_OK) {
        *out = t;
        return PB_OK;
    }
    if (e != NULL)
        *e = error;
    app_thaw_free(t);
    return err;
}

void app_thaw_free(struct app_thaw *t)
{
    if (t == NULL)
        return;
    store_op_cancel(t->op);
    arena_release(&t->mem);
    free(t);
}

/*
 * What is about to be written over is kept first: HEAD, read exactly that version, keep its bytes.
 */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct replace {
    struct app *app;
    struct location loc;
    struct app_spot spot; /* borrowed */
    const char *version_id;
    enum replace_how how;
    replace_fn done;
    void *ctx;
    struct store_op *op;
    struct store_object there;
    struct source *old;
    struct keep *keep;
};

const struct store_object *replace_keep(enum loc_scheme from_scheme,
                                        const struct store_object *from, enum loc_scheme to_scheme,
                                        const struct store_object *there)
{
    /* A file that is written over stays as it was but for its bytes: its mode is its own. */
    if (to_scheme == LOC_LOCAL && there != NULL)
        return there;
    return from_scheme == to_scheme ? from : there;
}

static void on_kept(void *ctx, const char *file, const struct error *e)
{
    struct replace *r = ctx;

    r->done(r->ctx, e == NULL ? &r->there : NULL, file, e);
}

static void on_old(void *ctx, const struct store_object *read, const struct error *e)
{
    struct replace *r = ctx;
    struct error error;

    r->op = NULL;
    if (e != NULL) {
        r->done(r->ctx, NULL, NULL, e);
        return;
    }
    source_spool_done(r->old);
    if (keep_start(r->app, &r->loc, read, r->old, on_kept, r, &r->keep, &error) != PB_OK)
        r->done(r->ctx, NULL, NULL, &error);
}

static enum pb_err into_old(void *ctx, const void *p, size_t n, struct error *e)
{
    struct replace *r = ctx;

    return source_spool_append(r->old, p, n, e);
}

static enum pb_err read_old(struct replace *r, struct error *e)
{
    struct store_read_request q = {
        .container = r->spot.container,
        .key = r->spot.key,
        .key_len = r->spot.key_len,
        .version_id = r->version_id,
        .expect = &r->there.identity,
        .to = {into_old, r},
    };
    enum pb_err err = source_spool(r->there.identity.size, &r->old, e);

    if (err != PB_OK)
        return err;
    r->op = r->spot.store->ops->read(r->spot.store, &q, on_old, r, e);
    return r->op != NULL ? PB_OK : e->code;
}

static void on_head(void *ctx, const struct store_object *there, const struct error *e)
{
    struct replace *r = ctx;
    struct error error;
    enum pb_err err;

    r->op = NULL;
    if (e != NULL && e->code == PB_ENOTFOUND) {
        r->done(r->ctx, NULL, NULL, NULL);
        return;
    }
    if (e != NULL) {
        r->done(r->ctx, NULL, NULL, e);
        return;
    }
    if (r->how == REPLACE_NOTHING)
        err = app_fail(&error, PB_EEXIST, &r->loc, "something is there already");
    else
        err = store_object_copy(&r->there, there, &error);
    if (err == PB_OK && r->how == REPLACE_SMALL && there->identity.size > HISTORY_BYTES_MAX) {
        r->done(r->ctx, &r->there, NULL, NULL);
        return;
    }
    if (err == PB_OK)
        err = read_old(r, &error);
    if (err != PB_OK)
        r->done(r->ctx, NULL, NULL, &error);
}

enum pb_err replace_start(struct app *a, const struct location *loc, const struct app_spot *spot,
                          const char *version_id, enum replace_how how, replace_fn done, void *ctx,
                          struct replace **out, struct error *e)
{
    struct replace *r = mem_alloc(sizeof *r);
    struct error error;
    enum pb_err err;

    *out = NULL;
    if (r == NULL)
        return error_nomem(e);
    r->app = a;
    r->spot = *spot;
    r->version_id = version_id;
    r->how = how;
    r->done = done;
    r->ctx = ctx;
    store_object_init(&r->there);
    err = location_copy(&r->loc, loc, &error);
    if (err == PB_OK) {
        r->op = spot->store->ops->head(spot->store, spot->container, spot->key, spot->key_len,
                                       version_id, on_head, r, &error);
        err = r->op != NULL ? PB_OK : error.code;
    }
    if (err != PB_OK) {
        if (e != NULL)
            *e = error;
        replace_free(r);
        return err;
    }
    *out = r;
    return PB_OK;
}

void replace_free(struct replace *r)
{
    if (r == NULL)
        return;
    if (r->op != NULL)
        store_op_cancel(r->op);
    keep_free(r->keep);
    source_free(r->old);
    store_object_release(&r->there);
    location_release(&r->loc);
    free(r);
}

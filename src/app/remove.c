/* Removing an object: its bytes are kept first, then it is removed, if it is still what was kept.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_remove {
    struct app *app;
    struct location loc;
    struct arena mem;
    struct app_spot spot;
    char *version_id;
    struct replace *keep;
    const char *kept;
    bool not_kept;
    struct store_op *op;
    app_removed_fn done;
    void *ctx;
};

static void fail(struct app_remove *r, const struct error *e)
{
    r->done(r->ctx, NULL, e);
}

static void on_removed(void *ctx, const char *marker, const struct error *e)
{
    struct app_remove *r = ctx;
    struct app_removed result = {.kept = r->kept, .not_kept = r->not_kept, .marker = marker};

    r->op = NULL;
    if (e != NULL)
        fail(r, e);
    else
        r->done(r->ctx, &result, NULL);
}

static void go_on(struct app_remove *r, const struct store_identity *identity)
{
    struct store_remove_request q = {
        .container = r->spot.container,
        .key = r->spot.key,
        .key_len = r->spot.key_len,
        .version_id = r->version_id,
        .identity = identity,
    };
    struct error error;

    r->op = r->spot.store->ops->remove(r->spot.store, &q, on_removed, r, &error);
    if (r->op == NULL)
        fail(r, &error);
}

/* --- a version without bytes: it may be a delete marker --------------------------------------- */

static void on_page(void *ctx, struct store_page *page, const struct error *e);

static void look_for_marker(struct app_remove *r, const char *token)
{
    struct store *s = r->spot.store;
    struct store_list_request q = {
        .container = r->spot.container,
        .prefix = r->spot.key,
        .prefix_len = r->spot.key_len,
        .recursive = true,
        .token = token,
    };
    struct error error;

    r->op = s->ops->list_versions(s, &q, on_page, r, &error);
    if (r->op == NULL)
        fail(r, &error);
}

static bool of_the_key(const struct app_remove *r, const struct store_entry *x)
{
    return x->len == r->spot.key_len && memcmp(x->name, r->spot.key, x->len) == 0;
}

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct app_remove *r = ctx;
    bool found = false, over = false;
    struct error error;

    r->op = NULL;
    if (e != NULL) {
        fail(r, e);
        return;
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct store_entry *x = &page->entries[i];

        over = !of_the_key(r, x);
        found |= !over && x->deleted && x->version_id != NULL &&
                 strcmp(x->version_id, r->version_id) == 0;
    }
    if (found) {
        go_on(r, NULL);
    } else if (page->next != NULL && !over) {
        look_for_marker(r, page->next);
    } else {
        app_fail(&error, PB_ENOTFOUND, &r->loc, "there is no such version");
        fail(r, &error);
    }
    store_page_free(page);
}

/* --- keeping it first -------------------------------------------------------------------------
 */

static void on_kept(void *ctx, const struct store_object *there, const char *kept,
                    const struct error *e)
{
    struct app_remove *r = ctx;
    struct error error;

    /* A marker cannot be looked at: 405, or with some servers as if it were not there. */
    if (r->version_id != NULL && (e != NULL ? e->http_status == 405 : there == NULL)) {
        look_for_marker(r, NULL);
    } else if (e != NULL) {
        fail(r, e);
    } else if (there == NULL) {
        app_fail(&error, PB_ENOTFOUND, &r->loc, "there is no such object");
        fail(r, &error);
    } else {
        r->kept = kept;
        r->not_kept = kept == NULL;
        go_on(r, &there->identity);
    }
}

static enum pb_err begin(struct app_remove *r, struct error *e)
{
    enum pb_err err;

    if (r->app->options.read_only)
        return app_fail(e, PB_EREADONLY, &r->loc, "nothing is removed with --read-only");
    err = app_check_protected(r->app, &r->loc, e);
    if (err != PB_OK)
        return err;
    if (r->loc.scheme == LOC_STDIO || app_location_is_folder(&r->loc))
        return app_fail(e, PB_EUSAGE, &r->loc, "this is a place to list, not an object");
    err = app_resolve(r->app, &r->loc, &r->mem, &r->spot, e);
    if (err == PB_OK && r->spot.container == NULL)
        err = app_fail(e, PB_EUSAGE, &r->loc, "this is a place to list, not an object");
    if (err == PB_OK)
        err = replace_start(r->app, &r->loc, &r->spot, r->version_id, REPLACE_SMALL, on_kept, r,
                            &r->keep, e);
    return err;
}

enum pb_err app_remove_start(struct app *a, const struct location *loc, const char *version_id,
                             app_removed_fn done, void *ctx, struct app_remove **out,
                             struct error *e)
{
    struct app_remove *r = mem_alloc(sizeof *r);
    enum pb_err err;

    *out = NULL;
    if (r == NULL)
        return error_nomem(e);
    r->app = a;
    r->done = done;
    r->ctx = ctx;
    arena_init(&r->mem);
    err = location_copy(&r->loc, loc, e);
    if (err == PB_OK && version_id != NULL) {
        r->version_id = mem_strdup(version_id);
        if (r->version_id == NULL)
            err = error_nomem(e);
    }
    if (err == PB_OK)
        err = begin(r, e);
    if (err != PB_OK)
        app_remove_free(r);
    else
        *out = r;
    return err;
}

void app_remove_free(struct app_remove *r)
{
    if (r == NULL)
        return;
    if (r->op != NULL)
        store_op_cancel(r->op);
    replace_free(r->keep);
    location_release(&r->loc);
    arena_release(&r->mem);
    free(r->version_id);
    free(r);
}

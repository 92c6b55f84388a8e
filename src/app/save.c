/*
 * Saving: keep what is to be replaced, write carefully, continue from what was written.
 *
 *   in place        keep the bytes that we hold -> write, if it is still the version that we read
 *   over theirs     read and keep what is there now -> write, if it is still that
 *   elsewhere       nothing may be there, unless it is to be overwritten (then as over theirs)
 *
 * A write that finds another version than it expected ends in one more HEAD: what is there now.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

struct save {
    struct loop *loop;
    struct app_object *o; /* may be gone once done() was called */
    struct review *r;
    struct location loc;
    struct app_spot spot; /* its strings are in mem */
    struct arena mem;
    bool in_place, overwrite;
    app_saved_fn done;
    void *ctx;

    struct replace *replace;
    struct store_op *op;
    bool writing;      /* bytes may have left */
    struct keep *keep; /* of an in-place save */
    struct store_range *unchanged;
    size_t unchanged_count;
    struct app_saved result;
    struct store_identity now;
    struct store_object theirs;
    struct error error;
};

void save_free(struct save *s)
{
    if (s == NULL)
        return;
    if (s->op != NULL)
        store_op_cancel(s->op);
    loop_unpost(s->loop, s);
    replace_free(s->replace);
    review_unref(s->r);
    location_release(&s->loc);
    arena_release(&s->mem);
    store_identity_release(&s->now);
    store_object_release(&s->theirs);
    keep_free(s->keep);
    free(s->unchanged);
    free(s);
}

static void finish(struct save *s)
{
    bool ok = s->result.outcome == APP_SAVED || s->result.outcome == APP_SAVED_UNCHECKED ||
              s->result.outcome == APP_NOTHING;

    s->o->save = NULL;
    s->done(s->ctx, &s->result, ok ? NULL : &s->error);
    save_free(s);
}

static void finish_failed(struct save *s, const struct error *e)
{
    s->result.outcome = APP_NOT_SAVED;
    s->error = *e;
    finish(s);
}

/* --- somebody else was faster -------------------------------------------------------------- */

static void on_theirs(void *ctx, const struct store_object *theirs, const struct error *e)
{
    struct save *s = ctx;

    s->op = NULL;
    s->result.outcome = APP_CONFLICT;
    if (e == NULL && store_object_copy(&s->theirs, theirs, NULL) == PB_OK)
        s->result.theirs = &s->theirs;
    finish(s);
}

static void look_at_theirs(struct save *s, const struct error *why)
{
    struct error error;

    s->error = *why;
    s->op = s->spot.store->ops->head(s->spot.store, s->spot.container, s->spot.key, s->spot.key_len,
                                     NULL, on_theirs, s, &error);
    if (s->op == NULL) {
        s->result.outcome = APP_CONFLICT;
        finish(s);
    }
}

/* --- writing ------------------------------------------------------------------------------- */

/* From now on the store holds the reviewed bytes, and the object's edits are counted from there. */
static void continue_from(struct save *s, const struct store_identity *now)
{
    struct app_object *o = s->o;
    struct store_identity id = {0};

    if (store_identity_copy(&id, now, NULL) == PB_OK) {
        store_identity_release(&o->info.identity);
        o->info.identity = id;
        watch_saved(o);
    }
    review_ref(s->r);
    review_unref(o->stored);
    o->stored = s->r;
    if (o->loc.scheme == LOC_LOCAL)
        source_file_replaced(o->source);
    pkl_edit_mark_saved(o->edit);
}

static void on_written(void *ctx, const struct store_identity *now, bool unchecked,
                       const struct error *e)
{
    struct save *s = ctx;
    bool ours = s->in_place && !s->overwrite;
    struct error error;

    s->op = NULL;
    if (e != NULL && (e->code == PB_ECHANGED || (ours && e->code == PB_ENOTFOUND) ||
                      (s->overwrite && e->code == PB_EEXIST))) {
        look_at_theirs(s, e);
        return;
    }
    if (e == NULL && store_identity_copy(&s->now, now, &error) != PB_OK)
        e = &error;
    if (e != NULL) {
        finish_failed(s, e);
        return;
    }
    if (s->in_place)
        continue_from(s, now);
    s->result.now = &s->now;
    s->result.outcome = unchecked ? APP_SAVED_UNCHECKED : APP_SAVED;
    finish(s);
}

static void start_write(struct save *s, const struct store_object *keep,
                        enum store_condition condition, const struct store_identity *identity)
{
    struct store_write_request q = {
        .container = s->spot.container,
        .key = s->spot.key,
        .key_len = s->spot.key_len,
        .body = s->r->pub.result,
        .keep = keep,
        .unchanged = s->unchanged,
        .unchanged_count = s->unchanged_count,
        .condition = condition,
        .identity = identity,
    };
    struct error error;

    s->writing = true;
    s->op = s->spot.store->ops->write(s->spot.store, &q, on_written, s, &error);
    if (s->op == NULL)
        finish_failed(s, &error);
}

static void on_replaceable(void *ctx, const struct store_object *there, const char *kept,
                           const struct error *e)
{
    struct save *s = ctx;
    const struct store_object *keep;

    if (e != NULL && e->code == PB_ECHANGED) {
        look_at_theirs(s, e);
        return;
    }
    if (e != NULL) {
        finish_failed(s, e);
        return;
    }
    s->result.kept = kept;
    s->result.not_kept = there != NULL && kept == NULL;
    if (s->in_place && there != NULL)
        keep = there;
    else
        keep = replace_keep(s->o->loc.scheme, &s->o->info, s->loc.scheme, there);
    start_write(s, keep, there != NULL ? STORE_IF_SAME : STORE_IF_ABSENT,
                there != NULL ? &there->identity : NULL);
}

/* Of what is compressed all is new from the first change on. */
static enum pb_err find_unchanged(struct save *s, struct error *e)
{
    const struct review *stored = s->o->stored;

    if (s->r->rewrap != NULL)
        return unchanged_prefix(s->r->pub.untouched, &s->unchanged, &s->unchanged_count, e);
    return unchanged_ranges(&s->r->pub.splice, stored != NULL ? &stored->pub.splice : NULL,
                            &s->unchanged, &s->unchanged_count, e);
}

static void on_kept(void *ctx, const char *file, const struct error *e)
{
    struct save *s = ctx;
    struct error error;

    if (e == NULL && find_unchanged(s, &error) != PB_OK)
        e = &error;
    if (e != NULL) {
        finish_failed(s, e);
        return;
    }
    s->result.kept = file;
    s->result.not_kept = file == NULL;
    start_write(s, &s->o->info, STORE_IF_SAME, &s->o->info.identity);
}

static void save_in_place(struct save *s)
{
    struct app_object *o = s->o;
    struct error error;

    if (s->r->pub.nothing) {
        s->result.outcome = APP_NOTHING;
        finish(s);
        return;
    }
    if (keep_start(o->app, &o->at, &o->info, app_object_stored(o), on_kept, s, &s->keep, &error) !=
        PB_OK)
        finish_failed(s, &error);
}

static void begin(void *ctx)
{
    struct save *s = ctx;
    struct error error;

    if (s->in_place && !s->overwrite)
        save_in_place(s);
    else if (replace_start(s->o->app, &s->loc, &s->spot, NULL,
                           s->overwrite ? REPLACE_ANY : REPLACE_NOTHING, on_replaceable, s,
                           &s->replace, &error) != PB_OK)
        finish_failed(s, &error);
}

/* --- for the owner ------------------------------------------------------------------------- */

static bool same_spot(const struct app_spot *a, const struct app_spot *b)
{
    return a->store == b->store && a->container != NULL && b->container != NULL &&
           strcmp(a->container, b->container) == 0 && a->key_len == b->key_len &&
           memcmp(a->key, b->key, a->key_len) == 0;
}

static enum pb_err check_target(const struct app_object *o, const struct location *where,
                                struct error *e)
{
    if (o->app->options.read_only)
        return app_fail(e, PB_EREADONLY, where, "nothing is written with --read-only");
    if (app_protected(o->app, where))
        return app_check_protected(o->app, where, e);
    if (where->scheme == LOC_STDIO)
        return app_fail(e, PB_EUSAGE, where, "cannot be saved to; name another place");
    /* A key may well end in '/'. */
    if (where->key_len == 0 || (where->scheme == LOC_LOCAL && app_location_is_folder(where)))
        return app_fail(e, PB_EUSAGE, where, "this is a place to list, not an object");
    if (o->save != NULL)
        return app_fail(e, PB_EUSAGE, &o->loc, "it is being saved already");
    return PB_OK;
}

enum pb_err app_save_start(struct app_object *o, struct app_review *r, const struct location *where,
                           bool overwrite, app_saved_fn done, void *ctx, struct error *e)
{
    const struct location *loc = where != NULL ? where : &o->at;
    enum pb_err err = check_target(o, loc, e);
    struct save *s;

    if (err != PB_OK)
        return err;
    s = mem_alloc(sizeof *s);
    if (s == NULL)
        return error_nomem(e);
    s->loop = o->app->loop;
    s->o = o;
    s->r = review_of(r);
    review_ref(s->r);
    s->overwrite = overwrite;
    s->done = done;
    s->ctx = ctx;
    arena_init(&s->mem);
    store_object_init(&s->theirs);
    err = location_copy(&s->loc, loc, e);
    if (err == PB_OK)
        err = app_resolve(o->app, loc, &s->mem, &s->spot, e);
    if (err == PB_OK) {
        s->in_place = where == NULL || same_spot(&s->spot, &o->spot);
        err = loop_post(o->app->loop, begin, s, e);
    }
    if (err != PB_OK) {
        save_free(s);
        return err;
    }
    o->save = s;
    return PB_OK;
}

static void finish_cancelled(void *ctx)
{
    finish(ctx);
}

void app_save_cancel(struct app_object *o)
{
    struct save *s = o->save;
    enum pb_err err;

    if (s == NULL)
        return;
    loop_unpost(o->app->loop, s);
    if (s->op != NULL)
        store_op_cancel(s->op);
    s->op = NULL;
    replace_free(s->replace);
    s->replace = NULL;
    keep_free(s->keep);
    s->keep = NULL;
    s->result = (struct app_saved){.outcome = APP_NOT_SAVED};
    error_set(&s->error, PB_ECANCELED,
              s->writing ? _("Stopped. What was sent may have arrived: s looks, then saves again")
                         : _("Stopped, nothing written"));
    err = loop_post(o->app->loop, finish_cancelled, s, NULL);
    (void)err; /* without memory the save is freed with its object */
}

void app_save_progress(const struct app_object *o, struct http_progress *out)
{
    *out = (struct http_progress){0};
    if (o->save != NULL && o->save->op != NULL)
        store_op_progress(o->save->op, out);
}

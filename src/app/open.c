/*
 * Opening an object: ask what it is, let its bytes arrive, index them as they come.
 *
 * Local files are not copied: the engine reads them where they are.  All else goes into a spool of
 * ours.  changed() may close the object, so calling it is always the last thing a callback does.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define INDEX_PIECE ((uint64_t)256 * 1024) /* bytes between two looks at the clock */
#define REREADS 3                          /* an object that changes faster than we read it */

static void announce(void *ctx)
{
    struct app_object *o = ctx;

    if (o->changed != NULL)
        o->changed(o->ctx, o);
}

/* Tells in the next turn, for what happens inside a call of the object's owner. */
static void announce_later(struct app_object *o)
{
    enum pb_err err;

    loop_unpost(o->app->loop, o);
    err = loop_post(o->app->loop, announce, o, NULL);
    (void)err; /* without memory the owner finds the state when it looks */
}

static void stop_transfer(struct app_object *o)
{
    if (o->op != NULL)
        store_op_cancel(o->op);
    o->op = NULL;
    stdin_reader_free(o->input);
    o->input = NULL;
}

static void stop_index(struct app_object *o)
{
    if (o->indexing)
        loop_remove_job(o->app->loop, &o->index.job);
    o->indexing = false;
}

static void drop_bytes(struct app_object *o)
{
    stop_transfer(o);
    stop_index(o);
    if (o->edit != NULL)
        pkl_edit_free(o->edit);
    o->edit = NULL;
    if (o->doc != NULL)
        pkl_doc_free(o->doc);
    o->doc = NULL;
    unwrap_free(o->unwrap);
    o->unwrap = NULL;
    source_free(o->source);
    o->source = NULL;
    o->arrived = false;
}

static void set_failed(struct app_object *o, const struct error *e)
{
    stop_transfer(o);
    stop_index(o);
    o->state = APP_FAILED;
    o->error = *e;
}

static void fail(struct app_object *o, const struct error *e)
{
    set_failed(o, e);
    announce(o);
}

/* --- the index -------------------------------------------------------------------------------- */

/* Decodes a little, where something is wrapped around the pickle, and indexes what has come. */
static enum pb_err index_piece(struct app_object *o, bool *done, struct error *e)
{
    bool all;
    enum pb_err decoded = unwrap_step(o->unwrap, &all, e), err = PB_OK;

    if (decoded != PB_OK && decoded != PB_EAGAIN)
        return decoded;
    if (o->doc == NULL && unwrap_plain(o->unwrap) == NULL)
        return decoded;
    if (o->doc == NULL)
        err = pkl_doc_new(unwrap_plain(o->unwrap), 0, NULL, &o->doc, e);
    if (err == PB_OK && !o->index.scanned)
        err = pkl_doc_step(o->doc, INDEX_PIECE, &o->index.scanned, e);
    if (err == PB_EAGAIN && !all)
        return decoded;
    /* What stands behind a compressed stream is to be saved with it: it has to be here. */
    if (err == PB_OK && o->index.scanned && unwrap_any(o->unwrap) && !o->arrived &&
        pkl_doc_error(o->doc, NULL) == PB_OK)
        return PB_EAGAIN;
    *done = o->index.scanned;
    return err;
}

static enum job_state index_step(struct job *j, uint64_t budget_us)
{
    struct app_object *o = ((struct index_job *)j)->o;
    uint64_t until = clock_mono_us() + budget_us;
    bool done = false;

    do {
        enum pb_err err = index_piece(o, &done, &j->error);

        j->done = unwrap_any(o->unwrap) ? unwrap_taken(o->unwrap)
                  : o->doc != NULL      ? pkl_doc_indexed(o->doc)
                                        : 0;
        j->total = o->info.identity.size;
        if (err == PB_EAGAIN && !o->arrived)
            return JOB_WAITING;
        if (err == PB_EAGAIN)
            err = error_set(&j->error, PB_EIO, "bytes that have arrived cannot be read");
        if (err != PB_OK)
            return JOB_FAILED;
    } while (!done && clock_mono_us() < until);
    return done ? JOB_DONE : JOB_MORE;
}

static enum pb_err settle_ready(struct app_object *o, struct error *e)
{
    enum pb_err err = PB_OK;

    if (!o->app->options.read_only && !o->fixed && o->info.read_only == NULL &&
        unwrap_fixed(o->unwrap) == NULL)
        err = pkl_edit_new(o->doc, &o->edit, e);
    if (err == PB_OK)
        o->state = APP_READY;
    return err;
}

/* What the whole index says the object is. */
static enum pb_err settle(struct app_object *o, struct error *e)
{
    enum pb_err err = pkl_doc_error(o->doc, e);

    /* Where a stream breaks, the pickle in it is cut off: why is what counts. */
    if (err == PB_OK || err == PB_EPICKLE) {
        uint64_t at = err == PB_OK ? pkl_doc_indexed(o->doc) : e->offset;

        if (unwrap_error(o->unwrap, e) != PB_OK)
            err = PB_EPICKLE;
        e->offset = at;
    }
    if (err == PB_OK)
        return settle_ready(o, e);
    if (err != PB_EPICKLE && err != PB_ELIMIT)
        return err;
    stop_transfer(o);
    o->error = *e;
    o->state = APP_BROKEN;
    if (!pkl_doc_is_pickle(o->doc)) {
        o->state = APP_NOT_PICKLE;
        error_set(&o->error, PB_EPICKLE, e->code == PB_EUNSUPPORTED ? "%s" : _("not a pickle: %s"),
                  e->msg);
    }
    return PB_OK;
}

static void index_finished(struct job *j, enum job_state state)
{
    struct app_object *o = ((struct index_job *)j)->o;
    struct error error = j->error;

    o->indexing = false;
    if (state != JOB_DONE || settle(o, &error) != PB_OK) {
        if (error.code == PB_ENOTFOUND) { /* in an archive: which one? */
            char why[ERROR_MSG_MAX];

            memcpy(why, error.msg, sizeof why);
            app_fail(&error, PB_ENOTFOUND, &o->at, why);
        }
        fail(o, &error);
        return;
    }
    announce(o);
}

static enum pb_err start_index(struct app_object *o, struct error *e)
{
    enum pb_err err = unwrap_new(o->source, o->member, o->member_len, o->app->options.decode_limit,
                                 &o->unwrap, e);

    if (err != PB_OK)
        return err;
    o->index = (struct index_job){.o = o};
    o->index.job.step = index_step;
    o->index.job.finished = index_finished;
    err = loop_add_job(o->app->loop, &o->index.job, e);
    o->indexing = err == PB_OK;
    return err;
}

/* --- the bytes -------------------------------------------------------------------------------- */

static enum pb_err start_head(struct app_object *o, store_head_fn done, struct error *e);
static void on_head(void *ctx, const struct store_object *info, const struct error *e);

static void all_arrived(struct app_object *o)
{
    source_spool_done(o->source);
    o->arrived = true;
    o->state = APP_INDEXING;
    loop_wake_jobs(o->app->loop);
    announce(o);
}

static enum pb_err into_spool(void *ctx, const void *p, size_t n, struct error *e)
{
    struct app_object *o = ctx;
    enum pb_err err = source_spool_append(o->source, p, n, e);

    if (err == PB_OK)
        loop_wake_jobs(o->app->loop);
    return err;
}

static enum pb_err begin_again(struct app_object *o, struct error *e)
{
    drop_bytes(o);
    o->rereads++;
    o->state = APP_HEAD;
    return start_head(o, on_head, e);
}

static void on_read(void *ctx, const struct store_object *read, const struct error *e)
{
    struct app_object *o = ctx;
    struct error error;

    o->op = NULL;
    if (e != NULL && e->code == PB_ECHANGED && o->rereads < REREADS) {
        if (begin_again(o, &error) != PB_OK)
            fail(o, &error);
        else
            announce(o);
        return;
    }
    if (e != NULL) {
        fail(o, e);
        return;
    }
    store_identity_release(&o->info.identity);
    if (store_identity_copy(&o->info.identity, &read->identity, &error) != PB_OK)
        fail(o, &error);
    else
        all_arrived(o);
}

static enum pb_err start_read(struct app_object *o, struct error *e)
{
    struct store_read_request r = {
        .container = o->spot.container,
        .key = o->spot.key,
        .key_len = o->spot.key_len,
        .version_id = o->version_id,
        .expect = &o->info.identity,
        .to = {into_spool, o},
    };
    enum pb_err err = source_spool(o->info.identity.size, &o->source, e);

    if (err == PB_OK)
        err = start_index(o, e);
    if (err != PB_OK)
        return err;
    o->state = APP_FETCHING;
    o->op = o->spot.store->ops->read(o->spot.store, &r, on_read, o, e);
    return o->op != NULL ? PB_OK : e->code;
}

/* The second look: the file that was opened is the one that the first look described. */
static void on_local_again(void *ctx, const struct store_object *info, const struct error *e)
{
    struct app_object *o = ctx;
    struct error error;

    o->op = NULL;
    if (e != NULL) {
        fail(o, e);
        return;
    }
    if (!store_identity_same(&o->info.identity, &info->identity)) {
        if (o->rereads >= REREADS) {
            app_fail(&error, PB_ECHANGED, &o->loc, "it changes while it is being opened");
            fail(o, &error);
        } else if (begin_again(o, &error) != PB_OK) {
            fail(o, &error);
        } else {
            announce(o);
        }
        return;
    }
    o->arrived = true;
    o->state = APP_INDEXING;
    if (start_index(o, &error) != PB_OK)
        fail(o, &error);
    else
        announce(o);
}

/* There is no such object, or nobody may know: it may be a file in an archive. */
static void look_in_archive(struct app_object *o, const struct error *e)
{
    struct error error;

    if (o->member == NULL)
        o->missing = *e;
    if ((e->code != PB_ENOTFOUND && e->code != PB_EDENIED) || !member_next(o, &error))
        fail(o, o->member != NULL ? &o->missing : e);
    else if (start_head(o, on_head, &error) != PB_OK)
        fail(o, &error);
}

static void on_opened(void *ctx, int fd, const struct error *e)
{
    struct app_object *o = ctx;
    struct error error;
    enum pb_err err;

    o->op = NULL;
    if (e != NULL) {
        fail(o, e);
        return;
    }
    if (o->app->options.screen)
        watch_start(o, fd);
    err = app_local_source(&o->loc, fd, &o->source, &error);
    if (err == PB_OK)
        err = start_head(o, on_local_again, &error);
    if (err != PB_OK)
        fail(o, &error);
}

static enum pb_err start_open(struct app_object *o, struct error *e)
{
    o->op = o->spot.store->ops->open(o->spot.store, o->spot.container, o->spot.key, o->spot.key_len,
                                     on_opened, o, e);
    return o->op != NULL ? PB_OK : e->code;
}

static void on_head(void *ctx, const struct store_object *info, const struct error *e)
{
    struct app_object *o = ctx;
    struct error error;
    enum pb_err err;

    o->op = NULL;
    if (e != NULL) {
        look_in_archive(o, e);
        return;
    }
    store_object_release(&o->info);
    store_object_init(&o->info);
    err = store_object_copy(&o->info, info, &error);
    if (err == PB_OK && o->loc.scheme == LOC_LOCAL) {
        err = start_open(o, &error);
        if (err == PB_OK)
            return;
    } else if (err == PB_OK && o->info.identity.size > o->app->options.big && o->rereads == 0) {
        o->state = APP_BIG_ASK;
    } else if (err == PB_OK) {
        err = start_read(o, &error);
    }
    if (err != PB_OK)
        fail(o, &error);
    else
        announce(o);
}

static enum pb_err start_head(struct app_object *o, store_head_fn done, struct error *e)
{
    struct store *s = o->spot.store;
    struct error error;

    o->op = s->ops->head(s, o->spot.container, o->spot.key, o->spot.key_len, o->version_id, done, o,
                         &error);
    if (o->op != NULL)
        return PB_OK;
    if (e != NULL)
        *e = error;
    return error.code;
}

/* --- standard input --------------------------------------------------------------------------- */

static void on_stdin(void *ctx, const struct error *e)
{
    struct app_object *o = ctx;

    if (e != NULL) {
        fail(o, e);
        return;
    }
    stop_transfer(o);
    o->info.identity.size = o->source->here;
    all_arrived(o);
}

static enum pb_err start_stdin(struct app_object *o, struct error *e)
{
    enum pb_err err = source_spool(0, &o->source, e);

    if (err == PB_OK)
        err = start_index(o, e);
    if (err == PB_OK)
        err = stdin_reader_start(o->app->loop, o->source, on_stdin, o, &o->input, e);
    if (err == PB_OK)
        o->state = APP_FETCHING;
    return err;
}

/* --- for the owner ---------------------------------------------------------------------------- */

static enum pb_err open_version(struct app *a, const struct location *loc, const char *version_id,
                                bool fixed, void (*changed)(void *ctx, struct app_object *o),
                                void *ctx, struct app_object **out, struct error *e)
{
    struct app_object *o = mem_alloc(sizeof *o);
    enum pb_err err;

    *out = NULL;
    if (o == NULL)
        return error_nomem(e);
    o->app = a;
    o->fixed = fixed;
    o->changed = changed;
    o->ctx = ctx;
    o->state = APP_HEAD;
    arena_init(&o->mem);
    store_object_init(&o->info);
    err = location_copy(&o->loc, loc, e);
    if (err == PB_OK)
        err = location_copy(&o->at, loc, e);
    if (err == PB_OK && version_id != NULL) {
        o->version_id = arena_strndup(&o->mem, version_id, strlen(version_id));
        err = o->version_id != NULL ? PB_OK : error_nomem(e);
    }
    if (err == PB_OK && loc->scheme == LOC_STDIO) {
        err = start_stdin(o, e);
    } else if (err == PB_OK) {
        err = app_resolve(a, loc, &o->mem, &o->spot, e);
        if (err == PB_OK && (o->spot.container == NULL || o->spot.key_len == 0))
            err = app_fail(e, PB_EUSAGE, loc, "this is a place to list, not an object");
        if (err == PB_OK)
            err = start_head(o, on_head, e);
    }
    if (err != PB_OK) {
        app_object_close(o);
        return err;
    }
    *out = o;
    return PB_OK;
}

enum pb_err app_object_open(struct app *a, const struct location *loc,
                            void (*changed)(void *ctx, struct app_object *o), void *ctx,
                            struct app_object **out, struct error *e)
{
    return open_version(a, loc, a->options.version_id, false, changed, ctx, out, e);
}

enum pb_err app_object_open_now(struct app *a, const struct location *loc,
                                void (*changed)(void *ctx, struct app_object *o), void *ctx,
                                struct app_object **out, struct error *e)
{
    return open_version(a, loc, NULL, false, changed, ctx, out, e);
}

enum pb_err app_object_look(struct app *a, const struct location *loc, const char *version_id,
                            void (*changed)(void *ctx, struct app_object *o), void *ctx,
                            struct app_object **out, struct error *e)
{
    return open_version(a, loc, version_id, true, changed, ctx, out, e);
}

void app_object_follow(struct app_object *o)
{
    struct store *now = NULL;

    if (o->loc.scheme == LOC_S3 && app_store(o->app, LOC_S3, &now, NULL) == PB_OK)
        o->spot.store = now;
}

void app_object_fetch(struct app_object *o)
{
    struct error error;

    if (o->state != APP_BIG_ASK)
        return;
    if (start_read(o, &error) != PB_OK)
        set_failed(o, &error);
    announce_later(o);
}

void app_object_cancel(struct app_object *o)
{
    struct error error;

    if (o->state != APP_HEAD && o->state != APP_BIG_ASK && o->state != APP_FETCHING &&
        o->state != APP_INDEXING)
        return;
    error_set(&error, PB_ECANCELED, "Stopped before all of it was here.");
    set_failed(o, &error);
    announce_later(o);
}

void app_object_close(struct app_object *o)
{
    if (o == NULL)
        return;
    loop_unpost(o->app->loop, o);
    watch_free(o->watch);
    save_free(o->save);
    merge_free(o->merge);
    app_review_cancel(o);
    review_unref(o->stored);
    drop_bytes(o);
    details_forget(o);
    store_object_release(&o->info);
    location_release(&o->loc);
    location_release(&o->at);
    arena_release(&o->mem);
    free(o);
}

enum app_state app_object_state(const struct app_object *o)
{
    return o->state;
}

const struct error *app_object_error(const struct app_object *o)
{
    return &o->error;
}

const struct location *app_object_location(const struct app_object *o)
{
    return &o->loc;
}

const struct store_object *app_object_info(const struct app_object *o)
{
    return &o->info;
}

void app_object_progress(const struct app_object *o, struct http_progress *out)
{
    *out = (struct http_progress){0};
    if (o->op != NULL)
        store_op_progress(o->op, out);
    if (o->state == APP_FETCHING && o->source != NULL) {
        out->received = o->source->here;
        out->receive_total = o->info.identity.size;
    } else if (o->unwrap != NULL && unwrap_any(o->unwrap)) {
        out->received = unwrap_taken(o->unwrap);
        out->receive_total = o->info.identity.size;
    } else if (o->doc != NULL) {
        out->received = pkl_doc_indexed(o->doc);
        out->receive_total = o->info.identity.size;
    }
}

struct pkl_doc *app_object_doc(struct app_object *o)
{
    return o->state == APP_READY || o->state == APP_BROKEN ? o->doc : NULL;
}

struct pkl_doc *app_object_opcodes(struct app_object *o)
{
    return o->state == APP_NOT_PICKLE ? o->doc : app_object_doc(o);
}

struct pkl_edit *app_object_edit(struct app_object *o)
{
    return o->edit;
}

struct pkl_view *app_object_view(struct app_object *o)
{
    if (o->edit != NULL)
        return pkl_edit_view(o->edit);
    return app_object_doc(o) != NULL ? pkl_doc_view(o->doc) : NULL;
}

void app_object_wrapping(const struct app_object *o, struct buf *out)
{
    if (o->unwrap != NULL)
        unwrap_name(o->unwrap, out);
}

const char *app_object_fixed(const struct app_object *o)
{
    if (o->state != APP_READY)
        return NULL;
    if (o->info.read_only != NULL)
        return o->info.read_only;
    return o->unwrap != NULL ? unwrap_fixed(o->unwrap) : NULL;
}

struct source *app_object_stored(struct app_object *o)
{
    return o->stored != NULL ? o->stored->pub.result : o->source;
}

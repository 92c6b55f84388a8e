/*
 * Copying a whole object from any place to any other: read it, keep what is to be replaced, write.
 * Within one store the service copies by itself, where it can and may; then only what is replaced
 * is read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pklbrowse/log.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define OFFER_AGAIN_MS 10
#define OFFER_MAX ((size_t)32 * 1024)

struct app_copy {
    struct app *app;
    struct location from, to;
    struct arena mem;
    struct app_spot from_spot, to_spot;
    struct sink out; /* in place of `to` when that is "-" */
    app_copied_fn done;
    void *ctx;
    const char *version_id;    /* of `from`, in mem; NULL: what is there */
    bool only_new;             /* what is at `to` is not replaced */
    bool move;                 /* `from` is removed in the end */
    struct store_identity now; /* of what was written, once it was */
    bool unchecked;
    struct store_op *op;
    struct stdin_reader *input;
    struct source *bytes;
    struct store_object info; /* of `from` */
    int mode;                 /* permission bits it gets in place of those of `from`, or 0 */
    bool have_info;
    bool on_server;              /* the service is to copy it */
    struct store_object carried; /* info, as another kind of store writes it */
    struct buf lost;
    uint64_t written; /* into out */
    loop_timer later; /* out has enough for now */
    struct replace *replace;
    const struct store_object *there; /* what is replaced, or NULL */
    const char *kept;
    bool not_kept;
};

static void fail(struct app_copy *c, const struct error *e)
{
    c->done(c->ctx, NULL, e);
}

/* --- writing ------------------------------------------------------------------------------- */

static void finish(struct app_copy *c)
{
    struct app_copied result = {
        .size = c->bytes != NULL ? c->bytes->size : c->info.identity.size,
        .now = &c->now,
        .kept = c->kept,
        .not_kept = c->not_kept,
        .unchecked = c->unchecked,
        .lost = c->lost.len > 0 ? c->lost.data : NULL,
    };

    c->done(c->ctx, &result, NULL);
}

static void on_removed(void *ctx, const char *marker, const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;

    (void)marker;
    c->op = NULL;
    if (e != NULL) {
        error_set(&error, e->code, "copied, but not removed where it was: %s", e->msg);
        fail(c, &error);
    } else {
        finish(c);
    }
}

/* Only what was read goes: not what somebody wrote there meanwhile. */
static void remove_from(struct app_copy *c)
{
    struct store_remove_request q = {
        .container = c->from_spot.container,
        .key = c->from_spot.key,
        .key_len = c->from_spot.key_len,
        .identity = &c->info.identity,
    };
    struct error error;

    c->op = c->from_spot.store->ops->remove(c->from_spot.store, &q, on_removed, c, &error);
    if (c->op == NULL)
        fail(c, &error);
}

static void on_written(void *ctx, const struct store_identity *now, bool unchecked,
                       const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;

    c->op = NULL;
    c->unchecked = unchecked;
    if (e != NULL && e->code == PB_EEXIST && !c->only_new) { /* nothing was there a moment ago */
        error = *e;
        error.code = PB_ECHANGED;
        fail(c, &error);
    } else if (e != NULL) {
        fail(c, e);
    } else if (store_identity_copy(&c->now, now, &error) != PB_OK) {
        fail(c, &error);
    } else if (c->move) {
        remove_from(c);
    } else {
        finish(c);
    }
}

/* Between two kinds of clouds, properties are said in the other's words. */
static bool is_between_kinds(const struct app_copy *c)
{
    return c->have_info && c->from.scheme != LOC_LOCAL &&
           strcmp(c->from_spot.store->ops->scheme, c->to_spot.store->ops->scheme) != 0;
}

static void write_bytes(struct app_copy *c)
{
    const struct store_object *there = c->there;
    struct store_write_request q = {
        .container = c->to_spot.container,
        .key = c->to_spot.key,
        .key_len = c->to_spot.key_len,
        .body = c->bytes,
        .keep = replace_keep(c->from.scheme, c->have_info ? &c->info : NULL, c->to.scheme, there),
        .condition = there != NULL ? STORE_IF_SAME : STORE_IF_ABSENT,
        .identity = there != NULL ? &there->identity : NULL,
    };
    struct error error;

    if (is_between_kinds(c)) {
        if (store_carry(&c->info, c->to_spot.store->ops->scheme, &c->carried, &c->lost, &error) !=
            PB_OK) {
            fail(c, &error);
            return;
        }
        if (c->to.scheme != LOC_LOCAL)
            q.keep = &c->carried;
    }
    q.keep_as_given = q.keep == &c->info || q.keep == &c->carried;
    c->op = c->to_spot.store->ops->write(c->to_spot.store, &q, on_written, c, &error);
    if (c->op == NULL)
        fail(c, &error);
}

static void read_after_all(struct app_copy *c);

static void on_copied(void *ctx, const struct store_identity *now, bool unchecked,
                      const struct error *e)
{
    struct app_copy *c = ctx;

    c->op = NULL;
    if (e != NULL && (e->code == PB_EUNSUPPORTED || e->code == PB_EDENIED)) {
        log_line("not copied by the service, but read and written: %s", e->msg);
        read_after_all(c);
    } else {
        on_written(ctx, now, unchecked, e);
    }
}

static void copy_on_server(struct app_copy *c)
{
    const struct app_spot *from = &c->from_spot, *to = &c->to_spot;
    struct store_copy_request q = {
        .from_container = from->container,
        .from_key = from->key,
        .from_len = from->key_len,
        .version_id = c->version_id,
        .from = &c->info,
        .container = to->container,
        .key = to->key,
        .key_len = to->key_len,
        .condition = c->there != NULL ? STORE_IF_SAME : STORE_IF_ABSENT,
        .identity = c->there != NULL ? &c->there->identity : NULL,
    };
    struct error error;

    c->op = to->store->ops->copy(to->store, &q, on_copied, c, &error);
    if (c->op == NULL)
        on_copied(c, NULL, false, &error);
}

static void on_replaceable(void *ctx, const struct store_object *there, const char *kept,
                           const struct error *e)
{
    struct app_copy *c = ctx;

    if (e != NULL) {
        fail(c, e);
        return;
    }
    c->there = there;
    c->kept = kept;
    c->not_kept = there != NULL && kept == NULL;
    if (c->on_server)
        copy_on_server(c);
    else
        write_bytes(c);
}

/* The bytes are here, or the service has them. */
static void all_read(struct app_copy *c)
{
    struct app_copied result = {.size = c->written};
    struct error error;

    if (c->to.scheme == LOC_STDIO) {
        c->done(c->ctx, &result, NULL);
        return;
    }
    if (c->replace != NULL) { /* the service could not copy it */
        write_bytes(c);
        return;
    }
    if (replace_start(c->app, &c->to, &c->to_spot, NULL,
                      c->only_new ? REPLACE_NOTHING : REPLACE_ANY, on_replaceable, c, &c->replace,
                      &error) != PB_OK)
        fail(c, &error);
}

/* --- reading ------------------------------------------------------------------------------- */

static void offer_again(void *ctx)
{
    struct app_copy *c = ctx;

    c->later = 0;
    store_op_resume(c->op);
}

static enum pb_err take(void *ctx, const void *p, size_t n, struct error *e)
{
    struct app_copy *c = ctx;
    enum pb_err err;

    if (c->bytes != NULL)
        return source_spool_append(c->bytes, p, n, e);
    err = sink_write(&c->out, p, n, e);
    if (err == PB_OK)
        c->written += n;
    if (err != PB_EAGAIN)
        return err;
    c->later = loop_timer_start(c->app->loop, OFFER_AGAIN_MS, offer_again, c);
    return c->later != 0 ? PB_EAGAIN : error_nomem(e);
}

static enum pb_err keep_info(struct app_copy *c, const struct store_object *info, struct error *e)
{
    enum pb_err err;

    store_object_release(&c->info);
    c->have_info = true;
    err = store_object_copy(&c->info, info, e);
    if (c->mode != 0)
        c->info.mode = c->mode;
    return err;
}

static void on_read(void *ctx, const struct store_object *read, const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;

    c->op = NULL;
    if (e != NULL) {
        fail(c, e);
        return;
    }
    if (keep_info(c, read, &error) != PB_OK) {
        fail(c, &error);
        return;
    }
    if (c->bytes != NULL)
        source_spool_done(c->bytes);
    all_read(c);
}

/* From standard input to standard output, once all of it is here. */
static void pass_on(void *ctx)
{
    struct app_copy *c = ctx;
    struct error error;
    enum pb_err err = PB_OK;

    c->later = 0;
    while (err == PB_OK && c->written < c->bytes->size) {
        const uint8_t *p;
        size_t n;

        err = source_view(c->bytes, c->written, 1, &p, &n, &error);
        if (err == PB_OK && n > OFFER_MAX)
            n = OFFER_MAX;
        if (err == PB_OK)
            err = sink_write(&c->out, p, n, &error);
        if (err == PB_OK)
            c->written += n;
    }
    if (err == PB_EAGAIN) {
        c->later = loop_timer_start(c->app->loop, OFFER_AGAIN_MS, pass_on, c);
        if (c->later != 0)
            return;
        err = error_nomem(&error);
    }
    if (err != PB_OK)
        fail(c, &error);
    else
        all_read(c);
}

static void on_input(void *ctx, const struct error *e)
{
    struct app_copy *c = ctx;

    if (e != NULL) {
        fail(c, e);
        return;
    }
    source_spool_done(c->bytes);
    if (c->to.scheme == LOC_STDIO)
        pass_on(c);
    else
        all_read(c);
}

/* A local file is written from where it is: the source notices when it changes meanwhile. */
static void on_opened(void *ctx, int fd, const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;

    c->op = NULL;
    if (e != NULL)
        fail(c, e);
    else if (app_local_source(&c->from, fd, &c->bytes, &error) != PB_OK)
        fail(c, &error);
    else
        all_read(c);
}

static void on_local_head(void *ctx, const struct store_object *info, const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;
    enum pb_err err;

    c->op = NULL;
    if (e != NULL) {
        fail(c, e);
        return;
    }
    err = keep_info(c, info, &error);
    if (err == PB_OK) {
        const struct app_spot *from = &c->from_spot;

        c->op = from->store->ops->open(from->store, from->container, from->key, from->key_len,
                                       on_opened, c, &error);
        if (c->op != NULL)
            return;
    }
    fail(c, &error);
}

/* Of what was looked at: so a large object comes in ranges side by side. */
static enum pb_err read_from_store(struct app_copy *c, struct error *e)
{
    struct store *s = c->from_spot.store;
    struct store_read_request q = {
        .container = c->from_spot.container,
        .key = c->from_spot.key,
        .key_len = c->from_spot.key_len,
        .version_id = c->version_id,
        .expect = c->have_info ? &c->info.identity : NULL,
        .to = {take, c},
    };
    enum pb_err err = PB_OK;

    if (c->to.scheme != LOC_STDIO && c->bytes == NULL)
        err = source_spool(0, &c->bytes, e);
    if (err != PB_OK)
        return err;
    c->op = s->ops->read(s, &q, on_read, c, e);
    return c->op != NULL ? PB_OK : e->code;
}

static void on_source(void *ctx, const struct store_object *info, const struct error *e)
{
    struct app_copy *c = ctx;
    struct error error;

    c->op = NULL;
    if (e != NULL)
        fail(c, e);
    else if (keep_info(c, info, &error) != PB_OK)
        fail(c, &error);
    else if (c->on_server)
        all_read(c);
    else if (read_from_store(c, &error) != PB_OK)
        fail(c, &error);
}

static bool is_within_one_store(const struct app_copy *c)
{
    return c->from.scheme == c->to.scheme && c->from_spot.store == c->to_spot.store &&
           c->to_spot.store->ops->copy != NULL;
}

static enum pb_err start_store_read(struct app_copy *c, struct error *e)
{
    const struct app_spot *from = &c->from_spot;
    store_head_fn done = c->from.scheme == LOC_LOCAL ? on_local_head : on_source;
    struct error error;

    if (c->to.scheme == LOC_STDIO) {
        if (read_from_store(c, &error) == PB_OK)
            return PB_OK;
    } else {
        c->op = from->store->ops->head(from->store, from->container, from->key, from->key_len,
                                       c->version_id, done, c, &error);
        if (c->op != NULL)
            return PB_OK;
    }
    if (e != NULL)
        *e = error;
    return error.code;
}

static void read_after_all(struct app_copy *c)
{
    struct error error;

    c->on_server = false;
    if (read_from_store(c, &error) != PB_OK)
        fail(c, &error);
}

static enum pb_err start_input(struct app_copy *c, struct error *e)
{
    enum pb_err err = source_spool(0, &c->bytes, e);

    if (err == PB_OK)
        err = stdin_reader_start(c->app->loop, c->bytes, on_input, c, &c->input, e);
    return err;
}

/* --- for the owner ------------------------------------------------------------------------- */

/* The same object under two names would be kept, then written over itself: for nothing. */
static bool same_place(const struct app_copy *c)
{
    struct stat a, b;

    if (c->from.scheme != c->to.scheme || c->version_id != NULL)
        return false; /* an older version is brought back by copying it over the newest */
    if (c->from.scheme == LOC_LOCAL)
        return stat(c->from.key, &a) == 0 && stat(c->to.key, &b) == 0 && a.st_dev == b.st_dev &&
               a.st_ino == b.st_ino;
    return strcmp(c->from_spot.container, c->to_spot.container) == 0 &&
           c->from_spot.key_len == c->to_spot.key_len &&
           memcmp(c->from_spot.key, c->to_spot.key, c->from_spot.key_len) == 0;
}

static enum pb_err find_place(struct app_copy *c, const struct location *loc, struct app_spot *spot,
                              struct error *e)
{
    enum pb_err err = app_resolve(c->app, loc, &c->mem, spot, e);

    if (err == PB_OK && (spot->container == NULL || spot->key_len == 0))
        err = app_fail(e, PB_EUSAGE, loc, "this is a place to list, not an object");
    return err;
}

static enum pb_err find_places(struct app_copy *c, struct error *e)
{
    enum pb_err err = PB_OK;

    if (c->to.scheme != LOC_STDIO && c->app->options.read_only)
        return app_fail(e, PB_EREADONLY, &c->to, "nothing is written with --read-only");
    err = app_check_protected(c->app, &c->to, e);
    if (err == PB_OK && c->from.scheme != LOC_STDIO)
        err = find_place(c, &c->from, &c->from_spot, e);
    if (err == PB_OK && c->to.scheme != LOC_STDIO)
        err = find_place(c, &c->to, &c->to_spot, e);
    if (err == PB_OK && c->from.scheme != LOC_STDIO && same_place(c))
        err = app_fail(e, PB_EUSAGE, &c->to, "this is the object itself");
    return err;
}

static enum pb_err copy_start(struct app *a, const struct location *from, const char *version_id,
                              const struct location *to, const struct sink *out, app_copied_fn done,
                              void *ctx, struct app_copy **copy, struct error *e)
{
    struct app_copy *c = mem_alloc(sizeof *c);
    enum pb_err err;

    *copy = NULL;
    if (c == NULL)
        return error_nomem(e);
    c->app = a;
    c->done = done;
    c->ctx = ctx;
    if (out != NULL)
        c->out = *out;
    arena_init(&c->mem);
    store_object_init(&c->info);
    store_object_init(&c->carried);
    buf_init(&c->lost, BUF_MAX_LINE);
    err = location_copy(&c->from, from, e);
    if (err == PB_OK)
        err = location_copy(&c->to, to, e);
    if (err == PB_OK && version_id != NULL) {
        c->version_id = arena_strndup(&c->mem, version_id, strlen(version_id));
        err = c->version_id != NULL ? PB_OK : error_nomem(e);
    }
    if (err == PB_OK)
        err = find_places(c, e);
    if (err == PB_OK && from->scheme != LOC_STDIO && to->scheme != LOC_STDIO)
        c->on_server = is_within_one_store(c);
    if (err == PB_OK)
        err = from->scheme == LOC_STDIO ? start_input(c, e) : start_store_read(c, e);
    if (err != PB_OK)
        app_copy_free(c);
    else
        *copy = c;
    return err;
}

enum pb_err app_copy_start(struct app *a, const struct location *from, const struct location *to,
                           const struct sink *out, app_copied_fn done, void *ctx,
                           struct app_copy **copy, struct error *e)
{
    return copy_start(a, from, a->options.version_id, to, out, done, ctx, copy, e);
}

enum pb_err app_copy_version_start(struct app *a, const struct location *from,
                                   const char *version_id, const struct location *to,
                                   app_copied_fn done, void *ctx, struct app_copy **copy,
                                   struct error *e)
{
    return copy_start(a, from, version_id, to, NULL, done, ctx, copy, e);
}

enum pb_err app_copy_new_start(struct app *a, const struct location *from,
                               const struct location *to, app_copied_fn done, void *ctx,
                               struct app_copy **copy, struct error *e)
{
    enum pb_err err = copy_start(a, from, NULL, to, NULL, done, ctx, copy, e);

    if (err == PB_OK)
        (*copy)->only_new = true;
    return err;
}

enum pb_err app_move_start(struct app *a, const struct location *from, const struct location *to,
                           app_copied_fn done, void *ctx, struct app_copy **copy, struct error *e)
{
    enum pb_err err;

    *copy = NULL;
    if (from->scheme == LOC_STDIO || to->scheme == LOC_STDIO)
        return error_set(e, PB_EUSAGE, "standard input and output cannot be moved");
    if (a->options.version_id != NULL)
        return error_set(e, PB_EUSAGE, "a version cannot be moved: copy it (cp)");
    if (a->options.read_only)
        return app_fail(e, PB_EREADONLY, from, "nothing is removed with --read-only");
    err = app_check_protected(a, from, e);
    if (err == PB_OK)
        err = app_copy_start(a, from, to, NULL, done, ctx, copy, e);
    if (err == PB_OK)
        (*copy)->move = true;
    return err;
}

void app_copy_mode(struct app_copy *c, int mode)
{
    c->mode = mode;
}

void app_copy_progress(const struct app_copy *c, struct http_progress *out)
{
    *out = (struct http_progress){0};
    if (c->op != NULL)
        store_op_progress(c->op, out);
    if (c->input != NULL && c->replace == NULL)
        out->received = c->bytes->here;
}

void app_copy_free(struct app_copy *c)
{
    if (c == NULL)
        return;
    if (c->op != NULL)
        store_op_cancel(c->op);
    loop_timer_stop(c->app->loop, c->later);
    stdin_reader_free(c->input);
    replace_free(c->replace);
    source_free(c->bytes);
    store_object_release(&c->info);
    store_object_release(&c->carried);
    buf_release(&c->lost);
    store_identity_release(&c->now);
    location_release(&c->from);
    location_release(&c->to);
    arena_release(&c->mem);
    free(c);
}

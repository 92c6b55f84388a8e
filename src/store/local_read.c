#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <pklbrowse/clock.h>

#include "local.h"

#define PIECE (128u * 1024u)

struct read_op {
    struct store_op op; /* first */
    struct job job;
    char *path;
    int fd;
    struct stat st;
    char *piece;
    size_t have; /* bytes of the piece that the sink has not taken yet */
    uint64_t at, end;
    bool begun, expected, paused;
    struct store_identity expect;
    struct store_object object;
    enum pb_err (*begin)(void *ctx, const struct store_object *o, struct error *e);
    struct sink to;
    store_read_fn done;
    void *ctx;
};

static struct read_op *read_of(struct job *j)
{
    return (struct read_op *)(void *)((char *)j - offsetof(struct read_op, job));
}

static void read_free(struct read_op *r)
{
    store_op_end(&r->op);
    loop_remove_job(r->op.store->loop, &r->job);
    if (r->fd >= 0)
        (void)close(r->fd);
    store_identity_release(&r->expect);
    store_object_release(&r->object);
    free(r->piece);
    free(r->path);
    free(r);
}

static void read_stop(struct store_op *op)
{
    read_free((struct read_op *)op);
}

static void read_resume(struct store_op *op)
{
    struct read_op *r = (struct read_op *)op;

    r->paused = false;
    loop_wake_jobs(op->store->loop);
}

static void read_progress(const struct store_op *op, struct http_progress *out)
{
    const struct read_op *r = (const struct read_op *)op;

    out->received = r->job.done;
    out->receive_total = r->job.total;
}

static const struct store_op_class read_class = {
    .stop = read_stop, .resume = read_resume, .progress = read_progress};

static enum pb_err changed(const struct read_op *r, struct error *e)
{
    return local_fail(PB_ECHANGED, r->path, "it was changed by someone else meanwhile", e);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ino == b->st_ino;
}

static enum pb_err begin(struct read_op *r, struct error *e)
{
    enum pb_err err;
    uint64_t size;

    r->begun = true;
    r->fd = open(r->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (r->fd < 0)
        return local_errno(errno, "cannot open", r->path, e);
    if (fstat(r->fd, &r->st) != 0)
        return local_errno(errno, "cannot look at", r->path, e);
    err = local_regular(&r->st, r->path, e);
    if (err == PB_OK)
        err = local_object(&r->object, &r->st, e);
    if (err != PB_OK)
        return err;
    if (r->expected && !store_identity_same(&r->expect, &r->object.identity))
        return changed(r, e);
    size = r->object.identity.size;
    if (r->at > size)
        return local_fail(PB_ECHANGED, r->path, "it is shorter than expected", e);
    if (r->end == 0 || r->end > size)
        r->end = size;
    r->job.total = r->end - r->at;
    r->piece = mem_alloc(PIECE);
    if (!r->piece)
        return error_nomem(e);
    return r->begin ? r->begin(r->ctx, &r->object, e) : PB_OK;
}

static enum pb_err fill(struct read_op *r, struct error *e)
{
    uint64_t left = r->end - r->at;
    ssize_t n;

    do
        n = pread(r->fd, r->piece, left < PIECE ? (size_t)left : PIECE, (off_t)r->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return local_errno(errno, "cannot read", r->path, e);
    if (n == 0)
        return changed(r, e);
    r->have = (size_t)n;
    return PB_OK;
}

static enum pb_err check_unchanged(const struct read_op *r, struct error *e)
{
    struct stat now;

    if (fstat(r->fd, &now) != 0)
        return local_errno(errno, "cannot look at", r->path, e);
    return same_file(&r->st, &now) ? PB_OK : changed(r, e);
}

static enum pb_err copy_some(struct read_op *r, uint64_t end_us, bool *more, struct error *e)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && r->at < r->end) {
        if (clock_mono_us() >= end_us) {
            *more = true;
            return PB_OK;
        }
        if (r->have == 0 && (err = fill(r, e)) != PB_OK)
            break;
        err = sink_write(&r->to, r->piece, r->have, e);
        if (err == PB_OK) {
            r->at += r->have;
            r->job.done += r->have;
            r->have = 0;
        }
    }
    return err == PB_OK ? check_unchanged(r, e) : err;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct read_op *r = read_of(j);
    uint64_t end_us = clock_mono_us() + budget_us;
    bool more = false;
    enum pb_err err = PB_OK;

    if (r->paused)
        return JOB_WAITING;
    if (!r->begun)
        err = begin(r, &j->error);
    if (err == PB_OK)
        err = copy_some(r, end_us, &more, &j->error);
    if (err == PB_EAGAIN) {
        r->paused = true;
        return JOB_WAITING;
    }
    if (err != PB_OK)
        return JOB_FAILED;
    return more ? JOB_MORE : JOB_DONE;
}

static void finished(struct job *j, enum job_state state)
{
    struct read_op *r = read_of(j);
    struct error error = j->error;
    struct store_object o = r->object;
    store_read_fn done = r->done;
    void *ctx = r->ctx;

    store_object_init(&r->object);
    read_free(r);
    done(ctx, state == JOB_DONE ? &o : NULL, state == JOB_DONE ? NULL : &error);
    store_object_release(&o);
}

struct store_op *local_read(struct store *s, const struct store_read_request *q, store_read_fn done,
                            void *ctx, struct error *e)
{
    struct read_op *r = mem_alloc(sizeof *r);
    enum pb_err err;

    if (!r) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&r->op, &read_class, s);
    r->fd = -1;
    r->at = q->offset;
    r->end = q->length && q->length <= UINT64_MAX - q->offset ? q->offset + q->length : 0;
    r->begin = q->begin;
    r->to = q->to;
    r->done = done;
    r->ctx = ctx;
    r->expected = q->expect != NULL;
    r->job.step = step;
    r->job.finished = finished;
    err = q->version_id ? error_set(e, PB_EUNSUPPORTED, "local files have no versions") : PB_OK;
    if (err == PB_OK)
        err = local_path(q->container, q->key, q->key_len, &r->path, e);
    if (err == PB_OK && q->expect)
        err = store_identity_copy(&r->expect, q->expect, e);
    if (err == PB_OK)
        err = loop_add_job(s->loop, &r->job, e);
    if (err == PB_OK)
        return &r->op;
    read_free(r);
    return NULL;
}

/* ----------------------------------------------------------------------------- the file */

struct open_op {
    struct store_op op; /* first */
    char *path;
    store_open_fn done;
    void *ctx;
};

static void open_free(struct open_op *o)
{
    store_op_end(&o->op);
    loop_unpost(o->op.store->loop, o);
    free(o->path);
    free(o);
}

static void open_stop(struct store_op *op)
{
    open_free((struct open_op *)op);
}

static const struct store_op_class open_class = {.stop = open_stop};

static void open_run(void *ctx)
{
    struct open_op *o = ctx;
    store_open_fn done = o->done;
    void *done_ctx = o->ctx;
    struct error error;
    int fd = open(o->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        (void)local_errno(errno, "cannot open", o->path, &error);
    open_free(o);
    done(done_ctx, fd, fd >= 0 ? NULL : &error);
}

struct store_op *local_open(struct store *s, const char *container, const char *key, size_t key_len,
                            store_open_fn done, void *ctx, struct error *e)
{
    struct open_op *o = mem_alloc(sizeof *o);

    if (!o) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&o->op, &open_class, s);
    o->done = done;
    o->ctx = ctx;
    if (local_path(container, key, key_len, &o->path, e) == PB_OK &&
        loop_post(s->loop, open_run, o, e) == PB_OK)
        return &o->op;
    open_free(o);
    return NULL;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pklbrowse/clock.h>

#include "apart.h"

#define IDLE_MAX 2 /* workers that are kept for the next operations */

struct apart_store {
    struct store store; /* first */
    int idle[IDLE_MAX];
    size_t idle_count;
};

/* A question and its answer.  As a job it is stepped whenever the socket has something. */
struct apart_op {
    struct store_op op; /* first */
    struct job job;
    int fd;          /* of the worker */
    int given;       /* the descriptor that came with an answer, or -1 */
    struct buf out;  /* the question, or what the worker wants */
    size_t sent;     /* of it */
    struct buf in;   /* the message that is coming */
    bool answered;   /* it is APART_DONE */
    bool paused;     /* it waits for the sink */
    bool wanting;    /* the worker waits for bytes of the body */
    uint64_t wanted; /* from here on */
    struct source *body;
    enum pb_err (*begin)(void *ctx, const struct store_object *o, struct error *e);
    struct sink to;
    /* One of them; called with what APART_DONE says. */
    union {
        store_page_fn page;
        store_head_fn object;
        store_write_fn written;
        store_remove_fn removed;
        store_open_fn opened;
    } done;
    enum apart_word question;
    void *ctx;
};

static struct apart_op *op_of(struct job *j)
{
    return (struct apart_op *)(void *)((char *)j - offsetof(struct apart_op, job));
}

/* ----------------------------------------------------------------------------- workers */

static int take_worker(struct apart_store *s, struct error *e)
{
    return s->idle_count > 0 ? s->idle[--s->idle_count] : apart_start(e);
}

/* One that has answered is ready for the next; with any other we just hang up. */
static void leave_worker(struct apart_store *s, int fd, bool ready)
{
    if (ready && s->idle_count < IDLE_MAX)
        s->idle[s->idle_count++] = fd;
    else if (fd >= 0)
        (void)close(fd);
}

static void op_free(struct apart_op *a)
{
    struct store *s = a->op.store;

    store_op_end(&a->op);
    loop_remove_job(s->loop, &a->job);
    if (a->fd >= 0)
        loop_unwatch_fd(s->loop, a->fd);
    leave_worker((struct apart_store *)s, a->fd, a->answered);
    if (a->given >= 0)
        (void)close(a->given);
    buf_release(&a->out);
    buf_release(&a->in);
    free(a);
}

static void op_stop(struct store_op *op)
{
    op_free((struct apart_op *)op);
}

static void op_resume(struct store_op *op)
{
    ((struct apart_op *)op)->paused = false;
    loop_wake_jobs(op->store->loop);
}

static void op_progress(const struct store_op *op, struct http_progress *out)
{
    const struct apart_op *a = (const struct apart_op *)op;

    if (a->question == APART_WRITE) {
        out->sent = a->job.done;
        out->send_total = a->job.total;
    } else {
        out->received = a->job.done;
        out->receive_total = a->job.total;
    }
}

static const struct store_op_class op_class = {
    .stop = op_stop, .resume = op_resume, .progress = op_progress};

/* ------------------------------------------------------------------------------ talking */

static enum pb_err gone(struct error *e)
{
    return error_set(e, PB_EIO, "the helper for local folders has ended; try again");
}

/* *more: not all of it could be sent. */
static enum pb_err flush(struct apart_op *a, bool *more, struct error *e)
{
    *more = false;
    while (a->sent < a->out.len) {
        ssize_t n =
            send(a->fd, a->out.data + a->sent, a->out.len - a->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            *more = true;
            return PB_OK;
        }
        if (n < 0)
            return gone(e);
        a->sent += (size_t)n;
    }
    return PB_OK;
}

static void take_descriptor(struct apart_op *a, struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof a->given))
        return;
    if (a->given >= 0)
        (void)close(a->given);
    memcpy(&a->given, CMSG_DATA(c), sizeof a->given);
}

/* Up to `need` bytes in a->in.  PB_EAGAIN: they are not here yet. */
static enum pb_err receive(struct apart_op *a, size_t need, struct error *e)
{
    while (a->in.len < need) {
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec io = {.iov_len = need - a->in.len};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = control.room,
                           .msg_controllen = sizeof control.room};
        ssize_t n;

        io.iov_base = buf_room(&a->in, io.iov_len);
        if (io.iov_base == NULL)
            return buf_status(&a->in, e);
        n = recvmsg(a->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return PB_EAGAIN;
        if (n <= 0)
            return gone(e);
        take_descriptor(a, &m);
        a->in.len += (size_t)n;
    }
    return PB_OK;
}

/* The next message whole, at the beginning of a->in. */
static enum pb_err receive_message(struct apart_op *a, struct apart_head *head, struct error *e)
{
    enum pb_err err = receive(a, sizeof *head, e);

    if (err != PB_OK)
        return err;
    memcpy(head, a->in.data, sizeof *head);
    if (head->len > APART_MAX - sizeof *head)
        return gone(e);
    return receive(a, sizeof *head + head->len, e);
}

static struct apart_reader contents(const struct apart_op *a)
{
    return (struct apart_reader){.p = a->in.data + sizeof(struct apart_head),
                                 .end = a->in.data + a->in.len};
}

/* ------------------------------------------------------------------------------ answers */

static enum pb_err take_begin(struct apart_op *a, struct error *e)
{
    struct apart_reader r = contents(a);
    struct store_object o;
    enum pb_err err = apart_get_object(&r, &o, e);

    if (err != PB_OK)
        return err;
    if (a->job.total == 0)
        a->job.total = o.identity.size;
    err = a->begin != NULL ? a->begin(a->ctx, &o, e) : PB_OK;
    store_object_release(&o);
    return err;
}

static enum pb_err take_bytes(struct apart_op *a, struct error *e)
{
    struct apart_reader r = contents(a);
    enum pb_err err = sink_write(&a->to, r.p, (size_t)(r.end - r.p), e);

    if (err == PB_OK)
        a->job.done += (uint64_t)(r.end - r.p);
    else if (err == PB_EAGAIN)
        a->paused = true;
    return err;
}

static enum pb_err take_failure(struct apart_op *a, struct error *e)
{
    struct apart_reader r = contents(a);
    struct error theirs;

    if ((size_t)(r.end - r.p) != sizeof theirs)
        return gone(e);
    memcpy(&theirs, r.p, sizeof theirs);
    if (theirs.code == PB_OK || theirs.code == PB_EAGAIN)
        return gone(e);
    a->answered = true;
    if (e != NULL)
        *e = theirs;
    return theirs.code;
}

/* What the message asks for; PB_EAGAIN: it has to be tried again. */
static enum pb_err take_message(struct apart_op *a, const struct apart_head *head, struct error *e)
{
    struct apart_reader r = contents(a);

    switch (head->word) {
    case APART_BEGIN:
        return take_begin(a, e);
    case APART_READ_BYTES:
        return take_bytes(a, e);
    case APART_WANT:
        a->wanting = true;
        a->wanted = apart_get(&r);
        return PB_OK;
    case APART_DONE:
        a->answered = true;
        return PB_OK;
    case APART_FAILED:
        return take_failure(a, e);
    default:
        return gone(e);
    }
}

static enum pb_err give_bytes(struct apart_op *a, struct error *e)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    enum pb_err err;

    if (a->body == NULL || a->wanted >= a->body->size)
        return gone(e);
    err = source_view(a->body, a->wanted, APART_PIECE, &p, &n, e);
    if (err == PB_OK && n == 0)
        err = error_set(e, PB_EIO, "what is to be saved is shorter than it was");
    if (err != PB_OK)
        return err;
    if (n > APART_PIECE)
        n = APART_PIECE;
    a->wanting = false;
    a->job.done = a->wanted + n;
    a->sent = 0;
    apart_begin(&a->out, APART_BYTES);
    buf_append(&a->out, p, n);
    return apart_end(&a->out, e);
}

static enum pb_err go_on(struct apart_op *a, bool *more, struct error *e)
{
    struct apart_head head;
    enum pb_err err = PB_OK;

    if (a->wanting)
        err = give_bytes(a, e);
    if (err == PB_OK)
        err = flush(a, more, e);
    if (err != PB_OK || *more)
        return err;
    err = receive_message(a, &head, e);
    if (err != PB_OK)
        return err;
    err = take_message(a, &head, e);
    if (err == PB_OK && !a->answered)
        buf_clear(&a->in);
    return err;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct apart_op *a = op_of(j);
    uint64_t end_us = clock_mono_us() + budget_us;
    enum pb_err err = PB_OK;
    bool more = false;

    if (a->paused)
        return JOB_WAITING;
    do
        err = go_on(a, &more, &j->error);
    while (err == PB_OK && !more && !a->answered && clock_mono_us() < end_us);
    if (err == PB_EAGAIN)
        return JOB_WAITING;
    if (err != PB_OK)
        return JOB_FAILED;
    return a->answered ? JOB_DONE : JOB_MORE;
}

/* ---------------------------------------------------------------------------- the ends */

static void end_page(struct apart_op *a, const struct error *e)
{
    struct apart_reader r = contents(a);
    store_page_fn done = a->done.page;
    void *ctx = a->ctx;
    struct error error;
    struct store_page *page = e == NULL ? apart_get_page(&r, &error) : NULL;

    if (e != NULL)
        error = *e;
    op_free(a);
    done(ctx, page, page != NULL ? NULL : &error);
}

static void end_object(struct apart_op *a, const struct error *e)
{
    struct apart_reader r = contents(a);
    store_head_fn done = a->done.object;
    void *ctx = a->ctx;
    struct store_object o;
    struct error error;
    bool ok;

    store_object_init(&o);
    ok = e == NULL && apart_get_object(&r, &o, &error) == PB_OK;
    if (e != NULL)
        error = *e;
    op_free(a);
    done(ctx, ok ? &o : NULL, ok ? NULL : &error);
    store_object_release(&o);
}

static void end_write(struct apart_op *a, const struct error *e)
{
    struct apart_reader r = contents(a);
    store_write_fn done = a->done.written;
    void *ctx = a->ctx;
    struct store_identity now = {0};
    struct error error;
    bool unchecked = false, ok;

    ok = e == NULL && apart_get_identity(&r, &now, &error) == PB_OK;
    if (ok)
        unchecked = apart_get(&r) != 0;
    if (e != NULL)
        error = *e;
    op_free(a);
    done(ctx, ok ? &now : NULL, unchecked, ok ? NULL : &error);
    store_identity_release(&now);
}

static void end_remove(struct apart_op *a, const struct error *e)
{
    store_remove_fn done = a->done.removed;
    void *ctx = a->ctx;

    op_free(a);
    done(ctx, NULL, e); /* files leave no markers */
}

static void end_open(struct apart_op *a, const struct error *e)
{
    store_open_fn done = a->done.opened;
    void *ctx = a->ctx;
    struct error error;
    int fd = e == NULL ? a->given : -1;

    if (e != NULL)
        error = *e;
    else if (fd < 0)
        (void)gone(&error);
    a->given = e == NULL ? -1 : a->given;
    op_free(a);
    done(ctx, fd, fd >= 0 ? NULL : &error);
}

static void finished(struct job *j, enum job_state state)
{
    struct apart_op *a = op_of(j);
    struct error error = j->error;
    const struct error *e = state == JOB_DONE ? NULL : &error;

    switch (a->question) {
    case APART_CONTAINERS:
    case APART_LIST:
        end_page(a, e);
        break;
    case APART_WRITE:
        end_write(a, e);
        break;
    case APART_REMOVE:
        end_remove(a, e);
        break;
    case APART_OPEN:
        end_open(a, e);
        break;
    default:
        end_object(a, e);
        break;
    }
}

/* ---------------------------------------------------------------------------- questions */

static void readable(void *ctx)
{
    loop_wake_jobs(((struct apart_op *)ctx)->op.store->loop);
}

static struct apart_op *op_new(struct store *s, enum apart_word question, void *ctx,
                               struct error *e)
{
    struct apart_op *a = mem_alloc(sizeof *a);

    if (a == NULL) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&a->op, &op_class, s);
    a->fd = a->given = -1;
    a->question = question;
    a->ctx = ctx;
    a->job.step = step;
    a->job.finished = finished;
    buf_init(&a->out, APART_MAX);
    buf_init(&a->in, APART_MAX);
    apart_begin(&a->out, question);
    return a;
}

/* The question is complete. */
static struct store_op *op_start(struct apart_op *a, struct error *e)
{
    struct store *s = a->op.store;
    enum pb_err err = apart_end(&a->out, e);

    if (err == PB_OK && (a->fd = take_worker((struct apart_store *)s, e)) < 0)
        err = PB_EIO;
    if (err == PB_OK)
        err = loop_watch_fd(s->loop, a->fd, readable, a, e);
    if (err == PB_OK)
        err = loop_add_job(s->loop, &a->job, e);
    if (err == PB_OK)
        return &a->op;
    op_free(a);
    return NULL;
}

static struct store_op *apart_list_containers(struct store *s, const char *token,
                                              store_page_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_CONTAINERS, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.page = done;
    apart_put_text(&a->out, token);
    return op_start(a, e);
}

static struct store_op *apart_list(struct store *s, const struct store_list_request *q,
                                   store_page_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_LIST, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.page = done;
    apart_put_text(&a->out, q->container);
    apart_put_bytes(&a->out, q->prefix, q->prefix_len);
    apart_put(&a->out, q->recursive);
    apart_put_text(&a->out, q->token);
    apart_put_text(&a->out, q->start_after);
    apart_put(&a->out, q->max);
    return op_start(a, e);
}

static struct store_op *apart_head(struct store *s, const char *container, const char *key,
                                   size_t key_len, const char *version_id, store_head_fn done,
                                   void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_HEAD, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.object = done;
    apart_put_text(&a->out, container);
    apart_put_bytes(&a->out, key, key_len);
    apart_put_text(&a->out, version_id);
    return op_start(a, e);
}

static void put_optional(struct buf *b, const struct store_identity *id)
{
    apart_put(b, id != NULL);
    if (id != NULL)
        apart_put_identity(b, id);
}

static struct store_op *apart_read(struct store *s, const struct store_read_request *q,
                                   store_read_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_READ, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.object = done;
    a->begin = q->begin;
    a->to = q->to;
    a->job.total = q->length;
    apart_put_text(&a->out, q->container);
    apart_put_bytes(&a->out, q->key, q->key_len);
    apart_put_text(&a->out, q->version_id);
    apart_put(&a->out, q->offset);
    apart_put(&a->out, q->length);
    put_optional(&a->out, q->expect);
    return op_start(a, e);
}

static struct store_op *apart_write(struct store *s, const struct store_write_request *q,
                                    store_write_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_WRITE, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.written = done;
    a->body = q->body;
    a->job.total = q->body->size;
    apart_put_text(&a->out, q->container);
    apart_put_bytes(&a->out, q->key, q->key_len);
    apart_put(&a->out, q->body->size);
    apart_put(&a->out, q->condition);
    apart_put(&a->out, q->keep_as_given);
    put_optional(&a->out, q->identity);
    apart_put(&a->out, q->keep != NULL);
    if (q->keep != NULL)
        apart_put_object(&a->out, q->keep);
    return op_start(a, e);
}

static struct store_op *apart_remove(struct store *s, const struct store_remove_request *q,
                                     store_remove_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_REMOVE, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.removed = done;
    apart_put_text(&a->out, q->container);
    apart_put_bytes(&a->out, q->key, q->key_len);
    apart_put_text(&a->out, q->version_id);
    put_optional(&a->out, q->identity);
    return op_start(a, e);
}

static struct store_op *apart_open(struct store *s, const char *container, const char *key,
                                   size_t key_len, store_open_fn done, void *ctx, struct error *e)
{
    struct apart_op *a = op_new(s, APART_OPEN, ctx, e);

    if (a == NULL)
        return NULL;
    a->done.opened = done;
    apart_put_text(&a->out, container);
    apart_put_bytes(&a->out, key, key_len);
    return op_start(a, e);
}

/* -------------------------------------------------------------------------------- store */

static void apart_free(struct store *s)
{
    struct apart_store *a = (struct apart_store *)s;

    while (a->idle_count > 0)
        (void)close(a->idle[--a->idle_count]);
    free(a);
}

static const struct store_ops apart_ops = {
    .scheme = "file",
    .list_containers = apart_list_containers,
    .list = apart_list,
    .head = apart_head,
    .read = apart_read,
    .write = apart_write,
    .remove = apart_remove,
    .open = apart_open,
    .free = apart_free,
};

enum pb_err store_local_apart_new(struct loop *l, struct store **out, struct error *e)
{
    struct apart_store *a = mem_alloc(sizeof *a);

    *out = NULL;
    if (a == NULL)
        return error_nomem(e);
    a->store.ops = &apart_ops;
    a->store.loop = l;
    *out = &a->store;
    return PB_OK;
}

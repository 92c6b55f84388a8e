/*
 * The worker: waits for a question, does it with the ordinary local store, says how it went, until
 * nobody is at the other end any more.  It may wait as long as it likes, also for the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pklbrowse/log.h>

#include "apart.h"

struct worker {
    int fd;
    struct loop *loop;
    struct store *store;
    struct buf in, out;
    bool done; /* the operation */
};

/* ----------------------------------------------------------------------------- talking */

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

static bool receive_all(int fd, void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t got = recv(fd, p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* The next message, in w->in without its head.  False: nobody is there any more. */
static bool receive(struct worker *w, struct apart_head *head)
{
    char *room;

    if (!receive_all(w->fd, head, sizeof *head) || head->len > APART_MAX)
        return false;
    buf_clear(&w->in);
    room = buf_room(&w->in, head->len);
    if (room == NULL || !receive_all(w->fd, room, head->len))
        return false;
    w->in.len = head->len;
    return true;
}

/* Whoever has hung up is told nothing: the next receive() notices.  When there is no memory for any
 * answer we hang up. */
static void say(struct worker *w)
{
    struct error e;

    if (apart_end(&w->out, &e) != PB_OK) {
        apart_begin(&w->out, APART_FAILED);
        buf_append(&w->out, &e, sizeof e);
        if (apart_end(&w->out, NULL) != PB_OK) {
            (void)shutdown(w->fd, SHUT_RDWR);
            return;
        }
    }
    (void)send_all(w->fd, w->out.data, w->out.len);
}

static void say_failed(struct worker *w, const struct error *e)
{
    apart_begin(&w->out, APART_FAILED);
    buf_append(&w->out, e, sizeof *e);
    say(w);
    w->done = true;
}

/* ------------------------------------------------------------------------------ answers */

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct worker *w = ctx;

    if (e != NULL) {
        say_failed(w, e);
        return;
    }
    apart_begin(&w->out, APART_DONE);
    apart_put_page(&w->out, page);
    store_page_free(page);
    say(w);
    w->done = true;
}

static void on_object(void *ctx, const struct store_object *o, const struct error *e)
{
    struct worker *w = ctx;

    if (e != NULL) {
        say_failed(w, e);
        return;
    }
    apart_begin(&w->out, APART_DONE);
    apart_put_object(&w->out, o);
    say(w);
    w->done = true;
}

static void on_written(void *ctx, const struct store_identity *now, bool unchecked,
                       const struct error *e)
{
    struct worker *w = ctx;

    if (e != NULL) {
        say_failed(w, e);
        return;
    }
    apart_begin(&w->out, APART_DONE);
    apart_put_identity(&w->out, now);
    apart_put(&w->out, unchecked);
    say(w);
    w->done = true;
}

static void on_removed(void *ctx, const char *marker, const struct error *e)
{
    struct worker *w = ctx;

    if (e != NULL) {
        say_failed(w, e);
        return;
    }
    apart_begin(&w->out, APART_DONE);
    apart_put_text(&w->out, marker);
    say(w);
    w->done = true;
}

/* -------------------------------------------------------------------------------- bytes */

static enum pb_err on_begin(void *ctx, const struct store_object *o, struct error *e)
{
    struct worker *w = ctx;
    enum pb_err err;

    apart_begin(&w->out, APART_BEGIN);
    apart_put_object(&w->out, o);
    err = apart_end(&w->out, e);
    if (err == PB_OK && !send_all(w->fd, w->out.data, w->out.len))
        err = error_set(e, PB_ECANCELED, "cancelled");
    return err;
}

static enum pb_err on_bytes(void *ctx, const void *p, size_t n, struct error *e)
{
    struct worker *w = ctx;
    struct apart_head head = {.word = APART_READ_BYTES, .len = (uint32_t)n};

    if (!send_all(w->fd, (const char *)&head, sizeof head) || !send_all(w->fd, p, n))
        return error_set(e, PB_ECANCELED, "cancelled");
    return PB_OK;
}

/* A body to be written: asked for as it is needed. */
struct body {
    struct source source; /* first */
    struct worker *w;
    struct buf bytes;
};

/* The next bytes of it, at the end of those that are here. */
static enum pb_err fetch(struct body *b, uint64_t off, struct error *e)
{
    struct worker *w = b->w;
    struct apart_head head;

    apart_begin(&w->out, APART_WANT);
    apart_put(&w->out, off);
    if (apart_end(&w->out, e) != PB_OK)
        return PB_ENOMEM;
    if (!send_all(w->fd, w->out.data, w->out.len) || !receive(w, &head) ||
        head.word != APART_BYTES || head.len == 0)
        return error_set(e, PB_ECANCELED, "cancelled");
    buf_append(&b->bytes, w->in.data, w->in.len);
    return buf_status(&b->bytes, e);
}

static enum pb_err body_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                             size_t *n, struct error *e)
{
    struct body *b = (struct body *)s;
    enum pb_err err = PB_OK;

    if (want > s->size - off)
        want = (size_t)(s->size - off);
    buf_clear(&b->bytes);
    while (err == PB_OK && b->bytes.len < want)
        err = fetch(b, off + b->bytes.len, e);
    *p = (const uint8_t *)b->bytes.data;
    *n = b->bytes.len;
    return err;
}

static const struct source_ops body_ops = {.view = body_view};

/* ---------------------------------------------------------------------------- questions */

static struct store_op *ask_list(struct worker *w, struct apart_reader *r, struct error *e)
{
    struct store_list_request q = {.container = apart_get_text(r)};

    q.prefix = apart_get_bytes(r, &q.prefix_len);
    q.recursive = apart_get(r) != 0;
    q.token = apart_get_text(r);
    q.start_after = apart_get_text(r);
    q.max = (unsigned)apart_get(r);
    return w->store->ops->list(w->store, &q, on_page, w, e);
}

static struct store_op *ask_head(struct worker *w, struct apart_reader *r, struct error *e)
{
    const char *container = apart_get_text(r), *key;
    size_t n;

    key = apart_get_bytes(r, &n);
    return w->store->ops->head(w->store, container, key, n, apart_get_text(r), on_object, w, e);
}

/* w->in is free once an operation is started: what it points to was copied. */
static struct store_op *ask_read(struct worker *w, struct apart_reader *r, struct error *e)
{
    struct store_read_request q = {.container = apart_get_text(r), .begin = on_begin};
    struct store_identity expect = {0};
    struct store_op *op = NULL;

    q.key = apart_get_bytes(r, &q.key_len);
    q.version_id = apart_get_text(r);
    q.offset = apart_get(r);
    q.length = apart_get(r);
    q.to = (struct sink){on_bytes, w};
    if (apart_get(r) != 0) {
        if (apart_get_identity(r, &expect, e) != PB_OK)
            return NULL;
        q.expect = &expect;
    }
    op = w->store->ops->read(w->store, &q, on_object, w, e);
    store_identity_release(&expect);
    return op;
}

static struct store_op *ask_write(struct worker *w, struct apart_reader *r, struct body *body,
                                  struct error *e)
{
    struct store_write_request q = {.container = apart_get_text(r), .body = &body->source};
    struct store_identity identity = {0};
    struct store_object keep;
    struct store_op *op = NULL;
    enum pb_err err = PB_OK;

    store_object_init(&keep);
    q.key = apart_get_bytes(r, &q.key_len);
    body->source.size = body->source.here = apart_get(r);
    q.condition = (enum store_condition)apart_get(r);
    q.keep_as_given = apart_get(r) != 0;
    if (apart_get(r) != 0) {
        err = apart_get_identity(r, &identity, e);
        q.identity = &identity;
    }
    if (err == PB_OK && apart_get(r) != 0) {
        err = apart_get_object(r, &keep, e);
        q.keep = &keep;
    }
    if (err == PB_OK)
        op = w->store->ops->write(w->store, &q, on_written, w, e);
    store_identity_release(&identity);
    store_object_release(&keep);
    return op;
}

static struct store_op *ask_remove(struct worker *w, struct apart_reader *r, struct error *e)
{
    struct store_remove_request q = {.container = apart_get_text(r)};
    struct store_identity identity = {0};
    struct store_op *op;

    q.key = apart_get_bytes(r, &q.key_len);
    q.version_id = apart_get_text(r);
    if (apart_get(r) != 0) {
        if (apart_get_identity(r, &identity, e) != PB_OK)
            return NULL;
        q.identity = &identity;
    }
    op = w->store->ops->remove(w->store, &q, on_removed, w, e);
    store_identity_release(&identity);
    return op;
}

/* The descriptor goes with the answer. */
static void give_descriptor(struct worker *w, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fd)];
    } control = {0};
    struct iovec io = {.iov_base = w->out.data, .iov_len = w->out.len};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof control.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    while (sendmsg(w->fd, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void on_opened(void *ctx, int fd, const struct error *e)
{
    struct worker *w = ctx;

    if (e != NULL) {
        say_failed(w, e);
        return;
    }
    apart_begin(&w->out, APART_DONE);
    if (apart_end(&w->out, NULL) == PB_OK)
        give_descriptor(w, fd);
    else
        (void)shutdown(w->fd, SHUT_RDWR);
    (void)close(fd);
    w->done = true;
}

static struct store_op *ask_open(struct worker *w, struct apart_reader *r, struct error *e)
{
    const char *container = apart_get_text(r), *key;
    size_t n;

    key = apart_get_bytes(r, &n);
    return w->store->ops->open(w->store, container, key, n, on_opened, w, e);
}

static void answer(struct worker *w, const struct apart_head *head)
{
    struct apart_reader r = {.p = w->in.data, .end = w->in.data + w->in.len};
    struct body body = {.source = {.ops = &body_ops}, .w = w};
    struct store_op *op = NULL;
    struct error e = {0};

    buf_init(&body.bytes, SOURCE_VIEW_MAX + APART_PIECE);
    w->done = false;
    switch (head->word) {
    case APART_CONTAINERS:
        op = w->store->ops->list_containers(w->store, apart_get_text(&r), on_page, w, &e);
        break;
    case APART_LIST:
        op = ask_list(w, &r, &e);
        break;
    case APART_HEAD:
        op = ask_head(w, &r, &e);
        break;
    case APART_READ:
        op = ask_read(w, &r, &e);
        break;
    case APART_WRITE:
        op = ask_write(w, &r, &body, &e);
        break;
    case APART_REMOVE:
        op = ask_remove(w, &r, &e);
        break;
    case APART_OPEN:
        op = ask_open(w, &r, &e);
        break;
    default:
        (void)error_set(&e, PB_EIO, "the helper for local folders was asked nonsense");
        break;
    }
    if (op == NULL || loop_until(w->loop, &w->done, &e) != PB_OK)
        say_failed(w, &e);
    buf_release(&body.bytes);
}

static void work(int fd)
{
    struct worker w = {.fd = fd};
    struct apart_head head;

    buf_init(&w.in, APART_MAX);
    buf_init(&w.out, APART_MAX);
    if (loop_new(&w.loop, NULL) != PB_OK || store_local_new(w.loop, &w.store, NULL) != PB_OK)
        return;
    while (receive(&w, &head))
        answer(&w, &head);
    store_free(w.store);
    loop_free(w.loop);
    buf_release(&w.in);
    buf_release(&w.out);
}

/* ------------------------------------------------------------------------------ starting */

/* Nothing of the program's is left open but the socket, which becomes 3. */
static void leave_everything(int fd)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    int null;

    log_close();
    for (int signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &dfl, NULL);
    (void)setsid(); /* neither ^Z nor a hang-up is ours: the end of the socket is */
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        (void)dup2(null, i);
    if (fd != 3)
        (void)dup2(fd, 3);
    if (close_range(4, ~0u, 0) != 0)
        for (int i = 4; i < 1024; i++)
            (void)close(i);
}

/* The worker's parent ends at once, so that nobody has to wait for the worker. */
int apart_start(struct error *e)
{
    sigset_t all, before;
    int ends[2], status, why;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        (void)error_errno(e, errno, "cannot start the helper for local folders", NULL);
        return -1;
    }
    /* Until its own are set no signal may reach our handlers in the child. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    why = errno;
    if (pid == 0) {
        if (fork() == 0) {
            leave_everything(ends[1]);
            (void)sigprocmask(SIG_SETMASK, &before, NULL);
            work(3);
        }
        _exit(0);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        (void)error_errno(e, why, "cannot start the helper for local folders", NULL);
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return ends[0];
}

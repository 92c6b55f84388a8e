#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>
#include <pklbrowse/write_out.h>

#define PIECE ((size_t)64 * 1024)
#define TOLD_EVERY (4u * 1024 * 1024) /* bytes between two words of progress */

/* What the child says; one fits into a pipe whole. */
struct word {
    uint64_t bytes;
    bool last;
    struct error error; /* of the last one; code PB_OK: it is written */
};
_Static_assert(sizeof(struct word) <= 4096, "a word is read as it was written");

struct write_out {
    struct loop *loop;
    pid_t pid;
    int fd; /* what it says; -1: it is over */
    char *path, *part;
    uint64_t bytes;
    void (*done)(void *ctx, uint64_t bytes, const struct error *e);
    void *ctx;
};

/* --- the child ------------------------------------------------------------------------------ */

struct output {
    int fd, pipe;
    struct buf held;
    uint64_t bytes, told;
};

static enum pb_err flush(struct output *o, struct error *e)
{
    struct sink file = sink_fd(&o->fd);
    enum pb_err err = sink_write(&file, o->held.data, o->held.len, e);

    buf_clear(&o->held);
    if (err == PB_OK && o->bytes - o->told >= TOLD_EVERY) {
        struct word w = {.bytes = o->bytes};
        struct sink pipe = sink_fd(&o->pipe);

        o->told = o->bytes;
        err = sink_write(&pipe, &w, sizeof w, e);
    }
    return err;
}

static enum pb_err put(void *ctx, const void *p, size_t n, struct error *e)
{
    struct output *o = ctx;

    for (size_t at = 0; at < n;) {
        size_t piece = n - at < PIECE ? n - at : PIECE;

        buf_append(&o->held, (const char *)p + at, piece);
        if (buf_status(&o->held, e) != PB_OK)
            return PB_ENOMEM;
        at += piece;
        o->bytes += piece;
        if (o->held.len >= PIECE && flush(o, e) != PB_OK)
            return PB_EIO;
    }
    return PB_OK;
}

static enum pb_err resolve(struct pkl_view *v, const struct pkl_node *value, struct pkl_node *out,
                           struct error *e)
{
    *out = *value;
    return value->ref ? v->node(v, value->target, out, e) : PB_OK;
}

static bool has_bytes(enum pkl_kind k)
{
    return k == PKL_STR || k == PKL_BYTES || k == PKL_BYTEARRAY || k == PKL_PY2STR;
}

/* Where they stand as they are; else a decoded copy. */
static enum pb_err put_bytes(struct pkl_view *v, const struct pkl_node *value,
                             const struct sink *to, struct error *e)
{
    struct source *src;
    struct pkl_leaf leaf;
    struct pkl_node n;
    uint64_t from;
    enum pb_err err = resolve(v, value, &n, e);

    if (err != PB_OK)
        return err;
    if (n.kind != PKL_PY2STR && pkl_leaf_stands(v, &n, &src, &from)) {
        for (uint64_t at = 0; err == PB_OK && at < n.count;) {
            size_t want = n.count - at < PIECE ? (size_t)(n.count - at) : PIECE, got = 0;
            const uint8_t *p;

            err = source_view(src, from + at, want, &p, &got, e);
            if (err == PB_OK && got == 0)
                err = error_set(e, PB_EIO, "its bytes end too early");
            got = got < want ? got : want;
            if (err == PB_OK)
                err = sink_write(to, p, got, e);
            at += got;
        }
        return err;
    }
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, &n, SIZE_MAX, &leaf, e);
    if (err == PB_OK)
        err = sink_write(to, leaf.data.data, leaf.data.len, e);
    pkl_leaf_release(&leaf);
    return err;
}

static enum pb_err put_value(struct pkl_view *v, const struct pkl_node *value, enum write_form form,
                             struct output *o, struct error *e)
{
    struct sink to = {put, o};
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE, .py2_str = (enum pkl_py2_str)v->py2_str};
    enum pb_err err;

    if (form == WRITE_BYTES)
        return put_bytes(v, value, &to, e);
    err = form == WRITE_JSON ? pkl_json(v, value, &to, e) : pkl_repr(v, value, &opts, &to, e);
    return err == PB_OK ? sink_write(&to, "\n", 1, e) : err;
}

static enum pb_err exists(const char *path, struct error *e)
{
    struct buf shown;

    buf_init(&shown, ERROR_MSG_MAX / 2);
    text_escape(&shown, path, strlen(path));
    (void)error_set(e, PB_EEXIST, "%s is there already", shown.data);
    buf_release(&shown);
    return PB_EEXIST;
}

/* Under its name, where nothing is yet.  Not every file system can be told so in one step. */
static enum pb_err give_name(const struct write_out *w, bool replace, struct error *e)
{
    if (replace)
        return rename(w->part, w->path) == 0 ? PB_OK
                                             : error_errno(e, errno, "cannot replace", w->path);
    if (renameat2(AT_FDCWD, w->part, AT_FDCWD, w->path, RENAME_NOREPLACE) == 0)
        return PB_OK;
    if (errno == EINVAL || errno == ENOSYS) {
        if (link(w->part, w->path) == 0) {
            (void)unlink(w->part);
            return PB_OK;
        }
    }
    return errno == EEXIST ? exists(w->path, e) : error_errno(e, errno, "cannot make", w->path);
}

static enum pb_err write_file(const struct write_out *w, struct pkl_view *v,
                              const struct pkl_node *value, enum write_form form, bool replace,
                              struct output *o, struct error *e)
{
    enum pb_err err;

    if (!replace && faccessat(AT_FDCWD, w->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return exists(w->path, e);
    o->fd = open(w->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (o->fd < 0)
        return error_errno(e, errno, "cannot write", w->path);
    err = put_value(v, value, form, o, e);
    if (err == PB_OK)
        err = flush(o, e);
    if (close(o->fd) != 0 && err == PB_OK)
        err = error_errno(e, errno, "cannot write", w->path);
    if (err == PB_OK)
        err = give_name(w, replace, e);
    if (err != PB_OK)
        (void)unlink(w->part);
    return err;
}

static void child(const struct write_out *w, struct pkl_view *v, const struct pkl_node *value,
                  enum write_form form, bool replace, int pipe)
{
    struct output o = {.fd = -1, .pipe = pipe};
    struct word last = {.last = true};
    struct sink to = sink_fd(&o.pipe);
    struct error ignored;

    buf_init(&o.held, 4 * PIECE);
    last.error.code = write_file(w, v, value, form, replace, &o, &last.error);
    if (last.error.code == PB_EAGAIN)
        (void)error_set(&last.error, PB_EAGAIN,
                        "not all of this value is here yet; look at it, then write it");
    last.bytes = o.bytes;
    _exit(sink_write(&to, &last, sizeof last, &ignored) == PB_OK ? 0 : 1);
}

/* --- the parent ----------------------------------------------------------------------------- */

bool write_out_has_bytes(struct pkl_view *v, const struct pkl_node *value)
{
    struct pkl_node n;

    return resolve(v, value, &n, NULL) == PB_OK && has_bytes(n.kind);
}

static void stop(struct write_out *w)
{
    loop_unwatch_fd(w->loop, w->fd);
    (void)close(w->fd);
    w->fd = -1;
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void on_word(void *ctx)
{
    struct write_out *w = ctx;
    struct word word;
    ssize_t n;

    while ((n = read(w->fd, &word, sizeof word)) == (ssize_t)sizeof word && !word.last)
        w->bytes = word.bytes;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stop(w);
    if (n != (ssize_t)sizeof word) {
        (void)unlink(w->part);
        (void)error_set(&word.error, PB_EIO, "the process that was writing the file has ended");
        word.error.code = PB_EIO;
    }
    w->done(w->ctx, word.bytes, word.error.code == PB_OK ? NULL : &word.error);
}

static enum pb_err start(struct write_out *w, struct pkl_view *v, const struct pkl_node *value,
                         enum write_form form, bool replace, struct error *e)
{
    int ends[2];
    enum pb_err err;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(e, errno, "cannot make", "a pipe");
    w->pid = fork();
    if (w->pid == 0) {
        (void)close(ends[0]);
        child(w, v, value, form, replace, ends[1]);
    }
    (void)close(ends[1]);
    if (w->pid < 0) {
        (void)close(ends[0]);
        return error_errno(e, errno, "cannot start", "a process that writes");
    }
    w->fd = ends[0];
    (void)fcntl(w->fd, F_SETFL, O_NONBLOCK);
    err = loop_watch_fd(w->loop, w->fd, on_word, w, e);
    if (err != PB_OK) {
        (void)kill(w->pid, SIGKILL);
        stop(w);
    }
    return err;
}

enum pb_err write_out_start(struct loop *l, struct pkl_view *v, const struct pkl_node *value,
                            enum write_form form, const char *path, bool replace,
                            void (*done)(void *ctx, uint64_t bytes, const struct error *e),
                            void *ctx, struct write_out **out, struct error *e)
{
    struct write_out *w = mem_alloc(sizeof *w);
    struct buf part;
    enum pb_err err;

    if (w == NULL)
        return error_nomem(e);
    *w = (struct write_out){.loop = l, .fd = -1, .done = done, .ctx = ctx};
    buf_init(&part, BUF_MAX_LINE);
    buf_printf(&part, "%s.part-%ld", path, (long)getpid());
    w->path = mem_strdup(path);
    w->part = mem_strdup(part.data);
    err = buf_status(&part, e);
    buf_release(&part);
    if (err == PB_OK && (w->path == NULL || w->part == NULL))
        err = error_nomem(e);
    if (err == PB_OK)
        err = start(w, v, value, form, replace, e);
    if (err == PB_OK)
        *out = w;
    else
        write_out_free(w);
    return err;
}

uint64_t write_out_bytes(const struct write_out *w)
{
    return w->bytes;
}

void write_out_free(struct write_out *w)
{
    if (w == NULL)
        return;
    if (w->fd >= 0) {
        (void)kill(w->pid, SIGKILL);
        stop(w);
        (void)unlink(w->part);
    }
    free(w->path);
    free(w->part);
    free(w);
}

/*
 * Replacing a file: a temporary file beside it, everything on the disk, then one rename.
 *
 * A link is followed and its target replaced.  Mode, owner, group and extended attributes stay as
 * far as we may set them.  Whoever looks sees the old file or the new one, whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "local.h"

#define PIECE (256u * 1024u)
#define HOLE (64u * 1024u) /* zeros that are left out of a file that has holes */
#define XATTRS_MAX 65536u

struct write_op {
    struct store_op op; /* first */
    struct job job;
    char *path;    /* as asked for, for messages */
    char *folder;  /* of the file itself, links followed */
    char *name;    /* in that folder */
    char temp[40]; /* beside it, or "" */
    int dir, fd;
    struct source *body;
    bool begun, there, has_mode;
    bool holes;  /* the old file takes less room than it is long */
    bool ready;  /* complete and on the disk */
    mode_t mode; /* of a new file */
    struct stat before;
    enum store_condition condition;
    struct store_identity identity, now;
    store_write_fn done;
    void *ctx;
};

static struct write_op *write_of(struct job *j)
{
    return (struct write_op *)(void *)((char *)j - offsetof(struct write_op, job));
}

static void write_free(struct write_op *w)
{
    store_op_end(&w->op);
    loop_remove_job(w->op.store->loop, &w->job);
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->temp[0] && unlinkat(w->dir, w->temp, 0) != 0)
        log_line("a temporary file is left over: %s", w->temp);
    if (w->dir >= 0)
        (void)close(w->dir);
    store_identity_release(&w->identity);
    store_identity_release(&w->now);
    free(w->path);
    free(w->folder);
    free(w->name);
    free(w);
}

static void write_stop(struct store_op *op)
{
    write_free((struct write_op *)op);
}

static void write_progress(const struct store_op *op, struct http_progress *out)
{
    const struct write_op *w = (const struct write_op *)op;

    out->sent = w->job.done;
    out->send_total = w->job.total;
}

static const struct store_op_class write_class = {.stop = write_stop, .progress = write_progress};

static enum pb_err failed(const struct write_op *w, const char *what, struct error *e)
{
    return local_errno(errno, what, w->path, e);
}

/* ------------------------------------------------------------------------- before */

/* folder and name of the file that is meant, links followed; the file itself need not be there. */
static enum pb_err find_file(struct write_op *w, struct error *e)
{
    char *real = realpath(w->path, NULL), *slash, *parent;
    struct stat st;

    if (!real && errno != ENOENT)
        return failed(w, "cannot save", e);
    if (!real && lstat(w->path, &st) == 0)
        return local_fail(PB_ENOTFOUND, w->path, "it is a link to nothing", e);
    if (real) {
        slash = strrchr(real, '/');
        w->name = slash ? mem_strdup(slash + 1) : NULL;
        w->folder = slash ? mem_strndup(real, slash == real ? 1 : (size_t)(slash - real)) : NULL;
        free(real);
        return w->name && w->folder ? PB_OK : error_nomem(e);
    }
    slash = strrchr(w->path, '/');
    w->name = mem_strdup(slash ? slash + 1 : w->path);
    parent = !slash ? mem_strdup(".")
                    : mem_strndup(w->path, slash == w->path ? 1 : (size_t)(slash - w->path));
    w->folder = parent;
    if (!w->name || !parent)
        return error_nomem(e);
    if (!*w->name)
        return local_fail(PB_EUSAGE, w->path, "it names a folder, not a file", e);
    return PB_OK;
}

static enum pb_err changed(const struct write_op *w, const char *how, struct error *e)
{
    struct buf why;
    enum pb_err err;

    buf_init(&why, BUF_MAX_LINE);
    buf_printf(&why, _("it was %s by someone else; nothing was written"), _(how));
    err = local_fail(PB_ECHANGED, w->path, why.data, e);
    buf_release(&why);
    return err;
}

/* Is the file (st; NULL: none) what the condition asks for? */
static enum pb_err check_condition(const struct write_op *w, const struct stat *st, struct error *e)
{
    struct store_identity id;
    bool same;
    enum pb_err err;

    if (w->condition == STORE_ALWAYS)
        return PB_OK;
    if (w->condition == STORE_IF_ABSENT)
        return st ? local_fail(PB_EEXIST, w->path, "there is a file of that name already", e)
                  : PB_OK;
    if (!st)
        return changed(w, N_("deleted"), e);
    err = local_identity(&id, st, e);
    if (err != PB_OK)
        return err;
    same = store_identity_same(&w->identity, &id);
    store_identity_release(&id);
    return same ? PB_OK : changed(w, N_("changed"), e);
}

static enum pb_err look(struct write_op *w, struct stat *st, bool *there, struct error *e)
{
    *there = fstatat(w->dir, w->name, st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*there && errno != ENOENT)
        return failed(w, "cannot look at", e);
    return check_condition(w, *there ? st : NULL, e);
}

static enum pb_err create_temp(struct write_op *w, struct error *e)
{
    unsigned char random[8];
    unsigned tries;

    for (tries = 0; tries < 10; tries++) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return failed(w, "cannot save", e);
        (void)snprintf(w->temp, sizeof w->temp, ".pklbrowse-%02x%02x%02x%02x%02x%02x%02x%02x",
                       random[0], random[1], random[2], random[3], random[4], random[5], random[6],
                       random[7]);
        /* What replaces a file gets that file's mode once it is complete; a new one the usual mode.
         */
        w->fd = openat(w->dir, w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                       w->there ? 0600 : 0666);
        if (w->fd >= 0)
            return PB_OK;
        if (errno != EEXIST)
            break;
    }
    w->temp[0] = '\0';
    return local_errno(errno, "cannot create a new file in", w->folder, e);
}

static enum pb_err prepare(struct write_op *w, struct error *e)
{
    enum pb_err err = find_file(w, e);

    w->begun = true;
    if (err != PB_OK)
        return err;
    w->dir = open(w->folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (w->dir < 0)
        return local_errno(errno, "cannot open", w->folder, e);
    err = look(w, &w->before, &w->there, e);
    if (err == PB_OK && w->there)
        err = local_regular(&w->before, w->path, e);
    if (err != PB_OK)
        return err;
    w->holes = w->there && (uint64_t)w->before.st_blocks * 512 < (uint64_t)w->before.st_size;
    /* A rename would get around a file that may not be written to. */
    if (w->there && faccessat(w->dir, w->name, W_OK, AT_EACCESS) != 0)
        return failed(w, "cannot write to", e);
    return create_temp(w, e);
}

/* --------------------------------------------------------------------------- bytes */

static enum pb_err write_piece(struct write_op *w, const uint8_t *p, size_t n, struct error *e)
{
    while (n > 0) {
        ssize_t put = write(w->fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(w, "cannot write the new file beside", e);
        p += put;
        n -= (size_t)put;
        w->job.done += (uint64_t)put;
    }
    return PB_OK;
}

/* Zeros are a hole again where there were holes. */
static enum pb_err add_piece(struct write_op *w, const uint8_t *p, size_t n, struct error *e)
{
    if (!w->holes || p[0] != 0 || memcmp(p, p + 1, n - 1) != 0)
        return write_piece(w, p, n, e);
    if (ftruncate(w->fd, (off_t)(w->job.done + n)) != 0 || lseek(w->fd, (off_t)n, SEEK_CUR) < 0)
        return failed(w, "cannot write the new file beside", e);
    w->job.done += n;
    return PB_OK;
}

static enum pb_err copy_some(struct write_op *w, uint64_t end_us, bool *more, struct error *e)
{
    size_t most = w->holes ? HOLE : PIECE;
    enum pb_err err = PB_OK;

    while (err == PB_OK && w->job.done < w->job.total) {
        const uint8_t *p = NULL;
        size_t n = 0;

        if (clock_mono_us() >= end_us) {
            *more = true;
            return PB_OK;
        }
        err = source_view(w->body, w->job.done, most, &p, &n, e);
        if (err == PB_OK && n == 0)
            err = error_set(e, PB_EIO, "what is to be saved is shorter than it was");
        if (err == PB_OK)
            err = add_piece(w, p, n < most ? n : most, e);
    }
    return err;
}

/* -------------------------------------------------------------------------- its look */

/* One attribute of the old file on the new one.  What may not be copied is left out. */
static void copy_xattr(int from, int to, const char *name)
{
    char *value = mem_alloc(XATTRS_MAX);
    ssize_t n = value ? fgetxattr(from, name, value, XATTRS_MAX) : -1;

    if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) != 0)
        log_line("an extended attribute could not be kept: %s", name);
    free(value);
}

static void copy_xattrs(const struct write_op *w)
{
    int from = openat(w->dir, w->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    char *names = mem_alloc(XATTRS_MAX + 1);
    ssize_t n = from >= 0 && names ? flistxattr(from, names, XATTRS_MAX) : 0;
    ssize_t at = 0;

    for (; at < n; at += (ssize_t)strlen(names + at) + 1)
        copy_xattr(from, w->fd, names + at);
    free(names);
    if (from >= 0)
        (void)close(from);
}

static enum pb_err keep_looks(struct write_op *w, struct error *e)
{
    mode_t mode = w->there ? w->before.st_mode & 07777 : w->mode;
    struct stat st;

    if (!w->there && !w->has_mode)
        return PB_OK;
    if (fstat(w->fd, &st) != 0)
        return failed(w, "cannot look at the new file beside", e);
    if (w->there && (st.st_uid != w->before.st_uid || st.st_gid != w->before.st_gid) &&
        fchown(w->fd, w->before.st_uid, w->before.st_gid) != 0 &&
        fchown(w->fd, (uid_t)-1, w->before.st_gid) != 0) {
        /* Another group than before: it gets no more than everybody. */
        mode = (mode & ~(mode_t)070) | ((mode & 07) << 3);
        log_line("owner and group of the file could not be kept");
    }
    if (fchmod(w->fd, mode) != 0)
        return failed(w, "cannot set the mode of", e);
    if (w->there)
        copy_xattrs(w);
    return PB_OK;
}

/* --------------------------------------------------------------------------- commit */

/* Never over something that came into being meanwhile. */
static enum pb_err rename_new(struct write_op *w, struct error *e)
{
    if (renameat2(w->dir, w->temp, w->dir, w->name, RENAME_NOREPLACE) == 0) {
        w->temp[0] = '\0';
        return PB_OK;
    }
    if (errno == EINVAL || errno == ENOSYS) { /* not on this file system */
        if (linkat(w->dir, w->temp, w->dir, w->name, 0) == 0)
            return PB_OK;
    }
    if (errno == EEXIST)
        return local_fail(PB_EEXIST, w->path, "there is a file of that name already", e);
    return failed(w, "cannot save", e);
}

/* Has another program locked the file, with either kind of lock that there is? */
static bool is_locked(int fd)
{
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return true;
    return fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
}

/* Who locks a file means it: it is not replaced meanwhile.  *fd holds our lock; -1: none. */
static enum pb_err lock_file(const struct write_op *w, int *fd, struct error *e)
{
    *fd = -1;
    if (!w->there)
        return PB_OK;
    *fd = openat(w->dir, w->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0 || !is_locked(*fd))
        return PB_OK;
    (void)close(*fd);
    *fd = -1;
    return local_fail(PB_EREADONLY, w->path,
                      "another program has locked it; save again when it has let go", e);
}

/* The last look and the rename.  Between the two somebody else may write: another of us does not,
 * since the folder is locked meanwhile; *busy: by another, try again. */
static enum pb_err look_and_rename(struct write_op *w, bool *busy, struct error *e)
{
    struct stat st;
    bool there, locked = flock(w->dir, LOCK_EX | LOCK_NB) == 0;
    int file;
    enum pb_err err;

    *busy = !locked && errno == EWOULDBLOCK; /* else a file system without locks */
    if (*busy)
        return PB_OK;
    err = lock_file(w, &file, e);
    if (err == PB_OK)
        err = look(w, &st, &there, e);
    if (err == PB_OK && w->condition == STORE_IF_ABSENT)
        err = rename_new(w, e);
    else if (err == PB_OK && renameat(w->dir, w->temp, w->dir, w->name) == 0)
        w->temp[0] = '\0';
    else if (err == PB_OK)
        err = failed(w, "cannot replace", e);
    if (file >= 0)
        (void)close(file);
    if (locked)
        (void)flock(w->dir, LOCK_UN);
    return err;
}

static enum pb_err commit(struct write_op *w, bool *busy, struct error *e)
{
    struct stat st;
    enum pb_err err = PB_OK;

    *busy = false;
    if (!w->ready) {
        err = keep_looks(w, e);
        if (err == PB_OK && fsync(w->fd) != 0)
            err = failed(w, "cannot bring to the disk", e);
        w->ready = err == PB_OK;
    }
    if (err == PB_OK)
        err = look_and_rename(w, busy, e);
    if (err != PB_OK || *busy)
        return err;
    if (fsync(w->dir) != 0 && errno != EINVAL && errno != EROFS)
        log_line("the folder could not be brought to the disk");
    if (fstat(w->fd, &st) != 0)
        return failed(w, "cannot look at", e);
    if ((uint64_t)st.st_size != w->job.total)
        return local_fail(PB_EIO, w->path, "the new file has another size than was written", e);
    return local_identity(&w->now, &st, e);
}

/* ------------------------------------------------------------------------------ job */

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct write_op *w = write_of(j);
    uint64_t end_us = clock_mono_us() + budget_us;
    bool more = false;
    enum pb_err err = PB_OK;

    if (!w->begun)
        err = prepare(w, &j->error);
    if (err == PB_OK)
        err = copy_some(w, end_us, &more, &j->error);
    if (err == PB_EAGAIN)
        return JOB_WAITING;
    if (err == PB_OK && !more)
        err = commit(w, &more, &j->error);
    if (err != PB_OK)
        return JOB_FAILED;
    return more ? JOB_MORE : JOB_DONE;
}

static void finished(struct job *j, enum job_state state)
{
    struct write_op *w = write_of(j);
    struct error error = j->error;
    struct store_identity now = w->now;
    store_write_fn done = w->done;
    void *ctx = w->ctx;

    w->now = (struct store_identity){0};
    write_free(w);
    done(ctx, state == JOB_DONE ? &now : NULL, false, state == JOB_DONE ? NULL : &error);
    store_identity_release(&now);
}

static enum pb_err copy_request(struct write_op *w, const struct store_write_request *q,
                                struct error *e)
{
    enum pb_err err = local_path(q->container, q->key, q->key_len, &w->path, e);

    if (err != PB_OK)
        return err;
    if (q->body->size == SOURCE_SIZE_UNKNOWN)
        return local_fail(PB_EUSAGE, w->path, "its size is not known yet", e);
    if (q->condition == STORE_IF_SAME && !q->identity)
        return local_fail(PB_EUSAGE, w->path, "it is not known which version was read", e);
    w->body = q->body;
    w->job.total = q->body->size;
    w->condition = q->condition;
    w->has_mode = q->keep && q->keep->mode != 0;
    w->mode = w->has_mode ? (mode_t)q->keep->mode & 0777 : 0;
    return q->identity ? store_identity_copy(&w->identity, q->identity, e) : PB_OK;
}

struct store_op *local_write(struct store *s, const struct store_write_request *q,
                             store_write_fn done, void *ctx, struct error *e)
{
    struct write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&w->op, &write_class, s);
    w->dir = w->fd = -1;
    w->done = done;
    w->ctx = ctx;
    w->job.step = step;
    w->job.finished = finished;
    err = copy_request(w, q, e);
    if (err == PB_OK)
        err = loop_add_job(s->loop, &w->job, e);
    if (err == PB_OK)
        return &w->op;
    write_free(w);
    return NULL;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>

/* A document is walked from its start, but looking something up jumps back and forth between a few
 * places: a few windows, each moved when it was used least recently. */
#define WINDOWS 4
#define WINDOW_SIZE ((size_t)256 * 1024)
#define WINDOW_JUMP                                                                                \
    ((size_t)32 * 1024) /* after a jump, when it is not known whether more is wanted */
#define WINDOW_ALIGN ((uint64_t)4096)

struct window {
    uint8_t *bytes;
    size_t cap;
    uint64_t off;
    size_t len;
    uint64_t used; /* turn of its last use */
};

struct file_source {
    struct source base;
    int fd;
    char *name;
    struct stat identity;
    uint64_t turn;
    struct window windows[WINDOWS];
};

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static enum pb_err changed(const struct file_source *f, struct error *e)
{
    return error_set(e, PB_ECHANGED, "%s was changed meanwhile", f->name);
}

static enum pb_err check_identity(const struct file_source *f, struct error *e)
{
    const struct stat *was = &f->identity;
    struct stat is;

    if (fstat(f->fd, &is) != 0)
        return error_errno(e, errno, "cannot read", f->name);
    if (is.st_dev != was->st_dev || is.st_ino != was->st_ino || is.st_size != was->st_size ||
        !same_time(is.st_mtim, was->st_mtim) || !same_time(is.st_ctim, was->st_ctim))
        return changed(f, e);
    return PB_OK;
}

static enum pb_err read_all(const struct file_source *f, uint8_t *to, size_t n, uint64_t off,
                            struct error *e)
{
    while (n > 0) {
        ssize_t got = pread(f->fd, to, n, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(e, errno, "cannot read", f->name);
        if (got == 0)
            return changed(f, e);
        to += got;
        n -= (size_t)got;
        off += (uint64_t)got;
    }
    return PB_OK;
}

/* Is `off` where reading would go on, at the end of a window or at the start of the file? */
static bool goes_on(const struct file_source *f, uint64_t off)
{
    for (size_t i = 0; i < WINDOWS; i++) {
        const struct window *w = &f->windows[i];

        if (off >= w->off && off - w->off <= w->len)
            return true;
    }
    return false;
}

/* The identity is checked after the bytes were read: so they are of the file that was opened. */
static enum pb_err refill(struct file_source *f, struct window *w, uint64_t off, size_t want,
                          struct error *e)
{
    uint64_t from = off / WINDOW_ALIGN * WINDOW_ALIGN;
    size_t need = (size_t)(off - from) + want, usual = goes_on(f, off) ? WINDOW_SIZE : WINDOW_JUMP;
    enum pb_err err;

    if (need < usual)
        need = usual;
    w->len = 0;
    if (w->cap < need) {
        uint8_t *p = mem_realloc(w->bytes, need, 1);

        if (p == NULL)
            return error_nomem(e);
        w->bytes = p;
        w->cap = need;
    }
    if (need > f->base.size - from)
        need = (size_t)(f->base.size - from);
    err = read_all(f, w->bytes, need, from, e);
    if (err == PB_OK)
        err = check_identity(f, e);
    if (err == PB_OK) {
        w->off = from;
        w->len = need;
    }
    return err;
}

static bool covers(const struct window *w, uint64_t off, size_t want)
{
    return off >= w->off && off - w->off <= w->len && want <= w->len - (size_t)(off - w->off);
}

static enum pb_err file_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                             size_t *n, struct error *e)
{
    struct file_source *f = (struct file_source *)s;
    struct window *w = NULL, *oldest = &f->windows[0];
    enum pb_err err;

    *p = (const uint8_t *)"";
    *n = 0;
    if (off >= s->size)
        return PB_OK;
    if (want == 0)
        want = 1;
    if (want > s->size - off)
        want = (size_t)(s->size - off);
    for (size_t i = 0; i < WINDOWS && w == NULL; i++) {
        if (covers(&f->windows[i], off, want))
            w = &f->windows[i];
        else if (f->windows[i].used < oldest->used)
            oldest = &f->windows[i];
    }
    if (w == NULL) {
        w = oldest;
        err = refill(f, w, off, want, e);
        if (err != PB_OK)
            return err;
    }
    w->used = ++f->turn;
    *p = w->bytes + (off - w->off);
    *n = w->len - (size_t)(off - w->off);
    return PB_OK;
}

static void file_free(struct source *s)
{
    struct file_source *f = (struct file_source *)s;

    for (size_t i = 0; i < WINDOWS; i++)
        free(f->windows[i].bytes);
    if (f->fd >= 0)
        close(f->fd);
    free(f->name);
    free(f);
}

static const struct source_ops file_ops = {file_view, file_free};

void source_file_replaced(struct source *s)
{
    struct file_source *f = (struct file_source *)s;
    struct stat is;

    if (s->ops != &file_ops || fstat(f->fd, &is) != 0)
        return;
    if (is.st_nlink < f->identity.st_nlink && is.st_size == f->identity.st_size &&
        same_time(is.st_mtim, f->identity.st_mtim))
        f->identity = is;
}

static const char *what_it_is(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "is a folder";
    case S_IFIFO:
        return "is a pipe";
    case S_IFSOCK:
        return "is a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "is a device";
    default:
        return "is not a regular file";
    }
}

enum pb_err source_file(int fd, const char *name, struct source **out, struct error *e)
{
    struct file_source *f = mem_alloc(sizeof *f);
    enum pb_err err = PB_OK;

    *out = NULL;
    if (f == NULL) {
        close(fd);
        return error_nomem(e);
    }
    f->base.ops = &file_ops;
    f->fd = fd;
    f->name = mem_strdup(name);
    if (f->name == NULL)
        err = error_nomem(e);
    else if (fstat(fd, &f->identity) != 0)
        err = error_errno(e, errno, "cannot read", name);
    else if (!S_ISREG(f->identity.st_mode))
        err = error_set(e, PB_EUNSUPPORTED, "%s %s, not a file", name,
                        what_it_is(f->identity.st_mode));
    if (err != PB_OK) {
        file_free(&f->base);
        return err;
    }
    f->base.size = f->base.here = (uint64_t)f->identity.st_size;
    *out = &f->base;
    return PB_OK;
}

/*
 * A spool is an unlinked file that is written with pwrite() and read through one mapping.
 *
 * The mapping is made once, of far more addresses than the file has bytes (they cost nothing), and
 * never moves: pages behind the end of the file come to life as it grows.  So every view stays
 * valid.  Only bytes that were written are ever shown, and a full disk is a failed write, never a
 * SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>
#include <pklbrowse/text.h>

/* Addresses asked for when the size is not known, and the fewest that are of use. */
#define RESERVE_USUAL ((uint64_t)1 << 40)
#define RESERVE_LEAST ((uint64_t)1 << 26)

struct spool_source {
    struct source base;
    int fd;
    uint8_t *map;
    uint64_t reserved;
};

static enum pb_err spool_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                              size_t *n, struct error *e)
{
    const struct spool_source *sp = (const struct spool_source *)s;
    uint64_t left = off < s->size ? s->size - off : 0;

    if (off > s->here)
        off = s->here;
    *p = sp->map + off;
    *n = (size_t)(s->here - off);
    if (want > left)
        want = (size_t)left;
    if (want == 0 && left > 0)
        want = 1;
    return *n >= want ? PB_OK : error_set(e, PB_EAGAIN, "these bytes have not arrived yet");
}

static void spool_free(struct source *s)
{
    struct spool_source *sp = (struct spool_source *)s;

    if (sp->map != NULL)
        munmap(sp->map, (size_t)sp->reserved);
    if (sp->fd >= 0)
        close(sp->fd);
    free(sp);
}

static const struct source_ops spool_ops = {spool_view, spool_free};

const char *source_temp_folder(void)
{
    const char *dir = getenv("TMPDIR");

    return dir != NULL && *dir != '\0' ? dir : P_tmpdir;
}

/* A file without a name; where the file system makes none, a name is taken and dropped at once. */
static int open_unnamed(const char *dir)
{
    char path[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
    int n;

    if (fd >= 0)
        return fd;
    n = snprintf(path, sizeof path, "%s/pklbrowse-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static enum pb_err open_spool_file(struct spool_source *sp, struct error *e)
{
    const char *dir = source_temp_folder();
    struct buf shown;
    enum pb_err err;

    sp->fd = open_unnamed(dir);
    if (sp->fd >= 0)
        return PB_OK;
    err = errno == ENOMEM ? PB_ENOMEM : PB_EIO;
    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, dir, strlen(dir));
    error_set(e, err, "cannot make a temporary file in %s: %s", shown.data, strerror(errno));
    buf_release(&shown);
    return err;
}

/* Maps at least `least` bytes, and as much more as the system gives. */
static enum pb_err reserve(struct spool_source *sp, uint64_t least, struct error *e)
{
    uint64_t size = least > RESERVE_USUAL ? least : RESERVE_USUAL;

    for (;;) {
        void *map = size > PTRDIFF_MAX ? MAP_FAILED
                                       : mmap(NULL, (size_t)size, PROT_READ,
                                              MAP_SHARED | MAP_NORESERVE, sp->fd, 0);

        if (map != MAP_FAILED) {
            sp->map = map;
            sp->reserved = size;
            return PB_OK;
        }
        if (size <= least)
            return error_set(e, PB_ELIMIT, "cannot map a temporary file of %llu bytes",
                             (unsigned long long)least);
        size = size / 2 > least ? size / 2 : least;
    }
}

enum pb_err source_spool(uint64_t size_hint, struct source **out, struct error *e)
{
    struct spool_source *sp = mem_alloc(sizeof *sp);
    uint64_t least = RESERVE_LEAST;
    enum pb_err err;

    *out = NULL;
    if (sp == NULL)
        return error_nomem(e);
    if (size_hint != SOURCE_SIZE_UNKNOWN && size_hint > least)
        least = size_hint;
    sp->base.ops = &spool_ops;
    sp->base.size = SOURCE_SIZE_UNKNOWN;
    sp->base.stable = true;
    err = open_spool_file(sp, e);
    if (err == PB_OK)
        err = reserve(sp, least, e);
    if (err != PB_OK) {
        spool_free(&sp->base);
        return err;
    }
    *out = &sp->base;
    return PB_OK;
}

enum pb_err source_spool_append(struct source *s, const void *p, size_t n, struct error *e)
{
    struct spool_source *sp = (struct spool_source *)s;
    const char *from = p;
    uint64_t at = s->here;
    size_t left = n;

    if (n > sp->reserved - at)
        return error_set(e, PB_ELIMIT, "a temporary file cannot be longer than %llu bytes here",
                         (unsigned long long)sp->reserved);
    while (left > 0) {
        ssize_t done = pwrite(sp->fd, from, left, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return error_errno(e, done < 0 ? errno : ENOSPC, "cannot write a temporary file", NULL);
        from += done;
        at += (uint64_t)done;
        left -= (size_t)done;
    }
    s->here += n;
    return PB_OK;
}

void source_spool_done(struct source *s)
{
    s->size = s->here;
}

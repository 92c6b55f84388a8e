#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <pklbrowse/intl.h>

#include "out.h"

#define LOOK_UP_MS 100
#define THROUGH_MOST ((size_t)1024 * 1024) /* between two looks */

static bool is_unread(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 &&
           (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)));
}

void out_init(struct out *o, int fd)
{
    *o = (struct out){.fd = fd, .unread = is_unread(fd)};
    buf_init(&o->pending, BUF_MAX_TEXT);
}

void out_release(struct out *o)
{
    buf_release(&o->pending);
}

static enum pb_err failed(const struct out *o, struct error *e)
{
    if (o->error.code != PB_OK && e != NULL)
        *e = o->error;
    return o->error.code;
}

/* What it takes without waiting once it says that it is writable: a pipe at least PIPE_BUF, and as
 * much as it is long and not filled; the pages at both ends of that may be used in part. */
static size_t room(const struct out *o)
{
    int size = fcntl(o->fd, F_GETPIPE_SZ), used = 0;
    size_t taken;

    if (size < 0 || ioctl(o->fd, FIONREAD, &used) != 0 || used < 0)
        return PIPE_BUF;
    taken = (size_t)used + (used > 0 ? 3 * PIPE_BUF : 0);
    return (size_t)size > taken + PIPE_BUF ? (size_t)size - taken : PIPE_BUF;
}

/* How much of that was taken. */
static size_t put_some(struct out *o, const char *from, size_t n)
{
    ssize_t done;

    if (!o->unread && n > PIPE_BUF) {
        size_t most = room(o);

        n = n < most ? n : most;
    }
    done = write(o->fd, from, n);
    if (done < 0 && errno != EINTR && errno != EAGAIN) {
        o->reader_gone = errno == EPIPE;
        error_errno(&o->error, errno, "cannot write to",
                    o->name != NULL ? o->name : _("standard output"));
        /* Whatever errno says, it is not an object that is missing or denied. */
        o->error.code = PB_EIO;
    }
    return done > 0 ? (size_t)done : 0;
}

static void put_pending(struct out *o)
{
    o->sent += put_some(o, o->pending.data + o->sent, o->pending.len - o->sent);
}

static bool is_writable(const struct out *o, int wait_ms)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};

    return o->unread || poll(&p, 1, wait_ms) > 0;
}

static void drop_sent(struct out *o)
{
    if (o->sent == o->pending.len || o->error.code != PB_OK)
        buf_clear(&o->pending);
    else
        buf_splice(&o->pending, 0, o->sent, NULL, 0);
    o->sent = 0;
}

enum pb_err out_flush(struct out *o, struct error *e)
{
    bool looked = false;

    while (o->sent < o->pending.len && o->error.code == PB_OK) {
        if (!looked && o->check != NULL && o->check(o->ctx, &o->error) != PB_OK)
            break;
        looked = is_writable(o, LOOK_UP_MS);
        if (looked)
            put_pending(o);
    }
    drop_sent(o);
    return failed(o, e);
}

/* Much at once need not be gathered first where nobody is waited for; how much that was. */
static size_t write_through(struct out *o, const char *from, size_t n)
{
    size_t done = 0;

    while (o->unread && o->pending.len == 0 && n - done >= OUT_PIECE && o->error.code == PB_OK) {
        size_t piece = n - done < THROUGH_MOST ? n - done : THROUGH_MOST;

        if (o->check != NULL && o->check(o->ctx, &o->error) != PB_OK)
            break;
        done += put_some(o, from + done, piece);
    }
    return done;
}

enum pb_err out_write(struct out *o, const void *p, size_t n, struct error *e)
{
    const char *from = p;
    size_t through = write_through(o, from, n);

    from += through;
    n -= through;
    while (n > 0 && o->error.code == PB_OK) {
        size_t room = o->pending.len < OUT_PIECE ? OUT_PIECE - o->pending.len : 0;
        size_t part = n < room ? n : room;

        buf_append(&o->pending, from, part);
        if (buf_status(&o->pending, &o->error) != PB_OK)
            break;
        from += part;
        n -= part;
        if (o->pending.len >= OUT_PIECE && out_flush(o, NULL) != PB_OK)
            break;
    }
    return failed(o, e);
}

enum pb_err out_buf(struct out *o, const struct buf *b, struct error *e)
{
    enum pb_err err = buf_status(b, e);

    return err == PB_OK ? out_write(o, b->data, b->len, e) : err;
}

enum pb_err out_offer(struct out *o, const void *p, size_t n, struct error *e)
{
    while (o->sent < o->pending.len && o->error.code == PB_OK && is_writable(o, 0))
        put_pending(o);
    drop_sent(o);
    if (o->error.code != PB_OK)
        return failed(o, e);
    if (o->pending.len >= OUT_PIECE)
        return PB_EAGAIN;
    buf_append(&o->pending, p, n);
    if (buf_status(&o->pending, NULL) != PB_OK)
        error_nomem(&o->error);
    return failed(o, e);
}

static enum pb_err write_sink(void *ctx, const void *p, size_t n, struct error *e)
{
    return out_write(ctx, p, n, e);
}

struct sink out_sink(struct out *o)
{
    return (struct sink){write_sink, o};
}

static enum pb_err offer_sink(void *ctx, const void *p, size_t n, struct error *e)
{
    return out_offer(ctx, p, n, e);
}

struct sink out_offer_sink(struct out *o)
{
    return (struct sink){offer_sink, o};
}

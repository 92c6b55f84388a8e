#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/buf.h>
#include <pklbrowse/mem.h>

/* What an empty buffer points to; never written. */
static char nothing[1];

void buf_init(struct buf *b, size_t max)
{
    b->data = nothing;
    b->len = b->cap = 0;
    b->max = max;
    b->failed = PB_OK;
}

void buf_release(struct buf *b)
{
    if (b->data != nothing)
        free(b->data);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->failed = PB_OK;
    buf_truncate(b, 0);
}

/* Room for n more bytes and the NUL. */
static bool make_room(struct buf *b, size_t n)
{
    size_t need, cap;
    char *p;

    if (b->failed != PB_OK)
        return false;
    if (n > b->max - b->len) {
        b->failed = PB_ELIMIT;
        return false;
    }
    need = b->len + n;
    if (need < b->cap)
        return true;
    cap = b->cap + b->cap / 2;
    if (cap > b->max)
        cap = b->max;
    if (cap < need)
        cap = need;
    if (cap < 32)
        cap = 32;
    if (cap < SIZE_MAX)
        cap++;
    p = mem_realloc(b->data == nothing ? NULL : b->data, cap, 1);
    if (p == NULL) {
        b->failed = PB_ENOMEM;
        return false;
    }
    b->data = p;
    b->cap = cap;
    return true;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !make_room(b, n))
        return;
    memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
    return make_room(b, n) ? b->data + b->len : NULL;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    if (!make_room(b, 1))
        return;
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

void buf_fill(struct buf *b, char c, size_t n)
{
    if (n == 0 || !make_room(b, n))
        return;
    memset(b->data + b->len, c, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    size_t room = b->cap - b->len;
    int n;

    if (b->failed != PB_OK)
        return;
    va_start(ap, fmt);
    n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = PB_ENOMEM;
    } else if ((size_t)n >= room && n > 0 && make_room(b, (size_t)n)) {
        va_start(ap, fmt);
        n = vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    } else if ((size_t)n > b->max - b->len) {
        b->failed = PB_ELIMIT;
    }
    if (b->failed == PB_OK)
        b->len += (size_t)n;
    else if (b->cap > 0)
        b->data[b->len] = '\0';
}

void buf_truncate(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->len = len;
    if (b->cap > 0)
        b->data[len] = '\0';
}

void buf_splice(struct buf *b, size_t at, size_t remove, const void *p, size_t n)
{
    assert(at <= b->len && remove <= b->len - at);
    if (b->failed != PB_OK || (n > remove && !make_room(b, n - remove)) || b->cap == 0)
        return;
    memmove(b->data + at + n, b->data + at + remove, b->len - at - remove);
    if (n > 0)
        memcpy(b->data + at, p, n);
    b->len = b->len - remove + n;
    b->data[b->len] = '\0';
}

enum pb_err buf_status(const struct buf *b, struct error *e)
{
    if (b->failed == PB_OK)
        return PB_OK;
    if (b->failed == PB_ENOMEM)
        return error_nomem(e);
    return error_set(e, b->failed, "longer than the limit of %zu bytes", b->max);
}

char *buf_take(struct buf *b, size_t *len)
{
    char *data = NULL;

    if (len != NULL)
        *len = 0;
    if (b->failed == PB_OK && b->cap == 0) {
        data = mem_strndup("", 0);
    } else if (b->failed == PB_OK) {
        data = b->data;
        if (len != NULL)
            *len = b->len;
        b->data = nothing;
    }
    buf_release(b);
    return data;
}

enum pb_err sink_write(const struct sink *s, const void *p, size_t n, struct error *e)
{
    return n == 0 ? PB_OK : s->write(s->ctx, p, n, e);
}

static enum pb_err write_buf(void *ctx, const void *p, size_t n, struct error *e)
{
    struct buf *b = ctx;

    buf_append(b, p, n);
    return buf_status(b, e);
}

struct sink sink_buf(struct buf *b)
{
    return (struct sink){write_buf, b};
}

/* Waits until a descriptor takes more that someone made non-blocking (a terminal is shared). */
static enum pb_err wait_writable(int fd, struct error *e)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    if (poll(&p, 1, -1) < 0 && errno != EINTR)
        return error_errno(e, errno, "cannot write", NULL);
    return PB_OK;
}

static enum pb_err write_fd(void *ctx, const void *p, size_t n, struct error *e)
{
    const int *fd = ctx;
    const char *at = p;
    enum pb_err err = PB_OK;

    while (n > 0 && err == PB_OK) {
        ssize_t done = write(*fd, at, n);

        if (done > 0) {
            at += done;
            n -= (size_t)done;
        } else if (done == 0) {
            err = error_set(e, PB_EIO, "cannot write: nothing was taken");
        } else if (errno == EAGAIN) {
            err = wait_writable(*fd, e);
        } else if (errno == EPIPE) {
            err = error_set(e, PB_EIO, "EPIPE");
        } else if (errno != EINTR) {
            err = error_errno(e, errno, "cannot write", NULL);
        }
    }
    return err;
}

struct sink sink_fd(int *fd)
{
    return (struct sink){write_fd, fd};
}

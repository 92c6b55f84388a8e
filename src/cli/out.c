#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

void out_init(struct out *o, int fd)
{
    o->fd = fd;
    o->reader_gone = false;
    o->error = (struct error){.code = PB_OK};
    o->check = NULL;
    o->ctx = NULL;
    o->len = 0;
}

static enum pb_err failed(const struct out *o, struct error *e)
{
    if (o->error.code != PB_OK && e != NULL)
        *e = o->error;
    return o->error.code;
}

static void put(struct out *o, const char *p, size_t n)
{
    if (o->error.code == PB_OK && o->check != NULL && o->check(o->ctx, &o->error) != PB_OK)
        return;
    while (n > 0 && o->error.code == PB_OK) {
        ssize_t done = write(o->fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            o->reader_gone = errno == EPIPE;
            error_errno(&o->error, errno, "cannot write to", "standard output");
            /* Whatever errno says, it is not an object that is missing or denied. */
            o->error.code = PB_EIO;
            return;
        }
        p += done;
        n -= (size_t)done;
    }
}

enum pb_err out_flush(struct out *o, struct error *e)
{
    size_t n = o->len;

    o->len = 0;
    if (n > 0)
        put(o, o->piece, n);
    return failed(o, e);
}

enum pb_err out_write(struct out *o, const void *p, size_t n, struct error *e)
{
    const char *from = p;

    while (n > 0 && o->error.code == PB_OK) {
        size_t room = OUT_PIECE - o->len, part = n < room ? n : room;

        memcpy(o->piece + o->len, from, part);
        o->len += part;
        from += part;
        n -= part;
        if (o->len == OUT_PIECE && out_flush(o, NULL) != PB_OK)
            break;
    }
    return failed(o, e);
}

enum pb_err out_buf(struct out *o, const struct buf *b, struct error *e)
{
    enum pb_err err = buf_status(b, e);

    return err == PB_OK ? out_write(o, b->data, b->len, e) : err;
}

static enum pb_err write_sink(void *ctx, const void *p, size_t n, struct error *e)
{
    return out_write(ctx, p, n, e);
}

struct sink out_sink(struct out *o)
{
    return (struct sink){write_sink, o};
}

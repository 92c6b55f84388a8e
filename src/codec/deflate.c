/*
 * gzip and zlib.
 *
 * gzip's header is written by us: the very bytes of the one that was read (time, name, system,
 * extra fields, comment), which says nothing of what follows it.
 */
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "codec_private.h"

#define RAW (-MAX_WBITS)

/* --- decoding ------------------------------------------------------------------------------- */

static enum pb_err start(int bits, void **state, struct error *e)
{
    z_stream *z = mem_alloc(sizeof *z);

    *state = NULL;
    if (z == NULL || inflateInit2(z, bits) != Z_OK) {
        free(z);
        return error_nomem(e);
    }
    *state = z;
    return PB_OK;
}

static enum pb_err gzip_start(void **state, struct error *e)
{
    return start(MAX_WBITS + 16, state, e);
}

static enum pb_err zlib_start(void **state, struct error *e)
{
    return start(MAX_WBITS, state, e);
}

static void offer(z_stream *z, const struct codec_io *io)
{
    z->next_in = io->in;
    z->avail_in = codec_uint(io->in_len);
    z->next_out = io->out;
    z->avail_out = codec_uint(io->out_len);
}

static void moved(const z_stream *z, struct codec_io *io)
{
    codec_moved(io, (size_t)(z->next_in - io->in), (size_t)(z->next_out - io->out));
}

static enum pb_err run(void *state, struct codec_io *io, bool *ended, struct error *e)
{
    z_stream *z = state;
    int got;

    offer(z, io);
    got = inflate(z, Z_NO_FLUSH);
    moved(z, io);
    *ended = got == Z_STREAM_END;
    if (got == Z_OK || got == Z_STREAM_END || got == Z_BUF_ERROR)
        return PB_OK;
    if (got == Z_MEM_ERROR)
        return error_nomem(e);
    if (got == Z_NEED_DICT)
        return error_set(e, PB_EUNSUPPORTED, "it needs a dictionary, which is not in the stream");
    return codec_broken(e, z->msg != NULL ? z->msg : N_("it is not valid"));
}

static void stop(void *state)
{
    inflateEnd(state);
    free(state);
}

const struct decode_ops gzip_decode = {gzip_start, run, stop};
const struct decode_ops zlib_decode = {zlib_start, run, stop};

/* --- what was read -------------------------------------------------------------------------- */

/* Behind a text that ends in NUL; 0: it does not end here. */
static size_t behind_text(const uint8_t *p, size_t n, size_t at)
{
    const uint8_t *nul = at < n ? memchr(p + at, 0, n - at) : NULL;

    return nul != NULL ? (size_t)(nul - p) + 1 : 0;
}

/* FEXTRA 4, FNAME 8, FCOMMENT 16, FHCRC 2; 0: longer than what is here. */
static size_t gzip_header(const uint8_t *p, size_t n)
{
    size_t at = 10;

    if (n < at + 2)
        return 0;
    if ((p[3] & 4) != 0)
        at += 2 + codec_le16(p + at);
    if ((p[3] & 8) != 0 && (at = behind_text(p, n, at)) == 0)
        return 0;
    if ((p[3] & 16) != 0 && (at = behind_text(p, n, at)) == 0)
        return 0;
    if ((p[3] & 2) != 0)
        at += 2;
    return at <= n ? at : 0;
}

static enum pb_err gzip_shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    size_t head = gzip_header(p, n);

    if (head == 0)
        return error_set(e, PB_ELIMIT, "gzip: its header is too long to be written again");
    buf_append(&s->head, p, head);
    s->level = p[8] == 2 ? 9 : p[8] == 4 ? 1 : 6; /* XFL: slowest, fastest */
    return buf_status(&s->head, e);
}

/* FLEVEL: 0 is levels 0 and 1, 1 is 2 to 5, 2 is 6, 3 is 7 to 9. */
static enum pb_err zlib_shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    static const int levels[] = {1, 3, 6, 9};

    (void)e;
    s->level = n >= 2 ? levels[p[1] >> 6] : 6;
    return PB_OK;
}

/* --- encoding ------------------------------------------------------------------------------- */

struct deflater {
    z_stream z;
    bool gzip;
    const struct buf *head;
    size_t head_at;
    uint8_t tail[8];
    size_t tail_at;
    uLong crc;
    uint32_t size;
    bool body_done;
};

static enum pb_err start_deflate(const struct codec_shape *s, bool gzip, void **state,
                                 struct error *e)
{
    struct deflater *d = mem_alloc(sizeof *d);

    *state = NULL;
    if (d == NULL || deflateInit2(&d->z, s->level, Z_DEFLATED, gzip ? RAW : MAX_WBITS, 8,
                                  Z_DEFAULT_STRATEGY) != Z_OK) {
        free(d);
        return error_nomem(e);
    }
    d->gzip = gzip;
    d->head = &s->head;
    d->crc = crc32(0, NULL, 0);
    *state = d;
    return PB_OK;
}

static enum pb_err start_gzip(const struct codec_shape *s, uint64_t size, void **state,
                              struct error *e)
{
    (void)size;
    return start_deflate(s, true, state, e);
}

static enum pb_err start_zlib(const struct codec_shape *s, uint64_t size, void **state,
                              struct error *e)
{
    (void)size;
    return start_deflate(s, false, state, e);
}

static void put(struct codec_io *io, const void *p, size_t len, size_t *at)
{
    size_t n = len - *at < io->out_len ? len - *at : io->out_len;

    if (n > 0)
        memcpy(io->out, (const uint8_t *)p + *at, n);
    *at += n;
    codec_moved(io, 0, n);
}

static void make_tail(struct deflater *d)
{
    for (unsigned i = 0; i < 4; i++) {
        d->tail[i] = (uint8_t)(d->crc >> (8 * i));
        d->tail[4 + i] = (uint8_t)(d->size >> (8 * i));
    }
}

static enum pb_err run_body(struct deflater *d, struct codec_io *io, bool last, struct error *e)
{
    const uint8_t *in = io->in;
    int got;

    offer(&d->z, io);
    got = deflate(&d->z, last ? Z_FINISH : Z_NO_FLUSH);
    moved(&d->z, io);
    if (d->gzip)
        d->crc = crc32(d->crc, in, (uInt)(io->in - in));
    d->size += (uint32_t)(io->in - in);
    d->body_done = got == Z_STREAM_END;
    if (d->body_done)
        make_tail(d);
    if (got == Z_OK || got == Z_STREAM_END || got == Z_BUF_ERROR)
        return PB_OK;
    return error_nomem(e);
}

static enum pb_err run_deflate(void *state, struct codec_io *io, bool last, bool *ended,
                               struct error *e)
{
    struct deflater *d = state;
    enum pb_err err = PB_OK;

    if (d->gzip)
        put(io, d->head->data, d->head->len, &d->head_at);
    if (!d->body_done && io->out_len > 0)
        err = run_body(d, io, last, e);
    if (err == PB_OK && d->body_done && d->gzip)
        put(io, d->tail, sizeof d->tail, &d->tail_at);
    *ended = d->body_done && (!d->gzip || d->tail_at == sizeof d->tail);
    return err;
}

static void stop_deflate(void *state)
{
    deflateEnd(&((struct deflater *)state)->z);
    free(state);
}

const struct encode_ops gzip_encode = {gzip_shape, start_gzip, run_deflate, stop_deflate};
const struct encode_ops zlib_encode = {zlib_shape, start_zlib, run_deflate, stop_deflate};

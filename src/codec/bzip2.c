/* bzip2. */
#include <bzlib.h>
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "codec_private.h"

static void offer(bz_stream *z, const struct codec_io *io)
{
    union {
        const uint8_t *from;
        char *to;
    } in = {io->in}; /* the library only reads it */

    z->next_in = in.to;
    z->avail_in = codec_uint(io->in_len);
    z->next_out = (char *)io->out;
    z->avail_out = codec_uint(io->out_len);
}

static void moved(const bz_stream *z, struct codec_io *io)
{
    codec_moved(io, (size_t)((const uint8_t *)z->next_in - io->in),
                (size_t)((uint8_t *)z->next_out - io->out));
}

static enum pb_err start(void **state, struct error *e)
{
    bz_stream *z = mem_alloc(sizeof *z);

    *state = NULL;
    if (z == NULL || BZ2_bzDecompressInit(z, 0, 0) != BZ_OK) {
        free(z);
        return error_nomem(e);
    }
    *state = z;
    return PB_OK;
}

static enum pb_err run(void *state, struct codec_io *io, bool *ended, struct error *e)
{
    bz_stream *z = state;
    int got;

    offer(z, io);
    got = BZ2_bzDecompress(z);
    moved(z, io);
    *ended = got == BZ_STREAM_END;
    if (got == BZ_OK || got == BZ_STREAM_END)
        return PB_OK;
    if (got == BZ_MEM_ERROR)
        return error_nomem(e);
    return codec_broken(e, "its checksum is wrong, or it is not valid");
}

static void stop(void *state)
{
    BZ2_bzDecompressEnd(state);
    free(state);
}

const struct decode_ops bzip2_decode = {start, run, stop};

static enum pb_err shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    (void)e;
    s->level = n > 3 ? p[3] - '0' : 9;
    return PB_OK;
}

static enum pb_err start_encode(const struct codec_shape *s, uint64_t size, void **state,
                                struct error *e)
{
    bz_stream *z = mem_alloc(sizeof *z);

    (void)size;
    *state = NULL;
    if (z == NULL || BZ2_bzCompressInit(z, s->level, 0, 0) != BZ_OK) {
        free(z);
        return error_nomem(e);
    }
    *state = z;
    return PB_OK;
}

static enum pb_err run_encode(void *state, struct codec_io *io, bool last, bool *ended,
                              struct error *e)
{
    bz_stream *z = state;
    int got;

    offer(z, io);
    if (z->avail_in == 0 && !last)
        return PB_OK;
    got = BZ2_bzCompress(z, last ? BZ_FINISH : BZ_RUN);
    moved(z, io);
    *ended = got == BZ_STREAM_END;
    return got < 0 ? error_set(e, PB_EIO, "bzip2 cannot compress (%d)", got) : PB_OK;
}

static void stop_encode(void *state)
{
    BZ2_bzCompressEnd(state);
    free(state);
}

const struct encode_ops bzip2_encode = {shape, start_encode, run_encode, stop_encode};

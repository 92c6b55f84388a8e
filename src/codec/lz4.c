/*
 * lz4 frames.
 *
 * The library's compressor wants room for the worst case of what it is given, so it works into a
 * buffer of ours, from which is handed out what there is room for.
 */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "codec_private.h"

#define PIECE (64u * 1024u)

static enum pb_err start(void **state, struct error *e)
{
    LZ4F_dctx *z = NULL;

    *state = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
        return error_nomem(e);
    *state = z;
    return PB_OK;
}

static enum pb_err run(void *state, struct codec_io *io, bool *ended, struct error *e)
{
    size_t in = io->in_len, out = io->out_len;
    size_t got = LZ4F_decompress(state, io->out, &out, io->in, &in, NULL);

    if (LZ4F_isError(got)) {
        if (strstr(LZ4F_getErrorName(got), "allocation") != NULL)
            return error_nomem(e);
        return codec_broken(e, LZ4F_getErrorName(got));
    }
    codec_moved(io, in, out);
    *ended = got == 0;
    return PB_OK;
}

static void stop(void *state)
{
    LZ4F_freeDecompressionContext(state);
}

const struct decode_ops lz4_decode = {start, run, stop};

/* --- what was read -------------------------------------------------------------------------- */

static enum pb_err shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    LZ4F_frameInfo_t info;
    LZ4F_dctx *z = NULL;
    size_t used = n, got;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
        return error_nomem(e);
    got = LZ4F_getFrameInfo(z, &info, p, &used);
    LZ4F_freeDecompressionContext(z);
    if (LZ4F_isError(got))
        return codec_broken(e, "lz4: its header is not valid");
    if (info.dictID != 0)
        return error_set(e, PB_EUNSUPPORTED, "lz4: it needs a dictionary");
    s->of.lz4.block_size = (int)info.blockSizeID;
    s->of.lz4.independent = (int)info.blockMode;
    s->of.lz4.content_sum = (int)info.contentChecksumFlag;
    s->of.lz4.block_sum = (int)info.blockChecksumFlag;
    s->of.lz4.size = info.contentSize != 0;
    return PB_OK;
}

/* --- encoding ------------------------------------------------------------------------------- */

struct packer {
    LZ4F_cctx *z;
    LZ4F_preferences_t how;
    uint8_t *out;
    size_t cap, len, at; /* of out */
    bool begun, over;
};

static void stop_encode(void *state)
{
    struct packer *p = state;

    LZ4F_freeCompressionContext(p->z);
    free(p->out);
    free(p);
}

static enum pb_err start_encode(const struct codec_shape *s, uint64_t size, void **state,
                                struct error *e)
{
    struct packer *p = mem_alloc(sizeof *p);

    *state = NULL;
    if (p == NULL)
        return error_nomem(e);
    p->how.frameInfo.blockSizeID = (LZ4F_blockSizeID_t)s->of.lz4.block_size;
    p->how.frameInfo.blockMode = (LZ4F_blockMode_t)s->of.lz4.independent;
    p->how.frameInfo.contentChecksumFlag = (LZ4F_contentChecksum_t)s->of.lz4.content_sum;
    p->how.frameInfo.blockChecksumFlag = (LZ4F_blockChecksum_t)s->of.lz4.block_sum;
    p->how.frameInfo.contentSize = s->of.lz4.size ? size : 0;
    p->cap = LZ4F_compressBound(PIECE, &p->how) + LZ4F_HEADER_SIZE_MAX;
    p->out = mem_alloc(p->cap);
    if (p->out == NULL || LZ4F_isError(LZ4F_createCompressionContext(&p->z, LZ4F_VERSION))) {
        stop_encode(p);
        return error_nomem(e);
    }
    *state = p;
    return PB_OK;
}

/* What the next bytes become, into the empty buffer. */
static size_t pack(struct packer *p, struct codec_io *io, bool last)
{
    size_t n = io->in_len < PIECE ? io->in_len : PIECE, got;

    if (!p->begun) {
        p->begun = true;
        return LZ4F_compressBegin(p->z, p->out, p->cap, &p->how);
    }
    if (n > 0) {
        got = LZ4F_compressUpdate(p->z, p->out, p->cap, io->in, n, NULL);
        codec_moved(io, n, 0);
        return got;
    }
    if (!last)
        return 0;
    p->over = true;
    return LZ4F_compressEnd(p->z, p->out, p->cap, NULL);
}

static enum pb_err run_encode(void *state, struct codec_io *io, bool last, bool *ended,
                              struct error *e)
{
    struct packer *p = state;
    size_t n;

    if (p->at == p->len && !p->over) {
        size_t got = pack(p, io, last);

        if (LZ4F_isError(got))
            return error_set(e, PB_EIO, "lz4 cannot compress: %s", LZ4F_getErrorName(got));
        p->at = 0;
        p->len = got;
    }
    n = p->len - p->at < io->out_len ? p->len - p->at : io->out_len;
    memcpy(io->out, p->out + p->at, n);
    p->at += n;
    codec_moved(io, 0, n);
    *ended = p->over && p->at == p->len;
    return PB_OK;
}

const struct encode_ops lz4_encode = {shape, start_encode, run_encode, stop_encode};

/*
 * zstd.
 *
 * The level is not in the header, but the window is, which grows with it; a frame that is shorter
 * than its window says only how long it is.
 */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <pklbrowse/mem.h>

#include "codec_private.h"

#define WINDOW_LOG_MAX 29 /* CODEC_WINDOW_MAX */

_Static_assert(CODEC_WINDOW_MAX == (uint64_t)1 << WINDOW_LOG_MAX, "the same limit");

static enum pb_err failed(size_t code, struct error *e)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return error_nomem(e);
    case ZSTD_error_frameParameter_windowTooLarge:
        return error_set(e, PB_ELIMIT, "it needs a window of more than %u MiB",
                         (unsigned)(CODEC_WINDOW_MAX >> 20));
    case ZSTD_error_dictionary_wrong:
        return error_set(e, PB_EUNSUPPORTED, "it needs a dictionary, which is not in the stream");
    default:
        return codec_broken(e, ZSTD_getErrorName(code));
    }
}

static enum pb_err start(void **state, struct error *e)
{
    ZSTD_DStream *z = ZSTD_createDStream();

    *state = z;
    if (z == NULL)
        return error_nomem(e);
    (void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return PB_OK;
}

static enum pb_err run(void *state, struct codec_io *io, bool *ended, struct error *e)
{
    ZSTD_inBuffer in = {io->in, io->in_len, 0};
    ZSTD_outBuffer out = {io->out, io->out_len, 0};
    size_t got = ZSTD_decompressStream(state, &out, &in);

    codec_moved(io, in.pos, out.pos);
    *ended = got == 0;
    return ZSTD_isError(got) ? failed(got, e) : PB_OK;
}

static void stop(void *state)
{
    ZSTD_freeDStream(state);
}

const struct decode_ops zstd_decode = {start, run, stop};

/* --- what was read -------------------------------------------------------------------------- */

/* Levels by the windows that they have for large inputs. */
static int level_of(int window_log)
{
    if (window_log <= 19)
        return 1;
    if (window_log <= 21)
        return 3;
    return window_log <= 22 ? 9 : 19;
}

static enum pb_err shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    size_t at = n >= 16 && codec_le32(p) != ZSTD_MAGICNUMBER ? 12 : 0; /* pzstd's own in front */
    uint8_t flags;

    if (n < at + 6)
        return codec_broken(e, "zstd: its header is not valid");
    flags = p[at + 4];
    s->of.zstd.checksum = (flags & 4) != 0;
    s->of.zstd.size = (flags >> 6) != 0 || (flags & 0x20) != 0;
    s->level = ZSTD_CLEVEL_DEFAULT;
    if ((flags & 0x20) == 0) { /* not one segment: a window is given */
        s->of.zstd.window_log = 10 + (p[at + 5] >> 3) + ((p[at + 5] & 7) != 0);
        s->level = level_of(s->of.zstd.window_log);
    }
    return PB_OK;
}

/* --- encoding ------------------------------------------------------------------------------- */

static bool set(ZSTD_CCtx *z, ZSTD_cParameter what, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(z, what, value));
}

static enum pb_err start_encode(const struct codec_shape *s, uint64_t size, void **state,
                                struct error *e)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    bool ok;

    *state = z;
    if (z == NULL)
        return error_nomem(e);
    ok = set(z, ZSTD_c_compressionLevel, s->level) &&
         set(z, ZSTD_c_checksumFlag, s->of.zstd.checksum) &&
         set(z, ZSTD_c_contentSizeFlag, s->of.zstd.size) &&
         (s->of.zstd.window_log == 0 || set(z, ZSTD_c_windowLog, s->of.zstd.window_log)) &&
         (!s->of.zstd.size || !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, size)));
    return ok ? PB_OK : error_set(e, PB_EUNSUPPORTED, "zstd: it cannot be written like this again");
}

static enum pb_err run_encode(void *state, struct codec_io *io, bool last, bool *ended,
                              struct error *e)
{
    ZSTD_inBuffer in = {io->in, io->in_len, 0};
    ZSTD_outBuffer out = {io->out, io->out_len, 0};
    size_t left = ZSTD_compressStream2(state, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);

    codec_moved(io, in.pos, out.pos);
    if (ZSTD_isError(left))
        return error_set(e, PB_EIO, "zstd cannot compress: %s", ZSTD_getErrorName(left));
    *ended = last && left == 0;
    return PB_OK;
}

static void stop_encode(void *state)
{
    ZSTD_freeCCtx(state);
}

const struct encode_ops zstd_encode = {shape, start_encode, run_encode, stop_encode};

/*
 * xz, and lzma without a container.
 *
 * A preset is told by its dictionary; the dictionary, the check and the coder's three numbers are
 * taken from the header.
 */
#include <lzma.h>
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "codec_private.h"

#define HEADER LZMA_STREAM_HEADER_SIZE
#define MEMORY (CODEC_WINDOW_MAX + ((uint64_t)64 << 20))

/* --- decoding ------------------------------------------------------------------------------- */

static enum pb_err failed(lzma_ret got, struct error *e)
{
    switch (got) {
    case LZMA_MEM_ERROR:
        return error_nomem(e);
    case LZMA_MEMLIMIT_ERROR:
        return error_set(e, PB_ELIMIT, "it needs a dictionary of more than %u MiB",
                         (unsigned)(CODEC_WINDOW_MAX >> 20));
    case LZMA_OPTIONS_ERROR:
        return error_set(e, PB_EUNSUPPORTED, "it uses a filter that the library does not know");
    case LZMA_FORMAT_ERROR:
        return codec_broken(e, "its header is not valid");
    default:
        return codec_broken(e, "its checksum is wrong, or it is not valid");
    }
}

static enum pb_err start(bool alone, void **state, struct error *e)
{
    lzma_stream *z = mem_alloc(sizeof *z);
    lzma_ret got;

    *state = NULL;
    if (z == NULL)
        return error_nomem(e);
    *z = (lzma_stream)LZMA_STREAM_INIT;
    got = alone ? lzma_alone_decoder(z, MEMORY) : lzma_stream_decoder(z, MEMORY, 0);
    if (got != LZMA_OK) {
        free(z);
        return failed(got, e);
    }
    *state = z;
    return PB_OK;
}

static enum pb_err xz_start(void **state, struct error *e)
{
    return start(false, state, e);
}

static enum pb_err lzma_start(void **state, struct error *e)
{
    return start(true, state, e);
}

static lzma_ret step(lzma_stream *z, struct codec_io *io, lzma_action action)
{
    lzma_ret got;

    z->next_in = io->in;
    z->avail_in = io->in_len;
    z->next_out = io->out;
    z->avail_out = io->out_len;
    got = lzma_code(z, action);
    codec_moved(io, io->in_len - z->avail_in, io->out_len - z->avail_out);
    return got;
}

static enum pb_err run(void *state, struct codec_io *io, bool *ended, struct error *e)
{
    lzma_ret got = step(state, io, LZMA_RUN);

    *ended = got == LZMA_STREAM_END;
    if (got == LZMA_OK || got == LZMA_STREAM_END || got == LZMA_BUF_ERROR)
        return PB_OK;
    return failed(got, e);
}

static void stop(void *state)
{
    lzma_end(state);
    free(state);
}

const struct decode_ops xz_decode = {xz_start, run, stop};
const struct decode_ops lzma_decode = {lzma_start, run, stop};

/* --- what was read -------------------------------------------------------------------------- */

/* Presets 0 to 9 by their dictionaries; 3 and 4, 5 and 6 have the same one: the usual of both. */
static int preset_of(uint32_t dict)
{
    static const struct {
        uint32_t dict;
        int preset;
    } rows[] = {{1u << 18, 0}, {1u << 20, 1}, {1u << 21, 2}, {1u << 22, 4},
                {1u << 23, 6}, {1u << 24, 7}, {1u << 25, 8}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (dict <= rows[i].dict)
            return rows[i].preset;
    }
    return 9;
}

static void take_options(struct codec_shape *s, const lzma_options_lzma *o)
{
    s->level = preset_of(o->dict_size);
    s->of.lzma.dict = o->dict_size;
    s->of.lzma.lc = o->lc;
    s->of.lzma.lp = o->lp;
    s->of.lzma.pb = o->pb;
}

/* The chain of the first block: LZMA2 alone, or in the end. */
static enum pb_err take_filters(struct codec_shape *s, const lzma_filter *filters, struct error *e)
{
    size_t n = 0;

    while (filters[n].id != LZMA_VLI_UNKNOWN)
        n++;
    if (n != 1 || filters[0].id != LZMA_FILTER_LZMA2)
        return error_set(e, PB_EUNSUPPORTED, "xz: it uses filters that are not written again");
    take_options(s, filters[0].options);
    return PB_OK;
}

static enum pb_err xz_shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    lzma_stream_flags flags;
    lzma_block block = {.filters = filters};
    enum pb_err err;
    lzma_ret got;

    s->level = LZMA_PRESET_DEFAULT;
    if (n < HEADER + 1 || lzma_stream_header_decode(&flags, p) != LZMA_OK)
        return codec_broken(e, "xz: its header is not valid");
    s->of.lzma.check = (int)flags.check;
    if (p[HEADER] == 0) /* no block: nothing is in it */
        return PB_OK;
    block.version = 1;
    block.check = flags.check;
    block.header_size = lzma_block_header_size_decode(p[HEADER]);
    if (n < HEADER + block.header_size)
        return codec_broken(e, "xz: its header is not valid");
    got = lzma_block_header_decode(&block, NULL, p + HEADER);
    if (got != LZMA_OK)
        return failed(got, e);
    err = take_filters(s, filters, e);
    lzma_filters_free(filters, NULL);
    return err;
}

static enum pb_err lzma_shape(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e)
{
    lzma_options_lzma o = {0};

    if (n < 13)
        return codec_broken(e, "lzma: its header is not valid");
    o.dict_size = codec_le32(p + 1);
    o.lc = p[0] % 9u;
    o.lp = p[0] / 9u % 5u;
    o.pb = p[0] / 45u;
    take_options(s, &o);
    return PB_OK;
}

/* --- encoding ------------------------------------------------------------------------------- */

static void options_of(const struct codec_shape *s, lzma_options_lzma *o)
{
    (void)lzma_lzma_preset(o, (uint32_t)s->level);
    if (s->of.lzma.dict == 0)
        return;
    o->dict_size = s->of.lzma.dict;
    /* LZMA2's header does not say these three. */
    if (s->kind == CODEC_LZMA) {
        o->lc = s->of.lzma.lc;
        o->lp = s->of.lzma.lp;
        o->pb = s->of.lzma.pb;
    }
}

static enum pb_err start_encode(const struct codec_shape *s, uint64_t size, void **state,
                                struct error *e)
{
    lzma_stream *z = mem_alloc(sizeof *z);
    lzma_options_lzma o;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &o}, {LZMA_VLI_UNKNOWN, NULL}};
    lzma_ret got;

    (void)size;
    *state = NULL;
    if (z == NULL)
        return error_nomem(e);
    *z = (lzma_stream)LZMA_STREAM_INIT;
    options_of(s, &o);
    got = s->kind == CODEC_XZ ? lzma_stream_encoder(z, filters, (lzma_check)s->of.lzma.check)
                              : lzma_alone_encoder(z, &o);
    if (got != LZMA_OK) {
        free(z);
        return failed(got, e);
    }
    *state = z;
    return PB_OK;
}

static enum pb_err run_encode(void *state, struct codec_io *io, bool last, bool *ended,
                              struct error *e)
{
    lzma_ret got = step(state, io, last ? LZMA_FINISH : LZMA_RUN);

    *ended = got == LZMA_STREAM_END;
    if (got == LZMA_OK || got == LZMA_STREAM_END || got == LZMA_BUF_ERROR)
        return PB_OK;
    return got == LZMA_MEM_ERROR ? error_nomem(e)
                                 : error_set(e, PB_EIO, "xz cannot compress (%d)", (int)got);
}

const struct encode_ops xz_encode = {xz_shape, start_encode, run_encode, stop};
const struct encode_ops lzma_encode = {lzma_shape, start_encode, run_encode, stop};

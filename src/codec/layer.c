/*
 * From what is stored to what is in it, a piece at a time.
 *
 * What comes out goes into a spool, as a download does.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "layer.h"

#define ROOM ((size_t)128 * 1024) /* that a step may fill */

enum pb_err codec_layer_new(struct source *stored, enum codec_kind kind, const char *member,
                            size_t n, uint64_t limit, struct codec_layer **out, struct error *e)
{
    struct codec_layer *l = mem_alloc(sizeof *l);
    enum pb_err err = PB_OK;

    *out = NULL;
    if (l == NULL)
        return error_nomem(e);
    l->kind = kind;
    l->stored = stored;
    l->limit = limit;
    buf_init(&l->names, BUF_MAX_LINE);
    if (member != NULL) {
        l->named = true;
        l->member = mem_strndup(member, n);
        l->member_len = n;
        err = l->member != NULL ? PB_OK : error_nomem(e);
    }
    if (err == PB_OK && codec_format(kind) != NULL)
        err = codec_decoder_new(kind, limit, &l->decoder, e);
    if (err == PB_OK && kind != CODEC_NPY)
        err = source_spool(0, &l->plain, e);
    if (err != PB_OK)
        codec_layer_free(l);
    else
        *out = l;
    return err;
}

void codec_layer_free(struct codec_layer *l)
{
    if (l == NULL)
        return;
    codec_decoder_free(l->decoder);
    codec_archive_free(l->archive);
    source_free(l->plain);
    buf_release(&l->names);
    free(l->member);
    free(l);
}

enum codec_kind codec_layer_kind(const struct codec_layer *l)
{
    return l->kind;
}

struct source *codec_layer_plain(const struct codec_layer *l)
{
    return l->plain;
}

uint64_t codec_layer_taken(const struct codec_layer *l)
{
    return l->taken;
}

uint64_t codec_layer_members(const struct codec_layer *l)
{
    return l->decoder != NULL ? codec_decoder_members(l->decoder) : 1;
}

const char *codec_layer_fixed(const struct codec_layer *l)
{
    return l->fixed;
}

/* As much of these bytes as fills the room. */
static enum pb_err decode(struct codec_layer *l, const uint8_t *p, size_t n, bool last,
                          struct error *e)
{
    uint8_t *room = mem_alloc(ROOM);
    struct codec_io io = {p, n, room, ROOM};
    enum pb_err err, kept = PB_OK;
    struct error error;

    if (room == NULL)
        return error_nomem(e);
    err = codec_decode(l->decoder, &io, last, e);
    l->taken += n - io.in_len;
    l->full = io.out_len == 0;
    if (io.out_len < ROOM)
        kept = source_spool_append(l->plain, room, ROOM - io.out_len, &error);
    free(room);
    if (kept == PB_OK)
        return err;
    if (e != NULL)
        *e = error;
    return kept;
}

static enum pb_err stream_step(struct codec_layer *l, size_t piece, struct error *e)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    enum pb_err err = source_view(l->stored, l->taken, piece, &p, &n, e);

    if (err != PB_OK && (err != PB_EAGAIN || (n == 0 && !l->full)))
        return err;
    err = decode(l, p, n < piece ? n : piece, err == PB_OK && n == 0, e);
    if (err == PB_OK)
        l->done = codec_decoder_done(l->decoder);
    return err;
}

static enum pb_err step(struct codec_layer *l, size_t piece, struct error *e)
{
    if (l->decoder != NULL)
        return stream_step(l, piece, e);
    return l->kind == CODEC_NPY ? npy_layer_step(l, e) : archive_layer_step(l, piece, e);
}

/* No more will come; without memory for an empty source there is none. */
static void close_plain(struct codec_layer *l)
{
    if (l->plain == NULL)
        l->plain = source_mem("", 0, false);
    else if (l->plain->size == SOURCE_SIZE_UNKNOWN)
        source_spool_done(l->plain);
}

enum pb_err codec_layer_step(struct codec_layer *l, size_t piece, bool *done, struct error *e)
{
    struct error error;
    enum pb_err err;

    if (!l->done && l->failed == PB_OK) {
        err = step(l, piece < SOURCE_VIEW_MAX ? piece : SOURCE_VIEW_MAX, &error);
        if (err == PB_EAGAIN)
            return PB_EAGAIN;
        l->failed = err;
        if (err != PB_OK)
            l->error = error;
        if (l->done || l->failed != PB_OK)
            close_plain(l);
    }
    *done = l->done;
    if (l->failed != PB_OK && e != NULL)
        *e = l->error;
    return l->failed;
}

enum pb_err layer_bytes(struct source *s, uint64_t at, void *out, size_t n, struct error *e)
{
    uint8_t *to = out;

    while (n > 0) {
        const uint8_t *p;
        size_t got;
        enum pb_err err =
            source_view(s, at, n < SOURCE_VIEW_MAX ? n : SOURCE_VIEW_MAX, &p, &got, e);

        if (err != PB_OK)
            return err;
        if (got == 0)
            return codec_broken(e, "the archive is cut off");
        got = got < n ? got : n;
        memcpy(to, p, got);
        to += got;
        at += got;
        n -= got;
    }
    return PB_OK;
}

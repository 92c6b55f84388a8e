/* From new bytes to what is to be stored: the same wrapping again, around them. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "layer.h"

#define ROOM ((size_t)128 * 1024)

struct codec_wrap {
    struct codec_layer *layer; /* borrowed, like plain */
    struct source *plain, *result;
    struct codec_shape *shape;
    struct codec_encoder *encoder;
    uint64_t taken; /* of plain */
    uint64_t tail;  /* of stored: bytes behind the stream that come next */
    bool done;
};

enum pb_err codec_wrap_new(struct codec_layer *l, struct source *plain, struct codec_wrap **out,
                           struct error *e)
{
    struct codec_wrap *w;
    enum pb_err err;

    *out = NULL;
    if (l->fixed != NULL)
        return error_set(e, PB_EREADONLY, "%s", l->fixed);
    w = mem_alloc(sizeof *w);
    if (w == NULL)
        return error_nomem(e);
    w->layer = l;
    w->plain = plain;
    w->tail = codec_decoder_end(l->decoder);
    err = codec_shape_read(l->kind, l->stored, &w->shape, e);
    if (err == PB_OK)
        err = codec_encoder_new(w->shape, plain->size, &w->encoder, e);
    if (err == PB_OK)
        err = source_spool(plain->size, &w->result, e);
    if (err != PB_OK)
        codec_wrap_free(w);
    else
        *out = w;
    return err;
}

void codec_wrap_free(struct codec_wrap *w)
{
    if (w == NULL)
        return;
    codec_encoder_free(w->encoder);
    codec_shape_free(w->shape);
    source_free(w->result);
    free(w);
}

uint64_t codec_wrap_taken(const struct codec_wrap *w)
{
    return w->taken;
}

struct source *codec_wrap_result(const struct codec_wrap *w)
{
    return w->result;
}

static enum pb_err encode(struct codec_wrap *w, size_t piece, struct error *e)
{
    uint8_t *room = mem_alloc(ROOM);
    struct codec_io io = {.out = room, .out_len = ROOM};
    enum pb_err err;
    size_t n;

    if (room == NULL)
        return error_nomem(e);
    err = source_view(w->plain, w->taken, piece, &io.in, &n, e);
    if (err == PB_OK) {
        n = n < piece ? n : piece;
        io.in_len = n;
        err = codec_encode(w->encoder, &io, w->taken + n == w->plain->size, e);
        w->taken += n - io.in_len;
    }
    if (err == PB_OK && io.out_len < ROOM)
        err = source_spool_append(w->result, room, ROOM - io.out_len, e);
    free(room);
    return err;
}

static enum pb_err add_tail(struct codec_wrap *w, size_t piece, struct error *e)
{
    const uint8_t *p;
    size_t n;
    enum pb_err err = source_view(w->layer->stored, w->tail, piece, &p, &n, e);

    if (err == PB_OK && n > 0)
        err = source_spool_append(w->result, p, n, e);
    w->tail += n;
    w->done = err == PB_OK && n == 0;
    return err;
}

enum pb_err codec_wrap_step(struct codec_wrap *w, size_t piece, bool *done, struct error *e)
{
    enum pb_err err = PB_OK;

    piece = piece < SOURCE_VIEW_MAX ? piece : SOURCE_VIEW_MAX;
    if (!codec_encoder_done(w->encoder))
        err = encode(w, piece, e);
    else if (!w->done)
        err = add_tail(w, piece, e);
    if (w->done)
        source_spool_done(w->result);
    *done = w->done;
    return err;
}

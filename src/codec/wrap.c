/*
 * From new bytes to what is to be stored: the same wrapping again, around them.
 *
 *   stream       encoded into the result; then what stood behind it
 *   tar, zip     what goes into the archive is made ready (compressed, its checksum taken); then
 * the parts of the archive, old ones and made ones, are put one behind the other
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "layer.h"

#define ROOM ((size_t)128 * 1024)
#define MADE_MAX ((size_t)300 << 20) /* a directory */
#define GZIP_TAIL 8u                 /* checksum and size */

struct codec_wrap {
    struct codec_layer *layer; /* borrowed, like plain */
    struct source *plain, *result;
    struct codec_shape *shape;
    struct codec_encoder *encoder; /* NULL: stored as it is */
    struct source *body;           /* where the encoder's bytes go: result, or a spool of ours */
    uint64_t taken;                /* of plain */
    uint32_t crc;                  /* of plain, where it is stored as it is */
    bool ready, planned, done;
    struct wrap_parts parts;
    size_t part;
    uint64_t part_at;
};

void wrap_add(struct wrap_parts *p, struct source *from, uint64_t at, uint64_t len)
{
    if (len > 0 && p->count < WRAP_PARTS)
        p->list[p->count++] = (struct wrap_part){from, at, len};
}

void wrap_add_made(struct wrap_parts *p, size_t at)
{
    wrap_add(p, NULL, at, p->bytes.len - at);
}

/* --- beginning ------------------------------------------------------------------------------ */

static enum pb_err begin_stream(struct codec_wrap *w, struct error *e)
{
    enum pb_err err = codec_shape_read(w->layer->kind, w->layer->stored, &w->shape, e);

    w->body = w->result;
    return err == PB_OK ? codec_encoder_new(w->shape, w->plain->size, &w->encoder, e) : err;
}

/* Deflate's bytes are those of a gzip stream without its header. */
static enum pb_err begin_zip(struct codec_wrap *w, struct error *e)
{
    int level;
    enum pb_err err = zip_level(w->layer, &level, e);

    if (err != PB_OK || level == 0)
        return err;
    w->shape = mem_alloc(sizeof *w->shape);
    if (w->shape == NULL)
        return error_nomem(e);
    w->shape->kind = CODEC_GZIP;
    w->shape->format = codec_format(CODEC_GZIP);
    w->shape->level = level;
    buf_init(&w->shape->head, 1);
    err = source_spool(w->plain->size, &w->body, e);
    return err == PB_OK ? codec_encoder_new(w->shape, w->plain->size, &w->encoder, e) : err;
}

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
    buf_init(&w->parts.bytes, MADE_MAX);
    err = source_spool(plain->size, &w->result, e);
    if (err == PB_OK && l->decoder != NULL)
        err = begin_stream(w, e);
    else if (err == PB_OK && l->kind == CODEC_ZIP)
        err = begin_zip(w, e);
    w->ready = l->kind == CODEC_TAR;
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
    if (w->body != w->result)
        source_free(w->body);
    source_free(w->result);
    buf_release(&w->parts.bytes);
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

/* --- what goes in --------------------------------------------------------------------------- */

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
        err = source_spool_append(w->body, room, ROOM - io.out_len, e);
    free(room);
    w->ready = err == PB_OK && codec_encoder_done(w->encoder);
    return err;
}

static enum pb_err checksum(struct codec_wrap *w, size_t piece, struct error *e)
{
    const uint8_t *p;
    size_t n;
    enum pb_err err = source_view(w->plain, w->taken, piece, &p, &n, e);

    if (err != PB_OK)
        return err;
    n = n < piece ? n : piece;
    w->crc = zip_crc(w->crc, p, n);
    w->taken += n;
    w->ready = n == 0;
    return PB_OK;
}

/* --- what is around it ---------------------------------------------------------------------- */

static enum pb_err plan_zip(struct codec_wrap *w, struct error *e)
{
    uint64_t size = w->plain->size;
    uint8_t tail[GZIP_TAIL];
    enum pb_err err;

    if (w->encoder == NULL)
        return zip_parts(w->layer, w->plain, size, size, w->crc, &w->parts, e);
    source_spool_done(w->body);
    err = layer_bytes(w->body, w->body->size - GZIP_TAIL, tail, GZIP_TAIL, e);
    if (err != PB_OK)
        return err;
    return zip_parts(w->layer, w->body, w->body->size - GZIP_TAIL, size, codec_le32(tail),
                     &w->parts, e);
}

static enum pb_err plan(struct codec_wrap *w, struct error *e)
{
    struct codec_layer *l = w->layer;

    w->planned = true;
    if (l->kind == CODEC_TAR)
        return tar_parts(l, w->plain, &w->parts, e);
    if (l->kind == CODEC_ZIP)
        return plan_zip(w, e);
    wrap_add(&w->parts, l->stored, codec_decoder_end(l->decoder),
             l->stored->size - codec_decoder_end(l->decoder));
    return PB_OK;
}

static enum pb_err add_part(struct codec_wrap *w, size_t piece, struct error *e)
{
    const struct wrap_part *part = &w->parts.list[w->part];
    uint64_t left = part->len - w->part_at;
    const uint8_t *p;
    size_t n = left < piece ? (size_t)left : piece, here;
    enum pb_err err = PB_OK;

    if (part->from == NULL) {
        p = (const uint8_t *)w->parts.bytes.data + part->at + w->part_at;
    } else {
        err = source_view(part->from, part->at + w->part_at, n, &p, &here, e);
        if (err == PB_OK && here == 0)
            err = error_set(e, PB_ECHANGED, "what is stored became shorter");
        n = err == PB_OK && here < n ? here : n;
    }
    if (err == PB_OK)
        err = source_spool_append(w->result, p, n, e);
    w->part_at += n;
    if (w->part_at == part->len) {
        w->part++;
        w->part_at = 0;
    }
    return err;
}

enum pb_err codec_wrap_step(struct codec_wrap *w, size_t piece, bool *done, struct error *e)
{
    enum pb_err err = PB_OK;

    piece = piece < SOURCE_VIEW_MAX ? piece : SOURCE_VIEW_MAX;
    if (!w->ready)
        err = w->encoder != NULL ? encode(w, piece, e) : checksum(w, piece, e);
    else if (!w->planned)
        err = plan(w, e);
    else if (w->part < w->parts.count)
        err = add_part(w, piece, e);
    else if (!w->done)
        source_spool_done(w->result);
    w->done = w->planned && w->part == w->parts.count && w->result->size != SOURCE_SIZE_UNKNOWN;
    *done = w->done;
    return err;
}

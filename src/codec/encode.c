/* Writing a stream like one that was read. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "codec_private.h"

#define HEAD_MAX (512u * 1024u) /* bytes in which a header ends */

struct codec_encoder {
    const struct codec_format *format;
    void *state;
    bool done;
};

enum pb_err codec_shape_read(enum codec_kind kind, struct source *stored, struct codec_shape **out,
                             struct error *e)
{
    struct codec_shape *s = mem_alloc(sizeof *s);
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    *out = NULL;
    if (s == NULL)
        return error_nomem(e);
    s->kind = kind;
    s->format = codec_format(kind);
    buf_init(&s->head, HEAD_MAX);
    err = source_view(stored, 0, HEAD_MAX, &p, &n, e);
    if (err == PB_OK)
        err = s->format->encode->shape(s, p, n, e);
    if (err != PB_OK)
        codec_shape_free(s);
    else
        *out = s;
    return err;
}

void codec_shape_free(struct codec_shape *s)
{
    if (s == NULL)
        return;
    buf_release(&s->head);
    free(s);
}

enum pb_err codec_encoder_new(const struct codec_shape *shape, uint64_t size,
                              struct codec_encoder **out, struct error *e)
{
    struct codec_encoder *c = mem_alloc(sizeof *c);
    enum pb_err err;

    *out = NULL;
    if (c == NULL)
        return error_nomem(e);
    c->format = shape->format;
    err = c->format->encode->start(shape, size, &c->state, e);
    if (err != PB_OK) {
        codec_encoder_free(c);
        return err;
    }
    *out = c;
    return PB_OK;
}

void codec_encoder_free(struct codec_encoder *c)
{
    if (c == NULL)
        return;
    if (c->state != NULL)
        c->format->encode->stop(c->state);
    free(c);
}

enum pb_err codec_encode(struct codec_encoder *c, struct codec_io *io, bool last, struct error *e)
{
    size_t in, out;
    enum pb_err err = PB_OK;

    do {
        in = io->in_len;
        out = io->out_len;
        if (!c->done && io->out_len > 0)
            err = c->format->encode->run(c->state, io, last && in == 0, &c->done, e);
    } while (err == PB_OK && !c->done && (in != io->in_len || out != io->out_len));
    return err;
}

bool codec_encoder_done(const struct codec_encoder *c)
{
    return c->done;
}

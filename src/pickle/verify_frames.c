/* Frames of the result against those of the original. */
#include <stdlib.h>

#include "index.h"
#include "verify.h"

#define FRAME_HEADER 9
#define OPCODES_AT_ONCE 2000

/* A frame lies in one copied span, so it is as right or wrong as it was. */
static bool untouched(const struct verify *v, const struct pkl_frame *f)
{
    size_t i;
    const struct splice_segment *s = verify_segment(v, f->offset, &i);

    return s != NULL && s->kind == SPLICE_COPY && v->placed[i] &&
           f->length <= UINT64_MAX - f->offset - FRAME_HEADER &&
           f->offset + FRAME_HEADER + f->length <= s->at + s->len;
}

/* The place in the original to which an offset of the result belongs: [*low, *high], one place
 * unless bytes are missing just there. */
static enum pb_err original_of(struct verify *v, uint64_t off, uint64_t *low, uint64_t *high)
{
    size_t i, k;
    const struct splice_segment *s = verify_segment(v, off, &i);
    struct verify_range at;
    bool has = false;
    enum pb_err err = PB_OK;

    if (s != NULL && s->kind == SPLICE_COPY && v->placed[i] && s->at < off) {
        *low = *high = s->from + (off - s->at);
        return PB_OK;
    }
    for (*low = 0, k = i; k-- > 0 && !has && err == PB_OK;) {
        err = verify_origin(v, k, &at, &has);
        *low = has ? at.end : 0;
    }
    for (*high = v->original->size, has = false, k = i; k < v->plan->count && !has && err == PB_OK;
         k++) {
        err = verify_origin(v, k, &at, &has);
        *high = has ? at.begin : *high;
    }
    return err;
}

static uint64_t frame_end(const struct pkl_frame *f)
{
    return f->offset + FRAME_HEADER + f->length;
}

/* A frame begins inside the one before it, as it did in the original. */
static bool stays_inside(const struct pkl_frame *was)
{
    return was[1].offset < frame_end(was) && frame_end(&was[1]) <= frame_end(was);
}

static enum pb_err frame_ends(struct verify *v, const struct pkl_frame *f,
                              const struct pkl_frame *was, const struct pkl_frame *next)
{
    uint64_t end = f->offset + FRAME_HEADER + f->length, low, high;
    struct pkl_info info;
    enum pb_err err;

    pkl_doc_info(v->fresh, &info);
    if (f->length > info.end || end > info.end)
        return verify_refuse(v, "the FRAME at %llu reaches beyond the end",
                             (unsigned long long)f->offset);
    if (next != NULL && next->offset < end && !stays_inside(was))
        return verify_refuse(v, "a FRAME begins inside the one at %llu",
                             (unsigned long long)f->offset);
    err = original_of(v, f->offset, &low, &high);
    if (err != PB_OK)
        return err;
    if (was->offset < low || was->offset > high)
        return verify_refuse(v, "the FRAME at %llu does not begin where it did",
                             (unsigned long long)f->offset);
    err = original_of(v, end, &low, &high);
    if (err != PB_OK)
        return err;
    if (was->offset + FRAME_HEADER + was->length < low ||
        was->offset + FRAME_HEADER + was->length > high)
        return verify_refuse(v, "the FRAME at %llu does not end where it did",
                             (unsigned long long)f->offset);
    return PB_OK;
}

enum pb_err verify_frames(struct verify *v, bool *done)
{
    const struct pkl_frame *is, *was, *f;
    size_t n = pkl_doc_frames(v->fresh, &is);
    uint64_t header = 0, payload = 0, before, end;
    enum pb_err err = PB_OK;

    *done = v->frame == n;
    if (*done || pkl_doc_frames(v->doc, &was) != n)
        return *done ? PB_OK : verify_refuse(v, "it has another number of FRAMEs");
    f = &is[v->frame];
    if (untouched(v, f)) {
        v->frame++;
        v->at = 0;
        return PB_OK;
    }
    err = frame_ends(v, f, &was[v->frame], v->frame + 1 < n ? f + 1 : NULL);
    end = f->offset + FRAME_HEADER + f->length;
    before = v->at = v->at == 0 ? f->offset + FRAME_HEADER : v->at;
    for (int i = 0; i < OPCODES_AT_ONCE && v->at < end && err == PB_OK; i++) {
        before = v->at;
        err = pkl_opcode_length(v->result, v->at, &header, &payload, v->e);
        v->at += header + payload;
    }
    if (err != PB_OK || v->at < end)
        return err;
    if (v->at != end && before + header != end)
        return verify_refuse(v, "the FRAME at %llu ends inside an opcode",
                             (unsigned long long)f->offset);
    v->frame++;
    v->at = 0;
    return PB_OK;
}

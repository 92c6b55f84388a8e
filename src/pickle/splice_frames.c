/*
 * FRAME lengths, for the strictest reader: a frame holds whole opcodes and ends where it says; no
 * other frame, unless the original has it so.  Frames that no edit touches keep what they say,
 * right or wrong.
 */
#include <stdlib.h>

#include <pklbrowse/intl.h>

#include "opcode_bytes.h"
#include "splice_private.h"

#define FRAME_HEADER 9
#define FRAMES_AT_ONCE 8
#define ALIGNMENT 16 /* of joblib */

/* The first cut that ends behind `at`, or begins there. */
static size_t first_cut(const struct splice_work *w, size_t count, uint64_t at)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->cuts.data[middle].end <= at && w->cuts.data[middle].begin < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum pb_err wrong_frame(struct splice_work *w, const struct pkl_frame *f, const char *why)
{
    return error_set(w->e, PB_EREADONLY,
                     "the FRAME at offset %llu is wrong in the original (%s), so nothing inside it "
                     "can be changed",
                     (unsigned long long)f->offset, _(why));
}

/* A frame in which something changes must have been right. */
static enum pb_err check(struct splice_work *w, const struct pkl_frame *f,
                         const struct pkl_frame *next, const struct splice_cut *straddling)
{
    struct source *src = pkl_doc_source(w->ed->doc);
    uint64_t at = f->offset + FRAME_HEADER, end = at + f->length, header = 0, payload = 0, before;
    struct pkl_info info;
    enum pb_err err = PB_OK;

    pkl_doc_info(w->ed->doc, &info);
    if (end < at || end > info.end)
        return wrong_frame(w, f, "it reaches beyond the end");
    /* C's unpickler takes one inside another, and then its length is only that. */
    if (next != NULL && next->offset < end && next->offset + FRAME_HEADER + next->length > end)
        return wrong_frame(w, f, "another one begins inside it and ends behind it");
    if (straddling != NULL)
        end = straddling->begin;
    for (before = at; at < end && err == PB_OK;) {
        before = at;
        err = pkl_opcode_length(src, at, &header, &payload, w->e);
        at += header + payload;
    }
    if (err != PB_OK)
        return err;
    /* The end may lie between a length and what it counts. */
    return at == end || before + header == end ? PB_OK
                                               : wrong_frame(w, f, "it ends inside an opcode");
}

static enum pb_err put_frame(struct splice_work *w, const struct pkl_frame *f, uint64_t length)
{
    struct buf *b = &w->plan->bytes;
    struct splice_piece piece = {SPLICE_FRAME, b->len, FRAME_HEADER, 0};
    struct splice_cut cut = {.begin = f->offset,
                             .end = f->offset + FRAME_HEADER,
                             .added = FRAME_HEADER,
                             .first = w->pieces.len,
                             .count = 1};

    buf_putc(b, (char)CODE_FRAME);
    for (int i = 0; i < 8; i++)
        buf_putc(b, (char)(length >> (8 * i) & 0xff));
    return vec_push(&w->pieces, piece) && vec_push(&w->cuts, cut) ? buf_status(b, w->e)
                                                                  : error_nomem(w->e);
}

/* What is put in right at the end of a frame belongs to it: it stands behind what it belongs to. */
static enum pb_err one_frame(struct splice_work *w, size_t count, const struct pkl_frame *f,
                             const struct pkl_frame *next)
{
    uint64_t begin = f->offset + FRAME_HEADER, end = begin + f->length, length = f->length;
    const struct splice_cut *straddling = NULL;
    bool touched = false;
    enum pb_err err;

    for (size_t i = first_cut(w, count, begin); i < count; i++) {
        const struct splice_cut *c = &w->cuts.data[i];

        if (c->begin > end || (c->begin == end && c->end > end))
            break;
        touched = true;
        if (c->end > end) {
            straddling = c;
            length -= end - c->begin;
        } else {
            length -= c->end - c->begin;
        }
        length += c->added;
    }
    if (!touched)
        return PB_OK;
    err = check(w, f, next, straddling);
    return err == PB_OK && length != f->length ? put_frame(w, f, length) : err;
}

static int by_begin(const void *a, const void *b)
{
    const struct splice_cut *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/*
 * joblib aligns an array in the file by a few bytes in front of it; one that is mapped into memory
 * must stay where it is aligned.
 */
static enum pb_err check_alignment(struct splice_work *w)
{
    const struct source *src = pkl_doc_source(w->ed->doc);
    int64_t moved = 0;
    size_t cut = 0;

    for (size_t i = 0; i < src->gaps.len; i++) {
        const struct source_gap *gap = &src->gaps.data[i];
        const uint8_t *p;
        size_t n;
        enum pb_err err;

        for (; cut < w->cuts.len && w->cuts.data[cut].end <= gap->at; cut++)
            moved += (int64_t)w->cuts.data[cut].added -
                     (int64_t)(w->cuts.data[cut].end - w->cuts.data[cut].begin);
        if (moved % ALIGNMENT == 0 ||
            (cut < w->cuts.len && w->cuts.data[cut].begin <= gap->at)) /* it goes */
            continue;
        err = source_view(pkl_doc_source(w->ed->doc), gap->at + 1, 1, &p, &n, w->e);
        if (err != PB_OK)
            return err;
        if (n > 0 && *p >= 1 && *p <= ALIGNMENT && (gap->at + 2 + *p) % ALIGNMENT == 0)
            return error_set(w->e, PB_EREADONLY,
                             "the array at offset %llu is aligned to %d bytes of the file, and the "
                             "edits would move it by %lld",
                             (unsigned long long)gap->at, ALIGNMENT, (long long)moved);
    }
    return PB_OK;
}

enum pb_err splice_frames(struct splice_work *w, bool *done)
{
    const struct pkl_frame *frames;
    size_t n = pkl_doc_frames(w->ed->doc, &frames), last = w->frame + FRAMES_AT_ONCE;
    enum pb_err err = PB_OK;

    if (w->frame == 0)
        w->cuts_made = w->cuts.len;
    for (; w->frame < n && w->frame < last && err == PB_OK; w->frame++)
        err = one_frame(w, w->cuts_made, &frames[w->frame],
                        w->frame + 1 < n ? &frames[w->frame + 1] : NULL);
    *done = w->frame == n;
    if (err == PB_OK && *done && w->cuts.len > 1)
        qsort(w->cuts.data, w->cuts.len, sizeof *w->cuts.data, by_begin);
    return err == PB_OK && *done ? check_alignment(w) : err;
}

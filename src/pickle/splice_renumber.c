/*
 * Memo numbers that must move.
 *
 * What is shared now and was not has to be stored.  Where MEMOIZE numbers by counting and no slot
 * is free, it is stored in the slot that would come next, and every MEMOIZE behind it stores one
 * further: the GETs (and PUTs) of those slots get other numbers.
 *
 * One walk over the original's memo opcodes and the cuts in step, counting on both sides.  A slot
 * of the original is so much further on as the counts differed when it was first stored into; that
 * changes a few times only.  Any slot beyond the count would be met by it some time: a stream that
 * has one is left alone.
 */
#include <stdlib.h>

#include "index.h"
#include "opcode_bytes.h"
#include "splice_private.h"

/* From this slot of the original on. */
struct shift {
    uint64_t from;
    int64_t by;
};

struct renumber {
    struct splice_work *w;
    struct {
        struct splice_cut *data;
        size_t len, cap;
    } cuts;
    struct {
        struct splice_piece *data;
        size_t len, cap;
    } pieces;
    struct buf bytes;
    struct {
        struct shift *data;
        size_t len, cap;
    } shifts;
    struct {
        uint64_t *data; /* numbers of targets that had no room */
        size_t len, cap;
    } added;
    uint64_t start;   /* of the pickle that is counted */
    uint64_t was, is; /* slots in use; was: of the original */
    uint64_t filled;  /* slots of the original below this are stored into again by dummies */
    size_t cut, op;   /* the next ones */
    uint64_t gone;    /* the original is cut up to here */
    enum pb_err err;
};

static void next_pickle(struct renumber *r, uint64_t start)
{
    r->start = start;
    r->was = r->is = r->filled = 0;
    r->shifts.len = 0;
}

/* ------------------------------------------------------------------------------ numbers */

static uint64_t number_of(const struct renumber *r, uint64_t slot)
{
    size_t low;

    if (slot >= SPLICE_NO_ROOM)
        return r->added.data[slot - SPLICE_NO_ROOM];
    low = vec_upper(&r->shifts, from, slot);
    return low > 0 ? slot + (uint64_t)r->shifts.data[low - 1].by : slot;
}

/* A slot of the original is stored into first. */
static uint64_t count(struct renumber *r, uint64_t slot)
{
    struct shift s = {slot, (int64_t)(r->is - slot)};
    int64_t last = r->shifts.len > 0 ? r->shifts.data[r->shifts.len - 1].by : 0;

    if (s.by != last && !vec_push(&r->shifts, s))
        r->err = error_nomem(r->w->e);
    return r->is++;
}

static void put_opcode(struct buf *out, uint8_t was, uint64_t number)
{
    bool put = op_info[was].class == OP_PUT,
         wide = was == CODE_LONG_BINGET || was == CODE_LONG_BINPUT || number > 255;

    if (op_is_text(was)) {
        buf_printf(out, "%c%llu\n", was, (unsigned long long)number);
        return;
    }
    buf_putc(out, (char)(put ? (wide ? CODE_LONG_BINPUT : CODE_BINPUT)
                             : (wide ? CODE_LONG_BINGET : CODE_BINGET)));
    for (int i = 0; i < (wide ? 4 : 1); i++)
        buf_putc(out, (char)(number >> (8 * i) & 0xff));
}

/* -------------------------------------------------------------------------- own bytes */

static uint64_t own_number(struct renumber *r, const struct splice_memo_op *op)
{
    if (!op->put)
        return number_of(r, op->slot);
    if (op->slot >= SPLICE_NO_ROOM)
        return r->added.data[op->slot - SPLICE_NO_ROOM] = r->is++;
    if (op->slot < r->was || op->slot < r->filled)
        return number_of(r, op->slot);
    r->filled = op->slot + 1;
    return count(r, op->slot);
}

/* The plan's own bytes, with the numbers that their memo opcodes have now. */
static void own_piece(struct renumber *r, struct splice_piece *p)
{
    struct splice_work *w = r->w;
    const uint8_t *bytes = (const uint8_t *)w->plan->bytes.data;
    uint64_t at = p->from, end = p->from + p->len, header, payload;

    p->from = r->bytes.len;
    while (r->op < w->memo_ops.len && w->memo_ops.data[r->op].at < at)
        r->op++;
    for (; r->op < w->memo_ops.len && w->memo_ops.data[r->op].at < end; r->op++) {
        const struct splice_memo_op *op = &w->memo_ops.data[r->op];
        uint8_t code = bytes[op->at];
        uint64_t number = own_number(r, op);

        buf_append(&r->bytes, bytes + at, (size_t)(op->at - at));
        header = op_info[code].header;
        payload = 0;
        if (op_is_text(code)) {
            while (bytes[op->at + header + payload] != '\n')
                payload++;
            payload++;
        }
        if (code == CODE_MEMOIZE)
            buf_putc(&r->bytes, (char)code);
        else if (op_is_text(code))
            put_opcode(&r->bytes, code, number);
        else
            put_opcode(&r->bytes, op->put ? CODE_BINPUT : CODE_BINGET, number);
        at = op->at + header + payload;
    }
    buf_append(&r->bytes, bytes + at, (size_t)(end - at));
    p->len = r->bytes.len - p->from;
}

static void one_cut(struct renumber *r, const struct splice_cut *from)
{
    struct splice_work *w = r->w;
    struct splice_cut c = {.begin = from->begin, .end = from->end, .first = r->pieces.len};
    struct pickle_mark in;

    if (from->count > 0 && !w->ed->doc->scan.shared) {
        r->err = pickle_around(w->ed->doc, from->begin, &in, w->e);
        if (r->err == PB_OK && in.offset != r->start)
            next_pickle(r, in.offset);
    }
    for (size_t i = 0; i < from->count && r->err == PB_OK; i++) {
        struct splice_piece p = w->pieces.data[from->first + i];

        if (p.kind != SPLICE_COPY)
            own_piece(r, &p);
        c.added += p.len;
        c.count++;
        if (!vec_push(&r->pieces, p))
            r->err = error_nomem(w->e);
    }
    if (c.end > r->gone)
        r->gone = c.end;
    if (r->err == PB_OK && !vec_push(&r->cuts, c))
        r->err = error_nomem(w->e);
}

static void cuts_before(struct renumber *r, uint64_t upto)
{
    for (; r->cut < r->w->cuts.len && r->w->cuts.data[r->cut].begin < upto && r->err == PB_OK;
         r->cut++)
        one_cut(r, &r->w->cuts.data[r->cut]);
}

/* -------------------------------------------------------------------------- the original */

/* A memo opcode of the original that stays gets another number. */
static void rewrite(struct renumber *r, const struct pkl_memo_event *ev, uint64_t number)
{
    struct splice_cut c = {.begin = ev->offset, .end = ev->end, .first = r->pieces.len, .count = 1};
    struct splice_piece p = {SPLICE_RENUMBER, r->bytes.len, 0, ev->offset};
    const uint8_t *code;
    size_t n;

    r->err = source_view(pkl_doc_source(r->w->ed->doc), ev->offset, 1, &code, &n, r->w->e);
    if (r->err != PB_OK)
        return;
    put_opcode(&r->bytes, *code, number);
    c.added = p.len = r->bytes.len - p.from;
    if (!vec_push(&r->pieces, p) || !vec_push(&r->cuts, c))
        r->err = error_nomem(r->w->e);
}

static bool see(void *ctx, const struct pkl_memo_event *ev)
{
    struct renumber *r = ctx;
    bool gone, first, put = ev->op == PKL_MEMO_PUT || ev->op == PKL_MEMO_IMPLICIT;
    uint64_t number;

    cuts_before(r, ev->start);
    if (r->err == PB_OK && ev->start != r->start && !r->w->ed->doc->scan.shared)
        next_pickle(r, ev->start);
    cuts_before(r, ev->offset + 1);
    if (r->err != PB_OK || ev->op == PKL_MEMO_FIXED)
        return r->err == PB_OK;
    gone = ev->offset < r->gone;
    first = put && ev->slot == r->was;
    if (put && (ev->slot > r->was || (ev->op == PKL_MEMO_IMPLICIT && !first)))
        r->err = splice_full(r->w, ev->offset);
    r->was += first;
    if (gone || r->err != PB_OK)
        return r->err == PB_OK;
    number = first ? count(r, ev->slot) : number_of(r, ev->slot);
    if (number != ev->slot && ev->op != PKL_MEMO_IMPLICIT && r->err == PB_OK)
        rewrite(r, ev, number);
    return r->err == PB_OK;
}

/* ------------------------------------------------------------------------------- the plan */

static void take_over(struct renumber *r)
{
    struct splice_work *w = r->w;

    vec_release(&w->cuts);
    vec_release(&w->pieces);
    buf_release(&w->plan->bytes);
    w->cuts.data = r->cuts.data;
    w->cuts.len = r->cuts.len;
    w->cuts.cap = r->cuts.cap;
    w->pieces.data = r->pieces.data;
    w->pieces.len = r->pieces.len;
    w->pieces.cap = r->pieces.cap;
    w->plan->bytes = r->bytes;
}

enum pb_err splice_renumber(struct splice_work *w)
{
    struct renumber r = {.w = w};
    struct pkl_memo_walk walk;
    bool done = false;
    enum pb_err err = PB_OK;

    buf_init(&r.bytes, SIZE_MAX / 2);
    pkl_memo_walk_init(&walk, w->ed->doc);
    for (size_t i = 0; i < w->targets.len && err == PB_OK; i++)
        err = vec_push(&r.added, 0) ? PB_OK : error_nomem(w->e);
    while (err == PB_OK && r.err == PB_OK && !done)
        err = pkl_memo_walk_step(&walk, UINT64_MAX / 4, see, &r, &done, w->e);
    if (err == PB_OK)
        err = r.err;
    if (err == PB_OK)
        cuts_before(&r, UINT64_MAX);
    if (err == PB_OK && r.err == PB_OK)
        err = buf_status(&r.bytes, w->e);
    else if (err == PB_OK)
        err = r.err;
    vec_release(&r.shifts);
    vec_release(&r.added);
    if (err == PB_OK) {
        take_over(&r);
        return PB_OK;
    }
    vec_release(&r.cuts);
    vec_release(&r.pieces);
    buf_release(&r.bytes);
    return err;
}

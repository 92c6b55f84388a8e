/* Memo opcodes with the slots they mean, for the writer.  MEMOIZE means the number of slots in use:
 * those put densely, and those that the index logged when they were first put. */
#include "cursor.h"
#include "index.h"
#include "opcode_bytes.h"

void pkl_memo_walk_init(struct pkl_memo_walk *w, struct pkl_doc *d)
{
    *w = (struct pkl_memo_walk){.doc = d};
}

enum pb_err pkl_memo_walk_seek(struct pkl_memo_walk *w, uint64_t at, struct error *e)
{
    struct pkl_doc *d = w->doc;
    struct pickle_mark in;
    size_t low = 0, high = d->marks.len;
    enum pb_err err;

    if (d->puts.len > 0 || d->scan.shared)
        return PB_OK;
    err = pickle_around(d, at, &in, e);
    if (err != PB_OK)
        return err;
    w->at = w->start = in.offset;
    w->pickle = in.number;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (d->marks.data[middle].offset <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && d->marks.data[low - 1].offset > in.offset) {
        w->at = d->marks.data[low - 1].offset;
        w->used = d->marks.data[low - 1].count_bias >> 24;
    }
    return PB_OK;
}

/* The slot of a memo opcode; what a PUT occupies is counted. */
static enum pb_err slot_of(struct pkl_memo_walk *w, const struct op *op, enum op_class class,
                           uint64_t *slot, struct error *e)
{
    const struct pkl_doc *d = w->doc;
    const struct memo_put *p = w->logged < d->puts.len ? &d->puts.data[w->logged] : NULL;
    bool is_logged = class == OP_PUT && p != NULL && p->offset == op->at;

    *slot = w->used;
    if (op->code != CODE_MEMOIZE && !cursor_slot(op, slot))
        return error_pickle(e, op->at, op->code, "the number of a memo slot is not one");
    if (class == OP_PUT)
        w->used += !is_logged || p->dense || p->fresh;
    w->logged += is_logged;
    return PB_OK;
}

enum pb_err pkl_memo_walk_step(struct pkl_memo_walk *w, uint64_t budget,
                               bool (*see)(void *ctx, const struct pkl_memo_event *ev), void *ctx,
                               bool *done, struct error *e)
{
    uint64_t end = w->doc->scan.at, until = end - w->at > budget ? w->at + budget : end;
    struct pkl_memo_event ev = {PKL_MEMO_PUT, 0, 0, 0, 0, 0};
    struct cursor c;
    enum pb_err err = PB_OK;
    struct op op;

    cursor_init(&c, w->doc->src);
    while (w->at < until && err == PB_OK) {
        enum op_class class;

        /* Nearly all of them are of no interest. */
        if (w->at >= c.off && w->at - c.off + 9 < c.n) {
            const uint8_t *from = c.p + (w->at - c.off), *to = c.p + c.n - 9;
            uint64_t over;

            to = until - w->at < (uint64_t)(to - from) ? from + (until - w->at) : to;
            w->at += (uint64_t)(op_skip_plain(from, to, &over) - from) + over;
            if (w->at >= until)
                break;
        }
        err = cursor_read(&c, w->at, &op, e);
        if (err != PB_OK)
            break;
        w->at = op.end;
        class = (enum op_class)op_info[op.code].class;
        ev = (struct pkl_memo_event){
            .offset = op.at, .end = op.end, .pickle = w->pickle, .start = w->start};
        if (class == OP_STOP) {
            w->pickle++;
            w->start = op.end;
            if (!w->doc->scan.shared)
                w->used = 0;
            continue;
        }
        if (class == OP_PROTO || class == OP_BUFFER) {
            ev.op = PKL_MEMO_FIXED;
        } else if (class == OP_PUT || (class == OP_REF && op.code != CODE_DUP)) {
            ev.op = class == OP_REF           ? PKL_MEMO_GET
                    : op.code == CODE_MEMOIZE ? PKL_MEMO_IMPLICIT
                                              : PKL_MEMO_PUT;
            err = slot_of(w, &op, class, &ev.slot, e);
        } else {
            continue;
        }
        if (err == PB_OK && !see(ctx, &ev)) {
            *done = true;
            return PB_OK;
        }
    }
    *done = err == PB_OK && w->at >= end;
    return err;
}

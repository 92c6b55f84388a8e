/* Memo opcodes with the slots they mean, for the writer.  MEMOIZE means the number of slots in use:
 * those put densely, and those that the index logged when they were first put. */
#include "cursor.h"
#include "index.h"

enum pb_err pkl_doc_memo_walk(struct pkl_doc *d,
                              bool (*see)(void *ctx, const struct pkl_memo_event *ev), void *ctx,
                              struct error *e)
{
    uint64_t used = 0;
    size_t logged = 0;
    struct pkl_memo_event ev = {PKL_MEMO_PUT, 0, 0, 0, 0};
    struct cursor c;
    enum pb_err err = PB_OK;
    struct op op;

    cursor_init(&c, d->src);
    for (uint64_t at = 0; at < d->scan.at; at = op.end) {
        enum op_class class;

        err = cursor_read(&c, at, &op, e);
        if (err != PB_OK)
            break;
        class = (enum op_class)op_info[op.code].class;
        if (class == OP_STOP) {
            ev.pickle++;
            if (!d->scan.shared)
                used = 0;
        }
        if (class != OP_PUT && (class != OP_REF || op.code == '2'))
            continue;
        ev.offset = op.at;
        ev.end = op.end;
        ev.op = class == OP_REF ? PKL_MEMO_GET : op.code == 0x94 ? PKL_MEMO_IMPLICIT : PKL_MEMO_PUT;
        ev.slot = used;
        if (op.code != 0x94 && !cursor_slot(&op, &ev.slot)) {
            err = error_pickle(e, op.at, op.code, "the number of a memo slot is not one");
            break;
        }
        if (class == OP_PUT) {
            const struct memo_put *p = logged < d->puts.len ? &d->puts.data[logged] : NULL;
            bool is_logged = p != NULL && p->offset == at;

            used += !is_logged || p->dense || p->fresh;
            logged += is_logged;
        }
        if (!see(ctx, &ev))
            break;
    }
    return err;
}

/*
 * The index pass: opcode by opcode, resumable between any two bytes that arrive.
 *
 * Between two opcodes the whole state is in struct scan.  An opcode whose bytes are not all here is
 * begun again when they are; only long payloads and long lines are checked piece by piece
 * (`checked`).
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "line.h"
#include "scan_quick.h"

/* ------------------------------------------------------- the stream of pickles */

static enum pb_err frame_op(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct pkl_frame f = {op->at, op_le(op->p + 1, 8)};
    enum pb_err err;

    if (d->frames.len > 0) {
        const struct pkl_frame *last = &d->frames.data[d->frames.len - 1];

        err =
            scan_note(d, op,
                      op->at < last->offset + 9 + last->length
                          ? "it opens inside another frame: only C's unpickler takes that, before "
                            "3.13.15"
                          : NULL,
                      e);
        if (err != PB_OK)
            return err;
    }
    if (f.length > INT64_MAX)
        return error_set(e, PB_EPICKLE, "a frame longer than any machine's memory");
    /* A frame's bytes must be there; what is in them is not looked at.  Of a file that arrived by
     * half, that half can be shown: it breaks where the bytes end, or at the STOP. */
    err = scan_reaches(d, op->end + f.length, e);
    if (err == PB_EPICKLE)
        return scan_note(
            d, op, "it claims bytes that are not there: only Python's unpickler takes that", e);
    if (err != PB_OK)
        return err;
    d->scan.frame_end = op->end + f.length;
    return vec_push(&d->frames, f) ? PB_OK : error_nomem(e);
}

/* Python's unpickler reads an opcode piece by piece: its code, its argument, what it says the
 * length of; or line by line.  A frame may end between two of them. */
static bool is_between_pieces(const struct op *op, uint64_t at)
{
    const uint8_t *line;

    if (at == op->at + 1 || at == op->end)
        return true;
    if (op->code != 'c' && op->code != 'i')
        return !op_is_text(op->code) && at == op->at + op_info[op->code].header;
    line = memchr(op->p, '\n', op->n);
    return line != NULL && at == op->at + (uint64_t)(line - op->p) + 1;
}

/* The newest frame is over.  Where it ends within an opcode, that is the last one in front of
 * scan.at, or a PUT behind that. */
static enum pb_err frame_over(struct pkl_doc *d, struct error *e)
{
    struct scan *s = &d->scan;
    uint64_t end = s->frame_end;
    struct op op = {.end = s->last};
    struct cursor c;

    s->frame_end = 0;
    if (end == s->at)
        return PB_OK;
    d->viewed = true;
    cursor_init(&c, d->src);
    while (op.end < end) {
        enum pb_err err = cursor_read(&c, op.end, &op, e);

        if (err != PB_OK)
            return err;
    }
    return scan_note(d, &op,
                     is_between_pieces(&op, end)
                         ? NULL
                         : "it reaches over the end of a frame: only C's unpickler takes that, "
                           "before 3.13.15",
                     e);
}

static void begin_pickle(struct pkl_doc *d, uint64_t at, uint64_t number)
{
    struct scan *s = &d->scan;

    s->at = s->start = s->last = at;
    s->number = number;
    s->ops = 0;
    s->settled = d->records.len;
    s->stack.len = s->marks.len = s->folded = 0;
    s->inlined.at = 0;
    s->frame_end = 0;
    s->in_payload = s->in_line = s->slot_missing = s->opened = false;
    if (!s->shared) {
        s->memo_count = s->memo_sparse = 0;
        s->memo_bias = NO_BIAS;
        memo_sure_forget(d);
        s->epoch = (uint32_t)number;
        s->next_mark = at + d->grain.memo_mark;
    }
}

static enum pb_err proto_op(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    struct proto_mark m = {op->at, op->p[1]};
    bool first = op->at == s->start;

    if (m.protocol > 5)
        return error_set(e, PB_EPICKLE, "protocol %u is not known", m.protocol);
    if (m.protocol > s->protocol)
        s->protocol = m.protocol;
    s->opened = s->opened || first;
    if (first && m.protocol == s->proto)
        return PB_OK;
    s->proto = m.protocol;
    return vec_push(&d->protos, m) ? PB_OK : error_nomem(e);
}

/* At the end of a pickle: one that began without a PROTO did not go on with that of the one before.
 */
static enum pb_err end_protos(struct pkl_doc *d, struct error *e)
{
    struct scan *s = &d->scan;
    struct proto_mark none = {s->start, 0};
    size_t at = d->protos.len;

    while (at > 0 && d->protos.data[at - 1].offset >= s->start)
        at--;
    if (s->opened || at == 0 || d->protos.data[at - 1].protocol == 0)
        return PB_OK;
    if (at == d->protos.len)
        s->proto = 0;
    if (!vec_push(&d->protos, none))
        return error_nomem(e);
    memmove(&d->protos.data[at + 1], &d->protos.data[at],
            (d->protos.len - 1 - at) * sizeof *d->protos.data);
    d->protos.data[at] = none;
    return PB_OK;
}

static enum pb_err mark_pickle(struct pkl_doc *d, uint64_t end, struct error *e)
{
    const struct scan *s = &d->scan;
    bool lengthy = end - s->start > d->grain.record;
    struct pickle_mark *last = d->pickles.len > 0 ? &d->pickles.data[d->pickles.len - 1] : NULL;
    struct pickle_mark m = {s->start, s->number, lengthy};

    if (last == NULL || lengthy || last->lengthy || s->start - last->offset >= d->grain.checkpoint)
        return vec_push(&d->pickles, m) ? PB_OK : error_nomem(e);
    return PB_OK;
}

static enum pb_err stop_op(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    enum pb_err err = scan_need(d, 1, e);

    if (err == PB_OK && s->number + 1 >= d->limits.max_pickles)
        err = error_set(e, PB_ELIMIT, "more than %llu pickles in a row (limit max_pickles)",
                        (unsigned long long)d->limits.max_pickles);
    if (err == PB_OK)
        err = mark_pickle(d, op->end, e);
    if (err == PB_OK)
        err = end_protos(d, e);
    if (err != PB_OK)
        return err;
    scan_settle(d);
    d->end = op->end;
    begin_pickle(d, op->end, s->number + 1);
    return PB_OK;
}

/* ---------------------------------------------------------------- one opcode */

static enum pb_err mark_op(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    struct smark m = {op->at, s->stack.len};

    if (s->marks.len >= d->limits.max_marks)
        return error_set(e, PB_ELIMIT, "more than %llu marks (limit max_marks)",
                         (unsigned long long)d->limits.max_marks);
    return vec_push(&s->marks, m) ? PB_OK : error_nomem(e);
}

static enum pb_err execute(struct pkl_doc *d, struct window *w, struct op *op, struct error *e)
{
    enum op_class class = (enum op_class)op_info[op->code].class;

    if (op_is_text(op->code))
        return scan_op_text(d, w, op, e);
    switch (class) {
    case OP_BAD:
        return error_set(e, PB_EPICKLE, "there is no such opcode");
    case OP_STR:
    case OP_BYTES:
    case OP_BYTEARRAY:
    case OP_PY2STR:
        return scan_op_payload(d, op, e);
    case OP_INT:
        return op_info[op->code].arg >= ARG_B1 ? scan_op_payload(d, op, e)
                                               : scan_op_fixed(d, op, e);
    case OP_REF:
        return scan_op_ref(d, op, e);
    case OP_PUT:
        return scan_op_put(d, op, e);
    case OP_MAKE:
        return scan_op_make(d, op, e);
    case OP_GROUP:
        return scan_op_group(d, op, e);
    case OP_MARK:
        return mark_op(d, op, e);
    case OP_STOP:
        return stop_op(d, op, e);
    case OP_PROTO:
        return proto_op(d, op, e);
    case OP_FRAME:
        return frame_op(d, op, e);
    case OP_OTHER:
        return scan_op_other(d, op, e);
    default:
        return scan_op_fixed(d, op, e);
    }
}

static enum pb_err memo_mark_here(struct pkl_doc *d, struct error *e)
{
    struct scan *s = &d->scan;
    struct memo_mark m = {s->at, s->memo_count << 24 | s->memo_bias};

    s->next_mark = s->at + d->grain.memo_mark;
    return vec_push(&d->marks, m) ? PB_OK : error_nomem(e);
}

static enum pb_err one(struct pkl_doc *d, struct window *w, struct error *e)
{
    struct scan *s = &d->scan;
    struct op op = {.at = s->at};
    size_t have = s->at >= w->off && s->at - w->off < w->n ? w->n - (size_t)(s->at - w->off) : 0;
    size_t need = have > 0 ? op_info[w->p[s->at - w->off]].header : 1;
    enum op_class class;
    bool stop;
    enum pb_err err = PB_OK;

    if (have < (need > 0 ? need : 1)) {
        err = scan_look(d, w, 1, e);
        if (err == PB_OK && w->n > 0 && op_info[w->p[0]].header > w->n)
            err = scan_look(d, w, op_info[w->p[0]].header, e);
        if (err != PB_OK)
            return err;
        have = w->n;
    }
    s->code = -1;
    if (s->frame_end != 0 && s->at >= s->frame_end) {
        err = frame_over(d, e);
        if (err != PB_OK)
            return err;
        w->n = 0;
        return PB_OK;
    }
    if (s->inlined.at != 0) {
        w->n = 0;
        return scan_inline_go(d, e);
    }
    if (have == 0)
        return error_set(e, PB_EPICKLE,
                         s->at == 0 ? _("it is empty") : _("the pickle ends without STOP"));
    op.p = w->p + (s->at - w->off);
    op.n = have;
    op.code = op.p[0];
    s->code = op.code;
    op.end = op.at + op_info[op.code].header;
    class = (enum op_class)op_info[op.code].class;
    if (have < op_info[op.code].header)
        return error_set(e, PB_EPICKLE, "the pickle is truncated inside an opcode");
    if (class != OP_PUT && class != OP_FRAME && class != OP_PROTO && s->at >= s->next_mark)
        err = memo_mark_here(d, e);
    stop = class == OP_STOP;
    if (err == PB_OK)
        err = execute(d, w, &op, e);
    if (err != PB_OK)
        return err;
    if (op.code == 'b' && d->wrappers.len > 0)
        err = scan_inline_begin(d, &op, e);
    if (err != PB_OK)
        return err;
    d->seen[op.code] = true;
    d->info.opcodes++;
    if (d->viewed && !d->src->stable)
        w->n = 0;
    d->viewed = false;
    if (stop)
        return PB_OK;
    if (class != OP_PUT && class != OP_FRAME && class != OP_PROTO)
        s->last = op.at;
    s->ops++;
    s->at = op.end;
    if (s->stack.len - s->folded >= d->grain.fold || s->folded > s->stack.len)
        scan_fold(d);
    if (s->stack.len > d->limits.max_stack)
        return error_set(e, PB_ELIMIT, "more than %llu values on the stack (limit max_stack)",
                         (unsigned long long)d->limits.max_stack);
    return PB_OK;
}

/* ---------------------------------------------------------------------- the end */

/* Forgets what was kept from `at` on. */
static void forget(struct pkl_doc *d, uint64_t at)
{
    size_t extras = 0;

    while (d->records.len > 0 && d->records.data[d->records.len - 1].end > at)
        checkpoints_release(&d->records.data[--d->records.len].points);
    for (size_t i = 0; i < d->extras.len; i++) {
        if (d->extras.data[i].op < at)
            d->extras.data[extras++] = d->extras.data[i];
        else
            checkpoints_release(&d->extras.data[i].points);
    }
    d->extras.len = extras;
    scan_extras_recount(d);
    scan_alter_forget(d, at);
    while (d->marks.len > 0 && d->marks.data[d->marks.len - 1].offset >= at)
        d->marks.len--;
    while (d->dups.len > 0 && d->dups.data[d->dups.len - 1].offset >= at)
        d->dups.len--;
    while (d->frames.len > 0 && d->frames.data[d->frames.len - 1].offset >= at)
        d->frames.len--;
    while (d->pickles.len > 0 && d->pickles.data[d->pickles.len - 1].offset >= at)
        d->pickles.len--;
    while (d->protos.len > 0 && d->protos.data[d->protos.len - 1].offset >= at)
        d->protos.len--;
    d->scan.proto = d->protos.len > 0 ? d->protos.data[d->protos.len - 1].protocol : 0;
    memo_forget(d, at);
}

static void restart(struct pkl_doc *d, bool shared)
{
    forget(d, 0);
    d->info = (struct pkl_info){0};
    memset(d->seen, 0, sizeof d->seen);
    d->end = 0;
    d->scan.shared = shared;
    d->scan.shared_tried = true;
    d->scan.memo_count = d->scan.memo_sparse = 0;
    d->scan.memo_bias = NO_BIAS;
    memo_sure_forget(d);
    d->scan.epoch = 0;
    d->scan.next_mark = d->grain.memo_mark;
    begin_pickle(d, 0, 0);
}

/* Bytes behind the last STOP that are no pickle.  What says so itself with a PROTO is a broken one.
 */
static bool is_trailing(struct pkl_doc *d)
{
    const uint8_t *p;
    size_t n;
    struct error ignored;

    if (d->scan.number == 0)
        return false;
    if (source_view(d->src, d->scan.start, 2, &p, &n, &ignored) != PB_OK || n < 2)
        return true;
    return p[0] != 0x80 || p[1] < 2 || p[1] > 5 || d->scan.ops < 2;
}

/* The pickle breaks at scan.at for the reason in *e.  False: reading goes on in another way. */
static bool break_here(struct pkl_doc *d, struct error *e)
{
    struct scan *s = &d->scan;
    struct error ignored;

    if ((s->slot_missing || (e->code == PB_EPICKLE && d->info.memo_gets > s->gets_before)) &&
        s->number > 0 && !s->shared && !s->shared_tried) {
        /* Several pickles of one Pickler: its memo goes on.  With MEMOIZE a GET may find a slot of
         * its own pickle, and break on what is there. */
        s->shared_goal = s->at;
        restart(d, true);
        return false;
    }
    if (s->shared && s->at <= s->shared_goal) {
        restart(d, false);
        return false;
    }
    if (e->code == PB_EPICKLE && is_trailing(d)) {
        forget(d, s->start);
        begin_pickle(d, s->start, s->number);
        return true;
    }
    d->error = *e;
    if (e->code == PB_EPICKLE || e->code == PB_ELIMIT) {
        error_pickle(&d->error, s->at, s->code, "%s", e->msg);
        d->error.code = e->code;
    }
    d->broken = true;
    scan_inline_break(d);
    scan_settle(d);
    if (scan_stand(d, s->at, &ignored) != PB_OK)
        d->error = ignored;
    if (mark_pickle(d, s->at, &ignored) != PB_OK || end_protos(d, &ignored) != PB_OK)
        d->error = ignored;
    return true;
}

/* By container, then as executed. */
static int compare_extras(const void *a, const void *b)
{
    const struct extra *x = a, *y = b;

    if (x->maker != y->maker)
        return x->maker < y->maker ? -1 : 1;
    return x->op < y->op ? -1 : x->op > y->op;
}

static void finish_info(struct pkl_doc *d)
{
    struct pkl_info *i = &d->info;

    i->max_opcode_protocol = 0;
    i->py2 = false;
    for (unsigned c = 0; c < 256; c++) {
        if (!d->seen[c])
            continue;
        if (pkl_opcode((uint8_t)c)->protocol > i->max_opcode_protocol)
            i->max_opcode_protocol = pkl_opcode((uint8_t)c)->protocol;
        i->py2 = i->py2 || op_info[c].class == OP_PY2STR;
    }
    i->protocol = d->scan.protocol > 0 ? d->scan.protocol : i->max_opcode_protocol > 0 ? 1 : 0;
    i->py2 = i->py2 && i->protocol <= 2;
    i->pickles = d->scan.number;
    i->frames = d->frames.len;
    i->end = d->end;
    i->records = d->records.len;
    i->checkpoints = d->checkpoint_count;
}

/* Nothing is left, and the last pickle is complete. */
static bool at_end(const struct pkl_doc *d)
{
    return d->scan.number > 0 && d->scan.at == d->scan.start &&
           d->src->size != SOURCE_SIZE_UNKNOWN && d->scan.at >= d->src->size;
}

enum pb_err pkl_doc_step(struct pkl_doc *d, uint64_t budget, bool *done, struct error *e)
{
    struct window w = {0};
    uint64_t until = d->scan.at + budget > d->scan.at ? d->scan.at + budget : UINT64_MAX;
    struct error why;
    enum pb_err err = PB_OK;

    if (d->done && !d->broken && d->src->size > d->seen_size)
        d->done = false;
    while (!d->done && d->scan.at < until) {
        if (at_end(d)) {
            d->done = true;
            break;
        }
        if (d->scan.inlined.at == 0)
            scan_quick(d, &w, until);
        err = one(d, &w, &why);
        if (err == PB_OK)
            continue;
        if (err == PB_EAGAIN)
            break;
        w.n = 0;
        if (break_here(d, &why))
            d->done = true;
        else
            until = UINT64_MAX;
    }
    if (d->done) {
        memo_sure_forget(d);
        d->seen_size = d->src->size;
        finish_info(d);
        if (d->extras.len > 1)
            qsort(d->extras.data, d->extras.len, sizeof *d->extras.data, compare_extras);
        scan_extras_recount(d);
        scan_alter_sort(d);
    }
    *done = d->done;
    if (!d->done && err == PB_EAGAIN)
        return error_set(e, PB_EAGAIN, "the rest of the pickle is not here yet");
    if (d->error.code == PB_ENOMEM || d->error.code == PB_EIO) {
        if (e != NULL)
            *e = d->error;
        return d->error.code;
    }
    return PB_OK;
}

enum pb_err pkl_doc_index(struct pkl_doc *d, struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    while (!done && err == PB_OK)
        err = pkl_doc_step(d, UINT64_MAX, &done, e);
    return err;
}

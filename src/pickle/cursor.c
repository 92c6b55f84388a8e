#include "cursor.h"

#include <string.h>

#include <pklbrowse/intl.h>

#include "line.h"

#define WINDOW 16384u
#define HEADER_MAX 9u

static enum pb_err fill(struct cursor *c, uint64_t at, size_t want, struct error *e)
{
    enum pb_err err = source_view(c->src, at, want, &c->p, &c->n, e);

    c->partial = err == PB_EAGAIN;
    if (c->partial && c->n > 0)
        err = PB_OK;
    c->off = at;
    if (err != PB_OK)
        c->n = 0;
    return err;
}

/* More of the opcode is needed than there is. */
static enum pb_err cut_off(const struct cursor *c, const struct op *op, const char *why,
                           struct error *e)
{
    if (c->partial)
        return error_set(e, PB_EAGAIN, "the rest of an opcode is not here yet");
    return error_pickle(e, op->at, op->code, "%s", _(why));
}

/* Finds the end of the lines of a text argument; the window grows while that is small. */
static enum pb_err find_lines(struct cursor *c, struct op *op, unsigned lines, struct error *e)
{
    size_t pos = 1;
    enum pb_err err = PB_OK;

    while (lines > 0) {
        const uint8_t *nl = memchr(op->p + pos, '\n', op->n - pos);

        if (nl != NULL) {
            pos = (size_t)(nl - op->p) + 1;
            lines--;
        } else if (op->n < SOURCE_VIEW_MAX) {
            size_t had = op->n;

            err = fill(c, op->at, had * 4 < SOURCE_VIEW_MAX ? had * 4 : SOURCE_VIEW_MAX, e);
            if (err != PB_OK)
                return err;
            if (c->n <= had)
                return cut_off(c, op, N_("the line of text has no end"), e);
            op->p = c->p;
            op->n = c->n;
        } else {
            uint64_t header;

            err = pkl_opcode_length(c->src, op->at, &header, &op->payload, e);
            if (err == PB_OK)
                err = fill(c, op->at, SOURCE_VIEW_MAX, e);
            op->p = c->p;
            op->n = c->n;
            op->end = op->at + 1 + op->payload;
            return err;
        }
    }
    op->payload = pos - 1;
    op->end = op->at + pos;
    return PB_OK;
}

enum pb_err cursor_read(struct cursor *c, uint64_t at, struct op *op, struct error *e)
{
    if (c->n == 0 || at < c->off || at - c->off >= c->n ||
        c->n - (size_t)(at - c->off) < HEADER_MAX) {
        enum pb_err err = fill(c, at, WINDOW, e);

        if (err != PB_OK)
            return err;
        if (c->n == 0)
            return error_pickle(e, at, -1, "the pickle ends without STOP");
    }
    op->at = at;
    op->p = c->p + (at - c->off);
    op->n = c->n - (size_t)(at - c->off);
    op->code = op->p[0];
    if (op_info[op->code].class == OP_BAD)
        return error_pickle(e, at, op->code, "there is no opcode 0x%02x", op->code);
    if (op_is_text(op->code))
        return find_lines(c, op, op_info[op->code].arg == ARG_LINES ? 2 : 1, e);
    if (op->n < op_info[op->code].header)
        return cut_off(c, op, N_("the pickle ends inside an opcode"), e);
    if (!op_payload(op->p, &op->payload))
        return error_pickle(e, at, op->code, "negative length");
    if (op->code == 'b' && c->src->gaps.len > 0)
        op->payload = source_gap(c->src, at); /* an array of joblib */
    op->end = at + op_info[op->code].header + op->payload;
    return PB_OK;
}

bool cursor_slot(const struct op *op, uint64_t *slot)
{
    if (op_info[op->code].arg == ARG_LINE)
        return op->payload > 0 && op->payload < op->n &&
               line_slot((const char *)op->p + 1, (size_t)op->payload - 1, slot);
    *slot = op_le(op->p + 1, op_info[op->code].header - 1u);
    return true;
}

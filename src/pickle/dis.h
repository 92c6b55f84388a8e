/*
 * The argument of one opcode as pickletools writes it.  Private to the disassembler.
 */
#ifndef PICKLE_DIS_H
#define PICKLE_DIS_H

#include "cursor.h"

/* Lines gather in `buf` and go to the sink in big pieces. */
struct dis_out {
    struct buf buf;
    const struct sink *to;
    bool checked; /* by the index pass: text that has to be UTF-8 is */
};
/* Writes what has gathered when that is much (or `all`). */
enum pb_err dis_flush(struct dis_out *o, bool all, struct error *e) PB_CHECK;

void dis_u64(struct buf *out, uint64_t v);
/* Does an opcode have an argument that is shown? */
static inline bool dis_has_arg(uint8_t code)
{
    return op_info[code].arg != ARG_NONE;
}
/* Appends it.  *moved: the source was looked at, so that op->p is gone. */
enum pb_err dis_arg(struct dis_out *o, struct source *src, const struct op *op, bool *moved,
                    struct error *e) PB_CHECK;

#endif

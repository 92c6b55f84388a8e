/* floor 1: pickle */
/*
 * The writer of new values, for the two files it is made of.
 */
#ifndef PICKLE_ENCODE_H
#define PICKLE_ENCODE_H

#include <pklbrowse/pkl_literal.h>

struct enc {
    struct buf *out;
    const struct pkl_style *style;
    enum pkl_kind was;
    uint8_t was_opcode;
    struct error *e;
};

void enc_put_op(struct buf *out, int code);
enum pb_err enc_put_global(struct enc *c, const char *module, const char *name) PB_CHECK;
/* Around the arguments of a call: the tuple and REDUCE. */
void enc_begin_args(struct enc *c);
void enc_end_args(struct enc *c, int count);
enum pb_err enc_put_leaf(struct enc *c, const struct literal *l) PB_CHECK;

#endif

/*
 * What single opcodes do to the stack of the index pass.  Private to the pass.  Errors are
 * PB_EPICKLE with the reason alone: the pass adds offset and opcode.
 */
#ifndef PICKLE_SCAN_OPS_H
#define PICKLE_SCAN_OPS_H

#include "cursor.h"
#include "index.h"

/* What the pass sees of the source. */
struct window {
    const uint8_t *p;
    uint64_t off;
    size_t n;
    bool last; /* ends where the source ends */
};

/* As messages call it. */
const char *scan_kind_name(enum pkl_kind kind);

enum pb_err scan_op_make(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_op_group(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* POP, POP_MARK, READONLY_BUFFER */
enum pb_err scan_op_other(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* GET, DUP */
enum pb_err scan_op_ref(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_op_put(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* Unpicklers differ about this opcode; NULL: they do not. */
enum pb_err scan_note(struct pkl_doc *d, const struct op *op, const char *text,
                      struct error *e) PB_CHECK;

/* scan_text.c: checks the argument of a leaf that is written as text and whole at op->p. */
enum pb_err scan_check_text(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;

/* scan_leaf.c */
/* Makes at least `want` bytes at scan.at visible, or all that there are. */
enum pb_err scan_look(struct pkl_doc *d, struct window *w, size_t want, struct error *e) PB_CHECK;
/* PB_EPICKLE: the source ends before `end`.  PB_EAGAIN: nobody knows yet. */
enum pb_err scan_reaches(struct pkl_doc *d, uint64_t end, struct error *e) PB_CHECK;
enum pb_err scan_op_payload(struct pkl_doc *d, struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_op_fixed(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* Everything whose argument is text. */
enum pb_err scan_op_text(struct pkl_doc *d, struct window *w, struct op *op,
                         struct error *e) PB_CHECK;

/* scan_inline.c: arrays that joblib writes into the pickle. */
/* A GLOBAL, a STACK_GLOBAL: remembered when it is joblib's wrapper. */
enum pb_err scan_inline_global(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_inline_named(struct pkl_doc *d, const struct op *op, const struct sval *module,
                              const struct sval *name, struct error *e) PB_CHECK;
/* Behind a BUILD, when such a class was met: sets scan.inlined when an array follows. */
enum pb_err scan_inline_begin(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* One step over it; scan.inlined.at is 0 when it is passed. */
enum pb_err scan_inline_go(struct pkl_doc *d, struct error *e) PB_CHECK;
void scan_inline_break(struct pkl_doc *d); /* the pickle breaks, perhaps in there */

#endif

/*
 * What single opcodes do to the stack of the index pass.  Private to the pass.  Errors are PB_EPICKLE with
 * the reason alone: the pass adds offset and opcode.
 */
#ifndef PICKLE_SCAN_OPS_H
#define PICKLE_SCAN_OPS_H

#include "cursor.h"
#include "index.h"

enum pb_err scan_op_make(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_op_group(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* POP, POP_MARK, READONLY_BUFFER */
enum pb_err scan_op_other(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* GET, DUP */
enum pb_err scan_op_ref(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
enum pb_err scan_op_put(struct pkl_doc *d, const struct op *op, struct error *e) PB_CHECK;
/* Checks the argument of a leaf that is written as text and whole at op->p. */
enum pb_err scan_check_text(const struct op *op, struct error *e) PB_CHECK;

#endif

/* Private to the audit: its results as they grow, and the search for pickles in values. */
#ifndef PICKLE_AUDIT_H
#define PICKLE_AUDIT_H

#include <pklbrowse/pkl_audit.h>

#include "cursor.h"

/* Does the payload of a string or bytes opcode hold a pickle?  Then *out is its bytes as a source of their own (the
 * one given must outlive it).  The source is looked at: op->p is gone when *looked. */
enum pb_err nested_find(struct pkl_doc *d, const struct op *op, struct source **out,
                        enum pkl_audit_place *place, bool *looked, struct error *e) PB_CHECK;
/* The same for the bytes from `from` on; *out is NULL when they do not look like one. */
enum pb_err nested_behind(struct source *src, uint64_t from, struct source **out,
                          struct error *e) PB_CHECK;

#endif

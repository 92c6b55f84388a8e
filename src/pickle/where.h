/*
 * From a byte to the value it belongs to: the innermost value of the tree whose bytes hold an
 * offset, as a path.
 *
 * It keeps the way down to the last answer, so that offsets asked for in rising order cost what
 * lies between them. A shared value is found where it was made; bytes that are in no value (PROTO,
 * STOP, what is dropped from the stack) are in none.  Private to the engine; the document is
 * borrowed and must be indexed to its end.
 */
#ifndef PICKLE_WHERE_H
#define PICKLE_WHERE_H

#include <pklbrowse/pkl_path.h>

struct where;
enum pb_err where_new(struct pkl_doc *d, struct where **out, struct error *e) PB_CHECK;
void where_free(struct where *w); /* NULL is fine */
/* *path (UTF-8, not escaped) is valid until the next call; NULL: in no value.  "@0" is the whole
 * value; "@class",
 * "@pid" and "@key" may end it, which name no place of the tree that could be edited. */
enum pb_err where_path(struct where *w, uint64_t off, const char **path, struct error *e) PB_CHECK;

#endif

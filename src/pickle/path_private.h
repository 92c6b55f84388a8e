/* floor 1: pickle */
/* What the parts of the path module share: reading a key, and the words for parts and kinds. */
#ifndef PKLBROWSE_PATH_PRIVATE_H
#define PKLBROWSE_PATH_PRIVATE_H

#include <pklbrowse/pkl_path.h>

/* A key as a literal.  *out is NULL (and the answer PB_OK) when it has no literal: objects,
 * globals, or more than a person would want to read. */
enum pb_err path_key_literal(struct pkl_view *v, const struct pkl_node *node, struct arena *mem,
                             struct literal **out, struct error *e) PB_CHECK;
/* The node's value is the literal, as dictionary keys compare. */
enum pb_err path_key_equals(struct pkl_view *v, const struct pkl_node *node,
                            const struct literal *want, bool *equal, struct error *e) PB_CHECK;

bool path_part_named(const char *name, size_t n, enum pkl_part *out);
const char *path_part_name(enum pkl_part part);
const char *path_kind_name(enum pkl_kind kind);

/* Bytes of the identifier at the start of s, 0 when there is none. */
size_t path_identifier(const char *s, size_t n);

#endif

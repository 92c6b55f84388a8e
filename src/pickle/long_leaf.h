/*
 * Long strings and bytes as text, in pieces: memory does not grow with them.
 *
 * Read twice, first to learn which quotes to use and whether all of it can be said so.  Those that
 * are written as lines, and the few that need more than that, are left to pkl_leaf_read().
 */
#ifndef PICKLE_LONG_LEAF_H
#define PICKLE_LONG_LEAF_H

#include <pklbrowse/pkl_repr.h>

#define LONG_LEAF 65536u /* bytes of payload from which it pays */

/* Appends to out, and calls flush whenever there is much.  *done false: nothing was appended. */
struct long_leaf_to {
    struct buf *out;
    enum pb_err (*flush)(void *ctx, struct error *e);
    void *ctx;
};
enum pb_err long_leaf_repr(struct pkl_view *v, const struct pkl_node *node,
                           const struct pkl_repr_opts *o, const struct long_leaf_to *to, bool *done,
                           struct error *e) PB_CHECK;
enum pb_err long_leaf_json(struct pkl_view *v, const struct pkl_node *node,
                           const struct long_leaf_to *to, bool *done, struct error *e) PB_CHECK;

#endif

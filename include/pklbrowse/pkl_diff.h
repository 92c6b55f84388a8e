/* floor 1: pickle */
/*
 * What differs between two pickles: by path, values and not bytes.
 *
 * Dicts and objects are matched by key and attribute, sets by member, lists and tuples by an
 * alignment that finds what was put in and taken out (bounded in cost: beyond that by position).
 * How a value is spelled (protocol, memo, sharing, frames, bytes written as a call) makes no
 * difference; its Python type does.  A shared value is compared once, where it is met first.
 *
 * What follows the same opcodes on both sides is passed at the speed of reading, so two large
 * pickles that differ in one place cost a few passes.  Depth of nesting is never C-stack depth; the
 * walk keeps one entry a pair of containers that it had to go into.
 *
 * pkl_diff_bytes() tells the bytes apart instead: spans of opcodes.
 *
 * The views are borrowed; both must be of documents that do not break (the fast way is taken when
 * they are those of the documents themselves, without edits).
 */
#ifndef PKLBROWSE_PKL_DIFF_H
#define PKLBROWSE_PKL_DIFF_H

#include <pklbrowse/pkl_path.h>

enum pkl_diff_kind {
    PKL_DIFF_CHANGED,
    PKL_DIFF_REMOVED, /* in the first only */
    PKL_DIFF_ADDED    /* in the second only */
};

struct pkl_diff_place;
struct pkl_difference {
    enum pkl_diff_kind kind;
    struct pkl_node old, new; /* id 0: there is none */
    const struct pkl_diff_place *place;
};
/* Where it stands in the first or in the second; of what is in one only: where it is there. */
enum pb_err pkl_diff_path(const struct pkl_difference *d, bool second, enum path_form form,
                          struct buf *out, struct error *e) PB_CHECK;

struct pkl_diff_opts {
    /* Asked now and then; an error ends the comparison.  May be NULL. */
    enum pb_err (*check)(void *ctx, struct error *e);
    void *check_ctx;
    /* Gets the differences, in the order of the first; what is in the second only stands where it
     * is there. */
    enum pb_err (*found)(void *ctx, const struct pkl_difference *d, struct error *e);
    void *ctx;
};
enum pb_err pkl_diff(struct pkl_view *a, struct pkl_view *b, const struct pkl_diff_opts *o,
                     struct error *e) PB_CHECK;

/* Stretches of whole opcodes that are not the same; one may be empty. */
struct pkl_diff_span {
    uint64_t at[2], len[2];
};
enum pb_err pkl_diff_bytes(struct pkl_doc *a, struct pkl_doc *b,
                           enum pb_err (*check)(void *ctx, struct error *e), void *check_ctx,
                           enum pb_err (*found)(void *ctx, const struct pkl_diff_span *s,
                                                struct error *e),
                           void *ctx, struct error *e) PB_CHECK;
/* The opcodes of [at, at + len) as text, "; " between them, at most about `max` bytes. */
enum pb_err pkl_diff_span_text(struct pkl_doc *d, uint64_t at, uint64_t len, size_t max,
                               struct buf *out, struct error *e) PB_CHECK;

#endif

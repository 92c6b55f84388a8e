/* floor 1: pickle */
/*
 * Lenses: objects of the standard library shown as what Python would load them to.
 *
 * A date in a pickle is a call with four bytes.  A lens reads such a call as what it makes, when
 * its shape and its payload are exactly those that Python accepts: `datetime.date(2024, 1, 2)`.
 * Everything else stays raw, and there is a reason.  Nothing is executed, and a lens changes
 * nothing: the raw structure stays reachable (@args, @state). pkl_repr, pkl_json, pkl_preview and
 * pkl_type_name look through lenses unless the view says that a node is raw.
 */
#ifndef PKLBROWSE_PKL_LENS_H
#define PKLBROWSE_PKL_LENS_H

#include <pklbrowse/pkl_leaf.h>

/* The type an object is shown as ("datetime.date"; a static text); NULL: it is raw. */
enum pb_err pkl_lens_type(struct pkl_view *v, const struct pkl_node *node, const char **type,
                          struct error *e) PB_CHECK;
/* Appends why an object of a known class is raw, in one line fit to be shown: "month 13 is not 1 to
 * 12".  Nothing: it is not raw, or no lens knows its class. */
enum pb_err pkl_lens_reason(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                            struct error *e) PB_CHECK;

/*
 * A view over another (borrowed, must outlive it) in which an object whose entries or items stand
 * in an argument has these as its children: a Counter its counts, a deque of Python 2 its items.
 * They keep their own places, so editing one edits what stands in the argument; the argument itself
 * is reached as @args.  Single objects can be made raw; then they have the children of the view
 * below and no text of a lens.
 */
struct pkl_lenses;
enum pb_err pkl_lenses_new(struct pkl_view *under, struct pkl_lenses **out,
                           struct error *e) PB_CHECK;
void pkl_lenses_free(struct pkl_lenses *l); /* NULL is fine */
struct pkl_view *pkl_lenses_view(struct pkl_lenses *l);
bool pkl_lenses_is_raw(const struct pkl_lenses *l, pkl_id id);
enum pb_err pkl_lenses_set_raw(struct pkl_lenses *l, pkl_id id, bool raw, struct error *e) PB_CHECK;

#endif

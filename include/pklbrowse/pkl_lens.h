/* floor 1: pickle */
/*
 * Lenses: objects of the standard library shown as what Python would load them to.
 *
 * A date in a pickle is a call with four bytes.  A lens reads such a call as what it makes, when its shape and its
 * payload are exactly those that Python accepts: `datetime.date(2024, 1, 2)`.  Everything else stays raw, and there
 * is a reason.  Nothing is executed, and a lens changes nothing: the raw structure stays reachable (@args, @state).
 * pkl_repr, pkl_json, pkl_preview and pkl_type_name look through lenses unless the view says that a node is raw.
 */
#ifndef PKLBROWSE_PKL_LENS_H
#define PKLBROWSE_PKL_LENS_H

#include <pklbrowse/pkl_leaf.h>

/* The type an object is shown as ("datetime.date"; a static text); NULL: it is raw. */
enum pb_err pkl_lens_type(struct pkl_view *v, const struct pkl_node *node, const char **type,
                          struct error *e) PB_CHECK;
/* Appends why an object of a known class is raw, in one line fit to be shown: "month 13 is not 1 to 12".  Nothing:
 * it is not raw, or no lens knows its class. */
enum pb_err pkl_lens_reason(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                            struct error *e) PB_CHECK;

#endif

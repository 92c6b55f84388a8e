/* floor 1: pickle */
/*
 * Values as text.
 *
 * PKL_REPR_LINE is exactly Python's repr() of what the pickle loads to, for None, bool, int, float,
 * str, bytes, bytearray, list, tuple, dict, set, frozenset (members in stored order); recursion as
 * Python prints it ('[...]', '{...}'). Dictionaries with equal keys show what Python would hold:
 * last value at the first one's place.  What has no Python text of its own uses one documented
 * form: <module.Class args=(...) kwargs={...} state={...} items=[...] entries={...}> with only the
 * parts present, <global module.name>, <persistent 'id'>, <extension 240>, <buffer 0>.
 * PKL_REPR_INDENT is the same text over several lines, four spaces a level, which end at
 * PKL_INDENT_MOST: the text must not grow with the square of the depth.
 * Streams to a sink; memory does not grow with the output; no recursion in C.
 */
#ifndef PKLBROWSE_PKL_REPR_H
#define PKLBROWSE_PKL_REPR_H

#include <pklbrowse/pkl_leaf.h>

#define PKL_INDENT_MOST 100u

/* Spaces in front of a line of that level. */
static inline size_t pkl_indent(size_t level)
{
    return (level < PKL_INDENT_MOST ? level : PKL_INDENT_MOST) * 4;
}

enum pkl_repr_style { PKL_REPR_LINE, PKL_REPR_INDENT };

/* A Python 2 str does not say what its bytes mean.  ASCII: 'text', and b'...' when it is not all
 * ASCII; the others read it so where they can, and as bytes where not. */
enum pkl_py2_str { PKL_PY2_ASCII, PKL_PY2_LATIN1, PKL_PY2_UTF8, PKL_PY2_BYTES };

struct pkl_repr_opts {
    enum pkl_repr_style style;
    unsigned depth;      /* deeper containers print as [...], 0: all */
    uint64_t max_output; /* bytes; 0: no limit; then PB_ELIMIT */
    bool ascii;          /* only ASCII in strings, like ascii() */
    enum pkl_py2_str py2_str;
};
enum pb_err pkl_repr(struct pkl_view *v, const struct pkl_node *node, const struct pkl_repr_opts *o,
                     const struct sink *to, struct error *e) PB_CHECK;

/* One JSON document in which no Python type is lost (the $-forms). */
enum pb_err pkl_json(struct pkl_view *v, const struct pkl_node *node, const struct sink *to,
                     struct error *e) PB_CHECK;

/* A short, one-line text for a row of the tree: a leaf's repr, or the first children of a
 * container, cut at about `max` bytes with "…".  Safe to draw (escaped).  Never reads more than a
 * screen needs. */
enum pb_err pkl_preview(struct pkl_view *v, const struct pkl_node *node, size_t max,
                        struct buf *out, struct error *e) PB_CHECK;
/* "dict", "list", "str", "mylib.Cosine" (of an object: its class), "ref" never: kinds of references
 * are those of their targets. */
enum pb_err pkl_type_name(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                          struct error *e) PB_CHECK;

/* Python's repr of one string or bytes value already in memory (quotes chosen as Python does). */
void pkl_repr_str(struct buf *out, const char *utf8, size_t n, bool ascii);
void pkl_repr_bytes(struct buf *out, const void *p, size_t n);

#endif

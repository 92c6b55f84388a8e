/*
 * Built-in values that old protocols write as a call: bytes, bytearray, set, frozenset.  What the
 * lenses know, for those who only ask about these.
 */
#ifndef PICKLE_FORM_H
#define PICKLE_FORM_H

#include <pklbrowse/pkl_leaf.h>

struct form {
    enum pkl_kind
        kind; /* PKL_BYTES, PKL_BYTEARRAY, PKL_SET, PKL_FROZENSET; PKL_OBJECT: none of these */
    struct pkl_node
        items;       /* of a set: the list or tuple that holds the members; id 0: there are none */
    struct buf data; /* of bytes */
    bool partial;
};

void form_init(struct form *f);
void form_release(struct form *f);
/* Looks whether the object is one; at most `max` bytes of its data. */
enum pb_err form_read(struct pkl_view *v, const struct pkl_node *node, size_t max, struct form *out,
                      struct error *e) PB_CHECK;

#endif

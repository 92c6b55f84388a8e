/*
 * Equal keys of a dict, equal members of a set: what Python would hold of them.  Looked for when a
 * container is printed or edited, never by the index.  Objects are equal only to themselves.
 */
#ifndef PICKLE_EQUAL_H
#define PICKLE_EQUAL_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_leaf.h>

#define EQUAL_GONE UINT64_MAX

/* A child that is not shown as it stands: the first of its equals shows `shown` instead (a dict:
 * the last one; a set: itself, and has no entry), the others are gone. */
struct equal {
    uint64_t index, shown;
};
struct equals {
    struct equal *data; /* by index */
    size_t len, cap;
};

/* The container must be a dict (keys) or a set (members) of `count` children.  `kids` are all of
 * them when the caller has them, or NULL. */
enum pb_err equals_find(struct pkl_view *v, pkl_id id, uint64_t count, const struct pkl_child *kids,
                        bool dict, struct equals *out, struct error *e) PB_CHECK;
void equals_release(struct equals *q);
uint64_t equal_hash(const char *p, size_t n);
/* The child shown at place `index`, or EQUAL_GONE. */
uint64_t equals_shown(const struct equals *q, uint64_t index);

#endif

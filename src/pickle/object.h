/*
 * The children of an object: arguments, attributes, items and entries, in the order in which they
 * are shown.  Private to the document's view.
 */
#ifndef PICKLE_OBJECT_H
#define PICKLE_OBJECT_H

#include "walk.h"

/* A stretch of children that come from one place. */
enum stretch_kind {
    STRETCH_ARGS,   /* one: the tuple */
    STRETCH_KWARGS, /* one: the dict */
    STRETCH_STATE,  /* one: a state that is no dict; `first` says which */
    STRETCH_ATTRS,  /* the pairs of a dict made at `maker` */
    STRETCH_ITEMS,
    STRETCH_ENTRIES
};
struct stretch {
    enum stretch_kind kind;
    uint64_t maker; /* of the container that holds them */
    uint64_t first; /* state number */
    uint64_t count;
};
struct object {
    struct {
        struct stretch *data;
        size_t len, cap;
    } parts;
    uint64_t count; /* children in all */
    size_t heads;   /* of head[]: class, args, kwargs; module, name; pid */
    struct wval head[3];
    uint64_t args; /* direct ones, of INST and OBJ */
};

enum pb_err object_read(struct pkl_doc *d, const struct wval *v, struct object *out,
                        struct error *e) PB_CHECK;
void object_release(struct object *o);
/* Makers and kinds behind references. */
enum pb_err object_deref(struct pkl_doc *d, const struct wval *v, uint64_t *maker,
                         enum pkl_kind *kind, uint8_t *opcode, struct error *e) PB_CHECK;
/* The two halves of a state that is a pair of dict-or-None: makers, UINT64_MAX for None. */
enum pb_err object_halves(struct pkl_doc *d, uint64_t maker, bool *split, uint64_t half[2],
                          struct error *e) PB_CHECK;

#endif

/* floor 1: pickle */
/*
 * The state of an edit session, for the files that make it up and for the splicer.
 *
 * A value's number is 1 + its place in `values`, which are in the order of their bytes in the
 * second source.  Scalars of equal bytes have one number, so that equal numbers are equal values;
 * containers never share one, because what is inside them may be edited.
 */
#ifndef PKLBROWSE_EDIT_PRIVATE_H
#define PKLBROWSE_EDIT_PRIVATE_H

#include <pklbrowse/pkl_edit.h>

#include "idmap.h"
#include "pieces.h"

/* A container with an edited child. */
struct edit_container {
    pkl_id owner;
    struct pieces now, saved;
    struct {
        struct pkl_child
            *data; /* places that were edited at any time, by index, as they first were */
        size_t len, cap;
    } originals;
};

struct edit_value {
    struct pkl_node node; /* in the second source */
    bool live;            /* while changes are collected: stands somewhere */
    size_t same_hash;     /* the value before with the same hash */
};

/* One replacement in one container. */
struct edit_log {
    size_t container;
    uint64_t at;
    struct pieces old, new;
    uint64_t group; /* what is undone together */
};

/* A place whose value is not the original one, or not the saved one. */
struct edit_change {
    struct pkl_child original; /* the place with what first stood there */
    size_t value;              /* number of what stands there; 0: the original */
    size_t saved;              /* number of what was last saved there */
    uint64_t position;
    bool covered; /* inside a value that was replaced itself */
};

/* In document order. */
struct edit_changes {
    struct edit_change *data;
    size_t len, cap;
    struct {
        size_t *data; /* those that are not covered */
        size_t len, cap;
    } shown;
};

struct pkl_edit {
    struct pkl_view view;
    struct pkl_doc *doc, *news;
    struct pkl_view *base, *second;
    struct source *bytes; /* of new values */
    uint64_t good;        /* so many of them are indexed */
    bool stale;           /* `news` did not come to the end of them */
    struct pkl_style style;
    struct {
        struct edit_container *data;
        size_t len, cap;
    } containers;
    struct idmap by_owner; /* container number + 1 */
    struct {
        struct edit_value *data;
        size_t len, cap;
    } values;
    struct idmap by_hash; /* value number */
    struct {
        struct edit_log *data;
        size_t len, cap;
    } log;
    size_t undone; /* entries at the end of the log that are undone */
    uint64_t group;
    unsigned group_depth;
    bool fresh;                  /* both lists are up to date */
    struct edit_changes changes; /* against the document */
    struct edit_changes since_saved;
};

void edit_view_init(struct pkl_edit *ed);
struct edit_container *edit_container_of(struct pkl_edit *ed, pkl_id owner);
/* The value that stands at a place now; 0: the original. */
size_t edit_value_at(const struct edit_container *c, uint64_t index);
size_t edit_saved_at(const struct edit_container *c, uint64_t index);
const struct pkl_child *edit_original(const struct edit_container *c, uint64_t index);

/* Encodes, appends, indexes. */
enum pb_err edit_add_value(struct pkl_edit *ed, const struct literal *l, const struct pkl_node *was,
                           size_t *number, struct error *e) PB_CHECK;
/* Equal in type and in every bit, both scalars (bytes also where they are written as a call). */
enum pb_err edit_same_scalar(struct pkl_edit *ed, const struct pkl_node *a,
                             const struct pkl_node *b, bool *same, struct error *e) PB_CHECK;
bool edit_is_scalar(enum pkl_kind kind);
/* PB_EREADONLY with the reason, or PB_OK. */
enum pb_err edit_may_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e) PB_CHECK;

/* Collects ed->changes and ed->since_saved: the original's first, by their bytes; then those inside
 * new values. */
enum pb_err edit_collect(struct pkl_edit *ed, struct error *e) PB_CHECK;

#endif

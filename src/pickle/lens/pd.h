/*
 * Tables of pandas: columns, series, indexes and their arrays, as read-only texts.
 *
 * What pandas pickles is arrays of numpy in wrappings: an index, an array of dates or categories, a
 * block of columns.  struct pd_array is one such array taken apart; an element is written from the
 * bytes (nd.h) or stands in the script as a value when it is an object.  Nothing is kept.
 * Refusals are reasons, as everywhere in lenses: an array that is not known stays raw.
 */
#ifndef PICKLE_PD_H
#define PICKLE_PD_H

#include "nd.h"

#define PD_DEPTH 7u /* arrays in arrays: the categories of a level of an index */

enum pd_kind {
    PD_PLAIN,       /* elements of `nd` */
    PD_RANGE,       /* start, start + step ... */
    PD_CATEGORICAL, /* nd: codes; inner: the categories */
    PD_MASKED,      /* nd: values; inner: which are missing */
    PD_INTERVAL,    /* inner: left and right ends */
    PD_MULTI        /* inner: of each level its values and the codes */
};

struct pd_array {
    enum pd_kind kind;
    const char *type; /* "pandas.DatetimeIndex"; NULL: an ndarray */
    struct buf dtype;
    uint64_t count;
    struct nd_array nd;
    uint64_t from;         /* the first of its elements: a row of a block begins in the midst */
    struct pkl_node array; /* the ndarray; id 0: none */
    int64_t start, stop, step;
    struct pd_array *inner;
    size_t inners;
    struct pkl_node name;  /* of an index; id 0: none */
    struct pkl_node names; /* of its levels */
    bool zone;             /* dates of UTC in a time zone */
    bool ordinals;         /* periods, counted from 1970 */
    bool left, right;      /* ends that belong to an interval */
};

/* pd_array.c.  Release it whatever came of it. */
enum pb_err pd_array_open(struct lens_reader *r, const struct pkl_node *node, unsigned depth,
                          struct pd_array *a, struct lens *l, struct error *e) PB_CHECK;
void pd_array_init(struct pd_array *a);
void pd_array_release(struct pd_array *a);
/* The value of an attribute or key among the first ones of a dict; id 0: it has none. */
enum pb_err pd_entry(struct lens_reader *r, const struct pkl_node *dict, const char *name,
                     struct pkl_node *out, struct error *e) PB_CHECK;
/* A part of an object; id 0: it has none. */
enum pb_err pd_part(struct lens_reader *r, const struct pkl_node *node, enum pkl_part part,
                    struct pkl_node *out, struct error *e) PB_CHECK;
/* The name of a global of pandas into r->leaf; "" when it is none. */
enum pb_err pd_name(struct lens_reader *r, const struct pkl_node *global, struct error *e) PB_CHECK;
enum pb_err pd_int_at(struct lens_reader *r, const struct nd_array *nd, uint64_t index,
                      int64_t *out, struct error *e) PB_CHECK;

/* A table: its axes, and where its columns are.  A block is an array whose rows are columns of the
 * table, and says which. */
struct pd_frame {
    bool series;
    struct pd_array columns, index;
    struct pkl_node index_node, columns_node, name;
    struct {
        struct pd_place { /* where a column is */
            struct pkl_node values;
            uint64_t row;
            bool rows; /* the array has two dimensions */
        } * data;
        size_t len, cap;
    } at; /* by column */
};

/* pd_blocks.c.  Release it whatever came of it. */
enum pb_err pd_frame_open(struct lens_reader *r, const struct lens_call *c, struct pd_frame *f,
                          struct lens *l, struct error *e) PB_CHECK;
void pd_frame_release(struct pd_frame *f);

/* pd_frame.c.  Whether an object is a Series whose labels are 0, 1, 2 ...: [2] is then its third
 * value. */
enum pb_err pd_series_counts(struct pkl_view *v, const struct pkl_node *node, bool *counts,
                             struct error *e) PB_CHECK;

/* pd_text.c */
/* An element into the script. */
enum pb_err pd_put_item(struct lens_reader *r, const struct pd_array *a, uint64_t i, struct lens *l,
                        struct error *e) PB_CHECK;
/* "[1, 2, 3]" into the script; of many the first and the last ones. */
enum pb_err pd_put_items(struct lens_reader *r, const struct pd_array *a, struct lens *l,
                         struct error *e) PB_CHECK;
/* An index or array; `bare`: in a row whose type column says what it is. */
enum pb_err pd_put_index(struct lens_reader *r, const struct pd_array *a, bool bare, struct lens *l,
                         struct error *e) PB_CHECK;

#endif

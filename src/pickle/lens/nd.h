/*
 * Arrays of numpy: what their bytes mean, any element on demand.
 *
 * A dtype is read into a small table of types (struct nd_types): fields and subarrays are types in
 * the same table.  An array is a type, a shape, an order and a place where the bytes are, or the
 * list that holds the elements of an object array.  Nothing is kept per element: an element is
 * computed from its bytes each time it is drawn.
 *
 * Elements have ids of their own (PKL_TAG_ELEMENT), given out by the document's book of arrays:
 * each array has a stretch of them for its rows, elements and fields.  They are read-only: no byte
 * of the pickle stands for one alone, in the way a pickle writes values.
 */
#ifndef PICKLE_ND_H
#define PICKLE_ND_H

#include "lens.h"

enum nd_type_form { ND_TYPE_DTYPE, ND_TYPE_TEXT }; /* `detail` of rows that are dtypes */

#define ND_DIMS 64u
#define ND_TYPES 65536u
#define ND_DEPTH 16u /* types in types */
#define ND_ALL 1000u /* elements up to which a text has them all */
#define ND_ALL_BYTES 65536u
#define ND_EDGE 3u        /* elements at each end, otherwise */
#define ND_ITEM_MAX 4096u /* bytes of an element that its text shows */

struct nd_type {
    char kind; /* of numpy: b i u f c m M O S U V; T: text of any length */
    bool big;
    bool objects; /* holds Python objects */
    bool aligned, record;
    char unit[4]; /* of m and M; "" is generic */
    int64_t step;
    uint64_t size, alignment;
    uint32_t field, fields;   /* of a structured type */
    uint32_t dim, dims, base; /* of a subarray */
};
struct nd_field {
    struct pkl_node node; /* of its name */
    size_t name, len;     /* in names */
    size_t title, title_len;
    uint64_t offset;
    uint32_t type;
    bool titled;
};
struct nd_types {
    struct {
        struct nd_type *data;
        size_t len, cap;
    } type;
    struct {
        struct nd_field *data;
        size_t len, cap;
    } field;
    struct {
        uint64_t *data;
        size_t len, cap;
    } dim;
    struct buf names;
};

struct nd_array {
    struct nd_types types; /* the first is that of the elements */
    unsigned dims;
    uint64_t shape[ND_DIMS];
    uint64_t count; /* elements */
    bool fortran;
    bool empty; /* has no bytes to read */
    const char *class;
    struct pkl_node data; /* what holds the bytes; of an object array the list */
    uint64_t at;          /* in the file, when they stand there as they are; else 0 */
    bool opaque;          /* its objects are pickled on their own, its bytes in a buffer */
};

/* nd_type.c */
void nd_types_init(struct nd_types *t);
void nd_types_release(struct nd_types *t);
/* Reads a dtype into the table; *index is its own. PB_EUNSUPPORTED with the reason in l. */
enum pb_err nd_type_read(struct lens_reader *r, const struct pkl_node *node, struct nd_types *t,
                         uint32_t *index, struct lens *l, struct error *e) PB_CHECK;
/* The name of a type as numpy's str(): float64, >f8, <U3, datetime64[ns], [('a', '<i4')]. */
void nd_type_name(const struct nd_types *t, uint32_t index, struct buf *out);
/* What stands in repr(dtype): 'float64', [('a', '<i4')], ('<f8', (2,)). */
void nd_type_repr(const struct nd_types *t, uint32_t index, struct buf *out);
/* The class of its scalars: numpy.float64; a static text. */
const char *nd_type_scalar(const struct nd_type *t);
void nd_put_shape(struct buf *out, const uint64_t *shape, size_t dims);

/* nd_item.c */
/* An element as it stands in the text of an array; `n` of its bytes are here. */
void nd_put_item(const struct nd_types *t, uint32_t index, const uint8_t *p, size_t n,
                 struct buf *out);
/* The kind of leaf an element is; PKL_OBJECT: it has only a text. */
enum pkl_kind nd_item_kind(const struct nd_type *t);
enum pb_err nd_item_leaf(const struct nd_type *t, const uint8_t *p, size_t n, size_t max,
                         struct pkl_leaf *out, struct error *e) PB_CHECK;

/* nd_array.c */
void nd_array_init(struct nd_array *a);
void nd_array_release(struct nd_array *a);
/* PB_EUNSUPPORTED with the reason in l: it is no array that can be shown. */
enum pb_err nd_array_open(struct lens_reader *r, const struct pkl_node *node, struct nd_array *a,
                          struct lens *l, struct error *e) PB_CHECK;
enum pb_err nd_array_call(struct lens_reader *r, const struct lens_call *c, struct nd_array *a,
                          struct lens *l, struct error *e) PB_CHECK;
/* "float64 (2, 3)" */
void nd_put_title(struct buf *out, const struct nd_array *a, unsigned skip);
/* The elements [first, first + count) as a text, in C order; of many the first and the last ones.
 * `room`: about how long. */
enum pb_err nd_put_items(struct pkl_view *v, const struct nd_array *a, uint64_t first,
                         uint64_t count, size_t room, struct buf *out, struct error *e) PB_CHECK;
/* Bytes [skip, skip + want) of an element, in C order; valid until the next view. */
enum pb_err nd_item_bytes(struct pkl_view *v, const struct nd_array *a, uint64_t index,
                          uint64_t skip, size_t want, const uint8_t **p, size_t *n,
                          struct error *e) PB_CHECK;
extern const struct lens_kids nd_kids;

/* nd_element.c */
/* Names that stand nowhere in the pickle: of attributes that a lens adds, as ids of the book. */
enum nd_name { ND_NAME_TABLE, ND_NAME_INDEX, ND_NAME_VALUES, ND_NAMES };
pkl_id nd_name_id(pkl_id near, enum nd_name name);
void nd_name_node(pkl_id near, enum nd_name name, struct pkl_node *out);
struct nd_book; /* of a document: which ids are whose, and bytes that had to be decoded */
void nd_book_free(struct nd_book *b);
struct nd_book *nd_book_of(struct pkl_view *v, pkl_id id, struct error *e);
/* The bytes of a value that does not stand in the file as they are, decoded and kept. */
enum pb_err nd_decoded(struct pkl_view *v, const struct pkl_node *node, const uint8_t **p,
                       size_t *n, struct error *e) PB_CHECK;
/* What a view answers about an id of the book. */
enum pb_err nd_element_node(struct pkl_view *v, pkl_id id, struct pkl_node *out,
                            struct error *e) PB_CHECK;
enum pb_err nd_element_children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                                struct pkl_child *out, size_t *got, struct error *e) PB_CHECK;
/* An element of an array, in C order; not of an array of objects. */
enum pb_err nd_element_of(struct pkl_view *v, const struct pkl_node *array, uint64_t element,
                          struct pkl_node *out, struct error *e) PB_CHECK;
/* An element that is a leaf, for pkl_leaf_read(). */
enum pb_err nd_element_leaf(struct pkl_view *v, const struct pkl_node *node, size_t max,
                            struct pkl_leaf *out, struct error *e) PB_CHECK;
enum pb_err nd_element_script(struct lens_reader *r, const struct pkl_node *node, size_t max,
                              struct lens *out, struct error *e) PB_CHECK;

#endif

/* Arrays taken apart: the forms in which numpy pickles them, and the text of their elements. */
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/source.h>

#include "nd.h"

enum nd_form { ND_RECONSTRUCT, ND_FROMBUFFER, ND_WRAPPER };

void nd_array_init(struct nd_array *a)
{
    *a = (struct nd_array){.dims = 0};
    nd_types_init(&a->types);
}

void nd_array_release(struct nd_array *a)
{
    nd_types_release(&a->types);
}

/* -------------------------------------------------------------------- the class */

static const struct subclass {
    const char *module, *name, *type;
} classes[] = {
    {"numpy", "ndarray", "numpy.ndarray"},
    {"numpy", "matrix", "numpy.matrix"},
    {"numpy.matrixlib.defmatrix", "matrix", "numpy.matrix"},
    {"numpy", "memmap", "numpy.memmap"},
    {"numpy.core.memmap", "memmap", "numpy.memmap"},
    {"numpy._core.memmap", "memmap", "numpy.memmap"},
    {"numpy", "recarray", "numpy.recarray"},
    {"numpy.rec", "recarray", "numpy.recarray"},
    {"numpy.core.records", "recarray", "numpy.recarray"},
    {"numpy._core.records", "recarray", "numpy.recarray"},
    {"pandas.core.indexes.frozen", "FrozenNDArray", "pandas.FrozenNDArray"},
    {"pandas.core.base", "FrozenNDArray", "pandas.FrozenNDArray"},
};

static enum pb_err read_class(struct lens_reader *r, const struct pkl_node *node,
                              const char **class, struct lens *l, struct error *e)
{
    struct pkl_name name;
    enum pb_err err;

    *class = NULL;
    if (node->kind != PKL_GLOBAL)
        return lens_refuse(l, "its class is not named");
    err = pkl_name_read(r->view, node, &name, e);
    if (err != PB_OK)
        return err;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0] && *class == NULL; i++) {
        if (strcmp(name.py3_name, classes[i].name) == 0 &&
            strcmp(name.py3_module, classes[i].module) == 0)
            *class = classes[i].type;
    }
    pkl_name_release(&name);
    return *class != NULL ? PB_OK : lens_refuse(l, "it is of another class than numpy.ndarray");
}

/* -------------------------------------------------------------------- its parts */

static enum pb_err read_shape(struct lens_reader *r, const struct pkl_node *node,
                              struct nd_array *a, struct lens *l, struct error *e)
{
    uint64_t n = node->kind == PKL_TUPLE ? node->count : 1;
    struct pkl_child kid = {.value = *node};
    size_t got;
    enum pb_err err = PB_OK;

    if ((node->kind != PKL_TUPLE && node->kind != PKL_INT) || n > ND_DIMS)
        return lens_refuse(l, "its shape is not a tuple of at most %u lengths", ND_DIMS);
    a->count = 1;
    a->dims = (unsigned)n;
    for (unsigned i = 0; i < n && err == PB_OK; i++) {
        int64_t dim = 0;

        if (node->kind == PKL_TUPLE)
            err = r->view->children(r->view, node->target, i, 1, &kid, &got, e);
        if (err == PB_OK)
            err = lens_int(r, &kid.value, 0, INT64_MAX, "a length in its shape", &dim, l, e);
        a->shape[i] = (uint64_t)dim;
    }
    for (unsigned i = 0; i < n && err == PB_OK; i++) {
        if (a->shape[i] == 0)
            a->empty = true;
    }
    for (unsigned i = 0; i < n && err == PB_OK && !a->empty; i++) {
        if (!num_mul(a->count, a->shape[i], &a->count))
            err = lens_refuse(l, "its shape is too large");
    }
    if (a->empty)
        a->count = 0;
    return err;
}

/* Where the bytes are; how many there are must be what the shape says. */
static enum pb_err read_data(struct lens_reader *r, const struct pkl_node *node, struct nd_array *a,
                             struct lens *l, struct error *e)
{
    struct pkl_doc *d = r->view->doc(r->view, PKL_ID_SOURCE(node->target));
    uint64_t size, have = node->count, header, payload;
    const uint8_t *p;
    size_t n;
    enum pb_err err = PB_OK;

    a->data = *node;
    if (node->kind == PKL_BUFFER) {
        a->opaque = true; /* its bytes are outside of the pickle */
        return PB_OK;
    }
    if (node->kind != PKL_BYTES && node->kind != PKL_BYTEARRAY && node->kind != PKL_PY2STR &&
        node->kind != PKL_STR && node->kind != PKL_OBJECT)
        return lens_refuse(l, "its data are no bytes");
    if (!num_mul(a->count, a->types.type.data[0].size, &size))
        return lens_refuse(l, "its shape is too large");
    if (d == NULL)
        return error_set(e, PB_EUSAGE, "this is no array");
    if (pkl_doc_altered(d, node->target))
        return lens_refuse(l, "its data are changed further on");
    err = pkl_opcode_length(pkl_doc_source(d), PKL_ID_OFFSET(node->target), &header, &payload, e);
    if (err == PB_OK && node->kind != PKL_OBJECT && node->kind != PKL_STR && header > 1) {
        a->at = PKL_ID_OFFSET(node->target) + header;
        have = payload;
    } else if (err == PB_OK) {
        err = nd_decoded(r->view, node, &p, &n, e);
        have = n;
        if (err == PB_EUNSUPPORTED)
            return lens_refuse(l, "its data are no bytes");
    }
    if (err != PB_OK)
        return err;
    if (have != size)
        return lens_refuse(l, "it has %llu bytes where its shape needs %llu",
                           (unsigned long long)have, (unsigned long long)size);
    return PB_OK;
}

static enum pb_err read_list(const struct pkl_node *list, struct nd_array *a, struct lens *l)
{
    a->data = *list;
    if (list->kind != PKL_LIST)
        return lens_refuse(l, "its objects are in no list");
    if (list->count != a->count)
        return lens_refuse(l, "it has %llu objects where its shape needs %llu",
                           (unsigned long long)list->count, (unsigned long long)a->count);
    return PB_OK;
}

/* _reconstruct(class, (0,), b'b') with ([version,] shape, dtype, is Fortran, data) */
static enum pb_err read_reconstruct(struct lens_reader *r, const struct lens_call *c,
                                    struct nd_array *a, struct lens *l, struct error *e)
{
    struct pkl_child s[5];
    const struct pkl_child *part = s;
    uint32_t type;
    int64_t fortran = 0, version = 0;
    size_t got;
    enum pb_err err = read_class(r, &c->arg[0], &a->class, l, e);

    if (err != PB_OK)
        return err;
    if (c->state.id == 0 || c->state.kind != PKL_TUPLE || c->state.count < 4 || c->state.count > 5)
        return lens_refuse(l, "its state is not that of an array");
    err = r->view->children(r->view, c->state.target, 0, 5, s, &got, e);
    if (err == PB_OK && got == 5) {
        err = lens_int(r, &s[0].value, 0, 1, "the version of its state", &version, l, e);
        part = s + 1;
    }
    if (err == PB_OK)
        err = read_shape(r, &part[0].value, a, l, e);
    if (err == PB_OK)
        err = nd_type_read(r, &part[1].value, &a->types, &type, l, e);
    if (err == PB_OK)
        err = lens_int(r, &part[2].value, 0, 1, "its order", &fortran, l, e);
    if (err != PB_OK)
        return err;
    if (a->types.type.data[0].objects)
        return read_list(&part[3].value, a, l);
    a->fortran = fortran != 0;
    return read_data(r, &part[3].value, a, l, e);
}

/* _frombuffer(data, dtype, shape, order) */
static enum pb_err read_frombuffer(struct lens_reader *r, const struct lens_call *c,
                                   struct nd_array *a, struct lens *l, struct error *e)
{
    uint32_t type;
    enum pb_err err;

    a->class = "numpy.ndarray";
    if (c->state.id != 0)
        return lens_refuse(l, "it has a state");
    err = read_shape(r, &c->arg[2], a, l, e);
    if (err == PB_OK)
        err = nd_type_read(r, &c->arg[1], &a->types, &type, l, e);
    if (err == PB_OK)
        err = lens_str(r, &c->arg[3], "its order", l, e);
    if (err != PB_OK)
        return err;
    if (a->types.type.data[0].objects)
        return lens_refuse(l, "its objects are in no list");
    if (strcmp(r->leaf.data.data, "C") != 0 && strcmp(r->leaf.data.data, "F") != 0)
        return lens_refuse(l, "its order is neither C nor F");
    a->fortran = r->leaf.data.data[0] == 'F';
    return read_data(r, &c->arg[0], a, l, e);
}

/* ------------------------------------------------------- an array that joblib wrote */

/* The attributes of its wrapper. */
struct wrapped {
    struct pkl_node class, shape, order, dtype;
};

static enum pb_err read_attributes(struct lens_reader *r, const struct pkl_node *state,
                                   struct wrapped *out, struct error *e)
{
    static const char *const names[] = {"subclass", "shape", "order", "dtype"};
    struct pkl_node *const to[] = {&out->class, &out->shape, &out->order, &out->dtype};
    struct pkl_child kids[16];
    size_t got;
    enum pb_err err = r->view->children(r->view, state->target, 0, 16, kids, &got, e);

    for (size_t i = 0; i < got && err == PB_OK; i++) {
        if (kids[i].key.kind != PKL_STR && kids[i].key.kind != PKL_PY2STR)
            continue;
        err = pkl_leaf_read(r->view, &kids[i].key, 256, &r->leaf, e);
        for (size_t k = 0; k < 4 && err == PB_OK; k++) {
            if (strcmp(r->leaf.data.data, names[k]) == 0)
                *to[k] = kids[i].value;
        }
    }
    return err;
}

/* Behind the wrapper; what aligns the array stands in front of it. */
static enum pb_err read_inline(struct lens_reader *r, pkl_id self, struct nd_array *a,
                               struct lens *l, struct error *e)
{
    struct pkl_doc *d = r->view->doc(r->view, PKL_ID_SOURCE(self));
    struct source_gap gap;
    uint64_t size;
    enum pb_err err = r->view->node(r->view, self, &a->data, e);

    if (err != PB_OK)
        return err;
    if (d == NULL || !source_gap_before(pkl_doc_source(d), a->data.end, &gap) ||
        gap.at < PKL_ID_OFFSET(self))
        return lens_refuse(l, "its array is not behind it");
    a->opaque = a->types.type.data[0].objects;
    if (a->opaque)
        return PB_OK;
    if (!num_mul(a->count, a->types.type.data[0].size, &size) || size > gap.len)
        return lens_refuse(l, "it has %llu bytes where its shape needs more",
                           (unsigned long long)gap.len);
    a->at = gap.at + 1 + gap.len - size;
    return PB_OK;
}

static enum pb_err read_wrapper(struct lens_reader *r, const struct lens_call *c,
                                struct nd_array *a, struct lens *l, struct error *e)
{
    struct wrapped w = {.shape = {.id = 0}};
    uint32_t type;
    enum pb_err err;

    if (c->state.id == 0 || c->state.kind != PKL_DICT)
        return lens_refuse(l, "its state is no dict");
    err = read_attributes(r, &c->state, &w, e);
    if (err != PB_OK)
        return err;
    if (w.class.id == 0 || w.shape.id == 0 || w.order.id == 0 || w.dtype.id == 0)
        return lens_refuse(l, "an attribute of it is missing");
    err = read_class(r, &w.class, &a->class, l, e);
    if (err == PB_OK)
        err = read_shape(r, &w.shape, a, l, e);
    if (err == PB_OK)
        err = nd_type_read(r, &w.dtype, &a->types, &type, l, e);
    if (err == PB_OK)
        err = lens_str(r, &w.order, "its order", l, e);
    if (err != PB_OK)
        return err;
    a->fortran = strcmp(r->leaf.data.data, "F") == 0;
    return read_inline(r, c->self, a, l, e);
}

enum pb_err nd_array_call(struct lens_reader *r, const struct lens_call *c, struct nd_array *a,
                          struct lens *l, struct error *e)
{
    switch ((enum nd_form)c->row->detail) {
    case ND_RECONSTRUCT:
        return read_reconstruct(r, c, a, l, e);
    case ND_WRAPPER:
        return read_wrapper(r, c, a, l, e);
    default:
        return read_frombuffer(r, c, a, l, e);
    }
}

enum pb_err nd_array_open(struct lens_reader *r, const struct pkl_node *node, struct nd_array *a,
                          struct lens *l, struct error *e)
{
    struct lens_call c;
    enum pb_err err;

    if (node->kind != PKL_OBJECT)
        return lens_refuse(l, "this is no array");
    err = lens_call_of(r, node, &c, e);
    if (err == PB_OK && (c.row == NULL || !(c.row->flags & LENS_IS_ARRAY)))
        err = lens_refuse(l, "this is no array");
    return err == PB_OK ? nd_array_call(r, &c, a, l, e) : err;
}

/* ----------------------------------------------------------------- the elements */

/* Where an element of C order stands in the bytes. */
static uint64_t place_of(const struct nd_array *a, uint64_t index)
{
    uint64_t at = 0, step = 1;
    uint64_t of[ND_DIMS];

    if (!a->fortran)
        return index;
    for (unsigned i = a->dims; i-- > 0;) {
        of[i] = index % a->shape[i];
        index /= a->shape[i];
    }
    for (unsigned i = 0; i < a->dims; i++) {
        at += of[i] * step;
        step *= a->shape[i];
    }
    return at;
}

enum pb_err nd_item_bytes(struct pkl_view *v, const struct nd_array *a, uint64_t index,
                          uint64_t skip, size_t want, const uint8_t **p, size_t *n, struct error *e)
{
    uint64_t size = a->types.type.data[0].size, at = place_of(a, index) * size + skip;
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(a->data.target));
    size_t have;
    enum pb_err err;

    want = want < SOURCE_VIEW_MAX ? want : SOURCE_VIEW_MAX;
    if (a->at != 0 && d != NULL) {
        err = source_view(pkl_doc_source(d), a->at + at, want, p, n, e);
    } else {
        err = nd_decoded(v, &a->data, p, &have, e);
        if (err == PB_OK && at + want > have)
            err = error_set(e, PB_EPICKLE, "the array is shorter than it says");
        if (err == PB_OK) {
            *p += at;
            *n = have - (size_t)at;
        }
    }
    if (err == PB_OK && *n < want)
        err = error_set(e, PB_EPICKLE, "the array is shorter than it says");
    if (err == PB_OK)
        *n = want;
    return err;
}

static enum pb_err put_one(struct pkl_view *v, const struct nd_array *a, uint64_t index,
                           struct buf *out, struct error *e)
{
    uint64_t size = a->types.type.data[0].size;
    const uint8_t *p = (const uint8_t *)"";
    size_t n = 0;
    enum pb_err err = PB_OK;

    if (size > 0)
        err = nd_item_bytes(v, a, index, 0, size < ND_ITEM_MAX ? (size_t)size : ND_ITEM_MAX, &p, &n,
                            e);
    if (err == PB_OK)
        nd_put_item(&a->types, 0, p, n, out);
    return err;
}

enum pb_err nd_put_items(struct pkl_view *v, const struct nd_array *a, uint64_t first,
                         uint64_t count, size_t room, struct buf *out, struct error *e)
{
    uint64_t size = a->types.type.data[0].size, head = ND_EDGE, tail = ND_EDGE;
    enum pb_err err = PB_OK;

    if (room == SIZE_MAX && count <= ND_ALL && size <= ND_ALL_BYTES &&
        count * size <= ND_ALL_BYTES) {
        head = count;
    } else if (room != SIZE_MAX) { /* a row of the screen */
        tail = 1;
        head = count > 6 ? 2 : count;
    }
    if (head + tail >= count) {
        head = count;
        tail = 0;
    }
    for (uint64_t i = 0; i < head && err == PB_OK; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        err = put_one(v, a, first + i, out, e);
    }
    if (tail > 0)
        buf_puts(out, ", …");
    for (uint64_t i = count - tail; i < count && err == PB_OK; i++) {
        buf_puts(out, ", ");
        err = put_one(v, a, first + i, out, e);
    }
    return err;
}

void nd_put_title(struct buf *out, const struct nd_array *a, unsigned skip)
{
    nd_type_name(&a->types, 0, out);
    buf_putc(out, ' ');
    nd_put_shape(out, a->shape + skip, a->dims - skip);
}

/* --------------------------------------------------------------------- the rows */

/* All elements of an object array stand in the script as values. */
static enum pb_err put_objects(const struct nd_array *a, struct lens *l, struct error *e)
{
    struct lens_piece *p = lens_seq(l, LENS_LIST, a->data.target, a->count);

    return p != NULL ? PB_OK : error_nomem(e);
}

static enum pb_err put_array(struct lens_reader *r, const struct nd_array *a, struct lens *l,
                             struct error *e)
{
    bool line = r->max != SIZE_MAX;
    enum pb_err err;

    if (!line)
        buf_printf(&l->text, "<%s ", a->class);
    nd_put_title(&l->text, a, 0);
    buf_puts(&l->text, line ? "  " : " ");
    if (a->opaque && a->data.kind == PKL_BUFFER) {
        err = lens_value(l, &a->data) ? PB_OK : error_nomem(e);
    } else if (a->opaque) {
        buf_puts(&l->text, "pickled");
        err = PB_OK;
    } else if (a->types.type.data[0].objects) {
        err = put_objects(a, l, e);
    } else {
        buf_puts(&l->text, a->dims > 0 ? "[" : "");
        err = nd_put_items(r->view, a, 0, a->count, r->max, &l->text, e);
        buf_puts(&l->text, a->dims > 0 ? "]" : "");
    }
    if (!line)
        buf_putc(&l->text, '>');
    return err;
}

static enum pb_err read_array(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct nd_array a;
    enum pb_err err;

    nd_array_init(&a);
    err = nd_array_call(r, c, &a, l, e);
    if (err == PB_OK)
        err = put_array(r, &a, l, e);
    l->type = a.class;
    if (err == PB_OK && a.types.type.data[0].objects && a.dims == 1 && !a.opaque)
        l->list = a.data.target;
    else if (err == PB_OK && !a.opaque)
        l->kids = &nd_kids;
    nd_array_release(&a);
    return err;
}

/* StringDType(na_object=nan, coerce=False), from (coerce[, na_object]) */
static enum pb_err put_text_dtype(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    int64_t coerce = 0;
    enum pb_err err = lens_int(r, &c->arg[0], 0, 1, "whether it coerces", &coerce, l, e);

    buf_puts(&l->text, "StringDType(");
    if (err == PB_OK && c->count == 2) {
        buf_puts(&l->text, "na_object=");
        err = lens_value(l, &c->arg[1]) ? PB_OK : error_nomem(e);
    }
    if (coerce == 0)
        buf_puts(&l->text, c->count == 2 ? ", coerce=False" : "coerce=False");
    buf_putc(&l->text, ')');
    return err;
}

static enum pb_err read_dtype(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct pkl_node self;
    struct nd_types t;
    uint32_t index;
    enum pb_err err;

    nd_types_init(&t);
    err = r->view->node(r->view, c->self, &self, e);
    if (err == PB_OK)
        err = nd_type_read(r, &self, &t, &index, l, e);
    if (err == PB_OK) {
        if (c->row->detail == ND_TYPE_TEXT) {
            err = put_text_dtype(r, c, l, e);
        } else {
            buf_puts(&l->text, "dtype(");
            nd_type_repr(&t, index, &l->text);
            buf_putc(&l->text, ')');
        }
    }
    nd_types_release(&t);
    return err;
}

/* scalar(dtype, bytes), scalar(dtype, object) */
static enum pb_err read_scalar(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    struct nd_array a;
    uint32_t type;
    enum pb_err err;

    nd_array_init(&a);
    a.count = 1;
    err = nd_type_read(r, &c->arg[0], &a.types, &type, l, e);
    if (err == PB_OK && a.types.type.data[0].objects) {
        nd_array_release(&a);
        return lens_refuse(l, "it holds an object");
    }
    if (err == PB_OK)
        err = read_data(r, &c->arg[1], &a, l, e);
    if (err == PB_OK && a.opaque)
        err = lens_refuse(l, "its bytes are in a buffer outside of the pickle");
    if (err == PB_OK) {
        const struct nd_type *t = &a.types.type.data[0];

        l->type = nd_type_scalar(t);
        if (r->max == SIZE_MAX) {
            buf_printf(&l->text, "<%s", l->type);
            if (t->kind == 'm' || t->kind == 'M')
                buf_printf(&l->text, t->step == 1 ? "[%.0lld%s]" : "[%lld%s]",
                           (long long)(t->step == 1 ? 0 : t->step),
                           t->unit[0] != '\0' ? t->unit : "generic");
            buf_putc(&l->text, ' ');
        }
        err = put_one(r->view, &a, 0, &l->text, e);
        buf_puts(&l->text, r->max == SIZE_MAX ? ">" : "");
    }
    nd_array_release(&a);
    return err;
}

/* Masked arrays are two arrays in one state. */
static enum pb_err read_masked(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    (void)r;
    (void)c;
    (void)e;
    return lens_refuse(l, "a masked array is shown as its parts");
}

static const struct lens_row rows[] = {
    {"numpy.core.multiarray", "_reconstruct", "numpy.ndarray",
     LENS_CALL | LENS_STATE | LENS_NAMED | LENS_IS_ARRAY, 3, 3, read_array, ND_RECONSTRUCT},
    {"numpy._core.multiarray", "_reconstruct", "numpy.ndarray",
     LENS_CALL | LENS_STATE | LENS_NAMED | LENS_IS_ARRAY, 3, 3, read_array, ND_RECONSTRUCT},
    {"numpy.core.numeric", "_frombuffer", "numpy.ndarray", LENS_CALL | LENS_NAMED | LENS_IS_ARRAY,
     4, 4, read_array, ND_FROMBUFFER},
    {"numpy._core.numeric", "_frombuffer", "numpy.ndarray", LENS_CALL | LENS_NAMED | LENS_IS_ARRAY,
     4, 4, read_array, ND_FROMBUFFER},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", "numpy.ndarray",
     LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_IS_ARRAY, 0, 0, read_array, ND_WRAPPER},
    {"sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper", "numpy.ndarray",
     LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_IS_ARRAY, 0, 0, read_array, ND_WRAPPER},
    {"numpy", "dtype", "numpy.dtype", LENS_CALL | LENS_STATE | LENS_NAMED, 1, 3, read_dtype, 0},
    {"numpy._core._internal", "_convert_to_stringdtype_kwargs", "numpy.dtype",
     LENS_CALL | LENS_NAMED, 1, 2, read_dtype, ND_TYPE_TEXT},
    {"numpy.core._internal", "_convert_to_stringdtype_kwargs", "numpy.dtype",
     LENS_CALL | LENS_NAMED, 1, 2, read_dtype, ND_TYPE_TEXT},
    {"numpy.core.multiarray", "scalar", "numpy.generic", LENS_CALL | LENS_NAMED, 2, 2, read_scalar,
     0},
    {"numpy._core.multiarray", "scalar", "numpy.generic", LENS_CALL | LENS_NAMED, 2, 2, read_scalar,
     0},
    {"numpy.ma.core", "_mareconstruct", "numpy.ma.MaskedArray",
     LENS_CALL | LENS_STATE | LENS_NAMED | LENS_SUMMARY, 4, 4, read_masked, 0},
};
const struct lens_family lens_numpy = {rows, sizeof rows / sizeof rows[0]};

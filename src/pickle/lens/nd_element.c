/*
 * Ids of what is computed: rows, elements and fields of arrays.
 *
 * The book of a document gives each array a stretch of ids when somebody first looks into it: one
 * for the array as the owner of its rows, then one for each row of each level, each element, each
 * field of an element.  So an id says by itself what it is, and nothing is kept for it.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>

#include "../idmap.h"
#include "../index.h"
#include "nd.h"

#define STRETCH_MAX ((uint64_t)1 << 55)
#define DECODED_MAX ((size_t)64 << 20) /* bytes decoded that are kept */

struct nd_stretch {
    uint64_t maker, base, span;
};

struct nd_book {
    struct {
        struct nd_stretch *data;
        size_t len, cap;
    } arrays; /* by base */
    struct idmap by_maker;
    uint64_t next;
    struct {
        struct nd_text {
            pkl_id id;
            struct buf bytes;
        } * data;
        size_t len, cap;
    } decoded;
    size_t kept;
};

void nd_book_free(struct nd_book *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->decoded.len; i++)
        buf_release(&b->decoded.data[i].bytes);
    vec_release(&b->decoded);
    vec_release(&b->arrays);
    idmap_release(&b->by_maker);
    free(b);
}

struct nd_book *nd_book_of(struct pkl_view *v, pkl_id id, struct error *e)
{
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(id));

    if (d == NULL) {
        (void)error_set(e, PB_ENOTFOUND, "there is no such value");
        return NULL;
    }
    if (d->book == NULL) {
        d->book = mem_alloc(sizeof *d->book);
        if (d->book == NULL)
            (void)error_nomem(e);
        else
            d->book->next = ND_NAMES;
    }
    return d->book;
}

/* ------------------------------------------------------------------------- names */

static const char *const names[ND_NAMES] = {"table", "index", "values"};

pkl_id nd_name_id(pkl_id near, enum nd_name name)
{
    return PKL_ID(PKL_ID_SOURCE(near), PKL_TAG_ELEMENT, name);
}

void nd_name_node(pkl_id near, enum nd_name name, struct pkl_node *out)
{
    *out = (struct pkl_node){.kind = PKL_STR, .count = strlen(names[name])};
    out->id = out->target = nd_name_id(near, name);
}

/* ----------------------------------------------------------------- decoded bytes */

static void forget_decoded(struct nd_book *b)
{
    for (size_t i = 0; i < b->decoded.len; i++)
        buf_release(&b->decoded.data[i].bytes);
    b->decoded.len = 0;
    b->kept = 0;
}

enum pb_err nd_decoded(struct pkl_view *v, const struct pkl_node *node, const uint8_t **p,
                       size_t *n, struct error *e)
{
    struct nd_book *b = nd_book_of(v, node->target, e);
    struct nd_text t = {.id = node->target};
    struct lens_reader r;
    struct lens l;
    bool partial = false;
    enum pb_err err;

    if (b == NULL)
        return e != NULL ? e->code : PB_ENOMEM;
    for (size_t i = 0; i < b->decoded.len; i++) {
        if (b->decoded.data[i].id == node->target) {
            *p = (const uint8_t *)b->decoded.data[i].bytes.data;
            *n = b->decoded.data[i].bytes.len;
            return PB_OK;
        }
    }
    lens_reader_init(&r, v);
    lens_init(&l);
    buf_init(&t.bytes, DECODED_MAX);
    err = lens_bytes(&r, node, DECODED_MAX, true, &t.bytes, &partial, &l, e);
    if (err == PB_OK && partial)
        err = error_set(e, PB_ELIMIT, "an array in the form of a text above %u MiB",
                        (unsigned)(DECODED_MAX >> 20));
    if (err == PB_OK && b->kept + t.bytes.len > DECODED_MAX)
        forget_decoded(b);
    if (err == PB_OK && !vec_push(&b->decoded, t))
        err = error_nomem(e);
    if (err == PB_OK) {
        b->kept += t.bytes.len;
        *p = (const uint8_t *)t.bytes.data;
        *n = t.bytes.len;
    } else {
        buf_release(&t.bytes);
    }
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

/* ------------------------------------------------------------------- the stretch */

/* How many there are of a level: 0 the array, then its rows, elements, and their fields. */
static bool level_size(const struct nd_array *a, unsigned level, uint64_t *size)
{
    *size = 1;
    for (unsigned i = 0; i < level && i < a->dims; i++) {
        if (!num_mul(*size, a->shape[i], size))
            return false;
    }
    return level <= a->dims || num_mul(*size, a->types.type.data[0].fields, size);
}

static bool span_of(const struct nd_array *a, uint64_t *span)
{
    *span = 0;
    for (unsigned level = 0; level <= a->dims + 1; level++) {
        uint64_t size;

        if (!level_size(a, level, &size) || !num_add(*span, size, span))
            return false;
    }
    return *span < STRETCH_MAX;
}

static enum pb_err stretch_for(struct pkl_view *v, const struct pkl_node *array,
                               const struct nd_array *a, uint64_t *base, struct error *e)
{
    struct nd_book *b = nd_book_of(v, array->target, e);
    struct nd_stretch s = {.maker = PKL_ID_OFFSET(array->target)};
    uint64_t number;

    if (b == NULL)
        return e != NULL ? e->code : PB_ENOMEM;
    if (!span_of(a, &s.span) || b->next + s.span >= STRETCH_MAX)
        return error_set(e, PB_ELIMIT, "an array of too many elements to be shown one by one");
    if (idmap_get(&b->by_maker, s.maker + 1, &number) && b->arrays.data[number].span == s.span) {
        *base = b->arrays.data[number].base;
        return PB_OK;
    }
    *base = s.base = b->next;
    if (!idmap_put(&b->by_maker, s.maker + 1, b->arrays.len) || !vec_push(&b->arrays, s))
        return error_nomem(e);
    b->next += s.span;
    return PB_OK;
}

/* An id taken apart. */
struct place {
    struct pkl_node array;
    struct nd_array a;
    uint64_t base;
    unsigned level;
    uint64_t flat; /* among those of its level */
};

static enum pb_err not_there(struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "there is no such element");
}

static enum pb_err find_stretch(struct pkl_view *v, pkl_id id, struct nd_stretch *out,
                                struct error *e)
{
    struct nd_book *b = nd_book_of(v, id, e);
    uint64_t at = PKL_ID_OFFSET(id);
    size_t low = 0, high = b != NULL ? b->arrays.len : 0;

    if (b == NULL)
        return e != NULL ? e->code : PB_ENOMEM;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (b->arrays.data[middle].base <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || at - b->arrays.data[low - 1].base >= b->arrays.data[low - 1].span)
        return not_there(e);
    *out = b->arrays.data[low - 1];
    return PB_OK;
}

/* The array must be as it was when the id was given out. */
static enum pb_err open_place(struct pkl_view *v, pkl_id id, struct place *p, struct error *e)
{
    struct nd_stretch s = {0};
    struct lens_reader r;
    struct lens l;
    uint64_t span, size;
    enum pb_err err = find_stretch(v, id, &s, e);

    nd_array_init(&p->a);
    if (err != PB_OK)
        return err;
    err = v->node(v, PKL_ID(PKL_ID_SOURCE(id), PKL_TAG_VALUE, s.maker), &p->array, e);
    if (err != PB_OK)
        return err;
    lens_reader_init(&r, v);
    lens_init(&l);
    err = nd_array_open(&r, &p->array, &p->a, &l, e);
    if (err == PB_EUNSUPPORTED || (err == PB_OK && (!span_of(&p->a, &span) || span != s.span)))
        err = not_there(e);
    p->base = s.base;
    p->flat = PKL_ID_OFFSET(id) - s.base;
    for (p->level = 0; err == PB_OK && level_size(&p->a, p->level, &size) && p->flat >= size;
         p->level++)
        p->flat -= size;
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

static void close_place(struct place *p)
{
    nd_array_release(&p->a);
}

static pkl_id id_of(const struct place *p, unsigned level, uint64_t flat)
{
    uint64_t before = 0, size;

    for (unsigned i = 0; i < level && level_size(&p->a, i, &size); i++)
        before += size;
    return PKL_ID(PKL_ID_SOURCE(p->array.target), PKL_TAG_ELEMENT, p->base + before + flat);
}

/* The type of what stands at a level, and where it begins in its element. */
static uint32_t type_at(const struct nd_array *a, unsigned level, uint64_t flat, uint64_t *skip)
{
    const struct nd_type *t = &a->types.type.data[0];

    *skip = 0;
    if (level <= a->dims)
        return 0;
    *skip = a->types.field.data[t->field + flat % t->fields].offset;
    return a->types.field.data[t->field + flat % t->fields].type;
}

static void make_node(const struct place *p, unsigned level, uint64_t flat, struct pkl_node *out)
{
    const struct nd_type *t = &p->a.types.type.data[0];
    uint64_t skip, element = level > p->a.dims ? flat / t->fields : flat;
    uint32_t type = type_at(&p->a, level, flat, &skip);

    *out = (struct pkl_node){.begin = p->array.begin, .end = p->array.end, .kind = PKL_OBJECT};
    out->id = out->target = id_of(p, level, flat);
    if (level < p->a.dims) {
        out->count = p->a.shape[level];
        return;
    }
    if (p->a.at != 0 && !p->a.fortran) {
        out->begin = p->a.at + element * t->size + skip;
        out->end = out->begin + p->a.types.type.data[type].size;
    }
    out->kind = nd_item_kind(&p->a.types.type.data[type]);
    if (level == p->a.dims)
        out->count = t->fields;
    if (out->kind == PKL_BYTES || out->kind == PKL_STR)
        out->count = p->a.types.type.data[type].size;
}

/* --------------------------------------------------------------------- children */

static enum pb_err make_child(struct pkl_view *v, const struct place *p, unsigned level,
                              uint64_t flat, uint64_t index, struct pkl_child *out, struct error *e)
{
    const struct nd_type *t = &p->a.types.type.data[0];
    uint64_t each = level < p->a.dims ? p->a.shape[level] : t->fields, at = flat * each + index;
    struct pkl_child kid;
    size_t got;
    enum pb_err err = PB_OK;

    *out = (struct pkl_child){
        .step = PKL_STEP_INDEX, .owner = id_of(p, level, flat), .index = index, .position = index};
    if (level == p->a.dims) {
        out->step = PKL_STEP_KEY;
        out->key = p->a.types.field.data[t->field + index].node;
    }
    if (level + 1 == p->a.dims && t->objects) {
        err = v->children(v, p->a.data.target, at, 1, &kid, &got, e);
        if (err == PB_OK && got != 1)
            err = not_there(e);
        out->value = kid.value;
    } else {
        make_node(p, level + 1, at, &out->value);
    }
    return err;
}

static uint64_t kids_of(const struct place *p, unsigned level)
{
    const struct nd_type *t = &p->a.types.type.data[0];

    return level < p->a.dims                   ? p->a.shape[level]
           : level == p->a.dims && !t->objects ? t->fields
                                               : 0;
}

static enum pb_err list_kids(struct pkl_view *v, const struct place *p, uint64_t first,
                             size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    uint64_t all = kids_of(p, p->level);
    enum pb_err err = PB_OK;

    for (*got = 0; *got < count && first < all && err == PB_OK; first++) {
        err = make_child(v, p, p->level, p->flat, first, &out[*got], e);
        *got += err == PB_OK;
    }
    return err;
}

enum pb_err nd_element_node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    struct place p;
    enum pb_err err;

    if (PKL_ID_OFFSET(id) < ND_NAMES) {
        nd_name_node(id, (enum nd_name)PKL_ID_OFFSET(id), out);
        return PB_OK;
    }
    err = open_place(v, id, &p, e);
    if (err == PB_OK)
        make_node(&p, p.level, p.flat, out);
    close_place(&p);
    return err;
}

enum pb_err nd_element_children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                                struct pkl_child *out, size_t *got, struct error *e)
{
    struct place p;
    enum pb_err err = open_place(v, id, &p, e);

    *got = 0;
    if (err == PB_OK)
        err = list_kids(v, &p, first, count, out, got, e);
    close_place(&p);
    return err;
}

/* ------------------------------------------------------------- for the array itself */

static enum pb_err open_array(struct pkl_view *v, const struct pkl_node *node, struct place *p,
                              struct error *e)
{
    struct lens_reader r;
    struct lens l;
    enum pb_err err;

    *p = (struct place){.array = *node};
    nd_array_init(&p->a);
    if (node->ref) { /* the elements are those of the array itself */
        err = v->node(v, node->target, &p->array, e);
        if (err != PB_OK)
            return err;
    }
    lens_reader_init(&r, v);
    lens_init(&l);
    err = nd_array_open(&r, &p->array, &p->a, &l, e);
    if (err == PB_EUNSUPPORTED)
        err = error_set(e, PB_EUNSUPPORTED, "%s", l.reason);
    if (err == PB_OK)
        err = stretch_for(v, node, &p->a, &p->base, e);
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

static enum pb_err array_count(struct pkl_view *v, const struct pkl_node *node, uint64_t *count,
                               struct error *e)
{
    struct place p;
    enum pb_err err = open_array(v, node, &p, e);

    *count = err == PB_OK ? kids_of(&p, 0) : 0;
    close_place(&p);
    return err;
}

static enum pb_err array_children(struct pkl_view *v, const struct pkl_node *node, uint64_t first,
                                  size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    struct place p;
    enum pb_err err = open_array(v, node, &p, e);

    *got = 0;
    if (err == PB_OK)
        err = list_kids(v, &p, first, count, out, got, e);
    close_place(&p);
    return err;
}

enum pb_err nd_element_of(struct pkl_view *v, const struct pkl_node *array, uint64_t element,
                          struct pkl_node *out, struct error *e)
{
    struct place p;
    enum pb_err err = open_array(v, array, &p, e);

    if (err == PB_OK)
        make_node(&p, p.a.dims, element, out);
    close_place(&p);
    return err;
}

const struct lens_kids nd_kids = {array_count, array_children};

/* ----------------------------------------------------------------- text and leaf */

/* The bytes of an element or a field, as many as `max`. */
static enum pb_err place_bytes(struct pkl_view *v, const struct place *p, size_t max,
                               uint32_t *type, const uint8_t **bytes, size_t *n, struct error *e)
{
    uint64_t skip, fields = p->a.types.type.data[0].fields;
    uint64_t element = p->level > p->a.dims ? p->flat / fields : p->flat, size;

    *type = type_at(&p->a, p->level, p->flat, &skip);
    size = p->a.types.type.data[*type].size;
    *bytes = (const uint8_t *)"";
    *n = 0;
    if (size == 0)
        return PB_OK;
    return nd_item_bytes(v, &p->a, element, skip, size < max ? (size_t)size : max, bytes, n, e);
}

static enum pb_err put_row(struct lens_reader *r, const struct place *p, struct lens *l,
                           struct error *e)
{
    bool line = r->max != SIZE_MAX;
    uint64_t count = 1;
    struct lens_piece *piece;
    enum pb_err err = PB_OK;

    for (unsigned i = p->level; i < p->a.dims; i++)
        count *= p->a.shape[i];
    buf_puts(&l->text, line ? "" : "<numpy.ndarray ");
    nd_put_title(&l->text, &p->a, p->level);
    buf_puts(&l->text, line ? "  " : " ");
    if (p->a.types.type.data[0].objects) {
        piece = lens_seq(l, LENS_LIST, p->a.data.target, p->flat * count + count);
        if (piece == NULL)
            return error_nomem(e);
        piece->first = p->flat * count;
    } else {
        buf_putc(&l->text, '[');
        err = nd_put_items(r->view, &p->a, p->flat * count, count, r->max, &l->text, e);
        buf_putc(&l->text, ']');
    }
    buf_puts(&l->text, line ? "" : ">");
    return err;
}

/* What is_leaf() does not hold of has a script: a row, a complex, a date, a structure. */
enum pb_err nd_element_script(struct lens_reader *r, const struct pkl_node *node, size_t max,
                              struct lens *out, struct error *e)
{
    static const struct lens_row row = {"numpy", "ndarray", "numpy.ndarray", 0, 0, 0, NULL, 0};
    struct place p;
    size_t before = r->max, n;
    const uint8_t *bytes;
    uint32_t type = 0;
    enum pb_err err;

    if (node->kind != PKL_OBJECT)
        return PB_OK;
    err = open_place(r->view, node->target, &p, e);
    r->max = max;
    if (err == PB_OK && p.level < p.a.dims) {
        out->type = "numpy.ndarray";
        err = put_row(r, &p, out, e);
    } else if (err == PB_OK) {
        err = place_bytes(r->view, &p, ND_ITEM_MAX, &type, &bytes, &n, e);
        if (err == PB_OK) {
            out->type = nd_type_scalar(&p.a.types.type.data[type]);
            nd_put_item(&p.a.types, type, bytes, n, &out->text);
        }
    }
    r->max = before;
    close_place(&p);
    if (err == PB_OK && !lens_close_text(out))
        err = error_nomem(e);
    if (err == PB_OK)
        err = buf_status(&out->text, e);
    if (err == PB_OK)
        out->row = &row;
    else
        lens_drop(out, out->first, out->start);
    return err;
}

enum pb_err nd_element_leaf(struct pkl_view *v, const struct pkl_node *node, size_t max,
                            struct pkl_leaf *out, struct error *e)
{
    struct place p;
    const uint8_t *bytes;
    uint32_t type = 0;
    size_t n;
    enum pb_err err;

    if (PKL_ID_OFFSET(node->target) < ND_NAMES) {
        buf_puts(&out->data, names[PKL_ID_OFFSET(node->target)]);
        out->total = out->data.len;
        return buf_status(&out->data, e);
    }
    err = open_place(v, node->target, &p, e);
    if (err == PB_OK && p.level < p.a.dims)
        err = error_set(e, PB_EUSAGE, "this is no single value");
    if (err == PB_OK)
        err = place_bytes(v, &p, SIZE_MAX, &type, &bytes, &n, e);
    if (err == PB_OK)
        err = nd_item_leaf(&p.a.types.type.data[type], bytes, n, max, out, e);
    close_place(&p);
    return err;
}

/* dtypes of numpy: read, and written as numpy writes them. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>

#include "nd.h"

#define STATE_PARTS 9u

void nd_types_init(struct nd_types *t)
{
    *t = (struct nd_types){.names = {0}};
    buf_init(&t->names, LENS_TEXT_MAX);
}

void nd_types_release(struct nd_types *t)
{
    vec_release(&t->type);
    vec_release(&t->field);
    vec_release(&t->dim);
    buf_release(&t->names);
}

/* ---------------------------------------------------------------------- reading */

struct reading {
    struct lens_reader *r;
    struct nd_types *t;
    struct lens *l;
    struct error *e;
};

static enum pb_err read_type(struct reading *x, const struct pkl_node *node, unsigned depth,
                             uint32_t *index);

/* "f8", "U3", "M8", "O": a letter and a number. */
static enum pb_err read_code(struct reading *x, const struct pkl_node *node, struct nd_type *type)
{
    static const char kinds[] = "biufcmMOSUV";
    uint64_t size = 0;
    const struct buf *s = &x->r->leaf.data;
    enum pb_err err;

    if (node->kind == PKL_GLOBAL) { /* numpy.record */
        struct pkl_name name;
        bool record;

        err = pkl_name_read(x->r->view, node, &name, x->e);
        if (err != PB_OK)
            return err;
        record = strcmp(name.name, "record") == 0 && strncmp(name.module, "numpy", 5) == 0;
        pkl_name_release(&name);
        type->kind = 'V';
        type->record = true;
        return record ? PB_OK : lens_refuse(x->l, "its dtype is of another class");
    }
    err = lens_str(x->r, node, "the code of its dtype", x->l, x->e);
    if (err != PB_OK)
        return err;
    if (s->len == 0 || strchr(kinds, s->data[0]) == NULL ||
        (s->len > 1 && !num_parse_u64(s->data + 1, s->len - 1, &size)))
        return lens_refuse(x->l, "the code of its dtype is not known");
    type->kind = s->data[0];
    if (type->kind == 'U' && !num_mul(size, 4, &size))
        return lens_refuse(x->l, "its dtype is too large");
    type->size = type->kind == 'O' ? 8 : size;
    return PB_OK;
}

static bool size_is_possible(const struct nd_type *t)
{
    switch (t->kind) {
    case 'b':
        return t->size == 1;
    case 'i':
    case 'u':
        return t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8;
    case 'f':
        return t->size == 2 || t->size == 4 || t->size == 8 || t->size == 12 || t->size == 16;
    case 'c':
        return t->size == 8 || t->size == 16 || t->size == 24 || t->size == 32;
    case 'm':
    case 'M':
        return t->size == 8;
    case 'U':
        return t->size % 4 == 0;
    default:
        return true;
    }
}

static enum pb_err add_dims(struct reading *x, const struct pkl_node *node, uint32_t *count,
                            uint64_t *items)
{
    struct pkl_child kid;
    size_t got;
    enum pb_err err = PB_OK;
    uint64_t n = node->kind == PKL_TUPLE ? node->count : 1;

    *items = 1;
    if ((node->kind != PKL_TUPLE && node->kind != PKL_INT) || n > ND_DIMS)
        return lens_refuse(x->l, "the shape in its dtype is none");
    for (uint64_t i = 0; i < n && err == PB_OK; i++) {
        int64_t dim = 0;

        kid.value = *node;
        if (node->kind == PKL_TUPLE)
            err = x->r->view->children(x->r->view, node->target, i, 1, &kid, &got, x->e);
        if (err == PB_OK)
            err =
                lens_int(x->r, &kid.value, 0, INT64_MAX, "a length in its dtype", &dim, x->l, x->e);
        if (err == PB_OK && !num_mul(*items, (uint64_t)dim, items))
            err = lens_refuse(x->l, "its dtype is too large");
        if (err == PB_OK && !vec_push(&x->t->dim, (uint64_t)dim))
            err = error_nomem(x->e);
    }
    *count = (uint32_t)n;
    return err;
}

/* (base, shape) */
static enum pb_err read_subarray(struct reading *x, const struct pkl_node *node, unsigned depth,
                                 struct nd_type *type)
{
    struct pkl_child two[2];
    uint64_t items = 0, size;
    size_t got;
    enum pb_err err;

    if (node->kind != PKL_TUPLE || node->count != 2)
        return lens_refuse(x->l, "the subarray of its dtype is no pair");
    err = x->r->view->children(x->r->view, node->target, 0, 2, two, &got, x->e);
    if (err == PB_OK)
        err = read_type(x, &two[0].value, depth + 1, &type->base);
    if (err != PB_OK)
        return err;
    type->dim = (uint32_t)x->t->dim.len;
    err = add_dims(x, &two[1].value, &type->dims, &items);
    if (err != PB_OK)
        return err;
    if (!num_mul(items, x->t->type.data[type->base].size, &size) || size != type->size)
        return lens_refuse(x->l, "the size of its dtype is not that of its subarray");
    type->objects = x->t->type.data[type->base].objects;
    return PB_OK;
}

/* The text of a name, into names. */
static enum pb_err add_name(struct reading *x, const struct pkl_node *node, size_t *at, size_t *len)
{
    enum pb_err err = lens_str(x->r, node, "the name of a field", x->l, x->e);

    *at = x->t->names.len;
    *len = x->r->leaf.data.len;
    if (err == PB_OK)
        buf_append(&x->t->names, x->r->leaf.data.data, x->r->leaf.data.len);
    return err == PB_OK ? buf_status(&x->t->names, x->e) : err;
}

/* The pair of a field in the dict, looked for from where the last one was found. */
static enum pb_err find_field(struct reading *x, const struct pkl_node *dict,
                              const struct nd_field *f, uint64_t *from, struct pkl_node *out)
{
    struct pkl_view *v = x->r->view;

    for (uint64_t i = 0; i < dict->count; i++) {
        uint64_t at = (*from + i) % dict->count;
        struct pkl_child kid;
        size_t got;
        enum pb_err err = v->children(v, dict->target, at, 1, &kid, &got, x->e);

        if (err == PB_OK && (kid.key.kind == PKL_STR || kid.key.kind == PKL_PY2STR))
            err = pkl_leaf_read(v, &kid.key, LENS_TEXT_MAX, &x->r->leaf, x->e);
        else if (err == PB_OK)
            continue;
        if (err != PB_OK)
            return err;
        if (x->r->leaf.data.len == f->len &&
            (f->len == 0 ||
             memcmp(x->r->leaf.data.data, x->t->names.data + f->name, f->len) == 0)) {
            *from = at + 1;
            *out = kid.value;
            return PB_OK;
        }
    }
    return lens_refuse(x->l, "a field of its dtype is missing");
}

static enum pb_err read_field(struct reading *x, const struct pkl_node *pair, unsigned depth,
                              struct nd_field *f)
{
    struct pkl_child three[3] = {{0}};
    int64_t offset;
    size_t got;
    enum pb_err err;

    if (pair->kind != PKL_TUPLE || pair->count < 2 || pair->count > 3)
        return lens_refuse(x->l, "a field of its dtype is no pair");
    err = x->r->view->children(x->r->view, pair->target, 0, 3, three, &got, x->e);
    if (err == PB_OK)
        err = read_type(x, &three[0].value, depth + 1, &f->type);
    if (err == PB_OK)
        err = lens_int(x->r, &three[1].value, 0, INT64_MAX, "the offset of a field", &offset, x->l,
                       x->e);
    if (err != PB_OK)
        return err;
    f->offset = (uint64_t)offset;
    f->titled = got == 3 && three[2].value.kind != PKL_NONE;
    return f->titled ? add_name(x, &three[2].value, &f->title, &f->title_len) : PB_OK;
}

static enum pb_err read_fields(struct reading *x, const struct pkl_node *names,
                               const struct pkl_node *dict, unsigned depth, struct nd_type *type)
{
    uint64_t from = 0, end;
    enum pb_err err = PB_OK;

    if (names->kind != PKL_TUPLE || dict->kind != PKL_DICT || names->count > ND_TYPES)
        return lens_refuse(x->l, "the fields of its dtype are not a tuple and a dict");
    type->field = (uint32_t)x->t->field.len;
    type->fields = (uint32_t)names->count;
    for (uint64_t i = 0; i < names->count; i++) {
        struct nd_field none = {.name = 0};

        if (!vec_push(&x->t->field, none))
            return error_nomem(x->e);
    }
    for (uint64_t i = 0; i < names->count && err == PB_OK; i++) {
        struct nd_field f = {.name = 0};
        struct pkl_child kid;
        struct pkl_node pair = {0};
        size_t got;

        err = x->r->view->children(x->r->view, names->target, i, 1, &kid, &got, x->e);
        if (err == PB_OK)
            err = add_name(x, &kid.value, &f.name, &f.len);
        if (err == PB_OK)
            err = find_field(x, dict, &f, &from, &pair);
        if (err == PB_OK)
            err = read_field(x, &pair, depth, &f);
        if (err != PB_OK)
            break;
        f.node = kid.value;
        x->t->field.data[type->field + i] = f;
        type->objects = type->objects || x->t->type.data[f.type].objects;
        if (!num_add(f.offset, x->t->type.data[f.type].size, &end) || end > type->size)
            err = lens_refuse(x->l, "a field of its dtype reaches beyond its end");
    }
    return err;
}

/* ({}, (b'ns', 1, 1, 1)) */
static enum pb_err read_unit(struct reading *x, const struct pkl_node *meta, struct nd_type *type)
{
    static const char *const units[] = {"Y",  "M",  "W",  "D",  "h",  "m",  "s",      "ms",
                                        "us", "ns", "ps", "fs", "as", "μs", "generic"};
    struct pkl_child pair[2], four[2];
    struct buf unit;
    bool partial, known = false;
    size_t got;
    enum pb_err err;

    if (meta->kind != PKL_TUPLE || meta->count != 2)
        return lens_refuse(x->l, "the unit of its dtype is not where it should be");
    err = x->r->view->children(x->r->view, meta->target, 0, 2, pair, &got, x->e);
    if (err == PB_OK && (pair[1].value.kind != PKL_TUPLE || pair[1].value.count < 2))
        err = lens_refuse(x->l, "the unit of its dtype is not where it should be");
    if (err == PB_OK)
        err = x->r->view->children(x->r->view, pair[1].value.target, 0, 2, four, &got, x->e);
    if (err != PB_OK)
        return err;
    buf_init(&unit, 64);
    err = lens_bytes(x->r, &four[0].value, 16, true, &unit, &partial, x->l, x->e);
    for (size_t i = 0; i < sizeof units / sizeof units[0] && err == PB_OK && !known; i++) {
        known = unit.len == strlen(units[i]) && memcmp(unit.data, units[i], unit.len) == 0;
        if (known && i < 13)
            memcpy(type->unit, units[i], unit.len);
        else if (known && i == 13)
            memcpy(type->unit, "us", 2);
    }
    buf_release(&unit);
    if (err == PB_OK && !known)
        err = lens_refuse(x->l, "the unit of its dtype is not known");
    if (err == PB_OK)
        err = lens_int(x->r, &four[1].value, 1, INT32_MAX, "the step of its dtype", &type->step,
                       x->l, x->e);
    return err;
}

/* (version, byte order, subarray, names, fields, size, alignment, flags[, metadata]) */
static enum pb_err read_state(struct reading *x, const struct pkl_node *state, unsigned depth,
                              struct nd_type *type)
{
    struct pkl_child s[STATE_PARTS];
    int64_t version = 0, size = 0, align = 0, flags = 0;
    size_t got;
    enum pb_err err;

    if (state->kind != PKL_TUPLE || state->count < 8 || state->count > STATE_PARTS)
        return lens_refuse(x->l, "the state of its dtype is not that of version 3 or 4");
    err = x->r->view->children(x->r->view, state->target, 0, STATE_PARTS, s, &got, x->e);
    if (err == PB_OK)
        err = lens_int(x->r, &s[0].value, 3, 4, "the version of its dtype", &version, x->l, x->e);
    if (err == PB_OK)
        err = lens_str(x->r, &s[1].value, "the byte order of its dtype", x->l, x->e);
    if (err != PB_OK)
        return err;
    if (x->r->leaf.data.len != 1 || strchr("<>|=", x->r->leaf.data.data[0]) == NULL)
        return lens_refuse(x->l, "the byte order of its dtype is not known");
    type->big = x->r->leaf.data.data[0] == '>';
    err = lens_int(x->r, &s[5].value, -1, INT64_MAX, "the size of its dtype", &size, x->l, x->e);
    if (err == PB_OK)
        err = lens_int(x->r, &s[6].value, -1, INT64_MAX, "the alignment of its dtype", &align, x->l,
                       x->e);
    if (err == PB_OK)
        err = lens_int(x->r, &s[7].value, INT64_MIN, INT64_MAX, "the flags of its dtype", &flags,
                       x->l, x->e);
    if (err != PB_OK)
        return err;
    if (size >= 0 && strchr("SUV", type->kind) != NULL)
        type->size = (uint64_t)size;
    type->alignment = align > 0 ? (uint64_t)align : 1;
    type->aligned = (flags & 0x80) != 0;
    if (s[2].value.kind != PKL_NONE)
        return read_subarray(x, &s[2].value, depth, type);
    if (s[3].value.kind != PKL_NONE)
        return read_fields(x, &s[3].value, &s[4].value, depth, type);
    if ((type->kind == 'm' || type->kind == 'M') && got > 8)
        return read_unit(x, &s[8].value, type);
    return PB_OK;
}

static enum pb_err read_type(struct reading *x, const struct pkl_node *node, unsigned depth,
                             uint32_t *index)
{
    struct nd_type type = {.step = 1, .alignment = 1};
    struct lens_call c;
    enum pb_err err;

    if (depth > ND_DEPTH || x->t->type.len >= ND_TYPES)
        return lens_refuse(x->l, "its dtype is nested too deeply");
    if (node->kind != PKL_OBJECT)
        return lens_refuse(x->l, "its dtype is none");
    err = lens_call_of(x->r, node, &c, x->e);
    if (err != PB_OK)
        return err;
    if (c.row == NULL || strcmp(c.row->type, "numpy.dtype") != 0 || c.created || c.count == 0 ||
        c.count > LENS_ARGS)
        return lens_refuse(x->l, "its dtype is not one that numpy.dtype() makes");
    *index = (uint32_t)x->t->type.len;
    if (!vec_push(&x->t->type, type))
        return error_nomem(x->e);
    if (c.row->detail == ND_TYPE_TEXT) { /* numpy.dtypes.StringDType: its elements are a list */
        type.kind = 'T';
        type.size = 16;
        err = PB_OK;
    } else {
        err = read_code(x, &c.arg[0], &type);
    }
    type.objects = type.kind == 'O' || type.kind == 'T';
    if (err == PB_OK && c.state.id != 0)
        err = read_state(x, &c.state, depth, &type);
    if (err == PB_OK && !size_is_possible(&type))
        err = lens_refuse(x->l, "its dtype has an impossible size");
    x->t->type.data[*index] = type;
    return err;
}

enum pb_err nd_type_read(struct lens_reader *r, const struct pkl_node *node, struct nd_types *t,
                         uint32_t *index, struct lens *l, struct error *e)
{
    struct reading x = {r, t, l, e};

    return read_type(&x, node, 0, index);
}

/* ---------------------------------------------------------------------- writing */

void nd_put_shape(struct buf *out, const uint64_t *shape, size_t dims)
{
    buf_putc(out, '(');
    for (size_t i = 0; i < dims; i++)
        buf_printf(out, i > 0 ? ", %llu" : "%llu", (unsigned long long)shape[i]);
    buf_puts(out, dims == 1 ? ",)" : ")");
}

static void put_unit(const struct nd_type *type, struct buf *out)
{
    if (type->unit[0] == '\0')
        return;
    if (type->step == 1)
        buf_printf(out, "[%s]", type->unit);
    else
        buf_printf(out, "[%lld%s]", (long long)type->step, type->unit);
}

static const char *stem(char kind)
{
    switch (kind) {
    case 'i':
        return "int";
    case 'u':
        return "uint";
    case 'f':
        return "float";
    default:
        return "complex";
    }
}

/* '<f8': always with its byte order; 'float64' when it need not be said. */
static void put_simple(const struct nd_type *type, bool brief, struct buf *out)
{
    const char *order = type->big ? ">" : "<";
    unsigned long long size = type->size;

    switch (type->kind) {
    case 'b':
        buf_puts(out, brief ? "?" : "bool");
        return;
    case 'O':
        buf_putc(out, 'O');
        return;
    case 'T':
        buf_puts(out, "StringDType");
        return;
    case 'S':
    case 'V':
        buf_putc(out, type->kind);
        if (size > 0)
            buf_printf(out, "%llu", size);
        return;
    case 'U':
        buf_printf(out, "%sU", order);
        if (size > 0)
            buf_printf(out, "%llu", size / 4);
        return;
    case 'M':
    case 'm':
        buf_printf(out, "%s%c8", order, type->kind);
        put_unit(type, out);
        return;
    default:
        if (brief || (type->big && size > 1))
            buf_printf(out, "%s%c%llu", size > 1 ? order : "", type->kind, size);
        else
            buf_printf(out, "%s%llu", stem(type->kind), size * 8);
    }
}

static void put_type(const struct nd_types *t, uint32_t index, bool brief, bool align,
                     struct buf *out);

static uint64_t aligned_to(uint64_t offset, uint64_t alignment)
{
    return alignment > 1 ? (offset + alignment - 1) / alignment * alignment : offset;
}

/* The offsets are those that numpy would choose. */
static bool is_packed(const struct nd_types *t, const struct nd_type *type)
{
    uint64_t total = 0, most = 1;

    for (uint32_t i = 0; i < type->fields; i++) {
        const struct nd_field *f = &t->field.data[type->field + i];
        const struct nd_type *of = &t->type.data[f->type];

        if (type->aligned) {
            uint64_t a = of->alignment;

            if (a <= 1 && strchr("iufcmM", of->kind) != NULL && of->dims == 0)
                a = of->kind == 'c' ? of->size / 2 : of->size;
            else if (of->kind == 'O')
                a = 8;
            else if (of->kind == 'U')
                a = 4;
            if (a == 0)
                a = 1;
            total = aligned_to(total, a);
            most = a > most ? a : most;
        }
        if (f->offset != total)
            return false;
        total += of->size;
    }
    return (type->aligned ? aligned_to(total, most) : total) == type->size;
}

static void put_name(const struct nd_types *t, size_t at, size_t len, struct buf *out)
{
    pkl_repr_str(out, t->names.data + at, len, false);
}

/* [('a', '<i4'), ('b', '<f8', (2,))] */
static void put_list(const struct nd_types *t, const struct nd_type *type, struct buf *out)
{
    buf_putc(out, '[');
    for (uint32_t i = 0; i < type->fields; i++) {
        const struct nd_field *f = &t->field.data[type->field + i];
        const struct nd_type *of = &t->type.data[f->type];

        buf_puts(out, i > 0 ? ", (" : "(");
        if (f->titled) {
            buf_putc(out, '(');
            put_name(t, f->title, f->title_len, out);
            buf_puts(out, ", ");
        }
        put_name(t, f->name, f->len, out);
        buf_puts(out, f->titled ? "), " : ", ");
        put_type(t, of->dims > 0 ? of->base : f->type, true, false, out);
        if (of->dims > 0) {
            buf_puts(out, ", ");
            nd_put_shape(out, t->dim.data + of->dim, of->dims);
        }
        buf_putc(out, ')');
    }
    buf_putc(out, ']');
}

/* {'names': [...], 'formats': [...], 'offsets': [...], 'itemsize': 16} */
static void put_dict(const struct nd_types *t, const struct nd_type *type, bool align,
                     struct buf *out)
{
    const struct nd_field *f = t->field.data + type->field;
    bool titles = false;

    buf_puts(out, "{'names': [");
    for (uint32_t i = 0; i < type->fields; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        put_name(t, f[i].name, f[i].len, out);
        titles = titles || f[i].titled;
    }
    buf_puts(out, "], 'formats': [");
    for (uint32_t i = 0; i < type->fields; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        put_type(t, f[i].type, true, false, out);
    }
    buf_puts(out, "], 'offsets': [");
    for (uint32_t i = 0; i < type->fields; i++)
        buf_printf(out, i > 0 ? ", %llu" : "%llu", (unsigned long long)f[i].offset);
    for (uint32_t i = 0; titles && i < type->fields; i++) {
        buf_puts(out, i > 0 ? ", " : "], 'titles': [");
        if (f[i].titled)
            put_name(t, f[i].title, f[i].title_len, out);
        else
            buf_puts(out, "None");
    }
    buf_printf(out, "], 'itemsize': %llu", (unsigned long long)type->size);
    buf_puts(out, align && type->aligned ? ", 'aligned': True}" : "}");
}

static void put_type(const struct nd_types *t, uint32_t index, bool brief, bool align,
                     struct buf *out)
{
    const struct nd_type *type = &t->type.data[index];

    if (type->dims > 0) {
        buf_putc(out, '(');
        put_type(t, type->base, true, false, out);
        buf_puts(out, ", ");
        nd_put_shape(out, t->dim.data + type->dim, type->dims);
        buf_putc(out, ')');
    } else if (type->fields > 0) {
        if (type->record)
            buf_puts(out, "(numpy.record, ");
        if (!(align && type->aligned) && is_packed(t, type))
            put_list(t, type, out);
        else
            put_dict(t, type, align, out);
        buf_puts(out, type->record ? ")" : "");
    } else {
        buf_puts(out, type->kind != 'T' ? "'" : "");
        put_simple(type, brief, out);
        buf_puts(out, type->kind != 'T' ? "'" : "");
    }
}

void nd_type_repr(const struct nd_types *t, uint32_t index, struct buf *out)
{
    put_type(t, index, false, false, out);
    if (t->type.data[index].fields > 0 && t->type.data[index].aligned)
        buf_puts(out, ", align=True");
}

void nd_type_name(const struct nd_types *t, uint32_t index, struct buf *out)
{
    const struct nd_type *type = &t->type.data[index];

    if (type->fields > 0 || type->dims > 0) {
        put_type(t, index, false, true, out);
    } else if (type->kind == 'O') {
        buf_puts(out, "object");
    } else if ((type->kind == 'M' || type->kind == 'm') && !type->big) {
        buf_puts(out, type->kind == 'M' ? "datetime64" : "timedelta64");
        put_unit(type, out);
    } else {
        put_simple(type, false, out);
    }
}

const char *nd_type_scalar(const struct nd_type *t)
{
    static const char *const ints[] = {"numpy.int8", "numpy.int16", "numpy.int32", "numpy.int64"};
    static const char *const uints[] = {"numpy.uint8", "numpy.uint16", "numpy.uint32",
                                        "numpy.uint64"};
    size_t log = t->size >= 8 ? 3 : t->size >= 4 ? 2 : t->size >= 2;

    switch (t->kind) {
    case 'b':
        return "numpy.bool_";
    case 'i':
        return ints[log];
    case 'u':
        return uints[log];
    case 'f':
        return t->size == 2   ? "numpy.float16"
               : t->size == 4 ? "numpy.float32"
               : t->size == 8 ? "numpy.float64"
                              : "numpy.longdouble";
    case 'c':
        return t->size == 8    ? "numpy.complex64"
               : t->size == 16 ? "numpy.complex128"
                               : "numpy.clongdouble";
    case 'm':
        return "numpy.timedelta64";
    case 'M':
        return "numpy.datetime64";
    case 'S':
        return "numpy.bytes_";
    case 'U':
        return "numpy.str_";
    case 'O':
        return "numpy.object_";
    case 'T':
        return "numpy.str_";
    default:
        return t->record ? "numpy.record" : "numpy.void";
    }
}

/* Two values, as far as they can be told apart without going into them. */
#include "diff.h"
#include "rebuilt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_repr.h>

#define TEXT_MAX ((size_t)16 << 20) /* of an array as text */

static bool is_scalar(enum pkl_kind k)
{
    return k <= PKL_PY2STR;
}

static bool is_text(enum pkl_kind k)
{
    return k >= PKL_STR && k <= PKL_PY2STR;
}

/* The value that a call stands for, read as its lens reads it. */
static enum pb_err read_lens(struct diff *d, unsigned side, const struct pkl_node *n)
{
    lens_drop(&d->lens[side], 0, 0);
    return lens_read(&d->reader[side], n, SIZE_MAX, &d->lens[side], d->e);
}

enum pb_err diff_members(struct diff *d, unsigned side, const struct pkl_node *n,
                         struct pkl_node *members)
{
    enum pb_err err;

    *members = *n;
    if (n->kind != PKL_OBJECT)
        return PB_OK;
    err = read_lens(d, side, n);
    if (err == PB_OK && d->lens[side].row != NULL &&
        (d->lens[side].kind == PKL_SET || d->lens[side].kind == PKL_FROZENSET)) {
        *members = d->lens[side].items;
        members->kind = d->lens[side].kind;
    }
    return err;
}

/* ----------------------------------------------------------------------- leaves */

static bool same_double(double x, double y)
{
    return memcmp(&x, &y, sizeof x) == 0 || (isnan(x) && isnan(y));
}

static bool is_ascii(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if ((unsigned char)b->data[i] >= 0x80)
            return false;
    }
    return true;
}

static bool same_data(const struct buf *x, const struct buf *y)
{
    return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
}

static bool same_leaf(const struct pkl_leaf *x, const struct pkl_leaf *y)
{
    bool text = (x->kind == PKL_STR && y->kind == PKL_PY2STR) ||
                (x->kind == PKL_PY2STR && y->kind == PKL_STR);

    if (text)
        return is_ascii(&x->data) && same_data(&x->data, &y->data);
    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case PKL_NONE:
        return true;
    case PKL_BOOL:
        return x->boolean == y->boolean;
    case PKL_INT:
        if (x->fits || y->fits)
            return x->fits && y->fits && x->integer == y->integer;
        return same_data(&x->data, &y->data);
    case PKL_FLOAT:
        return same_double(x->real, y->real);
    default:
        return same_data(&x->data, &y->data);
    }
}

enum pb_err diff_same_leaf(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                           bool *same)
{
    enum pb_err err = pkl_leaf_read(d->v[0], a, SIZE_MAX, &d->leaf[0], d->e);

    if (err == PB_OK)
        err = pkl_leaf_read(d->v[1], b, SIZE_MAX, &d->leaf[1], d->e);
    *same = err == PB_OK && same_leaf(&d->leaf[0], &d->leaf[1]);
    return err;
}

static bool is_altered(struct diff *d, unsigned side, const struct pkl_node *n)
{
    struct pkl_doc *doc = d->v[side]->doc(d->v[side], PKL_ID_SOURCE(n->target));

    return doc != NULL && pkl_doc_altered(doc, n->target);
}

/* Opcodes with the same bytes are the same value. */
static enum pb_err same_opcode(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               bool *same)
{
    uint64_t at[2] = {PKL_ID_OFFSET(a->target), PKL_ID_OFFSET(b->target)}, header[2], payload[2];
    struct source *src[2];
    enum pb_err err = PB_OK;

    *same = false;
    if (a->ref || b->ref || a->opcode != b->opcode || is_altered(d, 0, a) || is_altered(d, 1, b))
        return PB_OK;
    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        pkl_id id = i == 0 ? a->target : b->target;

        src[i] = pkl_doc_source(d->v[i]->doc(d->v[i], PKL_ID_SOURCE(id)));
        err = pkl_opcode_length(src[i], at[i], &header[i], &payload[i], d->e);
    }
    if (err == PB_OK && header[0] == header[1] && payload[0] == payload[1])
        err = diff_same_bytes(src[0], at[0], src[1], at[1], header[0] + payload[0], same, d->e);
    return err;
}

static enum pb_err look_scalar(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               bool *same)
{
    enum pb_err err = same_opcode(d, a, b, same);

    /* Text of several lengths, each in one spelling. */
    if (err != PB_OK || *same ||
        (is_text(a->kind) && !a->ref && !b->ref && a->opcode == b->opcode && a->opcode != 'V' &&
         a->opcode != 'S' && !is_altered(d, 0, a) && !is_altered(d, 1, b)))
        return err;
    return diff_same_leaf(d, a, b, same);
}

static enum pb_err look_global(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               bool *same)
{
    struct pkl_name x = {0}, y = {0};
    enum pb_err err;

    *same = false;
    err = pkl_name_read(d->v[0], a, &x, d->e);
    if (err == PB_EUNSUPPORTED)
        return PB_OK; /* a name that is computed */
    if (err == PB_OK)
        err = pkl_name_read(d->v[1], b, &y, d->e);
    if (err == PB_OK)
        *same = strcmp(x.py3_module, y.py3_module) == 0 && strcmp(x.py3_name, y.py3_name) == 0;
    pkl_name_release(&x);
    pkl_name_release(&y);
    return err == PB_EUNSUPPORTED ? PB_OK : err;
}

/* ---------------------------------------------------------------------- objects */

enum pb_err diff_class(struct diff *d, unsigned side, const struct pkl_node *n,
                       struct pkl_node *class, enum diff_form *form)
{
    struct pkl_view *v = d->v[side];
    struct pkl_child part, arg[REBUILT_ARGS];
    struct error why;
    bool rebuilt = false, object = false;
    enum pb_err err = v->part(v, n->target, PKL_CLASS, &part, &why);

    *form = DIFF_OWN;
    *class = err == PB_OK ? part.value : (struct pkl_node){.kind = PKL_NONE};
    if (err == PB_ENOTFOUND || (err == PB_OK && class->kind != PKL_GLOBAL))
        return PB_OK;
    if (err != PB_OK)
        return error_set(d->e, err, "%s", why.msg);
    err = rebuilt_read(v, n->target, &rebuilt, arg, d->e);
    if (err != PB_OK || !rebuilt)
        return err;
    if (arg[2].value.kind == PKL_NONE)
        err = lens_is_builtin(&d->reader[side], &arg[1].value, "object", &object, d->e);
    *class = arg[0].value;
    *form = object ? DIFF_BARE : DIFF_FROM_STATE;
    return err;
}

static enum pb_err same_class(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                              bool *same)
{
    struct pkl_node class[2];
    enum diff_form form;
    enum pb_err err = diff_class(d, 0, a, &class[0], &form);

    if (err == PB_OK)
        err = diff_class(d, 1, b, &class[1], &form);
    *same = false;
    if (err != PB_OK || class[0].kind != class[1].kind)
        return err;
    if (class[0].kind == PKL_NONE) {
        *same = true;
        return PB_OK;
    }
    return class[0].kind == PKL_GLOBAL ? look_global(d, &class[0], &class[1], same)
                                       : diff_probe(d, &class[0], &class[1], same);
}

static bool only_text(const struct lens *l)
{
    for (size_t i = 0; i < l->pieces.len; i++) {
        if (l->pieces.data[i].kind != LENS_TEXT)
            return false;
    }
    return l->row != NULL && l->kind == PKL_OBJECT && !l->nested &&
           strcmp(l->row->type, "re.Pattern") != 0;
}

static enum pb_err as_text(struct diff *d, unsigned side, const struct pkl_node *n, struct buf *out,
                           bool *whole)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE, .max_output = TEXT_MAX};
    struct sink to = sink_buf(out);
    struct error why;
    enum pb_err err = pkl_repr(d->v[side], n, &opts, &to, &why);

    *whole = err == PB_OK;
    if (err != PB_OK && err != PB_ELIMIT && d->e != NULL)
        *d->e = why;
    return err == PB_ELIMIT ? PB_OK : err;
}

/* Arrays, whose items stand in bytes or in a list. */
static enum pb_err look_array(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                              enum diff_verdict *verdict)
{
    struct buf x, y;
    bool whole = false;
    enum pb_err err;

    buf_init(&x, TEXT_MAX + 4096);
    buf_init(&y, TEXT_MAX + 4096);
    err = as_text(d, 0, a, &x, &whole);
    if (err == PB_OK && whole)
        err = as_text(d, 1, b, &y, &whole);
    *verdict = !whole ? DIFF_DOWN : same_data(&x, &y) ? DIFF_SAME : DIFF_OTHER;
    buf_release(&x);
    buf_release(&y);
    return err;
}

/* Up to the arguments. */
static bool same_maker(const struct buf *x, const struct buf *y)
{
    size_t n = strcspn(x->data, "(");

    return n > 0 && n == strcspn(y->data, "(") && memcmp(x->data, y->data, n) == 0;
}

/* Both have been read by their lenses. */
static enum pb_err look_lensed(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               enum diff_verdict *verdict)
{
    const struct lens *x = &d->lens[0], *y = &d->lens[1];
    bool same = false;
    enum pb_err err;

    if (x->row != NULL && y->row != NULL && strcmp(x->row->type, y->row->type) == 0) {
        if (x->row->flags & y->row->flags & LENS_IS_ARRAY)
            return diff_array_look(d, a, b, verdict);
        if (only_text(x) && only_text(y) &&
            (!same_data(&x->text, &y->text) || !(x->row->flags & LENS_SUMMARY))) {
            *verdict = same_data(&x->text, &y->text) ? DIFF_SAME : DIFF_OTHER;
            return PB_OK;
        }
        if (strcmp(x->row->type, "array.array") == 0)
            return look_array(d, a, b, verdict);
    }
    /* OSError(2, 'x') makes a FileNotFoundError: either may be written. */
    same = x->row != NULL && y->row != NULL && x->row->read == y->row->read &&
           same_maker(&x->text, &y->text);
    err = same ? PB_OK : same_class(d, a, b, &same);
    *verdict = same ? DIFF_DOWN : DIFF_OTHER;
    return err;
}

static enum pb_err whole_bytes(struct diff *d, unsigned side, const struct pkl_node *n,
                               const struct buf **out)
{
    enum pb_err err;

    if (n->kind == PKL_OBJECT) {
        *out = &d->lens[side].text;
        return PB_OK;
    }
    err = pkl_leaf_read(d->v[side], n, SIZE_MAX, &d->leaf[side], d->e);
    *out = &d->leaf[side].data;
    return err;
}

/* At least one is an object. */
static enum pb_err look_object(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               enum diff_verdict *verdict)
{
    enum pkl_kind kind[2] = {a->kind, b->kind};
    const struct buf *data[2];
    enum pb_err err = PB_OK;

    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        if (kind[i] != PKL_OBJECT)
            continue;
        err = read_lens(d, i, i == 0 ? a : b);
        if (err == PB_OK && d->lens[i].row != NULL)
            kind[i] = d->lens[i].kind;
    }
    *verdict = DIFF_OTHER;
    if (err != PB_OK || kind[0] != kind[1])
        return err;
    if (kind[0] == PKL_OBJECT)
        return look_lensed(d, a, b, verdict);
    if (kind[0] == PKL_SET || kind[0] == PKL_FROZENSET) {
        *verdict = DIFF_DOWN;
        return PB_OK;
    }
    err = whole_bytes(d, 0, a, &data[0]);
    if (err == PB_OK)
        err = whole_bytes(d, 1, b, &data[1]);
    if (err == PB_OK)
        *verdict = same_data(data[0], data[1]) ? DIFF_SAME : DIFF_OTHER;
    return err;
}

static enum pb_err look_number(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                               bool *same)
{
    enum pb_err err = pkl_leaf_read(d->v[0], a, SIZE_MAX, &d->leaf[0], d->e);

    if (err == PB_OK)
        err = pkl_leaf_read(d->v[1], b, SIZE_MAX, &d->leaf[1], d->e);
    if (err == PB_OK)
        *same = d->leaf[0].integer == d->leaf[1].integer;
    return err;
}

enum pb_err diff_look(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                      enum diff_verdict *verdict)
{
    bool same = false;
    enum pb_err err = PB_OK;

    if (a->kind == PKL_OBJECT || b->kind == PKL_OBJECT)
        return look_object(d, a, b, verdict);
    *verdict = DIFF_OTHER;
    if (is_scalar(a->kind) && is_scalar(b->kind)) {
        /* An INT line may be a bool, whatever its kind is said to be. */
        err = look_scalar(d, a, b, &same);
    } else if (a->kind != b->kind) {
        return PB_OK;
    } else if (a->kind == PKL_GLOBAL) {
        err = look_global(d, a, b, &same);
    } else if (a->kind == PKL_EXTENSION || a->kind == PKL_BUFFER) {
        err = look_number(d, a, b, &same);
    } else if (a->kind == PKL_PERSID) {
        struct pkl_child pid;
        struct error why;
        bool x = d->v[0]->part(d->v[0], a->target, PKL_PID, &pid, &why) == PB_OK;
        bool y = d->v[1]->part(d->v[1], b->target, PKL_PID, &pid, &why) == PB_OK;

        if (x && y)
            *verdict = DIFF_DOWN;
        if (x || y)
            return PB_OK;
        err = look_scalar(d, a, b, &same);
    } else {
        *verdict = DIFF_DOWN;
        return PB_OK;
    }
    if (err == PB_OK)
        *verdict = same ? DIFF_SAME : DIFF_OTHER;
    return err;
}

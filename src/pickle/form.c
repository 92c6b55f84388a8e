#include "form.h"

#include <string.h>

#include <pklbrowse/text.h>

/* The arguments of a call, when they are few. */
struct call {
    uint64_t count;
    struct pkl_node arg[3];
};

static enum pb_err read_form(struct pkl_view *v, const struct pkl_node *node, size_t max,
                             bool bytes_only, struct form *out, struct error *e);

static enum pb_err no_form(struct form *out)
{
    out->kind = PKL_OBJECT;
    return PB_OK;
}

/* Latin-1 text as the bytes it stands for; false: a character above U+00FF. */
static bool latin1(const char *s, size_t n, struct buf *out)
{
    for (size_t at = 0; at < n;) {
        uint32_t cp;
        size_t used = utf8_decode(s + at, n - at, &cp, true);

        if (used == 0 || cp > 0xff)
            return false;
        buf_putc(out, (char)cp);
        at += used;
    }
    return true;
}

static bool is_latin1_name(const struct pkl_leaf *l)
{
    static const char *const names[] = {"latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1", "l1"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (l->data.len == strlen(names[i]) && memcmp(l->data.data, names[i], l->data.len) == 0)
            return true;
    }
    return false;
}

/* Text and the name of its encoding, Latin-1. */
static enum pb_err encoded(struct pkl_view *v, const struct call *c, size_t max, struct form *out,
                           struct error *e)
{
    struct pkl_leaf text, coding;
    enum pb_err err;

    pkl_leaf_init(&text);
    pkl_leaf_init(&coding);
    err = pkl_leaf_read(v, &c->arg[0], max < SIZE_MAX / 2 ? max * 2 : max, &text, e);
    if (err == PB_OK)
        err = pkl_leaf_read(v, &c->arg[1], 64, &coding, e);
    if (err == PB_OK && (!is_latin1_name(&coding) ||
                         !latin1(text.data.data, text.data.len, &out->data)))
        err = no_form(out);
    out->partial = text.partial;
    pkl_leaf_release(&text);
    pkl_leaf_release(&coding);
    return err == PB_OK ? buf_status(&out->data, e) : err;
}

static bool are_texts(const struct call *c)
{
    return c->count == 2 && c->arg[0].kind == PKL_STR &&
           (c->arg[1].kind == PKL_STR || c->arg[1].kind == PKL_PY2STR);
}

static enum pb_err form_encode(struct pkl_view *v, const struct call *c, size_t max,
                               struct form *out, struct error *e)
{
    return are_texts(c) ? encoded(v, c, max, out, e) : no_form(out);
}

static enum pb_err form_bytes(struct pkl_view *v, const struct call *c, size_t max,
                              struct form *out, struct error *e)
{
    (void)v;
    (void)max;
    (void)e;
    return c->count == 0 ? PB_OK : no_form(out);
}

/* bytearray(), bytearray(bytes), bytearray(text, 'latin-1') */
static enum pb_err form_bytearray(struct pkl_view *v, const struct call *c, size_t max,
                                  struct form *out, struct error *e)
{
    struct pkl_leaf leaf;
    struct form inner;
    enum pb_err err = PB_OK;

    if (c->count == 0)
        return PB_OK;
    if (are_texts(c))
        return encoded(v, c, max, out, e);
    if (c->count == 1 && c->arg[0].kind == PKL_OBJECT) {
        form_init(&inner);
        err = read_form(v, &c->arg[0], max, true, &inner, e);
        if (err == PB_OK && inner.kind == PKL_BYTES)
            buf_append(&out->data, inner.data.data, inner.data.len);
        else
            out->kind = PKL_OBJECT;
        out->partial = inner.partial;
        form_release(&inner);
        return err == PB_OK ? buf_status(&out->data, e) : err;
    }
    if (c->count != 1 || c->arg[0].kind != PKL_BYTES)
        return no_form(out);
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, &c->arg[0], max, &leaf, e);
    if (err == PB_OK)
        buf_append(&out->data, leaf.data.data, leaf.data.len);
    out->partial = leaf.partial;
    pkl_leaf_release(&leaf);
    return err == PB_OK ? buf_status(&out->data, e) : err;
}

static enum pb_err form_set(struct pkl_view *v, const struct call *c, size_t max, struct form *out,
                            struct error *e)
{
    (void)v;
    (void)max;
    (void)e;
    if (c->count == 0)
        return PB_OK;
    if (c->count != 1 || (c->arg[0].kind != PKL_LIST && c->arg[0].kind != PKL_TUPLE))
        return no_form(out);
    out->items = c->arg[0];
    return PB_OK;
}

static const struct row {
    const char *module, *name;
    enum pkl_kind kind;
    enum pb_err (*read)(struct pkl_view *v, const struct call *c, size_t max, struct form *out,
                        struct error *e);
} rows[] = {
    {"_codecs", "encode", PKL_BYTES, form_encode},
    {"builtins", "bytes", PKL_BYTES, form_bytes},
    {"builtins", "bytearray", PKL_BYTEARRAY, form_bytearray},
    {"builtins", "set", PKL_SET, form_set},
    {"builtins", "frozenset", PKL_FROZENSET, form_set},
};

void form_init(struct form *f)
{
    *f = (struct form){.kind = PKL_OBJECT};
    buf_init(&f->data, (size_t)1 << 30);
}

void form_release(struct form *f)
{
    buf_release(&f->data);
}

/* The class by name, only when nothing but a call with positional arguments made the object. */
static enum pb_err row_of(struct pkl_view *v, const struct pkl_node *node, const struct row **out,
                          struct error *e)
{
    static const enum pkl_part none[] = {PKL_KWARGS, PKL_STATE, PKL_ITEMS, PKL_ENTRIES};
    struct pkl_child part;
    struct pkl_name name;
    struct error ignored;
    enum pb_err err = v->part(v, node->target, PKL_CLASS, &part, e);

    *out = NULL;
    if (err != PB_OK || part.value.kind != PKL_GLOBAL)
        return err == PB_ENOTFOUND ? PB_OK : err;
    err = pkl_name_read(v, &part.value, &name, e);
    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *module = strcmp(name.module, "__builtin__") == 0 ? "builtins" : name.module;

        if (strcmp(rows[i].module, module) == 0 && strcmp(rows[i].name, name.name) == 0)
            *out = &rows[i];
    }
    pkl_name_release(&name);
    for (size_t i = 0; i < sizeof none / sizeof none[0] && *out != NULL && err == PB_OK; i++) {
        err = v->part(v, node->target, none[i], &part, &ignored);
        if (err == PB_OK)
            *out = NULL;
        else
            err = PB_OK;
    }
    return err;
}

static enum pb_err read_call(struct pkl_view *v, const struct pkl_node *node, struct call *c,
                             struct error *e)
{
    struct pkl_child args, arg[3];
    size_t got;
    enum pb_err err = v->part(v, node->target, PKL_ARGS, &args, e);

    c->count = 0;
    if (err != PB_OK)
        return err == PB_ENOTFOUND ? PB_OK : err;
    if (args.value.kind != PKL_TUPLE) {
        c->count = UINT64_MAX;
        return PB_OK;
    }
    err = v->children(v, args.value.target, 0, 3, arg, &got, e);
    c->count = args.value.count;
    for (size_t i = 0; i < got && err == PB_OK; i++)
        c->arg[i] = arg[i].value;
    return err;
}

static enum pb_err read_form(struct pkl_view *v, const struct pkl_node *node, size_t max,
                             bool bytes_only, struct form *out, struct error *e)
{
    const struct row *row = NULL;
    struct call c;
    enum pb_err err;

    out->kind = PKL_OBJECT;
    out->items.id = 0;
    out->partial = false;
    buf_clear(&out->data);
    if (node->kind != PKL_OBJECT)
        return PB_OK;
    err = row_of(v, node, &row, e);
    if (err != PB_OK || row == NULL || (bytes_only && row->kind != PKL_BYTES))
        return err;
    err = read_call(v, node, &c, e);
    if (err != PB_OK)
        return err;
    out->kind = row->kind;
    return row->read(v, &c, max, out, e);
}

enum pb_err form_read(struct pkl_view *v, const struct pkl_node *node, size_t max, struct form *out,
                      struct error *e)
{
    return read_form(v, node, max, false, out, e);
}

/* One line about a value, for a row of the tree. */
#include <string.h>

#include <pklbrowse/text.h>

#include "form.h"
#include "repr_text.h"

#define KIDS_AT_ONCE 8

struct preview {
    struct pkl_view *v;
    struct buf text;
    size_t max;
    struct pkl_leaf leaf;
    struct form form;
};

static bool full(const struct preview *p)
{
    return p->text.len >= p->max;
}

static size_t room(const struct preview *p)
{
    return full(p) ? 0 : p->max - p->text.len;
}

static enum pb_err put_leaf(struct preview *p, const struct pkl_node *node, struct error *e)
{
    /* An int is read whole or not at all: a part of its bytes is another number. */
    size_t max = node->kind == PKL_INT ? 4096 : room(p) + 8;
    enum pb_err err = pkl_leaf_read(p->v, node, max, &p->leaf, e);

    if (err != PB_OK)
        return err;
    if (node->kind == PKL_INT && p->leaf.partial) {
        buf_printf(&p->text, "int of %llu bytes", (unsigned long long)p->leaf.total);
        return PB_OK;
    }
    err = repr_leaf(&p->text, &p->leaf, false, e);
    if (err == PB_OK && p->leaf.partial && !full(p))
        buf_puts(&p->text, "…");
    return err;
}

static enum pb_err put_class(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct pkl_child part;
    struct error why;
    enum pb_err err = p->v->part(p->v, node->target, PKL_CLASS, &part, &why);

    if (err == PB_OK && part.value.kind == PKL_GLOBAL)
        return repr_name(p->v, &part.value, &p->text, e);
    buf_puts(&p->text, "object");
    return PB_OK;
}

/* A value that is neither container nor object, or only what kind of one it is. */
static enum pb_err put_short(struct preview *p, const struct pkl_node *node, struct error *e)
{
    bool some = node->count > 0;
    enum pb_err err;

    switch (node->kind) {
    case PKL_LIST:
        buf_puts(&p->text, some ? "[…]" : "[]");
        return PB_OK;
    case PKL_TUPLE:
        buf_puts(&p->text, some ? "(…)" : "()");
        return PB_OK;
    case PKL_DICT:
        buf_puts(&p->text, some ? "{…}" : "{}");
        return PB_OK;
    case PKL_SET:
        buf_puts(&p->text, some ? "{…}" : "set()");
        return PB_OK;
    case PKL_FROZENSET:
        buf_puts(&p->text, some ? "frozenset({…})" : "frozenset()");
        return PB_OK;
    case PKL_BROKEN:
        buf_puts(&p->text, "broken");
        return PB_OK;
    case PKL_GLOBAL:
        return repr_name(p->v, node, &p->text, e);
    case PKL_OBJECT:
        err = put_class(p, node, e);
        buf_puts(&p->text, some ? "(…)" : "()");
        return err;
    case PKL_PERSID:
        if (node->opcode == 'P')
            return put_leaf(p, node, e);
        buf_puts(&p->text, "persistent …");
        return PB_OK;
    default:
        return put_leaf(p, node, e);
    }
}

static const char *part_name(enum pkl_part part)
{
    switch (part) {
    case PKL_ARGS: return "args=";
    case PKL_KWARGS: return "kwargs=";
    default: return "state=";
    }
}

static enum pb_err put_child(struct preview *p, const struct pkl_child *c, struct error *e)
{
    enum pb_err err = PB_OK;

    switch (c->step) {
    case PKL_STEP_KEY:
        err = put_short(p, &c->key, e);
        buf_puts(&p->text, ": ");
        break;
    case PKL_STEP_ATTR:
        err = pkl_leaf_read(p->v, &c->key, 256, &p->leaf, e);
        if (err == PB_OK)
            buf_append(&p->text, p->leaf.data.data, p->leaf.data.len);
        buf_putc(&p->text, '=');
        break;
    case PKL_STEP_PART:
        buf_puts(&p->text, part_name(c->part));
        break;
    default:
        break;
    }
    return err == PB_OK ? put_short(p, &c->value, e) : err;
}

static enum pb_err put_children(struct preview *p, const char *open, pkl_id id, uint64_t count,
                                const char *close, struct error *e)
{
    struct pkl_child kids[KIDS_AT_ONCE];
    enum pb_err err = PB_OK;
    uint64_t at = 0;

    buf_puts(&p->text, open);
    while (at < count && !full(p) && err == PB_OK) {
        size_t got;

        err = p->v->children(p->v, id, at, KIDS_AT_ONCE, kids, &got, e);
        if (err != PB_OK || got == 0)
            break;
        for (size_t i = 0; i < got && !full(p) && err == PB_OK; i++, at++) {
            if (at > 0)
                buf_puts(&p->text, ", ");
            err = put_child(p, &kids[i], e);
        }
    }
    buf_puts(&p->text, at < count ? "…" : close);
    return err;
}

static enum pb_err put_object(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct form *f = &p->form;
    enum pb_err err = form_read(p->v, node, room(p) + 8, f, e);

    if (err != PB_OK)
        return err;
    switch (f->kind) {
    case PKL_BYTES: case PKL_BYTEARRAY:
        p->leaf.kind = f->kind;
        buf_clear(&p->leaf.data);
        buf_append(&p->leaf.data, f->data.data, f->data.len);
        return repr_leaf(&p->text, &p->leaf, false, e);
    case PKL_SET:
        if (f->items.count == 0)
            buf_puts(&p->text, "set()");
        return f->items.count == 0 ? PB_OK
                                   : put_children(p, "{", f->items.target, f->items.count, "}", e);
    case PKL_FROZENSET:
        return put_children(p, "frozenset({", f->items.target, f->items.count, "})", e);
    default:
        err = put_class(p, node, e);
        return err == PB_OK ? put_children(p, "(", node->target, node->count, ")", e) : err;
    }
}

static enum pb_err put_value(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct pkl_child part;
    enum pb_err err;

    if (node->kind == PKL_OBJECT)
        return put_object(p, node, e);
    if (node->kind == PKL_PERSID && p->v->part(p->v, node->target, PKL_PID, &part, NULL) == PB_OK) {
        buf_puts(&p->text, "persistent ");
        if (part.value.kind != PKL_TUPLE)
            return put_short(p, &part.value, e);
        return put_children(p, "(", part.value.target, part.value.count, ")", e);
    }
    if (node->count == 0 || (node->kind >= PKL_STR && node->kind <= PKL_PY2STR))
        return put_short(p, node, e);
    switch (node->kind) {
    case PKL_LIST:
        return put_children(p, "[", node->target, node->count, "]", e);
    case PKL_TUPLE:
        return put_children(p, "(", node->target, node->count, node->count == 1 ? ",)" : ")", e);
    case PKL_DICT: case PKL_SET:
        return put_children(p, "{", node->target, node->count, "}", e);
    case PKL_FROZENSET:
        return put_children(p, "frozenset({", node->target, node->count, "})", e);
    case PKL_BROKEN:
        return put_children(p, "broken: ", node->target, node->count, "", e);
    default:
        err = put_short(p, node, e);
        return err == PB_OK ? put_children(p, " (", node->target, node->count, ")", e) : err;
    }
}

/* Cuts the text at a character, about where it is full. */
static void cut(struct preview *p)
{
    size_t at = p->max;

    if (p->text.len <= p->max)
        return;
    while (at > 0 && ((unsigned char)p->text.data[at] & 0xc0) == 0x80)
        at--;
    buf_truncate(&p->text, at);
    if (at < 3 || memcmp(p->text.data + at - 3, "…", 3) != 0)
        buf_puts(&p->text, "…");
}

enum pb_err pkl_preview(struct pkl_view *v, const struct pkl_node *node, size_t max, struct buf *out,
                        struct error *e)
{
    struct preview p = {.v = v, .max = max};
    enum pb_err err;

    buf_init(&p.text, SIZE_MAX / 2);
    pkl_leaf_init(&p.leaf);
    form_init(&p.form);
    err = put_value(&p, node, e);
    if (err == PB_OK)
        err = buf_status(&p.text, e);
    if (err == PB_OK) {
        cut(&p);
        text_escape(out, p.text.data, p.text.len);
        err = buf_status(out, e);
    }
    buf_release(&p.text);
    pkl_leaf_release(&p.leaf);
    form_release(&p.form);
    return err;
}

static const char *const type_names[] = {
    [PKL_NONE] = "NoneType", [PKL_BOOL] = "bool", [PKL_INT] = "int", [PKL_FLOAT] = "float",
    [PKL_STR] = "str", [PKL_BYTES] = "bytes", [PKL_BYTEARRAY] = "bytearray",
    [PKL_PY2STR] = "py2 str", [PKL_LIST] = "list", [PKL_TUPLE] = "tuple", [PKL_DICT] = "dict",
    [PKL_SET] = "set", [PKL_FROZENSET] = "frozenset", [PKL_GLOBAL] = "global",
    [PKL_OBJECT] = "object", [PKL_PERSID] = "persistent", [PKL_EXTENSION] = "extension",
    [PKL_BUFFER] = "buffer", [PKL_BROKEN] = "broken",
};

enum pb_err pkl_type_name(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                          struct error *e)
{
    struct preview p = {.v = v};
    enum pb_err err;

    if (node->kind != PKL_OBJECT) {
        buf_puts(out, type_names[node->kind]);
        return buf_status(out, e);
    }
    form_init(&p.form);
    err = form_read(v, node, 0, &p.form, e);
    if (err == PB_OK && p.form.kind != PKL_OBJECT) {
        buf_puts(out, type_names[p.form.kind]);
    } else if (err == PB_OK) {
        buf_init(&p.text, SIZE_MAX / 2);
        err = put_class(&p, node, e);
        buf_append(out, p.text.data, p.text.len);
        buf_release(&p.text);
    }
    form_release(&p.form);
    return err == PB_OK ? buf_status(out, e) : err;
}

/* One line about a value, for a row of the tree. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_int.h>
#include <pklbrowse/text.h>

#include "equal.h"
#include "lens/lens.h"
#include "rebuilt.h"
#include "repr_text.h"

#define KIDS_AT_ONCE 8

struct preview {
    struct pkl_view *v;
    struct buf text;
    size_t max;
    struct pkl_leaf leaf;
    struct lens_reader reader;
    struct lens lens;
};

static bool full(const struct preview *p)
{
    return p->text.len >= p->max;
}

static size_t room(const struct preview *p)
{
    return full(p) ? 0 : p->max - p->text.len;
}

/* The first digits of an int that is long. */
static enum pb_err put_long_int(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct source *hex;
    const uint8_t *text;
    size_t want = room(p), n;
    enum pb_err err = pkl_int_hex(p->v, node, &hex, e);

    if (err == PB_OK)
        err = source_view(hex, 0, want, &text, &n, e);
    if (err == PB_OK) {
        buf_append(&p->text, text, n < want ? n : want);
        buf_puts(&p->text, "…");
    }
    source_free(hex);
    return err;
}

static enum pb_err put_leaf(struct preview *p, const struct pkl_node *node, struct error *e)
{
    /* An int is read whole or not at all: a part of its bytes is another number. */
    size_t max = node->kind == PKL_INT ? (PKL_INT_LONG_BITS + 7) / 8 : room(p) + 8;
    enum pb_err err = pkl_leaf_read(p->v, node, max, &p->leaf, e);

    if (err != PB_OK)
        return err;
    if (node->kind == PKL_INT && p->leaf.partial) {
        struct error why;
        size_t before = p->text.len;

        if (put_long_int(p, node, &why) == PB_OK)
            return PB_OK;
        buf_truncate(&p->text, before);
        buf_printf(&p->text, "int of %llu bytes", (unsigned long long)p->leaf.total);
        return PB_OK;
    }
    err = repr_leaf(&p->text, &p->leaf, false, (enum pkl_py2_str)p->v->py2_str, e);
    if (err == PB_OK && p->leaf.partial && !full(p))
        buf_puts(&p->text, "…");
    return err;
}

/* What it is an instance of, also where protocols 0 and 1 call copyreg._reconstructor() for one. */
static enum pb_err put_class(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct pkl_child part, arg[REBUILT_ARGS];
    struct error why;
    bool rebuilt;
    enum pb_err err = rebuilt_read(p->v, node->target, &rebuilt, arg, e);

    if (err != PB_OK || rebuilt)
        return err == PB_OK ? repr_name(p->v, &arg[0].value, &p->text, e) : err;
    err = p->v->part(p->v, node->target, PKL_CLASS, &part, &why);
    if (err == PB_OK && part.value.kind == PKL_GLOBAL)
        return repr_name(p->v, &part.value, &p->text, e);
    buf_puts(&p->text, "object");
    return PB_OK;
}

static enum pb_err put_object(struct preview *p, const struct pkl_node *node, bool brief,
                              struct error *e);
static enum pb_err put_global(struct preview *p, const struct pkl_node *node, struct error *e);

/* A value that is neither container nor object, or only what kind of one it is. */
static enum pb_err put_short(struct preview *p, const struct pkl_node *node, struct error *e)
{
    bool some = node->count > 0;

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
        return put_global(p, node, e);
    case PKL_OBJECT:
        return put_object(p, node, true, e);
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
    case PKL_ARGS:
        return "args=";
    case PKL_KWARGS:
        return "kwargs=";
    default:
        return "state=";
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

/* A child in the sequence of a lens. */
static enum pb_err put_member(struct preview *p, enum lens_seq seq, const struct pkl_child *c,
                              struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    if (seq == LENS_ALIAS)
        err = lens_alias_text(&p->reader, &c->value, &p->text, &done, e);
    if (err != PB_OK || done)
        return err;
    if (seq == LENS_ATTRS) {
        err = pkl_leaf_read(p->v, &c->key, 256, &p->leaf, e);
        if (err == PB_OK)
            buf_append(&p->text, p->leaf.data.data, p->leaf.data.len);
        buf_putc(&p->text, '=');
    } else if (seq == LENS_DICT || seq == LENS_PAIRS) {
        buf_puts(&p->text, seq == LENS_PAIRS ? "(" : "");
        err = put_short(p, &c->key, e);
        buf_puts(&p->text, seq == LENS_PAIRS ? ", " : ": ");
    }
    if (err == PB_OK)
        err = put_short(p, &c->value, e);
    buf_puts(&p->text, seq == LENS_PAIRS ? ")" : "");
    return err;
}

static enum pb_err put_seq(struct preview *p, const struct lens_piece *piece, struct error *e)
{
    static const char *const open[] = {[LENS_LIST] = "[", [LENS_DICT] = "{", [LENS_PAIRS] = "["};
    static const char *const close[] = {[LENS_LIST] = "]", [LENS_DICT] = "}", [LENS_PAIRS] = "]"};
    bool brackets = piece->seq <= LENS_PAIRS;
    uint64_t *order = NULL, count = piece->count;
    struct pkl_child kid;
    uint64_t at = piece->first;
    enum pb_err err = PB_OK;

    if (piece->most_common)
        err = lens_most_common(p->v, piece->list, count, NULL, &order, &count, e);
    buf_puts(&p->text, brackets ? open[piece->seq] : "");
    for (; at < count && !full(p) && err == PB_OK; at++) {
        size_t got;

        err = p->v->children(p->v, piece->list, order != NULL ? order[at] : at, 1, &kid, &got, e);
        if (err != PB_OK || got == 0)
            break;
        if (at > piece->first)
            buf_puts(&p->text, ", ");
        err = put_member(p, piece->seq, &kid, e);
    }
    buf_puts(&p->text, at < count ? "…" : brackets ? close[piece->seq] : "");
    free(order);
    return err;
}

/* Pieces of the script that was just read, until the line is full. */
static enum pb_err put_script(struct preview *p, size_t first, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = first; i < p->lens.pieces.len && !full(p) && err == PB_OK; i++) {
        struct lens_piece piece = p->lens.pieces.data[i];
        uint64_t n = piece.count < p->max ? piece.count : p->max;

        switch (piece.kind) {
        case LENS_TEXT:
            buf_append(&p->text, p->lens.text.data + piece.text, piece.len);
            break;
        case LENS_VALUE:
            err = put_short(p, &piece.node, e);
            break;
        case LENS_SEQ:
            err = put_seq(p, &piece, e);
            break;
        case LENS_ARRAY:
            err = lens_array_items(p->v, &piece, 0, n, &p->text, e);
            buf_puts(&p->text, n < piece.count ? "…" : "");
            break;
        }
    }
    return err;
}

/* Bytes in the form of an old protocol. */
static enum pb_err put_bytes(struct preview *p, struct error *e)
{
    struct lens *l = &p->lens;

    p->leaf.kind = l->kind;
    buf_clear(&p->leaf.data);
    buf_append(&p->leaf.data, l->text.data + l->start, l->text.len - l->start);
    return repr_leaf(&p->text, &p->leaf, false, PKL_PY2_ASCII, e);
}

static enum pb_err put_raw(struct preview *p, const struct pkl_node *node, bool brief,
                           struct error *e)
{
    enum pb_err err = put_class(p, node, e);

    if (err != PB_OK)
        return err;
    if (!brief)
        return put_children(p, "(", node->target, node->count, ")", e);
    buf_puts(&p->text, node->count > 0 ? "(…)" : "()");
    return PB_OK;
}

static enum pb_err put_lensed(struct preview *p, bool brief, struct error *e)
{
    struct lens *l = &p->lens;
    const char *dot = strrchr(l->type, '.');

    switch (l->kind) {
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        return put_bytes(p, e);
    case PKL_SET:
        if (l->items.count == 0 || brief) {
            buf_puts(&p->text, l->items.count > 0 ? "{…}" : "set()");
            return PB_OK;
        }
        return put_children(p, "{", l->items.target, l->items.count, "}", e);
    case PKL_FROZENSET:
        if (l->items.count == 0 || brief) {
            buf_puts(&p->text, l->items.count > 0 ? "frozenset({…})" : "frozenset()");
            return PB_OK;
        }
        return put_children(p, "frozenset({", l->items.target, l->items.count, "})", e);
    default:
        if (!brief || (!l->nested && l->pieces.len - l->first == 1))
            return put_script(p, l->first, e);
        buf_printf(&p->text, "%s(…)", dot != NULL ? dot + 1 : l->type);
        return PB_OK;
    }
}

static enum pb_err put_object(struct preview *p, const struct pkl_node *node, bool brief,
                              struct error *e)
{
    struct lens *l = &p->lens;
    size_t pieces = l->pieces.len, text = l->text.len;
    enum pb_err err = lens_read(&p->reader, node, room(p) + 8, l, e);

    if (err == PB_OK)
        err = l->row == NULL ? put_raw(p, node, brief, e) : put_lensed(p, brief, e);
    lens_drop(l, pieces, text);
    return err;
}

static enum pb_err put_global(struct preview *p, const struct pkl_node *node, struct error *e)
{
    const char *text;
    enum pb_err err = lens_global(&p->reader, node, &text, e);

    if (err != PB_OK || text == NULL)
        return err != PB_OK ? err : repr_name(p->v, node, &p->text, e);
    buf_puts(&p->text, text);
    return PB_OK;
}

static enum pb_err put_value(struct preview *p, const struct pkl_node *node, struct error *e)
{
    struct pkl_child part;
    enum pb_err err;

    if (node->kind == PKL_OBJECT)
        return put_object(p, node, false, e);
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
    case PKL_DICT:
    case PKL_SET:
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

static void preview_init(struct preview *p, struct lens_view *lenses, struct pkl_view *v,
                         size_t max)
{
    lens_view_over(lenses, v);
    *p = (struct preview){.v = &lenses->view, .max = max};
    buf_init(&p->text, SIZE_MAX / 2);
    pkl_leaf_init(&p->leaf);
    lens_reader_init(&p->reader, p->v);
    lens_init(&p->lens);
}

static void preview_release(struct preview *p)
{
    buf_release(&p->text);
    pkl_leaf_release(&p->leaf);
    lens_reader_release(&p->reader);
    lens_release(&p->lens);
}

enum pb_err pkl_preview(struct pkl_view *v, const struct pkl_node *node, size_t max,
                        struct buf *out, struct error *e)
{
    struct lens_view lenses;
    struct preview p;
    enum pb_err err;

    preview_init(&p, &lenses, v, max);
    err = put_value(&p, node, e);
    if (err == PB_OK)
        err = buf_status(&p.text, e);
    if (err == PB_OK) {
        cut(&p);
        text_escape(out, p.text.data, p.text.len);
        err = buf_status(out, e);
    }
    preview_release(&p);
    return err;
}

static const char *const type_names[] = {
    [PKL_NONE] = "NoneType",
    [PKL_BOOL] = "bool",
    [PKL_INT] = "int",
    [PKL_FLOAT] = "float",
    [PKL_STR] = "str",
    [PKL_BYTES] = "bytes",
    [PKL_BYTEARRAY] = "bytearray",
    [PKL_PY2STR] = "py2 str",
    [PKL_LIST] = "list",
    [PKL_TUPLE] = "tuple",
    [PKL_DICT] = "dict",
    [PKL_SET] = "set",
    [PKL_FROZENSET] = "frozenset",
    [PKL_GLOBAL] = "global",
    [PKL_OBJECT] = "object",
    [PKL_PERSID] = "persistent",
    [PKL_EXTENSION] = "extension",
    [PKL_BUFFER] = "buffer",
    [PKL_BROKEN] = "broken",
};

/* The short name of a lensed type, or the class of another object. */
static enum pb_err object_type(struct preview *p, const struct pkl_node *node, struct error *e)
{
    const char *dot;
    enum pb_err err = lens_read(&p->reader, node, 64, &p->lens, e);

    if (err != PB_OK)
        return err;
    if (p->lens.row == NULL)
        return put_class(p, node, e);
    dot = strrchr(p->lens.type, '.');
    buf_puts(&p->text, dot != NULL ? dot + 1 : p->lens.type);
    return PB_OK;
}

static enum pb_err global_type(struct preview *p, const struct pkl_node *node, struct error *e)
{
    const char *text;
    enum pb_err err = lens_global(&p->reader, node, &text, e);

    if (err == PB_OK)
        buf_puts(&p->text, text == NULL                                   ? "global"
                           : strncmp(text, "<class ", 7) == 0             ? "class"
                           : strncmp(text, "<built-in function", 18) == 0 ? "function"
                           : strcmp(text, "Ellipsis") == 0                ? "ellipsis"
                                                                          : "global");
    return err;
}

enum pb_err pkl_type_name(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                          struct error *e)
{
    struct lens_view lenses;
    struct preview p;
    enum pb_err err;

    if (node->kind != PKL_OBJECT && node->kind != PKL_GLOBAL) {
        buf_puts(out, type_names[node->kind]);
        return buf_status(out, e);
    }
    preview_init(&p, &lenses, v, 0);
    err = node->kind == PKL_OBJECT ? object_type(&p, node, e) : global_type(&p, node, e);
    if (err == PB_OK)
        buf_append(out, p.text.data, p.text.len);
    preview_release(&p);
    return err == PB_OK ? buf_status(out, e) : err;
}

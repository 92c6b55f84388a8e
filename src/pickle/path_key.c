/*
 * Keys of dicts as literals, and compared with one.
 *
 * Keys are None, numbers, strings, bytes, and tuples and frozensets of them; anything else has no
 * literal.  A Python 2 str is a str when it is ASCII, and bytes otherwise.  In old protocols bytes
 * and frozensets are written as calls.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>

#include "form.h"
#include "lens/lens.h"
#include "opcode_bytes.h"
#include "path_private.h"

#define KEY_NODES_MAX 10000 /* of a tuple shared in itself over and over */
#define KEY_BYTES_MAX (64u << 20)

static bool is_ascii(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] >= 0x80)
            return false;
    }
    return true;
}

static enum pb_err copy_data(struct arena *mem, struct literal *l, const void *p, size_t n,
                             struct error *e)
{
    l->data = arena_strndup(mem, p, n);
    l->len = n;
    return l->data != NULL ? PB_OK : error_nomem(e);
}

static enum pb_err from_int(struct arena *mem, const struct pkl_leaf *leaf, struct literal *l,
                            struct error *e)
{
    uint8_t le[8];

    if (!leaf->fits)
        return copy_data(mem, l, leaf->data.data, leaf->data.len, e);
    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)((uint64_t)leaf->integer >> (8 * i) & 0xff);
    return copy_data(mem, l, le, sizeof le, e);
}

/* *out stays NULL for a kind without literal. */
static enum pb_err leaf_literal(struct pkl_view *v, const struct pkl_node *node, struct arena *mem,
                                struct literal **out, struct error *e)
{
    struct literal *l = arena_alloc(mem, sizeof *l);
    struct pkl_leaf leaf;
    enum pb_err err;

    if (l == NULL)
        return error_nomem(e);
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, node, KEY_BYTES_MAX, &leaf, e);
    if (err != PB_OK || leaf.partial)
        goto out;
    l->kind = node->kind;
    l->boolean = leaf.boolean;
    l->real = leaf.real;
    if (node->kind == PKL_INT)
        err = from_int(mem, &leaf, l, e);
    else if (node->kind >= PKL_STR)
        err = copy_data(mem, l, leaf.data.data, leaf.data.len, e);
    if (node->kind == PKL_PY2STR)
        l->kind = is_ascii(leaf.data.data, leaf.data.len) ? PKL_STR : PKL_BYTES;
    *out = l;
out:
    pkl_leaf_release(&leaf);
    return err;
}

struct level {
    pkl_id id;
    uint64_t next, count;
    struct literal *node, *last;
};

struct levels {
    struct level *data;
    size_t len, cap;
};

static bool is_scalar(enum pkl_kind kind)
{
    return kind <= PKL_BYTES || kind == PKL_PY2STR;
}

static enum pb_err down(struct pkl_view *v, struct levels *st, const struct pkl_node *node,
                        struct arena *mem, struct literal **out, struct error *e)
{
    struct level lv = {.id = node->target};
    enum pb_err err = v->count_children(v, node->target, &lv.count, e);

    if (err != PB_OK)
        return err;
    lv.node = *out = arena_alloc(mem, sizeof *lv.node);
    if (lv.node == NULL)
        return error_nomem(e);
    lv.node->kind = node->kind;
    lv.node->count = lv.count;
    return vec_push(st, lv) ? PB_OK : error_nomem(e);
}

/* bytes and frozensets of old protocols. */
static enum pb_err form_literal(struct pkl_view *v, struct levels *st, const struct pkl_node *node,
                                struct arena *mem, struct literal **out, struct error *e)
{
    struct form f;
    enum pb_err err;

    form_init(&f);
    err = form_read(v, node, KEY_BYTES_MAX, &f, e);
    if (err != PB_OK || (f.kind != PKL_BYTES && f.kind != PKL_FROZENSET) || f.partial)
        goto out;
    if (f.kind == PKL_FROZENSET && f.items.id != 0) {
        err = down(v, st, &f.items, mem, out, e);
    } else {
        *out = arena_alloc(mem, sizeof **out);
        err = *out != NULL ? copy_data(mem, *out, f.data.data, f.data.len, e) : error_nomem(e);
    }
    if (err == PB_OK)
        (*out)->kind = f.kind;
out:
    form_release(&f);
    return err;
}

/* What a lens shows of an object that holds no others: the text that can be typed for it. */
static enum pb_err lens_literal(struct pkl_view *v, const struct pkl_node *node, struct arena *mem,
                                struct literal **out, struct error *e)
{
    struct lens_reader r;
    struct error ignored;
    struct lens l;
    size_t at;
    enum pb_err err;

    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, node, KEY_BYTES_MAX, &l, e);
    if (err == PB_OK && l.row != NULL && l.kind == PKL_OBJECT && !l.nested && !l.partial) {
        err = literal_parse(mem, l.text.data, l.text.len, out, &at, &ignored);
        if (err == PB_ENOMEM)
            error_nomem(e);
        if (err == PB_EUSAGE) {
            *out = NULL;
            err = PB_OK;
        }
    }
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

static enum pb_err object_literal(struct pkl_view *v, struct levels *st,
                                  const struct pkl_node *node, struct arena *mem,
                                  struct literal **out, struct error *e)
{
    enum pb_err err = form_literal(v, st, node, mem, out, e);

    return err == PB_OK && *out == NULL ? lens_literal(v, node, mem, out, e) : err;
}

static enum pb_err any_literal(struct pkl_view *v, struct levels *st, const struct pkl_node *node,
                               struct arena *mem, struct literal **out, struct error *e)
{
    *out = NULL;
    if (is_scalar(node->kind))
        return leaf_literal(v, node, mem, out, e);
    if (node->kind == PKL_TUPLE || node->kind == PKL_FROZENSET)
        return down(v, st, node, mem, out, e);
    return node->kind == PKL_OBJECT ? object_literal(v, st, node, mem, out, e) : PB_OK;
}

enum pb_err path_key_literal(struct pkl_view *v, const struct pkl_node *node, struct arena *mem,
                             struct literal **out, struct error *e)
{
    struct levels st = {0};
    struct literal *item;
    struct pkl_child child;
    size_t got, nodes = 0;
    enum pb_err err = any_literal(v, &st, node, mem, out, e);

    while (err == PB_OK && st.len > 0) {
        struct level *lv = &st.data[st.len - 1];

        if (lv->next == lv->count) {
            st.len--;
            continue;
        }
        err = v->children(v, lv->id, lv->next, 1, &child, &got, e);
        if (err != PB_OK)
            break;
        lv->next++;
        err = got == 1 ? any_literal(v, &st, &child.value, mem, &item, e) : PB_OK;
        if (err != PB_OK)
            break;
        if (got != 1 || item == NULL || ++nodes > KEY_NODES_MAX) {
            *out = NULL;
            break;
        }
        /* any_literal may have moved the stack. */
        lv = &st.data[st.len - 1];
        if (item == lv->node)
            lv--;
        if (lv->last == NULL)
            lv->node->first = item;
        else
            lv->last->next = item;
        lv->last = item;
    }
    vec_release(&st);
    return err;
}

/* Spares decoding when the lengths already differ; only where the stored length is the text's. */
static bool length_differs(const struct pkl_node *node, const struct literal *want)
{
    bool sized = node->opcode == CODE_BINUNICODE || node->opcode == CODE_SHORT_BINUNICODE ||
                 node->opcode == CODE_BINUNICODE8;

    return !node->ref && sized && want->kind == PKL_STR && node->count != want->len;
}

static bool may_be_equal(const struct pkl_node *node, const struct literal *want)
{
    bool number = want->kind == PKL_BOOL || want->kind == PKL_INT || want->kind == PKL_FLOAT;

    switch (node->kind) {
    case PKL_BOOL:
    case PKL_INT:
    case PKL_FLOAT:
        return number;
    case PKL_PY2STR:
        return want->kind == PKL_STR || want->kind == PKL_BYTES;
    case PKL_OBJECT:
        return want->kind == PKL_BYTES || want->kind == PKL_FROZENSET || want->kind == PKL_OBJECT ||
               want->complex_number;
    default:
        return node->kind == want->kind && !length_differs(node, want);
    }
}

enum pb_err path_key_equals(struct pkl_view *v, const struct pkl_node *node,
                            const struct literal *want, bool *equal, struct error *e)
{
    struct literal *have;
    struct arena mem;
    enum pb_err err;

    *equal = false;
    if (!may_be_equal(node, want))
        return PB_OK;
    arena_init(&mem);
    err = path_key_literal(v, node, &mem, &have, e);
    if (err == PB_OK && have != NULL) {
        /* In Python 2 b'a' is 'a'. */
        if (node->kind == PKL_PY2STR && want->kind == PKL_BYTES)
            have->kind = PKL_BYTES;
        *equal = literal_equal(have, want);
    }
    arena_release(&mem);
    return err;
}

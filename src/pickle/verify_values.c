/*
 * The values, side by side: what the source with the edits says, and what the result says by
 * itself.
 *
 * Both sides are walked by the same steps, so two values correspond when they are met at the same
 * step. A shared value must correspond to one value only, both ways: then the sharing and the
 * recursion are the same.  A leaf is the bytes of its opcode, exactly.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_leaf.h>

#include "opcode_bytes.h"
#include "verify.h"

#define BATCH 128

static bool is_leaf(enum pkl_kind kind)
{
    return kind <= PKL_PY2STR;
}

static enum pb_err differ(struct verify *v, const struct pkl_node *b, const char *what)
{
    return verify_refuse(v, "%s at offset %llu of the result %s", what,
                         (unsigned long long)b->begin, "differs");
}

static struct source *source_of(struct pkl_view *v, pkl_id id)
{
    return pkl_doc_source(v->doc(v, PKL_ID_SOURCE(id)));
}

/* The same opcode with the same argument, byte by byte. */
static enum pb_err same_opcode(struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    struct source *x = source_of(pkl_edit_view(v->ed), a->id);
    uint64_t at = PKL_ID_OFFSET(a->id), bt = PKL_ID_OFFSET(b->id), h, p, header, payload;
    bool same = false;
    enum pb_err err = pkl_opcode_length(x, at, &h, &p, v->e);

    if (err == PB_OK)
        err = pkl_opcode_length(v->result, bt, &header, &payload, v->e);
    if (err == PB_OK && h == header && p == payload)
        err = verify_same_bytes(x, at, v->result, bt, h + p, &same, v->e);
    if (err != PB_OK)
        return err;
    return same ? PB_OK : differ(v, b, "a value");
}

static enum pb_err same_name(struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    struct pkl_name x = {0}, y = {0};
    bool same;
    enum pb_err err = pkl_name_read(pkl_edit_view(v->ed), a, &x, v->e);

    if (err != PB_OK)
        return err;
    err = pkl_name_read(pkl_doc_view(v->fresh), b, &y, v->e);
    if (err == PB_OK) {
        same = strcmp(x.module, y.module) == 0 && strcmp(x.name, y.name) == 0;
        if (!same)
            err = differ(v, b, "a name");
        pkl_name_release(&y);
    }
    pkl_name_release(&x);
    return err;
}

/* Whether the two correspond already; if neither was met before they do from now on. */
static enum pb_err correspond(struct verify *v, pkl_id a, pkl_id b, bool *met)
{
    uint64_t x = 0, y = 0;
    bool there = idmap_get(&v->there, a, &x), back = idmap_get(&v->back, b, &y);

    *met = there;
    if (there != back || (there && (x != b || y != a)))
        return verify_refuse(v, "what is shared at offset %llu of the result is not the same value",
                             (unsigned long long)PKL_ID_OFFSET(b));
    if (there)
        return PB_OK;
    return idmap_put(&v->there, a, b) && idmap_put(&v->back, b, a) ? PB_OK : error_nomem(v->e);
}

/* What a reference refers to. */
static enum pb_err target(struct pkl_view *v, const struct pkl_node *n, struct pkl_node *out,
                          struct error *e)
{
    *out = *n;
    return n->ref ? v->node(v, n->target, out, e) : PB_OK;
}

static enum pb_err compare(struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    struct pkl_view *left = pkl_edit_view(v->ed), *right = pkl_doc_view(v->fresh);
    struct verify_pair pair = {.a = a->target, .b = b->target, .kind = a->kind};
    struct pkl_node x, y;
    bool met = false;
    enum pb_err err = PB_OK;

    /* Which opcode refers to a value says nothing of it. */
    if (a->kind != b->kind || a->ref != b->ref || a->count != b->count ||
        (!a->ref && a->opcode != b->opcode))
        return differ(v, b, "the kind or length of a value");
    /* Leaves that no GET reads need no memory. */
    if (a->ref || !is_leaf(a->kind))
        err = correspond(v, a->target, b->target, &met);
    if (err != PB_OK || met)
        return err;
    err = target(left, a, &x, v->e);
    if (err == PB_OK)
        err = target(right, b, &y, v->e);
    if (err != PB_OK)
        return err;
    if (x.opcode != y.opcode || x.count != y.count)
        return differ(v, &y, "the opcode of a value");
    if (is_leaf(x.kind))
        return same_opcode(v, &x, &y);
    if (x.kind == PKL_GLOBAL)
        err = same_name(v, &x, &y);
    else if (x.kind == PKL_EXTENSION || x.kind == PKL_BUFFER || x.opcode == CODE_PERSID)
        err = same_opcode(v, &x, &y);
    pair.count = x.count;
    if (err != PB_OK)
        return err;
    return vec_push(&v->todo, pair) ? PB_OK : error_nomem(v->e);
}

static enum pb_err compare_child(struct verify *v, const struct pkl_child *a,
                                 const struct pkl_child *b)
{
    enum pb_err err = PB_OK;

    if (a->step != b->step || a->part != b->part || a->index != b->index ||
        (a->key.id == 0) != (b->key.id == 0))
        return differ(v, &b->value, "the place of a value");
    if (a->key.id != 0)
        err = compare(v, &a->key, &b->key);
    return err == PB_OK ? compare(v, &a->value, &b->value) : err;
}

static enum pb_err compare_part(struct verify *v, enum pkl_part part, enum pkl_kind *kind)
{
    struct pkl_view *left = pkl_edit_view(v->ed), *right = pkl_doc_view(v->fresh);
    struct pkl_child a, b;
    struct error why = {0};
    enum pb_err x = left->part(left, v->now.a, part, &a, &why);
    enum pb_err y = right->part(right, v->now.b, part, &b, &why);

    *kind = PKL_NONE;
    if ((x != PB_OK && x != PB_ENOTFOUND) || (y != PB_OK && y != PB_ENOTFOUND))
        return error_set(v->e, x != PB_OK && x != PB_ENOTFOUND ? x : y, "%s", why.msg);
    if (x != y)
        return verify_refuse(v, "an object has other parts");
    if (x != PB_OK)
        return PB_OK;
    *kind = a.value.kind;
    return compare(v, &a.value, &b.value);
}

/* What an object is made of and no child of it: the class, and the dicts whose pairs are its
 * attributes. */
static enum pb_err compare_parts(struct verify *v)
{
    enum pkl_kind kind;
    enum pb_err err;

    if (v->now.kind == PKL_PERSID)
        return compare_part(v, PKL_PID, &kind);
    err = v->now.kind == PKL_OBJECT ? compare_part(v, PKL_CLASS, &kind) : PB_OK;
    if (err == PB_OK)
        err = compare_part(v, PKL_STATE, &kind);
    if (err == PB_OK && kind == PKL_TUPLE)
        err = compare_part(v, PKL_SLOTS, &kind);
    return err;
}

static enum pb_err begin_container(struct verify *v)
{
    v->now = v->todo.data[--v->todo.len];
    v->child = v->now.from;
    return v->child == 0 && v->now.kind >= PKL_GLOBAL ? compare_parts(v) : PB_OK;
}

/* Its other children come after what is below these: so what was just found is asked for while the
 * documents still know where it is, and no more than a batch a level waits. */
static enum pb_err put_off(struct verify *v, uint64_t from)
{
    v->now.from = from;
    if (from < v->now.count && !vec_push(&v->todo, v->now))
        return error_nomem(v->e);
    v->child = v->now.count;
    return PB_OK;
}

static enum pb_err some_children(struct verify *v)
{
    struct pkl_view *left = pkl_edit_view(v->ed), *right = pkl_doc_view(v->fresh);
    struct pkl_child a[BATCH], b[BATCH];
    uint64_t left_over = v->now.count - v->child;
    size_t want = left_over < BATCH ? (size_t)left_over : BATCH, x = 0, y = 0;
    enum pb_err err = left->children(left, v->now.a, v->child, want, a, &x, v->e);

    if (err == PB_OK)
        err = right->children(right, v->now.b, v->child, want, b, &y, v->e);
    if (err == PB_OK && (x != y || x == 0))
        err = verify_refuse(v, "children of a value cannot be found");
    if (err == PB_OK)
        err = put_off(v, v->child + x);
    for (size_t i = 0; i < x && err == PB_OK; i++)
        err = compare_child(v, &a[i], &b[i]);
    return err;
}

static enum pb_err next_root(struct verify *v)
{
    struct pkl_view *left = pkl_edit_view(v->ed), *right = pkl_doc_view(v->fresh);
    struct pkl_child a, b;
    enum pb_err err = left->root(left, v->root, &a, v->e);

    if (err == PB_OK)
        err = right->root(right, v->root, &b, v->e);
    v->root++;
    return err == PB_OK ? compare_child(v, &a, &b) : err;
}

enum pb_err verify_values(struct verify *v, bool *done)
{
    struct pkl_view *left = pkl_edit_view(v->ed), *right = pkl_doc_view(v->fresh);

    if (v->child < v->now.count)
        return some_children(v);
    if (v->todo.len > 0)
        return begin_container(v);
    if (v->root < left->roots(left))
        return next_root(v);
    *done = true;
    return left->roots(left) == right->roots(right) ? PB_OK
                                                    : verify_refuse(v, "pickles are missing");
}

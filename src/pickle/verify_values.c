/*
 * The values, side by side: what the source with its edits says, and what the result says by
 * itself.  What lies in one copied span is passed over (see verify.h for why that is enough).
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_leaf.h>

#include "index.h"
#include "opcode_bytes.h"
#include "verify.h"
#include "walk.h"

#define CHILDREN_AT_ONCE 64

static bool is_leaf(enum pkl_kind kind)
{
    return kind <= PKL_PY2STR;
}

static enum pb_err differ(struct verify *v, const struct pkl_node *b, const char *what)
{
    return verify_refuse(v, "%s at offset %llu of the result differs", _(what),
                         (unsigned long long)b->begin);
}

/* ------------------------------------------------------------------------ what is copied */

/* [begin, end) of the original stands whole at `at` of the result. */
static bool copied_to(const struct verify *v, uint64_t begin, uint64_t end, uint64_t at)
{
    const struct splice_segment *s = verify_copy_of(v, begin);

    return s != NULL && end <= s->from + s->len && s->at + (begin - s->from) == at;
}

static bool same_value(const struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    return PKL_ID_SOURCE(a->id) == 0 && copied_to(v, a->begin, a->end, b->begin) &&
           a->end - a->begin == b->end - b->begin &&
           verify_source_of(v, PKL_ID_OFFSET(b->id)) == PKL_ID_OFFSET(a->id) &&
           PKL_ID_TAG(a->id) == PKL_ID_TAG(b->id);
}

static uint64_t child_begin(const struct pkl_child *c)
{
    return c->key.id != 0 ? c->key.begin : c->value.begin;
}

static bool same_child(const struct verify *v, const struct pkl_child *a, const struct pkl_child *b)
{
    return (a->key.id == 0 || same_value(v, &a->key, &b->key)) &&
           same_value(v, &a->value, &b->value) && (a->key.id == 0) == (b->key.id == 0);
}

/* ---------------------------------------------------------------------- correspondence */

/* Whether the two may be one and the same; *met: they were compared already. */
static enum pb_err correspond(struct verify *v, pkl_id a, pkl_id b, bool *met)
{
    uint64_t from = verify_source_of(v, PKL_ID_OFFSET(b)), x = 0, y = 0;
    uint64_t to = PKL_ID_SOURCE(a) == 0 ? verify_result_of(v, PKL_ID_OFFSET(a)) : UINT64_MAX;
    bool is_new, same, ok = true;

    if (from != UINT64_MAX || to != UINT64_MAX) {
        same = PKL_ID_SOURCE(a) == 0 && from == PKL_ID_OFFSET(a) && to == PKL_ID_OFFSET(b);
    } else {
        bool there = idmap_get(&v->there, a, &x), back = idmap_get(&v->back, b, &y);

        same = there == back && (!there || (x == b && y == a));
        ok = there || (idmap_put(&v->there, a, b) && idmap_put(&v->back, b, a));
    }
    if (!same)
        return verify_refuse(v, "what is shared at offset %llu of the result is not the same value",
                             (unsigned long long)PKL_ID_OFFSET(b));
    ok = ok && idmap_put_new(&v->met, a, v->in_place ? 2 : 1, &is_new);
    *met = ok && !is_new;
    return ok ? PB_OK : error_nomem(v->e);
}

/* ------------------------------------------------------------------------------- leaves */

/* The same opcode with the same argument, byte by byte. */
static enum pb_err same_opcode(struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    struct source *x = PKL_ID_SOURCE(a->id) == 0 ? v->original : v->ed->bytes;
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
    enum pb_err err = pkl_name_read(verify_view(v, a->id), a, &x, v->e);

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

/* -------------------------------------------------------------------------------- values */

static enum pb_err target(struct pkl_view *view, const struct pkl_node *n, struct pkl_node *out,
                          struct error *e)
{
    *out = *n;
    return n->ref ? view->node(view, n->target, out, e) : PB_OK;
}

/* A new text that has identity: which of its places it is written at is not said. */
static bool is_apart(const struct verify *v, pkl_id id)
{
    size_t low;

    if (PKL_ID_SOURCE(id) == 0)
        return false;
    low = vec_upper(&v->ed->values, node.end, PKL_ID_OFFSET(id));
    return low < v->ed->values.len && v->ed->values.data[low].apart &&
           v->ed->values.data[low].node.target == id;
}

/* A value that may be compared already. */
static enum pb_err compare(struct verify *v, const struct pkl_node *a, const struct pkl_node *b)
{
    struct verify_pair pair;
    bool met = false, in_place = v->in_place, anew;
    enum pb_err err;

    if (a->kind != b->kind)
        return differ(v, b, "the kind of a value");
    if (!a->ref && !b->ref && same_value(v, a, b))
        return PB_OK;
    err = target(verify_view(v, a->target), a, &pair.a, v->e);
    if (err == PB_OK)
        err = target(pkl_doc_view(v->fresh), b, &pair.b, v->e);
    if (err != PB_OK)
        return err;
    /* What was moved may be fetched from where it was; of a new value that is shared any place may
     * be the one where it is made. */
    anew = (a->kind == PKL_BYTEARRAY && PKL_ID_SOURCE(pair.a.id) != 0) || is_apart(v, pair.a.id);
    if (is_leaf(a->kind) && a->ref != b->ref && (a->ref || PKL_ID_SOURCE(a->id) != 0) && !anew)
        return differ(v, b, "a reference");
    if (!is_leaf(a->kind) && same_value(v, &pair.a, &pair.b))
        return PB_OK;
    v->in_place = pair.in_place = in_place && !a->ref && !b->ref;
    /* Leaves that are not read from the memo need no memory. */
    if (a->ref || b->ref || !is_leaf(a->kind) || anew)
        err = correspond(v, pair.a.id, pair.b.id, &met);
    v->in_place = in_place;
    if (err != PB_OK || met)
        return err;
    if (is_leaf(a->kind))
        return same_opcode(v, &pair.a, &pair.b);
    return vec_push(&v->todo, pair) ? PB_OK : error_nomem(v->e);
}

/* A value that was put into a container of the original (its bytes are accounted for), or into a
 * new one. */
static enum pb_err compare_new(struct verify *v, size_t number, pkl_id into,
                               const struct pkl_node *b)
{
    struct pkl_node a = v->ed->values.data[number - 1].node;
    enum pb_err err = verify_link(v, &a);
    size_t i;
    const struct splice_segment *s = verify_segment(v, b->begin, &i);

    if (err != PB_OK || PKL_ID_SOURCE(into) != 0)
        return err == PB_OK ? compare(v, &a, b) : err;
    if (s == NULL || s->kind != SPLICE_NEW)
        return verify_refuse(v, "a new value at offset %llu is none", (unsigned long long)b->begin);
    v->met_bytes += (b->end < s->at + s->len ? b->end : s->at + s->len) - b->begin;
    return compare(v, &a, b);
}

/* ----------------------------------------------------------------------------- children */

static enum pb_err push_list(struct verify *v, pkl_id a, pkl_id b)
{
    struct verify_lists l;
    enum pb_err err = verify_list(v, a, b, &l);

    if (err != PB_OK || l.count == 0)
        return err;
    l.in_place = v->in_place;
    return vec_push(&v->open, l) ? PB_OK : error_nomem(v->e);
}

/* Does a stretch of children, `index` and on, lie in one copied span up to `index + n - 1`?  Then
 * those of the result stand where that says. */
static enum pb_err in_step(struct verify *v, const struct verify_lists *l, uint64_t index,
                           uint64_t n, uint64_t from_end, bool *same)
{
    struct pkl_child a, b;
    enum pb_err err = verify_kid(v, 0, v->ed->base, l->a, index + n - 1, &a);

    *same = false;
    if (err != PB_OK || a.value.end > from_end)
        return err;
    err = verify_kid(v, 1, pkl_doc_view(v->fresh), l->b, l->at + n - 1, &b);
    if (err == PB_OK)
        *same = same_child(v, &a, &b);
    return err;
}

/* How many children from `index` on are passed over: first by doubling, then by halving. */
static enum pb_err stretch(struct verify *v, const struct verify_lists *l, uint64_t index,
                           uint64_t most, uint64_t *out)
{
    const struct splice_segment *s;
    uint64_t good = 1, bad, step = 32;
    struct pkl_child a, b;
    bool same;
    enum pb_err err = verify_kid(v, 0, v->ed->base, l->a, index, &a);

    *out = 0;
    if (err == PB_OK)
        err = verify_kid(v, 1, pkl_doc_view(v->fresh), l->b, l->at, &b);
    if (err != PB_OK || !same_child(v, &a, &b))
        return err;
    s = verify_copy_of(v, child_begin(&a));
    *out = 1;
    if (!l->straight)
        return PB_OK;
    /* good: known to be in the span; bad: known not to be, or behind the last. */
    for (bad = most + 1; good < most && err == PB_OK; step *= 2) {
        uint64_t next = most - good > step ? good + step : most;

        err = in_step(v, l, index, next, s->from + s->len, &same);
        if (err == PB_OK && !same) {
            bad = next;
            break;
        }
        good = next;
    }
    while (err == PB_OK && good + 1 < bad) {
        uint64_t middle = good + (bad - good) / 2;

        err = in_step(v, l, index, middle, s->from + s->len, &same);
        if (same)
            good = middle;
        else
            bad = middle;
    }
    *out = good;
    return err;
}

static enum pb_err compare_old(struct verify *v, struct verify_lists *l, uint64_t index, size_t key,
                               size_t value)
{
    struct pkl_view *view = verify_view(v, l->a);
    struct pkl_child a = {0}, b;
    enum pb_err err = verify_kid(v, 1, pkl_doc_view(v->fresh), l->b, l->at, &b);

    if (err == PB_OK && index < PIECE_NEW)
        err = verify_kid(v, 0, view, l->a, index, &a);
    if (err == PB_OK && l->pairs != (b.key.id != 0))
        err = differ(v, &b.value, "the place of a value");
    if (err == PB_OK)
        err = verify_link(v, &a.value);
    if (err == PB_OK && l->pairs)
        err = verify_link(v, &a.key);
    if (err == PB_OK && l->pairs)
        err = key != 0 ? compare_new(v, key, l->a, &b.key) : compare(v, &a.key, &b.key);
    if (err == PB_OK)
        err = value != 0 ? compare_new(v, value, l->a, &b.value) : compare(v, &a.value, &b.value);
    l->at++;
    return err;
}

/* Children [index, index + most) of the document: those that are copied together, or one. */
static enum pb_err some_old(struct verify *v, struct verify_lists *l, uint64_t index, uint64_t most,
                            uint64_t *done)
{
    enum pb_err err = PB_OK;

    *done = 0;
    if (PKL_ID_SOURCE(l->a) == 0)
        err = stretch(v, l, index, most, done);
    if (err != PB_OK)
        return err;
    l->at += *done;
    if (*done > 0)
        return PB_OK;
    *done = 1;
    return compare_old(v, l, index, 0, 0);
}

static enum pb_err some_children(struct verify *v)
{
    struct verify_lists l = v->open.data[v->open.len - 1];
    const struct piece *p;
    uint64_t done = 1;
    enum pb_err err;

    if (l.at >= l.count) {
        v->open.len--;
        return PB_OK;
    }
    v->in_place = l.in_place;
    if (l.c == NULL) {
        err = some_old(v, &l, l.at, l.count - l.at, &done);
    } else {
        p = &l.c->now.data[l.piece];
        if (piece_is_run(p))
            err = some_old(v, &l, p->first + l.inside, p->count - l.inside, &done);
        else
            err = compare_old(v, &l, p->first, p->key, p->value);
        l.inside += done;
        if (l.inside == p->count) {
            l.piece++;
            l.inside = 0;
        }
    }
    v->open.data[v->open.len - 1] = l;
    return err;
}

/* ------------------------------------------------------------------------------- objects */

/* A part that both have, or neither. */
static enum pb_err compare_part(struct verify *v, const struct verify_pair *p, enum pkl_part part)
{
    struct pkl_view *right = pkl_doc_view(v->fresh);
    struct pkl_node a;
    struct pkl_child b;
    struct error why = {0};
    size_t number = 0;
    enum pb_err x = verify_part(v, p->a.id, part, &a, &number);
    enum pb_err y = right->part(right, p->b.id, part, &b, &why);

    if (x != PB_OK && x != PB_ENOTFOUND)
        return x;
    if (y != PB_OK && y != PB_ENOTFOUND)
        return error_set(v->e, y, "%s", why.msg);
    if (x != y)
        return verify_refuse(v, "an object has other parts");
    if (x != PB_OK)
        return PB_OK;
    if (PKL_ID_TAG(b.value.id) == PKL_TAG_CLASS)
        return same_name(v, &a, &b.value);
    return number != 0 ? compare_new(v, number, p->a.id, &b.value) : compare(v, &a, &b.value);
}

static enum pb_err compare_virtual(struct verify *v, const struct verify_pair *p, enum pkl_tag tag)
{
    uint64_t a = PKL_ID_OFFSET(p->a.id), b = PKL_ID_OFFSET(p->b.id);

    return push_list(v, PKL_ID(PKL_ID_SOURCE(p->a.id), tag, a), PKL_ID(0, tag, b));
}

static enum pb_err compare_object(struct verify *v, const struct verify_pair *p)
{
    static const enum pkl_part parts[] = {PKL_CLASS, PKL_ARGS, PKL_KWARGS, PKL_STATE, PKL_PID};
    bool direct = p->a.opcode == CODE_INST || p->a.opcode == CODE_OBJ;
    enum pb_err err = PB_OK;

    if (p->a.kind == PKL_GLOBAL)
        err = same_name(v, &p->a, &p->b);
    else if (p->a.kind == PKL_EXTENSION || p->a.kind == PKL_BUFFER || p->a.opcode == CODE_PERSID)
        err = same_opcode(v, &p->a, &p->b);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && err == PB_OK; i++) {
        if (parts[i] != PKL_ARGS || !direct)
            err = compare_part(v, p, parts[i]);
    }
    /* Arguments above a MARK, which are no tuple. */
    if (err == PB_OK && direct)
        err = compare_virtual(v, p, PKL_TAG_ARGS);
    if (err == PB_OK)
        err = compare_virtual(v, p, PKL_TAG_ITEMS);
    return err == PB_OK ? compare_virtual(v, p, PKL_TAG_ENTRIES) : err;
}

static enum pb_err compare_inside(struct verify *v)
{
    struct verify_pair p = v->todo.data[--v->todo.len];
    bool resized = p.a.kind == PKL_TUPLE && edit_container_of(v->ed, p.a.id) != NULL;

    v->in_place = p.in_place;
    if (p.a.opcode != p.b.opcode && !resized)
        return differ(v, &p.b, "the opcode of a value");
    return p.a.kind >= PKL_GLOBAL ? compare_object(v, &p) : push_list(v, p.a.id, p.b.id);
}

/* --------------------------------------------------------------------------- where to begin */

static enum pb_err next_root(struct verify *v)
{
    const struct edit_container *c = edit_container_of(v->ed, PKL_ID(0, PKL_TAG_STREAM, 0));
    struct pkl_view *left = v->ed->base, *right = pkl_doc_view(v->fresh);
    const struct piece *p = c != NULL ? pieces_at(&c->now, v->root) : NULL;
    struct pkl_child a, b;
    enum pb_err err = left->root(left, v->root, &a, v->e);

    if (err == PB_OK)
        err = right->root(right, v->root, &b, v->e);
    v->root++;
    v->in_place = true;
    if (err != PB_OK)
        return err;
    return p != NULL && p->value != 0 ? compare_new(v, p->value, a.owner, &b.value)
                                      : compare(v, &a.value, &b.value);
}

/* What reads a part of what went is compared by its targets. */
static enum pb_err next_reader(struct verify *v)
{
    const struct verify_range *at = &v->readers.data[v->reader++];
    struct pkl_view *left = v->ed->base, *right = pkl_doc_view(v->fresh);
    struct pkl_node a, b;
    enum pb_err err = left->node(left, PKL_ID(0, PKL_TAG_REF, at->begin), &a, v->e);

    v->in_place = false;
    if (err == PB_OK)
        err = right->node(right, PKL_ID(0, PKL_TAG_REF, at->end), &b, v->e);
    return err == PB_OK ? compare(v, &a, &b) : err;
}

/* Edited containers that are reached from copied bytes only. */
static enum pb_err next_container(struct verify *v)
{
    const struct edit_container *c = &v->ed->containers.data[v->container++];
    struct pkl_view *right = pkl_doc_view(v->fresh);
    pkl_id a = PKL_ID(0, PKL_TAG_VALUE, PKL_ID_OFFSET(c->owner)), b;
    struct verify_pair pair = {.in_place = false};
    bool met;
    uint64_t at;
    enum pb_err err;

    if (PKL_ID_SOURCE(c->owner) != 0 || PKL_ID_TAG(c->owner) == PKL_TAG_STREAM ||
        pieces_original(&c->now) || (idmap_get(&v->met, a, &at) && at == 2))
        return PB_OK;
    v->in_place = false;
    v->inner = PKL_ID_OFFSET(a);
    at = verify_result_of(v, PKL_ID_OFFSET(a));
    if (at != UINT64_MAX)
        b = PKL_ID(0, PKL_TAG_VALUE, at);
    else if (!idmap_get(&v->there, a, &b))
        return PB_OK; /* it is gone, or is met as what it is in */
    err = v->ed->base->node(v->ed->base, a, &pair.a, v->e);
    if (err == PB_OK)
        err = right->node(right, b, &pair.b, v->e);
    if (err != PB_OK || !same_value(v, &pair.a, &pair.b))
        return err == PB_OK ? compare(v, &pair.a, &pair.b) : err;
    /* It is copied whole, so its edits are missing, unless they are of children away from it. */
    err = correspond(v, pair.a.id, pair.b.id, &met);
    return err != PB_OK || met || vec_push(&v->todo, pair) ? err : error_nomem(v->e);
}

/* What an edited container stands in, one further out. */
static enum pb_err next_around(struct verify *v)
{
    uint64_t inner = v->inner, holder, at;
    struct pkl_view *left = v->ed->base, *right = pkl_doc_view(v->fresh);
    struct pkl_node a, b;
    bool is_new;
    enum pb_err err = walk_holder(v->doc, inner, &holder, v->e);

    v->inner = VERIFY_NOBODY;
    v->in_place = false;
    if (err != PB_OK || holder == VERIFY_NOBODY)
        return err;
    if (!idmap_put_new(&v->climbed, holder + 1, 1, &is_new))
        return error_nomem(v->e);
    v->inner = is_new ? holder : VERIFY_NOBODY;
    at = verify_result_of(v, holder);
    if (!is_new || at == UINT64_MAX) /* it is made anew, or gone */
        return PB_OK;
    err = left->node(left, PKL_ID(0, PKL_TAG_VALUE, holder), &a, v->e);
    if (err == PB_OK)
        err = right->node(right, PKL_ID(0, PKL_TAG_VALUE, at), &b, v->e);
    return err != PB_OK || same_value(v, &a, &b) ? err : compare(v, &a, &b);
}

enum pb_err verify_values(struct verify *v, bool *done)
{
    struct pkl_view *left = v->ed->base, *right = pkl_doc_view(v->fresh);
    enum pb_err err = PB_OK;

    for (int i = 0; i < CHILDREN_AT_ONCE && v->open.len > 0 && err == PB_OK; i++)
        err = some_children(v);
    if (err != PB_OK || v->open.len > 0)
        return err;
    if (v->todo.len > 0)
        return compare_inside(v);
    if (v->root < left->roots(left))
        return next_root(v);
    if (v->reader < v->readers.len)
        return next_reader(v);
    if (v->inner != VERIFY_NOBODY)
        return next_around(v);
    if (v->container < v->ed->containers.len)
        return next_container(v);
    *done = true;
    if (left->roots(left) != right->roots(right))
        return verify_refuse(v, "pickles are missing");
    return v->met_bytes == v->new_bytes ? PB_OK
                                        : verify_refuse(v, "it has bytes that are in no new value");
}

/* The source with its edits, read from the documents and the piece lists. */
#include <stdlib.h>

#include "index.h"
#include "verify.h"

struct pkl_view *verify_view(struct verify *v, pkl_id id)
{
    return PKL_ID_SOURCE(id) == 0 ? v->ed->base : v->ed->second;
}

enum pb_err verify_link(struct verify *v, struct pkl_node *n)
{
    struct pkl_node target;
    pkl_id id;
    enum pb_err err;

    if (PKL_ID_SOURCE(n->id) == 0 || n->kind != PKL_EXTENSION ||
        !edit_link_at(v->ed, PKL_ID_OFFSET(n->id), &id))
        return PB_OK;
    err = verify_view(v, id)->node(verify_view(v, id), id, &target, v->e);
    if (err != PB_OK)
        return err;
    n->id = PKL_ID(1, PKL_TAG_REF, PKL_ID_OFFSET(n->id));
    n->target = target.target;
    n->kind = target.kind;
    n->count = target.count;
    n->ref = true;
    return PB_OK;
}

enum pb_err verify_kid(struct verify *v, unsigned side, struct pkl_view *view, pkl_id id,
                       uint64_t index, struct pkl_child *out)
{
    size_t got = 0;
    enum pb_err err;

    if (v->kids_of[side] != id || index < v->kids_first[side] ||
        index - v->kids_first[side] >= v->kids_len[side]) {
        v->kids_of[side] = 0;
        err = view->children(view, id, index, 32, v->kids[side], &got, v->e);
        if (err != PB_OK)
            return err;
        if (got == 0)
            return verify_refuse(v, "children of a value cannot be found");
        v->kids_of[side] = id;
        v->kids_first[side] = index;
        v->kids_len[side] = got;
    }
    *out = v->kids[side][index - v->kids_first[side]];
    return PB_OK;
}

/* Does it take children away from its own span? */
static bool is_straight(const struct pkl_doc *d, pkl_id id)
{
    uint64_t maker = PKL_ID_OFFSET(id);
    size_t low = vec_lower(&d->extras, maker, maker);

    return low == d->extras.len || d->extras.data[low].maker != maker;
}

enum pb_err verify_list(struct verify *v, pkl_id a, pkl_id b, struct verify_lists *out)
{
    struct pkl_view *left = verify_view(v, a), *right = pkl_doc_view(v->fresh);
    struct pkl_node n;
    uint64_t count;
    enum pb_err err = left->node(left, a, &n, v->e);

    *out = (struct verify_lists){.a = a, .b = b, .c = edit_container_of(v->ed, a)};
    if (err == PB_OK)
        err = left->count_children(left, a, &out->count, v->e);
    if (err == PB_OK)
        err = right->count_children(right, b, &count, v->e);
    if (err != PB_OK)
        return err;
    out->pairs = n.kind == PKL_DICT;
    out->straight = PKL_ID_SOURCE(a) == 0 && is_straight(v->doc, a) && is_straight(v->fresh, b);
    if (out->c != NULL)
        out->count = pieces_count(&out->c->now);
    return out->count == count ? PB_OK
                               : verify_refuse(v, "a value at %llu has another length",
                                               (unsigned long long)PKL_ID_OFFSET(b));
}

/* The places of the object itself. */
static const struct piece *changed_part(const struct verify *v, pkl_id id, uint64_t index)
{
    const struct edit_container *c = edit_container_of(v->ed, id);

    for (size_t i = 0; c != NULL && i < c->now.len; i++) {
        if (c->now.data[i].value != 0 && c->now.data[i].first == index)
            return &c->now.data[i];
    }
    return NULL;
}

/* The state that was set last, of which an index above all is meant. */
static const struct piece *changed_state(const struct verify *v, pkl_id id)
{
    const struct edit_container *c = edit_container_of(v->ed, id);
    const struct piece *last = NULL;

    for (size_t i = 0; c != NULL && i < c->now.len; i++) {
        const struct piece *p = &c->now.data[i];

        if (p->value != 0 && p->first >= 3 && !piece_is_new(p) &&
            (last == NULL || p->first > last->first))
            last = p;
    }
    return last;
}

enum pb_err verify_part(struct verify *v, pkl_id id, enum pkl_part part, struct pkl_node *out,
                        size_t *number)
{
    struct pkl_view *view = verify_view(v, id);
    struct pkl_child c = {0};
    const struct piece *p;
    enum pb_err err = view->part(view, id, part, &c, v->e);

    *number = 0;
    if (err == PB_ENOTFOUND && part == PKL_STATE) {
        p = changed_state(v, id);
    } else if (err != PB_OK) {
        return err;
    } else {
        p = changed_part(v, id, c.index);
        if (part == PKL_STATE && p == NULL && changed_state(v, id) != NULL &&
            changed_state(v, id)->first > c.index)
            p = changed_state(v, id);
    }
    if (p == NULL && err != PB_OK)
        return err;
    if (p != NULL) {
        *number = p->value;
        *out = v->ed->values.data[p->value - 1].node;
    } else {
        *out = c.value;
    }
    return verify_link(v, out);
}

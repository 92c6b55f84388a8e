/* What is changed at this moment, in document order. */
#include <stdlib.h>

#include "edit_private.h"

static int by_place(const void *a, const void *b)
{
    const struct edit_change *x = a, *y = b;
    uint64_t p = x->original.value.begin, q = y->original.value.begin;
    unsigned s = PKL_ID_SOURCE(x->original.owner), t = PKL_ID_SOURCE(y->original.owner);

    if (s != t)
        return s < t ? -1 : 1;
    if (p != q)
        return p < q ? -1 : 1;
    /* Of two that begin together the outer one comes first. */
    p = x->original.value.end;
    q = y->original.value.end;
    return (p < q) - (p > q);
}

/* The number of the new value whose bytes hold an offset of the second source. */
static size_t value_holding(const struct pkl_edit *ed, uint64_t off)
{
    size_t low = 0, high = ed->values.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ed->values.data[middle].node.end <= off)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ed->values.len && ed->values.data[low].node.begin <= off ? low + 1 : 0;
}

static bool owner_lives(const struct pkl_edit *ed, pkl_id owner)
{
    size_t value;

    if (PKL_ID_SOURCE(owner) == 0)
        return true;
    value = value_holding(ed, PKL_ID_OFFSET(owner));
    return value != 0 && ed->values.data[value - 1].live;
}

/* Every replaced place, in order; whether it counts is not yet known. */
static enum pb_err list_all(struct pkl_edit *ed, struct error *e)
{
    ed->changes.len = 0;
    for (size_t i = 0; i < ed->containers.len; i++) {
        const struct edit_container *c = &ed->containers.data[i];

        for (size_t k = 0; k < c->now.len; k++) {
            struct edit_change change = {.value = c->now.data[k].value,
                                         .position = c->now.data[k].at};

            if (change.value == 0)
                continue;
            change.original = *edit_original(c, change.position);
            if (!vec_push(&ed->changes, change))
                return error_nomem(e);
        }
    }
    if (ed->changes.len > 1)
        qsort(ed->changes.data, ed->changes.len, sizeof *ed->changes.data, by_place);
    return PB_OK;
}

/* One pass over the changes: what is inside a replaced value is covered, and the values of those
 * that are not covered live.  True when one came to life that did not before. */
static bool enliven(struct pkl_edit *ed)
{
    const struct pkl_child *outer = NULL;
    bool more = false;

    for (size_t i = 0; i < ed->changes.len; i++) {
        struct edit_change *c = &ed->changes.data[i];
        bool *live = &ed->values.data[c->value - 1].live;

        if (!owner_lives(ed, c->original.owner))
            continue;
        c->covered = outer != NULL &&
                     PKL_ID_SOURCE(outer->owner) == PKL_ID_SOURCE(c->original.owner) &&
                     c->original.value.begin < outer->value.end;
        if (c->covered)
            continue;
        outer = &c->original;
        more = more || !*live;
        *live = true;
    }
    return more;
}

/* A value may have been put aside by a later edit; what is changed inside it is then no change. */
static enum pb_err drop_dead(struct pkl_edit *ed, struct error *e)
{
    size_t n = 0;

    ed->shown.len = 0;
    for (size_t i = 0; i < ed->changes.len; i++) {
        const struct edit_change *c = &ed->changes.data[i];

        if (!owner_lives(ed, c->original.owner))
            continue;
        if (!c->covered && !vec_push(&ed->shown, n))
            return error_nomem(e);
        ed->changes.data[n++] = *c;
    }
    ed->changes.len = n;
    return PB_OK;
}

enum pb_err edit_collect(struct pkl_edit *ed, struct error *e)
{
    enum pb_err err;

    if (ed->fresh)
        return PB_OK;
    for (size_t i = 0; i < ed->values.len; i++)
        ed->values.data[i].live = false;
    err = list_all(ed, e);
    /* A new value can stand inside a new value, so this goes on until nothing more comes to life.
     */
    while (err == PB_OK && enliven(ed))
        continue;
    if (err == PB_OK)
        err = drop_dead(ed, e);
    ed->fresh = err == PB_OK;
    return err;
}

size_t pkl_edit_changes(struct pkl_edit *ed)
{
    return edit_collect(ed, NULL) == PB_OK ? ed->shown.len : 0;
}

enum pb_err pkl_edit_change(struct pkl_edit *ed, size_t i, struct pkl_change *out, struct error *e)
{
    const struct edit_change *c;
    enum pb_err err = edit_collect(ed, e);

    if (err != PB_OK)
        return err;
    if (i >= ed->shown.len)
        return error_set(e, PB_ENOTFOUND, "there is no such change");
    c = &ed->changes.data[ed->shown.data[i]];
    out->place = c->original;
    out->place.value = ed->values.data[c->value - 1].node;
    out->old = c->original.value;
    return PB_OK;
}

bool pkl_edit_place_changed(struct pkl_edit *ed, pkl_id owner, uint64_t index, struct pkl_node *old)
{
    const struct edit_container *c = edit_container_of(ed, owner);
    const struct pkl_child *original = edit_original(c, index);

    if (edit_value_at(c, index) == 0 || original == NULL)
        return false;
    if (old != NULL)
        *old = original->value;
    return true;
}

bool pkl_edit_below_changed(struct pkl_edit *ed, const struct pkl_node *n)
{
    unsigned source = PKL_ID_SOURCE(n->target);
    size_t low = 0, high;
    struct pkl_node whole = *n;

    if (n->ref && ed->view.node(&ed->view, n->target, &whole, NULL) != PB_OK)
        return false;
    if (edit_collect(ed, NULL) != PB_OK)
        return false;
    high = ed->changes.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pkl_child *c = &ed->changes.data[middle].original;
        unsigned s = PKL_ID_SOURCE(c->owner);

        if (s < source || (s == source && c->value.begin < whole.begin))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ed->changes.len || PKL_ID_SOURCE(ed->changes.data[low].original.owner) != source)
        return false;
    return ed->changes.data[low].original.value.begin < whole.end;
}

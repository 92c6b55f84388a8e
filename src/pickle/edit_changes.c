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

bool edit_is_live(const struct pkl_edit *ed, uint64_t offset)
{
    size_t value = value_holding(ed, offset);

    return value != 0 && ed->values.data[value - 1].live;
}

static bool owner_lives(const struct pkl_edit *ed, pkl_id owner)
{
    return PKL_ID_SOURCE(owner) == 0 || edit_is_live(ed, PKL_ID_OFFSET(owner));
}

static bool push(struct edit_changes *to, const struct edit_container *c, uint64_t position)
{
    struct edit_change change = {.original = *edit_original(c, position),
                                 .value = edit_value_at(c, position),
                                 .saved = edit_saved_at(c, position),
                                 .position = position};

    return vec_push(to, change);
}

/* Every replaced place, in order; whether it counts is not yet known. */
static enum pb_err list_all(struct pkl_edit *ed, struct error *e)
{
    ed->changes.len = ed->since_saved.len = 0;
    for (size_t i = 0; i < ed->containers.len; i++) {
        const struct edit_container *c = &ed->containers.data[i];

        for (size_t k = 0; k < c->now.len; k++) {
            const struct piece *p = &c->now.data[k];

            if (p->value != 0 && !push(&ed->changes, c, p->at))
                return error_nomem(e);
            if (p->value != 0 && edit_saved_at(c, p->at) != p->value &&
                !push(&ed->since_saved, c, p->at))
                return error_nomem(e);
        }
        /* Undone since it was saved: the original stands there again. */
        for (size_t k = 0; k < c->saved.len; k++) {
            const struct piece *p = &c->saved.data[k];

            if (p->value != 0 && edit_value_at(c, p->at) == 0 && !push(&ed->since_saved, c, p->at))
                return error_nomem(e);
        }
    }
    if (ed->changes.len > 1)
        qsort(ed->changes.data, ed->changes.len, sizeof *ed->changes.data, by_place);
    if (ed->since_saved.len > 1)
        qsort(ed->since_saved.data, ed->since_saved.len, sizeof *ed->since_saved.data, by_place);
    return PB_OK;
}

/* One pass over the changes: what is inside a replaced value is covered. */
static bool cover(struct pkl_edit *ed, struct edit_changes *list, bool enliven)
{
    const struct pkl_child *outer = NULL;
    bool more = false;

    for (size_t i = 0; i < list->len; i++) {
        struct edit_change *c = &list->data[i];
        bool *live;

        if (!owner_lives(ed, c->original.owner))
            continue;
        c->covered = outer != NULL &&
                     PKL_ID_SOURCE(outer->owner) == PKL_ID_SOURCE(c->original.owner) &&
                     c->original.value.begin < outer->value.end;
        if (c->covered)
            continue;
        outer = &c->original;
        if (!enliven)
            continue;
        live = &ed->values.data[c->value - 1].live;
        more = more || !*live;
        *live = true;
    }
    return more;
}

/* A value may have been put aside by a later edit; what is changed inside it is then no change. */
static enum pb_err drop_dead(struct pkl_edit *ed, struct edit_changes *list, struct error *e)
{
    size_t n = 0;

    list->shown.len = 0;
    for (size_t i = 0; i < list->len; i++) {
        const struct edit_change *c = &list->data[i];

        if (!owner_lives(ed, c->original.owner))
            continue;
        if (!c->covered && !vec_push(&list->shown, n))
            return error_nomem(e);
        list->data[n++] = *c;
    }
    list->len = n;
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
    /* The values of changes that are not covered live; a new value can stand inside a new value, so
     * this goes on until nothing more comes to life. */
    while (err == PB_OK && cover(ed, &ed->changes, true))
        continue;
    if (err == PB_OK)
        (void)cover(ed, &ed->since_saved, false);
    if (err == PB_OK)
        err = drop_dead(ed, &ed->changes, e);
    if (err == PB_OK)
        err = drop_dead(ed, &ed->since_saved, e);
    ed->fresh = err == PB_OK;
    return err;
}

static struct pkl_node numbered(const struct pkl_edit *ed, const struct edit_change *c, size_t n)
{
    return n != 0 ? ed->values.data[n - 1].node : c->original.value;
}

static enum pb_err shown(struct pkl_edit *ed, const struct edit_changes *list, size_t i,
                         struct pkl_change *out, struct error *e)
{
    const struct edit_change *c;
    enum pb_err err;

    if (i >= list->shown.len)
        return error_set(e, PB_ENOTFOUND, "there is no such change");
    c = &list->data[list->shown.data[i]];
    out->place = c->original;
    out->place.value = numbered(ed, c, c->value);
    out->old = numbered(ed, c, list == &ed->changes ? 0 : c->saved);
    err = edit_resolve(ed, &out->place.value, e);
    return err == PB_OK ? edit_resolve(ed, &out->old, e) : err;
}

size_t pkl_edit_changes(struct pkl_edit *ed)
{
    return edit_collect(ed, NULL) == PB_OK ? ed->changes.shown.len : 0;
}

enum pb_err pkl_edit_change(struct pkl_edit *ed, size_t i, struct pkl_change *out, struct error *e)
{
    enum pb_err err = edit_collect(ed, e);

    return err == PB_OK ? shown(ed, &ed->changes, i, out, e) : err;
}

size_t pkl_edit_unsaved(struct pkl_edit *ed)
{
    return edit_collect(ed, NULL) == PB_OK ? ed->since_saved.shown.len : 0;
}

enum pb_err pkl_edit_unsaved_change(struct pkl_edit *ed, size_t i, struct pkl_change *out,
                                    struct error *e)
{
    enum pb_err err = edit_collect(ed, e);

    return err == PB_OK ? shown(ed, &ed->since_saved, i, out, e) : err;
}

bool pkl_edit_place_changed(struct pkl_edit *ed, pkl_id owner, uint64_t index, struct pkl_node *old)
{
    const struct edit_container *c = edit_container_of(ed, owner);
    const struct pkl_child *original = edit_original(c, index);
    size_t saved = edit_saved_at(c, index);

    if (original == NULL || edit_value_at(c, index) == saved)
        return false;
    if (old != NULL)
        *old = saved != 0 ? ed->values.data[saved - 1].node : original->value;
    return old == NULL || edit_resolve(ed, old, NULL) == PB_OK;
}

bool pkl_edit_below_changed(struct pkl_edit *ed, const struct pkl_node *n)
{
    const struct edit_changes *list = &ed->since_saved;
    unsigned source = PKL_ID_SOURCE(n->target);
    size_t low = 0, high;
    struct pkl_node whole = *n;

    if (n->ref && ed->view.node(&ed->view, n->target, &whole, NULL) != PB_OK)
        return false;
    if (edit_collect(ed, NULL) != PB_OK)
        return false;
    high = list->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pkl_child *c = &list->data[middle].original;
        unsigned s = PKL_ID_SOURCE(c->owner);

        if (s < source || (s == source && c->value.begin < whole.begin))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->len || PKL_ID_SOURCE(list->data[low].original.owner) != source)
        return false;
    return list->data[low].original.value.begin < whole.end;
}

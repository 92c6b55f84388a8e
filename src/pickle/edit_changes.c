/* What is changed at this moment, in document order: each edited list against another one. */
#include <stdlib.h>

#include "edit_private.h"

/* The children that two lists have in common, or one of them only, by their `first`. */
struct common {
    uint64_t first, count;
    const struct piece *was, *is; /* NULL: not in that list */
    uint64_t was_at, is_at;
};
struct commons {
    struct common *data;
    size_t len, cap;
};

static int by_first(const void *a, const void *b)
{
    const struct piece *x = *(const struct piece *const *)a, *y = *(const struct piece *const *)b;

    return (x->first > y->first) - (x->first < y->first);
}

static const struct piece **sorted(const struct pieces *p)
{
    const struct piece **out = mem_realloc(NULL, p->len + 1, sizeof *out);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < p->len; i++)
        out[i] = &p->data[i];
    if (p->len > 1)
        qsort(out, p->len, sizeof *out, by_first);
    return out;
}

/* Both lists side by side along `first`. */
static bool line_up(const struct pieces *was, const struct pieces *is, struct commons *out)
{
    const struct piece **a = sorted(was), **b = sorted(is);
    size_t i = 0, j = 0;
    uint64_t at = 0;
    bool ok = a != NULL && b != NULL;

    while (ok && (i < was->len || j < is->len)) {
        uint64_t a_at = i < was->len ? a[i]->first : UINT64_MAX;
        uint64_t b_at = j < is->len ? b[j]->first : UINT64_MAX;
        uint64_t a_end = i < was->len ? a_at + a[i]->count : UINT64_MAX;
        uint64_t b_end = j < is->len ? b_at + b[j]->count : UINT64_MAX;
        struct common c = {0};
        uint64_t end;

        a_at = a_at > at ? a_at : at;
        b_at = b_at > at ? b_at : at;
        c.first = a_at < b_at ? a_at : b_at;
        end = a_at == c.first ? a_end : a_at;
        if (b_at == c.first)
            end = b_end < end ? b_end : end;
        else
            end = b_at < end ? b_at : end;
        c.count = end - c.first;
        if (a_at == c.first) {
            c.was = a[i];
            c.was_at = a[i]->at + (c.first - a[i]->first);
        }
        if (b_at == c.first) {
            c.is = b[j];
            c.is_at = b[j]->at + (c.first - b[j]->first);
        }
        i += a_end == end;
        j += b_end == end;
        at = end;
        ok = vec_push(out, c);
    }
    free(a);
    free(b);
    return ok;
}

/* ----------------------------------------------------------------------------- moved */

static int by_now(const void *a, const void *b)
{
    const struct common *x = a, *y = b;
    uint64_t p = x->is != NULL ? x->is_at : UINT64_MAX, q = y->is != NULL ? y->is_at : UINT64_MAX;

    return (p > q) - (p < q);
}

static bool in_order(const struct common *c, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (c[i].was_at < c[i - 1].was_at)
            return false;
    }
    return true;
}

#define LONGEST 4000 /* stretches whose best order is looked for */

/* Those that were moved are the fewest whose absence leaves the others in their order. */
static bool find_moved(struct common *c, size_t n, bool *moved)
{
    uint64_t *weight, best = 0;
    size_t *before, last = 0;

    for (size_t i = 0; i < n; i++)
        moved[i] = true;
    if (n > LONGEST)
        return true;
    weight = mem_realloc(NULL, n, sizeof *weight);
    before = mem_realloc(NULL, n, sizeof *before);
    for (size_t i = 0; weight != NULL && before != NULL && i < n; i++) {
        weight[i] = c[i].count;
        before[i] = SIZE_MAX;
        for (size_t k = 0; k < i; k++) {
            if (c[k].was_at < c[i].was_at && weight[k] + c[i].count > weight[i]) {
                weight[i] = weight[k] + c[i].count;
                before[i] = k;
            }
        }
        if (weight[i] > best) {
            best = weight[i];
            last = i;
        }
    }
    for (size_t i = last; before != NULL && i != SIZE_MAX; i = before[i])
        moved[i] = false;
    n = weight != NULL && before != NULL;
    free(weight);
    free(before);
    return n != 0;
}

/* ------------------------------------------------------------------------------ rows */

struct lister {
    struct pkl_edit *ed;
    struct edit_changes *to;
    size_t container;
    bool since_saved;
    uint64_t anchored, anchor; /* the last new child that was looked at: its position + 1 */
    struct error *e;
};

static struct pkl_node value_node(struct pkl_edit *ed, size_t number)
{
    return number != 0 ? ed->values.data[number - 1].node : (struct pkl_node){0};
}

/* Where a new child stands in the bytes: behind the original child in front of it. */
static enum pb_err anchor(struct lister *l, uint64_t position, uint64_t *begin)
{
    const struct edit_container *c = &l->ed->containers.data[l->container];
    struct pkl_view *v = edit_base_of(l->ed, c->owner);
    struct pkl_child child;
    struct pkl_node n;
    uint64_t at = position;
    enum pb_err err = PB_OK;

    *begin = 0;
    while (at > 0) {
        const struct piece *p = pieces_at(&c->now, at - 1);

        /* Many may come one behind the other. */
        if (p != NULL && piece_is_new(p) && at == l->anchored) {
            *begin = l->anchor;
            break;
        }
        at--;
        /* What was deleted since it was saved may have stood behind the end of now. */
        if (p == NULL || piece_is_new(p))
            continue;
        err = edit_original(l->ed, l->container, p->first + (at - p->at), &child, l->e);
        /* A part that the object does not have: no keyword arguments, as a rule. */
        if (err == PB_ENOTFOUND && c->step == PKL_STEP_PART) {
            err = PB_OK;
            continue;
        }
        *begin = err == PB_OK ? child.value.end : 0;
        break;
    }
    if (at == 0 && *begin == 0 && c->step != PKL_STEP_ROOT) {
        err = v->node(v, c->owner, &n, l->e);
        *begin = err == PB_OK ? n.begin : 0;
    }
    l->anchored = position + 1;
    l->anchor = *begin;
    return err;
}

/* What the document has at this place, with the bytes it is about. */
static enum pb_err original(struct lister *l, uint64_t first, struct edit_change *out)
{
    enum pb_err err = edit_original(l->ed, l->container, first, &out->place, l->e);

    if (err != PB_OK)
        return err;
    out->begin = out->place.value.begin;
    out->end = out->place.value.end;
    if ((out->what & PKL_CHANGE_DELETED) != 0 && out->place.key.id != 0)
        out->begin = out->place.key.begin;
    return PB_OK;
}

static enum pb_err new_place(struct lister *l, const struct piece *p, uint64_t position,
                             struct edit_change *out)
{
    struct pkl_edit *ed = l->ed;
    const struct edit_container *c = &ed->containers.data[l->container];

    out->place = (struct pkl_child){.step = c->step,
                                    .owner = c->owner,
                                    .index = position,
                                    .position = position,
                                    .key = value_node(ed, p->key),
                                    .value = value_node(ed, p->value)};
    if (c->step == PKL_STEP_PART)
        out->place.part = PKL_STATE;
    if (c->step == PKL_STEP_ATTR && out->place.key.kind != PKL_STR &&
        out->place.key.kind != PKL_PY2STR)
        out->place.step = PKL_STEP_KEY;
    return anchor(l, position, &out->begin);
}

/* A state that was added is no child of the document. */
static bool is_there(struct lister *l, const struct piece *p, uint64_t first)
{
    const struct edit_container *c = &l->ed->containers.data[l->container];
    uint64_t states = 0;

    if (piece_is_new(p))
        return false;
    if (c->step != PKL_STEP_PART || first < 3)
        return true;
    return edit_states(l->ed, c->owner, &states, NULL) == PB_OK && first < 3 + states;
}

static enum pb_err row(struct lister *l, const struct common *c, uint64_t offset, unsigned what)
{
    const struct piece *here = c->is != NULL ? c->is : c->was;
    uint64_t first = c->first + offset;
    uint64_t position = c->is != NULL ? c->is_at + offset : c->was_at + offset;
    struct edit_change r = {.container = l->container, .first = first, .what = what};
    struct pkl_child now;
    enum pb_err err;

    if (c->is != NULL) {
        r.value = c->is->value;
        r.key = c->is->key;
    }
    if (!is_there(l, here, first)) {
        r.what = (what & PKL_CHANGE_SET) != 0 && c->was != NULL && c->was->value == 0
                     ? PKL_CHANGE_ADDED
                     : what;
        err = new_place(l, here, position, &r);
        now = r.place;
    } else {
        err = original(l, first, &r);
        now = r.place;
        if (here->value != 0)
            now.value = value_node(l->ed, here->value);
        if (c->was != NULL && r.what != PKL_CHANGE_ADDED) {
            r.old = r.place.value;
            r.old_key = r.place.key;
        }
        /* Inside a new value there is no document to have it elsewhere. */
        if ((what & PKL_CHANGE_ADDED) != 0 || (PKL_ID_SOURCE(r.place.owner) != 0 && c->is != NULL))
            r.place.index = r.place.position = position;
    }
    if (err != PB_OK)
        return err;
    if (c->was != NULL && c->was->value != 0)
        r.old = value_node(l->ed, c->was->value);
    if (c->was != NULL && c->was->key != 0)
        r.old_key = value_node(l->ed, c->was->key);
    r.place.value = now.value;
    if ((r.what & PKL_CHANGE_RENAMED) == 0)
        r.old_key = (struct pkl_node){0};
    else if (here->key != 0)
        r.place.key = r.place.key.id != 0 ? r.place.key : value_node(l->ed, here->key);
    return vec_push(&l->to->rows, r) ? PB_OK : error_nomem(l->e);
}

static unsigned what_of(const struct common *c, bool moved)
{
    unsigned what = moved ? PKL_CHANGE_MOVED : 0;

    if (c->was == NULL)
        return PKL_CHANGE_ADDED;
    if (c->is == NULL)
        return PKL_CHANGE_DELETED;
    if (c->was->value != c->is->value)
        what |= PKL_CHANGE_SET;
    if (c->was->key != c->is->key)
        what |= PKL_CHANGE_RENAMED;
    return what;
}

/* By their places, those that are in both lists in front: only they can have been moved. */
static int in_front(const void *a, const void *b)
{
    const struct common *x = a, *y = b;
    bool p = x->was != NULL && x->is != NULL, q = y->was != NULL && y->is != NULL;

    return p != q ? (p ? -1 : 1) : by_now(a, b);
}

static enum pb_err rows_of(struct lister *l, struct commons *all)
{
    size_t n = 0;
    bool *moved;
    enum pb_err err = PB_OK;

    if (all->len > 1)
        qsort(all->data, all->len, sizeof *all->data, in_front);
    moved = mem_realloc(NULL, all->len + 1, sizeof *moved);
    if (moved == NULL)
        return error_nomem(l->e);
    for (size_t i = 0; i < all->len; i++)
        moved[i] = false;
    while (n < all->len && all->data[n].was != NULL && all->data[n].is != NULL)
        n++;
    if (!in_order(all->data, n) && !find_moved(all->data, n, moved))
        err = error_nomem(l->e);
    for (size_t i = 0; i < all->len && err == PB_OK; i++) {
        unsigned what = what_of(&all->data[i], moved[i]);

        for (uint64_t k = 0; what != 0 && k < all->data[i].count && err == PB_OK; k++)
            err = row(l, &all->data[i], k, what);
    }
    free(moved);
    return err;
}

static enum pb_err list_container(struct lister *l)
{
    const struct edit_container *c = &l->ed->containers.data[l->container];
    struct commons all = {0};
    struct pieces whole = {0};
    enum pb_err err = PB_OK;

    if (l->since_saved ? pieces_differ(&c->now, &c->saved) == 0 : pieces_original(&c->now))
        return PB_OK;
    if (!pieces_init(&whole, c->now.originals) ||
        !line_up(l->since_saved ? &c->saved : &whole, &c->now, &all))
        err = error_nomem(l->e);
    if (err == PB_OK)
        err = rows_of(l, &all);
    vec_release(&all);
    pieces_release(&whole);
    return err;
}

static int by_place(const void *a, const void *b)
{
    const struct edit_change *x = a, *y = b;
    unsigned s = PKL_ID_SOURCE(x->place.owner), t = PKL_ID_SOURCE(y->place.owner);

    if (s != t)
        return s < t ? -1 : 1;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    /* Of two that begin together the outer one comes first. */
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    if (x->container != y->container)
        return x->container < y->container ? -1 : 1;
    return (x->place.index > y->place.index) - (x->place.index < y->place.index);
}

enum pb_err edit_list_changes(struct pkl_edit *ed, struct edit_changes *to, bool since_saved,
                              struct error *e)
{
    struct lister l = {.ed = ed, .to = to, .since_saved = since_saved, .e = e};
    enum pb_err err = PB_OK;

    to->rows.len = to->shown.len = 0;
    for (; l.container < ed->containers.len && err == PB_OK; l.container++) {
        l.anchored = 0;
        err = list_container(&l);
    }
    if (to->rows.len > 1)
        qsort(to->rows.data, to->rows.len, sizeof *to->rows.data, by_place);
    return err;
}

/* ----------------------------------------------------------------------------- answers */

static enum pb_err as_saved(struct pkl_edit *ed, struct pkl_node *n, struct error *e)
{
    enum pb_err err;

    if (n->id == 0)
        return PB_OK;
    ed->as_saved = true;
    err = edit_adjust(ed, n, e);
    ed->as_saved = false;
    return err;
}

static enum pb_err was_so(struct pkl_edit *ed, const struct edit_changes *list, struct pkl_node *n,
                          struct error *e)
{
    return list == &ed->since_saved ? as_saved(ed, n, e) : PB_OK;
}

static enum pb_err shown(struct pkl_edit *ed, const struct edit_changes *list, size_t i,
                         struct pkl_change *out, struct error *e)
{
    const struct edit_change *c;
    enum pb_err err;

    if (i >= list->shown.len)
        return error_set(e, PB_ENOTFOUND, "there is no such change");
    c = &list->rows.data[list->shown.data[i]];
    *out = (struct pkl_change){.what = c->what,
                               .elsewhere = c->elsewhere,
                               .place = c->place,
                               .old = c->old,
                               .old_key = c->old_key};
    if ((c->what & PKL_CHANGE_RENAMED) != 0)
        out->new_key = c->key != 0 ? ed->values.data[c->key - 1].node : c->place.key;
    err = edit_adjust(ed, &out->place.value, e);
    return err == PB_OK ? was_so(ed, list, &out->old, e) : err;
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

/* Among its siblings, since it was last saved. */
static bool was_moved(struct pkl_edit *ed, const struct edit_container *c, uint64_t first)
{
    const struct edit_changes *list = &ed->since_saved;

    if (edit_collect(ed, NULL) != PB_OK)
        return false;
    for (size_t i = 0; i < list->rows.len; i++) {
        const struct edit_change *r = &list->rows.data[i];

        if (r->first == first && (r->what & PKL_CHANGE_MOVED) != 0 &&
            &ed->containers.data[r->container] == c)
            return true;
    }
    return false;
}

bool pkl_edit_place_changed(struct pkl_edit *ed, pkl_id owner, uint64_t index, struct pkl_node *old)
{
    struct edit_container *c = edit_container_of(ed, owner);
    const struct piece *now = c != NULL ? pieces_at(&c->now, index) : NULL, *saved;
    struct pkl_child original;
    uint64_t first, position;

    if (now == NULL)
        return false;
    if (old != NULL)
        *old = (struct pkl_node){0};
    first = now->first + (index - now->at);
    if (!pieces_find(&c->saved, first, &position))
        return true;
    saved = pieces_at(&c->saved, position);
    if (saved->value == now->value && saved->key == now->key && !was_moved(ed, c, first))
        return false;
    if (old == NULL)
        return true;
    if (saved->value != 0)
        *old = ed->values.data[saved->value - 1].node;
    else if (!piece_is_new(saved) &&
             edit_original(ed, (size_t)(c - ed->containers.data), first, &original, NULL) == PB_OK)
        *old = original.value;
    return as_saved(ed, old, NULL) == PB_OK;
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
    high = list->rows.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct edit_change *c = &list->rows.data[middle];
        unsigned s = PKL_ID_SOURCE(c->place.owner);

        if (s < source || (s == source && c->begin < whole.begin))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->rows.len || PKL_ID_SOURCE(list->rows.data[low].place.owner) != source)
        return false;
    return list->rows.data[low].begin < whole.end;
}

/*
 * The expanded rows after an edit: each value is looked for where it stood, then near there.
 *
 * What is not found any more is kept beside the kids of the node that showed it, so that it comes
 * back as it was when the edit is undone.
 */
#include "tree_node.h"

#include <pklbrowse/mem.h>

#include <string.h>

#define GONE_MAX 64    /* kept of a node, of what is not there any more */
#define LOOK_AROUND 16 /* children on both sides of where something stood */
#define LOOK_MAX 20000 /* children in all */

/* The copy that stands in one place of a shared value holds references to the same things. */
static bool is_same(const struct pkl_child *a, const struct pkl_child *b)
{
    return a->value.id == b->value.id || a->value.target == b->value.target;
}

static void forget_gone(struct tree_node *n, size_t i)
{
    memmove(&n->gone[i], &n->gone[i + 1], (n->ngone - i - 1) * sizeof n->gone[0]);
    n->ngone--;
}

/* Kid i is no row any more. */
static void set_aside(struct tree *t, struct tree_node *n, size_t i)
{
    struct tree_node *kid = n->kids[i];

    tree_drop_caches(t);
    tree_node_take(n, i);
    kid->astray = true;
    if (n->ngone == n->gone_cap &&
        !vec_grow_((void **)&n->gone, &n->gone_cap, n->ngone + 1, sizeof n->gone[0]))
        tree_node_free(kid);
    else
        n->gone[n->ngone++] = kid;
}

static void set_count(struct tree_node *n, uint64_t count)
{
    n->visible = n->visible - n->count + count;
    n->count = count;
}

/* What was set aside is the row of `child` now. */
static enum pb_err put_back(struct tree *t, struct tree_node *n, size_t i, uint64_t position,
                            const struct pkl_child *child, bool *done, struct error *e)
{
    struct tree_node *kid = n->gone[i];
    uint64_t count = 0;
    enum pb_err err = tree_count_children(t, &child->value, &count, e);

    *done = false;
    if (err != PB_OK || count == 0)
        return err;
    set_count(kid, count);
    kid->child = *child;
    kid->position = position;
    kid->astray = false;
    err = tree_node_put(n, kid, e);
    if (err == PB_OK) {
        forget_gone(n, i);
        *done = true;
    }
    return err;
}

static bool is_taken(const struct tree_node *n, uint64_t position)
{
    size_t k = tree_kid_at(n, position);

    return k < n->nkids && n->kids[k]->position == position;
}

/* alike: whatever is of the same kind will do. */
static enum pb_err try_at(struct tree *t, struct tree_node *n, size_t i, uint64_t position,
                          bool alike, bool *done, struct error *e)
{
    const struct pkl_child *was = &n->gone[i]->child;
    struct pkl_child child;
    enum pb_err err;

    *done = false;
    if (position >= n->count || is_taken(n, position))
        return PB_OK;
    err = tree_fetch(t, n, position, &child, e);
    if (err != PB_OK || !(alike ? child.value.kind == was->value.kind : is_same(&child, was)))
        return err;
    return put_back(t, n, i, position, &child, done, e);
}

/* Where it stood, or as far from there as the number of children has changed by. */
static enum pb_err try_near(struct tree *t, struct tree_node *n, bool *all, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = n->ngone; i-- > 0 && err == PB_OK;) {
        uint64_t at = n->gone[i]->position;
        bool done;

        err = try_at(t, n, i, at, false, &done, e);
        if (err == PB_OK && !done && n->count != n->settled)
            err = try_at(t, n, i, at + n->count - n->settled, false, &done, e);
    }
    *all = n->ngone == 0;
    return err;
}

/* Among the children around those places. */
static enum pb_err look_around(struct tree *t, struct tree_node *n, struct error *e)
{
    uint64_t low = UINT64_MAX, high = 0, reach = LOOK_AROUND;
    size_t first = n->ngone > GONE_MAX ? n->ngone - GONE_MAX : 0;
    enum pb_err err = PB_OK;

    reach += n->count > n->settled ? n->count - n->settled : n->settled - n->count;
    for (size_t i = first; i < n->ngone; i++) {
        uint64_t at = n->gone[i]->position;

        low = at < low ? at : low;
        high = at > high ? at : high;
    }
    low = low > reach ? low - reach : 0;
    high = high + reach < n->count ? high + reach : n->count;
    if (high > low + LOOK_MAX)
        high = low + LOOK_MAX;
    for (uint64_t at = low; at < high && err == PB_OK; at++) {
        bool done = false;

        for (size_t i = n->ngone; i-- > first && err == PB_OK && !done;)
            err = try_at(t, n, i, at, false, &done, e);
    }
    return err;
}

/* Another value of the same kind took its place: a copy of it, or one that was typed. */
static enum pb_err take_instead(struct tree *t, struct tree_node *n, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = n->ngone; i-- > 0 && err == PB_OK;) {
        bool done;

        if (n->gone[i]->astray)
            err = try_at(t, n, i, n->gone[i]->position, true, &done, e);
    }
    return err;
}

/* Reads kid i's place again.  *there: the value still stands in it, and has children. */
static enum pb_err refresh_kid(struct tree *t, struct tree_node *n, size_t i, bool *there,
                               struct error *e)
{
    struct tree_node *kid = n->kids[i];
    struct pkl_child child;
    uint64_t count = 0;
    enum pb_err err;

    *there = false;
    if (kid->position >= n->count)
        return PB_OK;
    err = tree_fetch(t, n, kid->position, &child, e);
    if (err == PB_OK && is_same(&child, &kid->child))
        err = tree_count_children(t, &child.value, &count, e);
    *there = err == PB_OK && count > 0;
    if (!*there)
        return err;
    kid->child = child;
    tree_node_grow(n, count - kid->count);
    set_count(kid, count);
    return PB_OK;
}

static enum pb_err refresh_kids(struct tree *t, struct tree_node *n, struct error *e)
{
    size_t before = n->ngone;
    bool changed, all = true;
    enum pb_err err = PB_OK;

    for (size_t i = 0; err == PB_OK && i < n->nkids;) {
        bool there;

        err = refresh_kid(t, n, i, &there, e);
        if (err == PB_OK && !there)
            set_aside(t, n, i);
        else
            i++;
    }
    changed = n->ngone > before || n->count != n->settled;
    if (err == PB_OK && n->ngone > 0)
        err = try_near(t, n, &all, e);
    if (err == PB_OK && !all && changed)
        err = look_around(t, n, e);
    if (err == PB_OK && n->count == n->settled)
        err = take_instead(t, n, e);
    for (size_t i = 0; i < n->ngone; i++)
        n->gone[i]->astray = false;
    n->settled = n->count;
    while (n->ngone > GONE_MAX) {
        tree_node_free(n->gone[0]);
        forget_gone(n, 0);
    }
    return err;
}

/* The expanded node behind n and all below it; NULL: it was the last. */
static struct tree_node *next_node(struct tree_node *n)
{
    while (n->parent != NULL) {
        size_t next = tree_kid_at(n->parent, n->position) + 1;

        if (next < n->parent->nkids)
            return n->parent->kids[next];
        n = n->parent;
    }
    return NULL;
}

enum pb_err tree_refresh(struct tree *t, struct error *e)
{
    struct tree_node *n = t->stream;
    enum pb_err err = PB_OK;

    tree_forget(t);
    for (; n != NULL && err == PB_OK; n = n->nkids > 0 ? n->kids[0] : next_node(n))
        err = refresh_kids(t, n, e);
    return err;
}

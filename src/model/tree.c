#include "tree_node.h"

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_SEARCHED 4096u /* of an object, for an attribute */

/* --- nodes --------------------------------------------------------------------------------- */

/* Index of the first kid whose position is >= `position`. */
size_t tree_kid_at(const struct tree_node *n, uint64_t position)
{
    size_t lo = 0, hi = n->nkids;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (n->kids[mid]->position < position)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Frees n and all below it without recursion: always the last kid of the deepest node first. */
void tree_node_free(struct tree_node *n)
{
    struct tree_node *stop = n ? n->parent : NULL;
    while (n && n != stop) {
        if (n->nkids > 0) {
            n = n->kids[--n->nkids];
            continue;
        }
        if (n->ngone > 0) {
            n = n->gone[--n->ngone];
            continue;
        }
        struct tree_node *parent = n->parent;
        free(n->kids);
        free(n->gone);
        free(n);
        n = parent;
    }
}

void tree_node_grow(struct tree_node *n, uint64_t rows)
{
    for (; n; n = n->parent)
        n->visible += rows;
}

void tree_node_take(struct tree_node *parent, size_t i)
{
    tree_node_grow(parent, 0 - parent->kids[i]->visible);
    memmove(&parent->kids[i], &parent->kids[i + 1],
            (parent->nkids - i - 1) * sizeof(parent->kids[0]));
    parent->nkids--;
}

static enum pb_err node_link(struct tree_node *parent, struct tree_node *kid, struct error *e)
{
    if (parent->nkids == parent->cap && !vec_grow_((void **)&parent->kids, &parent->cap,
                                                   parent->nkids + 1, sizeof(parent->kids[0])))
        return error_nomem(e);
    size_t i = tree_kid_at(parent, kid->position);
    memmove(&parent->kids[i + 1], &parent->kids[i], (parent->nkids - i) * sizeof(parent->kids[0]));
    parent->kids[i] = kid;
    parent->nkids++;
    kid->parent = parent;
    return PB_OK;
}

enum pb_err tree_node_put(struct tree_node *parent, struct tree_node *kid, struct error *e)
{
    enum pb_err err = node_link(parent, kid, e);
    if (err == PB_OK)
        tree_node_grow(parent, kid->visible);
    return err;
}

static void node_drop_kid(struct tree_node *parent, size_t i)
{
    struct tree_node *kid = parent->kids[i];
    tree_node_take(parent, i);
    tree_node_free(kid);
}

/* Nobody above counts its rows yet. */
static enum pb_err node_add_kid(struct tree_node *parent, const struct pkl_child *child,
                                uint64_t position, uint64_t count, struct tree_node **out,
                                struct error *e)
{
    struct tree_node *kid = mem_alloc(sizeof(*kid));
    if (!kid)
        return error_nomem(e);
    kid->child = *child;
    kid->position = position;
    kid->count = kid->settled = kid->visible = count;
    enum pb_err err = node_link(parent, kid, e);
    if (err != PB_OK)
        free(kid);
    else
        *out = kid;
    return err;
}

/* --- rows ---------------------------------------------------------------------------------- */

bool tree_locate(const struct tree *t, uint64_t row, struct tree_at *out)
{
    struct tree_node *n = t->stream;
    if (row >= n->visible)
        return false;
    for (unsigned depth = 0;; depth++) {
        uint64_t before = 0; /* rows below the kids passed */
        struct tree_node *down = NULL;
        for (size_t i = 0; i < n->nkids; i++) {
            struct tree_node *kid = n->kids[i];
            uint64_t at = kid->position + before;
            if (row <= at + kid->visible) {
                if (row >= at)
                    down = kid;
                break;
            }
            before += kid->visible;
        }
        if (!down || row == down->position + before) {
            *out = (struct tree_at){n, down, row - before, depth};
            return true;
        }
        row -= down->position + before + 1;
        n = down;
    }
}

uint64_t tree_row_of(const struct tree_node *parent, uint64_t position)
{
    uint64_t row = 0;
    for (;;) {
        row += position;
        for (size_t i = 0; i < parent->nkids && parent->kids[i]->position < position; i++)
            row += parent->kids[i]->visible;
        if (!parent->parent)
            return row;
        row++; /* the parent's own row */
        position = parent->position;
        parent = parent->parent;
    }
}

/* The cache that holds a child, else the one to fill. */
static struct tree_cache *find_cache(struct tree *t, const struct tree_node *parent,
                                     uint64_t position, bool *there)
{
    struct tree_cache *oldest = &t->caches[0];

    for (size_t i = 0; i < TREE_CACHES; i++) {
        struct tree_cache *c = &t->caches[i];
        *there = c->of == parent && position >= c->first && position - c->first < c->count;
        if (*there)
            return c;
        if (c->used < oldest->used)
            oldest = c;
    }
    return oldest;
}

enum pb_err tree_fetch(struct tree *t, const struct tree_node *parent, uint64_t position,
                       struct pkl_child *out, struct error *e)
{
    if (!parent->parent) {
        if (t->single) {
            *out = t->place;
            return PB_OK;
        }
        enum pb_err err = t->view->root(t->view, position, out, e);
        if (err == PB_OK)
            out->position = position;
        return err;
    }
    bool there = false;
    struct tree_cache *c = find_cache(t, parent, position, &there);
    c->used = ++t->turn;
    if (!there) {
        /* A little before, so that scrolling up does not fetch for every row. */
        uint64_t first = position > TREE_CACHE / 4 ? position - TREE_CACHE / 4 : 0;
        c->of = NULL;
        size_t got = 0;
        enum pb_err err = t->view->children(t->view, parent->child.value.id, first, TREE_CACHE,
                                            c->children, &got, e);
        if (err != PB_OK)
            return err;
        c->of = parent;
        c->first = first;
        c->count = got;
        if (position - first >= got)
            return error_set(e, PB_ENOTFOUND, "the value has no child %llu",
                             (unsigned long long)position);
    }
    *out = c->children[position - c->first];
    return PB_OK;
}

void tree_drop_caches(struct tree *t)
{
    for (size_t i = 0; i < TREE_CACHES; i++)
        t->caches[i].of = NULL;
}

/* Those of nodes below n, which go; with n itself when it goes as well. */
static void drop_caches_below(struct tree *t, const struct tree_node *n, bool itself)
{
    for (size_t i = 0; i < TREE_CACHES; i++) {
        const struct tree_node *at = t->caches[i].of;
        if (at == n && !itself)
            continue;
        while (at && at != n)
            at = at->parent;
        if (at == n)
            t->caches[i].of = NULL;
    }
}

enum pb_err tree_count_children(struct tree *t, const struct pkl_node *n, uint64_t *count,
                                struct error *e)
{
    *count = 0;
    if (!pkl_kind_has_children(n->kind))
        return PB_OK;
    return t->view->count_children(t->view, n->id, count, e);
}

void tree_forget(struct tree *t)
{
    tree_drop_caches(t);
    for (size_t i = 0; i < TREE_PATHS; i++) {
        free(t->paths[i].text);
        t->paths[i] = (struct tree_known_path){0, NULL};
    }
}

/* --- making -------------------------------------------------------------------------------- */

enum pb_err tree_new(struct pkl_view *v, struct pkl_edit *edit, struct tree **out, struct error *e)
{
    struct tree *t = mem_alloc(sizeof(*t));
    struct tree_node *stream = mem_alloc(sizeof(*stream));
    struct pkl_lenses *lenses = NULL;
    if (!t || !stream || pkl_lenses_new(v, &lenses, e) != PB_OK) {
        free(t);
        free(stream);
        return error_nomem(e);
    }
    t->lenses = lenses;
    t->view = pkl_lenses_view(lenses);
    t->edit = edit;
    t->stream = stream;
    stream->count = stream->settled = stream->visible = v->roots(v);
    *out = t;
    return PB_OK;
}

enum pb_err tree_new_at(struct pkl_view *v, const struct pkl_child *place, struct tree **out,
                        struct error *e)
{
    enum pb_err err = tree_new(v, NULL, out, e);
    if (err != PB_OK)
        return err;
    (*out)->single = true;
    (*out)->place = *place;
    (*out)->stream->count = (*out)->stream->settled = (*out)->stream->visible = 1;
    return PB_OK;
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    tree_forget(t);
    tree_node_free(t->stream);
    pkl_lenses_free(t->lenses);
    free(t);
}

uint64_t tree_rows(const struct tree *t)
{
    return t->stream->visible;
}

/* --- expanding ----------------------------------------------------------------------------- */

/* Expands child `position` of parent if it has children; *out is NULL for a leaf.  Where it was not
 * expanded, `*fresh`, nobody above counts its rows yet. */
static enum pb_err open_at(struct tree *t, struct tree_node *parent, uint64_t position,
                           struct tree_node **out, bool *fresh, struct error *e)
{
    *out = NULL;
    *fresh = false;
    size_t i = tree_kid_at(parent, position);
    if (i < parent->nkids && parent->kids[i]->position == position) {
        *out = parent->kids[i];
        return PB_OK;
    }
    struct pkl_child child;
    enum pb_err err = tree_fetch(t, parent, position, &child, e);
    uint64_t count = 0;
    if (err == PB_OK)
        err = tree_count_children(t, &child.value, &count, e);
    if (err != PB_OK || count == 0)
        return err;
    *fresh = true;
    return node_add_kid(parent, &child, position, count, out, e);
}

static enum pb_err expand_at(struct tree *t, struct tree_node *parent, uint64_t position,
                             struct tree_node **out, struct error *e)
{
    bool fresh;
    enum pb_err err = open_at(t, parent, position, out, &fresh, e);
    if (err == PB_OK && fresh)
        tree_node_grow(parent, (*out)->visible);
    return err;
}

enum pb_err tree_expand(struct tree *t, uint64_t row, struct error *e)
{
    struct tree_at at;
    struct tree_node *node;
    if (!tree_locate(t, row, &at) || at.node)
        return PB_OK;
    return expand_at(t, at.parent, at.position, &node, e);
}

void tree_collapse(struct tree *t, uint64_t row)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at) || !at.node)
        return;
    drop_caches_below(t, at.node, true);
    node_drop_kid(at.parent, tree_kid_at(at.parent, at.position));
}

void tree_collapse_below(struct tree *t, uint64_t row)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at) || !at.node)
        return;
    drop_caches_below(t, at.node, false);
    while (at.node->nkids > 0)
        node_drop_kid(at.node, at.node->nkids - 1);
}

/* One of those that are expanded level after level; its parent is another one, in front of it. */
struct level_item {
    struct tree_node *node;
    size_t parent;
    unsigned level;
    bool fresh;
    uint64_t grown; /* rows that came below it and are not in its `visible` yet */
};
struct level_queue {
    struct level_item *data;
    size_t len, cap;
};

/* From the deepest up, each once: adding every one to all above it costs the square of the depth.
 */
static void count_grown(struct level_queue *q)
{
    for (size_t i = q->len; i-- > 1;) {
        struct level_item *it = &q->data[i], *parent = &q->data[it->parent];
        parent->grown += it->grown + (it->fresh ? it->node->visible : 0);
        it->node->visible += it->grown;
    }
    if (q->len > 0)
        tree_node_grow(q->data[0].node, q->data[0].grown);
}

static enum pb_err expand_kids(struct tree *t, struct level_queue *q, size_t i, uint64_t *budget,
                               bool *complete, struct error *e)
{
    struct level_item it = q->data[i];
    enum pb_err err = PB_OK;
    for (uint64_t p = 0; err == PB_OK && p < it.node->count; p++) {
        struct pkl_child child;
        struct level_item kid = {.parent = i, .level = it.level + 1};
        if ((*budget)-- == 0) {
            *budget = 0;
            *complete = false;
            return PB_OK;
        }
        if (!vec_reserve(q, q->len + 1))
            return error_nomem(e);
        err = tree_fetch(t, it.node, p, &child, e);
        if (err == PB_OK && !child.value.ref)
            err = open_at(t, it.node, p, &kid.node, &kid.fresh, e);
        if (err == PB_OK && kid.node)
            q->data[q->len++] = kid;
    }
    return err;
}

/*
 * Expands level after level below `top`, `levels` deep, looking at no more than `budget` places.
 * Breadth first, so that a limit cuts the deepest rows.
 */
static enum pb_err expand_levels(struct tree *t, struct tree_node *top, unsigned levels,
                                 uint64_t budget, bool *complete, struct error *e)
{
    struct level_queue queue = {0};
    enum pb_err err = PB_OK;
    *complete = true;
    if (!vec_push(&queue, ((struct level_item){.node = top})))
        return error_nomem(e);
    for (size_t i = 0; err == PB_OK && *complete && i < queue.len; i++) {
        if (queue.data[i].level < levels)
            err = expand_kids(t, &queue, i, &budget, complete, e);
    }
    count_grown(&queue);
    vec_release(&queue);
    return err;
}

enum pb_err tree_expand_below(struct tree *t, uint64_t row, uint64_t max_rows, bool *complete,
                              struct error *e)
{
    struct tree_at at;
    *complete = true;
    if (!tree_locate(t, row, &at))
        return PB_OK;
    struct tree_node *node = at.node;
    enum pb_err err = node ? PB_OK : expand_at(t, at.parent, at.position, &node, e);
    if (err != PB_OK || !node)
        return err;
    return expand_levels(t, node, UINT32_MAX, max_rows, complete, e);
}

enum pb_err tree_expand_level(struct tree *t, unsigned level, uint64_t max_rows, struct error *e)
{
    bool complete;
    tree_drop_caches(t);
    while (t->stream->nkids > 0)
        node_drop_kid(t->stream, t->stream->nkids - 1);
    return expand_levels(t, t->stream, level, max_rows, &complete, e);
}

/* --- moving -------------------------------------------------------------------------------- */

bool tree_parent(const struct tree *t, uint64_t row, uint64_t *parent)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at) || !at.parent->parent)
        return false;
    *parent = tree_row_of(at.parent->parent, at.parent->position);
    return true;
}

bool tree_sibling(const struct tree *t, uint64_t row, int direction, uint64_t *sibling)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at))
        return false;
    if (direction > 0 ? at.position + 1 >= at.parent->count : at.position == 0)
        return false;
    *sibling = tree_row_of(at.parent, direction > 0 ? at.position + 1 : at.position - 1);
    return true;
}

enum pb_err tree_child(struct tree *t, uint64_t row, struct pkl_child *out, struct error *e)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at))
        return error_set(e, PB_ENOTFOUND, "the tree has no row %llu", (unsigned long long)row);
    return tree_fetch(t, at.parent, at.position, out, e);
}

/* --- paths --------------------------------------------------------------------------------- */

enum pb_err tree_path_at(struct tree *t, const struct tree_at *at, enum path_form form,
                         struct buf *out, struct error *e)
{
    struct pkl_child last;
    enum pb_err err = tree_fetch(t, at->parent, at->position, &last, e);
    /* The chain from the root down: nodes are linked upwards, so collect them first. */
    struct {
        const struct pkl_child **data;
        size_t len, cap;
    } chain = {0};
    bool ok = err == PB_OK && vec_push(&chain, &last);
    for (const struct tree_node *n = at->parent; ok && n->parent; n = n->parent)
        ok = vec_push(&chain, &n->child);
    if (err == PB_OK && !ok)
        err = error_nomem(e);
    for (size_t i = chain.len; err == PB_OK && i-- > 0;) {
        const struct pkl_child *c = chain.data[i];
        if (c->step != PKL_STEP_ROOT || t->stream->count > 1)
            err = pkl_path_step_text(t->view, c, form, out, e);
    }
    vec_release(&chain);
    return err != PB_OK ? err : buf_status(out, e);
}

enum pb_err tree_path(struct tree *t, uint64_t row, enum path_form form, struct buf *out,
                      struct error *e)
{
    struct tree_at at;
    if (!tree_locate(t, row, &at))
        return error_set(e, PB_ENOTFOUND, "the tree has no row %llu", (unsigned long long)row);
    return tree_path_at(t, &at, form, out, e);
}

/* Which row of an expanded one a place is.  Attributes stand among the object's children, so that
 * their place in a state is another than their row. */
static enum pb_err row_of_place(struct tree *t, struct tree_node *node,
                                const struct pkl_child *place, uint64_t *position, bool *found,
                                struct error *e)
{
    struct pkl_child shown;
    uint64_t most = node->count < ROWS_SEARCHED ? node->count : ROWS_SEARCHED;
    enum pb_err err = PB_OK;

    *position = place->position;
    *found = *position < node->count && tree_fetch(t, node, *position, &shown, NULL) == PB_OK &&
             shown.owner == place->owner && shown.index == place->index;
    for (uint64_t i = 0; i < most && !*found && err == PB_OK; i++) {
        err = tree_fetch(t, node, i, &shown, e);
        *found = err == PB_OK && shown.owner == place->owner && shown.index == place->index;
        *position = *found ? i : place->position;
    }
    return err;
}

/* Where in a tree a path has led to. */
struct reveal {
    struct tree_node *parent;
    uint64_t position;
};

/* One step on; *found false: the place is no row here. */
static enum pb_err reveal_step(struct tree *t, struct reveal *r, const struct pkl_path *path,
                               bool *found, struct error *e)
{
    struct tree_node *node = NULL;
    struct pkl_child child;
    uint64_t position = 0;
    enum pb_err err = pkl_path_follow(t->view, path, &child, e);

    *found = false;
    if (err == PB_OK)
        err = expand_at(t, r->parent, r->position, &node, e);
    if (err == PB_OK && node)
        err = row_of_place(t, node, &child, &position, found, e);
    if (err == PB_OK && *found) {
        r->parent = node;
        r->position = position;
    }
    return err;
}

/* The parts of an object whose children are rows of the object itself. */
static bool is_merged(const struct path_step *s)
{
    return s->kind == PATH_PART && (s->part == PKL_STATE || s->part == PKL_SLOTS ||
                                    s->part == PKL_ITEMS || s->part == PKL_ENTRIES);
}

/* What a lens hides is shown: the object becomes raw, unless that does not help. */
static enum pb_err reveal_raw(struct tree *t, struct reveal *r, const struct pkl_path *path,
                              bool *found, struct error *e)
{
    uint64_t row = tree_row_of(r->parent, r->position);
    const struct path_step *step = &path->steps[path->count - 1];
    struct pkl_child object;
    struct error why;
    bool raw = false;
    enum pb_err err = tree_fetch(t, r->parent, r->position, &object, e), again;

    *found = false;
    if (err != PB_OK || object.value.kind != PKL_OBJECT ||
        pkl_lenses_is_raw(t->lenses, object.value.target))
        return err;
    err = tree_toggle_lens(t, row, &raw, &why);
    if (err == PB_ENOTFOUND)
        return PB_OK; /* it is raw anyway */
    if (err == PB_OK)
        err = reveal_step(t, r, path, found, &why);
    if (raw && !*found && !(err == PB_OK && is_merged(step))) {
        again = tree_toggle_lens(t, row, &raw, e);
        err = err == PB_OK || err == PB_ENOTFOUND ? again : err;
    }
    return err == PB_OK || err == PB_ENOTFOUND ? PB_OK : error_set(e, err, "%s", why.msg);
}

enum pb_err tree_reveal(struct tree *t, const struct pkl_path *path, uint64_t *row, struct error *e)
{
    struct reveal r = {t->stream, path->root};
    if (path->root >= t->stream->count)
        return error_set(e, PB_ENOTFOUND, "there is no pickle @%llu",
                         (unsigned long long)path->root);
    for (size_t i = 0; i < path->count; i++) {
        struct pkl_path prefix = {path->root, path->steps, i + 1};
        bool found = false;
        enum pb_err err = reveal_step(t, &r, &prefix, &found, e);
        if (!found && (err == PB_OK || err == PB_ENOTFOUND)) {
            struct error why;
            enum pb_err raw = reveal_raw(t, &r, &prefix, &found, &why);
            if (raw != PB_OK)
                return error_set(e, raw, "%s", why.msg);
            err = found ? PB_OK : err;
        }
        if (err != PB_OK)
            return err;
        if (!found && !is_merged(&path->steps[i]))
            return error_set(e, PB_ENOTFOUND, "%s is not a row of the tree", path->steps[i].typed);
    }
    *row = tree_row_of(r.parent, r.position);
    return PB_OK;
}

/* --- lenses -------------------------------------------------------------------------------- */

struct pkl_view *tree_view(struct tree *t)
{
    return t->view;
}

enum pb_err tree_toggle_lens(struct tree *t, uint64_t row, bool *raw, struct error *e)
{
    struct pkl_child c;
    const char *type;
    enum pb_err err = tree_child(t, row, &c, e);
    if (err != PB_OK)
        return err;
    *raw = !pkl_lenses_is_raw(t->lenses, c.value.target);
    if (*raw) {
        err = pkl_lens_type(t->view, &c.value, &type, e);
        if (err == PB_OK && !type)
            return error_set(e, PB_ENOTFOUND, "no lens shows this value");
    }
    if (err == PB_OK)
        err = pkl_lenses_set_raw(t->lenses, c.value.target, *raw, e);
    if (err != PB_OK)
        return err;
    tree_collapse(t, row); /* its children are others now */
    return tree_refresh(t, e);
}

void tree_speak(struct tree *t)
{
    t->spoken = true;
}

const char *tree_next_py2_str(struct tree *t)
{
    static const char *const names[] = {
        [PKL_PY2_ASCII] = N_("ASCII, else as bytes"),
        [PKL_PY2_LATIN1] = N_("Latin-1"),
        [PKL_PY2_UTF8] = N_("UTF-8, else as bytes"),
        [PKL_PY2_BYTES] = N_("bytes"),
    };

    t->view->py2_str = (t->view->py2_str + 1) % (sizeof names / sizeof names[0]);
    return names[t->view->py2_str];
}

/* What one row of the tree says: label, type, value, and what was changed. */
#include "tree_node.h"

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_int.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include <stdlib.h>
#include <string.h>

/* A text of ours, on the screen in the person's language; elsewhere a program may read it. */
#define WORD(t, text) ((t)->spoken ? _(text) : (text))
#define COUNTED(t, one, many, n) ((t)->spoken ? P_(one, many, n) : (n) == 1 ? (one) : (many))

#define LABEL_BYTES 200 /* of a key: longer ones end in "…" */

void tree_row_init(struct tree_row *r)
{
    *r = (struct tree_row){0};
    buf_init(&r->label, BUF_MAX_LINE);
    buf_init(&r->type, BUF_MAX_LINE);
    buf_init(&r->preview, BUF_MAX_LINE);
    buf_init(&r->was, BUF_MAX_LINE);
}

void tree_row_release(struct tree_row *r)
{
    buf_release(&r->label);
    buf_release(&r->type);
    buf_release(&r->preview);
    buf_release(&r->was);
}

/* A text that could not be made is shown as what went wrong, never left out. */
static void or_error(struct buf *out, enum pb_err err, const struct error *why)
{
    if (err == PB_OK)
        return;
    buf_clear(out);
    buf_printf(out, "<%s>", why->msg);
}

static enum pb_err attr_label(struct tree *t, const struct pkl_node *key, struct buf *out,
                              struct error *e)
{
    if (key->kind != PKL_STR && key->kind != PKL_PY2STR)
        return pkl_preview(t->view, key, LABEL_BYTES, out, e);
    struct pkl_leaf leaf;
    pkl_leaf_init(&leaf);
    enum pb_err err = pkl_leaf_read(t->view, key, LABEL_BYTES, &leaf, e);
    if (err == PB_OK) {
        buf_putc(out, '.');
        text_escape(out, leaf.data.data, leaf.data.len);
        if (leaf.partial)
            buf_puts(out, "…");
    }
    pkl_leaf_release(&leaf);
    return err;
}

static void make_label(struct tree *t, const struct pkl_child *c, struct buf *out)
{
    struct error why;
    enum pb_err err = PB_OK;
    switch (c->step) {
    case PKL_STEP_INDEX:
        buf_printf(out, "%llu", (unsigned long long)c->index);
        break;
    case PKL_STEP_MEMBER:
        buf_printf(out, "#%llu", (unsigned long long)c->position);
        break;
    case PKL_STEP_KEY:
        err = pkl_preview(t->view, &c->key, LABEL_BYTES, out, &why);
        break;
    case PKL_STEP_ATTR:
        err = attr_label(t, &c->key, out, &why);
        break;
    case PKL_STEP_PART:
        err = pkl_path_step_text(t->view, c, PATH_FORM_PATH, out, &why);
        break;
    case PKL_STEP_ROOT:
        if (t->stream->count > 1)
            buf_printf(out, "@%llu", (unsigned long long)c->position);
        break;
    }
    or_error(out, err, &why);
}

/* Whether an ancestor of the row is the very value it refers to. */
static bool refers_up(const struct tree_at *at, pkl_id target)
{
    for (const struct tree_node *n = at->parent; n && n->parent; n = n->parent)
        if (n->child.value.target == target)
            return true;
    return false;
}

/* Where a shared value is shown first; remembered, since finding it means walking down from the
 * root. */
static const char *first_place(struct tree *t, pkl_id target)
{
    for (size_t i = 0; i < TREE_PATHS; i++)
        if (t->paths[i].target == target)
            return t->paths[i].text;
    struct buf path;
    buf_init(&path, BUF_MAX_LINE);
    char *text = NULL;
    if (pkl_path_of(t->view, target, PATH_FORM_PYTHON, &path, NULL) == PB_OK &&
        buf_status(&path, NULL) == PB_OK) {
        if (path.len == 0)
            buf_puts(&path, WORD(t, N_("the whole value")));
        text = buf_take(&path, NULL);
    }
    buf_release(&path);
    struct tree_known_path *slot = &t->paths[t->next_path];
    t->next_path = (t->next_path + 1) % TREE_PATHS;
    free(slot->text);
    *slot = (struct tree_known_path){target, text};
    return text;
}

/* What stood there before it may have been deleted. */
static bool is_first_place(struct tree *t, const struct tree_at *at, pkl_id target)
{
    const char *first = first_place(t, target);
    struct buf own;
    bool same = false;

    buf_init(&own, BUF_MAX_LINE);
    if (first != NULL && tree_path_at(t, at, PATH_FORM_PYTHON, &own, NULL) == PB_OK &&
        buf_status(&own, NULL) == PB_OK)
        same = own.len == strlen(first) && memcmp(own.data, first, own.len) == 0;
    buf_release(&own);
    return same;
}

static enum pkl_step step_at(struct tree *t, const struct pkl_node *n, uint64_t position)
{
    struct pkl_child c;
    size_t got;

    if (t->view->children(t->view, n->target, position, 1, &c, &got, NULL) != PB_OK || got == 0)
        return PKL_STEP_PART;
    return c.step;
}

/* ", 3 attributes": an object's children.  They stand in the order arguments, attributes, items,
 * entries, so that the first and the last one tell. */
static void put_children(struct tree *t, const struct pkl_node *n, uint64_t count, struct buf *out)
{
    enum pkl_step first = step_at(t, n, 0);

    if (step_at(t, n, count - 1) != first)
        first = PKL_STEP_PART;
    if (first == PKL_STEP_ATTR)
        buf_printf(out, COUNTED(t, ", %s attribute", ", %s attributes", count), TEXT_COUNT(count));
    else if (first == PKL_STEP_INDEX)
        buf_printf(out, COUNTED(t, ", %s item", ", %s items", count), TEXT_COUNT(count));
    else if (first == PKL_STEP_KEY)
        buf_printf(out, COUNTED(t, ", %s entry", ", %s entries", count), TEXT_COUNT(count));
    else
        buf_printf(out, COUNTED(t, ", %s part", ", %s parts", count), TEXT_COUNT(count));
}

static void describe_object(struct tree *t, const struct pkl_node *n, uint64_t count,
                            struct tree_row *r)
{
    struct error why;
    struct buf name;
    buf_init(&name, BUF_MAX_LINE);
    enum pb_err err = pkl_type_name(t->view, n, &name, &why);
    if (err == PB_OK && !memchr(name.data, '.', name.len)) {
        /* A built-in type in the form old protocols write it: it has a text of its own. */
        buf_append(&r->type, name.data, name.len);
        buf_release(&name);
        return;
    }
    or_error(&name, err, &why);
    buf_puts(&r->type, "object");
    buf_append(&r->preview, name.data, name.len);
    if (count > 0)
        put_children(t, n, count, &r->preview);
    buf_release(&name);
}

/* Of an int whose digits are not shown. */
static void put_bits(struct tree *t, const struct pkl_node *n, struct buf *out)
{
    struct error ignored; /* the preview says what cannot be read */
    uint64_t bits;

    if (pkl_int_long_bits(t->view, n, &bits, &ignored) != PB_OK || bits == 0)
        return;
    buf_printf(out, WORD(t, N_(" %s bits")), TEXT_COUNT(bits));
}

static void make_texts(struct tree *t, const struct tree_at *at, uint64_t count, size_t bytes,
                       struct tree_row *r)
{
    const struct pkl_node *n = &r->child.value;
    struct error why;
    if (n->kind == PKL_OBJECT) {
        describe_object(t, n, count, r);
    } else {
        or_error(&r->type, pkl_type_name(t->view, n, &r->type, &why), &why);
        if (n->kind == PKL_LIST || n->kind == PKL_TUPLE || n->kind == PKL_DICT ||
            n->kind == PKL_SET || n->kind == PKL_FROZENSET || n->kind == PKL_BROKEN) {
            buf_puts(&r->type, " (");
            text_count(&r->type, count);
            buf_putc(&r->type, ')');
        } else if (n->kind == PKL_INT) {
            put_bits(t, n, &r->type);
        }
    }
    if (r->shared) {
        const char *place = first_place(t, n->target);
        buf_clear(&r->preview);
        buf_puts(&r->preview,
                 refers_up(at, n->target) ? WORD(t, N_("contains itself")) : WORD(t, N_("shared")));
        if (place)
            buf_printf(&r->preview, " → %s", place);
    } else if (r->preview.len == 0) {
        or_error(&r->preview, pkl_preview(t->view, n, bytes, &r->preview, &why), &why);
    }
}

/* What stands at a place, and how many children that has. */
static enum pb_err fill(struct tree *t, const struct tree_at *at, size_t preview_bytes,
                        struct tree_row *r, uint64_t *children, struct error *e)
{
    buf_clear(&r->label);
    buf_clear(&r->type);
    buf_clear(&r->preview);
    buf_clear(&r->was);
    enum pb_err err = tree_fetch(t, at->parent, at->position, &r->child, e);
    if (err != PB_OK)
        return err;
    uint64_t count = 0;
    struct error why;
    err = tree_count_children(t, &r->child.value, &count, &why);
    *children = count;
    r->depth = at->depth;
    r->expandable = err == PB_OK && count > 0;
    r->expanded = at->node != NULL;
    r->shared = r->child.value.ref && count > 0 && /* a shared leaf is just a value */
                !is_first_place(t, at, r->child.value.target);
    make_label(t, &r->child, &r->label);
    make_texts(t, at, count, preview_bytes, r);
    or_error(&r->preview, err, &why);

    struct pkl_node old = {0};
    r->changed = t->edit && pkl_edit_place_changed(t->edit, r->child.owner, r->child.index, &old);
    r->moved = r->changed && old.id == r->child.value.id;
    r->below_changed = t->edit && r->expandable && pkl_edit_below_changed(t->edit, &r->child.value);
    if (r->changed && old.id != 0)
        or_error(&r->was,
                 pkl_preview(pkl_edit_saved_view(t->edit), &old, preview_bytes, &r->was, &why),
                 &why);
    return buf_status(&r->preview, e);
}

enum pb_err tree_row(struct tree *t, uint64_t row, size_t preview_bytes, struct tree_row *r,
                     struct error *e)
{
    struct tree_at at;
    uint64_t count;
    if (!tree_locate(t, row, &at))
        return error_set(e, PB_ENOTFOUND, "the tree has no row %llu", (unsigned long long)row);
    return fill(t, &at, preview_bytes, r, &count, e);
}

/* --- one after the other ---------------------------------------------------------------------- */

/* Nodes of the way down; they are none of the tree's expanded ones. */
struct tree_walk {
    struct tree *t;
    struct tree_node *node; /* whose child comes next */
    uint64_t next;          /* its position */
    unsigned depth;
    uint64_t count; /* children of the row that was given last */
};

enum pb_err tree_walk_new(struct tree *t, struct tree_walk **out, struct error *e)
{
    struct tree_walk *w = mem_alloc(sizeof *w);
    if (!w)
        return error_nomem(e);
    *w = (struct tree_walk){.t = t, .node = t->stream};
    *out = w;
    return PB_OK;
}

static void leave(struct tree_walk *w)
{
    struct tree_node *gone = w->node;
    for (size_t i = 0; i < TREE_CACHES; i++) {
        if (w->t->caches[i].of == gone)
            w->t->caches[i].of = NULL;
    }
    w->next = gone->position + 1;
    w->node = gone->parent;
    w->depth--;
    free(gone);
}

void tree_walk_free(struct tree_walk *w)
{
    if (!w)
        return;
    while (w->node->parent)
        leave(w);
    free(w);
}

enum pb_err tree_walk_next(struct tree_walk *w, size_t preview_bytes, struct tree_row *r,
                           bool *there, struct error *e)
{
    while (w->next >= w->node->count && w->node->parent)
        leave(w);
    *there = w->next < w->node->count;
    if (!*there)
        return PB_OK;
    struct tree_at at = {.parent = w->node, .position = w->next++, .depth = w->depth};
    return fill(w->t, &at, preview_bytes, r, &w->count, e);
}

enum pb_err tree_walk_enter(struct tree_walk *w, const struct tree_row *r, struct error *e)
{
    struct tree_node *n = mem_alloc(sizeof *n);
    if (!n)
        return error_nomem(e);
    *n = (struct tree_node){
        .parent = w->node, .child = r->child, .position = w->next - 1, .count = w->count};
    w->node = n;
    w->next = 0;
    w->depth++;
    return PB_OK;
}

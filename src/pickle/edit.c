/* The edit session: places, pieces, undo. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edit_private.h"
#include "index.h"

#define NEW_BYTES_MAX ((size_t)1 << 40)
#define PARTS_MAX                                                                                  \
    UINT32_MAX /* parts of an object, pickles of a stream: numbered, never counted                 \
                */

static enum pb_err open_second(struct pkl_edit *ed, struct error *e)
{
    enum pb_err err;

    ed->bytes = source_mem_growing(NEW_BYTES_MAX);
    if (ed->bytes == NULL)
        return error_nomem(e);
    err = pkl_doc_new(ed->bytes, 1, NULL, &ed->news, e);
    if (err == PB_OK)
        ed->second = pkl_doc_view(ed->news);
    return err;
}

enum pb_err pkl_edit_new(struct pkl_doc *doc, struct pkl_edit **out, struct error *e)
{
    struct pkl_edit *ed = mem_alloc(sizeof *ed);
    struct pkl_info info;
    enum pb_err err;

    if (ed == NULL)
        return error_nomem(e);
    ed->doc = doc;
    ed->base = pkl_doc_view(doc);
    pkl_doc_info(doc, &info);
    pkl_style_of(&info, &ed->style);
    edit_view_init(ed);
    err = open_second(ed, e);
    if (err != PB_OK) {
        pkl_edit_free(ed);
        return err;
    }
    *out = ed;
    return PB_OK;
}

static void release_log(struct edit_log *l)
{
    pieces_release(&l->old);
    pieces_release(&l->new);
}

void pkl_edit_free(struct pkl_edit *ed)
{
    if (ed == NULL)
        return;
    for (size_t i = 0; i < ed->containers.len; i++) {
        pieces_release(&ed->containers.data[i].now);
        pieces_release(&ed->containers.data[i].saved);
        vec_release(&ed->containers.data[i].originals);
        idmap_release(&ed->containers.data[i].original_of);
    }
    for (size_t i = 0; i < ed->log.len; i++)
        release_log(&ed->log.data[i]);
    vec_release(&ed->containers);
    vec_release(&ed->values);
    vec_release(&ed->links);
    vec_release(&ed->log);
    vec_release(&ed->changes.rows);
    vec_release(&ed->changes.shown);
    vec_release(&ed->since_saved.rows);
    vec_release(&ed->since_saved.shown);
    vec_release(&ed->asked_gone);
    idmap_release(&ed->by_owner);
    idmap_release(&ed->by_hash);
    edit_keyed_release(ed);
    idmap_release(&ed->undupped);
    edit_counts_release(&ed->counts);
    path_finder_release(&ed->finders[0]);
    path_finder_release(&ed->finders[1]);
    free(ed->stands);
    pkl_doc_free(ed->news);
    source_free(ed->bytes);
    free(ed);
}

/* ------------------------------------------------------------------------- containers */

struct pkl_view *edit_base_of(struct pkl_edit *ed, pkl_id id)
{
    return PKL_ID_SOURCE(id) == 0 ? ed->base : ed->second;
}

struct edit_container *edit_container_of(struct pkl_edit *ed, pkl_id owner)
{
    uint64_t number;

    if (owner == 0 || ed->containers.len == 0 || !idmap_get(&ed->by_owner, owner, &number))
        return NULL;
    return &ed->containers.data[number - 1];
}

size_t edit_value_at(const struct edit_container *c, uint64_t index)
{
    const struct piece *p = c != NULL ? pieces_at(&c->now, index) : NULL;

    return p != NULL ? p->value : 0;
}

static enum pb_err no_place(struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "there is no such place in this value");
}

/* How many children the original stores. */
static enum pb_err stored(struct pkl_edit *ed, pkl_id owner, enum pkl_step step, uint64_t *count,
                          struct error *e)
{
    struct pkl_view *v = edit_base_of(ed, owner);

    *count = PARTS_MAX;
    if (step == PKL_STEP_ROOT || step == PKL_STEP_PART)
        return PB_OK;
    return v->count_children(v, owner, count, e);
}

enum pb_err edit_need(struct pkl_edit *ed, pkl_id owner, enum pkl_step step, size_t *number,
                      struct error *e)
{
    struct edit_container c = {.owner = owner, .step = step}, *known;
    uint64_t count;
    enum pb_err err;

    known = edit_container_of(ed, owner);
    *number = known != NULL ? (size_t)(known - ed->containers.data) : ed->containers.len;
    if (known != NULL)
        return PB_OK;
    /* Where a child's bytes are says nothing about what becomes of them then. */
    if (PKL_ID_SOURCE(owner) == 0 && pkl_doc_altered(ed->doc, owner))
        return error_set(e, PB_EREADONLY,
                         "the pickle sets items of this list by their number: it can be read, or "
                         "replaced as a whole, but its items cannot be changed one by one");
    err = stored(ed, owner, step, &count, e);
    if (err != PB_OK)
        return err;
    if (!pieces_init(&c.now, count) || !pieces_init(&c.saved, count) ||
        !vec_push(&ed->containers, c)) {
        pieces_release(&c.now);
        pieces_release(&c.saved);
        return error_nomem(e);
    }
    if (!idmap_put(&ed->by_owner, owner, ed->containers.len)) {
        ed->containers.len--;
        pieces_release(&c.now);
        pieces_release(&c.saved);
        return error_nomem(e);
    }
    return PB_OK;
}

enum pb_err edit_need_place(struct pkl_edit *ed, const struct pkl_child *place, size_t *number,
                            struct piece *piece, struct error *e)
{
    const struct piece *p;
    /* The second half of a state is an item of a tuple, however it was reached. */
    enum pkl_step step = place->part == PKL_SLOTS ? PKL_STEP_INDEX : place->step;
    enum pb_err err = edit_need(ed, place->owner, step, number, e);

    if (err != PB_OK)
        return err;
    p = pieces_at(&ed->containers.data[*number].now, place->index);
    if (p == NULL)
        return no_place(e);
    *piece = *p;
    piece->first += place->index - p->at;
    piece->at = place->index;
    piece->count = 1;
    return PB_OK;
}

/* ------------------------------------------------------------------------- originals */

/* A part of an object; a state that is a dict is no child of it. */
static enum pb_err read_part(struct pkl_view *v, pkl_id owner, uint64_t index,
                             struct pkl_child *out, struct error *e)
{
    static const enum pkl_part parts[] = {PKL_CLASS, PKL_ARGS, PKL_KWARGS, PKL_STATE};
    size_t got = 1;
    enum pb_err err = v->part(v, owner, parts[index < 3 ? index : 3], out, e);

    for (uint64_t at = 0; err == PB_OK && got == 1 && out->index != index; at++)
        err = v->children(v, owner, at, 1, out, &got, e);
    return err == PB_OK && got != 1 ? no_place(e) : err;
}

static enum pb_err read_child(struct pkl_edit *ed, pkl_id owner, uint64_t index,
                              struct pkl_child *out, size_t *got, struct error *e)
{
    struct edit_window *w = &ed->window;
    struct pkl_view *v = edit_base_of(ed, owner);
    enum pb_err err = PB_OK;

    if (w->owner != owner || index < w->first || index - w->first >= w->count) {
        w->owner = 0;
        w->first = index;
        err = v->children(v, owner, index, EDIT_WINDOW, w->kids, &w->count, e);
        if (err == PB_OK)
            w->owner = owner;
    }
    *got = err == PB_OK && w->count > 0;
    if (*got > 0)
        *out = w->kids[index - w->first];
    return err;
}

static enum pb_err read_original(struct pkl_edit *ed, const struct edit_container *c,
                                 uint64_t first, struct pkl_child *out, struct error *e)
{
    struct pkl_view *v = edit_base_of(ed, c->owner);
    size_t got = 1;
    enum pb_err err;

    if (c->step == PKL_STEP_ROOT)
        err = v->root(v, first, out, e);
    else if (c->step == PKL_STEP_PART)
        err = read_part(v, c->owner, first, out, e);
    else
        err = read_child(ed, c->owner, first, out, &got, e);
    if (err == PB_OK && (got != 1 || out->owner != c->owner || out->index != first))
        err = no_place(e);
    if (err != PB_OK)
        return err;
    if (c->step == PKL_STEP_ATTR && (out->key.kind == PKL_STR || out->key.kind == PKL_PY2STR))
        out->step = PKL_STEP_ATTR;
    err = edit_resolve(ed, &out->value, e);
    return err == PB_OK && out->key.id != 0 ? edit_resolve(ed, &out->key, e) : err;
}

enum pb_err edit_original(struct pkl_edit *ed, size_t number, uint64_t first, struct pkl_child *out,
                          struct error *e)
{
    struct edit_container *c = &ed->containers.data[number];
    uint64_t known;
    enum pb_err err;

    if (idmap_get(&c->original_of, first + 1, &known)) {
        *out = c->originals.data[known - 1];
        return PB_OK;
    }
    err = read_original(ed, c, first, out, e);
    if (err != PB_OK)
        return err;
    if (!vec_push(&c->originals, *out))
        return error_nomem(e);
    if (idmap_put(&c->original_of, first + 1, c->originals.len))
        return PB_OK;
    c->originals.len--;
    return error_nomem(e);
}

/* ------------------------------------------------------------------------------ log */

static void forget_undone(struct pkl_edit *ed)
{
    for (; ed->undone > 0; ed->undone--)
        release_log(&ed->log.data[--ed->log.len]);
}

/* Memory for going back and forth between this state and the next, so that undo, redo and the mark
 * of a save cannot fail. */
static bool reserve(struct edit_container *c, size_t n)
{
    return vec_reserve(&c->now, 2 * c->now.len + n + 16) &&
           vec_reserve(&c->saved, c->now.len + n + 16);
}

enum pb_err edit_replace(struct pkl_edit *ed, size_t number, uint64_t at, uint64_t count,
                         const struct piece *with, size_t n, struct error *e)
{
    struct edit_container *c = &ed->containers.data[number];
    struct edit_log entry = {.container = number, .at = at};

    if (!vec_reserve(&entry.new, n) || !vec_reserve(&ed->log, ed->log.len + 1) || !reserve(c, n) ||
        !pieces_replace(&c->now, at, count, with, n, &entry.old)) {
        release_log(&entry);
        return error_nomem(e);
    }
    for (size_t i = 0; i < n; i++)
        entry.new.data[entry.new.len++] = with[i];
    forget_undone(ed);
    if (ed->group_depth == 0)
        ed->group++;
    entry.group = ed->group;
    edit_keyed_add(ed, c->owner, with, n);
    ed->log.data[ed->log.len++] = entry;
    ed->fresh = false;
    return PB_OK;
}

static uint64_t total(const struct pieces *p)
{
    uint64_t n = 0;

    for (size_t i = 0; i < p->len; i++)
        n += p->data[i].count;
    return n;
}

/* Undo and redo are the same with the sides changed. */
static bool swap(struct pkl_edit *ed, const struct edit_log *l, bool back)
{
    const struct pieces *from = back ? &l->new : &l->old, *to = back ? &l->old : &l->new;

    ed->fresh = false;
    return pieces_replace(&ed->containers.data[l->container].now, l->at, total(from), to->data,
                          to->len, NULL);
}

bool pkl_edit_undo(struct pkl_edit *ed)
{
    size_t end = ed->log.len - ed->undone;
    uint64_t group;

    if (end == 0)
        return false;
    group = ed->log.data[end - 1].group;
    while (end > 0 && ed->log.data[end - 1].group == group &&
           swap(ed, &ed->log.data[end - 1], true)) {
        end--;
        ed->undone++;
    }
    return true;
}

bool pkl_edit_redo(struct pkl_edit *ed)
{
    size_t at = ed->log.len - ed->undone;
    uint64_t group;

    if (ed->undone == 0)
        return false;
    group = ed->log.data[at].group;
    while (at < ed->log.len && ed->log.data[at].group == group &&
           swap(ed, &ed->log.data[at], false)) {
        at++;
        ed->undone--;
    }
    return true;
}

void edit_rollback(struct pkl_edit *ed, size_t log_len)
{
    /* While something is undone nothing was logged. */
    while (ed->undone == 0 && ed->log.len > log_len &&
           swap(ed, &ed->log.data[ed->log.len - 1], true))
        release_log(&ed->log.data[--ed->log.len]);
}

bool pkl_edit_find(const struct pkl_edit *ed, pkl_id owner, uint64_t index, uint64_t *now)
{
    uint64_t number;

    *now = index;
    if (!idmap_get(&ed->by_owner, owner, &number))
        return true;
    return pieces_find(&ed->containers.data[number - 1].now, index, now);
}

void pkl_edit_group_begin(struct pkl_edit *ed)
{
    if (ed->group_depth++ == 0)
        ed->group++;
}

void pkl_edit_group_end(struct pkl_edit *ed)
{
    assert(ed->group_depth > 0);
    if (--ed->group_depth == 0)
        edit_keyed_release(ed);
}

/* ---------------------------------------------------------------------------- edits */

/* Another value, key, or both at a place; 0: the original's. */
static enum pb_err change(struct pkl_edit *ed, size_t number, const struct piece *was, size_t key,
                          size_t value, struct error *e)
{
    struct piece now = *was;
    size_t before = ed->log.len - ed->undone;
    struct pkl_child original;
    enum pb_err err = PB_OK;

    now.key = key;
    now.value = value;
    if (was->key == key && was->value == value)
        return PB_OK;
    pkl_edit_group_begin(ed);
    if (ed->doc->dups.len > 0 && value != 0 && was->value == 0 && !piece_is_new(was) &&
        edit_original(ed, number, was->first, &original, NULL) == PB_OK)
        err = edit_undup(ed, &original, e);
    if (err == PB_OK)
        err = edit_replace(ed, number, was->at, 1, &now, 1, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    return err;
}

/* What first stood at a place, for the family of opcodes; what stands there when that was nothing.
 */
static enum pb_err family(struct pkl_edit *ed, size_t number, const struct piece *p,
                          const struct pkl_child *place, struct pkl_child *out, struct error *e)
{
    struct error why;
    enum pb_err err = PB_OK;

    *out = *place;
    if (!piece_is_new(p))
        err = edit_original(ed, number, p->first, out, &why);
    /* A state that is added. */
    if (err == PB_ENOTFOUND && place->step == PKL_STEP_PART) {
        *out = *place;
        return PB_OK;
    }
    return err == PB_OK ? PB_OK : error_set(e, err, "%s", why.msg);
}

static enum pb_err set(struct pkl_edit *ed, const struct pkl_child *place,
                       const struct literal *value, bool apart, struct error *e)
{
    struct pkl_child original;
    struct pkl_node was, new, now;
    struct piece piece;
    size_t number, entered;
    bool same = false;
    enum pb_err err = edit_may_set(ed, place, value, e);

    if (err == PB_OK)
        err = edit_need_place(ed, place, &number, &piece, e);
    if (err == PB_OK)
        err = family(ed, number, &piece, place, &original, e);
    /* A reference's family is that of what it refers to. */
    was = original.value;
    if (err == PB_OK && was.ref)
        err = ed->view.node(&ed->view, was.target, &was, e);
    if (err == PB_OK)
        err = edit_add_value(ed, value, &was, apart, &entered, e);
    if (err != PB_OK)
        return err;
    new = ed->values.data[entered - 1].node;
    if (!piece_is_new(&piece))
        err = edit_same_scalar(ed, &new, &original.value, &same, e);
    if (err == PB_OK && same)
        return change(ed, number, &piece, piece.key, 0, e);
    if (err == PB_OK && piece.value != 0) {
        now = ed->values.data[piece.value - 1].node;
        err = edit_same_scalar(ed, &new, &now, &same, e);
    }
    if (err != PB_OK || same)
        return err;
    return change(ed, number, &piece, piece.key, entered, e);
}

static enum pb_err set_value(struct pkl_edit *ed, const struct pkl_child *place,
                             const struct literal *value, bool apart, struct error *e)
{
    struct edit_typed t;
    enum pb_err err = edit_name_typed(ed, place, value, &t, e);

    if (err != PB_OK)
        return err;
    if (!t.shown)
        err = set(ed, &t.place, &t.value, apart, e);
    edit_typed_release(&t);
    return err;
}

enum pb_err pkl_edit_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e)
{
    return set_value(ed, place, value, false, e);
}

enum pb_err edit_set_apart(struct pkl_edit *ed, const struct pkl_child *place,
                           const struct literal *value, struct error *e)
{
    return set_value(ed, place, value, true, e);
}

enum pb_err edit_put(struct pkl_edit *ed, const struct pkl_child *place, size_t value,
                     struct error *e)
{
    struct piece piece;
    size_t number;
    enum pb_err err = edit_need_place(ed, place, &number, &piece, e);

    return err == PB_OK ? change(ed, number, &piece, piece.key, value, e) : err;
}

enum pb_err edit_put_key(struct pkl_edit *ed, const struct pkl_child *place, size_t key,
                         struct error *e)
{
    struct piece piece;
    size_t number;
    enum pb_err err = edit_need_place(ed, place, &number, &piece, e);

    return err == PB_OK ? change(ed, number, &piece, key, piece.value, e) : err;
}

/* The container as it was last saved. */
static enum pb_err restore(struct pkl_edit *ed, size_t number, struct error *e)
{
    struct edit_container *c = &ed->containers.data[number];
    struct pieces saved = {0};
    enum pb_err err;

    if (pieces_differ(&c->now, &c->saved) == 0)
        return PB_OK;
    if (!vec_reserve(&saved, c->saved.len))
        return error_nomem(e);
    pieces_copy(&saved, &c->saved);
    err = edit_replace(ed, number, 0, pieces_count(&c->now), saved.data, saved.len, e);
    pieces_release(&saved);
    return err;
}

/* All containers whose bytes are those of a value. */
static enum pb_err restore_inside(struct pkl_edit *ed, const struct pkl_node *value,
                                  struct error *e)
{
    struct pkl_node n;
    enum pb_err err = ed->view.node(&ed->view, value->target, &n, e);

    for (size_t i = 0; i < ed->containers.len && err == PB_OK; i++) {
        pkl_id owner = ed->containers.data[i].owner;

        if (owner == n.target || (PKL_ID_SOURCE(owner) == PKL_ID_SOURCE(n.target) &&
                                  PKL_ID_TAG(owner) != PKL_TAG_STREAM &&
                                  PKL_ID_OFFSET(owner) >= n.begin && PKL_ID_OFFSET(owner) < n.end))
            err = restore(ed, i, e);
    }
    return err;
}

static enum pb_err revert(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct edit_container *c = edit_container_of(ed, place->owner);
    struct piece piece;
    const struct piece *saved = NULL;
    uint64_t position;
    size_t number;
    enum pb_err err;

    if (c == NULL)
        return restore_inside(ed, &place->value, e);
    err = edit_need_place(ed, place, &number, &piece, e);
    if (err != PB_OK)
        return err;
    c = &ed->containers.data[number];
    if (pieces_find(&c->saved, piece.first, &position))
        saved = pieces_at(&c->saved, position);
    if (saved == NULL)
        return edit_replace(ed, number, piece.at, 1, NULL, 0, e);
    if (saved->key == piece.key && saved->value == piece.value)
        return restore_inside(ed, &place->value, e);
    return change(ed, number, &piece, saved->key, saved->value, e);
}

enum pb_err pkl_edit_revert(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    size_t before = ed->log.len - ed->undone;
    enum pb_err err;

    pkl_edit_group_begin(ed);
    err = revert(ed, place, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    return err;
}

/* --------------------------------------------------------------------------- state */

bool pkl_edit_changed(const struct pkl_edit *ed)
{
    for (size_t i = 0; i < ed->containers.len; i++) {
        if (!pieces_original(&ed->containers.data[i].now))
            return true;
    }
    return false;
}

bool pkl_edit_dirty(const struct pkl_edit *ed)
{
    for (size_t i = 0; i < ed->containers.len; i++) {
        const struct edit_container *c = &ed->containers.data[i];

        if (pieces_differ(&c->now, &c->saved) != 0)
            return true;
    }
    return false;
}

void pkl_edit_mark_saved(struct pkl_edit *ed)
{
    for (size_t i = 0; i < ed->containers.len; i++) {
        struct edit_container *c = &ed->containers.data[i];

        pieces_copy(&c->saved, &c->now);
    }
    ed->fresh = false;
}

struct pkl_view *pkl_edit_view(struct pkl_edit *ed)
{
    return &ed->view;
}

struct pkl_view *pkl_edit_saved_view(struct pkl_edit *ed)
{
    return &ed->saved_view;
}

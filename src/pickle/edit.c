/* The edit session: places, pieces, undo. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edit_private.h"

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
    }
    for (size_t i = 0; i < ed->log.len; i++)
        release_log(&ed->log.data[i]);
    vec_release(&ed->containers);
    vec_release(&ed->values);
    vec_release(&ed->links);
    vec_release(&ed->log);
    vec_release(&ed->changes);
    vec_release(&ed->changes.shown);
    vec_release(&ed->since_saved);
    vec_release(&ed->since_saved.shown);
    idmap_release(&ed->by_owner);
    idmap_release(&ed->by_hash);
    pkl_doc_free(ed->news);
    source_free(ed->bytes);
    free(ed);
}

/* ------------------------------------------------------------------------- containers */

struct edit_container *edit_container_of(struct pkl_edit *ed, pkl_id owner)
{
    uint64_t number;

    if (owner == 0 || !idmap_get(&ed->by_owner, owner, &number))
        return NULL;
    return &ed->containers.data[number - 1];
}

size_t edit_value_at(const struct edit_container *c, uint64_t index)
{
    const struct piece *p = c != NULL ? pieces_at(&c->now, index) : NULL;

    return p != NULL ? p->value : 0;
}

size_t edit_saved_at(const struct edit_container *c, uint64_t index)
{
    const struct piece *p = c != NULL ? pieces_at(&c->saved, index) : NULL;

    return p != NULL ? p->value : 0;
}

static size_t original_at(const struct edit_container *c, uint64_t index)
{
    size_t low = 0, high = c->originals.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->originals.data[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct pkl_child *edit_original(const struct edit_container *c, uint64_t index)
{
    size_t i = c != NULL ? original_at(c, index) : 0;

    if (c == NULL || i == c->originals.len || c->originals.data[i].index != index)
        return NULL;
    return &c->originals.data[i];
}

/* How many children the container stores. */
static enum pb_err stored(struct pkl_edit *ed, const struct pkl_child *place, uint64_t *count,
                          struct error *e)
{
    struct pkl_view *v = PKL_ID_SOURCE(place->owner) == 0 ? ed->base : ed->second;
    enum pb_err err = PB_OK;

    *count = PARTS_MAX;
    if (place->step != PKL_STEP_ROOT && place->step != PKL_STEP_PART)
        err = v->count_children(v, place->owner, count, e);
    if (err == PB_OK && *count <= place->index)
        err = error_set(e, PB_ENOTFOUND, "there is no such place in this value");
    return err;
}

/* The container of a place, entered when it is new. */
static enum pb_err need_container(struct pkl_edit *ed, const struct pkl_child *place,
                                  struct edit_container **out, struct error *e)
{
    struct edit_container c = {.owner = place->owner};
    uint64_t count;
    enum pb_err err;

    *out = edit_container_of(ed, place->owner);
    if (*out != NULL)
        return place->index < pieces_count(&(*out)->now)
                   ? PB_OK
                   : error_set(e, PB_ENOTFOUND, "there is no such place in this value");
    err = stored(ed, place, &count, e);
    if (err != PB_OK)
        return err;
    if (!pieces_init(&c.now, count) || !pieces_init(&c.saved, count) ||
        !vec_push(&ed->containers, c)) {
        pieces_release(&c.now);
        pieces_release(&c.saved);
        return error_nomem(e);
    }
    if (!idmap_put(&ed->by_owner, place->owner, ed->containers.len)) {
        ed->containers.len--;
        pieces_release(&c.now);
        pieces_release(&c.saved);
        return error_nomem(e);
    }
    *out = &ed->containers.data[ed->containers.len - 1];
    return PB_OK;
}

/* The place as the document has it. */
static enum pb_err original_place(struct pkl_edit *ed, struct edit_container *c,
                                  const struct pkl_child *place, struct pkl_child *out,
                                  struct error *e)
{
    struct pkl_view *v = PKL_ID_SOURCE(place->owner) == 0 ? ed->base : ed->second;
    const struct pkl_child *known = edit_original(c, place->index);
    size_t got = 1, i;
    enum pb_err err;

    if (known != NULL) {
        *out = *known;
        return PB_OK;
    }
    if (place->step == PKL_STEP_ROOT)
        err = v->root(v, place->index, out, e);
    else if (place->step == PKL_STEP_PART &&
             v->part(v, place->owner, place->part, out, NULL) == PB_OK)
        err = PB_OK;
    else
        err = v->children(v, place->owner, place->index, 1, out, &got, e);
    if (err != PB_OK)
        return err;
    if (got != 1 || out->owner != place->owner || out->index != place->index)
        return error_set(e, PB_ENOTFOUND, "there is no such place in this value");
    /* How the place was reached (as an attribute, say) is better known by who asked. */
    out->step = place->step;
    out->part = place->part;
    out->position = place->position;
    err = edit_resolve(ed, &out->value, e);
    if (err != PB_OK)
        return err;
    i = original_at(c, place->index);
    if (!vec_reserve(&c->originals, c->originals.len + 1))
        return error_nomem(e);
    memmove(c->originals.data + i + 1, c->originals.data + i,
            (c->originals.len - i) * sizeof *c->originals.data);
    c->originals.data[i] = *out;
    c->originals.len++;
    return PB_OK;
}

/* ------------------------------------------------------------------------------ log */

static void forget_undone(struct pkl_edit *ed)
{
    for (; ed->undone > 0; ed->undone--)
        release_log(&ed->log.data[--ed->log.len]);
}

/* Memory for going back and forth between this state and the next, so that undo, redo and the mark
 * of a save cannot fail. */
static bool reserve(struct edit_container *c)
{
    size_t most = c->now.len + 8;

    return vec_reserve(&c->now, most) && vec_reserve(&c->saved, most);
}

/* Puts a value (0: the original) at a position and logs it. */
static enum pb_err replace(struct pkl_edit *ed, struct edit_container *c, uint64_t index,
                           size_t value, struct error *e)
{
    struct piece piece = {.at = index, .first = index, .count = 1, .value = value};
    struct edit_log entry = {.container = (size_t)(c - ed->containers.data), .at = index};

    if (edit_value_at(c, index) == value)
        return PB_OK;
    if (!vec_push(&entry.new, piece) || !vec_reserve(&ed->log, ed->log.len + 1) || !reserve(c) ||
        !pieces_replace(&c->now, index, 1, &piece, 1, &entry.old)) {
        release_log(&entry);
        return error_nomem(e);
    }
    forget_undone(ed);
    if (ed->group_depth == 0)
        ed->group++;
    entry.group = ed->group;
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

void pkl_edit_group_begin(struct pkl_edit *ed)
{
    if (ed->group_depth++ == 0)
        ed->group++;
}

void pkl_edit_group_end(struct pkl_edit *ed)
{
    assert(ed->group_depth > 0);
    ed->group_depth--;
}

/* ---------------------------------------------------------------------------- edits */

enum pb_err pkl_edit_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e)
{
    struct edit_container *c;
    struct pkl_child original;
    struct pkl_node was, new;
    size_t number, now;
    bool same = false;
    enum pb_err err = edit_may_set(ed, place, value, e);

    if (err == PB_OK)
        err = need_container(ed, place, &c, e);
    if (err == PB_OK)
        err = original_place(ed, c, place, &original, e);
    /* A reference's family is that of what it refers to. */
    was = original.value;
    if (err == PB_OK && was.ref)
        err = ed->view.node(&ed->view, was.target, &was, e);
    if (err == PB_OK)
        err = edit_add_value(ed, value, &was, &number, e);
    if (err != PB_OK)
        return err;
    new = ed->values.data[number - 1].node;
    now = edit_value_at(c, place->index);
    err = edit_same_scalar(ed, &new, &original.value, &same, e);
    if (err == PB_OK && same)
        number = 0;
    else if (err == PB_OK && now != 0)
        err = edit_same_scalar(ed, &new, &ed->values.data[now - 1].node, &same, e);
    if (err != PB_OK)
        return err;
    return replace(ed, c, place->index, same && number != 0 ? now : number, e);
}

enum pb_err edit_put(struct pkl_edit *ed, const struct pkl_child *place, size_t number,
                     struct error *e)
{
    struct edit_container *c;
    struct pkl_child original;
    enum pb_err err = need_container(ed, place, &c, e);

    if (err == PB_OK)
        err = original_place(ed, c, place, &original, e);
    return err == PB_OK ? replace(ed, c, place->index, number, e) : err;
}

enum pb_err pkl_edit_revert(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct edit_container *c = edit_container_of(ed, place->owner);

    if (c == NULL || pieces_at(&c->now, place->index) == NULL)
        return PB_OK;
    return replace(ed, c, place->index, edit_saved_at(c, place->index), e);
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

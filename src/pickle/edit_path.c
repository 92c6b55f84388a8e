/* Paths and edits: what the last step of a path names that is not there yet; where a change is. */
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "edit_private.h"
#include "form.h"
#include "path_private.h"

/* The list of items that an object shows, or is made from in old protocols; *there. */
static enum pb_err items_of(struct pkl_edit *ed, const struct pkl_node *object, uint64_t *count,
                            bool *there, struct error *e)
{
    struct pkl_child items;
    struct pkl_node holds;
    struct error why;
    enum pb_err err = ed->view.part(&ed->view, object->target, PKL_ITEMS, &items, &why);

    *there = err == PB_OK;
    *count = err == PB_OK ? items.value.count : 0;
    if (err == PB_OK)
        return PB_OK;
    if (err != PB_ENOTFOUND)
        return error_set(e, err, "%s", why.msg);
    err = edit_rebuilt_holds(ed, object, &holds, there, e);
    *there = *there && holds.kind == PKL_LIST;
    if (err == PB_OK && *there)
        err = ed->view.count_children(&ed->view, holds.target, count, e);
    return err;
}

static enum pb_err by_call(struct pkl_edit *ed, const struct pkl_node *into, bool *set,
                           struct error *e)
{
    struct form f;
    enum pb_err err;

    form_init(&f);
    err = form_read(&ed->view, into, 0, &f, e);
    *set = err == PB_OK && (f.kind == PKL_SET || f.kind == PKL_FROZENSET);
    form_release(&f);
    return err;
}

/* The index in front of which an item goes; one behind the last is the end. */
static enum pb_err index_of(struct pkl_edit *ed, const struct pkl_node *into,
                            const struct literal *key, uint64_t *index, struct error *e)
{
    uint64_t count = into->count;
    bool there;
    int64_t i;
    enum pb_err err = into->kind == PKL_OBJECT ? items_of(ed, into, &count, &there, e) : PB_OK;

    if (err != PB_OK)
        return err;
    if (key->kind != PKL_INT || !num_big_fits_i64((const uint8_t *)key->data, key->len, &i))
        return error_set(e, PB_EUSAGE, "an item goes in front of an index, or with [] to the end");
    if (i < 0 ? (uint64_t)0 - (uint64_t)i > count : (uint64_t)i > count)
        return error_set(e, PB_ENOTFOUND, "there is no index %lld among %llu items", (long long)i,
                         (unsigned long long)count);
    *index = i < 0 ? count - ((uint64_t)0 - (uint64_t)i) : (uint64_t)i;
    return PB_OK;
}

static enum pb_err no_spot(const struct pkl_node *into, const struct path_step *s, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    text_escape_cols(&text, s->typed, strlen(s->typed), 100);
    err = error_set(e, PB_EUSAGE, "%s names nothing that could be added to %s", text.data,
                    path_kind_name(into->kind));
    buf_release(&text);
    return err;
}

static enum pb_err at_end(struct pkl_edit *ed, struct pkl_spot *out, const struct path_step *s,
                          struct error *e)
{
    bool set = out->into.kind == PKL_SET || out->into.kind == PKL_FROZENSET;
    enum pb_err err = PB_OK;

    out->index = UINT64_MAX;
    if (out->into.kind == PKL_OBJECT)
        err = by_call(ed, &out->into, &set, e);
    else if (!set && out->into.kind != PKL_LIST && out->into.kind != PKL_TUPLE)
        return no_spot(&out->into, s, e);
    out->step = set ? PKL_STEP_MEMBER : PKL_STEP_INDEX;
    return err;
}

static enum pb_err by_literal(struct pkl_edit *ed, struct pkl_spot *out, const struct path_step *s,
                              struct error *e)
{
    const struct pkl_node *into = &out->into;
    bool items = into->kind == PKL_LIST || into->kind == PKL_TUPLE;
    uint64_t count;
    enum pb_err err = PB_OK;

    if (into->kind == PKL_OBJECT && s->key->kind == PKL_INT)
        err = items_of(ed, into, &count, &items, e);
    if (err != PB_OK)
        return err;
    if (items) {
        out->step = PKL_STEP_INDEX;
        return index_of(ed, into, s->key, &out->index, e);
    }
    if (into->kind != PKL_DICT && into->kind != PKL_OBJECT)
        return no_spot(into, s, e);
    out->step = PKL_STEP_KEY;
    out->key = s->key;
    return PB_OK;
}

enum pb_err pkl_edit_spot(struct pkl_edit *ed, struct arena *mem, const struct pkl_node *into,
                          const struct path_step *s, struct pkl_spot *out, struct error *e)
{
    struct literal *name;

    *out = (struct pkl_spot){.into = *into, .index = UINT64_MAX};
    switch (s->kind) {
    case PATH_LAST:
        return at_end(ed, out, s, e);
    case PATH_LITERAL:
        return by_literal(ed, out, s, e);
    case PATH_NAME:
        if (into->kind != PKL_DICT && into->kind != PKL_OBJECT)
            return no_spot(into, s, e);
        out->step = into->kind == PKL_DICT ? PKL_STEP_KEY : PKL_STEP_ATTR;
        name = arena_alloc(mem, sizeof *name);
        if (name == NULL)
            return error_nomem(e);
        *name = (struct literal){.kind = PKL_STR, .data = s->name, .len = s->name_len};
        out->key = name;
        return PB_OK;
    default:
        return no_spot(into, s, e);
    }
}

/* What the document has at a place that was edited. */
static bool first_stood(struct pkl_edit *ed, const struct pkl_child *place, struct pkl_child *out)
{
    const struct edit_container *c = edit_container_of(ed, place->owner);

    return c != NULL &&
           edit_original(ed, (size_t)(c - ed->containers.data), place->index, out, NULL) == PB_OK;
}

/* A step as the document has it, where it has it. */
static enum pb_err step_as_read(struct pkl_edit *ed, const struct pkl_child *now,
                                enum path_form form, struct buf *out, struct error *e)
{
    const struct edit_container *c = edit_container_of(ed, now->owner);
    const struct piece *p = c != NULL ? pieces_at(&c->now, now->index) : NULL;
    struct pkl_child was;
    struct error why;
    enum pb_err err;

    if (p == NULL || piece_is_new(p) || PKL_ID_SOURCE(now->owner) != 0)
        return pkl_path_step_text(&ed->view, now, form, out, e);
    err = edit_original(ed, (size_t)(c - ed->containers.data), p->first + (now->index - p->at),
                        &was, &why);
    if (err == PB_ENOTFOUND) /* a state that the object did not have */
        return pkl_path_step_text(&ed->view, now, form, out, e);
    if (err != PB_OK)
        return error_set(e, err, "%s", why.msg);
    return pkl_path_step_text(ed->base, &was, form, out, e);
}

/* The way leads through another place of a shared value than that where its bytes are. */
static enum pb_err path_elsewhere(struct pkl_edit *ed, const struct pkl_change *change,
                                  struct path_finder *f, enum path_form form, struct buf *out,
                                  struct error *e)
{
    const struct pkl_child *place = &change->place;
    enum pkl_tag tag = PKL_ID_TAG(place->owner);
    bool gone = (change->what & PKL_CHANGE_DELETED) != 0;
    pkl_id owner = place->owner;
    uint64_t index = UINT64_MAX;
    enum pb_err err;

    if (gone && (tag == PKL_TAG_ITEMS || tag == PKL_TAG_ENTRIES))
        owner = PKL_ID(0, PKL_TAG_VALUE, PKL_ID_OFFSET(owner));
    if (!gone && (change->what & PKL_CHANGE_ADDED) != 0)
        index = place->index;
    else if (!gone && !pkl_edit_find(ed, owner, place->index, &index))
        index = place->index;
    err = path_way_to(f, &ed->view, owner, index, e);
    for (size_t i = 0; i < f->chain.len && err == PB_OK; i++)
        err = step_as_read(ed, &f->chain.data[i], form, out, e);
    if (err == PB_OK && gone)
        err = pkl_path_step_text(ed->base, place, form, out, e);
    return err == PB_OK ? buf_status(out, e) : err;
}

enum pb_err pkl_edit_change_path(struct pkl_edit *ed, const struct pkl_change *change,
                                 enum path_form form, struct buf *out, struct error *e)
{
    const struct pkl_child *place = &change->place;
    bool in_document = PKL_ID_SOURCE(place->owner) == 0 && (change->what & PKL_CHANGE_ADDED) == 0 &&
                       !change->elsewhere;
    struct pkl_view *v = in_document ? ed->base : &ed->view;
    struct path_finder *finder = &ed->finders[!in_document];
    struct pkl_child was;
    bool known;
    enum pb_err err;

    if (!in_document && ed->finder_stamp != edit_stamp(ed)) {
        path_finder_release(finder);
        ed->finder_stamp = edit_stamp(ed);
    }

    if (place->step == PKL_STEP_ROOT) {
        buf_printf(out, "@%llu", (unsigned long long)place->index);
        return buf_status(out, e);
    }
    if (change->elsewhere)
        return path_elsewhere(ed, change, finder, form, out, e);
    known = in_document && first_stood(ed, place, &was);
    if (in_document || change->what != PKL_CHANGE_DELETED) {
        size_t before = out->len;
        bool found;

        err = edit_way_into_new(ed, finder, place->owner, place->index, &found, e);
        if (err == PB_OK && found)
            return path_chain_text(finder, v, form, out, e);
        if (err == PB_OK)
            err = path_of_place(finder, v, place, known ? &was.value.begin : NULL, form, out, e);
        if (err != PB_ENOTFOUND || PKL_ID_SOURCE(place->owner) != 0)
            return err == PB_OK ? buf_status(out, e) : err;
        /* What it was added to is no longer reached: it is told as it was. */
        buf_truncate(out, before);
        err = pkl_path_of(ed->base, place->owner, form, out, e);
    } else {
        /* Items and entries are the object's, also when none is left. */
        pkl_id owner =
            PKL_ID_TAG(place->owner) == PKL_TAG_ITEMS || PKL_ID_TAG(place->owner) == PKL_TAG_ENTRIES
                ? PKL_ID(1, PKL_TAG_VALUE, PKL_ID_OFFSET(place->owner))
                : place->owner;
        bool found;

        err = edit_way_into_new(ed, finder, owner, UINT64_MAX, &found, e);
        if (err == PB_OK && found)
            err = path_chain_text(finder, v, form, out, e);
        else if (err == PB_OK)
            err = pkl_path_of(v, owner, form, out, e);
    }
    if (err == PB_OK)
        err = pkl_path_step_text(v, place, form, out, e);
    return err == PB_OK ? buf_status(out, e) : err;
}

enum pb_err edit_change_way(struct pkl_edit *ed, const struct pkl_change *change,
                            struct path_chain *way, struct error *e)
{
    bool in_document = PKL_ID_SOURCE(change->place.owner) == 0 &&
                       (change->what & PKL_CHANGE_ADDED) == 0 && !change->elsewhere;
    const struct path_chain *found = &ed->finders[!in_document].chain;
    struct buf path;
    enum pb_err err;

    buf_init(&path, SIZE_MAX / 2);
    err = pkl_edit_change_path(ed, change, PATH_FORM_PATH, &path, e);
    buf_release(&path);
    way->len = 0;
    if (err != PB_OK || found->len == 0 || found->data[found->len - 1].owner != change->place.owner)
        return err;
    for (size_t i = 0; i + 1 < found->len; i++) {
        if (!vec_push(way, found->data[i]))
            return error_nomem(e);
    }
    return PB_OK;
}

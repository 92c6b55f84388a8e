/*
 * The children of an object whose parts may be edited: arguments, attributes, items, entries, in
 * the order of the document's own view.
 */
#include <stdlib.h>

#include "edit_private.h"
#include "object.h"

/* A stretch of children that come from one list; the list 0: one child that is a part. */
struct run {
    pkl_id list;
    enum pkl_step step;
    enum pkl_part part;
    uint64_t state; /* number of it */
    uint64_t count;
};
struct layout {
    struct {
        struct run *data;
        size_t len, cap;
    } runs;
    uint64_t count;
};

static struct pkl_doc *doc_of(struct pkl_edit *ed, pkl_id id)
{
    return PKL_ID_SOURCE(id) == 0 ? ed->doc : ed->news;
}

static pkl_id list_of(pkl_id object, enum pkl_tag tag)
{
    return PKL_ID(PKL_ID_SOURCE(object), tag, PKL_ID_OFFSET(object));
}

static enum pb_err add(struct layout *l, struct run r, struct error *e)
{
    if (r.count == 0)
        return PB_OK;
    l->count += r.count;
    return vec_push(&l->runs, r) ? PB_OK : error_nomem(e);
}

/* ----------------------------------------------------------------------------- parts */

enum pb_err edit_states(struct pkl_edit *ed, pkl_id object, uint64_t *count, struct error *e)
{
    struct wval v;
    enum pb_err err = walk_locate(doc_of(ed, object), PKL_ID_OFFSET(object), &v, e);

    *count = err == PB_OK ? walk_total(doc_of(ed, object), &v, PH_STATE) : 0;
    return err;
}

/* What the edits put in the place of a part; false: nothing. */
static bool edited_part(struct pkl_edit *ed, pkl_id object, uint64_t index, struct pkl_node *out)
{
    size_t value = edit_shown_at(ed, object, index);

    if (value != 0)
        *out = ed->values.data[value - 1].node;
    return value != 0;
}

/* State number n, which may be one that was added. */
static enum pb_err state_at(struct pkl_edit *ed, pkl_id object, uint64_t n, uint64_t states,
                            struct pkl_node *out, struct error *e)
{
    struct pkl_doc *d = doc_of(ed, object);
    struct wval v;
    size_t got = 0;
    enum pb_err err;

    if (edited_part(ed, object, 3 + n, out))
        return edit_adjust(ed, out, e);
    if (n >= states)
        return error_set(e, PB_ENOTFOUND, "the value has no such part");
    err = walk_list(d, PKL_ID_OFFSET(object), PH_STATE, n, 1, &v, &got, e);
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_ENOTFOUND, "the value has no such part");
    if (err != PB_OK)
        return err;
    return ed->view.node(
        &ed->view, PKL_ID(PKL_ID_SOURCE(object), v.ref ? PKL_TAG_REF : PKL_TAG_VALUE, v.maker), out,
        e);
}

/* All states; the last one is @state. */
static enum pb_err count_states(struct pkl_edit *ed, pkl_id object, uint64_t *original,
                                uint64_t *all, struct error *e)
{
    struct pkl_node none;
    enum pb_err err = edit_states(ed, object, original, e);

    *all = *original;
    if (err == PB_OK && edited_part(ed, object, 3 + *original, &none))
        ++*all;
    return err;
}

/* The two halves of a state that is a pair of dict-or-None. */
static enum pb_err halves(struct pkl_edit *ed, const struct pkl_node *state, bool *split,
                          struct pkl_child half[2], struct error *e)
{
    size_t got = 0;
    enum pb_err err = PB_OK;

    *split = false;
    if (state->kind != PKL_TUPLE || state->count != 2)
        return PB_OK;
    err = edit_list(ed, state->target, PKL_STEP_INDEX, 0, 2, half, &got, e);
    if (err != PB_OK || got != 2)
        return err;
    *split = (half[0].value.kind == PKL_DICT || half[0].value.kind == PKL_NONE) &&
             (half[1].value.kind == PKL_DICT || half[1].value.kind == PKL_NONE) &&
             (half[0].value.kind == PKL_DICT || half[1].value.kind == PKL_DICT);
    return PB_OK;
}

static enum pb_err virtual_part(struct pkl_edit *ed, pkl_id object, enum pkl_part part,
                                struct pkl_child *out, struct error *e)
{
    pkl_id list = list_of(object, part == PKL_ITEMS ? PKL_TAG_ITEMS : PKL_TAG_ENTRIES);
    struct pkl_view *v = edit_base_of(ed, object);
    uint64_t count;
    enum pb_err err = v->node(v, list, &out->value, e);

    if (err == PB_OK)
        err = edit_list_count(ed, list, &count, e);
    if (err == PB_OK && count == 0)
        return error_set(e, PB_ENOTFOUND, "the value has no such part");
    if (err != PB_OK)
        return err;
    out->value.count = count;
    out->step = PKL_STEP_PART;
    out->part = part;
    out->owner = object;
    return PB_OK;
}

static enum pb_err last_state(struct pkl_edit *ed, pkl_id object, struct pkl_child *out,
                              struct error *e)
{
    uint64_t original, all;
    enum pb_err err = count_states(ed, object, &original, &all, e);

    if (err == PB_OK && all == 0)
        return error_set(e, PB_ENOTFOUND, "the value has no such part");
    if (err != PB_OK)
        return err;
    *out = (struct pkl_child){
        .step = PKL_STEP_PART, .part = PKL_STATE, .owner = object, .index = 3 + all - 1};
    return state_at(ed, object, all - 1, original, &out->value, e);
}

static enum pb_err second_half(struct pkl_edit *ed, pkl_id object, struct pkl_child *out,
                               struct error *e)
{
    struct pkl_child state, half[2];
    bool split = false;
    enum pb_err err = last_state(ed, object, &state, e);

    if (err == PB_OK)
        err = halves(ed, &state.value, &split, half, e);
    if (err == PB_OK && !split)
        err = error_set(e, PB_ENOTFOUND, "the value has no such part");
    if (err != PB_OK)
        return err;
    *out = half[1];
    out->step = PKL_STEP_PART;
    out->part = PKL_SLOTS;
    out->position = 0;
    return PB_OK;
}

enum pb_err edit_part(struct pkl_edit *ed, pkl_id object, enum pkl_part part, struct pkl_child *out,
                      struct error *e)
{
    struct pkl_view *v = edit_base_of(ed, object);
    enum pb_err err;

    *out = (struct pkl_child){0};
    if (ed->containers.len > 0 && PKL_ID_TAG(object) == PKL_TAG_VALUE) {
        struct pkl_node n;

        err = v->node(v, object, &n, e);
        if (err != PB_OK)
            return err;
        if ((part == PKL_ITEMS || part == PKL_ENTRIES) && n.kind >= PKL_GLOBAL)
            return virtual_part(ed, object, part, out, e);
        if (part == PKL_STATE)
            return last_state(ed, object, out, e);
        if (part == PKL_SLOTS)
            return second_half(ed, object, out, e);
    }
    err = v->part(v, object, part, out, e);
    if (err == PB_OK)
        (void)edited_part(ed, out->owner, out->index, &out->value);
    return err == PB_OK ? edit_adjust(ed, &out->value, e) : err;
}

/* ---------------------------------------------------------------------------- layout */

/* @args and @kwargs are shown when there is something in them. */
static enum pb_err lay_head(struct pkl_edit *ed, pkl_id object, enum pkl_part part,
                            struct layout *l, struct error *e)
{
    struct run r = {.step = PKL_STEP_PART, .part = part, .count = 1};
    enum pkl_kind lists = part == PKL_ARGS ? PKL_TUPLE : PKL_DICT;
    struct pkl_child c;
    struct error why;
    enum pb_err err = edit_part(ed, object, part, &c, &why);

    if (err == PB_ENOTFOUND)
        return PB_OK;
    if (err != PB_OK)
        return error_set(e, err, "%s", why.msg);
    if (c.value.kind == lists && c.value.count == 0)
        return PB_OK;
    return add(l, r, e);
}

static enum pb_err lay_attrs(struct pkl_edit *ed, const struct pkl_node *dict, struct layout *l,
                             struct error *e)
{
    struct run r = {.list = dict->target, .step = PKL_STEP_ATTR};
    enum pb_err err;

    if (dict->kind != PKL_DICT)
        return PB_OK;
    err = edit_list_count(ed, dict->target, &r.count, e);
    return err == PB_OK ? add(l, r, e) : err;
}

static enum pb_err lay_state(struct pkl_edit *ed, pkl_id object, uint64_t n, uint64_t states,
                             struct layout *l, struct error *e)
{
    struct run r = {.step = PKL_STEP_PART, .part = PKL_STATE, .state = n, .count = 1};
    struct pkl_child half[2];
    struct pkl_node state;
    bool split = false;
    enum pb_err err = state_at(ed, object, n, states, &state, e);

    if (err == PB_OK && state.kind == PKL_DICT)
        return lay_attrs(ed, &state, l, e);
    if (err == PB_OK)
        err = halves(ed, &state, &split, half, e);
    if (err == PB_OK && !split)
        return add(l, r, e);
    for (size_t i = 0; i < 2 && err == PB_OK; i++)
        err = lay_attrs(ed, &half[i].value, l, e);
    return err;
}

static enum pb_err lay_out(struct pkl_edit *ed, pkl_id object, struct layout *l, struct error *e)
{
    struct run items = {.list = list_of(object, PKL_TAG_ITEMS), .step = PKL_STEP_INDEX};
    struct run entries = {.list = list_of(object, PKL_TAG_ENTRIES), .step = PKL_STEP_KEY};
    uint64_t states, all;
    enum pb_err err = lay_head(ed, object, PKL_ARGS, l, e);

    if (err == PB_OK)
        err = lay_head(ed, object, PKL_KWARGS, l, e);
    if (err == PB_OK)
        err = count_states(ed, object, &states, &all, e);
    for (uint64_t n = 0; err == PB_OK && n < all; n++)
        err = lay_state(ed, object, n, states, l, e);
    if (err == PB_OK)
        err = edit_list_count(ed, items.list, &items.count, e);
    if (err == PB_OK)
        err = add(l, items, e);
    if (err == PB_OK)
        err = edit_list_count(ed, entries.list, &entries.count, e);
    return err == PB_OK ? add(l, entries, e) : err;
}

enum pb_err edit_object_count(struct pkl_edit *ed, pkl_id object, uint64_t *count, struct error *e)
{
    struct layout l = {.count = 0};
    enum pb_err err = lay_out(ed, object, &l, e);

    *count = l.count;
    vec_release(&l.runs);
    return err;
}

static enum pb_err some_of(struct pkl_edit *ed, pkl_id object, const struct run *r, uint64_t skip,
                           size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    uint64_t states = 0;
    enum pb_err err;

    *got = 1;
    if (r->list != 0)
        return edit_list(ed, r->list, r->step, skip, count, out, got, e);
    if (r->part != PKL_STATE)
        return edit_part(ed, object, r->part, out, e);
    *out = (struct pkl_child){
        .step = PKL_STEP_PART, .part = PKL_STATE, .owner = object, .index = 3 + r->state};
    err = edit_states(ed, object, &states, e);
    return err == PB_OK ? state_at(ed, object, r->state, states, &out->value, e) : err;
}

enum pb_err edit_object(struct pkl_edit *ed, pkl_id object, uint64_t first, size_t count,
                        struct pkl_child *out, size_t *got, struct error *e)
{
    struct layout l = {.count = 0};
    uint64_t base = 0;
    enum pb_err err = lay_out(ed, object, &l, e);

    *got = 0;
    for (size_t i = 0; i < l.runs.len && err == PB_OK && *got < count; i++) {
        const struct run *r = &l.runs.data[i];
        uint64_t at = first + *got;
        size_t some = 0, room = count - *got;

        if (at < base + r->count) {
            if (room > r->count - (at - base))
                room = (size_t)(r->count - (at - base));
            err = some_of(ed, object, r, at - base, room, out + *got, &some, e);
            for (size_t k = 0; k < some; k++)
                out[*got + k].position = at + k;
            *got += err == PB_OK ? some : 0;
        }
        base += r->count;
    }
    vec_release(&l.runs);
    return err;
}

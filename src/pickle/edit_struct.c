/* Children that come, go, get another key, or another position. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_lens.h>

#include "edit_private.h"
#include "path_private.h"

/* ------------------------------------------------------------------------ equal ones */

static enum pb_err is_new(struct pkl_edit *ed, const struct edit_target *t,
                          const struct literal *key, struct error *e)
{
    bool keys = t->kind == PKL_DICT;
    struct edit_positions found = {0};
    enum pb_err err = PB_OK;

    if (!literal_hashable(key))
        return error_set(e, PB_EUSAGE, "a list, dict, set or bytearray cannot be a %s",
                         keys ? _("key") : _("member of a set"));
    if (t->list != 0)
        err = edit_find_equal(ed, t->list, keys, key, 0, &found, e);
    if (err == PB_OK && found.len > 0)
        err = error_set(e, PB_EEXIST,
                        keys ? _("there is such a key already")
                             : _("the set has this member already"));
    vec_release(&found);
    return err;
}

/* ----------------------------------------------------------------------------- insert */

static enum pb_err insert_piece(struct pkl_edit *ed, const struct edit_target *t, uint64_t index,
                                size_t key, size_t value, struct error *e)
{
    struct piece p = {.first = PIECE_NEW + ed->serial, .count = 1, .key = key, .value = value};
    uint64_t count;
    size_t number;
    enum pb_err err = edit_need(ed, t->list, t->step, &number, e);

    if (err != PB_OK)
        return err;
    count = pieces_count(&ed->containers.data[number].now);
    p.at = index < count ? index : count;
    if (index > count && index != UINT64_MAX)
        return error_set(e, PB_ENOTFOUND, "there is no such place in this value");
    err = edit_replace(ed, number, p.at, 0, &p, 1, e);
    ed->serial += err == PB_OK;
    return err;
}

/* An object without a state gets one: a dict with this pair. */
static enum pb_err add_state(struct pkl_edit *ed, const struct pkl_node *object, size_t key,
                             size_t value, struct error *e)
{
    struct literal empty = {.kind = PKL_DICT};
    struct pkl_child place = {.step = PKL_STEP_PART, .part = PKL_STATE, .owner = object->target};
    struct edit_target t = {.step = PKL_STEP_ATTR, .kind = PKL_DICT};
    struct pkl_node none = {.kind = PKL_BROKEN};
    const char *type = NULL;
    uint64_t states;
    size_t dict;
    enum pb_err err = pkl_lens_type(&ed->view, object, &type, e);

    if (err == PB_OK && type != NULL)
        return error_set(e, PB_EREADONLY, "%s has no attributes%s", type,
                         strstr(type, "ict") != NULL || strstr(type, "Counter") != NULL
                             ? _("; one of its keys is written ['key']")
                             : "");
    if (err == PB_OK)
        err = edit_states(ed, object->target, &states, e);
    if (err == PB_OK)
        err = edit_add_value(ed, &empty, &none, false, &dict, e);
    if (err != PB_OK)
        return err;
    place.index = 3 + states;
    err = edit_put(ed, &place, dict, e);
    t.list = ed->values.data[dict - 1].node.target;
    return err == PB_OK ? insert_piece(ed, &t, UINT64_MAX, key, value, e) : err;
}

static enum pb_err insert(struct pkl_edit *ed, const struct pkl_node *into,
                          const struct edit_target *t, uint64_t index, size_t key, size_t value,
                          struct error *e)
{
    size_t before = ed->log.len - ed->undone;
    enum pb_err err;

    pkl_edit_group_begin(ed);
    if (t->list == 0)
        err = add_state(ed, into, key, value, e);
    else
        err = insert_piece(ed, t, t->step == PKL_STEP_INDEX ? index : UINT64_MAX, key, value, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    return err;
}

/* May something be put there; *key gets the number of the new key, 0 when none is needed. */
static enum pb_err prepare(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                           const struct literal *key, struct edit_target *t, size_t *number,
                           struct error *e)
{
    struct pkl_node none = {.kind = PKL_BROKEN};
    enum pb_err err = edit_whole(ed, e);

    *number = 0;
    if (err == PB_OK)
        err = edit_keeps_arrays(ed, into->target, e);
    if (err == PB_OK)
        err = edit_takes(ed, into, step, t, e);
    if (err == PB_OK && step == PKL_STEP_INDEX)
        err = edit_arguments_stay(ed, t->list, e);
    if (err != PB_OK || t->kind != PKL_DICT)
        return err;
    if (step == PKL_STEP_ATTR && key->kind != PKL_STR)
        return error_set(e, PB_EUSAGE, "the name of an attribute is a str");
    err = is_new(ed, t, key, e);
    if (err == PB_OK && step == PKL_STEP_ATTR)
        err = edit_other_half_is_free(ed, t->list, key, e);
    if (err == PB_OK && step == PKL_STEP_KEY)
        err = edit_keyword_may_be(ed, t->list, key, e);
    return err == PB_OK ? edit_add_value(ed, key, &none, false, number, e) : err;
}

enum pb_err pkl_edit_insert(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                            uint64_t index, const struct literal *key, const struct literal *value,
                            struct error *e)
{
    struct pkl_node none = {.kind = PKL_BROKEN};
    struct edit_target t;
    size_t key_number, value_number;
    enum pb_err err = prepare(ed, into, step, key, &t, &key_number, e);

    if (err == PB_OK && (t.kind == PKL_SET || t.kind == PKL_FROZENSET))
        err = is_new(ed, &t, value, e);
    if (err == PB_OK)
        err = edit_add_value(ed, value, &none, false, &value_number, e);
    return err == PB_OK ? insert(ed, into, &t, index, key_number, value_number, e) : err;
}

enum pb_err pkl_edit_insert_copy(struct pkl_edit *ed, const struct pkl_node *into,
                                 enum pkl_step step, uint64_t index, const struct literal *key,
                                 struct pkl_view *from, const struct pkl_node *node,
                                 struct error *e)
{
    struct edit_target t;
    size_t key_number, value_number;
    enum pb_err err = prepare(ed, into, step, key, &t, &key_number, e);

    if (err == PB_OK && (t.kind == PKL_SET || t.kind == PKL_FROZENSET))
        err = error_set(e, PB_EREADONLY, "a copy cannot be put into a set");
    if (err == PB_OK)
        err = edit_add_copy(ed, from, node, &value_number, e);
    return err == PB_OK ? insert(ed, into, &t, index, key_number, value_number, e) : err;
}

enum pb_err pkl_edit_set_copy(struct pkl_edit *ed, const struct pkl_child *place,
                              struct pkl_view *from, const struct pkl_node *node, struct error *e)
{
    size_t number;
    enum pb_err err = edit_may_put(ed, place, e);

    if (err == PB_OK && (place->step == PKL_STEP_PART || place->step == PKL_STEP_MEMBER))
        err = error_set(e, PB_EREADONLY, "a copy cannot be put here");
    if (err == PB_OK && place->step == PKL_STEP_INDEX)
        err = edit_arguments_stay(ed, place->owner, e);
    if (err == PB_OK)
        err = edit_add_copy(ed, from, node, &number, e);
    return err == PB_OK ? edit_put(ed, place, number, e) : err;
}

/* ------------------------------------------------------------------- delete and rename */

/* The places that are meant by one: all pairs with an equal key. */
static enum pb_err meant(struct pkl_edit *ed, const struct pkl_child *place,
                         struct edit_positions *out, struct error *e)
{
    struct literal *key = NULL;
    struct arena mem;
    enum pb_err err;

    if (place->key.id == 0)
        return vec_push(out, place->index) ? PB_OK : error_nomem(e);
    arena_init(&mem);
    err = path_key_literal(&ed->view, &place->key, &mem, &key, e);
    if (err == PB_OK)
        err = edit_find_equal(ed, place->owner, true, key, place->key.target, out, e);
    arena_release(&mem);
    return err;
}

static enum pb_err may_go(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    enum pb_err err = edit_may_put(ed, place, e);

    if (err == PB_OK && (place->step == PKL_STEP_ROOT || place->step == PKL_STEP_PART))
        err = error_set(e, PB_EREADONLY, "this place cannot be taken away");
    return err == PB_OK && place->step == PKL_STEP_INDEX ? edit_arguments_stay(ed, place->owner, e)
                                                         : err;
}

enum pb_err pkl_edit_delete(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct edit_positions all = {0};
    size_t before = ed->log.len - ed->undone, number;
    struct piece piece;
    enum pb_err err = may_go(ed, place, e);

    if (err == PB_OK)
        err = edit_need_place(ed, place, &number, &piece, e);
    if (err == PB_OK)
        err = meant(ed, place, &all, e);
    pkl_edit_group_begin(ed);
    if (err == PB_OK)
        err = edit_undup(ed, place, e);
    for (size_t i = all.len; i-- > 0 && err == PB_OK;)
        err = edit_replace(ed, number, all.data[i], 1, NULL, 0, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    vec_release(&all);
    return err;
}

/* Is the new name one that stands there, but not at the places that get it? */
static enum pb_err name_is_free(struct pkl_edit *ed, const struct pkl_child *place,
                                const struct literal *key, const struct edit_positions *mine,
                                struct error *e)
{
    struct edit_positions found = {0};
    enum pb_err err = edit_find_equal(ed, place->owner, true, key, 0, &found, e);

    for (size_t i = 0; i < found.len && err == PB_OK; i++) {
        bool is_mine = false;

        for (size_t k = 0; k < mine->len; k++)
            is_mine = is_mine || mine->data[k] == found.data[i];
        if (!is_mine)
            err = error_set(e, PB_EEXIST, "there is such a key already");
    }
    vec_release(&found);
    return err;
}

static enum pb_err rename_one(struct pkl_edit *ed, const struct pkl_child *place, uint64_t index,
                              const struct literal *key, struct error *e)
{
    struct pkl_child child, original;
    struct pkl_node new, was;
    struct piece piece;
    size_t got = 0, number, entered;
    bool same = false;
    enum pb_err err = edit_list(ed, place->owner, place->step, index, 1, &child, &got, e);

    if (err == PB_OK && got == 1)
        err = edit_need_place(ed, &child, &number, &piece, e);
    if (err == PB_OK)
        original = child;
    if (err == PB_OK && !piece_is_new(&piece))
        err = edit_original(ed, number, piece.first, &original, e);
    if (err != PB_OK)
        return err;
    was = original.key;
    if (was.ref)
        err = ed->view.node(&ed->view, was.target, &was, e);
    if (err == PB_OK)
        err = edit_add_value(ed, key, &was, false, &entered, e);
    if (err != PB_OK)
        return err;
    new = ed->values.data[entered - 1].node;
    if (!piece_is_new(&piece))
        err = edit_same_scalar(ed, &new, &original.key, &same, e);
    if (err == PB_OK)
        err = edit_put_key(ed, &child, same ? 0 : entered, e);
    return err;
}

enum pb_err pkl_edit_rename(struct pkl_edit *ed, const struct pkl_child *place,
                            const struct literal *key, struct error *e)
{
    struct edit_positions all = {0};
    size_t before = ed->log.len - ed->undone;
    enum pb_err err = edit_may_rename(ed, place, e);

    if (err == PB_OK && place->step == PKL_STEP_ATTR && key->kind != PKL_STR)
        err = error_set(e, PB_EUSAGE, "the name of an attribute is a str");
    if (err == PB_OK && !literal_hashable(key))
        err = error_set(e, PB_EUSAGE, "a list, dict, set or bytearray cannot be a key");
    if (err == PB_OK)
        err = meant(ed, place, &all, e);
    if (err == PB_OK && place->step == PKL_STEP_KEY)
        err = edit_keyword_may_be(ed, place->owner, key, e);
    if (err == PB_OK && place->step == PKL_STEP_ATTR)
        err = edit_other_half_is_free(ed, place->owner, key, e);
    if (err == PB_OK)
        err = name_is_free(ed, place, key, &all, e);
    pkl_edit_group_begin(ed);
    for (size_t i = 0; i < all.len && err == PB_OK; i++)
        err = rename_one(ed, place, all.data[i], key, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    vec_release(&all);
    return err;
}

/* ------------------------------------------------------------------ move and duplicate */

enum pb_err pkl_edit_move(struct pkl_edit *ed, const struct pkl_child *place, uint64_t to,
                          struct error *e)
{
    size_t before = ed->log.len - ed->undone, number;
    struct piece piece;
    enum pb_err err = may_go(ed, place, e);

    if (err == PB_OK && place->step == PKL_STEP_MEMBER)
        err = error_set(e, PB_EREADONLY, "the members of a set have no order");
    if (err == PB_OK)
        err = edit_need_place(ed, place, &number, &piece, e);
    if (err == PB_OK && to >= pieces_count(&ed->containers.data[number].now))
        err = error_set(e, PB_ENOTFOUND, "there is no such place in this value");
    if (err != PB_OK || to == place->index)
        return err;
    pkl_edit_group_begin(ed);
    err = edit_undup(ed, place, e);
    if (err == PB_OK)
        err = edit_replace(ed, number, place->index, 1, NULL, 0, e);
    if (err == PB_OK)
        err = edit_replace(ed, number, to, 0, &piece, 1, e);
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    return err;
}

enum pb_err pkl_edit_duplicate(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct edit_target t = {.list = place->owner, .step = place->step, .kind = PKL_LIST};
    size_t number;
    enum pb_err err = may_go(ed, place, e);

    if (err == PB_OK && place->step != PKL_STEP_INDEX)
        err = error_set(e, PB_EREADONLY, "only an item of a list or tuple can stand there twice");
    if (err == PB_OK)
        err = edit_add_copy(ed, &ed->view, &place->value, &number, e);
    return err == PB_OK ? insert_piece(ed, &t, place->index + 1, 0, number, e) : err;
}

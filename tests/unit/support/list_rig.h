/* Piece lists set directly, as edits leave them.  Include after cmocka.h. */
#ifndef LIST_RIG_H
#define LIST_RIG_H

#include "../../../src/pickle/edit_private.h"
#include "edit_rig.h"

/* One child of the new list: an original by its number, or a new one; of pairs with a new key. */
struct child {
    int from; /* or NEW, END */
    const char *key, *value;
};
#define NEW (-1)
#define END (-2)
#define OLD(n)                                                                                     \
    {                                                                                              \
        n, NULL, NULL                                                                              \
    }
#define ITEM(value)                                                                                \
    {                                                                                              \
        NEW, NULL, value                                                                           \
    }
#define PAIR(key, value)                                                                           \
    {                                                                                              \
        NEW, key, value                                                                            \
    }
#define STOP                                                                                       \
    {                                                                                              \
        END, NULL, NULL                                                                            \
    }

static inline size_t rig_number(struct rig *r, const char *text)
{
    struct pkl_node none = {.kind = PKL_BROKEN};
    struct literal *l;
    size_t at, number = 0;

    if (text == NULL)
        return 0;
    if (literal_parse(&r->mem, text, strlen(text), &l, &at, &r->e) != PB_OK ||
        edit_add_value(r->edit, l, &none, false, &number, &r->e) != PB_OK)
        fail_msg("%s: %s", text, r->e.msg);
    return number;
}

static inline pkl_id rig_owner(struct rig *r, const char *path)
{
    const char *space = strchr(path, ' ');
    struct pkl_child place;
    char head[64];
    enum pkl_tag tag = PKL_TAG_VALUE;

    if (space == NULL)
        space = path + strlen(path);
    else
        tag = strcmp(space, " items") == 0     ? PKL_TAG_ITEMS
              : strcmp(space, " entries") == 0 ? PKL_TAG_ENTRIES
                                               : PKL_TAG_ARGS;
    assert_true((size_t)(space - path) < sizeof head);
    memcpy(head, path, (size_t)(space - path));
    head[space - path] = '\0';
    if (rig_find(r, head, &place) != PB_OK)
        fail_msg("%s: %s", path, r->e.msg);
    return PKL_ID(PKL_ID_SOURCE(place.value.target), tag, PKL_ID_OFFSET(place.value.target));
}

/* As an edit leaves them. */
static inline void rig_list(struct rig *r, const char *path, const struct child *children)
{
    struct edit_container c = {.owner = rig_owner(r, path)};
    struct pkl_view *v = PKL_ID_SOURCE(c.owner) == 0 ? r->edit->base : r->edit->second;
    uint64_t count;

    assert_int_equal(v->count_children(v, c.owner, &count, &r->e), PB_OK);
    assert_true(pieces_init(&c.now, 0) && pieces_init(&c.saved, count));
    c.now.originals = count;
    for (size_t i = 0; children[i].from != END; i++) {
        const struct child *k = &children[i];
        struct piece p = {.first = k->from == NEW ? PIECE_NEW + i : (uint64_t)k->from,
                          .count = 1,
                          .key = rig_number(r, k->key),
                          .value = rig_number(r, k->value)};

        assert_true(pieces_replace(&c.now, i, 0, &p, 1, NULL));
    }
    assert_true(vec_push(&r->edit->containers, c));
    assert_true(idmap_put(&r->edit->by_owner, c.owner, r->edit->containers.len));
    r->edit->fresh = false;
}

#endif

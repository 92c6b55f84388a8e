/*
 * Equal keys and members in a list as the edits have it.
 *
 * Of one edit the list is read through.  While several are made as one step, the second one that
 * asks notes the hashes of all that is there, by what stays the same of a child wherever it goes
 * (`first`); what comes later is added, what went or was changed is found out by looking.
 */
#include <stdlib.h>
#include <string.h>

#include "edit_private.h"
#include "equal.h"
#include "path_private.h"

#define BATCH 64

/* Of a key without a literal, which is equal only to itself. */
static uint64_t hash_of_id(pkl_id id)
{
    char bytes[sizeof id];

    memcpy(bytes, &id, sizeof id);
    return equal_hash(bytes, sizeof bytes) | 1;
}

static enum pb_err hash_of(struct pkl_edit *ed, const struct pkl_node *n, uint64_t *hash,
                           struct error *e)
{
    enum pb_err err = key_hash(&ed->view, n, hash, e);

    if (err == PB_OK && *hash == 0)
        *hash = hash_of_id(n->target);
    return err;
}

static enum pkl_step step_of(bool keys)
{
    return keys ? PKL_STEP_KEY : PKL_STEP_MEMBER;
}

static enum pb_err add_found(struct edit_positions *out, uint64_t at, struct error *e)
{
    size_t i = out->len;

    while (i > 0 && out->data[i - 1] > at)
        i--;
    if (i > 0 && out->data[i - 1] == at)
        return PB_OK;
    if (!vec_push(out, at))
        return error_nomem(e);
    memmove(out->data + i + 1, out->data + i, (out->len - 1 - i) * sizeof *out->data);
    out->data[i] = at;
    return PB_OK;
}

static enum pb_err is_equal(struct pkl_edit *ed, const struct pkl_node *n,
                            const struct literal *want, pkl_id same, bool *equal, struct error *e)
{
    *equal = n->target == same;
    return want != NULL && !*equal ? path_key_equals(&ed->view, n, want, equal, e) : PB_OK;
}

static enum pb_err search(struct pkl_edit *ed, pkl_id list, bool keys, const struct literal *want,
                          pkl_id same, struct edit_positions *out, struct error *e)
{
    struct pkl_child kids[BATCH];
    uint64_t at = 0;
    size_t got = 0;
    enum pb_err err;

    do {
        err = edit_list(ed, list, step_of(keys), at, BATCH, kids, &got, e);
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            bool equal;

            err = is_equal(ed, keys ? &kids[i].key : &kids[i].value, want, same, &equal, e);
            if (err == PB_OK && equal && !vec_push(out, at + i))
                err = error_nomem(e);
        }
        at += got;
    } while (err == PB_OK && got > 0);
    return err;
}

/* ------------------------------------------------------------------------- by hashes */

static uint64_t first_of(struct pkl_edit *ed, pkl_id list, uint64_t position)
{
    struct edit_container *c = edit_container_of(ed, list);
    const struct piece *p = c != NULL ? pieces_at(&c->now, position) : NULL;

    return p != NULL ? p->first + (position - p->at) : position;
}

static enum pb_err note_all(struct pkl_edit *ed, pkl_id list, bool keys, struct key_index *k,
                            struct error *e)
{
    struct pkl_child kids[BATCH];
    uint64_t at = 0, hash;
    size_t got = 0;
    enum pb_err err;

    do {
        err = edit_list(ed, list, step_of(keys), at, BATCH, kids, &got, e);
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            err = hash_of(ed, keys ? &kids[i].key : &kids[i].value, &hash, e);
            if (err == PB_OK && !key_index_add(k, hash, first_of(ed, list, at + i)))
                err = error_nomem(e);
        }
        at += got;
    } while (err == PB_OK && got > 0);
    return err;
}

/* *out is NULL the first time. */
static enum pb_err noted(struct pkl_edit *ed, pkl_id list, bool keys, struct key_index **out,
                         struct error *e)
{
    struct edit_keyed *known = edit_keyed_of(ed, list);
    struct edit_keyed new = {.list = list, .keys = keys};
    enum pb_err err = PB_OK;

    *out = NULL;
    if (known == NULL) {
        if (!vec_push(&ed->keyed, new))
            return error_nomem(e);
        if (idmap_put(&ed->keyed_of, list, ed->keyed.len))
            return PB_OK;
        ed->keyed.len--;
        return error_nomem(e);
    }
    if (!known->noted) {
        err = note_all(ed, list, keys, &known->index, e);
        known->noted = err == PB_OK;
        if (err != PB_OK)
            key_index_release(&known->index);
    }
    *out = &known->index;
    return err;
}

static enum pb_err look_up(struct pkl_edit *ed, pkl_id list, const struct key_index *k, bool keys,
                           uint64_t hash, const struct literal *want, pkl_id same,
                           struct edit_positions *out, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = key_index_first(k, hash); i != 0 && err == PB_OK;
         i = key_index_at(k, i)->next) {
        struct pkl_child kid;
        uint64_t at;
        size_t got = 0;
        bool equal = false;

        if (!pkl_edit_find(ed, list, key_index_at(k, i)->what, &at))
            continue;
        err = edit_list(ed, list, step_of(keys), at, 1, &kid, &got, e);
        if (err == PB_OK && got == 1)
            err = is_equal(ed, keys ? &kid.key : &kid.value, want, same, &equal, e);
        if (err == PB_OK && equal)
            err = add_found(out, at, e);
    }
    return err;
}

enum pb_err edit_find_equal(struct pkl_edit *ed, pkl_id list, bool keys, const struct literal *want,
                            pkl_id same, struct edit_positions *out, struct error *e)
{
    uint64_t hash[KEY_HASHES + 1];
    struct key_index *k = NULL;
    size_t n = 0;
    enum pb_err err = PB_OK;

    if (ed->group_depth > 0)
        err = noted(ed, list, keys, &k, e);
    if (err != PB_OK)
        return err;
    if (k == NULL)
        return search(ed, list, keys, want, same, out, e);
    if (want != NULL)
        err = key_hashes(want, hash, &n, e);
    if (same != 0)
        hash[n++] = hash_of_id(same);
    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = look_up(ed, list, k, keys, hash[i], want, same, out, e);
    return err;
}

struct edit_keyed *edit_keyed_of(struct pkl_edit *ed, pkl_id list)
{
    uint64_t known;

    return ed->keyed.len > 0 && idmap_get(&ed->keyed_of, list, &known) ? &ed->keyed.data[known - 1]
                                                                       : NULL;
}

void edit_keyed_add(struct pkl_edit *ed, pkl_id list, const struct piece *p, size_t n)
{
    struct edit_keyed *known = edit_keyed_of(ed, list);

    for (size_t i = 0; known != NULL && known->noted && i < n; i++) {
        size_t number = known->keys ? p[i].key : p[i].value;
        uint64_t hash;

        if (number == 0 && !piece_is_run(&p[i]))
            continue;
        /* What comes back may not have been there when all was noted. */
        if (number == 0 || hash_of(ed, &ed->values.data[number - 1].node, &hash, NULL) != PB_OK ||
            !key_index_add(&known->index, hash, p[i].first)) {
            known->noted = false;
            key_index_release(&known->index);
        }
    }
}

void edit_keyed_release(struct pkl_edit *ed)
{
    for (size_t i = 0; i < ed->keyed.len; i++)
        key_index_release(&ed->keyed.data[i].index);
    vec_release(&ed->keyed);
    idmap_release(&ed->keyed_of);
}

#include "object.h"

#include <stdlib.h>

#define STATES_AT_ONCE 16

enum pb_err object_deref(struct pkl_doc *d, const struct wval *v, uint64_t *maker,
                         enum pkl_kind *kind, uint8_t *opcode, struct error *e)
{
    enum pb_err err = PB_OK;

    *maker = v->maker;
    if (v->ref)
        err = memo_target(d, v->maker, maker, e);
    return err == PB_OK ? value_kind(d, *maker, kind, opcode, e) : err;
}

void object_release(struct object *o)
{
    vec_release(&o->parts);
}

static enum pb_err add(struct object *o, enum stretch_kind kind, uint64_t maker, uint64_t first,
                       uint64_t count, struct error *e)
{
    struct stretch s = {kind, maker, first, count};

    if (count == 0)
        return PB_OK;
    o->count += count;
    return vec_push(&o->parts, s) ? PB_OK : error_nomem(e);
}

/* How many children the container behind a value has; 1 for what is none. */
static enum pb_err size_behind(struct pkl_doc *d, const struct wval *v, enum phase phase,
                               uint64_t *count, struct error *e)
{
    enum pkl_kind kind;
    struct wval target;
    uint64_t maker;
    uint8_t opcode;
    enum pb_err err = object_deref(d, v, &maker, &kind, &opcode, e);

    *count = 1;
    if (err != PB_OK || kind >= PKL_GLOBAL)
        return err;
    err = walk_locate(d, maker, &target, e);
    if (err == PB_OK)
        *count = walk_total(d, &target, phase);
    return err;
}

static enum pb_err add_head(struct pkl_doc *d, const struct wval *v, struct object *o,
                            struct error *e)
{
    size_t got;
    uint64_t n;
    enum pb_err err = walk_list(d, v->maker, PH_HEAD, 0, 3, o->head, &got, e);

    if (err != PB_OK)
        return err;
    o->heads = got;
    if (v->opcode == 'i' || v->opcode == 'o') {
        o->args = v->args;
        return add(o, STRETCH_ARGS, v->maker, 0, v->args > 0, e);
    }
    if (op_kind(v->opcode) != PKL_OBJECT || got < 2)
        return PB_OK;
    err = size_behind(d, &o->head[1], PH_ITEM, &n, e);
    if (err == PB_OK)
        err = add(o, STRETCH_ARGS, v->maker, 0, n > 0, e);
    if (err == PB_OK && got == 3)
        err = size_behind(d, &o->head[2], PH_PAIR, &n, e);
    if (err == PB_OK && got == 3)
        err = add(o, STRETCH_KWARGS, v->maker, 0, n > 0, e);
    return err;
}

enum pb_err object_halves(struct pkl_doc *d, uint64_t maker, bool *split, uint64_t half[2],
                          struct error *e)
{
    struct wval tuple, kid[2];
    enum pkl_kind kind;
    bool dict = false;
    uint8_t opcode;
    size_t got;
    enum pb_err err = walk_locate(d, maker, &tuple, e);

    *split = false;
    if (err != PB_OK || tuple.items != 2)
        return err;
    err = walk_list(d, maker, PH_ITEM, 0, 2, kid, &got, e);
    for (size_t i = 0; i < 2 && err == PB_OK; i++) {
        err = object_deref(d, &kid[i], &half[i], &kind, &opcode, e);
        if (err == PB_OK && kind != PKL_DICT && kind != PKL_NONE)
            return PB_OK;
        dict = dict || kind == PKL_DICT;
        if (kind == PKL_NONE)
            half[i] = UINT64_MAX;
    }
    *split = err == PB_OK && dict;
    return err;
}

static enum pb_err add_attrs(struct pkl_doc *d, uint64_t maker, struct object *o, struct error *e)
{
    struct wval dict;
    enum pb_err err = walk_locate(d, maker, &dict, e);

    if (err != PB_OK)
        return err;
    return add(o, STRETCH_ATTRS, maker, 0, walk_total(d, &dict, PH_PAIR), e);
}

static enum pb_err add_state(struct pkl_doc *d, uint64_t object, const struct wval *state,
                             uint64_t number, struct object *o, struct error *e)
{
    enum pkl_kind kind;
    uint64_t maker, half[2];
    uint8_t opcode;
    bool split = false;
    enum pb_err err = object_deref(d, state, &maker, &kind, &opcode, e);

    if (err == PB_OK && kind == PKL_DICT)
        return add_attrs(d, maker, o, e);
    if (err == PB_OK && kind == PKL_TUPLE)
        err = object_halves(d, maker, &split, half, e);
    if (err == PB_OK && !split)
        return add(o, STRETCH_STATE, object, number, 1, e);
    for (size_t i = 0; i < 2 && err == PB_OK; i++) {
        if (half[i] != UINT64_MAX)
            err = add_attrs(d, half[i], o, e);
    }
    return err;
}

enum pb_err object_read(struct pkl_doc *d, const struct wval *v, struct object *out,
                        struct error *e)
{
    uint64_t states = walk_total(d, v, PH_STATE);
    enum pkl_kind kind = op_kind(v->opcode);
    struct wval state[STATES_AT_ONCE];
    enum pb_err err = PB_OK;

    *out = (struct object){.count = 0};
    if (op_info[v->opcode].class == OP_MAKE)
        err = add_head(d, v, out, e);
    for (uint64_t i = 0; i < states && err == PB_OK;) {
        size_t got;

        err = walk_list(d, v->maker, PH_STATE, i, STATES_AT_ONCE, state, &got, e);
        for (size_t k = 0; k < got && err == PB_OK; k++, i++)
            err = add_state(d, v->maker, &state[k], i, out, e);
        if (err == PB_OK && got == 0)
            err = error_pickle(e, v->maker, -1, "re-reading does not find a state");
    }
    if (err == PB_OK && kind >= PKL_GLOBAL)
        err = add(out, STRETCH_ITEMS, v->maker, 0, walk_total(d, v, PH_ITEM), e);
    if (err == PB_OK)
        err = add(out, STRETCH_ENTRIES, v->maker, 0, walk_total(d, v, PH_PAIR), e);
    return err;
}

/*
 * The way to what is inside of new values.
 *
 * Where a new value stands is known from the pieces of the container it was put into: so the way
 * leads from place to place, and nobody need walk over everything to meet it.
 */
#include <stdlib.h>

#include "edit_private.h"

#define NOT_HERE UINT64_MAX

/* A container's number, and a position among its children, of every new value. */
struct edit_stand {
    size_t container;
    uint64_t position; /* NOT_HERE: it stands nowhere */
};

static enum pb_err find_stands(struct pkl_edit *ed, struct error *e)
{
    struct edit_stand *all = mem_realloc(ed->stands, ed->values.len, sizeof *all);

    if (all == NULL)
        return error_nomem(e);
    ed->stands = all;
    for (size_t i = 0; i < ed->values.len; i++)
        all[i].position = NOT_HERE;
    for (size_t i = 0; i < ed->containers.len; i++) {
        const struct pieces *p = &ed->containers.data[i].now;

        for (size_t k = 0; k < p->len; k++) {
            if (p->data[k].value != 0)
                all[p->data[k].value - 1] = (struct edit_stand){i, p->data[k].at};
        }
    }
    ed->stands_stamp = edit_stamp(ed);
    return PB_OK;
}

/* The place of the new value that holds `owner`; false: it has none, or is a part: what stands in a
 * state is shown as an attribute. */
static bool place_of(const struct pkl_edit *ed, pkl_id owner, pkl_id *into, uint64_t *position)
{
    size_t number = edit_value_holding(ed, PKL_ID_OFFSET(owner));
    const struct edit_stand *s = number != 0 ? &ed->stands[number - 1] : NULL;

    if (s == NULL || s->position == NOT_HERE)
        return false;
    *into = ed->containers.data[s->container].owner;
    *position = s->position;
    return ed->containers.data[s->container].step != PKL_STEP_PART;
}

struct stop {
    pkl_id owner;
    uint64_t index;
};
struct stops {
    struct stop *data;
    size_t len, cap;
};

/* Places that hold one another, the innermost first, up to one of the document. */
static enum pb_err find_stops(struct pkl_edit *ed, pkl_id owner, uint64_t index, struct stops *out,
                              bool *found, struct error *e)
{
    struct stop s = {owner, index};
    enum pb_err err = PB_OK;

    if (ed->stands == NULL || ed->stands_stamp != edit_stamp(ed))
        err = find_stands(ed, e);
    *found = err == PB_OK;
    if (err == PB_OK && !vec_push(out, s))
        return error_nomem(e);
    while (err == PB_OK && *found && PKL_ID_SOURCE(s.owner) != 0) {
        *found = out->len <= ed->values.len && place_of(ed, s.owner, &s.owner, &s.index);
        if (*found && !vec_push(out, s))
            err = error_nomem(e);
    }
    return err;
}

enum pb_err edit_way_into_new(struct pkl_edit *ed, struct path_finder *f, pkl_id owner,
                              uint64_t index, bool *found, struct error *e)
{
    struct stops stops = {0};
    enum pb_err err = PB_OK;

    *found = false;
    if (ed->values.len == 0 || PKL_ID_SOURCE(owner) == 0)
        return PB_OK;
    err = path_beside(f, &ed->view, owner, index, found, e);
    if (err != PB_OK || *found)
        return err;
    err = find_stops(ed, owner, index, &stops, found, e);
    for (size_t i = stops.len; i-- > 0 && err == PB_OK && *found;) {
        const struct stop *s = &stops.data[i];

        if (i + 1 == stops.len)
            err = path_way_to(f, &ed->view, s->owner, s->index, e);
        else
            err = path_go_on(f, &ed->view, s->owner, s->index, found, e);
    }
    vec_release(&stops);
    return err;
}

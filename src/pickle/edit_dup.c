/*
 * Values that DUP made two of.
 *
 * DUP pushes what stands on top once more, whatever its bytes are then.  So before the first of the
 * two is changed the second one gets a value of its own: a copy, in one place, and references to
 * that where there are more.
 */
#include <stdlib.h>

#include "edit_private.h"
#include "index.h"
#include "opcode_bytes.h"

struct doubles {
    pkl_id target;
    uint64_t behind; /* DUPs in front of this have nothing to do with it */
    struct {
        struct pkl_child *data;
        size_t len, cap;
    } places;
};

static enum pb_err see(void *ctx, const struct pkl_child *place, struct error *e)
{
    struct doubles *d = ctx;
    const struct pkl_node *n = &place->value;

    if (n->target != d->target || !n->ref || n->opcode != CODE_DUP || PKL_ID_SOURCE(n->id) != 0 ||
        PKL_ID_OFFSET(n->id) <= d->behind)
        return PB_OK;
    return vec_push(&d->places, *place) ? PB_OK : error_nomem(e);
}

static bool is_known(const struct pkl_edit *ed, uint64_t dup)
{
    uint64_t known;

    return idmap_get(&ed->undupped, dup + 1, &known);
}

static bool note(struct pkl_edit *ed, uint64_t dup)
{
    return idmap_put(&ed->undupped, dup + 1, 1);
}

/* DUPs of the value behind the place; those that have, or once had a value of their own. */
static size_t count(const struct pkl_edit *ed, const struct pkl_node *value, size_t *known)
{
    const struct pkl_doc *doc = ed->doc;
    size_t n = 0;

    *known = 0;
    for (size_t i = doc->dups.len;
         i-- > 0 && doc->dups.data[i].offset > PKL_ID_OFFSET(value->id);) {
        if (doc->dups.data[i].maker != PKL_ID_OFFSET(value->target))
            continue;
        n++;
        *known += is_known(ed, doc->dups.data[i].offset);
    }
    return n;
}

static int by_offset(const void *a, const void *b)
{
    const struct pkl_child *x = a, *y = b;
    uint64_t p = PKL_ID_OFFSET(x->value.id), q = PKL_ID_OFFSET(y->value.id);

    return (p > q) - (p < q);
}

static enum pb_err give_own(struct pkl_edit *ed, struct doubles *d, struct error *e)
{
    pkl_id first = 0;
    enum pb_err err = PB_OK;

    if (d->places.len > 1)
        qsort(d->places.data, d->places.len, sizeof *d->places.data, by_offset);
    for (size_t i = 0; i < d->places.len && err == PB_OK; i++) {
        const struct pkl_child *c = &d->places.data[i];
        size_t number;

        if (first != 0) {
            err = edit_put_link(ed, c, first, e);
            continue;
        }
        err = edit_add_copy(ed, &ed->view, &c->value, &number, e);
        if (err == PB_OK)
            err = edit_put(ed, c, number, e);
        if (err == PB_OK && !edit_is_scalar(c->value.kind))
            first = ed->values.data[number - 1].node.target;
    }
    return err;
}

enum pb_err edit_undup(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    const struct pkl_node *value = &place->value;
    struct doubles d = {.target = value->target, .behind = PKL_ID_OFFSET(value->id)};
    size_t known, n;
    enum pb_err err;

    if (ed->undupping || ed->doc->dups.len == 0 || PKL_ID_SOURCE(value->id) != 0)
        return PB_OK;
    if (value->ref && value->opcode == CODE_DUP && !note(ed, PKL_ID_OFFSET(value->id)))
        return error_nomem(e);
    n = count(ed, value, &known);
    if (n == 0)
        return PB_OK;
    err = edit_walk_places(ed, see, &d, e);
    /* One that stands nowhere is of use to the pickle in another way. */
    if (err == PB_OK && d.places.len + known < n)
        err = error_set(e, PB_EREADONLY,
                        "the pickle uses this value twice by DUP: it cannot be changed alone");
    ed->undupping = true;
    if (err == PB_OK)
        err = give_own(ed, &d, e);
    ed->undupping = false;
    for (size_t i = 0; i < d.places.len && err == PB_OK; i++) {
        if (!note(ed, PKL_ID_OFFSET(d.places.data[i].value.id)))
            err = error_nomem(e);
    }
    vec_release(&d.places);
    return err;
}

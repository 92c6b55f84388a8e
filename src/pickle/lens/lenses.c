/* The view through lenses: other children for some objects, no lens for others. */
#include "lens.h"

#include <stdlib.h>

#include "../idmap.h"

struct pkl_lenses {
    struct lens_view lv; /* first: the view is this struct */
    struct idmap raw;    /* targets, 1 */
};

static struct pkl_lenses *lenses_of(struct pkl_view *v)
{
    return (struct pkl_lenses *)v;
}

/* The container whose children stand for the object's own; the object itself when there is none;
 * or who makes them up. */
static enum pb_err shown_id(struct pkl_view *v, pkl_id id, pkl_id *out, struct pkl_node *self,
                            const struct lens_kids **kids, struct error *e)
{
    struct pkl_view *under = lenses_of(v)->lv.under;
    struct lens_reader r;
    struct pkl_node node;
    struct lens l;
    enum pb_err err;

    *out = id;
    *kids = NULL;
    if (PKL_ID_TAG(id) != PKL_TAG_VALUE && PKL_ID_TAG(id) != PKL_TAG_REF)
        return PB_OK;
    err = under->node(under, id, &node, e);
    if (err != PB_OK || node.kind != PKL_OBJECT)
        return err;
    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, &node, 64, &l, e);
    /* Pairs that are lists of their own cannot be taken out as entries are: they stay raw. */
    if (err == PB_OK && l.row != NULL && l.list != 0 && PKL_ID_TAG(l.list) == PKL_TAG_VALUE)
        *out = l.list;
    else if (err == PB_OK && l.row != NULL)
        *kids = l.kids;
    *self = node;
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

static enum pb_err count_shown(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    struct lens_view *lv = &lenses_of(v)->lv;
    const struct lens_kids *kids;
    struct pkl_node self;
    enum pb_err err = shown_id(v, id, &id, &self, &kids, e);

    if (err == PB_OK && kids != NULL)
        return kids->count(v, &self, count, e);
    return err == PB_OK ? lens_view_count(lv, id, count, e) : err;
}

static enum pb_err children_shown(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                                  struct pkl_child *out, size_t *got, struct error *e)
{
    struct lens_view *lv = &lenses_of(v)->lv;
    const struct lens_kids *kids;
    struct pkl_node self;
    enum pb_err err = shown_id(v, id, &id, &self, &kids, e);

    *got = 0;
    if (err == PB_OK && kids != NULL)
        return kids->children(v, &self, first, count, out, got, e);
    return err == PB_OK ? lens_view_children(lv, id, first, count, out, got, e) : err;
}

static bool is_raw(struct pkl_view *v, pkl_id id)
{
    return pkl_lenses_is_raw(lenses_of(v), id);
}

enum pb_err pkl_lenses_new(struct pkl_view *under, struct pkl_lenses **out, struct error *e)
{
    struct pkl_lenses *l = mem_alloc(sizeof *l);

    *out = l;
    if (l == NULL)
        return error_nomem(e);
    lens_view_over(&l->lv, under);
    l->lv.view.count_children = count_shown;
    l->lv.view.children = children_shown;
    l->lv.view.is_raw = is_raw;
    return PB_OK;
}

void pkl_lenses_free(struct pkl_lenses *l)
{
    if (l != NULL)
        idmap_release(&l->raw);
    free(l);
}

struct pkl_view *pkl_lenses_view(struct pkl_lenses *l)
{
    return &l->lv.view;
}

bool pkl_lenses_is_raw(const struct pkl_lenses *l, pkl_id id)
{
    uint64_t raw;

    return idmap_get(&l->raw, id, &raw) && raw != 0;
}

enum pb_err pkl_lenses_set_raw(struct pkl_lenses *l, pkl_id id, bool raw, struct error *e)
{
    return idmap_put(&l->raw, id, raw) ? PB_OK : error_nomem(e);
}

/* A view that knows two kinds of ids more: the pairs of an OrderedDict that Python 2 wrote as a
 * list of lists, and elements of arrays. */
#include "lens.h"
#include "nd.h"

static struct lens_view *lens_of(struct pkl_view *v)
{
    return (struct lens_view *)v;
}

static pkl_id object_of(pkl_id id)
{
    return PKL_ID(PKL_ID_SOURCE(id), PKL_TAG_VALUE, PKL_ID_OFFSET(id));
}

/* The list of pairs behind such an id. */
static enum pb_err pair_list(struct pkl_view *under, pkl_id id, struct pkl_child *out,
                             struct error *e)
{
    struct pkl_child args;
    size_t got;
    enum pb_err err = under->part(under, object_of(id), PKL_ARGS, &args, e);

    if (err == PB_OK)
        err = under->children(under, args.value.target, 0, 1, out, &got, e);
    if (err == PB_OK && got == 0)
        err = error_set(e, PB_ENOTFOUND, "there is no such value");
    return err;
}

static enum pb_err lens_node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    struct pkl_view *under = lens_of(v)->under;
    struct pkl_child list;
    enum pb_err err;

    if (PKL_ID_TAG(id) == PKL_TAG_ELEMENT)
        return nd_element_node(v, id, out, e);
    if (PKL_ID_TAG(id) != PKL_TAG_LENS)
        return under->node(under, id, out, e);
    err = pair_list(under, id, &list, e);
    if (err != PB_OK)
        return err;
    *out = list.value;
    out->id = out->target = id;
    out->kind = PKL_DICT;
    out->ref = false;
    return PB_OK;
}

static enum pb_err lens_count(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    struct pkl_view *under = lens_of(v)->under;
    struct pkl_node n;
    enum pb_err err;

    if (PKL_ID_TAG(id) != PKL_TAG_LENS && PKL_ID_TAG(id) != PKL_TAG_ELEMENT)
        return under->count_children(under, id, count, e);
    err = lens_node(v, id, &n, e);
    *count = n.kind == PKL_DICT || n.kind == PKL_OBJECT ? n.count : 0;
    return err;
}

/* A pair of the list as an entry: its place is that of the value in the pair. */
static enum pb_err as_entry(struct pkl_view *under, struct pkl_child *c, struct error *e)
{
    struct pkl_child two[2];
    uint64_t position = c->position;
    size_t got;
    enum pb_err err = under->children(under, c->value.target, 0, 2, two, &got, e);

    if (err == PB_OK && got != 2)
        err = error_set(e, PB_EPICKLE, "a pair is not found again");
    if (err != PB_OK)
        return err;
    *c = two[1];
    c->step = PKL_STEP_KEY;
    c->key = two[0].value;
    c->position = position;
    return PB_OK;
}

static enum pb_err lens_children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                                 struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_view *under = lens_of(v)->under;
    struct pkl_child list;
    enum pb_err err;

    if (PKL_ID_TAG(id) == PKL_TAG_ELEMENT)
        return nd_element_children(v, id, first, count, out, got, e);
    if (PKL_ID_TAG(id) != PKL_TAG_LENS)
        return under->children(under, id, first, count, out, got, e);
    *got = 0;
    err = pair_list(under, id, &list, e);
    if (err == PB_OK)
        err = under->children(under, list.value.target, first, count, out, got, e);
    for (size_t i = 0; i < *got && err == PB_OK; i++)
        err = as_entry(under, &out[i], e);
    return err;
}

static enum pb_err lens_part(struct pkl_view *v, pkl_id id, enum pkl_part part,
                             struct pkl_child *out, struct error *e)
{
    struct pkl_view *under = lens_of(v)->under;

    if (PKL_ID_TAG(id) == PKL_TAG_ELEMENT)
        return error_set(e, PB_ENOTFOUND, "an element has no parts");
    return under->part(under, id, part, out, e);
}

static uint64_t lens_roots(struct pkl_view *v)
{
    struct pkl_view *under = lens_of(v)->under;

    return under->roots(under);
}

static enum pb_err lens_root(struct pkl_view *v, uint64_t n, struct pkl_child *out, struct error *e)
{
    struct pkl_view *under = lens_of(v)->under;

    return under->root(under, n, out, e);
}

static struct pkl_doc *lens_doc(struct pkl_view *v, unsigned source)
{
    struct pkl_view *under = lens_of(v)->under;

    return under->doc(under, source);
}

static bool lens_is_raw(struct pkl_view *v, pkl_id id)
{
    struct pkl_view *under = lens_of(v)->under;

    return under->is_raw != NULL && under->is_raw(under, id);
}

/* Lenses are for objects. */
static struct pkl_doc *lens_dicts(struct pkl_view *v)
{
    struct pkl_view *under = lens_of(v)->under;

    return under->dicts != NULL ? under->dicts(under) : NULL;
}

void lens_view_over(struct lens_view *lv, struct pkl_view *under)
{
    lv->view = (struct pkl_view){lens_node,  lens_count, lens_children, lens_part,
                                 lens_roots, lens_root,  lens_doc,      lens_is_raw,
                                 NULL,       lens_dicts, under->py2_str};
    lv->under = under;
}

enum pb_err lens_view_count(struct lens_view *lv, pkl_id id, uint64_t *count, struct error *e)
{
    return lens_count(&lv->view, id, count, e);
}

enum pb_err lens_view_children(struct lens_view *lv, pkl_id id, uint64_t first, size_t count,
                               struct pkl_child *out, size_t *got, struct error *e)
{
    return lens_children(&lv->view, id, first, count, out, got, e);
}

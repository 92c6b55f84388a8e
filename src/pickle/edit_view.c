/* The document with the edits on top: each question goes to the document that owns the id, and what
 * stands at an edited place is put into the answer. */
#include <stddef.h>

#include "edit_private.h"

static struct pkl_edit *session(struct pkl_view *v)
{
    return (struct pkl_edit *)(void *)((char *)v - offsetof(struct pkl_edit, view));
}

static struct pkl_view *view_of(struct pkl_edit *ed, pkl_id id)
{
    return PKL_ID_SOURCE(id) == 0 ? ed->base : ed->second;
}

bool edit_link_at(const struct pkl_edit *ed, uint64_t offset, pkl_id *target)
{
    size_t low = 0, high = ed->links.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ed->links.data[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ed->links.len || ed->links.data[low].offset != offset)
        return false;
    *target = ed->links.data[low].target;
    return true;
}

enum pb_err edit_resolve(struct pkl_edit *ed, struct pkl_node *n, struct error *e)
{
    struct pkl_node target;
    pkl_id id;
    enum pb_err err;

    if (PKL_ID_SOURCE(n->id) == 0 || n->kind != PKL_EXTENSION ||
        !edit_link_at(ed, PKL_ID_OFFSET(n->id), &id))
        return PB_OK;
    err = ed->view.node(&ed->view, id, &target, e);
    if (err != PB_OK)
        return err;
    n->id = PKL_ID(1, PKL_TAG_REF, PKL_ID_OFFSET(n->id));
    n->target = target.target;
    n->kind = target.kind;
    n->count = target.count;
    n->ref = true;
    return PB_OK;
}

/* What an id means: that of a link means its target. */
static pkl_id meant(const struct pkl_edit *ed, pkl_id id)
{
    pkl_id target;

    return PKL_ID_SOURCE(id) != 0 && edit_link_at(ed, PKL_ID_OFFSET(id), &target) ? target : id;
}

static enum pb_err patch(struct pkl_edit *ed, struct pkl_child *c, struct error *e)
{
    size_t value = edit_value_at(edit_container_of(ed, c->owner), c->index);
    enum pb_err err = PB_OK;

    if (value != 0)
        c->value = ed->values.data[value - 1].node;
    if (ed->links.len > 0) {
        err = edit_resolve(ed, &c->value, e);
        if (err == PB_OK && c->key.id != 0)
            err = edit_resolve(ed, &c->key, e);
    }
    return err;
}

static enum pb_err node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    struct pkl_edit *ed = session(v);
    pkl_id plain = PKL_ID_SOURCE(id) != 0 && PKL_ID_TAG(id) == PKL_TAG_REF
                       ? PKL_ID(1, PKL_TAG_VALUE, PKL_ID_OFFSET(id))
                       : id;
    struct pkl_view *from = view_of(ed, plain);
    enum pb_err err = from->node(from, plain, out, e);

    return err == PB_OK ? edit_resolve(ed, out, e) : err;
}

static enum pb_err count_children(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    struct pkl_view *from;

    id = meant(session(v), id);
    from = view_of(session(v), id);
    return from->count_children(from, id, count, e);
}

static enum pb_err children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                            struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from;
    enum pb_err err;

    id = meant(ed, id);
    from = view_of(ed, id);
    err = from->children(from, id, first, count, out, got, e);
    for (size_t i = 0; err == PB_OK && i < *got && ed->containers.len > 0; i++)
        err = patch(ed, &out[i], e);
    return err;
}

static enum pb_err part(struct pkl_view *v, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from;
    enum pb_err err;

    id = meant(ed, id);
    from = view_of(ed, id);
    err = from->part(from, id, which, out, e);
    return err == PB_OK ? patch(ed, out, e) : err;
}

static uint64_t roots(struct pkl_view *v)
{
    struct pkl_edit *ed = session(v);

    return ed->base->roots(ed->base);
}

static enum pb_err root(struct pkl_view *v, uint64_t n, struct pkl_child *out, struct error *e)
{
    struct pkl_edit *ed = session(v);
    enum pb_err err = ed->base->root(ed->base, n, out, e);

    return err == PB_OK ? patch(ed, out, e) : err;
}

static struct pkl_doc *doc(struct pkl_view *v, unsigned source)
{
    struct pkl_edit *ed = session(v);

    return source == 0 ? ed->doc : source == 1 ? ed->news : NULL;
}

void edit_view_init(struct pkl_edit *ed)
{
    ed->view = (struct pkl_view){
        .node = node,
        .count_children = count_children,
        .children = children,
        .part = part,
        .roots = roots,
        .root = root,
        .doc = doc,
    };
}

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

static void patch(struct pkl_edit *ed, struct pkl_child *c)
{
    size_t value = edit_value_at(edit_container_of(ed, c->owner), c->index);

    if (value != 0)
        c->value = ed->values.data[value - 1].node;
}

static enum pb_err node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    struct pkl_view *from = view_of(session(v), id);

    return from->node(from, id, out, e);
}

static enum pb_err count_children(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    struct pkl_view *from = view_of(session(v), id);

    return from->count_children(from, id, count, e);
}

static enum pb_err children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                            struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from = view_of(ed, id);
    enum pb_err err = from->children(from, id, first, count, out, got, e);

    for (size_t i = 0; err == PB_OK && i < *got && ed->containers.len > 0; i++)
        patch(ed, &out[i]);
    return err;
}

static enum pb_err part(struct pkl_view *v, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from = view_of(ed, id);
    enum pb_err err = from->part(from, id, which, out, e);

    if (err == PB_OK)
        patch(ed, out);
    return err;
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

    if (err == PB_OK)
        patch(ed, out);
    return err;
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

/* The document with the edits on top: each question goes to the document that owns the id, and what
 * the edits changed is put into the answer. */
#include <stddef.h>

#include "edit_private.h"
#include "index.h"

static struct pkl_edit *session(struct pkl_view *v)
{
    return (struct pkl_edit *)(void *)((char *)v - offsetof(struct pkl_edit, view));
}

size_t edit_shown_at(struct pkl_edit *ed, pkl_id owner, uint64_t index)
{
    const struct pieces *shown = edit_shown(ed, edit_container_of(ed, owner));
    const struct piece *p = shown != NULL ? pieces_at(shown, index) : NULL;

    return p != NULL ? p->value : 0;
}

bool edit_link_at(const struct pkl_edit *ed, uint64_t offset, pkl_id *target)
{
    size_t low = vec_lower(&ed->links, offset, offset);

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

pkl_id edit_meant(const struct pkl_edit *ed, pkl_id id)
{
    pkl_id target;

    return PKL_ID_SOURCE(id) != 0 && edit_link_at(ed, PKL_ID_OFFSET(id), &target) ? target : id;
}

static enum pb_err node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    struct pkl_edit *ed = session(v);
    pkl_id plain = PKL_ID_SOURCE(id) != 0 && PKL_ID_TAG(id) == PKL_TAG_REF
                       ? PKL_ID(1, PKL_TAG_VALUE, PKL_ID_OFFSET(id))
                       : id;
    struct pkl_view *from = edit_base_of(ed, plain);
    enum pb_err err = from->node(from, plain, out, e);

    return err == PB_OK ? edit_adjust(ed, out, e) : err;
}

/* Where the children of an id are: of a reference those of its target.  *plain: nothing of it was
 * edited that would show. */
static enum pb_err where(struct pkl_edit *ed, pkl_id *id, struct pkl_node *n, bool *plain,
                         struct error *e)
{
    struct pkl_view *v;
    enum pb_err err;

    *id = edit_meant(ed, *id);
    *plain = ed->containers.len == 0 || PKL_ID_TAG(*id) == PKL_TAG_STREAM ||
             PKL_ID_TAG(*id) == PKL_TAG_BROKEN;
    if (*plain)
        return PB_OK;
    v = edit_base_of(ed, *id);
    err = v->node(v, *id, n, e);
    if (err == PB_OK)
        *id = n->target;
    return err;
}

static enum pb_err count_children(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from;
    struct pkl_node n;
    bool plain;
    enum pb_err err = where(ed, &id, &n, &plain, e);

    if (err != PB_OK)
        return err;
    from = edit_base_of(ed, id);
    if (plain)
        return from->count_children(from, id, count, e);
    if (n.kind == PKL_OBJECT && PKL_ID_TAG(id) == PKL_TAG_VALUE)
        return edit_object_count(ed, id, count, e);
    return edit_list_count(ed, id, count, e);
}

static enum pkl_step step_of(const struct pkl_node *n)
{
    return n->kind == PKL_DICT                              ? PKL_STEP_KEY
           : n->kind == PKL_SET || n->kind == PKL_FROZENSET ? PKL_STEP_MEMBER
                                                            : PKL_STEP_INDEX;
}

static enum pb_err root(struct pkl_view *v, uint64_t n, struct pkl_child *out, struct error *e);

static enum pb_err roots_of(struct pkl_view *v, uint64_t first, size_t count, struct pkl_child *out,
                            size_t *got, struct error *e)
{
    struct pkl_view *base = session(v)->base;
    enum pb_err err = PB_OK;

    for (; err == PB_OK && *got < count && first < base->roots(base); first++)
        err = root(v, first, &out[(*got)++], e);
    return err;
}

static enum pb_err children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                            struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *from;
    struct pkl_node n;
    bool plain;
    enum pb_err err = where(ed, &id, &n, &plain, e);

    *got = 0;
    if (err != PB_OK)
        return err;
    from = edit_base_of(ed, id);
    if (PKL_ID_TAG(id) == PKL_TAG_STREAM)
        return roots_of(v, first, count, out, got, e);
    if (plain)
        return from->children(from, id, first, count, out, got, e);
    if (PKL_ID_TAG(id) == PKL_TAG_VALUE && n.kind == PKL_OBJECT)
        return edit_object(ed, id, first, count, out, got, e);
    /* Globals, persistent ids and the like have parts, which are not edited. */
    if (n.kind >= PKL_GLOBAL && PKL_ID_TAG(id) == PKL_TAG_VALUE)
        return from->children(from, id, first, count, out, got, e);
    return edit_list(ed, id, step_of(&n), first, count, out, got, e);
}

static enum pb_err part(struct pkl_view *v, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        struct error *e)
{
    struct pkl_edit *ed = session(v);
    struct pkl_node n;
    bool plain;
    enum pb_err err = where(ed, &id, &n, &plain, e);

    return err == PB_OK ? edit_part(ed, id, which, out, e) : err;
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
    size_t value;

    if (err != PB_OK)
        return err;
    value = edit_shown_at(ed, out->owner, out->index);
    if (value != 0)
        out->value = ed->values.data[value - 1].node;
    return edit_adjust(ed, &out->value, e);
}

static struct pkl_doc *doc(struct pkl_view *v, unsigned source)
{
    struct pkl_edit *ed = session(v);

    return source == 0 ? ed->doc : source == 1 ? ed->news : NULL;
}

static struct pkl_doc *unedited(struct pkl_view *v)
{
    struct pkl_edit *ed = session(v);
    struct pkl_view *base = pkl_doc_view(ed->doc);

    return ed->containers.len == 0 ? base->unedited(base) : NULL;
}

/* ------------------------------------------------------------------- as it was saved */

static struct pkl_edit *saved_session(struct pkl_view *v)
{
    return (struct pkl_edit *)(void *)((char *)v - offsetof(struct pkl_edit, saved_view));
}

/* The same questions; what is on the way to their answers is asked as it was saved, too. */
static struct pkl_view *go_back(struct pkl_view *v, bool *was)
{
    struct pkl_edit *ed = saved_session(v);

    *was = ed->as_saved;
    ed->as_saved = true;
    return &ed->view;
}

static enum pb_err saved_node(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e)
{
    bool was;
    enum pb_err err = node(go_back(v, &was), id, out, e);

    saved_session(v)->as_saved = was;
    return err;
}

static enum pb_err saved_count(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e)
{
    bool was;
    enum pb_err err = count_children(go_back(v, &was), id, count, e);

    saved_session(v)->as_saved = was;
    return err;
}

static enum pb_err saved_children(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                                  struct pkl_child *out, size_t *got, struct error *e)
{
    bool was;
    enum pb_err err = children(go_back(v, &was), id, first, count, out, got, e);

    saved_session(v)->as_saved = was;
    return err;
}

static enum pb_err saved_part(struct pkl_view *v, pkl_id id, enum pkl_part which,
                              struct pkl_child *out, struct error *e)
{
    bool was;
    enum pb_err err = part(go_back(v, &was), id, which, out, e);

    saved_session(v)->as_saved = was;
    return err;
}

static enum pb_err saved_root(struct pkl_view *v, uint64_t n, struct pkl_child *out,
                              struct error *e)
{
    bool was;
    enum pb_err err = root(go_back(v, &was), n, out, e);

    saved_session(v)->as_saved = was;
    return err;
}

static uint64_t saved_roots(struct pkl_view *v)
{
    return roots(&saved_session(v)->view);
}

static struct pkl_doc *saved_doc(struct pkl_view *v, unsigned source)
{
    return doc(&saved_session(v)->view, source);
}

static struct pkl_doc *saved_unedited(struct pkl_view *v)
{
    return unedited(&saved_session(v)->view);
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
        .unedited = unedited,
        .dicts = unedited,
    };
    ed->saved_view = (struct pkl_view){
        .node = saved_node,
        .count_children = saved_count,
        .children = saved_children,
        .part = saved_part,
        .roots = saved_roots,
        .root = saved_root,
        .doc = saved_doc,
        .unedited = saved_unedited,
    };
}

/*
 * The children of an edited container: runs read from the document, with changed and new ones among
 * them.  What has no edits is read as it is.
 */
#include "edit_private.h"
#include "index.h"

static bool is_list(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET;
}

enum pb_err edit_list_count(struct pkl_edit *ed, pkl_id list, uint64_t *count, struct error *e)
{
    struct edit_container *c = edit_container_of(ed, list);
    struct pkl_view *v = edit_base_of(ed, list);

    if (c == NULL)
        return v->count_children(v, list, count, e);
    *count = pieces_count(edit_shown(ed, c));
    return PB_OK;
}

enum pb_err edit_adjust(struct pkl_edit *ed, struct pkl_node *n, struct error *e)
{
    struct edit_container *c;
    enum pb_err err = ed->links.len > 0 ? edit_resolve(ed, n, e) : PB_OK;

    if (err != PB_OK || ed->containers.len == 0)
        return err;
    if (n->kind == PKL_OBJECT && PKL_ID_TAG(n->target) == PKL_TAG_VALUE)
        return edit_object_count(ed, n->target, &n->count, e);
    c = is_list(n->kind) ? edit_container_of(ed, n->target) : NULL;
    if (c != NULL)
        n->count = pieces_count(edit_shown(ed, c));
    return PB_OK;
}

/* What a piece puts in the place of the original's child; a new child is nothing else. */
static enum pb_err put_piece(struct pkl_edit *ed, const struct piece *p, struct pkl_child *c,
                             struct error *e)
{
    if (p->value != 0)
        c->value = ed->values.data[p->value - 1].node;
    if (p->key != 0)
        c->key = ed->values.data[p->key - 1].node;
    if (p->value == 0 && p->key == 0)
        return PB_OK;
    return ed->links.len > 0 ? edit_resolve(ed, &c->value, e) : PB_OK;
}

static enum pb_err finish(struct pkl_edit *ed, struct pkl_child *c, pkl_id list, enum pkl_step step,
                          uint64_t position, struct error *e)
{
    enum pb_err err;

    c->owner = list;
    c->index = c->position = position;
    c->step = step;
    err = edit_adjust(ed, &c->value, e);
    if (err == PB_OK && c->key.id != 0)
        err = edit_adjust(ed, &c->key, e);
    if (step == PKL_STEP_ATTR && c->key.kind != PKL_STR && c->key.kind != PKL_PY2STR)
        c->step = PKL_STEP_KEY;
    return err;
}

enum pb_err edit_list(struct pkl_edit *ed, pkl_id list, enum pkl_step step, uint64_t first,
                      size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    struct edit_container *c = edit_container_of(ed, list);
    struct pkl_view *v = edit_base_of(ed, list);
    enum pb_err err = PB_OK;

    *got = 0;
    while (err == PB_OK && *got < count) {
        struct piece whole = {.count = UINT64_MAX};
        const struct piece *p = c != NULL ? pieces_at(edit_shown(ed, c), first) : &whole;
        uint64_t skip, left;
        size_t some = 1;

        if (p == NULL)
            break;
        skip = first - p->at;
        left = p->count - skip;
        out[*got] = (struct pkl_child){0};
        if (!piece_is_new(p))
            err = v->children(v, list, p->first + skip,
                              left < count - *got ? (size_t)left : count - *got, &out[*got], &some,
                              e);
        if (err != PB_OK || some == 0)
            break;
        err = put_piece(ed, p, &out[*got], e);
        for (size_t i = 0; i < some && err == PB_OK; i++)
            err = finish(ed, &out[(*got)++], list, step, first++, e);
    }
    return err;
}

/*
 * A copy of a container as a new value: its own opcodes again, what is inside it linked.
 *
 * Python's copy.copy(): the copy is another list, dict or object, what it holds is the same as
 * before.  Scalars and names are written out, since nobody can tell two of them apart.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_lens.h>

#include "edit_private.h"
#include "form.h"
#include "opcode_bytes.h"

#define BATCH 64
#define GROUP 1000 /* items of one APPENDS, as Python writes them */

struct copier {
    struct pkl_edit *ed;
    struct edit_draft *out;
    pkl_id items; /* an argument of the object that is what is in it; 0: none */
    bool no_memory;
    struct error *e;
};

static enum pb_err put_argument(struct copier *c, const struct pkl_node *n);

static void op(struct copier *c, int code)
{
    buf_putc(&c->out->bytes, (char)code);
}

void edit_draft_link(struct edit_draft *d, pkl_id target, bool *no_memory)
{
    static const uint8_t ext4[5] = {CODE_EXT4, 1, 0, 0, 0};
    struct edit_link l = {d->bytes.len, target};

    if (!vec_push(&d->links, l))
        *no_memory = true;
    buf_append(&d->bytes, ext4, sizeof ext4);
}

/* The one opcode that made a value, as it stands. */
static enum pb_err copy_opcode(struct copier *c, pkl_id id)
{
    struct pkl_view *v = &c->ed->view;
    struct source *src = pkl_doc_source(v->doc(v, PKL_ID_SOURCE(id)));
    struct sink to = sink_buf(&c->out->bytes);
    uint64_t header, payload;
    enum pb_err err = pkl_opcode_length(src, PKL_ID_OFFSET(id), &header, &payload, c->e);

    return err == PB_OK ? source_copy(src, PKL_ID_OFFSET(id), header + payload, &to, c->e) : err;
}

static enum pb_err put_text(struct copier *c, const char *s)
{
    struct literal l = {.kind = PKL_STR, .data = s, .len = strlen(s)};

    return literal_encode(&l, &c->ed->style, PKL_STR, 0, &c->out->bytes, c->e);
}

static enum pb_err copy_name(struct copier *c, const struct pkl_node *n, uint8_t opcode)
{
    struct pkl_name name = {0};
    enum pb_err err;

    if (opcode == CODE_GLOBAL)
        return copy_opcode(c, n->target);
    err = pkl_name_read(&c->ed->view, n, &name, c->e);
    if (err == PB_OK)
        err = put_text(c, name.module);
    if (err == PB_OK)
        err = put_text(c, name.name);
    op(c, CODE_STACK_GLOBAL);
    pkl_name_release(&name);
    return err;
}

/* What stands inside the container. */
static enum pb_err put_inner(struct copier *c, const struct pkl_node *n)
{
    struct pkl_node target = *n;
    enum pb_err err = PB_OK;

    if (n->target == c->items && (n->kind == PKL_LIST || n->kind == PKL_DICT))
        return put_argument(c, n);
    if (edit_is_scalar(n->kind) || n->kind == PKL_EXTENSION)
        return copy_opcode(c, n->target);
    if (n->ref)
        err = c->ed->view.node(&c->ed->view, n->target, &target, c->e);
    if (err == PB_OK && n->kind == PKL_GLOBAL && PKL_ID_TAG(n->target) == PKL_TAG_VALUE)
        return copy_name(c, n, target.opcode);
    if (err != PB_OK)
        return err;
    if (n->kind == PKL_BUFFER)
        return error_set(c->e, PB_EREADONLY,
                         "a copy would read an out-of-band buffer a second time");
    edit_draft_link(c->out, n->target, &c->no_memory);
    return c->no_memory ? error_nomem(c->e) : PB_OK;
}

/* ----------------------------------------------------------------------------- groups */

/* Children first .. first + count of `id`: one after the other, or in groups put into the container
 * below by `single` (one alone) or `group`.  single 0: they just stand. */
static enum pb_err put_children(struct copier *c, pkl_id id, uint64_t first, uint64_t count,
                                int single, int group)
{
    struct pkl_view *v = &c->ed->view;
    bool one_by_one = single != 0 && (c->ed->style.text || (count == 1 && single != group));
    struct pkl_child kids[BATCH];
    enum pb_err err = PB_OK;

    for (uint64_t done = 0; done < count && err == PB_OK;) {
        size_t want = count - done < BATCH ? (size_t)(count - done) : BATCH, got = 0;

        err = v->children(v, id, first + done, want, kids, &got, c->e);
        if (err == PB_OK && got == 0)
            err = error_set(c->e, PB_ENOTFOUND, "children of a value cannot be found");
        for (size_t i = 0; i < got && err == PB_OK; i++, done++) {
            if (single != 0 && !one_by_one && done % GROUP == 0)
                op(c, CODE_MARK);
            if (kids[i].key.id != 0)
                err = put_inner(c, &kids[i].key);
            if (err == PB_OK)
                err = put_inner(c, &kids[i].value);
            if (one_by_one)
                op(c, single);
            else if (single != 0 && (done % GROUP == GROUP - 1 || done + 1 == count))
                op(c, group);
        }
    }
    return err;
}

static enum pb_err put_all(struct copier *c, pkl_id id, int single, int group)
{
    uint64_t count;
    enum pb_err err = c->ed->view.count_children(&c->ed->view, id, &count, c->e);

    return err == PB_OK ? put_children(c, id, 0, count, single, group) : err;
}

static void put_empty(struct copier *c, int binary, const char *text)
{
    if (c->ed->style.text)
        buf_puts(&c->out->bytes, text);
    else
        op(c, binary);
}

static enum pb_err put_dict(struct copier *c, pkl_id id)
{
    put_empty(c, CODE_EMPTY_DICT, "(d");
    return put_all(c, id, CODE_SETITEM, CODE_SETITEMS);
}

/* The copy has items of its own: an argument that holds them is copied with it. */
static enum pb_err put_argument(struct copier *c, const struct pkl_node *n)
{
    c->items = 0;
    if (n->kind == PKL_DICT)
        return put_dict(c, n->target);
    put_empty(c, CODE_EMPTY_LIST, "(l");
    return put_all(c, n->target, CODE_APPEND, CODE_APPENDS);
}

static enum pb_err put_tuple(struct copier *c, pkl_id id, uint64_t count)
{
    static const uint8_t closed[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};
    bool marked = count > 3 || (c->ed->style.protocol < 2 && (count > 0 || c->ed->style.text));
    enum pb_err err;

    if (marked)
        op(c, CODE_MARK);
    err = put_children(c, id, 0, count, 0, 0);
    op(c, marked ? CODE_TUPLE : closed[count]);
    return err;
}

/* ---------------------------------------------------------------------------- objects */

/* PB_ENOTFOUND is an answer here: *there. */
static enum pb_err part(struct copier *c, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        bool *there)
{
    struct error why;
    enum pb_err err = c->ed->view.part(&c->ed->view, id, which, out, &why);

    *there = err == PB_OK;
    if (err == PB_OK || err == PB_ENOTFOUND)
        return PB_OK;
    return error_set(c->e, err, "%s", why.msg);
}

static enum pb_err put_heads(struct copier *c, const struct pkl_node *n)
{
    bool direct = n->opcode == CODE_INST || n->opcode == CODE_OBJ, there;
    struct pkl_child p;
    enum pb_err err;

    if (direct)
        op(c, CODE_MARK);
    err = part(c, n->target, PKL_CLASS, &p, &there);
    if (err == PB_OK && n->opcode != CODE_INST)
        err = put_inner(c, &p.value);
    if (err == PB_OK)
        err = part(c, n->target, PKL_ARGS, &p, &there);
    if (err == PB_OK && there && direct)
        err = put_all(c, p.value.target, 0, 0);
    else if (err == PB_OK && there && p.value.kind == PKL_TUPLE)
        err = put_tuple(c, p.value.target, p.value.count);
    else if (err == PB_OK && there)
        err = put_inner(c, &p.value);
    if (err == PB_OK)
        err = part(c, n->target, PKL_KWARGS, &p, &there);
    if (err == PB_OK && there && p.value.kind == PKL_DICT)
        err = put_dict(c, p.value.target);
    else if (err == PB_OK && there)
        err = put_inner(c, &p.value);
    return err == PB_OK ? copy_opcode(c, n->target) : err;
}

static enum pb_err put_half(struct copier *c, const struct pkl_node *n)
{
    return n->kind == PKL_DICT ? put_dict(c, n->target) : put_inner(c, n);
}

/* The dicts that hold attributes are the object's own, and copied with it. */
static enum pb_err put_state(struct copier *c, const struct pkl_node *n)
{
    struct pkl_view *v = &c->ed->view;
    struct pkl_child state, slots, half;
    bool there, split;
    size_t got = 0;
    enum pb_err err = part(c, n->target, PKL_STATE, &state, &there);

    if (err != PB_OK || !there)
        return err;
    if (state.index > 3)
        return error_set(c->e, PB_EREADONLY,
                         "an object whose state is set more than once cannot be copied");
    err = part(c, n->target, PKL_SLOTS, &slots, &split);
    if (err == PB_OK && split) {
        if (c->ed->style.protocol < 2)
            op(c, CODE_MARK);
        err = v->children(v, state.value.target, 0, 1, &half, &got, c->e);
        if (err == PB_OK && got == 1)
            err = put_half(c, &half.value);
        if (err == PB_OK)
            err = put_half(c, &slots.value);
        op(c, c->ed->style.protocol < 2 ? CODE_TUPLE : CODE_TUPLE2);
    } else if (err == PB_OK) {
        err = put_half(c, &state.value);
    }
    op(c, CODE_BUILD);
    return err;
}

enum pb_err edit_items_argument(struct pkl_edit *ed, const struct pkl_node *object, pkl_id *items,
                                struct error *e)
{
    struct pkl_child kids[BATCH];
    struct pkl_lenses *lenses;
    size_t got = 0;
    struct form f;
    enum pb_err err;

    form_init(&f);
    err = form_read(&ed->view, object, 0, &f, e);
    *items = f.items.id != 0 ? f.items.target : 0;
    if (err == PB_OK && f.kind == PKL_OBJECT) {
        err = pkl_lenses_new(&ed->view, &lenses, e);
        if (err == PB_OK) {
            struct pkl_view *v = pkl_lenses_view(lenses);

            err = v->children(v, object->target, 0, BATCH, kids, &got, e);
            pkl_lenses_free(lenses);
        }
        for (size_t i = 0; i < got && err == PB_OK && *items == 0; i++) {
            if (kids[i].step == PKL_STEP_INDEX || kids[i].step == PKL_STEP_KEY)
                *items = kids[i].owner;
        }
    }
    form_release(&f);
    return err;
}

static enum pb_err put_object(struct copier *c, const struct pkl_node *n)
{
    struct pkl_child p;
    bool there;
    enum pb_err err = edit_items_argument(c->ed, n, &c->items, c->e);

    if (err == PB_OK)
        err = put_heads(c, n);
    c->items = 0;
    if (err == PB_OK)
        err = part(c, n->target, PKL_ITEMS, &p, &there);
    if (err == PB_OK && there)
        err = put_all(c, p.value.target, CODE_APPEND, CODE_APPENDS);
    if (err == PB_OK)
        err = part(c, n->target, PKL_ENTRIES, &p, &there);
    if (err == PB_OK && there)
        err = put_all(c, p.value.target, CODE_SETITEM, CODE_SETITEMS);
    return err == PB_OK ? put_state(c, n) : err;
}

/* ------------------------------------------------------------------------------- all */

static enum pb_err put_container(struct copier *c, const struct pkl_node *n)
{
    enum pb_err err;

    switch (n->kind) {
    case PKL_LIST:
        put_empty(c, CODE_EMPTY_LIST, "(l");
        return put_all(c, n->target, CODE_APPEND, CODE_APPENDS);
    case PKL_DICT:
        return put_dict(c, n->target);
    case PKL_TUPLE:
        return put_tuple(c, n->target, n->count);
    case PKL_SET:
        op(c, CODE_EMPTY_SET);
        return put_all(c, n->target, CODE_ADDITEMS, CODE_ADDITEMS);
    case PKL_FROZENSET:
        op(c, CODE_MARK);
        err = put_children(c, n->target, 0, n->count, 0, 0);
        op(c, CODE_FROZENSET);
        return err;
    case PKL_OBJECT:
        return put_object(c, n);
    default:
        return error_set(c->e, PB_EREADONLY, "a value of this kind cannot be copied");
    }
}

/* Items of a list as those of another container; only the chosen ones (NULL: all). */
static enum pb_err put_chosen(struct copier *c, const struct pkl_node *list, const bool *chosen,
                              int single)
{
    struct pkl_view *v = &c->ed->view;
    bool one_by_one = single != 0 && c->ed->style.text;
    struct pkl_child kids[BATCH];
    uint64_t in_group = 0;
    size_t got = 0;
    enum pb_err err = PB_OK;

    for (uint64_t at = 0; at < list->count && err == PB_OK; at += got) {
        size_t want = list->count - at < BATCH ? (size_t)(list->count - at) : BATCH;

        err = v->children(v, list->id, at, want, kids, &got, c->e);
        if (err == PB_OK && got == 0)
            err = error_set(c->e, PB_ENOTFOUND, "children of a value cannot be found");
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            if (chosen != NULL && !chosen[at + i])
                continue;
            if (single != 0 && !one_by_one && in_group++ % GROUP == 0)
                op(c, CODE_MARK);
            err = put_inner(c, &kids[i].value);
            if (one_by_one)
                op(c, single);
            else if (single != 0 && in_group % GROUP == 0)
                op(c, single == CODE_APPEND ? CODE_APPENDS : single);
        }
    }
    if (in_group % GROUP != 0)
        op(c, single == CODE_APPEND ? CODE_APPENDS : single);
    return err;
}

static enum pb_err put_set_call(struct copier *c, const struct pkl_node *list, const bool *chosen,
                                enum pkl_kind kind)
{
    struct literal l = {.kind = PKL_GLOBAL, .module = "builtins"};
    bool old = c->ed->style.protocol < 2;
    enum pb_err err;

    l.name = kind == PKL_SET ? "set" : "frozenset";
    err = literal_encode(&l, &c->ed->style, PKL_BROKEN, 0, &c->out->bytes, c->e);
    if (old)
        op(c, CODE_MARK);
    put_empty(c, CODE_EMPTY_LIST, "(l");
    if (err == PB_OK)
        err = put_chosen(c, list, chosen, CODE_APPEND);
    op(c, old ? CODE_TUPLE : CODE_TUPLE1);
    op(c, CODE_REDUCE);
    return err;
}

enum pb_err edit_copy_as(struct pkl_edit *ed, const struct pkl_node *list, enum pkl_kind kind,
                         const bool *chosen, struct edit_draft *out, struct error *e)
{
    struct copier c = {.ed = ed, .out = out, .e = e};
    enum pb_err err;

    switch (kind) {
    case PKL_LIST:
        put_empty(&c, CODE_EMPTY_LIST, "(l");
        err = put_chosen(&c, list, chosen, CODE_APPEND);
        break;
    case PKL_TUPLE:
        err = put_tuple(&c, list->id, list->count);
        break;
    default:
        if (ed->style.protocol < 4) {
            err = put_set_call(&c, list, chosen, kind);
        } else if (kind == PKL_SET) {
            op(&c, CODE_EMPTY_SET);
            err = put_chosen(&c, list, chosen, CODE_ADDITEMS);
        } else {
            op(&c, CODE_MARK);
            err = put_chosen(&c, list, chosen, 0);
            op(&c, CODE_FROZENSET);
        }
        break;
    }
    return err == PB_OK ? buf_status(&out->bytes, e) : err;
}

enum pb_err edit_copy_shallow(struct pkl_edit *ed, const struct pkl_node *node,
                              struct edit_draft *out, struct error *e)
{
    struct copier c = {.ed = ed, .out = out, .e = e};
    struct pkl_node n;
    enum pb_err err = ed->view.node(&ed->view, node->target, &n, e);

    if (err == PB_OK && PKL_ID_TAG(n.id) != PKL_TAG_VALUE)
        err = error_set(e, PB_EREADONLY, "a value that is no value of its own cannot be copied");
    if (err == PB_OK)
        err = put_container(&c, &n);
    return err == PB_OK ? buf_status(&out->bytes, e) : err;
}

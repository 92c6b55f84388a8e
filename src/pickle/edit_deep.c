/*
 * A copy of a value with all that is inside it, of this or another pickle: Python's
 * copy.deepcopy().
 *
 * Written as Python's pickler would, in the words of the stream it goes into, with a stack of tasks
 * in place of recursion.  What is shared or recursive inside it is a link to where it was made in
 * the copy.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_leaf.h>

#include "edit_private.h"
#include "form.h"
#include "opcode_bytes.h"

#define BATCH 32
#define GROUP 1000 /* items of one APPENDS, as Python writes them */
#define COPY_MAX ((size_t)512 << 20)

enum task_kind {
    TASK_VALUE,
    TASK_OP,        /* one opcode without argument */
    TASK_CHILDREN,  /* of the list `id`, from `pos` on */
    TASK_TUPLE,     /* the children stand: make it */
    TASK_FROZENSET, /* likewise */
    TASK_OBJECT,    /* what made it was written, then what it got */
    TASK_SET,       /* likewise, of a set that is written as a call */
    TASK_MAKE       /* the opcode that makes an object */
};
struct task {
    enum task_kind kind;
    struct pkl_node node;
    uint64_t pos, count;
    struct pkl_child *batch; /* children pos .. pos + got */
    size_t got, next;
    int op;     /* TASK_CHILDREN: that puts one alone into its container, 0: they just stand */
    int group;  /* and a group of them */
    bool start; /* of TASK_TUPLE: a MARK stands in front */
};

struct deep {
    struct pkl_edit *ed;
    struct pkl_view *from;
    struct edit_draft *out;
    bool here; /* from this very document */
    struct {
        struct task *data;
        size_t len, cap;
    } tasks;
    struct idmap made; /* value -> offset of its maker in the copy + 1 */
    uint64_t maker;    /* offset of the last opcode that may have made an object */
    struct error *e;
};

static void op(struct deep *d, int code)
{
    buf_putc(&d->out->bytes, (char)code);
}

static enum pb_err push(struct deep *d, struct task t)
{
    return vec_push(&d->tasks, t) ? PB_OK : error_nomem(d->e);
}

static enum pb_err push_op(struct deep *d, int code)
{
    return push(d, (struct task){.kind = TASK_OP, .op = code});
}

static enum pb_err push_value(struct deep *d, const struct pkl_node *n)
{
    return push(d, (struct task){.kind = TASK_VALUE, .node = *n});
}

static enum pb_err push_children(struct deep *d, pkl_id id, uint64_t count, int single, int group)
{
    struct task t = {.kind = TASK_CHILDREN, .count = count, .op = single, .group = group};

    t.node.id = id;
    return push(d, t);
}

static enum pb_err made(struct deep *d, pkl_id id, uint64_t offset)
{
    return idmap_put(&d->made, id, offset + 1) ? PB_OK : error_nomem(d->e);
}

static enum pb_err link_to(struct deep *d, uint64_t offset)
{
    bool no_memory = false;

    edit_draft_link(d->out, PKL_ID(EDIT_INNER, PKL_TAG_VALUE, offset), &no_memory);
    return no_memory ? error_nomem(d->e) : PB_OK;
}

/* ----------------------------------------------------------------------------- leaves */

static enum pb_err raw(struct deep *d, pkl_id id)
{
    struct source *src = pkl_doc_source(d->from->doc(d->from, PKL_ID_SOURCE(id)));
    struct sink to = sink_buf(&d->out->bytes);
    uint64_t header, payload;
    enum pb_err err = pkl_opcode_length(src, PKL_ID_OFFSET(id), &header, &payload, d->e);

    return err == PB_OK ? source_copy(src, PKL_ID_OFFSET(id), header + payload, &to, d->e) : err;
}

static enum pb_err encode(struct deep *d, const struct literal *l, enum pkl_kind was,
                          uint8_t opcode)
{
    return literal_encode(l, &d->ed->style, was, opcode, &d->out->bytes, d->e);
}

static enum pb_err leaf(struct deep *d, const struct pkl_node *n)
{
    struct literal l = {.kind = n->kind};
    struct pkl_node target = *n;
    struct pkl_leaf v;
    uint8_t le[8];
    enum pb_err err = PB_OK;

    if (d->here && n->kind != PKL_BYTEARRAY)
        return raw(d, n->target);
    pkl_leaf_init(&v);
    if (n->ref)
        err = d->from->node(d->from, n->target, &target, d->e);
    if (err == PB_OK)
        err = pkl_leaf_read(d->from, &target, SIZE_MAX, &v, d->e);
    if (err == PB_OK) {
        l.boolean = v.boolean;
        l.real = v.real;
        l.data = v.data.data != NULL ? v.data.data : "";
        l.len = v.data.len;
        if (n->kind == PKL_PY2STR)
            l.kind = PKL_BYTES;
        if (n->kind == PKL_INT && v.fits) {
            for (int i = 0; i < 8; i++)
                le[i] = (uint8_t)((uint64_t)v.integer >> (8 * i) & 0xff);
            l.data = (const char *)le;
            l.len = sizeof le;
        }
        /* A Python 2 str stays one, whatever the protocol. */
        if (n->kind == PKL_PY2STR && d->ed->style.protocol > 2)
            err = raw(d, n->target);
        else
            err = encode(d, &l, n->kind, target.opcode);
    }
    pkl_leaf_release(&v);
    return err;
}

static enum pb_err name(struct deep *d, const struct pkl_node *n)
{
    struct literal l = {.kind = PKL_GLOBAL};
    struct pkl_name names = {0};
    enum pb_err err = pkl_name_read(d->from, n, &names, d->e);

    l.module = names.py3_module;
    l.name = names.py3_name;
    if (err == PB_OK)
        err = encode(d, &l, PKL_BROKEN, 0);
    pkl_name_release(&names);
    return err;
}

static enum pb_err call(struct deep *d, const char *module, const char *function)
{
    struct literal l = {.kind = PKL_GLOBAL, .module = module, .name = function};

    return encode(d, &l, PKL_BROKEN, 0);
}

/* A bytearray, whose maker is the last opcode where it is written as a call. */
static enum pb_err byte_array(struct deep *d, pkl_id id, const struct literal *l)
{
    uint64_t begin = d->out->bytes.len;
    enum pb_err err = encode(d, l, PKL_BYTEARRAY, 0);

    if (err != PB_OK || d->out->bytes.len == 0)
        return err;
    return made(d, id, d->ed->style.protocol >= 5 ? begin : d->out->bytes.len - 1);
}

/* ------------------------------------------------------------------------- containers */

static enum pb_err begin_list(struct deep *d, pkl_id id, int binary, const char *text)
{
    enum pb_err err = made(d, id, d->out->bytes.len + (d->ed->style.text ? 1 : 0));

    if (d->ed->style.text)
        buf_puts(&d->out->bytes, text);
    else
        op(d, binary);
    return err;
}

static enum pb_err tuple(struct deep *d, const struct pkl_node *n)
{
    struct task t = {.kind = TASK_TUPLE, .node = *n, .count = n->count};
    enum pb_err err;

    t.start = n->count > 3 || (d->ed->style.protocol < 2 && (n->count > 0 || d->ed->style.text));
    if (t.start)
        op(d, CODE_MARK);
    err = push(d, t);
    return err == PB_OK ? push_children(d, n->target, n->count, 0, 0) : err;
}

/* The members are those of `items`; in old protocols a call of a list. */
static enum pb_err set(struct deep *d, const struct pkl_node *n, enum pkl_kind kind, pkl_id items,
                       uint64_t count)
{
    bool frozen = kind == PKL_FROZENSET;
    enum pb_err err;

    if (d->ed->style.protocol >= 4) {
        err = frozen ? PB_OK : made(d, n->target, d->out->bytes.len);
        op(d, frozen ? CODE_MARK : CODE_EMPTY_SET);
        if (err == PB_OK && frozen)
            err = push(d, (struct task){.kind = TASK_FROZENSET, .node = *n});
        if (err != PB_OK || count == 0)
            return err;
        return push_children(d, items, count, frozen ? 0 : CODE_ADDITEMS,
                             frozen ? 0 : CODE_ADDITEMS);
    }
    err = call(d, "builtins", frozen ? "frozenset" : "set");
    if (d->ed->style.protocol < 2)
        op(d, CODE_MARK);
    if (d->ed->style.text)
        buf_puts(&d->out->bytes, "(l");
    else
        op(d, CODE_EMPTY_LIST);
    if (err == PB_OK)
        err = push(d, (struct task){.kind = TASK_SET, .node = *n});
    if (err == PB_OK)
        err = push_op(d, CODE_REDUCE);
    if (err == PB_OK)
        err = push_op(d, d->ed->style.protocol < 2 ? CODE_TUPLE : CODE_TUPLE1);
    return err == PB_OK && count > 0 ? push_children(d, items, count, CODE_APPEND, CODE_APPENDS)
                                     : err;
}

/* ---------------------------------------------------------------------------- objects */

/* PB_ENOTFOUND is an answer: *there. */
static enum pb_err part(struct deep *d, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        bool *there)
{
    struct error why;
    enum pb_err err = d->from->part(d->from, id, which, out, &why);

    *there = err == PB_OK;
    if (err == PB_OK || err == PB_ENOTFOUND)
        return PB_OK;
    return error_set(d->e, err, "%s", why.msg);
}

/* Tasks come in the opposite order of what they write. */
static enum pb_err gains(struct deep *d, pkl_id id)
{
    struct pkl_child p;
    bool there;
    enum pb_err err = part(d, id, PKL_STATE, &p, &there);

    if (err == PB_OK && there && p.index > 3)
        return error_set(d->e, PB_EREADONLY,
                         "an object whose state is set more than once cannot be copied");
    if (err == PB_OK && there)
        err = push_op(d, CODE_BUILD);
    if (err == PB_OK && there)
        err = push_value(d, &p.value);
    if (err == PB_OK)
        err = part(d, id, PKL_ENTRIES, &p, &there);
    if (err == PB_OK && there)
        err = push_children(d, p.value.target, p.value.count, CODE_SETITEM, CODE_SETITEMS);
    if (err == PB_OK)
        err = part(d, id, PKL_ITEMS, &p, &there);
    if (err == PB_OK && there)
        err = push_children(d, p.value.target, p.value.count, CODE_APPEND, CODE_APPENDS);
    return err;
}

/* An opcode that the stream's protocol does not have becomes a call of copyreg's, as pickle.py
 * does. */
static enum pb_err by_function(struct deep *d, const struct pkl_node *n,
                               const struct pkl_child *cls, const struct pkl_child *args,
                               const struct pkl_child *kwargs)
{
    bool ex = n->opcode == CODE_NEWOBJ_EX;
    enum pb_err err = call(d, "copyreg", ex ? "__newobj_ex__" : "__newobj__");

    op(d, CODE_MARK);
    if (err == PB_OK)
        err = push_op(d, CODE_REDUCE);
    if (err == PB_OK)
        err = push_op(d, CODE_TUPLE);
    if (err == PB_OK && ex)
        err = push_value(d, &kwargs->value);
    if (err == PB_OK && ex)
        err = push_value(d, &args->value);
    else if (err == PB_OK)
        err = push_children(d, args->value.target, args->value.count, 0, 0);
    return err == PB_OK ? push_value(d, &cls->value) : err;
}

static enum pb_err object(struct deep *d, const struct pkl_node *n)
{
    bool direct = n->opcode == CODE_INST || n->opcode == CODE_OBJ, there, has_args, has_kwargs;
    unsigned since = n->opcode == CODE_NEWOBJ ? 2 : n->opcode == CODE_NEWOBJ_EX ? 4 : 0;
    struct pkl_child cls, args, kwargs;
    enum pb_err err = part(d, n->target, PKL_CLASS, &cls, &there);

    if (err == PB_OK)
        err = part(d, n->target, PKL_ARGS, &args, &has_args);
    if (err == PB_OK)
        err = part(d, n->target, PKL_KWARGS, &kwargs, &has_kwargs);
    if (err == PB_OK && (!there || (!has_args && !direct)))
        err = error_set(d->e, PB_EREADONLY, "this object cannot be copied");
    if (err == PB_OK)
        err = push(d, (struct task){.kind = TASK_OBJECT, .node = *n});
    if (err == PB_OK && d->ed->style.protocol < since)
        return by_function(d, n, &cls, &args, &kwargs);
    if (err == PB_OK)
        err = push(d, (struct task){.kind = TASK_MAKE, .node = *n});
    if (direct)
        op(d, CODE_MARK);
    if (err == PB_OK && has_kwargs)
        err = push_value(d, &kwargs.value);
    if (err == PB_OK && has_args && direct)
        err = push_children(d, args.value.target, args.value.count, 0, 0);
    else if (err == PB_OK && has_args)
        err = push_value(d, &args.value);
    if (err == PB_OK && !(direct && d->ed->style.text))
        err = push_value(d, &cls.value);
    return err;
}

/* INST has the name in itself; where there is OBJ that is written. */
static enum pb_err make(struct deep *d, const struct pkl_node *n)
{
    struct pkl_name names = {0};
    struct pkl_child cls;
    enum pb_err err;

    d->maker = d->out->bytes.len;
    if (n->opcode != CODE_INST && n->opcode != CODE_OBJ) {
        op(d, n->opcode);
        return PB_OK;
    }
    if (!d->ed->style.text) {
        op(d, CODE_OBJ);
        return PB_OK;
    }
    err = d->from->part(d->from, n->target, PKL_CLASS, &cls, d->e);
    if (err == PB_OK)
        err = pkl_name_read(d->from, &cls.value, &names, d->e);
    if (err == PB_OK) {
        op(d, CODE_INST);
        buf_printf(&d->out->bytes, "%s\n%s\n", names.module, names.name);
    }
    pkl_name_release(&names);
    return err;
}

static enum pb_err form_of(struct deep *d, const struct pkl_node *n, bool *done)
{
    struct literal l = {.kind = PKL_BYTES};
    struct form f;
    enum pb_err err;

    form_init(&f);
    err = form_read(d->from, n, COPY_MAX, &f, d->e);
    *done = err == PB_OK && f.kind != PKL_OBJECT;
    if (*done && (f.kind == PKL_SET || f.kind == PKL_FROZENSET)) {
        err = set(d, n, f.kind, f.items.target, f.items.id != 0 ? f.items.count : 0);
    } else if (*done) {
        l.kind = f.kind;
        l.data = f.data.data != NULL ? f.data.data : "";
        l.len = f.data.len;
        err = f.kind == PKL_BYTEARRAY ? byte_array(d, n->target, &l) : encode(d, &l, PKL_BYTES, 0);
    }
    form_release(&f);
    return err;
}

/* ------------------------------------------------------------------------------- tasks */

static enum pb_err special(struct deep *d, const struct pkl_node *n)
{
    struct pkl_child pid;
    enum pb_err err;

    if (!d->here || n->kind == PKL_BUFFER)
        return error_set(d->e, PB_EREADONLY, "%s means something only where it stands",
                         n->kind == PKL_BUFFER ? _("an out-of-band buffer") : _("this value"));
    if (n->kind == PKL_EXTENSION || n->opcode == CODE_PERSID)
        return raw(d, n->target);
    err = d->from->part(d->from, n->target, PKL_PID, &pid, d->e);
    if (err == PB_OK)
        err = push_op(d, CODE_BINPERSID);
    return err == PB_OK ? push_value(d, &pid.value) : err;
}

static enum pb_err value(struct deep *d, const struct pkl_node *ref)
{
    struct literal array = {.kind = PKL_BYTEARRAY};
    struct pkl_node n = *ref;
    struct pkl_leaf v;
    uint64_t offset;
    bool done = false;
    enum pb_err err = PB_OK;

    if (edit_is_scalar(n.kind))
        return leaf(d, &n);
    if (idmap_get(&d->made, n.target, &offset))
        return link_to(d, offset - 1);
    if (n.ref)
        err = d->from->node(d->from, n.target, &n, d->e);
    if (err != PB_OK)
        return err;
    switch (n.kind) {
    case PKL_BYTEARRAY:
        pkl_leaf_init(&v);
        err = pkl_leaf_read(d->from, &n, SIZE_MAX, &v, d->e);
        array.data = v.data.data != NULL ? v.data.data : "";
        array.len = v.data.len;
        if (err == PB_OK)
            err = byte_array(d, n.target, &array);
        pkl_leaf_release(&v);
        return err;
    case PKL_LIST:
        err = begin_list(d, n.target, CODE_EMPTY_LIST, "(l");
        return err == PB_OK ? push_children(d, n.target, n.count, CODE_APPEND, CODE_APPENDS) : err;
    case PKL_DICT:
        err = begin_list(d, n.target, CODE_EMPTY_DICT, "(d");
        return err == PB_OK ? push_children(d, n.target, n.count, CODE_SETITEM, CODE_SETITEMS)
                            : err;
    case PKL_TUPLE:
        return tuple(d, &n);
    case PKL_SET:
    case PKL_FROZENSET:
        return set(d, &n, n.kind, n.target, n.count);
    case PKL_GLOBAL:
        return name(d, &n);
    case PKL_OBJECT:
        err = form_of(d, &n, &done);
        return err == PB_OK && !done ? object(d, &n) : err;
    default:
        return special(d, &n);
    }
}

/* The next child of the list on top; the list itself stays there until all are done. */
static enum pb_err children(struct deep *d)
{
    struct task *t = &d->tasks.data[d->tasks.len - 1];
    bool alone = t->op != 0 && (d->ed->style.text || (t->count == 1 && t->op != t->group));
    struct pkl_child c;
    uint64_t pos;
    int after = 0;
    enum pb_err err = PB_OK;

    if (t->pos == t->count) {
        free(t->batch);
        d->tasks.len--;
        return PB_OK;
    }
    if (t->next == t->got) {
        size_t want = t->count - t->pos < BATCH ? (size_t)(t->count - t->pos) : BATCH;

        if (t->batch == NULL)
            t->batch = mem_realloc(NULL, want, sizeof *t->batch);
        if (t->batch == NULL)
            return error_nomem(d->e);
        t->next = 0;
        err = d->from->children(d->from, t->node.id, t->pos, want, t->batch, &t->got, d->e);
        if (err == PB_OK && t->got == 0)
            err = error_set(d->e, PB_ENOTFOUND, "children of a value cannot be found");
        if (err != PB_OK)
            return err;
    }
    c = t->batch[t->next++];
    pos = t->pos++;
    if (t->op != 0 && !alone && pos % GROUP == 0)
        op(d, CODE_MARK);
    if (alone)
        after = t->op;
    else if (t->op != 0 && (pos % GROUP == GROUP - 1 || pos + 1 == t->count))
        after = t->group;
    if (after != 0)
        err = push_op(d, after);
    if (err == PB_OK)
        err = push_value(d, &c.value);
    return err == PB_OK && c.key.id != 0 ? push_value(d, &c.key) : err;
}

static enum pb_err finish(struct deep *d, const struct task *t)
{
    static const uint8_t closed[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};
    uint64_t offset;
    enum pb_err err;

    /* pickle.py pops what stands here then; nobody could tell those bytes from garbage. */
    if (idmap_get(&d->made, t->node.target, &offset))
        return error_set(d->e, PB_EREADONLY,
                         "%s that is part of what it is made of cannot be copied",
                         t->kind == TASK_OBJECT ? _("an object") : _("a tuple or set"));
    if (t->kind == TASK_TUPLE)
        op(d, t->start ? CODE_TUPLE : closed[t->count]);
    else if (t->kind == TASK_FROZENSET)
        op(d, CODE_FROZENSET);
    if (t->kind == TASK_TUPLE && t->count == 0)
        return PB_OK;
    if (t->kind == TASK_TUPLE || t->kind == TASK_FROZENSET)
        d->maker = d->out->bytes.len - 1;
    err = made(d, t->node.target, d->maker);
    return err == PB_OK && t->kind == TASK_OBJECT ? gains(d, t->node.target) : err;
}

static enum pb_err step(struct deep *d)
{
    struct task t = d->tasks.data[d->tasks.len - 1];

    if (t.kind == TASK_CHILDREN)
        return children(d);
    d->tasks.len--;
    switch (t.kind) {
    case TASK_VALUE:
        return value(d, &t.node);
    case TASK_OP:
        d->maker = d->out->bytes.len;
        op(d, t.op);
        return PB_OK;
    case TASK_MAKE:
        return make(d, &t.node);
    default:
        return finish(d, &t);
    }
}

enum pb_err edit_add_copy(struct pkl_edit *ed, struct pkl_view *from, const struct pkl_node *node,
                          size_t *number, struct error *e)
{
    struct edit_draft draft = {0};
    struct deep d = {.ed = ed, .from = from, .out = &draft, .here = from == &ed->view, .e = e};
    enum pb_err err;

    buf_init(&draft.bytes, COPY_MAX);
    err = push_value(&d, node);
    while (err == PB_OK && d.tasks.len > 0 && draft.bytes.failed == PB_OK)
        err = step(&d);
    if (err == PB_OK)
        err = edit_add_draft(ed, &draft, number, e);
    for (size_t i = 0; i < d.tasks.len; i++)
        free(d.tasks.data[i].batch);
    vec_release(&d.tasks);
    idmap_release(&d.made);
    buf_release(&draft.bytes);
    vec_release(&draft.links);
    return err;
}

/* Values as Python's repr writes them, or in the documented form of what has none. */
#include <string.h>

#include <pklbrowse/text.h>

#include "form.h"
#include "frames.h"
#include "repr_text.h"

#define FLUSH_AT 65536u

enum shape { SHAPE_LIST, SHAPE_TUPLE, SHAPE_DICT, SHAPE_SET, SHAPE_FROZENSET, SHAPE_OBJECT,
             SHAPE_BROKEN };

static const struct brackets {
    const char *open, *close, *empty, *recursive;
} brackets[] = {
    {"[", "]", "[]", "[...]"},
    {"(", ")", "()", "(...)"},
    {"{", "}", "{}", "{...}"},
    {"{", "}", "set()", "set(...)"},
    {"frozenset({", "})", "frozenset()", "frozenset(...)"},
    {"<", ">", "<>", "<...>"},
    {"<broken [", "]>", "<broken []>", "<broken [...]>"},
};

/* Parts of an object, in the order in which they are written. */
static const struct part_text {
    enum pkl_part part;
    const char *before;
} parts[] = {
    {PKL_ARGS, " args="}, {PKL_KWARGS, " kwargs="}, {PKL_STATE, " state="},
    {PKL_ITEMS, " items="}, {PKL_ENTRIES, " entries="},
};
#define STAGE_CLASS 0u
#define STAGE_PARTS 1u

struct printer {
    struct frames frames;
    struct pkl_repr_opts opts;
    const struct sink *to;
    struct buf out;
    uint64_t written;
    unsigned indent; /* bracketed containers around */
    struct pkl_leaf leaf;
    struct form form;
};

static enum pb_err flush(struct printer *p, struct error *e)
{
    uint64_t n = p->out.len;
    enum pb_err err = buf_status(&p->out, e), sent = PB_OK;

    if (err != PB_OK)
        return err;
    if (p->opts.max_output > 0 && n > p->opts.max_output - p->written) {
        n = p->opts.max_output - p->written;
        err = error_set(e, PB_ELIMIT, "the text is longer than %llu bytes",
                        (unsigned long long)p->opts.max_output);
    }
    p->written += n;
    if (n > 0)
        sent = sink_write(p->to, p->out.data, (size_t)n, err == PB_OK ? e : NULL);
    buf_clear(&p->out);
    return err == PB_OK ? sent : err;
}

static void new_line(struct printer *p)
{
    if (p->opts.style != PKL_REPR_INDENT)
        return;
    buf_putc(&p->out, '\n');
    buf_fill(&p->out, ' ', (size_t)p->indent * 4);
}

static enum pb_err put_leaf(struct printer *p, const struct pkl_node *node, struct error *e)
{
    enum pb_err err = pkl_leaf_read(p->frames.view, node, SIZE_MAX, &p->leaf, e);

    return err == PB_OK ? repr_leaf(&p->out, &p->leaf, p->opts.ascii, e) : err;
}

/* Opens a container, or writes what stands for it. */
static enum pb_err enter(struct printer *p, const struct pkl_node *node, enum shape shape,
                         pkl_id list, uint64_t count, struct error *e)
{
    const struct brackets *b = &brackets[shape];
    enum frame_equals how = shape == SHAPE_DICT                               ? FRAME_DICT
                            : shape == SHAPE_SET || shape == SHAPE_FROZENSET ? FRAME_SET
                                                                             : FRAME_ALL;
    enum pb_err err;

    if (frames_has(&p->frames, node->target) ||
        (p->opts.depth > 0 && p->frames.stack.len >= p->opts.depth && count > 0)) {
        buf_puts(&p->out, b->recursive);
        return PB_OK;
    }
    if (count == 0 && shape != SHAPE_OBJECT) {
        buf_puts(&p->out, b->empty);
        return PB_OK;
    }
    err = frames_push(&p->frames, node, list, count, (uint8_t)shape, how, e);
    if (err != PB_OK)
        return err;
    buf_puts(&p->out, b->open);
    p->indent += shape != SHAPE_OBJECT;
    return PB_OK;
}

/* What stands behind "<": the class, or what the value is instead of an instance. */
static enum pb_err put_head(struct printer *p, const struct pkl_node *node, struct error *e)
{
    enum pb_err err;

    switch (node->kind) {
    case PKL_GLOBAL:
        buf_puts(&p->out, "global ");
        return repr_name(p->frames.view, node, &p->out, e);
    case PKL_EXTENSION: case PKL_BUFFER:
        return put_leaf(p, node, e);
    default:
        err = pkl_leaf_read(p->frames.view, node, SIZE_MAX, &p->leaf, e);
        if (err == PB_OK)
            return repr_leaf(&p->out, &p->leaf, p->opts.ascii, e);
        return err;
    }
}

static enum pb_err put_value(struct printer *p, const struct pkl_node *node, struct error *e);

/* Class of an object, pid of a persistent one: a name, or a value of its own. */
static enum pb_err put_class(struct printer *p, const struct pkl_node *node, struct error *e)
{
    struct pkl_view *v = p->frames.view;
    struct pkl_child part;
    struct error why;
    enum pkl_part which = node->kind == PKL_PERSID ? PKL_PID : PKL_CLASS;
    enum pb_err err = PB_ENOTFOUND;

    if (node->kind == PKL_PERSID || node->kind == PKL_OBJECT)
        err = v->part(v, node->target, which, &part, &why);
    if (err == PB_ENOTFOUND)
        return put_head(p, node, e);
    if (err != PB_OK) {
        if (e != NULL)
            *e = why;
        return err;
    }
    if (which == PKL_PID)
        buf_puts(&p->out, "persistent ");
    else if (part.value.kind == PKL_GLOBAL && part.value.count == 0)
        return repr_name(v, &part.value, &p->out, e);
    return put_value(p, &part.value, e);
}

static enum pb_err put_object(struct printer *p, const struct pkl_node *node, struct error *e)
{
    enum pb_err err = form_read(p->frames.view, node, SIZE_MAX, &p->form, e);
    struct pkl_leaf *l = &p->leaf;
    enum shape shape = p->form.kind == PKL_SET ? SHAPE_SET : SHAPE_FROZENSET;

    if (err != PB_OK)
        return err;
    switch (p->form.kind) {
    case PKL_BYTES: case PKL_BYTEARRAY:
        l->kind = p->form.kind;
        buf_clear(&l->data);
        buf_append(&l->data, p->form.data.data, p->form.data.len);
        return repr_leaf(&p->out, l, p->opts.ascii, e);
    case PKL_SET: case PKL_FROZENSET:
        return enter(p, node, shape, p->form.items.target, p->form.items.count, e);
    default:
        return enter(p, node, SHAPE_OBJECT, node->target, node->count, e);
    }
}

static enum pb_err put_value(struct printer *p, const struct pkl_node *node, struct error *e)
{
    switch (node->kind) {
    case PKL_LIST:
        return enter(p, node, SHAPE_LIST, node->target, node->count, e);
    case PKL_TUPLE:
        return enter(p, node, SHAPE_TUPLE, node->target, node->count, e);
    case PKL_DICT:
        return enter(p, node, SHAPE_DICT, node->target, node->count, e);
    case PKL_SET:
        return enter(p, node, SHAPE_SET, node->target, node->count, e);
    case PKL_FROZENSET:
        return enter(p, node, SHAPE_FROZENSET, node->target, node->count, e);
    case PKL_BROKEN:
        return enter(p, node, SHAPE_BROKEN, node->target, node->count, e);
    case PKL_OBJECT:
        return put_object(p, node, e);
    case PKL_GLOBAL: case PKL_PERSID: case PKL_EXTENSION: case PKL_BUFFER:
        return enter(p, node, SHAPE_OBJECT, node->target, node->count, e);
    default:
        return put_leaf(p, node, e);
    }
}

static void leave(struct printer *p)
{
    struct frame *fr = frames_top(&p->frames);

    if (fr->shape != SHAPE_OBJECT) {
        p->indent--;
        if (fr->any && p->opts.style == PKL_REPR_INDENT)
            buf_putc(&p->out, ',');
        else if (fr->shape == SHAPE_TUPLE && fr->count == 1)
            buf_putc(&p->out, ',');
        new_line(p);
    }
    buf_puts(&p->out, brackets[fr->shape].close);
    frames_pop(&p->frames);
}

/* The next part of the object on top. */
static enum pb_err step_object(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    struct pkl_view *v = p->frames.view;
    struct pkl_node node = fr->node;
    struct pkl_child part;
    struct error why;
    enum pb_err err;

    if (fr->stage == STAGE_CLASS) {
        fr->stage = STAGE_PARTS;
        return put_class(p, &node, e);
    }
    while (fr->stage - STAGE_PARTS < sizeof parts / sizeof parts[0]) {
        const struct part_text *t = &parts[fr->stage++ - STAGE_PARTS];

        err = v->part(v, node.target, t->part, &part, &why);
        if (err == PB_ENOTFOUND ||
            (err == PB_OK && (t->part == PKL_ARGS || t->part == PKL_KWARGS) &&
             part.value.kind <= PKL_FROZENSET && part.value.count == 0))
            continue;
        if (err != PB_OK) {
            if (e != NULL)
                *e = why;
            return err;
        }
        buf_puts(&p->out, t->before);
        return put_value(p, &part.value, e);
    }
    leave(p);
    return PB_OK;
}

static enum pb_err step(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    struct pkl_child child;
    bool end;
    enum pb_err err;

    if (fr->shape == SHAPE_OBJECT)
        return step_object(p, e);
    err = frames_child(&p->frames, &child, &end, e);
    if (err != PB_OK)
        return err;
    if (end) {
        leave(p);
        return PB_OK;
    }
    if (fr->half) {
        buf_puts(&p->out, ": ");
        fr->half = false;
        fr->pos++;
        return put_value(p, &child.value, e);
    }
    if (fr->any)
        buf_puts(&p->out, p->opts.style == PKL_REPR_INDENT ? "," : ", ");
    new_line(p);
    fr->any = true;
    if (fr->shape == SHAPE_DICT) {
        fr->half = true;
        return put_value(p, &child.key, e);
    }
    fr->pos++;
    return put_value(p, &child.value, e);
}

enum pb_err pkl_repr(struct pkl_view *v, const struct pkl_node *node, const struct pkl_repr_opts *o,
                     const struct sink *to, struct error *e)
{
    static const struct pkl_repr_opts plain;
    struct printer p = {.opts = o != NULL ? *o : plain, .to = to};
    enum pb_err err;

    frames_init(&p.frames, v);
    buf_init(&p.out, SIZE_MAX / 2);
    pkl_leaf_init(&p.leaf);
    form_init(&p.form);
    err = put_value(&p, node, e);
    while (err == PB_OK && p.frames.stack.len > 0) {
        err = step(&p, e);
        if (err == PB_OK && p.out.len >= FLUSH_AT)
            err = flush(&p, e);
    }
    if (err == PB_OK || p.out.len > 0) {
        struct error later;
        enum pb_err flushed = flush(&p, err == PB_OK ? e : &later);

        if (err == PB_OK)
            err = flushed;
    }
    frames_release(&p.frames);
    buf_release(&p.out);
    pkl_leaf_release(&p.leaf);
    form_release(&p.form);
    return err;
}

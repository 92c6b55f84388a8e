/*
 * One JSON document in which no Python type is lost.
 *
 * Plain where JSON has it; otherwise an object whose only key (or first, for $object and $repr)
 * begins with '$'. A value met again is {"$ref": path of its first place}.
 */
#include <math.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/text.h>

#include "frames.h"
#include "json_text.h"
#include "lens/lens.h"
#include "long_leaf.h"
#include "repr_text.h"
#include "trail.h"

#define FLUSH_AT 65536u
#define SAFE_INT ((int64_t)1 << 53) /* larger ones do not survive a double */

enum shape {
    JSON_LIST,
    JSON_TUPLE,
    JSON_SET,
    JSON_FROZENSET,
    JSON_DICT,
    JSON_PLAIN_DICT,
    JSON_OBJECT,
    JSON_BROKEN
};

static const struct brackets {
    const char *open, *close;
} brackets[] = {
    {"[", "]"},
    {"{\"$tuple\": [", "]}"},
    {"{\"$set\": [", "]}"},
    {"{\"$frozenset\": [", "]}"},
    {"{\"$dict\": [", "]}"},
    {"{", "}"},
    {"{", "}"},
    {"{\"$broken\": [", "]}"},
};

static const struct part_text {
    enum pkl_part part;
    const char *name;
} parts[] = {
    {PKL_ARGS, "args"},   {PKL_KWARGS, "kwargs"},   {PKL_STATE, "state"},
    {PKL_ITEMS, "items"}, {PKL_ENTRIES, "entries"},
};

struct writer {
    struct frames frames;
    const struct sink *to;
    struct buf out;
    struct pkl_leaf leaf;
    struct lens_reader reader;
    struct lens lens;
    struct plain plain;
    struct trail trail; /* containers written, and where */
    const struct pkl_node *root;
};

static enum pb_err flush(struct writer *w, struct error *e)
{
    enum pb_err err = buf_status(&w->out, e);

    if (err == PB_OK && w->out.len > 0)
        err = sink_write(w->to, w->out.data, w->out.len, e);
    buf_clear(&w->out);
    return err;
}

static void put_base64(struct buf *out, const char *what, const struct buf *data)
{
    buf_printf(out, "{\"$%s\": \"", what);
    base64_encode(out, data->data, data->len);
    buf_puts(out, "\"}");
}

static enum pb_err put_int(struct buf *out, const struct pkl_leaf *l, struct error *e)
{
    bool plain = l->fits && l->integer <= SAFE_INT && l->integer >= -SAFE_INT;
    enum pb_err err;

    if (!plain)
        buf_puts(out, "{\"$int\": \"");
    err = repr_big(out, l, e);
    if (!plain)
        buf_puts(out, "\"}");
    return err;
}

static void put_float(struct buf *out, double d)
{
    if (isfinite(d)) {
        num_repr_double(out, d);
        return;
    }
    buf_puts(out, "{\"$float\": \"");
    num_repr_double(out, d);
    buf_puts(out, "\"}");
}

static enum pb_err flush_much(void *ctx, struct error *e)
{
    struct writer *w = ctx;

    return w->out.len >= FLUSH_AT ? flush(w, e) : PB_OK;
}

static enum pb_err put_leaf(struct writer *w, const struct pkl_node *node, struct error *e)
{
    struct pkl_leaf *l = &w->leaf;
    struct long_leaf_to to = {&w->out, flush_much, w};
    bool done;
    enum pb_err err = long_leaf_json(w->frames.view, node, &to, &done, e);

    if (err != PB_OK || done)
        return err;
    err = pkl_leaf_read(w->frames.view, node, SIZE_MAX, l, e);
    if (err != PB_OK)
        return err;
    switch (l->kind) {
    case PKL_NONE:
        buf_puts(&w->out, "null");
        break;
    case PKL_BOOL:
        buf_puts(&w->out, l->boolean ? "true" : "false");
        break;
    case PKL_INT:
        return put_int(&w->out, l, e);
    case PKL_FLOAT:
        put_float(&w->out, l->real);
        break;
    case PKL_BYTES:
        put_base64(&w->out, "bytes", &l->data);
        break;
    case PKL_BYTEARRAY:
        put_base64(&w->out, "bytearray", &l->data);
        break;
    case PKL_PY2STR:
        if (!repr_is_ascii(&l->data))
            put_base64(&w->out, "py2str", &l->data);
        else
            pkl_json_string(&w->out, l->data.data, l->data.len);
        break;
    default:
        pkl_json_str(&w->out, l->data.data, l->data.len);
        break;
    }
    return buf_status(&w->out, e);
}

/* All keys are strings that JSON can hold and none begins with '$'. */
static enum pb_err is_plain_dict(struct writer *w, const struct pkl_node *node, bool *plain,
                                 struct error *e)
{
    struct pkl_view *v = w->frames.view;
    struct pkl_child kids[64];
    enum pb_err err = PB_OK;
    uint64_t at = 0;

    *plain = true;
    while (err == PB_OK && *plain && at < node->count) {
        size_t got;

        err = v->children(v, node->target, at, 64, kids, &got, e);
        if (err != PB_OK || got == 0)
            break;
        for (size_t i = 0; i < got && err == PB_OK && *plain; i++, at++) {
            if (kids[i].key.kind != PKL_STR && kids[i].key.kind != PKL_PY2STR) {
                *plain = false;
                break;
            }
            err = pkl_leaf_read(v, &kids[i].key, SIZE_MAX, &w->leaf, e);
            *plain = err == PB_OK && !(w->leaf.data.len > 0 && w->leaf.data.data[0] == '$') &&
                     pkl_json_can(w->leaf.data.data, w->leaf.data.len) &&
                     (kids[i].key.kind == PKL_STR || repr_is_ascii(&w->leaf.data));
        }
    }
    return err;
}

static enum pb_err put_ref(struct writer *w, const struct pkl_node *node, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_TEXT);
    err = trail_path(&w->trail, node->target, &path, e);
    if (err == PB_OK) {
        buf_puts(&w->out, "{\"$ref\": ");
        pkl_json_string(&w->out, path.data, path.len);
        buf_putc(&w->out, '}');
    }
    buf_release(&path);
    return err;
}

static enum pb_err enter(struct writer *w, const struct pkl_node *node, enum shape shape,
                         pkl_id list, uint64_t count, struct error *e)
{
    enum frame_equals how = shape == JSON_DICT || shape == JSON_PLAIN_DICT ? FRAME_DICT
                            : shape == JSON_SET || shape == JSON_FROZENSET ? FRAME_SET
                                                                           : FRAME_ALL;
    bool is_new = true;
    enum pb_err err = PB_OK;

    if (count > 0 || shape == JSON_OBJECT) {
        err = trail_meet(&w->trail, node->target, &is_new, e);
        if (err != PB_OK || !is_new)
            return err != PB_OK ? err : put_ref(w, node, e);
    }
    err = frames_push(&w->frames, node, list, count, (uint8_t)shape, how, e);
    if (err == PB_OK)
        err = trail_open(&w->trail, node->target, e);
    if (err == PB_OK && shape == JSON_DICT) {
        struct frame *fr = frames_top(&w->frames);
        bool plain = count == 0 || (fr->keys_known && fr->names);

        if (count > 0 && !fr->keys_known)
            err = is_plain_dict(w, node, &plain, e);
        if (plain)
            shape = JSON_PLAIN_DICT;
        fr->shape = (uint8_t)shape;
    }
    if (err == PB_OK)
        buf_puts(&w->out, brackets[shape].open);
    return err;
}

static void put_type(struct writer *w, const char *type)
{
    buf_puts(&w->out, ", \"$type\": ");
    pkl_json_string(&w->out, type, strlen(type));
    buf_putc(&w->out, '}');
}

/* A piece of a text into the JSON string that is being written. */
static enum pb_err quoted(void *ctx, const void *p, size_t n, struct error *e)
{
    struct writer *w = ctx;

    pkl_json_escaped(&w->out, p, n);
    return flush(w, e);
}

/* What a lens shows as one text: {"$repr": "...", "$type": "..."}. */
static enum pb_err put_lens(struct writer *w, const struct pkl_node *node, struct error *e)
{
    struct lens *l = &w->lens;
    const char *type = l->type;
    struct sink to = {quoted, w};
    bool is_new = true,
         text = l->pieces.len - l->first == 1 && l->pieces.data[l->first].kind == LENS_TEXT;
    enum pb_err err = PB_OK;

    if (!text)
        err = trail_meet(&w->trail, node->target, &is_new, e);
    if (err != PB_OK)
        return err;
    if (!is_new) {
        lens_drop(l, l->first, l->start);
        return put_ref(w, node, e);
    }
    buf_puts(&w->out, "{\"$repr\": \"");
    if (text)
        pkl_json_escaped(&w->out, l->text.data + l->start, l->text.len - l->start);
    lens_drop(l, l->first, l->start);
    if (!text)
        err = pkl_repr(w->frames.view, node, NULL, &to, e);
    buf_putc(&w->out, '"');
    put_type(w, type);
    return err;
}

static enum pb_err put_object(struct writer *w, const struct pkl_node *node, struct error *e)
{
    struct lens *l = &w->lens;
    struct buf *data = &w->leaf.data;
    enum pb_err err = lens_read(&w->reader, node, SIZE_MAX, l, e);

    if (err != PB_OK)
        return err;
    /* What holds values of any kind keeps the raw form: it loses none of them. */
    if (l->row == NULL || (l->kind == PKL_OBJECT && (l->nested || (l->row->flags & LENS_NAMED)))) {
        if (l->row != NULL)
            lens_drop(l, l->first, l->start);
        return enter(w, node, JSON_OBJECT, node->target, node->count, e);
    }
    if (l->kind == PKL_OBJECT)
        return put_lens(w, node, e);
    if (l->kind == PKL_SET || l->kind == PKL_FROZENSET)
        return enter(w, node, l->kind == PKL_SET ? JSON_SET : JSON_FROZENSET, l->items.target,
                     l->items.count, e);
    buf_clear(data);
    buf_append(data, l->text.data + l->start, l->text.len - l->start);
    lens_drop(l, l->first, l->start);
    put_base64(&w->out, l->kind == PKL_BYTES ? "bytes" : "bytearray", data);
    return buf_status(data, e);
}

/* Singletons by their names; classes and functions stay what they are, so that they can be found
 * again. */
static enum pb_err put_global(struct writer *w, const struct pkl_node *node, struct error *e)
{
    const char *text;
    enum pb_err err = lens_global(&w->reader, node, &text, e);

    if (err != PB_OK)
        return err;
    if (text == NULL || (strcmp(text, "Ellipsis") != 0 && strcmp(text, "NotImplemented") != 0))
        return enter(w, node, JSON_OBJECT, node->target, node->count, e);
    buf_printf(&w->out, "{\"$repr\": \"%s\"", text);
    put_type(w, *text == 'E' ? "ellipsis" : "NotImplementedType");
    return PB_OK;
}

static enum pb_err put_value(struct writer *w, const struct pkl_node *node, struct error *e)
{
    switch (node->kind) {
    case PKL_LIST:
        return enter(w, node, JSON_LIST, node->target, node->count, e);
    case PKL_TUPLE:
        return enter(w, node, JSON_TUPLE, node->target, node->count, e);
    case PKL_DICT:
        return enter(w, node, JSON_DICT, node->target, node->count, e);
    case PKL_SET:
        return enter(w, node, JSON_SET, node->target, node->count, e);
    case PKL_FROZENSET:
        return enter(w, node, JSON_FROZENSET, node->target, node->count, e);
    case PKL_BROKEN:
        return enter(w, node, JSON_BROKEN, node->target, node->count, e);
    case PKL_OBJECT:
        return put_object(w, node, e);
    case PKL_GLOBAL:
        return put_global(w, node, e);
    case PKL_PERSID:
    case PKL_EXTENSION:
    case PKL_BUFFER:
        return enter(w, node, JSON_OBJECT, node->target, node->count, e);
    default:
        return put_leaf(w, node, e);
    }
}

/* "$object": class, and what a value is that is no instance. */
static enum pb_err put_head(struct writer *w, const struct pkl_node *node, struct error *e)
{
    struct pkl_view *v = w->frames.view;
    struct buf name;
    struct pkl_child part;
    struct error why;
    enum pb_err err = PB_ENOTFOUND;

    if (node->kind == PKL_OBJECT || node->kind == PKL_PERSID)
        err = v->part(v, node->target, node->kind == PKL_OBJECT ? PKL_CLASS : PKL_PID, &part, &why);
    if (err != PB_OK && err != PB_ENOTFOUND) {
        if (e != NULL)
            *e = why;
        return err;
    }
    if (err == PB_OK && (part.value.kind != PKL_GLOBAL || node->kind == PKL_PERSID)) {
        buf_puts(&w->out, node->kind == PKL_PERSID ? "\"$persistent\": " : "\"$object\": ");
        trail_part(&w->trail, node->kind == PKL_PERSID ? PKL_PID : PKL_CLASS);
        return put_value(w, &part.value, e);
    }
    if (node->kind != PKL_GLOBAL && node->kind != PKL_OBJECT) {
        buf_printf(&w->out, "\"$%s\": ",
                   node->kind == PKL_PERSID      ? "persistent"
                   : node->kind == PKL_EXTENSION ? "extension"
                                                 : "buffer");
        err = pkl_leaf_read(v, node, SIZE_MAX, &w->leaf, e);
        if (err == PB_OK && node->kind == PKL_PERSID)
            pkl_json_str(&w->out, w->leaf.data.data, w->leaf.data.len);
        else if (err == PB_OK)
            err = put_int(&w->out, &w->leaf, e);
        return err;
    }
    buf_init(&name, BUF_MAX_TEXT);
    err = repr_name(v, node->kind == PKL_GLOBAL ? node : &part.value, &name, e);
    buf_puts(&w->out, node->kind == PKL_GLOBAL ? "\"$global\": " : "\"$object\": ");
    pkl_json_string(&w->out, name.data, name.len);
    buf_release(&name);
    return err;
}

static void leave(struct writer *w)
{
    buf_puts(&w->out, brackets[frames_top(&w->frames)->shape].close);
    frames_pop(&w->frames);
    trail_close(&w->trail);
}

static enum pb_err step_object(struct writer *w, struct error *e)
{
    struct frame *fr = frames_top(&w->frames);
    struct pkl_view *v = w->frames.view;
    struct pkl_node node = fr->node;
    struct pkl_child part;
    struct error why;

    if (fr->stage++ == 0)
        return put_head(w, &node, e);
    while (fr->stage - 2u < sizeof parts / sizeof parts[0]) {
        const struct part_text *t = &parts[fr->stage - 2u];
        enum pb_err err = v->part(v, node.target, t->part, &part, &why);

        if (err == PB_ENOTFOUND ||
            (err == PB_OK && (t->part == PKL_ARGS || t->part == PKL_KWARGS) &&
             part.value.kind <= PKL_FROZENSET && part.value.count == 0)) {
            fr->stage++;
            continue;
        }
        if (err != PB_OK) {
            if (e != NULL)
                *e = why;
            return err;
        }
        buf_printf(&w->out, ", \"%s\": ", t->name);
        trail_part(&w->trail, t->part);
        return put_value(w, &part.value, e);
    }
    leave(w);
    return PB_OK;
}

/* Keys and values of a dict by turns. */
static enum pb_err step_pair(struct writer *w, struct frame *fr, const struct pkl_child *child,
                             struct error *e)
{
    bool plain = fr->shape == JSON_PLAIN_DICT;

    if (fr->half) {
        fr->half = false;
        fr->pos++;
        buf_puts(&w->out, plain ? ": " : ", ");
        return put_value(w, &child->value, e);
    }
    fr->half = true;
    return put_value(w, &child->key, e);
}

/* Children that are plain, one after the other; the rest is for step(). */
static enum pb_err step_plain(struct writer *w, struct error *e)
{
    struct frame *fr = frames_top(&w->frames);
    bool pairs = fr->shape == JSON_DICT, dict = pairs || fr->shape == JSON_PLAIN_DICT;
    enum pb_err err = PB_OK;

    if (!fr->taped || fr->half || fr->shape > JSON_PLAIN_DICT || dict != (fr->phase == PH_PAIR))
        return PB_OK;
    while (err == PB_OK) {
        size_t before = w->out.len;
        struct tape *t;
        uint32_t node;

        err = frames_place(&w->frames, &t, &node, e);
        if (err != PB_OK || node == 0)
            break;
        if (!dict && frames_put_leaves(&w->frames, ", ")) {
            if (w->out.len >= FLUSH_AT)
                err = flush(w, e);
            continue;
        }
        if (fr->any)
            buf_puts(&w->out, pairs ? "], " : ", ");
        if (pairs)
            buf_putc(&w->out, '[');
        if (!(dict ? plain_put_pair(&w->plain, t, node, pairs ? ", " : ": ")
                   : plain_put(&w->plain, t, node))) {
            buf_truncate(&w->out, before);
            break;
        }
        fr->any = true;
        frames_passed(&w->frames);
        if (w->out.len >= FLUSH_AT)
            err = flush(w, e);
    }
    return err;
}

static enum pb_err step(struct writer *w, struct error *e)
{
    struct frame *fr = frames_top(&w->frames);
    struct pkl_child child;
    bool end;
    enum pb_err err;

    if (fr->shape == JSON_OBJECT)
        return step_object(w, e);
    err = step_plain(w, e);
    if (err != PB_OK)
        return err;
    err = frames_child(&w->frames, &child, &end, e);
    if (err != PB_OK)
        return err;
    if (!fr->half && fr->any && fr->shape == JSON_DICT)
        buf_putc(&w->out, ']');
    if (end) {
        leave(w);
        return PB_OK;
    }
    if (!fr->half) {
        if (fr->any)
            buf_puts(&w->out, ", ");
        if (fr->shape == JSON_DICT)
            buf_putc(&w->out, '[');
        fr->any = true;
    }
    trail_child(&w->trail, fr->node.target, fr->list, child.position,
                !fr->half && (fr->shape == JSON_DICT || fr->shape == JSON_PLAIN_DICT));
    if (fr->shape == JSON_DICT || fr->shape == JSON_PLAIN_DICT)
        return step_pair(w, fr, &child, e);
    fr->pos++;
    return put_value(w, &child.value, e);
}

enum pb_err pkl_json(struct pkl_view *v, const struct pkl_node *node, const struct sink *to,
                     struct error *e)
{
    struct writer w = {.to = to, .root = node};
    struct lens_view lenses;
    enum pb_err err;

    lens_view_over(&lenses, v);
    frames_init(&w.frames, &lenses.view);
    trail_init(&w.trail, v, node->target);
    buf_init(&w.out, SIZE_MAX / 2);
    pkl_leaf_init(&w.leaf);
    lens_reader_init(&w.reader, &lenses.view);
    lens_init(&w.lens);
    plain_init(&w.plain, &plain_json, v, &lenses.view, &w.reader, &w.out);
    if (plain_on(&w.plain))
        w.frames.plain = &w.plain;
    err = plain_find_shared(&w.plain, node, e);
    if (err == PB_OK)
        err = put_value(&w, node, e);
    while (err == PB_OK && w.frames.stack.len > 0) {
        err = step(&w, e);
        if (err == PB_OK && w.out.len >= FLUSH_AT)
            err = flush(&w, e);
    }
    if (err == PB_OK)
        err = flush(&w, e);
    trail_release(&w.trail);
    frames_release(&w.frames);
    plain_release(&w.plain);
    buf_release(&w.out);
    pkl_leaf_release(&w.leaf);
    lens_reader_release(&w.reader);
    lens_release(&w.lens);
    return err;
}

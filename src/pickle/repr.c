/* Values as Python's repr writes them, or in the documented form of what has none. */
#include <string.h>

#include <pklbrowse/text.h>

#include "frames.h"
#include "idmap.h"
#include "lens/lens.h"
#include "long_leaf.h"
#include "repr_text.h"

#define FLUSH_AT 65536u
#define ARRAY_ITEMS 1024u /* of an array at once */

enum shape {
    SHAPE_LIST,
    SHAPE_TUPLE,
    SHAPE_DICT,
    SHAPE_SET,
    SHAPE_FROZENSET,
    SHAPE_OBJECT,
    SHAPE_BROKEN,
    SHAPE_PAIRS,
    SHAPE_ATTRS,
    SHAPE_ITEMS,
    SHAPE_ALIAS,
    SHAPE_LENS
};

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
    {"[", "]", "[]", "[...]"},
    {"", "", "", "..."},
    {"", "", "", "..."},
    {"", "", "", "..."},
    {"", "", "", "..."},
};

static const uint8_t seq_shapes[] = {
    [LENS_LIST] = SHAPE_LIST,   [LENS_DICT] = SHAPE_DICT,   [LENS_PAIRS] = SHAPE_PAIRS,
    [LENS_ATTRS] = SHAPE_ATTRS, [LENS_ITEMS] = SHAPE_ITEMS, [LENS_ALIAS] = SHAPE_ALIAS,
};

/* Parts of an object, in the order in which they are written. */
static const struct part_text {
    enum pkl_part part;
    const char *before;
} parts[] = {
    {PKL_ARGS, " args="},   {PKL_KWARGS, " kwargs="},   {PKL_STATE, " state="},
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
    struct lens_reader reader;
    struct plain plain;
    struct lens lens; /* scripts of the lenses on the stack */
    struct idmap
        open;    /* lensed objects on the stack that Python does not watch: guards around, plus 1 */
    size_t seqs; /* frames that are a part of another */
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
    buf_fill(&p->out, ' ', pkl_indent(p->indent));
}

static enum pb_err flush_much(void *ctx, struct error *e)
{
    struct printer *p = ctx;

    return p->out.len >= FLUSH_AT ? flush(p, e) : PB_OK;
}

static enum pb_err put_leaf(struct printer *p, const struct pkl_node *node, struct error *e)
{
    struct long_leaf_to to = {&p->out, flush_much, p};
    bool done;
    enum pb_err err = long_leaf_repr(p->frames.view, node, &p->opts, &to, &done, e);

    if (err != PB_OK || done)
        return err;
    err = pkl_leaf_read(p->frames.view, node, SIZE_MAX, &p->leaf, e);
    return err == PB_OK ? repr_leaf(&p->out, &p->leaf, p->opts.ascii, p->opts.py2_str, e) : err;
}

static bool is_deep(const struct printer *p)
{
    return p->opts.depth > 0 && p->frames.stack.len - p->seqs >= p->opts.depth;
}

/* Opens a container, or writes what stands for it. */
static enum pb_err enter(struct printer *p, const struct pkl_node *node, enum shape shape,
                         pkl_id list, uint64_t count, struct error *e)
{
    const struct brackets *b = &brackets[shape];
    enum frame_equals how = shape == SHAPE_DICT                              ? FRAME_DICT
                            : shape == SHAPE_SET || shape == SHAPE_FROZENSET ? FRAME_SET
                                                                             : FRAME_ALL;
    enum pb_err err;

    if (frames_has(&p->frames, node->target) || (is_deep(p) && count > 0)) {
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
    case PKL_EXTENSION:
    case PKL_BUFFER:
        return put_leaf(p, node, e);
    default:
        err = pkl_leaf_read(p->frames.view, node, SIZE_MAX, &p->leaf, e);
        if (err == PB_OK)
            return repr_leaf(&p->out, &p->leaf, p->opts.ascii, p->opts.py2_str, e);
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

/* Text of a lens; all of it that is not ASCII stands in strings. */
static void put_text(struct printer *p, const char *s, size_t n)
{
    size_t at = 0;

    while (p->opts.ascii && at < n) {
        uint32_t cp;
        size_t used = utf8_decode(s + at, n - at, &cp, true);

        if (used > 1)
            buf_printf(&p->out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        else
            buf_putc(&p->out, s[at]);
        at += used > 0 ? used : 1;
    }
    if (!p->opts.ascii)
        buf_append(&p->out, s, n);
}

/*
 * Runs the script that was just read.  Some types look whether they stand in themselves and write
 * "..." then; the others do not, and Python ends only because something in between does.  When
 * nothing does, it never ends there: here it is cut.
 */
static enum pb_err enter_lens(struct printer *p, const struct pkl_node *node, struct error *e)
{
    struct lens *l = &p->lens;
    struct pkl_node self = *node;
    const char *again = l->again, *dot = strrchr(l->type, '.');
    uint64_t saved = 0;
    struct frame *fr;
    enum pb_err err;

    if (again == NULL) {
        self.target = 0;
        if (!idmap_get(&p->open, node->target, &saved))
            saved = 0;
    }
    if ((again != NULL && frames_has(&p->frames, node->target)) || (is_deep(p) && l->nested) ||
        (again == NULL && saved == p->frames.ids_used + 1)) {
        if (again == NULL)
            buf_printf(&p->out, "%s(...)", dot != NULL ? dot + 1 : l->type);
        else
            buf_puts(&p->out, again);
        lens_drop(l, l->first, l->start);
        return PB_OK;
    }
    err = frames_push(&p->frames, &self, node->target, 0, SHAPE_LENS, FRAME_ALL, e);
    if (err != PB_OK)
        return err;
    fr = frames_top(&p->frames);
    fr->pieces = l->first;
    fr->text = l->start;
    fr->saved = saved;
    if (again == NULL && !idmap_put(&p->open, node->target, p->frames.ids_used + 1))
        return error_nomem(e);
    return PB_OK;
}

static enum pb_err leave_lens(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    bool unwatched = fr->node.target == 0;
    pkl_id self = fr->list;
    uint64_t saved = fr->saved;

    lens_drop(&p->lens, fr->pieces, fr->text);
    frames_pop(&p->frames);
    return !unwatched || idmap_put(&p->open, self, saved) ? PB_OK : error_nomem(e);
}

static enum pb_err put_object(struct printer *p, const struct pkl_node *node, struct error *e)
{
    struct lens *l = &p->lens;
    enum pb_err err = lens_read(&p->reader, node, SIZE_MAX, l, e);

    if (err != PB_OK)
        return err;
    if (l->row == NULL)
        return enter(p, node, SHAPE_OBJECT, node->target, node->count, e);
    if (l->kind == PKL_BYTES || l->kind == PKL_BYTEARRAY) {
        p->leaf.kind = l->kind;
        buf_clear(&p->leaf.data);
        buf_append(&p->leaf.data, l->text.data + l->start, l->text.len - l->start);
        lens_drop(l, l->first, l->start);
        err = buf_status(&p->leaf.data, e);
        return err == PB_OK ? repr_leaf(&p->out, &p->leaf, p->opts.ascii, p->opts.py2_str, e) : err;
    }
    if (l->kind != PKL_OBJECT)
        return enter(p, node, l->kind == PKL_SET ? SHAPE_SET : SHAPE_FROZENSET, l->items.target,
                     l->items.count, e);
    if (!l->nested && l->pieces.len - l->first == 1 && l->pieces.data[l->first].kind == LENS_TEXT) {
        put_text(p, l->text.data + l->start, l->text.len - l->start);
        lens_drop(l, l->first, l->start);
        return PB_OK;
    }
    return enter_lens(p, node, e);
}

static enum pb_err put_global(struct printer *p, const struct pkl_node *node, struct error *e)
{
    const char *text;
    enum pb_err err = lens_global(&p->reader, node, &text, e);

    if (err != PB_OK || text == NULL)
        return err != PB_OK ? err : enter(p, node, SHAPE_OBJECT, node->target, node->count, e);
    buf_puts(&p->out, text);
    return PB_OK;
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
    case PKL_GLOBAL:
        return put_global(p, node, e);
    case PKL_PERSID:
    case PKL_EXTENSION:
    case PKL_BUFFER:
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
    p->seqs -= fr->seq;
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

/* A sequence in the script of the object `owner`. */
static enum pb_err enter_seq(struct printer *p, const struct lens_piece *piece, pkl_id owner,
                             struct error *e)
{
    struct pkl_node self = {.target = piece->again != NULL ? owner : 0};
    enum frame_equals how =
        piece->seq == LENS_DICT || piece->seq == LENS_PAIRS || piece->seq == LENS_ATTRS ? FRAME_DICT
                                                                                        : FRAME_ALL;
    struct frame *fr;
    enum pb_err err;

    if (piece->again != NULL && frames_has(&p->frames, owner)) {
        buf_puts(&p->out, piece->again);
        return PB_OK;
    }
    err = frames_push(&p->frames, &self, piece->list, piece->count, seq_shapes[piece->seq], how, e);
    if (err != PB_OK)
        return err;
    fr = frames_top(&p->frames);
    fr->pos = piece->first;
    fr->seq = true;
    p->seqs++;
    p->indent++;
    buf_puts(&p->out, brackets[fr->shape].open);
    if (!piece->most_common)
        return PB_OK;
    return lens_most_common(p->frames.view, piece->list, piece->count, &fr->equal, &fr->order,
                            &fr->count, e);
}

/* The next piece of the script on top. */
static enum pb_err step_lens(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    size_t at = fr->pieces + fr->stage;
    struct lens_piece piece;
    uint64_t n;
    enum pb_err err;

    if (at >= p->lens.pieces.len)
        return leave_lens(p, e);
    piece = p->lens.pieces.data[at];
    if (piece.kind == LENS_ARRAY) {
        n = piece.count - fr->pos < ARRAY_ITEMS ? piece.count - fr->pos : ARRAY_ITEMS;
        err = lens_array_items(p->frames.view, &piece, fr->pos, n, &p->out, e);
        fr->pos += n;
        if (fr->pos == piece.count)
            fr->stage++;
        return err;
    }
    fr->stage++;
    if (piece.kind == LENS_VALUE)
        return put_value(p, &piece.node, e);
    if (piece.kind == LENS_SEQ)
        return enter_seq(p, &piece, fr->list, e);
    put_text(p, p->lens.text.data + piece.text, piece.len);
    return PB_OK;
}

/* Key of an entry, in whatever form its container writes entries. */
static enum pb_err put_key(struct printer *p, const struct frame *fr, const struct pkl_node *key,
                           struct error *e)
{
    enum pb_err err;

    if (fr->shape == SHAPE_PAIRS)
        buf_putc(&p->out, '(');
    if (fr->shape != SHAPE_ATTRS)
        return put_value(p, key, e);
    err = pkl_leaf_read(p->frames.view, key, SIZE_MAX, &p->leaf, e);
    if (err == PB_OK)
        text_escape(&p->out, p->leaf.data.data, p->leaf.data.len);
    return err;
}

static enum pb_err put_item(struct printer *p, const struct frame *fr, const struct pkl_node *item,
                            struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    if (fr->shape == SHAPE_ALIAS)
        err = lens_alias_text(&p->reader, item, &p->out, &done, e);
    return err == PB_OK && !done ? put_value(p, item, e) : err;
}

/* Children that are plain, one after the other; the rest is for step(). */
static enum pb_err step_plain(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    bool dict = fr->shape == SHAPE_DICT;
    enum pb_err err = PB_OK;

    if (!fr->taped || fr->half || fr->shape > SHAPE_FROZENSET || dict != (fr->phase == PH_PAIR))
        return PB_OK;
    while (err == PB_OK) {
        size_t before = p->out.len;
        struct tape *t;
        uint32_t node;

        err = frames_place(&p->frames, &t, &node, e);
        if (err != PB_OK || node == 0)
            break;
        if (!dict && p->opts.style != PKL_REPR_INDENT && frames_put_leaves(&p->frames, ", ")) {
            if (p->out.len >= FLUSH_AT)
                err = flush(p, e);
            continue;
        }
        if (fr->any)
            buf_puts(&p->out, p->opts.style == PKL_REPR_INDENT ? "," : ", ");
        new_line(p);
        if (!(dict ? plain_put_pair(&p->plain, t, node, ": ") : plain_put(&p->plain, t, node))) {
            buf_truncate(&p->out, before);
            break;
        }
        fr->any = true;
        frames_passed(&p->frames);
        if (p->out.len >= FLUSH_AT)
            err = flush(p, e);
    }
    return err;
}

static enum pb_err step(struct printer *p, struct error *e)
{
    struct frame *fr = frames_top(&p->frames);
    struct pkl_child child;
    bool end;
    enum pb_err err;

    if (fr->shape == SHAPE_OBJECT)
        return step_object(p, e);
    if (fr->shape == SHAPE_LENS)
        return step_lens(p, e);
    err = step_plain(p, e);
    if (err != PB_OK)
        return err;
    err = frames_child(&p->frames, &child, &end, e);
    if (err != PB_OK)
        return err;
    if (fr->half) {
        buf_puts(&p->out, fr->shape == SHAPE_DICT ? ": " : fr->shape == SHAPE_ATTRS ? "=" : ", ");
        fr->half = false;
        fr->pos++;
        return put_value(p, &child.value, e);
    }
    if (fr->any && fr->shape == SHAPE_PAIRS)
        buf_putc(&p->out, ')');
    if (end) {
        leave(p);
        return PB_OK;
    }
    if (fr->any)
        buf_puts(&p->out, p->opts.style == PKL_REPR_INDENT ? "," : ", ");
    new_line(p);
    fr->any = true;
    if (fr->shape == SHAPE_DICT || fr->shape == SHAPE_PAIRS || fr->shape == SHAPE_ATTRS) {
        fr->half = true;
        return put_key(p, fr, &child.key, e);
    }
    fr->pos++;
    return put_item(p, fr, &child.value, e);
}

enum pb_err pkl_repr(struct pkl_view *v, const struct pkl_node *node, const struct pkl_repr_opts *o,
                     const struct sink *to, struct error *e)
{
    static const struct pkl_repr_opts plain;
    struct printer p = {.opts = o != NULL ? *o : plain, .to = to};
    struct lens_view lenses;
    enum pb_err err;

    lens_view_over(&lenses, v);
    frames_init(&p.frames, &lenses.view);
    buf_init(&p.out, SIZE_MAX / 2);
    pkl_leaf_init(&p.leaf);
    lens_reader_init(&p.reader, &lenses.view);
    lens_init(&p.lens);
    plain_init(&p.plain, &plain_repr, v, &lenses.view, &p.reader, &p.out);
    p.plain.indent = p.opts.style == PKL_REPR_INDENT ? &p.indent : NULL;
    p.plain.ascii = p.opts.ascii;
    p.plain.py2_str = p.opts.py2_str;
    if (plain_on(&p.plain) && p.opts.depth == 0)
        p.frames.plain = &p.plain;
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
    plain_release(&p.plain);
    buf_release(&p.out);
    pkl_leaf_release(&p.leaf);
    lens_reader_release(&p.reader);
    lens_release(&p.lens);
    idmap_release(&p.open);
    return err;
}

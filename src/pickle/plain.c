#include "plain.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "repr_text.h"

const struct plain_form plain_repr = {
    .brackets = {{"[", "]", "[]"},
                 {"(", ")", "()"},
                 {"{", "}", "{}"},
                 {"{", "}", "set()"},
                 {"frozenset({", "})", "frozenset()"},
                 {"{", "}", "{}"},
                 {"<", ">", NULL}},
    .args = " args=",
    .kwargs = " kwargs=",
    .state = " state=",
    .none = "None",
    .true_ = "True",
    .false_ = "False",
};

const struct plain_form plain_json = {
    .brackets = {{"[", "]", "[]"},
                 {"{\"$tuple\": [", "]}", "{\"$tuple\": []}"},
                 {"{", "}", "{}"},
                 {"{\"$set\": [", "]}", "{\"$set\": []}"},
                 {"{\"$frozenset\": [", "]}", "{\"$frozenset\": []}"},
                 {"{\"$dict\": [", "]}", "{}"},
                 {"{\"$object\": ", "}", NULL}},
    .args = ", \"args\": ",
    .kwargs = ", \"kwargs\": ",
    .state = ", \"state\": ",
    .none = "null",
    .true_ = "true",
    .false_ = "false",
    .json = true,
};

#define NAMES_MAX ((size_t)1 << 20)
#define LEAVES_BYTES 32768u /* of text, before somebody else may write it away */

/* Stages of a frame: of an object its parts, of a dict key and value. */
enum { STAGE_FIRST, STAGE_KWARGS, STAGE_STATE, STAGE_DONE };

void plain_init(struct plain *w, const struct plain_form *form, struct pkl_view *under,
                struct pkl_view *lensed, struct lens_reader *reader, struct buf *out)
{
    *w = (struct plain){.form = form, .view = lensed, .reader = reader, .out = out};
    tapes_init(&w->tapes, under->unedited != NULL ? under->unedited(under) : NULL);
    buf_init(&w->names, NAMES_MAX * 2);
    buf_init(&w->scratch, SIZE_MAX / 2);
}

void plain_release(struct plain *w)
{
    tapes_release(&w->tapes);
    idmap_release(&w->shared);
    vec_release(&w->stack);
    vec_release(&w->keys);
    buf_release(&w->names);
    buf_release(&w->scratch);
    free(w->words);
}

void plain_new_line(struct plain *w)
{
    if (w->indent == NULL)
        return;
    buf_putc(w->out, '\n');
    buf_fill(w->out, ' ', pkl_indent(*w->indent));
}

/* ------------------------------------------------------------------------ classes */

static bool look_up_class(struct plain *w, uint64_t maker, struct plain_class *out)
{
    struct pkl_node class;
    const struct lens_row *row;
    size_t before;

    plain_forget_view(w);
    if (w->view->node(w->view, PKL_ID(w->tapes.doc->no, PKL_TAG_VALUE, maker), &class, NULL) !=
            PB_OK ||
        lens_row_of(w->reader, &class, &row, NULL) != PB_OK)
        return false;
    *out = (struct plain_class){.maker = maker + 1, .raw = row == NULL && class.count == 0};
    if (!out->raw)
        return true;
    if (w->names.len > NAMES_MAX) {
        memset(w->classes, 0, sizeof w->classes);
        buf_clear(&w->names);
    }
    buf_clear(&w->scratch);
    if (repr_name(w->view, &class, &w->scratch, NULL) != PB_OK)
        return false;
    before = out->text = w->names.len;
    if (w->form->json)
        pkl_json_string(&w->names, w->scratch.data, w->scratch.len);
    else
        buf_append(&w->names, w->scratch.data, w->scratch.len);
    out->len = w->names.len - before;
    return w->names.failed == PB_OK && w->scratch.failed == PB_OK;
}

/* The name of an object's class, when no lens knows it. */
static bool put_class(struct plain *w, const struct tape_node *class)
{
    uint64_t maker = class->flags & TAPE_REF ? class->target : class->at;
    struct plain_class *box = &w->classes[(maker ^ maker >> 6) & (PLAIN_CLASSES - 1)];
    struct plain_class found;

    if (class->kind != PKL_GLOBAL)
        return false;
    if (box->maker != maker + 1) {
        if (!look_up_class(w, maker, &found))
            return false;
        *box = found;
    }
    if (box->raw)
        buf_append(w->out, w->names.data + box->text, box->len);
    return box->raw;
}

/* --------------------------------------------------------------------- containers */

static enum plain_shape shape_of(enum pkl_kind kind)
{
    static const uint8_t shapes[] = {
        [PKL_LIST] = PLAIN_LIST, [PKL_TUPLE] = PLAIN_TUPLE,         [PKL_DICT] = PLAIN_DICT,
        [PKL_SET] = PLAIN_SET,   [PKL_FROZENSET] = PLAIN_FROZENSET, [PKL_OBJECT] = PLAIN_OBJECT,
    };

    return (enum plain_shape)shapes[kind];
}

static bool is_shared(const struct plain *w, uint64_t maker)
{
    uint64_t one;

    return w->shared.count > 0 && idmap_get(&w->shared, maker + 1, &one);
}

/* Writes what opens the container and puts it on the stack, or all of an empty one. */
static bool enter(struct plain *w, const struct tape *t, uint32_t node)
{
    const struct tape_node *n = &t->nodes.data[node];
    struct plain_frame f = {.node = node, .kid = n->kids, .shape = (uint8_t)shape_of(n->kind)};
    bool names = true;

    if (n->count == 0) {
        if (f.shape == PLAIN_OBJECT)
            return false;
        buf_puts(w->out, w->form->brackets[f.shape].empty);
        return true;
    }
    if (is_shared(w, n->at))
        return false;
    if ((f.shape == PLAIN_DICT || f.shape == PLAIN_SET || f.shape == PLAIN_FROZENSET) &&
        !plain_keys_node(w, t, n, &names))
        return false;
    if (f.shape == PLAIN_DICT && w->form->json && !names)
        f.shape = PLAIN_PAIRS;
    buf_puts(w->out, w->form->brackets[f.shape].open);
    if (f.shape == PLAIN_OBJECT) {
        if (!put_class(w, &t->nodes.data[f.kid]))
            return false;
        f.kid = t->nodes.data[f.kid].next;
    } else if (w->indent != NULL) {
        ++*w->indent;
    }
    return vec_push(&w->stack, f);
}

static bool put_one(struct plain *w, const struct tape *t, uint32_t node)
{
    const struct tape_node *n = &t->nodes.data[node];

    if (n->flags & TAPE_HARD)
        return false;
    return n->kind < PKL_LIST ? plain_leaf(w, n) : enter(w, t, node);
}

static void leave(struct plain *w, const struct tape *t)
{
    const struct plain_frame *f = &w->stack.data[--w->stack.len];

    if (f->shape != PLAIN_OBJECT) {
        if (w->indent != NULL) {
            --*w->indent;
            buf_putc(w->out, ',');
        } else if (f->shape == PLAIN_TUPLE && !w->form->json && t->nodes.data[f->node].count == 1) {
            buf_putc(w->out, ',');
        }
        plain_new_line(w);
    }
    buf_puts(w->out, w->form->brackets[f->shape].close);
}

/* The next part of an object: arguments unless they are empty, its state. */
static bool step_object(struct plain *w, const struct tape *t, struct plain_frame *f)
{
    while (f->kid != 0) {
        const struct tape_node *n = &t->nodes.data[f->kid];
        uint32_t node = f->kid;

        f->kid = n->next;
        if (n->phase == PH_STATE) {
            if (f->stage == STAGE_DONE)
                return false; /* more than one */
            f->stage = STAGE_DONE;
            buf_puts(w->out, w->form->state);
        } else {
            bool first = f->stage == STAGE_FIRST;

            f->stage = first ? STAGE_KWARGS : STAGE_STATE;
            if (n->kind >= PKL_LIST && n->count == 0 && !(n->flags & TAPE_HARD))
                continue;
            buf_puts(w->out, first ? w->form->args : w->form->kwargs);
        }
        return put_one(w, t, node);
    }
    leave(w, t);
    return true;
}

static void put_comma(struct plain *w, struct plain_frame *f)
{
    if (f->any) {
        buf_putc(w->out, ',');
        if (w->indent == NULL)
            buf_putc(w->out, ' ');
    }
    f->any = true;
    plain_new_line(w);
}

/* Children until one of them is a container that has been entered. */
static bool step_items(struct plain *w, const struct tape *t, struct plain_frame *f)
{
    size_t depth = w->stack.len;

    while (f->kid != 0) {
        uint32_t node = f->kid;

        f->kid = t->nodes.data[node].next;
        put_comma(w, f);
        if (!put_one(w, t, node))
            return false;
        if (w->stack.len != depth)
            return true;
    }
    leave(w, t);
    return true;
}

/* Keys are leaves here: what else a key can be has been sorted out by plain_keys_node(). */
static bool step_pairs(struct plain *w, const struct tape *t, struct plain_frame *f)
{
    size_t depth = w->stack.len;
    bool pairs = f->shape == PLAIN_PAIRS;

    while (f->kid != 0) {
        uint32_t key = f->kid, value = t->nodes.data[key].next;

        if (value == 0)
            return false;
        f->kid = t->nodes.data[value].next;
        if (pairs && f->any)
            buf_putc(w->out, ']');
        put_comma(w, f);
        if (pairs)
            buf_putc(w->out, '[');
        if (!put_one(w, t, key))
            return false;
        buf_append(w->out, pairs ? ", " : ": ", 2);
        if (!put_one(w, t, value))
            return false;
        if (w->stack.len != depth)
            return true;
    }
    if (pairs)
        buf_putc(w->out, ']');
    leave(w, t);
    return true;
}

static bool step(struct plain *w, const struct tape *t)
{
    struct plain_frame *f = &w->stack.data[w->stack.len - 1];

    switch ((enum plain_shape)f->shape) {
    case PLAIN_OBJECT:
        return step_object(w, t, f);
    case PLAIN_DICT:
    case PLAIN_PAIRS:
        return step_pairs(w, t, f);
    default:
        return step_items(w, t, f);
    }
}

bool plain_put(struct plain *w, struct tape *t, uint32_t node)
{
    size_t before = w->out->len;
    unsigned indent = w->indent != NULL ? *w->indent : 0;
    bool good;

    if (w->out->failed != PB_OK)
        return false;
    w->stack.len = 0;
    good = put_one(w, t, node);
    while (good && w->stack.len > 0)
        good = step(w, t);
    if (good && w->out->failed == PB_OK)
        return true;
    if (w->out->failed == PB_OK)
        buf_truncate(w->out, before);
    if (w->indent != NULL)
        *w->indent = indent;
    /* None of these is tried again. */
    t->nodes.data[node].flags |= TAPE_HARD;
    while (w->stack.len > 0)
        t->nodes.data[w->stack.data[--w->stack.len].node].flags |= TAPE_HARD;
    return false;
}

/* Both with one copy of fixed length. */
static bool put_word(struct plain *w, const struct plain_word *word, const char *between,
                     size_t between_len)
{
    char *to = buf_room(w->out, between_len + sizeof word->text);

    if (to == NULL)
        return false;
    memcpy(to, between, between_len);
    memcpy(to + between_len, word->text, sizeof word->text);
    w->out->len += between_len + word->used;
    return true;
}

size_t plain_put_leaves(struct plain *w, struct tape *t, uint32_t *node, enum phase phase, bool any,
                        const char *between)
{
    size_t n = 0, between_len = strlen(between), begin = w->out->len;

    for (; *node != 0 && w->out->len - begin < LEAVES_BYTES && w->out->failed == PB_OK; n++) {
        struct tape_node *k = &t->nodes.data[*node];
        size_t before = w->out->len, len = any ? between_len : 0;
        const struct plain_word *word = NULL;

        if ((k->flags & TAPE_HARD) || k->kind >= PKL_LIST)
            break;
        if (k->flags & TAPE_REF)
            word = plain_word(w, k);
        if (word == NULL || word->used == 0 || !put_word(w, word, between, len)) {
            buf_append(w->out, between, len);
            if (!plain_leaf(w, k) || w->out->failed != PB_OK) {
                if (w->out->failed == PB_OK)
                    buf_truncate(w->out, before);
                k->flags |= TAPE_HARD;
                break;
            }
        }
        any = true;
        *node = tape_child(t, k->next, phase);
    }
    return n;
}

bool plain_put_pair(struct plain *w, struct tape *t, uint32_t key, const char *between)
{
    uint32_t value = tape_child(t, t->nodes.data[key].next, PH_PAIR);
    size_t before = w->out->len;

    if (value == 0 || t->nodes.data[key].kind >= PKL_LIST || !plain_put(w, t, key))
        return false;
    buf_puts(w->out, between);
    if (plain_put(w, t, value))
        return true;
    if (w->out->failed == PB_OK)
        buf_truncate(w->out, before);
    return false;
}

/* ------------------------------------------------------------------ what is shared */

/* Enters the containers that references of [from, to) lead to; *outside: one leads out of there. */
static enum pb_err find_shared(struct plain *w, uint64_t from, uint64_t to, bool *outside,
                               struct error *e)
{
    struct cursor c;
    struct op op;
    enum pb_err err = PB_OK;

    cursor_init(&c, w->tapes.doc->src);
    for (uint64_t at = from; err == PB_OK; at = op.end) {
        struct tape_node n;

        at = tapes_pass(&w->tapes, &c, at, to);
        if (at >= to)
            break;
        err = cursor_read(&c, at, &op, e);
        if (err != PB_OK)
            break;
        if (op.code == '.')
            w->tapes.refs_start = 0;
        if (op_info[op.code].class != OP_REF)
            continue;
        err = tapes_resolve(&w->tapes, &op, &n, &c, e);
        if (err != PB_OK || n.kind < PKL_LIST)
            continue;
        *outside = *outside || n.target < from || n.target >= to;
        if (!idmap_put(&w->shared, n.target + 1, 1))
            err = error_nomem(e);
        tapes_seen(&w->tapes, &n);
    }
    return err;
}

enum pb_err plain_find_shared(struct plain *w, const struct pkl_node *node, struct error *e)
{
    struct pkl_doc *d = w->tapes.doc;
    bool outside = false, whole;
    enum pb_err err = PB_OK;

    if (d == NULL || PKL_ID_SOURCE(node->id) != d->no ||
        (d->info.memo_gets == 0 && d->dups.len == 0))
        return PB_OK;
    whole = node->ref || d->extras.len > 0 || node->end <= node->begin;
    if (!whole)
        err = find_shared(w, node->begin, node->end, &outside, e);
    if (err == PB_OK && (whole || outside))
        err = find_shared(w, 0, d->scan.at, &outside, e);
    w->tapes.refs_start = 0;
    return err;
}

/*
 * New containers and objects as opcodes, shaped as Python's pickler shapes them, with a stack of
 * open ones instead of recursion.
 */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "encode.h"
#include "opcode_bytes.h"

#define BATCH 1000 /* items of one APPENDS, as Python writes them */

struct open {
    const struct literal *node, *child;
    uint64_t done; /* children written (of a dict: keys and values) */
    bool as_list;  /* the argument list of set() and frozenset() in older protocols */
    bool part;     /* items or entries of an object: into what is there already */
    bool rebuilt;  /* an object by copyreg._reconstructor, where there is no NEWOBJ */
};

struct stack {
    struct open *data;
    size_t len, cap;
};

static bool grouped(const struct enc *c, const struct open *o)
{
    return !c->style->text && (o->as_list || o->node->kind == PKL_LIST ||
                               o->node->kind == PKL_DICT || o->node->kind == PKL_SET);
}

static uint64_t item_of(const struct open *o)
{
    return o->node->kind == PKL_DICT ? o->done / 2 : o->done;
}

/* A lone item goes without a MARK; among what an object is given also when it is left over from a
 * group. */
static bool lone(const struct open *o, uint64_t item)
{
    if (o->part && item == o->node->count - 1 && item % BATCH == 0)
        return true;
    return o->node->count == 1 && (o->as_list || o->node->kind != PKL_SET);
}

/* Has an opcode of its own instead of MARK and TUPLE. */
static bool short_tuple(const struct enc *c, uint64_t n)
{
    return n == 0 ? !c->style->text : n <= 3 && c->style->protocol >= 2;
}

static enum pb_err begin_container(struct enc *c, struct open *o)
{
    const struct literal *l = o->node;
    enum pb_err err = PB_OK;

    if (o->part)
        return PB_OK;
    if (l->kind == PKL_OBJECT) {
        o->rebuilt = (l->parts & LITERAL_NEW) && c->style->protocol < 2;
        if (o->rebuilt) {
            err = enc_put_global(c, "copyreg", "_reconstructor");
            enc_put_op(c->out, CODE_MARK);
        }
        return err;
    }
    if ((l->kind == PKL_SET || l->kind == PKL_FROZENSET) && c->style->protocol < 4) {
        err = enc_put_global(c, "builtins", l->kind == PKL_SET ? "set" : "frozenset");
        enc_begin_args(c);
        o->as_list = true;
    }
    if (c->style->text && (o->as_list || l->kind == PKL_LIST))
        buf_puts(c->out, "(l");
    else if (c->style->text && l->kind == PKL_DICT)
        buf_puts(c->out, "(d");
    else if (o->as_list || l->kind == PKL_LIST)
        enc_put_op(c->out, CODE_EMPTY_LIST);
    else if (l->kind == PKL_DICT)
        enc_put_op(c->out, CODE_EMPTY_DICT);
    else if (l->kind == PKL_SET)
        enc_put_op(c->out, CODE_EMPTY_SET);
    else if (l->kind == PKL_FROZENSET || !short_tuple(c, l->count))
        enc_put_op(c->out, CODE_MARK);
    return err;
}

static void before_item(struct enc *c, const struct open *o)
{
    bool value = o->node->kind == PKL_DICT && o->done % 2 == 1;

    if (grouped(c, o) && !value && !lone(o, item_of(o)) && item_of(o) % BATCH == 0)
        enc_put_op(c->out, CODE_MARK);
}

/* What an object was made of so far becomes one, gets its state. */
static enum pb_err after_part(struct enc *c, struct open *o)
{
    enum pb_err err = PB_OK;

    if (o->rebuilt && o->done == 1) {
        err = enc_put_global(c, "builtins", "object");
        enc_put_op(c->out, CODE_NONE);
        enc_put_op(c->out, CODE_TUPLE);
        enc_put_op(c->out, CODE_REDUCE);
        o->child = o->child->next; /* no arguments */
        o->done++;
    } else if (o->done == 2) {
        enc_put_op(c->out, o->node->parts & LITERAL_NEW ? CODE_NEWOBJ : CODE_REDUCE);
    } else if (o->child == NULL && o->done > 2 && (o->node->parts & LITERAL_STATE)) {
        enc_put_op(c->out, CODE_BUILD);
    }
    return err;
}

static enum pb_err after_item(struct enc *c, struct open *o)
{
    bool dict = o->node->kind == PKL_DICT;
    bool list = o->as_list || o->node->kind == PKL_LIST;
    uint64_t item = item_of(o);

    if (o->node->kind == PKL_OBJECT)
        return after_part(c, o);
    if ((dict && o->done % 2 == 1) || !(dict || list || o->node->kind == PKL_SET))
        return PB_OK;
    if (c->style->text || lone(o, item - 1))
        enc_put_op(c->out, dict ? CODE_SETITEM : CODE_APPEND);
    else if (item % BATCH == 0 || item == o->node->count)
        enc_put_op(c->out, dict ? CODE_SETITEMS : list ? CODE_APPENDS : CODE_ADDITEMS);
    return PB_OK;
}

static void end_container(struct enc *c, const struct open *o)
{
    static const uint8_t tuples[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};
    uint64_t n = o->node->count;

    if (o->as_list) {
        enc_end_args(c, 1);
    } else if (o->node->kind == PKL_FROZENSET) {
        enc_put_op(c->out, CODE_FROZENSET);
    } else if (o->node->kind == PKL_TUPLE) {
        enc_put_op(c->out, short_tuple(c, n) ? tuples[n] : CODE_TUPLE);
    }
}

static bool is_container(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET || kind == PKL_OBJECT;
}

/* Items and entries stand behind what is called and its arguments. */
static bool is_part(const struct stack *st, const struct literal *l)
{
    const struct open *o = st->len > 0 ? &st->data[st->len - 1] : NULL;
    const unsigned both = LITERAL_ITEMS | LITERAL_ENTRIES;

    if (o == NULL || o->node->kind != PKL_OBJECT || o->done < 2)
        return false;
    return (o->done == 2 && (o->node->parts & both)) ||
                   (o->done == 3 && (o->node->parts & both) == both)
               ? l->kind == PKL_LIST || l->kind == PKL_DICT
               : false;
}

static const struct literal *as_written(const struct enc *c, const struct literal *l)
{
    bool there = l->elsewhere_in == LITERAL_PY2 ? c->style->py2 : c->style->protocol < 3;

    return l->elsewhere != NULL && there ? l->elsewhere : l;
}

static enum pb_err open_container(struct enc *c, struct stack *st, const struct literal *given)
{
    const struct literal *l = as_written(c, given);
    struct open o = {.node = l, .child = l->first, .part = is_part(st, l)};
    enum pb_err err;

    if (c->style->py2 && (l->parts & LITERAL_FOLD))
        return error_set(c->e, PB_EUSAGE, "Python 2, which wrote this, knows no fold");
    err = begin_container(c, &o);
    if (err != PB_OK)
        return err;
    return vec_push(st, o) ? PB_OK : error_nomem(c->e);
}

/* What is below a replaced value replaces nothing itself. */
static enum pb_err put_containers(struct enc *c, struct stack *st)
{
    enum pb_err err = PB_OK;

    c->was = PKL_BROKEN;
    c->was_opcode = 0;
    while (err == PB_OK && st->len > 0 && c->out->failed == PB_OK) {
        struct open *o = &st->data[st->len - 1];
        const struct literal *child = o->child;

        if (child == NULL) {
            end_container(c, o);
            st->len--;
            if (st->len > 0) {
                st->data[st->len - 1].done++;
                err = after_item(c, &st->data[st->len - 1]);
            }
            continue;
        }
        before_item(c, o);
        o->child = child->next;
        if (is_container(child->kind)) {
            err = open_container(c, st, child);
        } else {
            err = enc_put_leaf(c, child);
            o->done++;
            if (err == PB_OK)
                err = after_item(c, o);
        }
    }
    return err;
}

enum pb_err literal_encode(const struct literal *l, const struct pkl_style *style,
                           enum pkl_kind was, uint8_t was_opcode, struct buf *out, struct error *e)
{
    struct enc c = {out, style, was, was_opcode, e};
    struct stack st = {0};
    enum pb_err err;

    if (is_container(l->kind)) {
        err = open_container(&c, &st, l);
        if (err == PB_OK)
            err = put_containers(&c, &st);
        vec_release(&st);
    } else {
        err = enc_put_leaf(&c, l);
    }
    return err == PB_OK ? buf_status(out, e) : err;
}

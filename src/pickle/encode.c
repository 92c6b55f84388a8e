/*
 * New values as opcodes, in the words of the stream they go into.
 *
 * No PUT and no MEMOIZE: memo numbers of the original must not move.  Containers are written as
 * Python's pickler shapes them, with a stack of open ones instead of recursion.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_literal.h>
#include <pklbrowse/text.h>

#include "opcode_bytes.h"

#define BATCH 1000 /* items of one APPENDS, as Python writes them */

struct enc {
    struct buf *out;
    const struct pkl_style *style;
    enum pkl_kind was;
    uint8_t was_opcode;
    struct error *e;
};

void pkl_style_of(const struct pkl_info *info, struct pkl_style *out)
{
    out->protocol =
        info->protocol > info->max_opcode_protocol ? info->protocol : info->max_opcode_protocol;
    out->text = out->protocol == 0;
    out->py2 = info->py2 && out->protocol <= 2;
}

static void put_op(struct buf *out, int code)
{
    buf_putc(out, (char)code);
}

static void put_u32(struct buf *out, uint64_t v)
{
    for (int i = 0; i < 4; i++)
        buf_putc(out, (char)(v >> (8 * i) & 0xff));
}

static void put_u64(struct buf *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        buf_putc(out, (char)(v >> (8 * i) & 0xff));
}

/* ---------------------------------------------------------------------------- numbers */

static void put_bool(struct enc *c, bool truth)
{
    if (c->style->protocol >= 2)
        put_op(c->out, truth ? CODE_NEWTRUE : CODE_NEWFALSE);
    else
        buf_puts(c->out, truth ? "I01\n" : "I00\n");
}

static enum pb_err put_decimal(struct enc *c, const struct literal *l, bool is_long)
{
    enum pb_err err;

    put_op(c->out, is_long ? CODE_LONG : CODE_INT);
    err = num_big_to_decimal(c->out, (const uint8_t *)l->data, l->len, c->e);
    buf_puts(c->out, is_long ? "L\n" : "\n");
    return err;
}

static enum pb_err put_binary_long(struct enc *c, const struct literal *l)
{
    const uint8_t *le = (const uint8_t *)l->data;
    size_t n = l->len;

    while (n > 0 && ((le[n - 1] == 0 && (n == 1 || (le[n - 2] & 0x80) == 0)) ||
                     (n > 1 && le[n - 1] == 0xff && (le[n - 2] & 0x80) != 0)))
        n--;
    if (n > INT32_MAX)
        return error_set(c->e, PB_EUSAGE, "no pickle can hold an integer of this size");
    if (n < 256) {
        put_op(c->out, CODE_LONG1);
        buf_putc(c->out, (char)n);
    } else {
        put_op(c->out, CODE_LONG4);
        put_u32(c->out, n);
    }
    buf_append(c->out, le, n);
    return PB_OK;
}

static void put_small_int(struct enc *c, int64_t v)
{
    if (v >= 0 && v <= 0xff) {
        put_op(c->out, CODE_BININT1);
        buf_putc(c->out, (char)v);
    } else if (v >= 0 && v <= 0xffff) {
        put_op(c->out, CODE_BININT2);
        buf_putc(c->out, (char)(v & 0xff));
        buf_putc(c->out, (char)(v >> 8));
    } else {
        put_op(c->out, CODE_BININT);
        put_u32(c->out, (uint64_t)v);
    }
}

/* Python 2's `long` stays one; its `int` has 64 bits and goes as text beyond 32. */
static enum pb_err put_int(struct enc *c, const struct literal *l)
{
    const struct pkl_style *s = c->style;
    bool was_long =
        c->was_opcode == CODE_LONG || c->was_opcode == CODE_LONG1 || c->was_opcode == CODE_LONG4;
    bool keep_long = was_long && s->protocol <= 2 && (s->py2 || s->text || s->protocol == 2);
    int64_t v = 0;
    bool fits = num_big_fits_i64((const uint8_t *)l->data, l->len, &v);
    bool small = fits && v >= INT32_MIN && v <= INT32_MAX;

    if (s->text)
        return put_decimal(c, l, keep_long || !(small || (s->py2 && fits)));
    if (small && !keep_long) {
        put_small_int(c, v);
        return PB_OK;
    }
    if (s->py2 && fits && !keep_long)
        return put_decimal(c, l, false);
    if (s->protocol < 2)
        return put_decimal(c, l, true);
    return put_binary_long(c, l);
}

static void put_double(struct enc *c, double d)
{
    uint64_t bits;

    if (c->style->text) {
        put_op(c->out, CODE_FLOAT);
        num_repr_double(c->out, d);
        buf_putc(c->out, '\n');
        return;
    }
    memcpy(&bits, &d, sizeof bits);
    put_op(c->out, CODE_BINFLOAT);
    for (int i = 7; i >= 0; i--)
        buf_putc(c->out, (char)(bits >> (8 * i) & 0xff));
}

/* ---------------------------------------------------------------------------- strings */

static bool is_ascii(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] >= 0x80)
            return false;
    }
    return true;
}

/* raw-unicode-escape, with what would end the line or the escape escaped as Python 3.7 does. */
static enum pb_err put_unicode_line(struct enc *c, const char *p, size_t n)
{
    uint32_t cp;

    put_op(c->out, CODE_UNICODE);
    for (size_t i = 0; i < n;) {
        size_t used = utf8_decode(p + i, n - i, &cp, true);

        if (used == 0)
            return error_set(c->e, PB_EUSAGE, "the text is not UTF-8");
        if (cp > 0xffff)
            buf_printf(c->out, "\\U%08x", (unsigned)cp);
        else if (cp > 0xff || cp == '\\' || cp == '\0' || cp == '\n' || cp == '\r' || cp == 0x1a)
            buf_printf(c->out, "\\u%04x", (unsigned)cp);
        else
            buf_putc(c->out, (char)cp);
        i += used;
    }
    buf_putc(c->out, '\n');
    return PB_OK;
}

static enum pb_err too_long(struct enc *c)
{
    return error_set(c->e, PB_EUSAGE, "protocol %u cannot hold so long a value",
                     c->style->protocol);
}

static enum pb_err put_unicode(struct enc *c, const char *p, size_t n)
{
    if (c->style->text)
        return put_unicode_line(c, p, n);
    if (c->style->protocol >= 4 && n < 256) {
        put_op(c->out, CODE_SHORT_BINUNICODE);
        buf_putc(c->out, (char)n);
    } else if (n <= UINT32_MAX) {
        put_op(c->out, CODE_BINUNICODE);
        put_u32(c->out, n);
    } else if (c->style->protocol >= 4) {
        put_op(c->out, CODE_BINUNICODE8);
        put_u64(c->out, n);
    } else {
        return too_long(c);
    }
    buf_append(c->out, p, n);
    return PB_OK;
}

/* Python 2's repr of a str: what STRING holds. */
static void put_string_line(struct buf *out, const char *p, size_t n)
{
    char quote = n > 0 && memchr(p, '\'', n) != NULL && memchr(p, '"', n) == NULL ? '"' : '\'';

    put_op(out, CODE_STRING);
    buf_putc(out, quote);
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)p[i];

        if (b == '\\' || b == (unsigned char)quote)
            buf_printf(out, "\\%c", b);
        else if (b == '\n' || b == '\r' || b == '\t')
            buf_puts(out, b == '\n' ? "\\n" : b == '\r' ? "\\r" : "\\t");
        else if (b < 0x20 || b >= 0x7f)
            buf_printf(out, "\\x%02x", b);
        else
            buf_putc(out, (char)b);
    }
    buf_putc(out, quote);
    buf_putc(out, '\n');
}

static enum pb_err put_py2_str(struct enc *c, const char *p, size_t n)
{
    if (c->style->text) {
        put_string_line(c->out, p, n);
        return PB_OK;
    }
    if (n < 256) {
        put_op(c->out, CODE_SHORT_BINSTRING);
        buf_putc(c->out, (char)n);
    } else if (n <= INT32_MAX) {
        put_op(c->out, CODE_BINSTRING);
        put_u32(c->out, n);
    } else {
        return too_long(c);
    }
    buf_append(c->out, p, n);
    return PB_OK;
}

/* A str typed where Python 2 had one of its own stays one as long as it is ASCII; beyond that
 * nobody could say which encoding its bytes are in. */
static enum pb_err put_str(struct enc *c, const struct literal *l)
{
    bool py2 = c->was == PKL_PY2STR || (c->style->py2 && c->was != PKL_STR);

    if (py2 && is_ascii(l->data, l->len))
        return put_py2_str(c, l->data, l->len);
    return put_unicode(c, l->data, l->len);
}

/* ------------------------------------------------------------- by a call, as Python does */

static enum pb_err put_global(struct enc *c, const char *module, const char *name)
{
    enum pb_err err;

    if (c->style->protocol >= 4) {
        err = put_unicode(c, module, strlen(module));
        if (err == PB_OK)
            err = put_unicode(c, name, strlen(name));
        put_op(c->out, CODE_STACK_GLOBAL);
        return err;
    }
    if (c->style->protocol <= 2 && strcmp(module, "builtins") == 0)
        module = "__builtin__";
    put_op(c->out, CODE_GLOBAL);
    buf_printf(c->out, "%s\n%s\n", module, name);
    return PB_OK;
}

static void begin_args(struct enc *c)
{
    if (c->style->protocol < 2)
        put_op(c->out, CODE_MARK);
}

static void end_args(struct enc *c, int count)
{
    static const uint8_t tuples[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};

    put_op(c->out, c->style->protocol < 2 ? CODE_TUPLE : tuples[count]);
    put_op(c->out, CODE_REDUCE);
}

/* bytes as the text of the same code points: what Python 3 writes where there are no bytes. */
static enum pb_err put_latin1(struct enc *c, const char *p, size_t n)
{
    struct buf text;
    char utf8[4];
    enum pb_err err;

    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++)
        buf_append(&text, utf8, utf8_encode((unsigned char)p[i], utf8));
    err = buf_status(&text, c->e);
    if (err == PB_OK)
        err = put_unicode(c, text.len > 0 ? text.data : "", text.len);
    buf_release(&text);
    return err;
}

static enum pb_err put_call_latin1(struct enc *c, const struct literal *l, const char *module,
                                   const char *name, const char *codec)
{
    enum pb_err err = put_global(c, module, name);

    begin_args(c);
    if (err == PB_OK)
        err = put_latin1(c, l->data, l->len);
    if (err == PB_OK)
        err = put_unicode(c, codec, strlen(codec));
    end_args(c, 2);
    return err;
}

static enum pb_err put_call_empty(struct enc *c, const char *name)
{
    enum pb_err err = put_global(c, "builtins", name);

    if (c->style->text)
        put_op(c->out, CODE_MARK);
    put_op(c->out, c->style->text ? CODE_TUPLE : CODE_EMPTY_TUPLE);
    put_op(c->out, CODE_REDUCE);
    return err;
}

static enum pb_err put_binary_bytes(struct enc *c, const struct literal *l)
{
    if (l->len < 256) {
        put_op(c->out, CODE_SHORT_BINBYTES);
        buf_putc(c->out, (char)l->len);
    } else if (l->len <= UINT32_MAX) {
        put_op(c->out, CODE_BINBYTES);
        put_u32(c->out, l->len);
    } else if (c->style->protocol >= 4) {
        put_op(c->out, CODE_BINBYTES8);
        put_u64(c->out, l->len);
    } else {
        return too_long(c);
    }
    buf_append(c->out, l->data, l->len);
    return PB_OK;
}

static enum pb_err put_bytes(struct enc *c, const struct literal *l)
{
    if (c->style->protocol >= 3)
        return put_binary_bytes(c, l);
    if (c->style->py2 || c->was == PKL_PY2STR)
        return put_py2_str(c, l->data, l->len);
    if (l->len == 0)
        return put_call_empty(c, "bytes");
    return put_call_latin1(c, l, "_codecs", "encode", "latin1");
}

static enum pb_err put_bytearray(struct enc *c, const struct literal *l)
{
    enum pb_err err;

    if (c->style->protocol >= 5) {
        put_op(c->out, CODE_BYTEARRAY8);
        put_u64(c->out, l->len);
        buf_append(c->out, l->data, l->len);
        return PB_OK;
    }
    if (l->len == 0)
        return put_call_empty(c, "bytearray");
    if (c->style->protocol < 3)
        return put_call_latin1(c, l, "builtins", "bytearray", "latin-1");
    err = put_global(c, "builtins", "bytearray");
    if (err == PB_OK)
        err = put_binary_bytes(c, l);
    end_args(c, 1);
    return err;
}

static enum pb_err put_complex(struct enc *c, const struct literal *l)
{
    enum pb_err err = put_global(c, "builtins", "complex");

    begin_args(c);
    put_double(c, l->real);
    put_double(c, l->imag);
    end_args(c, 2);
    return err;
}

static enum pb_err put_leaf(struct enc *c, const struct literal *l)
{
    switch (l->kind) {
    case PKL_NONE:
        put_op(c->out, CODE_NONE);
        return PB_OK;
    case PKL_BOOL:
        put_bool(c, l->boolean);
        return PB_OK;
    case PKL_INT:
        return put_int(c, l);
    case PKL_FLOAT:
        if (l->complex_number)
            return put_complex(c, l);
        put_double(c, l->real);
        return PB_OK;
    case PKL_STR:
        return put_str(c, l);
    case PKL_BYTES:
        return put_bytes(c, l);
    case PKL_BYTEARRAY:
        return put_bytearray(c, l);
    default:
        return error_set(c->e, PB_EUSAGE, "a value of this kind cannot be written");
    }
}

/* ------------------------------------------------------------------------- containers */

struct open {
    const struct literal *node, *child;
    uint64_t done; /* children written (of a dict: keys and values) */
    bool as_list;  /* the argument list of set() and frozenset() in older protocols */
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

/* Items of one group; a lone item goes without a MARK. */
static bool lone(const struct open *o)
{
    return o->node->count == 1 && (o->as_list || o->node->kind != PKL_SET);
}

static uint64_t item_of(const struct open *o)
{
    return o->node->kind == PKL_DICT ? o->done / 2 : o->done;
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

    if ((l->kind == PKL_SET || l->kind == PKL_FROZENSET) && c->style->protocol < 4) {
        err = put_global(c, "builtins", l->kind == PKL_SET ? "set" : "frozenset");
        begin_args(c);
        o->as_list = true;
    }
    if (c->style->text && (o->as_list || l->kind == PKL_LIST))
        buf_puts(c->out, "(l");
    else if (c->style->text && l->kind == PKL_DICT)
        buf_puts(c->out, "(d");
    else if (o->as_list || l->kind == PKL_LIST)
        put_op(c->out, CODE_EMPTY_LIST);
    else if (l->kind == PKL_DICT)
        put_op(c->out, CODE_EMPTY_DICT);
    else if (l->kind == PKL_SET)
        put_op(c->out, CODE_EMPTY_SET);
    else if (l->kind == PKL_FROZENSET || !short_tuple(c, l->count))
        put_op(c->out, CODE_MARK);
    return err;
}

static void before_item(struct enc *c, const struct open *o)
{
    bool value = o->node->kind == PKL_DICT && o->done % 2 == 1;

    if (grouped(c, o) && !value && !lone(o) && item_of(o) % BATCH == 0)
        put_op(c->out, CODE_MARK);
}

static void after_item(struct enc *c, const struct open *o)
{
    bool dict = o->node->kind == PKL_DICT;
    bool list = o->as_list || o->node->kind == PKL_LIST;
    uint64_t item = item_of(o);

    if ((dict && o->done % 2 == 1) || !(dict || list || o->node->kind == PKL_SET))
        return;
    if (c->style->text || lone(o))
        put_op(c->out, dict ? CODE_SETITEM : CODE_APPEND);
    else if (item % BATCH == 0 || item == o->node->count)
        put_op(c->out, dict ? CODE_SETITEMS : list ? CODE_APPENDS : CODE_ADDITEMS);
}

static void end_container(struct enc *c, const struct open *o)
{
    static const uint8_t tuples[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};
    uint64_t n = o->node->count;

    if (o->as_list) {
        end_args(c, 1);
    } else if (o->node->kind == PKL_FROZENSET) {
        put_op(c->out, CODE_FROZENSET);
    } else if (o->node->kind == PKL_TUPLE) {
        put_op(c->out, short_tuple(c, n) ? tuples[n] : CODE_TUPLE);
    }
}

static bool is_container(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET;
}

static enum pb_err open_container(struct enc *c, struct stack *st, const struct literal *l)
{
    struct open o = {.node = l, .child = l->first};
    enum pb_err err = begin_container(c, &o);

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
                after_item(c, &st->data[st->len - 1]);
            }
            continue;
        }
        before_item(c, o);
        o->child = child->next;
        if (is_container(child->kind)) {
            err = open_container(c, st, child);
        } else {
            err = put_leaf(c, child);
            o->done++;
            after_item(c, o);
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
        err = put_leaf(&c, l);
    }
    return err == PB_OK ? buf_status(out, e) : err;
}

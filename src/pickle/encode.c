/*
 * New values as opcodes, in the words of the stream they go into.
 *
 * No PUT and no MEMOIZE: memo numbers of the original must not move.  Containers are in
 * encode_tree.c.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "encode.h"
#include "name.h"
#include "opcode_bytes.h"

void pkl_style_of(const struct pkl_info *info, struct pkl_style *out)
{
    out->protocol =
        info->protocol > info->max_opcode_protocol ? info->protocol : info->max_opcode_protocol;
    out->text = out->protocol == 0;
    out->py2 = info->py2 && out->protocol <= 2;
}

void enc_put_op(struct buf *out, int code)
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
        enc_put_op(c->out, truth ? CODE_NEWTRUE : CODE_NEWFALSE);
    else
        buf_puts(c->out, truth ? "I01\n" : "I00\n");
}

static enum pb_err put_decimal(struct enc *c, const struct literal *l, bool is_long)
{
    enum pb_err err;

    enc_put_op(c->out, is_long ? CODE_LONG : CODE_INT);
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
        enc_put_op(c->out, CODE_LONG1);
        buf_putc(c->out, (char)n);
    } else {
        enc_put_op(c->out, CODE_LONG4);
        put_u32(c->out, n);
    }
    buf_append(c->out, le, n);
    return PB_OK;
}

static void put_small_int(struct enc *c, int64_t v)
{
    if (v >= 0 && v <= 0xff) {
        enc_put_op(c->out, CODE_BININT1);
        buf_putc(c->out, (char)v);
    } else if (v >= 0 && v <= 0xffff) {
        enc_put_op(c->out, CODE_BININT2);
        buf_putc(c->out, (char)(v & 0xff));
        buf_putc(c->out, (char)(v >> 8));
    } else {
        enc_put_op(c->out, CODE_BININT);
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
        enc_put_op(c->out, CODE_FLOAT);
        num_repr_double(c->out, d);
        buf_putc(c->out, '\n');
        return;
    }
    memcpy(&bits, &d, sizeof bits);
    enc_put_op(c->out, CODE_BINFLOAT);
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

    enc_put_op(c->out, CODE_UNICODE);
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
        enc_put_op(c->out, CODE_SHORT_BINUNICODE);
        buf_putc(c->out, (char)n);
    } else if (n <= UINT32_MAX) {
        enc_put_op(c->out, CODE_BINUNICODE);
        put_u32(c->out, n);
    } else if (c->style->protocol >= 4) {
        enc_put_op(c->out, CODE_BINUNICODE8);
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

    enc_put_op(out, CODE_STRING);
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
        enc_put_op(c->out, CODE_SHORT_BINSTRING);
        buf_putc(c->out, (char)n);
    } else if (n <= INT32_MAX) {
        enc_put_op(c->out, CODE_BINSTRING);
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

enum pb_err enc_put_global(struct enc *c, const char *module, const char *name)
{
    enum pb_err err;

    if (c->style->protocol >= 4) {
        err = put_unicode(c, module, strlen(module));
        if (err == PB_OK)
            err = put_unicode(c, name, strlen(name));
        enc_put_op(c->out, CODE_STACK_GLOBAL);
        return err;
    }
    if (c->style->py2 && !name_known_to_python2(module, name))
        return error_set(c->e, PB_EUSAGE, "Python 2, which wrote this, has no %s.%s", module, name);
    if (c->style->protocol <= 2)
        name_in_python2(c->style->py2, &module, &name);
    enc_put_op(c->out, CODE_GLOBAL);
    buf_printf(c->out, "%s\n%s\n", module, name);
    return PB_OK;
}

void enc_begin_args(struct enc *c)
{
    if (c->style->protocol < 2)
        enc_put_op(c->out, CODE_MARK);
}

void enc_end_args(struct enc *c, int count)
{
    static const uint8_t tuples[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};

    enc_put_op(c->out, c->style->protocol < 2 ? CODE_TUPLE : tuples[count]);
    enc_put_op(c->out, CODE_REDUCE);
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
    enum pb_err err = enc_put_global(c, module, name);

    enc_begin_args(c);
    if (err == PB_OK)
        err = put_latin1(c, l->data, l->len);
    if (err == PB_OK)
        err = put_unicode(c, codec, strlen(codec));
    enc_end_args(c, 2);
    return err;
}

static enum pb_err put_call_empty(struct enc *c, const char *name)
{
    enum pb_err err = enc_put_global(c, "builtins", name);

    if (c->style->text)
        enc_put_op(c->out, CODE_MARK);
    enc_put_op(c->out, c->style->text ? CODE_TUPLE : CODE_EMPTY_TUPLE);
    enc_put_op(c->out, CODE_REDUCE);
    return err;
}

static enum pb_err put_binary_bytes(struct enc *c, const struct literal *l)
{
    if (l->len < 256) {
        enc_put_op(c->out, CODE_SHORT_BINBYTES);
        buf_putc(c->out, (char)l->len);
    } else if (l->len <= UINT32_MAX) {
        enc_put_op(c->out, CODE_BINBYTES);
        put_u32(c->out, l->len);
    } else if (c->style->protocol >= 4) {
        enc_put_op(c->out, CODE_BINBYTES8);
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
        enc_put_op(c->out, CODE_BYTEARRAY8);
        put_u64(c->out, l->len);
        buf_append(c->out, l->data, l->len);
        return PB_OK;
    }
    if (l->len == 0)
        return put_call_empty(c, "bytearray");
    if (c->style->protocol < 3)
        return put_call_latin1(c, l, "builtins", "bytearray", "latin-1");
    err = enc_put_global(c, "builtins", "bytearray");
    if (err == PB_OK)
        err = put_binary_bytes(c, l);
    enc_end_args(c, 1);
    return err;
}

static enum pb_err put_complex(struct enc *c, const struct literal *l)
{
    enum pb_err err = enc_put_global(c, "builtins", "complex");

    enc_begin_args(c);
    put_double(c, l->real);
    put_double(c, l->imag);
    enc_end_args(c, 2);
    return err;
}

/* A name with dots is fetched from its class, as all protocols can. */
static enum pb_err put_named(struct enc *c, const struct literal *l)
{
    const char *dot = strchr(l->name, '.');
    char first[256];
    unsigned dots = 0;
    enum pb_err err = PB_OK;

    if (dot == NULL)
        return enc_put_global(c, l->module, l->name);
    if ((size_t)(dot - l->name) >= sizeof first)
        return error_set(c->e, PB_EUSAGE, "a name that is too long");
    for (const char *p = dot; p != NULL && err == PB_OK; p = strchr(p + 1, '.'), dots++) {
        err = enc_put_global(c, "builtins", "getattr");
        enc_begin_args(c);
    }
    memcpy(first, l->name, (size_t)(dot - l->name));
    first[dot - l->name] = '\0';
    if (err == PB_OK)
        err = enc_put_global(c, l->module, first);
    for (; dots > 0 && err == PB_OK; dots--) {
        const char *next = strchr(dot + 1, '.');

        err = put_unicode(c, dot + 1, next != NULL ? (size_t)(next - dot) - 1 : strlen(dot + 1));
        enc_end_args(c, 2);
        dot = next;
    }
    return err;
}

enum pb_err enc_put_leaf(struct enc *c, const struct literal *l)
{
    switch (l->kind) {
    case PKL_NONE:
        enc_put_op(c->out, CODE_NONE);
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
    case PKL_GLOBAL:
        return put_named(c, l);
    default:
        return error_set(c->e, PB_EUSAGE, "a value of this kind cannot be written");
    }
}

/* Compiled regular expressions. */
#include "lens.h"
#include "make.h"

#include <string.h>

#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#define REPR_MAX 200 /* characters of the pattern's repr that Python shows */

enum { RE_LOCALE = 4, RE_UNICODE = 32, RE_ASCII = 256 };

static const struct flag {
    int64_t bit;
    char letter; /* in (?...) */
    const char *name;
} flags[] = {
    {1, '\0', "re.TEMPLATE"}, {2, 'i', "re.IGNORECASE"}, {4, 'L', "re.LOCALE"},
    {8, 'm', "re.MULTILINE"}, {16, 's', "re.DOTALL"},    {32, 'u', "re.UNICODE"},
    {64, 'x', "re.VERBOSE"},  {128, '\0', "re.DEBUG"},   {256, 'a', "re.ASCII"},
};

/* Flags that the pattern itself begins with, "(?im)", as compiling it adds them. */
static int64_t inline_flags(const char *s, size_t n)
{
    int64_t found = 0;

    if (n < 4 || s[0] != '(' || s[1] != '?')
        return 0;
    for (size_t i = 2; i < n; i++) {
        int64_t bit = 0;

        if (s[i] == ')')
            return found;
        for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++)
            bit |= flags[k].letter == s[i] ? flags[k].bit : 0;
        if (bit == 0)
            return 0;
        found |= bit;
    }
    return 0;
}

static void put_cut(struct buf *out, const struct buf *text)
{
    size_t at = 0;

    for (size_t i = 0; i < REPR_MAX && at < text->len; i++) {
        uint32_t cp;
        size_t used = utf8_decode(text->data + at, text->len - at, &cp, true);

        at += used > 0 ? used : 1;
    }
    buf_append(out, text->data, at);
}

static void put_flags(struct buf *out, int64_t value)
{
    const char *before = ", ";

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((value & flags[i].bit) == 0)
            continue;
        value &= ~flags[i].bit;
        buf_puts(out, before);
        buf_puts(out, flags[i].name);
        before = "|";
    }
    if (value != 0)
        buf_printf(out, "%s0x%llx", before, (unsigned long long)value);
}

static enum pb_err put_pattern(struct lens *l, const struct buf *pattern, bool text, int64_t value)
{
    struct buf repr;

    value |= inline_flags(pattern->data, pattern->len);
    if (text && (value & RE_LOCALE))
        return lens_refuse(l, "a str cannot be matched by the locale");
    if (!text && (value & RE_UNICODE))
        return lens_refuse(l, "bytes cannot be matched as Unicode");
    if ((value & RE_ASCII) && (value & (RE_LOCALE | RE_UNICODE)))
        return lens_refuse(l, "its flags contradict each other");
    value &= ~(int64_t)RE_UNICODE;
    buf_init(&repr, LENS_TEXT_MAX * 12);
    if (text)
        pkl_repr_str(&repr, pattern->data, pattern->len, false);
    else
        pkl_repr_bytes(&repr, pattern->data, pattern->len);
    buf_puts(&l->text, "re.compile(");
    put_cut(&l->text, &repr);
    put_flags(&l->text, value);
    buf_putc(&l->text, ')');
    if (repr.failed != PB_OK)
        l->text.failed = repr.failed;
    buf_release(&repr);
    return PB_OK;
}

static enum pb_err read_pattern(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    bool text = c->arg[0].kind != PKL_BYTES && c->arg[0].kind != PKL_OBJECT, partial = false;
    struct buf bytes;
    int64_t value = 0;
    enum pb_err err = PB_OK;

    if (c->count == 2)
        err = lens_int(r, &c->arg[1], 0, 511, "flags", &value, l, e);
    if (err != PB_OK)
        return err;
    if (text) {
        err = lens_str(r, &c->arg[0], "its pattern", l, e);
        return err == PB_OK ? put_pattern(l, &r->leaf.data, true, value) : err;
    }
    buf_init(&bytes, LENS_TEXT_MAX);
    err = lens_bytes(r, &c->arg[0], LENS_TEXT_MAX - 1, false, &bytes, &partial, l, e);
    if (err == PB_OK && partial)
        err = lens_refuse(l, "its pattern is too long");
    if (err == PB_OK)
        err = put_pattern(l, &bytes, false, value);
    buf_release(&bytes);
    return err;
}

static const struct lens_row rows[] = {
    {"re", "_compile", "re.Pattern", LENS_CALL, 2, 2, read_pattern, 0},
    {"re", "compile", "re.Pattern", LENS_CALL, 1, 2, read_pattern, 0},
};
const struct lens_family lens_regex = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

/* The flags that the pattern has once it is compiled. */
static enum pb_err make_pattern(struct maker *m, struct literal **out)
{
    const struct literal *p = m->arg[0];
    struct literal *args[2];
    bool text = p->kind == PKL_STR;
    int64_t value;
    enum pb_err err = make_int_arg(m, m->arg[1], 0, 511, 0, "flags", &value);

    if (err != PB_OK)
        return err;
    if (!text && p->kind != PKL_BYTES)
        return make_bad(m, p, "a pattern is text or bytes");
    value |= inline_flags(p->data, p->len);
    if (text && (value & RE_LOCALE))
        return make_bad(m, m->arg[1], "a str cannot be matched by the locale");
    if (!text && (value & RE_UNICODE))
        return make_bad(m, m->arg[1], "bytes cannot be matched as Unicode");
    if ((value & RE_ASCII) && (value & (RE_LOCALE | RE_UNICODE)))
        return make_bad(m, m->arg[1], "these flags contradict each other");
    value |= text && !(value & RE_ASCII) ? RE_UNICODE : 0;
    args[0] = m->arg[0];
    args[1] = make_int(m, value);
    return make_done(m,
                     make_object(m, 0, make_global(m, "re", "_compile"), make_tuple(m, 2, args),
                                 NULL, NULL, NULL),
                     out);
}

static const struct make_row makers[] = {
    {"re", "compile", "pattern flags", 1, MAKE_BITS, make_pattern, 0},
};
const struct make_family make_regex = {makers, sizeof makers / sizeof makers[0]};

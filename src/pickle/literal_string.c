/* Strings and bytes as Python spells them: every prefix, escape and kind of quote. */
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "literal_lex.h"

struct quoted {
    bool bytes, raw, triple;
    char quote;
    size_t start;
};

/* Letters before the quote that Python knows: r, b, u, br, rb.  `f` is known and refused later. */
static size_t prefix_length(const struct lit_text *t)
{
    size_t n = 0;

    while (n < 2 && strchr("rRbBuUfF", lit_peek(t, n)) != NULL && lit_peek(t, n) != '\0')
        n++;
    return lit_peek(t, n) == '\'' || lit_peek(t, n) == '"' ? n : SIZE_MAX;
}

bool lit_at_string(const struct lit_text *t)
{
    return prefix_length(t) != SIZE_MAX;
}

static enum pb_err read_prefix(struct lit_text *t, struct quoted *q)
{
    size_t n = prefix_length(t), letters = 0;
    bool u = false;

    q->start = t->at;
    for (; letters < n; letters++) {
        char c = (char)(lit_peek(t, letters) | 0x20);

        if (c == 'f')
            return lit_bad(t, t->at, "an f-string is no literal");
        if ((c == 'r' && q->raw) || (c == 'b' && q->bytes) || (n == 2 && c == 'u') || u)
            return lit_bad(t, t->at, "no string begins like this");
        q->raw = q->raw || c == 'r';
        q->bytes = q->bytes || c == 'b';
        u = c == 'u';
    }
    t->at += n;
    q->quote = lit_peek(t, 0);
    q->triple = lit_peek(t, 1) == q->quote && lit_peek(t, 2) == q->quote;
    t->at += q->triple ? 3 : 1;
    return PB_OK;
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

/* \r\n counts once; Python reads every one of them as \n. */
static void pass_newline(struct lit_text *t)
{
    t->at += lit_peek(t, 0) == '\r' && lit_peek(t, 1) == '\n' ? 2 : 1;
}

static void put_cp(struct buf *out, uint32_t cp)
{
    char utf8[4];

    buf_append(out, utf8, utf8_encode(cp, utf8));
}

/* \xhh \uhhhh \Uhhhhhhhh: exactly so many digits. */
static enum pb_err hex_escape(struct lit_text *t, struct buf *out, const struct quoted *q,
                              int count)
{
    size_t start = t->at;
    uint32_t cp = 0;

    t->at += 2;
    for (int i = 0; i < count; i++) {
        int v = num_digit(lit_peek(t, 0));

        if (v > 15)
            return lit_bad(t, start, "this escape needs %d hexadecimal digits", count);
        cp = cp << 4 | (uint32_t)v;
        t->at++;
    }
    if (cp > 0x10ffff)
        return lit_bad(t, start, "there is no character beyond U+10FFFF");
    if (q->bytes)
        buf_putc(out, (char)cp);
    else
        put_cp(out, cp);
    return PB_OK;
}

static void octal_escape(struct lit_text *t, struct buf *out, const struct quoted *q)
{
    uint32_t cp = 0;

    t->at++;
    for (int i = 0; i < 3 && lit_peek(t, 0) >= '0' && lit_peek(t, 0) <= '7'; i++)
        cp = cp << 3 | (uint32_t)(t->s[t->at++] - '0');
    if (q->bytes)
        buf_putc(out, (char)(cp & 0xff));
    else
        put_cp(out, cp);
}

static enum pb_err escape(struct lit_text *t, struct buf *out, const struct quoted *q)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = lit_peek(t, 1);
    const char *simple = c != '\0' ? strchr(from, c) : NULL;

    if (simple != NULL) {
        buf_putc(out, to[simple - from]);
        t->at += 2;
        return PB_OK;
    }
    if (is_newline(c)) {
        t->at++;
        pass_newline(t);
        return PB_OK;
    }
    if (c >= '0' && c <= '7') {
        octal_escape(t, out, q);
        return PB_OK;
    }
    if (c == 'x')
        return hex_escape(t, out, q, 2);
    if (!q->bytes && c == 'u')
        return hex_escape(t, out, q, 4);
    if (!q->bytes && c == 'U')
        return hex_escape(t, out, q, 8);
    if (!q->bytes && c == 'N')
        return lit_bad(t, t->at, "names of characters are not known here: write \\uXXXX");
    /* Any other backslash stands for itself. */
    buf_putc(out, '\\');
    t->at++;
    return PB_OK;
}

/* In a raw string a backslash stays, and so does what it keeps from ending the string. */
static void raw_backslash(struct lit_text *t, struct buf *out)
{
    buf_putc(out, '\\');
    t->at++;
    if (is_newline(lit_peek(t, 0))) {
        buf_putc(out, '\n');
        pass_newline(t);
    } else if (t->at < t->n && (unsigned char)lit_peek(t, 0) < 0x80) {
        buf_putc(out, t->s[t->at++]);
    }
}

static bool at_end_quote(const struct lit_text *t, const struct quoted *q)
{
    if (lit_peek(t, 0) != q->quote)
        return false;
    return !q->triple || (lit_peek(t, 1) == q->quote && lit_peek(t, 2) == q->quote);
}

/* Bytes that mean nothing but themselves. */
static size_t plain_run(const struct lit_text *t, const struct quoted *q)
{
    size_t i = t->at;

    while (i < t->n && t->s[i] != q->quote && t->s[i] != '\\' && !is_newline(t->s[i]) &&
           !(q->bytes && (unsigned char)t->s[i] >= 0x80))
        i++;
    return i - t->at;
}

static enum pb_err body(struct lit_text *t, struct buf *out, const struct quoted *q)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && !at_end_quote(t, q)) {
        size_t run = plain_run(t, q);
        char c;

        buf_append(out, t->s + t->at, run);
        t->at += run;
        c = lit_peek(t, 0);
        if (t->at == t->n || (is_newline(c) && !q->triple)) {
            return lit_bad(t, q->start, "this string is not closed");
        } else if (is_newline(c)) {
            buf_putc(out, '\n');
            pass_newline(t);
        } else if (c == '\\' && q->raw) {
            raw_backslash(t, out);
        } else if (c == '\\') {
            err = escape(t, out, q);
        } else if ((unsigned char)c >= 0x80) {
            return lit_bad(t, t->at, "bytes hold ASCII characters and escapes only");
        } else if (!at_end_quote(t, q)) {
            buf_putc(out, c); /* a quote inside triple quotes */
            t->at++;
        }
    }
    return err;
}

enum pb_err lit_string(struct lit_text *t, struct literal **out)
{
    struct quoted q = {0};
    struct buf data;
    enum pb_err err = read_prefix(t, &q);
    struct literal *l;

    if (err != PB_OK)
        return err;
    l = lit_new(t, q.bytes ? PKL_BYTES : PKL_STR);
    if (l == NULL)
        return PB_ENOMEM;
    buf_init(&data, SIZE_MAX / 2);
    err = body(t, &data, &q);
    if (err == PB_OK)
        err = buf_status(&data, t->e);
    if (err == PB_OK)
        err = lit_take(t, l, &data);
    buf_release(&data);
    t->at += q.triple ? 3 : 1;
    *out = l;
    return err;
}

#include "line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void strip(const char **s, size_t *n)
{
    while (*n > 0 && is_blank(**s))
        (*s)++, (*n)--;
    while (*n > 0 && is_blank((*s)[*n - 1]))
        (*n)--;
}

/* Digits of the base, single underscores between them (and after a prefix). */
static bool all_digits(const char *s, size_t n, int base, bool after_prefix)
{
    bool digit = after_prefix;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_' ? !digit : num_digit(s[i]) >= base)
            return false;
        digit = s[i] != '_';
    }
    return digit;
}

/* Python 2 keeps slots by their text: a short one that is no number is a number above all others.
 */
static bool slot_text(const char *s, size_t n, uint64_t *slot)
{
    uint64_t v = (uint64_t)1 << 63 | (uint64_t)n << 56;

    if (n > 7)
        return false;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(uint8_t)s[i] << 8 * i;
    *slot = v;
    return true;
}

/* Numbers above INT64_MAX, which texts have for themselves, have a bit that no text has. */
#define SLOT_LARGE ((uint64_t)1 << 62)

size_t line_slot_text(uint64_t slot, char text[LINE_SLOT_TEXT])
{
    size_t n = slot >> 56 & 7;

    if (slot & SLOT_LARGE)
        return (size_t)snprintf(text, LINE_SLOT_TEXT, "%" PRIu64, slot & ~SLOT_LARGE);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(slot >> 8 * i & 0xff);
    return n;
}

bool line_slot(const char *text, size_t len, uint64_t *slot)
{
    const char *s = text;
    size_t n = len;
    uint64_t v = 0;

    strip(&s, &n);
    if (n > 0 && *s == '+')
        s++, n--;
    if (!all_digits(s, n, 10, false))
        return slot_text(text, len, slot);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_')
            continue;
        if (!num_mul(v, 10, &v) || !num_add(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    }
    *slot = v > INT64_MAX ? v | SLOT_LARGE : v;
    return (v & SLOT_LARGE) == 0 || v <= INT64_MAX;
}

static void sign_of(const char **s, size_t *n, bool *negative)
{
    *negative = *n > 0 && **s == '-';
    if (*n > 0 && (**s == '-' || **s == '+'))
        (*s)++, (*n)--;
}

/* int(text, 0): a prefix or none; leading zeros only for zero itself.  With `c_octal`, 010 is 8, as
 * C reads it. */
static bool base_zero(const char *s, size_t n, bool c_octal, struct line_int *out)
{
    strip(&s, &n);
    sign_of(&s, &n, &out->negative);
    out->base = 10;
    if (n > 1 && *s == '0') {
        char p = s[1];

        out->base = p == 'x' || p == 'X'   ? 16
                    : p == 'o' || p == 'O' ? 8
                    : p == 'b' || p == 'B' ? 2
                                           : 0;
    }
    if (out->base == 0) {
        out->base = 10;
        out->digits = s;
        out->len = n;
        if (strspn(s, "0_") >= n)
            return all_digits(s, n, 10, false);
        out->base = 8;
        return c_octal && memchr(s, '_', n) == NULL && all_digits(s, n, 8, false);
    }
    if (out->base != 10)
        s += 2, n -= 2;
    out->digits = s;
    out->len = n;
    return all_digits(s, n, out->base, out->base != 10);
}

bool line_int(const char *s, size_t n, struct line_int *out)
{
    const char *nul = memchr(s, '\0', n);
    bool ok;

    out->boolean = false;
    /* CPython's strtol() stops at a NUL and is content, also with nothing in front of it. */
    if (nul == s) {
        *out = (struct line_int){.digits = "0", .len = 1, .base = 10, .boolean = n == 2};
        return true;
    }
    ok = base_zero(s, nul != NULL ? (size_t)(nul - s) : n, true, out);
    if (!ok && nul == NULL && n > 1 && s[n - 1] == 'L' && !is_blank(s[n - 2])) {
        ok = base_zero(s, n - 1, true, out); /* a long of Python 2 */
        return ok;
    }
    /* Two characters that read as 0 or 1 are a bool: 00, 01, but also " 1" and +1 (not "1 "). */
    if (ok && n == 2 && out->len > 0 && !is_blank(s[1]))
        out->boolean = strspn(out->digits, "0") >= out->len - 1 &&
                       (out->digits[out->len - 1] == '0' ||
                        (out->digits[out->len - 1] == '1' && !out->negative));
    return ok;
}

/* Letters and underscores: what versions that read decimal digits alone refuse. */
static bool is_spelled_out(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_' || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z'))
            return true;
    }
    return false;
}

static const char *int_note(const char *s, size_t n)
{
    struct line_int l;

    if (memchr(s, '\0', n) != NULL)
        return N_("C's unpickler reads up to the NUL, Python's refuses it");
    if (n > 0 && s[n - 1] == 'L')
        return N_("only Python 2 takes the L");
    if (!line_int(s, n, &l))
        return NULL;
    if (l.boolean)
        return *s == '0' ? NULL : N_("C's unpickler takes it for a bool, Python's for an int");
    if (l.base == 8 && memchr(s, 'o', n) == NULL && memchr(s, 'O', n) == NULL)
        return N_("octal to C's unpickler, refused by Python's");
    return is_spelled_out(s, n) ? N_("newer versions take decimal digits alone") : NULL;
}

/* How many of the n bytes are digits: no NUL ends them. */
static size_t digits_among(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += s[i] >= '0' && s[i] <= '9';
    return count;
}

static const char *float_note(const char *s, size_t n)
{
    double v;

    if (memchr(s, '\0', n) != NULL)
        return N_("C's unpickler reads up to the NUL, Python's refuses it");
    if (n > 0 && (is_blank(*s) || is_blank(s[n - 1]) || memchr(s, '_', n) != NULL))
        return N_("only Python's unpickler takes it, C's does not");
    if (line_float(s, n, &v) && isinf(v) && digits_among(s, n) > 0)
        return N_("inf to Python's unpickler, refused by C's");
    return NULL;
}

const char *line_note(uint8_t code, const char *s, size_t n)
{
    uint64_t slot;

    switch (code) {
    case 'I':
        return int_note(s, n);
    case 'L':
        return is_spelled_out(s, n > 0 && s[n - 1] == 'L' ? n - 1 : n)
                   ? N_("newer versions take decimal digits alone")
                   : NULL;
    case 'F':
        return float_note(s, n);
    case 'S':
        return n > 0 && s[n - 1] != '\'' && s[n - 1] != '"'
                   ? N_("only cPickle of Python 2 takes it")
                   : NULL;
    case 'p':
    case 'g':
        if (line_slot(s, n, &slot) && slot > INT64_MAX && (slot & SLOT_LARGE))
            return N_("only Python's unpickler takes it, C's does not");
        if (line_slot(s, n, &slot) && slot > INT64_MAX)
            return N_("to Python 2 a slot is its text, Python 3 refuses it");
        return digits_among(s, n) < n || (n > 1 && *s == '0')
                   ? N_("to Python 2 a slot is its text, to Python 3 a number")
                   : NULL;
    default:
        return NULL;
    }
}

bool line_long(const char *s, size_t n, struct line_int *out)
{
    out->boolean = false;
    if (n > 0 && s[n - 1] == 'L')
        n--;
    return base_zero(s, n, false, out);
}

enum pb_err line_int_value(const struct line_int *l, bool *fits, int64_t *value, struct buf *big,
                           struct error *e)
{
    struct buf plain;
    enum pb_err err;
    uint64_t v = 0;
    bool small = true;

    for (size_t i = 0; i < l->len && small; i++) {
        if (l->digits[i] != '_')
            small = num_mul(v, (uint64_t)l->base, &v) &&
                    num_add(v, (uint64_t)num_digit(l->digits[i]), &v);
    }
    *fits = small && v <= (uint64_t)INT64_MAX + l->negative;
    if (*fits) {
        *value = l->negative ? (int64_t)(0 - v) : (int64_t)v;
        return PB_OK;
    }
    buf_init(&plain, l->len + 1);
    for (size_t i = 0; i < l->len; i++) {
        if (l->digits[i] != '_')
            buf_putc(&plain, l->digits[i]);
    }
    err = buf_status(&plain, e);
    if (err == PB_OK)
        err = l->base == 10 ? num_big_parse_stored(big, plain.data, plain.len, l->negative, e)
                            : num_big_parse(big, plain.data, plain.len, l->base, l->negative, e);
    buf_release(&plain);
    return err;
}

bool line_float(const char *s, size_t n, double *out)
{
    const char *nul = memchr(s, '\0', n);
    char plain[128];
    size_t len = 0;
    bool digit = false;

    /* C's unpickler stops at a NUL, and takes nothing there that Python's alone takes. */
    if (nul != NULL) {
        n = (size_t)(nul - s);
        if (n == 0 || is_blank(*s) || is_blank(s[n - 1]) || memchr(s, '_', n) != NULL)
            return false;
        return num_parse_double(s, n, out) &&
               (!isinf(*out) || memchr(s, 'i', n) || memchr(s, 'I', n));
    }
    strip(&s, &n);
    if (memchr(s, '_', n) == NULL)
        return num_parse_double(s, n, out);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_') {
            if (!digit || i + 1 == n || num_digit(s[i + 1]) > 9)
                return false;
        } else {
            if (len == sizeof plain)
                return false;
            plain[len++] = s[i];
        }
        digit = num_digit(s[i]) <= 9;
    }
    return num_parse_double(plain, len, out);
}

bool line_quoted(const char *s, size_t n, const char **inner, size_t *len)
{
    /* Python 2's cPickle passes over blanks behind the quote. */
    while (n > 0 && (uint8_t)s[n - 1] <= ' ')
        n--;
    if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0])
        return false;
    *inner = s + 1;
    *len = n - 2;
    return true;
}

enum { PLAIN, BACKSLASH, HEX, OCTAL };

static void put_byte(struct buf *out, uint32_t b)
{
    if (out != NULL)
        buf_putc(out, (char)b);
}

static void put_cp(struct buf *out, uint32_t cp)
{
    char utf8[4];

    if (out != NULL)
        buf_append(out, utf8, utf8_encode(cp, utf8));
}

/* The byte behind a backslash in a STRING line.  What is no escape stays as it is. */
static void string_escape(struct unescape *u, char c, struct buf *out)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found = c != '\0' ? strchr(from, c) : NULL;

    u->state = PLAIN;
    if (c == 'x') {
        u->state = HEX;
        u->digits = 2;
        u->value = 0;
    } else if (c >= '0' && c <= '7') {
        u->state = OCTAL;
        u->digits = 2;
        u->value = (uint32_t)(c - '0');
    } else if (found != NULL) {
        put_byte(out, (uint8_t)to[found - from]);
    } else {
        put_byte(out, '\\');
        put_byte(out, (uint8_t)c);
    }
}

static void unicode_escape(struct unescape *u, char c, struct buf *out)
{
    u->state = PLAIN;
    if (c == 'u' || c == 'U') {
        u->state = HEX;
        u->digits = c == 'u' ? 4 : 8;
        u->value = 0;
    } else {
        put_cp(out, '\\');
        put_cp(out, (uint8_t)c);
    }
}

static bool hex_digit(struct unescape *u, char c, struct buf *out)
{
    int d = num_digit(c);

    if (d > 15)
        return false;
    u->value = u->value << 4 | (uint32_t)d;
    if (--u->digits > 0)
        return true;
    u->state = PLAIN;
    if (u->kind == UNESCAPE_STRING)
        put_byte(out, u->value);
    else
        put_cp(out, u->value);
    return u->value <= 0x10ffff;
}

bool unescape_feed(struct unescape *u, const char *s, size_t n, struct buf *out)
{
    size_t i = 0;

    while (i < n) {
        char c = s[i];

        if (u->state == OCTAL) {
            if (u->digits > 0 && c >= '0' && c <= '7') {
                u->value = u->value << 3 | (uint32_t)(c - '0');
                u->digits--;
                i++;
            } else {
                put_byte(out, u->value & 0xff);
                u->state = PLAIN;
            }
            continue;
        }
        i++;
        if (u->state == HEX) {
            if (!hex_digit(u, c, out))
                return false;
        } else if (u->state == BACKSLASH) {
            if (u->kind == UNESCAPE_STRING)
                string_escape(u, c, out);
            else
                unicode_escape(u, c, out);
        } else if (c == '\\') {
            u->state = BACKSLASH;
        } else if (u->kind == UNESCAPE_STRING) {
            put_byte(out, (uint8_t)c);
        } else {
            put_cp(out, (uint8_t)c);
        }
    }
    return true;
}

bool unescape_end(struct unescape *u, struct buf *out)
{
    if (u->state == OCTAL)
        put_byte(out, u->value & 0xff);
    /* raw-unicode-escape keeps a backslash at the end. */
    if (u->state == BACKSLASH && u->kind == UNESCAPE_UNICODE)
        put_cp(out, '\\');
    else if (u->state == BACKSLASH || u->state == HEX)
        return false;
    return true;
}

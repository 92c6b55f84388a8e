#include <string.h>

#include <pklbrowse/text.h>

#include "unicode_table.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the sequence that begins with c, by its lead byte alone; 0: none does. */
static size_t sequence_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xc2)
        return 0;
    if (c < 0xe0)
        return 2;
    if (c < 0xf0)
        return 3;
    return c < 0xf5 ? 4 : 0;
}

/* The second byte decides about overlong forms, surrogates and what is above U+10FFFF. */
static bool second_fits(unsigned char lead, unsigned char second, bool surrogates)
{
    if (!is_tail(second))
        return false;
    switch (lead) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0 || surrogates;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t utf8_decode(const void *p, size_t n, uint32_t *cp, bool surrogates)
{
    const unsigned char *s = p;
    size_t len = sequence_length(s[0]);
    uint32_t c;

    if (len == 1) {
        *cp = s[0];
        return 1;
    }
    if (len == 0 || len > n || !second_fits(s[0], s[1], surrogates))
        return 0;
    c = ((uint32_t)s[0] & (0x7fu >> len)) << 6 | (s[1] & 0x3fu);
    for (size_t i = 2; i < len; i++) {
        if (!is_tail(s[i]))
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *cp = c;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

#define ASCII_BLOCK 64

/* Bytes of ASCII at s, a block at a time: the inner loop has no branch, so it is vectorised. */
static size_t ascii_run(const unsigned char *s, size_t n)
{
    size_t at = 0;

    while (n - at >= ASCII_BLOCK) {
        unsigned char any = 0;

        for (size_t i = 0; i < ASCII_BLOCK; i++)
            any |= s[at + i];
        if (any >= 0x80)
            break;
        at += ASCII_BLOCK;
    }
    while (at < n && s[at] < 0x80)
        at++;
    return at;
}

/* Is [s, s+n) the beginning of a sequence that more bytes would make whole? */
static bool cut_short(const unsigned char *s, size_t n, bool surrogates)
{
    if (n >= sequence_length(s[0]))
        return false;
    if (n > 1 && !second_fits(s[0], s[1], surrogates))
        return false;
    return n < 3 || is_tail(s[2]);
}

size_t utf8_check(const void *p, size_t n, bool surrogates, bool *partial)
{
    const unsigned char *s = p;
    size_t at = 0;

    if (partial != NULL)
        *partial = false;
    while (at < n) {
        uint32_t cp;
        size_t used;

        if (s[at] < 0x80) {
            at += ascii_run(s + at, n - at);
            continue;
        }
        used = utf8_decode(s + at, n - at, &cp, surrogates);
        if (used == 0) {
            if (partial != NULL)
                *partial = cut_short(s + at, n - at, surrogates);
            break;
        }
        at += used;
    }
    return at;
}

size_t utf8_count(const void *p, size_t n)
{
    const signed char *s = p;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += s[i] > (signed char)0xbf;
    return count;
}

bool text_printable(uint32_t cp)
{
    size_t low = 0, high = unicode_printable_count;

    if (cp < 0x7f)
        return cp >= 0x20;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (cp < unicode_printable[mid].first)
            high = mid;
        else if (cp > unicode_printable[mid].last)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

/* Letters and marks that Unicode calls printable although nothing is drawn for them: with one of
 * these, two different names look the same. */
static bool draws_nothing(uint32_t cp)
{
    switch (cp) {
    case 0x034f:
    case 0x115f:
    case 0x1160:
    case 0x17b4:
    case 0x17b5:
    case 0x3164:
    case 0xffa0:
        return true;
    default:
        return false;
    }
}

bool text_drawable(uint32_t cp)
{
    return text_printable(cp) && !draws_nothing(cp);
}

static void with_unit(struct buf *out, uint64_t value, uint64_t unit, const char *name)
{
    uint64_t whole = value / unit, tenth = (value % unit + unit / 20) / (unit / 10);

    if (tenth == 10) {
        whole++;
        tenth = 0;
    }
    if (tenth == 0)
        buf_printf(out, "%llu %s", (unsigned long long)whole, name);
    else
        buf_printf(out, "%llu.%llu %s", (unsigned long long)whole, (unsigned long long)tenth, name);
}

void text_size(struct buf *out, uint64_t bytes)
{
    static const char *const names[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t unit = 1000;
    size_t i = 0;

    if (bytes < 1000) {
        buf_printf(out, "%llu B", (unsigned long long)bytes);
        return;
    }
    /* 999,950 is already "1 MB": with one digit after the point it would read 1000 kB. */
    while (i + 1 < sizeof names / sizeof *names && bytes >= unit * 1000 - unit / 20) {
        unit *= 1000;
        i++;
    }
    with_unit(out, bytes, unit, names[i]);
}

void text_count(struct buf *out, uint64_t n)
{
    char digits[32]; /* 20 digits and 6 commas at most */
    size_t at = sizeof digits;

    for (unsigned i = 0; i == 0 || n > 0; i++) {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
        if (n > 0 && i % 3 == 2)
            digits[--at] = ',';
    }
    buf_append(out, digits + at, sizeof digits - at);
}

/*
 * Lines of text in the quick way, as CPython itself writes them; anything else is for line.c.
 *
 * Eight bytes at a time: how long a number is cannot be guessed, and a loop over its digits would
 * guess wrong at the end of nearly every one.
 */
#include <endian.h>
#include <string.h>

#include "scan_quick.h"

#define ALL(byte) ((uint64_t)(byte)*0x0101010101010101u)

static inline uint64_t eight(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

/* Bytes in front of the first one that is marked by its top bit; 8: none is. */
static inline size_t before(uint64_t marks)
{
    return marks == 0 ? 8 : (size_t)__builtin_ctzll(marks) / 8;
}

/* The top bit of every byte that is no digit. */
static inline uint64_t no_digits(uint64_t w)
{
    uint64_t t = w ^ ALL('0');

    return (((t & ALL(0x7f)) + ALL(0x76)) | t) & ALL(0x80);
}

/* Exact up to the first such byte. */
static inline uint64_t equal_to(uint64_t w, char c)
{
    uint64_t t = w ^ ALL(c);

    return (t - ALL(1)) & ~t & ALL(0x80);
}

/* Behind the digits at p, at most 24. */
static inline const uint8_t *digits(const uint8_t *p)
{
    for (int i = 0; i < 3; i++) {
        size_t n = before(no_digits(eight(p)));

        p += n;
        if (n < 8)
            break;
    }
    return p;
}

/* -?digits; nothing that begins with a zero but that itself: neither a bool nor octal. */
static const uint8_t *integer(const uint8_t *p)
{
    const uint8_t *begin = p, *first = p += *p == '-';

    p = digits(p);
    return p == first || (*first == '0' && p > begin + 1) ? NULL : p;
}

/* -?digits.digits, perhaps an exponent. */
static const uint8_t *real(const uint8_t *p)
{
    const uint8_t *first = p += *p == '-';

    p = digits(p);
    if (p == first)
        return NULL;
    if (*p == '.') {
        first = ++p;
        p = digits(p);
        if (p == first)
            return NULL;
    }
    if (*p != 'e')
        return p;
    p += p[1] == '-' || p[1] == '+' ? 2 : 1;
    first = p;
    p = digits(p);
    return p == first || p - first > 2 ? NULL : p; /* what may be too large is for line.c */
}

/* Text without an escape, whatever its bytes. */
static const uint8_t *plain(const uint8_t *p)
{
    for (int i = 0; i < 8; i++, p += 8) {
        uint64_t w = eight(p), found = equal_to(w, '\n') | equal_to(w, '\\');

        if (found != 0) {
            p += before(found);
            return *p == '\n' ? p : NULL;
        }
    }
    return NULL;
}

const uint8_t *quick_line(uint8_t code, const uint8_t *p)
{
    if (code == 'V')
        return plain(p);
    if (code == 'I' && quick_is_bool(p))
        return p + 2;
    p = code == 'F' ? real(p) : integer(p);
    if (p != NULL && code == 'L' && *p == 'L')
        p++;
    return p != NULL && *p == '\n' ? p : NULL;
}

const uint8_t *quick_number(const uint8_t *p, uint64_t *number)
{
    uint64_t w = eight(p), t;
    size_t n = before(no_digits(w));

    if (n == 0 || n == 8 || p[n] != '\n')
        return NULL;
    /* The digits in the upper bytes, zeros below; then pairs of them, then all of those. */
    t = (w ^ ALL('0')) << (64 - 8 * n);
    t = t * 10 + (t >> 8);
    t = (t & 0x000000ff000000ffu) * 0x000f424000000064u +
        (t >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u;
    *number = t >> 32;
    return p + n;
}

/* Lines of text in the quick way, as CPython itself writes them; anything else is for line.c. */
#include <string.h>

#include "scan_quick.h"

#define LINE_MOST 64 /* bytes that may be looked at */

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

static const uint8_t *digits(const uint8_t *p)
{
    const uint8_t *end = p + LINE_MOST / 4;

    while (p < end && is_digit(*p))
        p++;
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
        p = digits(digits(p));
        if (p == first)
            return NULL;
    }
    if (*p != 'e')
        return p;
    p += p[1] == '-' || p[1] == '+' ? 2 : 1;
    first = p;
    p = digits(p);
    return p == first || p - first > 3 ? NULL : p;
}

/* Text without an escape, whatever its bytes. */
static const uint8_t *plain(const uint8_t *p)
{
    const uint8_t *nl = memchr(p, '\n', LINE_MOST);

    return nl != NULL && memchr(p, '\\', (size_t)(nl - p)) == NULL ? nl : NULL;
}

const uint8_t *quick_line(uint8_t code, const uint8_t *p)
{
    if (code == 'V')
        return plain(p);
    p = code == 'F' ? real(p) : integer(p);
    if (p != NULL && code == 'L' && *p == 'L')
        p++;
    return p != NULL && *p == '\n' ? p : NULL;
}

const uint8_t *quick_number(const uint8_t *p, uint64_t *number)
{
    uint64_t n = 0;
    const uint8_t *end = p + LINE_MOST / 4;

    if (!is_digit(*p))
        return NULL;
    for (; p < end && is_digit(*p); p++)
        n = n * 10 + (uint64_t)(*p - '0');
    *number = n;
    return *p == '\n' ? p : NULL;
}

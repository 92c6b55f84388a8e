#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

int num_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

bool num_add(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool num_parse_u64(const char *s, size_t n, uint64_t *out)
{
    uint64_t value = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s[i]) || !num_mul(value, 10, &value) ||
            !num_add(value, (uint64_t)(s[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool num_parse_i64(const char *s, size_t n, int64_t *out)
{
    bool negative = n > 0 && s[0] == '-';
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');
    uint64_t value;

    if (!num_parse_u64(s + sign, n - sign, &value) || value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static size_t digits_at(const char *s, size_t n, size_t at)
{
    size_t i = at;

    while (i < n && is_digit(s[i]))
        i++;
    return i - at;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

/* [sign] digits [. digits] [e [sign] digits], or inf, infinity, nan: what float() takes, less
 * blanks and underscores, and nothing of what only strtod() does. */
static bool is_float_text(const char *s, size_t n)
{
    size_t at = n > 0 && (s[0] == '-' || s[0] == '+'), digits;

    if (is_word(s + at, n - at, "inf") || is_word(s + at, n - at, "infinity") ||
        is_word(s + at, n - at, "nan"))
        return true;
    digits = digits_at(s, n, at);
    at += digits;
    if (at < n && s[at] == '.') {
        size_t more = digits_at(s, n, at + 1);

        digits += more;
        at += 1 + more;
    }
    if (digits == 0)
        return false;
    if (at < n && (s[at] == 'e' || s[at] == 'E')) {
        at++;
        at += at < n && (s[at] == '-' || s[at] == '+');
        digits = digits_at(s, n, at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == n;
}

bool num_parse_double(const char *s, size_t n, double *out)
{
    char space[64], *copy = space;
    locale_t c;

    if (!is_float_text(s, n))
        return false;
    /* glibc hands out its own constant object for this: nothing is allocated. */
    c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return false;
    if (n >= sizeof space) {
        copy = mem_strndup(s, n);
    } else {
        memcpy(space, s, n);
        space[n] = '\0';
    }
    if (copy != NULL)
        *out = strtod_l(copy, NULL, c);
    if (copy != space)
        free(copy);
    freelocale(c);
    return copy != NULL;
}

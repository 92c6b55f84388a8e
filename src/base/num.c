#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

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

#define DIGITS_MAX 17 /* so many always read back the same */

/* The digits of d > 0 and the power of ten of the first one. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent;
};

/* m / 10^places, where the last digit of m is not 0 unless places is 0; m < 10^15. */
static void put_decimal(struct decimal *out, uint64_t m, int places)
{
    char digits[DIGITS_MAX];
    int n = 0;

    for (; m > 0; m /= 10)
        digits[n++] = (char)('0' + m % 10);
    for (int i = 0; i < n; i++)
        out->digits[i] = digits[n - 1 - i];
    out->digits[n] = '\0';
    out->count = n;
    out->exponent = n - 1 - places;
}

/* Between these, short_decimal() finds every decimal of at most 15 digits. */
#define SHORT_LEAST 1e-7
#define SHORT_MOST 1e15

/*
 * What people write: at most 15 digits, not far from 1.  If m and the power of ten are exact, so is
 * the rounding of their quotient: when it is d, then the decimal reads back as d, and there is but
 * one of so few digits.
 */
static bool short_decimal(double d, struct decimal *out)
{
    double power = 1;

    for (int places = 0; places <= 22 && d * power < SHORT_MOST; places++) {
        double m = rint(d * power);

        if (m / power == d) {
            put_decimal(out, (uint64_t)m, places);
            return true;
        }
        power *= 10; /* exact up to 10^22 */
    }
    return false;
}

/* Rounded to `count` digits.  The decimal point is the locale's, so it is passed over. */
static void round_to(double d, int count, struct decimal *out)
{
    char text[48];
    const char *p = text;

    snprintf(text, sizeof text, "%.*e", count - 1, d);
    out->count = 0;
    for (; *p != 'e' && *p != '\0'; p++) {
        if (is_digit(*p) && out->count < DIGITS_MAX)
            out->digits[out->count++] = *p;
    }
    out->digits[out->count] = '\0';
    out->exponent = (int)strtol(*p == 'e' ? p + 1 : "0", NULL, 10);
}

/* Without a decimal point strtod() does not look at the locale. */
static bool reads_back(const struct decimal *dec, double d)
{
    char text[DIGITS_MAX + 8];
    int e = dec->exponent - (dec->count - 1);
    size_t n = (size_t)dec->count;

    memcpy(text, dec->digits, n);
    text[n++] = 'e';
    text[n++] = e < 0 ? '-' : '+';
    e = e < 0 ? -e : e; /* at most 324 + 17 */
    text[n++] = (char)('0' + e / 100);
    text[n++] = (char)('0' + e / 10 % 10);
    text[n++] = (char)('0' + e % 10);
    text[n] = '\0';
    return strtod(text, NULL) == d;
}

/* The next larger decimal with as many digits. */
static void bump(struct decimal *dec)
{
    int i = dec->count - 1;

    while (i >= 0 && dec->digits[i] == '9')
        dec->digits[i--] = '0';
    if (i >= 0) {
        dec->digits[i]++;
    } else {
        dec->digits[0] = '1';
        dec->exponent++;
    }
}

static bool is_power_of_two(double d)
{
    int exponent;

    return frexp(d, &exponent) == 0.5;
}

/* The closest decimal of `count` digits that reads back as d.  Above a power of two the doubles lie
 * twice as far apart as below, so there the next decimal up may do when the closest does not. */
static bool fits_in(double d, int count, struct decimal *dec)
{
    round_to(d, count, dec);
    if (reads_back(dec, d))
        return true;
    if (!is_power_of_two(d))
        return false;
    bump(dec);
    return reads_back(dec, d);
}

static void shortest(double d, struct decimal *dec)
{
    /* Every decimal of 15 digits is told apart by a normal double, so if one fits, the shortest is
     * that one less its zeros.  Subnormal numbers hold fewer digits. */
    int count = d < 2.2250738585072014e-308 ? 1 : 15;

    if (short_decimal(d, dec))
        return;
    if (d >= SHORT_LEAST && d < SHORT_MOST)
        count = 16;
    while (count < DIGITS_MAX && !fits_in(d, count, dec))
        count++;
    if (count == DIGITS_MAX)
        round_to(d, count, dec);
    while (dec->count > 1 && dec->digits[dec->count - 1] == '0')
        dec->digits[--dec->count] = '\0';
}

static void put_exponent_form(struct buf *out, const struct decimal *dec)
{
    int e = dec->exponent;

    buf_putc(out, dec->digits[0]);
    if (dec->count > 1) {
        buf_putc(out, '.');
        buf_puts(out, dec->digits + 1);
    }
    buf_printf(out, "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
}

static void put_plain_form(struct buf *out, const struct decimal *dec)
{
    if (dec->exponent < 0) {
        buf_puts(out, "0.");
        buf_fill(out, '0', (size_t)(-dec->exponent - 1));
        buf_puts(out, dec->digits);
    } else if (dec->count <= dec->exponent + 1) {
        buf_puts(out, dec->digits);
        buf_fill(out, '0', (size_t)(dec->exponent + 1 - dec->count));
        buf_puts(out, ".0");
    } else {
        buf_append(out, dec->digits, (size_t)(dec->exponent + 1));
        buf_putc(out, '.');
        buf_puts(out, dec->digits + dec->exponent + 1);
    }
}

void num_repr_double(struct buf *out, double d)
{
    struct decimal dec;

    if (isnan(d)) {
        buf_puts(out, "nan");
        return;
    }
    if (signbit(d))
        buf_putc(out, '-');
    d = fabs(d);
    if (isinf(d)) {
        buf_puts(out, "inf");
    } else if (d == 0) {
        buf_puts(out, "0.0");
    } else {
        shortest(d, &dec);
        if (dec.exponent < -4 || dec.exponent >= 16)
            put_exponent_form(out, &dec);
        else
            put_plain_form(out, &dec);
    }
}

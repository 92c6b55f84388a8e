/*
 * Numbers to their shortest text.
 *
 * Floats by Raffaello Giulietti's Schubfach: the decimal with the fewest digits among those that
 * read back as the same double, and of these the closest, found with three multiplications of 64
 * by 128 bits and a table of powers of ten.
 */
#include <math.h>
#include <string.h>

#include <pklbrowse/num.h>

#define HIDDEN_BIT ((uint64_t)1 << 52)
#define EXPONENT_BIAS 1075
#define EXPONENT_MAX 2047
#define POWER_LEAST (-292)
#define DIGITS_MAX 20
/* Digits are copied so many at a time, as no length is quicker than a fixed one; what is too much
 * is overwritten or not counted. */
#define COPIED 20

__extension__ typedef unsigned __int128 wide;

static const struct power {
    uint64_t high, low;
} powers[] = {
#include "float_powers.def"
};

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* floor(log2(10^k)), floor(log10(2^q)), floor(log10(3/4 * 2^q)): exact for all that occur. */
static int log2_of_power(int k)
{
    return (k * 1741647) >> 19;
}

static int log10_of(int q, bool closer)
{
    return (q * 1262611 - (closer ? 524031 : 0)) >> 22;
}

/* The upper part of g * c, whose last bit says whether anything was cut off. */
static uint64_t round_to_odd(const struct power *g, uint64_t c)
{
    wide low = (wide)g->low * c, high = (wide)g->high * c;
    uint64_t middle = (uint64_t)high, top = (uint64_t)(high >> 64), carried = (uint64_t)(low >> 64);

    middle += carried;
    top += middle < carried;
    return top | (middle > 1);
}

/* c * 2^q; `closer`: the double below is half as far away as the one above. */
static struct decimal shortest(uint64_t c, int q, bool closer)
{
    bool odd = (c & 1) != 0, low_fits, high_fits;
    int k = log10_of(q, closer), h = q + log2_of_power(-k) + 1;
    const struct power *g = &powers[-k - POWER_LEAST];
    uint64_t lower = round_to_odd(g, (4 * c - 2 + closer) << h) + odd;
    uint64_t value = round_to_odd(g, (4 * c) << h);
    uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
    uint64_t s = value / 4, tens = s / 10, middle = 4 * s + 2;

    if (s >= 10) {
        low_fits = lower <= 40 * tens;
        high_fits = 40 * tens + 40 <= upper;
        if (low_fits != high_fits)
            return (struct decimal){tens + high_fits, k + 1};
    }
    low_fits = lower <= 4 * s;
    high_fits = 4 * s + 4 <= upper;
    if (low_fits != high_fits)
        return (struct decimal){s + high_fits, k};
    return (struct decimal){s + (value > middle || (value == middle && (s & 1) != 0)), k};
}

static struct decimal decimal_of(uint64_t bits)
{
    uint64_t fraction = bits & (HIDDEN_BIT - 1), c = fraction;
    int biased = (int)(bits >> 52 & EXPONENT_MAX), q = 1 - EXPONENT_BIAS;

    if (biased > 0) {
        c |= HIDDEN_BIT;
        q = biased - EXPONENT_BIAS;
        /* An integer is its own text. */
        if (q <= 0 && q > -53 && (c & (((uint64_t)1 << -q) - 1)) == 0)
            return (struct decimal){c >> -q, 0};
    }
    return shortest(c, q, fraction == 0 && biased > 1);
}

/* Four digits, zeros among them. */
static inline void put_four(char *to, unsigned v)
{
    memcpy(to, pairs + v / 100 * 2, 2);
    memcpy(to + 2, pairs + v % 100 * 2, 2);
}

/* The digits of v end at `end`; where they begin. */
static char *digits_before(char *end, uint64_t v)
{
    unsigned rest;

    /* Eight at a time: none of these waits for another one. */
    for (; v >= 100000000; v /= 100000000) {
        unsigned part = (unsigned)(v % 100000000);

        end -= 8;
        put_four(end, part / 10000);
        put_four(end + 4, part % 10000);
    }
    for (rest = (unsigned)v; rest >= 100; rest /= 100) {
        end -= 2;
        memcpy(end, pairs + rest % 100 * 2, 2);
    }
    if (rest >= 10) {
        end -= 2;
        memcpy(end, pairs + rest * 2, 2);
    } else {
        *--end = (char)('0' + rest);
    }
    return end;
}

static size_t put_exponent(char *to, int e)
{
    char digits[DIGITS_MAX], *end = digits + DIGITS_MAX;
    char *from = digits_before(end, (uint64_t)(e < 0 ? -e : e));
    size_t n = 0;

    to[n++] = 'e';
    to[n++] = e < 0 ? '-' : '+';
    if (end - from < 2)
        to[n++] = '0';
    memcpy(to + n, from, (size_t)(end - from));
    return n + (size_t)(end - from);
}

/* n digits, the first of which stands for 10^e. */
static size_t put_decimal(char *to, const char *digits, size_t n, int e)
{
    size_t at = 0, whole;

    if (e < -4 || e >= 16) {
        to[at++] = digits[0];
        if (n > 1) {
            to[at++] = '.';
            memcpy(to + at, digits + 1, COPIED);
            at += n - 1;
        }
        return at + put_exponent(to + at, e);
    }
    if (e < 0) {
        memcpy(to, "0.0000", 6);
        at = (size_t)(1 - e);
        memcpy(to + at, digits, COPIED);
        return at + n;
    }
    whole = (size_t)e + 1;
    if (n <= whole) {
        memcpy(to, digits, COPIED);
        memset(to + n, '0', whole - n);
        memcpy(to + whole, ".0", 2);
        return whole + 2;
    }
    memcpy(to, digits, COPIED);
    to[whole] = '.';
    memcpy(to + whole + 1, digits + whole, COPIED);
    return n + 1;
}

static size_t put_word(char *to, const char *word)
{
    size_t n = strlen(word);

    memcpy(to, word, n);
    return n;
}

size_t num_put_double(char to[NUM_TEXT_MAX], double d)
{
    char digits[DIGITS_MAX + COPIED] = {0}, *end = digits + DIGITS_MAX, *from;
    struct decimal dec;
    uint64_t bits;
    size_t at = 0;

    if (isnan(d))
        return put_word(to, "nan");
    if (signbit(d))
        to[at++] = '-';
    d = fabs(d);
    if (isinf(d))
        return at + put_word(to + at, "inf");
    if (d == 0)
        return at + put_word(to + at, "0.0");
    memcpy(&bits, &d, sizeof bits);
    dec = decimal_of(bits);
    from = digits_before(end, dec.digits);
    dec.exponent += (int)(end - from) - 1;
    while (end - from > 1 && end[-1] == '0')
        end--;
    return at + put_decimal(to + at, from, (size_t)(end - from), dec.exponent);
}

/* How many decimal digits: the bits tell, but for one more or less. */
static size_t count_digits(uint64_t v)
{
    static const uint64_t tens[] = {0,
                                    10,
                                    100,
                                    1000,
                                    10000,
                                    100000,
                                    1000000,
                                    10000000,
                                    100000000,
                                    1000000000,
                                    10000000000,
                                    100000000000,
                                    1000000000000,
                                    10000000000000,
                                    100000000000000,
                                    1000000000000000,
                                    10000000000000000,
                                    100000000000000000,
                                    1000000000000000000,
                                    10000000000000000000u};
    size_t n = (size_t)(64 - __builtin_clzll(v | 1)) * 1233 >> 12;

    return n + (v >= tens[n]);
}

size_t num_put_int(char to[NUM_TEXT_MAX], int64_t v)
{
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    size_t sign = v < 0, n = sign + count_digits(rest);
    char *end = to + n;

    to[0] = '-';
    for (; rest >= 10000; rest /= 10000)
        put_four(end -= 4, (unsigned)(rest % 10000));
    if (rest >= 100) {
        memcpy(end -= 2, pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest >= 10)
        memcpy(end - 2, pairs + rest * 2, 2);
    else
        end[-1] = (char)('0' + rest);
    return n;
}

size_t num_put_count(struct num_count *c, char to[NUM_TEXT_MAX], uint64_t v)
{
    uint64_t high = v / 10000;

    if (high == 0)
        return num_put_int(to, (int64_t)v);
    if (high != c->high) {
        c->high = high;
        c->len = num_put_int(c->text, (int64_t)high);
    }
    memcpy(to, c->text, COPIED);
    put_four(to + c->len, (unsigned)(v % 10000));
    return c->len + 4;
}

void num_repr_double(struct buf *out, double d)
{
    char text[NUM_TEXT_MAX];

    buf_append(out, text, num_put_double(text, d));
}

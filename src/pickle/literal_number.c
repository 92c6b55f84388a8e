/* Numbers as Python spells them: 1_000, 0x1f, 0o17, 0b1, 1e3, .5, 3j. */
#include <math.h>
#include <string.h>

#include <pklbrowse/num.h>

#include "literal_lex.h"

bool lit_at_number(const struct lit_text *t)
{
    return lit_is_digit(lit_peek(t, 0)) || (lit_peek(t, 0) == '.' && lit_is_digit(lit_peek(t, 1)));
}

/* Digits with single underscores between them, copied without. */
static enum pb_err digits(struct lit_text *t, struct buf *out, int base)
{
    for (;;) {
        char c = lit_peek(t, 0);

        if (c == '_') {
            t->at++;
            c = lit_peek(t, 0);
            if (num_digit(c) >= base)
                return lit_bad(t, t->at, "a digit must follow the underscore");
        }
        if (num_digit(c) >= base)
            return PB_OK;
        buf_putc(out, c);
        t->at++;
    }
}

static enum pb_err number_ends(struct lit_text *t)
{
    if (lit_is_word(lit_peek(t, 0)))
        return lit_bad(t, t->at, "this does not belong in a number");
    return PB_OK;
}

static enum pb_err make_int(struct lit_text *t, const struct buf *text, int base, size_t start,
                            struct literal **out)
{
    struct literal *l = lit_new(t, PKL_INT);
    const char *p = text->data;
    size_t n = text->len;
    struct buf le;
    enum pb_err err;

    if (l == NULL)
        return PB_ENOMEM;
    while (n > 1 && *p == '0') {
        p++;
        n--;
    }
    if (base == 10 && n > NUM_DECIMAL_DIGITS)
        return lit_bad(t, start, "more than %d decimal digits: write it in hexadecimal (0x…)",
                       NUM_DECIMAL_DIGITS);
    buf_init(&le, BUF_MAX_TEXT);
    err = num_big_parse(&le, p, n, base, false, t->e);
    if (err == PB_OK)
        err = lit_take(t, l, &le);
    buf_release(&le);
    *out = l;
    return err;
}

static enum pb_err based(struct lit_text *t, int base, size_t start, struct literal **out)
{
    struct buf text;
    enum pb_err err;

    t->at += 2;
    buf_init(&text, BUF_MAX_TEXT);
    if (num_digit(lit_peek(t, lit_peek(t, 0) == '_')) >= base)
        err = lit_bad(t, t->at, "digits must follow 0%c", t->s[start + 1]);
    else
        err = digits(t, &text, base);
    if (err == PB_OK)
        err = number_ends(t);
    if (err == PB_OK)
        err = buf_status(&text, t->e);
    if (err == PB_OK)
        err = make_int(t, &text, base, start, out);
    buf_release(&text);
    return err;
}

/* .digits and e±digits, when they are there. */
static enum pb_err fraction_and_exponent(struct lit_text *t, struct buf *text, bool *real)
{
    enum pb_err err = PB_OK;
    size_t sign;

    if (lit_peek(t, 0) == '.') {
        *real = true;
        buf_putc(text, '.');
        t->at++;
        if (lit_is_digit(lit_peek(t, 0)))
            err = digits(t, text, 10);
        if (err != PB_OK)
            return err;
    }
    if (lit_peek(t, 0) != 'e' && lit_peek(t, 0) != 'E')
        return PB_OK;
    sign = lit_peek(t, 1) == '+' || lit_peek(t, 1) == '-';
    if (!lit_is_digit(lit_peek(t, 1 + sign)))
        return lit_bad(t, t->at + 1 + sign, "the exponent has no digits");
    *real = true;
    buf_append(text, t->s + t->at, 1 + sign);
    t->at += 1 + sign;
    return digits(t, text, 10);
}

static enum pb_err make_float(struct lit_text *t, const struct buf *text, bool imaginary,
                              size_t start, struct literal **out)
{
    struct literal *l = lit_new(t, PKL_FLOAT);
    double d;

    if (l == NULL)
        return PB_ENOMEM;
    if (!num_parse_double(text->data, text->len, &d))
        return lit_bad(t, start, "this number cannot be read");
    l->complex_number = imaginary;
    if (imaginary)
        l->imag = d;
    else
        l->real = d;
    *out = l;
    return PB_OK;
}

static enum pb_err decimal(struct lit_text *t, struct buf *text, size_t start, struct literal **out)
{
    bool real = false, imaginary;
    enum pb_err err = PB_OK;

    if (lit_is_digit(lit_peek(t, 0)))
        err = digits(t, text, 10);
    if (err == PB_OK)
        err = fraction_and_exponent(t, text, &real);
    if (err != PB_OK)
        return err;
    imaginary = lit_peek(t, 0) == 'j' || lit_peek(t, 0) == 'J';
    t->at += imaginary;
    err = number_ends(t);
    if (err == PB_OK)
        err = buf_status(text, t->e);
    if (err != PB_OK)
        return err;
    if (real || imaginary)
        return make_float(t, text, imaginary, start, out);
    if (text->data[0] == '0' && strspn(text->data, "0") < text->len)
        return lit_bad(t, start, "leading zeros: write 0o for octal, or leave them out");
    return make_int(t, text, 10, start, out);
}

enum pb_err lit_number(struct lit_text *t, struct literal **out)
{
    size_t start = t->at;
    struct buf text;
    enum pb_err err;

    if (lit_peek(t, 0) == '0') {
        switch (lit_peek(t, 1)) {
        case 'x':
        case 'X':
            return based(t, 16, start, out);
        case 'o':
        case 'O':
            return based(t, 8, start, out);
        case 'b':
        case 'B':
            return based(t, 2, start, out);
        default:
            break;
        }
    }
    buf_init(&text, BUF_MAX_TEXT);
    err = decimal(t, &text, start, out);
    buf_release(&text);
    return err;
}

/* Two's complement, little-endian: all bits turned, plus one; one byte more when the sign needs it.
 */
static enum pb_err negate_int(struct lit_text *t, struct literal *l)
{
    unsigned carry = 1;
    struct buf le;
    enum pb_err err;

    buf_init(&le, BUF_MAX_TEXT);
    for (size_t i = 0; i < l->len; i++) {
        carry += (unsigned char)~(unsigned char)l->data[i];
        buf_putc(&le, (char)(carry & 0xff));
        carry >>= 8;
    }
    /* The operand is an unsigned number, so its top bit is clear and the result is negative or 0.
     */
    if (le.len > 1 && (unsigned char)le.data[le.len - 1] == 0xff &&
        ((unsigned char)le.data[le.len - 2] & 0x80) != 0)
        buf_truncate(&le, le.len - 1);
    err = buf_status(&le, t->e);
    if (err == PB_OK)
        err = lit_take(t, l, &le);
    buf_release(&le);
    return err;
}

enum pb_err lit_negate(struct lit_text *t, struct literal *l)
{
    if (l->kind == PKL_INT)
        return negate_int(t, l);
    l->real = -l->real;
    if (l->complex_number)
        l->imag = -l->imag;
    return PB_OK;
}

/* float(int), rounded half to even as CPython does; false when it is too large. */
static bool int_to_double(const struct literal *l, double *out)
{
    const uint8_t *le = (const uint8_t *)l->data;
    size_t bits = num_big_bits(le, l->len);
    bool negative = l->len > 0 && (le[l->len - 1] & 0x80) != 0;
    uint8_t magnitude[130];
    unsigned carry = negative;
    uint64_t top = 0;
    bool rest = false;
    double d;

    if (bits > 1024)
        return false;
    for (size_t i = 0; i < sizeof magnitude; i++) {
        uint8_t byte = i < l->len ? le[i] : negative ? 0xff : 0;

        carry += negative ? (uint8_t)~byte : byte;
        magnitude[i] = (uint8_t)carry;
        carry >>= 8;
    }
    /* The upper 62 bits exactly and whether anything is below them: enough to round once. */
    for (size_t i = bits; i-- > 0;) {
        unsigned bit = ((unsigned)magnitude[i / 8] >> (i % 8)) & 1u;

        if (bits - i <= 62)
            top = top << 1 | bit;
        else
            rest = rest || bit != 0;
    }
    d = (double)(top << 1 | (uint64_t)rest);
    d = bits <= 62 ? ldexp(d, -1) : ldexp(d, (int)bits - 63);
    if (isinf(d))
        return false;
    *out = negative ? -d : d;
    return true;
}

enum pb_err lit_complex(struct lit_text *t, size_t at, struct literal *left,
                        const struct literal *right, bool minus)
{
    double real = left->real;

    if (left->kind == PKL_INT && !int_to_double(left, &real))
        return lit_bad(t, at, "this int is too large for a complex number");
    left->kind = PKL_FLOAT;
    left->complex_number = true;
    left->data = NULL;
    left->len = 0;
    /* As the interpreter computes it, zeros' signs included. */
    left->real = minus ? real - right->real : real + right->real;
    left->imag = minus ? 0.0 - right->imag : 0.0 + right->imag;
    return PB_OK;
}

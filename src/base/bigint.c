/* Integers of any size.  Two's complement and powers of two are ours; only decimal is OpenSSL's. */
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

/* 2^14285 has 4301 digits. */
#define DECIMAL_BITS 14285

static bool is_negative(const uint8_t *le, size_t n)
{
    return n > 0 && (le[n - 1] & 0x80) != 0;
}

/* Byte i of the absolute value, one after another from 0; *carry begins as `negative`. */
static uint8_t magnitude_byte(uint8_t byte, bool negative, unsigned *carry)
{
    unsigned v = (negative ? (uint8_t)~byte : byte) + *carry;

    *carry = v >> 8;
    return (uint8_t)v;
}

/* The absolute value, little-endian, n bytes (which is enough: -128 gives 0x80). */
static uint8_t *magnitude(const uint8_t *le, size_t n)
{
    bool negative = is_negative(le, n);
    unsigned carry = negative;
    uint8_t *m = mem_realloc(NULL, n, 1);

    for (size_t i = 0; m != NULL && i < n; i++)
        m[i] = magnitude_byte(le[i], negative, &carry);
    return m;
}

size_t num_big_bits(const uint8_t *le, size_t n)
{
    bool negative = is_negative(le, n);
    unsigned carry = negative;
    size_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t byte = magnitude_byte(le[i], negative, &carry);

        if (byte != 0)
            bits = i * 8 + (32 - (size_t)__builtin_clz(byte));
    }
    return bits;
}

bool num_big_fits_i64(const uint8_t *le, size_t n, int64_t *out)
{
    uint8_t fill = is_negative(le, n) ? 0xff : 0;
    uint64_t v = fill != 0 ? UINT64_MAX : 0;

    while (n > 8 && le[n - 1] == fill && (le[n - 2] & 0x80) == (fill & 0x80))
        n--;
    if (n > 8)
        return false;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | le[i];
    *out = (int64_t)v;
    return true;
}

static enum pb_err too_many_digits(struct error *e)
{
    return error_set(e, PB_ELIMIT, "an integer of more than %d decimal digits", NUM_DECIMAL_DIGITS);
}

enum pb_err num_big_to_decimal(struct buf *out, const uint8_t *le, size_t n, struct error *e)
{
    uint8_t *m = NULL;
    BIGNUM *bn = NULL;
    char *text = NULL;
    enum pb_err err;
    int64_t small;

    if (num_big_fits_i64(le, n, &small)) {
        buf_printf(out, "%lld", (long long)small);
        return buf_status(out, e);
    }
    if (num_big_bits(le, n) > DECIMAL_BITS)
        return too_many_digits(e);
    while (n > 1 && le[n - 1] == (is_negative(le, n - 1) ? 0xff : 0))
        n--; /* so that n is small and fits an int */
    m = magnitude(le, n);
    bn = m != NULL ? BN_lebin2bn(m, (int)n, NULL) : NULL;
    text = bn != NULL ? BN_bn2dec(bn) : NULL;
    if (text == NULL) {
        err = error_nomem(e);
    } else if (strlen(text) > NUM_DECIMAL_DIGITS) {
        err = too_many_digits(e);
    } else {
        if (is_negative(le, n))
            buf_putc(out, '-');
        buf_puts(out, text);
        err = buf_status(out, e);
    }
    OPENSSL_free(text);
    BN_free(bn);
    free(m);
    return err;
}

enum pb_err num_big_to_hex(struct buf *out, const uint8_t *le, size_t n, struct error *e)
{
    static const char hex[] = "0123456789abcdef";
    size_t digits = (num_big_bits(le, n) + 3) / 4;
    uint8_t *m = magnitude(le, n);

    if (m == NULL)
        return error_nomem(e);
    buf_puts(out, is_negative(le, n) ? "-0x" : "0x");
    if (digits == 0)
        buf_putc(out, '0');
    for (size_t i = digits; i-- > 0 && out->failed == PB_OK;)
        buf_putc(out, hex[m[i / 2] >> (i % 2 * 4) & 0xf]);
    free(m);
    return buf_status(out, e);
}

/* Digits of base 2^shift, the last one lowest.  m has room for all of their bits. */
static void bits_of_digits(uint8_t *m, const char *digits, size_t n, unsigned shift)
{
    size_t bit = 0;

    for (size_t i = n; i-- > 0; bit += shift) {
        unsigned v = (unsigned)num_digit(digits[i]) << bit % 8;

        m[bit / 8] = (uint8_t)(m[bit / 8] | v);
        if (v > 0xff)
            m[bit / 8 + 1] = (uint8_t)(m[bit / 8 + 1] | v >> 8);
    }
}

/* Absolute value (little-endian, n bytes) as minimal two's complement. */
static void put_twos(struct buf *out, uint8_t *m, size_t n, bool negative)
{
    unsigned carry = negative;

    while (n > 0 && m[n - 1] == 0)
        n--;
    for (size_t i = 0; negative && i < n; i++)
        m[i] = magnitude_byte(m[i], true, &carry);
    buf_append(out, m, n);
    /* The sign must show in the highest bit. */
    if (n > 0 && negative != ((m[n - 1] & 0x80) != 0))
        buf_putc(out, (char)(negative ? 0xff : 0));
}

static enum pb_err parse_decimal(struct buf *out, const char *digits, size_t n, bool negative,
                                 struct error *e)
{
    size_t size = n / 2 + 2; /* a digit is less than four bits */
    uint8_t *m = mem_alloc(size);
    char *copy = mem_strndup(digits, n);
    BIGNUM *bn = NULL;
    enum pb_err err = PB_OK;

    if (m == NULL || copy == NULL || BN_dec2bn(&bn, copy) == 0 ||
        BN_bn2lebinpad(bn, m, (int)size) < 0) {
        err = error_nomem(e);
    } else {
        put_twos(out, m, size, negative);
        err = buf_status(out, e);
    }
    BN_free(bn);
    free(copy);
    free(m);
    return err;
}

enum pb_err num_big_parse_stored(struct buf *out_le, const char *digits, size_t n, bool negative,
                                 struct error *e)
{
    if (n > NUM_STORED_DIGITS)
        return error_set(e, PB_ELIMIT, "an integer of more than %d decimal digits",
                         NUM_STORED_DIGITS);
    return parse_decimal(out_le, digits, n, negative, e);
}

enum pb_err num_big_parse(struct buf *out_le, const char *digits, size_t n, int base, bool negative,
                          struct error *e)
{
    unsigned shift = base == 16 ? 4 : base == 8 ? 3 : 1;
    uint8_t *m;

    if (n == 0)
        return error_set(e, PB_EUSAGE, "a number without digits");
    for (size_t i = 0; i < n; i++) {
        if (num_digit(digits[i]) >= base)
            return error_set(e, PB_EUSAGE, "not a number of base %d", base);
    }
    if (base == 10)
        return n > NUM_DECIMAL_DIGITS ? too_many_digits(e)
                                      : parse_decimal(out_le, digits, n, negative, e);
    m = n < SIZE_MAX / 8 ? mem_alloc(n * shift / 8 + 2) : NULL;
    if (m == NULL)
        return error_nomem(e);
    bits_of_digits(m, digits, n, shift);
    put_twos(out_le, m, n * shift / 8 + 2, negative);
    free(m);
    return buf_status(out_le, e);
}

enum pb_err num_big_coprime(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                            bool *coprime, struct error *e)
{
    uint8_t *ma, *mb;
    BIGNUM *x = NULL, *y = NULL, *gcd = BN_new();
    BN_CTX *ctx = BN_CTX_new();
    enum pb_err err = PB_OK;

    *coprime = false;
    if (a_len > NUM_DECIMAL_DIGITS || b_len > NUM_DECIMAL_DIGITS) {
        BN_free(gcd);
        BN_CTX_free(ctx);
        return too_many_digits(e);
    }
    ma = magnitude(a, a_len);
    mb = magnitude(b, b_len);
    if (ma != NULL && mb != NULL) {
        x = BN_lebin2bn(ma, (int)a_len, NULL);
        y = BN_lebin2bn(mb, (int)b_len, NULL);
    }
    if (x == NULL || y == NULL || gcd == NULL || ctx == NULL || BN_gcd(gcd, x, y, ctx) != 1)
        err = error_nomem(e);
    else
        *coprime = BN_is_one(gcd);
    BN_free(x);
    BN_free(y);
    BN_free(gcd);
    BN_CTX_free(ctx);
    free(ma);
    free(mb);
    return err;
}

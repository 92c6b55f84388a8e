/* floor 0: base */
/*
 * Checked numbers: arithmetic that says when it overflows, parsing that takes the whole text or
 * nothing and never looks at the locale, Python's spelling of a float, integers of any size.
 */
#ifndef PKLBROWSE_NUM_H
#define PKLBROWSE_NUM_H

#include <pklbrowse/buf.h>

bool num_add(uint64_t a, uint64_t b, uint64_t *out); /* false: overflow */
bool num_mul(uint64_t a, uint64_t b, uint64_t *out);

int num_digit(char c); /* 0 to 15, of either case; 99: it is no digit */

bool num_parse_u64(const char *s, size_t n, uint64_t *out); /* decimal digits only */
bool num_parse_i64(const char *s, size_t n, int64_t *out);  /* optional sign */
/* What float() takes less blanks and underscores, whole, in any locale; what is too large is inf.
 */
bool num_parse_double(const char *s, size_t n, double *out);

/* repr(float): shortest text that reads back the same ('0.1', '1e-05', '1e+16', 'inf', 'nan',
 * '-0.0'). */
void num_repr_double(struct buf *out, double d);
/* The same, and an int in decimal, into memory; returns its length.  No NUL is added. */
#define NUM_TEXT_MAX 48u
size_t num_put_double(char to[NUM_TEXT_MAX], double d);
size_t num_put_int(char to[NUM_TEXT_MAX], int64_t v);
/* The same for numbers that grow little by little: the digits in front stay as they are.  All zero
 * at first. */
struct num_count {
    uint64_t high;
    size_t len;
    char text[NUM_TEXT_MAX];
};
size_t num_put_count(struct num_count *c, char to[NUM_TEXT_MAX], uint64_t v);

/* Integers of any size as pickles store them: two's complement, little-endian, any length (0 bytes
 * is 0). Decimal conversion is quadratic: above NUM_DECIMAL_DIGITS digits (Python's limit
 * as well) it is PB_ELIMIT in both directions, and callers use hex. */
#define NUM_DECIMAL_DIGITS 4300
enum pb_err num_big_to_decimal(struct buf *out, const uint8_t *le, size_t n,
                               struct error *e) PB_CHECK;
enum pb_err num_big_to_hex(struct buf *out, const uint8_t *le, size_t n,
                           struct error *e) PB_CHECK; /* -0x1f */
/* Digits of base 2, 8, 10 or 16 (no prefix, no underscores) into minimal two's complement.
 * PB_EUSAGE: that is no number. */
enum pb_err num_big_parse(struct buf *out_le, const char *digits, size_t n, int base, bool negative,
                          struct error *e) PB_CHECK;
/* Decimal digits that stand in a file, where older Pythons knew no limit: some tens of ms at most.
 */
#define NUM_STORED_DIGITS 200000
enum pb_err num_big_parse_stored(struct buf *out_le, const char *digits, size_t n, bool negative,
                                 struct error *e) PB_CHECK;
/*
 * Any longer one to decimal, a step (some tens of microseconds) at a time.  Costs n log^2 n.  Above
 * NUM_DECIMAL_BYTES it is PB_ELIMIT.  The bytes are copied; up to thirty times as much memory is
 * held meanwhile.
 */
#define NUM_DECIMAL_BYTES (16u << 20)
struct num_decimal;
enum pb_err num_decimal_new(const uint8_t *le, size_t n, struct num_decimal **out,
                            struct error *e) PB_CHECK;
bool num_decimal_step(struct num_decimal *d); /* true: it is done */
unsigned num_decimal_percent(const struct num_decimal *d);
char *num_decimal_take(struct num_decimal *d, size_t *len); /* once done; free() it; no NUL */
void num_decimal_free(struct num_decimal *d);               /* NULL is fine */
size_t num_big_bits(const uint8_t *le, size_t n);           /* int.bit_length() */
/* Whether two of them have no common divisor; PB_ELIMIT for very long ones. */
enum pb_err num_big_coprime(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                            bool *coprime, struct error *e) PB_CHECK;
bool num_big_fits_i64(const uint8_t *le, size_t n, int64_t *out);

#endif

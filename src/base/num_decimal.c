/*
 * A long integer to decimal, a little at a time.
 *
 * From the bottom up, with products of decimal numbers alone: pieces of 1,024 bits are converted
 * one by one; two neighbours become one of twice the bits, high * 2^bits + low, where 2^bits is
 * held in decimal as well and squared for the next level.  Products are convolutions modulo the
 * prime 2^64 - 2^32 + 1, in which roots of unity of every order needed exist; limbs of six digits
 * keep every sum of products below it.  So n digits cost about n log^2 n, and all of it can be left
 * and taken up again between any few thousand operations.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

#define PRIME 0xffffffff00000001u
#define GENERATOR 7u
#define ORDERS 32 /* of roots: 2^0 to 2^31 */
#define LIMB 1000000u
#define LIMB_DIGITS 6
#define PIECE_BYTES 128u /* of the integer: 309 digits, 52 limbs */
#define PIECE_LIMBS 64u  /* room for them */
#define STRIDE 8192u     /* operations a step */

__extension__ typedef unsigned __int128 wide;

_Static_assert((uint64_t)NUM_DECIMAL_BYTES / PIECE_BYTES * PIECE_LIMBS < PRIME / LIMB / LIMB,
               "sums of products stay below the prime");

enum stage {
    AT_PIECES, /* 1,024 bits each to decimal */
    AT_POWER,  /* 2^bits of a piece is loaded and transformed */
    AT_POWER_FORWARD,
    AT_UPPER, /* so is the upper half of a pair */
    AT_FORWARD,
    AT_SQUARE, /* the power's transform is copied */
    AT_TIMES,
    AT_BACK,
    AT_CARRY, /* a pair is one */
    AT_TEXT,
    AT_END
};

struct transform {
    uint64_t *data;
    size_t n, half, block, i;
    uint64_t w;
    unsigned order; /* log2 of twice `half` */
    bool back;
};

struct num_decimal {
    enum stage stage;
    uint8_t *bytes;   /* absolute value, padded to whole pieces */
    uint32_t *digits; /* limbs of all pieces, lowest first */
    uint32_t *power;  /* 2^bits of a piece of this level */
    uint64_t *a, *b;  /* transforms: of what is multiplied, of the power */
    size_t pieces;    /* of this level */
    size_t limbs;     /* room of one of them */
    size_t pair;      /* upper half of the pair at work; SIZE_MAX: the power itself */
    size_t at;
    uint64_t carry;
    struct transform t;
    uint64_t root[ORDERS], inverse[ORDERS];
    char *text;
    size_t len;
    bool negative;
    uint64_t done, total;
};

static uint64_t add(uint64_t x, uint64_t y)
{
    uint64_t sum = x + y;

    return sum < x || sum >= PRIME ? sum - PRIME : sum;
}

static uint64_t sub(uint64_t x, uint64_t y)
{
    return x >= y ? x - y : x + (PRIME - y);
}

/* 2^64 is 2^32 - 1 and 2^96 is -1. */
static uint64_t mul(uint64_t x, uint64_t y)
{
    wide product = (wide)x * y;
    uint64_t low = (uint64_t)product, high = (uint64_t)(product >> 64);

    low = low >= PRIME ? low - PRIME : low;
    return add(sub(low, high >> 32), (high & 0xffffffffu) * 0xffffffffu);
}

static uint64_t power_of(uint64_t x, uint64_t n)
{
    uint64_t r = 1;

    for (; n > 0; n >>= 1, x = mul(x, x)) {
        if ((n & 1) != 0)
            r = mul(r, x);
    }
    return r;
}

/* --- the transform: forward leaves the order bit-reversed, back takes it so ------------------- */

static unsigned order_of(size_t n)
{
    return (unsigned)__builtin_ctzll((unsigned long long)n);
}

static void transform_begin(struct num_decimal *d, uint64_t *data, bool back)
{
    size_t n = 2 * d->limbs;

    d->t = (struct transform){.data = data, .n = n, .half = back ? 1 : n / 2, .w = 1};
    d->t.back = back;
    d->t.order = back ? 1 : order_of(n);
}

static void butterflies(struct num_decimal *d, size_t count)
{
    uint64_t *p = d->t.data + d->t.block + d->t.i, *q = p + d->t.half, w = d->t.w;
    uint64_t root = d->t.back ? d->inverse[d->t.order] : d->root[d->t.order];

    for (size_t i = 0; i < count; i++, w = mul(w, root)) {
        uint64_t x = p[i], y = d->t.back ? mul(q[i], w) : q[i];

        p[i] = add(x, y);
        q[i] = d->t.back ? sub(x, y) : mul(sub(x, y), w);
    }
    d->t.w = w;
    d->t.i += count;
}

/* True: the transform is complete. */
static bool transform_step(struct num_decimal *d)
{
    struct transform *t = &d->t;

    for (size_t budget = STRIDE; budget > 0;) {
        size_t left = t->half - t->i, count = left < budget ? left : budget;

        butterflies(d, count);
        budget -= count;
        if (t->i < t->half)
            continue;
        t->i = 0;
        t->w = 1;
        t->block += 2 * t->half;
        if (t->block < t->n)
            continue;
        t->block = 0;
        d->done += t->n / 2;
        if (t->half == (t->back ? t->n / 2 : 1))
            return true;
        t->half = t->back ? t->half * 2 : t->half / 2;
        t->order += t->back ? 1u : -1u;
    }
    return false;
}

/* --- pieces --------------------------------------------------------------------------------- */

static void go(struct num_decimal *d, enum stage stage)
{
    d->stage = stage;
    d->at = 0;
    d->carry = 0;
}

static size_t stride_end(size_t at, size_t n)
{
    return n - at < STRIDE ? n : at + STRIDE;
}

static void load_step(struct num_decimal *d, uint64_t *to, const uint32_t *from, enum stage next)
{
    size_t n = 2 * d->limbs;

    for (size_t end = stride_end(d->at, n); d->at < end; d->at++)
        to[d->at] = d->at < d->limbs ? from[d->at] : 0;
    if (d->at < n)
        return;
    transform_begin(d, to, false);
    go(d, next);
}

/* The power for this level, or the text when one piece is left. */
static void begin_level(struct num_decimal *d)
{
    go(d, d->pieces == 1 ? AT_TEXT : AT_POWER);
}

static void end_level(struct num_decimal *d)
{
    d->pieces = (d->pieces + 1) / 2;
    d->limbs *= 2;
    begin_level(d);
}

/* The next pair; behind the last one the square of the power, unless one piece is left. */
static void next_pair(struct num_decimal *d, size_t upper)
{
    d->pair = upper;
    if (upper < d->pieces) {
        go(d, AT_UPPER);
    } else if (d->pieces > 2) {
        d->pair = SIZE_MAX;
        go(d, AT_SQUARE);
    } else {
        end_level(d);
    }
}

/* Little-endian bytes to limbs, two bytes at a time. */
static void convert_piece(struct num_decimal *d)
{
    const uint8_t *from = d->bytes + d->at * PIECE_BYTES;
    uint32_t *to = d->digits + d->at * PIECE_LIMBS;
    size_t used = 0;

    for (size_t k = PIECE_BYTES; k > 0; k -= 2) {
        uint64_t carry = (uint64_t)from[k - 1] << 8 | from[k - 2];
        size_t j = 0;

        for (; j < used || carry > 0; j++) {
            carry += (uint64_t)to[j] << 16;
            to[j] = (uint32_t)(carry % LIMB);
            carry /= LIMB;
        }
        used = j > used ? j : used;
    }
}

static void pieces_step(struct num_decimal *d)
{
    convert_piece(d);
    if (++d->at == d->pieces)
        begin_level(d);
}

static void square_step(struct num_decimal *d)
{
    size_t n = 2 * d->limbs, end = stride_end(d->at, n);

    memcpy(d->a + d->at, d->b + d->at, (end - d->at) * sizeof *d->a);
    d->at = end;
    if (end == n)
        go(d, AT_TIMES);
}

static void times_step(struct num_decimal *d)
{
    size_t n = 2 * d->limbs;

    for (size_t end = stride_end(d->at, n); d->at < end; d->at++)
        d->a[d->at] = mul(d->a[d->at], d->b[d->at]);
    if (d->at < n)
        return;
    transform_begin(d, d->a, true);
    go(d, AT_BACK);
}

/* The product, divided by the length of the transform, becomes limbs again; what stands in the
 * lower half of the pair is added. */
static void carry_step(struct num_decimal *d)
{
    bool square = d->pair == SIZE_MAX;
    uint32_t *to = square ? d->power : d->digits + (d->pair - 1) * d->limbs;
    size_t n = 2 * d->limbs;
    uint64_t scale = power_of(n, PRIME - 2);

    for (size_t end = stride_end(d->at, n); d->at < end; d->at++) {
        uint64_t v = mul(d->a[d->at], scale);

        d->carry += v % LIMB + (!square && d->at < d->limbs ? to[d->at] : 0);
        to[d->at] = (uint32_t)(d->carry % LIMB);
        d->carry = d->carry / LIMB + v / LIMB;
    }
    if (d->at < n)
        return;
    if (square)
        end_level(d);
    else
        next_pair(d, d->pair + 2);
}

/* Limbs to digits, from the highest one down; at counts those that are done. */
static void text_step(struct num_decimal *d)
{
    size_t n = d->limbs;
    char six[LIMB_DIGITS];

    for (size_t end = stride_end(d->at, n); d->at < end; d->at++) {
        uint32_t v = d->digits[n - 1 - d->at];
        size_t skip = 0;

        for (size_t i = LIMB_DIGITS; i > 0; i--, v /= 10)
            six[i - 1] = (char)('0' + v % 10);
        while (d->len == d->negative && skip < LIMB_DIGITS && six[skip] == '0')
            skip++;
        memcpy(d->text + d->len, six + skip, LIMB_DIGITS - skip);
        d->len += LIMB_DIGITS - skip;
    }
    if (d->at < n)
        return;
    if (d->len == d->negative)
        d->text[d->len++] = '0';
    go(d, AT_END);
}

bool num_decimal_step(struct num_decimal *d)
{
    switch (d->stage) {
    case AT_PIECES:
        pieces_step(d);
        break;
    case AT_POWER:
        load_step(d, d->b, d->power, AT_POWER_FORWARD);
        break;
    case AT_POWER_FORWARD:
        if (transform_step(d))
            next_pair(d, 1);
        break;
    case AT_UPPER:
        load_step(d, d->a, d->digits + d->pair * d->limbs, AT_FORWARD);
        break;
    case AT_SQUARE:
        square_step(d);
        break;
    case AT_FORWARD:
        if (transform_step(d))
            go(d, AT_TIMES);
        break;
    case AT_TIMES:
        times_step(d);
        break;
    case AT_BACK:
        if (transform_step(d))
            go(d, AT_CARRY);
        break;
    case AT_CARRY:
        carry_step(d);
        break;
    case AT_TEXT:
        text_step(d);
        break;
    case AT_END:
        break;
    }
    return d->stage == AT_END;
}

unsigned num_decimal_percent(const struct num_decimal *d)
{
    return d->stage == AT_END ? 100 : (unsigned)(d->done * 99 / d->total);
}

char *num_decimal_take(struct num_decimal *d, size_t *len)
{
    char *text = d->text;

    *len = d->len;
    d->text = NULL;
    return text;
}

void num_decimal_free(struct num_decimal *d)
{
    if (d == NULL)
        return;
    free(d->bytes);
    free(d->digits);
    free(d->power);
    free(d->a);
    free(d->b);
    free(d->text);
    free(d);
}

/* --- the beginning -------------------------------------------------------------------------- */

/* Butterflies of all levels. */
static uint64_t work_of(size_t pieces)
{
    uint64_t work = 1;

    for (size_t limbs = PIECE_LIMBS; pieces > 1; pieces = (pieces + 1) / 2, limbs *= 2)
        work += (pieces / 2 * 2 + 2) * (uint64_t)limbs * order_of(2 * limbs);
    return work;
}

static void find_roots(struct num_decimal *d)
{
    for (unsigned i = 0; i < ORDERS; i++) {
        d->root[i] = power_of(GENERATOR, (PRIME - 1) >> i);
        d->inverse[i] = power_of(d->root[i], PRIME - 2);
    }
}

/* 2^1024, from 1 shifted 64 times by 16 bits. */
static void first_power(uint32_t *to)
{
    to[0] = 1;
    for (unsigned k = 0; k < PIECE_BYTES / 2; k++) {
        uint64_t carry = 0;

        for (size_t j = 0; j < PIECE_LIMBS; j++) {
            carry += (uint64_t)to[j] << 16;
            to[j] = (uint32_t)(carry % LIMB);
            carry /= LIMB;
        }
    }
}

static void absolute(uint8_t *to, const uint8_t *le, size_t n, bool negative)
{
    unsigned carry = negative;

    for (size_t i = 0; i < n; i++) {
        carry += negative ? (uint8_t)~le[i] : le[i];
        to[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

enum pb_err num_decimal_new(const uint8_t *le, size_t n, struct num_decimal **out, struct error *e)
{
    struct num_decimal *d;
    size_t room = PIECE_LIMBS;

    *out = NULL;
    if (n > NUM_DECIMAL_BYTES)
        return error_set(e, PB_ELIMIT, "an integer of more than %u MiB is not made decimal",
                         NUM_DECIMAL_BYTES >> 20);
    d = mem_alloc(sizeof *d);
    if (d == NULL)
        return error_nomem(e);
    d->negative = n > 0 && (le[n - 1] & 0x80) != 0;
    d->pieces = n > 0 ? (n + PIECE_BYTES - 1) / PIECE_BYTES : 1;
    d->limbs = PIECE_LIMBS;
    d->total = work_of(d->pieces);
    while (room < d->pieces * PIECE_LIMBS)
        room *= 2;
    d->bytes = mem_alloc(d->pieces * PIECE_BYTES);
    d->digits = mem_alloc(room * sizeof *d->digits);
    d->power = mem_alloc(room * sizeof *d->power);
    d->a = mem_alloc(room * sizeof *d->a);
    d->b = mem_alloc(room * sizeof *d->b);
    d->text = mem_alloc(room * LIMB_DIGITS + 2);
    if (d->bytes == NULL || d->digits == NULL || d->power == NULL || d->a == NULL || d->b == NULL ||
        d->text == NULL) {
        num_decimal_free(d);
        return error_nomem(e);
    }
    absolute(d->bytes, le, n, d->negative);
    first_power(d->power);
    find_roots(d);
    if (d->negative)
        d->text[d->len++] = '-';
    *out = d;
    return PB_OK;
}

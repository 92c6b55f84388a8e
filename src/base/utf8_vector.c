/*
 * The method of Keiser and Lemire ("Validating UTF-8 in less than one instruction per byte"): three
 * look-ups by half bytes, of a byte and the one before it, name every fault that two bytes can
 * make; what third and fourth bytes must be follows from the leads two and three places before.
 */
#include "utf8_vector.h"

#ifdef __x86_64__

#include <string.h>
#include <immintrin.h>

#define VECTOR __attribute__((target("ssse3")))
#define WIDE __attribute__((target("avx2")))

/* Faults of two bytes in a row, by bits. */
enum {
    TOO_SHORT = 1 << 0,  /* a lead, and no tail behind it */
    TOO_LONG = 1 << 1,   /* ASCII, and a tail behind it */
    OVERLONG_3 = 1 << 2, /* e0 80..9f */
    TOO_LARGE = 1 << 3,  /* f4 90.., f5.. */
    SURROGATE = 1 << 4,  /* ed a0.. */
    OVERLONG_2 = 1 << 5, /* c0, c1 */
    OVERLONG_4 = 1 << 6, /* f0 80..8f; of f5 and above too */
    TWO_TAILS = 1 << 7,  /* wrong unless a lead stands before them */
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_TAILS
};
#define TAIL_8 (TOO_LONG | OVERLONG_2 | TWO_TAILS | OVERLONG_3 | OVERLONG_4)
#define TAIL_9 (TOO_LONG | OVERLONG_2 | TWO_TAILS | OVERLONG_3 | TOO_LARGE)
#define TAIL_A (TOO_LONG | OVERLONG_2 | TWO_TAILS | SURROGATE | TOO_LARGE)

static const unsigned char first_high[16] = {
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TWO_TAILS,
    TWO_TAILS,
    TWO_TAILS,
    TWO_TAILS,
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | OVERLONG_4,
};
static const unsigned char first_low[16] = {
    ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
    ANY_LOW | OVERLONG_2,
    ANY_LOW,
    ANY_LOW,
    ANY_LOW | TOO_LARGE,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4 | SURROGATE,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
};
static const unsigned char second_high[16] = {
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TAIL_8,    TAIL_9,    TAIL_A,    TAIL_A,    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
};

/* To move the last bytes of a vector to its front, with zeros behind them. */
static const unsigned char to_front[32] = {
    0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,
    128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
};

static const unsigned char keep_first[64] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

struct tables {
    __m128i high, low, second;
    __m128i ignored; /* faults that are none */
};

bool utf8_vector_works(void)
{
    return __builtin_cpu_supports("ssse3");
}

VECTOR static inline __m128i load(const unsigned char *p)
{
    __m128i v;

    memcpy(&v, p, sizeof v);
    return v;
}

VECTOR static inline struct tables load_tables(bool surrogates)
{
    struct tables t = {load(first_high), load(first_low), load(second_high),
                       _mm_set1_epi8(surrogates ? (char)SURROGATE : 0)};

    return t;
}

/* Not zero where something is wrong with v behind `before`. */
VECTOR static inline __m128i faults(const struct tables *t, __m128i before, __m128i v)
{
    const __m128i half = _mm_set1_epi8(15);
    __m128i prev1 = _mm_alignr_epi8(v, before, 15);
    __m128i prev2 = _mm_alignr_epi8(v, before, 14);
    __m128i prev3 = _mm_alignr_epi8(v, before, 13);
    __m128i high = _mm_shuffle_epi8(t->high, _mm_and_si128(_mm_srli_epi16(prev1, 4), half));
    __m128i low = _mm_shuffle_epi8(t->low, _mm_and_si128(prev1, half));
    __m128i second = _mm_shuffle_epi8(t->second, _mm_and_si128(_mm_srli_epi16(v, 4), half));
    __m128i pairs = _mm_and_si128(_mm_and_si128(high, low), second);
    /* The top bit is set where a lead says that this byte is a third or a fourth one. */
    __m128i third = _mm_subs_epu8(prev2, _mm_set1_epi8((char)(0xe0 - 0x80)));
    __m128i fourth = _mm_subs_epu8(prev3, _mm_set1_epi8((char)(0xf0 - 0x80)));
    __m128i must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)0x80));

    return _mm_xor_si128(_mm_andnot_si128(t->ignored, pairs), must);
}

VECTOR static inline bool any(__m128i v)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) != 0xffff;
}

/* The last n bytes of s, fewer than 16, with zeros behind them; `all` is what stands before as
 * well. */
VECTOR static inline __m128i load_end(const unsigned char *s, size_t n, size_t all)
{
    unsigned char bytes[16] = {0};

    if (all >= 16)
        return _mm_shuffle_epi8(load(s + n - 16), load(to_front + 16 - n));
    memcpy(bytes, s, n);
    return load(bytes);
}

/* Is [s + at, s + n) right, behind `before`? */
VECTOR static inline bool end_is_right(const struct tables *t, __m128i before,
                                       const unsigned char *s, size_t at, size_t n)
{
    __m128i wrong = _mm_setzero_si128(), v;

    for (; n - at >= 16; at += 16) {
        v = load(s + at);
        wrong = _mm_or_si128(wrong, faults(t, before, v));
        before = v;
    }
    v = n > at ? load_end(s + at, n - at, n) : _mm_setzero_si128();
    wrong = _mm_or_si128(wrong, faults(t, before, v));
    return !any(wrong);
}

/* The beginning of the character that is cut at `at`, or `at`. */
static size_t back_to_character(const unsigned char *s, size_t at)
{
    for (size_t k = 1; k <= 3 && k <= at; k++) {
        unsigned char c = s[at - k];

        if (c >= 0xc0)
            return k < (c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u) ? at - k : at;
        if (c < 0x80)
            break;
    }
    return at;
}

/* From `at` on, in front of which all is right; the character that `at` cuts, if it does, counts.
 */
VECTOR static size_t check_from(const unsigned char *s, size_t at, size_t n, bool surrogates)
{
    struct tables t = load_tables(surrogates);
    __m128i before = at >= 16 ? load(s + at - 16) : _mm_setzero_si128();

    for (; n - at >= 64; at += 64) {
        __m128i a = load(s + at), b = load(s + at + 16);
        __m128i c = load(s + at + 32), d = load(s + at + 48);
        __m128i wrong = faults(&t, before, a);

        if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) != 0) {
            wrong = _mm_or_si128(wrong, faults(&t, a, b));
            wrong = _mm_or_si128(wrong, faults(&t, b, c));
            wrong = _mm_or_si128(wrong, faults(&t, c, d));
        }
        if (any(wrong))
            return back_to_character(s, at);
        before = d;
    }
    return end_is_right(&t, before, s, at, n) ? n : back_to_character(s, at);
}

VECTOR static bool whole(const unsigned char *s, size_t n)
{
    struct tables t = load_tables(true);
    __m128i before = _mm_setzero_si128(), wrong = before, v;
    size_t at = 0;

    for (; n - at >= 16; at += 16) {
        v = load(s + at);
        wrong = _mm_or_si128(wrong, faults(&t, before, v));
        before = v;
    }
    v = _mm_and_si128(load(s + at), load(keep_first + 32 - (n - at)));
    wrong = _mm_or_si128(wrong, faults(&t, before, v));
    return !any(wrong);
}

/* ------------------------------------------------------------- 32 bytes at a time */

#define MANY 256u /* bytes for which that pays when the rest is checked the other way */

struct wide_tables {
    __m256i high, low, second, ignored;
};

WIDE static inline __m256i load_wide(const unsigned char *p)
{
    __m256i v;

    memcpy(&v, p, sizeof v);
    return v;
}

WIDE static inline __m256i load_twice(const unsigned char *p)
{
    __m128i v;

    memcpy(&v, p, sizeof v);
    return _mm256_broadcastsi128_si256(v);
}

WIDE static inline struct wide_tables load_wide_tables(bool surrogates)
{
    struct wide_tables t = {load_twice(first_high), load_twice(first_low), load_twice(second_high),
                            _mm256_set1_epi8(surrogates ? (char)SURROGATE : 0)};

    return t;
}

/* As faults(). */
WIDE static inline __m256i wide_faults(const struct wide_tables *t, __m256i before, __m256i v)
{
    const __m256i half = _mm256_set1_epi8(15);
    __m256i between = _mm256_permute2x128_si256(before, v, 0x21);
    __m256i prev1 = _mm256_alignr_epi8(v, between, 15);
    __m256i prev2 = _mm256_alignr_epi8(v, between, 14);
    __m256i prev3 = _mm256_alignr_epi8(v, between, 13);
    __m256i high =
        _mm256_shuffle_epi8(t->high, _mm256_and_si256(_mm256_srli_epi16(prev1, 4), half));
    __m256i low = _mm256_shuffle_epi8(t->low, _mm256_and_si256(prev1, half));
    __m256i second =
        _mm256_shuffle_epi8(t->second, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
    __m256i pairs = _mm256_and_si256(_mm256_and_si256(high, low), second);
    __m256i third = _mm256_subs_epu8(prev2, _mm256_set1_epi8((char)(0xe0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(prev3, _mm256_set1_epi8((char)(0xf0 - 0x80)));
    __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));

    return _mm256_xor_si256(_mm256_andnot_si256(t->ignored, pairs), must);
}

WIDE static bool wide_whole(const unsigned char *s, size_t n)
{
    struct wide_tables t = load_wide_tables(true);
    __m256i before = _mm256_setzero_si256(), wrong = before, v;
    size_t at = 0;

    for (; n - at >= 32; at += 32) {
        v = load_wide(s + at);
        wrong = _mm256_or_si256(wrong, wide_faults(&t, before, v));
        before = v;
    }
    v = _mm256_and_si256(load_wide(s + at), load_wide(keep_first + 32 - (n - at)));
    wrong = _mm256_or_si256(wrong, wide_faults(&t, before, v));
    return _mm256_testz_si256(wrong, wrong) != 0;
}

/* How much of s, a multiple of 64, has nothing wrong with it but a character that its end cuts. */
WIDE static size_t wide_right(const unsigned char *s, size_t n, bool surrogates)
{
    struct wide_tables t = load_wide_tables(surrogates);
    __m256i before = _mm256_setzero_si256();
    size_t at = 0;

    for (; n - at >= 64; at += 64) {
        __m256i a = load_wide(s + at), b = load_wide(s + at + 32);
        __m256i wrong = wide_faults(&t, before, a);

        if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0)
            wrong = _mm256_or_si256(wrong, wide_faults(&t, a, b));
        if (_mm256_testz_si256(wrong, wrong) == 0)
            break;
        before = b;
    }
    return at;
}

size_t utf8_vector_check(const unsigned char *s, size_t n, bool surrogates)
{
    size_t at = n >= MANY && __builtin_cpu_supports("avx2") ? wide_right(s, n, surrogates) : 0;

    return check_from(s, at, n, surrogates);
}

bool utf8_vector_whole(const unsigned char *s, size_t n)
{
    return __builtin_cpu_supports("avx2") ? wide_whole(s, n) : whole(s, n);
}

#else

bool utf8_vector_works(void)
{
    return false;
}

size_t utf8_vector_check(const unsigned char *s, size_t n, bool surrogates)
{
    (void)s;
    (void)n;
    (void)surrogates;
    return 0;
}

bool utf8_vector_whole(const unsigned char *s, size_t n)
{
    (void)s;
    return n == 0;
}

#endif

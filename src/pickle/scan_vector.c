/*
 * How long a value is, its opcode says; but where the next one begins is known only then, and a
 * loop over them waits for memory at every step, or for a wrong guess.  Here bytes are taken as if
 * an opcode stood at each: for every place, where the next value would begin.  Four times over,
 * "the next of the next" is looked up for all places of sixteen bytes at once; so all values that
 * begin in there are known for whatever place the first of them begins at.
 */
#include "scan_vector.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#define VECTOR __attribute__((target("avx2,popcnt")))
#define BLOCK 16u          /* bytes whose places know each other */
#define STEP (2 * BLOCK)   /* bytes looked at together */
#define AT_ONCE (8 * STEP) /* then somebody looks whether there is a quicker way */

/* The opcodes are told apart by four bits of (c ^ c >> 2).  What stands where there is none has
 * other ones itself, so that no byte equals it. */
#define NONE 0
static const unsigned char codes[BLOCK] = {1,   NONE, NONE, NONE, NONE, NONE, 'G', NONE,
                                           'J', 'K',  0x88, 0x89, NONE, 'N',  'M', NONE};
static const unsigned char lengths[BLOCK] = {0, 0, 0, 0, 0, 0, 9, 0, 5, 2, 1, 1, 0, 1, 3, 0};
static const unsigned char bits[BLOCK] = {0, 0, 0, 0, 0, 0, 1, 0, 2, 4, 8, 16, 0, 32, 64, 0};
static const unsigned char met_codes[7] = {'G', 'J', 'K', 0x88, 0x89, 'N', 'M'};

/* Places stand OUT less than the top bit above what they are: one behind the block has that bit,
 * which makes a look-up give zero. */
#define OUT (0x80 - BLOCK)
static const unsigned char places[BLOCK] = {
    OUT,     OUT + 1, OUT + 2,  OUT + 3,  OUT + 4,  OUT + 5,  OUT + 6,  OUT + 7,
    OUT + 8, OUT + 9, OUT + 10, OUT + 11, OUT + 12, OUT + 13, OUT + 14, OUT + 15,
};
static const unsigned char low_bits[BLOCK] = {1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0};
static const unsigned char high_bits[BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128};
static const unsigned char which_byte[STEP] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                               2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3};

bool vector_run_works(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

struct tables {
    __m256i codes, lengths, bits, low, high, places;
};

VECTOR static inline __m256i twice(const unsigned char p[BLOCK])
{
    __m128i v;

    memcpy(&v, p, sizeof v);
    return _mm256_broadcastsi128_si256(v);
}

VECTOR static inline __m256i load(const unsigned char p[STEP])
{
    __m256i v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* For every place: where it leads, and which others lie on the way, by bits. */
struct ways {
    __m256i next, low, high;
};

VECTOR static inline struct ways further(struct ways w)
{
    w.low = _mm256_or_si256(w.low, _mm256_shuffle_epi8(w.low, w.next));
    w.high = _mm256_or_si256(w.high, _mm256_shuffle_epi8(w.high, w.next));
    w.next = _mm256_max_epu8(w.next, _mm256_shuffle_epi8(w.next, w.next));
    return w;
}

VECTOR static inline __m256i hash_of(__m256i v)
{
    return _mm256_and_si256(_mm256_xor_si256(v, _mm256_srli_epi16(v, 2)), _mm256_set1_epi8(15));
}

VECTOR static inline struct ways find_ways(const struct tables *t, __m256i v, __m256i hash)
{
    __m256i is = _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(t->codes, hash));
    __m256i length = _mm256_and_si256(is, _mm256_shuffle_epi8(t->lengths, hash));
    struct ways w = {_mm256_add_epi8(t->places, length), _mm256_and_si256(is, t->low),
                     _mm256_and_si256(is, t->high)};

    return further(further(further(further(w))));
}

/* The opcodes at the places given by bits. */
VECTOR static inline __m256i opcodes_at(const struct tables *t, __m256i hash, uint32_t reached)
{
    __m256i own = _mm256_or_si256(t->low, t->high);
    __m256i on = _mm256_shuffle_epi8(_mm256_set1_epi32((int)reached), load(which_byte));

    on = _mm256_cmpeq_epi8(_mm256_and_si256(on, own), own);
    return _mm256_and_si256(on, _mm256_shuffle_epi8(t->bits, hash));
}

/* Those that are set in any byte. */
VECTOR static inline uint32_t bits_of(__m256i v)
{
    __m128i half = _mm_or_si128(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    uint64_t any = (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(half, _mm_srli_si128(half, 8)));

    any |= any >> 32;
    any |= any >> 16;
    return (uint32_t)((any | any >> 8) & 0xff);
}

/* Follows the ways from the first byte at r->end; false: they end in there. */
VECTOR static inline bool follow(const struct ways *w, struct vector_run *r, uint32_t *reached)
{
    unsigned char next[STEP], low[STEP], high[STEP];
    unsigned at, first;

    memcpy(next, &w->next, sizeof next);
    memcpy(low, &w->low, sizeof low);
    memcpy(high, &w->high, sizeof high);
    first = next[0];
    *reached = low[0] | (uint32_t)high[0] << 8;
    if (first < OUT + BLOCK) {
        r->end += first - OUT;
        return false;
    }
    at = first - OUT;
    *reached |= (uint32_t)low[at] << 16 | (uint32_t)high[at] << 24;
    r->end += BLOCK + (next[at] - OUT);
    return next[at] >= OUT + BLOCK;
}

VECTOR struct vector_run vector_run(const uint8_t *p, const uint8_t *stop, uint32_t *met)
{
    struct tables t = {twice(codes),    twice(lengths),   twice(bits),
                       twice(low_bits), twice(high_bits), twice(places)};
    struct vector_run r = {p, p, 0, p, 0}, from[VECTOR_RUN_TAIL];
    const uint8_t *end = stop - p > (ptrdiff_t)(AT_ONCE + STEP) ? p + AT_ONCE : stop - STEP;
    __m256i all = _mm256_setzero_si256();
    size_t steps = 0;
    bool more = true;

    while (more && r.end < end) {
        __m256i v = load(r.end), hash = hash_of(v);
        struct ways w = find_ways(&t, v, hash);
        uint32_t reached;

        from[steps++ % VECTOR_RUN_TAIL] = r;
        more = follow(&w, &r, &reached);
        if (reached != 0)
            r.last = from[(steps - 1) % VECTOR_RUN_TAIL].end + (31 - __builtin_clz(reached));
        r.n += (unsigned)__builtin_popcount(reached);
        all = _mm256_or_si256(all, opcodes_at(&t, hash, reached));
    }
    for (size_t i = 1; i <= steps && i <= VECTOR_RUN_TAIL; i++) {
        r.tail = from[(steps - i) % VECTOR_RUN_TAIL].end;
        r.before = from[(steps - i) % VECTOR_RUN_TAIL].n;
        if (r.n - r.before >= VECTOR_RUN_TAIL)
            break;
    }
    *met |= bits_of(all);
    return r;
}

void vector_run_seen(uint32_t met, bool seen[256])
{
    for (size_t i = 0; i < sizeof met_codes; i++)
        seen[met_codes[i]] |= (met >> i & 1) != 0;
}

#else

bool vector_run_works(void)
{
    return false;
}

struct vector_run vector_run(const uint8_t *p, const uint8_t *stop, uint32_t *met)
{
    (void)stop, (void)met;
    return (struct vector_run){p, p, 0, p, 0};
}

void vector_run_seen(uint32_t met, bool seen[256])
{
    (void)met, (void)seen;
}

#endif

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
static const unsigned char met_codes[9] = {'G', 'J', 'K', 0x88, 0x89, 'N', 'M', 'h', 'j'};
#define MET_BINGET 0x80u
#define MET_LONG_BINGET 0x100u

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

/* Where a value begins, and how many did before it. */
struct place {
    const uint8_t *at;
    size_t n;
};

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

/* Follows the ways through a step from the place where the first value of it begins to where the
 * one behind it does; false: they end in there. */
VECTOR static inline bool follow(const struct ways *w, size_t *place, uint32_t *reached)
{
    unsigned char next[STEP], low[STEP], high[STEP];
    size_t at = *place;

    _mm256_storeu_si256((void *)next, w->next);
    _mm256_storeu_si256((void *)low, w->low);
    _mm256_storeu_si256((void *)high, w->high);
    *reached = low[at] | (uint32_t)high[at] << 8;
    *place = at = (size_t)next[at] - OUT;
    if (at < BLOCK)
        return false;
    *reached |= (uint32_t)low[at] << 16 | (uint32_t)high[at] << 24;
    at = (size_t)next[at] - OUT;
    if (at < BLOCK) {
        *place = BLOCK + at;
        return false;
    }
    *place = at - BLOCK;
    return true;
}

/* Where the last values begin. */
VECTOR static inline void find_tail(struct vector_run *r, const struct place *from, size_t steps)
{
    for (size_t i = 1; i <= steps && i <= VECTOR_RUN_TAIL; i++) {
        r->tail = from[(steps - i) % VECTOR_RUN_TAIL].at;
        r->before = from[(steps - i) % VECTOR_RUN_TAIL].n;
        if (r->n - r->before >= VECTOR_RUN_TAIL)
            break;
    }
}

/* The bytes of a step are those behind the step before, wherever a value begins in them: so what
 * they mean is found before it is known where that is. */
VECTOR struct vector_run vector_run(const uint8_t *p, const uint8_t *stop, uint32_t *met)
{
    struct tables t = {twice(codes),    twice(lengths),   twice(bits),
                       twice(low_bits), twice(high_bits), twice(places)};
    struct vector_run r = {p, p, 0, p, 0};
    const uint8_t *end = stop - p > (ptrdiff_t)(AT_ONCE + STEP) ? p + AT_ONCE : stop - STEP;
    struct place from[VECTOR_RUN_TAIL];
    __m256i all = _mm256_setzero_si256();
    size_t steps = 0, place = 0;

    for (; p < end; p += STEP) {
        __m256i v = load(p), hash = hash_of(v);
        struct ways w = find_ways(&t, v, hash);
        uint32_t reached;
        bool more;

        from[steps++ % VECTOR_RUN_TAIL] = (struct place){p + place, r.n};
        more = follow(&w, &place, &reached);
        if (reached != 0)
            r.last = p + (31 - __builtin_clz(reached));
        r.n += (unsigned)__builtin_popcount(reached);
        all = _mm256_or_si256(all, opcodes_at(&t, hash, reached));
        if (!more)
            break;
    }
    r.end = p + place;
    find_tail(&r, from, steps);
    *met |= bits_of(all);
    return r;
}

/* LONG_BINGETs: three in each half, their slots and then the opcodes. */
#define GET_BYTES 5u
#define GETS 6u
static const unsigned char pick_gets[BLOCK] = {1,  2,  3,  4,  6, 7, 8,  9,
                                               11, 12, 13, 14, 0, 5, 10, 0x80};
static const unsigned char pick_codes[BLOCK] = {12, 0x80, 0x80, 0x80, 13,   0x80, 0x80, 0x80,
                                                14, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
#define GET_CODES ('j' | 'j' << 8 | 'j' << 16)

VECTOR static inline __m256i thrice(uint32_t slot, uint32_t fourth)
{
    return _mm256_broadcastsi128_si256(_mm_set_epi32((int)fourth, (int)slot, (int)slot, (int)slot));
}

/* How many stand there before the first that is none, or of another slot: `fits` tells that for
 * slots; `rest` is what remains of opcodes, nothing of the right ones. */
VECTOR static inline unsigned count_gets(__m256i fits, __m256i rest)
{
    __m256i are = _mm256_cmpeq_epi8(rest, _mm256_setzero_si256());
    uint32_t bad;

    are = _mm256_and_si256(_mm256_shuffle_epi8(are, twice(pick_codes)), fits);
    bad = ~(uint32_t)_mm256_movemask_epi8(are) & 0x01110111u;
    return bad == 0 ? GETS : (unsigned)__builtin_ctz(bad) / 4 - ((bad & 0xffff) == 0);
}

VECTOR struct vector_run vector_gets(const uint8_t *p, const uint8_t *stop, uint32_t bias,
                                     uint32_t most, uint32_t *met)
{
    const __m256i least = thrice(bias, GET_CODES), range = thrice(most, 0), pick = twice(pick_gets);
    struct vector_run r = {p, p, 0, p, 0};
    struct place from[VECTOR_RUN_TAIL];
    size_t steps = 0;
    unsigned any = 0;

    while (p < stop - STEP) {
        __m256i v = _mm256_setr_m128i(_mm_loadu_si128((const void *)p),
                                      _mm_loadu_si128((const void *)(p + GETS / 2 * GET_BYTES)));
        __m256i rest = _mm256_sub_epi32(_mm256_shuffle_epi8(v, pick), least);
        __m256i fits = _mm256_cmpeq_epi32(_mm256_min_epu32(rest, range), rest);
        unsigned n = GETS;

        from[steps++ % VECTOR_RUN_TAIL] = (struct place){p, r.n};
        if (_mm256_movemask_epi8(fits) != -1)
            n = count_gets(fits, rest);
        any |= n;
        r.n += n;
        p += n * GET_BYTES;
        if (n == GETS)
            continue;
        if (*p != 'h' || p[1] - bias > most)
            break;
        *met |= MET_BINGET;
        r.n++;
        p += 2;
    }
    r.end = p;
    find_tail(&r, from, steps);
    for (p = r.tail; p < r.end; p += *p == 'h' ? 2 : GET_BYTES)
        r.last = p;
    *met |= any != 0 ? MET_LONG_BINGET : 0;
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

struct vector_run vector_gets(const uint8_t *p, const uint8_t *stop, uint32_t bias, uint32_t most,
                              uint32_t *met)
{
    (void)bias, (void)most;
    return vector_run(p, stop, met);
}

void vector_run_seen(uint32_t met, bool seen[256])
{
    (void)met, (void)seen;
}

#endif

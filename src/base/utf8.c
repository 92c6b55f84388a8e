#include <pklbrowse/text.h>

#include "utf8_vector.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the sequence that begins with c, by its lead byte alone; 0: none does. */
static size_t sequence_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xc2)
        return 0;
    if (c < 0xe0)
        return 2;
    if (c < 0xf0)
        return 3;
    return c < 0xf5 ? 4 : 0;
}

/* The second byte decides about overlong forms, surrogates and what is above U+10FFFF. */
static bool second_fits(unsigned char lead, unsigned char second, bool surrogates)
{
    if (!is_tail(second))
        return false;
    switch (lead) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0 || surrogates;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t utf8_decode(const void *p, size_t n, uint32_t *cp, bool surrogates)
{
    const unsigned char *s = p;
    size_t len = sequence_length(s[0]);
    uint32_t c;

    if (len == 1) {
        *cp = s[0];
        return 1;
    }
    if (len == 0 || len > n || !second_fits(s[0], s[1], surrogates))
        return 0;
    c = ((uint32_t)s[0] & (0x7fu >> len)) << 6 | (s[1] & 0x3fu);
    for (size_t i = 2; i < len; i++) {
        if (!is_tail(s[i]))
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *cp = c;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* Is [s, s+n) the beginning of a sequence that more bytes would make whole? */
static bool cut_short(const unsigned char *s, size_t n, bool surrogates)
{
    if (n >= sequence_length(s[0]))
        return false;
    if (n > 1 && !second_fits(s[0], s[1], surrogates))
        return false;
    return n < 3 || is_tail(s[2]);
}

/*
 * The fast check where there are no vectors: an automaton without branches.  Its state is a number
 * of bits to shift by; a row holds, for one class of bytes, the next state of every state.  So a
 * byte costs one look-up, which does not wait for the byte before, and one shift.
 */
enum {
    START = 0, /* between two characters */
    WRONG = 6,
    TAIL1 = 12, /* one more byte to come, two, three */
    TAIL2 = 18,
    TAIL3 = 24,
    AFTER_E0 = 30, /* the second byte is not any: no overlong form, no surrogate, not too large */
    AFTER_ED = 36,
    AFTER_F0 = 42,
    AFTER_F4 = 48,
    STATE_MASK = 63
};

#define ROW(start, tail1, tail2, tail3, e0, ed, f0, f4)                                            \
    ((uint64_t)(start) | (uint64_t)WRONG << WRONG | (uint64_t)(tail1) << TAIL1 |                   \
     (uint64_t)(tail2) << TAIL2 | (uint64_t)(tail3) << TAIL3 | (uint64_t)(e0) << AFTER_E0 |        \
     (uint64_t)(ed) << AFTER_ED | (uint64_t)(f0) << AFTER_F0 | (uint64_t)(f4) << AFTER_F4)
#define LEAD(next) ROW(next, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG)

enum byte_class {
    ASCII,
    TAIL_80, /* 80 to 8f */
    TAIL_90, /* 90 to 9f */
    TAIL_A0, /* a0 to bf */
    LEAD_2,
    LEAD_E0,
    LEAD_3,
    LEAD_ED,
    LEAD_F0,
    LEAD_4,
    LEAD_F4,
    NEVER,
    CLASSES
};

/* With what the lead byte ED leads to: surrogates lie behind it. */
#define ROWS(after_ed)                                                                             \
    {                                                                                              \
        [ASCII] = LEAD(START),                                                                     \
        [TAIL_80] = ROW(WRONG, START, TAIL1, TAIL2, WRONG, TAIL1, WRONG, TAIL2),                   \
        [TAIL_90] = ROW(WRONG, START, TAIL1, TAIL2, WRONG, TAIL1, TAIL2, WRONG),                   \
        [TAIL_A0] = ROW(WRONG, START, TAIL1, TAIL2, TAIL1, WRONG, TAIL2, WRONG),                   \
        [LEAD_2] = LEAD(TAIL1), [LEAD_E0] = LEAD(AFTER_E0), [LEAD_3] = LEAD(TAIL2),                \
        [LEAD_ED] = LEAD(after_ed), [LEAD_F0] = LEAD(AFTER_F0), [LEAD_4] = LEAD(TAIL3),            \
        [LEAD_F4] = LEAD(AFTER_F4), [NEVER] = LEAD(WRONG),                                         \
    }

static const uint64_t strict[CLASSES] = ROWS(AFTER_ED);
static const uint64_t with_surrogates[CLASSES] = ROWS(TAIL2);

static const uint8_t classes[256] = {
    [0x00 ... 0x7f] = ASCII,   [0x80 ... 0x8f] = TAIL_80, [0x90 ... 0x9f] = TAIL_90,
    [0xa0 ... 0xbf] = TAIL_A0, [0xc0 ... 0xc1] = NEVER,   [0xc2 ... 0xdf] = LEAD_2,
    [0xe0] = LEAD_E0,          [0xe1 ... 0xec] = LEAD_3,  [0xed] = LEAD_ED,
    [0xee ... 0xef] = LEAD_3,  [0xf0] = LEAD_F0,          [0xf1 ... 0xf3] = LEAD_4,
    [0xf4] = LEAD_F4,          [0xf5 ... 0xff] = NEVER,
};

#define BLOCK ((size_t)64)

/* No branch in here, so that the compiler makes vectors of it. */
static bool block_is_ascii(const unsigned char *s)
{
    unsigned char any = 0;

    for (size_t i = 0; i < BLOCK; i++)
        any |= s[i];
    return any < 0x80;
}

/* Goes over whole blocks and returns where the slow way has to go on: at the beginning of a
 * character, nothing before it is wrong. */
static size_t check_blocks(const unsigned char *s, size_t n, const uint64_t rows[CLASSES])
{
    uint64_t state = START;
    size_t at = 0;

    for (; n - at >= BLOCK; at += BLOCK) {
        uint64_t next = state;

        if (state == START && block_is_ascii(s + at))
            continue;
        for (size_t i = 0; i < BLOCK; i++)
            next = rows[classes[s[at + i]]] >> (next & STATE_MASK);
        next &= STATE_MASK;
        if (next == WRONG)
            break;
        state = next;
    }
    /* Back to the beginning of a character that the last block left unfinished. */
    if (state != START) {
        do {
            at--;
        } while (is_tail(s[at]));
    }
    return at;
}

size_t utf8_check(const void *p, size_t n, bool surrogates, bool *partial)
{
    const unsigned char *s = p;
    size_t at = utf8_vector_works() ? utf8_vector_check(s, n, surrogates)
                                    : check_blocks(s, n, surrogates ? with_surrogates : strict);

    if (partial != NULL)
        *partial = false;
    while (at < n) {
        uint32_t cp;
        size_t used = utf8_decode(s + at, n - at, &cp, surrogates);

        if (used == 0) {
            if (partial != NULL)
                *partial = cut_short(s + at, n - at, surrogates);
            break;
        }
        at += used;
    }
    return at;
}

bool utf8_whole(const void *p, size_t n)
{
    return utf8_vector_works() ? utf8_vector_whole(p, n) : utf8_check(p, n, true, NULL) == n;
}

size_t utf8_count(const void *p, size_t n)
{
    const signed char *s = p;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += s[i] > (signed char)0xbf;
    return count;
}

/*
 * Runs of leaves and references: most opcodes of most files.
 *
 * Of a run only its length matters nearly always, so it becomes one entry of the value stack, as
 * when a large stack is folded (scan_fold.c).  Values that the opcode behind the run may take one
 * by one (TUPLE2, APPEND, a PUT ...) stay single.  Runs begin at even places and hold an even
 * number, so that no pair is cut.
 */
#ifndef PICKLE_SCAN_RUNS_H
#define PICKLE_SCAN_RUNS_H

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <pklbrowse/text.h>

#include "scan_quick.h"

/* How the leaves are written that are quick; references last. */
enum form { NO_LEAF, FIXED, TEXT1, TEXT4, BYTES1, BYTES4, LINE, GET1, GET4, GETLINE };
static const uint8_t forms[256] = {
    ['N'] = FIXED,  [0x88] = FIXED, [0x89] = FIXED,  ['K'] = FIXED,   ['M'] = FIXED, ['J'] = FIXED,
    ['G'] = FIXED,  [')'] = FIXED,  [0x8a] = BYTES1, [0x8c] = TEXT1,  ['X'] = TEXT4, ['C'] = BYTES1,
    ['B'] = BYTES4, ['U'] = BYTES1, ['T'] = BYTES4,  ['I'] = LINE,    ['L'] = LINE,  ['F'] = LINE,
    ['V'] = LINE,   ['h'] = GET1,   ['j'] = GET4,    ['g'] = GETLINE,
};

/* What single ones are. */
static const uint8_t kinds[256] = {
    ['N'] = PKL_NONE, [0x88] = PKL_BOOL, [0x89] = PKL_BOOL, ['K'] = PKL_INT,    ['M'] = PKL_INT,
    ['J'] = PKL_INT,  ['G'] = PKL_FLOAT, [')'] = PKL_TUPLE, [0x8a] = PKL_INT,   [0x8c] = PKL_STR,
    ['X'] = PKL_STR,  ['C'] = PKL_BYTES, ['B'] = PKL_BYTES, ['U'] = PKL_PY2STR, ['T'] = PKL_PY2STR,
    ['I'] = PKL_INT,  ['L'] = PKL_INT,   ['F'] = PKL_FLOAT, ['V'] = PKL_STR,    ['h'] = KIND_REF,
    ['j'] = KIND_REF, ['g'] = KIND_REF,
};

/* Length of the fixed ones, 0 of all others: one load a value in the loop over them. */
static const uint8_t fixed_length[256] = {
    ['N'] = 1, [0x88] = 1, [0x89] = 1, ['K'] = 2, ['M'] = 3, ['J'] = 5, ['G'] = 9, [')'] = 1,
};

/* Opcodes that take all above the MARK, however many: a run need not be cut for them. */
static const bool takes_all[256] = {
    ['e'] = true, ['u'] = true,  ['t'] = true,  ['l'] = true,
    ['d'] = true, [0x90] = true, [0x91] = true,
};

#define KEPT 16u     /* the last values whose beginnings are known; a power of two */
#define SINGLES 4u   /* left single for opcodes that take values one by one */
#define RUN_LEAST 6u /* fewer are pushed one by one */
#define MANY 32u     /* of mixed ones in a run */
#define FEW 16u      /* references that are looked at one by one */
#define ALIKE 16u    /* so many of one opcode in a row: more will follow */

struct run {
    size_t n;
    const uint8_t *last;         /* where the last value begins */
    const uint8_t *starts[KEPT]; /* where the last ones do: the i-th in i % KEPT */
    /* But those from number `late` up to `late_end`, one behind the other from `tail` on, may still
     * be missing there. */
    const uint8_t *tail;
    size_t late, late_end;
    unsigned
        doubt; /* has references that may be no keys: bit 0 at even places, bit 1 at odd ones */
};

/* Of a value of fixed length or a reference. */
static inline size_t known_length(uint8_t code)
{
    return code == 'j' ? 5 : code == 'h' ? 2 : fixed_length[code];
}

/* Nobody asks for them, mostly. */
static inline void run_know_starts(struct run *r)
{
    const uint8_t *p = r->tail;

    for (size_t i = r->late; i < r->late_end; i++) {
        if (r->n - i <= KEPT)
            r->starts[i % KEPT] = p;
        p += known_length(*p);
    }
    r->late = r->late_end = 0;
}

static inline void run_add(struct quick *q, struct run *r, const uint8_t *end)
{
    q->d->seen[*q->p] = true;
    r->starts[r->n++ % KEPT] = r->last = q->p;
    q->p = end;
}

static inline bool four_alike(const uint8_t *p, size_t length, uint8_t code)
{
    return (((p[0] ^ code) | (p[length] ^ code)) |
            ((p[2 * length] ^ code) | (p[3 * length] ^ code))) == 0;
}

/* Values of one opcode: where the next begins does not depend on what was read, so that the
 * processor need not wait. */
static inline void take_alike(struct quick *q, struct run *r, uint8_t code)
{
    const uint8_t *p = q->p, *stop = q->stop;
    size_t n = 0, length = fixed_length[code];

    for (; stop - p > (ptrdiff_t)(ALIKE / 2 * length) && four_alike(p, length, code) &&
           four_alike(p + ALIKE / 4 * length, length, code);
         p += ALIKE / 2 * length)
        n += ALIKE / 2;
    for (; p < stop && *p == code; p += length)
        n++;
    for (size_t i = 1; i <= n && i <= KEPT; i++)
        r->starts[(r->n + n - i) % KEPT] = p - i * length;
    r->last = p - length;
    q->p = p;
    r->n += n;
}

/* So many of one kind in a row? */
static inline bool are_alike(const struct quick *q, const uint8_t *p)
{
    size_t length = fixed_length[*p];

    return q->stop - p > (ptrdiff_t)(ALIKE * length) && four_alike(p, length, *p) &&
           p[ALIKE / 2 * length] == *p && p[(ALIKE - 1) * length] == *p;
}

static inline void run_add_all(struct quick *q, struct run *r, const struct vector_run *v)
{
    q->p = v->end;
    if (v->n == 0)
        return;
    if (v->n < KEPT)
        run_know_starts(r);
    r->tail = v->tail;
    r->late = r->n + v->before;
    r->n += v->n;
    r->late_end = r->n;
    r->last = v->last;
}

/* Values of fixed length in a long run, or where one begins. */
static inline void take_mixed(struct quick *q, struct run *r)
{
    uint32_t met = q->met; /* q itself has no address, so that it stays in registers */
    struct vector_run v = vector_run(q->p, q->stop, &met);

    q->met = met;
    run_add_all(q, r, &v);
}

/* Values of fixed length, mixed: nothing to guess wrong but the end. */
static inline void take_fixed(struct quick *q, struct run *r)
{
    const uint8_t *p = q->p, *stop = q->stop;
    bool *seen = q->d->seen;
    size_t n = r->n;

    if ((n >= MANY || n == 1) && are_alike(q, p)) {
        seen[*p] = true;
        take_alike(q, r, *p);
        return;
    }
    if (q->vector && (n >= MANY || (n == 1 && fixed_length[p[fixed_length[*p]]] != 0)) &&
        stop - p > VECTOR_RUN_BYTES) {
        take_mixed(q, r);
        return;
    }
    for (size_t length; p < stop && (length = fixed_length[*p]) != 0 && n < MANY; p += length) {
        seen[*p] = true;
        r->starts[n++ % KEPT] = r->last = p;
    }
    q->p = p;
    r->n = n;
}

/* Where a payload of n bytes at p ends, if all of it and more is in the window; NULL otherwise. */
static inline const uint8_t *payload_end(const struct quick *q, const uint8_t *p, size_t n)
{
    return n < q->payload && n + QUICK_SLACK <= (size_t)(q->end - p) ? p + n : NULL;
}

#ifdef __SSE2__

/* Short text that is ASCII? */
static inline bool is_short_ascii(const uint8_t *p, size_t n)
{
    __m128i a = _mm_loadu_si128((const void *)p), b = _mm_loadu_si128((const void *)(p + 16));
    __m128i c = _mm_loadu_si128((const void *)(p + 32));
    uint64_t high = (uint64_t)_mm_movemask_epi8(a) | (uint64_t)_mm_movemask_epi8(b) << 16 |
                    (uint64_t)_mm_movemask_epi8(c) << 32;

    return n <= 48 && (high & (((uint64_t)1 << n) - 1)) == 0;
}

#else

static inline uint64_t word(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* Up to 40 bytes without a branch: the last words overlap those before them. */
static inline bool is_short_ascii(const uint8_t *p, size_t n)
{
    const uint64_t high = 0x8080808080808080u;
    size_t last = n - 8;
    uint64_t any;

    if (n < 8)
        return (word(p) & high & htole64(((uint64_t)1 << 8 * n) - 1)) == 0;
    if (n > 40)
        return false;
    any = word(p) | word(p + last);
    any |= word(p + (last < 8 ? last : 8)) | word(p + (last < 16 ? last : 16));
    any |= word(p + (last < 24 ? last : 24));
    return (any & high) == 0;
}

#endif

static inline const uint8_t *text_end(const struct quick *q, const uint8_t *p, size_t n)
{
    const uint8_t *end = payload_end(q, p, n);

    if (end != NULL && (is_short_ascii(p, n) || utf8_whole(p, n)))
        return end;
    return NULL;
}

/* A leaf ends there; the PUT behind it is taken as well. */
static inline bool take_leaf(struct quick *q, struct run *r, const uint8_t *end)
{
    if (end == NULL)
        return false;
    run_add(q, r, end);
    quick_put_behind(q);
    return true;
}

/* For the n-th value. */
static inline unsigned doubt_of(const struct quick *q, uint64_t slot, size_t n)
{
    return slot - q->sure < q->range ? 0 : (unsigned)!memo_is_sure(q->d, slot) << (n & 1);
}

/* Texts with a length of one byte and a MEMOIZE behind them, one after the other. */
static inline bool take_texts(struct quick *q, struct run *r, bool one)
{
    const uint8_t *p = q->p, *stop = q->stop;
    size_t n = 0;

    while (p < stop && *p == 0x8c && q->room > n && q->bias == 0 && !one) {
        const uint8_t *end = p + 2 + p[1];

        if (p[1] + 2 + QUICK_SLACK > (size_t)(q->end - p) || p[1] >= q->payload || *end != 0x94 ||
            !(is_short_ascii(p + 2, p[1]) || utf8_whole(p + 2, p[1])))
            break;
        r->starts[(r->n + n++) % KEPT] = r->last = p;
        p = end + 1;
    }
    if (n == 0)
        return take_leaf(q, r, text_end(q, p + 2, p[1]));
    q->d->seen[0x8c] = q->d->seen[0x94] = true;
    q->filled += n;
    q->room -= n;
    q->ops += n;
    r->n += n;
    q->p = p;
    return true;
}

static inline bool take_get(struct quick *q, struct run *r, uint64_t slot, const uint8_t *end)
{
    if (slot - q->bias >= q->filled)
        return false;
    r->doubt |= doubt_of(q, slot, r->n);
    run_add(q, r, end);
    q->gets++;
    return true;
}

/* Behind a short text at p and its MEMOIZE; NULL: it is something else. */
static inline const uint8_t *memoized_text(const struct quick *q, const uint8_t *p)
{
    const uint8_t *end = p + 2 + p[1];

    return p[1] <= 40 && p[1] < q->payload && *end == 0x94 && q->bias == 0 && q->room > 0 &&
                   is_short_ascii(p + 2, p[1])
               ? end + 1
               : NULL;
}

/* BINGETs, each perhaps with a value of fixed length or a short text behind it, as the keys and
 * values of records are. */
static inline bool take_keyed(struct quick *q, struct run *r)
{
    const uint8_t *p = q->p, *stop = q->stop, *end;
    bool *seen = q->d->seen;
    unsigned doubt = 0;
    size_t n = r->n;

    while (*p == 'h' && p < stop) {
        if (p[1] - q->sure >= q->range) {
            if (p[1] - q->bias >= q->filled)
                break;
            doubt |= doubt_of(q, p[1], n);
        }
        r->starts[n++ % KEPT] = r->last = p;
        q->gets++;
        p += 2;
        if (p >= stop)
            break;
        if (fixed_length[*p] != 0) {
            end = p + fixed_length[*p];
        } else if (*p == 0x8c && (end = memoized_text(q, p)) != NULL) {
            seen[0x94] = true;
            q->filled++;
            q->room--;
            q->ops++;
        } else {
            continue;
        }
        seen[*p] = true;
        r->starts[n++ % KEPT] = r->last = p;
        p = end;
    }
    if (n == r->n)
        return false;
    seen['h'] = true;
    q->p = p;
    r->n = n;
    r->doubt |= doubt;
    return true;
}

/* BINGETs and LONG_BINGETs up to `end`. */
static inline unsigned doubt_of_few(const struct quick *q, const struct run *r, const uint8_t *end)
{
    unsigned doubt = 0;
    size_t n = r->n;

    for (const uint8_t *p = q->p; p < end; p += known_length(*p))
        doubt |= doubt_of(q, *p == 'h' ? p[1] : op_le32(p + 1), n++);
    return doubt;
}

/* Many of them. */
static inline bool take_many_gets(struct quick *q, struct run *r)
{
    uint64_t most = q->filled - 1;
    uint32_t met = q->met;
    struct vector_run v;

    if (q->filled == 0 || q->bias + most > UINT32_MAX)
        return false;
    v = vector_gets(q->p, q->stop, (uint32_t)q->bias, (uint32_t)most, &met);
    q->met = met;
    q->gets += v.n;
    r->doubt |= v.n > FEW ? 3 : doubt_of_few(q, r, v.end);
    run_add_all(q, r, &v);
    return v.n > 0;
}

/* LONG_BINGETs, and now and then a BINGET: whatever is referred to, it is written so. */
static inline bool take_gets(struct quick *q, struct run *r)
{
    const uint8_t *p = q->p, *stop = q->stop;
    bool few = !q->vector || stop - p <= VECTOR_RUN_BYTES;
    size_t n = r->n;

    if (!few && n >= MANY && take_many_gets(q, r))
        return true;
    while (p < stop && (few || n < MANY)) {
        if (*p == 'j' && op_le32(p + 1) - q->sure < q->range) {
            r->starts[n++ % KEPT] = r->last = p;
            p += 5;
        } else if (*p == 'j' && op_le32(p + 1) - q->bias < q->filled) {
            r->doubt |= doubt_of(q, op_le32(p + 1), n);
            r->starts[n++ % KEPT] = r->last = p;
            p += 5;
        } else if (*p == 'h' && n > r->n && p[1] - q->bias < q->filled) {
            q->d->seen['h'] = true;
            r->doubt |= doubt_of(q, p[1], n);
            r->starts[n++ % KEPT] = r->last = p;
            p += 2;
        } else {
            break;
        }
    }
    if (n == r->n)
        return false;
    q->d->seen['j'] = true;
    q->gets += n - r->n;
    q->p = p;
    r->n = n;
    return true;
}

static inline bool take_line(struct quick *q, struct run *r)
{
    const uint8_t *end = quick_line(*q->p, q->p + 1);

    return take_leaf(q, r, end != NULL ? end + 1 : NULL);
}

static inline bool take_get_line(struct quick *q, struct run *r)
{
    uint64_t slot;
    const uint8_t *end = quick_number(q->p + 1, &slot);

    return end != NULL && take_get(q, r, slot, end + 1);
}

/* One value at q->p, or several of some kinds unless it is to be one; false: there is none for
 * us. */
static inline bool take_values(struct quick *q, struct run *r, bool one)
{
    const uint8_t *p = q->p;

    switch ((enum form)forms[*p]) {
    case FIXED:
        run_add(q, r, p + fixed_length[*p]);
        if (!one && fixed_length[*q->p] != 0 && q->p < q->stop)
            take_fixed(q, r);
        return true;
    case GET1:
        return one ? take_get(q, r, p[1], p + 2) : take_keyed(q, r);
    case GET4:
        return one ? take_get(q, r, op_le32(p + 1), p + 5) : take_gets(q, r);
    case TEXT1:
        return take_texts(q, r, one);
    case TEXT4:
        return take_leaf(q, r, text_end(q, p + 5, op_le32(p + 1)));
    case BYTES1:
        return take_leaf(q, r, payload_end(q, p + 2, p[1]));
    case BYTES4:
        return take_leaf(q, r, payload_end(q, p + 5, op_le32(p + 1)));
    case LINE:
        return take_line(q, r);
    case GETLINE:
        return take_get_line(q, r);
    default:
        return false;
    }
}

/* How many of the values at its end are pushed one by one. */
static inline size_t singles(const struct quick *q, const struct run *r)
{
    size_t n = r->n % 2;

    if (takes_all[*q->p])
        return n;
    if (forms[*q->p] == NO_LEAF)
        n += SINGLES;
    return r->n < n + RUN_LEAST ? r->n : n;
}

static inline void push_run(struct quick *q, const uint8_t *first, struct run *r)
{
    size_t alone = singles(q, r), n = r->n - alone;
    uint8_t place = quick_place(q);

    if (alone > 0)
        run_know_starts(r);
    if (n > 0) {
        const uint8_t *end = alone > 0 ? r->starts[n % KEPT] : q->p;

        quick_push(
            q, quick_offset(q, first), quick_offset(q, end), PKL_BROKEN,
            (uint8_t)(SV_RUN | (r->doubt & 1 ? SV_DOUBT : 0) | (r->doubt & 2 ? SV_DOUBT_ODD : 0)))
            ->n = (uint32_t)n;
    }
    for (size_t i = n; i < r->n; i++) {
        const uint8_t *p = r->starts[i % KEPT];
        uint64_t at = quick_offset(q, p);

        quick_push(q, at, at, *p == 'I' && quick_is_bool(p + 1) ? PKL_BOOL : kinds[*p],
                   (uint8_t)(place | (forms[*p] < GET1          ? 0
                                      : r->doubt >> (i & 1) & 1 ? SV_REF | SV_DOUBT
                                                                : SV_REF)));
        place ^= SV_ODD;
    }
}

/* The container that the opcode behind a run puts all of that, and nothing else, into, when it is
 * small; NULL: none. */
static inline struct sval *taker(const struct quick *q, size_t n)
{
    enum pkl_kind want = PKL_LIST;
    struct sval *v = q->top - 1;

    switch (*q->p) {
    case 's':
        want = PKL_DICT;
        if (n != 2 || q->top == q->fence)
            return NULL;
        break;
    case 'a':
        if (n != 1 || q->top == q->fence)
            return NULL;
        break;
    case 'u':
    case 'e':
        if (*q->p == 'u')
            want = PKL_DICT;
        if ((want == PKL_DICT && n % 2 != 0) || q->top != q->fence ||
            q->fence <= quick_outer_fence(q))
            return NULL;
        break;
    default:
        return NULL;
    }
    return v->kind == want && !(v->flags & (SV_REF | SV_RUN)) && !quick_is_large(q, v) ? v : NULL;
}

/* The run goes where the opcode behind it says, without standing on the stack before. */
static inline bool give_run(struct quick *q, const struct run *r)
{
    struct sval *v = q->p < q->stop ? taker(q, r->n) : NULL;

    if (v == NULL)
        return false;
    if (v->kind == PKL_DICT && r->doubt & 1)
        return false;
    if (v->kind == PKL_DICT)
        v->pairs = (uint16_t)(v->pairs + r->n / 2);
    else
        v->n += (uint32_t)r->n;
    if (*q->p == 'u' || *q->p == 'e')
        quick_drop_mark(q);
    quick_done(q);
    return true;
}

/* A run of leaves and references with their PUTs from q->p on; false: nothing of that is there. */
static inline bool take_run(struct quick *q)
{
    const uint8_t *first = q->p;
    bool odd = quick_place(q) != 0;
    struct run r;

    r.n = r.late = r.late_end = r.doubt = 0;
    r.last = r.tail = first;
    while (take_values(q, &r, odd) && !odd && forms[*q->p] != NO_LEAF && q->p < q->stop)
        ;
    if (r.n == 0)
        return false;
    q->last = quick_offset(q, r.last);
    q->ops += r.n;
    if (!give_run(q, &r))
        push_run(q, first, &r);
    return true;
}

#endif

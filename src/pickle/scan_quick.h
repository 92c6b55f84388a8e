/*
 * The quick way through a pickle: what nearly all of a file is made of, executed in tight loops
 * over what the window shows.  Private to the index pass.
 *
 * It does exactly what the general way (scan.c) does, for the simple case only: the opcode and its
 * argument are whole, nothing is wrong, nothing has to be looked up, nothing becomes a record.  In
 * front of anything else it stops, having changed nothing, and the general way takes that opcode;
 * so no error is ever found here, and what is not covered is slower but not different.
 *
 * The state of the pass is copied into a struct quick that no other function sees, so that the
 * compiler keeps it in registers; hence the inline functions here and in scan_runs.h.
 */
#ifndef PICKLE_SCAN_QUICK_H
#define PICKLE_SCAN_QUICK_H

#include "scan_hash.h"
#include "scan_ops.h"
#include "scan_vector.h"

/* Bytes behind every opcode that is looked at: so that its header, a short payload and the PUT
 * behind it can be read without asking. */
#define QUICK_SLACK ((size_t)96)

struct quick {
    struct pkl_doc *d;
    const uint8_t *p;    /* the next opcode */
    const uint8_t *stop; /* opcodes that begin here or later are not for the quick way */
    const uint8_t *end;  /* of the window */
    uint64_t delta;      /* what makes an offset of an address */
    /* The stacks: where they begin, the next free entry, how high they may grow.  Entries below the
     * fence belong to an outer mark. */
    struct sval *values, *fence, *top, *highest, *folded;
    struct smark *marks, *mark, *mark_highest;
    /* The memo: slots from `bias` on are in use, `filled` of them; so many dense PUTs may follow.
     */
    uint64_t bias, filled, room;
    uint64_t sure, range;     /* slots from `sure` on, `range` of them, hold what can be a key */
    uint64_t last, ops, gets; /* as in struct scan and struct pkl_info */
    uint64_t payload;         /* d->grain.payload */
    bool vector;              /* vector_run() works; what it has met: */
    uint32_t met;
};

static inline uint64_t quick_offset(const struct quick *q, const uint8_t *p)
{
    return (uint64_t)(uintptr_t)p + q->delta;
}

/* SV_ODD if the next value will stand at an odd place above the mark, else 0. */
static inline uint8_t quick_place(const struct quick *q)
{
    if (q->top == q->fence)
        return 0;
    return (uint8_t)((q->top[-1].flags ^ (q->top[-1].flags & SV_RUN ? 0 : SV_ODD)) & SV_ODD);
}

static inline struct sval *quick_push(struct quick *q, uint64_t begin, uint64_t maker, uint8_t kind,
                                      uint8_t flags)
{
    struct sval *v = q->top++;

    v->begin = begin;
    v->maker = maker;
    v->n = 0;
    v->pairs = 0;
    v->kind = kind;
    v->flags = flags;
    return v;
}

/* The opcode at p, of one byte and no PUT, is executed. */
static inline void quick_done(struct quick *q)
{
    q->d->seen[*q->p] = true;
    q->last = quick_offset(q, q->p);
    q->ops++;
    q->p++;
}

/* Would what begins there and ends with the opcode at p have to become a record? */
static inline bool quick_is_costly(const struct quick *q, uint64_t begin)
{
    uint64_t after = quick_offset(q, q->p + 1);

    return after - begin > q->d->grain.record && scan_is_costly(q->d, begin, after);
}

static inline bool quick_is_large(const struct quick *q, const struct sval *v)
{
    return (v->flags & SV_RECORDED) || quick_is_costly(q, v->begin);
}

static inline void quick_drop_mark(struct quick *q)
{
    q->mark--;
    q->fence = q->values + (q->mark > q->marks ? q->mark[-1].height : 0);
}

/* The fence when the last mark is gone; the top when there is none. */
static inline const struct sval *quick_outer_fence(const struct quick *q)
{
    if (q->mark == q->marks)
        return q->top;
    return q->values + (q->mark > q->marks + 1 ? q->mark[-2].height : 0);
}

/* The line of an INT that is a bool. */
static inline bool quick_is_bool(const uint8_t *p)
{
    return p[0] == '0' && (p[1] | 1) == '1' && p[2] == '\n';
}

/* scan_lines.c: the newline of a line of text at p whose text is as CPython writes it and cannot be
 * wrong; NULL: somebody else must look. */
const uint8_t *quick_line(uint8_t code, const uint8_t *p);
/* The same of a decimal number. */
const uint8_t *quick_number(const uint8_t *p, uint64_t *number);

static inline const uint8_t *quick_put_line(const uint8_t *p, uint64_t next)
{
    uint64_t slot;
    const uint8_t *end = quick_number(p + 1, &slot);

    return end != NULL && slot == next ? end + 1 : NULL;
}

/* Executes the PUT at p if it is one and dense; where it ends, else NULL. */
static inline const uint8_t *quick_put(struct quick *q, const uint8_t *p)
{
    const uint8_t *end = NULL;
    uint64_t next = q->bias + q->filled;

    if (*p == 0x94)
        end = q->bias == 0 ? p + 1 : NULL;
    else if (*p == 'q')
        end = p[1] == next ? p + 2 : NULL;
    else if (*p == 'r')
        end = op_le32(p + 1) == next ? p + 5 : NULL;
    else if (*p == 'p')
        end = quick_put_line(p, next);
    if (end == NULL || q->room == 0)
        return NULL;
    q->d->seen[*p] = true;
    q->filled++;
    q->room--;
    q->ops++;
    return end;
}

/* The PUT behind the opcode that made the value on top, if there is a dense one. */
static inline void quick_put_behind(struct quick *q)
{
    const uint8_t *end = quick_put(q, q->p);

    if (end != NULL)
        q->p = end;
}

/* Executes opcodes from scan.at on while they are simple, up to about `until`. */
void scan_quick(struct pkl_doc *d, const struct window *w, uint64_t until);

#endif

/*
 * Keys of dicts and members of sets: what cannot be one is refused, as Python does.
 *
 * Values on the stack of the pass say by their flags what is known of them: that they cannot be
 * keys; that somebody has to look (references, tuples with references inside).  Nobody looks before
 * such a value becomes a key.  What a class makes of its objects nobody knows: they are taken.
 */
#ifndef PICKLE_SCAN_HASH_H
#define PICKLE_SCAN_HASH_H

#include "index.h"

/* The parts of flags that are about it; of what is no run. */
static inline uint8_t scan_hash_of(const struct sval *v)
{
    if (v->kind == PKL_LIST || v->kind == PKL_DICT || v->kind == PKL_SET ||
        v->kind == PKL_BYTEARRAY)
        return SV_UNHASHABLE;
    return v->flags & (SV_UNHASHABLE | SV_DOUBT);
}

/* All that stands above an entry: how many values, flags of those at even and at odd places. */
struct scan_above {
    uint64_t n;
    uint8_t even, odd;
};
static inline struct scan_above scan_look_above(const struct sval *first, const struct sval *top)
{
    struct scan_above a = {0, 0, 0};

    for (const struct sval *v = first; v < top; v++) {
        if (v->flags & SV_RUN) {
            a.n += v->n;
            a.even |= v->flags & (SV_UNHASHABLE | SV_DOUBT);
            a.odd |= (v->flags & SV_UNHASHABLE_ODD ? SV_UNHASHABLE : 0) |
                     (v->flags & SV_DOUBT_ODD ? SV_DOUBT : 0);
            continue;
        }
        if (a.n % 2 == 0)
            a.even |= scan_hash_of(v);
        else
            a.odd |= scan_hash_of(v);
        a.n++;
    }
    return a;
}

/* Flags of a tuple of them. */
static inline uint8_t scan_hash_tuple(const struct scan_above *a)
{
    uint8_t all = a->even | a->odd;

    return all & SV_UNHASHABLE ? SV_UNHASHABLE : all;
}

/* Every per-th value from `first` on becomes a key or member. */
enum pb_err scan_hash_check(struct pkl_doc *d, size_t first, size_t per, struct error *e) PB_CHECK;

#endif

/*
 * How many children to ask for at once, by who goes through a container and enters what has
 * children of its own before it goes on: what came behind that is asked for again.  So one by one
 * where containers stand side by side, many among leaves.
 */
#ifndef PICKLE_BATCH_H
#define PICKLE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_MOST 64u

/* All zero bytes: nothing was asked for yet. */
struct batch {
    unsigned now;
};

/* How many of `left`. */
static inline size_t batch_size(const struct batch *b, uint64_t left)
{
    unsigned most = b->now > 0 ? b->now : BATCH_MOST;

    return left < most ? (size_t)left : most;
}

/* One of them was entered, or none was. */
static inline void batch_done(struct batch *b, bool entered)
{
    unsigned was = b->now > 0 ? b->now : BATCH_MOST;

    b->now = entered ? 1 : was < BATCH_MOST ? 2 * was : BATCH_MOST;
}

#endif

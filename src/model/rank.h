/*
 * Sorting many rows by a number, in time that grows with them alone, a part at a time: a key of the
 * keyboard must not wait for a million rows.
 *
 * Pure.  Knows no listing.
 */
#ifndef MODEL_RANK_H
#define MODEL_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rank {
    uint64_t key, row; /* row: or RANK_BEHIND, it stands after all that have not */
};
#define RANK_BEHIND ((uint64_t)1 << 63)

/* A sort that is done a part at a time. */
#define RANK_VALUES ((size_t)1 << 11)
struct rank_work {
    struct rank *a, *room; /* the result is in `a` */
    size_t n;
    size_t digit, at;
    bool moving; /* else the values of the digit are counted */
    size_t count[RANK_VALUES];
};
/* By RANK_BEHIND, then by key, the least first; equals stay as they stand.  room: as many. */
void rank_begin(struct rank_work *w, struct rank *a, struct rank *room, size_t n);
/* Looks at about so many; true: sorted. */
bool rank_step(struct rank_work *w, size_t ranks);

#endif

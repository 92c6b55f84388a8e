/*
 * Sorting many rows by a number, in time that grows with them alone: a key of the keyboard must not
 * wait for a million rows.
 *
 * Pure.  Knows no listing.
 */
#ifndef MODEL_RANK_H
#define MODEL_RANK_H

#include <stddef.h>
#include <stdint.h>

struct rank {
    uint64_t key, row;
};
/* By key, the least first; equals stay as they stand.  room: as many; where the result is (one of
 * the two) is returned. */
struct rank *rank_sort(struct rank *a, struct rank *room, size_t n);

#endif

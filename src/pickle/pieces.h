/* floor 1: pickle */
/*
 * The children of an edited container: runs of the original's children and single new ones.
 *
 *   original   0 1 2 3 4 5            pieces   [0 .. 2) [new 7] [3 .. 6)
 *
 * Normalised: neighbouring runs that continue each other are one, so a container in which
 * everything was undone is one run again.  Knows nothing of values; a new one is a number.
 */
#ifndef PKLBROWSE_PIECES_H
#define PKLBROWSE_PIECES_H

#include <pklbrowse/mem.h>

struct piece {
    uint64_t at;    /* position of its first child among all */
    uint64_t first; /* of a run: among the original's children */
    uint64_t count; /* of a new one: 1 */
    size_t value;   /* of a new one: its number; 0: a run */
};

struct pieces {
    struct piece *data;
    size_t len, cap;
};

bool pieces_init(struct pieces *p, uint64_t count) PB_CHECK; /* one run of all */
void pieces_release(struct pieces *p);
void pieces_copy(struct pieces *to, const struct pieces *from); /* `to` has room */
uint64_t pieces_count(const struct pieces *p);
bool pieces_original(const struct pieces *p); /* a single run from 0, or nothing */

/* The piece that holds the child at a position, NULL behind the end. */
const struct piece *pieces_at(const struct pieces *p, uint64_t position);

/* Puts `n` pieces in the place of the children [at, at + count).  What stood there is appended to
 * *removed (may be NULL).  False: no memory, and nothing has changed. */
bool pieces_replace(struct pieces *p, uint64_t at, uint64_t count, const struct piece *with,
                    size_t n, struct pieces *removed) PB_CHECK;

/* Positions at which two lists of the same length differ. */
uint64_t pieces_differ(const struct pieces *a, const struct pieces *b);

#endif

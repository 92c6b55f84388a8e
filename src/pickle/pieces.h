/* floor 1: pickle */
/*
 * The children of an edited container: runs of the original's children, single ones that were
 * changed, and single new ones.
 *
 *   original   0 1 2 3 4 5            pieces   [0 .. 2) [3 .. 6, its value 7] [4 .. 6) [new 8] [2]
 *
 * Runs may stand in any order (children that were moved), an original may be missing (deleted);
 * each stands at most once.  Normalised: neighbouring runs that continue each other are one, so a
 * container in which everything was undone is one run again.  Knows nothing of values; a new one is
 * a number.
 */
#ifndef PKLBROWSE_PIECES_H
#define PKLBROWSE_PIECES_H

#include <pklbrowse/mem.h>

/* A new child's `first`: this and a serial number, so that it is known again wherever it goes. */
#define PIECE_NEW ((uint64_t)1 << 63)

struct piece {
    uint64_t at;    /* position of its first child among all */
    uint64_t first; /* among the original's children; of a new one from PIECE_NEW on */
    uint64_t count; /* of a run; else 1 */
    size_t key;     /* of what was changed or is new: number of the new key, 0: none */
    size_t value;   /* and of the new value; both 0: a run */
};

struct pieces {
    struct piece *data;
    size_t len, cap;
    uint64_t originals; /* children that the original has */
};

static inline bool piece_is_run(const struct piece *p)
{
    return p->key == 0 && p->value == 0;
}

static inline bool piece_is_new(const struct piece *p)
{
    return p->first >= PIECE_NEW;
}

bool pieces_init(struct pieces *p, uint64_t count) PB_CHECK; /* one run of all */
void pieces_release(struct pieces *p);
void pieces_copy(struct pieces *to, const struct pieces *from); /* `to` has room */
uint64_t pieces_count(const struct pieces *p);
bool pieces_original(const struct pieces *p); /* all of the original's children, as they were */

/* The piece that holds the child at a position, NULL behind the end. */
const struct piece *pieces_at(const struct pieces *p, uint64_t position);

/* Where the child whose `first` is this stands; false: nowhere. */
bool pieces_find(const struct pieces *p, uint64_t first, uint64_t *position);

/* Puts `n` pieces in the place of the children [at, at + count).  What stood there is appended to
 * *removed (may be NULL).  False: no memory, and nothing has changed. */
bool pieces_replace(struct pieces *p, uint64_t at, uint64_t count, const struct piece *with,
                    size_t n, struct pieces *removed) PB_CHECK;

/* Positions at which two lists differ; those that only one of them has count. */
uint64_t pieces_differ(const struct pieces *a, const struct pieces *b);

#endif

/*
 * Re-reading: finds values again that the index does not hold.
 *
 * A walk runs the stack machine over a few KiB, from a checkpoint on, skipping what is recorded.
 * Everything here needs the pickle to be indexed already; no cost grows with the size of a
 * container.
 */
#ifndef PICKLE_WALK_H
#define PICKLE_WALK_H

#include "cursor.h"
#include "index.h"

/* A value at its place. Counts are its own, without what came in through references. */
struct wval {
    uint64_t begin, end, maker;
    uint64_t items, pairs, args;
    uint64_t payload; /* of a leaf, as stored: lines with their newline */
    uint32_t states;
    uint8_t opcode;
    bool ref; /* maker is the GET or DUP */
};

/* Children read ahead of those that were asked for last. */
#define WALK_AHEAD 64u
struct walk_ahead {
    uint64_t maker, first, asked; /* asked: the first one then */
    uint64_t size;                /* of the source then */
    uint64_t used;                /* turn of its last use */
    enum phase phase;
    size_t got;
    bool all; /* no more follow */
    struct wval vals[2 * WALK_AHEAD];
};

/* The value made at `maker`, of any kind. */
enum pb_err walk_locate(struct pkl_doc *d, uint64_t maker, struct wval *out,
                        struct error *e) PB_CHECK;
/* Maker of the value that took the one made at `maker`; UINT64_MAX: none did. */
enum pb_err walk_holder(struct pkl_doc *d, uint64_t maker, uint64_t *holder,
                        struct error *e) PB_CHECK;
/* How many children of a phase a value (no reference) has in all. */
uint64_t walk_total(const struct pkl_doc *d, const struct wval *v, enum phase phase);
/* Children [first, first + count) of a phase in the order of execution; of PH_PAIR two values each.
 */
enum pb_err walk_list(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t first,
                      size_t count, struct wval *out, size_t *got, struct error *e) PB_CHECK;
/* What stood on the stack where the pickle broke. */
enum pb_err walk_standing(struct pkl_doc *d, uint64_t first, size_t count, struct wval *out,
                          size_t *got, struct error *e) PB_CHECK;
/* The n values written in [from, to): nothing in there is recorded.  Works during the pass. */
enum pb_err walk_run(struct pkl_doc *d, uint64_t from, uint64_t to, struct wval *out, size_t n,
                     struct error *e) PB_CHECK;
/* The value of the n-th complete pickle, and where that pickle begins. */
enum pb_err walk_root(struct pkl_doc *d, uint64_t n, struct wval *out, uint64_t *start,
                      struct error *e) PB_CHECK;
#endif

/*
 * Where in a large dict a key may stand, by the bytes of the file alone.
 *
 * A str that equals a key has the key's bytes in it, or is fetched from a memo slot that such a one
 * was put into.  So a search for these bytes and for the opcodes that fetch them tells the few
 * stretches of children that have to be looked at; nothing is executed for that.  Whatever could be
 * written in another way makes the answer "unknown", never a wrong one.
 */
#ifndef PICKLE_KEY_NEAR_H
#define PICKLE_KEY_NEAR_H

#include "index.h"

/* Children [first, last), in the order of the file; memory is the caller's to release. */
struct key_stretches {
    struct key_stretch {
        uint64_t first, last;
    } * data;
    size_t len, cap;
};

/* Every pair of the dict made at `maker`, which has `count` of them, whose key is a str that equals
 * `text`, is in one of the stretches when *known. */
enum pb_err key_near(struct pkl_doc *d, uint64_t maker, uint64_t count, const char *text, size_t n,
                     struct key_stretches *out, bool *known, struct error *e) PB_CHECK;

#endif

/*
 * Reading from a store over HTTP: one GET (cloud_read.c), many of them for one object
 * (cloud_ranges.c), and what they have in common with a store whose reads are its own
 * (cloud_transfer.c).  Private to store.
 */
#ifndef STORE_CLOUD_READ_H
#define STORE_CLOUD_READ_H

#include "cloud.h"

/* ----------------------------------------------------------------- cloud_transfer.c */

struct cloud_transfer {
    uint64_t offset, length; /* as asked for; length 0: to the end */
    uint64_t given;          /* bytes that went into the sink */
    uint64_t skip;           /* of this answer: bytes before those that are wanted */
    uint64_t given_before;   /* when the running request was sent */
    unsigned fruitless;
    bool part; /* the last answer is a part */
    struct sink to;
};

/* Bytes to be read in all, of an object of that size (at least offset). */
uint64_t cloud_transfer_wanted(const struct cloud_transfer *t, uint64_t size);
/* The range of what is not given yet, into r, which is about to be sent. */
enum pb_err cloud_transfer_ask(struct cloud_transfer *t, struct cloud_request *r,
                               struct error *e) PB_CHECK;
/* false: it is another part than was asked for. */
bool cloud_transfer_head(struct cloud_transfer *t, const struct http_result *a);
enum pb_err cloud_transfer_take(struct cloud_transfer *t, const void *p, size_t n,
                                struct error *e) PB_CHECK;
/* It broke off with e: is it to be asked for once more? */
bool cloud_transfer_goes_on(struct cloud_transfer *t, const struct error *e);

/* --------------------------------------------------------------------- cloud_read.c */

struct store_op *cloud_read_one(struct store *s, const struct store_read_request *r,
                                store_read_fn done, void *ctx, struct error *e);
/* Of a running one, from its begin() on: the server sends the part that was asked for, not all. */
bool cloud_read_is_part(const struct store_op *op);
/* What comes is wanted to its end, not only the part that was asked for. */
void cloud_read_to_the_end(struct store_op *op);

#endif

/*
 * Reading from a store over HTTP: one GET (cloud_read.c), many of them for one object
 * (cloud_ranges.c), and what they have in common with a store whose reads are its own: the bytes
 * (cloud_transfer.c) and the read itself (cloud_reading.c).  Private to store.
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

/* ------------------------------------------------------------------ cloud_reading.c */

/* A read on its way: also of a store whose reads are its own, in whose struct it is first. */
struct cloud_reading {
    struct store_op op;            /* first */
    struct cloud_request *request; /* the one that runs */
    char *version_id;              /* or NULL */
    struct store_identity expect;  /* what must be read; after the first answer: what is read */
    bool expected, begun;          /* begun: object says what is read */
    struct cloud_transfer transfer;
    struct store_object object;
    void (*release)(struct cloud_reading *r); /* of what the store added; may be NULL */
    enum pb_err (*begin)(void *ctx, const struct store_object *o, struct error *e);
    store_read_fn done;
    void *ctx;
};

/* size: of the struct that begins with it, all zero behind.  *out is to be freed even when it
 * fails (cloud_reading_free()), but not where it is NULL. */
enum pb_err cloud_reading_new(struct cloud_reading **out, size_t size, struct store *s,
                              const struct store_read_request *q, store_read_fn done, void *ctx,
                              struct error *e) PB_CHECK;
void cloud_reading_free(struct cloud_reading *r); /* NULL is fine */
/* The end: takes the operation with it. */
void cloud_reading_finish(struct cloud_reading *r, const struct error *e);
/* A request in place of the last one. */
enum pb_err cloud_reading_request(struct cloud_reading *r, unsigned action, cloud_answer_fn done,
                                  struct error *e) PB_CHECK;
/* Of what was answered first: is it what is wanted?  Becomes r->object; begin() is called. */
enum pb_err cloud_reading_begin(struct cloud_reading *r, struct store_object *o,
                                struct error *e) PB_CHECK;
enum pb_err cloud_reading_changed(const struct cloud_reading *r, struct error *e);
/* Bytes to be read in all. */
uint64_t cloud_reading_wanted(const struct cloud_reading *r);

/* --------------------------------------------------------------------- cloud_read.c */

struct store_op *cloud_read_one(struct store *s, const struct store_read_request *r,
                                store_read_fn done, void *ctx, struct error *e);
/* Of a running one, from its begin() on: the server sends the part that was asked for, not all. */
bool cloud_read_is_part(const struct store_op *op);
/* What comes is wanted to its end, not only the part that was asked for. */
void cloud_read_to_the_end(struct store_op *op);

#endif

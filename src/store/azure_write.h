/*
 * The careful write, between its files: azure_write.c (what happens after what), azure_put.c (what
 * a write carries) and azure_blocks.c (a large one).  Private to store.
 */
#ifndef STORE_AZURE_WRITE_H
#define STORE_AZURE_WRITE_H

#include "azure.h"

/* From this size on it goes in blocks: those that did not change are not sent the next time. */
#define AZURE_BLOCKS_FROM ((uint64_t)8 << 20)
#define AZURE_PUTS_MAX 5

struct azure_blocks;

struct azure_write_op {
    struct store_op op;           /* first */
    struct azure_request request; /* the one that runs */
    struct cloud_digest digest;   /* of the whole */
    struct azure_blocks *blocks;  /* NULL: it goes in one piece */
    loop_timer timer;

    /* What was asked for. */
    char *where, *key;
    size_t key_len;
    struct source *body;
    const struct store_range *unchanged; /* copied */
    size_t unchanged_count;
    bool has_keep, keep_as_given;
    struct store_object keep;
    enum store_condition condition;
    struct store_identity identity;
    store_write_fn done;
    void *ctx;

    /* What was found. */
    bool there; /* something was there before */
    struct store_object before;
    struct buf tagging; /* a=b&c=d */
    struct store_identity put;

    /* How far it is. */
    struct error why; /* of the doubt */
    unsigned puts;
};

static inline struct azure_store *azure_write_store(const struct azure_write_op *w)
{
    return (struct azure_store *)w->op.store;
}

/* The ends: each takes the operation with it. */
void azure_write_fail(struct azure_write_op *w, const struct error *e);
void azure_write_fail_with(struct azure_write_op *w, enum pb_err code, const char *why);
void azure_write_conflict(struct azure_write_op *w);

typedef void (*azure_answer_fn)(void *ctx, const struct http_result *r, const struct error *e);
enum pb_err azure_write_begin(struct azure_write_op *w, enum azure_action action,
                              azure_answer_fn done, struct error *e) PB_CHECK;
/* The answer to the request that writes: a Put Blob or Put Block List. */
void azure_write_answered(void *ctx, const struct http_result *r, const struct error *e);

/* In one request. */
void azure_write_whole(struct azure_write_op *w);

/* Headers into w->request: properties, tags, condition. */
enum pb_err azure_put_headers(struct azure_write_op *w, struct error *e) PB_CHECK;
/* The body of Get Blob Tags as x-ms-tags wants it. */
enum pb_err azure_tagging_from(struct buf *out, const struct buf *body, struct error *e) PB_CHECK;

/* ------------------------------------------------------------------- azure_blocks.c */

enum pb_err azure_blocks_new(struct azure_write_op *w, struct azure_blocks **out,
                             struct error *e) PB_CHECK;
void azure_blocks_free(struct azure_blocks *b); /* NULL is fine */
/* The next step: what is there already is not done again. */
void azure_blocks_go(struct azure_write_op *w);
void azure_blocks_progress(const struct azure_blocks *b, struct http_progress *out);

#endif

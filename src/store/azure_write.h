/*
 * The careful write, between its files: azure_write.c (what happens after what), azure_put.c (what
 * a write carries) and azure_blocks.c (a large one).  Private to store.
 */
#ifndef STORE_AZURE_WRITE_H
#define STORE_AZURE_WRITE_H

#include "azure.h"
#include "cloud_write.h"

/* From this size on it goes in blocks: those that did not change are not sent the next time. */
#define AZURE_BLOCKS_FROM ((uint64_t)8 << 20)
#define AZURE_PUTS_MAX 5

struct azure_blocks;

struct azure_write_op {
    struct cloud_write c;                /* first */
    struct azure_request request;        /* the one that runs */
    struct azure_blocks *blocks;         /* NULL: it goes in one piece */
    const struct store_range *unchanged; /* copied */
    size_t unchanged_count;
};

static inline struct azure_store *azure_write_store(const struct azure_write_op *w)
{
    return (struct azure_store *)w->c.op.store;
}

/* The answer to the request that writes: a Put Blob or Put Block List. */
void azure_write_answered(void *ctx, const struct http_result *r, const struct error *e);

/* In one request. */
void azure_write_whole(struct azure_write_op *w);

/* Headers into w->request: properties, tags, condition. */
enum pb_err azure_put_headers(struct azure_write_op *w, struct error *e) PB_CHECK;
/* ------------------------------------------------------------------- azure_blocks.c */

enum pb_err azure_blocks_new(struct azure_write_op *w, struct azure_blocks **out,
                             struct error *e) PB_CHECK;
void azure_blocks_free(struct azure_blocks *b); /* NULL is fine */
/* The next step: what is there already is not done again. */
void azure_blocks_go(struct azure_write_op *w);
void azure_blocks_progress(const struct azure_blocks *b, struct http_progress *out);

#endif

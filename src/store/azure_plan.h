/*
 * How a large blob is cut into blocks.
 *
 * A committed block whose bytes all stand unchanged in the new blob is named again and not sent.
 * What stands between such blocks is sent; longer unchanged stretches of it may be copied on the
 * server instead.  Pure arithmetic: knows no requests.
 */
#ifndef STORE_AZURE_PLAN_H
#define STORE_AZURE_PLAN_H

#include <pklbrowse/store.h>

#define AZURE_BLOCK_SENT ((uint64_t)4 << 20) /* unless there would be too many */
#define AZURE_BLOCK_COPY ((uint64_t)8 << 20) /* the least and the most that is copied at once */
#define AZURE_BLOCKS_MAX 50000u
#define AZURE_BLOCK_MAX ((uint64_t)4000 << 20)

enum azure_piece_kind { AZURE_SEND, AZURE_COPY, AZURE_REUSE };
struct azure_piece {
    enum azure_piece_kind kind;
    uint64_t at, len; /* of the new blob */
    uint64_t from;    /* COPY: where it stands in the old one */
    size_t block;     /* REUSE: which block */
};
struct azure_plan {
    struct azure_piece *data;
    size_t len, cap;
    uint64_t sent; /* bytes of the pieces that are sent */
};

/* sizes: of the old blob's blocks in their order, NULL with count 0: none are known.  same: as in
 * struct store_write_request.  PB_ELIMIT: larger than a blob can be. */
enum pb_err azure_plan_make(struct azure_plan *out, uint64_t size, const uint64_t *sizes,
                            size_t blocks, const struct store_range *same, size_t count, bool copy,
                            struct error *e) PB_CHECK;
void azure_plan_release(struct azure_plan *p);

#endif

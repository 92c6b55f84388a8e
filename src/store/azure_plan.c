/* How a large blob is cut into blocks. */
#include "azure_plan.h"

#include <stdlib.h>

struct planner {
    struct azure_plan *out;
    const struct store_range *same;
    size_t count;
    uint64_t chunk; /* of what is sent */
    bool copy;
};

/* [at, at + len) in pieces of nearly the same length, none longer than `most`. */
static bool put(struct azure_plan *p, struct azure_piece whole, uint64_t most)
{
    uint64_t n = whole.len / most + (whole.len % most != 0), len = whole.len;

    for (uint64_t i = 0; i < n; i++) {
        whole.len = len / n + (i < len % n);
        if (!vec_push(p, whole))
            return false;
        whole.at += whole.len;
        whole.from += whole.len;
    }
    return true;
}

static bool put_sent(struct planner *p, uint64_t at, uint64_t end)
{
    struct azure_piece piece = {.kind = AZURE_SEND, .at = at, .len = end - at};

    if (at == end)
        return true;
    p->out->sent += end - at;
    return put(p->out, piece, p->chunk);
}

/* Long unchanged stretches of [at, end) are copied, the rest is sent. */
static bool put_gap(struct planner *p, uint64_t at, uint64_t end)
{
    for (size_t i = 0; p->copy && i < p->count; i++) {
        const struct store_range *r = &p->same[i];
        uint64_t from = r->at > at ? r->at : at, to = r->at + r->len < end ? r->at + r->len : end;
        struct azure_piece piece = {
            .kind = AZURE_COPY, .at = from, .len = to - from, .from = r->from + (from - r->at)};

        if (r->at >= end)
            break;
        if (r->at + r->len <= at || to - from < AZURE_BLOCK_COPY)
            continue;
        if (!put_sent(p, at, from) || !put(p->out, piece, AZURE_BLOCK_COPY))
            return false;
        at = to;
    }
    return put_sent(p, at, end);
}

/* Every block that lies in an unchanged range is named again; both are walked in their order. */
static bool put_all(struct planner *p, uint64_t size, const uint64_t *sizes, size_t blocks)
{
    uint64_t done = 0; /* everything before is in a piece */
    size_t block = 0;
    uint64_t begin = 0; /* of that block */

    for (size_t i = 0; i < p->count; i++) {
        const struct store_range *r = &p->same[i];

        if (i > 0 && r->from < p->same[i - 1].from) /* something was moved to the front */
            block = 0, begin = 0;
        for (; block < blocks && begin < r->from; block++)
            begin += sizes[block];
        for (; block < blocks && begin + sizes[block] <= r->from + r->len; block++) {
            uint64_t at = r->at + (begin - r->from);
            struct azure_piece piece = {
                .kind = AZURE_REUSE, .at = at, .len = sizes[block], .block = block};

            begin += sizes[block];
            if (piece.len == 0)
                continue;
            if (!put_gap(p, done, at) || !vec_push(p->out, piece))
                return false;
            done = at + piece.len;
        }
    }
    return put_gap(p, done, size);
}

enum pb_err azure_plan_make(struct azure_plan *out, uint64_t size, const uint64_t *sizes,
                            size_t blocks, const struct store_range *same, size_t count, bool copy,
                            struct error *e)
{
    uint64_t least = size / (AZURE_BLOCKS_MAX - 10000) + 1;
    struct planner p = {.out = out,
                        .same = same,
                        .count = count,
                        .chunk = least > AZURE_BLOCK_SENT ? least : AZURE_BLOCK_SENT,
                        .copy = copy};

    *out = (struct azure_plan){0};
    if (p.chunk > AZURE_BLOCK_MAX)
        return error_set(e, PB_ELIMIT, "it is larger than a blob can be");
    if (!put_all(&p, size, sizes, blocks)) {
        azure_plan_release(out);
        return error_nomem(e);
    }
    if (out->len <= AZURE_BLOCKS_MAX)
        return PB_OK;
    azure_plan_release(out); /* changes in too many places: all of it is sent */
    return azure_plan_make(out, size, NULL, 0, NULL, 0, false, e);
}

void azure_plan_release(struct azure_plan *p)
{
    vec_release(p);
    *p = (struct azure_plan){0};
}

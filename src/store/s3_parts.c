/* How a large object is cut into the parts of a multipart upload. */
#include <stdlib.h>

#include "s3_parts.h"

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* [at, at + len) in `n` parts of nearly the same length. */
static bool put(struct s3_parts *p, uint64_t at, uint64_t len, uint64_t n, bool copied,
                uint64_t from)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t size = len / n + (i < len % n);
        struct s3_part part = {.at = at, .len = size, .copied = copied, .from = from};

        if (!vec_push(p, part))
            return false;
        at += size;
        from += copied ? size : 0;
    }
    return true;
}

static bool put_sent(struct s3_parts *p, uint64_t at, uint64_t end, uint64_t chunk)
{
    uint64_t n = (end - at) / chunk;

    p->sent += end - at;
    return end == at || put(p, at, end - at, n == 0 ? 1 : n, false, 0);
}

/*
 * Each range is copied less what the change before it needs to be a part, when enough is left; what
 * stands between two copies is sent.
 */
static bool plan(struct s3_parts *p, uint64_t size, const struct store_range *same, size_t count,
                 uint64_t chunk)
{
    uint64_t done = 0; /* everything before is in a part */

    for (size_t i = 0; i < count; i++) {
        const struct store_range *r = &same[i];
        uint64_t gap = r->at - done, skip = 0, end = r->at + r->len;

        if (gap > 0 && gap < S3_PART_MIN)
            skip = S3_PART_MIN - gap;
        if (r->len <= skip || (r->len - skip < S3_PART_MIN && end < size))
            continue;
        if (!put_sent(p, done, r->at + skip, chunk) ||
            !put(p, r->at + skip, r->len - skip, ceil_div(r->len - skip, S3_PART_COPY), true,
                 r->from + skip))
            return false;
        done = end;
    }
    return put_sent(p, done, size, chunk);
}

enum pb_err s3_parts_plan(struct s3_parts *out, uint64_t size, const struct store_range *same,
                          size_t count, struct error *e)
{
    uint64_t least = ceil_div(size, S3_PARTS_MAX - 1000);
    uint64_t chunk = least > S3_PART_SENT ? least : S3_PART_SENT;

    *out = (struct s3_parts){0};
    if (size > S3_OBJECT_MAX)
        return error_set(e, PB_ELIMIT, "it is larger than 5 TiB, the most that an object can be");
    if (!plan(out, size, same, count, chunk)) {
        s3_parts_release(out);
        return error_nomem(e);
    }
    if (out->len <= S3_PARTS_MAX)
        return PB_OK;
    s3_parts_release(out); /* changes in too many places: all of it is sent */
    return s3_parts_plan(out, size, NULL, 0, e);
}

void s3_parts_release(struct s3_parts *p)
{
    vec_release(p);
    *p = (struct s3_parts){0};
}

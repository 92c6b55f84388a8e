/* Offsets of the original and of the result, by the segments that copy one to the other. */
#include <stdlib.h>

#include "verify.h"

const struct splice_segment *verify_segment(const struct verify *v, uint64_t at, size_t *index)
{
    const struct pkl_splice *p = v->plan;
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->segments[middle].at + p->segments[middle].len <= at)
            low = middle + 1;
        else
            high = middle;
    }
    *index = low;
    return low < p->count ? &p->segments[low] : NULL;
}

const struct splice_segment *verify_copy_of(const struct verify *v, uint64_t from)
{
    size_t low = 0, high = v->copied;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct splice_segment *s = &v->plan->segments[v->order[middle]];

        if (s->from + s->len <= from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == v->copied || v->plan->segments[v->order[low]].from > from)
        return NULL;
    return &v->plan->segments[v->order[low]];
}

enum pb_err verify_origin(struct verify *v, size_t segment, struct verify_range *out, bool *has)
{
    const struct splice_segment *s = &v->plan->segments[segment];
    uint64_t header, payload;
    enum pb_err err;

    *has = v->placed[segment];
    *out = (struct verify_range){s->from, s->from + s->len};
    if (!*has || s->kind == SPLICE_COPY)
        return PB_OK;
    err = pkl_opcode_length(v->original, s->instead, &header, &payload, v->e);
    *out = (struct verify_range){s->instead, s->instead + header + payload};
    return err;
}

uint64_t verify_source_of(const struct verify *v, uint64_t at)
{
    size_t i;
    const struct splice_segment *s = verify_segment(v, at, &i);

    return s != NULL && s->kind == SPLICE_COPY ? s->from + (at - s->at) : UINT64_MAX;
}

uint64_t verify_result_of(const struct verify *v, uint64_t from)
{
    const struct splice_segment *s = verify_copy_of(v, from);

    return s != NULL ? s->at + (from - s->from) : UINT64_MAX;
}

static int by_begin(const void *a, const void *b)
{
    const struct verify_range *x = a, *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

void verify_join(struct verify_ranges *r)
{
    size_t n = 0;

    if (r->len > 1)
        qsort(r->data, r->len, sizeof *r->data, by_begin);
    for (size_t i = 0; i < r->len; i++) {
        if (n > 0 && r->data[i].begin <= r->data[n - 1].end) {
            if (r->data[i].end > r->data[n - 1].end)
                r->data[n - 1].end = r->data[i].end;
        } else {
            r->data[n++] = r->data[i];
        }
    }
    r->len = n;
}

const struct verify_range *verify_range_in(const struct verify_ranges *r, uint64_t from,
                                           uint64_t to)
{
    size_t low = vec_lower(r, end, from);

    return low < r->len && r->data[low].begin <= to ? &r->data[low] : NULL;
}

/*
 * What a save need not send: the parts of its result that stand in what the store holds.
 *
 * A result is spans of the original and new bytes.  After a save in place the store holds such a
 * result itself; what both took from the same bytes of the original is the same.
 */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct ranges {
    struct store_range *data;
    size_t len, cap;
};

static bool add(struct ranges *to, uint64_t at, uint64_t from, uint64_t len)
{
    struct store_range r = {at, from, len};
    struct store_range *last = to->len > 0 ? &to->data[to->len - 1] : NULL;

    if (last != NULL && last->at + last->len == at && last->from + last->len == from) {
        last->len += len;
        return true;
    }
    return vec_push(to, r);
}

static bool in_order(const struct pkl_splice *s)
{
    uint64_t end = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct splice_segment *g = &s->segments[i];

        if (g->kind != SPLICE_COPY)
            continue;
        if (g->from < end)
            return false;
        end = g->from + g->len;
    }
    return true;
}

static bool from_original(const struct pkl_splice *now, struct ranges *to)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct splice_segment *g = &now->segments[i];

        if (g->kind == SPLICE_COPY && !add(to, g->at, g->from, g->len))
            return false;
    }
    return true;
}

/* Both in the order of the original: side by side. */
static bool from_saved(const struct pkl_splice *now, const struct pkl_splice *saved,
                       struct ranges *to)
{
    size_t i = 0, k = 0;

    while (i < now->count && k < saved->count) {
        const struct splice_segment *a = &now->segments[i], *b = &saved->segments[k];
        uint64_t begin, end, end_a = a->from + a->len, end_b = b->from + b->len;

        if (a->kind != SPLICE_COPY) {
            i++;
            continue;
        }
        if (b->kind != SPLICE_COPY) {
            k++;
            continue;
        }
        begin = a->from > b->from ? a->from : b->from;
        end = end_a < end_b ? end_a : end_b;
        if (begin < end &&
            !add(to, a->at + (begin - a->from), b->at + (begin - b->from), end - begin))
            return false;
        if (end_a <= end_b)
            i++;
        else
            k++;
    }
    return true;
}

enum pb_err unchanged_prefix(uint64_t len, struct store_range **out, size_t *count, struct error *e)
{
    struct ranges r = {0};

    if (len > 0 && !add(&r, 0, 0, len))
        return error_nomem(e);
    *out = r.data;
    *count = r.len;
    return PB_OK;
}

enum pb_err unchanged_ranges(const struct pkl_splice *now, const struct pkl_splice *saved,
                             struct store_range **out, size_t *count, struct error *e)
{
    struct ranges r = {0};
    bool ok = true;

    if (saved == NULL)
        ok = from_original(now, &r);
    else if (in_order(now) && in_order(saved))
        ok = from_saved(now, saved, &r);
    if (!ok) {
        free(r.data);
        return error_nomem(e);
    }
    *out = r.data;
    *count = r.len;
    return PB_OK;
}

/* --- how many --------------------------------------------------------------------------------
 */

static int by_from(const void *a, const void *b)
{
    const struct store_range *x = a, *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

/* The copied spans in the order of the original, which moves may have changed. */
static bool sorted_copies(const struct pkl_splice *s, struct ranges *to)
{
    if (!from_original(s, to))
        return false;
    if (to->len > 1)
        qsort(to->data, to->len, sizeof *to->data, by_from);
    return true;
}

enum pb_err unchanged_bytes(const struct pkl_splice *now, const struct pkl_splice *saved,
                            uint64_t *out, struct error *e)
{
    struct ranges a = {0}, b = {0};
    bool ok = sorted_copies(now, &a) && sorted_copies(saved, &b);
    size_t i = 0, k = 0;

    *out = 0;
    while (ok && i < a.len && k < b.len) {
        const struct store_range *x = &a.data[i], *y = &b.data[k];
        uint64_t end_x = x->from + x->len, end_y = y->from + y->len;
        uint64_t begin = x->from > y->from ? x->from : y->from;
        uint64_t end = end_x < end_y ? end_x : end_y;

        *out += begin < end ? end - begin : 0;
        if (end_x <= end_y)
            i++;
        else
            k++;
    }
    vec_release(&a);
    vec_release(&b);
    return ok ? PB_OK : error_nomem(e);
}

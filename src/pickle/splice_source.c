/* The result of a plan, as bytes: views inside one segment are passed through, those across several
 * are put together in a window. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_splice.h>

#define WINDOW 4096u
#define PASSED 512u /* of a segment that is left to be passed through */

struct spliced {
    struct source base; /* first */
    struct pkl_splice *plan;
    uint8_t *window;
    size_t cap, len;
    uint64_t at; /* of the window in the result */
};

static const struct splice_segment *segment_at(const struct pkl_splice *p, uint64_t off)
{
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->segments[middle].at + p->segments[middle].len <= off)
            low = middle + 1;
        else
            high = middle;
    }
    return &p->segments[low];
}

/* Bytes of one segment. */
static enum pb_err view_segment(const struct pkl_splice *p, const struct splice_segment *s,
                                uint64_t off, size_t want, const uint8_t **out, size_t *n,
                                struct error *e)
{
    uint64_t skip = off - s->at, left = s->len - skip;
    size_t ask = want < left ? want : (size_t)left;
    enum pb_err err = PB_OK;

    if (s->kind != SPLICE_COPY) {
        *out = (const uint8_t *)p->bytes.data + s->from + skip;
        *n = (size_t)left;
        return PB_OK;
    }
    err = source_view(p->original, s->from + skip, ask, out, n, e);
    if (*n > left)
        *n = (size_t)left;
    return err;
}

static enum pb_err fill(struct spliced *s, uint64_t off, size_t want, struct error *e)
{
    uint64_t left = s->base.size - off;
    size_t need = want > WINDOW ? want : WINDOW;
    const struct splice_segment *seg;

    need = need < left ? need : (size_t)left;
    s->len = 0;
    s->at = off;
    if (need > s->cap) {
        uint8_t *bigger = mem_realloc(s->window, need, 1);

        if (bigger == NULL)
            return error_nomem(e);
        s->window = bigger;
        s->cap = need;
    }
    for (seg = segment_at(s->plan, off); s->len < need;) {
        size_t part = need - s->len < SOURCE_VIEW_MAX ? need - s->len : SOURCE_VIEW_MAX, n;
        const uint8_t *p;
        enum pb_err err = view_segment(s->plan, seg, off + s->len, part, &p, &n, e);

        if (err != PB_OK)
            return err;
        if (n == 0)
            return error_set(e, PB_ECHANGED, "the original became shorter");
        n = n < need - s->len ? n : need - s->len;
        memcpy(s->window + s->len, p, n);
        s->len += n;
        if (off + s->len == seg->at + seg->len)
            seg++;
    }
    return PB_OK;
}

static enum pb_err view(struct source *base, uint64_t off, size_t want, const uint8_t **p,
                        size_t *n, struct error *e)
{
    struct spliced *s = (struct spliced *)(void *)base;
    const struct splice_segment *seg;
    uint64_t left;
    enum pb_err err;

    *p = (const uint8_t *)"";
    *n = 0;
    if (off >= base->size)
        return PB_OK;
    left = base->size - off;
    want = want < left ? want : (size_t)left;
    if (off < s->at || off + want > s->at + s->len) {
        seg = segment_at(s->plan, off);
        if (seg->at + seg->len - off >= (want > PASSED || left < PASSED ? want : PASSED))
            return view_segment(s->plan, seg, off, want, p, n, e);
        err = fill(s, off, want, e);
        if (err != PB_OK) {
            s->len = 0;
            return err;
        }
    }
    *p = s->window + (off - s->at);
    *n = s->len - (size_t)(off - s->at);
    return PB_OK;
}

static void release(struct source *base)
{
    struct spliced *s = (struct spliced *)(void *)base;

    free(s->window);
    free(s);
}

static const struct source_ops ops = {view, release};

enum pb_err pkl_splice_source(struct pkl_splice *plan, struct source **out, struct error *e)
{
    struct spliced *s = mem_alloc(sizeof *s);

    if (s == NULL)
        return error_nomem(e);
    s->base.ops = &ops;
    s->base.size = s->base.here = plan->size;
    s->plan = plan;
    *out = &s->base;
    return PB_OK;
}

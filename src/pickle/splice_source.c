/* The result of a plan, as bytes: views inside one segment are passed through, those across several
 * are put together in a window.  There are a few of those: who reads on also looks at what is read
 * again and again, such as what a GET means. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_splice.h>

#define WINDOW 4096u
#define PASSED 512u /* of a segment that is left to be passed through */

#define WINDOWS 4u

struct window {
    uint8_t *bytes;
    size_t cap, len;
    uint64_t at;   /* in the result */
    uint64_t used; /* when it was looked at last */
};

struct spliced {
    struct source base; /* first */
    struct pkl_splice *plan;
    struct window windows[WINDOWS];
    uint64_t looks;
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

static enum pb_err fill(struct spliced *s, struct window *w, uint64_t off, size_t want,
                        struct error *e)
{
    uint64_t left = s->base.size - off;
    /* As much again, so that who reads on in small steps but asks for much each time finds most of
     * it here. */
    size_t need = want > WINDOW / 2 ? want * 2 : WINDOW;
    const struct splice_segment *seg;

    need = need < left ? need : (size_t)left;
    w->len = 0;
    w->at = off;
    if (need > w->cap) {
        uint8_t *bigger = mem_realloc(w->bytes, need, 1);

        if (bigger == NULL)
            return error_nomem(e);
        w->bytes = bigger;
        w->cap = need;
    }
    for (seg = segment_at(s->plan, off); w->len < need;) {
        size_t part = need - w->len < SOURCE_VIEW_MAX ? need - w->len : SOURCE_VIEW_MAX, n;
        const uint8_t *p;
        enum pb_err err = view_segment(s->plan, seg, off + w->len, part, &p, &n, e);

        if (err == PB_OK && n == 0)
            err = error_set(e, PB_ECHANGED, "the original became shorter");
        if (err != PB_OK) {
            w->len = 0;
            return err;
        }
        n = n < need - w->len ? n : need - w->len;
        memcpy(w->bytes + w->len, p, n);
        w->len += n;
        if (off + w->len == seg->at + seg->len)
            seg++;
    }
    return PB_OK;
}

/* The window that has all of it; NULL: none, and *oldest is the one to fill. */
static struct window *find_window(struct spliced *s, uint64_t off, size_t want,
                                  struct window **oldest)
{
    *oldest = &s->windows[0];
    for (size_t i = 0; i < WINDOWS; i++) {
        struct window *w = &s->windows[i];

        if (off >= w->at && off + want <= w->at + w->len)
            return w;
        if (w->used < (*oldest)->used)
            *oldest = w;
    }
    return NULL;
}

static enum pb_err view(struct source *base, uint64_t off, size_t want, const uint8_t **p,
                        size_t *n, struct error *e)
{
    struct spliced *s = (struct spliced *)(void *)base;
    const struct splice_segment *seg;
    struct window *w, *oldest;
    uint64_t left;
    enum pb_err err;

    *p = (const uint8_t *)"";
    *n = 0;
    if (off >= base->size)
        return PB_OK;
    left = base->size - off;
    want = want < left ? want : (size_t)left;
    w = find_window(s, off, want, &oldest);
    if (w == NULL) {
        seg = segment_at(s->plan, off);
        if (seg->at + seg->len - off >= (want > PASSED || left < PASSED ? want : PASSED))
            return view_segment(s->plan, seg, off, want, p, n, e);
        w = oldest;
        err = fill(s, w, off, want, e);
        if (err != PB_OK)
            return err;
    }
    w->used = ++s->looks;
    *p = w->bytes + (off - w->at);
    *n = w->len - (size_t)(off - w->at);
    return PB_OK;
}

static void release(struct source *base)
{
    struct spliced *s = (struct spliced *)(void *)base;

    for (size_t i = 0; i < WINDOWS; i++)
        free(s->windows[i].bytes);
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

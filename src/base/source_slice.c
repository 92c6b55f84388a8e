/* A part of another source, as a source of its own. */
#include <stdlib.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>

struct slice_source {
    struct source base;
    struct source *whole; /* borrowed */
    uint64_t at;
};

static enum pb_err slice_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                              size_t *n, struct error *e)
{
    const struct slice_source *slice = (const struct slice_source *)s;
    uint64_t left;
    enum pb_err err;

    if (off > s->size)
        off = s->size;
    left = s->size - off;
    if (want > left)
        want = (size_t)left;
    err = source_view(slice->whole, slice->at + off, want, p, n, e);
    if (*n > left)
        *n = (size_t)left;
    return err;
}

static void slice_free(struct source *s)
{
    free(s);
}

static const struct source_ops slice_ops = {slice_view, slice_free};

struct source *source_slice(struct source *whole, uint64_t at, uint64_t n)
{
    struct slice_source *slice = mem_alloc(sizeof *slice);

    if (slice == NULL)
        return NULL;
    slice->base.ops = &slice_ops;
    slice->base.size = slice->base.here = n;
    slice->base.stable = whole->stable;
    slice->whole = whole;
    slice->at = at;
    return &slice->base;
}

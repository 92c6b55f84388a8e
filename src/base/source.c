#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>

enum pb_err source_view(struct source *s, uint64_t off, size_t want, const uint8_t **p, size_t *n,
                        struct error *e)
{
    assert(want <= SOURCE_VIEW_MAX);
    return s->ops->view(s, off, want, p, n, e);
}

void source_free(struct source *s)
{
    if (s == NULL)
        return;
    vec_release(&s->gaps);
    s->ops->free(s);
}

/* The first gap at `at` or behind it. */
static size_t gap_index(const struct source *s, uint64_t at)
{
    return vec_lower(&s->gaps, at, at);
}

bool source_gap_add(struct source *s, uint64_t at, uint64_t len)
{
    struct source_gap gap = {at, len};
    size_t i = gap_index(s, at);

    if (i < s->gaps.len && s->gaps.data[i].at == at) {
        s->gaps.data[i] = gap;
        return true;
    }
    if (!vec_reserve(&s->gaps, s->gaps.len + 1))
        return false;
    memmove(s->gaps.data + i + 1, s->gaps.data + i, (s->gaps.len - i) * sizeof gap);
    s->gaps.data[i] = gap;
    s->gaps.len++;
    return true;
}

uint64_t source_gap(const struct source *s, uint64_t at)
{
    size_t i = s->gaps.len > 0 ? gap_index(s, at) : 0;

    return i < s->gaps.len && s->gaps.data[i].at == at ? s->gaps.data[i].len : 0;
}

bool source_gap_before(const struct source *s, uint64_t end, struct source_gap *out)
{
    size_t i = gap_index(s, end);

    if (i > 0)
        *out = s->gaps.data[i - 1];
    return i > 0;
}

enum pb_err source_copy(struct source *s, uint64_t off, uint64_t n, const struct sink *to,
                        struct error *e)
{
    enum pb_err err = PB_OK;

    while (n > 0 && err == PB_OK) {
        size_t want = n < SOURCE_VIEW_MAX ? (size_t)n : SOURCE_VIEW_MAX, got;
        const uint8_t *p;

        err = source_view(s, off, want, &p, &got, e);
        if (err != PB_OK)
            break;
        if (got == 0)
            return error_set(e, PB_EIO, "the bytes end at %llu, %llu more were expected",
                             (unsigned long long)off, (unsigned long long)n);
        if (got > want)
            got = want;
        err = sink_write(to, p, got, e);
        off += got;
        n -= got;
    }
    return err;
}

struct mem_source {
    struct source base;
    const uint8_t *bytes;
    void *owned;        /* what to free, or NULL */
    struct buf growing; /* of source_mem_growing() only */
};

static enum pb_err mem_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                            size_t *n, struct error *e)
{
    const struct mem_source *m = (const struct mem_source *)s;

    (void)want;
    (void)e;
    if (off > s->size)
        off = s->size;
    *n = (size_t)(s->size - off);
    *p = m->bytes + off;
    return PB_OK;
}

static void mem_free(struct source *s)
{
    struct mem_source *m = (struct mem_source *)s;

    free(m->owned);
    buf_release(&m->growing);
    free(m);
}

static const struct source_ops mem_ops = {mem_view, mem_free};
static const struct source_ops growing_ops = {mem_view, mem_free};

static struct mem_source *new_mem(const struct source_ops *ops, size_t max)
{
    struct mem_source *m = mem_alloc(sizeof *m);

    if (m == NULL)
        return NULL;
    m->base.ops = ops;
    buf_init(&m->growing, max);
    m->bytes = (const uint8_t *)m->growing.data;
    return m;
}

struct source *source_mem(const void *p, size_t n, bool own)
{
    struct mem_source *m = new_mem(&mem_ops, 0);

    if (m == NULL)
        return NULL;
    if (n > 0)
        m->bytes = p;
    if (own)
        memcpy(&m->owned, &p, sizeof p);
    m->base.size = m->base.here = n;
    m->base.stable = true;
    return &m->base;
}

struct source *source_mem_growing(size_t max)
{
    struct mem_source *m = new_mem(&growing_ops, max);

    return m != NULL ? &m->base : NULL;
}

static void refresh(struct mem_source *m)
{
    m->bytes = (const uint8_t *)m->growing.data;
    m->base.size = m->base.here = m->growing.len;
}

enum pb_err source_mem_append(struct source *s, const void *p, size_t n, struct error *e)
{
    struct mem_source *m = (struct mem_source *)s;
    enum pb_err err;

    assert(s->ops == &growing_ops);
    buf_append(&m->growing, p, n);
    err = buf_status(&m->growing, e);
    m->growing.failed = PB_OK; /* nothing was added: the next edit may be smaller */
    refresh(m);
    return err;
}

void source_mem_truncate(struct source *s, uint64_t size)
{
    struct mem_source *m = (struct mem_source *)s;

    assert(s->ops == &growing_ops && size <= m->growing.len);
    buf_truncate(&m->growing, (size_t)size);
    refresh(m);
}

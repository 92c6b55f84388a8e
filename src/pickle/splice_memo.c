/*
 * Which memo slots of the replaced values are read later.
 *
 * One walk over the memo opcodes of the stream.  A slot may be defined again, so a GET reads the
 * last definition before it.  A GET that is itself inside a replaced value counts only if that one
 * stays.
 */
#include <stdlib.h>

#include "splice_private.h"

struct memo_walk {
    struct splice_work *w;
    size_t span;        /* the first one that ends behind the opcode */
    struct idmap slots; /* slot + 1 -> put + 1; 0: defined outside since */
    uint64_t last_implicit;
    bool any_implicit;
    bool no_memory;
};

static bool inside(const struct memo_walk *m, uint64_t off)
{
    return m->span < m->w->spans.len && m->w->spans.data[m->span].begin <= off;
}

static bool put(struct memo_walk *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    struct splice_put p = {.span = m->span,
                           .offset = ev->offset,
                           .end = ev->end,
                           .implicit = ev->op == PKL_MEMO_IMPLICIT};
    struct splice_span *s;
    uint64_t known, link = 0;

    if (idmap_get(&w->link_puts, ev->offset + 1, &link)) {
        w->links.data[link - 1].slot = ev->slot;
        w->links.data[link - 1].found = p.fetched = true;
        p.target = w->links.data[link - 1].target;
    }
    if (p.implicit) {
        m->last_implicit = ev->offset;
        m->any_implicit = true;
    }
    if (!inside(m, ev->offset))
        return !idmap_get(&m->slots, ev->slot + 1, &known) || idmap_put(&m->slots, ev->slot + 1, 0);
    s = &w->spans.data[m->span];
    if (s->puts++ == 0)
        s->first_put = w->puts.len;
    return vec_push(&w->puts, p) && idmap_put(&m->slots, ev->slot + 1, w->puts.len);
}

static bool get(struct memo_walk *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    struct splice_get g = {.span = m->span, .offset = ev->offset};
    uint64_t number;

    if (m->any_implicit)
        w->numbered = m->last_implicit;
    if (!idmap_get(&m->slots, ev->slot + 1, &number) || number == 0)
        return true;
    g.put = (size_t)number - 1;
    if (inside(m, ev->offset))
        return vec_push(&w->gets, g);
    w->puts.data[g.put].fetched = true;
    w->puts.data[g.put].get = ev->offset;
    return true;
}

static bool see(void *ctx, const struct pkl_memo_event *ev)
{
    struct memo_walk *m = ctx;
    bool ok;

    while (m->span < m->w->spans.len && m->w->spans.data[m->span].end <= ev->offset)
        m->span++;
    ok = ev->op == PKL_MEMO_GET ? get(m, ev) : put(m, ev);
    m->no_memory = !ok;
    return ok;
}

static void sum_up(struct splice_work *w, struct splice_span *s)
{
    for (size_t i = 0; i < s->puts; i++) {
        const struct splice_put *p = &w->puts.data[s->first_put + i];

        if (p->fetched && p->offset >= s->made)
            s->whole_fetched = true;
        else if (p->fetched)
            s->part_fetched = true;
    }
}

/* Of the GETs inside a span those count that stay: all when it stays whole, else those in parts of
 * it that do, which the cutter finds out; until then all of a span of which anything stays. */
static void spread(struct splice_work *w)
{
    size_t g = w->gets.len;

    for (size_t i = w->spans.len; i-- > 0;) {
        struct splice_span *s = &w->spans.data[i];

        sum_up(w, s);
        for (; g > 0 && w->gets.data[g - 1].span == i; g--) {
            const struct splice_get *got = &w->gets.data[g - 1];
            struct splice_put *p = &w->puts.data[got->put];

            if ((s->whole_fetched || s->part_fetched) && p->span != i) {
                p->fetched = true;
                p->get = got->offset;
            }
        }
    }
}

enum pb_err splice_memo(struct splice_work *w)
{
    struct memo_walk m = {.w = w};
    enum pb_err err = pkl_doc_memo_walk(w->ed->doc, see, &m, w->e);

    /* A GET of a new value may count on any number. */
    if (w->links.len > 0)
        w->numbered = UINT64_MAX;
    idmap_release(&m.slots);
    if (m.no_memory)
        return error_nomem(w->e);
    if (err == PB_OK)
        spread(w);
    return err;
}

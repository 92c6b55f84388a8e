/*
 * One walk over the memo opcodes of the stream: which slots of what goes are read by what stays,
 * where linked values are stored, and which slots nobody reads any more.
 *
 * A slot may be defined again, so a GET reads the last definition before it.
 */
#include <stdlib.h>

#include "index.h"
#include "splice_private.h"

#define SLOTS_WATCHED (1u << 22)

enum pb_err splice_memo_begin(struct splice_memo *m, struct splice_work *w)
{
    *m = (struct splice_memo){.w = w};
    m->on.both = splice_on_both(w->ed->doc);
    for (size_t i = 0; i < w->targets.len; i++) {
        const struct splice_target *t = &w->targets.data[i];

        if (t->put != 0 && !idmap_put(&m->put_of, t->put + 1, i + 1))
            return error_nomem(w->e);
    }
    return PB_OK;
}

void splice_memo_release(struct splice_memo *m)
{
    idmap_release(&m->slots);
    idmap_release(&m->put_of);
    idmap_release(&m->of_slot);
    splice_on_release(&m->on);
}

static bool changes(const struct splice_work *w, uint64_t from, uint64_t to)
{
    size_t low = vec_lower(&w->spans, begin, from);

    return low < w->spans.len && w->spans.data[low].begin < to;
}

/* The slots of the pickles in front are read, too. */
static void read_on(struct splice_work *w, const struct pkl_memo_event *ev)
{
    for (size_t i = 0; i + 1 < w->tables.len; i++) {
        const struct splice_table *t = &w->tables.data[i];

        if (ev->slot < t[1].first - t->first)
            w->slots.data[t->first + ev->slot].last = ev->end;
    }
}

/* Slots that are free again are looked for in the pickles that change. */
static bool watch(struct splice_memo *m, const struct pkl_memo_event *ev, bool outside)
{
    struct splice_work *w = m->w;
    struct splice_table *t = w->tables.len > 0 ? &w->tables.data[w->tables.len - 1] : NULL;
    struct splice_free *f;

    if (t == NULL || (ev->start != t->start && !w->ed->doc->scan.shared)) {
        struct splice_table next = {ev->start, w->slots.len};

        if (t != NULL && !changes(w, t->start, ev->start)) {
            next.first = w->slots.len = t->first;
            w->tables.len--;
        }
        if (!vec_push(&w->tables, next))
            return false;
        t = &w->tables.data[w->tables.len - 1];
    }
    if (ev->slot >= SLOTS_WATCHED)
        return true;
    while (w->slots.len - t->first <= ev->slot) {
        if (!vec_push(&w->slots, ((struct splice_free){0})))
            return false;
    }
    f = &w->slots.data[t->first + ev->slot];
    f->last = ev->end;
    f->occupied = f->occupied || (outside && ev->op != PKL_MEMO_GET);
    if (m->on.both && ev->op == PKL_MEMO_GET)
        read_on(w, ev);
    return true;
}

enum pb_err splice_slots(struct splice_work *w, uint64_t at, struct splice_free **slots, size_t *n)
{
    struct pickle_mark in = {0};
    enum pb_err err = PB_OK;

    *n = 0;
    if (!w->ed->doc->scan.shared)
        err = pickle_around(w->ed->doc, at, &in, w->e);
    for (size_t i = 0; i < w->tables.len && err == PB_OK; i++) {
        const struct splice_table *t = &w->tables.data[i];

        if (t->start != in.offset && !w->ed->doc->scan.shared)
            continue;
        *slots = w->slots.data + t->first;
        *n = (i + 1 < w->tables.len ? t[1].first : w->slots.len) - t->first;
    }
    return err;
}

/* The slot of a target is told, or lost to something else. */
static bool follow(struct splice_memo *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    uint64_t number;

    if (idmap_get(&m->of_slot, ev->slot + 1, &number) && number != 0) {
        if (w->targets.data[number - 1].gone == UINT64_MAX)
            w->targets.data[number - 1].gone = ev->offset;
        if (!idmap_put(&m->of_slot, ev->slot + 1, 0))
            return false;
    }
    if (!idmap_get(&m->put_of, ev->offset + 1, &number))
        return true;
    w->targets.data[number - 1].slot = ev->slot;
    w->targets.data[number - 1].implicit = ev->op == PKL_MEMO_IMPLICIT;
    return idmap_put(&m->of_slot, ev->slot + 1, number);
}

static bool put_own(struct splice_memo *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    struct splice_put p = {.offset = ev->offset,
                           .end = ev->end,
                           .slot = ev->slot,
                           .implicit = ev->op == PKL_MEMO_IMPLICIT};
    uint64_t known;

    if (p.implicit) {
        m->last_implicit = ev->offset;
        w->implicit = true;
    }
    if (ev->slot > w->max_slot)
        w->max_slot = ev->slot;
    if (w->targets.len > 0 && (!follow(m, ev) || !watch(m, ev, m->open == 0)))
        return false;
    if (m->open == 0 && w->ed->doc->puts.len == 0)
        return true; /* no slot is stored into twice */
    if (m->open == 0)
        return !idmap_get(&m->slots, ev->slot + 1, &known) || idmap_put(&m->slots, ev->slot + 1, 0);
    return vec_push(&w->puts, p) && idmap_put(&m->slots, ev->slot + 1, w->puts.len);
}

static bool put(struct splice_memo *m, const struct pkl_memo_event *ev)
{
    return put_own(m, ev) &&
           (!m->on.both || splice_on_put(&m->on, ev, m->open != 0 ? m->w->puts.len : 0));
}

/* The slot that is read if the memo goes on. */
static bool get_on(struct splice_memo *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    uint64_t number = splice_on_get(&m->on, ev->slot);
    struct splice_get g = {.offset = ev->offset, .put = (size_t)number - 1, .on = true};

    if (number == 0)
        return true;
    if (m->open != 0)
        return vec_push(&w->gets, g);
    if (w->puts.data[g.put].get == 0) {
        w->puts.data[g.put].get = ev->offset;
        w->puts.data[g.put].on = true;
    }
    return true;
}

static bool get(struct splice_memo *m, const struct pkl_memo_event *ev)
{
    struct splice_work *w = m->w;
    struct splice_get g = {.offset = ev->offset};
    uint64_t number;

    if (w->implicit)
        w->numbered = m->last_implicit;
    for (size_t i = m->open; i != 0; i = w->spans.data[i - 1].parent)
        w->spans.data[i - 1].any_get = true;
    if (w->targets.len > 0 && !watch(m, ev, false))
        return false;
    if (m->on.both && ev->pickle > 0 && !get_on(m, ev))
        return false;
    if (!idmap_get(&m->slots, ev->slot + 1, &number) || number == 0)
        return true;
    g.put = (size_t)number - 1;
    if (m->open != 0)
        return vec_push(&w->gets, g);
    w->puts.data[g.put].get = ev->offset;
    w->puts.data[g.put].on = false;
    return true;
}

bool splice_memo_see(void *ctx, const struct pkl_memo_event *ev)
{
    struct splice_memo *m = ctx;
    struct splice_work *w = m->w;

    if (ev->pickle != m->memo && !w->ed->doc->scan.shared) {
        /* Every pickle begins with an empty memo. */
        idmap_release(&m->slots);
        idmap_release(&m->of_slot);
    }
    m->memo = ev->pickle;
    for (; m->span < w->spans.len && w->spans.data[m->span].begin <= ev->offset; m->span++) {
        const struct splice_span *s = &w->spans.data[m->span];

        if (!s->glue && s->end > ev->offset)
            m->open = m->span + 1;
    }
    while (m->open != 0 && w->spans.data[m->open - 1].end <= ev->offset)
        m->open = w->spans.data[m->open - 1].parent;
    if (ev->op == PKL_MEMO_FIXED)
        m->no_memory = m->open != 0 && !vec_push(&w->fixed, ev->offset);
    else
        m->no_memory = !(ev->op == PKL_MEMO_GET ? get(m, ev) : put(m, ev));
    return !m->no_memory;
}

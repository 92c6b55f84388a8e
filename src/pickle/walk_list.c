/* Children found again: from checkpoints of their container, or through references. */
#include <stdlib.h>
#include <string.h>

#include "walk_machine.h"

#define AHEADS 4u /* containers that may be gone through at the same time */

/* ----------------------------------------------------------------- own children */

void walk_points(const struct checkpoints *c, enum phase phase, uint64_t first, uint64_t last,
                 const struct checkpoint **from, const struct checkpoint **to)
{
    size_t at = 0, high = c->mixed ? 0 : c->len;

    *from = *to = NULL;
    while (at < high) {
        size_t mid = at + (high - at) / 2;

        if (c->data[mid].index <= first)
            at = mid + 1;
        else
            high = mid;
    }
    for (size_t i = at > 0 ? at - 1 : 0; i < c->len; i++) {
        const struct checkpoint *p = &c->data[i];

        if (CHECKPOINT_PHASE(p) != phase)
            continue;
        if (p->index <= first) {
            *from = p;
        } else if (p->index >= last) {
            *to = p;
            return;
        }
    }
}

/* At a checkpoint the values of an open group are final, though not taken yet. */
static void pending(struct walk *w, const struct checkpoint *at)
{
    size_t first = 0;

    if (at == NULL || w->stopped || w->pos != CHECKPOINT_OFFSET(at))
        return;
    if (CHECKPOINT_PHASE(at) != PH_STAND) {
        if (!CHECKPOINT_OPEN(at) || w->marks.len == 0)
            return;
        first = w->marks.data[0].height;
        if (CHECKPOINT_PHASE(at) == PH_ARG && !w->headless)
            first++;
    }
    if (first < w->vals.len)
        walk_picked(w->d, w->pick, w->vals.data + first, w->vals.len - first);
}

static enum pb_err list_ground(struct pkl_doc *d, const struct ground *g, struct pick *pick,
                               struct error *e)
{
    const struct checkpoint *from, *to;
    enum pkl_kind kind;
    uint8_t opcode = 0;
    struct walk w;
    enum pb_err err;

    walk_points(&g->r->points, pick->phase, pick->first, pick->first + pick->count, &from, &to);
    pick->index = from != NULL ? from->index : 0;
    err = walk_begin_at(&w, d, g, from, to != NULL ? CHECKPOINT_OFFSET(to) : g->r->end, e);
    w.target = g->standing ? UINT64_MAX : g->r->maker;
    w.pick = pick;
    if (err == PB_OK && pick->phase == PH_ARG)
        err = value_kind(d, g->r->maker, &kind, &opcode, e);
    w.headless = w.headless || opcode == 'i';
    if (err == PB_OK)
        err = walk_go(&w, e);
    if (err == PB_OK && g->standing && to == NULL)
        walk_picked(d, pick, w.vals.data, w.vals.len);
    else if (err == PB_OK)
        pending(&w, to);
    walk_release(&w);
    return err;
}

/* Children of the container's own span; those of PH_HEAD all, whatever is asked. */
static enum pb_err list_own(struct pkl_doc *d, const struct wval *v, struct pick *pick,
                            struct error *e)
{
    struct ground g = {.index = walk_enclosing(d, v->maker)};
    struct walk w;
    enum pb_err err;

    if (g.index != NO_RECORD && d->records.data[g.index].maker == v->maker) {
        g.r = &d->records.data[g.index];
        return list_ground(d, &g, pick, e);
    }
    walk_init(&w, d, v->begin, v->end, g.index);
    w.target = v->maker;
    w.pick = pick;
    err = walk_go(&w, e);
    walk_release(&w);
    return err;
}

/* -------------------------------------------------------------- through references */

static enum pb_err list_extra(struct pkl_doc *d, const struct extra *x, struct pick *pick,
                              struct error *e)
{
    const struct checkpoint *from, *to;
    struct wval container = {.maker = x->maker, .opcode = 'R'};
    struct wmark m = {x->begin, 1};
    struct walk w;
    enum pb_err err;

    walk_points(&x->points, pick->phase, pick->first, pick->first + pick->count, &from, &to);
    pick->index = from != NULL ? from->index : 0;
    walk_init(&w, d, from != NULL ? CHECKPOINT_OFFSET(from) : x->begin,
              to != NULL ? CHECKPOINT_OFFSET(to) : x->op + 1, walk_enclosing(d, x->op));
    w.target = x->maker;
    w.pick = pick;
    err = walk_push(&w, &container, e);
    if (err == PB_OK && from != NULL && x->open && !vec_push(&w.marks, m))
        err = error_nomem(e);
    if (err == PB_OK)
        err = walk_go(&w, e);
    if (err == PB_OK)
        pending(&w, to);
    walk_release(&w);
    return err;
}

/* First of the container's extras, in order of execution; they stand together when *n of them
 * exist. */
static const struct extra *extras_of(const struct pkl_doc *d, uint64_t maker, size_t *n)
{
    size_t low = 0, high = d->extras.len, end;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->extras.data[mid].maker < maker)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < d->extras.len && d->extras.data[end].maker == maker; end++)
        ;
    *n = end - low;
    return *n > 0 ? &d->extras.data[low] : NULL;
}

bool walk_changed(const struct pkl_doc *d, uint64_t maker)
{
    size_t n = 0;

    if (d->extras.len > 0)
        extras_of(d, maker, &n);
    return n > 0;
}

static uint64_t own_count(const struct wval *v, enum phase phase)
{
    switch (phase) {
    case PH_PAIR:
        return v->pairs;
    case PH_STATE:
        return v->states;
    case PH_ARG:
        return v->args;
    default:
        return v->items;
    }
}

uint64_t walk_total(const struct pkl_doc *d, const struct wval *v, enum phase phase)
{
    uint64_t count = own_count(v, phase);
    size_t n;
    const struct extra *x = extras_of(d, v->maker, &n);

    for (size_t i = 0; i < n; i++)
        count += x[i].phase == phase ? x[i].count : 0;
    return count;
}

/* Lists the part of [first, first + count) that lies in `len` children of one stretch standing at
 * `base`. */
static enum pb_err list_stretch(struct pkl_doc *d, const struct wval *v, const struct extra *x,
                                uint64_t own_from, uint64_t base, uint64_t len, struct pick *all,
                                struct error *e)
{
    size_t per = all->phase == PH_PAIR ? 2 : 1;
    uint64_t at = all->first + all->got, last = all->first + all->count;
    struct pick part = {.phase = all->phase, .out = all->out + all->got * per};
    enum pb_err err;

    if (len == 0 || at < base || at >= base + len || all->got == all->count)
        return PB_OK;
    part.first = at - base + own_from;
    part.count = (size_t)((last < base + len ? last : base + len) - at);
    err = x != NULL ? list_extra(d, x, &part, e) : list_own(d, v, &part, e);
    if (err == PB_OK && part.got < part.count)
        return error_pickle(e, v->maker, -1, "re-reading finds too few children");
    all->got += part.got;
    return err;
}

static enum pb_err list_now(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t first,
                            size_t count, struct wval *out, size_t *got, struct error *e)
{
    struct pick all = {.phase = phase, .first = first, .count = count, .out = out};
    uint64_t own = 0, base = 0, total;
    struct wval v;
    size_t n;
    const struct extra *x = extras_of(d, maker, &n);
    enum pb_err err = walk_locate(d, maker, &v, e);

    *got = 0;
    if (err != PB_OK)
        return err;
    if (phase == PH_HEAD) {
        err = list_own(d, &v, &all, e);
        *got = all.got;
        return err;
    }
    total = own_count(&v, phase);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        uint64_t until = x[i].own_before < total ? x[i].own_before : total;

        if (x[i].phase != phase)
            continue;
        err = list_stretch(d, &v, NULL, own, base, until - own, &all, e);
        base += until - own;
        own = until;
        if (err == PB_OK)
            err = list_stretch(d, &v, &x[i], 0, base, x[i].count, &all, e);
        base += x[i].count;
    }
    if (err == PB_OK)
        err = list_stretch(d, &v, NULL, own, base, total - own, &all, e);
    *got = all.got;
    return err;
}

/* Takes what was read ahead. */
static bool was_ahead(struct pkl_doc *d, const struct walk_ahead *a, uint64_t first, size_t count,
                      struct wval *out, size_t *got)
{
    size_t per = a->phase == PH_PAIR ? 2 : 1, skip;

    if (first < a->first || first - a->first >= a->got)
        return false;
    skip = (size_t)(first - a->first);
    if (count > a->got - skip && !a->all)
        return false;
    *got = count < a->got - skip ? count : a->got - skip;
    memcpy(out, a->vals + skip * per, *got * per * sizeof *out);
    for (size_t i = 0; i < *got * per; i++)
        walk_remember(d, &out[i]);
    return true;
}

/* Some more than asked for. */
static bool look_ahead(struct pkl_doc *d, struct walk_ahead *a, uint64_t first)
{
    a->first = first;
    if (list_now(d, a->maker, a->phase, first, WALK_AHEAD, a->vals, &a->got, NULL) != PB_OK)
        a->got = 0;
    a->all = a->got < WALK_AHEAD;
    return a->got > 0;
}

/* What is ahead in that container, or the room that was used longest ago. */
static struct walk_ahead *ahead_of(struct pkl_doc *d, uint64_t maker, enum phase phase)
{
    struct walk_ahead *a = d->ahead;
    size_t found = 0;

    if (a == NULL)
        a = d->ahead = mem_alloc(AHEADS * sizeof *a);
    if (a == NULL)
        return NULL;
    for (size_t i = 0; i < AHEADS; i++) {
        if (a[i].maker == maker && a[i].phase == phase) {
            found = i;
            break;
        }
        if (a[i].used < a[found].used)
            found = i;
    }
    a[found].used = ++d->ahead_turn;
    return &a[found];
}

/* Everything but the values, which are many and not looked at. */
static void begin_ahead(struct pkl_doc *d, struct walk_ahead *a, uint64_t maker, enum phase phase,
                        uint64_t first)
{
    a->maker = maker;
    a->phase = phase;
    a->size = d->src->size;
    a->asked = a->first = first;
    a->got = 0;
    a->all = false;
}

/* Whoever goes through a container child by child would otherwise run from a checkpoint to each of
 * them. */
enum pb_err walk_list(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t first,
                      size_t count, struct wval *out, size_t *got, struct error *e)
{
    struct walk_ahead *a;
    bool goes_on;

    if (!d->done || d->broken || phase == PH_HEAD || count > WALK_AHEAD / 4)
        return list_now(d, maker, phase, first, count, out, got, e);
    a = ahead_of(d, maker, phase);
    if (a == NULL)
        return error_nomem(e);
    goes_on = a->maker == maker && a->phase == phase && a->size == d->src->size;
    if (goes_on && was_ahead(d, a, first, count, out, got))
        return PB_OK;
    goes_on = goes_on && first >= a->asked && first - a->asked <= WALK_AHEAD;
    begin_ahead(d, a, maker, phase, first);
    if (goes_on && look_ahead(d, a, first) && was_ahead(d, a, first, count, out, got))
        return PB_OK;
    return list_now(d, maker, phase, first, count, out, got, e);
}

enum pb_err walk_standing(struct pkl_doc *d, uint64_t first, size_t count, struct wval *out,
                          size_t *got, struct error *e)
{
    struct ground g = {.r = &d->stand, .index = NO_RECORD, .standing = true};
    struct pick pick = {.phase = PH_STAND, .first = first, .count = count, .out = out};
    enum pb_err err = list_ground(d, &g, &pick, e);

    *got = pick.got;
    return err;
}

enum pb_err walk_root(struct pkl_doc *d, uint64_t n, struct wval *out, uint64_t *start,
                      struct error *e)
{
    size_t low = vec_upper(&d->pickles, number, n);
    struct pickle_mark at;
    struct walk w;
    enum pb_err err = PB_OK;

    if (low == 0)
        return error_set(e, PB_ENOTFOUND, "there is no pickle %llu", (unsigned long long)n);
    at = d->pickles.data[low - 1];
    /* Who asks for one often asks for the next: new values of an edit come one by one. */
    if (d->last_root.number > at.number && d->last_root.number <= n)
        at = d->last_root;
    for (;; at.number++) {
        walk_init(&w, d, at.offset, UINT64_MAX, NO_RECORD);
        err = walk_go(&w, e);
        if (err == PB_OK && w.vals.len == 0)
            err = error_pickle(e, w.pos, -1, "re-reading does not find what the index saw");
        if (err != PB_OK || at.number == n)
            break;
        at.offset = w.pos;
        walk_release(&w);
    }
    if (err == PB_OK) {
        *out = w.vals.data[w.vals.len - 1];
        *start = at.offset;
        d->last_root = at;
    }
    walk_release(&w);
    return err;
}

/*
 * What stays of what goes.
 *
 * A value of which the place goes stays if something that stays reads it: a GET, or a link in what
 * comes new.  It is then kept as a part, with its own GETs, and with what was edited inside it;
 * those may read further values.  So it goes on until nothing more is found.
 */
#include <stdlib.h>

#include "index.h"
#include "splice_private.h"

/* Has to stay: the value, and its slot's opcode up to `end`. */
struct need {
    pkl_id id;
    uint64_t end;
};

struct keep {
    struct splice_work *w;
    struct {
        struct need *data;
        size_t len, cap;
    } todo;
    struct idmap seen; /* id -> end of the part */
};

static enum pb_err need(struct keep *k, pkl_id id, uint64_t end)
{
    struct need n = {id, end};

    return vec_push(&k->todo, n) ? PB_OK : error_nomem(k->w->e);
}

static enum pb_err enliven(struct keep *k, const struct splice_part *p);

static enum pb_err keep_all(struct keep *k, uint64_t key, uint64_t begin, uint64_t end)
{
    struct splice_part part = {begin, end};
    uint64_t known;

    if (idmap_get(&k->seen, key, &known))
        return PB_OK;
    if (!idmap_put(&k->seen, key, end) || !vec_push(&k->w->parts, part))
        return error_nomem(k->w->e);
    return enliven(k, &part);
}

/* A GET that stays reads this.  What was stored behind a value that is replaced may be a reference:
 * then that is what stays. */
static enum pb_err read_by(struct keep *k, struct splice_put *p, uint64_t get, bool on)
{
    struct pkl_view *v = k->w->ed->base;
    const struct splice_span *s = splice_around(k->w, p->offset);
    struct pkl_node n;
    uint64_t maker;
    enum pb_err err;

    p->get = get;
    if (s != NULL && p->offset >= s->made)
        return keep_all(k, PKL_ID(0, PKL_TAG_REF, p->offset), s->begin, s->end);
    if (on) {
        err = memo_get(k->w->ed->doc, p->end, p->slot, &maker, k->w->e);
        return err == PB_OK ? need(k, PKL_ID(0, PKL_TAG_VALUE, maker), p->end) : err;
    }
    err = v->node(v, PKL_ID(0, PKL_TAG_REF, get), &n, k->w->e);
    return err == PB_OK ? need(k, n.target, p->end) : err;
}

static size_t first_put(const struct splice_work *w, uint64_t at)
{
    return vec_lower(&w->puts, offset, at);
}

/* Can a child that is moved be written where it comes to stand?  Then nothing reads it or its
 * inside (so far), and it reads nothing. */
static bool movable(struct splice_work *w, const struct splice_target *t)
{
    const struct splice_span *s = splice_around(w, t->begin), *end = w->spans.data + w->spans.len;

    if (t->end == 0 || t->wanted)
        return false;
    for (size_t i = first_put(w, t->begin); i < w->puts.len && w->puts.data[i].offset < t->end;
         i++) {
        if (w->puts.data[i].get != 0 || !t->leaf)
            return false;
    }
    for (size_t i = 0; i < w->fixed.len; i++) {
        if (w->fixed.data[i] >= t->begin && w->fixed.data[i] < t->end)
            return false;
    }
    for (size_t i = 0; i < w->ed->links.len; i++) {
        if (w->ed->links.data[i].target == t->id)
            return false;
    }
    if (s == NULL || s->begin != t->begin || s->end != t->end || s->any_get)
        return false;
    return s + 1 == end || s[1].begin > s->end || (s[1].begin == s->end && s[1].level >= s->level);
}

static enum pb_err activate(struct keep *k, struct splice_span *s)
{
    struct splice_work *w = k->w;
    uint64_t at = s->end;
    enum pb_err err = PB_OK;

    if (s->active)
        return PB_OK;
    s->active = true;
    for (size_t i = 0; i < s->items && err == PB_OK; i++) {
        struct splice_item *it = &w->items.data[s->first_item + i];
        const struct pkl_node *n =
            it->kind == ITEM_VALUE ? &w->ed->values.data[it->a - 1].node : NULL;

        if (n != NULL) {
            err = splice_new(w, n->begin, n->end, NULL, at);
        } else if (it->kind == ITEM_LINK) {
            it->b = it->b != 0 && movable(w, &w->targets.data[it->a]);
            if (it->b == 0)
                err = splice_want(w, it->a, at);
        }
    }
    return err;
}

enum pb_err splice_want(struct splice_work *w, uint64_t number, uint64_t at)
{
    struct splice_target *t = &w->targets.data[number];

    if (PKL_ID_SOURCE(t->id) == 0 && at < t->behind)
        return error_set(w->e, PB_EREADONLY,
                         "the value at offset %llu would be needed in front of its place, which "
                         "cannot be written (in a value that is part of itself an edit is one "
                         "of all places: --everywhere)",
                         (unsigned long long)t->maker);
    t->first_use = !t->wanted || at < t->first_use ? at : t->first_use;
    t->last_use = !t->wanted || at > t->last_use ? at : t->last_use;
    t->wanted = true;
    return PB_OK;
}

/* What was to be moved as bytes, but was found to be read since, is linked after all.  When nothing
 * is found any more the others are bytes. */
static enum pb_err review_moves(struct keep *k, bool *more)
{
    struct splice_work *w = k->w;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->spans.len && err == PB_OK; i++) {
        const struct splice_span *s = &w->spans.data[i];

        for (size_t n = 0; n < s->items && s->active && err == PB_OK; n++) {
            struct splice_item *it = &w->items.data[s->first_item + n];

            if (it->kind != ITEM_LINK || it->b == 0 || movable(w, &w->targets.data[it->a]))
                continue;
            it->b = 0;
            *more = true;
            err = splice_want(w, it->a, s->end);
        }
    }
    return err;
}

/* A new value that is linked before it would be written comes to stand there, with its own links.
 */
static enum pb_err unfold(struct keep *k, bool *more)
{
    struct splice_work *w = k->w;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->points.len && err == PB_OK; i++) {
        struct splice_target *t = &w->targets.data[w->points.data[i]];

        if (!t->wanted || t->own <= t->first_use || t->unfolded <= t->first_use)
            continue;
        t->unfolded = t->first_use;
        *more = true;
        err = splice_new(w, t->begin, t->end, NULL, t->first_use);
    }
    return err;
}

/* Links that were found since are needed, too. */
static enum pb_err need_targets(struct keep *k, bool *more)
{
    enum pb_err err = PB_OK;

    *more = false;
    for (size_t i = 0; i < k->w->targets.len && err == PB_OK; i++) {
        struct splice_target *t = &k->w->targets.data[i];

        if (!t->wanted || t->needed)
            continue;
        t->needed = *more = true;
        if (PKL_ID_SOURCE(t->id) == 0)
            err = need(k, t->id, t->behind);
    }
    if (err == PB_OK && !*more)
        err = unfold(k, more);
    return err == PB_OK && !*more ? review_moves(k, more) : err;
}

static size_t first_get(const struct splice_work *w, uint64_t at)
{
    return vec_lower(&w->gets, offset, at);
}

static size_t first_span(const struct splice_work *w, uint64_t at)
{
    return vec_lower(&w->spans, begin, at);
}

static bool encloses(const struct splice_span *s, const struct splice_part *p)
{
    return s->begin <= p->begin && p->end <= s->end;
}

/* What is directly in a part comes to life with it. */
static enum pb_err enliven(struct keep *k, const struct splice_part *p)
{
    struct splice_work *w = k->w;
    uint64_t size = p->end - p->begin;
    enum pb_err err = PB_OK;

    for (size_t i = first_get(w, p->begin);
         i < w->gets.len && w->gets.data[i].offset < p->end && err == PB_OK; i++) {
        struct splice_put *put = &w->puts.data[w->gets.data[i].put];
        const struct splice_span *s = splice_around(w, w->gets.data[i].offset);

        if ((s == NULL || encloses(s, p)) && put->get == 0)
            err = read_by(k, put, w->gets.data[i].offset, w->gets.data[i].on);
    }
    for (size_t i = first_span(w, p->begin); i < w->spans.len && err == PB_OK; i++) {
        struct splice_span *s = &w->spans.data[i];

        if (s->begin > p->end)
            break;
        if (s->end > p->end || s->level > size || s->parent == 0 ||
            !encloses(&w->spans.data[s->parent - 1], p))
            continue;
        err = activate(k, s);
    }
    return err;
}

static enum pb_err keep_part(struct keep *k, const struct need *need)
{
    struct pkl_view *v = k->w->ed->base;
    const struct splice_span *s = splice_around(k->w, PKL_ID_OFFSET(need->id));
    struct pkl_node n;
    enum pb_err err;

    if (s == NULL)
        return PB_OK;
    err = v->node(v, need->id, &n, k->w->e);
    if (err == PB_OK && (n.begin < s->begin || n.end > s->end || need->end > n.end))
        err = error_set(k->w->e, PB_EREADONLY,
                        "the pickle uses parts of the replaced value in "
                        "a way that cannot be taken apart");
    return err == PB_OK ? keep_all(k, need->id, n.begin, n.end) : err;
}

static enum pb_err first_round(struct keep *k)
{
    struct splice_work *w = k->w;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->puts.len && err == PB_OK; i++) {
        if (w->puts.data[i].get != 0)
            err = read_by(k, &w->puts.data[i], w->puts.data[i].get, w->puts.data[i].on);
    }
    for (size_t i = 0; i < w->spans.len && err == PB_OK; i++) {
        if (w->spans.data[i].parent == 0)
            err = activate(k, &w->spans.data[i]);
    }
    return err;
}

/* ------------------------------------------------------------------------------- slots */

static bool readable(const struct splice_target *t)
{
    return t->put != 0 && t->last_use <= t->gone;
}

enum pb_err splice_full(struct splice_work *w, uint64_t at)
{
    return error_set(w->e, PB_EREADONLY,
                     "the pickle's memo has no room for what would be shared at offset %llu",
                     (unsigned long long)at);
}

enum pb_err splice_slot(struct splice_work *w, struct splice_target *t, uint64_t at)
{
    struct splice_free *slots;
    size_t n;
    enum pb_err err;

    t->added = true;
    if (!w->implicit || w->numbered < at) {
        /* MEMOIZE counts them, so it will come to numbers so much higher. */
        t->slot = w->max_slot + 1 + w->added++ + (w->implicit ? w->targets.len : 0);
        return PB_OK;
    }
    err = splice_slots(w, at, &slots, &n);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct splice_free *f = &slots[i];

        /* At one place a link to it may be written, or a PUT stay, behind what is stored now. */
        if (!f->occupied || f->used || f->last >= at)
            continue;
        f->used = true;
        t->slot = i;
        return PB_OK;
    }
    if (err == PB_OK && w->ed->style.text)
        return splice_full(w, at);
    t->slot = SPLICE_NO_ROOM + (uint64_t)(t - w->targets.data);
    w->no_room = true;
    return err;
}

/* A PUT behind what has none, or none that lasts. */
static enum pb_err add_put(struct splice_work *w, struct splice_target *t)
{
    struct splice_span s = {.begin = t->behind,
                            .end = t->behind,
                            .made = t->behind,
                            .first_item = w->items.len,
                            .items = 1};
    struct splice_item it = {ITEM_PUT, (uint64_t)(t - w->targets.data), 0};
    struct pkl_view *v = w->ed->base;
    struct pkl_node n;
    enum pb_err err = v->node(v, t->id, &n, w->e);

    if (err == PB_OK)
        err = splice_slot(w, t, t->behind);
    if (err != PB_OK)
        return err;
    s.level = n.end - n.begin;
    return vec_push(&w->items, it) && vec_push(&w->spans, s) ? PB_OK : error_nomem(w->e);
}

static enum pb_err give_slots(struct splice_work *w)
{
    enum pb_err err = PB_OK;
    size_t before = w->spans.len, n;
    struct splice_free *slots;

    for (size_t i = 0; i < w->targets.len && err == PB_OK; i++) {
        const struct splice_target *t = &w->targets.data[i];

        if (!t->wanted || !readable(t))
            continue;
        if (t->implicit && t->put > w->numbered)
            w->numbered = t->put;
        err = splice_slots(w, t->put, &slots, &n);
        if (err == PB_OK && t->slot < n && slots[t->slot].last < t->last_use)
            slots[t->slot].last = t->last_use;
    }
    for (size_t i = 0; i < w->targets.len && err == PB_OK; i++) {
        struct splice_target *t = &w->targets.data[i];

        if (t->wanted && PKL_ID_SOURCE(t->id) == 0 && !readable(t))
            err = add_put(w, t);
    }
    if (err == PB_OK && w->spans.len > before)
        splice_sort(w);
    return err;
}

/* ----------------------------------------------------------------------------- altogether */

static void own_slots(struct splice_work *w)
{
    for (size_t i = 0; i < w->puts.len; i++) {
        const struct splice_put *p = &w->puts.data[i];
        struct splice_span *s = p->get != 0 ? splice_around(w, p->offset) : NULL;

        if (s != NULL && p->offset >= s->made)
            s->own_fetched = true;
    }
    for (size_t i = 0; i < w->targets.len; i++) {
        const struct splice_target *t = &w->targets.data[i];
        struct splice_span *s =
            t->wanted && PKL_ID_SOURCE(t->id) == 0 ? splice_around(w, t->maker) : NULL;

        if (s != NULL && t->behind > s->made)
            s->own_fetched = true;
    }
}

enum pb_err splice_keep(struct splice_work *w)
{
    struct keep k = {.w = w};
    bool more = true;
    enum pb_err err = first_round(&k);

    while (err == PB_OK && (more || k.todo.len > 0)) {
        if (k.todo.len > 0) {
            struct need n = k.todo.data[--k.todo.len];

            err = keep_part(&k, &n);
        } else {
            err = need_targets(&k, &more);
        }
    }
    vec_release(&k.todo);
    idmap_release(&k.seen);
    if (err == PB_OK)
        own_slots(w);
    return err == PB_OK ? give_slots(w) : err;
}

/*
 * What is inside what, and what is written first where several things meet at one offset.
 *
 * Things that belong behind the bytes in front of the offset come before those that belong in front
 * of the bytes behind it; of the former the innermost is first, of the latter the outermost.
 */
#include <stdlib.h>

#include "splice_private.h"

static bool is_after(enum splice_turn t)
{
    return t <= CLOSE_PART;
}

static int by_event(const void *a, const void *b)
{
    const struct splice_event *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (is_after(x->what) != is_after(y->what))
        return is_after(x->what) ? -1 : 1;
    if (x->level != y->level)
        return (x->level < y->level) == is_after(x->what) ? -1 : 1;
    if (x->what != y->what)
        return x->what < y->what ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int by_place(const void *a, const void *b)
{
    const struct splice_span *x = a, *y = b;
    bool x_after = x->begin == x->end && !x->before, y_after = y->begin == y->end && !y->before;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x_after != y_after)
        return x_after ? -1 : 1;
    if (x->level != y->level)
        return (x->level < y->level) == x_after ? -1 : 1;
    /* Insertions come in front of the bytes that go. */
    if ((x->begin == x->end) != (y->begin == y->end))
        return x->begin == x->end ? -1 : 1;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return (x->first_item > y->first_item) - (x->first_item < y->first_item);
}

static bool inside(const struct splice_span *s, const struct splice_span *t)
{
    bool behind = s->begin == s->end && s->before && s->begin == t->end;

    return t->begin < t->end && !t->glue && !behind && s->level < t->level &&
           t->begin <= s->begin && s->end <= t->end;
}

static void nest(struct splice_span *spans, size_t n)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++) {
        while (open != 0 && !inside(&spans[i], &spans[open - 1]))
            open = spans[open - 1].parent;
        spans[i].parent = open;
        if (spans[i].begin < spans[i].end && !spans[i].glue)
            open = i + 1;
    }
}

void splice_sort(struct splice_work *w)
{
    if (w->spans.len > 1)
        qsort(w->spans.data, w->spans.len, sizeof *w->spans.data, by_place);
    if (w->fresh.len > 1)
        qsort(w->fresh.data, w->fresh.len, sizeof *w->fresh.data, by_place);
    nest(w->spans.data, w->spans.len);
    nest(w->fresh.data, w->fresh.len);
}

struct splice_span *splice_around(struct splice_work *w, uint64_t at)
{
    size_t low = vec_upper(&w->spans, begin, at);

    while (low != 0) {
        struct splice_span *s = &w->spans.data[low - 1];

        if (!s->glue && at < s->end)
            return s;
        low = s->parent;
    }
    return NULL;
}

static int by_behind(const void *a, const void *b, void *targets)
{
    const struct splice_target *t = targets, *x = &t[*(const size_t *)a],
                               *y = &t[*(const size_t *)b];

    return (x->behind > y->behind) - (x->behind < y->behind);
}

/* Of what begins at one place the outermost is first. */
static int by_begin(const void *a, const void *b, void *targets)
{
    const struct splice_target *t = targets, *x = &t[*(const size_t *)a],
                               *y = &t[*(const size_t *)b];

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end < y->end) - (x->end > y->end);
}

enum pb_err splice_points(struct splice_work *w)
{
    for (size_t i = 0; i < w->targets.len; i++) {
        if (PKL_ID_SOURCE(w->targets.data[i].id) != 0 &&
            (!vec_push(&w->points, i) || !vec_push(&w->starts, i)))
            return error_nomem(w->e);
    }
    if (w->points.len > 1) {
        qsort_r(w->points.data, w->points.len, sizeof *w->points.data, by_behind, w->targets.data);
        qsort_r(w->starts.data, w->starts.len, sizeof *w->starts.data, by_begin, w->targets.data);
    }
    return PB_OK;
}

/* A value whose own slot nobody reads keeps the memo opcodes behind it: they store the new one. */
static uint64_t end_of(const struct splice_span *s)
{
    return s->items > 0 && !s->own_fetched ? s->made : s->end;
}

enum pb_err splice_events(struct splice_work *w, unsigned source)
{
    const struct splice_span *spans = source == 0 ? w->spans.data : w->fresh.data;
    size_t n = source == 0 ? w->spans.len : w->fresh.len;
    struct splice_events *out = &w->events[source];
    bool ok = true;

    out->len = 0;
    for (size_t i = 0; i < n && ok; i++) {
        const struct splice_span *s = &spans[i];
        struct splice_event ev = {s->begin, s->level, OPEN_SPAN, i};

        if (s->begin == s->end)
            ev.what = s->before ? INSERT_BEFORE : INSERT_AFTER;
        ok = vec_push(out, ev);
        ev.at = end_of(s);
        ev.what = CLOSE_SPAN;
        ok = ok && (s->begin == s->end || vec_push(out, ev));
    }
    for (size_t i = 0; source == 0 && i < w->parts.len && ok; i++) {
        const struct splice_part *p = &w->parts.data[i];
        struct splice_event ev = {p->begin, p->end - p->begin, OPEN_PART, i};

        ok = vec_push(out, ev);
        ev.at = p->end;
        ev.what = CLOSE_PART;
        ok = ok && vec_push(out, ev);
    }
    if (ok && out->len > 1)
        qsort(out->data, out->len, sizeof *out->data, by_event);
    return ok ? PB_OK : error_nomem(w->e);
}

/*
 * New values as bytes of the result: those of the second source, with what was edited inside them,
 * links as GETs, and a PUT behind what they read.
 */
#include <stdlib.h>

#include "opcode_bytes.h"
#include "line.h"
#include "splice_private.h"

/* A range being written, or the items of a span inside one. */
struct writing {
    uint64_t at, end, level;
    uint64_t passed; /* points up to here are done */
    size_t event;
    const struct splice_span *span; /* NULL: a range */
    size_t item;
};

struct writer {
    struct splice_work *w;
    struct buf *out;
    uint64_t place;
    struct {
        struct writing *data;
        size_t len, cap;
    } stack;
};

static void put_number(struct splice_work *w, struct buf *out, uint64_t slot, char text,
                       uint8_t small, uint8_t large)
{
    int n = slot < 256 ? 1 : 4;

    if (w->ed->style.text && slot > INT64_MAX) { /* its text says more than its number */
        char own[LINE_SLOT_TEXT];

        buf_putc(out, text);
        buf_append(out, own, line_slot_text(slot, own));
        buf_putc(out, '\n');
        return;
    }
    if (w->ed->style.text) {
        buf_printf(out, "%c%llu\n", text, (unsigned long long)slot);
        return;
    }
    buf_putc(out, (char)(n == 1 ? small : large));
    for (int i = 0; i < n; i++)
        buf_putc(out, (char)(slot >> (8 * i) & 0xff));
}

enum pb_err splice_memo_op(struct splice_work *w, uint64_t slot, bool put)
{
    struct splice_memo_op op = {w->plan->bytes.len, slot, put};

    return !w->implicit || vec_push(&w->memo_ops, op) ? PB_OK : error_nomem(w->e);
}

enum pb_err splice_put_get(struct splice_work *w, struct buf *out, uint64_t slot)
{
    enum pb_err err = splice_memo_op(w, slot, false);

    put_number(w, out, slot, CODE_GET, CODE_BINGET, CODE_LONG_BINGET);
    return err;
}

enum pb_err splice_put_put(struct splice_work *w, struct buf *out, uint64_t slot)
{
    enum pb_err err = splice_memo_op(w, slot, true);

    put_number(w, out, slot, CODE_PUT, CODE_BINPUT, CODE_LONG_BINPUT);
    return err;
}

/* --------------------------------------------------------------------- bytes and links */

static enum pb_err copy(struct writer *r, uint64_t from, uint64_t to)
{
    struct sink sink;

    if (r->out == NULL || from == to)
        return PB_OK;
    sink = sink_buf(r->out);
    return source_copy(r->w->ed->bytes, from, to - from, &sink, r->w->e);
}

/* The PUTs that belong at places in (passed, to]. */
static enum pb_err points(struct writer *r, struct writing *f, uint64_t *from, uint64_t to)
{
    struct splice_work *w = r->w;
    size_t low = 0, high = w->points.len;
    enum pb_err err = PB_OK;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->targets.data[w->points.data[middle]].behind <= f->passed)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < w->points.len && err == PB_OK; low++) {
        struct splice_target *t = &w->targets.data[w->points.data[low]];

        if (t->behind > to)
            break;
        if (r->out == NULL && r->place < t->own)
            t->own = r->place;
        if (r->out == NULL || !t->wanted)
            continue;
        err = copy(r, *from, t->behind);
        *from = t->behind;
        if (err == PB_OK)
            err = splice_slot(w, t, r->place);
        if (err == PB_OK)
            err = splice_put_put(w, r->out, t->slot);
        t->written = true;
    }
    f->passed = to;
    return err;
}

static const struct edit_link *next_link(const struct writer *r, uint64_t from)
{
    const struct edit_links *links = &r->w->ed->links;
    size_t low = vec_lower(links, offset, from);

    return low < links->len ? &links->data[low] : NULL;
}

/* ------------------------------------------------------------------------------ ranges */

/* Does this lie in front of the range, or outside it at one of its ends? */
static int side(const struct splice_event *e, const struct writing *f, uint64_t begin)
{
    bool after = e->what <= CLOSE_PART;

    if (e->at < begin || (e->at == begin && (after || e->level > f->level)))
        return -1;
    if (e->at > f->end || (e->at == f->end && (!after || e->level > f->level)))
        return 1;
    return 0;
}

static enum pb_err enter(struct writer *r, uint64_t begin, uint64_t end)
{
    struct writing f = {.at = begin, .end = end, .level = end - begin, .passed = begin};
    const struct splice_events *ev = &r->w->events[1];
    size_t high = ev->len;

    while (f.event < high) {
        size_t middle = f.event + (high - f.event) / 2;

        if (ev->data[middle].at < begin)
            f.event = middle + 1;
        else
            high = middle;
    }
    while (f.event < ev->len && side(&ev->data[f.event], &f, begin) < 0)
        f.event++;
    return vec_push(&r->stack, f) ? PB_OK : error_nomem(r->w->e);
}

/* A link is written as a GET; what it means itself if it is new and nowhere yet.  That is put on
 * the stack, so the range that the link is in is not to be had by its address any more. */
static enum pb_err put_link(struct writer *r, pkl_id target)
{
    struct splice_target *t;
    uint64_t number;
    enum pb_err err = splice_target(r->w, target, &number);

    if (err != PB_OK || r->out == NULL)
        return err == PB_OK ? splice_want(r->w, number, r->place) : err;
    t = &r->w->targets.data[number];
    if (PKL_ID_SOURCE(t->id) == 0 || t->written)
        return splice_put_get(r->w, r->out, t->slot);
    if (t->entered)
        return error_set(r->w->e, PB_EREADONLY,
                         "a new value would be needed before it is made: a tuple, set or object "
                         "that is part of what it is made of cannot be written");
    t->entered = true;
    return enter(r, t->begin, t->end);
}

/* What begins next in the range, in front of this event and of the next link, and was written
 * where it was linked. */
static const struct splice_target *next_written(const struct writer *r, const struct writing *f,
                                                const struct splice_event *e)
{
    const struct splice_work *w = r->w;
    const struct edit_link *l = next_link(r, f->at);
    size_t low = 0, high = r->out != NULL ? w->starts.len : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->targets.data[w->starts.data[middle]].begin < f->at)
            low = middle + 1;
        else
            high = middle;
    }
    for (; r->out != NULL && low < w->starts.len; low++) {
        const struct splice_target *t = &w->targets.data[w->starts.data[low]];
        struct writing whole = {.end = t->end, .level = t->end - t->begin};

        if (t->begin >= f->end || (l != NULL && t->begin > l->offset) ||
            (e != NULL && side(e, &whole, t->begin) < 0))
            break;
        if (t->written)
            return t;
    }
    return NULL;
}

/* Up to an offset, or what is to be done first. */
static enum pb_err copy_links(struct writer *r, struct writing *f, uint64_t to, bool *done)
{
    const struct edit_link *l = next_link(r, f->at);
    uint64_t from = f->at, upto = l != NULL && l->offset < to ? l->offset : to;
    pkl_id target = upto < to ? l->target : 0;
    enum pb_err err = points(r, f, &from, upto);

    *done = target == 0;
    if (err == PB_OK)
        err = copy(r, from, upto);
    f->at = upto < to ? upto + EDIT_LINK_SIZE : to;
    return err == PB_OK && target != 0 ? put_link(r, target) : err;
}

/* Passes the bytes that go, and what was edited inside them. */
static void leave_out(struct writer *r, struct writing *f, size_t number)
{
    const struct splice_span *s = &r->w->fresh.data[number];
    const struct splice_events *ev = &r->w->events[1];

    while (ev->data[f->event].what != CLOSE_SPAN || ev->data[f->event].number != number)
        f->event++;
    f->at = s->end;
    if (!s->glue)
        f->passed = s->end;
}

/* It stands further up in the result. */
static enum pb_err pass_written(struct writer *r, struct writing *f, const struct splice_target *t)
{
    const struct splice_events *ev = &r->w->events[1];
    struct writing whole = {.end = t->end, .level = t->end - t->begin};

    while (f->event < ev->len && side(&ev->data[f->event], &whole, t->begin) <= 0)
        f->event++;
    f->at = f->passed = t->end;
    return splice_put_get(r->w, r->out, t->slot);
}

static enum pb_err go_on(struct writer *r, struct writing *f)
{
    const struct splice_events *ev = &r->w->events[1];
    const struct splice_event *e = f->event < ev->len ? &ev->data[f->event] : NULL;
    const struct splice_target *t;
    struct writing content = {0};
    bool done;
    enum pb_err err;

    e = e != NULL && side(e, f, 0) > 0 ? NULL : e;
    t = next_written(r, f, e);
    err = copy_links(r, f, t != NULL ? t->begin : e != NULL ? e->at : f->end, &done);
    if (err != PB_OK || !done)
        return err;
    if (t != NULL)
        return pass_written(r, f, t);
    if (e == NULL) {
        r->stack.len--;
        return PB_OK;
    }
    if (e->what == OPEN_SPAN)
        leave_out(r, f, e->number);
    f->event++;
    content.span = &r->w->fresh.data[e->number];
    return vec_push(&r->stack, content) ? PB_OK : error_nomem(r->w->e);
}

static enum pb_err one_item(struct writer *r, struct writing *f)
{
    const struct splice_item *it;
    const struct pkl_node *n;

    if (f->item == f->span->items) {
        r->stack.len--;
        return PB_OK;
    }
    it = &r->w->items.data[f->span->first_item + f->item++];
    switch (it->kind) {
    case ITEM_GLUE:
        if (r->out != NULL)
            buf_append(r->out, r->w->glue.data + it->a, (size_t)it->b);
        return PB_OK;
    case ITEM_VALUE:
        n = &r->w->ed->values.data[it->a - 1].node;
        return enter(r, n->begin, n->end);
    case ITEM_COPY:
        return enter(r, it->a, it->b);
    default:
        return put_link(r, r->w->targets.data[it->a].id);
    }
}

enum pb_err splice_new(struct splice_work *w, uint64_t begin, uint64_t end, struct buf *out,
                       uint64_t at)
{
    struct writer r = {.w = w, .out = out, .place = at};
    enum pb_err err = enter(&r, begin, end);

    while (err == PB_OK && r.stack.len > 0) {
        struct writing *f = &r.stack.data[r.stack.len - 1];

        err = f->span == NULL ? go_on(&r, f) : one_item(&r, f);
    }
    vec_release(&r.stack);
    return err;
}

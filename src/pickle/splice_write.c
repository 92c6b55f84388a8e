/*
 * From spans and parts to cuts, in one sweep over their ends.
 *
 *   nothing of it is read later     OLD PUT        ->  NEW PUT
 *   it is read later                OLD PUT        ->  OLD PUT POP NEW
 *   a part of it is read later      .. PART PUT .. ->  PART PUT POP NEW
 *
 * MEMOIZE numbers by counting, so where numbers still matter the slots of what is gone are filled
 * with dummies.  A FRAME in the midst of what goes stays.
 */
#include <stdlib.h>

#include "opcode_bytes.h"
#include "splice_private.h"

/* Of what stays anyway; of what goes. */
#define PART_OF_LIVE 1u
#define PART_OF_DEAD 3u

/* A cut in the making. */
struct cutter {
    struct splice_work *w;
    struct {
        size_t *data; /* open spans (number + 1, doubled; 0: of no account) and parts */
        size_t len, cap;
    } open;
    struct splice_cut cut;
    size_t put;    /* the next one that goes */
    bool had_part; /* of the span that is being cut */
};

/* ------------------------------------------------------------------------------ pieces */

static void start(struct cutter *c, uint64_t begin)
{
    c->cut = (struct splice_cut){.begin = begin, .first = c->w->pieces.len};
}

static enum pb_err add(struct cutter *c, enum splice_kind kind, uint64_t from, uint64_t len)
{
    struct splice_work *w = c->w;
    struct splice_piece p = {kind, from, len, 0},
                        *last = c->cut.count > 0 ? &w->pieces.data[w->pieces.len - 1] : NULL;

    if (len == 0)
        return PB_OK;
    c->cut.added += len;
    if (last != NULL && last->kind == kind && last->from + last->len == from) {
        last->len += len;
        return PB_OK;
    }
    c->cut.count++;
    return vec_push(&w->pieces, p) ? PB_OK : error_nomem(w->e);
}

/* What was appended to the plan's bytes since `from`. */
static enum pb_err add_own(struct cutter *c, enum splice_kind kind, size_t from)
{
    return add(c, kind, from, c->w->plan->bytes.len - from);
}

static enum pb_err push_cut(struct splice_work *w, struct splice_cut cut)
{
    return vec_push(&w->cuts, cut) ? PB_OK : error_nomem(w->e);
}

/* Ends the cut; FRAMEs inside it are left out of it, behind what comes in. */
static enum pb_err stop(struct cutter *c, uint64_t end)
{
    const struct pkl_frame *frames;
    size_t n = pkl_doc_frames(c->w->ed->doc, &frames), low = 0, high = n;
    struct splice_cut cut = c->cut;
    enum pb_err err = PB_OK;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (frames[middle].offset < cut.begin)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && frames[low].offset < end && err == PB_OK; low++) {
        cut.end = frames[low].offset;
        err = push_cut(c->w, cut);
        cut = (struct splice_cut){.begin = frames[low].offset + 9};
    }
    cut.end = end;
    if (err != PB_OK || (cut.begin == end && cut.count == 0))
        return err;
    return push_cut(c->w, cut);
}

static enum pb_err put_item(struct cutter *c, const struct splice_item *it, uint64_t at)
{
    struct splice_work *w = c->w;
    struct buf *own = &w->plan->bytes;
    const struct pkl_node *n;
    size_t from = own->len;
    enum pb_err err;

    switch (it->kind) {
    case ITEM_GLUE:
        buf_append(own, w->glue.data + it->a, (size_t)it->b);
        return add_own(c, SPLICE_GLUE, from);
    case ITEM_VALUE:
        n = &w->ed->values.data[it->a - 1].node;
        err = splice_new(w, n->begin, n->end, own, at);
        return err == PB_OK ? add_own(c, SPLICE_NEW, from) : err;
    case ITEM_COPY:
        return add(c, SPLICE_COPY, it->a, it->b - it->a);
    case ITEM_PUT:
        err = splice_put_put(w, own, w->targets.data[it->a].slot);
        return err == PB_OK ? add_own(c, SPLICE_GLUE, from) : err;
    default:
        if (it->b != 0) {
            const struct splice_target *t = &w->targets.data[it->a];

            return add(c, SPLICE_COPY, t->begin, t->made - t->begin);
        }
        err = splice_put_get(w, own, w->targets.data[it->a].slot);
        return err == PB_OK ? add_own(c, SPLICE_GLUE, from) : err;
    }
}

static enum pb_err put_items(struct cutter *c, const struct splice_span *s)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < s->items && err == PB_OK; i++)
        err = put_item(c, &c->w->items.data[s->first_item + i], s->end);
    return err == PB_OK ? buf_status(&c->w->plan->bytes, c->w->e) : err;
}

/* ----------------------------------------------------------------------------- dummies */

static enum pb_err copy_memo_opcode(struct cutter *c, const struct splice_put *p)
{
    struct sink to = sink_buf(&c->w->plan->bytes);
    enum pb_err err = splice_memo_op(c->w, p->slot, true);

    return err != PB_OK ? err
                        : source_copy(pkl_doc_source(c->w->ed->doc), p->offset, p->end - p->offset,
                                      &to, c->w->e);
}

/* Slots defined in what goes, up to `upto`: None is stored in them, or (bare) what stands on top.
 */
static enum pb_err fill_lost(struct cutter *c, uint64_t upto, bool matter, bool bare)
{
    struct splice_work *w = c->w;
    size_t from = w->plan->bytes.len, lost = 0;
    enum pb_err err = PB_OK;

    for (; c->put < w->puts.len && err == PB_OK; c->put++) {
        const struct splice_put *p = &w->puts.data[c->put];

        if (p->offset >= upto)
            break;
        if (!matter)
            continue;
        if (lost++ == 0 && !bare)
            buf_putc(&w->plan->bytes, (char)CODE_NONE);
        err = copy_memo_opcode(c, p);
    }
    if (lost > 0 && !bare)
        buf_putc(&w->plan->bytes, (char)CODE_POP);
    return err == PB_OK ? add_own(c, SPLICE_DUMMY, from) : err;
}

/* The parts that stay are numbered by counting themselves. */
static bool has_implicit(const struct cutter *c, const struct splice_span *s)
{
    for (size_t i = c->put; i < c->w->puts.len && c->w->puts.data[i].offset < s->end; i++) {
        if (c->w->puts.data[i].implicit)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------- sweep */

static bool is_live(const struct cutter *c)
{
    return c->open.len == 0 || (c->open.data[c->open.len - 1] & 1) != 0;
}

static enum pb_err push_open(struct cutter *c, size_t what)
{
    return vec_push(&c->open, what) ? PB_OK : error_nomem(c->w->e);
}

/* The span that is being cut. */
static struct splice_span *span_open(const struct cutter *c)
{
    size_t i = c->open.len - 1;

    while (c->open.data[i] == 0)
        i--;
    return &c->w->spans.data[(c->open.data[i] >> 1) - 1];
}

static enum pb_err check_fixed(const struct cutter *c, uint64_t begin, uint64_t end)
{
    struct splice_work *w = c->w;

    for (size_t i = 0; i < w->fixed.len; i++) {
        if (w->fixed.data[i] >= begin && w->fixed.data[i] < end)
            return error_set(w->e, PB_EREADONLY,
                             "an out-of-band buffer or a PROTO at offset %llu is inside a value "
                             "that goes; it must stay",
                             (unsigned long long)w->fixed.data[i]);
    }
    return PB_OK;
}

static enum pb_err open_span(struct cutter *c, size_t number)
{
    const struct splice_span *s = &c->w->spans.data[number];
    bool live = is_live(c);

    if (live) {
        start(c, s->begin);
        while (c->put < c->w->puts.len && c->w->puts.data[c->put].offset < s->begin)
            c->put++;
        c->had_part = false;
    }
    /* What is inside a span that is gone itself does not count. */
    return push_open(c, live ? (number + 1) << 1 : 0);
}

static enum pb_err close_span(struct cutter *c, uint64_t at)
{
    bool active = c->open.data[c->open.len - 1] != 0, bare;
    const struct splice_span *s = active ? span_open(c) : NULL;
    enum pb_err err;

    c->open.len--;
    if (!active)
        return PB_OK;
    err = check_fixed(c, c->cut.begin, at);
    bare = !c->had_part && s->items == 1 && !s->glue;
    if (err == PB_OK && !bare)
        err = fill_lost(c, at, c->w->numbered >= s->end, false);
    if (err == PB_OK)
        err = put_items(c, s);
    if (err == PB_OK && bare)
        err = fill_lost(c, at, c->w->numbered >= s->end, true);
    return err == PB_OK ? stop(c, at) : err;
}

static enum pb_err open_part(struct cutter *c, uint64_t at)
{
    enum pb_err err;

    if (is_live(c))
        return push_open(c, PART_OF_LIVE);
    err = check_fixed(c, c->cut.begin, at);
    if (err == PB_OK)
        err = fill_lost(c, at, has_implicit(c, span_open(c)), false);
    if (err == PB_OK)
        err = stop(c, at);
    return err == PB_OK ? push_open(c, PART_OF_DEAD) : err;
}

static enum pb_err close_part(struct cutter *c, uint64_t at)
{
    bool counts = c->open.data[c->open.len - 1] == PART_OF_DEAD;
    size_t from = c->w->plan->bytes.len;

    c->open.len--;
    if (!counts)
        return PB_OK;
    while (c->put < c->w->puts.len && c->w->puts.data[c->put].offset < at)
        c->put++;
    start(c, at);
    c->had_part = true;
    buf_putc(&c->w->plan->bytes, (char)CODE_POP);
    return add_own(c, SPLICE_DUMMY, from);
}

static enum pb_err insertion(struct cutter *c, const struct splice_event *ev)
{
    enum pb_err err;

    if (!is_live(c))
        return PB_OK;
    start(c, ev->at);
    err = put_items(c, &c->w->spans.data[ev->number]);
    return err == PB_OK ? stop(c, ev->at) : err;
}

static enum pb_err sweep(struct cutter *c, const struct splice_event *ev)
{
    switch (ev->what) {
    case OPEN_SPAN:
        return open_span(c, ev->number);
    case CLOSE_SPAN:
        return close_span(c, ev->at);
    case OPEN_PART:
        return open_part(c, ev->at);
    case CLOSE_PART:
        return close_part(c, ev->at);
    default:
        return insertion(c, ev);
    }
}

enum pb_err splice_write(struct splice_work *w)
{
    struct cutter c = {.w = w};
    const struct splice_events *ev = &w->events[0];
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < ev->len && err == PB_OK; i++)
        err = sweep(&c, &ev->data[i]);
    vec_release(&c.open);
    return err == PB_OK ? buf_status(&w->plan->bytes, w->e) : err;
}

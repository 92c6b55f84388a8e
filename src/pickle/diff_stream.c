/*
 * Values that the same opcodes made, found by reading both sides side by side.
 *
 * PUT, MEMOIZE, FRAME make no value and are passed.  What a GET fetches must have been made by
 * opcodes that correspond.  A stretch is read on until the opcodes differ, beyond the value that
 * was asked about: so what follows is known already, and nothing is read more than once or twice.
 * Knows nothing of values; "not the same" only means that somebody has to look.
 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "walk.h"

#define SHORT_TEXT 256u
#define WAITS_LOOKED_AT 16u

void diff_stream_init(struct diff *d)
{
    struct diff_stream *s = &d->stream;
    struct pkl_info info[2];

    for (unsigned i = 0; i < 2; i++) {
        s->doc[i] = d->v[i]->doc(d->v[i], 0);
        if (s->doc[i] == NULL || pkl_doc_view(s->doc[i]) != d->v[i] ||
            pkl_doc_error(s->doc[i], NULL) != PB_OK || s->doc[i]->extras.len > 0 ||
            s->doc[i]->alters.len > 0)
            return;
        pkl_doc_info(s->doc[i], &info[i]);
        cursor_init(&s->cursor[i], pkl_doc_source(s->doc[i]));
    }
    /* Names mean the same. */
    s->usable = pkl_doc_source(s->doc[0]) != pkl_doc_source(s->doc[1]) &&
                (info[0].protocol < 3) == (info[1].protocol < 3) &&
                (info[0].protocol < 4) == (info[1].protocol < 4);
}

void diff_stream_release(struct diff *d)
{
    for (size_t i = 0; i < d->stream.regions.len; i++)
        vec_release(&d->stream.regions.data[i].waits);
    vec_release(&d->stream.segments);
    vec_release(&d->stream.regions);
    idmap_release(&d->stream.same);
}

enum pb_err diff_same_bytes(struct source *x, uint64_t at, struct source *y, uint64_t bt,
                            uint64_t n, bool *same, struct error *e)
{
    *same = true;
    while (n > 0 && *same) {
        size_t want = n < SOURCE_VIEW_MAX ? (size_t)n : SOURCE_VIEW_MAX, got[2] = {0, 0};
        const uint8_t *p, *q;
        uint8_t copy[512];
        enum pb_err err = source_view(x, at, want, &p, &got[0], e);

        if (err == PB_OK && x == y && !x->stable) { /* the second look takes the first away */
            got[0] = got[0] < sizeof copy ? got[0] : sizeof copy;
            memcpy(copy, p, got[0]);
            p = copy;
        }
        if (err == PB_OK)
            err = source_view(y, bt, want, &q, &got[1], e);
        if (err != PB_OK)
            return err;
        want = got[0] < want ? got[0] : want;
        want = got[1] < want ? got[1] : want;
        *same = want > 0 && memcmp(p, q, want) == 0;
        at += want;
        bt += want;
        n -= want;
    }
    return PB_OK;
}

/* ------------------------------------------------------------------ what corresponds */

static bool corresponds(const struct diff_stream *s, uint64_t a, uint64_t b)
{
    size_t low = vec_upper(&s->segments, a, a);

    if (low == 0)
        return false;
    return a - s->segments.data[low - 1].a < s->segments.data[low - 1].len &&
           s->segments.data[low - 1].b + (a - s->segments.data[low - 1].a) == b;
}

/* Regions begin in any order: an item from the end of a list before those in front of it. */
static size_t region_after(const struct diff_stream *s, uint64_t a)
{
    return vec_upper(&s->regions, a, a);
}

/* Opcodes of one reading with the same distance are one segment (`join`: not the first of it), and
 * what was passed between them makes no value. */
static bool insert_segment(struct diff_stream *s, size_t *at, bool join, uint64_t a, uint64_t b,
                           uint64_t len)
{
    struct diff_segment *last = *at > 0 ? &s->segments.data[*at - 1] : NULL;

    if (join && last != NULL && b > last->b && a - last->a == b - last->b) {
        last->len = a + len - last->a;
        return true;
    }
    if (!vec_reserve(&s->segments, s->segments.len + 1))
        return false;
    memmove(s->segments.data + *at + 1, s->segments.data + *at,
            (s->segments.len - *at) * sizeof *s->segments.data);
    s->segments.data[*at] = (struct diff_segment){a, b, len};
    s->segments.len++;
    (*at)++;
    return true;
}

static size_t segment_after(const struct diff_stream *s, uint64_t a)
{
    return vec_upper(&s->segments, a, a);
}

/* ------------------------------------------------------------------- side by side */

/* The next opcode that makes a difference to values. */
static enum pb_err next_op(struct diff *d, unsigned side, uint64_t *at, struct op *op, bool *end)
{
    struct diff_stream *s = &d->stream;

    for (;;) {
        enum pb_err err;
        uint8_t class;

        *end = *at >= s->doc[side]->end;
        if (*end)
            return PB_OK;
        err = cursor_read(&s->cursor[side], *at, op, d->e);
        if (err != PB_OK)
            return err;
        class = op_info[op->code].class;
        if (class != OP_PUT && class != OP_FRAME)
            return PB_OK;
        *at = op->end;
    }
}

/* Somebody looks at the sources, which may take our views away. */
static void forget_views(struct diff_stream *s)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!pkl_doc_source(s->doc[i])->stable)
            s->cursor[i].n = 0;
    }
}

static enum pb_err learn(struct diff_stream *s, uint64_t a, uint64_t b, struct error *e)
{
    return idmap_put(&s->same, a + 1, b) ? PB_OK : error_nomem(e);
}

/* Short texts that stand in places that do not correspond may still be the same. */
static enum pb_err same_text(struct diff *d, uint64_t a, uint64_t b, bool *same)
{
    struct diff_stream *s = &d->stream;
    uint64_t header[2], payload[2], at[2] = {a, b};
    uint8_t code[2];
    enum pb_err err = PB_OK;

    *same = false;
    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        struct source *src = pkl_doc_source(s->doc[i]);
        const uint8_t *p;
        size_t n;

        err = source_view(src, at[i], 1, &p, &n, d->e);
        if (err != PB_OK || n == 0)
            return err;
        code[i] = p[0];
        if (op_info[code[i]].class != OP_STR && op_info[code[i]].class != OP_BYTES)
            return PB_OK;
        err = pkl_opcode_length(src, at[i], &header[i], &payload[i], d->e);
    }
    if (err != PB_OK || code[0] != code[1] || header[0] != header[1] || payload[0] != payload[1] ||
        payload[0] > SHORT_TEXT)
        return err;
    err = diff_same_bytes(pkl_doc_source(s->doc[0]), a, pkl_doc_source(s->doc[1]), b,
                          header[0] + payload[0], same, d->e);
    return err == PB_OK && *same ? learn(s, a, b, d->e) : err;
}

static bool is_leaf(uint8_t code)
{
    uint8_t class = op_info[code].class;

    return class <= OP_PY2STR || (class >= OP_GLOBAL && class <= OP_BUFFER);
}

/* Fetched at `now` is what is still being made. */
static enum pb_err wait_for(struct diff_region *r, uint64_t now, const struct wval *v,
                            uint64_t other, struct error *e)
{
    struct diff_wait w = {.first = now, .last = now, .end = v->end, .maker = {v->maker, other}};

    for (size_t i = r->waits.len; i-- > 0 && i + WAITS_LOOKED_AT >= r->waits.len;) {
        if (r->waits.data[i].maker[0] == v->maker) {
            r->waits.data[i].last = now;
            return PB_OK;
        }
    }
    return vec_push(&r->waits, w) ? PB_OK : error_nomem(e);
}

/* What waits in [begin, now) does so wherever that is fetched again; *any: there is some. */
static void wait_again(struct diff_region *r, uint64_t begin, uint64_t now, bool *any)
{
    *any = false;
    while (r->waits.len > 0 && r->waits.data[r->waits.len - 1].end <= now)
        r->waits.len--;
    for (size_t i = 0; i < r->waits.len; i++) {
        struct diff_wait *w = &r->waits.data[i];

        if (w->end > now && w->last >= begin) {
            w->last = now;
            *any = true;
        }
    }
}

/* The opcodes that made the two correspond: so must all that is in them. */
static enum pb_err same_whole(struct diff *d, struct diff_region *r, uint64_t now,
                              const uint64_t maker[2], bool *same)
{
    struct diff_stream *s = &d->stream;
    struct wval v;
    const uint8_t *p;
    size_t n, known;
    bool waits = false;
    enum pb_err err = source_view(pkl_doc_source(s->doc[0]), maker[0], 1, &p, &n, d->e);

    *same = err == PB_OK && n > 0 && is_leaf(p[0]);
    if (err != PB_OK || *same)
        return err == PB_OK ? learn(s, maker[0], maker[1], d->e) : err;
    err = walk_locate(s->doc[0], maker[0], &v, d->e);
    if (err != PB_OK)
        return err;
    if (v.begin >= r->a) {
        *same = true;
        if (v.end > now)
            return wait_for(r, now, &v, maker[1], d->e);
        wait_again(r, v.begin, now, &waits);
        return waits || r->sure_end < now ? PB_OK : learn(s, maker[0], maker[1], d->e);
    }
    known = region_after(s, v.begin);
    *same = known > 0 && v.end <= s->regions.data[known - 1].sure_end;
    return *same ? learn(s, maker[0], maker[1], d->e) : PB_OK;
}

enum sameness { OTHER, MET, SAME };

static enum pb_err same_fetch(struct diff *d, struct diff_region *r, const struct op *a,
                              const struct op *b, enum sameness *how)
{
    struct diff_stream *s = &d->stream;
    const struct diff_pair *met;
    uint64_t maker[2], there = 0;
    bool same = false;
    enum pb_err err;

    *how = OTHER;
    if (a->code == '2' || b->code == '2') /* DUP: of what stands in front */
        return PB_OK;
    err = memo_target(s->doc[0], a->at, &maker[0], d->e);
    if (err == PB_OK)
        err = memo_target(s->doc[1], b->at, &maker[1], d->e);
    if (err == PB_OK)
        same = idmap_get(&s->same, maker[0] + 1, &there) && there == maker[1];
    if (err == PB_OK && !same && corresponds(s, maker[0], maker[1]))
        err = same_whole(d, r, a->at, maker, &same);
    else if (err == PB_OK && !same)
        err = same_text(d, maker[0], maker[1], &same);
    forget_views(s);
    *how = same ? SAME : OTHER;
    if (err != PB_OK || same)
        return err;
    met = diff_met(d, PKL_ID(0, PKL_TAG_VALUE, maker[0]), PKL_ID(0, PKL_TAG_VALUE, maker[1]));
    if (met != NULL && (size_t)(met - d->pairs.data) < d->lasting)
        *how = MET;
    return PB_OK;
}

static enum pb_err same_op(struct diff *d, struct diff_region *r, const struct op *a,
                           const struct op *b, enum sameness *how)
{
    struct diff_stream *s = &d->stream;
    uint64_t n = a->end - a->at;
    uint8_t class = op_info[a->code].class;
    bool same = false;
    enum pb_err err = PB_OK;

    *how = OTHER;
    if (class == OP_REF && op_info[b->code].class == OP_REF)
        return same_fetch(d, r, a, b, how);
    if (a->code != b->code || b->end - b->at != n || class == OP_BUFFER)
        return PB_OK;
    if (n <= a->n && n <= b->n) {
        *how = memcmp(a->p, b->p, (size_t)n) == 0 ? SAME : OTHER;
        return PB_OK;
    }
    forget_views(s);
    err = diff_same_bytes(pkl_doc_source(s->doc[0]), a->at, pkl_doc_source(s->doc[1]), b->at, n,
                          &same, d->e);
    *how = same ? SAME : OTHER;
    return err;
}

/* Only what stays open counts. */
static void end_region(struct diff_region *r, uint64_t a, uint64_t b)
{
    size_t n = 0;

    r->a_end = a;
    r->b_end = b;
    r->sure_end = r->sure_end < a ? r->sure_end : a;
    for (size_t i = 0; i < r->waits.len; i++) {
        if (r->waits.data[i].end <= a)
            continue;
        if (r->waits.data[i].first < r->sure_end)
            r->sure_end = r->waits.data[i].first;
        r->waits.data[n++] = r->waits.data[i];
    }
    r->waits.len = n;
}

/* The segment that ends in front of `at` goes on in the one that begins there. */
static void join_segments(struct diff_stream *s, size_t at)
{
    struct diff_segment *x, *y;

    if (at == 0 || at >= s->segments.len)
        return;
    x = &s->segments.data[at - 1];
    y = &s->segments.data[at];
    if (y->b <= x->b || y->a - x->a != y->b - x->b)
        return;
    x->len = y->a + y->len - x->a;
    memmove(y, y + 1, (s->segments.len - at - 1) * sizeof *y);
    s->segments.len--;
}

/* Reads on from (a, b) until the opcodes differ or a region is reached that is known. *joined: it
 * is that which follows, and goes on as far as that. */
static enum pb_err read_on(struct diff *d, struct diff_region *r, bool *joined)
{
    struct diff_stream *s = &d->stream;
    size_t next = region_after(s, r->a), at = segment_after(s, r->a);
    const struct diff_region *known = next < s->regions.len ? &s->regions.data[next] : NULL;
    uint64_t a = r->a, b = r->b;
    bool join = false, end[2];
    enum sameness how = SAME;
    enum pb_err err = PB_OK;

    while (err == PB_OK && how != OTHER) {
        struct op x, y;

        if (known != NULL && a >= known->a) {
            if (a == known->a && b == known->b && known->waits.len == 0) {
                a = known->a_end;
                b = known->b_end;
                *joined = true;
                if (known->sure_end < a && known->sure_end < r->sure_end)
                    r->sure_end = known->sure_end;
            }
            break;
        }
        err = next_op(d, 0, &a, &x, &end[0]);
        if (err == PB_OK)
            err = next_op(d, 1, &b, &y, &end[1]);
        if (err != PB_OK || end[0] || end[1])
            break;
        if (known != NULL && a >= known->a)
            continue;
        err = same_op(d, r, &x, &y, &how);
        if (err != PB_OK || how == OTHER)
            break;
        if (how == MET && x.at < r->sure_end)
            r->sure_end = x.at;
        if (!insert_segment(s, &at, join, x.at, y.at, x.end - x.at))
            err = error_nomem(d->e);
        a = x.end;
        b = y.end;
        join = true;
        if (err == PB_OK)
            err = diff_check(d);
    }
    s->doc[0]->viewed = s->doc[1]->viewed = true;
    forget_views(s);
    if (*joined && join)
        join_segments(s, at);
    end_region(r, a, b);
    return err;
}

static bool says_same(struct diff *d, const struct diff_region *r, const struct pkl_node *a,
                      const struct pkl_node *b, bool sure)
{
    if (a->end > r->a_end || b->begin < r->b || b->end > r->b_end)
        return false;
    if (sure || a->end <= r->sure_end)
        return a->end <= r->sure_end;
    for (size_t i = 0; i < r->waits.len; i++) {
        const struct diff_wait *w = &r->waits.data[i];

        if (w->first < a->end && w->last >= a->begin &&
            diff_met(d, PKL_ID(0, PKL_TAG_VALUE, w->maker[0]),
                     PKL_ID(0, PKL_TAG_VALUE, w->maker[1])) == NULL)
            return false;
    }
    return true;
}

enum pb_err diff_same_opcodes(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                              bool sure, bool *same)
{
    struct diff_stream *s = &d->stream;
    struct diff_region r = {.a = a->begin, .b = b->begin, .sure_end = UINT64_MAX};
    size_t at;
    bool joined = false;
    enum pb_err err;

    *same = false;
    if (!s->usable || a->kind != b->kind ||
        (PKL_ID_TAG(a->id) != PKL_TAG_VALUE && PKL_ID_TAG(a->id) != PKL_TAG_REF) ||
        PKL_ID_TAG(a->id) != PKL_ID_TAG(b->id))
        return PB_OK;
    at = region_after(s, a->begin);
    if (at > 0 && a->begin < s->regions.data[at - 1].a_end) {
        *same = corresponds(s, a->begin, b->begin) &&
                says_same(d, &s->regions.data[at - 1], a, b, sure);
        return PB_OK;
    }
    err = read_on(d, &r, &joined);
    if (err == PB_OK && joined) { /* from the end of a list to its beginning: one region */
        *same = says_same(d, &r, a, b, sure);
        vec_release(&s->regions.data[at].waits);
        s->regions.data[at] = r;
        return PB_OK;
    }
    if (err == PB_OK && r.a_end != r.a && !vec_reserve(&s->regions, s->regions.len + 1))
        err = error_nomem(d->e);
    if (err != PB_OK || r.a_end == r.a) {
        vec_release(&r.waits);
        return err;
    }
    *same = says_same(d, &r, a, b, sure);
    memmove(s->regions.data + at + 1, s->regions.data + at,
            (s->regions.len - at) * sizeof *s->regions.data);
    s->regions.data[at] = r;
    s->regions.len++;
    return PB_OK;
}

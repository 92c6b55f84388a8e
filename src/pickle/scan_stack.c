/* The value stack of the index pass; records and checkpoints are made here, when values are taken.
 */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

void checkpoints_release(struct checkpoints *c)
{
    vec_release(c);
}

bool scan_push(struct pkl_doc *d, uint64_t begin, uint64_t maker, uint8_t kind, uint8_t flags)
{
    struct sval v = {.begin = begin, .maker = maker, .kind = kind};

    v.flags = flags | scan_place(&d->scan);
    return vec_push(&d->scan.stack, v);
}

enum pb_err scan_need(struct pkl_doc *d, size_t n, struct error *e)
{
    struct scan *s = &d->scan;
    size_t fence = scan_fence(s), have = s->stack.len - fence;

    for (size_t i = 1; i <= n && i <= have; i++) {
        if (s->stack.data[s->stack.len - i].flags & SV_RUN) {
            enum pb_err err = scan_unfold(d, s->stack.len - i, e);

            if (err != PB_OK)
                return err;
            have = s->stack.len - fence;
        }
    }
    if (have >= n)
        return PB_OK;
    if (s->stack.len >= n)
        return error_set(e, PB_EPICKLE, "unexpected MARK");
    return error_set(e, PB_EPICKLE, "the stack is empty");
}

uint64_t scan_count(const struct scan *s, size_t first)
{
    uint64_t count = 0;

    for (size_t i = first; i < s->stack.len; i++)
        count += s->stack.data[i].flags & SV_RUN ? s->stack.data[i].n : 1;
    return count;
}

/* What is recorded in [begin, after) stands at the end of the records, and is skipped. */
uint64_t scan_cost(const struct pkl_doc *d, uint64_t begin, uint64_t after, uint64_t *edge)
{
    uint64_t cost = after - begin, skips = 0;
    size_t i = d->records.len;

    *edge = 0;
    while (i > 0 && skips * d->grain.skip <= d->grain.record) {
        const struct record *r = &d->records.data[i - 1];

        if (r->begin < begin) {
            *edge = r->begin;
            break;
        }
        cost -= r->end - r->begin;
        skips++;
        i -= r->subtree;
    }
    return cost + skips * d->grain.skip;
}

bool scan_is_costly(const struct pkl_doc *d, uint64_t begin, uint64_t after)
{
    uint64_t edge;

    return scan_cost(d, begin, after, &edge) > d->grain.record;
}

/* Appends a record around everything recorded since `begin`. */
static enum pb_err add_record(struct pkl_doc *d, uint64_t begin, uint64_t maker, uint64_t after,
                              struct error *e)
{
    struct record r = {
        .begin = begin, .end = after, .maker = maker, .subtree = 1, .parent = NO_RECORD};
    size_t i = d->records.len;

    if (d->records.len >= d->limits.max_records)
        return error_set(e, PB_ELIMIT, "more than %llu large containers (limit max_records)",
                         (unsigned long long)d->limits.max_records);
    while (i > 0 && d->records.data[i - 1].begin >= begin) {
        r.subtree += d->records.data[i - 1].subtree;
        i -= d->records.data[i - 1].subtree;
    }
    return vec_push(&d->records, r) ? PB_OK : error_nomem(e);
}

/* The record of the entry, moved behind what was recorded since it was last touched. */
static struct record *newest(struct pkl_doc *d, struct sval *v)
{
    size_t at = v->n, last = d->records.len - 1;
    struct record r = d->records.data[at];

    if (at != last) {
        if (d->scan.settled > at)
            d->scan.settled = at;
        r.subtree += (uint32_t)(last - at);
        memmove(&d->records.data[at], &d->records.data[at + 1],
                (last - at) * sizeof *d->records.data);
        d->records.data[last] = r;
        v->n = (uint32_t)last;
    }
    return &d->records.data[last];
}

/* Is it time for a checkpoint of this phase at `begin`? */
static bool due(const struct pkl_doc *d, const struct checkpoints *c, enum phase phase,
                uint64_t from, uint64_t begin)
{
    for (size_t back = 1; back <= 8 && back <= c->len; back++) {
        const struct checkpoint *p = &c->data[c->len - back];

        if (CHECKPOINT_PHASE(p) == phase)
            return begin - CHECKPOINT_OFFSET(p) >= d->grain.checkpoint;
        if (begin - CHECKPOINT_OFFSET(p) >= d->grain.checkpoint)
            return true;
    }
    return c->len > 0 || begin - from >= d->grain.checkpoint;
}

/* Checkpoints at the values from `kids` on, `per` of them a child, the first being child `index`.
 */
static enum pb_err add_points(struct pkl_doc *d, struct checkpoints *c, uint64_t from,
                              enum phase phase, uint64_t index, size_t kids, bool open,
                              struct error *e)
{
    const struct scan *s = &d->scan;
    uint64_t per = phase == PH_PAIR ? 2 : 1, seen = 0;
    uint64_t next = 0;

    for (size_t i = kids; i < s->stack.len; i++) {
        const struct sval *v = &s->stack.data[i];

        if (v->begin >= next && seen % per == 0) {
            if (due(d, c, phase, from, v->begin)) {
                struct checkpoint p = {CHECKPOINT(v->begin, phase, open), index + seen / per};

                if (!vec_push(c, p))
                    return error_nomem(e);
                c->mixed = c->mixed || CHECKPOINT_PHASE(&c->data[0]) != phase;
                d->checkpoint_count++;
            }
            next = c->len > 0 ? CHECKPOINT_OFFSET(&c->data[c->len - 1]) + d->grain.checkpoint
                              : from + d->grain.checkpoint;
        }
        seen += v->flags & SV_RUN ? v->n : 1;
    }
    return PB_OK;
}

static uint64_t *counter(struct record *r, enum phase phase)
{
    return phase == PH_PAIR ? &r->pairs : phase == PH_ARG ? &r->args : &r->items;
}

/* Counts values and sets checkpoints at them. */
static enum pb_err take(struct pkl_doc *d, struct record *r, enum phase phase, size_t kids,
                        bool open, struct error *e)
{
    uint64_t n = scan_count(&d->scan, kids);
    enum pb_err err;

    if (phase == PH_HEAD)
        return PB_OK;
    if (phase == PH_STATE) {
        err = add_points(d, &r->points, r->begin, phase, r->states, kids, open, e);
        r->states++;
        return err;
    }
    err = add_points(d, &r->points, r->begin, phase, *counter(r, phase), kids, open, e);
    *counter(r, phase) += phase == PH_PAIR ? n / 2 : n;
    return err;
}

enum pb_err scan_make(struct pkl_doc *d, size_t first, uint64_t begin, uint8_t kind, uint8_t flags,
                      enum phase phase, size_t kids, bool marked, uint64_t after, struct error *e)
{
    struct scan *s = &d->scan;
    struct sval v = {.begin = begin, .maker = s->at, .kind = kind, .flags = flags};
    enum pb_err err = PB_OK;

    if (after - begin > d->grain.record && scan_is_costly(d, begin, after)) {
        err = add_record(d, begin, s->at, after, e);
        if (err == PB_OK && marked)
            err = take(d, &d->records.data[d->records.len - 1], phase, kids, true, e);
        else if (err == PB_OK && phase == PH_ITEM)
            d->records.data[d->records.len - 1].items = s->stack.len - kids;
        v.flags |= SV_RECORDED;
        v.n = (uint32_t)(d->records.len - 1);
    } else if (phase == PH_PAIR) {
        v.pairs = (uint16_t)(scan_count(s, kids) / 2);
    } else if (phase == PH_ITEM) {
        v.n = (uint32_t)scan_count(s, kids);
    }
    if (err != PB_OK)
        return err;
    s->stack.len = first;
    v.flags |= scan_place(s);
    return vec_push(&s->stack, v) ? PB_OK : error_nomem(e);
}

static enum pb_err own_before(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t *out,
                              struct error *e);

/* A container got values through a reference: logged, with checkpoints of its own when they are
 * many. */
static enum pb_err add_extra(struct pkl_doc *d, struct sval *ref, enum phase phase, size_t kids,
                             bool open, struct error *e)
{
    struct scan *s = &d->scan;
    struct extra x = {.op = s->at, .phase = phase, .open = open};
    uint64_t n = scan_count(s, kids);
    enum pb_err err = memo_target(d, ref->maker, &x.maker, e);

    if (err != PB_OK)
        return err;
    err = own_before(d, x.maker, phase, &x.own_before, e);
    x.count = phase == PH_PAIR ? n / 2 : n;
    x.begin = open ? s->open_mark : s->stack.data[kids].begin;
    if (err == PB_OK)
        err = add_points(d, &x.points, x.begin, phase, 0, kids, open, e);
    if (err == PB_OK && !vec_push(&d->extras, x))
        err = error_nomem(e);
    if (err != PB_OK)
        checkpoints_release(&x.points);
    return err;
}

/* The same of a container folded into a run. */
static enum pb_err run_before(struct pkl_doc *d, const struct sval *run, uint64_t maker,
                              enum phase phase, uint64_t *out, struct error *e)
{
    struct wval *vals = mem_realloc(NULL, run->n, sizeof *vals);
    enum pb_err err;

    if (vals == NULL)
        return error_nomem(e);
    err = walk_run(d, run->begin, run->maker, vals, run->n, e);
    for (size_t i = 0; i < run->n && err == PB_OK; i++) {
        if (vals[i].maker == maker && !vals[i].ref)
            *out = phase == PH_STATE  ? vals[i].states
                   : phase == PH_PAIR ? vals[i].pairs
                                      : vals[i].items;
    }
    free(vals);
    return err;
}

/* How many values of that phase the container has by itself at this moment: known while it stands
 * on the stack. */
static enum pb_err own_before(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t *out,
                              struct error *e)
{
    const struct scan *s = &d->scan;
    size_t low = 0, high = s->stack.len;
    const struct sval *v;

    *out = UINT64_MAX;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->stack.data[mid].begin <= maker)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return PB_OK;
    if (s->stack.data[low - 1].flags & SV_RUN && maker < s->stack.data[low - 1].maker)
        return run_before(d, &s->stack.data[low - 1], maker, phase, out, e);
    v = &s->stack.data[low - 1];
    if (v->maker != maker || v->flags & (SV_REF | SV_RUN))
        return PB_OK;
    if (v->flags & SV_RECORDED) {
        struct record *r = &d->records.data[v->n];

        *out = phase == PH_STATE ? r->states : *counter(r, phase);
    } else {
        *out = phase == PH_STATE ? (v->flags & SV_STATE) != 0 : phase == PH_PAIR ? v->pairs : v->n;
    }
    return PB_OK;
}

void scan_extras_recount(struct pkl_doc *d)
{
    idmap_release(&d->extra_items);
    d->extras_counted = 0;
}

enum pb_err scan_items_now(struct pkl_doc *d, uint64_t maker, uint64_t *out, struct error *e)
{
    enum pb_err err = own_before(d, maker, PH_ITEM, out, e);
    uint64_t more = 0;
    struct wval v;

    d->viewed = true;
    if (err == PB_OK && *out == UINT64_MAX) {
        err = walk_locate(d, maker, &v, e);
        *out = v.items;
    }
    for (; err == PB_OK && d->extras_counted < d->extras.len; d->extras_counted++) {
        const struct extra *x = &d->extras.data[d->extras_counted];

        more = 0;
        if (x->phase != PH_ITEM)
            continue;
        idmap_get(&d->extra_items, x->maker + 1, &more);
        if (!idmap_put(&d->extra_items, x->maker + 1, more + x->count))
            return error_nomem(e);
    }
    more = 0;
    idmap_get(&d->extra_items, maker + 1, &more);
    *out += more;
    return err;
}

/* The entry becomes a record: what it has so far is counted there from now on. */
static enum pb_err promote(struct pkl_doc *d, struct sval *v, uint64_t after, struct error *e)
{
    enum pb_err err = add_record(d, v->begin, v->maker, after, e);
    struct record *r;

    if (err != PB_OK)
        return err;
    r = &d->records.data[d->records.len - 1];
    r->items = v->n;
    r->pairs = v->pairs;
    r->states = (v->flags & SV_STATE) != 0;
    r->args = v->kind == PKL_OBJECT ? ARGS_UNKNOWN : 0;
    v->flags |= SV_RECORDED;
    v->n = (uint32_t)(d->records.len - 1);
    return PB_OK;
}

enum pb_err scan_touch(struct pkl_doc *d, size_t target, enum phase phase, size_t kids, bool open,
                       uint64_t after, struct error *e)
{
    struct sval *v = &d->scan.stack.data[target];
    bool second_state = phase == PH_STATE && (v->flags & SV_STATE);
    enum pb_err err = PB_OK;

    if (v->flags & SV_REF)
        err = add_extra(d, v, phase, kids, open, e);
    if (err == PB_OK && !(v->flags & SV_RECORDED) &&
        (second_state ||
         (after - v->begin > d->grain.record && scan_is_costly(d, v->begin, after))))
        err = promote(d, v, after, e);
    if (err != PB_OK)
        return err;
    if (v->flags & SV_RECORDED) {
        struct record *r = newest(d, v);

        r->end = after;
        if (!(v->flags & SV_REF))
            err = take(d, r, phase, kids, open, e);
    } else if (phase == PH_PAIR) {
        v->pairs = (uint16_t)(v->pairs + scan_count(&d->scan, kids) / 2);
    } else if (phase == PH_ITEM) {
        v->n += (uint32_t)scan_count(&d->scan, kids);
    }
    if (phase == PH_STATE)
        v->flags |= SV_STATE;
    d->scan.stack.len = target + 1;
    return err;
}

void scan_extend(struct pkl_doc *d, uint64_t after)
{
    struct sval *v = &d->scan.stack.data[d->scan.stack.len - 1];

    if (v->flags & SV_RECORDED)
        newest(d, v)->end = after;
}

enum pb_err scan_record_leaf(struct pkl_doc *d, uint64_t after, struct error *e)
{
    struct sval *v = &d->scan.stack.data[d->scan.stack.len - 1];

    return promote(d, v, after, e);
}

/* Parents of the records of this pickle: a record's subtree stands right in front of it. */
void scan_settle(struct pkl_doc *d)
{
    size_t i = d->scan.settled;

    for (; i < d->records.len; i++) {
        size_t kid = i, left = d->records.data[i].subtree - 1u;

        while (left > 0) {
            kid--;
            d->records.data[kid].parent = (uint32_t)i;
            left -= d->records.data[kid].subtree;
            kid -= d->records.data[kid].subtree - 1u;
        }
    }
    d->scan.settled = i;
}

/* What stands on the stack where the pickle breaks becomes a container of its own. */
enum pb_err scan_stand(struct pkl_doc *d, uint64_t end, struct error *e)
{
    struct scan *s = &d->scan;
    struct record *r = &d->stand;

    r->begin = s->start;
    r->end = end;
    r->maker = s->start;
    r->items = scan_count(s, 0);
    return add_points(d, &r->points, s->start, PH_STAND, 0, 0, false, e);
}

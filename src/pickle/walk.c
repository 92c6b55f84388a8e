/* The machine of re-reading, and where a walk begins and ends. */
#include <stdlib.h>
#include <string.h>

#include "walk_machine.h"

#define CACHE 1024u /* power of two */

/* ------------------------------------------------------------------- records */

static uint32_t first_ending_after(const struct pkl_doc *d, uint64_t at)
{
    size_t low = vec_upper(&d->records, end, at);

    return low < d->records.len ? (uint32_t)low : NO_RECORD;
}

/* The innermost record with begin <= at < end. */
uint32_t walk_enclosing(struct pkl_doc *d, uint64_t at)
{
    uint32_t r = first_ending_after(d, at);

    /* The index pass itself asks for the names of classes it has gone by. */
    scan_settle(d);
    while (r != NO_RECORD && d->records.data[r].begin > at)
        r = d->records.data[r].parent;
    return r;
}

/* The record directly below the ceiling that holds record r, or none when r is not below it. */
static uint32_t climb(const struct pkl_doc *d, uint32_t r, uint32_t ceiling)
{
    while (r != NO_RECORD && r != ceiling && d->records.data[r].parent != ceiling)
        r = d->records.data[r].parent;
    return r == ceiling ? NO_RECORD : r;
}

void walk_init(struct walk *w, struct pkl_doc *d, uint64_t pos, uint64_t limit, uint32_t ceiling)
{
    *w =
        (struct walk){.d = d, .pos = pos, .limit = limit, .ceiling = ceiling, .target = UINT64_MAX};
    cursor_init(&w->c, d->src);
    scan_settle(d);
    w->next = climb(d, first_ending_after(d, pos), ceiling);
}

void walk_release(struct walk *w)
{
    vec_release(&w->vals);
    vec_release(&w->marks);
}

/* ------------------------------------------------------------------ the machine */

static enum pb_err lost(const struct walk *w, struct error *e)
{
    return error_pickle(e, w->pos, -1, "re-reading does not find what the index saw");
}

static size_t fence(const struct walk *w)
{
    return w->marks.len > 0 ? w->marks.data[w->marks.len - 1].height : 0;
}

/* What was met is likely to be asked for next; once taken by another value it is final. */
void walk_remember(struct pkl_doc *d, const struct wval *v)
{
    if (d->cache != NULL && !v->ref && op_kind(v->opcode) >= PKL_LIST)
        d->cache[(v->maker ^ v->maker >> 10) & (CACHE - 1)] = *v;
}

/* Takes values away, into another one or into none; the target may be among them.  Who looks for
 * one value often looks for those beside it next. */
static void drop(struct walk *w, size_t to, const struct wval *into)
{
    for (size_t i = to; i < w->vals.len; i++) {
        if (into != NULL)
            walk_remember(w->d, &w->vals.data[i]);
        if (w->vals.data[i].maker == w->target && !w->gone) {
            w->found = w->vals.data[i];
            w->holder = into != NULL ? into->maker : UINT64_MAX;
            w->fetched = into != NULL && into->ref;
            w->gone = true;
        }
    }
    w->vals.len = to;
}

void walk_picked(struct pkl_doc *d, struct pick *p, const struct wval *v, size_t n)
{
    size_t per = p->phase == PH_PAIR ? 2 : 1;

    for (size_t i = 0; i + per <= n && p->got < p->count; i += per, p->index++) {
        if (p->index >= p->first) {
            memcpy(&p->out[p->got * per], &v[i], per * sizeof *v);
            p->got++;
            walk_remember(d, &v[i]);
            walk_remember(d, &v[i + per - 1]);
        }
    }
}

/* The target takes n values. */
static void taken(struct walk *w, enum phase phase, const struct wval *v, size_t n)
{
    struct pick *p = w->pick;

    if (p == NULL || p->phase != phase)
        return;
    walk_picked(w->d, p, v, n);
    if (p->got == p->count || phase == PH_HEAD)
        w->stopped = true;
}

enum pb_err walk_push(struct walk *w, const struct wval *v, struct error *e)
{
    return vec_push(&w->vals, *v) ? PB_OK : error_nomem(e);
}

/* How many values an opcode takes when no MARK says so. */
size_t walk_takes(uint8_t code)
{
    switch (code) {
    case 'Q':
    case 0x85:
        return 1;
    case 0x92:
    case 0x87:
        return 3;
    default:
        return 2;
    }
}

bool walk_is_marked(uint8_t code)
{
    return code == 't' || code == 'l' || code == 'd' || code == 'i' || code == 'o' || code == 0x91;
}

enum phase walk_make_phase(uint8_t code)
{
    switch (op_kind(code)) {
    case PKL_LIST:
    case PKL_TUPLE:
    case PKL_FROZENSET:
        return PH_ITEM;
    case PKL_DICT:
        return PH_PAIR;
    default:
        return code == 'i' || code == 'o' ? PH_ARG : PH_HEAD;
    }
}

static enum pb_err make(struct walk *w, const struct op *op, struct error *e)
{
    struct wval v = {.maker = op->at, .end = op->end, .opcode = op->code};
    enum phase phase = walk_make_phase(op->code);
    size_t first, kids, n;

    if (walk_is_marked(op->code)) {
        if (w->marks.len == 0)
            return lost(w, e);
        w->marks.len--;
        first = w->marks.data[w->marks.len].height;
        v.begin = w->marks.data[w->marks.len].offset;
    } else {
        n = walk_takes(op->code);
        if (w->vals.len < n)
            return lost(w, e);
        first = w->vals.len - n;
        v.begin = w->vals.data[first].begin;
    }
    kids =
        first + (op->code == 'o' && !(w->headless && op->at == w->ground) && first < w->vals.len);
    n = w->vals.len - kids;
    if (phase == PH_PAIR)
        v.pairs = n / 2;
    else if (phase == PH_ARG)
        v.args = n;
    else if (phase == PH_ITEM)
        v.items = n;
    if (v.maker == w->target) {
        if (op->code == 'o' && kids > first)
            taken(w, PH_HEAD, &w->vals.data[first], 1);
        if (n > 0)
            taken(w, phase, w->vals.data + kids, n);
    }
    drop(w, first, &v);
    return walk_push(w, &v, e);
}

static enum pb_err touch(struct walk *w, const struct op *op, size_t kids, struct error *e)
{
    enum phase phase = op->code == 's' || op->code == 'u' ? PH_PAIR
                       : op->code == 'b'                  ? PH_STATE
                                                          : PH_ITEM;
    size_t n = w->vals.len - kids;
    struct wval *v;

    if (kids == 0)
        return lost(w, e);
    v = &w->vals.data[kids - 1];
    v->end = op->end;
    /* BUILD with None on what has no attributes is nothing. */
    if (!v->ref && !(phase == PH_STATE && op_kind(v->opcode) < PKL_GLOBAL)) {
        if (phase == PH_PAIR)
            v->pairs += n / 2;
        else if (phase == PH_STATE)
            v->states++;
        else
            v->items += n;
    }
    if (v->maker == w->target && !v->ref && n > 0)
        if (n > 0)
            taken(w, phase, w->vals.data + kids, n);
    drop(w, kids, v);
    return PB_OK;
}

static enum pb_err group(struct walk *w, const struct op *op, struct error *e)
{
    size_t n = op->code == 's' ? 2 : 1;

    if (op->code == 'a' || op->code == 's' || op->code == 'b')
        return w->vals.len > n ? touch(w, op, w->vals.len - n, e) : lost(w, e);
    if (w->marks.len == 0)
        return lost(w, e);
    w->marks.len--;
    return touch(w, op, w->marks.data[w->marks.len].height, e);
}

static enum pb_err other(struct walk *w, const struct op *op, struct error *e)
{
    if (op->code == '1') {
        if (w->marks.len == 0)
            return lost(w, e);
        w->marks.len--;
        drop(w, w->marks.data[w->marks.len].height, NULL);
    } else if (op->code == '0' && w->marks.len > 0 && fence(w) == w->vals.len) {
        w->marks.len--;
    } else if (w->vals.len == 0) {
        return lost(w, e);
    } else if (op->code == '0') {
        drop(w, w->vals.len - 1, NULL);
    } else {
        w->vals.data[w->vals.len - 1].end = op->end;
    }
    return PB_OK;
}

static enum pb_err leaf(struct walk *w, const struct op *op, struct error *e)
{
    struct wval v = {.begin = op->at,
                     .end = op->end,
                     .maker = op->at,
                     .payload = op->payload,
                     .opcode = op->code,
                     .ref = op_info[op->code].class == OP_REF};

    return walk_push(w, &v, e);
}

static enum pb_err execute(struct walk *w, const struct op *op, struct error *e)
{
    struct wmark m = {op->at, w->vals.len};

    switch ((enum op_class)op_info[op->code].class) {
    case OP_PUT:
        if (w->vals.len == 0)
            return lost(w, e);
        w->vals.data[w->vals.len - 1].end = op->end;
        return PB_OK;
    case OP_MAKE:
        return make(w, op, e);
    case OP_GROUP:
        return group(w, op, e);
    case OP_MARK:
        return vec_push(&w->marks, m) ? PB_OK : error_nomem(e);
    case OP_STOP:
        w->stopped = true;
        return PB_OK;
    case OP_PROTO:
    case OP_FRAME:
        return PB_OK;
    case OP_OTHER:
        return other(w, op, e);
    default:
        return leaf(w, op, e);
    }
}

static enum pb_err count_args(struct pkl_doc *d, uint32_t record, struct error *e);

static enum pb_err of_record(struct pkl_doc *d, struct cursor *c, uint32_t index, struct wval *out,
                             struct error *e)
{
    const struct record *r = &d->records.data[index];
    struct op op;
    enum pb_err err = cursor_read(c, r->maker, &op, e);

    if (err != PB_OK)
        return err;
    *out = (struct wval){.begin = r->begin,
                         .end = r->end,
                         .maker = r->maker,
                         .items = r->items,
                         .pairs = r->pairs,
                         .args = r->args,
                         .states = r->states,
                         .payload = op.payload,
                         .opcode = op.code,
                         .ref = op_info[op.code].class == OP_REF};
    if (r->args == ARGS_UNKNOWN) {
        err = op.code == 'i' || op.code == 'o' ? count_args(d, index, e) : PB_OK;
        out->args = err == PB_OK && r->args != ARGS_UNKNOWN ? r->args : 0;
        c->n = 0; /* the view may be gone */
    }
    return err;
}

enum pb_err walk_skip(struct walk *w, struct wval *out, struct error *e)
{
    const struct record *r = &w->d->records.data[w->next];
    enum pb_err err = r->begin == w->pos ? of_record(w->d, &w->c, w->next, out, e) : lost(w, e);

    if (err != PB_OK)
        return err;
    w->pos = r->end;
    w->next = w->next + 1 < w->d->records.len ? climb(w->d, w->next + 1, w->ceiling) : NO_RECORD;
    return PB_OK;
}

/* Runs to the limit, to STOP, or until what was looked for is there. */
/* Bytes of the value or PUT that begins at p, where that is to be had without looking further; 0:
 * it is not, or it is something else. */
static inline uint64_t simple_length(const uint8_t *p, uint64_t *payload)
{
    const struct op_info *info = &op_info[*p];
    bool leaf = info->class >= OP_NONE && info->class <= OP_PY2STR;

    *payload = 0;
    if ((!leaf && info->class != OP_REF && info->class != OP_PUT) || op_is_text(*p) ||
        (info->arg >= ARG_B1 && !op_payload(p, payload)))
        return 0;
    return info->header + *payload;
}

#define HEADER_MOST 9u /* bytes of the longest header */

/* Leaves, references and what puts into the memo, without ceremony: most of all opcodes.  Stops
 * before anything else. */
static enum pb_err run_simple(struct walk *w, struct error *e)
{
    const struct cursor *c = &w->c;
    uint64_t end = w->limit, length, payload;

    if (w->next != NO_RECORD && w->d->records.data[w->next].begin < end)
        end = w->d->records.data[w->next].begin;
    while (w->pos < end && w->pos >= c->off && c->n >= HEADER_MOST &&
           w->pos - c->off <= c->n - HEADER_MOST) {
        const uint8_t *p = c->p + (w->pos - c->off);
        struct wval v = {.begin = w->pos, .maker = w->pos, .opcode = *p};

        length = simple_length(p, &payload);
        if (length == 0)
            break;
        v.end = w->pos + length;
        v.payload = payload;
        v.ref = op_info[*p].class == OP_REF;
        if (op_info[*p].class != OP_PUT && !vec_push(&w->vals, v))
            return error_nomem(e);
        if (op_info[*p].class == OP_PUT && w->vals.len == 0)
            break;
        w->vals.data[w->vals.len - 1].end = v.end;
        w->pos = v.end;
    }
    return PB_OK;
}

enum pb_err walk_go(struct walk *w, struct error *e)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && w->pos < w->limit && !w->stopped && !w->gone) {
        struct op op;

        if (walk_at_record(w)) {
            struct wval v;

            err = walk_skip(w, &v, e);
            if (err == PB_OK)
                err = walk_push(w, &v, e);
            continue;
        }
        err = cursor_read(&w->c, w->pos, &op, e);
        if (err == PB_OK)
            err = execute(w, &op, e);
        if (err != PB_OK)
            break;
        w->pos = op.end;
        if (!w->stopped && !w->gone)
            err = run_simple(w, e);
    }
    return err;
}

/* Arguments of an INST or OBJ that was recorded only later, when it grew. */
static enum pb_err count_args(struct pkl_doc *d, uint32_t record, struct error *e)
{
    struct record *r = &d->records.data[record];
    struct walk w;
    enum pb_err err;

    walk_init(&w, d, r->begin, r->maker + 1, record);
    err = walk_go(&w, e);
    if (err == PB_OK && (w.vals.len != 1 || w.vals.data[0].maker != r->maker))
        err = lost(&w, e);
    if (err == PB_OK)
        r->args = w.vals.data[0].args;
    walk_release(&w);
    return err;
}

enum pb_err walk_run(struct pkl_doc *d, uint64_t from, uint64_t to, struct wval *out, size_t n,
                     struct error *e)
{
    struct walk w;
    enum pb_err err;

    d->viewed = true;
    walk_init(&w, d, from, to, NO_RECORD);
    w.next = NO_RECORD;
    err = walk_go(&w, e);
    if (err == PB_OK && w.vals.len != n)
        err = lost(&w, e);
    if (err == PB_OK)
        memcpy(out, w.vals.data, n * sizeof *out);
    walk_release(&w);
    return err;
}

/* ---------------------------------------------------- where a walk begins and ends */

enum pb_err walk_begin_at(struct walk *w, struct pkl_doc *d, const struct ground *g,
                          const struct checkpoint *p, uint64_t limit, struct error *e)
{
    const struct record *r = g->r;
    uint64_t pos = p != NULL ? CHECKPOINT_OFFSET(p) : r->begin;
    struct wmark m = {r->begin, 0};
    struct wval v;
    enum pb_err err = PB_OK;

    walk_init(w, d, pos, limit, g->index);
    if (p == NULL || g->standing)
        return PB_OK;
    if (pos > r->maker) {
        err = of_record(d, &w->c, g->index, &v, e);
        if (err == PB_OK)
            err = walk_push(w, &v, e);
        m.height = 1;
    } else {
        w->headless = CHECKPOINT_PHASE(p) == PH_ARG;
        w->ground = r->maker;
    }
    if (err == PB_OK && CHECKPOINT_OPEN(p) && !vec_push(&w->marks, m))
        err = error_nomem(e);
    return err;
}

size_t walk_point_after(const struct checkpoints *c, uint64_t at)
{
    size_t low = 0, high = c->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (CHECKPOINT_OFFSET(&c->data[mid]) <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* A walk over the surroundings of [from, to]: from the checkpoint before it to the one behind it,
 * in a record or (NO_RECORD) in no other than the pickle. */
static enum pb_err walk_around(struct walk *w, struct pkl_doc *d, uint32_t record, uint64_t from,
                               uint64_t to, struct error *e)
{
    struct ground g = {.index = record};
    struct pickle_mark in;
    size_t before, after;
    uint64_t limit;
    enum pb_err err;

    if (g.index != NO_RECORD) {
        g.r = &d->records.data[g.index];
    } else if (d->broken && from >= d->stand.begin) {
        g.r = &d->stand;
        g.standing = true;
    }
    if (g.r == NULL) {
        err = pickle_around(d, from, &in, e);
        /* While the pass is running, what it has not come to may not be here yet. */
        walk_init(w, d, in.offset, d->done ? UINT64_MAX : d->scan.at, NO_RECORD);
        return err;
    }
    before = walk_point_after(&g.r->points, from);
    after = walk_point_after(&g.r->points, to);
    limit = after < g.r->points.len ? CHECKPOINT_OFFSET(&g.r->points.data[after]) : g.r->end;
    return walk_begin_at(w, d, &g, before > 0 ? &g.r->points.data[before - 1] : NULL, limit, e);
}

static uint32_t record_of(struct pkl_doc *d, uint64_t maker)
{
    uint32_t r = walk_enclosing(d, maker);

    return r != NO_RECORD && d->records.data[r].maker == maker ? r : NO_RECORD;
}

static const struct wval *standing(const struct walk *w, uint64_t maker)
{
    for (size_t i = 0; i < w->vals.len; i++) {
        if (w->vals.data[i].maker == maker)
            return &w->vals.data[i];
    }
    return NULL;
}

/* At a checkpoint what stands beside a value is as final as that, and likely to be asked for next;
 * but not what the walk is inside of. */
static void remember_standing(const struct walk *w)
{
    struct pkl_doc *d = w->d;
    uint64_t inside = w->ceiling != NO_RECORD ? d->records.data[w->ceiling].maker : UINT64_MAX;

    for (size_t i = 0; d->done && !d->broken && i < w->vals.len; i++) {
        if (w->vals.data[i].maker != inside)
            walk_remember(d, &w->vals.data[i]);
    }
}

static enum pb_err locate(struct pkl_doc *d, uint64_t maker, struct wval *out, struct error *e)
{
    uint32_t r = record_of(d, maker);
    const struct wval *v;
    struct cursor c;
    struct walk w;
    enum pb_err err;

    cursor_init(&c, d->src);
    if (r != NO_RECORD)
        return of_record(d, &c, r, out, e);
    err = walk_around(&w, d, walk_enclosing(d, maker), maker, maker, e);
    w.target = maker;
    if (err == PB_OK)
        err = walk_go(&w, e);
    v = w.gone ? &w.found : standing(&w, maker);
    if (err == PB_OK && v == NULL)
        err = error_pickle(e, maker, -1, "no value is made here");
    if (err == PB_OK && !w.gone)
        remember_standing(&w);
    if (err == PB_OK)
        *out = *v;
    walk_release(&w);
    return err;
}

enum pb_err walk_holder(struct pkl_doc *d, uint64_t maker, uint64_t *holder, struct error *e)
{
    uint32_t r = record_of(d, maker), in = walk_enclosing(d, maker);
    uint64_t from = maker, to = maker;
    struct walk w;
    enum pb_err err;

    if (r != NO_RECORD) {
        in = d->records.data[r].parent;
        from = d->records.data[r].begin;
        to = d->records.data[r].end;
    }
    err = walk_around(&w, d, in, from, to, e);
    w.target = maker;
    w.holder = UINT64_MAX;
    if (err == PB_OK)
        err = walk_go(&w, e);
    if (err == PB_OK && !w.gone && standing(&w, maker) == NULL)
        err = error_pickle(e, maker, -1, "no value is made here");
    /* What is still there was taken by what the walk is inside. */
    *holder = w.gone || in == NO_RECORD ? w.holder : d->records.data[in].maker;
    walk_release(&w);
    return err == PB_OK && w.fetched ? memo_target(d, *holder, holder, e) : err;
}

enum pb_err walk_locate(struct pkl_doc *d, uint64_t maker, struct wval *out, struct error *e)
{
    struct wval *box;
    enum pb_err err;

    if (d->cache == NULL) {
        d->cache = mem_alloc(CACHE * sizeof *d->cache);
        if (d->cache == NULL)
            return error_nomem(e);
    }
    box = &d->cache[(maker ^ maker >> 10) & (CACHE - 1)];
    if (box->end > 0 && box->maker == maker) {
        *out = *box;
        return PB_OK;
    }
    err = locate(d, maker, out, e);
    if (err == PB_OK)
        *box = *out;
    return err;
}

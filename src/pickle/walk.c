#include "walk.h"

#include <stdlib.h>
#include <string.h>

#define CACHE 1024u /* power of two */

struct wmark {
    uint64_t offset;
    size_t height;
};

/* Children of the target that are wanted. */
struct pick {
    enum phase phase;
    uint64_t index; /* of the next one taken */
    uint64_t first;
    size_t count;
    struct wval *out;
    size_t got;
};

struct walk {
    struct pkl_doc *d;
    struct cursor c;
    uint64_t pos, limit;
    uint32_t ceiling; /* record that is walked through; inside it the outermost ones are skipped */
    uint32_t next;    /* the next one to skip */
    struct { struct wval *data; size_t len, cap; } vals;
    struct { struct wmark *data; size_t len, cap; } marks;
    uint64_t target;  /* maker of the value that is looked for; UINT64_MAX: none */
    struct wval found; /* it, when it left the stack */
    bool gone, stopped;
    uint64_t ground;   /* maker of the container whose checkpoint it began at */
    bool headless;     /* of that: no class in front of the arguments: INST, or begun behind it */
    struct pick *pick;
};

/* ------------------------------------------------------------------- records */

static uint32_t first_ending_after(const struct pkl_doc *d, uint64_t at)
{
    size_t low = 0, high = d->records.len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->records.data[mid].end <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low < d->records.len ? (uint32_t)low : NO_RECORD;
}

/* The innermost record with begin <= at < end. */
static uint32_t enclosing(const struct pkl_doc *d, uint64_t at)
{
    uint32_t r = first_ending_after(d, at);

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

static void walk_init(struct walk *w, struct pkl_doc *d, uint64_t pos, uint64_t limit,
                      uint32_t ceiling)
{
    *w = (struct walk){.d = d, .pos = pos, .limit = limit, .ceiling = ceiling, .target = UINT64_MAX};
    cursor_init(&w->c, d->src);
    w->next = climb(d, first_ending_after(d, pos), ceiling);
}

static void walk_release(struct walk *w)
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

/* Takes values away; the target may be among them. */
static void drop(struct walk *w, size_t to)
{
    for (size_t i = to; i < w->vals.len && !w->gone; i++) {
        if (w->vals.data[i].maker == w->target) {
            w->found = w->vals.data[i];
            w->gone = true;
        }
    }
    w->vals.len = to;
}

/* What was met is likely to be asked for next; once taken by another value it is final. */
static void remember(struct pkl_doc *d, const struct wval *v)
{
    if (d->cache != NULL && !v->ref && op_kind(v->opcode) >= PKL_LIST)
        d->cache[(v->maker ^ v->maker >> 10) & (CACHE - 1)] = *v;
}

static void picked(struct pkl_doc *d, struct pick *p, const struct wval *v, size_t n)
{
    size_t per = p->phase == PH_PAIR ? 2 : 1;

    for (size_t i = 0; i + per <= n && p->got < p->count; i += per, p->index++) {
        if (p->index >= p->first) {
            memcpy(&p->out[p->got * per], &v[i], per * sizeof *v);
            p->got++;
            remember(d, &v[i]);
            remember(d, &v[i + per - 1]);
        }
    }
}

/* The target takes n values. */
static void taken(struct walk *w, enum phase phase, const struct wval *v, size_t n)
{
    struct pick *p = w->pick;

    if (p == NULL || p->phase != phase)
        return;
    picked(w->d, p, v, n);
    if (p->got == p->count || phase == PH_HEAD)
        w->stopped = true;
}

static enum pb_err push(struct walk *w, const struct wval *v, struct error *e)
{
    return vec_push(&w->vals, *v) ? PB_OK : error_nomem(e);
}

/* How many values an opcode takes when no MARK says so. */
static size_t takes(uint8_t code)
{
    switch (code) {
    case 'Q': case 0x85: return 1;
    case 0x92: case 0x87: return 3;
    default: return 2;
    }
}

static bool is_marked(uint8_t code)
{
    return code == 't' || code == 'l' || code == 'd' || code == 'i' || code == 'o' || code == 0x91;
}

static enum phase make_phase(uint8_t code)
{
    switch (op_kind(code)) {
    case PKL_LIST: case PKL_TUPLE: case PKL_FROZENSET: return PH_ITEM;
    case PKL_DICT: return PH_PAIR;
    default: return code == 'i' || code == 'o' ? PH_ARG : PH_HEAD;
    }
}

static enum pb_err make(struct walk *w, const struct op *op, struct error *e)
{
    struct wval v = {.maker = op->at, .end = op->end, .opcode = op->code};
    enum phase phase = make_phase(op->code);
    size_t first, kids, n;

    if (is_marked(op->code)) {
        if (w->marks.len == 0)
            return lost(w, e);
        w->marks.len--;
        first = w->marks.data[w->marks.len].height;
        v.begin = w->marks.data[w->marks.len].offset;
    } else {
        n = takes(op->code);
        if (w->vals.len < n)
            return lost(w, e);
        first = w->vals.len - n;
        v.begin = w->vals.data[first].begin;
    }
    kids = first + (op->code == 'o' && !(w->headless && op->at == w->ground) && first < w->vals.len);
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
        taken(w, phase, w->vals.data + kids, n);
    }
    drop(w, first);
    return push(w, &v, e);
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
        taken(w, phase, w->vals.data + kids, n);
    drop(w, kids);
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
        drop(w, w->marks.data[w->marks.len].height);
    } else if (op->code == '0' && w->marks.len > 0 && fence(w) == w->vals.len) {
        w->marks.len--;
    } else if (w->vals.len == 0) {
        return lost(w, e);
    } else if (op->code == '0') {
        drop(w, w->vals.len - 1);
    } else {
        w->vals.data[w->vals.len - 1].end = op->end;
    }
    return PB_OK;
}

static enum pb_err leaf(struct walk *w, const struct op *op, struct error *e)
{
    struct wval v = {.begin = op->at, .end = op->end, .maker = op->at,
                     .payload = op->payload, .opcode = op->code, .ref = op_info[op->code].class == OP_REF};

    return push(w, &v, e);
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
    case OP_PROTO: case OP_FRAME:
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
    *out = (struct wval){.begin = r->begin, .end = r->end, .maker = r->maker, .items = r->items,
                         .pairs = r->pairs, .args = r->args, .states = r->states,
                         .payload = op.payload, .opcode = op.code,
                         .ref = op_info[op.code].class == OP_REF};
    if (r->args == ARGS_UNKNOWN) {
        err = op.code == 'i' || op.code == 'o' ? count_args(d, index, e) : PB_OK;
        out->args = err == PB_OK && r->args != ARGS_UNKNOWN ? r->args : 0;
        c->n = 0; /* the view may be gone */
    }
    return err;
}

/* Pushes the recorded value that begins here. */
static enum pb_err skip(struct walk *w, struct error *e)
{
    const struct record *r = &w->d->records.data[w->next];
    struct wval v;
    enum pb_err err = of_record(w->d, &w->c, w->next, &v, e);

    if (err != PB_OK)
        return err;
    w->pos = r->end;
    w->next = w->next + 1 < w->d->records.len ? climb(w->d, w->next + 1, w->ceiling) : NO_RECORD;
    return push(w, &v, e);
}

/* Runs to the limit, to STOP, or until what was looked for is there. */
static enum pb_err run(struct walk *w, struct error *e)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && w->pos < w->limit && !w->stopped && !w->gone) {
        struct op op;

        if (w->next != NO_RECORD && w->d->records.data[w->next].begin <= w->pos) {
            err = w->d->records.data[w->next].begin == w->pos ? skip(w, e) : lost(w, e);
            continue;
        }
        err = cursor_read(&w->c, w->pos, &op, e);
        if (err == PB_OK)
            err = execute(w, &op, e);
        if (err == PB_OK)
            w->pos = op.end;
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
    err = run(&w, e);
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
    err = run(&w, e);
    if (err == PB_OK && w.vals.len != n)
        err = lost(&w, e);
    if (err == PB_OK)
        memcpy(out, w.vals.data, n * sizeof *out);
    walk_release(&w);
    return err;
}

/* ---------------------------------------------------- where a walk begins and ends */

/* The container whose checkpoints bound a walk: a record, or what stands where the pickle broke. */
struct ground {
    const struct record *r; /* NULL: a pickle as a whole */
    uint32_t index;         /* of the record, or NO_RECORD */
    bool standing;
};

static enum pb_err begin_at(struct walk *w, struct pkl_doc *d, const struct ground *g,
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
            err = push(w, &v, e);
        m.height = 1;
    } else {
        w->headless = CHECKPOINT_PHASE(p) == PH_ARG;
        w->ground = r->maker;
    }
    if (err == PB_OK && CHECKPOINT_OPEN(p) && !vec_push(&w->marks, m))
        err = error_nomem(e);
    return err;
}

/* Index of the first checkpoint behind `at`. */
static size_t point_after(const struct checkpoints *c, uint64_t at)
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

/* A walk over the surroundings of an opcode: from the checkpoint before it to the one behind it. */
static enum pb_err walk_around(struct walk *w, struct pkl_doc *d, uint64_t at, struct error *e)
{
    struct ground g = {.index = enclosing(d, at)};
    struct pickle_mark in;
    size_t after;
    uint64_t limit;
    enum pb_err err;

    if (g.index != NO_RECORD) {
        g.r = &d->records.data[g.index];
    } else if (d->broken && at >= d->stand.begin) {
        g.r = &d->stand;
        g.standing = true;
    }
    if (g.r == NULL) {
        err = pickle_around(d, at, &in, e);
        walk_init(w, d, in.offset, UINT64_MAX, NO_RECORD);
        return err;
    }
    after = point_after(&g.r->points, at);
    limit = after < g.r->points.len ? CHECKPOINT_OFFSET(&g.r->points.data[after]) : g.r->end;
    return begin_at(w, d, &g, after > 0 ? &g.r->points.data[after - 1] : NULL, limit, e);
}

static uint32_t record_of(const struct pkl_doc *d, uint64_t maker)
{
    uint32_t r = enclosing(d, maker);

    return r != NO_RECORD && d->records.data[r].maker == maker ? r : NO_RECORD;
}

static enum pb_err locate(struct pkl_doc *d, uint64_t maker, struct wval *out, struct error *e)
{
    uint32_t r = record_of(d, maker);
    struct cursor c;
    struct walk w;
    enum pb_err err;

    cursor_init(&c, d->src);
    if (r != NO_RECORD)
        return of_record(d, &c, r, out, e);
    err = walk_around(&w, d, maker, e);
    w.target = maker;
    if (err == PB_OK)
        err = run(&w, e);
    for (size_t i = 0; i < w.vals.len && !w.gone && err == PB_OK; i++) {
        if (w.vals.data[i].maker == maker) {
            w.found = w.vals.data[i];
            w.gone = true;
        }
    }
    if (err == PB_OK && !w.gone)
        err = error_pickle(e, maker, -1, "no value is made here");
    *out = w.found;
    walk_release(&w);
    return err;
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

/* ----------------------------------------------------------------- own children */

/* The last checkpoint of the phase with an index not above `first`, and the first one from `last` on. */
static void points_around(const struct checkpoints *c, enum phase phase, uint64_t first,
                          uint64_t last, const struct checkpoint **from,
                          const struct checkpoint **to)
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
        picked(w->d, w->pick, w->vals.data + first, w->vals.len - first);
}

static enum pb_err list_ground(struct pkl_doc *d, const struct ground *g, struct pick *pick,
                               struct error *e)
{
    const struct checkpoint *from, *to;
    enum pkl_kind kind;
    uint8_t opcode = 0;
    struct walk w;
    enum pb_err err;

    points_around(&g->r->points, pick->phase, pick->first, pick->first + pick->count, &from, &to);
    pick->index = from != NULL ? from->index : 0;
    err = begin_at(&w, d, g, from, to != NULL ? CHECKPOINT_OFFSET(to) : g->r->end, e);
    w.target = g->standing ? UINT64_MAX : g->r->maker;
    w.pick = pick;
    if (err == PB_OK && pick->phase == PH_ARG)
        err = value_kind(d, g->r->maker, &kind, &opcode, e);
    w.headless = w.headless || opcode == 'i';
    if (err == PB_OK)
        err = run(&w, e);
    if (err == PB_OK && g->standing && to == NULL)
        picked(d, pick, w.vals.data, w.vals.len);
    else if (err == PB_OK)
        pending(&w, to);
    walk_release(&w);
    return err;
}

/* Children of the container's own span; those of PH_HEAD all, whatever is asked. */
static enum pb_err list_own(struct pkl_doc *d, const struct wval *v, struct pick *pick,
                            struct error *e)
{
    struct ground g = {.index = enclosing(d, v->maker)};
    struct walk w;
    enum pb_err err;

    if (g.index != NO_RECORD && d->records.data[g.index].maker == v->maker) {
        g.r = &d->records.data[g.index];
        return list_ground(d, &g, pick, e);
    }
    walk_init(&w, d, v->begin, v->end, g.index);
    w.target = v->maker;
    w.pick = pick;
    err = run(&w, e);
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

    points_around(&x->points, pick->phase, pick->first, pick->first + pick->count, &from, &to);
    pick->index = from != NULL ? from->index : 0;
    walk_init(&w, d, from != NULL ? CHECKPOINT_OFFSET(from) : x->begin,
              to != NULL ? CHECKPOINT_OFFSET(to) : x->op + 1, enclosing(d, x->op));
    w.target = x->maker;
    w.pick = pick;
    err = push(&w, &container, e);
    if (err == PB_OK && from != NULL && x->open && !vec_push(&w.marks, m))
        err = error_nomem(e);
    if (err == PB_OK)
        err = run(&w, e);
    if (err == PB_OK)
        pending(&w, to);
    walk_release(&w);
    return err;
}

/* First of the container's extras, in order of execution; they stand together when *n of them exist. */
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

static uint64_t own_count(const struct wval *v, enum phase phase)
{
    switch (phase) {
    case PH_PAIR: return v->pairs;
    case PH_STATE: return v->states;
    case PH_ARG: return v->args;
    default: return v->items;
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

/* Lists the part of [first, first + count) that lies in `len` children of one stretch standing at `base`. */
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

enum pb_err walk_list(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t first,
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
    size_t low = 0, high = d->pickles.len;
    struct pickle_mark at;
    struct walk w;
    enum pb_err err = PB_OK;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->pickles.data[mid].number <= n)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return error_set(e, PB_ENOTFOUND, "there is no pickle %llu", (unsigned long long)n);
    at = d->pickles.data[low - 1];
    for (;; at.number++) {
        walk_init(&w, d, at.offset, UINT64_MAX, NO_RECORD);
        err = run(&w, e);
        if (err == PB_OK && w.vals.len == 0)
            err = lost(&w, e);
        if (err != PB_OK || at.number == n)
            break;
        at.offset = w.pos;
        walk_release(&w);
    }
    if (err == PB_OK) {
        *out = w.vals.data[w.vals.len - 1];
        *start = at.offset;
    }
    walk_release(&w);
    return err;
}

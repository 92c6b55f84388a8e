#include "scan_hash.h"

#include <stdlib.h>

#include "scan_ops.h"
#include "walk_machine.h"

#define UNKNOWN UINT64_MAX
#define FAR ((uint64_t)8192) /* where a tuple that has no record begins, mostly */
#define AT_ONCE 256u         /* children of a large one */

struct tuple {
    uint64_t maker, begin; /* UNKNOWN: it is met through a reference */
};

struct look {
    struct pkl_doc *d;
    struct {
        struct tuple *data;
        size_t len, cap;
    } todo;
    struct {
        uint64_t *data;
        size_t len, cap;
    } slots;           /* met on the way: all can be keys when the look comes to its end */
    struct idmap seen; /* makers + 1 of tuples */
};

static enum pb_err unhashable(enum pkl_kind kind, struct error *e)
{
    return error_set(e, PB_EPICKLE, "unhashable type: a %s as a key or member",
                     scan_kind_name(kind));
}

static enum pb_err look_value(struct look *l, uint64_t maker, uint64_t begin, enum pkl_kind kind,
                              uint8_t opcode, struct error *e)
{
    struct tuple t = {maker, begin};
    bool is_new;

    if (kind == PKL_LIST || kind == PKL_DICT || kind == PKL_SET || kind == PKL_BYTEARRAY)
        return unhashable(kind, e);
    if (kind != PKL_TUPLE || opcode == ')')
        return PB_OK;
    if (!idmap_put_new(&l->seen, maker + 1, 1, &is_new) || (is_new && !vec_push(&l->todo, t)))
        return error_nomem(e);
    return PB_OK;
}

/* A GET or DUP. */
static enum pb_err look_reference(struct look *l, uint64_t at, struct error *e)
{
    struct pkl_doc *d = l->d;
    uint64_t slot = UNKNOWN, maker = 0;
    enum pkl_kind kind = PKL_NONE;
    struct cursor c;
    struct op op;
    uint8_t opcode = 0;
    bool sure = false;
    enum pb_err err;

    d->viewed = true;
    cursor_init(&c, d->src);
    err = cursor_read(&c, at, &op, e);
    if (err == PB_OK && op.code != '2' && cursor_slot(&op, &slot))
        err = memo_sure_find(d, slot, &sure, e);
    if (err != PB_OK || sure)
        return err;
    err = slot != UNKNOWN ? memo_get(d, at, slot, &maker, e) : memo_target(d, at, &maker, e);
    if (err == PB_OK)
        err = value_kind(d, maker, &kind, &opcode, e);
    if (err == PB_OK)
        err = look_value(l, maker, UNKNOWN, kind, opcode, e);
    if (err == PB_OK && slot != UNKNOWN && !vec_push(&l->slots, slot))
        err = error_nomem(e);
    return err;
}

static enum pb_err look_children(struct look *l, const struct wval *v, size_t n, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        if (v[i].ref)
            err = look_reference(l, v[i].maker, e);
        else if (op_kind(v[i].opcode) >= PKL_BYTEARRAY)
            err = look_value(l, v[i].maker, v[i].begin, op_kind(v[i].opcode), v[i].opcode, e);
    }
    return err;
}

/* One with a record: many children. */
static enum pb_err look_recorded(struct look *l, uint64_t maker, struct error *e)
{
    struct wval *kids = mem_realloc(NULL, AT_ONCE, sizeof *kids);
    enum pb_err err = PB_OK;
    size_t got = AT_ONCE;

    if (kids == NULL)
        return error_nomem(e);
    for (uint64_t at = 0; got == AT_ONCE && err == PB_OK; at += got) {
        err = walk_list(l->d, maker, PH_ITEM, at, AT_ONCE, kids, &got, e);
        if (err == PB_OK)
            err = look_children(l, kids, got, e);
    }
    free(kids);
    return err;
}

/* ------------------------------------------------------- a tuple without a record */

/* The stack machine, begun anywhere: what was there before is not known, and takes any shape. */
static size_t fence(const struct walk *w)
{
    return w->marks.len > 0 ? w->marks.data[w->marks.len - 1].height : 0;
}

static size_t pop_mark(struct walk *w, uint64_t *begin)
{
    *begin = UNKNOWN;
    if (w->marks.len == 0)
        return 0;
    *begin = w->marks.data[--w->marks.len].offset;
    return w->marks.data[w->marks.len].height;
}

/* The first of the values that the opcode takes; *begin UNKNOWN: some are not known. */
static size_t taken_from(struct walk *w, const struct op *op, uint64_t *begin)
{
    size_t n = walk_takes(op->code);

    if (walk_is_marked(op->code))
        return pop_mark(w, begin);
    *begin = UNKNOWN;
    if (w->vals.len - fence(w) < n)
        return fence(w);
    *begin = w->vals.data[w->vals.len - n].begin;
    return w->vals.len - n;
}

static void group(struct walk *w, uint8_t code)
{
    size_t n = code == 's' ? 2 : 1, most = w->vals.len - fence(w);
    uint64_t begin;

    if (code == 'a' || code == 's' || code == 'b' || code == '0')
        w->vals.len -= n < most ? n : most;
    else
        w->vals.len = pop_mark(w, &begin);
}

static enum pb_err step(struct walk *w, const struct op *op, struct error *e)
{
    enum op_class class = (enum op_class)op_info[op->code].class;
    struct wmark m = {op->at, w->vals.len};
    struct wval v = {.begin = op->at, .maker = op->at, .opcode = op->code, .ref = class == OP_REF};

    if (class == OP_PUT || class == OP_FRAME || class == OP_PROTO)
        return PB_OK;
    if (class == OP_MARK)
        return vec_push(&w->marks, m) ? PB_OK : error_nomem(e);
    if (class == OP_STOP) {
        w->vals.len = w->marks.len = 0;
    } else if (class == OP_MAKE) {
        w->vals.len = taken_from(w, op, &v.begin);
        return walk_push(w, &v, e);
    } else if (class == OP_GROUP || op->code == '1') {
        group(w, op->code);
    } else if (op->code == '0') {
        if (w->marks.len > 0 && fence(w) == w->vals.len)
            w->marks.len--;
        else
            group(w, op->code);
    } else if (class != OP_OTHER) {
        return walk_push(w, &v, e);
    }
    return PB_OK;
}

/* From a place in front of it; *known false: that is too near. */
static enum pb_err look_from(struct look *l, uint64_t from, uint64_t maker, bool *known,
                             struct error *e)
{
    enum pb_err err = PB_OK;
    struct wval v;
    struct walk w;
    struct op op;
    uint64_t begin;
    size_t first;

    walk_init(&w, l->d, from, maker, walk_enclosing(l->d, maker));
    if (w.next != NO_RECORD && l->d->records.data[w.next].begin < from)
        w.pos = l->d->records.data[w.next].begin;
    while (err == PB_OK && w.pos < maker) {
        if (walk_at_record(&w)) {
            err = walk_skip(&w, &v, e);
            if (err == PB_OK)
                err = walk_push(&w, &v, e);
            continue;
        }
        err = cursor_read(&w.c, w.pos, &op, e);
        if (err == PB_OK)
            err = step(&w, &op, e);
        w.pos = op.end;
    }
    if (err == PB_OK)
        err = cursor_read(&w.c, maker, &op, e);
    if (err == PB_OK) {
        first = taken_from(&w, &op, &begin);
        *known = begin != UNKNOWN || (op.code != 't' && w.vals.len - first == walk_takes(op.code));
        if (*known)
            err = look_children(l, w.vals.data + first, w.vals.len - first, e);
    }
    walk_release(&w);
    return err;
}

/* The last place known to be one between opcodes, not behind `at`. */
static uint64_t boundary(const struct pkl_doc *d, uint64_t at, uint64_t least)
{
    size_t n = vec_upper(&d->marks, offset, at);

    return n > 0 && d->marks.data[n - 1].offset > least ? d->marks.data[n - 1].offset : least;
}

static enum pb_err look_tuple(struct look *l, const struct tuple *t, struct error *e)
{
    struct pkl_doc *d = l->d;
    uint32_t in = walk_enclosing(d, t->maker);
    uint64_t least = d->scan.shared ? 0 : d->scan.start, far = FAR, from;
    bool known = false;
    enum pb_err err = PB_OK;

    if (in != NO_RECORD && d->records.data[in].maker == t->maker)
        return look_recorded(l, t->maker, e);
    if (in != NO_RECORD)
        least = d->records.data[in].begin;
    if (t->begin != UNKNOWN)
        return look_from(l, t->begin, t->maker, &known, e);
    do {
        from = t->maker > far ? boundary(d, t->maker - far, least) : least;
        err = look_from(l, from, t->maker, &known, e);
        far *= 4;
    } while (err == PB_OK && !known && from > least);
    return err;
}

/* What was found so far is looked into; the slots met on the way are good then. */
static enum pb_err look_into(struct look *l, struct error *e)
{
    enum pb_err err = PB_OK;

    while (l->todo.len > 0 && err == PB_OK) {
        struct tuple t = l->todo.data[--l->todo.len];

        err = look_tuple(l, &t, e);
    }
    for (size_t i = 0; i < l->slots.len && err == PB_OK; i++)
        err = memo_sure_note(l->d, l->slots.data[i], e);
    l->slots.len = 0;
    return err;
}

static enum pb_err look_run(struct look *l, const struct sval *run, size_t per, struct error *e)
{
    struct wval *vals = mem_realloc(NULL, run->n, sizeof *vals);
    size_t n = run->n;
    enum pb_err err;

    if (vals == NULL)
        return error_nomem(e);
    err = walk_run(l->d, run->begin, run->maker, vals, n, e);
    for (size_t i = 0; i < n && err == PB_OK; i += per)
        err = look_children(l, &vals[i], 1, e);
    free(vals);
    return err;
}

static enum pb_err look_single(struct look *l, const struct sval *v, struct error *e)
{
    if (v->flags & SV_REF)
        return look_reference(l, v->maker, e);
    return look_value(l, v->maker, v->begin, (enum pkl_kind)v->kind, 't', e);
}

enum pb_err scan_hash_check(struct pkl_doc *d, size_t first, size_t per, struct error *e)
{
    const struct scan *s = &d->scan;
    struct look l = {.d = d};
    enum pb_err err = PB_OK;
    uint64_t place = 0;
    struct scan_above all;

    if (first == s->stack.len)
        return PB_OK;
    /* Nearly always there is nothing to look at one by one. */
    all = scan_look_above(s->stack.data + first, s->stack.data + s->stack.len);
    if (all.even == 0 && (per != 1 || all.odd == 0))
        return PB_OK;
    for (size_t i = first; i < s->stack.len && err == PB_OK; i++) {
        const struct sval *v = &s->stack.data[i];
        bool run = (v->flags & SV_RUN) != 0, key = run || place % per == 0;
        struct scan_above a = scan_look_above(v, v + 1);
        uint8_t flags = key ? a.even | (per == 1 ? a.odd : 0) : 0;

        if (flags & SV_UNHASHABLE)
            err = run ? error_set(e, PB_EPICKLE, "an unhashable value as a key or member")
                      : unhashable((enum pkl_kind)v->kind, e);
        else if (flags & SV_DOUBT)
            err = run ? look_run(&l, v, per, e) : look_single(&l, v, e);
        if (err == PB_OK && flags != 0)
            err = look_into(&l, e);
        place += run ? v->n : 1;
    }
    vec_release(&l.todo);
    vec_release(&l.slots);
    idmap_release(&l.seen);
    return err;
}

#include "tape.h"

#include <stdlib.h>

#include "line.h"

struct builder {
    struct tapes *all;
    struct tape *t;
    struct pkl_doc *d;
    struct walk w; /* where it reads; its stack of values is not used */
    uint32_t root; /* the container asked for, once it is there */
    uint64_t maker;
};

void tapes_init(struct tapes *t, struct pkl_doc *d)
{
    *t = (struct tapes){.doc = d};
}

void tapes_release(struct tapes *t)
{
    for (size_t i = 0; i < TAPES; i++)
        vec_release(&t->tape[i].nodes);
    vec_release(&t->stack);
    free(t->refs);
}

bool tapes_can(const struct tapes *t, uint64_t maker)
{
    return t->doc != NULL && !walk_changed(t->doc, maker);
}

static enum pb_err lost(const struct builder *b, struct error *e)
{
    return error_pickle(e, b->w.pos, -1, "re-reading does not find what the index saw");
}

/* ------------------------------------------------------------------------ nodes */

static struct tape_node *node_at(struct builder *b, uint32_t index)
{
    return &b->t->nodes.data[index];
}

static struct tape_node *top(struct builder *b)
{
    return node_at(b, b->all->stack.data[b->all->stack.len - 1]);
}

static inline enum pb_err push(struct builder *b, const struct tape_node *n, struct error *e)
{
    uint32_t index = (uint32_t)b->t->nodes.len;

    if (index == UINT32_MAX || !vec_push(&b->t->nodes, *n) || !vec_push(&b->all->stack, index))
        return error_nomem(e);
    if (n->at == b->maker && !(n->flags & TAPE_REF))
        b->root = index;
    return PB_OK;
}

/* Values from the stack's place `from` on become children. */
static void link_kids(struct builder *b, uint32_t parent, size_t from, enum phase phase)
{
    struct tape_node *p = node_at(b, parent);

    for (size_t i = from; i < b->all->stack.len; i++) {
        uint32_t kid = b->all->stack.data[i];
        struct tape_node *k = node_at(b, kid);

        k->phase = (uint8_t)phase;
        if (p->kids == 0)
            p->kids = kid;
        else
            node_at(b, p->last)->next = kid;
        p->last = kid;
        p->count++;
        /* A class is written by its name. */
        if (!(phase == PH_HEAD && i == from && k->kind == PKL_GLOBAL))
            p->flags |= k->flags & TAPE_HARD;
    }
    b->all->stack.len = from;
}

/* ------------------------------------------------------------------------ leaves */

/* Text of an INT line that is a bool; the whole opcode is at op->p. */
static bool is_bool_line(const struct op *op)
{
    struct line_int line;

    return op->code == 'I' && op->payload == 3 && op->n >= 4 &&
           line_int((const char *)op->p + 1, 2, &line) && line.boolean;
}

static enum pb_err prepare_refs(struct tapes *t, uint64_t at, struct error *e)
{
    struct pickle_mark in = {0, 0, false};
    enum pb_err err = t->doc->scan.shared ? PB_OK : pickle_around(t->doc, at, &in, e);

    if (err != PB_OK || t->refs_start == in.offset + 1)
        return err;
    free(t->refs);
    t->refs = mem_alloc(TAPE_REFS * sizeof *t->refs);
    t->refs_start = in.offset + 1;
    return t->refs != NULL ? PB_OK : error_nomem(e);
}

enum pb_err tapes_resolve(struct tapes *t, const struct op *op, struct tape_node *n,
                          struct cursor *c, struct error *e)
{
    struct tape_ref *box = NULL;
    enum pkl_kind kind = PKL_BROKEN;
    uint64_t slot = 0, at = op->at;
    /* Without a slot put twice or out of order a number means one value everywhere. */
    bool fixed = op->code != '2' && t->doc->puts.len == 0 && cursor_slot(op, &slot);
    enum pb_err err = t->refs_start == 0 ? prepare_refs(t, at, e) : PB_OK;

    if (err == PB_OK && fixed) {
        box = &t->refs[slot & (TAPE_REFS - 1)];
        if (box->slot == slot + 1) {
            n->target = box->maker;
            n->kind = box->kind;
            n->code = box->code;
            n->box = (uint32_t)slot;
            return PB_OK;
        }
    }
    if (err == PB_OK)
        err = memo_target(t->doc, at, &n->target, e);
    if (err == PB_OK)
        err = value_kind(t->doc, n->target, &kind, &n->code, e);
    n->kind = (uint8_t)kind;
    c->n = 0;
    n->box = (uint32_t)(box != NULL ? slot : n->target);
    if (err == PB_OK && box != NULL)
        *box = (struct tape_ref){slot + 1, n->target, n->kind, n->code, n->kind < PKL_LIST};
    return err;
}

static enum pb_err leaf(struct builder *b, const struct op *op, struct error *e)
{
    struct tape_node n = {.at = op->at,
                          .begin = op->at,
                          .end = op->end,
                          .len = op->payload,
                          .code = op->code,
                          .kind = (uint8_t)op_kind(op->code)};
    enum pb_err err = PB_OK;

    if (op_info[op->code].class == OP_REF) {
        n.flags = TAPE_REF;
        n.len = op->code;
        err = tapes_resolve(b->all, op, &n, &b->w.c, e);
        n.flags |= n.kind >= PKL_LIST ? TAPE_HARD : 0;
    } else if (n.kind == PKL_INT && is_bool_line(op)) {
        n.kind = PKL_BOOL;
    } else if (n.kind >= PKL_LIST && (n.kind >= PKL_GLOBAL || walk_changed(b->d, op->at))) {
        n.flags = TAPE_HARD;
    }
    return err == PB_OK ? push(b, &n, e) : err;
}

/* --------------------------------------------------------------------- containers */

static enum pb_err make(struct builder *b, const struct op *op, struct error *e)
{
    struct tape_node n = {
        .at = op->at, .end = op->end, .code = op->code, .kind = (uint8_t)op_kind(op->code)};
    size_t first, kids, depth = b->all->stack.len;
    enum pb_err err;

    if (walk_is_marked(op->code)) {
        if (b->w.marks.len == 0)
            return lost(b, e);
        b->w.marks.len--;
        first = b->w.marks.data[b->w.marks.len].height;
        n.begin = b->w.marks.data[b->w.marks.len].offset;
    } else {
        size_t takes = walk_takes(op->code);

        if (depth < takes)
            return lost(b, e);
        first = depth - takes;
        n.begin = node_at(b, b->all->stack.data[first])->begin;
    }
    kids = first + (op->code == 'o' && !(b->w.headless && op->at == b->w.ground) && first < depth);
    if (n.kind >= PKL_GLOBAL && op->code != 'R' && op->code != 0x81 && op->code != 0x92)
        n.flags = TAPE_HARD;
    if (walk_changed(b->d, op->at))
        n.flags = TAPE_HARD;
    err = push(b, &n, e);
    if (err == PB_OK) {
        uint32_t index = b->all->stack.data[depth];

        b->all->stack.len = depth;
        link_kids(b, index, kids, walk_make_phase(op->code));
        b->all->stack.len = first;
        b->all->stack.data[b->all->stack.len++] = index;
    }
    return err;
}

/* Does a plain value of this kind take values so? */
static bool is_plain_touch(const struct tape_node *n, enum phase phase)
{
    switch (phase) {
    case PH_ITEM:
        return n->kind == PKL_LIST || n->kind == PKL_SET;
    case PH_PAIR:
        return n->kind == PKL_DICT;
    default:
        return n->kind == PKL_OBJECT;
    }
}

static enum pb_err touch(struct builder *b, const struct op *op, size_t kids, struct error *e)
{
    enum phase phase = op->code == 's' || op->code == 'u' ? PH_PAIR
                       : op->code == 'b'                  ? PH_STATE
                                                          : PH_ITEM;
    uint32_t index;
    struct tape_node *n;

    if (kids == 0 || kids > b->all->stack.len)
        return lost(b, e);
    index = b->all->stack.data[kids - 1];
    n = node_at(b, index);
    n->end = op->end;
    if (!is_plain_touch(n, phase))
        n->flags |= TAPE_HARD;
    if (!(n->flags & TAPE_REF))
        link_kids(b, index, kids, phase);
    b->all->stack.len = kids;
    return PB_OK;
}

static enum pb_err group(struct builder *b, const struct op *op, struct error *e)
{
    size_t n = op->code == 's' ? 2 : 1, depth = b->all->stack.len;

    if (op->code == 'a' || op->code == 's' || op->code == 'b')
        return depth > n ? touch(b, op, depth - n, e) : lost(b, e);
    if (b->w.marks.len == 0)
        return lost(b, e);
    b->w.marks.len--;
    return touch(b, op, b->w.marks.data[b->w.marks.len].height, e);
}

static enum pb_err other(struct builder *b, const struct op *op, struct error *e)
{
    size_t marks = b->w.marks.len, *depth = &b->all->stack.len;

    if (op->code == '1') {
        if (marks == 0)
            return lost(b, e);
        b->w.marks.len--;
        *depth = b->w.marks.data[marks - 1].height;
    } else if (op->code == '0' && marks > 0 && b->w.marks.data[marks - 1].height == *depth) {
        b->w.marks.len--;
    } else if (*depth == 0) {
        return lost(b, e);
    } else if (op->code == '0') {
        --*depth;
    } else {
        top(b)->end = op->end;
        top(b)->flags |= TAPE_HARD;
    }
    return PB_OK;
}

static enum pb_err execute(struct builder *b, const struct op *op, struct error *e)
{
    struct wmark m = {op->at, b->all->stack.len};

    switch ((enum op_class)op_info[op->code].class) {
    case OP_PUT:
        if (b->all->stack.len == 0)
            return lost(b, e);
        top(b)->end = op->end;
        return PB_OK;
    case OP_MAKE:
        return make(b, op, e);
    case OP_GROUP:
        return group(b, op, e);
    case OP_MARK:
        return vec_push(&b->w.marks, m) ? PB_OK : error_nomem(e);
    case OP_STOP:
        b->w.stopped = true;
        return PB_OK;
    case OP_PROTO:
    case OP_FRAME:
        return PB_OK;
    case OP_OTHER:
        return other(b, op, e);
    default:
        return leaf(b, op, e);
    }
}

static enum pb_err push_recorded(struct builder *b, const struct wval *v, struct error *e)
{
    struct tape_node n = {.at = v->maker,
                          .begin = v->begin,
                          .end = v->end,
                          .len = v->payload,
                          .code = v->opcode,
                          .kind = (uint8_t)op_kind(v->opcode),
                          .flags = TAPE_OUTSIDE | TAPE_HARD};
    enum pkl_kind kind = PKL_BROKEN;
    enum pb_err err = PB_OK;

    if (v->ref) {
        n.flags |= TAPE_REF;
        n.len = v->opcode;
        err = memo_target(b->d, v->maker, &n.target, e);
        if (err == PB_OK)
            err = value_kind(b->d, n.target, &kind, &n.code, e);
        n.kind = (uint8_t)kind;
        b->w.c.n = 0;
    }
    return err == PB_OK ? push(b, &n, e) : err;
}

/* Bytes behind the header at p; false: not a length that can be read so. */
static bool quick_payload(const uint8_t *p, uint64_t *len)
{
    switch ((enum op_arg)op_info[*p].arg) {
    case ARG_LINE:
    case ARG_LINES:
        return false;
    case ARG_B1:
        *len = p[1];
        return true;
    case ARG_B4:
    case ARG_BS4:
    case ARG_B8:
        return op_payload(p, len);
    default:
        *len = 0;
        return true;
    }
}

/* A BINGET or LONG_BINGET at p of a slot that was met lately; NULL: something else. */
static inline struct tape_ref *known_ref(const struct tapes *t, const uint8_t *p)
{
    uint64_t slot = *p == 'h' ? p[1] : op_le32(p + 1);
    struct tape_ref *box = t->refs != NULL ? &t->refs[slot & (TAPE_REFS - 1)] : NULL;

    if ((*p != 'h' && *p != 'j') || box == NULL || t->refs_start == 0 || box->slot != slot + 1 ||
        t->doc->puts.len > 0)
        return NULL;
    return box;
}

#define HEADER_MOST 9u /* bytes of the longest header */

/* Room for one more node.  It is written where it stays: what is put together elsewhere in small
 * pieces and then copied is waited for. */
static inline struct tape_node *node_room(struct builder *b)
{
    if (b->t->nodes.len >= UINT32_MAX || !vec_reserve(&b->t->nodes, b->t->nodes.len + 1) ||
        !vec_reserve(&b->all->stack, b->all->stack.len + 1))
        return NULL;
    return &b->t->nodes.data[b->t->nodes.len];
}

static inline void node_kept(struct builder *b)
{
    b->all->stack.data[b->all->stack.len++] = (uint32_t)b->t->nodes.len++;
}

/* Leaves, references met before and what puts into the memo: most of all opcodes, without ceremony.
 * Stops before anything else. */
static enum pb_err run_leaves(struct builder *b, struct error *e)
{
    struct walk *w = &b->w;
    const struct cursor *c = &w->c;
    uint64_t end = w->next != NO_RECORD && b->d->records.data[w->next].begin < w->limit
                       ? b->d->records.data[w->next].begin
                       : w->limit;

    while (w->pos < end && w->pos >= c->off && c->n >= HEADER_MOST &&
           w->pos - c->off <= c->n - HEADER_MOST) {
        const uint8_t *p = c->p + (w->pos - c->off);
        const struct op_info *info = &op_info[*p];
        const struct tape_ref *ref = info->class == OP_REF ? known_ref(b->all, p) : NULL;
        struct tape_node *n = node_room(b);
        uint64_t payload = 0, after;

        if (n == NULL)
            return error_nomem(e);
        if (ref == NULL && !quick_payload(p, &payload))
            break;
        after = w->pos + info->header + payload;
        if (info->class == OP_PUT && b->all->stack.len > 0) {
            top(b)->end = after;
        } else if (info->class >= OP_NONE && info->class <= OP_PY2STR) {
            /* Classes of leaves stand in the order of their kinds. */
            *n = (struct tape_node){.at = w->pos,
                                    .begin = w->pos,
                                    .end = after,
                                    .len = payload,
                                    .code = *p,
                                    .kind = (uint8_t)(info->class - OP_NONE)};
            node_kept(b);
        } else if (ref != NULL) {
            *n = (struct tape_node){.at = w->pos,
                                    .begin = w->pos,
                                    .end = after,
                                    .target = ref->maker,
                                    .len = *p,
                                    .box = (uint32_t)(ref->slot - 1),
                                    .code = ref->code,
                                    .kind = ref->kind,
                                    .flags = TAPE_REF | (ref->kind >= PKL_LIST ? TAPE_HARD : 0)};
            node_kept(b);
        } else {
            break;
        }
        w->pos = after;
    }
    return PB_OK;
}

uint64_t tapes_pass(const struct tapes *t, const struct cursor *c, uint64_t at, uint64_t to)
{
    uint64_t end = c->n >= HEADER_MOST ? c->off + (c->n - HEADER_MOST) + 1 : 0;

    if (to < end)
        end = to;
    while (at >= c->off && at < end) {
        const uint8_t *p = c->p + (at - c->off);
        const struct op_info *info = &op_info[*p];
        uint64_t payload = 0;

        if (info->class == OP_REF) {
            const struct tape_ref *ref = known_ref(t, p);

            if (ref == NULL || !ref->passed)
                break;
        } else if (info->class == OP_STOP || info->class == OP_BAD ||
                   (*p == 'b' && c->src->gaps.len > 0) || !quick_payload(p, &payload)) {
            break;
        }
        at += info->header + payload;
    }
    return at;
}

void tapes_seen(struct tapes *t, const struct tape_node *n)
{
    struct tape_ref *box = &t->refs[n->box & (TAPE_REFS - 1)];

    if (box->slot == (uint64_t)n->box + 1 && box->maker == n->target)
        box->passed = true;
}

static enum pb_err run(struct builder *b, struct error *e)
{
    struct walk *w = &b->w;
    enum pb_err err = PB_OK;

    while (err == PB_OK && w->pos < w->limit && !w->stopped) {
        struct wval v;
        struct op op;

        err = run_leaves(b, e);
        if (err != PB_OK || w->pos >= w->limit)
            break;
        if (walk_at_record(w)) {
            err = walk_skip(w, &v, e);
            if (err == PB_OK)
                err = push_recorded(b, &v, e);
            continue;
        }
        err = cursor_read(&w->c, w->pos, &op, e);
        if (err == PB_OK)
            err = execute(b, &op, e);
        w->pos = op.end;
    }
    return err;
}

/* ------------------------------------------------------------------------ reading */

/* Where reading begins, and with which values on the stack. */
static enum pb_err begin(struct builder *b, const struct wval *v, const struct checkpoint **to,
                         struct error *e)
{
    struct ground g = {.index = walk_enclosing(b->d, v->maker)};
    const struct checkpoint *from = NULL;
    enum pb_err err;

    *to = NULL;
    if (g.index == NO_RECORD || b->d->records.data[g.index].maker != v->maker) {
        walk_init(&b->w, b->d, v->begin, v->end, g.index);
        b->t->first = 0;
        return PB_OK;
    }
    g.r = &b->d->records.data[g.index];
    walk_points(&g.r->points, b->t->phase, b->t->first, b->t->first + 1, &from, to);
    b->t->first = from != NULL ? from->index : 0;
    err = walk_begin_at(&b->w, b->d, &g, from, *to != NULL ? CHECKPOINT_OFFSET(*to) : g.r->end, e);
    if (err == PB_OK && b->w.vals.len > 0)
        err = push_recorded(b, &b->w.vals.data[0], e);
    if (b->root != 0)
        node_at(b, b->root)->flags = 0;
    return err;
}

/* At a checkpoint the values of an open group are final, though not taken yet. */
static enum pb_err take_pending(struct builder *b, const struct checkpoint *at, struct error *e)
{
    struct tape_node none = {.at = b->maker, .kind = PKL_BROKEN};
    size_t first;

    if (at == NULL || b->w.stopped || b->w.pos != CHECKPOINT_OFFSET(at) || !CHECKPOINT_OPEN(at) ||
        b->w.marks.len == 0)
        return PB_OK;
    first = b->w.marks.data[0].height;
    if (b->root == 0) {
        size_t depth = b->all->stack.len;
        enum pb_err err = push(b, &none, e);

        if (err != PB_OK)
            return err;
        b->all->stack.len = depth;
    }
    if (first <= b->all->stack.len)
        link_kids(b, b->root, first, b->t->phase);
    return PB_OK;
}

static enum pb_err fill(struct builder *b, uint64_t first, struct error *e)
{
    const struct checkpoint *to;
    struct tape_node none = {.at = UINT64_MAX};
    struct wval v;
    struct tape *t = b->t;
    enum pb_err err = walk_locate(b->d, b->maker, &v, e);

    b->all->stack.len = 0;
    t->nodes.len = 0;
    if (err == PB_OK)
        err = prepare_refs(b->all, b->maker, e);
    if (err == PB_OK && !vec_push(&t->nodes, none))
        err = error_nomem(e);
    if (err != PB_OK)
        return err;
    t->first = first;
    err = begin(b, &v, &to, e);
    if (err == PB_OK && b->d->records.len == 0)
        b->w.next = NO_RECORD;
    if (err == PB_OK)
        err = run(b, e);
    if (err == PB_OK)
        err = take_pending(b, to, e);
    walk_release(&b->w);
    return err;
}

static enum pb_err load(struct tapes *all, struct tape *t, uint64_t maker, enum phase phase,
                        uint64_t first, struct error *e)
{
    struct builder b = {.all = all, .t = t, .d = all->doc, .maker = maker};
    enum pb_err err;

    t->maker = maker;
    t->phase = phase;
    t->serial = 0;
    t->count = 0;
    t->kids = 0;
    err = fill(&b, first, e);
    if (err != PB_OK)
        return err;
    if (b.root != 0)
        t->kids = tape_child(t, node_at(&b, b.root)->kids, phase);
    for (uint32_t at = t->kids; at != 0; at = tape_child(t, node_at(&b, at)->next, phase))
        t->count++;
    if (phase == PH_PAIR)
        t->count /= 2;
    if (first < t->first || first - t->first >= t->count)
        return error_pickle(e, maker, -1, "re-reading finds too few children");
    t->serial = ++all->serial;
    return PB_OK;
}

enum pb_err tapes_read(struct tapes *t, uint64_t maker, enum phase phase, uint64_t first,
                       struct tape **out, struct error *e)
{
    struct tape *oldest = &t->tape[0];

    for (size_t i = 0; i < TAPES; i++) {
        struct tape *p = &t->tape[i];

        if (p->serial != 0 && p->maker == maker && p->phase == phase && first >= p->first &&
            first - p->first < p->count) {
            p->used = ++t->turn;
            *out = p;
            return PB_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    oldest->used = ++t->turn;
    *out = oldest;
    return load(t, oldest, maker, phase, first, e);
}

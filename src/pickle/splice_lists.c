/*
 * Edited containers as spans.
 *
 * Children stay where they are as far as they can: one that comes behind all that stood in front of
 * it stays, every other one is taken from a place further back in the result than its bytes are.
 * What holds children together is kept; only what must change does:
 *
 *   in a group     ( a b e     anything between MARK and the opcode that takes all of them
 *   lone           a APPEND    goes and comes with its APPEND or SETITEM
 *   TUPLE1 .. 3                other counts have other opcodes
 */
#include <stdlib.h>

#include "index.h"
#include "opcode_bytes.h"
#include "splice_private.h"

#define BATCH 1000 /* items of one APPENDS, as Python writes them */
#define AT_ONCE 32u

enum pb_err splice_memo_end(struct source *src, uint64_t at, uint64_t *first, uint64_t *end,
                            struct error *e)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    *end = at;
    *first = 0;
    for (;;) {
        enum op_class class;

        if (at >= src->size)
            return PB_OK;
        err = source_view(src, at, 1, &p, &n, e);
        if (err != PB_OK || n == 0)
            return err;
        class = (enum op_class)op_info[*p].class;
        if (class != OP_PUT && class != OP_FRAME && class != OP_PROTO)
            return PB_OK;
        err = pkl_opcode_length(src, at, &header, &payload, e);
        if (err != PB_OK)
            return err;
        if (class == OP_PUT && *first == 0)
            *first = at;
        at += header + payload;
        if (class == OP_PUT)
            *end = at;
    }
}

enum pb_err splice_target(struct splice_work *w, pkl_id id, uint64_t *number)
{
    struct splice_target t = {.id = id,
                              .gone = UINT64_MAX,
                              .first_use = UINT64_MAX,
                              .own = UINT64_MAX,
                              .unfolded = UINT64_MAX};
    struct source *src = PKL_ID_SOURCE(id) == 0 ? pkl_doc_source(w->ed->doc) : w->ed->bytes;
    struct pkl_node n = {0};
    uint64_t header, payload;
    enum pb_err err;

    if (idmap_get(&w->target_of, id, number)) {
        --*number;
        return PB_OK;
    }
    t.maker = PKL_ID_OFFSET(id);
    err = pkl_opcode_length(src, t.maker, &header, &payload, w->e);
    t.behind = t.maker + header + payload;
    if (err == PB_OK && PKL_ID_SOURCE(id) == 0)
        err = splice_memo_end(src, t.behind, &t.put, &t.behind, w->e);
    else if (err == PB_OK)
        err = w->ed->second->node(w->ed->second, id, &n, w->e);
    if (err != PB_OK)
        return err;
    t.begin = n.begin;
    t.end = n.end;
    *number = w->targets.len;
    return vec_push(&w->targets, t) && idmap_put(&w->target_of, id, w->targets.len)
               ? PB_OK
               : error_nomem(w->e);
}

/* ------------------------------------------------------------------------------ spans */

static enum pb_err push_span(struct splice_list *l, struct splice_span s)
{
    struct splice_work *w = l->w;

    s.level = l->level;
    s.source = l->source;
    s.items = w->items.len - s.first_item;
    if (l->source == 0)
        return vec_push(&w->spans, s) ? PB_OK : error_nomem(w->e);
    return vec_push(&w->fresh, s) ? PB_OK : error_nomem(w->e);
}

static enum pb_err push_item(struct splice_work *w, enum splice_item_kind kind, uint64_t a,
                             uint64_t b)
{
    struct splice_item i = {kind, a, b};

    return vec_push(&w->items, i) ? PB_OK : error_nomem(w->e);
}

static enum pb_err push_glue(struct splice_work *w, const void *bytes, size_t n)
{
    size_t at = w->glue.len;

    buf_append(&w->glue, bytes, n);
    return push_item(w, ITEM_GLUE, at, n);
}

static enum pb_err push_opcode(struct splice_work *w, uint8_t code)
{
    return push_glue(w, &code, 1);
}

/* Made by one opcode for good: nothing can be put into it behind that. */
static bool is_single(const struct pkl_node *n)
{
    enum op_class class = (enum op_class)op_info[n->opcode].class;

    return class < OP_BUFFER && (class < OP_LIST || class > OP_SET);
}

/* A container is whole where the engine says, with memo opcodes in its midst; a leaf where its
 * opcode ends.  A persistent object that has a state is no leaf. */
static enum pb_err value_span(struct splice_list *l, const struct pkl_node *n, bool *leaf,
                              struct splice_span *out)
{
    uint64_t maker = PKL_ID_OFFSET(n->id), header, payload, first;
    enum pb_err err = pkl_opcode_length(l->src, maker, &header, &payload, l->w->e);

    *out = (struct splice_span){.begin = n->begin, .first_item = l->w->items.len};
    if (err != PB_OK)
        return err;
    out->made = maker + header + payload;
    err = splice_memo_end(l->src, out->made, &first, &out->end, l->w->e);
    if (err == PB_OK && n->ref && n->end > out->end)
        return error_set(l->w->e, PB_EREADONLY,
                         "at offset %llu the pickle puts more into a value that stands there by "
                         "reference: another cannot come in its place",
                         (unsigned long long)n->begin);
    *leaf = n->ref || (is_single(n) && n->end <= out->end);
    if (err != PB_OK || *leaf || n->end <= out->made)
        return err;
    out->made = n->end;
    return splice_memo_end(l->src, out->made, &first, &out->end, l->w->e);
}

/* The value goes; `number` comes in its place, if there is one. */
static enum pb_err replace(struct splice_list *l, const struct pkl_node *n, size_t number)
{
    struct splice_span s;
    bool leaf;
    enum pb_err err = value_span(l, n, &leaf, &s);

    if (err == PB_OK && number != 0)
        err = push_item(l->w, ITEM_VALUE, number, 0);
    return err == PB_OK ? push_span(l, s) : err;
}

/* Opcodes [begin, end) make way for one, or for none (0). */
static enum pb_err reglue(struct splice_list *l, uint64_t begin, uint64_t end, uint8_t code)
{
    struct splice_span s = {
        .begin = begin, .made = end, .end = end, .glue = true, .first_item = l->w->items.len};
    enum pb_err err = code != 0 ? push_opcode(l->w, code) : PB_OK;

    return err == PB_OK ? push_span(l, s) : err;
}

/* ---------------------------------------------------------------------------- children */

static enum pb_err no_place(struct splice_list *l)
{
    return error_set(l->w->e, PB_ENOTFOUND, "a changed place cannot be found");
}

static bool is_parts(const struct splice_list *l)
{
    return PKL_ID_TAG(l->c->owner) == PKL_TAG_VALUE && l->node.kind >= PKL_GLOBAL;
}

static enum pb_err part_at(struct splice_list *l, uint64_t index, struct pkl_child *out)
{
    return edit_original(l->w->ed, (size_t)(l->c - l->w->ed->containers.data), index, out, l->w->e);
}

static enum pb_err child_at(struct splice_list *l, uint64_t index, struct pkl_child *out)
{
    size_t got;
    enum pb_err err;

    if (PKL_ID_TAG(l->c->owner) == PKL_TAG_STREAM)
        return l->view->root(l->view, index, out, l->w->e);
    if (is_parts(l))
        return part_at(l, index, out);
    if (index < l->kids_first || index - l->kids_first >= l->kids_len) {
        l->kids_first = index;
        l->kids_len = 0;
        err = l->view->children(l->view, l->c->owner, index, AT_ONCE, l->kids, &got, l->w->e);
        if (err != PB_OK)
            return err;
        l->kids_len = got;
        if (got == 0)
            return no_place(l);
    }
    *out = l->kids[index - l->kids_first];
    return PB_OK;
}

/* How a child is put into its container. */
struct taken {
    uint64_t end; /* of the child */
    bool lone;
    uint8_t code;       /* the opcode behind it, what does nothing left out */
    uint64_t by, after; /* where that stands and ends */
};

static enum pb_err taken_by(struct splice_list *l, uint64_t index, const struct pkl_child *c,
                            struct taken *t)
{
    uint64_t header, payload, to = l->src->size;
    struct splice_span s;
    struct pkl_child next;
    const uint8_t *p;
    size_t n;
    bool leaf;
    enum pb_err err = value_span(l, &c->value, &leaf, &s);

    *t = (struct taken){.end = s.end};
    if (err == PB_OK && !is_parts(l) && index + 1 < l->c->now.originals) {
        err = child_at(l, index + 1, &next);
        to = l->pairs ? next.key.begin : next.value.begin;
        to = to >= s.end ? to : l->src->size;
    }
    if (err == PB_OK)
        err = splice_taker(l->src, s.end, to, &t->by, l->w->e);
    t->after = t->by;
    if (err != PB_OK || t->by >= l->src->size)
        return err;
    err = source_view(l->src, t->by, 1, &p, &n, l->w->e);
    if (err != PB_OK || n == 0)
        return err;
    t->code = *p;
    err = pkl_opcode_length(l->src, t->by, &header, &payload, l->w->e);
    t->after += err == PB_OK ? header + payload : 0;
    t->lone = t->code == (l->pairs ? CODE_SETITEM : CODE_APPEND);
    return err;
}

static enum pb_err remove_child(struct splice_list *l, uint64_t index)
{
    struct pkl_child c;
    struct taken t;
    enum pb_err err = child_at(l, index, &c);

    if (err == PB_OK && is_parts(l))
        return error_set(l->w->e, PB_EREADONLY, "a part of an object cannot be taken away");
    if (err == PB_OK)
        err = taken_by(l, index, &c, &t);
    if (err == PB_OK && l->pairs)
        err = replace(l, &c.key, 0);
    if (err == PB_OK)
        err = replace(l, &c.value, 0);
    return err == PB_OK && t.lone ? reglue(l, t.by, t.after, 0) : err;
}

/* ---------------------------------------------------------------------- what is put in */

/* What a node is written as at another place. */
static enum pb_err elsewhere(struct splice_list *l, const struct pkl_node *n,
                             struct splice_item *out)
{
    pkl_id id = n->ref ? n->target : n->id;
    struct splice_target *t;
    struct splice_span s;
    uint64_t number;
    bool leaf;
    enum pb_err err = value_span(l, n, &leaf, &s);

    *out = (struct splice_item){ITEM_COPY, s.begin, s.made};
    if (err != PB_OK || l->source != 0 || (!n->ref && leaf && s.made == s.end))
        return err;
    err = splice_target(l->w, id, &number);
    *out = (struct splice_item){ITEM_LINK, number, !n->ref};
    if (err != PB_OK || n->ref)
        return err;
    t = &l->w->targets.data[number];
    t->begin = s.begin;
    t->made = s.made;
    t->end = s.end;
    t->leaf = leaf;
    return PB_OK;
}

static enum pb_err wait(struct splice_list *l, const struct splice_item *key,
                        const struct splice_item *value)
{
    bool ok = !l->pairs || vec_push(&l->pending, *key);

    return ok && vec_push(&l->pending, *value) ? PB_OK : error_nomem(l->w->e);
}

/* A piece that does not stay where it was, or is new. */
static enum pb_err put_piece(struct splice_list *l, const struct piece *p, uint64_t index)
{
    struct splice_item key = {ITEM_VALUE, p->key, 0}, value = {ITEM_VALUE, p->value, 0};
    struct pkl_child c;
    enum pb_err err = PB_OK;

    if (!piece_is_new(p))
        err = child_at(l, index, &c);
    if (err == PB_OK && !piece_is_new(p) && p->value == 0)
        err = elsewhere(l, &c.value, &value);
    if (err == PB_OK && !piece_is_new(p) && p->key == 0 && l->pairs)
        err = elsewhere(l, &c.key, &key);
    return err == PB_OK ? wait(l, &key, &value) : err;
}

/* Items [from, to) that wait, as one insertion.  `open`: in a group that is there. */
static enum pb_err insert(struct splice_list *l, uint64_t at, bool before, uint8_t turn, bool open,
                          size_t from, size_t to)
{
    struct splice_work *w = l->w;
    struct splice_span s = {.begin = at,
                            .made = at,
                            .end = at,
                            .before = before,
                            .turn = turn,
                            .first_item = w->items.len};
    size_t per = l->pairs ? 2 : 1, batch = BATCH * per;
    bool set = l->node.kind == PKL_SET;
    enum pb_err err = PB_OK;

    if (!set && (w->ed->style.text || to - from == per))
        batch = per;
    for (size_t i = from; i < to && err == PB_OK; i++) {
        size_t in = (i - from) % batch;
        bool marked = batch > per || set;

        if (!open && marked && in == 0)
            err = push_opcode(w, CODE_MARK);
        if (err == PB_OK && !vec_push(&w->items, l->pending.data[i]))
            err = error_nomem(w->e);
        if (err == PB_OK && !open && (in + 1 == batch || i + 1 == to))
            err = push_opcode(w, set      ? CODE_ADDITEMS
                                 : marked ? (l->pairs ? CODE_SETITEMS : CODE_APPENDS)
                                          : (l->pairs ? CODE_SETITEM : CODE_APPEND));
    }
    return err == PB_OK && to > from ? push_span(l, s) : err;
}

static enum pb_err put_before(struct splice_list *l, uint64_t index)
{
    struct pkl_child c;
    struct taken t;
    enum pb_err err = PB_OK;

    if (l->pending.len == 0)
        return PB_OK;
    err = child_at(l, index, &c);
    if (err == PB_OK)
        err = taken_by(l, index, &c, &t);
    if (err == PB_OK)
        err =
            insert(l, l->pairs ? c.key.begin : c.value.begin, true, 1, !t.lone, 0, l->pending.len);
    l->pending.len = 0;
    return err;
}

/* Into what has no children yet. */
static enum pb_err put_first(struct splice_list *l)
{
    uint64_t at = PKL_ID_OFFSET(l->c->owner), header, payload, first;
    enum pkl_tag tag = PKL_ID_TAG(l->c->owner);
    uint8_t code = l->node.opcode;
    bool marked = code == CODE_LIST || code == CODE_DICT || code == CODE_TUPLE ||
                  code == CODE_FROZENSET || code == CODE_EMPTY_TUPLE || tag == PKL_TAG_ARGS;
    enum pb_err err;

    if (marked && tag != PKL_TAG_ITEMS && tag != PKL_TAG_ENTRIES)
        return insert(l, at, true, 1, true, 0, l->pending.len);
    err = pkl_opcode_length(l->src, at, &header, &payload, l->w->e);
    if (err == PB_OK)
        err = splice_memo_end(l->src, at + header + payload, &first, &at, l->w->e);
    return err == PB_OK
               ? insert(l, at, false, tag == PKL_TAG_ENTRIES ? 2 : 1, false, 0, l->pending.len)
               : err;
}

/* A group is filled up to as many as Python would put into it. */
static enum pb_err put_last(struct splice_list *l)
{
    uint64_t n = l->c->now.originals;
    size_t per = l->pairs ? 2 : 1, len = l->pending.len, room;
    struct pkl_child c;
    struct taken t;
    enum pb_err err = PB_OK;

    if (len == 0)
        return PB_OK;
    if (n == 0)
        return put_first(l);
    err = child_at(l, n - 1, &c);
    if (err == PB_OK)
        err = taken_by(l, n - 1, &c, &t);
    if (err != PB_OK)
        return err;
    if (t.lone)
        return insert(l, t.after, false, 1, false, 0, len);
    room = len;
    if ((t.code == CODE_APPENDS || t.code == CODE_SETITEMS || t.code == CODE_ADDITEMS) &&
        len / per > (BATCH - n % BATCH) % BATCH)
        room = (BATCH - n % BATCH) % BATCH * per;
    err = insert(l, t.end, false, 1, true, 0, room);
    return err == PB_OK && room < len ? insert(l, t.after, false, 1, false, room, len) : err;
}

/* ------------------------------------------------------------------- tuples, objects */

/* The opcode of a tuple that has another number of items now. */
static enum pb_err retuple(struct splice_list *l)
{
    static const uint8_t small[] = {CODE_EMPTY_TUPLE, CODE_TUPLE1, CODE_TUPLE2, CODE_TUPLE3};
    uint64_t at = PKL_ID_OFFSET(l->c->owner), count = pieces_count(&l->c->now);
    uint8_t was = l->node.opcode, is;
    struct splice_span s = {.begin = l->node.begin, .before = true};
    enum pb_err err;

    if (l->node.kind != PKL_TUPLE || was == CODE_TUPLE || count == l->c->now.originals ||
        PKL_ID_TAG(l->c->owner) != PKL_TAG_VALUE)
        return PB_OK;
    is = count <= 3 && (count == 0 || l->w->ed->style.protocol >= 2) ? small[count] : CODE_TUPLE;
    s.made = s.end = s.begin;
    s.first_item = l->w->items.len;
    if (is == CODE_TUPLE) {
        err = push_opcode(l->w, CODE_MARK);
        if (err == PB_OK)
            err = push_span(l, s);
        if (err != PB_OK)
            return err;
    }
    return reglue(l, at, at + 1, is);
}

/* The class of an INST is named in the opcode. */
static enum pb_err reclass(struct splice_list *l, size_t number)
{
    const struct pkl_node *n = &l->w->ed->values.data[number - 1].node;
    uint64_t at = PKL_ID_OFFSET(l->c->owner), header, payload, len = n->end - n->begin;
    struct splice_span s = {.begin = at, .glue = true, .first_item = l->w->items.len};
    const uint8_t *p;
    size_t got;
    enum pb_err err;

    if (n->opcode != CODE_GLOBAL || len > SOURCE_VIEW_MAX)
        return error_set(l->w->e, PB_EREADONLY, "this class can only be written as two lines");
    err = pkl_opcode_length(l->src, at, &header, &payload, l->w->e);
    s.made = s.end = at + header + payload;
    if (err == PB_OK)
        err = push_opcode(l->w, CODE_INST);
    if (err == PB_OK)
        err = source_view(l->w->ed->bytes, n->begin, (size_t)len, &p, &got, l->w->e);
    if (err == PB_OK)
        err = push_glue(l->w, p + 1, (size_t)len - 1);
    return err == PB_OK ? push_span(l, s) : err;
}

/* A state that was not there is set by a BUILD. */
static enum pb_err build(struct splice_list *l, size_t number)
{
    struct splice_span s = {.begin = l->node.end, .turn = 3, .first_item = l->w->items.len};
    enum pb_err err = push_item(l->w, ITEM_VALUE, number, 0);

    s.made = s.end = s.begin;
    if (err == PB_OK)
        err = push_opcode(l->w, CODE_BUILD);
    return err == PB_OK ? push_span(l, s) : err;
}

static enum pb_err change(struct splice_list *l, const struct piece *p)
{
    struct pkl_child c;
    uint64_t states = 0;
    enum pb_err err = PB_OK;

    if (is_parts(l) && p->first == 0 && l->node.opcode == CODE_INST)
        return reclass(l, p->value);
    if (is_parts(l))
        err = edit_states(l->w->ed, l->c->owner, &states, l->w->e);
    if (err == PB_OK && is_parts(l) && p->first >= 3 + states)
        return build(l, p->value);
    if (err == PB_OK)
        err = child_at(l, p->first, &c);
    if (err == PB_OK && p->key != 0)
        err = replace(l, &c.key, p->key);
    return err == PB_OK && p->value != 0 ? replace(l, &c.value, p->value) : err;
}

/* -------------------------------------------------------------------------- one container */

static bool listed(const struct splice_list *l)
{
    return !is_parts(l) && PKL_ID_TAG(l->c->owner) != PKL_TAG_STREAM;
}

enum pb_err splice_list_begin(struct splice_list *l, struct splice_work *w,
                              const struct edit_container *c)
{
    struct pkl_node shown;
    enum pb_err err;

    *l = (struct splice_list){.w = w, .c = c, .source = PKL_ID_SOURCE(c->owner)};
    l->view = l->source == 0 ? w->ed->base : w->ed->second;
    l->src = l->source == 0 ? pkl_doc_source(w->ed->doc) : w->ed->bytes;
    err = l->view->node(l->view, c->owner, &shown, w->e);
    if (err != PB_OK)
        return err;
    l->node = shown;
    l->level = PKL_ID_TAG(c->owner) == PKL_TAG_STREAM ? UINT64_MAX : shown.end - shown.begin;
    l->pairs = listed(l) && shown.kind == PKL_DICT;
    return listed(l) ? retuple(l) : PB_OK;
}

void splice_list_release(struct splice_list *l)
{
    vec_release(&l->pending);
}

/* Originals up to `to` that are not there any more, some of them at once. */
static enum pb_err skip_to(struct splice_list *l, uint64_t to, unsigned *budget)
{
    enum pb_err err = PB_OK;

    for (; l->next < to && err == PB_OK && *budget > 0; --*budget)
        err = remove_child(l, l->next++);
    return err;
}

/* One piece, or as much of it as the budget is for. */
static enum pb_err one_piece(struct splice_list *l, unsigned *budget)
{
    const struct piece *p = &l->c->now.data[l->piece];
    enum pb_err err = PB_OK;

    --*budget;
    if (!listed(l)) {
        l->piece++;
        return p->value != 0 ? change(l, p) : PB_OK;
    }
    if (piece_is_new(p) || p->first < l->next) {
        err = put_piece(l, p, piece_is_new(p) ? 0 : p->first + l->inside);
        if (++l->inside == p->count) {
            l->piece++;
            l->inside = 0;
        }
        return err;
    }
    err = skip_to(l, p->first, budget);
    if (err != PB_OK || l->next < p->first)
        return err;
    err = put_before(l, p->first);
    if (err == PB_OK && !piece_is_run(p))
        err = change(l, p);
    l->next = p->first + p->count;
    l->piece++;
    return err;
}

enum pb_err splice_list_step(struct splice_list *l, unsigned budget, bool *done)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && budget > 0 && l->piece < l->c->now.len)
        err = one_piece(l, &budget);
    if (err == PB_OK && budget > 0 && listed(l))
        err = skip_to(l, l->c->now.originals, &budget);
    *done = l->piece == l->c->now.len && (!listed(l) || l->next == l->c->now.originals);
    return err == PB_OK && *done && listed(l) ? put_last(l) : err;
}

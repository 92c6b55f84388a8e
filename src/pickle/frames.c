#include "frames.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 128u
#define WINDOWS_KEPT 16u

void frames_init(struct frames *f, struct pkl_view *view)
{
    *f = (struct frames){.view = view};
}

static void drop_window(struct frame *fr)
{
    free(fr->kids);
    fr->kids = NULL;
    fr->kids_len = 0;
}

void frames_release(struct frames *f)
{
    while (f->stack.len > 0)
        frames_pop(f);
    vec_release(&f->stack);
    free(f->ids);
}

/* -------------------------------------------------------------------- children */

static enum pb_err fetch(struct frames *f, struct frame *fr, struct error *e)
{
    uint64_t left = fr->count - fr->pos;
    size_t want = left < WINDOW ? (size_t)left : WINDOW;
    enum pb_err err;

    drop_window(fr);
    fr->kids = mem_realloc(NULL, want, sizeof *fr->kids);
    if (fr->kids == NULL)
        return error_nomem(e);
    fr->kids_first = fr->pos;
    err = f->view->children(f->view, fr->list, fr->pos, want, fr->kids, &fr->kids_len, e);
    if (err == PB_OK && fr->kids_len == 0)
        err = error_set(e, PB_EPICKLE, "a container has fewer children than it says");
    return err;
}

/* The child at pos of those that have an order of their own. */
static enum pb_err ordered_child(struct frames *f, const struct frame *fr, struct pkl_child *out,
                                 struct error *e)
{
    uint64_t at = fr->order[fr->pos], shown = equals_shown(&fr->equal, at);
    struct pkl_child other;
    size_t got;
    enum pb_err err = f->view->children(f->view, fr->list, at, 1, out, &got, e);

    if (err == PB_OK && got == 1 && shown != at) {
        err = f->view->children(f->view, fr->list, shown, 1, &other, &got, e);
        if (err == PB_OK && got == 1)
            out->value = other.value;
    }
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_EPICKLE, "a container has fewer children than it says");
    return err;
}

/* ------------------------------------------------------------- ids on the stack */

static size_t slot_of(const struct frames *f, pkl_id id)
{
    size_t i = (size_t)((id * 0x9e3779b97f4a7c15u) >> 20) & (f->ids_size - 1);

    while (f->ids[i] != 0 && f->ids[i] != id)
        i = (i + 1) & (f->ids_size - 1);
    return i;
}

bool frames_has(const struct frames *f, pkl_id id)
{
    return f->ids_used > 0 && f->ids[slot_of(f, id)] == id;
}

/* Entered again in the order of the stack, so that leaving in reverse order still just clears
 * slots. */
static bool ids_grow(struct frames *f)
{
    size_t size = f->ids_size == 0 ? 64 : f->ids_size * 2;
    uint64_t *ids;

    if ((f->ids_used + 1) * 2 < f->ids_size)
        return true;
    ids = mem_alloc(size * sizeof *ids);
    if (ids == NULL)
        return false;
    free(f->ids);
    f->ids = ids;
    f->ids_size = size;
    for (size_t i = 0; i < f->stack.len; i++) {
        if (f->stack.data[i].node.target != 0)
            f->ids[slot_of(f, f->stack.data[i].node.target)] = f->stack.data[i].node.target;
    }
    return true;
}

/* ------------------------------------------------------------------------ tapes */

/* As what the children of `list` were taken; false: no tape has them. */
static bool list_phase(struct frames *f, pkl_id list, enum phase *phase)
{
    struct wval v;

    *phase = PKL_ID_TAG(list) == PKL_TAG_ENTRIES ? PH_PAIR : PH_ITEM;
    if (f->plain == NULL || PKL_ID_SOURCE(list) != f->plain->tapes.doc->no ||
        !tapes_can(&f->plain->tapes, PKL_ID_OFFSET(list)))
        return false;
    if (PKL_ID_TAG(list) == PKL_TAG_ITEMS || PKL_ID_TAG(list) == PKL_TAG_ENTRIES)
        return true;
    if (PKL_ID_TAG(list) != PKL_TAG_VALUE ||
        walk_locate(f->plain->tapes.doc, PKL_ID_OFFSET(list), &v, NULL) != PB_OK)
        return false;
    if (op_kind(v.opcode) == PKL_DICT)
        *phase = PH_PAIR;
    return op_kind(v.opcode) >= PKL_LIST && op_kind(v.opcode) <= PKL_FROZENSET;
}

/* A container that was given as a child just now lies on the tape of its parent. */
static const struct tape_node *on_tape(struct frames *f, pkl_id list)
{
    const struct frame_place *p = &f->last;
    const struct tape_node *n;

    if (p->tape == NULL || p->tape->serial != p->serial || PKL_ID_TAG(list) != PKL_TAG_VALUE ||
        PKL_ID_SOURCE(list) != f->plain->tapes.doc->no)
        return NULL;
    n = &p->tape->nodes.data[p->node];
    return n->at == PKL_ID_OFFSET(list) && !(n->flags & (TAPE_REF | TAPE_OUTSIDE)) &&
                   n->kind >= PKL_LIST && n->kind <= PKL_FROZENSET
               ? n
               : NULL;
}

static void move_on(const struct frame *fr, struct frame_place *at)
{
    unsigned per = fr->phase == PH_PAIR ? 2 : 1;

    for (unsigned i = 0; i < per && at->node != 0; i++)
        at->node = tape_child(at->tape, at->tape->nodes.data[at->node].next, fr->phase);
    at->pos++;
}

static enum pb_err find_place(struct frames *f, struct frame *fr, struct error *e)
{
    struct frame_place *at = &fr->at;
    struct tape *t;
    enum pb_err err;

    if (at->tape != NULL && at->tape->serial == at->serial) {
        if (at->pos + 1 == fr->pos)
            move_on(fr, at);
        if (at->pos == fr->pos && at->node != 0)
            return PB_OK;
    }
    err = tapes_read(&f->plain->tapes, PKL_ID_OFFSET(fr->list), fr->phase, fr->pos, &t, e);
    if (err != PB_OK)
        return err;
    *at = (struct frame_place){t, t->serial, t->first, t->kids};
    while (at->pos < fr->pos && at->node != 0)
        move_on(fr, at);
    plain_forget_view(f->plain);
    return PB_OK;
}

enum pb_err frames_place(struct frames *f, struct tape **t, uint32_t *node, struct error *e)
{
    struct frame *fr = frames_top(f);
    enum pb_err err;

    *node = 0;
    if (!fr->taped || fr->order != NULL || fr->equal.len > 0 || fr->pos >= fr->count)
        return PB_OK;
    err = find_place(f, fr, e);
    *t = fr->at.tape;
    *node = err == PB_OK ? fr->at.node : 0;
    return err;
}

void frames_passed(struct frames *f)
{
    struct frame *fr = frames_top(f);

    fr->pos++;
    move_on(fr, &fr->at);
}

bool frames_put_leaves(struct frames *f, const char *between)
{
    struct frame *fr = frames_top(f);
    size_t n = plain_put_leaves(f->plain, fr->at.tape, &fr->at.node, fr->phase, fr->any, between);

    fr->pos += n;
    fr->at.pos += n;
    fr->any = fr->any || n > 0;
    return n > 0;
}

/* Equal keys or members.  Nearly always there are none, and a look at the tapes says so. */
static enum pb_err find_equals(struct frames *f, struct frame *fr, const struct tape_node *self,
                               enum frame_equals how, struct error *e)
{
    bool distinct = false;
    enum pb_err err = PB_OK;

    if (how == FRAME_ALL || fr->count == 0)
        return PB_OK;
    if (self != NULL)
        distinct = plain_keys_node(f->plain, f->last.tape, self, &fr->names);
    else if (fr->taped)
        err = plain_keys_all(f->plain, PKL_ID_OFFSET(fr->list), fr->phase, fr->count, &distinct,
                             &fr->names, e);
    fr->keys_known = distinct;
    if (err != PB_OK || distinct)
        return err;
    if (fr->count > 1 && fr->count <= WINDOW)
        err = fetch(f, fr, e);
    if (err != PB_OK)
        return err;
    return equals_find(f->view, fr->list, fr->count, fr->kids_len == fr->count ? fr->kids : NULL,
                       how == FRAME_DICT, &fr->equal, e);
}

/* ------------------------------------------------------------------- the stack */

enum pb_err frames_push(struct frames *f, const struct pkl_node *node, pkl_id list, uint64_t count,
                        uint8_t shape, enum frame_equals how, struct error *e)
{
    struct frame fr = {.node = *node, .list = list, .count = count, .shape = shape};
    const struct tape_node *self = f->plain != NULL ? on_tape(f, list) : NULL;
    enum pb_err err;

    if (self != NULL && self->count > 0 && tapes_can(&f->plain->tapes, self->at)) {
        fr.phase = self->kind == PKL_DICT ? PH_PAIR : PH_ITEM;
        fr.at = (struct frame_place){f->last.tape, f->last.serial, 0,
                                     tape_child(f->last.tape, self->kids, fr.phase)};
        fr.taped = true;
    } else {
        self = NULL;
        fr.taped = count > 0 && list_phase(f, list, &fr.phase);
    }
    err = find_equals(f, &fr, self, how, e);
    f->last.tape = NULL;
    if (err == PB_OK && (!ids_grow(f) || !vec_push(&f->stack, fr)))
        err = error_nomem(e);
    if (err != PB_OK) {
        drop_window(&fr);
        equals_release(&fr.equal);
        return err;
    }
    if (node->target != 0) {
        f->ids[slot_of(f, node->target)] = node->target;
        f->ids_used++;
    }
    if (f->stack.len > WINDOWS_KEPT)
        drop_window(&f->stack.data[f->stack.len - 1 - WINDOWS_KEPT]);
    return PB_OK;
}

void frames_pop(struct frames *f)
{
    struct frame *fr = frames_top(f);

    if (fr->node.target != 0) {
        f->ids[slot_of(f, fr->node.target)] = 0;
        f->ids_used--;
    }
    drop_window(fr);
    free(fr->order);
    equals_release(&fr->equal);
    f->stack.len--;
}

/* What the walk of a value would have found. */
static struct wval value_of(const struct tape *t, const struct tape_node *n)
{
    struct wval v = {.begin = n->begin,
                     .end = n->end,
                     .maker = n->at,
                     .payload = n->len,
                     .opcode = n->code,
                     .ref = (n->flags & TAPE_REF) != 0};

    if (v.ref)
        v.opcode = (uint8_t)n->len;
    for (uint32_t k = n->kids; k != 0; k = t->nodes.data[k].next) {
        enum phase phase = (enum phase)t->nodes.data[k].phase;

        v.items += phase == PH_ITEM;
        v.pairs += phase == PH_PAIR;
        v.args += phase == PH_ARG;
        v.states += phase == PH_STATE && n->kind >= PKL_GLOBAL;
    }
    v.pairs /= 2;
    return v;
}

#define REMEMBERED_DEPTH 3 /* an object, its arguments, what these are made of */

static void remember(struct pkl_doc *d, const struct tape *t, uint32_t node, unsigned depth)
{
    for (uint32_t k = t->nodes.data[node].kids; k != 0 && depth > 1; k = t->nodes.data[k].next) {
        const struct tape_node *n = &t->nodes.data[k];

        if (n->kind >= PKL_LIST && !(n->flags & (TAPE_REF | TAPE_OUTSIDE))) {
            struct wval v = value_of(t, n);

            walk_remember(d, &v);
            remember(d, t, k, depth - 1);
        }
    }
}

static enum pb_err node_of(struct frames *f, const struct tape *t, uint32_t node,
                           struct pkl_node *out, struct error *e)
{
    const struct tape_node *n = &t->nodes.data[node];
    struct pkl_doc *d = f->plain->tapes.doc;
    struct wval v;

    if ((n->flags & (TAPE_REF | TAPE_OUTSIDE)) == TAPE_OUTSIDE)
        return f->view->node(f->view, PKL_ID(d->no, PKL_TAG_VALUE, n->at), out, e);
    v = value_of(t, n);
    if (n->kind == PKL_OBJECT && !v.ref) {
        walk_remember(d, &v);
        remember(d, t, node, REMEMBERED_DEPTH);
    }
    return doc_view_node(d, &v, out, e);
}

/* The child on the tape; of a pair both. */
static enum pb_err taped_child(struct frames *f, struct frame *fr, struct pkl_child *out,
                               struct error *e)
{
    const struct tape *t;
    uint32_t node, value;
    enum pb_err err = find_place(f, fr, e);

    if (err != PB_OK)
        return err;
    t = fr->at.tape;
    node = fr->at.node;
    if (node == 0)
        return error_set(e, PB_EPICKLE, "a container has fewer children than it says");
    *out = (struct pkl_child){.owner = fr->list, .index = fr->pos, .position = fr->pos};
    out->step = fr->phase == PH_PAIR ? PKL_STEP_KEY : PKL_STEP_INDEX;
    value = node;
    if (fr->phase == PH_PAIR) {
        value = tape_child(t, t->nodes.data[node].next, fr->phase);
        if (!fr->half)
            err = node_of(f, t, node, &out->key, e);
    }
    if (err == PB_OK && value != 0)
        err = node_of(f, t, value, &out->value, e);
    f->last = (struct frame_place){fr->at.tape, fr->at.serial, fr->pos, fr->half ? value : node};
    plain_forget_view(f->plain);
    return err;
}

enum pb_err frames_child(struct frames *f, struct pkl_child *out, bool *end, struct error *e)
{
    struct frame *fr = frames_top(f);
    struct pkl_child other;
    uint64_t shown;
    size_t got;
    enum pb_err err = PB_OK;

    *end = false;
    if (fr->order != NULL) {
        *end = fr->pos >= fr->count;
        return *end ? PB_OK : ordered_child(f, fr, out, e);
    }
    while (fr->pos < fr->count && equals_shown(&fr->equal, fr->pos) == EQUAL_GONE)
        fr->pos++;
    if (fr->pos >= fr->count) {
        *end = true;
        return PB_OK;
    }
    if (fr->taped && fr->equal.len == 0)
        return taped_child(f, fr, out, e);
    if (fr->kids == NULL || fr->pos < fr->kids_first || fr->pos - fr->kids_first >= fr->kids_len)
        err = fetch(f, fr, e);
    if (err != PB_OK)
        return err;
    *out = fr->kids[fr->pos - fr->kids_first];
    shown = equals_shown(&fr->equal, fr->pos);
    if (shown == fr->pos)
        return PB_OK;
    err = f->view->children(f->view, fr->list, shown, 1, &other, &got, e);
    if (err == PB_OK && got == 1)
        out->value = other.value;
    return err;
}

/*
 * Every place of every pickle, as the edits have it; how often each value stands somewhere.
 *
 * A shared container is entered once.  Nothing is kept of a value that stands in one place: what a
 * container's own place enters needs no mark, as nothing else may enter it.  That is so as long as
 * every own place is reached.  POP leaves some that are not, and an edit may take one away: then
 * what is met by reference is collected first, and marked when it is entered, in whichever place.
 */
#include <stdlib.h>

#include "index.h"
#include "opcode_bytes.h"
#include "splice_private.h"

/* Of what is met by reference: how often, and what else is known of it. */
#define MET_AT_HOME 1u
#define MET_ENTERED 2u
#define MET_ONCE 4u

static bool has_children(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET || kind == PKL_OBJECT || kind == PKL_PERSID;
}

/* Notes the place; *into: its value is to be entered. */
static enum pb_err meet(struct edit_walk *w, const struct pkl_child *c, bool *into)
{
    pkl_id target = c->value.target;
    uint64_t met = 0;
    bool known = idmap_get(&w->met, target, &met);

    if (c->value.ref && !known && !w->unnoted) {
        known = w->grown = true;
        met = 0;
    }
    *into = has_children(c->value.kind);
    if (w->marking && known)
        *into = *into && (met & MET_ENTERED) == 0;
    else
        *into = *into && !c->value.ref;
    if (!known)
        return PB_OK;
    met |= *into ? MET_ENTERED : 0;
    met = c->value.ref ? met + MET_ONCE : met | MET_AT_HOME;
    return idmap_put(&w->met, target, met) ? PB_OK : error_nomem(w->e);
}

/* Enters the value of a place; *class: its class, which is a place, too (id 0: it has none). */
static enum pb_err enter(struct edit_walk *w, const struct pkl_child *c, struct pkl_child *class)
{
    struct edit_level lv = {.id = c->value.target};
    bool into;
    enum pb_err err = w->see != NULL ? w->see(w->ctx, c, w->e) : PB_OK;

    class->value.id = 0;
    if (err == PB_OK)
        err = meet(w, c, &into);
    if (err != PB_OK || !into)
        return err;
    if (c->value.kind == PKL_OBJECT && w->v->part(w->v, lv.id, PKL_CLASS, class, NULL) != PB_OK)
        class->value.id = 0;
    lv.begin = c->value.ref ? 0 : c->value.begin;
    lv.end = c->value.ref ? 0 : c->value.end;
    err = w->v->count_children(w->v, lv.id, &lv.count, w->e);
    if (err != PB_OK)
        return err;
    return vec_push(&w->levels, lv) ? PB_OK : error_nomem(w->e);
}

/* What an object is made by may be an object itself, and so on. */
static enum pb_err place(struct edit_walk *w, const struct pkl_child *c)
{
    struct pkl_child class = *c;
    enum pb_err err;

    do {
        struct pkl_child at = class;

        err = enter(w, &at, &class);
    } while (err == PB_OK && class.value.id != 0);
    return err;
}

/* Two objects may have one dict as their state: its places are seen once.  A dict that was made
 * inside of the object is no other's before. */
static enum pb_err seen_elsewhere(struct edit_walk *w, const struct edit_level *lv, pkl_id owner,
                                  bool *seen)
{
    uint64_t first = lv->id, offset = PKL_ID_OFFSET(owner);
    bool is_new = true;

    *seen = false;
    if (owner == lv->id || (PKL_ID_SOURCE(owner) == PKL_ID_SOURCE(lv->id) && w->one_home &&
                            offset >= lv->begin && offset < lv->end))
        return PB_OK;
    if (!idmap_put_new(&w->shown_by, owner, lv->id, &is_new))
        return error_nomem(w->e);
    if (!is_new)
        *seen = idmap_get(&w->shown_by, owner, &first) && first != lv->id;
    return PB_OK;
}

static enum pb_err some(struct edit_walk *w)
{
    struct edit_level top = w->levels.data[w->levels.len - 1];
    struct pkl_child kids[BATCH_MOST];
    uint64_t left = top.count - top.next;
    size_t got = 0, depth = w->levels.len;
    enum pb_err err = PB_OK;

    if (left > 0)
        err =
            w->v->children(w->v, top.id, top.next, batch_size(&top.batch, left), kids, &got, w->e);
    if (err == PB_OK && got == 0)
        w->levels.len--;
    for (size_t i = 0; i < got && err == PB_OK && w->levels.len == depth; i++) {
        bool seen;

        w->levels.data[depth - 1].next++;
        err = seen_elsewhere(w, &top, kids[i].owner, &seen);
        if (err == PB_OK && !seen)
            err = place(w, &kids[i]);
    }
    if (got > 0)
        batch_done(&w->levels.data[depth - 1].batch, w->levels.len > depth);
    return err;
}

/* From the first pickle on, with what is known so far. */
static void again(struct edit_walk *w)
{
    w->root = 0;
    w->levels.len = 0;
    w->grown = false;
    idmap_release(&w->shown_by);
    for (size_t i = 0; w->met.slots != NULL && i <= w->met.mask; i++)
        w->met.slots[i].value = 0;
}

void edit_walk_begin(struct edit_walk *w, struct pkl_edit *ed, struct error *e)
{
    *w = (struct edit_walk){.v = &ed->view, .ed = ed, .e = e};
    w->one_home = !ed->doc->seen[CODE_POP] && !ed->doc->seen[CODE_POP_MARK] &&
                  ed->doc->dups.len == 0 && !pkl_edit_changed(ed);
}

void edit_walk_release(struct edit_walk *w)
{
    vec_release(&w->levels);
    idmap_release(&w->met);
    idmap_release(&w->shown_by);
}

/* Another round when there is more to know; *done: there is none. */
static void next_round(struct edit_walk *w, bool *done)
{
    *done = w->one_home || (w->marking && !w->grown);
    if (*done)
        return;
    again(w);
    w->marking = true;
}

enum pb_err edit_walk_step(struct edit_walk *w, unsigned budget, bool *done)
{
    struct pkl_child c;
    enum pb_err err = PB_OK;

    *done = false;
    for (unsigned i = 0; i < budget && err == PB_OK && !*done; i++) {
        if (w->levels.len > 0) {
            err = some(w);
        } else if (w->root < w->v->roots(w->v)) {
            err = w->v->root(w->v, w->root++, &c, w->e);
            if (err == PB_OK)
                err = place(w, &c);
        } else {
            next_round(w, done);
        }
    }
    return err;
}

enum pb_err edit_walk_places(struct pkl_edit *ed,
                             enum pb_err (*see)(void *ctx, const struct pkl_child *place,
                                                struct error *e),
                             void *ctx, struct error *e)
{
    struct edit_walk w;
    bool done = false;
    enum pb_err err = PB_OK;

    edit_walk_begin(&w, ed, e);
    w.unnoted = w.one_home;
    while (err == PB_OK && !done && !w.one_home)
        err = edit_walk_step(&w, UINT32_MAX, &done);
    /* All is known: once more, and now it is seen. */
    again(&w);
    w.see = see;
    w.ctx = ctx;
    for (done = false; err == PB_OK && !done;)
        err = edit_walk_step(&w, UINT32_MAX, &done);
    edit_walk_release(&w);
    return err;
}

/* ------------------------------------------------------------------------------ counts */

/* A walk reads every container alone, and what lies around it: too much for many of them.  There it
 * is counted what reads the value's slot of the memo; keys that do are among those. */
#define WALKED_MAX 20000u /* opcodes */

void edit_counts_release(struct edit_counts *c)
{
    edit_walk_release(&c->walk);
    idmap_release(&c->known);
    *c = (struct edit_counts){0};
}

/* In a pickle without references every value stands in one place. */
static bool nothing_shared(const struct pkl_edit *ed, const struct pkl_info *info)
{
    return info->memo_gets == 0 && ed->doc->dups.len == 0 && ed->links.len == 0;
}

bool pkl_edit_counted(struct pkl_edit *ed, pkl_id target, uint64_t *uses)
{
    const struct edit_counts *c = &ed->counts;
    struct pkl_info info;
    uint64_t met;

    *uses = 1;
    pkl_doc_info(ed->doc, &info);
    if (nothing_shared(ed, &info))
        return true;
    if (c->stamp != edit_stamp(ed))
        return false;
    if (idmap_get(&c->known, target, uses))
        return true;
    if (c->walked && idmap_get(&c->walk.met, target, &met))
        *uses = met / MET_ONCE + ((met & MET_AT_HOME) != 0);
    return c->walked;
}

/* The bytes are of something that went with an edit. */
static bool is_gone(const struct pkl_edit *ed, uint64_t offset)
{
    const struct edit_changes *list = &ed->changes;
    size_t low = 0, high = list->rows.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct edit_change *c = &list->rows.data[middle];

        if (PKL_ID_SOURCE(c->place.owner) == 0 && c->begin <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    /* What goes is not inside of another that does, but for what is covered by it. */
    while (low-- > 0) {
        const struct edit_change *c = &list->rows.data[low];

        if ((c->what & (PKL_CHANGE_SET | PKL_CHANGE_DELETED)) != 0 && offset < c->end)
            return true;
        if (!c->covered)
            return false;
    }
    return false;
}

static bool see_slot(void *ctx, const struct pkl_memo_event *ev)
{
    struct pkl_edit *ed = ctx;
    struct edit_counts *c = &ed->counts;

    if (ev->op == PKL_MEMO_FIXED || ev->offset < c->maker)
        return true;
    if (c->slot == 0 && (ev->op == PKL_MEMO_GET || ev->offset >= c->behind))
        return false; /* it was not stored */
    if (c->slot != 0 && ev->start != c->start && !ed->doc->scan.shared)
        return false;
    if (ev->op != PKL_MEMO_GET && ev->offset < c->behind) {
        c->slot = ev->slot + 1;
        c->start = ev->start;
    } else if (c->slot == ev->slot + 1) {
        if (ev->op != PKL_MEMO_GET)
            return false; /* it is another one's now */
        c->uses += !is_gone(ed, ev->offset);
    }
    return true;
}

/* Up to where memo opcodes behind the maker store it. */
static enum pb_err begin_slot(struct pkl_edit *ed, pkl_id target, struct error *e)
{
    struct edit_counts *c = &ed->counts;
    uint64_t header, payload, first;
    enum pb_err err;

    c->target = target;
    c->slot = 0;
    c->maker = PKL_ID_OFFSET(target);
    c->uses = !is_gone(ed, c->maker);
    err = pkl_opcode_length(ed->doc->src, c->maker, &header, &payload, e);
    if (err == PB_OK)
        err = splice_memo_end(ed->doc->src, c->maker + header + payload, &first, &c->behind, e);
    pkl_memo_walk_init(&c->memo, ed->doc);
    return err == PB_OK ? pkl_memo_walk_seek(&c->memo, c->maker, e) : err;
}

static enum pb_err count_slot(struct pkl_edit *ed, pkl_id target, unsigned budget, bool *done,
                              struct error *e)
{
    struct edit_counts *c = &ed->counts;
    bool old = PKL_ID_SOURCE(target) == 0 && PKL_ID_TAG(target) == PKL_TAG_VALUE;
    enum pb_err err = edit_collect(ed, e);

    if (err == PB_OK && c->target != target) {
        c->target = 0;
        c->uses = 1;
        err = old ? begin_slot(ed, target, e) : PB_OK;
    }
    *done = !old;
    if (err == PB_OK && old)
        err = pkl_memo_walk_step(&c->memo, (uint64_t)budget * 1024, see_slot, ed, done, e);
    if (err != PB_OK || !*done)
        return err;
    for (size_t i = 0; i < ed->links.len; i++) {
        const struct edit_link *l = &ed->links.data[i];

        c->uses += l->target == target && edit_is_live(ed, l->offset);
    }
    c->target = 0;
    return idmap_put(&c->known, target, c->uses) ? PB_OK : error_nomem(e);
}

enum pb_err pkl_edit_count(struct pkl_edit *ed, pkl_id target, unsigned budget, bool *done,
                           struct error *e)
{
    struct edit_counts *c = &ed->counts;
    struct pkl_info info;
    uint64_t uses;
    enum pb_err err;

    *done = pkl_edit_counted(ed, target, &uses);
    if (*done)
        return PB_OK;
    if (!c->begun || c->stamp != edit_stamp(ed)) {
        edit_counts_release(c);
        edit_walk_begin(&c->walk, ed, e);
        c->walk.one_home = false; /* a text's home may be a key, which is no place of a value */
        c->begun = true;
        c->stamp = edit_stamp(ed);
    }
    c->walk.e = e;
    pkl_doc_info(ed->doc, &info);
    if (info.opcodes > WALKED_MAX) {
        err = count_slot(ed, target, budget, done, e);
    } else {
        err = edit_walk_step(&c->walk, budget, done);
        c->walked = *done;
    }
    if (err != PB_OK)
        edit_counts_release(c);
    return err;
}

enum pb_err pkl_edit_value_uses(struct pkl_edit *ed, pkl_id target, uint64_t *uses, struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    while (err == PB_OK && !done)
        err = pkl_edit_count(ed, target, UINT32_MAX, &done, e);
    if (err == PB_OK && !pkl_edit_counted(ed, target, uses))
        *uses = 1;
    return err;
}

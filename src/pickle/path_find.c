/*
 * From a value to the path of the first place where it is reached from STOP.
 *
 * Most values stand where their bytes are, so the way down is found by bytes: in each container the
 * child whose span holds the value's.  What is reached only through a reference, or was made
 * elsewhere, is looked for by walking everything, each shared container once.
 */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "idmap.h"
#include "path_finder.h"
#include "path_private.h"

#define ELEMENTS 1024 /* of an array that are looked at */
#define FEW 48        /* so many children are looked at one by one */
#define NEAR 8        /* and so many behind the one that was found last */

/* What is looked for: a value, or a place. */
struct wanted {
    pkl_id id; /* a value or a reference; 0: the place */
    pkl_id owner;
    uint64_t index;
};

static bool is_it(const struct wanted *w, const struct pkl_child *c)
{
    if (w->id != 0)
        return c->value.id == w->id || c->value.target == w->id;
    return c->owner == w->owner && c->index == w->index && c->part != PKL_KEY;
}

/* ------------------------------------------------------------------------ by bytes */

static enum pb_err look(struct pkl_view *v, pkl_id id, uint64_t off, uint64_t first, size_t count,
                        struct pkl_child *out, bool *found, struct error *e)
{
    struct pkl_child batch[FEW];
    size_t got = 0;
    enum pb_err err = v->children(v, id, first, count, batch, &got, e);

    for (size_t i = 0; err == PB_OK && i < got; i++) {
        if (batch[i].value.begin <= off && off < batch[i].value.end) {
            *out = batch[i];
            *found = true;
        }
    }
    return err;
}

/* The child of `id` whose bytes hold `off`; the children of a container lie in the order of their
 * bytes, except where they do not: then nothing is found here.  It may be just behind `near`. */
static enum pb_err child_at(struct pkl_view *v, pkl_id id, uint64_t off, const uint64_t *near,
                            struct pkl_child *out, bool *found, struct error *e)
{
    struct pkl_child batch[1];
    uint64_t low = 0, high;
    size_t got = 0;
    enum pb_err err = PB_OK;

    *found = false;
    if (near != NULL)
        err = look(v, id, off, *near, NEAR, out, found, e);
    if (err != PB_OK || *found)
        return err;
    err = v->count_children(v, id, &high, e);
    while (err == PB_OK && high - low > FEW) {
        uint64_t middle = low + (high - low) / 2;

        err = v->children(v, id, middle, 1, batch, &got, e);
        if (err != PB_OK || got != 1)
            return err;
        if (batch[0].value.begin > off)
            high = middle;
        else
            low = middle;
    }
    return err == PB_OK ? look(v, id, off, low, (size_t)(high - low), out, found, e) : err;
}

static bool holds(const struct pkl_child *c, uint64_t off)
{
    return c->value.begin <= off && off < c->value.end && !c->value.ref;
}

/* Down to what holds an offset, from where the way to the last one leaves it. */
static enum pb_err by_bytes(struct pkl_view *v, const struct wanted *w, uint64_t off,
                            struct path_finder *f, bool *found, struct error *e)
{
    struct path_chain *ch = &f->chain;
    size_t was = f->by_bytes < ch->len ? f->by_bytes : ch->len;
    uint64_t roots = v->roots(v), near = 0;
    struct pkl_child c;
    bool inside = false;
    enum pb_err err = PB_OK;

    *found = false;
    for (ch->len = was; ch->len > 0 && !holds(&ch->data[ch->len - 1], off);)
        ch->len--;
    if (ch->len > 0) {
        bool hint = ch->len < was;

        near = hint ? ch->data[ch->len].position : 0;
        c = ch->data[ch->len - 1];
        *found = is_it(w, &c);
        if (!*found)
            err = child_at(v, c.value.id, off, hint ? &near : NULL, &c, &inside, e);
    }
    for (uint64_t n = 0; n < roots && ch->len == 0 && !inside; n++) {
        err = v->root(v, n, &c, e);
        if (err != PB_OK)
            return err;
        inside = c.value.begin <= off && off < c.value.end;
    }
    while (err == PB_OK && inside && !*found) {
        if (!vec_push(ch, c))
            return error_nomem(e);
        *found = is_it(w, &c);
        if (*found || c.value.ref)
            break;
        err = child_at(v, c.value.id, off, NULL, &c, &inside, e);
    }
    f->by_bytes = ch->len;
    return err;
}

/* The way down was found in the document; edits may have put something else in the midst of it. */
static enum pb_err still_leads(struct pkl_view *v, const struct wanted *w,
                               const struct path_chain *ch, bool *leads, struct error *e)
{
    struct pkl_child c;
    enum pb_err err = PB_OK;

    *leads = true;
    for (size_t i = 0; i < ch->len && *leads && err == PB_OK; i++) {
        const struct pkl_child *was = &ch->data[i];
        size_t got = 1;

        if (i == 0)
            err = v->root(v, was->index, &c, e);
        else
            err = v->children(v, ch->data[i - 1].value.id, was->position, 1, &c, &got, e);
        *leads = err == PB_OK && got == 1 &&
                 (c.value.id == was->value.id || (w->id == 0 && i + 1 == ch->len));
    }
    return err;
}

/* --------------------------------------------------------------------- by walking */

struct level {
    pkl_id id;
    uint64_t next, count;
    struct batch batch;
    bool class_seen; /* what an object is made by may be an object, too */
};

struct search {
    struct pkl_view *v;
    const struct wanted *w;
    struct path_chain *chain;
    struct {
        struct level *data;
        size_t len, cap;
    } levels;
    struct idmap seen;
    struct error *e;
};

static bool has_children(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET || kind == PKL_OBJECT || kind == PKL_PERSID || kind == PKL_BROKEN;
}

/* A half of a state that is a pair, emptied: its attributes are gone, which would have led there.
 */
static enum pb_err half_of(struct search *s, const struct pkl_child *state, struct pkl_child *half,
                           bool *found)
{
    struct pkl_child halves[2];
    size_t got = 0;
    enum pb_err err = PB_OK;

    *found = false;
    if (state->value.kind == PKL_TUPLE)
        err = s->v->children(s->v, state->value.id, 0, 2, halves, &got, s->e);
    for (size_t i = 0; i < got && err == PB_OK && !*found; i++) {
        *half = halves[i];
        *found = is_it(s->w, half);
    }
    return err;
}

/* Parts that are no children of their own: the class, arguments when there are none, and a state
 * whose pairs are attributes.  Onto the chain, when it is one of them. */
static enum pb_err part_of(struct search *s, const struct pkl_child *c, bool *found)
{
    static const enum pkl_part parts[] = {PKL_CLASS, PKL_ARGS,  PKL_KWARGS,  PKL_STATE,
                                          PKL_SLOTS, PKL_ITEMS, PKL_ENTRIES, PKL_PID};
    struct pkl_child part, half;
    struct error none;
    bool halved = false;

    *found = false;
    if (c->value.kind != PKL_OBJECT && c->value.kind != PKL_PERSID)
        return PB_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !*found && !halved; i++) {
        enum pb_err err = s->v->part(s->v, c->value.id, parts[i], &part, &none);

        if (err == PB_ENOTFOUND)
            continue;
        if (err != PB_OK)
            return error_set(s->e, err, "%s", none.msg);
        *found = is_it(s->w, &part);
        if (!*found && parts[i] == PKL_STATE)
            err = half_of(s, &part, &half, &halved);
        if (err != PB_OK)
            return err;
    }
    if ((*found || halved) && !vec_push(s->chain, part))
        return error_nomem(s->e);
    if (halved && !vec_push(s->chain, half))
        return error_nomem(s->e);
    *found = *found || halved;
    return PB_OK;
}

static enum pb_err enter(struct search *s, const struct pkl_child *c, bool *found)
{
    struct level lv = {.id = c->value.target};
    bool new_one;
    enum pb_err err;

    if (!vec_push(s->chain, *c))
        return error_nomem(s->e);
    *found = is_it(s->w, c);
    if (*found)
        return PB_OK;
    err = part_of(s, c, found);
    if (err != PB_OK || *found)
        return err;
    if (!has_children(c->value.kind)) {
        s->chain->len--;
        return PB_OK;
    }
    if (!idmap_put_new(&s->seen, lv.id, 1, &new_one))
        return error_nomem(s->e);
    if (!new_one) {
        s->chain->len--;
        return PB_OK;
    }
    err = s->v->count_children(s->v, lv.id, &lv.count, s->e);
    if (err != PB_OK)
        return err;
    return vec_push(&s->levels, lv) ? PB_OK : error_nomem(s->e);
}

/* The next children of the innermost level, until one of them is entered. */
static enum pb_err step(struct search *s, bool *found)
{
    size_t depth = s->levels.len;
    struct level *lv = &s->levels.data[depth - 1];
    struct pkl_child batch[BATCH_MOST];
    uint64_t left = lv->count - lv->next;
    size_t got = 0;
    enum pb_err err = PB_OK;

    if (left > 0)
        err =
            s->v->children(s->v, lv->id, lv->next, batch_size(&lv->batch, left), batch, &got, s->e);
    if (err != PB_OK)
        return err;
    if (got == 0 && !lv->class_seen) {
        lv->class_seen = true;
        if (s->v->part(s->v, lv->id, PKL_CLASS, &batch[0], NULL) == PB_OK &&
            batch[0].value.kind == PKL_OBJECT)
            return enter(s, &batch[0], found);
        return PB_OK;
    }
    if (got == 0) {
        s->levels.len--;
        s->chain->len--;
        return PB_OK;
    }
    /* The elements of an array are reached by their index; they refer to nothing. */
    if (lv->count > ELEMENTS && PKL_ID_TAG(batch[0].value.target) == PKL_TAG_ELEMENT) {
        lv->next = lv->count;
        return PB_OK;
    }
    for (size_t i = 0; i < got && err == PB_OK && !*found && s->levels.len == depth; i++) {
        s->levels.data[depth - 1].next++;
        err = enter(s, &batch[i], found);
    }
    if (s->levels.len >= depth)
        batch_done(&s->levels.data[depth - 1].batch, s->levels.len > depth);
    return err;
}

static enum pb_err by_walking(struct pkl_view *v, const struct wanted *w, struct path_chain *ch,
                              bool *found, struct error *e)
{
    struct search s = {.v = v, .w = w, .chain = ch, .e = e};
    uint64_t roots = v->roots(v);
    struct pkl_child c;
    enum pb_err err = PB_OK;

    *found = false;
    ch->len = 0;
    for (uint64_t n = 0; n < roots && err == PB_OK && !*found; n++) {
        err = v->root(v, n, &c, e);
        if (err == PB_OK)
            err = enter(&s, &c, found);
        while (err == PB_OK && !*found && s.levels.len > 0)
            err = step(&s, found);
    }
    vec_release(&s.levels);
    idmap_release(&s.seen);
    return err;
}

/* ------------------------------------------------------------- beside what was found */

/* The place among the children of the last one on the way, near its index: an object shows some
 * parts in front of what is numbered. */
static enum pb_err among(struct pkl_view *v, const struct wanted *w, struct path_chain *ch,
                         bool *found, struct error *e)
{
    struct pkl_child kids[NEAR];
    size_t got = 0;
    enum pb_err err;

    *found = false;
    if (ch->len == 0 || !has_children(ch->data[ch->len - 1].value.kind))
        return PB_OK;
    err = v->children(v, ch->data[ch->len - 1].value.id, w->index, NEAR, kids, &got, e);
    for (size_t i = 0; i < got && err == PB_OK && !*found; i++) {
        *found = is_it(w, &kids[i]);
        if (*found && !vec_push(ch, kids[i]))
            err = error_nomem(e);
    }
    return err;
}

/* The way to where the last one stands was followed in this state. */
static enum pb_err beside(struct path_finder *f, struct pkl_view *v, const struct wanted *w,
                          bool *found, struct error *e)
{
    *found = false;
    if (w->id != 0 || f->chain.len <= 1 || f->chain.data[f->chain.len - 1].owner != w->owner)
        return PB_OK;
    f->chain.len--;
    return among(v, w, &f->chain, found, e);
}

/* A place that is none of the document's, by what holds it. */
static enum pb_err by_owner(struct pkl_view *v, const struct wanted *w, struct path_finder *f,
                            bool *found, struct error *e)
{
    struct pkl_doc *doc = v->doc(v, 0);
    struct wanted none = {.id = UINT64_MAX};
    enum pb_err err;

    *found = false;
    if (doc == NULL || w->id != 0 || PKL_ID_SOURCE(w->owner) != 0)
        return PB_OK;
    err = by_bytes(pkl_doc_view(doc), &none, PKL_ID_OFFSET(w->owner), f, found, e);
    if (err == PB_OK)
        err = still_leads(v, &none, &f->chain, found, e);
    if (err == PB_OK && *found)
        err = among(v, w, &f->chain, found, e);
    return err;
}

/* -------------------------------------------------------------------------- both */

static enum pb_err find_way(struct path_finder *f, struct pkl_view *v, const struct wanted *w,
                            const uint64_t *off, bool *found, struct error *e)
{
    struct pkl_doc *doc = off != NULL ? v->doc(v, 0) : NULL;
    enum pb_err err = PB_OK;

    err = beside(f, v, w, found, e);
    if (err != PB_OK || *found)
        return err;
    if (doc != NULL)
        err = by_bytes(pkl_doc_view(doc), w, *off, f, found, e);
    if (err == PB_OK && *found && v != pkl_doc_view(doc))
        err = still_leads(v, w, &f->chain, found, e);
    if (err == PB_OK && !*found)
        err = by_owner(v, w, f, found, e);
    if (err != PB_OK || *found)
        return err;
    f->by_bytes = 0;
    return by_walking(v, w, &f->chain, found, e);
}

static enum pb_err not_reached(struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "the value is not reached from the end of the pickle");
}

static enum pb_err find(struct path_finder *f, struct pkl_view *v, const struct wanted *w,
                        const uint64_t *off, enum path_form form, struct buf *out, struct error *e)
{
    bool found;
    enum pb_err err = find_way(f, v, w, off, &found, e);

    if (err == PB_OK && !found)
        err = not_reached(e);
    if (err == PB_OK)
        err = path_chain_text(f, v, form, out, e);
    if (err != PB_OK)
        f->chain.len = 0;
    return err;
}

enum pb_err path_chain_text(const struct path_finder *f, struct pkl_view *v, enum path_form form,
                            struct buf *out, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < f->chain.len && err == PB_OK; i++)
        err = pkl_path_step_text(v, &f->chain.data[i], form, out, e);
    return err;
}

static struct wanted wanted_of(pkl_id owner, uint64_t index)
{
    struct wanted w = {.owner = owner, .index = index};

    if (index == UINT64_MAX)
        w.id = owner;
    return w;
}

enum pb_err path_beside(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                        bool *found, struct error *e)
{
    struct wanted w = wanted_of(owner, index);

    return beside(f, v, &w, found, e);
}

enum pb_err path_go_on(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                       bool *found, struct error *e)
{
    struct wanted w = wanted_of(owner, index);
    struct path_chain *ch = &f->chain;
    uint64_t off = PKL_ID_OFFSET(owner);
    bool inside = ch->len > 0;
    enum pb_err err = PB_OK;

    *found = false;
    while (err == PB_OK && inside && !*found) {
        const struct pkl_child *last = &ch->data[ch->len - 1];
        struct pkl_child c;

        *found = w.id != 0 && is_it(&w, last);
        inside = !*found && has_children(last->value.kind);
        if (inside)
            err = child_at(v, last->value.id, off, NULL, &c, &inside, e);
        inside = inside && PKL_ID_SOURCE(c.value.id) == PKL_ID_SOURCE(owner) && !c.value.ref;
        if (err == PB_OK && inside && !vec_push(ch, c))
            return error_nomem(e);
    }
    return err == PB_OK && w.id == 0 ? among(v, &w, ch, found, e) : err;
}

enum pb_err path_way_to(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                        struct error *e)
{
    struct wanted w = wanted_of(owner, index);
    bool found;
    enum pb_err err = find_way(f, v, &w, NULL, &found, e);

    if (err == PB_OK && !found)
        err = not_reached(e);
    if (err != PB_OK)
        f->chain.len = 0;
    return err;
}

enum pb_err path_in_bytes(struct path_finder *f, struct pkl_view *v, const struct pkl_child *place,
                          bool *in, struct error *e)
{
    struct wanted w = {.owner = place->owner, .index = place->index};
    enum pb_err err = by_bytes(v, &w, place->value.begin, f, in, e);

    if (err != PB_OK)
        f->chain.len = 0;
    return err;
}

enum pb_err pkl_path_of(struct pkl_view *v, pkl_id id, enum path_form form, struct buf *out,
                        struct error *e)
{
    struct path_finder f = {0};
    struct wanted w = {.id = id};
    uint64_t off = PKL_ID_OFFSET(id);
    enum pb_err err = find(&f, v, &w, PKL_ID_SOURCE(id) == 0 ? &off : NULL, form, out, e);

    path_finder_release(&f);
    return err;
}

/* Where the bytes of what first stood at a place are; false when that cannot be told. */
static bool original_offset(struct pkl_view *v, const struct pkl_child *place, uint64_t *off)
{
    struct pkl_doc *doc = v->doc(v, PKL_ID_SOURCE(place->owner));
    struct pkl_view *base = doc != NULL ? pkl_doc_view(doc) : NULL;
    struct pkl_child was;
    size_t got = 1;
    enum pb_err err;

    if (base == NULL || PKL_ID_SOURCE(place->owner) != 0)
        return false;
    if (place->step == PKL_STEP_ROOT)
        err = base->root(base, place->index, &was, NULL);
    else if (place->step == PKL_STEP_PART)
        err = base->part(base, place->owner, place->part, &was, NULL);
    else
        err = base->children(base, place->owner, place->index, 1, &was, &got, NULL);
    *off = err == PB_OK && got == 1 ? was.value.begin : 0;
    return err == PB_OK && got == 1;
}

void path_finder_release(struct path_finder *f)
{
    vec_release(&f->chain);
    f->by_bytes = 0;
}

enum pb_err path_of_place(struct path_finder *f, struct pkl_view *v, const struct pkl_child *place,
                          const uint64_t *begin, enum path_form form, struct buf *out,
                          struct error *e)
{
    struct wanted w = {.owner = place->owner, .index = place->index};

    return find(f, v, &w, begin, form, out, e);
}

enum pb_err pkl_path_of_place(struct pkl_view *v, const struct pkl_child *place,
                              enum path_form form, struct buf *out, struct error *e)
{
    struct path_finder f = {0};
    uint64_t off = 0;
    bool known = original_offset(v, place, &off);
    enum pb_err err = path_of_place(&f, v, place, known ? &off : NULL, form, out, e);

    path_finder_release(&f);
    return err;
}

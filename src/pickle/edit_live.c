/*
 * Which changes count.
 *
 * What is inside a value that was replaced or deleted is gone with it, unless it still stands
 * somewhere else: a shared value whose first place, where its bytes are, went.  Whether there is
 * such a thing is first asked of the memo, which costs one reading; only then is everything walked.
 * So it is for what stood in no value from the start: its first place went in another edit, and
 * its bytes are there only to be fetched.
 */
#include <stdlib.h>

#include "edit_private.h"
#include "index.h"
#include "opcode_bytes.h"

size_t edit_value_holding(const struct pkl_edit *ed, uint64_t off)
{
    size_t low = vec_upper(&ed->values, node.end, off);

    return low < ed->values.len && ed->values.data[low].node.begin <= off ? low + 1 : 0;
}

bool edit_is_live(const struct pkl_edit *ed, uint64_t offset)
{
    size_t value = edit_value_holding(ed, offset);

    return value != 0 && ed->values.data[value - 1].live;
}

static bool owner_lives(const struct pkl_edit *ed, pkl_id owner)
{
    return PKL_ID_SOURCE(owner) == 0 || edit_is_live(ed, PKL_ID_OFFSET(owner));
}

static bool enliven(struct pkl_edit *ed, size_t number)
{
    bool was = number == 0 || ed->values.data[number - 1].live;

    if (number != 0)
        ed->values.data[number - 1].live = true;
    return !was;
}

/* Bytes of the document that are gone as a whole, in their order. */
static bool add_gone(struct edit_gone *g, uint64_t begin, uint64_t end)
{
    struct edit_span *last = g->len > 0 ? &g->data[g->len - 1] : NULL;

    if (last != NULL && begin < last->end) {
        last->end = end > last->end ? end : last->end;
        return true;
    }
    return vec_push(g, ((struct edit_span){begin, end}));
}

/* One pass over the changes: what is inside a value that is gone is covered.  *gone gets the spans
 * of the document in which something is (may be NULL), *more says that values came to life. */
static enum pb_err cover(struct pkl_edit *ed, struct edit_changes *list, bool living,
                         struct edit_gone *gone, bool *more, struct error *e)
{
    uint64_t begin = 0, end = 0;
    size_t by = SIZE_MAX; /* the container that it is gone from: siblings do not cover each other */
    unsigned source = 0;

    *more = false;
    for (size_t i = 0; i < list->rows.len; i++) {
        struct edit_change *c = &list->rows.data[i];

        if (!owner_lives(ed, c->place.owner))
            continue;
        if (PKL_ID_SOURCE(c->place.owner) != source) {
            source = PKL_ID_SOURCE(c->place.owner);
            end = 0;
        }
        c->covered = c->lost || (c->begin < end && c->container != by && !c->elsewhere);
        if (c->covered) {
            if (gone != NULL && source == 0 && !add_gone(gone, begin, end))
                return error_nomem(e);
            continue;
        }
        if ((c->what & (PKL_CHANGE_SET | PKL_CHANGE_DELETED)) != 0 && c->end > end) {
            begin = c->begin;
            end = c->end;
            by = c->container;
        }
        if (living) {
            *more = enliven(ed, c->value) || *more;
            *more = enliven(ed, c->key) || *more;
        }
    }
    return PB_OK;
}

/* ------------------------------------------------------------------- still elsewhere */

struct fetches {
    const struct edit_gone *gone;
    struct idmap slots; /* slot + 1 -> number of the span in which it was put, from 1 on */
    bool found, no_memory;
};

static size_t span_at(const struct edit_gone *g, uint64_t offset)
{
    size_t low = vec_upper(g, end, offset);

    return low < g->len && g->data[low].begin <= offset ? low + 1 : 0;
}

static bool see_fetch(void *ctx, const struct pkl_memo_event *ev)
{
    struct fetches *f = ctx;
    size_t span;
    uint64_t put = 0;

    if (ev->op == PKL_MEMO_FIXED)
        return true;
    span = span_at(f->gone, ev->offset);
    if (ev->op == PKL_MEMO_GET)
        f->found = idmap_get(&f->slots, ev->slot + 1, &put) && put != 0 && put != span;
    else if (span != 0 || (idmap_get(&f->slots, ev->slot + 1, &put) && put != 0))
        f->no_memory = !idmap_put(&f->slots, ev->slot + 1, span);
    return !f->found && !f->no_memory;
}

/* Is something in these spans read from outside of them? */
static enum pb_err ask_memo(struct pkl_edit *ed, const struct edit_gone *gone, bool *fetched,
                            struct error *e)
{
    struct fetches f = {.gone = gone};
    struct pkl_memo_walk w;
    bool done = false;
    enum pb_err err;

    *fetched = ed->doc->dups.len > 0;
    for (size_t i = 0; i < ed->links.len && !*fetched; i++) {
        pkl_id target = ed->links.data[i].target;

        *fetched = PKL_ID_SOURCE(target) == 0 && span_at(gone, PKL_ID_OFFSET(target)) != 0;
    }
    if (*fetched)
        return PB_OK;
    pkl_memo_walk_init(&w, ed->doc);
    err = pkl_memo_walk_seek(&w, gone->data[0].begin, e);
    while (err == PB_OK && !done)
        err = pkl_memo_walk_step(&w, UINT64_MAX, see_fetch, &f, &done, e);
    if (err == PB_OK && f.no_memory)
        err = error_nomem(e);
    *fetched = f.found;
    idmap_release(&f.slots);
    return err;
}

/* The document does not change: the answer is good as long as the spans are these. */
static enum pb_err is_fetched(struct pkl_edit *ed, const struct edit_gone *gone, bool *fetched,
                              struct error *e)
{
    struct edit_gone *asked = &ed->asked_gone;
    bool known = asked->len == gone->len && ed->asked_links == ed->links.len;
    enum pb_err err;

    for (size_t i = 0; i < gone->len && known; i++)
        known =
            asked->data[i].begin == gone->data[i].begin && asked->data[i].end == gone->data[i].end;
    *fetched = ed->gone_fetched;
    if (known)
        return PB_OK;
    asked->len = 0;
    err = ask_memo(ed, gone, fetched, e);
    for (size_t i = 0; i < gone->len && err == PB_OK; i++) {
        if (!vec_push(asked, gone->data[i]))
            err = error_nomem(e);
    }
    if (err != PB_OK)
        asked->len = 0;
    ed->asked_links = ed->links.len;
    ed->gone_fetched = *fetched;
    return err;
}

/* Owners that are asked about: 1, once they are met 2.  Items and entries are their object's. */
static pkl_id owner_key(pkl_id owner)
{
    enum pkl_tag tag = PKL_ID_TAG(owner);

    return tag == PKL_TAG_ITEMS || tag == PKL_TAG_ENTRIES
               ? PKL_ID(PKL_ID_SOURCE(owner), PKL_TAG_VALUE, PKL_ID_OFFSET(owner))
               : owner;
}

static enum pb_err meet(struct idmap *wanted, pkl_id id, struct error *e)
{
    uint64_t state;

    if (id == 0 || !idmap_get(wanted, id, &state) || state == 2)
        return PB_OK;
    return idmap_put(wanted, id, 2) ? PB_OK : error_nomem(e);
}

static enum pb_err see_place(void *ctx, const struct pkl_child *place, struct error *e)
{
    enum pb_err err = meet(ctx, owner_key(place->owner), e);

    return err == PB_OK ? meet(ctx, place->value.target, e) : err;
}

static enum pb_err ask_for(struct idmap *wanted, const struct edit_changes *list, struct error *e)
{
    for (size_t i = 0; i < list->rows.len; i++) {
        const struct edit_change *c = &list->rows.data[i];

        if ((c->covered || c->stray) && PKL_ID_SOURCE(c->place.owner) == 0 &&
            !idmap_put(wanted, owner_key(c->place.owner), 1))
            return error_nomem(e);
    }
    return PB_OK;
}

static void note_elsewhere(const struct idmap *wanted, struct edit_changes *list)
{
    for (size_t i = 0; i < list->rows.len; i++) {
        struct edit_change *c = &list->rows.data[i];
        uint64_t state = 0;

        if (PKL_ID_SOURCE(c->place.owner) == 0)
            (void)idmap_get(wanted, owner_key(c->place.owner), &state);
        c->elsewhere = state == 2;
        c->lost = state == 1;
    }
}

/* POP leaves bytes that stand in no value. */
static enum pb_err find_strays(struct pkl_edit *ed, struct edit_changes *list, bool *any,
                               struct error *e)
{
    enum pb_err err = PB_OK;

    if (!ed->doc->seen[CODE_POP] && !ed->doc->seen[CODE_POP_MARK])
        return PB_OK;
    for (size_t i = 0; i < list->rows.len && err == PB_OK; i++) {
        struct edit_change *c = &list->rows.data[i];
        struct pkl_child place = c->place;
        bool in = true;

        if (c->covered || PKL_ID_SOURCE(place.owner) != 0 || place.step == PKL_STEP_ROOT)
            continue;
        place.value.begin = c->begin;
        err = path_in_bytes(&ed->finders[0], ed->base, &place, &in, e);
        c->stray = !in;
        *any = *any || c->stray;
    }
    return err;
}

/* Takes from what is covered what still stands elsewhere. */
static enum pb_err find_elsewhere(struct pkl_edit *ed, struct error *e)
{
    struct edit_gone gone = {0};
    struct idmap wanted = {0};
    bool fetched = false, more;
    enum pb_err err = cover(ed, &ed->changes, false, &gone, &more, e);

    if (err == PB_OK && gone.len > 0)
        err = is_fetched(ed, &gone, &fetched, e);
    if (err == PB_OK)
        err = find_strays(ed, &ed->changes, &fetched, e);
    if (err == PB_OK && fetched)
        err = find_strays(ed, &ed->since_saved, &fetched, e);
    if (err == PB_OK && fetched)
        err = ask_for(&wanted, &ed->changes, e);
    if (err == PB_OK && fetched)
        err = edit_walk_places(ed, see_place, &wanted, e);
    if (err == PB_OK && fetched) {
        note_elsewhere(&wanted, &ed->changes);
        note_elsewhere(&wanted, &ed->since_saved);
    }
    idmap_release(&wanted);
    vec_release(&gone);
    return err;
}

/* ------------------------------------------------------------------------------ shown */

/* A state that was only made for the attributes in it, which have rows of their own. */
static bool made_for_others(const struct pkl_edit *ed, const struct edit_changes *list, size_t i)
{
    const struct edit_change *c = &list->rows.data[i];
    const struct pkl_node *n;

    if (c->what != PKL_CHANGE_ADDED || c->place.step != PKL_STEP_PART || c->value == 0)
        return false;
    n = &ed->values.data[c->value - 1].node;
    if (n->kind != PKL_DICT || n->count != 0)
        return false;
    /* What is inside of new values comes last. */
    for (size_t k = list->rows.len; k-- > 0;) {
        const struct edit_change *in = &list->rows.data[k];

        if (in->place.owner == n->target && !in->covered)
            return true;
    }
    return false;
}

/* A value may have been put aside by a later edit; what is changed inside it is then no change. */
static enum pb_err show(struct pkl_edit *ed, struct edit_changes *list, struct error *e)
{
    size_t n = 0;

    for (size_t i = 0; i < list->rows.len; i++) {
        const struct edit_change *c = &list->rows.data[i];

        if (!owner_lives(ed, c->place.owner))
            continue;
        if (!c->covered && !made_for_others(ed, list, i) && !vec_push(&list->shown, n))
            return error_nomem(e);
        list->rows.data[n++] = *c;
    }
    list->rows.len = n;
    return PB_OK;
}

/* The values of changes that are not covered live; a new value can stand inside a new value, so
 * this goes on until nothing more comes to life. */
static enum pb_err find_living(struct pkl_edit *ed, struct error *e)
{
    bool more = true;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < ed->values.len; i++)
        ed->values.data[i].live = false;
    while (err == PB_OK && more)
        err = cover(ed, &ed->changes, true, NULL, &more, e);
    return err;
}

enum pb_err edit_collect(struct pkl_edit *ed, struct error *e)
{
    bool more;
    enum pb_err err;

    if (ed->fresh)
        return PB_OK;
    err = edit_list_changes(ed, &ed->changes, false, e);
    if (err == PB_OK)
        err = edit_list_changes(ed, &ed->since_saved, true, e);
    if (err == PB_OK)
        err = find_living(ed, e);
    if (err == PB_OK)
        err = find_elsewhere(ed, e);
    if (err == PB_OK)
        err = find_living(ed, e);
    if (err == PB_OK)
        err = cover(ed, &ed->since_saved, false, NULL, &more, e);
    if (err == PB_OK)
        err = show(ed, &ed->changes, e);
    if (err == PB_OK)
        err = show(ed, &ed->since_saved, e);
    ed->fresh = err == PB_OK;
    return err;
}

/* Shared values: where they stand, an edit everywhere, an edit in one place only. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_leaf.h>

#include "edit_private.h"

/* ------------------------------------------------------------------------------ uses */

/* A value that is asked about, with the places where it stands. */
struct used {
    uint64_t uses;
    bool listed; /* its places are noted, too */
    struct {
        struct pkl_child *data;
        size_t len, cap;
    } places;
};

struct pkl_uses {
    struct pkl_edit *ed;
    struct {
        struct used *data;
        size_t len, cap;
    } all;
    struct idmap of;     /* target -> number, from 1 on */
    uint64_t fresh_from; /* what is new is behind this in the second source */
};

static struct used *used_of(const struct pkl_uses *u, pkl_id target)
{
    uint64_t number;

    return idmap_get(&u->of, target, &number) ? &u->all.data[number - 1] : NULL;
}

enum pb_err pkl_uses_new(struct pkl_edit *ed, struct pkl_uses **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    if (*out == NULL)
        return error_nomem(e);
    (*out)->ed = ed;
    return PB_OK;
}

void pkl_uses_free(struct pkl_uses *u)
{
    if (u == NULL)
        return;
    for (size_t i = 0; i < u->all.len; i++)
        vec_release(&u->all.data[i].places);
    vec_release(&u->all);
    idmap_release(&u->of);
    free(u);
}

enum pb_err pkl_uses_add(struct pkl_uses *u, const struct pkl_child *way, size_t n, bool places,
                         struct error *e)
{
    for (size_t i = 0; i < n; i++) {
        struct used *known = used_of(u, way[i].value.target);

        if (known == NULL) {
            if (!vec_push(&u->all, ((struct used){0})) ||
                !idmap_put(&u->of, way[i].value.target, u->all.len))
                return error_nomem(e);
            known = &u->all.data[u->all.len - 1];
        }
        known->listed = known->listed || (places && i + 1 == n);
    }
    return PB_OK;
}

static enum pb_err count_use(void *ctx, const struct pkl_child *place, struct error *e)
{
    struct pkl_uses *all = ctx;
    struct used *u = used_of(all, place->value.target);

    if (u == NULL)
        return PB_OK;
    u->uses++;
    return !u->listed || vec_push(&u->places, *place) ? PB_OK : error_nomem(e);
}

/* All were counted already, and nobody asks where they stand. */
static bool known_all(struct pkl_uses *u)
{
    bool known = true;

    for (size_t i = 0; known && u->of.slots != NULL && i <= u->of.mask; i++) {
        const struct idmap_slot *s = &u->of.slots[i];
        struct used *used = s->key != 0 ? &u->all.data[s->value - 1] : NULL;

        known = used == NULL || (!used->listed && pkl_edit_counted(u->ed, s->key, &used->uses));
    }
    for (size_t i = 0; !known && i < u->all.len; i++)
        u->all.data[i].uses = 0;
    return known;
}

enum pb_err pkl_uses_count(struct pkl_uses *u, struct error *e)
{
    u->fresh_from = u->ed->bytes->size;
    return known_all(u) ? PB_OK : edit_walk_places(u->ed, count_use, u, e);
}

enum pb_err pkl_edit_uses(struct pkl_edit *ed, const struct pkl_child *way, size_t n,
                          uint64_t *uses, struct error *e)
{
    struct pkl_uses *u;
    enum pb_err err = pkl_uses_new(ed, &u, e);

    if (err == PB_OK)
        err = pkl_uses_add(u, way, n, false, e);
    if (err == PB_OK)
        err = pkl_uses_count(u, e);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        const struct used *known = used_of(u, way[i].value.target);

        uses[i] = known != NULL ? known->uses : 0;
    }
    pkl_uses_free(u);
    return err;
}

/* ------------------------------------------------------------------------- everywhere */

struct places {
    struct pkl_view *v;
    pkl_id target;
    struct pkl_name name; /* of a class: it is the same wherever it is named */
    struct {
        struct pkl_child *data;
        size_t len, cap;
    } all;
};

static enum pb_err collect(void *ctx, const struct pkl_child *place, struct error *e)
{
    struct places *p = ctx;
    bool same = place->value.target == p->target;

    if (!same && p->name.name != NULL && place->value.kind == PKL_GLOBAL) {
        struct pkl_name name = {0};
        enum pb_err err = pkl_name_read(p->v, &place->value, &name, e);

        if (err == PB_EUNSUPPORTED) /* a name that is computed */
            return PB_OK;
        if (err != PB_OK)
            return err;
        same = strcmp(name.module, p->name.module) == 0 && strcmp(name.name, p->name.name) == 0;
        pkl_name_release(&name);
    }
    if (!same)
        return PB_OK;
    return vec_push(&p->all, *place) ? PB_OK : error_nomem(e);
}

/* In the order of their bytes: what is made first can be referred to by the others. */
static int by_bytes(const void *a, const void *b)
{
    const struct pkl_child *x = a, *y = b;
    unsigned s = PKL_ID_SOURCE(x->owner), t = PKL_ID_SOURCE(y->owner);

    if (s != t)
        return s < t ? -1 : 1;
    return (x->value.begin > y->value.begin) - (x->value.begin < y->value.begin);
}

/* The same object at another place. */
enum pb_err edit_put_link(struct pkl_edit *ed, const struct pkl_child *place, pkl_id target,
                          struct error *e)
{
    struct edit_draft d = {0};
    bool no_memory = false;
    size_t number;
    enum pb_err err;

    buf_init(&d.bytes, SIZE_MAX / 2);
    edit_draft_link(&d, target, &no_memory);
    err = no_memory ? error_nomem(e) : edit_add_draft(ed, &d, &number, e);
    if (err == PB_OK)
        err = edit_put(ed, place, number, e);
    buf_release(&d.bytes);
    vec_release(&d.links);
    return err;
}

/* Of a number pickle itself writes as many as there are places. */
static bool has_identity(enum pkl_kind kind)
{
    return kind >= PKL_LIST || kind == PKL_BYTEARRAY || kind == PKL_STR || kind == PKL_BYTES ||
           kind == PKL_PY2STR;
}

static enum pb_err copy_places(const struct used *known, struct places *p, struct error *e)
{
    for (size_t i = 0; i < known->places.len; i++) {
        if (!vec_push(&p->all, known->places.data[i]))
            return error_nomem(e);
    }
    return PB_OK;
}

/* The places where it stands: known ones, but a class is looked for by its name. */
static enum pb_err find_places(struct pkl_edit *ed, const struct pkl_uses *u,
                               const struct pkl_child *at, struct places *p, struct error *e)
{
    const struct used *known = u != NULL ? used_of(u, at->value.target) : NULL;
    enum pb_err err = PB_OK;

    p->v = &ed->view;
    p->target = at->value.target;
    if (at->value.kind == PKL_GLOBAL)
        err = pkl_name_read(&ed->view, &at->value, &p->name, e);
    else if (known != NULL && known->listed)
        return copy_places(known, p, e);
    return err == PB_OK ? edit_walk_places(ed, collect, p, e) : err;
}

static enum pb_err set_everywhere(struct pkl_edit *ed, const struct pkl_uses *u,
                                  const struct pkl_child *at, const struct literal *value,
                                  struct error *e)
{
    struct places p = {0};
    size_t before = ed->log.len - ed->undone;
    bool shared = has_identity(value->kind);
    pkl_id first = 0;
    enum pb_err err = find_places(ed, u, at, &p, e);

    if (p.all.len > 1)
        qsort(p.all.data, p.all.len, sizeof *p.all.data, by_bytes);
    pkl_edit_group_begin(ed);
    for (size_t i = 0; i < p.all.len && err == PB_OK; i++) {
        const struct pkl_child *c = &p.all.data[i];
        size_t number;

        if (first != 0 && PKL_ID_TAG(c->value.id) != PKL_TAG_CLASS && shared) {
            err = c->part == PKL_CLASS ? edit_may_put(ed, c, e) : edit_may_set(ed, c, value, e);
            if (err == PB_OK)
                err = edit_put_link(ed, c, first, e);
            continue;
        }
        err = shared ? edit_set_apart(ed, c, value, e) : pkl_edit_set(ed, c, value, e);
        number = err == PB_OK ? edit_value_at(edit_container_of(ed, c->owner), c->index) : 0;
        if (number != 0 && first == 0)
            first = ed->values.data[number - 1].node.target;
    }
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    pkl_name_release(&p.name);
    vec_release(&p.all);
    return err;
}

/* A class is another one also where it is only named. */
static enum pb_err set_all(struct pkl_edit *ed, const struct pkl_uses *u,
                           const struct pkl_child *at, const struct literal *value, struct error *e)
{
    struct edit_typed t;
    enum pb_err err = edit_name_typed(ed, at, value, &t, e);

    if (err != PB_OK)
        return err;
    if (!t.shown)
        err = set_everywhere(ed, u, &t.place, &t.value, e);
    edit_typed_release(&t);
    return err;
}

enum pb_err pkl_edit_set_everywhere(struct pkl_edit *ed, const struct pkl_child *at,
                                    const struct literal *value, struct error *e)
{
    return set_all(ed, NULL, at, value, e);
}

enum pb_err pkl_uses_set_everywhere(struct pkl_uses *u, const struct pkl_child *at,
                                    const struct literal *value, struct error *e)
{
    return set_all(u->ed, u, at, value, e);
}

/* ------------------------------------------------------------------------------- here */

/* The list of `copy` that is for it what `owner` is for the original; 0: there is none. */
static enum pb_err counterpart(struct pkl_edit *ed, pkl_id original, pkl_id copy, pkl_id owner,
                               pkl_id *out, struct error *e)
{
    static const enum pkl_part parts[] = {PKL_ITEMS, PKL_ENTRIES, PKL_STATE, PKL_SLOTS};
    struct pkl_view *v = &ed->view;
    enum pb_err err = PB_OK;

    *out = owner == original ? copy : 0;
    for (size_t i = 0; i < 4 && *out == 0 && err == PB_OK; i++) {
        struct pkl_child was, is, half[2];
        struct error why;
        size_t got = 0, more = 0;

        err = v->part(v, original, parts[i], &was, &why);
        if (err == PB_OK)
            err = v->part(v, copy, parts[i], &is, &why);
        if (err == PB_OK && was.value.target == owner)
            *out = is.value.target;
        else if (err == PB_OK && parts[i] == PKL_STATE && was.value.kind == PKL_TUPLE)
            err = v->children(v, was.value.target, 0, 1, &half[0], &got, &why);
        if (err == PB_OK && got == 1 && half[0].value.target == owner) {
            err = v->children(v, is.value.target, 0, 1, &half[1], &more, &why);
            *out = more == 1 ? half[1].value.target : 0;
        }
        if (err == PB_ENOTFOUND)
            err = PB_OK;
        else if (err != PB_OK && e != NULL)
            *e = why;
    }
    return err;
}

/* The same for a list that is an argument, of which the copy has its own. */
static enum pb_err counterpart_argument(struct pkl_edit *ed, pkl_id original, pkl_id copy,
                                        pkl_id owner, pkl_id *out, struct error *e)
{
    struct pkl_view *v = &ed->view;
    struct pkl_node was, is;
    pkl_id shown = 0, own = 0;
    enum pb_err err = v->node(v, original, &was, e);

    if (err == PB_OK && was.kind == PKL_OBJECT)
        err = edit_items_argument(ed, &was, &shown, e);
    if (err == PB_OK && shown == owner)
        err = v->node(v, copy, &is, e);
    if (err == PB_OK && shown == owner)
        err = edit_items_argument(ed, &is, &own, e);
    *out = own != owner ? own : 0;
    return err;
}

/* The place in a copy that is for it what way[i] was for the original. */
static enum pb_err move_place(struct pkl_edit *ed, struct pkl_child *way, size_t i, pkl_id original,
                              struct error *e)
{
    struct pkl_view *v = &ed->view;
    struct pkl_child now;
    pkl_id copy = way[i - 1].value.target, owner = 0;
    size_t got = 0;
    enum pb_err err;

    if (way[i].step == PKL_STEP_PART) {
        err = v->part(v, copy, way[i].part, &now, e);
        got = 1;
    } else {
        err = counterpart(ed, original, copy, way[i].owner, &owner, e);
        if (err == PB_OK && owner == 0)
            err = counterpart_argument(ed, original, copy, way[i].owner, &owner, e);
        if (err == PB_OK && owner != 0)
            err = v->children(v, owner, way[i].index, 1, &now, &got, e);
    }
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_EREADONLY,
                        "this place is shown by a value but stands in an argument of it: name "
                        "it by @args to change it here");
    if (err != PB_OK)
        return err;
    now.step = way[i].step;
    now.part = way[i].part;
    way[i] = now;
    return PB_OK;
}

/* What is copied stands in one place less, what the copy refers to in one more. */
static void count_copy(struct pkl_uses *u, pkl_id original, size_t links)
{
    struct used *was = used_of(u, original);

    if (was != NULL && was->uses > 0)
        was->uses--;
    for (; links < u->ed->links.len; links++) {
        struct used *now = used_of(u, u->ed->links.data[links].target);

        if (now != NULL)
            now->uses++;
    }
}

static enum pb_err own_copy(struct pkl_uses *u, struct pkl_child *at, struct error *e)
{
    struct pkl_edit *ed = u->ed;
    struct edit_draft d = {0};
    pkl_id original = at->value.target;
    size_t number, links = ed->links.len;
    enum pb_err err;

    buf_init(&d.bytes, SIZE_MAX / 2);
    err = edit_may_put(ed, at, e);
    if (err == PB_OK)
        err = edit_copy_shallow(ed, &at->value, &d, e);
    if (err == PB_OK)
        err = edit_add_draft(ed, &d, &number, e);
    if (err == PB_OK)
        err = edit_put(ed, at, number, e);
    if (err == PB_OK) {
        at->value = ed->values.data[number - 1].node;
        count_copy(u, original, links);
    }
    buf_release(&d.bytes);
    vec_release(&d.links);
    return err;
}

/* Containers of the way from the shared one on, but for the last `spare` places of it. */
static enum pb_err own(struct pkl_uses *u, struct pkl_child *way, size_t n, size_t shared,
                       size_t spare, struct error *e)
{
    pkl_id original = way[shared].value.target;
    enum pb_err err = PB_OK;

    for (size_t i = shared; i + spare < n && err == PB_OK; i++) {
        pkl_id next = i + 1 < n ? way[i + 1].value.target : 0;

        /* What the copy holds is still the other's; what it wrote out is its own. */
        if (i == shared || way[i].value.ref || PKL_ID_SOURCE(way[i].value.id) == 0)
            err = own_copy(u, &way[i], e);
        if (err == PB_OK && i + 1 < n)
            err = move_place(u->ed, way, i + 1, original, e);
        original = next;
    }
    if (err == PB_OK && spare > 0 && PKL_ID_SOURCE(way[n - 1].owner) == 0)
        err = error_set(e, PB_EREADONLY,
                        "this place stands in something that the copy would share, too");
    return err;
}

static bool is_fresh(const struct pkl_uses *u, pkl_id id)
{
    return PKL_ID_SOURCE(id) != 0 && PKL_ID_OFFSET(id) >= u->fresh_from;
}

enum pb_err pkl_uses_own(struct pkl_uses *u, struct pkl_child *way, size_t n, bool value,
                         struct error *e)
{
    struct pkl_edit *ed = u->ed;
    size_t before = ed->log.len - ed->undone, spare = value ? 0 : 1;
    enum pb_err err = PB_OK;

    pkl_edit_group_begin(ed);
    for (size_t i = n - spare; i-- > 0;) {
        const struct used *known = used_of(u, way[i].value.target);

        if (known != NULL && known->uses > 1) {
            err = own(u, way, n, i, spare, e);
            break;
        }
        if (is_fresh(u, way[i].value.target))
            break;
    }
    pkl_edit_group_end(ed);
    if (err != PB_OK)
        edit_rollback(ed, before);
    return err;
}

static enum pb_err own_innermost(struct pkl_edit *ed, struct pkl_child *way, size_t n, bool value,
                                 struct error *e)
{
    struct pkl_uses *u;
    enum pb_err err = pkl_uses_new(ed, &u, e);

    if (err == PB_OK)
        err = pkl_uses_add(u, way, value ? n : n - 1, false, e);
    if (err == PB_OK)
        err = pkl_uses_count(u, e);
    if (err == PB_OK)
        err = pkl_uses_own(u, way, n, value, e);
    pkl_uses_free(u);
    return err;
}

enum pb_err pkl_edit_own(struct pkl_edit *ed, struct pkl_child *way, size_t n, struct error *e)
{
    return own_innermost(ed, way, n, false, e);
}

enum pb_err pkl_edit_own_value(struct pkl_edit *ed, struct pkl_child *way, size_t n,
                               struct error *e)
{
    return own_innermost(ed, way, n, true, e);
}

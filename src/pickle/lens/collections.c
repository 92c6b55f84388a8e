/* collections and types.SimpleNamespace: their entries and items are the object's own, or those of
 * an argument. */
#include "lens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../equal.h"

#define AT_ONCE 64
#define SHOWN_SORTED 1024u /* entries of a Counter that are sorted for a preview */

static enum pb_err add_seq(struct lens *l, enum lens_seq how, const struct pkl_node *list,
                           const char *again, struct error *e)
{
    struct lens_piece *p = lens_seq(l, how, list->target, list->count);

    if (p == NULL)
        return error_nomem(e);
    p->again = again;
    return PB_OK;
}

/* ---------------------------------------------------------------- OrderedDict */

/* Every member of the list is a pair. */
static enum pb_err check_pairs(struct lens_reader *r, const struct pkl_node *list, struct lens *l,
                               struct error *e)
{
    struct pkl_child kids[AT_ONCE];
    uint64_t most = r->max < list->count ? r->max : list->count;
    enum pb_err err = PB_OK;

    for (uint64_t at = 0; at < most && err == PB_OK;) {
        size_t got;

        err = r->view->children(r->view, list->target, at, AT_ONCE, kids, &got, e);
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            if ((kids[i].value.kind != PKL_LIST && kids[i].value.kind != PKL_TUPLE) ||
                kids[i].value.count != 2)
                err = lens_refuse(l, "its argument is no list of pairs");
        }
        at += got;
        if (err == PB_OK && got == 0)
            break;
    }
    return err;
}

static enum pb_err read_ordereddict(struct lens_reader *r, const struct lens_call *c,
                                    struct lens *l, struct error *e)
{
    struct pkl_node shown = c->entries;
    enum pb_err err = PB_OK;

    if (c->state.id != 0 && c->state.kind != PKL_DICT && c->state.kind != PKL_NONE)
        return lens_refuse(l, "its state is no dict");
    if (c->count == 1 && c->arg[0].kind == PKL_DICT) {
        shown = c->arg[0];
    } else if (c->count == 1) {
        if (c->arg[0].kind != PKL_LIST && c->arg[0].kind != PKL_TUPLE)
            return lens_refuse(l, "its argument is no list of pairs");
        err = check_pairs(r, &c->arg[0], l, e);
        shown = c->arg[0];
        shown.target = PKL_ID(PKL_ID_SOURCE(c->self), PKL_TAG_LENS, PKL_ID_OFFSET(c->self));
        l->list = shown.target;
    }
    if (err != PB_OK)
        return err;
    if (c->count == 1 && c->entries.count > 0)
        return lens_refuse(l, "it has entries in two places");
    l->again = "...";
    buf_puts(&l->text, "OrderedDict(");
    if (shown.count > 0)
        err = add_seq(l, LENS_PAIRS, &shown, NULL, e);
    buf_putc(&l->text, ')');
    l->nested = true;
    return err;
}

/* ---------------------------------------------------------------- defaultdict */

static enum pb_err read_defaultdict(struct lens_reader *r, const struct lens_call *c,
                                    struct lens *l, struct error *e)
{
    struct pkl_node entries = c->entries;
    enum pb_err err = PB_OK;

    (void)r;
    buf_puts(&l->text, "defaultdict(");
    if (c->count == 0 || c->arg[0].kind == PKL_NONE) {
        buf_puts(&l->text, "None");
    } else if (c->arg[0].kind < PKL_GLOBAL) {
        return lens_refuse(l, "its factory cannot be called");
    } else if (!lens_value(l, &c->arg[0])) {
        return error_nomem(e);
    }
    if (c->count == 2) {
        if (c->arg[1].kind != PKL_DICT || c->entries.count > 0)
            return lens_refuse(l, "it has entries in two places");
        entries = c->arg[1];
    }
    buf_puts(&l->text, ", ");
    if (entries.count == 0)
        buf_puts(&l->text, "{}");
    else
        err = add_seq(l, LENS_DICT, &entries, "{...}", e);
    buf_putc(&l->text, ')');
    l->nested = true;
    return err;
}

/* -------------------------------------------------------------------- Counter */

/* A count as it is compared; long double holds every int64 and every double. */
struct tally {
    uint64_t index;
    long double value;
};

enum order { ORDER_NUMBER, ORDER_NONE /* not with another */, ORDER_UNKNOWN };

static enum order order_of(const struct pkl_node *n, const struct pkl_leaf *leaf)
{
    switch (n->kind) {
    case PKL_INT:
        return leaf->kind == PKL_BOOL || leaf->fits ? ORDER_NUMBER : ORDER_UNKNOWN;
    case PKL_BOOL:
        return ORDER_NUMBER;
    case PKL_FLOAT:
        return isnan(leaf->real) ? ORDER_UNKNOWN : ORDER_NUMBER;
    case PKL_NONE:
    case PKL_DICT:
        return ORDER_NONE;
    default:
        return ORDER_UNKNOWN;
    }
}

static int by_value(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

struct tallies {
    struct tally *data;
    size_t len, cap;
    bool plain, unknown; /* not to be sorted; not to be told */
};

/* The value of entry `index`, which may stand at another place. */
static enum pb_err tally_value(struct pkl_view *v, pkl_id list, const struct equals *q,
                               uint64_t index, struct pkl_node *value, struct error *e)
{
    uint64_t shown = q != NULL ? equals_shown(q, index) : index;
    struct pkl_child other;
    size_t got;
    enum pb_err err;

    if (shown == index)
        return PB_OK;
    err = v->children(v, list, shown, 1, &other, &got, e);
    if (err == PB_OK && got == 1)
        *value = other.value;
    return err;
}

static enum pb_err tally_all(struct pkl_view *v, pkl_id list, uint64_t count,
                             const struct equals *q, bool keep, struct tallies *t, struct error *e)
{
    struct pkl_child kids[AT_ONCE];
    struct pkl_leaf leaf;
    enum pb_err err = PB_OK;

    pkl_leaf_init(&leaf);
    for (uint64_t at = 0; at < count && err == PB_OK && !t->unknown;) {
        size_t got;

        err = v->children(v, list, at, AT_ONCE, kids, &got, e);
        if (err != PB_OK || got == 0)
            break;
        for (size_t i = 0; i < got && at < count && err == PB_OK; i++, at++) {
            struct pkl_node *n = &kids[i].value;
            struct tally one = {at, 0};

            if (q != NULL && equals_shown(q, at) == EQUAL_GONE)
                continue;
            err = tally_value(v, list, q, at, n, e);
            if (err == PB_OK && n->kind <= PKL_FLOAT)
                err = pkl_leaf_read(v, n, 64, &leaf, e);
            if (err != PB_OK)
                break;
            t->plain = t->plain || order_of(n, &leaf) == ORDER_NONE;
            t->unknown = t->unknown || order_of(n, &leaf) == ORDER_UNKNOWN;
            one.value = n->kind == PKL_FLOAT                           ? (long double)leaf.real
                        : n->kind == PKL_BOOL || leaf.kind == PKL_BOOL ? (long double)leaf.boolean
                                                                       : (long double)leaf.integer;
            if (keep && !vec_push(t, one))
                err = error_nomem(e);
        }
    }
    pkl_leaf_release(&leaf);
    return err;
}

enum pb_err lens_most_common(struct pkl_view *v, pkl_id list, uint64_t count,
                             const struct equals *q, uint64_t **order, uint64_t *len,
                             struct error *e)
{
    struct tallies t = {.data = NULL};
    enum pb_err err = tally_all(v, list, count, q, true, &t, e);

    *order = NULL;
    *len = count;
    if (err == PB_OK && !t.plain && !t.unknown && t.len > 1) {
        qsort(t.data, t.len, sizeof *t.data, by_value);
        *order = mem_realloc(NULL, t.len, sizeof **order);
        err = *order != NULL ? PB_OK : error_nomem(e);
        *len = t.len;
        for (size_t i = 0; err == PB_OK && i < t.len; i++)
            (*order)[i] = t.data[i].index;
    }
    vec_release(&t);
    return err;
}

static enum pb_err read_counter(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    struct pkl_node shown = c->entries;
    struct tallies t = {.data = NULL};
    enum pb_err err = PB_OK;

    if (c->count == 1 && c->arg[0].kind != PKL_DICT)
        return lens_refuse(l, "its argument is no dict");
    if (c->count == 1 && c->entries.count > 0)
        return lens_refuse(l, "it has entries in two places");
    if (c->count == 1)
        shown = c->arg[0];
    if (shown.count > 1)
        err = tally_all(r->view, shown.target,
                        r->max < SHOWN_SORTED && shown.count > SHOWN_SORTED ? SHOWN_SORTED
                                                                            : shown.count,
                        NULL, false, &t, e);
    if (err == PB_OK && t.unknown)
        err = lens_refuse(l, "its counts are ordered by more than numbers");
    buf_puts(&l->text, "Counter(");
    if (err == PB_OK && shown.count > 0) {
        err = add_seq(l, LENS_DICT, &shown, NULL, e);
        if (err == PB_OK)
            l->pieces.data[l->pieces.len - 1].most_common =
                r->max >= SHOWN_SORTED || shown.count <= SHOWN_SORTED;
    }
    buf_putc(&l->text, ')');
    l->nested = true;
    l->list = shown.target;
    return err;
}

/* ---------------------------------------------------------------------- deque */

static enum pb_err read_deque(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct pkl_node shown = c->items;
    int64_t most = -1;
    enum pb_err err = PB_OK;

    if (c->count > 0 && c->arg[0].kind != PKL_LIST && c->arg[0].kind != PKL_TUPLE)
        return lens_refuse(l, "its argument is no list");
    if (c->count > 0 && c->arg[0].count > 0) {
        if (c->items.count > 0)
            return lens_refuse(l, "it has items in two places");
        shown = c->arg[0];
        l->list = shown.target;
    }
    if (c->count == 2 && c->arg[1].kind != PKL_NONE)
        err = lens_int(r, &c->arg[1], 0, INT64_MAX, "its maxlen", &most, l, e);
    if (err != PB_OK)
        return err;
    l->again = "[...]";
    buf_puts(&l->text, "deque(");
    if (shown.count == 0 || most == 0) {
        buf_puts(&l->text, "[]");
    } else {
        err = add_seq(l, LENS_LIST, &shown, NULL, e);
        if (err == PB_OK && most > 0 && shown.count > (uint64_t)most)
            l->pieces.data[l->pieces.len - 1].first = shown.count - (uint64_t)most;
    }
    if (most >= 0)
        buf_printf(&l->text, ", maxlen=%lld", (long long)most);
    buf_putc(&l->text, ')');
    l->nested = true;
    return err;
}

/* ------------------------------------------------------- ChainMap, UserDict ... */

/* The value of the only attribute of a state. */
static enum pb_err only_attribute(struct lens_reader *r, const struct lens_call *c,
                                  const char *name, struct pkl_node *out, struct lens *l,
                                  struct error *e)
{
    struct pkl_child kid;
    size_t got;
    enum pb_err err;

    if (c->state.id == 0 || c->state.kind != PKL_DICT || c->state.count != 1)
        return lens_refuse(l, "its state is not the attribute %s alone", name);
    err = r->view->children(r->view, c->state.target, 0, 1, &kid, &got, e);
    if (err == PB_OK)
        err = lens_str(r, &kid.key, "a name in its state", l, e);
    if (err == PB_OK && strcmp(r->leaf.data.data, name) != 0)
        err = lens_refuse(l, "its state is not the attribute %s alone", name);
    *out = kid.value;
    return err;
}

static enum pb_err read_chainmap(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                 struct error *e)
{
    struct pkl_node maps;
    enum pb_err err = only_attribute(r, c, "maps", &maps, l, e);

    if (err != PB_OK)
        return err;
    if (maps.kind != PKL_LIST && maps.kind != PKL_TUPLE)
        return lens_refuse(l, "its maps are in no list");
    l->again = "...";
    buf_puts(&l->text, "ChainMap(");
    if (maps.count > 0)
        err = add_seq(l, LENS_ITEMS, &maps, NULL, e);
    buf_putc(&l->text, ')');
    l->nested = true;
    return err;
}

/* UserDict, UserList, UserString: as what they hold. */
static enum pb_err read_user(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    struct pkl_node data;
    enum pkl_kind kind = (enum pkl_kind)c->row->detail;
    enum pb_err err = only_attribute(r, c, "data", &data, l, e);

    if (err != PB_OK)
        return err;
    if (data.kind != kind)
        return lens_refuse(l, "its data is of another type");
    return lens_value(l, &data) ? PB_OK : error_nomem(e);
}

/* ------------------------------------------------------------ SimpleNamespace */

static enum pb_err read_namespace(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    struct pkl_child kids[AT_ONCE];
    enum pb_err err = PB_OK;

    if (c->state.id != 0 && c->state.kind != PKL_DICT && c->state.kind != PKL_NONE)
        return lens_refuse(l, "its state is no dict");
    for (uint64_t at = 0; at < c->state.count && at < r->max && err == PB_OK;) {
        size_t got;

        err = r->view->children(r->view, c->state.target, at, AT_ONCE, kids, &got, e);
        if (err == PB_OK && got == 0)
            break;
        for (size_t i = 0; i < got && err == PB_OK; i++, at++) {
            err = lens_str(r, &kids[i].key, "a name in its state", l, e);
            if (err == PB_OK && r->leaf.data.len == 0)
                err = lens_refuse(l, "a name in its state is empty");
        }
    }
    l->again = "namespace(...)";
    buf_puts(&l->text, "namespace(");
    if (err == PB_OK && c->state.id != 0 && c->state.count > 0)
        err = add_seq(l, LENS_ATTRS, &c->state, NULL, e);
    buf_putc(&l->text, ')');
    l->nested = true;
    return err;
}

static const struct lens_row rows[] = {
    {"collections", "OrderedDict", "collections.OrderedDict",
     LENS_BOTH | LENS_STATE | LENS_WITH_ENTRIES, 0, 1, read_ordereddict, 0},
    {"collections", "defaultdict", "collections.defaultdict", LENS_CALL | LENS_WITH_ENTRIES, 0, 2,
     read_defaultdict, 0},
    {"collections", "Counter", "collections.Counter", LENS_CALL | LENS_WITH_ENTRIES, 0, 1,
     read_counter, 0},
    {"collections", "deque", "collections.deque", LENS_CALL | LENS_WITH_ITEMS, 0, 2, read_deque, 0},
    {"collections", "ChainMap", "collections.ChainMap", LENS_BOTH | LENS_STATE, 0, 0, read_chainmap,
     0},
    {"collections", "UserDict", "collections.UserDict", LENS_BOTH | LENS_STATE, 0, 0, read_user,
     PKL_DICT},
    {"collections", "UserList", "collections.UserList", LENS_BOTH | LENS_STATE, 0, 0, read_user,
     PKL_LIST},
    {"collections", "UserString", "collections.UserString", LENS_NEW | LENS_STATE, 0, 1, read_user,
     PKL_STR},
    {"types", "SimpleNamespace", "types.SimpleNamespace", LENS_BOTH | LENS_STATE, 0, 0,
     read_namespace, 0},
};
const struct lens_family lens_collections = {rows, sizeof rows / sizeof rows[0]};

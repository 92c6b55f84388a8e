/* collections and types.SimpleNamespace, from their constructors. */
#include "make.h"

#include <string.h>

#include <pklbrowse/intl.h>

static struct literal *copy_of(struct maker *m, const struct literal *l)
{
    struct literal *copy = arena_alloc(m->t->mem, sizeof *copy);

    if (copy != NULL) {
        *copy = *l;
        copy->next = NULL;
        copy->keyword = NULL;
    }
    return copy;
}

/* A dict of a dict, or of a list of pairs. */
static enum pb_err pairs_of(struct maker *m, const struct literal *given, struct literal **dict)
{
    struct make_chain d = make_chain(m, PKL_DICT);

    if (given == NULL)
        return make_done(m, d.node, dict);
    if (given->kind == PKL_DICT)
        return make_done(m, copy_of(m, given), dict);
    if (given->kind != PKL_LIST && given->kind != PKL_TUPLE)
        return make_bad(m, given, "it takes a dict or a list of pairs");
    for (const struct literal *p = given->first; p != NULL; p = p->next) {
        if ((p->kind != PKL_LIST && p->kind != PKL_TUPLE) || p->count != 2)
            return make_bad(m, p, "this is no pair of key and value");
        if (!literal_hashable(p->first))
            return make_bad(m, p->first, "this cannot be a key");
        make_pair(m, &d, p->first, p->first->next);
    }
    *dict = d.node;
    return d.node != NULL ? literal_dedupe(d.node, m->t->e) : error_nomem(m->t->e);
}

/* Python 2 writes an OrderedDict with its pairs as its argument, each a list. */
static struct literal *ordered_of_python2(struct maker *m, const struct literal *dict)
{
    struct make_chain list = make_chain(m, PKL_LIST);
    struct literal *args;

    for (const struct literal *k = dict->first; k != NULL; k = k->next->next) {
        struct make_chain pair = make_chain(m, PKL_LIST);

        make_add(m, &pair, k);
        make_add(m, &pair, k->next);
        make_add(m, &list, pair.node);
    }
    args = list.node;
    return make_object(m, 0, make_global(m, "collections", "OrderedDict"), make_tuple(m, 1, &args),
                       NULL, NULL, NULL);
}

static enum pb_err make_ordered(struct maker *m, struct literal **out)
{
    struct literal *dict, *o, *other;
    enum pb_err err = pairs_of(m, m->arg[0], &dict);

    if (err != PB_OK)
        return err;
    o = make_object(m, 0, make_global(m, "collections", "OrderedDict"), make_tuple(m, 0, NULL),
                    NULL, dict, NULL);
    other = ordered_of_python2(m, dict);
    if (o == NULL || other == NULL)
        return error_nomem(m->t->e);
    o->elsewhere = other;
    o->elsewhere_in = LITERAL_PY2;
    *out = o;
    return PB_OK;
}

static enum pb_err make_default(struct maker *m, struct literal **out)
{
    struct literal *factory = m->arg[0], *dict;
    enum pb_err err;

    if (factory != NULL && factory->kind != PKL_NONE && factory->kind != PKL_GLOBAL &&
        factory->kind != PKL_OBJECT)
        return make_bad(m, factory, "the factory is a class, or None");
    err = pairs_of(m, m->arg[1], &dict);
    if (err != PB_OK)
        return err;
    return make_done(
        m,
        make_object(m, 0, make_global(m, "collections", "defaultdict"),
                    make_tuple(m, factory != NULL && factory->kind != PKL_NONE, &factory), NULL,
                    dict, NULL),
        out);
}

static enum pb_err make_counter(struct maker *m, struct literal **out)
{
    struct literal *dict;
    enum pb_err err;

    if (m->arg[0] != NULL && m->arg[0]->kind != PKL_DICT)
        return make_bad(m, m->arg[0], "it takes a dict of counts");
    err = pairs_of(m, m->arg[0], &dict);
    return err == PB_OK ? make_called(m, 1, &dict, out) : err;
}

/* The last `most` items of a list. */
static struct literal *last_items(struct maker *m, const struct literal *given, uint64_t most)
{
    struct literal *list = copy_of(m, given);

    if (list == NULL)
        return NULL;
    list->kind = PKL_LIST;
    for (; list->count > most; list->count--)
        list->first = list->first->next;
    return list;
}

static enum pb_err make_deque(struct maker *m, struct literal **out)
{
    const struct literal *maxlen = m->arg[1];
    bool bounded = maxlen != NULL && maxlen->kind != PKL_NONE;
    struct literal *list, *args[2], *old[2], *o, *other;
    int64_t most = INT64_MAX;
    enum pb_err err = PB_OK;

    if (bounded)
        err = make_int_arg(m, maxlen, 0, INT64_MAX, 0, "maxlen", &most);
    if (err != PB_OK)
        return err;
    if (m->arg[0] != NULL && m->arg[0]->kind != PKL_LIST && m->arg[0]->kind != PKL_TUPLE)
        return make_bad(m, m->arg[0], "it takes a list");
    list =
        m->arg[0] != NULL ? last_items(m, m->arg[0], (uint64_t)most) : make_chain(m, PKL_LIST).node;
    args[0] = make_tuple(m, 0, NULL);
    args[1] = old[1] = make_int(m, most);
    old[0] = list;
    if (list == NULL)
        return error_nomem(m->t->e);
    o = make_object(m, 0, make_global(m, "collections", "deque"),
                    make_tuple(m, bounded ? 2 : 0, args), list, NULL, NULL);
    other = make_object(m, 0, make_global(m, "collections", "deque"),
                        make_tuple(m, bounded ? 2 : 1, old), NULL, NULL, NULL);
    if (o == NULL || other == NULL)
        return error_nomem(m->t->e);
    o->elsewhere = other;
    o->elsewhere_in = LITERAL_PY2;
    *out = o;
    return PB_OK;
}

/* An instance with one attribute. */
static enum pb_err with_attribute(struct maker *m, const char *name, const struct literal *value,
                                  struct literal *args, struct literal **out)
{
    struct make_chain state = make_chain(m, PKL_DICT);

    make_pair(m, &state, make_str(m, name, strlen(name)), value);
    if (state.node == NULL)
        return error_nomem(m->t->e);
    return make_done(m,
                     make_object(m, LITERAL_NEW, make_global(m, m->row->module, m->row->name), args,
                                 NULL, NULL, state.node),
                     out);
}

static enum pb_err make_chainmap(struct maker *m, struct literal **out)
{
    struct make_chain maps = make_chain(m, PKL_LIST);

    for (const struct literal *a = m->args->first; a != NULL; a = a->next) {
        if (a->kind != PKL_DICT && a->kind != PKL_OBJECT)
            return make_bad(m, a, "it takes dicts");
        make_add(m, &maps, a);
    }
    if (m->args->first == NULL)
        make_add(m, &maps, make_chain(m, PKL_DICT).node);
    return with_attribute(m, "maps", maps.node, make_tuple(m, 0, NULL), out);
}

/* UserDict({...}), UserList([...]), UserString('...'); the last has its text as argument too. */
static enum pb_err make_user(struct maker *m, struct literal **out)
{
    enum pkl_kind kind = (enum pkl_kind)m->row->detail;
    struct literal *data = m->arg[0];

    if (data == NULL)
        data = make_chain(m, kind).node;
    else if (data->kind != kind)
        return make_bad(m, data, "it takes a %s",
                        kind == PKL_DICT   ? "dict"
                        : kind == PKL_LIST ? "list"
                                           : _("text in quotes"));
    return with_attribute(m, "data", data, make_tuple(m, kind == PKL_STR, &data), out);
}

static enum pb_err make_namespace(struct maker *m, struct literal **out)
{
    struct make_chain state = make_chain(m, PKL_DICT);

    for (const struct literal *a = m->args->first; a != NULL; a = a->next)
        make_pair(m, &state, make_str(m, a->keyword, strlen(a->keyword)), a);
    if (state.node == NULL)
        return error_nomem(m->t->e);
    if (state.node->count < 2 || literal_dedupe(state.node, m->t->e) == PB_OK)
        return make_done(m,
                         make_object(m, 0, make_global(m, "types", "SimpleNamespace"),
                                     make_tuple(m, 0, NULL), NULL, NULL, state.node),
                         out);
    return PB_ENOMEM;
}

static const struct make_row makers[] = {
    {"collections", "OrderedDict", "items", 0, MAKE_UNHASHABLE, make_ordered, 0},
    {"collections", "defaultdict", "default_factory items", 0, MAKE_UNHASHABLE, make_default, 0},
    {"collections", "Counter", "counts", 0, MAKE_UNHASHABLE, make_counter, 0},
    {"collections", "deque", "iterable maxlen", 0, MAKE_UNHASHABLE, make_deque, 0},
    {"collections", "ChainMap", "", 0, MAKE_UNHASHABLE | MAKE_FREE, make_chainmap, 0},
    {"collections", "UserDict", "dict", 0, MAKE_UNHASHABLE, make_user, PKL_DICT},
    {"collections", "UserList", "initlist", 0, MAKE_UNHASHABLE, make_user, PKL_LIST},
    {"collections", "UserString", "seq", 1, 0, make_user, PKL_STR},
    {"types", "SimpleNamespace", "", 0, MAKE_UNHASHABLE | MAKE_NAMED, make_namespace, 0},
    {"types", "namespace", "", 0, MAKE_UNHASHABLE | MAKE_NAMED, make_namespace, 0},
};
const struct make_family make_collections = {makers, sizeof makers / sizeof makers[0]};

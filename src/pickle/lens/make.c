/* Calls bound to their rows, and the builders that rows use. */
#include "make.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>

static const struct make_family *const families[] = {
    &make_builtins, &make_datetime,  &make_numbers, &make_collections, &make_array,
    &make_regex,    &make_ipaddress, &make_pathlib, &make_exceptions,
};

static bool is_text(const char *s, size_t n, const char *text)
{
    return strlen(text) == n && memcmp(s, text, n) == 0;
}

static bool row_is_called(const struct make_row *row, const char *name, size_t n)
{
    size_t module = strlen(row->module);

    if (is_text(name, n, row->name))
        return true;
    return n > module + 1 && memcmp(name, row->module, module) == 0 && name[module] == '.' &&
           is_text(name + module + 1, n - module - 1, row->name);
}

const struct make_row *make_find(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (size_t k = 0; k < families[i]->count; k++) {
            if (row_is_called(&families[i]->rows[k], name, n))
                return &families[i]->rows[k];
        }
    }
    return NULL;
}

bool make_takes_flags(const struct make_row *row)
{
    return (row->flags & MAKE_BITS) != 0;
}

/* ---------------------------------------------------------------------- arguments */

enum pb_err make_bad(struct maker *m, const struct literal *arg, const char *fmt, ...)
{
    va_list ap;

    m->t->bad = arg != NULL ? arg->at : m->at;
    va_start(ap, fmt);
    error_vset(m->t->e, PB_EUSAGE, fmt, ap);
    va_end(ap);
    return PB_EUSAGE;
}

/* The parameter's number, or MAKE_ARGS. */
static size_t param_number(const struct make_row *row, const char *name)
{
    size_t n = strlen(name), number = 0;

    for (const char *p = row->params; *p != '\0' && number < MAKE_ARGS; number++) {
        size_t len = strcspn(p, " ");

        if (is_text(p, len, name) && n == len)
            return number;
        p += len + (p[len] == ' ');
    }
    return MAKE_ARGS;
}

static size_t param_count(const struct make_row *row)
{
    size_t n = *row->params != '\0';

    for (const char *p = row->params; *p != '\0'; p++)
        n += *p == ' ';
    return n;
}

static enum pb_err bind_one(struct maker *m, struct literal *arg, size_t place)
{
    size_t number = arg->keyword != NULL ? param_number(m->row, arg->keyword) : place;

    if (arg->keyword != NULL && number >= MAKE_ARGS)
        return make_bad(m, arg, "%s has no argument of this name", m->row->name);
    if (number >= param_count(m->row))
        return make_bad(m, arg, "%s does not take that many arguments", m->row->name);
    if (m->arg[number] != NULL)
        return make_bad(m, arg, "this argument is given twice");
    m->arg[number] = arg;
    return PB_OK;
}

static enum pb_err bind(struct maker *m)
{
    bool named = false;
    size_t place = 0;
    enum pb_err err = PB_OK;

    for (struct literal *a = m->args->first; a != NULL && err == PB_OK; a = a->next) {
        if (a->keyword == NULL && named)
            return make_bad(m, a, "this stands behind an argument with a name and has none");
        named = a->keyword != NULL;
        if (named && (m->row->flags & (MAKE_FREE | MAKE_NAMED)) == MAKE_FREE)
            return make_bad(m, a, "%s takes no arguments by name", m->row->name);
        if (!named && (m->row->flags & MAKE_NAMED))
            return make_bad(m, a, "%s takes arguments by name only", m->row->name);
        if (!(m->row->flags & (MAKE_FREE | MAKE_NAMED)))
            err = bind_one(m, a, place++);
    }
    for (size_t i = 0; i < m->row->required && err == PB_OK; i++) {
        if (m->arg[i] == NULL)
            err = make_bad(m, NULL, "%s needs more arguments than these", m->row->name);
    }
    return err;
}

enum pb_err make_call(struct lit_text *t, const struct make_row *row, size_t at,
                      struct literal *args, struct literal **out)
{
    struct maker m = {.t = t, .row = row, .at = at, .args = args};
    enum pb_err err = bind(&m);

    if (err == PB_OK)
        err = row->make(&m, out);
    if (err == PB_OK && (*out)->kind == PKL_OBJECT) {
        (*out)->module = row->module;
        (*out)->name = row->name;
        (*out)->unhashable = (row->flags & MAKE_UNHASHABLE) != 0;
    }
    return err;
}

enum pb_err make_int_arg(struct maker *m, const struct literal *arg, int64_t low, int64_t high,
                         int64_t missing, const char *what, int64_t *value)
{
    *value = missing;
    if (arg == NULL)
        return PB_OK;
    if (arg->kind == PKL_BOOL)
        *value = arg->boolean;
    else if (arg->kind != PKL_INT)
        return make_bad(m, arg, "%s is a whole number", _(what));
    else if (!num_big_fits_i64((const uint8_t *)arg->data, arg->len, value))
        *value = low - 1;
    if (*value < low || *value > high)
        return make_bad(m, arg, "%s is from %lld to %lld", what, (long long)low, (long long)high);
    return PB_OK;
}

enum pb_err make_str_arg(struct maker *m, const struct literal *arg, const char *what)
{
    if (arg == NULL || arg->kind == PKL_STR)
        return PB_OK;
    return make_bad(m, arg, "%s is a text in quotes", _(what));
}

bool make_is(const struct literal *l, const char *module, const char *name)
{
    return l != NULL && l->kind == PKL_OBJECT && strcmp(l->name, name) == 0 &&
           strcmp(l->module, module) == 0;
}

/* ----------------------------------------------------------------------- builders */

static struct literal *leaf(struct maker *m, enum pkl_kind kind, const void *p, size_t n)
{
    struct literal *l = arena_alloc(m->t->mem, sizeof *l);

    if (l == NULL)
        return NULL;
    l->kind = kind;
    l->at = m->at;
    l->len = n;
    l->data = arena_strndup(m->t->mem, n > 0 ? p : "", n);
    return l->data != NULL ? l : NULL;
}

struct literal *make_none(struct maker *m)
{
    return leaf(m, PKL_NONE, NULL, 0);
}

struct literal *make_int(struct maker *m, int64_t v)
{
    uint8_t le[8];

    for (unsigned i = 0; i < 8; i++)
        le[i] = (uint8_t)((uint64_t)v >> 8 * i);
    return leaf(m, PKL_INT, le, sizeof le);
}

struct literal *make_big(struct maker *m, const uint8_t *le, size_t n)
{
    return leaf(m, PKL_INT, le, n);
}

struct literal *make_float(struct maker *m, double d)
{
    struct literal *l = leaf(m, PKL_FLOAT, NULL, 0);

    if (l != NULL)
        l->real = d;
    return l;
}

struct literal *make_str(struct maker *m, const char *s, size_t n)
{
    return leaf(m, PKL_STR, s, n);
}

struct literal *make_bytes(struct maker *m, const void *p, size_t n)
{
    return leaf(m, PKL_BYTES, p, n);
}

struct literal *make_global(struct maker *m, const char *module, const char *name)
{
    struct literal *l = leaf(m, PKL_GLOBAL, NULL, 0);

    if (l == NULL)
        return NULL;
    l->module = arena_strndup(m->t->mem, module, strlen(module));
    l->name = arena_strndup(m->t->mem, name, strlen(name));
    return l->module != NULL && l->name != NULL ? l : NULL;
}

struct make_chain make_chain(struct maker *m, enum pkl_kind kind)
{
    return (struct make_chain){leaf(m, kind, NULL, 0), NULL};
}

static void link_copy(struct maker *m, struct make_chain *c, const struct literal *item)
{
    struct literal *copy;

    if (c->node == NULL)
        return;
    copy = item != NULL ? arena_alloc(m->t->mem, sizeof *copy) : NULL;
    if (copy == NULL) {
        c->node = NULL;
        return;
    }
    *copy = *item;
    copy->next = NULL;
    copy->keyword = NULL;
    if (c->last == NULL)
        c->node->first = copy;
    else
        c->last->next = copy;
    c->last = copy;
    c->node->unhashable = c->node->unhashable || !literal_hashable(copy);
}

void make_add(struct maker *m, struct make_chain *c, const struct literal *item)
{
    link_copy(m, c, item);
    if (c->node != NULL)
        c->node->count++;
}

void make_pair(struct maker *m, struct make_chain *dict, const struct literal *key,
               const struct literal *value)
{
    link_copy(m, dict, key);
    make_add(m, dict, value);
}

struct literal *make_tuple(struct maker *m, size_t n, struct literal *const *items)
{
    struct make_chain t = make_chain(m, PKL_TUPLE);

    for (size_t i = 0; i < n; i++)
        make_add(m, &t, items[i]);
    return t.node;
}

struct literal *make_object(struct maker *m, unsigned how, const struct literal *callable,
                            const struct literal *args, const struct literal *items,
                            const struct literal *entries, const struct literal *state)
{
    const struct literal *part[] = {items, entries, state};
    struct make_chain o = make_chain(m, PKL_OBJECT);

    make_add(m, &o, callable);
    make_add(m, &o, args);
    for (size_t i = 0; i < 3; i++) {
        if (part[i] != NULL)
            make_add(m, &o, part[i]);
    }
    if (o.node == NULL)
        return NULL;
    o.node->parts = how | (items != NULL ? LITERAL_ITEMS : 0u) |
                    (entries != NULL ? LITERAL_ENTRIES : 0u) | (state != NULL ? LITERAL_STATE : 0u);
    o.node->unhashable = false;
    o.node->module = m->row->module;
    o.node->name = m->row->name;
    return o.node;
}

enum pb_err make_called(struct maker *m, size_t n, struct literal *const *args,
                        struct literal **out)
{
    return make_done(m,
                     make_object(m, 0, make_global(m, m->row->module, m->row->name),
                                 make_tuple(m, n, args), NULL, NULL, NULL),
                     out);
}

enum pb_err make_done(struct maker *m, struct literal *made, struct literal **out)
{
    *out = made;
    return made != NULL ? PB_OK : error_nomem(m->t->e);
}

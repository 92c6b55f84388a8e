/* The same value as another type: what int(), float(), str(), tuple() and the like make of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/text.h>

#include "edit_private.h"
#include "form.h"
#include "opcode_bytes.h"
#include "path_private.h"

#define MEMBERS_MAX 5000 /* of a list that becomes a set: each is compared with all others */

struct conversion {
    struct pkl_edit *ed;
    struct pkl_leaf leaf; /* what stands there */
    enum pkl_kind to;
    struct arena mem;
    struct literal out;
    struct error *e;
};

static enum pb_err cannot(struct conversion *c)
{
    static const char *const names[] = {
        [PKL_BOOL] = "a bool", [PKL_INT] = "an int",           [PKL_FLOAT] = "a float",
        [PKL_STR] = "a str",   [PKL_BYTES] = "bytes",          [PKL_BYTEARRAY] = "a bytearray",
        [PKL_LIST] = "a list", [PKL_TUPLE] = "a tuple",        [PKL_SET] = "a set",
        [PKL_DICT] = "a dict", [PKL_FROZENSET] = "a frozenset"};
    const char *name = (size_t)c->to < sizeof names / sizeof *names ? names[c->to] : NULL;

    return error_set(c->e, PB_EUSAGE, "this value cannot become %s",
                     name != NULL ? name : _("one of that type"));
}

static bool is_text(enum pkl_kind kind)
{
    return kind >= PKL_STR && kind <= PKL_PY2STR;
}

static bool is_utf8(const struct buf *b, bool surrogates)
{
    uint32_t cp;

    for (size_t at = 0; at < b->len;) {
        size_t used = utf8_decode(b->data + at, b->len - at, &cp, surrogates);

        if (used == 0)
            return false;
        at += used;
    }
    return true;
}

static enum pb_err take(struct conversion *c, const char *p, size_t n)
{
    c->out.data = arena_strndup(&c->mem, p, n);
    c->out.len = n;
    return c->out.data != NULL ? PB_OK : error_nomem(c->e);
}

/* The text without blanks around it. */
static void trim(const struct buf *b, const char **p, size_t *n)
{
    *p = b->data != NULL ? b->data : "";
    *n = b->len;
    while (*n > 0 && strchr(" \t\n\r\f\v", **p) != NULL && **p != '\0') {
        ++*p;
        --*n;
    }
    while (*n > 0 && (*p)[*n - 1] != '\0' && strchr(" \t\n\r\f\v", (*p)[*n - 1]) != NULL)
        --*n;
}

static enum pb_err digits(struct conversion *c, const char *p, size_t n)
{
    bool negative = n > 0 && *p == '-';
    struct buf le;
    enum pb_err err;

    if (n > 0 && (*p == '-' || *p == '+')) {
        p++;
        n--;
    }
    buf_init(&le, SIZE_MAX / 2);
    err = n > 0 ? num_big_parse(&le, p, n, 10, negative, c->e) : cannot(c);
    if (err == PB_EUSAGE)
        err = cannot(c);
    if (err == PB_OK)
        err = take(c, le.data != NULL ? le.data : "", le.len);
    buf_release(&le);
    return err;
}

static enum pb_err to_int(struct conversion *c)
{
    char text[400];
    const char *p;
    size_t n;

    switch (c->leaf.kind) {
    case PKL_BOOL:
        return take(c, c->leaf.boolean ? "\1" : "\0", 1);
    case PKL_FLOAT:
        if (!isfinite(c->leaf.real))
            return cannot(c);
        snprintf(text, sizeof text, "%.0f", trunc(c->leaf.real));
        return digits(c, text[0] == '-' && strcmp(text, "-0") == 0 ? "0" : text,
                      strcmp(text, "-0") == 0 ? 1 : strlen(text));
    default:
        if (!is_text(c->leaf.kind))
            return cannot(c);
        trim(&c->leaf.data, &p, &n);
        return digits(c, p, n);
    }
}

static enum pb_err int_text(struct conversion *c, struct buf *out)
{
    if (!c->leaf.fits)
        return num_big_to_decimal(out, (const uint8_t *)c->leaf.data.data, c->leaf.data.len, c->e);
    buf_printf(out, "%lld", (long long)c->leaf.integer);
    return PB_OK;
}

static enum pb_err to_float(struct conversion *c)
{
    struct buf text;
    const char *p;
    size_t n;
    enum pb_err err = PB_OK;

    if (c->leaf.kind == PKL_BOOL) {
        c->out.real = c->leaf.boolean;
        return PB_OK;
    }
    if (c->leaf.kind == PKL_INT) {
        buf_init(&text, BUF_MAX_TEXT);
        err = int_text(c, &text);
        if (err == PB_OK &&
            (!num_parse_double(text.data, text.len, &c->out.real) || isinf(c->out.real)))
            err = cannot(c);
        buf_release(&text);
        return err;
    }
    if (!is_text(c->leaf.kind))
        return cannot(c);
    trim(&c->leaf.data, &p, &n);
    return n > 0 && num_parse_double(p, n, &c->out.real) ? PB_OK : cannot(c);
}

static enum pb_err to_str(struct conversion *c)
{
    struct buf text;
    enum pb_err err = PB_OK;

    buf_init(&text, SIZE_MAX / 2);
    if (c->leaf.kind == PKL_INT)
        err = int_text(c, &text);
    else if (c->leaf.kind == PKL_FLOAT)
        num_repr_double(&text, c->leaf.real);
    else if (c->leaf.kind == PKL_BOOL)
        buf_puts(&text, c->leaf.boolean ? "True" : "False");
    else if (!is_text(c->leaf.kind) || !is_utf8(&c->leaf.data, c->leaf.kind == PKL_STR))
        err = cannot(c);
    else
        buf_append(&text, c->leaf.data.data, c->leaf.data.len);
    if (err == PB_OK)
        err = buf_status(&text, c->e);
    if (err == PB_OK)
        err = take(c, text.data != NULL ? text.data : "", text.len);
    buf_release(&text);
    return err;
}

/* str.encode(): what has lone surrogates has no UTF-8. */
static enum pb_err to_bytes(struct conversion *c)
{
    if (!is_text(c->leaf.kind) || (c->leaf.kind == PKL_STR && !is_utf8(&c->leaf.data, false)))
        return cannot(c);
    return take(c, c->leaf.data.data != NULL ? c->leaf.data.data : "", c->leaf.data.len);
}

static enum pb_err to_bool(struct conversion *c)
{
    switch (c->leaf.kind) {
    case PKL_NONE:
        return PB_OK;
    case PKL_INT:
        c->out.boolean = !c->leaf.fits || c->leaf.integer != 0;
        return PB_OK;
    case PKL_FLOAT:
        c->out.boolean = c->leaf.real != 0;
        return PB_OK;
    default:
        c->out.boolean = c->leaf.data.len > 0;
        return is_text(c->leaf.kind) ? PB_OK : cannot(c);
    }
}

static enum pb_err convert_leaf(struct conversion *c)
{
    c->out.kind = c->to;
    switch (c->to) {
    case PKL_INT:
        return to_int(c);
    case PKL_FLOAT:
        return to_float(c);
    case PKL_STR:
        return to_str(c);
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        return to_bytes(c);
    case PKL_BOOL:
        return to_bool(c);
    default:
        return cannot(c);
    }
}

/* ------------------------------------------------------------------------- containers */

/* Of equal members a set has the first one. */
static enum pb_err choose(struct conversion *c, const struct pkl_node *list, bool *chosen)
{
    const struct literal **keys;
    struct pkl_child kid;
    size_t got;
    enum pb_err err = PB_OK;

    if (list->count > MEMBERS_MAX)
        return error_set(c->e, PB_ELIMIT, "more than %d items are not made a set", MEMBERS_MAX);
    keys = arena_alloc(&c->mem, (size_t)(list->count + 1) * sizeof *keys);
    if (keys == NULL)
        return error_nomem(c->e);
    for (uint64_t i = 0; i < list->count && err == PB_OK; i++) {
        struct literal *key = NULL;

        err = c->ed->view.children(&c->ed->view, list->id, i, 1, &kid, &got, c->e);
        if (err != PB_OK || got != 1)
            return err;
        if (kid.value.kind == PKL_LIST || kid.value.kind == PKL_DICT || kid.value.kind == PKL_SET ||
            kid.value.kind == PKL_BYTEARRAY)
            return error_set(c->e, PB_EUSAGE, "%s cannot be in a set",
                             path_kind_name(kid.value.kind));
        err = path_key_literal(&c->ed->view, &kid.value, &c->mem, &key, c->e);
        if (err == PB_OK && key == NULL && kid.value.kind == PKL_TUPLE)
            return error_set(c->e, PB_EUSAGE, "a tuple with objects in it is not put in a set");
        keys[i] = key;
        chosen[i] = true;
        for (uint64_t k = 0; k < i && key != NULL && chosen[i]; k++)
            chosen[i] = !chosen[k] || keys[k] == NULL || !literal_equal(keys[k], key);
    }
    return err;
}

static enum pb_err write_list(struct conversion *c, const struct pkl_node *list,
                              struct edit_draft *d)
{
    bool set = c->to == PKL_SET || c->to == PKL_FROZENSET;
    bool *chosen = NULL;
    enum pb_err err = PB_OK;

    if (set) {
        chosen = arena_alloc(&c->mem, (size_t)list->count + 1);
        err = chosen != NULL ? choose(c, list, chosen) : error_nomem(c->e);
    }
    return err == PB_OK ? edit_copy_as(c->ed, list, c->to, chosen, d, c->e) : err;
}

/* What holds the members of the value; of a set of old protocols the list it is made of. */
static enum pb_err list_behind(struct conversion *c, const struct pkl_node *n,
                               struct pkl_node *list)
{
    struct form f;
    enum pb_err err = c->ed->view.node(&c->ed->view, n->target, list, c->e);

    if (err != PB_OK || list->kind != PKL_OBJECT)
        return err;
    form_init(&f);
    err = form_read(&c->ed->view, list, 0, &f, c->e);
    if (err == PB_OK && f.kind != PKL_SET && f.kind != PKL_FROZENSET)
        err = cannot(c);
    if (err == PB_OK && f.items.id != 0)
        err = c->ed->view.node(&c->ed->view, f.items.target, list, c->e);
    else if (err == PB_OK)
        list->count = 0;
    form_release(&f);
    return err;
}

static enum pb_err convert_list(struct conversion *c, const struct pkl_child *place)
{
    struct edit_draft d = {0};
    struct pkl_node list;
    size_t number;
    enum pb_err err = edit_may_put(c->ed, place, c->e);

    if (err == PB_OK && place->step == PKL_STEP_MEMBER)
        err = error_set(c->e, PB_EREADONLY, "a member of a set is set as a whole");
    if (err == PB_OK && place->step == PKL_STEP_INDEX)
        err = edit_arguments_stay(c->ed, place->owner, c->e);
    if (err == PB_OK && place->step == PKL_STEP_PART && place->part != PKL_STATE)
        err = error_set(c->e, PB_EREADONLY, "arguments are a tuple");
    if (err == PB_OK)
        err = list_behind(c, &place->value, &list);
    if (err != PB_OK)
        return err;
    buf_init(&d.bytes, SIZE_MAX / 2);
    err = write_list(c, &list, &d);
    if (err == PB_OK)
        err = edit_add_draft(c->ed, &d, &number, c->e);
    if (err == PB_OK)
        err = edit_put(c->ed, place, number, c->e);
    buf_release(&d.bytes);
    vec_release(&d.links);
    return err;
}

static bool is_listlike(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_SET || kind == PKL_FROZENSET;
}

/* bytes of old protocols are calls. */
static enum pb_err read_leaf(struct conversion *c, const struct pkl_node *n, bool *leaf)
{
    struct form f;
    enum pb_err err;

    *leaf = n->kind <= PKL_PY2STR;
    if (*leaf)
        return pkl_leaf_read(&c->ed->view, n, SIZE_MAX, &c->leaf, c->e);
    if (n->kind != PKL_OBJECT)
        return PB_OK;
    form_init(&f);
    err = form_read(&c->ed->view, n, SIZE_MAX / 2, &f, c->e);
    *leaf = err == PB_OK && (f.kind == PKL_BYTES || f.kind == PKL_BYTEARRAY) && !f.partial;
    if (*leaf) {
        c->leaf.kind = f.kind;
        buf_append(&c->leaf.data, f.data.data, f.data.len);
        err = buf_status(&c->leaf.data, c->e);
    }
    form_release(&f);
    return err;
}

/* Is it the set or frozenset that is asked for already, as old protocols write it? */
static bool is_set_call(const struct conversion *c, const struct pkl_node *n)
{
    struct form f;
    bool same;

    form_init(&f);
    same = (c->to == PKL_SET || c->to == PKL_FROZENSET) &&
           form_read(&c->ed->view, n, 0, &f, NULL) == PB_OK && f.kind == c->to;
    form_release(&f);
    return same;
}

enum pb_err pkl_edit_convert(struct pkl_edit *ed, const struct pkl_child *place, enum pkl_kind kind,
                             struct error *e)
{
    struct conversion c = {.ed = ed, .to = kind, .e = e};
    bool leaf = false;
    enum pb_err err;

    arena_init(&c.mem);
    pkl_leaf_init(&c.leaf);
    err = read_leaf(&c, &place->value, &leaf);
    if (err == PB_OK && (place->value.kind == kind || is_set_call(&c, &place->value)))
        goto out;
    if (err == PB_OK && leaf) {
        err = convert_leaf(&c);
        if (err == PB_OK)
            err = pkl_edit_set(ed, place, &c.out, e);
    } else if (err == PB_OK && is_listlike(kind) &&
               (is_listlike(place->value.kind) || place->value.kind == PKL_OBJECT)) {
        err = convert_list(&c, place);
    } else if (err == PB_OK) {
        err = cannot(&c);
    }
out:
    pkl_leaf_release(&c.leaf);
    arena_release(&c.mem);
    return err;
}

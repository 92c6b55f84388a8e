/* Classes and functions that a pickle computes, and what is made of classes: list[int],
 * types.SimpleNamespace. */
#include "lens.h"

#include <string.h>

/* "<class 'int'>" as int, "<class 'collections.OrderedDict'>" as collections.OrderedDict. */
static bool class_name(const char *text, const char **name, size_t *len)
{
    size_t n = strlen(text);

    if (n < 10 || strncmp(text, "<class '", 8) != 0 || strcmp(text + n - 2, "'>") != 0)
        return false;
    *name = text + 8;
    *len = n - 10;
    return true;
}

enum pb_err lens_alias_text(struct lens_reader *r, const struct pkl_node *n, struct buf *out,
                            bool *done, struct error *e)
{
    const char *text = NULL, *name;
    struct lens inner;
    size_t len;
    enum pb_err err = PB_OK;

    *done = false;
    lens_init(&inner);
    if (n->kind == PKL_GLOBAL)
        err = lens_global(r, n, &text, e);
    else if (n->kind == PKL_OBJECT)
        err = lens_read(r, n, 64, &inner, e);
    if (err == PB_OK && inner.row != NULL && (inner.row->flags & LENS_NAMED))
        text = inner.text.data;
    if (err == PB_OK && text != NULL) {
        *done = true;
        if (class_name(text, &name, &len))
            buf_append(out, name, len);
        else
            buf_puts(out, strcmp(text, "Ellipsis") == 0 ? "..." : text);
    }
    lens_release(&inner);
    return err;
}

/* types.GenericAlias(list, (int,)) */
static enum pb_err read_alias(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct lens_piece *p;
    bool done;
    enum pb_err err = lens_alias_text(r, &c->arg[0], &l->text, &done, e);

    if (err != PB_OK)
        return err;
    if (!done)
        return lens_refuse(l, "what it is made of is no known class");
    buf_putc(&l->text, '[');
    if (c->arg[1].kind != PKL_TUPLE) {
        err = lens_alias_text(r, &c->arg[1], &l->text, &done, e);
        if (err == PB_OK && !done && !lens_value(l, &c->arg[1]))
            err = error_nomem(e);
    } else if (c->arg[1].count == 0) {
        buf_puts(&l->text, "()");
    } else {
        p = lens_seq(l, LENS_ALIAS, c->arg[1].target, c->arg[1].count);
        err = p != NULL ? PB_OK : error_nomem(e);
    }
    buf_putc(&l->text, ']');
    return err;
}

/* next(iter(list[int])) is *list[int]. */
static enum pb_err read_starred(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    struct pkl_child class, args, alias;
    struct lens inner;
    size_t got = 0;
    bool is = false;
    enum pb_err err = PB_ENOTFOUND;

    if (c->arg[0].kind == PKL_OBJECT)
        err = r->view->part(r->view, c->arg[0].target, PKL_CLASS, &class, e);
    if (err == PB_OK)
        err = lens_is_builtin(r, &class.value, "iter", &is, e);
    if (err == PB_OK && is)
        err = r->view->part(r->view, c->arg[0].target, PKL_ARGS, &args, e);
    if (err == PB_OK && is)
        err = r->view->children(r->view, args.value.target, 0, 1, &alias, &got, e);
    if (err != PB_OK && err != PB_ENOTFOUND)
        return err;
    if (got == 0 || args.value.count != 1 || alias.value.kind != PKL_OBJECT)
        return lens_refuse(l, "it is the next of something else");
    lens_init(&inner);
    err = lens_read(r, &alias.value, 64, &inner, e);
    if (err == PB_OK && (inner.row == NULL || inner.row->read != read_alias))
        err = lens_refuse(l, "it is the next of something else");
    lens_release(&inner);
    if (err != PB_OK)
        return err;
    buf_putc(&l->text, '*');
    return lens_value(l, &alias.value) ? PB_OK : error_nomem(e);
}

/* type(None), type(Ellipsis), type(NotImplemented) */
static enum pb_err read_type(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    const char *text = NULL;
    enum pb_err err = PB_OK;

    if (c->arg[0].kind == PKL_GLOBAL)
        err = lens_global(r, &c->arg[0], &text, e);
    if (err != PB_OK)
        return err;
    if (c->arg[0].kind == PKL_NONE)
        buf_puts(&l->text, "<class 'NoneType'>");
    else if (text != NULL && strcmp(text, "Ellipsis") == 0)
        buf_puts(&l->text, "<class 'ellipsis'>");
    else if (text != NULL && strcmp(text, "NotImplemented") == 0)
        buf_puts(&l->text, "<class 'NotImplementedType'>");
    else
        return lens_refuse(l, "it is the type of something else");
    return PB_OK;
}

/* getattr(str, 'join'): what has a name of its own in the list. */
static enum pb_err read_getattr(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    struct pkl_node self = {.id = c->self, .target = c->self, .kind = PKL_OBJECT};
    const char *text;
    enum pb_err err = lens_global(r, &self, &text, e);

    if (err != PB_OK)
        return err;
    if (text == NULL)
        return lens_refuse(l, "the attribute is not in the list of known ones");
    buf_puts(&l->text, text);
    return PB_OK;
}

static const struct lens_row rows[] = {
    {"types", "GenericAlias", "types.GenericAlias", LENS_BOTH, 2, 2, read_alias, 0},
    {"builtins", "next", "types.GenericAlias", LENS_CALL, 1, 1, read_starred, 0},
    {"builtins", "type", "type", LENS_CALL | LENS_NAMED, 1, 1, read_type, 0},
    {"builtins", "getattr", "attribute", LENS_CALL | LENS_NAMED, 2, 2, read_getattr, 0},
};
const struct lens_family lens_types = {rows, sizeof rows / sizeof rows[0]};

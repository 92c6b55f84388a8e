/* Arguments of known calls, checked. */
#include "lens.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "../repr_text.h"

#define INLINE_DEPTH 3 /* a datetime holds a timezone, that a timedelta */

enum pb_err lens_leaf(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                      struct error *e)
{
    enum pb_err err = pkl_leaf_read(r->view, n, LENS_TEXT_MAX, &r->leaf, e);

    if (err == PB_OK && r->leaf.partial)
        return lens_refuse(l, "an argument is too long");
    return err;
}

enum pb_err lens_int(struct lens_reader *r, const struct pkl_node *n, int64_t low, int64_t high,
                     const char *what, int64_t *value, struct lens *l, struct error *e)
{
    enum pb_err err;

    if (n->kind != PKL_INT && n->kind != PKL_BOOL)
        return lens_refuse(l, "%s is no int", _(what));
    err = lens_leaf(r, n, l, e);
    if (err != PB_OK)
        return err;
    *value = r->leaf.kind == PKL_BOOL ? r->leaf.boolean : r->leaf.integer;
    if ((r->leaf.kind == PKL_INT && !r->leaf.fits) || *value < low || *value > high)
        return lens_refuse(l, "%s is not from %lld to %lld", what, (long long)low, (long long)high);
    return PB_OK;
}

enum pb_err lens_str(struct lens_reader *r, const struct pkl_node *n, const char *what,
                     struct lens *l, struct error *e)
{
    enum pb_err err;

    if (n->kind != PKL_STR && n->kind != PKL_PY2STR)
        return lens_refuse(l, "%s is no str", _(what));
    err = lens_leaf(r, n, l, e);
    if (err == PB_OK && n->kind == PKL_PY2STR && !repr_is_ascii(&r->leaf.data))
        return lens_refuse(l, "%s is not ASCII", _(what));
    return err;
}

bool lens_latin1(const char *s, size_t n, struct buf *out)
{
    for (size_t at = 0; at < n;) {
        uint32_t cp;
        size_t used = utf8_decode(s + at, n - at, &cp, true);

        if (used == 0 || cp > 0xff)
            return false;
        buf_putc(out, (char)cp);
        at += used;
    }
    return true;
}

/* The bytes of an object that is a call of _codecs.encode. */
static enum pb_err encoded_bytes(struct lens_reader *r, const struct pkl_node *n, size_t max,
                                 struct buf *data, bool *partial, struct lens *l, struct error *e)
{
    struct lens inner;
    enum pb_err err;

    lens_init(&inner);
    err = lens_read(r, n, max, &inner, e);
    if (err == PB_OK && (inner.row == NULL || inner.kind != PKL_BYTES))
        err = lens_refuse(l, "an argument is no bytes");
    if (err == PB_OK)
        buf_append(data, inner.text.data, inner.text.len);
    *partial = inner.partial;
    lens_release(&inner);
    return err;
}

enum pb_err lens_bytes(struct lens_reader *r, const struct pkl_node *n, size_t max, bool text,
                       struct buf *data, bool *partial, struct lens *l, struct error *e)
{
    enum pb_err err;

    *partial = false;
    if (n->kind == PKL_OBJECT)
        return encoded_bytes(r, n, max, data, partial, l, e);
    if (n->kind != PKL_BYTES && !(text && (n->kind == PKL_STR || n->kind == PKL_PY2STR)))
        return lens_refuse(l, "an argument is no bytes");
    err = pkl_leaf_read(r->view, n, max, &r->leaf, e);
    if (err != PB_OK)
        return err;
    *partial = r->leaf.partial;
    if (n->kind != PKL_STR)
        buf_append(data, r->leaf.data.data, r->leaf.data.len);
    else if (!lens_latin1(r->leaf.data.data, r->leaf.data.len, data))
        return lens_refuse(l, "a character of its text stands for no byte");
    return buf_status(data, e);
}

enum pb_err lens_put_int(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                         struct error *e)
{
    enum pb_err err;

    if (n->kind != PKL_INT && n->kind != PKL_BOOL)
        return lens_refuse(l, "an argument is no int");
    err = lens_leaf(r, n, l, e);
    if (err != PB_OK)
        return err;
    if (r->leaf.kind == PKL_BOOL) { /* an INT line may turn out to be one */
        buf_puts(&l->text, r->leaf.boolean ? "True" : "False");
        return PB_OK;
    }
    return repr_big(&l->text, &r->leaf, e);
}

enum pb_err lens_is_builtin(struct lens_reader *r, const struct pkl_node *n, const char *name,
                            bool *is, struct error *e)
{
    struct pkl_name found;
    enum pb_err err;

    *is = false;
    if (n->kind != PKL_GLOBAL)
        return PB_OK;
    err = pkl_name_read(r->view, n, &found, e);
    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    *is = strcmp(found.py3_module, "builtins") == 0 && strcmp(found.py3_name, name) == 0;
    pkl_name_release(&found);
    return PB_OK;
}

enum pb_err lens_known(struct lens_reader *r, const struct pkl_node *n, bool *known,
                       struct error *e)
{
    struct lens inner;
    enum pb_err err;

    lens_init(&inner);
    err = lens_read(r, n, 64, &inner, e);
    *known = inner.row != NULL || inner.reason[0] != '\0';
    lens_release(&inner);
    return err;
}

enum pb_err lens_inline(struct lens_reader *r, const struct pkl_node *n, const char *const *types,
                        bool *done, struct lens *l, struct error *e)
{
    struct lens inner;
    enum pb_err err;

    *done = false;
    if (n->kind != PKL_OBJECT)
        return PB_OK;
    lens_init(&inner);
    err = lens_read(r, n, SIZE_MAX, &inner, e);
    if (err == PB_OK && inner.row != NULL && !inner.nested) {
        for (size_t i = 0; types[i] != NULL && !*done; i++)
            *done = strcmp(types[i], inner.type) == 0;
        if (*done)
            buf_append(&l->text, inner.text.data, inner.text.len);
    }
    lens_release(&inner);
    return err;
}

/* Arrays and indexes of pandas as texts. */
#include <string.h>

#include "pd.h"

/* An element of the ndarray; an object is a value of its own. */
static enum pb_err put_element(struct lens_reader *r, const struct pd_array *a, uint64_t i,
                               struct lens *l, struct error *e)
{
    struct pkl_child kid;
    size_t got = 0, before = l->text.len;
    enum pb_err err;

    if (!a->nd.types.type.data[0].objects) {
        err = nd_put_items(r->view, &a->nd, a->from + i, 1, SIZE_MAX, &l->text, e);
        /* 'NaT' has no zone */
        if (err == PB_OK && a->zone && l->text.len > before + 5)
            buf_splice(&l->text, l->text.len - 1, 0, "Z", 1);
        return err;
    }
    err = r->view->children(r->view, a->nd.data.target, a->from + i, 1, &kid, &got, e);
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_EPICKLE, "the array is shorter than it says");
    if (err == PB_OK)
        err = pd_name(r, &kid.value, e);
    if (err != PB_OK)
        return err;
    if (strcmp(r->leaf.data.data, "NA") == 0)
        buf_puts(&l->text, "<NA>");
    else if (!lens_value(l, &kid.value))
        err = error_nomem(e);
    return err;
}

/* What a code stands for. */
static enum pb_err put_coded(struct lens_reader *r, const struct pd_array *codes, uint64_t i,
                             const struct pd_array *values, struct lens *l, struct error *e)
{
    int64_t code;
    enum pb_err err = pd_int_at(r, &codes->nd, codes->from + i, &code, e);

    if (err != PB_OK)
        return err;
    if (code == -1) {
        buf_puts(&l->text, "nan");
        return PB_OK;
    }
    if (code < 0 || (uint64_t)code >= values->count)
        return lens_refuse(l, "a code of it stands for no value");
    return pd_put_item(r, values, (uint64_t)code, l, e);
}

static enum pb_err put_interval(struct lens_reader *r, const struct pd_array *a, uint64_t i,
                                struct lens *l, struct error *e)
{
    enum pb_err err;

    buf_putc(&l->text, a->left ? '[' : '(');
    err = pd_put_item(r, &a->inner[0], i, l, e);
    buf_puts(&l->text, ", ");
    if (err == PB_OK)
        err = pd_put_item(r, &a->inner[1], i, l, e);
    buf_putc(&l->text, a->right ? ']' : ')');
    return err;
}

static enum pb_err put_tuple(struct lens_reader *r, const struct pd_array *a, uint64_t i,
                             struct lens *l, struct error *e)
{
    enum pb_err err = PB_OK;

    buf_putc(&l->text, '(');
    for (size_t k = 0; k + 1 < a->inners && err == PB_OK; k += 2) {
        buf_puts(&l->text, k > 0 ? ", " : "");
        err = put_coded(r, &a->inner[k + 1], i, &a->inner[k], l, e);
    }
    buf_puts(&l->text, a->inners == 2 ? ",)" : ")");
    return err;
}

enum pb_err pd_put_item(struct lens_reader *r, const struct pd_array *a, uint64_t i, struct lens *l,
                        struct error *e)
{
    int64_t missing = 0;
    enum pb_err err = PB_OK;

    switch (a->kind) {
    case PD_RANGE:
        buf_printf(&l->text, "%lld", (long long)(a->start + (int64_t)i * a->step));
        return PB_OK;
    case PD_CATEGORICAL:
        return put_coded(r, a, i, &a->inner[0], l, e);
    case PD_INTERVAL:
        return put_interval(r, a, i, l, e);
    case PD_MULTI:
        return put_tuple(r, a, i, l, e);
    case PD_MASKED:
        err = pd_int_at(r, &a->inner[0].nd, i, &missing, e);
        if (err != PB_OK || missing == 0)
            break;
        buf_puts(&l->text, "<NA>");
        return PB_OK;
    default:
        break;
    }
    return err == PB_OK ? put_element(r, a, i, l, e) : err;
}

enum pb_err pd_put_items(struct lens_reader *r, const struct pd_array *a, struct lens *l,
                         struct error *e)
{
    uint64_t head = a->count, tail = 0;
    enum pb_err err = PB_OK;

    if (r->max != SIZE_MAX && a->count > 6) { /* a row of the screen */
        head = 3;
        tail = 1;
    } else if (a->count > ND_ALL) {
        head = tail = ND_EDGE;
    }
    buf_puts(&l->text, a->ordinals ? "ordinals=[" : "[");
    for (uint64_t i = 0; i < head && err == PB_OK; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        err = pd_put_item(r, a, i, l, e);
    }
    buf_puts(&l->text, tail > 0 ? ", …" : "");
    for (uint64_t i = a->count - tail; i < a->count && err == PB_OK; i++) {
        buf_puts(&l->text, ", ");
        err = pd_put_item(r, a, i, l, e);
    }
    buf_putc(&l->text, ']');
    return err;
}

enum pb_err pd_put_index(struct lens_reader *r, const struct pd_array *a, bool bare, struct lens *l,
                         struct error *e)
{
    enum pb_err err = PB_OK;

    if (a->kind == PD_RANGE) {
        buf_printf(&l->text, "RangeIndex(start=%lld, stop=%lld, step=%lld", (long long)a->start,
                   (long long)a->stop, (long long)a->step);
    } else {
        if (!bare)
            buf_printf(&l->text, "<%s ", a->type != NULL ? a->type : "numpy.ndarray");
        buf_printf(&l->text, bare ? "%s (%llu,)  " : "%s (%llu,) ",
                   a->dtype.data != NULL ? a->dtype.data : "", (unsigned long long)a->count);
        err = pd_put_items(r, a, l, e);
    }
    if (err == PB_OK && a->names.id != 0) {
        buf_puts(&l->text, " names=");
        err = lens_value(l, &a->names) ? PB_OK : error_nomem(e);
    } else if (err == PB_OK && a->name.id != 0 && a->name.kind != PKL_NONE) {
        buf_puts(&l->text, a->kind == PD_RANGE ? ", name=" : " name=");
        err = lens_value(l, &a->name) ? PB_OK : error_nomem(e);
    }
    buf_puts(&l->text, a->kind == PD_RANGE ? ")" : bare ? "" : ">");
    return err;
}

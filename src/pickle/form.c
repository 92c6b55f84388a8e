#include "form.h"

#include "lens/lens.h"

void form_init(struct form *f)
{
    *f = (struct form){.kind = PKL_OBJECT};
    buf_init(&f->data, (size_t)1 << 30);
}

void form_release(struct form *f)
{
    buf_release(&f->data);
}

enum pb_err form_read(struct pkl_view *v, const struct pkl_node *node, size_t max, struct form *out,
                      struct error *e)
{
    struct lens_reader r;
    struct lens l;
    enum pb_err err;

    out->kind = PKL_OBJECT;
    out->items.id = 0;
    out->partial = false;
    buf_clear(&out->data);
    if (node->kind != PKL_OBJECT)
        return PB_OK;
    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, node, max, &l, e);
    if (err == PB_OK && l.row != NULL && l.kind != PKL_OBJECT) {
        out->kind = l.kind;
        out->items = l.items;
        out->partial = l.partial;
        buf_append(&out->data, l.text.data, l.text.len);
        err = buf_status(&out->data, e);
    }
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

/* Classes and functions that are typed by name. */
#include <string.h>

#include <pklbrowse/pkl_leaf.h>

#include "edit_private.h"

/* 'package.module.Name', or 'package.module:Class.Inner' where the name itself has dots. */
static enum pb_err class_name(const struct literal *text, struct literal *out, struct buf *module,
                              struct buf *name, struct error *e)
{
    const char *colon = memchr(text->data, ':', text->len), *dot = colon;

    for (size_t i = text->len; dot == NULL && i-- > 0;) {
        if (text->data[i] == '.')
            dot = text->data + i;
    }
    if (dot == NULL || dot == text->data || dot + 1 == text->data + text->len ||
        memchr(text->data, '\n', text->len) != NULL)
        return error_set(e, PB_EUSAGE, "a class is named 'module.Name'");
    buf_append(module, text->data, (size_t)(dot - text->data));
    buf_append(name, dot + 1, (size_t)(text->data + text->len - dot - 1));
    *out = (struct literal){.kind = PKL_GLOBAL, .module = module->data, .name = name->data};
    return buf_status(name, e) == PB_OK ? buf_status(module, e) : PB_ENOMEM;
}

/* Where the module ends is not seen in a text with several dots: where it ends in what stands there
 * now.  *shown: it is the very text that is shown of that. */
static enum pb_err split_like(struct pkl_edit *ed, const struct pkl_node *was,
                              struct literal *value, struct buf *module, struct buf *name,
                              bool *shown, struct error *e)
{
    struct pkl_name n = {0};
    struct buf whole;
    size_t len;
    enum pb_err err = pkl_name_read(&ed->view, was, &n, e);

    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    len = strlen(n.py3_module);
    buf_init(&whole, BUF_MAX_TEXT);
    buf_printf(&whole, "%s.%s", value->module, value->name);
    err = buf_status(&whole, e);
    if (err == PB_OK && whole.len > len + 1 && whole.data[len] == '.' &&
        memcmp(whole.data, n.py3_module, len) == 0) {
        *shown = strcmp(whole.data + len + 1, n.py3_name) == 0;
        buf_clear(module);
        buf_clear(name);
        buf_puts(module, n.py3_module);
        buf_puts(name, whole.data + len + 1);
        value->module = module->data;
        value->name = name->data;
        err = buf_status(name, e) == PB_OK ? buf_status(module, e) : PB_ENOMEM;
    }
    buf_release(&whole);
    pkl_name_release(&n);
    return err;
}

static enum pb_err split_as_there(struct pkl_edit *ed, const struct pkl_child *place,
                                  struct literal *value, struct buf *module, struct buf *name,
                                  bool *shown, struct error *e)
{
    struct pkl_node saved = {0};
    enum pb_err err = PB_OK;

    if (place->value.kind == PKL_GLOBAL)
        err = split_like(ed, &place->value, value, module, name, shown, e);
    if (err == PB_OK && !*shown && pkl_edit_place_changed(ed, place->owner, place->index, &saved) &&
        saved.kind == PKL_GLOBAL) {
        bool was_so;

        err = split_like(ed, &saved, value, module, name, &was_so, e);
    }
    return err;
}

enum pb_err edit_name_typed(struct pkl_edit *ed, const struct pkl_child *place,
                            const struct literal *value, struct edit_typed *out, struct error *e)
{
    bool is_name = false;
    enum pb_err err;

    *out = (struct edit_typed){.value = *value};
    buf_init(&out->module, BUF_MAX_TEXT);
    buf_init(&out->name, BUF_MAX_TEXT);
    err = edit_class_place(ed, place, value, &out->place, &is_name, e);
    if (err == PB_OK && is_name)
        err = class_name(value, &out->value, &out->module, &out->name, e);
    if (err == PB_OK && out->value.kind == PKL_GLOBAL)
        err =
            split_as_there(ed, &out->place, &out->value, &out->module, &out->name, &out->shown, e);
    if (err != PB_OK)
        edit_typed_release(out);
    return err;
}

void edit_typed_release(struct edit_typed *t)
{
    buf_release(&t->module);
    buf_release(&t->name);
}

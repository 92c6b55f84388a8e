/* From a place to its path. */
#include <string.h>

#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "path_private.h"

#define NAME_MAX_BYTES 4096

/* A key that can be written as .name, and nothing else is. */
static bool is_name(const char *s, size_t n)
{
    return n > 0 && path_identifier(s, n) == n;
}

/* The text of a str key; *is says whether it is one (and all of it is in `out`). */
static enum pb_err key_text(struct pkl_view *v, const struct pkl_node *key, struct buf *out,
                            bool *is, struct error *e)
{
    struct pkl_leaf leaf;
    enum pb_err err;

    *is = false;
    if (key->kind != PKL_STR && key->kind != PKL_PY2STR)
        return PB_OK;
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, key, NAME_MAX_BYTES, &leaf, e);
    if (err == PB_OK && !leaf.partial) {
        *is = true;
        buf_append(out, leaf.data.data, leaf.data.len);
        err = buf_status(out, e);
    }
    pkl_leaf_release(&leaf);
    return err;
}

static enum pb_err nth_text(const struct pkl_child *child, struct buf *out, struct error *e)
{
    buf_printf(out, "[#%llu]", (unsigned long long)child->position);
    return buf_status(out, e);
}

/* NaN equals nothing, so it cannot be found again by what it is. */
static bool finds_itself(const struct literal *l)
{
    return l != NULL && literal_equal(l, l);
}

/* [KEY], or [#N] for what has no literal. */
static enum pb_err bracket_text(struct pkl_view *v, const struct pkl_child *child, struct buf *out,
                                struct error *e)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE};
    struct sink to = sink_buf(out);
    struct literal *l = NULL;
    struct arena mem;
    enum pb_err err;

    arena_init(&mem);
    err = path_key_literal(v, &child->key, &mem, &l, e);
    if (err == PB_OK && !finds_itself(l)) {
        err = nth_text(child, out, e);
    } else if (err == PB_OK && l->kind == PKL_BYTES) {
        /* bytes, and a Python 2 str that is no text */
        buf_putc(out, '[');
        pkl_repr_bytes(out, l->data, l->len);
        buf_putc(out, ']');
    } else if (err == PB_OK) {
        buf_putc(out, '[');
        err = pkl_repr(v, &child->key, &opts, &to, e);
        buf_putc(out, ']');
    }
    arena_release(&mem);
    return err == PB_OK ? buf_status(out, e) : err;
}

static enum pb_err key_step(struct pkl_view *v, const struct pkl_child *child, enum path_form form,
                            struct buf *out, struct error *e)
{
    /* .name of an object is its attribute, so an entry of one is always bracketed. */
    bool dotted = child->step == PKL_STEP_ATTR ||
                  (form == PATH_FORM_PATH && PKL_ID_TAG(child->owner) != PKL_TAG_ENTRIES);
    struct buf name;
    bool text = false;
    enum pb_err err;

    buf_init(&name, NAME_MAX_BYTES);
    err = key_text(v, &child->key, &name, &text, e);
    if (err == PB_OK && dotted && text && is_name(name.data, name.len)) {
        buf_putc(out, '.');
        buf_append(out, name.data, name.len);
        err = buf_status(out, e);
    } else if (err == PB_OK && child->step == PKL_STEP_ATTR) {
        err = nth_text(child, out, e);
    } else if (err == PB_OK) {
        err = bracket_text(v, child, out, e);
    }
    buf_release(&name);
    return err;
}

enum pb_err pkl_path_step_text(struct pkl_view *v, const struct pkl_child *child,
                               enum path_form form, struct buf *out, struct error *e)
{
    switch (child->step) {
    case PKL_STEP_INDEX:
        buf_printf(out, "[%llu]", (unsigned long long)child->index);
        return buf_status(out, e);
    case PKL_STEP_KEY:
    case PKL_STEP_ATTR:
        return key_step(v, child, form, out, e);
    case PKL_STEP_MEMBER:
        return nth_text(child, out, e);
    case PKL_STEP_PART:
        buf_printf(out, "@%s", path_part_name(child->part));
        return buf_status(out, e);
    case PKL_STEP_ROOT:
        if (child->index > 0)
            buf_printf(out, "@%llu", (unsigned long long)child->index);
        return buf_status(out, e);
    }
    return error_set(e, PB_EUSAGE, "this place has no path");
}

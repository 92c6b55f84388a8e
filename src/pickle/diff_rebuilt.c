/* Objects of subclasses of list, dict, tuple, int ...: protocols 0 and 1 write what they hold into
 * the arguments of copyreg._reconstructor(), others as items, entries or arguments of their own.
 * Those of bytearray have their bytes as text up to protocol 2. */
#include "diff.h"
#include "rebuilt.h"

#include <string.h>

enum pb_err diff_mix(struct diff *d, struct diff_frame *f)
{
    struct pkl_child arg[REBUILT_ARGS];
    unsigned side = f->form[0] == DIFF_FROM_STATE ? 0 : 1;
    struct pkl_view *v = d->v[side];
    bool rebuilt = false;
    enum pb_err err;

    if (f->form[side] != DIFF_FROM_STATE || f->form[!side] != DIFF_OWN ||
        f->section[side][DIFF_ITEMS] + f->section[side][DIFF_ENTRIES] > 0)
        return PB_OK;
    err = rebuilt_read(v, f->id[side], &rebuilt, arg, d->e);
    if (err == PB_OK && rebuilt)
        err = v->part(v, f->id[side], PKL_ARGS, &f->through[0], d->e);
    if (err == PB_OK && rebuilt) {
        f->through[1] = arg[2];
        f->mixed = side + 1;
    }
    return err;
}

/* Steps of the path on the side of the state, and (not NULL) on the other. */
static enum pb_err push_label(struct diff_machine *m, unsigned side, const struct pkl_child *step,
                              const struct pkl_child *other)
{
    struct diff_frame label = {.type = DIFF_LIST, .labelled = true};

    label.place[side] = *step;
    if (other != NULL)
        label.place[!side] = *other;
    label.silent[!side] = other == NULL;
    return diff_push(m, &label);
}

static enum pb_err in_order(struct diff_machine *m, unsigned side, const struct pkl_child *state,
                            const struct pkl_child *other)
{
    return side == 0 ? diff_compare(m, state, other) : diff_compare(m, other, state);
}

/* A str has one argument, itself; a tuple has that (a subclass) or what is in it (a named tuple),
 * which of the two a tuple in a tuple alone does not say; a complex has two. */
static enum pb_err is_one(struct diff *d, unsigned side, const struct pkl_node *state,
                          const struct pkl_node *args, const struct pkl_node *first, bool *one)
{
    bool same = false;
    enum pb_err err = PB_OK;

    *one = state->kind != PKL_TUPLE || first->kind == PKL_TUPLE;
    if (state->kind == PKL_TUPLE && *one)
        err = side == 0 ? diff_probe(d, state, args, &same) : diff_probe(d, args, state, &same);
    *one = *one && !same;
    return err;
}

static enum pb_err compare_state(struct diff_machine *m, unsigned side,
                                 const struct pkl_child through[2], const struct pkl_child *args)
{
    struct pkl_view *v = m->d->v[!side], *own = m->d->v[side];
    struct pkl_child state = through[1], first = {0};
    uint64_t count = 0;
    size_t got = 0;
    bool one = false;
    enum pb_err err = v->count_children(v, args->value.target, &count, m->d->e);

    if (err == PB_OK && count == 1)
        err = v->children(v, args->value.target, 0, 1, &first, &got, m->d->e);
    if (err == PB_OK && got == 1)
        err = is_one(m->d, side, &state.value, &args->value, &first.value, &one);
    if (err == PB_OK)
        err = push_label(m, side, &through[0], one ? args : NULL);
    if (err == PB_OK && !one && state.value.kind == PKL_OBJECT) {
        err = push_label(m, side, &through[1], NULL);
        if (err == PB_OK)
            err = own->part(own, through[1].value.target, PKL_ARGS, &state, m->d->e);
    }
    return err == PB_OK ? in_order(m, side, &state, one ? &first : args) : err;
}

enum pb_err diff_mixed_args(struct diff_machine *m, const struct diff_frame *f,
                            const uint64_t base[2])
{
    unsigned side = f->mixed - 1;
    struct pkl_view *v = m->d->v[!side];
    enum pkl_kind kind = f->through[1].value.kind;
    bool inside = kind == PKL_LIST || kind == PKL_DICT; /* items, entries */
    bool there = f->section[!side][DIFF_ARGS] > 0;
    struct pkl_child args;
    size_t got;
    enum pb_err err = PB_OK;

    if (there)
        err = v->children(v, f->id[!side], base[!side], 1, &args, &got, m->d->e);
    if (err != PB_OK || there == inside) {
        const struct pkl_child *only = there ? &args : &f->through[0];

        return err != PB_OK           ? err
               : there == (side == 1) ? diff_report(m, PKL_DIFF_REMOVED, only, NULL)
                                      : diff_report(m, PKL_DIFF_ADDED, NULL, only);
    }
    return inside ? PB_OK : compare_state(m, side, f->through, &args);
}

enum pb_err diff_mixed_stretch(struct diff_machine *m, const struct diff_frame *f,
                               enum diff_section section, struct diff_frame *stretch)
{
    unsigned side = f->mixed - 1;
    struct pkl_view *v = m->d->v[side];
    const struct pkl_node *state = &f->through[1].value;
    enum pb_err err;

    if (!(section == DIFF_ITEMS && state->kind == PKL_LIST) &&
        !(section == DIFF_ENTRIES && state->kind == PKL_DICT))
        return PB_OK;
    stretch->id[side] = state->target;
    stretch->base[side] = 0;
    err = v->count_children(v, state->target, &stretch->count[side], m->d->e);
    if (err == PB_OK)
        err = push_label(m, side, &f->through[0], NULL);
    return err == PB_OK ? push_label(m, side, &f->through[1], NULL) : err;
}

/* ('\xe9', 'latin-1') */
static enum pb_err read_text(struct diff *d, unsigned side, const struct pkl_node *args,
                             struct buf *out, bool *is)
{
    struct pkl_view *v = d->v[side];
    struct pkl_leaf *leaf = &d->leaf[side];
    struct pkl_child kids[2];
    size_t got = 0;
    enum pb_err err = v->children(v, args->target, 0, 2, kids, &got, d->e);

    *is =
        err == PB_OK && got == 2 && kids[0].value.kind == PKL_STR && kids[1].value.kind == PKL_STR;
    if (!*is)
        return err;
    err = pkl_leaf_read(v, &kids[1].value, SIZE_MAX, leaf, d->e);
    *is = err == PB_OK && leaf->data.len == 7 && memcmp(leaf->data.data, "latin-1", 7) == 0;
    if (*is)
        err = pkl_leaf_read(v, &kids[0].value, SIZE_MAX, leaf, d->e);
    *is = *is && err == PB_OK && lens_latin1(leaf->data.data, leaf->data.len, out);
    return err == PB_OK ? buf_status(out, d->e) : err;
}

/* (b'\xe9',) */
static enum pb_err read_bytes(struct diff *d, unsigned side, const struct pkl_node *args, bool *is)
{
    struct pkl_view *v = d->v[side];
    struct pkl_child kid;
    size_t got = 0;
    enum pb_err err = v->children(v, args->target, 0, 1, &kid, &got, d->e);

    *is = err == PB_OK && got == 1 && kid.value.kind == PKL_BYTES;
    return *is ? pkl_leaf_read(v, &kid.value, SIZE_MAX, &d->leaf[side], d->e) : err;
}

enum pb_err diff_same_text_args(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                                bool *same)
{
    const struct pkl_node *n[2] = {a, b};
    uint64_t count[2] = {0, 0};
    struct buf text;
    bool is = false;
    unsigned side;
    enum pb_err err = PB_OK;

    *same = false;
    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        if (n[i]->kind == PKL_TUPLE)
            err = d->v[i]->count_children(d->v[i], n[i]->target, &count[i], d->e);
    }
    side = count[0] == 2 ? 0 : 1;
    if (err != PB_OK || count[side] != 2 || count[!side] != 1)
        return err;
    buf_init(&text, SIZE_MAX / 2);
    err = read_bytes(d, !side, n[!side], &is);
    if (err == PB_OK && is)
        err = read_text(d, side, n[side], &text, &is);
    if (err == PB_OK && is)
        *same = text.len == d->leaf[!side].data.len &&
                (text.len == 0 || memcmp(text.data, d->leaf[!side].data.data, text.len) == 0);
    buf_release(&text);
    return err;
}

/* Tables of pandas taken apart: which array each column is in, in the forms of 0.2x to 2.x. */
#include <stdlib.h>
#include <string.h>

#include "pd.h"

#define COLUMNS_MAX ((uint64_t)1 << 20)

void pd_frame_release(struct pd_frame *f)
{
    pd_array_release(&f->columns);
    pd_array_release(&f->index);
    vec_release(&f->at);
}

/* ---------------------------------------------------------------------- the blocks */

/* Where a block's values have their rows: 0 when it has one dimension. */
static enum pb_err rows_of(struct lens_reader *r, const struct pkl_node *values, uint64_t *rows,
                           struct lens *l, struct error *e)
{
    struct pd_array a;
    enum pb_err err;

    *rows = 0;
    pd_array_init(&a);
    err = pd_array_open(r, values, 0, &a, l, e);
    if (err == PB_OK && a.array.id != 0 && a.nd.dims == 2)
        *rows = a.nd.shape[0];
    if (err == PB_OK && a.array.id != 0 && a.nd.dims > 2)
        err = lens_refuse(l, "a block of it has more than two dimensions");
    pd_array_release(&a);
    return err == PB_EUNSUPPORTED ? PB_OK : err; /* shown raw in its column */
}

static enum pb_err put_place(struct pd_frame *f, uint64_t column, const struct pkl_node *values,
                             uint64_t row, uint64_t rows, struct lens *l)
{
    if (column >= f->at.len || f->at.data[column].values.id != 0 || (rows > 0 && row >= rows) ||
        (rows == 0 && row > 0))
        return lens_refuse(l, "its blocks and its columns do not go together");
    f->at.data[column] = (struct pd_place){*values, row, rows > 0};
    return PB_OK;
}

/* slice(start, stop, step), in which steps may be backwards. */
static enum pb_err place_slice(struct lens_reader *r, struct pd_frame *f,
                               const struct lens_call *slice, const struct pkl_node *values,
                               uint64_t rows, struct lens *l, struct error *e)
{
    int64_t v[3] = {0, 0, 1}, row = 0;
    enum pb_err err = slice->count == 3 ? PB_OK : lens_refuse(l, "a slice of it is not whole");

    for (size_t i = 0; i < 3 && err == PB_OK; i++) {
        if (slice->arg[i].kind != PKL_NONE || i == 0)
            err = lens_int(r, &slice->arg[i], -1, (int64_t)COLUMNS_MAX, "a bound of a slice", &v[i],
                           l, e);
        else if (i == 1)
            v[1] = -1; /* down to the first */
    }
    if (err == PB_OK && v[2] == 0)
        err = lens_refuse(l, "a step of a slice is 0");
    for (int64_t at = v[0]; err == PB_OK && (v[2] > 0 ? at < v[1] : at > v[1]); at += v[2])
        err = put_place(f, (uint64_t)at, values, (uint64_t)row++, rows, l);
    return err;
}

static enum pb_err place_numbers(struct lens_reader *r, struct pd_frame *f,
                                 const struct pkl_node *numbers, const struct pkl_node *values,
                                 uint64_t rows, struct lens *l, struct error *e)
{
    struct pd_array a;
    enum pb_err err;

    pd_array_init(&a);
    err = pd_array_open(r, numbers, 0, &a, l, e);
    if (err == PB_OK && (a.kind != PD_PLAIN || a.nd.types.type.data[0].kind != 'i' ||
                         a.nd.types.type.data[0].dims > 0))
        err = lens_refuse(l, "which columns a block holds is not said");
    for (uint64_t i = 0; err == PB_OK && i < a.count; i++) {
        int64_t column;

        err = pd_int_at(r, &a.nd, i, &column, e);
        if (err == PB_OK)
            err = put_place(f, (uint64_t)column, values, i, rows, l);
    }
    pd_array_release(&a);
    return err;
}

static enum pb_err place_block(struct lens_reader *r, struct pd_frame *f,
                               const struct pkl_node *values, const struct pkl_node *where,
                               struct lens *l, struct error *e)
{
    struct lens_call c = {.row = NULL};
    uint64_t rows = 0;
    enum pb_err err = PB_OK;

    if (f->series) {
        if (f->at.len != 1)
            return lens_refuse(l, "it has more than one column");
        return put_place(f, 0, values, 0, 0, l);
    }
    err = rows_of(r, values, &rows, l, e);
    if (err == PB_OK && where->kind == PKL_OBJECT)
        err = lens_call_of(r, where, &c, e);
    if (err == PB_OK && c.row != NULL && strcmp(c.row->type, "pandas.BlockPlacement") == 0 &&
        c.count == 1)
        return place_block(r, f, values, &c.arg[0], l, e);
    if (err == PB_OK && c.row != NULL && strcmp(c.row->type, "slice") == 0)
        return place_slice(r, f, &c, values, rows, l, e);
    return err == PB_OK ? place_numbers(r, f, where, values, rows, l, e) : err;
}

/* Whether a global, or what functools.partial made of one, makes blocks. */
static enum pb_err makes_blocks(struct lens_reader *r, const struct pkl_node *callable, bool *is,
                                struct error *e)
{
    struct pkl_node function = *callable, args;
    struct pkl_child first;
    size_t got = 0;
    enum pb_err err = PB_OK;

    *is = false;
    if (callable->id != 0 && callable->kind == PKL_OBJECT) {
        err = pd_part(r, callable, PKL_ARGS, &args, e);
        if (err == PB_OK && args.id != 0 && args.kind == PKL_TUPLE && args.count == 1)
            err = r->view->children(r->view, args.target, 0, 1, &first, &got, e);
        if (err != PB_OK || got != 1)
            return err;
        function = first.value;
    }
    err = pd_name(r, &function, e);
    *is = err == PB_OK && (strcmp(r->leaf.data.data, "_unpickle_block") == 0 ||
                           strcmp(r->leaf.data.data, "new_block") == 0);
    return err;
}

/* _unpickle_block(values, placement, dimensions) */
static enum pb_err called_block(struct lens_reader *r, struct pd_frame *f,
                                const struct pkl_node *block, struct lens *l, struct error *e)
{
    struct pkl_node class, args = {.id = 0};
    struct pkl_child two[2];
    size_t got = 0;
    bool is = false;
    enum pb_err err;

    if (block->kind != PKL_OBJECT)
        return lens_refuse(l, "a block of it is none");
    err = pd_part(r, block, PKL_CLASS, &class, e);
    if (err == PB_OK)
        err = makes_blocks(r, &class, &is, e);
    if (err == PB_OK)
        err = pd_part(r, block, PKL_ARGS, &args, e);
    if (err == PB_OK && is && args.id != 0 && args.kind == PKL_TUPLE && args.count >= 2)
        err = r->view->children(r->view, args.target, 0, 2, two, &got, e);
    if (err == PB_OK && got != 2)
        err = lens_refuse(l, "a block of it is of an unknown form");
    return err == PB_OK ? place_block(r, f, &two[0].value, &two[1].value, l, e) : err;
}

/* {'values': ..., 'mgr_locs': ...} */
static enum pb_err stated_block(struct lens_reader *r, struct pd_frame *f,
                                const struct pkl_node *block, struct lens *l, struct error *e)
{
    struct pkl_node values, where = {.id = 0};
    enum pb_err err = pd_entry(r, block, "values", &values, e);

    if (err == PB_OK)
        err = pd_entry(r, block, "mgr_locs", &where, e);
    if (err == PB_OK && (values.id == 0 || where.id == 0))
        err = lens_refuse(l, "a block of it is of an unknown form");
    return err == PB_OK ? place_block(r, f, &values, &where, l, e) : err;
}

static enum pb_err each_block(struct lens_reader *r, struct pd_frame *f,
                              const struct pkl_node *blocks, bool stated, struct lens *l,
                              struct error *e)
{
    enum pb_err err = PB_OK;

    if (blocks->id != 0 && blocks->kind == PKL_OBJECT && f->series)
        return called_block(r, f, blocks, l, e);
    if (blocks->id == 0 || (blocks->kind != PKL_LIST && blocks->kind != PKL_TUPLE))
        return lens_refuse(l, "its blocks are not where they should be");
    for (uint64_t i = 0; i < blocks->count && err == PB_OK; i++) {
        struct pkl_child block;
        size_t got;

        err = r->view->children(r->view, blocks->target, i, 1, &block, &got, e);
        if (err == PB_OK)
            err = stated ? stated_block(r, f, &block.value, l, e)
                         : called_block(r, f, &block.value, l, e);
    }
    for (size_t i = 0; i < f->at.len && err == PB_OK; i++) {
        if (f->at.data[i].values.id == 0)
            err = lens_refuse(l, "a column of it is in no block");
    }
    return err;
}

/* --------------------------------------------------------------------- the manager */

static enum pb_err read_axes(struct lens_reader *r, struct pd_frame *f, const struct pkl_node *axes,
                             struct lens *l, struct error *e)
{
    struct pd_place none = {.row = 0};
    struct pkl_child axis[2];
    size_t want = f->series ? 1 : 2, got = 0;
    uint64_t columns;
    enum pb_err err = PB_OK;

    if (axes->id != 0 && axes->kind == PKL_OBJECT && f->series) {
        axis[0].value = *axes;
        got = 1;
    } else if (axes->id != 0 && (axes->kind == PKL_LIST || axes->kind == PKL_TUPLE) &&
               axes->count == want) {
        err = r->view->children(r->view, axes->target, 0, want, axis, &got, e);
    }
    if (err == PB_OK && got != want)
        err = lens_refuse(l, "its axes are not where they should be");
    if (err != PB_OK)
        return err;
    f->index_node = axis[want - 1].value;
    err = pd_array_open(r, &f->index_node, 0, &f->index, l, e);
    if (err == PB_OK && !f->series) {
        f->columns_node = axis[0].value;
        err = pd_array_open(r, &f->columns_node, 0, &f->columns, l, e);
    }
    columns = f->series ? 1 : f->columns.count;
    if (err == PB_OK && columns > COLUMNS_MAX)
        err = lens_refuse(l, "it has too many columns");
    for (uint64_t i = 0; i < columns && err == PB_OK; i++) {
        if (!vec_push(&f->at, none))
            err = error_nomem(e);
    }
    return err;
}

/* (axes, values, items, {'0.14.1': {'axes': ..., 'blocks': ...}}) */
static enum pb_err read_stated(struct lens_reader *r, struct pd_frame *f,
                               const struct pkl_node *state, struct lens *l, struct error *e)
{
    struct pkl_node dict, axes = {.id = 0}, blocks = {.id = 0};
    struct pkl_child last;
    size_t got;
    enum pb_err err = r->view->children(r->view, state->target, 3, 1, &last, &got, e);

    if (err == PB_OK)
        err = pd_entry(r, &last.value, "0.14.1", &dict, e);
    if (err == PB_OK)
        err = pd_entry(r, &dict, "axes", &axes, e);
    if (err == PB_OK)
        err = pd_entry(r, &dict, "blocks", &blocks, e);
    if (err == PB_OK)
        err = read_axes(r, f, &axes, l, e);
    return err == PB_OK ? each_block(r, f, &blocks, true, l, e) : err;
}

static enum pb_err read_manager(struct lens_reader *r, struct pd_frame *f,
                                const struct pkl_node *manager, struct lens *l, struct error *e)
{
    struct pkl_node state, args;
    struct lens_call c;
    struct pkl_child two[2];
    size_t got = 0;
    enum pb_err err;

    if (manager->id == 0 || manager->kind != PKL_OBJECT)
        return lens_refuse(l, "its data are not where they should be");
    err = lens_call_of(r, manager, &c, e);
    if (err == PB_OK && (c.row == NULL || strcmp(c.row->type, "pandas.BlockManager") != 0))
        err = lens_refuse(l, "what holds its data is of another class");
    if (err != PB_OK)
        return err;
    state = c.state;
    if (state.id != 0 && state.kind == PKL_TUPLE && state.count == 4)
        return read_stated(r, f, &state, l, e);
    err = pd_part(r, manager, PKL_ARGS, &args, e);
    if (err == PB_OK && args.id != 0 && args.kind == PKL_TUPLE && args.count == 2)
        err = r->view->children(r->view, args.target, 0, 2, two, &got, e);
    if (err == PB_OK && got != 2)
        err = lens_refuse(l, "what holds its data is of an unknown form");
    if (err == PB_OK)
        err = read_axes(r, f, &two[1].value, l, e);
    return err == PB_OK ? each_block(r, f, &two[0].value, false, l, e) : err;
}

enum pb_err pd_frame_open(struct lens_reader *r, const struct lens_call *c, struct pd_frame *f,
                          struct lens *l, struct error *e)
{
    struct pkl_node manager;
    enum pb_err err;

    *f = (struct pd_frame){.series = c->row->detail != 0};
    pd_array_init(&f->columns);
    pd_array_init(&f->index);
    if (c->state.id == 0 || c->state.kind != PKL_DICT)
        return lens_refuse(l, "its state is no dict");
    err = pd_entry(r, &c->state, "_mgr", &manager, e);
    if (err == PB_OK && manager.id == 0)
        err = pd_entry(r, &c->state, "_data", &manager, e);
    if (err == PB_OK)
        err = pd_entry(r, &c->state, "_name", &f->name, e);
    if (err == PB_OK && f->name.id == 0)
        err = pd_entry(r, &c->state, "name", &f->name, e);
    return err == PB_OK ? read_manager(r, f, &manager, l, e) : err;
}

/*
 * Tables of pandas: texts, and columns as children.
 *
 * The children of a table are its columns by their labels, then its index; of a series its values
 * and its index.  They are values that stand in the pickle or rows of its arrays: read-only where
 * they are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "pd.h"

#define SHOWN 64u /* columns in a row of the screen, at most */

/* --------------------------------------------------------------------------- texts */

/* "float64 [1.5, 2.5]"; what is no array that is known, as the value that it is. */
static enum pb_err put_values(struct lens_reader *r, const struct pd_place *p, bool items,
                              uint64_t count, struct lens *l, struct error *e)
{
    struct pd_array a;
    bool raw;
    enum pb_err err;

    pd_array_init(&a);
    err = pd_array_open(r, &p->values, 0, &a, l, e);
    raw = err == PB_EUNSUPPORTED;
    if (raw)
        err = lens_value(l, &p->values) ? PB_OK : error_nomem(e);
    if (err == PB_OK && p->rows) {
        a.count = a.nd.shape[1];
        a.from = p->row * a.count;
    }
    if (err == PB_OK && !raw && a.count != count)
        err = lens_refuse(l, "a column of it is not as long as its index");
    if (err == PB_OK && !raw)
        buf_puts(&l->text, a.dtype.data != NULL ? a.dtype.data : "");
    if (err == PB_OK && !raw && items) {
        buf_putc(&l->text, ' ');
        err = pd_put_items(r, &a, l, e);
    }
    pd_array_release(&a);
    return err;
}

/* {'a': int64 [1, 2], 'b': object ['x', 'y']}; in a row of the screen without the values. */
static enum pb_err put_columns(struct lens_reader *r, const struct pd_frame *f, struct lens *l,
                               struct error *e)
{
    bool line = r->max != SIZE_MAX;
    uint64_t shown = line && f->at.len > SHOWN ? SHOWN : f->at.len;
    enum pb_err err = PB_OK;

    buf_putc(&l->text, '{');
    for (uint64_t i = 0; i < shown && err == PB_OK; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        err = pd_put_item(r, &f->columns, i, l, e);
        buf_puts(&l->text, ": ");
        if (err == PB_OK)
            err = put_values(r, &f->at.data[i], !line, f->index.count, l, e);
    }
    buf_puts(&l->text, shown < f->at.len ? ", …}" : "}");
    return err;
}

static enum pb_err put_frame(struct lens_reader *r, const struct pd_frame *f, struct lens *l,
                             struct error *e)
{
    bool line = r->max != SIZE_MAX;
    unsigned long long rows = f->index.count;
    enum pb_err err;

    buf_puts(&l->text, line ? "" : f->series ? "<pandas.Series " : "<pandas.DataFrame ");
    if (f->series) {
        buf_printf(&l->text, "(%llu,) ", rows);
        err = put_values(r, &f->at.data[0], true, rows, l, e);
    } else {
        buf_printf(&l->text, "(%llu, %zu) ", rows, f->at.len);
        err = put_columns(r, f, l, e);
    }
    if (err == PB_OK && f->series && f->name.id != 0 && f->name.kind != PKL_NONE) {
        buf_puts(&l->text, " name=");
        err = lens_value(l, &f->name) ? PB_OK : error_nomem(e);
    }
    buf_puts(&l->text, " index=");
    if (err == PB_OK)
        err = pd_put_index(r, &f->index, false, l, e);
    buf_puts(&l->text, line ? "" : ">");
    return err;
}

/* ------------------------------------------------------------------------ children */

static enum pb_err open_node(struct pkl_view *v, const struct pkl_node *node, struct pd_frame *f,
                             struct error *e)
{
    struct lens_reader r;
    struct lens_call c;
    struct lens l;
    enum pb_err err;

    *f = (struct pd_frame){.series = false};
    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_call_of(&r, node, &c, e);
    if (err == PB_OK)
        err = pd_frame_open(&r, &c, f, &l, e);
    if (err == PB_EUNSUPPORTED)
        err = error_set(e, PB_EUNSUPPORTED, "%s", l.reason);
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

/* A label that stands in the pickle, or in an array of it; id 0: it is computed. */
static enum pb_err label_of(struct pkl_view *v, const struct pd_frame *f, uint64_t column,
                            struct pkl_node *out, struct error *e)
{
    struct pkl_child kid;
    size_t got = 0;
    enum pb_err err = PB_OK;

    *out = (struct pkl_node){.id = 0};
    if (f->columns.kind == PD_PLAIN && f->columns.nd.dims == 1)
        err = nd_kids.children(v, &f->columns.array, column, 1, &kid, &got, e);
    if (got == 1)
        *out = kid.value;
    return err;
}

/* The values of a column: a row of the array of its block, or all of an array. */
static enum pb_err values_of(struct pkl_view *v, const struct pd_place *p, struct pkl_node *out,
                             struct error *e)
{
    struct lens_reader r;
    struct pd_array a;
    struct pkl_child kid;
    struct lens l;
    size_t got = 0;
    enum pb_err err = PB_OK;

    *out = p->values;
    if (!p->rows)
        return PB_OK;
    lens_reader_init(&r, v);
    lens_init(&l);
    pd_array_init(&a);
    err = pd_array_open(&r, &p->values, 0, &a, &l, e);
    if (err == PB_OK)
        err = nd_kids.children(v, &a.array, p->row, 1, &kid, &got, e);
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_EPICKLE, "the array is shorter than it says");
    if (err == PB_OK)
        *out = kid.value;
    pd_array_release(&a);
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

enum pb_err pd_series_counts(struct pkl_view *v, const struct pkl_node *node, bool *counts,
                             struct error *e)
{
    struct pd_frame f = {.series = false};
    const char *type = NULL;
    enum pb_err err = pkl_lens_type(v, node, &type, e);

    *counts = false;
    if (err != PB_OK || type == NULL || strcmp(type, "pandas.Series") != 0)
        return err;
    err = open_node(v, node, &f, e);
    if (err == PB_OK)
        *counts = f.series && f.index.kind == PD_RANGE && f.index.start == 0 && f.index.step == 1;
    pd_frame_release(&f);
    return err;
}

static enum pb_err frame_count(struct pkl_view *v, const struct pkl_node *node, uint64_t *count,
                               struct error *e)
{
    struct pd_frame f;
    enum pb_err err = open_node(v, node, &f, e);

    *count = err == PB_OK ? f.at.len + 1 : 0;
    pd_frame_release(&f);
    return err;
}

static enum pb_err frame_child(struct pkl_view *v, const struct pkl_node *node,
                               const struct pd_frame *f, uint64_t at, struct pkl_child *out,
                               struct error *e)
{
    enum pb_err err = PB_OK;

    *out = (struct pkl_child){.step = PKL_STEP_ATTR,
                              .owner = nd_name_id(node->target, ND_NAME_TABLE),
                              .index = at,
                              .position = at};
    if (at == f->at.len) {
        nd_name_node(node->target, ND_NAME_INDEX, &out->key);
        out->value = f->index_node;
        return PB_OK;
    }
    if (f->series) {
        nd_name_node(node->target, ND_NAME_VALUES, &out->key);
    } else {
        err = label_of(v, f, at, &out->key, e);
        out->step = out->key.id != 0 ? PKL_STEP_KEY : PKL_STEP_INDEX;
    }
    return err == PB_OK ? values_of(v, &f->at.data[at], &out->value, e) : err;
}

static enum pb_err frame_children(struct pkl_view *v, const struct pkl_node *node, uint64_t first,
                                  size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    struct pd_frame f;
    enum pb_err err = open_node(v, node, &f, e);

    for (*got = 0; err == PB_OK && *got < count && first <= f.at.len; first++) {
        err = frame_child(v, node, &f, first, &out[*got], e);
        *got += err == PB_OK;
    }
    pd_frame_release(&f);
    return err;
}

static const struct lens_kids frame_kids = {frame_count, frame_children};

/* An array or an index that is one ndarray has its elements. */
static enum pb_err elements_of(struct pkl_view *v, const struct pkl_node *node,
                               struct pkl_node *out, struct error *e)
{
    struct lens_reader r;
    struct pd_array a;
    struct lens l;
    enum pb_err err;

    lens_reader_init(&r, v);
    lens_init(&l);
    pd_array_init(&a);
    err = pd_array_open(&r, node, 0, &a, &l, e);
    if (err == PB_EUNSUPPORTED)
        err = error_set(e, PB_EUNSUPPORTED, "%s", l.reason);
    *out = a.array;
    pd_array_release(&a);
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

static enum pb_err array_count(struct pkl_view *v, const struct pkl_node *node, uint64_t *count,
                               struct error *e)
{
    struct pkl_node array;
    enum pb_err err = elements_of(v, node, &array, e);

    *count = 0;
    return err == PB_OK ? nd_kids.count(v, &array, count, e) : err;
}

static enum pb_err array_children(struct pkl_view *v, const struct pkl_node *node, uint64_t first,
                                  size_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_node array;
    enum pb_err err = elements_of(v, node, &array, e);

    *got = 0;
    return err == PB_OK ? nd_kids.children(v, &array, first, count, out, got, e) : err;
}

static const struct lens_kids array_kids = {array_count, array_children};

/* ---------------------------------------------------------------------------- rows */

static enum pb_err read_frame(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct pd_frame f;
    enum pb_err err = pd_frame_open(r, c, &f, l, e);

    if (err == PB_OK)
        err = put_frame(r, &f, l, e);
    l->nested = true;
    l->kids = &frame_kids;
    pd_frame_release(&f);
    return err;
}

static enum pb_err read_array(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct pkl_node self;
    struct pd_array a;
    enum pb_err err = r->view->node(r->view, c->self, &self, e);

    pd_array_init(&a);
    if (err == PB_OK)
        err = pd_array_open(r, &self, 0, &a, l, e);
    if (err == PB_OK)
        err = pd_put_index(r, &a, r->max != SIZE_MAX, l, e);
    l->nested = true;
    l->type = a.type;
    if (a.kind == PD_PLAIN)
        l->kids = &array_kids;
    pd_array_release(&a);
    return err;
}

/* What holds the blocks is shown through its table. */
static enum pb_err read_part(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    (void)r;
    (void)c;
    (void)e;
    return lens_refuse(l, "a part of a table is shown as it stands");
}

#define INDEX LENS_CALL | LENS_NAMED | LENS_SUMMARY, 2, 2, read_array, 0
#define ARRAY LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_SUMMARY, 0, 3, read_array, 0
#define MANAGER LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_SUMMARY, 0, 2, read_part, 0
static const struct lens_row rows[] = {
    {"pandas.core.frame", "DataFrame", "pandas.DataFrame",
     LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_SUMMARY, 0, 0, read_frame, 0},
    {"pandas.core.series", "Series", "pandas.Series",
     LENS_BOTH | LENS_STATE | LENS_NAMED | LENS_SUMMARY, 0, 0, read_frame, 1},
    {"pandas.core.internals.managers", "BlockManager", "pandas.BlockManager", MANAGER},
    {"pandas.core.internals.managers", "SingleBlockManager", "pandas.BlockManager", MANAGER},
    {"pandas.core.internals", "BlockManager", "pandas.BlockManager", MANAGER},
    {"pandas.core.internals", "SingleBlockManager", "pandas.BlockManager", MANAGER},
    {"pandas._libs.internals", "BlockPlacement", "pandas.BlockPlacement",
     LENS_CALL | LENS_NAMED | LENS_SUMMARY, 1, 1, read_part, 0},
    {"pandas.core.indexes.base", "_new_Index", "pandas.Index", INDEX},
    {"pandas.core.indexes.datetimes", "_new_DatetimeIndex", "pandas.Index", INDEX},
    {"pandas.core.indexes.period", "_new_PeriodIndex", "pandas.Index", INDEX},
    {"pandas.core.indexes.interval", "_new_IntervalIndex", "pandas.Index", INDEX},
    {"pandas.indexes.base", "_new_Index", "pandas.Index", INDEX},
    {"pandas.core.index", "_new_Index", "pandas.Index", INDEX},
    {"pandas.tseries.index", "_new_DatetimeIndex", "pandas.Index", INDEX},
    {"pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked", "pandas.ExtensionArray", ARRAY},
    {"pandas._libs.interval", "__pyx_unpickle_IntervalMixin", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.categorical", "Categorical", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.datetimes", "DatetimeArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.timedeltas", "TimedeltaArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.period", "PeriodArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.string_", "StringArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.integer", "IntegerArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.floating", "FloatingArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.boolean", "BooleanArray", "pandas.ExtensionArray", ARRAY},
    {"pandas.core.arrays.interval", "IntervalArray", "pandas.ExtensionArray", ARRAY},
};
const struct lens_family lens_pandas = {rows, sizeof rows / sizeof rows[0]};

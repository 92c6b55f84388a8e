/* Arrays and indexes of pandas taken apart, in the forms of pandas 0.2x to 2.x. */
#include <stdlib.h>
#include <string.h>

#include "pd.h"

#define ATTRIBUTES 32u /* of a state that are looked at */

void pd_array_init(struct pd_array *a)
{
    *a = (struct pd_array){.kind = PD_PLAIN};
    nd_array_init(&a->nd);
    buf_init(&a->dtype, BUF_MAX_LINE);
}

void pd_array_release(struct pd_array *a)
{
    for (size_t i = 0; i < a->inners; i++)
        pd_array_release(&a->inner[i]);
    free(a->inner);
    nd_array_release(&a->nd);
    buf_release(&a->dtype);
    a->inner = NULL;
    a->inners = 0;
}

/* ------------------------------------------------------------------ small questions */

enum pb_err pd_part(struct lens_reader *r, const struct pkl_node *node, enum pkl_part part,
                    struct pkl_node *out, struct error *e)
{
    struct pkl_child c;
    struct error why = {.code = PB_OK};
    enum pb_err err = r->view->part(r->view, node->target, part, &c, &why);

    *out = (struct pkl_node){.id = 0};
    if (err == PB_OK)
        *out = c.value;
    else if (err != PB_ENOTFOUND)
        return error_set(e, err, "%s", why.msg);
    return PB_OK;
}

enum pb_err pd_entry(struct lens_reader *r, const struct pkl_node *dict, const char *name,
                     struct pkl_node *out, struct error *e)
{
    struct pkl_child kids[ATTRIBUTES];
    size_t got = 0;
    enum pb_err err = PB_OK;

    *out = (struct pkl_node){.id = 0};
    if (dict->id != 0 && dict->kind == PKL_DICT)
        err = r->view->children(r->view, dict->target, 0, ATTRIBUTES, kids, &got, e);
    for (size_t i = 0; i < got && err == PB_OK; i++) {
        if (kids[i].key.kind != PKL_STR && kids[i].key.kind != PKL_PY2STR)
            continue;
        err = pkl_leaf_read(r->view, &kids[i].key, 64, &r->leaf, e);
        if (err == PB_OK && strcmp(r->leaf.data.data, name) == 0)
            *out = kids[i].value;
    }
    return err;
}

enum pb_err pd_name(struct lens_reader *r, const struct pkl_node *global, struct error *e)
{
    struct pkl_name name;
    enum pb_err err;

    buf_clear(&r->leaf.data);
    buf_puts(&r->leaf.data, "");
    if (global->id == 0 || global->kind != PKL_GLOBAL)
        return buf_status(&r->leaf.data, e);
    err = pkl_name_read(r->view, global, &name, e);
    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    if (strncmp(name.module, "pandas.", 7) == 0)
        buf_puts(&r->leaf.data, name.name);
    pkl_name_release(&name);
    return buf_status(&r->leaf.data, e);
}

enum pb_err pd_int_at(struct lens_reader *r, const struct nd_array *nd, uint64_t index,
                      int64_t *out, struct error *e)
{
    const struct nd_type *t = &nd->types.type.data[0];
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    *out = -1;
    if (t->dims > 0 || (t->kind != 'i' && t->kind != 'u' && t->kind != 'b'))
        return error_set(e, PB_EPICKLE, "a number in an array is none");
    err = nd_item_bytes(r->view, nd, index, 0, (size_t)t->size, &p, &n, e);
    if (err != PB_OK)
        return err;
    buf_clear(&r->leaf.data);
    err = nd_item_leaf(t, p, n, 8, &r->leaf, e);
    if (err == PB_OK)
        *out = t->kind == 'b' ? r->leaf.boolean : r->leaf.fits ? r->leaf.integer : -1;
    return err;
}

/* An attribute of an object whose state is a dict. */
static enum pb_err attribute(struct lens_reader *r, const struct pkl_node *object, const char *name,
                             struct pkl_node *out, struct error *e)
{
    struct pkl_node state;
    enum pb_err err;

    *out = (struct pkl_node){.id = 0};
    if (object->id == 0 || object->kind != PKL_OBJECT)
        return PB_OK;
    err = pd_part(r, object, PKL_STATE, &state, e);
    return err == PB_OK ? pd_entry(r, &state, name, out, e) : err;
}

static enum pb_err argument(struct lens_reader *r, const struct pkl_node *object, uint64_t n,
                            struct pkl_node *out, struct error *e)
{
    struct pkl_node args;
    struct pkl_child c;
    size_t got = 0;
    enum pb_err err = pd_part(r, object, PKL_ARGS, &args, e);

    *out = (struct pkl_node){.id = 0};
    if (err == PB_OK && args.id != 0 && args.kind == PKL_TUPLE && n < args.count)
        err = r->view->children(r->view, args.target, n, 1, &c, &got, e);
    if (got == 1)
        *out = c.value;
    return err;
}

/* The class of an object; protocols 0 and 1 say it in an argument of what makes it. */
static enum pb_err class_of(struct lens_reader *r, const struct pkl_node *object,
                            struct pkl_node *out, struct error *e)
{
    enum pb_err err = pd_part(r, object, PKL_CLASS, out, e);

    if (err == PB_OK)
        err = pd_name(r, out, e);
    if (err == PB_OK && r->leaf.data.len == 0)
        err = argument(r, object, 0, out, e);
    return err;
}

/* --------------------------------------------------------------------- wrapped arrays */

static enum pb_err add_inner(struct lens_reader *r, const struct pkl_node *node, unsigned depth,
                             struct pd_array *a, struct lens *l, struct error *e)
{
    struct pd_array *more = mem_realloc(a->inner, a->inners + 1, sizeof *more);

    if (more == NULL)
        return error_nomem(e);
    a->inner = more;
    pd_array_init(&more[a->inners++]);
    return pd_array_open(r, node, depth + 1, &more[a->inners - 1], l, e);
}

static enum pb_err open_ndarray(struct lens_reader *r, const struct pkl_node *node,
                                struct pd_array *a, struct lens *l, struct error *e)
{
    enum pb_err err;

    if (node->id == 0)
        return lens_refuse(l, "an array of it is missing");
    err = nd_array_open(r, node, &a->nd, l, e);
    if (err == PB_OK && a->nd.opaque)
        err = lens_refuse(l, "its objects are pickled on their own");
    a->array = *node;
    a->count = a->nd.dims > 0 ? a->nd.count : 0;
    if (err == PB_OK && a->nd.dims == 0)
        err = lens_refuse(l, "an array of it has no dimension");
    return err;
}

static enum pb_err open_integers(struct lens_reader *r, const struct pkl_node *node,
                                 struct pd_array *a, struct lens *l, struct error *e)
{
    enum pb_err err = open_ndarray(r, node, a, l, e);
    const struct nd_type *t = err == PB_OK ? &a->nd.types.type.data[0] : NULL;

    if (t != NULL && (t->dims > 0 || strchr("iub", t->kind) == NULL))
        return lens_refuse(l, "codes of it are no integers");
    return err;
}

/* The zone of a dtype into its name: a name that it was made with, else that of its class. */
static enum pb_err put_zone(struct lens_reader *r, const struct pkl_node *dtype, struct buf *out,
                            struct error *e)
{
    struct pkl_node zone, first;
    struct lens inner;
    enum pb_err err = attribute(r, dtype, "tz", &zone, e);

    if (err != PB_OK || zone.id == 0)
        return err;
    if (zone.kind == PKL_STR || zone.kind == PKL_PY2STR) {
        err = pkl_leaf_read(r->view, &zone, 64, &r->leaf, e);
        buf_append(out, r->leaf.data.data, r->leaf.data.len);
        return err;
    }
    if (zone.kind != PKL_OBJECT)
        return PB_OK;
    err = argument(r, &zone, 0, &first, e);
    if (err == PB_OK && (first.kind == PKL_STR || first.kind == PKL_PY2STR) && first.id != 0) {
        err = pkl_leaf_read(r->view, &first, 64, &r->leaf, e);
        buf_append(out, r->leaf.data.data, r->leaf.data.len);
        return err;
    }
    if (err != PB_OK)
        return err;
    lens_init(&inner);
    err = lens_read(r, &zone, 64, &inner, e);
    if (err == PB_OK && inner.row != NULL && inner.text.len > 0 && !inner.nested &&
        strcmp(inner.text.data, "datetime.timezone.utc") != 0)
        buf_append(out, inner.text.data, inner.text.len);
    else
        buf_puts(out, "UTC"); /* those without a name are */
    lens_release(&inner);
    return err;
}

/* Dates, durations, periods, texts: an ndarray with a dtype of pandas. */
static enum pb_err name_dtype(struct lens_reader *r, const struct pkl_node *dtype, const char *type,
                              struct pd_array *a, struct lens *l, struct error *e)
{
    struct pkl_node class = {.id = 0}, freq;
    enum pb_err err = PB_OK;

    (void)l;
    nd_type_name(&a->nd.types, 0, &a->dtype);
    if (strcmp(type, "pandas.StringArray") == 0) {
        buf_clear(&a->dtype);
        buf_puts(&a->dtype, "string");
    }
    if (dtype->id == 0 || dtype->kind != PKL_OBJECT)
        return buf_status(&a->dtype, e);
    err = class_of(r, dtype, &class, e);
    if (err == PB_OK)
        err = pd_name(r, &class, e);
    if (err != PB_OK)
        return err;
    if (strcmp(r->leaf.data.data, "DatetimeTZDtype") == 0) {
        a->zone = true;
        if (a->dtype.len > 0 && a->dtype.data[a->dtype.len - 1] == ']')
            buf_truncate(&a->dtype, a->dtype.len - 1);
        buf_puts(&a->dtype, ", ");
        err = put_zone(r, dtype, &a->dtype, e);
        buf_putc(&a->dtype, ']');
    } else if (strcmp(r->leaf.data.data, "PeriodDtype") == 0) {
        a->ordinals = true;
        buf_clear(&a->dtype);
        err = argument(r, dtype, 0, &freq, e);
        if (err == PB_OK && (freq.kind == PKL_STR || freq.kind == PKL_PY2STR) && freq.id != 0) {
            err = pkl_leaf_read(r->view, &freq, 64, &r->leaf, e);
            buf_append(&a->dtype, r->leaf.data.data, r->leaf.data.len);
        } else if (err == PB_OK) {
            err = freq.id != 0 ? pd_part(r, &freq, PKL_CLASS, &class, e) : PB_OK;
            if (err == PB_OK)
                err = pd_name(r, &class, e);
            buf_printf(&a->dtype, "period[%s]", r->leaf.data.data);
        }
    }
    return err == PB_OK ? buf_status(&a->dtype, e) : err;
}

static enum pb_err open_categorical(struct lens_reader *r, const struct pkl_node *dtype,
                                    const struct pkl_node *codes, unsigned depth,
                                    struct pd_array *a, struct lens *l, struct error *e)
{
    struct pkl_node categories;
    enum pb_err err = attribute(r, dtype, "categories", &categories, e);

    a->kind = PD_CATEGORICAL;
    buf_puts(&a->dtype, "category");
    if (err == PB_OK)
        err = open_integers(r, codes, a, l, e);
    return err == PB_OK ? add_inner(r, &categories, depth, a, l, e) : err;
}

/* Int64, UInt8, Float32, boolean */
static enum pb_err open_masked(struct lens_reader *r, const struct pkl_node *state, unsigned depth,
                               struct pd_array *a, struct lens *l, struct error *e)
{
    struct pkl_node data, mask = {.id = 0};
    enum pb_err err = pd_entry(r, state, "_data", &data, e);

    a->kind = PD_MASKED;
    if (err == PB_OK)
        err = pd_entry(r, state, "_mask", &mask, e);
    if (err == PB_OK)
        err = open_ndarray(r, &data, a, l, e);
    if (err == PB_OK)
        err = add_inner(r, &mask, depth, a, l, e);
    if (err != PB_OK)
        return err;
    if (a->inner[0].count != a->count || a->inner[0].array.id == 0 ||
        a->inner[0].nd.types.type.data[0].kind != 'b')
        return lens_refuse(l, "its mask is none");
    nd_type_name(&a->nd.types, 0, &a->dtype);
    if (strncmp(a->dtype.data, "bool", 4) == 0)
        buf_puts(&a->dtype, "ean");
    else if (a->dtype.data[0] == 'u')
        memcpy(a->dtype.data, "UI", 2);
    else
        a->dtype.data[0] = a->dtype.data[0] == 'f' ? 'F' : 'I';
    return buf_status(&a->dtype, e);
}

static enum pb_err open_interval(struct lens_reader *r, const struct pkl_node *state,
                                 unsigned depth, struct pd_array *a, struct lens *l,
                                 struct error *e)
{
    static const char *const names[][2] = {{"left", "_left"}, {"right", "_right"}};
    struct pkl_node end, closed, dtype;
    enum pb_err err = PB_OK;

    a->kind = PD_INTERVAL;
    for (size_t i = 0; i < 2 && err == PB_OK; i++) {
        err = pd_entry(r, state, names[i][0], &end, e);
        if (err == PB_OK && end.id == 0)
            err = pd_entry(r, state, names[i][1], &end, e);
        if (err == PB_OK)
            err = add_inner(r, &end, depth, a, l, e);
    }
    if (err == PB_OK)
        err = pd_entry(r, state, "closed", &closed, e);
    if (err == PB_OK && closed.id == 0) {
        err = pd_entry(r, state, "_dtype", &dtype, e);
        if (err == PB_OK)
            err = attribute(r, &dtype, "closed", &closed, e);
    }
    if (err == PB_OK && closed.id == 0)
        err = pd_entry(r, state, "_closed", &closed, e);
    if (err == PB_OK && closed.id == 0)
        err = lens_refuse(l, "which ends are closed is not said");
    if (err == PB_OK)
        err = lens_str(r, &closed, "which ends are closed", l, e);
    if (err != PB_OK)
        return err;
    a->left = strcmp(r->leaf.data.data, "left") == 0 || strcmp(r->leaf.data.data, "both") == 0;
    a->right = strcmp(r->leaf.data.data, "right") == 0 || strcmp(r->leaf.data.data, "both") == 0;
    buf_printf(&a->dtype, "interval[%s, %s]",
               a->inner[0].dtype.data != NULL ? a->inner[0].dtype.data : "", r->leaf.data.data);
    a->count = a->inner[0].count;
    return a->inner[1].count == a->count ? buf_status(&a->dtype, e)
                                         : lens_refuse(l, "its ends are not of one length");
}

/* --------------------------------------------------------------------------- indexes */

static enum pb_err open_range(struct lens_reader *r, const struct pkl_node *dict,
                              struct pd_array *a, struct lens *l, struct error *e)
{
    static const char *const names[] = {"start", "stop", "step"};
    int64_t v[3] = {0, 0, 1};
    uint64_t distance, step;
    struct pkl_node n;
    enum pb_err err = PB_OK;

    a->kind = PD_RANGE;
    for (size_t i = 0; i < 3 && err == PB_OK; i++) {
        err = pd_entry(r, dict, names[i], &n, e);
        if (err == PB_OK && (n.id != 0 || i == 1))
            err = n.id != 0 ? lens_int(r, &n, INT64_MIN / 4, INT64_MAX / 4, names[i], &v[i], l, e)
                            : lens_refuse(l, "where it stops is not said");
    }
    if (err == PB_OK && v[2] == 0)
        err = lens_refuse(l, "its step is 0");
    if (err != PB_OK)
        return err;
    a->start = v[0];
    a->stop = v[1];
    a->step = v[2];
    distance = (uint64_t)(v[2] > 0 ? v[1] - v[0] : v[0] - v[1]);
    step = (uint64_t)(v[2] > 0 ? v[2] : -v[2]);
    if (v[2] > 0 ? v[1] > v[0] : v[1] < v[0])
        a->count = (distance + step - 1) / step;
    buf_puts(&a->dtype, "int64");
    return buf_status(&a->dtype, e);
}

static enum pb_err open_multi(struct lens_reader *r, const struct pkl_node *dict, unsigned depth,
                              struct pd_array *a, struct lens *l, struct error *e)
{
    struct pkl_node levels, codes = {.id = 0};
    enum pb_err err = pd_entry(r, dict, "levels", &levels, e);

    a->kind = PD_MULTI;
    if (err == PB_OK)
        err = pd_entry(r, dict, "codes", &codes, e);
    if (err == PB_OK && codes.id == 0)
        err = pd_entry(r, dict, "labels", &codes, e); /* before 0.24 */
    if (err == PB_OK)
        err = pd_entry(r, dict, "names", &a->names, e);
    if (err != PB_OK)
        return err;
    if ((levels.kind != PKL_LIST && levels.kind != PKL_TUPLE) || levels.id == 0 || codes.id == 0 ||
        codes.kind != levels.kind || codes.count != levels.count || levels.count == 0 ||
        levels.count > ND_DIMS)
        return lens_refuse(l, "its levels and their codes are not there");
    for (uint64_t i = 0; i < levels.count && err == PB_OK; i++) {
        struct pkl_child level, code;
        size_t got;

        err = r->view->children(r->view, levels.target, i, 1, &level, &got, e);
        if (err == PB_OK)
            err = r->view->children(r->view, codes.target, i, 1, &code, &got, e);
        if (err == PB_OK)
            err = add_inner(r, &level.value, depth, a, l, e);
        if (err == PB_OK)
            err = add_inner(r, &code.value, depth, a, l, e);
        if (err != PB_OK)
            break;
        a->count = a->inner[1].count;
        if (a->inner[2 * i + 1].count != a->count || a->inner[2 * i + 1].array.id == 0 ||
            strchr("iu", a->inner[2 * i + 1].nd.types.type.data[0].kind) == NULL)
            err = lens_refuse(l, "the codes of its levels are not of one length");
    }
    buf_puts(&a->dtype, "object");
    return err;
}

static const char *const index_types[] = {
    "pandas.Index",         "pandas.RangeIndex",   "pandas.MultiIndex",
    "pandas.DatetimeIndex", "pandas.PeriodIndex",  "pandas.TimedeltaIndex",
    "pandas.Int64Index",    "pandas.UInt64Index",  "pandas.Float64Index",
    "pandas.IntervalIndex", "pandas.NumericIndex", "pandas.CategoricalIndex",
};
static const char *const array_types[] = {
    "pandas.Categorical",  "pandas.DatetimeArray", "pandas.TimedeltaArray",
    "pandas.PeriodArray",  "pandas.StringArray",   "pandas.NumpyExtensionArray",
    "pandas.PandasArray",  "pandas.IntegerArray",  "pandas.FloatingArray",
    "pandas.BooleanArray", "pandas.IntervalArray",
};

/* The name that pd_name() found, in a list of types. */
static const char *type_in(const struct lens_reader *r, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(types[i] + strlen("pandas."), r->leaf.data.data) == 0)
            return types[i];
    }
    return NULL;
}

/* The categories of an index stood beside its codes before they were in a dtype. */
static enum pb_err open_data(struct lens_reader *r, const struct pkl_node *dict, unsigned depth,
                             struct pd_array *a, struct lens *l, struct error *e)
{
    const char *type = a->type;
    struct pkl_node data;
    enum pb_err err = pd_entry(r, dict, "data", &data, e);

    if (err == PB_OK && data.id == 0)
        err = lens_refuse(l, "its data are missing");
    if (err == PB_OK)
        err = pd_array_open(r, &data, depth + 1, a, l, e);
    a->type = type;
    return err;
}

/* _new_Index(class, {...}) */
static enum pb_err open_index(struct lens_reader *r, const struct lens_call *c, unsigned depth,
                              struct pd_array *a, struct lens *l, struct error *e)
{
    enum pb_err err = pd_name(r, &c->arg[0], e);

    if (err != PB_OK)
        return err;
    a->type = type_in(r, index_types, sizeof index_types / sizeof *index_types);
    if (a->type == NULL)
        return lens_refuse(l, "its class is no index that is known");
    if (c->arg[1].kind != PKL_DICT)
        return lens_refuse(l, "its argument is no dict");
    if (strcmp(a->type, "pandas.RangeIndex") == 0)
        err = open_range(r, &c->arg[1], a, l, e);
    else if (strcmp(a->type, "pandas.MultiIndex") == 0)
        err = open_multi(r, &c->arg[1], depth, a, l, e);
    else if (strcmp(a->type, "pandas.IntervalIndex") == 0)
        err = open_interval(r, &c->arg[1], depth, a, l, e);
    else
        err = open_data(r, &c->arg[1], depth, a, l, e);
    return err == PB_OK ? pd_entry(r, &c->arg[1], "name", &a->name, e) : err;
}

/* ------------------------------------------------------------------ extension arrays */

/* __pyx_unpickle_NDArrayBacked(class, checksum, None) with (dtype, ndarray, {...}); some versions
 * write the array first. */
static enum pb_err backed(struct lens_reader *r, const struct lens_call *c, struct pkl_node *dtype,
                          struct pkl_node *data, struct lens *l, struct error *e)
{
    struct pkl_child s[2];
    size_t got = 0;
    bool swapped;
    struct lens_call inner;
    enum pb_err err;

    if (c->state.id == 0 || c->state.kind != PKL_TUPLE || c->state.count < 2)
        return lens_refuse(l, "its state is not that of an array");
    err = r->view->children(r->view, c->state.target, 0, 2, s, &got, e);
    if (err != PB_OK)
        return err;
    *dtype = s[0].value;
    *data = s[1].value;
    if (s[0].value.kind != PKL_OBJECT)
        return PB_OK;
    err = lens_call_of(r, &s[0].value, &inner, e);
    swapped = err == PB_OK && inner.row != NULL && (inner.row->flags & LENS_IS_ARRAY) != 0;
    if (swapped) {
        *dtype = s[1].value;
        *data = s[0].value;
    }
    return err;
}

static enum pb_err open_extension(struct lens_reader *r, const struct lens_call *c,
                                  const struct pkl_node *class, unsigned depth, struct pd_array *a,
                                  struct lens *l, struct error *e)
{
    struct pkl_node dtype = {.id = 0}, data = {.id = 0}, state = c->state;
    struct pkl_child only;
    size_t got;
    enum pb_err err = pd_name(r, class, e);

    if (err != PB_OK)
        return err;
    a->type = type_in(r, array_types, sizeof array_types / sizeof *array_types);
    if (a->type == NULL)
        return lens_refuse(l, "its class is no array that is known");
    if (strcmp(a->type, "pandas.IntervalArray") == 0) {
        if (state.id != 0 && state.kind == PKL_TUPLE && state.count == 1) {
            err = r->view->children(r->view, state.target, 0, 1, &only, &got, e);
            state = only.value;
        }
        return err == PB_OK ? open_interval(r, &state, depth, a, l, e) : err;
    }
    if (state.id == 0)
        return lens_refuse(l, "it has no state");
    if (state.kind == PKL_TUPLE)
        err = backed(r, c, &dtype, &data, l, e);
    else
        err = pd_entry(r, &state, "_dtype", &dtype, e);
    if (err != PB_OK)
        return err;
    if (strcmp(a->type, "pandas.IntegerArray") == 0 ||
        strcmp(a->type, "pandas.FloatingArray") == 0 || strcmp(a->type, "pandas.BooleanArray") == 0)
        return open_masked(r, &state, depth, a, l, e);
    if (state.kind == PKL_DICT)
        err = pd_entry(r, &state,
                       strcmp(a->type, "pandas.Categorical") == 0   ? "_codes"
                       : strcmp(a->type, "pandas.StringArray") == 0 ? "_ndarray"
                                                                    : "_data",
                       &data, e);
    if (err == PB_OK && strcmp(a->type, "pandas.Categorical") == 0)
        return open_categorical(r, &dtype, &data, depth, a, l, e);
    if (err == PB_OK)
        err = open_ndarray(r, &data, a, l, e);
    return err == PB_OK ? name_dtype(r, &dtype, a->type, a, l, e) : err;
}

enum pb_err pd_array_open(struct lens_reader *r, const struct pkl_node *node, unsigned depth,
                          struct pd_array *a, struct lens *l, struct error *e)
{
    struct lens_call c;
    struct pkl_node class = {.id = 0};
    enum pb_err err;

    if (depth > PD_DEPTH)
        return lens_refuse(l, "its arrays are nested too deeply");
    if (node->id == 0 || node->kind != PKL_OBJECT)
        return lens_refuse(l, "what should be an array is none");
    err = lens_call_of(r, node, &c, e);
    if (err != PB_OK)
        return err;
    if (c.row == NULL)
        return lens_refuse(l, "an array of it is not known");
    if (c.row->flags & LENS_IS_ARRAY) {
        err = open_ndarray(r, node, a, l, e);
        if (err == PB_OK)
            nd_type_name(&a->nd.types, 0, &a->dtype);
        return err;
    }
    if (strcmp(c.row->type, "pandas.Index") == 0 && c.count == 2)
        return open_index(r, &c, depth, a, l, e);
    if (strcmp(c.row->type, "pandas.ExtensionArray") != 0)
        return lens_refuse(l, "an array of it is not known");
    if (c.count > 0 && c.count != UINT64_MAX)
        class = c.arg[0];
    else
        err = class_of(r, node, &class, e);
    return err == PB_OK ? open_extension(r, &c, &class, depth, a, l, e) : err;
}

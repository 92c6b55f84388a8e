/* torch: tensors, whose numbers are in a storage beside the pickle, and what goes with them. */
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>

#include "nd.h"

static const struct storage {
    const char *class, *dtype;
} storages[] = {
    {"DoubleStorage", "float64"},
    {"FloatStorage", "float32"},
    {"HalfStorage", "float16"},
    {"BFloat16Storage", "bfloat16"},
    {"LongStorage", "int64"},
    {"IntStorage", "int32"},
    {"ShortStorage", "int16"},
    {"CharStorage", "int8"},
    {"ByteStorage", "uint8"},
    {"BoolStorage", "bool"},
    {"ComplexFloatStorage", "complex64"},
    {"ComplexDoubleStorage", "complex128"},
    {"QInt8Storage", "qint8"},
    {"QUInt8Storage", "quint8"},
    {"QInt32Storage", "qint32"},
};

/* ------------------------------------------------------------------- its parts */

/* A tuple of lengths, or a torch.Size of one. */
static enum pb_err read_lengths(struct lens_reader *r, const struct pkl_node *node,
                                const char *what, uint64_t out[ND_DIMS], size_t *dims,
                                struct lens *l, struct error *e)
{
    struct pkl_node tuple = *node;
    struct pkl_child kid;
    struct lens_call c;
    size_t got;
    enum pb_err err = PB_OK;

    if (node->kind == PKL_OBJECT) {
        err = lens_call_of(r, node, &c, e);
        if (err == PB_OK && c.row != NULL && strcmp(c.row->type, "torch.Size") == 0 && c.count == 1)
            tuple = c.arg[0];
    }
    if (err != PB_OK)
        return err;
    if (tuple.kind != PKL_TUPLE || tuple.count > ND_DIMS)
        return lens_refuse(l, "%s is not a tuple of at most %u lengths", what, ND_DIMS);
    *dims = (size_t)tuple.count;
    for (size_t i = 0; i < *dims && err == PB_OK; i++) {
        int64_t n = 0;

        err = r->view->children(r->view, tuple.target, i, 1, &kid, &got, e);
        if (err == PB_OK)
            err = lens_int(r, &kid.value, 0, INT64_MAX, what, &n, l, e);
        out[i] = (uint64_t)n;
    }
    return err;
}

static enum pb_err read_dtype_name(struct lens_reader *r, const struct pkl_node *class,
                                   const char **dtype, struct lens *l, struct error *e)
{
    struct pkl_name name;
    enum pb_err err;

    *dtype = NULL;
    if (class->kind != PKL_GLOBAL)
        return lens_refuse(l, "the class of its storage is not named");
    err = pkl_name_read(r->view, class, &name, e);
    if (err != PB_OK)
        return err;
    for (size_t i = 0; i < sizeof storages / sizeof storages[0] && *dtype == NULL; i++) {
        if (strcmp(name.module, "torch") == 0 && strcmp(name.name, storages[i].class) == 0)
            *dtype = storages[i].dtype;
    }
    pkl_name_release(&name);
    return *dtype != NULL ? PB_OK : lens_refuse(l, "the class of its storage is not known");
}

/* ('storage', class, key, place, elements[, view]) */
static enum pb_err put_storage(struct lens_reader *r, const struct pkl_node *node,
                               struct buf *where, const char **dtype, struct lens *l,
                               struct error *e)
{
    static const char *const names[] = {" storage=", " device="};
    struct pkl_child pid, part[5];
    size_t got;
    enum pb_err err;

    if (node->kind != PKL_PERSID || node->opcode == 'P')
        return lens_refuse(l, "its storage is no persistent id");
    err = r->view->part(r->view, node->target, PKL_PID, &pid, e);
    if (err != PB_OK)
        return err;
    if (pid.value.kind != PKL_TUPLE || pid.value.count < 5)
        return lens_refuse(l, "its storage is not a tuple of five");
    err = r->view->children(r->view, pid.value.target, 0, 5, part, &got, e);
    if (err == PB_OK)
        err = read_dtype_name(r, &part[1].value, dtype, l, e);
    for (size_t i = 0; i < 2 && err == PB_OK; i++) {
        err = lens_str(r, &part[2 + i].value, "the key of its storage", l, e);
        buf_puts(where, names[i]);
        if (err == PB_OK)
            pkl_repr_str(where, r->leaf.data.data, r->leaf.data.len, false);
    }
    return err == PB_OK ? buf_status(where, e) : err;
}

/* Of a tensor whose elements stand one after the other in C order. */
static bool is_usual(const uint64_t *size, const uint64_t *stride, size_t dims)
{
    uint64_t step = 1;

    for (size_t i = dims; i-- > 0;) {
        if (size[i] > 1 && stride[i] != step)
            return false;
        if (!num_mul(step, size[i] > 0 ? size[i] : 1, &step))
            return false;
    }
    return true;
}

/* -------------------------------------------------------------------- tensors */

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static enum pb_err put_tensor(struct lens_reader *r, const struct lens_call *c, const char *type,
                              struct lens *l, struct error *e)
{
    bool line = r->max != SIZE_MAX;
    uint64_t size[ND_DIMS], stride[ND_DIMS];
    size_t dims = 0, strides = 0;
    const char *dtype = "";
    int64_t offset = 0, grad = 0;
    struct buf where;
    enum pb_err err;

    buf_init(&where, BUF_MAX_LINE);
    err = put_storage(r, &c->arg[0], &where, &dtype, l, e);
    if (err == PB_OK)
        err = lens_int(r, &c->arg[1], 0, INT64_MAX, "its offset", &offset, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &c->arg[2], "its size", size, &dims, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &c->arg[3], "its stride", stride, &strides, l, e);
    if (err == PB_OK && c->count > 4)
        err = lens_int(r, &c->arg[4], 0, 1, "requires_grad", &grad, l, e);
    if (err == PB_OK && strides != dims)
        err = lens_refuse(l, "its size and its stride are of different lengths");
    if (err == PB_OK) {
        if (!line)
            buf_printf(&l->text, "<%s ", type);
        buf_printf(&l->text, "%s ", dtype);
        nd_put_shape(&l->text, size, dims);
        buf_append(&l->text, where.data, where.len);
        if (offset > 0)
            buf_printf(&l->text, " offset=%lld", (long long)offset);
        if (!is_usual(size, stride, dims)) {
            buf_puts(&l->text, " stride=");
            nd_put_shape(&l->text, stride, dims);
        }
        buf_puts(&l->text, grad != 0 ? " requires_grad=True" : "");
        buf_puts(&l->text, line ? "" : ">");
    }
    buf_release(&where);
    return err;
}

static enum pb_err read_tensor(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    return put_tensor(r, c, "torch.Tensor", l, e);
}

/* _rebuild_parameter(tensor, requires_grad, hooks) */
static enum pb_err read_parameter(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    struct lens_call inner;
    enum pb_err err;

    if (c->arg[0].kind != PKL_OBJECT)
        return lens_refuse(l, "it holds no tensor");
    err = lens_call_of(r, &c->arg[0], &inner, e);
    if (err != PB_OK)
        return err;
    if (inner.row == NULL || inner.row->read != read_tensor || inner.count < 4 ||
        inner.count > LENS_ARGS)
        return lens_refuse(l, "it holds no tensor");
    inner.count = 5; /* whether it has a gradient is said here */
    inner.arg[4] = c->arg[1];
    return put_tensor(r, &inner, "torch.nn.Parameter", l, e);
}

/* torch.Size([2, 3]) */
static enum pb_err read_size(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    uint64_t size[ND_DIMS];
    size_t dims = 0;
    enum pb_err err = read_lengths(r, &c->arg[0], "its length", size, &dims, l, e);

    buf_puts(&l->text, "torch.Size([");
    for (size_t i = 0; i < dims && err == PB_OK; i++)
        buf_printf(&l->text, i > 0 ? ", %llu" : "%llu", (unsigned long long)size[i]);
    buf_puts(&l->text, "])");
    return err;
}

/* device(type='cuda', index=0) */
static enum pb_err read_device(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    int64_t index = 0;
    enum pb_err err = lens_str(r, &c->arg[0], "its type", l, e);

    if (err != PB_OK)
        return err;
    buf_puts(&l->text, "device(type=");
    pkl_repr_str(&l->text, r->leaf.data.data, r->leaf.data.len, false);
    if (c->count == 2) {
        err = lens_int(r, &c->arg[1], 0, INT32_MAX, "its index", &index, l, e);
        buf_printf(&l->text, ", index=%lld", (long long)index);
    }
    buf_putc(&l->text, ')');
    return err;
}

static const struct lens_row rows[] = {
    {"torch._utils", "_rebuild_tensor", "torch.Tensor", LENS_CALL | LENS_NAMED, 4, 4, read_tensor,
     0},
    {"torch._utils", "_rebuild_tensor_v2", "torch.Tensor", LENS_CALL | LENS_NAMED, 6, 7,
     read_tensor, 0},
    {"torch._utils", "_rebuild_parameter", "torch.nn.Parameter", LENS_CALL | LENS_NAMED, 3, 3,
     read_parameter, 0},
    {"torch", "Size", "torch.Size", LENS_CALL | LENS_NAMED, 1, 1, read_size, 0},
    {"torch", "device", "torch.device", LENS_CALL | LENS_NAMED, 1, 2, read_device, 0},
};
const struct lens_family lens_torch = {rows, sizeof rows / sizeof rows[0]};

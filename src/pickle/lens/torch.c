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
    {"UntypedStorage", ""}, /* the tensor says what its bytes are */
};

/* Types of elements: globals of torch, shown by these texts. */
static const char *const dtypes[] = {
    "torch.float64",
    "torch.float32",
    "torch.float16",
    "torch.bfloat16",
    "torch.int64",
    "torch.int32",
    "torch.int16",
    "torch.int8",
    "torch.uint64",
    "torch.uint32",
    "torch.uint16",
    "torch.uint8",
    "torch.bool",
    "torch.complex32",
    "torch.complex64",
    "torch.complex128",
    "torch.qint8",
    "torch.quint8",
    "torch.qint32",
    "torch.quint4x2",
    "torch.quint2x4",
    "torch.float8_e4m3fn",
    "torch.float8_e5m2",
    "torch.float8_e4m3fnuz",
    "torch.float8_e5m2fnuz",
};
#define PREFIX (sizeof "torch." - 1)

const char *lens_torch_text(const char *module, const char *name)
{
    for (size_t i = 0; strcmp(module, "torch") == 0 && i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(name, dtypes[i] + PREFIX) == 0)
            return dtypes[i];
    }
    return NULL;
}

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

/* A global that is a dtype. */
static enum pb_err read_dtype(struct lens_reader *r, const struct pkl_node *node,
                              const char **dtype, struct lens *l, struct error *e)
{
    const char *text = NULL;
    enum pb_err err = PB_OK;

    if (node->kind == PKL_GLOBAL)
        err = lens_global(r, node, &text, e);
    if (err == PB_OK && (text == NULL || strncmp(text, "torch.", PREFIX) != 0))
        err = lens_refuse(l, "its dtype is not known");
    if (err == PB_OK)
        *dtype = text + PREFIX;
    return err;
}

static enum pb_err read_storage_class(struct lens_reader *r, const struct pkl_node *class,
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
        if ((strcmp(name.module, "torch") == 0 || strcmp(name.module, "torch.storage") == 0) &&
            strcmp(name.name, storages[i].class) == 0)
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
        err = read_storage_class(r, &part[1].value, dtype, l, e);
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

/* Forms in which a tensor is rebuilt. */
enum torch_form {
    TORCH_V2,  /* (storage, offset, size, stride[, requires_grad, hooks[, metadata]]) */
    TORCH_V3,  /* (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata]) */
    TORCH_Q,   /* (storage, offset, size, stride, quantizer, requires_grad, hooks) */
    TORCH_META /* (dtype, size, stride, requires_grad): no storage at all */
};

/* What a tensor is made of, in the order of the first form. */
static enum pb_err read_parts(struct lens_reader *r, const struct lens_call *c,
                              struct pkl_node part[5], struct buf *where, const char **dtype,
                              struct lens *l, struct error *e)
{
    enum torch_form form = (enum torch_form)c->row->detail;
    size_t first = form == TORCH_META ? 1 : 2, grad = form == TORCH_META ? 3
                                                      : form == TORCH_Q  ? 5
                                                                         : 4;
    enum pb_err err;

    part[0] = c->arg[0];
    part[1] = form == TORCH_META ? (struct pkl_node){.id = 0} : c->arg[1];
    part[2] = c->arg[first];
    part[3] = c->arg[first + 1];
    part[4] = c->count > grad ? c->arg[grad] : (struct pkl_node){.id = 0};
    if (form == TORCH_META) {
        buf_puts(where, " device='meta'");
        return read_dtype(r, &c->arg[0], dtype, l, e);
    }
    err = put_storage(r, &c->arg[0], where, dtype, l, e);
    if (err == PB_OK && form == TORCH_V3)
        err = read_dtype(r, &c->arg[6], dtype, l, e);
    if (err == PB_OK && **dtype == '\0')
        err = lens_refuse(l, "what the bytes of its storage are is not said");
    return err;
}

/* `grad`: instead of what the call says; NULL: as it says. */
static enum pb_err put_tensor(struct lens_reader *r, const struct lens_call *c, const char *type,
                              const struct pkl_node *with_grad, struct lens *l, struct error *e)
{
    bool line = r->max != SIZE_MAX;
    uint64_t size[ND_DIMS], stride[ND_DIMS];
    size_t dims = 0, strides = 0;
    const char *dtype = "";
    int64_t offset = 0, grad = 0;
    struct pkl_node part[5];
    struct buf where;
    enum pb_err err;

    buf_init(&where, BUF_MAX_LINE);
    err = read_parts(r, c, part, &where, &dtype, l, e);
    if (with_grad != NULL)
        part[4] = *with_grad;
    if (err == PB_OK && part[1].id != 0)
        err = lens_int(r, &part[1], 0, INT64_MAX, "its offset", &offset, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &part[2], "its size", size, &dims, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &part[3], "its stride", stride, &strides, l, e);
    if (err == PB_OK && part[4].id != 0)
        err = lens_int(r, &part[4], 0, 1, "requires_grad", &grad, l, e);
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
    return put_tensor(r, c, "torch.Tensor", NULL, l, e);
}

/* A tensor inside of something else. */
static enum pb_err inner_tensor(struct lens_reader *r, const struct pkl_node *node,
                                struct lens_call *c, struct lens *l, struct error *e)
{
    enum pb_err err;

    if (node->kind != PKL_OBJECT)
        return lens_refuse(l, "it holds no tensor");
    err = lens_call_of(r, node, c, e);
    if (err == PB_OK && (c->row == NULL || c->row->read != read_tensor ||
                         c->count < c->row->min_args || c->count > c->row->max_args))
        err = lens_refuse(l, "it holds no tensor");
    return err;
}

/* _rebuild_parameter(tensor, requires_grad, hooks[, state]) */
static enum pb_err read_parameter(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    struct lens_call inner;
    enum pb_err err = inner_tensor(r, &c->arg[0], &inner, l, e);

    return err == PB_OK ? put_tensor(r, &inner, "torch.nn.Parameter", &c->arg[1], l, e) : err;
}

/* _rebuild_from_type_v2(function, type, arguments, state) of a tensor or a parameter with
 * attributes of its own: those stay in the raw structure. */
static enum pb_err read_typed(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    struct pkl_child kids[LENS_ARGS];
    struct lens_call inner = {.self = c->self};
    size_t got = 0;
    enum pb_err err = PB_OK;

    if (c->arg[0].kind != PKL_GLOBAL || c->arg[2].kind != PKL_TUPLE)
        return lens_refuse(l, "it holds no tensor");
    err = lens_row_of(r, &c->arg[0], &inner.row, e);
    if (err == PB_OK)
        err = r->view->children(r->view, c->arg[2].target, 0, LENS_ARGS, kids, &got, e);
    if (err != PB_OK)
        return err;
    for (size_t i = 0; i < got; i++)
        inner.arg[i] = kids[i].value;
    inner.count = c->arg[2].count;
    if (inner.row == NULL || inner.count < inner.row->min_args ||
        inner.count > inner.row->max_args ||
        (inner.row->read != read_tensor && inner.row->read != read_parameter))
        return lens_refuse(l, "it holds no tensor");
    return inner.row->read(r, &inner, l, e);
}

/* The text that torch._get_layout() takes, without "torch.". */
static enum pb_err read_layout(struct lens_reader *r, const struct pkl_node *node, struct buf *out,
                               struct lens *l, struct error *e)
{
    struct lens_call c = {.row = NULL};
    enum pb_err err = PB_OK;

    if (node->kind == PKL_OBJECT)
        err = lens_call_of(r, node, &c, e);
    if (err == PB_OK && (c.row == NULL || strcmp(c.row->type, "torch.layout") != 0 || c.count != 1))
        err = lens_refuse(l, "its layout is not named");
    if (err == PB_OK)
        err = lens_str(r, &c.arg[0], "its layout", l, e);
    if (err == PB_OK)
        buf_puts(out, strncmp(r->leaf.data.data, "torch.", PREFIX) == 0 ? r->leaf.data.data + PREFIX
                                                                        : r->leaf.data.data);
    return err;
}

/* _rebuild_sparse_tensor(layout, (indices, values, size[, is coalesced])); compressed layouts have
 * two arrays of indices. */
static enum pb_err put_sparse(struct lens_reader *r, const struct lens_call *c,
                              const struct buf *layout, struct lens *l, struct error *e)
{
    size_t values = strcmp(layout->data, "sparse_coo") == 0 ? 1 : 2, got = 0, dims = 0, ones = 0;
    bool line = r->max != SIZE_MAX;
    uint64_t size[ND_DIMS], stored[ND_DIMS];
    struct pkl_node part[5];
    struct pkl_child kids[4];
    struct lens_call inner;
    const char *dtype = "";
    struct buf where;
    enum pb_err err;

    if (c->arg[1].kind != PKL_TUPLE || c->arg[1].count < values + 2 || c->arg[1].count > 4)
        return lens_refuse(l, "its indices, values and size are no tuple");
    err = r->view->children(r->view, c->arg[1].target, 0, 4, kids, &got, e);
    if (err == PB_OK)
        err = inner_tensor(r, &kids[values].value, &inner, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &kids[values + 1].value, "its size", size, &dims, l, e);
    if (err != PB_OK)
        return err;
    buf_init(&where, BUF_MAX_LINE);
    err = read_parts(r, &inner, part, &where, &dtype, l, e);
    if (err == PB_OK)
        err = read_lengths(r, &part[2], "the size of its values", stored, &ones, l, e);
    if (err == PB_OK) {
        buf_printf(&l->text, line ? "%s %s " : "<torch.Tensor %s %s ", layout->data, dtype);
        nd_put_shape(&l->text, size, dims);
        buf_printf(&l->text, " stored=%llu", (unsigned long long)(ones > 0 ? stored[0] : 0));
        buf_append(&l->text, where.data, where.len);
        buf_puts(&l->text, line ? "" : ">");
    }
    buf_release(&where);
    return err;
}

static enum pb_err read_sparse(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    struct buf layout;
    enum pb_err err;

    buf_init(&layout, BUF_MAX_LINE);
    err = read_layout(r, &c->arg[0], &layout, l, e);
    if (err == PB_OK)
        err = buf_status(&layout, e);
    if (err == PB_OK)
        err = put_sparse(r, c, &layout, l, e);
    buf_release(&layout);
    return err;
}

/* _get_layout('torch.sparse_coo') is torch.sparse_coo */
static enum pb_err read_layout_name(struct lens_reader *r, const struct lens_call *c,
                                    struct lens *l, struct error *e)
{
    enum pb_err err = lens_str(r, &c->arg[0], "its name", l, e);

    if (err == PB_OK &&
        (strncmp(r->leaf.data.data, "torch.", PREFIX) != 0 ||
         strspn(r->leaf.data.data + PREFIX, "abcdefghijklmnopqrstuvwxyz_") + PREFIX !=
             r->leaf.data.len))
        err = lens_refuse(l, "its name is none of torch");
    if (err == PB_OK)
        buf_append(&l->text, r->leaf.data.data, r->leaf.data.len);
    return err;
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

#define TORCH(least, most, read, detail)                                                           \
    LENS_CALL | LENS_NAMED | LENS_SUMMARY, least, most, read, detail
static const struct lens_row rows[] = {
    {"torch._utils", "_rebuild_tensor", "torch.Tensor", TORCH(4, 4, read_tensor, TORCH_V2)},
    {"torch._utils", "_rebuild_tensor_v2", "torch.Tensor", TORCH(6, 7, read_tensor, TORCH_V2)},
    {"torch._utils", "_rebuild_tensor_v3", "torch.Tensor", TORCH(7, 8, read_tensor, TORCH_V3)},
    {"torch._utils", "_rebuild_qtensor", "torch.Tensor", TORCH(7, 7, read_tensor, TORCH_Q)},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", "torch.Tensor",
     TORCH(4, 4, read_tensor, TORCH_META)},
    {"torch._utils", "_rebuild_sparse_tensor", "torch.Tensor", TORCH(2, 2, read_sparse, 0)},
    {"torch._tensor", "_rebuild_from_type_v2", "torch.Tensor", TORCH(4, 4, read_typed, 0)},
    {"torch._utils", "_rebuild_parameter", "torch.nn.Parameter", TORCH(3, 3, read_parameter, 0)},
    {"torch._utils", "_rebuild_parameter_with_state", "torch.nn.Parameter",
     TORCH(4, 4, read_parameter, 0)},
    {"torch.serialization", "_get_layout", "torch.layout", TORCH(1, 1, read_layout_name, 0)},
    {"torch", "Size", "torch.Size", TORCH(1, 1, read_size, 0)},
    {"torch", "device", "torch.device", TORCH(1, 2, read_device, 0)},
};
const struct lens_family lens_torch = {rows, sizeof rows / sizeof rows[0]};

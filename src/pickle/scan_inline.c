/*
 * Arrays that joblib writes into the midst of a pickle.
 *
 * Behind the BUILD of a NumpyArrayWrapper stand the bytes of an array, with some to align them in
 * front, or, when it holds objects, a whole pickle of its own.  They count as the payload of that
 * BUILD: the source is told (source_gap_add), and whoever reads opcodes passes over them.
 *
 * How many there are is said by the wrapper's shape and dtype.  Both are found by running a small
 * machine over the opcodes that made the wrapper; a dtype that it fetches from the memo is run
 * again where it was made.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>

#include "scan_ops.h"

#define OPCODES_MAX 200000u /* that make one wrapper or dtype */
#define CLASS "NumpyArrayWrapper"
#define MODULE "joblib.numpy_pickle"

enum made_kind {
    MADE_OTHER,
    MADE_NONE,
    MADE_INT,
    MADE_STR,
    MADE_TUPLE,
    MADE_DICT,
    MADE_CALL,
    MADE_REF
};

/* A value as far as it matters here; of a call: class, arguments, state. */
struct made {
    enum made_kind kind;
    uint64_t at;   /* its maker */
    uint64_t here; /* the opcode that put it on the stack */
    int64_t number;
    size_t kid, kids; /* in the pool */
};
struct machine {
    struct pkl_doc *d;
    struct cursor c;
    uint64_t at; /* of the opcode */
    struct {
        struct made *data;
        size_t len, cap;
    } stack, pool;
    struct {
        size_t *data;
        size_t len, cap;
    } marks;
    struct pkl_leaf leaf;
    struct error *e;
};

static void machine_init(struct machine *m, struct pkl_doc *d, struct error *e)
{
    *m = (struct machine){.d = d, .e = e};
    cursor_init(&m->c, d->src);
    pkl_leaf_init(&m->leaf);
}

static void machine_release(struct machine *m)
{
    vec_release(&m->stack);
    vec_release(&m->pool);
    vec_release(&m->marks);
    pkl_leaf_release(&m->leaf);
}

static enum pb_err push(struct machine *m, struct made v)
{
    v.here = m->at;
    return vec_push(&m->stack, v) ? PB_OK : error_nomem(m->e);
}

/* The last n values; what lies below where the machine began is not known. */
static enum pb_err need(struct machine *m, size_t n)
{
    struct made unknown = {.kind = MADE_OTHER};
    enum pb_err err = PB_OK;

    while (m->stack.len < n && err == PB_OK) {
        err = push(m, unknown);
        memmove(m->stack.data + 1, m->stack.data, (m->stack.len - 1) * sizeof *m->stack.data);
        m->stack.data[0] = unknown;
        for (size_t i = 0; i < m->marks.len; i++)
            m->marks.data[i]++;
    }
    return err;
}

static size_t pop_mark(struct machine *m)
{
    return m->marks.len > 0 ? m->marks.data[--m->marks.len] : 0;
}

/* Appends the values from `first` on to what `v` has in the pool. */
static enum pb_err take(struct machine *m, struct made *v, size_t first)
{
    size_t old = v->kid, n = v->kids;

    if (!vec_reserve(&m->pool, m->pool.len + n + m->stack.len - first))
        return error_nomem(m->e);
    v->kid = m->pool.len;
    if (n > 0)
        memcpy(m->pool.data + m->pool.len, m->pool.data + old, n * sizeof *m->pool.data);
    m->pool.len += n;
    for (size_t i = first; i < m->stack.len; i++)
        m->pool.data[m->pool.len++] = m->stack.data[i];
    v->kids = m->pool.len - v->kid;
    m->stack.len = first;
    return PB_OK;
}

static enum pb_err read_leaf(struct machine *m, uint64_t at, uint8_t code)
{
    struct pkl_node node = {.target = PKL_ID(m->d->no, PKL_TAG_VALUE, at), .kind = op_kind(code)};

    return pkl_leaf_read(&m->d->view, &node, 256, &m->leaf, m->e);
}

/* The value of a leaf made at `at`, or only that it is something else. */
static enum pb_err leaf_made(struct machine *m, uint64_t at, uint8_t code, struct made *out)
{
    enum pkl_kind kind = op_kind(code);
    enum pb_err err = PB_OK;

    *out = (struct made){.kind = MADE_OTHER, .at = at};
    if (kind == PKL_NONE) {
        out->kind = MADE_NONE;
    } else if (kind == PKL_INT || kind == PKL_BOOL) {
        err = read_leaf(m, at, code);
        if (err == PB_OK && (m->leaf.kind == PKL_BOOL || m->leaf.fits))
            out->kind = MADE_INT;
        out->number = m->leaf.kind == PKL_BOOL ? m->leaf.boolean : m->leaf.integer;
    } else if (kind == PKL_STR || kind == PKL_PY2STR) {
        out->kind = MADE_STR;
    } else if (code == ')') {
        out->kind = MADE_TUPLE;
    } else if (code == '}') {
        out->kind = MADE_DICT;
    }
    m->c.n = 0; /* the view may be gone */
    return err;
}

static enum pb_err fetch(struct machine *m, const struct op *op)
{
    struct made v = {.kind = MADE_REF};
    enum pkl_kind kind;
    uint8_t code;
    enum pb_err err = memo_target(m->d, op->at, &v.at, m->e);

    if (err == PB_OK)
        err = value_kind(m->d, v.at, &kind, &code, m->e);
    if (err == PB_OK && kind <= PKL_PY2STR)
        err = leaf_made(m, v.at, code, &v);
    m->c.n = 0;
    return err == PB_OK ? push(m, v) : err;
}

static enum pb_err make(struct machine *m, const struct op *op)
{
    struct made v = {.kind = MADE_OTHER, .at = op->at};
    size_t n = op->code == 'Q' || op->code == 0x85    ? 1
               : op->code == 0x87 || op->code == 0x92 ? 3
                                                      : 2;
    size_t first;
    bool marked = op->code == 't' || op->code == 'l' || op->code == 'd' || op->code == 'i' ||
                  op->code == 'o' || op->code == 0x91;
    enum pb_err err = marked ? PB_OK : need(m, n);

    if (err != PB_OK)
        return err;
    first = marked ? pop_mark(m) : m->stack.len - n;
    if (op->code == 't' || (op->code >= 0x85 && op->code <= 0x87))
        v.kind = MADE_TUPLE;
    else if (op->code == 'd')
        v.kind = MADE_DICT;
    else if (op->code == 'R' || op->code == 0x81)
        v.kind = MADE_CALL;
    err = take(m, &v, first);
    return err == PB_OK ? push(m, v) : err;
}

static enum pb_err group(struct machine *m, const struct op *op)
{
    size_t first;
    enum pb_err err;

    if (op->code == 'a' || op->code == 's' || op->code == 'b') {
        err = need(m, op->code == 's' ? 3 : 2);
        if (err != PB_OK)
            return err;
        first = m->stack.len - (op->code == 's' ? 2 : 1);
    } else {
        first = pop_mark(m);
        if (first == 0)
            return need(m, 1);
    }
    return take(m, &m->stack.data[first - 1], first);
}

static enum pb_err execute(struct machine *m, const struct op *op)
{
    struct made v;
    size_t here = m->stack.len;
    enum pb_err err = PB_OK;

    switch ((enum op_class)op_info[op->code].class) {
    case OP_REF:
        return op->code == '2' ? push(m, (struct made){.kind = MADE_OTHER}) : fetch(m, op);
    case OP_MAKE:
        return make(m, op);
    case OP_GROUP:
        return group(m, op);
    case OP_MARK:
        return vec_push(&m->marks, here) ? PB_OK : error_nomem(m->e);
    case OP_PUT:
    case OP_STOP:
    case OP_PROTO:
    case OP_FRAME:
        return PB_OK;
    case OP_OTHER:
        if (op->code == '1')
            m->stack.len = pop_mark(m);
        else if (op->code == '0' && m->stack.len > 0)
            m->stack.len--;
        return PB_OK;
    default:
        err = leaf_made(m, op->at, op->code, &v);
        return err == PB_OK ? push(m, v) : err;
    }
}

/* Runs from an opcode until what was made at `maker` has its state; it is the top then. */
static enum pb_err run(struct machine *m, uint64_t from, uint64_t maker, uint64_t end, bool *found)
{
    struct op op = {.end = from};
    enum pb_err err = PB_OK;

    *found = false;
    for (unsigned n = 0; n < OPCODES_MAX && op.end < end && err == PB_OK && !*found; n++) {
        err = cursor_read(&m->c, op.end, &op, m->e);
        m->at = op.at;
        if (err == PB_OK)
            err = execute(m, &op);
        *found = err == PB_OK && op.code == 'b' && m->stack.len > 0 &&
                 m->stack.data[m->stack.len - 1].at == maker;
    }
    return err;
}

static bool is_text(struct machine *m, const struct made *v, const char *text)
{
    struct pkl_node node = {.target = PKL_ID(m->d->no, PKL_TAG_VALUE, v->at), .kind = PKL_STR};
    bool is;

    if (v->kind != MADE_STR)
        return false;
    is = pkl_leaf_read(&m->d->view, &node, 256, &m->leaf, NULL) == PB_OK &&
         strcmp(m->leaf.data.data, text) == 0;
    m->c.n = 0;
    return is;
}

/* ------------------------------------------------------------------- the class */

static enum pb_err text_of(struct pkl_doc *d, const struct sval *v, struct pkl_leaf *leaf,
                           struct error *e)
{
    struct pkl_node node = {.kind = PKL_STR};
    uint64_t maker = v->maker;
    enum pb_err err = v->flags & SV_REF ? memo_target(d, maker, &maker, e) : PB_OK;

    node.target = PKL_ID(d->no, PKL_TAG_VALUE, maker);
    return err == PB_OK ? pkl_leaf_read(&d->view, &node, 256, leaf, e) : err;
}

static enum pb_err add_class(struct pkl_doc *d, uint64_t at, struct error *e)
{
    return vec_push(&d->wrappers, at) ? PB_OK : error_nomem(e);
}

static bool ends_with(const char *s, size_t n, const char *end)
{
    size_t k = strlen(end);

    return n >= k && memcmp(s + n - k, end, k) == 0;
}

enum pb_err scan_inline_global(struct pkl_doc *d, const struct op *op, struct error *e)
{
    const char *s = (const char *)op->p + 1;
    size_t n = (size_t)op->payload;

    /* sklearn.externals.joblib.numpy_pickle too */
    return ends_with(s, n, MODULE "\n" CLASS "\n") ? add_class(d, op->at, e) : PB_OK;
}

enum pb_err scan_inline_named(struct pkl_doc *d, const struct op *op, const struct sval *module,
                              const struct sval *name, struct error *e)
{
    /* Between the string and here stand its length and a memo opcode; few are that long. */
    const uint64_t least = sizeof CLASS + 1, most = sizeof CLASS + 16;
    struct pkl_leaf leaf;
    enum pb_err err = PB_OK;

    if (!(name->flags & SV_REF) && (op->at - name->maker < least || op->at - name->maker > most))
        return PB_OK;
    d->viewed = true;
    pkl_leaf_init(&leaf);
    err = text_of(d, name, &leaf, e);
    if (err == PB_OK && strcmp(leaf.data.data, CLASS) == 0) {
        err = text_of(d, module, &leaf, e);
        if (err == PB_OK && ends_with(leaf.data.data, leaf.data.len, MODULE))
            err = add_class(d, op->at, e);
    }
    pkl_leaf_release(&leaf);
    return err;
}

static bool is_wrapper(const struct pkl_doc *d, uint64_t maker)
{
    for (size_t i = 0; i < d->wrappers.len; i++) {
        if (d->wrappers.data[i] == maker)
            return true;
    }
    return false;
}

/* Whether the first opcodes of an object name the class, so that few objects are looked at more
 * closely. */
static enum pb_err begins_so(struct pkl_doc *d, uint64_t begin, bool *so, struct error *e)
{
    struct op op = {.end = begin};
    struct cursor c;
    enum pb_err err = PB_OK;

    *so = false;
    for (int n = 0; n < 8 && err == PB_OK && !*so; n++) {
        uint64_t maker;

        cursor_init(&c, d->src);
        err = cursor_read(&c, op.end, &op, e);
        if (err != PB_OK || op.code == 'R' || op.code == 0x81)
            break;
        maker = op.at;
        if (op_info[op.code].class == OP_REF && op.code != '2')
            err = memo_target(d, op.at, &maker, e);
        *so = err == PB_OK && is_wrapper(d, maker);
    }
    return err;
}

/* ---------------------------------------------------------------- how many bytes */

/* What the dtype says: bytes an element, or that they are objects. */
static bool dtype_size(struct machine *m, const struct made *dtype, struct inline_dtype *out)
{
    const struct made *kid = m->pool.data + dtype->kid, *args, *state;
    uint64_t size = 0;

    if (dtype->kind != MADE_CALL || dtype->kids < 2)
        return false;
    args = &kid[1];
    state = dtype->kids > 2 ? &kid[2] : NULL;
    if (args->kind != MADE_TUPLE || args->kids < 1)
        return false;
    if (state != NULL && (state->kind != MADE_TUPLE || state->kids < 6))
        return false;
    if (state != NULL && state->kids > 7 && m->pool.data[state->kid + 7].kind == MADE_INT)
        out->objects = (m->pool.data[state->kid + 7].number & 1) != 0;
    if (state != NULL && m->pool.data[state->kid + 5].kind == MADE_INT &&
        m->pool.data[state->kid + 5].number >= 0) {
        out->size = (uint64_t)m->pool.data[state->kid + 5].number;
        return true;
    }
    if (m->pool.data[args->kid].kind != MADE_STR || is_text(m, &m->pool.data[args->kid], "") ||
        m->leaf.data.len < 2)
        return false;
    out->objects = out->objects || m->leaf.data.data[0] == 'O';
    if (!num_parse_u64(m->leaf.data.data + 1, m->leaf.data.len - 1, &size))
        return false;
    out->size = size;
    return true;
}

/* Where to begin in order to see what is made at `maker`: well before it. */
static uint64_t before(const struct pkl_doc *d, uint64_t maker)
{
    uint64_t from = d->scan.start;

    for (size_t i = d->marks.len; i-- > 0;) {
        if (d->marks.data[i].offset + 1024 <= maker && d->marks.data[i].offset > from)
            return d->marks.data[i].offset;
    }
    return from <= maker ? from : 0;
}

/* How many bytes follow depends on what is made in there. */
static enum pb_err add_sizing(struct machine *m, uint64_t begin, uint64_t end)
{
    struct inline_sizing s = {begin, end};

    return vec_push(&m->d->sizing, s) ? PB_OK : error_nomem(m->e);
}

bool scan_inline_sizes(const struct pkl_doc *d, uint64_t at)
{
    for (size_t i = 0; i < d->sizing.len; i++) {
        if (at >= d->sizing.data[i].begin && at < d->sizing.data[i].end)
            return true;
    }
    return false;
}

static enum pb_err find_dtype(struct machine *m, const struct made *v, struct inline_dtype *out)
{
    struct pkl_doc *d = m->d;
    struct machine other;
    bool found = v->kind == MADE_CALL;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < d->dtypes.len; i++) {
        if (d->dtypes.data[i].maker == v->at) {
            *out = d->dtypes.data[i];
            return PB_OK;
        }
    }
    *out = (struct inline_dtype){.maker = v->at};
    if (v->kind == MADE_REF) {
        machine_init(&other, d, m->e);
        err = run(&other, before(d, v->at), v->at, d->scan.at, &found);
        if (err == PB_OK && found)
            found = dtype_size(&other, &other.stack.data[other.stack.len - 1], out);
        if (err == PB_OK && found) {
            const struct made *dtype = &other.stack.data[other.stack.len - 1];

            err = add_sizing(m, other.pool.data[dtype->kid].here, other.at);
        }
        machine_release(&other);
    } else if (found) {
        found = dtype_size(m, v, out);
    }
    if (err == PB_OK && !found)
        err = error_set(m->e, PB_EPICKLE, "an array of joblib whose dtype is not understood");
    if (err == PB_OK && !vec_push(&d->dtypes, *out))
        err = error_nomem(m->e);
    return err;
}

static enum pb_err count_items(struct machine *m, const struct made *shape, uint64_t *count)
{
    *count = 1;
    if (shape->kind != MADE_TUPLE)
        return error_set(m->e, PB_EPICKLE, "an array of joblib whose shape is not understood");
    for (size_t i = 0; i < shape->kids; i++) {
        const struct made *dim = &m->pool.data[shape->kid + i];

        if (dim->kind != MADE_INT || dim->number < 0 ||
            !num_mul(*count, (uint64_t)dim->number, count))
            return error_set(m->e, PB_EPICKLE, "an array of joblib whose shape is impossible");
    }
    return PB_OK;
}

/* The top is an object of that class: made by it, or by copyreg._reconstructor() of it. */
static bool is_made_so(const struct machine *m)
{
    const struct made *top = &m->stack.data[m->stack.len - 1], *kid = m->pool.data + top->kid;

    if (top->kind != MADE_CALL || top->kids < 2)
        return false;
    return is_wrapper(m->d, kid[0].at) || (kid[1].kind == MADE_TUPLE && kid[1].kids == 3 &&
                                           is_wrapper(m->d, m->pool.data[kid[1].kid].at));
}

/* An attribute that says what is behind the wrapper, or how. */
static bool is_sizing(struct machine *m, const struct made *key)
{
    return is_text(m, key, "shape") || is_text(m, key, "dtype") ||
           is_text(m, key, "numpy_array_alignment_bytes");
}

static enum pb_err note_sizing(struct machine *m, const struct made *state)
{
    const struct made *kid = m->pool.data + state->kid;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i + 1 < state->kids && err == PB_OK; i += 2) {
        if (is_sizing(m, &kid[i]))
            err = add_sizing(m, kid[i].here, i + 2 < state->kids ? kid[i + 2].here : m->at);
    }
    return err;
}

/* The wrapper on top of the machine's stack: what is behind it. */
static enum pb_err measure(struct machine *m, struct scan_inline *in)
{
    const struct made *top = &m->stack.data[m->stack.len - 1], *state, *kid;
    const struct made *shape = NULL, *dtype = NULL;
    struct inline_dtype type;
    enum pb_err err;

    if (top->kind != MADE_CALL || top->kids != 3)
        return error_set(m->e, PB_EPICKLE, "a wrapper of joblib with more than one state");
    state = &m->pool.data[top->kid + 2];
    if (state->kind != MADE_DICT)
        return error_set(m->e, PB_EPICKLE, "a wrapper of joblib whose state is no dict");
    kid = m->pool.data + state->kid;
    in->align = 0;
    for (size_t i = 0; i + 1 < state->kids; i += 2) {
        if (is_text(m, &kid[i], "shape"))
            shape = &kid[i + 1];
        else if (is_text(m, &kid[i], "dtype"))
            dtype = &kid[i + 1];
        else if (is_text(m, &kid[i], "numpy_array_alignment_bytes") && kid[i + 1].kind == MADE_INT)
            in->align = kid[i + 1].number > 0 ? (uint64_t)kid[i + 1].number : 0;
    }
    if (shape == NULL || dtype == NULL)
        return error_set(m->e, PB_EPICKLE, "a wrapper of joblib without a shape or a dtype");
    err = count_items(m, shape, &in->bytes);
    if (err == PB_OK)
        err = find_dtype(m, dtype, &type);
    if (err == PB_OK && !type.objects && !num_mul(in->bytes, type.size, &in->bytes))
        err = error_set(m->e, PB_EPICKLE, "an array of joblib whose shape is impossible");
    in->pickled = err == PB_OK && type.objects;
    return err == PB_OK ? note_sizing(m, state) : err;
}

/* ------------------------------------------------------------------------ the pass */

enum pb_err scan_inline_begin(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan_inline *in = &d->scan.inlined;
    const struct sval *top = &d->scan.stack.data[d->scan.stack.len - 1];
    struct machine m;
    bool so, found;
    enum pb_err err;

    in->at = 0;
    if (top->flags & (SV_REF | SV_RUN) || top->kind != PKL_OBJECT)
        return PB_OK;
    d->viewed = true;
    err = begins_so(d, top->begin, &so, e);
    if (err != PB_OK || !so)
        return err;
    machine_init(&m, d, e);
    err = run(&m, top->begin, top->maker, op->end, &found);
    so = err == PB_OK && found && is_made_so(&m);
    if (so)
        err = measure(&m, in);
    machine_release(&m);
    if (err == PB_OK && so) {
        in->at = op->at + 1;
        in->padded = in->pickled || in->align == 0;
    }
    return err;
}

static enum pb_err done(struct pkl_doc *d, uint64_t end, struct error *e)
{
    struct scan_inline *in = &d->scan.inlined;
    uint64_t build = in->at - 1;

    in->at = 0;
    d->scan.at = end;
    if (end == build + 1)
        return PB_OK;
    if (!source_gap_add(d->src, build, end - build - 1))
        return error_nomem(e);
    scan_extend(d, end);
    return PB_OK;
}

/* One byte says how many stand in front of the array. */
static enum pb_err pass_padding(struct pkl_doc *d, struct error *e)
{
    struct scan_inline *in = &d->scan.inlined;
    const uint8_t *p;
    size_t n;
    enum pb_err err = source_view(d->src, in->at, 1, &p, &n, e);

    d->viewed = true;
    if (err == PB_OK && n == 0)
        err = error_set(e, PB_EPICKLE, "the pickle ends where an array of joblib begins");
    if (err == PB_OK && (*p == 0 || *p > in->align))
        err = error_set(e, PB_EPICKLE, "an array of joblib with %u bytes in front of it", *p);
    if (err != PB_OK)
        return err;
    if (!num_add(in->bytes, 1u + *p, &in->bytes))
        return error_set(e, PB_EPICKLE, "an array of joblib whose shape is impossible");
    in->padded = true;
    return PB_OK;
}

enum pb_err scan_inline_go(struct pkl_doc *d, struct error *e)
{
    struct scan_inline *in = &d->scan.inlined;
    struct cursor c;
    struct op op;
    uint64_t end;
    enum pb_err err = PB_OK;

    d->viewed = true;
    if (in->pickled) {
        cursor_init(&c, d->src);
        err = cursor_read(&c, d->scan.at, &op, e);
        if (err == PB_OK)
            err = scan_reaches(d, op.end, e);
        if (err != PB_OK)
            return err;
        d->scan.at = op.end;
        return op.code == '.' ? done(d, op.end, e) : PB_OK;
    }
    if (!in->padded)
        err = pass_padding(d, e);
    if (err == PB_OK && !num_add(in->at, in->bytes, &end))
        err = error_set(e, PB_EPICKLE, "an array of joblib whose shape is impossible");
    if (err == PB_OK)
        err = scan_reaches(d, end, e);
    return err == PB_OK ? done(d, end, e) : err;
}

void scan_inline_break(struct pkl_doc *d)
{
    struct scan_inline *in = &d->scan.inlined;
    struct error ignored;

    /* What was passed belongs to the array. */
    if (in->at != 0 && done(d, d->scan.at, &ignored) != PB_OK)
        d->error = ignored;
}

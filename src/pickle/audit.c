/*
 * The audit: a machine with a real stack goes over the opcodes.  Of most values it keeps nothing but that they are
 * there: up to 32 leaves in a row are one entry, found again by re-reading when one of them matters; equal entries are
 * counted.  Pickles found inside of values are audited by machines of their own, one on top of the other.
 */
#include <pklbrowse/pkl_audit.h>
#include <pklbrowse/pkl_leaf.h>

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "idmap.h"
#include "index.h"
#include "object.h"
#include "where.h"

#define RUN 32u
#define DEEPEST 16u   /* pickles in pickles */
#define CHAIN_MAX 64u /* results of results that are followed */
#define KNOWN 256u
#define LATER ((size_t)64 * 1024) /* bytes of index a step of a nested one makes */

enum tag {
    A_PLAIN,  /* n values that nothing can be called by */
    A_LEAVES, /* n opcodes in a row from `at` on, each pushing one; a bit of `refs` is set for a GET */
    A_GLOBAL, /* n times row `at` */
    A_MADE,   /* n values made by row `at` */
    A_MARK
};
struct aval {
    uint64_t at;
    uint32_t refs;
    uint8_t n, tag;
};
#define N_MAX UINT8_MAX

struct machine {
    struct source *src; /* ours; NULL: the caller's document */
    struct pkl_doc *doc;
    bool indexed, ended;
    struct cursor cursor;
    uint64_t at;
    struct {
        struct aval *data;
        size_t len, cap;
    } stack;
    bool open;         /* the last change of the stack was a leaf, so that a run may go on */
    bool tuple_on_top; /* `first` is its first item */
    struct aval first;
    size_t pickle, first_row;
    struct {
        uint64_t maker;
        struct aval value;
    } known[KNOWN]; /* what GETs meant lately */
};

struct pkl_audit {
    struct {
        struct pkl_audit_row *data;
        size_t len, cap;
    } rows;
    struct {
        struct pkl_audit_pickle *data;
        size_t len, cap;
    } pickles;
    struct {
        struct machine **data;
        size_t len, cap;
    } machines;
    struct idmap names; /* of rows: hash of (pickle, names) */
    uint64_t passed;
};

/* ----------------------------------------------------------------------- rows */

static uint64_t hash(uint64_t h, const char *s)
{
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return (h ^ 0xff) * 0x100000001b3u;
}

static void row_release(struct pkl_audit_row *r)
{
    free(r->module);
    free(r->name);
    free(r->py3_module);
    free(r->py3_name);
    free(r->path);
}

static bool same_row(const struct pkl_audit_row *a, const struct pkl_audit_row *b)
{
    if (a->kind != b->kind || a->pickle != b->pickle || a->code != b->code)
        return false;
    return a->module == NULL ||
           (strcmp(a->module, b->module) == 0 && strcmp(a->name, b->name) == 0);
}

/* The row that says the same, or this one as a new row; takes over r's strings. */
static enum pb_err enter_row(struct pkl_audit *a, struct pkl_audit_row *r, size_t *index,
                             struct error *e)
{
    uint64_t h = 0xcbf29ce484222325u ^ (r->pickle << 32) ^ (uint64_t)r->code ^ (uint64_t)r->kind;
    uint64_t found;

    if (r->module != NULL)
        h = hash(hash(h, r->module), r->name);
    for (h += h == 0; idmap_get(&a->names, h, &found); h += h == UINT64_MAX ? 2 : 1) {
        if (found < a->rows.len && same_row(&a->rows.data[found], r)) {
            row_release(r);
            *index = (size_t)found;
            return PB_OK;
        }
        if (found >= a->rows.len)
            break; /* of a pickle that was none */
    }
    *index = a->rows.len;
    if (!vec_push(&a->rows, *r)) {
        row_release(r);
        return error_nomem(e);
    }
    return idmap_put(&a->names, h, *index) ? PB_OK : error_nomem(e);
}

static enum pkl_grade worse(enum pkl_grade a, enum pkl_grade b)
{
    return a > b ? a : b;
}

/* Both spellings count: nobody knows which Python will load it. */
static void grade_names(struct pkl_audit_row *r)
{
    const char *why = NULL, *why3 = NULL;
    enum pkl_grade g = pkl_audit_grade(r->module, r->name, &why);
    enum pkl_grade g3 = pkl_audit_grade(r->py3_module, r->py3_name, &why3);

    r->grade = g == PKL_DANGEROUS ? g : g3;
    r->why = r->grade == PKL_DANGEROUS ? (g == PKL_DANGEROUS ? why : why3) : NULL;
}

/* The row of the global that the opcode at `at` names. */
static enum pb_err name_row(struct pkl_audit *a, struct machine *m, uint64_t at, size_t *index,
                            struct error *e)
{
    struct pkl_node node = {.kind = PKL_GLOBAL, .target = PKL_ID(m->doc->no, PKL_TAG_VALUE, at)};
    struct pkl_audit_row r = {.kind = PKL_AUDIT_GLOBAL, .pickle = m->pickle};
    struct pkl_name name;
    struct error why;
    enum pb_err err = pkl_name_read(pkl_doc_view(m->doc), &node, &name, &why);

    m->cursor.n = 0;
    if (err == PB_OK) {
        r.module = name.module;
        r.name = name.name;
        r.py3_module = mem_strdup(name.py3_module);
        r.py3_name = mem_strdup(name.py3_name);
        if (r.py3_module == NULL || r.py3_name == NULL) {
            row_release(&r);
            return error_nomem(e);
        }
        grade_names(&r);
        return enter_row(a, &r, index, e);
    }
    if (err != PB_EUNSUPPORTED && err != PB_EPICKLE && err != PB_ELIMIT) {
        if (e != NULL)
            *e = why;
        return err;
    }
    r.kind = PKL_AUDIT_COMPUTED;
    r.grade = PKL_UNKNOWN;
    return enter_row(a, &r, index, e);
}

static enum pb_err other_row(struct pkl_audit *a, struct machine *m, enum pkl_audit_kind kind,
                             int64_t code, size_t *index, struct error *e)
{
    struct pkl_audit_row r = {
        .kind = kind, .code = code, .pickle = m->pickle, .grade = PKL_UNKNOWN};

    return enter_row(a, &r, index, e);
}

/* The place that is told: of the most telling kind of use, the first. */
static void tell(struct pkl_audit_row *r, uint8_t telling, uint64_t at)
{
    if (telling > r->telling) {
        r->telling = telling;
        r->offset = at;
    }
}
enum { TELL_IMPORT = 1, TELL_BUILD, TELL_CALL, TELL_CHANGE };

static void note_import(struct pkl_audit_row *r, uint64_t at)
{
    r->imported++;
    tell(r, TELL_IMPORT, at);
}

/* -------------------------------------------------------------------- the stack */

static bool push(struct machine *m, enum tag tag, uint64_t at)
{
    struct aval *top = m->stack.len > 0 ? &m->stack.data[m->stack.len - 1] : NULL;
    struct aval v = {.at = at, .n = 1, .tag = (uint8_t)tag};

    m->open = false;
    if (top != NULL && top->tag == tag && tag != A_MARK && tag != A_LEAVES && top->at == at &&
        top->n < N_MAX) {
        top->n++;
        return true;
    }
    return vec_push(&m->stack, v);
}

static bool push_leaf(struct machine *m, uint64_t at, bool ref)
{
    struct aval *top = m->stack.len > 0 ? &m->stack.data[m->stack.len - 1] : NULL;

    if (m->open && top != NULL && top->tag == A_LEAVES && top->n < RUN) {
        top->refs |= (uint32_t)ref << top->n;
        top->n++;
        return true;
    }
    m->open = true;
    return vec_push(&m->stack, ((struct aval){at, ref, 1, A_LEAVES}));
}

static void pop(struct machine *m, uint64_t n)
{
    m->open = false;
    while (n > 0 && m->stack.len > 0) {
        struct aval *top = &m->stack.data[m->stack.len - 1];
        uint8_t take = n < top->n ? (uint8_t)n : top->n;

        top->n = (uint8_t)(top->n - take);
        n -= take;
        if (top->n == 0)
            m->stack.len--;
        else if (top->tag == A_LEAVES)
            top->refs &= ((uint32_t)1 << top->n) - 1;
    }
}

static size_t mark_index(const struct machine *m)
{
    size_t i = m->stack.len;

    while (i > 0 && m->stack.data[i - 1].tag != A_MARK)
        i--;
    return i > 0 ? i - 1 : 0;
}

static void pop_to_mark(struct machine *m)
{
    m->stack.len = mark_index(m);
    m->open = false;
}

/* Number `nth` of a run: its opcode is so many pushes further on. */
static enum pb_err leaf_at(struct machine *m, const struct aval *run, unsigned nth, uint64_t *at,
                           struct error *e)
{
    struct op op = {.end = run->at};

    for (;;) {
        enum pb_err err = cursor_read(&m->cursor, op.end, &op, e);
        enum op_class class;

        if (err != PB_OK)
            return err;
        class = (enum op_class)op_info[op.code].class;
        if (class == OP_PUT || class == OP_FRAME || class == OP_PROTO)
            continue;
        if (nth-- == 0)
            break;
    }
    *at = op.at;
    return PB_OK;
}

/* What the value made at `maker` is to us: a chain of results leads back to a name. */
static enum pb_err classify(struct pkl_audit *a, struct machine *m, uint64_t maker,
                            struct aval *out, struct error *e)
{
    bool made = false;

    for (unsigned steps = 0; steps < CHAIN_MAX; steps++) {
        struct wval head[3];
        enum pkl_kind kind;
        uint8_t code;
        size_t index = 0, got = 0;
        enum pb_err err = value_kind(m->doc, maker, &kind, &code, e);

        m->cursor.n = 0;
        if (err != PB_OK)
            return err;
        *out = (struct aval){.at = maker, .n = 1, .tag = A_PLAIN};
        if (kind == PKL_GLOBAL || code == 'i') {
            err = name_row(a, m, maker, &index, e);
            *out = (struct aval){.at = index, .n = 1,
                                 .tag = made || code == 'i' ? A_MADE : A_GLOBAL};
            return err;
        }
        if (kind == PKL_EXTENSION) {
            struct op op;

            err = cursor_read(&m->cursor, maker, &op, e);
            if (err == PB_OK)
                err = other_row(a, m, PKL_AUDIT_EXTENSION,
                                (int64_t)op_le(op.p + 1, op_info[op.code].header - 1u), &index, e);
            *out = (struct aval){.at = index, .n = 1, .tag = made ? A_MADE : A_GLOBAL};
            return err;
        }
        if (kind != PKL_OBJECT)
            return PB_OK;
        err = walk_list(m->doc, maker, PH_HEAD, 0, 3, head, &got, e);
        if (err == PB_OK && got > 0)
            err = object_deref(m->doc, &head[0], &maker, &kind, &code, e);
        if (err != PB_OK || got == 0)
            return err;
        made = true;
    }
    return PB_OK;
}

/* A leaf matters only when it is a GET: what it means. */
static enum pb_err resolve(struct pkl_audit *a, struct machine *m, struct aval *v, struct error *e)
{
    uint64_t maker;
    size_t i;
    enum pb_err err;

    if (v->tag != A_LEAVES || v->refs == 0)
        return PB_OK;
    err = memo_target(m->doc, v->at, &maker, e);
    m->cursor.n = 0;
    if (err != PB_OK)
        return err;
    i = (size_t)(maker * 0x9e3779b97f4a7c15u >> 56);
    if (m->known[i].value.n == 0 || m->known[i].maker != maker) {
        err = classify(a, m, maker, &m->known[i].value, e);
        m->known[i].maker = maker;
        if (err != PB_OK)
            m->known[i].value.n = 0;
    }
    *v = m->known[i].value;
    return err;
}

/* One value of an entry, counted from its last one. */
static enum pb_err one_of(struct pkl_audit *a, struct machine *m, const struct aval *entry,
                          unsigned from_last, struct aval *out, struct error *e)
{
    unsigned nth = entry->n - 1u - from_last;
    enum pb_err err = PB_OK;

    *out = *entry;
    out->n = 1;
    if (entry->tag != A_LEAVES)
        return PB_OK;
    out->refs = entry->refs >> nth & 1;
    if (nth > 0)
        err = leaf_at(m, entry, nth, &out->at, e);
    return err == PB_OK ? resolve(a, m, out, e) : err;
}

/* The value `depth` below the top; A_PLAIN where there is none. */
static enum pb_err peek(struct pkl_audit *a, struct machine *m, unsigned depth, struct aval *out,
                        struct error *e)
{
    size_t i = m->stack.len;

    *out = (struct aval){.n = 1, .tag = A_PLAIN};
    while (i > 0 && m->stack.data[i - 1].n <= depth)
        depth -= m->stack.data[--i].n;
    return i > 0 ? one_of(a, m, &m->stack.data[i - 1], depth, out, e) : PB_OK;
}

/* The first value above the mark. */
static enum pb_err first_above(struct pkl_audit *a, struct machine *m, struct aval *out,
                               struct error *e)
{
    size_t i = mark_index(m) + 1;

    *out = (struct aval){.n = 1, .tag = A_PLAIN};
    if (i >= m->stack.len)
        return PB_OK;
    return one_of(a, m, &m->stack.data[i], m->stack.data[i].n - 1u, out, e);
}

/* -------------------------------------------------------------------------- uses */

enum use { USE_CALL, USE_NEW };

/* copyreg._reconstructor(cls, ...) and its like make an instance of their first argument. */
static bool builds_its_argument(const struct pkl_audit_row *r)
{
    return r->kind == PKL_AUDIT_GLOBAL && strcmp(r->py3_module, "copyreg") == 0 &&
           (strcmp(r->py3_name, "_reconstructor") == 0 || strcmp(r->py3_name, "__newobj__") == 0 ||
            strcmp(r->py3_name, "__newobj_ex__") == 0);
}

static void raise_to(struct pkl_audit_row *r, enum pkl_grade g, const char *why)
{
    if (g > r->grade) {
        r->grade = g;
        r->why = why;
    }
}

/* Something is called; *made is what stands for the result. */
static enum pb_err note_call(struct pkl_audit *a, struct machine *m, const struct aval *what,
                             enum use use, uint64_t at, size_t *made, struct error *e)
{
    struct pkl_audit_row *r;
    enum pb_err err = PB_OK;

    *made = (size_t)what->at;
    if (what->tag != A_GLOBAL && what->tag != A_MADE)
        err = other_row(a, m, PKL_AUDIT_COMPUTED, 0, made, e);
    if (err != PB_OK)
        return err;
    r = &a->rows.data[*made];
    if (what->tag == A_MADE) {
        r->result_called++;
        raise_to(r, PKL_UNKNOWN, NULL);
    } else if (use == USE_CALL) {
        r->called++;
    } else {
        r->built++;
    }
    tell(r, use == USE_CALL ? TELL_CALL : TELL_BUILD, at);
    if (m->tuple_on_top && use == USE_CALL && what->tag == A_GLOBAL && builds_its_argument(r) &&
        m->first.tag == A_GLOBAL) {
        struct pkl_audit_row *class = &a->rows.data[m->first.at];

        class->built++;
        tell(class, TELL_BUILD, at);
    }
    return PB_OK;
}

/* BUILD, APPEND, SETITEM ... on `target`. */
static void note_change(struct pkl_audit *a, const struct aval *target, bool build, uint64_t at)
{
    struct pkl_audit_row *r;

    if (target->tag != A_GLOBAL && target->tag != A_MADE)
        return;
    r = &a->rows.data[target->at];
    if (target->tag == A_MADE) {
        r->states += build;
        if (build)
            tell(r, TELL_BUILD, at);
        return;
    }
    r->changed++;
    tell(r, TELL_CHANGE, at);
    raise_to(r, PKL_DANGEROUS, "the pickle changes what it imports");
}

/* ----------------------------------------------------------------------- opcodes */

static enum pb_err do_call(struct pkl_audit *a, struct machine *m, const struct op *op,
                           struct error *e)
{
    unsigned depth = op->code == 0x92 ? 2 : 1;
    struct aval what;
    size_t made;
    enum pb_err err = op->code == 'o' ? first_above(a, m, &what, e) : peek(a, m, depth, &what, e);

    if (err == PB_OK)
        err = note_call(a, m, &what, op->code == 'R' || op->code == 'o' ? USE_CALL : USE_NEW,
                        op->at, &made, e);
    if (err != PB_OK)
        return err;
    if (op->code == 'o')
        pop_to_mark(m);
    else
        pop(m, depth + 1);
    return push(m, A_MADE, made) ? PB_OK : error_nomem(e);
}

static enum pb_err do_inst(struct pkl_audit *a, struct machine *m, const struct op *op,
                           struct error *e)
{
    size_t row;
    enum pb_err err = name_row(a, m, op->at, &row, e);

    if (err != PB_OK)
        return err;
    note_import(&a->rows.data[row], op->at);
    a->rows.data[row].called++;
    tell(&a->rows.data[row], TELL_CALL, op->at);
    pop_to_mark(m);
    return push(m, A_MADE, row) ? PB_OK : error_nomem(e);
}

static enum pb_err do_global(struct pkl_audit *a, struct machine *m, const struct op *op,
                             struct error *e)
{
    size_t row;
    enum pb_err err;

    if (op->code == 0x93)
        pop(m, 2);
    if (op_info[op->code].class == OP_EXTENSION)
        err = other_row(a, m, PKL_AUDIT_EXTENSION,
                        (int64_t)op_le(op->p + 1, op_info[op->code].header - 1u), &row, e);
    else
        err = name_row(a, m, op->at, &row, e);
    if (err != PB_OK)
        return err;
    note_import(&a->rows.data[row], op->at);
    return push(m, A_GLOBAL, row) ? PB_OK : error_nomem(e);
}

static enum pb_err do_tuple(struct pkl_audit *a, struct machine *m, const struct op *op,
                            struct error *e)
{
    unsigned n = op->code == 't' ? 0 : op->code - 0x84u;
    enum pb_err err;

    err = n == 0 ? first_above(a, m, &m->first, e) : peek(a, m, n - 1, &m->first, e);
    if (err != PB_OK)
        return err;
    if (n == 0)
        pop_to_mark(m);
    else
        pop(m, n);
    m->tuple_on_top = true;
    return push(m, A_PLAIN, 0) ? PB_OK : error_nomem(e);
}

static enum pb_err do_make(struct pkl_audit *a, struct machine *m, const struct op *op,
                           struct error *e)
{
    switch (op->code) {
    case 'R':
    case 'o':
    case 0x81:
    case 0x92:
        return do_call(a, m, op, e);
    case 'i':
        return do_inst(a, m, op, e);
    case 0x93:
        return do_global(a, m, op, e);
    case 't':
    case 0x85:
    case 0x86:
    case 0x87:
        return do_tuple(a, m, op, e);
    case 'Q':
        pop(m, 1);
        break;
    default:
        pop_to_mark(m);
        break;
    }
    return push(m, A_PLAIN, 0) ? PB_OK : error_nomem(e);
}

static enum pb_err do_group(struct pkl_audit *a, struct machine *m, const struct op *op,
                            struct error *e)
{
    struct aval target;
    enum pb_err err;

    if (op->code == 'b' || op->code == 'a')
        pop(m, 1);
    else if (op->code == 's')
        pop(m, 2);
    else
        pop_to_mark(m);
    err = peek(a, m, 0, &target, e);
    if (err == PB_OK)
        note_change(a, &target, op->code == 'b', op->at);
    return err;
}

static enum pb_err do_dup(struct pkl_audit *a, struct machine *m, struct error *e)
{
    struct aval top;
    enum pb_err err = peek(a, m, 0, &top, e);

    if (err != PB_OK)
        return err;
    m->open = false;
    return vec_push(&m->stack, top) ? PB_OK : error_nomem(e);
}

/* ------------------------------------------------------------------ in the pickle */

static enum pb_err begin(struct pkl_audit *a, struct source *src, struct pkl_doc *doc,
                         const struct pkl_audit_pickle *where, struct error *e)
{
    struct machine *m = mem_alloc(sizeof *m);
    enum pb_err err = PB_OK;

    if (m == NULL || !vec_push(&a->machines, m)) {
        free(m);
        source_free(src);
        return error_nomem(e);
    }
    m->src = src;
    m->doc = doc;
    m->indexed = src == NULL;
    m->pickle = a->pickles.len;
    m->first_row = a->rows.len;
    if (src != NULL)
        err = pkl_doc_new(src, 0, NULL, &m->doc, e);
    if (err != PB_OK)
        return err;
    cursor_init(&m->cursor, pkl_doc_source(m->doc));
    return vec_push(&a->pickles, *where) ? PB_OK : error_nomem(e);
}

static enum pb_err look_inside(struct pkl_audit *a, struct machine *m, const struct op *op,
                               struct error *e)
{
    struct pkl_audit_pickle where = {.inside = m->pickle, .offset = op->at};
    struct source *found;
    bool looked;
    enum pb_err err;

    if (a->machines.len >= DEEPEST)
        return PB_OK;
    err = nested_find(m->doc, op, &found, &where.place, &looked, e);
    if (looked)
        m->cursor.n = 0;
    if (err == PB_OK && found != NULL)
        err = begin(a, found, NULL, &where, e);
    return err;
}

static enum pb_err do_op(struct pkl_audit *a, struct machine *m, const struct op *op,
                         struct error *e)
{
    enum op_class class = (enum op_class)op_info[op->code].class;

    if (class != OP_PUT && class != OP_FRAME && class != OP_PROTO && class != OP_MAKE)
        m->tuple_on_top = false;
    switch (class) {
    case OP_GLOBAL:
    case OP_EXTENSION:
        return do_global(a, m, op, e);
    case OP_STR:
    case OP_BYTES:
    case OP_BYTEARRAY:
    case OP_PY2STR:
        if (!push_leaf(m, op->at, false))
            return error_nomem(e);
        return look_inside(a, m, op, e);
    case OP_REF:
        if (op->code == '2')
            return do_dup(a, m, e);
        return push_leaf(m, op->at, true) ? PB_OK : error_nomem(e);
    case OP_MAKE: {
        enum pb_err err = do_make(a, m, op, e);

        if (op->code != 't' && (op->code < 0x85 || op->code > 0x87))
            m->tuple_on_top = false;
        return err;
    }
    case OP_GROUP:
        return do_group(a, m, op, e);
    case OP_MARK:
        return push(m, A_MARK, 0) ? PB_OK : error_nomem(e);
    case OP_STOP:
        m->stack.len = 0;
        m->open = false;
        return PB_OK;
    case OP_OTHER:
        if (op->code == '0')
            pop(m, 1);
        else if (op->code == '1')
            pop_to_mark(m);
        return PB_OK;
    case OP_PUT:
    case OP_FRAME:
    case OP_PROTO:
    case OP_BAD:
        return PB_OK;
    default:
        return push_leaf(m, op->at, false) ? PB_OK : error_nomem(e);
    }
}

/* --------------------------------------------------------------------- the end of one */

static enum pb_err path_at(struct where *w, uint64_t at, char **out, struct error *e)
{
    const char *path;
    enum pb_err err = where_path(w, at, &path, e);

    if (err == PB_OK && path != NULL) {
        *out = mem_strdup(path);
        err = *out != NULL ? PB_OK : error_nomem(e);
    }
    return err;
}

/* What was found in this pickle gets its paths while its index is there. */
static enum pb_err find_paths(struct pkl_audit *a, struct machine *m, struct error *e)
{
    struct where *w;
    enum pb_err err = where_new(m->doc, &w, e);

    for (size_t i = m->first_row; i < a->rows.len && err == PB_OK; i++) {
        if (a->rows.data[i].pickle == m->pickle)
            err = path_at(w, a->rows.data[i].offset, &a->rows.data[i].path, e);
    }
    for (size_t i = m->pickle + 1; i < a->pickles.len && err == PB_OK; i++) {
        const struct pkl_audit_pickle *p = &a->pickles.data[i];

        if (p->inside == m->pickle && p->place != PKL_AUDIT_TRAILING)
            err = path_at(w, p->offset, &a->pickles.data[i].path, e);
    }
    where_free(w);
    m->cursor.n = 0;
    return err;
}

/* Text that happens to read like a few opcodes calls nothing and comes to no end. */
static bool is_accident(const struct pkl_audit *a, struct machine *m)
{
    const uint8_t *p;
    size_t n;
    struct error ignored;

    if (m->pickle == 0 || m->doc->scan.number > 0)
        return false;
    for (size_t i = m->first_row; i < a->rows.len; i++) {
        if (a->rows.data[i].called > 0 || a->rows.data[i].built > 0)
            return false;
    }
    return source_view(m->src, 0, 2, &p, &n, &ignored) != PB_OK || n < 2 || p[0] != 0x80 ||
           m->doc->scan.ops < 2;
}

static void forget(struct pkl_audit *a, const struct machine *m)
{
    while (a->rows.len > m->first_row)
        row_release(&a->rows.data[--a->rows.len]);
    while (a->pickles.len > m->pickle)
        free(a->pickles.data[--a->pickles.len].path);
}

static void machine_free(struct machine *m)
{
    if (m->src != NULL)
        pkl_doc_free(m->doc);
    source_free(m->src);
    vec_release(&m->stack);
    free(m);
}

/* Behind the last STOP may stand what a second load() would run, or what a joblib reader goes on with. */
static enum pb_err look_behind(struct pkl_audit *a, struct machine *m, bool *more, struct error *e)
{
    struct pkl_audit_pickle where = {.place = PKL_AUDIT_TRAILING, .inside = m->pickle};
    struct source *found;
    struct pkl_info info;
    enum pb_err err;

    *more = false;
    pkl_doc_info(m->doc, &info);
    if (info.trailing == 0 || m->ended || a->machines.len >= DEEPEST)
        return PB_OK;
    where.offset = info.end;
    err = nested_behind(pkl_doc_source(m->doc), info.end, &found, e);
    if (err == PB_OK && found != NULL) {
        *more = true;
        err = begin(a, found, NULL, &where, e);
    }
    return err;
}

static enum pb_err end(struct pkl_audit *a, struct machine *m, struct error *e)
{
    bool more;
    enum pb_err err = look_behind(a, m, &more, e);

    m->ended = true;
    if (err != PB_OK || more)
        return err;
    if (is_accident(a, m)) {
        forget(a, m);
    } else {
        err = find_paths(a, m, e);
        if (pkl_doc_error(m->doc, &a->pickles.data[m->pickle].error) == PB_OK)
            a->pickles.data[m->pickle].error.code = PB_OK;
    }
    a->machines.len--;
    machine_free(m);
    return err;
}

/* ------------------------------------------------------------------------ the whole */

static enum pb_err step(struct pkl_audit *a, struct machine *m, uint64_t budget, uint64_t *used,
                        struct error *e)
{
    size_t level = a->machines.len;
    enum pb_err err = PB_OK;

    *used = LATER;
    if (!m->indexed) {
        err = pkl_doc_step(m->doc, LATER, &m->indexed, e);
        return err;
    }
    *used = 0;
    while (err == PB_OK && a->machines.len == level && *used < budget &&
           m->at < m->doc->scan.at) {
        struct op op;

        err = cursor_read(&m->cursor, m->at, &op, e);
        if (err != PB_OK)
            break;
        m->at = op.end;
        *used += op.end - op.at < LATER ? op.end - op.at : LATER;
        err = do_op(a, m, &op, e);
    }
    if (err == PB_OK && a->machines.len == level && m->at >= m->doc->scan.at)
        err = end(a, m, e);
    return err;
}

enum pb_err pkl_audit_new(struct pkl_doc *d, struct pkl_audit **out, struct error *e)
{
    struct pkl_audit_pickle whole = {.place = PKL_AUDIT_WHOLE};
    struct pkl_audit *a = mem_alloc(sizeof *a);
    enum pb_err err;

    *out = a;
    if (a == NULL)
        return error_nomem(e);
    err = begin(a, NULL, d, &whole, e);
    if (err != PB_OK) {
        pkl_audit_free(a);
        *out = NULL;
    }
    return err;
}

enum pb_err pkl_audit_step(struct pkl_audit *a, uint64_t budget, bool *done, struct error *e)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && a->machines.len > 0 && budget > 0) {
        uint64_t used;

        err = step(a, a->machines.data[a->machines.len - 1], budget, &used, e);
        budget -= used < budget ? used : budget;
        if (a->machines.len > 0)
            a->passed = a->machines.data[0]->at;
    }
    *done = a->machines.len == 0;
    return err;
}

void pkl_audit_free(struct pkl_audit *a)
{
    if (a == NULL)
        return;
    while (a->machines.len > 0)
        machine_free(a->machines.data[--a->machines.len]);
    for (size_t i = 0; i < a->rows.len; i++)
        row_release(&a->rows.data[i]);
    for (size_t i = 0; i < a->pickles.len; i++)
        free(a->pickles.data[i].path);
    vec_release(&a->machines);
    vec_release(&a->rows);
    vec_release(&a->pickles);
    idmap_release(&a->names);
    free(a);
}

uint64_t pkl_audit_passed(const struct pkl_audit *a)
{
    return a->passed;
}

size_t pkl_audit_rows(const struct pkl_audit *a)
{
    return a->rows.len;
}

const struct pkl_audit_row *pkl_audit_row(const struct pkl_audit *a, size_t i)
{
    return &a->rows.data[i];
}

size_t pkl_audit_pickles(const struct pkl_audit *a)
{
    return a->pickles.len;
}

const struct pkl_audit_pickle *pkl_audit_pickle(const struct pkl_audit *a, size_t i)
{
    return &a->pickles.data[i];
}

const char *pkl_audit_place_name(enum pkl_audit_place p)
{
    static const char *const names[] = {"pickle", "bytes", "str", "base64", "hex", "trailing"};

    return names[p];
}

enum pkl_grade pkl_audit_verdict(const struct pkl_audit *a)
{
    enum pkl_grade g = PKL_SAFE;

    for (size_t i = 0; i < a->rows.len; i++)
        g = worse(g, a->rows.data[i].grade);
    return g;
}

/*
 * The audit: a machine with a real stack goes over the opcodes.  Of most values it keeps nothing
 * but that they are there: up to 32 leaves in a row are one entry, found again by re-reading
 * when one of them matters; equal entries are counted.  Pickles found inside of values are
 * audited by machines of their own, one on top of the other.
 */
#include <pklbrowse/pkl_audit.h>

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "where.h"

#define DEEPEST 16u               /* pickles in pickles */
#define LATER ((size_t)64 * 1024) /* bytes of index a step of a nested one makes */

static enum pkl_grade worse(enum pkl_grade a, enum pkl_grade b)
{
    return a > b ? a : b;
}

/* -------------------------------------------------------------------------- uses */

static void note_import(struct pkl_audit_row *r, uint64_t at)
{
    r->imported++;
    row_tell(r, TELL_IMPORT, at);
}

enum use { USE_CALL, USE_NEW };

/* copyreg._reconstructor(cls, ...) and its like make an instance of their first argument. */
static bool builds_its_argument(const struct pkl_audit_row *r)
{
    return r->kind == PKL_AUDIT_GLOBAL && strcmp(r->py3_module, "copyreg") == 0 &&
           (strcmp(r->py3_name, "_reconstructor") == 0 || strcmp(r->py3_name, "__newobj__") == 0 ||
            strcmp(r->py3_name, "__newobj_ex__") == 0);
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
        row_raise(r, PKL_UNKNOWN, NULL);
    } else if (use == USE_CALL) {
        r->called++;
    } else {
        r->built++;
    }
    row_tell(r, use == USE_CALL ? TELL_CALL : TELL_BUILD, at);
    if (m->tuple_on_top && use == USE_CALL && what->tag == A_GLOBAL && builds_its_argument(r) &&
        m->first.tag == A_GLOBAL) {
        struct pkl_audit_row *class = &a->rows.data[m->first.at];

        class->built++;
        row_tell(class, TELL_BUILD, at);
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
            row_tell(r, TELL_BUILD, at);
        return;
    }
    r->changed++;
    row_tell(r, TELL_CHANGE, at);
    row_raise(r, PKL_DANGEROUS, "the pickle changes what it imports");
}

/* ----------------------------------------------------------------------- opcodes */

static enum pb_err do_call(struct pkl_audit *a, struct machine *m, const struct op *op,
                           struct error *e)
{
    unsigned depth = op->code == 0x92 ? 2 : 1;
    struct aval what;
    size_t made;
    enum pb_err err =
        op->code == 'o' ? stack_first(a, m, &what, e) : stack_peek(a, m, depth, &what, e);

    if (err == PB_OK)
        err = note_call(a, m, &what, op->code == 'R' || op->code == 'o' ? USE_CALL : USE_NEW,
                        op->at, &made, e);
    if (err != PB_OK)
        return err;
    if (op->code == 'o')
        stack_pop_to_mark(m);
    else
        stack_pop(m, depth + 1);
    return stack_push(m, A_MADE, made) ? PB_OK : error_nomem(e);
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
    row_tell(&a->rows.data[row], TELL_CALL, op->at);
    stack_pop_to_mark(m);
    return stack_push(m, A_MADE, row) ? PB_OK : error_nomem(e);
}

static enum pb_err do_global(struct pkl_audit *a, struct machine *m, const struct op *op,
                             struct error *e)
{
    size_t row;
    enum pb_err err;

    if (op->code == 0x93)
        stack_pop(m, 2);
    if (op_info[op->code].class == OP_EXTENSION)
        err = other_row(a, m, PKL_AUDIT_EXTENSION,
                        (int64_t)op_le(op->p + 1, op_info[op->code].header - 1u), &row, e);
    else
        err = name_row(a, m, op->at, &row, e);
    if (err != PB_OK)
        return err;
    note_import(&a->rows.data[row], op->at);
    return stack_push(m, A_GLOBAL, row) ? PB_OK : error_nomem(e);
}

static enum pb_err do_tuple(struct pkl_audit *a, struct machine *m, const struct op *op,
                            struct error *e)
{
    unsigned n = op->code == 't' ? 0 : op->code - 0x84u;
    enum pb_err err;

    err = n == 0 ? stack_first(a, m, &m->first, e) : stack_peek(a, m, n - 1, &m->first, e);
    if (err != PB_OK)
        return err;
    if (n == 0)
        stack_pop_to_mark(m);
    else
        stack_pop(m, n);
    m->tuple_on_top = true;
    return stack_push(m, A_PLAIN, 0) ? PB_OK : error_nomem(e);
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
        stack_pop(m, 1);
        break;
    default:
        stack_pop_to_mark(m);
        break;
    }
    return stack_push(m, A_PLAIN, 0) ? PB_OK : error_nomem(e);
}

static enum pb_err do_group(struct pkl_audit *a, struct machine *m, const struct op *op,
                            struct error *e)
{
    struct aval target;
    enum pb_err err;

    if (op->code == 'b' || op->code == 'a')
        stack_pop(m, 1);
    else if (op->code == 's')
        stack_pop(m, 2);
    else
        stack_pop_to_mark(m);
    err = stack_peek(a, m, 0, &target, e);
    if (err == PB_OK)
        note_change(a, &target, op->code == 'b', op->at);
    return err;
}

static enum pb_err do_dup(struct pkl_audit *a, struct machine *m, struct error *e)
{
    struct aval top;
    enum pb_err err = stack_peek(a, m, 0, &top, e);

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
        if (!stack_push_leaf(m, op->at, false))
            return error_nomem(e);
        return look_inside(a, m, op, e);
    case OP_REF:
        if (op->code == '2')
            return do_dup(a, m, e);
        return stack_push_leaf(m, op->at, true) ? PB_OK : error_nomem(e);
    case OP_MAKE: {
        enum pb_err err = do_make(a, m, op, e);

        if (op->code != 't' && (op->code < 0x85 || op->code > 0x87))
            m->tuple_on_top = false;
        return err;
    }
    case OP_GROUP:
        if (op->code == 'b' && op->payload > 0) { /* an array of joblib, perhaps pickled */
            enum pb_err err = look_inside(a, m, op, e);

            if (err != PB_OK)
                return err;
        }
        return do_group(a, m, op, e);
    case OP_MARK:
        return stack_push(m, A_MARK, 0) ? PB_OK : error_nomem(e);
    case OP_STOP:
        m->stack.len = 0;
        m->open = false;
        return PB_OK;
    case OP_OTHER:
        if (op->code == '0')
            stack_pop(m, 1);
        else if (op->code == '1')
            stack_pop_to_mark(m);
        m->open = false; /* READONLY_BUFFER pushes nothing: a run cannot go over it */
        return PB_OK;
    case OP_PUT:
    case OP_FRAME:
    case OP_PROTO:
    case OP_BAD:
        return PB_OK;
    default:
        return stack_push_leaf(m, op->at, false) ? PB_OK : error_nomem(e);
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

/* Behind the last STOP may stand what a second load() would run, or what a joblib reader goes on
   with. */
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
    while (err == PB_OK && a->machines.len == level && *used < budget && m->at < m->doc->scan.at) {
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

/* What an audit has found: rows, found again by their names. */
#include <pklbrowse/pkl_leaf.h>

#include <stdlib.h>
#include <string.h>

#include "audit.h"

static uint64_t hash(uint64_t h, const char *s)
{
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return (h ^ 0xff) * 0x100000001b3u;
}

void row_release(struct pkl_audit_row *r)
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
enum pb_err name_row(struct pkl_audit *a, struct machine *m, uint64_t at, size_t *index,
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

enum pb_err other_row(struct pkl_audit *a, struct machine *m, enum pkl_audit_kind kind,
                             int64_t code, size_t *index, struct error *e)
{
    struct pkl_audit_row r = {
        .kind = kind, .code = code, .pickle = m->pickle, .grade = PKL_UNKNOWN};

    return enter_row(a, &r, index, e);
}

/* The place that is told: of the most telling kind of use, the first. */
void row_tell(struct pkl_audit_row *r, uint8_t telling, uint64_t at)
{
    if (telling > r->telling) {
        r->telling = telling;
        r->offset = at;
    }
}

void row_raise(struct pkl_audit_row *r, enum pkl_grade g, const char *why)
{
    if (g > r->grade) {
        r->grade = g;
        r->why = why;
    }
}

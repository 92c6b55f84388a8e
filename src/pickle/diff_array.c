/* Two arrays of numpy: told apart by their elements, wherever the bytes of those stand. */
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "lens/nd.h"

struct diff_array {
    struct pkl_node node[2];
    struct nd_array a[2];
    uint64_t next, told; /* elements in C order */
};

void diff_array_free(struct diff_array *x)
{
    if (x == NULL)
        return;
    nd_array_release(&x->a[0]);
    nd_array_release(&x->a[1]);
    free(x);
}

/* *out is NULL when one of them is no array that can be taken apart. */
static enum pb_err open_both(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                             struct diff_array **out)
{
    struct diff_array *x = mem_alloc(sizeof *x);
    const struct pkl_node *node[2] = {a, b};
    enum pb_err err = PB_OK;

    *out = NULL;
    if (x == NULL)
        return error_nomem(d->e);
    for (unsigned s = 0; s < 2; s++)
        nd_array_init(&x->a[s]);
    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        struct lens scratch;

        lens_init(&scratch);
        err = d->v[s]->node(d->v[s], node[s]->target, &x->node[s], d->e);
        if (err == PB_OK)
            err = nd_array_open(&d->reader[s], &x->node[s], &x->a[s], &scratch, d->e);
        lens_release(&scratch);
    }
    if (err == PB_OK)
        *out = x;
    else
        diff_array_free(x);
    return err == PB_EUNSUPPORTED ? PB_OK : err;
}

static bool is_object(const struct nd_array *a)
{
    return a->types.type.data[0].objects;
}

static enum pb_err same_form(struct diff *d, const struct diff_array *x, bool *same)
{
    const struct nd_array *a = &x->a[0], *b = &x->a[1];
    struct buf type[2];
    enum pb_err err = PB_OK;

    *same = strcmp(a->class, b->class) == 0 && a->dims == b->dims && a->opaque == b->opaque &&
            is_object(a) == is_object(b) &&
            (a->dims == 0 || memcmp(a->shape, b->shape, a->dims * sizeof a->shape[0]) == 0);
    for (unsigned s = 0; s < 2; s++) {
        buf_init(&type[s], SIZE_MAX / 2);
        nd_type_repr(&x->a[s].types, 0, &type[s]);
        if (err == PB_OK)
            err = buf_status(&type[s], d->e);
    }
    *same =
        *same && type[0].len == type[1].len && memcmp(type[0].data, type[1].data, type[0].len) == 0;
    buf_release(&type[0]);
    buf_release(&type[1]);
    return err;
}

/* The pickles that an array of joblib holds in place of bytes. */
static enum pb_err same_inside(struct diff *d, const struct diff_array *x, bool *same)
{
    struct source *src[2];
    struct source_gap gap[2];
    enum pb_err err = PB_OK;

    *same = true;
    for (unsigned s = 0; s < 2; s++) {
        struct pkl_doc *doc = d->v[s]->doc(d->v[s], PKL_ID_SOURCE(x->node[s].target));

        src[s] = doc != NULL ? pkl_doc_source(doc) : NULL;
        if (src[s] == NULL || !source_gap_before(src[s], x->a[s].data.end, &gap[s]))
            return PB_OK; /* none: a buffer, which is compared as a part of the array */
    }
    *same = gap[0].len == gap[1].len;
    for (uint64_t at = 0, n; *same && err == PB_OK && at < gap[0].len; at += n) {
        n = gap[0].len - at < SOURCE_VIEW_MAX ? gap[0].len - at : SOURCE_VIEW_MAX;
        err = diff_same_bytes(src[0], gap[0].at + at, src[1], gap[1].at + at, n, same, d->e);
        if (err == PB_OK)
            err = diff_check(d);
    }
    return err;
}

/* The first element from x->next on whose bytes are others; *found is false when there is none. */
static enum pb_err find_other(struct diff *d, struct diff_array *x, bool *found)
{
    const struct nd_array *a = x->a;
    uint64_t size = a[0].types.type.data[0].size;
    bool apart = a[0].dims > 1 && (a[0].fortran || a[1].fortran);
    enum pb_err err = PB_OK;

    *found = false;
    if (size == 0)
        x->next = a[0].count;
    while (err == PB_OK && !*found && x->next < a[0].count) {
        uint64_t left = apart ? 1 : a[0].count - x->next;
        const uint8_t *p[2];
        size_t n[2], want, same = 0;

        want = left <= SOURCE_VIEW_MAX / size ? (size_t)(left * size) : SOURCE_VIEW_MAX;
        err = diff_check(d);
        for (unsigned s = 0; s < 2 && err == PB_OK; s++)
            err = nd_item_bytes(d->v[s], &a[s], x->next, 0, want, &p[s], &n[s], d->e);
        if (err != PB_OK)
            return err;
        if (memcmp(p[0], p[1], want) == 0) {
            /* Of an element that is longer than a look the rest counts as other. */
            *found = want < size;
            x->next += want / size;
            continue;
        }
        while (p[0][same] == p[1][same])
            same++;
        x->next += same / size;
        *found = true;
    }
    return err;
}

enum pb_err diff_array_look(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                            enum diff_verdict *verdict)
{
    struct diff_array *x;
    bool same = true, found = false;
    enum pb_err err = open_both(d, a, b, &x);

    *verdict = DIFF_DOWN;
    if (err != PB_OK || x == NULL)
        return err;
    err = same_form(d, x, &same);
    if (err == PB_OK && same && x->a[0].opaque) {
        err = same_inside(d, x, &same);
    } else if (err == PB_OK && same && !is_object(&x->a[0])) {
        err = find_other(d, x, &found);
        if (!found)
            *verdict = DIFF_SAME;
        else if (x->a[0].dims == 0)
            same = false;
    }
    if (!same)
        *verdict = DIFF_OTHER;
    diff_array_free(x);
    return err;
}

enum pb_err diff_array_open(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                            struct diff_array **out)
{
    enum pb_err err = open_both(d, a, b, out);

    if (err == PB_OK && *out != NULL && ((*out)->a[0].opaque || (*out)->a[0].dims == 0)) {
        diff_array_free(*out);
        *out = NULL;
    }
    return err;
}

/* ------------------------------------------------------------------------- walking */

static uint64_t index_at(const struct nd_array *a, unsigned dim, uint64_t element)
{
    for (unsigned i = a->dims; --i > dim;)
        element /= a->shape[i];
    return element % a->shape[dim];
}

enum pb_err diff_array_path(const struct diff_array *x, struct pkl_view *v, enum path_form form,
                            struct buf *out, struct error *e)
{
    enum pb_err err = PB_OK;

    for (unsigned i = 0; i + 1 < x->a[0].dims && err == PB_OK; i++) {
        struct pkl_child step = {.step = PKL_STEP_INDEX};

        step.index = step.position = index_at(&x->a[0], i, x->told);
        err = pkl_path_step_text(v, &step, form, out, e);
    }
    return err;
}

/* What has only a text is the same when the text is, bytes that fill up a structure aside. */
static enum pb_err same_text(struct diff *d, const struct diff_array *x,
                             const struct pkl_child kid[2], bool *same)
{
    enum pb_err err = PB_OK;

    *same = false;
    if (x->a[0].types.type.data[0].size > ND_ITEM_MAX)
        return PB_OK;
    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        lens_drop(&d->lens[s], 0, 0);
        err = lens_read(&d->reader[s], &kid[s].value, SIZE_MAX, &d->lens[s], d->e);
    }
    if (err == PB_OK)
        *same = d->lens[0].text.len == d->lens[1].text.len &&
                memcmp(d->lens[0].text.data, d->lens[1].text.data, d->lens[0].text.len) == 0;
    return err;
}

static enum pb_err compare_element(struct diff_machine *m, const struct diff_array *x,
                                   const struct pkl_child kid[2])
{
    bool same = false;
    enum pb_err err;

    if (is_object(&x->a[0]))
        return diff_compare(m, &kid[0], &kid[1]);
    err = kid[0].value.kind == PKL_OBJECT
              ? same_text(m->d, x, kid, &same)
              : diff_same_leaf(m->d, &kid[0].value, &kid[1].value, &same);
    return err != PB_OK || same ? err : diff_report(m, PKL_DIFF_CHANGED, &kid[0], &kid[1]);
}

enum pb_err diff_array_step(struct diff_machine *m, struct diff_array *x, bool *done)
{
    struct diff *d = m->d;
    struct pkl_child kid[2];
    bool found = x->next < x->a[0].count;
    enum pb_err err = is_object(&x->a[0]) ? PB_OK : find_other(d, x, &found);

    *done = !found;
    if (err != PB_OK || !found)
        return err;
    x->told = x->next++;
    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        struct pkl_child item;
        size_t got = 1;

        kid[s] = (struct pkl_child){.step = PKL_STEP_INDEX};
        kid[s].index = kid[s].position = index_at(&x->a[s], x->a[s].dims - 1, x->told);
        if (is_object(&x->a[s]))
            err = d->v[s]->children(d->v[s], x->a[s].data.target, x->told, 1, &item, &got, d->e);
        else
            err = nd_element_of(d->v[s], &x->node[s], x->told, &item.value, d->e);
        if (err == PB_OK && got == 0)
            err = error_set(d->e, PB_EPICKLE, "the array is shorter than it says");
        kid[s].value = item.value;
    }
    return err == PB_OK ? compare_element(m, x, kid) : err;
}

/*
 * From replaced values to cuts.
 *
 *   nothing of it is read later     OLD PUT        ->  NEW PUT
 *   it is read later                OLD PUT        ->  OLD PUT POP NEW
 *   a part of it is read later      .. PART PUT .. ->  PART PUT POP NEW
 *
 * MEMOIZE numbers by counting, so where numbers still matter the slots of what is gone are filled
 * with dummies.  A FRAME in the midst of what goes stays.
 */
#include <stdlib.h>
#include <string.h>

#include "opcode_bytes.h"
#include "splice_private.h"

/* A cut in the making: what stands before the new value is collected in the plan's bytes. */
struct cutter {
    struct splice_work *w;
    struct splice_cut cut;
};

static void start(struct cutter *c, uint64_t begin)
{
    c->cut = (struct splice_cut){.begin = begin, .from = c->w->plan->bytes.len};
}

static void dummy(struct cutter *c, const void *p, size_t n)
{
    buf_append(&c->w->plan->bytes, p, n);
}

static enum pb_err push_cut(struct splice_work *w, struct splice_cut cut)
{
    return vec_push(&w->cuts, cut) ? PB_OK : error_nomem(w->e);
}

/* Ends the cut; FRAMEs inside it are left out of it. */
static enum pb_err stop(struct cutter *c, uint64_t end)
{
    const struct pkl_frame *frames;
    size_t n = pkl_doc_frames(c->w->ed->doc, &frames), low = 0, high = n;
    struct splice_cut cut = c->cut;
    enum pb_err err = PB_OK;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (frames[middle].offset < cut.begin)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && frames[low].offset < end && err == PB_OK; low++) {
        cut.end = frames[low].offset;
        err = push_cut(c->w, cut);
        cut = (struct splice_cut){.begin = frames[low].offset + 9, .from = cut.from};
    }
    cut.end = end;
    if (err != PB_OK || (cut.begin == end && cut.before + cut.new + cut.after == 0))
        return err;
    return push_cut(c->w, cut);
}

/* ------------------------------------------------------------------------ new values */

struct range {
    uint64_t at, end; /* of the second source */
};

/* The first change inside new values from `at` on; NULL when it is not in front of `end`. */
static const struct edit_change *change_in(const struct pkl_edit *ed, uint64_t at, uint64_t end)
{
    size_t low = 0, high = ed->changes.rows.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct edit_change *c = &ed->changes.rows.data[middle];

        if (PKL_ID_SOURCE(c->place.owner) == 0 || c->begin < at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ed->changes.rows.len || ed->changes.rows.data[low].begin >= end)
        return NULL;
    return &ed->changes.rows.data[low];
}

/* The bytes of a new value; what was edited inside it is replaced in turn. */
static enum pb_err put_new(struct splice_work *w, size_t value, uint64_t place)
{
    struct {
        struct range *data;
        size_t len, cap;
    } open = {0};
    const struct pkl_edit *ed = w->ed;
    const struct pkl_node *n = &ed->values.data[value - 1].node;
    struct range r = {n->begin, n->end};
    enum pb_err err = vec_push(&open, r) ? PB_OK : error_nomem(w->e);

    while (err == PB_OK && open.len > 0) {
        struct range *top = &open.data[open.len - 1];
        const struct edit_change *inner = change_in(ed, top->at, top->end);
        uint64_t upto = inner != NULL ? inner->begin : top->end;

        err = splice_copy_new(w, top->at, upto, place);
        if (inner == NULL) {
            open.len--;
        } else {
            top->at = inner->end;
            n = &ed->values.data[inner->value - 1].node;
            r = (struct range){n->begin, n->end};
            if (err == PB_OK && !vec_push(&open, r))
                err = error_nomem(w->e);
        }
    }
    vec_release(&open);
    return err;
}

static enum pb_err new_value(struct cutter *c, size_t value)
{
    size_t at = c->w->plan->bytes.len;
    enum pb_err err;

    c->cut.before = at - c->cut.from;
    err = put_new(c->w, value, c->cut.begin);
    c->cut.new = c->w->plan->bytes.len - at;
    return err;
}

/* --------------------------------------------------------------------------- dummies */

static enum pb_err copy_memo_opcode(struct splice_work *w, const struct splice_put *p)
{
    struct sink to = sink_buf(&w->plan->bytes);

    return source_copy(pkl_doc_source(w->ed->doc), p->offset, p->end - p->offset, &to, w->e);
}

static bool numbers_matter(const struct splice_work *w, const struct splice_span *s)
{
    return w->numbered >= s->end;
}

/* Slots defined inside what goes are given to the new value. */
static enum pb_err fill_slots(struct cutter *c, const struct splice_span *s)
{
    size_t at = c->w->plan->bytes.len;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < s->puts && err == PB_OK && numbers_matter(c->w, s); i++) {
        const struct splice_put *p = &c->w->puts.data[s->first_put + i];

        if (p->offset < s->made)
            err = copy_memo_opcode(c->w, p);
    }
    c->cut.after = c->w->plan->bytes.len - at;
    return err;
}

/* ----------------------------------------------------------------------------- parts */

struct part {
    uint64_t begin, end;
};

struct parts {
    struct part *data;
    size_t len, cap;
};

/* What a slot holds, memo opcodes behind it included. */
static enum pb_err part_of(struct splice_work *w, const struct splice_put *p, struct part *out)
{
    struct pkl_view *v = w->ed->base;
    struct pkl_node n = {.target = p->target};
    enum pb_err err = PB_OK;

    if (p->target == 0)
        err = v->node(v, PKL_ID(0, PKL_TAG_REF, p->get), &n, w->e);
    if (err == PB_OK)
        err = v->node(v, n.target, &n, w->e);
    if (err != PB_OK)
        return err;
    out->begin = n.begin;
    out->end = n.end > p->end ? n.end : p->end;
    return PB_OK;
}

/* The slots read inside [part.begin, part.end) stay, too. */
static bool keep_slots_of(struct splice_work *w, const struct part *part)
{
    size_t low = 0, high = w->gets.len;
    bool more = false;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->gets.data[middle].offset < part->begin)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < w->gets.len && w->gets.data[low].offset < part->end; low++) {
        struct splice_put *p = &w->puts.data[w->gets.data[low].put];

        if (p->fetched)
            continue;
        p->fetched = more = true;
        p->get = w->gets.data[low].offset;
    }
    return more;
}

/* A part that stays may read slots of other parts; those stay too.  Until nothing more is found. */
static enum pb_err find_parts(struct splice_work *w, const struct splice_span *s)
{
    bool more = true;
    struct part part;
    enum pb_err err = PB_OK;

    while (more && err == PB_OK) {
        more = false;
        for (size_t i = 0; i < s->puts && err == PB_OK; i++) {
            if (!w->puts.data[s->first_put + i].fetched)
                continue;
            err = part_of(w, &w->puts.data[s->first_put + i], &part);
            if (err == PB_OK && keep_slots_of(w, &part))
                more = true;
        }
    }
    return err;
}

static int outer_first(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end < y->end) - (x->end > y->end);
}

/* The parts that stay, in order, none inside another. */
static enum pb_err list_parts(struct splice_work *w, const struct splice_span *s, struct parts *out)
{
    size_t n = 0;
    struct part part;
    enum pb_err err = find_parts(w, s);

    for (size_t i = 0; i < s->puts && err == PB_OK; i++) {
        const struct splice_put *p = &w->puts.data[s->first_put + i];

        if (!p->fetched)
            continue;
        err = part_of(w, p, &part);
        if (err == PB_OK && !vec_push(out, part))
            err = error_nomem(w->e);
    }
    if (err != PB_OK || out->len == 0)
        return err;
    qsort(out->data, out->len, sizeof *out->data, outer_first);
    for (size_t i = 0; i < out->len; i++) {
        if (i == 0 || out->data[i].end > out->data[n - 1].end)
            out->data[n++] = out->data[i];
    }
    out->len = n;
    return PB_OK;
}

/* Slots of what goes, defined in [*next, upto): filled with None where numbers matter. */
static enum pb_err fill_lost(struct cutter *c, const struct splice_span *s, size_t *next,
                             uint64_t upto, bool matter)
{
    enum pb_err err = PB_OK;

    for (; *next < s->puts && err == PB_OK; ++*next) {
        const struct splice_put *p = &c->w->puts.data[s->first_put + *next];

        if (p->offset >= upto)
            break;
        if (!matter)
            continue;
        dummy(c, "N", 1);
        err = copy_memo_opcode(c->w, p);
        dummy(c, "0", 1);
    }
    return err;
}

/* The parts that stay are numbered by counting themselves. */
static bool has_implicit(const struct splice_work *w, const struct splice_span *s)
{
    for (size_t i = 0; i < s->puts; i++) {
        if (w->puts.data[s->first_put + i].implicit)
            return true;
    }
    return false;
}

static enum pb_err cut_around(struct splice_work *w, const struct splice_span *s,
                              const struct parts *parts)
{
    struct cutter c = {.w = w};
    uint64_t at = s->begin;
    size_t next = 0;
    enum pb_err err = PB_OK;

    start(&c, s->begin);
    for (size_t i = 0; i < parts->len && err == PB_OK; i++) {
        const struct part *p = &parts->data[i];

        if (p->begin < at || p->end > s->made)
            return error_set(w->e, PB_EREADONLY,
                             "the pickle uses parts of the replaced value in "
                             "a way that cannot be taken apart");
        err = fill_lost(&c, s, &next, p->begin, has_implicit(w, s));
        c.cut.before = w->plan->bytes.len - c.cut.from;
        if (err == PB_OK)
            err = stop(&c, p->begin);
        at = p->end;
        while (next < s->puts && w->puts.data[s->first_put + next].offset < at)
            next++;
        start(&c, at);
        dummy(&c, "0", 1);
    }
    if (err == PB_OK)
        err = fill_lost(&c, s, &next, s->made, numbers_matter(w, s));
    if (err == PB_OK)
        err = new_value(&c, s->value);
    return err == PB_OK ? stop(&c, s->made) : err;
}

/* ------------------------------------------------------------------------------ spans */

static enum pb_err cut_span(struct splice_work *w, const struct splice_span *s)
{
    struct cutter c = {.w = w};
    struct parts parts = {0};
    bool whole = s->whole_fetched;
    enum pb_err err = PB_OK;

    if (s->changed_inside && (s->part_fetched || s->whole_fetched))
        return error_set(w->e, PB_EREADONLY,
                         "a replaced value was edited inside before, and parts of it are shared "
                         "with values that stay: undo one of the two");
    if (s->part_fetched && !whole) {
        err = list_parts(w, s, &parts);
        whole = parts.len == 1 && parts.data[0].begin <= s->begin && parts.data[0].end >= s->made;
        if (err != PB_OK || !whole) {
            if (err == PB_OK)
                err = cut_around(w, s, &parts);
            vec_release(&parts);
            return err;
        }
        vec_release(&parts);
    }
    start(&c, whole ? s->end : s->begin);
    if (whole)
        dummy(&c, "0", 1);
    err = new_value(&c, s->value);
    if (err == PB_OK && !whole)
        err = fill_slots(&c, s);
    return err == PB_OK ? stop(&c, whole ? s->end : s->made) : err;
}

enum pb_err splice_cuts(struct splice_work *w)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->spans.len && err == PB_OK; i++)
        err = cut_span(w, &w->spans.data[i]);
    return err == PB_OK ? buf_status(&w->plan->bytes, w->e) : err;
}

/*
 * What became of a value: two documents walked side by side, a few thousand values a step.
 *
 * Children of a list or tuple are held against each other by their number, those of a dict or an
 * object by their key, members of a set as a whole.  What is shared is compared once.  Only what a
 * person can look through is kept; the rest is counted.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "app_private.h"
#include "compare_table.h"

#define KEPT 200 /* differences that are kept in words */
#define BATCH 16
#define KNOWN 256
#define DEEP 64 /* levels that read that many children at once; deeper ones read one by one */
#define PREVIEW 200
#define SPAN_MOST 4096 /* bytes of a scalar that are held against each other as they stand */

enum phase { ALIGNED, FILLING, MATCHING, ADDED };
struct level {
    struct pkl_child place; /* of the container in the older one: how one gets there */
    pkl_id a, b, target_b;
    uint64_t count_a, count_b, at;
    enum pkl_kind kind;
    enum phase phase;
    bool stream;         /* the pickles of the stream */
    struct table theirs; /* children of b that are not matched yet */
    uint64_t sum;        /* of a set: of its members */
    struct pkl_child *kids_a, *kids_b;
    uint64_t from;
    size_t got_a, got_b, room;
};

struct known {
    pkl_id a, b;
};

struct comparer {
    struct job job; /* first */
    struct pkl_view *a, *b;
    struct {
        struct level *data;
        size_t len, cap;
    } levels;
    struct table seen; /* pairs that need not be compared again */
    struct {
        struct app_difference *data;
        size_t len, cap;
    } found;
    uint64_t total;
    struct known known[KNOWN]; /* scalars that were found equal */
};

/* Two values that are held against each other, as one number. */
static uint64_t pair_of(pkl_id a, pkl_id b)
{
    return (a * 0x9e3779b97f4a7c15u) ^ (b + 0x7f4a7c15u);
}

/* --- single values -------------------------------------------------------------------------- */

static bool is_container(enum pkl_kind k)
{
    return (k >= PKL_LIST && k <= PKL_FROZENSET) || k == PKL_OBJECT;
}

/* Bytes of a scalar that was written where it stands mean the same in both. */
static bool same_span(struct comparer *c, const struct pkl_node *a, const struct pkl_node *b)
{
    uint64_t n = a->end - a->begin;
    struct source *sa, *sb;
    const uint8_t *pa, *pb;
    size_t na, nb;

    if (a->ref || b->ref || n != b->end - b->begin || n > SPAN_MOST ||
        (a->kind > PKL_STR && a->kind != PKL_PY2STR))
        return false;
    sa = pkl_doc_source(c->a->doc(c->a, PKL_ID_SOURCE(a->id)));
    sb = pkl_doc_source(c->b->doc(c->b, PKL_ID_SOURCE(b->id)));
    return source_view(sa, a->begin, (size_t)n, &pa, &na, NULL) == PB_OK && na >= n &&
           source_view(sb, b->begin, (size_t)n, &pb, &nb, NULL) == PB_OK && nb >= n && sa != sb &&
           memcmp(pa, pb, (size_t)n) == 0;
}

static enum pb_err hash_of(struct pkl_view *v, const struct pkl_node *n, uint64_t *out,
                           struct error *e)
{
    uint8_t digest[SHA256_LEN];
    enum pb_err err = app_value_digest(v, n, digest, e);

    if (err == PB_OK)
        memcpy(out, digest, sizeof *out);
    return err;
}

/* Keys are mostly references to the same few strings. */
static bool known_same(const struct comparer *c, const struct pkl_node *a, const struct pkl_node *b)
{
    const struct known *k = &c->known[pair_of(a->target, b->target) % KNOWN];

    return k->a == a->target && k->b == b->target && k->a != 0;
}

static enum pb_err same_scalar(struct comparer *c, const struct pkl_node *a,
                               const struct pkl_node *b, bool *same, struct error *e)
{
    uint8_t da[SHA256_LEN], db[SHA256_LEN];
    enum pb_err err;

    *same = same_span(c, a, b) || known_same(c, a, b);
    if (*same)
        return PB_OK;
    err = app_value_digest(c->a, a, da, e);
    if (err == PB_OK)
        err = app_value_digest(c->b, b, db, e);
    if (err == PB_OK)
        *same = memcmp(da, db, sizeof da) == 0;
    if (err == PB_OK && *same)
        c->known[pair_of(a->target, b->target) % KNOWN] = (struct known){a->target, b->target};
    return err;
}

/* What a child is found by in the other container. */
static enum pb_err key_of(struct pkl_view *v, const struct pkl_child *child, uint64_t *out,
                          struct error *e)
{
    uint64_t kind = (uint64_t)child->step << 32 | (uint64_t)child->part;

    if (child->key.id == 0) {
        *out = (kind << 8) ^ child->position;
        return PB_OK;
    }
    return hash_of(v, &child->key, out, e);
}

static enum pb_err same_key(struct comparer *c, const struct pkl_child *a,
                            const struct pkl_child *b, bool *same, struct error *e)
{
    *same = a->step == b->step && a->part == b->part && (a->key.id == 0) == (b->key.id == 0);
    if (!*same || a->key.id == 0)
        return PB_OK;
    *same = a->key.kind == b->key.kind;
    return *same ? same_scalar(c, &a->key, &b->key, same, e) : PB_OK;
}

/* --- differences ---------------------------------------------------------------------------- */

static enum pb_err path_text(struct comparer *c, const struct pkl_child *last,
                             struct pkl_view *last_view, struct buf *out, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 1; i < c->levels.len && err == PB_OK; i++) {
        if (c->levels.data[i].place.step != PKL_STEP_ROOT || c->levels.data[0].count_a > 1)
            err = pkl_path_step_text(c->a, &c->levels.data[i].place, PATH_FORM_PYTHON, out, e);
    }
    if (err == PB_OK && (last->step != PKL_STEP_ROOT || c->levels.data[0].count_a > 1))
        err = pkl_path_step_text(last_view, last, PATH_FORM_PYTHON, out, e);
    return err;
}

static char *preview(struct pkl_view *v, const struct pkl_child *child, struct error *e)
{
    struct buf text;
    char *out = NULL;

    buf_init(&text, BUF_MAX_LINE);
    if (pkl_preview(v, &child->value, PREVIEW, &text, e) == PB_OK)
        out = buf_take(&text, NULL);
    buf_release(&text);
    return out;
}

/* a or b NULL: there is none. */
static enum pb_err differs(struct comparer *c, const struct pkl_child *a, const struct pkl_child *b,
                           struct error *e)
{
    struct app_difference d = {0};
    struct buf path;
    enum pb_err err;

    c->total++;
    /* Where what holds it stands again, it is not told again. */
    for (size_t i = c->levels.len; i-- > 1;) {
        const struct level *l = &c->levels.data[i];
        uint64_t pair = pair_of(l->place.value.target, l->target_b);

        if (table_has(&c->seen, pair))
            break;
        if (!table_put(&c->seen, pair, 0))
            return error_nomem(e);
    }
    if (c->found.len >= KEPT)
        return PB_OK;
    buf_init(&path, BUF_MAX_TEXT);
    err = path_text(c, a != NULL ? a : b, a != NULL ? c->a : c->b, &path, e);
    if (err == PB_OK && a != NULL && (d.was = preview(c->a, a, e)) == NULL)
        err = PB_ENOMEM;
    if (err == PB_OK && b != NULL && (d.now = preview(c->b, b, e)) == NULL)
        err = PB_ENOMEM;
    if (err == PB_OK) {
        struct buf shown;

        buf_init(&shown, BUF_MAX_TEXT);
        text_escape(&shown, path.data, path.len);
        d.path = buf_take(&shown, NULL);
        buf_release(&shown);
    }
    buf_release(&path);
    if (d.path != NULL && vec_push(&c->found, d))
        return PB_OK;
    free(d.path);
    free(d.was);
    free(d.now);
    return err == PB_OK ? error_nomem(e) : err;
}

/* --- down and up ---------------------------------------------------------------------------- */

static void level_release(struct level *l)
{
    free(l->theirs.slots);
    free(l->kids_a);
    free(l->kids_b);
}

static enum pb_err level_push(struct comparer *c, const struct pkl_child *a,
                              const struct pkl_child *b, struct error *e)
{
    struct level l = {.room = c->levels.len < DEEP ? BATCH : 1, .stream = a == NULL};
    enum pb_err err = PB_OK;

    if (a == NULL) {
        l.count_a = c->a->roots(c->a);
        l.count_b = c->b->roots(c->b);
        l.kind = PKL_LIST;
    } else {
        l.place = *a;
        l.a = a->value.id;
        l.b = b->value.id;
        l.target_b = b->value.target;
        l.kind = a->value.kind;
        err = c->a->count_children(c->a, l.a, &l.count_a, e);
        if (err == PB_OK)
            err = c->b->count_children(c->b, l.b, &l.count_b, e);
    }
    if (err != PB_OK)
        return err;
    l.kids_a = mem_realloc(NULL, l.room, sizeof *l.kids_a);
    l.kids_b = mem_realloc(NULL, l.room, sizeof *l.kids_b);
    l.from = UINT64_MAX;
    if (l.kids_a == NULL || l.kids_b == NULL || !vec_push(&c->levels, l)) {
        level_release(&l);
        return error_nomem(e);
    }
    return PB_OK;
}

/* What is shown as one value (a date, a number, a set of an old protocol) is compared as one. */
static enum pb_err is_one(struct comparer *c, const struct pkl_node *a, const struct pkl_node *b,
                          bool *one, struct error *e)
{
    const char *ta = NULL, *tb = NULL;
    enum pb_err err = PB_OK;

    *one = !is_container(a->kind);
    if (a->kind != PKL_OBJECT)
        return PB_OK;
    err = pkl_lens_type(c->a, a, &ta, e);
    if (err == PB_OK)
        err = pkl_lens_type(c->b, b, &tb, e);
    *one = ta != NULL && tb != NULL && strncmp(ta, "collections.", strlen("collections.")) != 0;
    return err;
}

/* Another class makes two objects different, whatever is in them. */
static enum pb_err same_class(struct comparer *c, const struct pkl_node *a,
                              const struct pkl_node *b, bool *same, struct error *e)
{
    struct pkl_child ca, cb;
    enum pb_err err;

    *same = true;
    if (a->kind != PKL_OBJECT)
        return PB_OK;
    err = c->a->part(c->a, a->id, PKL_CLASS, &ca, e);
    if (err == PB_OK)
        err = c->b->part(c->b, b->id, PKL_CLASS, &cb, e);
    return err == PB_OK ? same_scalar(c, &ca.value, &cb.value, same, e) : err;
}

static enum pb_err both(struct comparer *c, const struct pkl_child *a, const struct pkl_child *b,
                        struct error *e)
{
    bool same = a->value.kind == b->value.kind, one = true;
    enum pb_err err = PB_OK;

    if (same)
        err = is_one(c, &a->value, &b->value, &one, e);
    if (err == PB_OK && same && one)
        err = same_scalar(c, &a->value, &b->value, &same, e);
    else if (err == PB_OK && same)
        err = same_class(c, &a->value, &b->value, &same, e);
    if (err != PB_OK)
        return err;
    if (!same)
        return differs(c, a, b, e);
    if (one)
        return PB_OK;
    if (a->value.ref || b->value.ref) {
        if (table_has(&c->seen, pair_of(a->value.target, b->value.target)))
            return PB_OK;
        if (!table_put(&c->seen, pair_of(a->value.target, b->value.target), 0))
            return error_nomem(e);
    }
    return level_push(c, a, b, e);
}

/* --- one level ------------------------------------------------------------------------------ */

static enum pb_err kids(struct pkl_view *v, const struct level *l, pkl_id id, uint64_t first,
                        uint64_t count, struct pkl_child *out, size_t *got, struct error *e)
{
    *got = 0;
    if (first >= count)
        return PB_OK;
    if (!l->stream)
        return v->children(v, id, first, l->room, out, got, e);
    *got = 1;
    return v->root(v, first, out, e);
}

/* The children at l->at of both. */
static enum pb_err load(struct comparer *c, struct level *l, struct error *e)
{
    size_t least = l->got_a > l->got_b ? l->got_a : l->got_b;
    enum pb_err err;

    if (l->from != UINT64_MAX && l->at >= l->from && l->at < l->from + least)
        return PB_OK;
    l->from = l->at;
    err = kids(c->a, l, l->a, l->at, l->count_a, l->kids_a, &l->got_a, e);
    if (err == PB_OK)
        err = kids(c->b, l, l->b, l->at, l->count_b, l->kids_b, &l->got_b, e);
    if (err == PB_OK && l->got_a == 0 && l->got_b == 0)
        err = error_set(e, PB_EPICKLE, "a container has fewer values than it says");
    return err;
}

static const struct pkl_child *kid(const struct level *l, const struct pkl_child *kids, size_t got)
{
    return l->at >= l->from && l->at - l->from < got ? &kids[l->at - l->from] : NULL;
}

static bool by_key(const struct level *l)
{
    return l->kind == PKL_DICT || l->kind == PKL_OBJECT;
}

/* A set is the sum of its members, whatever their order. */
static enum pb_err step_set(struct comparer *c, struct level *l, struct error *e)
{
    const struct pkl_child *a = kid(l, l->kids_a, l->got_a), *b = kid(l, l->kids_b, l->got_b);
    uint64_t ha = 0, hb = 0;
    enum pb_err err = PB_OK;

    if (a != NULL)
        err = hash_of(c->a, &a->value, &ha, e);
    if (err == PB_OK && b != NULL)
        err = hash_of(c->b, &b->value, &hb, e);
    l->sum += ha - hb;
    l->at++;
    return err;
}

static enum pb_err step_aligned(struct comparer *c, struct level *l, struct error *e)
{
    const struct pkl_child *a = kid(l, l->kids_a, l->got_a), *b = kid(l, l->kids_b, l->got_b);
    struct pkl_child ca, cb;
    bool same = a != NULL && b != NULL;
    enum pb_err err = PB_OK;

    if (by_key(l)) {
        if (same)
            err = same_key(c, a, b, &same, e);
        if (err != PB_OK || !same) {
            l->phase = FILLING;
            l->sum = l->at; /* where the order was lost */
            return err;
        }
    }
    l->at++;
    if (a == NULL || b == NULL)
        return differs(c, a, b, e);
    ca = *a;
    cb = *b;
    return both(c, &ca, &cb, e); /* may move the levels */
}

static enum pb_err step_filling(struct comparer *c, struct level *l, struct error *e)
{
    const struct pkl_child *b = kid(l, l->kids_b, l->got_b);
    uint64_t hash;
    enum pb_err err;

    if (b == NULL) {
        l->at = l->sum;
        l->phase = MATCHING;
        return PB_OK;
    }
    err = key_of(c->b, b, &hash, e);
    if (err == PB_OK && !table_put(&l->theirs, hash, l->at))
        err = error_nomem(e);
    l->at++;
    return err;
}

static enum pb_err step_matching(struct comparer *c, struct level *l, struct error *e)
{
    const struct pkl_child *a = kid(l, l->kids_a, l->got_a);
    struct pkl_child ca, cb;
    uint64_t hash, position;
    size_t got;
    enum pb_err err;

    if (a == NULL) {
        l->at = 0;
        l->phase = ADDED;
        return PB_OK;
    }
    ca = *a;
    err = key_of(c->a, &ca, &hash, e);
    l->at++;
    if (err != PB_OK)
        return err;
    if (!table_take(&l->theirs, hash, &position))
        return differs(c, &ca, NULL, e);
    err = c->b->children(c->b, l->b, position, 1, &cb, &got, e);
    if (err == PB_OK && got == 1)
        err = both(c, &ca, &cb, e);
    return err;
}

/* What nobody took, in the order of the table.  l->at counts slots. */
static enum pb_err step_added(struct comparer *c, struct level *l, struct error *e)
{
    struct pkl_child cb;
    uint64_t hash, at = l->theirs.slots[l->at].position;
    size_t got;
    enum pb_err err;

    if (at == 0) {
        l->at++;
        return PB_OK;
    }
    err = c->b->children(c->b, l->b, at - 1, 1, &cb, &got, e);
    if (err == PB_OK && got == 1)
        err = key_of(c->b, &cb, &hash, e);
    if (err == PB_OK && got == 1 && hash == l->theirs.slots[l->at].hash)
        err = differs(c, NULL, &cb, e);
    l->at++;
    return err;
}

static bool level_over(const struct level *l)
{
    if (l->phase == ADDED)
        return l->theirs.slots == NULL || l->at > l->theirs.mask;
    return l->phase == ALIGNED && l->at >= l->count_a && l->at >= l->count_b;
}

static enum pb_err level_pop(struct comparer *c, struct error *e)
{
    struct level l = c->levels.data[--c->levels.len];
    struct pkl_child a = l.place, b = l.place;
    bool set = l.kind == PKL_SET || l.kind == PKL_FROZENSET;
    enum pb_err err = PB_OK;

    if (set && l.sum != 0)
        err = c->b->node(c->b, l.b, &b.value, e);
    if (set && l.sum != 0 && err == PB_OK)
        err = differs(c, &a, &b, e);
    level_release(&l);
    return err;
}

static enum pb_err step(struct comparer *c, struct error *e)
{
    struct level *l = &c->levels.data[c->levels.len - 1];
    enum pb_err err;

    if (level_over(l))
        return level_pop(c, e);
    if (l->phase == ADDED)
        return step_added(c, l, e);
    if (l->at < l->count_a || l->at < l->count_b) {
        err = load(c, l, e);
        if (err != PB_OK)
            return err;
    }
    c->job.done++;
    if (l->kind == PKL_SET || l->kind == PKL_FROZENSET)
        return step_set(c, l, e);
    switch (l->phase) {
    case ALIGNED:
        return step_aligned(c, l, e);
    case FILLING:
        return step_filling(c, l, e);
    case MATCHING:
    case ADDED:
        break;
    }
    return step_matching(c, l, e);
}

static enum job_state comparer_step(struct job *j, uint64_t budget_us)
{
    struct comparer *c = (struct comparer *)j;
    uint64_t until = clock_mono_us() + budget_us;

    while (c->levels.len > 0) {
        for (unsigned i = 0; i < 32 && c->levels.len > 0; i++) {
            if (step(c, &j->error) != PB_OK)
                return JOB_FAILED;
        }
        if (clock_mono_us() >= until)
            return c->levels.len > 0 ? JOB_MORE : JOB_DONE;
    }
    return JOB_DONE;
}

/* --- for the owner -------------------------------------------------------------------------- */

enum pb_err comparer_new(struct pkl_view *was, struct pkl_view *now, struct comparer **out,
                         struct error *e)
{
    struct comparer *c = mem_alloc(sizeof *c);
    enum pb_err err;

    *out = NULL;
    if (c == NULL)
        return error_nomem(e);
    c->a = was;
    c->b = now;
    c->job.step = comparer_step;
    err = level_push(c, NULL, NULL, e);
    if (err == PB_OK)
        *out = c;
    else
        comparer_free(c);
    return err;
}

struct job *comparer_job(struct comparer *c)
{
    return &c->job;
}

const struct app_difference *comparer_found(const struct comparer *c, size_t *kept, uint64_t *total)
{
    *kept = c->found.len;
    *total = c->total;
    return c->found.data;
}

void difference_release(struct app_difference *d)
{
    free(d->path);
    free(d->was);
    free(d->now);
}

void comparer_free(struct comparer *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->levels.len; i++)
        level_release(&c->levels.data[i]);
    vec_release(&c->levels);
    for (size_t i = 0; i < c->found.len; i++)
        difference_release(&c->found.data[i]);
    vec_release(&c->found);
    free(c->seen.slots);
    free(c);
}

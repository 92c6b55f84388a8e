/* The walk over pairs of values. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_EVERY 512u

enum pb_err diff_check(struct diff *d)
{
    if (++d->steps % CHECK_EVERY != 0 || d->opts->check == NULL)
        return PB_OK;
    return d->opts->check(d->opts->check_ctx, d->e);
}

static void frame_release(struct diff_frame *f)
{
    vec_release(&f->script);
    diff_array_free(f->array);
    free(f->ahead[0].kids);
    free(f->ahead[1].kids);
}

static void machine_release(struct diff_machine *m)
{
    for (size_t i = 0; i < m->frames.len; i++)
        frame_release(&m->frames.data[i]);
    vec_release(&m->frames);
}

static struct diff_frame *top(struct diff_machine *m)
{
    return &m->frames.data[m->frames.len - 1];
}

/* ----------------------------------------------------------------- what was found */

/* What is walked just now is different; what is around it gets to know when it is left. */
static void note_different(struct diff_machine *m)
{
    m->different = true;
    if (m->frames.len > 0)
        top(m)->different = true;
    if (m->pair != 0)
        m->d->pairs.data[m->pair - 1].different = true;
}

/* A part of an object that is a stretch of its children has no step of its own. */
enum pb_err diff_report(struct diff_machine *m, enum pkl_diff_kind kind, const struct pkl_child *a,
                        const struct pkl_child *b)
{
    struct pkl_diff_place place = {m, {a, b}};
    struct pkl_difference found = {.kind = kind, .place = &place};

    note_different(m);
    if (m->probe)
        return PB_OK;
    if (a != NULL)
        found.old = a->value;
    if (b != NULL)
        found.new = b->value;
    return m->d->opts->found(m->d->opts->ctx, &found, m->d->e);
}

enum pb_err pkl_diff_path(const struct pkl_difference *found, bool second, enum path_form form,
                          struct buf *out, struct error *e)
{
    const struct diff_machine *m = found->place->m;
    const struct pkl_child *child = found->place->child[second];
    struct pkl_view *v = m->d->v[second];
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < m->frames.len && err == PB_OK; i++) {
        if (m->frames.data[i].labelled && !m->frames.data[i].silent[second])
            err = pkl_path_step_text(v, &m->frames.data[i].place[second], form, out, e);
        if (err == PB_OK && m->frames.data[i].array != NULL)
            err = diff_array_path(m->frames.data[i].array, v, form, out, e);
    }
    if (err == PB_OK && child != NULL)
        err = pkl_path_step_text(v, child, form, out, e);
    return err;
}

/* -------------------------------------------------------------------- pairs met */

const struct diff_pair *diff_met(const struct diff *d, pkl_id a, pkl_id b)
{
    uint64_t number = 0;

    if (!idmap_get(&d->by_a, a, &number))
        return NULL;
    while (number != 0) {
        const struct diff_pair *p = &d->pairs.data[number - 1];

        if (p->b == b)
            return p;
        number = p->before;
    }
    return NULL;
}

static enum pb_err meet_pair(struct diff *d, pkl_id a, pkl_id b)
{
    struct diff_pair p = {.a = a, .b = b};
    uint64_t number = 0;

    if (idmap_get(&d->by_a, a, &number))
        p.before = (size_t)number;
    if (!vec_push(&d->pairs, p) || !idmap_put(&d->by_a, a, d->pairs.len))
        return error_nomem(d->e);
    return PB_OK;
}

/* A probe that found a difference takes back what it took for equal on the way. */
static enum pb_err forget_pairs(struct diff *d, size_t len)
{
    while (d->pairs.len > len) {
        const struct diff_pair *p = &d->pairs.data[--d->pairs.len];

        if (!idmap_put(&d->by_a, p->a, p->before))
            return error_nomem(d->e);
    }
    return PB_OK;
}

/* --------------------------------------------------------------------- going down */

enum pb_err diff_push(struct diff_machine *m, struct diff_frame *f)
{
    f->pair = m->pair;
    m->pair = 0;
    return vec_push(&m->frames, *f) ? PB_OK : error_nomem(m->d->e);
}

static void pop(struct diff_machine *m)
{
    struct diff_frame *f = top(m);
    bool different = f->different;

    if (different && f->pair != 0)
        m->d->pairs.data[f->pair - 1].different = true;
    frame_release(f);
    m->frames.len--;
    if (different && m->frames.len > 0)
        top(m)->different = true;
}

static enum pb_err part_count(struct diff *d, unsigned side, pkl_id id, enum pkl_part part,
                              uint64_t *count)
{
    struct pkl_child c;
    struct error why;
    enum pb_err err = d->v[side]->part(d->v[side], id, part, &c, &why);

    *count = err == PB_OK ? c.value.count : 0;
    if (err != PB_OK && err != PB_ENOTFOUND && d->e != NULL)
        *d->e = why;
    return err == PB_ENOTFOUND ? PB_OK : err;
}

static enum pb_err divide(struct diff *d, unsigned side, const struct pkl_node *n,
                          struct diff_frame *f, bool *attributes)
{
    struct pkl_view *v = d->v[side];
    uint64_t *s = f->section[side], total = 0;
    struct pkl_child kids[3];
    struct pkl_node class;
    size_t got = 0;
    enum pb_err err = v->count_children(v, n->target, &total, d->e);

    if (err == PB_OK)
        err = part_count(d, side, n->target, PKL_ITEMS, &s[DIFF_ITEMS]);
    if (err == PB_OK)
        err = part_count(d, side, n->target, PKL_ENTRIES, &s[DIFF_ENTRIES]);
    if (err == PB_OK)
        err = v->children(v, n->target, 0, 3, kids, &got, d->e);
    *attributes = true;
    for (size_t i = 0; i < got && err == PB_OK && kids[i].step == PKL_STEP_PART; i++) {
        s[DIFF_ARGS] += kids[i].part == PKL_ARGS;
        s[DIFF_KWARGS] += kids[i].part == PKL_KWARGS;
        *attributes = *attributes && kids[i].part != PKL_STATE;
    }
    s[DIFF_STATE] = total - s[DIFF_ARGS] - s[DIFF_KWARGS] - s[DIFF_ITEMS] - s[DIFF_ENTRIES];
    return err == PB_OK ? diff_class(d, side, n, &class, &f->form[side]) : err;
}

static enum pb_err push_object(struct diff_machine *m, const struct pkl_child *a,
                               const struct pkl_child *b)
{
    struct diff_frame f = {.type = DIFF_OBJECT,
                           .labelled = true,
                           .place = {*a, *b},
                           .id = {a->value.target, b->value.target}};
    bool attributes[2];
    enum pb_err err = divide(m->d, 0, &a->value, &f, &attributes[0]);

    if (err == PB_OK)
        err = divide(m->d, 1, &b->value, &f, &attributes[1]);
    if (err == PB_OK)
        err = diff_mix(m->d, &f);
    if (err != PB_OK)
        return err;
    if (f.section[0][DIFF_STATE] > 0 && f.section[1][DIFF_STATE] > 0 &&
        attributes[0] != attributes[1])
        return diff_report(m, PKL_DIFF_CHANGED, a, b);
    f.attributes = f.section[0][DIFF_STATE] > 0 ? attributes[0] : attributes[1];
    return diff_push(m, &f);
}

/* @args or @kwargs, on one side or on both. */
static enum pb_err compare_part(struct diff_machine *m, const struct diff_frame *f,
                                const uint64_t base[2], enum diff_section section)
{
    /* Protocols 0 and 1 do not say what __getnewargs__() gives. */
    bool bare = f->form[0] == DIFF_BARE || f->form[1] == DIFF_BARE;
    struct pkl_child c[2];
    bool there[2], same = false;
    enum pb_err err = PB_OK;

    if (bare)
        return PB_OK;
    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        struct pkl_view *v = m->d->v[i];
        size_t got;

        there[i] = f->section[i][section] > 0;
        if (there[i])
            err = v->children(v, f->id[i], base[i], 1, &c[i], &got, m->d->e);
    }
    if (err != PB_OK || (!there[0] && !there[1]))
        return err;
    if (!there[0] || !there[1])
        return diff_report(m, there[0] ? PKL_DIFF_REMOVED : PKL_DIFF_ADDED, there[0] ? &c[0] : NULL,
                           there[1] ? &c[1] : NULL);
    if (section == DIFF_ARGS)
        err = diff_same_text_args(m->d, &c[0].value, &c[1].value, &same);
    return err != PB_OK || same ? err : diff_compare(m, &c[0], &c[1]);
}

/* The next section of the children of two objects; it is no step of a path itself. */
static enum pb_err next_section(struct diff_machine *m)
{
    struct diff_frame *f = top(m), stretch = {.id = {f->id[0], f->id[1]}};
    struct diff_frame object; /* frames may move */
    enum diff_section section = (enum diff_section)f->at++;
    enum pb_err err = PB_OK;

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < section; k++)
            stretch.base[i] += f->section[i][k];
        stretch.count[i] = f->section[i][section];
    }
    object = *f;
    if (section == DIFF_ARGS && f->mixed != 0)
        return diff_mixed_args(m, &object, stretch.base);
    if (section <= DIFF_KWARGS)
        return compare_part(m, f, stretch.base, section);
    stretch.type =
        section == DIFF_ENTRIES || (section == DIFF_STATE && f->attributes) ? DIFF_DICT : DIFF_LIST;
    if (f->mixed != 0)
        err = diff_mixed_stretch(m, &object, section, &stretch);
    if (err != PB_OK)
        return err;
    if (m->probe && section == DIFF_ITEMS && stretch.count[0] != stretch.count[1])
        note_different(m);
    return diff_push(m, &stretch);
}

static enum pb_err push_persistent(struct diff_machine *m, const struct pkl_child *a,
                                   const struct pkl_child *b)
{
    struct diff *d = m->d;
    struct pkl_child pid[2];
    struct diff_frame label = {.type = DIFF_LIST, .labelled = true, .place = {*a, *b}};
    enum pb_err err = d->v[0]->part(d->v[0], a->value.target, PKL_PID, &pid[0], d->e);

    if (err == PB_OK)
        err = d->v[1]->part(d->v[1], b->value.target, PKL_PID, &pid[1], d->e);
    if (err == PB_OK)
        err = diff_push(m, &label);
    return err == PB_OK ? diff_compare(m, &pid[0], &pid[1]) : err;
}

static enum pb_err push_set(struct diff_machine *m, const struct pkl_child *a,
                            const struct pkl_child *b)
{
    struct diff_frame f = {.type = DIFF_SET, .labelled = true, .place = {*a, *b}};
    enum pb_err err = PB_OK;

    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        struct pkl_node members;

        err = diff_members(m->d, i, i == 0 ? &a->value : &b->value, &members);
        f.id[i] = members.target;
        f.count[i] = members.id != 0 ? members.count : 0;
    }
    return err == PB_OK ? diff_push(m, &f) : err;
}

static enum pb_err go_into(struct diff_machine *m, const struct pkl_child *a,
                           const struct pkl_child *b)
{
    struct diff_frame f = {.labelled = true,
                           .place = {*a, *b},
                           .id = {a->value.target, b->value.target},
                           .count = {a->value.count, b->value.count}};

    switch (a->value.kind) {
    case PKL_DICT:
        f.type = DIFF_DICT;
        break;
    case PKL_SET:
    case PKL_FROZENSET:
        return push_set(m, a, b);
    case PKL_OBJECT: {
        struct pkl_node members;
        enum pb_err err = diff_members(m->d, 0, &a->value, &members);

        if (err != PB_OK)
            return err;
        if (members.kind != PKL_OBJECT || b->value.kind != PKL_OBJECT)
            return push_set(m, a, b);
        err = diff_array_open(m->d, &a->value, &b->value, &f.array);
        if (err != PB_OK)
            return err;
        if (f.array == NULL)
            return push_object(m, a, b);
        f.type = DIFF_ARRAY;
        err = diff_push(m, &f);
        if (err != PB_OK)
            diff_array_free(f.array);
        return err;
    }
    case PKL_PERSID:
        return push_persistent(m, a, b);
    default:
        f.type = DIFF_LIST;
        break;
    }
    /* A reference does not know how many children there are behind it. */
    for (unsigned i = 0; i < 2; i++) {
        struct pkl_view *v = m->d->v[i];
        enum pb_err err = v->count_children(v, f.id[i], &f.count[i], m->d->e);

        if (err != PB_OK)
            return err;
    }
    if (m->probe && f.type == DIFF_LIST && f.count[0] != f.count[1]) {
        note_different(m);
        return PB_OK;
    }
    return diff_push(m, &f);
}

/* What was found in a pair was told where it was met first. */
static enum pb_err go_down(struct diff_machine *m, const struct pkl_child *a,
                           const struct pkl_child *b)
{
    const struct diff_pair *met = diff_met(m->d, a->value.target, b->value.target);
    enum pb_err err = PB_OK;

    if (met != NULL && met->different)
        note_different(m);
    if (met != NULL)
        return PB_OK;
    err = meet_pair(m->d, a->value.target, b->value.target);
    m->pair = m->d->pairs.len;
    if (err == PB_OK)
        err = go_into(m, a, b);
    m->pair = 0;
    return err;
}

enum pb_err diff_compare(struct diff_machine *m, const struct pkl_child *a,
                         const struct pkl_child *b)
{
    enum diff_verdict verdict;
    bool same = false;
    enum pb_err err = diff_check(m->d);

    if (err == PB_OK)
        err = diff_same_opcodes(m->d, &a->value, &b->value, m->probe, &same);
    if (err != PB_OK || same)
        return err;
    err = diff_look(m->d, &a->value, &b->value, &verdict);
    if (err != PB_OK || verdict == DIFF_SAME)
        return err;
    return verdict == DIFF_OTHER ? diff_report(m, PKL_DIFF_CHANGED, a, b) : go_down(m, a, b);
}

/* ------------------------------------------------------------- children by position */

static enum pb_err same_place(struct diff *d, const struct pkl_child *a, const struct pkl_child *b,
                              enum diff_type type, bool *same)
{
    *same = true;
    if (type == DIFF_SET)
        return diff_probe(d, &a->value, &b->value, same);
    if (type != DIFF_DICT || a->key.id == 0 || b->key.id == 0)
        return PB_OK;
    return diff_probe(d, &a->key, &b->key, same);
}

/* In their order they are fetched many at once. */
static enum pb_err child_at(struct diff *d, struct diff_frame *f, unsigned side, uint64_t at,
                            struct pkl_child *out)
{
    struct diff_ahead *c = &f->ahead[side];
    struct pkl_view *v = d->v[side];
    uint64_t left = f->count[side] - at;
    enum pb_err err = PB_OK;

    if (at < c->first || at - c->first >= c->got) {
        size_t many = at == c->first + c->got ? DIFF_AHEAD : 1;

        many = left < many ? (size_t)left : many;
        if (many > c->cap) {
            struct pkl_child *kids = mem_realloc(c->kids, many, sizeof *kids);

            if (kids == NULL)
                return error_nomem(d->e);
            c->kids = kids;
            c->cap = many;
        }
        c->first = at;
        c->got = 0;
        err = v->children(v, f->id[side], f->base[side] + at, many, c->kids, &c->got, d->e);
    }
    if (err == PB_OK && c->got == 0)
        err = error_set(d->e, PB_EIO, "the children of a value cannot be found");
    if (err != PB_OK)
        return err;
    *out = c->kids[at - c->first];
    if (f->type == DIFF_SET) /* also where a list was made into one */
        out->step = PKL_STEP_MEMBER;
    return PB_OK;
}

/* Items of a list may have moved: only those that look the same stand where they stood.  One that
 * changed in its place is one in front of such a pair. */
static enum pb_err item_stays(struct diff_machine *m, struct diff_frame *f,
                              const struct pkl_child *a, const struct pkl_child *b, bool *stays)
{
    bool last = f->at + 1 == f->count[0];
    struct pkl_child next[2];
    enum pb_err err;

    *stays = true;
    if (m->probe || (last && f->count[0] == f->count[1]))
        return PB_OK;
    err = diff_similar(m->d, &a->value, &b->value, stays);
    if (err != PB_OK || *stays || f->count[0] != f->count[1])
        return err;
    err = child_at(m->d, f, 0, f->at + 1, &next[0]);
    if (err == PB_OK)
        err = child_at(m->d, f, 1, f->at + 1, &next[1]);
    return err == PB_OK ? diff_similar(m->d, &next[0].value, &next[1].value, stays) : err;
}

static enum pb_err by_position(struct diff_machine *m)
{
    struct diff *d = m->d;
    struct diff_frame *f = top(m);
    struct pkl_child a, b;
    bool stays = true;
    enum pb_err err = child_at(d, f, 0, f->at, &a);

    if (err == PB_OK)
        err = child_at(d, f, 1, f->at, &b);
    if (err == PB_OK)
        err = f->type == DIFF_LIST ? item_stays(m, f, &a, &b, &stays)
                                   : same_place(d, &a, &b, f->type, &stays);
    if (err != PB_OK)
        return err;
    if (!stays) {
        f->scripted = true;
        return f->type == DIFF_LIST ? diff_align(d, f) : diff_by_key(d, f);
    }
    f->at++;
    return f->type != DIFF_SET ? diff_compare(m, &a, &b) : PB_OK;
}

/* What one side has more of. */
static enum pb_err rest(struct diff *d, struct diff_frame *f)
{
    struct diff_run gone = {DIFF_GONE, f->at, f->at, f->count[0] - f->at};
    struct diff_run more = {DIFF_NEW, f->at, f->at, f->count[1] - f->at};

    f->scripted = true;
    if ((gone.n > 0 && !vec_push(&f->script, gone)) || (more.n > 0 && !vec_push(&f->script, more)))
        return error_nomem(d->e);
    return PB_OK;
}

/* ----------------------------------------------------------------- by the script */

static enum pb_err by_script(struct diff_machine *m)
{
    struct diff *d = m->d;
    struct diff_frame *f = top(m);
    const struct diff_run *r = &f->script.data[f->run];
    struct pkl_child a, b;
    uint64_t k = f->run_done++;
    enum diff_op op = r->op;
    enum pb_err err = PB_OK;

    if (m->probe) {
        m->different = m->different || op != DIFF_PAIR;
        if (m->different)
            return PB_OK;
    }
    if (op != DIFF_NEW)
        err = child_at(d, f, 0, r->a + k, &a);
    if (err == PB_OK && op != DIFF_GONE)
        err = child_at(d, f, 1, r->b + k, &b);
    if (f->run_done == r->n) {
        f->run++;
        f->run_done = 0;
    }
    if (err == PB_OK && op == DIFF_PAIR)
        return diff_compare(m, &a, &b);
    if (err == PB_OK)
        err = diff_report(m, op == DIFF_GONE ? PKL_DIFF_REMOVED : PKL_DIFF_ADDED,
                          op == DIFF_GONE ? &a : NULL, op == DIFF_NEW ? &b : NULL);
    return err;
}

static enum pb_err step(struct diff_machine *m)
{
    struct diff_frame *f = top(m);

    if (f->type == DIFF_ARRAY) {
        bool done = false;
        enum pb_err err = diff_array_step(m, f->array, &done);

        if (err == PB_OK && done)
            pop(m);
        return err;
    }
    if (f->type == DIFF_OBJECT && f->at < DIFF_SECTIONS)
        return next_section(m);
    if (f->type != DIFF_OBJECT && !f->scripted && f->at < f->count[0] && f->at < f->count[1])
        return by_position(m);
    if (f->type != DIFF_OBJECT && !f->scripted)
        return rest(m->d, f);
    if (f->run < f->script.len)
        return by_script(m);
    pop(m);
    return PB_OK;
}

static enum pb_err run(struct diff_machine *m)
{
    enum pb_err err = PB_OK;

    while (err == PB_OK && m->frames.len > 0 && !(m->probe && m->different))
        err = step(m);
    return err;
}

enum pb_err diff_probe(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                       bool *equal)
{
    struct diff_machine m = {.d = d, .probe = true};
    struct pkl_child x = {.value = *a}, y = {.value = *b};
    size_t before = d->pairs.len, lasting = d->lasting;
    enum pb_err err;

    d->lasting = before < lasting ? before : lasting;
    err = diff_compare(&m, &x, &y);

    if (err == PB_OK)
        err = run(&m);
    d->lasting = lasting;
    *equal = !m.different;
    if (err == PB_OK && m.different)
        err = forget_pairs(d, before);
    machine_release(&m);
    return err;
}

/* ------------------------------------------------------------------ the contract */

static enum pb_err compare_roots(struct diff_machine *m)
{
    struct diff *d = m->d;
    uint64_t n[2] = {d->v[0]->roots(d->v[0]), d->v[1]->roots(d->v[1])};
    enum pb_err err = PB_OK;

    for (uint64_t i = 0; err == PB_OK && (i < n[0] || i < n[1]); i++) {
        struct pkl_child root[2];

        for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
            if (i < n[s])
                err = d->v[s]->root(d->v[s], i, &root[s], d->e);
        }
        if (err == PB_OK && i < n[0] && i < n[1])
            err = diff_compare(m, &root[0], &root[1]);
        else if (err == PB_OK)
            err = diff_report(m, i < n[0] ? PKL_DIFF_REMOVED : PKL_DIFF_ADDED,
                              i < n[0] ? &root[0] : NULL, i < n[1] ? &root[1] : NULL);
        if (err == PB_OK)
            err = run(m);
    }
    return err;
}

enum pb_err pkl_diff(struct pkl_view *a, struct pkl_view *b, const struct pkl_diff_opts *o,
                     struct error *e)
{
    struct diff d = {.v = {a, b}, .opts = o, .lasting = SIZE_MAX, .e = e};
    struct diff_machine m = {.d = &d};
    enum pb_err err;

    for (unsigned s = 0; s < 2; s++) {
        lens_reader_init(&d.reader[s], d.v[s]);
        lens_init(&d.lens[s]);
        pkl_leaf_init(&d.leaf[s]);
    }
    diff_stream_init(&d);
    err = compare_roots(&m);
    machine_release(&m);
    diff_stream_release(&d);
    for (unsigned s = 0; s < 2; s++) {
        lens_reader_release(&d.reader[s]);
        lens_release(&d.lens[s]);
        pkl_leaf_release(&d.leaf[s]);
    }
    vec_release(&d.pairs);
    idmap_release(&d.by_a);
    return err;
}

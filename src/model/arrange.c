/*
 * Which rows are shown, in what order.  A million rows are looked at in slices: what is found is
 * shown meanwhile, and no key of the keyboard waits for the rest.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>

#include "listing_internal.h"

#define SLICE 1024 /* rows between two looks at the clock */

bool listing_indexed(const struct listing *l)
{
    return l->filter != NULL || l->order != LISTING_BY_NAME;
}

/* --- the filter ----------------------------------------------------------------------------- */

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* The filter is kept in lower case unless it is exact. */
static bool matches_at(const char *text, const char *filter, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (lower((unsigned char)text[i]) != (unsigned char)filter[i])
            return false;
    }
    return true;
}

static bool contains(const char *text, size_t len, const char *filter, size_t n, bool exact)
{
    unsigned char first = (unsigned char)filter[0];

    if (exact)
        return memmem(text, len, filter, n) != NULL;
    for (size_t i = 0; i + n <= len; i++) {
        if (lower((unsigned char)text[i]) == first && matches_at(text + i, filter, n))
            return true;
    }
    return false;
}

bool listing_passes(const struct listing *l, const struct record *r)
{
    size_t cut;

    if (l->filter == NULL)
        return true;
    cut = listing_below_prefix(l, r->name, r->len) ? l->folder_len : 0;
    return contains(r->name + cut, r->len - cut, l->filter, l->filter_len, l->filter_exact);
}

static bool is_exact(const char *text)
{
    while (*text != '\0' && !(*text >= 'A' && *text <= 'Z'))
        text++;
    return *text != '\0';
}

/* --- what each phase does in a slice: false when it is not over ------------------------------ */

static bool late(uint64_t end)
{
    return clock_mono_us() >= end;
}

static bool match(struct listing *l, uint64_t row, struct error *e)
{
    if (!listing_passes(l, record_at(l, row)) || vec_push(&l->matches, row))
        return true;
    (void)error_nomem(e);
    return false;
}

static enum pb_err collect(struct listing *l, uint64_t end, bool *over, struct error *e)
{
    struct arrange *a = &l->arrange;

    *over = false;
    for (unsigned n = 0; a->at < a->from.len; a->at++) {
        if (n++ % SLICE == 0 && late(end))
            return PB_OK;
        if (!match(l, a->from.data[a->at], e))
            return e->code;
    }
    for (unsigned n = 0; l->seen < l->loaded; l->seen++) {
        size_t before = l->matches.len;

        if (n++ % SLICE == 0 && late(end))
            return PB_OK;
        if (!match(l, l->seen, e))
            return e->code;
        l->unsorted += l->matches.len - before;
    }
    *over = true;
    return PB_OK;
}

/* The biggest, the newest first: the least when it is turned round. */
static uint64_t key_of(const struct listing *l, const struct record *r)
{
    if (l->order == LISTING_BY_SIZE)
        return ~r->size;
    if (l->order == LISTING_BY_CLASS)
        return l->arrange.class_order[r->class];
    return ~((uint64_t)r->mtime ^ ((uint64_t)1 << 63)); /* negative times before the others */
}

/* Classes in the order of their names; an object without one is of the first, as S3 means it. */
static enum pb_err order_classes(struct listing *l, struct error *e)
{
    size_t n = l->classes.len;

    free(l->arrange.class_order);
    l->arrange.class_order = mem_alloc((n + 1) * sizeof *l->arrange.class_order);
    if (l->arrange.class_order == NULL)
        return error_nomem(e);
    for (size_t i = 0; i < n; i++) {
        uint16_t before = 1;

        for (size_t k = 0; k < n; k++)
            before = (uint16_t)(before + (strcmp(l->classes.data[k], l->classes.data[i]) < 0));
        l->arrange.class_order[i + 1] = before;
    }
    return PB_OK;
}

static enum pb_err begin_ranks(struct listing *l, struct error *e)
{
    struct arrange *a = &l->arrange;

    a->count = l->matches.len;
    a->at = 0;
    free(a->ranks);
    a->ranks = mem_realloc(NULL, 2 * a->count, sizeof *a->ranks);
    if (a->ranks == NULL)
        return error_nomem(e);
    a->room = a->ranks + a->count;
    l->unsorted = 0;
    return l->order == LISTING_BY_CLASS ? order_classes(l, e) : PB_OK;
}

static bool take_ranks(struct listing *l, uint64_t end)
{
    struct arrange *a = &l->arrange;

    for (unsigned n = 0; a->at < a->count; a->at++) {
        const struct record *r = record_at(l, l->matches.data[a->at]);

        if (n++ % SLICE == 0 && late(end))
            return false;
        a->ranks[a->at] = (struct rank){
            key_of(l, r),
            l->matches.data[a->at] | (r->kind == STORE_OBJECT ? RANK_BEHIND : 0),
        };
    }
    rank_begin(&a->work, a->ranks, a->room, a->count);
    return true;
}

static bool sort_ranks(struct arrange *a, uint64_t end)
{
    while (!late(end))
        if (rank_step(&a->work, 8 * SLICE))
            return true;
    return false;
}

static void put_ranks(struct listing *l)
{
    struct arrange *a = &l->arrange;

    for (size_t i = 0; i < a->count; i++)
        l->matches.data[i] = a->work.a[i].row & ~RANK_BEHIND;
    free(a->ranks);
    a->ranks = a->room = NULL;
}

/* Equals stay in the order of names: rows that came since stand behind those that did not.  Many
 * are not sorted anew for every page. */
static bool must_sort(const struct listing *l)
{
    return l->order != LISTING_BY_NAME && l->matches.len > 1 && l->unsorted > 0 &&
           (l->complete || l->unsorted > l->matches.len / 8);
}

static enum pb_err next_phase(struct listing *l, uint64_t end, struct error *e)
{
    struct arrange *a = &l->arrange;
    bool over = false;
    enum pb_err err = PB_OK;

    switch (a->phase) {
    case ARRANGE_COLLECT:
        err = collect(l, end, &over, e);
        if (over) {
            vec_release(&a->from);
            a->phase = must_sort(l) ? ARRANGE_RANK : ARRANGE_NONE;
            a->at = 0;
        }
        if (err == PB_OK && a->phase == ARRANGE_RANK)
            err = begin_ranks(l, e);
        break;
    case ARRANGE_RANK:
        a->phase = take_ranks(l, end) ? ARRANGE_SORT : ARRANGE_RANK;
        break;
    case ARRANGE_SORT:
        a->phase = sort_ranks(a, end) ? ARRANGE_PUT : ARRANGE_SORT;
        break;
    case ARRANGE_PUT:
        put_ranks(l);
        a->phase = ARRANGE_COLLECT; /* what came meanwhile */
        break;
    case ARRANGE_NONE:
        break;
    }
    return err;
}

/* --- the job -------------------------------------------------------------------------------- */

static enum job_state arrange_step(struct job *j, uint64_t budget_us)
{
    struct listing *l = ((struct arrange *)j)->l;
    uint64_t end = clock_mono_us() + budget_us;
    enum pb_err err = PB_OK;

    do
        err = next_phase(l, end, &j->error);
    while (err == PB_OK && l->arrange.phase != ARRANGE_NONE && !late(end));
    if (err != PB_OK)
        return JOB_FAILED;
    l->changed(l->ctx);
    return l->arrange.phase == ARRANGE_NONE ? JOB_DONE : JOB_MORE;
}

static void stop_phases(struct listing *l)
{
    free(l->arrange.ranks);
    l->arrange.ranks = l->arrange.room = NULL;
    vec_release(&l->arrange.from);
    l->arrange.at = 0;
    l->arrange.phase = ARRANGE_NONE;
}

static void arrange_finished(struct job *j, enum job_state state)
{
    struct listing *l = ((struct arrange *)j)->l;

    l->arrange.running = false;
    if (state == JOB_FAILED) {
        stop_phases(l);
        listing_fail(l, &j->error);
    }
    l->changed(l->ctx);
}

/* A few milliseconds of it at once, which is all that most listings need; the rest beside the keys.
 * A store without a loop is one of a test. */
static enum pb_err arrange(struct listing *l, struct error *e)
{
    struct arrange *a = &l->arrange;
    uint64_t end = clock_mono_us() + JOB_BUDGET_US;
    enum pb_err err = PB_OK;

    while (err == PB_OK && a->phase != ARRANGE_NONE && (l->store->loop == NULL || !late(end)))
        err = next_phase(l, end, e);
    if (err != PB_OK) {
        stop_phases(l);
        return err;
    }
    if (a->phase == ARRANGE_NONE || a->running)
        return PB_OK;
    a->l = l;
    a->job = (struct job){.step = arrange_step, .finished = arrange_finished};
    err = store_add_job(l->store, &a->job, e);
    a->running = err == PB_OK;
    return err;
}

void arrange_page(struct listing *l)
{
    struct error e;

    if (!listing_indexed(l) || l->arrange.phase != ARRANGE_NONE)
        return;
    l->arrange.phase = ARRANGE_COLLECT;
    if (arrange(l, &e) != PB_OK)
        listing_fail(l, &e);
}

void arrange_free(struct listing *l)
{
    if (l->arrange.running)
        store_remove_job(l->store, &l->arrange.job);
    stop_phases(l);
    vec_release(&l->matches);
    free(l->arrange.class_order);
    free(l->filter);
}

bool listing_arranging(const struct listing *l)
{
    return l->arrange.phase != ARRANGE_NONE;
}

/* --- from outside --------------------------------------------------------------------------- */

/* All rows are looked at anew. */
static void begin_anew(struct listing *l)
{
    stop_phases(l);
    l->matches.len = l->seen = l->unsorted = 0;
    if (listing_indexed(l))
        l->arrange.phase = ARRANGE_COLLECT;
    else
        vec_release(&l->matches);
}

/* Whatever contains the new text contains the old one: only rows that pass that are looked at. */
static void begin_narrower(struct listing *l)
{
    if (l->arrange.phase != ARRANGE_NONE) /* they were being sorted */
        l->unsorted = l->matches.len;
    stop_phases(l);
    l->arrange.from = l->matches;
    l->matches = (struct rows){0};
    l->arrange.phase = ARRANGE_COLLECT;
}

enum pb_err listing_filter(struct listing *l, const char *text, struct error *e)
{
    bool exact = is_exact(text), narrower;
    size_t n = strlen(text);
    char *copy = NULL;

    if (n > 0 && (copy = mem_strdup(text)) == NULL)
        return error_nomem(e);
    narrower = copy != NULL && l->filter != NULL && exact == l->filter_exact &&
               l->arrange.phase != ARRANGE_COLLECT &&
               contains(copy, n, l->filter, l->filter_len, true);
    free(l->filter);
    l->filter = copy;
    l->filter_len = n;
    l->filter_exact = exact;
    if (narrower)
        begin_narrower(l);
    else
        begin_anew(l);
    return arrange(l, e);
}

enum pb_err listing_sort(struct listing *l, enum listing_order order, struct error *e)
{
    if (order != LISTING_BY_NAME && l->loaded > LISTING_SORT_MAX)
        return error_set(e, PB_ELIMIT, "more than %u rows are not sorted here", LISTING_SORT_MAX);
    l->order = order;
    begin_anew(l);
    return arrange(l, e);
}

enum listing_order listing_sorted(const struct listing *l)
{
    return l->order;
}

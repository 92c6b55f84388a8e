/* The job that makes a plan, step by step, and the segments of the result. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>

#include "splice_private.h"

#define CHILDREN_AT_ONCE 64u
#define BYTES_AT_ONCE (1u << 20)

enum plan_phase {
    PLAN_LISTS,
    PLAN_SORT,
    PLAN_MEMO,
    PLAN_KEEP,
    PLAN_WRITE,
    PLAN_RENUMBER,
    PLAN_FRAMES,
    PLAN_DONE
};

struct planner {
    struct job job; /* first */
    struct splice_work work;
    struct splice_list list;
    struct splice_memo memo;
    struct pkl_memo_walk walk;
    size_t container;
    uint64_t stamp; /* of the edits */
    enum plan_phase phase;
    bool listing;
};

/* ------------------------------------------------------------------------------ spans */

static enum pb_err one_container(struct planner *p)
{
    struct splice_work *w = &p->work;
    const struct edit_container *c = &w->ed->containers.data[p->container];
    bool done = false;
    enum pb_err err = PB_OK;

    if (!p->listing && pieces_original(&c->now)) {
        p->container++;
        return PB_OK;
    }
    if (!p->listing)
        err = splice_list_begin(&p->list, w, c);
    p->listing = true;
    if (err == PB_OK)
        err = splice_list_step(&p->list, CHILDREN_AT_ONCE, &done);
    if (err != PB_OK || !done)
        return err;
    splice_list_release(&p->list);
    p->listing = false;
    p->container++;
    return PB_OK;
}

static enum pb_err lists(struct planner *p, bool *done)
{
    *done = p->container == p->work.ed->containers.len;
    return *done ? buf_status(&p->work.glue, p->work.e) : one_container(p);
}

/* Whatever a new value might be linked to is watched by the walk that follows. */
static enum pb_err link_targets(struct splice_work *w)
{
    uint64_t number;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->ed->links.len && err == PB_OK; i++)
        err = splice_target(w, w->ed->links.data[i].target, &number);
    return err == PB_OK ? splice_points(w) : err;
}

static enum pb_err sort(struct planner *p)
{
    struct splice_work *w = &p->work;
    enum pb_err err = link_targets(w);

    splice_sort(w);
    if (err == PB_OK)
        err = splice_events(w, 1);
    pkl_memo_walk_init(&p->walk, w->ed->doc);
    if (err == PB_OK)
        err = splice_memo_begin(&p->memo, w);
    /* Slots that are free again would be looked for from the beginning. */
    if (err == PB_OK && w->spans.len > 0 && w->targets.len == 0 && !p->memo.on.both)
        err = pkl_memo_walk_seek(&p->walk, w->spans.data[0].begin, w->e);
    return err;
}

static enum pb_err memo(struct planner *p, bool *done)
{
    enum pb_err err;

    /* Behind the last span it is of interest what reads slots that were stored into inside one. */
    *done = p->memo.span == p->work.spans.len && p->memo.open == 0 && p->work.puts.len == 0 &&
            p->work.targets.len == 0;
    if (*done)
        return PB_OK;
    err = pkl_memo_walk_step(&p->walk, BYTES_AT_ONCE, splice_memo_see, &p->memo, done, p->work.e);
    return err == PB_OK && p->memo.no_memory ? error_nomem(p->work.e) : err;
}

/* --------------------------------------------------------------------------- segments */

static enum pb_err add(struct splice_work *w, enum splice_kind kind, uint64_t from, uint64_t len,
                       uint64_t instead)
{
    struct pkl_splice *p = w->plan;
    struct splice_segment *s;

    if (len == 0)
        return PB_OK;
    if ((p->count & (p->count - 1)) == 0) { /* full: room is always for a power of two */
        s = mem_realloc(p->segments, p->count == 0 ? 1 : p->count * 2, sizeof *s);
        if (s == NULL)
            return error_nomem(w->e);
        p->segments = s;
    }
    p->segments[p->count++] = (struct splice_segment){kind, from, len, p->size, instead};
    p->size += len;
    if (kind == SPLICE_COPY)
        p->untouched += len;
    p->renumbered += kind == SPLICE_RENUMBER;
    return PB_OK;
}

static enum pb_err segments(struct splice_work *w)
{
    uint64_t at = 0, size = w->plan->original->size;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->cuts.len && err == PB_OK; i++) {
        const struct splice_cut *c = &w->cuts.data[i];

        if (c->begin < at)
            return error_set(w->e, PB_EREADONLY,
                             "two edits lie inside each other in the bytes at offset %llu",
                             (unsigned long long)c->begin);
        err = add(w, SPLICE_COPY, at, c->begin - at, 0);
        for (size_t k = 0; k < c->count && err == PB_OK; k++) {
            const struct splice_piece *p = &w->pieces.data[c->first + k];

            err = add(w, p->kind, p->from, p->len, p->instead);
        }
        at = c->end;
    }
    return err == PB_OK ? add(w, SPLICE_COPY, at, size - at, 0) : err;
}

static enum pb_err write_plan(struct splice_work *w)
{
    enum pb_err err = splice_events(w, 0);

    return err == PB_OK ? splice_write(w) : err;
}

static enum pb_err frames(struct splice_work *w, bool *done)
{
    enum pb_err err = splice_frames(w, done);

    return err == PB_OK && *done ? segments(w) : err;
}

/* --------------------------------------------------------------------------------- job */

static enum pb_err work(struct planner *p, bool *done)
{
    *done = true;
    switch (p->phase) {
    case PLAN_LISTS:
        return lists(p, done);
    case PLAN_SORT:
        return sort(p);
    case PLAN_MEMO:
        return memo(p, done);
    case PLAN_KEEP:
        return splice_keep(&p->work);
    case PLAN_WRITE:
        return write_plan(&p->work);
    case PLAN_RENUMBER:
        return p->work.no_room ? splice_renumber(&p->work) : PB_OK;
    case PLAN_FRAMES:
        return frames(&p->work, done);
    default:
        return PB_OK;
    }
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct planner *p = (struct planner *)(void *)j;
    uint64_t until = clock_mono_us() + budget_us;

    do {
        bool done = false;
        enum pb_err err = p->stamp == edit_stamp(p->work.ed)
                              ? work(p, &done)
                              : error_set(p->work.e, PB_ECANCELED, "it was edited meanwhile");

        if (err == PB_EAGAIN)
            return JOB_WAITING;
        if (err != PB_OK) {
            pkl_splice_release(p->work.plan);
            return JOB_FAILED;
        }
        if (done)
            p->phase++;
        j->done = p->phase > PLAN_MEMO ? j->total : p->walk.at;
        if (p->phase == PLAN_DONE)
            return JOB_DONE;
    } while (clock_mono_us() < until);
    return JOB_MORE;
}

enum pb_err pkl_splice_new(struct pkl_edit *ed, struct pkl_splice *out, struct job **job,
                           struct error *e)
{
    struct planner *p;

    *out = (struct pkl_splice){.original = pkl_doc_source(ed->doc)};
    buf_init(&out->bytes, SIZE_MAX / 2);
    if (out->original->size == SOURCE_SIZE_UNKNOWN)
        return error_set(e, PB_EAGAIN, "not all of the pickle is here yet");
    p = mem_alloc(sizeof *p);
    if (p == NULL)
        return error_nomem(e);
    p->job.step = step;
    p->stamp = edit_stamp(ed);
    p->job.total = out->original->size;
    p->work = (struct splice_work){.ed = ed, .plan = out, .e = &p->job.error};
    buf_init(&p->work.glue, SIZE_MAX / 2);
    *job = &p->job;
    return PB_OK;
}

void pkl_splice_free(struct job *j)
{
    struct planner *p = (struct planner *)(void *)j;
    struct splice_work *w;

    if (p == NULL)
        return;
    w = &p->work;
    splice_list_release(&p->list);
    splice_memo_release(&p->memo);
    vec_release(&w->spans);
    vec_release(&w->fresh);
    vec_release(&w->items);
    buf_release(&w->glue);
    vec_release(&w->puts);
    vec_release(&w->gets);
    vec_release(&w->targets);
    idmap_release(&w->target_of);
    vec_release(&w->parts);
    vec_release(&w->cuts);
    vec_release(&w->pieces);
    vec_release(&w->events[0]);
    vec_release(&w->events[1]);
    vec_release(&w->slots);
    vec_release(&w->tables);
    vec_release(&w->memo_ops);
    vec_release(&w->points);
    vec_release(&w->starts);
    vec_release(&w->fixed);
    free(p);
}

enum pb_err pkl_splice_plan(struct pkl_edit *ed, struct pkl_splice *out, struct error *e)
{
    struct job *job = NULL;
    enum pb_err err = pkl_splice_new(ed, out, &job, e);

    if (err == PB_OK)
        err = job_run(job, e);
    pkl_splice_free(job);
    return err;
}

void pkl_splice_release(struct pkl_splice *s)
{
    free(s->segments);
    s->segments = NULL;
    s->count = 0;
    buf_release(&s->bytes);
}

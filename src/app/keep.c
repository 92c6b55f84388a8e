/* Bytes that are about to be replaced go into the history, beside the loop. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct keep {
    struct job job; /* first: steps the history's own */
    struct loop *loop;
    struct job *inner;
    bool running;
    bool whole; /* not only the record of what it was */
    keep_fn done;
    void *ctx;
};

static enum job_state keep_step(struct job *j, uint64_t budget_us)
{
    struct keep *k = (struct keep *)j;
    enum job_state state = job_step(k->inner, budget_us);

    j->done = k->inner->done;
    j->total = k->inner->total;
    if (state == JOB_FAILED)
        j->error = k->inner->error;
    return state;
}

static void keep_finished(struct job *j, enum job_state state)
{
    struct keep *k = (struct keep *)j;

    k->running = false;
    if (state == JOB_DONE)
        k->done(k->ctx, k->whole ? history_job_name(k->inner) : NULL, NULL);
    else
        k->done(k->ctx, NULL, &j->error);
}

enum pb_err keep_start(struct app *a, const struct location *loc, const struct store_object *was,
                       struct source *old, keep_fn done, void *ctx, struct keep **out,
                       struct error *e)
{
    struct keep *k = mem_alloc(sizeof *k);
    struct history *history;
    enum pb_err err;

    *out = NULL;
    if (k == NULL)
        return error_nomem(e);
    k->loop = a->loop;
    k->job.step = keep_step;
    k->job.finished = keep_finished;
    k->whole = old->size <= HISTORY_BYTES_MAX;
    k->done = done;
    k->ctx = ctx;
    err = app_history(a, &history, e);
    if (err == PB_OK)
        err = history_job_new(history, loc, &was->identity, old, &k->inner, e);
    if (err == PB_OK && loc->scheme == LOC_LOCAL)
        history_job_mode(k->inner, was->mode);
    if (err == PB_OK)
        err = loop_add_job(a->loop, &k->job, e);
    k->running = err == PB_OK;
    if (err != PB_OK)
        keep_free(k);
    else
        *out = k;
    return err;
}

void keep_free(struct keep *k)
{
    if (k == NULL)
        return;
    if (k->running)
        loop_remove_job(k->loop, &k->job);
    history_job_free(k->inner);
    free(k);
}

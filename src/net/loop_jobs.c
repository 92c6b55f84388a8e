/* Jobs: one budget a turn for all of them, in rounds, so that none waits for more than one round.
 */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>

#include "loop_internal.h"

/* Less than this is not worth starting a step for. */
#define LEAST_US 200

enum pb_err loop_add_job(struct loop *l, struct job *j, struct error *e)
{
    struct loop_job_entry entry = {.job = j};

    if (!vec_push(&l->jobs, entry))
        return error_nomem(e);
    if (l->interrupted)
        j->cancel = true;
    return PB_OK;
}

static void compact(struct loop *l)
{
    size_t kept = 0;

    if (l->in_jobs)
        return;
    for (size_t i = 0; i < l->jobs.len; i++) {
        if (i == l->next_job)
            l->next_job = kept;
        if (l->jobs.data[i].job != NULL)
            l->jobs.data[kept++] = l->jobs.data[i];
    }
    l->jobs.len = kept;
    if (l->next_job >= kept)
        l->next_job = 0;
}

void loop_remove_job(struct loop *l, struct job *j)
{
    for (size_t i = 0; i < l->jobs.len; i++) {
        if (l->jobs.data[i].job == j)
            l->jobs.data[i].job = NULL;
    }
    compact(l);
}

void loop_wake_jobs(struct loop *l)
{
    l->wake = true;
}

static bool runnable(const struct loop *l, const struct loop_job_entry *entry)
{
    return entry->job != NULL && (!entry->waiting || l->wake || entry->job->cancel);
}

bool loop_jobs_runnable(const struct loop *l)
{
    for (size_t i = 0; i < l->jobs.len; i++) {
        if (runnable(l, &l->jobs.data[i]))
            return true;
    }
    return false;
}

/* True when the step may have brought something to others.  The vector may move meanwhile. */
static bool step(struct loop *l, size_t i, uint64_t budget_us)
{
    struct job *j = l->jobs.data[i].job;
    enum job_state state = job_step(j, budget_us);

    if (l->jobs.data[i].job != j) /* it removed itself */
        return true;
    l->jobs.data[i].waiting = state == JOB_WAITING;
    if (state != JOB_DONE && state != JOB_FAILED)
        return state == JOB_MORE;
    l->jobs.data[i].job = NULL;
    l->ran = true;
    if (j->finished != NULL)
        j->finished(j, state);
    return true;
}

void loop_jobs_run(struct loop *l)
{
    uint64_t end = clock_mono_us() + JOB_BUDGET_US;
    size_t count = l->jobs.len;

    for (size_t i = 0; l->wake && i < count; i++)
        l->jobs.data[i].waiting = false;
    l->wake = false;
    l->in_jobs = true;
    for (size_t stepped = 0; stepped < count; stepped++) {
        size_t i = l->next_job;
        uint64_t now = clock_mono_us();

        if (stepped > 0 && now + LEAST_US > end)
            break;
        l->next_job = (i + 1) % count;
        if (runnable(l, &l->jobs.data[i]) &&
            step(l, i, now + LEAST_US > end ? LEAST_US : end - now))
            l->wake = true;
    }
    l->in_jobs = false;
    compact(l);
}

void loop_jobs_cancel(struct loop *l)
{
    for (size_t i = 0; i < l->jobs.len; i++) {
        if (l->jobs.data[i].job != NULL)
            l->jobs.data[i].job->cancel = true;
    }
}

/* floor 0: base */
/*
 * A job: work that takes long, done a few milliseconds at a time.
 *
 * step() does at most about budget_us microseconds of work and remembers where it is.  Run step
 * after step without a screen (job_run), the same job is the batch command; added to the loop, it
 * runs beside the screen.  A job never waits: when it needs bytes that are not here it returns
 * JOB_WAITING and is stepped again later.  Embed `struct job` first in the job's own struct. Single
 * thread.
 */
#ifndef PKLBROWSE_JOB_H
#define PKLBROWSE_JOB_H

#include <pklbrowse/error.h>

enum job_state {
    JOB_MORE,    /* step again */
    JOB_WAITING, /* step again when something has arrived */
    JOB_DONE,
    JOB_FAILED /* job->error says why; PB_ECANCELED when it was cancelled */
};

#define JOB_BUDGET_US 4000

struct job {
    enum job_state (*step)(struct job *j, uint64_t budget_us);
    /* Called once by the loop after JOB_DONE or JOB_FAILED; may free the job.  May be NULL. */
    void (*finished)(struct job *j, enum job_state state);
    uint64_t generation;  /* the caller's: what arrives for a view that moved on is dropped */
    uint64_t done, total; /* progress in the job's own unit; total 0: not known */
    bool cancel;          /* set by anyone; the job fails with PB_ECANCELED at its next step */
    struct error error;
};

enum job_state job_step(struct job *j, uint64_t budget_us); /* honours cancel */
/* Steps until done or failed.  JOB_WAITING without a loop is an error (nothing will ever arrive).
 */
enum pb_err job_run(struct job *j, struct error *e) PB_CHECK;

#endif

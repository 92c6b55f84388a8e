#include <pklbrowse/job.h>

enum job_state job_step(struct job *j, uint64_t budget_us)
{
    if (j->cancel) {
        error_set(&j->error, PB_ECANCELED, "cancelled");
        return JOB_FAILED;
    }
    return j->step(j, budget_us);
}

enum pb_err job_run(struct job *j, struct error *e)
{
    enum job_state state;

    do {
        state = job_step(j, JOB_BUDGET_US);
    } while (state == JOB_MORE);
    if (state == JOB_DONE)
        return PB_OK;
    if (state == JOB_WAITING)
        return error_set(e, PB_EIO, "waiting for bytes that nobody brings");
    if (j->error.code == PB_OK)
        error_set(&j->error, PB_EIO, "the work failed without saying why");
    if (e != NULL)
        *e = j->error;
    return j->error.code;
}

/* How often the value under the cursor stands somewhere: counted beside everything else. */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

#include "state.h"

#define WANTED_MAX 1000u
#define PIECE 64u /* KiB or containers between two looks at the clock */

struct uses {
    struct job job; /* first */
    struct ui *u;
    struct pkl_edit *edit;
    struct {
        pkl_id *data;
        size_t len, cap;
    } wanted; /* the last one first */
    bool running, failed;
};

/* What was asked for last, and is not known; 0: all is. */
static pkl_id next_wanted(struct uses *c)
{
    uint64_t count;

    while (c->wanted.len > 0) {
        pkl_id target = c->wanted.data[c->wanted.len - 1];

        if (!pkl_edit_counted(c->edit, target, &count))
            return target;
        c->wanted.len--;
    }
    return 0;
}

static enum job_state uses_step(struct job *j, uint64_t budget_us)
{
    struct uses *c = (struct uses *)j;
    uint64_t until = clock_mono_us() + budget_us;
    pkl_id target = next_wanted(c);

    while (target != 0 && clock_mono_us() < until) {
        bool done;

        if (pkl_edit_count(c->edit, target, PIECE, &done, &j->error) != PB_OK)
            return JOB_FAILED;
        if (done)
            target = next_wanted(c);
    }
    return target == 0 ? JOB_DONE : JOB_MORE;
}

static void uses_finished(struct job *j, enum job_state state)
{
    struct uses *c = (struct uses *)j;

    c->running = false;
    c->failed = state == JOB_FAILED;
    c->u->dirty = true;
}

bool uses_known(struct ui *u, pkl_id target, uint64_t *count)
{
    struct pkl_edit *edit = app_object_edit(u->right.object);
    struct uses *c = u->right.uses;
    struct error e;

    *count = 1;
    if (edit == NULL || pkl_edit_counted(edit, target, count))
        return true;
    if (c != NULL && c->edit != edit) {
        uses_stop(u);
        c = NULL;
    }
    if (c == NULL) {
        c = mem_alloc(sizeof *c);
        if (c == NULL)
            return false;
        u->right.uses = c;
        *c = (struct uses){.u = u, .edit = edit};
        c->job.step = uses_step;
        c->job.finished = uses_finished;
    }
    if (c->failed) /* for want of memory, as a rule: not tried at every frame */
        return false;
    if (c->wanted.len == WANTED_MAX)
        c->wanted.len = 0;
    if ((c->wanted.len == 0 || c->wanted.data[c->wanted.len - 1] != target) &&
        !vec_push(&c->wanted, target))
        return false;
    if (!c->running)
        c->running = loop_add_job(u->loop, &c->job, &e) == PB_OK;
    return false;
}

void uses_stop(struct ui *u)
{
    struct uses *c = u->right.uses;

    u->right.uses = NULL;
    if (c == NULL)
        return;
    if (c->running)
        loop_remove_job(u->loop, &c->job);
    vec_release(&c->wanted);
    free(c);
}

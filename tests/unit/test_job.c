/* Jobs: steps until done, failure, cancelling, waiting for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/job.h>

struct counting {
    struct job job;
    uint64_t steps, until;
    enum job_state end;
};

static enum job_state count(struct job *j, uint64_t budget_us)
{
    struct counting *c = (struct counting *)j;

    assert_int_equal(budget_us, JOB_BUDGET_US);
    c->steps++;
    j->done = c->steps;
    if (c->steps < c->until)
        return JOB_MORE;
    if (c->end == JOB_FAILED && c->until != 99)
        error_set(&j->error, PB_ENET, "the line is dead");
    return c->end;
}

static void runs_until_the_end(void **state)
{
    static const struct {
        uint64_t until;
        enum job_state end;
        enum pb_err err;
        const char *msg;
    } cases[] = {
        {1, JOB_DONE, PB_OK, NULL},
        {50, JOB_DONE, PB_OK, NULL},
        {3, JOB_FAILED, PB_ENET, "the line is dead"},
        {99, JOB_FAILED, PB_EIO, "the work failed without saying why"},
        {2, JOB_WAITING, PB_EIO, "waiting for bytes that nobody brings"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct counting c = {.job = {.step = count}, .until = cases[i].until, .end = cases[i].end};
        struct error e = {.code = PB_OK};

        assert_int_equal(job_run(&c.job, &e), cases[i].err);
        assert_int_equal(e.code, cases[i].err);
        assert_int_equal(c.steps, cases[i].until);
        if (cases[i].msg != NULL)
            assert_string_equal(e.msg, cases[i].msg);
        c.steps = 0;
        assert_int_equal(job_run(&c.job, NULL), cases[i].err);
    }
}

static void is_cancelled_at_its_next_step(void **state)
{
    struct counting c = {.job = {.step = count}, .until = 1000, .end = JOB_DONE};
    struct error e;

    (void)state;
    assert_int_equal(job_step(&c.job, JOB_BUDGET_US), JOB_MORE);
    c.job.cancel = true;
    assert_int_equal(job_step(&c.job, JOB_BUDGET_US), JOB_FAILED);
    assert_int_equal(c.job.error.code, PB_ECANCELED);
    assert_int_equal(job_run(&c.job, &e), PB_ECANCELED);
    assert_int_equal(e.code, PB_ECANCELED);
    assert_int_equal(c.steps, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_until_the_end),
        cmocka_unit_test(is_cancelled_at_its_next_step),
    };

    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}

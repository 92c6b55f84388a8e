/* The loop: timers, posted calls, jobs, descriptors, signals, and all of it from inside.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>

#include "support/loop_rig.h"

static void count(void *ctx)
{
    ++*(int *)ctx;
}

/* ------------------------------------------------------------------------------------- timers */

#define MANY 200
struct many {
    unsigned order[MANY], fired;
    struct one {
        struct many *all;
        unsigned number;
        uint64_t earliest, latest, id;
    } one[MANY];
};

static void fired(void *ctx)
{
    struct one *t = ctx;

    assert_true(clock_mono_us() >= t->earliest);
    t->all->order[t->all->fired++] = t->number;
}

static void timers_come_in_order(void **state)
{
    struct loop *l = *state;
    struct many m = {.fired = 0};
    unsigned seed = 1, stopped = 0;

    for (unsigned i = 0; i < MANY; i++) {
        uint64_t ms;

        seed = seed * 1103515245 + 12345;
        ms = (seed >> 16) % 40;
        m.one[i] = (struct one){&m, i, clock_mono_us() + ms * 1000, 0, 0};
        m.one[i].id = loop_timer_start(l, ms, fired, &m.one[i]);
        m.one[i].latest = clock_mono_us() + ms * 1000;
        assert_true(m.one[i].id != 0);
    }
    for (unsigned i = 0; i < MANY; i += 7, stopped++)
        loop_timer_stop(l, m.one[i].id);
    loop_timer_stop(l, 0);
    loop_timer_stop(l, 999999);
    for (uint64_t before = clock_mono_us(); since(before) < 60 || m.fired < MANY - stopped;) {
        turn(l, 10);
        assert_true(since(before) < 5000);
    }
    assert_int_equal(m.fired, MANY - stopped);
    for (unsigned i = 0; i < m.fired; i++) {
        assert_true(m.order[i] % 7 != 0);
        if (i > 0)
            assert_true(m.one[m.order[i]].latest >= m.one[m.order[i - 1]].earliest);
    }
}

static void timers_are_exact(void **state)
{
    struct loop *l = *state;
    uint64_t worst = 0;

    for (int i = 0; i < 20; i++) {
        int came = 0;
        unsigned turns = 0;
        uint64_t before = clock_mono_us(), took;

        assert_true(loop_timer_start(l, 12, count, &came) != 0);
        assert_true(loop_idle(l));
        while (came == 0) {
            turn(l, -1);
            turns++;
        }
        took = clock_mono_us() - before;
        assert_true(took >= 12000);
        assert_true(turns <= 3);
        if (took > worst)
            worst = took;
    }
    print_message("a timer of 12 ms: %u us at worst\n", (unsigned)worst);
}

struct again {
    struct loop *l;
    unsigned times;
    loop_timer other;
};

static void start_again(void *ctx)
{
    struct again *a = ctx;

    a->times++;
    loop_timer_stop(a->l, a->other);
    assert_true(loop_timer_start(a->l, 0, start_again, a) != 0);
}

static void a_timer_that_starts_itself_lets_the_turn_end(void **state)
{
    struct loop *l = *state;
    struct again a = {.l = l};
    int never = 0;

    assert_true(loop_timer_start(l, 0, start_again, &a) != 0);
    a.other = loop_timer_start(l, 0, count, &never);
    assert_true(loop_timer_start(l, UINT64_MAX, count, &never) != 0);
    for (unsigned i = 1; i <= 50; i++) {
        turn(l, 0);
        assert_int_equal(a.times, i);
    }
    assert_int_equal(never, 0); /* stopped by the first, though it was due as well */
}

/* ------------------------------------------------------------------------------ posted calls */

struct poster {
    struct loop *l;
    char text[64];
    const char *word;
    struct poster *withdraw, *posts;
};

static void say(void *ctx)
{
    struct poster *p = ctx;

    snprintf(p->posts->text + strlen(p->posts->text), 8, "%s", p->word);
    if (p->withdraw != NULL)
        loop_unpost(p->l, p->withdraw);
    if (p->word[0] == '+') {
        p->word = "a";
        assert_int_equal(loop_post(p->l, say, p, NULL), PB_OK);
    }
}

static void posted_calls(void **state)
{
    struct loop *l = *state;
    struct poster all = {.l = l};
    struct poster p[5] = {{l, "", "+", NULL, &all},
                          {l, "", "b", NULL, &all},
                          {l, "", "c", &p[3], &all},
                          {l, "", "d", NULL, &all},
                          {l, "", "e", NULL, &all}};

    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_post(l, say, &p[i], NULL), PB_OK);
    assert_int_equal(loop_post(l, say, &p[3], NULL), PB_OK);
    assert_string_equal(all.text, "");
    assert_false(loop_idle(l));
    turn(l, -1);
    assert_string_equal(all.text, "+bce"); /* what was posted meanwhile is for the next turn */
    assert_false(loop_idle(l));
    turn(l, -1);
    assert_string_equal(all.text, "+bcea");
    assert_true(loop_idle(l));
    assert_int_equal(loop_post(l, say, &p[1], NULL), PB_OK);
    loop_unpost(l, &p[1]);
    assert_true(loop_idle(l));
    turn(l, 0);
    assert_string_equal(all.text, "+bcea");
    assert_int_equal(loop_post(l, say, &p[1], NULL), PB_OK); /* freed with the loop */
}

/* -------------------------------------------------------------------------------------- jobs */

struct work {
    struct job job;
    struct loop *l;
    uint64_t us, steps, until;   /* a step takes so long; done after so many */
    unsigned waits;              /* so many first steps wait */
    struct work *removes, *adds; /* in its first step */
    bool free_me, removes_itself;
    int *finished;
    enum job_state state;
};

static void work_finished(struct job *j, enum job_state state)
{
    struct work *w = (struct work *)j;

    w->state = state;
    ++*w->finished;
    if (w->free_me)
        free(w);
}

static enum job_state work_step(struct job *j, uint64_t budget_us)
{
    struct work *w = (struct work *)j;
    uint64_t end = clock_mono_us() + (w->us < budget_us ? w->us : budget_us);

    assert_true(budget_us > 0 && budget_us <= JOB_BUDGET_US);
    w->steps++;
    if (w->removes != NULL)
        loop_remove_job(w->l, &w->removes->job);
    w->removes = NULL;
    if (w->adds != NULL)
        assert_int_equal(loop_add_job(w->l, &w->adds->job, NULL), PB_OK);
    w->adds = NULL;
    if (w->removes_itself)
        loop_remove_job(w->l, j);
    if (w->waits > 0) {
        w->waits--;
        return JOB_WAITING;
    }
    while (clock_mono_us() < end)
        continue;
    if (w->steps < w->until)
        return JOB_MORE;
    return JOB_DONE;
}

static struct work new_work(struct loop *l, int *finished)
{
    return (struct work){.job = {.step = work_step, .finished = work_finished},
                         .l = l,
                         .until = 3,
                         .finished = finished,
                         .state = JOB_MORE};
}

static void jobs_share_the_time(void **state)
{
    struct loop *l = *state;
    struct work w[5];
    int finished = 0;
    uint64_t most = 0, least;

    for (int i = 0; i < 5; i++) {
        w[i] = new_work(l, &finished);
        w[i].until = UINT64_MAX;
        w[i].us = i == 0 ? JOB_BUDGET_US : 1000; /* one takes all it is given */
        assert_int_equal(loop_add_job(l, &w[i].job, NULL), PB_OK);
    }
    for (int i = 0; i < 60; i++) {
        uint64_t before = clock_mono_us();

        turn(l, -1); /* a turn with work does not wait */
        if (clock_mono_us() - before > most)
            most = clock_mono_us() - before;
    }
    least = w[0].steps;
    for (int i = 1; i < 5; i++)
        least = w[i].steps < least ? w[i].steps : least;
    for (int i = 0; i < 5; i++) {
        assert_true(w[i].steps <= 2 * least + 2);
        loop_remove_job(l, &w[i].job);
    }
    print_message("a turn with five busy jobs: %u us at most; steps %u to %u\n", (unsigned)most,
                  (unsigned)least, (unsigned)w[0].steps);
    assert_true(least >= 10);
    assert_true(loop_idle(l));
    assert_int_equal(finished, 0);
}

static void jobs_finish_and_fail(void **state)
{
    struct loop *l = *state;
    int finished = 0;
    struct work *freed = malloc(sizeof *freed);
    struct work plain = new_work(l, &finished), cancelled = plain;

    *freed = plain;
    freed->free_me = true;
    cancelled.until = UINT64_MAX;
    assert_int_equal(loop_add_job(l, &freed->job, NULL), PB_OK);
    assert_int_equal(loop_add_job(l, &plain.job, NULL), PB_OK);
    assert_int_equal(loop_add_job(l, &cancelled.job, NULL), PB_OK);
    assert_int_equal(plain.steps, 0);
    for (int i = 0; i < 3; i++)
        turn(l, -1);
    assert_int_equal(finished, 2);
    assert_int_equal(plain.state, JOB_DONE);
    assert_int_equal(plain.steps, 3);
    cancelled.job.cancel = true;
    turn(l, -1);
    assert_int_equal(finished, 3);
    assert_int_equal(cancelled.state, JOB_FAILED);
    assert_int_equal(cancelled.job.error.code, PB_ECANCELED);
    assert_true(loop_idle(l));
}

static void a_waiting_job_does_not_spin(void **state)
{
    struct loop *l = *state;
    int finished = 0, came = 0;
    struct work w = new_work(l, &finished), other = w;

    w.waits = 1000000;
    assert_int_equal(loop_add_job(l, &w.job, NULL), PB_OK);
    for (int i = 0; i < 10; i++)
        turn(l, 2);
    assert_int_equal(w.steps, 1);
    assert_false(loop_idle(l));
    /* Each of these may have brought what it waits for. */
    assert_int_equal(loop_post(l, count, &came, NULL), PB_OK);
    turn(l, 0);
    assert_int_equal(w.steps, 2);
    assert_true(loop_timer_start(l, 0, count, &came) != 0);
    turn(l, 0);
    assert_int_equal(w.steps, 3);
    loop_wake_jobs(l);
    turn(l, 0);
    assert_int_equal(w.steps, 4);
    assert_int_equal(loop_add_job(l, &other.job, NULL), PB_OK);
    for (int i = 0; i < 10; i++)
        turn(l, 0);
    assert_int_equal(other.state, JOB_DONE);
    assert_in_range(w.steps, 6, 8);
    /* Cancelled while it waits: noticed without anything else happening. */
    w.job.cancel = true;
    turn(l, -1);
    assert_int_equal(w.state, JOB_FAILED);
    assert_int_equal(finished, 2);
}

static void jobs_from_inside(void **state)
{
    struct loop *l = *state;
    int finished = 0;
    struct work w[6];

    for (int i = 0; i < 6; i++)
        w[i] = new_work(l, &finished);
    w[0].removes = &w[1]; /* one that comes later in the round */
    w[2].removes = &w[0]; /* one that had its turn */
    w[3].removes_itself = true;
    w[4].adds = &w[5];
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_add_job(l, &w[i].job, NULL), PB_OK);
    for (int i = 0; i < 6; i++)
        turn(l, 0);
    assert_int_equal(w[0].steps, 1);
    assert_int_equal(w[1].steps, 0);
    assert_int_equal(w[3].steps, 1);
    assert_int_equal(w[2].state, JOB_DONE);
    assert_int_equal(w[4].state, JOB_DONE);
    assert_int_equal(w[5].state, JOB_DONE);
    assert_int_equal(finished, 3);
    assert_true(loop_idle(l));
}

/* ------------------------------------------------------------------------------- descriptors */

struct reader {
    struct loop *l;
    int fd, calls, ends;
    size_t bytes;
    struct reader *unwatches;
};

static void read_all(void *ctx)
{
    struct reader *r = ctx;
    char bytes[3]; /* little at a time: a watch is asked again while there is more */
    ssize_t n = read(r->fd, bytes, sizeof bytes);

    r->calls++;
    if (n > 0)
        r->bytes += (size_t)n;
    if (r->unwatches != NULL)
        loop_unwatch_fd(r->l, r->unwatches->fd);
    if (n == 0) {
        r->ends++;
        loop_unwatch_fd(r->l, r->fd);
    }
}

static struct reader open_reader(struct loop *l, int *writer)
{
    struct reader r = {.l = l};
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    r.fd = ends[0];
    *writer = ends[1];
    return r;
}

static void descriptors(void **state)
{
    struct loop *l = *state;
    int writer[3];
    struct reader r[3];
    uint64_t before;

    for (int i = 0; i < 3; i++) {
        r[i] = open_reader(l, &writer[i]);
        assert_int_equal(loop_watch_fd(l, r[i].fd, read_all, &r[i], NULL), PB_OK);
    }
    turn(l, 5);
    assert_int_equal(r[0].calls + r[1].calls + r[2].calls, 0);
    assert_true(loop_idle(l));
    assert_int_equal(write(writer[1], "abcdefg", 7), 7);
    before = clock_mono_us();
    for (int i = 0; i < 3; i++)
        turn(l, -1);
    assert_true(since(before) < 500);
    assert_int_equal(r[1].bytes, 7);
    assert_int_equal(r[0].calls + r[2].calls, 0);
    close(writer[2]); /* the end is told, too */
    turn(l, -1);
    assert_int_equal(r[2].ends, 1);
    turn(l, 5);
    assert_int_equal(r[2].calls, 1);
    /* One takes away the other, which is ready as well. */
    r[0].unwatches = &r[1];
    r[1].unwatches = &r[0];
    assert_int_equal(write(writer[0], "a", 1), 1);
    assert_int_equal(write(writer[1], "a", 1), 1);
    turn(l, -1);
    turn(l, 5);
    assert_int_equal(r[0].calls + r[1].calls, 1 + 3);
    for (int i = 0; i < 3; i++) {
        loop_unwatch_fd(l, r[i].fd);
        close(r[i].fd);
        if (i < 2)
            close(writer[i]);
    }
}

/* ----------------------------------------------------------------------------------- signals */

static void signals_come_through_the_pipe(void **state)
{
    struct loop *l = *state;
    struct sigaction now;
    int usr1 = 0, usr2 = 0, writer;
    struct reader r = open_reader(l, &writer);

    assert_int_equal(loop_on_signal(l, SIGUSR1, count, &usr1, NULL), PB_OK);
    assert_int_equal(loop_on_signal(l, SIGUSR2, count, &usr2, NULL), PB_OK);
    assert_int_equal(loop_on_signal(l, 0, count, &usr2, NULL), PB_EIO);
    assert_int_equal(loop_on_signal(l, SIGKILL, count, &usr2, NULL), PB_EIO);
    assert_int_equal(loop_on_signal(l, 4711, count, &usr2, NULL), PB_EIO);
    assert_int_equal(loop_watch_fd(l, r.fd, read_all, &r, NULL), PB_OK);
    raise(SIGUSR1);
    assert_int_equal(usr1, 0);
    turn(l, -1);
    assert_int_equal(usr1, 1);
    assert_int_equal(usr2, 0);
    assert_int_equal(r.calls, 1); /* asked although poll saw nothing: a terminal may have a key */
    for (int i = 0; i < 100000; i++) { /* more than the pipe holds */
        raise(SIGUSR1);
        raise(SIGUSR2);
    }
    turn(l, -1);
    assert_int_equal(usr1, 2);
    assert_int_equal(usr2, 1);
    turn(l, 3);
    assert_int_equal(usr1, 2);
    /* Another function takes its place; none gives the signal back. */
    assert_int_equal(loop_on_signal(l, SIGUSR1, count, &usr2, NULL), PB_OK);
    raise(SIGUSR1);
    turn(l, -1);
    assert_int_equal(usr1, 2);
    assert_int_equal(usr2, 2);
    assert_int_equal(loop_on_signal(l, SIGUSR1, NULL, NULL, NULL), PB_OK);
    assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
    assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
    loop_unwatch_fd(l, r.fd);
    close(r.fd);
    close(writer);
}

static void the_loop_gives_signals_back(void **state)
{
    struct sigaction now;
    struct loop *l;
    int n = 0;

    (void)state;
    assert_int_equal(loop_new(&l, NULL), PB_OK);
    assert_int_equal(loop_on_signal(l, SIGUSR1, count, &n, NULL), PB_OK);
    loop_free(l);
    assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
    assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
    loop_free(NULL);
}

static void no_work(int signo)
{
    (void)signo;
}

/* A signal of somebody else (curses' own SIGWINCH) only interrupts the wait. */
static void the_wait_is_interrupted(void **state)
{
    struct loop *l = *state;
    struct sigaction theirs = {.sa_handler = no_work}, before;
    int writer;
    struct reader r = open_reader(l, &writer);
    pid_t pid, parent = getpid();
    uint64_t start;

    assert_int_equal(loop_watch_fd(l, r.fd, read_all, &r, NULL), PB_OK);
    assert_int_equal(sigaction(SIGWINCH, &theirs, &before), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        usleep(50000);
        kill(parent, SIGWINCH);
        _exit(0);
    }
    start = clock_mono_us();
    turn(l, 5000);
    assert_in_range(since(start), 30, 4500);
    assert_int_equal(r.calls, 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    sigaction(SIGWINCH, &before, NULL);
    loop_unwatch_fd(l, r.fd);
    close(r.fd);
    close(writer);
}

/* -------------------------------------------------------------------------------- the whole */

static void interrupted(void **state)
{
    struct loop *l = *state;
    int finished = 0;
    struct work w = new_work(l, &finished), later = w;

    w.waits = later.waits = 1000000;
    assert_int_equal(loop_add_job(l, &w.job, NULL), PB_OK);
    turn(l, 1);
    loop_interrupt(l);
    assert_int_equal(loop_add_job(l, &later.job, NULL), PB_OK);
    turn(l, -1);
    assert_int_equal(finished, 2);
    assert_int_equal(w.job.error.code, PB_ECANCELED);
    assert_int_equal(later.job.error.code, PB_ECANCELED);
    assert_true(loop_idle(l));
}

static void nothing_left_to_wait_for(void **state)
{
    struct loop *l = *state;
    bool done = false, yes = true;
    int came = 0;
    struct error e;

    assert_int_equal(loop_until(l, &yes, &e), PB_OK);
    assert_int_equal(loop_until(l, &done, &e), PB_EIO);
    assert_true(loop_timer_start(l, 5, count, &came) != 0);
    assert_int_equal(loop_until(l, &done, &e), PB_EIO);
    assert_int_equal(came, 1);
}

static void memory_runs_out(void **state)
{
    struct loop *l = *state, *other;
    int n = 0;
    struct work w = new_work(l, &n);

    mem_fail_after(1);
    assert_int_equal(loop_timer_start(l, 0, count, &n), 0);
    assert_int_equal(loop_post(l, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_add_job(l, &w.job, NULL), PB_ENOMEM);
    assert_int_equal(loop_watch_fd(l, 0, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_on_signal(l, SIGUSR1, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_new(&other, NULL), PB_ENOMEM);
    assert_null(other);
    mem_fail_after(-1);
    for (int i = 0; i < 20; i++)
        turn(l, 2);
    assert_int_equal(n, 0);
    assert_true(loop_idle(l));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_come_in_order),
        TEST(timers_are_exact),
        TEST(a_timer_that_starts_itself_lets_the_turn_end),
        TEST(posted_calls),
        TEST(jobs_share_the_time),
        TEST(jobs_finish_and_fail),
        TEST(a_waiting_job_does_not_spin),
        TEST(jobs_from_inside),
        TEST(descriptors),
        TEST(signals_come_through_the_pipe),
        cmocka_unit_test(the_loop_gives_signals_back),
        TEST(the_wait_is_interrupted),
        TEST(interrupted),
        TEST(nothing_left_to_wait_for),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

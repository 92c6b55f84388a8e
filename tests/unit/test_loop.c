/* The loop: timers, posted calls, jobs, signals, descriptors, children, and all of it from inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

static int setup(void **state)
{
    struct loop *l;

    if (loop_new(&l, NULL) != PB_OK)
        return -1;
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void turn(struct loop *l, int max_wait_ms)
{
    struct error e;

    if (loop_turn(l, max_wait_ms, &e) != PB_OK)
        fail_msg("%s", e.msg);
}

static uint64_t since(uint64_t before)
{
    return (clock_mono_us() - before) / 1000;
}

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
    assert_in_range(since(start), 30, 2000);
    assert_int_equal(r.calls, 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    sigaction(SIGWINCH, &before, NULL);
    loop_unwatch_fd(l, r.fd);
    close(r.fd);
    close(writer);
}

/* ---------------------------------------------------------------------------------- children */

struct child {
    struct loop *l;
    struct loop_child *handle, *kills;
    bool done;
    int status;
    char out[8192], err[8192];
    size_t len;
    struct error e;
};

static void child_done(void *ctx, int status, const struct buf *out, const struct error *e)
{
    struct child *c = ctx;

    assert_false(c->done);
    c->done = true;
    c->status = status;
    c->len = out->len;
    snprintf(c->out, sizeof c->out, "%s", out->data);
    snprintf(c->err, sizeof c->err, "%s", loop_child_stderr(c->handle)->data);
    if (e != NULL)
        c->e = *e;
    if (c->kills != NULL)
        loop_kill(c->l, c->kills);
}

static void spawn(struct loop *l, struct child *c, const char *script, size_t most, uint64_t ms)
{
    char sh[] = "/bin/sh", option[] = "-c", *text = mem_strdup(script);
    char *argv[] = {sh, option, text, NULL};

    c->l = l;
    assert_int_equal(loop_spawn(l, argv, most, ms, child_done, c, &c->handle, NULL), PB_OK);
    free(text);
}

static void until(struct loop *l, const bool *done)
{
    struct error e = {.code = PB_OK};

    if (loop_until(l, done, &e) != PB_OK)
        fail_msg("%s", e.msg);
}

static void children_by_table(void **state)
{
    static const struct {
        const char *script;
        size_t most;
        uint64_t ms;
        int status;
        const char *out, *err;
        enum pb_err code;
        const char *msg;
    } cases[] = {
        {"echo hello; echo oops >&2; exit 3", 100, 0, 3, "hello\n", "oops\n", PB_OK, ""},
        {"exit 0", 0, 0, 0, "", "", PB_OK, ""},
        {"printf 12345", 5, 0, 0, "12345", "", PB_OK, ""},
        {"printf 123456; sleep 20", 5, 0, 137, "", "", PB_ELIMIT, "wrote more than is wanted"},
        {"cat", 100, 0, 0, "", "", PB_OK, ""}, /* stdin is /dev/null */
        {"kill -TERM $$", 100, 0, 143, "", "", PB_OK, ""},
        {"echo early; sleep 20", 100, 60, 137, "early\n", "", PB_ETIMEOUT,
         "/bin/sh did not end within 0.1 s"},
        {"(sleep 20) & (sleep 20) & sleep 20", 100, 60, 137, "", "", PB_ETIMEOUT, "did not end"},
        {"trap '' TERM INT HUP; while :; do sleep 1; done", 100, 60, 137, "", "", PB_ETIMEOUT, ""},
        /* A grandchild that keeps our pipe open is not waited for. */
        {"setsid sleep 3 & echo here", 100, 0, 0, "here\n", "", PB_OK, ""},
        {"exec >&- 2>&-; exit 4", 100, 0, 4, "", "", PB_OK, ""},
        /* Only 0, 1 and 2 are open; a session of its own: no terminal. */
        {"i=0; while [ $i -lt 300 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done; true",
         100, 0, 0, "0\n1\n2\n", "", PB_OK, ""},
        {"read pid name state parent group session rest < /proc/$$/stat; [ $session = $$ ]", 100, 0,
         0, "", "", PB_OK, ""},
        {"i=0; while [ $i -lt 3000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end", 100, 0,
         0, "end\n", "0123456789\n", PB_OK, ""},
    };
    struct loop *l = *state;
    int extra = open("/dev/null", O_RDONLY); /* not close-on-exec: must be closed all the same */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct child c = {.done = false};
        uint64_t before = clock_mono_us();

        spawn(l, &c, cases[i].script, cases[i].most, cases[i].ms);
        assert_false(loop_idle(l));
        until(l, &c.done);
        if (c.status != cases[i].status || c.e.code != cases[i].code ||
            (c.e.code == PB_OK && strcmp(c.out, cases[i].out) != 0) ||
            strncmp(c.err, cases[i].err, strlen(cases[i].err)) != 0 ||
            strstr(c.e.msg, cases[i].msg) == NULL || since(before) > 2000)
            fail_msg("%s: status %d, out \"%s\", err \"%.50s\", error %d \"%s\", %u ms",
                     cases[i].script, c.status, c.out, c.err, c.e.code, c.e.msg,
                     (unsigned)since(before));
        assert_true(loop_idle(l));
    }
    close(extra);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* all reaped */
    assert_int_equal(errno, ECHILD);
}

/* What a command has started ends with it when it is killed. */
static void the_whole_group_is_killed(void **state)
{
    struct loop *l = *state;
    char folder[] = "/tmp/test_loop.XXXXXX", fifo[64], script[128], byte = 0;
    struct child c = {.done = false};
    ssize_t n = -1;
    int fd;

    assert_non_null(mkdtemp(folder));
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    snprintf(script, sizeof script, "(echo x; exec sleep 20) > %s & sleep 20", fifo);
    spawn(l, &c, script, 100, 200);
    until(l, &c.done);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(read(fd, &byte, 1), 1);  /* the newline */
    for (int i = 0; i < 200 && n != 0; i++) { /* 0: nobody has it open any more */
        n = read(fd, &byte, 1);
        usleep(5000);
    }
    assert_int_equal(n, 0);
    close(fd);
    unlink(fifo);
    rmdir(folder);
}

static void a_command_that_is_not_there(void **state)
{
    static const struct {
        const char *name;
        enum pb_err code;
        const char *msg;
    } cases[] = {
        {"no-such-command-anywhere", PB_ENOTFOUND, "cannot run no-such-command-anywhere"},
        {"/no/such/file", PB_ENOTFOUND, "/no/such/file"},
        {"/etc/passwd", PB_EDENIED, "/etc/passwd"},
        {"bad\x1b[31mname", PB_ENOTFOUND, "bad\\x1b[31mname"},
    };
    struct loop *l = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct child c = {.l = l};
        char *argv[] = {mem_strdup(cases[i].name), NULL};

        assert_int_equal(loop_spawn(l, argv, 10, 0, child_done, &c, &c.handle, NULL), PB_OK);
        free(argv[0]);
        until(l, &c.done);
        assert_int_equal(c.e.code, cases[i].code);
        assert_non_null(strstr(c.e.msg, cases[i].msg));
        assert_int_equal(c.status, 127);
    }
}

static void children_that_are_killed(void **state)
{
    struct loop *l = *state;
    struct child a = {.done = false}, b = a, c = a;
    uint64_t before = clock_mono_us();

    spawn(l, &a, "sleep 20", 10, 0);
    loop_kill(l, a.handle);
    assert_true(loop_idle(l));
    spawn(l, &b, "sleep 20", 10, 0);
    spawn(l, &c, "exit 0", 10, 0);
    c.kills = b.handle;
    until(l, &c.done);
    assert_true(loop_idle(l));
    for (int i = 0; i < 20; i++)
        turn(l, 5);
    assert_false(a.done || b.done);
    assert_true(since(before) < 2000);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void children_end_with_the_loop(void **state)
{
    struct loop *l;
    struct child c[3] = {{.done = false}};
    uint64_t before = clock_mono_us();

    (void)state;
    assert_int_equal(loop_new(&l, NULL), PB_OK);
    for (int i = 0; i < 3; i++)
        spawn(l, &c[i], i == 2 ? "exit 0" : "sleep 20", 10, 0);
    loop_kill(l, c[1].handle);
    loop_free(l);
    assert_true(since(before) < 1000);
    assert_false(c[0].done || c[1].done || c[2].done);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* -------------------------------------------------------------------------------- the whole */

static void interrupted(void **state)
{
    struct loop *l = *state;
    int finished = 0;
    struct work w = new_work(l, &finished), later = w;
    struct child c = {.done = false};
    struct loop_child *none;
    struct error e;
    char name[] = "true", *argv[] = {name, NULL};

    w.waits = later.waits = 1000000;
    assert_int_equal(loop_add_job(l, &w.job, NULL), PB_OK);
    spawn(l, &c, "sleep 20", 10, 0);
    turn(l, 1);
    loop_interrupt(l);
    assert_int_equal(loop_add_job(l, &later.job, NULL), PB_OK);
    assert_int_equal(loop_spawn(l, argv, 10, 0, child_done, &c, &none, &e), PB_ECANCELED);
    until(l, &c.done);
    assert_int_equal(c.e.code, PB_ECANCELED);
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
    struct child c = {.l = l};
    char name[] = "true", *argv[] = {name, NULL};

    mem_fail_after(1);
    assert_int_equal(loop_timer_start(l, 0, count, &n), 0);
    assert_int_equal(loop_post(l, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_add_job(l, &w.job, NULL), PB_ENOMEM);
    assert_int_equal(loop_watch_fd(l, 0, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_on_signal(l, SIGUSR1, count, &n, NULL), PB_ENOMEM);
    assert_int_equal(loop_new(&other, NULL), PB_ENOMEM);
    assert_null(other);
    mem_fail_after(-1);
    for (long k = 1; c.handle == NULL; k++) {
        enum pb_err rc;

        mem_fail_after(k);
        rc = loop_spawn(l, argv, 10, 500, child_done, &c, &c.handle, NULL);
        mem_fail_after(-1);
        assert_int_equal(rc, c.handle == NULL ? PB_ENOMEM : PB_OK);
    }
    until(l, &c.done);
    assert_int_equal(c.status, 0);
    for (int i = 0; i < 20; i++)
        turn(l, 2);
    assert_int_equal(n, 0);
    assert_true(loop_idle(l));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
        TEST(children_by_table),
        TEST(the_whole_group_is_killed),
        TEST(a_command_that_is_not_there),
        TEST(children_that_are_killed),
        cmocka_unit_test(children_end_with_the_loop),
        TEST(interrupted),
        TEST(nothing_left_to_wait_for),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

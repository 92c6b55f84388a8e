/* Commands run beside the loop: their output, their end, and how they are ended. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
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

#include <pklbrowse/mem.h>

#include "support/loop_rig.h"

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
        {"echo early; sleep 20", 100, 500, 137, "early\n", "", PB_ETIMEOUT,
         "/bin/sh did not end within 0.5 s"},
        {"(sleep 20) & (sleep 20) & sleep 20", 100, 60, 137, "", "", PB_ETIMEOUT, "did not end"},
        {"trap '' TERM INT HUP; while :; do sleep 1; done", 100, 60, 137, "", "", PB_ETIMEOUT, ""},
        /* A grandchild that keeps our pipe open is not waited for. */
        {"setsid sleep 15 & echo here", 100, 0, 0, "here\n", "", PB_OK, ""},
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
            strstr(c.e.msg, cases[i].msg) == NULL || since(before) > 8000)
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
    assert_true(since(before) < 8000);
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
    assert_true(since(before) < 8000);
    assert_false(c[0].done || c[1].done || c[2].done);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void interrupted_children(void **state)
{
    struct loop *l = *state;
    struct child c = {.done = false};
    struct loop_child *none;
    struct error e;
    char name[] = "true", *argv[] = {name, NULL};

    spawn(l, &c, "sleep 20", 10, 0);
    turn(l, 1);
    loop_interrupt(l);
    assert_int_equal(loop_spawn(l, argv, 10, 0, child_done, &c, &none, &e), PB_ECANCELED);
    until(l, &c.done);
    assert_int_equal(c.e.code, PB_ECANCELED);
    assert_true(loop_idle(l));
}

static void memory_runs_out(void **state)
{
    struct loop *l = *state;
    struct child c = {.l = l};
    char name[] = "true", *argv[] = {name, NULL};

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
    assert_true(loop_idle(l));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_by_table),
        TEST(the_whole_group_is_killed),
        TEST(a_command_that_is_not_there),
        TEST(children_that_are_killed),
        cmocka_unit_test(children_end_with_the_loop),
        TEST(interrupted_children),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

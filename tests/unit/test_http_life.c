/* HTTP while it goes on: pauses, stalls, bodies that come late, memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>

#include "support/http_rig.h"

static uint64_t since(uint64_t before)
{
    return (clock_mono_us() - before) / 1000;
}

/* ------------------------------------------------------------------------- pausing and moving */

static void a_large_stream_with_pauses(void **state)
{
    static const uint64_t size = 100000000;
    static const struct http_step script[] = {{.act = ACCEPT},
                                              {.act = READ},
                                              {.act = SEND, .text = OK_HEAD "100000000\r\n\r\n"},
                                              {.act = FILL, .n = 100000000},
                                              {.act = END}};
    struct rig r;
    struct call c = {.stream = true, .pauses = 1, .pause_at = 30000000};
    struct http_progress p;
    uint64_t at, end, turns = 0;

    (void)state;
    rig_setup(&r, script);
    rig_start(&c, r.http, r.server.port);
    while (c.pauses > 0)
        assert_int_equal(loop_turn(r.loop, -1, NULL), PB_OK);
    at = c.bytes;
    assert_true(at >= c.pause_at);
    /* Longer than a stall; nothing comes, nothing spins, nothing is lost. */
    for (end = clock_mono_us() + 800000; clock_mono_us() < end; turns++)
        assert_int_equal(loop_turn(r.loop, 100, NULL), PB_OK);
    assert_int_equal(c.bytes, at);
    assert_true(turns < 50);
    assert_false(c.done);
    http_progress(c.handle, &p);
    assert_int_equal(p.received, at);
    assert_int_equal(p.receive_total, size);
    assert_int_equal(p.attempt, 1);
    assert_int_equal(p.send_total, 0);
    http_resume(c.handle);
    assert_int_equal(c.bytes, at); /* never from inside of http_resume() */
    rig_until_done(&r, &c);
    assert_int_equal(c.error.code, PB_OK);
    assert_int_equal(c.bytes, size);
    assert_int_equal(c.body_bytes, size);
    assert_false(c.wrong_bytes);
    rig_finish(&c);
    rig_teardown(&r);
}

static void pauses_and_resumes_in_a_row(void **state)
{
    static const struct http_step script[] = {{.act = ACCEPT},
                                              {.act = READ},
                                              {.act = SEND, .text = OK_HEAD "3000000\r\n\r\n"},
                                              {.act = FILL, .n = 3000000},
                                              {.act = END}};
    struct rig r;
    struct call c = {.stream = true, .pauses = 500, .resume_at_once = true};

    (void)state;
    rig_setup(&r, script);
    rig_run(&r, &c);
    assert_int_equal(c.error.code, PB_OK);
    assert_int_equal(c.bytes, 3000000);
    assert_int_equal(c.pauses, 0);
    assert_false(c.wrong_bytes);
    rig_finish(&c);
    rig_teardown(&r);
}

/* After a pause a callback refuses what curl had kept back for it. */
static void refused_after_a_pause(void **state)
{
    static const struct http_step script[] = {{.act = ACCEPT},
                                              {.act = READ},
                                              {.act = SEND, .text = OK_HEAD "3000000\r\n\r\n"},
                                              {.act = FILL, .n = 3000000},
                                              {.act = END}};
    struct rig r;
    struct call c = {.stream = true, .pauses = 1, .resume_at_once = true, .fail_body = true};

    (void)state;
    rig_setup(&r, script);
    rig_run(&r, &c);
    assert_int_equal(c.error.code, PB_EIO);
    assert_true(loop_idle(r.loop));
    rig_finish(&c);
    rig_teardown(&r);
}

static struct source *zeros(size_t n)
{
    void *p = mem_alloc(n);

    assert_non_null(p);
    return source_mem(p, n, true);
}

static void nobody_takes_the_body(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT}, {.act = READ_HEAD}, {.act = SLEEP, .n = 10000}, {.act = END}};
    struct rig r;
    struct call c = {.method = "PUT", .retry = HTTP_WRITE, .body = zeros(30000000)};
    uint64_t before = clock_mono_us();

    (void)state;
    rig_setup(&r, script);
    rig_run(&r, &c);
    assert_int_equal(c.error.code, PB_ETIMEOUT);
    assert_non_null(strstr(c.error.msg, "took nothing for 0.5 s"));
    assert_true(c.maybe_sent);
    assert_true(since(before) < 8000);
    rig_finish(&c);
    rig_teardown(&r);
}

/* The kernel takes the whole body at once; the other side then reads it for much longer than a
 * stall may last. */
static void a_slow_reader_is_not_stalled(void **state)
{
    struct http_step script[64] = {{.act = ACCEPT}, {.act = READ_HEAD}};
    struct rig r;
    struct call c = {.method = "PUT", .retry = HTTP_WRITE, .body = zeros(3000000)};
    uint64_t before = clock_mono_us();
    int n = 2;

    (void)state;
    for (int i = 0; i < 15; i++) {
        script[n++] = (struct http_step){.act = SLEEP, .n = 100};
        script[n++] = (struct http_step){.act = READ_SOME, .n = 200000};
    }
    script[n++] = (struct http_step)EMPTY("200 OK");
    rig_setup(&r, script);
    rig_run(&r, &c);
    assert_int_equal(c.error.code, PB_OK);
    assert_int_equal(c.status, 200);
    assert_true(since(before) >= 1500);
    rig_finish(&c);
    rig_teardown(&r);
}

/* A source whose bytes come later, from a timer; or that changes. */
struct late {
    struct source source;
    struct loop *loop;
    uint8_t bytes[4096];
    uint64_t until; /* from here on it has changed */
};

static enum pb_err late_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                             size_t *n, struct error *e)
{
    struct late *l = (struct late *)s;

    if (off >= l->until)
        return error_set(e, PB_ECHANGED, "the file changed");
    *p = l->bytes;
    *n = s->here - off < sizeof l->bytes ? (size_t)(s->here - off) : sizeof l->bytes;
    return *n >= want || off + *n == s->size ? PB_OK : error_set(e, PB_EAGAIN, "not yet");
}

static void late_free(struct source *s)
{
    (void)s;
}

static const struct source_ops late_ops = {late_view, late_free};

static void more_has_come(void *ctx)
{
    struct late *l = ctx;

    l->source.here += 1000;
    if (l->source.here < l->source.size)
        assert_true(loop_timer_start(l->loop, 15, more_has_come, l) != 0);
}

static void a_body_that_comes_while_it_is_sent(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT}, {.act = READ}, EMPTY("200 OK"), {.act = END}};
    struct late late = {.source = {.ops = &late_ops, .size = 20000}, .until = UINT64_MAX};
    struct rig r;
    struct call c = {.method = "PUT", .retry = HTTP_WRITE, .body = &late.source};

    (void)state;
    rig_setup(&r, script);
    late.loop = r.loop;
    more_has_come(&late);
    rig_run(&r, &c);
    assert_int_equal(c.error.code, PB_OK);
    assert_int_equal(c.status, 200);
    assert_int_equal(atomic_load(&r.server.seen->body_bytes), 20000);
    rig_finish(&c);
    rig_teardown(&r);
}

static void a_body_that_does_not_come_or_changes(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT}, {.act = READ}, EMPTY("200 OK"), {.act = END}};

    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        struct late late = {.source = {.ops = &late_ops, .size = 20000, .here = 5000},
                            .until = changes ? 5000 : UINT64_MAX};
        struct rig r;
        struct call c = {.method = "PUT", .retry = HTTP_WRITE, .body = &late.source};

        rig_setup(&r, script);
        rig_run(&r, &c);
        assert_int_equal(c.error.code, changes ? PB_ECHANGED : PB_ETIMEOUT);
        assert_true(c.maybe_sent); /* its head has left */
        assert_non_null(
            strstr(c.error.msg, changes ? "the file changed" : "did not come for 0.5 s"));
        assert_int_equal(c.attempts, 1);
        rig_finish(&c);
        rig_teardown(&r);
    }
}

/* ----------------------------------------------------------------------------------- memory */

static void memory_runs_out(void **state)
{
    static const struct http_step script[] = {{.act = ACCEPT}, {.act = READ}, OK_2,
                                              {.act = READ},   OK_2,          {.act = END}};
    unsigned failures = 0;
    long n = 0;
    bool whole = false;

    (void)state;
    while (!whole) {
        struct rig r;
        struct call c = {.headers = {"X-A", "b"}};
        struct http_request req;
        enum pb_err rc;
        struct error e = {.code = PB_OK};

        rig_setup(&r, script);
        rig_prepare(&c, r.http, r.server.port, &req);
        mem_fail_after(++n);
        rc = http_start(r.http, &req, &c.handle, &e);
        while (rc == PB_OK && !c.done)
            rc = loop_turn(r.loop, 100, &e);
        mem_fail_after(-1);
        if (rc != PB_OK) {
            assert_int_equal(rc, PB_ENOMEM);
            failures++;
        } else if (c.error.code != PB_OK) {
            assert_int_equal(c.error.code, PB_ENOMEM);
            failures++;
        } else if (c.text.failed != PB_OK) { /* our own copy of the answer */
            failures++;
        } else {
            whole = true;
            assert_string_equal(c.text.data, "ok");
        }
        rig_finish(&c);
        rig_teardown(&r);
    }
    assert_true(failures >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_stream_with_pauses),
        cmocka_unit_test(pauses_and_resumes_in_a_row),
        cmocka_unit_test(refused_after_a_pause),
        cmocka_unit_test(nobody_takes_the_body),
        cmocka_unit_test(a_slow_reader_is_not_stalled),
        cmocka_unit_test(a_body_that_comes_while_it_is_sent),
        cmocka_unit_test(a_body_that_does_not_come_or_changes),
        cmocka_unit_test(memory_runs_out),
    };

    rig_no_proxies();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* HTTP calls that are given up: look-ups and connections that hang, cancel and free from anywhere.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>

#include "support/http_rig.h"

/* ------------------------------------------------------------------------------- the resolver */

/* Takes the place of libc's for libcurl as well: "hangs.test" takes ten seconds, "nowhere.test" is
 * not known. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    if (node != NULL && strcmp(node, "hangs.test") == 0)
        sleep(10);
    if (node != NULL && strstr(node, ".test") != NULL)
        return EAI_NONAME;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, out);
}

/* What hangs here takes ten seconds: anything much shorter did not wait for it, and a machine that
 * has other work takes its time. */
enum { NOT_WAITED = 4000 };

static uint64_t since(uint64_t before)
{
    return (clock_mono_us() - before) / 1000;
}

static void cancel_during_a_look_up_that_hangs(void **state)
{
    uint64_t before, most = 0;

    (void)state;
    for (int how = 0; how < 3; how++) {
        struct rig r;
        struct call c = {.host = "hangs.test"};

        rig_setup(&r, NULL);
        rig_start(&c, r.http, 80);
        rig_turns_for(&r, 60);
        assert_false(c.done);
        before = clock_mono_us();
        if (how == 0)
            http_cancel(c.handle);
        if (how < 2) {
            http_free(r.http);
            r.http = NULL;
        }
        if (how == 2) { /* the loop first: the call is an empty shell then */
            loop_free(r.loop);
            r.loop = NULL;
        }
        if (since(before) > most)
            most = since(before);
        rig_teardown(&r);
        if (since(before) > most)
            most = since(before);
        assert_false(c.done);
        rig_finish(&c);
    }
    print_message("cancel during a look-up that hangs: %u ms at most\n", (unsigned)most);
    assert_true(most < NOT_WAITED);
}

static void turns_go_on_during_a_look_up_that_hangs(void **state)
{
    struct rig r;
    struct call c = {.host = "hangs.test"};
    uint64_t before;

    (void)state;
    rig_setup(&r, NULL);
    rig_start(&c, r.http, 80);
    for (int i = 0; i < 20; i++) {
        before = clock_mono_us();
        assert_int_equal(loop_turn(r.loop, 5, NULL), PB_OK);
        assert_true(since(before) < NOT_WAITED);
    }
    assert_false(loop_idle(r.loop));
    rig_teardown(&r);
    rig_finish(&c);
}

static void limits_of_connecting(void **state)
{
    struct http_options o = rig_options;
    struct rig r;
    struct call hangs = {.host = "hangs.test", .method = "PUT", .retry = HTTP_WRITE};
    struct call nowhere = {.host = "nowhere.test", .method = "PUT", .retry = HTTP_WRITE};
    uint64_t before;

    (void)state;
    o.connect_ms = 200;
    o.attempts = 2;
    rig_setup(&r, NULL);
    http_free(r.http);
    assert_int_equal(http_new(r.loop, &o, &r.http, NULL), PB_OK);
    before = clock_mono_us();
    rig_start(&hangs, r.http, 80);
    rig_until_done(&r, &hangs);
    assert_true(since(before) >= 400 && since(before) < NOT_WAITED);
    assert_int_equal(hangs.error.code, PB_ETIMEOUT);
    assert_string_equal(hangs.error.msg,
                        "the name of hangs.test:80 could not be looked up within 0.2 s");
    assert_false(hangs.maybe_sent);
    rig_start(&nowhere, r.http, 80);
    rig_until_done(&r, &nowhere);
    assert_int_equal(nowhere.error.code, PB_ENET);
    assert_string_equal(nowhere.error.msg, "no address is known for nowhere.test:80");
    assert_int_equal(nowhere.attempts, 2);
    assert_false(nowhere.maybe_sent);
    rig_teardown(&r);
    rig_finish(&hangs);
    rig_finish(&nowhere);
}

/* A port on which connecting hangs: the queue of a listener that accepts nobody is full. */
struct full_port {
    int fds[8], port;
};

static void full_port_open(struct full_port *f)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;

    f->fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->fds[0], (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(f->fds[0], 0), 0);
    assert_int_equal(getsockname(f->fds[0], (struct sockaddr *)&addr, &n), 0);
    f->port = ntohs(addr.sin_port);
    for (int i = 1; i < 8; i++) {
        f->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(f->fds[i], (struct sockaddr *)&addr, sizeof addr);
    }
}

static void connecting_that_hangs(void **state)
{
    struct http_options o = rig_options;
    struct full_port f;
    struct rig r;
    struct call c = {.method = "PUT", .retry = HTTP_WRITE}, cancelled = {.method = "GET"};
    char expected[100];
    uint64_t before;

    (void)state;
    full_port_open(&f);
    o.connect_ms = 200;
    o.attempts = 2;
    rig_setup(&r, NULL);
    http_free(r.http);
    assert_int_equal(http_new(r.loop, &o, &r.http, NULL), PB_OK);
    rig_start(&c, r.http, f.port);
    rig_until_done(&r, &c);
    snprintf(expected, sizeof expected, "no connection to 127.0.0.1:%d within 0.2 s", f.port);
    assert_int_equal(c.error.code, PB_ETIMEOUT);
    assert_string_equal(c.error.msg, expected);
    assert_int_equal(c.attempts, 2);
    assert_false(c.maybe_sent);
    rig_start(&cancelled, r.http, f.port);
    rig_turns_for(&r, 30);
    before = clock_mono_us();
    http_cancel(cancelled.handle);
    assert_true(since(before) < NOT_WAITED);
    assert_true(loop_idle(r.loop));
    rig_teardown(&r);
    rig_finish(&c);
    rig_finish(&cancelled);
    for (int i = 0; i < 8; i++)
        close(f.fds[i]);
}

/* ------------------------------------------------------------------------- cancel and free */

static const struct http_step stream_script[] = {{.act = ACCEPT},
                                                 {.act = READ},
                                                 {.act = SEND, .text = OK_HEAD "400000\r\n\r\n"},
                                                 {.act = FILL, .n = 400000},
                                                 {.act = END}};

static void cancel_after_any_number_of_turns(void **state)
{
    unsigned ended = 0;

    (void)state;
    for (unsigned turns = 0; ended < 3 && turns < 200; turns++) {
        static const struct http_step script[] = {{.act = ACCEPT},
                                                  {.act = READ},
                                                  EMPTY("503 x"),
                                                  {.act = READ},
                                                  {.act = SEND, .text = OK_HEAD "1000\r\n\r\n"},
                                                  {.act = SLEEP, .n = 2},
                                                  {.act = FILL, .n = 500},
                                                  {.act = SLEEP, .n = 2},
                                                  {.act = FILL, .n = 500},
                                                  {.act = END}};
        struct rig r;
        struct call c = {.stream = true};

        rig_setup(&r, script);
        rig_start(&c, r.http, r.server.port);
        for (unsigned i = 0; i < turns && !c.done; i++)
            assert_int_equal(loop_turn(r.loop, 1, NULL), PB_OK);
        ended += c.done;
        if (!c.done) {
            http_cancel(c.handle);
            assert_true(loop_idle(r.loop));
            rig_turns_for(&r, 3);
            assert_false(c.done);
        }
        rig_finish(&c);
        rig_teardown(&r);
    }
    assert_int_equal(ended, 3);
}

static void cancel_from_inside(void **state)
{
    static const struct call cases[] = {
        {.cancel_in_prepare = true},
        {.cancel_in_prepare = true, .fail_prepare = 1},
        {.stream = true, .cancel_in_head = true},
        {.stream = true, .cancel_in_head = true, .fail_head = true},
        {.cancel_in_head = true},
        {.cancel_in_again = true},
        {.cancel_in_again = true, .again_for = 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        struct call c = cases[i];

        rig_setup(&r, stream_script);
        rig_start(&c, r.http, r.server.port);
        rig_turns_for(&r, 60);
        for (int tries = 0; tries < 80 && !loop_idle(r.loop); tries++)
            rig_turns_for(&r, 50);
        assert_false(c.done);
        assert_true(loop_idle(r.loop));
        assert_int_equal(c.bytes, 0);
        rig_finish(&c);
        rig_teardown(&r);
    }
}

/* From inside of on_body, which is inside of curl: cancel itself, cancel another that runs, free
 * the client with all its calls, start a new call. */
static void upheaval_from_inside(void **state)
{
    static const struct http_step slow_script[] = {{.act = ACCEPT},
                                                   {.act = READ},
                                                   {.act = SLEEP, .n = 40},
                                                   {.act = SEND, .text = OK_HEAD "400000\r\n\r\n"},
                                                   {.act = FILL, .n = 400000},
                                                   {.act = END}};

    (void)state;
    for (int what = 0; what < 4; what++) {
        struct rig r;
        struct http_server other;
        struct call c = {.stream = true}, second = {.stream = true}, third = {.stream = true};
        bool ends = what == 1 || what == 3, other_ends = what == 0 || what == 3;

        rig_setup(&r, stream_script);
        http_server_start(&other, slow_script);
        if (what == 0)
            c.cancels = &c;
        if (what == 1)
            c.cancels = &second;
        if (what == 2)
            c.frees = r.http;
        if (what == 3)
            c.starts = &third;
        rig_start(&c, r.http, r.server.port);
        rig_start(&second, r.http, other.port);
        rig_turns_for(&r, 200);
        for (int tries = 0; tries < 80; tries++) {
            if (c.bytes > 0 && c.done == ends && second.done == other_ends)
                break;
            rig_turns_for(&r, 50);
        }
        assert_int_equal(c.done, ends);
        assert_int_equal(second.done, other_ends);
        assert_true(c.bytes > 0);
        if (what == 3) /* its port's script has ended: it is connected, or waits to be */
            assert_int_equal(third.prepared, 1);
        if (what == 2)
            r.http = NULL;
        rig_teardown(&r);
        http_server_stop(&other);
        rig_finish(&c);
        rig_finish(&second);
        rig_finish(&third);
    }
}

static void two_at_once(void **state)
{
    struct rig r;
    struct http_server other;
    struct call c = {.stream = true}, second = {.stream = true};

    (void)state;
    rig_setup(&r, stream_script);
    http_server_start(&other, stream_script);
    rig_start(&c, r.http, r.server.port);
    rig_start(&second, r.http, other.port);
    rig_until_done(&r, &c);
    rig_until_done(&r, &second);
    assert_int_equal(c.bytes, 400000);
    assert_int_equal(second.bytes, 400000);
    assert_false(c.wrong_bytes || second.wrong_bytes);
    rig_finish(&c);
    rig_finish(&second);
    rig_teardown(&r);
    http_server_stop(&other);
}

/* ^C: whatever runs, waits to try again or is started later ends as cancelled. */
static void interrupt(void **state)
{
    static const struct http_step waits[] = {
        {.act = ACCEPT}, {.act = READ}, {.act = WAIT}, {.act = END}};
    struct rig r;
    struct call write = {.method = "PUT", .retry = HTTP_WRITE}, read = {.method = "GET"};
    struct call backing_off = {.method = "GET"}, looking_up = {.host = "hangs.test"};
    struct call later = {.method = "GET"};
    struct call *all[] = {&write, &read, &backing_off, &looking_up, &later};
    uint64_t before;

    (void)state;
    rig_setup(&r, waits);
    rig_start(&write, r.http, r.server.port);
    rig_turns_for(&r, 50);
    rig_start(&read, r.http, r.server.port);
    rig_start(&backing_off, r.http, http_server_no_port());
    rig_start(&looking_up, r.http, 80);
    rig_turns_for(&r, 8);
    assert_false(loop_interrupted(r.loop));
    before = clock_mono_us();
    loop_interrupt(r.loop);
    assert_true(loop_interrupted(r.loop));
    assert_false(write.done);
    rig_start(&later, r.http, r.server.port);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rig_until_done(&r, all[i]);
    assert_true(since(before) < NOT_WAITED);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(all[i]->error.code, PB_ECANCELED);
        assert_int_equal(all[i]->maybe_sent, all[i] == &write);
        rig_finish(all[i]);
    }
    assert_int_equal(later.prepared, 0);
    assert_true(loop_idle(r.loop));
    rig_teardown(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_during_a_look_up_that_hangs),
        cmocka_unit_test(turns_go_on_during_a_look_up_that_hangs),
        cmocka_unit_test(limits_of_connecting),
        cmocka_unit_test(connecting_that_hangs),
        cmocka_unit_test(cancel_after_any_number_of_turns),
        cmocka_unit_test(cancel_from_inside),
        cmocka_unit_test(upheaval_from_inside),
        cmocka_unit_test(two_at_once),
        cmocka_unit_test(interrupt),
    };

    rig_no_proxies();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What HTTP sends, what it keeps, what it says when it fails, and when it tries again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/http.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>

#include "../../src/net/retry.h"
#include "support/http_rig.h"

/* ----------------------------------------------------------------------------- on the wire */

static bool has_line(const char *head, const char *line)
{
    char with_ends[512];

    snprintf(with_ends, sizeof with_ends, "\r\n%s\r\n", line);
    return strstr(head, with_ends) != NULL;
}

static bool has_header(const char *head, const char *name)
{
    char start[128];

    snprintf(start, sizeof start, "\r\n%s:", name);
    return strcasestr(head, start) != NULL;
}

static struct source *pattern(size_t n)
{
    unsigned char *p = mem_alloc(n);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(i % 251);
    return source_mem(p, n, true);
}

static void what_is_sent(void **state)
{
    static const struct {
        struct call call;
        size_t body;
        const char *first, *lines[4], *not [6];
    } cases[] = {
        {.call = {.path = "/a/../b/./c//d%2F%20?x=%2f&y"},
         .first = "GET /a/../b/./c//d%2F%20?x=%2f&y HTTP/1.1\r\n",
         .lines = {"User-Agent: tests/1"},
         .not = {"Expect", "Accept-Encoding", "Content-Length", "Transfer-Encoding", "Range"}},
        {.call = {.path = "//key", .method = "HEAD"}, .first = "HEAD //key HTTP/1.1\r\n"},
        {.call = {.method = "DELETE"},
         .first = "DELETE / HTTP/1.1\r\n",
         .not = {"Content-Length", "Content-Type"}},
        {.call = {.method = "PUT"},
         .first = "PUT / HTTP/1.1\r\n",
         .lines = {"Content-Length: 0"},
         .not = {"Expect", "Transfer-Encoding", "Content-Type"}},
        {.call = {.method = "POST", .path = "/?uploads"},
         .first = "POST /?uploads HTTP/1.1\r\n",
         .lines = {"Content-Length: 0"},
         .not = {"Expect", "Transfer-Encoding", "Content-Type"}},
        {.call = {.method = "PUT", .retry = HTTP_WRITE},
         .body = 5000000,
         .first = "PUT / HTTP/1.1\r\n",
         .lines = {"Content-Length: 5000000"},
         .not = {"Expect", "Transfer-Encoding", "Content-Type"}},
        {.call = {.method = "POST", .retry = HTTP_WRITE},
         .body = 3,
         .first = "POST / HTTP/1.1\r\n",
         .lines = {"Content-Length: 3"},
         .not = {"Expect", "Transfer-Encoding", "Content-Type"}},
        {.call = {.headers = {"X-Empty", "", "X-Amz-Meta-A", "b: c;  d", "Content-Length", "7",
                              "Host", "elsewhere"}},
         .first = "GET / HTTP/1.1\r\n",
         .lines = {"X-Empty:", "X-Amz-Meta-A: b: c;  d"},
         .not = {"Content-Length"}},
        {.call = {.headers = {"X-Utf8", "gr\xc3\xbc\xc3\x9f", "Range", "bytes=3-9",
                              "Accept-Encoding", "identity"}},
         .first = "GET / HTTP/1.1\r\n",
         .lines = {"X-Utf8: gr\xc3\xbc\xc3\x9f", "Range: bytes=3-9", "Accept-Encoding: identity"}},
    };
    static const struct http_step script[] = {
        {.act = ACCEPT},
        {.act = READ},
        {.act = SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Test: a\r\n\r\n"},
        {.act = END}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        struct call c = cases[i].call;
        char host[64];
        const char *head;

        rig_setup(&r, script);
        if (cases[i].body > 0)
            c.body = pattern(cases[i].body);
        rig_run(&r, &c);
        head = r.server.seen->heads[0];
        snprintf(host, sizeof host, "Host: 127.0.0.1:%d", r.server.port);
        assert_int_equal(c.status, 200);
        assert_string_equal(c.header, "a");
        assert_memory_equal(head, cases[i].first, strlen(cases[i].first));
        assert_true(has_line(head, host));
        assert_false(has_line(head, "Host: elsewhere"));
        for (int k = 0; cases[i].lines[k] != NULL; k++) {
            if (!has_line(head, cases[i].lines[k]))
                fail_msg("%s is not in\n%s", cases[i].lines[k], head);
        }
        for (int k = 0; cases[i].not [k] != NULL; k++) {
            if (has_header(head, cases[i].not [k]))
                fail_msg("%s is in\n%s", cases[i].not [k], head);
        }
        assert_int_equal(atomic_load(&r.server.seen->body_bytes), cases[i].body);
        rig_finish(&c);
        rig_teardown(&r);
    }
}

static void the_body_is_read_again_for_every_attempt(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT}, {.act = READ}, EMPTY("503 Slow Down"), {.act = READ}, OK_2, {.act = END}};
    struct rig r;
    struct call c = {.method = "POST", .body = pattern(100000)};

    (void)state;
    rig_setup(&r, script);
    rig_run(&r, &c);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.attempts, 2);
    assert_int_equal(atomic_load(&r.server.seen->body_bytes), 200000);
    rig_finish(&c);
    rig_teardown(&r);
}

/* The server closes a kept connection when the next request is on it: a read is sent once more by
 * curl, a write comes on a new connection and so is not hit; what it has sent is never sent twice.
 */
static void kept_connections(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT},     {.act = READ},  OK_2, /* kept */
        {.act = READ},       {.act = CLOSE},       /* the read comes here, and dies */
        {.act = ACCEPT},     {.act = READ},  OK_2, /* and again */
        {.act = ACCEPT_TOO}, {.act = READ},  OK_2, /* the write, though that is still open */
        {.act = ACCEPT},     {.act = READ},  {.act = CLOSE}, /* another write dies */
        {.act = ACCEPT},     {.act = READ},  OK_2,           {.act = END}};
    struct rig r;
    struct call c[5] = {{.path = "/0"},
                        {.path = "/1"},
                        {.path = "/2", .method = "PUT", .retry = HTTP_WRITE},
                        {.path = "/3", .method = "PUT", .retry = HTTP_WRITE},
                        {.path = "/4"}};

    (void)state;
    c[2].body = pattern(70000);
    rig_setup(&r, script);
    for (int i = 0; i < 5; i++)
        rig_run(&r, &c[i]);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(c[i].attempts, 1);
        assert_int_equal(c[i].status, i == 3 ? 0 : 200);
        rig_finish(&c[i]);
    }
    assert_int_equal(c[3].error.code, PB_ENET);
    assert_true(c[3].maybe_sent);
    assert_int_equal(atomic_load(&r.server.seen->requests), 6);
    assert_int_equal(atomic_load(&r.server.seen->connections), 5);
    assert_int_equal(atomic_load(&r.server.seen->body_bytes), 70000);
    rig_teardown(&r);
}

/* The answer comes while the body is still being sent.  When the server closes at once, its reset
 * may overtake the answer: then what became of the write is open, and said to be. */
static void answers_before_the_body_is_read(void **state)
{
    static const struct {
        struct http_step script[8];
        int status;
        bool overtaken;
    } cases[] = {
        {{{.act = ACCEPT},
          {.act = READ_HEAD},
          {.act = READ_SOME, .n = 1000},
          EMPTY("412 Precondition Failed"),
          {.act = READ_SOME, .n = 100},
          {.act = SLEEP, .n = 50},
          {.act = CLOSE}},
         412,
         false},
        {{{.act = ACCEPT},
          {.act = READ_HEAD},
          EMPTY("307 There"),
          {.act = SLEEP, .n = 50},
          {.act = RESET}},
         307,
         false},
        {{{.act = ACCEPT},
          {.act = READ_HEAD},
          {.act = SEND, .text = "HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nbody"},
          {.act = CLOSE}},
         403,
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        struct call c = {.method = "PUT", .retry = HTTP_WRITE, .body = pattern(30000000)};
        bool answer, lost;

        rig_setup(&r, cases[i].script);
        rig_run(&r, &c);
        answer = c.error.code == PB_OK && c.status == cases[i].status && !c.maybe_sent;
        lost = c.error.code == PB_ENET && c.maybe_sent;
        assert_int_equal(atomic_load(&r.server.seen->requests), 1);
        rig_teardown(&r);
        rig_finish(&c);
        if (!answer && !(lost && cases[i].overtaken))
            fail_msg("%d: %d %s", cases[i].status, c.status, c.error.msg);
    }
}

/* --------------------------------------------------------------------------------- sentences */

static void refused(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    int port = http_server_no_port();
    char expected[128];

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct rig r;
        struct call c = {
            .method = "PUT", .retry = i % 2 == 0 ? HTTP_WRITE : HTTP_READ, .host = hosts[i / 2]};

        rig_setup(&r, NULL);
        rig_start(&c, r.http, port);
        rig_until_done(&r, &c);
        snprintf(expected, sizeof expected, "cannot connect to %s:%d: ", c.host, port);
        assert_int_equal(c.error.code, PB_ENET);
        assert_memory_equal(c.error.msg, expected, strlen(expected));
        if (i < 4) /* a machine may have no IPv6 at all: then another reason */
            assert_string_equal(c.error.msg + strlen(expected), "Connection refused");
        assert_non_null(strstr(c.error.detail, "Is the server running"));
        assert_int_equal(c.attempts, HTTP_ATTEMPTS);
        assert_int_equal(c.prepared, HTTP_ATTEMPTS);
        assert_false(c.maybe_sent);
        rig_finish(&c);
        rig_teardown(&r);
    }
}

static void proxies_of_the_environment(void **state)
{
    static const struct http_step script[] = {{.act = ACCEPT}, {.act = READ}, OK_2, {.act = END}};
    struct rig r;
    struct call c = {.host = "some.test", .path = "/x"}, dead = {.host = "some.test", .path = "/x"};
    char proxy[64];

    (void)state;
    rig_setup(&r, script);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", r.server.port);
    setenv("http_proxy", proxy, 1);
    rig_start(&c, r.http, 80);
    rig_until_done(&r, &c);
    assert_int_equal(c.status, 200);
    assert_non_null(strstr(r.server.seen->heads[0], "GET http://some.test/x HTTP/1.1\r\n"));

    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", http_server_no_port());
    setenv("http_proxy", proxy, 1);
    rig_start(&dead, r.http, 80);
    rig_until_done(&r, &dead);
    unsetenv("http_proxy");
    assert_int_equal(dead.error.code, PB_ENET);
    assert_non_null(strstr(dead.error.msg, "cannot connect to some.test:80 through a proxy: "));
    rig_finish(&c);
    rig_finish(&dead);
    rig_teardown(&r);
}

static void nothing_secret_is_told(void **state)
{
    static const struct http_step script[] = {{.act = ACCEPT}, {.act = READ},  EMPTY("503 a"),
                                              {.act = ACCEPT}, {.act = RESET}, {.act = END}};
    struct rig r;
    struct call c = {.path = "/k?X-Amz-Signature=geheim&X-Amz-Credential=geheim&a=1",
                     .headers = {"Authorization", "AWS4 geheim", "x-amz-security-token", "geheim",
                                 "X-Plain", "plain"},
                     .fail_prepare = 4};
    char path[] = "/tmp/test_http_log.XXXXXX", text[65536] = "";
    int fd = mkstemp(path);
    ssize_t n;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(log_open(path, NULL), PB_OK);
    rig_setup(&r, script);
    rig_start(&c, r.http, r.server.port);
    rig_turns_for(&r, 200);
    log_close();
    n = read(fd, text, sizeof text - 1);
    close(fd);
    unlink(path);
    assert_true(n > 0);
    assert_non_null(strstr(text, "plain"));
    assert_non_null(strstr(text, "Authorization"));
    assert_non_null(strstr(text, "503"));
    assert_null(strstr(text, "geheim"));
    rig_teardown(&r);
    assert_null(strstr(c.error.msg, "geheim"));
    rig_finish(&c);
}

/* ------------------------------------------------------------------------------ trying again */

static void figures_of_the_back_off(void **state)
{
    static const struct {
        const char *value;
        int64_t server_date;
        uint64_t ms;
    } asked[] = {
        {NULL, 0, 0},
        {"0", 0, 0},
        {"3", 0, 3000},
        {"20", 0, 20000},
        {"21", 0, 20000},
        {"99999999999999999999", 0, 0},
        {"18446744073709551615", 0, 20000},
        {"-3", 0, 0},
        {"soon", 0, 0},
        {"Sun, 22 Nov 2026 10:02:03 GMT", 1795341718, 5000},
        {"Sun, 22 Nov 2026 10:02:03 GMT", 1795341723, 0},
        {"Sun, 22 Nov 2026 10:02:03 GMT", 1795341999, 0},
        {"Sun, 22 Nov 2026 10:02:03 GMT", 1, 20000},
    };

    (void)state;
    assert_int_equal(retry_backoff_ms(1, 1000, 0.0), 0);
    assert_int_equal(retry_backoff_ms(1, 1000, 0.5), 500);
    assert_int_equal(retry_backoff_ms(2, 1000, 0.5), 1000);
    assert_int_equal(retry_backoff_ms(4, 1000, 0.999), 7992);
    assert_int_equal(retry_backoff_ms(5, 1000, 0.5), 8000);
    assert_int_equal(retry_backoff_ms(6, 1000, 0.5), 10000); /* 20 s at most */
    assert_int_equal(retry_backoff_ms(4000000000u, 1000, 0.5), 10000);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct http_headers h = {0};

        if (asked[i].value != NULL)
            assert_int_equal(http_headers_add(&h, "retry-after", asked[i].value, NULL), PB_OK);
        if (retry_after_ms(&h, asked[i].server_date) != asked[i].ms)
            fail_msg("Retry-After: %s gives %llu ms", asked[i].value,
                     (unsigned long long)retry_after_ms(&h, asked[i].server_date));
        http_headers_release(&h);
    }
    for (int i = 0, high = 0, low = 0; i < 64 || high == 0 || low == 0; i++) {
        double chance = retry_chance();

        assert_true(chance >= 0 && chance < 1);
        high += chance >= 0.5;
        low += chance < 0.5;
        assert_true(i < 1000);
    }
}

static void retry_after_is_waited_for(void **state)
{
    static const struct http_step script[] = {
        {.act = ACCEPT},
        {.act = READ},
        {.act = SEND, .text = "HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"},
        {.act = READ},
        OK_2,
        {.act = END}};
    struct rig r;
    struct call c = {.method = "GET"};
    uint64_t before;

    (void)state;
    rig_setup(&r, script);
    before = clock_mono_us();
    rig_run(&r, &c);
    assert_int_equal(c.status, 200);
    assert_true(clock_mono_us() - before >= 1000000);
    rig_finish(&c);
    rig_teardown(&r);
}

static void header_lists(void **state)
{
    struct http_headers h = {0};
    struct error e;

    (void)state;
    assert_null(http_headers_get(&h, "A"));
    assert_int_equal(http_headers_set(&h, "A", "1", &e), PB_OK);
    assert_int_equal(http_headers_add(&h, "b", "2", &e), PB_OK);
    assert_int_equal(http_headers_add(&h, "a", "3", &e), PB_OK);
    assert_int_equal(http_headers_add(&h, "B", "", &e), PB_OK);
    assert_int_equal(h.len, 4);
    assert_string_equal(http_headers_get(&h, "a"), "1");
    assert_int_equal(http_headers_set(&h, "a", "4", &e), PB_OK);
    assert_int_equal(h.len, 3);
    assert_string_equal(h.data[0].name, "A");
    assert_string_equal(h.data[0].value, "4");
    assert_string_equal(h.data[2].name, "B");
    assert_int_equal(http_headers_add(&h, "", "x", &e), PB_EUNSUPPORTED);
    assert_int_equal(http_headers_add(&h, "a b", "x", &e), PB_EUNSUPPORTED);
    assert_int_equal(http_headers_add(&h, "a\r\nb", "x", &e), PB_EUNSUPPORTED);
    assert_int_equal(http_headers_set(&h, "A", "x\ny", &e), PB_EUNSUPPORTED);
    assert_string_equal(http_headers_get(&h, "A"), "4");
    for (long n = 1; n <= 3; n++) {
        mem_fail_after(n);
        assert_int_equal(http_headers_add(&h, "n", "x", &e), n < 3 ? PB_ENOMEM : PB_OK);
        mem_fail_after(-1);
    }
    http_headers_clear(&h);
    assert_int_equal(h.len, 0);
    http_headers_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(the_body_is_read_again_for_every_attempt),
        cmocka_unit_test(kept_connections),
        cmocka_unit_test(answers_before_the_body_is_read),
        cmocka_unit_test(refused),
        cmocka_unit_test(proxies_of_the_environment),
        cmocka_unit_test(nothing_secret_is_told),
        cmocka_unit_test(figures_of_the_back_off),
        cmocka_unit_test(retry_after_is_waited_for),
        cmocka_unit_test(header_lists),
    };

    rig_no_proxies();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

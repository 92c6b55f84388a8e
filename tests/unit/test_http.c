/* HTTP against a server that plays scripts. */
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

#define LONG                                                                                       \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"

/* ---------------------------------------------------------------------------------- one table */

/* What becomes of a plain request, by what the server does. */
struct outcome {
    const char *name;
    struct http_step script[24];
    struct call call;
    /* expected */
    enum pb_err code;
    int status;
    unsigned attempts;
    bool maybe_sent;
    const char *text; /* of the body, or within the error's message */
    unsigned connections;
};

static const struct outcome outcomes[] = {
    {.name = "plain answer",
     .script = {{.act = ACCEPT}, {.act = READ}, OK_2},
     .status = 200,
     .attempts = 1,
     .text = "ok",
     .connections = 1},
    {.name = "no body at all",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("204 No Content")},
     .status = 204,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "chunked, with a trailer",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND,
                 .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Test: late\r\n\r\n"}},
     .status = 200,
     .attempts = 1,
     .text = "abcde",
     .connections = 1},
    {.name = "until the end of the connection",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.0 200 OK\r\n\r\nall of it"},
                {.act = CLOSE}},
     .status = 200,
     .attempts = 1,
     .text = "all of it",
     .connections = 1},
    {.name = "not found is an answer",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"}},
     .status = 404,
     .attempts = 1,
     .text = "none",
     .connections = 1},
    {.name = "a redirect is an answer",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND,
                 .text = "HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:1/\r\n"
                         "Content-Length: 0\r\n\r\n"}},
     .status = 307,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "continue, early hints, then the answer",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND,
                 .text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n"
                         "Link: <x>\r\n\r\n"},
                OK_2},
     .status = 200,
     .attempts = 1,
     .text = "ok",
     .connections = 1},
    {.name = "an encoded body is not decoded",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "3\r\nContent-Encoding: gzip\r\n\r\nraw"}},
     .status = 200,
     .attempts = 1,
     .text = "raw",
     .connections = 1},
    {.name = "503, then 200",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("503 Slow Down"), {.act = READ}, OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 1},
    {.name = "500 429 502 504, then 200",
     .script = {{.act = ACCEPT},
                {.act = READ},
                EMPTY("500 No"),
                {.act = READ},
                EMPTY("429 Many"),
                {.act = READ},
                EMPTY("502 Bad"),
                {.act = READ},
                EMPTY("504 Late"),
                {.act = READ},
                OK_2},
     .status = 200,
     .attempts = 5,
     .text = "ok",
     .connections = 1},
    {.name = "503 for ever",
     .script = {{.act = ACCEPT},
                {.act = READ},
                EMPTY("503 a"),
                {.act = READ},
                EMPTY("503 b"),
                {.act = READ},
                EMPTY("503 c"),
                {.act = READ},
                EMPTY("503 d"),
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 503 e\r\nContent-Length: 4\r\n\r\nlast"}},
     .status = 503,
     .attempts = 5,
     .text = "last",
     .connections = 1},
    {.name = "501 is not tried again",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("501 Never")},
     .status = 501,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "503 for a write is an answer",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("503 Slow Down")},
     .call = {.method = "PUT", .retry = HTTP_WRITE},
     .status = 503,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "again() asks for 400 once more",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("400 Region"), {.act = READ}, OK_2},
     .call = {.again_for = 400},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 1},
    {.name = "again() is not asked for a write",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("400 Region")},
     .call = {.method = "PUT", .retry = HTTP_WRITE, .again_for = 400},
     .status = 400,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "again() for a 200 that is none",
     .script = {{.act = ACCEPT},
                {.act = READ},
                OK_2,
                {.act = READ},
                OK_2,
                {.act = READ},
                OK_2,
                {.act = READ},
                OK_2,
                {.act = READ},
                OK_2},
     .call = {.again_for = 200},
     .status = 200,
     .attempts = 5,
     .text = "ok",
     .connections = 1},
    {.name = "body cut short, then whole",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = ACCEPT},
                {.act = READ},
                OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 2},
    {.name = "body cut short every time",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = CLOSE}},
     .code = PB_ENET,
     .status = 200,
     .attempts = 5,
     .text = "after 4 of 10 bytes",
     .connections = 5},
    {.name = "chunked body cut short, then whole",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND,
                 .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
                {.act = ACCEPT},
                {.act = READ},
                OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 2},
    {.name = "cut short after the first streamed byte: never again",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = FILL, .n = 4},
                {.act = CLOSE}},
     .call = {.stream = true},
     .code = PB_ENET,
     .status = 200,
     .attempts = 1,
     .text = "after 4 of 10 bytes",
     .connections = 1},
    {.name = "cut short before the first streamed byte: again",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = FILL, .n = 10}},
     .call = {.stream = true},
     .status = 200,
     .attempts = 2,
     .text = "",
     .connections = 2},
    {.name = "closed without an answer, then 200",
     .script = {{.act = ACCEPT}, {.act = READ}, {.act = ACCEPT}, {.act = READ}, OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 2},
    {.name = "reset instead of an answer, then 200",
     .script =
         {{.act = ACCEPT}, {.act = READ}, {.act = RESET}, {.act = ACCEPT}, {.act = READ}, OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 2},
    {.name = "write: closed without an answer",
     .script =
         {{.act = ACCEPT}, {.act = READ}, {.act = CLOSE}, {.act = ACCEPT}, {.act = READ}, OK_2},
     .call = {.method = "PUT", .retry = HTTP_WRITE},
     .code = PB_ENET,
     .attempts = 1,
     .maybe_sent = true,
     .text = "without an answer",
     .connections = 1},
    {.name = "write: reset instead of an answer",
     .script =
         {{.act = ACCEPT}, {.act = READ}, {.act = RESET}, {.act = ACCEPT}, {.act = READ}, OK_2},
     .call = {.method = "DELETE", .retry = HTTP_WRITE},
     .code = PB_ENET,
     .attempts = 1,
     .maybe_sent = true,
     .text = "was lost",
     .connections = 1},
    {.name = "write: 200 but cut short",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\nhalf"},
                {.act = CLOSE}},
     .call = {.method = "PUT", .retry = HTTP_WRITE},
     .code = PB_ENET,
     .status = 200,
     .attempts = 1,
     .maybe_sent = true,
     .text = "after 4 of 10",
     .connections = 1},
    {.name = "write: refused, the refusal cut short",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 412 No\r\nContent-Length: 10\r\n\r\nhalf"},
                {.act = CLOSE}},
     .call = {.method = "PUT", .retry = HTTP_WRITE},
     .status = 412,
     .attempts = 1,
     .text = "half",
     .connections = 1},
    {.name = "write: never an answer",
     .script = {{.act = ACCEPT}, {.act = READ}, {.act = WAIT}},
     .call = {.method = "PUT", .retry = HTTP_WRITE},
     .code = PB_ETIMEOUT,
     .attempts = 1,
     .maybe_sent = true,
     .text = "sent nothing for 0.3 s",
     .connections = 1},
    {.name = "never an answer, then 200",
     .script =
         {{.act = ACCEPT}, {.act = READ}, {.act = WAIT}, {.act = ACCEPT}, {.act = READ}, OK_2},
     .status = 200,
     .attempts = 2,
     .text = "ok",
     .connections = 2},
    {.name = "stalls within the body",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = FILL, .n = 4},
                {.act = WAIT}},
     .call = {.stream = true},
     .code = PB_ETIMEOUT,
     .status = 200,
     .attempts = 1,
     .text = "sent nothing for",
     .connections = 1},
    {.name = "slow is not stalled",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SLEEP, .n = 150},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\n"},
                {.act = SLEEP, .n = 150},
                {.act = SEND, .text = "Content-Length: 2\r\n\r\n"},
                {.act = SLEEP, .n = 150},
                {.act = SEND, .text = "o"},
                {.act = SLEEP, .n = 150},
                {.act = SEND, .text = "k"}},
     .status = 200,
     .attempts = 1,
     .text = "ok",
     .connections = 1},
    {.name = "header lines that are none",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND,
                 .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                         ": no name\r\nX Y: blank in name\r\nX-Test :\t folded \r\n"
                         "   value\t\r\n\r\nok"}},
     .status = 200,
     .attempts = 1,
     .text = "ok",
     .connections = 1},
    {.name = "a header line without a colon",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .status = 200,
     .attempts = 1,
     .text = "is not HTTP",
     .connections = 1},
    {.name = "not HTTP",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "SSH-2.0-OpenSSH_9.2\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .attempts = 1,
     .text = "is not HTTP",
     .connections = 1},
    {.name = "a status that is no number",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 ok\r\n\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "a header line of 200 kB",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\nX-Test: "},
                {.act = SEND, .text = "x", .n = 200000},
                {.act = SEND, .text = "\r\n\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .status = 200,
     .attempts = 1,
     .text = "too large",
     .connections = 1},
    {.name = "800 headers",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\n"},
                {.act = SEND, .text = "X-Long: " LONG "\r\n", .n = 800},
                {.act = SEND, .text = "\r\n"},
                {.act = CLOSE}},
     .status = 200,
     .attempts = 1,
     .text = "",
     .connections = 1},
    {.name = "headers of 300 kB",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\n"},
                {.act = SEND, .text = "X-A: " LONG LONG LONG LONG "\r\n", .n = 400},
                {.act = SEND, .text = "\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .status = 200,
     .attempts = 1,
     .text = "too large",
     .connections = 1},
    {.name = "1001 headers",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = "HTTP/1.1 200 OK\r\n"},
                {.act = SEND, .text = "X-Y: z\r\n", .n = 1001},
                {.act = SEND, .text = "\r\n"},
                {.act = CLOSE}},
     .code = PB_ESERVER,
     .status = 200,
     .attempts = 1,
     .text = "more than 1000 headers",
     .connections = 1},
    {.name = "an answer larger than wanted",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "100000\r\n\r\n"},
                {.act = FILL, .n = 100000}},
     .call = {.max_body = 5000},
     .code = PB_ELIMIT,
     .status = 200,
     .attempts = 1,
     .text = "larger than 5000 bytes",
     .connections = 1},
    {.name = "on_head refuses",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = FILL, .n = 10}},
     .call = {.stream = true, .fail_head = true},
     .code = PB_ECHANGED,
     .status = 200,
     .attempts = 1,
     .text = "not the head I want",
     .connections = 1},
    {.name = "on_head refuses an answer without body",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("200 OK")},
     .call = {.fail_head = true},
     .code = PB_ECHANGED,
     .status = 200,
     .attempts = 1,
     .text = "not the head I want",
     .connections = 1},
    {.name = "on_body refuses",
     .script = {{.act = ACCEPT},
                {.act = READ},
                {.act = SEND, .text = OK_HEAD "10\r\n\r\n"},
                {.act = FILL, .n = 10}},
     .call = {.stream = true, .fail_body = true},
     .code = PB_EIO,
     .status = 200,
     .attempts = 1,
     .text = "the disk is full",
     .connections = 1},
    {.name = "prepare fails at once",
     .script = {{.act = END}},
     .call = {.fail_prepare = 1},
     .code = PB_EDENIED,
     .attempts = 1,
     .text = "no credentials"},
    {.name = "prepare fails the second time",
     .script = {{.act = ACCEPT}, {.act = READ}, EMPTY("503 Slow Down")},
     .call = {.fail_prepare = 2},
     .code = PB_EDENIED,
     .attempts = 2,
     .text = "no credentials",
     .connections = 1},
    {.name = "a header with a line break",
     .script = {{.act = END}},
     .call = {.headers = {"X-A", "b\r\nX-C: d"}},
     .code = PB_EUNSUPPORTED,
     .attempts = 1,
     .text = "line break"},
    {.name = "a blank in the URL",
     .script = {{.act = END}},
     .call = {.path = "/a b"},
     .code = PB_EUSAGE,
     .attempts = 1,
     .text = "not percent-encoded"},
    {.name = "TLS to a server that has none",
     .script = {{.act = ACCEPT},
                {.act = TLS},
                {.act = ACCEPT},
                {.act = TLS},
                {.act = ACCEPT},
                {.act = TLS},
                {.act = ACCEPT},
                {.act = TLS},
                {.act = ACCEPT},
                {.act = TLS}},
     .call = {.method = "PUT", .retry = HTTP_WRITE, .https = true},
     .code = PB_ENET,
     .attempts = 5,
     .text = "TLS",
     .connections = 5},
};

static bool check_outcome(const struct outcome *o)
{
    bool ok = true;
    struct rig r;
    struct call c = o->call;

    rig_setup(&r, o->script);
    rig_run(&r, &c);
    if (c.error.code != o->code || c.status != o->status || c.attempts != o->attempts ||
        c.maybe_sent != o->maybe_sent || c.prepared != c.attempts ||
        strstr(o->code == PB_OK ? c.text.data : c.error.msg, o->text) == NULL ||
        (o->code == PB_OK && o->text[0] == '\0' && c.text.len != 0) ||
        atomic_load(&r.server.seen->connections) != o->connections || c.wrong_bytes) {
        print_error("%s: error %d \"%s\", status %d, %u attempts (%u prepared), maybe_sent %d, "
                    "text \"%.80s\", %u connections\n",
                    o->name, c.error.code, c.error.msg, c.status, c.attempts, c.prepared,
                    c.maybe_sent, c.text.data, atomic_load(&r.server.seen->connections));
        ok = false;
    }
    if (c.heads > 1 || (o->code == PB_OK && c.heads != (c.status / 100 == 2))) {
        print_error("%s: on_head called %u times\n", o->name, c.heads);
        ok = false;
    }
    ok = ok && loop_idle(r.loop);
    rig_finish(&c);
    rig_teardown(&r);
    return ok;
}

static void outcomes_by_script(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        wrong += !check_outcome(&outcomes[i]);
    assert_int_equal(wrong, 0);
}

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
    int port = http_server_no_port();
    char expected[128];

    (void)state;
    snprintf(expected, sizeof expected, "cannot connect to 127.0.0.1:%d: Connection refused", port);
    for (int write = 0; write < 2; write++) {
        struct rig r;
        struct call c = {.method = "PUT", .retry = write ? HTTP_WRITE : HTTP_READ};

        rig_setup(&r, NULL);
        rig_start(&c, r.http, port);
        rig_until_done(&r, &c);
        assert_int_equal(c.error.code, PB_ENET);
        assert_string_equal(c.error.msg, expected);
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
        cmocka_unit_test(outcomes_by_script),
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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>

#include "http_rig.h"

static enum pb_err prepare(void *ctx, unsigned attempt, struct http_message *m, struct error *e)
{
    struct call *c = ctx;

    c->prepared++;
    assert_int_equal(attempt, c->prepared);
    if (c->cancel_in_prepare)
        http_cancel(c->handle);
    if (attempt == c->fail_prepare)
        return error_set(e, PB_EDENIED, "no credentials");
    m->method = c->method != NULL ? c->method : "GET";
    buf_printf(&m->url, "%s://%s:%d%s", c->https ? "https" : "http",
               c->host != NULL ? c->host : "127.0.0.1", c->port, c->path != NULL ? c->path : "/");
    for (int i = 0; c->headers[i] != NULL; i += 2) {
        enum pb_err rc = http_headers_add(&m->headers, c->headers[i], c->headers[i + 1], e);

        if (rc != PB_OK)
            return rc;
    }
    return PB_OK;
}

static enum pb_err on_head(void *ctx, const struct http_result *r, struct error *e)
{
    struct call *c = ctx;

    c->heads++;
    assert_int_equal(r->status / 100, 2);
    if (c->cancel_in_head)
        http_cancel(c->handle);
    return c->fail_head ? error_set(e, PB_ECHANGED, "not the head I want") : PB_OK;
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    struct call *c = ctx;
    const unsigned char *bytes = p;

    if (c->pauses > 0 && c->bytes >= c->pause_at) {
        c->pauses--;
        if (c->resume_at_once)
            http_resume(c->handle);
        return PB_EAGAIN;
    }
    for (size_t i = 0; i < n; i++)
        c->wrong_bytes |= bytes[i] != (c->bytes + i) % 251;
    c->bytes += n;
    if (c->starts != NULL) {
        rig_start(c->starts, c->http, c->port);
        c->starts = NULL;
    }
    if (c->cancels != NULL) {
        http_cancel(c->cancels->handle);
        c->cancels = NULL;
    }
    if (c->frees != NULL) {
        http_free(c->frees);
        c->frees = NULL;
    }
    return c->fail_body ? error_set(e, PB_EIO, "the disk is full") : PB_OK;
}

static bool again(void *ctx, const struct http_result *r)
{
    struct call *c = ctx;

    c->agains++;
    if (c->cancel_in_again)
        http_cancel(c->handle);
    return r->status == c->again_for;
}

static void done(void *ctx, const struct http_result *r, const struct error *e)
{
    struct call *c = ctx;
    const char *x = http_headers_get(&r->headers, "x-test");

    assert_false(c->done);
    c->done = true;
    if (e != NULL)
        c->error = *e;
    c->status = r->status;
    c->attempts = r->attempts;
    c->maybe_sent = r->maybe_sent;
    c->body_bytes = r->body_bytes;
    c->date = r->date;
    c->headers_seen = r->headers.len;
    snprintf(c->header, sizeof c->header, "%s", x != NULL ? x : "");
    buf_append(&c->text, r->body.data, r->body.len);
}

void rig_prepare(struct call *c, struct http *h, int port, struct http_request *req)
{
    *req = (struct http_request){
        .retry = c->retry,
        .prepare = prepare,
        .on_head = on_head,
        .on_body = c->stream ? on_body : NULL,
        .again = again,
        .done = done,
        .ctx = c,
        .body = c->body,
        .max_body = c->max_body,
    };
    c->http = h;
    c->port = port;
    buf_init(&c->text, BUF_MAX_XML);
}

void rig_start(struct call *c, struct http *h, int port)
{
    struct http_request req;
    struct error e;

    rig_prepare(c, h, port, &req);
    assert_int_equal(http_start(h, &req, &c->handle, &e), PB_OK);
    assert_false(c->done);
}

void rig_no_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

const struct http_options rig_options = {
    .connect_ms = 2000, .stall_ms = 500, .backoff_ms = 10, .user_agent = "tests/1"};

void rig_setup(struct rig *r, const struct http_step *script)
{
    struct error e;

    *r = (struct rig){.served = script != NULL};
    if (script != NULL)
        http_server_start(&r->server, script);
    assert_int_equal(loop_new(&r->loop, &e), PB_OK);
    assert_int_equal(http_new(r->loop, &rig_options, &r->http, &e), PB_OK);
}

void rig_teardown(struct rig *r)
{
    http_free(r->http);
    loop_free(r->loop);
    if (r->served)
        http_server_stop(&r->server);
}

void rig_until_done(struct rig *r, struct call *c)
{
    struct error e = {.code = PB_OK};

    if (loop_until(r->loop, &c->done, &e) != PB_OK)
        fail_msg("%s", e.msg);
}

void rig_turns_for(struct rig *r, unsigned ms)
{
    uint64_t end = clock_mono_us() + ms * 1000u;

    while (clock_mono_us() < end)
        assert_int_equal(loop_turn(r->loop, 5, NULL), PB_OK);
}

/* A call on the server's port, to its end. */
void rig_run(struct rig *r, struct call *c)
{
    rig_start(c, r->http, r->server.port);
    rig_until_done(r, c);
}

void rig_finish(struct call *c)
{
    buf_release(&c->text);
    source_free(c->body);
}

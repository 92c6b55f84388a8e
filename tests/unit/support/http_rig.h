/*
 * A call with everything that a test may ask of it and see of it, and a loop and client to run it
 * in.
 */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <pklbrowse/http.h>

#include "http_server.h"

/* One call, what it is made of and what became of it. */
struct call {
    /* asked */
    const char *method, *path;
    enum http_retry retry;
    struct source *body;
    const char *headers[10]; /* name, value, ... */
    bool stream;             /* with on_body */
    unsigned pauses;         /* on_body says PB_EAGAIN so often first */
    uint64_t pause_at;       /* ... once this many bytes have come */
    bool resume_at_once;     /* http_resume() inside of on_body, before PB_EAGAIN */
    int again_for;           /* again() says yes to this status */
    unsigned fail_prepare;   /* the attempt whose prepare() fails */
    bool fail_head, fail_body;
    struct call *cancels; /* in on_body: cancel that one (perhaps itself) */
    bool cancel_in_prepare, cancel_in_again, cancel_in_head;
    struct http *frees;  /* in on_body: http_free() */
    struct call *starts; /* in on_body: start that one */
    size_t max_body;
    /* seen */
    struct http_call *handle;
    struct http *http;
    int port;
    const char *host; /* NULL: 127.0.0.1 */
    bool https;
    bool done;
    struct error error; /* code PB_OK: there was an answer */
    int status;
    unsigned attempts, prepared, heads, agains;
    bool maybe_sent, wrong_bytes;
    uint64_t bytes, body_bytes;
    int64_t date;
    struct buf text; /* result.body */
    char header[64]; /* X-Test of the answer */
    size_t headers_seen;
};

struct rig {
    struct loop *loop;
    struct http *http;
    struct http_server server;
    bool served;
};

extern const struct http_options rig_options; /* short limits */

void rig_setup(struct rig *r, const struct http_step *script);
void rig_teardown(struct rig *r);
void rig_no_proxies(void); /* in the environment */
/* What http_start() gets for the call. */
void rig_prepare(struct call *c, struct http *h, int port, struct http_request *req);
void rig_start(struct call *c, struct http *h, int port);
void rig_until_done(struct rig *r, struct call *c);
void rig_turns_for(struct rig *r, unsigned ms);
void rig_run(struct rig *r, struct call *c); /* on the server's port, to its end */
void rig_finish(struct call *c);

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: "
#define OK_2                                                                                       \
    {                                                                                              \
        .act = SEND, .text = OK_HEAD "2\r\nX-Test: yes\r\n\r\nok"                                  \
    }
#define EMPTY(status)                                                                              \
    {                                                                                              \
        .act = SEND, .text = "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"                    \
    }

#endif

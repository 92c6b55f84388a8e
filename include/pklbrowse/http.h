/* floor 2: net */
/*
 * HTTP requests over curl multi: streaming both ways, progress, time limits, retry, cancel.
 *
 * Knows neither what is in a body nor who signs it: a request's prepare() is called before every
 * attempt and fills method, url and headers anew (new date, region, signature, token).  Redirects
 * are never followed here: a 3xx is an answer like any other.  The body of an answer whose status
 * is not 2xx is collected (up to HTTP_ERROR_MAX) and never reaches on_body.
 *
 * Retry: with HTTP_READ, connection failures, 429, 500, 502, 503, 504, 509 and whatever again()
 * asks for are tried again, five attempts in all, exponential back-off with jitter (botocore's
 * figures), before the first body byte was delivered.  With HTTP_WRITE nothing is repeated once a
 * byte of the request may have left: the result then has `maybe_sent` set and the caller finds out
 * (HEAD) what became of it.  For the same reason a write never takes a connection that was kept:
 * curl sends again by itself when it finds such a one dead.  A server that answers a large body
 * early and closes at once may reset its own answer away: then, too, it is an error with
 * maybe_sent.
 */
#ifndef PKLBROWSE_HTTP_H
#define PKLBROWSE_HTTP_H

#include <pklbrowse/loop.h>
#include <pklbrowse/source.h>

#define HTTP_ERROR_MAX (64u * 1024u)
#define HTTP_ATTEMPTS 5
#define HTTP_CONNECT_MS 10000
#define HTTP_STALL_MS 30000 /* nothing moved for so long */

struct http; /* the client: connections, proxies, CA bundle */
struct http_options {
    const char *ca_bundle; /* PEM file, which then stands alone; NULL: the system's */
    bool insecure;         /* --no-verify-ssl */
    bool direct;           /* never through a proxy of the environment */
    const char *user_agent;
    unsigned connect_ms, stall_ms; /* 0: the defaults */
    unsigned attempts;             /* in all; 0: HTTP_ATTEMPTS */
    unsigned backoff_ms;           /* the first wait is at most this; 0: 1000 */
};
enum pb_err http_new(struct loop *l, const struct http_options *o, struct http **out,
                     struct error *e) PB_CHECK;
void http_free(struct http *h); /* cancels what runs */

/* Header list: names compared without case. */
struct http_headers {
    struct http_header {
        char *name, *value;
    } * data;
    size_t len, cap;
};
enum pb_err http_headers_add(struct http_headers *h, const char *name, const char *value,
                             struct error *e);
enum pb_err http_headers_set(struct http_headers *h, const char *name, const char *value,
                             struct error *e);
const char *http_headers_get(const struct http_headers *h, const char *name); /* first, or NULL */
void http_headers_clear(struct http_headers *h);
void http_headers_release(struct http_headers *h);

/* What one attempt sends.  Filled by prepare(). */
struct http_message {
    const char *method; /* a literal */
    struct buf url;     /* sent exactly as it stands (path as is); percent-encoded by the caller */
    struct http_headers headers; /* Host, Content-Length, Expect and the like are ours */
};

enum http_retry { HTTP_READ, HTTP_WRITE };

struct http_result {
    int status;                  /* 0: no answer */
    struct http_headers headers; /* of the last answer */
    struct buf body;             /* when on_body is NULL, or the status is not 2xx */
    struct buf
        *own; /* body again: who needs it longer than the call of done() takes it from here */
    uint64_t body_bytes; /* received */
    int64_t date;        /* the server's clock by its Date header, 0: none */
    unsigned attempts;
    bool maybe_sent; /* HTTP_WRITE without a clear answer: the server may have done it */
};

struct http_request {
    enum http_retry retry;
    /* Called before every attempt (attempt 1, 2 ...). */
    enum pb_err (*prepare)(void *ctx, unsigned attempt, struct http_message *out, struct error *e);
    /* The answer's status and headers (2xx only), once: when its first body byte is here, or at the
     * end of an answer without one.  From then on nothing is tried again.  May be NULL. */
    enum pb_err (*on_head)(void *ctx, const struct http_result *r, struct error *e);
    /* Bytes of a 2xx answer.  PB_EAGAIN pauses until http_resume(): these bytes were not taken and
     * come again.  Any other error ends the call with it.  NULL: collected into result.body. */
    enum pb_err (*on_body)(void *ctx, const void *p, size_t n, struct error *e);
    /* HTTP_READ: also try again for this answer?  (RequestTimeout, skewed clock, another region;
     * may change what prepare does.)  Gets the whole result before done(); the first time it says
     * yes there is no wait.  Not asked for 429, 500, 502 ..., nor when on_body had bytes.  May be
     * NULL. */
    bool (*again)(void *ctx, const struct http_result *r);
    /* Once, always last, unless cancelled.  r is valid during the call; e is NULL when there was an
     * answer (of any status).  With e, r->status may still say how far it came: 200, then cut
     * short. */
    void (*done)(void *ctx, const struct http_result *r, const struct error *e);
    void *ctx;
    struct source *body; /* what is sent, or NULL; read from 0 for every attempt; its size must be
                          * known, its bytes may still be coming; outlives the call */
    size_t max_body;     /* limit of result.body; 0: BUF_MAX_XML */
    bool farewell;       /* is started and goes on even after loop_interrupt() */
};

struct http_call;
/* Starts; done() comes in a later turn.  The request struct is copied. */
enum pb_err http_start(struct http *h, const struct http_request *req, struct http_call **out,
                       struct error *e) PB_CHECK;
/* At any moment, also during a name look-up that hangs; returns at once; done() is not called. */
void http_cancel(struct http_call *c);
void http_resume(struct http_call *c);

struct http_progress {
    uint64_t sent, send_total;
    uint64_t received, receive_total; /* total 0: not known */
    double rate;                      /* bytes a second, over the last seconds */
    uint64_t waited_ms;               /* since the last byte moved */
    unsigned attempt;
};
void http_progress(const struct http_call *c, struct http_progress *out);

#endif

/*
 * What the files of http share: http.c (a call's life: attempts, retry, cancel), http_attempt.c
 * (one attempt: curl's options and callbacks), http_error.c (what went wrong, in words),
 * http_headers.c.
 */
#ifndef PKLBROWSE_NET_HTTP_INTERNAL_H
#define PKLBROWSE_NET_HTTP_INTERNAL_H

#include <pklbrowse/http.h>

#include "loop_internal.h"

/* Of one answer; a real one has a few kB. */
#define HTTP_HEADERS_MAX_BYTES (256u * 1024u)
#define HTTP_HEADERS_MAX_COUNT 1000u

struct http {
    struct loop_client client; /* first */
    struct loop *loop;         /* NULL once the loop is gone */
    struct ring calls;
    char *ca_bundle, *ca_folder; /* one of them, or neither */
    char *user_agent;
    bool insecure, direct;
    unsigned connect_ms, stall_ms, attempts, backoff_ms;
};

enum call_state {
    CALL_STARTING, /* the next attempt begins in the next turn */
    CALL_RUNNING,
    CALL_WAITING, /* before the next attempt */
    CALL_ENDING,  /* done() comes in the next turn */
    CALL_ENDED
};

#define RATE_SAMPLES 8
#define RATE_STEP_US 500000u

struct http_call {
    struct ring ring; /* first; in http.calls */
    struct http *http;
    struct http_request req;
    enum call_state state;
    /* Who holds this struct: the caller until done() or cancel, curl while an attempt runs, and
     * every frame of ours that calls out. */
    unsigned holds;
    bool cancelled;
    struct loop_task step, resume;
    loop_timer timer; /* CALL_RUNNING: looks for a stall; CALL_WAITING: the next attempt */
    struct http_message message;
    struct http_result result;
    struct error error; /* of ours or of a callback; code PB_OK: none */
    char host[300];     /* host:port as shown to people, escaped */
    bool https;
    bool head_told; /* on_head or on_body was called: nothing can be taken back any more */

    /* The running attempt. */
    struct loop_transfer transfer;
    struct curl_slist *lines;
    char curl_says[CURL_ERROR_SIZE];
    bool requested; /* a connection stood and the request was about to be sent */
    bool head_begun, head_over;
    bool body_full; /* an error body was longer than is kept */
    bool paused;    /* by on_body */
    bool starved;   /* the body to send is not here yet */
    size_t head_bytes;
    uint64_t read_at; /* of the body to send, as far as curl has taken it */
    uint64_t sent, received, receive_total;
    uint64_t moved_us;        /* when anything moved */
    curl_socket_t sockets[4]; /* the last ones opened (happy eyeballs opens several) */
    unsigned opened;
    curl_socket_t socket; /* the one that is used, or CURL_SOCKET_BAD when it was there before */
    int unsent;           /* bytes in the kernel's queue when last looked at */
    struct {
        uint64_t us, bytes;
    } rate[RATE_SAMPLES];
    unsigned rate_len;
};

/* http.c */
void http_call_starved(struct http_call *c); /* the bytes to send are not here yet */

/* http_attempt.c */
enum pb_err http_attempt_setup(struct http_call *c, struct error *e) PB_CHECK;
void http_attempt_reset(struct http_call *c);
void http_attempt_moved(struct http_call *c);
bool http_attempt_unsent_moved(struct http_call *c);
/* Tells on_head once. */
enum pb_err http_attempt_tell_head(struct http_call *c, struct error *e) PB_CHECK;
/* Bytes of the request may have left this machine. */
bool http_attempt_left(const struct http_call *c);

/* http_error.c */
void http_error_host(struct http_call *c);
/* The sentence for a failure of curl's; *transient: another attempt may go better. */
enum pb_err http_error_curl(const struct http_call *c, CURLcode code, bool *transient,
                            struct error *e);
enum pb_err http_error_stalled(const struct http_call *c, struct error *e);
enum pb_err http_error_cut(const struct http_call *c, struct error *e);

/* http_trust.c */
enum pb_err http_trust_find(struct http *h, struct error *e) PB_CHECK;
bool http_trust_set(const struct http *h, CURL *easy);

/* http_headers.c */
bool http_token(const char *s, size_t n);
enum pb_err http_headers_add_raw(struct http_headers *h, const char *name, size_t name_len,
                                 const char *value, size_t value_len, struct error *e) PB_CHECK;

#endif

/*
 * What the files of the loop share, and what http.c needs of it.
 *
 * Everything that curl or a list of the loop can still reach lives until it is let go here:
 * removing a transfer while curl is inside one of our callbacks is put off until curl has returned
 * (curl itself would not notice, and go on with freed memory).  The intrusive nodes (task,
 * transfer, client) belong to whoever embeds them; nothing is allocated when they are used, so that
 * an end can always be told.
 */
#ifndef PKLBROWSE_NET_LOOP_INTERNAL_H
#define PKLBROWSE_NET_LOOP_INTERNAL_H

#include <signal.h>

#include <curl/curl.h>

#include <pklbrowse/loop.h>

/* A doubly linked ring; a node that is in no ring points to itself. */
struct ring {
    struct ring *next, *prev;
};

static inline void ring_init(struct ring *r)
{
    r->next = r->prev = r;
}

static inline bool ring_empty(const struct ring *r)
{
    return r->next == r;
}

static inline void ring_remove(struct ring *r)
{
    r->prev->next = r->next;
    r->next->prev = r->prev;
    ring_init(r);
}

static inline void ring_append(struct ring *to, struct ring *r)
{
    r->prev = to->prev;
    r->next = to;
    to->prev->next = r;
    to->prev = r;
}

/* Moves all nodes of `from` to the empty ring `to`. */
static inline void ring_move(struct ring *to, struct ring *from)
{
    ring_init(to);
    if (ring_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    ring_init(from);
}

/* A call to be made in a later turn. */
struct loop_task {
    struct ring ring; /* first */
    loop_fn fn;
    void *ctx;
    bool own; /* by loop_post(): freed when it has run */
};

void loop_task_init(struct loop_task *t, loop_fn fn, void *ctx);
void loop_task_queue(struct loop *l, struct loop_task *t); /* once is enough */
void loop_task_cancel(struct loop_task *t);

/* One easy handle in the multi handle. */
struct loop_transfer {
    struct ring ring; /* first; in loop.transfers, or in loop.dropped */
    CURL *easy;
    void *owner;
    bool active, dropped;
    /* It is over and out of the multi handle. */
    void (*finished)(struct loop_transfer *t, CURLcode code);
    /* After loop_transfer_drop(), when curl is out of it.  Also when the loop goes away. */
    void (*released)(struct loop_transfer *t);
};

enum pb_err loop_transfer_add(struct loop *l, struct loop_transfer *t, struct error *e) PB_CHECK;
/* No more callbacks but released(), which may come at once. */
void loop_transfer_drop(struct loop *l, struct loop_transfer *t);
/* Takes back a pause, in both directions. */
void loop_transfer_resume(struct loop *l, struct loop_transfer *t);

/* Who has work in the loop: http.  busy counts what is pending. */
struct loop_client {
    struct ring ring;                           /* first */
    void (*gone)(struct loop_client *c);        /* the loop is being freed */
    void (*interrupted)(struct loop_client *c); /* loop_interrupt() */
};

void loop_client_add(struct loop *l, struct loop_client *c);

struct loop_timer_entry {
    uint64_t due_us;
    loop_timer id;
    loop_fn fn;
    void *ctx;
};

struct loop_job_entry {
    struct job *job; /* NULL: removed during a round */
    bool waiting;
};

struct loop_watch {
    int fd; /* -1: removed during a round */
    loop_fn fn;
    void *ctx;
};

struct loop_signal {
    int signo;
    loop_fn fn;
    void *ctx;
    struct sigaction before;
};

struct loop {
    CURLM *multi;
    bool in_curl; /* curl is on the stack below us */
    bool ran;  /* a callback ran in this turn: do not wait, someone may have been waiting for it */
    bool wake; /* something happened that a waiting job may wait for */
    bool interrupted;
    size_t busy;
    struct ring transfers, dropped, clients;
    struct ring tasks, tasks_now; /* struct loop_task */
    struct {                      /* a binary heap, earliest first */
        struct loop_timer_entry *data;
        size_t len, cap;
    } timers;
    loop_timer last_timer;
    struct {
        struct loop_job_entry *data;
        size_t len, cap;
    } jobs;
    size_t next_job; /* whose turn it is */
    bool in_jobs;
    struct {
        struct loop_watch *data;
        size_t len, cap;
    } watches;
    bool in_watches;
    struct {
        struct curl_waitfd *data;
        size_t len, cap;
    } waitfds;
    struct {
        struct loop_signal *data;
        size_t len, cap;
    } signals;
    int pipe[2]; /* of the signal handlers */
    struct sigaction sigpipe_before;
    bool sigpipe_ours;
    struct ring children; /* struct loop_child */
    bool sigchld;
};

/* loop_transfers.c */
enum pb_err loop_transfers_run(struct loop *l, struct error *e) PB_CHECK;
void loop_transfers_free(struct loop *l);

/* loop_timers.c */
void loop_timers_run(struct loop *l);
uint64_t loop_timers_next(const struct loop *l); /* microseconds from now; UINT64_MAX: none */

/* loop_jobs.c */
void loop_jobs_run(struct loop *l);
bool loop_jobs_runnable(const struct loop *l);
void loop_jobs_cancel(struct loop *l);

/* loop_signals.c */
enum pb_err loop_signals_init(struct loop *l, struct error *e) PB_CHECK;
bool loop_signals_run(struct loop *l); /* true: one had come */
void loop_signals_free(struct loop *l);

/* spawn.c */
void loop_children_reap(struct loop *l);
bool loop_children_pending(const struct loop *l);
void loop_children_cancel(struct loop *l);
void loop_children_free(struct loop *l);

#endif

/* The turn of the loop: what is due, then the one wait, then what it brought. */
#include <limits.h>
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

#include "loop_internal.h"

/* Idle connections that are kept for the next request. */
#define KEPT_CONNECTIONS 16L

enum pb_err loop_new(struct loop **out, struct error *e)
{
    struct loop *l;
    enum pb_err rc;

    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_nomem(e);
    l = mem_alloc(sizeof *l);
    if (l == NULL) {
        curl_global_cleanup();
        return error_nomem(e);
    }
    l->pipe[0] = l->pipe[1] = -1;
    ring_init(&l->transfers);
    ring_init(&l->dropped);
    ring_init(&l->clients);
    ring_init(&l->tasks);
    ring_init(&l->tasks_now);
    ring_init(&l->children);
    rc = loop_signals_init(l, e);
    if (rc == PB_OK) {
        l->multi = curl_multi_init();
        if (l->multi == NULL ||
            curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) != CURLM_OK)
            rc = error_nomem(e);
    }
    if (rc != PB_OK) {
        loop_free(l);
        return rc;
    }
    if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0)
        log_line("this libcurl blocks while a name is looked up");
    *out = l;
    return PB_OK;
}

static void free_tasks(struct ring *tasks)
{
    while (!ring_empty(tasks))
        loop_task_cancel((struct loop_task *)tasks->next);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    while (!ring_empty(&l->clients)) {
        struct loop_client *c = (struct loop_client *)l->clients.next;

        ring_remove(&c->ring);
        c->gone(c);
    }
    loop_children_free(l);
    loop_transfers_free(l);
    loop_signals_free(l);
    free_tasks(&l->tasks);
    free_tasks(&l->tasks_now);
    vec_release(&l->timers);
    vec_release(&l->jobs);
    vec_release(&l->watches);
    vec_release(&l->waitfds);
    free(l);
    curl_global_cleanup();
}

void loop_client_add(struct loop *l, struct loop_client *c)
{
    ring_append(&l->clients, &c->ring);
}

/* ------------------------------------------------------------------------------ posted calls */

void loop_task_init(struct loop_task *t, loop_fn fn, void *ctx)
{
    ring_init(&t->ring);
    t->fn = fn;
    t->ctx = ctx;
    t->own = false;
}

void loop_task_queue(struct loop *l, struct loop_task *t)
{
    if (ring_empty(&t->ring))
        ring_append(&l->tasks, &t->ring);
}

void loop_task_cancel(struct loop_task *t)
{
    ring_remove(&t->ring);
    if (t->own)
        free(t);
}

enum pb_err loop_post(struct loop *l, loop_fn fn, void *ctx, struct error *e)
{
    struct loop_task *t = mem_alloc(sizeof *t);

    if (t == NULL)
        return error_nomem(e);
    loop_task_init(t, fn, ctx);
    t->own = true;
    loop_task_queue(l, t);
    return PB_OK;
}

static void unpost(struct ring *tasks, void *ctx)
{
    struct ring *next;

    for (struct ring *r = tasks->next; r != tasks; r = next) {
        struct loop_task *t = (struct loop_task *)r;

        next = r->next;
        if (t->own && t->ctx == ctx)
            loop_task_cancel(t);
    }
}

void loop_unpost(struct loop *l, void *ctx)
{
    unpost(&l->tasks, ctx);
    unpost(&l->tasks_now, ctx);
}

/* What is posted meanwhile waits for the next turn: a call that posts itself again must not keep
 * the turn from ending. */
static void run_tasks(struct loop *l)
{
    ring_move(&l->tasks_now, &l->tasks);
    while (!ring_empty(&l->tasks_now)) {
        struct loop_task *t = (struct loop_task *)l->tasks_now.next;
        loop_fn fn = t->fn;
        void *ctx = t->ctx;

        loop_task_cancel(t);
        l->ran = l->wake = true;
        fn(ctx);
    }
}

/* ------------------------------------------------------------------------------- descriptors */

enum pb_err loop_watch_fd(struct loop *l, int fd, loop_fn fn, void *ctx, struct error *e)
{
    struct loop_watch w = {.fd = fd, .fn = fn, .ctx = ctx};

    if (!vec_push(&l->watches, w))
        return error_nomem(e);
    return PB_OK;
}

static void compact_watches(struct loop *l)
{
    size_t kept = 0;

    if (l->in_watches)
        return;
    for (size_t i = 0; i < l->watches.len; i++) {
        if (l->watches.data[i].fd >= 0)
            l->watches.data[kept++] = l->watches.data[i];
    }
    l->watches.len = kept;
}

void loop_unwatch_fd(struct loop *l, int fd)
{
    for (size_t i = 0; i < l->watches.len; i++) {
        if (l->watches.data[i].fd == fd)
            l->watches.data[i].fd = -1;
    }
    compact_watches(l);
}

static bool fill_waitfds(struct loop *l)
{
    struct curl_waitfd w = {.fd = l->pipe[0], .events = CURL_WAIT_POLLIN};

    l->waitfds.len = 0;
    if (!vec_push(&l->waitfds, w))
        return false;
    for (size_t i = 0; i < l->watches.len; i++) {
        w.fd = l->watches.data[i].fd;
        if (!vec_push(&l->waitfds, w))
            return false;
    }
    return true;
}

/* all: ask every one, whatever poll said.  Watches that are added meanwhile are for the next turn.
 */
static void run_watches(struct loop *l, bool all)
{
    size_t count = l->waitfds.len - 1;

    l->in_watches = true;
    for (size_t i = 0; i < count && i < l->watches.len; i++) {
        struct loop_watch w = l->watches.data[i];

        if (w.fd < 0 || w.fd != l->waitfds.data[i + 1].fd)
            continue;
        if (!all && l->waitfds.data[i + 1].revents == 0)
            continue;
        l->wake = true;
        w.fn(w.ctx);
    }
    l->in_watches = false;
    compact_watches(l);
}

/* ---------------------------------------------------------------------------------- the turn */

static int wait_ms(const struct loop *l, int max_wait_ms)
{
    uint64_t next, ms;
    int most = max_wait_ms < 0 ? INT_MAX : max_wait_ms;

    if (l->ran || !ring_empty(&l->tasks) || loop_jobs_runnable(l))
        return 0;
    next = loop_timers_next(l);
    ms = next / 1000 + (next % 1000 != 0); /* up: a timer is never early, and nobody spins for it */
    return ms < (uint64_t)most ? (int)ms : most;
}

static enum pb_err wait_and_dispatch(struct loop *l, int max_wait_ms, struct error *e)
{
    int ms = wait_ms(l, max_wait_ms), ready = 0;
    uint64_t before = clock_mono_us();
    bool early, signalled = false;
    CURLMcode code;

    if (!fill_waitfds(l))
        return error_nomem(e);
    code = curl_multi_poll(l->multi, l->waitfds.data, (unsigned)l->waitfds.len, ms, &ready);
    if (code == CURLM_OUT_OF_MEMORY)
        return error_nomem(e);
    if (code != CURLM_OK)
        return error_set(e, PB_EIO, "the loop cannot wait: %s", curl_multi_strerror(code));
    /* A signal that is not ours also ends the wait, and curl does not say so: it reports that
     * nothing is ready (so it does at a time of its own; asking once too often does no harm). */
    early = ready <= 0 && ms > 0 && clock_mono_us() - before < (uint64_t)ms * 1000;
    if (ready > 0 && l->waitfds.data[0].revents != 0)
        signalled = loop_signals_run(l);
    if (ready > 0 || early || signalled)
        run_watches(l, early || signalled);
    return PB_OK;
}

enum pb_err loop_turn(struct loop *l, int max_wait_ms, struct error *e)
{
    enum pb_err rc;

    l->ran = false;
    rc = loop_transfers_run(l, e);
    if (rc != PB_OK)
        return rc;
    loop_timers_run(l);
    run_tasks(l);
    loop_jobs_run(l);
    return wait_and_dispatch(l, max_wait_ms, e);
}

bool loop_idle(const struct loop *l)
{
    return l->busy == 0 && ring_empty(&l->transfers) && ring_empty(&l->tasks) && l->jobs.len == 0 &&
           !loop_children_pending(l) && loop_timers_next(l) > 0;
}

enum pb_err loop_until(struct loop *l, const bool *done, struct error *e)
{
    while (!*done) {
        enum pb_err rc;

        if (loop_idle(l) && l->timers.len == 0 && l->watches.len == 0)
            return error_set(e, PB_EIO, "nothing is left to wait for");
        rc = loop_turn(l, -1, e);
        if (rc != PB_OK)
            return rc;
    }
    return PB_OK;
}

void loop_interrupt(struct loop *l)
{
    l->interrupted = true;
    loop_jobs_cancel(l);
    loop_children_cancel(l);
    for (struct ring *r = l->clients.next; r != &l->clients; r = r->next) {
        struct loop_client *c = (struct loop_client *)r;

        c->interrupted(c);
    }
}

bool loop_interrupted(const struct loop *l)
{
    return l->interrupted;
}

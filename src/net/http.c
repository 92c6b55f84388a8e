/* The life of a call: attempts, what their outcome means, trying again, the end. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>

#include "http_internal.h"
#include "retry.h"

/* How often a running transfer is looked at, at least; a stall is noticed that much late at most.
 */
#define LOOK_MS 1000u
/* How soon it is tried again when the bytes to send were not here yet. */
#define STARVED_MS 20u

#define URL_MAX (64u * 1024u)

static void call_step(void *ctx);

/* ---------------------------------------------------------------------------------- the client */

static void client_gone(struct loop_client *client);
static void client_interrupted(struct loop_client *client);

enum pb_err http_new(struct loop *l, const struct http_options *o, struct http **out,
                     struct error *e)
{
    struct http *h = mem_alloc(sizeof *h);
    enum pb_err rc;

    *out = NULL;
    if (h == NULL)
        return error_nomem(e);
    ring_init(&h->calls);
    ring_init(&h->client.ring);
    h->loop = l;
    h->client.gone = client_gone;
    h->client.interrupted = client_interrupted;
    h->insecure = o->insecure;
    h->direct = o->direct;
    h->connect_ms = o->connect_ms != 0 ? o->connect_ms : HTTP_CONNECT_MS;
    h->stall_ms = o->stall_ms != 0 ? o->stall_ms : HTTP_STALL_MS;
    h->attempts = o->attempts != 0 ? o->attempts : HTTP_ATTEMPTS;
    h->backoff_ms = o->backoff_ms != 0 ? o->backoff_ms : RETRY_BASE_MS;
    h->user_agent = mem_strdup(o->user_agent != NULL ? o->user_agent : "pklbrowse");
    if (o->ca_bundle != NULL)
        h->ca_bundle = mem_strdup(o->ca_bundle);
    if (h->user_agent == NULL || (o->ca_bundle != NULL && h->ca_bundle == NULL)) {
        http_free(h);
        return error_nomem(e);
    }
    rc = http_trust_find(h, e);
    if (rc != PB_OK) {
        http_free(h);
        return rc;
    }
    loop_client_add(l, &h->client);
    *out = h;
    return PB_OK;
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    while (!ring_empty(&h->calls))
        http_cancel((struct http_call *)h->calls.next);
    ring_remove(&h->client.ring);
    free(h->ca_bundle);
    free(h->ca_folder);
    free(h->user_agent);
    free(h);
}

/* ------------------------------------------------------------------------------ holding a call */

static void call_free(struct http_call *c)
{
    curl_easy_cleanup(c->transfer.easy);
    curl_slist_free_all(c->lines);
    buf_release(&c->message.url);
    http_headers_release(&c->message.headers);
    buf_release(&c->result.body);
    http_headers_release(&c->result.headers);
    free(c);
}

static void let_go(struct http_call *c)
{
    if (--c->holds == 0)
        call_free(c);
}

static void transfer_released(struct loop_transfer *t)
{
    let_go(t->owner);
}

/* Ends whatever the loop still holds of it. */
static void call_detach(struct http_call *c)
{
    struct loop *l = c->http->loop;

    loop_task_cancel(&c->step);
    loop_task_cancel(&c->resume);
    if (l != NULL) {
        loop_timer_stop(l, c->timer);
        if (c->transfer.active && !c->transfer.dropped)
            loop_transfer_drop(l, &c->transfer);
    }
    c->timer = 0;
}

/* Out of the client's list: from here on the client may go. */
static void call_leave(struct http_call *c)
{
    if (c->http->loop != NULL)
        c->http->loop->busy--;
    ring_remove(&c->ring);
}

void http_cancel(struct http_call *c)
{
    if (c == NULL || c->cancelled || c->state == CALL_ENDED)
        return;
    log_line("cancelled: %s", c->host);
    c->cancelled = true;
    c->holds++;
    call_detach(c);
    call_leave(c);
    c->http = NULL;
    c->holds--;
    let_go(c);
}

/* -------------------------------------------------------------------------------------- the end */

static void conclude(struct http_call *c)
{
    bool failed = c->error.code != PB_OK;

    call_detach(c);
    call_leave(c);
    c->state = CALL_ENDED;
    if (failed)
        log_line("failed: %s", c->error.msg);
    c->req.done(c->req.ctx, &c->result, failed ? &c->error : NULL);
    let_go(c);
}

/* Ends with c->error, in a turn of its own if we may be deep inside of something. */
static void end_later(struct http_call *c)
{
    c->state = CALL_ENDING;
    loop_task_cancel(&c->step);
    loop_task_queue(c->http->loop, &c->step);
}

static void client_interrupted(struct loop_client *client)
{
    struct http *h = (struct http *)client;

    for (struct ring *r = h->calls.next; r != &h->calls; r = r->next) {
        struct http_call *c = (struct http_call *)r;

        if (c->state == CALL_ENDING || c->req.farewell)
            continue;
        c->result.maybe_sent =
            c->state == CALL_RUNNING && c->req.retry == HTTP_WRITE && http_attempt_left(c);
        error_set(&c->error, PB_ECANCELED, "cancelled");
        call_detach(c);
        end_later(c);
    }
}

static void client_gone(struct loop_client *client)
{
    struct http *h = (struct http *)client;

    for (struct ring *r = h->calls.next; r != &h->calls; r = r->next)
        call_detach((struct http_call *)r);
    h->loop = NULL;
}

/* --------------------------------------------------------------------------------- trying again */

static void try_again(struct http_call *c, bool at_once)
{
    uint64_t ms = retry_backoff_ms(c->result.attempts, c->http->backoff_ms, retry_chance());
    uint64_t asked = retry_after_ms(&c->result.headers, c->result.date);

    if (at_once)
        ms = 0;
    if (ms < asked)
        ms = asked;
    log_line("attempt %u for %s comes in %llu ms", c->result.attempts + 1, c->host,
             (unsigned long long)ms);
    c->state = CALL_WAITING;
    c->timer = loop_timer_start(c->http->loop, ms, call_step, c);
    if (c->timer == 0) {
        error_nomem(&c->error);
        end_later(c);
    }
}

/* There is an answer.  cut: its body did not come whole. */
static void answered(struct http_call *c, bool cut)
{
    bool left = c->result.attempts < c->http->attempts && c->req.retry == HTTP_READ;
    bool again = false;
    struct error why = {.code = PB_OK};
    enum pb_err rc = PB_OK;

    if (left && !c->head_told && !cut && !retry_status(c->result.status) && c->req.again != NULL)
        again = c->req.again(c->req.ctx, &c->result);
    if (c->cancelled)
        return;
    if (again || (left && (cut || retry_status(c->result.status)))) {
        try_again(c, again && c->result.attempts == 1);
        return;
    }
    if (c->result.status / 100 == 2) /* when a body came, it is told already */
        rc = http_attempt_tell_head(c, &why);
    if (c->cancelled)
        return;
    if (rc != PB_OK) {
        c->error = why;
        c->error.code = rc;
    }
    conclude(c);
}

/*
 * There is none: `why`.  What has been given to on_body cannot be taken back, and a write of which
 * a byte may have left is not repeated: whoever asked for it finds out what became of it.
 */
static void failed(struct http_call *c, const struct error *why, bool transient)
{
    bool maybe = c->req.retry == HTTP_WRITE && http_attempt_left(c);

    log_line("attempt %u: %s", c->result.attempts, why->msg);
    if (transient && !maybe && !c->head_told && c->result.attempts < c->http->attempts) {
        try_again(c, false);
        return;
    }
    c->result.maybe_sent = maybe;
    c->error = *why;
    conclude(c);
}

/* PB_OK: there is an answer.  Else why not. */
static enum pb_err judge(struct http_call *c, CURLcode code, bool *cut, bool *transient,
                         struct error *why)
{
    bool good = c->result.status / 100 == 2;

    *cut = *transient = false;
    if (c->error.code != PB_OK) { /* ours, or a callback's */
        *why = c->error;
        return why->code;
    }
    if (c->head_over && !good) { /* the decision is known, even if not every word about it */
        *cut = code != CURLE_OK && !c->body_full;
        return PB_OK;
    }
    if (code != CURLE_OK)
        return http_error_curl(c, code, transient, why);
    if (!c->head_over)
        return http_error_curl(c, CURLE_GOT_NOTHING, transient, why);
    if (strcmp(c->message.method, "HEAD") != 0 && c->receive_total != 0 &&
        c->received != c->receive_total) {
        *transient = true;
        return http_error_cut(c, why);
    }
    return PB_OK;
}

static void attempt_over(struct http_call *c, CURLcode code)
{
    struct error why = {.code = PB_OK};
    bool cut, transient;
    enum pb_err rc = judge(c, code, &cut, &transient, &why);

    loop_timer_stop(c->http->loop, c->timer);
    loop_task_cancel(&c->resume);
    c->timer = 0;
    log_line("%s: %llu bytes sent, %llu received", c->host, (unsigned long long)c->sent,
             (unsigned long long)c->received);
    if (rc == PB_OK)
        answered(c, cut);
    else
        failed(c, &why, transient);
}

static void transfer_finished(struct loop_transfer *t, CURLcode code)
{
    struct http_call *c = t->owner;

    attempt_over(c, code); /* curl's hold keeps c until here */
    let_go(c);
}

/* --------------------------------------------------------------------------------- one attempt */

static unsigned look_ms(const struct http_call *c)
{
    unsigned ms = c->http->stall_ms / 4;

    if (c->starved && ms > STARVED_MS)
        return STARVED_MS;
    return ms > LOOK_MS ? LOOK_MS : ms < 10 ? 10 : ms;
}

static void stalled(struct http_call *c)
{
    struct error why = {.code = PB_OK};

    http_error_stalled(c, &why);
    c->holds++;
    loop_transfer_drop(c->http->loop, &c->transfer);
    if (c->head_over && c->result.status / 100 != 2)
        answered(c, true);
    else
        failed(c, &why, true);
    let_go(c);
}

/* Now and then while a transfer runs: does anything move?  Connecting has a limit of its own, and
 * as long as we are the ones who do not want more, nobody stalls. */
static void look(void *ctx)
{
    struct http_call *c = ctx;

    c->timer = 0;
    if (c->paused || !c->requested || http_attempt_unsent_moved(c))
        http_attempt_moved(c);
    if (clock_mono_us() - c->moved_us >= (uint64_t)c->http->stall_ms * 1000) {
        stalled(c);
        return;
    }
    c->timer = loop_timer_start(c->http->loop, look_ms(c), look, c);
    if (c->timer == 0) /* then without a limit: better than an end for want of 32 bytes */
        log_line("no memory to watch over the transfer from %s", c->host);
    if (c->starved)
        loop_task_queue(c->http->loop, &c->resume);
}

void http_call_starved(struct http_call *c)
{
    loop_timer_stop(c->http->loop, c->timer);
    c->starved = true;
    c->timer = loop_timer_start(c->http->loop, look_ms(c), look, c);
}

static enum pb_err begin(struct http_call *c, struct error *e)
{
    enum pb_err rc;

    c->result.attempts++;
    http_attempt_reset(c);
    buf_clear(&c->message.url);
    http_headers_clear(&c->message.headers);
    c->message.method = "GET";
    rc = c->req.prepare(c->req.ctx, c->result.attempts, &c->message, e);
    if (rc != PB_OK || c->cancelled)
        return rc;
    http_error_host(c);
    rc = http_attempt_setup(c, e);
    if (rc != PB_OK)
        return rc;
    rc = loop_transfer_add(c->http->loop, &c->transfer, e);
    if (rc != PB_OK)
        return rc;
    c->holds++; /* curl's */
    c->state = CALL_RUNNING;
    http_attempt_moved(c);
    c->timer = loop_timer_start(c->http->loop, look_ms(c), look, c);
    return c->timer != 0 ? PB_OK : error_nomem(e);
}

/* What is next for a call that is not running. */
static void call_step(void *ctx)
{
    struct http_call *c = ctx;
    enum pb_err rc;

    c->holds++;
    c->timer = 0;
    if (c->state == CALL_ENDING) {
        conclude(c);
    } else {
        struct error why = {.code = PB_OK};

        rc = begin(c, &why);
        if (rc != PB_OK && !c->cancelled) {
            c->error = why;
            c->error.code = rc;
            conclude(c);
        }
    }
    let_go(c);
}

static void call_resume(void *ctx)
{
    struct http_call *c = ctx;

    if (c->state != CALL_RUNNING || (!c->paused && !c->starved))
        return;
    if (c->paused)
        http_attempt_moved(c);
    c->paused = c->starved = false;
    loop_transfer_resume(c->http->loop, &c->transfer);
}

/* -------------------------------------------------------------------------------- from outside */

enum pb_err http_start(struct http *h, const struct http_request *req, struct http_call **out,
                       struct error *e)
{
    struct http_call *c = mem_alloc(sizeof *c);

    *out = NULL;
    if (c == NULL)
        return error_nomem(e);
    c->holds = 1;
    c->http = h;
    c->req = *req;
    c->transfer.owner = c;
    c->transfer.finished = transfer_finished;
    c->transfer.released = transfer_released;
    ring_init(&c->transfer.ring);
    buf_init(&c->message.url, URL_MAX);
    buf_init(&c->result.body, req->max_body != 0 ? req->max_body : BUF_MAX_XML);
    c->result.own = &c->result.body;
    loop_task_init(&c->step, call_step, c);
    loop_task_init(&c->resume, call_resume, c);
    ring_append(&h->calls, &c->ring);
    h->loop->busy++;
    c->state = CALL_STARTING;
    if (h->loop->interrupted && !req->farewell) {
        error_set(&c->error, PB_ECANCELED, "cancelled");
        c->state = CALL_ENDING;
    }
    loop_task_queue(h->loop, &c->step);
    *out = c;
    return PB_OK;
}

void http_resume(struct http_call *c)
{
    if (!c->cancelled && c->state == CALL_RUNNING && c->http->loop != NULL)
        loop_task_queue(c->http->loop, &c->resume);
}

void http_progress(const struct http_call *c, struct http_progress *out)
{
    uint64_t now = clock_mono_us(), bytes = c->sent + c->received;

    *out = (struct http_progress){
        .sent = c->sent,
        .send_total = c->req.body == NULL ? 0 : c->req.body->size,
        .received = c->received,
        .receive_total = c->receive_total,
        .attempt = c->result.attempts,
    };
    if (c->state != CALL_RUNNING)
        return;
    out->waited_ms = (now - c->moved_us) / 1000;
    if (c->rate_len > 0 && now > c->rate[0].us)
        out->rate = (double)(bytes - c->rate[0].bytes) * 1e6 / (double)(now - c->rate[0].us);
}

/*
 * The careful write.  Its steps:
 *
 *   1  digest   checksums of what is to be sent; the service checks them
 *   2  look     is it still the generation that was read?  What must be carried over?
 *   3  upload   on condition of generation and metageneration
 *   4  look     is what is there now what was sent?
 *
 * An upload is an address that takes bytes until it has all of them; what became of one whose
 * answer was lost is first looked for in the object, then asked at that address.  Nothing is sent
 * twice that may have arrived.
 *
 * All of the object is sent, however little has changed: the service copies whole objects (rewrite)
 * and puts whole objects together (compose), but has no way to copy a part of one, so unchanged
 * ranges cannot stay there.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "gcs_write.h"

#define BEGUN_MAX 5
#define FRUITLESS_MAX 4
#define WAIT_MS 200 /* doubled each time */

static void look_before(struct gcs_write_op *w);
static void find_out(struct gcs_write_op *w, const struct error *why);
static void send_rest(struct gcs_write_op *w);
static void upload_answered(void *ctx, const struct http_result *r, const struct error *e);

/* -------------------------------------------------------------------------- its end */

static void write_free(struct gcs_write_op *w)
{
    store_op_end(&w->op);
    loop_timer_stop(w->op.store->loop, w->timer);
    cloud_request_release(&w->request.q);
    cloud_digest_release(&w->digest);
    store_object_release(&w->keep);
    gcs_object_release(&w->before);
    store_identity_release(&w->identity);
    gcs_upload_forget(w);
    source_free(w->out);
    free(w->json);
    free(w->bucket);
    free(w->key);
    free(w);
}

static void write_stop(struct store_op *op)
{
    write_free((struct gcs_write_op *)op);
}

static void write_progress(const struct store_op *op, struct http_progress *out)
{
    const struct gcs_write_op *w = (const struct gcs_write_op *)op;

    if (w->request.q.call)
        http_progress(w->request.q.call, out);
    out->sent = w->sent + (w->request.q.action == GCS_SEND ? out->sent : 0);
    if (w->generation)
        out->sent = w->body->size;
    out->send_total = w->body->size;
}

static const struct store_op_class write_class = {.stop = write_stop, .progress = write_progress};

static void fail(struct gcs_write_op *w, const struct error *e)
{
    struct error copy = *e;
    store_write_fn done = w->done;
    void *ctx = w->ctx;

    write_free(w);
    done(ctx, NULL, false, &copy);
}

static void fail_with(struct gcs_write_op *w, enum pb_err code, const char *why)
{
    struct error e = {0};

    (void)cloud_error(&w->request.q, code, why, &e);
    fail(w, &e);
}

static void fail_answer(struct gcs_write_op *w, const struct http_result *r)
{
    struct error e = {0};

    (void)cloud_answer_error(&w->request.q, r, &e);
    fail(w, &e);
}

static void saved(struct gcs_write_op *w, const struct store_identity *now)
{
    store_write_fn done = w->done;
    struct store_identity copy;
    void *ctx = w->ctx;
    struct error e = {0};

    if (store_identity_copy(&copy, now, &e) != PB_OK) {
        fail(w, &e);
        return;
    }
    if (w->no_acl)
        log_line("saved; the access list of the object could not be read and is the bucket's "
                 "default now");
    write_free(w);
    done(ctx, &copy, false, NULL);
    store_identity_release(&copy);
}

static void conflict(struct gcs_write_op *w)
{
    if (w->condition == STORE_IF_ABSENT)
        fail_with(w, PB_EEXIST, "there is an object of that name already");
    else
        fail_with(w, PB_ECHANGED, "it was changed by someone else; nothing was written");
}

/* ------------------------------------------------------------------------ its requests */

enum pb_err gcs_write_begin(struct gcs_write_op *w, enum gcs_action action, gcs_answer_fn done,
                            struct error *e)
{
    enum pb_err err;

    cloud_request_release(&w->request.q);
    err = cloud_request_init(&w->request.q, w->op.store, action, w->bucket, w->key, w->key_len, e);
    w->request.q.speaks_of = GCS_SEND;
    w->request.q.done = done;
    w->request.q.ctx = w;
    return err;
}

static void look(struct gcs_write_op *w, bool full, gcs_answer_fn done)
{
    struct error error = {0};
    enum pb_err err = gcs_write_begin(w, GCS_HEAD, done, &error);

    if (err == PB_OK && full)
        err = cloud_param(&w->request.q, "projection", "full", &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        fail(w, &error);
}

static void wait(struct gcs_write_op *w, unsigned times, loop_fn fn)
{
    uint64_t ms = (uint64_t)WAIT_MS << (times > 5 ? 5 : times - 1);
    struct error e = {0};

    w->timer = loop_timer_start(w->op.store->loop, ms, fn, w);
    if (w->timer == 0) {
        (void)error_nomem(&e);
        fail(w, &e);
    }
}

/* -------------------------------------------------------------------------- afterwards */

static void looked_after(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct gcs_object g = {0};
    struct error error = {0};

    if (!e && r->status == 404) {
        fail_with(w, PB_ECHANGED, "it was saved, but someone else deleted it in the same moment");
    } else if (e || r->status / 100 != 2 || gcs_object_from(&g, r, &error) != PB_OK) {
        struct store_identity now = {.size = w->body->size};
        struct buf text;

        /* The service said that it was saved; only looking is not possible. */
        log_line("saved, but it cannot be looked at");
        buf_init(&text, BUF_MAX_LINE);
        buf_printf(&text, "%llu", (unsigned long long)w->generation);
        now.etag = now.version_id = text.data;
        saved(w, &now);
        buf_release(&text);
    } else if (g.generation != w->generation) {
        fail_with(w, PB_ECHANGED, "it was saved, but someone else replaced it in the same moment");
    } else {
        saved(w, &g.o.identity);
    }
    gcs_object_release(&g);
}

/* The answer says what was written. */
static void finished(struct gcs_write_op *w, const struct http_result *r)
{
    struct gcs_object g = {0};
    struct error error = {0};

    if (gcs_object_from(&g, r, &error) != PB_OK) {
        find_out(w, &error);
    } else if (g.o.identity.size != w->body->size ||
               (*g.crc32c && strcmp(g.crc32c, w->digest.checks.crc32c) != 0)) {
        fail_with(w, PB_ESERVER, "the server stored other bytes than were sent");
    } else {
        w->generation = g.generation;
        look(w, false, looked_after);
    }
    gcs_object_release(&g);
}

/* -------------------------------------------------------------- what became of it? */

static void unknown_outcome(struct gcs_write_op *w, const char *why)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the connection was lost and it is not known whether it was saved (%s)"),
               why);
    fail_with(w, PB_ENET, text.data);
    buf_release(&text);
}

static void begin_again(struct gcs_write_op *w)
{
    if (w->begun >= BEGUN_MAX) {
        fail(w, &w->why);
        return;
    }
    log_line("nothing was written yet: saving again");
    look_before(w);
}

/* The upload's own word for it. */
static void asked(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;

    if (e)
        unknown_outcome(w, e->msg);
    else
        upload_answered(w, r, NULL);
}

static void ask_upload(struct gcs_write_op *w)
{
    struct error error = {0};

    if (!w->upload)
        begin_again(w);
    else if (gcs_upload_ask(w, asked, &error) != PB_OK)
        fail(w, &error);
}

static void found_object(struct gcs_write_op *w, const struct gcs_object *g)
{
    bool old = w->there && g->generation == w->before.generation;
    bool ours = g->o.identity.size == w->body->size &&
                strcmp(g->crc32c, w->digest.checks.crc32c) == 0 &&
                (!*g->md5 || strcmp(g->md5, w->digest.checks.md5) == 0);

    if (old) {
        ask_upload(w);
    } else if (ours) {
        log_line("what is there now is what was sent: it was saved");
        saved(w, &g->o.identity);
    } else if (w->condition == STORE_ALWAYS) {
        ask_upload(w);
    } else {
        conflict(w);
    }
}

static void found_out(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct gcs_object g = {0};
    struct error error = {0};

    if (e) {
        unknown_outcome(w, e->msg);
    } else if (r->status == 404 && w->there && w->condition == STORE_IF_SAME) {
        fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
    } else if (r->status == 404) {
        ask_upload(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        unknown_outcome(w, error.msg);
    } else if (gcs_object_from(&g, r, &error) != PB_OK) {
        fail(w, &error);
    } else {
        found_object(w, &g);
        gcs_object_release(&g);
    }
}

static void find_out(struct gcs_write_op *w, const struct error *why)
{
    w->why = *why;
    log_line("what became of it? %s", why->msg);
    look(w, false, found_out);
}

/* 412: another generation is a conflict; other metadata of the same one are only read anew. */
static void looked_refused(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct gcs_object g = {0};
    struct error error = {0};
    bool same;

    if (e) {
        fail(w, e);
    } else if (r->status == 404) {
        if (w->there)
            fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
        else
            begin_again(w);
    } else if (r->status == 403 && w->condition == STORE_IF_ABSENT) {
        conflict(w); /* it cannot be looked at, but it is there */
    } else if (r->status / 100 != 2) {
        fail_answer(w, r);
    } else if (gcs_object_from(&g, r, &error) != PB_OK) {
        fail(w, &error);
    } else {
        same = w->there && g.generation == w->before.generation;
        if (!same)
            found_object(w, &g); /* it may have been us */
        else if (g.metageneration != w->before.metageneration)
            begin_again(w);
        else
            fail_with(w, PB_ESERVER,
                      "the server refuses the condition although the object is unchanged; nothing "
                      "was written");
        gcs_object_release(&g);
    }
}

static void refused(struct gcs_write_op *w, const struct http_result *r)
{
    (void)cloud_answer_error(&w->request.q, r, &w->why);
    log_line("the condition did not hold: looking at what is there");
    gcs_upload_forget(w);
    look(w, false, looked_refused);
}

/* -------------------------------------------------------------------------- sending */

static void find_out_later(void *ctx)
{
    struct gcs_write_op *w = ctx;

    w->timer = 0;
    find_out(w, &w->why);
}

/* Not at once: whatever is wrong may pass. */
static void doubt(struct gcs_write_op *w, const struct error *why)
{
    w->why = *why;
    if (w->fruitless++ >= FRUITLESS_MAX)
        fail(w, why);
    else
        wait(w, w->fruitless, find_out_later);
}

static void send_later(void *ctx)
{
    struct gcs_write_op *w = ctx;

    w->timer = 0;
    send_rest(w);
}

static void upload_goes_on(struct gcs_write_op *w, const struct http_result *r)
{
    if (!gcs_upload_progress(w, r))
        fail_with(w, PB_ESERVER, "the server's answer about the upload makes no sense");
    else if (w->fruitless > FRUITLESS_MAX)
        fail_with(w, PB_ENET, "the upload does not get ahead; nothing was written");
    else if (w->fruitless > 0)
        wait(w, w->fruitless, send_later);
    else
        send_rest(w);
}

static void upload_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct error error = {0};

    if (e && e->code == PB_ECANCELED && r->maybe_sent) {
        fail_with(w, PB_ECANCELED, "cancelled while it was sent: it may have been saved");
    } else if (e && r->maybe_sent) {
        doubt(w, e);
    } else if (e) {
        fail(w, e);
    } else if (r->status == 308) {
        upload_goes_on(w, r);
    } else if (r->status / 100 == 2) {
        finished(w, r);
    } else if (r->status == 412) {
        refused(w, r);
    } else if (r->status == 404 || r->status == 410) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        gcs_upload_forget(w); /* it is known there no more: look, then begin anew */
        find_out(w, &error);
    } else if (r->status == 408 || r->status == 429 || r->status >= 500) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        doubt(w, &error);
    } else {
        fail_answer(w, r);
    }
}

static void send_rest(struct gcs_write_op *w)
{
    struct error error = {0};

    if (gcs_upload_send(w, upload_answered, &error) != PB_OK)
        fail(w, &error);
}

static void upload_begun(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct error error = {0};

    if (e)
        fail(w, e);
    else if (r->status == 412)
        refused(w, r);
    else if (r->status / 100 != 2)
        fail_answer(w, r);
    else if (gcs_upload_take(w, r, &error) != PB_OK)
        fail(w, &error);
    else
        send_rest(w);
}

static void begin_upload(struct gcs_write_op *w)
{
    struct error error = {0};

    if (gcs_upload_begin(w, upload_begun, &error) != PB_OK)
        fail(w, &error);
}

/* ------------------------------------------------------------------------------ before */

static void is_there(struct gcs_write_op *w)
{
    bool same = store_identity_same(&w->identity, &w->before.o.identity);

    w->there = true;
    if (w->condition == STORE_IF_ABSENT || (w->condition == STORE_IF_SAME && !same))
        conflict(w);
    else
        begin_upload(w);
}

static void is_not_there(struct gcs_write_op *w)
{
    w->there = false;
    if (w->condition == STORE_IF_SAME)
        fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
    else
        begin_upload(w);
}

static void looked_before(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct cloud_problem p;
    struct error error = {0};

    gcs_object_release(&w->before);
    if (e) {
        fail(w, e);
        return;
    }
    gcs_problem_read(&p, r);
    if (r->status == 403 && !w->no_acl) {
        w->no_acl = true; /* who may read it need not be told who else may */
        look_before(w);
    } else if (r->status == 404 && !strstr(p.message, "bucket does not exist")) {
        is_not_there(w);
    } else if (r->status == 403 && w->condition == STORE_IF_ABSENT) {
        is_not_there(w); /* who may only create is told nothing; the condition holds it */
    } else if (r->status / 100 != 2) {
        fail_answer(w, r);
    } else if (gcs_object_from(&w->before, r, &error) != PB_OK) {
        fail(w, &error);
    } else {
        is_there(w);
    }
}

static void look_before(struct gcs_write_op *w)
{
    look(w, !w->no_acl, looked_before);
}

static void digested(void *ctx, const struct error *e)
{
    struct gcs_write_op *w = ctx;

    if (e)
        fail(w, e);
    else
        look_before(w);
}

/* ------------------------------------------------------------------------------- start */

static enum pb_err copy_request(struct gcs_write_op *w, const struct store_write_request *q,
                                struct error *e)
{
    enum pb_err err = PB_OK;

    w->bucket = mem_strdup(q->container);
    w->key = mem_strndup(q->key, q->key_len);
    w->key_len = q->key_len;
    if (!w->bucket || !w->key)
        return error_nomem(e);
    w->body = q->body;
    w->condition = q->condition;
    w->has_keep = q->keep != NULL;
    w->keep_as_given = q->keep_as_given;
    if (q->keep)
        err = store_object_copy(&w->keep, q->keep, e);
    if (err == PB_OK && q->identity)
        err = store_identity_copy(&w->identity, q->identity, e);
    return err;
}

static enum pb_err check(struct gcs_write_op *w, const struct store_write_request *q,
                         struct error *e)
{
    if (q->condition == STORE_IF_SAME && !q->identity)
        return cloud_error(&w->request.q, PB_EUSAGE, "it is not known which version was read", e);
    if (q->body->size == SOURCE_SIZE_UNKNOWN)
        return cloud_error(&w->request.q, PB_EUSAGE, "its size is not known yet", e);
    if (q->unchanged_count > 0)
        log_line("all of it is sent: Cloud Storage cannot copy a part of an object");
    return PB_OK;
}

struct store_op *gcs_write(struct store *s, const struct store_write_request *q,
                           store_write_fn done, void *ctx, struct error *e)
{
    struct gcs_write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&w->op, &write_class, s);
    w->done = done;
    w->ctx = ctx;
    err = copy_request(w, q, e);
    if (err == PB_OK)
        err = gcs_write_begin(w, GCS_HEAD, looked_before, e);
    if (err == PB_OK)
        err = check(w, q, e);
    if (err == PB_OK)
        err = cloud_digest_start(&w->digest, CLOUD_MD5 | CLOUD_CRC32C, s->loop, w->body, digested,
                                 w, e);
    if (err == PB_OK)
        return &w->op;
    write_free(w);
    return NULL;
}

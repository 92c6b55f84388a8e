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

#include <pklbrowse/log.h>

#include "gcs_write.h"

#define BEGUN_MAX 5
#define FRUITLESS_MAX 4

static void send_rest(struct gcs_write_op *w);
static void upload_answered(void *ctx, const struct http_result *r, const struct error *e);

/* -------------------------------------------------------------------------- its end */

static void release(struct cloud_write *c)
{
    struct gcs_write_op *w = (struct gcs_write_op *)c;

    gcs_upload_forget(w);
    source_free(w->out);
    free(w->json);
}

static void progress(const struct cloud_write *c, struct http_progress *out)
{
    const struct gcs_write_op *w = (const struct gcs_write_op *)c;

    if (c->request->call)
        http_progress(c->request->call, out);
    out->sent = w->sent + (c->request->action == GCS_SEND ? out->sent : 0);
    if (c->put.etag)
        out->sent = c->body->size;
    out->send_total = c->body->size;
}

static void saved(struct cloud_write *c, const struct store_identity *now)
{
    if (((struct gcs_write_op *)c)->no_acl)
        log_line("saved; the access list of the object could not be read and is the bucket's "
                 "default now");
    cloud_write_saved(c, now, false);
}

/* -------------------------------------------------------------------------- afterwards */

static void compare(struct cloud_write *c, const struct store_object *o)
{
    if (!store_identity_same(&c->put, &o->identity))
        cloud_write_fail_with(c, PB_ECHANGED,
                              "it was saved, but someone else replaced it in the same moment");
    else
        saved(c, &o->identity);
}

/* The answer says what was written. */
static void finished(struct gcs_write_op *w, const struct http_result *r)
{
    struct gcs_object g = {0};
    struct error error = {0};

    if (gcs_object_from(&g, r, &error) != PB_OK) {
        cloud_write_find_out(&w->c, &error);
    } else if (g.o.identity.size != w->c.body->size ||
               (*g.crc32c && strcmp(g.crc32c, w->c.digest.checks.crc32c) != 0)) {
        cloud_write_fail_with(&w->c, PB_ESERVER, "the server stored other bytes than were sent");
    } else {
        store_identity_release(&w->c.put);
        w->c.put = g.o.identity;
        g.o.identity = (struct store_identity){0};
        cloud_write_look_after(&w->c);
    }
    gcs_object_release(&g);
}

/* -------------------------------------------------------------- what became of it? */

static void begin_again(struct gcs_write_op *w)
{
    if (w->begun >= BEGUN_MAX) {
        cloud_write_fail(&w->c, &w->c.why);
        return;
    }
    log_line("nothing was written yet: saving again");
    cloud_write_look_before(&w->c);
}

/* The upload's own word for it. */
static void asked(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;

    if (e)
        cloud_write_unknown(&w->c, e->msg);
    else
        upload_answered(w, r, NULL);
}

static void ask_upload(struct gcs_write_op *w)
{
    struct error error = {0};

    if (!w->upload)
        begin_again(w);
    else if (gcs_upload_ask(w, asked, &error) != PB_OK)
        cloud_write_fail(&w->c, &error);
}

static void found(struct cloud_write *c, const struct store_object *o)
{
    struct gcs_write_op *w = (struct gcs_write_op *)c;
    const char *crc = http_headers_get(&o->shown, "CRC32C");
    const char *md5 = http_headers_get(&o->shown, "MD5");
    bool old = c->there && store_identity_same(&c->before.identity, &o->identity);
    bool ours = o->identity.size == c->body->size && crc &&
                strcmp(crc, c->digest.checks.crc32c) == 0 &&
                (!md5 || strcmp(md5, c->digest.checks.md5) == 0);

    if (old) {
        ask_upload(w);
    } else if (ours) {
        log_line("what is there now is what was sent: it was saved");
        saved(c, &o->identity);
    } else if (c->condition == STORE_ALWAYS) {
        ask_upload(w);
    } else {
        cloud_write_conflict(c);
    }
}

static void found_nothing(struct cloud_write *c)
{
    if (c->there && c->condition == STORE_IF_SAME)
        cloud_write_deleted(c);
    else
        ask_upload((struct gcs_write_op *)c);
}

/* The condition was refused, but it is still that generation. */
static void found_same(struct gcs_write_op *w, const struct store_object *o)
{
    const char *now = http_headers_get(&o->shown, "Metageneration");
    const char *before = http_headers_get(&w->c.before.shown, "Metageneration");

    if (now && before && strcmp(now, before) != 0)
        begin_again(w);
    else
        cloud_write_fail_with(&w->c, PB_ESERVER,
                              "the server refuses the condition although the object is unchanged; "
                              "nothing was written");
}

/* 412: another generation is a conflict; other metadata of the same one are only read anew. */
static void looked_refused(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct gcs_object g = {0};
    struct error error = {0};

    if (e) {
        cloud_write_fail(&w->c, e);
    } else if (r->status == 404 && w->c.there) {
        cloud_write_deleted(&w->c);
    } else if (r->status == 404) {
        begin_again(w);
    } else if (r->status == 403 && w->c.condition == STORE_IF_ABSENT) {
        cloud_write_conflict(&w->c); /* it cannot be looked at, but it is there */
    } else if (r->status / 100 != 2) {
        cloud_write_fail_answer(&w->c, r);
    } else if (gcs_object_from(&g, r, &error) != PB_OK) {
        cloud_write_fail(&w->c, &error);
    } else {
        if (w->c.there && store_identity_same(&g.o.identity, &w->c.before.identity))
            found_same(w, &g.o);
        else
            found(&w->c, &g.o); /* it may have been us */
        gcs_object_release(&g);
    }
}

static void refused(struct gcs_write_op *w, const struct http_result *r)
{
    (void)cloud_answer_error(&w->request.q, r, &w->c.why);
    log_line("the condition did not hold: looking at what is there");
    gcs_upload_forget(w);
    cloud_write_look(&w->c, looked_refused);
}

/* -------------------------------------------------------------------------- sending */

static void find_out_later(void *ctx)
{
    struct gcs_write_op *w = ctx;

    w->c.timer = 0;
    cloud_write_find_out(&w->c, &w->c.why);
}

/* Not at once: whatever is wrong may pass. */
static void doubt(struct gcs_write_op *w, const struct error *why)
{
    w->c.why = *why;
    if (w->fruitless++ >= FRUITLESS_MAX)
        cloud_write_fail(&w->c, why);
    else
        cloud_write_wait(&w->c, w->fruitless - 1, find_out_later);
}

static void send_later(void *ctx)
{
    struct gcs_write_op *w = ctx;

    w->c.timer = 0;
    send_rest(w);
}

static void upload_goes_on(struct gcs_write_op *w, const struct http_result *r)
{
    if (!gcs_upload_progress(w, r))
        cloud_write_fail_with(&w->c, PB_ESERVER,
                              "the server's answer about the upload makes no sense");
    else if (w->fruitless > FRUITLESS_MAX)
        cloud_write_fail_with(&w->c, PB_ENET, "the upload does not get ahead; nothing was written");
    else if (w->fruitless > 0)
        cloud_write_wait(&w->c, w->fruitless - 1, send_later);
    else
        send_rest(w);
}

static void upload_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct error error = {0};

    if (e && e->code == PB_ECANCELED && r->maybe_sent) {
        cloud_write_fail_with(&w->c, PB_ECANCELED,
                              "cancelled while it was sent: it may have been saved");
    } else if (e && r->maybe_sent) {
        doubt(w, e);
    } else if (e) {
        cloud_write_fail(&w->c, e);
    } else if (r->status == 308) {
        upload_goes_on(w, r);
    } else if (r->status / 100 == 2) {
        finished(w, r);
    } else if (r->status == 412) {
        refused(w, r);
    } else if (r->status == 404 || r->status == 410) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        gcs_upload_forget(w); /* it is known there no more: look, then begin anew */
        cloud_write_find_out(&w->c, &error);
    } else if (r->status == 408 || r->status == 429 || r->status >= 500) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        doubt(w, &error);
    } else {
        cloud_write_fail_answer(&w->c, r);
    }
}

static void send_rest(struct gcs_write_op *w)
{
    struct error error = {0};

    if (gcs_upload_send(w, upload_answered, &error) != PB_OK)
        cloud_write_fail(&w->c, &error);
}

static void upload_begun(void *ctx, const struct http_result *r, const struct error *e)
{
    struct gcs_write_op *w = ctx;
    struct error error = {0};

    if (e)
        cloud_write_fail(&w->c, e);
    else if (r->status == 412)
        refused(w, r);
    else if (r->status / 100 != 2)
        cloud_write_fail_answer(&w->c, r);
    else if (gcs_upload_take(w, r, &error) != PB_OK)
        cloud_write_fail(&w->c, &error);
    else
        send_rest(w);
}

static void begin_upload(struct cloud_write *c)
{
    struct error error = {0};

    if (gcs_upload_begin((struct gcs_write_op *)c, upload_begun, &error) != PB_OK)
        cloud_write_fail(c, &error);
}

/* ------------------------------------------------------------------------------ before */

static enum pb_err look(struct cloud_write *c, struct error *e)
{
    if (((struct gcs_write_op *)c)->no_acl)
        return PB_OK;
    return cloud_param(c->request, "projection", "full", e);
}

/* Who may read it need not be told who else may. */
static bool look_again(struct cloud_write *c, const struct http_result *r)
{
    struct gcs_write_op *w = (struct gcs_write_op *)c;
    bool again = r->status == 403 && !w->no_acl;

    w->no_acl |= again;
    return again;
}

/* Who may only create is told nothing; the condition holds it. */
static bool absent(const struct cloud_write *c, const struct http_result *r)
{
    struct cloud_problem p;

    gcs_problem_read(&p, r);
    return (r->status == 404 && !strstr(p.message, "bucket does not exist")) ||
           (r->status == 403 && c->condition == STORE_IF_ABSENT);
}

static const struct cloud_write_kind write_kind = {
    .release = release,
    .progress = progress,
    .look = look,
    .look_again = look_again,
    .absent = absent,
    .send = begin_upload,
    .saved = saved,
    .compare = compare,
    .found = found,
    .found_nothing = found_nothing,
};

struct store_op *gcs_write(struct store *s, const struct store_write_request *q,
                           store_write_fn done, void *ctx, struct error *e)
{
    struct gcs_write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    w->c.done = done;
    w->c.ctx = ctx;
    err = cloud_write_init(&w->c, s, &write_kind, &w->request.q, q, e);
    if (err == PB_OK && q->unchanged_count > 0)
        log_line("all of it is sent: Cloud Storage cannot copy a part of an object");
    if (err == PB_OK)
        err = cloud_write_start(&w->c, CLOUD_MD5 | CLOUD_CRC32C, e);
    if (err == PB_OK)
        return &w->c.op;
    cloud_write_free(&w->c);
    return NULL;
}

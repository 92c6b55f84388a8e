/*
 * The careful write.  Its steps:
 *
 *   1  digest          checksums of what is to be sent
 *   2  look            HEAD: is it still what was read?  Its tags are read, if it has any.
 *   3  PUT             with If-Match.  Refused because conditions are not known there: 2, then
 * without. 412, 409 or no clear answer: s3_doubt.c, which ends in saved, 3 or a conflict. 4  look
 * HEAD: is what is there now what was sent?
 *
 * A PUT whose answer was lost is never simply repeated.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "cloud_xml.h"
#include "s3_multipart.h"

#define LOOKS_MAX 4

/* --------------------------------------------------------------------------- its end */

static void release(struct cloud_write *c)
{
    struct write_op *w = (struct write_op *)c;

    s3_multipart_free(w->multipart);
    store_identity_release(&w->found);
    source_free(w->tagging_source);
}

static void progress(const struct cloud_write *c, struct http_progress *out)
{
    const struct write_op *w = (const struct write_op *)c;

    if (w->multipart) {
        s3_multipart_progress(w->multipart, out);
        return;
    }
    if (c->request->call)
        http_progress(c->request->call, out);
    out->send_total = c->body->size;
    if (c->request->action != S3_PUT)
        out->sent = c->puts > 0 ? c->body->size : 0;
}

void s3_write_saved(struct cloud_write *c, const struct store_identity *now)
{
    struct write_op *w = (struct write_op *)c;
    bool blind = c->condition == STORE_IF_SAME && !c->before.identity.etag;
    bool unchecked = w->unconditional || blind;
    struct s3_bucket *b = s3_bucket(s3_write_store(w), c->container);

    if (w->multipart)
        s3_multipart_completed(w->multipart);
    if (b && w->other_tried && !unchecked && c->condition == STORE_IF_SAME)
        b->plain_etag = w->plain_etag;
    cloud_write_saved(c, now, unchecked);
}

/* --------------------------------------------------------------------------- the PUT */

static bool is_conditional(const struct write_op *w)
{
    return http_headers_get(&w->request.q.headers, "If-Match") != NULL ||
           http_headers_get(&w->request.q.headers, "If-None-Match") != NULL || w->request.goog4;
}

static bool may_have_written(const struct cloud_problem *p, int status)
{
    /* An error within a 200 came when it was under way. */
    return status == 200 || (status >= 500 && status != 501) || status == 429 ||
           cloud_problem_is(p, "RequestTimeout") || cloud_problem_is(p, "BadDigest") ||
           cloud_problem_is(p, "SlowDown") || cloud_problem_is(p, "XAmzContentSHA256Mismatch");
}

static void look_after(struct cloud_write *c);

static void put_refused(struct write_op *w, const struct http_result *r)
{
    struct cloud_problem p;
    struct error error = {0};

    s3_problem_read(&p, r);
    (void)cloud_problem_error(&p, &w->request.q, r, &error);
    if (r->status == 412 && is_conditional(w)) {
        s3_write_find_out(w, DOUBT_REFUSED, &error);
    } else if (r->status == 409 &&
               (cloud_problem_is(&p, "ConditionalRequestConflict") || !*p.code)) {
        s3_write_find_out(w, DOUBT_RACE, &error);
    } else if (is_conditional(w) && (r->status == 501 || cloud_problem_is(&p, "NotImplemented"))) {
        log_line("the server does not do conditional writes: held against a HEAD only");
        w->unconditional = true;
        cloud_write_look_before(&w->c);
    } else if (r->status == 400 && cloud_problem_is(&p, "InvalidArgument") && !w->other_tried &&
               http_headers_get(&w->request.q.headers, "If-Match")) {
        w->other_tried = true;
        w->plain_etag = !w->plain_etag;
        s3_write_put(&w->c);
    } else if (r->status == 404 && w->c.there && !cloud_problem_is(&p, "NoSuchBucket")) {
        cloud_write_deleted(&w->c);
    } else if (w->c.puts < S3_PUTS_MAX && s3_request_learn(&w->request, r)) {
        s3_write_put(&w->c);
    } else if (s3_google_refused(w, r)) {
        cloud_write_look_before(&w->c);
    } else if (may_have_written(&p, r->status)) {
        s3_write_find_out(w, DOUBT_LOST, &error);
    } else {
        cloud_write_fail(&w->c, &error);
    }
}

void s3_write_put_done(struct write_op *w, const struct http_result *r, const char *etag)
{
    cloud_write_take_identity(&w->c, r, etag, "x-amz-version-id");
    look_after(&w->c);
}

void s3_write_put_answered(struct write_op *w, const struct http_result *r, const struct error *e)
{
    w->doubt = DOUBT_LOST;
    if (e)
        cloud_write_broken(&w->c, r, e);
    else
        put_refused(w, r);
}

static void put_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;

    if (!e && r->status / 100 == 2)
        s3_write_put_done(w, r, http_headers_get(&r->headers, "ETag"));
    else
        s3_write_put_answered(w, r, e);
}

static void put_whole(struct write_op *w)
{
    bool moved = w->request.moved, skewed = w->request.skewed;
    struct error error = {0};
    enum pb_err err = cloud_write_begin(&w->c, S3_PUT, put_answered, &error);

    w->request.moved = moved;
    w->request.skewed = skewed;
    w->c.puts++;
    if (err == PB_OK)
        err = s3_put_headers(w, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &error);
}

void s3_write_put(struct cloud_write *c)
{
    struct write_op *w = (struct write_op *)c;

    if (w->multipart)
        s3_multipart_go(w);
    else
        put_whole(w);
}

/* ------------------------------------------------------------------------ afterwards */

static void look_after(struct cloud_write *c)
{
    ((struct write_op *)c)->looks++;
    cloud_write_look_after(c);
}

static void look_after_wait(void *ctx)
{
    struct cloud_write *c = ctx;

    c->timer = 0;
    look_after(c);
}

static void compare(struct cloud_write *c, const struct store_object *o)
{
    struct write_op *w = (struct write_op *)c;
    bool old = c->there && store_identity_same(&c->before.identity, &o->identity);
    bool known = c->put.etag && o->identity.etag;
    bool same = !known || store_identity_same(&c->put, &o->identity);
    bool size = o->identity.size == c->body->size;

    if (same && size && w->multipart && c->before.tags > 0 && o->tags == 0)
        s3_put_tags(w, &o->identity); /* not every server takes them when an upload begins */
    else if (same && size)
        s3_write_saved(c, &o->identity);
    else if (old && !same && w->looks < LOOKS_MAX)
        cloud_write_wait(c, w->looks, look_after_wait);
    else if (old && !same)
        cloud_write_fail_with(c, PB_ESERVER,
                              "the server says that it was saved, but still shows the old version");
    else if (!same || !known)
        cloud_write_fail_with(c, PB_ECHANGED,
                              "it was saved, but someone else replaced it in the same moment");
    else
        cloud_write_fail_with(c, PB_ESERVER,
                              "the server stored another number of bytes than was sent");
}

/* ---------------------------------------------------------------------------- before */

/* Who may write but not list is told 403 for what is not there; Amazon checks If-None-Match. */
static bool absent(const struct cloud_write *c, const struct http_result *r)
{
    const struct write_op *w = (const struct write_op *)c;

    return r->status == 404 || (r->status == 403 && c->condition == STORE_IF_ABSENT &&
                                s3_write_store(w)->amazon && !w->unconditional);
}

static void send(struct cloud_write *c)
{
    struct write_op *w = (struct write_op *)c;

    if (!w->multipart)
        memcpy(w->expect_etag, c->digest.checks.md5_hex, sizeof c->digest.checks.md5_hex);
    s3_write_put(c);
}

static const struct cloud_write_kind write_kind = {
    .release = release,
    .progress = progress,
    .look_again = s3_google_note,
    .absent = absent,
    .check = s3_put_check,
    .keeps_tags = true,
    .send = send,
    .saved = s3_write_saved,
    .compare = compare,
    .found = s3_write_found,
    .found_nothing = s3_write_found_nothing,
};

/* ----------------------------------------------------------------------------- start */

static enum pb_err learn(struct write_op *w, struct error *e)
{
    const struct s3_bucket *b = s3_bucket(s3_write_store(w), w->c.container);

    if (!b)
        return error_nomem(e);
    w->plain_etag = b->plain_etag;
    w->unconditional = s3_write_store(w)->google; /* until a generation is known */
    return PB_OK;
}

struct store_op *s3_write(struct store *s, const struct store_write_request *q, store_write_fn done,
                          void *ctx, struct error *e)
{
    struct write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    w->c.done = done;
    w->c.ctx = ctx;
    err = cloud_write_init(&w->c, s, &write_kind, &w->request.q, q, e);
    if (err == PB_OK)
        err = learn(w, e);
    if (err == PB_OK)
        err = s3_multipart_new(w, q, &w->multipart, e);
    if (err == PB_OK)
        err =
            cloud_write_start(&w->c, w->multipart ? 0 : CLOUD_SHA256 | CLOUD_MD5 | CLOUD_CRC32, e);
    if (err == PB_OK)
        return &w->c.op;
    cloud_write_free(&w->c);
    return NULL;
}

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

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "s3_multipart.h"

#define LOOKS_MAX 4
#define WAIT_MS 200 /* doubled each time */

static void look_before(struct write_op *w);
static void look_after(struct write_op *w);

/* -------------------------------------------------------------------------- its end */

static void write_free(struct write_op *w)
{
    store_op_end(&w->op);
    loop_timer_stop(w->op.store->loop, w->timer);
    loop_unpost(w->op.store->loop, w);
    cloud_request_release(&w->request.q);
    cloud_digest_release(&w->digest);
    s3_multipart_free(w->multipart);
    store_object_release(&w->keep);
    store_object_release(&w->before);
    store_identity_release(&w->identity);
    store_identity_release(&w->put);
    store_identity_release(&w->found);
    buf_release(&w->tagging);
    buf_release(&w->tagging_xml);
    source_free(w->tagging_source);
    free(w->bucket);
    free(w->key);
    free(w);
}

static void write_stop(struct store_op *op)
{
    write_free((struct write_op *)op);
}

static void write_progress(const struct store_op *op, struct http_progress *out)
{
    const struct write_op *w = (const struct write_op *)op;

    if (w->multipart) {
        s3_multipart_progress(w->multipart, out);
        return;
    }
    if (w->request.q.call)
        http_progress(w->request.q.call, out);
    out->send_total = w->body->size;
    if (w->request.q.action != S3_PUT)
        out->sent = w->puts > 0 ? w->body->size : 0;
}

static const struct store_op_class write_class = {.stop = write_stop, .progress = write_progress};

void s3_write_fail(struct write_op *w, const struct error *e)
{
    struct error copy = *e;
    store_write_fn done = w->done;
    void *ctx = w->ctx;

    write_free(w);
    done(ctx, NULL, false, &copy);
}

void s3_write_fail_with(struct write_op *w, enum pb_err code, const char *why)
{
    struct error e = {0};

    (void)cloud_error(&w->request.q, code, why, &e);
    s3_write_fail(w, &e);
}

void s3_write_saved(struct write_op *w, const struct store_identity *now)
{
    bool blind = w->condition == STORE_IF_SAME && !w->before.identity.etag;
    bool unchecked = w->unconditional || blind;
    store_write_fn done = w->done;
    struct store_identity copy;
    struct s3_bucket *b = s3_bucket(s3_write_store(w), w->bucket);
    void *ctx = w->ctx;
    struct error e = {0};

    if (w->multipart)
        s3_multipart_completed(w->multipart);
    if (b && w->other_tried && !unchecked && w->condition == STORE_IF_SAME)
        b->plain_etag = w->plain_etag;
    if (store_identity_copy(&copy, now, &e) != PB_OK) {
        s3_write_fail(w, &e);
        return;
    }
    write_free(w);
    done(ctx, &copy, unchecked, NULL);
    store_identity_release(&copy);
}

static const char *const replaced_at_once =
    N_("it was saved, but someone else replaced it in the same moment");

void s3_write_conflict(struct write_op *w)
{
    if (w->condition == STORE_IF_ABSENT)
        s3_write_fail_with(w, PB_EEXIST, "there is an object of that name already");
    else
        s3_write_fail_with(w, PB_ECHANGED, "it was changed by someone else; nothing was written");
}

/* ---------------------------------------------------------------------- its requests */

enum pb_err s3_write_begin(struct write_op *w, enum s3_action action,
                           void (*done)(void *ctx, const struct http_result *r,
                                        const struct error *e),
                           struct error *e)
{
    enum pb_err err;

    cloud_request_release(&w->request.q);
    err = cloud_request_init(&w->request.q, w->op.store, action, w->bucket, w->key, w->key_len, e);
    w->request.q.speaks_of = S3_PUT;
    w->request.q.done = done;
    w->request.q.ctx = w;
    return err;
}

void s3_write_look(struct write_op *w,
                   void (*done)(void *ctx, const struct http_result *r, const struct error *e))
{
    struct error error = {0};
    enum pb_err err = s3_write_begin(w, S3_HEAD, done, &error);

    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        s3_write_fail(w, &error);
}

void s3_write_wait(struct write_op *w, unsigned times, loop_fn fn)
{
    uint64_t ms = (uint64_t)WAIT_MS << (times > 5 ? 5 : times);
    struct error e = {0};

    w->timer = loop_timer_start(w->op.store->loop, ms, fn, w);
    if (w->timer == 0) {
        (void)error_nomem(&e);
        s3_write_fail(w, &e);
    }
}

/* --------------------------------------------------------------------------- the PUT */

static bool is_conditional(const struct write_op *w)
{
    return http_headers_get(&w->request.q.headers, "If-Match") != NULL ||
           http_headers_get(&w->request.q.headers, "If-None-Match") != NULL;
}

static void take_put_identity(struct write_op *w, const struct http_result *r, const char *etag)
{
    const char *version = http_headers_get(&r->headers, "x-amz-version-id");

    store_identity_release(&w->put);
    w->put.size = w->body->size;
    /* Without memory for these the comparison that follows just knows less. */
    w->put.etag = etag && *etag ? mem_strdup(etag) : NULL;
    w->put.version_id = version && *version ? mem_strdup(version) : NULL;
}

static bool may_have_written(const struct cloud_problem *p, int status)
{
    /* An error within a 200 came when it was under way. */
    return status == 200 || (status >= 500 && status != 501) || status == 429 ||
           cloud_problem_is(p, "RequestTimeout") || cloud_problem_is(p, "BadDigest") ||
           cloud_problem_is(p, "SlowDown") || cloud_problem_is(p, "XAmzContentSHA256Mismatch");
}

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
        look_before(w);
    } else if (r->status == 400 && cloud_problem_is(&p, "InvalidArgument") && !w->other_tried &&
               http_headers_get(&w->request.q.headers, "If-Match")) {
        w->other_tried = true;
        w->plain_etag = !w->plain_etag;
        s3_write_put(w);
    } else if (r->status == 404 && w->there && !cloud_problem_is(&p, "NoSuchBucket")) {
        s3_write_fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
    } else if (w->puts < S3_PUTS_MAX && s3_request_learn(&w->request, r)) {
        s3_write_put(w);
    } else if (may_have_written(&p, r->status)) {
        s3_write_find_out(w, DOUBT_LOST, &error);
    } else {
        s3_write_fail(w, &error);
    }
}

void s3_write_put_done(struct write_op *w, const struct http_result *r, const char *etag)
{
    take_put_identity(w, r, etag);
    look_after(w);
}

void s3_write_put_answered(struct write_op *w, const struct http_result *r, const struct error *e)
{
    if (e && r->maybe_sent && e->code == PB_ECANCELED) {
        s3_write_fail_with(w, PB_ECANCELED, "cancelled while it was sent: it may have been saved");
    } else if (e && r->maybe_sent) {
        s3_write_find_out(w, DOUBT_LOST, e);
    } else if (e) {
        s3_write_fail(w, e);
    } else {
        put_refused(w, r);
    }
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
    enum pb_err err = s3_write_begin(w, S3_PUT, put_answered, &error);

    w->request.moved = moved;
    w->request.skewed = skewed;
    w->puts++;
    if (err == PB_OK)
        err = s3_put_headers(w, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        s3_write_fail(w, &error);
}

void s3_write_put(struct write_op *w)
{
    if (w->multipart)
        s3_multipart_go(w);
    else
        put_whole(w);
}

/* ------------------------------------------------------------------------ afterwards */

static void look_after_wait(void *ctx)
{
    struct write_op *w = ctx;

    w->timer = 0;
    look_after(w);
}

static void compare_after(struct write_op *w, const struct store_object *o)
{
    bool old = w->there && store_identity_same(&w->before.identity, &o->identity);
    bool known = w->put.etag && o->identity.etag;
    bool same = !known || store_identity_same(&w->put, &o->identity);
    bool size = o->identity.size == w->body->size;

    if (same && size && w->multipart && w->before.tags > 0 && o->tags == 0)
        s3_put_tags(w, &o->identity); /* not every server takes them when an upload begins */
    else if (same && size)
        s3_write_saved(w, &o->identity);
    else if (old && !same && w->looks < LOOKS_MAX)
        s3_write_wait(w, w->looks, look_after_wait);
    else if (old && !same)
        s3_write_fail_with(w, PB_ESERVER,
                           "the server says that it was saved, but still shows the old version");
    else if (!same || !known)
        s3_write_fail_with(w, PB_ECHANGED, replaced_at_once);
    else
        s3_write_fail_with(w, PB_ESERVER,
                           "the server stored another number of bytes than was sent");
}

static void looked_after(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (!e && r->status == 404) {
        s3_write_fail_with(w, PB_ECHANGED,
                           "it was saved, but someone else deleted it in the same moment");
    } else if (e || r->status / 100 != 2) {
        /* The server said that it was saved; only looking is not possible. */
        log_line("saved, but it cannot be looked at");
        s3_write_saved(w, &w->put);
    } else if (s3_object_from(&o, r, &error) != PB_OK) {
        s3_write_fail(w, &error);
    } else {
        compare_after(w, &o);
        store_object_release(&o);
    }
}

static void look_after(struct write_op *w)
{
    w->looks++;
    s3_write_look(w, looked_after);
}

/* ---------------------------------------------------------------------------- before */

static void tags_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct error error = {0};
    enum pb_err err;

    if (e) {
        s3_write_fail(w, e);
        return;
    }
    if (r->status / 100 != 2) {
        err = cloud_answer_error(&w->request.q, r, &error);
        if (err == PB_EDENIED)
            (void)error_set(&error, PB_EDENIED,
                            "cannot save: it has tags, and saving would lose "
                            "them, since these credentials may not read them "
                            "(s3:GetObjectTagging)");
        s3_write_fail(w, &error);
        return;
    }
    err = s3_tagging_from(&w->tagging, &r->body, &error);
    buf_append(&w->tagging_xml, r->body.data, r->body.len);
    if (err == PB_OK)
        err = buf_status(&w->tagging_xml, &error);
    if (err != PB_OK)
        s3_write_fail(w, &error);
    else
        s3_write_put(w);
}

static void ask_tags(struct write_op *w)
{
    struct error error = {0};
    enum pb_err err = s3_write_begin(w, S3_TAGS, tags_answered, &error);

    buf_clear(&w->tagging);
    buf_clear(&w->tagging_xml);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "tagging", NULL, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        s3_write_fail(w, &error);
}

/* Something is there.  It must be what was read, or nothing is sent. */
static void is_there(struct write_op *w)
{
    struct error error = {0};

    w->there = true;
    if (w->condition == STORE_IF_ABSENT ||
        (w->condition == STORE_IF_SAME &&
         !store_identity_same(&w->identity, &w->before.identity))) {
        s3_write_conflict(w);
        return;
    }
    if (s3_put_check(w, &error) != PB_OK)
        s3_write_fail(w, &error);
    else if (w->before.tags > 0)
        ask_tags(w);
    else
        s3_write_put(w);
}

static void is_not_there(struct write_op *w)
{
    w->there = false;
    if (w->condition == STORE_IF_SAME)
        s3_write_fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
    else
        s3_write_put(w);
}

static void looked_before(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct error error = {0};
    /* Who may write but not list is told 403 for what is not there; Amazon checks If-None-Match. */
    bool blind = !e && r->status == 403 && w->condition == STORE_IF_ABSENT &&
                 s3_write_store(w)->amazon && !w->unconditional;

    store_object_release(&w->before);
    if (e) {
        s3_write_fail(w, e);
    } else if (r->status == 404 || blind) {
        is_not_there(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        s3_write_fail(w, &error);
    } else if (s3_object_from(&w->before, r, &error) != PB_OK) {
        s3_write_fail(w, &error);
    } else {
        is_there(w);
    }
}

static void look_before(struct write_op *w)
{
    s3_write_look(w, looked_before);
}

static void digested(void *ctx, const struct error *e)
{
    struct write_op *w = ctx;

    if (e) {
        s3_write_fail(w, e);
        return;
    }
    memcpy(w->expect_etag, w->digest.checks.md5_hex, sizeof w->digest.checks.md5_hex);
    look_before(w);
}

static void begin_in_parts(void *ctx)
{
    look_before(ctx);
}

/* ----------------------------------------------------------------------------- start */

static enum pb_err copy_request(struct write_op *w, const struct store_write_request *q,
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

static enum pb_err check(struct write_op *w, const struct store_write_request *q, struct error *e)
{
    const struct s3_bucket *b = s3_bucket(s3_write_store(w), w->bucket);

    if (!b)
        return error_nomem(e);
    w->plain_etag = b->plain_etag;
    /* Its condition for writes (x-goog-if-generation-match) may not stand beside x-amz- headers. */
    w->unconditional = s3_write_store(w)->google;
    if (q->condition == STORE_IF_SAME && !q->identity)
        return cloud_error(&w->request.q, PB_EUSAGE, "it is not known which version was read", e);
    if (q->body->size == SOURCE_SIZE_UNKNOWN)
        return cloud_error(&w->request.q, PB_EUSAGE, "its size is not known yet", e);
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
    store_op_begin(&w->op, &write_class, s);
    buf_init(&w->tagging, BUF_MAX_LINE);
    buf_init(&w->tagging_xml, BUF_MAX_LINE);
    w->done = done;
    w->ctx = ctx;
    err = copy_request(w, q, e);
    if (err == PB_OK)
        err = s3_write_begin(w, S3_PUT, put_answered, e);
    if (err == PB_OK)
        err = check(w, q, e);
    if (err == PB_OK)
        err = s3_multipart_new(w, q, &w->multipart, e);
    if (err == PB_OK && w->multipart)
        err = loop_post(s->loop, begin_in_parts, w, e);
    else if (err == PB_OK)
        err = cloud_digest_start(&w->digest, CLOUD_SHA256 | CLOUD_MD5 | CLOUD_CRC32, s->loop,
                                 w->body, digested, w, e);
    if (err == PB_OK)
        return &w->op;
    write_free(w);
    return NULL;
}

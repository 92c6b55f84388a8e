/*
 * The careful write.  Its steps:
 *
 *   1  digest   MD5 of what is to be sent
 *   2  look     HEAD: is it still what was read?  Its tags are read, if it has any.
 *   3  put      under If-Match, in one piece or in blocks.  Without a clear answer: HEAD again;
 * what is there now is ours by its MD5, or what was there before (then 3 once more), or somebody
 * else's. 4  look     HEAD: is what is there now what was sent?
 *
 * A write whose answer was lost is never simply repeated.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "azure_write.h"

#define WAIT_MS 200 /* doubled each time */

static void put(struct azure_write_op *w);
static void find_out(struct azure_write_op *w, const struct error *why);

/* ----------------------------------------------------------------------------- its end */

static void write_free(struct azure_write_op *w)
{
    store_op_end(&w->op);
    loop_timer_stop(w->op.store->loop, w->timer);
    cloud_request_release(&w->request.q);
    cloud_digest_release(&w->digest);
    azure_blocks_free(w->blocks);
    store_object_release(&w->keep);
    store_object_release(&w->before);
    store_identity_release(&w->identity);
    store_identity_release(&w->put);
    buf_release(&w->tagging);
    free((void *)(uintptr_t)w->unchanged);
    free(w->where);
    free(w->key);
    free(w);
}

static void write_stop(struct store_op *op)
{
    write_free((struct azure_write_op *)op);
}

static void write_progress(const struct store_op *op, struct http_progress *out)
{
    const struct azure_write_op *w = (const struct azure_write_op *)op;

    if (w->blocks) {
        azure_blocks_progress(w->blocks, out);
        return;
    }
    if (w->request.q.call)
        http_progress(w->request.q.call, out);
    out->send_total = w->body->size;
    if (w->request.q.action != AZURE_PUT)
        out->sent = w->puts > 0 ? w->body->size : 0;
}

static const struct store_op_class write_class = {.stop = write_stop, .progress = write_progress};

void azure_write_fail(struct azure_write_op *w, const struct error *e)
{
    struct error copy = *e;
    store_write_fn done = w->done;
    void *ctx = w->ctx;

    write_free(w);
    done(ctx, NULL, false, &copy);
}

void azure_write_fail_with(struct azure_write_op *w, enum pb_err code, const char *why)
{
    struct error e = {0};

    (void)cloud_error(&w->request.q, code, why, &e);
    azure_write_fail(w, &e);
}

void azure_write_conflict(struct azure_write_op *w)
{
    if (w->condition == STORE_IF_ABSENT)
        azure_write_fail_with(w, PB_EEXIST, "there is an object of that name already");
    else
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was changed by someone else; nothing was written");
}

static void saved(struct azure_write_op *w, const struct store_identity *now)
{
    bool blind = w->condition == STORE_IF_SAME && !w->before.identity.etag;
    store_write_fn done = w->done;
    struct store_identity copy;
    void *ctx = w->ctx;
    struct error e = {0};

    if (store_identity_copy(&copy, now, &e) != PB_OK) {
        azure_write_fail(w, &e);
        return;
    }
    write_free(w);
    done(ctx, &copy, blind, NULL);
    store_identity_release(&copy);
}

/* ------------------------------------------------------------------------ its requests */

enum pb_err azure_write_begin(struct azure_write_op *w, enum azure_action action,
                              azure_answer_fn done, struct error *e)
{
    enum pb_err err;

    cloud_request_release(&w->request.q);
    err = cloud_request_init(&w->request.q, w->op.store, action, w->where, w->key, w->key_len, e);
    w->request.q.speaks_of = AZURE_PUT;
    w->request.q.done = done;
    w->request.q.ctx = w;
    return err;
}

static void look(struct azure_write_op *w, azure_answer_fn done)
{
    struct error error = {0};
    enum pb_err err = azure_write_begin(w, AZURE_HEAD, done, &error);

    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        azure_write_fail(w, &error);
}

/* -------------------------------------------------------------------------- afterwards */

static void compare_after(struct azure_write_op *w, const struct store_object *o)
{
    bool known = w->put.etag && o->identity.etag;

    if (known && !store_identity_matches(&w->put, o->identity.etag))
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was saved, but someone else replaced it in the same moment");
    else if (o->identity.size != w->body->size)
        azure_write_fail_with(w, PB_ESERVER,
                              "the server stored another number of bytes than was sent");
    else
        saved(w, &o->identity);
}

static void looked_after(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (!e && r->status == 404) {
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was saved, but someone else deleted it in the same moment");
    } else if (e || r->status / 100 != 2) {
        /* The server said that it was saved; only looking is not possible. */
        log_line("saved, but it cannot be looked at");
        saved(w, &w->put);
    } else if (azure_object_from(&o, r, &error) != PB_OK) {
        azure_write_fail(w, &error);
    } else {
        compare_after(w, &o);
        store_object_release(&o);
    }
}

/* ----------------------------------------------------------------------------- the put */

static void take_put_identity(struct azure_write_op *w, const struct http_result *r)
{
    const char *etag = http_headers_get(&r->headers, "ETag");
    const char *version = http_headers_get(&r->headers, "x-ms-version-id");

    store_identity_release(&w->put);
    w->put.size = w->body->size;
    /* Without memory for these the comparison that follows just knows less. */
    w->put.etag = etag && *etag ? mem_strdup(etag) : NULL;
    w->put.version_id = version && *version ? mem_strdup(version) : NULL;
}

static void refused(struct azure_write_op *w, const struct http_result *r)
{
    struct cloud_problem p;
    struct error error = {0};
    enum pb_err err;

    azure_problem_read(&p, r);
    err = cloud_problem_error(&p, &w->request.q, r, &error);
    if (err == PB_EEXIST && w->condition == STORE_IF_ABSENT) {
        find_out(w, &error); /* perhaps ours, of an attempt before */
    } else if (err == PB_ECHANGED) {
        find_out(w, &error);
    } else if (r->status == 404 && w->there && !cloud_problem_is(&p, "ContainerNotFound")) {
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was deleted by someone else; nothing was written");
    } else if (w->puts < AZURE_PUTS_MAX && azure_request_learn(&w->request, r)) {
        put(w);
    } else if ((r->status >= 500 && r->status != 501) || r->status == 429 ||
               cloud_problem_is(&p, "Md5Mismatch") || cloud_problem_is(&p, "InvalidBlockList")) {
        find_out(w, &error);
    } else {
        azure_write_fail(w, &error);
    }
}

void azure_write_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;

    if (!e && r->status / 100 == 2) {
        take_put_identity(w, r);
        look(w, looked_after);
    } else if (e && r->maybe_sent && e->code == PB_ECANCELED) {
        azure_write_fail_with(w, PB_ECANCELED,
                              "cancelled while it was sent: it may have been saved");
    } else if (e && r->maybe_sent) {
        find_out(w, e);
    } else if (e) {
        azure_write_fail(w, e);
    } else {
        refused(w, r);
    }
}

void azure_write_whole(struct azure_write_op *w)
{
    bool skewed = w->request.skewed;
    struct error error = {0};
    enum pb_err err = azure_write_begin(w, AZURE_PUT, azure_write_answered, &error);

    w->request.skewed = skewed;
    w->request.q.body = w->body;
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "x-ms-blob-type", "BlockBlob", &error);
    if (err == PB_OK)
        err = azure_put_headers(w, &error);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "Content-MD5", w->digest.checks.md5, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        azure_write_fail(w, &error);
}

static void put(struct azure_write_op *w)
{
    w->puts++;
    if (w->blocks)
        azure_blocks_go(w);
    else
        azure_write_whole(w);
}

/* --------------------------------------------------------------- what became of it? */

static void put_after_wait(void *ctx)
{
    struct azure_write_op *w = ctx;

    w->timer = 0;
    put(w);
}

static void put_again(struct azure_write_op *w)
{
    if (w->why.code == PB_ECHANGED || w->puts >= AZURE_PUTS_MAX) {
        azure_write_fail(w, &w->why);
        return;
    }
    log_line("nothing was written yet: saving again");
    w->timer = loop_timer_start(w->op.store->loop, (uint64_t)WAIT_MS << w->puts, put_after_wait, w);
    if (w->timer == 0) {
        struct error e = {0};

        (void)error_nomem(&e);
        azure_write_fail(w, &e);
    }
}

static void found_object(struct azure_write_op *w, const struct store_object *o)
{
    const char *md5 = http_headers_get(&o->shown, "Content-MD5");
    bool old = w->there && store_identity_same(&w->before.identity, &o->identity);

    if (old) {
        put_again(w);
    } else if (o->identity.size == w->body->size && md5 && strcmp(md5, w->digest.checks.md5) == 0) {
        log_line("what is there now is what was sent: it was saved");
        saved(w, &o->identity);
    } else {
        azure_write_conflict(w);
    }
}

static void found_nothing(struct azure_write_op *w)
{
    if (w->there)
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was deleted by someone else; nothing was written");
    else
        put_again(w);
}

static void unknown_outcome(struct azure_write_op *w, const char *why)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the connection was lost and it is not known whether it was saved (%s)"),
               why);
    azure_write_fail_with(w, PB_ENET, text.data);
    buf_release(&text);
}

static void found_out(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (e) {
        unknown_outcome(w, e->msg);
    } else if (r->status == 404) {
        found_nothing(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        unknown_outcome(w, error.msg);
    } else if (azure_object_from(&o, r, &error) != PB_OK) {
        azure_write_fail(w, &error);
    } else {
        found_object(w, &o);
        store_object_release(&o);
    }
}

static void find_out(struct azure_write_op *w, const struct error *why)
{
    w->why = *why;
    log_line("what became of it? %s", why->msg);
    look(w, found_out);
}

/* ------------------------------------------------------------------------------ before */

static void tags_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;
    struct error error = {0};
    enum pb_err err;

    if (e) {
        azure_write_fail(w, e);
        return;
    }
    if (r->status / 100 != 2) {
        err = cloud_answer_error(&w->request.q, r, &error);
        if (err == PB_EDENIED)
            (void)error_set(&error, PB_EDENIED,
                            "cannot save: it has tags, and saving would lose them, since these "
                            "credentials may not read them");
        azure_write_fail(w, &error);
        return;
    }
    if (azure_tagging_from(&w->tagging, &r->body, &error) != PB_OK)
        azure_write_fail(w, &error);
    else
        put(w);
}

static void ask_tags(struct azure_write_op *w)
{
    struct error error = {0};
    enum pb_err err = azure_write_begin(w, AZURE_TAGS, tags_answered, &error);

    buf_clear(&w->tagging);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "comp", "tags", &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        azure_write_fail(w, &error);
}

/* Something is there.  It must be what was read, or nothing is sent. */
static void is_there(struct azure_write_op *w)
{
    w->there = true;
    if (w->condition == STORE_IF_ABSENT ||
        (w->condition == STORE_IF_SAME && !store_identity_same(&w->identity, &w->before.identity)))
        azure_write_conflict(w);
    else if (w->before.read_only)
        azure_write_fail_with(w, PB_EREADONLY, w->before.read_only);
    else if (w->before.tags > 0)
        ask_tags(w);
    else
        put(w);
}

static void is_not_there(struct azure_write_op *w)
{
    w->there = false;
    if (w->condition == STORE_IF_SAME)
        azure_write_fail_with(w, PB_ECHANGED,
                              "it was deleted by someone else; nothing was written");
    else
        put(w);
}

static void looked_before(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;
    struct error error = {0};
    /* A signature that may only make new blobs may not look. */
    bool blind = !e && r->status == 403 && w->condition == STORE_IF_ABSENT;

    store_object_release(&w->before);
    if (e) {
        azure_write_fail(w, e);
    } else if (r->status == 404 || blind) {
        is_not_there(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        azure_write_fail(w, &error);
    } else if (azure_object_from(&w->before, r, &error) != PB_OK) {
        azure_write_fail(w, &error);
    } else {
        is_there(w);
    }
}

static void digested(void *ctx, const struct error *e)
{
    struct azure_write_op *w = ctx;

    if (e)
        azure_write_fail(w, e);
    else
        look(w, looked_before);
}

/* ------------------------------------------------------------------------------- start */

static enum pb_err copy_ranges(struct azure_write_op *w, const struct store_write_request *q,
                               struct error *e)
{
    struct store_range *copy;

    if (q->condition != STORE_IF_SAME || q->unchanged_count == 0)
        return PB_OK;
    copy = mem_alloc(q->unchanged_count * sizeof *copy);
    if (!copy)
        return error_nomem(e);
    memcpy(copy, q->unchanged, q->unchanged_count * sizeof *copy);
    w->unchanged = copy;
    w->unchanged_count = q->unchanged_count;
    return PB_OK;
}

static enum pb_err copy_request(struct azure_write_op *w, const struct store_write_request *q,
                                struct error *e)
{
    enum pb_err err = copy_ranges(w, q, e);

    w->where = mem_strdup(q->container);
    w->key = mem_strndup(q->key, q->key_len);
    w->key_len = q->key_len;
    if (err == PB_OK && (!w->where || !w->key))
        err = error_nomem(e);
    w->body = q->body;
    w->condition = q->condition;
    w->has_keep = q->keep != NULL;
    w->keep_as_given = q->keep_as_given;
    if (err == PB_OK && q->keep)
        err = store_object_copy(&w->keep, q->keep, e);
    if (err == PB_OK && q->identity)
        err = store_identity_copy(&w->identity, q->identity, e);
    return err;
}

static enum pb_err check(struct azure_write_op *w, const struct store_write_request *q,
                         struct error *e)
{
    if (q->condition == STORE_IF_SAME && !q->identity)
        return cloud_error(&w->request.q, PB_EUSAGE, "it is not known which version was read", e);
    if (q->body->size == SOURCE_SIZE_UNKNOWN)
        return cloud_error(&w->request.q, PB_EUSAGE, "its size is not known yet", e);
    return PB_OK;
}

struct store_op *azure_write(struct store *s, const struct store_write_request *q,
                             store_write_fn done, void *ctx, struct error *e)
{
    struct azure_write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&w->op, &write_class, s);
    buf_init(&w->tagging, BUF_MAX_LINE);
    w->done = done;
    w->ctx = ctx;
    err = copy_request(w, q, e);
    if (err == PB_OK)
        err = azure_write_begin(w, AZURE_PUT, azure_write_answered, e);
    if (err == PB_OK)
        err = check(w, q, e);
    if (err == PB_OK && w->body->size >= AZURE_BLOCKS_FROM)
        err = azure_blocks_new(w, &w->blocks, e);
    if (err == PB_OK)
        err = cloud_digest_start(&w->digest, CLOUD_MD5, s->loop, w->body, digested, w, e);
    if (err == PB_OK)
        return &w->op;
    write_free(w);
    return NULL;
}

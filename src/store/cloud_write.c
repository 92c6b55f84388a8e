#include "cloud_write.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "cloud_xml.h"

/* --------------------------------------------------------------------------- its life */

static void write_stop(struct store_op *op)
{
    cloud_write_free((struct cloud_write *)op);
}

static void write_progress(const struct store_op *op, struct http_progress *out)
{
    const struct cloud_write *w = (const struct cloud_write *)op;

    w->kind->progress(w, out);
}

static const struct store_op_class write_class = {.stop = write_stop, .progress = write_progress};

static enum pb_err copy_request(struct cloud_write *w, const struct store_write_request *q,
                                struct error *e)
{
    enum pb_err err = PB_OK;

    w->container = mem_strdup(q->container);
    w->key = mem_strndup(q->key, q->key_len);
    w->key_len = q->key_len;
    if (!w->container || !w->key)
        return error_nomem(e);
    w->body = q->body;
    w->size = q->body ? q->body->size : 0;
    w->condition = q->condition;
    w->has_keep = q->keep != NULL;
    w->keep_as_given = q->keep_as_given;
    if (q->keep)
        err = store_object_copy(&w->keep, q->keep, e);
    if (err == PB_OK && q->identity)
        err = store_identity_copy(&w->identity, q->identity, e);
    return err;
}

enum pb_err cloud_write_init(struct cloud_write *w, struct store *s,
                             const struct cloud_write_kind *kind, struct cloud_request *request,
                             const struct store_write_request *q, struct error *e)
{
    enum pb_err err;

    store_op_begin(&w->op, &write_class, s);
    buf_init(&w->tagging, BUF_MAX_LINE);
    buf_init(&w->tagging_xml, BUF_MAX_LINE);
    w->kind = kind;
    w->request = request;
    w->speaks_of = ((const struct cloud_store *)s)->kind->put;
    err = copy_request(w, q, e);
    if (err == PB_OK)
        err = cloud_write_begin(w, w->speaks_of, NULL, e); /* errors speak of it */
    if (err == PB_OK && q->condition == STORE_IF_SAME && !q->identity)
        return cloud_error(w->request, PB_EUSAGE, "it is not known which version was read", e);
    if (err == PB_OK && w->size == SOURCE_SIZE_UNKNOWN)
        return cloud_error(w->request, PB_EUSAGE, "its size is not known yet", e);
    return err;
}

void cloud_write_free(struct cloud_write *w)
{
    struct loop *l = w->op.store->loop;

    store_op_end(&w->op);
    loop_timer_stop(l, w->timer);
    loop_unpost(l, w);
    cloud_request_release(w->request);
    w->kind->release(w);
    cloud_digest_release(&w->digest);
    store_object_release(&w->keep);
    store_object_release(&w->before);
    store_identity_release(&w->identity);
    store_identity_release(&w->put);
    buf_release(&w->tagging);
    buf_release(&w->tagging_xml);
    free(w->container);
    free(w->key);
    free(w);
}

/* ------------------------------------------------------------------------------- ends */

void cloud_write_fail(struct cloud_write *w, const struct error *e)
{
    struct error copy = *e;
    store_write_fn done = w->done;
    void *ctx = w->ctx;

    cloud_write_free(w);
    done(ctx, NULL, false, &copy);
}

void cloud_write_fail_with(struct cloud_write *w, enum pb_err code, const char *why)
{
    struct error e = {0};

    (void)cloud_error(w->request, code, why, &e);
    cloud_write_fail(w, &e);
}

void cloud_write_fail_answer(struct cloud_write *w, const struct http_result *r)
{
    struct error e = {0};

    (void)cloud_answer_error(w->request, r, &e);
    cloud_write_fail(w, &e);
}

void cloud_write_conflict(struct cloud_write *w)
{
    if (w->condition == STORE_IF_ABSENT)
        cloud_write_fail_with(w, PB_EEXIST, "there is an object of that name already");
    else
        cloud_write_fail_with(w, PB_ECHANGED,
                              "it was changed by someone else; nothing was written");
}

void cloud_write_deleted(struct cloud_write *w)
{
    cloud_write_fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
}

void cloud_write_unknown(struct cloud_write *w, const char *why)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the connection was lost and it is not known whether it was saved (%s)"),
               why);
    cloud_write_fail_with(w, PB_ENET, text.data);
    buf_release(&text);
}

void cloud_write_saved(struct cloud_write *w, const struct store_identity *now, bool unchecked)
{
    store_write_fn done = w->done;
    struct store_identity copy;
    void *ctx = w->ctx;
    struct error e = {0};

    if (store_identity_copy(&copy, now, &e) != PB_OK) {
        cloud_write_fail(w, &e);
        return;
    }
    cloud_write_free(w);
    done(ctx, &copy, unchecked, NULL);
    store_identity_release(&copy);
}

void cloud_write_broken(struct cloud_write *w, const struct http_result *r, const struct error *e)
{
    if (r->maybe_sent && e->code == PB_ECANCELED)
        cloud_write_fail_with(w, PB_ECANCELED,
                              "cancelled while it was sent: it may have been saved");
    else if (r->maybe_sent)
        cloud_write_find_out(w, e);
    else
        cloud_write_fail(w, e);
}

/* --------------------------------------------------------------------------- requests */

enum pb_err cloud_write_begin(struct cloud_write *w, unsigned action, cloud_answer_fn done,
                              struct error *e)
{
    enum pb_err err;

    cloud_request_release(w->request);
    err = cloud_request_init(w->request, w->op.store, action, w->container, w->key, w->key_len, e);
    w->request->speaks_of = w->speaks_of;
    w->request->done = done;
    w->request->ctx = w;
    return err;
}

static void look(struct cloud_write *w, bool before, cloud_answer_fn done)
{
    struct error error = {0};
    enum pb_err err = cloud_write_begin(w, w->request->store->kind->head, done, &error);

    if (err == PB_OK && before && w->kind->look)
        err = w->kind->look(w, &error);
    if (err == PB_OK)
        err = cloud_request_send(w->request, &error);
    if (err != PB_OK)
        cloud_write_fail(w, &error);
}

void cloud_write_look(struct cloud_write *w, cloud_answer_fn done)
{
    look(w, false, done);
}

void cloud_write_wait(struct cloud_write *w, unsigned times, loop_fn fn)
{
    uint64_t ms = (uint64_t)CLOUD_WAIT_MS << (times > 5 ? 5 : times);
    struct error e = {0};

    w->timer = loop_timer_start(w->op.store->loop, ms, fn, w);
    if (w->timer == 0) {
        (void)error_nomem(&e);
        cloud_write_fail(w, &e);
    }
}

void cloud_write_take_identity(struct cloud_write *w, const struct http_result *r, const char *etag,
                               const char *version_header)
{
    const char *version = http_headers_get(&r->headers, version_header);

    store_identity_release(&w->put);
    w->put.size = w->size;
    /* Without memory for these the comparison that follows just knows less. */
    w->put.etag = etag && *etag ? mem_strdup(etag) : NULL;
    w->put.version_id = version && *version ? mem_strdup(version) : NULL;
}

const struct http_headers *cloud_write_properties(const struct cloud_write *w)
{
    bool same = w->condition == STORE_IF_SAME && !w->keep_as_given;

    return same || !w->has_keep ? &w->before.keep : &w->keep.keep;
}

/* ----------------------------------------------------------------------------- before */

static const struct cloud_tagging *tagging_of(const struct cloud_write *w)
{
    return ((const struct cloud_store *)w->op.store)->kind->tagging;
}

static enum pb_err take_tags(struct cloud_write *w, const struct http_result *r, struct error *e)
{
    enum pb_err err;

    if (r->status / 100 != 2) {
        err = cloud_answer_error(w->request, r, e);
        if (err == PB_EDENIED)
            (void)error_set(e, PB_EDENIED,
                            "cannot save: it has tags, and saving would lose them, since these "
                            "credentials may not read them (needs %s)",
                            w->request->store->kind->actions[tagging_of(w)->action].needs);
        return err;
    }
    err = cloud_tags_query(&w->tagging, &r->body, tagging_of(w)->root, e);
    buf_append(&w->tagging_xml, r->body.data, r->body.len);
    return err == PB_OK ? buf_status(&w->tagging_xml, e) : err;
}

/* Of the request that was begun. */
static enum pb_err ask_tags(struct cloud_write *w, struct error *e)
{
    enum pb_err err;

    buf_clear(&w->tagging);
    buf_clear(&w->tagging_xml);
    err = cloud_param(w->request, tagging_of(w)->param, tagging_of(w)->value, e);
    return err == PB_OK ? cloud_request_send(w->request, e) : err;
}

static void tags_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_write *w = ctx;
    struct error error = {0};

    if (e)
        cloud_write_fail(w, e);
    else if (take_tags(w, r, &error) != PB_OK)
        cloud_write_fail(w, &error);
    else if (w->kind->keeps_tags)
        w->kind->send(w);
    else
        cloud_write_look_before(w); /* they were those of what is copied */
}

static void read_tags(struct cloud_write *w)
{
    struct error error = {0};
    enum pb_err err = cloud_write_begin(w, tagging_of(w)->action, tags_answered, &error);

    if (err == PB_OK)
        err = ask_tags(w, &error);
    if (err != PB_OK)
        cloud_write_fail(w, &error);
}

enum pb_err cloud_write_read_tags(struct cloud_write *w, const char *container, const char *key,
                                  size_t key_len, const char *version_id, struct error *e)
{
    enum pb_err err;

    cloud_request_release(w->request);
    err = cloud_request_init(w->request, w->op.store, tagging_of(w)->action, container, key,
                             key_len, e);
    w->request->done = tags_answered;
    w->request->ctx = w;
    if (err == PB_OK)
        err = cloud_version(w->request, version_id, e);
    return err == PB_OK ? ask_tags(w, e) : err;
}

static enum pb_err check(const struct cloud_write *w, struct error *e)
{
    if (w->before.read_only)
        return cloud_error(w->request, PB_EREADONLY, w->before.read_only, e);
    return w->kind->check ? w->kind->check(w, e) : PB_OK;
}

/* Something is there.  It must be what was read, or nothing is sent. */
static void is_there(struct cloud_write *w)
{
    struct error error = {0};

    w->there = true;
    if (w->condition == STORE_IF_ABSENT ||
        (w->condition == STORE_IF_SAME && !store_identity_same(&w->identity, &w->before.identity)))
        cloud_write_conflict(w);
    else if (check(w, &error) != PB_OK)
        cloud_write_fail(w, &error);
    else if (w->before.tags > 0 && w->kind->keeps_tags)
        read_tags(w);
    else
        w->kind->send(w);
}

static void is_not_there(struct cloud_write *w)
{
    w->there = false;
    if (w->condition == STORE_IF_SAME)
        cloud_write_deleted(w);
    else
        w->kind->send(w);
}

static void looked_before(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_write *w = ctx;
    struct error error = {0};

    store_object_release(&w->before);
    if (e)
        cloud_write_fail(w, e);
    else if (w->kind->look_again && w->kind->look_again(w, r))
        cloud_write_look_before(w);
    else if (r->status / 100 != 2 && w->kind->absent(w, r))
        is_not_there(w);
    else if (r->status / 100 != 2)
        cloud_write_fail_answer(w, r);
    else if (w->request->store->kind->object_from(&w->before, r, &error) != PB_OK)
        cloud_write_fail(w, &error);
    else
        is_there(w);
}

void cloud_write_look_before(struct cloud_write *w)
{
    look(w, true, looked_before);
}

static void digested(void *ctx, const struct error *e)
{
    struct cloud_write *w = ctx;

    if (e)
        cloud_write_fail(w, e);
    else
        cloud_write_look_before(w);
}

static void look_first(void *ctx)
{
    cloud_write_look_before(ctx);
}

enum pb_err cloud_write_start(struct cloud_write *w, unsigned checks, struct error *e)
{
    struct loop *l = w->op.store->loop;

    if (checks == 0)
        return loop_post(l, look_first, w, e);
    return cloud_digest_start(&w->digest, checks, l, w->body, digested, w, e);
}

/* -------------------------------------------------------------------------- afterwards */

static void looked_after(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_write *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (!e && r->status == 404) {
        cloud_write_fail_with(w, PB_ECHANGED,
                              "it was saved, but someone else deleted it in the same moment");
    } else if (e || r->status / 100 != 2) {
        /* The server said that it was saved; only looking is not possible. */
        log_line("saved, but it cannot be looked at");
        w->kind->saved(w, &w->put);
    } else if (w->request->store->kind->object_from(&o, r, &error) != PB_OK) {
        cloud_write_fail(w, &error);
    } else {
        w->kind->compare(w, &o);
        store_object_release(&o);
    }
}

void cloud_write_look_after(struct cloud_write *w)
{
    cloud_write_look(w, looked_after);
}

/* --------------------------------------------------------------- what became of it? */

static void found_out(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_write *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (e) {
        cloud_write_unknown(w, e->msg);
    } else if (r->status == 404) {
        w->kind->found_nothing(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(w->request, r, &error);
        cloud_write_unknown(w, error.msg);
    } else if (w->request->store->kind->object_from(&o, r, &error) != PB_OK) {
        cloud_write_fail(w, &error);
    } else {
        w->kind->found(w, &o);
        store_object_release(&o);
    }
}

void cloud_write_find_out(struct cloud_write *w, const struct error *why)
{
    w->why = *why;
    log_line("what became of it? %s", why->msg);
    cloud_write_look(w, found_out);
}

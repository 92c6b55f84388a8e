/*
 * HEAD and GET.
 *
 * A read belongs to one version of the object: If-Match asks for it and the ETag of every answer is
 * compared as well.  A transfer that breaks off is continued where it was, from the same version.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "s3_read.h"

/* Broken transfers in a row that brought nothing. */
#define FRUITLESS_MAX 3

/* ------------------------------------------------------------------------------- HEAD */

struct head_op {
    struct store_op op; /* first */
    struct s3_request request;
    store_head_fn done;
    void *ctx;
};

static void head_free(struct head_op *h)
{
    store_op_end(&h->op);
    cloud_request_release(&h->request.q);
    free(h);
}

static void head_stop(struct store_op *op)
{
    head_free((struct head_op *)op);
}

static const struct store_op_class head_class = {.stop = head_stop};

static void head_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct head_op *h = ctx;
    store_head_fn done = h->done;
    void *done_ctx = h->ctx;
    struct store_object o;
    struct error error = {0};
    enum pb_err err = PB_OK;

    store_object_init(&o);
    if (e) {
        error = *e;
        err = e->code;
    } else if (r->status / 100 != 2) {
        err = cloud_answer_error(&h->request.q, r, &error);
    } else {
        err = s3_object_from(&o, r, &error);
    }
    head_free(h);
    done(done_ctx, err == PB_OK ? &o : NULL, err == PB_OK ? NULL : &error);
    store_object_release(&o);
}

struct store_op *s3_head(struct store *s, const char *container, const char *key, size_t key_len,
                         const char *version_id, store_head_fn done, void *ctx, struct error *e)
{
    struct head_op *h = mem_alloc(sizeof *h);
    enum pb_err err;

    if (!h) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&h->op, &head_class, s);
    h->done = done;
    h->ctx = ctx;
    err = cloud_request_init(&h->request.q, s, S3_HEAD, container, key, key_len, e);
    h->request.q.done = head_answered;
    h->request.q.ctx = h;
    if (err == PB_OK && version_id)
        err = cloud_param(&h->request.q, "versionId", version_id, e);
    if (err == PB_OK)
        err = cloud_request_send(&h->request.q, e);
    if (err == PB_OK)
        return &h->op;
    head_free(h);
    return NULL;
}

/* -------------------------------------------------------------------------------- GET */

struct read_op {
    struct store_op op; /* first */
    struct s3_request request;
    char *version_id;
    struct store_identity expect; /* what must be read; after the first answer: what is read */
    bool expected, plain;         /* plain: without If-Match, comparing the answer is enough */
    uint64_t offset, length;      /* as asked for; length 0: to the end */
    uint64_t given;               /* bytes that went into the sink */
    uint64_t skip;                /* of this answer: bytes before those that are wanted */
    unsigned fruitless;
    uint64_t given_before; /* when the running request was sent */
    bool begun;
    bool part; /* the last answer is a part */
    struct store_object object;
    enum pb_err (*begin)(void *ctx, const struct store_object *o, struct error *e);
    struct sink to;
    store_read_fn done;
    void *ctx;
};

static void read_free(struct read_op *r)
{
    store_op_end(&r->op);
    cloud_request_release(&r->request.q);
    store_identity_release(&r->expect);
    store_object_release(&r->object);
    free(r->version_id);
    free(r);
}

static void read_stop(struct store_op *op)
{
    read_free((struct read_op *)op);
}

static void read_resume(struct store_op *op)
{
    struct read_op *r = (struct read_op *)op;

    if (r->request.q.call)
        http_resume(r->request.q.call);
}

static void read_progress(const struct store_op *op, struct http_progress *out)
{
    const struct read_op *r = (const struct read_op *)op;

    if (r->request.q.call)
        http_progress(r->request.q.call, out);
    out->received = r->given;
    out->receive_total = r->length;
    if (r->begun && (r->length == 0 || r->length > r->object.identity.size - r->offset))
        out->receive_total = r->object.identity.size - r->offset;
}

static const struct store_op_class read_class = {
    .stop = read_stop, .resume = read_resume, .progress = read_progress};

/* Takes the operation with it. */
static void read_finish(struct read_op *r, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct store_object o = r->object;
    store_read_fn done = r->done;
    void *ctx = r->ctx;

    store_object_init(&r->object);
    read_free(r);
    done(ctx, e ? NULL : &o, e ? &error : NULL);
    store_object_release(&o);
}

static enum pb_err changed(struct read_op *r, struct error *e)
{
    return cloud_error(&r->request.q, PB_ECHANGED, "it was changed by someone else meanwhile", e);
}

/* The first answer says what is read; each later one must be of the same version. */
static enum pb_err take_object(struct read_op *r, const struct http_result *a, struct error *e)
{
    struct store_object o;
    enum pb_err err = s3_object_from(&o, a, e);
    bool same;

    if (err != PB_OK)
        return err;
    same = !r->expected || store_identity_same(&r->expect, &o.identity);
    if (!same || r->begun) {
        store_object_release(&o);
        return same ? PB_OK : changed(r, e);
    }
    if (r->offset > o.identity.size) {
        store_object_release(&o);
        return cloud_error(&r->request.q, PB_ECHANGED, "it is shorter than expected", e);
    }
    r->object = o;
    store_identity_release(&r->expect);
    err = store_identity_copy(&r->expect, &o.identity, e);
    if (err != PB_OK)
        return err;
    r->expected = r->begun = true;
    return r->begin ? r->begin(r->ctx, &r->object, e) : PB_OK;
}

static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    struct read_op *r = ctx;
    const char *range = http_headers_get(&a->headers, "Content-Range");
    uint64_t first = 0, want = r->offset + r->given;
    size_t n;

    r->part = a->status == 206;
    if (r->part) {
        n = range && strncmp(range, "bytes ", 6) == 0 ? strcspn(range + 6, "-") : 0;
        if (!n || !num_parse_u64(range + 6, n, &first) || first > want)
            return cloud_error(&r->request.q, PB_ESERVER, "the server sent another part of it", e);
    }
    /* 200: a server that knows no ranges sends all of it. */
    r->skip = want - first;
    return take_object(r, a, e);
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    struct read_op *r = ctx;
    const char *at = p;
    size_t before = r->skip < n ? (size_t)r->skip : n;
    uint64_t left = r->length ? r->length - r->given : UINT64_MAX;
    size_t use = n - before;
    enum pb_err err = PB_OK;

    if (use > left)
        use = (size_t)left;
    if (use > 0)
        err = sink_write(&r->to, at + before, use, e);
    if (err == PB_OK) { /* else, after PB_EAGAIN, the same bytes come again */
        r->skip -= before;
        r->given += use;
    }
    return err;
}

static enum pb_err add_range(struct read_op *r, struct error *e)
{
    uint64_t first = r->offset + r->given, last = 0;
    struct buf value;
    enum pb_err err;

    if (first == 0 && r->length == 0)
        return PB_OK;
    if (r->length && !num_add(r->offset, r->length - 1, &last))
        return error_set(e, PB_EUSAGE, "the range to read goes beyond every size");
    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "bytes=%llu-", (unsigned long long)first);
    if (r->length)
        buf_printf(&value, "%llu", (unsigned long long)last);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = cloud_header(&r->request.q, "Range", value.data, e);
    buf_release(&value);
    return err;
}

static enum pb_err read_send(struct read_op *r, struct error *e)
{
    enum pb_err err;

    http_headers_clear(&r->request.q.headers);
    r->given_before = r->given;
    err = add_range(r, e);
    if (err == PB_OK && r->expected && r->expect.etag && !r->plain)
        err = cloud_header(&r->request.q, "If-Match", r->expect.etag, e);
    return err == PB_OK ? cloud_request_send(&r->request.q, e) : err;
}

static bool complete(const struct read_op *r)
{
    uint64_t all = r->object.identity.size - r->offset;

    return r->given == (r->length && r->length < all ? r->length : all);
}

static bool may_continue(struct read_op *r, const struct error *e)
{
    if (!r->begun || !r->expect.etag || (e->code != PB_ENET && e->code != PB_ETIMEOUT))
        return false;
    r->fruitless = r->given > r->given_before ? 0 : r->fruitless + 1;
    return r->fruitless < FRUITLESS_MAX;
}

static enum pb_err judge(struct read_op *r, const struct http_result *a, bool *more,
                         struct error *e)
{
    enum pb_err err;

    *more = false;
    if (a->status == 412 && r->expected && !r->plain) {
        /* Changed, or a server that matches ETags in another spelling: compare its answer. */
        r->plain = *more = true;
        return PB_OK;
    }
    if (a->status / 100 != 2) {
        err = cloud_answer_error(&r->request.q, a, e);
        if (err == PB_ENOTFOUND && r->begun)
            return changed(r, e);
        return err;
    }
    if (!r->begun)
        return cloud_error(&r->request.q, PB_ESERVER, "the server's answer makes no sense", e);
    if (!complete(r))
        return cloud_error(&r->request.q, PB_ENET, "the server sent less than it announced", e);
    return PB_OK;
}

static void read_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *r = ctx;
    struct error error = {0};
    enum pb_err err;
    bool more;

    if (e) {
        error = *e;
        err = e->code;
        more = may_continue(r, e);
        if (more)
            log_line("the transfer broke off after %llu bytes and is continued",
                     (unsigned long long)r->given);
    } else {
        err = judge(r, a, &more, &error);
    }
    if (more) {
        err = read_send(r, &error);
        if (err == PB_OK)
            return;
    }
    read_finish(r, err == PB_OK ? NULL : &error);
}

static enum pb_err copy_request(struct read_op *r, const struct store_read_request *q,
                                struct error *e)
{
    r->offset = q->offset;
    r->length = q->length;
    r->begin = q->begin;
    r->to = q->to;
    if (q->version_id && !(r->version_id = mem_strdup(q->version_id)))
        return error_nomem(e);
    r->expected = q->expect != NULL;
    return q->expect ? store_identity_copy(&r->expect, q->expect, e) : PB_OK;
}

bool s3_read_is_part(const struct store_op *op)
{
    return ((const struct read_op *)op)->part;
}

void s3_read_to_the_end(struct store_op *op)
{
    ((struct read_op *)op)->length = 0;
}

struct store_op *s3_read_one(struct store *s, const struct store_read_request *q,
                             store_read_fn done, void *ctx, struct error *e)
{
    struct read_op *r = mem_alloc(sizeof *r);
    enum pb_err err;

    if (!r) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&r->op, &read_class, s);
    store_object_init(&r->object);
    r->done = done;
    r->ctx = ctx;
    err = cloud_request_init(&r->request.q, s, S3_GET, q->container, q->key, q->key_len, e);
    r->request.q.on_head = on_head;
    r->request.q.on_body = on_body;
    r->request.q.done = read_answered;
    r->request.q.ctx = r;
    if (err == PB_OK)
        err = copy_request(r, q, e);
    if (err == PB_OK && r->version_id)
        err = cloud_param(&r->request.q, "versionId", r->version_id, e);
    if (err == PB_OK)
        err = read_send(r, e);
    if (err == PB_OK)
        return &r->op;
    read_free(r);
    return NULL;
}

/*
 * HEAD and GET.
 *
 * A read belongs to one version of the object: If-Match asks for it and the ETag of every answer is
 * compared as well.  A transfer that breaks off is continued where it was, from the same version.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud_read.h"

/* ------------------------------------------------------------------------------- HEAD */

struct head_op {
    struct store_op op; /* first */
    struct cloud_request *request;
    bool versioned, deeper; /* a version is asked for; where else it may be, too */
    store_head_fn done;
    void *ctx;
};

static void head_free(struct head_op *h)
{
    store_op_end(&h->op);
    cloud_request_free(h->request);
    free(h);
}

static void head_stop(struct store_op *op)
{
    head_free((struct head_op *)op);
}

static const struct store_op_class head_class = {.stop = head_stop};

static bool look_deeper(struct head_op *h, const struct http_result *r)
{
    const struct cloud_kind *k = h->request->store->kind;

    if (r->status != 404 || !h->versioned || h->deeper || !k->deeper)
        return false;
    h->deeper = true;
    return k->deeper(h->request, NULL) == PB_OK && cloud_request_send(h->request, NULL) == PB_OK;
}

static void head_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct head_op *h = ctx;
    store_head_fn done = h->done;
    void *done_ctx = h->ctx;
    struct store_object o;
    struct error error = {0};
    enum pb_err err = PB_OK;

    if (!e && look_deeper(h, r))
        return;
    store_object_init(&o);
    if (e) {
        error = *e;
        err = e->code;
    } else if (h->deeper && r->status / 100 == 4) {
        err = cloud_error(h->request, PB_ENOTFOUND, "there is no such version of it", &error);
    } else if (r->status / 100 != 2) {
        err = cloud_answer_error(h->request, r, &error);
    } else {
        err = h->request->store->kind->object_from(&o, r, &error);
    }
    head_free(h);
    done(done_ctx, err == PB_OK ? &o : NULL, err == PB_OK ? NULL : &error);
    store_object_release(&o);
}

struct store_op *cloud_head(struct store *s, const char *container, const char *key, size_t key_len,
                            const char *version_id, store_head_fn done, void *ctx, struct error *e)
{
    struct head_op *h = mem_alloc(sizeof *h);
    enum pb_err err;

    if (!h) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&h->op, &head_class, s);
    h->versioned = version_id != NULL;
    h->done = done;
    h->ctx = ctx;
    err = cloud_request_new(&h->request, s, ((struct cloud_store *)s)->kind->head, container, key,
                            key_len, e);
    if (err == PB_OK) {
        h->request->done = head_answered;
        h->request->ctx = h;
        err = cloud_version(h->request, version_id, e);
    }
    if (err == PB_OK)
        err = cloud_request_send(h->request, e);
    if (err == PB_OK)
        return &h->op;
    head_free(h);
    return NULL;
}

/* -------------------------------------------------------------------------------- GET */

struct read_op {
    struct cloud_reading r; /* first */
    bool plain;             /* without If-Match, comparing the answer is enough */
};

/* The first answer says what is read; each later one must be of the same version. */
static enum pb_err take_object(struct read_op *o, const struct http_result *a, struct error *e)
{
    struct cloud_reading *r = &o->r;
    struct store_object now;
    enum pb_err err = r->request->store->kind->object_from(&now, a, e);
    bool same;

    if (err != PB_OK)
        return err;
    if (!r->begun)
        return cloud_reading_begin(r, &now, e);
    same = store_identity_same(&r->expect, &now.identity);
    store_object_release(&now);
    return same ? PB_OK : cloud_reading_changed(r, e);
}

static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    struct read_op *o = ctx;

    if (!cloud_transfer_head(&o->r.transfer, a))
        return cloud_error(o->r.request, PB_ESERVER, "the server sent another part of it", e);
    return take_object(o, a, e);
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    return cloud_transfer_take(&((struct read_op *)ctx)->r.transfer, p, n, e);
}

static enum pb_err read_send(struct read_op *o, struct error *e)
{
    struct cloud_reading *r = &o->r;
    enum pb_err err;

    http_headers_clear(&r->request->headers);
    err = cloud_transfer_ask(&r->transfer, r->request, e);
    if (err == PB_OK && r->expected && r->expect.etag && !o->plain)
        err = cloud_header(r->request, "If-Match", r->expect.etag, e);
    return err == PB_OK ? cloud_request_send(r->request, e) : err;
}

static enum pb_err judge(struct read_op *o, const struct http_result *a, bool *more,
                         struct error *e)
{
    const struct cloud_reading *r = &o->r;
    enum pb_err err;

    *more = false;
    if (a->status == 412 && r->expected && !o->plain) {
        /* Changed, or a server that matches ETags in another spelling: compare its answer. */
        o->plain = *more = true;
        return PB_OK;
    }
    if (a->status / 100 != 2) {
        err = cloud_answer_error(r->request, a, e);
        return err == PB_ENOTFOUND && r->begun ? cloud_reading_changed(r, e) : err;
    }
    if (!r->begun)
        return cloud_error(r->request, PB_ESERVER, "the server's answer makes no sense", e);
    if (r->transfer.given != cloud_reading_wanted(r))
        return cloud_error(r->request, PB_ENET, "the server sent less than it announced", e);
    return PB_OK;
}

static void read_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *o = ctx;
    struct error error = {0};
    enum pb_err err;
    bool more;

    if (e) {
        error = *e;
        err = e->code;
        more = o->r.begun && o->r.expect.etag && cloud_transfer_goes_on(&o->r.transfer, e);
    } else {
        err = judge(o, a, &more, &error);
    }
    if (more) {
        err = read_send(o, &error);
        if (err == PB_OK)
            return;
    }
    cloud_reading_finish(&o->r, err == PB_OK ? NULL : &error);
}

bool cloud_read_is_part(const struct store_op *op)
{
    return ((const struct cloud_reading *)op)->transfer.part;
}

void cloud_read_to_the_end(struct store_op *op)
{
    ((struct cloud_reading *)op)->transfer.length = 0;
}

struct store_op *cloud_read_one(struct store *s, const struct store_read_request *q,
                                store_read_fn done, void *ctx, struct error *e)
{
    struct cloud_reading *r;
    enum pb_err err = cloud_reading_new(&r, sizeof(struct read_op), s, q, done, ctx, e);

    if (err == PB_OK) {
        r->request->on_head = on_head;
        r->request->on_body = on_body;
        r->request->done = read_answered;
        r->request->ctx = r;
        err = cloud_version(r->request, r->version_id, e);
    }
    if (err == PB_OK)
        err = read_send((struct read_op *)r, e);
    if (err == PB_OK)
        return &r->op;
    cloud_reading_free(r);
    return NULL;
}

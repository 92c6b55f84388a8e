/*
 * DELETE, under the condition of what was read.  It may be sent again: what was gone at the second
 * time was removed the first time.
 */
#include <stdlib.h>
#include <string.h>

#include "azure.h"

struct remove_op {
    struct store_op op; /* first */
    struct azure_request request;
    store_remove_fn done;
    void *ctx;
};

static void remove_free(struct remove_op *d)
{
    store_op_end(&d->op);
    cloud_request_release(&d->request.q);
    free(d);
}

static void remove_stop(struct store_op *op)
{
    remove_free((struct remove_op *)op);
}

static const struct store_op_class remove_class = {.stop = remove_stop};

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct remove_op *d = ctx;
    store_remove_fn done = d->done;
    void *done_ctx = d->ctx;
    struct error error = {0};

    if (e)
        error = *e;
    else if (r->status / 100 != 2 && !(r->status == 404 && r->attempts > 1))
        (void)cloud_answer_error(&d->request.q, r, &error);
    remove_free(d);
    done(done_ctx, NULL, error.code != PB_OK ? &error : NULL);
}

struct store_op *azure_remove(struct store *s, const struct store_remove_request *r,
                              store_remove_fn done, void *ctx, struct error *e)
{
    struct remove_op *d = mem_alloc(sizeof *d);
    const struct store_identity *id = r->identity;
    enum pb_err err;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &remove_class, s);
    d->done = done;
    d->ctx = ctx;
    err = cloud_request_init(&d->request.q, s, AZURE_DELETE, r->container, r->key, r->key_len, e);
    d->request.q.done = answered;
    d->request.q.ctx = d;
    if (err == PB_OK)
        err = cloud_version(&d->request.q, r->version_id, e);
    if (err == PB_OK && id && id->etag)
        err = cloud_header(&d->request.q, "If-Match", id->etag, e);
    if (err == PB_OK)
        err = cloud_request_send(&d->request.q, e);
    if (err == PB_OK)
        return &d->op;
    remove_free(d);
    return NULL;
}

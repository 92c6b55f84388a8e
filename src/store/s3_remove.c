/*
 * DELETE, held against a HEAD before it.  It may be sent again: what is gone stays gone, and a
 * second delete marker says the same as the first.
 */
#include <stdlib.h>
#include <string.h>

#include "s3.h"

struct remove_op {
    struct store_op op;        /* first */
    struct s3_request request; /* the one that runs */
    char *bucket, *key, *version_id;
    size_t key_len;
    struct store_identity identity;
    store_remove_fn done;
    void *ctx;
};

static void remove_free(struct remove_op *d)
{
    store_op_end(&d->op);
    cloud_request_release(&d->request.q);
    store_identity_release(&d->identity);
    free(d->bucket);
    free(d->key);
    free(d->version_id);
    free(d);
}

static void remove_stop(struct store_op *op)
{
    remove_free((struct remove_op *)op);
}

static const struct store_op_class remove_class = {.stop = remove_stop};

/* Takes the operation with it. */
static void finish(struct remove_op *d, const char *marker, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    char *copy = marker ? mem_strdup(marker) : NULL;
    store_remove_fn done = d->done;
    void *ctx = d->ctx;

    remove_free(d);
    done(ctx, copy, e ? &error : NULL);
    free(copy);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct remove_op *d = ctx;
    const char *marker = http_headers_get(&r->headers, "x-amz-delete-marker");
    const char *version = http_headers_get(&r->headers, "x-amz-version-id");
    struct error error = {0};

    if (e) {
        finish(d, NULL, e);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&d->request.q, r, &error);
        finish(d, NULL, &error);
    } else if (marker && strcmp(marker, "true") == 0 && !d->version_id) {
        finish(d, version ? version : "", NULL);
    } else {
        finish(d, NULL, NULL);
    }
}

static enum pb_err begin(struct remove_op *d, enum s3_action action,
                         void (*done)(void *ctx, const struct http_result *r,
                                      const struct error *e),
                         struct error *e)
{
    enum pb_err err;

    cloud_request_release(&d->request.q);
    err = cloud_request_init(&d->request.q, d->op.store, action, d->bucket, d->key, d->key_len, e);
    d->request.q.speaks_of = S3_DELETE;
    d->request.q.done = done;
    d->request.q.ctx = d;
    if (err == PB_OK && d->version_id)
        err = cloud_param(&d->request.q, "versionId", d->version_id, e);
    return err == PB_OK ? cloud_request_send(&d->request.q, e) : err;
}

static void looked(void *ctx, const struct http_result *r, const struct error *e)
{
    struct remove_op *d = ctx;
    struct store_object now;
    struct error error = {0};

    store_object_init(&now);
    if (e)
        error = *e;
    else if (r->status / 100 != 2)
        (void)cloud_answer_error(&d->request.q, r, &error);
    else if (s3_object_from(&now, r, &error) == PB_OK &&
             !store_identity_same(&d->identity, &now.identity))
        (void)cloud_error(&d->request.q, PB_ECHANGED, "it was changed by someone else", &error);
    store_object_release(&now);
    if (error.code == PB_OK && begin(d, S3_DELETE, answered, &error) == PB_OK)
        return;
    finish(d, NULL, &error);
}

static enum pb_err copy(struct remove_op *d, const struct store_remove_request *r, struct error *e)
{
    d->bucket = mem_strdup(r->container);
    d->key = mem_strndup(r->key, r->key_len);
    d->key_len = r->key_len;
    if (r->version_id)
        d->version_id = mem_strdup(r->version_id);
    if (!d->bucket || !d->key || (r->version_id && !d->version_id))
        return error_nomem(e);
    return r->identity ? store_identity_copy(&d->identity, r->identity, e) : PB_OK;
}

struct store_op *s3_remove(struct store *s, const struct store_remove_request *r,
                           store_remove_fn done, void *ctx, struct error *e)
{
    struct remove_op *d = mem_alloc(sizeof *d);
    enum pb_err err;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &remove_class, s);
    d->done = done;
    d->ctx = ctx;
    err = copy(d, r, e);
    if (err == PB_OK)
        err = r->identity ? begin(d, S3_HEAD, looked, e) : begin(d, S3_DELETE, answered, e);
    if (err == PB_OK)
        return &d->op;
    remove_free(d);
    return NULL;
}

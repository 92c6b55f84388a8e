/*
 * DELETE, held to what was read: by the service where it has a condition for that, else by a look
 * before it.  It may be sent again: what is gone stays gone, a second delete marker says the same
 * as the first, and what a condition does not find the second time was removed the first time.
 */
#include <stdlib.h>

#include "cloud.h"

struct remove_op {
    struct store_op op;            /* first */
    struct cloud_request *request; /* the one that runs */
    char *container, *key, *version_id;
    size_t key_len;
    struct store_identity identity;
    char seen[CLOUD_SEEN]; /* by the look before it; "": nothing that it can be held to */
    store_remove_fn done;
    void *ctx;
};

static const struct cloud_kind *kind_of(const struct remove_op *d)
{
    return ((const struct cloud_store *)d->op.store)->kind;
}

static void remove_free(struct remove_op *d)
{
    store_op_end(&d->op);
    cloud_request_free(d->request);
    store_identity_release(&d->identity);
    free(d->container);
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

static enum pb_err begin(struct remove_op *d, unsigned action, cloud_answer_fn done,
                         struct error *e);

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct remove_op *d = ctx;
    const struct cloud_kind *k = kind_of(d);
    bool gone = !e && (k->hold || *d->seen) && r->status == 404 && r->attempts > 1;
    struct error error = {0};

    if (e) {
        finish(d, NULL, e);
    } else if (*d->seen && (r->status == 400 || r->status == 403)) {
        *d->seen = '\0'; /* such a condition is not known there */
        if (begin(d, k->remove, answered, &error) != PB_OK)
            finish(d, NULL, &error);
    } else if (r->status / 100 != 2 && !gone) {
        (void)cloud_answer_error(d->request, r, &error);
        finish(d, NULL, &error);
    } else {
        finish(d, k->marker && !d->version_id ? k->marker(r) : NULL, NULL);
    }
}

static enum pb_err begin(struct remove_op *d, unsigned action, cloud_answer_fn done,
                         struct error *e)
{
    const struct cloud_kind *k = kind_of(d);
    enum pb_err err;

    cloud_request_free(d->request);
    err = cloud_request_new(&d->request, d->op.store, action, d->container, d->key, d->key_len, e);
    if (err != PB_OK)
        return err;
    d->request->speaks_of = k->remove;
    d->request->done = done;
    d->request->ctx = d;
    err = cloud_version(d->request, d->version_id, e);
    if (err == PB_OK && action == k->remove && k->hold && d->identity.etag)
        err = k->hold(d->request, &d->identity, e);
    if (err == PB_OK && action == k->remove && *d->seen)
        err = k->hold_seen(d->request, d->seen, e);
    return err == PB_OK ? cloud_request_send(d->request, e) : err;
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
        (void)cloud_answer_error(d->request, r, &error);
    else if (kind_of(d)->object_from(&now, r, &error) == PB_OK &&
             !store_identity_same(&d->identity, &now.identity))
        (void)cloud_error(d->request, PB_ECHANGED, "it was changed by someone else", &error);
    store_object_release(&now);
    if (error.code == PB_OK && kind_of(d)->seen && !d->version_id)
        kind_of(d)->seen(d->request, r, d->seen);
    if (error.code == PB_OK && begin(d, kind_of(d)->remove, answered, &error) == PB_OK)
        return;
    finish(d, NULL, &error);
}

static enum pb_err copy(struct remove_op *d, const struct store_remove_request *r, struct error *e)
{
    d->container = mem_strdup(r->container);
    d->key = mem_strndup(r->key, r->key_len);
    d->key_len = r->key_len;
    if (r->version_id)
        d->version_id = mem_strdup(r->version_id);
    if (!d->container || !d->key || (r->version_id && !d->version_id))
        return error_nomem(e);
    return r->identity ? store_identity_copy(&d->identity, r->identity, e) : PB_OK;
}

struct store_op *cloud_remove(struct store *s, const struct store_remove_request *r,
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
    if (err == PB_OK && r->identity && !kind_of(d)->hold)
        err = begin(d, kind_of(d)->head, looked, e);
    else if (err == PB_OK)
        err = begin(d, kind_of(d)->remove, answered, e);
    if (err == PB_OK)
        return &d->op;
    remove_free(d);
    return NULL;
}

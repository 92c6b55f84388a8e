/*
 * What is known of an object beyond its properties: tags, who may do what.  Each is asked for by
 * itself; what may not be read says so in its place.
 */
#include <stdlib.h>

#include <pklbrowse/intl.h>

#include "cloud.h"

struct details_op {
    struct store_op op;              /* first */
    struct cloud_request *request;   /* the one that runs */
    const struct cloud_detail *part; /* what it asks for */
    char *container, *key, *version_id;
    size_t key_len;
    struct http_headers rows;
    store_details_fn done;
    void *ctx;
};

static void details_free(struct details_op *d)
{
    store_op_end(&d->op);
    cloud_request_free(d->request);
    http_headers_release(&d->rows);
    free(d->container);
    free(d->key);
    free(d->version_id);
    free(d);
}

static void details_stop(struct store_op *op)
{
    details_free((struct details_op *)op);
}

static const struct store_op_class details_class = {.stop = details_stop};

/* Takes the operation with it. */
static void finish(struct details_op *d, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct http_headers rows = d->rows;
    store_details_fn done = d->done;
    void *ctx = d->ctx;

    d->rows = (struct http_headers){0};
    details_free(d);
    done(ctx, e ? NULL : &rows, e ? &error : NULL);
    http_headers_release(&rows);
}

static enum pb_err note(struct details_op *d, const struct error *why, struct error *e)
{
    const char *denied = d->part->denied ? _(d->part->denied) : _("may not be read");
    const char *text = why->code == PB_EDENIED        ? denied
                       : why->code == PB_EUNSUPPORTED ? _("not known there")
                                                      : _("cannot be read");

    return http_headers_add(&d->rows, d->part->name, text, e);
}

static enum pb_err ask(struct details_op *d, struct error *e);

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct details_op *d = ctx;
    struct error why = {0}, error = {0};

    if (e) {
        finish(d, e);
        return;
    }
    if (r->status / 100 != 2)
        (void)cloud_answer_error(d->request, r, &why);
    else
        (void)d->part->read(&d->rows, &r->body, &why);
    if (why.code == PB_ENOMEM || (d->part->must && why.code != PB_EDENIED))
        error = why;
    else if (why.code != PB_OK)
        (void)note(d, &why, &error);
    d->part++;
    if (error.code == PB_OK && d->part->name && ask(d, &error) == PB_OK)
        return;
    finish(d, error.code == PB_OK ? NULL : &error);
}

static enum pb_err ask(struct details_op *d, struct error *e)
{
    enum pb_err err;

    cloud_request_free(d->request);
    err = cloud_request_new(&d->request, d->op.store, d->part->action, d->container, d->key,
                            d->key_len, e);
    if (err != PB_OK)
        return err;
    d->request->done = answered;
    d->request->ctx = d;
    err = cloud_param(d->request, d->part->param, d->part->value, e);
    if (err == PB_OK)
        err = cloud_version(d->request, d->version_id, e);
    return err == PB_OK ? cloud_request_send(d->request, e) : err;
}

struct store_op *cloud_details(struct store *s, const char *container, const char *key,
                               size_t key_len, const char *version_id, store_details_fn done,
                               void *ctx, struct error *e)
{
    struct details_op *d = mem_alloc(sizeof *d);
    enum pb_err err = PB_OK;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &details_class, s);
    d->part = ((const struct cloud_store *)s)->kind->details;
    d->done = done;
    d->ctx = ctx;
    d->container = mem_strdup(container);
    d->key = mem_strndup(key, key_len);
    d->key_len = key_len;
    if (version_id)
        d->version_id = mem_strdup(version_id);
    if (!d->container || !d->key || (version_id && !d->version_id))
        err = error_nomem(e);
    if (err == PB_OK)
        err = ask(d, e);
    if (err == PB_OK)
        return &d->op;
    details_free(d);
    return NULL;
}

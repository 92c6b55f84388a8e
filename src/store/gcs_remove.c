/*
 * DELETE, on condition of the generation: so it may be sent again, and what is gone by then was
 * removed by the first one.  And who may do what with an object.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>

#include "gcs.h"

struct remove_op {
    struct store_op op; /* first */
    struct gcs_request request;
    bool held; /* to a generation */
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

static void removed(void *ctx, const struct http_result *r, const struct error *e)
{
    struct remove_op *d = ctx;
    store_remove_fn done = d->done;
    void *done_ctx = d->ctx;
    struct error error = {0};
    enum pb_err err = PB_OK;

    if (e) {
        error = *e;
        err = e->code;
    } else if (r->status / 100 != 2 && !(r->status == 404 && d->held && r->attempts > 1)) {
        err = cloud_answer_error(&d->request.q, r, &error);
    }
    remove_free(d);
    done(done_ctx, NULL, err == PB_OK ? NULL : &error);
}

static enum pb_err add_conditions(struct remove_op *d, const struct store_remove_request *r,
                                  struct error *e)
{
    const char *generation = r->identity ? r->identity->etag : NULL;
    enum pb_err err = PB_OK;

    d->held = r->version_id || generation;
    if (r->version_id)
        err = cloud_param(&d->request.q, "generation", r->version_id, e);
    if (err == PB_OK && generation)
        err = cloud_param(&d->request.q, "ifGenerationMatch", generation, e);
    return err;
}

struct store_op *gcs_remove(struct store *s, const struct store_remove_request *r,
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
    err = cloud_request_init(&d->request.q, s, GCS_DELETE, r->container, r->key, r->key_len, e);
    d->request.q.done = removed;
    d->request.q.ctx = d;
    if (err == PB_OK)
        err = add_conditions(d, r, e);
    if (err == PB_OK)
        err = cloud_request_send(&d->request.q, e);
    if (err == PB_OK)
        return &d->op;
    remove_free(d);
    return NULL;
}

/* --------------------------------------------------------------------- who may do what */

struct details_op {
    struct store_op op; /* first */
    struct gcs_request request;
    store_details_fn done;
    void *ctx;
};

static void details_free(struct details_op *d)
{
    store_op_end(&d->op);
    cloud_request_release(&d->request.q);
    free(d);
}

static void details_stop(struct store_op *op)
{
    details_free((struct details_op *)op);
}

static const struct store_op_class details_class = {.stop = details_stop};

static enum pb_err read_acl(struct http_headers *rows, const struct buf *body, struct error *e)
{
    json_t *o = json_loadb(body->data, body->len, 0, NULL);
    const json_t *acl = json_object_get(o, "acl");
    struct buf text;
    enum pb_err err = PB_OK;
    size_t i;

    buf_init(&text, BUF_MAX_LINE);
    for (i = 0; err == PB_OK && i < json_array_size(acl); i++) {
        const json_t *one = json_array_get(acl, i);

        buf_clear(&text);
        buf_printf(&text, "%s: %s", gcs_text(one, "entity"), gcs_text(one, "role"));
        err = buf_status(&text, e);
        if (err == PB_OK && !strpbrk(text.data, "\r\n"))
            err = http_headers_add(rows, "Access", text.data, e);
    }
    buf_release(&text);
    json_decref(o);
    return err;
}

static void details_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct details_op *d = ctx;
    store_details_fn done = d->done;
    void *done_ctx = d->ctx;
    struct http_headers rows = {0};
    struct error error = {0};
    enum pb_err err = PB_OK;

    if (e) {
        error = *e;
        err = e->code;
    } else if (r->status == 403) {
        err = http_headers_add(&rows, "Access", _("these credentials may not read who has it"),
                               &error);
    } else if (r->status / 100 != 2) {
        err = cloud_answer_error(&d->request.q, r, &error);
    } else {
        err = read_acl(&rows, &r->body, &error);
    }
    details_free(d);
    done(done_ctx, &rows, err == PB_OK ? NULL : &error);
    http_headers_release(&rows);
}

struct store_op *gcs_details(struct store *s, const char *container, const char *key,
                             size_t key_len, const char *version_id, store_details_fn done,
                             void *ctx, struct error *e)
{
    struct details_op *d = mem_alloc(sizeof *d);
    enum pb_err err;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &details_class, s);
    d->done = done;
    d->ctx = ctx;
    err = cloud_request_init(&d->request.q, s, GCS_HEAD, container, key, key_len, e);
    d->request.q.done = details_answered;
    d->request.q.ctx = d;
    if (err == PB_OK)
        err = cloud_param(&d->request.q, "projection", "full", e);
    if (err == PB_OK && version_id)
        err = cloud_param(&d->request.q, "generation", version_id, e);
    if (err == PB_OK)
        err = cloud_request_send(&d->request.q, e);
    if (err == PB_OK)
        return &d->op;
    details_free(d);
    return NULL;
}

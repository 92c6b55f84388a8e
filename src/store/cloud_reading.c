/* A read on its way: what it is beside its bytes, whatever requests it takes. */
#include <stdlib.h>

#include "cloud_read.h"

static void reading_stop(struct store_op *op)
{
    cloud_reading_free((struct cloud_reading *)op);
}

static void reading_resume(struct store_op *op)
{
    struct cloud_reading *r = (struct cloud_reading *)op;

    if (r->request->call)
        http_resume(r->request->call);
}

static void reading_progress(const struct store_op *op, struct http_progress *out)
{
    const struct cloud_reading *r = (const struct cloud_reading *)op;

    if (r->request->call)
        http_progress(r->request->call, out);
    out->received = r->transfer.given;
    out->receive_total = r->begun ? cloud_reading_wanted(r) : r->transfer.length;
}

static const struct store_op_class reading_class = {
    .stop = reading_stop, .resume = reading_resume, .progress = reading_progress};

enum pb_err cloud_reading_new(struct cloud_reading **out, size_t size, struct store *s,
                              const struct store_read_request *q, store_read_fn done, void *ctx,
                              struct error *e)
{
    struct cloud_reading *r = *out = mem_alloc(size);
    enum pb_err err;

    if (!r)
        return error_nomem(e);
    store_op_begin(&r->op, &reading_class, s);
    store_object_init(&r->object);
    r->done = done;
    r->ctx = ctx;
    r->transfer.offset = q->offset;
    r->transfer.length = q->length;
    r->transfer.to = q->to;
    r->begin = q->begin;
    err = cloud_request_new(&r->request, s, ((struct cloud_store *)s)->kind->get, q->container,
                            q->key, q->key_len, e);
    if (err == PB_OK && q->version_id && !(r->version_id = mem_strdup(q->version_id)))
        err = error_nomem(e);
    r->expected = q->expect != NULL;
    return err == PB_OK && q->expect ? store_identity_copy(&r->expect, q->expect, e) : err;
}

void cloud_reading_free(struct cloud_reading *r)
{
    if (!r)
        return;
    store_op_end(&r->op);
    cloud_request_free(r->request);
    if (r->release)
        r->release(r);
    store_identity_release(&r->expect);
    store_object_release(&r->object);
    free(r->version_id);
    free(r);
}

void cloud_reading_finish(struct cloud_reading *r, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct store_object o = r->object;
    store_read_fn done = r->done;
    void *ctx = r->ctx;

    store_object_init(&r->object);
    cloud_reading_free(r);
    done(ctx, e ? NULL : &o, e ? &error : NULL);
    store_object_release(&o);
}

enum pb_err cloud_reading_request(struct cloud_reading *r, unsigned action, cloud_answer_fn done,
                                  struct error *e)
{
    struct cloud_request *old = r->request;
    enum pb_err err = cloud_request_new(&r->request, r->op.store, action, old->container, old->key,
                                        old->key_len, e);

    if (r->request) {
        r->request->speaks_of = old->speaks_of;
        r->request->done = done;
        r->request->ctx = r;
    }
    if (!r->request)
        r->request = old;
    else
        cloud_request_free(old);
    return err;
}

uint64_t cloud_reading_wanted(const struct cloud_reading *r)
{
    return cloud_transfer_wanted(&r->transfer, r->object.identity.size);
}

enum pb_err cloud_reading_changed(const struct cloud_reading *r, struct error *e)
{
    return cloud_error(r->request, PB_ECHANGED, "it was changed by someone else meanwhile", e);
}

enum pb_err cloud_reading_begin(struct cloud_reading *r, struct store_object *o, struct error *e)
{
    enum pb_err err = PB_OK;

    if (r->expected && !store_identity_same(&r->expect, &o->identity))
        err = cloud_reading_changed(r, e);
    else if (r->transfer.offset > o->identity.size)
        err = cloud_error(r->request, PB_ECHANGED, "it is shorter than expected", e);
    if (err != PB_OK) {
        store_object_release(o);
        return err;
    }
    r->object = *o;
    store_object_init(o);
    store_identity_release(&r->expect);
    r->expected = r->begun = true;
    err = store_identity_copy(&r->expect, &r->object.identity, e);
    return err == PB_OK && r->begin ? r->begin(r->ctx, &r->object, e) : err;
}

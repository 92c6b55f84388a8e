/* Bytes that come in pieces, perhaps over several answers, from where the last one broke off; and
 * what a read is beside them. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "cloud_read.h"

#define FRUITLESS_MAX 3 /* broken transfers in a row that brought nothing */

uint64_t cloud_transfer_wanted(const struct cloud_transfer *t, uint64_t size)
{
    uint64_t all = size - t->offset;

    return t->length && t->length < all ? t->length : all;
}

enum pb_err cloud_transfer_ask(struct cloud_transfer *t, struct cloud_request *r, struct error *e)
{
    uint64_t first = t->offset + t->given, last = 0;
    struct buf value;
    enum pb_err err;

    t->given_before = t->given;
    if (first == 0 && t->length == 0)
        return PB_OK;
    if (t->length && !num_add(t->offset, t->length - 1, &last))
        return error_set(e, PB_EUSAGE, "the range to read goes beyond every size");
    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "bytes=%llu-", (unsigned long long)first);
    if (t->length)
        buf_printf(&value, "%llu", (unsigned long long)last);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = cloud_header(r, "Range", value.data, e);
    buf_release(&value);
    return err;
}

bool cloud_transfer_head(struct cloud_transfer *t, const struct http_result *a)
{
    const char *range = http_headers_get(&a->headers, "Content-Range");
    uint64_t first = 0, want = t->offset + t->given;
    size_t n;

    t->part = a->status == 206;
    if (t->part) {
        n = range && strncmp(range, "bytes ", 6) == 0 ? strcspn(range + 6, "-") : 0;
        if (!n || !num_parse_u64(range + 6, n, &first) || first > want)
            return false;
    }
    /* 200: a server that knows no ranges sends all of it. */
    t->skip = want - first;
    return true;
}

enum pb_err cloud_transfer_take(struct cloud_transfer *t, const void *p, size_t n, struct error *e)
{
    const char *at = p;
    size_t before = t->skip < n ? (size_t)t->skip : n;
    uint64_t left = t->length ? t->length - t->given : UINT64_MAX;
    size_t use = n - before;
    enum pb_err err = PB_OK;

    if (use > left)
        use = (size_t)left;
    if (use > 0)
        err = sink_write(&t->to, at + before, use, e);
    if (err == PB_OK) { /* else, after PB_EAGAIN, the same bytes come again */
        t->skip -= before;
        t->given += use;
    }
    return err;
}

bool cloud_transfer_goes_on(struct cloud_transfer *t, const struct error *e)
{
    if (e->code != PB_ENET && e->code != PB_ETIMEOUT)
        return false;
    t->fruitless = t->given > t->given_before ? 0 : t->fruitless + 1;
    if (t->fruitless >= FRUITLESS_MAX)
        return false;
    log_line("the transfer broke off after %llu bytes and is continued",
             (unsigned long long)t->given);
    return true;
}

/* -------------------------------------------------------------------------- a reading */

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

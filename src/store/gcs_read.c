/*
 * Metadata and media.
 *
 * A read asks for the metadata first, then for the bytes of exactly that generation, as they are
 * stored: what is stored with gzip would otherwise be unpacked on the way, its ranges ignored.  A
 * transfer that breaks off is continued where it was.  A whole read is held against the checksums.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>

#include "cloud_read.h"
#include "gcs.h"

/* ------------------------------------------------------------------------------ media */

struct read_op {
    struct store_op op; /* first */
    struct gcs_request request;
    char *version_id;
    struct store_identity expect;
    bool expected, asked_soft;
    struct cloud_transfer transfer;
    bool begun;
    struct gcs_object object;
    struct cloud_sums sums;
    bool whole; /* is held against the checksums */
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
    gcs_object_release(&r->object);
    cloud_sums_release(&r->sums);
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

/* Bytes to be read in all. */
static uint64_t wanted(const struct read_op *r)
{
    return cloud_transfer_wanted(&r->transfer, r->object.o.identity.size);
}

static void read_progress(const struct store_op *op, struct http_progress *out)
{
    const struct read_op *r = (const struct read_op *)op;

    if (r->request.q.call)
        http_progress(r->request.q.call, out);
    out->received = r->transfer.given;
    out->receive_total = r->begun ? wanted(r) : r->transfer.length;
}

static const struct store_op_class read_class = {
    .stop = read_stop, .resume = read_resume, .progress = read_progress};

/* Takes the operation with it. */
static void read_finish(struct read_op *r, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct gcs_object g = r->object;
    store_read_fn done = r->done;
    void *ctx = r->ctx;

    r->object = (struct gcs_object){0};
    read_free(r);
    done(ctx, e ? NULL : &g.o, e ? &error : NULL);
    gcs_object_release(&g);
}

static enum pb_err changed(struct read_op *r, struct error *e)
{
    return cloud_error(&r->request.q, PB_ECHANGED, "it was changed by someone else meanwhile", e);
}

static bool has(const char *list, const char *word)
{
    return list && strstr(list, word) != NULL;
}

/* What comes is what is stored, from where it was asked for. */
static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    struct read_op *r = ctx;
    const char *range = http_headers_get(&a->headers, "Content-Range");
    const char *slash = range ? strchr(range, '/') : NULL;
    uint64_t total = 0;

    if (r->object.gzip && !has(http_headers_get(&a->headers, "Content-Encoding"), "gzip") &&
        has(http_headers_get(&a->headers, "X-Goog-Stored-Content-Encoding"), "gzip"))
        return cloud_error(&r->request.q, PB_ESERVER, "the server unpacked it on the way", e);
    if (!cloud_transfer_head(&r->transfer, a) ||
        (r->transfer.part && (!slash || !num_parse_u64(slash + 1, strlen(slash + 1), &total) ||
                              total != r->object.o.identity.size)))
        return cloud_error(&r->request.q, PB_ESERVER, "the server sent another part of it", e);
    return PB_OK;
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    return cloud_transfer_take(&((struct read_op *)ctx)->transfer, p, n, e);
}

/* Of those that are wanted, in order. */
static enum pb_err on_wanted(void *ctx, const void *p, size_t n, struct error *e)
{
    struct read_op *r = ctx;
    enum pb_err err = sink_write(&r->to, p, n, e);

    return err == PB_OK && r->whole ? cloud_sums_add(&r->sums, p, n, e) : err;
}

static void media_answered(void *ctx, const struct http_result *a, const struct error *e);

/* Into r->request; done is called with the answer. */
static enum pb_err begin_request(struct read_op *r, enum gcs_action action,
                                 void (*done)(void *ctx, const struct http_result *a,
                                              const struct error *e),
                                 struct error *e)
{
    struct gcs_request old = r->request;
    enum pb_err err;

    r->request = (struct gcs_request){0};
    err = cloud_request_init(&r->request.q, r->op.store, action, old.q.container, old.q.key,
                             old.q.key_len, e);
    cloud_request_release(&old.q);
    r->request.q.speaks_of = GCS_GET;
    r->request.q.done = done;
    r->request.q.ctx = r;
    return err;
}

static enum pb_err ask_media(struct read_op *r, struct error *e)
{
    enum pb_err err = begin_request(r, GCS_GET, media_answered, e);

    r->request.q.on_head = on_head;
    r->request.q.on_body = on_body;
    if (err == PB_OK)
        err = cloud_param(&r->request.q, "alt", "media", e);
    if (err == PB_OK)
        err = cloud_param_number(&r->request.q, "generation", r->object.generation, e);
    if (err == PB_OK)
        err = http_headers_add(&r->request.q.headers, "Accept-Encoding", "gzip", e);
    if (r->transfer.given > 0)
        r->transfer.length = wanted(r); /* its end is known by now */
    if (err == PB_OK)
        err = cloud_transfer_ask(&r->transfer, &r->request.q, e);
    return err == PB_OK ? cloud_request_send(&r->request.q, e) : err;
}

static enum pb_err check_sums(struct read_op *r, struct error *e)
{
    struct cloud_checks c;
    enum pb_err err;

    if (!r->whole)
        return PB_OK;
    err = cloud_sums_end(&r->sums, &c, e);
    if (err != PB_OK)
        return err;
    if ((*r->object.crc32c && strcmp(c.crc32c, r->object.crc32c) != 0) ||
        (*r->object.md5 && strcmp(c.md5, r->object.md5) != 0))
        return cloud_error(&r->request.q, PB_ESERVER,
                           "its bytes were damaged on the way: the checksum is another", e);
    return PB_OK;
}

static void media_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *r = ctx;
    struct error error = {0};
    enum pb_err err;

    if (e) {
        error = *e;
        err = e->code;
        if (cloud_transfer_goes_on(&r->transfer, e)) {
            err = ask_media(r, &error);
            if (err == PB_OK)
                return;
        }
    } else if (a->status == 404) {
        err = changed(r, &error); /* that generation was there a moment ago */
    } else if (a->status / 100 != 2) {
        err = cloud_answer_error(&r->request.q, a, &error);
    } else if (r->transfer.given != wanted(r)) {
        err = cloud_error(&r->request.q, PB_ENET, "the server sent less than it announced", &error);
    } else {
        err = check_sums(r, &error);
    }
    read_finish(r, err == PB_OK ? NULL : &error);
}

/* --------------------------------------------------------------------------- metadata */

static enum pb_err ask_metadata(struct read_op *r, bool soft, struct error *e);

static enum pb_err begin_media(struct read_op *r, const struct http_result *a, bool *done,
                               struct error *e)
{
    enum pb_err err = gcs_object_from(&r->object, a, e);
    uint64_t size = r->object.o.identity.size;

    if (err != PB_OK)
        return err;
    if (r->object.soft_deleted)
        return cloud_error(&r->request.q, PB_EUNSUPPORTED,
                           "this generation is soft-deleted: its bytes can be read when it was "
                           "restored (gcloud storage restore)",
                           e);
    if (r->expected && !store_identity_same(&r->expect, &r->object.o.identity))
        return changed(r, e);
    if (r->transfer.offset > size)
        return cloud_error(&r->request.q, PB_ECHANGED, "it is shorter than expected", e);
    r->begun = true;
    r->whole = r->transfer.offset == 0 && wanted(r) == size;
    r->transfer.length = r->whole ? 0 : wanted(r);
    if (r->whole)
        err = cloud_sums_begin(&r->sums, CLOUD_MD5 | CLOUD_CRC32C, e);
    if (err == PB_OK && r->begin)
        err = r->begin(r->ctx, &r->object.o, e);
    *done = wanted(r) == 0;
    return err == PB_OK && !*done ? ask_media(r, e) : err;
}

static void metadata_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *r = ctx;
    struct error error = {0};
    bool done = false;
    enum pb_err err;

    if (e) {
        error = *e;
        err = e->code;
    } else if (a->status == 404 && r->version_id && !r->asked_soft) {
        struct error missing = {0};

        (void)cloud_answer_error(&r->request.q, a, &missing);
        err = ask_metadata(r, true, &error);
        if (err == PB_OK)
            return;
        error = missing;
    } else if (r->asked_soft && a->status / 100 == 4) {
        err = cloud_error(&r->request.q, PB_ENOTFOUND, "there is no such generation of it", &error);
    } else if (a->status / 100 != 2) {
        err = cloud_answer_error(&r->request.q, a, &error);
    } else {
        err = begin_media(r, a, &done, &error);
        if (err == PB_OK && !done)
            return;
    }
    read_finish(r, err == PB_OK ? NULL : &error);
}

static enum pb_err ask_metadata(struct read_op *r, bool soft, struct error *e)
{
    enum pb_err err = begin_request(r, GCS_HEAD, metadata_answered, e);

    r->asked_soft = soft;
    if (err == PB_OK && r->version_id)
        err = cloud_param(&r->request.q, "generation", r->version_id, e);
    if (err == PB_OK && soft)
        err = cloud_param(&r->request.q, "softDeleted", "true", e);
    return err == PB_OK ? cloud_request_send(&r->request.q, e) : err;
}

static enum pb_err copy_request(struct read_op *r, const struct store_read_request *q,
                                struct error *e)
{
    uint64_t end;

    r->transfer.offset = q->offset;
    r->transfer.length = q->length;
    r->transfer.to = (struct sink){on_wanted, r};
    r->begin = q->begin;
    r->to = q->to;
    if (!num_add(q->offset, q->length, &end))
        return error_set(e, PB_EUSAGE, "the range to read goes beyond every size");
    if (q->version_id && !(r->version_id = mem_strdup(q->version_id)))
        return error_nomem(e);
    r->expected = q->expect != NULL;
    return q->expect ? store_identity_copy(&r->expect, q->expect, e) : PB_OK;
}

struct store_op *gcs_read(struct store *s, const struct store_read_request *q, store_read_fn done,
                          void *ctx, struct error *e)
{
    struct read_op *r = mem_alloc(sizeof *r);
    enum pb_err err;

    if (!r) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&r->op, &read_class, s);
    r->done = done;
    r->ctx = ctx;
    err = cloud_request_init(&r->request.q, s, GCS_HEAD, q->container, q->key, q->key_len, e);
    if (err == PB_OK)
        err = copy_request(r, q, e);
    if (err == PB_OK)
        err = ask_metadata(r, false, e);
    if (err == PB_OK)
        return &r->op;
    read_free(r);
    return NULL;
}

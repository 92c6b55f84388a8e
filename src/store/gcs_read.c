/*
 * Metadata and media.
 *
 * A read asks for the metadata first, then for the bytes of exactly that generation, as they are
 * stored: what is stored with gzip would otherwise be unpacked on the way, its ranges ignored.  A
 * transfer that breaks off is continued where it was.  A whole read is held against the checksums.
 */
#include <string.h>

#include <pklbrowse/num.h>

#include "cloud_read.h"
#include "gcs.h"

/* ------------------------------------------------------------------------------ media */

struct read_op {
    struct cloud_reading r; /* first; its object is taken out of `known` */
    bool asked_soft;
    struct gcs_object known;
    struct cloud_sums sums;
    bool whole; /* is held against the checksums */
    struct sink to;
};

static void release(struct cloud_reading *r)
{
    struct read_op *o = (struct read_op *)r;

    gcs_object_release(&o->known);
    cloud_sums_release(&o->sums);
}

static bool has(const char *list, const char *word)
{
    return list && strstr(list, word) != NULL;
}

/* What comes is what is stored, from where it was asked for. */
static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    struct read_op *o = ctx;
    const char *range = http_headers_get(&a->headers, "Content-Range");
    const char *slash = range ? strchr(range, '/') : NULL;
    uint64_t total = 0;

    if (o->known.gzip && !has(http_headers_get(&a->headers, "Content-Encoding"), "gzip") &&
        has(http_headers_get(&a->headers, "X-Goog-Stored-Content-Encoding"), "gzip"))
        return cloud_error(o->r.request, PB_ESERVER, "the server unpacked it on the way", e);
    if (!cloud_transfer_head(&o->r.transfer, a) ||
        (o->r.transfer.part && (!slash || !num_parse_u64(slash + 1, strlen(slash + 1), &total) ||
                                total != o->r.object.identity.size)))
        return cloud_error(o->r.request, PB_ESERVER, "the server sent another part of it", e);
    return PB_OK;
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    return cloud_transfer_take(&((struct read_op *)ctx)->r.transfer, p, n, e);
}

/* Of those that are wanted, in order. */
static enum pb_err on_wanted(void *ctx, const void *p, size_t n, struct error *e)
{
    struct read_op *o = ctx;
    enum pb_err err = sink_write(&o->to, p, n, e);

    return err == PB_OK && o->whole ? cloud_sums_add(&o->sums, p, n, e) : err;
}

static void media_answered(void *ctx, const struct http_result *a, const struct error *e);

static enum pb_err ask_media(struct read_op *o, struct error *e)
{
    struct cloud_reading *r = &o->r;
    enum pb_err err = cloud_reading_request(r, GCS_GET, media_answered, e);

    r->request->on_head = on_head;
    r->request->on_body = on_body;
    if (err == PB_OK)
        err = cloud_param(r->request, "alt", "media", e);
    if (err == PB_OK)
        err = cloud_param_number(r->request, "generation", o->known.generation, e);
    if (err == PB_OK)
        err = cloud_header(r->request, "Accept-Encoding", "gzip", e);
    if (r->transfer.given > 0)
        r->transfer.length = cloud_reading_wanted(r); /* its end is known by now */
    if (err == PB_OK)
        err = cloud_transfer_ask(&r->transfer, r->request, e);
    return err == PB_OK ? cloud_request_send(r->request, e) : err;
}

static enum pb_err check_sums(struct read_op *o, struct error *e)
{
    struct cloud_checks c;
    enum pb_err err;

    if (!o->whole)
        return PB_OK;
    err = cloud_sums_end(&o->sums, &c, e);
    if (err != PB_OK)
        return err;
    if ((*o->known.crc32c && strcmp(c.crc32c, o->known.crc32c) != 0) ||
        (*o->known.md5 && strcmp(c.md5, o->known.md5) != 0))
        return cloud_error(o->r.request, PB_ESERVER,
                           "its bytes were damaged on the way: the checksum is another", e);
    return PB_OK;
}

static void media_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *o = ctx;
    struct cloud_reading *r = &o->r;
    struct error error = {0};
    enum pb_err err;

    if (e) {
        error = *e;
        err = e->code;
        if (cloud_transfer_goes_on(&r->transfer, e)) {
            err = ask_media(o, &error);
            if (err == PB_OK)
                return;
        }
    } else if (a->status == 404) {
        err = cloud_reading_changed(r, &error); /* that generation was there a moment ago */
    } else if (a->status / 100 != 2) {
        err = cloud_answer_error(r->request, a, &error);
    } else if (r->transfer.given != cloud_reading_wanted(r)) {
        err = cloud_error(r->request, PB_ENET, "the server sent less than it announced", &error);
    } else {
        err = check_sums(o, &error);
    }
    cloud_reading_finish(r, err == PB_OK ? NULL : &error);
}

/* --------------------------------------------------------------------------- metadata */

static enum pb_err ask_metadata(struct read_op *o, bool soft, struct error *e);

static enum pb_err begin_media(struct read_op *o, const struct http_result *a, bool *done,
                               struct error *e)
{
    struct cloud_reading *r = &o->r;
    enum pb_err err = gcs_object_from(&o->known, a, e);
    uint64_t size;

    if (err != PB_OK)
        return err;
    if (o->known.soft_deleted)
        return cloud_error(r->request, PB_EUNSUPPORTED,
                           "this generation is soft-deleted: its bytes can be read when it was "
                           "restored (gcloud storage restore)",
                           e);
    err = cloud_reading_begin(r, &o->known.o, e);
    if (err != PB_OK)
        return err;
    size = r->object.identity.size;
    o->whole = r->transfer.offset == 0 && cloud_reading_wanted(r) == size;
    r->transfer.length = o->whole ? 0 : cloud_reading_wanted(r);
    if (o->whole)
        err = cloud_sums_begin(&o->sums, CLOUD_MD5 | CLOUD_CRC32C, e);
    *done = cloud_reading_wanted(r) == 0;
    return err == PB_OK && !*done ? ask_media(o, e) : err;
}

static void metadata_answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct read_op *o = ctx;
    struct cloud_reading *r = &o->r;
    struct error error = {0};
    bool done = false;
    enum pb_err err;

    if (e) {
        error = *e;
        err = e->code;
    } else if (a->status == 404 && r->version_id && !o->asked_soft) {
        struct error missing = {0};

        (void)cloud_answer_error(r->request, a, &missing);
        err = ask_metadata(o, true, &error);
        if (err == PB_OK)
            return;
        error = missing;
    } else if (o->asked_soft && a->status / 100 == 4) {
        err = cloud_error(r->request, PB_ENOTFOUND, "there is no such generation of it", &error);
    } else if (a->status / 100 != 2) {
        err = cloud_answer_error(r->request, a, &error);
    } else {
        err = begin_media(o, a, &done, &error);
        if (err == PB_OK && !done)
            return;
    }
    cloud_reading_finish(r, err == PB_OK ? NULL : &error);
}

static enum pb_err ask_metadata(struct read_op *o, bool soft, struct error *e)
{
    struct cloud_reading *r = &o->r;
    enum pb_err err = cloud_reading_request(r, GCS_HEAD, metadata_answered, e);

    o->asked_soft = soft;
    if (err == PB_OK && r->version_id)
        err = cloud_param(r->request, "generation", r->version_id, e);
    if (err == PB_OK && soft)
        err = cloud_param(r->request, "softDeleted", "true", e);
    return err == PB_OK ? cloud_request_send(r->request, e) : err;
}

struct store_op *gcs_read(struct store *s, const struct store_read_request *q, store_read_fn done,
                          void *ctx, struct error *e)
{
    struct cloud_reading *r;
    enum pb_err err = cloud_reading_new(&r, sizeof(struct read_op), s, q, done, ctx, e);
    struct read_op *o = (struct read_op *)r;
    uint64_t end;

    if (err == PB_OK && !num_add(q->offset, q->length, &end))
        err = error_set(e, PB_EUSAGE, "the range to read goes beyond every size");
    if (err == PB_OK) {
        r->release = release;
        o->to = q->to;
        r->transfer.to = (struct sink){on_wanted, o};
        err = ask_metadata(o, false, e);
    }
    if (err == PB_OK)
        return &r->op;
    cloud_reading_free(r);
    return NULL;
}

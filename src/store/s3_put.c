/* What a PUT carries: the object's own properties, its tags, the condition, the checksums. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>

#include "s3_multipart.h"

/* ------------------------------------------------------------------------------- tags */

static void tags_set(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct error error = {0};

    if (!e && r->status / 100 == 2) {
        s3_write_saved(&w->c, &w->found);
        return;
    }
    if (!e)
        (void)cloud_answer_error(&w->request.q, r, &error);
    log_line("its tags are lost: %s", e ? e->msg : error.msg);
    s3_multipart_completed(w->multipart);
    cloud_write_fail_with(&w->c, PB_ESERVER,
                          "it was saved, but the server did not take its tags: set them again");
}

void s3_put_tags(struct write_op *w, const struct store_identity *now)
{
    struct error e = {0};
    uint8_t hash[SHA256_LEN];
    struct buf text;
    enum pb_err err = cloud_write_begin(&w->c, S3_PUT_TAGS, tags_set, &e);

    store_identity_release(&w->found);
    if (err == PB_OK)
        err = store_identity_copy(&w->found, now, &e);
    source_free(w->tagging_source);
    w->tagging_source = source_mem(w->c.tagging_xml.data, w->c.tagging_xml.len, false);
    if (err == PB_OK && !w->tagging_source)
        err = error_nomem(&e);
    buf_init(&text, BUF_MAX_LINE);
    if (err == PB_OK)
        err = md5(w->c.tagging_xml.data, w->c.tagging_xml.len, hash, &e);
    if (err == PB_OK)
        base64_encode(&text, hash, MD5_LEN);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "Content-MD5", text.data, &e);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "tagging", NULL, &e);
    if (err == PB_OK)
        err = sha256(w->c.tagging_xml.data, w->c.tagging_xml.len, hash, &e);
    buf_release(&text);
    if (err == PB_OK)
        hex_text(w->tagging_hash, hash, SHA256_LEN);
    w->request.payload_hash = w->tagging_hash;
    w->request.q.body = w->tagging_source;
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &e);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &e);
}

/* ------------------------------------------------------------------------- properties */

enum pb_err s3_put_check(const struct cloud_write *c, struct error *e)
{
    const char *missing = http_headers_get(&c->before.shown, "x-amz-missing-meta");

    if (c->condition == STORE_IF_SAME && missing && strcmp(missing, "0") != 0)
        return cloud_error(c->request, PB_EUNSUPPORTED,
                           "it has metadata that the server cannot send in headers and that would "
                           "be lost",
                           e);
    return PB_OK;
}

/* The ETag as received, or in its other spelling: without quotes, with them, without W/. */
static enum pb_err put_etag(const struct write_op *w, const char *etag, struct buf *out,
                            struct error *e)
{
    size_t n = strlen(etag);

    if (!w->plain_etag)
        buf_puts(out, etag);
    else if (strncmp(etag, "W/", 2) == 0)
        buf_puts(out, etag + 2);
    else if (n >= 2 && etag[0] == '"' && etag[n - 1] == '"')
        buf_append(out, etag + 1, n - 2);
    else
        buf_printf(out, "\"%s\"", etag);
    return buf_status(out, e);
}

enum pb_err s3_put_condition(struct write_op *w, struct error *e)
{
    struct buf etag;
    enum pb_err err;

    if (w->unconditional || w->c.condition == STORE_ALWAYS)
        return PB_OK;
    if (*w->generation)
        return s3_google_condition(w, e);
    if (w->c.condition == STORE_IF_ABSENT)
        return cloud_header(&w->request.q, "If-None-Match", "*", e);
    if (!w->c.before.identity.etag)
        return PB_OK;
    buf_init(&etag, BUF_MAX_LINE);
    err = put_etag(w, w->c.before.identity.etag, &etag, e);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "If-Match", etag.data, e);
    buf_release(&etag);
    return err;
}

bool s3_put_has_customer(const struct write_op *w)
{
    return s3_customer_new(s3_write_store(w), w->c.there) ||
           s3_customer_has(cloud_write_properties(&w->c));
}

enum pb_err s3_put_properties(struct write_op *w, struct error *e)
{
    const struct http_headers *keep = cloud_write_properties(&w->c);
    struct s3_request *r = &w->request;
    bool typed = http_headers_get(keep, "Content-Type") != NULL;
    bool customer = s3_customer_new(s3_write_store(w), w->c.there);
    enum pb_err err = customer ? s3_customer_say(&r->q, false, e) : PB_OK;
    size_t i;

    for (i = 0; err == PB_OK && i < keep->len; i++)
        if (!customer || !s3_customer_instead(keep->data[i].name))
            err = cloud_header(&r->q, keep->data[i].name, keep->data[i].value, e);
    if (err == PB_OK && !typed)
        err = cloud_header(&r->q, "Content-Type", "application/octet-stream", e);
    if (err == PB_OK && w->c.tagging.len > 0)
        err = cloud_header(&r->q, "x-amz-tagging", w->c.tagging.data, e);
    return err;
}

enum pb_err s3_put_headers(struct write_op *w, struct error *e)
{
    struct s3_request *r = &w->request;
    enum pb_err err = s3_put_properties(w, e);

    if (err == PB_OK)
        err = s3_put_condition(w, e);
    /* Never as a trailer.  Others than Amazon know the older of the two for certain. */
    if (err == PB_OK && s3_write_store(w)->amazon)
        err = cloud_header(&r->q, "x-amz-checksum-crc32", w->c.digest.checks.crc32, e);
    else if (err == PB_OK)
        err = cloud_header(&r->q, "Content-MD5", w->c.digest.checks.md5, e);
    r->payload_hash = w->c.digest.checks.sha256_hex;
    r->q.body = w->c.body;
    return err;
}

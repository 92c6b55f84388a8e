/* CopyObject: metadata and tags go with it, what is set beside them is said again. */
#include <string.h>
#include <strings.h>

#include <pklbrowse/xml.h>

#include "cloud_copy.h"
#include "s3.h"

enum pb_err s3_copy_source(struct cloud_request *r, const char *bucket, const char *key,
                           size_t key_len, const struct store_identity *id, bool customer,
                           struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    buf_putc(&text, '/');
    uri_encode(&text, bucket, strlen(bucket), false);
    buf_putc(&text, '/');
    uri_encode(&text, key, key_len, true);
    if (id->version_id) {
        buf_puts(&text, "?versionId=");
        uri_encode(&text, id->version_id, strlen(id->version_id), false);
    }
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = cloud_header(r, "x-amz-copy-source", text.data, e);
    if (err == PB_OK && id->etag)
        err = cloud_header(r, "x-amz-copy-source-if-match", id->etag, e);
    if (err == PB_OK && customer)
        err = s3_customer_say(r, true, e);
    buf_release(&text);
    return err;
}

static enum pb_err check(const struct cloud_copy *c, struct error *e)
{
    const struct s3_store *s = (const struct s3_store *)c->c.op.store;

    if (s->google)
        return cloud_error(c->c.request, PB_EUNSUPPORTED, "HMAC keys copy nothing there", e);
    if (c->c.size > S3_PUT_MAX)
        return cloud_error(c->c.request, PB_EUNSUPPORTED,
                           "it is larger than the server copies at once", e);
    return PB_OK;
}

/* Storage class, encryption, locks: a copy has none of them unless it is said. */
static enum pb_err say_again(struct cloud_copy *c, struct error *e)
{
    const struct http_headers *keep = &c->c.keep.keep;
    bool customer = s3_customer_new((const struct s3_store *)c->c.op.store, c->c.there);
    enum pb_err err = customer ? s3_customer_say(c->c.request, false, e) : PB_OK;

    for (size_t i = 0; err == PB_OK && i < keep->len; i++)
        if (strncasecmp(keep->data[i].name, "x-amz-", 6) == 0 &&
            strncasecmp(keep->data[i].name, "x-amz-meta-", 11) != 0 &&
            !(customer && s3_customer_instead(keep->data[i].name)))
            err = cloud_header(c->c.request, keep->data[i].name, keep->data[i].value, e);
    return err;
}

static enum pb_err fill(struct cloud_copy *c, struct error *e)
{
    struct cloud_request *r = c->c.request;
    struct store_identity source = c->c.keep.identity;
    enum pb_err err;

    source.version_id = c->version_id ? c->version_id : source.version_id;
    err = s3_copy_source(r, c->from_container, c->from_key, c->from_len, &source,
                         s3_customer_has(&c->c.keep.keep), e);
    if (err == PB_OK)
        err = say_again(c, e);
    /* Amazon checks these; of others it is not known. */
    if (err == PB_OK && c->c.condition == STORE_IF_ABSENT)
        err = cloud_header(r, "If-None-Match", "*", e);
    if (err == PB_OK && c->c.condition == STORE_IF_SAME && c->c.before.identity.etag)
        err = cloud_header(r, "If-Match", c->c.before.identity.etag, e);
    return err;
}

/* Some servers do not know the condition on what is copied.  Where ETags are MD5, that shows. */
static bool is_of_another(const struct cloud_copy *c, const char *etag)
{
    const char *sse = http_headers_get(&c->c.keep.keep, "x-amz-server-side-encryption");
    const char *source = c->c.keep.identity.etag;
    size_t n = source ? strlen(source) : 0;
    uint8_t sum[MD5_LEN];

    if (c->c.request->store->kind->copies->is_checked(c->c.op.store) ||
        s3_customer_has(&c->c.keep.keep) || s3_customer_has(&c->c.request->headers) ||
        (sse && strcmp(sse, "AES256") != 0))
        return false;
    return n == 2 * MD5_LEN + 2 && hex_decode(source + 1, 2 * MD5_LEN, sum) && *etag &&
           !store_identity_matches(&c->c.keep.identity, etag);
}

static enum cloud_copied answered(struct cloud_copy *c, const struct http_result *r,
                                  struct error *e)
{
    char etag[256];

    if (s3_is_error_body(&r->body)) {
        (void)cloud_answer_error(c->c.request, r, e);
        return CLOUD_UNCLEAR;
    }
    s3_read_element(r, "CopyObjectResult/ETag", etag, sizeof etag);
    if (is_of_another(c, etag)) {
        (void)cloud_error(c->c.request, PB_ECHANGED,
                          "what is copied was changed by someone else in the same moment: the copy "
                          "is of what it is now",
                          e);
        return CLOUD_FAILED;
    }
    cloud_write_take_identity(&c->c, r, etag, "x-amz-version-id");
    return CLOUD_COPIED;
}

static bool same_bytes(const struct store_object *a, const struct store_object *b)
{
    return a->identity.etag && b->identity.etag &&
           store_identity_matches(&a->identity, b->identity.etag);
}

static bool is_checked(const struct store *s)
{
    return ((const struct s3_store *)s)->amazon;
}

const struct cloud_copy_kind s3_copies = {
    .action = S3_COPY,
    .is_checked = is_checked,
    .check = check,
    .fill = fill,
    .answered = answered,
    .same_bytes = same_bytes,
};

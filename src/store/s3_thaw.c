/*
 * RestoreObject: asks for an archived object to be made readable for some days.  It may be sent
 * again: when the answer to the first time was lost, the second says that it is under way.
 */
#include <stdlib.h>
#include <string.h>

#include "s3.h"

struct thaw_op {
    struct store_op op; /* first */
    struct s3_request request;
    struct source *body;
    char *xml; /* its bytes */
    char hash[2 * SHA256_LEN + 1];
    store_thaw_fn done;
    void *ctx;
};

static void thaw_free(struct thaw_op *t)
{
    store_op_end(&t->op);
    cloud_request_release(&t->request.q);
    source_free(t->body);
    free(t->xml);
    free(t);
}

static void thaw_stop(struct store_op *op)
{
    thaw_free((struct thaw_op *)op);
}

static const struct store_op_class thaw_class = {.stop = thaw_stop};

/* 202: it has begun; 200: it was readable already, and stays so for as many days from now. */
static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct thaw_op *t = ctx;
    store_thaw_fn done = t->done;
    void *to = t->ctx;
    struct error error = {0};
    bool readable = !e && r->status == 200;

    if (e)
        error = *e;
    else if (r->status / 100 != 2)
        (void)cloud_answer_error(&t->request.q, r, &error);
    thaw_free(t);
    done(to, readable, error.code != PB_OK ? &error : NULL);
}

static enum pb_err make_body(struct thaw_op *t, const struct store_thaw_request *q, struct error *e)
{
    static const char *const tiers[] = {[STORE_THAW_STANDARD] = "Standard",
                                        [STORE_THAW_BULK] = "Bulk",
                                        [STORE_THAW_EXPEDITED] = "Expedited"};
    uint8_t sum[SHA256_LEN];
    struct buf text, md5_text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    buf_init(&md5_text, BUF_MAX_LINE);
    buf_printf(&text,
               "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>%u</Days>"
               "<GlacierJobParameters><Tier>%s</Tier></GlacierJobParameters></RestoreRequest>",
               q->days, tiers[q->tier]);
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = md5(text.data, text.len, sum, e);
    if (err == PB_OK)
        base64_encode(&md5_text, sum, MD5_LEN);
    if (err == PB_OK)
        err = cloud_header(&t->request.q, "Content-MD5", md5_text.data, e);
    if (err == PB_OK)
        err = sha256(text.data, text.len, sum, e);
    if (err == PB_OK) {
        size_t n = text.len;

        hex_text(t->hash, sum, SHA256_LEN);
        t->xml = buf_take(&text, NULL);
        t->body = source_mem(t->xml, n, false);
        err = t->body ? PB_OK : error_nomem(e);
    }
    buf_release(&text);
    buf_release(&md5_text);
    t->request.payload_hash = t->hash;
    t->request.q.body = t->body;
    return err;
}

static enum pb_err begin(struct thaw_op *t, const struct store_thaw_request *q, struct error *e)
{
    struct cloud_request *r = &t->request.q;
    enum pb_err err =
        cloud_request_init(r, t->op.store, S3_RESTORE, q->container, q->key, q->key_len, e);

    r->done = answered;
    r->ctx = t;
    if (err == PB_OK)
        err = cloud_param(r, "restore", NULL, e);
    if (err == PB_OK)
        err = cloud_version(r, q->version_id, e);
    if (err == PB_OK)
        err = cloud_header(r, "Content-Type", "application/xml", e);
    if (err == PB_OK)
        err = make_body(t, q, e);
    return err == PB_OK ? cloud_request_send(r, e) : err;
}

struct store_op *s3_thaw(struct store *s, const struct store_thaw_request *q, store_thaw_fn done,
                         void *ctx, struct error *e)
{
    struct thaw_op *t = mem_alloc(sizeof *t);

    if (!t) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&t->op, &thaw_class, s);
    t->done = done;
    t->ctx = ctx;
    if (begin(t, q, e) == PB_OK)
        return &t->op;
    thaw_free(t);
    return NULL;
}

/*
 * An upload that will not become an object is aborted, or its parts are stored and paid for ever
 * after.  Nobody waits for it but the store itself before it goes away.
 */
#include <stdlib.h>

#include <pklbrowse/log.h>

#include "s3.h"

struct abort_op {
    struct store_op op;
    struct s3_request request;
};

static void abort_free(struct abort_op *a)
{
    store_op_end(&a->op);
    cloud_request_release(&a->request.q);
    free(a);
}

static void abort_stop(struct store_op *op)
{
    log_line("an unfinished upload was left behind: it could not be aborted in time");
    abort_free((struct abort_op *)op);
}

static const struct store_op_class abort_class = {.stop = abort_stop, .farewell = true};

static void aborted(void *ctx, const struct http_result *r, const struct error *e)
{
    if (e || (r->status / 100 != 2 && r->status != 404))
        log_line("an unfinished upload was left behind: %s", e ? e->msg : "the server refuses");
    abort_free(ctx);
}

void s3_abort_upload(struct s3_store *s, const char *bucket, const char *key, size_t key_len,
                     const char *upload)
{
    struct abort_op *a = mem_alloc(sizeof *a);
    struct error e = {0};
    enum pb_err err;

    if (!a)
        return; /* without memory nothing can be asked for */
    store_op_begin(&a->op, &abort_class, &s->c.base);
    err = cloud_request_init(&a->request.q, &s->c.base, S3_ABORT, bucket, key, key_len, &e);
    a->request.q.done = aborted;
    a->request.q.ctx = a;
    a->request.q.farewell = true;
    if (err == PB_OK)
        err = cloud_param(&a->request.q, "uploadId", upload, &e);
    if (err == PB_OK)
        err = cloud_request_send(&a->request.q, &e);
    if (err != PB_OK)
        abort_stop(&a->op);
}

/*
 * Other addresses of an object: its ARN, its URL, and URLs that are signed for a while.  Nothing is
 * sent; credentials are waited for.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>

#include "s3.h"

struct links_op {
    struct store_op op; /* first */
    char *bucket, *key, *version_id;
    size_t key_len;
    bool waiting;
    struct http_headers rows;
    store_details_fn done;
    void *ctx;
};

static struct s3_store *store_of(const struct links_op *l)
{
    return (struct s3_store *)l->op.store;
}

static void make(void *ctx);

static void links_free(struct links_op *l)
{
    if (l->waiting)
        aws_session_forget(store_of(l)->session, l);
    loop_unpost(l->op.store->loop, l);
    store_op_end(&l->op);
    for (size_t i = 0; i < l->rows.len; i++) /* signed */
        explicit_bzero(l->rows.data[i].value, strlen(l->rows.data[i].value));
    http_headers_release(&l->rows);
    free(l->bucket);
    free(l->key);
    free(l->version_id);
    free(l);
}

static void links_stop(struct store_op *op)
{
    links_free((struct links_op *)op);
}

static const struct store_op_class links_class = {.stop = links_stop};

/* Takes the operation with it. */
static void finish(struct links_op *l, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct http_headers rows = l->rows;
    store_details_fn done = l->done;
    void *ctx = l->ctx;

    l->rows = (struct http_headers){0};
    links_free(l);
    done(ctx, e ? NULL : &rows, e ? &error : NULL);
    for (size_t i = 0; i < rows.len; i++)
        explicit_bzero(rows.data[i].value, strlen(rows.data[i].value));
    http_headers_release(&rows);
}

static enum pb_err add_arn(struct links_op *l, const char *region, struct error *e)
{
    const char *partition = strncmp(region, "cn-", 3) == 0       ? "aws-cn"
                            : strncmp(region, "us-gov-", 7) == 0 ? "aws-us-gov"
                                                                 : "aws";
    struct buf arn;
    enum pb_err err;

    buf_init(&arn, BUF_MAX_LINE);
    buf_printf(&arn, "arn:%s:s3:::%s/", partition, l->bucket);
    buf_append(&arn, l->key, l->key_len);
    err = buf_status(&arn, e);
    /* A key with a line end in it has none that could be passed on. */
    if (err == PB_OK && !memchr(arn.data, '\n', arn.len) && !memchr(arn.data, '\r', arn.len))
        err = http_headers_add(&l->rows, "ARN", arn.data, e);
    buf_release(&arn);
    return err;
}

static enum pb_err add_version(const struct links_op *l, struct aws_query *q, struct error *e)
{
    return l->version_id ? aws_query_add(q, "versionId", l->version_id, strlen(l->version_id), e)
                         : PB_OK;
}

static enum pb_err add_url(struct links_op *l, const struct aws_setup *view, struct error *e)
{
    struct aws_query q = {0};
    struct aws_url url;
    struct buf query;
    enum pb_err err = add_version(l, &q, e);

    aws_url_init(&url);
    buf_init(&query, BUF_MAX_LINE);
    if (err == PB_OK)
        err = aws_query_format(&q, &query, e);
    if (err == PB_OK)
        err = aws_url_make(&url, view, view->region, l->bucket, l->key, l->key_len, query.data, e);
    if (err == PB_OK)
        err = http_headers_add(&l->rows, "URL", url.url.data, e);
    aws_query_release(&q);
    aws_url_release(&url);
    buf_release(&query);
    return err;
}

static enum pb_err sign_url(struct links_op *l, const struct aws_setup *view, unsigned seconds,
                            struct buf *out, struct error *e)
{
    char host_name[] = "Host";
    struct http_header host = {host_name, NULL};
    struct http_headers headers = {&host, 1, 1};
    struct aws_query q = {0};
    struct aws_url url;
    struct sigv4 s = {.credentials = aws_session_credentials(store_of(l)->session),
                      .region = aws_signing_region(view->region),
                      .service = "s3",
                      .time = clock_now() + store_of(l)->skew,
                      .method = "GET",
                      .query = "",
                      .headers = &headers,
                      .payload_hash = "UNSIGNED-PAYLOAD"};
    enum pb_err err = add_version(l, &q, e);

    aws_url_init(&url);
    if (err == PB_OK && !s.credentials)
        err = error_set(e, PB_EDENIED, "there are no credentials to sign with");
    if (err == PB_OK)
        err = aws_url_make(&url, view, view->region, l->bucket, l->key, l->key_len, "", e);
    host.value = url.host.data;
    s.path = url.path.data;
    if (err == PB_OK) {
        buf_printf(out, "%s?", url.url.data);
        err = sigv4_presign(&s, &q, seconds, out, e);
    }
    aws_query_release(&q);
    aws_url_release(&url);
    return err;
}

static enum pb_err add_signed(struct links_op *l, const struct aws_setup *view, struct error *e)
{
    static const struct {
        unsigned seconds; /* a week is the most that this kind of signature allows */
        const char *name;
    } terms[] = {{3600, STORE_SECRET "URL-1-hour"},
                 {12 * 3600, STORE_SECRET "URL-12-hours"},
                 {7 * 24 * 3600, STORE_SECRET "URL-7-days"}};
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < sizeof terms / sizeof *terms && err == PB_OK; i++) {
        struct buf url;

        buf_init(&url, BUF_MAX_TEXT);
        err = sign_url(l, view, terms[i].seconds, &url, e);
        if (err == PB_OK)
            err = http_headers_add(&l->rows, terms[i].name, url.data, e);
        if (url.len > 0)
            explicit_bzero(url.data, url.len);
        buf_release(&url);
    }
    return err;
}

static void make(void *ctx)
{
    struct links_op *l = ctx;
    struct aws_setup view = s3_view(store_of(l), l->bucket);
    struct error error;
    enum pb_err err = add_arn(l, view.region, &error);

    if (err == PB_OK)
        err = add_url(l, &view, &error);
    if (err == PB_OK && store_of(l)->session)
        err = add_signed(l, &view, &error);
    finish(l, err == PB_OK ? NULL : &error);
}

static void on_ready(void *ctx, const struct error *e)
{
    struct links_op *l = ctx;

    l->waiting = false;
    if (e)
        finish(l, e);
    else
        make(l);
}

static enum pb_err begin(struct links_op *l, struct error *e)
{
    struct aws_session *session = store_of(l)->session;
    enum pb_err err;

    if (!session || aws_session_ready(session))
        return loop_post(l->op.store->loop, make, l, e);
    err = aws_session_wait(session, on_ready, l, e);
    l->waiting = err == PB_OK;
    return err;
}

struct store_op *s3_links(struct store *s, const char *container, const char *key, size_t key_len,
                          const char *version_id, store_details_fn done, void *ctx, struct error *e)
{
    struct links_op *l = mem_alloc(sizeof *l);
    enum pb_err err = PB_OK;

    if (!l) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&l->op, &links_class, s);
    l->done = done;
    l->ctx = ctx;
    l->bucket = mem_strdup(container);
    l->key = mem_strndup(key, key_len);
    l->key_len = key_len;
    if (version_id)
        l->version_id = mem_strdup(version_id);
    if (!l->bucket || !l->key || (version_id && !l->version_id))
        err = error_nomem(e);
    if (err == PB_OK)
        err = begin(l, e);
    if (err == PB_OK)
        return &l->op;
    links_free(l);
    return NULL;
}

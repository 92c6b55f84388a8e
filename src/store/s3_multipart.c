/* A large write in parts. */
#include "s3_multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/log.h>

#include "s3_parts.h"

#define SIDE_BY_SIDE 4
#define ETAG_MAX 128
#define ELEMENT_MAX 512

struct slot {
    struct s3_multipart *m;
    struct s3_request request;
    struct cloud_digest digest;
    struct source *body; /* of a part that is sent */
    size_t part;
    bool busy;
};

struct s3_multipart {
    struct write_op *w;
    struct s3_parts parts;
    char (*etags)[ETAG_MAX];
    size_t next, done; /* the part to be begun next; how many are there */
    uint64_t sent;     /* bytes of the sent parts that are there */
    char *id;          /* of the upload; NULL: not begun */
    bool completed;    /* nothing is to be aborted */
    bool looked;       /* just now: still what was read */
    struct slot slots[SIDE_BY_SIDE];
    struct buf list; /* the body of the request that completes it */
    struct source *list_source;
    char list_hash[2 * SHA256_LEN + 1];
};

/* ---------------------------------------------------------------------------- its life */

static void slot_release(struct slot *s)
{
    cloud_request_release(&s->request.q);
    cloud_digest_release(&s->digest);
    source_free(s->body);
    s->body = NULL;
    s->busy = false;
}

/* Ends what runs and forgets the upload, so that it can be begun anew. */
static void drop_upload(struct s3_multipart *m)
{
    for (size_t i = 0; i < SIDE_BY_SIDE; i++)
        slot_release(&m->slots[i]);
    if (m->id && !m->completed)
        s3_abort_upload(s3_write_store(m->w), m->w->c.container, m->w->c.key, m->w->c.key_len,
                        m->id);
    free(m->id);
    m->id = NULL;
    m->next = m->done = 0;
    m->sent = 0;
}

void s3_multipart_free(struct s3_multipart *m)
{
    if (!m)
        return;
    drop_upload(m);
    s3_parts_release(&m->parts);
    source_free(m->list_source);
    buf_release(&m->list);
    free(m->etags);
    free(m);
}

static enum pb_err plan(struct s3_multipart *m, const struct store_range *same, size_t count,
                        struct error *e)
{
    enum pb_err err = s3_parts_plan(&m->parts, m->w->c.body->size, same, count, e);

    if (err != PB_OK)
        return err;
    free(m->etags);
    m->etags = mem_alloc(m->parts.len * sizeof *m->etags);
    return m->etags ? PB_OK : error_nomem(e);
}

enum pb_err s3_multipart_new(struct write_op *w, const struct store_write_request *q,
                             struct s3_multipart **out, struct error *e)
{
    bool known = q->condition == STORE_IF_SAME && q->unchanged_count > 0 && q->identity->etag;
    struct s3_multipart *m;
    enum pb_err err;

    *out = NULL;
    if (s3_write_store(w)->google) /* it takes 5 TiB at once, and copies no ranges */
        return PB_OK;
    if (q->body->size <= S3_PUT_MAX && !(known && q->body->size >= S3_MULTIPART_FROM))
        return PB_OK;
    m = mem_alloc(sizeof *m);
    if (!m)
        return error_nomem(e);
    m->w = w;
    buf_init(&m->list, SIZE_MAX / 2);
    for (size_t i = 0; i < SIDE_BY_SIDE; i++)
        m->slots[i].m = m;
    err = plan(m, known ? q->unchanged : NULL, known ? q->unchanged_count : 0, e);
    if (err == PB_OK && m->parts.sent > q->body->size / 2 && q->body->size <= S3_PUT_MAX) {
        s3_multipart_free(m); /* nothing is gained */
        return PB_OK;
    }
    if (err != PB_OK) {
        s3_multipart_free(m);
        return err;
    }
    *out = m;
    return PB_OK;
}

void s3_multipart_completed(struct s3_multipart *m)
{
    m->completed = true;
}

void s3_multipart_progress(const struct s3_multipart *m, struct http_progress *out)
{
    *out = (struct http_progress){.sent = m->sent, .send_total = m->parts.sent};
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
        const struct slot *s = &m->slots[i];
        struct http_progress p;

        if (!s->busy || !s->request.q.call)
            continue;
        http_progress(s->request.q.call, &p);
        out->rate += p.rate;
        out->sent += p.sent; /* of a copy: nothing */
        if (p.attempt > out->attempt)
            out->attempt = p.attempt;
    }
}

/* ------------------------------------------------------------------------- what it says */

/* A 200 may yet say that it failed: it was begun before the end was known. */
static bool hides_error(void *ctx, const struct http_result *r)
{
    (void)ctx;
    return s3_is_error_body(&r->body);
}

static bool succeeded(const struct http_result *r)
{
    return r->status / 100 == 2 && !s3_is_error_body(&r->body);
}

/* --------------------------------------------------------------------------- the parts */

static void begin_parts(struct s3_multipart *m);

/* Amazon holds a copy against its condition. */
static bool is_checked(const struct write_op *w)
{
    return !s3_write_store(w)->amazon;
}

static void send_everything(struct write_op *w, const char *why)
{
    struct s3_multipart *m = w->multipart;
    struct error e = {0};

    log_line("%s: all of it is sent", why);
    drop_upload(m);
    s3_parts_release(&m->parts);
    if (plan(m, NULL, 0, &e) != PB_OK)
        cloud_write_fail(&w->c, &e);
    else
        s3_multipart_go(w);
}

/* Takes the whole write with it. */
static void part_failed(struct slot *s, const struct http_result *r)
{
    struct write_op *w = s->m->w;
    struct cloud_problem p;
    struct error e = {0};

    s3_problem_read(&p, r);
    (void)cloud_problem_error(&p, &s->request.q, r, &e);
    if (r->status == 412 || r->status == 416 || cloud_problem_is(&p, "PreconditionFailed")) {
        cloud_write_conflict(&w->c);
    } else if (s->m->parts.data[s->part].copied &&
               (r->status == 404 || r->status == 501 || cloud_problem_is(&p, "NotImplemented"))) {
        /* Some look for another name where there is a '%' in it. */
        send_everything(w, "the server does not copy parts of it");
    } else {
        cloud_write_fail(&w->c, &e);
    }
}

/* Is it the copy that was asked for?  A server may have looked elsewhere and ignored the condition;
 * then its MD5 is another one. */
static bool is_wrong_copy(const struct slot *s)
{
    const struct write_op *w = s->m->w;
    const char *sse = http_headers_get(&w->c.before.keep, "x-amz-server-side-encryption");
    const char *etag = s->m->etags[s->part] + (s->m->etags[s->part][0] == '"');
    uint8_t sum[MD5_LEN];

    return s->m->parts.data[s->part].copied && is_checked(w) &&
           !(sse && strcmp(sse, "AES256") != 0) && hex_decode(etag, 2 * MD5_LEN, sum) &&
           strncasecmp(etag, s->digest.checks.md5_hex, 2 * (size_t)MD5_LEN) != 0;
}

static bool keep_etag(struct slot *s, const struct http_result *r)
{
    const struct s3_part *part = &s->m->parts.data[s->part];
    const char *etag = http_headers_get(&r->headers, "ETag");
    char text[ELEMENT_MAX];

    if (part->copied) {
        s3_read_element(r, "CopyPartResult/ETag", text, sizeof text);
        etag = text;
    }
    if (!etag || !*etag || strlen(etag) >= ETAG_MAX)
        return false;
    memcpy(s->m->etags[s->part], etag, strlen(etag) + 1);
    return true;
}

static void part_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct slot *s = ctx;
    struct s3_multipart *m = s->m;
    const struct s3_part *part = &m->parts.data[s->part];

    if (e) {
        cloud_write_fail(&m->w->c, e);
    } else if (!succeeded(r)) {
        part_failed(s, r);
    } else if (!keep_etag(s, r)) {
        cloud_write_fail_with(&m->w->c, PB_ESERVER,
                              "the server does not say what it stored of a part");
    } else if (is_wrong_copy(s)) {
        send_everything(m->w, "the server copied other bytes than were asked for");
    } else {
        m->done++;
        m->sent += part->copied ? 0 : part->len;
        slot_release(s);
        begin_parts(m);
    }
}

static enum pb_err begin_request(struct slot *s, struct error *e)
{
    const struct write_op *w = s->m->w;
    char number[32];
    struct buf text;
    enum pb_err err;

    cloud_request_release(&s->request.q);
    err = cloud_request_init(&s->request.q, w->c.op.store, S3_PART, w->c.container, w->c.key,
                             w->c.key_len, e);
    s->request.q.speaks_of = S3_PUT;
    s->request.q.done = part_answered;
    s->request.q.reject = hides_error;
    s->request.q.ctx = s;
    buf_init(&text, sizeof number);
    buf_printf(&text, "%zu", s->part + 1);
    if (err == PB_OK)
        err = cloud_param(&s->request.q, "partNumber", text.data, e);
    if (err == PB_OK)
        err = cloud_param(&s->request.q, "uploadId", s->m->id, e);
    buf_release(&text);
    return err;
}

static enum pb_err copy_headers(struct slot *s, struct error *e)
{
    const struct write_op *w = s->m->w;
    const struct s3_part *part = &s->m->parts.data[s->part];
    struct buf text;
    enum pb_err err = s3_copy_source(&s->request.q, w->c.container, w->c.key, w->c.key_len,
                                     &w->c.before.identity, e);

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "bytes=%llu-%llu", (unsigned long long)part->from,
               (unsigned long long)(part->from + part->len - 1));
    if (err == PB_OK)
        err = cloud_header(&s->request.q, "x-amz-copy-source-range", text.data, e);
    buf_release(&text);
    return err;
}

static enum pb_err sent_headers(struct slot *s, struct error *e)
{
    s->request.payload_hash = s->digest.checks.sha256_hex;
    s->request.q.body = s->body;
    return cloud_header(&s->request.q, "Content-MD5", s->digest.checks.md5, e);
}

static enum pb_err send_part(struct slot *s, struct error *e)
{
    enum pb_err err = begin_request(s, e);

    if (err == PB_OK)
        err = s->m->parts.data[s->part].copied ? copy_headers(s, e) : sent_headers(s, e);
    return err == PB_OK ? cloud_request_send(&s->request.q, e) : err;
}

static void part_digested(void *ctx, const struct error *e)
{
    struct slot *s = ctx;
    struct error error = {0};

    if (e)
        cloud_write_fail(&s->m->w->c, e);
    else if (send_part(s, &error) != PB_OK)
        cloud_write_fail(&s->m->w->c, &error);
}

static enum pb_err begin_part(struct slot *s, struct error *e)
{
    const struct write_op *w = s->m->w;
    const struct s3_part *part = &s->m->parts.data[s->part];

    s->busy = true;
    if (part->copied && !is_checked(w))
        return send_part(s, e);
    s->body = source_slice(w->c.body, part->at, part->len);
    if (!s->body)
        return error_nomem(e);
    return cloud_digest_start(&s->digest, CLOUD_SHA256 | CLOUD_MD5, w->c.op.store->loop, s->body,
                              part_digested, s, e);
}

/* As many as may run; when all are there, the end. */
static void begin_parts(struct s3_multipart *m)
{
    struct error e = {0};

    for (size_t i = 0; i < SIDE_BY_SIDE && m->next < m->parts.len; i++) {
        struct slot *s = &m->slots[i];

        if (s->busy)
            continue;
        s->part = m->next++;
        if (begin_part(s, &e) != PB_OK) {
            cloud_write_fail(&m->w->c, &e);
            return;
        }
    }
    if (m->done == m->parts.len)
        s3_multipart_go(m->w);
}

/* --------------------------------------------------------------------------- its begin */

static void created(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct error error = {0};
    char text[ELEMENT_MAX];

    if (e) {
        cloud_write_fail(&w->c, e);
        return;
    }
    if (!succeeded(r)) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        cloud_write_fail(&w->c, &error);
        return;
    }
    s3_read_element(r, "InitiateMultipartUploadResult/UploadId", text, sizeof text);
    if (!*text) {
        cloud_write_fail_with(&w->c, PB_ESERVER,
                              "the server does not name the upload that it began");
        return;
    }
    w->multipart->id = mem_strdup(text);
    if (!w->multipart->id) {
        (void)error_nomem(&error);
        cloud_write_fail(&w->c, &error);
        return;
    }
    begin_parts(w->multipart);
}

static enum pb_err create(struct write_op *w, struct error *e)
{
    enum pb_err err = cloud_write_begin(&w->c, S3_CREATE_UPLOAD, created, e);

    if (err == PB_OK)
        err = cloud_param(&w->request.q, "uploads", NULL, e);
    if (err == PB_OK)
        err = s3_put_properties(w, e);
    return err == PB_OK ? cloud_request_send(&w->request.q, e) : err;
}

/* ----------------------------------------------------------------------------- its end */

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            buf_puts(out, "&amp;");
        else if (*text == '<')
            buf_puts(out, "&lt;");
        else
            buf_putc(out, *text);
    }
}

static enum pb_err make_list(struct s3_multipart *m, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    enum pb_err err;

    buf_clear(&m->list);
    buf_puts(&m->list,
             "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < m->parts.len; i++) {
        buf_printf(&m->list, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        put_escaped(&m->list, m->etags[i]);
        buf_puts(&m->list, "</ETag></Part>");
    }
    buf_puts(&m->list, "</CompleteMultipartUpload>");
    err = buf_status(&m->list, e);
    source_free(m->list_source);
    m->list_source = err == PB_OK ? source_mem(m->list.data, m->list.len, false) : NULL;
    if (err == PB_OK && !m->list_source)
        err = error_nomem(e);
    if (err == PB_OK)
        err = sha256(m->list.data, m->list.len, hash, e);
    if (err != PB_OK)
        return err;
    hex_text(m->list_hash, hash, sizeof hash);
    return PB_OK;
}

/* The ETag that the object will have where those of the parts are their MD5: the MD5 of these. */
static enum pb_err expect_etag(struct s3_multipart *m, struct error *e)
{
    uint8_t sum[MD5_LEN], all[SHA256_LEN];
    struct digest *d = NULL;
    struct buf text;
    size_t n;
    enum pb_err err = digest_new(DIGEST_MD5, &d, e);

    for (size_t i = 0; err == PB_OK && i < m->parts.len; i++) {
        const char *hex = m->etags[i] + (m->etags[i][0] == '"');

        if (!hex_decode(hex, 2 * MD5_LEN, sum)) {
            digest_free(d);
            return PB_OK; /* no MD5: what was written is then known by its bytes */
        }
        err = digest_update(d, sum, sizeof sum, e);
    }
    if (err != PB_OK) {
        digest_free(d);
        return err;
    }
    err = digest_final(d, all, &n, e);
    if (err != PB_OK)
        return err;
    buf_init(&text, sizeof m->w->expect_etag);
    hex_encode(&text, all, MD5_LEN);
    buf_printf(&text, "-%zu", m->parts.len);
    if (buf_status(&text, NULL) == PB_OK)
        memcpy(m->w->expect_etag, text.data, text.len + 1);
    buf_release(&text);
    return PB_OK;
}

static void completed(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    char text[ELEMENT_MAX];

    if (e || !succeeded(r)) {
        s3_write_put_answered(w, r, e);
        return;
    }
    s3_read_element(r, "CompleteMultipartUploadResult/ETag", text, sizeof text);
    w->multipart->completed = true;
    s3_write_put_done(w, r, text);
}

static void complete(struct write_op *w)
{
    struct s3_multipart *m = w->multipart;
    struct error e = {0};
    enum pb_err err = cloud_write_begin(&w->c, S3_COMPLETE, completed, &e);

    w->c.puts++;
    if (err == PB_OK)
        err = make_list(m, &e);
    if (err == PB_OK)
        err = expect_etag(m, &e);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "uploadId", m->id, &e);
    if (err == PB_OK)
        err = s3_put_condition(w, &e);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "Content-Type", "application/xml", &e);
    w->request.payload_hash = m->list_hash;
    w->request.q.body = m->list_source;
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &e);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &e);
}

/* The parts took their time: is it still what was read?  Not every server holds the last request
 * against that. */
static void looked_again(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct store_object o;
    struct error error = {0};
    bool same;

    if (e) {
        cloud_write_fail(&w->c, e);
        return;
    }
    if (r->status / 100 != 2) {
        if (r->status == 404)
            (void)cloud_error(&w->request.q, PB_ECHANGED,
                              "it was deleted by someone else; nothing was written", &error);
        else
            (void)cloud_answer_error(&w->request.q, r, &error);
        cloud_write_fail(&w->c, &error);
        return;
    }
    if (s3_object_from(&o, r, &error) != PB_OK) {
        cloud_write_fail(&w->c, &error);
        return;
    }
    same = store_identity_same(&o.identity, &w->c.before.identity);
    store_object_release(&o);
    if (same)
        complete(w);
    else
        cloud_write_conflict(&w->c);
}

void s3_multipart_go(struct write_op *w)
{
    struct s3_multipart *m = w->multipart;
    struct error e = {0};

    if (!m->id) {
        if (create(w, &e) != PB_OK)
            cloud_write_fail(&w->c, &e);
    } else if (m->done < m->parts.len) {
        begin_parts(m);
    } else if (w->c.condition == STORE_IF_SAME && !m->looked) {
        m->looked = true;
        cloud_write_look(&w->c, looked_again);
    } else {
        complete(w);
    }
}

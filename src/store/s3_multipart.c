/* A large write in parts. */
#include "s3_multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/log.h>

#include "cloud_pieces.h"
#include "s3_parts.h"

#define ETAG_MAX 128
#define ELEMENT_MAX 512

struct s3_multipart {
    struct write_op *w;
    struct s3_parts parts;
    char (*etags)[ETAG_MAX];
    struct cloud_pieces pieces; /* the parts, as they are made */
    char *id;                   /* of the upload; NULL: not begun */
    bool completed;             /* nothing is to be aborted */
    bool looked;                /* just now: still what was read */
    struct buf list;            /* the body of the request that completes it */
    struct source *list_source;
    char list_hash[2 * SHA256_LEN + 1];
};

/* ---------------------------------------------------------------------------- its life */

/* Ends what runs and forgets the upload, so that it can be begun anew. */
static void drop_upload(struct s3_multipart *m)
{
    cloud_pieces_reset(&m->pieces, 0, 0);
    if (m->id && !m->completed)
        s3_abort_upload(s3_write_store(m->w), m->w->c.container, m->w->c.key, m->w->c.key_len,
                        m->id);
    free(m->id);
    m->id = NULL;
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
    cloud_pieces_reset(&m->pieces, m->parts.len, m->parts.sent);
    return m->etags ? PB_OK : error_nomem(e);
}

static const struct cloud_pieces_kind parts_kind;

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
    cloud_pieces_init(&m->pieces, &parts_kind, &w->c);
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
    cloud_pieces_progress(&m->pieces, out);
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

static struct write_op *write_of(const struct cloud_slot *s)
{
    return (struct write_op *)s->all->w;
}

static const struct s3_part *part_of(const struct cloud_slot *s)
{
    return &write_of(s)->multipart->parts.data[s->piece];
}

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
static void part_failed(struct cloud_slot *s, const struct http_result *r)
{
    struct write_op *w = write_of(s);
    struct cloud_problem p;
    struct error e = {0};

    s3_problem_read(&p, r);
    (void)cloud_problem_error(&p, s->request, r, &e);
    if (r->status == 412 || r->status == 416 || cloud_problem_is(&p, "PreconditionFailed")) {
        cloud_write_conflict(&w->c);
    } else if (part_of(s)->copied &&
               (r->status == 404 || r->status == 501 || cloud_problem_is(&p, "NotImplemented"))) {
        /* Some look for another name where there is a '%' in it. */
        send_everything(w, "the server does not copy parts of it");
    } else {
        cloud_write_fail(&w->c, &e);
    }
}

/* Is it the copy that was asked for?  A server may have looked elsewhere and ignored the condition;
 * then its MD5 is another one. */
static bool is_wrong_copy(const struct cloud_slot *s)
{
    const struct write_op *w = write_of(s);
    const char *all = w->multipart->etags[s->piece];
    const char *sse = http_headers_get(&w->c.before.keep, "x-amz-server-side-encryption");
    const char *etag = all + (all[0] == '"');
    uint8_t sum[MD5_LEN];

    return part_of(s)->copied && is_checked(w) && !(sse && strcmp(sse, "AES256") != 0) &&
           !s3_put_has_customer(w) && hex_decode(etag, 2 * MD5_LEN, sum) &&
           strncasecmp(etag, s->digest.checks.md5_hex, 2 * (size_t)MD5_LEN) != 0;
}

static bool keep_etag(const struct cloud_slot *s, const struct http_result *r)
{
    const char *etag = http_headers_get(&r->headers, "ETag");
    char text[ELEMENT_MAX];

    if (part_of(s)->copied) {
        s3_read_element(r, "CopyPartResult/ETag", text, sizeof text);
        etag = text;
    }
    if (!etag || !*etag || strlen(etag) >= ETAG_MAX)
        return false;
    memcpy(write_of(s)->multipart->etags[s->piece], etag, strlen(etag) + 1);
    return true;
}

static bool part_answered(struct cloud_slot *s, const struct http_result *r)
{
    struct write_op *w = write_of(s);

    if (!succeeded(r)) {
        part_failed(s, r);
    } else if (!keep_etag(s, r)) {
        cloud_write_fail_with(&w->c, PB_ESERVER,
                              "the server does not say what it stored of a part");
    } else if (is_wrong_copy(s)) {
        send_everything(w, "the server copied other bytes than were asked for");
    } else {
        return true;
    }
    return false;
}

static enum pb_err copy_headers(struct cloud_slot *s, struct error *e)
{
    const struct write_op *w = write_of(s);
    const struct s3_part *part = part_of(s);
    struct buf text;
    enum pb_err err = s3_copy_source(s->request, w->c.container, w->c.key, w->c.key_len,
                                     &w->c.before.identity, s3_customer_has(&w->c.before.keep), e);

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "bytes=%llu-%llu", (unsigned long long)part->from,
               (unsigned long long)(part->from + part->len - 1));
    if (err == PB_OK)
        err = cloud_header(s->request, "x-amz-copy-source-range", text.data, e);
    buf_release(&text);
    return err;
}

static enum pb_err sent_headers(struct cloud_slot *s, struct error *e)
{
    ((struct s3_request *)s->request)->payload_hash = s->digest.checks.sha256_hex;
    s->request->body = s->body;
    return cloud_header(s->request, "Content-MD5", s->digest.checks.md5, e);
}

static enum pb_err ask_part(struct cloud_slot *s, struct error *e)
{
    enum pb_err err;

    s->request->reject = hides_error;
    err = cloud_param_number(s->request, "partNumber", s->piece + 1, e);
    if (err == PB_OK)
        err = cloud_param(s->request, "uploadId", write_of(s)->multipart->id, e);
    if (err == PB_OK && s3_put_has_customer(write_of(s)))
        err = s3_customer_say(s->request, false, e);
    if (err != PB_OK)
        return err;
    return part_of(s)->copied ? copy_headers(s, e) : sent_headers(s, e);
}

static struct cloud_piece piece_of(const struct cloud_write *c, size_t i)
{
    const struct write_op *w = (const struct write_op *)c;
    const struct s3_part *part = &w->multipart->parts.data[i];

    return (struct cloud_piece){.at = part->at,
                                .len = part->len,
                                .sent = !part->copied,
                                .summed = !part->copied || is_checked(w)};
}

static void parts_there(struct cloud_write *c)
{
    s3_multipart_go((struct write_op *)c);
}

static const struct cloud_pieces_kind parts_kind = {.action = S3_PART,
                                                    .checks = CLOUD_SHA256 | CLOUD_MD5,
                                                    .piece = piece_of,
                                                    .ask = ask_part,
                                                    .answered = part_answered,
                                                    .all_there = parts_there};

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
    cloud_pieces_go(&w->multipart->pieces);
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
    } else if (m->pieces.done < m->pieces.count) {
        cloud_pieces_go(&m->pieces);
    } else if (w->c.condition == STORE_IF_SAME && !m->looked) {
        m->looked = true;
        cloud_write_look(&w->c, looked_again);
    } else {
        complete(w);
    }
}

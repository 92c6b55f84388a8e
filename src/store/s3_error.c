/* What an answer that is no success says, and in which words we pass it on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "s3.h"

/* --------------------------------------------------------------------------- reading */

/* What does not fit is for people, and cut at a character; a name that does not fit is no name. */
static void keep_text(char *to, size_t size, const char *text, size_t n, bool name)
{
    if (n >= size && name)
        return;
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, text, n);
    to[n] = '\0';
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct s3_problem *p = ctx;

    if (strcmp(path, "Error/Code") == 0)
        keep_text(p->code, sizeof p->code, text, len, true);
    else if (strcmp(path, "Error/Message") == 0)
        keep_text(p->message, sizeof p->message, text, len, false);
    else if (strcmp(path, "Error/Region") == 0)
        keep_text(p->region, sizeof p->region, text, len, true);
    else if (strcmp(path, "Error/RequestId") == 0)
        keep_text(p->request_id, sizeof p->request_id, text, len, false);
    else if (strcmp(path, "Error/HostId") == 0)
        keep_text(p->host_id, sizeof p->host_id, text, len, false);
    else if (strcmp(path, "Error/ServerTime") == 0 && !clock_parse_iso(text, len, &p->server_time))
        p->server_time = 0;
}

void s3_problem_read(struct s3_problem *p, const struct http_result *r)
{
    struct xml_handler handler = {.end = on_end, .ctx = p};
    struct xml *x = NULL;
    const char *value;

    *p = (struct s3_problem){0};
    /* A body that is no XML, or not all of it, just says less. */
    if (r->body.len > 0 && xml_new(&handler, &x, NULL) == PB_OK) {
        if (xml_feed(x, r->body.data, r->body.len, NULL) != PB_OK || xml_finish(x, NULL) != PB_OK)
            log_line("the error's body is no complete XML document");
        xml_free(x);
    }
    value = http_headers_get(&r->headers, "x-amz-request-id");
    if (value && !*p->request_id)
        keep_text(p->request_id, sizeof p->request_id, value, strlen(value), false);
    value = http_headers_get(&r->headers, "x-amz-id-2");
    if (value && !*p->host_id)
        keep_text(p->host_id, sizeof p->host_id, value, strlen(value), false);
}

bool s3_problem_is(const struct s3_problem *p, const char *code)
{
    return strcmp(p->code, code) == 0;
}

struct root {
    bool seen, is_error;
};

static void on_root(void *ctx, const char *path)
{
    struct root *root = ctx;

    if (!root->seen)
        root->is_error = strcmp(path, "Error") == 0;
    root->seen = true;
}

bool s3_is_error_body(const struct buf *body)
{
    struct root root = {false, false};
    struct xml_handler handler = {.start = on_root, .ctx = &root};
    struct xml *x = NULL;
    size_t n = body->len < 1024 ? body->len : 1024;

    if (n == 0 || xml_new(&handler, &x, NULL) != PB_OK)
        return false;
    if (xml_feed(x, body->data, n, NULL) != PB_OK)
        log_line("the answer's body does not begin as an XML document");
    xml_free(x);
    return root.is_error;
}

/* ----------------------------------------------------------------------------- words */

static const struct {
    const char *what, *permission;
} actions[] = {
    [S3_LIST_BUCKETS] = {"list the buckets of", "s3:ListAllMyBuckets"},
    [S3_LIST] = {"list", "s3:ListBucket"},
    [S3_LIST_VERSIONS] = {"list the versions in", "s3:ListBucketVersions"},
    [S3_HEAD] = {"look at", "s3:GetObject"},
    [S3_GET] = {"read", "s3:GetObject"},
    [S3_TAGS] = {"read the tags of", "s3:GetObjectTagging"},
    [S3_ACL] = {"read the access list of", "s3:GetObjectAcl"},
    [S3_PUT] = {"save", "s3:PutObject"},
    [S3_DELETE] = {"remove", "s3:DeleteObject"},
    [S3_CREATE_UPLOAD] = {"save", "s3:PutObject"},
    [S3_PART] = {"save", "s3:PutObject"},
    [S3_COMPLETE] = {"save", "s3:PutObject"},
    [S3_PUT_TAGS] = {"set the tags of", "s3:PutObjectTagging"},
    [S3_ABORT] = {"abort the upload of", "s3:AbortMultipartUpload"},
};

/* code NULL: by status alone. */
static const struct {
    const char *code;
    int status;
    enum pb_err err;
    const char *words;
} answers[] = {
    {"NoSuchBucket", 0, PB_ENOTFOUND, "there is no such bucket"},
    {"NoSuchKey", 0, PB_ENOTFOUND, "there is no such object"},
    {"NoSuchVersion", 0, PB_ENOTFOUND, "there is no such version"},
    {"AllAccessDisabled", 0, PB_EDENIED, "all access to it is switched off"},
    {"AccountProblem", 0, PB_EDENIED, "there is a problem with the account"},
    {"SignatureDoesNotMatch", 0, PB_EDENIED,
     "the secret key is wrong (or something on the way changes requests)"},
    {"InvalidAccessKeyId", 0, PB_EDENIED, "the access key is not known there"},
    {"ExpiredToken", 0, PB_EDENIED, "the session has expired: sign in again"},
    {"TokenRefreshRequired", 0, PB_EDENIED, "the session has expired: sign in again"},
    {"InvalidToken", 0, PB_EDENIED, "the session token is not valid there"},
    {"RequestTimeTooSkewed", 0, PB_EDENIED, "this machine's clock is wrong: set it right"},
    {"InvalidObjectState", 0, PB_EUNSUPPORTED,
     "it is archived and must be restored before it can be read"},
    {"PreconditionFailed", 0, PB_ECHANGED, "it was changed by someone else"},
    {"ConditionalRequestConflict", 0, PB_ECHANGED, "someone else is changing it right now"},
    {"NotImplemented", 0, PB_EUNSUPPORTED, "the server does not do this"},
    {"SlowDown", 0, PB_ESERVER, "the server asks for fewer requests: try again later"},
    {"InvalidBucketName", 0, PB_EUSAGE, "that is not the name of a bucket"},
    {"KeyTooLongError", 0, PB_EUSAGE, "the key is longer than 1,024 bytes"},
    {"EntityTooLarge", 0, PB_ELIMIT, "it is larger than the server takes in one piece"},
    {"NoSuchUpload", 0, PB_ESERVER, "the upload was aborted by someone else"},
    {"QuotaExceeded", 0, PB_ESERVER, "the quota is used up"},
    {"AccessControlListNotSupported", 0, PB_EUNSUPPORTED, "the bucket takes no access lists"},
    {"BadDigest", 0, PB_ESERVER, "the bytes were damaged on the way"},
    {"XAmzContentSHA256Mismatch", 0, PB_ESERVER, "the bytes were damaged on the way"},
    {NULL, 400, PB_ESERVER, "the server does not accept the request"},
    {NULL, 401, PB_EDENIED, "access denied"},
    {NULL, 404, PB_ENOTFOUND, "there is no such object"},
    {NULL, 405, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 409, PB_ESERVER, "something else is being done with it right now"},
    {NULL, 412, PB_ECHANGED, "it was changed by someone else"},
    {NULL, 416, PB_ECHANGED, "it is shorter than expected"},
    {NULL, 501, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 503, PB_ESERVER, "the server is busy: try again later"},
};

static enum pb_err classify(const struct s3_problem *p, int status, const char **words)
{
    size_t i;

    for (i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (answers[i].code ? !s3_problem_is(p, answers[i].code) : answers[i].status != status)
            continue;
        *words = answers[i].words;
        return answers[i].err;
    }
    *words = "the server answered with an error";
    return PB_ESERVER;
}

static void put_denied(struct buf *out, const struct s3_request *q)
{
    if (q->s3->setup.anonymous) {
        buf_puts(out, "access denied without credentials");
        return;
    }
    if (q->action == S3_LIST_BUCKETS)
        buf_puts(out, "access denied (needs s3:ListAllMyBuckets): open a bucket by its name");
    else if (q->action == S3_LIST)
        buf_puts(out, "access denied (needs s3:ListBucket): open a known key by its name, or use "
                      "another profile");
    else if (q->action == S3_HEAD) /* its answer says nothing more */
        buf_puts(out, "access denied: the credentials are wrong, or may not read it "
                      "(s3:GetObject), or it does not exist");
    else if (q->action == S3_GET)
        buf_puts(out, "access denied (needs s3:GetObject), or there is no such object and the "
                      "bucket may not be listed");
    else
        buf_printf(out, "access denied (needs %s)", actions[q->action].permission);
}

static void put_where(struct buf *out, const struct s3_request *q)
{
    if (q->bucket)
        store_show(out, q->s3->google ? "gs" : "s3", q->bucket, q->key, q->key_len);
    else if (q->s3->setup.endpoint)
        text_escape_cols(out, q->s3->setup.endpoint, strlen(q->s3->setup.endpoint), 100);
    else
        buf_puts(out, "the account");
}

static void put_detail(struct buf *out, const struct s3_problem *p, int status)
{
    buf_printf(out, "HTTP %d", status);
    if (*p->code) {
        buf_putc(out, ' ');
        text_escape(out, p->code, strlen(p->code));
    }
    if (*p->message) {
        buf_puts(out, ": ");
        text_escape(out, p->message, strlen(p->message));
    }
    if (*p->request_id) {
        buf_puts(out, "; request id ");
        text_escape(out, p->request_id, strlen(p->request_id));
    }
    if (*p->host_id) {
        buf_puts(out, "; host id ");
        text_escape(out, p->host_id, strlen(p->host_id));
    }
}

enum pb_err s3_error(const struct s3_request *q, enum pb_err code, const char *why, struct error *e)
{
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    put_where(&where, q);
    code = error_set(e, code, "cannot %s %s: %s", actions[q->speaks_of].what, where.data, why);
    buf_release(&where);
    return code;
}

static bool in_another_region(const struct s3_problem *p, int status)
{
    return (status >= 300 && status < 309 && status != 304) ||
           s3_problem_is(p, "AuthorizationHeaderMalformed") ||
           s3_problem_is(p, "IllegalLocationConstraintException");
}

enum pb_err s3_problem_error(const struct s3_problem *p, const struct s3_request *q,
                             const struct http_result *r, struct error *e)
{
    const char *words = NULL;
    struct buf why, detail;
    enum pb_err err;

    buf_init(&why, BUF_MAX_LINE);
    buf_init(&detail, BUF_MAX_LINE);
    err = classify(p, r->status, &words);
    if (s3_problem_is(p, "AccessDenied") || (!*p->code && r->status == 403)) {
        err = PB_EDENIED;
        put_denied(&why, q);
    } else if (in_another_region(p, r->status)) {
        err = PB_ESERVER;
        buf_puts(&why, "the server says that it is elsewhere");
        if (*p->region) {
            buf_puts(&why, ", in region ");
            text_escape(&why, p->region, strlen(p->region));
        }
    } else if (!*p->code && r->status == 404 && !q->key) {
        buf_puts(&why, "there is no such bucket");
    } else {
        buf_puts(&why, words);
        if (err == PB_ESERVER) {
            buf_printf(&why, " (HTTP %d%s", r->status, *p->code ? " " : "");
            text_escape(&why, p->code, strlen(p->code));
            buf_putc(&why, ')');
        }
    }
    put_detail(&detail, p, r->status);
    err = s3_error(q, err, why.data, e);
    if (e) {
        e->http_status = r->status;
        keep_text(e->server_code, sizeof e->server_code, p->code, strlen(p->code), true);
        keep_text(e->detail, sizeof e->detail, detail.data, detail.len, false);
    }
    buf_release(&why);
    buf_release(&detail);
    return err;
}

enum pb_err s3_answer_error(const struct s3_request *q, const struct http_result *r,
                            struct error *e)
{
    struct s3_problem p;

    s3_problem_read(&p, r);
    return s3_problem_error(&p, q, r, e);
}

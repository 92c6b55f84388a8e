/* What an answer that is no success says, and in which words we pass it on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "s3.h"

/* --------------------------------------------------------------------------- reading */

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct cloud_problem *p = ctx;

    if (strcmp(path, "Error/Code") == 0)
        cloud_keep_text(p->code, sizeof p->code, text, len, true);
    else if (strcmp(path, "Error/Message") == 0)
        cloud_keep_text(p->message, sizeof p->message, text, len, false);
    else if (strcmp(path, "Error/Region") == 0)
        cloud_keep_text(p->region, sizeof p->region, text, len, true);
    else if (strcmp(path, "Error/RequestId") == 0)
        cloud_keep_text(p->request_id, sizeof p->request_id, text, len, false);
    else if (strcmp(path, "Error/HostId") == 0)
        cloud_keep_text(p->host_id, sizeof p->host_id, text, len, false);
    else if (strcmp(path, "Error/ServerTime") == 0 && !clock_parse_iso(text, len, &p->server_time))
        p->server_time = 0;
}

void s3_problem_read(struct cloud_problem *p, const struct http_result *r)
{
    const char *value;

    *p = (struct cloud_problem){0};
    cloud_read_error_xml(&r->body, on_end, p);
    value = http_headers_get(&r->headers, "x-amz-request-id");
    if (value && !*p->request_id)
        cloud_keep_text(p->request_id, sizeof p->request_id, value, strlen(value), false);
    value = http_headers_get(&r->headers, "x-amz-id-2");
    if (value && !*p->host_id)
        cloud_keep_text(p->host_id, sizeof p->host_id, value, strlen(value), false);
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

const struct cloud_answer s3_answers[] = {
    {"NoSuchBucket", 0, PB_ENOTFOUND, N_("there is no such bucket")},
    {"NoSuchKey", 0, PB_ENOTFOUND, N_("there is no such object")},
    {"NoSuchVersion", 0, PB_ENOTFOUND, N_("there is no such version")},
    {"AllAccessDisabled", 0, PB_EDENIED, N_("all access to it is switched off")},
    {"AccountProblem", 0, PB_EDENIED, N_("there is a problem with the account")},
    {"SignatureDoesNotMatch", 0, PB_EDENIED,
     N_("the secret key is wrong (or something on the way changes requests)")},
    {"InvalidAccessKeyId", 0, PB_EDENIED, N_("the access key is not known there")},
    {"ExpiredToken", 0, PB_EDENIED, N_("the session has expired: sign in again")},
    {"TokenRefreshRequired", 0, PB_EDENIED, N_("the session has expired: sign in again")},
    {"InvalidToken", 0, PB_EDENIED, N_("the session token is not valid there")},
    {"RequestTimeTooSkewed", 0, PB_EDENIED, N_("this machine's clock is wrong: set it right")},
    {"InvalidObjectState", 0, PB_EUNSUPPORTED,
     N_("it is archived and must be restored before it can be read")},
    {"RestoreAlreadyInProgress", 0, PB_EEXIST, N_("it is being restored already")},
    {"GlacierExpeditedRetrievalNotAvailable", 0, PB_ESERVER,
     N_("there is no room for expedited restoring right now: take another tier")},
    {"PreconditionFailed", 0, PB_ECHANGED, N_("it was changed by someone else")},
    {"ConditionalRequestConflict", 0, PB_ECHANGED, N_("someone else is changing it right now")},
    {"NotImplemented", 0, PB_EUNSUPPORTED, N_("the server does not do this")},
    {"SlowDown", 0, PB_ESERVER, N_("the server asks for fewer requests: try again later")},
    {"InvalidBucketName", 0, PB_EUSAGE, N_("that is not the name of a bucket")},
    {"KeyTooLongError", 0, PB_EUSAGE, N_("the key is longer than 1,024 bytes")},
    {"EntityTooLarge", 0, PB_ELIMIT, N_("it is larger than the server takes in one piece")},
    {"NoSuchUpload", 0, PB_ESERVER, N_("the upload was aborted by someone else")},
    {"QuotaExceeded", 0, PB_ESERVER, N_("the quota is used up")},
    {"AccessControlListNotSupported", 0, PB_EUNSUPPORTED, N_("the bucket takes no access lists")},
    {"BadDigest", 0, PB_ESERVER, N_("the bytes were damaged on the way")},
    {"XAmzContentSHA256Mismatch", 0, PB_ESERVER, N_("the bytes were damaged on the way")},
    {NULL, 0, PB_OK, NULL},
};

static void put_denied(struct buf *out, const struct cloud_request *q)
{
    if (s3_of(q)->setup.anonymous) {
        buf_puts(out, _("access denied without credentials"));
        return;
    }
    if (q->action == S3_LIST_BUCKETS)
        buf_puts(out, _("access denied (needs s3:ListAllMyBuckets): open a bucket by its name"));
    else if (q->action == S3_LIST)
        buf_puts(out, _("access denied (needs s3:ListBucket): open a known key by its name, or use "
                        "another profile"));
    else if (q->action == S3_HEAD) /* its answer says nothing more */
        buf_puts(out, _("access denied: the credentials are wrong, or may not read it "
                        "(s3:GetObject), or it does not exist"));
    else if (q->action == S3_GET)
        buf_puts(out, _("access denied (needs s3:GetObject), or there is no such object and the "
                        "bucket may not be listed"));
    else
        buf_printf(out, _("access denied (needs %s)"), s3_actions[q->action].needs);
}

void s3_where(const struct cloud_request *q, struct buf *out)
{
    if (q->container)
        store_show(out, s3_of(q)->google ? "gs" : "s3", q->container, q->key, q->key_len);
    else if (s3_of(q)->setup.endpoint)
        text_escape_cols(out, s3_of(q)->setup.endpoint, strlen(s3_of(q)->setup.endpoint), 100);
    else
        buf_puts(out, _("the account"));
}

static bool in_another_region(const struct cloud_problem *p, int status)
{
    return (status >= 300 && status < 309 && status != 304) ||
           cloud_problem_is(p, "AuthorizationHeaderMalformed") ||
           cloud_problem_is(p, "IllegalLocationConstraintException");
}

bool s3_words(const struct cloud_request *q, struct cloud_problem *p, int status, struct buf *why,
              enum pb_err *err)
{
    if (cloud_problem_is(p, "AccessDenied") || (!*p->code && status == 403)) {
        *err = PB_EDENIED;
        put_denied(why, q);
    } else if (in_another_region(p, status)) {
        *err = PB_ESERVER;
        buf_puts(why, _("the server says that it is elsewhere"));
        if (*p->region) {
            buf_puts(why, _(", in region "));
            text_escape(why, p->region, strlen(p->region));
        }
    } else if (s3_customer_words((const struct s3_request *)q, p, status, why)) {
        *err = *p->code ? PB_EDENIED : PB_ESERVER; /* no words: that is only the likely reason */
    } else if (!*p->code && status == 404 && !q->key) {
        buf_puts(why, _("there is no such bucket"));
    } else {
        return false;
    }
    return true;
}

struct element {
    const char *wanted;
    char *text;
    size_t size;
};

static void on_text(void *ctx, const char *path, const char *text, size_t len)
{
    const struct element *a = ctx;

    if (strcmp(path, a->wanted) == 0 && len < a->size) {
        memcpy(a->text, text, len);
        a->text[len] = '\0';
    }
}

void s3_read_element(const struct http_result *r, const char *path, char *text, size_t size)
{
    struct element a = {path, text, size};
    struct xml_handler handler = {.end = on_text, .ctx = &a};
    struct xml *x = NULL;

    *text = '\0';
    if (xml_new(&handler, &x, NULL) != PB_OK)
        return;
    if (xml_feed(x, r->body.data, r->body.len, NULL) != PB_OK || xml_finish(x, NULL) != PB_OK)
        *text = '\0';
    xml_free(x);
}

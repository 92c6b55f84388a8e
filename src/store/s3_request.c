/* One signed request: made anew for every attempt, once more for another region or clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "s3.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* HEAD has no words: only a clock this far off (Amazon allows 900 s) is taken for the reason. */
#define SKEW_SUSPECT_S 600

/* ---------------------------------------------------------------------------- signing */

const struct cloud_action s3_actions[] = {
    [S3_LIST_BUCKETS] = {"GET", HTTP_READ, N_("list the buckets of"), "s3:ListAllMyBuckets"},
    [S3_LIST] = {"GET", HTTP_READ, N_("list"), "s3:ListBucket"},
    [S3_LIST_VERSIONS] = {"GET", HTTP_READ, N_("list the versions in"), "s3:ListBucketVersions"},
    [S3_HEAD] = {"HEAD", HTTP_READ, N_("look at"), "s3:GetObject"},
    [S3_GET] = {"GET", HTTP_READ, N_("read"), "s3:GetObject"},
    [S3_TAGS] = {"GET", HTTP_READ, N_("read the tags of"), "s3:GetObjectTagging"},
    [S3_ACL] = {"GET", HTTP_READ, N_("read the access list of"), "s3:GetObjectAcl"},
    [S3_PUT] = {"PUT", HTTP_WRITE, N_("save"), "s3:PutObject"},
    [S3_DELETE] = {"DELETE", HTTP_READ, N_("remove"), "s3:DeleteObject"},
    [S3_CREATE_UPLOAD] = {"POST", HTTP_WRITE, N_("save"), "s3:PutObject"},
    [S3_PART] = {"PUT", HTTP_READ, N_("save"), "s3:PutObject"},
    [S3_COMPLETE] = {"POST", HTTP_WRITE, N_("save"), "s3:PutObject"},
    [S3_COPY] = {"PUT", HTTP_WRITE, N_("copy to"), "s3:PutObject"},
    [S3_PUT_TAGS] = {"PUT", HTTP_READ, N_("set the tags of"), "s3:PutObjectTagging"},
    [S3_RESTORE] = {"POST", HTTP_READ, N_("ask for the restoring of"), "s3:RestoreObject"},
    [S3_ABORT] = {"DELETE", HTTP_READ, N_("abort the upload of"), "s3:AbortMultipartUpload"},
};

static struct s3_request *own(struct cloud_request *r)
{
    return (struct s3_request *)r;
}

struct aws_setup s3_view(struct s3_store *s, const char *bucket)
{
    struct aws_setup view = s->setup;
    const struct s3_bucket *b = bucket ? s3_bucket(s, bucket) : NULL;

    if (b && b->region)
        view.region = b->region;
    if (b && b->endpoint) {
        view.endpoint = b->endpoint;
        view.fips = view.dual_stack = view.accelerate = false; /* it says itself where to go */
        view.addressing = b->by_host ? AWS_ADDRESSING_VIRTUAL : AWS_ADDRESSING_PATH;
    }
    return view;
}

static const char *payload_hash(const struct s3_request *r)
{
    return r->payload_hash ? r->payload_hash : EMPTY_SHA256;
}

static enum pb_err add_signing_headers(const struct s3_request *r, const struct aws_credentials *c,
                                       int64_t now, struct http_headers *h, struct error *e)
{
    const char *token = c->session_token;
    struct buf date;
    enum pb_err err;

    buf_init(&date, BUF_MAX_LINE);
    clock_format_basic(&date, now);
    err = buf_status(&date, e);
    if (err == PB_OK)
        err = http_headers_set(h, "x-amz-date", date.data, e);
    if (err == PB_OK)
        err = http_headers_set(h, "x-amz-content-sha256", payload_hash(r), e);
    if (err == PB_OK && token)
        err = http_headers_set(h, "x-amz-security-token", token, e);
    if (err == PB_OK && s3_of(&r->q)->setup.request_payer)
        err = http_headers_set(h, "x-amz-request-payer", "requester", e);
    buf_release(&date);
    return err;
}

/* Host is sent by the floor below, but signed here. */
static enum pb_err authorize(const struct s3_request *r, const struct aws_credentials *c,
                             const struct aws_setup *view, const struct aws_url *url, int64_t now,
                             struct http_message *m, struct error *e)
{
    char host_name[] = "Host";
    struct http_headers all = {NULL, m->headers.len + 1, 0};
    struct sigv4 s = {.credentials = c,
                      .region = aws_signing_region(view->region),
                      .service = r->goog4 ? "storage" : "s3",
                      .goog4 = r->goog4,
                      .time = now,
                      .method = m->method,
                      .path = url->path.data,
                      .query = r->q.query.data,
                      .headers = &all,
                      .payload_hash = payload_hash(r)};
    struct buf value;
    enum pb_err err;

    all.data = mem_alloc(all.len * sizeof *all.data);
    if (!all.data)
        return error_nomem(e);
    memcpy(all.data, m->headers.data, m->headers.len * sizeof *all.data);
    all.data[m->headers.len] = (struct http_header){host_name, url->host.data};
    buf_init(&value, BUF_MAX_LINE);
    err = sigv4_authorization(&s, &value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    buf_release(&value);
    free(all.data);
    return err;
}

/* With what is known now: between two attempts the credentials may have been renewed. */
static enum pb_err sign(struct s3_request *r, const struct aws_setup *view,
                        const struct aws_url *url, struct http_message *m, struct error *e)
{
    const struct aws_credentials *c = aws_session_credentials(s3_of(&r->q)->session);
    int64_t now = clock_now() + s3_of(&r->q)->skew;
    enum pb_err err;

    if (!c)
        return error_set(e, PB_EDENIED, "there are no credentials any more");
    (void)snprintf(r->signed_by, sizeof r->signed_by, "%s", c->access_key);
    err = add_signing_headers(r, c, now, &m->headers, e);
    if (err == PB_OK && r->goog4)
        err = s3_google_words(&m->headers, e);
    return err == PB_OK ? authorize(r, c, view, url, now, m, e) : err;
}

static enum pb_err prepare(struct cloud_request *r, struct http_message *out, struct error *e)
{
    struct s3_store *s = s3_of(r);
    struct aws_setup view = s3_view(s, r->container);
    struct aws_url url;
    enum pb_err err;

    aws_url_init(&url);
    err =
        aws_url_make(&url, &view, view.region, r->container, r->key, r->key_len, r->query.data, e);
    if (err == PB_OK) {
        buf_append(&out->url, url.url.data, url.url.len);
        err = buf_status(&out->url, e);
    }
    if (err == PB_OK)
        err = cloud_add_headers(r, out, e);
    if (err == PB_OK)
        err = s3_customer_prepare(own(r), out, e);
    if (err == PB_OK && s->project && r->action == S3_LIST_BUCKETS)
        err = http_headers_add(&out->headers, "x-amz-project-id", s->project, e);
    if (err == PB_OK && !view.anonymous)
        err = sign(own(r), &view, &url, out, e);
    /* Not signed, since Google's front end adds to it; without it, gzip would be unpacked. */
    if (err == PB_OK && s->google && r->action == S3_GET)
        err = http_headers_add(&out->headers, "Accept-Encoding", "gzip", e);
    aws_url_release(&url);
    return err;
}

/* --------------------------------------------------------------------------- learning */

static bool learn_clock(struct s3_request *r, const struct cloud_problem *p,
                        const struct http_result *a)
{
    int64_t theirs = p->server_time ? p->server_time : a->date;
    int64_t off = theirs - clock_now() - s3_of(&r->q)->skew;
    bool silent = r->q.action == S3_HEAD && a->status == 403 &&
                  (off > SKEW_SUSPECT_S || off < -SKEW_SUSPECT_S);

    if (r->skewed || theirs == 0 || (!cloud_problem_is(p, "RequestTimeTooSkewed") && !silent))
        return false;
    r->skewed = true;
    s3_of(&r->q)->skew += off;
    log_line("the server's clock is %lld s ahead of ours", (long long)s3_of(&r->q)->skew);
    return true;
}

static bool replace_text(char **at, const char *text)
{
    char *copy = mem_strdup(text);

    if (!copy)
        return false;
    free(*at);
    *at = copy;
    return true;
}

/* The region that a server named: in a header, or in the words of its refusal. */
static bool learn_region(struct s3_request *r, struct s3_bucket *b, const struct cloud_problem *p,
                         const struct http_result *a)
{
    const char *now = b->region ? b->region : s3_of(&r->q)->setup.region;
    const char *region = http_headers_get(&a->headers, "x-amz-bucket-region");

    if (!region || !*region)
        region = p->region;
    if (!*region || strcmp(region, aws_signing_region(now)) == 0)
        return false;
    if (!aws_region_valid(region)) {
        log_line("the server named a region that is none");
        return false;
    }
    return replace_text(&b->region, region);
}

/* scheme://[bucket.]host[:port] of a redirect.  Never from https down to http. */
static bool learn_address(struct s3_request *r, struct s3_bucket *b, const struct http_result *a)
{
    const char *location = http_headers_get(&a->headers, "Location");
    struct aws_setup view = s3_view(s3_of(&r->q), r->q.container);
    struct endpoint ep = {0}, old = {0};
    struct buf base;
    size_t n, bucket = strlen(r->q.container);
    bool ok, by_host;

    if (!location || !(strncmp(location, "http", 4) == 0 && strstr(location, "://")))
        return false;
    n = (size_t)(strstr(location, "://") - location) + 3;
    n += strcspn(location + n, "/?#");
    buf_init(&base, BUF_MAX_LINE);
    buf_append(&base, location, n);
    ok = buf_status(&base, NULL) == PB_OK && endpoint_parse(&ep, base.data, NULL) == PB_OK;
    if (ok && view.endpoint && endpoint_parse(&old, view.endpoint, NULL) == PB_OK)
        ok = ep.https || !old.https;
    else if (ok) /* Amazon's own: only to another of its hosts */
        ok = ep.https && (strstr(ep.host, ".amazonaws.com") != NULL);
    by_host = ok && strncmp(ep.host, r->q.container, bucket) == 0 && ep.host[bucket] == '.';
    if (ok) {
        buf_clear(&base);
        buf_printf(&base, "%s://%s", ep.https ? "https" : "http",
                   ep.host + (by_host ? bucket + 1 : 0));
        if (ep.port)
            buf_printf(&base, ":%u", ep.port);
        ok = buf_status(&base, NULL) == PB_OK && replace_text(&b->endpoint, base.data);
        b->by_host = ok && by_host;
    }
    endpoint_release(&ep);
    endpoint_release(&old);
    buf_release(&base);
    return ok;
}

static bool learn_place(struct s3_request *r, const struct cloud_problem *p,
                        const struct http_result *a)
{
    struct s3_bucket *b = r->q.container ? s3_bucket(s3_of(&r->q), r->q.container) : NULL;
    bool redirect = a->status == 301 || a->status == 302 || a->status == 307 || a->status == 308;
    bool malformed = cloud_problem_is(p, "AuthorizationHeaderMalformed") ||
                     cloud_problem_is(p, "IllegalLocationConstraintException") ||
                     (a->status == 400 && r->q.action == S3_HEAD);

    if (!b || r->moved || !(redirect || malformed))
        return false;
    r->moved = true;
    if (a->status != 307 && learn_region(r, b, p, a))
        return true;
    return redirect && learn_address(r, b, a);
}

bool s3_request_learn(struct s3_request *r, const struct http_result *answer)
{
    struct cloud_problem p;

    s3_problem_read(&p, answer);
    return learn_clock(r, &p, answer) || learn_place(r, &p, answer);
}

/* ---------------------------------------------------------------------------- sending */

static bool again(struct cloud_request *r, const struct http_result *answer)
{
    static const char *const transient[] = {"RequestTimeout",      "SlowDown",
                                            "InternalError",       "Throttling",
                                            "ThrottlingException", "RequestLimitExceeded"};
    struct cloud_problem p;
    size_t i;

    if (s3_request_learn(own(r), answer) || s3_customer_again(own(r), answer))
        return true;
    s3_problem_read(&p, answer);
    for (i = 0; i < sizeof transient / sizeof *transient; i++)
        if (cloud_problem_is(&p, transient[i]))
            return true;
    return false;
}

static bool waits(const struct cloud_request *r)
{
    return s3_of(r)->session && !aws_session_ready(s3_of(r)->session);
}

static enum pb_err wait(struct cloud_request *r, void (*ready)(void *ctx, const struct error *e),
                        struct error *e)
{
    return aws_session_wait(s3_of(r)->session, ready, r, e);
}

static void forget(struct cloud_request *r)
{
    aws_session_forget(s3_of(r)->session, r);
}

/* Nothing was done for keys that the server does not know or no longer takes: once more, with what
 * the files or their provider say by now. */
static bool refused(struct cloud_request *r, const struct http_result *a)
{
    static const char *const codes[] = {"ExpiredToken", "TokenRefreshRequired", "InvalidToken",
                                        "InvalidAccessKeyId", "ExpiredTokenException"};
    struct aws_session *session = s3_of(r)->session;
    const struct aws_credentials *c;
    struct cloud_problem p;
    bool meant = false;
    size_t i;

    if (!session || a->status / 100 != 4)
        return false;
    c = aws_session_credentials(session);
    s3_problem_read(&p, a);
    for (i = 0; i < sizeof codes / sizeof *codes; i++)
        meant |= cloud_problem_is(&p, codes[i]);
    /* HEAD has no words: 400, or 403 with credentials that end. */
    meant |= !*p.code && r->action == S3_HEAD && a->status == 400 && c && c->session_token;
    if (!meant)
        return false;
    log_line("the credentials are refused: they are looked for again");
    aws_session_refuse(session, own(r)->signed_by);
    return true;
}

static enum pb_err check(struct cloud_request *r, struct error *e)
{
    if (r->container && !s3_bucket(s3_of(r), r->container))
        return error_nomem(e);
    s3_customer_begin(own(r));
    return PB_OK;
}

static enum pb_err ask_version(struct cloud_request *r, const char *version_id, struct error *e)
{
    return cloud_param(r, "versionId", version_id, e);
}

static const char *marker(const struct http_result *r)
{
    const char *is_marker = http_headers_get(&r->headers, "x-amz-delete-marker");
    const char *version = http_headers_get(&r->headers, "x-amz-version-id");

    if (!is_marker || strcmp(is_marker, "true") != 0)
        return NULL;
    return version ? version : "";
}

static const struct cloud_tagging tagging = {S3_TAGS, "tagging", NULL, "Tagging"};

const struct cloud_kind s3_kind = {
    .actions = s3_actions,
    .head = S3_HEAD,
    .get = S3_GET,
    .put = S3_PUT,
    .remove = S3_DELETE,
    .request_size = sizeof(struct s3_request),
    .check = check,
    .prepare = prepare,
    .again = again,
    .waits = waits,
    .wait = wait,
    .forget = forget,
    .refused = refused,
    .where = s3_where,
    .read_problem = s3_problem_read,
    .answers = s3_answers,
    .words = s3_words,
    .object_from = s3_object_from,
    .version = ask_version,
    .details = s3_parts_of_details,
    .tagging = &tagging,
    .copies = &s3_copies,
    .seen = s3_google_seen,
    .hold_seen = s3_google_hold,
    .marker = marker,
};

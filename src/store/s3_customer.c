/*
 * Objects that are encrypted with a key of the person's own (SSE-C).
 *
 * What an object has is in its "kept" headers, so that whatever writes one carries the name of the
 * algorithm along; here the key is put beside it, at the last moment, and nowhere else.  Reading is
 * tried with the key first: Amazon refuses it for an object without, which then is read without.
 */
#include <string.h>
#include <strings.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "s3.h"

#define SSE "x-amz-server-side-encryption"
#define CUSTOMER SSE "-customer-"
#define SOURCE "x-amz-copy-source-server-side-encryption-customer-"

static const struct aws_customer_key *key_of(const struct s3_store *s)
{
    return s->google ? NULL : s->setup.customer;
}

bool s3_customer_has(const struct http_headers *keep)
{
    return http_headers_get(keep, CUSTOMER "algorithm") != NULL;
}

bool s3_customer_new(const struct s3_store *s, bool there)
{
    return !there && key_of(s);
}

bool s3_customer_instead(const char *name)
{
    return strncasecmp(name, SSE, sizeof SSE - 1) == 0;
}

enum pb_err s3_customer_say(struct cloud_request *r, bool source, struct error *e)
{
    return http_headers_set(&r->headers, source ? SOURCE "algorithm" : CUSTOMER "algorithm",
                            "AES256", e);
}

/* ---------------------------------------------------------------------------- the key */

static enum pb_err add_key(const struct s3_request *r, const char *md5_name, const char *key_name,
                           struct http_message *m, struct error *e)
{
    const struct aws_customer_key *key = key_of(s3_of(&r->q));
    enum pb_err err;

    if (!key)
        return cloud_error(&r->q, PB_EDENIED,
                           "it is encrypted with a key of one's own (SSE-C), which is needed "
                           "(--sse-c-key FILE)",
                           e);
    err = http_headers_add(&m->headers, key_name, key->key, e);
    return err == PB_OK ? http_headers_add(&m->headers, md5_name, key->md5, e) : err;
}

enum pb_err s3_customer_prepare(const struct s3_request *r, struct http_message *m, struct error *e)
{
    bool reads = r->q.action == S3_HEAD || r->q.action == S3_GET;
    bool own = http_headers_get(&m->headers, CUSTOMER "algorithm") != NULL;
    bool source = http_headers_get(&m->headers, SOURCE "algorithm") != NULL;
    enum pb_err err = PB_OK;

    if (reads && !r->bare && key_of(s3_of(&r->q))) {
        own = true;
        err = http_headers_set(&m->headers, CUSTOMER "algorithm", "AES256", e);
    }
    if (err == PB_OK && (own || source) && !url_is_safe(m->url.data))
        err = cloud_error(&r->q, PB_EDENIED, "the key of --sse-c-key is only sent over https", e);
    if (err == PB_OK && own)
        err = add_key(r, CUSTOMER "key-MD5", CUSTOMER "key", m, e);
    if (err == PB_OK && source)
        err = add_key(r, SOURCE "key-MD5", SOURCE "key", m, e);
    return err;
}

/* ------------------------------------------------------------------- with it or without */

void s3_customer_begin(struct s3_request *r)
{
    struct s3_bucket *b = r->q.container ? s3_bucket(s3_of(&r->q), r->q.container) : NULL;

    r->bare = b && b->bare;
    r->turns = 0;
}

static bool is_about_encryption(const struct s3_request *r, const struct cloud_problem *p,
                                int status)
{
    bool fits = cloud_problem_is(p, "InvalidRequest") || cloud_problem_is(p, "InvalidArgument");

    if (status != 400)
        return false;
    if (r->q.action == S3_HEAD) /* its answer has no words */
        return !*p->code;
    return r->q.action == S3_GET && fits && (!*p->message || strcasestr(p->message, "encryption"));
}

bool s3_customer_again(struct s3_request *r, const struct http_result *a)
{
    struct s3_bucket *b = r->q.container ? s3_bucket(s3_of(&r->q), r->q.container) : NULL;
    struct cloud_problem p;

    s3_problem_read(&p, a);
    if (!b || !key_of(s3_of(&r->q)) || r->turns > r->q.renewed ||
        !is_about_encryption(r, &p, a->status))
        return false;
    r->turns++;
    r->bare = b->bare = !r->bare;
    log_line("refused: once more %s the key of --sse-c-key", r->bare ? "without" : "with");
    return true;
}

bool s3_customer_words(const struct s3_request *r, const struct cloud_problem *p, int status,
                       struct buf *why)
{
    bool bodiless = !*p->code;

    if (s3_of(&r->q)->google || !is_about_encryption(r, p, status))
        return false;
    if (key_of(s3_of(&r->q)))
        buf_puts(why, _("the server refuses it with the key of --sse-c-key and without: it is "
                        "encrypted with another key (SSE-C)"));
    else if (bodiless)
        buf_puts(why, _("the server does not accept the request and says nothing more (400): an "
                        "object that is encrypted with a key of one's own (SSE-C) needs that "
                        "(--sse-c-key FILE)"));
    else
        buf_puts(why, _("it is encrypted with a key of one's own (SSE-C), which is needed "
                        "(--sse-c-key FILE)"));
    return true;
}

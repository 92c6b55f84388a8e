/* The S3 backend's parts that need no server: headers, words of errors, tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/cloud_xml.h"
#include "store/s3_write.h"

/* An answer with these headers ("Name: value" lines) and this body. */
static void make_answer(struct http_result *r, int status, const char *headers, const char *body)
{
    *r = (struct http_result){.status = status};
    buf_init(&r->body, BUF_MAX_TEXT);
    buf_puts(&r->body, body);
    while (*headers) {
        size_t n = strcspn(headers, "\n"), colon = strcspn(headers, ":");
        char *name = mem_strndup(headers, colon);
        char *value = mem_strndup(headers + colon + 2, n - colon - 2);

        assert_int_equal(http_headers_add(&r->headers, name, value, NULL), PB_OK);
        free(name);
        free(value);
        headers += n + (headers[n] == '\n');
    }
}

static void answer_release(struct http_result *r)
{
    http_headers_release(&r->headers);
    buf_release(&r->body);
}

static void join(struct buf *out, const struct http_headers *h)
{
    size_t i;

    for (i = 0; i < h->len; i++)
        buf_printf(out, "%s%s=%s", i > 0 ? "|" : "", h->data[i].name, h->data[i].value);
}

/* ---------------------------------------------------------------------------- headers */

static const struct {
    const char *headers, *keep, *shown;
    uint64_t size;
    unsigned tags;
    const char *etag, *version;
} objects[] = {
    {"Content-Length: 5", "", "Size=5", 5, 0, NULL, NULL},
    {"Content-Length: 0\nETag: \"x\"\nx-amz-version-id: v1\nLast-Modified: Sun, 22 Nov 2026 "
     "10:02:03 GMT",
     "", "Size=0|Last-Modified=Sun, 22 Nov 2026 10:02:03 GMT|ETag=\"x\"|Version=v1", 0, 0, "\"x\"",
     "v1"},
    {"Content-Length: 10\nContent-Range: bytes 0-9/18446744073709551615\nETag: W/\"q\"", "",
     "Size=18446744073709551615|ETag=W/\"q\"", UINT64_MAX, 0, "W/\"q\"", NULL},
    {"Content-Length: 10\nContent-Range: bytes 0-9/*", "", "Size=10", 10, 0, NULL, NULL},
    {"content-length: 1\ncontent-type: a/b\nX-Amz-Meta-Who: me\nx-amz-meta-n: 1\nServer: x\n"
     "Date: y\nx-amz-request-id: z\nx-amz-tagging-count: 3",
     "content-type=a/b|X-Amz-Meta-Who=me|x-amz-meta-n=1",
     "Size=1|content-type=a/b|X-Amz-Meta-Who=me|x-amz-meta-n=1|x-amz-tagging-count=3", 1, 3, NULL,
     NULL},
    {"Content-Length: 1\nContent-Encoding: aws-chunked", "", "Size=1|Content-Encoding=aws-chunked",
     1, 0, NULL, NULL},
    {"Content-Length: 1\nContent-Encoding: aws-chunked,gzip", "Content-Encoding=gzip",
     "Size=1|Content-Encoding=aws-chunked,gzip", 1, 0, NULL, NULL},
    {"Content-Length: 1\nContent-Encoding:  gzip , AWS-Chunked, br,", "Content-Encoding=gzip, br",
     "Size=1|Content-Encoding= gzip , AWS-Chunked, br,", 1, 0, NULL, NULL},
    {"Content-Length: 1\nx-amz-storage-class: GLACIER\nx-amz-server-side-encryption: aws:kms\n"
     "x-amz-restore: ongoing-request=\"true\"",
     "x-amz-storage-class=GLACIER|x-amz-server-side-encryption=aws:kms",
     "Size=1|x-amz-storage-class=GLACIER|x-amz-server-side-encryption=aws:kms|"
     "x-amz-restore=ongoing-request=\"true\"",
     1, 0, NULL, NULL},
    {"Content-Length: 1\nETag: \nLast-Modified: yesterday\nx-amz-tagging-count: many", "",
     "Size=1|Last-Modified=yesterday|x-amz-tagging-count=many", 1, 0, NULL, NULL},
};

static void expect_text(const char *have, const char *want)
{
    if (want)
        assert_string_equal(have, want);
    else
        assert_null(have);
}

static void test_objects(void **state)
{
    struct buf text;
    size_t i;

    (void)state;
    buf_init(&text, BUF_MAX_LINE);
    for (i = 0; i < sizeof objects / sizeof *objects; i++) {
        struct http_result r;
        struct store_object o;

        make_answer(&r, 200, objects[i].headers, "");
        assert_int_equal(s3_object_from(&o, &r, NULL), PB_OK);
        buf_clear(&text);
        join(&text, &o.keep);
        assert_string_equal(text.data, objects[i].keep);
        buf_clear(&text);
        join(&text, &o.shown);
        assert_string_equal(text.data, objects[i].shown);
        assert_true(o.identity.size == objects[i].size);
        assert_int_equal(o.tags, objects[i].tags);
        expect_text(o.identity.etag, objects[i].etag);
        expect_text(o.identity.version_id, objects[i].version);
        store_object_release(&o);
        answer_release(&r);
    }
    buf_release(&text);
}

static void test_object_of_unknown_size(void **state)
{
    static const char *const headers[] = {"", "Content-Length: x", "Content-Length: -1",
                                          "Content-Length: 99999999999999999999"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct http_result r;
        struct store_object o;
        struct error e = {0};

        make_answer(&r, 200, headers[i], "");
        assert_int_equal(s3_object_from(&o, &r, &e), PB_ESERVER);
        assert_null(o.identity.etag);
        answer_release(&r);
    }
}

static void test_object_without_memory(void **state)
{
    enum pb_err err = PB_ENOMEM;
    struct http_result r;
    struct store_object o;
    long n;

    (void)state;
    make_answer(&r, 200, objects[4].headers, "");
    for (n = 1; err == PB_ENOMEM && n < 1000; n++) {
        mem_fail_after(n);
        err = s3_object_from(&o, &r, NULL);
        mem_fail_after(-1);
        if (err == PB_OK)
            store_object_release(&o);
    }
    assert_int_equal(err, PB_OK);
    assert_true(n > 10);
    answer_release(&r);
}

/* ----------------------------------------------------------------------------- errors */

#define ERROR_BODY(code)                                                                           \
    "<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>m\x01\xc2\x85</Message>"          \
    "<RequestId>R1</RequestId><HostId>H1</HostId></Error>"
#define CLEAN_BODY(code)                                                                           \
    "<Error><Code>" code "</Code><Message>said \xe2\x80\xae so</Message>"                          \
    "<RequestId>R1</RequestId></Error>"

static const struct {
    enum s3_action action;
    int status;
    const char *body;
    enum pb_err want;
    const char *words, *detail;
} errors[] = {
    {S3_GET, 404, CLEAN_BODY("NoSuchKey"), PB_ENOTFOUND,
     "cannot read s3://b/a\\nb: there is no such object",
     "HTTP 404 NoSuchKey: said \\u202e so; request id R1"},
    {S3_LIST, 404, CLEAN_BODY("NoSuchBucket"), PB_ENOTFOUND, "there is no such bucket", "R1"},
    {S3_HEAD, 404, "", PB_ENOTFOUND, "cannot look at s3://b/a\\nb: there is no such object",
     "HTTP 404; request id RH; host id HH"},
    {S3_HEAD, 403, "", PB_EDENIED, "credentials are wrong", "HTTP 403"},
    {S3_GET, 403, CLEAN_BODY("AccessDenied"), PB_EDENIED, "s3:GetObject", "AccessDenied"},
    {S3_PUT, 403, CLEAN_BODY("AccessDenied"), PB_EDENIED, "cannot save", "AccessDenied"},
    {S3_PUT, 412, CLEAN_BODY("PreconditionFailed"), PB_ECHANGED, "changed", ""},
    {S3_PUT, 412, "", PB_ECHANGED, "changed", ""},
    {S3_PUT, 409, CLEAN_BODY("ConditionalRequestConflict"), PB_ECHANGED, "right now", ""},
    {S3_PUT, 409, CLEAN_BODY("OperationAborted"), PB_ESERVER, "HTTP 409 OperationAborted", ""},
    {S3_PUT, 501, "", PB_EUNSUPPORTED, "does not do this", ""},
    {S3_GET, 400, CLEAN_BODY("ExpiredToken"), PB_EDENIED, "expired", ""},
    {S3_GET, 500, "<html>oops", PB_ESERVER, "HTTP 500", "HTTP 500; request id RH"},
    {S3_GET, 500, "", PB_ESERVER, "HTTP 500", ""},
    {S3_GET, 301, "<Error><Code>PermanentRedirect</Code><Region>a\xe2\x80\xae</Region></Error>",
     PB_ESERVER, "in region a\\u202e", ""},
    {S3_GET, 400, ERROR_BODY("InternalThing"), PB_ESERVER, "HTTP 400", "HTTP 400"},
    {S3_HEAD, 400, "", PB_ESERVER, "--sse-c-key FILE", "HTTP 400"},
    {S3_GET, 400,
     "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side "
     "Encryption.</Message></Error>",
     PB_EDENIED, "it is encrypted with a key of one's own (SSE-C)", "InvalidRequest"},
    {S3_GET, 400, CLEAN_BODY("InvalidRequest"), PB_ESERVER, "HTTP 400 InvalidRequest", ""},
    {S3_PUT, 400, CLEAN_BODY("InvalidArgument"), PB_ESERVER, "HTTP 400", ""},
    {S3_LIST_BUCKETS, 403, CLEAN_BODY("AccessDenied"), PB_EDENIED, "open a bucket by its name", ""},
};

static void test_errors(void **state)
{
    struct s3_store store = {.c.kind = &s3_kind, .amazon = true};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof errors / sizeof *errors; i++) {
        bool object = errors[i].action != S3_LIST && errors[i].action != S3_LIST_BUCKETS;
        bool bucket = errors[i].action != S3_LIST_BUCKETS;
        struct s3_request q;
        struct http_result r;
        struct error e = {0};

        assert_int_equal(cloud_request_init(&q.q, &store.c.base, errors[i].action,
                                            bucket ? "b" : NULL, object ? "a\nb" : NULL, 3, NULL),
                         PB_OK);
        make_answer(&r, errors[i].status, "x-amz-request-id: RH\nx-amz-id-2: HH", errors[i].body);
        assert_int_equal(cloud_answer_error(&q.q, &r, &e), errors[i].want);
        if (e.code != errors[i].want || !strstr(e.msg, errors[i].words) ||
            !strstr(e.detail, errors[i].detail))
            fail_msg("row %zu: %s / %s", i, e.msg, e.detail);
        assert_int_equal(e.http_status, errors[i].status);
        answer_release(&r);
        cloud_request_release(&q.q);
    }
}

/* What does not fit is cut at a character, and never half of a code taken for a whole one. */
static void test_long_errors(void **state)
{
    struct cloud_problem p;
    struct http_result r;
    struct buf body;
    unsigned i;

    (void)state;
    buf_init(&body, BUF_MAX_TEXT);
    buf_puts(&body, "<Error><Code>");
    buf_fill(&body, 'C', 100);
    buf_puts(&body, "</Code><Region>");
    buf_fill(&body, 'r', 64);
    buf_puts(&body, "</Region><Message>x");
    for (i = 0; i < 500; i++)
        buf_puts(&body, "\xec\x9e\x91");
    buf_puts(&body, "</Message></Error>");
    make_answer(&r, 400, "", body.data);
    s3_problem_read(&p, &r);
    assert_string_equal(p.code, "");
    assert_string_equal(p.region, "");
    assert_int_equal(strlen(p.message) % 3, 1);
    assert_true(strlen(p.message) > 200);
    answer_release(&r);
    buf_release(&body);
}

static void test_error_bodies(void **state)
{
    static const struct {
        const char *body;
        bool is_error;
    } rows[] = {
        {"", false},
        {"hello", false},
        {"<Error>", true},
        {"<?xml version='1.0'?>\n<Error xmlns='x'><Code>A</Code></Error>", true},
        {"<ListBucketResult><Error/></ListBucketResult>", false},
        {"<Errors/>", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_result r;

        make_answer(&r, 200, "", rows[i].body);
        assert_int_equal(s3_is_error_body(&r.body), rows[i].is_error);
        answer_release(&r);
    }
}

/* ------------------------------------------------------------------------------- tags */

static void test_tags(void **state)
{
#define TAG(k, v) "<Tag><Key>" k "</Key><Value>" v "</Value></Tag>"
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"<Tagging><TagSet>" TAG("a", "b") "</TagSet></Tagging>", "a=b"},
        {"<Tagging><TagSet>" TAG("a b", "c&amp;d=+/") TAG("\xc3\xa9", "") "</TagSet></Tagging>",
         "a%20b=c%26d%3D%2B%2F&%C3%A9="},
        {"<Tagging><TagSet/></Tagging>", ""},
        {"<Tagging><TagSet>" TAG("a", "b"), NULL},
        {"<html/>", NULL},
        {"", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_result r;
        struct buf out;
        enum pb_err err;

        make_answer(&r, 200, "", rows[i].body);
        buf_init(&out, BUF_MAX_LINE);
        err = cloud_tags_query(&out, &r.body, "Tagging", NULL);
        assert_int_equal(err, rows[i].want ? PB_OK : PB_ESERVER);
        if (rows[i].want)
            assert_string_equal(out.data, rows[i].want);
        buf_release(&out);
        answer_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_object_of_unknown_size),
        cmocka_unit_test(test_object_without_memory),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_errors),
        cmocka_unit_test(test_error_bodies),
        cmocka_unit_test(test_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

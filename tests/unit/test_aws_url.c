/* Where requests go: the public endpoint vectors, and what they do not cover; query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/mem.h>

/* One request's address as "url | host | path", or the error's name. */
static void describe(struct buf *out, const char *region, const char *endpoint,
                     enum aws_addressing addressing, const char *bucket, const char *key,
                     const char *query)
{
    char *url_copy = endpoint ? mem_strdup(endpoint) : NULL;
    struct aws_setup s = {.endpoint = url_copy, .addressing = addressing};
    struct aws_url u;
    struct error e = {0};

    aws_url_init(&u);
    if (aws_url_make(&u, &s, region, bucket, key, key ? strlen(key) : 0, query, &e) == PB_OK)
        buf_printf(out, "%s | %s | %s", u.url.data, u.host.data, u.path.data);
    else
        buf_printf(out, "error: %s", error_name(e.code));
    aws_url_release(&u);
    free(url_copy);
}

static const struct {
    const char *region, *endpoint;
    enum aws_addressing addressing;
    const char *bucket, *key, *query, *want;
} table[] = {
    {"us-east-1", NULL, AWS_ADDRESSING_AUTO, "bucket", "a b+c%d?e#f", "",
     "https://bucket.s3.us-east-1.amazonaws.com/a%20b%2Bc%25d%3Fe%23f | "
     "bucket.s3.us-east-1.amazonaws.com | /a%20b%2Bc%25d%3Fe%23f"},
    {"us-east-1", "http://127.0.0.1:7480", AWS_ADDRESSING_AUTO, "my-bucket", "x", "",
     "http://127.0.0.1:7480/my-bucket/x | 127.0.0.1:7480 | /my-bucket/x"},
    {"us-east-1", "http://127.0.0.1:80/", AWS_ADDRESSING_AUTO, NULL, NULL, "",
     "http://127.0.0.1/ | 127.0.0.1 | /"},
    {"us-east-1", "https://S3.Example.COM:443", AWS_ADDRESSING_AUTO, "b", NULL, "list-type=2",
     "https://s3.example.com/b?list-type=2 | s3.example.com | /b"},
    {"us-east-1", "https://s3.example.com:9000/base/", AWS_ADDRESSING_PATH, "bucket", "k", "",
     "https://s3.example.com:9000/base/bucket/k | s3.example.com:9000 | /base/bucket/k"},
    {"us-east-1", "http://s3.localhost:7480", AWS_ADDRESSING_VIRTUAL, "my-bucket", "/lead//x/", "",
     "http://my-bucket.s3.localhost:7480//lead//x/ | my-bucket.s3.localhost:7480 | "
     "//lead//x/"},
    {"us-east-1", "http://s3.localhost:7480", AWS_ADDRESSING_VIRTUAL, "my-bucket", NULL, "",
     "http://my-bucket.s3.localhost:7480/ | my-bucket.s3.localhost:7480 | /"},
    {"us-east-1", "http://[::1]:7480", AWS_ADDRESSING_VIRTUAL, "bucket", "k", "",
     "http://[::1]:7480/bucket/k | [::1]:7480 | /bucket/k"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "bucket", "/./a/../b", "",
     "http://h/bucket//./a/../b | h | /bucket//./a/../b"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "bucket", "\xec\x9e\x91~\x01", "",
     "http://h/bucket/%EC%9E%91~%01 | h | /bucket/%EC%9E%91~%01"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "bucket", "!*'();:@&=+$,[]", "",
     "http://h/bucket/%21%2A%27%28%29%3B%3A%40%26%3D%2B%24%2C%5B%5D | h | "
     "/bucket/%21%2A%27%28%29%3B%3A%40%26%3D%2B%24%2C%5B%5D"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "bucket", "", "",
     "http://h/bucket/ | h | /bucket/"},
    {"us-gov-west-1", NULL, AWS_ADDRESSING_PATH, "b.c", NULL, "",
     "https://s3.us-gov-west-1.amazonaws.com/b.c | s3.us-gov-west-1.amazonaws.com | /b.c"},
    {"eusc-de-east-1", NULL, AWS_ADDRESSING_AUTO, NULL, NULL, "",
     "https://s3.eusc-de-east-1.amazonaws.eu/ | s3.eusc-de-east-1.amazonaws.eu | /"},
    {"us-iso-east-1", NULL, AWS_ADDRESSING_AUTO, NULL, NULL, "",
     "https://s3.us-iso-east-1.c2s.ic.gov/ | s3.us-iso-east-1.c2s.ic.gov | /"},
    {"us-isob-east-1", NULL, AWS_ADDRESSING_AUTO, NULL, NULL, "",
     "https://s3.us-isob-east-1.sc2s.sgov.gov/ | s3.us-isob-east-1.sc2s.sgov.gov | /"},
    {"", NULL, AWS_ADDRESSING_AUTO, "bucket", NULL, "", "error: wrong usage"},
    {"x.evil.example/", NULL, AWS_ADDRESSING_AUTO, "bucket", NULL, "", "error: wrong usage"},
    {"-us", "http://h", AWS_ADDRESSING_AUTO, "bucket", NULL, "", "error: wrong usage"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "", NULL, "", "error: wrong usage"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "..", NULL, "", "error: wrong usage"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO, "a/b", NULL, "", "error: wrong usage"},
    {"us-east-1", "http://h", AWS_ADDRESSING_AUTO,
     "arn:aws:s3:us-west-2:123456789012:accesspoint:x", NULL, "", "error: not supported"},
    {"us-east-1", NULL, AWS_ADDRESSING_AUTO, "mybucket--usw2-az1--x-s3", NULL, "",
     "error: not supported"},
    {"us-east-1", NULL, AWS_ADDRESSING_AUTO, "x-o0b1d075431d83bebde8--op-s3", NULL, "",
     "error: not supported"},
};

static void test_table(void **state)
{
    struct buf have;
    size_t i;

    (void)state;
    buf_init(&have, BUF_MAX_LINE);
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        buf_clear(&have);
        describe(&have, table[i].region, table[i].endpoint, table[i].addressing, table[i].bucket,
                 table[i].key, table[i].query);
        if (strncmp(table[i].want, "error: ", 7) == 0 && strncmp(have.data, "error: ", 7) == 0) {
            enum pb_err want = strstr(table[i].want, "usage") ? PB_EUSAGE : PB_EUNSUPPORTED;

            if (strcmp(have.data + 7, error_name(want)) == 0)
                continue;
        }
        if (strcmp(have.data, table[i].want) != 0)
            fail_msg("row %zu\nwanted: %s\nhave:   %s", i, table[i].want, have.data);
    }
    buf_release(&have);
}

static void test_key_of_1024_bytes(void **state)
{
    struct aws_setup s = {.endpoint = (char[]){"http://h"}};
    struct aws_url u;
    char key[1024];

    (void)state;
    memset(key, 0x7f, sizeof key);
    aws_url_init(&u);
    assert_int_equal(aws_url_make(&u, &s, "r", "bbb", key, sizeof key, "", NULL), PB_OK);
    assert_int_equal(u.path.len, 5 + 3 * sizeof key);
    aws_url_release(&u);
}

/* ------------------------------------------------------------- the public endpoint vectors */

static const char *text_of(json_t *params, const char *name)
{
    return json_string_value(json_object_get(params, name));
}

static bool is_on(json_t *params, const char *name)
{
    return json_is_true(json_object_get(params, name));
}

/* ARNs, directory buckets and Outposts need other requests than ours. */
static bool is_refused(const char *bucket)
{
    return bucket && (strncmp(bucket, "arn:", 4) == 0 || strstr(bucket, "--x-s3") ||
                      strstr(bucket, "--xa-s3") || strstr(bucket, "--op-s3"));
}

/*
 * What is not asked for: the old global endpoint for us-east-1, S3 Object Lambda, the control plane
 * of directory buckets, and no region at all (we fall back to us-east-1 before this floor is
 * asked). At an endpoint of one's own a bucket may be called anything.
 */
static bool applies(json_t *params)
{
    const char *region = text_of(params, "Region"), *bucket = text_of(params, "Bucket");
    bool others = is_on(params, "UseFIPS") || is_on(params, "UseDualStack") ||
                  is_on(params, "Accelerate") || text_of(params, "Endpoint");

    if (!region || is_on(params, "UseObjectLambdaEndpoint") ||
        is_on(params, "UseS3ExpressControlEndpoint"))
        return false;
    if (is_on(params, "UseGlobalEndpoint") && strcmp(region, "us-east-1") == 0 &&
        (!others || (is_on(params, "Accelerate") && !bucket)))
        return false;
    if (is_on(params, "Accelerate") && !bucket) /* the same, for aws-global */
        return false;
    return !(is_refused(bucket) && strncmp(bucket, "arn:", 4) != 0 && text_of(params, "Endpoint"));
}

static void check_url(const struct buf *have, const char *want, const char *doc)
{
    size_t n = have->len;

    while (n > 0 && have->data[n - 1] == '/')
        n--;
    if (n != strlen(want) || memcmp(have->data, want, n) != 0)
        fail_msg("%s\nwanted: %s\nhave:   %s", doc, want, have->data);
}

/* "https://host/path" as the vectors write it: no '/' at the end. */
static void check_vector(json_t *params, json_t *expect, const char *doc)
{
    json_t *to = json_object_get(expect, "endpoint");
    json_t *schemes = json_object_get(json_object_get(to, "properties"), "authSchemes");
    const char *signing = text_of(json_array_get(schemes, 0), "signingRegion");
    const char *url = text_of(to, "url"), *bucket = text_of(params, "Bucket");
    const char *endpoint = text_of(params, "Endpoint"), *region = text_of(params, "Region");
    char *url_copy = endpoint ? mem_strdup(endpoint) : NULL;
    struct aws_setup s = {.endpoint = url_copy,
                          .addressing = is_on(params, "ForcePathStyle") ? AWS_ADDRESSING_PATH
                                                                        : AWS_ADDRESSING_VIRTUAL,
                          .fips = is_on(params, "UseFIPS"),
                          .dual_stack = is_on(params, "UseDualStack"),
                          .accelerate = is_on(params, "Accelerate")};
    struct error e = {0};
    struct aws_url u;
    enum pb_err err;

    aws_url_init(&u);
    err = aws_url_make(&u, &s, region, bucket, NULL, 0, "", &e);
    if (is_refused(bucket)) {
        assert_true(err == PB_EUNSUPPORTED || err == PB_EUSAGE);
        assert_true(strlen(e.msg) > 30);
    } else if (!url) {
        if (err == PB_OK)
            fail_msg("%s: an error was expected, not %s", doc, u.url.data);
    } else {
        if (err != PB_OK)
            fail_msg("%s: %s", doc, e.msg);
        check_url(&u.url, url, doc);
        if (signing && strcmp(aws_signing_region(region), signing) != 0)
            fail_msg("%s: signed for %s, not %s", doc, aws_signing_region(region), signing);
    }
    aws_url_release(&u);
    free(url_copy);
}

static void test_vectors(void **state)
{
    const char *dir = getenv("PKLBROWSE_VECTORS");
    char path[512];
    json_t *file, *test;
    size_t i;
    unsigned checked = 0;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/endpoints/endpoint-tests-1.json",
                   dir ? dir : "../shared/vectors");
    file = json_load_file(path, 0, NULL);
    if (!file) {
        print_message("no %s: the public endpoint vectors are not here\n", path);
        skip();
    }
    json_array_foreach(json_object_get(file, "testCases"), i, test)
    {
        json_t *params = json_object_get(test, "params");

        if (!applies(params))
            continue;
        check_vector(params, json_object_get(test, "expect"),
                     json_string_value(json_object_get(test, "documentation")));
        checked++;
    }
    print_message("%u of the %zu vectors apply\n", checked,
                  json_array_size(json_object_get(file, "testCases")));
    assert_true(checked >= 300);
    json_decref(file);
}

/* ----------------------------------------------------------------------------- query */

static void test_query(void **state)
{
    struct aws_query q = {0};
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX_LINE);
    assert_int_equal(aws_query_format(&q, &out, NULL), PB_OK);
    assert_string_equal(out.data, "");
    assert_int_equal(aws_query_add(&q, "prefix", "", 0, NULL), PB_OK);
    assert_int_equal(aws_query_add(&q, "versions", NULL, 0, NULL), PB_OK);
    assert_int_equal(aws_query_add(&q, "list-type", "2", 1, NULL), PB_OK);
    assert_int_equal(aws_query_add(&q, "a b", "x y+/~\xc3\xa9", 8, NULL), PB_OK);
    assert_int_equal(aws_query_add(&q, "list-type", "1", 1, NULL), PB_OK);
    assert_int_equal(aws_query_add(&q, "Z", "nul\0byte", 8, NULL), PB_OK);
    assert_int_equal(aws_query_format(&q, &out, NULL), PB_OK);
    assert_string_equal(out.data, "Z=nul%00byte&a%20b=x%20y%2B%2F~%C3%A9&list-type=1&list-type=2&"
                                  "prefix=&versions=");
    buf_release(&out);
    aws_query_release(&q);
}

/* Names are compared as encoded: "%" is before letters, "-" before "=". */
static void test_query_order_is_of_encoded_names(void **state)
{
    static const char *const names[] = {"b", "\xe1\x88\xb4", "a-b", "a", "A", "a.b", "a_b", "a~b"};
    struct aws_query q = {0};
    struct buf out;
    size_t i;

    (void)state;
    buf_init(&out, BUF_MAX_LINE);
    for (i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(aws_query_add(&q, names[i], NULL, 0, NULL), PB_OK);
    assert_int_equal(aws_query_format(&q, &out, NULL), PB_OK);
    assert_string_equal(out.data, "%E1%88%B4=&A=&a=&a-b=&a.b=&a_b=&a~b=&b=");
    buf_release(&out);
    aws_query_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_key_of_1024_bytes),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_order_is_of_encoded_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

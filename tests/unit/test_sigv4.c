/* The signer against the public vectors, in the header form and in the query form. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/mem.h>

/*
 * Cases whose canonical path is not that of S3.  S3 keeps a path as it is: "//" and "/./" are part
 * of the key.  The *-unnormalized twin of each is checked.
 */
static const char *const other_path_rules[] = {
    "get-relative-normalized",
    "get-relative-relative-normalized",
    "get-slash-dot-slash-normalized",
    "get-slash-normalized",
    "get-slash-pointless-dot-normalized",
    "get-slashes-normalized",
};

static bool follows_other_rules(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof other_path_rules / sizeof *other_path_rules; i++)
        if (strcmp(name, other_path_rules[i]) == 0)
            return true;
    return false;
}

static const char *vectors(void)
{
    const char *dir = getenv("PKLBROWSE_VECTORS");

    return dir ? dir : "../shared/vectors";
}

/* The whole of DIR/NAME/FILE, NUL-terminated; the caller frees it. */
static char *slurp(const char *dir, const char *name, const char *file)
{
    char path[512];
    char *text;
    FILE *f;
    size_t n;

    (void)snprintf(path, sizeof path, "%s/sigv4/%s/%s", dir, name, file);
    f = fopen(path, "rb");
    assert_non_null(f);
    text = calloc(1, 65536);
    assert_non_null(text);
    n = fread(text, 1, 65535, f);
    assert_true(n < 65535);
    (void)fclose(f);
    return text;
}

/* A request as a program would hold it: path and query encoded, headers in a list. */
struct request {
    char method[16];
    struct buf path, query;
    struct http_headers headers;
    const char *body;
};

/* name=value&... of a request line, which may be encoded already or hold raw UTF-8. */
static void parse_query(struct aws_query *q, const char *text, const char *without)
{
    struct buf name, value;

    buf_init(&name, BUF_MAX_LINE);
    buf_init(&value, BUF_MAX_LINE);
    while (*text) {
        size_t n = strcspn(text, "&"), eq = strcspn(text, "=");

        buf_clear(&name);
        buf_clear(&value);
        uri_decode(&name, text, eq < n ? eq : n, false);
        if (eq < n)
            uri_decode(&value, text + eq + 1, n - eq - 1, false);
        if (!without || strcmp(name.data, without) != 0)
            assert_int_equal(aws_query_add(q, name.data, value.data, value.len, NULL), PB_OK);
        text += n + (text[n] == '&');
    }
    buf_release(&name);
    buf_release(&value);
}

static void parse_target(struct request *r, const char *target, size_t n, const char *without)
{
    struct aws_query q = {0};
    char *copy = mem_strndup(target, n);
    char *question;
    struct buf raw;

    assert_non_null(copy);
    question = strchr(copy, '?');
    if (question) {
        *question = '\0';
        parse_query(&q, question + 1, without);
    }
    buf_init(&raw, BUF_MAX_LINE);
    uri_decode(&raw, copy, strlen(copy), false);
    uri_encode(&r->path, raw.data, raw.len, true);
    buf_release(&raw);
    assert_int_equal(aws_query_format(&q, &r->query, NULL), PB_OK);
    aws_query_release(&q);
    free(copy);
}

/* A header that goes on over several lines is not sent by anyone today, but signed by one case. */
static void add_raw(struct http_headers *h, const char *name, const char *value)
{
    struct http_header new = {mem_strdup(name), mem_strdup(value)};

    assert_non_null(new.name);
    assert_non_null(new.value);
    assert_true(vec_push(h, new));
}

/* text must outlive the request. */
static void parse_request(struct request *r, char *text, const char *without)
{
    char *line = text, *end = strchr(line, '\n');
    const char *target = strchr(line, ' ') + 1;
    const char *http = NULL, *p;

    *end = '\0';
    for (p = target; (p = strstr(p, " HTTP/1.1")) != NULL; p++)
        http = p;
    assert_non_null(http);
    (void)snprintf(r->method, sizeof r->method, "%.*s", (int)(target - 1 - line), line);
    buf_init(&r->path, BUF_MAX_LINE);
    buf_init(&r->query, BUF_MAX_LINE);
    parse_target(r, target, (size_t)(http - target), without);
    for (line = end + 1; *line && *line != '\n'; line = end + 1) {
        char *colon;

        /* A line that begins with a blank continues the header. */
        for (end = strchr(line, '\n'); end && end[1] == ' '; end = strchr(end + 1, '\n'))
            continue;
        if (!end)
            end = line + strlen(line) - 1;
        else
            *end = '\0';
        colon = strchr(line, ':');
        assert_non_null(colon);
        *colon = '\0';
        add_raw(&r->headers, line, colon + 1);
    }
    r->body = *line == '\n' ? line + 1 : "";
}

static void request_release(struct request *r)
{
    buf_release(&r->path);
    buf_release(&r->query);
    http_headers_release(&r->headers);
}

struct context {
    json_t *json;
    struct aws_credentials credentials;
    char *token;
    bool token_unsigned, sign_body;
    int64_t time;
};

static const char *string_at(json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    assert_non_null(s);
    return s;
}

static void load_context(struct context *c, const char *dir, const char *name)
{
    char *text = slurp(dir, name, "context.json");
    json_t *keys;
    const char *when;

    c->json = json_loads(text, 0, NULL);
    assert_non_null(c->json);
    free(text);
    keys = json_object_get(c->json, "credentials");
    c->credentials.access_key = mem_strdup(string_at(keys, "access_key_id"));
    c->credentials.secret_key = mem_strdup(string_at(keys, "secret_access_key"));
    if (json_object_get(keys, "token"))
        c->credentials.session_token = mem_strdup(string_at(keys, "token"));
    c->token_unsigned = json_is_true(json_object_get(c->json, "omit_session_token"));
    c->sign_body = json_is_true(json_object_get(c->json, "sign_body"));
    when = string_at(c->json, "timestamp");
    assert_true(clock_parse_iso(when, strlen(when), &c->time));
}

static void context_release(struct context *c)
{
    aws_credentials_release(&c->credentials);
    json_decref(c->json);
}

static void payload_hash(const struct request *r, struct buf *out)
{
    uint8_t hash[SHA256_LEN];

    buf_init(out, BUF_MAX_LINE);
    assert_int_equal(sha256(r->body, strlen(r->body), hash, NULL), PB_OK);
    hex_encode(out, hash, sizeof hash);
}

static void expect_text(const char *dir, const char *name, const char *form, const char *what,
                        const char *have)
{
    char file[64];
    char *want;

    (void)snprintf(file, sizeof file, "%s-%s.txt", form, what);
    want = slurp(dir, name, file);
    if (strcmp(want, have) != 0)
        fail_msg("%s: %s\nwanted:\n%s\nhave:\n%s", name, file, want, have);
    free(want);
}

/* The three stages of one case, and for the header form the finished header. */
static void check_stages(const char *dir, const char *name, const char *form,
                         const struct context *c, const struct request *r, const char *hash)
{
    struct sigv4 s = {&c->credentials,
                      string_at(c->json, "region"),
                      string_at(c->json, "service"),
                      c->time,
                      r->method,
                      r->path.data,
                      r->query.data,
                      &r->headers,
                      hash,
                      false};
    struct buf canonical, names, text, signature, header, want;

    buf_init(&canonical, BUF_MAX_TEXT);
    buf_init(&names, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    buf_init(&signature, BUF_MAX_LINE);
    buf_init(&header, BUF_MAX_LINE);
    buf_init(&want, BUF_MAX_LINE);
    assert_int_equal(sigv4_canonical_request(&s, &canonical, &names, NULL), PB_OK);
    expect_text(dir, name, form, "canonical-request", canonical.data);
    assert_int_equal(sigv4_string_to_sign(&s, &canonical, &text, NULL), PB_OK);
    expect_text(dir, name, form, "string-to-sign", text.data);
    assert_int_equal(sigv4_signature(&s, &text, &signature, NULL), PB_OK);
    expect_text(dir, name, form, "signature", signature.data);
    assert_int_equal(sigv4_authorization(&s, &header, NULL), PB_OK);
    buf_printf(&want,
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
               "aws4_request, SignedHeaders=%s, Signature=%s",
               names.data, signature.data);
    assert_string_equal(header.data, want.data);
    buf_release(&canonical);
    buf_release(&names);
    buf_release(&text);
    buf_release(&signature);
    buf_release(&header);
    buf_release(&want);
}

/* request.txt plus what a signing program adds: date, token, hash of the body. */
static void check_header_form(const char *dir, const char *name)
{
    char *text = slurp(dir, name, "request.txt");
    struct request r = {.method = ""};
    struct context c = {0};
    struct buf date, hash;

    load_context(&c, dir, name);
    parse_request(&r, text, NULL);
    buf_init(&date, BUF_MAX_LINE);
    clock_format_basic(&date, c.time);
    payload_hash(&r, &hash);
    assert_int_equal(http_headers_add(&r.headers, "X-Amz-Date", date.data, NULL), PB_OK);
    if (c.credentials.session_token && !c.token_unsigned)
        assert_int_equal(
            http_headers_add(&r.headers, "X-Amz-Security-Token", c.credentials.session_token, NULL),
            PB_OK);
    if (c.sign_body)
        assert_int_equal(http_headers_add(&r.headers, "x-amz-content-sha256", hash.data, NULL),
                         PB_OK);
    if (c.sign_body && *r.body)
        assert_non_null(http_headers_get(&r.headers, "Content-Length"));
    check_stages(dir, name, "header", &c, &r, hash.data);
    buf_release(&date);
    buf_release(&hash);
    request_release(&r);
    context_release(&c);
    free(text);
}

/* query-signed-request.txt as sent, without its signature: what a presigned address is made of. */
static void check_query_form(const char *dir, const char *name)
{
    char *text = slurp(dir, name, "query-signed-request.txt");
    struct request r = {.method = ""};
    struct context c = {0};
    struct buf hash;

    load_context(&c, dir, name);
    if (c.token_unsigned) { /* the token was put into the address after signing */
        context_release(&c);
        free(text);
        return;
    }
    parse_request(&r, text, "X-Amz-Signature");
    payload_hash(&r, &hash);
    check_stages(dir, name, "query", &c, &r, hash.data);
    buf_release(&hash);
    request_release(&r);
    context_release(&c);
    free(text);
}

/* The same made by ourselves from the request as it was: the signature must be theirs. */
static void check_presigned(const char *dir, const char *name)
{
    char *text = slurp(dir, name, "request.txt"), *wanted;
    struct request r = {.method = ""};
    struct context c = {0};
    struct aws_query q = {0};
    struct buf hash, out;
    const char *signature;

    load_context(&c, dir, name);
    if (c.token_unsigned || c.sign_body) { /* S3 signs neither way */
        context_release(&c);
        free(text);
        return;
    }
    parse_request(&r, text, NULL);
    payload_hash(&r, &hash);
    parse_query(&q, r.query.data, NULL);
    buf_init(&out, BUF_MAX_TEXT);
    {
        struct sigv4 s = {&c.credentials,
                          string_at(c.json, "region"),
                          string_at(c.json, "service"),
                          c.time,
                          r.method,
                          r.path.data,
                          "",
                          &r.headers,
                          hash.data,
                          false};

        assert_int_equal(sigv4_presign(&s, &q, 3600, &out, NULL), PB_OK);
    }
    wanted = slurp(dir, name, "query-signature.txt");
    signature = strstr(out.data, "&X-Amz-Signature=");
    assert_non_null(signature);
    if (strcmp(signature + strlen("&X-Amz-Signature="), wanted) != 0)
        fail_msg("%s: %s", name, out.data);
    aws_query_release(&q);
    buf_release(&out);
    buf_release(&hash);
    request_release(&r);
    context_release(&c);
    free(text);
    free(wanted);
}

static void every_case(void (*check)(const char *dir, const char *name))
{
    const char *dir = vectors();
    char path[512];
    struct dirent *d;
    unsigned checked = 0, skipped = 0;
    DIR *list;

    (void)snprintf(path, sizeof path, "%s/sigv4", dir);
    list = opendir(path);
    if (!list) {
        print_message("no %s: the public signing vectors are not here\n", path);
        skip();
        return;
    }
    while ((d = readdir(list))) {
        if (d->d_name[0] == '.')
            continue;
        if (follows_other_rules(d->d_name)) {
            skipped++;
            continue;
        }
        check(dir, d->d_name);
        checked++;
    }
    (void)closedir(list);
    assert_int_equal(skipped, sizeof other_path_rules / sizeof *other_path_rules);
    assert_true(checked >= 32);
}

static void test_header_form(void **state)
{
    (void)state;
    every_case(check_header_form);
}

static void test_query_form(void **state)
{
    (void)state;
    every_case(check_query_form);
}

static void test_presigned(void **state)
{
    (void)state;
    every_case(check_presigned);
}

/* Amazon's own published example of a signed S3 request (GET of an object with a range). */
static void test_s3_example(void **state)
{
    struct aws_credentials keys = {.access_key = (char[]){"AKIAIOSFODNN7EXAMPLE"},
                                   .secret_key =
                                       (char[]){"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}};
    const char *empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct http_headers h = {0};
    struct sigv4 s = {&keys,       "us-east-1", "s3", 1369353600, "GET",
                      "/test.txt", "",          &h,   empty,      false};
    struct buf out;

    (void)state;
    assert_int_equal(http_headers_add(&h, "Host", "examplebucket.s3.amazonaws.com", NULL), PB_OK);
    assert_int_equal(http_headers_add(&h, "Range", "bytes=0-9", NULL), PB_OK);
    assert_int_equal(http_headers_add(&h, "x-amz-content-sha256", empty, NULL), PB_OK);
    assert_int_equal(http_headers_add(&h, "x-amz-date", "20130524T000000Z", NULL), PB_OK);
    buf_init(&out, BUF_MAX_LINE);
    assert_int_equal(sigv4_authorization(&s, &out, NULL), PB_OK);
    assert_string_equal(
        out.data,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    buf_release(&out);
    http_headers_release(&h);
}

/* What a proxy or the HTTP library may change on the way must not be signed. */
static void test_unsigned_headers(void **state)
{
    static const char *const names[] = {
        "Connection",      "Expect",        "User-Agent",       "TE",        "Trailer",
        "Keep-Alive",      "Upgrade",       "Accept",           "Proxy-Foo", "X-Amzn-Trace-Id",
        "Accept-Encoding", "Authorization", "Transfer-Encoding"};
    struct aws_credentials keys = {.access_key = (char[]){"A"}, .secret_key = (char[]){"S"}};
    struct http_headers h = {0};
    struct sigv4 s = {&keys, "us-east-1", "s3", 0, "GET", "/", "", &h, "UNSIGNED-PAYLOAD", false};
    struct buf out, signed_names;
    size_t i;

    (void)state;
    assert_int_equal(http_headers_add(&h, "Host", "h", NULL), PB_OK);
    assert_int_equal(http_headers_add(&h, "If-Match", "\"abc\"", NULL), PB_OK);
    for (i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(http_headers_add(&h, names[i], "x", NULL), PB_OK);
    buf_init(&out, BUF_MAX_LINE);
    buf_init(&signed_names, BUF_MAX_LINE);
    assert_int_equal(sigv4_canonical_request(&s, &out, &signed_names, NULL), PB_OK);
    assert_string_equal(signed_names.data, "host;if-match");
    assert_string_equal(out.data, "GET\n/\n\nhost:h\nif-match:\"abc\"\n\nhost;if-match\n"
                                  "UNSIGNED-PAYLOAD");
    buf_release(&out);
    buf_release(&signed_names);
    http_headers_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_form),      cmocka_unit_test(test_query_form),
        cmocka_unit_test(test_presigned),        cmocka_unit_test(test_s3_example),
        cmocka_unit_test(test_unsigned_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

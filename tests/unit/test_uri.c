/* Locations as they are typed, percent encoding, endpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/uri.h>

/* --- locations -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum loc_scheme scheme;
    const char *container, *key;
    const char *again; /* how it is written back, when not as it was typed */
} places[] = {
    {"s3://bucket/key", LOC_S3, "bucket", "key", NULL},
    {"s3://bucket/a/b/c.pkl", LOC_S3, "bucket", "a/b/c.pkl", NULL},
    {"s3://bucket//a//b/", LOC_S3, "bucket", "/a//b/", NULL},
    {"s3://bucket/100%25 ?x=1#y+z", LOC_S3, "bucket", "100%25 ?x=1#y+z", NULL},
    {"s3://bucket/\xff\n\033", LOC_S3, "bucket", "\xff\n\033", NULL},
    {"s3://bucket/../x/./y", LOC_S3, "bucket", "../x/./y", NULL},
    {"s3://bucket", LOC_S3, "bucket", "", NULL},
    {"s3://bucket/", LOC_S3, "bucket", "", "s3://bucket"},
    {"s3://", LOC_S3, "", "", NULL},
    {"S3://Bucket/K", LOC_S3, "Bucket", "K", "s3://Bucket/K"},
    {"gs://b/k", LOC_GS, "b", "k", NULL},
    {"az://account/container/a/b", LOC_AZ, "account/container", "a/b", NULL},
    {"az://account/container/b?c=d", LOC_AZ, "account/container", "b?c=d", NULL},
    {"az://account/container//b", LOC_AZ, "account/container", "/b", NULL},
    {"az://account/container", LOC_AZ, "account/container", "", NULL},
    {"az://account/container/", LOC_AZ, "account/container", "", "az://account/container"},
    {"az://account", LOC_AZ, "account", "", NULL},
    {"az://account/", LOC_AZ, "account", "", "az://account"},
    {"az://", LOC_AZ, "", "", NULL},
    {"https://Acct.blob.core.windows.net/c/a%20b%2Fc//d", LOC_AZ, "acct/c", "a b/c//d",
     "az://acct/c/a b/c//d"},
    {"https://acct.BLOB.core.usgovcloudapi.net:443/c?sv=1&sig=secret%2F", LOC_AZ, "acct/c", "",
     "az://acct/c"},
    {"http://a1.z05.blob.storage.azure.net", LOC_AZ, "a1", "", "az://a1"},
    {"https://.blob.core.windows.net/c/k", LOC_HTTP, "https://.blob.core.windows.net", "c/k", NULL},
    {"https://acct.blob.core.windows.net.evil.example/c/k", LOC_HTTP,
     "https://acct.blob.core.windows.net.evil.example", "c/k", NULL},
    {"https://h.example/a/b", LOC_HTTP, "https://h.example", "a/b", NULL},
    {"https://h.example:8443/a%20b%2Fc?X-Amz-Signature=1%2F2#f", LOC_HTTP, "https://h.example:8443",
     "a b/c", NULL},
    {"http://h.example", LOC_HTTP, "http://h.example", "", NULL},
    {"http://h.example?x=/y", LOC_HTTP, "http://h.example", "", NULL},
    {"http://h/a+b%zz%", LOC_HTTP, "http://h", "a+b%zz%", NULL},
    {"file:///tmp/a%20b", LOC_LOCAL, NULL, "/tmp/a b", "/tmp/a b"},
    {"file://localhost/x%2525", LOC_LOCAL, NULL, "/x%25", "/x%25"},
    {"FILE:///x%ff", LOC_LOCAL, NULL, "/x\xff", "/x\xff"},
    {"-", LOC_STDIO, NULL, "-", NULL},
    {"./-", LOC_LOCAL, NULL, "./-", NULL},
    {"--", LOC_LOCAL, NULL, "--", NULL},
    {"a%20b", LOC_LOCAL, NULL, "a%20b", NULL},
    {"/", LOC_LOCAL, NULL, "/", NULL},
    {".", LOC_LOCAL, NULL, ".", NULL},
    {"s3:/bucket", LOC_LOCAL, NULL, "s3:/bucket", NULL},
    {"./s3://x", LOC_LOCAL, NULL, "./s3://x", NULL},
    {"ftp://h/x", LOC_LOCAL, NULL, "ftp://h/x", NULL},
    {"file:x", LOC_LOCAL, NULL, "file:x", NULL},
    {"\xd0\x94/\xff", LOC_LOCAL, NULL, "\xd0\x94/\xff", NULL},
};

static void check_text(const char *have, const char *want)
{
    if (want == NULL)
        assert_null(have);
    else
        assert_string_equal(have, want);
}

static void parses_locations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *again = places[i].again != NULL ? places[i].again : places[i].text;
        struct location loc, copy;
        struct error e;
        struct buf out;

        buf_init(&out, 1000);
        if (location_parse(&loc, places[i].text, &e) != PB_OK)
            fail_msg("%s: %s", places[i].text, e.msg);
        assert_int_equal(loc.scheme, places[i].scheme);
        check_text(loc.container, places[i].container);
        check_text(loc.key, places[i].key);
        assert_int_equal(loc.key_len, strlen(places[i].key));
        check_text(loc.url, strncasecmp(places[i].text, "http", 4) == 0 ? places[i].text : NULL);
        location_format(&out, &loc);
        assert_string_equal(out.data, again);
        assert_int_equal(location_copy(&copy, &loc, &e), PB_OK);
        location_release(&loc);
        assert_null(loc.key);
        buf_clear(&out);
        location_format(&out, &copy);
        assert_string_equal(out.data, again);
        /* What was written back means the same. */
        assert_int_equal(location_parse(&loc, out.data, &e), PB_OK);
        assert_int_equal(loc.scheme, copy.scheme);
        check_text(loc.container, copy.container);
        check_text(loc.key, copy.key);
        location_release(&loc);
        location_release(&copy);
        location_release(&copy);
        buf_release(&out);
    }
}

static void refuses_locations(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "an empty location"},
        {"s3:///key", "s3:///key: the container's name before the '/' is missing"},
        {"gs:///", "gs:///: the container's name before the '/' is missing"},
        {"az:///c/k", "az:///c/k: the container's name before the '/' is missing"},
        {"az://a//k", "az://a//k: the container's name before the '/' is missing"},
        {"az://a/c?sv=1&sig=secret",
         "az://a/c?…: a signature goes with the https:// address of the "
         "blob, or into AZURE_STORAGE_SAS_TOKEN"},
        {"az://a?sig=secret",
         "az://a?…: a signature goes with the https:// address of the blob, or "
         "into AZURE_STORAGE_SAS_TOKEN"},
        {"https://a.blob.core.windows.net//k?sig=secret",
         "https://a.blob.core.windows.net//k?…: the container's name before the '/' is missing"},
        {"https://a.blob.core.windows.net/c/%00?sig=secret",
         "https://a.blob.core.windows.net/c/%00?…: no path holds a %00"},
        {"https:///x", "https:///x: the host's name is missing"},
        {"https://?sig=secret", "https://?…: the host's name is missing"},
        {"https://h/%00?sig=secret", "https://h/%00?…: no path holds a %00"},
        {"file://other/x", "file://other/x: a file:// address names a path on this machine "
                           "(file:///…)"},
        {"file://", "file://: a file:// address names a path on this machine (file:///…)"},
        {"file:///a%00b", "file:///a%00b: no path holds a %00"},
        {"s3:///\033[31m", "s3:///\\x1b[31m: the container's name before the '/' is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct location loc;
        struct error e;

        assert_int_equal(location_parse(&loc, cases[i].text, &e), PB_EUSAGE);
        assert_string_equal(e.msg, cases[i].why);
        assert_null(loc.key);
        assert_null(loc.container);
        location_release(&loc);
    }
}

static void makes_locations(void **state)
{
    struct location loc;
    struct error e;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(location_make(&loc, LOC_LOCAL, NULL, "-", 1, &e), PB_OK);
    location_format(&out, &loc);
    assert_string_equal(out.data, "./-");
    location_release(&loc);
    buf_clear(&out);
    assert_int_equal(location_make(&loc, LOC_LOCAL, NULL, "s3://x", 6, &e), PB_OK);
    location_format(&out, &loc);
    assert_string_equal(out.data, "./s3://x");
    location_release(&loc);
    buf_clear(&out);
    assert_int_equal(location_make(&loc, LOC_HTTP, "https://h", "a b/\xff", 5, &e), PB_OK);
    location_format(&out, &loc);
    assert_string_equal(out.data, "https://h/a%20b/%FF");
    location_release(&loc);
    buf_clear(&out);
    assert_int_equal(location_make(&loc, LOC_S3, NULL, "", 0, &e), PB_OK);
    location_format(&out, &loc);
    assert_string_equal(out.data, "s3://");
    location_release(&loc);
    buf_release(&out);
}

static void memory_that_runs_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct location loc, copy;
        struct error e;

        for (long nth = 1;; nth++) {
            enum pb_err err;

            mem_fail_after(nth);
            err = location_parse(&loc, places[i].text, &e);
            mem_fail_after(-1);
            if (err == PB_OK)
                break;
            assert_int_equal(err, PB_ENOMEM);
            assert_null(loc.key);
            assert_true(nth < 20);
        }
        for (long nth = 1;; nth++) {
            enum pb_err err;

            mem_fail_after(nth);
            err = location_copy(&copy, &loc, &e);
            mem_fail_after(-1);
            if (err == PB_OK)
                break;
            assert_int_equal(err, PB_ENOMEM);
            assert_null(copy.key);
            assert_true(nth < 20);
        }
        location_release(&loc);
        location_release(&copy);
    }
}

/* --- percent encoding ------------------------------------------------------------------------- */

static void encodes(void **state)
{
    static const struct {
        const char *plain, *coded, *coded_slash;
    } cases[] = {
        {"", "", ""},
        {"AZaz09-_.~", "AZaz09-_.~", "AZaz09-_.~"},
        {"a/b", "a/b", "a%2Fb"},
        {"a b+c", "a%20b%2Bc", "a%20b%2Bc"},
        {"%25", "%2525", "%2525"},
        {"@=:,!()*'&;$?#[]\"<>\\^`{|}",
         "%40%3D%3A%2C%21%28%29%2A%27%26%3B%24%3F%23%5B%5D%22%3C%3E%5C%5E"
         "%60%7B%7C%7D",
         NULL},
        {"\xc3\xa9\xff\x01", "%C3%A9%FF%01", "%C3%A9%FF%01"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&out);
        uri_encode(&out, cases[i].plain, strlen(cases[i].plain), true);
        assert_string_equal(out.data, cases[i].coded);
        if (cases[i].coded_slash != NULL) {
            buf_clear(&out);
            uri_encode(&out, cases[i].plain, strlen(cases[i].plain), false);
            assert_string_equal(out.data, cases[i].coded_slash);
        }
    }
    buf_release(&out);
}

static void decodes(void **state)
{
    static const struct {
        const char *coded, *plain, *form;
    } cases[] = {
        {"", "", ""},
        {"a+b", "a+b", "a b"},
        {"a%2Bb", "a+b", "a+b"},
        {"%41%c3%A9", "A\xc3\xa9", "A\xc3\xa9"},
        {"%", "%", "%"},
        {"%4", "%4", "%4"},
        {"%g1%1g", "%g1%1g", "%g1%1g"},
        {"%%41", "%A", "%A"},
        {"%2541", "%41", "%41"},
        {"100%", "100%", "100%"},
    };
    struct buf out, again;

    (void)state;
    buf_init(&out, 1000);
    buf_init(&again, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&out);
        uri_decode(&out, cases[i].coded, strlen(cases[i].coded), false);
        assert_string_equal(out.data, cases[i].plain);
        buf_clear(&out);
        uri_decode(&out, cases[i].coded, strlen(cases[i].coded), true);
        assert_string_equal(out.data, cases[i].form);
    }
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;

        buf_clear(&out);
        buf_clear(&again);
        uri_encode(&out, &byte, 1, c % 2 == 0);
        uri_decode(&again, out.data, out.len, true);
        assert_int_equal(again.len, 1);
        assert_memory_equal(again.data, &byte, 1);
    }
    buf_clear(&out);
    uri_decode(&out, "%00", 3, false);
    assert_int_equal(out.len, 1);
    buf_release(&out);
    buf_release(&again);
}

/* --- endpoints -------------------------------------------------------------------------------- */

static void parses_endpoints(void **state)
{
    static const struct {
        const char *url;
        bool https;
        const char *host;
        unsigned port;
        const char *path;
    } cases[] = {
        {"https://s3.example.com", true, "s3.example.com", 0, ""},
        {"http://localhost:9000/", false, "localhost", 9000, ""},
        {"HTTPS://S3.Example.COM:443//", true, "s3.example.com", 443, ""},
        {"https://h/base/path/", true, "h", 0, "/base/path"},
        {"http://127.0.0.1:1", false, "127.0.0.1", 1, ""},
        {"http://[::1]:9000/x", false, "[::1]", 9000, "/x"},
        {"http://[FE80::1]", false, "[fe80::1]", 0, ""},
        {"https://a_b-c.d:65535", true, "a_b-c.d", 65535, ""},
    };
    struct endpoint ep;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (endpoint_parse(&ep, cases[i].url, &e) != PB_OK)
            fail_msg("%s: %s", cases[i].url, e.msg);
        assert_int_equal(ep.https, cases[i].https);
        assert_string_equal(ep.host, cases[i].host);
        assert_int_equal(ep.port, cases[i].port);
        assert_string_equal(ep.path, cases[i].path);
        endpoint_release(&ep);
        endpoint_release(&ep);
        for (long nth = 1; nth <= 2; nth++) {
            mem_fail_after(nth);
            assert_int_equal(endpoint_parse(&ep, cases[i].url, &e), PB_ENOMEM);
            mem_fail_after(-1);
            assert_null(ep.host);
        }
    }
}

static void refuses_endpoints(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost:9000",
        "ftp://h",
        "http://",
        "http:///x",
        "https://:443",
        "http://h:0",
        "http://h:65536",
        "http://h:",
        "http://h:x",
        "http://h:80:80",
        "http://h h",
        "http://h\n",
        "http://[::1",
        "http://[]",
        "http://[::g]",
        "http://[::1]x",
        "http://u:secret@h",
        "http://h/?x=1",
        "http://h#f",
        "http://\xc3\xa9.example",
        "http://h%41",
    };
    struct endpoint ep;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (endpoint_parse(&ep, bad[i], &e) != PB_EUSAGE)
            fail_msg("%s", bad[i]);
        assert_null(strstr(e.msg, "secret"));
        assert_null(ep.host);
        assert_null(ep.path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_locations), cmocka_unit_test(refuses_locations),
        cmocka_unit_test(makes_locations),  cmocka_unit_test(memory_that_runs_out),
        cmocka_unit_test(encodes),          cmocka_unit_test(decodes),
        cmocka_unit_test(parses_endpoints), cmocka_unit_test(refuses_endpoints),
    };

    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}

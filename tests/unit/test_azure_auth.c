/* Azure: signatures, connection strings, which credentials count, addresses, whose a token is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/azure.h>
#include <pklbrowse/mem.h>

#define KEY                                                                                        \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

/* -------------------------------------------------------------------------- signatures */

static void add(struct http_headers *h, const char *name, const char *value)
{
    assert_int_equal(http_headers_add(h, name, value, NULL), PB_OK);
}

static void param(struct aws_query *q, const char *name, const char *value)
{
    assert_int_equal(aws_query_add(q, name, value, strlen(value), NULL), PB_OK);
}

static void check(const struct azure_signing *s, const char *text, const char *authorization)
{
    struct error e = {0};
    struct buf out;

    buf_init(&out, BUF_MAX_LINE);
    assert_int_equal(azure_string_to_sign(s, &out, &e), PB_OK);
    assert_string_equal(out.data, text);
    buf_clear(&out);
    assert_int_equal(azure_authorization(s, &out, &e), PB_OK);
    assert_string_equal(out.data, authorization);
    buf_release(&out);
}

/* The example of the published rules. */
static void test_published_example(void **state)
{
    struct http_headers h = {0};
    struct aws_query q = {0};
    struct azure_signing s = {.account = "myaccount",
                              .key = KEY,
                              .method = "GET",
                              .path = "/mycontainer",
                              .query = &q,
                              .headers = &h};

    (void)state;
    add(&h, "x-ms-version", "2015-02-21");
    add(&h, "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
    param(&q, "restype", "container");
    param(&q, "comp", "metadata");
    param(&q, "timeout", "20");
    check(&s,
          "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
          "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
          "timeout:20",
          "SharedKey myaccount:1u9lui2jDxj0+fpbHjQ5m5NnastJRSYM+PSmfi8TXx4=");
    aws_query_release(&q);
    http_headers_release(&h);
}

/* A write at a path-style address: the account twice; header names in the service's own order. */
static void test_write(void **state)
{
    struct http_headers h = {0};
    struct azure_signing s = {.account = "devstoreaccount1",
                              .key = KEY,
                              .method = "PUT",
                              .path = "/devstoreaccount1/c/a%20b/%EC%9E%91",
                              .headers = &h,
                              .content_length = 11};

    (void)state;
    add(&h, "X-Ms-Meta-ab", " 2 ");
    add(&h, "x-ms-meta-a1", "1");
    add(&h, "x-ms-meta-a_b", "\tx  y");
    add(&h, "x-ms-version", "2021-12-02");
    add(&h, "x-ms-blob-type", "BlockBlob");
    add(&h, "x-ms-date", "Sun, 22 Nov 2026 10:02:03 GMT");
    add(&h, "User-Agent", "nobody signs it");
    add(&h, "If-Match", "\"0x8D\"");
    add(&h, "Content-Type", "text/plain");
    add(&h, "Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==");
    check(&s,
          "PUT\n\n\n11\nXUFAKrxLKna5cZ2REBfFkg==\ntext/plain\n\n\n\"0x8D\"\n\n\n\n"
          "x-ms-blob-type:BlockBlob\nx-ms-date:Sun, 22 Nov 2026 10:02:03 GMT\n"
          "x-ms-meta-a_b:x  y\nx-ms-meta-a1:1\nx-ms-meta-ab:2\nx-ms-version:2021-12-02\n"
          "/devstoreaccount1/devstoreaccount1/c/a%20b/%EC%9E%91",
          "SharedKey devstoreaccount1:uQpg6eQnO4BLUSiQ2kI6plMfGDc/Glcw/8H9r1aXrXg=");
    http_headers_release(&h);
}

/* Decoded, the names in lower case, several values of one name joined in their order. */
static void test_query(void **state)
{
    struct http_headers h = {0};
    struct aws_query q = {0};
    struct azure_signing s = {
        .account = "a", .key = KEY, .method = "GET", .path = "/c", .query = &q, .headers = &h};
    struct error e = {0};
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX_LINE);
    param(&q, "Prefix", "a b/\xec\x9e\x91+%2F");
    param(&q, "include", "versions");
    param(&q, "include", "metadata");
    param(&q, "comp", "");
    assert_int_equal(azure_string_to_sign(&s, &out, &e), PB_OK);
    assert_string_equal(out.data,
                        "GET\n\n\n\n\n\n\n\n\n\n\n\n/a/c\ncomp:\ninclude:metadata,versions\n"
                        "prefix:a b/\xec\x9e\x91+%2F");
    s.key = "no base64!";
    assert_int_equal(azure_authorization(&s, &out, &e), PB_EUSAGE);
    buf_clear(&out);
    assert_int_equal(azure_read_sas("devstoreaccount1", KEY, "c", "a b", 3, 1795341723, &out, &e),
                     PB_OK);
    assert_string_equal(out.data, "sv=2021-12-02&sr=b&sp=r&se=2026-11-22T10%3A02%3A03Z&"
                                  "sig=m%2FD251N2rymoa12B61dIxwxFqCiOXvvzIXrVGajsyPI%3D");
    buf_release(&out);
    aws_query_release(&q);
    http_headers_release(&h);
}

/* ------------------------------------------------------------------ connection strings */

static const struct {
    const char *text, *want; /* account|key|sas|endpoint|suffix|http, or "!" and what it says */
} strings[] = {
    {"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=" KEY
     ";EndpointSuffix=core.windows.net",
     "acct|" KEY "|-|-|core.windows.net|0"},
    {" defaultendpointsprotocol=HTTP ; ACCOUNTNAME=acct;accountkey=" KEY ";; ",
     "acct|" KEY "|-|-|-|1"},
    {"UseDevelopmentStorage=true",
     "devstoreaccount1|" KEY "|-|http://127.0.0.1:10000/devstoreaccount1|-|0"},
    {"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://myhost",
     "devstoreaccount1|" KEY "|-|http://myhost:10000/devstoreaccount1|-|0"},
    {"BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=a%3D%3D",
     "acct|-|sv=1&sig=a%3D%3D|https://acct.blob.core.windows.net/|-|0"},
    {"BlobEndpoint=http://127.0.0.1:7400/devstoreaccount1;SharedAccessSignature=sv=1&sig=x;"
     "QueueEndpoint=http://q;TableEndpoint=http://t;FileEndpoint=http://f",
     "devstoreaccount1|-|sv=1&sig=x|http://127.0.0.1:7400/devstoreaccount1|-|0"},
    {"AccountName=acct;AccountKey=not base64", "!AccountKey is no base64"},
    {"AccountName=../evil;AccountKey=" KEY, "!AccountName is not the name"},
    {"AccountKey=" KEY, "!names no account"},
    {"AccountName=acct;AccountKey", "!no '='"},
    {"AccountName=acct;BlobEndpoint=ftp://x", "!BlobEndpoint is no http"},
    {"AccountName=acct;DefaultEndpointsProtocol=gopher", "!neither http nor https"},
    {"", "!names no account"},
};

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void test_connection_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct azure_connection c;
        struct error e = {0};
        struct buf out;

        buf_init(&out, BUF_MAX_LINE);
        if (azure_connection_parse(&c, strings[i].text, &e) == PB_OK)
            buf_printf(&out, "%s|%s|%s|%s|%s|%d", or_dash(c.account), or_dash(c.key),
                       or_dash(c.sas), or_dash(c.endpoint), or_dash(c.suffix), c.http);
        if (*strings[i].want == '!') {
            assert_int_equal(e.code, PB_EUSAGE);
            if (!strstr(e.msg, strings[i].want + 1))
                fail_msg("%s", e.msg);
            assert_null(strstr(e.msg, KEY));
        } else {
            assert_string_equal(out.data, strings[i].want);
        }
        azure_connection_release(&c);
        buf_release(&out);
    }
}

/* ------------------------------------------------------------------- which ones count */

static const char *const variables[] = {
    "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT",   "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCESS_KEY",        "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_AUTH_MODE",
    "AZURE_STORAGE_SERVICE_ENDPOINT",  "AZURE_CLOUD_NAME",        "AZURE_AUTHORITY_HOST",
};

static const struct {
    const char *environment; /* NAME=value, one a line; a line "file" begins ~/.azure/config */
    bool anonymous;
    const char *want; /* account auth secret endpoint suffix | origin, or "!" and what it says */
} setups[] = {
    {"", false, "- token - - core.windows.net | -"},
    {"", true, "- anonymous - - core.windows.net | -"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_KEY=" KEY, false,
     "acct key " KEY " - core.windows.net | account key of AZURE_STORAGE_KEY"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_ACCESS_KEY=" KEY, false,
     "acct key " KEY " - core.windows.net | account key of AZURE_STORAGE_ACCESS_KEY"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_KEY=" KEY "\nAZURE_STORAGE_SAS_TOKEN=?sig=1", false,
     "acct sas sig=1 - core.windows.net | shared access signature of AZURE_STORAGE_SAS_TOKEN"},
    {"AZURE_STORAGE_ACCOUNT=acct", false, "acct token - - core.windows.net | -"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_KEY=" KEY "\nAZURE_STORAGE_AUTH_MODE=login", false,
     "acct token - - core.windows.net | -"},
    {"AZURE_STORAGE_ACCOUNT=other\nAZURE_STORAGE_SAS_TOKEN=sig=1\n"
     "AZURE_STORAGE_CONNECTION_STRING=AccountName=acct;AccountKey=" KEY,
     false, "acct key " KEY " - core.windows.net | account key of AZURE_STORAGE_CONNECTION_STRING"},
    {"AZURE_STORAGE_CONNECTION_STRING=AccountName=acct;EndpointSuffix=core.example;AccountKey=" KEY,
     true,
     "acct anonymous " KEY " - core.example | account key of AZURE_STORAGE_CONNECTION_STRING"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_CLOUD_NAME=azureusgovernment\nAZURE_STORAGE_KEY=" KEY,
     false, "acct key " KEY " - core.usgovcloudapi.net | account key of AZURE_STORAGE_KEY"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_SERVICE_ENDPOINT=http://h:1/acct", false,
     "acct token - http://h:1/acct core.windows.net | -"},
    {"file\n# a comment\n[storage]\n account = filed \nkey = " KEY
     "\r\n[cloud]\nname=AzureChinaCloud\n",
     false, "filed key " KEY " - core.chinacloudapi.cn | account key of ~/.azure/config"},
    {"AZURE_STORAGE_ACCOUNT=acct\nfile\n[storage]\naccount=filed\nkey=" KEY, false,
     "acct key " KEY " - core.windows.net | account key of ~/.azure/config"},
    {"file\n[storage]\nconnection_string = UseDevelopmentStorage=true\n[other]\naccount=x", false,
     "devstoreaccount1 key " KEY " http://127.0.0.1:10000/devstoreaccount1 core.windows.net | "
     "account key of ~/.azure/config"},
    {"AZURE_STORAGE_ACCOUNT=a/b", false, "!AZURE_STORAGE_ACCOUNT does not hold the name"},
    {"AZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_KEY=%%%", false, "!AZURE_STORAGE_KEY is no base64"},
    {"AZURE_STORAGE_AUTH_MODE=maybe", false, "!neither key nor login"},
    {"AZURE_STORAGE_CONNECTION_STRING=x", false,
     "!AZURE_STORAGE_CONNECTION_STRING: the connection"},
};

static char home[] = "/tmp/pklbrowse-azure.XXXXXX";

static void put_environment(const char *text)
{
    char path[128];
    FILE *f;

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(unsetenv(variables[i]), 0);
    (void)snprintf(path, sizeof path, "%s/config", home);
    (void)unlink(path);
    assert_int_equal(setenv("AZURE_CONFIG_DIR", home, 1), 0);
    while (*text && strncmp(text, "file", 4) != 0) {
        size_t n = strcspn(text, "\n");
        char *line = mem_strndup(text, n), *equals = strchr(line, '=');

        *equals = '\0';
        assert_int_equal(setenv(line, equals + 1, 1), 0);
        free(line);
        text += n + (text[n] != '\0');
    }
    if (!*text)
        return;
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text + 5, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_setups(void **state)
{
    static const char *const kinds[] = {"anonymous", "key", "sas", "token"};

    (void)state;
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
        struct azure_setup s, copy;
        struct error e = {0};
        struct buf out;

        put_environment(setups[i].environment);
        buf_init(&out, BUF_MAX_LINE);
        if (*setups[i].want == '!') {
            assert_int_equal(azure_setup_resolve(&s, setups[i].anonymous, &e), PB_EUSAGE);
            if (!strstr(e.msg, setups[i].want + 1))
                fail_msg("%s", e.msg);
            continue;
        }
        assert_int_equal(azure_setup_resolve(&s, setups[i].anonymous, &e), PB_OK);
        assert_int_equal(azure_setup_copy(&copy, &s, &e), PB_OK);
        azure_setup_release(&s);
        buf_printf(&out, "%s %s %s %s %s | %s", or_dash(copy.account), kinds[copy.auth],
                   or_dash(copy.key ? copy.key : copy.sas), or_dash(copy.endpoint), copy.suffix,
                   or_dash(copy.origin));
        assert_string_equal(out.data, setups[i].want);
        azure_setup_release(&copy);
        buf_release(&out);
    }
    put_environment("");
}

static void test_without_memory(void **state)
{
    struct azure_setup s = {0}, copy;
    enum pb_err err = PB_ENOMEM;
    struct error e;

    (void)state;
    put_environment("AZURE_STORAGE_ACCOUNT=other\nfile\n[storage]\nconnection_string=AccountName=a;"
                    "AccountKey=" KEY ";EndpointSuffix=x");
    for (long n = 0; err == PB_ENOMEM && n < 200; n++) {
        mem_fail_after(n);
        err = azure_setup_resolve(&s, false, &e);
        if (err == PB_OK)
            err = azure_setup_learn(&s, "https://b.blob.core.windows.net/c/k?sig=1&srt=c", &e);
        if (err == PB_OK)
            err = azure_setup_copy(&copy, &s, &e);
        azure_setup_release(&s);
    }
    mem_fail_after(-1);
    assert_int_equal(err, PB_OK);
    assert_string_equal(copy.account, "a");
    assert_string_equal(copy.places.data[0].sas, "sig=1&srt=c");
    azure_setup_release(&copy);
    put_environment("");
}

/* --------------------------------------------------------------------------- addresses */

static const struct {
    const char *endpoint, *of, *account, *container, *key, *want;
} urls[] = {
    {NULL, NULL, "acct", NULL, NULL, "https://acct.blob.core.windows.net/ | /"},
    {NULL, NULL, "acct", "c", NULL, "https://acct.blob.core.windows.net/c | /c"},
    {NULL, NULL, "acct", "$root", "x", "https://acct.blob.core.windows.net/$root/x | /$root/x"},
    {NULL, NULL, "acct", "c", "a b/../\xff?#%",
     "https://acct.blob.core.windows.net/c/"
     "a%20b/../%FF%3F%23%25 | /c/a%20b/../%FF%3F%23%25"},
    {"http://127.0.0.1:1/acct", "acct", "acct", "c", "k",
     "http://127.0.0.1:1/acct/c/k | /acct/c/k"},
    {"http://127.0.0.1:1/acct/", "acct", "acct", "c", "//k",
     "http://127.0.0.1:1/acct/c///k | /acct/c///k"},
    {"http://127.0.0.1:1/acct", "acct", "other", "c", "k",
     "http://127.0.0.1:1/other/c/k | /other/c/k"},
    {"https://acct.blob.example:8/", "acct", "other", "c", "k",
     "https://other.blob.example:8/c/k | /c/k"},
    {"https://blobs.example", "acct", "acct", "c", "k", "https://blobs.example/c/k | /c/k"},
    {"https://blobs.example", "acct", "other", "c", "k",
     "https://other.blob.core.windows.net/c/k | /c/k"},
};

static char *mutable(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct azure_setup s = {.account = mutable(urls[i].of),
                                .endpoint = mutable(urls[i].endpoint),
                                .suffix = mutable("core.windows.net")};
        struct azure_url u;
        struct error e = {0};
        struct buf out;

        buf_init(&out, BUF_MAX_LINE);
        azure_url_init(&u);
        assert_int_equal(azure_url_make(&u, &s, urls[i].account, urls[i].container, urls[i].key,
                                        urls[i].key ? strlen(urls[i].key) : 0, &e),
                         PB_OK);
        buf_printf(&out, "%s | %s", u.url.data, u.path.data);
        assert_string_equal(out.data, urls[i].want);
        azure_url_release(&u);
        azure_setup_release(&s);
        buf_release(&out);
    }
}

static void test_spots(void **state)
{
    struct azure_spot spot;

    (void)state;
    assert_true(azure_spot_split(&spot, "acct/c"));
    assert_string_equal(spot.account, "acct");
    assert_string_equal(spot.container, "c");
    assert_true(azure_spot_split(&spot, "acct-secondary"));
    assert_null(spot.container);
    assert_false(azure_spot_split(&spot, ""));
    assert_false(azure_spot_split(&spot, "a.evil.example/c"));
    assert_false(azure_spot_split(&spot, "A/c"));
    assert_false(azure_spot_split(&spot, "a@b/c"));
    assert_false(azure_spot_split(&spot,
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaa/c"));
}

static void test_typed_addresses(void **state)
{
    struct azure_setup s = {.auth = AZURE_KEY,
                            .account = mutable("mine"),
                            .key = mutable(KEY),
                            .origin = mutable("account key"),
                            .suffix = mutable("core.windows.net")};
    enum azure_auth auth;
    struct error e = {0};
    struct azure_url u;
    const char *sas;

    (void)state;
    assert_int_equal(azure_setup_auth(&s, "mine", "c", &auth, &sas, &e), PB_OK);
    assert_int_equal(auth, AZURE_KEY);
    assert_int_equal(azure_setup_auth(&s, "other", "c", &auth, &sas, &e), PB_EDENIED);
    assert_non_null(strstr(e.msg, "mine, not of other"));
    assert_int_equal(
        azure_setup_learn(&s,
                          "https://Other.blob.core.usgovcloudapi.net/c/k?restype=x&sv=1&"
                          "Snapshot=2&sig=a%2Fb%3D&se=2026-01-01T00%3A00:00Z#frag",
                          &e),
        PB_OK);
    assert_int_equal(azure_setup_auth(&s, "other", "c", &auth, &sas, &e), PB_OK);
    assert_int_equal(auth, AZURE_SAS);
    assert_string_equal(sas, "sv=1&sig=a%2Fb%3D&se=2026-01-01T00%3A00:00Z");
    assert_int_equal(azure_setup_auth(&s, "other", "d", &auth, &sas, &e), PB_EDENIED);
    azure_url_init(&u);
    assert_int_equal(azure_url_make(&u, &s, "other", "c", "k", 1, &e), PB_OK);
    assert_string_equal(u.url.data, "https://Other.blob.core.usgovcloudapi.net/c/k");
    azure_url_release(&u);
    /* One for the whole account; the same again, without a signature, takes nothing away. */
    assert_int_equal(
        azure_setup_learn(&s, "https://other.blob.core.windows.net/?sig=2&srt=sco&ss=b", &e),
        PB_OK);
    assert_int_equal(azure_setup_learn(&s, "https://other.blob.core.windows.net/c", &e), PB_OK);
    assert_int_equal(azure_setup_auth(&s, "other", "d", &auth, &sas, &e), PB_OK);
    assert_string_equal(sas, "sig=2&srt=sco&ss=b");
    azure_setup_release(&s);
}

/* ------------------------------------------------------------------------------ tokens */

static void test_identity(void **state)
{
    static const char *const broken[] = {"", "x", "a.b", "a.e30.c", "a.!!.c", "..", "a.W10.c"};
    struct azure_identity id;

    (void)state;
    /* {"upn":"me@example.com","oid":"1-2","tid":"3-4","appid":"5-6"} */
    azure_token_identity("eyJ9.eyJ1cG4iOiJtZUBleGFtcGxlLmNvbSIsIm9pZCI6IjEtMiIsInRpZCI6IjMtNCIs"
                         "ImFwcGlkIjoiNS02In0.sig",
                         &id);
    assert_string_equal(id.name, "me@example.com");
    assert_string_equal(id.object, "1-2");
    assert_string_equal(id.tenant, "3-4");
    assert_string_equal(id.client, "5-6");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        azure_token_identity(broken[i], &id);
        assert_string_equal(id.name, "");
        assert_string_equal(id.tenant, "");
    }
}

static int make_home(void **state)
{
    (void)state;
    return mkdtemp(home) ? 0 : 1;
}

static int remove_home(void **state)
{
    (void)state;
    return rmdir(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_example),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_connection_strings),
        cmocka_unit_test(test_setups),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_spots),
        cmocka_unit_test(test_typed_addresses),
        cmocka_unit_test(test_identity),
    };

    return cmocka_run_group_tests(tests, make_home, remove_home);
}

/* Google: the signed assertion, credentials files, which credentials and project count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/google.h>
#include <pklbrowse/mem.h>

/* -------------------------------------------------------------------------------- JWT */

static void pem_of(EVP_PKEY *key, const EVP_CIPHER *cipher, struct buf *out)
{
    char passphrase[] = "secret", *text;
    BIO *to = BIO_new(BIO_s_mem());
    long n;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(to, key, cipher, cipher ? passphrase : NULL,
                                                   cipher ? 6 : 0, NULL, NULL),
                     1);
    n = BIO_get_mem_data(to, &text);
    buf_append(out, text, (size_t)n);
    BIO_free(to);
}

static void from_base64url(struct buf *out, const char *s, size_t n)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    for (size_t i = 0; i < n; i++) {
        assert_null(strchr("+/=", s[i]));
        buf_putc(&text, (char)(s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i]));
    }
    while (text.len % 4 != 0)
        buf_putc(&text, '=');
    assert_true(base64_decode(out, text.data, text.len));
    buf_release(&text);
}

static json_t *part(const char *s, size_t n)
{
    struct buf text;
    json_t *o;

    buf_init(&text, BUF_MAX_LINE);
    from_base64url(&text, s, n);
    o = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(o);
    buf_release(&text);
    return o;
}

static void assert_member(const json_t *o, const char *name, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(o, name)), value);
}

static void check_token(const struct buf *jwt, EVP_PKEY *key)
{
    const char *first = strchr(jwt->data, '.'), *last = strrchr(jwt->data, '.');
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    json_t *head = part(jwt->data, (size_t)(first - jwt->data));
    json_t *claims = part(first + 1, (size_t)(last - first - 1));
    struct buf signature;

    assert_member(head, "alg", "RS256");
    assert_member(head, "typ", "JWT");
    assert_member(head, "kid", "key1");
    assert_member(claims, "iss", "robot@test");
    assert_member(claims, "scope", "scope \"x\"");
    assert_member(claims, "aud", "https://t/token");
    assert_int_equal(json_integer_value(json_object_get(claims, "iat")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1700003600);
    assert_int_equal(json_object_size(claims), 5);
    buf_init(&signature, BUF_MAX_LINE);
    from_base64url(&signature, last + 1, strlen(last + 1));
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (const unsigned char *)signature.data, signature.len,
                                      (const unsigned char *)jwt->data, (size_t)(last - jwt->data)),
                     1);
    signature.data[0] ^= 1;
    assert_int_not_equal(EVP_DigestVerify(ctx, (const unsigned char *)signature.data, signature.len,
                                          (const unsigned char *)jwt->data,
                                          (size_t)(last - jwt->data)),
                         1);
    buf_release(&signature);
    EVP_MD_CTX_free(ctx);
    json_decref(head);
    json_decref(claims);
}

static void test_jwt(void **state)
{
    struct google_claims claims = {.issuer = "robot@test",
                                   .scope = "scope \"x\"",
                                   .audience = "https://t/token",
                                   .key_id = "key1",
                                   .now = 1700000000};
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_EC_gen("P-256");
    struct error e = {0};
    struct buf pem, jwt;

    (void)state;
    buf_init(&pem, BUF_MAX_LINE);
    buf_init(&jwt, BUF_MAX_LINE);
    pem_of(key, NULL, &pem);
    assert_int_equal(google_jwt(&jwt, &claims, pem.data, &e), PB_OK);
    check_token(&jwt, key);
    /* A passphrase is not asked for, another kind of key not used; the key is in no message. */
    buf_clear(&pem);
    pem_of(key, EVP_aes_128_cbc(), &pem);
    assert_int_equal(google_jwt(&jwt, &claims, pem.data, &e), PB_EDENIED);
    buf_clear(&pem);
    pem_of(other, NULL, &pem);
    assert_int_equal(google_jwt(&jwt, &claims, pem.data, &e), PB_EDENIED);
    assert_int_equal(google_jwt(&jwt, &claims, "SECRET", &e), PB_EDENIED);
    assert_null(strstr(e.msg, "SECRET"));
    assert_int_equal(google_jwt(&jwt, &claims, "", &e), PB_EDENIED);
    buf_release(&pem);
    buf_release(&jwt);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* ------------------------------------------------------------------------------- files */

#define USER                                                                                       \
    "\"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"s3cret\", "        \
    "\"refresh_token\": \"r3fresh\""

static void test_keys(void **state)
{
    static const struct {
        const char *text, *says; /* says NULL: it is fine */
        enum google_kind kind;
        enum pb_err err;
    } rows[] = {
        {"{" USER "}", NULL, GOOGLE_USER, PB_OK},
        {"{\"type\": \"service_account\", \"client_email\": \"a@b\", \"private_key\": \"PEM\"}",
         NULL, GOOGLE_SERVICE_ACCOUNT, PB_OK},
        {"{\"type\": \"impersonated_service_account\", \"service_account_impersonation_url\": "
         "\"https://i/v1/projects/-/serviceAccounts/a@b:generateAccessToken\", \"delegates\": "
         "[\"x\"], \"source_credentials\": {" USER "}}",
         NULL, GOOGLE_IMPERSONATED, PB_OK},
        {"{\"type\": \"impersonated_service_account\", \"service_account_impersonation_url\": "
         "\"http://evil/x:y\", \"source_credentials\": {" USER "}}",
         "https", 0, PB_EDENIED},
        {"{\"type\": \"impersonated_service_account\", \"service_account_impersonation_url\": "
         "\"https://i/a@b:g\"}",
         "no \"type\"", 0, PB_EDENIED},
        {"{\"type\": \"external_account\", \"audience\": \"x\"}", "print-access-token", 0,
         PB_EUNSUPPORTED},
        {"{\"type\": \"gdch_service_account\"}", "unknown type", 0, PB_EUNSUPPORTED},
        {"{\"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"s3cret\"}",
         "refresh_token", 0, PB_EDENIED},
        {"{\"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"s3cret\", "
         "\"refresh_token\": \"r3fresh\", \"token_uri\": \"http://evil/\"}",
         "token_uri", 0, PB_EDENIED},
        {"{\"type\": \"service_account\", \"client_email\": \"a@b\"}", "private_key", 0,
         PB_EDENIED},
        {"{}", "no \"type\"", 0, PB_EDENIED},
        {"[]", "no JSON object", 0, PB_EDENIED},
        {"", "no JSON object", 0, PB_EDENIED},
        {"{\"type\": \"\\u001b[2J\"}", "\\x1b", 0, PB_EUNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct google_key *k = NULL;
        struct error e = {0};

        assert_int_equal(google_key_parse(rows[i].text, strlen(rows[i].text), "key.json", &k, &e),
                         rows[i].err);
        if (rows[i].says) {
            assert_null(k);
            assert_non_null(strstr(e.msg, "key.json"));
            assert_non_null(strstr(e.msg, rows[i].says));
            assert_null(strstr(e.msg, "s3cret"));
            assert_null(strstr(e.msg, "r3fresh"));
            continue;
        }
        assert_int_equal(k->kind, rows[i].kind);
        if (k->kind != GOOGLE_USER)
            assert_string_equal(k->account, "a@b");
        if (k->kind == GOOGLE_IMPERSONATED)
            assert_int_equal(k->source->kind, GOOGLE_USER);
        google_key_free(k);
    }
    for (long n = 1; n < 12; n++) { /* no memory: an error, and nothing is lost */
        struct google_key *k = NULL;
        enum pb_err err;

        mem_fail_after(n);
        err = google_key_parse(rows[2].text, strlen(rows[2].text), "key.json", &k, NULL);
        mem_fail_after(-1);
        assert_true((err == PB_OK) == (k != NULL));
        google_key_free(k);
    }
}

/* ------------------------------------------------------------------------------- setup */

static const char *const variables[] = {
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GS_ACCESS_KEY_ID",
    "GS_SECRET_ACCESS_KEY",
    "GOOGLE_CLOUD_PROJECT",
    "CLOUDSDK_CORE_PROJECT",
    "GCLOUD_PROJECT",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "STORAGE_EMULATOR_HOST",
    "GCE_METADATA_HOST",
    "K_SERVICE",
    "NO_GCE_CHECK",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CLOUDSDK_CONFIG",
};

static char folder[] = "/tmp/pklbrowse-google-XXXXXX";

static void clean(void)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("CLOUDSDK_CONFIG", folder, 1);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void remove_file(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

static void expect(const struct google_options *o, enum google_kind kind, const char *origin,
                   const char *project)
{
    struct google_setup s;
    struct error e = {0};

    assert_int_equal(google_setup_resolve(&s, o, &e), PB_OK);
    assert_int_equal(s.kind, kind);
    assert_int_equal(s.problem.code, PB_OK);
    assert_non_null(strstr(s.origin, origin));
    if (project)
        assert_string_equal(s.project, project);
    else
        assert_null(s.project);
    google_setup_release(&s);
}

/* Elsewhere, whatever the machine is that runs this, its firmware counts too. */
static void expect_at_google(const struct google_options *o, bool named)
{
    struct google_setup s;
    struct error e;
    char product[8] = "";
    FILE *f = fopen("/sys/class/dmi/id/product_name", "r");

    if (f) {
        (void)!fread(product, 1, 6, f);
        (void)fclose(f);
    }
    assert_int_equal(google_setup_resolve(&s, o, &e), PB_OK);
    assert_int_equal(s.at_google, named || strcmp(product, "Google") == 0);
    google_setup_release(&s);
}

/* From the last of Google's order to the first: each beats those before. */
static void test_order(void **state)
{
    const struct google_options none = {NULL, false, false};
    const struct google_options named = {"mine", false, false}, anonymous = {NULL, true, false};
    char path[256];

    (void)state;
    clean();
    expect(&none, GOOGLE_MACHINE, "metadata server", NULL);
    expect_at_google(&none, false);
    setenv("K_SERVICE", "mine", 1);
    expect_at_google(&none, true);
    unsetenv("K_SERVICE");
    setenv("GCE_METADATA_HOST", "127.0.0.1:1", 1);
    expect_at_google(&none, true);
    setenv("NO_GCE_CHECK", "true", 1);
    expect(&none, GOOGLE_ANONYMOUS, "anonymous", NULL);
    write_file("application_default_credentials.json", "{" USER "}");
    expect(&none, GOOGLE_USER, "application_default_credentials.json", NULL);
    setenv("GS_ACCESS_KEY_ID", "GOOG1", 1);
    setenv("GS_SECRET_ACCESS_KEY", "s3cret", 1);
    expect(&none, GOOGLE_HMAC, "GOOG1", NULL);
    write_file("key.json", "{\"type\": \"service_account\", \"client_email\": \"a@b\", "
                           "\"private_key\": \"PEM\", \"project_id\": \"of-key\"}");
    (void)snprintf(path, sizeof path, "%s/key.json", folder);
    setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
    expect(&none, GOOGLE_SERVICE_ACCOUNT, "a@b (GOOGLE_APPLICATION_CREDENTIALS)", "of-key");
    setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "t2", 1);
    expect(&none, GOOGLE_TOKEN, "GOOGLE_OAUTH_ACCESS_TOKEN", NULL);
    setenv("CLOUDSDK_AUTH_ACCESS_TOKEN", "t1", 1);
    expect(&none, GOOGLE_TOKEN, "CLOUDSDK_AUTH_ACCESS_TOKEN", NULL);
    /* gcloud's configuration: the active one, its section [core] alone. */
    (void)snprintf(path, sizeof path, "%s/configurations", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("configurations/config_default", "[compute]\nproject = no\n[core]\nproject = d\n");
    write_file("configurations/config_work", "[core]\r\naccount = x\r\n project=w \r\n[x]\n"
                                             "project = no\n");
    expect(&none, GOOGLE_TOKEN, "", "d");
    write_file("active_config", "work\n");
    expect(&none, GOOGLE_TOKEN, "", "w");
    setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "default", 1);
    expect(&none, GOOGLE_TOKEN, "", "d");
    setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "../../etc", 1);
    expect(&none, GOOGLE_TOKEN, "", NULL);
    setenv("CLOUDSDK_CORE_PROJECT", "core", 1);
    expect(&none, GOOGLE_TOKEN, "", "core");
    setenv("GOOGLE_CLOUD_PROJECT", "cloud", 1);
    expect(&none, GOOGLE_TOKEN, "", "cloud");
    expect(&named, GOOGLE_TOKEN, "", "mine");
    expect(&anonymous, GOOGLE_ANONYMOUS, "--no-sign-request", "cloud");
    /* Secrets only leave this machine with https. */
    setenv("STORAGE_EMULATOR_HOST", "example.com:8080", 1);
    expect(&none, GOOGLE_ANONYMOUS, "no secrets without https", "cloud");
    setenv("STORAGE_EMULATOR_HOST", "localhost:8080", 1);
    expect(&none, GOOGLE_TOKEN, "", "cloud");
    remove_file("application_default_credentials.json");
    remove_file("key.json");
    remove_file("active_config");
    remove_file("configurations/config_default");
    remove_file("configurations/config_work");
    (void)rmdir(path);
    clean();
}

/* What is wrong is told when credentials are needed, not when the program starts. */
static void test_problems(void **state)
{
    const struct google_options none = {NULL, false, false}, pays = {NULL, false, true};
    struct google_setup s;

    (void)state;
    clean();
    setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json", 1);
    assert_int_equal(google_setup_resolve(&s, &none, NULL), PB_OK);
    assert_int_equal(s.problem.code, PB_EDENIED);
    assert_non_null(strstr(s.problem.msg, "/nonexistent/key.json"));
    assert_true(s.named);
    google_setup_release(&s);
    clean();
    setenv("GS_ACCESS_KEY_ID", "GOOG1", 1);
    assert_int_equal(google_setup_resolve(&s, &none, NULL), PB_OK);
    assert_non_null(strstr(s.problem.msg, "GS_SECRET_ACCESS_KEY is not"));
    google_setup_release(&s);
    clean();
    assert_int_equal(google_setup_resolve(&s, &pays, NULL), PB_OK);
    assert_int_equal(s.problem.code, PB_EUSAGE);
    google_setup_release(&s);
    setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer", 1);
    setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1//", 1);
    assert_int_equal(google_setup_resolve(&s, &pays, NULL), PB_OK);
    assert_string_equal(s.user_project, "payer");
    assert_string_equal(s.endpoint, "http://127.0.0.1:1");
    google_setup_release(&s);
    for (long n = 1; n < 12; n++) { /* no memory */
        mem_fail_after(n);
        if (google_setup_resolve(&s, &none, NULL) == PB_OK)
            google_setup_release(&s);
        mem_fail_after(-1);
    }
    clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_problems),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests_name("google_auth", tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}

/* An object's resource: what is read from it, shown of it, and sent again of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/gcs.h"

static const char resource[] =
    "{\"kind\": \"storage#object\", \"name\": \"k\", \"generation\": \"1700000000000001\", "
    "\"metageneration\": \"3\", \"size\": \"12\", \"updated\": \"2026-11-22T10:02:03.456Z\", "
    "\"crc32c\": \"AAAAAA==\", \"md5Hash\": \"1B2M2Y8AsgTpgAmY7PhCfg==\", \"etag\": \"CAE=\", "
    "\"contentType\": \"a/b\", \"contentEncoding\": \"gzip\", \"cacheControl\": \"no-store\", "
    "\"storageClass\": \"NEARLINE\", \"customTime\": \"2026-01-01T00:00:00Z\", "
    "\"temporaryHold\": true, \"metadata\": {\"plain\": \"1\", \"od d\\u00e9\": \"a\\r\\nb\"}, "
    "\"kmsKeyName\": \"projects/p/cryptoKeys/k/cryptoKeyVersions/7\", "
    "\"retention\": {\"mode\": \"Locked\", \"retainUntilTime\": \"2999-01-01T00:00:00Z\"}, "
    "\"contexts\": {\"custom\": {\"c\": {\"value\": \"v\", \"createTime\": \"x\", "
    "\"updateTime\": \"y\"}}}, \"acl\": [{\"entity\": \"user-a@b\", \"role\": \"OWNER\", "
    "\"etag\": \"CAE=\", \"selfLink\": \"https://x\"}], \"owner\": {\"entity\": \"user-a@b\"}}";

static enum pb_err read_text(struct gcs_object *g, const char *text, struct error *e)
{
    struct http_result r = {.status = 200};
    enum pb_err err;

    buf_init(&r.body, BUF_MAX_XML);
    buf_puts(&r.body, text);
    err = gcs_object_from(g, &r, e);
    buf_release(&r.body);
    return err;
}

static void test_read(void **state)
{
    struct gcs_object g;

    (void)state;
    assert_int_equal(read_text(&g, resource, NULL), PB_OK);
    assert_string_equal(g.o.identity.etag, "1700000000000001");
    assert_string_equal(g.o.identity.version_id, "1700000000000001");
    assert_int_equal(g.o.identity.size, 12);
    assert_int_equal(g.o.identity.mtime, 1795341723);
    assert_int_equal(g.metageneration, 3);
    assert_true(g.gzip);
    assert_false(g.soft_deleted);
    assert_string_equal(http_headers_get(&g.o.shown, "Storage-Class"), "NEARLINE");
    assert_non_null(strstr(http_headers_get(&g.o.shown, "Hold"), "temporary"));
    assert_non_null(strstr(http_headers_get(&g.o.shown, "Retention"), "2999"));
    assert_string_equal(http_headers_get(&g.o.shown, "Context"), "c: v");
    assert_string_equal(http_headers_get(&g.o.keep, "Content-Type"), "a/b");
    gcs_object_release(&g);
}

/* What is sent when it is written over. */
static void test_sent_again(void **state)
{
    static const char want[] =
        "{\"name\": \"a/\\u00e9\", \"crc32c\": \"BBBBBB==\", \"md5Hash\": \"CC\", "
        "\"contentType\": \"a/b\", \"contentEncoding\": \"gzip\", \"cacheControl\": \"no-store\", "
        "\"storageClass\": \"NEARLINE\", \"customTime\": \"2026-01-01T00:00:00Z\", "
        "\"temporaryHold\": true, \"metadata\": {\"plain\": \"1\", \"od d\\u00e9\": \"a\\r\\nb\"}, "
        "\"kmsKeyName\": \"projects/p/cryptoKeys/k\", "
        "\"retention\": {\"mode\": \"Locked\", \"retainUntilTime\": \"2999-01-01T00:00:00Z\"}, "
        "\"contexts\": {\"custom\": {\"c\": {\"value\": \"v\"}}}, "
        "\"acl\": [{\"entity\": \"user-a@b\", \"role\": \"OWNER\"}]}";
    char key[] = "a/\xc3\xa9", bad[] = "a\xff";
    struct google_setup setup = {.kind = GOOGLE_ANONYMOUS};
    struct google_session *session = NULL;
    struct gcs_store store = {.c.kind = &gcs_kind, .setup = &setup};
    struct gcs_request q = {.q = {.store = &store.c, .key = key, .key_len = 4, .container = bad}};
    struct gcs_object g;
    struct error e = {0};
    json_t *sent, *wanted = json_loads(want, 0, NULL);
    char *text;

    (void)state;
    assert_int_equal(google_session_new(NULL, NULL, &setup, &session, NULL), PB_OK);
    store.session = session;
    assert_int_equal(read_text(&g, resource, NULL), PB_OK);
    assert_int_equal(gcs_object_json(&q.q, &g.o.keep, "BBBBBB==", "CC", &text, NULL), PB_OK);
    sent = json_loads(text, 0, NULL);
    assert_true(json_equal(sent, wanted));
    json_decref(sent);
    free(text);
    assert_int_equal(gcs_object_json(&q.q, NULL, "BBBBBB==", "CC", &text, NULL), PB_OK);
    assert_non_null(strstr(text, "application/octet-stream"));
    free(text);
    q.q.key = bad;
    q.q.key_len = 2;
    assert_int_equal(gcs_object_json(&q.q, NULL, "", "", &text, &e), PB_EUSAGE);
    assert_non_null(strstr(e.msg, "UTF-8"));
    gcs_object_release(&g);
    json_decref(wanted);
    vec_release(&q.q.params);
    free(session);
}

/* What is missing, and what is no object. */
static void test_bare(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "{\"generation\": \"1\"}",
                                      "{\"size\": \"1\"}",
                                      "{\"generation\": 1, \"size\": 1}",
                                      "{\"generation\": \"x\", \"size\": \"1\"}",
                                      "{\"generation\": \"1\", \"size\": \"-1\"}",
                                      "<html>"};
    struct gcs_object g;
    struct error e = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(read_text(&g, bad[i], &e), PB_ESERVER);
    assert_int_equal(read_text(&g,
                               "{\"generation\": \"1\", \"size\": \"0\", \"metadata\": 7, "
                               "\"crc32c\": \"too long to be one\", \"contexts\": [], "
                               "\"softDeleteTime\": \"2026-01-01T00:00:00Z\", \"retention\": "
                               "{\"mode\": \"Locked\", \"retainUntilTime\": \"2001-01-01\"}}",
                               &e),
                     PB_OK);
    assert_string_equal(g.crc32c, "");
    assert_true(g.soft_deleted);
    assert_null(http_headers_get(&g.o.keep, "retention")); /* it has ended: refused if sent */
    gcs_object_release(&g);
    for (long n = 1; n < 40; n++) { /* no memory */
        mem_fail_after(n);
        if (read_text(&g, resource, NULL) == PB_OK)
            gcs_object_release(&g);
        mem_fail_after(-1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_sent_again),
        cmocka_unit_test(test_bare),
    };

    return cmocka_run_group_tests_name("gcs_object", tests, NULL, NULL);
}

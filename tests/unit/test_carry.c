/* An object's properties, from one kind of store to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/store.h>

static void fill(struct http_headers *h, const char *rows)
{
    while (*rows) {
        size_t n = strcspn(rows, "|");
        char row[256], *value;

        memcpy(row, rows, n);
        row[n] = '\0';
        value = strstr(row, ": ");
        *value = '\0';
        assert_int_equal(http_headers_add(h, row, value + 2, NULL), PB_OK);
        rows += n + (rows[n] == '|');
    }
}

static const struct {
    const char *scheme, *from, *to, *lost;
    unsigned tags;
} rows[] = {
    {"az", "Content-Type: a/b|x-amz-meta-who: me|x-amz-storage-class: STANDARD",
     "Content-Type: a/b|x-ms-meta-who: me", "", 0},
    {"az", "x-amz-meta-a-b: 1|x-amz-meta-1st: 2|x-amz-meta-_x: 3", "x-ms-meta-_x: 3",
     "metadata a-b, metadata 1st", 0},
    {"gs", "cache-control: no-store|x-ms-meta-Who: me|x-ms-meta-n: 1|x-ms-access-tier: Cool",
     "Cache-Control: no-store|metadata: {\"Who\":\"me\",\"n\":\"1\"}", "storage class", 2},
    {"s3",
     "metadata: {\"a b\":\"1\",\"c\":\"\\u00e9\",\"d\":\"x y\",\"n\":5}|storageClass: \"NEARLINE\"",
     "x-amz-meta-d: x y", "metadata a b, metadata c, storage class", 0},
    {"s3", "temporaryHold: false|eventBasedHold: true|contexts: {}|kmsKeyName: \"k\"", "",
     "hold, contexts, encryption", 0},
    {"gs",
     "x-amz-server-side-encryption: AES256|Expires: 0|x-amz-object-lock-mode: GOVERNANCE|"
     "x-amz-object-lock-legal-hold: OFF",
     "", "Expires, retention", 0},
    {"az", "", "", "tags", 1},
    {"file", "Content-Type: a/b|x-amz-meta-ab: 1|x-amz-meta-a: 2|x-amz-storage-class: GLACIER", "",
     "metadata ab, metadata a", 0},
    {"file", "metadata: {\"k\":\"v\"}", "", "metadata k, tags", 1},
};

static void test_carry(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_object from = {.tags = rows[i].tags}, to;
        struct buf lost, text;

        buf_init(&lost, BUF_MAX_LINE);
        buf_init(&text, BUF_MAX_LINE);
        fill(&from.keep, rows[i].from);
        assert_int_equal(store_carry(&from, rows[i].scheme, &to, &lost, NULL), PB_OK);
        for (size_t k = 0; k < to.keep.len; k++)
            buf_printf(&text, "%s%s: %s", k ? "|" : "", to.keep.data[k].name,
                       to.keep.data[k].value);
        assert_string_equal(text.len ? text.data : "", rows[i].to);
        if (rows[i].tags == 2) {
            assert_string_equal(lost.data, "storage class, tags");
        } else {
            assert_string_equal(lost.len ? lost.data : "", rows[i].lost);
        }
        store_object_release(&to);
        store_object_release(&from);
        buf_release(&text);
        buf_release(&lost);
    }
}

static void test_without_memory(void **state)
{
    enum pb_err err = PB_ENOMEM;
    struct store_object from = {.tags = 1};

    (void)state;
    fill(&from.keep, rows[2].from);
    for (long n = 1; err == PB_ENOMEM && n < 1000; n++) {
        struct store_object to;
        struct buf lost;

        buf_init(&lost, BUF_MAX_LINE);
        mem_fail_after(n);
        err = store_carry(&from, "s3", &to, &lost, NULL);
        mem_fail_after(-1);
        if (err == PB_OK)
            store_object_release(&to);
        buf_release(&lost);
    }
    assert_int_equal(err, PB_OK);
    store_object_release(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carry),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}

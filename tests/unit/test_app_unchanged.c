/* What a save need not send: found by what both results took from the original. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/app_private.h"

#define ORIGINAL 200u

struct result {
    struct splice_segment segments[24];
    struct pkl_splice splice;
    uint8_t bytes[400];
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void put(struct result *r, enum splice_kind kind, uint64_t from, uint64_t len,
                const uint8_t *bytes)
{
    struct pkl_splice *s = &r->splice;

    s->segments = r->segments;
    r->segments[s->count++] = (struct splice_segment){kind, from, len, s->size, 0};
    memcpy(r->bytes + s->size, bytes, len);
    s->size += len;
}

/* Spans of the original in order, new bytes between them: a splice. */
static void make(struct result *r, const uint8_t *original, uint64_t *seed)
{
    uint64_t at = 0;

    *r = (struct result){.splice = {.count = 0}};
    while (at < ORIGINAL && r->splice.count < 20) {
        uint64_t len = next_random(seed) % 60 + 1, skip = next_random(seed) % 4;
        uint8_t fresh[8];

        len = len < ORIGINAL - at ? len : ORIGINAL - at;
        put(r, SPLICE_COPY, at, len, original + at);
        at += len + skip;
        memset(fresh, (int)(200 + next_random(seed) % 50), sizeof fresh);
        put(r, SPLICE_NEW, 0, next_random(seed) % 8, fresh);
    }
}

static uint64_t check(const struct result *now, const struct pkl_splice *saved,
                      const uint8_t *there)
{
    struct store_range *same;
    struct error e;
    uint64_t end = 0, bytes = 0;
    size_t n;

    assert_int_equal(unchanged_ranges(&now->splice, saved, &same, &n, &e), PB_OK);
    for (size_t i = 0; i < n; i++) {
        assert_true(same[i].at >= end && same[i].len > 0);
        end = same[i].at + same[i].len;
        assert_true(end <= now->splice.size);
        assert_memory_equal(now->bytes + same[i].at, there + same[i].from, same[i].len);
        bytes += same[i].len;
    }
    free(same);
    return bytes;
}

static void test_random(void **state)
{
    uint8_t original[ORIGINAL];
    uint64_t seed = 88172645463325252u, found = 0;

    (void)state;
    for (unsigned i = 0; i < ORIGINAL; i++)
        original[i] = (uint8_t)(i % 199);
    for (int round = 0; round < 2000; round++) {
        struct result now, saved;
        uint64_t both, counted;
        struct error e;

        make(&now, original, &seed);
        make(&saved, original, &seed);
        found += check(&now, NULL, original);
        both = check(&now, &saved.splice, saved.bytes);
        assert_int_equal(unchanged_bytes(&now.splice, &saved.splice, &counted, &e), PB_OK);
        assert_int_equal(counted, both);
        found += both;
    }
    assert_true(found > 2000 * ORIGINAL); /* most of it is the same */
}

/* Spans that were moved: against a saved result no place is claimed, against the original all. */
static void test_moved(void **state)
{
    uint8_t original[ORIGINAL];
    struct result now = {.splice = {.count = 0}}, saved = {.splice = {.count = 0}};
    uint64_t counted;
    struct error e;

    (void)state;
    for (unsigned i = 0; i < ORIGINAL; i++)
        original[i] = (uint8_t)i;
    put(&now, SPLICE_COPY, 100, 100, original + 100);
    put(&now, SPLICE_COPY, 0, 100, original);
    put(&saved, SPLICE_COPY, 0, ORIGINAL, original);
    assert_int_equal(check(&now, NULL, original), ORIGINAL);
    assert_int_equal(check(&now, &saved.splice, saved.bytes), 0);
    assert_int_equal(unchanged_bytes(&now.splice, &saved.splice, &counted, &e), PB_OK);
    assert_int_equal(counted, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How a large object is cut into parts: what S3 takes, all of it, and as little sent as can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/s3_parts.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct s3_parts plan_of(uint64_t size, const struct store_range *same, size_t n)
{
    struct s3_parts p;
    struct error e;

    assert_int_equal(s3_parts_plan(&p, size, same, n, &e), PB_OK);
    return p;
}

/* A copied part lies in one of the ranges, at the same distance. */
static bool is_known(const struct s3_part *part, const struct store_range *same, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (part->at >= same[i].at && part->at + part->len <= same[i].at + same[i].len &&
            part->from == same[i].from + (part->at - same[i].at))
            return true;
    return false;
}

static void check(const struct s3_parts *p, uint64_t size, const struct store_range *same, size_t n)
{
    uint64_t at = 0, sent = 0;

    assert_in_range(p->len, 1, S3_PARTS_MAX);
    for (size_t i = 0; i < p->len; i++) {
        const struct s3_part *part = &p->data[i];

        assert_int_equal(part->at, at);
        assert_true(part->len > 0 && part->len <= 5 * GIB);
        assert_true(part->len >= S3_PART_MIN || i + 1 == p->len);
        assert_true(!part->copied || is_known(part, same, n));
        sent += part->copied ? 0 : part->len;
        at += part->len;
    }
    assert_int_equal(at, size);
    assert_int_equal(sent, p->sent);
}

static void test_table(void **state)
{
    static const struct {
        uint64_t size;
        struct store_range same[4];
        size_t n;
        uint64_t sent_at_most;
        size_t parts_at_most;
    } cases[] = {
        /* One value in the middle of a gigabyte. */
        {GIB, {{0, 0, GIB / 2}, {GIB / 2 + 1, GIB / 2 + 1, GIB / 2 - 1}}, 2, 5 * MIB, 6},
        /* The same value became longer. */
        {GIB + 9, {{0, 0, GIB / 2}, {GIB / 2 + 10, GIB / 2 + 1, GIB / 2 - 1}}, 2, 5 * MIB, 6},
        /* At the very begin and the very end. */
        {GIB, {{1, 1, GIB - 1}}, 1, 5 * MIB, 5},
        {GIB, {{0, 0, GIB - 1}}, 1, 1, 5},
        /* Two changes close together are one part. */
        {GIB,
         {{0, 0, 100 * MIB},
          {100 * MIB + 1, 100 * MIB + 1, 4 * MIB},
          {104 * MIB + 2, 104 * MIB + 2, GIB - 104 * MIB - 2}},
         3,
         6 * MIB,
         7},
        /* Nothing is too short to be worth it, nothing is changed at all. */
        {40 * MIB, {{0, 0, MIB}, {39 * MIB, 39 * MIB, MIB}}, 2, 40 * MIB, 3},
        {40 * MIB, {{0, 0, 40 * MIB}}, 1, 0, 1},
        {40 * MIB, {{0, 0, 0}}, 0, 40 * MIB, 3},
        {100, {{0, 0, 0}}, 0, 100, 1},
        {S3_OBJECT_MAX, {{0, 0, 0}}, 0, S3_OBJECT_MAX, S3_PARTS_MAX},
        {6 * GIB, {{0, 0, 0}}, 0, 6 * GIB, 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct s3_parts p = plan_of(cases[i].size, cases[i].same, cases[i].n);

        check(&p, cases[i].size, cases[i].same, cases[i].n);
        assert_in_range(p.sent, 0, cases[i].sent_at_most);
        assert_in_range(p.len, 1, cases[i].parts_at_most);
        s3_parts_release(&p);
    }
}

static void test_too_large(void **state)
{
    struct s3_parts p;
    struct error e;

    (void)state;
    assert_int_equal(s3_parts_plan(&p, S3_OBJECT_MAX + 1, NULL, 0, &e), PB_ELIMIT);
}

/* More changes than there may be parts: still a plan. */
static void test_many_changes(void **state)
{
    size_t n = 30000;
    struct store_range *same = calloc(n, sizeof *same);
    struct s3_parts p;

    (void)state;
    assert_non_null(same);
    for (size_t i = 0; i < n; i++)
        same[i] = (struct store_range){i * 16 * MIB + 1, i * 16 * MIB, 16 * MIB - 1};
    p = plan_of(n * 16 * MIB, same, n);
    check(&p, n * 16 * MIB, same, n);
    s3_parts_release(&p);
    free(same);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_random(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct store_range same[12];
        uint64_t at = 0, unit = (uint64_t)1 << (next_random(&seed) % 27);
        size_t n = next_random(&seed) % 13;
        struct s3_parts p;

        for (size_t i = 0; i < n; i++) {
            uint64_t gap = next_random(&seed) % (unit + 1), len = next_random(&seed) % (32 * MIB);

            at += gap;
            same[i] = (struct store_range){at, next_random(&seed) % GIB, len + 1};
            at += len + 1;
        }
        at += 1 + next_random(&seed) % unit;
        p = plan_of(at, same, n);
        check(&p, at, same, n);
        s3_parts_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_many_changes),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

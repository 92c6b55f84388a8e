/* How a large blob is cut into blocks: all of it, no block twice the limit, as little sent as can
 * be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/azure_plan.h"

#define MIB ((uint64_t)1 << 20)

static uint64_t begin_of(const uint64_t *sizes, size_t block)
{
    uint64_t at = 0;

    for (size_t i = 0; i < block; i++)
        at += sizes[i];
    return at;
}

/* [at, at + len) of the new blob stands unchanged at `from` of the old one. */
static bool is_known(uint64_t at, uint64_t len, uint64_t from, const struct store_range *same,
                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at >= same[i].at && at + len <= same[i].at + same[i].len &&
            from == same[i].from + (at - same[i].at))
            return true;
    return false;
}

static void check(const struct azure_plan *p, uint64_t size, const uint64_t *sizes, size_t blocks,
                  const struct store_range *same, size_t n, bool copy)
{
    uint64_t at = 0, sent = 0;

    assert_true(p->len <= AZURE_BLOCKS_MAX);
    for (size_t i = 0; i < p->len; i++) {
        const struct azure_piece *x = &p->data[i];

        assert_int_equal(x->at, at);
        assert_true(x->len > 0);
        if (x->kind == AZURE_REUSE) {
            assert_true(x->block < blocks);
            assert_int_equal(x->len, sizes[x->block]);
            assert_true(is_known(x->at, x->len, begin_of(sizes, x->block), same, n));
        } else if (x->kind == AZURE_COPY) {
            assert_true(copy && x->len <= AZURE_BLOCK_COPY);
            assert_true(is_known(x->at, x->len, x->from, same, n));
        } else {
            assert_true(x->len <= AZURE_BLOCK_MAX);
            sent += x->len;
        }
        at += x->len;
    }
    assert_int_equal(at, size);
    assert_int_equal(sent, p->sent);
}

static const uint64_t four[] = {4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB, 3 * MIB};

static void test_table(void **state)
{
    static const struct {
        uint64_t size;
        const uint64_t *sizes;
        size_t blocks;
        struct store_range same[3];
        size_t n;
        bool copy;
        uint64_t sent; /* exactly */
        size_t pieces;
    } cases[] = {
        {0, NULL, 0, {{0}}, 0, false, 0, 0},
        {9 * MIB, NULL, 0, {{0}}, 0, true, 9 * MIB, 3},
        /* One byte in the second block. */
        {19 * MIB,
         four,
         5,
         {{0, 0, 5 * MIB}, {5 * MIB + 1, 5 * MIB + 1, 14 * MIB - 1}},
         2,
         true,
         4 * MIB,
         5},
        /* Ten bytes put in: everything behind stands elsewhere and is still named again. */
        {19 * MIB + 10,
         four,
         5,
         {{0, 0, 5 * MIB}, {5 * MIB + 10, 5 * MIB, 14 * MIB}},
         2,
         true,
         4 * MIB + 10,
         6},
        /* Nothing of it changed; nothing of it is known. */
        {19 * MIB, four, 5, {{0, 0, 19 * MIB}}, 1, true, 0, 5},
        {19 * MIB, NULL, 0, {{0, 0, 19 * MIB}}, 1, true, 0, 3},
        {19 * MIB, NULL, 0, {{0, 0, 19 * MIB}}, 1, false, 19 * MIB, 5},
        /* The end of the old one is the beginning of the new one. */
        {11 * MIB, four, 5, {{0, 12 * MIB, 7 * MIB}, {7 * MIB, 0, 4 * MIB}}, 2, false, 0, 3},
        /* Too short to be copied. */
        {9 * MIB, NULL, 0, {{MIB, MIB, 7 * MIB}}, 1, true, 9 * MIB, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct azure_plan p;
        struct error e;

        assert_int_equal(azure_plan_make(&p, cases[i].size, cases[i].sizes, cases[i].blocks,
                                         cases[i].same, cases[i].n, cases[i].copy, &e),
                         PB_OK);
        check(&p, cases[i].size, cases[i].sizes, cases[i].blocks, cases[i].same, cases[i].n,
              cases[i].copy);
        assert_int_equal(p.sent, cases[i].sent);
        assert_int_equal(p.len, cases[i].pieces);
        azure_plan_release(&p);
    }
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 2000; round++) {
        uint32_t seed = round;
        uint64_t sizes[12], old = 0, at = 0, from = 0;
        size_t blocks = next(&seed) % 12, n = 0;
        struct store_range same[8];
        struct azure_plan p;
        struct error e;

        for (size_t i = 0; i < blocks; i++)
            old += sizes[i] = next(&seed) % (12 * MIB);
        while (n < 8 && from < old) {
            uint64_t len = 1 + next(&seed) % (20 * MIB);

            from += next(&seed) % 3 == 0 ? 0 : next(&seed) % (3 * MIB);
            at += next(&seed) % 2 == 0 ? 1 : next(&seed) % (6 * MIB);
            if (from >= old)
                break;
            len = len < old - from ? len : old - from;
            same[n++] = (struct store_range){.at = at, .from = from, .len = len};
            at += len;
            from += len;
        }
        at += next(&seed) % (5 * MIB);
        assert_int_equal(azure_plan_make(&p, at, sizes, blocks, same, n, round % 2 == 0, &e),
                         PB_OK);
        check(&p, at, sizes, blocks, same, n, round % 2 == 0);
        azure_plan_release(&p);
    }
}

static void test_limits(void **state)
{
    struct azure_plan p;
    struct error e;

    (void)state;
    assert_int_equal(azure_plan_make(&p, (uint64_t)100 << 40, NULL, 0, NULL, 0, false, &e), PB_OK);
    check(&p, (uint64_t)100 << 40, NULL, 0, NULL, 0, false);
    azure_plan_release(&p);
    assert_int_equal(azure_plan_make(&p, (uint64_t)300 << 40, NULL, 0, NULL, 0, false, &e),
                     PB_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Arena, vectors, and allocations that fail when a test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdalign.h>

#include <pklbrowse/mem.h>

static void allocations(void **state)
{
    unsigned char *p = mem_alloc(100);
    char *s;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    free(p);
    p = mem_alloc(0);
    assert_non_null(p);
    free(p);
    p = mem_realloc(NULL, 10, 10);
    assert_non_null(p);
    memset(p, 7, 100);
    p = mem_realloc(p, 20, 10);
    assert_int_equal(p[99], 7);
    free(p);
    p = mem_realloc(NULL, 0, 8);
    assert_non_null(p);
    free(p);
    assert_null(mem_realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(mem_realloc(NULL, SIZE_MAX, 1));
    assert_null(mem_strndup("x", SIZE_MAX));
    s = mem_strndup("a\0b", 3);
    assert_memory_equal(s, "a\0b", 4);
    free(s);
    s = mem_strndup(NULL, 0);
    assert_string_equal(s, "");
    free(s);
    s = mem_strdup("hello");
    assert_string_equal(s, "hello");
    free(s);
}

static void fails_when_told(void **state)
{
    struct arena a;
    void *p;

    (void)state;
    mem_fail_after(3);
    for (int i = 0; i < 2; i++) {
        p = mem_alloc(1);
        assert_non_null(p);
        free(p);
    }
    assert_null(mem_alloc(1));
    assert_null(mem_realloc(NULL, 1, 1));
    assert_null(mem_strdup(""));
    arena_init(&a);
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_strndup(&a, "x", 1));
    mem_fail_after(-1);
    assert_non_null(arena_alloc(&a, 1));
    arena_release(&a);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    enum { COUNT = 5000 };
    unsigned char *all[COUNT];
    size_t sizes[COUNT], n = 1;
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT; i++) {
        n = (n * 1103515245 + 12345) % 100003;
        sizes[i] = i % 100 == 99 ? n : n % 50;
        all[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i & 0xff), sizes[i]);
    }
    /* Nobody got what another has. */
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(all[i][k], i & 0xff);
    }
    assert_true(a.used > 100000);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, (size_t)PTRDIFF_MAX - 1));
    assert_null(arena_strndup(&a, "", SIZE_MAX));
    arena_release(&a);
    assert_int_equal(a.used, 0);
    arena_release(&a);
}

static void arena_copies_text(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_memory_equal(arena_strndup(&a, "a\0bc", 3), "a\0b", 4);
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    arena_release(&a);
}

static void vectors_grow(void **state)
{
    struct {
        uint32_t *data;
        size_t len, cap;
    } v = {0};
    size_t moves = 0, cap = 0;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        assert_true(vec_push(&v, i * 3));
        moves += v.cap != cap;
        cap = v.cap;
    }
    assert_int_equal(v.len, 100000);
    assert_true(moves < 40);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(v.data[i], i * 3);
    assert_true(vec_reserve(&v, 500000));
    assert_true(v.cap >= 500000);
    assert_false(vec_reserve(&v, SIZE_MAX / 2));
    assert_int_equal(v.data[99999], 299997);
    mem_fail_after(1);
    assert_false(vec_reserve(&v, v.cap + 1));
    mem_fail_after(-1);
    assert_int_equal(v.len, 100000);
    vec_release(&v);
    assert_null(v.data);
    assert_int_equal(v.cap, 0);
}

static void sorted_vectors(void **state)
{
    struct pair {
        uint32_t narrow;
        uint64_t wide;
    };
    struct {
        struct pair *data;
        size_t len, cap;
    } v = {0};

    (void)state;
    assert_int_equal(vec_lower(&v, wide, 0), 0);
    assert_int_equal(vec_upper(&v, narrow, UINT64_MAX), 0);
    /* 0 0 0 2 2 2 4 4 4 ..., the wide ones far above 32 bits */
    for (uint32_t i = 0; i < 100; i++)
        assert_true(vec_push(&v, ((struct pair){i / 3 * 2, (uint64_t)(i / 3 * 2) << 32})));
    for (uint32_t key = 0; key < 70; key++) {
        size_t below = 0, upto = 0;

        for (size_t i = 0; i < v.len; i++) {
            below += v.data[i].narrow < key;
            upto += v.data[i].narrow <= key;
        }
        assert_int_equal(vec_lower(&v, narrow, key), below);
        assert_int_equal(vec_upper(&v, narrow, key), upto);
        assert_int_equal(vec_lower(&v, wide, (uint64_t)key << 32), below);
        assert_int_equal(vec_upper(&v, wide, (uint64_t)key << 32), upto);
    }
    assert_int_equal(vec_lower(&v, narrow, UINT64_MAX), v.len);
    vec_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations),       cmocka_unit_test(fails_when_told),
        cmocka_unit_test(sorted_vectors),    cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_copies_text), cmocka_unit_test(vectors_grow),
    };

    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}

/* Where the window and the cursor of a list are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ui/list.h"

static struct list make(uint64_t count, unsigned height)
{
    struct list l;

    list_init(&l);
    list_set_height(&l, height);
    list_set_count(&l, count);
    return l;
}

/* What must hold whatever was done. */
static void check(const struct list *l)
{
    if (l->count == 0) {
        assert_int_equal(l->cur, 0);
        assert_int_equal(l->top, 0);
        return;
    }
    assert_true(l->cur < l->count);
    assert_true(l->top <= l->cur);
    assert_true(l->cur - l->top < l->height);
    assert_true(l->top == 0 || l->top + l->height <= l->count);
    assert_true(list_end(l) <= l->count);
    assert_true(list_end(l) - l->top <= l->height);
}

static void test_moves(void **state)
{
    static const struct {
        uint64_t count;
        unsigned height;
        uint64_t from;
        enum move move;
        uint64_t cur, top;
    } rows[] = {
        {0, 5, 0, MOVE_DOWN, 0, 0},
        {0, 5, 0, MOVE_LAST, 0, 0},
        {1, 5, 0, MOVE_DOWN, 0, 0},
        {3, 5, 0, MOVE_DOWN, 1, 0},
        {3, 5, 2, MOVE_DOWN, 2, 0},
        {3, 5, 0, MOVE_UP, 0, 0},
        {100, 10, 0, MOVE_DOWN, 1, 0},
        {100, 10, 7, MOVE_DOWN, 8, 1},
        {100, 10, 0, MOVE_LAST, 99, 90},
        {100, 10, 99, MOVE_FIRST, 0, 0},
        {100, 10, 0, MOVE_PAGE_DOWN, 9, 7},
        {100, 10, 50, MOVE_PAGE_DOWN, 59, 52},
        {100, 10, 50, MOVE_PAGE_UP, 41, 34},
        {100, 10, 95, MOVE_PAGE_DOWN, 99, 90},
        {100, 10, 50, MOVE_HALF_DOWN, 55, 48},
        {100, 10, 50, MOVE_HALF_UP, 45, 38},
        {100, 1, 50, MOVE_DOWN, 51, 51},
        {100, 2, 50, MOVE_DOWN, 51, 50},
        {100, 1, 50, MOVE_PAGE_DOWN, 51, 51},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list l = make(rows[i].count, rows[i].height);

        list_go(&l, rows[i].from);
        list_move(&l, rows[i].move);
        check(&l);
        if (l.cur != rows[i].cur || l.top != rows[i].top)
            fail_msg("case %zu: cur %llu top %llu", i, (unsigned long long)l.cur,
                     (unsigned long long)l.top);
    }
}

/* A tree as the depths of its rows. */
struct nested {
    const char *depths;
    unsigned calls;
};

static bool nested_up(void *ctx, uint64_t row, uint64_t *parent)
{
    struct nested *n = ctx;

    n->calls++;
    for (uint64_t i = row; i-- > 0;) {
        if (n->depths[i] < n->depths[row]) {
            *parent = i;
            return true;
        }
    }
    return false;
}

static void test_what_stays_in_sight(void **state)
{
    static const struct {
        const char *depths;
        unsigned height, most;
        uint64_t top, cur;
        uint64_t want_top;
        const char *want; /* the rows on the first lines that stay */
    } rows[] = {
        {"0111111111", 5, 2, 0, 0, 0, ""},    /* nothing is out of sight */
        {"0111111111", 5, 2, 1, 3, 1, "0"},   /* the value itself stays */
        {"0111111111", 5, 0, 1, 3, 1, ""},    /* no line for it */
        {"0111111111", 5, 2, 4, 4, 3, "0"},   /* the cursor comes out from under it */
        {"0122222222", 6, 3, 3, 6, 3, "01"},  /* two of them */
        {"0122222222", 6, 1, 3, 6, 3, "1"},   /* one line: the inner one */
        {"0123456789", 8, 3, 2, 6, 2, "234"}, /* deep: the innermost of the row below */
        {"0122212222", 6, 3, 3, 6, 4, "0"},   /* the next line is a sibling of what it was in */
        {"0000000000", 5, 3, 4, 6, 4, ""},    /* pickles one after the other */
        {"0122211111", 5, 2, 5, 7, 5, "0"},   /* out of the inner one again */
        {"0123333333", 4, 9, 6, 6, 3, "012"}, /* more than lines are allowed: five at most */
        {"0", 5, 3, 0, 0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct nested n = {rows[i].depths, 0};
        struct list l = make(strlen(rows[i].depths), rows[i].height);
        struct list_stuck s;
        char got[LIST_STUCK + 1] = "";
        uint64_t at;

        l.top = rows[i].top;
        l.cur = rows[i].cur;
        list_stick(&l, rows[i].most, nested_up, &n, &s);
        for (unsigned k = 0; k < s.count; k++)
            got[k] = (char)('0' + s.rows[k]);
        if (strcmp(got, rows[i].want) != 0 || l.top != rows[i].want_top)
            fail_msg("case %zu: %s top %llu", i, got, (unsigned long long)l.top);
        for (unsigned line = 0; list_at_line(&l, &s, line, &at); line++)
            assert_int_equal(at, line < s.count ? s.rows[line] : l.top + line);
        assert_true(l.cur >= l.top + s.count);
    }
}

/* A tree of millions of rows costs no more than its first lines. */
static void test_staying_is_cheap(void **state)
{
    struct nested n = {"0122222222222222222222222222222222", 0};
    struct list l = make(34, 20);
    struct list_stuck s;

    (void)state;
    list_go(&l, 33);
    list_stick(&l, 5, nested_up, &n, &s);
    assert_int_equal(s.count, 2);
    assert_true(n.calls < 20);
}

static void test_rows_that_come_and_go(void **state)
{
    struct list l = make(100, 10);

    (void)state;
    list_go(&l, 99);
    list_set_count(&l, 50);
    assert_int_equal(l.cur, 49);
    check(&l);
    list_set_count(&l, 0);
    check(&l);
    list_set_count(&l, 3);
    assert_int_equal(l.cur, 0);
    check(&l);
}

static void test_window_that_changes(void **state)
{
    struct list l = make(100, 40);

    (void)state;
    list_go(&l, 60);
    for (unsigned h = 40; h > 0; h--) {
        list_set_height(&l, h);
        assert_int_equal(l.cur, 60);
        check(&l);
    }
    list_set_height(&l, 0); /* taken as one row */
    assert_int_equal(l.height, 1);
    list_set_height(&l, 1000);
    assert_int_equal(l.top, 0);
    check(&l);
}

static void test_scrolling_moves_the_cursor_only_when_it_must(void **state)
{
    struct list l = make(100, 10);

    (void)state;
    list_go(&l, 5);
    list_scroll(&l, 2);
    assert_int_equal(l.top, 2);
    assert_int_equal(l.cur, 5);
    list_scroll(&l, 10);
    assert_int_equal(l.top, 12);
    assert_int_equal(l.cur, 14); /* two rows of margin */
    list_scroll(&l, -10);
    assert_int_equal(l.top, 2);
    assert_int_equal(l.cur, 9);
    list_scroll(&l, -100);
    assert_int_equal(l.top, 0);
    list_scroll(&l, 1000);
    assert_int_equal(l.top, 90);
    check(&l);
}

static void test_a_row_back_on_its_line(void **state)
{
    struct list l = make(1000, 10);

    (void)state;
    list_go(&l, 500);
    list_restore(&l, 700, 4);
    assert_int_equal(l.cur, 700);
    assert_int_equal(list_line(&l), 4);
    list_restore(&l, 1, 4); /* there are not so many rows above it */
    assert_int_equal(l.top, 0);
    list_restore(&l, 5000, 4);
    assert_int_equal(l.cur, 999);
    check(&l);
}

static void test_numbers_near_the_end(void **state)
{
    struct list l = make((uint64_t)1 << 62, 50);

    (void)state;
    list_move(&l, MOVE_LAST);
    check(&l);
    list_move(&l, MOVE_PAGE_UP);
    check(&l);
    list_move(&l, MOVE_PAGE_DOWN);
    list_move(&l, MOVE_PAGE_DOWN);
    assert_int_equal(l.cur, ((uint64_t)1 << 62) - 1);
    check(&l);
}

/* A long walk of everything that can be done; what must hold holds after each step. */
static void test_walk(void **state)
{
    struct list l = make(0, 1);
    uint32_t seed = 12345;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 1664525u + 1013904223u;
        switch (seed >> 28) {
        case 0:
            list_set_count(&l, seed >> 8 & 255);
            break;
        case 1:
            list_set_height(&l, seed >> 8 & 63);
            break;
        case 2:
            list_scroll(&l, (int)(seed >> 8 & 63) - 32);
            break;
        case 3:
            list_restore(&l, seed >> 8 & 255, seed >> 16 & 63);
            break;
        case 4:
            list_go(&l, seed >> 8 & 511);
            break;
        default:
            list_move(&l, (enum move)((seed >> 8) % 8));
            break;
        }
        check(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_what_stays_in_sight),
        cmocka_unit_test(test_staying_is_cheap),
        cmocka_unit_test(test_rows_that_come_and_go),
        cmocka_unit_test(test_window_that_changes),
        cmocka_unit_test(test_scrolling_moves_the_cursor_only_when_it_must),
        cmocka_unit_test(test_a_row_back_on_its_line),
        cmocka_unit_test(test_numbers_near_the_end),
        cmocka_unit_test(test_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

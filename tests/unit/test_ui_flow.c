/* Where rows begin: wrapping, line breaks, wide and broken characters, whatever the pieces are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <locale.h>

#include <cmocka.h>

#include "ui/flow.h"

static void check(const char *text, size_t n, int width, const char *expected)
{
    for (size_t piece = 1; piece <= n + 1; piece++) {
        struct flow f = {0};
        struct buf got;
        size_t at = 0;

        flow_begin(&f, width);
        while (at < n) {
            size_t end = at + piece < n ? at + piece : n, used;

            for (used = 0; used == 0; end++) /* what was left comes again with more behind it */
                used = flow_add(&f, (const uint8_t *)text + at, (end < n ? end : n) - at, end >= n);
            at += used;
        }
        buf_init(&got, BUF_MAX_LINE);
        for (size_t i = 0; i < f.rows.len; i++)
            buf_printf(&got, "%s%llu", f.rows.data[i].first ? "|" : " ",
                       (unsigned long long)f.rows.data[i].from);
        if (strcmp(got.data, expected) != 0)
            fail_msg("'%s' in %d columns, pieces of %zu: %s", text, width, piece, got.data);
        assert_int_equal(f.at, n);
        for (size_t i = 0; i < f.rows.len; i++) {
            if (i + 1 == f.rows.len || f.rows.data[i + 1].from > f.rows.data[i].from)
                assert_int_equal(flow_row_of(&f, f.rows.data[i].from), i);
        }
        buf_release(&got);
        flow_release(&f);
    }
}

static void test_rows(void **state)
{
    static const struct {
        const char *text;
        int width;
        const char *rows;
    } cases[] = {
        {"", 10, "|0"},
        {"abc", 10, "|0"},
        {"abcdef", 3, "|0 3"},
        {"abcdefg", 3, "|0 3 6"},
        {"abc\ndef", 3, "|0|4"},
        {"a\n\nb\n", 3, "|0|2|3|5"},
        {"\xec\x9e\x91\xec\x97\x85x", 4, "|0 6"}, /* two columns each */
        {"a\xec\x9e\x91\xec\x97\x85", 4, "|0 4"}, /* no half characters */
        {"\xc3\xa9\xc3\xa9\xc3\xa9", 2, "|0 4"},  /* one column each */
        {"a\tb", 3, "|0 2"},                      /* drawn as \t */
        {"\xff\xff", 4, "|0 1"},                  /* drawn as \xff */
        {"\xe2\x80\xae"
         "a",
         8, "|0"}, /* drawn as \u202e */
        {"e\xcc\x81\xcc\x81"
         "f",
         2, "|0"}, /* accents take no column */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].text, strlen(cases[i].text), cases[i].width, cases[i].rows);
}

static void test_lines(void **state)
{
    struct flow f = {0};

    (void)state;
    flow_begin(&f, 2);
    assert_int_equal(flow_add(&f, (const uint8_t *)"abc\nd", 5, true), 5);
    assert_int_equal(f.rows.len, 3);
    assert_int_equal(f.rows.data[1].line, 1);
    assert_int_equal(f.rows.data[2].line, 2);
    assert_int_equal(f.line, 2);
    flow_begin(&f, 1); /* again, and never nothing in a row */
    assert_int_equal(f.rows.len, 1);
    assert_int_equal(flow_add(&f, (const uint8_t *)"\xec\x9e\x91", 3, true), 3);
    assert_int_equal(f.rows.len, 1);
    flow_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_lines),
    };

    (void)setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

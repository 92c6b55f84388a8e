/* Cells: what is drawn where, and that no character is ever halved. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/text.h>

#include "ui/lines.h"
#include "ui/screen.h"

static struct screen screen;

static int set_up(void **state)
{
    struct error e;

    (void)state;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    screen_init(&screen, false);
    return screen_resize(&screen, 4, 12, &e) == PB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    screen_release(&screen);
    return 0;
}

/* Row y as text; every cell is checked on the way: no half character, none that is out of place. */
static const char *row(int y)
{
    static char text[512];
    size_t n = 0;

    for (int x = 0; x < screen.cols; x++) {
        const struct cell *c = screen_cell(&screen, y, x);

        if (c->width == 0) {
            assert_int_equal(c->len, 0);
            assert_true(x > 0);
            assert_int_equal(screen_cell(&screen, y, x - 1)->width, 2);
        } else {
            assert_true(c->len > 0);
            assert_true(x + c->width <= screen.cols);
            if (c->width == 2)
                assert_int_equal(screen_cell(&screen, y, x + 1)->width, 0);
        }
        memcpy(text + n, c->text, c->len);
        n += c->len;
    }
    text[n] = '\0';
    return text;
}

static void put(int y, int x, const char *s)
{
    struct region all = screen_all(&screen);

    (void)screen_puts(&all, y, x, STYLE_NAME, s);
}

static void test_text_is_clipped(void **state)
{
    struct region all = screen_all(&screen);

    (void)state;
    assert_int_equal(screen_puts(&all, 0, 0, STYLE_NAME, "0123456789abcdef"), 12);
    assert_string_equal(row(0), "0123456789ab");
    assert_int_equal(screen_puts(&all, 1, 11, STYLE_NAME, "xyz"), 1);
    assert_string_equal(row(1), "           x");
    assert_int_equal(screen_puts(&all, 4, 0, STYLE_NAME, "x"), 0);
    assert_int_equal(screen_puts(&all, -1, 0, STYLE_NAME, "x"), 0);
    assert_int_equal(screen_puts(&all, 0, 12, STYLE_NAME, "x"), 0);
}

static void test_wide_characters_are_whole(void **state)
{
    (void)state;
    put(0, 9, "a작업"); /* the second one has one column left */
    assert_string_equal(row(0), "         a작");
    put(1, 10, "a작");
    assert_string_equal(row(1), "          a ");
    put(2, 0, "작업결과");
    put(2, 1, "x"); /* over the right half */
    assert_string_equal(row(2), " x업결과    ");
    put(2, 2, "y"); /* over the left half */
    assert_string_equal(row(2), " xy 결과    ");
    put(2, 3, "가"); /* over a blank and a left half */
    assert_string_equal(row(2), " xy가 과    ");
}

static void test_accents_stay_with_their_letter(void **state)
{
    struct region all = screen_all(&screen);

    (void)state;
    assert_int_equal(screen_puts(&all, 0, 0, STYLE_NAME, "e\xcc\x81x"), 2);
    assert_string_equal(screen_cell(&screen, 0, 0)->text, "e\xcc\x81");
    assert_int_equal(screen_puts(&all, 1, 0, STYLE_NAME, "\xcc\x81x"), 1); /* of nothing */
    assert_string_equal(row(1), "x           ");
}

static void test_fields(void **state)
{
    static const struct {
        const char *text;
        int width;
        const char *shown, *shown_end;
        bool cut;
    } rows[] = {
        {"abc", 5, "abc  ", "abc  ", false},
        {"abcde", 5, "abcde", "abcde", false},
        {"abcdef", 5, "abcd…", "…cdef", true},
        {"작업결과", 8, "작업결과", "작업결과", false},
        {"작업결과", 7, "작업결…", "…업결과", true},
        {"작업결과", 6, "작업… ", "…결과 ", true}, /* not half of one */
        {"작", 1, "…", "…", true},
        {"", 3, "   ", "   ", false},
        {"abc", 0, "", "", true},
        {"e\xcc\x81"
         "e\xcc\x81"
         "e\xcc\x81",
         2, "e\xcc\x81…", "…e\xcc\x81", true},
    };
    struct region all = screen_all(&screen);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[64];

        for (int which = 0; which < 2; which++) {
            screen_clear(&screen);
            put(0, 0, "############");
            if (which == 0)
                assert_int_equal(screen_field(&all, 0, 0, rows[i].width, STYLE_NAME, rows[i].text,
                                              strlen(rows[i].text)),
                                 rows[i].cut);
            else
                (void)screen_field_end(&all, 0, 0, rows[i].width, STYLE_NAME, rows[i].text,
                                       strlen(rows[i].text));
            (void)snprintf(want, sizeof want, "%s%.*s",
                           which == 0 ? rows[i].shown : rows[i].shown_end, 12 - rows[i].width,
                           "############");
            assert_string_equal(row(0), want);
        }
    }
}

static void test_ascii(void **state)
{
    struct region all = screen_all(&screen);
    struct error e;

    (void)state;
    screen.ascii = true;
    assert_int_equal(screen_resize(&screen, 4, 40, &e), PB_OK);
    all = screen_all(&screen);
    /* A name is escaped, for its characters are not ours to replace. */
    (void)screen_puts(&all, 0, 0, STYLE_NAME, "a\xe2\x86\x92é작🥒");
    assert_string_equal(row(0), "a\\u2192\\u00e9\\uc791\\U0001f952           ");
    /* Our own signs have twins. */
    (void)screen_puts(&all, 1, 0, STYLE_NORMAL, "│▸…→×·");
    assert_string_equal(row(1), "|+~>x-                                  ");
    screen_box(&all, STYLE_BORDER);
    for (int y = 0; y < screen.rows; y++) {
        for (const char *p = row(y); *p != '\0'; p++)
            assert_true((unsigned char)*p < 0x80);
    }
}

static void test_regions(void **state)
{
    struct region all = screen_all(&screen), part, empty;

    (void)state;
    part = region_part(&all, 1, 2, 100, 4);
    assert_int_equal(part.h, 3);
    (void)screen_puts(&part, 0, 0, STYLE_NAME, "abcdef");
    assert_string_equal(row(1), "  abcd      ");
    part = region_part(&part, 1, 1, 1, 100);
    assert_int_equal(part.w, 3);
    (void)screen_puts(&part, 0, 0, STYLE_NAME, "xyz");
    assert_string_equal(row(2), "   xyz      ");
    empty = region_part(&all, 2, 2, -1, 5);
    (void)screen_puts(&empty, 0, 0, STYLE_NAME, "xyz");
    screen_fill(&empty, 0, 0, 10, 10, STYLE_NAME);
    screen_box(&empty, STYLE_BORDER);
    screen_cursor(&empty, 0, 0);
    assert_int_equal(screen.cursor_y, -1);
    assert_string_equal(row(3), "            ");
}

static void test_sizes(void **state)
{
    struct error e;

    (void)state;
    assert_int_equal(screen_resize(&screen, 1, 1, &e), PB_OK);
    put(0, 0, "작");
    assert_string_equal(row(0), " ");
    put(0, 0, "x");
    assert_string_equal(row(0), "x");
    assert_int_equal(screen_resize(&screen, 0, -5, &e), PB_OK);
    assert_int_equal(screen.rows * screen.cols, 1);
    assert_int_equal(screen_resize(&screen, 3, 1000000, &e), PB_OK);
    assert_int_equal(screen.cols, 2000);
}

static void test_nothing_raw_gets_through(void **state)
{
    (void)state;
    put(0, 0, "a\x1b[31m\x07\xff");
    for (const char *p = row(0); *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
}

static void test_dump(void **state)
{
    struct region all = screen_all(&screen);
    struct buf b;

    (void)state;
    buf_init(&b, BUF_MAX_TEXT);
    (void)screen_puts(&all, 0, 0, STYLE_TITLE, "ab");
    (void)screen_puts(&all, 2, 1, STYLE_NAME, "작");
    screen_mark(&all, 2, 0, 12, MARK_CURSOR);
    screen_dump(&screen, &b);
    assert_string_equal(b.data, "ab\n\n 작\n\n");
    buf_clear(&b);
    screen_dump_attrs(&screen, &b);
    assert_string_equal(b.data, "TITLE*2 NORMAL*10\nNORMAL*12\n"
                                "NORMAL+CURSOR*1 NAME+CURSOR*2 NORMAL+CURSOR*9\nNORMAL*12\n");
    assert_true(screen_contains(&screen, "작"));
    assert_false(screen_contains(&screen, "b\n"));
    buf_release(&b);
}

static void test_lines_wrap(void **state)
{
    struct region all = screen_all(&screen);
    struct lines l;

    (void)state;
    lines_init(&l);
    assert_true(lines_add(&l, STYLE_NAME, "one two three four"));
    assert_true(lines_add(&l, STYLE_NAME, ""));
    assert_true(lines_add(&l, STYLE_NAME, "작업결과작업결과"));
    assert_true(lines_pair(&l, STYLE_NAME, "key", "some help"));
    assert_int_equal(lines_wrap(&l, &screen, 11), 7);
    for (int i = 0; i < 4; i++)
        lines_draw(&l, (size_t)i, &all, i);
    assert_string_equal(row(0), "one two     ");
    assert_string_equal(row(1), "three four  ");
    assert_string_equal(row(2), "            ");
    assert_string_equal(row(3), "작업결과작  "); /* eleven columns hold five */
    screen_clear(&screen);
    lines_draw(&l, 5, &all, 0);
    lines_draw(&l, 6, &all, 1);
    assert_string_equal(row(0), "key  some   ");
    /* A width of nothing still ends. */
    assert_true(lines_wrap(&l, &screen, 0) > 0);
    lines_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_is_clipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wide_characters_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accents_stay_with_their_letter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ascii, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_regions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_raw_gets_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dump, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_wrap, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

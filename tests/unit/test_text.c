/* What may be shown, how wide it is, where it may be cut, sizes and ages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include <pklbrowse/text.h>

#define ACUTE "\xcc\x81"         /* U+0301, combining */
#define NI "\xe4\xbd\xa0"        /* U+4F60, two columns */
#define GRIN "\xf0\x9f\x98\x80"  /* U+1F600 */
#define ZWJ "\xe2\x80\x8d"       /* U+200D */
#define ZWNJ "\xe2\x80\x8c"      /* U+200C */
#define MAN "\xf0\x9f\x91\xa8"   /* U+1F468 */
#define WOMAN "\xf0\x9f\x91\xa9" /* U+1F469 */
#define VS16 "\xef\xb8\x8f"      /* U+FE0F */

static int utf8_locale(void **state)
{
    (void)state;
    return setlocale(LC_ALL, "C.UTF-8") == NULL;
}

struct escape_case {
    const char *text;
    size_t len; /* 0: up to the NUL */
    const char *shown;
};

static void escapes(void **state)
{
    static const struct escape_case cases[] = {
        {"", 0, ""},
        {"plain text, a \\ too", 0, "plain text, a \\ too"},
        {"a\nb\tc\rd", 0, "a\\nb\\tc\\rd"},
        {"\033[2J\007\b\x7f", 0, "\\x1b[2J\\x07\\x08\\x7f"},
        {"a\0b", 3, "a\\x00b"},
        {"\xc2\x9b"
         "31m",
         0, "\\u009b31m"}, /* C1: CSI in one character */
        {"\xc2\x80\xc2\x9f", 0, "\\u0080\\u009f"},
        {"\xff"
         "a\xc3",
         0, "\\xffa\\xc3"}, /* invalid, cut short */
        {"\xe4\xbd", 0, "\\xe4\\xbd"},
        {"\xc0\x80", 0, "\\xc0\\x80"},                   /* overlong */
        {"\xed\xa0\x80", 0, "\\ud800"},                  /* a lone surrogate */
        {"\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xc3\xa9\xd0\x94" NI GRIN, 0, "\xc3\xa9\xd0\x94" NI GRIN},
        {"\xe2\x80\xae"
         "fdp.exe",
         0, "\\u202efdp.exe"}, /* right-to-left override */
        {"\xe2\x80\xaa\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9", 0, "\\u202a\\u202c\\u2066\\u2069"},
        {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 0, "\\u200e\\u200f\\u061c"},
        {"\xe2\x80\xa8\xe2\x80\xa9", 0, "\\u2028\\u2029"}, /* line separators */
        {"a\xe2\x80\x8b"
         "b\xe2\x81\xa0"
         "c\xef\xbb\xbf"
         "d\xc2\xad",
         0, "a\\u200bb\\u2060c\\ufeffd\\u00ad"},
        {"\xc2\xa0\xe3\x80\x80", 0, "\\u00a0\\u3000"},             /* blanks that are no blank */
        {"\xee\x80\x80\xf3\xb0\x80\x80", 0, "\\ue000\\U000f0000"}, /* private use */
        {"\xcd\xb8\xef\xbf\xbf\xf4\x8f\xbf\xbf", 0, "\\u0378\\uffff\\U0010ffff"}, /* unassigned */
        {"\xf3\xa0\x81\xa7", 0, "\\U000e0067"}, /* a tag, drawn as nothing */
        {"\xe3\x85\xa4\xef\xbe\xa0\xe1\x85\x9f\xcd\x8f", 0, "\\u3164\\uffa0\\u115f\\u034f"},
        {"e" ACUTE, 0, "e" ACUTE},
        {ACUTE "x", 0, "\\u0301x"}, /* nothing to sit on */
        {"\n" ACUTE, 0, "\\n\\u0301"},
        {"e" ACUTE ACUTE ACUTE ACUTE ACUTE "f", 0, "e" ACUTE ACUTE ACUTE ACUTE "\\u0301f"},
        {"a" ZWJ "b", 0, "a\\u200db"},
        {"ad" ZWNJ "min", 0, "ad\\u200cmin"},
        {ZWJ, 0, "\\u200d"},
        {MAN ZWJ WOMAN, 0, MAN ZWJ WOMAN},
        {MAN ZWJ, 0, MAN "\\u200d"},
        {MAN ZWJ ZWJ WOMAN, 0, MAN "\\u200d\\u200d" WOMAN},
        {MAN ZWJ "\n", 0, MAN "\\u200d\\n"},
        {"\xd9\x85\xdb\x8c" ZWNJ "\xd8\xae", 0, "\xd9\x85\xdb\x8c" ZWNJ "\xd8\xae"}, /* Persian */
        {"\xe0\xa4\x95\xe0\xa5\x8d" ZWJ "\xe0\xa4\xb7", 0,
         "\xe0\xa4\x95\xe0\xa5\x8d" ZWJ "\xe0\xa4\xb7"}, /* Devanagari */
        {"\xe2\x9d\xa4" VS16, 0, "\xe2\x9d\xa4" VS16},
        {"\xe2\x9d\xa4" VS16 VS16, 0, "\xe2\x9d\xa4" VS16 "\\ufe0f"},
        {VS16, 0, "\\ufe0f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = cases[i].len > 0 ? cases[i].len : strlen(cases[i].text);
        struct buf out;

        buf_init(&out, 200);
        text_escape(&out, cases[i].text, len);
        assert_string_equal(out.data, cases[i].shown);
        /* What is enough room leaves nothing out; one column less leaves out something. */
        size_t cols = text_width(out.data, out.len);
        buf_clear(&out);
        assert_false(text_escape_cols(&out, cases[i].text, len, cols));
        assert_string_equal(out.data, cases[i].shown);
        if (cols > 0) {
            buf_clear(&out);
            assert_true(text_escape_cols(&out, cases[i].text, len, cols - 1));
            assert_true(out.len < strlen(cases[i].shown));
            assert_memory_equal(out.data, cases[i].shown, out.len);
        }
        buf_release(&out);
    }
}

static void escapes_into_columns(void **state)
{
    static const struct {
        const char *text;
        size_t cols;
        const char *shown;
        bool cut;
    } cases[] = {
        {"hello", 5, "hello", false},
        {"hello", 4, "hell", true},
        {"hello", 0, "", true},
        {"", 0, "", false},
        {"a\nb", 2, "a", true}, /* never half an escape */
        {"a\nb", 3, "a\\n", true},
        {NI NI, 3, NI, true}, /* never half a character */
        {NI NI, 4, NI NI, false},
        {"ab" NI, 3, "ab", true},
        {"abe" ACUTE, 3, "abe" ACUTE, false}, /* an accent takes no room */
        {"abe" ACUTE "x", 3, "abe" ACUTE, true},
        {MAN ZWJ WOMAN "x", 4, MAN ZWJ WOMAN, true},
        {"x" MAN ZWJ WOMAN, 3, "x", true}, /* a family stays together */
        {"\xff\xff", 7, "\\xff", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;

        buf_init(&out, 200);
        buf_puts(&out, "> ");
        assert_int_equal(
            text_escape_cols(&out, cases[i].text, strlen(cases[i].text), cases[i].cols),
            cases[i].cut);
        assert_memory_equal(out.data, "> ", 2);
        assert_string_equal(out.data + 2, cases[i].shown);
        buf_release(&out);
    }
}

static void escapes_into_a_full_buffer(void **state)
{
    (void)state;
    for (size_t max = 0; max < 12; max++) {
        struct buf out;

        buf_init(&out, max);
        text_escape(&out, "ab\ne" ACUTE NI "cd\xff", 13);
        assert_int_equal(out.failed, PB_ELIMIT);
        assert_true(out.len <= max);
        buf_release(&out);
    }
}

/* Nothing that is shown may hold a control character, whatever the bytes are. */
static void every_code_point_is_safe(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        char bytes[4];
        size_t n = utf8_encode(cp, bytes);
        bool whole;

        buf_clear(&out);
        text_escape(&out, bytes, n);
        whole = out.len == n && memcmp(out.data, bytes, n) == 0;
        if (whole && !text_drawable(cp))
            fail_msg("U+%04x is drawn", (unsigned)cp);
        if (!whole && (out.data[0] != '\\' || utf8_count(out.data, out.len) != out.len))
            fail_msg("U+%04x is shown as %s", (unsigned)cp, out.data);
        if (text_drawable(cp) && !text_printable(cp))
            fail_msg("U+%04x is drawable but not printable", (unsigned)cp);
    }
    buf_release(&out);
}

static void printable(void **state)
{
    /* By Python 3.11; a comparison of all code points is in tests/oracle. */
    static const uint32_t yes[] = {' ',    '~',    0xa1,    0xac,    0xae,    0x301,  0x416,
                                   0x4f60, 0xfffd, 0x1f600, 0x1fae0, 0x2a6df, 0xe0100};
    static const uint32_t no[] = {0,       0x1f,    0x7f,     0x9f,     0xa0,      0xad,
                                  0x378,   0x61c,   0x200b,   0x2028,   0x202e,    0x3000,
                                  0xd800,  0xdfff,  0xe000,   0xfeff,   0xffff,    0x1fae8,
                                  0xe0001, 0xf0000, 0x10ffff, 0x110000, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(text_printable(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(text_printable(no[i]));
}

/* Every byte at every place of a word, and at every distance from the end. */
static void plain_runs(void **state)
{
    static const struct {
        const char *text;
        char quote;
        enum text_plain how;
        size_t run;
    } cases[] = {
        {"", '\'', TEXT_ASCII, 0},
        {"it's", '\'', TEXT_ASCII, 2},
        {"it's", '"', TEXT_ASCII, 4},
        {"caf\xc3\xa9", '\'', TEXT_ASCII, 3},
        {"caf\xc3\xa9 " NI, '\'', TEXT_PRINTABLE, 9},
        {"a\xc2\xa0", '\'', TEXT_PRINTABLE, 1},
        {"a\xe3\x85\xa4", '\'', TEXT_PRINTABLE, 4}, /* U+3164: printable, nothing drawn */
        {"a\xe3\x85\xa4", '\'', TEXT_DRAWABLE, 1},
        {NI "\xed\xa0\x80", '\'', TEXT_PRINTABLE, 3},
        {NI "\xe4\xbd", '\'', TEXT_PRINTABLE, 3},
    };
    char text[24];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            text_plain(cases[i].text, strlen(cases[i].text), cases[i].quote, cases[i].how),
            cases[i].run);
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '"';

        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            assert_int_equal(text_plain(text, sizeof text, '"', TEXT_ASCII),
                             plain ? sizeof text : at);
        }
    }
}

/* Every kind of character somewhere in a long text of East Asian letters. */
static void plain_runs_of_letters(void **state)
{
    enum { LETTERS = 40, PLACES = 40, MOST = 3 * (30 + PLACES + LETTERS) + 4 };
    char text[MOST];

    (void)state;
    for (uint32_t cp = 1; cp < 0x110000; cp += cp < 0x10000 ? 1 : 61) {
        bool surrogate = cp >= 0xd800 && cp < 0xe000;
        size_t at = 0, place = 3 * (30 + cp % PLACES), run;

        for (; at < place; at += 3)
            memcpy(text + at, cp % 2 != 0 ? "\xea\xb0\x80" : "\xed\x9d\xbf", 3);
        at += utf8_encode(cp, text + at);
        for (size_t i = 0; i < LETTERS; i++, at += 3)
            memcpy(text + at, NI, 3);
        run = text_printable(cp) && cp != '\\' && cp != '"' ? at : place;
        assert_int_equal(text_plain_utf8(text, at, '"'), run);
        assert_int_equal(text_plain(text, at, '"', TEXT_PRINTABLE), run);
        assert_true(!surrogate || run == place);
    }
}

static void widths(void **state)
{
    static const struct {
        const char *text;
        size_t cols;
    } cases[] = {
        {"", 0},       {"abc", 3}, {NI, 2}, {"e" ACUTE, 1}, {"\xec\x9e\x91\xec\x97\x85", 4},
        {GRIN "!", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(text_width(cases[i].text, strlen(cases[i].text)), cases[i].cols);
    assert_int_equal(text_cp_width(0x301), 0);
    assert_int_equal(text_cp_width('a'), 1);
    assert_int_equal(text_cp_width(0x4f60), 2);
    assert_int_equal(text_cp_width(0x10ffff), 1); /* unknown */
    assert_int_equal(text_cp_width(7), 1);
}

static void fits(void **state)
{
    static const struct {
        const char *text;
        size_t cols, len, used;
    } cases[] = {
        {"", 5, 0, 0},
        {"hello", 5, 5, 5},
        {"hello", 3, 3, 3},
        {"hello", 0, 0, 0},
        {NI NI, 3, 3, 2},
        {"e" ACUTE "x", 1, 3, 1},
        {MAN ZWJ WOMAN, 3, 0, 0},
        {"\xff\xff", 1, 1, 1}, /* cannot happen in escaped text, and yet ends */
    };
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(text_fit(cases[i].text, strlen(cases[i].text), cases[i].cols, &used),
                         cases[i].len);
        assert_int_equal(used, cases[i].used);
    }
    assert_int_equal(text_fit("abc", 3, 2, NULL), 2);
}

static void steps_by_graphemes(void **state)
{
    /* Graphemes, each ended by '|'. */
    static const char *const cases[] = {
        "a|b|c|",
        "e" ACUTE "|x|",
        NI "|" NI "|",
        MAN ZWJ WOMAN "|!|",
        "a|\n|b|",
        "\r\n|x|",
        "",
        "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa|\xf0\x9f\x87\xab\xf0\x9f\x87\xb7|", /* two flags */
        "\xea\xb0\x81|\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8|",                 /* Hangul */
        "\xff|\xff|a|",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0, ends[16] = {0}, count = 0;
        char text[64];

        for (const char *p = cases[i]; *p != '\0'; p++) {
            if (*p == '|')
                ends[++count] = n;
            else
                text[n++] = *p;
        }
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(text_next(text, n, ends[k]), ends[k + 1]);
            assert_int_equal(text_prev(text, n, ends[k + 1]), ends[k]);
        }
        assert_int_equal(text_next(text, n, n), n);
        assert_int_equal(text_prev(text, n, 0), 0);
    }
}

static void steps_back_in_long_text(void **state)
{
    enum { COUNT = 2000 };
    char text[COUNT * 3 + 1];
    size_t n = 0, at;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(text + n, i % 3 == 0 ? "e" ACUTE : NI, 3);
        n += 3;
    }
    at = n;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(text_prev(text, n, at), at - 3);
        at -= 3;
    }
    assert_int_equal(at, 0);
}

static void sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {98, "98 B"},
        {999, "999 B"},
        {1000, "1 kB"},
        {1049, "1 kB"},
        {1050, "1.1 kB"},
        {1234, "1.2 kB"},
        {3000, "3 kB"},
        {61400000, "61.4 MB"},
        {999949, "999.9 kB"},
        {999950, "1 MB"},
        {999999, "1 MB"},
        {1100000000, "1.1 GB"},
        {999949999999, "999.9 GB"},
        {999950000000, "1 TB"},
        {UINT64_MAX, "18.4 EB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;

        buf_init(&out, 20);
        text_size(&out, cases[i].bytes);
        assert_string_equal(out.data, cases[i].text);
        assert_true(out.len <= 8);
        buf_release(&out);
    }
}

static void counts(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {1034, "1,034"},
        {123456, "123,456"},
        {1000000, "1,000,000"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;

        buf_init(&out, 40);
        text_count(&out, cases[i].n);
        assert_string_equal(out.data, cases[i].text);
        buf_release(&out);
    }
}

static void ages(void **state)
{
    const int64_t now = 1795341723; /* 2026-11-22 10:02:03 */
    static const struct {
        int64_t ago;
        const char *text;
    } cases[] = {
        {0, "0 s ago"},
        {59, "59 s ago"},
        {60, "1 min ago"},
        {3599, "59 min ago"},
        {3600, "1 h ago"},
        {7300, "2 h ago"},
        {86399, "23 h ago"},
        {2 * 86400, "Nov 20"},
        {20 * 86400, "Nov 02"},
        {182 * 86400, "May 24"},
        {184 * 86400, "2026-05-22"},
        {3000 * (int64_t)86400, "2018-09-05"},
        {-300, "0 s ago"}, /* a clock that is ahead of ours */
        {-301, "2026-11-22"},
        {-86400, "2026-11-23"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;

        buf_init(&out, 40);
        text_age(&out, now - cases[i].ago, now);
        assert_string_equal(out.data, cases[i].text);
        buf_release(&out);
    }
    for (int i = 0; i < 2; i++) {
        struct buf out;

        buf_init(&out, 40);
        text_age(&out, i == 0 ? INT64_MIN : INT64_MAX, now);
        assert_true(out.len > 0 && out.failed == PB_OK);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(escapes_into_columns),
        cmocka_unit_test(escapes_into_a_full_buffer),
        cmocka_unit_test(every_code_point_is_safe),
        cmocka_unit_test(printable),
        cmocka_unit_test(plain_runs),
        cmocka_unit_test(plain_runs_of_letters),
        cmocka_unit_test(widths),
        cmocka_unit_test(fits),
        cmocka_unit_test(steps_by_graphemes),
        cmocka_unit_test(steps_back_in_long_text),
        cmocka_unit_test(sizes),
        cmocka_unit_test(counts),
        cmocka_unit_test(ages),
    };

    return cmocka_run_group_tests_name("text", tests, utf8_locale, NULL);
}

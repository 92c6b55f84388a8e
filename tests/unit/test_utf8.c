/* UTF-8: every code point, every two bytes, every short sequence against a decoder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/text.h>

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        char bytes[4];
        size_t n = utf8_encode(cp, bytes);
        uint32_t back = 0;

        if (n != (cp < 0x80      ? 1u
                  : cp < 0x800   ? 2u
                  : cp < 0x10000 ? 3u
                                 : 4u) ||
            utf8_decode(bytes, n, &back, true) != n || back != cp ||
            utf8_decode(bytes, n, &back, false) != (surrogate ? 0 : n) ||
            utf8_check(bytes, n, true, NULL) != n ||
            utf8_check(bytes, n, false, NULL) != (surrogate ? 0 : n) || utf8_count(bytes, n) != 1)
            fail_msg("U+%04x", (unsigned)cp);
        for (size_t cut = 1; cut < n; cut++) {
            bool partial = false;

            if (utf8_decode(bytes, cut, &back, true) != 0 ||
                utf8_check(bytes, cut, true, &partial) != 0 || !partial)
                fail_msg("U+%04x cut to %zu", (unsigned)cp, cut);
        }
    }
    assert_int_equal(utf8_encode(0x110000, (char[4]){0}), 0);
    assert_int_equal(utf8_encode(UINT32_MAX, (char[4]){0}), 0);
}

/* Written from the table of the Unicode standard (3-7), unlike the decoder under test. */
static size_t by_the_table(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first[2], second[2];
        size_t len;
    } rows[] = {
        {{0x00, 0x7f}, {0}, 1},          {{0xc2, 0xdf}, {0x80, 0xbf}, 2},
        {{0xe0, 0xe0}, {0xa0, 0xbf}, 3}, {{0xe1, 0xec}, {0x80, 0xbf}, 3},
        {{0xed, 0xed}, {0x80, 0x9f}, 3}, {{0xee, 0xef}, {0x80, 0xbf}, 3},
        {{0xf0, 0xf0}, {0x90, 0xbf}, 4}, {{0xf1, 0xf3}, {0x80, 0xbf}, 4},
        {{0xf4, 0xf4}, {0x80, 0x8f}, 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (s[0] < rows[i].first[0] || s[0] > rows[i].first[1] || n < rows[i].len)
            continue;
        for (size_t k = 1; k < rows[i].len; k++) {
            unsigned char low = k == 1 ? rows[i].second[0] : 0x80;
            unsigned char high = k == 1 ? rows[i].second[1] : 0xbf;

            if (s[k] < low || s[k] > high)
                return 0;
        }
        return rows[i].len;
    }
    return 0;
}

static void sequences_of_interesting_bytes(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t n = sizeof bytes;

    (void)state;
    for (size_t i = 0; i < n * n * n * n; i++) {
        unsigned char s[4] = {bytes[i % n], bytes[i / n % n], bytes[i / n / n % n],
                              bytes[i / n / n / n]};

        for (size_t len = 1; len <= 4; len++) {
            uint32_t cp;

            if (utf8_decode(s, len, &cp, false) != by_the_table(s, len))
                fail_msg("%02x %02x %02x %02x, %zu bytes", s[0], s[1], s[2], s[3], len);
        }
    }
}

/* Where utf8_check() must stop in s, by the table alone; *partial: some more bytes make it whole.
 */
static size_t stop_by_the_table(const unsigned char *s, size_t n, bool *partial)
{
    size_t at = 0, used;

    *partial = false;
    while (at < n && (used = by_the_table(s + at, n - at)) > 0)
        at += used;
    for (size_t k = 1; at < n && n - at < 4 && k < 4 && !*partial; k++) {
        unsigned char longer[8] = {0};

        memcpy(longer, s + at, n - at);
        /* 0x80, 0x90 and 0xa0 between them fit behind every lead byte. */
        for (unsigned char fill = 0x80; fill <= 0xa0; fill = (unsigned char)(fill + 0x10)) {
            memset(longer + (n - at), 0x80, sizeof longer - (n - at));
            longer[n - at] = fill;
            *partial = *partial || by_the_table(longer, n - at + k) > n - at;
        }
    }
    return at;
}

static void checks_like_the_table(void **state)
{
    static const char *const pieces[] = {
        "a",
        "hello, world; some ASCII that is longer than a block of sixty-four bytes, for sure it is",
        "\xc3\xa9",
        "\xd0\x94\xd0\xb0",
        "\xe4\xbd\xa0\xe5\xa5\xbd",
        "\xf0\x9f\x98\x80",
        "\xe0\xa0\x80",
        "\xff",
        "\xc3",
        "\xe4\xbd",
        "\xf0\x9f\x98",
        "\xed\xa0\x80",
        "\xc0\x80",
        "\x80",
        "\xf4\x90\x80\x80",
        "\xe2\x82",
        "\xed\x9f\xbf",
        "\xf4\x8f\xbf\xbf",
        "\xe0\x80\x80",
        "\xf0\x80\x80\x80",
    };
    const size_t count = sizeof pieces / sizeof *pieces;
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        unsigned char s[1024];
        size_t n = 0, at, expected;
        bool partial, expected_partial;

        random = random * 1664525 + 1013904223;
        /* Mostly valid pieces, so that the check gets far. */
        for (uint32_t i = 0; i < 1 + (random >> 24) % 8; i++) {
            uint32_t r = random >> (i * 3), k = r % 37 < 34 ? r % 7 : r % (uint32_t)count;

            memcpy(s + n, pieces[k], strlen(pieces[k]));
            n += strlen(pieces[k]);
        }
        n -= n > 0 && random % 5 == 0;
        expected = stop_by_the_table(s, n, &expected_partial);
        at = utf8_check(s, n, false, &partial);
        if (at != expected || partial != expected_partial)
            fail_msg("round %d: stops at %zu%s, not at %zu%s of %zu", round, at,
                     partial ? " (partial)" : "", expected, expected_partial ? " (partial)" : "",
                     n);
        assert_int_equal(utf8_check(s, n, false, NULL), at);
    }
}

static void long_text(void **state)
{
    enum { SIZE = 3000 };
    char *s = malloc(SIZE);

    (void)state;
    assert_non_null(s);
    assert_int_equal(utf8_check(s, 0, false, NULL), 0);
    /* One wrong byte at every place, at every alignment of the end. */
    for (size_t n = 200; n < 330; n++) {
        memset(s, 'x', n);
        assert_int_equal(utf8_check(s, n, false, NULL), n);
        assert_int_equal(utf8_count(s, n), n);
        for (size_t at = 0; at < n; at++) {
            s[at] = '\x80';
            assert_int_equal(utf8_check(s, n, false, NULL), at);
            s[at] = 'x';
        }
    }
    for (size_t i = 0; i + 3 <= SIZE; i += 3)
        memcpy(s + i, "\xe4\xbd\xa0", 3);
    assert_int_equal(utf8_check(s, SIZE, false, NULL), SIZE);
    assert_int_equal(utf8_count(s, SIZE), SIZE / 3);
    s[SIZE - 1] = 'x';
    assert_int_equal(utf8_check(s, SIZE, false, NULL), SIZE - 3);
    free(s);
}

/* Long enough for the fast way, at every place in a block. */
static void surrogates_in_long_text(void **state)
{
    char s[400];

    (void)state;
    for (size_t at = 0; at + 3 < 330; at++) {
        memset(s, 'x', sizeof s);
        memcpy(s + at, "\xed\xbf\xbf", 3);
        assert_int_equal(utf8_check(s, sizeof s, true, NULL), sizeof s);
        assert_int_equal(utf8_check(s, sizeof s, false, NULL), at);
        assert_int_equal(utf8_check(s, at + 3, false, NULL), at);
        assert_int_equal(utf8_check(s, at + 2, true, NULL), at);
    }
    for (size_t i = 0; i + 3 <= sizeof s; i += 3)
        memcpy(s + i, "\xed\xa0\x80", 3);
    assert_int_equal(utf8_check(s, sizeof s - 1, true, NULL), sizeof s - 1);
    assert_int_equal(utf8_check(s, sizeof s - 1, false, NULL), 0);
}

/* The check of many short texts, against the one that says where. */
static void whole(void **state)
{
    static const char *const parts[] = {"a",
                                        "\xc3\xa9",
                                        "\xea\xb0\x80",
                                        "\xf0\x9f\x98\x80",
                                        "\xed\xa0\x80",
                                        "\xc0\x80",
                                        "\xe0\x9f\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\x80",
                                        "\xff",
                                        "\xe1\x80",
                                        "\xf1\x80\x80"};
    unsigned random = 1;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char s[256];
        size_t n = 0, most = (size_t)round % 100;

        while (n < most) {
            size_t part = (random = random * 1103515245u + 12345u) >> 16 & 63;

            part = part < 40 ? part % 5 : part % 12;
            memcpy(s + n, parts[part], strlen(parts[part]));
            n += strlen(parts[part]);
        }
        memset(s + n, round % 2 == 0 ? '\x80' : 'x', 32);
        assert_int_equal(utf8_whole(s, n), utf8_check(s, n, true, NULL) == n);
        if (n > 0)
            assert_int_equal(utf8_whole(s, n - 1), utf8_check(s, n - 1, true, NULL) == n - 1);
    }
}

static void surrogates(void **state)
{
    bool partial;

    (void)state;
    assert_int_equal(utf8_check("a\xed\xa0\x80z", 5, true, NULL), 5);
    assert_int_equal(utf8_check("a\xed\xa0\x80z", 5, false, &partial), 1);
    assert_false(partial);
    assert_int_equal(utf8_check("a\xed\xa0", 3, true, &partial), 1);
    assert_true(partial);
    assert_int_equal(utf8_check("a\xed\xa0", 3, false, &partial), 1);
    assert_false(partial);
    assert_int_equal(utf8_check("a\xed", 2, false, &partial), 1);
    assert_true(partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(sequences_of_interesting_bytes),
        cmocka_unit_test(checks_like_the_table),
        cmocka_unit_test(long_text),
        cmocka_unit_test(surrogates),
        cmocka_unit_test(whole),
        cmocka_unit_test(surrogates_in_long_text),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}

/* Dates: every day of eight centuries, the formats of servers, a clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include <pklbrowse/clock.h>

static bool same(const struct clock_date *a, const struct clock_date *b)
{
    return a->year == b->year && a->month == b->month && a->day == b->day && a->hour == b->hour &&
           a->minute == b->minute && a->second == b->second;
}

static void every_day(void **state)
{
    static const int length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct clock_date want = {1600, 1, 1, 0, 0, 0}, got;
    int64_t t = -11676096000; /* 1600-01-01 */

    (void)state;
    while (want.year < 2400) {
        bool leap = want.year % 4 == 0 && (want.year % 100 != 0 || want.year % 400 == 0);

        clock_split(t, &got);
        if (!same(&got, &want) || clock_join(&want) != t)
            fail_msg("%d-%02d-%02d", want.year, want.month, want.day);
        clock_split(t + 86399, &got);
        if (got.day != want.day || got.hour != 23 || got.minute != 59 || got.second != 59)
            fail_msg("the evening of %d-%02d-%02d", want.year, want.month, want.day);
        t += 86400;
        if (++want.day > length[want.month - 1] + (leap && want.month == 2)) {
            want.day = 1;
            want.month = want.month % 12 + 1;
            want.year += want.month == 1;
        }
    }
    assert_int_equal(t, 13569465600); /* 2400-01-01 */
}

static void the_ends_of_time(void **state)
{
    static const int64_t far[] = {INT64_MIN,
                                  INT64_MAX,
                                  -67768040609740800,
                                  67767976233532799,
                                  -62135596800 /* 0001-01-01 */,
                                  253402300799};
    struct clock_date d;

    (void)state;
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        clock_split(far[i], &d);
        assert_true(d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= 31);
        if (i >= 2)
            assert_true(clock_join(&d) == far[i]);
    }
    clock_split(253402300799, &d);
    assert_true(same(&d, &(struct clock_date){9999, 12, 31, 23, 59, 59}));
}

static void formats(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 60);
    clock_format_iso(&out, 1795341723);
    assert_string_equal(out.data, "2026-11-22T10:02:03Z");
    buf_clear(&out);
    clock_format_http(&out, 1795341723);
    assert_string_equal(out.data, "Sun, 22 Nov 2026 10:02:03 GMT");
    buf_clear(&out);
    clock_format_http(&out, -1);
    assert_string_equal(out.data, "Wed, 31 Dec 1969 23:59:59 GMT");
    buf_clear(&out);
    clock_format_basic(&out, 1795341723);
    assert_string_equal(out.data, "20261122T100203Z");
    buf_clear(&out);
    clock_format_iso(&out, -1);
    assert_string_equal(out.data, "1969-12-31T23:59:59Z");
    buf_release(&out);
}

static void parses_iso(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } good[] = {
        {"2026-11-22T10:02:03.000Z", 1795341723},
        {"2026-11-22T10:02:03Z", 1795341723},
        {"2026-11-22T10:02:03.123456789Z", 1795341723},
        {"2026-11-22T11:02:03+01:00", 1795341723},
        {"2026-11-22T04:32:03-0530", 1795341723},
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2016-12-31T23:59:60Z", 1483228800}, /* a leap second */
        {"0001-01-01T00:00:00Z", -62135596800},
    };
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T10:02:03",
        "2026-11-22 10:02:03Z",
        "2026-13-22T10:02:03Z",
        "2026-00-22T10:02:03Z",
        "2026-11-31T10:02:03Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-22T24:02:03Z",
        "2026-11-22T10:60:03Z",
        "2026-11-22T10:02:61Z",
        "2026-11-22T10:02:03.Z",
        "2026-11-22T10:02:03ZZ",
        "2026-11-22T10:02:03+24:00",
        "2026-11-22T10:02:03+1",
        "-026-11-22T10:02:03Z",
        "2026-1-22T10:02:03Z",
        "2026-11-22T10:02:0 Z",
    };
    int64_t t;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        t = 7;
        if (!clock_parse_iso(good[i].text, strlen(good[i].text), &t) || t != good[i].t)
            fail_msg("%s", good[i].text);
        /* Every beginning of it is no date, or the length is not looked at. */
        for (size_t n = 0; n < 19; n++)
            assert_false(clock_parse_iso(good[i].text, n, &t));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (clock_parse_iso(bad[i], strlen(bad[i]), &t))
            fail_msg("%s", bad[i]);
    }
}

static void parses_http(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } good[] = {
        {"Sun, 22 Nov 2026 10:02:03 GMT", 1795341723},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777}, /* RFC 850, which RFC 9110 still has read */
        {"Wednesday, 02-Jan-30 00:00:00 GMT", 1893542400},
        {"Sun Nov  6 08:49:37 1994", 784111777}, /* asctime() */
        {"Sun Nov 22 10:02:03 2026", 1795341723},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    };
    static const char *const bad[] = {
        "",
        "Sun",
        "Sun,",
        "Sun, 22 Nov 2026 10:02:03",
        "Sun, 22 Nov 2026 10:02:03 CET",
        "Sun, 22 nov 2026 10:02:03 GMT",
        "Sun, 32 Nov 2026 10:02:03 GMT",
        "22 Nov 2026 10:02:03 GMT",
        "Sun, 2 Nov 2026 10:02:03 GMT",
        "Sun, 22 Nov 2026 10:02:03 GMT ",
        "Sun, 22 Nov 2026 25:02:03 GMT",
        "Sun Nov 22 10:02:03 2026 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
    };
    int64_t t;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!clock_parse_http(good[i].text, strlen(good[i].text), &t) || t != good[i].t)
            fail_msg("%s", good[i].text);
        for (size_t n = 0; n + 1 < strlen(good[i].text); n++)
            assert_false(clock_parse_http(good[i].text, n, &t));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (clock_parse_http(bad[i], strlen(bad[i]), &t))
            fail_msg("%s", bad[i]);
    }
}

static void a_frozen_clock(void **state)
{
    int64_t now;

    (void)state;
    assert_int_equal(setenv("PKLBROWSE_NOW", "1795341723", 1), 0);
    assert_int_equal(clock_now(), 1795341723);
    assert_int_equal(setenv("PKLBROWSE_NOW", "soon", 1), 0);
    now = clock_now();
    assert_true(now >= time(NULL) - 5 && now <= time(NULL));
    assert_int_equal(unsetenv("PKLBROWSE_NOW"), 0);
    now = clock_now();
    assert_true(now >= time(NULL) - 5 && now <= time(NULL));
}

static void waiting_time_only_grows(void **state)
{
    uint64_t before = clock_mono_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_us();

        assert_true(now >= before);
        before = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day),
        cmocka_unit_test(the_ends_of_time),
        cmocka_unit_test(formats),
        cmocka_unit_test(parses_iso),
        cmocka_unit_test(parses_http),
        cmocka_unit_test(a_frozen_clock),
        cmocka_unit_test(waiting_time_only_grows),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

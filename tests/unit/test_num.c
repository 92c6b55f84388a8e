/* Checked numbers and Python's spelling of a float. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>

#include <pklbrowse/num.h>

static void checked_arithmetic(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(num_add(1, 2, &v));
    assert_int_equal(v, 3);
    assert_true(num_add(UINT64_MAX, 0, &v));
    assert_false(num_add(UINT64_MAX, 1, &v));
    assert_true(num_mul(UINT32_MAX, UINT32_MAX, &v));
    assert_true(v == 18446744065119617025u);
    assert_false(num_mul((uint64_t)1 << 32, (uint64_t)1 << 32, &v));
    assert_true(num_mul(0, UINT64_MAX, &v));
    assert_int_equal(v, 0);
}

static void parses_integers(void **state)
{
    static const struct {
        const char *text;
        bool is_unsigned, is_signed;
        int64_t value;
    } cases[] = {
        {"0", true, true, 0},
        {"007", true, true, 7},
        {"42", true, true, 42},
        {"9223372036854775807", true, true, INT64_MAX},
        {"9223372036854775808", true, false, INT64_MIN}, /* as unsigned: 2^63 */
        {"18446744073709551615", true, false, -1},
        {"18446744073709551616", false, false, 0},
        {"99999999999999999999999", false, false, 0},
        {"-1", false, true, -1},
        {"+1", false, true, 1},
        {"-9223372036854775808", false, true, INT64_MIN},
        {"-9223372036854775809", false, false, 0},
        {"", false, false, 0},
        {"-", false, false, 0},
        {"+", false, false, 0},
        {"--1", false, false, 0},
        {" 1", false, false, 0},
        {"1 ", false, false, 0},
        {"1_000", false, false, 0},
        {"0x10", false, false, 0},
        {"1.0", false, false, 0},
        {"\xd9\xa1", false, false, 0}, /* a digit, but Arabic */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        uint64_t u = 77;
        int64_t s = 77;

        assert_int_equal(num_parse_u64(cases[i].text, n, &u), cases[i].is_unsigned);
        assert_int_equal(u, cases[i].is_unsigned ? (uint64_t)cases[i].value : 77);
        assert_int_equal(num_parse_i64(cases[i].text, n, &s), cases[i].is_signed);
        assert_int_equal(s, cases[i].is_signed ? cases[i].value : 77);
    }
    uint64_t u;
    assert_true(num_parse_u64("123", 2, &u)); /* the length counts, not the NUL */
    assert_int_equal(u, 12);
    assert_false(num_parse_u64("1\0"
                               "2",
                               3, &u));
}

static void parses_floats(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"-1.5", -1.5},
        {"+2", 2},
        {".5", .5},
        {"5.", 5},
        {"1e3", 1000},
        {"1E+3", 1000},
        {"1e-3", .001},
        {"1.5e0", 1.5},
        {"1e400", INFINITY},
        {"-1e400", -INFINITY},
        {"1e-400", 0},
        {"inf", INFINITY},
        {"-Infinity", -INFINITY},
        {"INF", INFINITY},
        {"0.1", .1},
        {"1e22", 1e22},
        {"2.2250738585072014e-308", DBL_MIN},
        {"000000000000000000000000000000000000000000000000000000000000000000000000000000001.25",
         1.25},
        {"1e00000000000000000000000000000000000000000000000000000000000000000000000000000002", 100},
    };
    static const char *const bad[] = {
        "",   "-",   ".",   "e5",   "1e",    "1e+",    "1.e", "0x10", "0x1p3", " 1",
        "1 ", "1,5", "1_0", "nanx", "infin", "nan(1)", "--1", "1e5.", "1..2",  "+-1",
    };
    double v;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!num_parse_double(good[i].text, strlen(good[i].text), &v) || v != good[i].value)
            fail_msg("%s", good[i].text);
    }
    assert_true(num_parse_double("nan", 3, &v) && isnan(v));
    assert_true(num_parse_double("-0.0", 4, &v) && v == 0 && signbit(v));
    assert_true(num_parse_double("1.55", 3, &v) && v == 1.5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (num_parse_double(bad[i], strlen(bad[i]), &v))
            fail_msg("%s", bad[i]);
    }
    assert_false(num_parse_double("1\0", 2, &v));
}

static void check_repr(double d, const char *text)
{
    struct buf out;

    buf_init(&out, 40);
    num_repr_double(&out, d);
    assert_string_equal(out.data, text);
    buf_release(&out);
}

static void spells_floats(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1.5, "-1.5"},
        {.1, "0.1"},
        {.1 + .2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {100, "100.0"},
        {123456789, "123456789.0"},
        {1e15, "1000000000000000.0"},
        {9999999999999998, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.2345e16, "1.2345e+16"},
        {1e22, "1e+22"},
        {1e100, "1e+100"},
        {.0001, "0.0001"},
        {.00012345, "0.00012345"},
        {.00001, "1e-05"},
        {1.5e-5, "1.5e-05"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        {DBL_EPSILON, "2.220446049250313e-16"},
        {0x1p-44,
         "5.684341886080802e-14"}, /* not the closest of 16 digits: that reads back below */
        {0x1p-1074 * 3, "1.5e-323"},
        {9007199254740993.0, "9007199254740992.0"},
        {0x1p53, "9007199254740992.0"},
        {0x1p60, "1.152921504606847e+18"},
        {3.14159265358979, "3.14159265358979"},
        {M_PI, "3.141592653589793"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
        {1e23, "1e+23"},
        {9.5e-7, "9.5e-07"},
        {4.35, "4.35"},
        {999999999999999.9, "999999999999999.9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_repr(cases[i].value, cases[i].text);
}

/* Every power of two, where the doubles' distance changes, and its neighbours read back. */
static void reads_back(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 40);
    for (int e = -1074; e < 1024; e++) {
        for (int step = -1; step <= 1; step++) {
            double d = ldexp(1, e), back;

            if (step != 0)
                d = nextafter(d, step < 0 ? 0 : INFINITY);
            buf_clear(&out);
            num_repr_double(&out, d);
            if (!num_parse_double(out.data, out.len, &back) || back != d || out.len > 24)
                fail_msg("2^%d%+d: %s", e, step, out.data);
        }
    }
    buf_release(&out);
}

/* A comma as the decimal point changes nothing.  Without such a locale on this machine the C one is
 * looked at again. */
static void spells_ints(void **state)
{
    static const int64_t cases[] = {0,  7,   10,   99,        100,       101,      1234,
                                    -1, -10, -100, INT64_MAX, INT64_MIN, 99999999, 1000000007};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUM_TEXT_MAX], want[NUM_TEXT_MAX];

        snprintf(want, sizeof want, "%lld", (long long)cases[i]);
        assert_int_equal(num_put_int(text, cases[i]), strlen(want));
        assert_memory_equal(text, want, strlen(want));
    }
    for (uint64_t ten = 1; ten <= INT64_MAX / 10; ten *= 10) {
        for (int step = -1; step <= 1; step++) {
            int64_t v = (int64_t)ten + step;
            char text[NUM_TEXT_MAX], want[NUM_TEXT_MAX];

            snprintf(want, sizeof want, "%lld", (long long)v);
            assert_int_equal(num_put_int(text, v), strlen(want));
            assert_memory_equal(text, want, strlen(want));
        }
    }
}

/* Numbers near the one before and far from it, both ways. */
static void counts(void **state)
{
    static const uint64_t cases[] = {0,     7,          9999,      10000,     10001,
                                     19999, 20000,      5,         20001,     99999,
                                     99998, 1000000007, 123456789, INT64_MAX, 10000};
    struct num_count count = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUM_TEXT_MAX], want[NUM_TEXT_MAX];

        snprintf(want, sizeof want, "%llu", (unsigned long long)cases[i]);
        assert_int_equal(num_put_count(&count, text, cases[i]), strlen(want));
        assert_memory_equal(text, want, strlen(want));
    }
}

static void any_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pt_BR.UTF-8"};
    double v;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (setlocale(LC_ALL, names[i]) != NULL)
            break;
    }
    check_repr(1234.5, "1234.5");
    check_repr(1.5e-7, "1.5e-07");
    assert_true(num_parse_double("1.5", 3, &v) && v == 1.5);
    assert_false(num_parse_double("1,5", 3, &v));
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(parses_integers),
        cmocka_unit_test(parses_floats),
        cmocka_unit_test(spells_floats),
        cmocka_unit_test(reads_back),
        cmocka_unit_test(spells_ints),
        cmocka_unit_test(counts),
        cmocka_unit_test(any_locale),
    };

    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}

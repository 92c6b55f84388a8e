/* Integers of any size: every short one, the edges of each length, and long ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

/* Minimal two's complement of v, by shifting. */
static size_t minimal(int64_t v, uint8_t le[8])
{
    size_t n = 0;

    if (v == 0)
        return 0;
    for (;;) {
        le[n] = (uint8_t)(v & 0xff);
        n++;
        /* An arithmetic shift, written so that it is one everywhere. */
        v = v >= 0 ? v >> 8 : -((-v - 1) >> 8) - 1;
        if ((v == 0 && le[n - 1] < 0x80) || (v == -1 && le[n - 1] >= 0x80))
            return n;
    }
}

static void check_small(int64_t v)
{
    char text[32], hex[32], digits[32];
    uint8_t le[12];
    size_t n = minimal(v, le), bits = 0;
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    struct buf out;
    int64_t back = 0;

    snprintf(text, sizeof text, "%lld", (long long)v);
    snprintf(hex, sizeof hex, "%s0x%llx", v < 0 ? "-" : "", (unsigned long long)magnitude);
    while (bits < 64 && magnitude >> bits != 0)
        bits++;
    buf_init(&out, 100);
    /* Also with more sign bytes than needed. */
    for (size_t more = 0; more <= 3; more++) {
        memset(le + n, v < 0 ? 0xff : 0, more);
        buf_clear(&out);
        assert_int_equal(num_big_to_decimal(&out, le, n + more, NULL), PB_OK);
        assert_string_equal(out.data, text);
        buf_clear(&out);
        assert_int_equal(num_big_to_hex(&out, le, n + more, NULL), PB_OK);
        assert_string_equal(out.data, hex);
        assert_int_equal(num_big_bits(le, n + more), bits);
        assert_true(num_big_fits_i64(le, n + more, &back));
        assert_true(back == v);
    }
    static const struct {
        int base;
        const char *fmt;
    } bases[] = {{8, "%llo"}, {10, "%llu"}, {16, "%llx"}, {16, "%llX"}, {10, "000%llu"}};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(digits, sizeof digits, bases[i].fmt, (unsigned long long)magnitude);
#pragma GCC diagnostic pop
        buf_clear(&out);
        assert_int_equal(num_big_parse(&out, digits, strlen(digits), bases[i].base, v < 0, NULL),
                         PB_OK);
        assert_int_equal(out.len, n);
        assert_memory_equal(out.data, le, n);
    }
    buf_release(&out);
}

static void small_ones(void **state)
{
    (void)state;
    for (int64_t v = -70000; v <= 70000; v++)
        check_small(v);
    for (int shift = 7; shift < 63; shift++) {
        for (int64_t near = -3; near <= 3; near++) {
            check_small(((int64_t)1 << shift) + near);
            check_small(-((int64_t)1 << shift) + near);
        }
    }
    check_small(INT64_MAX);
    check_small(INT64_MIN + 1);
}

static void beyond_64_bits(void **state)
{
    static const struct {
        const char *decimal, *hex;
        size_t bits;
        bool fits;
    } cases[] = {
        {"9223372036854775807", "0x7fffffffffffffff", 63, true},
        {"9223372036854775808", "0x8000000000000000", 64, false},
        {"-9223372036854775808", "-0x8000000000000000", 64, true},
        {"-9223372036854775809", "-0x8000000000000001", 64, false},
        {"18446744073709551616", "0x10000000000000000", 65, false},
        {"-18446744073709551616", "-0x10000000000000000", 65, false},
        {"340282366920938463463374607431768211455", "0xffffffffffffffffffffffffffffffff", 128,
         false},
        {"-340282366920938463463374607431768211456", "-0x100000000000000000000000000000000", 129,
         false},
        {"1000000000000000000000000000000", "0xc9f2c9cd04674edea40000000", 100, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool negative = cases[i].decimal[0] == '-';
        const char *hex = cases[i].hex + negative + 2;
        struct buf le, by_hex, out;
        int64_t v;

        buf_init(&le, 100);
        buf_init(&by_hex, 100);
        buf_init(&out, 100);
        assert_int_equal(num_big_parse(&le, cases[i].decimal + negative,
                                       strlen(cases[i].decimal) - negative, 10, negative, NULL),
                         PB_OK);
        assert_int_equal(num_big_parse(&by_hex, hex, strlen(hex), 16, negative, NULL), PB_OK);
        assert_int_equal(le.len, by_hex.len);
        assert_memory_equal(le.data, by_hex.data, le.len);
        const uint8_t *bytes = (const uint8_t *)le.data;
        assert_int_equal(num_big_to_decimal(&out, bytes, le.len, NULL), PB_OK);
        assert_string_equal(out.data, cases[i].decimal);
        buf_clear(&out);
        assert_int_equal(num_big_to_hex(&out, bytes, le.len, NULL), PB_OK);
        assert_string_equal(out.data, cases[i].hex);
        assert_int_equal(num_big_bits(bytes, le.len), cases[i].bits);
        assert_int_equal(num_big_fits_i64(bytes, le.len, &v), cases[i].fits);
        buf_release(&le);
        buf_release(&by_hex);
        buf_release(&out);
    }
}

static void bases_of_two(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(num_big_parse(&out, "100000000", 9, 2, false, NULL), PB_OK);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.data, "\x00\x01", 2);
    buf_clear(&out);
    assert_int_equal(num_big_parse(&out, "10000000", 8, 2, true, NULL), PB_OK);
    assert_int_equal(out.len, 1);
    assert_memory_equal(out.data, "\x80", 1);
    buf_clear(&out);
    assert_int_equal(num_big_parse(&out, "7777777777777777777777", 22, 8, false, NULL), PB_OK);
    assert_int_equal(num_big_bits((const uint8_t *)out.data, out.len), 66);
    buf_clear(&out);
    assert_int_equal(num_big_parse(&out, "0000", 4, 2, true, NULL), PB_OK);
    assert_int_equal(out.len, 0); /* -0 is 0 */
    buf_release(&out);
}

static void what_is_no_number(void **state)
{
    static const struct {
        const char *digits;
        int base;
    } cases[] = {{"", 10},   {"12a", 10}, {"8", 8},   {"2", 2},   {"g", 16},
                 {"-1", 10}, {"1_0", 10}, {" 1", 10}, {"0x1", 16}};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(num_big_parse(&out, cases[i].digits, strlen(cases[i].digits),
                                       cases[i].base, false, NULL),
                         PB_EUSAGE);
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

/* 4300 digits are converted, 4301 are not; hex has no such limit. */
static void the_limit(void **state)
{
    char nines[NUM_DECIMAL_DIGITS + 1];
    struct buf le, out;
    struct error e;

    (void)state;
    memset(nines, '9', sizeof nines);
    buf_init(&le, 10000);
    buf_init(&out, 10000);
    for (int negative = 0; negative < 2; negative++) {
        buf_clear(&le);
        buf_clear(&out);
        assert_int_equal(num_big_parse(&le, nines, NUM_DECIMAL_DIGITS, 10, negative, &e), PB_OK);
        assert_int_equal(num_big_to_decimal(&out, (const uint8_t *)le.data, le.len, &e), PB_OK);
        assert_int_equal(out.len, NUM_DECIMAL_DIGITS + negative);
        assert_memory_equal(out.data + negative, nines, NUM_DECIMAL_DIGITS);
        assert_int_equal(num_big_parse(&le, nines, NUM_DECIMAL_DIGITS + 1, 10, false, &e),
                         PB_ELIMIT);
        assert_string_equal(e.msg, "an integer of more than 4300 decimal digits");
    }
    /* 10^4300 is 9…9 and one more: the first that is too long. */
    buf_clear(&le);
    assert_int_equal(num_big_parse(&le, nines, NUM_DECIMAL_DIGITS, 10, false, &e), PB_OK);
    for (size_t i = 0; i < le.len && ++le.data[i] == 0; i++)
        continue;
    assert_int_equal(num_big_to_decimal(&out, (const uint8_t *)le.data, le.len, &e), PB_ELIMIT);
    buf_clear(&out);
    assert_int_equal(num_big_to_hex(&out, (const uint8_t *)le.data, le.len, &e), PB_OK);
    assert_int_equal(out.len, 2 + (14285 + 3) / 4);
    assert_int_equal(num_big_bits((const uint8_t *)le.data, le.len), 14285);
    /* A small number with very many sign bytes is small. */
    buf_clear(&le);
    buf_fill(&le, '\xff', 9000);
    buf_clear(&out);
    assert_int_equal(num_big_to_decimal(&out, (const uint8_t *)le.data, le.len, &e), PB_OK);
    assert_string_equal(out.data, "-1");
    le.data[8] = 0;
    le.data[0] = 5;
    buf_clear(&out);
    assert_int_equal(num_big_to_decimal(&out, (const uint8_t *)le.data, le.len, &e), PB_OK);
    assert_string_equal(out.data, "-4703919738795935662331"); /* (-256 << 64) + 2^64 - 256 + 5 */
    buf_release(&le);
    buf_release(&out);
}

/* The decimal digits of it, step by step. */
static void decimal_of(const struct buf *le, struct buf *out)
{
    struct num_decimal *d;
    unsigned before = 0, steps = 0;
    size_t len;
    char *text;

    assert_int_equal(num_decimal_new((const uint8_t *)le->data, le->len, &d, NULL), PB_OK);
    while (!num_decimal_step(d)) {
        assert_true(num_decimal_percent(d) >= before && num_decimal_percent(d) < 100);
        before = num_decimal_percent(d);
        steps++;
    }
    assert_int_equal(num_decimal_percent(d), 100);
    assert_true(steps * 128 + 128 >= le->len); /* never all at once */
    text = num_decimal_take(d, &len);
    buf_clear(out);
    buf_append(out, text, len);
    free(text);
    num_decimal_free(d);
}

/* Digits that are read by another algorithm come back. */
static void decimal_in_steps(void **state)
{
    static const size_t lengths[] = {1,   2,   6,    7,    308,  309,   310,    616,    617,
                                     925, 926, 4300, 4301, 9870, 50001, 100000, 199999, 200000};
    char *digits = malloc(NUM_STORED_DIGITS);
    struct buf le, out;
    uint32_t seed = 1;

    (void)state;
    assert_non_null(digits);
    buf_init(&le, 1000000);
    buf_init(&out, 1000000);
    for (size_t i = 0; i < 4 * sizeof lengths / sizeof lengths[0]; i++) {
        size_t n = lengths[i / 4], kind = i % 4;
        bool negative = kind % 2 == 1;

        memset(digits, kind == 0 ? '9' : '0', n);
        digits[0] = kind == 0 ? '9' : '1';
        for (size_t k = 1; kind >= 2 && k < n; k++) {
            seed = seed * 1103515245u + 12345;
            digits[k] = (char)('0' + seed / 65536 % 10);
        }
        buf_clear(&le);
        assert_int_equal(num_big_parse_stored(&le, digits, n, negative, NULL), PB_OK);
        decimal_of(&le, &out);
        assert_int_equal(out.len, n + negative);
        assert_true(!negative || out.data[0] == '-');
        assert_memory_equal(out.data + negative, digits, n);
        /* Sign bytes more than needed change nothing. */
        for (size_t k = 0; k < 300; k++)
            buf_putc(&le, (char)(negative ? 0xff : 0));
        decimal_of(&le, &out);
        assert_memory_equal(out.data + negative, digits, n);
    }
    buf_clear(&le);
    decimal_of(&le, &out);
    assert_string_equal(out.data, "0");
    buf_puts(&le, "\xff");
    decimal_of(&le, &out);
    assert_string_equal(out.data, "-1");
    buf_release(&le);
    buf_release(&out);
    free(digits);
}

/* Left in its midst, too long, without memory. */
static void decimal_that_ends_early(void **state)
{
    uint8_t le[5000];
    struct num_decimal *d;
    struct error e;

    (void)state;
    memset(le, 0x5a, sizeof le);
    for (unsigned steps = 0; steps < 200; steps += 7) {
        assert_int_equal(num_decimal_new(le, sizeof le, &d, &e), PB_OK);
        for (unsigned i = 0; i < steps; i++)
            (void)num_decimal_step(d);
        num_decimal_free(d);
    }
    assert_int_equal(num_decimal_new(le, NUM_DECIMAL_BYTES + 1, &d, &e), PB_ELIMIT);
    assert_null(d);
    for (long n = 1; n <= 7; n++) {
        mem_fail_after(n);
        assert_int_equal(num_decimal_new(le, sizeof le, &d, &e), PB_ENOMEM);
        assert_null(d);
    }
    mem_fail_after(-1);
    num_decimal_free(NULL);
}

static void memory_that_runs_out(void **state)
{
    static const uint8_t le[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct error e;
    struct buf out;

    (void)state;
    for (long n = 1; n <= 2; n++) {
        buf_init(&out, 100);
        mem_fail_after(n);
        assert_int_equal(num_big_to_decimal(&out, le, sizeof le, &e), PB_ENOMEM);
        buf_clear(&out);
        mem_fail_after(n);
        assert_int_equal(num_big_to_hex(&out, le, sizeof le, &e), PB_ENOMEM);
        buf_clear(&out);
        mem_fail_after(n);
        assert_int_equal(num_big_parse(&out, "12345", 5, 10, false, &e), PB_ENOMEM);
        buf_clear(&out);
        mem_fail_after(n);
        assert_int_equal(num_big_parse(&out, "12345", 5, 16, false, &e), PB_ENOMEM);
        mem_fail_after(-1);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_ones),
        cmocka_unit_test(beyond_64_bits),
        cmocka_unit_test(bases_of_two),
        cmocka_unit_test(what_is_no_number),
        cmocka_unit_test(the_limit),
        cmocka_unit_test(decimal_in_steps),
        cmocka_unit_test(decimal_that_ends_early),
        cmocka_unit_test(memory_that_runs_out),
    };

    return cmocka_run_group_tests_name("bigint", tests, NULL, NULL);
}

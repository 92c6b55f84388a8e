/*
 * Bytes by chance into whatever reads bytes of others: escaping, UTF-8, addresses, XML, numbers.
 *
 * The same bytes on every run.  What is checked is what must hold for any input; the sanitizers
 * look for the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/uri.h>
#include <pklbrowse/xml.h>

#define ROUNDS 20000
#define SIZE_MOST 300

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *d, uint32_t sides)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->state >> 33) % sides;
}

/* Pure noise gets no further than the first byte, so pieces that mean something are thrown in. */
static size_t make_noise(struct dice *d, char *out, const char *const *pieces, size_t count)
{
    size_t n = 0, want = roll(d, SIZE_MOST - 40);

    while (n < want) {
        if (roll(d, 4) == 0) {
            out[n++] = (char)roll(d, 256);
        } else {
            const char *piece = pieces[roll(d, (uint32_t)count)];
            size_t len = strlen(piece);

            memcpy(out + n, piece, len);
            n += len;
        }
    }
    out[n] = '\0';
    return n;
}

#define MAKE_NOISE(d, out, pieces) make_noise(d, out, pieces, sizeof(pieces) / sizeof *(pieces))

static const char *const text_pieces[] = {
    "a",
    "hello ",
    "\xc3\xa9",
    "\xcc\x81",
    "\xe4\xbd\xa0",
    "\xf0\x9f\x91\xa8",
    "\xe2\x80\x8d",
    "\xe2\x80\xae",
    "\033[31m",
    "\xef\xb8\x8f",
    "\xed\xa0\x80",
    "\n",
    "\xf0\x9f\x87\xa9",
    "\xff",
    "\xe0\xa4\x95\xe0\xa5\x8d",
};

/* Text that was escaped is valid, holds nothing undrawable but what belongs to a character before
 * it, and is not changed by escaping it again. */
static void check_escaped(const struct buf *b)
{
    struct buf again;
    uint32_t cp, prev = 0;

    assert_int_equal(utf8_check(b->data, b->len, false, NULL), b->len);
    for (size_t at = 0; at < b->len;) {
        at += utf8_decode(b->data + at, b->len - at, &cp, false);
        if (!text_drawable(cp))
            assert_true((cp == 0x200c || cp == 0x200d) && prev >= 0x300);
        prev = cp;
    }
    buf_init(&again, 20 * SIZE_MOST);
    text_escape(&again, b->data, b->len);
    assert_string_equal(again.data, b->data);
    buf_release(&again);
}

static void escaping(void **state)
{
    struct dice d = {1};
    char noise[SIZE_MOST];
    struct buf whole, part;

    (void)state;
    buf_init(&whole, 20 * SIZE_MOST);
    buf_init(&part, 20 * SIZE_MOST);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = MAKE_NOISE(&d, noise, text_pieces), cols = roll(&d, 100), used;
        bool cut;

        buf_clear(&whole);
        text_escape(&whole, noise, n);
        assert_int_equal(buf_status(&whole, NULL), PB_OK);
        check_escaped(&whole);
        buf_clear(&part);
        cut = text_escape_cols(&part, noise, n, cols);
        assert_true(text_width(part.data, part.len) <= cols);
        assert_memory_equal(part.data, whole.data, part.len);
        assert_int_equal(cut, part.len < whole.len);
        assert_true(text_fit(whole.data, whole.len, cols, &used) <= whole.len);
        assert_true(used <= cols);
    }
    buf_release(&whole);
    buf_release(&part);
}

static void stepping(void **state)
{
    struct dice d = {2};
    char noise[SIZE_MOST];

    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        size_t n = MAKE_NOISE(&d, noise, text_pieces);

        for (size_t at = 0; at < n;) {
            size_t next = text_next(noise, n, at);

            assert_true(next > at && next <= n);
            at = next;
        }
        for (size_t at = n; at > 0;) {
            size_t prev = text_prev(noise, n, at);

            assert_true(prev < at);
            at = prev;
        }
    }
}

static void utf8(void **state)
{
    struct dice d = {3};
    char noise[SIZE_MOST];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = MAKE_NOISE(&d, noise, text_pieces), at = 0, used;
        bool surrogates = roll(&d, 2) == 0, partial;
        uint32_t cp;

        while (at < n && (used = utf8_decode(noise + at, n - at, &cp, surrogates)) > 0) {
            char back[4];

            assert_int_equal(utf8_encode(cp, back), used);
            assert_memory_equal(back, noise + at, used);
            at += used;
        }
        assert_int_equal(utf8_check(noise, n, surrogates, &partial), at);
        assert_true(!partial || n - at < 4);
    }
}

static void addresses(void **state)
{
    static const char *const pieces[] = {
        "s3://", "az://", "file://",   "https://", "http://", "/", "//",  "bucket",          "%41",
        "%",     "%00",   "?",         "#",        "&",       "=", "sig", "X-Amz-Signature", ":",
        "@",     "[::1]", "localhost", ":80",      "-",
    };
    struct dice d = {4};
    char noise[SIZE_MOST];
    struct buf out;

    (void)state;
    buf_init(&out, 20 * SIZE_MOST);
    for (int i = 0; i < ROUNDS; i++) {
        struct location loc, again;
        struct endpoint ep;

        MAKE_NOISE(&d, noise, pieces);
        if (location_parse(&loc, noise, NULL) == PB_OK) {
            buf_clear(&out);
            location_format(&out, &loc);
            assert_int_equal(location_parse(&again, out.data, NULL), PB_OK);
            assert_int_equal(again.scheme, loc.scheme);
            if (loc.scheme != LOC_LOCAL)
                assert_string_equal(again.key, loc.key);
            location_release(&again);
        }
        location_release(&loc);
        if (endpoint_parse(&ep, noise, NULL) == PB_OK)
            assert_true(ep.host[0] != '\0' && ep.port <= 65535);
        endpoint_release(&ep);
        buf_clear(&out);
        log_redact_url(&out, noise);
        assert_int_equal(buf_status(&out, NULL), PB_OK);
    }
    buf_release(&out);
}

/* A secret in a signed query never comes through, whatever stands around it. */
static void secrets(void **state)
{
    static const char *const pieces[] = {"https://", "h", "/", "?", "&", "#", ";", "x=1", "%26"};
    struct dice d = {5};
    char noise[SIZE_MOST], url[2 * SIZE_MOST];
    struct buf out;

    (void)state;
    buf_init(&out, 20 * SIZE_MOST);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = MAKE_NOISE(&d, noise, pieces);

        n = strlen(noise) < n ? strlen(noise) : n;
        memcpy(url, noise, n);
        snprintf(url + n, sizeof url - n, "%s",
                 roll(&d, 2) == 0 ? "?X-Amz-Signature=SECRET" : "?a=b&sig=SECRET&c=d");
        buf_clear(&out);
        log_redact_url(&out, url);
        assert_null(strstr(out.data, "SECRET"));
    }
    buf_release(&out);
}

static void count_end(void *ctx, const char *path, const char *text, size_t len)
{
    assert_int_equal(text[len], '\0');
    assert_true(path[0] != '\0');
    ++*(int *)ctx;
}

static void xml(void **state)
{
    static const char *const pieces[] = {
        "<a>",
        "</a>",
        "<b x=\"1\">",
        "</b>",
        "text",
        "&lt;",
        "&#x41;",
        "&#x8;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?xml version=\"1.0\"?>",
        "<!DOCTYPE a [",
        "<!ENTITY x \"y\">",
        "&x;",
        "<",
        ">",
        "\"",
        "\xc3\xa9",
        "xmlns:q=\"u\"",
        "<q:a/>",
    };
    struct dice d = {6};
    char noise[SIZE_MOST];
    int whole = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int ends = 0;
        const struct xml_handler h = {.end = count_end, .ctx = &ends};
        size_t n = MAKE_NOISE(&d, noise, pieces), step = 1 + roll(&d, 50);
        enum pb_err err;
        struct error e;
        struct xml *x;

        assert_int_equal(xml_new(&h, &x, &e), PB_OK);
        err = xml_feed(x, "<r>", roll(&d, 8) == 0 ? 0 : 3, &e);
        for (size_t at = 0; at < n && err == PB_OK; at += step)
            err = xml_feed(x, noise + at, n - at < step ? n - at : step, &e);
        if (err == PB_OK)
            err = xml_feed(x, "</r>", 4, &e);
        if (err == PB_OK)
            err = xml_finish(x, &e);
        assert_true(err == PB_OK || err == PB_ESERVER || err == PB_ELIMIT);
        assert_true(err != PB_OK || ends > 0);
        assert_true(err == PB_OK || e.msg[0] != '\0');
        whole += err == PB_OK;
        xml_free(x);
    }
    assert_true(whole > 10); /* or nothing but the first byte was ever looked at */
}

static void numbers(void **state)
{
    static const char *const pieces[] = {"0",
                                         "1",
                                         "9",
                                         "-",
                                         "+",
                                         ".",
                                         "e",
                                         "inf",
                                         "nan",
                                         "2026-11-22T",
                                         "10:02:03",
                                         "Z",
                                         "Sun, 22 Nov 2026 ",
                                         " GMT",
                                         "Zm9v",
                                         "="};
    struct dice d = {7};
    char noise[SIZE_MOST];
    struct buf out;

    (void)state;
    buf_init(&out, 20 * SIZE_MOST);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = MAKE_NOISE(&d, noise, pieces);
        int64_t signed_value;
        uint64_t value;
        double real;

        n = n > 0 ? roll(&d, (uint32_t)n) : 0;
        if (num_parse_u64(noise, n, &value) && value <= INT64_MAX)
            assert_true(num_parse_i64(noise, n, &signed_value) && signed_value >= 0);
        if (num_parse_i64(noise, n, &signed_value))
            assert_true(num_parse_double(noise, n, &real));
        clock_parse_iso(noise, n, &signed_value);
        clock_parse_http(noise, n, &signed_value);
        buf_clear(&out);
        base64_decode(&out, noise, n);
        buf_clear(&out);
        assert_int_equal(num_big_to_hex(&out, (const uint8_t *)noise, n, NULL), PB_OK);
        /* And back. */
        bool negative = out.data[0] == '-';
        struct buf le;

        buf_init(&le, SIZE_MOST);
        assert_int_equal(
            num_big_parse(&le, out.data + 2 + negative, out.len - 2 - negative, 16, negative, NULL),
            PB_OK);
        assert_true(le.len <= n);
        assert_memory_equal(le.data, noise, le.len);
        buf_release(&le);
    }
    buf_release(&out);
}

/* Any double reads back from its own spelling. */
static void floats(void **state)
{
    struct dice d = {8};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (int i = 0; i < 10 * ROUNDS; i++) {
        uint64_t bits =
            (uint64_t)roll(&d, 1u << 31) << 33 ^ (uint64_t)roll(&d, 1u << 31) << 8 ^ roll(&d, 256);
        double value, back;

        memcpy(&value, &bits, sizeof value);
        buf_clear(&out);
        num_repr_double(&out, value);
        assert_true(num_parse_double(out.data, out.len, &back));
        assert_true(back == value || (back != back && value != value));
    }
    buf_release(&out);
}

static int utf8_locale(void **state)
{
    (void)state;
    return setlocale(LC_ALL, "C.UTF-8") == NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping),  cmocka_unit_test(stepping), cmocka_unit_test(utf8),
        cmocka_unit_test(addresses), cmocka_unit_test(secrets),  cmocka_unit_test(xml),
        cmocka_unit_test(numbers),   cmocka_unit_test(floats),
    };

    return cmocka_run_group_tests_name("base fuzz", tests, utf8_locale, NULL);
}

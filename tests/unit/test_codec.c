/* The codec layer: what begins how, decoding in pieces of every size, members, what follows, what
 * breaks; and writing a stream like the one that was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/codec.h>
#include <pklbrowse/mem.h>

/* One pickle of protocol 4 ({"name": "John", ...}), as Python and the usual tools wrap it. */
static const uint8_t plain[] = {
    0x80, 0x04, 0x95, 0x2d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7d, 0x94, 0x28,
    0x8c, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x94, 0x8c, 0x04, 0x4a, 0x6f, 0x68, 0x6e, 0x94,
    0x8c, 0x03, 0x61, 0x67, 0x65, 0x94, 0x4b, 0x1e, 0x8c, 0x04, 0x63, 0x69, 0x74, 0x79,
    0x94, 0x8c, 0x08, 0x4e, 0x65, 0x77, 0x20, 0x59, 0x6f, 0x72, 0x6b, 0x94, 0x75, 0x2e,
};
static const uint8_t gzip_bytes[] = {
    0x1f, 0x8b, 0x08, 0x1e, 0xd2, 0x02, 0x96, 0x49, 0x02, 0x03, 0x06, 0x00, 0x41, 0x42, 0x02,
    0x00, 0x78, 0x79, 0x6a, 0x6f, 0x68, 0x6e, 0x2e, 0x70, 0x6b, 0x6c, 0x00, 0x61, 0x20, 0x63,
    0x6f, 0x6d, 0x6d, 0x65, 0x6e, 0x74, 0x00, 0x0e, 0x45, 0x6b, 0x60, 0x99, 0xaa, 0xcb, 0x00,
    0x01, 0xb5, 0x53, 0x34, 0x7a, 0x58, 0xf2, 0x12, 0x73, 0x53, 0xa7, 0xf4, 0xb0, 0x78, 0xe5,
    0x67, 0xe4, 0x4d, 0xe9, 0x61, 0x4e, 0x4c, 0x4f, 0x9d, 0xe2, 0x2d, 0xd7, 0xc3, 0x92, 0x9c,
    0x59, 0x52, 0x39, 0xa5, 0x87, 0xc3, 0x2f, 0xb5, 0x5c, 0x21, 0x32, 0xbf, 0x28, 0x7b, 0x4a,
    0xa9, 0x1e, 0x00, 0x56, 0x35, 0x5f, 0x0e, 0x38, 0x00, 0x00, 0x00,
};
static const uint8_t zlib_bytes[] = {
    0x78, 0xda, 0x6b, 0x60, 0x99, 0xaa, 0xcb, 0x00, 0x01, 0xb5, 0x53, 0x34, 0x7a, 0x58, 0xf2,
    0x12, 0x73, 0x53, 0xa7, 0xf4, 0xb0, 0x78, 0xe5, 0x67, 0xe4, 0x4d, 0xe9, 0x61, 0x4e, 0x4c,
    0x4f, 0x9d, 0xe2, 0x2d, 0xd7, 0xc3, 0x92, 0x9c, 0x59, 0x52, 0x39, 0xa5, 0x87, 0xc3, 0x2f,
    0xb5, 0x5c, 0x21, 0x32, 0xbf, 0x28, 0x7b, 0x4a, 0xa9, 0x1e, 0x00, 0xcf, 0x0d, 0x12, 0x48,
};
static const uint8_t bzip2_bytes[] = {
    0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0x75, 0xb0, 0xcf, 0x77, 0x00,
    0x00, 0x14, 0xf7, 0xe0, 0x4c, 0x40, 0x00, 0x01, 0x40, 0x43, 0x00, 0x19, 0x00, 0x20, 0x2a,
    0xeb, 0x96, 0xa2, 0x40, 0x04, 0x06, 0x00, 0x20, 0x00, 0x41, 0x9b, 0x44, 0x3d, 0x41, 0xa1,
    0xea, 0x00, 0x3c, 0x26, 0xa1, 0x8c, 0x26, 0x26, 0x4c, 0x04, 0xc0, 0x00, 0x21, 0x06, 0x00,
    0x83, 0x04, 0xd2, 0x8e, 0xd8, 0x4b, 0x1c, 0xa6, 0x76, 0x6d, 0xd9, 0xf4, 0x9e, 0x2c, 0x84,
    0xfd, 0xf8, 0x50, 0x91, 0x89, 0x6b, 0xa9, 0x16, 0x2e, 0x34, 0xe6, 0x2e, 0x5f, 0x8b, 0xb9,
    0x22, 0x9c, 0x28, 0x48, 0x3a, 0xd8, 0x67, 0xbb, 0x80,
};
static const uint8_t xz_bytes[] = {
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01,
    0x10, 0x00, 0x00, 0x00, 0xa8, 0x70, 0x8e, 0x86, 0x01, 0x00, 0x37, 0x80, 0x04, 0x95, 0x2d, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7d, 0x94, 0x28, 0x8c, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x94,
    0x8c, 0x04, 0x4a, 0x6f, 0x68, 0x6e, 0x94, 0x8c, 0x03, 0x61, 0x67, 0x65, 0x94, 0x4b, 0x1e, 0x8c,
    0x04, 0x63, 0x69, 0x74, 0x79, 0x94, 0x8c, 0x08, 0x4e, 0x65, 0x77, 0x20, 0x59, 0x6f, 0x72, 0x6b,
    0x94, 0x75, 0x2e, 0x00, 0x82, 0x9c, 0x3b, 0xbb, 0x16, 0x33, 0xea, 0x4d, 0x00, 0x01, 0x50, 0x38,
    0xe1, 0x50, 0x3f, 0xb2, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
};
static const uint8_t lzma_bytes[] = {
    0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x40,
    0x01, 0x0e, 0x70, 0x43, 0x56, 0x28, 0xc2, 0xf4, 0xf5, 0xdc, 0x80, 0x2c, 0xd9, 0xf3, 0xaf,
    0x18, 0x0e, 0xcf, 0x72, 0x9a, 0xca, 0x9d, 0x9b, 0x65, 0x7b, 0xa0, 0xeb, 0xa5, 0x1c, 0x13,
    0xf0, 0x1a, 0x74, 0xa2, 0xdc, 0x4c, 0x35, 0x00, 0x61, 0x01, 0xdd, 0xe2, 0xdc, 0x49, 0xfc,
    0x99, 0x00, 0xd9, 0x7c, 0x7b, 0x1a, 0x30, 0x4d, 0x78, 0x67, 0xff, 0xa3, 0xeb, 0x20, 0x00,
};
static const uint8_t zstd_bytes[] = {
    0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0xc1, 0x01, 0x00, 0x80, 0x04, 0x95, 0x2d, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7d, 0x94, 0x28, 0x8c, 0x04, 0x6e, 0x61, 0x6d,
    0x65, 0x94, 0x8c, 0x04, 0x4a, 0x6f, 0x68, 0x6e, 0x94, 0x8c, 0x03, 0x61, 0x67, 0x65,
    0x94, 0x4b, 0x1e, 0x8c, 0x04, 0x63, 0x69, 0x74, 0x79, 0x94, 0x8c, 0x08, 0x4e, 0x65,
    0x77, 0x20, 0x59, 0x6f, 0x72, 0x6b, 0x94, 0x75, 0x2e, 0x86, 0xdc, 0x13, 0x60,
};
static const uint8_t lz4_bytes[] = {
    0x04, 0x22, 0x4d, 0x18, 0x74, 0x40, 0xbd, 0x37, 0x00, 0x00, 0x00, 0x52, 0x80, 0x04, 0x95, 0x2d,
    0x00, 0x01, 0x00, 0xf0, 0x1e, 0x7d, 0x94, 0x28, 0x8c, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x94, 0x8c,
    0x04, 0x4a, 0x6f, 0x68, 0x6e, 0x94, 0x8c, 0x03, 0x61, 0x67, 0x65, 0x94, 0x4b, 0x1e, 0x8c, 0x04,
    0x63, 0x69, 0x74, 0x79, 0x94, 0x8c, 0x08, 0x4e, 0x65, 0x77, 0x20, 0x59, 0x6f, 0x72, 0x6b, 0x94,
    0x75, 0x2e, 0x97, 0x4a, 0x93, 0x08, 0x00, 0x00, 0x00, 0x00, 0xe9, 0xc7, 0x52, 0x59,
};

static const struct sample {
    enum codec_kind kind;
    const uint8_t *bytes;
    size_t len;
    bool members; /* several may follow each other */
    bool checked; /* it has a checksum */
} samples[] = {
    {CODEC_GZIP, gzip_bytes, sizeof gzip_bytes, true, true},
    {CODEC_ZLIB, zlib_bytes, sizeof zlib_bytes, false, true},
    {CODEC_BZIP2, bzip2_bytes, sizeof bzip2_bytes, true, true},
    {CODEC_XZ, xz_bytes, sizeof xz_bytes, true, true},
    {CODEC_LZMA, lzma_bytes, sizeof lzma_bytes, false, false},
    {CODEC_ZSTD, zstd_bytes, sizeof zstd_bytes, true, true},
    {CODEC_LZ4, lz4_bytes, sizeof lz4_bytes, true, true},
};
#define SAMPLES (sizeof samples / sizeof samples[0])

static uint64_t seed = 1;

static uint64_t rnd(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* --- decoding into memory ------------------------------------------------------------------- */

struct result {
    uint8_t *out;
    size_t len;
    enum pb_err err;
    struct error error;
    uint64_t end, members;
    bool done;
};

enum feed { WHOLE, BYTES, RANDOM };

static size_t portion(int how, size_t left)
{
    size_t n = how == WHOLE ? left : how == BYTES ? 1 : (size_t)rnd(40);

    return n < left ? n : left;
}

static struct result decode(enum codec_kind kind, const uint8_t *p, size_t n, int in, int out,
                            uint64_t limit)
{
    struct result r = {.out = malloc(4 << 20)};
    struct codec_decoder *d;
    size_t at = 0;
    bool last = false;

    assert_non_null(r.out);
    assert_int_equal(codec_decoder_new(kind, limit, &d, &r.error), PB_OK);
    while (r.err == PB_OK && !codec_decoder_done(d)) {
        size_t give = portion(in, n - at), room = portion(out, (4u << 20) - r.len);
        struct codec_io io = {p + at, give, r.out + r.len, room};

        last = at + give == n;
        r.err = codec_decode(d, &io, last, &r.error);
        at += give - io.in_len;
        r.len += room - io.out_len;
    }
    r.end = codec_decoder_end(d);
    r.members = codec_decoder_members(d);
    r.done = codec_decoder_done(d);
    codec_decoder_free(d);
    return r;
}

static void expect_plain(const struct result *r, size_t times)
{
    assert_int_equal(r->err, PB_OK);
    assert_int_equal(r->len, times * sizeof plain);
    for (size_t i = 0; i < times; i++)
        assert_memory_equal(r->out + i * sizeof plain, plain, sizeof plain);
}

static uint8_t *joined(const uint8_t *a, size_t n, const uint8_t *b, size_t m)
{
    uint8_t *both = malloc(n + m + 1);

    assert_non_null(both);
    memcpy(both, a, n);
    if (m > 0)
        memcpy(both + n, b, m);
    return both;
}

static void test_decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (int in = WHOLE; in <= RANDOM; in++) {
            for (int out = WHOLE; out <= RANDOM; out++) {
                struct result r =
                    decode(samples[i].kind, samples[i].bytes, samples[i].len, in, out, 0);

                expect_plain(&r, 1);
                assert_int_equal(r.end, samples[i].len);
                assert_int_equal(r.members, 1);
                free(r.out);
            }
        }
    }
}

/* Cut anywhere it says so, and what came out is the beginning. */
static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t cut = 0; cut < samples[i].len; cut++) {
            struct result r = decode(samples[i].kind, samples[i].bytes, cut, RANDOM, RANDOM, 0);

            assert_int_equal(r.err, PB_EPICKLE);
            assert_non_null(strstr(r.error.msg, "cut off"));
            assert_non_null(strstr(r.error.msg, codec_name(samples[i].kind)));
            assert_true(r.len <= sizeof plain);
            assert_memory_equal(r.out, plain, r.len);
            free(r.out);
        }
    }
}

/* Any byte changed: it is told, or nothing that counts was changed. */
static void test_every_byte_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t told = 0;

        for (size_t at = 0; at < samples[i].len; at++) {
            uint8_t *bad = joined(samples[i].bytes, samples[i].len, NULL, 0);
            struct result r;

            bad[at] ^= 0x55;
            r = decode(samples[i].kind, bad, samples[i].len, WHOLE, RANDOM, 0);
            told += r.err != PB_OK;
            if (r.err == PB_OK && samples[i].checked && r.end == samples[i].len)
                expect_plain(&r, 1);
            free(r.out);
            free(bad);
        }
        assert_true(told > samples[i].len / 2);
    }
}

static void test_checksum(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t *bad;
        struct result r;
        size_t at = samples[i].kind == CODEC_GZIP  ? samples[i].len - 6
                    : samples[i].kind == CODEC_XZ  ? samples[i].len - 10
                    : samples[i].kind == CODEC_LZ4 ? samples[i].len - 1
                                                   : samples[i].len - 2;

        if (!samples[i].checked)
            continue;
        bad = joined(samples[i].bytes, samples[i].len, NULL, 0);
        bad[at] ^= 1;
        r = decode(samples[i].kind, bad, samples[i].len, BYTES, BYTES, 0);
        assert_int_equal(r.err, PB_EPICKLE);
        assert_non_null(strstr(r.error.msg, ", byte "));
        free(r.out);
        free(bad);
    }
}

static void test_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        uint8_t *two = joined(s->bytes, s->len, s->bytes, s->len);

        for (int in = WHOLE; in <= RANDOM; in++) {
            struct result r = decode(s->kind, two, 2 * s->len, in, RANDOM, 0);

            expect_plain(&r, s->members ? 2 : 1);
            assert_int_equal(r.members, s->members ? 2 : 1);
            assert_int_equal(r.end, s->members ? 2 * s->len : s->len);
            free(r.out);
        }
        /* The second one breaks: what the first one held is there. */
        for (size_t cut = s->len + 17; cut < 2 * s->len && s->members; cut++) {
            struct result r = decode(s->kind, two, cut, RANDOM, RANDOM, 0);

            assert_int_equal(r.err, PB_EPICKLE);
            assert_int_equal(r.members, 1);
            assert_int_equal(r.end, s->len);
            assert_true(r.len >= sizeof plain);
            free(r.out);
        }
        free(two);
    }
}

static void test_trailing(void **state)
{
    static const char *const tails[] = {
        "x", "signature MFkw\n", "\0\0\0", "\0\0\0\0\0\0\0\0", "BZ", "\x1f", "\x28\xb5"};
    static const size_t lens[] = {1, 15, 3, 8, 2, 1, 2};

    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t t = 0; t < sizeof lens / sizeof lens[0]; t++) {
            uint8_t *all =
                joined(samples[i].bytes, samples[i].len, (const uint8_t *)tails[t], lens[t]);

            for (int in = WHOLE; in <= RANDOM; in++) {
                struct result r =
                    decode(samples[i].kind, all, samples[i].len + lens[t], in, WHOLE, 0);

                expect_plain(&r, 1);
                assert_int_equal(r.end, samples[i].len);
                free(r.out);
            }
            free(all);
        }
    }
}

/* xz: zeros by four between two streams are nothing; otherwise the rest is no stream. */
static void test_xz_padding(void **state)
{
    const struct sample *s = &samples[3];

    (void)state;
    assert_int_equal(s->kind, CODEC_XZ);
    for (size_t zeros = 0; zeros <= 9; zeros++) {
        uint8_t padding[9] = {0};
        uint8_t *first = joined(s->bytes, s->len, padding, zeros);
        uint8_t *all = joined(first, s->len + zeros, s->bytes, s->len);
        struct result r = decode(CODEC_XZ, all, 2 * s->len + zeros, RANDOM, RANDOM, 0);

        expect_plain(&r, zeros % 4 == 0 ? 2 : 1);
        assert_int_equal(r.end, zeros % 4 == 0 ? 2 * s->len + zeros : s->len);
        free(r.out);
        free(all);
        free(first);
    }
}

/* --- what begins how ------------------------------------------------------------------------ */

static void test_detect(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum codec_kind kind;
    } rows[] = {
        {"", 0, CODEC_NONE},
        {"\x80\x04K\x01.", 5, CODEC_NONE},
        {"(S'a'\ntp0\n.", 11, CODEC_NONE}, /* 28 53: a zlib header, too */
        {"X\x09\0\0\0aaaaaaaaa.", 15, CODEC_NONE},
        {"].", 2, CODEC_NONE},
        {"]\x94.", 3, CODEC_NONE},
        {"BZh9\0", 5, CODEC_NONE}, /* BINBYTES */
        {"x\x9c", 2, CODEC_ZLIB},
        {"x\x9d", 2, CODEC_NONE},
        {"x\xbb", 2, CODEC_NONE},  /* with a dictionary */
        {"h\x05.", 3, CODEC_NONE}, /* BINGET 5, which has the checksum of a header */
        {"h\x05K\x01.", 5, CODEC_NONE},
        {"h\xde", 2, CODEC_NONE},
        {"h\xde\x63\x00\x00\x00\x01\x00\x01", 9, CODEC_ZLIB}, /* one zero */
        {"h\xde\x03\x00\x00\x00\x00\x01", 8, CODEC_ZLIB},     /* nothing */
        {"\x1f\x8b\x08\x00", 4, CODEC_GZIP},
        {"\x1f\x8b\x08\xe0", 4, CODEC_NONE},
        {"\x1f\x8b\x07\x00", 4, CODEC_NONE},
        {"\xfd"
         "7zXZ\0",
         6, CODEC_XZ},
        {"\x04\x22\x4d\x18", 4, CODEC_LZ4},
        {"\x28\xb5\x2f\xfd", 4, CODEC_ZSTD},
        {"\x93NUMPY\x01\0", 8, CODEC_NPY},
        {"PK\3\4nothing of the kind, but a text", 35, CODEC_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(codec_detect(rows[i].bytes, rows[i].n, true), rows[i].kind);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_int_equal(codec_detect(samples[i].bytes, samples[i].len, true), samples[i].kind);
    assert_int_equal(codec_detect("\x1f", 1, false), CODEC_UNDECIDED);
    assert_int_equal(codec_detect("h\xde", 2, false), CODEC_UNDECIDED);
    assert_int_equal(codec_detect("h\x05.", 3, false), CODEC_NONE);
    assert_int_equal(codec_detect("I1\n.", 4, false), CODEC_UNDECIDED);
    assert_int_equal(codec_detect("\x80\x02", 2, false), CODEC_NONE);
}

/* --- limits --------------------------------------------------------------------------------- */

static uint8_t *encode(const struct codec_shape *shape, const uint8_t *p, size_t n, int in,
                       size_t *len)
{
    size_t cap = n + n / 8 + 4096, at = 0;
    uint8_t *out = malloc(cap);
    struct codec_encoder *c;

    assert_non_null(out);
    *len = 0;
    assert_int_equal(codec_encoder_new(shape, n, &c, NULL), PB_OK);
    while (!codec_encoder_done(c)) {
        size_t give = portion(in, n - at), room = portion(in == WHOLE ? WHOLE : RANDOM, cap - *len);
        struct codec_io io = {p + at, give, out + *len, room};

        assert_int_equal(codec_encode(c, &io, at + give == n, NULL), PB_OK);
        at += give - io.in_len;
        *len += room - io.out_len;
        assert_true(*len < cap);
    }
    assert_int_equal(at, n);
    codec_encoder_free(c);
    return out;
}

static struct codec_shape *shape_of(const struct sample *s)
{
    struct source *src = source_mem(s->bytes, s->len, false);
    struct codec_shape *shape;
    struct error e;

    assert_non_null(src);
    assert_int_equal(codec_shape_read(s->kind, src, &shape, &e), PB_OK);
    source_free(src);
    return shape;
}

static void test_bomb(void **state)
{
    size_t n = 1 << 20, len;
    uint8_t *zeros = calloc(n, 1);

    (void)state;
    assert_non_null(zeros);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct codec_shape *shape = shape_of(&samples[i]);
        uint8_t *small = encode(shape, zeros, n, WHOLE, &len);
        struct result r = decode(samples[i].kind, small, len, WHOLE, WHOLE, n);

        assert_true(len < n / 50);
        assert_int_equal(r.err, PB_OK);
        assert_int_equal(r.len, n);
        free(r.out);
        r = decode(samples[i].kind, small, len, WHOLE, RANDOM, n / 2);
        assert_int_equal(r.err, PB_ELIMIT);
        assert_non_null(strstr(r.error.msg, "--decode-limit"));
        assert_true(r.len <= n / 2 + 64);
        free(r.out);
        free(small);
        codec_shape_free(shape);
    }
    free(zeros);
}

/* A window that nobody should have to find memory for. */
static void test_window(void **state)
{
    static const uint8_t xz_lzma[] = {0x5d, 0,    0,    0,    0x80, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0,    1,    2};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0};
    struct result r = decode(CODEC_LZMA, xz_lzma, sizeof xz_lzma, WHOLE, WHOLE, 0);

    (void)state;
    assert_int_equal(r.err, PB_ELIMIT);
    free(r.out);
    r = decode(CODEC_ZSTD, zstd, sizeof zstd, WHOLE, WHOLE, 0);
    assert_int_equal(r.err, PB_ELIMIT);
    free(r.out);
}

/* --- writing again -------------------------------------------------------------------------- */

/* Bytes that are neither random nor all alike. */
static uint8_t *mixed(size_t n)
{
    uint8_t *p = malloc(n + 1);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = rnd(4) == 0 ? (uint8_t)rnd(256) : (uint8_t)(i / 64);
    return p;
}

static void test_encodes(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 1000, 65536, 300000};

    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct codec_shape *shape = shape_of(&samples[i]);

        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            for (int in = WHOLE; in <= RANDOM; in += 2) {
                size_t len;
                uint8_t *p = mixed(sizes[k]), *out = encode(shape, p, sizes[k], in, &len);
                struct result r = decode(samples[i].kind, out, len, RANDOM, WHOLE, 0);

                assert_int_equal(codec_detect(out, len, true), samples[i].kind);
                assert_int_equal(r.err, PB_OK);
                assert_int_equal(r.len, sizes[k]);
                assert_memory_equal(r.out, p, sizes[k]);
                assert_int_equal(r.end, len);
                free(r.out);
                free(out);
                free(p);
            }
        }
        codec_shape_free(shape);
    }
}

/* The header says what the one before said. */
static void test_same_header(void **state)
{
    static const size_t heads[] = {45, 2, 4, 12, 13, 0, 6};

    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct codec_shape *shape = shape_of(&samples[i]);
        size_t len;
        uint8_t *out = encode(shape, plain, sizeof plain, WHOLE, &len);

        assert_memory_equal(out, samples[i].bytes, heads[i]);
        if (samples[i].kind == CODEC_ZSTD) /* checksum: yes */
            assert_int_equal(out[4] & 4, samples[i].bytes[4] & 4);
        if (samples[i].kind == CODEC_XZ) /* the same dictionary */
            assert_int_equal(out[16], samples[i].bytes[16]);
        free(out);
        codec_shape_free(shape);
    }
}

/* --- between two sources -------------------------------------------------------------------- */

static void bytes_of(struct source *s, struct buf *out)
{
    struct sink to = sink_buf(out);

    buf_init(out, 16 << 20);
    assert_int_equal(source_copy(s, 0, s->size, &to, NULL), PB_OK);
}

static void test_layer(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t *all = joined(samples[i].bytes, samples[i].len, (const uint8_t *)"tail", 4);
        struct source *stored;
        struct source *fresh = source_mem("I1\n.", 4, false);
        struct codec_layer *l;
        struct codec_wrap *w;
        struct buf got;
        struct result r;
        bool done = false;

        assert_int_equal(source_spool(0, &stored, NULL), PB_OK);
        assert_int_equal(codec_layer_new(stored, samples[i].kind, NULL, 0, 0, &l, NULL), PB_OK);
        for (size_t at = 0; at < samples[i].len + 4; at++) {
            enum pb_err err = codec_layer_step(l, 1000, &done, NULL);

            assert_true(err == PB_EAGAIN || (err == PB_OK && (done || at > 0)));
            assert_int_equal(source_spool_append(stored, all + at, 1, NULL), PB_OK);
        }
        source_spool_done(stored);
        while (!done)
            assert_int_equal(codec_layer_step(l, 1000, &done, NULL), PB_OK);
        bytes_of(codec_layer_plain(l), &got);
        assert_int_equal(got.len, sizeof plain);
        assert_memory_equal(got.data, plain, got.len);
        buf_release(&got);

        assert_int_equal(codec_wrap_new(l, fresh, &w, NULL), PB_OK);
        for (done = false; !done;)
            assert_int_equal(codec_wrap_step(w, 3, &done, NULL), PB_OK);
        bytes_of(codec_wrap_result(w), &got);
        assert_memory_equal(got.data + got.len - 4, "tail", 4);
        r = decode(samples[i].kind, (uint8_t *)got.data, got.len, WHOLE, WHOLE, 0);
        assert_int_equal(r.err, PB_OK);
        assert_int_equal(r.len, 4);
        assert_memory_equal(r.out, "I1\n.", 4);
        assert_int_equal(r.end, got.len - 4);
        free(r.out);
        buf_release(&got);
        codec_wrap_free(w);
        codec_layer_free(l);
        source_free(stored);
        source_free(fresh);
        free(all);
    }
}

/* What breaks half-way leaves what came before it, and says the same again. */
static void test_layer_breaks(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct source *stored = source_mem(samples[i].bytes, samples[i].len - 1, false);
        struct codec_layer *l;
        struct error e;
        bool done = false;
        enum pb_err err = PB_OK;

        assert_int_equal(codec_layer_new(stored, samples[i].kind, NULL, 0, 0, &l, NULL), PB_OK);
        while (err == PB_OK && !done)
            err = codec_layer_step(l, 1000, &done, NULL);
        assert_int_equal(err, PB_EPICKLE);
        assert_int_equal(codec_layer_step(l, 1000, &done, &e), PB_EPICKLE);
        assert_false(done);
        assert_non_null(strstr(e.msg, "cut off"));
        assert_int_equal(codec_layer_plain(l)->size, codec_layer_plain(l)->here);
        codec_layer_free(l);
        source_free(stored);
    }
}

/* Whichever allocation of ours fails, it is said and nothing leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (long n = 1; n < 4; n++) {
            struct source *stored = source_mem(samples[i].bytes, samples[i].len, false);
            struct codec_layer *l = NULL;
            bool done = false;
            enum pb_err err;

            mem_fail_after(n);
            err = codec_layer_new(stored, samples[i].kind, NULL, 0, 0, &l, NULL);
            while (err == PB_OK && !done)
                err = codec_layer_step(l, 1000, &done, NULL);
            mem_fail_after(-1);
            assert_true(err == PB_ENOMEM || err == PB_OK);
            codec_layer_free(l);
            source_free(stored);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_xz_padding),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_encodes),
        cmocka_unit_test(test_same_header),
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_layer_breaks),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

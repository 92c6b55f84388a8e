/*
 * Any bytes as something compressed or an archive: refused with a reason, or decoded to the same
 * whatever pieces it comes in; and what can be written again reads as what was put in.
 */
#include <string.h>

#include <pklbrowse/codec.h>

#include "fuzz.h"

#define LIMIT ((uint64_t)1 << 20) /* of what comes out: bombs are cheap to make */

static uint64_t sum(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

/* A digest of what comes out; *end: where the stream ends, *err how. */
static uint64_t decode(enum codec_kind kind, const uint8_t *data, size_t size, uint64_t seed,
                       enum pb_err *err, uint64_t *end)
{
    struct codec_decoder *d;
    uint8_t room[4096];
    uint64_t h = 14695981039346656037u;
    struct error e = {0};
    size_t at = 0;

    MUST(codec_decoder_new(kind, LIMIT, &d, &e) == PB_OK, e.msg);
    do {
        size_t in = seed == 0 ? size - at : fuzz_random(&seed) % 64;
        size_t out = seed == 0 ? sizeof room : fuzz_random(&seed) % sizeof room + 1;
        struct codec_io io = {data + at, in < size - at ? in : size - at, room, out};
        size_t given = io.in_len;

        *err = codec_decode(d, &io, at + given == size, &e);
        MUST(io.in_len <= given && io.out_len <= out, "within its bounds");
        h = sum(h, room, out - io.out_len);
        at += given - io.in_len;
    } while (*err == PB_OK && !codec_decoder_done(d));
    MUST(*err == PB_OK || *err == PB_EPICKLE || *err == PB_ELIMIT || *err == PB_EUNSUPPORTED,
         e.msg);
    MUST(*err == PB_OK || e.msg[0] != '\0', "a reason");
    *end = codec_decoder_end(d);
    MUST(*end <= size, "inside");
    codec_decoder_free(d);
    return *err == PB_OK ? h : 0;
}

static void check_stream(enum codec_kind kind, const uint8_t *data, size_t size)
{
    uint64_t seed = size + 1, end, other_end;
    enum pb_err err, other;
    uint64_t whole = decode(kind, data, size, 0, &err, &end);
    uint64_t pieces = decode(kind, data, size, seed, &other, &other_end);

    /* A limit may be met a little earlier or later. */
    MUST((err == PB_OK) == (other == PB_OK), "the same in pieces");
    MUST(whole == pieces && (err != PB_OK || end == other_end), "the same bytes in pieces");
}

/* PB_OK: all of it came. */
static enum pb_err run(struct codec_layer *l)
{
    struct error e = {0};
    bool done = false;
    enum pb_err err = PB_OK;

    while (err == PB_OK && !done)
        err = codec_layer_step(l, 65536, &done, &e);
    MUST(err != PB_EAGAIN && err != PB_EIO, e.msg);
    return err;
}

static void check_again(enum codec_kind kind, struct source *stored, struct source *plain)
{
    struct codec_layer *l;
    struct error e = {0};
    const uint8_t *p, *q;
    size_t n, m;

    MUST(codec_layer_new(stored, kind, NULL, 0, LIMIT, &l, &e) == PB_OK, e.msg);
    MUST(run(l) == PB_OK, "reads again");
    MUST(source_view(codec_layer_plain(l), 0, 4096, &p, &n, &e) == PB_OK, e.msg);
    MUST(source_view(plain, 0, 4096, &q, &m, &e) == PB_OK, e.msg);
    MUST(n == m && memcmp(p, q, n) == 0, "what was put in");
    codec_layer_free(l);
}

static void check_layer(enum codec_kind kind, const uint8_t *data, size_t size)
{
    struct source *stored = fuzz_source(data, size), *plain = fuzz_source("\x80\x02K\x01.", 5);
    struct codec_layer *l;
    struct codec_wrap *w;
    struct error e = {0};
    bool done = false;

    MUST(codec_layer_new(stored, kind, NULL, 0, LIMIT, &l, &e) == PB_OK, e.msg);
    if (run(l) == PB_OK && codec_layer_fixed(l) == NULL &&
        codec_wrap_new(l, plain, &w, &e) == PB_OK) {
        enum pb_err err = PB_OK;

        while (err == PB_OK && !done)
            err = codec_wrap_step(w, 65536, &done, &e);
        MUST(err == PB_OK || err == PB_EREFUSED || err == PB_ELIMIT || err == PB_EPICKLE, e.msg);
        if (err == PB_OK)
            check_again(kind, codec_wrap_result(w), plain);
        codec_wrap_free(w);
    }
    codec_layer_free(l);
    source_free(stored);
    source_free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum codec_kind kind = codec_detect(data, size, true);

    MUST(kind != CODEC_UNDECIDED, "all is here");
    if (kind >= CODEC_GZIP && kind <= CODEC_LZ4)
        check_stream(kind, data, size);
    if (kind != CODEC_NONE)
        check_layer(kind, data, size);
    return 0;
}

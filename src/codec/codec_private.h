/*
 * What the files of src/codec share: a row for each compression, with the functions that its
 * library needs.  Each has its own file; nothing else knows the library.
 */
#ifndef PKLBROWSE_CODEC_PRIVATE_H
#define PKLBROWSE_CODEC_PRIVATE_H

#include <pklbrowse/codec.h>

/* What the header of a stream says of how it was made. */
struct codec_shape {
    enum codec_kind kind;
    const struct codec_format *format;
    struct buf head; /* gzip: the header's bytes, to be written again */
    int level;
    union {
        struct {
            int check; /* a lzma_check */
            uint32_t dict, lc, lp, pb;
        } lzma;
        struct {
            int window_log;
            bool checksum, size;
        } zstd;
        struct {
            int block_size, independent, content_sum, block_sum;
            bool size;
        } lz4;
    } of;
};

/* state: what start() made; start() and stop() are called for every member. */
struct decode_ops {
    enum pb_err (*start)(void **state, struct error *e);
    /* Takes and makes.  ended: the member is over, io->in stands behind it. */
    enum pb_err (*run)(void *state, struct codec_io *io, bool *ended, struct error *e);
    void (*stop)(void *state);
};
struct encode_ops {
    /* p: the first n bytes of the stream, which has been decoded without an error. */
    enum pb_err (*shape)(struct codec_shape *s, const uint8_t *p, size_t n, struct error *e);
    enum pb_err (*start)(const struct codec_shape *s, uint64_t size, void **state, struct error *e);
    /* last: io has no bytes, and none follow. */
    enum pb_err (*run)(void *state, struct codec_io *io, bool last, bool *ended, struct error *e);
    void (*stop)(void *state);
};

#define FORMAT_PROBE_MAX 16u
struct codec_format {
    const char *name;
    size_t probe; /* bytes that tell whether a stream begins */
    bool (*begins)(const uint8_t *p);
    size_t again;                      /* bytes that tell whether a further member does */
    bool (*follows)(const uint8_t *p); /* NULL: there is only one */
    bool padded;                       /* zeros, by four, may stand between members */
    const struct decode_ops *decode;
    const struct encode_ops *encode;
};
/* NULL: no compression. */
const struct codec_format *codec_format(enum codec_kind kind);

extern const struct decode_ops gzip_decode, zlib_decode, bzip2_decode, xz_decode, lzma_decode,
    zstd_decode, lz4_decode;
extern const struct encode_ops gzip_encode, zlib_encode, bzip2_encode, xz_encode, lzma_encode,
    zstd_encode, lz4_encode;

/* PB_EPICKLE.  Which stream and where in it is added by the decoder. */
enum pb_err codec_broken(struct error *e, const char *why);
/* As much of a length as fits where a library counts in unsigned int. */
unsigned codec_uint(size_t n);
void codec_moved(struct codec_io *io, size_t taken, size_t made);

static inline uint32_t codec_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t codec_le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

#endif

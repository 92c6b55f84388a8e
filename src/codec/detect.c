/*
 * Which wrapping begins here, by its first bytes.
 *
 * Most magic numbers begin with a byte that is no opcode, so no pickle looks like one.  The others:
 *   zlib      78 is no opcode; the rarer first bytes 28 and 58 (smaller windows) are MARK and
 *             BINUNICODE, and stay a pickle's; 68 is BINGET, with which no pickle begins
 *             that stands alone: it is zlib's when it really inflates
 *   lzma      5d is EMPTY_LIST, but the byte behind it is 00, which is no opcode
 *   bzip2     BINBYTES of 800 MB; the ten bytes of its magic together are no accident
 *   zip, tar  a header with more than a magic: it must make sense
 */
#include <string.h>

#include "codec_private.h"

#define TAR_BLOCK 512u
#define NPY_PROBE 8u
#define ZIP_PROBE 30u
#define ZIP_EMPTY 22u

static bool gzip_begins(const uint8_t *p)
{
    return p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && (p[3] & 0xe0) == 0;
}

static bool zlib_begins(const uint8_t *p)
{
    bool mine = p[0] == 0x08 || p[0] == 0x18 || p[0] == 0x38 || p[0] == 0x48 || p[0] == 0x68 ||
                p[0] == 0x78;

    return mine && (p[0] * 256u + p[1]) % 31 == 0 && (p[1] & 0x20) == 0;
}

/* What looks like a header of zlib is BINGET with some slot, unless these bytes inflate: to the end
 * if they are all there are. */
static enum codec_kind zlib_or_binget(const uint8_t *p, size_t n, bool end)
{
    uint8_t out[64];
    struct codec_io io = {.in = p, .in_len = n, .out = out, .out_len = sizeof out};
    void *state = NULL;
    struct error why;
    bool ended = false;
    enum pb_err err = zlib_decode.start(&state, &why);

    if (err != PB_OK)
        return CODEC_NONE;
    err = zlib_decode.run(state, &io, &ended, &why);
    zlib_decode.stop(state);
    if (err != PB_OK)
        return CODEC_NONE;
    if (ended || (n >= CODEC_PROBE && io.out_len < sizeof out))
        return CODEC_ZLIB;
    return end || n >= CODEC_PROBE ? CODEC_NONE : CODEC_UNDECIDED;
}

static bool bzip2_begins(const uint8_t *p)
{
    static const uint8_t block[] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
    static const uint8_t end[] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};

    return memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
           (memcmp(p + 4, block, 6) == 0 || memcmp(p + 4, end, 6) == 0);
}

static bool xz_begins(const uint8_t *p)
{
    static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};

    return memcmp(p, magic, sizeof magic) == 0;
}

/* Properties, dictionary size 2^n or 2^n + 2^(n-1), size of the content, and the first byte of the
 * range coder, which is 0. */
static bool lzma_begins(const uint8_t *p)
{
    static const uint8_t unknown[] = {255, 255, 255, 255, 255, 255, 255, 255};
    uint32_t lc = p[0] % 9u, lp = p[0] / 9u % 5u, dict = codec_le32(p + 1), top;

    if (p[0] >= 9 * 5 * 5 || lc + lp > 4 || p[1] != 0 || p[13] != 0 || dict < 4096)
        return false;
    for (top = 0x80000000u; (dict & top) == 0; top >>= 1)
        continue;
    if (dict != top && dict != (top | top >> 1))
        return false;
    return memcmp(p + 5, unknown, 8) == 0 || (p[10] == 0 && p[11] == 0 && p[12] == 0);
}

static bool is_skippable(const uint8_t *p)
{
    return (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18;
}

static bool zstd_magic(const uint8_t *p)
{
    return codec_le32(p) == 0xfd2fb528u;
}

/* pzstd writes a small skippable frame in front. */
static bool zstd_begins(const uint8_t *p)
{
    return zstd_magic(p) || (is_skippable(p) && codec_le32(p + 4) == 4 && zstd_magic(p + 12));
}

static bool zstd_follows(const uint8_t *p)
{
    return zstd_magic(p) || is_skippable(p);
}

static bool lz4_begins(const uint8_t *p)
{
    return codec_le32(p) == 0x184d2204u;
}

static bool lz4_follows(const uint8_t *p)
{
    return lz4_begins(p) || is_skippable(p);
}

static const struct codec_format formats[CODEC_UNDECIDED] = {
    [CODEC_GZIP] = {"gzip", 4, gzip_begins, 4, gzip_begins, false, &gzip_decode, &gzip_encode},
    [CODEC_ZLIB] = {"zlib", 2, zlib_begins, 0, NULL, false, &zlib_decode, &zlib_encode},
    [CODEC_BZIP2] = {"bzip2", 10, bzip2_begins, 10, bzip2_begins, false, &bzip2_decode,
                     &bzip2_encode},
    [CODEC_XZ] = {"xz", 6, xz_begins, 6, xz_begins, true, &xz_decode, &xz_encode},
    [CODEC_LZMA] = {"lzma", 14, lzma_begins, 0, NULL, false, &lzma_decode, &lzma_encode},
    [CODEC_ZSTD] = {"zstd", 16, zstd_begins, 4, zstd_follows, false, &zstd_decode, &zstd_encode},
    [CODEC_LZ4] = {"lz4", 4, lz4_begins, 4, lz4_follows, false, &lz4_decode, &lz4_encode},
};

const struct codec_format *codec_format(enum codec_kind kind)
{
    return kind < CODEC_UNDECIDED && formats[kind].decode != NULL ? &formats[kind] : NULL;
}

const char *codec_name(enum codec_kind kind)
{
    switch (kind) {
    case CODEC_ZIP:
        return "zip";
    case CODEC_TAR:
        return "tar";
    case CODEC_NPY:
        return "npy";
    default:
        return codec_format(kind) != NULL ? formats[kind].name : "";
    }
}

/* --- archives ------------------------------------------------------------------------------- */

/* A first member whose header makes sense. */
static bool zip_begins(const uint8_t *p)
{
    return memcmp(p, "PK\3\4", 4) == 0 && p[4] <= 63 && p[5] == 0 && codec_le16(p + 8) <= 99 &&
           codec_le16(p + 26) > 0;
}

static bool zip_is_empty(const uint8_t *p)
{
    return memcmp(p, "PK\5\6\0\0\0\0", 8) == 0;
}

static bool octal(const uint8_t *p, size_t n, uint32_t *out)
{
    size_t i = 0;

    *out = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        *out = *out * 8 + (uint32_t)(p[i] - '0');
    return i == n || p[i] == ' ' || p[i] == 0;
}

static bool tar_begins(const uint8_t *p)
{
    uint32_t sum = 0, wanted;

    if (memcmp(p + 257, "ustar", 5) != 0 || !octal(p + 148, 8, &wanted))
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : p[i];
    return sum == wanted;
}

/* The magic, and a version whose header we know. */
static bool npy_begins(const uint8_t *p)
{
    return memcmp(p, "\x93NUMPY", 6) == 0 && p[6] >= 1 && p[6] <= 3;
}

/* No wrapping begins so: PROTO and a protocol that there is. */
static bool pickle_begins(const uint8_t *p, size_t n)
{
    return n >= 2 && p[0] == 0x80 && p[1] <= 5;
}

enum codec_kind codec_detect(const void *bytes, size_t n, bool end)
{
    const uint8_t *p = bytes;
    uint8_t first[FORMAT_PROBE_MAX] = {0};

    if (pickle_begins(p, n))
        return CODEC_NONE;
    /* A short one may be all there is; zeros make no magic complete. */
    if (n > 0)
        memcpy(first, p, n < sizeof first ? n : sizeof first);
    if (first[0] == 0x68 && n >= 2 && zlib_begins(first))
        return zlib_or_binget(p, n, end);
    for (int kind = CODEC_GZIP; kind <= CODEC_LZ4; kind++) {
        if ((n >= formats[kind].probe || end) && formats[kind].begins(first))
            return (enum codec_kind)kind;
    }
    if ((n >= ZIP_PROBE && zip_begins(p)) || (n >= ZIP_EMPTY && zip_is_empty(p)))
        return CODEC_ZIP;
    if (n >= NPY_PROBE && npy_begins(p))
        return CODEC_NPY;
    if (n >= TAR_BLOCK && tar_begins(p))
        return CODEC_TAR;
    return n >= CODEC_PROBE || end ? CODEC_NONE : CODEC_UNDECIDED;
}

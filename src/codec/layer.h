/* What the files of a layer share: reading it, and writing it again. */
#ifndef PKLBROWSE_CODEC_LAYER_H
#define PKLBROWSE_CODEC_LAYER_H

#include "codec_private.h"

struct codec_layer {
    enum codec_kind kind;
    struct source *stored; /* borrowed */
    struct source *plain;
    uint64_t limit;
    bool done;
    enum pb_err failed; /* with error: plain has what came before it */
    struct error error;
    const char *fixed;
    uint64_t taken;

    struct codec_decoder *decoder; /* of a compression */
    bool full;                     /* it had no more room the last time */

    struct codec_archive *archive; /* being read */
    char *member;                  /* which, or NULL until that is known */
    size_t member_len;
    bool named;   /* by the caller */
    bool found;   /* it is the one that `archive` stands at */
    uint64_t at;  /* of its header, tar */
    size_t files; /* seen so far */
    size_t pickles;
    struct buf names; /* of the first of them, to be told */
};

/* archive_layer.c: as codec_layer_step(). */
enum pb_err archive_layer_step(struct codec_layer *l, size_t piece, struct error *e);
/* npy.c */
enum pb_err npy_layer_step(struct codec_layer *l, struct error *e);

/* Where the bytes of what is written come from. */
struct wrap_part {
    struct source *from; /* borrowed; NULL: those that are made */
    uint64_t at, len;
};
#define WRAP_PARTS 8
struct wrap_parts {
    struct wrap_part list[WRAP_PARTS];
    size_t count;
    struct buf bytes; /* of those that are made */
};
/* No part when it is empty. */
void wrap_add(struct wrap_parts *p, struct source *from, uint64_t at, uint64_t len);
/* The bytes of p->bytes from `at` on. */
void wrap_add_made(struct wrap_parts *p, size_t at);

/* tar.c, zip.c: may the member be written again with nothing lost?  PB_OK, and *why NULL or a
 * reason that lives for ever. */
enum pb_err tar_check(struct codec_layer *l, const char **why, struct error *e);
enum pb_err tar_parts(struct codec_layer *l, struct source *plain, struct wrap_parts *out,
                      struct error *e);
enum pb_err zip_check(struct codec_layer *l, const char **why, struct error *e);
/* How the member is compressed: 0 stored, else the level for deflate. */
enum pb_err zip_level(struct codec_layer *l, int *level, struct error *e);
/* body: its first `len` bytes go into the archive; size, crc: of what is in them. */
enum pb_err zip_parts(struct codec_layer *l, struct source *body, uint64_t len, uint64_t size,
                      uint32_t crc, struct wrap_parts *out, struct error *e);
uint32_t zip_crc(uint32_t crc, const void *p, size_t n);

/* n bytes of a source that is all here, wherever its windows end. */
enum pb_err layer_bytes(struct source *s, uint64_t at, void *out, size_t n, struct error *e);

#endif

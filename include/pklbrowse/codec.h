/* floor 1: codec */
/*
 * What people wrap around a pickle: a compression, the one member of an archive, the header of an
 * array file; several of them, one in another.
 *
 * What it is is told by its first bytes, never by a name; a pickle's own first bytes win.  A
 * *decoder* is fed as bytes arrive, in pieces of any size, and makes at most as many bytes as there
 * is room for.  A *shape* is what must be known of a stream to write another like it: method, level
 * as far as the header tells, header fields.  A *layer* does both between two sources.  Knows
 * neither pickles nor files nor the network.  Single thread.
 *
 *   kind = codec_detect(first bytes)
 *   layer = codec_layer_new(stored, kind)      codec_layer_step() until done; codec_layer_plain()
 *   wrap  = codec_wrap_new(layer, new plain)   codec_wrap_step() until done; codec_wrap_result()
 */
#ifndef PKLBROWSE_CODEC_H
#define PKLBROWSE_CODEC_H

#include <pklbrowse/source.h>

enum codec_kind {
    CODEC_NONE,
    CODEC_GZIP,
    CODEC_ZLIB,
    CODEC_BZIP2,
    CODEC_XZ,
    CODEC_LZMA, /* .lzma, without a container */
    CODEC_ZSTD,
    CODEC_LZ4, /* frames */
    CODEC_ZIP,
    CODEC_TAR,
    CODEC_NPY,      /* an array of numpy, whose elements may be a pickle */
    CODEC_UNDECIDED /* more bytes are needed to tell */
};
#define CODEC_PROBE 512u /* so many bytes always tell */

/* What begins with these n bytes; `end`: there are no more of them. */
enum codec_kind codec_detect(const void *p, size_t n, bool end);
const char *codec_name(enum codec_kind kind); /* "gzip"; CODEC_NONE: "" */

/* Bytes that go in and come out; both pairs are moved forward by who takes and makes. */
struct codec_io {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
};

/* --- decoding --------------------------------------------------------------------------------- */

/* More than this may come out of a stream only when it is less than CODEC_RATIO times what went in.
 */
#define CODEC_LIMIT ((uint64_t)1 << 30)
#define CODEC_RATIO 100u
/* What a stream may ask for as its window. */
#define CODEC_WINDOW_MAX ((uint64_t)512 << 20)

/* One of the seven compressions.  Members that follow each other are one stream. */
struct codec_decoder;
/* limit: so many bytes may come out, at most; 0: as CODEC_LIMIT says. */
enum pb_err codec_decoder_new(enum codec_kind kind, uint64_t limit, struct codec_decoder **out,
                              struct error *e) PB_CHECK;
void codec_decoder_free(struct codec_decoder *d); /* NULL is fine */
/* Goes on until io has no more bytes, no more room, or the stream is over.  last: no bytes follow
 * those of io.  PB_EPICKLE: they are no such stream, or are cut off; PB_ELIMIT: too much comes out
 * of it, or it needs too much memory; PB_EUNSUPPORTED: of a kind that the library does not read.
 * What came out until then stays good. */
enum pb_err codec_decode(struct codec_decoder *d, struct codec_io *io, bool last,
                         struct error *e) PB_CHECK;
/* The stream is over: bytes from codec_decoder_end() on are no part of it. */
bool codec_decoder_done(const struct codec_decoder *d);
uint64_t codec_decoder_end(const struct codec_decoder *d);     /* of the last whole member */
uint64_t codec_decoder_members(const struct codec_decoder *d); /* that are whole */

/* --- encoding --------------------------------------------------------------------------------- */

struct codec_shape;
/* Of the stream at the start of `stored`, all of which is here. */
enum pb_err codec_shape_read(enum codec_kind kind, struct source *stored, struct codec_shape **out,
                             struct error *e) PB_CHECK;
void codec_shape_free(struct codec_shape *s); /* NULL is fine */

struct codec_encoder;
/* size: of all that will go in.  The shape outlives it. */
enum pb_err codec_encoder_new(const struct codec_shape *shape, uint64_t size,
                              struct codec_encoder **out, struct error *e) PB_CHECK;
void codec_encoder_free(struct codec_encoder *c); /* NULL is fine */
/* As codec_decode(). */
enum pb_err codec_encode(struct codec_encoder *c, struct codec_io *io, bool last,
                         struct error *e) PB_CHECK;
bool codec_encoder_done(const struct codec_encoder *c);

/* --- archives --------------------------------------------------------------------------------- */

/* The regular files in an archive (zip or tar), which is all here, in its order. */
struct codec_archive;
struct codec_member {
    const char *name; /* as in the archive: bytes of an untrusted stranger; valid until the next */
    size_t len;
    uint64_t size; /* 0 where the archive does not say */
    int64_t mtime; /* 0: not known */
    uint64_t at;   /* tar: where its headers begin */
    bool pickle;   /* it begins like one of protocol 2 or later */
};
enum pb_err codec_archive_open(struct source *stored, enum codec_kind kind,
                               struct codec_archive **out, struct error *e) PB_CHECK;
void codec_archive_free(struct codec_archive *x); /* NULL is fine */
enum pb_err codec_archive_next(struct codec_archive *x, struct codec_member *m, bool *end,
                               struct error *e) PB_CHECK;
/* Bytes of the member that the last call named; *got is 0 at its end. */
enum pb_err codec_archive_read(struct codec_archive *x, void *p, size_t n, size_t *got,
                               struct error *e) PB_CHECK;

/* --- between two sources ---------------------------------------------------------------------- */

/* stored (borrowed; outlives the layer) may still be arriving; an archive is read when all of it is
 * here.  member: which file of an archive (n bytes, copied); NULL: the only one, or the only one
 * that is a pickle.  limit: as of a decoder. */
struct codec_layer;
enum pb_err codec_layer_new(struct source *stored, enum codec_kind kind, const char *member,
                            size_t n, uint64_t limit, struct codec_layer **out,
                            struct error *e) PB_CHECK;
void codec_layer_free(struct codec_layer *l); /* NULL is fine; also of what it gave */
/* Does about `piece` bytes of work.  PB_EAGAIN: more must arrive.  After an error what came out
 * stays; it is then all that ever comes.  Of an archive: PB_ENOTFOUND: no such file is in it;
 * PB_EUNSUPPORTED: it is not clear which one is meant. */
enum pb_err codec_layer_step(struct codec_layer *l, size_t piece, bool *done,
                             struct error *e) PB_CHECK;
enum codec_kind codec_layer_kind(const struct codec_layer *l);
/* It grows, and has its size when the layer is done or has failed; NULL: not begun. */
struct source *codec_layer_plain(const struct codec_layer *l);
uint64_t codec_layer_taken(const struct codec_layer *l); /* bytes of `stored` that were read */
/* Streams that follow each other in it, which become one when it is written again. */
uint64_t codec_layer_members(const struct codec_layer *l);
/* Why nothing can be written back through it (once it is done); NULL: it can. */
const char *codec_layer_fixed(const struct codec_layer *l);

/* The bytes of `stored` with `plain` in place of what came out of the layer: the same method, and
 * all around it kept.  All of both is here; both outlive it. */
struct codec_wrap;
enum pb_err codec_wrap_new(struct codec_layer *l, struct source *plain, struct codec_wrap **out,
                           struct error *e) PB_CHECK;
void codec_wrap_free(struct codec_wrap *w); /* NULL is fine; also of the result */
enum pb_err codec_wrap_step(struct codec_wrap *w, size_t piece, bool *done,
                            struct error *e) PB_CHECK;
uint64_t codec_wrap_taken(const struct codec_wrap *w); /* bytes of `plain` that were read */
struct source *codec_wrap_result(const struct codec_wrap *w);

#endif

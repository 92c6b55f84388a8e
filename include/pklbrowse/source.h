/* floor 0: base */
/*
 * Where the engine reads bytes from: a file, memory, or a download that is still running.
 *
 * The engine knows neither files nor network.  It asks for a view of some bytes and gets them, or
 * PB_EAGAIN (not here yet), or PB_ECHANGED (the file behind it is no longer the one that was
 * opened). Single thread.  A view stays valid until the next source_view() on the same source,
 * unless `stable` is set (memory and spools): then it lives as long as the source.
 */
#ifndef PKLBROWSE_SOURCE_H
#define PKLBROWSE_SOURCE_H

#include <pklbrowse/buf.h>

#define SOURCE_SIZE_UNKNOWN UINT64_MAX
/* Nobody may ask for more contiguous bytes than this at once; larger payloads are read in pieces.
 */
#define SOURCE_VIEW_MAX (1024u * 1024u)

/* Bytes that belong to what stands in front of them: noted by who reads a format and finds that out
 * (an array in the midst of a pickle), for all who read it after. */
struct source_gap {
    uint64_t at, len; /* of what they belong to; how many */
};

struct source_ops;
struct source {
    const struct source_ops *ops;
    uint64_t size; /* bytes in all, or SOURCE_SIZE_UNKNOWN while that is not known */
    uint64_t here; /* bytes [0, here) have arrived */
    bool stable;
    struct {
        struct source_gap *data;
        size_t len, cap;
    } gaps; /* by offset */
};

struct source_ops {
    enum pb_err (*view)(struct source *s, uint64_t off, size_t want, const uint8_t **p, size_t *n,
                        struct error *e);
    void (*free)(struct source *s);
};

/* PB_OK: *p points to *n contiguous bytes at `off`; *n >= min(want, size - off), often more; *n is
 * 0 exactly at the end.  PB_EAGAIN: fewer than that are here yet (but if any are here, *p and *n
 * still say which).  want <= SOURCE_VIEW_MAX. */
enum pb_err source_view(struct source *s, uint64_t off, size_t want, const uint8_t **p, size_t *n,
                        struct error *e) PB_CHECK;
void source_free(struct source *s); /* NULL is fine */
/* False: no memory.  Known ones may be noted again. */
bool source_gap_add(struct source *s, uint64_t at, uint64_t len);
uint64_t source_gap(const struct source *s, uint64_t at); /* 0: none is noted there */
/* The last one in front of `end`; false: there is none. */
bool source_gap_before(const struct source *s, uint64_t end, struct source_gap *out);

/* Copies [off, off+n) into the sink, in pieces. */
enum pb_err source_copy(struct source *s, uint64_t off, uint64_t n, const struct sink *to,
                        struct error *e) PB_CHECK;

/* Bytes in memory: taken over (freed with free()) when own, else they must outlive the source.
 * NULL: out of memory, and nothing was taken over. */
struct source *source_mem(const void *p, size_t n, bool own);
/* Bytes [at, at + n) of another source (borrowed, outlives this one).  NULL: no memory. */
struct source *source_slice(struct source *whole, uint64_t at, uint64_t n);
/* Memory that grows at its end; every byte appended is here at once and stays where it is read from
 * (views are valid until the next append).  The second source of an edit session. */
struct source *source_mem_growing(size_t max);
enum pb_err source_mem_append(struct source *s, const void *p, size_t n, struct error *e) PB_CHECK;
void source_mem_truncate(struct source *s, uint64_t size);

/* A foreign regular file, read with pread through a window; its identity (dev, inode, size, mtime,
 * ctime) is checked again on every refill of the window: PB_ECHANGED.  Takes over fd, also when
 * it fails.  FIFOs and devices are refused; open with O_NONBLOCK so as not to wait for one.  `name`
 * is for messages and fit to be shown. */
enum pb_err source_file(int fd, const char *name, struct source **out, struct error *e) PB_CHECK;
/* We renamed another file over this one: that alone changed its ctime.  What it is now counts from
 * here on, if its bytes are still those of before (size and mtime the same); else the next read
 * says PB_ECHANGED.  Not a file source: nothing. */
void source_file_replaced(struct source *s);

/* TMPDIR, or the system's own folder: where what does not last is put. */
const char *source_temp_folder(void);
/* A spool: an unlinked temporary file of ours (mode 0600, in $TMPDIR or /tmp), mapped, filled from
 * its start.  `size` is unknown until source_spool_done(), unless the caller sets it.  A full disk
 * is PB_EIO, and what was there stays; SIGXFSZ must be ignored. */
enum pb_err source_spool(uint64_t size_hint, struct source **out, struct error *e) PB_CHECK;
enum pb_err source_spool_append(struct source *s, const void *p, size_t n,
                                struct error *e) PB_CHECK;
void source_spool_done(struct source *s); /* size = here */

#endif

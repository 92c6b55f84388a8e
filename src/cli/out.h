/*
 * Standard output: buffered, and honest about what became of it.  The first failure stays; later
 * writes return it again.  A reader that went away is told apart from a full disk.
 *
 * Nothing here waits without looking up: out_write() asks check() while a reader takes its time,
 * and out_offer(), for callbacks of the loop, never waits at all.
 */
#ifndef PKLBROWSE_CLI_OUT_H
#define PKLBROWSE_CLI_OUT_H

#include <pklbrowse/buf.h>

#define OUT_PIECE ((size_t)32 * 1024)

struct out {
    int fd;
    const char *name; /* in messages; NULL: standard output */
    bool unread;      /* a file, or the null device: a write never has to wait for a reader */
    bool reader_gone; /* EPIPE */
    struct error error;
    /* Asked before each write and while a reader takes its time: an error ends the output.  Not
     * from out_offer().  May be NULL. */
    enum pb_err (*check)(void *ctx, struct error *e);
    void *ctx;
    struct buf pending;
    size_t sent; /* of pending */
};

void out_init(struct out *o, int fd);
void out_release(struct out *o); /* drops what is pending */
struct sink out_sink(struct out *o);
enum pb_err out_write(struct out *o, const void *p, size_t n, struct error *e) PB_CHECK;
enum pb_err out_buf(struct out *o, const struct buf *b, struct error *e) PB_CHECK;
/* What was written is with the system; the last chance to hear of an error. */
enum pb_err out_flush(struct out *o, struct error *e) PB_CHECK;

/* All of it, or PB_EAGAIN: the reader has enough for now. */
enum pb_err out_offer(struct out *o, const void *p, size_t n, struct error *e) PB_CHECK;
struct sink out_offer_sink(struct out *o);

#endif

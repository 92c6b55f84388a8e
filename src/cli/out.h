/*
 * Standard output: buffered, and honest about what became of it.  The first failure stays; later
 * writes return it again.  A reader that went away is told apart from a full disk.
 */
#ifndef PKLBROWSE_CLI_OUT_H
#define PKLBROWSE_CLI_OUT_H

#include <pklbrowse/buf.h>

#define OUT_PIECE ((size_t)32 * 1024)

struct out {
    int fd;
    bool reader_gone; /* EPIPE */
    struct error error;
    /* Asked before each write to the descriptor: an error ends the output.  May be NULL. */
    enum pb_err (*check)(void *ctx, struct error *e);
    void *ctx;
    size_t len;
    char piece[OUT_PIECE];
};

void out_init(struct out *o, int fd);
struct sink out_sink(struct out *o);
enum pb_err out_write(struct out *o, const void *p, size_t n, struct error *e) PB_CHECK;
enum pb_err out_buf(struct out *o, const struct buf *b, struct error *e) PB_CHECK;
/* What was written is with the system; the last chance to hear of an error. */
enum pb_err out_flush(struct out *o, struct error *e) PB_CHECK;

#endif

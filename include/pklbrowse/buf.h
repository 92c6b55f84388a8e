/* floor 0: base */
/*
 * A byte buffer that grows up to a limit given at the start, and a sink to write a stream into.
 *
 * Every buffer has a mandatory maximum.  A failed append leaves the buffer as it was and makes it
 * *sticky*: later appends do nothing and buf_status() returns the first failure.  So a writer
 * appends freely and asks once at the end.  `data` is always NUL-terminated (the NUL is not
 * counted).
 */
#ifndef PKLBROWSE_BUF_H
#define PKLBROWSE_BUF_H

#include <pklbrowse/error.h>

struct buf {
    char *data; /* never NULL after buf_init */
    size_t len;
    size_t cap;
    size_t max;         /* bytes, without the NUL */
    enum pb_err failed; /* PB_OK, PB_ENOMEM or PB_ELIMIT */
};

#define BUF_MAX_LINE (64u * 1024u)         /* one line of text */
#define BUF_MAX_TEXT (16u * 1024u * 1024u) /* a text a person typed or reads */
#define BUF_MAX_XML (32u * 1024u * 1024u)  /* one page of a listing */

void buf_init(struct buf *b, size_t max); /* allocates nothing */
void buf_release(struct buf *b);          /* frees; the buffer is as after buf_init */
void buf_clear(struct buf *b);            /* length 0, keeps the memory, forgets a failure */

void buf_append(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_fill(struct buf *b, char c, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) PB_PRINTF(2, 3);
/* Room for n bytes at the end, to be written there; how many of them count is added to b->len.
 * NULL: the buffer has failed.  b->data may move, and has no NUL until the next append. */
char *buf_room(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t len); /* len <= b->len */
/* Replaces [at, at + remove) by n bytes, which must not lie in the buffer itself. */
void buf_splice(struct buf *b, size_t at, size_t remove, const void *p, size_t n);

/* PB_OK, or the first failure with its message. */
enum pb_err buf_status(const struct buf *b, struct error *e) PB_CHECK;

/* Gives the allocated bytes to the caller, who frees them with free(); the buffer is empty after.
 * NULL when the buffer had failed. */
char *buf_take(struct buf *b, size_t *len);

/* Where a stream of bytes goes.  write() returns PB_OK or an error that ends the stream. */
struct sink {
    enum pb_err (*write)(void *ctx, const void *p, size_t n, struct error *e);
    void *ctx;
};

enum pb_err sink_write(const struct sink *s, const void *p, size_t n, struct error *e) PB_CHECK;
struct sink sink_buf(struct buf *b); /* appends to b, fails when b does */
/* Writes all to the descriptor *fd, waiting where it is non-blocking.  EPIPE gives PB_EIO with the
 * message "EPIPE" (SIGPIPE must be ignored). */
struct sink sink_fd(int *fd);

#endif

/*
 * The local store in a process apart: a folder that hangs (a dead network mount, FUSE, fsync of
 * much) hangs that process and nobody else.  Private to store.
 *
 *   apart.c         the table of operations: each asks a worker and waits for its answer in the
 * loop apart_worker.c  the worker: the ordinary local store, one operation at a time; starting,
 * pooling apart_wire.c    what is said between the two
 *
 * A worker does one operation at a time, so one that hangs keeps nobody waiting: the next operation
 * gets another worker.  To cancel is to hang up; the worker notices when its call returns, cleans
 * up as after any failed operation, and ends.  Both sides are the same program, so numbers and
 * `struct error` go as they lie in memory; lengths are checked all the same.
 */
#ifndef STORE_APART_H
#define STORE_APART_H

#include "store_op.h"

enum apart_word {
    /* asked */
    APART_CONTAINERS,
    APART_LIST,
    APART_HEAD,
    APART_READ,
    APART_WRITE,
    APART_REMOVE,
    APART_OPEN,
    APART_BYTES, /* of the body, after APART_WANT */
    /* answered */
    APART_WANT,  /* bytes of the body to be written: offset */
    APART_BEGIN, /* an object: its bytes follow, each time as APART_READ_BYTES */
    APART_READ_BYTES,
    APART_DONE,  /* what was asked for */
    APART_FAILED /* struct error */
};

#define APART_PIECE (64u * 1024u)        /* bytes of a body at a time: fits into a socket */
#define APART_MAX (256u * 1024u * 1024u) /* one message: a page of very many long names */

struct apart_head {
    uint32_t word, len; /* of what follows */
};

/* A message being taken apart; what is not there is 0, NULL or empty, and sets `bad`. */
struct apart_reader {
    const char *p, *end;
    bool bad;
};

uint64_t apart_get(struct apart_reader *r);
const char *apart_get_bytes(struct apart_reader *r, size_t *n); /* in the message, NUL follows */
const char *apart_get_text(struct apart_reader *r);             /* NULL as it was put */
enum pb_err apart_get_identity(struct apart_reader *r, struct store_identity *id,
                               struct error *e) PB_CHECK;
enum pb_err apart_get_object(struct apart_reader *r, struct store_object *o,
                             struct error *e) PB_CHECK;
struct store_page *apart_get_page(struct apart_reader *r, struct error *e);

void apart_put(struct buf *b, uint64_t n);
void apart_put_bytes(struct buf *b, const void *p, size_t n);
void apart_put_text(struct buf *b, const char *s); /* may be NULL */
void apart_put_identity(struct buf *b, const struct store_identity *id);
void apart_put_object(struct buf *b, const struct store_object *o);
void apart_put_page(struct buf *b, const struct store_page *p);

/* A message in `b`: begun before its contents are put, ended after. */
void apart_begin(struct buf *b, enum apart_word word);
enum pb_err apart_end(struct buf *b, struct error *e) PB_CHECK;

/* A new worker: our end of the socket (non-blocking), or -1.  It knows nothing but paths: no other
 * descriptor of ours is open in it. */
int apart_start(struct error *e);

#endif

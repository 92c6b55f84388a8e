/*
 * A large write in pieces: several side by side, each with its checksums first and then a request
 * of its own.  Part of the careful write (cloud_write.h), in the place of one request.  What is a
 * store's own is in one table: where a piece lies, how it is asked for, what its answer says.
 * Private to store.
 */
#ifndef STORE_CLOUD_PIECES_H
#define STORE_CLOUD_PIECES_H

#include "cloud_write.h"

#define CLOUD_SIDE_BY_SIDE 4

struct cloud_piece {
    uint64_t at, len; /* of the body */
    bool there;       /* nothing is to be done for it */
    bool sent;        /* its bytes are, not only words about them */
    bool summed;      /* its checksums are wanted, and it has a body of its own */
};

struct cloud_pieces;
struct cloud_slot {
    struct cloud_pieces *all;
    struct cloud_request *request; /* NULL: not begun */
    struct cloud_digest digest;
    struct source *body; /* of a piece that is summed */
    size_t piece;
    bool busy;
};

struct cloud_pieces_kind {
    unsigned action, checks;
    struct cloud_piece (*piece)(const struct cloud_write *w, size_t i);
    /* Into s->request, which was made for it. */
    enum pb_err (*ask)(struct cloud_slot *s, struct error *e);
    /* Is it there?  If not, it has ended the write, or begun its pieces anew. */
    bool (*answered)(struct cloud_slot *s, const struct http_result *r);
    void (*all_there)(struct cloud_write *w); /* goes on with the write */
};

struct cloud_pieces {
    const struct cloud_pieces_kind *kind;
    struct cloud_write *w;
    size_t count, next, done; /* the piece to be begun next; how many are there */
    uint64_t sent, to_send;   /* bytes */
    struct cloud_slot slots[CLOUD_SIDE_BY_SIDE];
};

void cloud_pieces_init(struct cloud_pieces *p, const struct cloud_pieces_kind *kind,
                       struct cloud_write *w);
/* Ends what runs; none is there. */
void cloud_pieces_reset(struct cloud_pieces *p, size_t count, uint64_t to_send);
void cloud_pieces_go(struct cloud_pieces *p); /* begins as many as may run */
void cloud_pieces_progress(const struct cloud_pieces *p, struct http_progress *out);

#endif

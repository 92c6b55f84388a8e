/* floor 1: pickle */
/*
 * How a plan comes to be.
 *
 *   lists   edited containers -> spans: bytes that go, with what comes in their place
 *   memo    one walk over the memo opcodes: what of the spans is read later, which slots are free
 *   keep    which parts of what goes must stay, because what stays reads them
 *   write   spans -> cuts: bytes taken out, bytes put in
 *   renumber  where the memo had no room: memo opcodes that mean other numbers now
 *   frames  cuts for the FRAMEs whose contents change their length
 *
 * Each is resumable.  Both sources are treated alike: new values (source 1) may be edited inside,
 * too; only they hold no memo opcodes, but links.
 */
#ifndef PKLBROWSE_SPLICE_PRIVATE_H
#define PKLBROWSE_SPLICE_PRIVATE_H

#include <pklbrowse/pkl_splice.h>

#include "edit_private.h"

/* What comes in the place of a span, in order. */
enum splice_item_kind {
    ITEM_GLUE,  /* opcodes that hold a container together: `a` of them from `b` of w->glue */
    ITEM_VALUE, /* a new value: its number in `a` */
    ITEM_COPY,  /* [a, b) of the span's source */
    ITEM_PUT,   /* target `a` is stored */
    ITEM_LINK   /* the same object as target `a`; b != 0: or its bytes, if nothing else reads it */
};
struct splice_item {
    enum splice_item_kind kind;
    uint64_t a, b;
};

/*
 * [begin, end) goes.
 *
 *   [begin, made)  opcodes     [made, end)  PUT, BINPUT, MEMOIZE behind the value (and a FRAME
 *                              between them): they stay and store the new value, unless the old one
 *                              is read from there
 *
 * An empty one is an insertion: after what stands in front of it, or before what stands behind.
 * Several may meet at one place; then `level`, the size of the container that is edited, says what
 * is further inside.
 */
struct splice_span {
    uint64_t begin, made, end, level;
    unsigned source;
    bool glue;        /* opcodes, no value */
    bool before;      /* of an insertion */
    uint8_t turn;     /* among insertions of one container at one place */
    bool active;      /* not gone with a span around it */
    bool any_get;     /* there are GETs inside */
    bool own_fetched; /* of a value: what is stored behind it is read later */
    size_t parent;    /* the span around it + 1 */
    size_t first_item, items;
};

/* A memo slot defined inside a span. */
struct splice_put {
    uint64_t offset, end, slot;
    bool implicit;
    bool on;      /* it does so if the memo goes on */
    uint64_t get; /* a GET that stays and reads it; 0: none */
};

/* A GET inside a span, of a slot defined inside one. */
struct splice_get {
    uint64_t offset;
    size_t put;
    bool on; /* it does so if the memo goes on */
};

/* A value that must be had from the memo. */
struct splice_target {
    pkl_id id;
    uint64_t begin, made, end; /* of a child that is moved, its end 0: of none; of a new value */
    bool leaf;                 /* it is one */
    uint64_t maker, behind;    /* where its maker and the memo opcodes behind that end */
    uint64_t put;              /* of the first of those; 0: none */
    uint64_t slot, gone;       /* what that stores into, and from where on it is something else */
    uint64_t last_use;         /* the last place in the original where it is read */
    uint64_t first_use;
    /* Of a new value: where it is written first if nothing links to it; for which use it was
     * looked into because that comes before. */
    uint64_t own, unfolded;
    bool implicit; /* by counting */
    bool wanted, needed;
    bool added;   /* a PUT is added behind it, into `slot` */
    bool written; /* and stands in the result */
    bool entered; /* of a new value: it is being written where it is linked first */
};

/* A value of which the place goes, but which is still read. */
struct splice_part {
    uint64_t begin, end;
};

struct splice_piece {
    enum splice_kind kind;
    uint64_t from, len;
    uint64_t instead;
};

/* A memo opcode among the plan's own bytes. */
struct splice_memo_op {
    uint64_t at;   /* there */
    uint64_t slot; /* as the original numbers them; from SPLICE_NO_ROOM on that of a target */
    bool put;
};
/* No slot is free: the target's number and this stand for one that comes in between. */
#define SPLICE_NO_ROOM ((uint64_t)1 << 62)

/* [begin, end) of the original makes way for pieces. */
struct splice_cut {
    uint64_t begin, end, added;
    size_t first, count;
};

/* Where something begins or ends, in the order in which it is written. */
enum splice_turn { CLOSE_SPAN, INSERT_AFTER, CLOSE_PART, OPEN_PART, INSERT_BEFORE, OPEN_SPAN };
struct splice_event {
    uint64_t at, level;
    enum splice_turn what;
    size_t number; /* of the span or part */
};

/* A slot that could be stored into again. */
struct splice_free {
    uint64_t last; /* where the last opcode that stores or reads it ends, or a link is written */
    bool occupied, used;
};

/* The slots of a pickle in which something changes: those from `first` on. */
struct splice_table {
    uint64_t start; /* of the pickle */
    size_t first;
};

struct splice_events {
    struct splice_event *data;
    size_t len, cap;
};

struct splice_work {
    struct pkl_edit *ed;
    struct pkl_splice *plan;
    struct error *e;
    struct {
        struct splice_span *data;
        size_t len, cap;
    } spans, fresh; /* of the original and of new values, by their places once they are sorted */
    struct {
        struct splice_item *data;
        size_t len, cap;
    } items;
    struct buf glue;
    struct {
        struct splice_put *data;
        size_t len, cap;
    } puts;
    struct {
        struct splice_get *data;
        size_t len, cap;
    } gets;
    struct {
        struct splice_target *data;
        size_t len, cap;
    } targets;
    struct idmap target_of; /* id -> number + 1 */
    struct {
        struct splice_part *data;
        size_t len, cap;
    } parts;
    struct {
        struct splice_cut *data;
        size_t len, cap;
    } cuts;
    struct {
        struct splice_piece *data;
        size_t len, cap;
    } pieces;
    size_t frame, cuts_made;        /* frames that are done; cuts that are none of a frame */
    struct splice_events events[2]; /* of the original; of new values */
    struct {
        struct splice_free *data; /* by slot, the first ones; a table behind the other */
        size_t len, cap;
    } slots;
    struct {
        struct splice_table *data;
        size_t len, cap;
    } tables;
    struct {
        struct splice_memo_op *data; /* in streams with MEMOIZE */
        size_t len, cap;
    } memo_ops;
    bool no_room; /* for some target */
    struct {
        size_t
            *data; /* targets inside new values, by where their makers end; by their beginnings */
        size_t len, cap;
    } points, starts;
    struct {
        uint64_t *data; /* offsets of opcodes inside spans that must not go */
        size_t len, cap;
    } fixed;
    uint64_t max_slot, added; /* slots that are added beyond the highest */
    uint64_t numbered; /* the last MEMOIZE in front of the last GET: up to there numbers matter */
    bool implicit;     /* there are MEMOIZEs */
};

/* A container on its way to spans. */
struct splice_list {
    struct splice_work *w;
    const struct edit_container *c;
    struct pkl_view *view;
    struct source *src;
    struct pkl_node node; /* as the document has it */
    uint64_t level;
    unsigned source;
    bool pairs;
    size_t piece;    /* the next one */
    uint64_t inside; /* so many children of it are done */
    uint64_t next;   /* the first original child behind those that were passed */
    struct {
        struct splice_item *data;
        size_t len, cap;
    } pending; /* children (keys in front of their values) that are still to be put in */
    struct pkl_child kids[32];
    uint64_t kids_first;
    size_t kids_len;
};

/* splice_lists.c */
enum pb_err splice_list_begin(struct splice_list *l, struct splice_work *w,
                              const struct edit_container *c) PB_CHECK;
/* At most about `budget` children. */
enum pb_err splice_list_step(struct splice_list *l, unsigned budget, bool *done) PB_CHECK;
void splice_list_release(struct splice_list *l);
/* Passes memo opcodes behind a value; a FRAME may stand between the value and its MEMOIZE. */
enum pb_err splice_memo_end(struct source *src, uint64_t at, uint64_t *first, uint64_t *end,
                            struct error *e) PB_CHECK;
/* The number of a target, entered when it is new. */
enum pb_err splice_target(struct splice_work *w, pkl_id id, uint64_t *number) PB_CHECK;

/* splice_taker.c: where, in [from, to), the opcode is that takes the value that stands on top at
 * `from`; `to`: none does. */
enum pb_err splice_taker(struct source *src, uint64_t from, uint64_t to, uint64_t *at,
                         struct error *e) PB_CHECK;

/* splice_on.c: the memo of a stream of pickles as it is if one Unpickler reads them all.  What was
 * written by one Pickler with MEMOIZE cannot always be told from what several wrote: then values
 * stay what they are both ways. */
struct splice_on {
    bool both;             /* it cannot be told */
    struct idmap slots;    /* slot + 1 -> put + 1; 0: defined outside since */
    struct idmap sparse;   /* slots in use behind the first ones */
    uint64_t dense, count; /* those; all of them */
};
bool splice_on_both(struct pkl_doc *d);
/* `number`: of the put + 1; 0: it is in no span.  False: no memory. */
bool splice_on_put(struct splice_on *on, const struct pkl_memo_event *ev, uint64_t number);
/* The put + 1 that a GET reads; 0: none inside a span. */
uint64_t splice_on_get(const struct splice_on *on, uint64_t slot);
void splice_on_release(struct splice_on *on);

/* splice_memo.c: sees every memo opcode, in order. */
struct splice_memo {
    struct splice_on on;
    struct splice_work *w;
    size_t span, open;            /* the next span; the innermost one that is open, + 1 */
    struct idmap slots;           /* slot + 1 -> put + 1; 0: defined outside since */
    struct idmap put_of, of_slot; /* place of a put + 1, slot + 1 -> number of its target + 1 */
    uint64_t last_implicit;
    uint64_t memo; /* the pickle that the slots are of */
    bool no_memory;
};
enum pb_err splice_memo_begin(struct splice_memo *m, struct splice_work *w) PB_CHECK;
bool splice_memo_see(void *ctx, const struct pkl_memo_event *ev);
void splice_memo_release(struct splice_memo *m);
/* The slots of the pickle around a place; *n 0: they were not watched. */
enum pb_err splice_slots(struct splice_work *w, uint64_t at, struct splice_free **slots,
                         size_t *n) PB_CHECK;

/* splice_keep.c: what is active, which parts stay, and where what is linked can be read. */
enum pb_err splice_keep(struct splice_work *w) PB_CHECK;
/* A link to a target is written at this place of the original. */
enum pb_err splice_want(struct splice_work *w, uint64_t target, uint64_t at) PB_CHECK;
/* Refuses what would be shared there. */
enum pb_err splice_full(struct splice_work *w, uint64_t at) PB_CHECK;
/* A slot for a target that is stored at this place. */
enum pb_err splice_slot(struct splice_work *w, struct splice_target *t, uint64_t at) PB_CHECK;

/* splice_order.c */
/* Spans in the order of their places, with what is inside which. */
void splice_sort(struct splice_work *w);
enum pb_err splice_events(struct splice_work *w, unsigned source) PB_CHECK;
/* Targets inside new values, once all are entered. */
enum pb_err splice_points(struct splice_work *w) PB_CHECK;
/* The innermost span of the original around an offset; NULL: none. */
struct splice_span *splice_around(struct splice_work *w, uint64_t at);

/* splice_new.c: [begin, end) of the second source for a place of the original; out NULL: only what
 * is linked is looked for, and where it is made. */
enum pb_err splice_new(struct splice_work *w, uint64_t begin, uint64_t end, struct buf *out,
                       uint64_t at) PB_CHECK;
enum pb_err splice_put_get(struct splice_work *w, struct buf *out, uint64_t slot) PB_CHECK;
enum pb_err splice_put_put(struct splice_work *w, struct buf *out, uint64_t slot) PB_CHECK;
/* Among the plan's own bytes comes a memo opcode. */
enum pb_err splice_memo_op(struct splice_work *w, uint64_t slot, bool put) PB_CHECK;

/* splice_write.c: spans and parts into cuts. */
enum pb_err splice_write(struct splice_work *w) PB_CHECK;
/* splice_renumber.c: the memo opcodes behind what had no room in the memo. */
enum pb_err splice_renumber(struct splice_work *w) PB_CHECK;
/* splice_frames.c: some frames at a time. */
enum pb_err splice_frames(struct splice_work *w, bool *done) PB_CHECK;

#endif

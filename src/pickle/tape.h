/*
 * A stretch of a pickle read once and kept for a while: its values in memory, linked as containers
 * and children, so that whoever goes through them in order need not re-read for every level.
 *
 * A tape is as long as the way between two checkpoints of a container, or a container too small to
 * be recorded; recorded values inside it are nodes without children.  Containers changed from
 * elsewhere (through references) have no tape.  Private to the engine; edits and lenses are none of
 * its business.
 */
#ifndef PICKLE_TAPE_H
#define PICKLE_TAPE_H

#include "walk_machine.h"

enum tape_flags {
    TAPE_REF = 1,     /* GET or DUP */
    TAPE_OUTSIDE = 2, /* recorded: children are not on this tape */
    TAPE_HARD = 4     /* it, or something in it, is no plain value: see plain.h */
};

struct tape_node {
    uint64_t at; /* the opcode that made it; of a reference the GET or DUP */
    uint64_t begin, end;
    uint64_t target; /* of a reference: maker of what it means */
    uint64_t len;    /* of a leaf: bytes of payload; of a reference: its own opcode */
    uint32_t next;   /* child of the same container, 0: the last one */
    uint32_t kids;
    union {
        uint32_t last; /* kid */
        uint32_t box;  /* of a reference: the same for the same target, and few others have it */
    };
    uint32_t count; /* children linked, of all phases */
    uint8_t code;   /* opcode at `at`; of a reference at `target` */
    uint8_t kind;
    uint8_t phase; /* in which its container took it */
    uint8_t flags;
};

/* Where references lead, by slot. */
#define TAPE_REFS 8192u /* power of two */
struct tape_ref {
    uint64_t slot; /* + 1 */
    uint64_t maker;
    uint8_t kind, code;
    bool passed; /* by tapes_pass() */
};

struct tape {
    struct {
        struct tape_node *data; /* [0] is none */
        size_t len, cap;
    } nodes;
    uint64_t maker; /* of the container it was read for */
    enum phase phase;
    uint64_t first, count; /* its children that are here */
    uint32_t kids;         /* the first of them */
    uint64_t serial;       /* changes when it is read anew */
    uint64_t used;
};

#define TAPES 16u
struct tapes {
    struct pkl_doc *doc; /* NULL: there are none */
    struct tape tape[TAPES];
    uint64_t serial, turn;
    struct tape_ref *refs;
    uint64_t refs_start; /* the pickle for which refs count, + 1 */
    struct {
        uint32_t *data;
        size_t len, cap;
    } stack;
};

void tapes_init(struct tapes *t, struct pkl_doc *d);
void tapes_release(struct tapes *t);
/* Whether the children of the value made at `maker` can be on a tape. */
bool tapes_can(const struct tapes *t, uint64_t maker);
/* A tape with child `first` of the container, and maybe more. */
enum pb_err tapes_read(struct tapes *t, uint64_t maker, enum phase phase, uint64_t first,
                       struct tape **out, struct error *e) PB_CHECK;
/* What a GET or DUP means: target, kind and code of n.  Views of the source are gone. */
enum pb_err tapes_resolve(struct tapes *t, const struct op *op, struct tape_node *n,
                          struct cursor *c, struct error *e) PB_CHECK;
/* Where, from `at` on, the first opcode stands that has to be read by somebody who looks for
 * references to containers: what is passed is none, or leads to where one that was seen led, or is
 * not to be seen in the cursor's window. */
uint64_t tapes_pass(const struct tapes *t, const struct cursor *c, uint64_t at, uint64_t to);
/* The reference that became n has been seen. */
void tapes_seen(struct tapes *t, const struct tape_node *n);
/* The child of that phase at or behind node `at`, 0: none. */
static inline uint32_t tape_child(const struct tape *t, uint32_t at, enum phase phase)
{
    while (at != 0 && t->nodes.data[at].phase != phase)
        at = t->nodes.data[at].next;
    return at;
}

#endif

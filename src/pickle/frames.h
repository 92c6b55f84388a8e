/*
 * Walking a value depth first without recursion: a stack of containers, each with a window of its
 * children.
 *
 * Only the frames near the top keep their window; those below fetch theirs again when they are
 * returned to.  Containers on the stack are known by id, so that a value inside itself is noticed.
 */
#ifndef PICKLE_FRAMES_H
#define PICKLE_FRAMES_H

#include "equal.h"
#include "plain.h"

struct frame {
    struct pkl_node node; /* as it was met; target 0: may stand in itself */
    pkl_id list; /* whose children are shown: the node's target, or what holds a set's members */
    uint64_t pos, count; /* next child, children in all */
    uint8_t shape;       /* the printer's */
    uint32_t stage;
    bool half; /* the key of the pair at pos is done */
    bool any;  /* something is shown already */
    struct equals equal;
    struct pkl_child *kids;
    size_t kids_len;
    uint64_t kids_first;
    uint64_t *order; /* children by number, count of them; NULL: as stored.  Freed with the frame */
    bool seq;        /* a sequence in the script of a lens */
    size_t pieces, text; /* of a lens: where its script begins */
    uint64_t saved;      /* of a lens: what the printer knew before */
    struct frame_place {
        struct tape *tape; /* NULL: none yet */
        uint64_t serial;   /* of the tape then */
        uint64_t pos;      /* child that `node` is; of a pair the key */
        uint32_t node;
    } at;
    bool taped; /* its children can be had from one, in this phase: */
    enum phase phase;
    bool keys_known, names; /* of a dict: all its keys could name members of a JSON object */
};

struct frames {
    struct pkl_view *view;
    struct {
        struct frame *data;
        size_t len, cap;
    } stack;
    struct plain *plain;     /* NULL: everything is asked of the view */
    struct frame_place last; /* the value given by frames_child() last */
    uint64_t *ids;           /* hash set, cleared in reverse order of entry */
    size_t ids_size, ids_used;
};

enum frame_equals { FRAME_ALL, FRAME_DICT, FRAME_SET };

void frames_init(struct frames *f, struct pkl_view *view);
void frames_release(struct frames *f);
static inline struct frame *frames_top(struct frames *f)
{
    return &f->stack.data[f->stack.len - 1];
}
bool frames_has(const struct frames *f, pkl_id id); /* the value stands on the stack */
/* `how` says whether equal keys or members are looked for. */
enum pb_err frames_push(struct frames *f, const struct pkl_node *node, pkl_id list, uint64_t count,
                        uint8_t shape, enum frame_equals how, struct error *e) PB_CHECK;
void frames_pop(struct frames *f);
/* The child at the top's pos, which moves on to one that is shown (a dict's first one of equals
 * with the value of the last); *end when there is none.  Valid until the stack changes. */
enum pb_err frames_child(struct frames *f, struct pkl_child *out, bool *end,
                         struct error *e) PB_CHECK;
/* The same child on a tape, when it can be had there: *node is its key when it has one; 0: it can
 * not, or is equal to another one. */
enum pb_err frames_place(struct frames *f, struct tape **t, uint32_t *node,
                         struct error *e) PB_CHECK;
/* The child given by frames_place() has been dealt with. */
void frames_passed(struct frames *f);
/* Appends leaves from that child on, which has no key, and passes them; false: it is none. */
bool frames_put_leaves(struct frames *f, const char *between);

#endif

/*
 * The machine behind walk.h, for what lists children with it.
 */
#ifndef PICKLE_WALK_MACHINE_H
#define PICKLE_WALK_MACHINE_H

#include "walk.h"

struct wmark {
    uint64_t offset;
    size_t height;
};

/* Children of the target that are wanted. */
struct pick {
    enum phase phase;
    uint64_t index; /* of the next one taken */
    uint64_t first;
    size_t count;
    struct wval *out;
    size_t got;
};

struct walk {
    struct pkl_doc *d;
    struct cursor c;
    uint64_t pos, limit;
    uint32_t ceiling; /* record that is walked through; inside it the outermost ones are skipped */
    uint32_t next;    /* the next one to skip */
    struct {
        struct wval *data;
        size_t len, cap;
    } vals;
    struct {
        struct wmark *data;
        size_t len, cap;
    } marks;
    uint64_t target;   /* maker of the value that is looked for; UINT64_MAX: none */
    struct wval found; /* it, when it left the stack */
    uint64_t holder;   /* maker of what it went into; UINT64_MAX: nothing */
    bool fetched;      /* that is a reference */
    bool gone, stopped;
    uint64_t ground; /* maker of the container whose checkpoint it began at */
    bool headless;   /* of that: no class in front of the arguments: INST, or begun behind it */
    struct pick *pick;
};

/* The container whose checkpoints bound a walk: a record, or what stands where the pickle broke. */
struct ground {
    const struct record *r; /* NULL: a pickle as a whole */
    uint32_t index;         /* of the record, or NO_RECORD */
    bool standing;
};

void walk_init(struct walk *w, struct pkl_doc *d, uint64_t pos, uint64_t limit, uint32_t ceiling);
void walk_release(struct walk *w);
enum pb_err walk_push(struct walk *w, const struct wval *v, struct error *e) PB_CHECK;
/* Runs to the limit, to STOP, or until what was looked for is there. */
enum pb_err walk_go(struct walk *w, struct error *e) PB_CHECK;
/* Begins at a checkpoint of the ground, or (NULL) where that begins. */
enum pb_err walk_begin_at(struct walk *w, struct pkl_doc *d, const struct ground *g,
                          const struct checkpoint *p, uint64_t limit, struct error *e) PB_CHECK;
/* The recorded value that begins where the walk is, if one does: not pushed, only passed. */
static inline bool walk_at_record(const struct walk *w)
{
    return w->next != NO_RECORD && w->d->records.data[w->next].begin <= w->pos;
}
enum pb_err walk_skip(struct walk *w, struct wval *out, struct error *e) PB_CHECK;
/* How many values an opcode takes when no MARK says so; whether one does; as what it takes them. */
size_t walk_takes(uint8_t code);
bool walk_is_marked(uint8_t code);
enum phase walk_make_phase(uint8_t code);
/* The last checkpoint of the phase with an index not above `first`, and the first one from `last`
 * on. */
void walk_points(const struct checkpoints *c, enum phase phase, uint64_t first, uint64_t last,
                 const struct checkpoint **from, const struct checkpoint **to);
/* Index of the first checkpoint behind `at`. */
size_t walk_point_after(const struct checkpoints *c, uint64_t at);
/* Whether the container was changed away from its own span. */
bool walk_changed(const struct pkl_doc *d, uint64_t maker);
/* The innermost record with begin <= at < end. */
uint32_t walk_enclosing(struct pkl_doc *d, uint64_t at);
/* The value, complete, is likely to be asked for next. */
void walk_remember(struct pkl_doc *d, const struct wval *v);
/* Takes what is wanted of n values. */
void walk_picked(struct pkl_doc *d, struct pick *p, const struct wval *v, size_t n);

#endif

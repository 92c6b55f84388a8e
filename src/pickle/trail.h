/*
 * Where values stood when a whole walk met them first: one small step a container, from which a
 * path is written when the value is met again.
 */
#ifndef PICKLE_TRAIL_H
#define PICKLE_TRAIL_H

#include <pklbrowse/pkl_path.h>

#include "idmap.h"

struct trail_step {
    uint64_t parent; /* index of the container's own step + 1, 0: the walk began here */
    pkl_id list;     /* child `pos` of this, when part is PKL_PART_NONE or PKL_KEY */
    uint64_t pos;
    enum pkl_part part; /* PKL_KEY: the key of that child */
    bool inner;         /* list is what a built-in set was made of, not the container itself */
};

struct trail {
    struct pkl_view *view;
    pkl_id root;
    struct {
        struct trail_step *data;
        size_t len, cap;
    } steps;
    struct {
        uint64_t *data; /* of the containers on the printer's stack: index of their step + 1 */
        size_t len, cap;
    } open;
    struct idmap seen; /* id -> index of its step + 1 */
    struct trail_step next;
};

void trail_init(struct trail *t, struct pkl_view *view, pkl_id root);
void trail_release(struct trail *t);
/* What is printed next is this child of the container on top, or its key, or a part of it. */
void trail_child(struct trail *t, pkl_id container, pkl_id list, uint64_t pos, bool key);
void trail_part(struct trail *t, enum pkl_part part);
/* The container met; *is_new false: it was met before. */
enum pb_err trail_meet(struct trail *t, pkl_id id, bool *is_new, struct error *e) PB_CHECK;
/* The container met last is on top of the stack now; it is left again. */
enum pb_err trail_open(struct trail *t, pkl_id id, struct error *e) PB_CHECK;
void trail_close(struct trail *t);
enum pb_err trail_path(struct trail *t, pkl_id id, struct buf *out, struct error *e) PB_CHECK;

#endif

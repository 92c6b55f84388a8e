/*
 * Changes of mine on their way to the object as it is now, by path.  Private to merging.
 *
 * A place counts as changed by both when what stands there now is neither what I changed nor what I
 * changed it to.  A path through a list, tuple or set says only a number, so when one on the way
 * has another length now than when mine was read, nobody knows which item was meant: refused as
 * well.
 */
#ifndef APP_MERGE_MOVE_H
#define APP_MERGE_MOVE_H

#include "app_private.h"

struct moved {
    struct buf path; /* as a person types it */
    struct pkl_path steps;
    struct pkl_change change;
    struct pkl_child place; /* of theirs; of what I added and is not there: what it comes into */
    bool found;             /* there is such a place, with a value */
    bool needless;          /* they made the same change */
    const char *why;        /* it cannot be made; NULL: it can */
    struct literal *key, *value; /* when it is made; value NULL: it is copied */
};

void moved_init(struct moved *c);
void moved_release(struct moved *c);
/* Finds the place of my i-th unsaved change in theirs, and whether it can be made there.  What is
 * found lives in mem. */
enum pb_err moved_look(struct app_object *mine, struct app_object *theirs, size_t i,
                       struct arena *mem, struct moved *c, struct error *e) PB_CHECK;
/* All of them, or none: they are found and checked in what they wrote before the first is made.
 * PB_ECHANGED: one cannot be. */
enum pb_err moved_all(struct app_object *mine, struct app_object *theirs, struct error *e) PB_CHECK;

#endif

/*
 * What Tab puts into a line that is typed: the rest of a step of a path, or of a name of a place.
 *
 * Looks at what is in memory, and at so many children of a container as take no time; of a local
 * folder that is not listed it reads the first page, and completes when that is there.
 */
#ifndef UI_COMPLETE_H
#define UI_COMPLETE_H

#include "state.h"

struct completion {
    const char *typed; /* what it shall begin with, borrowed */
    size_t len;
    size_t hide;       /* bytes of each that are not shown: they are all the same */
    struct buf common; /* what all that begin so have in common */
    struct buf shown;  /* the first of them */
    uint64_t count;
    bool more;    /* not all were looked at */
    bool pending; /* they are being read; Tab is pressed once more when they are there */
};
void completion_init(struct completion *c, const char *typed, size_t len);
void completion_release(struct completion *c);
void completion_add(struct completion *c, const char *text, size_t n);

/* Both give whole texts, to stand in place of what was typed. */
void complete_path(struct ui *u, struct completion *c);
void complete_location(struct ui *u, struct completion *c);
/* Names of what is listed, as `:` takes them. */
void complete_listed(struct ui *u, struct completion *c);
void complete_forget(struct ui *u);

#endif

/*
 * The list of versions, between its files: view_versions.c (the list and looking at one) and
 * versions_work.c (comparing two, bringing one back).
 */
#ifndef UI_VERSIONS_H
#define UI_VERSIONS_H

#include "state.h"

#define NO_ROW SIZE_MAX

struct versions {
    struct view view; /* first */
    struct ui *u;
    struct location where;
    struct app_versions *list;
    struct list rows;
    size_t marked; /* a row, or NO_ROW */
    bool error_said;
    /* One of these runs at most. */
    struct app_contrast *contrast;
    struct app_copy *copy;
    struct app_remove *remove;
    size_t compared[2]; /* rows */
    size_t chosen;      /* the row that a question is about */
    uint64_t since;
};

struct versions *versions_top(const struct ui *u); /* NULL: none is open */
bool versions_running(const struct versions *v);
bool versions_of_folder(const struct versions *v);
void versions_stop(struct versions *v); /* what runs */
bool versions_fill(struct versions *v); /* reads the list (again); false: said why not */
/* The row of the cursor.  NULL: there is none, or something else must end first (said). */
const struct app_version *versions_free_row(struct ui *u, struct versions *v);

/* Words about a version: when, what it is, what tells it from the others, its key. */
void version_time(struct buf *out, int64_t when);
const char *version_state(const struct app_version *x);
void version_name(struct buf *out, const struct app_version *x);
void version_key(const struct versions *v, const struct app_version *x, struct buf *out);

#endif

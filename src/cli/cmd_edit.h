/*
 * What the editing commands are made of: the EDITs and PATHs of the command line, and the report of
 * what they changed.
 */
#ifndef PKLBROWSE_CLI_CMD_EDIT_H
#define PKLBROWSE_CLI_CMD_EDIT_H

#include "cli.h"

/* Of a value that stands in several places: where it is changed. */
enum edit_reach {
    REACH_USUAL, /* the place; everywhere inside a shared container */
    REACH_HERE,
    REACH_EVERYWHERE
};
struct edit {
    enum command_id command; /* CMD_set, CMD_add, CMD_del, CMD_rename */
    const char *text;        /* as typed */
    struct edit_arg arg;
    struct literal *value; /* of rename: the new key */
    struct pkl_child *way; /* from the root to the place, way[count - 1]; of add: to what gets it */
    size_t count;
    struct pkl_spot spot; /* of add */
};

/* Parses all EDITs, PATHs (del), or the PATH and the LITERAL (rename, n is 1); reads their files.
 * Everything lives in mem. */
enum pb_err edits_parse(struct cli *c, struct arena *mem, const char *const *texts, size_t n,
                        struct edit *out, struct error *e) PB_CHECK;
/* Finds their places in the object as read: PB_EUSAGE when one is named twice or inside another. */
enum pb_err edits_find(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                       enum edit_reach reach, struct error *e) PB_CHECK;
/* All or none. */
enum pb_err edits_apply(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                        enum edit_reach reach, struct error *e) PB_CHECK;

/* The first one that changes more places than the one that was named: a container on its way stands
 * at several; NULL: none is met by following the path. */
const struct edit *edits_shared(const struct edit *edits, size_t n, enum edit_reach reach);

/* What became of it.  saved is NULL when nothing was to be written; to is NULL in place. */
struct report {
    struct app_object *object;
    const struct app_review *review;
    const struct app_saved *saved;
    const struct location *to;
    const struct buf *doubts; /* lines */
};
enum pb_err report_text(const struct cli *c, const struct report *r, struct buf *out,
                        struct error *e) PB_CHECK;
enum pb_err report_json(const struct report *r, struct buf *out, struct error *e) PB_CHECK;

#endif

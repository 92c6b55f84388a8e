/*
 * What set is made of: the EDITs of the command line, and the report of what they changed.
 */
#ifndef PKLBROWSE_CLI_CMD_SET_H
#define PKLBROWSE_CLI_CMD_SET_H

#include "cli.h"

/* A place: unique in a document, whatever path led there. */
struct edit_place {
    pkl_id owner;
    uint64_t index;
};
struct edit {
    const char *text; /* as typed */
    struct edit_arg arg;
    struct literal *value;
    struct pkl_child place;
    struct edit_place *way; /* from the root to the place, way[count - 1] */
    size_t count;
};

/* Parses all EDITs; reads their files.  Everything lives in mem. */
enum pb_err edits_parse(struct cli *c, struct arena *mem, const char *const *texts, size_t n,
                        struct edit *out, struct error *e) PB_CHECK;
/* Finds their places in the object as read: PB_EUSAGE when one is named twice or inside another. */
enum pb_err edits_find(struct pkl_view *v, struct arena *mem, struct edit *edits, size_t n,
                       struct error *e) PB_CHECK;
/* All or none. */
enum pb_err edits_apply(struct pkl_edit *ed, const struct edit *edits, size_t n,
                        struct error *e) PB_CHECK;

/* What became of it.  saved is NULL when nothing was to be written; to is NULL in place. */
struct report {
    struct app_object *object;
    const struct app_review *review;
    const struct app_saved *saved;
    const struct location *to;
};
enum pb_err report_text(const struct cli *c, const struct report *r, struct buf *out,
                        struct error *e) PB_CHECK;
enum pb_err report_json(const struct report *r, struct buf *out, struct error *e) PB_CHECK;

#endif

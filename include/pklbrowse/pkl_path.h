/* floor 1: pickle */
/*
 * Paths to values, as DESIGN §7 defines them:
 *   PATH := ['@'N] STEP*      STEP := '.'IDENT | '['LITERAL']' | '[#'N']' | '[]' | '@'PART
 *   EDIT := PATH '=' LITERAL | PATH ':=' TEXT | PATH '=@' FILE
 * Written, parsed and followed both ways.  `[a]` (what a shell leaves of `['a']`) is refused with
 * `.a` as the hint.
 */
#ifndef PKLBROWSE_PKL_PATH_H
#define PKLBROWSE_PKL_PATH_H

#include <pklbrowse/pkl_literal.h>

enum path_step_kind { PATH_NAME, PATH_LITERAL, PATH_NTH, PATH_LAST, PATH_PART };
struct path_step {
    enum path_step_kind kind;
    const char *name; /* PATH_NAME: UTF-8 */
    size_t name_len;
    const struct literal *key; /* PATH_LITERAL */
    uint64_t nth;              /* PATH_NTH */
    enum pkl_part part;        /* PATH_PART */
    const char *typed;         /* the step as it was written, for messages */
};
struct pkl_path {
    uint64_t root;           /* @N, 0 by default */
    struct path_step *steps; /* in the arena given to the parser */
    size_t count;
};

enum pb_err pkl_path_parse(struct arena *mem, const char *text, size_t n, struct pkl_path *out,
                           size_t *at, struct error *e) PB_CHECK;
/* The place a path names in `v`.  `['k']` is the last stored pair whose key equals k; negative
 * indexes count from the end; `.name` is a dict's str key or an object's attribute.  PB_ENOTFOUND
 * says how far it got. */
enum pb_err pkl_path_follow(struct pkl_view *v, const struct pkl_path *path, struct pkl_child *out,
                            struct error *e) PB_CHECK;

/* Many paths of one view: what is searched more than once is searched by the hashes of its keys.
 * Good as long as no key comes, goes or changes.  The view is borrowed. */
struct pkl_paths;
enum pb_err pkl_paths_new(struct pkl_view *v, struct pkl_paths **out, struct error *e) PB_CHECK;
void pkl_paths_free(struct pkl_paths *p);
/* The places from the root to the one that a path names: path->count + 1. */
enum pb_err pkl_paths_way(struct pkl_paths *p, const struct pkl_path *path, struct pkl_child *way,
                          struct error *e) PB_CHECK;

enum edit_op { EDIT_LITERAL, EDIT_TEXT, EDIT_FILE };
struct edit_arg {
    struct pkl_path path;
    enum edit_op op;
    const char *value; /* what stands behind the operator, borrowed from the text */
    size_t value_len;
};
enum pb_err pkl_edit_parse(struct arena *mem, const char *text, size_t n, struct edit_arg *out,
                           size_t *at, struct error *e) PB_CHECK;

/* One step as text: PATH form (`.age`, `[3]`, `['a b']`, `@args`, `[#2]`), or the Python form
 * (`['age']`, `.name` for attributes only).  The key of a PKL_STEP_KEY is read through v. */
enum path_form { PATH_FORM_PATH, PATH_FORM_PYTHON };
enum pb_err pkl_path_step_text(struct pkl_view *v, const struct pkl_child *child,
                               enum path_form form, struct buf *out, struct error *e) PB_CHECK;
/* Path of the first place reached from STOP where the value `id` stands. */
enum pb_err pkl_path_of(struct pkl_view *v, pkl_id id, enum path_form form, struct buf *out,
                        struct error *e) PB_CHECK;
/* Path of a place (owner and index count, not the value that stands there now). */
enum pb_err pkl_path_of_place(struct pkl_view *v, const struct pkl_child *place,
                              enum path_form form, struct buf *out, struct error *e) PB_CHECK;

#endif

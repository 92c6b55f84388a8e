/* floor 5: model */
/*
 * The rows of a value as a tree: which containers are expanded, and what row n shows.
 *
 * Only expanded containers are kept; a row's text is made when it is asked for, so a list of 10^8
 * items costs nothing until it is looked at.  Expansion belongs to a visible place (not to a
 * value), so a value that contains itself can be opened again and again, one level at a time.  Row
 * 0 is the value of pickle 0; a stream of several pickles shows each at depth 0.  Knows neither
 * curses nor stores.  Single thread; all texts are safe to draw.
 */
#ifndef PKLBROWSE_TREE_H
#define PKLBROWSE_TREE_H

#include <pklbrowse/pkl_edit.h>
#include <pklbrowse/pkl_path.h>

struct tree;

enum pb_err tree_new(struct pkl_view *v, struct pkl_edit *edit /* NULL: read only */,
                     struct tree **out, struct error *e) PB_CHECK;
/* Of one place of a view and what is below it; read only, the place is its first row. */
enum pb_err tree_new_at(struct pkl_view *v, const struct pkl_child *place, struct tree **out,
                        struct error *e) PB_CHECK;
void tree_free(struct tree *t);

uint64_t tree_rows(const struct tree *t);

struct tree_row {
    unsigned depth;
    bool expandable, expanded;
    bool changed;       /* this place has a new value */
    bool moved;         /* it is the old one, at another place */
    bool below_changed; /* a place below has */
    bool shared;        /* stands here as a reference to a value that is shown elsewhere first */
    struct pkl_child child;
    struct buf label;   /* 'name'   3   .attr   @args   "" for the root */
    struct buf type;    /* str   list (3)   mylib.Cosine */
    struct buf preview; /* the value, or its first children */
    struct buf was;     /* of a changed row: what stood there, "" otherwise */
};
void tree_row_init(struct tree_row *r);
void tree_row_release(struct tree_row *r);
/* Fills r (initialised; its buffers are reused).  What cannot be decoded shows its error as the
 * preview. */
enum pb_err tree_row(struct tree *t, uint64_t row, size_t preview_bytes, struct tree_row *r,
                     struct error *e) PB_CHECK;

/* Rows one after the other, whatever is expanded: the next one costs the same at any depth.  The
 * children of one come next when it is entered as soon as it was given.  The tree must not change
 * meanwhile. */
struct tree_walk;
enum pb_err tree_walk_new(struct tree *t, struct tree_walk **out, struct error *e) PB_CHECK;
void tree_walk_free(struct tree_walk *w); /* NULL is fine */
enum pb_err tree_walk_next(struct tree_walk *w, size_t preview_bytes, struct tree_row *r,
                           bool *there, struct error *e) PB_CHECK;
enum pb_err tree_walk_enter(struct tree_walk *w, const struct tree_row *r,
                            struct error *e) PB_CHECK;

enum pb_err tree_expand(struct tree *t, uint64_t row,
                        struct error *e) PB_CHECK; /* leaf or expanded: nothing */
void tree_collapse(struct tree *t, uint64_t row);
void tree_collapse_below(struct tree *t, uint64_t row);
/* Expands everything below, references excepted, until `max_rows` rows are visible below it;
 * *complete says whether all is. */
enum pb_err tree_expand_below(struct tree *t, uint64_t row, uint64_t max_rows, bool *complete,
                              struct error *e) PB_CHECK;
/* Expands the whole tree to `level` levels below the roots (1: the roots' children are seen) and
 * collapses the rest. */
enum pb_err tree_expand_level(struct tree *t, unsigned level, uint64_t max_rows,
                              struct error *e) PB_CHECK;

bool tree_parent(const struct tree *t, uint64_t row, uint64_t *parent); /* false: at depth 0 */
bool tree_sibling(const struct tree *t, uint64_t row, int direction, uint64_t *sibling);

/* The place itself, for edits and for keeping the cursor: the row's child struct. */
enum pb_err tree_child(struct tree *t, uint64_t row, struct pkl_child *out,
                       struct error *e) PB_CHECK;
/* The path typed (PATH) or copied (Python form) of a row: through the rows above it. */
enum pb_err tree_path(struct tree *t, uint64_t row, enum path_form form, struct buf *out,
                      struct error *e) PB_CHECK;
/* Expands what is needed to see the place `path` names and gives its row.  What is only there
 * without a lens makes the object raw. */
enum pb_err tree_reveal(struct tree *t, const struct pkl_path *path, uint64_t *row,
                        struct error *e) PB_CHECK;
/* The values as the rows show them: through lenses, or raw where that was chosen. */
struct pkl_view *tree_view(struct tree *t);
/* Shows the row's object raw, or through its lens again: everywhere where it stands.
 * PB_ENOTFOUND: it has none. */
enum pb_err tree_toggle_lens(struct tree *t, uint64_t row, bool *raw, struct error *e) PB_CHECK;
/* What the rows say in words of ours ("shared", "3 items") is from now on in the person's language:
 * of a tree that is drawn, not of one that is printed. */
void tree_speak(struct tree *t);
/* The next way of reading Python 2 str in the rows: ASCII, Latin-1, UTF-8, bytes; a static name. */
const char *tree_next_py2_str(struct tree *t);
/* After an edit, undo or redo: counts are read again; what was expanded and is still there stays.
 */
enum pb_err tree_refresh(struct tree *t, struct error *e) PB_CHECK;

#endif

/* floor 1: pickle */
/*
 * Edits over an immutable document.
 *
 * An edited container is a piece list: runs of original children (first, count) and single new
 * ones.  A new value is encoded at once, in the file's own protocol, into an append-only second
 * source (source number 1) indexed by the same scan: its inside is browsed, edited and shared like
 * any other.  Undo is a log of (container, old pieces, new pieces), without limit; a save moves a
 * mark in it, so undo crosses saves.
 */
#ifndef PKLBROWSE_PKL_EDIT_H
#define PKLBROWSE_PKL_EDIT_H

#include <pklbrowse/pkl_path.h>

struct pkl_edit;

/* The document is borrowed, must be indexed to its end and outlive the session. */
enum pb_err pkl_edit_new(struct pkl_doc *doc, struct pkl_edit **out, struct error *e) PB_CHECK;
void pkl_edit_free(struct pkl_edit *ed);
struct pkl_view *pkl_edit_view(struct pkl_edit *ed);
/* What was last saved; before the first save, the document. */
struct pkl_view *pkl_edit_saved_view(struct pkl_edit *ed);

/* Puts a new value at a place (as pkl_view.children, .root or pkl_path_follow gave it).  Setting a
 * value equal in type and bytes to what stands there changes nothing; setting the original back
 * removes the change.  PB_EREADONLY: this place cannot be edited, and why. */
enum pb_err pkl_edit_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e) PB_CHECK;
/*
 * Shared values.  `way` is the places from the root down to the one that is meant, way[n - 1], each
 * standing in the value of the one before.
 *
 * uses: how often the value of each place of the way stands somewhere; more than once: shared.
 * own: the innermost shared container that is passed gets a copy of its own at its place on the
 * way, so that what is set below is set here only; what the copy holds beside the way is still
 * shared.  The way then leads to the same place in the copy.  Nothing shared: nothing happens.
 * set_everywhere: the value wherever the same value stands now, as one step; the places are then
 * one value again.  (Keys are not places.)  Each walks over everything.
 */
enum pb_err pkl_edit_uses(struct pkl_edit *ed, const struct pkl_child *way, size_t n,
                          uint64_t *uses, struct error *e) PB_CHECK;
/* Of any value, by its id.  count: a part of the work, about `budget` KiB or containers; *done:
 * counted() knows, until the next edit.  In a large pickle keys that are this value count, too. */
enum pb_err pkl_edit_count(struct pkl_edit *ed, pkl_id target, unsigned budget, bool *done,
                           struct error *e) PB_CHECK;
bool pkl_edit_counted(struct pkl_edit *ed, pkl_id target, uint64_t *uses);
enum pb_err pkl_edit_value_uses(struct pkl_edit *ed, pkl_id target, uint64_t *uses,
                                struct error *e) PB_CHECK;
enum pb_err pkl_edit_own(struct pkl_edit *ed, struct pkl_child *way, size_t n,
                         struct error *e) PB_CHECK;
/* The same, and the value at way[n - 1] is passed, too: something is to be added to it. */
enum pb_err pkl_edit_own_value(struct pkl_edit *ed, struct pkl_child *way, size_t n,
                               struct error *e) PB_CHECK;
enum pb_err pkl_edit_set_everywhere(struct pkl_edit *ed, const struct pkl_child *place,
                                    const struct literal *value, struct error *e) PB_CHECK;
/*
 * The same for many ways with one walk.
 *
 * add: a way that will be asked about; for set_everywhere with the places of its last value. count:
 * the walk, once all were added.  Then each way is led along what there is now and given to own(),
 * or its last place to set_everywhere(), as long as nothing else is done to the session in between.
 * A container that got its copy for one way is the copy of the others that lead to it, too.
 */
struct pkl_uses;
enum pb_err pkl_uses_new(struct pkl_edit *ed, struct pkl_uses **out, struct error *e) PB_CHECK;
void pkl_uses_free(struct pkl_uses *u);
enum pb_err pkl_uses_add(struct pkl_uses *u, const struct pkl_child *way, size_t n, bool places,
                         struct error *e) PB_CHECK;
enum pb_err pkl_uses_count(struct pkl_uses *u, struct error *e) PB_CHECK;
enum pb_err pkl_uses_own(struct pkl_uses *u, struct pkl_child *way, size_t n, bool value,
                         struct error *e) PB_CHECK;
enum pb_err pkl_uses_set_everywhere(struct pkl_uses *u, const struct pkl_child *place,
                                    const struct literal *value, struct error *e) PB_CHECK;

/*
 * Children that come and go.  All shift places behind them: a place is good until the next of
 * these edits; an id is good as long as the session.
 *
 * insert: `into` is a container or an object, `step` says as what: INDEX before item `index`
 *   (UINT64_MAX: at the end), MEMBER, KEY or ATTR with a key.  PB_EEXIST: there is such a key or
 *   member; PB_EUSAGE: it cannot be one.
 * delete, rename: of a pair all whose keys are equal.  PB_EEXIST: another one has that name.
 * move: to another position among its siblings.
 * duplicate: a copy with all that is inside it, right behind.
 * convert: what the constructor of that type makes of the value.  PB_EUSAGE: it takes no such one.
 * set_copy, insert_copy: a value of this or another pickle (any view) with all that is inside it,
 *   sharing and recursion as there.  PB_EREADONLY: a tuple, set or object that is part of what it
 *   is made of; a persistent id of another pickle; a buffer.
 */
enum pb_err pkl_edit_insert(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                            uint64_t index, const struct literal *key, const struct literal *value,
                            struct error *e) PB_CHECK;
enum pb_err pkl_edit_delete(struct pkl_edit *ed, const struct pkl_child *place,
                            struct error *e) PB_CHECK;
enum pb_err pkl_edit_rename(struct pkl_edit *ed, const struct pkl_child *place,
                            const struct literal *key, struct error *e) PB_CHECK;
enum pb_err pkl_edit_move(struct pkl_edit *ed, const struct pkl_child *place, uint64_t to,
                          struct error *e) PB_CHECK;
enum pb_err pkl_edit_duplicate(struct pkl_edit *ed, const struct pkl_child *place,
                               struct error *e) PB_CHECK;
enum pb_err pkl_edit_convert(struct pkl_edit *ed, const struct pkl_child *place, enum pkl_kind kind,
                             struct error *e) PB_CHECK;
enum pb_err pkl_edit_set_copy(struct pkl_edit *ed, const struct pkl_child *place,
                              struct pkl_view *from, const struct pkl_node *node,
                              struct error *e) PB_CHECK;
enum pb_err pkl_edit_insert_copy(struct pkl_edit *ed, const struct pkl_node *into,
                                 enum pkl_step step, uint64_t index, const struct literal *key,
                                 struct pkl_view *from, const struct pkl_node *node,
                                 struct error *e) PB_CHECK;
/* What the last step of a path means that names something to be added to `into`: [] the end, [N] in
 * front of an item, else a key or an attribute.  It lives in `mem`. */
struct pkl_spot {
    struct pkl_node into;
    enum pkl_step step;
    uint64_t index;
    const struct literal *key;
};
enum pb_err pkl_edit_spot(struct pkl_edit *ed, struct arena *mem, const struct pkl_node *into,
                          const struct path_step *step, struct pkl_spot *out,
                          struct error *e) PB_CHECK;
/* Where the child of the document now stands whose place it was; false: nowhere. */
bool pkl_edit_find(const struct pkl_edit *ed, pkl_id owner, uint64_t index, uint64_t *now);

/* Several edits that are undone as one step. */
void pkl_edit_group_begin(struct pkl_edit *ed);
void pkl_edit_group_end(struct pkl_edit *ed);

bool pkl_edit_undo(struct pkl_edit *ed); /* false: nothing to undo */
bool pkl_edit_redo(struct pkl_edit *ed);
/* Back to what was last saved there. */
enum pb_err pkl_edit_revert(struct pkl_edit *ed, const struct pkl_child *place,
                            struct error *e) PB_CHECK;

bool pkl_edit_dirty(const struct pkl_edit *ed);   /* differs from what was last saved */
bool pkl_edit_changed(const struct pkl_edit *ed); /* differs from the document */
void pkl_edit_mark_saved(struct pkl_edit *ed);

/* What is changed at this moment, one row a child, in document order. */
enum {
    PKL_CHANGE_SET = 1,
    PKL_CHANGE_RENAMED = 2,
    PKL_CHANGE_MOVED = 4, /* among its siblings; may come with the two above */
    PKL_CHANGE_ADDED = 8,
    PKL_CHANGE_DELETED = 16
};
struct pkl_change {
    unsigned what;
    bool elsewhere; /* inside a value of which the first place is gone, but not another one */
    /* As the document has it (index, key), with the value that stands there now; of an added one as
     * it is now; of a deleted one with the value that stood there. */
    struct pkl_child place;
    struct pkl_node old;              /* id 0: the place is new */
    struct pkl_node old_key, new_key; /* when it was renamed */
};
/* Against the document: old values are its own. */
size_t pkl_edit_changes(struct pkl_edit *ed);
enum pb_err pkl_edit_change(struct pkl_edit *ed, size_t i, struct pkl_change *out,
                            struct error *e) PB_CHECK;
/* Against what was last saved: old values are those of pkl_edit_saved_view(). */
size_t pkl_edit_unsaved(struct pkl_edit *ed);
enum pb_err pkl_edit_unsaved_change(struct pkl_edit *ed, size_t i, struct pkl_change *out,
                                    struct error *e) PB_CHECK;
/* Its path: in the document as it was read, of an added place in what there is now. */
enum pb_err pkl_edit_change_path(struct pkl_edit *ed, const struct pkl_change *change,
                                 enum path_form form, struct buf *out, struct error *e) PB_CHECK;
/* Appends, a line each, what of the changes Python may refuse: known objects that are no longer
 * what their class accepts, and what came into objects of unknown classes that had none of it. */
enum pb_err pkl_edit_doubts(struct pkl_edit *ed, struct buf *out, struct error *e) PB_CHECK;
/* Does something else stand at this place than was last saved?  *old (may be NULL) gets that, for
 * pkl_edit_saved_view(). */
bool pkl_edit_place_changed(struct pkl_edit *ed, pkl_id owner, uint64_t index,
                            struct pkl_node *old);
/* So it is for some place below this container (for the mark on collapsed rows). */
bool pkl_edit_below_changed(struct pkl_edit *ed, const struct pkl_node *node);

#endif

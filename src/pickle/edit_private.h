/* floor 1: pickle */
/*
 * The state of an edit session, for the files that make it up and for the splicer.
 *
 * A value's number is 1 + its place in `values`, which are in the order of their bytes in the
 * second source.  Scalars of equal bytes have one number, so that equal numbers are equal values;
 * containers never share one, because what is inside them may be edited.
 */
#ifndef PKLBROWSE_EDIT_PRIVATE_H
#define PKLBROWSE_EDIT_PRIVATE_H

#include <pklbrowse/pkl_edit.h>

#include "batch.h"
#include "idmap.h"
#include "key_index.h"
#include "path_finder.h"
#include "pieces.h"

/* A container whose children were edited. */
struct edit_container {
    pkl_id owner;
    enum pkl_step step; /* how its children are reached */
    struct pieces now, saved;
    struct {
        struct pkl_child *data; /* places that were edited at any time, as they first were */
        size_t len, cap;
    } originals;
    struct idmap original_of; /* index + 1 -> number of the original, from 1 on */
};

struct edit_value {
    struct pkl_node node; /* in the second source */
    bool apart;           /* others are links to it: it is one object, wherever it is written */
    bool live;            /* while changes are collected: stands somewhere */
    size_t same_hash;     /* the value before with the same hash */
};

/* In a new value an EXT4 at this offset of the second source stands for another value: the view
 * shows it as a reference to that, and the splicer writes a GET there. */
#define EDIT_LINK_SIZE 5
struct edit_link {
    uint64_t offset;
    pkl_id target;
};
struct edit_links {
    struct edit_link *data; /* in order of their offsets */
    size_t len, cap;
};

/* One replacement in one container. */
struct edit_log {
    size_t container;
    uint64_t at;
    struct pieces old, new;
    uint64_t group; /* what is undone together */
};

/* A child that is another than the original, or than was last saved. */
struct edit_change {
    size_t container;
    uint64_t first; /* of the child */
    unsigned what;  /* PKL_CHANGE_... */
    struct pkl_child place;
    struct pkl_node old, old_key;
    size_t value, key;   /* numbers of what stands there now, 0: the original's */
    uint64_t begin, end; /* bytes of the original it is about; of an added one: where it went */
    bool covered;        /* inside a value that was replaced or deleted itself */
    bool elsewhere;      /* so it is where its bytes are, but it still stands somewhere else */
    bool stray;          /* its bytes stand in no value */
    bool lost;           /* and its owner stands nowhere else */
};

/* In document order. */
struct edit_changes {
    struct {
        struct edit_change *data;
        size_t len, cap;
    } rows;
    struct {
        size_t *data; /* those that are not covered */
        size_t len, cap;
    } shown;
};

struct edit_span {
    uint64_t begin, end;
};
struct edit_gone {
    struct edit_span *data;
    size_t len, cap;
};

/* A list whose keys or members were searched in the present group. */
struct edit_keyed {
    pkl_id list;
    bool keys, noted;
    struct key_index index;
};

/* Children of a document side by side: who edits one often edits the next. */
#define EDIT_WINDOW 32
struct edit_window {
    pkl_id owner; /* 0: none were read */
    uint64_t first;
    size_t count;
    struct pkl_child kids[EDIT_WINDOW];
};

/* edit_walk.c */
struct edit_level {
    pkl_id id;
    uint64_t next, count;
    uint64_t begin, end; /* its bytes; none: it was entered by reference */
    struct batch batch;
};
struct edit_walk {
    struct pkl_edit *ed;
    struct pkl_view *v;
    struct {
        struct edit_level *data;
        size_t len, cap;
    } levels;
    struct idmap met;      /* what was met by reference */
    struct idmap shown_by; /* owner of attributes -> the first object that shows them */
    uint64_t root;
    bool unnoted;  /* nobody asks how often */
    bool one_home; /* every container is entered at its own place */
    bool marking;  /* in whichever comes first */
    bool grown;    /* something was met for the first time in this round */
    enum pb_err (*see)(void *ctx, const struct pkl_child *place, struct error *e);
    void *ctx;
    struct error *e;
};
/* How often values stand somewhere, in one state. */
struct edit_counts {
    struct edit_walk walk; /* of few: all of them */
    bool begun, walked;
    uint64_t stamp;
    struct idmap known; /* of many: those that were asked about */
    struct pkl_memo_walk memo;
    pkl_id target; /* for which it walks, 0: none */
    uint64_t maker, behind, slot, start, uses;
};

struct pkl_edit {
    struct pkl_view view, saved_view;
    bool as_saved; /* the second one is being asked */
    struct pkl_doc *doc, *news;
    struct pkl_view *base, *second;
    struct source *bytes; /* of new values */
    uint64_t good;        /* so many of them are indexed */
    bool stale;           /* `news` did not come to the end of them */
    struct pkl_style style;
    struct {
        struct edit_container *data;
        size_t len, cap;
    } containers;
    struct idmap by_owner; /* container number + 1 */
    struct {
        struct edit_value *data;
        size_t len, cap;
    } values;
    struct idmap by_hash; /* value number */
    struct edit_links links;
    struct {
        struct edit_log *data;
        size_t len, cap;
    } log;
    struct {
        struct edit_keyed *data;
        size_t len, cap;
    } keyed;
    struct idmap keyed_of; /* list -> number, from 1 on */
    size_t undone;         /* entries at the end of the log that are undone */
    uint64_t group;
    uint64_t serial; /* of the next new child */
    unsigned group_depth;
    bool fresh; /* both lists are up to date */
    struct edit_window window;
    struct idmap undupped; /* offset + 1 of a DUP: its place had a value of its own */
    bool undupping;
    struct edit_counts counts;
    struct path_finder finders[2]; /* of changes: in the document, in what there is now */
    uint64_t finder_stamp;         /* the state of the second one */
    struct edit_stand *stands;     /* edit_way.c: of every new value */
    uint64_t stands_stamp;
    struct edit_changes changes; /* against the document */
    struct edit_changes since_saved;
    struct edit_gone asked_gone; /* of these bytes it was asked whether they are fetched */
    size_t asked_links;
    bool gone_fetched;
};

/* Another number after every edit, undo and redo: who reads the session over several steps asks
 * whether it is still the one that was begun with. */
static inline uint64_t edit_stamp(const struct pkl_edit *ed)
{
    size_t done = ed->log.len - ed->undone;
    uint64_t stamp = done > 0 ? ed->log.data[done - 1].group : 0;

    stamp = stamp * 1000003u + ed->log.len;
    stamp = stamp * 1000003u + ed->undone;
    stamp = stamp * 1000003u + ed->containers.len;
    return stamp * 1000003u + ed->values.len;
}

void edit_view_init(struct pkl_edit *ed);
struct edit_container *edit_container_of(struct pkl_edit *ed, pkl_id owner);
/* The container, entered when it is new; its number in ed->containers.  Pointers to containers hold
 * until another one is entered. */
enum pb_err edit_need(struct pkl_edit *ed, pkl_id owner, enum pkl_step step, size_t *number,
                      struct error *e) PB_CHECK;
/* The same for a place, which must be there; its piece in one child. */
enum pb_err edit_need_place(struct pkl_edit *ed, const struct pkl_child *place, size_t *number,
                            struct piece *piece, struct error *e) PB_CHECK;
/* What the view that is asked shows of a container; NULL stays NULL. */
static inline const struct pieces *edit_shown(const struct pkl_edit *ed,
                                              const struct edit_container *c)
{
    return c == NULL ? NULL : ed->as_saved ? &c->saved : &c->now;
}
/* The number of the value that it shows at a place, 0: the original. */
size_t edit_shown_at(struct pkl_edit *ed, pkl_id owner, uint64_t index);
/* The value that stands at a place now; 0: the original. */
size_t edit_value_at(const struct edit_container *c, uint64_t index);
/* A child of the original, as the document has it. */
enum pb_err edit_original(struct pkl_edit *ed, size_t number, uint64_t first, struct pkl_child *out,
                          struct error *e) PB_CHECK;
/* Puts pieces in the place of children and logs it. */
enum pb_err edit_replace(struct pkl_edit *ed, size_t number, uint64_t at, uint64_t count,
                         const struct piece *with, size_t n, struct error *e) PB_CHECK;
/* The view without the edits that knows an id. */
struct pkl_view *edit_base_of(struct pkl_edit *ed, pkl_id id);
/* The id of the list an id means: that of a link means its target. */
pkl_id edit_meant(const struct pkl_edit *ed, pkl_id id);

/* edit_children.c: children of a container that is no object, from `first` on. */
enum pb_err edit_list_count(struct pkl_edit *ed, pkl_id list, uint64_t *count,
                            struct error *e) PB_CHECK;
enum pb_err edit_list(struct pkl_edit *ed, pkl_id list, enum pkl_step step, uint64_t first,
                      size_t count, struct pkl_child *out, size_t *got, struct error *e) PB_CHECK;
/* The node as it is with the edits: a link becomes a reference, the count is that of now. */
enum pb_err edit_adjust(struct pkl_edit *ed, struct pkl_node *n, struct error *e) PB_CHECK;
/* edit_object.c: the children of an object. */
enum pb_err edit_object_count(struct pkl_edit *ed, pkl_id object, uint64_t *count,
                              struct error *e) PB_CHECK;
enum pb_err edit_object(struct pkl_edit *ed, pkl_id object, uint64_t first, size_t count,
                        struct pkl_child *out, size_t *got, struct error *e) PB_CHECK;
/* PB_ENOTFOUND when it has none. */
enum pb_err edit_part(struct pkl_edit *ed, pkl_id object, enum pkl_part part, struct pkl_child *out,
                      struct error *e) PB_CHECK;
/* How many states the original sets. */
enum pb_err edit_states(struct pkl_edit *ed, pkl_id object, uint64_t *count,
                        struct error *e) PB_CHECK;

/* The value that is meant by the opcode at an offset of the second source; false: itself. */
bool edit_link_at(const struct pkl_edit *ed, uint64_t offset, pkl_id *target);
/* A node of the second source that is a link becomes a reference. */
enum pb_err edit_resolve(struct pkl_edit *ed, struct pkl_node *n, struct error *e) PB_CHECK;

/* Opcodes of a new value in the making; offsets of its links are those in `bytes`. */
#define EDIT_INNER 15u /* source of a target that is an offset in the draft itself */
struct edit_draft {
    struct buf bytes;
    struct edit_links links;
};
/* Enters it as it is.  A draft may be a single link. */
enum pb_err edit_add_draft(struct pkl_edit *ed, const struct edit_draft *d, size_t *number,
                           struct error *e) PB_CHECK;
void edit_draft_link(struct edit_draft *d, pkl_id target, bool *no_memory);
/* A copy of a container: what is inside it that is no scalar is linked, not copied. */
enum pb_err edit_copy_shallow(struct pkl_edit *ed, const struct pkl_node *node,
                              struct edit_draft *out, struct error *e) PB_CHECK;
/* The list or dict that shows as what is in an object: old protocols give it to a set, and to a
 * subclass of list or dict, as an argument.  0: there is none. */
enum pb_err edit_items_argument(struct pkl_edit *ed, const struct pkl_node *object, pkl_id *items,
                                struct error *e) PB_CHECK;
/* Another container with what is in this one; only the chosen children (NULL: all). */
enum pb_err edit_copy_as(struct pkl_edit *ed, const struct pkl_node *list, enum pkl_kind kind,
                         const bool *chosen, struct edit_draft *out, struct error *e) PB_CHECK;
/* A value with all that is inside it. */
enum pb_err edit_add_copy(struct pkl_edit *ed, struct pkl_view *from, const struct pkl_node *node,
                          size_t *number, struct error *e) PB_CHECK;
/* edit_name.c: what is set as it was typed.  A class is named by a text, whose module ends where
 * that of what stands there does; `shown`: it is what is shown of that, so nothing changes. */
struct edit_typed {
    struct pkl_child place;
    struct literal value;
    struct buf module, name; /* that a global borrows from */
    bool shown;
};
enum pb_err edit_name_typed(struct pkl_edit *ed, const struct pkl_child *place,
                            const struct literal *value, struct edit_typed *out,
                            struct error *e) PB_CHECK;
void edit_typed_release(struct edit_typed *t);
/* PB_EREADONLY: a broken pickle. */
enum pb_err edit_whole(struct pkl_edit *ed, struct error *e) PB_CHECK;
/* Puts a value at a place whatever stands there; 0: the original. */
enum pb_err edit_put(struct pkl_edit *ed, const struct pkl_child *place, size_t number,
                     struct error *e) PB_CHECK;
enum pb_err edit_put_key(struct pkl_edit *ed, const struct pkl_child *place, size_t key,
                         struct error *e) PB_CHECK;
/* Takes back what was logged since the log had this length, for good. */
void edit_rollback(struct pkl_edit *ed, size_t log_len);

/* edit_rebuilt.c: what objects are made from. */
/* Where a class is set that is meant by a place; *named: the value is its name, a str. */
enum pb_err edit_class_place(struct pkl_edit *ed, const struct pkl_child *place,
                             const struct literal *value, struct pkl_child *at, bool *named,
                             struct error *e) PB_CHECK;
enum pb_err edit_argument_may_be(struct pkl_edit *ed, const struct pkl_child *place,
                                 const struct literal *value, struct error *e) PB_CHECK;
enum pb_err edit_arguments_stay(struct pkl_edit *ed, pkl_id list, struct error *e) PB_CHECK;
/* Of a key that a dict gets, which may be keyword arguments. */
enum pb_err edit_keyword_may_be(struct pkl_edit *ed, pkl_id list, const struct literal *key,
                                struct error *e) PB_CHECK;

/* Of a name that comes into a dict of attributes: a state may be two of them, for __dict__ and for
 * __slots__.  PB_EEXIST: the other one has it. */
enum pb_err edit_other_half_is_free(struct pkl_edit *ed, pkl_id half, const struct literal *name,
                                    struct error *e) PB_CHECK;

/* edit_path.c: the places from the root down to the one that holds a change, as far as they are
 * told; none when nothing leads there any more. */
enum pb_err edit_change_way(struct pkl_edit *ed, const struct pkl_change *change,
                            struct path_chain *way, struct error *e) PB_CHECK;
/* edit_way.c: f->chain becomes the way to a child of a container that is inside of a new value, or
 * (index UINT64_MAX) to that itself.  Not *found: it must be looked for. */
enum pb_err edit_way_into_new(struct pkl_edit *ed, struct path_finder *f, pkl_id owner,
                              uint64_t index, bool *found, struct error *e) PB_CHECK;
/* edit_live.c: the number of the new value whose bytes hold an offset of the second source, 0:
 * none. */
size_t edit_value_holding(const struct pkl_edit *ed, uint64_t off);
/* edit_takes.c: the list of children that something is added to. */
struct edit_target {
    pkl_id list; /* 0: a state that is not there yet */
    enum pkl_step step;
    enum pkl_kind kind; /* of the list; of what a set of old protocols is made of: PKL_SET */
};
/* PB_EREADONLY: what is there takes no such child, and where it goes instead. */
enum pb_err edit_takes(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                       struct edit_target *t, struct error *e) PB_CHECK;
/* The list or dict that copyreg._reconstructor() makes a subclass of one from; *there. */
enum pb_err edit_rebuilt_holds(struct pkl_edit *ed, const struct pkl_node *object,
                               struct pkl_node *holds, bool *there, struct error *e) PB_CHECK;

/* edit_keys.c: positions, in their order, of the pairs whose key, or of the members that equal a
 * literal, and of those that are this very value (0: none is meant). */
struct edit_positions {
    uint64_t *data;
    size_t len, cap;
};
enum pb_err edit_find_equal(struct pkl_edit *ed, pkl_id list, bool keys, const struct literal *want,
                            pkl_id same, struct edit_positions *out, struct error *e) PB_CHECK;
struct edit_keyed *edit_keyed_of(struct pkl_edit *ed, pkl_id list);
/* These come into a list. */
void edit_keyed_add(struct pkl_edit *ed, pkl_id list, const struct piece *p, size_t n);
void edit_keyed_release(struct pkl_edit *ed);

/* edit_walk.c: every place of every pickle, as the edits have it; a shared container is entered
 * once. */
void edit_counts_release(struct edit_counts *c);
void edit_walk_begin(struct edit_walk *w, struct pkl_edit *ed, struct error *e);
enum pb_err edit_walk_step(struct edit_walk *w, unsigned budget, bool *done) PB_CHECK;
void edit_walk_release(struct edit_walk *w);
enum pb_err edit_walk_places(struct pkl_edit *ed,
                             enum pb_err (*see)(void *ctx, const struct pkl_child *place,
                                                struct error *e),
                             void *ctx, struct error *e) PB_CHECK;
/* edit_share.c: the same object at another place. */
enum pb_err edit_put_link(struct pkl_edit *ed, const struct pkl_child *place, pkl_id target,
                          struct error *e) PB_CHECK;
/* edit_dup.c: what DUP made of the value at a place gets a value of its own there, so that the
 * place can be changed alone.  Call it inside a group. */
enum pb_err edit_undup(struct pkl_edit *ed, const struct pkl_child *place,
                       struct error *e) PB_CHECK;

/* Encodes, appends, indexes.  apart: it has a number of its own, also when it is a scalar. */
enum pb_err edit_add_value(struct pkl_edit *ed, const struct literal *l, const struct pkl_node *was,
                           bool apart, size_t *number, struct error *e) PB_CHECK;
/* pkl_edit_set() of a value that others will be linked to. */
enum pb_err edit_set_apart(struct pkl_edit *ed, const struct pkl_child *place,
                           const struct literal *value, struct error *e) PB_CHECK;
/* Equal in type and in every bit, both scalars (bytes also where they are written as a call). */
enum pb_err edit_same_scalar(struct pkl_edit *ed, const struct pkl_node *a,
                             const struct pkl_node *b, bool *same, struct error *e) PB_CHECK;
bool edit_is_scalar(enum pkl_kind kind);
/* The same when `id` is, or stands in, the shape or dtype of an array inside the pickle. */
enum pb_err edit_keeps_arrays(const struct pkl_edit *ed, pkl_id id, struct error *e) PB_CHECK;
/* PB_EREADONLY with the reason, or PB_OK: for any value, for this one. */
enum pb_err edit_may_put(struct pkl_edit *ed, const struct pkl_child *place,
                         struct error *e) PB_CHECK;
/* May a key or an attribute get another name?  The value may be one that cannot be set. */
enum pb_err edit_may_rename(struct pkl_edit *ed, const struct pkl_child *place,
                            struct error *e) PB_CHECK;
enum pb_err edit_may_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e) PB_CHECK;

/* edit_changes.c: all of them, of containers that count and of those that do not. */
enum pb_err edit_list_changes(struct pkl_edit *ed, struct edit_changes *to, bool since_saved,
                              struct error *e) PB_CHECK;
/* edit_live.c.  Collects ed->changes and ed->since_saved: the original's first, by their bytes;
 * then those inside new values. */
enum pb_err edit_collect(struct pkl_edit *ed, struct error *e) PB_CHECK;
/* What is at this offset of the second source stands somewhere (as of the last collection). */
bool edit_is_live(const struct pkl_edit *ed, uint64_t offset);

#endif

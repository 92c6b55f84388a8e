/* floor 5: model */
/*
 * Private to the tree: the nodes of what is expanded.
 *
 * A struct tree_node is one *expanded* place; leaves and collapsed containers have none.  `visible`
 * counts the rows below it, so a row number is turned into a place by walking down expanded nodes
 * only.  The topmost node is the stream; its children are the pickles.
 */
#ifndef TREE_NODE_H
#define TREE_NODE_H

#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/tree.h>

struct tree_node {
    struct tree_node *parent; /* NULL: the stream */
    struct pkl_child child;   /* the place it stands in; unused for the stream */
    uint64_t position;        /* among the parent's children */
    uint64_t count;           /* its own children */
    uint64_t visible;         /* rows below it: count, and what is visible below each of those */
    struct tree_node **kids;  /* the expanded ones among its children, by position */
    size_t nkids, cap;
    /* For undo: expanded ones that are not there any more, the newest last. */
    struct tree_node **gone;
    size_t ngone, gone_cap;
    uint64_t settled; /* count when the kids were looked at last */
    bool astray;      /* of one that is gone: since this very edit */
};

#define TREE_CACHE 64 /* children fetched at once: about a screenful */
#define TREE_CACHES 4
#define TREE_PATHS 16 /* places of shared values remembered */

struct tree {
    struct pkl_lenses *lenses;
    struct pkl_view *view; /* through the lenses */
    struct pkl_edit *edit; /* or NULL */
    struct tree_node *stream;
    bool single; /* of one place alone */
    struct pkl_child place;
    bool spoken; /* tree_speak() */
    /* The children read last, since a screen asks for one row after the other; of several nodes,
     * since the next row is often that of another. */
    struct tree_cache {
        const struct tree_node *of; /* NULL: empty */
        uint64_t first;
        size_t count;
        uint64_t used; /* turn of its last use */
        struct pkl_child children[TREE_CACHE];
    } caches[TREE_CACHES];
    uint64_t turn;
    struct tree_known_path {
        pkl_id target; /* 0: empty */
        char *text;
    } paths[TREE_PATHS];
    size_t next_path;
};

/* A row: child `position` of `parent`; `node` is set when it is expanded. */
struct tree_at {
    struct tree_node *parent;
    struct tree_node *node;
    uint64_t position;
    unsigned depth;
};

enum pb_err tree_path_at(struct tree *t, const struct tree_at *at, enum path_form form,
                         struct buf *out, struct error *e) PB_CHECK;
bool tree_locate(const struct tree *t, uint64_t row, struct tree_at *out);
uint64_t tree_row_of(const struct tree_node *parent, uint64_t position);
enum pb_err tree_fetch(struct tree *t, const struct tree_node *parent, uint64_t position,
                       struct pkl_child *out, struct error *e) PB_CHECK;
/* How many children a value has; 0 for leaves. */
enum pb_err tree_count_children(struct tree *t, const struct pkl_node *n, uint64_t *count,
                                struct error *e) PB_CHECK;
void tree_forget(struct tree *t); /* the caches and paths, after an edit */
void tree_drop_caches(struct tree *t);

/* Index of the first kid whose position is >= `position`. */
size_t tree_kid_at(const struct tree_node *n, uint64_t position);
/* Adds to what every node from n upwards counts as visible; less: 0 - rows. */
void tree_node_grow(struct tree_node *n, uint64_t rows);
void tree_node_take(struct tree_node *parent, size_t i); /* it is the caller's now */
enum pb_err tree_node_put(struct tree_node *parent, struct tree_node *kid,
                          struct error *e) PB_CHECK;
/* With all below it, which is not among its parent's kids any more. */
void tree_node_free(struct tree_node *n);

#endif

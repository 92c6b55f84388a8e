/*
 * Rows of a tree, drawn: those of the open value, and those of a preview.
 *
 * Borrows the tree, where one is in it, and room for one row; owns nothing.
 */
#ifndef UI_TREE_LOOK_H
#define UI_TREE_LOOK_H

#include "state.h"

struct tree_look {
    struct tree *tree;
    struct list *list;
    struct tree_row *row; /* the one that was filled last */
    bool marks;           /* of what is changed */
    struct list_stuck *stuck;
};
/* False: it cannot be read; its preview says why. */
bool tree_look_row(const struct tree_look *t, uint64_t i, int width);
int tree_look_indent(const struct tree_row *row, int width);
/* mark: of the row of the cursor; MARK_NONE: there is none.  a: the line editor in it, or NULL. */
void tree_look_draw(struct ui *u, const struct tree_look *t, const struct region *r,
                    enum cell_mark mark, struct ask *a);

#endif

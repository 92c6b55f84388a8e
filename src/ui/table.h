/*
 * A table over the panes: the children of a container as rows, what is in them as columns.
 *
 * view_table.c opens it, moves in it and edits its cells; table_look.c draws it; table_sort.c puts
 * its rows in another order.  The tree below stays as it is.
 */
#ifndef UI_TABLE_H
#define UI_TABLE_H

#include "state.h"

#define TABLE_CELL 200   /* bytes of a cell that are read */
#define TABLE_FIELDS 128 /* of a row that are looked at */

struct table_widths {
    int number, columns[TABLE_FIELDS];
    size_t end; /* one past the last column seen */
};

struct table_view {
    struct view view;
    struct ui *u;
    struct buf path, shown; /* of the container, as it is typed and as Python spells it */
    struct buf title;
    pkl_id id;
    struct {
        char **data; /* labels */
        size_t len, cap;
    } columns;
    size_t column, first; /* of the cursor; the first one seen */
    struct table_widths widths;
    struct list list;
    uint64_t *order; /* rows in the order they are shown; NULL: as they stand */
    size_t sorted;   /* by this column */
    struct pkl_child *fields;
    struct buf text;
};

bool table_row(const struct table_view *t, uint64_t shown, struct pkl_child *out);
/* 'name', 3, .attr: what a field is called. */
bool table_label(struct pkl_view *v, const struct pkl_child *c, struct buf *out);
/* Reads the fields of a row into t->fields; how many there are. */
size_t table_fields(const struct table_view *t, const struct pkl_child *row);
/* The one of these that stands in a column, or NULL. */
const struct pkl_child *table_cell(struct table_view *t, size_t got, size_t column);
bool table_cell_text(struct table_view *t, size_t got, size_t column, struct buf *out);

/* What was last saved stands no longer in this place, or in one below it. */
bool table_changed(const struct table_view *t, const struct pkl_child *c);
/* The place, type and old value of the cell under the cursor. */
void table_status(struct table_view *t, struct buf *out);
/* After an edit: a container that is no longer there closes its table. */
void tables_refresh(struct ui *u);

void table_draw(struct ui *u, struct view *view, const struct region *r, bool focus);
void table_unsort(struct table_view *t);

#endif

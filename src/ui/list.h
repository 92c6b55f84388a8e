/*
 * A list of rows of which a window is seen: where it begins and where the cursor is.
 *
 * Pure arithmetic over a number of rows that may be 2^63.  What a row shows comes from the view
 * that owns the list; this module keeps no row and draws nothing.
 */
#ifndef UI_LIST_H
#define UI_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct list {
    uint64_t count;
    uint64_t top;    /* first row seen */
    uint64_t cur;    /* row of the cursor; 0 in an empty list */
    unsigned height; /* rows seen; at least 1 */
};

enum move {
    MOVE_UP,
    MOVE_DOWN,
    MOVE_FIRST,
    MOVE_LAST,
    MOVE_PAGE_UP,
    MOVE_PAGE_DOWN,
    MOVE_HALF_UP,
    MOVE_HALF_DOWN
};

void list_init(struct list *l);
/* Both keep the cursor on its row where there still is one, and in sight. */
void list_set_count(struct list *l, uint64_t count);
void list_set_height(struct list *l, unsigned height);
void list_move(struct list *l, enum move m);
void list_go(struct list *l, uint64_t row);
/* The window moves, the cursor only when it must to stay in sight. */
void list_scroll(struct list *l, int rows);
/* The line of the window the cursor is on, and putting the cursor on a row that shall stand on that
 * line: used when rows came or went above it. */
unsigned list_line(const struct list *l);
void list_restore(struct list *l, uint64_t row, unsigned line);
/* One past the last row seen. */
uint64_t list_end(const struct list *l);

#define LIST_STUCK 5

/* Of nested rows: those out of sight which the rows in sight stand in.  They are drawn on the first
 * lines, over what stands there, the outermost first. */
struct list_stuck {
    uint64_t rows[LIST_STUCK];
    unsigned count;
};
/* The row which `row` stands in; false: in none. */
typedef bool list_up(void *ctx, uint64_t row, uint64_t *parent);

/* At most `most` of them, the innermost; the window moves until the cursor is not under one. */
void list_stick(struct list *l, unsigned most, list_up *up, void *ctx, struct list_stuck *out);
/* What is drawn on a line of the window; false: nothing. */
bool list_at_line(const struct list *l, const struct list_stuck *s, unsigned line, uint64_t *row);

#endif

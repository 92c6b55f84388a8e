/*
 * Text of some lines, wrapped to a width: help, properties, messages, the words of a dialog.
 *
 * The texts must be safe to draw.  A failed allocation leaves a line out; lines_add says so.
 */
#ifndef UI_LINES_H
#define UI_LINES_H

#include "screen.h"

struct line {
    char *label; /* in a column of its own, or NULL */
    char *text;
    enum style style;
};
struct line_part { /* one row on the screen */
    size_t line, from, len;
};
struct lines {
    struct {
        struct line *data;
        size_t len, cap;
    } all;
    struct {
        struct line_part *data;
        size_t len, cap;
    } parts;
    int label_width; /* columns of the widest label with what follows it */
};

void lines_init(struct lines *l);
void lines_release(struct lines *l);
void lines_clear(struct lines *l);
bool lines_add(struct lines *l, enum style style, const char *text);
bool lines_printf(struct lines *l, enum style style, const char *fmt, ...) PB_PRINTF(3, 4);
bool lines_pair(struct lines *l, enum style style, const char *label, const char *text);

/* Wraps; returns the number of rows. */
size_t lines_wrap(struct lines *l, const struct screen *s, int width);
void lines_draw(const struct lines *l, size_t row, const struct region *r, int y);

#endif

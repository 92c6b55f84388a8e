/*
 * A screen of cells, drawn into without a terminal.
 *
 * Views draw here; term.c sends what differs to the terminal, tests read it back.  Text must be
 * safe to draw already (text_escape).  Everything is clipped to its region; a character of two
 * columns is drawn whole or not at all.  Knows no keys and no curses.
 */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include <pklbrowse/buf.h>

#include "theme.h"

#define CELL_TEXT 27 /* bytes: a character and four accents, with room to spare */

enum cell_mark {
    MARK_NONE,
    MARK_CURSOR,
    MARK_CURSOR_AWAY, /* in the pane without the focus */
    MARK_EDGE         /* below it something is out of sight */
};

struct cell {
    char text[CELL_TEXT];
    unsigned char len;   /* of text; 0: the right half of the character before it */
    unsigned char width; /* 1 or 2; 0: right half */
    unsigned char style; /* enum style */
    unsigned char mark;  /* enum cell_mark */
};

struct screen {
    int rows, cols;
    struct cell *cells;
    int cursor_y, cursor_x; /* -1: hidden */
    bool ascii;             /* only ASCII is drawn */
};

/* A part of the screen; its coordinates begin at 0, 0.  May be empty. */
struct region {
    struct screen *s;
    int y, x, h, w;
};

void screen_init(struct screen *s, bool ascii);
void screen_release(struct screen *s);
/* Also clears.  Sizes below 1 become 1, above 2000 become 2000. */
enum pb_err screen_resize(struct screen *s, int rows, int cols, struct error *e) PB_CHECK;
void screen_clear(struct screen *s);
const struct cell *screen_cell(const struct screen *s, int y, int x); /* NULL outside */

struct region screen_all(struct screen *s);
/* The part of r that begins at y, x; cut to what r has. */
struct region region_part(const struct region *r, int y, int x, int h, int w);

void screen_fill(const struct region *r, int y, int x, int h, int w, enum style style);
/* Draws as much as fits; returns the columns used. */
int screen_text(const struct region *r, int y, int x, enum style style, const char *s, size_t n);
int screen_puts(const struct region *r, int y, int x, enum style style, const char *s);
/* The same, ending before column `end`. */
void screen_puts_end(const struct region *r, int y, int end, enum style style, const char *s);
/* The same in exactly `width` columns: filled with blanks, or cut with an ellipsis at its end.
 * True: it was cut. */
bool screen_field(const struct region *r, int y, int x, int width, enum style style, const char *s,
                  size_t n);
/* Cut with the ellipsis at its beginning: of a path its end says most. */
bool screen_field_end(const struct region *r, int y, int x, int width, enum style style,
                      const char *s, size_t n);
/* Columns that s takes on this screen (with ascii, escapes are wider). */
int screen_width(const struct screen *s, enum style style, const char *text, size_t n);
void screen_box(const struct region *r, enum style style);
/* An empty box that has the keys, with a title in its upper edge, which is cut at its beginning. */
void screen_frame(const struct region *box, const char *title, size_t n);
void screen_mark(const struct region *r, int y, int x, int w, enum cell_mark mark);
void screen_cursor(const struct region *r, int y, int x); /* outside of r: stays hidden */

/* The screen as text, a line a row, blanks at the ends of lines left out; or with the name of each
 * run's style. */
void screen_dump(const struct screen *s, struct buf *out);
void screen_dump_attrs(const struct screen *s, struct buf *out);
bool screen_contains(const struct screen *s, const char *text);

#endif

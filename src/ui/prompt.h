/*
 * One line that is typed: text, cursor, readline's keys, and the way back.
 *
 * Pure editing and drawing.  What the text means, and whether it is right, is the business of
 * whoever asks.
 */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include "screen.h"

enum prompt_op {
    PROMPT_LEFT,
    PROMPT_RIGHT,
    PROMPT_WORD_LEFT,
    PROMPT_WORD_RIGHT,
    PROMPT_HOME,
    PROMPT_END,
    PROMPT_BACKSPACE,
    PROMPT_DELETE,
    PROMPT_KILL_START,
    PROMPT_KILL_END,
    PROMPT_KILL_WORD_BACK,
    PROMPT_KILL_WORD,
    PROMPT_YANK,
    PROMPT_TRANSPOSE,
    PROMPT_UNDO
};

struct prompt {
    struct buf text;   /* valid UTF-8 */
    size_t at;         /* of the cursor: a grapheme begins there, or the end */
    size_t first;      /* the first byte that is seen */
    struct buf killed; /* what was cut last */
    struct buf before; /* earlier texts with their cursors, the last one at the end */
    bool typing;       /* the last change was a character: the next one goes with it */
};

void prompt_init(struct prompt *p, size_t max);
void prompt_release(struct prompt *p);
void prompt_set(struct prompt *p, const char *text, size_t n); /* the cursor goes to its end */
/* The same, as a change that can be taken back. */
void prompt_replace(struct prompt *p, const char *text, size_t n);
/* False: there is no room for it, nothing changed. */
bool prompt_insert(struct prompt *p, const char *text, size_t n);
void prompt_edit(struct prompt *p, enum prompt_op op);

/* Draws in `width` columns, scrolled so that the cursor is seen, and puts the screen's cursor
 * there. */
void prompt_draw(struct prompt *p, const struct region *r, int y, int x, int width,
                 enum style style);
/* After prompt_draw: the column of a byte of the text relative to x; -1: it is out of sight. */
int prompt_column(const struct prompt *p, const struct screen *s, enum style style, size_t byte,
                  int width);

#endif

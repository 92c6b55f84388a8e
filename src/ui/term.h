/*
 * The terminal: the only user of curses.
 *
 * Takes keys from it, sends the cells that differ to it, and gives it back as it was on every way
 * out: a normal end, a suspension, a fatal signal.  At most one is open at a time (curses has one
 * state).  Knows nothing of what is drawn.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include "input.h"
#include "screen.h"

struct term;
struct term_options {
    bool colour;
    bool mouse;
    const struct theme_style *styles; /* STYLE_COUNT of them */
};

/* PB_EUSAGE when there is no terminal, or one that cannot address its cursor. */
enum pb_err term_open(const struct term_options *o, struct term **out, struct error *e) PB_CHECK;
void term_close(struct term *t); /* restores; NULL is fine */

int term_fd(const struct term *t); /* readable when keys may have come */
/* The next key, K_NONE when there is none now.  To be called until then: curses keeps keys that
 * poll does not see. */
uint32_t term_read(struct term *t);
/* Behind K_MOUSE. */
void term_mouse(const struct term *t, struct mouse *out);
/* Whether the terminal tells of the mouse; without it, it selects text itself. */
void term_use_mouse(struct term *t, bool on);
bool term_gone(const struct term *t); /* hung up: no key will ever come */
/* After SIGWINCH: asks for the size; term_size gives it. */
void term_resized(struct term *t);
void term_size(const struct term *t, int *rows, int *cols);

/* Sends what differs from the last frame; nothing when nothing does. */
void term_flush(struct term *t, const struct screen *s);
void term_redraw(struct term *t); /* the next frame is sent whole, over whatever stands there */
/* Gives the terminal back, stops the process group, and takes it again when it is continued. */
void term_suspend(struct term *t);
/* Gives the terminal to another program of ours, and takes it again. */
void term_leave(struct term *t);
void term_return(struct term *t);
/* To the clipboard (OSC 52).  False: this terminal is known to have no such thing. */
bool term_copy(struct term *t, const char *text, size_t n);

#endif

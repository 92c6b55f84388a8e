/*
 * Keys as numbers and as names.
 *
 * A key is its code point; control characters are 1 to 31; what has no code point is from K_FIRST
 * on; K_META is added to a key that came right behind an Escape.  The names are those of the help
 * screen, of the man page and of test scripts: "j", "^R", "Enter", "PgDn", "M-b".
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <pklbrowse/buf.h>

#define K_META 0x40000000u
#define K_CTRL(c) ((uint32_t)(c)&0x1fu)
enum {
    K_NONE = 0,
    K_TAB = 9,
    K_ENTER = 13,
    K_ESC = 27,
    K_SPACE = 32,
    K_FIRST = 0x110000, /* above all code points */
    K_UP = K_FIRST,
    K_DOWN,
    K_LEFT,
    K_RIGHT,
    K_PGUP,
    K_PGDN,
    K_HOME,
    K_END,
    K_INSERT,
    K_DELETE,
    K_BACKSPACE,
    K_BACKTAB,
    K_PASTE_BEGIN,
    K_PASTE_END,
    K_MOUSE, /* what it did is told beside it */
    K_FUNCTION, /* K_FUNCTION + 1 is F1 */
    K_FUNCTION_LAST = K_FUNCTION + 12,
    K_UNKNOWN
};

enum mouse_act { MOUSE_PRESS, MOUSE_DRAG, MOUSE_RELEASE, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };
struct mouse {
    enum mouse_act act;
    bool twice; /* a press that the terminal library knows to be a second one */
    int y, x;
};

/* K_NONE: no key has this name. */
uint32_t key_from_name(const char *name, size_t n);
void key_show(uint32_t key, struct buf *out);
/* A key that stands for itself in text that is typed. */
bool key_is_text(uint32_t key);

#endif

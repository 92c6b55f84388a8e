/*
 * What each kind of text looks like, without saying how a terminal does it.  The table is
 * theme.def.
 */
#ifndef UI_THEME_H
#define UI_THEME_H

#include <stdbool.h>
#include <stddef.h>

enum style {
#define STYLE(id, fg, bg, attrs, mono, data) STYLE_##id,
#include "theme.def"
#undef STYLE
    STYLE_COUNT
};

enum theme_colour {
    THEME_DEFAULT = -1, /* the terminal's own */
    THEME_BLACK,
    THEME_RED,
    THEME_GREEN,
    THEME_YELLOW,
    THEME_BLUE,
    THEME_MAGENTA,
    THEME_CYAN,
    THEME_WHITE
};
enum theme_attr { THEME_BOLD = 1, THEME_DIM = 2, THEME_REVERSE = 4, THEME_UNDERLINE = 8 };

struct theme_style {
    const char *name;
    int fg, bg; /* enum theme_colour, or 8 to 255 where the terminal has so many */
    unsigned attrs, mono;
    bool data;
};
const struct theme_style *theme_style(enum style s);
/* "label", "red", "bold": STYLE_COUNT, -2, 0 when there is no such thing.  ASCII case is ignored.
 */
enum style theme_style_named(const char *name, size_t n);
int theme_colour_named(const char *name, size_t n); /* "default" is -1; numbers up to 255 too */
unsigned theme_attr_named(const char *name, size_t n);

/* Colour is asked for: not switched off by option or by a NO_COLOR that is not empty. */
bool theme_wants_colour(bool no_color_option);

#endif

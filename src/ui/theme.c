#include <stdlib.h>

#include "theme.h"

enum { BOLD = THEME_BOLD, DIM = THEME_DIM, REVERSE = THEME_REVERSE, UNDERLINE = THEME_UNDERLINE };

static const struct theme_style styles[STYLE_COUNT] = {
#define STYLE(id, fg, bg, attrs, mono, data)                                                       \
    [STYLE_##id] = {#id, THEME_##fg, THEME_##bg, attrs, mono, data},
#include "theme.def"
#undef STYLE
};

const struct theme_style *theme_style(enum style s)
{
    return &styles[(unsigned)s < STYLE_COUNT ? s : STYLE_NORMAL];
}

bool theme_wants_colour(bool no_color_option)
{
    const char *no_color = getenv("NO_COLOR");

    return !no_color_option && (no_color == NULL || no_color[0] == '\0');
}

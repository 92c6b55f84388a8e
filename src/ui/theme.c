#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/num.h>

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

static bool same_name(const char *a, const char *name, size_t n)
{
    return strlen(a) == n && strncasecmp(a, name, n) == 0;
}

enum style theme_style_named(const char *name, size_t n)
{
    for (int i = 0; i < STYLE_COUNT; i++) {
        if (same_name(styles[i].name, name, n))
            return (enum style)i;
    }
    return STYLE_COUNT;
}

int theme_colour_named(const char *name, size_t n)
{
    static const char *const names[] = {"black", "red",     "green", "yellow",
                                        "blue",  "magenta", "cyan",  "white"};
    uint64_t number;

    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (same_name(names[i], name, n))
            return i;
    }
    if (same_name("default", name, n))
        return THEME_DEFAULT;
    return num_parse_u64(name, n, &number) && number < 256 ? (int)number : -2;
}

unsigned theme_attr_named(const char *name, size_t n)
{
    static const struct {
        const char *name;
        unsigned attr;
    } attrs[] = {{"bold", BOLD}, {"dim", DIM}, {"reverse", REVERSE}, {"underline", UNDERLINE}};

    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++) {
        if (same_name(attrs[i].name, name, n))
            return attrs[i].attr;
    }
    return 0;
}

bool theme_wants_colour(bool no_color_option)
{
    const char *no_color = getenv("NO_COLOR");

    return !no_color_option && (no_color == NULL || no_color[0] == '\0');
}

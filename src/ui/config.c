/*
 * Settings: $XDG_CONFIG_HOME/pklbrowse/config, or ~/.config/pklbrowse/config.
 *
 *   # a comment
 *   mouse = no                    color, ascii: yes or no
 *   lang = ko                     of the messages, before the screen begins
 *   preview = no                  of the object under the cursor, after a rest
 *   sort = size                   or time, name
 *   recent = no                   where one was last is not kept
 *   read-only = s3://prod-*       a pattern of locations; as many lines as one likes
 *   key.save = w ^S               keys of a command, in place of its own
 *   color.label = cyan black bold  what stands in front, behind; bold dim reverse underline
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "state.h"

#define FILE_MAX (256u * 1024u)

/* --- single settings: each says what is wrong, or NULL ---------------------------------------- */

static const char *yes_or_no(const char *value, bool *out)
{
    static const char *const yes[] = {"yes", "on", "true", "1"}, *const no[] = {"no", "off",
                                                                                "false", "0"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *out = strcmp(value, yes[i]) == 0;
            return NULL;
        }
    }
    return _("this is yes or no");
}

static const char *set_mouse(struct ui *u, const char *value)
{
    bool on = true;
    const char *wrong = yes_or_no(value, &on);

    u->settings.no_mouse = u->settings.no_mouse || !on;
    return wrong;
}

static const char *set_color(struct ui *u, const char *value)
{
    bool on = true;
    const char *wrong = yes_or_no(value, &on);

    u->settings.no_colour = u->settings.no_colour || !on;
    return wrong;
}

static const char *set_ascii(struct ui *u, const char *value)
{
    bool on = false;
    const char *wrong = yes_or_no(value, &on);

    u->settings.ascii = u->settings.ascii || on;
    return wrong;
}

static const char *set_recent(struct ui *u, const char *value)
{
    return yes_or_no(value, &u->settings.recent);
}

static const char *set_preview(struct ui *u, const char *value)
{
    return yes_or_no(value, &u->settings.preview);
}

static const char *set_sort(struct ui *u, const char *value)
{
    static const char *const names[LISTING_ORDERS] = {[LISTING_BY_NAME] = "name",
                                                      [LISTING_BY_SIZE] = "size",
                                                      [LISTING_BY_TIME] = "time",
                                                      [LISTING_BY_CLASS] = "class"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            u->left.order = (enum listing_order)i;
            return NULL;
        }
    }
    return _("this is name, size, time or class");
}

static const char *set_read_only(struct ui *u, const char *value)
{
    return app_protect(u->app, value, NULL) == PB_OK ? NULL : _("out of memory");
}

/* "ko", "ko_KR.UTF-8": no path, and no list. */
static bool is_language(const char *value)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@");

    return n > 1 && n < LANGUAGE_MAX && value[n] == '\0';
}

/* Main has read it already: ui_config_language(). */
static const char *set_language(struct ui *u, const char *value)
{
    (void)u;
    return is_language(value) ? NULL : _("this is a language, like en or ko");
}

static const struct {
    const char *name;
    const char *(*set)(struct ui *u, const char *value);
} options[] = {
    {"mouse", set_mouse},   {"color", set_color},         {"ascii", set_ascii},
    {"sort", set_sort},     {"read-only", set_read_only}, {"lang", set_language},
    {"recent", set_recent}, {"preview", set_preview},
};

static const char *set_key(struct ui *u, const char *name, const char *keys)
{
    const char *bad;

    if (keymap_change(&u->keymap, name, keys, &bad) != NULL)
        return NULL;
    return bad != NULL ? _("no key has this name") : _("there is no such command");
}

static const char *set_style(struct ui *u, const char *name, const char *value)
{
    enum style s = theme_style_named(name, strlen(name));
    struct theme_style style;
    unsigned colours = 0;

    if (s == STYLE_COUNT)
        return _("there is no such kind of text");
    style = u->styles[s];
    style.attrs = 0;
    for (const char *p = value; *p != '\0';) {
        size_t n = strcspn(p, " ");
        int colour = theme_colour_named(p, n);
        unsigned attr = theme_attr_named(p, n);

        if (attr == 0 && (colour < -1 || colours == 2))
            return _("a colour, another behind it, and bold, dim, reverse or underline");
        if (attr == 0 && colours++ == 0)
            style.fg = colour;
        else if (attr == 0)
            style.bg = colour;
        style.attrs |= attr;
        p += n + strspn(p + n, " ");
    }
    u->styles[s] = style;
    return NULL;
}

/* --- the file ------------------------------------------------------------------------------- */

static char *trimmed(char *s, char *end)
{
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return s;
}

static const char *take(struct ui *u, const char *name, const char *value)
{
    if (strncmp(name, "key.", 4) == 0)
        return set_key(u, name + 4, value);
    if (strncmp(name, "color.", 6) == 0)
        return set_style(u, name + 6, value);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(name, options[i].name) == 0)
            return options[i].set(u, value);
    }
    return _("there is no such setting");
}

static void take_line(struct ui *u, const char *path, unsigned number, char *line, char *end)
{
    char *equals, *name, *value;
    const char *wrong = _("a line is NAME = VALUE");
    struct buf shown;

    line = trimmed(line, end);
    if (*line == '\0' || *line == '#')
        return;
    buf_init(&shown, BUF_MAX_LINE);
    (void)text_escape_cols(&shown, line, strlen(line), 60);
    equals = strchr(line, '=');
    if (equals != NULL) {
        value = trimmed(equals + 1, equals + 1 + strlen(equals + 1));
        name = trimmed(line, equals);
        wrong = take(u, name, value);
    }
    if (wrong != NULL)
        ui_say(u, SAY_WARNING, "%s, line %u: %s: %s", path, number, shown.data, wrong);
    buf_release(&shown);
}

static bool usual_path(struct buf *out)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config != NULL && config[0] == '/')
        buf_printf(out, "%s/pklbrowse/config", config);
    else if (home != NULL && home[0] == '/')
        buf_printf(out, "%s/.config/pklbrowse/config", home);
    return out->len > 0 && out->failed == PB_OK;
}

static bool read_all(const char *path, struct buf *out, int *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char piece[4096];
    ssize_t n = 0;

    *why = errno;
    if (fd < 0)
        return false;
    while (out->failed == PB_OK && (n = read(fd, piece, sizeof piece)) > 0)
        buf_append(out, piece, (size_t)n);
    *why = n < 0 ? errno : EFBIG;
    (void)close(fd);
    return n >= 0 && out->failed == PB_OK;
}

/* The file of settings, all of it.  False: it cannot be read, *why says (0: there is no place). */
static bool read_settings(const char *file, struct buf *path, struct buf *text, int *why)
{
    *why = 0;
    buf_init(path, BUF_MAX_LINE);
    buf_init(text, FILE_MAX);
    if (file != NULL)
        buf_puts(path, file);
    return (path->len > 0 || usual_path(path)) && read_all(path->data, text, why);
}

/* Cuts the line off that p begins; returns where the next one begins. */
static char *cut_line(char *p, char **stop)
{
    *stop = p + strcspn(p, "\n");
    return **stop == '\n' ? *stop + 1 : *stop;
}

/* The next line NAME = VALUE at *p or behind it; false: there is none. */
static bool next_setting(char **p, char **name, char **value)
{
    while (**p != '\0') {
        char *stop, *line = *p, *equals;

        *p = cut_line(line, &stop);
        line = trimmed(line, stop);
        equals = strchr(line, '=');
        if (equals == NULL || *line == '#')
            continue;
        *value = trimmed(equals + 1, equals + 1 + strlen(equals + 1));
        *name = trimmed(line, equals);
        return true;
    }
    return false;
}

bool ui_config_language(const char *config, char out[LANGUAGE_MAX])
{
    struct buf path, text;
    bool found = false, ascii = false;
    char *name, *value;
    int why;

    if (read_settings(config, &path, &text, &why)) {
        for (char *p = text.data; next_setting(&p, &name, &value);) {
            if (strcmp(name, "ascii") == 0)
                (void)yes_or_no(value, &ascii);
            if (strcmp(name, "lang") == 0 && is_language(value)) {
                memcpy(out, value, strlen(value) + 1);
                found = true;
            }
        }
    }
    buf_release(&path);
    buf_release(&text);
    return found && !ascii;
}

enum pb_err ui_config_protect(const char *config, struct app *a, struct error *e)
{
    struct buf path, text, shown;
    enum pb_err err = PB_OK;
    char *name, *value;
    int why;

    if (read_settings(config, &path, &text, &why)) {
        for (char *p = text.data; err == PB_OK && next_setting(&p, &name, &value);)
            if (strcmp(name, "read-only") == 0)
                err = app_protect(a, value, e);
    } else if (path.len > 0 && (config != NULL || (why != ENOENT && why != ENOTDIR))) {
        buf_init(&shown, BUF_MAX_LINE);
        text_escape(&shown, path.data, path.len);
        err = error_errno(e, why, "cannot read", shown.data);
        buf_release(&shown);
    }
    buf_release(&path);
    buf_release(&text);
    return err;
}

void config_load(struct ui *u)
{
    struct buf path, text, shown;
    unsigned number = 0;
    bool read;
    int why;

    for (int i = 0; i < STYLE_COUNT; i++)
        u->styles[i] = *theme_style((enum style)i);
    u->settings.no_colour = u->options->no_color;
    u->settings.ascii = u->options->ascii;
    u->settings.no_mouse = u->options->no_mouse;
    u->settings.recent = true;
    u->settings.preview = true;
    buf_init(&shown, BUF_MAX_LINE);
    read = read_settings(u->options->config, &path, &text, &why);
    text_escape(&shown, path.data, path.len);
    if (read) {
        for (char *p = text.data, *next, *stop; *p != '\0'; p = next) {
            next = cut_line(p, &stop);
            take_line(u, shown.data, ++number, p, stop);
        }
    } else if (path.len > 0 && (u->options->config != NULL || why != ENOENT)) {
        ui_say(u, SAY_WARNING, "%s cannot be read: %s", shown.data, strerror(why));
    }
    buf_release(&path);
    buf_release(&text);
    buf_release(&shown);
}

void config_release(struct ui *u)
{
    keymap_release(&u->keymap);
}

bool config_read_only(const struct ui *u, const struct location *where)
{
    return app_protected(u->app, where);
}

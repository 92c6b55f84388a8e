/* ~/.azure/config: [section], name = value, '#' and ';' begin a comment. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/text.h>

#include "azure_chain.h"

#define FILE_MAX ((size_t)1 << 20)

struct setting {
    char *section, *key, *value;
};
struct azure_config {
    struct {
        struct setting *data;
        size_t len, cap;
    } settings;
};

void azure_config_free(struct azure_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->settings.len; i++) {
        free(c->settings.data[i].section);
        free(c->settings.data[i].key);
        aws_wipe(&c->settings.data[i].value);
    }
    vec_release(&c->settings);
    free(c);
}

const char *azure_config_get(const struct azure_config *c, const char *section, const char *key)
{
    const char *found = NULL;

    for (size_t i = 0; i < c->settings.len; i++) {
        const struct setting *s = &c->settings.data[i];

        if (strcmp(s->section, section) == 0 && strcasecmp(s->key, key) == 0)
            found = s->value; /* the last one counts */
    }
    return found && *found ? found : NULL;
}

/* [*from, *to) without blanks at its ends. */
static void trim(const char **from, const char **to)
{
    while (*from < *to && strchr(" \t\r", **from))
        (*from)++;
    while (*to > *from && strchr(" \t\r", (*to)[-1]))
        (*to)--;
}

static bool add(struct azure_config *c, const struct buf *section, const char *from,
                const char *equals, const char *to)
{
    const char *key_end = equals, *value = equals + 1;
    struct setting s;

    trim(&from, &key_end);
    trim(&value, &to);
    s.section = mem_strdup(section->data);
    s.key = mem_strndup(from, (size_t)(key_end - from));
    s.value = mem_strndup(value, (size_t)(to - value));
    if (s.section && s.key && s.value && vec_push(&c->settings, s))
        return true;
    free(s.section);
    free(s.key);
    aws_wipe(&s.value);
    return false;
}

enum pb_err azure_config_parse(const char *text, size_t n, struct azure_config **out,
                               struct error *e)
{
    struct azure_config *c = mem_alloc(sizeof *c);
    const char *at = text, *end = text + n;
    struct buf section;
    bool ok = c != NULL;

    buf_init(&section, BUF_MAX_LINE);
    while (ok && at < end) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at)), *equals;

        stop = stop ? stop : end;
        at = stop < end ? stop + 1 : end;
        trim(&line, &stop);
        if (line == stop || *line == '#' || *line == ';')
            continue;
        if (*line == '[' && stop[-1] == ']') {
            buf_clear(&section);
            buf_append(&section, line + 1, (size_t)(stop - line - 2));
            continue;
        }
        equals = memchr(line, '=', (size_t)(stop - line));
        if (equals)
            ok = add(c, &section, line, equals, stop);
    }
    ok = ok && section.failed == PB_OK;
    buf_release(&section);
    if (!ok) {
        azure_config_free(c);
        return error_nomem(e);
    }
    *out = c;
    return PB_OK;
}

void azure_home_file(struct buf *out, const char *name)
{
    const char *dir = aws_environment("AZURE_CONFIG_DIR"), *home = aws_environment("HOME");

    if (dir)
        buf_printf(out, "%s/%s", dir, name);
    else if (home)
        buf_printf(out, "%s/.azure/%s", home, name);
}

enum pb_err azure_config_load(struct azure_config **out, struct error *e)
{
    struct buf path, text;
    struct error why = {0};
    enum pb_err err = PB_OK;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    azure_home_file(&path, "config");
    if (path.len > 0)
        err = aws_read_file(path.data, &text, &why);
    if (err == PB_ENOTFOUND)
        err = PB_OK;
    if (err != PB_OK && e)
        *e = why;
    if (err == PB_OK)
        err = azure_config_parse(text.data, text.len, out, e);
    buf_release(&path);
    aws_wipe_buf(&text);
    return err;
}

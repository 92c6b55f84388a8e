#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/ui.h>

#include "commands.h"
#include "keymap.h"
#include "list.h"
#include "prompt.h"

enum {
    LIST = CTX_LIST,
    TREE = CTX_TREE,
    INFO = CTX_INFO,
    PAGER = CTX_PAGER,
    DIALOG = CTX_DIALOG,
    PROMPT = CTX_PROMPT,
    PICKER = CTX_PICKER,
    FIND = CTX_FIND,
    VALUE = CTX_VALUE,
    TABLE = CTX_TABLE,
    VERSIONS = CTX_VERSIONS,
    PANES = CTX_PANES,
    MOVES = CTX_PANES | CTX_PAGER | CTX_DIALOG | CTX_PICKER | CTX_VALUE | CTX_TABLE | CTX_VERSIONS,
    ALL = CTX_ALL
};

static const struct command rows[] = {
#define SECTION(title) {.help = title},
#define CMD(name, keys, contexts, needs, function, argument, label, help)                          \
    {#name, keys, contexts, needs, function, argument, label, help},
#include "keymap.def"
#undef CMD
#undef SECTION
};

size_t keymap_count(void)
{
    return sizeof rows / sizeof rows[0];
}

const struct command *keymap_row(size_t i)
{
    return &rows[i];
}

const struct command *keymap_named(const char *name)
{
    for (size_t i = 0; i < keymap_count(); i++) {
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

void keymap_release(struct keymap *m)
{
    for (size_t i = 0; i < m->changes.len; i++)
        free(m->changes.data[i].keys);
    vec_release(&m->changes);
}

static uint32_t key_at(const char *p, size_t i)
{
    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, " ");

        if (i-- == 0)
            return key_from_name(p, n);
        p += n + strspn(p + n, " ");
    }
    return K_NONE;
}

const struct command *keymap_change(struct keymap *m, const char *name, const char *keys,
                                    const char **bad)
{
    struct keymap_change c = {.command = keymap_named(name)};

    *bad = NULL;
    for (const char *p = keys; c.command != NULL && *p != '\0' && *bad == NULL;) {
        size_t n = strcspn(p, " ");

        if (key_from_name(p, n) == K_NONE)
            *bad = p;
        p += n + strspn(p + n, " ");
    }
    if (c.command == NULL || *bad != NULL)
        return NULL;
    c.keys = mem_strdup(keys);
    if (c.keys != NULL && vec_push(&m->changes, c))
        return c.command;
    free(c.keys);
    return NULL;
}

/* The last change counts. */
static const char *changed_keys(const struct keymap *m, const struct command *c)
{
    for (size_t i = m != NULL ? m->changes.len : 0; i-- > 0;) {
        if (m->changes.data[i].command == c)
            return m->changes.data[i].keys;
    }
    return NULL;
}

uint32_t keymap_key(const struct keymap *m, const struct command *c, size_t i)
{
    const char *changed = changed_keys(m, c);

    return key_at(changed != NULL ? changed : c->keys, i);
}

static bool has_key(const char *keys, uint32_t key)
{
    uint32_t k;

    for (size_t n = 0; (k = key_at(keys, n)) != K_NONE; n++) {
        if (k == key)
            return true;
    }
    return false;
}

const struct command *keymap_find(const struct keymap *m, enum context context, uint32_t key)
{
    for (size_t i = m != NULL ? m->changes.len : 0; i-- > 0;) {
        const struct keymap_change *c = &m->changes.data[i];

        if ((c->command->contexts & context) != 0 && has_key(changed_keys(m, c->command), key))
            return c->command;
    }
    for (size_t i = 0; i < keymap_count(); i++) {
        if ((rows[i].contexts & context) != 0 && changed_keys(m, &rows[i]) == NULL &&
            has_key(rows[i].keys, key))
            return &rows[i];
    }
    return NULL;
}

void keymap_keys(const struct keymap *m, const struct command *c, struct buf *out)
{
    uint32_t k;

    for (size_t n = 0; (k = keymap_key(m, c, n)) != K_NONE; n++) {
        if (n > 0)
            buf_puts(out, ", ");
        key_show(k, out);
    }
}

enum pb_err ui_print_keys(const struct sink *to, struct error *e)
{
    struct buf line, keys;
    enum pb_err err = PB_OK;

    buf_init(&line, BUF_MAX_LINE);
    buf_init(&keys, BUF_MAX_LINE);
    for (size_t i = 0; i < keymap_count() && err == PB_OK; i++) {
        buf_clear(&line);
        buf_clear(&keys);
        if (rows[i].name == NULL) {
            buf_printf(&line, "%s%s:\n", i > 0 ? "\n" : "", _(rows[i].help));
        } else {
            keymap_keys(NULL, &rows[i], &keys);
            buf_printf(&line, "  %-26s %s\n", keys.data, _(rows[i].help));
        }
        err = buf_status(&line, e);
        if (err == PB_OK)
            err = sink_write(to, line.data, line.len, e);
    }
    buf_release(&line);
    buf_release(&keys);
    return err;
}

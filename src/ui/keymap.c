#include <string.h>

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
    PANES = CTX_PANES,
    MOVES = CTX_PANES | CTX_PAGER | CTX_DIALOG | CTX_PICKER | CTX_VALUE,
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

uint32_t keymap_key(const struct command *c, size_t i)
{
    const char *p = c->keys;

    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, " ");

        if (i-- == 0)
            return key_from_name(p, n);
        p += n + strspn(p + n, " ");
    }
    return K_NONE;
}

const struct command *keymap_find(enum context context, uint32_t key)
{
    for (size_t i = 0; i < keymap_count(); i++) {
        uint32_t k;

        if ((rows[i].contexts & context) == 0)
            continue;
        for (size_t n = 0; (k = keymap_key(&rows[i], n)) != K_NONE; n++) {
            if (k == key)
                return &rows[i];
        }
    }
    return NULL;
}

void keymap_keys(const struct command *c, struct buf *out)
{
    uint32_t k;

    for (size_t n = 0; (k = keymap_key(c, n)) != K_NONE; n++) {
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
            buf_printf(&line, "%s%s:\n", i > 0 ? "\n" : "", rows[i].help);
        } else {
            keymap_keys(&rows[i], &keys);
            buf_printf(&line, "  %-26s %s\n", keys.data, rows[i].help);
        }
        err = buf_status(&line, e);
        if (err == PB_OK)
            err = sink_write(to, line.data, line.len, e);
    }
    buf_release(&line);
    buf_release(&keys);
    return err;
}

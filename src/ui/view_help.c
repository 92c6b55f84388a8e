/* All keys, from the table they are dispatched by. */
#include <pklbrowse/intl.h>

#include "commands.h"
#include "state.h"

void cmd_help(struct ui *u, int arg)
{
    struct lines l;
    struct buf keys;

    (void)arg;
    lines_init(&l);
    buf_init(&keys, BUF_MAX_LINE);
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);

        if (c->name == NULL) {
            if (i > 0)
                (void)lines_add(&l, STYLE_NORMAL, "");
            (void)lines_add(&l, STYLE_HEADING, _(c->help));
            continue;
        }
        buf_clear(&keys);
        keymap_keys(&u->keymap, c, &keys);
        (void)lines_pair(&l, STYLE_NORMAL, keys.data, _(c->help));
    }
    buf_release(&keys);
    pager_open(u, _("Keys"), &l);
}

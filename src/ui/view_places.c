/* What can be reached when no location was given. */
#include <string.h>

#include <pklbrowse/intl.h>

#include "state.h"

void places_draw(struct ui *u, const struct region *r, bool focus)
{
    struct list *l = &u->left.list;

    list_set_count(l, app_places(u->app));
    list_set_height(l, (unsigned)(r->h > 0 ? r->h : 1));
    if (l->count == 0)
        (void)screen_puts(r, 0, 1, STYLE_DIM, _("nothing to reach; : goes to a location"));
    for (uint64_t i = l->top; i < list_end(l); i++) {
        const struct app_place *p = app_place(u->app, (size_t)i);
        int y = (int)(i - l->top);

        (void)screen_field(r, y, 2, r->w - 3, STYLE_FOLDER, p->title, strlen(p->title));
        if (i != l->cur)
            continue;
        (void)screen_puts(r, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        screen_mark(r, y, 0, r->w, focus ? MARK_CURSOR : MARK_CURSOR_AWAY);
    }
}

/* What an audit found, in the words that the screen and the batch command share. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "app_private.h"

static void put_use(struct buf *out, const char *what, uint64_t n, bool *any)
{
    if (n == 0)
        return;
    buf_printf(out, "%s%s", *any ? ", " : "", what);
    if (n > 1)
        buf_printf(out, _(" %llu times"), (unsigned long long)n);
    *any = true;
}

void app_audit_uses(struct buf *out, const struct pkl_audit_row *r)
{
    bool any = false;

    put_use(out, _("called"), r->called, &any);
    put_use(out, _("built"), r->built, &any);
    put_use(out, _("given state"), r->states, &any);
    put_use(out, _("result called"), r->result_called, &any);
    put_use(out, _("changed"), r->changed, &any);
    if (!any)
        put_use(out, _("imported only"), r->imported, &any);
}

void app_audit_name(struct buf *out, const struct pkl_audit_row *r)
{
    switch (r->kind) {
    case PKL_AUDIT_GLOBAL:
        text_escape(out, r->module, strlen(r->module));
        buf_putc(out, '.');
        text_escape(out, r->name, strlen(r->name));
        break;
    case PKL_AUDIT_EXTENSION:
        buf_printf(out, "<extension %lld>", (long long)r->code);
        break;
    case PKL_AUDIT_COMPUTED:
        buf_puts(out, _("<computed while loading>"));
        break;
    }
}

void app_audit_place(struct buf *out, const struct pkl_audit *a, const char *path, size_t pickle)
{
    if (path != NULL)
        text_escape(out, path, strlen(path));
    else
        buf_puts(out, _("(not in the value)"));
    while (pickle > 0) {
        const struct pkl_audit_pickle *p = pkl_audit_pickle(a, pickle);

        if (p->place == PKL_AUDIT_TRAILING) {
            buf_printf(out, _(" in the bytes behind the end, from %llu on"),
                       (unsigned long long)p->offset);
        } else {
            buf_printf(out, _(" of a pickle in %s at "), _(pkl_audit_place_name(p->place)));
            if (p->path != NULL)
                text_escape(out, p->path, strlen(p->path));
            else
                buf_printf(out, _("byte %llu"), (unsigned long long)p->offset);
        }
        pickle = p->inside;
    }
}

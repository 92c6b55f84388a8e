/* What the whoami of every cloud prints and waits for. */
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "whoami.h"

void whoami_line(struct buf *out, const char *name, const char *value, const char *why)
{
    if (value == NULL || *value == '\0')
        return;
    cli_label(out, name);
    text_escape(out, value, strlen(value));
    if (why != NULL) {
        buf_puts(out, " (");
        text_escape(out, why, strlen(why));
        buf_putc(out, ')');
    }
    buf_putc(out, '\n');
}

void whoami_expires(struct buf *out, int64_t when)
{
    struct buf text;

    if (when == 0)
        return;
    buf_init(&text, BUF_MAX_LINE);
    clock_format_iso(&text, when);
    whoami_line(out, N_("expires"), text.data, NULL);
    buf_release(&text);
}

void whoami_member(struct buf *out, const char *name, const char *value)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_puts(out, ", ");
    json_text(out, name);
    buf_puts(out, ": ");
    json_text(out, value != NULL && *value != '\0' ? value : NULL);
}

void whoami_print(struct whoami *w, struct buf *text)
{
    w->printed = out_buf(&w->c->out, text, &w->output);
    buf_release(text);
}

int whoami_end(struct whoami *w, enum pb_err err, const struct error *e)
{
    if (err != PB_OK)
        return cli_fail(w->c, e);
    if (w->printed != PB_OK)
        return cli_fail(w->c, &w->output);
    return w->error.code != PB_OK ? cli_fail(w->c, &w->error) : STATUS_OK;
}

/* history: what was replaced, newest first; and bringing it back. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cli.h"

/* --- listing ------------------------------------------------------------------------------------
 */

static void put_json(struct buf *line, const struct history_entry *x)
{
    buf_putc(line, '{');
    json_member(line, "id", x->id);
    json_member(line, "location", x->location);
    json_member_time(line, "replaced", x->replaced);
    json_member_number(line, "size", x->size);
    json_member_time(line, "time", x->modified);
    json_member(line, "etag", x->etag);
    json_member(line, "version_id", x->version_id);
    json_member(line, "sha256", x->sha256);
    json_member(line, "file", x->file);
    buf_puts(line, "}\n");
}

static void put_text(struct buf *line, const struct history_entry *x)
{
    clock_format_iso(line, x->replaced);
    buf_printf(line, "  %12llu  %s  ", (unsigned long long)x->size, x->id);
    text_escape(line, x->location, strlen(x->location));
    buf_puts(line, x->file != NULL ? "\n" : _("  (not kept: too large)\n"));
}

static enum pb_err print_entry(void *ctx, const struct history_entry *x, struct error *e)
{
    struct cli *c = ctx;
    struct buf line;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    if (c->args->given[OPT_json])
        put_json(&line, x);
    else
        put_text(&line, x);
    err = out_buf(&c->out, &line, e);
    buf_release(&line);
    return err;
}

/* --- bringing back ------------------------------------------------------------------------------
 */

struct wanted {
    const char *id;
    bool found;
    int mode;
    char *location, *file, *version_id;
};

static enum pb_err keep(char **to, const char *text, struct error *e)
{
    *to = text != NULL ? mem_strdup(text) : NULL;
    return text != NULL && *to == NULL ? error_nomem(e) : PB_OK;
}

static enum pb_err match(void *ctx, const struct history_entry *x, struct error *e)
{
    struct wanted *w = ctx;
    enum pb_err err;

    if (w->found || strcmp(w->id, x->id) != 0)
        return PB_OK;
    w->found = true;
    w->mode = x->mode;
    err = keep(&w->location, x->location, e);
    if (err == PB_OK)
        err = keep(&w->file, x->file, e);
    return err == PB_OK ? keep(&w->version_id, x->version_id, e) : err;
}

struct restoring {
    struct cli *c;
    bool done;
    bool failed;
    struct error error;
};

static void on_copied(void *ctx, const struct app_copied *r, const struct error *e)
{
    struct restoring *w = ctx;

    w->done = true;
    w->failed = e != NULL;
    if (e != NULL)
        w->error = *e;
    else
        cli_kept(w->c, r->kept, r->not_kept);
}

static void copy_progress(void *ctx, struct http_progress *out)
{
    app_copy_progress(ctx, out);
}

/* What is there is kept in its turn. */
static enum pb_err restore(struct cli *c, const char *file, const char *location, int mode,
                           struct error *e)
{
    struct restoring w = {.c = c};
    struct location from = {0}, to = {0};
    struct app_copy *job = NULL;
    enum pb_err err = location_make(&from, LOC_LOCAL, NULL, file, strlen(file), e);

    if (err == PB_OK)
        err = location_parse(&to, location, e);
    if (err == PB_OK)
        err = app_copy_start(c->app, &from, &to, NULL, on_copied, &w, &job, e);
    if (err == PB_OK)
        app_copy_mode(job, mode);
    if (err == PB_OK)
        err = cli_wait(c, &w.done, copy_progress, job, e);
    if (err == PB_OK && w.failed) {
        *e = w.error;
        err = w.error.code;
    }
    app_copy_free(job);
    location_release(&from);
    location_release(&to);
    return err;
}

static enum pb_err bring_back(struct cli *c, const struct location *where, struct error *e)
{
    struct wanted w = {.id = c->args->text[OPT_restore]};
    struct buf shown;
    enum pb_err err = app_history_each(c->app, where, match, &w, e);

    buf_init(&shown, BUF_MAX_LINE);
    if (err == PB_OK && !w.found) {
        text_escape_cols(&shown, w.id, strlen(w.id), 100);
        err = error_set(e, PB_ENOTFOUND, "nothing is kept under the id %s", shown.data);
    } else if (err == PB_OK && w.file == NULL) {
        if (w.version_id != NULL)
            text_escape_cols(&shown, w.version_id, strlen(w.version_id), 200);
        err = error_set(e, PB_ENOTFOUND, "its bytes were too many to be kept%s%s",
                        w.version_id != NULL ? _(", but the store may still have version ") : "",
                        shown.data);
    }
    if (err == PB_OK)
        err = restore(c, w.file, w.location, w.mode, e);
    buf_release(&shown);
    free(w.location);
    free(w.file);
    free(w.version_id);
    return err;
}

int cmd_history(struct cli *c)
{
    bool given = c->args->count > 0;
    struct location where = {0};
    struct error error;
    enum pb_err err = PB_OK;

    if (given)
        err = cli_location(c->args->operands[0], &where, &error);
    if (err == PB_OK && c->args->given[OPT_restore])
        err = bring_back(c, given ? &where : NULL, &error);
    else if (err == PB_OK)
        err = app_history_each(c->app, given ? &where : NULL, print_entry, c, &error);
    location_release(&where);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

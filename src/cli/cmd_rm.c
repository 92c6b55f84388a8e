/* rm: objects, one after the other; the first that cannot be removed ends it. */
#include <string.h>

#include <pklbrowse/text.h>

#include "cli.h"

struct removing {
    struct cli *c;
    const struct location *loc;
    bool done;
    bool failed;
    struct error error;
};

static enum pb_err print_json(struct removing *w, const struct app_removed *r, struct error *e)
{
    struct buf line, text;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    buf_init(&text, BUF_MAX_TEXT);
    location_format(&text, w->loc);
    buf_putc(&line, '{');
    json_name(&line, "removed");
    json_bytes(&line, text.data, text.len);
    json_member(&line, "delete_marker", r->marker);
    json_member(&line, "kept", r->kept);
    buf_puts(&line, "}\n");
    err = out_buf(&w->c->out, &line, e);
    buf_release(&line);
    buf_release(&text);
    return err;
}

static void on_removed(void *ctx, const struct app_removed *r, const struct error *e)
{
    struct removing *w = ctx;
    struct buf shown;

    w->done = true;
    if (e != NULL) {
        w->failed = true;
        w->error = *e;
        return;
    }
    cli_kept(w->c, r->kept, r->not_kept);
    if (w->c->args->given[OPT_json]) {
        w->failed = print_json(w, r, &w->error) != PB_OK;
    } else if (r->marker != NULL) {
        buf_init(&shown, BUF_MAX_LINE);
        app_show_location(&shown, w->loc);
        cli_note(w->c, "%s: its versions are still there, behind a delete marker", shown.data);
        buf_release(&shown);
    }
}

static enum pb_err remove_one(struct cli *c, const char *operand, struct error *e)
{
    struct location loc;
    struct removing w = {.c = c, .loc = &loc};
    struct app_remove *job;
    enum pb_err err = cli_location(operand, &loc, e);

    if (err != PB_OK)
        return err;
    err = app_remove_start(c->app, &loc, c->args->text[OPT_version_id], on_removed, &w, &job, e);
    if (err == PB_OK) {
        err = cli_wait(c, &w.done, NULL, NULL, e);
        if (err == PB_OK && w.failed) {
            *e = w.error;
            err = w.error.code;
        }
        app_remove_free(job);
    }
    if (err != PB_OK)
        cli_whole(e, &loc);
    location_release(&loc);
    return err;
}

int cmd_rm(struct cli *c)
{
    struct error error;
    enum pb_err err = PB_OK;

    if (c->args->count > 1 && c->args->given[OPT_version_id])
        err = error_set(&error, PB_EUSAGE, "--version-id names a version of one object");
    for (size_t i = 0; i < c->args->count && err == PB_OK; i++)
        err = remove_one(c, c->args->operands[i], &error);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

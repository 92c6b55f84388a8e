/* cp and mv: a whole object from any place to any other. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cli.h"

struct copying {
    struct cli *c;
    bool done;
    bool failed;
    struct error error;
};

static void on_copied(void *ctx, const struct app_copied *result, const struct error *e)
{
    struct copying *w = ctx;

    w->done = true;
    if (e != NULL) {
        w->failed = true;
        w->error = *e;
        return;
    }
    cli_kept(w->c, result->kept, result->not_kept);
    if (result->lost != NULL)
        cli_note(w->c, "not carried over to a store of another kind: %s", result->lost);
    if (result->unchecked)
        cli_note(w->c, "the server checks no conditions: compared before and after instead");
}

static void copy_progress(void *ctx, struct http_progress *out)
{
    app_copy_progress(ctx, out);
}

static enum pb_err copy(struct cli *c, const struct location *from, const struct location *to,
                        bool move, struct error *e)
{
    struct copying w = {.c = c};
    struct sink out = out_offer_sink(&c->out);
    struct app_copy *job;
    enum pb_err err = move ? app_move_start(c->app, from, to, on_copied, &w, &job, e)
                           : app_copy_start(c->app, from, to, &out, on_copied, &w, &job, e);

    if (err != PB_OK)
        return err;
    err = cli_wait(c, &w.done, copy_progress, job, e);
    if (err == PB_OK && w.failed) {
        *e = w.error;
        err = w.error.code;
    }
    app_copy_free(job);
    return err;
}

/* A destination that is a place to list gets the source's own name. */
static enum pb_err keep_name(const struct location *from, struct location *to, struct error *e)
{
    const char *name = from->key + from->key_len;
    struct buf key;
    enum pb_err err;

    if (to->scheme == LOC_STDIO || !app_location_is_folder(to))
        return PB_OK;
    if (from->scheme == LOC_STDIO)
        return error_set(e, PB_EUSAGE, "standard input has no name: give the destination one");
    if (to->scheme != LOC_LOCAL && to->container[0] == '\0')
        return error_set(e, PB_EUSAGE, "the destination names no container");
    while (name > from->key && name[-1] != '/')
        name--;
    if (*name == '\0')
        return error_set(e, PB_EUSAGE, "the source's name ends in '/': give the destination one");
    buf_init(&key, BUF_MAX_LINE);
    buf_append(&key, to->key, to->key_len);
    buf_puts(&key, name);
    err = buf_status(&key, e);
    if (err == PB_OK) {
        struct location named;

        err = location_make(&named, to->scheme, to->container, key.data, key.len, e);
        if (err == PB_OK) {
            location_release(to);
            *to = named;
        }
    }
    buf_release(&key);
    return err;
}

static int copy_or_move(struct cli *c, bool move)
{
    struct location from = {0}, to = {0};
    struct error error;
    enum pb_err err = cli_location(c->args->operands[0], &from, &error);

    if (err == PB_OK)
        err = cli_location(c->args->operands[1], &to, &error);
    if (err == PB_OK)
        err = keep_name(&from, &to, &error);
    if (err == PB_OK)
        err = copy(c, &from, &to, move, &error);
    if (err != PB_OK && from.key != NULL)
        cli_whole(&error, &from);
    location_release(&from);
    location_release(&to);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

int cmd_cp(struct cli *c)
{
    return copy_or_move(c, false);
}

int cmd_mv(struct cli *c)
{
    return copy_or_move(c, true);
}

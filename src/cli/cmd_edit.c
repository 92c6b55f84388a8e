/*
 * The editing commands, set, add, del and rename: open, find the places, change them, prove what
 * would be written, write it.
 *
 * Several EDITs are one save or none.  Nothing is written before everything has been checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cmd_edit.h"

struct edit_run {
    struct cli *c;
    struct location loc, to;
    bool elsewhere; /* --output, in `to` */
    bool stream;    /* and that is standard output, a pipe or a device: nothing to be replaced */
    struct arena mem;
    struct edit *edits;
    size_t count;
    enum edit_reach reach;
    struct app_object *object;
    struct app_review *review;
    bool done;
    bool failed;
    struct error error;
    struct buf report;
    struct buf doubts;
    bool beside; /* the pickle went to standard output: the report goes to standard error */
};

/* --- writing ------------------------------------------------------------------------------------
 */

static enum pb_err make_report(struct edit_run *r, const struct app_saved *saved, struct error *e)
{
    struct report rep = {
        .object = r->object,
        .review = r->review,
        .saved = saved,
        .to = r->elsewhere ? &r->to : NULL,
        .doubts = &r->doubts,
    };

    if (r->c->args->given[OPT_json])
        return report_json(&rep, &r->report, e);
    return report_text(r->c, &rep, &r->report, e);
}

static void on_saved(void *ctx, const struct app_saved *s, const struct error *e)
{
    struct edit_run *r = ctx;

    r->done = true;
    if (e != NULL) {
        r->failed = true;
        r->error = *e;
        if (s->outcome == APP_CONFLICT)
            r->error.code = PB_ECHANGED;
        return;
    }
    if (s->outcome == APP_SAVED_UNCHECKED)
        cli_note(r->c, "the server checks no conditions: compared before and after instead");
    cli_kept(r->c, s->kept, s->not_kept);
    /* Saved is saved: a report that cannot be made is told, but it is no failure to save. */
    if (make_report(r, s, &r->error) != PB_OK)
        cli_note(r->c, "saved, but: %s", r->error.msg);
}

static void save_progress(void *ctx, struct http_progress *out)
{
    app_save_progress(((struct edit_run *)ctx)->object, out);
}

static void review_progress(void *ctx, struct http_progress *out)
{
    app_review_progress(((struct edit_run *)ctx)->object, &out->received, &out->receive_total);
}

static enum pb_err wait_done(struct edit_run *r,
                             void (*progress)(void *ctx, struct http_progress *out),
                             struct error *e)
{
    enum pb_err err = cli_wait(r->c, &r->done, progress, r, e);

    if (err == PB_OK && r->failed) {
        *e = r->error;
        err = r->error.code;
    }
    return err;
}

static enum pb_err save(struct edit_run *r, struct error *e)
{
    const struct location *to = r->elsewhere ? &r->to : NULL;
    enum pb_err err;

    r->done = false;
    err = app_save_start(r->object, r->review, to, r->elsewhere, on_saved, r, e);
    return err == PB_OK ? wait_done(r, save_progress, e) : err;
}

static void on_review(void *ctx, struct app_review *review, const struct error *e)
{
    struct edit_run *r = ctx;

    r->done = true;
    r->review = review;
    if (e != NULL) {
        r->failed = true;
        r->error = *e;
    }
}

static enum pb_err review(struct edit_run *r, struct error *e)
{
    enum pb_err err;

    r->done = false;
    err = app_review_start(r->object, on_review, r, e);
    return err == PB_OK ? wait_done(r, review_progress, e) : err;
}

/* --- what was asked for -------------------------------------------------------------------------
 */

static bool to_stdout(const struct edit_run *r)
{
    return r->elsewhere && r->to.scheme == LOC_STDIO;
}

static bool is_stream(const struct location *to)
{
    struct stat st;

    if (to->scheme != LOC_LOCAL || stat(to->key, &st) != 0)
        return to->scheme == LOC_STDIO;
    return S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode);
}

/* What comes, goes, or is renamed is so in a container: that is one everywhere unless --here. */
static enum edit_reach reach(const struct args *a)
{
    if (a->given[OPT_here])
        return REACH_HERE;
    return a->given[OPT_everywhere] && a->command == CMD_set ? REACH_EVERYWHERE : REACH_USUAL;
}

static enum pb_err check_arguments(struct edit_run *r, struct error *e)
{
    const struct args *a = r->c->args;
    enum pb_err err = cli_location(a->operands[0], &r->loc, e);

    if (err == PB_OK && a->given[OPT_here] && a->given[OPT_everywhere])
        err = error_set(e, PB_EUSAGE, "--here and --everywhere exclude each other");
    if (err == PB_OK && a->given[OPT_output]) {
        err = cli_location(a->text[OPT_output], &r->to, e);
        r->elsewhere = err == PB_OK;
        r->stream = r->elsewhere && is_stream(&r->to);
    }
    if (err != PB_OK)
        return err;
    if (r->loc.scheme == LOC_STDIO && !r->elsewhere && !a->given[OPT_dry_run])
        return error_set(e, PB_EUSAGE, "-: standard input cannot be saved to; give --output");
    if (a->given[OPT_read_only] && !a->given[OPT_dry_run] && !to_stdout(r))
        return error_set(e, PB_EREADONLY, "nothing is written with --read-only");
    if (!a->given[OPT_dry_run])
        err = app_check_protected(r->c->app, r->elsewhere ? &r->to : &r->loc, e);
    if (err != PB_OK)
        return err;
    r->reach = reach(a);
    r->count = a->command == CMD_rename ? 1 : a->count - 1;
    r->edits = arena_alloc(&r->mem, r->count * sizeof *r->edits);
    if (r->edits == NULL)
        return error_nomem(e);
    return edits_parse(r->c, &r->mem, a->operands + 1, r->count, r->edits, e);
}

static enum pb_err check_match(const struct edit_run *r, struct error *e)
{
    const char *etag = r->c->args->text[OPT_if_match];
    struct buf shown;

    if (etag == NULL || store_identity_matches(&app_object_info(r->object)->identity, etag))
        return PB_OK;
    buf_init(&shown, BUF_MAX_LINE);
    app_show_location(&shown, &r->loc);
    error_set(e, PB_ECHANGED, "%s has another ETag now (--if-match); nothing was written",
              shown.data);
    buf_release(&shown);
    return PB_ECHANGED;
}

/* Told before anything is written, and again in the JSON report. */
static enum pb_err doubt(struct edit_run *r, struct error *e)
{
    enum pb_err err = pkl_edit_doubts(app_object_edit(r->object), &r->doubts, e);
    const char *line = r->doubts.data, *end;

    if (err != PB_OK || r->doubts.len == 0)
        return err;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
        cli_note(r->c, "warning: %.*s", (int)(end - line), line);
    return PB_OK;
}

static void tell_shared(const struct edit_run *r)
{
    const struct edit *shared = edits_shared(r->edits, r->count, r->reach);
    struct buf text;

    if (shared == NULL)
        return;
    buf_init(&text, BUF_MAX_LINE);
    text_escape_cols(&text, shared->text, strlen(shared->text), 100);
    cli_note(r->c,
             "%s: what is changed stands at several places, and changes at all of them (--here: "
             "only at this one)",
             text.data != NULL ? text.data : "");
    buf_release(&text);
}

static enum pb_err change(struct edit_run *r, struct error *e)
{
    struct pkl_edit *ed;
    enum pb_err err = cli_open(r->c, &r->loc, &r->object, e);

    if (err == PB_OK)
        err = check_match(r, e);
    if (err != PB_OK)
        return err;
    ed = app_object_edit(r->object); /* no --read-only: check_arguments() */
    if (ed == NULL)
        return error_set(e, PB_EREADONLY, "%s: %s", r->c->args->operands[0],
                         app_object_fixed(r->object));
    err = edits_find(ed, &r->mem, r->edits, r->count, r->reach, e);
    if (err == PB_OK)
        err = edits_apply(ed, &r->mem, r->edits, r->count, r->reach, e);
    if (err == PB_OK)
        tell_shared(r);
    if (err == PB_OK)
        err = review(r, e);
    return err == PB_OK ? doubt(r, e) : err;
}

static enum pb_err write_to(struct edit_run *r, struct out *out, struct error *e)
{
    struct sink to = out_sink(out);
    enum pb_err err = source_copy(r->review->result, 0, r->review->result->size, &to, e);

    return err == PB_OK ? out_flush(out, e) : err;
}

static bool same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A device or a pipe: what it is given cannot be looked at again, and nothing is replaced. */
static enum pb_err write_to_device(struct edit_run *r, struct error *e)
{
    int fd = open(r->to.key, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct out out;
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    app_show_location(&shown, &r->to);
    if (fd < 0 && errno == ENXIO) {
        err = error_set(e, PB_EIO, "%s: nobody reads from this pipe", shown.data);
    } else if (fd < 0) {
        err = error_errno(e, errno, "cannot write to", shown.data);
    } else {
        out_init(&out, fd);
        out.name = shown.data;
        out.check = r->c->out.check;
        out.ctx = r->c->out.ctx;
        r->beside = same_file(fd, STDOUT_FILENO);
        err = write_to(r, &out, e);
        out_release(&out);
        (void)close(fd);
    }
    buf_release(&shown);
    return err;
}

static enum pb_err write_to_stream(struct edit_run *r, struct error *e)
{
    enum pb_err err = make_report(r, NULL, e);

    if (err != PB_OK)
        return err;
    r->beside = to_stdout(r);
    return r->beside ? write_to(r, &r->c->out, e) : write_to_device(r, e);
}

static enum pb_err run(struct edit_run *r, struct error *e)
{
    enum pb_err err = check_arguments(r, e);

    if (err == PB_OK)
        err = change(r, e);
    if (err != PB_OK)
        return err;
    if (r->c->args->given[OPT_dry_run])
        return make_report(r, NULL, e);
    return r->stream ? write_to_stream(r, e) : save(r, e);
}

static int edit_command(struct cli *c)
{
    struct edit_run r = {.c = c};
    struct error error;
    enum pb_err err;

    arena_init(&r.mem);
    buf_init(&r.report, BUF_MAX_TEXT);
    buf_init(&r.doubts, BUF_MAX_TEXT);
    err = run(&r, &error);
    if (err == PB_OK && r.beside)
        cli_print_stderr(&r.report);
    else if (err == PB_OK)
        err = out_buf(&c->out, &r.report, &error);
    app_review_release(r.review);
    app_object_close(r.object);
    buf_release(&r.report);
    buf_release(&r.doubts);
    location_release(&r.loc);
    location_release(&r.to);
    arena_release(&r.mem);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

int cmd_set(struct cli *c)
{
    return edit_command(c);
}

int cmd_add(struct cli *c)
{
    return edit_command(c);
}

int cmd_del(struct cli *c)
{
    return edit_command(c);
}

int cmd_rename(struct cli *c)
{
    return edit_command(c);
}

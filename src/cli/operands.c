/* What operands of the command line mean: locations, paths, files; and opening an object. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cli.h"

#define POLL_MS 100

enum pb_err cli_location(const char *text, struct location *out, struct error *e)
{
    struct location typed;
    enum pb_err err = location_parse(&typed, text, e);

    if (err != PB_OK)
        return err;
    err = app_canonical_location(&typed, out, e);
    location_release(&typed);
    return err;
}

static void put_operand(struct buf *out, const char *text)
{
    buf_init(out, BUF_MAX_LINE);
    if (text_escape_cols(out, text, strlen(text), 60))
        buf_puts(out, "...");
}

enum pb_err cli_at(struct error *e, const char *text, size_t at)
{
    struct error why = *e;
    struct buf shown;

    put_operand(&shown, text);
    error_set(e, PB_EUSAGE, "%s: %s (at byte %zu)", shown.data, why.msg, at + 1);
    buf_release(&shown);
    return PB_EUSAGE;
}

void cli_of(struct error *e, const char *text)
{
    struct error why = *e;
    struct buf shown;

    if (e->code == PB_ENOMEM)
        return;
    put_operand(&shown, text);
    error_set(e, why.code, "%s: %s", shown.data, why.msg);
    buf_release(&shown);
}

void cli_whole(struct error *e, const struct location *where)
{
    const char *mark = strstr(where->key, "!/");
    struct error why = *e;

    if (e->code == PB_ENOTFOUND && mark != NULL && mark > where->key && mark[2] != '\0')
        error_set(e, PB_ENOTFOUND,
                  "%s; a file of an archive is shown and edited, but not copied, moved or removed",
                  why.msg);
}

enum pb_err cli_path(struct arena *mem, const char *text, struct pkl_path *out, struct error *e)
{
    struct error why;
    size_t at = 0;
    enum pb_err err = pkl_path_parse(mem, text, strlen(text), out, &at, &why);

    if (err == PB_EUSAGE)
        cli_at(&why, text, at);
    if (err != PB_OK && e != NULL)
        *e = why;
    return err;
}

/* --- opening ------------------------------------------------------------------------------------
 */

struct opening {
    bool done;
};

static void on_changed(void *ctx, struct app_object *o)
{
    struct opening *w = ctx;

    switch (app_object_state(o)) {
    case APP_HEAD:
    case APP_FETCHING:
    case APP_INDEXING:
        break;
    case APP_BIG_ASK: /* who names an object on the command line wants it */
        app_object_fetch(o);
        break;
    case APP_READY:
    case APP_BROKEN:
    case APP_NOT_PICKLE:
    case APP_FAILED:
        w->done = true;
        break;
    }
}

/* What breaks says where in the object, but not which object. */
static void name_object(struct error *e, const struct location *loc)
{
    struct error why = *e;
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    app_show_location(&shown, loc);
    error_set(e, why.code, "%s: %s", shown.data, why.msg);
    buf_release(&shown);
}

static void object_progress(void *ctx, struct http_progress *out)
{
    app_object_progress(ctx, out);
}

/* What other unpicklers read otherwise, or not at all. */
static void say_notes(const struct cli *c, const struct pkl_doc *d)
{
    const struct pkl_note *notes;
    uint64_t total;
    size_t n = pkl_doc_notes(d, &notes, &total);
    bool hidden = false;

    for (size_t i = 0; i < n; i++) {
        const char *name = pkl_opcode(notes[i].opcode)->name;
        unsigned long long at = (unsigned long long)notes[i].offset;

        /* What is not shown is told to everybody, but once. */
        if (notes[i].hidden && !hidden)
            cli_note(c, "warning: byte %llu, %s: %s", at, name, _(notes[i].text));
        else
            cli_verbose(c, "byte %llu, %s: %s", at, name, _(notes[i].text));
        hidden = hidden || notes[i].hidden;
    }
    if (total > n)
        cli_verbose(c, "%llu more opcodes that not every unpickler takes alike",
                    (unsigned long long)(total - n));
}

enum pb_err cli_open(struct cli *c, const struct location *loc, struct app_object **out,
                     struct error *e)
{
    struct opening w = {false};
    struct app_object *o;
    enum app_state state;
    enum pb_err err = app_object_open(c->app, loc, on_changed, &w, out, e);

    if (err != PB_OK)
        return err;
    o = *out;
    err = cli_wait(c, &w.done, object_progress, o, e);
    state = app_object_state(o);
    if (err == PB_OK && state != APP_READY) {
        *e = *app_object_error(o);
        err = e->code;
    }
    if (state == APP_BROKEN || state == APP_NOT_PICKLE)
        name_object(e, loc);
    if (app_object_opcodes(o) != NULL)
        say_notes(c, app_object_opcodes(o));
    if (err != PB_OK && state != APP_BROKEN && state != APP_NOT_PICKLE) {
        app_object_close(o);
        *out = NULL;
    }
    return err;
}

/* --- files --------------------------------------------------------------------------------------
 */

/* Waits for a pipe or a terminal without being deaf to ^C. */
static enum pb_err wait_readable(struct cli *c, int fd, struct error *e)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    enum pb_err err;

    for (;;) {
        err = loop_turn(app_loop(c->app), 0, e);
        if (err == PB_OK && c->interrupted)
            err = error_set(e, PB_ECANCELED, "interrupted");
        if (err != PB_OK || poll(&p, 1, POLL_MS) > 0)
            return err;
    }
}

static enum pb_err read_all(struct cli *c, int fd, const char *shown, struct buf *out,
                            struct error *e)
{
    char piece[16 * 1024];

    for (;;) {
        enum pb_err err = wait_readable(c, fd, e);
        ssize_t n;

        if (err != PB_OK)
            return err;
        n = read(fd, piece, sizeof piece);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return error_errno(e, errno, "cannot read", shown);
        if (n == 0)
            return buf_status(out, e);
        buf_append(out, piece, (size_t)n);
        if (out->failed != PB_OK)
            return buf_status(out, e);
    }
}

enum pb_err cli_read_file(struct cli *c, const char *name, struct buf *out, struct error *e)
{
    struct buf shown;
    enum pb_err err;
    int fd;

    if (strcmp(name, "-") == 0)
        return read_all(c, STDIN_FILENO, _("standard input"), out, e);
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, name, strlen(name), 200);
    fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        err = error_errno(e, errno, "cannot open", shown.data);
    } else {
        err = read_all(c, fd, shown.data, out, e);
        close(fd);
    }
    buf_release(&shown);
    return err;
}

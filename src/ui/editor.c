/* A text in $VISUAL or $EDITOR, outside the screen. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>

#include "commands.h"
#include "state.h"

#define FILE_MAX (32u << 20) /* bytes that may come back */
#define MARK "#! "           /* begins a line that says what is wrong in the one below */

/* ------------------------------------------------------------------------- the file */

static bool make_file(char *name, size_t room, int *fd)
{
    struct buf b;

    buf_init(&b, room - 1);
    buf_printf(&b, "%s/pklbrowse-XXXXXX.py", source_temp_folder());
    *fd = -1;
    if (b.failed == PB_OK) {
        memcpy(name, b.data, b.len + 1);
        *fd = mkostemps(name, 3, O_CLOEXEC);
    }
    buf_release(&b);
    return *fd >= 0;
}

static bool write_file(const char *name, const struct buf *text)
{
    int fd = open(name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    struct sink to = sink_fd(&fd);
    bool done = fd >= 0 && sink_write(&to, text->data, text->len, NULL) == PB_OK;

    if (fd >= 0)
        done = close(fd) == 0 && done;
    return done;
}

static bool read_file(const char *name, struct buf *out)
{
    char piece[16 * 1024];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    buf_clear(out);
    while (fd >= 0 && out->failed == PB_OK && (n = read(fd, piece, sizeof piece)) != 0) {
        if (n > 0)
            buf_append(out, piece, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0 && n == 0 && out->failed == PB_OK;
}

/* ----------------------------------------------------------------------- the command */

static const char *command(void)
{
    const char *c = getenv("VISUAL");

    if (c == NULL || *c == '\0')
        c = getenv("EDITOR");
    return c != NULL && *c != '\0' ? c : "vi";
}

/* Takes +LINE in front of the name. */
static bool takes_line(const char *c)
{
    static const char *const known[] = {"vi",    "vim", "nvim", "view", "nano",
                                        "emacs", "joe", "mg",   "pico", "micro"};
    size_t n = strcspn(c, " \t");
    const char *slash = n > 0 ? memrchr(c, '/', n) : NULL;

    if (slash != NULL) {
        n -= (size_t)(slash - c) + 1;
        c = slash + 1;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i]) == n && memcmp(known[i], c, n) == 0)
            return true;
    }
    return false;
}

static bool edit_file(struct ui *u, const char *name, size_t line)
{
    static char sh[] = "sh", option[] = "-c";
    const char *c = command();
    char *argv[7] = {sh, option}, *file = mem_strdup(name), *word = mem_strdup(c);
    struct buf script, at;
    size_t n = 2;
    bool good;

    buf_init(&script, BUF_MAX_LINE);
    buf_init(&at, 64);
    buf_printf(&script, "%s \"$@\"", c);
    buf_printf(&at, "+%zu", line);
    argv[n++] = script.data;
    argv[n++] = word;
    if (line > 1 && takes_line(c))
        argv[n++] = at.data;
    argv[n++] = file;
    argv[n] = NULL;
    good = file != NULL && word != NULL && script.failed == PB_OK &&
           outside_run(u, "/bin/sh", argv, NULL) == 0;
    free(file);
    free(word);
    buf_release(&script);
    buf_release(&at);
    return good;
}

/* -------------------------------------------------------------------------- the text */

/* Without the lines of ours, and without the newline that editors put at the end. */
static void take_out_marks(struct buf *text)
{
    for (size_t at = 0; at < text->len;) {
        char *nl = memchr(text->data + at, '\n', text->len - at);
        size_t n = nl != NULL ? (size_t)(nl - text->data) - at + 1 : text->len - at;

        if (n >= strlen(MARK) && memcmp(text->data + at, MARK, strlen(MARK)) == 0)
            buf_splice(text, at, n, "", 0);
        else
            at += n;
    }
    while (text->len > 0 &&
           (text->data[text->len - 1] == '\n' || text->data[text->len - 1] == '\r'))
        buf_truncate(text, text->len - 1);
}

/* Says above the line what is wrong in it; its number, counted with that line. */
static size_t put_mark(struct buf *text, size_t at, const char *why)
{
    struct buf mark;
    size_t begin = at < text->len ? at : text->len, line = 1;

    while (begin > 0 && text->data[begin - 1] != '\n')
        begin--;
    for (size_t i = 0; i < begin; i++)
        line += text->data[i] == '\n';
    buf_init(&mark, BUF_MAX_LINE);
    buf_printf(&mark, MARK "%s (column %zu)\n", why, at - begin + 1);
    buf_splice(text, begin, 0, mark.data, mark.len);
    buf_release(&mark);
    return line + 1;
}

/* Until it is taken (true), or left as it was. */
static bool edit_until_taken(struct ui *u, const struct ask_ops *ops, void *ctx, const char *name,
                             struct buf *text)
{
    struct buf before;
    struct error e;
    size_t line = 1, at = 0;
    bool taken = false, again = true;

    buf_init(&before, FILE_MAX);
    while (again) {
        again = false;
        buf_clear(&before);
        buf_append(&before, text->data, text->len);
        if (!edit_file(u, name, line)) {
            ui_say(u, SAY_WARNING, "%s did not end well; all is left as it was.", command());
        } else if (!read_file(name, text)) {
            ui_say(u, SAY_ERROR, "What the editor wrote cannot be read.");
        } else if (text->len == before.len && memcmp(text->data, before.data, text->len) == 0) {
            ui_say(u, SAY_INFO, "Nothing was changed in the editor.");
        } else {
            take_out_marks(text);
            taken = ops->take(u, text->data, text->len, ctx, &at, &e);
            if (!taken) {
                line = put_mark(text, at, e.msg);
                again = text->failed == PB_OK && write_file(name, text);
            }
        }
    }
    buf_release(&before);
    return taken;
}

static bool edit_in_editor(struct ui *u, const struct ask_ops *ops, const char *text, size_t n,
                           void *ctx)
{
    char name[1024];
    struct buf all;
    bool taken = false;
    int fd;

    if (!make_file(name, sizeof name, &fd)) {
        ui_say(u, SAY_ERROR, "No file for the editor can be made in $TMPDIR or /tmp.");
        return false;
    }
    (void)close(fd);
    buf_init(&all, FILE_MAX);
    ops->long_text(u, text, n, ctx, &all);
    buf_putc(&all, '\n');
    if (all.failed != PB_OK || !write_file(name, &all))
        ui_say(u, SAY_ERROR, "The file for the editor cannot be written.");
    else
        taken = edit_until_taken(u, ops, ctx, name, &all);
    (void)unlink(name);
    buf_release(&all);
    return taken;
}

void editor_open(struct ui *u, const struct ask_ops *ops, const char *text, size_t n, void *ctx)
{
    (void)edit_in_editor(u, ops, text, n, ctx);
}

void cmd_line_editor(struct ui *u, int arg)
{
    struct ask *a = ask_top(u);

    (void)arg;
    if (a == NULL)
        return;
    if (a->ops->take == NULL) {
        ui_say(u, SAY_INFO, "Only a value is edited in the editor.");
        return;
    }
    /* It lies over nothing while it is taken, so that a dialog that opens then stays. */
    u->over = a->view.below;
    if (edit_in_editor(u, a->ops, a->prompt.text.data, a->prompt.text.len, a->ctx))
        a->view.ops->free(u, &a->view);
    else
        ui_push(u, &a->view);
}

/*
 * Test scripts: keys and checks read from a file, a step at a time, the next one only when nothing
 * is pending.
 *
 *   key NAME ...           keys by name: "key j Enter ^R"
 *   type TEXT              the rest of the line, as typed
 *   paste TEXT             the same between the marks of a bracketed paste
 *   mouse ACT COLUMN ROW   click, double, press, drag, release, wheel-up or wheel-down
 *   resize COLUMNS ROWS    of a screen nobody sees
 *   rest                   as long as it takes until a preview comes
 *   expect TEXT            the screen shows TEXT now, or the script fails
 *   expect-not TEXT
 *   await TEXT             goes on as soon as the screen shows TEXT, whatever is pending
 *   wait-for FILE          goes on as soon as FILE is there: something happened outside
 *   now STEP               the step at once, whatever is pending
 *   :save-screen FILE      the screen as text; :save-attrs FILE its styles
 *   # a comment
 *
 *   quits                  the last step: the screen must have closed before it
 *
 * At its end the screen closes, without asking; when it closes before, the script has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "state.h"

#define AWAIT_US (20u * 1000000u) /* longer than anything a test waits for */

struct script {
    const char *path; /* borrowed */
    struct buf text;
    size_t at;   /* of the next step */
    size_t word; /* of the next key in a line of keys */
    unsigned line;
    uint64_t since; /* an await began; 0: none */
    enum pb_err status;
    struct error error;
};

static enum pb_err read_all(const char *path, struct buf *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char piece[4096];
    ssize_t n = 0;

    if (fd < 0)
        return error_errno(e, errno, "cannot open", "the script that PKLBROWSE_SCRIPT names");
    while (out->failed == PB_OK && (n = read(fd, piece, sizeof piece)) > 0)
        buf_append(out, piece, (size_t)n);
    (void)close(fd);
    if (n < 0)
        return error_set(e, PB_EIO, "the script that PKLBROWSE_SCRIPT names cannot be read");
    return buf_status(out, e);
}

enum pb_err script_open(const char *path, struct script **out, struct error *e)
{
    struct script *s = mem_alloc(sizeof *s);
    enum pb_err err;

    if (s == NULL)
        return error_nomem(e);
    s->path = path;
    buf_init(&s->text, BUF_MAX_TEXT);
    err = read_all(path, &s->text, e);
    if (err != PB_OK)
        script_free(s);
    else
        *out = s;
    return err;
}

void script_free(struct script *s)
{
    if (s == NULL)
        return;
    buf_release(&s->text);
    free(s);
}

/* Steps that nobody read because the screen closed; "quits" is no such step. */
static bool steps_left(const struct script *s)
{
    const char *p = s->text.data + s->at;

    while (*p != '\0') {
        size_t n = strcspn(p, "\n");

        if (n > 0 && *p != '#' && !(n == 5 && memcmp(p, "quits", 5) == 0))
            return true;
        p += n + (p[n] == '\n');
    }
    return false;
}

enum pb_err script_status(const struct script *s, struct error *e)
{
    if (s->status == PB_OK && steps_left(s))
        return error_set(e, PB_EIO, "script: the screen closed before line %u", s->line + 1);
    if (s->status != PB_OK && e != NULL)
        *e = s->error;
    return s->status;
}

static bool dump_to(const struct ui *u, const char *path,
                    void (*dump)(const struct screen *, struct buf *))
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct buf text;
    struct sink to = sink_fd(&fd);
    bool ok;

    if (fd < 0)
        return false;
    buf_init(&text, BUF_MAX_TEXT);
    dump(&u->screen, &text);
    ok = sink_write(&to, text.data, text.len, NULL) == PB_OK;
    (void)close(fd);
    buf_release(&text);
    return ok;
}

/* The script ends; what was on the screen then is left beside it. */
static void script_fail(struct ui *u, const char *what, const char *text)
{
    struct script *s = u->script;
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, text, strlen(text));
    s->status =
        error_set(&s->error, PB_EIO, "script, line %u: %s: %s", s->line + 1, what, shown.data);
    buf_clear(&shown);
    buf_printf(&shown, "%s.screen", s->path);
    (void)dump_to(u, shown.data, screen_dump);
    buf_release(&shown);
    u->quit = true;
}

/* --- steps ---------------------------------------------------------------------------------- */

/* One key of the line; each waits for its own moment. */
static void step_key(struct ui *u, const char *arg)
{
    struct script *s = u->script;
    size_t n;
    uint32_t key;

    arg += s->word;
    n = strcspn(arg, " ");
    key = key_from_name(arg, n);
    s->word += n + strspn(arg + n, " ");
    if (arg[n] == '\0' || key == K_NONE)
        s->word = 0;
    if (key == K_NONE)
        script_fail(u, "no key has this name", arg);
    else
        ui_key(u, key);
}

static void step_type(struct ui *u, const char *arg)
{
    size_t n = strlen(arg);

    for (size_t at = 0; at < n && !u->quit;) {
        uint32_t cp;
        size_t used = utf8_decode(arg + at, n - at, &cp, false);

        if (used == 0) {
            script_fail(u, "not UTF-8", arg);
            return;
        }
        ui_key(u, cp);
        at += used;
    }
}

static void step_paste(struct ui *u, const char *arg)
{
    ui_key(u, K_PASTE_BEGIN);
    step_type(u, arg);
    ui_key(u, K_PASTE_END);
}

static void step_mouse(struct ui *u, const char *arg)
{
    static const struct {
        const char *name;
        enum mouse_act acts[4];
        size_t count;
    } all[] = {
        {"click", {MOUSE_PRESS, MOUSE_RELEASE}, 2},
        {"double", {MOUSE_PRESS, MOUSE_RELEASE, MOUSE_PRESS, MOUSE_RELEASE}, 4},
        {"press", {MOUSE_PRESS}, 1},
        {"drag", {MOUSE_DRAG}, 1},
        {"release", {MOUSE_RELEASE}, 1},
        {"wheel-up", {MOUSE_WHEEL_UP}, 1},
        {"wheel-down", {MOUSE_WHEEL_DOWN}, 1},
    };
    size_t name = strcspn(arg, " "), x = arg[name] != '\0' ? strcspn(arg + name + 1, " ") : 0;
    const char *second = arg + name + 1 + x;
    uint64_t col, row;

    if (x == 0 || *second == '\0' || !num_parse_u64(arg + name + 1, x, &col) ||
        !num_parse_u64(second + 1, strlen(second + 1), &row) || col > 2000 || row > 2000) {
        script_fail(u, "no such place", arg);
        return;
    }
    u->pointer.when = 0; /* clicks of a script are as far apart as it says */
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strlen(all[i].name) != name || memcmp(all[i].name, arg, name) != 0)
            continue;
        for (size_t k = 0; k < all[i].count; k++) {
            struct mouse m = {.act = all[i].acts[k], .y = (int)row, .x = (int)col};

            ui_mouse(u, &m);
        }
        return;
    }
    script_fail(u, "the mouse cannot do that", arg);
}

static void step_resize(struct ui *u, const char *arg)
{
    size_t n = strcspn(arg, " ");
    uint64_t cols, rows;

    if (u->term != NULL || arg[n] == '\0' || !num_parse_u64(arg, n, &cols) ||
        !num_parse_u64(arg + n + 1, strlen(arg + n + 1), &rows) || cols > 2000 || rows > 2000)
        script_fail(u, "cannot resize", arg);
    else
        (void)ui_resize(u, (int)rows, (int)cols);
}

static void step_expect(struct ui *u, const char *arg)
{
    if (!screen_contains(&u->screen, arg))
        script_fail(u, "the screen does not show", arg);
}

static void step_expect_not(struct ui *u, const char *arg)
{
    if (screen_contains(&u->screen, arg))
        script_fail(u, "the screen shows", arg);
}

static void step_save_screen(struct ui *u, const char *arg)
{
    if (!dump_to(u, arg, screen_dump))
        script_fail(u, "cannot write", arg);
}

static void step_save_attrs(struct ui *u, const char *arg)
{
    if (!dump_to(u, arg, screen_dump_attrs))
        script_fail(u, "cannot write", arg);
}

static void step_rest(struct ui *u, const char *arg)
{
    (void)arg;
    preview_now(u);
}

static void step_quits(struct ui *u, const char *arg)
{
    script_fail(u, "the screen is still open", arg);
}

static const struct {
    const char *name;
    void (*run)(struct ui *u, const char *arg);
} steps[] = {
    {"quits", step_quits},
    {"key", step_key},
    {"type", step_type},
    {"paste", step_paste},
    {"mouse", step_mouse},
    {"resize", step_resize},
    {"rest", step_rest},
    {"expect", step_expect},
    {"expect-not", step_expect_not},
    {":save-screen", step_save_screen},
    {":save-attrs", step_save_attrs},
};

static void run_step(struct ui *u, char *line)
{
    size_t n = strcspn(line, " ");
    const char *arg = line[n] == ' ' ? line + n + 1 : "";

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strlen(steps[i].name) == n && memcmp(steps[i].name, line, n) == 0) {
            steps[i].run(u, arg);
            return;
        }
    }
    script_fail(u, "no such step", line);
}

/* --- reading -------------------------------------------------------------------------------- */

/* Waits for what `over` says; true when it is over. */
static bool awaited(struct ui *u, const char *text, bool over)
{
    struct script *s = u->script;

    if (over) {
        s->since = 0;
        return true;
    }
    if (s->since == 0)
        s->since = clock_mono_us();
    else if (clock_mono_us() - s->since > AWAIT_US)
        script_fail(u, "in vain waited for", text);
    return false;
}

static bool starts(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

static bool skipped(const char *line)
{
    return line[0] == '\0' || line[0] == '#';
}

bool script_next(struct ui *u)
{
    struct script *s = u->script;
    char *line = s->text.data + s->at;
    size_t n = strcspn(line, "\n");
    bool at_once, waits, more = s->at < s->text.len, done = true;
    char *copy;

    if (!more) {
        if (loop_idle(u->loop))
            u->quit = true;
        return false;
    }
    copy = mem_strndup(line, n);
    if (copy == NULL) {
        script_fail(u, "out of memory", "");
        return false;
    }
    at_once = starts(copy, "now ");
    waits = starts(copy, "await ") || starts(copy, "wait-for ");
    if (starts(copy, "await "))
        done = awaited(u, copy + 6, screen_contains(&u->screen, copy + 6));
    else if (waits)
        done = awaited(u, copy + 9, access(copy + 9, F_OK) == 0);
    else if (!skipped(copy) && !at_once && !loop_idle(u->loop))
        done = false;
    if (done && !skipped(copy) && !waits)
        run_step(u, at_once ? copy + 4 : copy);
    if (done && s->word == 0) {
        s->line++;
        s->at += n < s->text.len - s->at ? n + 1 : n;
    }
    free(copy);
    return done && !u->quit;
}

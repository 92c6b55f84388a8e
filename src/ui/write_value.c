/* The value under the cursor, written to a file: which form, which name, what became of it. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>
#include <pklbrowse/write_out.h>

#include "commands.h"
#include "state.h"

/* What is being asked, or written. */
struct value_writer {
    struct pkl_child place;
    enum write_form form;
    char *path; /* absolute */
    struct write_out *work;
    uint64_t since;
};

static void begin(struct ui *u, bool replace);

void write_value_stop(struct ui *u)
{
    struct value_writer *w = u->writer;

    u->writer = NULL;
    if (w == NULL)
        return;
    write_out_free(w->work);
    free(w->path);
    free(w);
}

bool write_value_running(const struct ui *u)
{
    return u->writer != NULL && u->writer->work != NULL;
}

void write_value_cancel(struct ui *u)
{
    write_value_stop(u);
    ui_say(u, SAY_INFO, "Not written; nothing is left of it.");
}

void write_value_status(const struct ui *u, struct buf *out)
{
    const struct value_writer *w = u->writer;

    if (!write_value_running(u))
        return;
    buf_puts(out, _("Writing "));
    text_escape(out, w->path, strlen(w->path));
    buf_puts(out, "   ");
    progress_text(out, write_out_bytes(w->work), 0, 0);
    ui_seconds(out, w->since);
}

/* --- it is there already -------------------------------------------------------------------- */

enum { REPLACE_CANCEL, REPLACE_IT };
static const struct dialog_button replace_buttons[] = {
    [REPLACE_CANCEL] = {'n', N_("Cancel")},
    [REPLACE_IT] = {'o', N_("Overwrite")},
};

static void on_replace(struct ui *u, int button)
{
    if (button == REPLACE_IT && u->writer != NULL)
        begin(u, true);
    else
        write_value_cancel(u);
}

static void ask_replace(struct ui *u, const char *why)
{
    struct dialog *d = dialog_new(u, _("Not written: something is there already"), replace_buttons,
                                  2, REPLACE_CANCEL, on_replace);

    if (d == NULL) {
        write_value_stop(u);
        return;
    }
    d->danger = true;
    (void)lines_add(&d->head, STYLE_VALUE, why);
    ahead_guard(u);
    dialog_open(u, d);
}

/* --- writing -------------------------------------------------------------------------------- */

static void on_done(void *ctx, uint64_t bytes, const struct error *e)
{
    static const char *const forms[] = {
        [WRITE_REPR] = N_("as Python prints it"),
        [WRITE_JSON] = N_("as JSON"),
        [WRITE_BYTES] = N_("its bytes as they are"),
    };
    struct ui *u = ctx;
    struct value_writer *w = u->writer;
    struct buf name;

    write_out_free(w->work);
    w->work = NULL;
    ui_changed(u);
    if (e != NULL && e->code == PB_EEXIST) {
        ask_replace(u, e->msg);
        return;
    }
    buf_init(&name, BUF_MAX_LINE);
    text_escape(&name, w->path, strlen(w->path));
    if (e != NULL)
        ui_error(u, e);
    else
        ui_say(u, SAY_INFO, "Written: %s, %s bytes, %s.", name.data, TEXT_COUNT(bytes),
               _(forms[w->form]));
    buf_release(&name);
    write_value_stop(u);
}

static void begin(struct ui *u, bool replace)
{
    struct value_writer *w = u->writer;
    struct error e;

    w->since = clock_mono_us();
    if (write_out_start(u->loop, tree_view(u->right.tree), &w->place.value, w->form, w->path,
                        replace, on_done, u, &w->work, &e) != PB_OK) {
        ui_error(u, &e);
        write_value_stop(u);
    }
}

/* --- its name ------------------------------------------------------------------------------- */

/* An absolute local path; NULL: said in note. */
static char *local_path(struct ui *u, const char *text, struct ask_note *note)
{
    struct location typed, real;
    char *path = NULL;
    struct error e;

    if (location_parse(&typed, text, &e) != PB_OK) {
        buf_puts(&note->text, e.msg);
        return NULL;
    }
    if (typed.scheme != LOC_LOCAL) {
        buf_puts(&note->text, _("a file of this machine is meant: a path"));
    } else if (app_location_is_folder(&typed)) {
        buf_puts(&note->text, _("a name is missing"));
    } else if (app_absolute_location(&real, &typed, &e) != PB_OK) {
        buf_puts(&note->text, e.msg);
    } else {
        if (config_read_only(u, &real))
            buf_puts(&note->text, _("nothing is changed there: the configuration says read-only"));
        else if (memchr(real.key, '\0', real.key_len) == NULL)
            path = mem_strndup(real.key, real.key_len);
        location_release(&real);
    }
    location_release(&typed);
    return path;
}

static void name_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    char *path = local_path(u, text, note);

    note->wrong = path == NULL;
    note->at = n;
    free(path);
}

static bool name_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct value_writer *w = u->writer;

    (void)n;
    (void)ctx;
    if (w == NULL || u->right.tree == NULL)
        return true;
    free(w->path);
    w->path = local_path(u, text, note);
    note->wrong = w->path == NULL;
    if (!note->wrong)
        begin(u, false);
    return !note->wrong;
}

static const struct ask_ops name_ops = {
    .label = N_("write to file: "),
    .check = name_check,
    .accept = name_accept,
    .cancelled = write_value_stop,
};

/* The last name in the path of the value, of what any file system takes. */
static void propose(struct ui *u, enum write_form form, struct buf *out)
{
    static const char *const ends[] = {
        [WRITE_REPR] = ".txt", [WRITE_JSON] = ".json", [WRITE_BYTES] = ".bin"};
    struct buf path;
    size_t from;

    buf_init(&path, BUF_MAX_LINE);
    if (tree_path(u->right.tree, u->right.list.cur, PATH_FORM_PATH, &path, NULL) != PB_OK)
        buf_clear(&path);
    for (from = path.len; from > 0 && strchr(".[@", path.data[from - 1]) == NULL; from--)
        ;
    for (size_t i = from; i < path.len; i++) {
        char c = path.data[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            c == '_' || c == '-')
            buf_putc(out, c);
    }
    if (out->len == 0)
        buf_puts(out, "value");
    buf_puts(out, ends[form]);
    buf_release(&path);
}

/* --- its form ------------------------------------------------------------------------------- */

static const struct dialog_button form_buttons[] = {
    {'p', N_("As Python prints it")},
    {'J', N_("JSON")},
    {'b', N_("Its bytes")},
};
static const struct dialog_button two_forms[] = {
    {'p', N_("As Python prints it")},
    {'J', N_("JSON")},
};

static void on_form(struct ui *u, int button)
{
    struct buf name;

    if (button < 0 || u->writer == NULL || u->right.tree == NULL) {
        write_value_stop(u);
        return;
    }
    u->writer->form = (enum write_form)button;
    buf_init(&name, BUF_MAX_LINE);
    propose(u, u->writer->form, &name);
    ask_open(u, &name_ops, NULL, name.data, name.len);
    buf_release(&name);
}

void cmd_write_value(struct ui *u, int arg)
{
    struct value_writer *w;
    struct dialog *d;
    struct buf path;
    struct error e;
    bool bytes;

    (void)arg;
    if (write_value_running(u)) {
        ui_say(u, SAY_INFO, "A value is being written; Esc stops that.");
        return;
    }
    write_value_stop(u);
    u->writer = w = mem_alloc(sizeof *w);
    if (w == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    if (tree_child(u->right.tree, u->right.list.cur, &w->place, &e) != PB_OK) {
        ui_error(u, &e);
        write_value_stop(u);
        return;
    }
    bytes = write_out_has_bytes(tree_view(u->right.tree), &w->place.value);
    d = dialog_new(u, _("Write this value to a file"), bytes ? form_buttons : two_forms,
                   bytes ? 3 : 2, bytes ? WRITE_BYTES : WRITE_REPR, on_form);
    if (d == NULL) {
        write_value_stop(u);
        return;
    }
    buf_init(&path, BUF_MAX_LINE);
    if (tree_path(u->right.tree, u->right.list.cur, PATH_FORM_PYTHON, &path, NULL) == PB_OK &&
        path.len == 0)
        buf_puts(&path, _("the whole value"));
    (void)lines_add(&d->head, STYLE_VALUE, path.data);
    buf_release(&path);
    dialog_open(u, d);
}

/* Saving: check, show, write; and what else may come of it.  The steps are the app's. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "complete.h"
#include "state.h"

void save_dropped(struct ui *u)
{
    struct saving *s = &u->saving;

    ahead_end(u, false);
    app_review_release(s->review);
    s->review = NULL;
    if (s->kept != NULL)
        app_rescue_forget(s->kept);
    app_rescue_free(s->kept);
    s->kept = NULL;
    s->step = SAVE_IDLE;
    s->elsewhere = false;
    location_release(&s->where);
    s->where = (struct location){0};
    s->conflict = NULL;
    store_identity_release(&s->theirs);
}

static void begin(struct ui *u, enum save_step step)
{
    u->saving.step = step;
    u->saving.since = clock_mono_us();
    u->dirty = true;
}

/* --- checking ------------------------------------------------------------------------------- */

static void on_review(void *ctx, struct app_review *r, const struct error *e)
{
    struct ui *u = ctx;

    u->dirty = true;
    if (e != NULL) {
        ui_error(u, e);
        save_dropped(u);
        return;
    }
    u->saving.review = r;
    if (r->nothing && !u->saving.elsewhere) {
        ui_say(u, SAY_INFO, "Nothing is changed, so nothing is written.");
        save_dropped(u);
        return;
    }
    u->saving.step = SAVE_ASKING;
    review_open(u);
    ahead_end(u, u->saving.step == SAVE_ASKING);
}

static void start_review(struct ui *u)
{
    struct error e;

    begin(u, SAVE_CHECKING);
    if (!u->ahead.open)
        ahead_begin(u);
    if (app_review_start(u->right.object, on_review, u, &e) != PB_OK) {
        ui_error(u, &e);
        save_dropped(u);
    }
}

void save_start(struct ui *u)
{
    const char *missing = need_missing(u, NEED_EDIT);

    if (missing != NULL)
        ui_say(u, SAY_INFO, "%s", missing);
    else if (!right_unsaved(u))
        ui_say(u, SAY_INFO, "Nothing is changed, so there is nothing to save.");
    else
        start_review(u);
}

void cmd_save(struct ui *u, int arg)
{
    (void)arg;
    save_start(u);
}

/* --- as another object ---------------------------------------------------------------------- */

static void as_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    struct location loc;
    struct error e;

    if (location_parse(&loc, text, &e) != PB_OK) {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
        return;
    }
    note->wrong = app_location_is_folder(&loc);
    if (config_read_only(u, &loc)) {
        note->wrong = true;
        buf_puts(&note->text, _("nothing is changed there: the configuration says read-only"));
    } else if (note->wrong) {
        note->at = n;
        buf_puts(&note->text, _("a name is missing"));
    }
    location_release(&loc);
}

static bool as_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct location loc;
    struct error e;

    (void)n;
    (void)ctx;
    (void)note;
    if (need_missing(u, NEED_EDIT) != NULL)
        return true;
    if (location_parse(&loc, text, &e) != PB_OK) {
        ui_error(u, &e);
        return true;
    }
    u->saving.elsewhere = true;
    u->saving.where = loc;
    start_review(u);
    return true;
}

static const struct ask_ops as_ops = {
    .label = N_("save as: "),
    .check = as_check,
    .complete = complete_location,
    .accept = as_accept,
};

void save_as_ask(struct ui *u)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    location_format(&text, app_object_location(u->right.object));
    ask_open(u, &as_ops, NULL, text.data, utf8_check(text.data, text.len, false, NULL));
    buf_release(&text);
}

void cmd_save_as(struct ui *u, int arg)
{
    (void)arg;
    save_as_ask(u);
}

enum { EXISTS_CANCEL, EXISTS_OTHER, EXISTS_OVERWRITE };
static const struct dialog_button exists_buttons[] = {
    [EXISTS_CANCEL] = {'n', N_("Cancel")},
    [EXISTS_OTHER] = {'a', N_("Another name\xe2\x80\xa6")},
    [EXISTS_OVERWRITE] = {'o', N_("Overwrite")},
};

static void on_exists(struct ui *u, int button)
{
    if (button == EXISTS_OVERWRITE) {
        save_write(u, &u->saving.where, true);
        return;
    }
    save_dropped(u);
    if (button == EXISTS_OTHER)
        save_as_ask(u);
}

static void exists_open(struct ui *u)
{
    struct dialog *d = dialog_new(u, _("Not saved: something is there already"), exists_buttons, 3,
                                  EXISTS_CANCEL, on_exists);
    struct buf name;

    if (d == NULL) {
        save_dropped(u);
        return;
    }
    buf_init(&name, BUF_MAX_LINE);
    app_show_location(&name, &u->saving.where);
    d->danger = true;
    (void)lines_add(&d->head, STYLE_VALUE, name.data);
    (void)lines_add(&d->head, STYLE_VALUE, _("Overwriting keeps a copy of its bytes first."));
    buf_release(&name);
    u->saving.step = SAVE_ASKING;
    dialog_open(u, d);
}

/* --- writing -------------------------------------------------------------------------------- */

static void add_short(struct buf *out, const char *what, const char *value)
{
    size_t n = strlen(value);

    if (n >= 2 && memcmp(value, "W/", 2) == 0) {
        value += 2;
        n -= 2;
    }
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value++;
        n -= 2;
    }
    buf_printf(out, "%s ", what);
    if (text_escape_cols(out, value, n, n > 10 ? 8 : 10))
        buf_puts(out, "\xe2\x80\xa6");
}

void identity_text(struct buf *out, const struct store_identity *id, enum loc_scheme scheme)
{
    bool local = scheme == LOC_LOCAL;

    if (id->etag != NULL && !local) /* of a file it is a stamp that tells a person nothing */
        add_short(out, "ETag", id->etag);
    if (id->version_id != NULL) {
        if (out->len > 0)
            buf_puts(out, ", ");
        add_short(out, _("version"), id->version_id);
    }
}

static void say_saved(struct ui *u, const struct app_saved *s)
{
    const struct location *to =
        u->saving.elsewhere ? &u->saving.where : app_object_location(u->right.object);
    bool unchecked = s->outcome == APP_SAVED_UNCHECKED;
    enum say kind = unchecked || s->not_kept ? SAY_WARNING : SAY_INFO;
    struct buf id, where;

    buf_init(&id, BUF_MAX_LINE);
    buf_init(&where, BUF_MAX_LINE);
    if (s->now != NULL)
        identity_text(&id, s->now, to->scheme);
    if (id.len > 0)
        buf_puts(&id, "  ");
    if (s->not_kept)
        buf_printf(&id, _("What was there is not kept: more than %u MiB.  "),
                   (unsigned)(HISTORY_BYTES_MAX >> 20));
    if (u->saving.elsewhere)
        app_show_location(&where, &u->saving.where);
    if (unchecked)
        buf_puts(&id, _("This server checks no conditions; compared instead."));
    else
        buf_puts(&id, u->saving.elsewhere ? _("(what is open here is as it was)")
                                          : _("(u still undoes)"));
    if (u->saving.elsewhere)
        ui_say(u, kind, "Saved as %s. %s", where.data, id.data);
    else
        ui_say(u, kind, "Saved. %s", id.data);
    buf_release(&id);
    buf_release(&where);
}

static void on_saved(void *ctx, const struct app_saved *s, const struct error *e)
{
    struct ui *u = ctx;

    u->dirty = true;
    switch (s->outcome) {
    case APP_SAVED:
    case APP_SAVED_UNCHECKED:
        say_saved(u, s);
        save_dropped(u);
        right_refresh(u);
        left_reload(u);
        break;
    case APP_NOTHING:
        ui_say(u, SAY_INFO, "Nothing is changed, so nothing was written.");
        save_dropped(u);
        break;
    case APP_CONFLICT:
        u->saving.step = SAVE_ASKING;
        conflict_open(u, s);
        ahead_guard(u);
        break;
    case APP_NOT_SAVED:
        if (e != NULL && e->code == PB_EEXIST && u->saving.elsewhere) {
            exists_open(u);
            ahead_guard(u);
            break;
        }
        if (e != NULL)
            ui_error(u, e);
        save_dropped(u);
        break;
    }
}

/* No end of the program while it writes, however sudden, loses what is being saved. */
static void keep_meanwhile(struct ui *u)
{
    struct error e;

    if (u->saving.kept == NULL && (app_rescue_keep(u->right.object, &e) != PB_OK ||
                                   app_rescue_find(u->right.object, &u->saving.kept, &e) != PB_OK))
        ui_error(u, &e);
}

void save_write(struct ui *u, const struct location *where, bool overwrite)
{
    struct error e;

    begin(u, SAVE_WRITING);
    keep_meanwhile(u);
    if (app_save_start(u->right.object, u->saving.review, where, overwrite, on_saved, u, &e) !=
        PB_OK) {
        ui_error(u, &e);
        save_dropped(u);
    }
}

/* --- mine on theirs ------------------------------------------------------------------------- */

static void on_merged(void *ctx, struct app_object *merged, const struct error *e)
{
    struct ui *u = ctx;

    u->dirty = true;
    u->saving.step = SAVE_IDLE;
    if (merged == NULL) {
        ahead_end(u, false);
        ui_error(u, e);
        return;
    }
    right_adopt(u, merged);
    ui_say(u, SAY_INFO, "Your changes are on what someone else saved; look, then save.");
    save_start(u);
}

void save_merge(struct ui *u)
{
    struct error e;

    save_dropped(u);
    begin(u, SAVE_MERGING);
    ahead_begin(u);
    if (app_merge_start(u->right.object, on_merged, u, &e) != PB_OK) {
        u->saving.step = SAVE_IDLE;
        ui_error(u, &e);
    }
}

/* --- while it runs -------------------------------------------------------------------------- */

void save_cancel(struct ui *u)
{
    switch (u->saving.step) {
    case SAVE_CHECKING:
        app_review_cancel(u->right.object);
        save_dropped(u);
        ui_say(u, SAY_WARNING, "Stopped; nothing was written and your changes are kept.");
        break;
    case SAVE_WRITING:
        app_save_cancel(u->right.object);
        break;
    case SAVE_MERGING:
        app_merge_cancel(u->right.object);
        u->saving.step = SAVE_IDLE;
        ui_say(u, SAY_WARNING, "Stopped; your changes are kept.");
        break;
    case SAVE_IDLE:
    case SAVE_ASKING:
        break;
    }
}

void save_status(struct ui *u, struct buf *out)
{
    static const char *const doing[] = {
        [SAVE_CHECKING] = N_("Checking what would be written"),
        [SAVE_WRITING] = N_("Saving"),
        [SAVE_MERGING] = N_("Reading what is there now"),
    };
    enum save_step step = u->saving.step;

    if (step == SAVE_IDLE || step == SAVE_ASKING)
        return;
    buf_printf(out, "%s%s %s", _(doing[step]), "\xe2\x80\xa6", ui_spinner(u));
    ui_seconds(out, u->saving.since);
    buf_puts(out, _("   Esc stops it"));
}

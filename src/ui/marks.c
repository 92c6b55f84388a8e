/* Marks in the listing, and what is done with many objects: deleting, copying to a folder. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "complete.h"
#include "state.h"

/* --- marks ---------------------------------------------------------------------------------- */

void marks_text(struct buf *out, uint64_t objects, uint64_t bytes)
{
    buf_printf(out, P_("%s object, %s", "%s objects, %s", objects), TEXT_COUNT(objects),
               TEXT_SIZE(bytes));
}

static void say_marked(struct ui *u)
{
    struct left *l = &u->left;
    uint64_t bytes, n = listing_marked(l->listing, &bytes);
    struct buf text;

    if (n == 0) {
        ui_say(u, SAY_INFO, "Nothing is marked.");
        return;
    }
    buf_init(&text, 200);
    marks_text(&text, n, bytes);
    ui_say(u, SAY_INFO, "Marked: %s%s", text.data,
           listing_complete(l->listing) ? "." : _(", of what is read so far; G reads all."));
    buf_release(&text);
}

void cmd_mark(struct ui *u, int arg)
{
    struct left *l = &u->left;
    struct listing_row row;

    (void)arg;
    if (!listing_row(l->listing, l->list.cur, &row))
        return;
    if (listing_mark(l->listing, l->list.cur, !row.marked))
        list_move(&l->list, MOVE_DOWN);
    else
        ui_say(u, SAY_INFO, "Only objects are marked; Enter goes into this one.");
}

/* All that are shown; when they are, none. */
void cmd_mark_all(struct ui *u, int arg)
{
    struct left *l = &u->left;
    uint64_t before = listing_marked(l->listing, NULL);

    (void)arg;
    listing_mark_all(l->listing, true);
    if (listing_marked(l->listing, NULL) == before)
        listing_mark_all(l->listing, false);
    say_marked(u);
}

bool marks_clear(struct ui *u)
{
    struct left *l = &u->left;

    if (l->listing == NULL || listing_marked(l->listing, NULL) == 0)
        return false;
    listing_unmark(l->listing);
    ui_say(u, SAY_INFO, "Nothing is marked any more.");
    return true;
}

/* --- which objects -------------------------------------------------------------------------- */

static enum pb_err add_row(struct ui *u, const struct listing_row *row, struct error *e)
{
    struct many *c = &u->many;
    struct location where;
    enum pb_err err = app_child_location(&u->left.where, row->kind, row->name, row->len, &where, e);

    if (err != PB_OK)
        return err;
    err = app_many_add(c->work, &where, row->shown, row->shown_len, row->size, e);
    location_release(&where);
    c->objects++;
    c->bytes += row->size;
    c->hidden += row->hidden;
    c->too_large += row->size > HISTORY_BYTES_MAX;
    return err;
}

/* Those that are marked; when none is, the one under the cursor. */
static enum pb_err add_rows(struct ui *u, struct error *e)
{
    struct listing *l = u->left.listing;
    struct listing_row row;
    enum pb_err err = PB_OK;
    uint64_t at = 0;

    if (l == NULL)
        return error_set(e, PB_EUSAGE, "Open a place first.");
    while (err == PB_OK && listing_next_marked(l, &at, &row))
        err = add_row(u, &row, e);
    if (u->many.objects > 0)
        return err;
    if (!listing_row(l, u->left.list.cur, &row) || row.kind != STORE_OBJECT)
        return error_set(e, PB_EUSAGE, "Go to an object first, or mark some with m.");
    return add_row(u, &row, e);
}

static enum pb_err add_open(struct ui *u, struct error *e)
{
    struct many *c = &u->many;
    const struct location *where = app_object_location(u->right.object);
    const char *name = where->key + where->key_len;

    while (name > where->key && name[-1] != '/')
        name--;
    c->objects = 1;
    c->bytes = app_object_info(u->right.object)->identity.size;
    return app_many_add(c->work, where, name, (size_t)(where->key + where->key_len - name),
                        c->bytes, e);
}

void many_stop(struct ui *u)
{
    app_many_free(u->many.work);
    location_release(&u->many.listed);
    u->many = (struct many){0};
}

static void on_many(void *ctx);

/* Collects what is to be worked on.  False: it is said why not. */
static bool collect(struct ui *u)
{
    struct error e;
    enum pb_err err;

    many_stop(u);
    err = app_many_new(u->app, on_many, u, &u->many.work, &e);
    if (err == PB_OK)
        err = u->right_focus && u->right.object != NULL ? add_open(u, &e) : add_rows(u, &e);
    if (err == PB_OK)
        err = location_copy(&u->many.listed, &u->left.where, &e);
    if (err == PB_OK)
        return true;
    many_stop(u);
    if (err == PB_EUSAGE)
        ui_say(u, SAY_INFO, "%s", e.msg);
    else
        ui_error(u, &e);
    return false;
}

/* --- while it runs, and what became of it --------------------------------------------------- */

bool many_running(const struct ui *u)
{
    return u->many.since != 0;
}

void many_status(const struct ui *u, struct buf *out)
{
    struct app_many_state s;

    if (!many_running(u))
        return;
    app_many_state(u->many.work, &s);
    buf_printf(out,
               u->many.copying ? _("Copying\xe2\x80\xa6 %s %s of %s")
                               : _("Deleting\xe2\x80\xa6 %s %s of %s"),
               ui_spinner(u), TEXT_COUNT(s.done + s.failed), TEXT_COUNT(s.all));
    if (s.failed > 0)
        buf_printf(out, _(", %zu failed"), s.failed);
    ui_seconds(out, u->many.since);
    buf_puts(out, _("   Esc stops it"));
}

/* To the nearest row that is still there. */
static void leave_deleted(struct left *l)
{
    struct listing_row row;
    uint64_t n = listing_count(l->listing), at = l->list.cur;
    bool any = listing_marked(l->listing, NULL) > 0;

    while (at < n && listing_row(l->listing, at, &row) && (any ? row.marked : at == l->list.cur))
        at++;
    if (at >= n && l->list.cur > 0) {
        at = l->list.cur - 1;
        while (any && at > 0 && listing_row(l->listing, at, &row) && row.marked)
            at--;
    }
    list_go(&l->list, at);
}

static void refresh(struct ui *u, const struct app_many_state *s)
{
    struct left *l = &u->left;
    bool here = !l->places && l->listing != NULL && location_same(&l->where, &u->many.listed);

    if (here && !u->many.copying && s->done > 0)
        leave_deleted(l);
    if (here && u->many.copying && s->failed == 0)
        listing_unmark(l->listing);
    if (s->done > 0)
        left_reload(u);
}

static void say_failed(struct ui *u, const struct app_many_state *s, const char *note)
{
    const char *failures = app_many_failures(u->many.work);
    const char *told = s->failed == 1 ? failures : "";

    if (s->all == 1 && u->many.copying)
        ui_say_detail(u, SAY_ERROR, failures, "Not copied: %s", failures);
    else if (s->all == 1)
        ui_say_detail(u, SAY_ERROR, failures, "Not deleted: %s", failures);
    else if (u->many.copying)
        ui_say_detail(u, SAY_ERROR, failures, "Copied %zu of %zu objects; %zu failed. %s%s",
                      s->done, s->all, s->failed, told, note);
    else
        ui_say_detail(u, SAY_ERROR, failures, "Deleted %zu of %zu objects; %zu failed. %s%s",
                      s->done, s->all, s->failed, told, note);
}

static void say_over(struct ui *u, const struct app_many_state *s)
{
    struct buf note;

    buf_init(&note, BUF_MAX_LINE);
    if (s->not_kept > 0)
        buf_printf(&note,
                   P_(" %zu of them was too large for its bytes to be kept here.",
                      " %zu of them were too large for their bytes to be kept here.", s->not_kept),
                   s->not_kept);
    if (s->failed > 0)
        say_failed(u, s, note.data);
    else if (u->many.copying)
        ui_say(u, SAY_INFO, P_("Copied %zu object.", "Copied %zu objects.", s->done), s->done);
    else
        ui_say(u, s->not_kept > 0 ? SAY_WARNING : SAY_INFO,
               P_("Deleted %zu object.%s", "Deleted %zu objects.%s", s->done), s->done, note.data);
    buf_release(&note);
}

/* What it did is kept until the next: it may still be at work when it calls. */
static void on_many(void *ctx)
{
    struct ui *u = ctx;
    struct app_many_state s;

    app_many_state(u->many.work, &s);
    if (s.over && many_running(u)) {
        say_over(u, &s);
        refresh(u, &s);
        u->many.since = 0;
    }
    ui_changed(u);
}

void many_cancel(struct ui *u)
{
    struct app_many_state s;
    struct buf note;

    app_many_state(u->many.work, &s);
    app_many_stop(u->many.work);
    buf_init(&note, 200);
    if (s.running > 0)
        buf_printf(&note,
                   P_("; %zu was under way and may be, too", "; %zu were under way and may be, too",
                      s.running),
                   s.running);
    ui_say_detail(u, SAY_WARNING, app_many_failures(u->many.work),
                  u->many.copying ? N_("Stopped: %zu of %zu are copied%s.")
                                  : N_("Stopped: %zu of %zu are deleted%s."),
                  s.done, s.all, note.data);
    buf_release(&note);
    if (s.done + s.running > 0)
        left_reload(u);
    many_stop(u);
}

static void start(struct ui *u, const struct location *to)
{
    struct error e;

    u->many.since = clock_mono_us();
    u->many.copying = to != NULL;
    if (app_many_start(u->many.work, to, &e) == PB_OK)
        return;
    ui_error(u, &e);
    many_stop(u);
}

/* Something else of this kind runs. */
static bool busy(struct ui *u)
{
    if (many_running(u))
        ui_say(u, SAY_INFO,
               u->many.copying ? N_("Wait until the objects are copied, or stop that with Esc.")
                               : N_("Wait until the objects are deleted, or stop that with Esc."));
    return many_running(u);
}

/* --- deleting ------------------------------------------------------------------------------- */

enum { DELETE_NO, DELETE_YES };
static const struct dialog_button delete_buttons[] = {
    [DELETE_NO] = {'n', N_("No")},
    [DELETE_YES] = {'y', N_("Delete")},
};

static void on_delete(struct ui *u, int button)
{
    if (button == DELETE_YES)
        start(u, NULL);
    else
        many_stop(u);
}

static void draw_object(struct ui *u, uint64_t row, const struct region *r, int y)
{
    const struct location *where = app_many_object(u->many.work, (size_t)row);
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    if (where != NULL)
        location_show_name(&name, where);
    (void)screen_field(r, y, 2, r->w - 2, STYLE_NAME, name.data, name.len);
    buf_release(&name);
}

static const char *not_deletable(struct ui *u)
{
    const struct location *where;

    if (app_get_options(u->app)->read_only)
        return N_("Nothing is changed here: read-only was asked for.");
    for (size_t i = 0; (where = app_many_object(u->many.work, i)) != NULL; i++)
        if (config_read_only(u, where))
            return N_("Nothing is changed here: the configuration says read-only.");
    return NULL;
}

static void ask_delete(struct ui *u)
{
    const struct many *c = &u->many;
    struct dialog *d = dialog_new(u, _("Delete"), delete_buttons, 2, DELETE_NO, on_delete);
    struct buf text, where;

    if (d == NULL) {
        many_stop(u);
        return;
    }
    buf_init(&text, BUF_MAX_LINE);
    buf_init(&where, BUF_MAX_LINE);
    marks_text(&text, c->objects, c->bytes);
    app_show_location(&where, &u->left.where);
    d->danger = true;
    (void)lines_printf(&d->head, STYLE_WARNING, _("%s, in %s"), text.data, where.data);
    d->rows.count = c->objects;
    d->rows.draw = draw_object;
    if (c->hidden > 0)
        (void)lines_printf(&d->tail, STYLE_WARNING, _("The filter hides %llu of them."),
                           (unsigned long long)c->hidden);
    (void)lines_add(&d->tail, STYLE_VALUE,
                    _("Their bytes are kept on this machine first: pklbrowse history brings them "
                      "back."));
    if (c->too_large > 0)
        (void)lines_printf(&d->tail, STYLE_WARNING,
                           P_("Not of %llu, which is larger than %u MiB.",
                              "Not of %llu, which are larger than %u MiB.", c->too_large),
                           (unsigned long long)c->too_large, (unsigned)(HISTORY_BYTES_MAX >> 20));
    buf_release(&text);
    buf_release(&where);
    dialog_open(u, d);
}

void cmd_list_delete(struct ui *u, int arg)
{
    const char *why;

    (void)arg;
    if (busy(u) || !collect(u))
        return;
    why = not_deletable(u);
    if (why == NULL) {
        ask_delete(u);
        return;
    }
    ui_say(u, SAY_INFO, "%s", why);
    many_stop(u);
}

/* --- copying -------------------------------------------------------------------------------- */

static void copy_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    struct location loc;
    struct error e;

    marks_text(&note->text, u->many.objects, u->many.bytes);
    buf_puts(&note->text, ": ");
    if (n == 0) {
        note->wrong = true;
        buf_puts(&note->text, _("to a folder, here or in a store: models/ or s3://bucket/models/"));
    } else if (location_parse(&loc, text, &e) != PB_OK) {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
    } else {
        if (loc.scheme == LOC_STDIO || loc.scheme == LOC_HTTP) {
            note->wrong = true;
            buf_puts(&note->text, _("nothing can be written there"));
        } else {
            buf_puts(&note->text, _("what is there already stays as it is"));
        }
        location_release(&loc);
    }
}

/* One object may get another name: what stands behind the last '/'. */
static enum pb_err split(struct location *to, struct buf *name, struct error *e)
{
    size_t n = to->key_len;
    struct location folder;
    enum pb_err err;

    while (n > 0 && to->key[n - 1] != '/')
        n--;
    buf_append(name, to->key + n, to->key_len - n);
    err = buf_status(name, e);
    if (err == PB_OK)
        err = location_make(&folder, to->scheme, to->container, to->key, n, e);
    if (err != PB_OK)
        return err;
    location_release(to);
    *to = folder;
    return PB_OK;
}

static enum pb_err destination(struct ui *u, const char *text, struct location *to,
                               struct buf *name, struct error *e)
{
    struct location typed, real;
    enum pb_err err = location_parse(&typed, text, e);

    if (err != PB_OK)
        return err;
    err = app_absolute_location(&real, &typed, e);
    location_release(&typed);
    if (err != PB_OK)
        return err;
    if (app_location_is_folder(&real)) {
        *to = real;
        return PB_OK;
    }
    if (u->many.objects > 1) {
        err = app_as_folder(to, &real, e);
    } else {
        err = location_copy(to, &real, e);
        if (err == PB_OK)
            err = split(to, name, e);
        if (err != PB_OK)
            location_release(to);
    }
    location_release(&real);
    return err;
}

static bool copy_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct location to = {0};
    struct buf name;
    struct error e;
    enum pb_err err;

    (void)n;
    (void)ctx;
    buf_init(&name, BUF_MAX_LINE);
    err = destination(u, text, &to, &name, &e);
    if (err == PB_OK && name.len > 0)
        err = app_many_rename(u->many.work, name.data, name.len, &e);
    buf_release(&name);
    if (err != PB_OK) {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
    } else if (config_read_only(u, &to)) {
        ui_say(u, SAY_INFO, "Nothing is written there: the configuration says read-only.");
        many_stop(u);
    } else {
        start(u, &to);
    }
    location_release(&to);
    return err == PB_OK;
}

static const struct ask_ops copy_ops = {
    .label = N_("copy to: "),
    .check = copy_check,
    .complete = complete_location,
    .accept = copy_accept,
    .cancelled = many_stop,
};

void cmd_download(struct ui *u, int arg)
{
    (void)arg;
    if (!busy(u) && collect(u))
        ask_open(u, &copy_ops, NULL, "./", 2);
}

/* --- addresses ------------------------------------------------------------------------------ */

bool marks_copy_names(struct ui *u)
{
    struct listing *l = u->left.listing;
    struct listing_row row;
    struct buf text;
    uint64_t at = 0, n = listing_marked(l, NULL);
    struct error e;
    enum pb_err err = PB_OK;

    if (n == 0)
        return false;
    buf_init(&text, BUF_MAX_TEXT);
    while (err == PB_OK && listing_next_marked(l, &at, &row)) {
        struct location where;

        err = app_child_location(&u->left.where, row.kind, row.name, row.len, &where, &e);
        if (err == PB_OK) {
            location_format(&text, &where);
            buf_putc(&text, '\n');
            location_release(&where);
        }
    }
    if (err == PB_OK)
        err = buf_status(&text, &e);
    if (err == PB_OK)
        ui_copy(u, n == 1 ? _("location") : _("locations"), &text);
    else
        ui_error(u, &e);
    buf_release(&text);
    return true;
}

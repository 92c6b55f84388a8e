/* What a key needs before it does anything, and the keys that belong to no view. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"
#include "term.h"

/* --- needs ---------------------------------------------------------------------------------- */

static bool on_object_row(const struct ui *u)
{
    struct listing_row row;

    return !u->right_focus && u->left.listing != NULL &&
           listing_row(u->left.listing, u->left.list.cur, &row) && row.kind == STORE_OBJECT;
}

/* Why nothing can be edited now; NULL: it can. */
static const char *not_editable(const struct ui *u)
{
    if (u->right.object == NULL)
        return _("Open an object first.");
    if (u->right.version[0] != '\0')
        return _("This is one version, to be looked at; v lists all and b there brings one back.");
    if (u->right.mine != NULL)
        return _("This is what someone else saved; Esc goes back to yours.");
    if (right_edit(u) != NULL)
        return u->saving.step == SAVE_IDLE ? NULL
                                           : _("Wait until it is saved, or stop that with Esc.");
    if (app_object_state(u->right.object) == APP_BROKEN)
        return _("This pickle breaks off; what is readable can be looked at, not changed.");
    if (config_read_only(u, app_object_location(u->right.object)))
        return _("Nothing is changed here: the configuration says read-only.");
    if (app_get_options(u->app)->read_only)
        return _("Nothing is changed here: read-only was asked for.");
    if (app_object_fixed(u->right.object) != NULL)
        return app_object_fixed(u->right.object);
    return _("There is no value to edit here.");
}

const char *need_missing(const struct ui *u, unsigned needs)
{
    if ((needs & NEED_EDIT) != 0 && not_editable(u) != NULL)
        return not_editable(u);
    if ((needs & NEED_TREE) != 0 && u->right.tree == NULL)
        return _("Open an object first.");
    if ((needs & NEED_LISTING) != 0 && u->left.listing == NULL)
        return _("Open a place first.");
    if ((needs & NEED_SOMETHING) != 0 && u->right.object == NULL && !on_object_row(u))
        return _("Go to an object first.");
    if ((needs & NEED_ASKED) != 0 &&
        (u->right.object == NULL ||
         (app_object_state(u->right.object) != APP_BIG_ASK &&
          app_object_state(u->right.object) != APP_FAILED && !not_pickle_readable(u))))
        return _("There is nothing to open here.");
    return NULL;
}

bool need_shown(const struct ui *u, const struct command *c)
{
    struct pkl_edit *edit = right_edit(u);
    struct error e;

    if (need_missing(u, c->needs) != NULL)
        return false;
    if ((c->needs & SHOW_HERE) != 0 &&
        (u->right_focus ? u->right.object == NULL : u->left.listing == NULL))
        return false;
    if ((c->needs & SHOW_EDITOR) != 0 && (ask_top(u) == NULL || ask_top(u)->ops->take == NULL))
        return false;
    if ((c->needs & SHOW_COMPLETE) != 0 &&
        (ask_top(u) == NULL || ask_top(u)->ops->complete == NULL))
        return false;
    if ((c->needs & SHOW_INT) != 0 && !value_is_int(u))
        return false;
    if ((c->needs & SHOW_MARKED) != 0 &&
        (u->left.listing == NULL || listing_marked(u->left.listing, NULL) == 0))
        return false;
    if ((c->needs & SHOW_CHANGED) != 0 && !pkl_edit_changed(edit))
        return false;
    if ((c->needs & SHOW_UNSAVED) != 0 && !pkl_edit_dirty(edit))
        return false;
    if ((c->needs & (SHOW_ROW_CHANGED | SHOW_ROW_TEXT)) != 0) {
        struct pkl_child place;

        if (tree_child(u->right.tree, u->right.list.cur, &place, &e) != PB_OK)
            return false;
        return (c->needs & SHOW_ROW_TEXT) != 0
                   ? edit_has_text(&place.value)
                   : pkl_edit_place_changed(edit, place.owner, place.index, NULL);
    }
    return true;
}

/* --- unsaved edits -------------------------------------------------------------------------- */

static void pending_free(struct pending *p)
{
    location_release(&p->where);
    free(p->choice.profile);
    free(p->choice.endpoint);
    *p = (struct pending){0};
}

void pending_release(struct ui *u)
{
    pending_free(&u->pending);
}

static void do_pending(struct ui *u)
{
    struct pending p = u->pending;

    u->pending = (struct pending){0};
    switch (p.what) {
    case PENDING_NONE:
        break;
    case PENDING_OPEN:
        nav_open(u, &p.where, p.properties, false);
        break;
    case PENDING_QUIT:
        u->quit = true;
        break;
    case PENDING_RELOAD:
        right_reload(u);
        break;
    case PENDING_CHOICE:
        profiles_chosen(u, &(struct app_choice){.profile = p.choice.profile,
                                                .endpoint = p.choice.endpoint,
                                                .anonymous = p.choice.anonymous});
        break;
    }
    pending_free(&p);
}

enum { GUARD_STAY, GUARD_SAVE, GUARD_DISCARD };
static const struct dialog_button guard_buttons[] = {
    [GUARD_STAY] = {'n', N_("Stay")},
    [GUARD_SAVE] = {'s', N_("Save\xe2\x80\xa6")},
    [GUARD_DISCARD] = {'d', N_("Discard the changes")},
};

static void on_guard(struct ui *u, int button)
{
    if (button == GUARD_DISCARD) {
        do_pending(u);
        return;
    }
    pending_release(u);
    if (button == GUARD_SAVE)
        save_start(u);
}

bool guard_unsaved(struct ui *u, const char *doing)
{
    const struct app_object *o = u->right.mine != NULL ? u->right.mine : u->right.object;
    struct dialog *d;
    struct buf name;

    if (!right_unsaved(u))
        return false;
    buf_init(&name, BUF_MAX_LINE);
    app_show_location(&name, app_object_location(o));
    d = dialog_new(u, _("Not saved"), guard_buttons, 3, GUARD_STAY, on_guard);
    if (d != NULL) {
        size_t n = pkl_edit_unsaved(
            app_object_edit(u->right.mine != NULL ? u->right.mine : u->right.object));

        d->danger = true;
        (void)lines_printf(
            &d->head, STYLE_VALUE,
            P_("%zu change in %s is not saved.", "%zu changes in %s are not saved.", n), n,
            name.data);
        (void)lines_printf(&d->head, STYLE_VALUE, P_("%s loses it.", "%s loses them.", n), doing);
        dialog_open(u, d);
    }
    buf_release(&name);
    return true;
}

void pending_choice(struct ui *u, const struct app_choice *c)
{
    struct pending *p = &u->pending;

    pending_release(u);
    *p = (struct pending){.what = PENDING_CHOICE, .choice.anonymous = c->anonymous};
    p->choice.profile = c->profile != NULL ? mem_strdup(c->profile) : NULL;
    p->choice.endpoint = c->endpoint != NULL ? mem_strdup(c->endpoint) : NULL;
    if ((c->profile != NULL && p->choice.profile == NULL) ||
        (c->endpoint != NULL && p->choice.endpoint == NULL)) {
        pending_release(u);
        ui_say(u, SAY_ERROR, "out of memory");
    } else if (!guard_unsaved(u, _("Another server"))) {
        do_pending(u);
    }
}

/* --- keys of no view ------------------------------------------------------------------------ */

void cmd_move(struct ui *u, int move)
{
    struct view *v = ui_top(u);

    v->ops->move(u, v, (enum move)move);
}

void cmd_pane(struct ui *u, int arg)
{
    (void)arg;
    u->right_focus = !u->right_focus;
    if (u->right_focus && u->right.object != NULL)
        app_object_glance(u->right.object);
}

void cmd_close(struct ui *u, int arg)
{
    struct view *v = ui_top(u);

    (void)arg;
    v->ops->cancel(u, v);
}

/* The work that runs and that Esc stops, the youngest first. */
static bool stop_work(struct ui *u)
{
    if (u->saving.step != SAVE_IDLE && u->saving.step != SAVE_ASKING) {
        save_cancel(u);
        return true;
    }
    if (u->nav.look != NULL) {
        nav_stop(u);
        ui_say(u, SAY_INFO, "Stopped.");
        return true;
    }
    if (many_running(u)) {
        many_cancel(u);
        return true;
    }
    if (right_loading(u)) {
        app_object_cancel(u->right.object);
        return true;
    }
    if (write_value_running(u)) {
        write_value_cancel(u);
        return true;
    }
    if (find_running(u)) {
        find_cancel(u);
        return true;
    }
    if (u->left.listing != NULL && listing_loading(u->left.listing)) {
        u->left.to_end = false;
        listing_stop(u->left.listing);
        ui_say(u, SAY_INFO, "Stopped reading this listing; moving down goes on.");
        return true;
    }
    return false;
}

void cmd_cancel(struct ui *u, int arg)
{
    struct view *v = ui_top(u);

    (void)arg;
    if (!stop_work(u))
        v->ops->cancel(u, v);
}

void cmd_redraw(struct ui *u, int arg)
{
    (void)arg;
    if (u->term != NULL)
        term_redraw(u->term);
}

void cmd_suspend(struct ui *u, int arg)
{
    int rows, cols;

    (void)arg;
    if (u->term == NULL)
        return;
    term_suspend(u->term);
    term_size(u->term, &rows, &cols);
    (void)ui_resize(u, rows, cols);
}

void cmd_quit(struct ui *u, int arg)
{
    (void)arg;
    if (u->saving.step == SAVE_WRITING) {
        ui_say(u, SAY_WARNING, "It is being saved; Esc stops that.");
        return;
    }
    if (many_running(u)) {
        ui_say(u, SAY_WARNING,
               u->many.copying ? N_("Objects are being copied; Esc stops that.")
                               : N_("Objects are being deleted; Esc stops that."));
        return;
    }
    u->pending.what = PENDING_QUIT;
    if (!guard_unsaved(u, _("Leaving")))
        do_pending(u);
}

void cmd_interrupt(struct ui *u, int arg)
{
    (void)arg;
    if (u->over != NULL)
        cmd_close(u, 0);
    else if (!stop_work(u))
        cmd_quit(u, 0);
}

void ui_copy_secret(struct ui *u, const char *what, const struct buf *text)
{
    if (u->term == NULL || term_copy(u->term, text->data, text->len))
        ui_say(u, SAY_INFO, "Copied the %s.", what);
    else
        ui_say(u, SAY_WARNING, "This terminal takes no copy of it.");
}

/* Where the terminal takes none: a file that only its owner reads, always the same one. */
static bool copy_to_file(const struct buf *text, struct buf *path)
{
    struct sink to;
    int fd = -1;
    bool ok = history_state_folder("copied", path, NULL) == PB_OK;

    buf_puts(path, "/text");
    if (ok && buf_status(path, NULL) == PB_OK)
        fd = open(path->data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    to = sink_fd(&fd);
    ok = fd >= 0 && sink_write(&to, text->data, text->len, NULL) == PB_OK;
    return fd >= 0 && close(fd) == 0 && ok;
}

void ui_copy(struct ui *u, const char *what, const struct buf *text)
{
    struct buf shown, path;
    bool cut;

    buf_init(&shown, BUF_MAX_LINE);
    buf_init(&path, BUF_MAX_LINE);
    cut = text_escape_cols(&shown, text->data, text->len, 200);
    if (cut)
        buf_puts(&shown, "\xe2\x80\xa6");
    if (u->term == NULL || term_copy(u->term, text->data, text->len)) {
        ui_say(u, SAY_INFO, "Copied the %s: %s", what, shown.data);
    } else if (copy_to_file(text, &path)) {
        buf_clear(&shown);
        text_escape(&shown, path.data, path.len);
        ui_say(u, SAY_INFO, "This terminal takes no copy; the %s is in %s", what, shown.data);
    } else {
        ui_say(u, SAY_WARNING, "This terminal takes no copy of it. The %s: %s", what, shown.data);
    }
    buf_release(&shown);
    buf_release(&path);
}

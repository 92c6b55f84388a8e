/* What is done with versions: two compared, one brought back. */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>

#include "commands.h"
#include "versions.h"

/* --- comparing ------------------------------------------------------------------------------ */

void cmd_version_mark(struct ui *u, int arg)
{
    struct versions *v = (struct versions *)u->over;

    (void)arg;
    if (v->rows.cur < v->rows.count && !versions_of_folder(v))
        v->marked = v->marked == v->rows.cur ? NO_ROW : (size_t)v->rows.cur;
}

static void add_side(struct lines *l, const char *label, const struct app_version *x)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    version_time(&text, x->when);
    buf_printf(&text, _("  %llu bytes  %s  "), (unsigned long long)x->size, version_state(x));
    version_name(&text, x);
    (void)lines_pair(l, STYLE_VALUE, label, text.data);
    buf_release(&text);
}

static void add_difference(struct lines *l, const struct app_difference *d)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%s  %s \xe2\x86\x92 %s", d->path[0] != '\0' ? d->path : _("all of it"),
               d->was != NULL ? d->was : _("(new)"), d->now != NULL ? d->now : _("(gone)"));
    (void)lines_add(l, STYLE_VALUE, text.data);
    buf_release(&text);
}

static void on_contrasted(void *ctx, const struct app_difference *d, size_t count, uint64_t total,
                          const struct error *e)
{
    struct versions *v = ctx;
    struct lines lines;

    if (e != NULL) {
        ui_error(v->u, e);
    } else {
        lines_init(&lines);
        add_side(&lines, _("was"), app_versions_row(v->list, v->compared[0]));
        add_side(&lines, _("became"), app_versions_row(v->list, v->compared[1]));
        (void)lines_add(&lines, STYLE_NORMAL, "");
        if (total == 0)
            (void)lines_add(&lines, STYLE_MESSAGE, _("No value differs."));
        for (size_t i = 0; i < count; i++)
            add_difference(&lines, &d[i]);
        if (total > count)
            (void)lines_printf(&lines, STYLE_DIM, _("and %llu more"),
                               (unsigned long long)(total - count));
        pager_open(v->u, _("What differs"), &lines);
    }
    versions_stop(v);
    ui_changed(v->u);
}

/* The one that is there now, or NO_ROW. */
static size_t latest(const struct versions *v)
{
    for (size_t i = 0; i < app_versions_count(v->list); i++) {
        const struct app_version *x = app_versions_row(v->list, i);

        if (x->latest && !x->deleted)
            return i;
    }
    return NO_ROW;
}

static void compare(struct ui *u, struct versions *v)
{
    const struct app_version *x[2];
    struct location where[2] = {{0}, {0}};
    struct app_version_at at[2];
    struct error e;
    enum pb_err err = PB_OK;

    for (unsigned i = 0; i < 2 && err == PB_OK; i++) {
        x[i] = app_versions_row(v->list, v->compared[i]);
        err = app_version_place(v->list, x[i], &where[i], &e);
        at[i] = (struct app_version_at){&where[i], x[i]->version_id};
    }
    if (err == PB_OK)
        err = app_contrast_start(u->app, &at[0], &at[1], on_contrasted, v, &v->contrast, &e);
    if (err != PB_OK)
        ui_error(u, &e);
    v->since = clock_mono_us();
    location_release(&where[0]);
    location_release(&where[1]);
}

void cmd_version_compare(struct ui *u, int arg)
{
    struct versions *v = (struct versions *)u->over;
    const struct app_version *x = versions_free_row(u, v);
    size_t cur = (size_t)v->rows.cur, other = v->marked != NO_ROW ? v->marked : latest(v);

    (void)arg;
    if (x == NULL || versions_of_folder(v))
        return;
    if (other == NO_ROW || other == cur) {
        ui_say(u, SAY_INFO,
               "Mark another version first (Space), then c compares this one with it.");
        return;
    }
    if (x->deleted || app_versions_row(v->list, other)->deleted) {
        ui_say(u, SAY_INFO, "Where it was deleted there are no bytes to compare.");
        return;
    }
    /* The newest stand first. */
    v->compared[0] = cur > other ? cur : other;
    v->compared[1] = cur > other ? other : cur;
    compare(u, v);
}

/* --- bringing back -------------------------------------------------------------------------- */

/* What is there now is another one: what shows it reads it again. */
static void refresh(struct ui *u, struct versions *v)
{
    struct right *r = &u->right;
    const struct app_object *o = r->mine != NULL ? r->mine : r->object;

    if (o != NULL && location_same(app_object_location(o), &v->where) && !right_unsaved(u)) {
        while (theirs_back(u))
            ;
        if (u->saving.step == SAVE_IDLE)
            right_reload(u);
    }
    left_reload(u);
    (void)versions_fill(v);
    ui_changed(u);
}

static void on_copied(void *ctx, const struct app_copied *c, const struct error *e)
{
    struct versions *v = ctx;
    struct ui *u = v->u;

    if (e != NULL) {
        ui_error(u, e);
    } else {
        struct buf id;

        buf_init(&id, BUF_MAX_LINE);
        if (c->now != NULL)
            identity_text(&id, c->now, v->where.scheme);
        ui_say(u, c->unchecked || c->not_kept ? SAY_WARNING : SAY_INFO, "Brought back. %s%s%s",
               id.data, c->not_kept ? _("  What was there was too large to be kept.") : "",
               c->unchecked ? _("  This server does not check conditions.") : "");
        buf_release(&id);
    }
    versions_stop(v);
    refresh(u, v);
}

static void on_removed(void *ctx, const struct app_removed *r, const struct error *e)
{
    struct versions *v = ctx;
    struct ui *u = v->u;

    (void)r;
    if (e != NULL)
        ui_error(u, e);
    else
        ui_say(u, SAY_INFO, "Undeleted: the version before is there again.");
    versions_stop(v);
    refresh(u, v);
}

static void bring_back(struct ui *u, struct versions *v, const struct app_version *x)
{
    struct location where = {0};
    struct error e;
    enum pb_err err = app_version_place(v->list, x, &where, &e);

    if (err == PB_OK && x->deleted)
        err = app_remove_start(u->app, &where, x->version_id, on_removed, v, &v->remove, &e);
    else if (err == PB_OK)
        err = app_copy_version_start(u->app, &where, x->version_id, &v->where, on_copied, v,
                                     &v->copy, &e);
    v->since = clock_mono_us();
    if (err != PB_OK)
        ui_error(u, &e);
    location_release(&where);
}

enum { RESTORE_CANCEL, RESTORE_GO };
static const struct dialog_button restore_buttons[] = {
    [RESTORE_CANCEL] = {'n', N_("Cancel")},
    [RESTORE_GO] = {'y', N_("Bring it back")},
};

static void on_restore(struct ui *u, int button)
{
    struct versions *v = versions_top(u);
    const struct app_version *x = v != NULL ? app_versions_row(v->list, v->chosen) : NULL;

    if (x != NULL && button == RESTORE_GO)
        bring_back(u, v, x);
}

/* NULL: it can be done. */
static const char *not_restorable(const struct ui *u, const struct versions *v,
                                  const struct app_version *x)
{
    if (app_get_options(u->app)->read_only)
        return _("Nothing is changed here: read-only was asked for.");
    if (config_read_only(u, &v->where))
        return _("Nothing is changed here: the configuration says read-only.");
    if (u->saving.step != SAVE_IDLE)
        return _("Something is being saved; Esc stops that.");
    if (x->deleted && !x->latest)
        return _("It is there again since; an older version can be brought back by itself.");
    if (x->latest && !x->deleted)
        return _("This is the one that is there now.");
    return NULL;
}

void cmd_version_restore(struct ui *u, int arg)
{
    struct versions *v = (struct versions *)u->over;
    const struct app_version *x = versions_free_row(u, v);
    const char *why = x != NULL ? not_restorable(u, v, x) : NULL;
    struct dialog *d;
    struct buf name;

    (void)arg;
    if (why != NULL)
        ui_say(u, SAY_INFO, "%s", why);
    if (x == NULL || why != NULL)
        return;
    d = dialog_new(u, x->deleted ? _("Undelete") : _("Bring a version back"), restore_buttons, 2,
                   RESTORE_CANCEL, on_restore);
    if (d == NULL)
        return;
    v->chosen = (size_t)v->rows.cur;
    buf_init(&name, BUF_MAX_LINE);
    app_show_location(&name, &v->where);
    if (versions_of_folder(v))
        version_key(v, x, &name);
    (void)lines_add(&d->head, STYLE_HEADING, name.data);
    buf_release(&name);
    add_side(&d->head, x->deleted ? _("deleted") : _("version"), x);
    (void)lines_add(&d->tail, STYLE_NORMAL, "");
    (void)lines_add(&d->tail, STYLE_VALUE,
                    x->deleted ? _("The delete marker is removed; the version before it is there "
                                   "again.")
                               : _("Its bytes are written as the newest version. What is there now "
                                   "is kept; nothing is deleted."));
    dialog_open(u, d);
}

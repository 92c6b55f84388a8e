/* The versions of an object over the panes: looked at, compared, brought back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "versions.h"

static const struct view_ops view_versions;

struct versions *versions_top(const struct ui *u)
{
    struct view *v = u->over;

    while (v != NULL && v->ops != &view_versions)
        v = v->below;
    return (struct versions *)v;
}

static enum context versions_context(const struct ui *u)
{
    (void)u;
    return CTX_VERSIONS;
}

bool versions_running(const struct versions *v)
{
    return v->contrast != NULL || v->copy != NULL || v->remove != NULL;
}

bool versions_busy(const struct ui *u)
{
    const struct versions *v = versions_top(u);

    return v != NULL && (versions_running(v) || app_versions_loading(v->list));
}

bool versions_of_folder(const struct versions *v)
{
    return app_location_is_folder(&v->where);
}

void versions_stop(struct versions *v)
{
    app_contrast_free(v->contrast);
    app_copy_free(v->copy);
    app_remove_free(v->remove);
    v->contrast = NULL;
    v->copy = NULL;
    v->remove = NULL;
}

/* --- words ---------------------------------------------------------------------------------- */

void version_time(struct buf *out, int64_t when)
{
    if (when != 0)
        clock_format_iso(out, when);
    else
        buf_puts(out, _("(no time)"));
}

const char *version_state(const struct app_version *x)
{
    if (x->deleted)
        return x->latest ? _("deleted") : _("was deleted");
    if (x->latest)
        return _("now");
    return x->file != NULL ? _("kept here") : "";
}

/* What tells it from the others: the store's word for it. */
void version_name(struct buf *out, const struct app_version *x)
{
    const char *id =
        x->version_id != NULL && strcmp(x->version_id, "null") != 0 ? x->version_id : x->etag;

    if (x->file != NULL) {
        struct buf time;

        buf_init(&time, 64);
        version_time(&time, x->replaced);
        buf_printf(out, _("until %s"), time.data);
        buf_release(&time);
    } else if (id != NULL) {
        text_escape(out, id, strlen(id));
    }
}

void version_key(const struct versions *v, const struct app_version *x, struct buf *out)
{
    size_t prefix = v->where.key_len;

    if (x->name != NULL && x->name_len >= prefix)
        text_escape(out, x->name + prefix, x->name_len - prefix);
}

/* --- drawing -------------------------------------------------------------------------------- */

static void draw_row(const struct versions *v, size_t i, const struct region *r, int y)
{
    const struct app_version *x = app_versions_row(v->list, i);
    enum style style = x->deleted ? STYLE_WARNING : x->latest ? STYLE_NAME : STYLE_VALUE;
    struct buf time, size, rest;
    int at = 23;

    buf_init(&time, 64);
    buf_init(&size, 64);
    buf_init(&rest, BUF_MAX_LINE);
    version_time(&time, x->when);
    if (!x->deleted)
        text_size(&size, x->size);
    if (i == v->marked)
        (void)screen_puts(r, y, 1, STYLE_KEY, "*");
    (void)screen_puts(r, y, 2, style, time.data);
    screen_puts_end(r, y, at + 10, STYLE_NORMAL, size.data);
    (void)screen_puts(r, y, at + 12, style, version_state(x));
    if (versions_of_folder(v))
        version_key(v, x, &rest);
    else
        version_name(&rest, x);
    if (r->w > at + 26)
        (void)screen_field(r, y, at + 24, r->w - at - 25, STYLE_DIM, rest.data, rest.len);
    buf_release(&time);
    buf_release(&size);
    buf_release(&rest);
}

/* What runs, or what there is to know about the row of the cursor. */
static void note_text(struct ui *u, const struct versions *v, struct buf *out)
{
    const struct app_version *x = app_versions_row(v->list, (size_t)v->rows.cur);
    struct http_progress p = {0};

    if (versions_running(v)) {
        buf_printf(out, "%s %s  ", ui_spinner(u),
                   v->contrast != NULL ? _("comparing") : _("bringing it back"));
        if (v->contrast != NULL)
            app_contrast_progress(v->contrast, &p);
        else if (v->copy != NULL)
            app_copy_progress(v->copy, &p);
        if (p.receive_total > 0)
            progress_text(out, p.received, p.receive_total, 0);
        ui_seconds(out, v->since);
        buf_puts(out, _("  Esc stops it"));
        return;
    }
    if (x == NULL)
        return;
    if (versions_of_folder(v)) {
        version_key(v, x, out);
        return;
    }
    if (!x->deleted) {
        buf_printf(out, _("%s bytes  "), TEXT_COUNT(x->size));
    }
    if (x->storage_class != NULL && strcmp(x->storage_class, "STANDARD") != 0) {
        text_escape(out, x->storage_class, strlen(x->storage_class));
        buf_puts(out, "  ");
    }
    if (x->etag != NULL && x->version_id != NULL) {
        buf_puts(out, "ETag ");
        text_escape(out, x->etag, strlen(x->etag));
    }
}

static void draw_empty(const struct versions *v, const struct region *r)
{
    const struct error *e = app_versions_error(v->list);
    const char *text = app_versions_loading(v->list) ? _("reading\xe2\x80\xa6")
                       : e != NULL                   ? e->msg
                       : versions_of_folder(v)
                           ? _("Nothing is deleted here that can be undeleted.")
                           : _("There is nothing of it, neither there nor kept here.");

    (void)screen_field(r, 0, 1, r->w - 2, e != NULL ? STYLE_ERROR : STYLE_DIM, text, strlen(text));
}

static void draw_title(const struct versions *v, const struct region *box)
{
    struct buf title, where;
    int width;

    buf_init(&title, BUF_MAX_LINE);
    buf_init(&where, BUF_MAX_LINE);
    app_show_location(&where, &v->where);
    buf_printf(&title, versions_of_folder(v) ? _(" Deleted in %s ") : _(" Versions of %s "),
               where.data);
    width = screen_width(box->s, STYLE_HEADING, title.data, title.len);
    (void)screen_field(box, 0, 2, width < box->w - 4 ? width : box->w - 4, STYLE_HEADING,
                       title.data, title.len);
    buf_clear(&title);
    if (app_versions_count(v->list) > 0)
        buf_printf(&title, _(" %llu of %zu%s "), (unsigned long long)v->rows.cur + 1,
                   app_versions_count(v->list),
                   app_versions_loading(v->list) || app_versions_limited(v->list) ? "+" : "");
    screen_puts_end(box, box->h - 1, box->w - 2, STYLE_NORMAL, title.data);
    buf_release(&title);
    buf_release(&where);
}

static void versions_draw(struct ui *u, struct view *view, const struct region *r, bool focus)
{
    struct versions *v = (struct versions *)view;
    /* The line of messages stays in sight. */
    struct region box = region_part(r, 1, 0, r->h - 3, r->w), inner;
    struct buf note;

    (void)focus;
    screen_fill(&box, 0, 0, box.h, box.w, STYLE_NORMAL);
    screen_box(&box, STYLE_BORDER_FOCUS);
    draw_title(v, &box);
    inner = region_part(&box, 1, 1, box.h - 3, box.w - 2);
    v->view.at = inner;
    list_set_count(&v->rows, app_versions_count(v->list));
    list_set_height(&v->rows, (unsigned)(inner.h > 0 ? inner.h : 1));
    if (v->rows.count == 0)
        draw_empty(v, &inner);
    for (uint64_t i = v->rows.top; i < list_end(&v->rows); i++) {
        int y = (int)(i - v->rows.top);

        draw_row(v, (size_t)i, &inner, y);
        if (i != v->rows.cur)
            continue;
        (void)screen_puts(&inner, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        screen_mark(&inner, y, 0, inner.w, MARK_CURSOR);
    }
    buf_init(&note, BUF_MAX_LINE);
    note_text(u, v, &note);
    (void)screen_field(&box, box.h - 2, 3, box.w - 6, STYLE_DIM, note.data, note.len);
    buf_release(&note);
}

/* --- the list ------------------------------------------------------------------------------- */

static void on_changed(void *ctx)
{
    struct versions *v = ctx;
    const struct error *e = app_versions_error(v->list);

    if (e != NULL && !v->error_said)
        ui_error(v->u, e);
    v->error_said |= e != NULL;
    v->u->dirty = true;
}

/* Reads it (again). */
bool versions_fill(struct versions *v)
{
    struct app_versions *list;
    struct error e;

    if (app_versions_start(v->u->app, &v->where, on_changed, v, &list, &e) != PB_OK) {
        ui_error(v->u, &e);
        return false;
    }
    app_versions_free(v->list);
    v->list = list;
    v->marked = NO_ROW;
    v->error_said = false;
    return true;
}

static void versions_move(struct ui *u, struct view *view, enum move m)
{
    (void)u;
    list_move(&((struct versions *)view)->rows, m);
}

static void versions_click(struct ui *u, struct view *view, int y, int x, bool twice)
{
    struct versions *v = (struct versions *)view;

    (void)x;
    if (v->rows.top + (uint64_t)y >= v->rows.count)
        return;
    list_go(&v->rows, v->rows.top + (uint64_t)y);
    if (twice)
        cmd_version_open(u, 0);
}

static void versions_cancel(struct ui *u, struct view *view)
{
    struct versions *v = (struct versions *)view;

    if (!versions_running(v)) {
        ui_pop(u, view);
        return;
    }
    if (v->contrast == NULL)
        ui_say(u, SAY_WARNING, "Stopped; what was sent may have arrived.");
    versions_stop(v);
    u->dirty = true;
}

static void versions_free(struct ui *u, struct view *view)
{
    struct versions *v = (struct versions *)view;

    (void)u;
    versions_stop(v);
    app_versions_free(v->list);
    location_release(&v->where);
    free(v);
}

static const struct view_ops view_versions = {
    .context = versions_context,
    .draw = versions_draw,
    .move = versions_move,
    .click = versions_click,
    .cancel = versions_cancel,
    .free = versions_free,
};

static void open_view(struct ui *u, const struct location *where)
{
    struct versions *v = mem_alloc(sizeof *v);
    struct error e;

    if (v == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    v->view.ops = &view_versions;
    v->u = u;
    list_init(&v->rows);
    if (location_copy(&v->where, where, &e) != PB_OK)
        ui_error(u, &e);
    else if (versions_fill(v)) {
        ui_push(u, &v->view);
        return;
    }
    versions_free(u, &v->view);
}

void cmd_versions(struct ui *u, int arg)
{
    const struct app_object *o = u->right.mine != NULL ? u->right.mine : u->right.object;
    struct location where;
    enum store_kind kind;

    (void)arg;
    if (u->right_focus && o != NULL && app_object_location(o)->scheme != LOC_STDIO) {
        open_view(u, app_object_location(o));
    } else if (!u->right_focus && left_location(u, &where, &kind)) {
        open_view(u, &where);
        location_release(&where);
    } else {
        ui_say(u, SAY_INFO, "Go to an object first.");
    }
}

void cmd_deleted(struct ui *u, int arg)
{
    (void)arg;
    open_view(u, &u->left.where);
}

/* A list of versions has the keys: only then are the commands below found. */

/* --- looking -------------------------------------------------------------------------------- */

/* NULL: there is none, or something else must end first. */
const struct app_version *versions_free_row(struct ui *u, struct versions *v)
{
    const struct app_version *x = app_versions_row(v->list, (size_t)v->rows.cur);

    if (versions_running(v))
        ui_say(u, SAY_INFO, "Wait until that is done, or stop it with Esc.");
    return versions_running(v) ? NULL : x;
}

static void show_deleted(struct ui *u, struct versions *v, const struct app_version *x)
{
    struct location where;
    struct error e;

    if (app_version_place(v->list, x, &where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    open_view(u, &where);
    location_release(&where);
}

static void versions_close(struct ui *u)
{
    struct versions *v;

    while ((v = versions_top(u)) != NULL)
        ui_pop(u, &v->view);
}

void cmd_version_open(struct ui *u, int arg)
{
    struct versions *v = (struct versions *)u->over;
    const struct app_version *x = versions_free_row(u, v);
    struct location where;
    struct buf label, time;
    struct error e;
    const struct app_object *shown = u->right.mine != NULL ? u->right.mine : u->right.object;

    (void)arg;
    if (x == NULL)
        return;
    if (versions_of_folder(v)) {
        show_deleted(u, v, x);
        return;
    }
    if (x->deleted) {
        ui_say(u, SAY_INFO, "That is where it was deleted: there are no bytes; b undeletes.");
        return;
    }
    if (right_unsaved(u) && !location_same(app_object_location(shown), &v->where)) {
        ui_say(u, SAY_WARNING, "What is open has changes that are not saved; s saves them.");
        return;
    }
    if (app_version_place(v->list, x, &where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (x->latest) {
        while (theirs_back(u))
            ;
        nav_open(u, &where, false, false);
        location_release(&where);
        versions_close(u);
        return;
    }
    buf_init(&label, 64);
    buf_init(&time, 64);
    version_time(&time, x->when);
    buf_printf(&label, _("as of %s"), time.data);
    buf_release(&time);
    right_look(u, &v->where, &where, x->version_id, label.data);
    buf_release(&label);
    location_release(&where);
    versions_close(u);
}

/* The right pane: an object from the first question to its value, and what became of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"
#include "table.h"

#define DOUBTED_MAX 100u /* changes: of more only the review tells what Python may refuse */

/* --- state ---------------------------------------------------------------------------------- */

void right_init(struct ui *u)
{
    struct right *r = &u->right;

    r->view.ops = &view_right;
    list_init(&r->list);
    list_init(&r->lines_list);
    lines_init(&r->lines);
    buf_init(&r->sought, BUF_MAX_LINE);
    buf_init(&r->doubts, BUF_MAX_TEXT);
    tree_row_init(&r->row);
}

static void drop_tree(struct ui *u)
{
    struct right *r = &u->right;

    audit_stop(u);
    uses_stop(u);
    find_drop(u);
    tree_free(r->tree);
    r->tree = NULL;
    list_init(&r->list);
    list_init(&r->lines_list);
}

static void close_object(struct ui *u)
{
    struct right *r = &u->right;

    save_dropped(u);
    rescue_close(u);
    drop_tree(u);
    app_object_close(r->object);
    app_object_close(r->mine);
    r->object = r->mine = NULL;
    free(r->wanted);
    r->wanted = NULL;
    r->folder_next = r->properties = false;
    r->version[0] = '\0';
    buf_clear(&r->doubts);
    u->dirty = true;
}

void right_release(struct ui *u)
{
    close_object(u);
    lines_release(&u->right.lines);
    buf_release(&u->right.sought);
    buf_release(&u->right.doubts);
    tree_row_release(&u->right.row);
}

struct pkl_edit *right_edit(const struct ui *u)
{
    const struct right *r = &u->right;

    if (r->object == NULL || r->mine != NULL || r->tree == NULL ||
        config_read_only(u, app_object_location(r->object)))
        return NULL;
    return app_object_edit(r->object);
}

bool right_unsaved(const struct ui *u)
{
    struct app_object *o = u->right.mine != NULL ? u->right.mine : u->right.object;
    struct pkl_edit *edit = o != NULL ? app_object_edit(o) : NULL;

    return edit != NULL && pkl_edit_dirty(edit);
}

bool right_loading(const struct ui *u)
{
    enum app_state s;

    if (u->right.object == NULL)
        return false;
    s = app_object_state(u->right.object);
    return s == APP_HEAD || s == APP_FETCHING || s == APP_INDEXING;
}

static void make_tree(struct ui *u)
{
    struct right *r = &u->right;
    struct pkl_view *v = app_object_view(r->object);
    struct error e;

    if (v == NULL)
        return;
    if (tree_new(v, app_object_edit(r->object), &r->tree, &e) != PB_OK ||
        tree_expand(r->tree, 0, &e) != PB_OK)
        ui_error(u, &e);
    if (r->tree != NULL)
        tree_speak(r->tree);
    audit_start(u);
}

static void settle_cursor(struct ui *u)
{
    struct right *r = &u->right;

    if (r->wanted == NULL || r->tree == NULL)
        return;
    if (tree_show_path(u, r->wanted, strlen(r->wanted), NULL))
        list_restore(&r->list, r->list.cur, r->wanted_line);
    free(r->wanted);
    r->wanted = NULL;
}

/* It is not there: a name without '/' at its end may have meant a folder. */
static bool try_folder(struct ui *u)
{
    struct right *r = &u->right;
    struct location where;
    const struct error *e = app_object_error(r->object);

    if (!r->folder_next || e->code != PB_ENOTFOUND)
        return false;
    r->folder_next = false;
    if (location_copy(&where, app_object_location(r->object), NULL) != PB_OK)
        return false;
    close_object(u);
    nav_list(u, &where, NULL, 0);
    location_release(&where);
    return true;
}

static void say_broken(struct ui *u, const struct error *why)
{
    struct error e = *why;

    (void)error_set(&e, why->code, "The pickle breaks at %s", why->msg);
    (void)snprintf(e.detail, sizeof e.detail, "%s", _("What stands before it can be looked at."));
    ui_error(u, &e);
}

/* An archive of several files: they are shown on the left. */
static void show_files(struct ui *u)
{
    struct app_object *o = u->right.object;
    struct location where;
    struct error e;

    if (!app_object_is_folder(o) || u->right.mine != NULL || u->right.version[0] != '\0')
        return;
    if (app_object_list_files(o, &where, NULL, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (!nav_inside(u, &where))
        nav_list(u, &where, NULL, 0);
    location_release(&where);
}

static void settled(struct ui *u)
{
    struct right *r = &u->right;

    switch (r->seen) {
    case APP_READY:
        make_tree(u);
        settle_cursor(u);
        if (r->mine == NULL && r->version[0] == '\0')
            rescue_offer(u);
        break;
    case APP_BROKEN:
        make_tree(u);
        settle_cursor(u);
        say_broken(u, app_object_error(r->object));
        break;
    case APP_FAILED:
        if (!nav_inside(u, NULL) && !try_folder(u))
            ui_error(u, app_object_error(r->object));
        break;
    case APP_HEAD:
    case APP_BIG_ASK:
    case APP_FETCHING:
    case APP_INDEXING:
        break;
    case APP_NOT_PICKLE:
        show_files(u);
        break;
    }
}

/* Somebody else was at the file.  What was not read yet cannot be read any more. */
static void say_outdated(struct ui *u)
{
    struct right *r = &u->right;
    const char *how = app_object_outdated(r->object);

    if (how == r->outdated)
        return;
    r->outdated = how;
    u->dirty = true;
    if (how == NULL)
        return;
    if (right_unsaved(u))
        ui_say(u, SAY_WARNING,
               "The file was %s by someone else; your changes stay. s: what to do about it.",
               _(how));
    else
        ui_say(u, SAY_WARNING, "The file was %s by someone else; R reads it again.", _(how));
}

void right_object_changed(void *ctx, struct app_object *o)
{
    struct ui *u = ctx;
    struct right *r = &u->right;

    ui_changed(u);
    if (o == r->object)
        say_outdated(u);
    if (o != r->object || app_object_state(o) == r->seen)
        return;
    r->seen = app_object_state(o);
    u->dirty = true;
    settled(u);
}

void right_take(struct ui *u, struct app_object *o, const char *label)
{
    struct right *r = &u->right;

    r->object = o;
    r->seen = APP_HEAD;
    r->outdated = NULL;
    r->since = clock_mono_us();
    (void)snprintf(r->version, sizeof r->version, "%s", label);
}

void right_open(struct ui *u, const struct location *where, bool properties)
{
    struct right *r = &u->right;
    struct error e;

    close_object(u);
    r->properties = properties;
    right_take(u, NULL, "");
    if (app_object_open(u->app, where, right_object_changed, u, &r->object, &e) != PB_OK) {
        r->object = NULL;
        ui_error(u, &e);
    }
}

void right_look(struct ui *u, const struct location *of, const struct location *where,
                const char *version_id, const char *label)
{
    struct right *r = &u->right;
    struct app_object *shown = r->mine != NULL ? r->mine : r->object, *o;
    struct error e;

    if (app_object_look(u->app, where, version_id, right_object_changed, u, &o, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (shown != NULL && app_object_state(shown) != APP_FAILED &&
        location_same(app_object_location(shown), of) &&
        (r->mine != NULL || r->version[0] == '\0')) {
        aside_show(u, o, label);
    } else {
        close_object(u);
        right_take(u, o, label);
    }
    u->right_focus = true;
}

void right_reload(struct ui *u)
{
    struct right *r = &u->right;
    unsigned line = list_line(&r->list);
    bool properties = r->properties;
    struct location where;
    struct buf path;
    struct error e;

    if (location_copy(&where, app_object_location(r->object), &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    buf_init(&path, BUF_MAX_LINE);
    if (r->tree != NULL && tree_path(r->tree, r->list.cur, PATH_FORM_PATH, &path, NULL) != PB_OK)
        buf_clear(&path);
    right_open(u, &where, properties);
    if (path.len > 0) {
        r->wanted = buf_take(&path, NULL);
        r->wanted_line = line;
    }
    buf_release(&path);
    location_release(&where);
}

void right_adopt(struct ui *u, struct app_object *o)
{
    close_object(u);
    u->right.object = o;
    u->right.seen = app_object_state(o);
    make_tree(u);
}

/* What Python may refuse since the last edit. */
static void say_doubts(struct ui *u)
{
    struct pkl_edit *edit = app_object_edit(u->right.object);
    struct buf now;
    char *line, *end;

    if (edit == NULL || pkl_edit_changes(edit) > DOUBTED_MAX)
        return;
    buf_init(&now, BUF_MAX_TEXT);
    if (pkl_edit_doubts(edit, &now, NULL) == PB_OK && now.len > 0) {
        for (line = now.data; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            if (u->right.doubts.len == 0 || strstr(u->right.doubts.data, line) == NULL)
                ui_say(u, SAY_WARNING, "%s", line);
            *end = '\n';
        }
    }
    buf_release(&u->right.doubts);
    u->right.doubts = now;
}

void right_refresh(struct ui *u)
{
    struct right *r = &u->right;
    struct error e;

    find_drop(u); /* places may have moved; n looks again */
    if (r->tree != NULL && tree_refresh(r->tree, &e) != PB_OK)
        ui_error(u, &e);
    tables_refresh(u);
    say_doubts(u);
    u->dirty = true;
}

/* --- title and status ----------------------------------------------------------------------- */

/* What cannot wait: that it is not saved, that it breaks, that it is someone else's. */
static void title_urgent(struct ui *u, struct buf *out)
{
    struct right *r = &u->right;
    enum app_state s = app_object_state(r->object);
    struct pkl_edit *edit = app_object_edit(r->object);

    if (s == APP_BROKEN)
        buf_printf(out, _(" \xc2\xb7 breaks at 0x%llx"),
                   (unsigned long long)app_object_error(r->object)->offset);
    if (s == APP_NOT_PICKLE)
        buf_puts(out, _(" \xc2\xb7 no pickle"));
    if (app_object_outdated(r->object) != NULL)
        buf_printf(out, _(" \xc2\xb7 %s meanwhile"), _(app_object_outdated(r->object)));
    if (edit != NULL && pkl_edit_dirty(edit))
        buf_printf(out, _(" \xc2\xb7 %zu unsaved"), pkl_edit_unsaved(edit));
    if (r->version[0] != '\0')
        buf_printf(out, " \xc2\xb7 %s", r->version);
    else if (r->mine != NULL)
        buf_puts(out, _(" \xc2\xb7 THEIRS"));
    if (config_read_only(u, app_object_location(r->object)) || app_object_fixed(r->object) != NULL)
        buf_puts(out, _(" \xc2\xb7 read-only"));
}

static void title_state(struct ui *u, struct buf *out)
{
    struct right *r = &u->right;
    enum app_state s = app_object_state(r->object);
    struct pkl_doc *doc = app_object_doc(r->object);
    struct pkl_info info;

    size_t before = out->len;

    buf_puts(out, " \xc2\xb7 ");
    app_object_wrapping(r->object, out);
    if (out->len == before + sizeof " \xc2\xb7 " - 1)
        buf_truncate(out, before);
    if (doc != NULL) {
        pkl_doc_info(doc, &info);
        buf_printf(out, _(" \xc2\xb7 protocol %u"), info.protocol);
        if (info.pickles > 1) {
            buf_printf(out, _(" \xc2\xb7 %s pickles"), TEXT_COUNT(info.pickles));
        }
    }
    if (s != APP_HEAD && s != APP_FAILED) {
        buf_puts(out, " \xc2\xb7 ");
        text_size(out, app_object_info(r->object)->identity.size);
    }
}

static bool too_wide(const struct buf *name, const struct buf *state, int width)
{
    return text_width(name->data, name->len) + text_width(state->data, state->len) > (size_t)width;
}

/* What fits, the most urgent first: what cannot wait and imports that are not safe; the rest;
 * that all is safe. */
void right_title(struct ui *u, struct buf *name, struct buf *state, int width)
{
    static const size_t dot = sizeof " \xc2\xb7 " - 1;
    struct right *r = &u->right;
    bool alarming;
    const char *grade = audit_grade(u, &alarming);
    size_t usual, with_grade;

    if (r->object == NULL) {
        buf_puts(name, _("no object"));
        return;
    }
    location_show_name(name, app_object_location(r->object));
    title_state(u, state);
    usual = state->len;
    title_urgent(u, state);
    if (right_loading(u)) {
        buf_printf(state, " \xc2\xb7 %s", ui_spinner(u));
        ui_seconds(state, r->since);
    }
    with_grade = state->len;
    if (grade != NULL)
        buf_printf(state, _(" \xc2\xb7 imports: %s"), _(grade));
    if (too_wide(name, state, width) && !alarming)
        buf_truncate(state, with_grade);
    if (state->len > usual && too_wide(name, state, width))
        buf_splice(state, 0, usual, NULL, 0);
    if (state->len >= dot)
        buf_splice(state, 0, dot, NULL, 0);
}

static bool shows_tree(const struct ui *u)
{
    return u->right.tree != NULL && !u->right.properties;
}

size_t right_status(struct ui *u, struct buf *out)
{
    if (shows_tree(u))
        return tree_status(u, out);
    if (u->right.object != NULL)
        app_show_location(out, app_object_location(u->right.object));
    return 0;
}

/* --- what is drawn without a tree ----------------------------------------------------------- */

static void draw_progress(struct ui *u, const struct region *r)
{
    struct http_progress p;
    struct buf text;
    bool fetching = app_object_state(u->right.object) == APP_FETCHING;
    int width = r->w - 4 < 60 ? r->w - 4 : 60;

    app_object_progress(u->right.object, &p);
    buf_init(&text, BUF_MAX_LINE);
    (void)screen_puts(r, 1, 2, STYLE_VALUE, fetching ? _("Fetching") : _("Reading it"));
    progress_bar(r, 3, 2, width, p.received, p.receive_total);
    progress_text(&text, p.received, p.receive_total, fetching ? p.rate : 0);
    (void)screen_field(r, 4, 2, r->w - 3, STYLE_VALUE, text.data, text.len);
    buf_clear(&text);
    if (p.attempt > 1)
        buf_printf(&text, _("attempt %u \xc2\xb7 "), p.attempt);
    if (p.waited_ms >= 2000)
        buf_printf(&text, _("nothing came for %u s \xc2\xb7 "), (unsigned)(p.waited_ms / 1000));
    buf_puts(&text, _("Esc stops it"));
    (void)screen_field(r, 6, 2, r->w - 3, STYLE_DIM, text.data, text.len);
    buf_release(&text);
}

static void big_lines(struct ui *u, struct lines *l)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text,
               _("%s: more than %s, so it is fetched only when you say so. Enter fetches it."),
               TEXT_SIZE(app_object_info(u->right.object)->identity.size),
               TEXT_SIZE(app_get_options(u->app)->big));
    (void)lines_add(l, STYLE_WARNING, text.data);
    (void)lines_add(l, STYLE_NORMAL, "");
    props_lines(u, l);
    buf_release(&text);
}

static void error_lines(struct ui *u, struct lines *l)
{
    const struct error *e = app_object_error(u->right.object);

    (void)lines_add(l, e->code == PB_ECANCELED ? STYLE_WARNING : STYLE_ERROR, e->msg);
    if (e->server_code[0] != '\0' && strstr(e->detail, e->server_code) == NULL) {
        struct buf code;

        buf_init(&code, BUF_MAX_LINE);
        text_escape(&code, e->server_code, strlen(e->server_code));
        (void)lines_pair(l, STYLE_VALUE, _("code"), code.data);
        buf_release(&code);
    }
    if (e->detail[0] != '\0') {
        struct buf detail;

        buf_init(&detail, BUF_MAX_LINE);
        text_escape(&detail, e->detail, strlen(e->detail));
        (void)lines_pair(l, STYLE_VALUE, _("details"), detail.data);
        buf_release(&detail);
    }
    (void)lines_add(l, STYLE_NORMAL, "");
    if (strcmp(e->server_code, "InvalidObjectState") == 0)
        (void)lines_add(l, STYLE_VALUE, _("A asks for it to be restored."));
    (void)lines_add(l, STYLE_DIM, _("Enter tries again."));
}

static void state_lines(struct ui *u, struct lines *l)
{
    switch (app_object_state(u->right.object)) {
    case APP_BIG_ASK:
        big_lines(u, l);
        break;
    case APP_FAILED:
        error_lines(u, l);
        break;
    case APP_NOT_PICKLE:
        if (u->right.properties)
            props_lines(u, l);
        else
            not_pickle_lines(u, l);
        break;
    case APP_HEAD:
        (void)lines_add(l, STYLE_DIM, _("Asking what it is\xe2\x80\xa6  Esc stops it"));
        break;
    case APP_FETCHING:
    case APP_INDEXING:
    case APP_READY:
    case APP_BROKEN:
        props_lines(u, l);
        break;
    }
}

static void draw_lines(struct ui *u, const struct region *r)
{
    struct right *right = &u->right;
    struct region in = region_part(r, 0, 1, r->h, r->w - 2);

    lines_clear(&right->lines);
    if (right->object == NULL)
        (void)lines_add(&right->lines, STYLE_DIM, _("Enter on an object opens it here."));
    else
        state_lines(u, &right->lines);
    list_set_count(&right->lines_list, lines_wrap(&right->lines, r->s, in.w));
    list_set_height(&right->lines_list, (unsigned)(in.h > 0 ? in.h : 1));
    for (uint64_t i = right->lines_list.top; i < list_end(&right->lines_list); i++)
        lines_draw(&right->lines, (size_t)i, &in, (int)(i - right->lines_list.top));
}

static void right_draw(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    enum app_state s;

    (void)v;
    if (shows_tree(u)) {
        tree_draw(u, r, focus);
        return;
    }
    s = u->right.object != NULL ? app_object_state(u->right.object) : APP_FAILED;
    if (!u->right.properties && (s == APP_FETCHING || s == APP_INDEXING))
        draw_progress(u, r);
    else
        draw_lines(u, r);
}

/* --- keys ----------------------------------------------------------------------------------- */

static enum context right_context(const struct ui *u)
{
    return shows_tree(u) ? CTX_TREE : CTX_INFO;
}

static void right_move(struct ui *u, struct view *v, enum move m)
{
    struct list *l = &u->right.lines_list;
    int page = (int)l->height;

    (void)v;
    if (shows_tree(u))
        tree_move(u, m);
    else if (m == MOVE_FIRST || m == MOVE_LAST)
        list_move(l, m);
    else if (m == MOVE_UP || m == MOVE_DOWN)
        list_scroll(l, m == MOVE_UP ? -1 : 1);
    else
        list_scroll(l, m == MOVE_PAGE_UP || m == MOVE_HALF_UP ? -page : page);
}

static void right_cancel(struct ui *u, struct view *v)
{
    (void)v;
    if (theirs_back(u))
        return;
    if (u->right.properties && u->right.tree != NULL)
        u->right.properties = false;
    else
        u->right_focus = false;
}

static void right_click(struct ui *u, struct view *v, int y, int x, bool twice)
{
    (void)v;
    if (shows_tree(u))
        tree_click(u, y, x, twice);
}

const struct view_ops view_right = {
    .context = right_context,
    .draw = right_draw,
    .move = right_move,
    .cancel = right_cancel,
    .click = right_click,
};

void cmd_fetch(struct ui *u, int arg)
{
    (void)arg;
    if (app_object_state(u->right.object) == APP_FAILED) {
        right_reload(u);
        return;
    }
    if (app_object_state(u->right.object) == APP_NOT_PICKLE) {
        if (not_pickle_readable(u))
            not_pickle_open(u);
        else
            ui_say(u, SAY_INFO, "There is nothing to open here.");
        return;
    }
    u->right.since = clock_mono_us();
    u->right.properties = false;
    app_object_fetch(u->right.object);
}

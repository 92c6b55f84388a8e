/* Where one is, where one was, and going there. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "complete.h"
#include "state.h"

#define KEPT 200 /* places */

bool location_same(const struct location *a, const struct location *b)
{
    const char *ca = a->container != NULL ? a->container : "";
    const char *cb = b->container != NULL ? b->container : "";

    return a->scheme == b->scheme && strcmp(ca, cb) == 0 && a->key_len == b->key_len &&
           memcmp(a->key, b->key, a->key_len) == 0;
}

void location_show_name(struct buf *out, const struct location *where)
{
    const char *key = where->key;
    size_t n = where->key_len, from;

    if (n == 0) {
        const char *c = where->container != NULL && where->container[0] != '\0' ? where->container
                                                                                : _("buckets");

        text_escape(out, c, strlen(c));
        return;
    }
    from = n - 1;
    while (from > 0 && key[from - 1] != '/')
        from--;
    text_escape(out, key + from, n - from);
}

void nav_stop(struct ui *u)
{
    app_look_free(u->nav.look);
    u->nav.look = NULL;
    location_release(&u->nav.inside);
}

/* --- the trail ------------------------------------------------------------------------------ */

void nav_release(struct ui *u)
{
    nav_stop(u);
    for (size_t i = 0; i < u->nav.all.len; i++)
        location_release(&u->nav.all.data[i].where);
    vec_release(&u->nav.all);
}

static void forget(struct nav *n, size_t i)
{
    location_release(&n->all.data[i].where);
    memmove(n->all.data + i, n->all.data + i + 1, (n->all.len - i - 1) * sizeof *n->all.data);
    n->all.len--;
}

/* A step forward; what lay ahead is forgotten.  Without memory the trail just misses it. */
static void record(struct ui *u, int kind, const struct location *where)
{
    struct nav *n = &u->nav;
    struct place p = {.kind = PLACE_START};

    if (n->all.len > 0) {
        const struct place *here = &n->all.data[n->at];

        if ((int)here->kind == kind && (where == NULL || location_same(&here->where, where)))
            return;
        while (n->all.len > n->at + 1)
            forget(n, n->all.len - 1);
    }
    if (kind == PLACE_LISTING)
        p.kind = PLACE_LISTING;
    else if (kind == PLACE_OBJECT)
        p.kind = PLACE_OBJECT;
    if (where != NULL && location_copy(&p.where, where, NULL) != PB_OK)
        return;
    if (!vec_push(&n->all, p)) {
        location_release(&p.where);
        return;
    }
    if (n->all.len > KEPT)
        forget(n, 0);
    n->at = n->all.len - 1;
}

/* --- going ---------------------------------------------------------------------------------- */

void nav_places(struct ui *u)
{
    nav_stop(u);
    left_show_places(u);
    u->right_focus = false;
    record(u, PLACE_START, NULL);
}

void nav_list(struct ui *u, const struct location *where, const char *name, size_t len)
{
    struct location copy;
    struct error e;

    nav_stop(u);
    /* `where` may be part of what is about to be replaced. */
    if (location_copy(&copy, where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    u->right_focus = false;
    left_show(u, &copy, name, len);
    record(u, PLACE_LISTING, &copy);
    if (copy.scheme != LOC_LOCAL && copy.key_len == 0 && copy.container[0] != '\0')
        recent_add(u, &copy);
    location_release(&copy);
}

static void show_folder_of(struct ui *u, const struct location *where)
{
    struct location parent;
    struct arena mem;
    struct app_spot spot;

    if (where->scheme == LOC_STDIO || !app_parent_location(where, &parent))
        return;
    if (u->left.places || !location_same(&u->left.where, &parent)) {
        arena_init(&mem);
        if (app_resolve(u->app, where, &mem, &spot, NULL) == PB_OK)
            left_show(u, &parent, spot.key, spot.key_len);
        else
            left_show(u, &parent, NULL, 0);
        arena_release(&mem);
    }
    location_release(&parent);
}

void nav_open(struct ui *u, const struct location *where, bool properties, bool show_folder)
{
    struct app_object *o = u->right.object;
    struct error e;

    nav_stop(u);
    if (o != NULL && app_object_state(o) != APP_FAILED && u->right.version[0] == '\0' &&
        location_same(app_object_location(o), where)) { /* it is open */
        u->right.properties = properties;
        u->right_focus = true;
        return;
    }
    if (u->saving.step != SAVE_IDLE) {
        ui_say(u, SAY_WARNING, "Something is being saved; Esc stops that.");
        return;
    }
    pending_release(u);
    u->pending = (struct pending){.properties = properties};
    if (location_copy(&u->pending.where, where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    u->pending.what = PENDING_OPEN;
    if (guard_unsaved(u, _("Opening another object")))
        return;
    u->pending.what = PENDING_NONE;
    if (show_folder)
        show_folder_of(u, where);
    right_open(u, where, properties);
    u->right_focus = true;
    record(u, PLACE_OBJECT, where);
    recent_add(u, where);
}

/* The files of an archive are known once it was opened. */
static bool go_inside(struct ui *u, const struct location *where)
{
    struct location archive, inside;
    struct error e;
    size_t front;

    if (!app_maybe_archive(u->app, where, &front))
        return false;
    if (location_copy(&inside, where, &e) != PB_OK) {
        ui_error(u, &e);
        return true;
    }
    if (location_make(&archive, where->scheme, where->container, where->key, front, &e) == PB_OK) {
        nav_open(u, &archive, false, false);
        location_release(&archive);
        u->nav.inside = inside;
    } else {
        location_release(&inside);
        ui_error(u, &e);
    }
    return true;
}

static bool is_below(const struct location *where, const struct location *files)
{
    const char *a = where->container != NULL ? where->container : "";
    const char *b = files->container != NULL ? files->container : "";

    return where->scheme == files->scheme && strcmp(a, b) == 0 &&
           where->key_len >= files->key_len && memcmp(where->key, files->key, files->key_len) == 0;
}

bool nav_inside(struct ui *u, const struct location *files)
{
    struct location where = u->nav.inside;
    bool ours = where.key_len > 0 && (files == NULL || is_below(&where, files));

    u->nav.inside = (struct location){0};
    if (ours)
        nav_list(u, &where, NULL, 0);
    location_release(&where);
    return ours;
}

static void go_to(struct ui *u, const struct location *where, bool folder)
{
    if (folder && go_inside(u, where))
        return;
    if (folder) {
        nav_list(u, where, NULL, 0);
    } else {
        nav_open(u, where, false, where->scheme != LOC_STDIO);
        u->right.folder_next =
            u->right_focus && where->scheme != LOC_LOCAL && where->scheme != LOC_STDIO;
    }
}

static void on_look(void *ctx, const struct location *where, bool folder)
{
    struct ui *u = ctx;
    struct location real;
    struct error e;

    /* `where` goes with the look. */
    if ((folder ? app_as_folder : location_copy)(&real, where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    nav_stop(u);
    go_to(u, &real, folder);
    location_release(&real);
    ui_changed(u);
}

void nav_go(struct ui *u, const struct location *where)
{
    struct location real;
    struct error e;

    nav_stop(u);
    if (app_absolute_location(&real, where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (real.scheme != LOC_LOCAL || app_location_is_folder(&real))
        go_to(u, &real, app_location_is_folder(&real));
    else if (app_look_start(u->app, &real, on_look, u, &u->nav.look, &e) != PB_OK)
        ui_error(u, &e);
    location_release(&real);
}

void nav_start(struct ui *u, const struct location *start)
{
    if (start == NULL)
        nav_places(u);
    else
        nav_go(u, start);
    if (u->nav.all.len == 0 && u->nav.look == NULL)
        record(u, PLACE_START, NULL);
}

void cmd_back(struct ui *u, int direction)
{
    struct nav *n = &u->nav;
    const struct place *to;

    if (n->all.len == 0 || (direction < 0 ? n->at == 0 : n->at + 1 >= n->all.len)) {
        ui_say(u, SAY_INFO,
               direction < 0 ? _("This is where you began.") : _("You were not further yet."));
        return;
    }
    n->at = direction < 0 ? n->at - 1 : n->at + 1;
    to = &n->all.data[n->at];
    /* Where it leads stands in the trail already, so nothing is recorded. */
    if (to->kind == PLACE_START)
        nav_places(u);
    else if (to->kind == PLACE_OBJECT)
        nav_open(u, &to->where, false, true);
    else if (!u->left.places && location_same(&u->left.where, &to->where))
        u->right_focus = false;
    else
        nav_list(u, &to->where, NULL, 0);
}

/* --- reload --------------------------------------------------------------------------------- */

void cmd_reload(struct ui *u, int arg)
{
    (void)arg;
    if (!u->right_focus || u->right.object == NULL) {
        left_reload(u);
        return;
    }
    if (u->right.mine != NULL) {
        ui_say(u, SAY_INFO, "This is what someone else saved; Esc goes back to yours.");
        return;
    }
    if (u->saving.step != SAVE_IDLE) {
        ui_say(u, SAY_WARNING, "Something is being saved; Esc stops that.");
        return;
    }
    u->pending.what = PENDING_RELOAD;
    if (guard_unsaved(u, _("Reading it again")))
        return;
    u->pending.what = PENDING_NONE;
    right_reload(u);
}

/* --- : -------------------------------------------------------------------------------------- */

enum target { TO_NOTHING, TO_PATH, TO_LOCATION, TO_PREFIX };

static enum target target_of(const char *text, size_t n)
{
    if (n == 0)
        return TO_NOTHING;
    if (strchr(".[@", text[0]) != NULL &&
        !(n > 1 && text[0] == '.' && strchr("./", text[1]) != NULL))
        return TO_PATH;
    if (text[0] == '/' || strstr(text, "://") != NULL || text[0] == '.')
        return TO_LOCATION;
    return TO_PREFIX;
}

static void check_path(const char *text, size_t n, struct ask_note *note)
{
    struct arena mem;
    struct pkl_path path;
    struct error e;

    arena_init(&mem);
    if (pkl_path_parse(&mem, text, n, &path, &note->at, &e) != PB_OK) {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
    } else {
        buf_puts(&note->text, _("a path in the open value"));
    }
    arena_release(&mem);
}

static void go_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    struct location loc;
    struct error e;

    switch (target_of(text, n)) {
    case TO_NOTHING:
        buf_puts(&note->text,
                 _("Tab completes    .name [3] @0: in the value    s3://bucket/key or /file: a "
                   "location    else: keys that begin so"));
        break;
    case TO_PATH:
        check_path(text, n, note);
        if (u->right.tree == NULL && !note->wrong) {
            note->wrong = true;
            buf_clear(&note->text);
            buf_puts(&note->text, _("no value is open to look for this path in"));
        }
        break;
    case TO_LOCATION:
        if (location_parse(&loc, text, &e) == PB_OK) {
            buf_puts(&note->text, _("a location"));
            location_release(&loc);
        } else {
            note->wrong = true;
            buf_puts(&note->text, e.msg);
        }
        break;
    case TO_PREFIX:
        note->wrong =
            u->left.places || u->left.where.container == NULL || u->left.where.container[0] == '\0';
        if (u->left.where.scheme == LOC_LOCAL && !u->left.places)
            note->wrong = false;
        buf_puts(&note->text, note->wrong ? _("type a location: s3://bucket/key or /file")
                                          : _("keys that begin so"));
        break;
    }
}

/* The place that lists what begins with `text`: of a local folder, names in it. */
static void go_prefix(struct ui *u, const char *text, size_t n)
{
    const struct location *here = &u->left.where;
    struct location to;
    struct buf key;
    struct error e;
    enum pb_err err;

    buf_init(&key, BUF_MAX_LINE);
    if (here->scheme == LOC_LOCAL)
        buf_append(&key, here->key, here->key_len);
    buf_append(&key, text, n);
    err = buf_status(&key, &e);
    if (err == PB_OK)
        err = location_make(&to, here->scheme, here->container, key.data, key.len, &e);
    if (err == PB_OK) {
        nav_list(u, &to, NULL, 0);
        location_release(&to);
    } else {
        ui_error(u, &e);
    }
    buf_release(&key);
}

static bool go_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct location loc;
    struct error e;

    (void)ctx;
    (void)note;
    switch (target_of(text, n)) {
    case TO_NOTHING:
        break;
    case TO_PATH:
        tree_go_path(u, text, n);
        break;
    case TO_PREFIX:
        go_prefix(u, text, n);
        break;
    case TO_LOCATION:
        if (location_parse(&loc, text, &e) != PB_OK) {
            ui_error(u, &e);
            break;
        }
        nav_go(u, &loc);
        location_release(&loc);
        break;
    }
    return true;
}

static void go_complete(struct ui *u, struct completion *c)
{
    switch (target_of(c->typed, c->len)) {
    case TO_NOTHING: /* what is nearest: the keys of the value, or the names beside it */
        if (u->right_focus && u->right.tree != NULL)
            complete_path(u, c);
        else
            complete_listed(u, c);
        break;
    case TO_PATH:
        complete_path(u, c);
        break;
    case TO_LOCATION:
        complete_location(u, c);
        break;
    case TO_PREFIX:
        complete_listed(u, c);
        if (c->count == 0)
            complete_location(u, c); /* "s3:" is on its way to a location */
        break;
    }
}

static const struct ask_ops go_ops = {
    .label = N_("go to: "),
    .check = go_check,
    .complete = go_complete,
    .accept = go_accept,
};

void cmd_go(struct ui *u, int arg)
{
    (void)arg;
    ask_open(u, &go_ops, NULL, "", 0);
}

/* Somebody else was faster: the choice, and looking at what they wrote without losing one's own. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>

#include "state.h"

enum { CONFLICT_MERGE, CONFLICT_SHOW, CONFLICT_AS, CONFLICT_OVERWRITE, CONFLICT_CANCEL };
static const struct dialog_button buttons[] = {
    [CONFLICT_MERGE] = {'m', "Put my changes on theirs"},
    [CONFLICT_SHOW] = {'t', "Show theirs"},
    [CONFLICT_AS] = {'a', "Save as\xe2\x80\xa6"},
    [CONFLICT_OVERWRITE] = {'o', "Overwrite"},
    [CONFLICT_CANCEL] = {'n', "Cancel"},
};

static void on_choice(struct ui *u, int button)
{
    switch (button) {
    case CONFLICT_MERGE:
        save_merge(u);
        break;
    case CONFLICT_SHOW:
        save_dropped(u);
        theirs_show(u);
        break;
    case CONFLICT_AS:
        save_dropped(u);
        save_as_ask(u);
        break;
    case CONFLICT_OVERWRITE:
        save_write(u, NULL, true);
        break;
    default:
        save_dropped(u);
        ui_say(u, SAY_WARNING, "Not saved; your changes are kept here.");
        break;
    }
}

enum { GONE_CANCEL, GONE_AGAIN, GONE_AS };
static const struct dialog_button gone_buttons[] = {
    [GONE_CANCEL] = {'n', "Cancel"},
    [GONE_AGAIN] = {'o', "Write it again"},
    [GONE_AS] = {'a', "Save as\xe2\x80\xa6"},
};

static void on_gone(struct ui *u, int button)
{
    if (button == GONE_AGAIN) {
        save_write(u, NULL, true);
        return;
    }
    save_dropped(u);
    if (button == GONE_AS)
        save_as_ask(u);
    else
        ui_say(u, SAY_WARNING, "Not saved; your changes are kept here.");
}

static void add_identity(struct ui *u, struct lines *l, const char *label,
                         const struct store_identity *id)
{
    struct buf text, what;

    buf_init(&text, BUF_MAX_LINE);
    buf_init(&what, BUF_MAX_LINE);
    if (id->mtime != 0)
        clock_format_iso(&text, id->mtime);
    identity_text(&what, id, app_object_location(u->right.object)->scheme);
    if (what.len > 0)
        buf_printf(&text, "  %s", what.data);
    buf_printf(&text, "  %llu bytes", (unsigned long long)id->size);
    (void)lines_pair(l, STYLE_VALUE, label, text.data);
    buf_release(&text);
    buf_release(&what);
}

void conflict_open(struct ui *u, const struct app_saved *s)
{
    bool gone = s->theirs == NULL;
    struct dialog *d;

    if (gone)
        d = dialog_new(u, "Not saved: the object is gone", gone_buttons, 3, GONE_CANCEL, on_gone);
    else
        d = dialog_new(u, "Not saved: the object changed while you were editing", buttons, 5,
                       CONFLICT_MERGE, on_choice);
    if (d == NULL) {
        save_dropped(u);
        return;
    }
    d->danger = true;
    add_identity(u, &d->head, "yours was read", &app_object_info(u->right.object)->identity);
    if (gone)
        (void)lines_add(&d->head, STYLE_VALUE, "It was deleted or renamed meanwhile.");
    else
        add_identity(u, &d->head, "it is now", &s->theirs->identity);
    (void)lines_add(&d->tail, STYLE_NORMAL, "");
    (void)lines_add(&d->tail, STYLE_VALUE, "Nothing was written. Your changes are kept here.");
    dialog_open(u, d);
}

/* --- theirs --------------------------------------------------------------------------------- */

static void rebuild(struct ui *u)
{
    struct right *r = &u->right;
    struct pkl_view *v = app_object_view(r->object);
    struct error e;

    tree_free(r->tree);
    r->tree = NULL;
    list_init(&r->list);
    if (v != NULL && (tree_new(v, app_object_edit(r->object), &r->tree, &e) != PB_OK ||
                      tree_expand(r->tree, 0, &e) != PB_OK))
        ui_error(u, &e);
    audit_start(u);
    u->dirty = true;
}

void theirs_show(struct ui *u)
{
    struct right *r = &u->right;
    struct app_object *theirs;
    struct error e;

    if (app_object_open(u->app, app_object_location(r->object), right_object_changed, u, &theirs,
                        &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    audit_stop(u);
    tree_free(r->tree);
    r->tree = NULL;
    r->mine = r->object;
    r->object = theirs;
    r->seen = APP_HEAD;
    r->since = clock_mono_us();
    ui_say(u, SAY_INFO, "This is what is there now; Esc goes back to yours.");
}

bool theirs_back(struct ui *u)
{
    struct right *r = &u->right;

    if (r->mine == NULL)
        return false;
    audit_stop(u);
    app_object_close(r->object);
    r->object = r->mine;
    r->mine = NULL;
    r->seen = app_object_state(r->object);
    rebuild(u);
    ui_say(u, SAY_INFO, "These are yours, not saved yet; s tries again.");
    return true;
}

/* Somebody else was faster: the choice, and looking at what they wrote without losing one's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "state.h"

/* The first is there only when it has been found that it can be done. */
enum { CONFLICT_MERGE, CONFLICT_SHOW, CONFLICT_AS, CONFLICT_OVERWRITE, CONFLICT_CANCEL };
static const struct dialog_button buttons[] = {
    [CONFLICT_MERGE] = {'m', N_("Put my changes on theirs")},
    [CONFLICT_SHOW] = {'t', N_("Show theirs")},
    [CONFLICT_AS] = {'a', N_("Save as\xe2\x80\xa6")},
    [CONFLICT_OVERWRITE] = {'o', N_("Overwrite")},
    [CONFLICT_CANCEL] = {'n', N_("Cancel")},
};
#define BUTTONS (sizeof buttons / sizeof buttons[0])

static void on_choice(struct ui *u, int button)
{
    u->saving.conflict = NULL;
    if (button >= 0 && !u->saving.mergeable)
        button++;
    if (button != CONFLICT_MERGE)
        app_merge_cancel(u->right.object);
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

/* --- what they did, what I did -------------------------------------------------------------- */

#define TOLD 20 /* lines of one side */

static void add_differences(struct lines *l, const char *who, const struct app_difference *d,
                            size_t count, uint64_t total)
{
    if (total == 0)
        (void)lines_pair(l, STYLE_DIM, who, _("no value changed"));
    for (size_t i = 0; i < count && i < TOLD; i++) {
        struct buf text;

        buf_init(&text, BUF_MAX_LINE);
        buf_printf(
            &text, "%s  %s \xe2\x86\x92 %s", d[i].path[0] != '\0' ? d[i].path : _("all of it"),
            d[i].was != NULL ? d[i].was : _("(new)"), d[i].now != NULL ? d[i].now : _("(gone)"));
        (void)lines_pair(l, STYLE_VALUE, i == 0 ? who : "", text.data);
        buf_release(&text);
    }
    if (total > TOLD) {
        struct buf text;

        buf_init(&text, 64);
        buf_printf(&text, _("and %s more"), TEXT_COUNT(total - TOLD));
        (void)lines_pair(l, STYLE_DIM, "", text.data);
        buf_release(&text);
    }
}

static void add_clash(struct lines *l, const struct app_clash *c)
{
    (void)lines_printf(l, STYLE_WARNING, "%.400s %s", c->path[0] != '\0' ? c->path : _("all of it"),
                       _(c->why));
    (void)lines_pair(l, STYLE_VALUE, _("  it was"), c->was != NULL ? c->was : _("(nothing)"));
    (void)lines_pair(l, STYLE_CHANGED, _("  yours"), c->mine != NULL ? c->mine : _("(gone)"));
    (void)lines_pair(l, STYLE_CHANGED, _("  theirs"),
                     c->theirs != NULL ? c->theirs : _("(nothing)"));
}

static void tell(struct dialog *d, const struct app_comparison *c)
{
    struct lines *l = &d->head;

    add_differences(l, _("Theirs:"), c->theirs, c->their_count, c->their_total);
    add_differences(l, _("Yours:"), c->mine, c->mine_count, c->mine_total);
    (void)lines_add(l, STYLE_NORMAL, "");
    if (c->clash_count == 0)
        (void)lines_add(l, STYLE_MESSAGE, _("No place changed by both."));
    for (size_t i = 0; i < c->clash_count && i < TOLD; i++)
        add_clash(l, &c->clashes[i]);
    if (c->clash_count > TOLD)
        (void)lines_printf(l, STYLE_DIM, _("and %zu more"), c->clash_count - TOLD);
}

static void add_identities(struct ui *u, struct dialog *d);

static void on_compared(void *ctx, const struct app_comparison *c, const struct error *e)
{
    struct ui *u = ctx;
    struct dialog *d = u->saving.conflict;

    u->dirty = true;
    if (d == NULL)
        return;
    lines_clear(&d->head);
    add_identities(u, d);
    if (c != NULL)
        tell(d, c);
    else
        (void)lines_printf(&d->head, STYLE_WARNING, _("What they wrote cannot be compared: %s"),
                           e->msg);
    if (c == NULL || c->clash_count > 0)
        return;
    u->saving.mergeable = true;
    d->buttons = buttons;
    d->button_count = BUTTONS;
    /* Who has not chosen yet is offered the choice that loses nothing. */
    d->chosen = d->touched ? d->chosen + 1 : CONFLICT_MERGE;
}

enum { GONE_CANCEL, GONE_AGAIN, GONE_AS };
static const struct dialog_button gone_buttons[] = {
    [GONE_CANCEL] = {'n', N_("Cancel")},
    [GONE_AGAIN] = {'o', N_("Write it again")},
    [GONE_AS] = {'a', N_("Save as\xe2\x80\xa6")},
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
    buf_printf(&text, _("  %llu bytes"), (unsigned long long)id->size);
    (void)lines_pair(l, STYLE_VALUE, label, text.data);
    buf_release(&text);
    buf_release(&what);
}

static void add_identities(struct ui *u, struct dialog *d)
{
    add_identity(u, &d->head, _("yours was read"), &app_object_info(u->right.object)->identity);
    add_identity(u, &d->head, _("it is now"), &u->saving.theirs);
}

static void gone_open(struct ui *u)
{
    struct dialog *d =
        dialog_new(u, _("Not saved: the object is gone"), gone_buttons, 3, GONE_CANCEL, on_gone);

    if (d == NULL) {
        save_dropped(u);
        return;
    }
    d->danger = true;
    add_identity(u, &d->head, _("yours was read"), &app_object_info(u->right.object)->identity);
    (void)lines_add(&d->head, STYLE_VALUE, _("It was deleted or renamed meanwhile."));
    (void)lines_add(&d->tail, STYLE_NORMAL, "");
    (void)lines_add(&d->tail, STYLE_VALUE, _("Nothing was written. Your changes are kept here."));
    dialog_open(u, d);
}

void conflict_open(struct ui *u, const struct app_saved *s)
{
    struct dialog *d;
    struct error e;

    store_identity_release(&u->saving.theirs);
    if (s->theirs == NULL ||
        store_identity_copy(&u->saving.theirs, &s->theirs->identity, NULL) != PB_OK) {
        gone_open(u);
        return;
    }
    d = dialog_new(u, _("Not saved: the object changed while you were editing"), buttons + 1,
                   BUTTONS - 1, BUTTONS - 2, on_choice);
    if (d == NULL) {
        save_dropped(u);
        return;
    }
    d->danger = true;
    add_identities(u, d);
    (void)lines_add(&d->tail, STYLE_NORMAL, "");
    (void)lines_add(&d->tail, STYLE_VALUE, _("Nothing was written. Your changes are kept here."));
    if (app_compare_start(u->right.object, on_compared, u, &e) == PB_OK)
        (void)lines_add(&d->head, STYLE_DIM, _("Looking at what they changed\xe2\x80\xa6"));
    else
        (void)lines_add(&d->head, STYLE_WARNING, e.msg);
    u->saving.conflict = d;
    u->saving.mergeable = false;
    dialog_open(u, d);
}

/* --- theirs --------------------------------------------------------------------------------- */

static void rebuild(struct ui *u)
{
    struct right *r = &u->right;
    struct pkl_view *v = app_object_view(r->object);
    struct error e;

    uses_stop(u);
    tree_free(r->tree);
    r->tree = NULL;
    list_init(&r->list);
    if (v != NULL && (tree_new(v, app_object_edit(r->object), &r->tree, &e) != PB_OK ||
                      tree_expand(r->tree, 0, &e) != PB_OK))
        ui_error(u, &e);
    if (r->tree != NULL)
        tree_speak(r->tree);
    audit_start(u);
    u->dirty = true;
}

void aside_show(struct ui *u, struct app_object *o, const char *label)
{
    struct right *r = &u->right;

    audit_stop(u);
    uses_stop(u);
    find_drop(u);
    tree_free(r->tree);
    r->tree = NULL;
    if (r->mine == NULL)
        r->mine = r->object;
    else
        app_object_close(r->object); /* one version after the other */
    right_take(u, o, label);
    u->dirty = true;
}

void theirs_show(struct ui *u)
{
    struct app_object *theirs;
    struct error e;

    if (app_object_open(u->app, app_object_location(u->right.object), right_object_changed, u,
                        &theirs, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    aside_show(u, theirs, "");
    ui_say(u, SAY_INFO, "This is what is there now; Esc goes back to yours.");
}

bool theirs_back(struct ui *u)
{
    struct right *r = &u->right;
    bool version = r->version[0] != '\0';

    if (r->mine == NULL)
        return false;
    audit_stop(u);
    uses_stop(u);
    find_drop(u);
    app_object_close(r->object);
    r->object = r->mine;
    r->mine = NULL;
    r->version[0] = '\0';
    r->seen = app_object_state(r->object);
    rebuild(u);
    if (!version)
        ui_say(u, SAY_INFO, "These are yours, not saved yet; s tries again.");
    return true;
}

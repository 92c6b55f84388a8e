/* Edits that were not saved when the program had to end: kept, and offered at the next opening. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "state.h"

enum { RESCUE_APPLY, RESCUE_LATER, RESCUE_FORGET };
static const struct dialog_button buttons[] = {
    [RESCUE_APPLY] = {'y', N_("Make them again")},
    [RESCUE_LATER] = {'n', N_("Later")},
    [RESCUE_FORGET] = {'d', N_("Throw them away")},
};

static void apply(struct ui *u)
{
    struct right *r = &u->right;
    struct error e;
    size_t count = r->rescue->count, left = app_rescue_apply(r->object, r->rescue, &e);

    r->rescued = left == 0; /* else its file is the only place where the rest stands */
    right_refresh(u);
    if (left == 0)
        ui_say(u, SAY_INFO, "Made again; s saves, u takes it back.");
    else
        ui_say(u, SAY_WARNING, "%zu of %zu could not be made again: %s", left, count, e.msg);
}

static void on_choice(struct ui *u, int button)
{
    struct right *r = &u->right;

    if (r->rescue == NULL || r->object == NULL)
        return;
    switch (button) {
    case RESCUE_APPLY:
        apply(u);
        break;
    case RESCUE_FORGET:
        app_rescue_forget(r->rescue);
        ui_say(u, SAY_INFO, "Thrown away.");
        break;
    default:
        ui_say(u, SAY_INFO, "They are kept; you are asked again when this is opened.");
        break;
    }
}

static void ask(struct ui *u)
{
    const struct app_rescue *rescue = u->right.rescue;
    struct dialog *d = dialog_new(u, _("Changes from before"), buttons, 3, RESCUE_APPLY, on_choice);
    struct buf name, age;

    if (d == NULL)
        return;
    buf_init(&name, BUF_MAX_LINE);
    buf_init(&age, BUF_MAX_LINE);
    app_show_location(&name, app_object_location(u->right.object));
    text_age(&age, rescue->when, clock_now());
    (void)lines_printf(&d->head, STYLE_VALUE,
                       P_("%zu change was not saved when pklbrowse ended (%s):",
                          "%zu changes were not saved when pklbrowse ended (%s):", rescue->count),
                       rescue->count, age.data);
    (void)lines_add(&d->head, STYLE_VALUE, name.data);
    if (rescue->other_version)
        (void)lines_add(&d->head, STYLE_WARNING,
                        _("The object was written since. What it holds now stays, except where it "
                          "still is what was changed then."));
    buf_release(&name);
    buf_release(&age);
    dialog_open(u, d);
    ahead_guard(u);
}

void rescue_offer(struct ui *u)
{
    struct right *r = &u->right;
    struct error e;

    if (right_edit(u) == NULL)
        return;
    if (app_rescue_find(r->object, &r->rescue, &e) != PB_OK)
        ui_error(u, &e);
    else if (r->rescue != NULL)
        ask(u);
}

void rescue_close(struct ui *u)
{
    struct right *r = &u->right;

    if (r->rescued && u->ended == PB_OK)
        app_rescue_forget(r->rescue);
    app_rescue_free(r->rescue);
    r->rescue = NULL;
    r->rescued = false;
}

void rescue_keep(struct ui *u, struct buf *out)
{
    struct app_object *o = u->right.mine != NULL ? u->right.mine : u->right.object;
    struct error e;

    if (!right_unsaved(u))
        return;
    if (app_rescue_keep(o, &e) == PB_OK)
        buf_puts(out,
                 _("; what was not saved is kept and offered when the object is opened again"));
    else
        buf_printf(out, _("; what was not saved could not be kept: %s"), e.msg);
}

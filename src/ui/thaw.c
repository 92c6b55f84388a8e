/* An archived object is asked to be made readable: for how many days, how fast, and only when said.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

#include "commands.h"
#include "state.h"

#define DAYS_MOST 36500
#define DAYS_USUAL "7"

void thaw_stop(struct ui *u)
{
    app_thaw_free(u->thaw.work);
    location_release(&u->thaw.where);
    free(u->thaw.version);
    u->thaw = (struct thaw){0};
}

static void on_asked(void *ctx, bool readable, const struct error *e)
{
    struct ui *u = ctx;
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    app_show_location(&name, &u->thaw.where);
    if (e != NULL)
        ui_error(u, e);
    else if (readable)
        ui_say(u, SAY_INFO, "%s is readable already, for %u days from now.", name.data,
               u->thaw.days);
    else
        ui_say(u, SAY_INFO,
               "%s is being restored, which takes minutes to hours; R looks whether it is there.",
               name.data);
    buf_release(&name);
    thaw_stop(u);
    ui_changed(u);
}

enum { THAW_CANCEL, THAW_STANDARD, THAW_BULK, THAW_EXPEDITED };
static const struct dialog_button buttons[] = {
    [THAW_CANCEL] = {'n', N_("No")},
    [THAW_STANDARD] = {'s', N_("Standard")},
    [THAW_BULK] = {'b', N_("Bulk")},
    [THAW_EXPEDITED] = {'e', N_("Expedited")},
};

static void on_button(struct ui *u, int button)
{
    static const enum store_thaw_tier tiers[] = {[THAW_STANDARD] = STORE_THAW_STANDARD,
                                                 [THAW_BULK] = STORE_THAW_BULK,
                                                 [THAW_EXPEDITED] = STORE_THAW_EXPEDITED};
    struct error e;

    if (button > THAW_CANCEL &&
        app_thaw_start(u->app, &u->thaw.where, u->thaw.version, u->thaw.days, tiers[button],
                       on_asked, u, &u->thaw.work, &e) == PB_OK)
        return;
    if (button > THAW_CANCEL)
        ui_error(u, &e);
    thaw_stop(u);
}

static void check_days(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    uint64_t days;

    (void)u;
    note->wrong = !num_parse_u64(text, n, &days) || days == 0 || days > DAYS_MOST;
    if (note->wrong)
        buf_puts(&note->text, _("a number of days"));
}

static bool accept_days(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct dialog *d;
    struct buf name;
    uint64_t days = 0;

    (void)ctx;
    check_days(u, text, n, note);
    if (note->wrong || !num_parse_u64(text, n, &days))
        return false;
    u->thaw.days = (unsigned)days;
    d = dialog_new(u, _("Restore an archived object"), buttons, 4, THAW_CANCEL, on_button);
    if (d == NULL)
        return true;
    buf_init(&name, BUF_MAX_LINE);
    app_show_location(&name, &u->thaw.where);
    (void)lines_add(&d->head, STYLE_HEADING, name.data);
    buf_release(&name);
    (void)lines_printf(&d->tail, STYLE_VALUE,
                       P_("A copy of it becomes readable for %u day.",
                          "A copy of it becomes readable for %u days.", u->thaw.days),
                       u->thaw.days);
    (void)lines_add(
        &d->tail, STYLE_VALUE,
        _("The store takes money for restoring, and for the copy while it is there. The "
          "object stays archived."));
    (void)lines_add(&d->tail, STYLE_VALUE,
                    _("Standard takes hours; bulk up to two days, and is the cheapest; expedited "
                      "minutes, and is the dearest."));
    dialog_open(u, d);
    return true;
}

static const struct ask_ops days_ops = {
    .label = N_("readable for how many days: "),
    .check = check_days,
    .accept = accept_days,
    .cancelled = thaw_stop,
};

/* The object of the cursor, or the one that is shown. */
static bool find_object(struct ui *u, struct location *out)
{
    const struct app_object *o = u->right.object;
    enum store_kind kind;
    struct error e;

    if (u->right_focus && o != NULL) {
        if (location_copy(out, app_object_location(o), &e) == PB_OK)
            return true;
        ui_error(u, &e);
        return false;
    }
    if (u->right_focus || !left_location(u, out, &kind))
        return false;
    if (kind == STORE_OBJECT)
        return true;
    location_release(out);
    return false;
}

void cmd_thaw(struct ui *u, int arg)
{
    struct location where;
    const char *version = NULL;

    (void)arg;
    if (u->thaw.work != NULL) {
        ui_say(u, SAY_INFO, "One is being asked for already.");
        return;
    }
    thaw_stop(u);
    if (!find_object(u, &where)) {
        ui_say(u, SAY_INFO, "Go to an object first.");
        return;
    }
    u->thaw.where = where;
    if (u->right_focus && u->right.version[0] != '\0')
        version = app_object_info(u->right.object)->identity.version_id;
    u->thaw.version = version != NULL ? mem_strdup(version) : NULL;
    ask_open(u, &days_ops, NULL, DAYS_USUAL, strlen(DAYS_USUAL));
}

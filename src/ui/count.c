/* How much is below a place, by storage class and age: counted beside the keys, and shown as it
 * grows. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define NAME_COLUMNS 24
#define OBJECTS_END 38 /* columns */
#define BYTES_END 52

static const char *const ages[APP_AGES] = {
    [APP_AGE_DAY] = N_("less than a day"),     [APP_AGE_WEEK] = N_("less than a week"),
    [APP_AGE_MONTH] = N_("less than 30 days"), [APP_AGE_YEAR] = N_("less than a year"),
    [APP_AGE_OLDER] = N_("a year and more"),   [APP_AGE_UNKNOWN] = N_("not known"),
};

/* --- the rows ------------------------------------------------------------------------------- */

static const struct app_tally *tally(const struct ui *u)
{
    return app_count_tally(u->count);
}

/* All, a heading and the classes, a heading and the ages. */
static uint64_t count_rows(struct ui *u, void *ctx)
{
    (void)ctx;
    return u->count != NULL ? 3 + tally(u)->class_count + APP_AGES : 0;
}

static void draw_sum(const struct region *r, const char *name, const struct app_sum *s)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    text_escape(&text, name, strlen(name));
    (void)screen_field(r, 0, 1, NAME_COLUMNS, STYLE_NAME, text.data, text.len);
    screen_puts_end(r, 0, OBJECTS_END < r->w ? OBJECTS_END : r->w, STYLE_VALUE,
                    TEXT_COUNT(s->objects));
    if (r->w >= BYTES_END)
        screen_puts_end(r, 0, BYTES_END, STYLE_VALUE, TEXT_SIZE(s->bytes));
    buf_release(&text);
}

static void count_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const struct app_tally *t = tally(u);
    uint64_t classes = t->class_count;

    (void)ctx;
    if (row == 0)
        draw_sum(r, _("all objects"), &t->all);
    else if (row == 1)
        (void)screen_puts(r, 0, 0, STYLE_HEADING, _("by storage class"));
    else if (row < 2 + classes)
        draw_sum(r, *t->classes[row - 2].name != '\0' ? t->classes[row - 2].name : _("not said"),
                 &t->classes[row - 2].sum);
    else if (row == 2 + classes)
        (void)screen_puts(r, 0, 0, STYLE_HEADING, _("by age of the last change"));
    else
        draw_sum(r, _(ages[row - 3 - classes]), &t->ages[row - 3 - classes]);
}

static void count_note(struct ui *u, void *ctx, uint64_t row, struct lines *out)
{
    const struct app_tally *t = tally(u);

    (void)ctx;
    (void)row;
    if (t->running)
        (void)lines_printf(out, STYLE_VALUE, "%s %s", ui_spinner(u),
                           _("still counting: Enter stops it, Esc lets it go on"));
    else if (t->failed)
        (void)lines_add(out, STYLE_ERROR, t->error.msg);
    else if (t->stopped)
        (void)lines_add(out, STYLE_WARNING, _("stopped: this is not all"));
    else
        (void)lines_add(out, STYLE_VALUE, _("this is all"));
}

static void say_sum(struct ui *u)
{
    const struct app_tally *t = tally(u);
    struct buf where, text;

    buf_init(&where, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    location_show_name(&where, app_count_location(u->count));
    buf_printf(&text, P_("%s object, %s", "%s objects, %s", t->all.objects),
               TEXT_COUNT(t->all.objects), TEXT_SIZE(t->all.bytes));
    ui_say(u, SAY_INFO, "%s: %s%s", where.data, text.data,
           t->stopped ? _("; stopped, this is not all") : "");
    buf_release(&where);
    buf_release(&text);
}

static void count_take(struct ui *u, void *ctx, uint64_t row)
{
    (void)ctx;
    (void)row;
    if (u->count == NULL || !tally(u)->running)
        return;
    app_count_stop(u->count);
    say_sum(u);
}

static const struct picker_ops count_ops = {
    .count = count_rows,
    .draw = count_draw,
    .note = count_note,
    .take = count_take,
    .empty = "",
};

static void show(struct ui *u)
{
    struct buf title;

    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, _("Below "));
    location_show_name(&title, app_count_location(u->count));
    picker_open(u, &count_ops, NULL, title.data);
    buf_release(&title);
}

/* --- counting ------------------------------------------------------------------------------- */

bool count_running(const struct ui *u)
{
    return u->count != NULL && tally(u)->running;
}

void count_stop(struct ui *u)
{
    app_count_free(u->count);
    u->count = NULL;
}

static void on_changed(void *ctx)
{
    struct ui *u = ctx;

    ui_changed(u);
    if (count_running(u))
        return;
    if (tally(u)->failed)
        ui_error(u, &tally(u)->error);
    else
        say_sum(u);
}

/* Of the rows that pass the filter. */
static void count_listed(struct ui *u)
{
    struct left *l = &u->left;
    uint64_t n = listing_count(l->listing), others = 0;
    struct app_sum sum = {0};
    struct listing_row row;
    struct buf text;

    for (uint64_t i = 0; i < n && listing_row(l->listing, i, &row); i++) {
        others += row.kind != STORE_OBJECT;
        sum.objects += row.kind == STORE_OBJECT;
        sum.bytes += row.kind == STORE_OBJECT && row.size < UINT64_MAX - sum.bytes ? row.size : 0;
    }
    buf_init(&text, 200);
    marks_text(&text, sum.objects, sum.bytes);
    if (others > 0)
        buf_printf(&text, P_("; %s folder", "; %s folders", others), TEXT_COUNT(others));
    ui_say(u, SAY_INFO, "%s%s", text.data,
           listing_complete(l->listing) ? "." : _(", of what is read so far; G reads all."));
    buf_release(&text);
}

/* What is listed and all below it; in the list of buckets: the one of the cursor. */
void cmd_count(struct ui *u, int arg)
{
    struct left *l = &u->left;
    struct location where;
    enum store_kind kind = STORE_PREFIX;
    struct error e;
    bool found;

    (void)arg;
    if (l->filter.len > 0) {
        count_listed(u);
        return;
    }
    if (l->spot.container == NULL)
        found = left_location(u, &where, &kind);
    else
        found = location_copy(&where, &l->where, &e) == PB_OK;
    if (!found)
        return;
    if (!count_running(u) || !location_same(&where, app_count_location(u->count))) {
        count_stop(u);
        if (app_count_start(u->app, &where, on_changed, u, &u->count, &e) != PB_OK)
            ui_error(u, &e);
    }
    if (u->count != NULL)
        show(u);
    location_release(&where);
}

/*
 * Who to be on S3 and through which endpoint: profiles of the configuration, no signature at all,
 * an endpoint that is typed; and the places of the other stores.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "fuzzy.h"
#include "state.h"

enum kind { ROW_PROFILE, ROW_ENDPOINT, ROW_PLACE };
struct choices {
    struct app_profiles *profiles;
    struct {
        struct choice_row {
            enum kind kind;
            size_t index; /* of the profile, of the place */
        } * data;
        size_t len, cap;
    } rows;
};

static void release(void *ctx)
{
    struct choices *c = ctx;

    app_profiles_free(c->profiles);
    vec_release(&c->rows);
    free(c);
}

/* --- rows ----------------------------------------------------------------------------------- */

static void profile_name(const struct app_profile *p, struct buf *out)
{
    if (p->choice.anonymous)
        buf_puts(out, _("(anonymous)"));
    else if (p->choice.profile != NULL)
        text_escape(out, p->choice.profile, strlen(p->choice.profile));
    else
        buf_puts(out, _("(as started)"));
}

static void row_name(struct ui *u, const struct choices *c, const struct choice_row *row,
                     struct buf *out)
{
    if (row->kind == ROW_PROFILE)
        profile_name(app_profiles_row(c->profiles, row->index), out);
    else if (row->kind == ROW_ENDPOINT)
        buf_puts(out, _("(another endpoint\xe2\x80\xa6)"));
    else
        buf_puts(out, app_place(u->app, row->index)->title);
}

static bool fits(struct ui *u, const struct choices *c, const struct choice_row *row,
                 const char *typed)
{
    struct buf name;
    bool found;

    buf_init(&name, BUF_MAX_LINE);
    row_name(u, c, row, &name);
    found = fuzzy_score(name.data, typed) >= 0;
    buf_release(&name);
    return found;
}

static bool is_other_cloud(const struct app_place *p)
{
    return p->where.scheme == LOC_GS || p->where.scheme == LOC_AZ;
}

static void collect(struct ui *u, struct choices *c, const char *typed)
{
    size_t profiles = app_profiles_count(c->profiles), places = app_places(u->app);

    c->rows.len = 0;
    for (size_t i = 0; i < profiles + 1 + places; i++) {
        struct choice_row row = {ROW_PROFILE, i};

        if (i == profiles)
            row = (struct choice_row){ROW_ENDPOINT, 0};
        else if (i > profiles)
            row = (struct choice_row){ROW_PLACE, i - profiles - 1};
        if (row.kind == ROW_PLACE && !is_other_cloud(app_place(u->app, row.index)))
            continue;
        if (fits(u, c, &row, typed) && !vec_push(&c->rows, row))
            return;
    }
}

static uint64_t count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct choices *)ctx)->rows.len;
}

static void typed(struct ui *u, void *ctx, const char *text, size_t n)
{
    (void)n;
    collect(u, ctx, text);
}

/* --- drawing -------------------------------------------------------------------------------- */

/* A third for the name, then what is most often looked for. */
static void draw_profile(const struct app_profile *p, const struct region *r)
{
    int name = r->w / 3 > 12 ? r->w / 3 : 12, x = name + 2;
    const struct aws_setup *s = p->setup;
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    profile_name(p, &text);
    (void)screen_field(r, 0, 2, name - 2, STYLE_NAME, text.data, text.len);
    if (p->current)
        (void)screen_puts(r, 0, 0, STYLE_KEY, "*");
    buf_clear(&text);
    if (p->wrong != NULL) {
        (void)screen_field(r, 0, x, r->w - x, STYLE_ERROR, p->wrong, strlen(p->wrong));
    } else {
        text_escape(&text, s->region, strlen(s->region));
        buf_puts(&text, "  ");
        if (s->endpoint != NULL)
            text_escape(&text, s->endpoint, strlen(s->endpoint));
        else
            buf_puts(&text, _("Amazon"));
        if (!s->anonymous)
            buf_printf(&text, "  %s", p->source != NULL ? p->source : _("no credentials"));
        (void)screen_field(r, 0, x, r->w - x, STYLE_NORMAL, text.data, text.len);
    }
    buf_release(&text);
}

static void draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const struct choices *c = ctx;
    const struct choice_row *at = &c->rows.data[row];
    struct buf text;

    if (at->kind == ROW_PROFILE) {
        draw_profile(app_profiles_row(c->profiles, at->index), r);
        return;
    }
    buf_init(&text, BUF_MAX_LINE);
    row_name(u, c, at, &text);
    (void)screen_field(r, 0, 2, r->w - 2, at->kind == ROW_PLACE ? STYLE_FOLDER : STYLE_NAME,
                       text.data, text.len);
    buf_release(&text);
}

/* "region x (profile y) · " */
static void put_from(struct buf *out, const char *shown, const char *origin)
{
    text_escape(out, shown, strlen(shown));
    buf_printf(out, " (%s) \xc2\xb7 ", origin);
}

/* Every value with where it comes from. */
static void note(struct ui *u, void *ctx, uint64_t row, struct lines *out)
{
    const struct choices *c = ctx;
    const struct choice_row *at = &c->rows.data[row];
    const struct app_profile *p;
    struct buf text;

    (void)u;
    if (at->kind != ROW_PROFILE) {
        (void)lines_add(out, STYLE_DIM,
                        at->kind == ROW_PLACE ? _("another store")
                                              : _("a URL; who one is stays as it is"));
        return;
    }
    p = app_profiles_row(c->profiles, at->index);
    buf_init(&text, BUF_MAX_LINE);
    if (p->wrong != NULL) {
        buf_puts(&text, p->wrong);
    } else {
        put_from(&text, p->setup->region, p->setup->region_origin);
        if (p->setup->endpoint != NULL)
            put_from(&text, p->setup->endpoint, p->setup->endpoint_origin);
        if (p->setup->anonymous)
            buf_puts(&text, _("nothing is signed"));
        else
            buf_printf(&text, _("credentials: %s"),
                       p->source != NULL ? p->source : _("none that is set"));
    }
    (void)lines_add(out, p->wrong != NULL ? STYLE_ERROR : STYLE_DIM, text.data);
    buf_release(&text);
}

/* --- choosing ------------------------------------------------------------------------------- */

/* Where one is, seen as who one is now; an object that is another one there is read again. */
static void look_again(struct ui *u, bool same)
{
    struct right *r = &u->right;
    struct location buckets;
    bool mine = r->object != NULL && app_object_location(r->object)->scheme == LOC_S3;

    preview_drop(u);
    if (!same && u->left.listing != NULL)
        listing_unmark(u->left.listing); /* objects of those names are others there */
    if (mine && same) {
        app_object_follow(r->object);
        if (r->mine != NULL)
            app_object_follow(r->mine);
    }
    if (mine && (!same || app_object_state(r->object) == APP_FAILED))
        right_reload(u);
    if (!u->left.places && u->left.where.scheme == LOC_S3) {
        left_reload(u);
    } else if (!u->right_focus && location_make(&buckets, LOC_S3, "", "", 0, NULL) == PB_OK) {
        nav_list(u, &buckets, NULL, 0);
        location_release(&buckets);
    }
    u->dirty = true;
}

void profiles_chosen(struct ui *u, const struct app_choice *choice)
{
    struct location s3;
    struct error e;
    struct buf text;
    bool same = false;

    if (app_choice_same_server(u->app, choice, &same, &e) != PB_OK ||
        app_choose(u->app, choice, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    look_again(u, same);
    buf_init(&text, BUF_MAX_LINE);
    if (location_make(&s3, LOC_S3, "", "", 0, NULL) == PB_OK) {
        app_describe(u->app, &s3, &text);
        location_release(&s3);
    }
    ui_say(u, SAY_INFO, "Now: %s", text.data);
    buf_release(&text);
}

/* Edits go along to the same server; elsewhere their object is another one. */
void profiles_choose(struct ui *u, const struct app_choice *choice)
{
    const struct app_object *o = u->right.object;
    struct error e;
    bool same = false;

    if (u->saving.step != SAVE_IDLE || many_running(u)) {
        ui_say(u, SAY_WARNING, "Something is being written; Esc stops that.");
        return;
    }
    if (app_choice_same_server(u->app, choice, &same, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (!same && o != NULL && app_object_location(o)->scheme == LOC_S3 && right_unsaved(u)) {
        pending_choice(u, choice);
        return;
    }
    profiles_chosen(u, choice);
}

static void endpoint_check(struct ui *u, const char *text, size_t n, struct ask_note *out)
{
    struct endpoint parsed = {0};
    struct error e;

    (void)u;
    if (n == 0) {
        buf_puts(&out->text, _("http://host:port or https://host; nothing: that of the profile"));
    } else if (endpoint_parse(&parsed, text, &e) != PB_OK) {
        out->wrong = true;
        buf_puts(&out->text, e.msg);
    }
    endpoint_release(&parsed);
}

static bool endpoint_accept(struct ui *u, const char *text, size_t n, void *ctx,
                            struct ask_note *out)
{
    struct app_choice choice = app_chosen(u->app);
    char *copy = n > 0 ? mem_strdup(text) : NULL;

    (void)ctx;
    (void)out;
    if (n > 0 && copy == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return false;
    }
    choice.endpoint = copy;
    profiles_choose(u, &choice);
    free(copy);
    return true;
}

static const struct ask_ops endpoint_ops = {
    .label = N_("endpoint: "), .check = endpoint_check, .accept = endpoint_accept};

static void take(struct ui *u, void *ctx, uint64_t row)
{
    const struct choices *c = ctx;
    const struct choice_row *at = &c->rows.data[row];
    const char *now = app_chosen(u->app).endpoint;

    if (at->kind == ROW_PROFILE)
        profiles_choose(u, &app_profiles_row(c->profiles, at->index)->choice);
    else if (at->kind == ROW_ENDPOINT)
        ask_open(u, &endpoint_ops, NULL, now != NULL ? now : "", now != NULL ? strlen(now) : 0);
    else
        nav_list(u, &app_place(u->app, at->index)->where, NULL, 0);
}

static const struct picker_ops ops = {
    .count = count,
    .draw = draw,
    .note = note,
    .take = take,
    .typed = typed,
    .release = release,
    .empty = N_("No profile fits these letters."),
};

void cmd_profiles(struct ui *u, int arg)
{
    struct choices *c = mem_alloc(sizeof *c);
    struct error e;

    (void)arg;
    if (c == NULL || app_profiles_load(u->app, &c->profiles, &e) != PB_OK) {
        if (c == NULL)
            (void)error_nomem(&e);
        free(c);
        ui_error(u, &e);
        return;
    }
    collect(u, c, "");
    picker_open(u, &ops, c, _("Profiles and endpoints"));
}

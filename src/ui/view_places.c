/* Where one can go when no location was given: places, bookmarks, and where one was last. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "state.h"

/* What stands there twice is a bookmark. */
static size_t recent_rows(const struct left *l)
{
    size_t n = 0;

    for (size_t i = 0; i < bookmarks_count(l->recent); i++)
        n += !bookmarks_have(l->bookmarks, bookmarks_at(l->recent, i));
    return n;
}

static size_t rows(struct ui *u)
{
    return app_places(u->app) + bookmarks_count(u->left.bookmarks) + recent_rows(&u->left);
}

/* The text of a row behind the places; *tag: what it is. */
static const char *kept(const struct left *l, size_t row, const char **tag)
{
    *tag = _("bookmark");
    if (row < bookmarks_count(l->bookmarks))
        return bookmarks_at(l->bookmarks, row);
    row -= bookmarks_count(l->bookmarks);
    *tag = _("recent");
    for (size_t i = 0; i < bookmarks_count(l->recent); i++) {
        const char *text = bookmarks_at(l->recent, i);

        if (!bookmarks_have(l->bookmarks, text) && row-- == 0)
            return text;
    }
    return NULL;
}

void places_read(struct ui *u)
{
    struct left *l = &u->left;
    struct error e = {0};

    places_release(u);
    l->bookmarks = bookmarks_load(false, &e);
    if (l->bookmarks != NULL && u->settings.recent)
        l->recent = bookmarks_load(true, &e);
    if (e.code != PB_OK)
        log_line("bookmarks: %s", e.msg);
    u->dirty = true;
}

void places_release(struct ui *u)
{
    bookmarks_free(u->left.bookmarks);
    bookmarks_free(u->left.recent);
    u->left.bookmarks = u->left.recent = NULL;
}

bool places_location(struct ui *u, struct location *out)
{
    size_t row = (size_t)u->left.list.cur, places = app_places(u->app);
    const char *text, *tag;
    struct error e;

    if (row < places) {
        if (location_copy(out, &app_place(u->app, row)->where, &e) == PB_OK)
            return true;
        ui_error(u, &e);
        return false;
    }
    text = kept(&u->left, row - places, &tag);
    if (text == NULL)
        return false;
    if (location_parse(out, text, &e) == PB_OK)
        return true;
    ui_error(u, &e);
    return false;
}

bool places_choose(struct ui *u)
{
    size_t row = (size_t)u->left.list.cur;
    const struct app_place *p = row < app_places(u->app) ? app_place(u->app, row) : NULL;

    if (p == NULL || p->choice == NULL)
        return false;
    profiles_choose(u, p->choice);
    return true;
}

void places_status(struct ui *u, struct buf *out)
{
    size_t row = (size_t)u->left.list.cur;
    const struct app_place *p = row < app_places(u->app) ? app_place(u->app, row) : NULL;
    struct location where;

    if (places_location(u, &where)) {
        app_show_location(out, &where);
        location_release(&where);
    }
    if (p != NULL && *p->who != '\0')
        buf_printf(out, "   %s", p->who);
}

static void on_known(void *ctx)
{
    ui_changed(ctx);
}

/* Behind the titles, all in one column: what authenticates there. */
static void draw_who(const struct app_place *p, const struct region *r, int y, int x)
{
    enum style style = p->state == APP_PLACE_WRONG  ? STYLE_ERROR
                       : p->state == APP_PLACE_LATE ? STYLE_WARNING
                                                    : STYLE_DIM;

    if (x >= r->w)
        return;
    if (p->state == APP_PLACE_ASKING)
        (void)screen_puts(r, y, x, STYLE_DIM, "\xe2\x80\xa6");
    else
        (void)screen_field(r, y, x, r->w - x, style, p->who, strlen(p->who));
}

static int widest_title(struct ui *u, const struct region *r)
{
    int most = 0;

    for (size_t i = 0; i < app_places(u->app); i++) {
        const char *title = app_place(u->app, i)->title;
        int w = screen_width(r->s, STYLE_FOLDER, title, strlen(title));

        most = w > most ? w : most;
    }
    return most;
}

static void draw_row(struct ui *u, size_t row, const struct region *r, int y)
{
    int most = widest_title(u, r), room = r->w * 3 / 5;
    const struct app_place *p = app_place(u->app, row);
    const char *text, *tag;
    struct buf shown;

    if (p != NULL) {
        most = most > room ? room : most;
        app_place_ask(u->app, row, on_known, u);
        (void)screen_field(r, y, 2, most, STYLE_FOLDER, p->title, strlen(p->title));
        draw_who(p, r, y, most + 4);
        return;
    }
    text = kept(&u->left, row - app_places(u->app), &tag);
    if (text == NULL)
        return;
    buf_init(&shown, BUF_MAX_TEXT);
    text_escape(&shown, text, strlen(text));
    (void)screen_field_end(r, y, 2, r->w - 13, STYLE_NAME, shown.data, shown.len);
    (void)screen_puts(r, y, r->w - 1 - screen_width(r->s, STYLE_DIM, tag, strlen(tag)), STYLE_DIM,
                      tag);
    buf_release(&shown);
}

void places_draw(struct ui *u, const struct region *r, bool focus)
{
    struct list *l = &u->left.list;

    list_set_count(l, rows(u));
    list_set_height(l, (unsigned)(r->h > 0 ? r->h : 1));
    if (l->count == 0)
        (void)screen_puts(r, 0, 1, STYLE_DIM, _("nothing to reach; : goes to a location"));
    for (uint64_t i = l->top; i < list_end(l); i++) {
        int y = (int)(i - l->top);

        draw_row(u, (size_t)i, r, y);
        if (i != l->cur)
            continue;
        (void)screen_puts(r, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        screen_mark(r, y, 0, r->w, focus ? MARK_CURSOR : MARK_CURSOR_AWAY);
    }
}

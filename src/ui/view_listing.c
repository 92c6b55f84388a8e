/* The left pane: buckets, prefixes, keys.  Rows are pulled from the listing as they are seen. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define CLASS_MOST 20 /* columns of a storage class */
#define NAME_LEAST 14 /* columns that a name has before size and age are left out */

/* --- what is listed ------------------------------------------------------------------------- */

void left_init(struct ui *u)
{
    struct left *l = &u->left;

    l->view.ops = &view_left;
    l->places = true;
    arena_init(&l->mem);
    list_init(&l->list);
    buf_init(&l->filter, BUF_MAX_LINE);
}

static void leave(struct ui *u)
{
    struct left *l = &u->left;

    listing_free(l->listing);
    l->listing = NULL;
    arena_release(&l->mem);
    location_release(&l->where);
    l->where = (struct location){0};
    free(l->wanted);
    l->wanted = NULL;
    buf_clear(&l->filter);
    list_init(&l->list);
    l->to_end = l->error_said = l->accepted = false;
    l->places = false;
    u->dirty = true;
}

void left_release(struct ui *u)
{
    leave(u);
    places_release(u);
    buf_release(&u->left.filter);
}

void left_show_places(struct ui *u)
{
    leave(u);
    u->left.places = true;
    places_read(u);
}

/* The cursor stays on the row it was on, by name; a wanted name is looked for in what has come. */
static void settle_cursor(struct ui *u)
{
    struct left *l = &u->left;
    uint64_t row;

    list_set_count(&l->list, listing_count(l->listing));
    if (l->to_end)
        list_go(&l->list, UINT64_MAX);
    if (l->to_end && listing_complete(l->listing)) {
        l->to_end = false;
        ui_unsay(u, l->to_end_said);
    }
    if (l->wanted == NULL)
        return;
    if (listing_find_from(l->listing, l->wanted_from, l->wanted, l->wanted_len, &row)) {
        list_restore(&l->list, row, l->wanted_line);
    } else if (listing_arranging(l->listing) ||
               (!listing_complete(l->listing) && listing_error(l->listing) == NULL)) {
        /* It may still come.  A million rows are not looked through again for every page. */
        if (listing_sorted(l->listing) == LISTING_BY_NAME)
            l->wanted_from = listing_count(l->listing);
        return;
    }
    free(l->wanted);
    l->wanted = NULL;
}

static void filter_settled(struct ui *u);

static void on_changed(void *ctx)
{
    struct ui *u = ctx;
    struct left *l = &u->left;
    const struct error *e = listing_error(l->listing);

    settle_cursor(u);
    if (l->accepted && !listing_arranging(l->listing))
        filter_settled(u);
    if (e != NULL && !l->error_said) {
        l->error_said = true;
        ui_error(u, e);
    }
    ui_changed(u);
    if (!listing_loading(l->listing) || l->list.count <= l->list.height)
        u->dirty = true; /* the first rows, the end: at once */
}

static void want_name(struct left *l, const char *name, size_t len, unsigned line)
{
    char *copy = mem_strndup(name, len);

    free(l->wanted);
    l->wanted = copy; /* without memory the cursor begins at the top */
    l->wanted_len = len;
    l->wanted_line = line;
    l->wanted_from = 0;
}

static enum pb_err start_listing(struct ui *u, struct error *e)
{
    struct left *l = &u->left;
    enum pb_err err = app_resolve_folder(u->app, &l->where, &l->mem, &l->spot, e);

    if (err == PB_OK)
        err = listing_new(l->spot.store, l->spot.container, l->spot.key, l->spot.key_len,
                          on_changed, u, &l->listing, e);
    return err == PB_OK ? listing_sort(l->listing, l->order, e) : err;
}

void left_show(struct ui *u, const struct location *where, const char *name, size_t len)
{
    struct left *l = &u->left;
    struct error e;

    leave(u);
    l->since = clock_mono_us();
    if (location_copy(&l->where, where, &e) != PB_OK) {
        l->places = true;
        ui_error(u, &e);
        return;
    }
    if (name != NULL)
        want_name(l, name, len, 0);
    if (start_listing(u, &e) != PB_OK)
        ui_error(u, &e);
}

void left_reload(struct ui *u)
{
    struct left *l = &u->left;
    struct listing *before;
    struct listing_row row;
    struct error e;

    if (l->places) {
        if (app_places_again(u->app, &e) != PB_OK)
            ui_error(u, &e);
        places_read(u);
        return;
    }
    if (l->listing != NULL && listing_row(l->listing, l->list.cur, &row))
        want_name(l, row.name, row.len, list_line(&l->list));
    before = l->listing;
    l->listing = NULL;
    l->error_said = false;
    l->since = clock_mono_us();
    arena_release(&l->mem);
    if (start_listing(u, &e) != PB_OK || listing_filter(l->listing, l->filter.data, &e) != PB_OK ||
        (before != NULL && listing_mark_as(l->listing, before, &e) != PB_OK))
        ui_error(u, &e);
    listing_free(before);
}

void left_frame(struct ui *u, unsigned height)
{
    struct left *l = &u->left;

    list_set_height(&l->list, height);
    if (l->listing == NULL)
        return;
    list_set_count(&l->list, listing_count(l->listing));
    listing_want(l->listing, l->list.top + 3 * (uint64_t)height);
}

bool left_location(struct ui *u, struct location *out, enum store_kind *kind)
{
    struct left *l = &u->left;
    struct listing_row row;
    struct error e;

    if (l->listing == NULL || !listing_row(l->listing, l->list.cur, &row))
        return false;
    *kind = row.kind;
    if (app_child_location(&l->where, row.kind, row.name, row.len, out, &e) == PB_OK)
        return true;
    ui_error(u, &e);
    return false;
}

/* --- drawing -------------------------------------------------------------------------------- */

/* "x" of "x of y": y has a + while more may come. */
static void position(const struct left *l, struct buf *out)
{
    bool more =
        !listing_complete(l->listing) && (l->list.count > 0 || listing_error(l->listing) == NULL);

    if (l->list.count > 0)
        buf_printf(out, _("%s of %s%s"), TEXT_COUNT(l->list.cur + 1), TEXT_COUNT(l->list.count),
                   more ? "+" : "");
    else
        buf_puts(out, more ? "0+" : "0");
}

void left_title(struct ui *u, struct buf *name, struct buf *state)
{
    static const char *const by[LISTING_ORDERS] = {
        [LISTING_BY_NAME] = "",
        [LISTING_BY_SIZE] = N_("by size  "),
        [LISTING_BY_TIME] = N_("by time  "),
        [LISTING_BY_CLASS] = N_("by class  "),
    };
    struct left *l = &u->left;

    if (l->places) {
        buf_puts(name, _("places"));
        return;
    }
    location_show_name(name, &l->where);
    if (l->listing == NULL)
        return;
    if (l->filter.len > 0) {
        buf_puts(state, "/");
        text_escape(state, l->filter.data, l->filter.len);
        buf_puts(state, "  ");
    }
    buf_puts(state, _(by[listing_sorted(l->listing)]));
    if (listing_marked(l->listing, NULL) > 0)
        buf_printf(state, _("%s marked  "), TEXT_COUNT(listing_marked(l->listing, NULL)));
    position(l, state);
    if (listing_loading(l->listing) || listing_arranging(l->listing)) {
        buf_printf(state, " %s", ui_spinner(u));
        ui_seconds(state, l->since);
    }
}

/* Columns of the sizes and ages in sight. */
struct tail {
    int size, age;
};

static void entry_texts(const struct left *l, const struct listing_row *row, struct buf *size,
                        struct buf *age)
{
    buf_clear(size);
    buf_clear(age);
    if (row->kind == STORE_OBJECT)
        text_size(size, row->size);
    if (listing_sorted(l->listing) == LISTING_BY_CLASS && row->kind == STORE_OBJECT) {
        if (row->class != NULL)
            (void)text_escape_cols(age, row->class, strlen(row->class), CLASS_MOST);
    } else if (row->mtime != 0) {
        text_age(age, row->mtime, clock_now());
    }
}

static struct tail measure(const struct left *l, const struct region *r)
{
    struct tail tail = {0};
    struct listing_row row;
    struct buf size, age;
    int size_w, age_w;

    buf_init(&size, 64);
    buf_init(&age, 64);
    for (uint64_t i = l->list.top; i < list_end(&l->list); i++) {
        if (l->listing == NULL || !listing_row(l->listing, i, &row))
            break;
        entry_texts(l, &row, &size, &age);
        size_w = screen_width(r->s, STYLE_NORMAL, size.data, size.len);
        age_w = screen_width(r->s, STYLE_DIM, age.data, age.len);
        tail.size = size_w > tail.size ? size_w : tail.size;
        tail.age = age_w > tail.age ? age_w : tail.age;
    }
    buf_release(&size);
    buf_release(&age);
    if (r->w < 4 + NAME_LEAST + tail.size + 2 + tail.age + 1)
        tail.age = 0;
    if (r->w < 4 + NAME_LEAST + tail.size + 1)
        tail.size = 0;
    return tail;
}

static void draw_entry(const struct left *l, const struct region *r, int y,
                       const struct listing_row *row, const struct tail *tail)
{
    bool object = row->kind == STORE_OBJECT;
    enum style style = row->marked ? STYLE_CHANGED : object ? STYLE_NAME : STYLE_FOLDER;
    int age_x = r->w - 1 - tail->age, size_x = age_x - (tail->age > 0 ? 2 : 0) - tail->size;
    struct buf name, size, age;

    buf_init(&name, BUF_MAX_LINE);
    buf_init(&size, 64);
    buf_init(&age, 64);
    entry_texts(l, row, &size, &age);
    if (row->shown_len == 0)
        buf_puts(&name, _("(empty name)"));
    else
        (void)text_escape_cols(&name, row->shown, row->shown_len, (size_t)r->w + 1);
    if (!object)
        (void)screen_puts(r, y, 1, STYLE_KEY, "\xe2\x96\xb8");
    if (row->marked)
        (void)screen_puts(r, y, 1, STYLE_CHANGED, "*");
    (void)screen_field(r, y, 3, size_x - 4, style, name.data, name.len);
    if (tail->size > 0)
        screen_puts_end(r, y, size_x + tail->size, STYLE_NORMAL, size.data);
    if (tail->age > 0)
        screen_puts_end(r, y, age_x + tail->age, STYLE_DIM, age.data);
    buf_release(&name);
    buf_release(&size);
    buf_release(&age);
}

static void draw_nothing(const struct left *l, const struct region *r)
{
    const struct error *e = l->listing != NULL ? listing_error(l->listing) : NULL;
    const char *text = _("nothing here");
    struct lines lines;

    lines_init(&lines);
    if (l->listing == NULL)
        text = _("it cannot be listed; R tries again");
    else if (e != NULL)
        text = e->msg;
    else if (listing_loading(l->listing))
        text = _("reading\xe2\x80\xa6");
    else if (l->filter.len > 0)
        text = _("no name matches; Esc takes the filter away");
    (void)lines_add(&lines, e != NULL ? STYLE_ERROR : STYLE_DIM, text);
    for (size_t i = 0; i < lines_wrap(&lines, r->s, r->w - 2) && (int)i < r->h; i++) {
        struct region in = region_part(r, 0, 1, r->h, r->w - 2);

        lines_draw(&lines, i, &in, (int)i);
    }
    lines_release(&lines);
}

static void left_draw(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    struct left *l = &u->left;
    struct listing_row row;
    struct tail tail;

    (void)v;
    if (l->places) {
        places_draw(u, r, focus);
        return;
    }
    left_frame(u, (unsigned)(r->h > 0 ? r->h : 1));
    if (l->list.count == 0)
        draw_nothing(l, r);
    tail = measure(l, r);
    for (uint64_t i = l->list.top; i < list_end(&l->list); i++) {
        int y = (int)(i - l->list.top);

        if (l->listing == NULL || !listing_row(l->listing, i, &row))
            break;
        draw_entry(l, r, y, &row, &tail);
        if (i != l->list.cur)
            continue;
        (void)screen_puts(r, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        screen_mark(r, y, 0, r->w, focus ? MARK_CURSOR : MARK_CURSOR_AWAY);
    }
}

void left_status(struct ui *u, struct buf *out)
{
    struct left *l = &u->left;
    struct listing_row row;
    struct location where;

    if (l->places) {
        places_status(u, out);
        return;
    }
    if (l->listing == NULL || !listing_row(l->listing, l->list.cur, &row))
        return;
    if (app_child_location(&l->where, row.kind, row.name, row.len, &where, NULL) == PB_OK) {
        app_show_location(out, &where);
        location_release(&where);
    }
    if (row.kind != STORE_OBJECT)
        return;
    buf_printf(out, _("   %s bytes   "), TEXT_COUNT(row.size));
    if (row.mtime != 0)
        clock_format_iso(out, row.mtime);
    if (row.class != NULL && strcmp(row.class, "STANDARD") != 0) {
        buf_puts(out, "   ");
        (void)text_escape_cols(out, row.class, strlen(row.class), CLASS_MOST);
    }
}

/* --- keys ----------------------------------------------------------------------------------- */

static enum context left_context(const struct ui *u)
{
    (void)u;
    return CTX_LIST;
}

static void left_move(struct ui *u, struct view *v, enum move m)
{
    struct left *l = &u->left;

    (void)v;
    free(l->wanted);
    l->wanted = NULL;
    l->to_end = m == MOVE_LAST && l->listing != NULL && !listing_complete(l->listing);
    list_move(&l->list, m);
    if (l->to_end) {
        listing_want_all(l->listing);
        ui_say(u, SAY_INFO, "Reading all of it; Esc stops.");
        l->to_end_said = u->messages.said;
    }
}

static void set_filter(struct ui *u, const char *text, size_t n)
{
    struct left *l = &u->left;
    struct listing_row row;
    struct error e;

    if (l->listing == NULL)
        return;
    if (listing_row(l->listing, l->list.cur, &row) && l->wanted == NULL)
        want_name(l, row.name, row.len, list_line(&l->list));
    l->wanted_from = 0; /* other rows from here on */
    buf_clear(&l->filter);
    buf_append(&l->filter, text, n);
    if (listing_filter(l->listing, l->filter.data, &e) != PB_OK)
        ui_error(u, &e);
    settle_cursor(u);
}

static void left_cancel(struct ui *u, struct view *v)
{
    (void)v;
    if (u->left.filter.len > 0)
        set_filter(u, "", 0);
    else if (!marks_clear(u) && !u->left.places)
        cmd_list_parent(u, 0);
}

static void left_click(struct ui *u, struct view *v, int y, int x, bool twice)
{
    struct left *l = &u->left;
    uint64_t row = l->list.top + (uint64_t)y;

    (void)v;
    (void)x;
    if (row >= l->list.count)
        return;
    list_go(&l->list, row);
    if (twice)
        cmd_list_open(u, 0);
}

const struct view_ops view_left = {
    .context = left_context,
    .draw = left_draw,
    .move = left_move,
    .cancel = left_cancel,
    .click = left_click,
};

void cmd_list_open(struct ui *u, int arg)
{
    struct left *l = &u->left;
    struct location where;
    enum store_kind kind;

    (void)arg;
    if (l->places) {
        if (!places_choose(u) && places_location(u, &where)) {
            nav_go(u, &where);
            location_release(&where);
        }
        return;
    }
    if (!left_location(u, &where, &kind))
        return;
    if (kind == STORE_OBJECT)
        nav_open(u, &where, false, false);
    else
        nav_list(u, &where, NULL, 0);
    location_release(&where);
}

/* To the level above, with the cursor on where one comes from. */
void cmd_list_parent(struct ui *u, int arg)
{
    struct left *l = &u->left;
    struct location parent;
    struct arena mem;
    struct app_spot spot;

    (void)arg;
    if (l->places)
        return;
    if (!app_parent_location(&l->where, &parent)) {
        nav_places(u);
        return;
    }
    arena_init(&mem);
    if (app_resolve(u->app, &l->where, &mem, &spot, NULL) == PB_OK && spot.container != NULL) {
        const char *from = spot.key_len > 0 ? spot.key : spot.container;
        size_t n = spot.key_len > 0 ? spot.key_len : strlen(spot.container);

        nav_list(u, &parent, from, n);
    } else {
        nav_list(u, &parent, NULL, 0);
    }
    arena_release(&mem);
    location_release(&parent);
}

/* Nothing of what is read passes, and not all is: the server is asked for names that begin so. */
static void ask_server(struct ui *u)
{
    struct left *l = &u->left;
    struct location to;
    struct buf key, shown;
    struct error e;
    enum pb_err err;

    buf_init(&key, BUF_MAX_LINE);
    buf_init(&shown, BUF_MAX_LINE);
    buf_append(&key, l->where.key, l->where.key_len);
    buf_append(&key, l->filter.data, l->filter.len);
    (void)text_escape_cols(&shown, l->filter.data, l->filter.len, 60);
    err = buf_status(&key, &e);
    if (err == PB_OK)
        err = location_make(&to, l->where.scheme, l->where.container, key.data, key.len, &e);
    if (err == PB_OK) {
        nav_list(u, &to, NULL, 0);
        location_release(&to);
        ui_say(
            u, SAY_INFO,
            "Nothing read so far contains %s: the store was asked for names that begin so; [ goes "
            "back.",
            shown.data);
    } else {
        ui_error(u, &e);
    }
    buf_release(&key);
    buf_release(&shown);
}

/* All rows that pass are found. */
static void filter_settled(struct ui *u)
{
    struct left *l = &u->left;

    l->accepted = false;
    if (listing_complete(l->listing))
        return;
    if (listing_count(l->listing) == 0)
        ask_server(u);
    else
        ui_say(u, SAY_INFO,
               "Only what is read so far; G reads all, : asks for names that begin so.");
}

static bool filter_accept(struct ui *u, const char *text, size_t n, void *ctx,
                          struct ask_note *note)
{
    struct left *l = &u->left;

    (void)ctx;
    (void)note;
    set_filter(u, text, n);
    if (n == 0 || l->listing == NULL || listing_complete(l->listing) ||
        l->where.container == NULL || l->where.container[0] == '\0')
        return true;
    l->accepted = listing_arranging(l->listing);
    if (!l->accepted)
        filter_settled(u);
    return true;
}

static void filter_cancelled(struct ui *u)
{
    u->left.accepted = false;
    set_filter(u, "", 0);
}

static const struct ask_ops filter_ops = {
    .label = N_("filter: "),
    .changed = set_filter,
    .accept = filter_accept,
    .cancelled = filter_cancelled,
};

void cmd_filter(struct ui *u, int arg)
{
    (void)arg;
    ask_open(u, &filter_ops, NULL, u->left.filter.data, u->left.filter.len);
}

/* The cursor stays on its row. */
/* Files of a folder are of no class. */
static bool has_classes(const struct left *l)
{
    return l->where.scheme != LOC_LOCAL;
}

void cmd_sort(struct ui *u, int arg)
{
    static const char *const said[LISTING_ORDERS] = {
        [LISTING_BY_NAME] = N_("In the order of names; o: by size."),
        [LISTING_BY_SIZE] = N_("The biggest first; o: by time."),
        [LISTING_BY_TIME] = N_("The newest first; o: by storage class."),
        [LISTING_BY_CLASS] = N_("By storage class; o: by name."),
    };
    struct left *l = &u->left;
    enum listing_order next =
        (enum listing_order)((listing_sorted(l->listing) + 1) % LISTING_ORDERS);
    struct listing_row row;
    struct error e;

    (void)arg;
    if (next == LISTING_BY_CLASS && !has_classes(l))
        next = LISTING_BY_NAME;
    if (listing_row(l->listing, l->list.cur, &row) && l->wanted == NULL)
        want_name(l, row.name, row.len, list_line(&l->list));
    l->wanted_from = 0;
    if (listing_sort(l->listing, next, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    l->order = next;
    settle_cursor(u);
    ui_say(u, SAY_INFO, "%s%s",
           next == LISTING_BY_TIME && !has_classes(l) ? _("The newest first; o: by name.")
                                                      : _(said[next]),
           listing_complete(l->listing) ? "" : _("  Only what is read so far; G reads all."));
}

void cmd_copy_name(struct ui *u, int arg)
{
    struct location where;
    enum store_kind kind;
    struct buf text;

    (void)arg;
    if (marks_copy_names(u) || !left_location(u, &where, &kind))
        return;
    buf_init(&text, BUF_MAX_LINE);
    location_format(&text, &where);
    ui_copy(u, _("location"), &text);
    buf_release(&text);
    location_release(&where);
}

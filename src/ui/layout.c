/* Where everything stands: title, panes, status, keys; what lies over them. */
#include <stdio.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "state.h"

#define LEAST_ROWS 6
#define LEAST_COLS 24
#define NARROW 80     /* fewer columns: one pane */
#define LEFT_LEAST 38 /* columns of the left one of two: a name, its size, its age */
#define LEFT_MOST 60
#define PANE_LEAST 16 /* columns of a pane, wherever its edge is dragged */

bool layout_narrow(const struct ui *u)
{
    return u->screen.cols < NARROW;
}

const char *ui_spinner(const struct ui *u)
{
    static const char *const frames[] = {"\xe2\xa0\x8b", "\xe2\xa0\x99", "\xe2\xa0\xb9",
                                         "\xe2\xa0\xb8"};

    return frames[u->spin % 4];
}

void ui_seconds(struct buf *out, uint64_t since)
{
    uint64_t s = (clock_mono_us() - since) / 1000000;

    if (since != 0 && s >= 2)
        buf_printf(out, _(" %llu s"), (unsigned long long)s);
}

/* --- progress ------------------------------------------------------------------------------- */

static void time_left(struct buf *out, double seconds)
{
    if (seconds < 60)
        buf_printf(out, _("%d s left"), (int)seconds + 1);
    else if (seconds < 3600)
        buf_printf(out, _("%d min left"), (int)(seconds / 60) + 1);
    else if (seconds < 100 * 3600)
        buf_printf(out, _("%d h left"), (int)(seconds / 3600) + 1);
}

void progress_text(struct buf *out, uint64_t done, uint64_t total, double rate)
{
    if (total > 0)
        buf_printf(out, _("%s of %s"), TEXT_SIZE(done), TEXT_SIZE(total));
    else
        text_size(out, done);
    if (rate >= 1) {
        buf_puts(out, " \xc2\xb7 ");
        text_size(out, (uint64_t)rate);
        buf_puts(out, _("/s"));
        if (total > done) {
            buf_puts(out, " \xc2\xb7 ");
            time_left(out, (double)(total - done) / rate);
        }
    }
}

void progress_bar(const struct region *r, int y, int x, int width, uint64_t done, uint64_t total)
{
    struct region bar = region_part(r, y, x, 1, width);
    double part = total > 0 ? (double)done / (double)total : 0;
    int full = part >= 1 ? bar.w : (int)(part * bar.w);

    for (int i = 0; i < bar.w; i++)
        (void)screen_puts(&bar, 0, i, STYLE_BAR, i < full ? "\xe2\x96\x88" : "\xe2\x96\x91");
}

/* --- lines of the frame --------------------------------------------------------------------- */

/* Text at the left and at the right of a line; the left one is cut, at its beginning when that says
 * less. */
static void draw_ends(const struct region *r, int y, enum style style, const char *left,
                      bool cut_begin, const char *right)
{
    int right_w = screen_width(r->s, STYLE_DIM, right, strlen(right));
    int left_w = screen_width(r->s, style, left, strlen(left)), room;

    if (left_w + 1 + right_w > r->w && right_w > r->w / 2)
        right_w = left_w < r->w / 2 ? r->w - left_w - 1 : r->w / 2;
    room = r->w - right_w - (right_w > 0 ? 1 : 0);
    if (cut_begin)
        (void)screen_field_end(r, y, 0, room, style, left, strlen(left));
    else
        (void)screen_field(r, y, 0, room, style, left, strlen(left));
    if (right_w > 0)
        (void)screen_field(r, y, r->w - right_w, right_w, STYLE_DIM, right, strlen(right));
}

static void current_location(const struct ui *u, struct buf *out)
{
    if (u->right_focus && u->right.object != NULL)
        app_show_location(out, app_object_location(u->right.object));
    else if (u->left.places)
        buf_puts(out, _("places"));
    else
        app_show_location(out, &u->left.where);
}

/* What stands behind the first `from` bytes, in so many columns: of a place its beginning and its
 * end say most. */
static void elide_middle(const struct screen *s, struct buf *b, size_t from, int cols)
{
    const char *ellipsis = "\xe2\x80\xa6";
    int room = cols - screen_width(s, STYLE_TITLE, ellipsis, strlen(ellipsis));
    size_t head = from, tail = b->len, at;

    if (screen_width(s, STYLE_TITLE, b->data + from, b->len - from) <= cols)
        return;
    while ((at = text_next(b->data, b->len, head)) > head &&
           screen_width(s, STYLE_TITLE, b->data + from, at - from) <= room / 3)
        head = at;
    room -= screen_width(s, STYLE_TITLE, b->data + from, head - from);
    while ((at = text_prev(b->data, b->len, tail)) > head &&
           screen_width(s, STYLE_TITLE, b->data + at, b->len - at) <= room)
        tail = at;
    buf_splice(b, head, tail - head, ellipsis, strlen(ellipsis));
}

static void draw_title(struct ui *u, const struct region *r)
{
    const char *unchecked = _("certificates not checked \xc2\xb7 ");
    const struct location *where = u->right_focus && u->right.object != NULL
                                       ? app_object_location(u->right.object)
                                       : &u->left.where;
    struct buf left, right, name;
    size_t before;

    buf_init(&left, BUF_MAX_LINE);
    buf_init(&right, BUF_MAX_LINE);
    buf_init(&name, BUF_MAX_LINE);
    if (!layout_narrow(u)) {
        buf_puts(&left, " pklbrowse  ");
        if (where->key != NULL)
            app_describe(u->app, where, &right);
    } else if (u->right_focus) {
        right_title(u, &name, &right, r->w / 2);
        buf_clear(&name);
    } else {
        left_title(u, &name, &right);
    }
    before = left.len;
    current_location(u, &left);
    if (u->options->insecure) /* in front: what does not fit is cut at the end */
        buf_splice(&right, 0, 0, unchecked, strlen(unchecked));
    buf_putc(&right, ' ');
    if (!layout_narrow(u)) {
        int room = r->w - 1 - (int)before - screen_width(r->s, STYLE_DIM, right.data, right.len);

        /* Of what is said at the right something gives way, too, before one's place is gone. */
        elide_middle(r->s, &left, before, room > r->w / 3 ? room : r->w / 3);
    }
    draw_ends(r, 0, STYLE_TITLE, left.data, layout_narrow(u), right.data);
    buf_release(&left);
    buf_release(&right);
    buf_release(&name);
}

static void draw_message(struct ui *u, const struct region *r, const struct message *m)
{
    static const enum style styles[] = {STYLE_MESSAGE, STYLE_WARNING, STYLE_ERROR};
    const char *hint = _("  Enter: more ");
    int hint_w = screen_width(r->s, STYLE_KEY, hint, strlen(hint));
    int room = r->w - 1;
    bool more = m->detail != NULL && u->messages.fresh;
    int width = screen_width(r->s, styles[m->kind], m->text, strlen(m->text));

    u->messages.cut = width > room - (more ? hint_w : 0);
    more = (more || u->messages.cut) && u->messages.fresh && u->over == NULL;
    if (more && room > 2 * hint_w) {
        room -= hint_w;
        (void)screen_puts(r, 0, r->w - hint_w, STYLE_KEY, hint);
    }
    (void)screen_field(r, 0, 1, room, styles[m->kind], m->text, strlen(m->text));
}

/* A path and what is said of it, which leaves at least half of the line to the path. */
static void draw_path(struct ui *u, const struct region *r, const char *text, size_t path,
                      size_t rest)
{
    int whole = screen_width(r->s, STYLE_VALUE, text, path), width = whole;
    int rest_w = screen_width(r->s, STYLE_VALUE, text + path, rest);

    if (width + rest_w > r->w)
        width = r->w - rest_w > r->w / 2 ? r->w - rest_w : r->w / 2;
    width = width < whole ? width : whole;
    (void)screen_field_end(r, 0, 0, width, STYLE_VALUE, text, path);
    (void)screen_field(r, 0, width, r->w - width, STYLE_VALUE, text + path, rest);
    u->pointer.path.from = r->x;
    u->pointer.path.to = r->x + width;
    u->pointer.path.cut = whole - width;
}

static void draw_status(struct ui *u, const struct region *r)
{
    const struct message *m = ui_message(u);
    struct region line = region_part(r, 0, 1, 1, r->w - 1);
    size_t path = 0;
    struct buf text;

    u->pointer.path.to = 0;

    if (m != NULL) {
        draw_message(u, r, m);
        return;
    }
    buf_init(&text, BUF_MAX_LINE);
    save_status(u, &text);
    if (text.len == 0)
        many_status(u, &text);
    if (text.len == 0)
        write_value_status(u, &text);
    if (text.len == 0)
        find_status(u, &text);
    if (text.len == 0 && u->right_focus)
        path = right_status(u, &text);
    else if (text.len == 0)
        left_status(u, &text);
    draw_path(u, &line, text.data, path, text.len - path);
    buf_release(&text);
}

/* --- key line ------------------------------------------------------------------------------- */

static int hint_width(const struct ui *u, const struct region *r, const struct command *c,
                      struct buf *key)
{
    buf_clear(key);
    key_show(keymap_key(&u->keymap, c, 0), key);
    return screen_width(r->s, STYLE_KEY, key->data, key->len) + 1 +
           screen_width(r->s, STYLE_NORMAL, _(c->label), strlen(_(c->label))) + 2;
}

static int draw_hint(const struct ui *u, const struct region *r, int x, const struct command *c,
                     struct buf *key)
{
    int width = hint_width(u, r, c, key);

    x += screen_text(r, 0, x, STYLE_KEY, key->data, key->len) + 1;
    (void)screen_puts(r, 0, x, STYLE_NORMAL, _(c->label));
    return width;
}

static void remember_hint(struct pointer *p, int from, int to, uint32_t key)
{
    if (p->hint_count == HINTS)
        return;
    p->hints[p->hint_count].from = from;
    p->hints[p->hint_count].to = to;
    p->hints[p->hint_count++].key = key;
}

/* The keys that do something here, as many as there is room for; how to get help always. */
static void draw_keys(struct ui *u, const struct region *r)
{
    enum context context = ui_top(u)->ops->context(u);
    const struct command *help = keymap_find(&u->keymap, context, '?');
    struct pointer *p = &u->pointer;
    struct buf key;
    int x = 1, end = r->w + 2;

    buf_init(&key, 64);
    p->hint_count = 0;
    if (help != NULL)
        end -= hint_width(u, r, help, &key);
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);

        if (c->name == NULL || (c->contexts & context) == 0 || c->label[0] == '\0' || c == help ||
            !need_shown(u, c))
            continue;
        if (x + hint_width(u, r, c, &key) <= end) {
            int from = x;

            x += draw_hint(u, r, x, c, &key);
            remember_hint(p, from, x - 2, keymap_key(&u->keymap, c, 0));
        }
    }
    if (help != NULL)
        remember_hint(p, x, x + draw_hint(u, r, x, help, &key) - 2,
                      keymap_key(&u->keymap, help, 0));
    buf_release(&key);
}

void layout_note(const struct region *r, int typed, int y, int x, const struct ask_note *note,
                 int column)
{
    int next = y + (y - typed); /* one row further away from what is typed */
    enum style style = note->wrong ? STYLE_ERROR : STYLE_DIM;
    struct region line = region_part(r, y, x, 1, r->w - x);
    int width = screen_width(r->s, style, note->text.data, note->text.len);

    screen_fill(r, y, 0, 1, r->w, STYLE_NORMAL);
    if (!note->wrong || column < 0) {
        (void)screen_field(&line, 0, 0, line.w, style, note->text.data, note->text.len);
    } else if (column + 2 + width > line.w && column < width + 2 && next >= 0 && next < r->h) {
        /* On neither side of the caret is there room. */
        (void)screen_puts(&line, 0, column, STYLE_ERROR, "^");
        screen_fill(r, next, 0, 1, r->w, STYLE_NORMAL);
        (void)screen_field(r, next, 0, r->w, style, note->text.data, note->text.len);
    } else if (column + 2 + width <= line.w || column < width + 2) {
        (void)screen_puts(&line, 0, column, STYLE_ERROR, "^");
        (void)screen_field(&line, 0, column + 2, line.w - column - 2, style, note->text.data,
                           note->text.len);
    } else {
        (void)screen_puts(&line, 0, column - width - 1, STYLE_ERROR, note->text.data);
        (void)screen_puts(&line, 0, column, STYLE_ERROR, "^");
    }
}

/* --- panes ---------------------------------------------------------------------------------- */

static void draw_pane_title(const struct region *r, bool focus, const char *name, const char *state)
{
    enum style border = focus ? STYLE_BORDER_FOCUS : STYLE_BORDER;
    int state_w = screen_width(r->s, STYLE_NORMAL, state, strlen(state));
    int name_w = screen_width(r->s, STYLE_HEADING, name, strlen(name));
    int room = r->w - 2;

    if (state_w > 0 && state_w + 2 <= room) {
        (void)screen_puts(r, 0, r->w - 1 - state_w - 2, border, " ");
        (void)screen_text(r, 0, r->w - 1 - state_w - 1, STYLE_NORMAL, state, strlen(state));
        (void)screen_puts(r, 0, r->w - 2, border, " ");
        room -= state_w + 3;
    }
    if (name_w > room - 2)
        name_w = room - 2;
    if (name_w <= 0)
        return;
    (void)screen_puts(r, 0, 1, border, " ");
    (void)screen_field_end(r, 0, 2, name_w, focus ? STYLE_HEADING : STYLE_NAME, name, strlen(name));
    (void)screen_puts(r, 0, 2 + name_w, border, " ");
}

static void draw_pane(struct ui *u, const struct region *r, struct view *v, bool focus)
{
    struct region inner = region_part(r, 1, 1, r->h - 2, r->w - 2);
    bool preview = v == &u->right.view && preview_shown(u);
    struct buf name, state;

    buf_init(&name, BUF_MAX_LINE);
    buf_init(&state, BUF_MAX_LINE);
    if (v == &u->left.view)
        left_title(u, &name, &state);
    else if (preview)
        preview_title(u, &name, &state);
    else
        right_title(u, &name, &state, r->w - 8);
    screen_box(r, focus ? STYLE_BORDER_FOCUS : STYLE_BORDER);
    draw_pane_title(r, focus, name.data, state.data);
    v->at = inner;
    if (preview)
        preview_draw(u, &inner);
    else
        v->ops->draw(u, v, &inner, focus);
    buf_release(&name);
    buf_release(&state);
}

int layout_left_width(const struct ui *u)
{
    int cols = u->screen.cols, w = cols * 2 / 5 > LEFT_LEAST ? cols * 2 / 5 : LEFT_LEAST;

    w = w > LEFT_MOST ? LEFT_MOST : w;
    if (u->pointer.divider > 0)
        w = u->pointer.divider;
    if (w > cols - PANE_LEAST)
        w = cols - PANE_LEAST;
    return w < PANE_LEAST ? PANE_LEAST : w;
}

static void draw_panes(struct ui *u, const struct region *body)
{
    struct region left, right;
    int w = layout_left_width(u);

    if (layout_narrow(u)) {
        struct view *v = u->right_focus ? &u->right.view : &u->left.view;

        v->at = *body;
        v->ops->draw(u, v, body, true);
        return;
    }
    if (u->left.places && u->right.object == NULL) { /* nothing to show beside them */
        u->right.view.at = region_part(body, 0, 0, 0, 0);
        draw_pane(u, body, &u->left.view, true);
        return;
    }
    left = region_part(body, 0, 0, body->h, w);
    right = region_part(body, 0, w, body->h, body->w - w);
    draw_pane(u, &left, &u->left.view, !u->right_focus);
    draw_pane(u, &right, &u->right.view, u->right_focus);
}

static void draw_over(struct ui *u, struct view *v, const struct region *all)
{
    if (v == NULL)
        return;
    draw_over(u, v->below, all);
    v->at = *all;
    v->ops->draw(u, v, all, v == u->over);
}

void layout_draw(struct ui *u)
{
    struct region all = screen_all(&u->screen), line, body;
    bool shown = all.h >= LEAST_ROWS && all.w >= LEAST_COLS;

    screen_clear(&u->screen);
    if (!shown) {
        (void)screen_puts(&all, 0, 0, STYLE_WARNING, _("too small: 24x6 at least"));
        return;
    }
    line = region_part(&all, 0, 0, 1, all.w);
    draw_title(u, &line);
    body = region_part(&all, 1, 0, all.h - 3, all.w);
    draw_panes(u, &body);
    line = region_part(&all, all.h - 2, 0, 1, all.w);
    draw_status(u, &line);
    line = region_part(&all, all.h - 1, 0, 1, all.w);
    draw_keys(u, &line);
    draw_over(u, u->over, &all);
}

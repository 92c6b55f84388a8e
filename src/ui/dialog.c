/* A question with its choices.  What is long scrolls; the choices are always seen. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "commands.h"
#include "state.h"

#define WIDEST 100

static enum context dialog_context(const struct ui *u)
{
    (void)u;
    return CTX_DIALOG;
}

/* --- drawing -------------------------------------------------------------------------------- */

static int button_width(const struct dialog *d, const struct screen *s, size_t i)
{
    const char *label = _(d->buttons[i].label);

    return 4 + screen_width(s, STYLE_BUTTON, label, strlen(label));
}

/* Draws the choices as they flow into `width`; returns the rows they take.  r NULL: only counts. */
static int flow_buttons(const struct dialog *d, const struct screen *s, int width,
                        const struct region *r, int y)
{
    int x = 0, rows = 1;

    for (size_t i = 0; i < d->button_count; i++) {
        int w = button_width(d, s, i);

        if (x > 0 && x + w > width) {
            x = 0;
            rows++;
        }
        if (r != NULL) {
            enum style style = i == d->chosen ? STYLE_BUTTON_FOCUS : STYLE_BUTTON;
            int at = y + rows - 1;

            x += screen_puts(r, at, x, style, i == d->chosen ? "[>" : "[ ");
            x += screen_puts(r, at, x, style, _(d->buttons[i].label));
            x += screen_puts(r, at, x, style, " ]");
        } else {
            x += w;
        }
        x += 2;
    }
    return rows;
}

static void draw_content(struct ui *u, struct dialog *d, const struct region *r)
{
    uint64_t head = d->head.parts.len, rows = d->rows.count;

    list_set_height(&d->scroll, (unsigned)(r->h > 0 ? r->h : 1));
    for (uint64_t i = d->scroll.top; i < list_end(&d->scroll); i++) {
        int y = (int)(i - d->scroll.top);

        if (i < head)
            lines_draw(&d->head, (size_t)i, r, y);
        else if (i < head + rows)
            d->rows.draw(u, i - head, r, y);
        else
            lines_draw(&d->tail, (size_t)(i - head - rows), r, y);
    }
}

static void dialog_draw(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    struct dialog *d = (struct dialog *)v;
    int w = r->w - 2 < WIDEST ? r->w - 2 : WIDEST, h, buttons;
    struct region box, inner;
    uint64_t content;

    (void)focus;
    content = lines_wrap(&d->head, r->s, w - 4) + d->rows.count + lines_wrap(&d->tail, r->s, w - 4);
    buttons = flow_buttons(d, r->s, w - 4, NULL, 0);
    h = content > (uint64_t)r->h ? r->h : (int)content + 3 + buttons;
    if (h > r->h - 1)
        h = r->h - 1;
    box = region_part(r, (r->h - 1 - h) / 2, (r->w - w) / 2, h, w);
    screen_fill(&box, 0, 0, box.h, box.w, STYLE_NORMAL);
    screen_box(&box, d->danger ? STYLE_WARNING : STYLE_BORDER_FOCUS);
    (void)screen_field(&box, 0, 2,
                       screen_width(r->s, STYLE_HEADING, d->title, strlen(d->title)) < w - 4
                           ? screen_width(r->s, STYLE_HEADING, d->title, strlen(d->title))
                           : w - 4,
                       d->danger ? STYLE_WARNING : STYLE_HEADING, d->title, strlen(d->title));
    list_set_count(&d->scroll, content);
    inner = region_part(&box, 1, 2,
                        h - 2 - buttons - (content + 3 + (uint64_t)buttons <= (uint64_t)h), w - 4);
    draw_content(u, d, &inner);
    if (list_end(&d->scroll) < content)
        (void)screen_puts(&box, 1 + inner.h - 1, w - 2, STYLE_KEY, "\xe2\x86\x93");
    if (d->scroll.top > 0)
        (void)screen_puts(&box, 1, w - 2, STYLE_KEY, "\xe2\x86\x91");
    inner = region_part(&box, h - 1 - buttons, 2, buttons, w - 4);
    d->view.at = inner; /* what can be clicked on */
    (void)flow_buttons(d, r->s, w - 4, &inner, 0);
}

/* --- keys ----------------------------------------------------------------------------------- */

static void dialog_move(struct ui *u, struct view *v, enum move m)
{
    struct list *l = &((struct dialog *)v)->scroll;
    int page = (int)l->height;

    (void)u;
    if (m == MOVE_FIRST || m == MOVE_LAST)
        list_move(l, m);
    else if (m == MOVE_UP || m == MOVE_DOWN)
        list_scroll(l, m == MOVE_UP ? -1 : 1);
    else
        list_scroll(l, m == MOVE_PAGE_UP || m == MOVE_HALF_UP ? -page : page);
}

static void take(struct ui *u, struct dialog *d, int button)
{
    void (*done)(struct ui * u, int button) = d->done;

    ui_pop(u, &d->view);
    done(u, button);
}

static bool dialog_key(struct ui *u, struct view *v, uint32_t key)
{
    struct dialog *d = (struct dialog *)v;

    for (size_t i = 0; i < d->button_count; i++) {
        if (d->buttons[i].key == key) {
            take(u, d, (int)i);
            return true;
        }
    }
    return false;
}

/* One click marks a choice, one on the marked choice takes it. */
static void dialog_click(struct ui *u, struct view *v, int y, int x, bool twice)
{
    struct dialog *d = (struct dialog *)v;
    int at = 0, row = 0;

    (void)twice;
    for (size_t i = 0; i < d->button_count; i++) {
        int w = button_width(d, &u->screen, i);

        if (at > 0 && at + w > v->at.w) {
            at = 0;
            row++;
        }
        if (row == y && x >= at && x < at + w) {
            if (d->chosen == i && d->touched)
                take(u, d, (int)i);
            else
                d->chosen = i;
            d->touched = true;
            return;
        }
        at += w + 2;
    }
}

static void dialog_cancel(struct ui *u, struct view *v)
{
    take(u, (struct dialog *)v, -1);
}

static void dialog_free(struct ui *u, struct view *v)
{
    struct dialog *d = (struct dialog *)v;

    (void)u;
    free(d->title);
    lines_release(&d->head);
    lines_release(&d->tail);
    free(d);
}

static const struct view_ops view_dialog = {
    .context = dialog_context,
    .draw = dialog_draw,
    .move = dialog_move,
    .key = dialog_key,
    .click = dialog_click,
    .cancel = dialog_cancel,
    .free = dialog_free,
};

/* A dialog has the keys: only then are these rows of the table found. */
void cmd_choose(struct ui *u, int arg)
{
    struct dialog *d = (struct dialog *)u->over;

    (void)arg;
    take(u, d, (int)d->chosen);
}

void cmd_choice(struct ui *u, int direction)
{
    struct dialog *d = (struct dialog *)u->over;
    size_t n = d->button_count;

    d->touched = true;
    d->chosen = (d->chosen + (direction > 0 ? 1 : n - 1)) % n;
}

struct dialog *dialog_new(struct ui *u, const char *title, const struct dialog_button *buttons,
                          size_t count, size_t chosen, void (*done)(struct ui *u, int button))
{
    struct dialog *d = mem_alloc(sizeof *d);
    struct buf b;

    buf_init(&b, BUF_MAX_LINE);
    buf_printf(&b, " %s ", title);
    if (d != NULL)
        d->title = buf_take(&b, NULL);
    buf_release(&b);
    if (d == NULL || d->title == NULL) {
        free(d);
        ui_say(u, SAY_ERROR, "out of memory");
        return NULL;
    }
    d->view.ops = &view_dialog;
    lines_init(&d->head);
    lines_init(&d->tail);
    d->buttons = buttons;
    d->button_count = count;
    d->chosen = chosen;
    d->done = done;
    list_init(&d->scroll);
    return d;
}

void dialog_open(struct ui *u, struct dialog *d)
{
    ui_push(u, &d->view);
}

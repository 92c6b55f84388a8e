/* How a table is drawn: columns as wide as what is seen of them. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "table.h"

#define WIDEST 30     /* columns of the screen that a column of the table gets */
#define EDIT_LEAST 20 /* columns that a cell is edited in */

static int text_columns(const struct screen *s, const char *text)
{
    int w = screen_width(s, STYLE_VALUE, text, strlen(text));

    return w < WIDEST ? w : WIDEST;
}

static void measure(struct table_view *t, const struct region *r, struct table_widths *w)
{
    struct buf cell, number;
    int x;

    buf_init(&cell, BUF_MAX_LINE);
    buf_init(&number, 64);
    w->number = 2;
    for (size_t k = t->first; k < t->columns.len; k++)
        w->columns[k] = text_columns(r->s, t->columns.data[k]);
    for (uint64_t i = t->list.top; i < list_end(&t->list); i++) {
        struct pkl_child row = {0};
        size_t got = table_row(t, i, &row) ? table_fields(t, &row) : 0;

        if (table_label(tree_view(t->u->right.tree), &row, &number) &&
            text_columns(r->s, number.data) >= w->number)
            w->number = text_columns(r->s, number.data) + 1;
        x = w->number;
        for (size_t k = t->first; k < t->columns.len && x < r->w; k++) {
            int width = table_cell_text(t, got, k, &cell) ? text_columns(r->s, cell.data) : 0;

            w->columns[k] = width > w->columns[k] ? width : w->columns[k];
            x += w->columns[k] + 2;
        }
    }
    x = w->number;
    for (w->end = t->first; w->end < t->columns.len && (w->end == t->first || x < r->w); w->end++)
        x += w->columns[w->end] + 2;
    buf_release(&cell);
    buf_release(&number);
}

static void draw_row(struct table_view *t, uint64_t i, const struct table_widths *w,
                     const struct region *r, int y)
{
    struct pkl_child row;
    struct buf cell;
    size_t got;
    int x = w->number;

    if (!table_row(t, i, &row))
        return;
    got = table_fields(t, &row);
    buf_init(&cell, BUF_MAX_LINE);
    (void)table_label(tree_view(t->u->right.tree), &row, &cell);
    (void)screen_field(r, y, 0, w->number - 1, STYLE_DIM, cell.data, cell.len);
    buf_clear(&cell);
    for (size_t k = t->first; k < w->end; k++) {
        int width = w->columns[k] < r->w - x ? w->columns[k] : r->w - x;
        const struct pkl_child *c = got > 0 ? table_cell(t, got, k) : NULL;
        bool changed = c != NULL && table_changed(t, c);

        if (changed)
            (void)screen_puts(r, y, x - 1, STYLE_CHANGED, "*");
        if (got > 0 && table_cell_text(t, got, k, &cell))
            (void)screen_field(r, y, x, width, changed ? STYLE_CHANGED : STYLE_VALUE, cell.data,
                               cell.len);
        else if (got == 0 && k == t->first &&
                 pkl_preview(tree_view(t->u->right.tree), &row.value, TABLE_CELL, &cell, NULL) ==
                     PB_OK)
            (void)screen_field(r, y, x, r->w - x, STYLE_DIM, cell.data, cell.len);
        if (i == t->list.cur && k == t->column)
            screen_mark(r, y, x, width > 0 ? width : 1, MARK_CURSOR);
        x += w->columns[k] + 2;
        buf_clear(&cell);
    }
    if (i == t->list.cur)
        screen_mark(r, y, 0, w->number - 1, MARK_CURSOR_AWAY);
    buf_release(&cell);
}

static void draw_head(struct table_view *t, const struct table_widths *w, const struct region *r)
{
    int x = w->number;

    for (size_t k = t->first; k < w->end; k++) {
        const char *label = t->columns.data[k];
        int width = w->columns[k] < r->w - x ? w->columns[k] : r->w - x;

        (void)screen_field(r, 0, x, width, k == t->sorted ? STYLE_HEADING : STYLE_LABEL, label,
                           strlen(label));
        x += w->columns[k] + 2;
    }
}

/* The column of the cursor is seen whole, where there is room. */
static void settle_columns(struct table_view *t, const struct region *r, struct table_widths *w)
{
    if (t->column < t->first)
        t->first = t->column;
    for (;;) {
        int x;

        measure(t, r, w);
        x = w->number;
        for (size_t k = t->first; k <= t->column && k < t->columns.len; k++)
            x += w->columns[k] + (k < t->column ? 2 : 0);
        if (t->first >= t->column || (x <= r->w && t->column < w->end))
            return;
        t->first++;
    }
}

/* The cell becomes the line editor; what is to be said about it stands on the line beside. */
static void draw_editor(struct table_view *t, struct ask *a, const struct region *r)
{
    const struct table_widths *w = &t->widths;
    int y = (int)list_line(&t->list), x = w->number, note_y = y + 1 < r->h ? y + 1 : y - 1;
    int column = -1;

    for (size_t k = t->first; k < t->column; k++)
        x += w->columns[k] + 2;
    if (r->w - x < EDIT_LEAST)
        x = r->w > EDIT_LEAST ? r->w - EDIT_LEAST : 0;
    ask_draw(t->u, a, r, y, x, r->w - x);
    if (a->note.wrong)
        column = prompt_column(&a->prompt, r->s, STYLE_TYPED, a->note.at, r->w - x);
    if (note_y >= 0)
        layout_note(r, y, note_y, x, &a->note, column);
}

static void draw_status(struct table_view *t, const struct region *r)
{
    struct buf text;

    if (ui_message(t->u) != NULL)
        return;
    buf_init(&text, BUF_MAX_LINE);
    table_status(t, &text);
    screen_fill(r, r->h - 2, 0, 1, r->w, STYLE_NORMAL);
    (void)screen_field(r, r->h - 2, 1, r->w - 1, STYLE_VALUE, text.data, text.len);
    buf_release(&text);
}

void table_draw(struct ui *u, struct view *view, const struct region *r, bool focus)
{
    struct table_view *t = (struct table_view *)view;
    struct region box = region_part(r, 1, 0, r->h - 3, r->w), inner, rows;
    struct pkl_edit *edit = right_edit(u);
    struct ask *a = ask_top(u);
    struct buf text;

    (void)focus;
    screen_frame(&box, t->title.data, t->title.len);
    inner = region_part(&box, 1, 2, box.h - 2, box.w - 4);
    rows = region_part(&inner, 1, 0, inner.h - 1, inner.w);
    t->view.at = rows;
    list_set_height(&t->list, (unsigned)(rows.h > 0 ? rows.h : 1));
    settle_columns(t, &rows, &t->widths);
    draw_head(t, &t->widths, &inner);
    for (uint64_t i = t->list.top; i < list_end(&t->list); i++)
        draw_row(t, i, &t->widths, &rows, (int)(i - t->list.top));
    buf_init(&text, 100);
    buf_printf(&text, _(" row %s of %s, column %zu of %zu "), TEXT_COUNT(t->list.cur + 1),
               TEXT_COUNT(t->list.count), t->column + 1, t->columns.len);
    screen_puts_end(&box, box.h - 1, box.w - 2, STYLE_NORMAL, text.data);
    if (edit != NULL && pkl_edit_dirty(edit)) {
        int room = box.w - 4 - screen_width(r->s, STYLE_NORMAL, text.data, text.len);

        buf_clear(&text);
        buf_printf(&text, _(" %zu unsaved "), pkl_edit_unsaved(edit));
        if (screen_width(r->s, STYLE_CHANGED, text.data, text.len) < room)
            (void)screen_puts(&box, box.h - 1, 2, STYLE_CHANGED, text.data);
    }
    buf_release(&text);
    draw_status(t, r);
    if (a != NULL && a->ops->inline_value && a->view.below == view)
        draw_editor(t, a, &rows);
}

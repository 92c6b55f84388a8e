/* How rows of a tree are drawn: label, type, value in columns.  A row's text is made when it is
 * drawn. */
#include <string.h>

#include <pklbrowse/intl.h>

#include "tree_look.h"

#define INDENT 2
#define LABEL_MOST 40 /* per cent of the width that labels may take */
#define TYPE_MOST 24  /* columns */
#define STUCK_PART 4  /* of the lines one in so many shows what the others stand in */
#define EDIT_LEAST 20 /* columns that a value is edited in */

struct columns {
    int label, type; /* widths */
};

bool tree_look_row(const struct tree_look *t, uint64_t i, int width)
{
    struct tree_row *row = t->row;
    struct error e;

    if (tree_row(t->tree, i, (size_t)width * 4 + 16, row, &e) == PB_OK)
        return true;
    buf_clear(&row->label);
    buf_clear(&row->type);
    buf_clear(&row->preview);
    buf_clear(&row->was);
    row->expandable = row->changed = row->below_changed = false;
    buf_printf(&row->preview, "<%s>", e.msg);
    return false;
}

int tree_look_indent(const struct tree_row *row, int width)
{
    int most = width / 3;

    return row->depth > (unsigned)most / INDENT ? most / INDENT * INDENT : (int)row->depth * INDENT;
}

static struct columns measure(const struct tree_look *t, const struct screen *s, int width)
{
    struct tree_row *row = t->row;
    struct columns c = {0};
    uint64_t i;

    for (unsigned line = 0; list_at_line(t->list, t->stuck, line, &i); line++) {
        int label, type;

        (void)tree_look_row(t, i, 8);
        label = tree_look_indent(row, width) +
                screen_width(s, STYLE_LABEL, row->label.data, row->label.len);
        type = screen_width(s, STYLE_TYPE, row->type.data, row->type.len);
        if (row->label.len == 0 && !(row->expandable && row->expanded))
            label = type; /* the value stands beside it */
        if (row->label.len == 0)
            type = 0;
        c.label = label > c.label ? label : c.label;
        c.type = type > c.type ? type : c.type;
    }
    if (c.label > width * LABEL_MOST / 100)
        c.label = width * LABEL_MOST / 100;
    if (c.type > TYPE_MOST)
        c.type = TYPE_MOST;
    if (c.type > width / 3)
        c.type = width / 3;
    return c;
}

/* Where the value begins. */
static int value_column(const struct columns *c)
{
    return 4 + c->label + 1 + (c->type > 0 ? c->type + 1 : 0);
}

static void draw_value(const struct tree_row *row, const struct region *r, int y, int x,
                       bool changed)
{
    int room = r->w - x;

    if (changed && row->was.len > 0) {
        struct buf was;
        int width;

        buf_init(&was, BUF_MAX_LINE);
        buf_puts(&was, row->moved ? _("moved") : _("was "));
        if (!row->moved)
            buf_append(&was, row->was.data, row->was.len);
        width = screen_width(r->s, STYLE_WAS, was.data, was.len);
        if (width > room / 2)
            width = room / 2;
        if (width > 4) {
            (void)screen_field(r, y, r->w - width, width, STYLE_WAS, was.data, was.len);
            room -= width + 1;
        }
        buf_release(&was);
    }
    if (!(row->expandable && row->expanded) || row->shared)
        (void)screen_field(r, y, x, room, changed ? STYLE_CHANGED : STYLE_VALUE, row->preview.data,
                           row->preview.len);
}

static void draw_row(const struct tree_look *t, const struct region *r, int y,
                     const struct columns *c)
{
    const struct tree_row *row = t->row;
    bool changed = t->marks && row->changed;
    int x = 2 + tree_look_indent(row, r->w), label_room;

    if (changed || (t->marks && row->below_changed && !row->expanded))
        (void)screen_puts(r, y, 1, STYLE_CHANGED, "*");
    if (row->expandable)
        (void)screen_puts(r, y, x, STYLE_KEY, row->expanded ? "\xe2\x96\xbe" : "\xe2\x96\xb8");
    label_room = 4 + c->label - (x + 2);
    (void)screen_field(r, y, x + 2, label_room > 0 ? label_room : 0,
                       changed ? STYLE_CHANGED : STYLE_LABEL, row->label.data, row->label.len);
    /* What has no name, the value itself, begins with its type. */
    if (row->label.len == 0)
        (void)screen_field(r, y, x + 2, r->w - x - 2, STYLE_TYPE, row->type.data, row->type.len);
    else
        (void)screen_field(r, y, 4 + c->label + 1, c->type, STYLE_TYPE, row->type.data,
                           row->type.len);
    draw_value(row, r, y, value_column(c), changed);
}

/* The value's own line becomes the line editor; what is to be said about it stands on the line
 * beside. */
static void draw_editor(struct ui *u, struct ask *a, const struct region *r, int y,
                        const struct columns *c)
{
    int x = value_column(c), note_y = y + 1 < r->h ? y + 1 : y - 1, column = -1;

    /* Where room is scarce the type gives way, then the label. */
    if (r->w - x < EDIT_LEAST)
        x = 4 + c->label + 1;
    if (r->w - x < EDIT_LEAST)
        x = r->w > EDIT_LEAST + 4 ? 4 : 0;
    ask_draw(u, a, r, y, x, r->w - x);
    if (a->note.wrong)
        column = prompt_column(&a->prompt, r->s, STYLE_TYPED, a->note.at, r->w - x);
    if (note_y >= 0)
        layout_note(r, y, note_y, x, &a->note, column);
}

static bool row_above(void *ctx, uint64_t row, uint64_t *parent)
{
    return tree_parent(ctx, row, parent);
}

void tree_look_draw(struct ui *u, const struct tree_look *t, const struct region *r,
                    enum cell_mark mark, struct ask *a)
{
    struct list *l = t->list;
    struct region rows = region_part(r, 0, 0, r->h, r->w - 1); /* the edge stays free */
    struct columns c;
    uint64_t i;
    int y_editor = -1;

    list_set_count(l, tree_rows(t->tree));
    list_set_height(l, (unsigned)(r->h > 0 ? r->h : 1));
    list_stick(l, (unsigned)(r->h > 0 ? r->h : 0) / STUCK_PART, row_above, t->tree, t->stuck);
    c = measure(t, r->s, r->w);
    for (int y = 0; list_at_line(l, t->stuck, (unsigned)y, &i); y++) {
        (void)tree_look_row(t, i, r->w);
        draw_row(t, &rows, y, &c);
        if (y + 1 == (int)t->stuck->count)
            screen_mark(r, y, 0, r->w, MARK_EDGE);
        if (i != l->cur || mark == MARK_NONE)
            continue;
        (void)screen_puts(r, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        if (a != NULL)
            y_editor = y;
        else
            screen_mark(r, y, 0, r->w, mark);
    }
    if (y_editor >= 0)
        draw_editor(u, a, &rows, y_editor, &c);
}

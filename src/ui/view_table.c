/*
 * A table over the panes: the children of a container as rows, what is in them as columns.
 *
 * For lists of records: dicts, objects, tuples of equal length.  The columns are those of the first
 * rows; a cell is read when it is drawn.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define SAMPLE 64  /* rows that say which columns there are */
#define FIELDS 128 /* of a row that are looked at */
#define WIDEST 30  /* columns of the screen that a column of the table gets */
#define CELL_BYTES 200
#define SORT_MAX 20000u /* rows */

struct table_view {
    struct view view;
    struct ui *u;
    struct buf path, title; /* of the container, as a path */
    pkl_id id;
    struct {
        char **data; /* labels */
        size_t len, cap;
    } columns;
    size_t column, first; /* of the cursor; the first one seen */
    struct list list;
    uint64_t *order; /* rows in the order they are shown; NULL: as they stand */
    size_t sorted;   /* by this column */
    struct pkl_child *fields;
    struct buf text;
};

static struct table_view *top_table(struct ui *u)
{
    return (struct table_view *)u->over;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool row_at(const struct table_view *t, uint64_t shown, struct pkl_child *out)
{
    struct pkl_view *v = tree_view(t->u->right.tree);
    uint64_t row = t->order != NULL ? t->order[shown] : shown;
    size_t got = 0;

    return v->children(v, t->id, row, 1, out, &got, NULL) == PB_OK && got == 1;
}

/* 'name', 3, .attr: what a field is called. */
static bool label_of(struct pkl_view *v, const struct pkl_child *c, struct buf *out)
{
    buf_clear(out);
    if (c->key.id == 0)
        buf_printf(out, "%llu", (unsigned long long)c->index);
    else if (pkl_preview(v, &c->key, CELL_BYTES, out, NULL) != PB_OK)
        return false;
    return out->failed == PB_OK;
}

static bool is_record(const struct pkl_node *n)
{
    return n->kind == PKL_DICT || n->kind == PKL_OBJECT || n->kind == PKL_TUPLE ||
           n->kind == PKL_LIST;
}

static size_t fields_of(const struct table_view *t, const struct pkl_child *row)
{
    struct pkl_view *v = tree_view(t->u->right.tree);
    size_t got = 0;

    if (!is_record(&row->value) ||
        v->children(v, row->value.id, 0, FIELDS, t->fields, &got, NULL) != PB_OK)
        return 0;
    return got;
}

static size_t column_of(const struct table_view *t, const char *label)
{
    for (size_t i = 0; i < t->columns.len; i++) {
        if (strcmp(t->columns.data[i], label) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* The field of a row that stands in a column; most rows have it where the first ones have it. */
static const struct pkl_child *cell_of(struct table_view *t, size_t got, size_t column)
{
    struct pkl_view *v = tree_view(t->u->right.tree);

    for (size_t i = 0; i < got; i++) {
        const struct pkl_child *c = &t->fields[(column + i) % got];

        if (label_of(v, c, &t->text) && strcmp(t->text.data, t->columns.data[column]) == 0)
            return c;
    }
    return NULL;
}

static void find_columns(struct table_view *t)
{
    struct pkl_view *v = tree_view(t->u->right.tree);

    for (uint64_t i = 0; i < t->list.count && i < SAMPLE; i++) {
        struct pkl_child row;
        size_t got = row_at(t, i, &row) ? fields_of(t, &row) : 0;

        for (size_t k = 0; k < got && t->columns.len < FIELDS; k++) {
            char *label;

            if (!label_of(v, &t->fields[k], &t->text) || column_of(t, t->text.data) != SIZE_MAX)
                continue;
            label = mem_strndup(t->text.data, t->text.len);
            if (label == NULL || !vec_push(&t->columns, label)) {
                free(label);
                return;
            }
        }
    }
}

static bool cell_text(struct table_view *t, size_t got, size_t column, struct buf *out)
{
    const struct pkl_child *c = cell_of(t, got, column);

    buf_clear(out);
    return c != NULL &&
           pkl_preview(tree_view(t->u->right.tree), &c->value, CELL_BYTES, out, NULL) == PB_OK;
}

/* --- drawing -------------------------------------------------------------------------------- */

static int text_columns(const struct screen *s, const char *text)
{
    int w = screen_width(s, STYLE_VALUE, text, strlen(text));

    return w < WIDEST ? w : WIDEST;
}

struct widths {
    int number, columns[FIELDS];
    size_t end; /* one past the last column seen */
};

static void measure(struct table_view *t, const struct region *r, struct widths *w)
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
        size_t got = row_at(t, i, &row) ? fields_of(t, &row) : 0;

        if (label_of(tree_view(t->u->right.tree), &row, &number) &&
            text_columns(r->s, number.data) >= w->number)
            w->number = text_columns(r->s, number.data) + 1;
        x = w->number;
        for (size_t k = t->first; k < t->columns.len && x < r->w; k++) {
            int width = cell_text(t, got, k, &cell) ? text_columns(r->s, cell.data) : 0;

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

static void draw_row(struct table_view *t, uint64_t i, const struct widths *w,
                     const struct region *r, int y)
{
    struct pkl_child row;
    struct buf cell;
    size_t got;
    int x = w->number;

    if (!row_at(t, i, &row))
        return;
    got = fields_of(t, &row);
    buf_init(&cell, BUF_MAX_LINE);
    (void)label_of(tree_view(t->u->right.tree), &row, &cell);
    (void)screen_field(r, y, 0, w->number - 1, STYLE_DIM, cell.data, cell.len);
    buf_clear(&cell);
    for (size_t k = t->first; k < w->end; k++) {
        int width = w->columns[k] < r->w - x ? w->columns[k] : r->w - x;

        if (got > 0 && cell_text(t, got, k, &cell))
            (void)screen_field(r, y, x, width, STYLE_VALUE, cell.data, cell.len);
        else if (got == 0 && k == t->first &&
                 pkl_preview(tree_view(t->u->right.tree), &row.value, CELL_BYTES, &cell, NULL) ==
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

static void draw_head(struct table_view *t, const struct widths *w, const struct region *r)
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
static void settle_columns(struct table_view *t, const struct region *r, struct widths *w)
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

static void table_draw(struct ui *u, struct view *view, const struct region *r, bool focus)
{
    struct table_view *t = (struct table_view *)view;
    struct region box = region_part(r, 1, 0, r->h - 3, r->w), inner, rows;
    struct widths w = {0};
    struct buf text;

    (void)u;
    (void)focus;
    screen_fill(&box, 0, 0, box.h, box.w, STYLE_NORMAL);
    screen_box(&box, STYLE_BORDER_FOCUS);
    (void)screen_field_end(&box, 0, 2,
                           screen_width(r->s, STYLE_HEADING, t->title.data, t->title.len) <
                                   box.w - 4
                               ? screen_width(r->s, STYLE_HEADING, t->title.data, t->title.len)
                               : box.w - 4,
                           STYLE_HEADING, t->title.data, t->title.len);
    inner = region_part(&box, 1, 2, box.h - 2, box.w - 4);
    rows = region_part(&inner, 1, 0, inner.h - 1, inner.w);
    t->view.at = rows;
    list_set_height(&t->list, (unsigned)(rows.h > 0 ? rows.h : 1));
    settle_columns(t, &rows, &w);
    draw_head(t, &w, &inner);
    for (uint64_t i = t->list.top; i < list_end(&t->list); i++)
        draw_row(t, i, &w, &rows, (int)(i - t->list.top));
    buf_init(&text, 100);
    buf_printf(&text, _(" row %s of %s, column %zu of %zu "), TEXT_COUNT(t->list.cur + 1),
               TEXT_COUNT(t->list.count), t->column + 1, t->columns.len);
    screen_puts_end(&box, box.h - 1, box.w - 2, STYLE_NORMAL, text.data);
    buf_release(&text);
}

/* --- keys ----------------------------------------------------------------------------------- */

static enum context table_context(const struct ui *u)
{
    (void)u;
    return CTX_TABLE;
}

static void table_move(struct ui *u, struct view *view, enum move m)
{
    (void)u;
    list_move(&((struct table_view *)view)->list, m);
}

static void table_click(struct ui *u, struct view *view, int y, int x, bool twice)
{
    struct table_view *t = (struct table_view *)view;

    (void)x;
    if (t->list.top + (uint64_t)y < t->list.count)
        list_go(&t->list, t->list.top + (uint64_t)y);
    if (twice)
        cmd_table_take(u, 0);
}

static void table_cancel(struct ui *u, struct view *view)
{
    ui_pop(u, view);
}

static void table_free(struct ui *u, struct view *view)
{
    struct table_view *t = (struct table_view *)view;

    (void)u;
    for (size_t i = 0; i < t->columns.len; i++)
        free(t->columns.data[i]);
    vec_release(&t->columns);
    free(t->order);
    free(t->fields);
    buf_release(&t->path);
    buf_release(&t->title);
    buf_release(&t->text);
    free(t);
}

static const struct view_ops view_table = {
    .context = table_context,
    .draw = table_draw,
    .move = table_move,
    .cancel = table_cancel,
    .click = table_click,
    .free = table_free,
};

void cmd_table_column(struct ui *u, int direction)
{
    struct table_view *t = top_table(u);

    if (direction < 0 && t->column > 0)
        t->column--;
    else if (direction > 0 && t->column + 1 < t->columns.len)
        t->column++;
}

/* Closes the table with the tree's cursor on the cell, and edits that if asked to. */
void cmd_table_take(struct ui *u, int edit)
{
    struct table_view *t = top_table(u);
    struct pkl_view *v = tree_view(u->right.tree);
    const struct pkl_child *cell;
    struct pkl_child row;
    struct buf path;
    struct error e;
    bool ok;

    buf_init(&path, BUF_MAX_TEXT);
    buf_append(&path, t->path.data, t->path.len);
    ok = row_at(t, t->list.cur, &row) &&
         pkl_path_step_text(v, &row, PATH_FORM_PATH, &path, &e) == PB_OK;
    cell = ok ? cell_of(t, fields_of(t, &row), t->column) : NULL;
    if (ok && cell != NULL)
        ok = pkl_path_step_text(v, cell, PATH_FORM_PATH, &path, &e) == PB_OK;
    if (edit && cell == NULL) {
        ui_say(u, SAY_INFO, "This row has nothing in this column.");
    } else if (ok) {
        ui_pop(u, &t->view);
        tree_go_path(u, path.data, path.len);
        if (edit)
            cmd_edit(u, 0);
    }
    buf_release(&path);
}

/* --- order ---------------------------------------------------------------------------------- */

struct sort_row {
    uint64_t row;
    double number;
    bool is_number;
    char *text;
};

static int in_order(const void *a, const void *b)
{
    const struct sort_row *x = a, *y = b;
    int d = 0;

    if (x->is_number != y->is_number)
        return x->is_number ? -1 : 1;
    if (x->is_number && x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (!x->is_number)
        d = strcmp(x->text != NULL ? x->text : "", y->text != NULL ? y->text : "");
    return d != 0 ? d : x->row < y->row ? -1 : 1;
}

static bool fill_sort(struct table_view *t, struct sort_row *rows)
{
    struct buf cell;
    bool ok = true;

    free(t->order);
    t->order = NULL;
    buf_init(&cell, BUF_MAX_LINE);
    for (uint64_t i = 0; i < t->list.count && ok; i++) {
        struct pkl_child row;
        size_t got = row_at(t, i, &row) ? fields_of(t, &row) : 0;

        rows[i].row = i;
        if (got == 0 || !cell_text(t, got, t->column, &cell))
            continue;
        rows[i].is_number = num_parse_double(cell.data, cell.len, &rows[i].number);
        rows[i].text = mem_strndup(cell.data, cell.len);
        ok = rows[i].text != NULL;
    }
    buf_release(&cell);
    return ok;
}

void cmd_table_sort(struct ui *u, int arg)
{
    struct table_view *t = top_table(u);
    size_t n = (size_t)t->list.count;
    struct sort_row *rows;
    bool ok;

    (void)arg;
    if (t->order != NULL && t->sorted == t->column) { /* again: as they stand */
        free(t->order);
        t->order = NULL;
        t->sorted = SIZE_MAX;
        return;
    }
    if (t->list.count > SORT_MAX) {
        ui_say(u, SAY_INFO, "More than %u rows are not sorted here.", SORT_MAX);
        return;
    }
    rows = mem_alloc((n + 1) * sizeof *rows);
    ok = rows != NULL && fill_sort(t, rows);
    if (ok && (t->order = mem_realloc(NULL, n + 1, sizeof *t->order)) != NULL) {
        qsort(rows, n, sizeof *rows, in_order);
        for (size_t i = 0; i < n; i++)
            t->order[i] = rows[i].row;
        t->sorted = t->column;
    } else {
        ui_say(u, SAY_ERROR, "out of memory");
    }
    for (size_t i = 0; rows != NULL && i < n; i++)
        free(rows[i].text);
    free(rows);
    list_go(&t->list, 0);
}

/* --- opening -------------------------------------------------------------------------------- */

/* The container of the cursor's row, or the one that it stands in. */
static bool container(struct ui *u, uint64_t *row, struct pkl_child *out)
{
    struct right *r = &u->right;
    struct pkl_view *v = tree_view(r->tree);
    struct pkl_child first;
    size_t got;

    *row = r->list.cur;
    do {
        got = 0;
        if (tree_child(r->tree, *row, out, NULL) != PB_OK)
            return false;
        if ((out->value.kind == PKL_LIST || out->value.kind == PKL_TUPLE ||
             out->value.kind == PKL_DICT) &&
            v->children(v, out->value.id, 0, 1, &first, &got, NULL) == PB_OK && got == 1 &&
            is_record(&first.value) && first.value.count > 0 &&
            (out->value.kind != PKL_DICT || first.value.kind != PKL_LIST))
            return true;
    } while (tree_parent(r->tree, *row, row));
    return false;
}

void cmd_table(struct ui *u, int arg)
{
    struct table_view *t;
    struct pkl_child place;
    uint64_t row;

    (void)arg;
    if (!container(u, &row, &place)) {
        ui_say(u, SAY_INFO, "A table is made of a list of records: dicts, tuples, objects.");
        return;
    }
    t = mem_alloc(sizeof *t);
    if (t == NULL || (t->fields = mem_realloc(NULL, FIELDS, sizeof *t->fields)) == NULL) {
        free(t);
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    t->view.ops = &view_table;
    t->u = u;
    t->id = place.value.id;
    t->sorted = SIZE_MAX;
    buf_init(&t->path, BUF_MAX_TEXT);
    buf_init(&t->title, BUF_MAX_TEXT);
    buf_init(&t->text, BUF_MAX_LINE);
    list_init(&t->list);
    list_set_count(&t->list, place.value.count);
    buf_putc(&t->title, ' ');
    if (tree_path(u->right.tree, row, PATH_FORM_PATH, &t->path, NULL) != PB_OK ||
        tree_path(u->right.tree, row, PATH_FORM_PYTHON, &t->title, NULL) != PB_OK)
        buf_puts(&t->title, "?");
    if (t->title.len == 1)
        buf_puts(&t->title, _("the whole value"));
    buf_puts(&t->title, _(" as a table "));
    find_columns(t);
    ui_push(u, &t->view);
}

/*
 * A table over the panes, for lists of records: dicts, objects, tuples of equal length.  The
 * columns are those of the first rows; a cell is read when it is drawn, and edited in its place.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "table.h"

#define SAMPLE 64 /* rows that say which columns there are */

static struct table_view *top_table(struct ui *u)
{
    return (struct table_view *)u->over;
}

/* --- reading -------------------------------------------------------------------------------- */

bool table_row(const struct table_view *t, uint64_t shown, struct pkl_child *out)
{
    struct pkl_view *v = tree_view(t->u->right.tree);
    uint64_t row = t->order != NULL ? t->order[shown] : shown;
    size_t got = 0;

    return v->children(v, t->id, row, 1, out, &got, NULL) == PB_OK && got == 1;
}

/* 'name', 3, .attr: what a field is called. */
bool table_label(struct pkl_view *v, const struct pkl_child *c, struct buf *out)
{
    buf_clear(out);
    if (c->key.id == 0)
        buf_printf(out, "%llu", (unsigned long long)c->index);
    else if (pkl_preview(v, &c->key, TABLE_CELL, out, NULL) != PB_OK)
        return false;
    return out->failed == PB_OK;
}

static bool is_record(const struct pkl_node *n)
{
    return n->kind == PKL_DICT || n->kind == PKL_OBJECT || n->kind == PKL_TUPLE ||
           n->kind == PKL_LIST;
}

size_t table_fields(const struct table_view *t, const struct pkl_child *row)
{
    struct pkl_view *v = tree_view(t->u->right.tree);
    size_t got = 0;

    if (!is_record(&row->value) ||
        v->children(v, row->value.id, 0, TABLE_FIELDS, t->fields, &got, NULL) != PB_OK)
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
const struct pkl_child *table_cell(struct table_view *t, size_t got, size_t column)
{
    struct pkl_view *v = tree_view(t->u->right.tree);

    for (size_t i = 0; i < got; i++) {
        const struct pkl_child *c = &t->fields[(column + i) % got];

        if (table_label(v, c, &t->text) && strcmp(t->text.data, t->columns.data[column]) == 0)
            return c;
    }
    return NULL;
}

static void forget_columns(struct table_view *t)
{
    for (size_t i = 0; i < t->columns.len; i++)
        free(t->columns.data[i]);
    t->columns.len = 0;
}

static void find_columns(struct table_view *t)
{
    struct pkl_view *v = tree_view(t->u->right.tree);

    for (uint64_t i = 0; i < t->list.count && i < SAMPLE; i++) {
        struct pkl_child row;
        size_t got = table_row(t, i, &row) ? table_fields(t, &row) : 0;

        for (size_t k = 0; k < got && t->columns.len < TABLE_FIELDS; k++) {
            char *label;

            if (!table_label(v, &t->fields[k], &t->text) || column_of(t, t->text.data) != SIZE_MAX)
                continue;
            label = mem_strndup(t->text.data, t->text.len);
            if (label == NULL || !vec_push(&t->columns, label)) {
                free(label);
                return;
            }
        }
    }
}

bool table_cell_text(struct table_view *t, size_t got, size_t column, struct buf *out)
{
    const struct pkl_child *c = table_cell(t, got, column);

    buf_clear(out);
    return c != NULL &&
           pkl_preview(tree_view(t->u->right.tree), &c->value, TABLE_CELL, out, NULL) == PB_OK;
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

    int right = t->widths.number;

    if (t->list.top + (uint64_t)y < t->list.count)
        list_go(&t->list, t->list.top + (uint64_t)y);
    for (size_t k = t->first; k < t->widths.end && right <= x; k++) {
        right += t->widths.columns[k] + 2;
        t->column = k;
    }
    if (twice)
        cmd_table_edit(u, 1);
}

static void table_cancel(struct ui *u, struct view *view)
{
    ui_pop(u, view);
}

static void table_free(struct ui *u, struct view *view)
{
    struct table_view *t = (struct table_view *)view;

    (void)u;
    forget_columns(t);
    vec_release(&t->columns);
    free(t->order);
    free(t->fields);
    buf_release(&t->path);
    buf_release(&t->title);
    buf_release(&t->shown);
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

/* --- the cell of the cursor ----------------------------------------------------------------- */

/* Its place, in t->fields; NULL: this row has none there, and out is the row's path. */
static const struct pkl_child *cursor_cell(struct table_view *t, enum path_form form,
                                           struct buf *out, struct error *e)
{
    struct pkl_view *v = tree_view(t->u->right.tree);
    const struct buf *base = form == PATH_FORM_PATH ? &t->path : &t->shown;
    const struct pkl_child *cell;
    struct pkl_child row;

    buf_append(out, base->data, base->len);
    *e = (struct error){.code = PB_OK};
    if (!table_row(t, t->list.cur, &row) || pkl_path_step_text(v, &row, form, out, e) != PB_OK)
        return NULL;
    cell = table_cell(t, table_fields(t, &row), t->column);
    if (cell != NULL && pkl_path_step_text(v, cell, form, out, e) != PB_OK)
        return NULL;
    return cell;
}

bool table_changed(const struct table_view *t, const struct pkl_child *c)
{
    struct pkl_edit *edit = right_edit(t->u);

    return edit != NULL && pkl_edit_dirty(edit) &&
           (pkl_edit_place_changed(edit, c->owner, c->index, NULL) ||
            pkl_edit_below_changed(edit, &c->value));
}

void table_status(struct table_view *t, struct buf *out)
{
    struct pkl_edit *edit = right_edit(t->u);
    const struct pkl_child *cell;
    struct pkl_node old = {0};
    struct error e;

    cell = cursor_cell(t, PATH_FORM_PYTHON, out, &e);
    if (cell == NULL || edit == NULL || !pkl_edit_dirty(edit) ||
        !pkl_edit_place_changed(edit, cell->owner, cell->index, &old))
        return;
    buf_puts(out, "   ");
    if (old.id == 0 || old.id == cell->value.id) {
        buf_puts(out, old.id == 0 ? _("new") : _("moved"));
    } else {
        buf_puts(out, _("was "));
        if (pkl_preview(pkl_edit_saved_view(edit), &old, TABLE_CELL, out, &e) != PB_OK)
            buf_printf(out, "<%s>", e.msg);
    }
}

/* The cell's own place becomes the line editor. */
static void edit_cell(struct ui *u, struct table_view *t)
{
    struct pkl_child *way = NULL;
    struct pkl_paths *paths = NULL;
    struct pkl_path path;
    struct arena mem;
    struct buf text;
    struct error e;
    enum pb_err err;
    size_t at;

    arena_init(&mem);
    buf_init(&text, BUF_MAX_TEXT);
    if (cursor_cell(t, PATH_FORM_PATH, &text, &e) == NULL && e.code == PB_OK) {
        ui_say(u, SAY_INFO, "This row has nothing in this column.");
        goto out;
    }
    err = e.code != PB_OK ? e.code : pkl_path_parse(&mem, text.data, text.len, &path, &at, &e);
    if (err == PB_OK)
        err = pkl_paths_new(tree_view(u->right.tree), &paths, &e);
    if (err == PB_OK && (way = mem_realloc(NULL, path.count + 1, sizeof *way)) == NULL)
        err = error_nomem(&e);
    if (err == PB_OK)
        err = pkl_paths_way(paths, &path, way, &e);
    if (err == PB_OK) {
        edit_open(u, way, path.count + 1);
        way = NULL;
    } else {
        ui_error(u, &e);
    }
out:
    pkl_paths_free(paths);
    free(way);
    buf_release(&text);
    arena_release(&mem);
}

/* The table closes with the tree's cursor on the cell. */
static void go_to_cell(struct ui *u, struct table_view *t)
{
    struct buf path;
    struct error e;

    buf_init(&path, BUF_MAX_TEXT);
    (void)cursor_cell(t, PATH_FORM_PATH, &path, &e);
    if (e.code != PB_OK) {
        ui_error(u, &e);
    } else {
        ui_pop(u, &t->view);
        tree_go_path(u, path.data, path.len);
    }
    buf_release(&path);
}

void cmd_table_take(struct ui *u, int arg)
{
    (void)arg;
    go_to_cell(u, top_table(u));
}

void cmd_table_edit(struct ui *u, int or_go)
{
    struct table_view *t = top_table(u);
    const struct pkl_child *cell;
    struct buf path;
    struct error e;

    buf_init(&path, BUF_MAX_TEXT);
    cell = cursor_cell(t, PATH_FORM_PATH, &path, &e);
    buf_release(&path);
    if (or_go && (right_edit(u) == NULL || cell == NULL || !edit_has_text(&cell->value)))
        go_to_cell(u, t);
    else
        edit_cell(u, t);
}

/* --- after an edit -------------------------------------------------------------------------- */

static void refresh(struct ui *u, struct table_view *t)
{
    struct pkl_path path;
    struct pkl_child place;
    struct arena mem;
    size_t at;
    bool there;

    arena_init(&mem);
    there = pkl_path_parse(&mem, t->path.data, t->path.len, &path, &at, NULL) == PB_OK &&
            pkl_path_follow(tree_view(u->right.tree), &path, &place, NULL) == PB_OK &&
            is_record(&place.value);
    arena_release(&mem);
    if (!there) {
        ui_pop(u, &t->view);
        return;
    }
    t->id = place.value.id;
    if (place.value.count != t->list.count)
        table_unsort(t);
    list_set_count(&t->list, place.value.count);
    forget_columns(t);
    find_columns(t);
    if (t->column >= t->columns.len)
        t->column = t->columns.len > 0 ? t->columns.len - 1 : 0;
}

void tables_refresh(struct ui *u)
{
    for (struct view *v = u->over; v != NULL; v = v->below) {
        if (v->ops == &view_table) {
            refresh(u, (struct table_view *)v);
            return; /* there is never a second one */
        }
    }
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
    if (t == NULL || (t->fields = mem_realloc(NULL, TABLE_FIELDS, sizeof *t->fields)) == NULL) {
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
    buf_init(&t->shown, BUF_MAX_TEXT);
    buf_init(&t->text, BUF_MAX_LINE);
    list_init(&t->list);
    list_set_count(&t->list, place.value.count);
    buf_putc(&t->title, ' ');
    if (tree_path(u->right.tree, row, PATH_FORM_PATH, &t->path, NULL) != PB_OK ||
        tree_path(u->right.tree, row, PATH_FORM_PYTHON, &t->shown, NULL) != PB_OK)
        buf_puts(&t->shown, "?");
    buf_append(&t->title, t->shown.data, t->shown.len);
    if (t->title.len == 1)
        buf_puts(&t->title, _("the whole value"));
    buf_puts(&t->title, _(" as a table "));
    find_columns(t);
    ui_push(u, &t->view);
}

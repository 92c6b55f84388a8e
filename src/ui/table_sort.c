/* A table in the order of one of its columns. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

#include "commands.h"
#include "table.h"

#define SORT_MAX 20000u /* rows */

struct sort_row {
    uint64_t row;
    double number;
    bool is_number;
    char *text;
};

/* Numbers, texts, rows that have nothing there. */
static int rank(const struct sort_row *r)
{
    return r->is_number ? 0 : r->text != NULL ? 1 : 2;
}

static int in_order(const void *a, const void *b)
{
    const struct sort_row *x = a, *y = b;
    int d = 0;

    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    if (x->is_number && x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (!x->is_number && x->text != NULL)
        d = strcmp(x->text, y->text);
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
        size_t got = table_row(t, i, &row) ? table_fields(t, &row) : 0;

        rows[i].row = i;
        if (got == 0 || !table_cell_text(t, got, t->column, &cell))
            continue;
        rows[i].is_number = num_parse_double(cell.data, cell.len, &rows[i].number);
        rows[i].text = mem_strndup(cell.data, cell.len);
        ok = rows[i].text != NULL;
    }
    buf_release(&cell);
    return ok;
}

void table_unsort(struct table_view *t)
{
    free(t->order);
    t->order = NULL;
    t->sorted = SIZE_MAX;
}

void cmd_table_sort(struct ui *u, int arg)
{
    struct table_view *t = (struct table_view *)u->over;
    size_t n = (size_t)t->list.count;
    struct sort_row *rows;
    bool ok;

    (void)arg;
    if (t->order != NULL && t->sorted == t->column) { /* again: as they stand */
        table_unsort(t);
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

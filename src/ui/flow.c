#include "flow.h"

#include <stdlib.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

void flow_begin(struct flow *f, int width)
{
    struct flow_row first = {.first = true, .line = 1};

    f->width = width > 1 ? width : 2;
    f->rows.len = 0;
    f->at = 0;
    f->line = 1;
    f->column = 0;
    f->failed = !vec_push(&f->rows, first);
}

void flow_release(struct flow *f)
{
    vec_release(&f->rows);
}

int flow_cell(const uint8_t *p, size_t n, size_t *used)
{
    struct buf shown;
    uint32_t cp;
    int width;

    if (p[0] >= 0x20 && p[0] < 0x7f) {
        *used = 1;
        return 1;
    }
    *used = utf8_decode(p, n, &cp, false);
    if (*used > 0 && text_drawable(cp))
        return text_cp_width(cp);
    if (*used == 0)
        *used = 1;
    buf_init(&shown, 64);
    text_escape(&shown, p, *used);
    width = (int)text_width(shown.data, shown.len);
    buf_release(&shown);
    return width;
}

static void new_row(struct flow *f, bool line)
{
    struct flow_row row = {.from = f->at, .line = f->line + (line ? 1 : 0), .first = line};

    f->line = row.line;
    f->column = 0;
    f->failed = f->failed || !vec_push(&f->rows, row);
}

/* The piece may end inside this character. */
static bool cut_off(const uint8_t *p, size_t n)
{
    bool partial = false;

    return p[0] >= 0x80 && n < 4 && utf8_check(p, n, false, &partial) == 0 && partial;
}

size_t flow_add(struct flow *f, const uint8_t *p, size_t n, bool last)
{
    size_t i = 0;

    while (i < n && !f->failed) {
        size_t used;
        int width;

        if (p[i] == '\n') {
            i++;
            f->at++;
            new_row(f, true);
            continue;
        }
        if (!last && cut_off(p + i, n - i))
            break;
        width = flow_cell(p + i, n - i, &used);
        if (f->column + width > f->width && f->column > 0)
            new_row(f, false);
        f->column += width;
        f->at += used;
        i += used;
    }
    return f->failed ? n : i;
}

size_t flow_row_of(const struct flow *f, uint64_t byte)
{
    size_t low = 0, high = f->rows.len;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (f->rows.data[middle].from <= byte)
            low = middle;
        else
            high = middle;
    }
    return low;
}

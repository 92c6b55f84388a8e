#include "list.h"

/* Rows that stay in sight beyond the cursor, where the window has room for them. */
#define MARGIN 2

void list_init(struct list *l)
{
    *l = (struct list){.height = 1};
}

static uint64_t margin(const struct list *l)
{
    unsigned half = (l->height - 1) / 2;

    return half < MARGIN ? half : MARGIN;
}

static uint64_t last_top(const struct list *l)
{
    return l->count > l->height ? l->count - l->height : 0;
}

/* The window follows the cursor. */
static void follow(struct list *l)
{
    uint64_t m = margin(l);

    if (l->count == 0) {
        l->cur = l->top = 0;
        return;
    }
    if (l->cur >= l->count)
        l->cur = l->count - 1;
    if (l->cur < l->top + m)
        l->top = l->cur > m ? l->cur - m : 0;
    if (l->cur - l->top + m >= l->height)
        l->top = l->cur + m - l->height + 1;
    if (l->top > last_top(l))
        l->top = last_top(l);
}

void list_set_count(struct list *l, uint64_t count)
{
    l->count = count;
    follow(l);
}

void list_set_height(struct list *l, unsigned height)
{
    l->height = height > 0 ? height : 1;
    follow(l);
}

static void step(struct list *l, uint64_t rows, bool down)
{
    if (!down)
        l->cur -= rows < l->cur ? rows : l->cur;
    else if (l->count > 0)
        l->cur += rows < l->count - 1 - l->cur ? rows : l->count - 1 - l->cur;
    follow(l);
}

/* A page keeps one row in common and moves the window with the cursor, so that the eye finds its
 * place. */
static void page(struct list *l, uint64_t rows, bool down)
{
    unsigned line = list_line(l);

    step(l, rows, down);
    list_restore(l, l->cur, line);
}

void list_move(struct list *l, enum move m)
{
    uint64_t full = l->height > 1 ? l->height - 1 : 1;
    uint64_t half = l->height > 1 ? l->height / 2 : 1;

    switch (m) {
    case MOVE_UP:
    case MOVE_DOWN:
        step(l, 1, m == MOVE_DOWN);
        break;
    case MOVE_FIRST:
        list_go(l, 0);
        break;
    case MOVE_LAST:
        list_go(l, UINT64_MAX);
        break;
    case MOVE_PAGE_UP:
    case MOVE_PAGE_DOWN:
        page(l, full, m == MOVE_PAGE_DOWN);
        break;
    case MOVE_HALF_UP:
    case MOVE_HALF_DOWN:
        page(l, half, m == MOVE_HALF_DOWN);
        break;
    }
}

void list_go(struct list *l, uint64_t row)
{
    l->cur = l->count == 0 ? 0 : row < l->count ? row : l->count - 1;
    follow(l);
}

void list_scroll(struct list *l, int rows)
{
    uint64_t m = margin(l), n = rows < 0 ? (uint64_t) - (int64_t)rows : (uint64_t)rows;
    uint64_t low, high;

    if (rows < 0)
        l->top -= n < l->top ? n : l->top;
    else
        l->top += n < last_top(l) - l->top ? n : last_top(l) - l->top;
    low = l->top == 0 ? 0 : l->top + m;
    high = l->top == last_top(l) ? UINT64_MAX : l->top + l->height - 1 - m;
    if (l->cur < low)
        l->cur = low;
    if (l->cur > high)
        l->cur = high;
    follow(l);
}

unsigned list_line(const struct list *l)
{
    return (unsigned)(l->cur - l->top);
}

void list_restore(struct list *l, uint64_t row, unsigned line)
{
    l->cur = l->count == 0 ? 0 : row < l->count ? row : l->count - 1;
    l->top = l->cur > line ? l->cur - line : 0;
    follow(l);
}

uint64_t list_end(const struct list *l)
{
    return l->count - l->top < l->height ? l->count : l->top + l->height;
}

/* The innermost rows that `row` stands in. */
static void chain(uint64_t row, unsigned most, list_up *up, void *ctx, struct list_stuck *out)
{
    uint64_t inner[LIST_STUCK];

    for (out->count = 0; out->count < most && up(ctx, row, &row); out->count++)
        inner[out->count] = row;
    for (unsigned i = 0; i < out->count; i++)
        out->rows[i] = inner[out->count - 1 - i];
}

/* The first line that is not needed for what the row on it stands in. */
static unsigned first_free(const struct list *l, unsigned most, list_up *up, void *ctx,
                           struct list_stuck *out)
{
    unsigned line = 0;

    for (;; line++) {
        out->count = 0;
        if (l->top + line < l->count)
            chain(l->top + line, most, up, ctx, out);
        if (out->count <= line)
            return line;
    }
}

void list_stick(struct list *l, unsigned most, list_up *up, void *ctx, struct list_stuck *out)
{
    if (most > LIST_STUCK)
        most = LIST_STUCK;
    for (;; l->top--) {
        unsigned line = first_free(l, most, up, ctx, out), spare = line - out->count;

        /* Rows between that stand deeper would seem to stand in what stays: they go, too. */
        if (l->cur >= l->top + line && l->top + spare <= last_top(l)) {
            l->top += spare;
            break;
        }
        if (l->top == 0 || l->cur >= l->top + line)
            break;
    }
}

bool list_at_line(const struct list *l, const struct list_stuck *s, unsigned line, uint64_t *row)
{
    *row = line < s->count ? s->rows[line] : l->top + line;
    return line < l->height && *row < l->count;
}

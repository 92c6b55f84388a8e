#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "screen.h"

#define SIZE_MAX_CELLS 2000

void screen_init(struct screen *s, bool ascii)
{
    *s = (struct screen){.cursor_y = -1, .cursor_x = -1, .ascii = ascii};
}

void screen_release(struct screen *s)
{
    free(s->cells);
    screen_init(s, s->ascii);
}

static void blank(struct cell *c, enum style style)
{
    *c = (struct cell){.text = " ", .len = 1, .width = 1, .style = (unsigned char)style};
}

void screen_clear(struct screen *s)
{
    for (int i = 0; i < s->rows * s->cols; i++)
        blank(&s->cells[i], STYLE_NORMAL);
    s->cursor_y = s->cursor_x = -1;
}

static int bounded(int v)
{
    return v < 1 ? 1 : v > SIZE_MAX_CELLS ? SIZE_MAX_CELLS : v;
}

enum pb_err screen_resize(struct screen *s, int rows, int cols, struct error *e)
{
    struct cell *cells;

    rows = bounded(rows);
    cols = bounded(cols);
    cells = mem_alloc((size_t)rows * (size_t)cols * sizeof *cells);
    if (cells == NULL)
        return error_nomem(e);
    free(s->cells);
    s->cells = cells;
    s->rows = rows;
    s->cols = cols;
    screen_clear(s);
    return PB_OK;
}

const struct cell *screen_cell(const struct screen *s, int y, int x)
{
    return y < 0 || x < 0 || y >= s->rows || x >= s->cols ? NULL : &s->cells[y * s->cols + x];
}

struct region screen_all(struct screen *s)
{
    return (struct region){.s = s, .h = s->rows, .w = s->cols};
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

struct region region_part(const struct region *r, int y, int x, int h, int w)
{
    struct region part = {.s = r->s};

    if (y < 0 || x < 0 || h <= 0 || w <= 0 || y >= r->h || x >= r->w)
        return part;
    part.y = r->y + y;
    part.x = r->x + x;
    part.h = least(h, r->h - y);
    part.w = least(w, r->w - x);
    return part;
}

/* The cell at y, x of a region, or NULL. */
static struct cell *at(const struct region *r, int y, int x)
{
    if (y < 0 || x < 0 || y >= r->h || x >= r->w)
        return NULL;
    return &r->s->cells[(r->y + y) * r->s->cols + r->x + x];
}

/* What is written over must not leave half a character beside it. */
static void mend(const struct screen *s, struct cell *c)
{
    int col = (int)((c - s->cells) % s->cols);

    if (c->width == 0 && col > 0)
        blank(c - 1, (enum style)c[-1].style);
    if (c->width == 2 && col + 1 < s->cols)
        blank(c + 1, (enum style)c[1].style);
}

void screen_fill(const struct region *r, int y, int x, int h, int w, enum style style)
{
    for (int i = y; i < y + h; i++) {
        for (int k = x; k < x + w; k++) {
            struct cell *c = at(r, i, k);

            if (c != NULL) {
                mend(r->s, c);
                blank(c, style);
            }
        }
    }
}

/* --- code points to cells ------------------------------------------------------------------- */

/* Our own signs and what stands for them where only ASCII is drawn, each one column too. */
static char ascii_twin(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
        char twin;
    } twins[] = {
        {0x2026, 0x2026, '~'}, {0x00b7, 0x00b7, '-'}, {0x2013, 0x2014, '-'}, {0x2192, 0x2192, '>'},
        {0x2190, 0x2190, '<'}, {0x2191, 0x2191, '^'}, {0x2193, 0x2193, 'v'}, {0x00d7, 0x00d7, 'x'},
        {0x2500, 0x2500, '-'}, {0x2502, 0x2502, '|'}, {0x250c, 0x254b, '+'}, {0x25b8, 0x25b8, '+'},
        {0x25be, 0x25be, '-'}, {0x258c, 0x258c, '>'}, {0x2588, 0x2588, '#'}, {0x2591, 0x2591, '.'},
        {0x280b, 0x280b, '|'}, {0x2819, 0x2819, '/'}, {0x2839, 0x2839, '-'}, {0x2838, 0x2838, '\\'},
    };

    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        if (cp >= twins[i].first && cp <= twins[i].last)
            return twins[i].twin;
    }
    return '\0';
}

/* One code point as it is drawn on this screen.  Returns the bytes of s it came from. */
static size_t glyph(const struct screen *s, enum style style, const char *p, size_t n, char out[12],
                    size_t *len, int *width)
{
    uint32_t cp;
    size_t used = utf8_decode(p, n, &cp, false);
    char twin;

    if (used == 0) { /* a caller's mistake must not reach the terminal */
        out[0] = '?';
        *len = 1;
        *width = 1;
        return 1;
    }
    if (!s->ascii || cp < 0x80) {
        memcpy(out, p, used);
        *len = used;
        *width = text_cp_width(cp);
        if (cp < 0x20 || cp == 0x7f)
            out[0] = '?';
        return used;
    }
    twin = ascii_twin(cp);
    if (twin != '\0' && (cp == 0x2026 || !theme_style(style)->data)) {
        out[0] = twin;
        *len = 1;
    } else {
        *len = (size_t)snprintf(out, 12, cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
    }
    *width = (int)*len;
    return used;
}

/* Adds an accent to the character drawn last. */
static void add_mark(const struct region *r, int y, int x, const char *text, size_t len)
{
    struct cell *c = at(r, y, x - 1);

    if (c != NULL && c->width == 0)
        c = at(r, y, x - 2);
    if (c != NULL && c->len > 0 && c->len + len <= CELL_TEXT) {
        memcpy(c->text + c->len, text, len);
        c->len = (unsigned char)(c->len + len);
    }
}

/* Draws text of `width` columns in all at x; what does not fit whole is left out. */
static bool put(const struct region *r, int y, int x, enum style style, const char *text,
                size_t len, int width)
{
    int step = width > 1 && len == (size_t)width ? 1 : width; /* an escape: several cells */

    if (at(r, y, x) == NULL || at(r, y, x + width - 1) == NULL)
        return false;
    for (int done = 0; done < width; done += step) {
        struct cell *c = at(r, y, x + done);

        mend(r->s, c);
        blank(c, style);
        c->width = (unsigned char)step;
        c->len = (unsigned char)(step == width ? len : 1);
        memcpy(c->text, step == width ? text : text + done, c->len);
        if (step == 2) {
            mend(r->s, c + 1);
            c[1] = (struct cell){.style = (unsigned char)style};
        }
    }
    return true;
}

int screen_text(const struct region *r, int y, int x, enum style style, const char *s, size_t n)
{
    int col = x;

    if (y < 0 || y >= r->h || x < 0)
        return 0;
    for (size_t i = 0; i < n;) {
        char text[12];
        size_t len;
        int width;

        i += glyph(r->s, style, s + i, n - i, text, &len, &width);
        if (width == 0) {
            if (col > x)
                add_mark(r, y, col, text, len);
            continue;
        }
        if (!put(r, y, col, style, text, len, width))
            break;
        col += width;
    }
    return col - x;
}

int screen_puts(const struct region *r, int y, int x, enum style style, const char *s)
{
    return screen_text(r, y, x, style, s, strlen(s));
}

void screen_puts_end(const struct region *r, int y, int end, enum style style, const char *s)
{
    (void)screen_puts(r, y, end - screen_width(r->s, style, s, strlen(s)), style, s);
}

int screen_width(const struct screen *s, enum style style, const char *text, size_t n)
{
    int sum = 0;

    for (size_t i = 0; i < n && sum < SIZE_MAX_CELLS * 8;) {
        char out[12];
        size_t len;
        int width;

        i += glyph(s, style, text + i, n - i, out, &len, &width);
        sum += width;
    }
    return sum;
}

/* Bytes of the longest beginning of s, whole graphemes, in `cols` columns of this screen. */
static size_t fit(const struct screen *s, enum style style, const char *text, size_t n, int cols)
{
    size_t i = 0;
    int sum = 0;

    while (i < n) {
        size_t next = text_next(text, n, i);

        sum += screen_width(s, style, text + i, next - i);
        if (sum > cols)
            break;
        i = next;
    }
    return i;
}

static const char ellipsis[] = "\xe2\x80\xa6";

bool screen_field(const struct region *r, int y, int x, int width, enum style style, const char *s,
                  size_t n)
{
    struct region field = region_part(r, y, x, 1, width);
    size_t keep = fit(r->s, style, s, n, field.w);
    int col;

    if (keep < n && field.w > 0)
        keep = fit(r->s, style, s, n, field.w - 1);
    col = screen_text(&field, 0, 0, style, s, keep);
    if (keep < n)
        col += screen_puts(&field, 0, col, style, ellipsis);
    screen_fill(&field, 0, col, 1, field.w - col, style);
    return keep < n;
}

bool screen_field_end(const struct region *r, int y, int x, int width, enum style style,
                      const char *s, size_t n)
{
    struct region field = region_part(r, y, x, 1, width);
    size_t from = n;
    int sum = 0, col = 0;

    if (screen_width(r->s, style, s, n) <= field.w)
        return screen_field(r, y, x, width, style, s, n);
    while (from > 0) {
        size_t before = text_prev(s, n, from);

        sum += screen_width(r->s, style, s + before, from - before);
        if (sum > field.w - 1)
            break;
        from = before;
    }
    col = screen_puts(&field, 0, 0, style, ellipsis);
    col += screen_text(&field, 0, col, style, s + from, n - from);
    screen_fill(&field, 0, col, 1, field.w - col, style);
    return true;
}

void screen_box(const struct region *r, enum style style)
{
    if (r->h < 2 || r->w < 2)
        return;
    for (int x = 1; x < r->w - 1; x++) {
        (void)screen_puts(r, 0, x, style, "\xe2\x94\x80");
        (void)screen_puts(r, r->h - 1, x, style, "\xe2\x94\x80");
    }
    for (int y = 1; y < r->h - 1; y++) {
        (void)screen_puts(r, y, 0, style, "\xe2\x94\x82");
        (void)screen_puts(r, y, r->w - 1, style, "\xe2\x94\x82");
    }
    (void)screen_puts(r, 0, 0, style, "\xe2\x94\x8c");
    (void)screen_puts(r, 0, r->w - 1, style, "\xe2\x94\x90");
    (void)screen_puts(r, r->h - 1, 0, style, "\xe2\x94\x94");
    (void)screen_puts(r, r->h - 1, r->w - 1, style, "\xe2\x94\x98");
}

void screen_frame(const struct region *box, const char *title, size_t n)
{
    int width = screen_width(box->s, STYLE_HEADING, title, n), room = box->w - 4;

    screen_fill(box, 0, 0, box->h, box->w, STYLE_NORMAL);
    screen_box(box, STYLE_BORDER_FOCUS);
    (void)screen_field_end(box, 0, 2, width < room ? width : room, STYLE_HEADING, title, n);
}

void screen_mark(const struct region *r, int y, int x, int w, enum cell_mark mark)
{
    for (int i = x; i < x + w; i++) {
        struct cell *c = at(r, y, i);

        if (c != NULL)
            c->mark = (unsigned char)mark;
    }
}

void screen_cursor(const struct region *r, int y, int x)
{
    if (at(r, y, x) == NULL)
        return;
    r->s->cursor_y = r->y + y;
    r->s->cursor_x = r->x + x;
}

/* --- read back ------------------------------------------------------------------------------ */

static void row_text(const struct screen *s, int y, struct buf *out)
{
    size_t used = out->len;

    for (int x = 0; x < s->cols; x++) {
        const struct cell *c = &s->cells[y * s->cols + x];

        buf_append(out, c->text, c->len);
        if (c->len != 1 || c->text[0] != ' ')
            used = out->len;
    }
    if (out->failed == PB_OK)
        buf_truncate(out, used);
}

void screen_dump(const struct screen *s, struct buf *out)
{
    for (int y = 0; y < s->rows; y++) {
        row_text(s, y, out);
        buf_putc(out, '\n');
    }
}

static bool same_look(const struct cell *a, const struct cell *b)
{
    return a->style == b->style && a->mark == b->mark;
}

void screen_dump_attrs(const struct screen *s, struct buf *out)
{
    static const char *const marks[] = {"", "+CURSOR", "+AWAY", "+EDGE"};

    for (int y = 0; y < s->rows; y++) {
        const struct cell *row = &s->cells[y * s->cols];

        for (int x = 0; x < s->cols;) {
            int from = x;

            while (x < s->cols && same_look(&row[from], &row[x]))
                x++;
            buf_printf(out, "%s%s%s*%d", from > 0 ? " " : "",
                       theme_style((enum style)row[from].style)->name, marks[row[from].mark],
                       x - from);
        }
        buf_putc(out, '\n');
    }
}

bool screen_contains(const struct screen *s, const char *text)
{
    struct buf b;
    bool found = false;

    buf_init(&b, BUF_MAX_TEXT);
    for (int y = 0; y < s->rows && !found; y++) {
        buf_clear(&b);
        row_text(s, y, &b);
        found = strstr(b.data, text) != NULL;
    }
    buf_release(&b);
    return found;
}

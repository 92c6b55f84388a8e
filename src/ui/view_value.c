/*
 * One long value over the panes: a text in rows with the numbers of its lines, or bytes in hex with
 * what they are in ASCII.  Bytes are read where they stand; nothing is copied for being looked at.
 * An int is the text of its digits (value_int.c).
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_int.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "flow.h"
#include "state.h"
#include "value.h"

#define PIECE ((size_t)64 * 1024)
#define ROW_BYTES 4096 /* of a row of text: all that can be on a screen */

static struct value_view *job_view(struct job *j)
{
    return (struct value_view *)(void *)((char *)j - offsetof(struct value_view, job));
}

/* --- bytes ---------------------------------------------------------------------------------- */

static bool bytes_at(const struct value_view *v, uint64_t at, size_t want, const uint8_t **p,
                     size_t *n)
{
    uint64_t left = v->size - at;

    if (want > left)
        want = (size_t)left;
    if (want == 0 || source_view(v->source, v->base + at, want, p, n, NULL) != PB_OK)
        return false;
    *n = *n > left ? (size_t)left : *n;
    return *n > 0;
}

/* Where its payload stands as it is, or a decoded copy. */
static bool find_bytes(struct ui *u, struct value_view *v, const struct pkl_node *node)
{
    struct pkl_view *view = tree_view(u->right.tree);
    struct pkl_node n = *node;
    struct pkl_leaf leaf;
    struct error e;
    size_t len;
    char *copy;

    if (n.ref && view->node(view, n.target, &n, &e) != PB_OK) {
        ui_error(u, &e);
        return false;
    }
    if (n.kind != PKL_PY2STR && pkl_leaf_stands(view, &n, &v->source, &v->base)) {
        v->size = n.count;
        return true;
    }
    pkl_leaf_init(&leaf);
    if (pkl_leaf_read(view, &n, SIZE_MAX, &leaf, &e) != PB_OK) {
        ui_error(u, &e);
        pkl_leaf_release(&leaf);
        return false;
    }
    copy = buf_take(&leaf.data, &len);
    pkl_leaf_release(&leaf);
    v->own = copy != NULL ? source_mem(copy, len, true) : NULL;
    if (v->own == NULL) {
        free(copy);
        ui_say(u, SAY_ERROR, "out of memory");
        return false;
    }
    v->source = v->own;
    v->size = len;
    return true;
}

/* --- rows of text --------------------------------------------------------------------------- */

static bool lay_out(struct value_view *v)
{
    const uint8_t *p;
    size_t n;

    if (v->flow.at >= v->size || v->flow.failed || !bytes_at(v, v->flow.at, PIECE, &p, &n))
        return false;
    n = n < PIECE ? n : PIECE;
    (void)flow_add(&v->flow, p, n, v->flow.at + n >= v->size);
    return true;
}

static enum job_state flow_step(struct job *j, uint64_t budget_us)
{
    struct value_view *v = job_view(j);
    uint64_t until = clock_mono_us() + budget_us;

    do {
        if (!lay_out(v))
            return JOB_DONE;
    } while (clock_mono_us() < until);
    ui_changed(v->u);
    return JOB_MORE;
}

static void flow_finished(struct job *j, enum job_state state)
{
    struct value_view *v = job_view(j);

    (void)state;
    v->running = false;
    if (v->to_end && !v->hex) {
        list_set_count(&v->list, v->flow.rows.len);
        list_move(&v->list, MOVE_LAST);
    }
    v->to_end = false;
    v->u->dirty = true;
}

static int number_width(const struct value_view *v)
{
    return v->size < 100000 ? 5 : 9;
}

static void set_width(struct value_view *v, int width)
{
    uint64_t byte = 0;
    struct error e;

    if (v->flow.width == width || v->hex)
        return;
    if (v->flow.rows.len > v->list.top)
        byte = v->flow.rows.data[v->list.top].from;
    flow_begin(&v->flow, width);
    if (!v->running && loop_add_job(v->u->loop, &v->job, &e) == PB_OK)
        v->running = true;
    while (v->flow.at <= byte + PIECE && lay_out(v)) /* what is seen is there at once */
        ;
    list_set_count(&v->list, v->flow.rows.len);
    list_go(&v->list, flow_row_of(&v->flow, byte));
    v->list.top = v->list.cur;
}

static int per_row(int width)
{
    int n = (width - 12) / 4; /* "0000003f  xx xx  ab": four columns a byte */

    return n >= 32 ? 32 : n >= 16 ? 16 : n >= 8 ? 8 : 4;
}

static uint64_t count_rows(const struct value_view *v, int width)
{
    uint64_t n = (uint64_t)per_row(width);

    return v->hex ? (v->size + n - 1) / n : v->flow.rows.len;
}

/* --- drawing -------------------------------------------------------------------------------- */

/* A part of a row, in its own style; returns its columns. */
static int draw_part(const struct region *r, int y, int x, enum style style, const uint8_t *p,
                     size_t n)
{
    struct buf text;
    int width;

    buf_init(&text, 16 * ROW_BYTES);
    (void)text_escape_cols(&text, p, n, (size_t)(r->w > x ? r->w - x : 0));
    width = screen_text(r, y, x, style, text.data, text.len);
    buf_release(&text);
    return width;
}

static void draw_text_row(const struct value_view *v, uint64_t i, const struct region *r, int y)
{
    const struct flow_row *row = &v->flow.rows.data[i];
    uint64_t end = i + 1 < v->flow.rows.len ? v->flow.rows.data[i + 1].from : v->flow.at, a, b;
    int x = number_width(v) + 1;
    struct buf number;
    const uint8_t *p;
    size_t n;

    if (row->first) {
        buf_init(&number, 32);
        buf_printf(&number, "%*llu", x - 1, (unsigned long long)row->line);
        (void)screen_puts(r, y, 0, STYLE_DIM, number.data);
        buf_release(&number);
    }
    if (end - row->from > ROW_BYTES)
        end = row->from + ROW_BYTES;
    if (!bytes_at(v, row->from, (size_t)(end - row->from), &p, &n))
        return;
    n = n < end - row->from ? n : (size_t)(end - row->from);
    if (n > 0 && p[n - 1] == '\n')
        n--;
    a = v->hit < row->from ? row->from : v->hit;
    b = v->hit == UINT64_MAX ? 0 : v->hit + v->sought.len;
    b = b > row->from + n ? row->from + n : b;
    if (v->hit == UINT64_MAX || a >= b) {
        (void)draw_part(r, y, x, STYLE_VALUE, p, n);
        return;
    }
    x += draw_part(r, y, x, STYLE_VALUE, p, (size_t)(a - row->from));
    x += draw_part(r, y, x, STYLE_MATCH, p + (a - row->from), (size_t)(b - a));
    (void)draw_part(r, y, x, STYLE_VALUE, p + (b - row->from), (size_t)(row->from + n - b));
}

static void draw_hex_row(const struct value_view *v, uint64_t i, const struct region *r, int y)
{
    uint64_t per = (uint64_t)per_row(r->w), from = i * per;
    struct buf text;
    const uint8_t *p;
    size_t n;

    buf_init(&text, 64);
    buf_printf(&text, "%08llx", (unsigned long long)from);
    (void)screen_puts(r, y, 0, STYLE_DIM, text.data);
    if (bytes_at(v, from, (size_t)per, &p, &n)) {
        n = n < per ? n : (size_t)per;
        for (size_t k = 0; k < n; k++) {
            bool hit =
                v->hit != UINT64_MAX && from + k >= v->hit && from + k < v->hit + v->sought.len;
            char ascii[2] = {p[k] >= 0x20 && p[k] < 0x7f ? (char)p[k] : '.', '\0'};

            buf_clear(&text);
            buf_printf(&text, "%02x", p[k]);
            (void)screen_puts(r, y, 10 + 3 * (int)k, hit ? STYLE_MATCH : STYLE_VALUE, text.data);
            (void)screen_puts(r, y, 11 + 3 * (int)per + (int)k,
                              hit               ? STYLE_MATCH
                              : ascii[0] == '.' ? STYLE_DIM
                                                : STYLE_VALUE,
                              ascii);
        }
    }
    buf_release(&text);
}

static void draw_position(const struct value_view *v, const struct region *box)
{
    struct buf text;

    buf_init(&text, 100);
    buf_printf(&text, _(" %s of %s%s rows "), TEXT_COUNT(list_end(&v->list)),
               TEXT_COUNT(v->list.count), v->running && !v->hex ? "+" : "");
    screen_puts_end(box, box->h - 1, box->w - 2, STYLE_NORMAL, text.data);
    if (v->decimal != NULL) {
        buf_clear(&text);
        buf_printf(&text, _(" to decimal: %u %% "), num_decimal_percent(v->decimal));
        (void)screen_puts(box, box->h - 1, 2, STYLE_NORMAL, text.data);
    }
    buf_release(&text);
}

static void value_draw(struct ui *u, struct view *view, const struct region *r, bool focus)
{
    struct value_view *v = (struct value_view *)view;
    struct region box = region_part(r, 1, 0, r->h - 3, r->w), inner; /* messages are seen */

    (void)u;
    (void)focus;
    screen_frame(&box, v->title.data, v->title.len);
    inner = region_part(&box, 1, 2, box.h - 2, box.w - 4);
    set_width(v, inner.w - number_width(v) - 1);
    list_set_count(&v->list, count_rows(v, inner.w));
    list_set_height(&v->list, (unsigned)(inner.h > 0 ? inner.h : 1));
    for (uint64_t i = v->list.top; i < list_end(&v->list); i++) {
        if (v->hex)
            draw_hex_row(v, i, &inner, (int)(i - v->list.top));
        else
            draw_text_row(v, i, &inner, (int)(i - v->list.top));
    }
    draw_position(v, &box);
}

/* --- looking in it -------------------------------------------------------------------------- */

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool same_text(const struct value_view *v, const uint8_t *p, bool exact)
{
    for (size_t i = 0; i < v->sought.len; i++) {
        char c = (char)p[i];

        if ((exact ? c : lower(c)) != v->sought.data[i])
            return false;
    }
    return true;
}

/* The first place at or behind `from`, or UINT64_MAX. */
static uint64_t look(const struct value_view *v, uint64_t from, uint64_t end)
{
    size_t len = v->sought.len;
    bool exact = strpbrk(v->sought.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
    const uint8_t *p;
    size_t n;

    while (from + len <= end && bytes_at(v, from, PIECE + len, &p, &n)) {
        n = n < end - from ? n : (size_t)(end - from);
        for (size_t i = 0; i + len <= n; i++) {
            if (same_text(v, p + i, exact))
                return from + i;
        }
        if (n < len)
            break;
        from += n - len + 1;
    }
    return UINT64_MAX;
}

static void show_hit(struct value_view *v, uint64_t hit)
{
    uint64_t row;

    v->hit = hit;
    if (v->hex) {
        row = hit / (uint64_t)per_row(v->u->screen.cols - 4);
    } else {
        while (v->flow.at <= hit && lay_out(v))
            ;
        row = flow_row_of(&v->flow, hit);
    }
    list_set_count(&v->list, count_rows(v, v->u->screen.cols - 4));
    list_go(&v->list, row);
}

static uint64_t top_byte(const struct value_view *v)
{
    if (v->hex)
        return v->list.top * (uint64_t)per_row(v->u->screen.cols - 4);
    return v->list.top < v->flow.rows.len ? v->flow.rows.data[v->list.top].from : 0;
}

static void look_on(struct value_view *v, int direction)
{
    struct ui *u = v->u;
    uint64_t from = v->hit != UINT64_MAX ? v->hit + 1 : top_byte(v), hit, last = UINT64_MAX;

    if (v->sought.len == 0) {
        ui_say(u, SAY_INFO, "Look for something first: /");
        return;
    }
    if (direction > 0) {
        hit = look(v, from, v->size);
        if (hit == UINT64_MAX && (hit = look(v, 0, v->size)) != UINT64_MAX)
            ui_say(u, SAY_INFO, "From the beginning again.");
    } else {
        from = v->hit != UINT64_MAX ? v->hit : top_byte(v);
        for (hit = 0; (hit = look(v, hit, from + v->sought.len - 1)) != UINT64_MAX && hit < from;
             hit++)
            last = hit;
        hit = last;
    }
    if (hit == UINT64_MAX)
        ui_say(u, SAY_INFO,
               direction > 0 ? _("It is nowhere in this value.") : _("This is the first."));
    else
        show_hit(v, hit);
}

static struct value_view *top_value(struct ui *u)
{
    return u->over != NULL && u->over->ops == &view_value ? (struct value_view *)u->over : NULL;
}

static bool look_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct value_view *v = top_value(u);

    (void)ctx;
    (void)note;
    if (v == NULL)
        return true;
    if (n > 0) {
        buf_clear(&v->sought);
        buf_append(&v->sought, text, n);
        v->hit = UINT64_MAX;
    }
    look_on(v, 1);
    return true;
}

static const struct ask_ops look_ops = {.label = N_("look for: "), .accept = look_accept};

void cmd_value_find(struct ui *u, int arg)
{
    (void)arg;
    ask_open(u, &look_ops, NULL, "", 0);
}

void cmd_value_next(struct ui *u, int direction)
{
    look_on((struct value_view *)u->over, direction);
}

/* Another text in place of the one that is shown. */
void value_show_text(struct value_view *v, struct source *text)
{
    source_free(v->own);
    v->source = v->own = text;
    v->size = text->size;
    v->flow.width = 0; /* laid out anew */
    v->flow.rows.len = 0;
    v->hit = UINT64_MAX;
    list_init(&v->list);
    v->u->dirty = true;
}

/* --- keys (a value has them: only then are these rows of the table found) ------------------- */

static enum context value_context(const struct ui *u)
{
    (void)u;
    return CTX_VALUE;
}

static void value_move(struct ui *u, struct view *view, enum move m)
{
    struct value_view *v = (struct value_view *)view;
    struct list *l = &v->list;
    int page = (int)l->height;

    (void)u;
    v->to_end = m == MOVE_LAST && v->running;
    if (m == MOVE_FIRST || m == MOVE_LAST)
        list_move(l, m);
    else if (m == MOVE_UP || m == MOVE_DOWN)
        list_scroll(l, m == MOVE_UP ? -1 : 1);
    else if (m == MOVE_HALF_UP || m == MOVE_HALF_DOWN)
        list_scroll(l, m == MOVE_HALF_UP ? -page / 2 : page / 2);
    else
        list_scroll(l, m == MOVE_PAGE_UP ? 1 - page : page - 1);
}

static void value_cancel(struct ui *u, struct view *view)
{
    ui_pop(u, view);
}

static void value_free(struct ui *u, struct view *view)
{
    struct value_view *v = (struct value_view *)view;

    if (v->running)
        loop_remove_job(u->loop, &v->job);
    value_int_stop(v);
    flow_release(&v->flow);
    source_free(v->own);
    buf_release(&v->title);
    buf_release(&v->sought);
    free(v);
}

const struct view_ops view_value = {
    .context = value_context,
    .draw = value_draw,
    .move = value_move,
    .cancel = value_cancel,
    .free = value_free,
};

void cmd_value_hex(struct ui *u, int arg)
{
    struct value_view *v = (struct value_view *)u->over;
    uint64_t byte = top_byte(v);

    (void)arg;
    v->hex = !v->hex;
    v->flow.width = 0; /* laid out anew */
    list_set_count(&v->list, UINT64_MAX);
    if (v->hex) {
        list_set_count(&v->list, count_rows(v, u->screen.cols - 4));
        list_go(&v->list, byte / (uint64_t)per_row(u->screen.cols - 4));
        v->list.top = v->list.cur;
        list_set_height(&v->list, v->list.height);
        return;
    }
    set_width(v, u->screen.cols - 4 - number_width(v) - 1);
    while (v->flow.at <= byte && lay_out(v))
        ;
    list_set_count(&v->list, v->flow.rows.len);
    list_go(&v->list, flow_row_of(&v->flow, byte));
    v->list.top = v->list.cur;
    list_set_height(&v->list, v->list.height);
}

bool value_can_open(struct ui *u, const struct pkl_node *n)
{
    struct error ignored;
    uint64_t bits = 0;

    if (n->kind == PKL_INT)
        return pkl_int_long_bits(tree_view(u->right.tree), n, &bits, &ignored) == PB_OK && bits > 0;
    return n->kind == PKL_STR || n->kind == PKL_BYTES || n->kind == PKL_BYTEARRAY ||
           n->kind == PKL_PY2STR;
}

static void push(struct ui *u, struct value_view *v, bool hex)
{
    v->view.ops = &view_value;
    v->u = u;
    v->job.step = flow_step;
    v->job.finished = flow_finished;
    v->hit = UINT64_MAX;
    v->hex = hex;
    buf_init(&v->sought, BUF_MAX_LINE);
    buf_init(&v->title, BUF_MAX_TEXT);
    list_init(&v->list);
    ui_push(u, &v->view);
}

void value_open_source(struct ui *u, struct source *s, uint64_t size, const char *title, bool hex)
{
    struct value_view *v = mem_alloc(sizeof *v);

    if (v == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    v->source = s;
    v->size = size;
    push(u, v, hex);
    buf_puts(&v->title, title);
}

void value_open(struct ui *u)
{
    struct right *r = &u->right;
    struct value_view *v = mem_alloc(sizeof *v);
    struct pkl_child place;
    struct error e;

    if (v == NULL || tree_child(r->tree, r->list.cur, &place, &e) != PB_OK ||
        !(place.value.kind == PKL_INT ? value_int_open(u, v, &place.value)
                                      : find_bytes(u, v, &place.value))) {
        free(v);
        return;
    }
    push(u, v, place.value.kind != PKL_STR && place.value.kind != PKL_INT);
    buf_putc(&v->title, ' ');
    if (tree_path(r->tree, r->list.cur, PATH_FORM_PYTHON, &v->title, NULL) == PB_OK &&
        v->title.len == 1)
        buf_puts(&v->title, _("the whole value"));
    buf_puts(&v->title, " \xc2\xb7 ");
    if (v->bits > 0)
        buf_printf(&v->title, _("%s bits "), TEXT_COUNT(v->bits));
    else
        buf_printf(&v->title, P_("%s byte ", "%s bytes ", v->size), TEXT_COUNT(v->size));
}

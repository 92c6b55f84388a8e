/* Rows over the panes, one of which is taken; what is to be said about it stands below them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define ASKED_MAX 1000 /* bytes that are typed to narrow the rows */
#define NOTE_ROWS 3

static enum context picker_context(const struct ui *u)
{
    const struct picker *p = (const struct picker *)u->over;

    return p->ops->typed != NULL ? CTX_FIND : CTX_PICKER;
}

/* --- drawing -------------------------------------------------------------------------------- */

static void draw_note(struct ui *u, struct picker *p, const struct region *r)
{
    struct lines lines;

    lines_init(&lines);
    p->ops->note(u, p->ctx, p->list.cur, &lines);
    (void)lines_wrap(&lines, r->s, r->w);
    for (size_t i = 0; (int)i < r->h; i++)
        lines_draw(&lines, i, r, (int)i);
    lines_release(&lines);
}

static void draw_rows(struct ui *u, struct picker *p, const struct region *r)
{
    list_set_count(&p->list, p->ops->count(u, p->ctx));
    list_set_height(&p->list, (unsigned)(r->h > 0 ? r->h : 1));
    if (p->list.count == 0)
        (void)screen_puts(r, 0, 1, STYLE_DIM, _(p->ops->empty));
    for (uint64_t i = p->list.top; i < list_end(&p->list); i++) {
        struct region row = region_part(r, (int)(i - p->list.top), 2, 1, r->w - 2);

        p->ops->draw(u, p->ctx, i, &row);
        if (i != p->list.cur)
            continue;
        (void)screen_puts(r, (int)(i - p->list.top), 0, STYLE_KEY, "\xe2\x96\x8c");
        screen_mark(r, (int)(i - p->list.top), 0, r->w, MARK_CURSOR);
    }
}

static void draw_position(const struct picker *p, const struct region *box)
{
    struct buf text;

    buf_init(&text, 64);
    if (p->list.count > p->list.height)
        buf_printf(&text, _(" %llu of %llu "), (unsigned long long)p->list.cur + 1,
                   (unsigned long long)p->list.count);
    screen_puts_end(box, box->h - 1, box->w - 2, STYLE_NORMAL, text.data);
    buf_release(&text);
}

static void picker_draw(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    struct picker *p = (struct picker *)v;
    struct region box = region_part(r, 1, 0, r->h - 2, r->w), inner, part;
    int note = p->ops->note != NULL && box.h >= 8 ? NOTE_ROWS : 0;
    int top = p->ops->typed != NULL ? 1 : 0;

    (void)focus;
    screen_frame(&box, p->title.data, p->title.len);
    inner = region_part(&box, 1, 1, box.h - 2, box.w - 2);
    if (top > 0) {
        (void)screen_puts(&inner, 0, 1, STYLE_PROMPT, "> ");
        prompt_draw(&p->prompt, &inner, 0, 3, inner.w - 4, STYLE_TYPED);
    }
    part = region_part(&inner, top, 0, inner.h - top - note, inner.w);
    p->view.at = part;
    draw_rows(u, p, &part);
    if (note > 0 && p->list.count > 0) {
        part = region_part(&inner, inner.h - note, 2, note, inner.w - 4);
        draw_note(u, p, &part);
    }
    draw_position(p, &box);
}

/* --- keys ----------------------------------------------------------------------------------- */

static void picker_move(struct ui *u, struct view *v, enum move m)
{
    (void)u;
    list_move(&((struct picker *)v)->list, m);
}

static bool picker_key(struct ui *u, struct view *v, uint32_t key)
{
    struct picker *p = (struct picker *)v;
    char utf8[4];

    if (p->ops->typed == NULL || !key_is_text(key))
        return false;
    if (prompt_insert(&p->prompt, utf8, utf8_encode(key, utf8))) {
        p->ops->typed(u, p->ctx, p->prompt.text.data, p->prompt.text.len);
        list_go(&p->list, 0);
    }
    return true;
}

static void picker_click(struct ui *u, struct view *v, int y, int x, bool twice)
{
    struct picker *p = (struct picker *)v;
    uint64_t row = p->list.top + (uint64_t)y;

    (void)x;
    if (row >= p->list.count)
        return;
    list_go(&p->list, row);
    if (twice)
        v->ops->take(u, v);
}

static void picker_cancel(struct ui *u, struct view *v)
{
    ui_pop(u, v);
}

static void picker_free(struct ui *u, struct view *v)
{
    struct picker *p = (struct picker *)v;

    (void)u;
    if (p->ops->release != NULL)
        p->ops->release(p->ctx);
    buf_release(&p->title);
    prompt_release(&p->prompt);
    free(p);
}

static void picker_take(struct ui *u, struct view *v)
{
    struct picker *p = (struct picker *)v;
    uint64_t row = p->list.cur;

    if (row >= p->ops->count(u, p->ctx))
        return;
    u->over = p->view.below; /* what is taken may open a view of its own */
    p->ops->take(u, p->ctx, row);
    picker_free(u, &p->view);
}

static const struct view_ops view_picker = {
    .context = picker_context,
    .draw = picker_draw,
    .move = picker_move,
    .key = picker_key,
    .take = picker_take,
    .click = picker_click,
    .cancel = picker_cancel,
    .free = picker_free,
};

void picker_open(struct ui *u, const struct picker_ops *ops, void *ctx, const char *title)
{
    struct picker *p = mem_alloc(sizeof *p);

    if (p == NULL) {
        if (ops->release != NULL)
            ops->release(ctx);
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    p->view.ops = &view_picker;
    p->ops = ops;
    p->ctx = ctx;
    buf_init(&p->title, BUF_MAX_LINE);
    buf_printf(&p->title, " %s ", title);
    prompt_init(&p->prompt, ASKED_MAX);
    list_init(&p->list);
    list_set_count(&p->list, ops->count(u, ctx));
    ui_push(u, &p->view);
}

/* Rows over the panes have the keys: only then are these rows of the table found. */
void cmd_pick(struct ui *u, int arg)
{
    (void)arg;
    u->over->ops->take(u, u->over);
}

void cmd_pick_line(struct ui *u, int op)
{
    struct picker *p = (struct picker *)u->over;

    prompt_edit(&p->prompt, (enum prompt_op)op);
    p->ops->typed(u, p->ctx, p->prompt.text.data, p->prompt.text.len);
    list_set_count(&p->list, p->ops->count(u, p->ctx));
}

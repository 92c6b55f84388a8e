/* One line asked for: a filter, where to go, a value.  Drawn in the status line, or by the tree. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "complete.h"
#include "state.h"

#define ASK_MAX (256u * 1024u) /* bytes that may be typed or edited in a line */

static enum context ask_context(const struct ui *u)
{
    (void)u;
    return CTX_PROMPT;
}

static void check(struct ui *u, struct ask *a)
{
    buf_clear(&a->note.text);
    a->offered = false;
    a->note.wrong = false;
    a->note.at = 0;
    if (a->ops->check != NULL)
        a->ops->check(u, a->prompt.text.data, a->prompt.text.len, &a->note);
}

void ask_changed(struct ui *u, struct ask *a)
{
    check(u, a);
    if (a->ops->changed != NULL)
        a->ops->changed(u, a->prompt.text.data, a->prompt.text.len);
}

static bool ask_key(struct ui *u, struct view *v, uint32_t key)
{
    struct ask *a = (struct ask *)v;
    char utf8[4];

    if (!key_is_text(key))
        return false;
    if (!prompt_insert(&a->prompt, utf8, utf8_encode(key, utf8)))
        ui_say(u, SAY_WARNING, "There is no room for more in this line.");
    else
        ask_changed(u, a);
    return true;
}

static void ask_move(struct ui *u, struct view *v, enum move m)
{
    (void)u;
    (void)v;
    (void)m;
}

static void ask_cancel(struct ui *u, struct view *v)
{
    const struct ask_ops *ops = ((struct ask *)v)->ops;

    ui_pop(u, v);
    if (ops->cancelled != NULL)
        ops->cancelled(u);
}

static void ask_free(struct ui *u, struct view *v)
{
    struct ask *a = (struct ask *)v;

    complete_forget(u);
    if (a->ops->release != NULL)
        a->ops->release(a->ctx);
    prompt_release(&a->prompt);
    buf_release(&a->note.text);
    buf_release(&a->now);
    free(a);
}

void ask_draw(struct ui *u, struct ask *a, const struct region *r, int y, int x, int width)
{
    (void)u;
    prompt_draw(&a->prompt, r, y, x, width, STYLE_TYPED);
}

static void ask_draw_bottom(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    struct ask *a = (struct ask *)v;
    int y = r->h - 2, x, column = -1;

    (void)focus;
    if (a->ops->inline_value)
        return;
    screen_fill(r, y, 0, 1, r->w, STYLE_NORMAL);
    x = 1 + screen_puts(r, y, 1, STYLE_PROMPT, _(a->ops->label));
    ask_draw(u, a, r, y, x, r->w - x - 1);
    if (a->note.text.len == 0)
        return;
    screen_fill(r, y + 1, 0, 1, r->w, STYLE_NORMAL);
    if (a->note.wrong)
        column = prompt_column(&a->prompt, r->s, STYLE_TYPED, a->note.at, r->w - x - 1);
    layout_note(r, y, y + 1, x, &a->note, column);
}

static const struct view_ops view_ask = {
    .context = ask_context,
    .draw = ask_draw_bottom,
    .move = ask_move,
    .key = ask_key,
    .cancel = ask_cancel,
    .free = ask_free,
};

void ask_open(struct ui *u, const struct ask_ops *ops, void *ctx, const char *text, size_t n)
{
    /* A dialog that opens when the save has come further must not get what is typed here. */
    bool saving = u->saving.step != SAVE_IDLE && !ops->unasked;
    struct ask *a = saving ? NULL : mem_alloc(sizeof *a);

    if (a == NULL) {
        if (ops->release != NULL)
            ops->release(ctx);
        ui_say(u, saving ? SAY_INFO : SAY_ERROR,
               saving ? _("Something is being saved; Esc stops that.") : _("out of memory"));
        return;
    }
    a->view.ops = &view_ask;
    a->ops = ops;
    a->ctx = ctx;
    prompt_init(&a->prompt, ASK_MAX);
    buf_init(&a->note.text, BUF_MAX_LINE);
    buf_init(&a->now, ASK_MAX);
    prompt_set(&a->prompt, text, n);
    check(u, a);
    ui_push(u, &a->view);
}

struct ask *ask_top(const struct ui *u)
{
    return u->over != NULL && u->over->ops == &view_ask ? (struct ask *)u->over : NULL;
}

void cmd_line(struct ui *u, int op)
{
    struct ask *a = ask_top(u);
    bool moves = op <= PROMPT_END;

    if (a == NULL)
        return;
    prompt_edit(&a->prompt, (enum prompt_op)op);
    if (!moves)
        ask_changed(u, a);
}

/* -1: what was typed before; 1: back to what is typed now. */
void cmd_line_before(struct ui *u, int direction)
{
    struct ask *a = ask_top(u);
    const char *text;

    if (a == NULL || (direction > 0 && a->back == 0))
        return;
    if (direction > 0 && a->back == 1) {
        prompt_replace(&a->prompt, a->now.data, a->now.len);
        a->back = 0;
        ask_changed(u, a);
        return;
    }
    text = typed_before(&u->typed, a->ops, direction < 0 ? a->back + 1 : a->back - 1);
    if (text == NULL)
        return;
    if (a->back == 0) {
        buf_clear(&a->now);
        buf_append(&a->now, a->prompt.text.data, a->prompt.text.len);
    }
    a->back = direction < 0 ? a->back + 1 : a->back - 1;
    prompt_replace(&a->prompt, text, strlen(text));
    ask_changed(u, a);
}

void cmd_accept(struct ui *u, int arg)
{
    struct ask *a = ask_top(u);
    size_t n;
    char *text;

    (void)arg;
    if (a != NULL && a->offered)
        check(u, a);
    if (a == NULL || a->note.wrong)
        return; /* the note says what is wrong */
    n = a->prompt.text.len;
    text = mem_strndup(a->prompt.text.data, n);
    if (text == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    buf_clear(&a->note.text);
    /* It lies over nothing while it is taken, so that a dialog that opens then stays. */
    u->over = a->view.below;
    if (a->ops->accept(u, text, n, a->ctx, &a->note)) {
        if (!a->ops->secret)
            typed_add(&u->typed, a->ops, text, n);
        ask_free(u, &a->view);
    } else {
        ui_push(u, &a->view);
    }
    free(text);
}

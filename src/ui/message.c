/* What is told in one sentence, kept to be read again with all that a server said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define KEPT 500 /* messages */

static void forget(struct message *m)
{
    free(m->text);
    free(m->detail);
}

void messages_release(struct messages *m)
{
    for (size_t i = 0; i < m->all.len; i++)
        forget(&m->all.data[i]);
    vec_release(&m->all);
}

const struct message *ui_message(const struct ui *u)
{
    return u->messages.shown ? &u->messages.all.data[u->messages.all.len - 1] : NULL;
}

static void add(struct ui *u, enum say kind, const char *text, const char *detail)
{
    struct message m = {.kind = kind, .when = clock_now(), .text = mem_strdup(text)};

    if (detail != NULL && detail[0] != '\0')
        m.detail = mem_strdup(detail);
    if (u->messages.all.len == KEPT) {
        forget(&u->messages.all.data[0]);
        memmove(u->messages.all.data, u->messages.all.data + 1,
                (KEPT - 1) * sizeof *u->messages.all.data);
        u->messages.all.len--;
    }
    u->messages.shown = m.text != NULL && vec_push(&u->messages.all, m);
    if (!u->messages.shown)
        forget(&m);
    u->messages.fresh = u->messages.shown;
    u->messages.said++;
    u->dirty = true;
}

void ui_unsay(struct ui *u, uint64_t said)
{
    if (u->messages.said != said || !u->messages.shown)
        return;
    u->messages.shown = u->messages.fresh = false;
    u->dirty = true;
}

PB_PRINTF(4, 0)
static void say(struct ui *u, enum say kind, const char *detail, const char *fmt, va_list ap)
{
    char text[2048];

    if (vsnprintf(text, sizeof text, _(fmt), ap) < 0)
        return;
    text[utf8_check(text, strlen(text), false, NULL)] = '\0';
    add(u, kind, text, detail);
}

void ui_say(struct ui *u, enum say kind, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(u, kind, NULL, fmt, ap);
    va_end(ap);
}

void ui_say_detail(struct ui *u, enum say kind, const char *detail, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(u, kind, detail, fmt, ap);
    va_end(ap);
}

/* Errors are parts of sentences for whoever prints them; here they are sentences. */
static void capital(char *text)
{
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");

    if (word > 0 && (text[word] == ' ' || text[word] == '\0'))
        text[0] = (char)(text[0] - 'a' + 'A');
}

void ui_error(struct ui *u, const struct error *e)
{
    struct buf detail;
    char text[ERROR_MSG_MAX];

    buf_init(&detail, BUF_MAX_LINE);
    /* A store's own words hold both already. */
    if (e->http_status != 0 && strstr(e->detail, "HTTP") == NULL)
        buf_printf(&detail, _("HTTP status %d\n"), e->http_status);
    if (e->server_code[0] != '\0' && strstr(e->detail, e->server_code) == NULL) {
        buf_puts(&detail, _("code "));
        text_escape(&detail, e->server_code, strlen(e->server_code));
        buf_putc(&detail, '\n');
    }
    buf_puts(&detail, e->detail);
    (void)snprintf(text, sizeof text, "%s", e->msg);
    capital(text);
    add(u, e->code == PB_ECANCELED ? SAY_WARNING : SAY_ERROR, text, detail.data);
    buf_release(&detail);
}

/* --- a text over the panes ------------------------------------------------------------------ */

struct pager {
    struct view view;
    char *title;
    struct lines lines;
    struct list list;
    struct buf sought; /* with / */
    uint64_t found;    /* row; UINT64_MAX: none */
};

static enum context pager_context(const struct ui *u)
{
    (void)u;
    return CTX_PAGER;
}

static void pager_draw(struct ui *u, struct view *v, const struct region *r, bool focus)
{
    struct pager *p = (struct pager *)v;
    struct region box = region_part(r, 1, 0, r->h - 2, r->w), inner;
    struct buf position;

    (void)u;
    (void)focus;
    screen_frame(&box, p->title, strlen(p->title));
    inner = region_part(&box, 1, 2, box.h - 2, box.w - 4);
    list_set_count(&p->list, lines_wrap(&p->lines, r->s, inner.w));
    list_set_height(&p->list, (unsigned)inner.h);
    for (uint64_t i = p->list.top; i < list_end(&p->list); i++)
        lines_draw(&p->lines, (size_t)i, &inner, (int)(i - p->list.top));
    if (p->found >= p->list.top && p->found < list_end(&p->list))
        screen_mark(&inner, (int)(p->found - p->list.top), 0, inner.w, MARK_CURSOR);
    buf_init(&position, 64);
    if (p->list.count > p->list.height)
        buf_printf(&position, _(" %llu of %llu "), (unsigned long long)list_end(&p->list),
                   (unsigned long long)p->list.count);
    screen_puts_end(&box, box.h - 1, box.w - 2, STYLE_NORMAL, position.data);
    buf_release(&position);
}

static void pager_move(struct ui *u, struct view *v, enum move m)
{
    struct list *l = &((struct pager *)v)->list;
    int page = (int)l->height;

    (void)u;
    switch (m) {
    case MOVE_UP:
    case MOVE_DOWN:
        list_scroll(l, m == MOVE_UP ? -1 : 1);
        break;
    case MOVE_PAGE_UP:
    case MOVE_PAGE_DOWN:
        list_scroll(l, m == MOVE_PAGE_UP ? 1 - page : page - 1);
        break;
    case MOVE_HALF_UP:
    case MOVE_HALF_DOWN:
        list_scroll(l, m == MOVE_HALF_UP ? -page / 2 : page / 2);
        break;
    case MOVE_FIRST:
    case MOVE_LAST:
        list_move(l, m);
        break;
    }
}

static void pager_cancel(struct ui *u, struct view *v)
{
    ui_pop(u, v);
}

static void pager_free(struct ui *u, struct view *v)
{
    struct pager *p = (struct pager *)v;

    (void)u;
    free(p->title);
    lines_release(&p->lines);
    buf_release(&p->sought);
    free(p);
}

static const struct view_ops view_pager = {
    .context = pager_context,
    .draw = pager_draw,
    .move = pager_move,
    .cancel = pager_cancel,
    .free = pager_free,
};

void pager_open(struct ui *u, const char *title, struct lines *lines)
{
    struct pager *p = mem_alloc(sizeof *p);

    if (p == NULL || (p->title = mem_alloc(strlen(title) + 3)) == NULL) {
        free(p);
        lines_release(lines);
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    (void)snprintf(p->title, strlen(title) + 3, " %s ", title);
    p->view.ops = &view_pager;
    p->lines = *lines;
    p->found = UINT64_MAX;
    buf_init(&p->sought, BUF_MAX_LINE);
    lines_init(lines);
    list_init(&p->list);
    ui_push(u, &p->view);
}

/* --- looking for a text in it --------------------------------------------------------------- */

/* The topmost view, when it is one. */
static struct pager *pager_top(const struct ui *u)
{
    return u->over != NULL && u->over->ops == &view_pager ? (struct pager *)u->over : NULL;
}

static bool line_has(const struct line *l, const char *text)
{
    return strcasestr(l->text, text) != NULL ||
           (l->label != NULL && strcasestr(l->label, text) != NULL);
}

/* The first row of the next line that has it, around the end. */
static void pager_find(struct ui *u, struct pager *p, int direction)
{
    size_t n = p->lines.parts.len, at = p->found < n ? (size_t)p->found : p->list.top;
    bool begun = p->found < n;

    for (size_t i = begun ? 1 : 0; i <= n && n > 0; i++) {
        size_t row = direction > 0 ? (at + i) % n : (at + n - i % n) % n;
        const struct line_part *part = &p->lines.parts.data[row];

        if (part->from != 0 || !line_has(&p->lines.all.data[part->line], p->sought.data))
            continue;
        p->found = row;
        if (row < p->list.top || row >= list_end(&p->list))
            list_restore(&p->list, row, p->list.height / 3);
        u->dirty = true;
        return;
    }
    ui_say(u, SAY_INFO, "It is not in this text.");
}

static bool pager_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct pager *p = pager_top(u);

    (void)ctx;
    if (p == NULL || n == 0)
        return true;
    buf_clear(&p->sought);
    buf_append(&p->sought, text, n);
    p->found = UINT64_MAX;
    pager_find(u, p, 1);
    if (p->found != UINT64_MAX)
        return true;
    note->wrong = true;
    buf_puts(&note->text, _("not in this text"));
    return false;
}

static const struct ask_ops pager_ops = {.label = N_("search: "), .accept = pager_accept};

void cmd_pager_find(struct ui *u, int arg)
{
    struct pager *p = pager_top(u);

    (void)arg;
    if (p != NULL)
        ask_open(u, &pager_ops, NULL, p->sought.data, p->sought.len);
}

void cmd_pager_next(struct ui *u, int direction)
{
    struct pager *p = pager_top(u);

    if (p != NULL && p->sought.len > 0)
        pager_find(u, p, direction);
    else
        cmd_pager_find(u, 0);
}

/* --- messages to read again ----------------------------------------------------------------- */

static void add_detail(struct lines *l, const char *detail)
{
    while (*detail != '\0') {
        size_t n = strcspn(detail, "\n");
        struct buf line;

        buf_init(&line, BUF_MAX_LINE);
        buf_puts(&line, "  ");
        text_escape(&line, detail, n);
        (void)lines_add(l, STYLE_VALUE, line.data);
        buf_release(&line);
        detail += n + (detail[n] == '\n');
    }
}

static enum style message_style(const struct message *m)
{
    return m->kind == SAY_ERROR     ? STYLE_ERROR
           : m->kind == SAY_WARNING ? STYLE_WARNING
                                    : STYLE_VALUE;
}

void message_details(struct ui *u)
{
    const struct message *m = ui_message(u);
    struct lines l;

    if (m == NULL)
        return;
    u->messages.shown = false;
    lines_init(&l);
    (void)lines_add(&l, message_style(m), m->text);
    if (m->detail != NULL) {
        (void)lines_add(&l, STYLE_VALUE, "");
        add_detail(&l, m->detail);
    }
    pager_open(u, _("Message"), &l);
}

void cmd_messages(struct ui *u, int arg)
{
    struct lines l;

    (void)arg;
    lines_init(&l);
    for (size_t i = u->messages.all.len; i-- > 0;) {
        const struct message *m = &u->messages.all.data[i];
        struct clock_date d;
        char when[16];

        clock_split(m->when, &d);
        (void)snprintf(when, sizeof when, "%02d:%02d:%02d", d.hour, d.minute, d.second);
        (void)lines_pair(&l, message_style(m), when, m->text);
        if (m->detail != NULL)
            add_detail(&l, m->detail);
    }
    if (l.all.len == 0)
        (void)lines_add(&l, STYLE_VALUE, _("Nothing has been said yet."));
    pager_open(u, _("Messages, the last one first (times are UTC)"), &l);
}

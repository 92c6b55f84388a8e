#include <string.h>

#include <pklbrowse/text.h>

#include "prompt.h"

#define UNDO_TEXTS 4 /* of the greatest length; more of shorter ones */

void prompt_init(struct prompt *p, size_t max)
{
    *p = (struct prompt){0};
    buf_init(&p->text, max);
    buf_init(&p->killed, max);
    buf_init(&p->before, UNDO_TEXTS * max);
}

void prompt_release(struct prompt *p)
{
    buf_release(&p->text);
    buf_release(&p->killed);
    buf_release(&p->before);
}

/* A text as it was: its bytes, then where they end and where the cursor stood. */
struct earlier {
    size_t len, at;
};

static void remember(struct prompt *p)
{
    struct earlier e = {p->text.len, p->at};

    buf_append(&p->before, p->text.data, p->text.len);
    buf_append(&p->before, &e, sizeof e);
    if (p->before.failed != PB_OK) /* no room: the way back begins here */
        buf_clear(&p->before);
}

static void undo(struct prompt *p)
{
    struct earlier e;

    p->typing = false;
    if (p->before.len < sizeof e)
        return;
    memcpy(&e, p->before.data + p->before.len - sizeof e, sizeof e);
    buf_truncate(&p->before, p->before.len - sizeof e);
    buf_clear(&p->text);
    buf_append(&p->text, p->before.data + p->before.len - e.len, e.len);
    buf_truncate(&p->before, p->before.len - e.len);
    p->at = e.at;
    p->first = 0;
}

static bool insert(struct prompt *p, const char *text, size_t n);

void prompt_set(struct prompt *p, const char *text, size_t n)
{
    buf_clear(&p->text);
    buf_clear(&p->before);
    p->typing = false;
    p->at = p->first = 0;
    (void)insert(p, text, n);
}

void prompt_replace(struct prompt *p, const char *text, size_t n)
{
    remember(p);
    p->typing = false;
    buf_clear(&p->text);
    p->at = p->first = 0;
    (void)insert(p, text, n);
}

/* Another character may have joined with what the cursor stood on: it goes to where one begins. */
static void settle(struct prompt *p)
{
    size_t before = text_prev(p->text.data, p->text.len, p->at);
    size_t next = text_next(p->text.data, p->text.len, before);

    if (p->at > 0 && next > p->at)
        p->at = next;
}

static bool insert(struct prompt *p, const char *text, size_t n)
{
    if (utf8_check(text, n, false, NULL) != n)
        return false;
    buf_splice(&p->text, p->at, 0, text, n);
    if (p->text.failed != PB_OK) { /* the text stands as it was */
        p->text.failed = PB_OK;
        return false;
    }
    p->at += n;
    settle(p);
    return true;
}

bool prompt_insert(struct prompt *p, const char *text, size_t n)
{
    bool typing = n <= 4 && *text != ' '; /* a word goes as a whole */
    size_t before = p->before.len;

    if (!typing || !p->typing)
        remember(p);
    if (!insert(p, text, n)) {
        buf_truncate(&p->before, before < p->before.len ? before : p->before.len);
        return false;
    }
    p->typing = typing;
    return true;
}

static bool is_word(const char *s)
{
    unsigned char c = (unsigned char)*s;

    return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static size_t word_left(const struct prompt *p)
{
    const char *s = p->text.data;
    size_t at = p->at, before;

    while (at > 0 && (before = text_prev(s, p->text.len, at), !is_word(s + before)))
        at = before;
    while (at > 0 && (before = text_prev(s, p->text.len, at), is_word(s + before)))
        at = before;
    return at;
}

static size_t word_right(const struct prompt *p)
{
    const char *s = p->text.data;
    size_t at = p->at, n = p->text.len;

    while (at < n && !is_word(s + at))
        at = text_next(s, n, at);
    while (at < n && is_word(s + at))
        at = text_next(s, n, at);
    return at;
}

/* ^W goes by blanks, as in a shell. */
static size_t blank_left(const struct prompt *p)
{
    size_t at = p->at;

    while (at > 0 && p->text.data[at - 1] == ' ')
        at--;
    while (at > 0 && p->text.data[at - 1] != ' ')
        at--;
    return at;
}

static void cut(struct prompt *p, size_t from, size_t to, bool keep)
{
    if (from >= to)
        return;
    if (keep) {
        buf_clear(&p->killed);
        buf_append(&p->killed, p->text.data + from, to - from);
    }
    buf_splice(&p->text, from, to - from, NULL, 0);
    p->at = from;
    settle(p);
}

static void transpose(struct prompt *p)
{
    const char *s = p->text.data;
    size_t n = p->text.len, mid, from, to;
    struct buf swapped;

    mid = p->at == n ? text_prev(s, n, n) : p->at;
    from = text_prev(s, n, mid);
    to = text_next(s, n, mid);
    if (mid == 0 || to == mid)
        return;
    buf_init(&swapped, n);
    buf_append(&swapped, s + mid, to - mid);
    buf_append(&swapped, s + from, mid - from);
    if (swapped.failed == PB_OK) {
        buf_splice(&p->text, from, to - from, swapped.data, swapped.len);
        p->at = to;
        settle(p);
    }
    buf_release(&swapped);
}

void prompt_edit(struct prompt *p, enum prompt_op op)
{
    const char *s = p->text.data;
    size_t n = p->text.len, before = p->before.len;

    p->typing = false;
    if (op > PROMPT_END && op != PROMPT_UNDO && op != PROMPT_YANK)
        remember(p);
    switch (op) {
    case PROMPT_LEFT:
        p->at = text_prev(s, n, p->at);
        break;
    case PROMPT_RIGHT:
        p->at = text_next(s, n, p->at);
        break;
    case PROMPT_WORD_LEFT:
        p->at = word_left(p);
        break;
    case PROMPT_WORD_RIGHT:
        p->at = word_right(p);
        break;
    case PROMPT_HOME:
        p->at = 0;
        break;
    case PROMPT_END:
        p->at = n;
        break;
    case PROMPT_BACKSPACE:
        cut(p, text_prev(s, n, p->at), p->at, false);
        break;
    case PROMPT_DELETE:
        cut(p, p->at, text_next(s, n, p->at), false);
        break;
    case PROMPT_KILL_START:
        cut(p, 0, p->at, true);
        break;
    case PROMPT_KILL_END:
        cut(p, p->at, n, true);
        break;
    case PROMPT_KILL_WORD_BACK:
        cut(p, blank_left(p), p->at, true);
        break;
    case PROMPT_KILL_WORD:
        cut(p, p->at, word_right(p), true);
        break;
    case PROMPT_YANK:
        (void)prompt_insert(p, p->killed.data, p->killed.len);
        break;
    case PROMPT_TRANSPOSE:
        transpose(p);
        break;
    case PROMPT_UNDO:
        undo(p);
        return;
    }
    if (p->text.len == n && op != PROMPT_TRANSPOSE && before < p->before.len)
        buf_truncate(&p->before, before); /* nothing was done */
}

/* --- drawing -------------------------------------------------------------------------------- */

/* One grapheme as it is drawn: a control character that was pasted is seen as an escape. */
static int shown(const struct prompt *p, const struct screen *s, enum style style, size_t from,
                 size_t to, struct buf *out)
{
    buf_clear(out);
    text_escape(out, p->text.data + from, to - from);
    return screen_width(s, style, out->data, out->len);
}

static int columns(const struct prompt *p, const struct screen *s, enum style style, size_t from,
                   size_t to, int most)
{
    struct buf b;
    int sum = 0;

    buf_init(&b, BUF_MAX_LINE);
    while (from < to && sum <= most) {
        size_t next = text_next(p->text.data, p->text.len, from);

        sum += shown(p, s, style, from, next, &b);
        from = next;
    }
    buf_release(&b);
    return sum;
}

static void scroll(struct prompt *p, const struct screen *s, enum style style, int width)
{
    const char *text = p->text.data;
    size_t n = p->text.len;

    if (p->first > n || p->first > p->at)
        p->first = p->at;
    if (columns(p, s, style, p->first, p->at, width) > width - 1) {
        int sum = 0;

        p->first = p->at;
        while (p->first > 0) {
            size_t before = text_prev(text, n, p->first);

            sum += columns(p, s, style, before, p->first, width);
            if (sum > width - 1)
                break;
            p->first = before;
        }
    }
    while (p->first > 0) {
        size_t before = text_prev(text, n, p->first);

        if (columns(p, s, style, before, n, width) > width - 1)
            break;
        p->first = before;
    }
}

void prompt_draw(struct prompt *p, const struct region *r, int y, int x, int width,
                 enum style style)
{
    struct region field = region_part(r, y, x, 1, width);
    size_t at, n = p->text.len;
    int col = 0;
    struct buf b;

    if (field.w <= 0)
        return;
    scroll(p, r->s, style, field.w);
    screen_fill(&field, 0, 0, 1, field.w, style);
    buf_init(&b, BUF_MAX_LINE);
    for (at = p->first; at < n; at = text_next(p->text.data, n, at)) {
        int w = shown(p, r->s, style, at, text_next(p->text.data, n, at), &b);

        if (at == p->at)
            screen_cursor(&field, 0, col);
        if (col + w > field.w)
            break;
        col += screen_text(&field, 0, col, style, b.data, b.len);
    }
    if (p->at >= n)
        screen_cursor(&field, 0, col);
    buf_release(&b);
}

int prompt_column(const struct prompt *p, const struct screen *s, enum style style, size_t byte,
                  int width)
{
    int col;

    if (byte < p->first)
        return -1;
    col = columns(p, s, style, p->first, byte < p->text.len ? byte : p->text.len, width);
    return col < width ? col : -1;
}

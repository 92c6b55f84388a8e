#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "lines.h"

void lines_init(struct lines *l)
{
    *l = (struct lines){0};
}

void lines_clear(struct lines *l)
{
    for (size_t i = 0; i < l->all.len; i++) {
        free(l->all.data[i].label);
        free(l->all.data[i].text);
    }
    l->all.len = l->parts.len = 0;
}

void lines_release(struct lines *l)
{
    lines_clear(l);
    vec_release(&l->all);
    vec_release(&l->parts);
}

bool lines_pair(struct lines *l, enum style style, const char *label, const char *text)
{
    struct line line = {.style = style, .text = mem_strdup(text)};

    if (label != NULL)
        line.label = mem_strdup(label);
    if (line.text != NULL && (label == NULL || line.label != NULL) && vec_push(&l->all, line))
        return true;
    free(line.text);
    free(line.label);
    return false;
}

bool lines_add(struct lines *l, enum style style, const char *text)
{
    return lines_pair(l, style, NULL, text);
}

bool lines_printf(struct lines *l, enum style style, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    char small[1024];
    int n;
    bool ok;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        return false;
    /* What does not fit is cut at a character. */
    buf_init(&b, sizeof small);
    buf_append(&b, small, utf8_check(small, strlen(small), false, NULL));
    ok = lines_add(l, style, b.data);
    buf_release(&b);
    return ok;
}

/* --- wrapping ------------------------------------------------------------------------------- */

static void widest_label(struct lines *l, const struct screen *s, int width)
{
    l->label_width = 0;
    for (size_t i = 0; i < l->all.len; i++) {
        const char *label = l->all.data[i].label;
        int w = label != NULL ? screen_width(s, STYLE_LABEL, label, strlen(label)) + 2 : 0;

        if (w > l->label_width)
            l->label_width = w;
    }
    if (l->label_width > width / 2)
        l->label_width = width / 2;
}

/* Bytes of text that go on one row: up to a blank where there is one, never nothing. */
static size_t one_row(const char *text, size_t n, enum style style, const struct screen *s,
                      int width)
{
    size_t at = 0, blank = 0;
    int sum = 0;

    while (at < n) {
        size_t next = text_next(text, n, at);

        sum += screen_width(s, style, text + at, next - at);
        if (sum > width && at > 0)
            return blank > 0 ? blank : at;
        at = next;
        if (text[at - 1] == ' ')
            blank = at;
    }
    return n;
}

size_t lines_wrap(struct lines *l, const struct screen *s, int width)
{
    l->parts.len = 0;
    widest_label(l, s, width);
    for (size_t i = 0; i < l->all.len; i++) {
        const struct line *line = &l->all.data[i];
        size_t n = strlen(line->text), at = 0;
        int room = width - (line->label != NULL ? l->label_width : 0);

        do {
            struct line_part part = {i, at, one_row(line->text + at, n - at, line->style, s, room)};

            if (!vec_push(&l->parts, part))
                return l->parts.len;
            at += part.len;
        } while (at < n);
    }
    return l->parts.len;
}

void lines_draw(const struct lines *l, size_t row, const struct region *r, int y)
{
    const struct line_part *part;
    const struct line *line;
    int x = 0;

    if (row >= l->parts.len)
        return;
    part = &l->parts.data[row];
    line = &l->all.data[part->line];
    if (line->label != NULL) {
        x = l->label_width;
        if (part->from == 0)
            (void)screen_field(r, y, 0, x - 1, STYLE_LABEL, line->label, strlen(line->label));
    }
    (void)screen_text(r, y, x, line->style, line->text + part->from, part->len);
}

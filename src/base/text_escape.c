/* The only way for untrusted text to a terminal.  Text is cut into pieces, each one code point
 * drawn as it is or the escape of one. */
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include <pklbrowse/text.h>

/* Terminals keep a few accents in a cell and drop the rest unseen. */
#define MARKS_MAX 4

/* A joiner makes sense between characters of scripts that have them and between emoji; between
 * others it only makes two names look alike. */
#define FIRST_JOINABLE 0x0300u

struct walk {
    const char *s;
    size_t n, at;
    uint32_t prev;  /* the code point before, 0 when it was escaped or there is none */
    unsigned marks; /* accents on the last base */
    utf8proc_int32_t state;
};

struct piece {
    char text[12];
    size_t len;
    size_t width;
    bool joined; /* belongs to the grapheme before it */
};

static bool is_joiner(uint32_t cp)
{
    return cp == 0x200c || cp == 0x200d;
}

static bool is_selector(uint32_t cp)
{
    return (cp >= 0xfe00 && cp <= 0xfe0f) || (cp >= 0x180b && cp <= 0x180f) ||
           (cp >= 0xe0100 && cp <= 0xe01ef);
}

static bool is_mark(uint32_t cp)
{
    utf8proc_category_t c;

    if (cp < 0x0300)
        return false;
    c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME;
}

/* Characters that carry nothing and never join with each other: most of them, known without looking
 * into tables.  From U+0080 on they are always drawn as well. */
static bool is_simple(uint32_t cp)
{
    return cp < 0x80 || (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0xac00 && cp <= 0xd7a3) ||
           (cp >= 0x00c0 && cp <= 0x02ff) || (cp >= 0x0400 && cp <= 0x0481);
}

/* May cp be drawn here?  What has no width of its own needs a neighbour to be seen with. */
static bool fits_here(const struct walk *w, uint32_t cp, size_t used)
{
    uint32_t next;

    if (cp >= 0x80 && is_simple(cp))
        return true;
    if (is_joiner(cp))
        return w->prev >= FIRST_JOINABLE && !is_joiner(w->prev) && w->at + used < w->n &&
               utf8_decode(w->s + w->at + used, w->n - w->at - used, &next, false) > 0 &&
               next >= FIRST_JOINABLE && text_drawable(next) && !is_selector(next);
    if (!text_drawable(cp))
        return false;
    if (is_selector(cp))
        return w->prev != 0 && !is_selector(w->prev) && !is_joiner(w->prev);
    if (is_mark(cp))
        return w->prev != 0 && w->marks < MARKS_MAX;
    return true;
}

/* An invalid byte is \xff, so a character from U+0080 on is \u: the two never look the same. */
static void escape(struct piece *p, uint32_t cp, bool raw_byte)
{
    int n;

    if (cp == '\n' || cp == '\t' || cp == '\r')
        n = snprintf(p->text, sizeof p->text, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
    else if (raw_byte || cp < 0x80)
        n = snprintf(p->text, sizeof p->text, "\\x%02x", (unsigned)cp);
    else if (cp < 0x10000)
        n = snprintf(p->text, sizeof p->text, "\\u%04x", (unsigned)cp);
    else
        n = snprintf(p->text, sizeof p->text, "\\U%08x", (unsigned)cp);
    p->len = p->width = n > 0 ? (size_t)n : 0;
}

/* The next piece, w->at < w->n. */
static void next_piece(struct walk *w, struct piece *p)
{
    uint32_t cp;
    size_t used = utf8_decode(w->s + w->at, w->n - w->at, &cp, true);

    p->joined = false;
    if (used == 0 || !fits_here(w, cp, used)) {
        if (used == 0)
            cp = (unsigned char)w->s[w->at];
        escape(p, cp, used == 0);
        w->at += used == 0 ? 1 : used;
        w->prev = 0;
        w->marks = 0;
        w->state = 0;
        return;
    }
    memcpy(p->text, w->s + w->at, used);
    p->len = used;
    p->width = (size_t)text_cp_width(cp);
    if (is_simple(w->prev) && is_simple(cp))
        w->state = 0;
    else if (w->prev != 0)
        p->joined = !utf8proc_grapheme_break_stateful((utf8proc_int32_t)w->prev,
                                                      (utf8proc_int32_t)cp, &w->state);
    w->marks = !is_simple(cp) && is_mark(cp) ? w->marks + 1 : 0;
    w->prev = cp;
    w->at += used;
}

/* Printable ASCII from w->at on, at most `max` characters: most text is nothing else. */
static size_t plain_run(const struct walk *w, size_t max)
{
    size_t n = w->n - w->at < max ? w->n - w->at : max, i = 0;

    while (i < n && w->s[w->at + i] >= 0x20 && w->s[w->at + i] < 0x7f)
        i++;
    return i;
}

bool text_escape_cols(struct buf *out, const void *p, size_t n, size_t cols)
{
    struct walk w = {.s = p, .n = n};
    size_t width = 0, whole = out->len; /* up to here: whole graphemes that fit */

    while (w.at < n && out->failed == PB_OK) {
        size_t run = plain_run(&w, cols - width);
        struct piece piece;

        if (run > 0) {
            buf_append(out, w.s + w.at, run);
            w.at += run;
            w.prev = (unsigned char)w.s[w.at - 1];
            w.marks = 0;
            w.state = 0;
            width += run;
            if (w.at == n || out->failed != PB_OK)
                break;
            whole = out->len - 1; /* the last one may get an accent */
        }
        next_piece(&w, &piece);
        if (!piece.joined)
            whole = out->len;
        if (piece.width > cols - width) {
            buf_truncate(out, whole);
            return true;
        }
        buf_append(out, piece.text, piece.len);
        width += piece.width;
    }
    return false;
}

void text_escape(struct buf *out, const void *p, size_t n)
{
    (void)text_escape_cols(out, p, n, SIZE_MAX);
}

/* How wide text is, and where it may be cut.  Columns are libc's, because the terminal library lays
 * out by them; what belongs together (a letter with its accents, joined emoji) is utf8proc's. */
#include <wchar.h>

#include <utf8proc.h>

#include <pklbrowse/text.h>

int text_cp_width(uint32_t cp)
{
    int width = cp < 0x7f && cp >= 0x20 ? 1 : wcwidth((wchar_t)cp);

    return width < 0 ? 1 : width;
}

/* One code point; an invalid byte counts as one of its own, so that no caller can run in place. */
static size_t decode_any(const char *s, size_t n, uint32_t *cp)
{
    size_t used = utf8_decode(s, n, cp, true);

    if (used == 0) {
        *cp = 0xfffd;
        used = 1;
    }
    return used;
}

/* Bytes of the first grapheme of s, n >= 1; *width gets its columns. */
static size_t grapheme(const char *s, size_t n, size_t *width)
{
    uint32_t cp, next;
    size_t at = decode_any(s, n, &cp);
    utf8proc_int32_t state = 0;

    *width = (size_t)text_cp_width(cp);
    /* Two printable ASCII characters never join: most text ends here. */
    while (at < n && !((unsigned char)s[at] < 0x80 && cp < 0x80 && cp >= 0x20)) {
        size_t used = decode_any(s + at, n - at, &next);

        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)cp, (utf8proc_int32_t)next, &state))
            break;
        *width += (size_t)text_cp_width(next);
        at += used;
        cp = next;
    }
    return at;
}

size_t text_width(const char *s, size_t n)
{
    size_t width = 0;

    for (size_t at = 0; at < n;) {
        uint32_t cp;

        if (s[at] >= 0x20 && s[at] < 0x7f) {
            at++;
            width++;
            continue;
        }
        at += decode_any(s + at, n - at, &cp);
        width += (size_t)text_cp_width(cp);
    }
    return width;
}

size_t text_fit(const char *s, size_t n, size_t cols, size_t *used)
{
    size_t at = 0, width = 0;

    while (at < n) {
        size_t w, len = grapheme(s + at, n - at, &w);

        if (w > cols - width)
            break;
        at += len;
        width += w;
    }
    if (used != NULL)
        *used = width;
    return at;
}

size_t text_next(const char *s, size_t n, size_t at)
{
    size_t width;

    return at >= n ? n : at + grapheme(s + at, n - at, &width);
}

/* How far back text_prev() looks for a place where a grapheme surely begins. */
#define PREV_WINDOW 256

size_t text_prev(const char *s, size_t n, size_t at)
{
    size_t from, before;

    if (at > n)
        at = n;
    if (at == 0)
        return 0;
    from = at > PREV_WINDOW ? at - PREV_WINDOW : 0;
    /* Begin after the last line break or blank of the window: graphemes break there. */
    for (size_t i = at - 1; i > from; i--) {
        if (s[i - 1] == '\n' || (s[i - 1] == ' ' && (unsigned char)s[i] < 0x80)) {
            from = i;
            break;
        }
    }
    for (int i = 0; i < 3 && from > 0 && from + 1 < at && ((unsigned char)s[from] & 0xc0) == 0x80;
         i++)
        from++;
    do {
        before = from;
        from = text_next(s, n, from);
    } while (from < at);
    return before;
}

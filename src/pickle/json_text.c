#include "json_text.h"

#include <pklbrowse/text.h>

#include "repr_text.h"

bool pkl_json_can(const char *s, size_t n)
{
    return utf8_check(s, n, false, NULL) == n;
}

static void put_escape(struct buf *out, uint32_t cp)
{
    if (cp == '"' || cp == '\\')
        buf_printf(out, "\\%c", (int)cp);
    else if (cp == '\n')
        buf_puts(out, "\\n");
    else if (cp == '\t')
        buf_puts(out, "\\t");
    else if (cp == '\r')
        buf_puts(out, "\\r");
    else if (cp < 0x10000)
        buf_printf(out, "\\u%04x", (unsigned)cp);
    else
        buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                   (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
}

void pkl_json_escaped(struct buf *out, const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t run = text_plain(s + at, n - at, '"', TEXT_DRAWABLE), used;
        uint32_t cp;

        buf_append(out, s + at, run);
        at += run;
        if (at == n)
            break;
        used = utf8_decode(s + at, n - at, &cp, false);
        if (used == 0) {
            cp = (unsigned char)s[at];
            used = 1;
        }
        put_escape(out, cp);
        at += used;
    }
}

void pkl_json_string(struct buf *out, const char *s, size_t n)
{
    buf_putc(out, '"');
    pkl_json_escaped(out, s, n);
    buf_putc(out, '"');
}

/* A str: plain, or with its lone surrogates escaped as Python writes them. */
void pkl_json_str(struct buf *out, const char *s, size_t n)
{
    struct buf repr;

    if (pkl_json_can(s, n)) {
        pkl_json_string(out, s, n);
        return;
    }
    buf_init(&repr, SIZE_MAX / 2);
    pkl_repr_str(&repr, s, n, true);
    buf_puts(out, "{\"$str\": ");
    pkl_json_string(out, repr.data, repr.len);
    buf_putc(out, '}');
    if (repr.failed != PB_OK)
        out->failed = repr.failed;
    buf_release(&repr);
}

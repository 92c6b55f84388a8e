#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/text.h>

#include "cli.h"

static void put_code_point(struct buf *out, uint32_t cp)
{
    static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *p = cp < 0x80 && cp != 0 ? strchr(letters, (int)cp) : NULL;
    char bytes[4];

    if (p != NULL) {
        buf_putc(out, '\\');
        buf_putc(out, names[p - letters]);
    } else if (cp < 0x10000 && (!text_drawable(cp) || (cp >= 0xd800 && cp < 0xe000))) {
        buf_printf(out, "\\u%04x", (unsigned)cp);
    } else if (!text_drawable(cp)) {
        buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                   (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
    } else {
        buf_append(out, bytes, utf8_encode(cp, bytes));
    }
}

void json_bytes(struct buf *out, const char *s, size_t n)
{
    buf_putc(out, '"');
    while (n > 0) {
        uint32_t cp;
        size_t used = utf8_decode(s, n, &cp, false);

        if (used == 0) {
            used = 1;
            cp = 0xdc00u + (unsigned char)*s;
        }
        put_code_point(out, cp);
        s += used;
        n -= used;
    }
    buf_putc(out, '"');
}

void json_time(struct buf *out, int64_t t)
{
    if (t == 0) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '"');
    clock_format_iso(out, t);
    buf_putc(out, '"');
}

void json_text(struct buf *out, const char *s)
{
    if (s == NULL)
        buf_puts(out, "null");
    else
        json_bytes(out, s, strlen(s));
}

void json_name(struct buf *out, const char *name)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_puts(out, ", ");
    json_text(out, name);
    buf_puts(out, ": ");
}

void json_member(struct buf *out, const char *name, const char *value)
{
    json_name(out, name);
    json_text(out, value);
}

void json_member_time(struct buf *out, const char *name, int64_t t)
{
    json_name(out, name);
    json_time(out, t);
}

void json_member_number(struct buf *out, const char *name, uint64_t n)
{
    json_name(out, name);
    buf_printf(out, "%llu", (unsigned long long)n);
}

void json_member_bool(struct buf *out, const char *name, bool yes)
{
    json_name(out, name);
    buf_puts(out, yes ? "true" : "false");
}

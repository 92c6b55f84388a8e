#include "repr_text.h"

#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

/* Bits of the largest int with NUM_DECIMAL_DIGITS digits. */
#define DECIMAL_BITS 14285u

static char quote_for(const char *p, size_t n)
{
    return memchr(p, '\'', n) != NULL && memchr(p, '"', n) == NULL ? '"' : '\'';
}

/* \t, \n, \r, the backslash and the quote in use; false: none of these. */
static bool put_short_escape(struct buf *out, uint32_t c, char quote)
{
    if (c == '\t')
        buf_puts(out, "\\t");
    else if (c == '\n')
        buf_puts(out, "\\n");
    else if (c == '\r')
        buf_puts(out, "\\r");
    else if (c == '\\')
        buf_puts(out, "\\\\");
    else if (c == (unsigned char)quote)
        buf_printf(out, "\\%c", quote);
    else
        return false;
    return true;
}

void pkl_repr_str(struct buf *out, const char *utf8, size_t n, bool ascii)
{
    char quote = n > 0 ? quote_for(utf8, n) : '\'';
    size_t plain = 0, at = 0;

    buf_putc(out, quote);
    while (at < n) {
        uint32_t cp;
        size_t used = utf8_decode(utf8 + at, n - at, &cp, true);

        if (used == 0) {
            cp = (uint8_t)utf8[at];
            used = 1;
        } else if (cp != '\\' && cp != (unsigned char)quote && text_printable(cp) &&
                   !(ascii && cp >= 0x80)) {
            at += used;
            continue;
        }
        buf_append(out, utf8 + plain, at - plain);
        if (!put_short_escape(out, cp, quote))
            buf_printf(out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        at += used;
        plain = at;
    }
    if (n > 0)
        buf_append(out, utf8 + plain, n - plain);
    buf_putc(out, quote);
}

/* A bytearray's repr has a backslash before every "'", whatever the quotes are. */
static void put_bytes(struct buf *out, const void *p, size_t n, bool array)
{
    const uint8_t *s = p;
    char quote = n > 0 ? quote_for(p, n) : '\'';
    size_t plain = 0;

    buf_putc(out, 'b');
    buf_putc(out, quote);
    for (size_t i = 0; i < n; i++) {
        if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\' && s[i] != (uint8_t)quote &&
            !(array && s[i] == '\''))
            continue;
        buf_append(out, s + plain, i - plain);
        if (!put_short_escape(out, s[i], array ? '\'' : quote))
            buf_printf(out, "\\x%02x", s[i]);
        plain = i + 1;
    }
    if (n > 0)
        buf_append(out, s + plain, n - plain);
    buf_putc(out, quote);
}

void pkl_repr_bytes(struct buf *out, const void *p, size_t n)
{
    put_bytes(out, p, n, false);
}

bool repr_is_ascii(const struct buf *b)
{
    unsigned char any = 0;

    for (size_t i = 0; i < b->len; i++)
        any |= (unsigned char)b->data[i];
    return any < 0x80;
}

enum pb_err repr_big(struct buf *out, const struct pkl_leaf *l, struct error *e)
{
    const uint8_t *le = (const uint8_t *)l->data.data;
    size_t bits, before = out->len, digits;
    enum pb_err err;

    if (l->fits) {
        buf_printf(out, "%lld", (long long)l->integer);
        return PB_OK;
    }
    bits = num_big_bits(le, l->data.len);
    if (bits > DECIMAL_BITS)
        return num_big_to_hex(out, le, l->data.len, e);
    err = num_big_to_decimal(out, le, l->data.len, e);
    digits = out->len - before;
    if (err == PB_OK && digits > 0 && out->data[before] == '-')
        digits--;
    if (err != PB_OK || digits <= NUM_DECIMAL_DIGITS)
        return err;
    buf_truncate(out, before);
    return num_big_to_hex(out, le, l->data.len, e);
}

enum pb_err repr_leaf(struct buf *out, const struct pkl_leaf *l, bool ascii, struct error *e)
{
    const char *s = l->data.data;
    size_t n = l->data.len;

    switch (l->kind) {
    case PKL_NONE:
        buf_puts(out, "None");
        break;
    case PKL_BOOL:
        buf_puts(out, l->boolean ? "True" : "False");
        break;
    case PKL_INT:
        return repr_big(out, l, e);
    case PKL_FLOAT:
        num_repr_double(out, l->real);
        break;
    case PKL_BYTEARRAY:
        buf_puts(out, "bytearray(");
        put_bytes(out, s, n, true);
        buf_putc(out, ')');
        break;
    case PKL_BYTES:
        pkl_repr_bytes(out, s, n);
        break;
    case PKL_PY2STR:
        if (repr_is_ascii(&l->data))
            pkl_repr_str(out, s, n, ascii);
        else
            pkl_repr_bytes(out, s, n);
        break;
    case PKL_STR:
        pkl_repr_str(out, s, n, ascii);
        break;
    case PKL_EXTENSION:
        buf_printf(out, "extension %lld", (long long)l->integer);
        break;
    case PKL_BUFFER:
        buf_printf(out, "buffer %lld", (long long)l->integer);
        break;
    default:
        buf_puts(out, "persistent ");
        if (utf8_check(s, n, false, NULL) == n)
            pkl_repr_str(out, s, n, ascii);
        else
            pkl_repr_bytes(out, s, n);
        break;
    }
    return buf_status(out, e);
}

enum pb_err repr_name(struct pkl_view *v, const struct pkl_node *global, struct buf *out,
                      struct error *e)
{
    struct pkl_name name;
    enum pb_err err = pkl_name_read(v, global, &name, e);

    if (err == PB_EUNSUPPORTED) {
        buf_puts(out, "?");
        return buf_status(out, e);
    }
    if (err != PB_OK)
        return err;
    text_escape(out, name.py3_module, strlen(name.py3_module));
    buf_putc(out, '.');
    text_escape(out, name.py3_name, strlen(name.py3_name));
    pkl_name_release(&name);
    return buf_status(out, e);
}

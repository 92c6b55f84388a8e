/* Arguments of opcodes as Python's repr() of what pickletools reads. */
#include "dis.h"

#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "line.h"
#include "repr_text.h"

#define GATHER ((size_t)32 * 1024)
#define PIECE 65536u
#define BYTES_PIECE 8192u /* each becomes up to four */

enum pb_err dis_flush(struct dis_out *o, bool all, struct error *e)
{
    enum pb_err err = PB_OK;

    if (o->buf.len < GATHER && !all && o->buf.failed == PB_OK)
        return PB_OK;
    err = buf_status(&o->buf, e);
    if (err == PB_OK && o->buf.len > 0)
        err = sink_write(o->to, o->buf.data, o->buf.len, e);
    buf_clear(&o->buf);
    return err;
}

/* ------------------------------------------------------------------- strings */

/* How the bytes of a text are to be read. */
enum form {
    BYTES,
    BYTEARRAY,
    UTF8,
    LATIN1,
    ESCAPED /* STRING */,
    RAW_UNICODE /* UNICODE */,
    NAMES
};

struct text {
    enum form form;
    uint64_t from, end;
};

static void put_escape(struct buf *out, uint32_t c, char quote)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '\t')
        buf_puts(out, "\\t");
    else if (c == '\n')
        buf_puts(out, "\\n");
    else if (c == '\r')
        buf_puts(out, "\\r");
    else if (c == '\\' || (c != 0 && c == (uint8_t)quote))
        buf_printf(out, "\\%c", (int)c);
    else if (c < 0x100)
        buf_append(out, (char[4]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    else
        buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

/* One character at p; the bytes it took. */
static size_t put_char(struct buf *out, const uint8_t *p, size_t n, enum form form, char quote)
{
    uint32_t c = p[0];
    size_t used = 1;
    char bytes[4];

    if (form == UTF8) {
        used = utf8_decode(p, n, &c, true);
        if (used > 0 && c >= 0x80 && text_printable(c)) {
            buf_append(out, p, used);
            return used;
        }
        if (used == 0) {
            c = p[0];
            used = 1;
        }
    } else if (form == LATIN1 && c >= 0x80 && text_printable(c)) {
        buf_append(out, bytes, utf8_encode(c, bytes));
        return 1;
    }
    put_escape(out, c, quote);
    return used;
}

static size_t plain(const uint8_t *p, size_t n, char quote, enum form form, bool checked)
{
    if (form == UTF8 && checked)
        return text_plain_utf8(p, n, quote);
    return text_plain(p, n, quote, form == UTF8 ? TEXT_PRINTABLE : TEXT_ASCII);
}

static void put_text(struct dis_out *o, const uint8_t *p, size_t n, enum form form, char quote)
{
    struct buf *out = &o->buf;
    size_t at = 0;

    while (at < n) {
        size_t run = plain(p + at, n - at, quote, form, o->checked);

        buf_append(out, p + at, run);
        at += run;
        if (at < n)
            at += put_char(out, p + at, n - at, form, quote);
    }
}

/* Bytes of p without a character that its end cuts in two. */
static size_t whole_chars(const uint8_t *p, size_t n)
{
    size_t back = 1;

    while (back < 4 && back < n && (p[n - back] & 0xc0) == 0x80)
        back++;
    if (back < n && ((p[n - back] >= 0xc0 && back < 2) || (p[n - back] >= 0xe0 && back < 3) ||
                     (p[n - back] >= 0xf0 && back < 4)))
        return n - back;
    return n;
}

/* A name is UTF-8 or, if it is not, nothing at all: then its bytes are shown. */
static enum form names_form(struct buf *scratch, const uint8_t *p, size_t n)
{
    buf_append(scratch, p, n);
    for (size_t i = 0; i < scratch->len; i++) {
        if (scratch->data[i] == '\n')
            scratch->data[i] = ' ';
    }
    return utf8_check(scratch->data, scratch->len, false, NULL) == scratch->len ? UTF8 : LATIN1;
}

/* Decodes a piece into the scratch buffer where it has to be; *form says what it is now. */
static enum pb_err decode(struct unescape *u, struct buf *scratch, const uint8_t **p, size_t *n,
                          bool last, enum form *form, struct error *e)
{
    if (*form <= LATIN1)
        return PB_OK;
    buf_clear(scratch);
    if (*form == NAMES) {
        *form = names_form(scratch, *p, *n);
    } else {
        bool good = unescape_feed(u, (const char *)*p, *n, scratch);

        *form = *form == ESCAPED ? LATIN1 : UTF8;
        if (!good || (last && !unescape_end(u, scratch))) {
            /* The pickle breaks here: as it is written. */
            buf_clear(scratch);
            buf_append(scratch, *p, *n);
            *form = LATIN1;
        }
    }
    *p = (const uint8_t *)scratch->data;
    *n = scratch->len;
    return buf_status(scratch, e);
}

static void put_piece(struct dis_out *o, const uint8_t *p, size_t n, enum form form,
                      struct byte_texts *texts)
{
    if (form <= BYTEARRAY)
        repr_bytes_piece(&o->buf, p, n, texts);
    else
        put_text(o, p, n, form, texts->quote);
}

/* Goes over a text in pieces: once to see its quotes (out NULL) until they decide, once to write
 * it. */
static enum pb_err each_piece(struct source *src, const struct text *t, struct dis_out *out,
                              char quote, bool *single, bool *twice, struct error *e)
{
    struct unescape u = {.kind = t->form == ESCAPED ? UNESCAPE_STRING : UNESCAPE_UNICODE};
    size_t most = out != NULL && t->form <= BYTEARRAY ? BYTES_PIECE : PIECE;
    uint64_t at = t->from;
    struct byte_texts texts;
    struct buf scratch;
    enum pb_err err = PB_OK;

    byte_texts_init(&texts, quote, t->form == BYTEARRAY);
    buf_init(&scratch, 4 * (size_t)PIECE);
    while (at < t->end && err == PB_OK && (out != NULL || !*twice)) {
        size_t want = t->end - at < most ? (size_t)(t->end - at) : most, n;
        enum form form = t->form;
        const uint8_t *p;

        err = source_view(src, at, want, &p, &n, e);
        if (err != PB_OK)
            break;
        n = n < want ? n : want;
        if (n == 0) {
            err = error_pickle(e, at, -1, "the pickle ends inside an argument");
            break;
        }
        if (form == UTF8 && at + n < t->end)
            n = whole_chars(p, n);
        at += n;
        err = decode(&u, &scratch, &p, &n, at >= t->end, &form, e);
        if (err != PB_OK || n == 0)
            continue;
        if (out == NULL) {
            *single = *single || memchr(p, '\'', n) != NULL;
            *twice = *twice || memchr(p, '"', n) != NULL;
        } else {
            put_piece(out, p, n, form, &texts);
            err = dis_flush(out, false, e);
        }
    }
    buf_release(&scratch);
    return err;
}

static void open_quote(struct buf *out, uint8_t code, char quote)
{
    if (op_kind(code) == PKL_BYTEARRAY)
        buf_puts(out, "bytearray(");
    if (op_kind(code) == PKL_BYTEARRAY || op_kind(code) == PKL_BYTES)
        buf_putc(out, 'b');
    buf_putc(out, quote);
}

static void close_quote(struct buf *out, uint8_t code, char quote)
{
    buf_putc(out, quote);
    if (op_kind(code) == PKL_BYTEARRAY)
        buf_putc(out, ')');
}

static enum pb_err long_text(struct dis_out *o, struct source *src, const struct op *op,
                             const struct text *t, struct error *e)
{
    bool single = false, twice = false;
    enum pb_err err = each_piece(src, t, NULL, 0, &single, &twice, e);
    char quote = single && !twice ? '"' : '\'';

    if (err != PB_OK)
        return err;
    open_quote(&o->buf, op->code, quote);
    err = each_piece(src, t, o, quote, NULL, NULL, e);
    close_quote(&o->buf, op->code, quote);
    return err;
}

/* Most are shown as they are written. */
static bool plain_text(struct dis_out *o, const uint8_t *p, size_t n)
{
    struct buf *out = &o->buf;
    char *to;

    if (plain(p, n, '\'', UTF8, o->checked) < n)
        return false;
    to = buf_room(out, n + 2);
    if (to != NULL) {
        to[0] = '\'';
        memcpy(to + 1, p, n);
        to[n + 1] = '\'';
        out->len += n + 2;
    }
    return true;
}

/* Most texts stand in the window as they are. */
static void short_text(struct dis_out *o, const struct op *op, const struct text *t)
{
    const uint8_t *p = op->p + (t->from - op->at);
    size_t n = (size_t)(t->end - t->from);
    struct byte_texts texts;
    char quote;

    if (t->form == UTF8 && plain_text(o, p, n))
        return;
    quote = memchr(p, '\'', n) != NULL && memchr(p, '"', n) == NULL ? '"' : '\'';
    byte_texts_init(&texts, quote, t->form == BYTEARRAY);

    open_quote(&o->buf, op->code, quote);
    put_piece(o, p, n, t->form, &texts);
    close_quote(&o->buf, op->code, quote);
}

static enum form form_of(uint8_t code)
{
    switch (code) {
    case 'S':
        return ESCAPED;
    case 'V':
        return RAW_UNICODE;
    case 'c':
    case 'i':
    case 'P':
        return NAMES;
    default:
        break;
    }
    switch (op_kind(code)) {
    case PKL_STR:
        return UTF8;
    case PKL_PY2STR:
        return LATIN1;
    case PKL_BYTEARRAY:
        return BYTEARRAY;
    default:
        return BYTES;
    }
}

/* A STRING line without its quotes and what stands behind them. */
static enum pb_err inside_quotes(struct source *src, struct text *t, struct error *e)
{
    while (t->end > t->from + 1) {
        const uint8_t *p;
        size_t n;
        enum pb_err err = source_view(src, t->end - 1, 1, &p, &n, e);

        if (err != PB_OK)
            return err;
        if (n == 0 || p[0] > ' ')
            break;
        t->end--;
    }
    if (t->end >= t->from + 2) {
        t->from++;
        t->end--;
    } else {
        t->from = t->end; /* pickletools takes a lone quote for both */
    }
    return PB_OK;
}

static enum pb_err text_arg(struct dis_out *o, struct source *src, const struct op *op, bool *moved,
                            struct error *e)
{
    bool line = op_is_text(op->code);
    struct text t = {form_of(op->code), op->at + op_info[op->code].header, op->end - line};
    enum pb_err err = PB_OK;

    if (t.form <= LATIN1 && op->end - op->at <= op->n) {
        short_text(o, op, &t);
        return PB_OK;
    }
    *moved = true;
    if (t.form == ESCAPED)
        err = inside_quotes(src, &t, e);
    return err == PB_OK ? long_text(o, src, op, &t, e) : err;
}

/* ------------------------------------------------------------------- numbers */

static void put_i64(struct buf *out, int64_t v)
{
    char *to = buf_room(out, NUM_TEXT_MAX);

    if (to != NULL)
        out->len += num_put_int(to, v);
}

void dis_u64(struct buf *out, uint64_t v)
{
    if (v <= INT64_MAX)
        put_i64(out, (int64_t)v);
    else
        buf_printf(out, "%llu", (unsigned long long)v);
}

static void put_double(struct buf *out, double d)
{
    char *to = buf_room(out, NUM_TEXT_MAX);

    if (to != NULL)
        out->len += num_put_double(to, d);
}

static double big_endian_double(const uint8_t *p)
{
    uint64_t bits = 0;
    double d;

    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* A line that is no number in any spelling breaks the pickle; it is shown as it is written. */
static enum pb_err raw_line(struct dis_out *o, struct source *src, const struct op *op, bool *moved,
                            struct error *e)
{
    struct text t = {BYTES, op->at + 1, op->end - 1};

    *moved = true;
    return each_piece(src, &t, o, 0, NULL, NULL, e);
}

static enum pb_err int_line(struct dis_out *o, const struct line_int *l, bool *shown,
                            struct error *e)
{
    struct pkl_leaf leaf;
    struct error why;
    size_t before = o->buf.len;
    enum pb_err err;

    pkl_leaf_init(&leaf);
    err = line_int_value(l, &leaf.fits, &leaf.integer, &leaf.data, &why);
    if (err == PB_OK)
        err = repr_big(&o->buf, &leaf, &why);
    pkl_leaf_release(&leaf);
    *shown = err == PB_OK;
    if (err == PB_ELIMIT) { /* more digits than are converted */
        buf_truncate(&o->buf, before);
        return PB_OK;
    }
    if (err != PB_OK && e != NULL)
        *e = why;
    return err;
}

static enum pb_err number_line(struct dis_out *o, struct source *src, const struct op *op,
                               bool *moved, struct error *e)
{
    const char *s = (const char *)op->p + 1;
    size_t n = op->end - op->at <= op->n ? (size_t)op->payload - 1 : 0;
    struct line_int l;
    bool shown = false;
    uint64_t slot;
    double real;
    enum pb_err err = PB_OK;

    if (op->end - op->at > op->n) {
        shown = false;
    } else if (op->code == 'F') {
        shown = line_float(s, n, &real);
        if (shown)
            put_double(&o->buf, real);
    } else if (op->code == 'p' || op->code == 'g') {
        shown = line_slot(s, n, &slot) && slot <= INT64_MAX; /* else a text of Python 2 */
        if (shown)
            dis_u64(&o->buf, slot);
    } else if (op->code == 'I' ? line_int(s, n, &l) : line_long(s, n, &l)) {
        if (l.boolean) {
            buf_puts(&o->buf, s[n - 1] == '1' ? "True" : "False");
            return PB_OK;
        }
        err = int_line(o, &l, &shown, e);
    }
    return err != PB_OK || shown ? err : raw_line(o, src, op, moved, e);
}

static enum pb_err long_arg(struct dis_out *o, struct source *src, const struct op *op, bool *moved,
                            struct error *e)
{
    uint64_t from = op->at + op_info[op->code].header;
    struct pkl_leaf leaf;
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    if (op->payload > SOURCE_VIEW_MAX) {
        buf_printf(&o->buf, "<int of %llu bytes>", (unsigned long long)op->payload);
        return PB_OK;
    }
    p = op->p + op_info[op->code].header;
    if (op->end - op->at > op->n) {
        *moved = true;
        err = source_view(src, from, (size_t)op->payload, &p, &n, e);
        if (err != PB_OK)
            return err;
        if (n < op->payload)
            return error_pickle(e, op->at, op->code, "the pickle ends inside an argument");
    }
    pkl_leaf_init(&leaf);
    leaf.fits = num_big_fits_i64(p, (size_t)op->payload, &leaf.integer);
    if (leaf.fits) {
        put_i64(&o->buf, leaf.integer);
        return PB_OK;
    }
    buf_append(&leaf.data, p, (size_t)op->payload);
    err = buf_status(&leaf.data, e);
    if (err == PB_OK)
        err = repr_big(&o->buf, &leaf, e);
    pkl_leaf_release(&leaf);
    return err;
}

/* ------------------------------------------------------------------- the whole */

enum pb_err dis_arg(struct dis_out *o, struct source *src, const struct op *op, bool *moved,
                    struct error *e)
{
    *moved = false;
    switch ((enum op_arg)op_info[op->code].arg) {
    case ARG_NONE:
        return PB_OK;
    case ARG_U1:
        dis_u64(&o->buf, op->p[1]);
        return PB_OK;
    case ARG_U2:
        dis_u64(&o->buf, op_le(op->p + 1, 2));
        return PB_OK;
    case ARG_U4:
        dis_u64(&o->buf, op_le(op->p + 1, 4));
        return PB_OK;
    case ARG_I4:
        put_i64(&o->buf, (int32_t)(uint32_t)op_le(op->p + 1, 4));
        return PB_OK;
    case ARG_U8:
        dis_u64(&o->buf, op_le(op->p + 1, 8));
        return PB_OK;
    case ARG_F8:
        put_double(&o->buf, big_endian_double(op->p + 1));
        return PB_OK;
    case ARG_LINE:
        if (op->code != 'S' && op->code != 'V' && op->code != 'P')
            return number_line(o, src, op, moved, e);
        break;
    case ARG_LINES:
        break;
    case ARG_B1:
    case ARG_B4:
    case ARG_BS4:
    case ARG_B8:
        if (op_kind(op->code) == PKL_INT)
            return long_arg(o, src, op, moved, e);
        break;
    }
    return text_arg(o, src, op, moved, e);
}

#include "long_leaf.h"

#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/text.h>

#include "cursor.h"
#include "json_text.h"
#include "repr_text.h"

enum form { FORM_STR, FORM_BYTES, FORM_BYTEARRAY, FORM_JSON_STR, FORM_BASE64 };

struct reader {
    const struct long_leaf_to *to;
    struct source *src;
    uint64_t at, len; /* the payload */
    enum form form;
    bool ascii_only; /* asked for */
    char quote;
    /* What the first reading found: */
    bool single, twice; /* quotes */
    bool beyond_ascii, surrogates;
    struct byte_texts texts;
    struct buf rest; /* of the piece before: a character or three bytes not complete yet */
};

static bool any_beyond_ascii(const char *s, size_t n)
{
    unsigned char any = 0;

    for (size_t i = 0; i < n; i++)
        any |= (unsigned char)s[i];
    return any >= 0x80;
}

/* Bytes of what has arrived that can be dealt with; the last piece is all of it. */
static size_t usable(const struct reader *r, bool last)
{
    bool partial = false;
    size_t good;

    if (last || r->form == FORM_BYTES || r->form == FORM_BYTEARRAY)
        return r->rest.len;
    if (r->form == FORM_BASE64)
        return r->rest.len - r->rest.len % 3;
    good = utf8_check(r->rest.data, r->rest.len, true, &partial);
    return partial ? good : r->rest.len;
}

static void look(struct reader *r, const char *s, size_t n)
{
    r->single = r->single || memchr(s, '\'', n) != NULL;
    r->twice = r->twice || memchr(s, '"', n) != NULL;
    r->beyond_ascii = r->beyond_ascii || any_beyond_ascii(s, n);
    if (r->form == FORM_JSON_STR)
        r->surrogates = r->surrogates || !pkl_json_can(s, n);
}

static void put(struct reader *r, const char *s, size_t n)
{
    struct buf *out = r->to->out;

    switch (r->form) {
    case FORM_STR:
        repr_str_piece(out, s, n, r->quote, r->ascii_only);
        break;
    case FORM_JSON_STR:
        pkl_json_escaped(out, s, n);
        break;
    case FORM_BASE64:
        base64_encode(out, s, n);
        break;
    default:
        repr_bytes_piece(out, s, n, &r->texts);
        break;
    }
}

static enum pb_err read_all(struct reader *r, bool writes, struct error *e)
{
    uint64_t at = r->at, end = r->at + r->len;
    enum pb_err err = PB_OK;

    buf_clear(&r->rest);
    while (at < end && err == PB_OK) {
        size_t want = end - at < SOURCE_VIEW_MAX / 4 ? (size_t)(end - at) : SOURCE_VIEW_MAX / 4, n;
        const uint8_t *p;

        err = source_view(r->src, at, want, &p, &n, e);
        if (err != PB_OK)
            break;
        if (n < want)
            return error_pickle(e, at, -1, "a value ends before its length");
        buf_append(&r->rest, p, want);
        at += want;
        n = usable(r, at == end);
        if (writes)
            put(r, r->rest.data, n);
        else
            look(r, r->rest.data, n);
        buf_splice(&r->rest, 0, n, NULL, 0);
        err = buf_status(&r->rest, e);
        if (err == PB_OK && writes)
            err = r->to->flush(r->to->ctx, e);
    }
    return err;
}

/* Where the payload is; *is false: it is short, or a line. */
static enum pb_err find(struct pkl_view *v, const struct pkl_node *node, struct reader *r, bool *is,
                        struct error *e)
{
    struct pkl_doc *d;
    struct cursor c;
    struct op op;
    enum pb_err err;

    *is = false;
    if (node->kind < PKL_STR || node->kind > PKL_PY2STR || node->count < LONG_LEAF)
        return PB_OK;
    d = v->doc(v, PKL_ID_SOURCE(node->target));
    if (d == NULL || PKL_ID_TAG(node->target) != PKL_TAG_VALUE || pkl_doc_altered(d, node->target))
        return PB_OK;
    r->src = pkl_doc_source(d);
    cursor_init(&c, r->src);
    err = cursor_read(&c, PKL_ID_OFFSET(node->target), &op, e);
    if (err != PB_OK || op_is_text(op.code))
        return err;
    r->at = op.at + op_info[op.code].header;
    r->len = op.payload;
    *is = true;
    return PB_OK;
}

static enum pb_err put_repr(struct reader *r, struct error *e)
{
    struct buf *out = r->to->out;
    enum pb_err err;

    r->quote = r->single && !r->twice ? '"' : '\'';
    byte_texts_init(&r->texts, r->quote, r->form == FORM_BYTEARRAY);
    buf_puts(out, r->form == FORM_BYTEARRAY ? "bytearray(b" : r->form == FORM_BYTES ? "b" : "");
    buf_putc(out, r->quote);
    err = read_all(r, true, e);
    buf_putc(out, r->quote);
    if (r->form == FORM_BYTEARRAY)
        buf_putc(out, ')');
    return err;
}

enum pb_err long_leaf_repr(struct pkl_view *v, const struct pkl_node *node,
                           const struct pkl_repr_opts *o, const struct long_leaf_to *to, bool *done,
                           struct error *e)
{
    struct reader r = {.to = to, .ascii_only = o->ascii};
    enum pb_err err = find(v, node, &r, done, e);

    if (err != PB_OK || !*done)
        return err;
    r.form = node->kind == PKL_STR         ? FORM_STR
             : node->kind == PKL_BYTEARRAY ? FORM_BYTEARRAY
                                           : FORM_BYTES;
    buf_init(&r.rest, SOURCE_VIEW_MAX);
    err = read_all(&r, false, e);
    if (node->kind == PKL_PY2STR && o->py2_str != PKL_PY2_BYTES) {
        if (!r.beyond_ascii)
            r.form = FORM_STR;
        else
            *done = o->py2_str == PKL_PY2_ASCII;
    }
    if (err == PB_OK && *done)
        err = put_repr(&r, e);
    buf_release(&r.rest);
    return err;
}

enum pb_err long_leaf_json(struct pkl_view *v, const struct pkl_node *node,
                           const struct long_leaf_to *to, bool *done, struct error *e)
{
    struct reader r = {.to = to, .form = FORM_JSON_STR};
    enum pb_err err = find(v, node, &r, done, e);

    if (err != PB_OK || !*done)
        return err;
    buf_init(&r.rest, SOURCE_VIEW_MAX);
    if (node->kind == PKL_BYTES || node->kind == PKL_BYTEARRAY) {
        r.form = FORM_BASE64;
        buf_puts(to->out, node->kind == PKL_BYTES ? "{\"$bytes\": \"" : "{\"$bytearray\": \"");
        err = read_all(&r, true, e);
        buf_puts(to->out, "\"}");
    } else {
        err = read_all(&r, false, e);
        *done = err == PB_OK && !r.surrogates && !(node->kind == PKL_PY2STR && r.beyond_ascii);
        if (*done) {
            buf_putc(to->out, '"');
            err = read_all(&r, true, e);
            buf_putc(to->out, '"');
        }
    }
    buf_release(&r.rest);
    return err;
}

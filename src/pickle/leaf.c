/* One leaf, from its opcode to a value of C. */
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/text.h>

#include "cursor.h"
#include "index.h"
#include "lens/nd.h"
#include "line.h"

#define WHOLE_MAX ((size_t)1 << 30)

void pkl_leaf_init(struct pkl_leaf *l)
{
    *l = (struct pkl_leaf){.kind = PKL_NONE};
    buf_init(&l->data, WHOLE_MAX);
}

void pkl_leaf_release(struct pkl_leaf *l)
{
    buf_release(&l->data);
}

/* Payload bytes [from, from + n) of the file into data. */
static enum pb_err copy_bytes(struct source *src, uint64_t from, uint64_t n, struct pkl_leaf *l,
                              struct error *e)
{
    struct sink to = sink_buf(&l->data);

    return source_copy(src, from, n, &to, e);
}

/* A str is cut between two characters. */
static void cut_utf8(struct buf *b)
{
    bool partial;
    size_t good = utf8_check(b->data, b->len, true, &partial);

    if (partial)
        buf_truncate(b, good);
}

static enum pb_err read_payload(struct source *src, const struct op *op, size_t max,
                                struct pkl_leaf *l, struct error *e)
{
    uint64_t n = op->payload;
    enum pb_err err;

    l->total = n;
    l->partial = n > max;
    if (l->partial)
        n = max;
    if (n > WHOLE_MAX)
        return error_set(e, PB_ELIMIT, "a value of %llu bytes is too long to be read at once",
                         (unsigned long long)n);
    err = copy_bytes(src, op->at + op_info[op->code].header, n, l, e);
    if (err == PB_OK && l->partial && l->kind == PKL_STR)
        cut_utf8(&l->data);
    return err;
}

/* Bytes from..end of a line, unescaped, until `max` bytes have come out. */
static enum pb_err read_escaped(struct source *src, uint64_t from, uint64_t end,
                                enum unescape_kind kind, size_t max, struct pkl_leaf *l,
                                struct error *e)
{
    struct unescape u = {.kind = kind};
    bool good = true;

    while (from < end && l->data.len <= max && good) {
        const uint8_t *p;
        size_t want = end - from < 65536 ? (size_t)(end - from) : 65536, n;
        enum pb_err err = source_view(src, from, want, &p, &n, e);

        if (err != PB_OK)
            return err;
        n = n < want ? n : want;
        if (max < n)
            n = n < max + 64 ? n : max + 64; /* a preview needs no more */
        good = n > 0 && unescape_feed(&u, (const char *)p, n, &l->data);
        from += n;
    }
    if (!good || (from == end && !unescape_end(&u, &l->data)))
        return error_set(e, PB_EPICKLE, "an escape in the text is not complete");
    l->partial = from < end || l->data.len > max;
    if (l->data.len > max) {
        buf_truncate(&l->data, max);
        if (kind == UNESCAPE_UNICODE)
            cut_utf8(&l->data);
    }
    return buf_status(&l->data, e);
}

static enum pb_err read_string_line(struct source *src, const struct op *op, size_t max,
                                    struct pkl_leaf *l, struct error *e)
{
    uint64_t from = op->at + 1, end = op->end - 1;
    enum unescape_kind kind = op->code == 'S' ? UNESCAPE_STRING : UNESCAPE_UNICODE;

    if (op->code == 'S') {
        /* Blanks behind the quote are passed over; the pass has checked the quotes. */
        const uint8_t *p;
        size_t n;
        enum pb_err err = PB_OK;

        while (err == PB_OK && end > from + 1) {
            err = source_view(src, end - 1, 1, &p, &n, e);
            if (err == PB_OK && (n == 0 || p[0] > ' '))
                break;
            end--;
        }
        if (err != PB_OK)
            return err;
        from++;
        end = end > from ? end - 1 : from;
    }
    l->total = end - from;
    return read_escaped(src, from, end, kind, max, l, e);
}

static enum pb_err read_int_line(const struct op *op, struct pkl_leaf *l, struct error *e)
{
    struct line_int number;
    const char *s = (const char *)op->p + 1;
    size_t n = (size_t)op->payload - 1;

    if (!(op->code == 'I' ? line_int(s, n, &number) : line_long(s, n, &number)))
        return error_pickle(e, op->at, op->code, "the text is no int");
    if (number.boolean) {
        l->kind = PKL_BOOL;
        l->boolean = number.digits[number.len - 1] == '1';
        return PB_OK;
    }
    return line_int_value(&number, &l->fits, &l->integer, &l->data, e);
}

static enum pb_err read_int(struct source *src, const struct op *op, size_t max, struct pkl_leaf *l,
                            struct error *e)
{
    enum pb_err err;

    l->total = op->payload;
    l->fits = true;
    switch (op->code) {
    case 'K':
        l->integer = op->p[1];
        return PB_OK;
    case 'M':
        l->integer = (int64_t)op_le(op->p + 1, 2);
        return PB_OK;
    case 'J':
        l->integer = (int32_t)(uint32_t)op_le(op->p + 1, 4);
        return PB_OK;
    case 'I':
    case 'L':
        return read_int_line(op, l, e);
    default:
        break;
    }
    err = read_payload(src, op, max, l, e);
    if (err == PB_OK)
        l->fits = !l->partial &&
                  num_big_fits_i64((const uint8_t *)l->data.data, l->data.len, &l->integer);
    if (err == PB_OK && l->fits)
        buf_clear(&l->data);
    return err;
}

static double big_endian_double(const uint8_t *p)
{
    uint64_t bits = 0;
    double d;

    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&d, &bits, sizeof d);
    return d;
}

static enum pb_err read_op(struct source *src, const struct op *op, size_t max, struct pkl_leaf *l,
                           struct error *e)
{
    switch (l->kind) {
    case PKL_NONE:
        return PB_OK;
    case PKL_BOOL:
        if (op->code == 'I')
            return read_int_line(op, l, e);
        l->boolean = op->code == 0x88;
        return PB_OK;
    case PKL_INT:
        return read_int(src, op, max, l, e);
    case PKL_FLOAT:
        if (op->code == 'G') {
            l->real = big_endian_double(op->p + 1);
            return PB_OK;
        }
        return line_float((const char *)op->p + 1, (size_t)op->payload - 1, &l->real)
                   ? PB_OK
                   : error_pickle(e, op->at, op->code, "the text is no float");
    case PKL_STR:
    case PKL_BYTES:
    case PKL_BYTEARRAY:
    case PKL_PY2STR:
        return op->code == 'S' || op->code == 'V' ? read_string_line(src, op, max, l, e)
                                                  : read_payload(src, op, max, l, e);
    case PKL_PERSID:
        l->total = op->payload > 0 ? op->payload - 1 : 0;
        l->partial = l->total > max;
        return copy_bytes(src, op->at + 1, l->partial ? max : l->total, l, e);
    case PKL_EXTENSION:
        l->fits = true;
        l->integer = (int64_t)op_le(op->p + 1, op_info[op->code].header - 1u);
        return PB_OK;
    case PKL_BUFFER:
        return PB_OK;
    default:
        return error_set(e, PB_EUSAGE, "this is no single value");
    }
}

/* Out-of-band buffers are numbered as they come. */
static enum pb_err buffer_number(struct pkl_doc *d, uint64_t at, struct pkl_leaf *l,
                                 struct error *e)
{
    struct source *src = pkl_doc_source(d);
    struct cursor c;
    struct op op;

    l->fits = true;
    cursor_init(&c, src);
    for (uint64_t pos = 0; pos < at; pos = op.end) {
        enum pb_err err = cursor_read(&c, pos, &op, e);

        if (err != PB_OK)
            return err;
        if (op.code == '.')
            l->integer = 0;
        l->integer += op.code == 0x97;
    }
    return PB_OK;
}

/* Bytes of a bytearray that were set, or put behind its end, since. */
static enum pb_err put_alters(const struct pkl_doc *d, uint64_t maker, size_t max,
                              struct pkl_leaf *l, struct error *e)
{
    uint64_t end = alters_end(d, maker);
    const struct alter *a;
    size_t n;

    if (end > l->total)
        l->total = end;
    l->partial = l->total > max;
    a = alters_of(d, maker, 0, max, &n);
    for (size_t i = 0; i < n; i++) {
        char byte = (char)(a[i].what & 0xff);

        /* Behind the end they stand without a gap, perhaps several at one place. */
        if (a[i].index < l->data.len)
            l->data.data[a[i].index] = byte;
        else if (a[i].index == l->data.len)
            buf_putc(&l->data, byte);
        else
            return error_pickle(e, maker, -1, "re-reading does not find what the index saw");
    }
    return buf_status(&l->data, e);
}

enum pb_err pkl_leaf_read(struct pkl_view *v, const struct pkl_node *node, size_t max,
                          struct pkl_leaf *out, struct error *e)
{
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(node->target));
    struct cursor c;
    struct op op;
    enum pb_err err;

    buf_clear(&out->data);
    out->boolean = out->fits = out->long_suffix = out->partial = false;
    out->integer = 0;
    out->real = 0;
    out->total = 0;
    out->kind = node->kind;
    if (PKL_ID_TAG(node->target) == PKL_TAG_ELEMENT)
        return nd_element_leaf(v, node, max, out, e);
    if (d == NULL || PKL_ID_TAG(node->target) != PKL_TAG_VALUE)
        return error_set(e, PB_EUSAGE, "this is no single value");
    cursor_init(&c, pkl_doc_source(d));
    err = cursor_read(&c, PKL_ID_OFFSET(node->target), &op, e);
    if (err != PB_OK)
        return err;
    if (op_info[op.code].class == OP_MAKE)
        return error_set(e, PB_EUSAGE, "this is no single value");
    if (op_is_text(op.code) && op.code != 'S' && op.code != 'V' && op.payload > op.n)
        return error_set(e, PB_ELIMIT, "a line of text above 1 MiB");
    out->long_suffix = d->info.py2 && (op.code == 'L' || op.code == 0x8a || op.code == 0x8b);
    if (node->kind == PKL_BUFFER)
        return buffer_number(d, op.at, out, e);
    err = read_op(pkl_doc_source(d), &op, max, out, e);
    if (err == PB_OK && out->kind == PKL_BYTEARRAY && d->alters.len > 0 &&
        pkl_doc_altered(d, node->target))
        err = put_alters(d, op.at, max, out, e);
    return err == PB_OK ? buf_status(&out->data, e) : err;
}

bool pkl_leaf_stands(struct pkl_view *v, const struct pkl_node *node, struct source **src,
                     uint64_t *at)
{
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(node->id));
    uint64_t header, payload;

    if (d == NULL || node->ref || pkl_doc_altered(d, node->id) ||
        pkl_opcode_length(pkl_doc_source(d), PKL_ID_OFFSET(node->id), &header, &payload, NULL) !=
            PB_OK ||
        payload != node->count)
        return false;
    *src = pkl_doc_source(d);
    *at = PKL_ID_OFFSET(node->id) + header;
    return true;
}

/* Leaves, as the index pass meets them: lengths, UTF-8 and text are checked, piece by piece when
 * they are long. */
#include <string.h>

#include <pklbrowse/text.h>

#include "line.h"
#include "scan_ops.h"

/* Asked for at least; a source gives what it has there, often much more.  Small, because after a
 * look elsewhere (a GET that is resolved) the same place is asked for again, and that must not read
 * the file again. */
#define WINDOW (16u * 1024u)

/* Makes at least `want` bytes at scan.at visible, or all that there are. */
enum pb_err scan_look(struct pkl_doc *d, struct window *w, size_t want, struct error *e)
{
    size_t ask = want > WINDOW ? want * 2 : WINDOW; /* a long line is not looked at byte by byte */
    enum pb_err err;

    if (ask > SOURCE_VIEW_MAX)
        ask = want > SOURCE_VIEW_MAX ? want : SOURCE_VIEW_MAX;
    err = source_view(d->src, d->scan.at, ask, &w->p, &w->n, e);

    w->off = d->scan.at;
    w->last = err == PB_OK && w->n < ask;
    if (err == PB_EAGAIN && w->n >= want)
        return PB_OK;
    if (err != PB_OK)
        w->n = 0;
    return err;
}

/* Does the source have all bytes up to `end`?  PB_EAGAIN: not yet known, or not yet here and
 * needed. */
enum pb_err scan_reaches(struct pkl_doc *d, uint64_t end, struct error *e)
{
    if (d->src->size == SOURCE_SIZE_UNKNOWN)
        return end <= d->src->here ? PB_OK : error_set(e, PB_EAGAIN, "not here yet");
    return end <= d->src->size
               ? PB_OK
               : error_set(e, PB_EPICKLE, "the pickle is truncated: %llu bytes are missing",
                           (unsigned long long)(end - d->src->size));
}

/* Checks UTF-8 from s->checked to `end`, in pieces. */
static enum pb_err check_utf8(struct pkl_doc *d, uint64_t end, struct error *e)
{
    struct scan *s = &d->scan;

    while (s->checked < end) {
        uint64_t left = end - s->checked;
        size_t want = left < SOURCE_VIEW_MAX ? (size_t)left : SOURCE_VIEW_MAX, n, good;
        bool partial;
        const uint8_t *p;
        enum pb_err err = source_view(d->src, s->checked, want, &p, &n, e);

        if (err != PB_OK && (err != PB_EAGAIN || n < 8))
            return err;
        if (n > left)
            n = (size_t)left;
        good = utf8_check(p, n, true, &partial);
        s->checked += good;
        if (good < n && (!partial || s->checked + (n - good) >= end || good == 0))
            return error_set(e, PB_EPICKLE, "a str that is not UTF-8 (at byte %llu)",
                             (unsigned long long)s->checked);
    }
    return PB_OK;
}

static enum pb_err push_leaf(struct pkl_doc *d, const struct op *op, uint8_t kind, struct error *e)
{
    if (!scan_push(d, op->at, op->at, kind, 0))
        return error_nomem(e);
    return op->payload >= d->grain.payload ? scan_record_leaf(d, op->end, e) : PB_OK;
}

enum pb_err scan_op_payload(struct pkl_doc *d, struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    uint8_t kind = (uint8_t)op_kind(op->code);
    size_t header = op_info[op->code].header;
    enum pb_err err;

    if (!op_payload(op->p, &op->payload))
        return error_set(e, PB_EPICKLE, "negative length, or one that no machine has");
    op->end = op->at + header + op->payload;
    err = scan_reaches(d, op->end, e);
    if (err != PB_OK)
        return err;
    if (kind == PKL_STR) {
        if (op->n - header >= op->payload) {
            if (utf8_check(op->p + header, (size_t)op->payload, true, NULL) != op->payload)
                return error_set(e, PB_EPICKLE, "a str that is not UTF-8");
        } else {
            if (!s->in_payload)
                s->checked = op->at + header;
            s->in_payload = true;
            err = check_utf8(d, op->end, e);
            if (err != PB_OK)
                return err;
            s->in_payload = false;
        }
    }
    return push_leaf(d, op, kind, e);
}

/* Escapes of a line too long for one view. */
static enum pb_err check_long_text(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct unescape u = {.kind = op->code == 'S' ? UNESCAPE_STRING : UNESCAPE_UNICODE};
    uint64_t at = op->at + 1, end = op->end - 1;
    const uint8_t *p;
    size_t n;
    bool good = true;
    enum pb_err err;

    if (op->code != 'S' && op->code != 'V')
        return error_set(e, PB_ELIMIT, "a line of text above 1 MiB");
    if (op->code == 'S') {
        uint8_t quote;

        err = source_view(d->src, at, 1, &p, &n, e);
        if (err != PB_OK)
            return err;
        quote = p[0];
        err = source_view(d->src, end - 1, 1, &p, &n, e);
        if (err != PB_OK)
            return err;
        if ((quote != '\'' && quote != '"') || p[0] != quote)
            return error_set(e, PB_EPICKLE, "the text is not quoted");
        at++;
        end--;
    }
    while (at < end && good) {
        err = source_view(d->src, at,
                          end - at < SOURCE_VIEW_MAX ? (size_t)(end - at) : SOURCE_VIEW_MAX, &p, &n,
                          e);
        if (err != PB_OK)
            return err;
        if (n > end - at)
            n = (size_t)(end - at);
        good = unescape_feed(&u, (const char *)p, n, NULL);
        at += n;
    }
    return good && unescape_end(&u, NULL)
               ? PB_OK
               : error_set(e, PB_EPICKLE, "an escape in the text is not complete");
}

/* Makes the lines of a text argument visible, or finds their end when they are too long for that
 * (*whole false). */
static enum pb_err read_lines(struct pkl_doc *d, struct window *w, struct op *op, bool *whole,
                              struct error *e)
{
    struct scan *s = &d->scan;
    unsigned lines = op_info[op->code].arg == ARG_LINES ? 2 : 1;
    size_t pos = 1;
    enum pb_err err;

    *whole = true;
    if (!s->in_line)
        s->checked = op->at + 1;
    for (;;) {
        const uint8_t *nl;

        if (lines == 1 && s->checked - op->at > pos && s->checked - op->at <= op->n)
            pos = (size_t)(s->checked - op->at);
        nl = memchr(op->p + pos, '\n', op->n - pos);
        if (nl != NULL) {
            pos = (size_t)(nl - op->p) + 1;
            if (--lines > 0)
                continue;
            op->payload = pos - 1;
            op->end = op->at + pos;
            s->in_line = false;
            return PB_OK;
        }
        if (lines == 1 && op_info[op->code].arg == ARG_LINE)
            s->checked = op->at + op->n, s->in_line = true;
        if (op->n >= SOURCE_VIEW_MAX || w->last)
            break;
        err = scan_look(d, w, op->n + 1, e);
        if (err != PB_OK)
            return err;
        if (w->n <= op->n)
            break;
        op->p = w->p;
        op->n = w->n;
    }
    if (op->n < SOURCE_VIEW_MAX)
        return error_set(e, PB_EPICKLE, "the pickle is truncated inside a line of text");
    *whole = false;
    w->n = 0;
    for (;;) {
        const uint8_t *p, *nl;
        size_t n;

        err = source_view(d->src, s->checked, 65536, &p, &n, e);
        if (err != PB_OK && (err != PB_EAGAIN || n == 0))
            return err;
        if (n == 0)
            return error_set(e, PB_EPICKLE, "the pickle is truncated inside a line of text");
        nl = memchr(p, '\n', n);
        s->checked += nl != NULL ? (uint64_t)(nl - p) : n;
        if (nl != NULL)
            break;
    }
    s->in_line = false;
    op->end = s->checked + 1;
    op->payload = op->end - op->at - 1;
    return PB_OK;
}

enum pb_err scan_op_text(struct pkl_doc *d, struct window *w, struct op *op, struct error *e)
{
    enum op_class class = (enum op_class)op_info[op->code].class;
    uint8_t kind = (uint8_t)op_kind(op->code);
    bool whole;
    enum pb_err err = read_lines(d, w, op, &whole, e);

    if (err != PB_OK)
        return err;
    if (class == OP_REF)
        return scan_op_ref(d, op, e);
    if (class == OP_PUT)
        return scan_op_put(d, op, e);
    if (class == OP_MAKE)
        return whole ? scan_op_make(d, op, e) : error_set(e, PB_ELIMIT, "a name above 1 MiB");
    err = whole ? scan_check_text(d, op, e) : check_long_text(d, op, e);
    if (err == PB_OK && op->code == 'c' && whole)
        err = scan_inline_global(d, op, e);
    if (err != PB_OK)
        return err;
    if (op->code == 'I' && op->payload == 3) {
        struct line_int number;

        if (line_int((const char *)op->p + 1, 2, &number) && number.boolean)
            kind = PKL_BOOL;
    }
    return push_leaf(d, op, kind, e);
}

enum pb_err scan_op_fixed(struct pkl_doc *d, const struct op *op, struct error *e)
{
    if (op_info[op->code].class == OP_EXTENSION &&
        (op_le(op->p + 1, op_info[op->code].header - 1u) == 0 ||
         (op->code == 0x84 && op->p[4] & 0x80)))
        return error_set(e, PB_EPICKLE, "an extension code must be positive");
    if (!scan_push(d, op->at, op->at, (uint8_t)op_kind(op->code), 0))
        return error_nomem(e);
    return scan_note(d, op,
                     op_info[op->code].class == OP_BUFFER
                         ? "its bytes are kept apart: without them no unpickler takes it"
                         : NULL,
                     e);
}

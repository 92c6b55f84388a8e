/*
 * Pickles inside of values: bytes that begin like one, a str of Latin-1 characters that are such
 * bytes, and the same in base64 or hex.  A first look costs a few bytes of most values; only
 * what walks like a program is read whole.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/text.h>

#include "audit.h"
#include "index.h"

#define LOOK 4096u                             /* bytes a first look takes */
#define DECODED_MAX ((size_t)64 * 1024 * 1024) /* of a value that is not its bytes as they are */
#define SHORTEST 4

/* ------------------------------------------------------------------ a part of a source */

struct slice {
    struct source base;
    struct source *of;
    uint64_t from;
};

static enum pb_err slice_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                              size_t *n, struct error *e)
{
    struct slice *x = (struct slice *)s;
    enum pb_err err;

    *p = NULL;
    *n = 0;
    if (off >= s->size)
        return PB_OK;
    if (want > s->size - off)
        want = (size_t)(s->size - off);
    err = source_view(x->of, x->from + off, want, p, n, e);
    if (*n > s->size - off)
        *n = (size_t)(s->size - off);
    return err;
}

static void slice_free(struct source *s)
{
    free(s);
}

static struct source *slice_new(struct source *of, uint64_t from, uint64_t n)
{
    static const struct source_ops ops = {slice_view, slice_free};
    struct slice *x = mem_alloc(sizeof *x);

    if (x == NULL)
        return NULL;
    x->base = (struct source){.ops = &ops, .size = n, .here = n, .stable = of->stable};
    x->of = of;
    x->from = from;
    return &x->base;
}

/* ------------------------------------------------------------------ does it walk? */

static bool is_module_name(const uint8_t *p, size_t n)
{
    if (n == 0 || (p[0] >= '0' && p[0] <= '9'))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool letter = (p[i] | 32) >= 'a' && (p[i] | 32) <= 'z';

        if (!letter && p[i] < 0x80 && p[i] != '_' && p[i] != '.' && !(p[i] >= '0' && p[i] <= '9'))
            return false;
    }
    return true;
}

/* Length of the opcode at p; 0: none, or not all of it is here. */
static size_t op_length(const uint8_t *p, size_t n)
{
    const struct op_info *info = &op_info[p[0]];
    const uint8_t *nl = p;
    uint64_t payload;

    if (info->class == OP_BAD || n < info->header)
        return 0;
    if (op_is_text(p[0])) {
        for (int lines = info->arg == ARG_LINES ? 2 : 1; lines > 0; lines--) {
            nl = memchr(nl + 1, '\n', n - (size_t)(nl + 1 - p));
            if (nl == NULL)
                return 0;
        }
        return (size_t)(nl - p) + 1;
    }
    if (!op_payload(p, &payload) || payload > n - info->header)
        return 0;
    return info->header + (size_t)payload;
}

/* The first bytes of something: opcodes that end in STOP, or with a global among them. */
static bool walks(const uint8_t *p, size_t n, bool all)
{
    bool headed = n >= 2 && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5;
    bool global = false, stop = false;
    size_t at = 0, ops = 0;

    while (at < n && !stop) {
        size_t len = op_length(p + at, n - at);

        if (len == 0)
            break;
        if (p[at] == 'c' || p[at] == 'i') {
            const uint8_t *nl = memchr(p + at, '\n', len);

            global = global || is_module_name(p + at + 1, (size_t)(nl - p) - at - 1);
        }
        global = global || (p[at] == 0x93 && ops >= 2);
        stop = p[at] == '.';
        at += len;
        ops++;
    }
    /* A long first value, or simply more than was looked at. */
    return global || (headed && (stop || (!all && ops >= 1) || ops >= 3));
}

static bool may_begin(const uint8_t *p, size_t n)
{
    if (p[0] == 0x80)
        return n >= 2 && p[1] >= 2 && p[1] <= 5;
    /* Names are in lines, or are put together by an opcode. */
    return op_info[p[0]].class != OP_BAD &&
           (memchr(p, '\n', n) != NULL || memchr(p, 0x93, n) != NULL);
}

/* ------------------------------------------------------------------ other spellings */

/* A str whose characters are bytes; false: it has others. */
static bool from_latin1(const char *s, size_t n, bool cut, struct buf *out)
{
    while (n > 0) {
        uint32_t c;
        size_t used = utf8_decode(s, n, &c, true);

        if (used == 0)
            return cut && n < 4;
        if (c > 0xff)
            return false;
        buf_putc(out, (char)(unsigned char)c);
        s += used;
        n -= used;
    }
    return true;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool from_base64(const uint8_t *s, size_t n, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < n && s[i] != '='; i++) {
        int digit = base64_digit(s[i]);

        if (digit < 0 && (s[i] == '\n' || s[i] == '\r'))
            continue;
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_putc(out, (char)(unsigned char)(bits >> have));
        }
    }
    return true;
}

static bool from_hex(const uint8_t *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        int high = num_digit((char)s[i]), low = num_digit((char)s[i + 1]);

        if (high > 15 || low > 15)
            return false;
        buf_putc(out, (char)(unsigned char)(high << 4 | low));
    }
    return true;
}

/* Base64 of PROTO 2 .. 5, or of a GLOBAL; hex of a PROTO or "63" = GLOBAL. */
static bool may_be_base64(const uint8_t *p, size_t n)
{
    return n >= 12 && ((p[0] == 'g' && p[1] == 'A' && p[2] >= 'I' && p[2] <= 'X') || p[0] == 'Y' ||
                       p[0] == 'K');
}

static bool may_be_hex(const uint8_t *p, size_t n)
{
    return n >= 12 && ((p[0] == '8' && p[1] == '0' && p[2] == '0') ||
                       (p[0] == '6' && p[1] == '3') || (p[0] == '2' && p[1] == '8'));
}

/* In which spelling the first bytes of a value walk; PKL_AUDIT_WHOLE: in none. */
static enum pkl_audit_place spelling(const uint8_t *p, size_t n, bool all, bool text)
{
    enum pkl_audit_place found = PKL_AUDIT_WHOLE;
    struct buf plain;

    if (n < SHORTEST)
        return PKL_AUDIT_WHOLE;
    buf_init(&plain, LOOK * 2);
    if (may_be_base64(p, n) && from_base64(p, n, &plain) && plain.len > 0 &&
        walks((const uint8_t *)plain.data, plain.len, all))
        found = PKL_AUDIT_BASE64;
    buf_clear(&plain);
    if (found == PKL_AUDIT_WHOLE && may_be_hex(p, n) && from_hex(p, n, &plain) && plain.len > 0 &&
        walks((const uint8_t *)plain.data, plain.len, all))
        found = PKL_AUDIT_HEX;
    buf_clear(&plain);
    if (found == PKL_AUDIT_WHOLE && !text && may_begin(p, n) && walks(p, n, all))
        found = PKL_AUDIT_BYTES;
    if (found == PKL_AUDIT_WHOLE && text && (p[0] >= 0x80 || may_begin(p, n)) &&
        from_latin1((const char *)p, n, !all, &plain) && plain.len > 0 &&
        may_begin((const uint8_t *)plain.data, plain.len) &&
        walks((const uint8_t *)plain.data, plain.len, all))
        found = PKL_AUDIT_TEXT;
    buf_release(&plain);
    return found;
}

/* ------------------------------------------------------------------ the whole value */

/* Its bytes, decoded, as a source of their own. */
static enum pb_err decoded(struct pkl_doc *d, const struct op *op, enum pkl_audit_place place,
                           struct source **out, struct error *e)
{
    pkl_id id = PKL_ID(d->no, PKL_TAG_VALUE, op->at);
    struct pkl_node node = {.id = id, .target = id, .kind = op_kind(op->code), .opcode = op->code};
    struct pkl_leaf leaf;
    struct buf plain;
    size_t n;
    char *bytes;
    enum pb_err err;

    pkl_leaf_init(&leaf);
    buf_init(&plain, DECODED_MAX);
    err = pkl_leaf_read(pkl_doc_view(d), &node, DECODED_MAX, &leaf, e);
    if (err == PB_OK) {
        const uint8_t *p = (const uint8_t *)leaf.data.data;
        bool good = place == PKL_AUDIT_BASE64 ? from_base64(p, leaf.data.len, &plain)
                    : place == PKL_AUDIT_HEX  ? from_hex(p, leaf.data.len, &plain)
                    : place == PKL_AUDIT_TEXT
                        ? from_latin1(leaf.data.data, leaf.data.len, true, &plain)
                        : true;

        if (place == PKL_AUDIT_BYTES)
            buf_append(&plain, p, leaf.data.len);
        /* What is no pickle further on is one that breaks there. */
        (void)good;
        err = buf_status(&plain, e);
    }
    pkl_leaf_release(&leaf);
    if (err == PB_OK) {
        bytes = buf_take(&plain, &n);
        *out = bytes != NULL ? source_mem(bytes, n, true) : NULL;
        if (*out == NULL) {
            free(bytes);
            err = error_nomem(e);
        }
    }
    buf_release(&plain);
    return err;
}

/* A line is looked at as what its escapes mean. */
static enum pb_err look_at_line(struct pkl_doc *d, const struct op *op, enum pkl_audit_place *place,
                                struct error *e)
{
    pkl_id id = PKL_ID(d->no, PKL_TAG_VALUE, op->at);
    struct pkl_node node = {.id = id, .target = id, .kind = op_kind(op->code), .opcode = op->code};
    struct pkl_leaf leaf;
    enum pb_err err;

    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(pkl_doc_view(d), &node, LOOK, &leaf, e);
    if (err == PB_OK && leaf.data.len > 0)
        *place = spelling((const uint8_t *)leaf.data.data, leaf.data.len, !leaf.partial,
                          op->code == 'V');
    pkl_leaf_release(&leaf);
    return err;
}

enum pb_err nested_find(struct pkl_doc *d, const struct op *op, struct source **out,
                        enum pkl_audit_place *place, bool *looked, struct error *e)
{
    enum pkl_kind kind = op_kind(op->code);
    bool line = op_is_text(op->code);
    uint64_t header = op_info[op->code].header;
    const uint8_t *p;
    size_t n;
    enum pb_err err = PB_OK;

    *out = NULL;
    *looked = false;
    *place = PKL_AUDIT_WHOLE;
    if (op->payload < SHORTEST)
        return PB_OK;
    if (line) {
        /* Without an escape there is no PROTO and no second line; base64 and hex need none. */
        *looked = true;
        err = look_at_line(d, op, place, e);
    } else {
        p = op->p + header;
        n = op->n - (size_t)header;
        if (n < op->payload && n < LOOK) {
            *looked = true;
            err = source_view(d->src, op->at + header,
                              op->payload < LOOK ? (size_t)op->payload : LOOK, &p, &n, e);
            if (err != PB_OK)
                return err;
        }
        n = n < op->payload ? n : (size_t)op->payload;
        n = n < LOOK ? n : LOOK;
        *place = spelling(p, n, n == op->payload, kind == PKL_STR);
    }
    if (err != PB_OK || *place == PKL_AUDIT_WHOLE)
        return err;
    *looked = true;
    if (*place != PKL_AUDIT_BYTES || line)
        return decoded(d, op, *place, out, e);
    *out = slice_new(d->src, op->at + header, op->payload);
    return *out != NULL ? PB_OK : error_nomem(e);
}

enum pb_err nested_behind(struct source *src, uint64_t from, struct source **out, struct error *e)
{
    const uint8_t *p;
    size_t n;
    enum pb_err err = source_view(src, from, LOOK, &p, &n, e);

    *out = NULL;
    if (err != PB_OK)
        return err;
    if (n < SHORTEST || !walks(p, n, n < LOOK))
        return PB_OK;
    *out = slice_new(src, from, src->size - from);
    return *out != NULL ? PB_OK : error_nomem(e);
}

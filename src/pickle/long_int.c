/* Long ints as they stand: two's complement, little-endian, in any source. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_int.h>
#include <pklbrowse/pkl_leaf.h>

#include "cursor.h"

#define LONG_BYTES ((PKL_INT_LONG_BITS - 1) / 8)
#define LOOKED_AT ((uint64_t)4 << 20) /* bytes that say nothing, before we give up */
#define PIECE ((size_t)64 * 1024)

struct long_int {
    struct source *src;
    struct source *own; /* src, when it is not the document's */
    uint64_t at, n;
    bool negative;
    uint64_t low; /* of a negative one: the lowest byte that is not 0 */
    uint64_t bits;
};

struct hex_source {
    struct source base;
    struct long_int of;
    char *text; /* what was asked for last */
    size_t room;
};

static enum pb_err bytes_at(const struct long_int *l, uint64_t i, size_t want, const uint8_t **p,
                            struct error *e)
{
    size_t n;
    enum pb_err err = source_view(l->src, l->at + i, want, p, &n, e);

    return err == PB_OK && n < want ? error_pickle(e, l->at, -1, "an int ends before its length")
                                    : err;
}

/* Byte i of the absolute value. */
static uint8_t magnitude(const struct long_int *l, uint64_t i, uint8_t byte)
{
    if (!l->negative)
        return byte;
    if (i < l->low)
        return 0;
    return (uint8_t)(i == l->low ? ~byte + 1 : ~byte);
}

static enum pb_err too_plain(struct error *e)
{
    return error_set(e, PB_ELIMIT, "an int with more than %llu bytes that are all the same",
                     (unsigned long long)LOOKED_AT);
}

static enum pb_err find_low(struct long_int *l, struct error *e)
{
    const uint8_t *p;

    for (uint64_t i = 0; i < l->n && i < LOOKED_AT; i += PIECE) {
        size_t want = l->n - i < PIECE ? (size_t)(l->n - i) : PIECE;
        enum pb_err err = bytes_at(l, i, want, &p, e);

        if (err != PB_OK)
            return err;
        for (size_t k = 0; k < want; k++) {
            if (p[k] != 0) {
                l->low = i + k;
                return PB_OK;
            }
        }
    }
    return too_plain(e);
}

/* The highest byte that says more than the sign; n: there is none. */
static enum pb_err find_high(const struct long_int *l, uint64_t *high, struct error *e)
{
    uint8_t fill = l->negative ? 0xff : 0;
    const uint8_t *p;

    *high = l->n;
    for (uint64_t end = l->n; end > 0;) {
        size_t want = end < PIECE ? (size_t)end : PIECE;
        enum pb_err err = bytes_at(l, end - want, want, &p, e);

        if (err != PB_OK)
            return err;
        for (size_t k = want; k > 0; k--) {
            if (p[k - 1] != fill) {
                *high = end - want + k - 1;
                return PB_OK;
            }
        }
        end -= want;
        if (l->n - end >= LOOKED_AT)
            return too_plain(e);
    }
    return PB_OK;
}

static enum pb_err measure(struct long_int *l, struct error *e)
{
    const uint8_t *p;
    uint64_t high;
    enum pb_err err = bytes_at(l, l->n - 1, 1, &p, e);

    if (err != PB_OK)
        return err;
    l->negative = (p[0] & 0x80) != 0;
    err = find_high(l, &high, e);
    if (err == PB_OK && l->negative)
        err = find_low(l, e);
    if (err != PB_OK)
        return err;
    if (l->negative && (high == l->n || l->low > high))
        high = l->low; /* a power of 256 */
    if (high == l->n)
        return PB_OK;
    err = bytes_at(l, high, 1, &p, e);
    if (err == PB_OK)
        l->bits = high * 8 + (32 - (unsigned)__builtin_clz(magnitude(l, high, p[0])));
    return err;
}

/* An int written in digits, of which each is more than three bits. */
static enum pb_err from_text(struct pkl_view *v, const struct pkl_node *node, struct long_int *l,
                             struct error *e)
{
    struct pkl_leaf leaf;
    enum pb_err err;
    size_t len;
    char *copy;

    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, node, SIZE_MAX, &leaf, e);
    if (err == PB_OK && leaf.data.len > 0) {
        copy = buf_take(&leaf.data, &len);
        l->own = copy != NULL ? source_mem(copy, len, true) : NULL;
        if (l->own == NULL) {
            free(copy);
            err = error_nomem(e);
        } else {
            l->src = l->own;
            l->n = len;
        }
    }
    pkl_leaf_release(&leaf);
    return err;
}

/* bits is 0 when it is not long. */
static enum pb_err find(struct pkl_view *v, const struct pkl_node *node, struct long_int *l,
                        struct error *e)
{
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(node->target));
    struct cursor c;
    struct op op;
    enum pb_err err;

    *l = (struct long_int){0};
    if (node->kind != PKL_INT || d == NULL || PKL_ID_TAG(node->target) != PKL_TAG_VALUE)
        return PB_OK;
    cursor_init(&c, pkl_doc_source(d));
    err = cursor_read(&c, PKL_ID_OFFSET(node->target), &op, e);
    if (err != PB_OK || op.payload < LONG_BYTES)
        return err;
    if (op_is_text(op.code)) {
        err = from_text(v, node, l, e);
    } else {
        l->src = pkl_doc_source(d);
        l->at = op.at + op_info[op.code].header;
        l->n = op.payload;
    }
    if (err == PB_OK && l->n > 0)
        err = measure(l, e);
    if (l->bits < PKL_INT_LONG_BITS)
        l->bits = 0;
    if (l->bits == 0) {
        source_free(l->own);
        l->own = NULL;
    }
    return err;
}

enum pb_err pkl_int_long_bits(struct pkl_view *v, const struct pkl_node *node, uint64_t *bits,
                              struct error *e)
{
    struct long_int l;
    enum pb_err err = find(v, node, &l, e);

    *bits = l.bits;
    source_free(l.own);
    return err;
}

/* --- the text ------------------------------------------------------------------------------- */

/* Digits [from, from + n) of `digits`, the highest being number 0. */
static enum pb_err put_digits(const struct long_int *l, uint64_t from, size_t n, char *to,
                              struct error *e)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t digits = (l->bits + 3) / 4, top = digits - 1 - from, bottom = top - (n - 1);
    const uint8_t *p;
    enum pb_err err = bytes_at(l, bottom / 2, (size_t)(top / 2 - bottom / 2 + 1), &p, e);

    for (uint64_t i = top + 1; err == PB_OK && i > bottom; i--) {
        uint64_t digit = i - 1;
        uint8_t byte = magnitude(l, digit / 2, p[digit / 2 - bottom / 2]);

        *to++ = hex[byte >> digit % 2 * 4 & 0xf];
    }
    return err;
}

static enum pb_err hex_view(struct source *s, uint64_t off, size_t want, const uint8_t **p,
                            size_t *n, struct error *e)
{
    struct hex_source *h = (struct hex_source *)s;
    const char *sign = h->of.negative ? "-0x" : "0x";
    size_t before = strlen(sign), i = 0;
    enum pb_err err = PB_OK;

    *p = NULL;
    *n = 0;
    if (off >= s->size)
        return PB_OK;
    want = want < s->size - off ? want : (size_t)(s->size - off);
    if (want > h->room) {
        char *more = mem_realloc(h->text, want, 1);

        if (more == NULL)
            return error_nomem(e);
        h->text = more;
        h->room = want;
    }
    for (; i < want && off + i < before; i++)
        h->text[i] = sign[off + i];
    if (i < want)
        err = put_digits(&h->of, off + i - before, want - i, h->text + i, e);
    if (err != PB_OK)
        return err;
    *p = (const uint8_t *)h->text;
    *n = want;
    return PB_OK;
}

static void hex_free(struct source *s)
{
    struct hex_source *h = (struct hex_source *)s;

    source_free(h->of.own);
    free(h->text);
    free(h);
}

static const struct source_ops hex_ops = {hex_view, hex_free};

enum pb_err pkl_int_hex(struct pkl_view *v, const struct pkl_node *node, struct source **out,
                        struct error *e)
{
    struct hex_source *h = mem_alloc(sizeof *h);
    enum pb_err err;

    *out = NULL;
    if (h == NULL)
        return error_nomem(e);
    err = find(v, node, &h->of, e);
    if (err == PB_OK && h->of.bits == 0)
        err = error_set(e, PB_EUSAGE, "this is no long int");
    if (err != PB_OK) {
        hex_free(&h->base);
        return err;
    }
    h->base.ops = &hex_ops;
    h->base.size = h->base.here = (h->of.bits + 3) / 4 + (h->of.negative ? 3 : 2);
    *out = &h->base;
    return PB_OK;
}

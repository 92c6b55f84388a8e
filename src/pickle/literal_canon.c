/*
 * Equality as Python's dictionaries see it.
 *
 * A value is written as bytes that are the same exactly for equal values: numbers by their value
 * whatever their type, members of sets and pairs of dicts sorted.  Every piece carries its length,
 * so no two values share a spelling by accident.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>

#include "equal.h"
#include "literal_lex.h"

struct level {
    const struct literal *node, *child;
    size_t body;   /* where the children's bytes begin */
    size_t slices; /* first of this level's in walk.slices */
    bool value;    /* the child is a dict's value */
};

struct canon {
    struct buf *out;
    bool nan;
    struct {
        struct level *data;
        size_t len, cap;
    } levels;
    struct {
        size_t *data; /* where each member or pair begins */
        size_t len, cap;
    } slices;
};

static void put_sized(struct buf *out, char tag, const void *p, size_t n)
{
    uint64_t len = n;

    buf_putc(out, tag);
    buf_append(out, &len, sizeof len);
    buf_append(out, p, n);
}

static void put_int(struct buf *out, const uint8_t *le, size_t n)
{
    while (n > 0 && ((le[n - 1] == 0 && (n == 1 || (le[n - 2] & 0x80) == 0)) ||
                     (n > 1 && le[n - 1] == 0xff && (le[n - 2] & 0x80) != 0)))
        n--;
    put_sized(out, 'i', le, n);
}

/* A float that is a whole number, as the int it equals.  The largest has 1024 bits. */
static void put_whole(struct buf *out, double d)
{
    uint8_t le[136] = {0};
    int exponent;
    double mantissa = frexp(fabs(d), &exponent);
    uint64_t bits = (uint64_t)ldexp(mantissa, 53);
    unsigned carry = 1;

    for (int i = 0; i < 53; i++) {
        int place = exponent - 53 + i;

        if ((bits >> i & 1) != 0 && place >= 0)
            le[place / 8] |= (uint8_t)(1u << (place % 8));
    }
    for (size_t i = 0; d < 0 && i < sizeof le; i++) {
        carry += (uint8_t)~le[i];
        le[i] = (uint8_t)carry;
        carry >>= 8;
    }
    put_int(out, le, sizeof le);
}

static void put_real(struct canon *c, double d)
{
    c->nan = c->nan || isnan(d);
    if (isfinite(d) && d == floor(d))
        put_whole(c->out, d);
    else
        put_sized(c->out, 'd', &d, sizeof d);
}

static void put_leaf(struct canon *c, const struct literal *l)
{
    uint8_t truth = l->boolean;

    switch (l->kind) {
    case PKL_BOOL:
        put_int(c->out, &truth, 1);
        break;
    case PKL_INT:
        put_int(c->out, (const uint8_t *)l->data, l->len);
        break;
    case PKL_FLOAT:
        if (l->complex_number && l->imag != 0)
            buf_putc(c->out, 'c');
        put_real(c, l->real);
        if (l->complex_number && l->imag != 0)
            put_real(c, l->imag);
        break;
    case PKL_STR:
        put_sized(c->out, 's', l->data, l->len);
        break;
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        put_sized(c->out, 'b', l->data, l->len);
        break;
    case PKL_GLOBAL:
        put_sized(c->out, 'm', l->module, strlen(l->module));
        put_sized(c->out, 'g', l->name, strlen(l->name));
        break;
    default:
        buf_putc(c->out, 'n');
        break;
    }
}

static bool is_container(enum pkl_kind kind)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_DICT || kind == PKL_SET ||
           kind == PKL_FROZENSET || kind == PKL_OBJECT;
}

static char container_tag(enum pkl_kind kind)
{
    return kind == PKL_OBJECT  ? 'O'
           : kind == PKL_LIST  ? 'L'
           : kind == PKL_TUPLE ? 'T'
           : kind == PKL_DICT  ? 'D'
                               : 'S';
}

static bool open_level(struct canon *c, const struct literal *l)
{
    struct level lv = {.node = l, .child = l->first};

    buf_putc(c->out, container_tag(l->kind));
    buf_append(c->out, &l->count, sizeof l->count);
    lv.body = c->out->len;
    lv.slices = c->slices.len;
    return vec_push(&c->levels, lv);
}

struct slice {
    const char *p;
    size_t n;
};

static int by_bytes(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n > 0 ? memcmp(x->p, y->p, n) : 0;

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Members in the order of their bytes. */
static bool sort_level(struct canon *c, const struct level *lv)
{
    size_t count = c->slices.len - lv->slices, body = c->out->len - lv->body, to = 0;
    struct slice *s = mem_realloc(NULL, count, sizeof *s);
    char *sorted = mem_alloc(body);
    bool ok = s != NULL && sorted != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        size_t begin = c->slices.data[lv->slices + i];
        size_t end = i + 1 < count ? c->slices.data[lv->slices + i + 1] : c->out->len;

        s[i] = (struct slice){c->out->data + begin, end - begin};
    }
    if (ok && count > 1) {
        qsort(s, count, sizeof *s, by_bytes);
        for (size_t i = 0; i < count; i++) {
            memcpy(sorted + to, s[i].p, s[i].n);
            to += s[i].n;
        }
        memcpy(c->out->data + lv->body, sorted, body);
    }
    free(s);
    free(sorted);
    c->slices.len = lv->slices;
    return ok;
}

static bool step(struct canon *c)
{
    struct level *lv = &c->levels.data[c->levels.len - 1];
    const struct literal *child = lv->child;
    bool sorted =
        lv->node->kind != PKL_LIST && lv->node->kind != PKL_TUPLE && lv->node->kind != PKL_OBJECT;

    if (c->out->failed != PB_OK)
        return false;
    if (child == NULL) {
        struct level closed = *lv;

        c->levels.len--;
        return !sorted || sort_level(c, &closed);
    }
    lv->child = child->next;
    if (sorted && !lv->value && !vec_push(&c->slices, c->out->len))
        return false;
    lv->value = lv->node->kind == PKL_DICT && !lv->value;
    if (is_container(child->kind))
        return open_level(c, child);
    put_leaf(c, child);
    return true;
}

enum pb_err literal_canon(struct buf *out, const struct literal *l, bool *nan, struct error *e)
{
    struct canon c = {.out = out};
    bool ok = true;

    if (is_container(l->kind))
        ok = open_level(&c, l);
    else
        put_leaf(&c, l);
    while (ok && c.levels.len > 0)
        ok = step(&c);
    *nan = c.nan;
    vec_release(&c.levels);
    vec_release(&c.slices);
    return ok ? buf_status(out, e) : error_nomem(e);
}

bool literal_equal(const struct literal *a, const struct literal *b)
{
    struct buf x, y;
    bool nan_a = false, nan_b = false, equal;

    if (a->kind == b->kind && (a->kind == PKL_STR || a->kind == PKL_BYTES))
        return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
    buf_init(&x, SIZE_MAX / 2);
    buf_init(&y, SIZE_MAX / 2);
    equal = literal_canon(&x, a, &nan_a, NULL) == PB_OK &&
            literal_canon(&y, b, &nan_b, NULL) == PB_OK && !nan_a && !nan_b && x.len == y.len &&
            memcmp(x.data, y.data, x.len) == 0;
    buf_release(&x);
    buf_release(&y);
    return equal;
}

static uint64_t tagged(enum pkl_kind kind, const char *p, size_t n)
{
    return (equal_hash(p, n) * 31 + (uint64_t)kind) | 1;
}

enum pb_err literal_hash(const struct literal *l, uint64_t *hash, struct error *e)
{
    struct buf canon;
    bool nan;
    enum pb_err err;

    if (l->kind == PKL_STR || l->kind == PKL_BYTES) {
        *hash = tagged(l->kind, l->data, l->len);
        return PB_OK;
    }
    buf_init(&canon, SIZE_MAX / 2);
    err = literal_canon(&canon, l, &nan, e);
    if (err == PB_OK)
        *hash = tagged(PKL_NONE, canon.data, canon.len);
    buf_release(&canon);
    return err;
}

/* Only tuples and objects can hide something unhashable: what is in a frozenset was a member of a
 * set before.
 */
bool literal_hashable(const struct literal *l)
{
    return l->kind != PKL_LIST && l->kind != PKL_DICT && l->kind != PKL_SET &&
           l->kind != PKL_BYTEARRAY &&
           !((l->kind == PKL_TUPLE || l->kind == PKL_OBJECT) && l->unhashable);
}

/* ------------------------------------------------------------------- equal keys */

struct seen {
    struct buf bytes;
    struct {
        struct entry {
            size_t at, n; /* in bytes */
            struct literal *key;
        } * data;
        size_t len, cap;
    } entries;
    size_t *table; /* entry + 1, or 0 */
    size_t mask;
};

/* The entry equal to the last one appended, or NULL; then the last one is entered itself. */
static struct literal *find_or_enter(struct seen *s)
{
    const struct entry *last = &s->entries.data[s->entries.len - 1];
    size_t i = crc32_of(0, s->bytes.data + last->at, last->n) & s->mask;

    for (; s->table[i] != 0; i = (i + 1) & s->mask) {
        const struct entry *other = &s->entries.data[s->table[i] - 1];

        if (other->n == last->n &&
            memcmp(s->bytes.data + other->at, s->bytes.data + last->at, last->n) == 0)
            return other->key;
    }
    s->table[i] = s->entries.len;
    return NULL;
}

/* *equal is the earlier key equal to this one. */
static enum pb_err look(struct seen *s, struct literal *key, struct literal **equal,
                        struct error *e)
{
    struct entry en = {.at = s->bytes.len, .key = key};
    bool nan;
    enum pb_err err = literal_canon(&s->bytes, key, &nan, e);

    *equal = NULL;
    if (err != PB_OK || nan)
        return err;
    en.n = s->bytes.len - en.at;
    if (!vec_push(&s->entries, en))
        return error_nomem(e);
    *equal = find_or_enter(s);
    return PB_OK;
}

static enum pb_err drop_equal(struct seen *s, struct literal *l, struct error *e)
{
    struct literal **link = &l->first, *equal, *key;
    bool dict = l->kind == PKL_DICT;
    enum pb_err err = PB_OK;

    while (err == PB_OK && (key = *link) != NULL) {
        struct literal *value = dict ? key->next : NULL;

        err = look(s, key, &equal, e);
        if (err != PB_OK)
            break;
        if (equal == NULL) {
            link = dict ? &value->next : &key->next;
            continue;
        }
        *link = dict ? value->next : key->next;
        l->count--;
        if (dict) { /* the new value takes the old one's place in the chain */
            value->next = equal->next->next;
            if (link == &equal->next->next)
                link = &value->next;
            equal->next = value;
        }
    }
    return err;
}

enum pb_err literal_dedupe(struct literal *l, struct error *e)
{
    struct seen s = {.mask = 1};
    enum pb_err err;

    if (l->count < 2)
        return PB_OK;
    buf_init(&s.bytes, SIZE_MAX / 2);
    while (s.mask < l->count * 2)
        s.mask = s.mask << 1 | 1;
    s.table = mem_alloc((s.mask + 1) * sizeof *s.table);
    err = s.table != NULL ? drop_equal(&s, l, e) : error_nomem(e);
    free(s.table);
    vec_release(&s.entries);
    buf_release(&s.bytes);
    return err;
}

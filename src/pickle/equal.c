#include "equal.h"

#include <stdlib.h>
#include <string.h>

#include "literal_lex.h"
#include "path_private.h"

#define AT_ONCE 128
#define KEY_MAX ((size_t)64 << 20)

struct hashed {
    uint64_t hash, index;
};

struct finder {
    struct pkl_view *view;
    pkl_id id;
    bool dict;
    struct pkl_leaf leaf;
    struct buf key, other;
    struct {
        struct hashed *data;
        size_t len, cap;
    } all;
};

uint64_t equal_hash(const char *p, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;

    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;

        memcpy(&w, p, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; n > 0; p++, n--)
        h = (h ^ (uint8_t)*p) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

static bool is_ascii(const struct buf *b)
{
    unsigned char any = 0;

    for (size_t i = 0; i < b->len; i++)
        any |= (unsigned char)b->data[i];
    return any < 0x80;
}

/* Keys without a literal are themselves. */
static void identity(const struct pkl_node *key, struct buf *out)
{
    buf_putc(out, '@');
    buf_append(out, &key->target, sizeof key->target);
}

static enum pb_err canon_of_literal(struct finder *f, const struct pkl_node *key, struct buf *out,
                                    struct error *e)
{
    struct literal *l = NULL;
    struct arena mem;
    bool nan = false;
    enum pb_err err;

    arena_init(&mem);
    err = path_key_literal(f->view, key, &mem, &l, e);
    if (err == PB_OK && l != NULL)
        err = literal_canon(out, l, &nan, e);
    if (err == PB_OK && (l == NULL || nan)) {
        buf_clear(out);
        identity(key, out);
    }
    arena_release(&mem);
    return err;
}

/* Bytes that are the same for equal keys. */
static enum pb_err canon(struct finder *f, const struct pkl_node *key, struct buf *out,
                         struct error *e)
{
    enum pb_err err;

    buf_clear(out);
    if (key->kind == PKL_STR || key->kind == PKL_PY2STR) {
        err = pkl_leaf_read(f->view, key, KEY_MAX, &f->leaf, e);
        if (err == PB_OK &&
            (f->leaf.partial || (key->kind == PKL_PY2STR && !is_ascii(&f->leaf.data)))) {
            if (f->leaf.partial)
                identity(key, out);
            else
                err = canon_of_literal(f, key, out, e);
        } else if (err == PB_OK) {
            buf_putc(out, '"');
            buf_append(out, f->leaf.data.data, f->leaf.data.len);
        }
    } else if (key->kind > PKL_BYTES && key->kind != PKL_TUPLE && key->kind != PKL_FROZENSET) {
        identity(key, out);
        err = PB_OK;
    } else {
        err = canon_of_literal(f, key, out, e);
    }
    return err == PB_OK ? buf_status(out, e) : err;
}

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_index(const void *a, const void *b)
{
    const struct equal *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static enum pb_err hash_keys(struct finder *f, const struct pkl_child *kids, size_t n, uint64_t at,
                             struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        err = canon(f, f->dict ? &kids[i].key : &kids[i].value, &f->key, e);
        if (err == PB_OK) {
            struct hashed h = {equal_hash(f->key.data, f->key.len), at + i};

            err = vec_push(&f->all, h) ? PB_OK : error_nomem(e);
        }
    }
    return err;
}

static enum pb_err collect(struct finder *f, uint64_t count, struct error *e)
{
    struct pkl_child *kids = mem_realloc(NULL, AT_ONCE, sizeof *kids);
    enum pb_err err = kids != NULL ? PB_OK : error_nomem(e);

    for (uint64_t at = 0; at < count && err == PB_OK;) {
        size_t got;

        err = f->view->children(f->view, f->id, at, AT_ONCE, kids, &got, e);
        if (err == PB_OK && got == 0)
            break;
        if (err == PB_OK)
            err = hash_keys(f, kids, got, at, e);
        at += got;
    }
    free(kids);
    return err;
}

static enum pb_err canon_at(struct finder *f, uint64_t index, struct buf *out, struct error *e)
{
    struct pkl_child kid;
    size_t got;
    enum pb_err err = f->view->children(f->view, f->id, index, 1, &kid, &got, e);

    if (err != PB_OK)
        return err;
    return got == 1 ? canon(f, f->dict ? &kid.key : &kid.value, out, e)
                    : error_set(e, PB_EPICKLE, "a key is not found again");
}

/* Of children [from, to) with the same hash: those equal to the first are settled and taken out. */
static enum pb_err settle(struct finder *f, size_t from, size_t *to, struct equals *out,
                          struct error *e)
{
    uint64_t first = f->all.data[from].index, last = first;
    size_t kept = from;
    enum pb_err err = canon_at(f, first, &f->other, e);

    for (size_t i = from + 1; i < *to && err == PB_OK; i++) {
        struct equal gone = {f->all.data[i].index, EQUAL_GONE};

        err = canon_at(f, gone.index, &f->key, e);
        if (err != PB_OK)
            break;
        if (f->key.len != f->other.len || memcmp(f->key.data, f->other.data, f->key.len) != 0) {
            f->all.data[kept++] = f->all.data[i];
            continue;
        }
        last = gone.index;
        if (!vec_push(out, gone))
            return error_nomem(e);
    }
    *to = kept;
    if (err == PB_OK && f->dict && last != first) {
        struct equal shown = {first, last};

        err = vec_push(out, shown) ? PB_OK : error_nomem(e);
    }
    return err;
}

enum pb_err equals_find(struct pkl_view *v, pkl_id id, uint64_t count, const struct pkl_child *kids,
                        bool dict, struct equals *out, struct error *e)
{
    struct finder f = {.view = v, .id = id, .dict = dict};
    enum pb_err err;

    if (count < 2)
        return PB_OK;
    pkl_leaf_init(&f.leaf);
    buf_init(&f.key, SIZE_MAX / 2);
    buf_init(&f.other, SIZE_MAX / 2);
    err = kids != NULL ? hash_keys(&f, kids, (size_t)count, 0, e) : collect(&f, count, e);
    if (err == PB_OK)
        qsort(f.all.data, f.all.len, sizeof *f.all.data, by_hash);
    for (size_t i = 0; i < f.all.len && err == PB_OK;) {
        size_t end = i + 1, to;

        while (end < f.all.len && f.all.data[end].hash == f.all.data[i].hash)
            end++;
        for (to = end; to - i > 1 && err == PB_OK;)
            err = settle(&f, i, &to, out, e);
        i = end;
    }
    if (out->len > 1)
        qsort(out->data, out->len, sizeof *out->data, by_index);
    vec_release(&f.all);
    buf_release(&f.key);
    buf_release(&f.other);
    pkl_leaf_release(&f.leaf);
    return err;
}

void equals_release(struct equals *q)
{
    vec_release(q);
}

uint64_t equals_shown(const struct equals *q, uint64_t index)
{
    size_t low = vec_lower(q, index, index);

    return low < q->len && q->data[low].index == index ? q->data[low].shown : index;
}

/* Whether the keys of a dict or the members of a set are all different. */
#include <string.h>

#include <pklbrowse/text.h>

#include "equal.h"
#include "plain.h"

#define AT_ONCE_MAX ((uint64_t)1 << 26) /* more keys are left to equals_find() */

/* Kinds of keys that never equal each other have numbers of their own. */
enum { KEY_NONE = 1, KEY_INT, KEY_TEXT, KEY_BYTES };

static uint64_t number(uint64_t hash, unsigned kind)
{
    hash = (hash ^ kind) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    return hash != 0 ? hash : 1;
}

static bool is_ascii(const char *s, size_t n)
{
    unsigned char any = 0;

    for (size_t i = 0; i < n; i++)
        any |= (unsigned char)s[i];
    return any < 0x80;
}

/* They begin with the byte ED, as few other characters do. */
static bool has_surrogate(const char *s, size_t n)
{
    return n > 0 && memchr(s, 0xed, n) != NULL && utf8_check(s, n, false, NULL) != n;
}

uint64_t plain_key(struct plain *w, const struct tape_node *n, bool *name)
{
    const uint8_t *p;
    const char *s;
    size_t len;

    *name = false;
    switch ((enum pkl_kind)n->kind) {
    case PKL_NONE:
        return number(0, KEY_NONE);
    case PKL_INT:
        if (n->code != 'K' && n->code != 'M' && n->code != 'J')
            return 0;
        p = plain_bytes(w, n->at, (size_t)(op_info[n->code].header));
        if (p == NULL)
            return 0;
        len = op_info[n->code].header - 1u;
        return number(n->code == 'J' ? (uint64_t)(int64_t)(int32_t)op_le(p + 1, 4)
                                     : op_le(p + 1, len),
                      KEY_INT);
    case PKL_STR:
    case PKL_PY2STR:
        s = plain_text(w, n, &len);
        if (s == NULL || (n->kind == PKL_PY2STR && !is_ascii(s, len)))
            return 0;
        *name = !(len > 0 && s[0] == '$') && !has_surrogate(s, len);
        return number(equal_hash(s, len), KEY_TEXT);
    case PKL_BYTES:
        s = plain_text(w, n, &len);
        return s != NULL ? number(equal_hash(s, len), KEY_BYTES) : 0;
    default:
        return 0;
    }
}

bool plain_keys_begin(struct plain *w, uint64_t count)
{
    size_t size = 16;

    if (count > AT_ONCE_MAX)
        return false;
    while (size < count * 2)
        size *= 2;
    if (!vec_reserve(&w->keys, size))
        return false;
    memset(w->keys.data, 0, size * sizeof *w->keys.data);
    w->keys.len = size;
    return true;
}

bool plain_keys_add(struct plain *w, const struct tape_node *n, bool *name)
{
    uint64_t key = 0;
    size_t i;

    *name = false;
    if (n->flags & TAPE_HARD)
        return false;
    if (n->flags & TAPE_REF) {
        const struct plain_word *word = plain_word(w, n);

        key = word != NULL ? word->key : 0;
        *name = word != NULL && word->name;
    } else {
        key = plain_key(w, n, name);
    }
    if (key == 0)
        return false;
    for (i = (size_t)key & (w->keys.len - 1); w->keys.data[i] != 0;
         i = (i + 1) & (w->keys.len - 1)) {
        if (w->keys.data[i] == key)
            return false;
    }
    w->keys.data[i] = key;
    return true;
}

bool plain_keys_node(struct plain *w, const struct tape *t, const struct tape_node *n, bool *names)
{
    enum phase phase = n->kind == PKL_DICT ? PH_PAIR : PH_ITEM;
    bool good = plain_keys_begin(w, n->count), name;

    *names = true;
    for (uint32_t at = tape_child(t, n->kids, phase); at != 0 && good;) {
        const struct tape_node *k = &t->nodes.data[at];

        good = plain_keys_add(w, k, &name);
        *names = *names && name;
        at = tape_child(t, k->next, phase);
        if (phase == PH_PAIR && at != 0)
            at = tape_child(t, t->nodes.data[at].next, phase);
    }
    return good;
}

/* Keys of a tape from number `first` on. */
static bool add_tape(struct plain *w, const struct tape *t, uint64_t first, bool *names)
{
    uint64_t at = t->first;
    bool good = true, name;

    for (uint32_t k = t->kids; k != 0 && good; at++) {
        if (at >= first) {
            good = plain_keys_add(w, &t->nodes.data[k], &name);
            *names = *names && name;
        }
        k = tape_child(t, t->nodes.data[k].next, t->phase);
        if (t->phase == PH_PAIR && k != 0)
            k = tape_child(t, t->nodes.data[k].next, t->phase);
    }
    return good;
}

enum pb_err plain_keys_all(struct plain *w, uint64_t maker, enum phase phase, uint64_t count,
                           bool *distinct, bool *names, struct error *e)
{
    enum pb_err err = PB_OK;

    *names = true;
    *distinct = tapes_can(&w->tapes, maker) && plain_keys_begin(w, count);
    for (uint64_t at = 0; at < count && *distinct && err == PB_OK;) {
        struct tape *t;

        plain_forget_view(w);
        err = tapes_read(&w->tapes, maker, phase, at, &t, e);
        if (err == PB_OK)
            *distinct = add_tape(w, t, at, names);
        if (err == PB_OK)
            at = t->first + t->count;
    }
    return err;
}

/*
 * Which children correspond when their positions do not say.
 *
 * Lists: after equal ends are taken off, items are hashed by the beginning of their text, and the
 * shortest edit script is looked for (Myers) within a bound on its length and on the work; beyond
 * that, position decides.  What is called the same there is still compared.  Dicts and sets: a
 * digest of every key.
 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/pkl_repr.h>

#include "literal_lex.h"
#include "path_private.h"

#define TEXT_HASHED 4096u /* bytes of an item's text that are hashed */
#define KEY_TEXT ((size_t)1 << 20)
#define HASHED_MAX ((uint64_t)1 << 24) /* items of a list that are hashed */
#define EDITS_MAX 1024                 /* steps of an edit script */
#define WORK_MAX 40000000u
#define LOOKED_AT 8u    /* children by which containers are called similar */
#define DIGEST_KEPT 20u /* bytes of a key's digest */

static enum pb_err add_run(struct diff *d, struct diff_frame *f, enum diff_op op, uint64_t a,
                           uint64_t b, uint64_t n)
{
    struct diff_run r = {op, a, b, n};
    struct diff_run *last = f->script.len > 0 ? &f->script.data[f->script.len - 1] : NULL;

    if (n == 0)
        return PB_OK;
    if (last != NULL && last->op == op && (op == DIFF_NEW || last->a + last->n == a) &&
        (op == DIFF_GONE || last->b + last->n == b)) {
        last->n += n;
        return PB_OK;
    }
    return vec_push(&f->script, r) ? PB_OK : error_nomem(d->e);
}

static uint64_t hash_bytes(const void *p, size_t n)
{
    const uint8_t *s = p;
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 0x100000001b3u;
    h ^= h >> 29;
    return h != 0 ? h : 1;
}

/* ----------------------------------------------------------------------- lists */

/* By the first part of its text, whatever is below. */
static enum pb_err hash_item(struct diff *d, unsigned side, const struct pkl_node *n,
                             struct buf *text, uint64_t *hash)
{
    enum pb_err err;

    buf_clear(text);
    err = pkl_type_name(d->v[side], n, text, d->e);
    if (err == PB_OK)
        err = pkl_preview(d->v[side], n, TEXT_HASHED, text, d->e);
    if (err == PB_OK)
        err = buf_status(text, d->e);
    if (err == PB_OK)
        *hash = hash_bytes(text->data, text->len);
    return err;
}

/* Whether two children begin something similar; what is below them is not looked at. */
static enum pb_err same_child(struct diff *d, const struct pkl_child *a, const struct pkl_child *b,
                              bool *same)
{
    enum diff_verdict verdict = DIFF_SAME;
    enum pb_err err = PB_OK;

    if (a->key.id != 0 && b->key.id != 0)
        err = diff_look(d, &a->key, &b->key, &verdict);
    if (err == PB_OK && verdict != DIFF_OTHER)
        err = diff_look(d, &a->value, &b->value, &verdict);
    *same = verdict != DIFF_OTHER;
    return err;
}

enum pb_err diff_similar(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                         bool *similar)
{
    struct pkl_child kids[2][LOOKED_AT];
    enum diff_verdict verdict;
    size_t got[2];
    enum pb_err err = diff_same_opcodes(d, a, b, false, similar);

    if (err != PB_OK || *similar)
        return err;
    err = diff_look(d, a, b, &verdict);
    *similar = verdict == DIFF_SAME;
    if (err != PB_OK || verdict != DIFF_DOWN)
        return err;
    for (unsigned s = 0; s < 2 && err == PB_OK; s++)
        err = d->v[s]->children(d->v[s], s == 0 ? a->id : b->id, 0, LOOKED_AT, kids[s], &got[s],
                                d->e);
    *similar = err == PB_OK && got[0] == got[1];
    for (size_t i = 0; err == PB_OK && *similar && i < got[0]; i++)
        err = same_child(d, &kids[0][i], &kids[1][i], similar);
    return err;
}

static enum pb_err hash_items(struct diff *d, unsigned side, const struct diff_frame *f,
                              uint64_t first, uint64_t n, uint64_t *out)
{
    struct pkl_view *v = d->v[side];
    struct pkl_child kids[DIFF_BATCH];
    struct buf text;
    enum pb_err err = PB_OK;

    buf_init(&text, TEXT_HASHED * 4);
    for (uint64_t at = 0; at < n && err == PB_OK;) {
        size_t want = n - at < DIFF_BATCH ? (size_t)(n - at) : DIFF_BATCH, got;

        err = v->children(v, f->id[side], f->base[side] + first + at, want, kids, &got, d->e);
        if (err == PB_OK && got == 0)
            err = error_set(d->e, PB_EIO, "the children of a value cannot be found");
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            err = hash_item(d, side, &kids[i].value, &text, &out[at + i]);
            if (err == PB_OK)
                err = diff_check(d);
        }
        at += got;
    }
    buf_release(&text);
    return err;
}

/* Takes off similar items at the end. */
static enum pb_err similar_end(struct diff *d, const struct diff_frame *f, uint64_t n[2])
{
    struct pkl_child kids[2][DIFF_BATCH];
    bool equal = true;
    enum pb_err err = PB_OK;

    while (err == PB_OK && equal && n[0] > 0 && n[1] > 0) {
        uint64_t fewer = n[0] < n[1] ? n[0] : n[1];
        size_t want = fewer < DIFF_BATCH ? (size_t)fewer : DIFF_BATCH, got[2] = {0, 0};

        for (unsigned s = 0; s < 2 && err == PB_OK; s++)
            err = d->v[s]->children(d->v[s], f->id[s], f->base[s] + f->at + n[s] - want, want,
                                    kids[s], &got[s], d->e);
        if (err == PB_OK && (got[0] != want || got[1] != want))
            err = error_set(d->e, PB_EIO, "the children of a value cannot be found");
        for (size_t i = want; i-- > 0 && err == PB_OK && equal;) {
            err = diff_similar(d, &kids[0][i].value, &kids[1][i].value, &equal);
            n[0] -= equal;
            n[1] -= equal;
        }
    }
    return err;
}

/* Myers' greedy search, with the furthest points of every round kept to walk back. */
struct search {
    const uint64_t *a, *b;
    int64_t n, m;
    uint64_t work;
    int32_t *rounds[EDITS_MAX + 1]; /* of round r: x for k = -r .. r */
    int count;
};

static bool furthest(struct search *s, int r)
{
    int32_t *now = mem_alloc(((size_t)r * 2 + 1) * sizeof *now);
    const int32_t *before = r > 0 ? s->rounds[r - 1] : NULL;

    s->rounds[r] = now;
    if (now == NULL)
        return false;
    s->count = r + 1;
    for (int k = -r; k <= r; k += 2) {
        int64_t x, y;

        if (r == 0)
            x = 0;
        else if (k == -r || (k != r && before[k - 1 + r - 1] < before[k + 1 + r - 1]))
            x = before[k + 1 + r - 1];
        else
            x = before[k - 1 + r - 1] + 1;
        y = x - k;
        while (x < s->n && y < s->m && x >= 0 && y >= 0 && s->a[x] == s->b[y]) {
            x++;
            y++;
            s->work++;
        }
        s->work++;
        now[k + r] = (int32_t)x;
    }
    return true;
}

static bool reached(const struct search *s, int r)
{
    int64_t k = s->n - s->m;

    return k >= -r && k <= r && (k + r) % 2 == 0 && s->rounds[r][k + r] >= s->n;
}

/* Marks what is taken out of a and what is new in b, from the end to the beginning. */
static void walk_back(const struct search *s, bool *gone, bool *fresh)
{
    int64_t x = s->n, y = s->m;

    for (int r = s->count - 1; r > 0; r--) {
        const int32_t *before = s->rounds[r - 1];
        int64_t k = x - y;
        bool down = k == -r || (k != r && before[k - 1 + r - 1] < before[k + 1 + r - 1]);
        int64_t from_x = before[(down ? k + 1 : k - 1) + r - 1];
        int64_t from_y = from_x - (down ? k + 1 : k - 1);

        if (down)
            fresh[from_y] = true;
        else
            gone[from_x] = true;
        x = from_x;
        y = from_y;
    }
}

/* Between what stays: as many as both have are changed, the rest is gone or new. */
static enum pb_err script_of(struct diff *d, struct diff_frame *f, const uint64_t n[2],
                             const bool *gone, const bool *fresh)
{
    uint64_t i = 0, j = 0;
    enum pb_err err = PB_OK;

    while (err == PB_OK && (i < n[0] || j < n[1])) {
        uint64_t out = 0, in = 0, both;

        while (i + out < n[0] && gone[i + out])
            out++;
        while (j + in < n[1] && fresh[j + in])
            in++;
        both = out < in ? out : in;
        err = add_run(d, f, DIFF_PAIR, f->at + i, f->at + j, both);
        if (err == PB_OK)
            err = add_run(d, f, DIFF_GONE, f->at + i + both, f->at + j + both, out - both);
        if (err == PB_OK)
            err = add_run(d, f, DIFF_NEW, f->at + i + both, f->at + j + both, in - both);
        i += out;
        j += in;
        if (err == PB_OK && i < n[0] && j < n[1])
            err = add_run(d, f, DIFF_PAIR, f->at + i++, f->at + j++, 1);
    }
    return err;
}

static enum pb_err by_hashes(struct diff *d, struct diff_frame *f, const uint64_t n[2],
                             const uint64_t *a, const uint64_t *b, bool *found)
{
    struct search *s = mem_alloc(sizeof *s);
    bool *gone = mem_alloc(n[0] + 1), *fresh = mem_alloc(n[1] + 1);
    enum pb_err err = s != NULL && gone != NULL && fresh != NULL ? PB_OK : error_nomem(d->e);

    *found = false;
    if (err == PB_OK) {
        s->a = a;
        s->b = b;
        s->n = (int64_t)n[0];
        s->m = (int64_t)n[1];
    }
    for (int r = 0; err == PB_OK && r <= EDITS_MAX && !*found && s->work < WORK_MAX; r++) {
        if (!furthest(s, r))
            err = error_nomem(d->e);
        else
            *found = reached(s, r);
    }
    if (*found) {
        walk_back(s, gone, fresh);
        err = script_of(d, f, n, gone, fresh);
    }
    for (int r = 0; s != NULL && r < s->count; r++)
        free(s->rounds[r]);
    free(s);
    free(gone);
    free(fresh);
    return err;
}

enum pb_err diff_align(struct diff *d, struct diff_frame *f)
{
    uint64_t n[2] = {f->count[0] - f->at, f->count[1] - f->at}, both;
    uint64_t *hash[2] = {NULL, NULL};
    bool found = false;
    enum pb_err err = similar_end(d, f, n);
    uint64_t end[2] = {f->at + n[0], f->at + n[1]};

    if (err == PB_OK && n[0] > 0 && n[1] > 0 && n[0] <= HASHED_MAX && n[1] <= HASHED_MAX) {
        for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
            hash[s] = mem_realloc(NULL, n[s], sizeof *hash[s]);
            err = hash[s] != NULL ? hash_items(d, s, f, f->at, n[s], hash[s]) : error_nomem(d->e);
        }
        if (err == PB_OK)
            err = by_hashes(d, f, n, hash[0], hash[1], &found);
        free(hash[0]);
        free(hash[1]);
    }
    both = n[0] < n[1] ? n[0] : n[1];
    if (err == PB_OK && !found) {
        err = add_run(d, f, DIFF_PAIR, f->at, f->at, both);
        if (err == PB_OK)
            err = add_run(d, f, DIFF_GONE, f->at + both, f->at + both, n[0] - both);
        if (err == PB_OK)
            err = add_run(d, f, DIFF_NEW, f->at + both, f->at + both, n[1] - both);
    }
    if (err == PB_OK)
        err = add_run(d, f, DIFF_PAIR, end[0], end[1], f->count[0] - end[0]);
    return err;
}

/* ---------------------------------------------------------------- dicts and sets */

/* Bytes that are the same for keys that Python finds equal; what has no literal is known by its
 * text. */
static enum pb_err key_bytes(struct diff *d, unsigned side, const struct pkl_node *key,
                             struct buf *out)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE, .max_output = KEY_TEXT};
    struct sink to = sink_buf(out);
    struct literal *l = NULL;
    struct arena mem;
    struct error why;
    bool nan = false;
    enum pb_err err;

    buf_clear(out);
    arena_init(&mem);
    err = path_key_literal(d->v[side], key, &mem, &l, d->e);
    if (err == PB_OK && l != NULL)
        err = literal_canon(out, l, &nan, d->e);
    arena_release(&mem);
    if (err != PB_OK || (l != NULL && !nan))
        return err;
    buf_clear(out);
    buf_putc(out, '<');
    err = pkl_repr(d->v[side], key, &opts, &to, &why);
    if (err != PB_OK && err != PB_ELIMIT) {
        if (d->e != NULL)
            *d->e = why;
        return err;
    }
    return buf_status(out, d->e);
}

/* A key by a digest of which nobody can make two. */
struct keyed {
    uint8_t digest[DIGEST_KEPT];
    uint64_t at;
    bool taken, later; /* an equal one follows */
};
struct keys {
    struct keyed *data;
    size_t len, cap;
};

static const struct pkl_node *key_of(const struct diff_frame *f, const struct pkl_child *c)
{
    return f->type == DIFF_DICT ? &c->key : &c->value;
}

static enum pb_err collect(struct diff *d, unsigned side, const struct diff_frame *f,
                           struct keys *keys)
{
    struct pkl_view *v = d->v[side];
    struct pkl_child kids[DIFF_BATCH];
    uint8_t digest[SHA256_LEN] = {0};
    struct buf bytes;
    enum pb_err err = PB_OK;

    buf_init(&bytes, SIZE_MAX / 2);
    for (uint64_t at = f->at; at < f->count[side] && err == PB_OK;) {
        uint64_t left = f->count[side] - at;
        size_t want = left < DIFF_BATCH ? (size_t)left : DIFF_BATCH, got;

        err = v->children(v, f->id[side], f->base[side] + at, want, kids, &got, d->e);
        if (err == PB_OK && got == 0)
            err = error_set(d->e, PB_EIO, "the children of a value cannot be found");
        for (size_t i = 0; i < got && err == PB_OK; i++, at++) {
            struct keyed k = {.at = at};

            err = key_bytes(d, side, key_of(f, &kids[i]), &bytes);
            if (err == PB_OK)
                err = sha256(bytes.data, bytes.len, digest, d->e);
            memcpy(k.digest, digest, sizeof k.digest);
            if (err == PB_OK)
                err = diff_check(d);
            if (err == PB_OK && !vec_push(keys, k))
                err = error_nomem(d->e);
        }
    }
    buf_release(&bytes);
    return err;
}

static int by_digest(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = memcmp(x->digest, y->digest, sizeof x->digest);

    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

static int by_at(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static bool same_digest(const struct keyed *a, const struct keyed *b)
{
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* Of equal keys the last counts; they stand together. */
static void mark_later(struct keys *keys)
{
    for (size_t i = 0; i + 1 < keys->len; i++)
        keys->data[i].later = same_digest(&keys->data[i], &keys->data[i + 1]);
}

/* The key equal to this one, or NULL. */
static struct keyed *partner(const struct keyed *key, const struct keys *others)
{
    size_t low = 0, high = others->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (memcmp(others->data[mid].digest, key->digest, sizeof key->digest) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && same_digest(&others->data[low - 1], key) ? &others->data[low - 1] : NULL;
}

static enum pb_err match(struct diff *d, struct diff_frame *f, struct keys *a, struct keys *b)
{
    enum pb_err err = PB_OK;

    if (a->len > 1)
        qsort(a->data, a->len, sizeof *a->data, by_at);
    for (size_t i = 0; i < a->len && err == PB_OK; i++) {
        struct keyed *other = partner(&a->data[i], b);

        if (a->data[i].later)
            continue;
        if (other == NULL) {
            err = add_run(d, f, DIFF_GONE, a->data[i].at, 0, 1);
            continue;
        }
        other->taken = true;
        /* Members that are equal are the same. */
        if (f->type == DIFF_DICT)
            err = add_run(d, f, DIFF_PAIR, a->data[i].at, other->at, 1);
    }
    if (b->len > 1)
        qsort(b->data, b->len, sizeof *b->data, by_at);
    for (size_t i = 0; i < b->len && err == PB_OK; i++) {
        if (!b->data[i].taken && !b->data[i].later)
            err = add_run(d, f, DIFF_NEW, 0, b->data[i].at, 1);
    }
    return err;
}

enum pb_err diff_by_key(struct diff *d, struct diff_frame *f)
{
    struct keys keys[2] = {{0}, {0}};
    enum pb_err err = PB_OK;

    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        err = collect(d, s, f, &keys[s]);
        if (err == PB_OK && keys[s].len > 1)
            qsort(keys[s].data, keys[s].len, sizeof *keys[s].data, by_digest);
        mark_later(&keys[s]);
    }
    if (err == PB_OK)
        err = match(d, f, &keys[0], &keys[1]);
    vec_release(&keys[0]);
    vec_release(&keys[1]);
    return err;
}

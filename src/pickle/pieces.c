#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"

bool pieces_init(struct pieces *p, uint64_t count)
{
    struct piece all = {.count = count};

    *p = (struct pieces){.originals = count};
    return count == 0 || vec_push(p, all);
}

void pieces_release(struct pieces *p)
{
    vec_release(p);
}

void pieces_copy(struct pieces *to, const struct pieces *from)
{
    assert(to->cap >= from->len);
    if (from->len > 0)
        memcpy(to->data, from->data, from->len * sizeof *to->data);
    to->len = from->len;
    to->originals = from->originals;
}

uint64_t pieces_count(const struct pieces *p)
{
    return p->len == 0 ? 0 : p->data[p->len - 1].at + p->data[p->len - 1].count;
}

bool pieces_original(const struct pieces *p)
{
    if (p->len == 0)
        return p->originals == 0;
    return p->len == 1 && piece_is_run(&p->data[0]) && p->data[0].first == 0 &&
           p->data[0].count == p->originals;
}

/* Index of the piece that holds a position; p->len behind the end. */
static size_t find(const struct pieces *p, uint64_t position)
{
    size_t low = 0, high = p->len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->data[middle].at + p->data[middle].count <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct piece *pieces_at(const struct pieces *p, uint64_t position)
{
    size_t i = find(p, position);

    return i < p->len ? &p->data[i] : NULL;
}

static bool holds(const struct piece *x, uint64_t first, uint64_t *position)
{
    if (first < x->first || first - x->first >= x->count)
        return false;
    *position = x->at + (first - x->first);
    return true;
}

/* Most originals stand in their order; true when it is found there. */
static bool find_in_order(const struct pieces *p, uint64_t first, uint64_t *position)
{
    size_t low = 0, high = p->len;

    while (low < high) {
        size_t middle = low + (high - low) / 2, i = middle;

        while (i < high && piece_is_new(&p->data[i]))
            i++;
        if (i < high && holds(&p->data[i], first, position))
            return true;
        if (i < high && p->data[i].first < first)
            low = i + 1;
        else
            high = middle;
    }
    return false;
}

bool pieces_find(const struct pieces *p, uint64_t first, uint64_t *position)
{
    if (first < PIECE_NEW && find_in_order(p, first, position))
        return true;
    for (size_t i = p->len; i-- > 0;) {
        if (holds(&p->data[i], first, position))
            return true;
    }
    return false;
}

/* Makes a boundary at a position and returns the index of the piece that begins there.  There is
 * room. */
static size_t split(struct pieces *p, uint64_t position)
{
    size_t i = find(p, position);
    struct piece *left = &p->data[i];
    uint64_t head;

    if (i == p->len || left->at == position)
        return i;
    head = position - left->at;
    memmove(left + 1, left, (p->len - i) * sizeof *left);
    p->len++;
    left->count = head;
    left[1].at += head;
    left[1].first += head;
    left[1].count -= head;
    return i + 1;
}

static void join(struct pieces *p, size_t i)
{
    struct piece *a = &p->data[i];

    if (i + 1 >= p->len || !piece_is_run(a) || !piece_is_run(a + 1) ||
        a->first + a->count != a[1].first)
        return;
    a->count += a[1].count;
    memmove(a + 1, a + 2, (p->len - i - 2) * sizeof *a);
    p->len--;
}

/* Around and among `n` pieces. */
static void join_from(struct pieces *p, size_t low, size_t n)
{
    for (size_t i = low + n; i-- > low;)
        join(p, i);
    if (low > 0)
        join(p, low - 1);
}

bool pieces_replace(struct pieces *p, uint64_t at, uint64_t count, const struct piece *with,
                    size_t n, struct pieces *removed)
{
    size_t low, high;
    uint64_t next = at;

    assert(at + count <= pieces_count(p));
    if (!vec_reserve(p, p->len + n + 2))
        return false;
    low = split(p, at);
    high = split(p, at + count);
    if (removed != NULL && !vec_reserve(removed, removed->len + (high - low))) {
        join_from(p, low, high - low);
        return false;
    }
    if (removed != NULL && high > low) {
        memcpy(removed->data + removed->len, p->data + low, (high - low) * sizeof *p->data);
        removed->len += high - low;
    }
    memmove(p->data + low + n, p->data + high, (p->len - high) * sizeof *p->data);
    if (n > 0)
        memcpy(p->data + low, with, n * sizeof *with);
    p->len = p->len - (high - low) + n;
    for (size_t i = low; i < p->len; i++) {
        if (i >= low + n && p->data[i].at == next)
            break;
        p->data[i].at = next;
        next += p->data[i].count;
    }
    join_from(p, low, n);
    return true;
}

static bool same(const struct piece *a, const struct piece *b)
{
    if (a->key != b->key || a->value != b->value)
        return false;
    if (piece_is_new(a) || piece_is_new(b))
        return a->first == b->first;
    return a->first - a->at == b->first - b->at;
}

uint64_t pieces_differ(const struct pieces *a, const struct pieces *b)
{
    uint64_t x_count = pieces_count(a), y_count = pieces_count(b);
    uint64_t at = 0, end = x_count < y_count ? x_count : y_count;
    uint64_t differ = x_count - end + (y_count - end);
    size_t i = 0, j = 0;

    while (at < end) {
        const struct piece *x = &a->data[i], *y = &b->data[j];
        uint64_t x_end = x->at + x->count, y_end = y->at + y->count;
        uint64_t next = x_end < y_end ? x_end : y_end;

        next = next < end ? next : end;
        if (!same(x, y))
            differ += next - at;
        i += x_end == next;
        j += y_end == next;
        at = next;
    }
    return differ;
}

#include "rank.h"

#include <string.h>

#define DIGIT 11 /* bits */
#define KEY_DIGITS ((64 + DIGIT - 1) / DIGIT)
#define DIGITS (KEY_DIGITS + 1) /* and RANK_BEHIND */

static size_t digit(const struct rank *r, size_t d)
{
    return d == KEY_DIGITS ? (r->row & RANK_BEHIND) != 0
                           : (size_t)(r->key >> (d * DIGIT)) & (RANK_VALUES - 1);
}

static void begin_digit(struct rank_work *w, size_t d)
{
    w->digit = d;
    w->at = 0;
    w->moving = false;
    memset(w->count, 0, sizeof w->count);
}

void rank_begin(struct rank_work *w, struct rank *a, struct rank *room, size_t n)
{
    w->a = a;
    w->room = room;
    w->n = n;
    begin_digit(w, 0);
}

/* Where the first of each value goes. */
static void begin_moving(struct rank_work *w)
{
    size_t at = 0;

    for (size_t v = 0; v < RANK_VALUES; v++) {
        size_t here = w->count[v];

        w->count[v] = at;
        at += here;
    }
    w->at = 0;
    w->moving = true;
}

static void swap_room(struct rank_work *w)
{
    struct rank *other = w->room;

    w->room = w->a;
    w->a = other;
}

/* One digit after the other, from the least; one that all have alike is passed over. */
bool rank_step(struct rank_work *w, size_t ranks)
{
    size_t d = w->digit, to = w->n - w->at < ranks ? w->n : w->at + ranks;

    if (d == DIGITS || w->n < 2)
        return true;
    if (w->moving) {
        for (; w->at < to; w->at++)
            w->room[w->count[digit(&w->a[w->at], d)]++] = w->a[w->at];
    } else {
        for (; w->at < to; w->at++)
            w->count[digit(&w->a[w->at], d)]++;
    }
    if (w->at < w->n)
        return false;
    if (!w->moving && w->count[digit(&w->a[0], d)] != w->n) {
        begin_moving(w);
        return false;
    }
    if (w->moving)
        swap_room(w);
    begin_digit(w, d + 1);
    return d + 1 == DIGITS;
}

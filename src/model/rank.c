#include "rank.h"

#include <string.h>

#define DIGIT 11 /* bits */
#define DIGITS ((64 + DIGIT - 1) / DIGIT)
#define VALUES ((size_t)1 << DIGIT)

static size_t digit(const struct rank *r, size_t d)
{
    return (size_t)(r->key >> (d * DIGIT)) & (VALUES - 1);
}

/* One digit after the other, from the least; one that all have alike is passed over. */
struct rank *rank_sort(struct rank *a, struct rank *room, size_t n)
{
    size_t count[VALUES];

    for (size_t d = 0; d < DIGITS; d++) {
        struct rank *other = room;
        size_t at = 0;

        memset(count, 0, sizeof count);
        for (size_t i = 0; i < n; i++)
            count[digit(&a[i], d)]++;
        if (n == 0 || count[digit(&a[0], d)] == n)
            continue;
        for (size_t v = 0; v < VALUES; v++) {
            size_t here = count[v];

            count[v] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++)
            other[count[digit(&a[i], d)]++] = a[i];
        room = a;
        a = other;
    }
    return a;
}

#include "compare_table.h"

#include <stdlib.h>

bool table_put(struct table *t, uint64_t hash, uint64_t position)
{
    size_t i;

    if (t->slots == NULL || t->count * 2 > t->mask) {
        struct table bigger = {.mask = t->slots == NULL ? 63 : t->mask * 2 + 1};

        bigger.slots = mem_alloc((bigger.mask + 1) * sizeof *bigger.slots);
        if (bigger.slots == NULL)
            return false;
        for (i = 0; t->slots != NULL && i <= t->mask; i++) {
            if (t->slots[i].position != 0)
                (void)table_put(&bigger, t->slots[i].hash, t->slots[i].position - 1);
        }
        free(t->slots);
        *t = bigger;
    }
    for (i = hash & t->mask; t->slots[i].position != 0;)
        i = (i + 1) & t->mask;
    t->slots[i] = (struct slot){hash, position + 1};
    t->count++;
    return true;
}

/* The slot stays taken, so that those behind it are still found; its hash becomes none. */
bool table_take(struct table *t, uint64_t hash, uint64_t *position)
{
    if (t->slots == NULL)
        return false;
    for (size_t i = hash & t->mask; t->slots[i].position != 0; i = (i + 1) & t->mask) {
        if (t->slots[i].hash != hash)
            continue;
        *position = t->slots[i].position - 1;
        t->slots[i].hash = ~hash;
        return true;
    }
    return false;
}

bool table_has(const struct table *t, uint64_t hash)
{
    if (t->slots == NULL)
        return false;
    for (size_t i = hash & t->mask; t->slots[i].position != 0; i = (i + 1) & t->mask) {
        if (t->slots[i].hash == hash)
            return true;
    }
    return false;
}

/* Open addressing, at most two thirds full; keys are never taken out. */
#include <stdlib.h>

#include "idmap.h"

static size_t home(uint64_t key, size_t mask)
{
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15u;
    key ^= key >> 29;
    return (size_t)key & mask;
}

static struct idmap_slot *slot_of(const struct idmap *m, uint64_t key)
{
    size_t i = home(key, m->mask);

    while (m->slots[i].key != 0 && m->slots[i].key != key)
        i = (i + 1) & m->mask;
    return &m->slots[i];
}

static bool grow(struct idmap *m)
{
    struct idmap bigger = {.mask = m->slots == NULL ? 15 : m->mask * 2 + 1};

    bigger.slots = bigger.mask < SIZE_MAX / sizeof *m->slots
                       ? mem_alloc((bigger.mask + 1) * sizeof *m->slots)
                       : NULL;
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; m->slots != NULL && i <= m->mask; i++) {
        if (m->slots[i].key != 0)
            *slot_of(&bigger, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    m->slots = bigger.slots;
    m->mask = bigger.mask;
    return true;
}

bool idmap_put_new(struct idmap *m, uint64_t key, uint64_t value, bool *is_new)
{
    struct idmap_slot *s;

    if (m->slots == NULL || m->count * 3 >= m->mask * 2) {
        if (!grow(m))
            return false;
    }
    s = slot_of(m, key);
    *is_new = s->key == 0;
    if (*is_new) {
        *s = (struct idmap_slot){key, value};
        m->count++;
    }
    return true;
}

bool idmap_put(struct idmap *m, uint64_t key, uint64_t value)
{
    bool is_new;

    if (!idmap_put_new(m, key, value, &is_new))
        return false;
    if (!is_new)
        slot_of(m, key)->value = value;
    return true;
}

bool idmap_get(const struct idmap *m, uint64_t key, uint64_t *value)
{
    const struct idmap_slot *s = m->slots != NULL ? slot_of(m, key) : NULL;

    if (s == NULL || s->key == 0)
        return false;
    *value = s->value;
    return true;
}

void idmap_release(struct idmap *m)
{
    free(m->slots);
    *m = (struct idmap){0};
}

#include <pklbrowse/seen.h>

#include <stdlib.h>

#include <pklbrowse/mem.h>

static size_t place_of(const struct seen *s, uint64_t number)
{
    size_t i = (size_t)((number * 0x9e3779b97f4a7c15u) >> 20) & s->mask;

    while (s->slots[i] != 0 && s->slots[i] != number + 1)
        i = (i + 1) & s->mask;
    return i;
}

static bool grow(struct seen *s)
{
    struct seen bigger = {.mask = s->slots == NULL ? 63 : s->mask * 2 + 1, .count = s->count};

    if (bigger.mask > SIZE_MAX / sizeof *s->slots / 4)
        return false;
    bigger.slots = mem_alloc((bigger.mask + 1) * sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; s->slots != NULL && i <= s->mask; i++) {
        if (s->slots[i] != 0)
            bigger.slots[place_of(&bigger, s->slots[i] - 1)] = s->slots[i];
    }
    free(s->slots);
    *s = bigger;
    return true;
}

bool seen_put(struct seen *s, uint64_t number, bool *is_new)
{
    size_t i;
    bool fresh;

    if ((s->slots == NULL || s->count * 2 > s->mask) && !grow(s))
        return false;
    i = place_of(s, number);
    fresh = s->slots[i] == 0;
    if (fresh) {
        s->slots[i] = number + 1;
        s->count++;
    }
    if (is_new != NULL)
        *is_new = fresh;
    return true;
}

bool seen_has(const struct seen *s, uint64_t number)
{
    return s->slots != NULL && s->slots[place_of(s, number)] != 0;
}

void seen_release(struct seen *s)
{
    free(s->slots);
    *s = (struct seen){0};
}

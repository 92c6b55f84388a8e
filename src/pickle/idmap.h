/* floor 1: pickle */
/* A map from 64-bit keys (never 0) to 64-bit values.  All zero bytes is an empty one. */
#ifndef PKLBROWSE_IDMAP_H
#define PKLBROWSE_IDMAP_H

#include <pklbrowse/mem.h>

struct idmap_slot {
    uint64_t key, value;
};

struct idmap {
    struct idmap_slot *slots;
    size_t count, mask; /* mask + 1 slots, when there are any */
};

/* False: no memory. */
bool idmap_put(struct idmap *m, uint64_t key, uint64_t value) PB_CHECK;
/* Enters the key only when it is not there; *is_new says which. */
bool idmap_put_new(struct idmap *m, uint64_t key, uint64_t value, bool *is_new) PB_CHECK;
bool idmap_get(const struct idmap *m, uint64_t key, uint64_t *value);
void idmap_release(struct idmap *m);

#endif

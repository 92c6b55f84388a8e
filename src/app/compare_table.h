/* floor 6: app */
/*
 * Numbers found by a hash: where the children of a container stand, by what their keys are; which
 * pairs were met.  A hash may be entered several times.  All zero bytes is an empty table; its
 * slots are freed by who has it.  Knows nothing of values.
 */
#ifndef APP_COMPARE_TABLE_H
#define APP_COMPARE_TABLE_H

#include <pklbrowse/mem.h>

struct slot {
    uint64_t hash, position; /* position + 1; 0: free */
};
struct table {
    struct slot *slots;
    size_t count, mask;
};

bool table_put(struct table *t, uint64_t hash, uint64_t position); /* false: no memory */
/* Takes out one with this hash. */
bool table_take(struct table *t, uint64_t hash, uint64_t *position);
bool table_has(const struct table *t, uint64_t hash);

#endif

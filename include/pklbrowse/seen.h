/* floor 0: base */
/*
 * A set of 64-bit numbers (ids of values that were visited).  All zero bytes is an empty one.
 */
#ifndef PKLBROWSE_SEEN_H
#define PKLBROWSE_SEEN_H

#include <pklbrowse/error.h>

struct seen {
    uint64_t *slots; /* number + 1; 0: free */
    size_t count, mask;
};

/* False: no memory.  *is_new (may be NULL): it was not in it.  UINT64_MAX cannot be put. */
bool seen_put(struct seen *s, uint64_t number, bool *is_new) PB_CHECK;
bool seen_has(const struct seen *s, uint64_t number);
void seen_release(struct seen *s);

#endif

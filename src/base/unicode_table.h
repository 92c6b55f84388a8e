/* floor 0: base, private */
/* Sorted, disjoint ranges of the code points that Python calls printable. */
#ifndef PKLBROWSE_BASE_UNICODE_TABLE_H
#define PKLBROWSE_BASE_UNICODE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unicode_range {
    uint32_t first, last;
};

extern const struct unicode_range unicode_printable[];
extern const size_t unicode_printable_count;
/* Printable, and yet nothing is drawn (text.c). */
bool unicode_draws_nothing(uint32_t cp);

#endif

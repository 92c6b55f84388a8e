/*
 * Values of fixed length and references, many bytes at a time where the processor can.  Private to
 * the quick way (scan_runs.h).
 */
#ifndef PICKLE_SCAN_VECTOR_H
#define PICKLE_SCAN_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n values that end at `end`, the last one beginning at `last`.  So that the last ones can be
 * found: `tail` is where number `before` begins; it is the first one, or at least VECTOR_RUN_TAIL
 * follow from it on. */
#define VECTOR_RUN_TAIL 16u
struct vector_run {
    const uint8_t *end, *last;
    size_t n;
    const uint8_t *tail;
    size_t before;
};

/* Is there such a processor under us? */
bool vector_run_works(void);
/* None, bools, ints and floats of fixed length from p on; ends in front of anything else, after a
 * while, or less than VECTOR_RUN_BYTES before `stop`, which must be as many behind p.  Opcodes met
 * are noted in *met, by bits. */
#define VECTOR_RUN_BYTES 32
struct vector_run vector_run(const uint8_t *p, const uint8_t *stop, uint32_t *met);
/* The same of LONG_BINGETs, and now and then a BINGET, of slots from `bias` to bias + most, which
 * is no more than UINT32_MAX. */
struct vector_run vector_gets(const uint8_t *p, const uint8_t *stop, uint32_t bias, uint32_t most,
                              uint32_t *met);
void vector_run_seen(uint32_t met, bool seen[256]);

#endif

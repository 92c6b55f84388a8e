/*
 * Opcode by opcode over a source, for everything that re-reads.  A struct op's bytes are valid
 * until the next view of the same source.
 */
#ifndef PICKLE_CURSOR_H
#define PICKLE_CURSOR_H

#include "opcode.h"

struct op {
    uint64_t at, end;
    uint64_t payload; /* bytes of payload, of lines with their newlines */
    const uint8_t
        *p;   /* the header; for lines: the whole opcode when it is short, else its beginning */
    size_t n; /* bytes at p */
    uint8_t code;
};

struct cursor {
    struct source *src;
    const uint8_t *p;
    uint64_t off;
    size_t n;
    bool partial; /* more of what was asked for last will arrive */
};

static inline void cursor_init(struct cursor *c, struct source *src)
{
    *c = (struct cursor){.src = src};
}
enum pb_err cursor_read(struct cursor *c, uint64_t at, struct op *op, struct error *e) PB_CHECK;
/* Number in a PUT or GET (not MEMOIZE). */
bool cursor_slot(const struct op *op, uint64_t *slot);

#endif

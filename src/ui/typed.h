/*
 * What was typed into lines before, so that it can be had again: Up and Down in the same kind of
 * line.
 *
 * Kept in memory, the last ones; never what is secret.  A kind is told by its address.
 */
#ifndef UI_TYPED_H
#define UI_TYPED_H

#include <stdbool.h>
#include <stddef.h>

struct typed_line {
    const void *kind;
    char *text;
};
struct typed {
    struct typed_line *data; /* the last one at the end */
    size_t len, cap;
};

void typed_release(struct typed *t);
/* The same text twice is kept once, as the last; without memory it is not kept. */
void typed_add(struct typed *t, const void *kind, const char *text, size_t n);
/* The one that is `back` before the next one, 1 the last; NULL: there is none. */
const char *typed_before(const struct typed *t, const void *kind, size_t back);

#endif

/* UTF-8 checked sixteen bytes at a time, where the processor can.  Private to utf8.c. */
#ifndef BASE_UTF8_VECTOR_H
#define BASE_UTF8_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* Is there such a processor under us? */
bool utf8_vector_works(void);
/* n if all of s is whole and right; else a place at the beginning of a character with nothing wrong
 * before it and the fault, or the cut character, at most 64 bytes and a character behind it. */
size_t utf8_vector_check(const unsigned char *s, size_t n, bool surrogates);
/* Is all of s right, surrogates among it?  32 bytes behind it may be read. */
bool utf8_vector_whole(const unsigned char *s, size_t n);

#endif

/* floor 0: base */
/*
 * Arena and vectors.  An arena frees everything at once; a vector is {data, len, cap} of any
 * element type.  Both report out of memory as a value.  mem_fail_after() lets tests fail the n-th
 * allocation of base (arena, vectors, buffers, mem_alloc).
 */
#ifndef PKLBROWSE_MEM_H
#define PKLBROWSE_MEM_H

#include <stddef.h>
#include <string.h>

#include <pklbrowse/error.h>

void *mem_alloc(size_t n);                             /* zeroed; NULL when there is no memory */
void *mem_realloc(void *p, size_t count, size_t elem); /* checks the product */
char *mem_strndup(const char *s, size_t n);            /* exactly n bytes, NUL added; free() it */
char *mem_strdup(const char *s);
void mem_fail_after(long n); /* -1: never.  The n-th allocation from now fails, and all after it. */

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned; NULL: no memory */
char *arena_strndup(struct arena *a, const char *s, size_t n); /* NUL added */

/* struct { T *data; size_t len, cap; } v = {0};  vec_push(&v, value) is false when out of memory.
 */
bool vec_grow_(void **data, size_t *cap, size_t need, size_t elem);
#define vec_reserve(v, n)                                                                          \
    ((n) <= (v)->cap || vec_grow_((void **)&(v)->data, &(v)->cap, (n), sizeof *(v)->data))
#define vec_push(v, value)                                                                         \
    (vec_reserve(v, (v)->len + 1) ? ((v)->data[(v)->len++] = (value), true) : false)
#define vec_release(v) (free((v)->data), (v)->data = NULL, (v)->len = (v)->cap = 0)

/* In a vector that is sorted by a field, a uint64_t or uint32_t: how many elements are below a key;
 * how many are not above it. */
#define vec_lower(v, field, key) vec_search_(VEC_FIELD_(v, field), (key), false)
#define vec_upper(v, field, key) vec_search_(VEC_FIELD_(v, field), (key), true)
/* A field of another size is an array of no elements: it does not compile. */
#define VEC_FIELD_SIZE_(n) (sizeof(char[(n) == 8 || (n) == 4 ? 1 : -1]) * (n))
#define VEC_FIELD_(v, field)                                                                       \
    (v)->data, (v)->len, sizeof *(v)->data, offsetof(__typeof__(*(v)->data), field),               \
        VEC_FIELD_SIZE_(sizeof((v)->data->field))
static inline size_t vec_search_(const void *data, size_t len, size_t elem, size_t field,
                                 size_t size, uint64_t key, bool equal_too)
{
    size_t low = 0, high = len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *at = (const char *)data + middle * elem + field;
        uint32_t short_value;
        uint64_t value;

        if (size == sizeof short_value) {
            memcpy(&short_value, at, sizeof short_value);
            value = short_value;
        } else {
            memcpy(&value, at, sizeof value);
        }
        if (value < key || (equal_too && value == key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif

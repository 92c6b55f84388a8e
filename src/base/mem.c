#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

/* Allocations left until one fails; -1: none does.  Only tests set it. */
static long countdown = -1;

void mem_fail_after(long n)
{
    countdown = n;
}

static bool must_fail(void)
{
    if (countdown < 0)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    countdown = 0;
    return true;
}

void *mem_alloc(size_t n)
{
    if (must_fail())
        return NULL;
    return calloc(1, n == 0 ? 1 : n);
}

void *mem_realloc(void *p, size_t count, size_t elem)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, elem, &bytes) || bytes > PTRDIFF_MAX || must_fail())
        return NULL;
    return realloc(p, bytes == 0 ? 1 : bytes);
}

char *mem_strndup(const char *s, size_t n)
{
    char *copy;

    if (n >= PTRDIFF_MAX || must_fail())
        return NULL;
    copy = malloc(n + 1);
    if (copy == NULL)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

/* Blocks hang in a list, the one that is being filled first. */
struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

#define ARENA_FIRST ((size_t)4096)
#define ARENA_BLOCK ((size_t)256 * 1024)

void arena_init(struct arena *a)
{
    a->head = NULL;
    a->used = 0;
}

void arena_release(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *b = a->head; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    arena_init(a);
}

/* A block with room for n bytes.  What is larger than a quarter of a usual block gets one of its
 * own, hung behind the head, so that the room left in the head is not lost. */
static struct arena_block *add_block(struct arena *a, size_t n)
{
    size_t size = a->used < ARENA_FIRST ? ARENA_FIRST : a->used;
    struct arena_block *b;
    bool own;

    if (size > ARENA_BLOCK)
        size = ARENA_BLOCK;
    own = n > size / 4;
    if (own)
        size = n;
    if (size > PTRDIFF_MAX - sizeof *b)
        return NULL;
    b = mem_alloc(sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->size = size;
    if (own && a->head != NULL) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *b = a->head;
    void *p;

    if (n > PTRDIFF_MAX - align)
        return NULL;
    n = n == 0 ? align : (n + align - 1) / align * align;
    if (b == NULL || b->size - b->used < n)
        b = add_block(a, n);
    if (b == NULL)
        return NULL;
    p = b->bytes + b->used;
    b->used += n;
    a->used += n;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = n < PTRDIFF_MAX ? arena_alloc(a, n + 1) : NULL;

    if (copy != NULL && n > 0)
        memcpy(copy, s, n);
    return copy;
}

/* The address is that of a T *, which must not be read or written as a void *: hence memcpy. */
bool vec_grow_(void **data, size_t *cap, size_t need, size_t elem)
{
    size_t n = *cap < 8 ? 8 : *cap;
    void *p;

    if (need > n)
        n = need;
    if (*cap > 0 && n < *cap + *cap / 2)
        n = *cap + *cap / 2;
    memcpy(&p, data, sizeof p);
    p = mem_realloc(p, n, elem);
    if (p == NULL)
        return false;
    memcpy(data, &p, sizeof p);
    *cap = n;
    return true;
}

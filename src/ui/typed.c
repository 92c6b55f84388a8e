#include "typed.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#define KEPT 200        /* texts, of all kinds together */
#define LONGEST (8192u) /* bytes of one: longer values are not typed again */

static void drop(struct typed *t, size_t i)
{
    free(t->data[i].text);
    t->len--;
    memmove(&t->data[i], &t->data[i + 1], (t->len - i) * sizeof *t->data);
}

void typed_release(struct typed *t)
{
    while (t->len > 0)
        drop(t, t->len - 1);
    vec_release(t);
}

void typed_add(struct typed *t, const void *kind, const char *text, size_t n)
{
    struct typed_line line = {kind, NULL};
    char *copy;

    if (n == 0 || n > LONGEST || (copy = mem_strndup(text, n)) == NULL)
        return;
    for (size_t i = 0; i < t->len; i++) {
        if (t->data[i].kind == kind && strcmp(t->data[i].text, copy) == 0) {
            drop(t, i);
            break;
        }
    }
    if (t->len == KEPT)
        drop(t, 0);
    line.text = copy;
    if (!vec_push(t, line))
        free(copy);
}

const char *typed_before(const struct typed *t, const void *kind, size_t back)
{
    for (size_t i = t->len; i-- > 0;) {
        if (t->data[i].kind == kind && --back == 0)
            return t->data[i].text;
    }
    return NULL;
}

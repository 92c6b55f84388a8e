/* What the fuzz targets share. */
#include "fuzz.h"

#include <pklbrowse/pkl_doc.h>
#include <pklbrowse/source.h>

#include "pickle/index.h"

bool fuzz_real;

struct source *fuzz_source(const void *bytes, size_t n)
{
    struct source *src = source_mem(bytes, n, false);

    MUST(src != NULL, "no memory");
    return src;
}

struct pkl_doc *fuzz_index(struct source *src, uint64_t budget)
{
    static const struct grain fine = {64, 8, 64, 64, 256, 12};
    struct pkl_doc *d = NULL;
    struct error e;
    bool done = false;

    MUST(pkl_doc_new(src, 0, NULL, &d, &e) == PB_OK, e.msg);
    pkl_doc_set_grain(d, &fine);
    while (!done)
        MUST(pkl_doc_step(d, budget, &done, &e) == PB_OK, e.msg);
    return d;
}

uint64_t fuzz_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

int fuzz_go_down(struct pkl_view *v, uint64_t *seed, struct pkl_child *place)
{
    uint64_t roots = v->roots(v), count;
    struct error e;
    size_t got;

    if (roots == 0 || v->root(v, fuzz_random(seed) % roots, place, &e) != PB_OK)
        return 0;
    for (int depth = 0; depth < 40; depth++) {
        if (v->count_children(v, place->value.id, &count, &e) != PB_OK)
            return 0;
        if (count == 0 || (depth > 0 && fuzz_random(seed) % 8 == 0))
            return 1;
        if (v->children(v, place->value.id, fuzz_random(seed) % count, 1, place, &got, &e) !=
                PB_OK ||
            got != 1)
            return 0;
    }
    return 0;
}

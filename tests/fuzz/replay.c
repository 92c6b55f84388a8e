/*
 * The main of a fuzz target where there is no libFuzzer.
 *
 *   TARGET [--head HEX] [--cuts N] [--mutations N] [--seed N] FILE ...   (FILE `-`: paths on stdin)
 *
 * Gives each file as it is; then cut at N places (all of them when it is not longer) and N times
 * with a few bytes changed.  --head: bytes put before each of them.  Prints how many inputs it
 * gave.
 */
#include <string.h>

#include "fuzz.h"

struct plan {
    unsigned char head[16];
    size_t head_len;
    unsigned long cuts, mutations;
    uint64_t seed;
    unsigned long inputs;
};

/* Each input in a block of its own size: reading past its end is seen. */
static void give(struct plan *p, const unsigned char *bytes, size_t n)
{
    unsigned char *copy = malloc(p->head_len + n + !(p->head_len + n));

    MUST(copy != NULL, "no memory");
    memcpy(copy, p->head, p->head_len);
    if (n > 0)
        memcpy(copy + p->head_len, bytes, n);
    (void)LLVMFuzzerTestOneInput(copy, p->head_len + n);
    free(copy);
    p->inputs++;
}

static void give_mutated(struct plan *p, const unsigned char *bytes, size_t n)
{
    unsigned char *copy = malloc(n);
    uint64_t many;

    MUST(copy != NULL, "no memory");
    memcpy(copy, bytes, n);
    many = fuzz_random(&p->seed) % 4 + 1;
    for (uint64_t i = 0; i < many; i++) {
        size_t at = (size_t)(fuzz_random(&p->seed) % n);

        /* A byte that stands elsewhere in the file is often an opcode; else any byte. */
        copy[at] = fuzz_random(&p->seed) % 2 == 0 ? bytes[fuzz_random(&p->seed) % n]
                                                  : (unsigned char)fuzz_random(&p->seed);
    }
    give(p, copy, n);
    free(copy);
}

static void give_all(struct plan *p, const unsigned char *bytes, size_t n)
{
    fuzz_real = true;
    give(p, bytes, n);
    fuzz_real = false;
    if (n == 0)
        return;
    for (unsigned long i = 0; i < p->cuts && i < n; i++)
        give(p, bytes, n <= p->cuts ? i : (size_t)(fuzz_random(&p->seed) % n));
    for (unsigned long i = 0; i < p->mutations; i++)
        give_mutated(p, bytes, n);
}

static void give_file(struct plan *p, const char *path)
{
    FILE *f = fopen(path, "rb");
    long size;
    unsigned char *bytes;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    bytes = malloc((size_t)size + 1);
    MUST(bytes != NULL && fread(bytes, 1, (size_t)size, f) == (size_t)size, path);
    (void)fclose(f);
    fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
    give_all(p, bytes, (size_t)size);
    free(bytes);
}

static void give_paths(struct plan *p)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        give_file(p, line);
    }
}

static void set_head(struct plan *p, const char *hex)
{
    char two[3] = "";

    for (; p->head_len < sizeof p->head && hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        memcpy(two, hex, 2);
        p->head[p->head_len++] = (unsigned char)strtoul(two, NULL, 16);
    }
}

int main(int argc, char **argv)
{
    struct plan p = {.seed = 1};
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "--head") == 0)
            set_head(&p, value);
        else if (strcmp(argv[i], "--cuts") == 0)
            p.cuts = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--mutations") == 0)
            p.mutations = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            p.seed = strtoull(value, NULL, 10) | 1;
        else
            return 2;
    }
    for (; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0)
            give_paths(&p);
        else
            give_file(&p, argv[i]);
    }
    printf("%lu\n", p.inputs);
    return 0;
}

/*
 * Measures the pickle engine in one process, for tests/bench/bench_pickle.py.
 *
 *   bench_tool index HOW FILE
 *   bench_tool memory HOW FILE
 *   bench_tool children HOW FILE N
 *
 * HOW is `spool` (a download: our own file, mapped) or `file` (somebody's file, read).  Each prints
 * one line of numbers.
 *
 * index: CPU time of the index pass in nanoseconds.  memory: the peak while indexing of the
 * kernel's anonymous memory, and of what the allocator handed out, both above what was there
 * before, and the index when it is done.  children: the first 50 children of N containers,
 * wherever they are: median, 99 % and worst CPU time of one look in nanoseconds.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_doc.h>

#define STEP ((uint64_t)128 * 1024)
#define LOOK 50

static uint64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum pb_err download(int fd, struct source **out, struct error *e)
{
    static char piece[1 << 16];
    enum pb_err err = source_spool(SOURCE_SIZE_UNKNOWN, out, e);
    ssize_t n = 0;

    while (err == PB_OK && (n = read(fd, piece, sizeof piece)) > 0)
        err = source_spool_append(*out, piece, (size_t)n, e);
    if (err == PB_OK && n < 0)
        err = error_set(e, PB_EIO, "cannot read");
    if (err == PB_OK)
        source_spool_done(*out);
    close(fd);
    return err;
}

static enum pb_err open_source(const char *how, const char *path, struct source **out,
                               struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *out = NULL;
    if (fd < 0)
        return error_set(e, PB_EIO, "cannot open %s", path);
    return strcmp(how, "file") == 0 ? source_file(fd, path, out, e) : download(fd, out, e);
}

static enum pb_err time_index(struct pkl_doc *d, struct error *e)
{
    uint64_t began = now(CLOCK_PROCESS_CPUTIME_ID);
    enum pb_err err = pkl_doc_index(d, e);

    if (err == PB_OK)
        err = pkl_doc_error(d, e);
    printf("%llu\n", (unsigned long long)(now(CLOCK_PROCESS_CPUTIME_ID) - began));
    return err;
}

/* ---------------------------------------------------------------------- memory */

static uint64_t anonymous(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    const char *line;
    uint64_t kib = 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    line = strstr(text, "RssAnon:");
    for (line = line != NULL ? line + 8 : ""; *line == ' ' || *line == '\t'; line++)
        ;
    for (; *line >= '0' && *line <= '9'; line++)
        kib = kib * 10 + (uint64_t)(*line - '0');
    return kib * 1024;
}

static uint64_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static uint64_t above(uint64_t value, uint64_t floor)
{
    return value > floor ? value - floor : 0;
}

static enum pb_err watch_memory(struct pkl_doc *d, struct error *e)
{
    uint64_t kernel = anonymous(), heap = allocated(), kernel_peak = 0, heap_peak = 0;
    struct pkl_info info;
    bool done = false;
    enum pb_err err = PB_OK;

    while (!done && err == PB_OK) {
        uint64_t k, h;

        err = pkl_doc_step(d, STEP, &done, e);
        k = above(anonymous(), kernel);
        h = above(allocated(), heap);
        kernel_peak = k > kernel_peak ? k : kernel_peak;
        heap_peak = h > heap_peak ? h : heap_peak;
    }
    pkl_doc_info(d, &info);
    printf("%llu %llu %llu\n", (unsigned long long)kernel_peak, (unsigned long long)heap_peak,
           (unsigned long long)info.memory);
    return err == PB_OK ? pkl_doc_error(d, e) : err;
}

/* -------------------------------------------------------------------- children */

static int compare(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* Goes down from the root by chance, so that containers everywhere and of every depth are met. */
static enum pb_err look(struct pkl_view *v, pkl_id root, uint64_t *seed, uint64_t *took,
                        struct error *e)
{
    struct pkl_child kids[LOOK];
    pkl_id at = root;
    enum pb_err err = PB_OK;

    for (unsigned depth = 0; depth < 8 && err == PB_OK; depth++) {
        uint64_t began = now(CLOCK_THREAD_CPUTIME_ID), count = 0;
        size_t got = 0;

        err = v->children(v, at, 0, LOOK, kids, &got, e);
        *took = now(CLOCK_THREAD_CPUTIME_ID) - began;
        if (err == PB_OK)
            err = v->count_children(v, at, &count, e);
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        if (err != PB_OK || count == 0 || (depth > 0 && *seed >> 62 == 0))
            break;
        err = v->children(v, at, (*seed >> 8) % count, 1, kids, &got, e);
        if (err != PB_OK || got == 0 || kids[0].value.kind < PKL_LIST)
            break;
        at = kids[0].value.target;
    }
    return err;
}

static enum pb_err time_children(struct pkl_doc *d, size_t n, struct error *e)
{
    struct pkl_view *v = pkl_doc_view(d);
    uint64_t seed = 1, *took = mem_realloc(NULL, n, sizeof *took);
    struct pkl_child root;
    enum pb_err err = took != NULL ? pkl_doc_index(d, e) : error_nomem(e);

    if (err == PB_OK)
        err = v->root(v, 0, &root, e);
    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = look(v, root.value.target, &seed, &took[i], e);
    if (err == PB_OK) {
        qsort(took, n, sizeof *took, compare);
        printf("%llu %llu %llu\n", (unsigned long long)took[n / 2],
               (unsigned long long)took[n - 1 - n / 100], (unsigned long long)took[n - 1]);
    }
    free(took);
    return err;
}

int main(int argc, char **argv)
{
    struct source *src = NULL;
    struct pkl_doc *d = NULL;
    struct error e = {0};
    uint64_t n = 0;
    enum pb_err err;

    if (argc < 4 || (argc > 4 && (!num_parse_u64(argv[4], strlen(argv[4]), &n) || n == 0))) {
        fputs("usage: bench_tool index|memory|children spool|file FILE [N]\n", stderr);
        return 2;
    }
    err = open_source(argv[2], argv[3], &src, &e);
    if (err == PB_OK)
        err = pkl_doc_new(src, 0, NULL, &d, &e);
    if (err == PB_OK && strcmp(argv[1], "index") == 0)
        err = time_index(d, &e);
    else if (err == PB_OK && strcmp(argv[1], "memory") == 0)
        err = watch_memory(d, &e);
    else if (err == PB_OK)
        err = time_children(d, n > 0 ? (size_t)n : 1000, &e);
    if (err != PB_OK)
        fprintf(stderr, "%s\n", e.msg);
    pkl_doc_free(d);
    source_free(src);
    return err == PB_OK ? 0 : 1;
}

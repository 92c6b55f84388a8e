/*
 * Reads the whole listing of a bucket as the screen does, for tests/bench/bench_list.py.
 *
 *   list_tool BUCKET
 *
 * Prints: seconds of CPU and of the clock that the listing took; keys; bytes of memory a key;
 * microseconds to the first rows; the longest CPU time of one turn of the loop in microseconds,
 * which is how long a key of the keyboard may have to wait; the longest such slice of sorting by
 * size, of the first letter of a filter and of finding a name; and the CPU time of the first two in
 * all.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pklbrowse/app.h>
#include <pklbrowse/clock.h>
#include <pklbrowse/listing.h>

struct run {
    struct listing *listing;
    uint64_t began, first; /* monotonic us; first 0: no rows yet */
};

static uint64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static void on_changed(void *ctx)
{
    struct run *r = ctx;

    if (r->first == 0 && r->listing != NULL && listing_count(r->listing) > 0)
        r->first = clock_mono_us();
}

struct cost {
    uint64_t worst, all; /* us of CPU */
};

/* What is begun and what is done in slices behind it. */
static enum pb_err settle(struct loop *loop, struct listing *l, uint64_t began, struct cost *c,
                          struct error *e)
{
    enum pb_err err = PB_OK;
    uint64_t took = cpu_us() - began;

    *c = (struct cost){took, took};
    while (err == PB_OK && listing_arranging(l)) {
        began = cpu_us();
        err = loop_turn(loop, 1000, e);
        took = cpu_us() - began;
        c->worst = took > c->worst ? took : c->worst;
        c->all += took;
    }
    return err;
}

/* What acts on all rows at once. */
static enum pb_err keys_of_the_screen(struct loop *loop, struct listing *l, struct error *e)
{
    struct cost sort = {0}, letter = {0}, back;
    uint64_t began = cpu_us(), row;
    enum pb_err err = listing_sort(l, LISTING_BY_SIZE, e);

    if (err == PB_OK)
        err = settle(loop, l, began, &sort, e);
    if (err == PB_OK)
        err = listing_sort(l, LISTING_BY_NAME, e);
    began = cpu_us();
    if (err == PB_OK)
        err = listing_filter(l, "7", e);
    if (err == PB_OK)
        err = settle(loop, l, began, &letter, e);
    if (err == PB_OK)
        err = listing_filter(l, "", e);
    if (err == PB_OK)
        err = settle(loop, l, cpu_us(), &back, e);
    began = cpu_us();
    (void)listing_find(l, "not there", 9, &row);
    printf(" %llu %llu %llu %llu %llu\n", (unsigned long long)sort.worst,
           (unsigned long long)letter.worst, (unsigned long long)(cpu_us() - began),
           (unsigned long long)sort.all, (unsigned long long)letter.all);
    return err;
}

static enum pb_err measure(struct app *a, struct store *s, const char *bucket, struct error *e)
{
    struct run r = {.began = clock_mono_us()};
    uint64_t worst = 0, spent = cpu_us();
    size_t before = in_use();
    enum pb_err err = listing_new(s, bucket, "", 0, on_changed, &r, &r.listing, e);

    if (err == PB_OK)
        listing_want_all(r.listing);
    while (err == PB_OK && !listing_complete(r.listing) && listing_error(r.listing) == NULL) {
        uint64_t began = cpu_us(), took;

        err = loop_turn(app_loop(a), 1000, e);
        took = cpu_us() - began;
        worst = took > worst ? took : worst;
    }
    if (err == PB_OK && listing_error(r.listing) != NULL) {
        *e = *listing_error(r.listing);
        err = e->code;
    }
    if (err == PB_OK) {
        uint64_t n = listing_count(r.listing);

        printf("%.3f %.3f ", (double)(cpu_us() - spent) / 1e6,
               (double)(clock_mono_us() - r.began) / 1e6);
        printf("%llu %.2f %llu %llu", (unsigned long long)n,
               (double)(in_use() - before) / (double)n, (unsigned long long)(r.first - r.began),
               (unsigned long long)worst);
        err = keys_of_the_screen(app_loop(a), r.listing, e);
    }
    listing_free(r.listing);
    return err;
}

int main(int argc, char **argv)
{
    struct app_options options = {0};
    struct app *a = NULL;
    struct location where = {0};
    struct arena mem;
    struct app_spot spot;
    struct error e;
    enum pb_err err;

    if (argc != 2)
        return 2;
    arena_init(&mem);
    err = app_new(&options, &a, &e);
    if (err == PB_OK)
        err = location_make(&where, LOC_S3, argv[1], "", 0, &e);
    if (err == PB_OK)
        err = app_resolve(a, &where, &mem, &spot, &e);
    if (err == PB_OK)
        err = measure(a, spot.store, spot.container, &e);
    if (err != PB_OK)
        (void)fprintf(stderr, "list_tool: %s\n", e.msg);
    location_release(&where);
    arena_release(&mem);
    app_free(a);
    return err == PB_OK ? 0 : 1;
}

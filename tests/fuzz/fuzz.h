/*
 * What the fuzz targets share.
 *
 * Each target is one LLVMFuzzerTestOneInput: bytes in, and abort() when something that must hold
 * does not.  The same objects are linked to libFuzzer's main (--enable-fuzz, clang) or to replay.c,
 * which gives them files, their prefixes and small mutations of them.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <pklbrowse/error.h>

#define FUZZ_OUTPUT ((uint64_t)64 << 10) /* of one printed value: sharing can multiply for ever */

#define MUST(what, e)                                                                              \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: must hold: %s (%s)\n", __FILE__, __LINE__, #what, (e));        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input is a sample as its maker wrote it: replay.c says so. */
extern bool fuzz_real;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source;
struct pkl_doc;
struct pkl_view;
struct pkl_child;

/* An index of bytes that stay the caller's, `budget` bytes a step, with as fine a grain as a small
 * input needs to reach every corner.  Never NULL: without memory it aborts. */
struct pkl_doc *fuzz_index(struct source *src, uint64_t budget);
struct source *fuzz_source(const void *bytes, size_t n);

uint64_t fuzz_random(uint64_t *seed);
/* From a random pickle of the stream to a random child of a random child; false: there is none. */
int fuzz_go_down(struct pkl_view *v, uint64_t *seed, struct pkl_child *place);

#endif

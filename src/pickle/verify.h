/* floor 1: pickle */
/*
 * The proof that a result is exactly the edited document.  Shares nothing with the splicer.
 *
 * In this order, each part resumable: the segments account for every byte; the bytes are what the
 * segments say; the result is a whole pickle; frames are right; every GET that was copied reads the
 * same definition as before; and the values, walked side by side, are the same.
 */
#ifndef PKLBROWSE_VERIFY_H
#define PKLBROWSE_VERIFY_H

#include <pklbrowse/clock.h>
#include <pklbrowse/pkl_splice.h>

#include "idmap.h"

enum verify_phase {
    VERIFY_ACCOUNT,
    VERIFY_BYTES,
    VERIFY_INDEX,
    VERIFY_FRAMES,
    VERIFY_MEMO,
    VERIFY_VALUES,
    VERIFY_DONE
};

/* One side of the comparison of memo reads. */
struct verify_memo {
    struct source *src;
    uint64_t at, end;   /* of the opcodes */
    struct idmap slots; /* slot + 1 -> offset of its definition + 1 */
    uint64_t read;      /* definition + 1 that the last GET read */
    uint64_t slot;      /* that the last opcode defined, + 1; 0: none */
};

/* Two containers that correspond and whose insides are still to be compared. */
struct verify_pair {
    pkl_id a, b;
    uint64_t count;
    enum pkl_kind kind;
    uint64_t from; /* children before it are compared already */
};

struct verify {
    struct job job; /* first */
    struct pkl_edit *ed;
    struct pkl_doc *doc, *fresh;
    const struct pkl_splice *plan;
    struct source *original, *result;
    enum verify_phase phase;

    uint64_t at;    /* bytes: of the result; frames: of the opcode looked at */
    size_t segment; /* the one that holds `at` */
    size_t frame;
    struct verify_memo was, is;
    bool moved; /* a copied MEMOIZE defines another slot than before; nobody may count on it */

    struct idmap there, back; /* which value of one side is which of the other */
    struct {
        struct verify_pair *data;
        size_t len, cap;
    } todo;
    struct verify_pair now;
    uint64_t child; /* next one of `now` */
    uint64_t root;
    struct error *e; /* &job.error */
};

enum pb_err verify_refuse(struct verify *v, const char *fmt, ...) PB_PRINTF(2, 3);

/* Each does a part of its work and says whether it is done. */
enum pb_err verify_account(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_bytes(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_frames(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_memo(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_values(struct verify *v, bool *done) PB_CHECK;

/* The same bytes in two sources. */
enum pb_err verify_same_bytes(struct source *a, uint64_t a_at, struct source *b, uint64_t b_at,
                              uint64_t n, bool *same, struct error *e) PB_CHECK;

#endif

/* floor 1: pickle */
/*
 * Writing: the original copied span by span, only edited spans replaced; and the proof that it is
 * right.
 *
 * Memo numbers stay right, FRAME lengths are recomputed for the strictest reader, everything else
 * is the original's bytes.  The result is a `struct source`, so that it is hashed, uploaded and
 * verified by reading it.
 *
 * pkl_verify() shares no code with the splicer: it re-indexes the result, reads (source + edits)
 * and (result) as two streams of (kind, exact leaf, class, counts, number of first visit) and
 * compares; and accounts for every byte of the result: a copied span, a new value, a dummy or a
 * FRAME.  Nothing is written without it.
 */
#ifndef PKLBROWSE_PKL_SPLICE_H
#define PKLBROWSE_PKL_SPLICE_H

#include <pklbrowse/job.h>
#include <pklbrowse/pkl_edit.h>

/* GLUE: opcodes that put values into their containers, or fetch them from the memo.  RENUMBER: a
 * GET or PUT of the original with another number. */
enum splice_kind {
    SPLICE_COPY,
    SPLICE_NEW,
    SPLICE_DUMMY,
    SPLICE_FRAME,
    SPLICE_GLUE,
    SPLICE_RENUMBER
};
struct splice_segment {
    enum splice_kind kind;
    uint64_t from; /* COPY: offset in the original; else: in the plan's own bytes */
    uint64_t len;
    uint64_t at;      /* offset in the result */
    uint64_t instead; /* RENUMBER: offset of the opcode in the original */
};

struct pkl_splice {
    struct splice_segment *segments;
    size_t count;
    struct buf bytes;        /* of all other segments than COPY */
    struct source *original; /* borrowed */
    uint64_t size;           /* of the result */
    uint64_t untouched;      /* bytes of the result that are the original's */
    uint64_t renumbered;     /* GETs and PUTs with another number: the memo had no room */
};

/* A job that fills *out, which must live until it is freed with pkl_splice_free.  total is in bytes
 * of the original. */
enum pb_err pkl_splice_new(struct pkl_edit *ed, struct pkl_splice *out, struct job **job,
                           struct error *e) PB_CHECK;
void pkl_splice_free(struct job *j);
/* All of it at once. */
enum pb_err pkl_splice_plan(struct pkl_edit *ed, struct pkl_splice *out, struct error *e) PB_CHECK;
void pkl_splice_release(struct pkl_splice *s);
/* The result as bytes; borrows the plan. */
enum pb_err pkl_splice_source(struct pkl_splice *s, struct source **out, struct error *e) PB_CHECK;

/* A job that ends in PB_EREFUSED, with the first difference, when the result is not exactly the
 * edited document. total is in bytes of the result.  Free with pkl_verify_free. */
enum pb_err pkl_verify_new(struct pkl_edit *ed, const struct pkl_splice *s, struct source *result,
                           struct job **out, struct error *e) PB_CHECK;
void pkl_verify_free(struct job *j);

#endif

/* floor 1: pickle */
/*
 * How a plan comes to be: from places to spans of the original, with what is known about their memo
 * slots; from spans to cuts (bytes taken out, bytes put in their place); from cuts to frame lengths
 * and segments.
 */
#ifndef PKLBROWSE_SPLICE_PRIVATE_H
#define PKLBROWSE_SPLICE_PRIVATE_H

#include <pklbrowse/pkl_splice.h>

#include "edit_private.h"

/* The bytes of a replaced value.
 *
 *   [begin, made)  its opcodes     [made, end)  PUT, BINPUT, MEMOIZE behind it (and a FRAME between
 * them) */
struct splice_span {
    uint64_t begin, made, end;
    size_t value;           /* the new one */
    bool single;            /* one opcode: a literal or a reference */
    bool whole_fetched;     /* a slot of the value itself is read later */
    bool part_fetched;      /* a slot of something inside it is */
    bool changed_inside;    /* and what is inside was edited, too */
    size_t first_put, puts; /* in splice_work.puts */
};

/* A memo slot defined inside a span. */
struct splice_put {
    size_t span;
    uint64_t offset, end;
    bool implicit, fetched;
    uint64_t get;  /* a GET that reads it */
    pkl_id target; /* what it holds, when a link reads it */
};

/* A value of the original that new ones refer to. */
struct splice_link {
    pkl_id target;
    uint64_t put, slot; /* the memo opcode behind it, and what that means */
    bool found;
};

/* A GET inside a span, of a slot defined inside one. */
struct splice_get {
    size_t span, put;
    uint64_t offset;
};

/* [begin, end) of the original makes way for bytes of the plan: dummies, a new value, dummies. */
struct splice_cut {
    uint64_t begin, end;
    size_t from, before, new, after;
    bool frame; /* a FRAME with its new length */
};

struct splice_work {
    struct pkl_edit *ed;
    struct pkl_splice *plan;
    struct error *e;
    struct {
        struct splice_span *data;
        size_t len, cap;
    } spans;
    struct {
        struct splice_put *data;
        size_t len, cap;
    } puts;
    struct {
        struct splice_get *data;
        size_t len, cap;
    } gets;
    struct {
        struct splice_cut *data;
        size_t len, cap;
    } cuts;
    struct {
        struct splice_link *data;
        size_t len, cap;
    } links;
    struct idmap link_puts; /* put + 1 -> number of the link + 1 */
    uint64_t numbered; /* the last MEMOIZE in front of the last GET: up to there numbers matter */
};

/* splice_links.c: which slots new values read. */
enum pb_err splice_links(struct splice_work *w) PB_CHECK;
/* Bytes [from, to) of the second source, with their links, for the place `at` of the original. */
enum pb_err splice_copy_new(struct splice_work *w, uint64_t from, uint64_t to,
                            uint64_t at) PB_CHECK;
/* splice_memo.c: what of the spans is read later. */
enum pb_err splice_memo(struct splice_work *w) PB_CHECK;
/* splice_cuts.c: spans into cuts. */
enum pb_err splice_cuts(struct splice_work *w) PB_CHECK;
/* splice_frames.c: cuts for the FRAMEs whose contents change their length. */
enum pb_err splice_frames(struct splice_work *w) PB_CHECK;

#endif

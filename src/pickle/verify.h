/* floor 1: pickle */
/*
 * The proof that a result is exactly the edited document.  Shares nothing with the splicer, and
 * does not read its change list or the edited view: only the documents, the piece lists, the new
 * values and the links.
 *
 * In this order, each part resumable:
 *
 *   account  the segments cover the result; copied spans do not overlap in the original; what is
 *            missing of the original belonged to a value that went, or held the children of an
 *            edited container together
 *   bytes    the result's bytes are those of the segments
 *   index    the result is a whole pickle by itself
 *   frames   those that changed hold whole opcodes and end where they did
 *   memo     every GET that was copied, or given another number, reads the definition that it
 *            read before
 *            (again with a memo that goes on from one pickle to the next, where it may be that one
 *            Unpickler is meant to read them all)
 *   values   what is not simply copied is compared value by value
 *
 * Why copied spans need no comparison.  A stack machine does the same on the same opcodes, as far
 * as what it meets on the stack and in the memo is the same.  A value whose bytes lie in one copied
 * span meets nothing on the stack but what those bytes pushed; what it reads from the memo was
 * compared.  So it is the same value, shared and recursive in the same places, if what its GETs
 * refer to is.  That is either copied as well, or was taken apart: by an edit inside it, or because
 * it is what stays of a value that went.  So every edited container is compared with all that it
 * stands in, whether that is reached from the roots or only through the memo; and so is what a
 * copied GET reads that was stored in the midst of what went.  The same goes for a
 * stretch of children of one container that lie in one copied span: no opcode of the stretch
 * reaches below the container, as it stays open, and they are taken in the order of their bytes; so
 * it is enough that the first and the last of them are the same, in places as far apart.  (That
 * holds for containers that take all their children within their own span, on both sides; the
 * children of others are compared one by one.)
 *
 * Which value of the result is which of the original follows from where their makers were copied
 * to; as copied spans do not overlap that is one to one.  What was made anew is entered when it is
 * first met.  So shared values stay shared, and others apart.  What is compared are the roots,
 * every container on the way to a change, every edited container, and all of the new values; each
 * leaf by the bytes of its opcode.  At the end every new byte must have been met in a new value.
 *
 * Memory: a few words an edit, not one a value.
 */
#ifndef PKLBROWSE_VERIFY_H
#define PKLBROWSE_VERIFY_H

#include <pklbrowse/clock.h>
#include <pklbrowse/pkl_splice.h>

#include "edit_private.h"

enum verify_phase {
    VERIFY_OLD,
    VERIFY_ACCOUNT,
    VERIFY_BYTES,
    VERIFY_INDEX,
    VERIFY_FRAMES,
    VERIFY_MEMO,
    VERIFY_MEMO_ON,
    VERIFY_VALUES,
    VERIFY_DONE
};

struct verify_range {
    uint64_t begin, end;
};
struct verify_ranges {
    struct verify_range *data;
    size_t len, cap;
};

/* From slot `from` of the original on, what was stored first is so much further on in the result.
 */
struct verify_shift {
    uint64_t from, by;
};

/* Slots in use: the first ones, and others. */
struct verify_slots {
    uint64_t dense, count;
    struct idmap sparse;
};

/* Two values that correspond and whose insides are still to be compared.  in_place: so are all
 * that they stand in. */
struct verify_pair {
    struct pkl_node a, b;
    bool in_place;
};

/* Children of such a pair: of `a` from its pieces. */
struct verify_lists {
    pkl_id a, b;
    const struct edit_container *c; /* NULL: as the document has them */
    uint64_t count, at;
    size_t piece;
    uint64_t inside;
    bool pairs, straight; /* no children away from their container */
    bool in_place;
    struct source *src;
};

#define VERIFY_NOBODY UINT64_MAX

struct verify {
    struct job job; /* first */
    struct pkl_edit *ed;
    uint64_t stamp; /* of the edits */
    struct pkl_doc *doc, *fresh;
    const struct pkl_splice *plan;
    struct source *original, *result;
    enum verify_phase phase;

    size_t container; /* being listed, or compared for its own sake */
    size_t piece;
    uint64_t inside, next;
    struct verify_ranges gone, edited; /* of the original: values that went; edited containers */
    size_t *order;                     /* copied segments by their place in the original */
    size_t copied;
    bool *placed; /* by segment: copied in the order of the original, not moved */
    struct {
        uint64_t *data; /* memo opcodes of the original that have another number in the result */
        size_t len, cap;
    } renumbered;
    uint64_t new_bytes, met_bytes;
    size_t builds; /* states that were added */

    uint64_t at;    /* bytes: of the result; frames, memo: of the opcode looked at */
    size_t segment; /* the one that holds `at` */
    size_t frame;
    uint64_t off;     /* memo: the original is passed up to here */
    uint64_t ends[2]; /* of the pickles, in the original and in the result */
    bool begun, in_gap, gap_begun;
    bool goes_on;     /* the memo, from one pickle to the next, though it need not */
    bool apart;       /* what stands on top was left there by opcodes that are not the same */
    uint64_t last[2]; /* of those */
    bool made[2];     /* they make a container of what stood there */
    bool count_slots;
    struct verify_slots was, is;
    /* Slot + 1 -> 1: what it holds there does not correspond to anything; 0: it does again. */
    struct idmap differ[2];
    size_t differs; /* so many of them */
    uint64_t drift; /* from this slot on nothing is known of what MEMOIZE stores */
    struct {
        struct verify_shift *data;
        size_t len, cap;
    } shifts;
    size_t gone_at;    /* the range of `gone` that is come to */
    struct idmap kept; /* slot + 1 -> 1: it was stored into there, and nobody has read it yet */
    size_t kept_unread;
    struct {
        struct verify_range *data; /* where those that read one first are, on either side */
        size_t len, cap;
    } readers;

    struct idmap there, back; /* which value of one side is which of the other, where not copied */
    struct idmap met;         /* what was compared: 1, or 2: and so is all that it stands in */
    struct idmap climbed;     /* what was found to stand around an edit */
    uint64_t inner;           /* what stands around that is next; VERIFY_NOBODY: none */
    size_t reader;
    bool in_place; /* of what is being compared, as in verify_pair */
    struct {
        struct verify_pair *data;
        size_t len, cap;
    } todo;
    struct {
        struct verify_lists *data;
        size_t len, cap;
    } open;
    struct pkl_child kids[2][32]; /* children at hand, of both sides */
    pkl_id kids_of[2];
    uint64_t kids_first[2];
    size_t kids_len[2];
    uint64_t root;
    struct error *e; /* &job.error */
};

enum pb_err verify_refuse(struct verify *v, const char *fmt, ...) PB_PRINTF(2, 3);

/* Each does a part of its work and says whether it is done. */
enum pb_err verify_old(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_account(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_bytes(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_frames(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_memo(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_memo_on(struct verify *v, bool *done) PB_CHECK;
enum pb_err verify_values(struct verify *v, bool *done) PB_CHECK;

/* verify_map.c: from the original to the result and back. */
/* Where what a segment copies or has another number for begins and ends in the original; false: it
 * is neither, or was moved. */
enum pb_err verify_origin(struct verify *v, size_t segment, struct verify_range *out,
                          bool *has) PB_CHECK;
/* The segment that holds an offset of the result; NULL behind the end. */
const struct splice_segment *verify_segment(const struct verify *v, uint64_t at, size_t *index);
/* The copied one that holds an offset of the original; NULL: it was not copied. */
const struct splice_segment *verify_copy_of(const struct verify *v, uint64_t from);
/* The original offset copied to `at`; UINT64_MAX: it was not copied. */
uint64_t verify_source_of(const struct verify *v, uint64_t at);
/* Where the byte at `from` is in the result; UINT64_MAX: nowhere. */
uint64_t verify_result_of(const struct verify *v, uint64_t from);
/* Sorts and joins. */
void verify_join(struct verify_ranges *r);
/* The first range that has to do with [from, to], all borders included; NULL: none. */
const struct verify_range *verify_range_in(const struct verify_ranges *r, uint64_t from,
                                           uint64_t to);

/* verify_read.c: children as the source with its edits has them. */
enum pb_err verify_list(struct verify *v, pkl_id a, pkl_id b, struct verify_lists *out) PB_CHECK;
/* The child of the document at an index. */
enum pb_err verify_kid(struct verify *v, unsigned side, struct pkl_view *view, pkl_id id,
                       uint64_t index, struct pkl_child *out) PB_CHECK;
/* A node of the second source that is a link becomes a reference. */
enum pb_err verify_link(struct verify *v, struct pkl_node *n) PB_CHECK;
struct pkl_view *verify_view(struct verify *v, pkl_id id);
/* A part of an object with what stands there now; PB_ENOTFOUND: it has none. */
enum pb_err verify_part(struct verify *v, pkl_id id, enum pkl_part part, struct pkl_node *out,
                        size_t *number) PB_CHECK;

/* The same bytes in two sources. */
enum pb_err verify_same_bytes(struct source *a, uint64_t a_at, struct source *b, uint64_t b_at,
                              uint64_t n, bool *same, struct error *e) PB_CHECK;

#endif

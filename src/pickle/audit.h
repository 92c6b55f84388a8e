/* Private to the audit: its machines, its results as they grow, the search for pickles in values.
   */
#ifndef PICKLE_AUDIT_H
#define PICKLE_AUDIT_H

#include <pklbrowse/pkl_audit.h>

#include "cursor.h"
#include "idmap.h"
#include "index.h"

#define RUN 32u
#define KNOWN 256u
#define N_MAX UINT8_MAX

enum tag {
    A_PLAIN,  /* n values that nothing can be called by */
    A_LEAVES, /* n opcodes in a row from `at` on, each pushing one; bits of `refs`: GETs */
    A_GLOBAL, /* n times row `at` */
    A_MADE,   /* n values made by row `at` */
    A_MARK
};
struct aval {
    uint64_t at;
    uint32_t refs;
    uint8_t n, tag;
};

struct machine {
    struct source *src; /* ours; NULL: the caller's document */
    struct pkl_doc *doc;
    bool indexed, ended;
    struct cursor cursor;
    uint64_t at;
    struct {
        struct aval *data;
        size_t len, cap;
    } stack;
    bool open;         /* the last change of the stack was a leaf, so that a run may go on */
    bool tuple_on_top; /* `first` is its first item */
    struct aval first;
    size_t pickle, first_row;
    struct {
        uint64_t maker;
        struct aval value;
    } known[KNOWN]; /* what GETs meant lately */
};

struct pkl_audit {
    struct {
        struct pkl_audit_row *data;
        size_t len, cap;
    } rows;
    struct {
        struct pkl_audit_pickle *data;
        size_t len, cap;
    } pickles;
    struct {
        struct machine **data;
        size_t len, cap;
    } machines;
    struct idmap names; /* of rows: hash of (pickle, names) */
    uint64_t passed;
};

/* Kinds of use, from the one that says least. */
enum { TELL_IMPORT = 1, TELL_BUILD, TELL_CALL, TELL_CHANGE };

/* audit_rows.c: the results. */
void row_release(struct pkl_audit_row *r);
/* The row of the global that the opcode at `at` names; of something else. */
enum pb_err name_row(struct pkl_audit *a, struct machine *m, uint64_t at, size_t *index,
                     struct error *e) PB_CHECK;
enum pb_err other_row(struct pkl_audit *a, struct machine *m, enum pkl_audit_kind kind,
                      int64_t code, size_t *index, struct error *e) PB_CHECK;
/* The place that is told: of the most telling kind of use, the first. */
void row_tell(struct pkl_audit_row *r, uint8_t telling, uint64_t at);
void row_raise(struct pkl_audit_row *r, enum pkl_grade g, const char *why);

/* audit_stack.c: the values that stand. */
bool stack_push(struct machine *m, enum tag tag, uint64_t at) PB_CHECK;
bool stack_push_leaf(struct machine *m, uint64_t at, bool ref) PB_CHECK;
void stack_pop(struct machine *m, uint64_t n);
void stack_pop_to_mark(struct machine *m);
/* The value `depth` below the top, the first one above the mark: what a GET means is followed;
   A_PLAIN where there * is none. */
enum pb_err stack_peek(struct pkl_audit *a, struct machine *m, unsigned depth, struct aval *out,
                       struct error *e) PB_CHECK;
enum pb_err stack_first(struct pkl_audit *a, struct machine *m, struct aval *out,
                        struct error *e) PB_CHECK;

/* audit_nested.c: does the payload of a string or bytes opcode hold a pickle?  Then *out is its
   bytes as a source of their own (the * one given must outlive it).  The source is looked at:
   op->p is gone when *looked. */
enum pb_err nested_find(struct pkl_doc *d, const struct op *op, struct source **out,
                        enum pkl_audit_place *place, bool *looked, struct error *e) PB_CHECK;
/* The same for the bytes from `from` on; *out is NULL when they do not look like one. */
enum pb_err nested_behind(struct source *src, uint64_t from, struct source **out,
                          struct error *e) PB_CHECK;

#endif

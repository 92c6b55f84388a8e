/* floor 1: pickle */
/*
 * The parts of the comparison.
 *
 * A machine walks pairs of containers with a stack of its own.  One that probes ends at the first
 * difference; the one that reports asks probes which items of a list are the same.
 */
#ifndef PICKLE_DIFF_H
#define PICKLE_DIFF_H

#include <pklbrowse/pkl_diff.h>

#include "cursor.h"
#include "idmap.h"
#include "lens/lens.h"

#define DIFF_BATCH 64u
#define DIFF_AHEAD 256u /* children fetched at once where one follows the other */

enum diff_type { DIFF_LIST, DIFF_DICT, DIFF_SET, DIFF_OBJECT, DIFF_ARRAY };

/* How the children of an object are divided, in their order. */
enum diff_section { DIFF_ARGS, DIFF_KWARGS, DIFF_STATE, DIFF_ITEMS, DIFF_ENTRIES, DIFF_SECTIONS };

/* What the arguments of an object are: its own; only which class it is of
 * (copyreg._reconstructor(class, object, None)); that and what it is made from (class, base,
 * state).
 */
enum diff_form { DIFF_OWN, DIFF_BARE, DIFF_FROM_STATE };

enum diff_op { DIFF_PAIR, DIFF_GONE, DIFF_NEW };
struct diff_run {
    enum diff_op op;
    uint64_t a, b, n; /* children, from the frame's base on */
};
struct diff_script {
    struct diff_run *data;
    size_t len, cap;
};

/* Children fetched last: they are asked for one by one, in their order as a rule. */
struct diff_ahead {
    struct pkl_child *kids;
    uint64_t first;
    size_t got, cap;
};

struct diff_array;

/* A pair of containers, or a stretch of the children of two objects. */
struct diff_frame {
    enum diff_type type;
    pkl_id id[2];
    uint64_t base[2], count[2];
    uint64_t at; /* pairs passed that correspond by position */
    struct diff_ahead ahead[2];
    bool scripted; /* by position they correspond no longer: */
    struct diff_script script;
    size_t run;        /* of the script */
    uint64_t run_done; /* of that run */
    bool labelled;     /* is itself a step of the path: */
    struct pkl_child place[2];
    bool silent[2]; /* no step on that side */
    size_t pair;    /* number of the pair that it walks + 1; 0: of none */
    bool different; /* something in it was found to be */
    /* DIFF_OBJECT: children of each section; `at` is the next one. */
    uint64_t section[2][DIFF_SECTIONS];
    enum diff_form form[2];
    unsigned mixed; /* 1 + the side that is made from a state which the other has as its own */
    struct pkl_child through[2]; /* there: the @args, and the state in them */
    bool attributes;             /* the state is one or more dicts */
    struct diff_array *array;    /* DIFF_ARRAY: it says what comes next */
};

struct diff_machine {
    struct diff *d;
    bool probe, different;
    size_t pair; /* being gone into + 1: the next frame is its */
    struct {
        struct diff_frame *data;
        size_t len, cap;
    } frames;
};

/* Pairs of containers that were met. */
struct diff_pair {
    pkl_id a, b;
    size_t before;  /* the pair of the same a before it, + 1 */
    bool different; /* known once it was walked */
};

/* [a, a + len) on one side follows the same opcodes as [b, b + len) on the other. */
struct diff_segment {
    uint64_t a, b, len;
};
/* GETs in [first, last] fetch what was still being made, up to `end`: a value in the same region
 * that stays open when the region ends. */
struct diff_wait {
    uint64_t first, last, end;
    uint64_t maker[2];
};
/* The same opcodes, and what they fetch is the same, up to sure_end; behind it what is fetched may
 * be a pair that was met, whose differences are told where it was, or one that waits. */
struct diff_region {
    uint64_t a, a_end, b, b_end, sure_end;
    struct {
        struct diff_wait *data;
        size_t len, cap;
    } waits;
};

struct diff_stream {
    bool usable;
    struct pkl_doc *doc[2];
    struct cursor cursor[2];
    struct {
        struct diff_segment *data;
        size_t len, cap;
    } segments; /* by a */
    struct {
        struct diff_region *data;
        size_t len, cap;
    } regions;         /* by a */
    struct idmap same; /* maker + 1 on one side -> maker on the other: found equal */
};

struct diff {
    struct pkl_view *v[2];
    const struct pkl_diff_opts *opts;
    struct lens_reader reader[2];
    struct lens lens[2];
    struct pkl_leaf leaf[2];
    struct {
        struct diff_pair *data;
        size_t len, cap;
    } pairs;
    struct idmap by_a; /* number of the latest pair + 1 */
    size_t lasting;    /* pairs from here on are taken back when the outermost probe fails */
    struct diff_stream stream;
    unsigned steps;
    struct error *e;
};

struct pkl_diff_place {
    const struct diff_machine *m;
    const struct pkl_child *child[2]; /* NULL: stands on the other side only */
};

/* diff.c */
/* Whether the two values are equal. */
enum pb_err diff_probe(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                       bool *equal) PB_CHECK;
enum pb_err diff_check(struct diff *d) PB_CHECK;
/* The pair, NULL: it was not met. */
const struct diff_pair *diff_met(const struct diff *d, pkl_id a, pkl_id b);
enum pb_err diff_push(struct diff_machine *m, struct diff_frame *f) PB_CHECK;
enum pb_err diff_compare(struct diff_machine *m, const struct pkl_child *a,
                         const struct pkl_child *b) PB_CHECK;
enum pb_err diff_report(struct diff_machine *m, enum pkl_diff_kind kind, const struct pkl_child *a,
                        const struct pkl_child *b) PB_CHECK;

/* diff_rebuilt.c: two objects one of which is written as protocols 0 and 1 do. */
enum pb_err diff_mix(struct diff *d, struct diff_frame *f) PB_CHECK;
enum pb_err diff_mixed_args(struct diff_machine *m, const struct diff_frame *f,
                            const uint64_t base[2]) PB_CHECK;
/* Items or entries: *stretch is told where they stand. */
enum pb_err diff_mixed_stretch(struct diff_machine *m, const struct diff_frame *f,
                               enum diff_section section, struct diff_frame *stretch) PB_CHECK;

/* One is a text in Latin-1, the other the bytes. */
enum pb_err diff_same_text_args(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                                bool *same) PB_CHECK;

/* diff_leaf.c: what can be told without going into a container. */
enum diff_verdict { DIFF_SAME, DIFF_OTHER, DIFF_DOWN };
enum pb_err diff_look(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                      enum diff_verdict *verdict) PB_CHECK;
/* diff_array.c: arrays of numpy.  Both are; *verdict is DIFF_DOWN where they are to be gone into.
 */
enum pb_err diff_array_look(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                            enum diff_verdict *verdict) PB_CHECK;
/* *out is NULL when they are to be gone into as other objects are. */
enum pb_err diff_array_open(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                            struct diff_array **out) PB_CHECK;
void diff_array_free(struct diff_array *x);
/* The next element that may be another. */
enum pb_err diff_array_step(struct diff_machine *m, struct diff_array *x, bool *done) PB_CHECK;
/* The steps in front of the last one, of the element compared just now. */
enum pb_err diff_array_path(const struct diff_array *x, struct pkl_view *v, enum path_form form,
                            struct buf *out, struct error *e) PB_CHECK;

/* The values of two leaves, read out. */
enum pb_err diff_same_leaf(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                           bool *same) PB_CHECK;
/* Of an object: its class, and what its arguments are. */
enum pb_err diff_class(struct diff *d, unsigned side, const struct pkl_node *n,
                       struct pkl_node *class, enum diff_form *form) PB_CHECK;
/* The list of members of a set, whoever made it; id 0: none. */
enum pb_err diff_members(struct diff *d, unsigned side, const struct pkl_node *n,
                         struct pkl_node *members) PB_CHECK;

/* They are equal, or begin so: what is called the same when a list is aligned. */
enum pb_err diff_similar(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                         bool *similar) PB_CHECK;

/* diff_match.c: children from f->at on, which do not correspond by position. */
enum pb_err diff_align(struct diff *d, struct diff_frame *f) PB_CHECK;  /* lists */
enum pb_err diff_by_key(struct diff *d, struct diff_frame *f) PB_CHECK; /* dicts, sets */

/* diff_stream.c */
void diff_stream_init(struct diff *d);
void diff_stream_release(struct diff *d);
/* Both were written by the same opcodes; false says nothing.  sure: they are equal; otherwise it
 * may be that what differs in them stands in a pair that was met. */
enum pb_err diff_same_opcodes(struct diff *d, const struct pkl_node *a, const struct pkl_node *b,
                              bool sure, bool *same) PB_CHECK;
/* The same opcode with the same argument (no GET, no PUT). */
enum pb_err diff_same_bytes(struct source *x, uint64_t at, struct source *y, uint64_t bt,
                            uint64_t n, bool *same, struct error *e) PB_CHECK;

#endif

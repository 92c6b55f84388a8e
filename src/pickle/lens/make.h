/* floor 1: pickle */
/*
 * The way back from a lens: a call that a person typed (what the lens prints), checked as Python
 * checks it and turned into the object as Python's pickler writes it.
 *
 * A row per constructor names its parameters; its make() builds the object out of literals.  What
 * differs between protocols alone (names, bytes, __new__) is left to the encoder; where the whole
 * shape differs the object has a second one (literal.elsewhere).
 *
 * The builders return NULL when there is no memory and take NULL for what could not be built, so
 * that only the last one is asked.
 */
#ifndef PICKLE_LENS_MAKE_H
#define PICKLE_LENS_MAKE_H

#include "../literal_lex.h"

#define MAKE_ARGS 10u

enum make_flags {
    MAKE_UNHASHABLE = 1 << 0, /* cannot be a key */
    MAKE_FREE = 1 << 1,       /* any number of arguments, in m->args */
    MAKE_NAMED = 1 << 2,      /* any names, in m->args */
    MAKE_BITS = 1 << 3        /* takes re.I | re.M */
};

struct maker {
    struct lit_text *t;
    const struct make_row *row;
    size_t at;                      /* where the call stands */
    struct literal *args;           /* as written, a tuple */
    struct literal *arg[MAKE_ARGS]; /* by parameter; NULL: not given */
};

typedef enum pb_err make_fn(struct maker *m, struct literal **out);

struct make_row {
    const char *module, *name;
    const char *params; /* with blanks between them */
    unsigned required;  /* the first so many */
    unsigned flags;
    make_fn *make;
    unsigned detail;
};

struct make_family {
    const struct make_row *rows;
    size_t count;
};
extern const struct make_family make_builtins, make_datetime, make_numbers, make_collections,
    make_array, make_regex, make_ipaddress, make_pathlib, make_exceptions;

/* PB_EUSAGE at an argument, or at the call when it was not given. */
enum pb_err make_bad(struct maker *m, const struct literal *arg, const char *fmt, ...)
    PB_PRINTF(3, 4);
/* An int (or bool) in a range; `missing` when it was not given. */
enum pb_err make_int_arg(struct maker *m, const struct literal *arg, int64_t low, int64_t high,
                         int64_t missing, const char *what, int64_t *value) PB_CHECK;
enum pb_err make_str_arg(struct maker *m, const struct literal *arg, const char *what) PB_CHECK;
/* Whether it is an object of that class. */
bool make_is(const struct literal *l, const char *module, const char *name);

struct literal *make_none(struct maker *m);
struct literal *make_int(struct maker *m, int64_t v);
/* Two's complement, copied. */
struct literal *make_big(struct maker *m, const uint8_t *le, size_t n);
struct literal *make_float(struct maker *m, double d);
struct literal *make_str(struct maker *m, const char *s, size_t n);
struct literal *make_bytes(struct maker *m, const void *p, size_t n);
struct literal *make_global(struct maker *m, const char *module, const char *name);
/* A container being filled; `node` is NULL when there was no memory. */
struct make_chain {
    struct literal *node, *last;
};
struct make_chain make_chain(struct maker *m, enum pkl_kind kind);
/* Adds a copy of the item (not of what is in it). */
void make_add(struct maker *m, struct make_chain *c, const struct literal *item);
void make_pair(struct maker *m, struct make_chain *dict, const struct literal *key,
               const struct literal *value);
struct literal *make_tuple(struct maker *m, size_t n, struct literal *const *items);
/* What `callable` makes of the arguments; NULL for parts that are not there. */
struct literal *make_object(struct maker *m, unsigned how, const struct literal *callable,
                            const struct literal *args, const struct literal *items,
                            const struct literal *entries, const struct literal *state);
/* The usual one: the class of the row called with n arguments. */
enum pb_err make_called(struct maker *m, size_t n, struct literal *const *args,
                        struct literal **out) PB_CHECK;
enum pb_err make_done(struct maker *m, struct literal *made, struct literal **out) PB_CHECK;

#endif

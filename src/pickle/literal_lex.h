/* floor 1: pickle */
/*
 * What the parts of the literal reader share: the text with a place in it, the two kinds of token
 * that need more than a character (numbers and strings), and the canonical form by which values are
 * compared.
 */
#ifndef PKLBROWSE_LITERAL_LEX_H
#define PKLBROWSE_LITERAL_LEX_H

#include <pklbrowse/pkl_literal.h>

struct lit_text {
    struct arena *mem;
    const char *s;
    size_t n;
    size_t at;  /* next byte to read */
    size_t bad; /* where it is wrong, when something is */
    struct error *e;
};

/* PB_EUSAGE with the place. */
enum pb_err lit_bad(struct lit_text *t, size_t at, const char *fmt, ...) PB_PRINTF(3, 4);

/* The byte `ahead` places further on, or 0 at the end (the text holds no NUL). */
static inline char lit_peek(const struct lit_text *t, size_t ahead)
{
    return ahead < t->n - t->at ? t->s[t->at + ahead] : '\0';
}

static inline bool lit_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* May stand in an identifier; every byte of a character beyond ASCII counts. */
static inline bool lit_is_word(char c)
{
    return lit_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

struct literal *lit_new(struct lit_text *t, enum pkl_kind kind); /* NULL: no memory, error set */
/* Moves what a buffer holds into the value. */
enum pb_err lit_take(struct lit_text *t, struct literal *l, const struct buf *data);

bool lit_at_number(const struct lit_text *t);
enum pb_err lit_number(struct lit_text *t, struct literal **out);
/* -x of an int, a float or a complex number. */
enum pb_err lit_negate(struct lit_text *t, struct literal *l);
/* left + right j or left - right j, into left. */
enum pb_err lit_complex(struct lit_text *t, size_t at, struct literal *left,
                        const struct literal *right, bool minus);

bool lit_at_string(const struct lit_text *t); /* a prefix and a quote, or a quote */
enum pb_err lit_string(struct lit_text *t, struct literal **out);

/* ------------------------------------------------- names and calls: lens/make.c */

struct make_row;
/* The constructor that is called so, with or without its module; NULL: none. */
const struct make_row *make_find(const char *name, size_t n);
/* Takes re.I | re.M. */
bool make_takes_flags(const struct make_row *row);
/* The object that the call at `at` makes; its arguments stand in a tuple. */
enum pb_err make_call(struct lit_text *t, const struct make_row *row, size_t at,
                      struct literal *args, struct literal **out) PB_CHECK;
/* list[int]: `of` is a global. */
enum pb_err make_alias(struct lit_text *t, size_t at, struct literal *of, struct literal *args,
                       bool one, struct literal **out) PB_CHECK;
/* A name that stands for a value: Ellipsis, re.M, datetime.timezone.utc, infj; a class only where
 * `classes` says so.  *out NULL: it stands for none. */
enum pb_err make_name(struct lit_text *t, size_t at, size_t n, bool classes,
                      struct literal **out) PB_CHECK;
/* <class 'int'>, <built-in function len>, <global my.name>, whose first byte is at t->at. */
enum pb_err make_angle(struct lit_text *t, struct literal **out) PB_CHECK;

/* Bytes that are the same exactly for values that Python finds equal; *nan is set when the value
 * holds a NaN, which equals nothing. */
enum pb_err literal_canon(struct buf *out, const struct literal *l, bool *nan,
                          struct error *e) PB_CHECK;
/* Makes a set or dict what Python would hold: of equal keys the first one with the last value. */
enum pb_err literal_dedupe(struct literal *l, struct error *e) PB_CHECK;

#endif

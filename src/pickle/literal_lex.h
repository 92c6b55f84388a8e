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

/* Bytes that are the same exactly for values that Python finds equal; *nan is set when the value
 * holds a NaN, which equals nothing. */
enum pb_err literal_canon(struct buf *out, const struct literal *l, bool *nan,
                          struct error *e) PB_CHECK;
/* Makes a set or dict what Python would hold: of equal keys the first one with the last value. */
enum pb_err literal_dedupe(struct literal *l, struct error *e) PB_CHECK;

#endif

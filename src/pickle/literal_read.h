/* floor 1: pickle */
/*
 * The literal reader's stack of open brackets, for the two files it is made of.
 *
 * Each open bracket has one expression in progress: nothing yet, a sign, an operand, or an operand
 * and an operator behind it.
 */
#ifndef PICKLE_LITERAL_READ_H
#define PICKLE_LITERAL_READ_H

#include "literal_lex.h"

enum shape { PLAIN_NUMBER, SIGNED_NUMBER, OTHER };
enum progress { NOTHING, SIGN, OPERAND, OPERATOR };

struct bracket {
    char open; /* ( [ { or 0 for the whole text; s f b: set( frozenset( bytearray(; c: a call;
                  a: list[ */
    size_t at; /* where it stands */
    const struct make_row *row; /* of a call */
    const char *keyword;        /* of its argument in progress */
    struct literal *alias_of;
    struct literal *node, *last;
    enum progress progress;
    bool minus, either /* the operator is `|` */, comma, dict, set;
    bool after_colon; /* the expression is a dict's value */
    size_t sign_at, operand_at;
    struct literal *operand;
    enum shape shape;
};

struct reader {
    struct lit_text t;
    struct {
        struct bracket *data;
        size_t len, cap;
    } open;
};

static inline struct bracket *lit_top(struct reader *r)
{
    return &r->open.data[r->open.len - 1];
}

enum pb_err lit_push(struct reader *r, char open, enum pkl_kind kind, size_t at) PB_CHECK;
/* An operand is complete: put it where the expression in progress wants it. */
enum pb_err lit_operand(struct reader *r, struct literal *l, enum shape shape, size_t at) PB_CHECK;
/* Blanks, comments, continued lines; and newlines inside brackets. */
enum pb_err lit_pass_blank(struct reader *r) PB_CHECK;

enum pb_err lit_word(struct reader *r) PB_CHECK;
enum pb_err lit_open_square(struct reader *r) PB_CHECK;
enum pb_err lit_dots(struct reader *r) PB_CHECK; /* tuple[int, ...] */

#endif

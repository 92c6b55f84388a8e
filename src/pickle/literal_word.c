/*
 * Words in literals: None, inf, calls, arguments by name, classes.
 */
#include <math.h>
#include <string.h>

#include "literal_read.h"

struct word {
    const char *name;
    enum pkl_kind kind;
    char call; /* what lit_push() gets: it takes an argument list */
    bool truth;
    double real;
};

static const struct word words[] = {
    {"None", PKL_NONE, 0, false, 0},
    {"True", PKL_BOOL, 0, true, 0},
    {"False", PKL_BOOL, 0, false, 0},
    {"inf", PKL_FLOAT, 0, false, (double)INFINITY},
    {"nan", PKL_FLOAT, 0, false, (double)NAN},
    {"set", PKL_SET, 's', false, 0},
    {"frozenset", PKL_FROZENSET, 'f', false, 0},
    {"bytearray", PKL_BYTEARRAY, 'b', false, 0},
};

/* Words with dots between them. */
static size_t name_length(const struct lit_text *t)
{
    size_t n = 0;

    for (;;) {
        while (lit_is_word(lit_peek(t, n)))
            n++;
        if (lit_peek(t, n) != '.' || !lit_is_word(lit_peek(t, n + 1)) ||
            lit_is_digit(lit_peek(t, n + 1)))
            return n;
        n++;
    }
}

/* Inside a call or behind list[, where the names of classes are values. */
static bool in_call(struct reader *r)
{
    return lit_top(r)->open == 'c' || lit_top(r)->open == 'a';
}

static enum pb_err open_call(struct reader *r, char open, enum pkl_kind kind,
                             const struct make_row *row, size_t start)
{
    enum pb_err err;

    if (lit_top(r)->progress == OPERAND)
        return lit_bad(&r->t, start, "a comma is missing before this");
    r->t.at++;
    err = lit_push(r, open, kind, start);
    if (err == PB_OK)
        lit_top(r)->row = row;
    return err;
}

/* name=value in a call. */
static enum pb_err keyword(struct reader *r, size_t start, size_t n)
{
    struct bracket *b = lit_top(r);

    if (b->progress != NOTHING || b->keyword != NULL)
        return lit_bad(&r->t, start, "a comma is missing before this");
    b->keyword = arena_strndup(r->t.mem, r->t.s + start, n);
    r->t.at++;
    return b->keyword != NULL ? PB_OK : error_nomem(r->t.e);
}

/* A name that is none of the words above, and what stands behind it. */
static enum pb_err other_name(struct reader *r, size_t start, size_t n)
{
    const char *name = r->t.s + start;
    struct literal *l = NULL;
    bool alias = lit_peek(&r->t, 0) == '[';
    enum pb_err err = lit_pass_blank(r);
    char next = lit_peek(&r->t, 0);

    if (err == PB_OK && next == '(') {
        const struct make_row *row = make_find(name, n);

        if (row == NULL)
            return lit_bad(&r->t, start, "a call of %.*s cannot be written here",
                           n < 60 ? (int)n : 60, name);
        return open_call(r, 'c', PKL_TUPLE, row, start);
    }
    if (err == PB_OK && next == '=' && lit_peek(&r->t, 1) != '=' && lit_top(r)->open == 'c' &&
        memchr(name, '.', n) == NULL)
        return keyword(r, start, n);
    if (err == PB_OK)
        err = make_name(&r->t, start, n, in_call(r) || alias, &l);
    if (err == PB_OK && l == NULL)
        return lit_bad(&r->t, start, "this is no literal; text needs quotes");
    return err == PB_OK
               ? lit_operand(r, l,
                             l->kind == PKL_GLOBAL || l->kind == PKL_OBJECT ? OTHER : PLAIN_NUMBER,
                             start)
               : err;
}

enum pb_err lit_word(struct reader *r)
{
    size_t n = name_length(&r->t), start = r->t.at;
    const struct word *w = NULL;
    struct literal *l;
    enum pb_err err;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].name) == n && memcmp(words[i].name, r->t.s + start, n) == 0)
            w = &words[i];
    }
    r->t.at += n;
    if (w != NULL && w->call != 0) {
        size_t behind = r->t.at;

        err = lit_pass_blank(r);
        if (err != PB_OK)
            return err;
        if (lit_peek(&r->t, 0) == '(')
            return open_call(r, w->call, w->kind, NULL, start);
        if (!in_call(r) && lit_peek(&r->t, 0) != '[')
            return lit_bad(&r->t, r->t.at, "'(' is wanted after %s", w->name);
        r->t.at = behind;
        w = NULL;
    }
    if (w == NULL)
        return other_name(r, start, n);
    l = lit_new(&r->t, w->kind);
    if (l == NULL)
        return PB_ENOMEM;
    l->boolean = w->truth;
    l->real = w->real;
    return lit_operand(r, l, w->kind == PKL_FLOAT ? PLAIN_NUMBER : OTHER, start);
}

/* list[int]: the bracket stands right behind the class. */
enum pb_err lit_open_square(struct reader *r)
{
    struct bracket *b = lit_top(r);
    struct literal *of = b->operand;
    size_t start = r->t.at++;
    enum pb_err err;

    if (b->progress == OPERAND && of->kind != PKL_GLOBAL)
        return lit_bad(&r->t, start, "a comma is missing before this");
    if (b->progress != OPERAND)
        return lit_push(r, '[', PKL_LIST, start);
    b->progress = NOTHING;
    err = lit_push(r, 'a', PKL_TUPLE, of->at);
    if (err == PB_OK)
        lit_top(r)->alias_of = of;
    return err;
}

enum pb_err lit_dots(struct reader *r)
{
    size_t start = r->t.at;
    struct literal *l = lit_new(&r->t, PKL_GLOBAL);

    if (l == NULL)
        return PB_ENOMEM;
    if (lit_peek(&r->t, 1) != '.' || lit_peek(&r->t, 2) != '.')
        return lit_bad(&r->t, start, "nothing in a literal looks like this");
    l->module = "builtins";
    l->name = "Ellipsis";
    r->t.at += 3;
    return lit_operand(r, l, OTHER, start);
}

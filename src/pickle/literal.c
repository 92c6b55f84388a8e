/*
 * The literal reader: a stack of open brackets, no recursion.
 *
 * Each open bracket has one expression in progress: nothing yet, a sign, an operand, or an operand
 * and a `+` or `-` behind it (which only a complex number may follow).  How an operand was written
 * matters, because Python takes `-(1)` and `(-1)+2j` but neither `--1` nor `1+-2j`.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "literal_read.h"

enum pb_err lit_bad(struct lit_text *t, size_t at, const char *fmt, ...)
{
    va_list ap;

    t->bad = at > t->n ? t->n : at;
    va_start(ap, fmt);
    error_vset(t->e, PB_EUSAGE, fmt, ap);
    va_end(ap);
    return PB_EUSAGE;
}

struct literal *lit_new(struct lit_text *t, enum pkl_kind kind)
{
    struct literal *l = arena_alloc(t->mem, sizeof *l);

    if (l == NULL)
        error_nomem(t->e);
    else
        l->kind = kind;
    return l;
}

enum pb_err lit_take(struct lit_text *t, struct literal *l, const struct buf *data)
{
    l->data = arena_strndup(t->mem, data->data, data->len);
    l->len = data->len;
    return l->data != NULL ? PB_OK : error_nomem(t->e);
}

enum pb_err lit_push(struct reader *r, char open, enum pkl_kind kind, size_t at)
{
    struct bracket b = {.open = open, .at = at};

    b.node = lit_new(&r->t, kind);
    if (b.node == NULL)
        return PB_ENOMEM;
    return vec_push(&r->open, b) ? PB_OK : error_nomem(r->t.e);
}

/* re.I | re.M */
static enum pb_err both_flags(struct reader *r, struct bracket *b, const struct literal *right,
                              size_t at)
{
    int64_t x, y;
    struct literal *l = b->operand;
    char *le;

    if (l->kind != PKL_INT || right->kind != PKL_INT ||
        !num_big_fits_i64((const uint8_t *)l->data, l->len, &x) ||
        !num_big_fits_i64((const uint8_t *)right->data, right->len, &y))
        return lit_bad(&r->t, at, "only flags are joined by '|'");
    le = arena_alloc(r->t.mem, 8);
    if (le == NULL)
        return error_nomem(r->t.e);
    for (unsigned i = 0; i < 8; i++)
        le[i] = (char)((uint64_t)(x | y) >> 8 * i);
    l->data = le;
    l->len = 8;
    return PB_OK;
}

/* An operand is complete: put it where the expression in progress wants it. */
enum pb_err lit_operand(struct reader *r, struct literal *l, enum shape shape, size_t at)
{
    struct bracket *b = lit_top(r);
    enum pb_err err = PB_OK;

    switch (b->progress) {
    case NOTHING:
        b->operand = l;
        b->shape = shape;
        break;
    case SIGN:
        if (shape != PLAIN_NUMBER)
            return lit_bad(&r->t, b->sign_at, "a sign stands before a number only");
        if (b->minus)
            err = lit_negate(&r->t, l);
        b->operand = l;
        b->shape = SIGNED_NUMBER;
        break;
    case OPERAND:
        return lit_bad(&r->t, at, "a comma is missing before this");
    case OPERATOR:
        if (b->either) {
            err = both_flags(r, b, l, at);
            break;
        }
        if (b->shape == OTHER || b->operand->complex_number || shape != PLAIN_NUMBER ||
            !l->complex_number)
            return lit_bad(&r->t, b->sign_at, "only a complex number is written as a sum");
        err = lit_complex(&r->t, b->operand_at, b->operand, l, b->minus);
        b->shape = OTHER;
        break;
    }
    if (b->progress != OPERATOR) {
        b->operand_at = at;
        l->at = at;
    }
    b->progress = OPERAND;
    return err;
}

static enum pb_err sign(struct reader *r)
{
    struct bracket *b = lit_top(r);

    if (b->progress == SIGN || b->progress == OPERATOR)
        return lit_bad(&r->t, r->t.at, "one sign is enough");
    b->minus = lit_peek(&r->t, 0) == '-';
    b->either = false;
    b->sign_at = r->t.at++;
    b->progress = b->progress == NOTHING ? SIGN : OPERATOR;
    return PB_OK;
}

static enum pb_err either(struct reader *r)
{
    struct bracket *b = lit_top(r);

    if (b->open != 'c' || b->progress != OPERAND || !make_takes_flags(b->row))
        return lit_bad(&r->t, r->t.at, "no '|' can stand here");
    b->either = true;
    b->sign_at = r->t.at++;
    b->progress = OPERATOR;
    return PB_OK;
}

/* The expression ends here; *item is NULL when there was none. */
static enum pb_err expression_ends(struct reader *r, struct literal **item)
{
    struct bracket *b = lit_top(r);

    *item = NULL;
    if (b->progress == SIGN || b->progress == OPERATOR)
        return lit_bad(&r->t, r->t.at, "a number is missing here");
    if (b->progress == OPERAND)
        *item = b->operand;
    b->progress = NOTHING;
    return PB_OK;
}

static void append(struct bracket *b, struct literal *item)
{
    if (b->last == NULL)
        b->node->first = item;
    else
        b->last->next = item;
    b->last = item;
    b->node->unhashable = b->node->unhashable || !literal_hashable(item);
}

static enum pb_err key_or_member(struct reader *r, const struct literal *item)
{
    if (literal_hashable(item))
        return PB_OK;
    return lit_bad(&r->t, lit_top(r)->operand_at, "%s cannot be a %s",
                   item->kind == PKL_OBJECT ? _("an object that can change")
                                            : _("a list, dict, set or bytearray"),
                   lit_top(r)->set ? _("member of a set") : _("key"));
}

/* An item followed by a comma or the end. */
static enum pb_err take_item(struct reader *r, struct literal *item)
{
    struct bracket *b = lit_top(r);
    enum pb_err err = PB_OK;

    if (b->dict && !b->after_colon)
        return lit_bad(&r->t, r->t.at, "a colon and a value are missing after this key");
    if (b->open == '{' && !b->dict) {
        b->set = true;
        err = key_or_member(r, item);
    }
    item->keyword = b->keyword;
    b->keyword = NULL;
    append(b, item);
    b->node->count++;
    b->after_colon = false;
    return err;
}

static enum pb_err comma(struct reader *r)
{
    struct literal *item;
    enum pb_err err = expression_ends(r, &item);

    if (err != PB_OK)
        return err;
    if (item == NULL)
        return lit_bad(&r->t, r->t.at, "a value is missing before this comma");
    if (strchr("sfb", lit_top(r)->open) != NULL && lit_top(r)->open != '\0')
        return lit_bad(&r->t, r->t.at, "only one argument here");
    err = take_item(r, item);
    lit_top(r)->comma = true;
    r->t.at++;
    return err;
}

static enum pb_err colon(struct reader *r)
{
    struct bracket *b = lit_top(r);
    struct literal *item;
    enum pb_err err = expression_ends(r, &item);

    if (err != PB_OK)
        return err;
    if (b->open != '{' || b->set || b->after_colon || item == NULL)
        return lit_bad(&r->t, r->t.at, "no colon can stand here");
    b->dict = true;
    err = key_or_member(r, item);
    append(b, item);
    b->after_colon = true;
    r->t.at++;
    return err;
}

static enum pb_err finish_call(struct reader *r, const struct bracket *b, struct literal *arg,
                               struct literal **out)
{
    struct literal *l = b->node;

    *out = l;
    if (arg == NULL)
        return PB_OK;
    if (b->open == 'f' && arg->kind == PKL_SET) {
        l->first = arg->first;
        l->count = arg->count;
        return PB_OK;
    }
    if (b->open == 'b' && arg->kind == PKL_BYTES) {
        l->data = arg->data;
        l->len = arg->len;
        return PB_OK;
    }
    return lit_bad(&r->t, b->operand_at, "%s",
                   b->open == 's'   ? _("set() is the empty set; write others as {1, 2}")
                   : b->open == 'f' ? _("frozenset takes a set: frozenset({1, 2})")
                                    : _("bytearray takes bytes: bytearray(b'...')"));
}

/* What the innermost bracket holds when it closes. */
static enum pb_err finish(struct reader *r, struct literal **out, enum shape *shape)
{
    struct bracket *b = lit_top(r);
    struct literal *item;
    enum pb_err err = expression_ends(r, &item);

    *shape = OTHER;
    *out = b->node;
    if (err != PB_OK)
        return err;
    if (b->open == 's' || b->open == 'f' || b->open == 'b')
        return finish_call(r, b, item, out);
    if ((b->open == '(' || b->open == '\0') && !b->comma && item != NULL) {
        *out = item;
        *shape = b->shape;
        return PB_OK;
    }
    if (item == NULL && (b->after_colon || b->keyword != NULL))
        return lit_bad(&r->t, r->t.at, "the value of this %s is missing",
                       b->keyword != NULL ? _("argument") : _("key"));
    if (item != NULL)
        err = take_item(r, item);
    if (err == PB_OK && b->open == 'c')
        return make_call(&r->t, b->row, b->at, b->node, out);
    if (err == PB_OK && b->open == 'a')
        return make_alias(&r->t, b->at, b->alias_of, b->node, !b->comma, out);
    if (err != PB_OK || b->open != '{')
        return err;
    b->node->kind = b->set ? PKL_SET : PKL_DICT;
    return literal_dedupe(b->node, r->t.e);
}

static enum pb_err close_bracket(struct reader *r, char c)
{
    struct bracket *b = lit_top(r);
    char want = b->open == '[' || b->open == 'a' ? ']' : b->open == '{' ? '}' : ')';
    struct literal *l;
    enum shape shape;
    size_t at = b->at;
    enum pb_err err;

    if (b->open == '\0')
        return lit_bad(&r->t, r->t.at, "'%c' closes nothing", c);
    if (c != want)
        return lit_bad(&r->t, r->t.at, "'%c' is wanted here, not '%c'", want, c);
    err = finish(r, &l, &shape);
    if (err != PB_OK)
        return err;
    r->open.len--;
    r->t.at++;
    return lit_operand(r, l, shape, at);
}

/* Adjacent strings are one. */
static enum pb_err strings(struct reader *r)
{
    size_t start = r->t.at;
    struct literal *l = NULL, *more;
    struct buf data;
    enum pb_err err = lit_string(&r->t, &l);
    bool joined = false;

    buf_init(&data, SIZE_MAX / 2);
    while (err == PB_OK) {
        err = lit_pass_blank(r);
        if (err != PB_OK || !lit_at_string(&r->t))
            break;
        if (!joined)
            buf_append(&data, l->data, l->len);
        joined = true;
        err = lit_string(&r->t, &more);
        if (err == PB_OK && more->kind != l->kind)
            err = lit_bad(&r->t, start, "bytes and text cannot be joined");
        if (err == PB_OK)
            buf_append(&data, more->data, more->len);
    }
    if (err == PB_OK && joined)
        err = buf_status(&data, r->t.e);
    if (err == PB_OK && joined)
        err = lit_take(&r->t, l, &data);
    buf_release(&data);
    return err == PB_OK ? lit_operand(r, l, OTHER, start) : err;
}

/* Blanks, comments, continued lines; and newlines inside brackets. */
enum pb_err lit_pass_blank(struct reader *r)
{
    struct lit_text *t = &r->t;

    for (;;) {
        char c = lit_peek(t, 0);
        bool newline = c == '\n' || c == '\r';

        if (c == ' ' || c == '\t' || c == '\f' || (newline && r->open.len > 1)) {
            t->at++;
        } else if (c == '#') {
            while (t->at < t->n && lit_peek(t, 0) != '\n' && lit_peek(t, 0) != '\r')
                t->at++;
        } else if (c == '\\') {
            if (lit_peek(t, 1) != '\n' && lit_peek(t, 1) != '\r')
                return lit_bad(t, t->at, "only the end of the line may follow this backslash");
            t->at += lit_peek(t, 1) == '\r' && lit_peek(t, 2) == '\n' ? 3 : 2;
            if (t->at == t->n)
                return lit_bad(t, t->at, "the line is continued, but there is none");
        } else {
            return PB_OK;
        }
    }
}

static enum pb_err token(struct reader *r)
{
    size_t start = r->t.at;
    struct literal *l = NULL;
    char c = lit_peek(&r->t, 0);
    enum pb_err err;

    if (lit_at_number(&r->t)) {
        err = lit_number(&r->t, &l);
        return err == PB_OK ? lit_operand(r, l, PLAIN_NUMBER, start) : err;
    }
    if (lit_at_string(&r->t))
        return strings(r);
    if (lit_is_word(c))
        return lit_word(r);
    if (c == '.' && lit_top(r)->open == 'a')
        return lit_dots(r);
    switch (c) {
    case '[':
        return lit_open_square(r);
    case '(':
    case '{':
        if (lit_top(r)->progress == OPERAND)
            return lit_bad(&r->t, start, "a comma is missing before this");
        r->t.at++;
        return lit_push(r, c, c == '(' ? PKL_TUPLE : PKL_DICT, start);
    case '<':
        err = make_angle(&r->t, &l);
        return err == PB_OK ? lit_operand(r, l, OTHER, start) : err;
    case ')':
    case ']':
    case '}':
        return close_bracket(r, c);
    case ',':
        return comma(r);
    case ':':
        return colon(r);
    case '+':
    case '-':
        return sign(r);
    case '|':
        return either(r);
    default:
        return lit_bad(&r->t, start, "nothing in a literal looks like this");
    }
}

/* Outside brackets a newline ends the text, but blank lines and comments may stand around it. */
static enum pb_err pass_lines(struct reader *r)
{
    enum pb_err err = lit_pass_blank(r);

    while (err == PB_OK && (lit_peek(&r->t, 0) == '\n' || lit_peek(&r->t, 0) == '\r')) {
        r->t.at++;
        err = lit_pass_blank(r);
    }
    return err;
}

static enum pb_err whole(struct reader *r, struct literal **out)
{
    enum shape shape;
    enum pb_err err = pass_lines(r);

    while (err == PB_OK && r->t.at < r->t.n && lit_peek(&r->t, 0) != '\n' &&
           lit_peek(&r->t, 0) != '\r') {
        err = token(r);
        if (err == PB_OK)
            err = lit_pass_blank(r);
    }
    if (err != PB_OK)
        return err;
    if (r->open.len > 1)
        return lit_bad(&r->t, lit_top(r)->at, "this bracket is not closed");
    err = pass_lines(r);
    if (err != PB_OK)
        return err;
    if (r->t.at < r->t.n)
        return lit_bad(&r->t, r->t.at, "one value only; put brackets around several lines");
    if (lit_top(r)->progress == NOTHING && !lit_top(r)->comma)
        return lit_bad(&r->t, r->t.at, "a value is missing here");
    return finish(r, out, &shape);
}

static enum pb_err check_text(struct lit_text *t)
{
    size_t bad = utf8_check(t->s, t->n, false, NULL);
    const char *nul = t->n > 0 ? memchr(t->s, '\0', t->n) : NULL;

    if (nul != NULL)
        return lit_bad(t, (size_t)(nul - t->s), "a NUL byte; write \\x00");
    if (bad < t->n)
        return lit_bad(t, bad, "this is not UTF-8");
    return PB_OK;
}

enum pb_err literal_parse(struct arena *mem, const char *text, size_t n, struct literal **out,
                          size_t *at, struct error *e)
{
    struct reader r = {.t = {.mem = mem, .s = text, .n = n, .e = e}};
    enum pb_err err = check_text(&r.t);

    if (err == PB_OK)
        err = lit_push(&r, '\0', PKL_TUPLE, 0);
    if (err == PB_OK)
        err = whole(&r, out);
    if (at != NULL)
        *at = r.t.bad;
    vec_release(&r.open);
    return err;
}

enum pb_err literal_text(struct arena *mem, const char *text, size_t n, struct literal **out,
                         struct error *e)
{
    struct lit_text t = {.mem = mem, .s = text, .n = n, .e = e};
    struct literal *l;

    if (utf8_check(text, n, false, NULL) < n)
        return error_set(e, PB_EUSAGE, "the text is not UTF-8");
    l = lit_new(&t, PKL_STR);
    if (l == NULL)
        return PB_ENOMEM;
    l->data = arena_strndup(mem, text, n);
    l->len = n;
    *out = l;
    return l->data != NULL ? PB_OK : error_nomem(e);
}

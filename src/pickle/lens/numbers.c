/* complex, Decimal, Fraction, UUID. */
#include "lens.h"
#include "make.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/num.h>

#define EXPONENT_DIGITS 18 /* decimal.MAX_EMAX has as many */

/* --------------------------------------------------------------------- complex */

/* A part without the ".0" of a whole number. */
static void put_part(struct buf *out, double d)
{
    num_repr_double(out, d);
    if (out->len > 2 && memcmp(out->data + out->len - 2, ".0", 2) == 0)
        buf_truncate(out, out->len - 2);
}

static enum pb_err read_complex(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    double part[2];

    for (size_t i = 0; i < 2; i++) {
        enum pb_err err;

        if (c->arg[i].kind != PKL_FLOAT)
            return lens_refuse(l, "its parts are no floats");
        err = lens_leaf(r, &c->arg[i], l, e);
        if (err != PB_OK)
            return err;
        part[i] = r->leaf.real;
    }
    if (part[0] == 0 && !signbit(part[0])) {
        put_part(&l->text, part[1]);
        buf_putc(&l->text, 'j');
        return PB_OK;
    }
    buf_putc(&l->text, '(');
    put_part(&l->text, part[0]);
    if (isnan(part[1]) || !signbit(part[1]))
        buf_putc(&l->text, '+');
    put_part(&l->text, part[1]);
    buf_puts(&l->text, "j)");
    return PB_OK;
}

/* --------------------------------------------------------------------- Decimal */

static size_t digits_at(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    return i;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

/* inf, nan, snan with digits behind it. */
static bool put_special(struct buf *out, const char *s, size_t n)
{
    size_t word;

    if (is_word(s, n, "inf") || is_word(s, n, "infinity")) {
        buf_puts(out, "Infinity");
        return true;
    }
    word = n >= 4 && strncasecmp(s, "snan", 4) == 0  ? 4
           : n >= 3 && strncasecmp(s, "nan", 3) == 0 ? 3
                                                     : 0;
    if (word == 0 || digits_at(s + word, n - word) != n - word)
        return false;
    buf_puts(out, word == 4 ? "sNaN" : "NaN");
    while (word < n && s[word] == '0')
        word++;
    buf_append(out, s + word, n - word);
    return true;
}

/* Digits with a point somewhere, and the power of ten of the last. */
static void put_finite(struct buf *out, const char *digits, size_t n, int64_t exponent)
{
    int64_t left, dot;

    while (n > 1 && *digits == '0') {
        digits++;
        n--;
    }
    left = exponent + (int64_t)n;
    dot = exponent <= 0 && left > -6 ? left : 1;
    if (dot <= 0) {
        buf_puts(out, "0.");
        buf_fill(out, '0', (size_t)-dot);
        buf_append(out, digits, n);
    } else if ((uint64_t)dot >= n) {
        buf_append(out, digits, n);
        buf_fill(out, '0', (size_t)dot - n);
    } else {
        buf_append(out, digits, (size_t)dot);
        buf_putc(out, '.');
        buf_append(out, digits + dot, n - (size_t)dot);
    }
    if (left != dot)
        buf_printf(out, "E%+lld", (long long)(left - dot));
}

static bool put_number(struct buf *out, const char *s, size_t n)
{
    struct buf all;
    size_t whole = digits_at(s, n), part = 0, used = whole;
    int64_t exponent = 0;
    bool good;

    if (used < n && s[used] == '.') {
        part = digits_at(s + used + 1, n - used - 1);
        used += part + 1;
    }
    good = whole + part > 0;
    if (good && used < n && (s[used] == 'e' || s[used] == 'E')) {
        size_t sign = used + 1 < n && (s[used + 1] == '+' || s[used + 1] == '-');

        good = n - used - 1 - sign <= EXPONENT_DIGITS &&
               digits_at(s + used + 1 + sign, n - used - 1 - sign) > 0 &&
               num_parse_i64(s + used + 1, n - used - 1, &exponent);
        used = n;
    }
    if (!good || used != n)
        return false;
    buf_init(&all, whole + part + 1);
    buf_append(&all, s, whole);
    if (part > 0)
        buf_append(&all, s + whole + 1, part);
    put_finite(out, all.data, all.len, exponent - (int64_t)part);
    if (all.failed != PB_OK)
        out->failed = all.failed;
    buf_release(&all);
    return true;
}

static enum pb_err read_decimal(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    const char *s;
    size_t n;
    enum pb_err err = lens_str(r, &c->arg[0], "its value", l, e);

    if (err != PB_OK)
        return err;
    s = r->leaf.data.data;
    n = r->leaf.data.len;
    buf_puts(&l->text, "Decimal('");
    if (n > 0 && (*s == '-' || *s == '+')) {
        if (*s == '-')
            buf_putc(&l->text, '-');
        s++;
        n--;
    }
    if (!put_special(&l->text, s, n) && !put_number(&l->text, s, n))
        return lens_refuse(l, "its text is no decimal number");
    buf_puts(&l->text, "')");
    return PB_OK;
}

/* -------------------------------------------------------------------- Fraction */

static int64_t divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

static void put_fraction(struct buf *out, int64_t a, int64_t b)
{
    int64_t d = divisor(a < 0 ? -a : a, b);

    buf_printf(out, "Fraction(%lld, %lld)", (long long)(a / d), (long long)(b / d));
}

/* Numbers beyond 64 bits stand as they are when they have no common divisor; Python would divide by
 * it. */
static enum pb_err put_big_fraction(struct lens *l, struct buf le[2], struct error *e)
{
    bool coprime = false;
    enum pb_err err = num_big_coprime((const uint8_t *)le[0].data, le[0].len,
                                      (const uint8_t *)le[1].data, le[1].len, &coprime, e);

    if (err == PB_OK && (le[1].len == 0 || (le[1].data[le[1].len - 1] & 0x80) != 0))
        return lens_refuse(l, "its denominator is not positive");
    if (err == PB_OK && !coprime)
        return lens_refuse(l, "it is not reduced");
    buf_puts(&l->text, "Fraction(");
    for (size_t i = 0; i < 2 && err == PB_OK; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        err = num_big_to_decimal(&l->text, (const uint8_t *)le[i].data, le[i].len, e);
    }
    buf_putc(&l->text, ')');
    return err == PB_ELIMIT ? lens_refuse(l, "its numbers have too many digits") : err;
}

/* Two's complement of an int that has been read. */
static void to_bytes(const struct pkl_leaf *leaf, struct buf *le)
{
    if (leaf->fits) {
        for (unsigned i = 0; i < 8; i++)
            buf_putc(le, (char)((uint64_t)leaf->integer >> 8 * i));
    } else {
        buf_append(le, leaf->data.data, leaf->data.len);
    }
}

static enum pb_err put_ratio(struct lens *l, struct buf le[2], struct error *e)
{
    int64_t v[2];

    for (size_t i = 0; i < 2; i++) {
        enum pb_err err = buf_status(&le[i], e);

        if (err != PB_OK)
            return err;
        if (!num_big_fits_i64((const uint8_t *)le[i].data, le[i].len, &v[i]) || v[i] == INT64_MIN)
            return put_big_fraction(l, le, e);
    }
    if (v[1] == 0)
        return lens_refuse(l, "its denominator is 0");
    if (v[1] < 0) {
        v[0] = -v[0];
        v[1] = -v[1];
    }
    put_fraction(&l->text, v[0], v[1]);
    return PB_OK;
}

/* '-3/7' or '3', as versions before 3.12 write it. */
static enum pb_err ratio_text(struct lens_reader *r, const struct lens_call *c, struct buf le[2],
                              struct lens *l, struct error *e)
{
    const char *s, *slash;
    size_t n, first;
    bool negative;
    enum pb_err err = lens_str(r, &c->arg[0], "its value", l, e);

    if (err != PB_OK)
        return err;
    s = r->leaf.data.data;
    n = r->leaf.data.len;
    negative = n > 0 && *s == '-';
    s += negative;
    n -= negative;
    slash = memchr(s, '/', n);
    first = slash != NULL ? (size_t)(slash - s) : n;
    if (first == 0 || digits_at(s, first) != first ||
        (slash != NULL && (n - first < 2 || digits_at(slash + 1, n - first - 1) != n - first - 1)))
        return lens_refuse(l, "its text is no ratio of two ints");
    if (first > NUM_DECIMAL_DIGITS || n - first > NUM_DECIMAL_DIGITS)
        return lens_refuse(l, "its numbers have too many digits");
    err = num_big_parse(&le[0], s, first, 10, negative, e);
    if (err == PB_OK)
        err = num_big_parse(&le[1], slash != NULL ? slash + 1 : "1",
                            slash != NULL ? n - first - 1 : 1, 10, false, e);
    return err;
}

static enum pb_err read_fraction(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                 struct error *e)
{
    struct buf le[2];
    enum pb_err err = PB_OK;

    buf_init(&le[0], BUF_MAX_TEXT);
    buf_init(&le[1], BUF_MAX_TEXT);
    if (c->count == 1)
        err = ratio_text(r, c, le, l, e);
    for (size_t i = 0; i < 2 && c->count == 2 && err == PB_OK; i++) {
        if (c->arg[i].kind != PKL_INT)
            err = lens_refuse(l, "its numbers are no ints");
        else
            err = lens_leaf(r, &c->arg[i], l, e);
        if (err == PB_OK && r->leaf.kind != PKL_INT)
            err = lens_refuse(l, "its numbers are no ints");
        if (err == PB_OK)
            to_bytes(&r->leaf, &le[i]);
    }
    if (err == PB_OK)
        err = put_ratio(l, le, e);
    buf_release(&le[0]);
    buf_release(&le[1]);
    return err;
}

/* ------------------------------------------------------------------------ UUID */

static enum pb_err put_uuid(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                            struct error *e)
{
    uint8_t all[16] = {0};
    struct buf le;
    enum pb_err err =
        n->kind == PKL_INT ? lens_leaf(r, n, l, e) : lens_refuse(l, "its int is none");

    if (err == PB_OK && r->leaf.kind != PKL_INT)
        err = lens_refuse(l, "its int is none");
    if (err != PB_OK)
        return err;
    buf_init(&le, LENS_TEXT_MAX);
    to_bytes(&r->leaf, &le);
    if ((le.len > 0 && (le.data[le.len - 1] & 0x80) != 0) ||
        num_big_bits((const uint8_t *)le.data, le.len) > 128)
        err = lens_refuse(l, "its int is not from 0 to 2**128 - 1");
    for (size_t i = 0; i < le.len && i < 16; i++)
        all[15 - i] = (uint8_t)le.data[i];
    buf_release(&le);
    if (err != PB_OK)
        return err;
    buf_puts(&l->text, "UUID('");
    for (size_t i = 0; i < 16; i++)
        buf_printf(&l->text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", all[i]);
    buf_puts(&l->text, "')");
    return PB_OK;
}

/* uuid.SafeUUID(-1), as older Pythons keep it in a UUID. */
static enum pb_err read_safe(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    int64_t safe;
    enum pb_err err;

    if (c->arg[0].kind == PKL_NONE) {
        buf_puts(&l->text, "<SafeUUID.unknown: None>");
        return PB_OK;
    }
    err = lens_int(r, &c->arg[0], -1, 0, "is_safe", &safe, l, e);
    if (err == PB_OK)
        buf_puts(&l->text, safe == 0 ? "<SafeUUID.safe: 0>" : "<SafeUUID.unsafe: -1>");
    return err;
}

static enum pb_err check_safe(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                              struct error *e)
{
    struct lens inner;
    int64_t safe;
    enum pb_err err;

    if (n->kind == PKL_NONE)
        return PB_OK;
    if (n->kind != PKL_OBJECT)
        return lens_int(r, n, -1, 0, "is_safe", &safe, l, e);
    lens_init(&inner);
    err = lens_read(r, n, LENS_TEXT_MAX, &inner, e);
    if (err == PB_OK && (inner.row == NULL || inner.row->read != read_safe))
        err = lens_refuse(l, "its state is not that of a UUID");
    lens_release(&inner);
    return err;
}

static enum pb_err read_uuid(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    struct pkl_child kids[3];
    const struct pkl_node *value = NULL;
    size_t got;
    enum pb_err err;

    if (c->state.id == 0 || c->state.kind != PKL_DICT || c->state.count > 2)
        return lens_refuse(l, "its state is not that of a UUID");
    err = r->view->children(r->view, c->state.target, 0, 3, kids, &got, e);
    for (size_t i = 0; i < got && err == PB_OK; i++) {
        err = lens_str(r, &kids[i].key, "a name in its state", l, e);
        if (err != PB_OK)
            break;
        if (strcmp(r->leaf.data.data, "int") == 0 && value == NULL)
            value = &kids[i].value;
        else if (strcmp(r->leaf.data.data, "is_safe") != 0)
            err = lens_refuse(l, "its state is not that of a UUID");
        else
            err = check_safe(r, &kids[i].value, l, e);
    }
    if (err != PB_OK)
        return err;
    return value != NULL ? put_uuid(r, value, l, e) : lens_refuse(l, "its state has no int");
}

static const struct lens_row rows[] = {
    {"builtins", "complex", "complex", LENS_BOTH, 2, 2, read_complex, 0},
    {"decimal", "Decimal", "decimal.Decimal", LENS_BOTH, 1, 1, read_decimal, 0},
    {"fractions", "Fraction", "fractions.Fraction", LENS_BOTH, 1, 2, read_fraction, 0},
    {"uuid", "SafeUUID", "uuid.SafeUUID", LENS_CALL, 1, 1, read_safe, 0},
    {"uuid", "UUID", "uuid.UUID", LENS_NEW | LENS_STATE, 0, 0, read_uuid, 0},
};
const struct lens_family lens_numbers = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

/* complex(1.0, 2): as the literal 1+2j. */
static enum pb_err make_complex(struct maker *m, struct literal **out)
{
    double part[2] = {0, 0};

    for (size_t i = 0; i < 2; i++) {
        const struct literal *a = m->arg[i];
        int64_t v = 0;

        if (a == NULL)
            continue;
        if (a->kind == PKL_INT && num_big_fits_i64((const uint8_t *)a->data, a->len, &v))
            part[i] = (double)v;
        else if (a->kind == PKL_FLOAT && !a->complex_number)
            part[i] = a->real;
        else
            return make_bad(m, a, "the parts are floats");
    }
    *out = make_float(m, part[0]);
    if (*out == NULL)
        return error_nomem(m->t->e);
    (*out)->complex_number = true;
    (*out)->imag = part[1];
    return PB_OK;
}

/* The text as Decimal's str() writes it. */
static enum pb_err make_decimal(struct maker *m, struct literal **out)
{
    struct literal *value = m->arg[0];
    struct buf given, text;
    enum pb_err err = PB_OK;
    size_t sign;

    buf_init(&given, LENS_TEXT_MAX);
    buf_init(&text, LENS_TEXT_MAX);
    if (value->kind == PKL_INT)
        err = num_big_to_decimal(&given, (const uint8_t *)value->data, value->len, m->t->e);
    else if (value->kind == PKL_STR)
        buf_append(&given, value->data, value->len);
    else
        err = make_bad(m, value, "the value is a number in quotes");
    if (err == PB_OK)
        err = buf_status(&given, m->t->e);
    if (err == PB_OK) {
        sign = given.len > 0 && (given.data[0] == '-' || given.data[0] == '+');
        buf_append(&text, given.data, sign && given.data[0] == '-');
        if (!put_special(&text, given.data + sign, given.len - sign) &&
            !put_number(&text, given.data + sign, given.len - sign))
            err = make_bad(m, value, "this is no decimal number");
    }
    if (err == PB_OK)
        err = buf_status(&text, m->t->e);
    if (err == PB_OK) {
        value = make_str(m, text.data, text.len);
        err = make_called(m, 1, &value, out);
    }
    buf_release(&given);
    buf_release(&text);
    return err;
}

static enum pb_err make_big_fraction(struct maker *m, struct literal **out)
{
    const struct literal *den = m->arg[1];
    bool coprime = false;
    enum pb_err err = num_big_coprime((const uint8_t *)m->arg[0]->data, m->arg[0]->len,
                                      (const uint8_t *)den->data, den->len, &coprime, m->t->e);

    if (err != PB_OK)
        return err;
    if (den->len == 0 || (den->data[den->len - 1] & 0x80) != 0)
        return make_bad(m, den, "a denominator of this size is positive");
    if (!coprime)
        return make_bad(m, NULL, "reduce it first: its numbers have a common divisor");
    return make_called(m, 2, m->arg, out);
}

static enum pb_err make_fraction(struct maker *m, struct literal **out)
{
    struct literal *args[2];
    int64_t v[2] = {0, 1}, d;
    bool small = true;

    for (size_t i = 0; i < 2; i++) {
        const struct literal *a = m->arg[i];

        if (a != NULL && a->kind != PKL_INT)
            return make_bad(m, a, "its numbers are whole");
        small = small && (a == NULL || (num_big_fits_i64((const uint8_t *)a->data, a->len, &v[i]) &&
                                        v[i] != INT64_MIN));
    }
    if (!small && m->arg[1] == NULL)
        m->arg[1] = make_int(m, 1);
    if (!small)
        return m->arg[1] != NULL ? make_big_fraction(m, out) : error_nomem(m->t->e);
    if (v[1] == 0)
        return make_bad(m, m->arg[1], "a denominator is not 0");
    d = divisor(v[0] < 0 ? -v[0] : v[0], v[1] < 0 ? -v[1] : v[1]);
    d = v[1] < 0 ? -d : d;
    args[0] = make_int(m, v[0] / d);
    args[1] = make_int(m, v[1] / d);
    return make_called(m, 2, args, out);
}

/* 32 digits, wherever the hyphens stand. */
static enum pb_err make_uuid(struct maker *m, struct literal **out)
{
    const struct literal *text = m->arg[0];
    uint8_t le[17] = {0};
    size_t digits = 0;
    struct make_chain state;
    enum pb_err err = make_str_arg(m, text, "a UUID");

    if (err != PB_OK)
        return err;
    for (size_t i = 0; i < text->len; i++) {
        int v = num_digit(text->data[i]);

        if (v > 15 && text->data[i] == '-')
            continue;
        if (v > 15 || digits == 32)
            return make_bad(m, text, "a UUID has 32 hexadecimal digits");
        le[15 - digits / 2] |= (uint8_t)(digits % 2 == 0 ? v << 4 : v);
        digits++;
    }
    if (digits != 32)
        return make_bad(m, text, "a UUID has 32 hexadecimal digits");
    state = make_chain(m, PKL_DICT);
    make_pair(m, &state, make_str(m, "int", 3), make_big(m, le, sizeof le));
    if (state.node == NULL)
        return error_nomem(m->t->e);
    return make_done(m,
                     make_object(m, LITERAL_NEW, make_global(m, "uuid", "UUID"),
                                 make_tuple(m, 0, NULL), NULL, NULL, state.node),
                     out);
}

static const struct make_row makers[] = {
    {"builtins", "complex", "real imag", 0, 0, make_complex, 0},
    {"decimal", "Decimal", "value", 1, 0, make_decimal, 0},
    {"fractions", "Fraction", "numerator denominator", 1, 0, make_fraction, 0},
    {"uuid", "UUID", "hex", 1, 0, make_uuid, 0},
};
const struct make_family make_numbers = {makers, sizeof makers / sizeof makers[0]};

/* bytes, bytearray, set and frozenset as old protocols call them; range and slice. */
#include "lens.h"
#include "make.h"

#include <string.h>

#include <pklbrowse/num.h>

static bool is_latin1_name(const struct pkl_leaf *l)
{
    static const char *const names[] = {"latin1",     "latin-1",   "latin_1",
                                        "iso-8859-1", "iso8859-1", "l1"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (l->data.len == strlen(names[i]) && memcmp(l->data.data, names[i], l->data.len) == 0)
            return true;
    }
    return false;
}

/* Text and the name of its encoding, Latin-1. */
static enum pb_err encoded(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                           struct error *e)
{
    enum pb_err err;

    if (c->arg[0].kind != PKL_STR)
        return lens_refuse(l, "its text is no str");
    err = lens_str(r, &c->arg[1], "its encoding", l, e);
    if (err == PB_OK && !is_latin1_name(&r->leaf))
        err = lens_refuse(l, "its encoding is not Latin-1");
    if (err == PB_OK)
        err = pkl_leaf_read(r->view, &c->arg[0], r->max < SIZE_MAX / 2 ? r->max * 2 : r->max,
                            &r->leaf, e);
    if (err != PB_OK)
        return err;
    l->partial = r->leaf.partial;
    if (!lens_latin1(r->leaf.data.data, r->leaf.data.len, &l->text))
        return lens_refuse(l, "a character of its text stands for no byte");
    return PB_OK;
}

static enum pb_err read_encode(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                               struct error *e)
{
    l->kind = PKL_BYTES;
    return encoded(r, c, l, e);
}

static enum pb_err read_bytes(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    (void)r, (void)c, (void)e;
    l->kind = PKL_BYTES;
    return PB_OK;
}

/* bytearray(), bytearray(bytes), bytearray(text, 'latin-1') */
static enum pb_err read_bytearray(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    l->kind = PKL_BYTEARRAY;
    if (c->count == 0)
        return PB_OK;
    return c->count == 2 ? encoded(r, c, l, e)
                         : lens_bytes(r, &c->arg[0], r->max, false, &l->text, &l->partial, l, e);
}

static enum pb_err read_set(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                            struct error *e)
{
    (void)r, (void)e;
    l->kind = c->row->detail == PKL_SET ? PKL_SET : PKL_FROZENSET;
    if (c->count == 0)
        return PB_OK;
    if (c->arg[0].kind != PKL_LIST && c->arg[0].kind != PKL_TUPLE)
        return lens_refuse(l, "its members are in no list");
    l->items = c->arg[0];
    return PB_OK;
}

/* range(stop), range(start, stop), range(start, stop, step) */
static enum pb_err read_range(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    size_t step;
    enum pb_err err = PB_OK;

    buf_puts(&l->text, c->count == 1 ? "range(0, " : "range(");
    for (size_t i = 0; i < c->count && i < 2 && err == PB_OK; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        err = lens_put_int(r, &c->arg[i], l, e);
    }
    if (err != PB_OK || c->count < 3) {
        buf_putc(&l->text, ')');
        return err;
    }
    buf_puts(&l->text, ", ");
    step = l->text.len;
    err = lens_put_int(r, &c->arg[2], l, e);
    if (err == PB_OK)
        err = buf_status(&l->text, e);
    if (err != PB_OK)
        return err;
    if (strcmp(l->text.data + step, "0") == 0 || strcmp(l->text.data + step, "False") == 0)
        return lens_refuse(l, "its step is 0");
    if (strcmp(l->text.data + step, "1") == 0 && r->leaf.kind == PKL_INT)
        buf_truncate(&l->text, step - 2);
    buf_putc(&l->text, ')');
    return PB_OK;
}

/* slice(start, stop, step) of anything; without other values inside when they are ints and None. */
static enum pb_err read_slice(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    enum pb_err err = PB_OK;

    buf_puts(&l->text, c->count == 1 ? "slice(None, " : "slice(");
    for (size_t i = 0; i < c->count && err == PB_OK; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        if (c->arg[i].kind == PKL_NONE)
            buf_puts(&l->text, "None");
        else if (c->arg[i].kind == PKL_INT)
            err = lens_put_int(r, &c->arg[i], l, e);
        else
            err = lens_value(l, &c->arg[i]) ? PB_OK : error_nomem(e);
    }
    buf_puts(&l->text, c->count < 3 ? ", None)" : ")");
    return err;
}

/* int(5), str('a'), tuple((1, 2)): of a value of that very type; without one what is empty. */
static enum pb_err read_same(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    static const struct {
        enum pkl_kind kind;
        const char *empty;
    } types[] = {{PKL_BOOL, "False"},
                 {PKL_INT, "0"},
                 {PKL_FLOAT, "0.0"},
                 {PKL_STR, "''"},
                 {PKL_TUPLE, "()"}};
    enum pkl_kind kind = (enum pkl_kind)c->row->detail;

    for (size_t i = 0; c->count == 0 && i < sizeof types / sizeof types[0]; i++) {
        if (types[i].kind == kind)
            buf_puts(&l->text, types[i].empty);
    }
    if (c->count == 0)
        return PB_OK;
    if (c->arg[0].kind != kind)
        return lens_refuse(l, "its argument is of another type");
    if (kind == PKL_INT) {
        enum pb_err err = lens_leaf(r, &c->arg[0], l, e);

        if (err != PB_OK)
            return err;
        if (r->leaf.kind != PKL_INT) /* an INT line may turn out to be a bool */
            return lens_refuse(l, "its argument is of another type");
    }
    return lens_value(l, &c->arg[0]) ? PB_OK : error_nomem(e);
}

static const struct lens_row rows[] = {
    {"builtins", "bool", "bool", LENS_BOTH, 0, 1, read_same, PKL_BOOL},
    {"builtins", "int", "int", LENS_BOTH, 0, 1, read_same, PKL_INT},
    {"builtins", "float", "float", LENS_BOTH, 0, 1, read_same, PKL_FLOAT},
    {"builtins", "str", "str", LENS_BOTH, 0, 1, read_same, PKL_STR},
    {"builtins", "tuple", "tuple", LENS_BOTH, 0, 1, read_same, PKL_TUPLE},
    {"_codecs", "encode", "bytes", LENS_CALL, 2, 2, read_encode, 0},
    {"builtins", "bytes", "bytes", LENS_BOTH, 0, 0, read_bytes, 0},
    {"builtins", "bytearray", "bytearray", LENS_CALL, 0, 2, read_bytearray, 0},
    {"builtins", "set", "set", LENS_CALL, 0, 1, read_set, PKL_SET},
    {"builtins", "frozenset", "frozenset", LENS_BOTH, 0, 1, read_set, PKL_FROZENSET},
    {"builtins", "range", "range", LENS_BOTH, 1, 3, read_range, 0},
    {"builtins", "slice", "slice", LENS_BOTH, 1, 3, read_slice, 0},
    {"copyreg", "_reconstructor", NULL, LENS_CALL, 3, 3, NULL, 0},
};
const struct lens_family lens_builtins = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

static bool is_zero(const struct literal *l)
{
    int64_t v;

    return num_big_fits_i64((const uint8_t *)l->data, l->len, &v) && v == 0;
}

/* range(stop), range(start, stop), range(start, stop, step) */
static enum pb_err make_range(struct maker *m, struct literal **out)
{
    bool one = m->arg[1] == NULL;
    struct literal *args[3] = {m->arg[0], m->arg[1], m->arg[2]};

    for (size_t i = 0; i < 3; i++) {
        if (m->arg[i] != NULL && m->arg[i]->kind != PKL_INT)
            return make_bad(m, m->arg[i], "the numbers of a range are whole");
    }
    if (m->arg[2] != NULL && is_zero(m->arg[2]))
        return make_bad(m, m->arg[2], "a step is not 0");
    args[0] = one ? make_int(m, 0) : args[0];
    args[1] = one ? m->arg[0] : args[1];
    args[2] = args[2] == NULL ? make_int(m, 1) : args[2];
    return make_called(m, 3, args, out);
}

static enum pb_err make_slice(struct maker *m, struct literal **out)
{
    bool one = m->arg[1] == NULL;
    struct literal *args[3] = {m->arg[0], m->arg[1], m->arg[2]};

    args[0] = one ? make_none(m) : args[0];
    args[1] = one ? m->arg[0] : args[1];
    args[2] = args[2] == NULL ? make_none(m) : args[2];
    return make_called(m, 3, args, out);
}

static const struct make_row makers[] = {
    {"builtins", "range", "start stop step", 1, 0, make_range, 0},
    {"builtins", "slice", "start stop step", 1, MAKE_UNHASHABLE, make_slice, 0},
};
const struct make_family make_builtins = {makers, sizeof makers / sizeof makers[0]};

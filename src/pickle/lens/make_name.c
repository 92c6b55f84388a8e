/* Names that stand for values: classes and functions as they are printed, constants, list[int]. */
#include "make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lens.h"

#define NAME_LONGEST 512u

static const struct make_row alias_row = {"types", "GenericAlias", "", 0, 0, NULL, 0};
static const struct make_row type_row = {"builtins", "type", "", 0, 0, NULL, 0};
static const struct make_row timezone_row = {"datetime", "timezone", "", 0, 0, NULL, 0};
static const struct make_row timedelta_row = {"datetime", "timedelta", "", 0, 0, NULL, 0};

static const struct constant {
    const char *name;
    int flag; /* of re */
} constants[] = {
    {"re.TEMPLATE", 1}, {"re.T", 1},      {"re.IGNORECASE", 2}, {"re.I", 2},
    {"re.LOCALE", 4},   {"re.L", 4},      {"re.MULTILINE", 8},  {"re.M", 8},
    {"re.DOTALL", 16},  {"re.S", 16},     {"re.UNICODE", 32},   {"re.U", 32},
    {"re.VERBOSE", 64}, {"re.X", 64},     {"re.DEBUG", 128},    {"re.ASCII", 256},
    {"re.A", 256},      {"re.NOFLAG", 0},
};

static enum pb_err imaginary(struct maker *m, double imag, struct literal **out)
{
    *out = make_float(m, 0);
    if (*out == NULL)
        return error_nomem(m->t->e);
    (*out)->complex_number = true;
    (*out)->imag = imag;
    return PB_OK;
}

/* timezone(timedelta(0)) */
static enum pb_err utc(struct maker *m, struct literal **out)
{
    struct literal *zero[3], *delta;

    m->row = &timedelta_row;
    for (size_t i = 0; i < 3; i++)
        zero[i] = make_int(m, 0);
    delta = make_object(m, 0, make_global(m, "datetime", "timedelta"), make_tuple(m, 3, zero), NULL,
                        NULL, NULL);
    m->row = &timezone_row;
    return make_called(m, 1, &delta, out);
}

static bool is_shown(const char *module, const char *name, const char *text)
{
    const char *found = lens_name_text(module, name);

    return found != NULL && strcmp(found, text) == 0;
}

/* Module and name: each dot may be the one between them, the last one is tried first. */
static bool split_name(char *name, const char *text, const char **module, const char **rest)
{
    for (size_t at = strlen(name); at-- > 0;) {
        if (name[at] != '.')
            continue;
        name[at] = '\0';
        *module = name;
        *rest = name + at + 1;
        if (is_shown(*module, *rest, text))
            return true;
        name[at] = '.';
    }
    *module = "builtins";
    *rest = name;
    return is_shown(*module, *rest, text);
}

/* A class by its name; *out NULL: no known one. */
static enum pb_err class_named(struct maker *m, const char *s, size_t n, struct literal **out)
{
    char name[NAME_LONGEST];
    const char *module, *rest;
    struct buf text;
    enum pb_err err;

    *out = NULL;
    if (n == 0 || n >= sizeof name)
        return PB_OK;
    memcpy(name, s, n);
    name[n] = '\0';
    buf_init(&text, NAME_LONGEST * 2);
    buf_printf(&text, "<class '%s'>", name);
    err = buf_status(&text, m->t->e);
    if (err == PB_OK && split_name(name, text.data, &module, &rest))
        err = make_done(m, make_global(m, module, rest), out);
    buf_release(&text);
    return err;
}

enum pb_err make_name(struct lit_text *t, size_t at, size_t n, bool classes, struct literal **out)
{
    struct maker m = {.t = t, .row = &alias_row, .at = at};
    const char *s = t->s + at;

    *out = NULL;
    if ((n == 4 && memcmp(s, "infj", 4) == 0) || (n == 4 && memcmp(s, "nanj", 4) == 0))
        return imaginary(&m, *s == 'i' ? (double)INFINITY : (double)NAN, out);
    if ((n == 8 && memcmp(s, "Ellipsis", n) == 0) ||
        (n == 14 && memcmp(s, "NotImplemented", n) == 0))
        return make_done(&m, make_global(&m, "builtins", n == 8 ? "Ellipsis" : "NotImplemented"),
                         out);
    if ((n == 12 && memcmp(s, "timezone.utc", n) == 0) ||
        (n == 21 && memcmp(s, "datetime.timezone.utc", n) == 0))
        return utc(&m, out);
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (strlen(constants[i].name) == n && memcmp(constants[i].name, s, n) == 0)
            return make_done(&m, make_int(&m, constants[i].flag), out);
    }
    return classes ? class_named(&m, s, n, out) : PB_OK;
}

/* ------------------------------------------------------------------- <class 'int'> */

/* type(None) and the like have no name to be found by. */
static const char *const computed[] = {"NoneType", "ellipsis", "NotImplementedType"};

static enum pb_err computed_class(struct maker *m, size_t which, struct literal **out)
{
    struct literal *of =
        which == 0 ? make_none(m)
                   : make_global(m, "builtins", which == 1 ? "Ellipsis" : "NotImplemented");

    m->row = &type_row;
    return make_called(m, 1, &of, out);
}

static enum pb_err angle_class(struct maker *m, const char *s, size_t n, struct literal **out)
{
    enum pb_err err;

    for (size_t i = 0; i < sizeof computed / sizeof computed[0]; i++) {
        if (strlen(computed[i]) == n && memcmp(computed[i], s, n) == 0)
            return computed_class(m, i, out);
    }
    err = class_named(m, s, n, out);
    if (err == PB_OK && *out == NULL)
        return make_bad(m, NULL, "no class of the standard library has this name");
    return err;
}

/* <global my.module.Name>: the last dot ends the module. */
static enum pb_err angle_global(struct maker *m, const char *s, size_t n, struct literal **out)
{
    const char *dot = n > 0 ? memrchr(s, '.', n) : NULL;
    char *module, *name;
    enum pb_err err;

    if (dot == NULL || dot == s || dot + 1 == s + n || memchr(s, '\\', n) != NULL ||
        memchr(s, ' ', n) != NULL)
        return make_bad(m, NULL, "write <global MODULE.NAME>");
    module = arena_strndup(m->t->mem, s, (size_t)(dot - s));
    name = arena_strndup(m->t->mem, dot + 1, n - (size_t)(dot - s) - 1);
    if (module == NULL || name == NULL)
        return error_nomem(m->t->e);
    err = make_done(m, make_global(m, module, name), out);
    return err;
}

/* What prints so, when only one thing does. */
static enum pb_err angle_other(struct maker *m, const char *s, size_t n, struct literal **out)
{
    const char *module, *name;

    switch (lens_name_find(s, n, &module, &name)) {
    case 0:
        return make_bad(m, NULL, "nothing in the standard library is shown so");
    case 1:
        return make_done(m, make_global(m, module, name), out);
    default:
        return make_bad(m, NULL, "several things are shown so; write <global MODULE.NAME>");
    }
}

enum pb_err make_angle(struct lit_text *t, struct literal **out)
{
    struct maker m = {.t = t, .row = &alias_row, .at = t->at};
    const char *s = t->s + t->at;
    const char *end = memchr(s, '>', t->n - t->at);
    size_t n = end != NULL ? (size_t)(end - s) + 1 : 0;

    if (n == 0)
        return make_bad(&m, NULL, "'>' is missing behind this");
    t->at += n;
    if (n > 10 && memcmp(s, "<class '", 8) == 0 && s[n - 2] == '\'')
        return angle_class(&m, s + 8, n - 10, out);
    if (n > 9 && memcmp(s, "<global ", 8) == 0)
        return angle_global(&m, s + 8, n - 9, out);
    return angle_other(&m, s, n, out);
}

enum pb_err make_alias(struct lit_text *t, size_t at, struct literal *of, struct literal *args,
                       bool one, struct literal **out)
{
    struct maker m = {.t = t, .row = &alias_row, .at = at};
    struct literal *both[2] = {of, args};

    if (args->first == NULL)
        return make_bad(&m, NULL, "what it is made of is missing");
    if (one && args->first->kind == PKL_TUPLE)
        both[1] = args->first;
    args->at = at;
    return make_called(&m, 2, both, out);
}

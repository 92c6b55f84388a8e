/* PATH and EDIT, from text. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "path_private.h"

struct parser {
    struct arena *mem;
    const char *s;
    size_t n, at, bad;
    struct {
        struct path_step *data;
        size_t len, cap;
    } steps;
    struct error *e;
};

static enum pb_err wrong(struct parser *p, size_t at, const char *fmt, ...) PB_PRINTF(3, 4);
static enum pb_err wrong(struct parser *p, size_t at, const char *fmt, ...)
{
    va_list ap;

    p->bad = at;
    va_start(ap, fmt);
    error_vset(p->e, PB_EUSAGE, fmt, ap);
    va_end(ap);
    return PB_EUSAGE;
}

static char peek(const struct parser *p)
{
    return p->at < p->n ? p->s[p->at] : '\0';
}

size_t path_identifier(const char *s, size_t n)
{
    size_t at = 0;

    while (at < n) {
        unsigned char c = (unsigned char)s[at];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        uint32_t cp;
        size_t used;

        if (c >= 0x80) {
            used = utf8_decode(s + at, n - at, &cp, false);
            if (used == 0 || !text_drawable(cp))
                break;
            at += used;
        } else if (letter || c == '_' || (at > 0 && c >= '0' && c <= '9')) {
            at++;
        } else {
            break;
        }
    }
    return at;
}

static const struct {
    const char *name;
    enum pkl_part part;
} parts[] = {
    {"args", PKL_ARGS},   {"kwargs", PKL_KWARGS}, {"state", PKL_STATE},
    {"slots", PKL_SLOTS}, {"items", PKL_ITEMS},   {"entries", PKL_ENTRIES},
    {"class", PKL_CLASS}, {"pid", PKL_PID},       {"key", PKL_KEY},
};

bool path_part_named(const char *name, size_t n, enum pkl_part *out)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strlen(parts[i].name) == n && memcmp(parts[i].name, name, n) == 0) {
            *out = parts[i].part;
            return true;
        }
    }
    return false;
}

const char *path_part_name(enum pkl_part part)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].part == part)
            return parts[i].name;
    }
    return "";
}

/* The step that ends here and began at `start`. */
static enum pb_err add(struct parser *p, size_t start, struct path_step step)
{
    step.typed = arena_strndup(p->mem, p->s + start, p->at - start);
    if (step.typed == NULL)
        return error_nomem(p->e);
    return vec_push(&p->steps, step) ? PB_OK : error_nomem(p->e);
}

static enum pb_err name_step(struct parser *p)
{
    struct path_step step = {.kind = PATH_NAME};
    size_t start = p->at++;

    step.name_len = path_identifier(p->s + p->at, p->n - p->at);
    step.name = arena_strndup(p->mem, p->s + p->at, step.name_len);
    if (step.name == NULL)
        return error_nomem(p->e);
    if (step.name_len == 0)
        return wrong(p, p->at, "a name must follow the dot; other keys are written ['a b']");
    p->at += step.name_len;
    return add(p, start, step);
}

static enum pb_err part_step(struct parser *p)
{
    struct path_step step = {.kind = PATH_PART};
    size_t start = p->at++, n = path_identifier(p->s + p->at, p->n - p->at);

    if (!path_part_named(p->s + p->at, n, &step.part))
        return wrong(p, start,
                     "after @ stands args, kwargs, state, slots, items, entries, class, "
                     "pid or key");
    p->at += n;
    return add(p, start, step);
}

/* Passes a string; a missing end is the literal reader's to tell. */
static size_t pass_string(const char *s, size_t n, size_t at)
{
    char quote = s[at];
    size_t width = at + 2 < n && s[at + 1] == quote && s[at + 2] == quote ? 3 : 1;

    for (at += width; at < n; at++) {
        if (s[at] == '\\')
            at++;
        else if (s[at] == quote && width == 1)
            return at + 1;
        else if (s[at] == quote && at + 2 < n && s[at + 1] == quote && s[at + 2] == quote)
            return at + 3;
    }
    return n;
}

/* Where the bracket that opens at `at` closes, or n. */
static size_t closing(const char *s, size_t n, size_t at)
{
    size_t depth = 0;

    while (at < n) {
        if (s[at] == '\'' || s[at] == '"') {
            at = pass_string(s, n, at);
            continue;
        }
        if (strchr("([{", s[at]) != NULL && s[at] != '\0')
            depth++;
        else if (strchr(")]}", s[at]) != NULL && s[at] != '\0' && --depth == 0)
            return at;
        at++;
    }
    return n;
}

static enum pb_err nth_step(struct parser *p, size_t end)
{
    struct path_step step = {.kind = PATH_NTH};
    size_t start = p->at, digits = start + 2;

    if (!num_parse_u64(p->s + digits, end - digits, &step.nth))
        return wrong(p, digits, "a number must follow [#");
    p->at = end + 1;
    return add(p, start, step);
}

/* ['a'] in double quotes loses its own when a shell reads it. */
static bool quotes_lost(const char *s, size_t n)
{
    static const char *const literals[] = {"None", "True", "False", "inf", "nan"};

    if (path_identifier(s, n) != n)
        return false;
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (strlen(literals[i]) == n && memcmp(literals[i], s, n) == 0)
            return false;
    }
    return true;
}

static enum pb_err bracket_step(struct parser *p)
{
    struct path_step step = {.kind = PATH_LITERAL};
    size_t start = p->at + 1, end = closing(p->s, p->n, p->at), at = 0;
    struct literal *key;
    enum pb_err err;

    if (end >= p->n)
        return wrong(p, p->at, "this bracket is not closed");
    if (start == end) {
        step.kind = PATH_LAST;
        p->at = end + 1;
        return add(p, start - 1, step);
    }
    if (p->s[start] == '#')
        return nth_step(p, end);
    if (quotes_lost(p->s + start, end - start))
        return wrong(p, start, "a str key needs its quotes inside the brackets; write .%.*s",
                     (int)(end - start < 100 ? end - start : 100), p->s + start);
    err = literal_parse(p->mem, p->s + start, end - start, &key, &at, p->e);
    if (err != PB_OK) {
        p->bad = start + at;
        return err;
    }
    if (!literal_hashable(key))
        return wrong(p, start, "a list, dict, set or bytearray cannot be a key");
    step.key = key;
    p->at = end + 1;
    return add(p, start - 1, step);
}

static enum pb_err root_number(struct parser *p, uint64_t *root)
{
    size_t start = p->at + 1, end = start;

    while (end < p->n && p->s[end] >= '0' && p->s[end] <= '9')
        end++;
    if (!num_parse_u64(p->s + start, end - start, root))
        return wrong(p, start, "there are never so many pickles");
    p->at = end;
    return PB_OK;
}

/* All steps up to the end, or to what cannot begin a step. */
static enum pb_err steps(struct parser *p, struct pkl_path *out)
{
    enum pb_err err = PB_OK;

    if (peek(p) == '@' && p->n > 1 && p->s[1] >= '0' && p->s[1] <= '9')
        err = root_number(p, &out->root);
    while (err == PB_OK && (peek(p) == '.' || peek(p) == '[' || peek(p) == '@')) {
        if (peek(p) == '.')
            err = name_step(p);
        else if (peek(p) == '[')
            err = bracket_step(p);
        else
            err = part_step(p);
    }
    if (err != PB_OK || p->steps.len == 0)
        return err;
    out->count = p->steps.len;
    out->steps = arena_alloc(p->mem, p->steps.len * sizeof *out->steps);
    if (out->steps == NULL)
        return error_nomem(p->e);
    memcpy(out->steps, p->steps.data, p->steps.len * sizeof *out->steps);
    return PB_OK;
}

static enum pb_err no_step(struct parser *p)
{
    if (p->at == 0)
        return wrong(p, 0, "a path begins with a dot, a bracket or @, as in .users[3].name");
    return wrong(p, p->at,
                 "no step of a path begins like this; keys like it are written "
                 "['a-b']");
}

static enum pb_err check_utf8(struct parser *p)
{
    size_t bad = utf8_check(p->s, p->n, false, NULL);

    return bad < p->n ? wrong(p, bad, "this is not UTF-8") : PB_OK;
}

enum pb_err pkl_path_parse(struct arena *mem, const char *text, size_t n, struct pkl_path *out,
                           size_t *at, struct error *e)
{
    struct parser p = {.mem = mem, .s = text, .n = n, .e = e};
    enum pb_err err = check_utf8(&p);

    *out = (struct pkl_path){0};
    if (err == PB_OK)
        err = steps(&p, out);
    if (err == PB_OK && p.at < n)
        err = no_step(&p);
    vec_release(&p.steps);
    if (at != NULL)
        *at = p.bad;
    return err;
}

static enum pb_err operator(struct parser *p, struct edit_arg *out) {
    if (peek(p) == ':' && p->at + 1 < p->n && p->s[p->at + 1] == '='){out->op = EDIT_TEXT;
                                                                      p->at += 2;}
else if (peek(p) == '=' && p->at + 1 < p->n && p->s[p->at + 1] == '@')
{
    out->op = EDIT_FILE;
    p->at += 2;
}
else if (peek(p) == '=')
{
    out->op = EDIT_LITERAL;
    p->at++;
}
else if (p->at == p->n)
{
    return wrong(p, p->at, "an edit is PATH=LITERAL, PATH:=TEXT or PATH=@FILE");
}
else
{
    return no_step(p);
}
out->value = p->s + p->at;
out->value_len = p->n - p->at;
return PB_OK;
}

enum pb_err pkl_edit_parse(struct arena *mem, const char *text, size_t n, struct edit_arg *out,
                           size_t *at, struct error *e)
{
    struct parser p = {.mem = mem, .s = text, .n = n, .e = e};
    enum pb_err err = check_utf8(&p);

    *out = (struct edit_arg){0};
    if (err == PB_OK)
        err = steps(&p, &out->path);
    if (err == PB_OK)
        err = operator(&p, out);
    vec_release(&p.steps);
    if (at != NULL)
        *at = p.bad;
    return err;
}

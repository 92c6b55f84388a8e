/* EDITs of the command line: parsed, found in the object as it was read, applied together. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cmd_set.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* A literal from a file: an editor has put a newline at its end. */
static enum pb_err read_literal(struct cli *c, struct arena *mem, const struct edit_arg *arg,
                                struct literal **out, struct error *e)
{
    const char *name = arena_strndup(mem, arg->value, arg->value_len);
    struct error why;
    struct buf text;
    size_t at = 0, n;
    enum pb_err err;

    if (name == NULL)
        return error_nomem(e);
    buf_init(&text, BUF_MAX_TEXT);
    err = cli_read_file(c, name, &text, e);
    if (err == PB_OK) {
        for (n = text.len; n > 0 && is_blank(text.data[n - 1]); n--)
            ;
        err = literal_parse(mem, text.data, n, out, &at, &why);
        if (err == PB_EUSAGE)
            cli_at(&why, name, at);
        if (err != PB_OK)
            *e = why;
    }
    buf_release(&text);
    return err;
}

static enum pb_err parse_value(struct cli *c, struct arena *mem, struct edit *edit, struct error *e)
{
    const struct edit_arg *arg = &edit->arg;
    size_t at = 0;
    enum pb_err err;

    if (arg->op == EDIT_FILE)
        return read_literal(c, mem, arg, &edit->value, e);
    if (arg->op == EDIT_TEXT)
        return literal_text(mem, arg->value, arg->value_len, &edit->value, e);
    err = literal_parse(mem, arg->value, arg->value_len, &edit->value, &at, e);
    if (err == PB_EUSAGE)
        cli_at(e, edit->text, (size_t)(arg->value - edit->text) + at);
    return err;
}

static bool reads_stdin(const struct edit *edit)
{
    return edit->arg.op == EDIT_FILE && edit->arg.value_len == 1 && edit->arg.value[0] == '-';
}

enum pb_err edits_parse(struct cli *c, struct arena *mem, const char *const *texts, size_t n,
                        struct edit *out, struct error *e)
{
    bool stdin_taken = strcmp(c->args->operands[0], "-") == 0;

    /* All of the grammar first: a mistake is told before anything is read. */
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        enum pb_err err;

        out[i].text = texts[i];
        err = pkl_edit_parse(mem, texts[i], strlen(texts[i]), &out[i].arg, &at, e);
        if (err == PB_EUSAGE)
            cli_at(e, texts[i], at);
        if (err != PB_OK)
            return err;
        if (reads_stdin(&out[i])) {
            if (stdin_taken)
                return error_set(e, PB_EUSAGE, "standard input can be read only once");
            stdin_taken = true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        enum pb_err err = parse_value(c, mem, &out[i], e);

        if (err != PB_OK)
            return err;
    }
    return PB_OK;
}

/* --- places -------------------------------------------------------------------------------------
 */

static enum pb_err find_way(struct pkl_view *v, struct arena *mem, struct edit *edit,
                            struct error *e)
{
    struct pkl_path way = edit->arg.path;
    size_t steps = way.count;

    edit->count = steps + 1;
    edit->way = arena_alloc(mem, edit->count * sizeof *edit->way);
    if (edit->way == NULL)
        return error_nomem(e);
    for (way.count = 0; way.count <= steps; way.count++) {
        enum pb_err err = pkl_path_follow(v, &way, &edit->way[way.count], e);

        if (err != PB_OK)
            return err;
    }
    return PB_OK;
}

static bool same_place(const struct pkl_child *a, const struct pkl_child *b)
{
    return a->owner == b->owner && a->index == b->index;
}

static enum pb_err overlap(const struct edit *a, const struct edit *b, bool same, struct error *e)
{
    struct buf first, second;

    buf_init(&first, BUF_MAX_LINE);
    buf_init(&second, BUF_MAX_LINE);
    text_escape_cols(&first, a->text, strlen(a->text), 100);
    text_escape_cols(&second, b->text, strlen(b->text), 100);
    error_set(e, PB_EUSAGE, same ? "%s and %s name the same place" : "%s lies inside of %s",
              first.data, second.data);
    buf_release(&first);
    buf_release(&second);
    return PB_EUSAGE;
}

/* With --here one place counts as several when it is reached on several ways. */
static bool same_way(const struct edit *a, const struct edit *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (i >= a->count || !same_place(&a->way[i], &b->way[i]))
            return false;
    }
    return true;
}

/* Is the place of b on the way to a? */
static enum pb_err check_pair(const struct edit *a, const struct edit *b, enum edit_reach reach,
                              struct error *e)
{
    const struct pkl_child *place = &b->way[b->count - 1];

    if (reach == REACH_HERE)
        return same_way(a, b) ? overlap(a, b, a->count == b->count, e) : PB_OK;
    for (size_t i = 0; i < a->count; i++) {
        if (same_place(&a->way[i], place) ||
            (reach == REACH_EVERYWHERE && a->way[i].value.target == place->value.target))
            return overlap(a, b, i == a->count - 1, e);
    }
    return PB_OK;
}

enum pb_err edits_find(struct pkl_view *v, struct arena *mem, struct edit *edits, size_t n,
                       enum edit_reach reach, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = find_way(v, mem, &edits[i], e);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        for (size_t j = 0; j < i && err == PB_OK; j++) {
            err = check_pair(&edits[i], &edits[j], reach, e);
            if (err == PB_OK)
                err = check_pair(&edits[j], &edits[i], reach, e);
        }
    }
    return err;
}

static enum pb_err apply(struct pkl_edit *ed, struct arena *mem, struct edit *edit,
                         enum edit_reach reach, struct error *e)
{
    const struct pkl_child *place = &edit->way[edit->count - 1];
    enum pb_err err = PB_OK;

    if (reach == REACH_EVERYWHERE)
        return pkl_edit_set_everywhere(ed, place, edit->value, e);
    if (reach == REACH_HERE) {
        /* An edit before this one may have made copies on the way. */
        err = find_way(pkl_edit_view(ed), mem, edit, e);
        if (err == PB_OK)
            err = pkl_edit_own(ed, edit->way, edit->count, e);
        place = &edit->way[edit->count - 1];
    }
    return err == PB_OK ? pkl_edit_set(ed, place, edit->value, e) : err;
}

enum pb_err edits_apply(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                        enum edit_reach reach, struct error *e)
{
    enum pb_err err = PB_OK;

    pkl_edit_group_begin(ed);
    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = apply(ed, mem, &edits[i], reach, e);
    pkl_edit_group_end(ed);
    return err;
}

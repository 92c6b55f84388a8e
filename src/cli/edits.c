/* EDITs and PATHs of the command line: parsed, found in the object as it was read, applied
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cmd_edit.h"

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

static enum pb_err parse_literal(struct arena *mem, struct edit *edit, const char *text, size_t n,
                                 struct error *e)
{
    size_t at = 0;
    enum pb_err err = literal_parse(mem, text, n, &edit->value, &at, e);

    if (err == PB_EUSAGE)
        cli_at(e, edit->text, (size_t)(text - edit->text) + at);
    return err;
}

static enum pb_err parse_value(struct cli *c, struct arena *mem, struct edit *edit, struct error *e)
{
    const struct edit_arg *arg = &edit->arg;

    if (arg->op == EDIT_FILE)
        return read_literal(c, mem, arg, &edit->value, e);
    if (arg->op == EDIT_TEXT)
        return literal_text(mem, arg->value, arg->value_len, &edit->value, e);
    return parse_literal(mem, edit, arg->value, arg->value_len, e);
}

static bool has_value(const struct edit *edit)
{
    return edit->command == CMD_set || edit->command == CMD_add;
}

static bool reads_stdin(const struct edit *edit)
{
    return has_value(edit) && edit->arg.op == EDIT_FILE && edit->arg.value_len == 1 &&
           edit->arg.value[0] == '-';
}

static enum pb_err parse_path(struct arena *mem, struct edit *edit, struct error *e)
{
    size_t at = 0, n = strlen(edit->text);
    enum pb_err err = has_value(edit) ? pkl_edit_parse(mem, edit->text, n, &edit->arg, &at, e)
                                      : pkl_path_parse(mem, edit->text, n, &edit->arg.path, &at, e);

    if (err == PB_EUSAGE)
        cli_at(e, edit->text, at);
    if (err == PB_OK && edit->command == CMD_add && edit->arg.path.count == 0)
        err = error_set(e, PB_EUSAGE, "the whole value is there already");
    return err;
}

enum pb_err edits_parse(struct cli *c, struct arena *mem, const char *const *texts, size_t n,
                        struct edit *out, struct error *e)
{
    bool stdin_taken = strcmp(c->args->operands[0], "-") == 0;

    /* All of the grammar first: a mistake is told before anything is read. */
    for (size_t i = 0; i < n; i++) {
        enum pb_err err;

        out[i] = (struct edit){.command = c->args->command, .text = texts[i]};
        err = parse_path(mem, &out[i], e);
        if (err != PB_OK)
            return err;
        if (reads_stdin(&out[i])) {
            if (stdin_taken)
                return error_set(e, PB_EUSAGE, "standard input can be read only once");
            stdin_taken = true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        enum pb_err err = PB_OK;

        if (has_value(&out[i])) {
            err = parse_value(c, mem, &out[i], e);
        } else if (out[i].command == CMD_rename) {
            out[i].text = texts[1];
            err = parse_literal(mem, &out[i], texts[1], strlen(texts[1]), e);
            out[i].text = texts[0];
        }
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
    size_t steps = way.count - (edit->command == CMD_add ? 1 : 0);

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

static enum pb_err find_spot(struct pkl_edit *ed, struct arena *mem, struct edit *edit,
                             struct error *e)
{
    const struct pkl_path *path = &edit->arg.path;

    return pkl_edit_spot(ed, mem, &edit->way[edit->count - 1].value, &path->steps[path->count - 1],
                         &edit->spot, e);
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

/* Something can be added to the end again and again. */
static bool same_spot(const struct pkl_spot *a, const struct pkl_spot *b)
{
    if (a->into.target != b->into.target || a->step != b->step)
        return false;
    if (a->key != NULL && b->key != NULL)
        return literal_equal(a->key, b->key);
    return a->step == PKL_STEP_INDEX && a->index != UINT64_MAX && a->index == b->index;
}

/* Is the place of b on the way to a? */
static enum pb_err check_pair(const struct edit *a, const struct edit *b, enum edit_reach reach,
                              struct error *e)
{
    const struct pkl_child *place = &b->way[b->count - 1];

    if (a->command == CMD_add) {
        bool one_way = reach != REACH_HERE || same_way(a, b);

        return one_way && same_spot(&a->spot, &b->spot) ? overlap(a, b, true, e) : PB_OK;
    }
    if (reach == REACH_HERE)
        return same_way(a, b) ? overlap(a, b, a->count == b->count, e) : PB_OK;
    for (size_t i = 0; i < a->count; i++) {
        if (same_place(&a->way[i], place) ||
            (reach == REACH_EVERYWHERE && a->way[i].value.target == place->value.target))
            return overlap(a, b, i == a->count - 1, e);
    }
    return PB_OK;
}

enum pb_err edits_find(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                       enum edit_reach reach, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        err = find_way(pkl_edit_view(ed), mem, &edits[i], e);
        if (err == PB_OK && edits[i].command == CMD_add)
            err = find_spot(ed, mem, &edits[i], e);
    }
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        for (size_t j = 0; j < i && err == PB_OK; j++) {
            err = check_pair(&edits[i], &edits[j], reach, e);
            if (err == PB_OK)
                err = check_pair(&edits[j], &edits[i], reach, e);
        }
    }
    return err;
}

/* --- applying -----------------------------------------------------------------------------------
 */

/* Each gets its own copies on its way; copying shifts no places. */
static enum pb_err own(struct pkl_edit *ed, struct arena *mem, struct edit *edit, struct error *e)
{
    enum pb_err err = find_way(pkl_edit_view(ed), mem, edit, e);

    if (err == PB_OK && edit->command != CMD_add)
        return pkl_edit_own(ed, edit->way, edit->count, e);
    if (err == PB_OK)
        err = pkl_edit_own_value(ed, edit->way, edit->count, e);
    return err == PB_OK ? find_spot(ed, mem, edit, e) : err;
}

/* Where the place stands now that other edits were made; false: it went with another one. */
static bool place_now(struct pkl_edit *ed, struct pkl_child *place)
{
    return pkl_edit_find(ed, place->owner, place->index, &place->index);
}

static enum pb_err apply(struct pkl_edit *ed, struct edit *edit, enum edit_reach reach,
                         struct error *e)
{
    struct pkl_child *place = &edit->way[edit->count - 1];
    const struct pkl_spot *s = &edit->spot;

    switch (edit->command) {
    case CMD_add:
        return pkl_edit_insert(ed, &s->into, s->step, s->index, s->key, edit->value, e);
    case CMD_del:
        return place_now(ed, place) ? pkl_edit_delete(ed, place, e) : PB_OK;
    case CMD_rename:
        return pkl_edit_rename(ed, place, edit->value, e);
    default:
        return reach == REACH_EVERYWHERE ? pkl_edit_set_everywhere(ed, place, edit->value, e)
                                         : pkl_edit_set(ed, place, edit->value, e);
    }
}

/* In front of items from the last to the first, so that each still stands where it was read. */
static struct edit *next_edit(struct edit *edits, size_t n, bool *done)
{
    struct edit *best = NULL;

    for (size_t i = 0; i < n; i++) {
        bool counts = edits[i].command == CMD_add && edits[i].spot.step == PKL_STEP_INDEX &&
                      edits[i].spot.index != UINT64_MAX;

        if (!done[i] && counts && (best == NULL || edits[i].spot.index > best->spot.index))
            best = &edits[i];
    }
    for (size_t i = 0; i < n && best == NULL; i++) {
        if (!done[i])
            best = &edits[i];
    }
    return best;
}

enum pb_err edits_apply(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                        enum edit_reach reach, struct error *e)
{
    bool *done = arena_alloc(mem, n * sizeof *done);
    enum pb_err err = done != NULL ? PB_OK : error_nomem(e);

    pkl_edit_group_begin(ed);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        done[i] = false;
        if (reach == REACH_HERE)
            err = own(ed, mem, &edits[i], e);
    }
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct edit *edit = next_edit(edits, n, done);

        done[edit - edits] = true;
        err = apply(ed, edit, reach, e);
    }
    pkl_edit_group_end(ed);
    return err;
}

/* EDITs and PATHs of the command line: parsed, found in the object as it was read, applied
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
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

static enum pb_err find_way(struct pkl_paths *paths, struct arena *mem, struct edit *edit,
                            struct error *e)
{
    struct pkl_path way = edit->arg.path;

    way.count -= edit->command == CMD_add;
    edit->count = way.count + 1;
    if (edit->way == NULL)
        edit->way = arena_alloc(mem, edit->count * sizeof *edit->way);
    return edit->way != NULL ? pkl_paths_way(paths, &way, edit->way, e) : error_nomem(e);
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
    error_set(e, PB_EUSAGE, same ? _("%s and %s name the same place") : _("%s lies inside of %s"),
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

/* What may clash, by a hash, so that not each edit is compared with each. */
struct point {
    uint64_t hash;
    size_t edit;
};
struct points {
    struct point *data;
    size_t len, cap;
};

static uint64_t mix(uint64_t hash, uint64_t with)
{
    hash = (hash ^ with) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static enum pb_err add_point(struct points *out, uint64_t hash, size_t edit, struct error *e)
{
    struct point p = {hash, edit};

    return vec_push(out, p) ? PB_OK : error_nomem(e);
}

/* Where something is added; to the end that can be done again and again. */
static enum pb_err note_spot(const struct pkl_spot *s, size_t number, struct points *out,
                             struct error *e)
{
    uint64_t which = s->index;
    enum pb_err err = s->key != NULL ? literal_hash(s->key, &which, e) : PB_OK;

    if (err != PB_OK || (s->key == NULL && s->index == UINT64_MAX))
        return err;
    return add_point(out, mix(mix(2, s->into.target), which), number, e);
}

/* All places of the way, or only the last, which is the one that is named. */
static enum pb_err note(const struct edit *edit, size_t number, enum edit_reach reach, bool all,
                        struct points *out, struct error *e)
{
    uint64_t way = 0;
    enum pb_err err = PB_OK;

    if (edit->command == CMD_add)
        return note_spot(&edit->spot, number, out, e);
    for (size_t i = 0; i < edit->count && err == PB_OK; i++) {
        const struct pkl_child *c = &edit->way[i];
        uint64_t place = mix(mix(0, c->owner), c->index);

        way = mix(way, place);
        if (!all && i + 1 < edit->count)
            continue;
        err = add_point(out, reach == REACH_HERE ? way : place, number, e);
        if (err == PB_OK && reach == REACH_EVERYWHERE)
            err = add_point(out, mix(1, c->value.target), number, e);
    }
    return err;
}

static int by_hash(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->edit > y->edit) - (x->edit < y->edit);
}

static enum pb_err check_hash(const struct edit *edits, const struct points *ends, uint64_t hash,
                              size_t number, enum edit_reach reach, struct error *e)
{
    size_t low = vec_lower(ends, hash, hash);
    enum pb_err err = PB_OK;

    for (; low < ends->len && ends->data[low].hash == hash && err == PB_OK; low++) {
        size_t other = ends->data[low].edit;
        const struct edit *a = &edits[other > number ? other : number];
        const struct edit *b = &edits[other > number ? number : other];

        if (other == number)
            continue;
        err = check_pair(a, b, reach, e);
        if (err == PB_OK)
            err = check_pair(b, a, reach, e);
    }
    return err;
}

static enum pb_err check_all(const struct edit *edits, size_t n, enum edit_reach reach,
                             struct error *e)
{
    struct points ends = {0}, way = {0};
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = note(&edits[i], i, reach, false, &ends, e);
    if (ends.len > 1)
        qsort(ends.data, ends.len, sizeof *ends.data, by_hash);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        way.len = 0;
        err = note(&edits[i], i, reach, true, &way, e);
        for (size_t k = 0; k < way.len && err == PB_OK; k++)
            err = check_hash(edits, &ends, way.data[k].hash, i, reach, e);
    }
    vec_release(&ends);
    vec_release(&way);
    return err;
}

enum pb_err edits_find(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                       enum edit_reach reach, struct error *e)
{
    struct pkl_paths *paths;
    enum pb_err err = pkl_paths_new(pkl_edit_view(ed), &paths, e);

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        err = find_way(paths, mem, &edits[i], e);
        if (err == PB_OK && edits[i].command == CMD_add)
            err = find_spot(ed, mem, &edits[i], e);
    }
    pkl_paths_free(paths);
    return err == PB_OK ? check_all(edits, n, reach, e) : err;
}

/* --- applying -----------------------------------------------------------------------------------
 */

/* Each gets its own copies on its way; copying shifts no places. */
static enum pb_err own(struct pkl_edit *ed, struct pkl_paths *paths, struct pkl_uses *uses,
                       struct arena *mem, struct edit *edit, struct error *e)
{
    bool add = edit->command == CMD_add;
    enum pb_err err = find_way(paths, mem, edit, e);

    if (err == PB_OK)
        err = pkl_uses_own(uses, edit->way, edit->count, add, e);
    return err == PB_OK && add ? find_spot(ed, mem, edit, e) : err;
}

static enum pb_err own_all(struct pkl_edit *ed, struct pkl_uses *uses, struct arena *mem,
                           struct edit *edits, size_t n, struct error *e)
{
    struct pkl_paths *paths;
    enum pb_err err = pkl_paths_new(pkl_edit_view(ed), &paths, e);

    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = own(ed, paths, uses, mem, &edits[i], e);
    pkl_paths_free(paths);
    return err;
}

/* One walk says where all that is meant stands. */
static enum pb_err count_uses(struct pkl_edit *ed, const struct edit *edits, size_t n,
                              enum edit_reach reach, struct pkl_uses **out, struct error *e)
{
    bool everywhere = reach == REACH_EVERYWHERE && n > 0 && edits[0].command == CMD_set;
    enum pb_err err = PB_OK;

    *out = NULL;
    if (reach != REACH_HERE && !everywhere)
        return PB_OK;
    err = pkl_uses_new(ed, out, e);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        size_t spare = everywhere || edits[i].command == CMD_add ? 0 : 1;
        size_t count = edits[i].count - spare;

        err = everywhere ? pkl_uses_add(*out, edits[i].way + count - 1, 1, true, e)
                         : pkl_uses_add(*out, edits[i].way, count, false, e);
    }
    return err == PB_OK ? pkl_uses_count(*out, e) : err;
}

/* Where the place stands now that other edits were made; false: it went with another one. */
static bool place_now(struct pkl_edit *ed, struct pkl_child *place)
{
    return pkl_edit_find(ed, place->owner, place->index, &place->index);
}

static enum pb_err apply(struct pkl_edit *ed, struct pkl_uses *uses, struct edit *edit,
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
        return uses != NULL ? pkl_uses_set_everywhere(uses, place, edit->value, e)
                            : pkl_edit_set(ed, place, edit->value, e);
    }
}

/* From the front of each container to its end, so that what follows is not moved again and again;
 * what is added to an end in the order in which it was asked for. */
static int by_place(const void *a, const void *b)
{
    const struct edit *x = *(const struct edit *const *)a, *y = *(const struct edit *const *)b;
    const struct pkl_child *p = &x->way[x->count - 1], *q = &y->way[y->count - 1];
    bool add = x->command == CMD_add;
    pkl_id s = add ? x->spot.into.target : p->owner, t = add ? y->spot.into.target : q->owner;
    uint64_t i = add ? x->spot.index : p->index, k = add ? y->spot.index : q->index;

    if (s != t)
        return s < t ? -1 : 1;
    if (i != k)
        return i < k ? -1 : 1;
    return (x > y) - (x < y);
}

/* In front of items that others of the same command have moved on by then. */
static void shift_spots(struct edit **order, size_t n)
{
    uint64_t before = 0;

    for (size_t i = 0; i < n && order[0]->command == CMD_add; i++) {
        struct pkl_spot *s = &order[i]->spot;

        if (i > 0 && order[i - 1]->spot.into.target != s->into.target)
            before = 0;
        if (s->step == PKL_STEP_INDEX && s->index != UINT64_MAX)
            s->index += before++;
    }
}

static enum pb_err apply_all(struct pkl_edit *ed, struct pkl_uses *uses, struct arena *mem,
                             struct edit *edits, size_t n, struct error *e)
{
    struct edit **order = arena_alloc(mem, n * sizeof *order);
    enum pb_err err = order != NULL ? PB_OK : error_nomem(e);

    if (err != PB_OK)
        return err;
    for (size_t i = 0; i < n; i++)
        order[i] = &edits[i];
    qsort(order, n, sizeof *order, by_place);
    shift_spots(order, n);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        err = apply(ed, uses, order[i], e);
        if (err != PB_OK)
            cli_of(e, order[i]->text);
    }
    return err;
}

enum pb_err edits_apply(struct pkl_edit *ed, struct arena *mem, struct edit *edits, size_t n,
                        enum edit_reach reach, struct error *e)
{
    struct pkl_uses *uses = NULL;
    enum pb_err err;

    pkl_edit_group_begin(ed);
    err = count_uses(ed, edits, n, reach, &uses, e);
    if (err == PB_OK && reach == REACH_HERE)
        err = own_all(ed, uses, mem, edits, n, e);
    if (err == PB_OK)
        err = apply_all(ed, reach == REACH_EVERYWHERE ? uses : NULL, mem, edits, n, e);
    pkl_edit_group_end(ed);
    pkl_uses_free(uses);
    return err;
}

const struct edit *edits_shared(const struct edit *edits, size_t n, enum edit_reach reach)
{
    for (size_t i = 0; i < n && reach == REACH_USUAL; i++) {
        size_t containers = edits[i].count - (edits[i].command == CMD_add ? 0 : 1);

        for (size_t k = 0; k < containers; k++) {
            if (edits[i].way[k].value.ref)
                return &edits[i];
        }
    }
    return NULL;
}

/*
 * The engine's editing half as a filter, for the oracle tests.
 *
 * edit_tool literal: each record of standard input is "PROTOCOL LENGTH\n" and LENGTH bytes of a
 * literal; each answer is "ok HEX" (the value as a pickle of that protocol) or "bad AT MESSAGE".
 *
 * edit_tool edit: each record is "COMMAND LENGTH\n" and LENGTH bytes; each answer is one line, "ok
 * ..." or "err CODE MESSAGE".  open, other: a pickle, to edit and to copy from; set: an EDIT; path,
 * repr, revert: a PATH; undo, redo, save, saved, changes: nothing.  shake: "SEED COUNT" sets so
 * many values found by going down at random, and answers how many it could; "SEED COUNT leaves":
 * scalars only.  save answers with the
 * result (verified) in hex, the bytes untouched in front of it and behind it how many memo opcodes
 * have another number.  Every command that names a place may be
 * written here-COMMAND: what is shared on the way to it is copied first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/pkl_splice.h>

static void put_pickle(struct buf *out, const struct literal *l, unsigned protocol, struct error *e)
{
    struct pkl_style style = {.protocol = protocol, .text = protocol == 0};
    struct buf bytes;

    buf_init(&bytes, SIZE_MAX / 2);
    if (protocol >= 2) {
        buf_putc(&bytes, '\x80');
        buf_putc(&bytes, (char)protocol);
    }
    if (literal_encode(l, &style, PKL_BROKEN, 0, &bytes, e) != PB_OK) {
        buf_printf(out, "bad 0 cannot be encoded: %s\n", e->msg);
    } else {
        buf_putc(&bytes, '.');
        buf_puts(out, "ok ");
        hex_encode(out, bytes.data, bytes.len);
        buf_putc(out, '\n');
    }
    buf_release(&bytes);
}

/* Reads "WORD LENGTH\n" and LENGTH bytes, which the caller frees. */
static char *record(char word[32], size_t *n)
{
    char line[80], *space, *text;

    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    space = strchr(line, ' ');
    if (space == NULL || space - line >= 32)
        return NULL;
    *space = '\0';
    memcpy(word, line, (size_t)(space - line) + 1);
    *n = strtoul(space + 1, NULL, 10);
    text = malloc(*n + 1);
    if (text != NULL && fread(text, 1, *n, stdin) != *n) {
        free(text);
        return NULL;
    }
    if (text != NULL)
        text[*n] = '\0';
    return text;
}

static void answer(struct buf *out)
{
    fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
    buf_release(out);
}

static int literals(void)
{
    struct literal *l;
    struct arena mem;
    struct buf out;
    struct error e;
    size_t n, at;
    char *text, word[32];

    while ((text = record(word, &n)) != NULL) {
        arena_init(&mem);
        buf_init(&out, SIZE_MAX / 2);
        if (literal_parse(&mem, text, n, &l, &at, &e) == PB_OK)
            put_pickle(&out, l, (unsigned)strtoul(word, NULL, 10), &e);
        else
            buf_printf(&out, "bad %zu %s\n", at, e.msg);
        answer(&out);
        arena_release(&mem);
        free(text);
    }
    return 0;
}

/* ----------------------------------------------------------------------------- edits */

struct opened {
    struct source *src;
    struct pkl_doc *doc;
    struct pkl_edit *edit;
};

struct session {
    struct opened mine, other;
    struct pkl_edit *edit; /* of mine */
    struct arena mem;
    struct error e;
};

static void close_pickle(struct opened *o)
{
    pkl_edit_free(o->edit);
    pkl_doc_free(o->doc);
    source_free(o->src);
    *o = (struct opened){0};
}

static enum pb_err open_pickle(struct opened *o, char *bytes, size_t n, struct error *e)
{
    enum pb_err err;

    close_pickle(o);
    o->src = source_mem(bytes, n, true);
    if (o->src == NULL)
        return PB_ENOMEM;
    err = pkl_doc_new(o->src, 0, NULL, &o->doc, e);
    if (err == PB_OK)
        err = pkl_doc_index(o->doc, e);
    if (err == PB_OK)
        err = pkl_doc_error(o->doc, e);
    return err == PB_OK ? pkl_edit_new(o->doc, &o->edit, e) : err;
}

/* The places from the root to the one that a path names. */
static enum pb_err find_way(struct session *s, const struct pkl_path *path, struct pkl_child **out)
{
    struct pkl_path some = *path;
    struct pkl_child *way = arena_alloc(&s->mem, (path->count + 1) * sizeof *way);

    *out = way;
    if (way == NULL)
        return error_nomem(&s->e);
    for (some.count = 0; some.count <= path->count; some.count++) {
        enum pb_err err = pkl_path_follow(pkl_edit_view(s->edit), &some, &way[some.count], &s->e);

        if (err != PB_OK)
            return err;
    }
    return PB_OK;
}

/* The place of a path; here: in copies of what is shared on the way to it. */
static enum pb_err find_place(struct session *s, const struct pkl_path *path, bool here,
                              struct pkl_child *place)
{
    struct pkl_child *way;
    enum pb_err err = find_way(s, path, &way);

    if (err == PB_OK && here)
        err = pkl_edit_own(s->edit, way, path->count + 1, &s->e);
    if (err == PB_OK)
        *place = way[path->count];
    return err;
}

/* The place of a path without its last step, and what that step means in it. */
static enum pb_err find_spot(struct session *s, const struct pkl_path *path, bool here,
                             struct pkl_spot *out)
{
    struct pkl_path into = *path;
    struct pkl_child *way;
    enum pb_err err;

    if (path->count == 0)
        return error_set(&s->e, PB_EUSAGE, "the whole value is there");
    into.count--;
    err = find_way(s, &into, &way);
    if (err == PB_OK && here)
        err = pkl_edit_own_value(s->edit, way, path->count, &s->e);
    return err == PB_OK ? pkl_edit_spot(s->edit, &s->mem, &way[into.count].value,
                                        &path->steps[into.count], out, &s->e)
                        : err;
}

static enum pb_err parse_path(struct session *s, const char *text, size_t n, struct pkl_path *path)
{
    size_t at;

    return pkl_path_parse(&s->mem, text, n, path, &at, &s->e);
}

/* "PATH=LITERAL" or "PATH:=TEXT": set, everywhere, add, rename */
static enum pb_err with_literal(struct session *s, const char *word, bool here, const char *text,
                                size_t n)
{
    struct edit_arg arg;
    struct pkl_child place;
    struct literal *value;
    struct pkl_spot spot;
    size_t at;
    enum pb_err err = pkl_edit_parse(&s->mem, text, n, &arg, &at, &s->e);

    if (err == PB_OK && arg.op == EDIT_LITERAL)
        err = literal_parse(&s->mem, arg.value, arg.value_len, &value, &at, &s->e);
    else if (err == PB_OK)
        err = literal_text(&s->mem, arg.value, arg.value_len, &value, &s->e);
    if (err == PB_OK && strcmp(word, "add") == 0) {
        err = find_spot(s, &arg.path, here, &spot);
        return err == PB_OK ? pkl_edit_insert(s->edit, &spot.into, spot.step, spot.index, spot.key,
                                              value, &s->e)
                            : err;
    }
    if (err == PB_OK)
        err = find_place(s, &arg.path, here, &place);
    if (err != PB_OK)
        return err;
    if (strcmp(word, "rename") == 0)
        return pkl_edit_rename(s->edit, &place, value, &s->e);
    return strcmp(word, "set") == 0 ? pkl_edit_set(s->edit, &place, value, &s->e)
                                    : pkl_edit_set_everywhere(s->edit, &place, value, &s->e);
}

/* "PATH" or, for move and type, "NUMBER PATH": move there, convert to that kind */
static enum pb_err with_place(struct session *s, const char *word, bool here, const char *text,
                              size_t n)
{
    char *end = (char *)(uintptr_t)text;
    uint64_t number = 0;
    struct pkl_path path;
    struct pkl_child place;
    enum pb_err err;

    if (word[0] == 'm' || word[1] == 'y')
        number = strtoull(text, &end, 10), end++;
    err = parse_path(s, end, n - (size_t)(end - text), &path);
    if (err == PB_OK)
        err = find_place(s, &path, here, &place);
    if (err != PB_OK)
        return err;
    if (word[0] == 'd')
        return pkl_edit_delete(s->edit, &place, &s->e);
    if (word[0] == 'r')
        return pkl_edit_revert(s->edit, &place, &s->e);
    if (word[0] == 'm')
        return pkl_edit_move(s->edit, &place, number, &s->e);
    return word[1] == 'w' ? pkl_edit_duplicate(s->edit, &place, &s->e)
                          : pkl_edit_convert(s->edit, &place, (enum pkl_kind)number, &s->e);
}

/* "PATH<TAB>PATH": a copy of the second at the first, which "copy" replaces and "insert" adds;
 * "copy-other" and "insert-other" take it from the other pickle. */
static enum pb_err copy(struct session *s, const char *word, bool here, const char *text, size_t n)
{
    const char *tab = memchr(text, '\t', n);
    size_t first = tab != NULL ? (size_t)(tab - text) : n;
    struct pkl_edit *of = strstr(word, "-other") != NULL ? s->other.edit : s->edit;
    struct pkl_child to, from;
    struct pkl_path path;
    struct pkl_spot spot;
    enum pb_err err = tab != NULL && of != NULL ? parse_path(s, tab + 1, n - first - 1, &path)
                                                : error_set(&s->e, PB_EUSAGE, "copy of what?");

    if (err == PB_OK)
        err = pkl_path_follow(pkl_edit_view(of), &path, &from, &s->e);
    if (err == PB_OK)
        err = parse_path(s, text, first, &path);
    if (err == PB_OK && word[0] == 'c') {
        err = find_place(s, &path, here, &to);
        return err == PB_OK ? pkl_edit_set_copy(s->edit, &to, pkl_edit_view(of), &from.value, &s->e)
                            : err;
    }
    if (err == PB_OK)
        err = find_spot(s, &path, here, &spot);
    return err == PB_OK ? pkl_edit_insert_copy(s->edit, &spot.into, spot.step, spot.index, spot.key,
                                               pkl_edit_view(of), &from.value, &s->e)
                        : err;
}

static enum pb_err print(struct session *s, const char *text, size_t n, struct buf *out)
{
    struct pkl_view *v = pkl_edit_view(s->edit);
    struct sink to = sink_buf(out);
    struct pkl_path path;
    struct pkl_child place;
    enum pb_err err = parse_path(s, text, n, &path);

    if (err == PB_OK)
        err = pkl_path_follow(v, &path, &place, &s->e);
    return err == PB_OK ? pkl_repr(v, &place.value, &(struct pkl_repr_opts){0}, &to, &s->e) : err;
}

/* Follows a path and answers with the paths that the place has of itself. */
static enum pb_err there_and_back(struct session *s, const char *text, size_t n, struct buf *out)
{
    struct pkl_view *v = pkl_edit_view(s->edit);
    struct pkl_path path;
    struct pkl_child place;
    enum pb_err err = parse_path(s, text, n, &path);

    if (err == PB_OK)
        err = pkl_path_follow(v, &path, &place, &s->e);
    if (err == PB_OK)
        err = pkl_path_of_place(v, &place, PATH_FORM_PATH, out, &s->e);
    buf_putc(out, '\t');
    if (err == PB_OK)
        err = pkl_path_of_place(v, &place, PATH_FORM_PYTHON, out, &s->e);
    return err;
}

static enum pb_err save(struct session *s, struct buf *out)
{
    struct pkl_splice plan;
    struct source *result = NULL;
    struct job *job = NULL;
    struct buf bytes;
    struct sink to = sink_buf(&bytes);
    enum pb_err err = pkl_splice_plan(s->edit, &plan, &s->e);

    if (err != PB_OK)
        return err;
    buf_init(&bytes, SIZE_MAX / 2);
    err = pkl_splice_source(&plan, &result, &s->e);
    if (err == PB_OK)
        err = pkl_verify_new(s->edit, &plan, result, &job, &s->e);
    if (err == PB_OK)
        err = job_run(job, &s->e);
    if (err == PB_OK)
        err = source_copy(result, 0, result->size, &to, &s->e);
    if (err == PB_OK) {
        buf_printf(out, "%llu ", (unsigned long long)plan.untouched);
        hex_encode(out, bytes.data, bytes.len);
        buf_printf(out, " %llu", (unsigned long long)plan.renumbered);
    }
    pkl_verify_free(job);
    source_free(result);
    buf_release(&bytes);
    pkl_splice_release(&plan);
    return err;
}

static enum pb_err changes(struct session *s, struct buf *out)
{
    size_t n = pkl_edit_changes(s->edit);
    enum pb_err err = PB_OK;

    buf_printf(out, "%zu", n);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct pkl_change c;

        err = pkl_edit_change(s->edit, i, &c, &s->e);
        buf_putc(out, '\t');
        if (err == PB_OK)
            err = pkl_edit_change_path(s->edit, &c, PATH_FORM_PATH, out, &s->e);
    }
    return err;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* From a random pickle to a random child of a random child. */
static bool go_down(struct session *s, uint64_t *seed, struct pkl_child *place)
{
    struct pkl_view *v = pkl_edit_view(s->edit);
    uint64_t roots = v->roots(v), count;
    size_t got;

    if (roots == 0 || v->root(v, next_random(seed) % roots, place, NULL) != PB_OK)
        return false;
    for (int depth = 0; depth < 40; depth++) {
        if (v->count_children(v, place->value.id, &count, NULL) != PB_OK)
            return false;
        if (count == 0)
            return true;
        if (v->children(v, place->value.id, next_random(seed) % count, 1, place, &got, NULL) !=
                PB_OK ||
            got != 1)
            return false;
    }
    return false;
}

static enum pb_err shake(struct session *s, const char *text, struct buf *out)
{
    static const char *const literals[] = {
        "0",        "-1",   "70000", "'s'", "'\\u20ac'",
        "b'\\x00'", "None", "True",  "1.5", "0x123456789abcdef0123"};
    char *end;
    uint64_t seed = strtoull(text, &end, 10) | 1, count = strtoull(end, &end, 10), done = 0;
    bool leaves = strcmp(end, " leaves") == 0;

    for (uint64_t i = 0; i < count; i++) {
        const char *text_of = literals[next_random(&seed) % (sizeof literals / sizeof *literals)];
        struct pkl_child place;
        struct literal *value;
        size_t at;
        enum pb_err err;

        if (!go_down(s, &seed, &place))
            continue;
        /* Each is one opcode, written where it stands, and so is what comes. */
        if (leaves && (place.value.ref || place.value.kind > PKL_PY2STR || text_of[0] == 'b'))
            continue;
        err = literal_parse(&s->mem, text_of, strlen(text_of), &value, &at, &s->e);
        if (err != PB_OK)
            return err;
        err = pkl_edit_set(s->edit, &place, value, &s->e);
        if (err != PB_OK && err != PB_EREADONLY && err != PB_EEXIST)
            return err;
        done += err == PB_OK;
    }
    buf_printf(out, "%llu", (unsigned long long)done);
    return PB_OK;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

/* One step for undo, whatever was copied for it. */
static enum pb_err edit_command(struct session *s, const char *word, const char *text, size_t n)
{
    static const char *const literals[] = {"set", "everywhere", "add", "rename", NULL};
    static const char *const places[] = {"del", "twice", "move", "type", "revert", NULL};
    static const char *const copies[] = {"copy", "insert", "copy-other", "insert-other", NULL};
    bool here = strncmp(word, "here-", 5) == 0;
    enum pb_err err;

    word += here ? 5 : 0;
    pkl_edit_group_begin(s->edit);
    if (is_one_of(word, literals))
        err = with_literal(s, word, here, text, n);
    else if (is_one_of(word, places))
        err = with_place(s, word, here, text, n);
    else if (is_one_of(word, copies))
        err = copy(s, word, here, text, n);
    else
        err = error_set(&s->e, PB_EUSAGE, "no such command");
    pkl_edit_group_end(s->edit);
    return err;
}

static enum pb_err command(struct session *s, const char *word, char **text, size_t n,
                           struct buf *out)
{
    if (strcmp(word, "open") == 0 || strcmp(word, "other") == 0) {
        struct opened *o = word[1] == 'p' ? &s->mine : &s->other;
        enum pb_err err = open_pickle(o, *text, n, &s->e);

        *text = NULL; /* the source's now */
        s->edit = s->mine.edit;
        return err;
    }
    if (s->edit == NULL)
        return error_set(&s->e, PB_EUSAGE, "nothing is open");
    if (strcmp(word, "path") == 0)
        return there_and_back(s, *text, n, out);
    if (strcmp(word, "repr") == 0)
        return print(s, *text, n, out);
    if (strcmp(word, "save") == 0)
        return save(s, out);
    if (strcmp(word, "changes") == 0)
        return changes(s, out);
    if (strcmp(word, "shake") == 0)
        return shake(s, *text, out);
    if (strcmp(word, "saved") == 0) {
        pkl_edit_mark_saved(s->edit);
        return PB_OK;
    }
    if (strcmp(word, "undo") == 0 || strcmp(word, "redo") == 0) {
        bool done = word[0] == 'u' ? pkl_edit_undo(s->edit) : pkl_edit_redo(s->edit);

        buf_puts(out, done ? "done" : "nothing");
        return PB_OK;
    }
    return edit_command(s, word, *text, n);
}

static int edits(void)
{
    struct session s = {0};
    char *text, word[32];
    size_t n;

    while ((text = record(word, &n)) != NULL) {
        struct buf out, line;
        enum pb_err err;

        buf_init(&out, SIZE_MAX / 2);
        buf_init(&line, SIZE_MAX / 2);
        arena_init(&s.mem);
        s.e = (struct error){0};
        err = command(&s, word, &text, n, &out);
        if (err == PB_OK) {
            buf_puts(&line, "ok ");
            buf_append(&line, out.data, out.len);
        } else {
            buf_printf(&line, "err %d %s", (int)err, s.e.msg);
        }
        buf_putc(&line, '\n');
        buf_release(&out);
        answer(&line);
        arena_release(&s.mem);
        free(text);
    }
    close_pickle(&s.mine);
    close_pickle(&s.other);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "literal") == 0)
        return literals();
    if (argc == 2 && strcmp(argv[1], "edit") == 0)
        return edits();
    fputs("usage: edit_tool literal | edit\n", stderr);
    return 2;
}

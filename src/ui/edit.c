/* Editing one value in its line, and taking changes back. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define EDIT_MAX (128u * 1024u)   /* bytes of a value that is edited in a line, */
#define INLINE_MAX 4096u          /* of one with others inside */
#define EDITOR_MAX (256u * 1024u) /* in the editor: what is written in the time of a key */
#define FOLLOW_MAX 1000 /* changes among which the one that undo took back is looked for */

/* --- what was typed ------------------------------------------------------------------------- */

static const char *type_name(enum pkl_kind k)
{
    static const char *const names[] = {
        [PKL_NONE] = "None",
        [PKL_BOOL] = "bool",
        [PKL_INT] = "int",
        [PKL_FLOAT] = "float",
        [PKL_STR] = "str",
        [PKL_BYTES] = "bytes",
        [PKL_LIST] = "list",
        [PKL_BYTEARRAY] = "bytearray",
        [PKL_PY2STR] = N_("str of Python 2"),
        [PKL_TUPLE] = "tuple",
        [PKL_DICT] = "dict",
        [PKL_SET] = "set",
        [PKL_FROZENSET] = "frozenset",
        [PKL_GLOBAL] = N_("class or function"),
    };

    return (size_t)k < sizeof names / sizeof names[0] && names[k] != NULL ? _(names[k])
                                                                          : _("object");
}

/* "float 0.0001", "str, 9 characters": what Enter would put there. */
static void describe(const struct literal *l, struct buf *out)
{
    struct error e;
    size_t n;

    if (l->complex_number) {
        buf_puts(out, "complex");
        return;
    }
    if (l->kind == PKL_OBJECT) {
        buf_printf(out, "%s.%s", l->module, l->name);
        return;
    }
    buf_puts(out, type_name(l->kind));
    switch (l->kind) {
    case PKL_BOOL:
        buf_puts(out, l->boolean ? " True" : " False");
        break;
    case PKL_INT:
        buf_putc(out, ' ');
        if (num_big_to_decimal(out, (const uint8_t *)l->data, l->len, &e) != PB_OK)
            buf_printf(out, _("of %zu bits"), num_big_bits((const uint8_t *)l->data, l->len));
        break;
    case PKL_FLOAT:
        buf_putc(out, ' ');
        num_repr_double(out, l->real);
        break;
    case PKL_STR:
        n = utf8_count(l->data, l->len);
        buf_printf(out, P_(", %s character", ", %s characters", n), TEXT_COUNT(n));
        break;
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        buf_printf(out, P_(", %s byte", ", %s bytes", l->len), TEXT_COUNT(l->len));
        break;
    case PKL_LIST:
    case PKL_TUPLE:
    case PKL_DICT:
    case PKL_SET:
    case PKL_FROZENSET:
        buf_printf(out, " (%llu)", (unsigned long long)l->count);
        break;
    default:
        break;
    }
}

static void edit_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    struct arena mem;
    struct literal *l;
    struct error e;

    (void)u;
    arena_init(&mem);
    if (literal_parse(&mem, text, n, &l, &note->at, &e) == PB_OK) {
        describe(l, &note->text);
    } else {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
    }
    arena_release(&mem);
}

/* A value that is being edited: the places from the root down to it, and its text as it was. */
struct edited {
    struct pkl_child *way;
    size_t n;
    char *text;
};

static void edited_free(void *ctx)
{
    struct edited *x = ctx;

    if (x != NULL) {
        free(x->way);
        free(x->text);
    }
    free(x);
}

enum pb_err edit_way(struct ui *u, uint64_t row, struct pkl_child **way, size_t *n, struct error *e)
{
    uint64_t at = row, parent;
    enum pb_err err = PB_OK;

    for (*n = 1; tree_parent(u->right.tree, at, &parent); ++*n)
        at = parent;
    *way = mem_realloc(NULL, *n, sizeof **way);
    if (*way == NULL)
        return error_nomem(e);
    for (size_t i = *n; i-- > 0 && err == PB_OK;) {
        err = tree_child(u->right.tree, row, &(*way)[i], e);
        (void)tree_parent(u->right.tree, row, &row);
    }
    return err;
}

/* What was typed takes the value's place, or is refused at *at. */
static bool edit_take(struct ui *u, const char *text, size_t n, void *ctx, size_t *at,
                      struct error *e)
{
    const struct edited *x = ctx;
    struct pkl_edit *edit = right_edit(u);
    struct arena mem;
    struct literal *l;
    enum pb_err err;

    if (edit == NULL || (strlen(x->text) == n && memcmp(x->text, text, n) == 0))
        return true;
    arena_init(&mem);
    err = literal_parse(&mem, text, n, &l, at, e);
    if (err == PB_OK) {
        *at = 0;
        err = edit_set_shared(u, x->way, x->n, l, text, n, e);
    }
    arena_release(&mem);
    return err == PB_OK;
}

static bool edit_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct error e;

    note->wrong = !edit_take(u, text, n, ctx, &note->at, &e);
    if (note->wrong)
        buf_puts(&note->text, e.msg);
    return !note->wrong;
}

/* Over several lines while it is as it was. */
static void edit_long_text(struct ui *u, const char *text, size_t n, void *ctx, struct buf *out)
{
    const struct edited *x = ctx;
    struct pkl_repr_opts o = {.style = PKL_REPR_INDENT, .max_output = EDITOR_MAX};
    struct sink to = sink_buf(out);
    struct error e;

    if (strlen(x->text) == n && memcmp(x->text, text, n) == 0 && strstr(text, "User") != text &&
        pkl_repr(tree_view(u->right.tree), &x->way[x->n - 1].value, &o, &to, &e) == PB_OK)
        return;
    buf_clear(out);
    buf_append(out, text, n);
}

static const struct ask_ops edit_ops = {
    .label = "",
    .inline_value = true,
    .check = edit_check,
    .accept = edit_accept,
    .take = edit_take,
    .long_text = edit_long_text,
    .release = edited_free,
};

/* Only what has a text of its own is edited as one. */
bool edit_has_text(const struct pkl_node *v)
{
    return v->kind <= PKL_PY2STR || (v->kind <= PKL_FROZENSET && v->count == 0);
}

/* The text that can be typed for the value: a UserDict shows its dict, which would be one. */
static bool value_text(struct ui *u, const struct pkl_node *value, struct buf *out, struct error *e)
{
    struct pkl_repr_opts o = {.style = PKL_REPR_LINE, .max_output = EDITOR_MAX};
    struct pkl_view *v = tree_view(u->right.tree);
    struct sink to = sink_buf(out);
    const char *type = NULL;
    bool user;

    if (pkl_lens_type(v, value, &type, e) != PB_OK)
        return false;
    user = type != NULL && strncmp(type, "collections.User", 16) == 0;
    if (user)
        buf_printf(out, "%s(", type + strlen("collections."));
    if (pkl_repr(v, value, &o, &to, e) != PB_OK)
        return false;
    if (user)
        buf_putc(out, ')');
    return buf_status(out, e) == PB_OK;
}

static bool can_be_typed(const struct buf *text)
{
    struct arena mem;
    struct literal *l;
    struct error e;
    size_t at;
    bool good;

    arena_init(&mem);
    good = literal_parse(&mem, text->data, text->len, &l, &at, &e) == PB_OK;
    arena_release(&mem);
    return good;
}

/* In its line, or in the editor when it is long. */
static void edit_text(struct ui *u, struct edited *x, const struct buf *text)
{
    x->text = mem_strndup(text->data, text->len);
    if (x->text == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        edited_free(x);
    } else if (text->len <= (edit_has_text(&x->way[x->n - 1].value) ? EDIT_MAX : INLINE_MAX)) {
        ask_open(u, &edit_ops, x, text->data, text->len);
    } else {
        editor_open(u, &edit_ops, text->data, text->len, x);
        edited_free(x);
    }
}

void edit_open(struct ui *u, struct pkl_child *way, size_t n)
{
    struct edited *x = mem_alloc(sizeof *x);
    const struct pkl_node *value;
    struct buf text;
    struct error e;

    if (x == NULL) {
        free(way);
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    x->way = way;
    x->n = n;
    value = &x->way[x->n - 1].value;
    buf_init(&text, EDITOR_MAX + BUF_MAX_LINE);
    if (!value_text(u, value, &text, &e)) {
        if (e.code == PB_ELIMIT)
            ui_say(u, SAY_WARNING, "This value is too long to be edited as text; look inside.");
        else
            ui_error(u, &e);
        edited_free(x);
    } else if (!edit_has_text(value) && !can_be_typed(&text)) {
        ui_say(u, SAY_INFO, "This has no text that could be edited; look inside for what has.");
        edited_free(x);
    } else {
        edit_text(u, x, &text);
    }
    buf_release(&text);
}

void cmd_edit(struct ui *u, int arg)
{
    struct pkl_child *way = NULL;
    struct error e;
    size_t n;

    (void)arg;
    if (edit_way(u, u->right.list.cur, &way, &n, &e) == PB_OK) {
        edit_open(u, way, n);
    } else {
        ui_error(u, &e);
        free(way);
    }
}

/* --- taking back ---------------------------------------------------------------------------- */

struct spot {
    pkl_id owner, value;
    uint64_t index;
};
struct spots {
    struct spot *data;
    size_t len, cap;
};

/* What is changed at this moment. */
static void list_spots(struct pkl_edit *edit, struct spots *out)
{
    size_t n = pkl_edit_changes(edit);

    for (size_t i = 0; n <= FOLLOW_MAX && i < n; i++) {
        struct pkl_change c;
        struct spot s;

        if (pkl_edit_change(edit, i, &c, NULL) != PB_OK)
            return;
        s = (struct spot){c.place.owner, c.place.value.id, c.place.index};
        if (!vec_push(out, s))
            return;
    }
}

static bool has_spot(const struct spots *s, const struct spot *x)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->data[i].owner == x->owner && s->data[i].index == x->index &&
            s->data[i].value == x->value)
            return true;
    }
    return false;
}

static const struct spot *difference(const struct spots *a, const struct spots *b)
{
    for (size_t i = 0; i < a->len; i++) {
        if (!has_spot(b, &a->data[i]))
            return &a->data[i];
    }
    return NULL;
}

/* The cursor goes to the place that undo or redo changed; where that cannot be shown it stays. */
static void follow(struct ui *u, const struct spot *s)
{
    struct pkl_view *v = app_object_view(u->right.object);
    struct pkl_child child;
    size_t got = 0;
    struct buf path;
    uint64_t count;

    buf_init(&path, BUF_MAX_LINE);
    if (pkl_path_of(v, s->owner, PATH_FORM_PATH, &path, NULL) == PB_OK &&
        v->count_children(v, s->owner, &count, NULL) == PB_OK && s->index < count &&
        v->children(v, s->owner, s->index, 1, &child, &got, NULL) == PB_OK && got == 1 &&
        pkl_path_step_text(v, &child, PATH_FORM_PATH, &path, NULL) == PB_OK &&
        buf_status(&path, NULL) == PB_OK && path.len > 0) {
        (void)tree_show_path(u, path.data, path.len, NULL);
    }
    buf_release(&path);
}

static void step(struct ui *u, bool (*move)(struct pkl_edit *), const char *nothing)
{
    struct pkl_edit *edit = right_edit(u);
    struct spots before = {0}, after = {0};
    const struct spot *s;

    list_spots(edit, &before);
    if (!move(edit)) {
        ui_say(u, SAY_INFO, "%s", nothing);
    } else {
        right_refresh(u);
        list_spots(edit, &after);
        s = difference(&before, &after);
        if (s == NULL)
            s = difference(&after, &before);
        if (s != NULL)
            follow(u, s);
    }
    vec_release(&before);
    vec_release(&after);
}

void cmd_undo(struct ui *u, int arg)
{
    (void)arg;
    step(u, pkl_edit_undo, _("There is nothing to undo."));
}

void cmd_redo(struct ui *u, int arg)
{
    (void)arg;
    step(u, pkl_edit_redo, _("There is nothing to redo."));
}

void cmd_revert(struct ui *u, int arg)
{
    struct pkl_edit *edit = right_edit(u);
    struct pkl_child place;
    struct error e;

    (void)arg;
    if (tree_child(u->right.tree, u->right.list.cur, &place, &e) != PB_OK) {
        ui_error(u, &e);
    } else if (!pkl_edit_place_changed(edit, place.owner, place.index, NULL)) {
        ui_say(u, SAY_INFO, "This value is as it was.");
    } else if (pkl_edit_revert(edit, &place, &e) != PB_OK) {
        ui_error(u, &e);
    } else {
        right_refresh(u);
    }
}

/* Editing one value in its line, and taking changes back. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define EDIT_MAX (128u * 1024u) /* bytes of a value that is edited in a line */
#define FOLLOW_MAX 1000         /* changes among which the one that undo took back is looked for */

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
        [PKL_PY2STR] = "str of Python 2",
        [PKL_TUPLE] = "tuple",
        [PKL_DICT] = "dict",
        [PKL_SET] = "set",
        [PKL_FROZENSET] = "frozenset",
    };

    return (size_t)k < sizeof names / sizeof names[0] && names[k] != NULL ? names[k] : "object";
}

/* "float 0.0001", "str, 9 characters": what Enter would put there. */
static void describe(const struct literal *l, struct buf *out)
{
    struct error e;

    if (l->complex_number) {
        buf_puts(out, "complex");
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
            buf_printf(out, "of %zu bits", num_big_bits((const uint8_t *)l->data, l->len));
        break;
    case PKL_FLOAT:
        buf_putc(out, ' ');
        num_repr_double(out, l->real);
        break;
    case PKL_STR:
        buf_puts(out, ", ");
        text_count(out, utf8_count(l->data, l->len));
        buf_puts(out, utf8_count(l->data, l->len) == 1 ? " character" : " characters");
        break;
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        buf_puts(out, ", ");
        text_count(out, l->len);
        buf_puts(out, l->len == 1 ? " byte" : " bytes");
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

static bool edit_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    const struct pkl_child *place = ctx;
    struct pkl_edit *edit = right_edit(u);
    struct arena mem;
    struct literal *l;
    struct error e;
    enum pb_err err;

    if (edit == NULL)
        return true;
    arena_init(&mem);
    err = literal_parse(&mem, text, n, &l, &note->at, &e);
    if (err == PB_OK) {
        note->at = 0;
        err = pkl_edit_set(edit, place, l, &e);
    }
    if (err == PB_OK)
        right_refresh(u);
    note->wrong = err != PB_OK;
    if (err != PB_OK)
        buf_puts(&note->text, e.msg);
    arena_release(&mem);
    return err == PB_OK;
}

static const struct ask_ops edit_ops = {
    .label = "",
    .inline_value = true,
    .check = edit_check,
    .accept = edit_accept,
    .release = free,
};

/* Only what has a text of its own is edited as one. */
bool edit_has_text(const struct pkl_node *v)
{
    return v->kind <= PKL_PY2STR || (v->kind <= PKL_FROZENSET && v->count == 0);
}

static bool value_text(struct ui *u, const struct pkl_node *value, struct buf *out, struct error *e)
{
    struct pkl_repr_opts o = {.style = PKL_REPR_LINE, .max_output = EDIT_MAX};
    struct sink to = sink_buf(out);

    return pkl_repr(app_object_view(u->right.object), value, &o, &to, e) == PB_OK &&
           buf_status(out, e) == PB_OK;
}

void cmd_edit(struct ui *u, int arg)
{
    struct pkl_child place, *copy;
    struct buf text;
    struct error e;

    (void)arg;
    if (tree_child(u->right.tree, u->right.list.cur, &place, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (!edit_has_text(&place.value)) {
        ui_say(u, SAY_INFO,
               place.value.kind <= PKL_FROZENSET
                   ? "Single values are edited; open this with Enter and edit inside."
                   : "This has no text that could be edited; look inside for what has.");
        return;
    }
    buf_init(&text, EDIT_MAX);
    copy = mem_alloc(sizeof *copy);
    if (!value_text(u, &place.value, &text, &e)) {
        if (e.code == PB_ELIMIT)
            ui_say(u, SAY_WARNING, "This value is too long to be edited in a line.");
        else
            ui_error(u, &e);
        free(copy);
    } else if (copy == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
    } else {
        *copy = place;
        ask_open(u, &edit_ops, copy, text.data, text.len);
    }
    buf_release(&text);
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
    step(u, pkl_edit_undo, "There is nothing to undo.");
}

void cmd_redo(struct ui *u, int arg)
{
    (void)arg;
    step(u, pkl_edit_redo, "There is nothing to redo.");
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

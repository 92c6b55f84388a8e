/* Children that come and go: add, delete, rename, change of type, move, double. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>

#include "commands.h"
#include "state.h"

#define KEY_MAX (64u * 1024u) /* bytes of a key that is renamed */

/* The row of the cursor; false: said. */
static bool here(struct ui *u, struct pkl_child *place)
{
    struct error e;

    if (tree_child(u->right.tree, u->right.list.cur, place, &e) == PB_OK)
        return true;
    ui_error(u, &e);
    return false;
}

/* Edits what holds a row; in all places where that stands, or here: it is asked. */
static enum pb_err edit_row(struct ui *u, uint64_t row, const struct shared_edit *x,
                            struct error *e)
{
    struct pkl_child *way = NULL;
    size_t n;
    enum pb_err err = edit_way(u, row, &way, &n, e);

    if (err == PB_OK)
        err = edit_shared(u, way, n, x, e);
    free(way);
    return err;
}

static void edit_cursor(struct ui *u, const struct shared_edit *x)
{
    struct error e;

    if (edit_row(u, u->right.list.cur, x, &e) != PB_OK)
        ui_error(u, &e);
}

/* ---------------------------------------------------------------------------- add */

/* Where something is to be added: as what, and in front of which item. */
struct addition {
    struct pkl_node into;
    uint64_t row; /* of the container */
    enum pkl_step step;
    uint64_t index;
    char *path; /* of the container */
};

static void addition_free(void *ctx)
{
    struct addition *a = ctx;

    if (a != NULL)
        free(a->path);
    free(a);
}

static bool is_container(enum pkl_kind k)
{
    return k == PKL_LIST || k == PKL_TUPLE || k == PKL_DICT || k == PKL_SET || k == PKL_FROZENSET ||
           k == PKL_OBJECT;
}

/* An object takes more of what it has last: items, entries, attributes. */
static enum pb_err object_step(struct pkl_view *v, const struct pkl_node *n, enum pkl_step *step,
                               struct error *e)
{
    static const char *const keyed[] = {"collections.OrderedDict", "collections.defaultdict",
                                        "collections.Counter"};
    const char *type = NULL;
    struct pkl_child last;
    uint64_t count = 0;
    size_t got = 0;
    enum pb_err err = v->count_children(v, n->target, &count, e);

    *step = PKL_STEP_ATTR;
    if (err == PB_OK && count > 0)
        err = v->children(v, n->target, count - 1, 1, &last, &got, e);
    if (err == PB_OK && got == 1 && last.step != PKL_STEP_PART)
        *step = last.step;
    if (err == PB_OK)
        err = pkl_lens_type(v, n, &type, e);
    for (size_t i = 0; type != NULL && i < sizeof keyed / sizeof keyed[0]; i++)
        *step = strcmp(type, keyed[i]) == 0 ? PKL_STEP_KEY : *step;
    if (type != NULL && strcmp(type, "collections.deque") == 0)
        *step = PKL_STEP_INDEX;
    return err;
}

static enum pb_err add_step(struct pkl_view *v, const struct pkl_node *n, enum pkl_step *step,
                            struct error *e)
{
    switch (n->kind) {
    case PKL_DICT:
        *step = PKL_STEP_KEY;
        return PB_OK;
    case PKL_SET:
    case PKL_FROZENSET:
        *step = PKL_STEP_MEMBER;
        return PB_OK;
    case PKL_OBJECT:
        return object_step(v, n, step, e);
    default:
        *step = PKL_STEP_INDEX;
        return PB_OK;
    }
}

/* Into the container under the cursor; of anything else, behind it. */
static enum pb_err find_addition(struct ui *u, struct addition *a, struct error *e)
{
    uint64_t row = u->right.list.cur, parent;
    const char *type = NULL;
    struct pkl_child place, around;
    struct buf path;
    bool inside;
    enum pb_err err = tree_child(u->right.tree, row, &place, e);

    if (err == PB_OK && place.value.kind == PKL_OBJECT)
        err = pkl_lens_type(tree_view(u->right.tree), &place.value, &type, e);
    if (err != PB_OK)
        return err;
    inside =
        is_container(place.value.kind) && (type == NULL || strncmp(type, "collections.", 12) == 0 ||
                                           strcmp(type, "types.SimpleNamespace") == 0);
    a->index = UINT64_MAX;
    if (!inside) {
        if (!tree_parent(u->right.tree, row, &parent))
            return error_set(e, PB_EREADONLY, "Nothing can be added to a single value.");
        err = tree_child(u->right.tree, parent, &around, e);
        row = parent;
        a->index = place.step == PKL_STEP_INDEX ? place.index + 1 : UINT64_MAX;
        place = around;
    }
    a->into = place.value;
    a->row = row;
    if (err == PB_OK)
        err = add_step(tree_view(u->right.tree), &a->into, &a->step, e);
    buf_init(&path, BUF_MAX_LINE);
    if (err == PB_OK)
        err = tree_path(u->right.tree, row, PATH_FORM_PATH, &path, e);
    if (err == PB_OK)
        err = buf_status(&path, e);
    if (err == PB_OK) {
        a->path = mem_strndup(path.len > 0 ? path.data : "", path.len);
        err = a->path != NULL ? PB_OK : error_nomem(e);
    }
    buf_release(&path);
    return err;
}

/* "KEY: VALUE" as the inside of a dict. */
static enum pb_err parse_pair(struct arena *mem, const char *text, size_t n,
                              const struct literal **key, struct literal **value, size_t *at,
                              struct error *e)
{
    struct literal *l = NULL;
    struct buf all;
    enum pb_err err;

    buf_init(&all, SIZE_MAX / 2);
    buf_putc(&all, '{');
    buf_append(&all, text, n);
    buf_putc(&all, '}');
    err = buf_status(&all, e);
    if (err == PB_OK)
        err = literal_parse(mem, all.data, all.len, &l, at, e);
    *at = *at > 0 ? *at - 1 : 0;
    *at = *at < n ? *at : n;
    buf_release(&all);
    if (err == PB_OK && (l->kind != PKL_DICT || l->count != 1))
        err = error_set(e, PB_EUSAGE, "write KEY: VALUE");
    if (err == PB_OK) {
        *key = l->first;
        *value = l->first->next;
    }
    return err;
}

static size_t trimmed(const char *text, size_t n)
{
    while (n > 0 && text[n - 1] == ' ')
        n--;
    return n;
}

/* "name = VALUE" */
static enum pb_err parse_attribute(struct arena *mem, const char *text, size_t n,
                                   const struct literal **key, struct literal **value, size_t *at,
                                   struct error *e)
{
    const char *equals = n > 0 ? memchr(text, '=', n) : NULL;
    size_t before = equals != NULL ? (size_t)(equals - text) : n;
    struct literal *name = NULL;
    enum pb_err err;

    *at = before;
    if (equals == NULL || trimmed(text, before) == 0)
        return error_set(e, PB_EUSAGE, "write name = VALUE");
    err = literal_text(mem, text, trimmed(text, before), &name, e);
    if (err == PB_OK)
        err = literal_parse(mem, equals + 1, n - before - 1, value, at, e);
    *at += before + 1;
    *key = name;
    return err;
}

static enum pb_err parse_addition(const struct addition *a, struct arena *mem, const char *text,
                                  size_t n, const struct literal **key, struct literal **value,
                                  size_t *at, struct error *e)
{
    *key = NULL;
    *at = 0;
    if (a->step == PKL_STEP_KEY)
        return parse_pair(mem, text, n, key, value, at, e);
    if (a->step == PKL_STEP_ATTR)
        return parse_attribute(mem, text, n, key, value, at, e);
    return literal_parse(mem, text, n, value, at, e);
}

static void add_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    const struct addition *a = ask_top(u) != NULL ? ask_top(u)->ctx : NULL;
    const struct literal *key;
    struct literal *value;
    struct arena mem;
    struct error e;

    if (a == NULL || n == 0)
        return;
    arena_init(&mem);
    note->wrong = parse_addition(a, &mem, text, n, &key, &value, &note->at, &e) != PB_OK;
    if (note->wrong)
        buf_puts(&note->text, e.msg);
    arena_release(&mem);
}

/* The cursor goes to what was added. */
static void show_added(struct ui *u, const struct addition *a)
{
    struct pkl_view *v = app_object_view(u->right.object);
    struct pkl_child child;
    uint64_t count = 0;
    size_t got = 0;
    struct buf path;

    buf_init(&path, BUF_MAX_LINE);
    buf_puts(&path, a->path);
    if (v->count_children(v, a->into.target, &count, NULL) == PB_OK && count > 0 &&
        v->children(v, a->into.target,
                    a->step == PKL_STEP_INDEX && a->index < count ? a->index : count - 1, 1, &child,
                    &got, NULL) == PB_OK &&
        got == 1 && pkl_path_step_text(v, &child, PATH_FORM_PATH, &path, NULL) == PB_OK)
        (void)tree_show_path(u, path.data, path.len, NULL);
    buf_release(&path);
}

static enum pb_err do_add(struct ui *u, const struct pkl_child *place, const struct shared_edit *x,
                          struct error *e)
{
    struct addition a = {.step = x->step};
    const struct literal *key;
    struct literal *value;
    struct arena mem;
    size_t at;
    enum pb_err err;

    arena_init(&mem);
    err = parse_addition(&a, &mem, x->text, x->len, &key, &value, &at, e);
    if (err == PB_OK)
        err = pkl_edit_insert(right_edit(u), &place->value, x->step, x->index, key, value, e);
    arena_release(&mem);
    return err;
}

static bool add_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    struct addition *a = ctx;
    struct shared_edit x = {
        .apply = do_add, .into = true, .step = a->step, .index = a->index, .text = text, .len = n};
    const struct literal *key;
    struct literal *value;
    struct arena mem;
    struct error e;
    enum pb_err err;

    if (right_edit(u) == NULL)
        return true;
    arena_init(&mem);
    err = parse_addition(a, &mem, text, n, &key, &value, &note->at, &e);
    arena_release(&mem);
    if (err == PB_OK) {
        note->at = 0;
        err = edit_row(u, a->row, &x, &e);
    }
    note->wrong = err != PB_OK;
    if (err != PB_OK) {
        buf_puts(&note->text, e.msg);
        return false;
    }
    if (u->asked == NULL)
        show_added(u, a);
    return true;
}

#define ADD_OPS(text)                                                                              \
    {                                                                                              \
        .label = text, .check = add_check, .accept = add_accept, .release = addition_free          \
    }
static const struct ask_ops add_item = ADD_OPS(N_("add an item: ")),
                            add_member = ADD_OPS(N_("add a member: ")),
                            add_pair = ADD_OPS(N_("add KEY: VALUE: ")),
                            add_attribute = ADD_OPS(N_("add name = VALUE: "));

void cmd_row_add(struct ui *u, int arg)
{
    struct addition *a = mem_alloc(sizeof *a);
    struct error e;

    (void)arg;
    if (a == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    if (find_addition(u, a, &e) != PB_OK) {
        ui_error(u, &e);
        addition_free(a);
        return;
    }
    ask_open(u,
             a->step == PKL_STEP_KEY      ? &add_pair
             : a->step == PKL_STEP_ATTR   ? &add_attribute
             : a->step == PKL_STEP_MEMBER ? &add_member
                                          : &add_item,
             a, "", 0);
}

/* ------------------------------------------------------------------ delete, double, move */

static enum pb_err do_delete(struct ui *u, const struct pkl_child *place,
                             const struct shared_edit *x, struct error *e)
{
    (void)x;
    return pkl_edit_delete(right_edit(u), place, e);
}

void cmd_row_delete(struct ui *u, int arg)
{
    (void)arg;
    edit_cursor(u, &(struct shared_edit){.apply = do_delete});
}

static void to_sibling(struct ui *u, int direction)
{
    uint64_t row;

    if (tree_sibling(u->right.tree, u->right.list.cur, direction, &row))
        list_go(&u->right.list, row);
}

static enum pb_err do_double(struct ui *u, const struct pkl_child *place,
                             const struct shared_edit *x, struct error *e)
{
    enum pb_err err = pkl_edit_duplicate(right_edit(u), place, e);

    (void)x;
    if (err != PB_OK)
        return err;
    right_refresh(u);
    to_sibling(u, 1);
    return PB_OK;
}

void cmd_row_double(struct ui *u, int arg)
{
    (void)arg;
    edit_cursor(u, &(struct shared_edit){.apply = do_double});
}

static enum pb_err do_shift(struct ui *u, const struct pkl_child *place,
                            const struct shared_edit *x, struct error *e)
{
    uint64_t to = x->arg < 0 ? place->index - 1 : place->index + 1;
    enum pb_err err = pkl_edit_move(right_edit(u), place, to, e);

    if (err != PB_OK)
        return err;
    right_refresh(u);
    to_sibling(u, x->arg);
    return PB_OK;
}

void cmd_row_shift(struct ui *u, int direction)
{
    uint64_t row;

    if (!tree_sibling(u->right.tree, u->right.list.cur, direction, &row)) {
        ui_say(u, SAY_INFO, "%s",
               direction < 0 ? _("This is the first one already.")
                             : _("This is the last one already."));
        return;
    }
    edit_cursor(u, &(struct shared_edit){.apply = do_shift, .arg = direction});
}

/* -------------------------------------------------------------------------- rename */

struct renaming {
    uint64_t row;
    enum pkl_step step;
};

static enum pb_err do_rename(struct ui *u, const struct pkl_child *place,
                             const struct shared_edit *x, struct error *e)
{
    struct literal *key = NULL;
    struct arena mem;
    size_t at;
    enum pb_err err;

    arena_init(&mem);
    err = x->step == PKL_STEP_ATTR ? literal_text(&mem, x->text, x->len, &key, e)
                                   : literal_parse(&mem, x->text, x->len, &key, &at, e);
    if (err == PB_OK)
        err = pkl_edit_rename(right_edit(u), place, key, e);
    arena_release(&mem);
    return err;
}

static bool rename_accept(struct ui *u, const char *text, size_t n, void *ctx,
                          struct ask_note *note)
{
    const struct renaming *r = ctx;
    struct shared_edit x = {.apply = do_rename, .step = r->step, .text = text, .len = n};
    struct literal *key = NULL;
    struct arena mem;
    struct error e;
    enum pb_err err = PB_OK;

    if (right_edit(u) == NULL)
        return true;
    arena_init(&mem);
    if (r->step != PKL_STEP_ATTR)
        err = literal_parse(&mem, text, n, &key, &note->at, &e);
    arena_release(&mem);
    if (err == PB_OK) {
        note->at = 0;
        err = edit_row(u, r->row, &x, &e);
    }
    note->wrong = err != PB_OK;
    if (err != PB_OK)
        buf_puts(&note->text, e.msg);
    return err == PB_OK;
}

static void rename_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    const struct renaming *r = ask_top(u) != NULL ? ask_top(u)->ctx : NULL;
    struct literal *key;
    struct arena mem;
    struct error e;

    if (r == NULL || r->step == PKL_STEP_ATTR)
        return;
    arena_init(&mem);
    note->wrong = literal_parse(&mem, text, n, &key, &note->at, &e) != PB_OK;
    if (note->wrong)
        buf_puts(&note->text, e.msg);
    arena_release(&mem);
}

static const struct ask_ops rename_ops = {
    .label = N_("new name: "),
    .check = rename_check,
    .accept = rename_accept,
    .release = free,
};

static enum pb_err key_text(struct ui *u, const struct pkl_child *place, struct buf *out,
                            struct error *e)
{
    struct pkl_repr_opts o = {.style = PKL_REPR_LINE, .max_output = KEY_MAX};
    struct pkl_view *v = tree_view(u->right.tree);
    struct sink to = sink_buf(out);
    struct pkl_leaf leaf;
    enum pb_err err;

    if (place->step != PKL_STEP_ATTR)
        return pkl_repr(v, &place->key, &o, &to, e);
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, &place->key, KEY_MAX, &leaf, e);
    if (err == PB_OK)
        buf_append(out, leaf.data.data, leaf.data.len);
    pkl_leaf_release(&leaf);
    return err == PB_OK ? buf_status(out, e) : err;
}

void cmd_row_rename(struct ui *u, int arg)
{
    struct renaming *r;
    struct pkl_child place;
    struct buf text;
    struct error e;

    (void)arg;
    if (!here(u, &place))
        return;
    if (place.step != PKL_STEP_KEY && place.step != PKL_STEP_ATTR) {
        ui_say(u, SAY_INFO, "Keys and attributes have names; this has none.");
        return;
    }
    buf_init(&text, KEY_MAX + 64);
    r = mem_alloc(sizeof *r);
    if (key_text(u, &place, &text, &e) != PB_OK) {
        ui_error(u, &e);
        free(r);
    } else if (r == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
    } else {
        *r = (struct renaming){u->right.list.cur, place.step};
        ask_open(u, &rename_ops, r, text.data, text.len);
    }
    buf_release(&text);
}

/* ---------------------------------------------------------------------------- type */

static const struct {
    enum pkl_kind kind;
    const char *name;
} types[] = {
    {PKL_INT, "int"},     {PKL_FLOAT, "float"}, {PKL_STR, "str"},
    {PKL_BYTES, "bytes"}, {PKL_BOOL, "bool"},   {PKL_LIST, "list"},
    {PKL_TUPLE, "tuple"}, {PKL_SET, "set"},     {PKL_FROZENSET, "frozenset"},
};
#define SINGLE 5u /* of them are single values */

struct retype {
    struct pkl_child place;
    uint64_t row;
    size_t which[sizeof types / sizeof types[0]];
    size_t count;
};

static uint64_t type_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct retype *)ctx)->count;
}

static void type_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const struct retype *t = ctx;

    (void)u;
    (void)screen_puts(r, 0, 0, STYLE_TYPE, types[t->which[row]].name);
}

static enum pb_err do_type(struct ui *u, const struct pkl_child *place, const struct shared_edit *x,
                           struct error *e)
{
    return pkl_edit_convert(right_edit(u), place, (enum pkl_kind)x->arg, e);
}

static void type_take(struct ui *u, void *ctx, uint64_t row)
{
    const struct retype *t = ctx;
    struct shared_edit x = {.apply = do_type, .arg = (int)types[t->which[row]].kind};
    struct error e;

    if (right_edit(u) != NULL && edit_row(u, t->row, &x, &e) != PB_OK)
        ui_error(u, &e);
}

static const struct picker_ops type_ops = {
    .count = type_count, .draw = type_draw, .take = type_take, .release = free, .empty = ""};

void cmd_row_type(struct ui *u, int arg)
{
    struct retype *t = mem_alloc(sizeof *t);
    enum pkl_kind k;

    (void)arg;
    if (t == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    if (!here(u, &t->place)) {
        free(t);
        return;
    }
    t->row = u->right.list.cur;
    k = t->place.value.kind;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool single = k >= PKL_BOOL && k <= PKL_PY2STR;
        bool many = k == PKL_LIST || k == PKL_TUPLE || k == PKL_SET || k == PKL_FROZENSET;

        if (types[i].kind != k && (i < SINGLE ? single : many))
            t->which[t->count++] = i;
    }
    if (t->count == 0) {
        ui_say(u, SAY_INFO, "This cannot become of another type; edit it with e.");
        free(t);
        return;
    }
    picker_open(u, &type_ops, t, _("Change the type to"));
}

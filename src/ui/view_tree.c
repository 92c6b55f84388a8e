/* The tree of the open value: moving in it, opening and closing. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"
#include "tree_look.h"

#define EXPAND_MOST 100000u /* rows that E and the digits open at once */

/* --- drawing -------------------------------------------------------------------------------- */

static bool marks_shown(const struct ui *u)
{
    struct pkl_edit *edit = right_edit(u);

    return edit != NULL && pkl_edit_dirty(edit);
}

static struct tree_look look(struct ui *u)
{
    struct right *r = &u->right;

    return (struct tree_look){r->tree, &r->list, &r->row, marks_shown(u), &r->stuck};
}

static bool fill_row(struct ui *u, uint64_t i, int width)
{
    struct tree_look t = look(u);

    return tree_look_row(&t, i, width);
}

void tree_draw(struct ui *u, const struct region *r, bool focus)
{
    struct ask *a = ask_top(u);
    struct tree_look t = look(u);

    tree_look_draw(u, &t, r, focus ? MARK_CURSOR : MARK_CURSOR_AWAY,
                   a != NULL && a->ops->inline_value && a->view.below == NULL ? a : NULL);
}

/* Of what is cut in its row one wants to know how much there is. */
static bool has_length(const struct pkl_node *n)
{
    return n->kind == PKL_STR || n->kind == PKL_BYTES || n->kind == PKL_BYTEARRAY ||
           n->kind == PKL_PY2STR;
}

/* "shared x3", as soon as it is counted. */
static void put_uses(struct ui *u, pkl_id target, struct buf *out)
{
    uint64_t uses;

    if (uses_known(u, target, &uses) && uses > 1)
        buf_printf(out, _("   shared \xc3\x97%llu"), (unsigned long long)uses);
}

size_t tree_status(struct ui *u, struct buf *out)
{
    struct right *r = &u->right;
    struct tree_row *row = &r->row;
    struct error e;
    size_t path = 0;

    if (!fill_row(u, r->list.cur, 40)) {
        buf_append(out, row->preview.data, row->preview.len);
        return 0;
    }
    if (tree_path(r->tree, r->list.cur, PATH_FORM_PYTHON, out, &e) != PB_OK)
        buf_printf(out, "(%s)", e.msg);
    else
        path = out->len;
    if (out->len == 0)
        buf_puts(out, _("the whole value"));
    buf_printf(out, "   %s", row->type.data);
    if (has_length(&row->child.value)) {
        buf_printf(out, P_(", %s byte", ", %s bytes", row->child.value.count),
                   TEXT_COUNT(row->child.value.count));
    }
    put_uses(u, row->child.value.target, out);
    if (row->changed && marks_shown(u))
        buf_printf(out, "   %s%s",
                   row->moved         ? _("moved")
                   : row->was.len > 0 ? _("was ")
                                      : _("new"),
                   row->moved ? "" : row->was.data);
    if (PKL_ID_SOURCE(row->child.value.id) == 0)
        buf_printf(out, _("   offset 0x%llx"), (unsigned long long)row->child.value.begin);
    return path;
}

void tree_click_path(struct ui *u, int column)
{
    struct right *r = &u->right;
    uint64_t row = r->list.cur, up;
    struct buf path;

    buf_init(&path, BUF_MAX_TEXT);
    while (tree_parent(r->tree, row, &up)) {
        buf_clear(&path);
        if (tree_path(r->tree, up, PATH_FORM_PYTHON, &path, NULL) != PB_OK ||
            screen_width(&u->screen, STYLE_VALUE, path.data, path.len) <= column)
            break;
        row = up;
    }
    buf_release(&path);
    list_go(&r->list, row);
}

/* --- moving and opening --------------------------------------------------------------------- */

void tree_move(struct ui *u, enum move m)
{
    list_move(&u->right.list, m);
}

static void recount(struct ui *u)
{
    list_set_count(&u->right.list, tree_rows(u->right.tree));
}

static void go(struct ui *u, uint64_t row)
{
    recount(u);
    list_go(&u->right.list, row);
}

/* A row and whether there is something to open or close in it. */
static struct tree_row *here(struct ui *u)
{
    (void)fill_row(u, u->right.list.cur, 8);
    return &u->right.row;
}

static void expand(struct ui *u)
{
    struct error e;

    if (tree_expand(u->right.tree, u->right.list.cur, &e) != PB_OK)
        ui_error(u, &e);
    recount(u);
}

void cmd_tree_open(struct ui *u, int arg)
{
    const struct tree_row *row = here(u);

    (void)arg;
    if (!row->expandable && value_can_open(u, &row->child.value))
        value_open(u);
    else if (!row->expandable)
        ui_say(u, SAY_INFO,
               right_edit(u) != NULL ? _("There is nothing inside; e edits it.")
                                     : _("There is nothing inside."));
    else if (row->expanded)
        go(u, u->right.list.cur + 1);
    else
        expand(u);
}

void cmd_tree_close(struct ui *u, int arg)
{
    const struct tree_row *row = here(u);
    uint64_t parent;

    (void)arg;
    if (row->expandable && row->expanded) {
        tree_collapse(u->right.tree, u->right.list.cur);
        recount(u);
    } else if (tree_parent(u->right.tree, u->right.list.cur, &parent)) {
        go(u, parent);
    } else {
        u->right_focus = false; /* above the value is the object: in the other pane */
    }
}

void cmd_tree_toggle(struct ui *u, int arg)
{
    const struct tree_row *row = here(u);

    (void)arg;
    if (!row->expandable)
        return;
    if (row->expanded)
        tree_collapse(u->right.tree, u->right.list.cur);
    else
        expand(u);
    recount(u);
}

/* On the mark of a container: opens or closes it. */
void tree_click(struct ui *u, int y, int x, bool twice)
{
    struct right *r = &u->right;
    uint64_t row;
    int mark;

    if (!list_at_line(&r->list, &r->stuck, (unsigned)y, &row))
        return;
    list_go(&r->list, row);
    mark = 2 + tree_look_indent(here(u), u->right.view.at.w);
    if (x == mark || x == mark + 1)
        cmd_tree_toggle(u, 0);
    else if (twice)
        cmd_tree_open(u, 0);
}

/* Raw, or as what Python would load; where no lens fits, why. */
void cmd_tree_py2(struct ui *u, int arg)
{
    (void)arg;
    ui_say(u, SAY_INFO, "A str of Python 2 is read as %s.", _(tree_next_py2_str(u->right.tree)));
}

void cmd_tree_lens(struct ui *u, int arg)
{
    struct right *r = &u->right;
    struct pkl_child c;
    struct buf why;
    struct error e;
    bool raw;
    enum pb_err err = tree_toggle_lens(r->tree, r->list.cur, &raw, &e);

    (void)arg;
    if (err == PB_OK) {
        recount(u);
        ui_say(u, SAY_INFO,
               raw ? _("Shown raw, as it is stored.") : _("Shown as Python would load it."));
        return;
    }
    if (err != PB_ENOTFOUND || tree_child(r->tree, r->list.cur, &c, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    buf_init(&why, BUF_MAX_LINE);
    if (pkl_lens_reason(tree_view(r->tree), &c.value, &why, NULL) != PB_OK || why.len == 0)
        buf_puts(&why, _("no lens knows its class"));
    ui_say(u, SAY_INFO, "It is shown raw: %s.", why.data);
    buf_release(&why);
}

static void say_incomplete(struct ui *u)
{
    ui_say(u, SAY_INFO, "Opened as many as %u rows; open the rest where you need it.", EXPAND_MOST);
}

void cmd_tree_all(struct ui *u, int expand_them)
{
    struct right *r = &u->right;
    bool complete = true;
    struct error e;

    if (!expand_them)
        tree_collapse_below(r->tree, r->list.cur);
    else if (tree_expand_below(r->tree, r->list.cur, EXPAND_MOST, &complete, &e) != PB_OK)
        ui_error(u, &e);
    if (!complete)
        say_incomplete(u);
    recount(u);
}

/* The cursor follows its value, or the ancestor of it that is left to see. */
void cmd_tree_level(struct ui *u, int arg)
{
    struct right *r = &u->right;
    unsigned level = (unsigned)(u->key - '0');
    uint64_t row = r->list.cur, up;
    unsigned line = list_line(&r->list);
    struct buf path;
    struct error e;
    enum pb_err err;

    (void)arg;
    while (here(u)->depth > level && tree_parent(r->tree, r->list.cur, &up))
        r->list.cur = up;
    row = r->list.cur;
    buf_init(&path, BUF_MAX_LINE);
    err = tree_path(r->tree, row, PATH_FORM_PATH, &path, &e);
    if (err == PB_OK)
        err = tree_expand_level(r->tree, level, EXPAND_MOST, &e);
    recount(u);
    if (err != PB_OK) {
        ui_error(u, &e);
    } else if (path.len > 0) {
        (void)tree_show_path(u, path.data, path.len, NULL);
        list_restore(&r->list, r->list.cur, line);
    } else {
        list_go(&r->list, 0);
    }
    buf_release(&path);
}

void cmd_tree_sibling(struct ui *u, int direction)
{
    uint64_t row;

    if (tree_sibling(u->right.tree, u->right.list.cur, direction, &row))
        go(u, row);
    else
        ui_say(u, SAY_INFO,
               direction > 0 ? _("This is the last one.") : _("This is the first one."));
}

bool tree_show_path(struct ui *u, const char *text, size_t n, struct error *e)
{
    struct right *r = &u->right;
    struct arena mem;
    struct pkl_path path;
    uint64_t row;
    size_t at;
    bool ok;

    arena_init(&mem);
    ok = pkl_path_parse(&mem, text, n, &path, &at, e) == PB_OK &&
         tree_reveal(r->tree, &path, &row, e) == PB_OK;
    recount(u);
    if (ok)
        list_go(&r->list, row);
    arena_release(&mem);
    return ok;
}

void tree_go_path(struct ui *u, const char *text, size_t n)
{
    struct error e;

    if (u->right.tree == NULL)
        return;
    if (!tree_show_path(u, text, n, &e)) {
        ui_error(u, &e);
        return;
    }
    u->right.properties = false;
    u->right_focus = true;
}

void cmd_copy(struct ui *u, int value)
{
    struct right *r = &u->right;
    struct buf text;
    struct error e;
    enum pb_err err;

    buf_init(&text, 1024 * 1024);
    if (value) {
        struct pkl_repr_opts o = {.style = PKL_REPR_LINE, .max_output = 70000};
        struct sink to = sink_buf(&text);
        struct pkl_child place;

        err = tree_child(r->tree, r->list.cur, &place, &e);
        if (err == PB_OK)
            err = pkl_repr(app_object_view(r->object), &place.value, &o, &to, &e);
    } else {
        err = tree_path(r->tree, r->list.cur, PATH_FORM_PYTHON, &text, &e);
    }
    if (err != PB_OK)
        ui_error(u, &e);
    else
        ui_copy(u, value ? _("value") : _("path"), &text);
    buf_release(&text);
}

/* The tree of a value: label, type, value in columns.  A row's text is made when it is drawn. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define OPCODES_MAX 30000u /* of a pickle that is walked over for the status line */

#define INDENT 2
#define LABEL_MOST 40       /* per cent of the width that labels may take */
#define TYPE_MOST 24        /* columns */
#define EXPAND_MOST 100000u /* rows that E and the digits open at once */
#define EDIT_LEAST 20       /* columns that a value is edited in */

/* --- drawing -------------------------------------------------------------------------------- */

struct columns {
    int label, type; /* widths */
};

static bool fill_row(struct ui *u, uint64_t i, int width)
{
    struct right *r = &u->right;
    struct error e;

    if (tree_row(r->tree, i, (size_t)width * 4 + 16, &r->row, &e) == PB_OK)
        return true;
    buf_clear(&r->row.label);
    buf_clear(&r->row.type);
    buf_clear(&r->row.preview);
    buf_clear(&r->row.was);
    r->row.expandable = r->row.changed = r->row.below_changed = false;
    buf_printf(&r->row.preview, "<%s>", e.msg);
    return false;
}

static int indent_of(const struct tree_row *row, int width)
{
    int most = width / 3;

    return row->depth > (unsigned)most / INDENT ? most / INDENT * INDENT : (int)row->depth * INDENT;
}

static struct columns measure(struct ui *u, int width)
{
    struct list *l = &u->right.list;
    struct tree_row *row = &u->right.row;
    struct columns c = {0};

    for (uint64_t i = l->top; i < list_end(l); i++) {
        int label, type;

        (void)fill_row(u, i, 8);
        label = indent_of(row, width) +
                screen_width(&u->screen, STYLE_LABEL, row->label.data, row->label.len);
        type = screen_width(&u->screen, STYLE_TYPE, row->type.data, row->type.len);
        if (row->label.len == 0 && !(row->expandable && row->expanded))
            label = type; /* the value stands beside it */
        if (row->label.len == 0)
            type = 0;
        c.label = label > c.label ? label : c.label;
        c.type = type > c.type ? type : c.type;
    }
    if (c.label > width * LABEL_MOST / 100)
        c.label = width * LABEL_MOST / 100;
    if (c.type > TYPE_MOST)
        c.type = TYPE_MOST;
    if (c.type > width / 3)
        c.type = width / 3;
    return c;
}

static bool marks_shown(const struct ui *u)
{
    struct pkl_edit *edit = right_edit(u);

    return edit != NULL && pkl_edit_dirty(edit);
}

/* Where the value begins. */
static int value_column(const struct columns *c)
{
    return 4 + c->label + 1 + (c->type > 0 ? c->type + 1 : 0);
}

static void draw_value(struct ui *u, const struct region *r, int y, int x, bool changed)
{
    const struct tree_row *row = &u->right.row;
    int room = r->w - x;

    if (changed && row->was.len > 0) {
        struct buf was;
        int width;

        buf_init(&was, BUF_MAX_LINE);
        buf_puts(&was, row->moved ? _("moved") : _("was "));
        if (!row->moved)
            buf_append(&was, row->was.data, row->was.len);
        width = screen_width(r->s, STYLE_WAS, was.data, was.len);
        if (width > room / 2)
            width = room / 2;
        if (width > 4) {
            (void)screen_field(r, y, r->w - width, width, STYLE_WAS, was.data, was.len);
            room -= width + 1;
        }
        buf_release(&was);
    }
    if (!(row->expandable && row->expanded) || row->shared)
        (void)screen_field(r, y, x, room, changed ? STYLE_CHANGED : STYLE_VALUE, row->preview.data,
                           row->preview.len);
}

static void draw_row(struct ui *u, const struct region *r, int y, const struct columns *c)
{
    const struct tree_row *row = &u->right.row;
    bool marks = marks_shown(u), changed = marks && row->changed;
    int x = 2 + indent_of(row, r->w), label_room;

    if (changed || (marks && row->below_changed && !row->expanded))
        (void)screen_puts(r, y, 1, STYLE_CHANGED, "*");
    if (row->expandable)
        (void)screen_puts(r, y, x, STYLE_KEY, row->expanded ? "\xe2\x96\xbe" : "\xe2\x96\xb8");
    label_room = 4 + c->label - (x + 2);
    (void)screen_field(r, y, x + 2, label_room > 0 ? label_room : 0,
                       changed ? STYLE_CHANGED : STYLE_LABEL, row->label.data, row->label.len);
    /* What has no name, the value itself, begins with its type. */
    if (row->label.len == 0)
        (void)screen_field(r, y, x + 2, r->w - x - 2, STYLE_TYPE, row->type.data, row->type.len);
    else
        (void)screen_field(r, y, 4 + c->label + 1, c->type, STYLE_TYPE, row->type.data,
                           row->type.len);
    draw_value(u, r, y, value_column(c), changed);
}

/* The value's own line becomes the line editor; what is to be said about it stands on the line
 * beside. */
static void draw_editor(struct ui *u, struct ask *a, const struct region *r, int y,
                        const struct columns *c)
{
    int x = value_column(c), note_y = y + 1 < r->h ? y + 1 : y - 1, column = -1;

    /* Where room is scarce the type gives way, then the label. */
    if (r->w - x < EDIT_LEAST)
        x = 4 + c->label + 1;
    if (r->w - x < EDIT_LEAST)
        x = r->w > EDIT_LEAST + 4 ? 4 : 0;
    ask_draw(u, a, r, y, x, r->w - x);
    if (a->note.wrong)
        column = prompt_column(&a->prompt, r->s, STYLE_TYPED, a->note.at, r->w - x);
    if (note_y >= 0)
        layout_note(r, note_y, x, &a->note, column);
}

void tree_draw(struct ui *u, const struct region *r, bool focus)
{
    struct list *l = &u->right.list;
    struct ask *a = ask_top(u);
    struct region rows = region_part(r, 0, 0, r->h, r->w - 1); /* the edge stays free */
    struct columns c;
    int y_editor = -1;

    if (a != NULL && !a->ops->inline_value)
        a = NULL;
    list_set_count(l, tree_rows(u->right.tree));
    list_set_height(l, (unsigned)(r->h > 0 ? r->h : 1));
    c = measure(u, r->w);
    for (uint64_t i = l->top; i < list_end(l); i++) {
        int y = (int)(i - l->top);

        (void)fill_row(u, i, r->w);
        draw_row(u, &rows, y, &c);
        if (i != l->cur)
            continue;
        (void)screen_puts(r, y, 0, STYLE_KEY, "\xe2\x96\x8c");
        if (a != NULL)
            y_editor = y;
        else
            screen_mark(r, y, 0, r->w, focus ? MARK_CURSOR : MARK_CURSOR_AWAY);
    }
    if (y_editor >= 0)
        draw_editor(u, a, &rows, y_editor, &c);
}

/* Of what is cut in its row one wants to know how much there is. */
static bool has_length(const struct pkl_node *n)
{
    return n->kind == PKL_STR || n->kind == PKL_BYTES || n->kind == PKL_BYTEARRAY ||
           n->kind == PKL_PY2STR;
}

/* "shared x3": of a pickle that is walked over in no time. */
static void put_uses(struct ui *u, pkl_id target, struct buf *out)
{
    struct pkl_edit *edit = app_object_edit(u->right.object);
    struct pkl_info info;
    struct error e;
    uint64_t uses;

    if (edit == NULL)
        return;
    pkl_doc_info(app_object_doc(u->right.object), &info);
    if (info.opcodes <= OPCODES_MAX && pkl_edit_value_uses(edit, target, &uses, &e) == PB_OK &&
        uses > 1)
        buf_printf(out, _("   shared \xc3\x97%llu"), (unsigned long long)uses);
}

void tree_status(struct ui *u, struct buf *out)
{
    struct right *r = &u->right;
    struct tree_row *row = &r->row;
    struct error e;
    size_t from = out->len;

    if (!fill_row(u, r->list.cur, 40)) {
        buf_append(out, row->preview.data, row->preview.len);
        return;
    }
    if (tree_path(r->tree, r->list.cur, PATH_FORM_PYTHON, out, &e) != PB_OK)
        buf_printf(out, "(%s)", e.msg);
    if (out->len == from)
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
    struct list *l = &u->right.list;
    uint64_t row = l->top + (uint64_t)y;
    int mark;

    if (row >= l->count)
        return;
    list_go(l, row);
    mark = 2 + indent_of(here(u), u->right.view.at.w);
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

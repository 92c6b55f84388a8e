/* show: the value of a pickle, or of a place in it, as text, JSON or rows of a tree. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/tree.h>

#include "cli.h"

#define TREE_PREVIEW 200 /* bytes of a value on its row */

static const char *const py2_forms[] = {
    [PKL_PY2_ASCII] = "ascii",
    [PKL_PY2_LATIN1] = "latin1",
    [PKL_PY2_UTF8] = "utf8",
    [PKL_PY2_BYTES] = "bytes",
};
#define PY2_FORMS (sizeof py2_forms / sizeof py2_forms[0])

/* As what --py2-str says to show them; PY2_FORMS: it says something else. */
static size_t py2_form(const struct args *a)
{
    size_t i = 0;

    if (!a->given[OPT_py2_str])
        return PKL_PY2_ASCII;
    while (i < PY2_FORMS && strcmp(a->text[OPT_py2_str], py2_forms[i]) != 0)
        i++;
    return i;
}

static enum pb_err print_value(struct cli *c, struct pkl_view *v, const struct pkl_node *node,
                               struct error *e)
{
    const struct args *a = c->args;
    struct sink to = out_sink(&c->out);
    struct pkl_repr_opts o = {
        .style = a->given[OPT_repr] ? PKL_REPR_LINE : PKL_REPR_INDENT,
        .depth = (unsigned)a->depth,
        .ascii = a->given[OPT_ascii],
        .py2_str = (enum pkl_py2_str)py2_form(a),
    };
    enum pb_err err;

    if (a->given[OPT_json])
        err = pkl_json(v, node, &to, e);
    else
        err = pkl_repr(v, node, &o, &to, e);
    return err == PB_OK ? out_write(&c->out, "\n", 1, e) : err;
}

/* --- the tree -----------------------------------------------------------------------------------
 */

static enum pb_err print_row(struct cli *c, const struct tree_row *r, unsigned indent, bool opens,
                             struct error *e)
{
    struct buf line;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    buf_fill(&line, ' ', pkl_indent(indent));
    buf_append(&line, r->label.data, r->label.len);
    if (r->label.len > 0)
        buf_puts(&line, "  ");
    buf_append(&line, r->type.data, r->type.len);
    /* Rows below say what a container holds, but not of which class an object is. */
    if (r->preview.len > 0 && (!opens || r->child.value.kind == PKL_OBJECT)) {
        buf_puts(&line, "  ");
        buf_append(&line, r->preview.data, r->preview.len);
    }
    buf_putc(&line, '\n');
    err = out_buf(&c->out, &line, e);
    buf_release(&line);
    return err;
}

/* named: the first row is what was asked for, shared or not. */
static enum pb_err print_rows(struct cli *c, struct tree *t, bool named, struct error *e)
{
    struct tree_walk *w;
    struct tree_row r;
    bool there = true;
    enum pb_err err = tree_walk_new(t, &w, e);

    if (err != PB_OK)
        return err;
    tree_row_init(&r);
    for (bool first = named; err == PB_OK; first = false) {
        bool opens;

        err = tree_walk_next(w, TREE_PREVIEW, &r, &there, e);
        if (err != PB_OK || !there)
            break;
        opens = r.expandable && (!r.shared || first) &&
                (c->args->depth == 0 || r.depth < c->args->depth);
        err = print_row(c, &r, r.depth, opens, e);
        if (err == PB_OK && opens)
            err = tree_walk_enter(w, &r, e);
    }
    tree_row_release(&r);
    tree_walk_free(w);
    return err;
}

static enum pb_err print_tree(struct cli *c, struct pkl_view *v, const struct pkl_path *path,
                              struct error *e)
{
    struct tree *t;
    struct pkl_child place;
    enum pb_err err = path != NULL ? pkl_path_follow(v, path, &place, e) : PB_OK;

    if (err == PB_OK)
        err = path != NULL ? tree_new_at(v, &place, &t, e) : tree_new(v, NULL, &t, e);
    if (err != PB_OK)
        return err;
    err = print_rows(c, t, path != NULL, e);
    tree_free(t);
    return err;
}

/* --- the command --------------------------------------------------------------------------------
 */

static enum pb_err print_roots(struct cli *c, struct pkl_view *v, struct error *e)
{
    enum pb_err err = PB_OK;

    for (uint64_t n = 0; n < v->roots(v) && err == PB_OK; n++) {
        struct pkl_child root;

        err = v->root(v, n, &root, e);
        if (err == PB_OK)
            err = print_value(c, v, &root.value, e);
    }
    return err;
}

static enum pb_err print_place(struct cli *c, struct pkl_view *v, const struct pkl_path *path,
                               struct error *e)
{
    struct pkl_child place;
    enum pb_err err = pkl_path_follow(v, path, &place, e);

    return err == PB_OK ? print_value(c, v, &place.value, e) : err;
}

static enum pb_err check_form(const struct args *a, struct error *e)
{
    if (a->given[OPT_repr] + a->given[OPT_json] + a->given[OPT_tree] > 1)
        return error_set(e, PB_EUSAGE, "--repr, --json and --tree exclude each other");
    if (a->given[OPT_json] && a->given[OPT_depth])
        return error_set(e, PB_EUSAGE, "--json leaves nothing out: --depth does not go with it");
    if (py2_form(a) == PY2_FORMS)
        return error_set(e, PB_EUSAGE, "--py2-str takes ascii, latin1, utf8 or bytes");
    if (a->given[OPT_py2_str] && (a->given[OPT_json] || a->given[OPT_tree]))
        return error_set(e, PB_EUSAGE, "--py2-str is for text: not with --json or --tree");
    return PB_OK;
}

static enum pb_err print_object(struct cli *c, struct app_object *o, const struct pkl_path *path,
                                struct error *e)
{
    struct pkl_view *v = app_object_view(o);

    if (c->args->given[OPT_tree])
        return print_tree(c, v, path, e);
    return path != NULL ? print_place(c, v, path, e) : print_roots(c, v, e);
}

int cmd_show(struct cli *c)
{
    struct app_object *o = NULL;
    struct location loc = {0};
    struct pkl_path path;
    struct arena mem;
    struct error error, broken;
    bool has_path = c->args->count > 1;
    enum pb_err err = check_form(c->args, &error), whole = PB_OK;

    arena_init(&mem);
    if (err == PB_OK && has_path)
        err = cli_path(&mem, c->args->operands[1], &path, &error);
    if (err == PB_OK)
        err = cli_location(c->args->operands[0], &loc, &error);
    if (err == PB_OK)
        whole = cli_open(c, &loc, &o, &broken);
    if (err == PB_OK && whole != PB_OK && (o == NULL || app_object_view(o) == NULL)) {
        error = broken;
        err = whole;
    }
    if (err == PB_OK)
        err = print_object(c, o, has_path ? &path : NULL, &error);
    /* What could be read was printed; why it is not all comes after it. */
    if (err == PB_OK && whole != PB_OK && out_flush(&c->out, &error) == PB_OK) {
        error = broken;
        err = whole;
    }
    app_object_close(o);
    location_release(&loc);
    arena_release(&mem);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

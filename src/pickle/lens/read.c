/* An object taken apart, its row found, its script read. */
#include "lens.h"
#include "nd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>

#include "../index.h"

/* ------------------------------------------------------------------- the script */

void lens_init(struct lens *l)
{
    *l = (struct lens){.kind = PKL_OBJECT};
    buf_init(&l->text, SIZE_MAX / 2);
}

void lens_release(struct lens *l)
{
    vec_release(&l->pieces);
    buf_release(&l->text);
}

void lens_drop(struct lens *l, size_t pieces, size_t text)
{
    l->pieces.len = pieces;
    if (text < l->text.len)
        buf_truncate(&l->text, text);
    l->mark = l->text.len;
}

bool lens_close_text(struct lens *l)
{
    struct lens_piece p = {.kind = LENS_TEXT, .text = l->mark, .len = l->text.len - l->mark};

    l->mark = l->text.len;
    return p.len == 0 || vec_push(&l->pieces, p);
}

bool lens_value(struct lens *l, const struct pkl_node *node)
{
    struct lens_piece p = {.kind = LENS_VALUE, .node = *node};

    l->nested = true;
    return lens_close_text(l) && vec_push(&l->pieces, p);
}

struct lens_piece *lens_seq(struct lens *l, enum lens_seq how, pkl_id list, uint64_t count)
{
    struct lens_piece p = {.kind = LENS_SEQ, .seq = how, .list = list, .count = count};

    l->nested = true;
    if (!lens_close_text(l) || !vec_push(&l->pieces, p))
        return NULL;
    return &l->pieces.data[l->pieces.len - 1];
}

enum pb_err lens_refuse(struct lens *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(l->reason, sizeof l->reason, _(fmt), ap);
    va_end(ap);
    return PB_EUNSUPPORTED;
}

/* ------------------------------------------------------------------ the callable */

void lens_reader_init(struct lens_reader *r, struct pkl_view *v)
{
    *r = (struct lens_reader){.view = v, .max = SIZE_MAX};
    pkl_leaf_init(&r->leaf);
}

void lens_reader_release(struct lens_reader *r)
{
    pkl_leaf_release(&r->leaf);
}

/* A part that may be missing: then id 0. */
static enum pb_err part_of(struct lens_reader *r, pkl_id id, enum pkl_part part,
                           struct pkl_node *out, struct error *e)
{
    struct pkl_child c;
    struct error why;
    enum pb_err err = r->view->part(r->view, id, part, &c, &why);

    *out = (struct pkl_node){.id = 0};
    if (err == PB_OK)
        *out = c.value;
    else if (err != PB_ENOTFOUND && e != NULL)
        *e = why;
    return err == PB_ENOTFOUND ? PB_OK : err;
}

static enum pb_err read_args(struct lens_reader *r, const struct pkl_node *args,
                             struct lens_call *c, struct error *e)
{
    struct pkl_child kids[LENS_ARGS];
    size_t got;
    enum pb_err err;

    c->args = *args;
    c->count = 0;
    if (args->id == 0)
        return PB_OK;
    if (args->kind != PKL_TUPLE) {
        c->count = UINT64_MAX;
        return PB_OK;
    }
    c->count = args->count;
    err = r->view->children(r->view, args->target, 0, LENS_ARGS, kids, &got, e);
    for (size_t i = 0; err == PB_OK && i < got; i++)
        c->arg[i] = kids[i].value;
    return err;
}

/* Names with dots are looked up part by part from protocol 4 on only. */
static bool is_one_name(struct lens_reader *r, const struct pkl_node *global, const char *name)
{
    struct pkl_doc *d = r->view->doc(r->view, PKL_ID_SOURCE(global->target));

    if (strchr(name, '.') == NULL)
        return true;
    if (d == NULL)
        return false;
    return doc_protocol_at(d, PKL_ID_OFFSET(global->target)) >= 4;
}

/* getattr(CLASS, 'name') by name: what p < 4 writes for a method or a class in a class. */
static enum pb_err attribute_name(struct lens_reader *r, const struct pkl_node *node, char **module,
                                  char **name, struct error *e)
{
    struct lens_call c = {.count = 0};
    struct pkl_node class, args;
    struct pkl_name n;
    struct buf both;
    bool is = false;
    enum pb_err err = part_of(r, node->target, PKL_CLASS, &class, e);

    *module = *name = NULL;
    if (err == PB_OK && class.kind == PKL_GLOBAL && class.id != 0)
        err = lens_is_builtin(r, &class, "getattr", &is, e);
    if (err != PB_OK || !is)
        return err;
    err = part_of(r, node->target, PKL_ARGS, &args, e);
    if (err == PB_OK)
        err = read_args(r, &args, &c, e);
    if (err != PB_OK || c.count != 2 || c.arg[0].kind != PKL_GLOBAL ||
        (c.arg[1].kind != PKL_STR && c.arg[1].kind != PKL_PY2STR))
        return err;
    err = pkl_leaf_read(r->view, &c.arg[1], 256, &r->leaf, e);
    if (err != PB_OK)
        return err;
    err = pkl_name_read(r->view, &c.arg[0], &n, e);
    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    buf_init(&both, BUF_MAX_TEXT);
    buf_puts(&both, n.py3_name);
    buf_putc(&both, '.');
    buf_append(&both, r->leaf.data.data, r->leaf.data.len);
    *module = mem_strdup(n.py3_module);
    *name = buf_take(&both, NULL);
    buf_release(&both);
    pkl_name_release(&n);
    return *module != NULL && *name != NULL ? PB_OK : error_nomem(e);
}

enum pb_err lens_row_of(struct lens_reader *r, const struct pkl_node *class,
                        const struct lens_row **row, struct error *e)
{
    struct lens_known *known = &r->known[(class->target ^ class->target >> 7) & 63];
    struct pkl_name n;
    char *module = NULL, *name = NULL;
    enum pb_err err;

    *row = NULL;
    if (known->id == class->target) {
        *row = known->row;
        return PB_OK;
    }
    if (class->kind == PKL_OBJECT) {
        err = attribute_name(r, class, &module, &name, e);
        if (err == PB_OK && module != NULL)
            *row = lens_row_find(module, name);
        free(module);
        free(name);
    } else {
        err = pkl_name_read(r->view, class, &n, e);
        if (err == PB_OK) {
            if (is_one_name(r, class, n.py3_name))
                *row = lens_row_find(n.py3_module, n.py3_name);
            pkl_name_release(&n);
        }
        if (err == PB_EUNSUPPORTED)
            err = PB_OK;
    }
    if (err == PB_OK)
        *known = (struct lens_known){class->target, *row};
    return err;
}

enum pb_err lens_global(struct lens_reader *r, const struct pkl_node *global, const char **text,
                        struct error *e)
{
    struct pkl_name n;
    enum pb_err err;

    *text = NULL;
    if (global->count > 0 || (r->view->is_raw != NULL && r->view->is_raw(r->view, global->target)))
        return PB_OK;
    if (global->kind == PKL_OBJECT) {
        char *module, *name;

        err = attribute_name(r, global, &module, &name, e);
        if (err == PB_OK && module != NULL)
            *text = lens_name_text(module, name);
        free(module);
        free(name);
        return err;
    }
    err = pkl_name_read(r->view, global, &n, e);
    if (err != PB_OK)
        return err == PB_EUNSUPPORTED ? PB_OK : err;
    if (is_one_name(r, global, n.py3_name))
        *text = lens_name_text(n.py3_module, n.py3_name);
    pkl_name_release(&n);
    return PB_OK;
}

/* ---------------------------------------------------------------------- the call */

/* copyreg._reconstructor(cls, object, None): how protocols 0 and 1 make an instance. */
static enum pb_err reconstructed(struct lens_reader *r, struct lens_call *c, struct error *e)
{
    bool object = false;
    enum pb_err err = PB_OK;

    c->row = NULL;
    if (c->count == 3 && c->arg[0].kind == PKL_GLOBAL && c->arg[1].kind == PKL_GLOBAL &&
        c->arg[2].kind == PKL_NONE)
        err = lens_is_builtin(r, &c->arg[1], "object", &object, e);
    if (err == PB_OK && object)
        err = lens_row_of(r, &c->arg[0], &c->row, e);
    c->created = true;
    c->count = 0;
    c->args.id = 0;
    return err;
}

enum pb_err lens_call_of(struct lens_reader *r, const struct pkl_node *node, struct lens_call *c,
                         struct error *e)
{
    struct pkl_node self = *node, class, args = {.id = 0};
    enum pb_err err = part_of(r, node->target, PKL_CLASS, &class, e);

    *c = (struct lens_call){.self = node->target};
    if (err != PB_OK || (class.kind != PKL_GLOBAL && class.kind != PKL_OBJECT) || class.id == 0 ||
        class.count > (class.kind == PKL_OBJECT))
        return err;
    err = lens_row_of(r, &class, &c->row, e);
    if (err != PB_OK || c->row == NULL)
        return err;
    if (node->ref)
        err = r->view->node(r->view, node->target, &self, e);
    c->children = self.count;
    if (err == PB_OK)
        err = part_of(r, node->target, PKL_ARGS, &args, e);
    if (err == PB_OK)
        err = read_args(r, &args, c, e);
    c->has_args = args.id != 0 && args.count > 0;
    /* INST and OBJ without arguments call __new__ alone. */
    c->created = self.opcode == 0x81 || self.opcode == 0x92 ||
                 ((self.opcode == 'i' || self.opcode == 'o') && c->count == 0);
    if (err == PB_OK && c->row->read == NULL)
        err = reconstructed(r, c, e);
    if (err == PB_OK && c->row != NULL)
        err = part_of(r, node->target, PKL_STATE, &c->state, e);
    if (err == PB_OK && c->row != NULL)
        err = part_of(r, node->target, PKL_ITEMS, &c->items, e);
    if (err == PB_OK && c->row != NULL)
        err = part_of(r, node->target, PKL_ENTRIES, &c->entries, e);
    return err;
}

/* What the shape must be for any row.  Several BUILDs show in the number of children. */
static enum pb_err check_call(struct lens_reader *r, const struct pkl_node *node,
                              const struct lens_call *c, struct lens *l, struct error *e)
{
    const struct lens_row *row = c->row;
    struct pkl_node kwargs;
    uint64_t expected = c->has_args + c->items.count + c->entries.count;
    enum pb_err err = part_of(r, node->target, PKL_KWARGS, &kwargs, e);

    if (err != PB_OK)
        return err;
    if (!(row->flags & (c->created ? LENS_NEW : LENS_CALL)))
        return lens_refuse(l, c->created ? N_("it is created without being called")
                                         : _("it is called where it would be created"));
    if (c->count < row->min_args || c->count > row->max_args)
        return lens_refuse(l, c->count == UINT64_MAX ? _("its arguments are no tuple")
                                                     : _("it does not take that many arguments"));
    if (kwargs.id != 0 && kwargs.count > 0)
        return lens_refuse(l, "it has keyword arguments");
    if (c->state.id != 0 && c->state.kind != PKL_NONE && !(row->flags & LENS_STATE))
        return lens_refuse(l, "it has a state");
    if (c->items.count > 0 && !(row->flags & LENS_WITH_ITEMS))
        return lens_refuse(l, "it has items");
    if (c->entries.count > 0 && !(row->flags & LENS_WITH_ENTRIES))
        return lens_refuse(l, "it has entries");
    if (c->state.id != 0)
        expected += c->state.kind == PKL_DICT ? c->state.count : 1;
    if (expected != c->children)
        return lens_refuse(l, "its state is set more than once");
    return PB_OK;
}

enum pb_err lens_read(struct lens_reader *r, const struct pkl_node *node, size_t max,
                      struct lens *out, struct error *e)
{
    struct lens_call c;
    size_t before = r->max;
    enum pb_err err;

    out->row = NULL;
    out->first = out->pieces.len;
    out->start = out->mark = out->text.len;
    out->kind = PKL_OBJECT;
    out->items.id = 0;
    out->partial = out->nested = false;
    out->again = NULL;
    out->list = 0;
    out->kids = NULL;
    out->type = NULL;
    out->reason[0] = '\0';
    if (PKL_ID_TAG(node->target) == PKL_TAG_ELEMENT)
        return nd_element_script(r, node, max, out, e);
    if (node->kind != PKL_OBJECT ||
        (r->view->is_raw != NULL && r->view->is_raw(r->view, node->target)))
        return PB_OK;
    err = lens_call_of(r, node, &c, e);
    if (err != PB_OK || c.row == NULL)
        return err;
    r->max = max;
    err = check_call(r, node, &c, out, e);
    if (err == PB_OK)
        err = c.row->read(r, &c, out, e);
    r->max = before;
    if (err == PB_OK && out->kind == PKL_OBJECT && !lens_close_text(out))
        err = error_nomem(e);
    if (err == PB_OK)
        err = buf_status(&out->text, e);
    if (err == PB_OK) {
        out->row = c.row;
        out->type = out->type != NULL ? out->type : c.row->type;
    } else {
        lens_drop(out, out->first, out->start);
    }
    return err == PB_EUNSUPPORTED ? PB_OK : err;
}

/* ------------------------------------------------------------------- the contract */

enum pb_err pkl_lens_type(struct pkl_view *v, const struct pkl_node *node, const char **type,
                          struct error *e)
{
    struct lens_reader r;
    struct lens l;
    enum pb_err err;

    *type = NULL;
    if (PKL_ID_TAG(node->target) == PKL_TAG_ELEMENT)
        return PB_OK; /* has no other form */
    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, node, 64, &l, e);
    if (err == PB_OK && l.row != NULL)
        *type = l.type;
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

enum pb_err pkl_lens_reason(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                            struct error *e)
{
    struct lens_reader r;
    struct lens l;
    enum pb_err err;

    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, node, 64, &l, e);
    if (err == PB_OK)
        buf_puts(out, l.reason);
    lens_release(&l);
    lens_reader_release(&r);
    return err == PB_OK ? buf_status(out, e) : err;
}

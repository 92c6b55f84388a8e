/*
 * What Python may refuse of what was changed.
 *
 * A lens says what a known class accepts; an unknown one says nothing, so that what comes into it
 * for the first time is only told.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/text.h>

#include "edit_private.h"
#include "lens/lens.h"
#include "path_private.h"
#include "rebuilt.h"

#define CHANGES 1000              /* that are looked at */
#define WHOLE ((uint64_t)1 << 20) /* bytes of an object that is looked at to its end */
#define LONGEST_PATH 60           /* columns */

struct doubts {
    struct pkl_edit *ed;
    struct idmap seen; /* objects that were looked at */
    struct buf *out;
    struct error *e;
};

static enum pb_err path_text(struct doubts *d, pkl_id object, struct buf *out)
{
    struct buf path;
    struct error why;
    enum pb_err err;

    buf_init(&path, BUF_MAX_TEXT);
    err = pkl_path_of(&d->ed->view, object, PATH_FORM_PYTHON, &path, &why);
    if (err == PB_ENOTFOUND) {
        buf_puts(out, _("an object"));
        err = PB_OK;
    } else if (err != PB_OK) {
        error_set(d->e, err, "%s", why.msg);
    } else if (path.len == 0) {
        buf_puts(out, _("the whole value"));
    } else {
        text_escape_cols(out, path.data, path.len, LONGEST_PATH);
    }
    buf_release(&path);
    return err;
}

static bool seen(struct doubts *d, pkl_id object, enum pb_err *err)
{
    uint64_t known;

    if (idmap_get(&d->seen, object, &known))
        return true;
    if (!idmap_put(&d->seen, object, 1))
        *err = error_nomem(d->e);
    return false;
}

static bool seen_inside(struct doubts *d, pkl_id object, enum pb_err *err)
{
    return seen(d, object | (pkl_id)1 << 63, err);
}

/* ----------------------------------------------------------------- what a lens knows */

static enum pb_err lens_says(struct doubts *d, struct pkl_view *v, pkl_id object, const char **type,
                             struct buf *why)
{
    struct lens_reader r;
    struct pkl_node n;
    struct lens l;
    enum pb_err err = v->node(v, object, &n, d->e);

    *type = NULL;
    if (err != PB_OK)
        return err;
    lens_reader_init(&r, v);
    lens_init(&l);
    err = lens_read(&r, &n, n.end - n.begin < WHOLE ? SIZE_MAX : 64, &l, d->e);
    if (err == PB_OK && l.row != NULL)
        *type = l.type;
    else if (err == PB_OK)
        buf_puts(why, l.reason);
    lens_release(&l);
    lens_reader_release(&r);
    return err;
}

/* An object that the document has and that was what its class accepts: is it still? */
static enum pb_err still_reads(struct doubts *d, pkl_id object, bool *told)
{
    const char *was = NULL, *is = NULL;
    struct buf why, path;
    enum pb_err err = PB_OK;

    if (PKL_ID_SOURCE(object) != 0 || PKL_ID_TAG(object) != PKL_TAG_VALUE ||
        seen(d, object, &err) || err != PB_OK)
        return err;
    buf_init(&why, BUF_MAX_LINE);
    buf_init(&path, BUF_MAX_LINE);
    err = lens_says(d, d->ed->base, object, &was, &why);
    buf_clear(&why);
    if (err == PB_OK && was != NULL)
        err = lens_says(d, &d->ed->view, object, &is, &why);
    if (err == PB_OK && was != NULL && is == NULL) {
        *told = true;
        err = path_text(d, object, &path);
        buf_printf(d->out, _("%s no longer reads as %s (%s): Python may not load or use it\n"),
                   path.data, was, why.len > 0 ? why.data : _("its parts are others"));
    }
    buf_release(&why);
    buf_release(&path);
    return err;
}

/* ---------------------------------------------------------- what an unknown class must have */

static enum pb_err class_text(struct doubts *d, pkl_id object, struct buf *out)
{
    struct pkl_view *v = &d->ed->view;
    struct pkl_child class, arg[REBUILT_ARGS];
    struct pkl_name name = {0};
    bool rebuilt = false;
    enum pb_err err = v->part(v, object, PKL_CLASS, &class, d->e);

    if (err == PB_OK)
        err = rebuilt_read(v, object, &rebuilt, arg, d->e);
    if (err == PB_OK)
        err = pkl_name_read(v, rebuilt ? &arg[0].value : &class.value, &name, d->e);
    if (err == PB_OK) {
        text_escape_cols(out, name.module, strlen(name.module), LONGEST_PATH);
        buf_putc(out, '.');
        text_escape_cols(out, name.name, strlen(name.name), LONGEST_PATH);
    } else if (err == PB_EUNSUPPORTED || err == PB_ENOTFOUND) {
        buf_puts(out, _("its class"));
        err = PB_OK;
    }
    pkl_name_release(&name);
    return err;
}

enum first { FIRST_ITEMS, FIRST_KEYS, FIRST_STATE, FIRST_SLOT };

static enum pb_err tell(struct doubts *d, pkl_id object, enum first what)
{
    struct buf path, class;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&class, BUF_MAX_LINE);
    err = path_text(d, object, &path);
    if (err == PB_OK)
        err = class_text(d, object, &class);
    if (err == PB_OK && what == FIRST_ITEMS)
        buf_printf(d->out,
                   _("%s has no items in this pickle: Python puts them in with append() or "
                     "extend(); if %s is no kind of list, the result cannot be loaded\n"),
                   path.data, class.data);
    else if (err == PB_OK && what == FIRST_KEYS)
        buf_printf(d->out,
                   _("%s has no keys in this pickle: Python puts them in with obj[key] = value; if "
                     "%s is no kind of dict, the result cannot be loaded\n"),
                   path.data, class.data);
    else if (err == PB_OK && what == FIRST_STATE)
        buf_printf(d->out,
                   _("%s has no attributes in this pickle: if %s has __slots__ or is a "
                     "namedtuple, the result cannot be loaded\n"),
                   path.data, class.data);
    else if (err == PB_OK)
        buf_printf(d->out,
                   _("%s gets another slot: if %s has none of this name, the result cannot be "
                     "loaded\n"),
                   path.data, class.data);
    buf_release(&path);
    buf_release(&class);
    return err;
}

static enum pb_err has_part(struct pkl_view *v, pkl_id object, enum pkl_part which,
                            struct pkl_child *out, bool *has, struct error *e)
{
    struct error why;
    enum pb_err err = v->part(v, object, which, out, &why);

    *has = err == PB_OK;
    return err == PB_OK || err == PB_ENOTFOUND ? PB_OK : error_set(e, err, "%s", why.msg);
}

/* Items or entries came into an object that had none. */
static enum pb_err first_items(struct doubts *d, pkl_id list)
{
    bool items = PKL_ID_TAG(list) == PKL_TAG_ITEMS, had;
    pkl_id object = PKL_ID(0, PKL_TAG_VALUE, PKL_ID_OFFSET(list));
    struct pkl_child part;
    struct pkl_node n;
    const char *type = NULL;
    enum pb_err err = PB_OK;

    if (PKL_ID_SOURCE(list) != 0 || seen(d, list, &err) || err != PB_OK)
        return err;
    err = has_part(d->ed->base, object, items ? PKL_ITEMS : PKL_ENTRIES, &part, &had, d->e);
    if (err != PB_OK || had)
        return err;
    err = d->ed->base->node(d->ed->base, object, &n, d->e);
    if (err == PB_OK)
        err = pkl_lens_type(d->ed->base, &n, &type, d->e);
    if (err != PB_OK || type != NULL)
        return err;
    return tell(d, object, items ? FIRST_ITEMS : FIRST_KEYS);
}

/* A first state of what has arguments: a kind of tuple, which may have no attributes. */
static enum pb_err first_state(struct doubts *d, pkl_id object)
{
    struct pkl_child args, arg[REBUILT_ARGS];
    bool has, rebuilt = false;
    enum pb_err err = PB_OK;

    if (PKL_ID_SOURCE(object) != 0)
        return PB_OK;
    err = has_part(d->ed->base, object, PKL_ARGS, &args, &has, d->e);
    if (err == PB_OK && has)
        err = rebuilt_read(d->ed->base, object, &rebuilt, arg, d->e);
    if (err != PB_OK || !has || args.value.count == 0 ||
        (rebuilt && arg[2].value.kind != PKL_TUPLE))
        return err;
    return tell(d, object, FIRST_STATE);
}

/* A name that came to those of __slots__. */
static enum pb_err first_slot(struct doubts *d, const struct path_chain *way, pkl_id owner)
{
    struct pkl_child slots;
    bool has = false;
    enum pb_err err = PB_OK;

    for (size_t i = way->len; i-- > 0 && err == PB_OK && !has;) {
        if (way->data[i].value.kind != PKL_OBJECT)
            continue;
        err = has_part(&d->ed->view, way->data[i].value.target, PKL_SLOTS, &slots, &has, d->e);
        if (err == PB_OK && has && slots.value.target == owner)
            return tell(d, way->data[i].value.target, FIRST_SLOT);
    }
    return err;
}

/* ------------------------------------------------------------------------------- all */

/* Inside of what makes a table, where pandas keeps some things twice: the innermost object that
 * holds the change is no value that a lens knows. */
static enum pb_err inside_table(struct doubts *d, const struct path_chain *way)
{
    const char *type = NULL;
    struct buf path, why;
    size_t i = way->len;
    enum pb_err err = PB_OK;

    buf_init(&why, BUF_MAX_LINE);
    buf_init(&path, BUF_MAX_LINE);
    while (i > 0 && (way->data[i - 1].value.kind != PKL_OBJECT ||
                     PKL_ID_TAG(way->data[i - 1].value.target) != PKL_TAG_VALUE))
        i--;
    if (i > 0)
        err = lens_says(d, &d->ed->view, way->data[i - 1].value.target, &type, &why);
    for (bool looks = i > 0 && type == NULL; looks && --i > 0 && err == PB_OK;) {
        const struct pkl_node *n = &way->data[i - 1].value;

        if (n->kind != PKL_OBJECT || PKL_ID_TAG(n->target) != PKL_TAG_VALUE)
            continue;
        err = lens_says(d, &d->ed->view, n->target, &type, &why);
        looks = err == PB_OK && (type == NULL || strncmp(type, "pandas.", 7) != 0);
        if (looks || seen_inside(d, n->target, &err) || err != PB_OK)
            continue;
        err = path_text(d, n->target, &path);
        buf_printf(d->out,
                   _("%s is a %s, which keeps some things twice: what was changed inside of it may "
                     "stand elsewhere in it, too; look at it with Python\n"),
                   path.data, type);
    }
    buf_release(&path);
    buf_release(&why);
    return err;
}

static enum pb_err of_change(struct doubts *d, const struct pkl_change *c)
{
    struct path_chain way = {0};
    bool told = false, class = c->place.step == PKL_STEP_PART && c->place.part == PKL_CLASS;
    enum pb_err err = edit_change_way(d->ed, c, &way, d->e);

    /* Who sets a class means another one. */
    for (size_t i = 0; i + class < way.len && err == PB_OK; i++) {
        if (way.data[i].value.kind == PKL_OBJECT)
            err = still_reads(d, way.data[i].value.target, &told);
    }
    if (err == PB_OK && !told && !class)
        err = inside_table(d, &way);
    if (err == PB_OK && (c->what & PKL_CHANGE_ADDED) != 0) {
        unsigned tag = PKL_ID_TAG(c->place.owner);

        if (tag == PKL_TAG_ITEMS || tag == PKL_TAG_ENTRIES)
            err = first_items(d, c->place.owner);
        else if (c->place.step != PKL_STEP_PART || c->place.part != PKL_STATE)
            err = first_slot(d, &way, c->place.owner);
    }
    vec_release(&way);
    return err;
}

enum pb_err pkl_edit_doubts(struct pkl_edit *ed, struct buf *out, struct error *e)
{
    struct doubts d = {.ed = ed, .out = out, .e = e};
    size_t n = pkl_edit_changes(ed);
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && i < CHANGES && err == PB_OK; i++) {
        struct pkl_change c;

        err = pkl_edit_change(ed, i, &c, e);
        if (err == PB_OK)
            err = of_change(&d, &c);
    }
    /* One that was only made for an attribute is no change that is shown. */
    for (size_t i = 0; i < ed->changes.rows.len && i < CHANGES && err == PB_OK; i++) {
        const struct edit_change *c = &ed->changes.rows.data[i];

        if (c->what == PKL_CHANGE_ADDED && !c->covered && c->place.step == PKL_STEP_PART &&
            c->place.part == PKL_STATE)
            err = first_state(&d, c->place.owner);
    }
    idmap_release(&d.seen);
    return err == PB_OK ? buf_status(out, e) : err;
}

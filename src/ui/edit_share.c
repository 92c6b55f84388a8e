/* An edit of a value that stands at several places: here, or everywhere. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "state.h"

#define AT_ONCE ((uint64_t)16 << 20) /* a pickle of so many bytes is looked through in no time */

struct asked_where {
    struct pkl_child *way;
    size_t n;
    char *text;
    size_t len;
    bool itself;             /* the value is shared, not only something around it */
    struct shared_edit edit; /* apply NULL: the value is set to what the text says */
};

enum where { WHERE_HERE, WHERE_EVERYWHERE, WHERE_CANCEL };
static const struct dialog_button buttons[] = {
    {'o', N_("Only here")}, {'e', N_("Everywhere")}, {K_NONE, N_("Cancel")}};

void asked_where_free(struct asked_where *a)
{
    if (a == NULL)
        return;
    free(a->way);
    free(a->text);
    free(a);
}

static enum pb_err set_here(struct pkl_edit *edit, struct asked_where *a, const struct literal *l,
                            struct error *e)
{
    enum pb_err err;

    pkl_edit_group_begin(edit);
    err = pkl_edit_own(edit, a->way, a->n, e);
    if (err == PB_OK)
        err = pkl_edit_set(edit, &a->way[a->n - 1], l, e);
    pkl_edit_group_end(edit);
    return err;
}

/* A value inside a shared one is everywhere as soon as it is set. */
static enum pb_err set_everywhere(struct pkl_edit *edit, const struct asked_where *a,
                                  const struct literal *l, struct error *e)
{
    const struct pkl_child *place = &a->way[a->n - 1];

    return a->itself ? pkl_edit_set_everywhere(edit, place, l, e) : pkl_edit_set(edit, place, l, e);
}

static enum pb_err set_text(struct pkl_edit *edit, struct asked_where *a, bool here,
                            struct error *e)
{
    struct literal *l;
    struct arena mem;
    size_t at;
    enum pb_err err;

    arena_init(&mem);
    err = literal_parse(&mem, a->text, a->len, &l, &at, e);
    if (err == PB_OK)
        err = here ? set_here(edit, a, l, e) : set_everywhere(edit, a, l, e);
    arena_release(&mem);
    return err;
}

static enum pb_err apply(struct ui *u, struct pkl_edit *edit, struct asked_where *a, bool here,
                         struct error *e)
{
    enum pb_err err = PB_OK;

    a->edit.text = a->text;
    pkl_edit_group_begin(edit);
    if (here)
        err = a->edit.into ? pkl_edit_own_value(edit, a->way, a->n, e)
                           : pkl_edit_own(edit, a->way, a->n, e);
    if (err == PB_OK)
        err = a->edit.apply(u, &a->way[a->n - 1], &a->edit, e);
    pkl_edit_group_end(edit);
    return err;
}

static void on_where(struct ui *u, int button)
{
    struct asked_where *a = u->asked;
    struct pkl_edit *edit = right_edit(u);
    bool only_here = button == WHERE_HERE;
    struct error e;
    enum pb_err err;

    u->asked = NULL;
    if (a == NULL || edit == NULL || (!only_here && button != WHERE_EVERYWHERE)) {
        asked_where_free(a);
        return;
    }
    err =
        a->edit.apply != NULL ? apply(u, edit, a, only_here, &e) : set_text(edit, a, only_here, &e);
    if (err != PB_OK)
        ui_error(u, &e);
    right_refresh(u);
    asked_where_free(a);
}

/* Of all on the way; what is not known is asked for together. */
static enum pb_err know_uses(struct ui *u, const struct pkl_child *way, size_t n, struct error *e)
{
    bool small = pkl_doc_source(app_object_doc(u->right.object))->size <= AT_ONCE, known = true;
    uint64_t uses;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        if (small)
            err = pkl_edit_value_uses(right_edit(u), way[i].value.target, &uses, e);
        else
            known = uses_known(u, way[i].value.target, &uses) && known;
    }
    if (err != PB_OK || known)
        return err;
    return error_set(e, PB_EAGAIN,
                     "where this value stands is still being counted: again in a moment");
}

/* How many places the value has, and the innermost container around it that is shared. */
static enum pb_err count_uses(struct ui *u, const struct pkl_child *way, size_t n, uint64_t *self,
                              uint64_t *around, size_t *which, struct error *e)
{
    enum pb_err err = know_uses(u, way, n, e);

    *self = *around = 1;
    if (err != PB_OK)
        return err;
    (void)uses_known(u, way[n - 1].value.target, self);
    for (size_t i = n - 1; i-- > 0 && *around <= 1;) {
        (void)uses_known(u, way[i].value.target, around);
        *which = i;
    }
    return PB_OK;
}

static enum pb_err put_where(struct ui *u, const struct pkl_child *way, size_t which,
                             struct buf *out, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i <= which && err == PB_OK; i++)
        err = pkl_path_step_text(tree_view(u->right.tree), &way[i], PATH_FORM_PYTHON, out, e);
    return err;
}

/* As in Python: another value at a place is one there, a change inside a value is one of it. */
static enum pb_err ask(struct ui *u, const struct pkl_child *way, size_t n,
                       const struct shared_edit *x, uint64_t self, uint64_t around, size_t which,
                       struct error *e)
{
    struct asked_where *a = mem_alloc(sizeof *a);
    struct dialog *d;
    struct buf line, what;

    if (a != NULL) {
        a->way = mem_realloc(NULL, n, sizeof *a->way);
        a->text = mem_strndup(x->text, x->len);
    }
    if (a == NULL || a->way == NULL || a->text == NULL) {
        asked_where_free(a);
        return error_nomem(e);
    }
    memcpy(a->way, way, n * sizeof *way);
    a->n = n;
    a->len = x->len;
    a->edit = *x;
    a->itself = self > 1;
    asked_where_free(u->asked);
    u->asked = a;
    d = dialog_new(u, _("Where?"), buttons, sizeof buttons / sizeof buttons[0],
                   self > 1 ? WHERE_HERE : WHERE_EVERYWHERE, on_where);
    if (d == NULL)
        return error_nomem(e);
    buf_init(&line, BUF_MAX_LINE);
    if (self > 1) {
        buf_printf(&line, _("This value stands at %llu places."), (unsigned long long)self);
    } else {
        buf_init(&what, BUF_MAX_LINE);
        if (put_where(u, way, which, &what, e) != PB_OK)
            buf_puts(&what, _("a value"));
        buf_printf(&line, _("It is inside of %s, which stands at %llu places."), what.data,
                   (unsigned long long)around);
        buf_release(&what);
    }
    (void)lines_add(&d->head, STYLE_VALUE, line.data);
    buf_release(&line);
    dialog_open(u, d);
    return PB_OK;
}

enum pb_err edit_set_shared(struct ui *u, const struct pkl_child *way, size_t n,
                            const struct literal *value, const char *text, size_t len,
                            struct error *e)
{
    uint64_t self, around;
    size_t which = 0;
    struct shared_edit set = {.text = text, .len = len};
    enum pb_err err = count_uses(u, way, n, &self, &around, &which, e);

    if (err == PB_OK && (self > 1 || around > 1))
        return ask(u, way, n, &set, self, around, which, e);
    if (err == PB_OK)
        err = pkl_edit_set(right_edit(u), &way[n - 1], value, e);
    if (err == PB_OK)
        right_refresh(u);
    return err;
}

enum pb_err edit_shared(struct ui *u, const struct pkl_child *way, size_t n,
                        const struct shared_edit *x, struct error *e)
{
    uint64_t self, around;
    size_t which = 0;
    enum pb_err err = count_uses(u, way, n, &self, &around, &which, e);

    if (err == PB_OK && x->into && self > 1) {
        around = self;
        which = n - 1;
    }
    if (err == PB_OK && around > 1)
        return ask(u, way, n, x, 1, around, which, e);
    if (err == PB_OK)
        err = x->apply(u, &way[n - 1], x, e);
    right_refresh(u);
    return err;
}

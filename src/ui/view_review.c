/* What a save would do, before it is done. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "state.h"

enum { REVIEW_SAVE, REVIEW_AS, REVIEW_LOOK };
static const struct dialog_button buttons[] = {
    [REVIEW_SAVE] = {'y', N_("Save")},
    [REVIEW_AS] = {'a', N_("Save as\xe2\x80\xa6")},
    [REVIEW_LOOK] = {'n', N_("Look again")},
};

/* --- one change ----------------------------------------------------------------------------- */

static void change_path(struct app_object *o, const struct pkl_change *c, struct buf *out)
{
    struct error e;

    if (c->place.step == PKL_STEP_ROOT && app_object_view(o)->roots(app_object_view(o)) == 1)
        buf_puts(out, _("the whole value"));
    else if (app_change_path(o, c, PATH_FORM_PYTHON, out, &e) != PB_OK)
        buf_printf(out, "(%s)", e.msg);
}

static void preview(struct pkl_view *v, const struct pkl_node *n, struct buf *out)
{
    struct error e;

    if (n->id == 0)
        buf_puts(out, _("(new)"));
    else if (pkl_preview(v, n, 200, out, &e) != PB_OK)
        buf_printf(out, "<%s>", e.msg);
}

/* "31", "(deleted)", "moved to place 2", "renamed 'years', 31" */
static void new_side(struct pkl_view *v, const struct pkl_edit *edit, const struct pkl_change *c,
                     struct buf *out)
{
    const char *comma = "";
    uint64_t now;

    if ((c->what & PKL_CHANGE_DELETED) != 0) {
        buf_puts(out, _("(deleted)"));
        return;
    }
    if ((c->what & PKL_CHANGE_MOVED) != 0) {
        if (pkl_edit_find(edit, c->place.owner, c->place.index, &now))
            buf_printf(out, _("moved to place %llu"), (unsigned long long)now + 1);
        else
            buf_puts(out, _("moved"));
        comma = ", ";
    }
    if ((c->what & PKL_CHANGE_RENAMED) != 0) {
        buf_printf(out, _("%srenamed "), comma);
        preview(v, &c->new_key, out);
        comma = ", ";
    }
    if ((c->what & (PKL_CHANGE_SET | PKL_CHANGE_ADDED)) == 0)
        return;
    buf_puts(out, comma);
    preview(v, &c->place.value, out);
}

static void draw_change(struct ui *u, uint64_t row, const struct region *r, int y)
{
    struct pkl_view *v = app_object_view(u->right.object);
    struct pkl_edit *edit = app_object_edit(u->right.object);
    struct pkl_change c;
    struct buf text;
    struct error e;
    int path = (r->w - 4) * 2 / 5, side = (r->w - 4 - path - 6) / 2;

    if (edit == NULL || pkl_edit_unsaved_change(edit, (size_t)row, &c, &e) != PB_OK)
        return;
    buf_init(&text, BUF_MAX_LINE);
    change_path(u->right.object, &c, &text);
    (void)screen_field_end(r, y, 2, path, STYLE_LABEL, text.data, text.len);
    buf_clear(&text);
    preview(pkl_edit_saved_view(edit), &c.old, &text);
    (void)screen_field(r, y, 2 + path + 1, side, STYLE_VALUE, text.data, text.len);
    (void)screen_puts(r, y, 2 + path + 1 + side + 1, STYLE_NORMAL, "\xe2\x86\x92");
    buf_clear(&text);
    new_side(v, edit, &c, &text);
    (void)screen_field(r, y, 2 + path + 1 + side + 4, r->w - (2 + path + side + 5), STYLE_CHANGED,
                       text.data, text.len);
    buf_release(&text);
}

/* --- what will be so ------------------------------------------------------------------------ */

static void add_sizes(const struct app_review *r, struct lines *l)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text,
               _("%s \xe2\x86\x92 %s bytes, %s of them untouched. Decoded again: exactly these "
                 "changes."),
               TEXT_COUNT(r->size_before), TEXT_COUNT(r->size_after), TEXT_COUNT(r->untouched));
    (void)lines_add(l, STYLE_VALUE, text.data);
    buf_release(&text);
    if (r->sends_all != NULL)
        (void)lines_printf(l, STYLE_VALUE, _("All %s bytes are sent: %s."),
                           TEXT_COUNT(r->size_after), r->sends_all);
    for (size_t i = 0; i < APP_NOTES_MAX && r->notes[i] != NULL; i++)
        (void)lines_printf(l, STYLE_WARNING, _("Note: %s."), r->notes[i]);
    if (r->splice.renumbered > 0)
        (void)lines_printf(l, STYLE_VALUE,
                           _("No memo slot was free: %s references to other values have new "
                             "numbers."),
                           TEXT_COUNT(r->splice.renumbered));
}

/* "gzip again: 812 -> 813 bytes in it, 790 of them untouched." */
static void add_wrapping(const struct app_object *o, const struct app_review *r, struct lines *l)
{
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    app_object_wrapping(o, &name);
    if (name.len > 0)
        (void)lines_printf(l, STYLE_VALUE,
                           _("%s again: %s \xe2\x86\x92 %s bytes in it, %s of them untouched."),
                           name.data, TEXT_COUNT(r->plain_before), TEXT_COUNT(r->plain_after),
                           TEXT_COUNT(r->plain_untouched));
    buf_release(&name);
}

/* "! ['d'] no longer reads as datetime.date (month 13 is not 1 to 12): ..." */
static void add_doubts(struct pkl_edit *edit, struct lines *l)
{
    struct buf text;
    char *line, *end;

    buf_init(&text, BUF_MAX_TEXT);
    if (pkl_edit_doubts(edit, &text, NULL) == PB_OK && text.len > 0) {
        for (line = text.data; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            (void)lines_printf(l, STYLE_WARNING, "! %s.", line);
        }
    }
    buf_release(&text);
}

static void add_kept(const struct store_object *o, struct lines *l)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    for (size_t i = 0; i < o->keep.len; i++) {
        const char *name = o->keep.data[i].name;

        buf_puts(&text, text.len > 0 ? ", " : _("Kept as before: "));
        text_escape(&text, name, strlen(name));
    }
    if (o->tags > 0)
        buf_printf(&text, P_("%s%u tag", "%s%u tags", o->tags),
                   text.len > 0 ? ", " : _("Kept as before: "), o->tags);
    if (o->mode != 0)
        buf_printf(&text, _("%spermissions %03o"), text.len > 0 ? ", " : _("Kept as before: "),
                   (unsigned)o->mode & 07777u);
    if (text.len == 0)
        return;
    buf_putc(&text, '.');
    (void)lines_add(l, STYLE_VALUE, text.data);
    buf_release(&text);
}

static void add_condition(struct ui *u, struct lines *l)
{
    const struct store_identity *id = &app_object_info(u->right.object)->identity;
    struct buf text, what;

    buf_init(&text, BUF_MAX_LINE);
    buf_init(&what, BUF_MAX_LINE);
    if (u->saving.elsewhere) {
        (void)lines_add(l, STYLE_VALUE, _("Written only if nothing is there yet."));
    } else {
        identity_text(&what, id, app_object_location(u->right.object)->scheme);
        if (id->mtime != 0) {
            if (what.len > 0)
                buf_puts(&what, ", ");
            text_age(&what, id->mtime, clock_now());
        }
        if (what.len > 0)
            buf_printf(&text, _("Written only if nobody changed it since you opened it (%s). "),
                       what.data);
        else
            buf_puts(&text, _("Written only if nobody changed it since you opened it. "));
        if (u->saving.review->size_before <= HISTORY_BYTES_MAX)
            buf_puts(&text, _("Old bytes kept."));
        else
            buf_printf(&text, _("Old bytes are not kept: more than %u MiB."),
                       (unsigned)(HISTORY_BYTES_MAX >> 20));
        (void)lines_add(l, STYLE_VALUE, text.data);
    }
    buf_release(&text);
    buf_release(&what);
}

/* --- the dialog ----------------------------------------------------------------------------- */

static void on_choice(struct ui *u, int button)
{
    if (button == REVIEW_SAVE) {
        save_write(u, u->saving.elsewhere ? &u->saving.where : NULL, false);
        return;
    }
    save_dropped(u);
    if (button == REVIEW_AS)
        save_as_ask(u);
}

void review_open(struct ui *u)
{
    const struct location *to =
        u->saving.elsewhere ? &u->saving.where : app_object_location(u->right.object);
    size_t n = pkl_edit_unsaved(app_object_edit(u->right.object));
    struct dialog *d;
    struct buf title;

    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, u->saving.elsewhere ? _("Save as  ") : _("Save  "));
    app_show_location(&title, to);
    d = dialog_new(u, title.data, buttons, 3, REVIEW_SAVE, on_choice);
    buf_release(&title);
    if (d == NULL) {
        save_dropped(u);
        return;
    }
    (void)lines_printf(&d->head, STYLE_HEADING, P_("%zu change", "%zu changes", n), n);
    d->rows.count = n;
    d->rows.draw = draw_change;
    (void)lines_add(&d->tail, STYLE_NORMAL, "");
    add_doubts(app_object_edit(u->right.object), &d->tail);
    add_sizes(u->saving.review, &d->tail);
    add_wrapping(u->right.object, u->saving.review, &d->tail);
    if (!u->saving.elsewhere)
        add_kept(app_object_info(u->right.object), &d->tail);
    add_condition(u, &d->tail);
    dialog_open(u, d);
}

/* What the editing commands say they did: text for people, JSON for programs. */
#include <langinfo.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "cmd_edit.h"

#define VALUE_BYTES 120 /* of a value in the text */

static const char *arrow(const struct cli *c)
{
    bool ascii = c->args->given[OPT_ascii] || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;

    return ascii ? "->" : "\xe2\x86\x92";
}

/* What stood there is shown as it was, without the edits. */
static struct pkl_view *old_view(struct app_object *o, const struct pkl_change *change)
{
    return PKL_ID_SOURCE(change->old.id) == 0 ? pkl_doc_view(app_object_doc(o))
                                              : app_object_view(o);
}

static enum pb_err old_text(struct app_object *o, const struct pkl_change *change, struct buf *out,
                            struct error *e)
{
    return pkl_preview(old_view(o, change), &change->old, VALUE_BYTES, out, e);
}

static enum pb_err new_text(struct app_object *o, const struct pkl_node *n, struct buf *out,
                            struct error *e)
{
    return pkl_preview(app_object_view(o), n, VALUE_BYTES, out, e);
}

/* "30 -> 31", "(new) -> 31", "30 -> (deleted)", "renamed -> 'years'", "moved" */
static enum pb_err what_text(const struct cli *c, struct app_object *o,
                             const struct pkl_change *change, struct buf *out, struct error *e)
{
    const char *comma = "";
    enum pb_err err = PB_OK;

    if ((change->what & PKL_CHANGE_DELETED) != 0) {
        err = old_text(o, change, out, e);
        buf_printf(out, _(" %s (deleted)"), arrow(c));
        return err;
    }
    if ((change->what & PKL_CHANGE_MOVED) != 0) {
        buf_puts(out, _("moved"));
        comma = ", ";
    }
    if ((change->what & PKL_CHANGE_RENAMED) != 0) {
        buf_printf(out, _("%srenamed %s "), comma, arrow(c));
        err = new_text(o, &change->new_key, out, e);
        comma = ", ";
    }
    if (err != PB_OK || (change->what & (PKL_CHANGE_SET | PKL_CHANGE_ADDED)) == 0)
        return err;
    buf_puts(out, comma);
    if ((change->what & PKL_CHANGE_ADDED) != 0)
        buf_puts(out, _("(new)"));
    else
        err = old_text(o, change, out, e);
    buf_printf(out, " %s ", arrow(c));
    return err == PB_OK ? new_text(o, &change->place.value, out, e) : err;
}

/* "['age']  30 -> 31" */
static enum pb_err change_text(const struct cli *c, struct app_object *o,
                               const struct pkl_change *change, struct buf *out, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_TEXT);
    err = app_change_path(o, change, PATH_FORM_PYTHON, &path, e);
    text_escape(out, path.data, path.len);
    buf_puts(out, "  ");
    if (err == PB_OK)
        err = what_text(c, o, change, out, e);
    buf_putc(out, '\n');
    buf_release(&path);
    return err;
}

static void outcome_text(const struct report *r, struct buf *out)
{
    const struct store_identity *now = r->saved != NULL ? r->saved->now : NULL;

    if (now == NULL)
        return;
    buf_puts(out, _("saved"));
    if (now->etag != NULL) {
        buf_puts(out, ", ETag ");
        text_escape(out, now->etag, strlen(now->etag));
    }
    if (now->version_id != NULL) {
        buf_puts(out, _(", version "));
        text_escape(out, now->version_id, strlen(now->version_id));
    }
    buf_putc(out, '\n');
}

/* "gzip: 812 -> 813 bytes decoded, 790 of them untouched" */
static void add_wrapping(const struct cli *c, const struct report *r, struct buf *out)
{
    size_t before = out->len;

    app_object_wrapping(r->object, out);
    if (out->len == before)
        return;
    buf_printf(out, _(": %llu %s %llu bytes decoded, %llu of them untouched\n"),
               (unsigned long long)r->review->plain_before, arrow(c),
               (unsigned long long)r->review->plain_after,
               (unsigned long long)r->review->plain_untouched);
}

enum pb_err report_text(const struct cli *c, const struct report *r, struct buf *out,
                        struct error *e)
{
    struct pkl_edit *ed = app_object_edit(r->object);
    size_t n = pkl_edit_changes(ed);
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct pkl_change change;

        err = pkl_edit_change(ed, i, &change, e);
        if (err == PB_OK)
            err = change_text(c, r->object, &change, out, e);
    }
    if (err != PB_OK)
        return err;
    if (n == 0)
        buf_puts(out, _("no change\n"));
    buf_printf(out, _("%llu %s %llu bytes, %llu of them untouched\n"),
               (unsigned long long)r->review->size_before, arrow(c),
               (unsigned long long)r->review->size_after, (unsigned long long)r->review->untouched);
    if (r->review->sends_all != NULL)
        buf_printf(out, _("all %llu bytes are sent: %s\n"),
                   (unsigned long long)r->review->size_after, r->review->sends_all);
    for (size_t i = 0; i < APP_NOTES_MAX && r->review->notes[i] != NULL; i++)
        buf_printf(out, _("note: %s\n"), r->review->notes[i]);
    add_wrapping(c, r, out);
    if (r->review->splice.renumbered > 0)
        buf_printf(out,
                   _("no memo slot was free: %llu references to other values have new numbers\n"),
                   (unsigned long long)r->review->splice.renumbered);
    outcome_text(r, out);
    return buf_status(out, e);
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static const char *what_word(unsigned what)
{
    return (what & PKL_CHANGE_ADDED) != 0     ? "added"
           : (what & PKL_CHANGE_DELETED) != 0 ? "deleted"
           : (what & PKL_CHANGE_RENAMED) != 0 ? "renamed"
                                              : "moved";
}

static enum pb_err change_json(struct app_object *o, const struct pkl_change *change,
                               struct buf *out, struct error *e)
{
    struct sink to = sink_buf(out);
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_TEXT);
    err = app_change_path(o, change, PATH_FORM_PYTHON, &path, e);
    buf_putc(out, '{');
    json_name(out, "path");
    json_bytes(out, path.data, path.len);
    buf_release(&path);
    if (change->what != PKL_CHANGE_SET) {
        json_member(out, "what", what_word(change->what));
    }
    if (err == PB_OK && (change->what & PKL_CHANGE_RENAMED) != 0) {
        json_name(out, "key");
        err = pkl_json(app_object_view(o), &change->new_key, &to, e);
    }
    if (err == PB_OK && change->old.id != 0) {
        json_name(out, "old");
        err = pkl_json(old_view(o, change), &change->old, &to, e);
    }
    if (err == PB_OK && (change->what & PKL_CHANGE_DELETED) == 0) {
        json_name(out, "new");
        err = pkl_json(app_object_view(o), &change->place.value, &to, e);
    }
    buf_putc(out, '}');
    return err;
}

static void location_json(struct buf *out, const struct location *loc)
{
    struct buf text;

    buf_init(&text, BUF_MAX_TEXT);
    location_format(&text, loc);
    json_bytes(out, text.data, text.len);
    buf_release(&text);
}

static void outcome_json(const struct report *r, struct buf *out)
{
    const struct app_saved *s = r->saved;
    bool written = s != NULL && s->now != NULL;

    json_member_bool(out, "written", written);
    if (!written)
        return;
    json_member_bool(out, "checked", s->outcome == APP_SAVED);
    json_member(out, "etag", s->now->etag);
    json_member(out, "version_id", s->now->version_id);
    json_member(out, "kept", s->kept);
}

static void doubts_json(const struct report *r, struct buf *out)
{
    const char *comma = "", *line = r->doubts->data, *end;

    if (r->doubts->len == 0)
        return;
    buf_puts(out, ", \"warnings\": [");
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        buf_puts(out, comma);
        json_bytes(out, line, (size_t)(end - line));
        comma = ", ";
    }
    buf_putc(out, ']');
}

static void wrapping_json(const struct report *r, struct buf *out)
{
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    app_object_wrapping(r->object, &name);
    if (name.len > 0) {
        json_member(out, "wrapping", name.data);
        json_member_number(out, "decoded_before", r->review->plain_before);
        json_member_number(out, "decoded_after", r->review->plain_after);
        json_member_number(out, "decoded_untouched", r->review->plain_untouched);
    }
    buf_release(&name);
}

static void renumbered_json(const struct report *r, struct buf *out)
{
    if (r->review->splice.renumbered > 0)
        json_member_number(out, "renumbered", r->review->splice.renumbered);
}

enum pb_err report_json(const struct report *r, struct buf *out, struct error *e)
{
    struct pkl_edit *ed = app_object_edit(r->object);
    size_t n = pkl_edit_changes(ed);
    enum pb_err err = PB_OK;

    buf_putc(out, '{');
    json_name(out, "location");
    location_json(out, app_object_location(r->object));
    if (r->to != NULL) {
        json_name(out, "output");
        location_json(out, r->to);
    }
    buf_puts(out, ", \"changes\": [");
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct pkl_change change;

        if (i > 0)
            buf_puts(out, ", ");
        err = pkl_edit_change(ed, i, &change, e);
        if (err == PB_OK)
            err = change_json(r->object, &change, out, e);
    }
    if (err != PB_OK)
        return err;
    buf_putc(out, ']');
    json_member_number(out, "bytes_before", r->review->size_before);
    json_member_number(out, "bytes_after", r->review->size_after);
    json_member_number(out, "untouched", r->review->untouched);
    wrapping_json(r, out);
    doubts_json(r, out);
    renumbered_json(r, out);
    outcome_json(r, out);
    buf_puts(out, "}\n");
    return buf_status(out, e);
}

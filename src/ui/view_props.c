/* Properties: what the store says of an object, and what its bytes are. */
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

/* The stores' own names of properties; those of headers and of people stay as they are. */
static const char *const names[] = {N_("Size"),  N_("Modified"), N_("Mode"), N_("Owner"),
                                    N_("Links"), N_("Version"),  N_("Tag"),  N_("Tags"),
                                    N_("Grant"), N_("Access"),   N_("Hold"), N_("Retention")};

static const char *name_of(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0)
            return _(names[i]);
    }
    return name;
}

static void pair(struct lines *l, const char *label, const char *value)
{
    struct buf name, text;

    buf_init(&name, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    text_escape(&name, label, strlen(label));
    text_escape(&text, value, strlen(value));
    (void)lines_pair(l, STYLE_VALUE, name.data, text.data);
    buf_release(&name);
    buf_release(&text);
}

static void identity_lines(const struct store_identity *id, struct lines *l)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("%s bytes"), TEXT_COUNT(id->size));
    pair(l, _("size"), text.data);
    if (id->mtime != 0) {
        buf_clear(&text);
        clock_format_iso(&text, id->mtime);
        pair(l, _("changed"), text.data);
    }
    if (id->etag != NULL)
        pair(l, "ETag", id->etag);
    if (id->version_id != NULL)
        pair(l, _("version"), id->version_id);
    buf_release(&text);
}

static void store_lines(const struct store_object *o, struct lines *l)
{
    for (size_t i = 0; i < o->shown.len; i++)
        pair(l, name_of(o->shown.data[i].name), o->shown.data[i].value);
    if (o->tags > 0)
        (void)lines_printf(l, STYLE_VALUE, P_("%u tag", "%u tags", o->tags), o->tags);
}

static void detail_lines(const struct http_headers *rows, struct lines *l)
{
    for (size_t i = 0; rows != NULL && i < rows->len; i++)
        pair(l, name_of(rows->data[i].name), rows->data[i].value);
}

static void count_line(struct lines *l, const char *label, uint64_t n)
{
    struct buf text;

    buf_init(&text, 64);
    text_count(&text, n);
    pair(l, label, text.data);
    buf_release(&text);
}

/* What the tree does not show, and does not know to be there. */
static void setter_lines(const struct pkl_doc *doc, struct lines *l)
{
    const struct pkl_note *notes;
    uint64_t total;
    size_t n = pkl_doc_notes(doc, &notes, &total);

    for (size_t i = 0; i < n; i++) {
        if (notes[i].hidden) {
            (void)lines_add(l, STYLE_WARNING, _(notes[i].text));
            return;
        }
    }
}

static void pickle_lines(const struct pkl_doc *doc, struct lines *l)
{
    struct pkl_info info;

    pkl_doc_info(doc, &info);
    (void)lines_add(l, STYLE_NORMAL, "");
    (void)lines_add(l, STYLE_HEADING, _("Pickle"));
    count_line(l, _("protocol"), info.protocol);
    if (info.py2)
        pair(l, _("written by"), "Python 2");
    count_line(l, _("pickles"), info.pickles);
    count_line(l, _("opcodes"), info.opcodes);
    count_line(l, _("frames"), info.frames);
    count_line(l, _("memo entries"), info.memo_puts);
    if (info.trailing > 0)
        count_line(l, _("bytes behind it"), info.trailing);
    setter_lines(doc, l);
}

void props_lines(struct ui *u, struct lines *out)
{
    struct app_object *o = u->right.object;
    bool alarming;
    const char *grade = audit_grade(u, &alarming);
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    app_show_location(&where, app_object_location(o));
    (void)lines_add(out, STYLE_HEADING, where.data);
    if (app_object_info(o)->shown.len == 0)
        identity_lines(&app_object_info(o)->identity, out);
    store_lines(app_object_info(o), out);
    if (u->right.properties)
        detail_lines(app_object_details(o), out);
    if (app_object_doc(o) != NULL)
        pickle_lines(app_object_doc(o), out);
    if (grade != NULL)
        (void)lines_pair(out, alarming ? STYLE_WARNING : STYLE_VALUE, _("imports"), _(grade));
    buf_release(&where);
}

void cmd_properties(struct ui *u, int arg)
{
    struct location where;
    enum store_kind kind;

    (void)arg;
    if (u->right_focus) {
        u->right.properties = !u->right.properties;
        list_init(&u->right.lines_list);
        return;
    }
    if (!left_location(u, &where, &kind)) {
        u->right.properties = u->right_focus = u->right.object != NULL;
        return;
    }
    if (kind == STORE_OBJECT)
        nav_open(u, &where, true, false);
    else
        ui_say(u, SAY_INFO, "Properties are those of an object; this is a place to list.");
    location_release(&where);
}

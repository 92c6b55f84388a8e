/* The addresses of an object, one of which is copied. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

struct link_rows {
    struct http_headers all;
};

static bool is_secret(const char *name)
{
    return strncmp(name, STORE_SECRET, sizeof STORE_SECRET - 1) == 0;
}

static uint64_t links_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct link_rows *)ctx)->all.len;
}

/* What is signed works for whoever reads it: only what it is of is shown. */
static void links_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const struct http_header *h = &((const struct link_rows *)ctx)->all.data[row];
    size_t n = is_secret(h->name) ? strcspn(h->value, "?") : strlen(h->value);
    struct buf text;

    (void)u;
    buf_init(&text, BUF_MAX_TEXT);
    text_escape(&text, h->value, n);
    if (is_secret(h->name))
        buf_puts(&text, "?\xe2\x80\xa6");
    (void)screen_puts(r, 0, 0, STYLE_NAME, h->name);
    (void)screen_field(r, 0, 22, r->w - 22, STYLE_VALUE, text.data, text.len);
    buf_release(&text);
}

static void links_note(struct ui *u, void *ctx, uint64_t row, struct lines *out)
{
    const struct http_header *h = &((const struct link_rows *)ctx)->all.data[row];

    (void)u;
    if (is_secret(h->name))
        (void)lines_add(out, STYLE_WARNING,
                        _("Whoever has it can read the object until it ends, or until the session "
                          "that signed it does. It is copied, never shown."));
}

static void links_take(struct ui *u, void *ctx, uint64_t row)
{
    const struct http_header *h = &((const struct link_rows *)ctx)->all.data[row];
    struct buf text;

    buf_init(&text, BUF_MAX_TEXT);
    buf_puts(&text, h->value);
    if (!is_secret(h->name))
        ui_copy(u, h->name, &text);
    else
        ui_copy_secret(u, h->name, &text);
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    buf_release(&text);
}

static void links_release(void *ctx)
{
    struct link_rows *l = ctx;

    for (size_t i = 0; i < l->all.len; i++)
        explicit_bzero(l->all.data[i].value, strlen(l->all.data[i].value));
    http_headers_release(&l->all);
    free(l);
}

static const struct picker_ops links_ops = {
    .count = links_count,
    .draw = links_draw,
    .note = links_note,
    .take = links_take,
    .release = links_release,
    .empty = N_("It has no address."),
};

static void show(struct ui *u, const struct http_headers *rows)
{
    struct link_rows *l = mem_alloc(sizeof *l);
    struct error e;
    struct buf uri;
    enum pb_err err = l != NULL ? PB_OK : error_nomem(&e);

    buf_init(&uri, BUF_MAX_LINE);
    location_format(&uri, &u->links_of);
    if (err == PB_OK && strpbrk(uri.data, "\r\n") == NULL)
        err = http_headers_add(&l->all, "location", uri.data, &e);
    for (size_t i = 0; err == PB_OK && rows != NULL && i < rows->len; i++)
        err = http_headers_add(&l->all, rows->data[i].name, rows->data[i].value, &e);
    buf_release(&uri);
    if (err == PB_OK) {
        picker_open(u, &links_ops, l, _("Copy an address"));
        return;
    }
    ui_error(u, &e);
    if (l != NULL)
        links_release(l);
}

void links_stop(struct ui *u)
{
    app_links_free(u->links);
    u->links = NULL;
    location_release(&u->links_of);
    u->links_of = (struct location){0};
}

static void on_links(void *ctx, const struct http_headers *rows, const struct error *e)
{
    struct ui *u = ctx;

    if (e != NULL)
        ui_error(u, e);
    else
        show(u, rows);
    links_stop(u);
    ui_changed(u);
}

static void start(struct ui *u, const struct location *where, const char *version_id)
{
    struct error e;

    links_stop(u);
    if (location_copy(&u->links_of, where, &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    if (app_links_start(u->app, where, version_id, on_links, u, &u->links, &e) == PB_OK)
        return;
    if (e.code == PB_EUNSUPPORTED)
        show(u, NULL);
    else
        ui_error(u, &e);
    links_stop(u);
}

void cmd_links(struct ui *u, int arg)
{
    const struct app_object *o = u->right.object;
    struct location where;
    enum store_kind kind;

    (void)arg;
    if (u->right_focus && o != NULL) {
        start(u, app_object_location(o),
              u->right.version[0] != '\0' ? app_object_info(o)->identity.version_id : NULL);
    } else if (!u->right_focus && left_location(u, &where, &kind)) {
        if (kind == STORE_OBJECT)
            start(u, &where, NULL);
        else
            ui_say(u, SAY_INFO, "Other addresses are those of objects.");
        location_release(&where);
    } else {
        ui_say(u, SAY_INFO, "Go to an object first.");
    }
}

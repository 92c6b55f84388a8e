/* Paths and places, completed. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "complete.h"

#define CHILDREN 4096u /* of a container that are looked at, */
#define AT_ONCE 64u    /* so many a time; */
#define ROWS 100000u   /* rows of a listing */
#define SHOWN 600u     /* bytes of candidates that are told */

/* A local folder that is read because Tab was pressed behind its name. */
struct completer {
    struct ui *ui;
    struct location folder;
    struct arena mem;
    struct app_spot spot;
    struct listing *listing;
    struct buf typed;
};

/* --- candidates ----------------------------------------------------------------------------- */

void completion_init(struct completion *c, const char *typed, size_t len)
{
    *c = (struct completion){.typed = typed, .len = len};
    buf_init(&c->common, BUF_MAX_LINE);
    buf_init(&c->shown, BUF_MAX_LINE);
}

void completion_release(struct completion *c)
{
    buf_release(&c->common);
    buf_release(&c->shown);
}

/* In common are whole characters. */
static void shorten(struct buf *common, const char *text, size_t n)
{
    size_t same = 0;

    while (same < n && same < common->len && common->data[same] == text[same])
        same++;
    while (same > 0 && same < common->len && ((unsigned char)common->data[same] & 0xc0) == 0x80)
        same--;
    buf_splice(common, same, common->len - same, NULL, 0);
}

void completion_add(struct completion *c, const char *text, size_t n)
{
    if (n < c->len || memcmp(text, c->typed, c->len) != 0 || utf8_check(text, n, false, NULL) != n)
        return;
    if (c->count == 1 && n == c->common.len && memcmp(text, c->common.data, n) == 0)
        return;
    if (c->count++ == 0)
        buf_append(&c->common, text, n);
    else
        shorten(&c->common, text, n);
    if (c->shown.len < SHOWN) {
        if (c->shown.len > 0)
            buf_puts(&c->shown, "  ");
        if (n > c->hide)
            text_escape(&c->shown, text + c->hide, n - c->hide);
    }
}

/* --- a path in the value -------------------------------------------------------------------- */

struct steps {
    struct completion *c;
    struct pkl_view *view;
    struct buf text; /* a candidate; `base` bytes of it are what stands before the step */
    size_t base;
};

static void add_step(struct steps *s, const struct pkl_child *child, enum path_form form)
{
    buf_splice(&s->text, s->base, s->text.len - s->base, NULL, 0);
    if (pkl_path_step_text(s->view, child, form, &s->text, NULL) == PB_OK)
        completion_add(s->c, s->text.data, s->text.len);
    s->text.failed = PB_OK;
}

static void add_parts(struct steps *s, pkl_id id)
{
    for (int part = PKL_ARGS; part <= PKL_KEY; part++) {
        struct pkl_child child;

        if (s->view->part(s->view, id, (enum pkl_part)part, &child, NULL) != PB_OK)
            continue;
        child.step = PKL_STEP_PART;
        child.part = (enum pkl_part)part;
        add_step(s, &child, PATH_FORM_PATH);
    }
}

static void add_children(struct steps *s, pkl_id id, enum path_form form)
{
    struct pkl_child *some = mem_realloc(NULL, AT_ONCE, sizeof *some);
    uint64_t count = 0, at = 0;
    size_t got = 0;

    if (some != NULL && s->view->count_children(s->view, id, &count, NULL) == PB_OK) {
        s->c->more = count > CHILDREN;
        for (; at < count && at < CHILDREN; at += got) {
            if (s->view->children(s->view, id, at, AT_ONCE, some, &got, NULL) != PB_OK || got == 0)
                break;
            for (size_t i = 0; i < got; i++)
                add_step(s, &some[i], form);
        }
    }
    free(some);
}

/* The steps that may follow the first `base` bytes.  False: these name no place. */
static bool steps_after(struct ui *u, struct completion *c, size_t base)
{
    struct steps s = {.c = c, .view = tree_view(u->right.tree), .base = base};
    char first = base < c->len ? c->typed[base] : '\0';
    struct pkl_path path;
    struct pkl_child place;
    struct arena mem;
    size_t at;
    bool ok;

    arena_init(&mem);
    ok = pkl_path_parse(&mem, c->typed, base, &path, &at, NULL) == PB_OK &&
         pkl_path_follow(s.view, &path, &place, NULL) == PB_OK;
    if (ok) {
        buf_init(&s.text, BUF_MAX_LINE);
        buf_append(&s.text, c->typed, base);
        c->hide = base;
        if (first == '@')
            add_parts(&s, place.value.ref ? place.value.target : place.value.id);
        else
            add_children(&s, place.value.id, first == '[' ? PATH_FORM_PYTHON : PATH_FORM_PATH);
        buf_release(&s.text);
    }
    arena_release(&mem);
    return ok;
}

void complete_path(struct ui *u, struct completion *c)
{
    size_t base = c->len;

    if (u->right.tree == NULL)
        return;
    /* The step that is being typed begins with the last sign before which all is a path. */
    do {
        if (base > 0)
            base--;
        if (strchr(".[@", c->typed[base]) != NULL && steps_after(u, c, base))
            break;
    } while (base > 0);
    if (c->count == 1 && c->common.len == c->len) { /* a whole step: what may come after it */
        struct completion next;

        completion_init(&next, c->typed, c->len);
        if (steps_after(u, &next, c->len) && next.count > 0) {
            completion_release(c);
            *c = next;
        } else {
            completion_release(&next);
        }
    }
}

/* --- places --------------------------------------------------------------------------------- */

static void add_rows(struct completion *c, const struct listing *l, const char *folder, size_t n,
                     bool whole)
{
    struct listing_row row;
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    for (uint64_t i = 0; i < ROWS && listing_row(l, i, &row); i++) {
        buf_clear(&text);
        buf_append(&text, folder, n);
        buf_append(&text, whole ? row.name : row.shown, whole ? row.len : row.shown_len);
        if (row.kind == STORE_CONTAINER)
            buf_putc(&text, '/');
        if (text.failed == PB_OK)
            completion_add(c, text.data, text.len);
        text.failed = PB_OK;
    }
    if ((!listing_complete(l) && listing_error(l) == NULL) || listing_count(l) > ROWS)
        c->more = true;
    buf_release(&text);
}

void complete_listed(struct ui *u, struct completion *c)
{
    struct left *l = &u->left;
    bool local = l->where.scheme == LOC_LOCAL;

    if (!l->places && l->listing != NULL &&
        (local || (l->where.container != NULL && l->where.container[0] != '\0')))
        add_rows(c, l->listing, "", 0, !local);
}

static void add_marks(struct completion *c, const struct bookmarks *m)
{
    for (size_t i = 0; i < bookmarks_count(m); i++)
        completion_add(c, bookmarks_at(m, i), strlen(bookmarks_at(m, i)));
}

void complete_forget(struct ui *u)
{
    struct completer *x = u->completer;

    u->completer = NULL;
    if (x == NULL)
        return;
    listing_free(x->listing);
    location_release(&x->folder);
    arena_release(&x->mem);
    buf_release(&x->typed);
    free(x);
}

static void on_listed(void *ctx)
{
    struct completer *x = ctx;
    struct ask *a = ask_top(x->ui);

    if (listing_loading(x->listing) || a == NULL || a->prompt.at != x->typed.len ||
        memcmp(a->prompt.text.data, x->typed.data, x->typed.len) != 0)
        return;
    cmd_line_complete(x->ui, 0);
    ui_changed(x->ui);
}

static bool read_folder(struct ui *u, const struct location *folder, const struct completion *c)
{
    struct completer *x = mem_alloc(sizeof *x);
    struct error e;
    enum pb_err err;

    complete_forget(u);
    if (x == NULL)
        return false;
    u->completer = x;
    x->ui = u;
    arena_init(&x->mem);
    buf_init(&x->typed, BUF_MAX_LINE);
    buf_append(&x->typed, c->typed, c->len);
    err = location_copy(&x->folder, folder, &e);
    if (err == PB_OK)
        err = app_resolve_folder(u->app, &x->folder, &x->mem, &x->spot, &e);
    if (err == PB_OK)
        err = listing_new(x->spot.store, x->spot.container, x->spot.key, x->spot.key_len, on_listed,
                          x, &x->listing, &e);
    if (err == PB_OK)
        listing_want(x->listing, 1);
    else
        complete_forget(u);
    return err == PB_OK;
}

static void add_folder(struct ui *u, struct completion *c, size_t n)
{
    struct completer *x = u->completer;
    struct location typed, folder;
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_append(&text, c->typed, n);
    if (location_parse(&typed, text.data, NULL) == PB_OK) {
        if (app_absolute_location(&folder, &typed, NULL) == PB_OK) {
            if (u->left.listing != NULL && !u->left.places &&
                location_same(&u->left.where, &folder))
                add_rows(c, u->left.listing, c->typed, n, false);
            else if (x != NULL && location_same(&x->folder, &folder) &&
                     !listing_loading(x->listing))
                add_rows(c, x->listing, c->typed, n, false);
            else if (folder.scheme == LOC_LOCAL)
                c->pending = read_folder(u, &folder, c);
            location_release(&folder);
        }
        location_release(&typed);
    }
    buf_release(&text);
}

void complete_location(struct ui *u, struct completion *c)
{
    size_t n = c->len;

    while (n > 0 && c->typed[n - 1] != '/')
        n--;
    c->hide = n;
    add_marks(c, u->left.bookmarks);
    add_marks(c, u->left.recent);
    if (n > 0)
        add_folder(u, c, n);
}

/* --- Tab ------------------------------------------------------------------------------------ */

static void tell(struct ask *a, const struct completion *c)
{
    a->note.wrong = false;
    buf_clear(&a->note.text);
    if (c->pending)
        buf_puts(&a->note.text, _("reading that folder\xe2\x80\xa6"));
    else if (c->count == 0)
        buf_puts(&a->note.text,
                 c->more ? _("none of the first ones begins so") : _("nothing begins so"));
    else
        buf_printf(&a->note.text, "%s%s", c->shown.data,
                   c->more || c->shown.len >= SHOWN ? "  \xe2\x80\xa6" : "");
    a->offered = true;
}

void cmd_line_complete(struct ui *u, int arg)
{
    struct ask *a = ask_top(u);
    struct completion c;
    char *typed;

    (void)arg;
    if (a == NULL)
        return;
    if (a->ops->complete == NULL) {
        ui_say(u, SAY_INFO, "There is nothing to complete in this line.");
        return;
    }
    typed = mem_strndup(a->prompt.text.data, a->prompt.at);
    if (typed == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    completion_init(&c, typed, a->prompt.at);
    a->ops->complete(u, &c);
    if (c.count > 0 && c.common.len > c.len)
        (void)prompt_insert(&a->prompt, c.common.data + c.len, c.common.len - c.len);
    ask_changed(u, a);
    if (c.count != 1 || c.pending)
        tell(a, &c);
    completion_release(&c);
    free(typed);
}

/*
 * The versions of an object: those that its store has, and the bytes that were kept here before
 * they were replaced.  Of a place to list: the keys in it that are deleted.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

#define ROWS_MAX 10000 /* nobody looks through more */

struct app_versions {
    struct app *app;
    struct location loc;
    struct arena mem; /* strings of spot and of the rows */
    struct app_spot spot;
    struct store_op *op;
    char *token;  /* of the page that is read */
    bool folder;  /* of a place: what is deleted in it */
    bool limited; /* there may be more */
    struct {
        struct app_version *data;
        size_t len, cap;
    } rows;
    struct error error;
    void (*changed)(void *ctx);
    void *ctx;
};

static void settled(struct app_versions *v, const struct error *e)
{
    if (e != NULL)
        v->error = *e;
    v->changed(v->ctx);
}

static enum pb_err copy_text(struct app_versions *v, const char **to, const char *text,
                             struct error *e)
{
    if (text == NULL)
        return PB_OK;
    *to = arena_strndup(&v->mem, text, strlen(text));
    return *to != NULL ? PB_OK : error_nomem(e);
}

/* --- what was kept ---------------------------------------------------------------------------- */

/* A version that the store still has is not shown twice. */
static bool in_store(const struct app_versions *v, const struct history_entry *x)
{
    for (size_t i = 0; i < v->rows.len; i++) {
        const struct app_version *row = &v->rows.data[i];

        if (row->file == NULL && row->version_id != NULL && x->version_id != NULL &&
            strcmp(row->version_id, "null") != 0 && strcmp(row->version_id, x->version_id) == 0)
            return true;
    }
    return false;
}

static enum pb_err add_kept(void *ctx, const struct history_entry *x, struct error *e)
{
    struct app_versions *v = ctx;
    struct app_version row = {.size = x->size, .when = x->modified, .replaced = x->replaced};
    enum pb_err err;

    if (x->file == NULL || in_store(v, x))
        return PB_OK;
    err = copy_text(v, &row.file, x->file, e);
    if (err == PB_OK)
        err = copy_text(v, &row.etag, x->etag, e);
    return err == PB_OK && !vec_push(&v->rows, row) ? error_nomem(e) : err;
}

static void finish(struct app_versions *v)
{
    struct error error;
    enum pb_err err = PB_OK;

    if (!v->folder)
        err = app_history_each(v->app, &v->loc, add_kept, v, &error);
    settled(v, err == PB_OK ? NULL : &error);
}

/* --- what the store has ----------------------------------------------------------------------- */

static enum pb_err add_row(struct app_versions *v, const struct store_entry *x, struct error *e)
{
    struct app_version row = {.size = x->size,
                              .when = x->mtime,
                              .latest = x->latest,
                              .deleted = x->deleted,
                              .in_store = true};
    enum pb_err err = copy_text(v, &row.version_id, x->version_id, e);

    if (err == PB_OK)
        err = copy_text(v, &row.etag, x->etag, e);
    if (err == PB_OK)
        err = copy_text(v, &row.storage_class, x->storage_class, e);
    row.name = arena_strndup(&v->mem, x->name, x->len);
    row.name_len = x->len;
    if (err == PB_OK && row.name == NULL)
        err = error_nomem(e);
    return err == PB_OK && !vec_push(&v->rows, row) ? error_nomem(e) : err;
}

static bool of_the_key(const struct app_versions *v, const struct store_entry *x)
{
    return x->len == v->spot.key_len && memcmp(x->name, v->spot.key, x->len) == 0;
}

static enum pb_err ask(struct app_versions *v, struct error *e);

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct app_versions *v = ctx;
    struct error error;
    enum pb_err err = PB_OK;
    bool over;

    v->op = NULL;
    if (e != NULL) {
        settled(v, e);
        return;
    }
    over = page->next == NULL;
    for (size_t i = 0; i < page->count && err == PB_OK; i++) {
        const struct store_entry *x = &page->entries[i];
        /* Names that only begin like it come behind it. */
        bool ours = v->folder ? x->deleted && x->latest : of_the_key(v, x);

        over |= !v->folder && !ours;
        v->limited |= ours && v->rows.len >= ROWS_MAX;
        if (ours && !v->limited)
            err = add_row(v, x, &error);
    }
    free(v->token);
    v->token = NULL;
    if (err == PB_OK && !over && !v->limited) {
        v->token = mem_strdup(page->next);
        err = v->token != NULL ? ask(v, &error) : error_nomem(&error);
    }
    store_page_free(page);
    if (err != PB_OK)
        settled(v, &error);
    else if (v->op == NULL)
        finish(v);
    else
        v->changed(v->ctx);
}

/* A store without versions has the one that is there. */
static void on_head(void *ctx, const struct store_object *o, const struct error *e)
{
    struct app_versions *v = ctx;
    struct app_version row = {.latest = true, .in_store = true};
    struct error error;
    enum pb_err err = PB_OK;

    v->op = NULL;
    if (e != NULL && e->code != PB_ENOTFOUND) {
        settled(v, e);
        return;
    }
    if (e == NULL) {
        row.size = o->identity.size;
        row.when = o->identity.mtime;
        err = copy_text(v, &row.etag, o->identity.etag, &error);
        if (err == PB_OK && !vec_push(&v->rows, row))
            err = error_nomem(&error);
    }
    if (err != PB_OK)
        settled(v, &error);
    else
        finish(v);
}

static enum pb_err ask(struct app_versions *v, struct error *e)
{
    struct store *s = v->spot.store;
    struct store_list_request q = {
        .container = v->spot.container,
        .prefix = v->spot.key,
        .prefix_len = v->spot.key_len,
        .recursive = true,
        .token = v->token,
    };
    struct error error;

    if (s->ops->list_versions != NULL)
        v->op = s->ops->list_versions(s, &q, on_page, v, &error);
    else
        v->op =
            s->ops->head(s, q.container, v->spot.key, v->spot.key_len, NULL, on_head, v, &error);
    if (v->op == NULL && e != NULL)
        *e = error;
    return v->op != NULL ? PB_OK : error.code;
}

/* --- for the owner ---------------------------------------------------------------------------- */

enum pb_err app_versions_start(struct app *a, const struct location *loc,
                               void (*changed)(void *ctx), void *ctx, struct app_versions **out,
                               struct error *e)
{
    struct app_versions *v = mem_alloc(sizeof *v);
    enum pb_err err;

    *out = NULL;
    if (v == NULL)
        return error_nomem(e);
    v->app = a;
    v->changed = changed;
    v->ctx = ctx;
    arena_init(&v->mem);
    v->folder = app_location_is_folder(loc);
    err = location_copy(&v->loc, loc, e);
    if (err == PB_OK)
        err = app_resolve(a, loc, &v->mem, &v->spot, e);
    if (err == PB_OK && v->spot.container == NULL)
        err = app_fail(e, PB_EUSAGE, loc, "versions are those of objects");
    if (err == PB_OK && v->folder && v->spot.store->ops->list_versions == NULL)
        err = app_fail(e, PB_EUNSUPPORTED, loc, "this store does not know what was deleted");
    if (err == PB_OK)
        err = ask(v, e);
    if (err != PB_OK)
        app_versions_free(v);
    else
        *out = v;
    return err;
}

const struct location *app_versions_of(const struct app_versions *v)
{
    return &v->loc;
}

size_t app_versions_count(const struct app_versions *v)
{
    return v->rows.len;
}

const struct app_version *app_versions_row(const struct app_versions *v, size_t i)
{
    return i < v->rows.len ? &v->rows.data[i] : NULL;
}

bool app_versions_loading(const struct app_versions *v)
{
    return v->op != NULL;
}

bool app_versions_limited(const struct app_versions *v)
{
    return v->limited;
}

const struct error *app_versions_error(const struct app_versions *v)
{
    return v->error.code != PB_OK ? &v->error : NULL;
}

void app_versions_free(struct app_versions *v)
{
    if (v == NULL)
        return;
    if (v->op != NULL)
        store_op_cancel(v->op);
    free(v->token);
    vec_release(&v->rows);
    location_release(&v->loc);
    arena_release(&v->mem);
    free(v);
}

enum pb_err app_version_place(const struct app_versions *v, const struct app_version *row,
                              struct location *where, struct error *e)
{
    if (row->file != NULL)
        return location_make(where, LOC_LOCAL, NULL, row->file, strlen(row->file), e);
    if (v->folder)
        return app_child_location(&v->loc, STORE_OBJECT, row->name, row->name_len, where, e);
    return location_copy(where, &v->loc, e);
}

/*
 * Archives as folders: what was opened and turned out to hold several files is remembered, and its
 * location with "!/" behind it can be listed from then on.
 *
 * A table stays until the app ends: a listing may be reading it.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/codec.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

struct archive_folder {
    struct archive_folder *next; /* older ones */
    struct location where;       /* ends in "!/" */
    char *key;                   /* of the spot, with that end */
    size_t key_len;
    char *container;
    struct store *store;
};

void archives_free(struct archive_folder *f)
{
    while (f != NULL) {
        struct archive_folder *next = f->next;

        if (f->store != NULL)
            store_free(f->store);
        location_release(&f->where);
        free(f->key);
        free(f->container);
        free(f);
        f = next;
    }
}

bool app_object_is_folder(const struct app_object *o)
{
    return o->state == APP_NOT_PICKLE && o->unwrap != NULL && unwrap_unclear(o->unwrap);
}

static enum pb_err add_files(struct store *s, struct source *stored, enum codec_kind kind,
                             size_t *count, struct error *e)
{
    struct codec_archive *x;
    struct codec_member m;
    bool end = false;
    size_t n = 0;
    enum pb_err err = codec_archive_open(stored, kind, &x, e);

    while (err == PB_OK && !end) {
        err = codec_archive_next(x, &m, &end, e);
        if (err == PB_OK && !end) {
            size_t dot = m.len > 2 && memcmp(m.name, "./", 2) == 0 ? 2 : 0;

            err = store_archive_add(s, m.name + dot, m.len - dot, m.size, m.mtime, e);
            n++;
        }
    }
    codec_archive_free(x);
    if (count != NULL)
        *count = n;
    return err;
}

static enum pb_err name_folder(struct archive_folder *f, const struct app_object *o,
                               struct error *e)
{
    struct buf key;
    enum pb_err err;

    buf_init(&key, BUF_MAX_LINE);
    buf_append(&key, o->at.key, o->at.key_len);
    buf_puts(&key, "!/");
    err = buf_status(&key, e);
    if (err == PB_OK)
        err = location_make(&f->where, o->at.scheme, o->at.container, key.data, key.len, e);
    buf_clear(&key);
    buf_append(&key, o->spot.key, o->spot.key_len);
    buf_puts(&key, "!/");
    if (err == PB_OK)
        err = buf_status(&key, e);
    f->key = buf_take(&key, &f->key_len);
    f->container = mem_strdup(o->spot.container);
    buf_release(&key);
    if (err == PB_OK && (f->key == NULL || f->container == NULL))
        err = error_nomem(e);
    return err;
}

enum pb_err app_object_list_files(struct app_object *o, struct location *out, size_t *count,
                                  struct error *e)
{
    struct app *a = o->app;
    struct archive_folder *f;
    struct source *stored;
    enum codec_kind kind;
    enum pb_err err;

    if (o->unwrap == NULL || o->member != NULL || o->spot.key == NULL ||
        !unwrap_archive(o->unwrap, &stored, &kind))
        return app_fail(e, PB_ENOTFOUND, &o->at, "it is no archive, so there are no files in it");
    f = mem_alloc(sizeof *f);
    if (f == NULL)
        return error_nomem(e);
    err = name_folder(f, o, e);
    if (err == PB_OK)
        err = store_archive_new(a->loop, f->key, f->key_len, &f->store, e);
    if (err == PB_OK)
        err = add_files(f->store, stored, kind, count, e);
    if (err == PB_OK)
        err = location_copy(out, &f->where, e);
    if (err != PB_OK) {
        archives_free(f);
        return err;
    }
    f->next = a->archives;
    a->archives = f;
    return PB_OK;
}

/* Is `loc` in this archive? */
static bool holds(const struct archive_folder *f, const struct location *loc)
{
    const char *a = f->where.container != NULL ? f->where.container : "";
    const char *b = loc->container != NULL ? loc->container : "";

    return f->where.scheme == loc->scheme && strcmp(a, b) == 0 &&
           loc->key_len >= f->where.key_len &&
           memcmp(loc->key, f->where.key, f->where.key_len) == 0;
}

bool app_maybe_archive(const struct app *a, const struct location *loc, size_t *front)
{
    const char *mark = loc->key_len > 0 ? memmem(loc->key, loc->key_len, "!/", 2) : NULL;

    for (const struct archive_folder *f = a->archives; f != NULL; f = f->next) {
        if (holds(f, loc))
            return false;
    }
    if (mark == NULL || mark == loc->key)
        return false;
    *front = (size_t)(mark - loc->key);
    return true;
}

enum pb_err app_resolve_folder(struct app *a, const struct location *loc, struct arena *mem,
                               struct app_spot *out, struct error *e)
{
    const struct archive_folder *f = a->archives;
    size_t below;
    char *key;

    while (f != NULL && !holds(f, loc))
        f = f->next;
    if (f == NULL)
        return app_resolve(a, loc, mem, out, e);
    below = loc->key_len - f->where.key_len;
    key = arena_alloc(mem, f->key_len + below + 1);
    if (key == NULL)
        return error_nomem(e);
    memcpy(key, f->key, f->key_len);
    memcpy(key + f->key_len, loc->key + f->where.key_len, below);
    *out = (struct app_spot){f->store, f->container, key, f->key_len + below};
    return PB_OK;
}

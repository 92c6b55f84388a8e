/* Finding again what was kept: the records of one object or of all, newest first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "history.h"

#define RECORD_MAX ((size_t)64 * 1024)
#define ID_DIGITS 8 /* of the folder's name, in front of the stem */

struct found {
    char *id, *location, *etag, *version_id, *sha256, *file;
    int mode;
    uint64_t size;
    int64_t modified, replaced;
};

struct finds {
    struct found *data;
    size_t len, cap;
};

static void found_release(struct found *f)
{
    free(f->id);
    free(f->location);
    free(f->etag);
    free(f->version_id);
    free(f->sha256);
    free(f->file);
}

/* ---------------------------------------------------------------------------- a record */

static bool take_text(char **to, const char *value, size_t n)
{
    struct buf plain;

    buf_init(&plain, RECORD_MAX);
    uri_decode(&plain, value, n, false);
    free(*to);
    *to = plain.failed == PB_OK ? mem_strndup(plain.data, plain.len) : NULL;
    buf_release(&plain);
    return *to != NULL;
}

/* Permission bits in octal. */
static bool take_mode(const char *value, size_t n, int *mode)
{
    *mode = 0;
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '7' || n > 4)
            return false;
        *mode = *mode * 8 + (value[i] - '0');
    }
    return true;
}

/* "key: value" */
static bool take_line(struct found *f, const char *folder, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n);
    size_t key = colon ? (size_t)(colon - line) : n, at = key + 2;
    const char *value = line + at;
    struct buf path;
    bool ok = true;

    if (!colon || at > n)
        return n == 0;
    n -= at;
    if (key == 8 && memcmp(line, "location", 8) == 0)
        return take_text(&f->location, value, n);
    if (key == 4 && memcmp(line, "etag", 4) == 0)
        return take_text(&f->etag, value, n);
    if (key == 7 && memcmp(line, "version", 7) == 0)
        return take_text(&f->version_id, value, n);
    if (key == 6 && memcmp(line, "sha256", 6) == 0)
        return take_text(&f->sha256, value, n);
    if (key == 4 && memcmp(line, "mode", 4) == 0)
        return take_mode(value, n, &f->mode);
    if (key == 4 && memcmp(line, "size", 4) == 0)
        return num_parse_u64(value, n, &f->size);
    if (key == 8 && memcmp(line, "modified", 8) == 0)
        return clock_parse_iso(value, n, &f->modified);
    if (key == 8 && memcmp(line, "replaced", 8) == 0)
        return clock_parse_iso(value, n, &f->replaced);
    if (key == 5 && memcmp(line, "bytes", 5) == 0 && n < HISTORY_NAME_SIZE + 8 &&
        !memchr(value, ' ', n) && !memchr(value, '/', n)) {
        buf_init(&path, BUF_MAX_LINE);
        buf_printf(&path, "%s/%.*s", folder, (int)n, value);
        ok = buf_status(&path, NULL) == PB_OK;
        f->file = ok ? buf_take(&path, NULL) : NULL;
        ok = f->file != NULL;
        buf_release(&path);
    }
    return ok;
}

static enum pb_err read_record(int dir, const char *name, struct buf *out, struct error *e)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char piece[4096];
    ssize_t n = 1;

    if (fd < 0)
        return error_errno(e, errno, "cannot read", name);
    while (n > 0 && out->failed == PB_OK) {
        n = read(fd, piece, sizeof piece);
        if (n > 0)
            buf_append(out, piece, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    (void)close(fd);
    return n < 0 ? error_errno(e, errno, "cannot read", name) : buf_status(out, e);
}

static enum pb_err add_record(struct finds *all, int dir, const char *folder, const char *name,
                              struct error *e)
{
    const char *folder_name = strrchr(folder, '/') + 1, *at, *end;
    struct found f = {0};
    struct buf text, id;
    enum pb_err err;
    bool ok = true;

    buf_init(&text, RECORD_MAX);
    buf_init(&id, BUF_MAX_LINE);
    err = read_record(dir, name, &text, e);
    for (at = text.data; err == PB_OK && ok && *at; at = end + (*end == '\n')) {
        end = strchrnul(at, '\n');
        ok = take_line(&f, folder, at, (size_t)(end - at));
    }
    buf_printf(&id, "%.*s-%.*s", ID_DIGITS, folder_name, (int)(strlen(name) - strlen(".record")),
               name);
    if (err == PB_OK && buf_status(&id, NULL) == PB_OK)
        f.id = buf_take(&id, NULL);
    if (err == PB_ENOMEM || (err == PB_OK && ok && !f.id)) {
        err = error_nomem(e);
    } else if (err != PB_OK || !ok || !f.location) {
        log_line("a record of the history cannot be read and is left out");
        err = PB_OK;
    } else if (!vec_push(all, f)) {
        err = error_nomem(e);
    } else {
        f = (struct found){0};
    }
    found_release(&f);
    buf_release(&id);
    buf_release(&text);
    return err;
}

/* ------------------------------------------------------------------------------ folders */

static enum pb_err add_folder(struct finds *all, const char *folder, struct error *e)
{
    int i, n, dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent **list = NULL;
    enum pb_err err = PB_OK;

    if (dir < 0)
        return errno == ENOENT ? PB_OK : error_errno(e, errno, "cannot open", folder);
    n = scandirat(dir, ".", &list, history_is_record, alphasort);
    for (i = 0; i < n; i++) {
        if (err == PB_OK)
            err = add_record(all, dir, folder, list[i]->d_name, e);
        free(list[i]);
    }
    free(list);
    (void)close(dir);
    return err;
}

static int is_folder_name(const struct dirent *d)
{
    return strlen(d->d_name) == HISTORY_FOLDER_DIGITS &&
           strspn(d->d_name, "0123456789abcdef") == HISTORY_FOLDER_DIGITS;
}

static enum pb_err add_all(struct finds *all, const struct history *h, struct error *e)
{
    struct dirent **list = NULL;
    int i, n = scandir(h->dir, &list, is_folder_name, alphasort);
    enum pb_err err = PB_OK;

    if (n < 0)
        return error_errno(e, errno, "cannot list", h->dir);
    for (i = 0; i < n; i++) {
        struct buf path;

        buf_init(&path, BUF_MAX_LINE);
        buf_printf(&path, "%s/%s", h->dir, list[i]->d_name);
        if (err == PB_OK)
            err = buf_status(&path, e);
        if (err == PB_OK)
            err = add_folder(all, path.data, e);
        buf_release(&path);
        free(list[i]);
    }
    free(list);
    return err;
}

static enum pb_err add_object(struct finds *all, const struct history *h,
                              const struct location *where, struct error *e)
{
    struct buf location, path;
    enum pb_err err;

    buf_init(&location, BUF_MAX_LINE);
    buf_init(&path, BUF_MAX_LINE);
    location_format(&location, where);
    buf_printf(&path, "%s/", h->dir);
    err = buf_status(&location, e);
    if (err == PB_OK)
        err = history_folder_name(location.data, &path, e);
    if (err == PB_OK)
        err = add_folder(all, path.data, e);
    buf_release(&location);
    buf_release(&path);
    return err;
}

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->replaced != y->replaced)
        return x->replaced < y->replaced ? 1 : -1;
    return strcmp(y->id, x->id);
}

enum pb_err history_each(struct history *h, const struct location *where, history_fn fn, void *ctx,
                         struct error *e)
{
    struct finds all = {0};
    enum pb_err err = where ? add_object(&all, h, where, e) : add_all(&all, h, e);
    size_t i;

    if (all.len > 1)
        qsort(all.data, all.len, sizeof *all.data, newest_first);
    for (i = 0; i < all.len; i++) {
        struct found *f = &all.data[i];
        struct history_entry x = {.id = f->id,
                                  .location = f->location,
                                  .etag = f->etag,
                                  .version_id = f->version_id,
                                  .sha256 = f->sha256,
                                  .file = f->file,
                                  .mode = f->mode,
                                  .size = f->size,
                                  .modified = f->modified,
                                  .replaced = f->replaced};

        if (err == PB_OK)
            err = fn(ctx, &x, e);
        found_release(f);
    }
    vec_release(&all);
    return err;
}

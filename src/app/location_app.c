#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

void app_show_location(struct buf *out, const struct location *loc)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    location_format(&text, loc);
    text_escape(out, text.data, text.len);
    buf_release(&text);
}

enum pb_err app_fail(struct error *e, enum pb_err code, const struct location *loc, const char *why)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    app_show_location(&shown, loc);
    error_set(e, code, "%s: %s", shown.data, _(why));
    buf_release(&shown);
    return code;
}

/* Appends path without empty and "." parts.  ".." stays: what it means depends on symbolic links.
 * What stands behind "!/" may be a name in an archive, which may begin with either. */
static void append_clean(struct buf *out, const char *path)
{
    while (*path != '\0') {
        size_t n;

        path += strspn(path, "/");
        n = strcspn(path, "/");
        if (n == 1 && *path == '.') {
            path++;
            if (*path == '\0' && (out->len == 0 || out->data[out->len - 1] != '/'))
                buf_putc(out, '/');
            continue;
        }
        if (out->len == 0 || out->data[out->len - 1] != '/')
            buf_putc(out, '/');
        buf_append(out, path, n);
        path += n;
        if (n > 1 && path[-1] == '!' && path[0] == '/') {
            buf_puts(out, path);
            return;
        }
    }
}

enum pb_err app_absolute_path(struct buf *out, const char *path, struct error *e)
{
    if (*path != '/') {
        char *here = getcwd(NULL, 0);

        if (here == NULL)
            return error_errno(e, errno, "cannot find the current folder", NULL);
        append_clean(out, here);
        free(here);
    }
    append_clean(out, path);
    if (out->len == 0)
        buf_putc(out, '/');
    return buf_status(out, e);
}

static enum pb_err resolve_local(const struct location *loc, struct arena *mem,
                                 struct app_spot *out, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    err = app_absolute_path(&path, loc->key, e);
    if (err == PB_OK) {
        out->container = "/";
        out->key = arena_strndup(mem, path.data + 1, path.len - 1);
        out->key_len = path.len - 1;
        if (out->key == NULL)
            err = error_nomem(e);
    }
    buf_release(&path);
    return err;
}

enum pb_err app_resolve(struct app *a, const struct location *loc, struct arena *mem,
                        struct app_spot *out, struct error *e)
{
    enum pb_err err = app_store(a, loc->scheme, &out->store, e);

    if (err != PB_OK)
        return err;
    if (loc->scheme == LOC_LOCAL)
        return resolve_local(loc, mem, out, e);
    if (loc->scheme == LOC_AZ && loc->url != NULL)
        err = store_azure_learn(out->store, loc->url, e);
    if (err != PB_OK)
        return err;
    out->container = NULL;
    if (loc->container[0] != '\0') {
        out->container = arena_strndup(mem, loc->container, strlen(loc->container));
        if (out->container == NULL)
            return error_nomem(e);
    }
    out->key = arena_strndup(mem, loc->key, loc->key_len);
    out->key_len = loc->key_len;
    return out->key != NULL ? PB_OK : error_nomem(e);
}

enum pb_err app_child_location(const struct location *parent, enum store_kind kind,
                               const char *name, size_t len, struct location *out, struct error *e)
{
    struct buf path;
    enum pb_err err;

    if (kind == STORE_CONTAINER && parent->scheme != LOC_LOCAL) {
        char *container = mem_strndup(name, len);

        if (container == NULL)
            return error_nomem(e);
        err = location_make(out, parent->scheme, container, "", 0, e);
        free(container);
        return err;
    }
    if (parent->scheme != LOC_LOCAL)
        return location_make(out, parent->scheme, parent->container, name, len, e);
    buf_init(&path, BUF_MAX_LINE);
    buf_putc(&path, '/');
    buf_append(&path, name, len);
    err = buf_status(&path, e);
    if (err == PB_OK)
        err = location_make(out, LOC_LOCAL, NULL, path.data, path.len, e);
    buf_release(&path);
    return err;
}

/* Length of the prefix one level above: up to and with the last '/' before the end. */
static size_t parent_length(const char *key, size_t n)
{
    if (n > 0 && key[n - 1] == '/')
        n--;
    while (n > 0 && key[n - 1] != '/')
        n--;
    return n;
}

/* Where ".." leads only the file system knows. */
static bool parent_of_dots(const char *path, struct location *out)
{
    char *real = realpath(path, NULL);
    struct location loc;
    bool ok = false;

    if (real == NULL)
        return false;
    if (location_make(&loc, LOC_LOCAL, NULL, real, strlen(real), NULL) == PB_OK) {
        ok = app_parent_location(&loc, out);
        location_release(&loc);
    }
    free(real);
    return ok;
}

static bool has_dots(const char *path)
{
    for (const char *p = strstr(path, "/.."); p != NULL; p = strstr(p + 1, "/..")) {
        if (p[3] == '/' || p[3] == '\0')
            return true;
    }
    return false;
}

static bool parent_local(const struct location *loc, struct location *out)
{
    struct buf path;
    bool ok = false;

    buf_init(&path, BUF_MAX_LINE);
    if (app_absolute_path(&path, loc->key, NULL) != PB_OK || path.len <= 1)
        goto out;
    if (has_dots(path.data)) {
        ok = parent_of_dots(path.data, out);
        goto out;
    }
    ok = location_make(out, LOC_LOCAL, NULL, path.data, parent_length(path.data, path.len), NULL) ==
         PB_OK;
out:
    buf_release(&path);
    return ok;
}

bool app_parent_location(const struct location *loc, struct location *out)
{
    const char *slash;

    if (loc->scheme == LOC_STDIO)
        return false;
    if (loc->scheme == LOC_LOCAL)
        return parent_local(loc, out);
    if (loc->key_len > 0)
        return location_make(out, loc->scheme, loc->container, loc->key,
                             parent_length(loc->key, loc->key_len), NULL) == PB_OK;
    if (loc->scheme == LOC_HTTP || loc->container[0] == '\0')
        return false;
    slash = loc->scheme == LOC_AZ ? strchr(loc->container, '/') : NULL;
    if (slash != NULL) { /* a container's parent is its account */
        char *account = mem_strndup(loc->container, (size_t)(slash - loc->container));
        bool ok = account != NULL && location_make(out, LOC_AZ, account, "", 0, NULL) == PB_OK;

        free(account);
        return ok;
    }
    return location_make(out, loc->scheme, "", "", 0, NULL) == PB_OK;
}

enum pb_err app_absolute_location(struct location *out, const struct location *loc, struct error *e)
{
    struct buf path;
    enum pb_err err;

    if (loc->scheme != LOC_LOCAL)
        return location_copy(out, loc, e);
    buf_init(&path, BUF_MAX_LINE);
    err = app_absolute_path(&path, loc->key, e);
    if (err == PB_OK)
        err = location_make(out, LOC_LOCAL, NULL, path.data, path.len, e);
    buf_release(&path);
    return err;
}

enum pb_err app_as_folder(struct location *out, const struct location *loc, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_append(&path, loc->key, loc->key_len);
    buf_putc(&path, '/');
    err = buf_status(&path, e);
    if (err == PB_OK)
        err = location_make(out, loc->scheme, loc->container, path.data, path.len, e);
    buf_release(&path);
    return err;
}

enum pb_err app_canonical_location(const struct location *loc, struct location *out,
                                   struct error *e)
{
    struct location absolute;
    struct stat st;
    enum pb_err err = app_absolute_location(&absolute, loc, e);

    if (err != PB_OK)
        return err;
    if (absolute.scheme == LOC_LOCAL && !app_location_is_folder(&absolute) &&
        stat(absolute.key, &st) == 0 && S_ISDIR(st.st_mode)) {
        err = app_as_folder(out, &absolute, e);
        location_release(&absolute);
    } else {
        *out = absolute;
    }
    return err;
}

bool app_location_is_folder(const struct location *loc)
{
    if (loc->scheme == LOC_STDIO)
        return false;
    return loc->key_len == 0 || loc->key[loc->key_len - 1] == '/';
}

enum pb_err app_local_source(const struct location *loc, int fd, struct source **out,
                             struct error *e)
{
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    app_show_location(&shown, loc);
    err = source_file(fd, shown.data, out, e);
    buf_release(&shown);
    return err;
}

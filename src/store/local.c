#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "local.h"

/* ------------------------------------------------------------------------------ files */

enum pb_err local_path(const char *container, const char *key, size_t key_len, char **path,
                       struct error *e)
{
    size_t n = strlen(container);
    bool slash = n > 0 && container[n - 1] != '/' && key_len > 0;

    *path = NULL;
    if (key_len > 0 && memchr(key, '\0', key_len))
        return error_set(e, PB_EUSAGE, "a file's name cannot hold a NUL");
    if (n == 0 && key_len == 0) {
        *path = mem_strdup(".");
        return *path ? PB_OK : error_nomem(e);
    }
    *path = mem_alloc(n + slash + key_len + 1);
    if (!*path)
        return error_nomem(e);
    memcpy(*path, container, n);
    if (slash)
        (*path)[n] = '/';
    if (key_len > 0)
        memcpy(*path + n + slash, key, key_len);
    return PB_OK;
}

enum pb_err local_errno(int number, const char *what, const char *path, struct error *e)
{
    struct buf shown;
    struct stat st;
    enum pb_err err;

    if (number == ENOENT && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return local_fail(PB_ENOTFOUND, path, "it is a link to nothing", e);
    buf_init(&shown, BUF_MAX_LINE);
    store_show(&shown, NULL, path, NULL, 0);
    err = error_errno(e, number, what, shown.data);
    buf_release(&shown);
    return number == EACCES ? local_denied(err, path, e) : err;
}

enum pb_err local_fail(enum pb_err code, const char *path, const char *why, struct error *e)
{
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    store_show(&shown, NULL, path, NULL, 0);
    err = error_set(e, code, "%s: %s", shown.data, _(why));
    buf_release(&shown);
    return err;
}

enum pb_err local_regular(const struct stat *st, const char *path, struct error *e)
{
    if (S_ISREG(st->st_mode))
        return PB_OK;
    if (S_ISDIR(st->st_mode))
        return local_fail(PB_EUSAGE, path, "it is a folder, not a file", e);
    if (S_ISFIFO(st->st_mode))
        return local_fail(PB_EUNSUPPORTED, path, "it is a pipe, not a file", e);
    if (S_ISSOCK(st->st_mode))
        return local_fail(PB_EUNSUPPORTED, path, "it is a socket, not a file", e);
    return local_fail(PB_EUNSUPPORTED, path, "it is a device, not a file", e);
}

enum pb_err local_identity(struct store_identity *id, const struct stat *st, struct error *e)
{
    int64_t ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
    struct buf stamp;
    enum pb_err err;

    *id = (struct store_identity){.size = (uint64_t)st->st_size,
                                  .mtime = (int64_t)st->st_mtim.tv_sec};
    buf_init(&stamp, BUF_MAX_LINE);
    buf_printf(&stamp, "%llu-%llu-%lld", (unsigned long long)st->st_ino,
               (unsigned long long)st->st_size, (long long)ns);
    err = buf_status(&stamp, e);
    if (err == PB_OK)
        id->etag = buf_take(&stamp, NULL);
    buf_release(&stamp);
    return err;
}

static enum pb_err show(struct store_object *o, const char *name, struct buf *value,
                        struct error *e)
{
    enum pb_err err = buf_status(value, e);

    if (err == PB_OK)
        err = http_headers_add(&o->shown, name, value->data, e);
    buf_clear(value);
    return err;
}

/* Another file takes its place when it is saved. */
static unsigned losses(const struct stat *st)
{
    uid_t us = geteuid();
    unsigned lost = st->st_nlink > 1 ? STORE_LOSES_LINKS : 0;

    if (us != 0 && (st->st_uid != us || (st->st_gid != getegid() && !group_member(st->st_gid))))
        lost |= STORE_LOSES_OWNER;
    return lost;
}

enum pb_err local_object(struct store_object *o, const struct stat *st, struct error *e)
{
    struct buf text;
    enum pb_err err;

    store_object_init(o);
    buf_init(&text, BUF_MAX_LINE);
    err = local_identity(&o->identity, st, e);
    o->mode = (int)(st->st_mode & 07777);
    o->loses = losses(st);
    buf_printf(&text, "%llu", (unsigned long long)st->st_size);
    if (err == PB_OK)
        err = show(o, "Size", &text, e);
    clock_format_iso(&text, (int64_t)st->st_mtim.tv_sec);
    if (err == PB_OK)
        err = show(o, "Modified", &text, e);
    buf_printf(&text, "%04o", (unsigned)(st->st_mode & 07777));
    if (err == PB_OK)
        err = show(o, "Mode", &text, e);
    buf_printf(&text, "user %u, group %u", (unsigned)st->st_uid, (unsigned)st->st_gid);
    if (err == PB_OK)
        err = show(o, "Owner", &text, e);
    buf_printf(&text, "%llu", (unsigned long long)st->st_nlink);
    if (err == PB_OK && st->st_nlink > 1)
        err = show(o, "Links", &text, e);
    buf_release(&text);
    if (err != PB_OK)
        store_object_release(o);
    return err;
}

/* ------------------------------------------------------------------------------- HEAD */

struct head_op {
    struct store_op op; /* first */
    char *path;
    store_head_fn done;
    void *ctx;
};

static void head_free(struct head_op *h)
{
    store_op_end(&h->op);
    loop_unpost(h->op.store->loop, h);
    free(h->path);
    free(h);
}

static void head_stop(struct store_op *op)
{
    head_free((struct head_op *)op);
}

static const struct store_op_class head_class = {.stop = head_stop};

static void head_run(void *ctx)
{
    struct head_op *h = ctx;
    store_head_fn done = h->done;
    void *done_ctx = h->ctx;
    struct store_object o;
    struct error error = {0};
    struct stat st;
    enum pb_err err;

    store_object_init(&o);
    if (stat(h->path, &st) != 0)
        err = local_errno(errno, "cannot look at", h->path, &error);
    else if ((err = local_regular(&st, h->path, &error)) == PB_OK)
        err = local_object(&o, &st, &error);
    head_free(h);
    done(done_ctx, err == PB_OK ? &o : NULL, err == PB_OK ? NULL : &error);
    store_object_release(&o);
}

static struct store_op *local_head(struct store *s, const char *container, const char *key,
                                   size_t key_len, const char *version_id, store_head_fn done,
                                   void *ctx, struct error *e)
{
    struct head_op *h;

    if (version_id) {
        (void)error_set(e, PB_EUNSUPPORTED, "local files have no versions");
        return NULL;
    }
    h = mem_alloc(sizeof *h);
    if (!h) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&h->op, &head_class, s);
    h->done = done;
    h->ctx = ctx;
    if (local_path(container, key, key_len, &h->path, e) == PB_OK &&
        loop_post(s->loop, head_run, h, e) == PB_OK)
        return &h->op;
    head_free(h);
    return NULL;
}

/* ------------------------------------------------------------------------------ store */

static void local_free(struct store *s)
{
    free(s);
}

static const struct store_ops local_ops = {
    .scheme = "file",
    .list_containers = local_list_containers,
    .list = local_list,
    .head = local_head,
    .read = local_read,
    .write = local_write,
    .remove = local_remove,
    .open = local_open,
    .free = local_free,
};

enum pb_err store_local_new(struct loop *l, struct store **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    if (!*out)
        return error_nomem(e);
    (*out)->ops = &local_ops;
    (*out)->loop = l;
    return PB_OK;
}

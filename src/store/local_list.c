/*
 * Pages of a folder, in the order of the names' bytes, without ever holding more names than a page
 * has.
 *
 * A *level* is a folder being listed.  It is read through, keeping only the smallest names after
 * the last one that was given out; when those are used up it is read again.  A listing of one
 * folder has one level, a recursive one a level for every folder on the way down.  A token is the
 * last name given out: a later page goes on after it, whatever was created or removed meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>

#include "local.h"

#define FIRST_PAGE 1000u
#define LATER_PAGE 10000u /* each page reads the folder once: fewer for the very large ones */
#define PAGE_MAX 100000u
#define BELOW_BATCH 10000u /* names at a time of the folders of a recursive listing */
#define DEPTH_MAX 512u

struct level {
    char *dir; /* below the container: "" or "a/b/" */
    DIR *reading;
    int fd;      /* of the folder, or -1 */
    char *after; /* names up to this one were given out, or NULL */
    struct {
        char **data;
        size_t len, cap;
    } names; /* while reading: a heap, the greatest first; then sorted */
    size_t next, want;
    bool more, read;
};

struct list_op {
    struct store_op op; /* first */
    struct job job;
    char *root, *prefix, *filter; /* filter: how names of the first level begin */
    bool recursive;
    size_t max, cap;
    struct {
        struct level *data;
        size_t len, cap;
    } levels;
    struct store_page *page;
    store_page_fn done;
    void *ctx;
};

static struct list_op *list_of(struct job *j)
{
    return (struct list_op *)(void *)((char *)j - offsetof(struct list_op, job));
}

/* ------------------------------------------------------------------------------ levels */

static void names_clear(struct level *v)
{
    size_t i;

    for (i = 0; i < v->names.len; i++)
        free(v->names.data[i]);
    v->names.len = v->next = 0;
}

static void level_release(struct level *v)
{
    names_clear(v);
    vec_release(&v->names);
    if (v->reading)
        (void)closedir(v->reading);
    if (v->fd >= 0)
        (void)close(v->fd);
    free(v->dir);
    free(v->after);
}

static enum pb_err push_level(struct list_op *l, const char *dir, size_t dir_len, const char *after,
                              size_t want, struct error *e)
{
    struct level v = {.fd = -1, .want = want};

    v.dir = mem_strndup(dir, dir_len);
    v.after = after ? mem_strdup(after) : NULL;
    if (!v.dir || (after && !v.after) || !vec_push(&l->levels, v)) {
        level_release(&v);
        return error_nomem(e);
    }
    return PB_OK;
}

static void pop_level(struct list_op *l)
{
    level_release(&l->levels.data[--l->levels.len]);
}

/* The greatest of the names is data[0]. */
static void sift_down(char **data, size_t n, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        char *swap;

        if (child >= n)
            return;
        if (child + 1 < n && strcmp(data[child + 1], data[child]) > 0)
            child++;
        if (strcmp(data[at], data[child]) >= 0)
            return;
        swap = data[at];
        data[at] = data[child];
        data[child] = swap;
        at = child;
    }
}

static void sift_up(char **data, size_t at)
{
    while (at > 0 && strcmp(data[at], data[(at - 1) / 2]) > 0) {
        char *swap = data[at];

        data[at] = data[(at - 1) / 2];
        data[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

/* Keeps the name if it is among the smallest that are still to come. */
static enum pb_err offer(struct level *v, const char *name, struct error *e)
{
    char *copy;

    if (v->after && strcmp(name, v->after) <= 0)
        return PB_OK;
    if (v->names.len == v->want) {
        v->more = true;
        if (strcmp(name, v->names.data[0]) >= 0)
            return PB_OK;
    }
    copy = mem_strdup(name);
    if (!copy)
        return error_nomem(e);
    if (v->names.len == v->want) {
        free(v->names.data[0]);
        v->names.data[0] = copy;
        sift_down(v->names.data, v->names.len, 0);
        return PB_OK;
    }
    if (!vec_push(&v->names, copy)) {
        free(copy);
        return error_nomem(e);
    }
    sift_up(v->names.data, v->names.len - 1);
    return PB_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum pb_err open_level(struct list_op *l, struct level *v, struct error *e)
{
    char *path = NULL;
    int fd, copy = -1;
    enum pb_err err = local_path(l->root, v->dir, strlen(v->dir), &path, e);

    if (err != PB_OK)
        return err;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && copy >= 0)
        v->reading = fdopendir(copy);
    if (!v->reading) {
        err = local_errno(errno, "cannot list", path, e);
        if (copy >= 0)
            (void)close(copy);
        if (fd >= 0)
            (void)close(fd);
    } else {
        v->fd = fd;
    }
    free(path);
    return err;
}

/* Reads names for a while.  *over: the folder is at its end. */
static enum pb_err read_names(struct list_op *l, struct level *v, uint64_t end_us, bool *over,
                              struct error *e)
{
    const char *filter = v->dir == l->levels.data[0].dir ? l->filter : "";
    size_t n = strlen(filter);
    enum pb_err err = PB_OK;
    unsigned count = 0;

    *over = false;
    while (err == PB_OK) {
        const struct dirent *d;

        if (++count % 64 == 0 && clock_mono_us() >= end_us)
            return PB_OK;
        errno = 0;
        d = readdir(v->reading);
        if (!d) {
            *over = true;
            return errno ? local_errno(errno, "cannot list", l->root, e) : PB_OK;
        }
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
            strncmp(d->d_name, filter, n) == 0)
            err = offer(v, d->d_name, e);
    }
    return err;
}

static void names_complete(struct level *v)
{
    (void)closedir(v->reading);
    v->reading = NULL;
    v->read = true;
    v->next = 0;
    if (v->names.len > 1)
        qsort(v->names.data, v->names.len, sizeof *v->names.data, by_bytes);
}

/* ------------------------------------------------------------------------------ entries */

static enum pb_err add_entry(struct list_op *l, enum store_kind kind, const char *dir,
                             const char *name, const struct stat *st, struct error *e)
{
    struct store_entry *entry;
    struct store_identity id = {0};
    struct buf key;
    enum pb_err err;

    buf_init(&key, BUF_MAX_LINE);
    buf_printf(&key, "%s%s%s", dir, name, kind == STORE_PREFIX ? "/" : "");
    err = buf_status(&key, e);
    entry = err == PB_OK ? store_page_add(l->page, &l->cap, kind, key.data, key.len) : NULL;
    buf_release(&key);
    if (err != PB_OK)
        return err;
    if (!entry)
        return error_nomem(e);
    if (kind == STORE_PREFIX)
        return PB_OK;
    err = local_identity(&id, st, e);
    if (err != PB_OK)
        return err;
    entry->size = id.size;
    entry->mtime = id.mtime;
    entry->etag = arena_strndup(&l->page->mem, id.etag, strlen(id.etag));
    store_identity_release(&id);
    return entry->etag ? PB_OK : error_nomem(e);
}

/* What the name stands for; a link stands for what it points to, or for itself if that is nothing.
 */
static bool look_at(const struct level *v, const char *name, struct stat *st, bool *link)
{
    struct stat target;

    if (fstatat(v->fd, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *link = S_ISLNK(st->st_mode);
    if (*link && fstatat(v->fd, name, &target, 0) == 0)
        *st = target;
    return true;
}

static enum pb_err descend(struct list_op *l, const char *dir, const char *name, struct error *e)
{
    struct buf below;
    enum pb_err err;

    buf_init(&below, BUF_MAX_LINE);
    buf_printf(&below, "%s%s/", dir, name);
    err = buf_status(&below, e);
    if (err == PB_OK)
        err = push_level(l, below.data, below.len, NULL, BELOW_BATCH, e);
    buf_release(&below);
    return err;
}

/* The next name of the level.  Folders below are entered, but never through a link: that may not
 * end. */
static enum pb_err take_name(struct list_op *l, struct level *v, struct error *e)
{
    const char *name = v->names.data[v->next];
    bool link = false, folder;
    struct stat st;

    if (!look_at(v, name, &st, &link)) {
        v->next++;
        return PB_OK; /* gone meanwhile */
    }
    folder = S_ISDIR(st.st_mode);
    v->next++;
    if (l->recursive && folder && !link && l->levels.len < DEPTH_MAX)
        return descend(l, v->dir, name, e);
    return add_entry(l, folder ? STORE_PREFIX : STORE_OBJECT, v->dir, name, &st, e);
}

/* --------------------------------------------------------------------------------- job */

/* There is more and the page is full: go on after its last name the next time. */
static enum pb_err set_next(struct list_op *l, struct error *e)
{
    const struct store_entry *last = &l->page->entries[l->page->count - 1];

    l->page->next = arena_strndup(&l->page->mem, last->name, last->len);
    return l->page->next ? PB_OK : error_nomem(e);
}

static enum pb_err read_again(struct level *v, struct error *e)
{
    char *last = mem_strdup(v->names.data[v->names.len - 1]);

    if (!last)
        return error_nomem(e);
    free(v->after);
    v->after = last;
    names_clear(v);
    v->more = v->read = false;
    return PB_OK;
}

/* A folder below that cannot be opened is shown as what it is; one that is gone is not. */
static enum pb_err skip_level(struct list_op *l, enum pb_err err, struct error *e)
{
    struct level *v = &l->levels.data[l->levels.len - 1];
    size_t n = strlen(v->dir);
    struct store_entry *entry = NULL;

    if (err == PB_EDENIED) {
        entry = store_page_add(l->page, &l->cap, STORE_PREFIX, v->dir, n);
        if (!entry)
            return error_nomem(e);
    }
    pop_level(l);
    return PB_OK;
}

static enum pb_err go_on(struct list_op *l, uint64_t end_us, bool *over, struct error *e)
{
    struct level *v = &l->levels.data[l->levels.len - 1];
    enum pb_err err = PB_OK;

    if (!v->read && !v->reading) {
        if (v->fd >= 0) {
            (void)close(v->fd);
            v->fd = -1;
        }
        err = open_level(l, v, e);
        if (l->levels.len > 1 && (err == PB_EDENIED || err == PB_ENOTFOUND))
            return skip_level(l, err, e);
    } else if (v->reading) {
        err = read_names(l, v, end_us, over, e);
        if (err == PB_OK && *over)
            names_complete(v);
    } else if (v->next < v->names.len) {
        err = take_name(l, v, e);
    } else if (v->more) {
        err = read_again(v, e);
    } else {
        pop_level(l);
    }
    return err;
}

/* Is there anything left that could become an entry?  Cheap: it may be too hopeful about empty
 * folders. */
static bool anything_left(const struct list_op *l)
{
    size_t i;

    for (i = 0; i < l->levels.len; i++) {
        const struct level *v = &l->levels.data[i];

        if (!v->read || v->more || v->next < v->names.len)
            return true;
    }
    return false;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct list_op *l = list_of(j);
    uint64_t end_us = clock_mono_us() + budget_us;
    enum pb_err err = PB_OK;
    bool over;

    while (err == PB_OK && l->levels.len > 0 && l->page->count < l->max) {
        err = go_on(l, end_us, &over, &j->error);
        if (err == PB_OK && clock_mono_us() >= end_us)
            return JOB_MORE;
    }
    if (err == PB_OK && l->page->count > 0 && anything_left(l))
        err = set_next(l, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

static void list_free(struct list_op *l)
{
    store_op_end(&l->op);
    loop_remove_job(l->op.store->loop, &l->job);
    while (l->levels.len > 0)
        pop_level(l);
    vec_release(&l->levels);
    store_page_free(l->page);
    free(l->root);
    free(l->prefix);
    free(l->filter);
    free(l);
}

static void list_stop(struct store_op *op)
{
    list_free((struct list_op *)op);
}

static const struct store_op_class list_class = {.stop = list_stop};

static void finished(struct job *j, enum job_state state)
{
    struct list_op *l = list_of(j);
    struct error error = j->error;
    struct store_page *page = state == JOB_DONE ? l->page : NULL;
    store_page_fn done = l->done;
    void *ctx = l->ctx;

    if (page)
        l->page = NULL;
    list_free(l);
    done(ctx, page, page ? NULL : &error);
}

/* ------------------------------------------------------------------------------- start */

/* The levels that a listing goes on in after `token`, a name below the first level's folder. */
static enum pb_err push_levels(struct list_op *l, const char *dir, const char *token,
                               struct error *e)
{
    size_t dir_len = strlen(dir), at = dir_len, n;
    struct buf name;
    enum pb_err err = PB_OK;

    if (!token || strncmp(token, dir, dir_len) != 0)
        return push_level(l, dir, dir_len, NULL, l->max + 1, e);
    buf_init(&name, BUF_MAX_LINE);
    while (err == PB_OK && token[at] != '\0') {
        n = strcspn(token + at, "/");
        buf_clear(&name);
        buf_append(&name, token + at, n);
        err = buf_status(&name, e);
        if (err == PB_OK)
            err = push_level(l, token, at, name.data, at == dir_len ? l->max + 1 : BELOW_BATCH, e);
        at += n + (token[at + n] == '/');
        if (!l->recursive)
            break;
    }
    if (err == PB_OK && l->levels.len == 0)
        err = push_level(l, dir, dir_len, NULL, l->max + 1, e);
    buf_release(&name);
    return err;
}

static enum pb_err prepare(struct list_op *l, const struct store_list_request *r, struct error *e)
{
    const char *token = r->token ? r->token : r->start_after;
    const char *slash;
    size_t dir_len;

    if (r->prefix_len > 0 && memchr(r->prefix, '\0', r->prefix_len))
        return error_set(e, PB_EUSAGE, "a file's name cannot hold a NUL");
    l->recursive = r->recursive;
    l->max = r->max ? r->max : r->token ? LATER_PAGE : FIRST_PAGE;
    if (l->max > PAGE_MAX)
        l->max = PAGE_MAX;
    l->root = mem_strdup(r->container);
    l->prefix = mem_strndup(r->prefix, r->prefix_len);
    if (!l->root || !l->prefix)
        return error_nomem(e);
    slash = strrchr(l->prefix, '/');
    dir_len = slash ? (size_t)(slash - l->prefix) + 1 : 0;
    l->filter = mem_strdup(l->prefix + dir_len);
    l->page = store_page_new();
    if (!l->filter || !l->page)
        return error_nomem(e);
    l->prefix[dir_len] = '\0';
    return push_levels(l, l->prefix, token, e);
}

static struct list_op *list_new(struct store *s, store_page_fn done, void *ctx, struct error *e)
{
    struct list_op *l = mem_alloc(sizeof *l);

    if (!l) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&l->op, &list_class, s);
    l->done = done;
    l->ctx = ctx;
    l->job.step = step;
    l->job.finished = finished;
    return l;
}

struct store_op *local_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                            void *ctx, struct error *e)
{
    struct list_op *l = list_new(s, done, ctx, e);
    enum pb_err err;

    if (!l)
        return NULL;
    err = prepare(l, r, e);
    if (err == PB_OK)
        err = loop_add_job(s->loop, &l->job, e);
    if (err == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
}

/* There is one: the root of all. */
struct store_op *local_list_containers(struct store *s, const char *token, store_page_fn done,
                                       void *ctx, struct error *e)
{
    struct list_op *l = list_new(s, done, ctx, e);

    (void)token;
    if (!l)
        return NULL;
    l->page = store_page_new();
    l->max = 1;
    if (!l->page || !store_page_add(l->page, &l->cap, STORE_CONTAINER, "/", 1))
        (void)error_nomem(e);
    else if (loop_add_job(s->loop, &l->job, e) == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
}

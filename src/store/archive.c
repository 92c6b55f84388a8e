/*
 * The files of an archive, to be listed like keys: a table in memory, sorted once.
 *
 * What is in them is read through the object that the archive is, so nothing else works here.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/loop.h>

#include "store_op.h"

struct file {
    char *name; /* the whole key */
    size_t len;
    uint64_t size;
    int64_t mtime;
};
struct archive_store {
    struct store base; /* first */
    struct arena mem;
    char *prefix; /* of all keys: "…/file.zip!/" */
    size_t prefix_len;
    struct {
        struct file *data;
        size_t len, cap;
    } files;
    bool sorted;
};
struct list_op {
    struct store_op op; /* first */
    struct store_page *page;
    store_page_fn done;
    void *ctx;
};

static struct archive_store *of(struct store *s)
{
    return (struct archive_store *)s;
}

static int by_name(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* --- a page: there is only one ---------------------------------------------------------------- */

static struct store_page *make_page(struct archive_store *a, const struct store_list_request *r)
{
    struct store_page *p = store_page_new();
    const struct file *last = NULL;
    size_t cap = 0, last_len = 0;

    for (size_t i = 0; p != NULL && i < a->files.len; i++) {
        const struct file *f = &a->files.data[i];
        const char *slash;
        struct store_entry *entry;
        size_t len = f->len;

        if (f->len < r->prefix_len || memcmp(f->name, r->prefix, r->prefix_len) != 0)
            continue;
        slash = r->recursive ? NULL : memchr(f->name + r->prefix_len, '/', f->len - r->prefix_len);
        if (slash != NULL)
            len = (size_t)(slash - f->name) + 1;
        if (slash != NULL && last != NULL && last_len == len &&
            memcmp(last->name, f->name, len) == 0)
            continue;
        last = slash != NULL ? f : NULL;
        last_len = len;
        entry = store_page_add(p, &cap, slash != NULL ? STORE_PREFIX : STORE_OBJECT, f->name, len);
        if (entry == NULL) {
            store_page_free(p);
            return NULL;
        }
        entry->size = slash != NULL ? 0 : f->size;
        entry->mtime = slash != NULL ? 0 : f->mtime;
    }
    return p;
}

static void finish(void *ctx)
{
    struct list_op *l = ctx;
    store_page_fn done = l->done;
    struct store_page *page = l->page;
    void *owner = l->ctx;

    store_op_end(&l->op);
    free(l);
    done(owner, page, NULL);
}

static void stop(struct store_op *op)
{
    struct list_op *l = (struct list_op *)op;

    loop_unpost(op->store->loop, l);
    store_op_end(op);
    store_page_free(l->page);
    free(l);
}

static const struct store_op_class list_class = {.stop = stop};

static struct store_op *archive_list(struct store *s, const struct store_list_request *r,
                                     store_page_fn done, void *ctx, struct error *e)
{
    struct archive_store *a = of(s);
    struct list_op *l = mem_alloc(sizeof *l);

    if (!a->sorted && a->files.len > 0)
        qsort(a->files.data, a->files.len, sizeof *a->files.data, by_name);
    a->sorted = true;
    if (l != NULL)
        l->page = make_page(a, r);
    if (l == NULL || l->page == NULL) {
        (void)error_nomem(e);
        free(l);
        return NULL;
    }
    l->done = done;
    l->ctx = ctx;
    if (loop_post(s->loop, finish, l, e) != PB_OK) {
        store_page_free(l->page);
        free(l);
        return NULL;
    }
    store_op_begin(&l->op, &list_class, s);
    return &l->op;
}

/* --- what does not work here ------------------------------------------------------------------ */

static struct store_op *refuse(struct error *e)
{
    (void)error_set(e, PB_EUNSUPPORTED, "the files of an archive can only be listed and opened");
    return NULL;
}

static struct store_op *no_containers(struct store *s, const char *token, store_page_fn done,
                                      void *ctx, struct error *e)
{
    (void)s, (void)token, (void)done, (void)ctx;
    return refuse(e);
}

static struct store_op *no_head(struct store *s, const char *container, const char *key,
                                size_t key_len, const char *version_id, store_head_fn done,
                                void *ctx, struct error *e)
{
    (void)s, (void)container, (void)key, (void)key_len, (void)version_id, (void)done, (void)ctx;
    return refuse(e);
}

static struct store_op *no_read(struct store *s, const struct store_read_request *r,
                                store_read_fn done, void *ctx, struct error *e)
{
    (void)s, (void)r, (void)done, (void)ctx;
    return refuse(e);
}

static struct store_op *no_write(struct store *s, const struct store_write_request *r,
                                 store_write_fn done, void *ctx, struct error *e)
{
    (void)s, (void)r, (void)done, (void)ctx;
    return refuse(e);
}

static struct store_op *no_remove(struct store *s, const struct store_remove_request *r,
                                  store_remove_fn done, void *ctx, struct error *e)
{
    (void)s, (void)r, (void)done, (void)ctx;
    return refuse(e);
}

static void archive_free(struct store *s)
{
    struct archive_store *a = of(s);

    vec_release(&a->files);
    arena_release(&a->mem);
    free(a);
}

static const struct store_ops archive_ops = {
    .scheme = "archive",
    .list_containers = no_containers,
    .list = archive_list,
    .head = no_head,
    .read = no_read,
    .write = no_write,
    .remove = no_remove,
    .free = archive_free,
};

/* --- making one ------------------------------------------------------------------------------- */

enum pb_err store_archive_new(struct loop *l, const char *prefix, size_t n, struct store **out,
                              struct error *e)
{
    struct archive_store *a = mem_alloc(sizeof *a);

    *out = NULL;
    if (a == NULL)
        return error_nomem(e);
    arena_init(&a->mem);
    a->base.ops = &archive_ops;
    a->base.loop = l;
    a->prefix = arena_strndup(&a->mem, prefix, n);
    a->prefix_len = n;
    if (a->prefix == NULL) {
        archive_free(&a->base);
        return error_nomem(e);
    }
    *out = &a->base;
    return PB_OK;
}

enum pb_err store_archive_add(struct store *s, const char *name, size_t n, uint64_t size,
                              int64_t mtime, struct error *e)
{
    struct archive_store *a = of(s);
    struct file f = {.len = a->prefix_len + n, .size = size, .mtime = mtime};

    f.name = arena_alloc(&a->mem, f.len + 1);
    if (f.name == NULL)
        return error_nomem(e);
    memcpy(f.name, a->prefix, a->prefix_len);
    memcpy(f.name + a->prefix_len, name, n);
    a->sorted = false;
    return vec_push(&a->files, f) ? PB_OK : error_nomem(e);
}

/* Removing a file: looked at once more, then unlinked. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "local.h"

struct remove_op {
    struct store_op op; /* first */
    char *path;
    bool held; /* against identity */
    struct store_identity identity;
    store_remove_fn done;
    void *ctx;
};

static void remove_free(struct remove_op *d)
{
    store_op_end(&d->op);
    loop_unpost(d->op.store->loop, d);
    store_identity_release(&d->identity);
    free(d->path);
    free(d);
}

static void remove_stop(struct store_op *op)
{
    remove_free((struct remove_op *)op);
}

static const struct store_op_class remove_class = {.stop = remove_stop};

static enum pb_err remove_file(const struct remove_op *d, struct error *e)
{
    struct store_identity now;
    struct stat st;
    enum pb_err err;
    bool same;

    if (stat(d->path, &st) != 0)
        return local_errno(errno, "cannot look at", d->path, e);
    err = local_regular(&st, d->path, e);
    if (err == PB_OK && d->held) {
        err = local_identity(&now, &st, e);
        same = err == PB_OK && store_identity_same(&d->identity, &now);
        store_identity_release(&now);
        if (err == PB_OK && !same)
            err = local_fail(PB_ECHANGED, d->path, "it was changed by someone else", e);
    }
    if (err == PB_OK && unlink(d->path) != 0)
        err = local_errno(errno, "cannot remove", d->path, e);
    return err;
}

static void run(void *ctx)
{
    struct remove_op *d = ctx;
    store_remove_fn done = d->done;
    void *done_ctx = d->ctx;
    struct error error = {0};
    enum pb_err err = remove_file(d, &error);

    remove_free(d);
    done(done_ctx, NULL, err == PB_OK ? NULL : &error);
}

struct store_op *local_remove(struct store *s, const struct store_remove_request *r,
                              store_remove_fn done, void *ctx, struct error *e)
{
    struct remove_op *d;
    enum pb_err err;

    if (r->version_id) {
        (void)error_set(e, PB_EUNSUPPORTED, "local files have no versions");
        return NULL;
    }
    d = mem_alloc(sizeof *d);
    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &remove_class, s);
    d->done = done;
    d->ctx = ctx;
    d->held = r->identity != NULL;
    err = local_path(r->container, r->key, r->key_len, &d->path, e);
    if (err == PB_OK && d->held)
        err = store_identity_copy(&d->identity, r->identity, e);
    if (err == PB_OK)
        err = loop_post(s->loop, run, d, e);
    if (err == PB_OK)
        return &d->op;
    remove_free(d);
    return NULL;
}

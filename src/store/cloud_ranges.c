/*
 * GET of a large object in ranges, several side by side, given to the sink in order.
 *
 * Each range is a read of its own (cloud_read.c): asked for with If-Match, compared with what the
 * first one was of, continued where it was when it breaks off.  The range that is next goes
 * straight into the sink; those behind it wait in memory.  The first is asked for alone: a server
 * that knows no ranges then sends all of it, once.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud_read.h"

#define LEAST ((uint64_t)16 << 20) /* bytes; fewer are not worth it */
#define RANGE ((uint64_t)8 << 20)
#define AT_ONCE 4
#define OFFER ((size_t)256 << 10) /* bytes given to the sink at once */

struct ranges_op;

struct range {
    struct ranges_op *all;
    struct store_op *op; /* NULL: done, or not begun */
    uint64_t len;
    char *data; /* of one that is not next yet; NULL: none */
    uint64_t have, given;
    bool begun, done;
};

struct ranges_op {
    struct store_op op; /* first */
    struct store_read_request q;
    char *container, *key, *version_id;
    struct store_identity expect;
    struct store_object object;
    bool known;    /* object says what is read */
    bool single;   /* the server knows no ranges: the first brings all */
    bool finished; /* only the callback is left */
    uint64_t asked, total, received;
    struct range ranges[AT_ONCE];
    size_t next; /* whose bytes come next */
    store_read_fn done;
    void *ctx;
};

static void stop_ranges(struct ranges_op *r)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        store_op_cancel(r->ranges[i].op);
        free(r->ranges[i].data);
        r->ranges[i] = (struct range){.all = r};
    }
}

static void ranges_free(struct ranges_op *r)
{
    loop_unpost(r->op.store->loop, r);
    stop_ranges(r);
    store_op_end(&r->op);
    store_identity_release(&r->expect);
    store_object_release(&r->object);
    free(r->container);
    free(r->key);
    free(r->version_id);
    free(r);
}

/* Takes the operation with it. */
static void finish(struct ranges_op *r, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct store_object o = r->object;
    store_read_fn done = r->done;
    void *ctx = r->ctx;

    store_object_init(&r->object);
    ranges_free(r);
    done(ctx, e ? NULL : &o, e ? &error : NULL);
    store_object_release(&o);
}

static void ranges_stop(struct store_op *op)
{
    ranges_free((struct ranges_op *)op);
}

static void ranges_progress(const struct store_op *op, struct http_progress *out)
{
    const struct ranges_op *r = (const struct ranges_op *)op;

    for (size_t i = 0; i < AT_ONCE; i++) {
        struct http_progress one = {0};

        if (!r->ranges[i].op)
            continue;
        store_op_progress(r->ranges[i].op, &one);
        out->rate += one.rate;
        out->waited_ms = one.waited_ms > out->waited_ms ? one.waited_ms : out->waited_ms;
        out->attempt = one.attempt > out->attempt ? one.attempt : out->attempt;
    }
    out->received = r->received;
    out->receive_total = r->total;
}

static void go_on(void *ctx);

static void ranges_resume(struct store_op *op)
{
    struct ranges_op *r = (struct ranges_op *)op;
    enum pb_err err;

    if (r->ranges[r->next].op)
        store_op_resume(r->ranges[r->next].op);
    loop_unpost(r->op.store->loop, r);
    err = loop_post(r->op.store->loop, go_on, r, NULL);
    if (err != PB_OK)
        go_on(r);
}

static const struct store_op_class ranges_class = {
    .stop = ranges_stop, .resume = ranges_resume, .progress = ranges_progress};

/* ------------------------------------------------------------------------- one range */

static enum pb_err on_begin(void *ctx, const struct store_object *o, struct error *e)
{
    struct range *g = ctx;
    struct ranges_op *r = g->all;
    enum pb_err err;

    if (r->known)
        return PB_OK;
    err = store_object_copy(&r->object, o, e);
    if (err != PB_OK)
        return err;
    r->known = true;
    r->single = !cloud_read_is_part(g->op);
    if (r->single)
        cloud_read_to_the_end(g->op);
    if (r->q.begin)
        err = r->q.begin(r->ctx, o, e);
    /* This is called from within a transfer: others cannot be begun here. */
    return err == PB_OK && !r->single ? loop_post(r->op.store->loop, go_on, r, e) : err;
}

static enum pb_err on_bytes(void *ctx, const void *p, size_t n, struct error *e)
{
    struct range *g = ctx;
    struct ranges_op *r = g->all;
    enum pb_err err = PB_OK;

    if (g == &r->ranges[r->next] && g->given == g->have) {
        err = sink_write(&r->q.to, p, n, e);
        if (err == PB_OK)
            r->received += n;
        return err;
    }
    if (n > g->len - g->have)
        return error_set(e, PB_ESERVER, "the server sent more than was asked for");
    if (!g->data)
        g->data = mem_alloc((size_t)g->len);
    if (!g->data)
        return error_nomem(e);
    memcpy(g->data + g->have, p, n);
    g->have += n;
    r->received += n;
    return PB_OK;
}

static void on_range(void *ctx, const struct store_object *o, const struct error *e)
{
    struct range *g = ctx;
    struct ranges_op *r = g->all;
    struct error error;

    (void)o;
    g->op = NULL;
    if (e) {
        error = *e;
        finish(r, &error);
        return;
    }
    g->done = true;
    go_on(r);
}

static enum pb_err ask(struct ranges_op *r, struct range *g, struct error *e)
{
    struct store_read_request q = r->q;

    g->len = r->total - r->asked < RANGE ? r->total - r->asked : RANGE;
    q.offset = r->q.offset + r->asked;
    q.length = g->len;
    q.expect = r->known ? &r->object.identity : &r->expect;
    q.begin = on_begin;
    q.to = (struct sink){on_bytes, g};
    g->op = cloud_read_one(r->op.store, &q, on_range, g, e);
    if (!g->op)
        return e->code;
    g->begun = true;
    r->asked += g->len;
    /* Who ends everything begins in front: with the whole, which ends its parts. */
    store_op_end(&r->op);
    store_op_begin(&r->op, &ranges_class, r->op.store);
    return PB_OK;
}

/* ----------------------------------------------------------------------- all of them */

/* What waits in memory of the range that is next. */
static enum pb_err give(struct ranges_op *r, struct range *g, struct error *e)
{
    while (g->given < g->have) {
        size_t n = g->have - g->given < OFFER ? (size_t)(g->have - g->given) : OFFER;
        enum pb_err err = sink_write(&r->q.to, g->data + g->given, n, e);

        if (err != PB_OK)
            return err;
        g->given += n;
    }
    free(g->data);
    g->data = NULL;
    return PB_OK;
}

static enum pb_err give_all(struct ranges_op *r, struct error *e)
{
    struct range *g = &r->ranges[r->next];
    enum pb_err err = PB_OK;

    while (g->begun && err == PB_OK) {
        err = give(r, g, e);
        if (err != PB_OK || !g->done)
            break;
        *g = (struct range){.all = r};
        r->next = (r->next + 1) % AT_ONCE;
        g = &r->ranges[r->next];
    }
    return err;
}

/* Gives what is there, asks for what is not. */
static void go_on(void *ctx)
{
    struct ranges_op *r = ctx;
    struct error error;
    enum pb_err err = give_all(r, &error);

    if (err == PB_EAGAIN)
        return; /* the sink's owner says when */
    for (size_t i = 0; i < AT_ONCE && err == PB_OK && !r->single && r->asked < r->total; i++) {
        struct range *g = &r->ranges[(r->next + i) % AT_ONCE];

        if (!g->begun)
            err = ask(r, g, &error);
    }
    if (err != PB_OK)
        finish(r, &error);
    else if (!r->ranges[r->next].begun)
        finish(r, NULL);
}

static enum pb_err copy_request(struct ranges_op *r, const struct store_read_request *q,
                                struct error *e)
{
    r->q = *q;
    r->q.container = r->container = mem_strdup(q->container);
    r->q.key = r->key = mem_strndup(q->key, q->key_len);
    if (q->version_id)
        r->q.version_id = r->version_id = mem_strdup(q->version_id);
    if (!r->container || !r->key || (q->version_id && !r->version_id))
        return error_nomem(e);
    r->total = q->expect->size - q->offset;
    if (q->length && q->length < r->total)
        r->total = q->length;
    return store_identity_copy(&r->expect, q->expect, e);
}

static bool worth_it(const struct store_read_request *q)
{
    uint64_t left;

    if (!q->expect || !q->expect->etag || q->expect->size < q->offset)
        return false;
    left = q->expect->size - q->offset;
    return left >= LEAST && (q->length == 0 || q->length >= LEAST);
}

struct store_op *cloud_read(struct store *s, const struct store_read_request *q, store_read_fn done,
                            void *ctx, struct error *e)
{
    struct ranges_op *r;
    struct error error;
    enum pb_err err;

    if (!worth_it(q))
        return cloud_read_one(s, q, done, ctx, e);
    r = mem_alloc(sizeof *r);
    if (!r) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&r->op, &ranges_class, s);
    store_object_init(&r->object);
    stop_ranges(r);
    r->done = done;
    r->ctx = ctx;
    err = copy_request(r, q, &error);
    if (err == PB_OK)
        err = ask(r, &r->ranges[0], &error);
    if (err == PB_OK)
        return &r->op;
    if (e)
        *e = error;
    ranges_free(r);
    return NULL;
}

/*
 * The careful write.  Its steps:
 *
 *   1  digest   MD5 of what is to be sent
 *   2  look     HEAD: is it still what was read?  Its tags are read, if it has any.
 *   3  put      under If-Match, in one piece or in blocks.  Without a clear answer: HEAD again;
 * what is there now is ours by its MD5, or what was there before (then 3 once more), or somebody
 * else's. 4  look     HEAD: is what is there now what was sent?
 *
 * A write whose answer was lost is never simply repeated.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "azure_write.h"

/* --------------------------------------------------------------------------- its end */

static void release(struct cloud_write *c)
{
    struct azure_write_op *w = (struct azure_write_op *)c;

    azure_blocks_free(w->blocks);
    free((void *)(uintptr_t)w->unchanged);
}

static void progress(const struct cloud_write *c, struct http_progress *out)
{
    const struct azure_write_op *w = (const struct azure_write_op *)c;

    if (w->blocks) {
        azure_blocks_progress(w->blocks, out);
        return;
    }
    if (c->request->call)
        http_progress(c->request->call, out);
    out->send_total = c->body->size;
    if (c->request->action != AZURE_PUT)
        out->sent = c->puts > 0 ? c->body->size : 0;
}

static void saved(struct cloud_write *c, const struct store_identity *now)
{
    cloud_write_saved(c, now, c->condition == STORE_IF_SAME && !c->before.identity.etag);
}

static void compare(struct cloud_write *c, const struct store_object *o)
{
    bool known = c->put.etag && o->identity.etag;

    if (known && !store_identity_matches(&c->put, o->identity.etag))
        cloud_write_fail_with(c, PB_ECHANGED,
                              "it was saved, but someone else replaced it in the same moment");
    else if (o->identity.size != c->body->size)
        cloud_write_fail_with(c, PB_ESERVER,
                              "the server stored another number of bytes than was sent");
    else
        saved(c, &o->identity);
}

/* ----------------------------------------------------------------------------- the put */

static void put(struct cloud_write *c)
{
    struct azure_write_op *w = (struct azure_write_op *)c;

    c->puts++;
    if (w->blocks)
        azure_blocks_go(w);
    else
        azure_write_whole(w);
}

static void refused(struct azure_write_op *w, const struct http_result *r)
{
    struct cloud_problem p;
    struct error error = {0};
    enum pb_err err;

    azure_problem_read(&p, r);
    err = cloud_problem_error(&p, &w->request.q, r, &error);
    if (err == PB_EEXIST && w->c.condition == STORE_IF_ABSENT) {
        cloud_write_find_out(&w->c, &error); /* perhaps ours, of an attempt before */
    } else if (err == PB_ECHANGED) {
        cloud_write_find_out(&w->c, &error);
    } else if (r->status == 404 && w->c.there && !cloud_problem_is(&p, "ContainerNotFound")) {
        cloud_write_deleted(&w->c);
    } else if (w->c.puts < AZURE_PUTS_MAX && azure_request_learn(&w->request, r)) {
        put(&w->c);
    } else if ((r->status >= 500 && r->status != 501) || r->status == 429 ||
               cloud_problem_is(&p, "Md5Mismatch") || cloud_problem_is(&p, "InvalidBlockList")) {
        cloud_write_find_out(&w->c, &error);
    } else {
        cloud_write_fail(&w->c, &error);
    }
}

void azure_write_answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;

    if (e) {
        cloud_write_broken(&w->c, r, e);
    } else if (r->status / 100 == 2) {
        cloud_write_take_identity(&w->c, r, http_headers_get(&r->headers, "ETag"),
                                  "x-ms-version-id");
        cloud_write_look_after(&w->c);
    } else {
        refused(w, r);
    }
}

void azure_write_whole(struct azure_write_op *w)
{
    bool skewed = w->request.skewed;
    struct error error = {0};
    enum pb_err err = cloud_write_begin(&w->c, AZURE_PUT, azure_write_answered, &error);

    w->request.skewed = skewed;
    w->request.q.body = w->c.body;
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "x-ms-blob-type", "BlockBlob", &error);
    if (err == PB_OK)
        err = azure_put_headers(w, &error);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "Content-MD5", w->c.digest.checks.md5, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &error);
}

/* --------------------------------------------------------------- what became of it? */

static void put_after_wait(void *ctx)
{
    struct cloud_write *c = ctx;

    c->timer = 0;
    put(c);
}

static void put_again(struct cloud_write *c)
{
    if (c->why.code == PB_ECHANGED || c->puts >= AZURE_PUTS_MAX) {
        cloud_write_fail(c, &c->why);
        return;
    }
    log_line("nothing was written yet: saving again");
    cloud_write_wait(c, c->puts, put_after_wait);
}

static void found(struct cloud_write *c, const struct store_object *o)
{
    const char *md5 = http_headers_get(&o->shown, "Content-MD5");
    bool old = c->there && store_identity_same(&c->before.identity, &o->identity);

    if (old) {
        put_again(c);
    } else if (o->identity.size == c->body->size && md5 && strcmp(md5, c->digest.checks.md5) == 0) {
        log_line("what is there now is what was sent: it was saved");
        saved(c, &o->identity);
    } else {
        cloud_write_conflict(c);
    }
}

static void found_nothing(struct cloud_write *c)
{
    if (c->there)
        cloud_write_deleted(c);
    else
        put_again(c);
}

/* ------------------------------------------------------------------------------ before */

/* A signature that may only make new blobs may not look. */
static bool absent(const struct cloud_write *c, const struct http_result *r)
{
    return r->status == 404 || (r->status == 403 && c->condition == STORE_IF_ABSENT);
}

static const struct cloud_write_kind write_kind = {
    .release = release,
    .progress = progress,
    .absent = absent,
    .keeps_tags = true,
    .send = put,
    .saved = saved,
    .compare = compare,
    .found = found,
    .found_nothing = found_nothing,
};

/* ------------------------------------------------------------------------------- start */

static enum pb_err copy_ranges(struct azure_write_op *w, const struct store_write_request *q,
                               struct error *e)
{
    struct store_range *copy;

    if (q->condition != STORE_IF_SAME || q->unchanged_count == 0)
        return PB_OK;
    copy = mem_alloc(q->unchanged_count * sizeof *copy);
    if (!copy)
        return error_nomem(e);
    memcpy(copy, q->unchanged, q->unchanged_count * sizeof *copy);
    w->unchanged = copy;
    w->unchanged_count = q->unchanged_count;
    return PB_OK;
}

struct store_op *azure_write(struct store *s, const struct store_write_request *q,
                             store_write_fn done, void *ctx, struct error *e)
{
    struct azure_write_op *w = mem_alloc(sizeof *w);
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return NULL;
    }
    w->c.done = done;
    w->c.ctx = ctx;
    err = cloud_write_init(&w->c, s, &write_kind, &w->request.q, q, e);
    if (err == PB_OK)
        err = copy_ranges(w, q, e);
    if (err == PB_OK && w->c.body->size >= AZURE_BLOCKS_FROM)
        err = azure_blocks_new(w, &w->blocks, e);
    if (err == PB_OK)
        err = cloud_write_start(&w->c, CLOUD_MD5, e);
    if (err == PB_OK)
        return &w->c.op;
    cloud_write_free(&w->c);
    return NULL;
}

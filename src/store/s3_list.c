/*
 * Listings: buckets, and pages of a bucket.
 *
 * A token is ours: "2" and the server's continuation token, or "1" and the marker of the first
 * version of the request, which is used when a server refuses the second or answers it as if it
 * were the first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/xml.h>

#include "cloud_list.h"
#include "s3.h"
#include "s3_page.h"

struct list_op {
    struct cloud_list c; /* first */
    bool buckets, v1, fell_back;
    bool parsed; /* the page of the last answer, which was found good before it was accepted */
    bool asked_again;
};

static struct s3_store *store_of(const struct list_op *l)
{
    return (struct s3_store *)l->c.op.store;
}

/* ---------------------------------------------------------------------------- where it goes on */

static enum pb_err set_next(struct list_op *l, char version, const char *text, size_t n,
                            struct error *e)
{
    struct store_page *page = l->c.page;

    page->next = arena_alloc(&page->mem, n + 2);
    if (!page->next)
        return error_nomem(e);
    page->next[0] = version;
    memcpy(page->next + 1, text, n);
    return cloud_list_check_next(&l->c, e);
}

/* The first version of the request: NextMarker, or the last name.  Some servers (Ceph) leave
 * NextMarker as it is in an encoded listing: then it is the last name without being decoded. */
static enum pb_err find_marker(struct list_op *l, const struct s3_page *p, struct error *e)
{
    const struct store_entry *last = s3_page_last(p);
    bool named = p->next_marker && p->next_marker_len > 0;
    struct buf marker;
    enum pb_err err;

    if (!named && !last)
        return cloud_list_aimless(&l->c, e);
    if (!named || (last && last->len == p->next_marker_len &&
                   memcmp(last->name, p->next_marker, last->len) == 0))
        return set_next(l, '1', last->name, last->len, e);
    buf_init(&marker, BUF_MAX_LINE);
    if (p->url_encoded)
        uri_decode(&marker, p->next_marker, p->next_marker_len, true);
    else
        buf_append(&marker, p->next_marker, p->next_marker_len);
    err = buf_status(&marker, e);
    if (err == PB_OK)
        err = set_next(l, '1', marker.data, marker.len, e);
    buf_release(&marker);
    return err;
}

static enum pb_err find_next(struct list_op *l, const struct s3_page *p, struct error *e)
{
    if (p->next_token && (l->buckets || (p->truncated && !l->v1)))
        return set_next(l, '2', p->next_token, p->next_token_len, e);
    if (l->buckets || !p->truncated)
        return PB_OK;
    if (!l->v1 && p->key_count)
        return cloud_list_aimless(&l->c, e);
    /* Asked for the first version, or answered as if. */
    return find_marker(l, p, e);
}

/* The page of one answer, into l->page: the quick way, or, whatever is odd, through the parser that
 * knows it all. */
static enum pb_err read_page(struct list_op *l, struct s3_page *p, const struct buf *body,
                             bool *again, struct error *e)
{
    struct xml_handler handler = {.end = s3_page_element, .ctx = p};
    size_t bom = cloud_bom(body);
    enum pb_err err = cloud_list_page(&l->c, e);

    s3_page_init(p, l->c.page, l->c.prefix, l->c.prefix_len, l->buckets);
    if (err != PB_OK || s3_page_quick(p, body->data + bom, body->len - bom))
        return err;
    err = cloud_list_page(&l->c, e);
    s3_page_init(p, l->c.page, l->c.prefix, l->c.prefix_len, l->buckets);
    return err == PB_OK ? cloud_list_xml(&l->c, body, &handler, again, e) : err;
}

/* *again: it may be better the next time. */
static enum pb_err parse_page(struct list_op *l, const struct buf *body, bool *again,
                              struct error *e)
{
    struct s3_page p;
    enum pb_err err;

    *again = false;
    err = read_page(l, &p, body, again, e);
    if (err != PB_OK)
        return err;
    if (p.nomem)
        return error_nomem(e);
    if (!p.known_root) {
        *again = s3_is_error_body(body);
        return cloud_error(l->c.request, PB_ESERVER,
                           "what answers there is no object store (or hides it)", e);
    }
    err = s3_page_settle(&p, e);
    return err == PB_OK ? find_next(l, &p, e) : err;
}

/* ---------------------------------------------------------------------------- asking */

static enum pb_err add_v2(struct list_op *l, struct error *e)
{
    enum pb_err err = cloud_param(l->c.request, "list-type", "2", e);

    if (err == PB_OK && l->c.token)
        err = cloud_param(l->c.request, "continuation-token", l->c.token + 1, e);
    if (err == PB_OK && l->c.start_after && !l->c.token)
        err = cloud_param(l->c.request, "start-after", l->c.start_after, e);
    return err;
}

static enum pb_err add_v1(struct list_op *l, struct error *e)
{
    const char *marker = l->c.token ? l->c.token + 1 : l->c.start_after;

    return marker ? cloud_param(l->c.request, "marker", marker, e) : PB_OK;
}

/* The prefix is sent even when it is empty: permissions may hang on it. */
static enum pb_err add_params(struct list_op *l, struct error *e)
{
    enum pb_err err;
    char max[16];

    aws_query_release(&l->c.request->params);
    err = l->v1 ? add_v1(l, e) : add_v2(l, e);
    if (err == PB_OK)
        err = aws_query_add(&l->c.request->params, "prefix", l->c.prefix, l->c.prefix_len, e);
    if (err == PB_OK)
        err = cloud_param(l->c.request, "encoding-type", "url", e);
    if (err == PB_OK && !l->c.recursive)
        err = cloud_param(l->c.request, "delimiter", "/", e);
    if (err == PB_OK && l->c.max > 0) {
        (void)snprintf(max, sizeof max, "%u", l->c.max);
        err = cloud_param(l->c.request, "max-keys", max, e);
    }
    return err;
}

/* The second version of the request is not known there? */
static bool should_fall_back(struct list_op *l, const struct http_result *r)
{
    struct cloud_problem p;

    if (l->buckets || l->v1 || l->fell_back || l->c.token)
        return false;
    s3_problem_read(&p, r);
    return r->status == 501 || r->status == 405 || cloud_problem_is(&p, "NotImplemented") ||
           (r->status == 400 && (cloud_problem_is(&p, "InvalidArgument") ||
                                 cloud_problem_is(&p, "InvalidRequest") || !*p.code));
}

static enum pb_err fall_back(struct list_op *l, struct error *e)
{
    struct s3_bucket *b = s3_bucket(store_of(l), l->c.request->container);
    enum pb_err err;

    log_line("listing again with the first version of the request");
    l->v1 = l->fell_back = true;
    if (b)
        b->list_v1 = true;
    err = add_params(l, e);
    return err == PB_OK ? cloud_request_send(l->c.request, e) : err;
}

/* It looks whole, and is read while the next one is being made. */
static bool is_for_later(const struct list_op *l, const struct http_result *r)
{
    size_t bom = cloud_bom(&r->body);

    return !l->buckets && l->c.more && !l->asked_again &&
           s3_page_whole(r->body.data + bom, r->body.len - bom);
}

/* A good status may still come with an error, or cut short. */
static bool reject(void *ctx, const struct http_result *r)
{
    struct list_op *l = ctx;
    bool again = false;

    if (is_for_later(l, r))
        return false;
    l->parsed = parse_page(l, &r->body, &again, NULL) == PB_OK;
    return !l->parsed && again;
}

static void read_late(void *ctx)
{
    struct list_op *l = ctx;
    struct error error = {0};
    bool again = false;
    enum pb_err err = parse_page(l, &l->c.body, &again, &error);

    if (err != PB_OK && again && !l->asked_again) {
        l->asked_again = true;
        err = cloud_request_send(l->c.request, &error);
        if (err == PB_OK)
            return;
    }
    cloud_list_finish(&l->c, err == PB_OK ? NULL : &error);
}

static void read_soon(void *ctx)
{
    struct list_op *l = ctx;
    struct error error = {0};

    if (loop_post(l->c.op.store->loop, read_late, l, &error) != PB_OK)
        cloud_list_finish(&l->c, &error);
}

/* The page is read when the request for the next one has left, which takes the loop two turns. */
static enum pb_err read_behind(struct list_op *l, const struct http_result *r, struct error *e)
{
    char token[S3_TOKEN_MAX + 2] = "2";
    enum pb_err err;

    buf_release(&l->c.body);
    l->c.body = *r->own;
    buf_init(r->own, l->c.body.max);
    err = loop_post(l->c.op.store->loop, read_soon, l, e);
    if (err == PB_OK && !l->v1 && s3_page_peek(l->c.body.data, l->c.body.len, token + 1))
        l->c.more(l->c.ctx, token);
    return err;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct list_op *l = ctx;
    struct error error = {0};
    enum pb_err err = PB_OK;
    bool again;

    if (e) {
        cloud_list_finish(&l->c, e);
        return;
    }
    if (should_fall_back(l, r)) {
        if (fall_back(l, &error) != PB_OK)
            cloud_list_finish(&l->c, &error);
        return;
    }
    if (r->status / 100 == 2 && is_for_later(l, r)) {
        if (read_behind(l, r, &error) != PB_OK)
            cloud_list_finish(&l->c, &error);
        return;
    }
    if (r->status / 100 != 2 || s3_is_error_body(&r->body))
        err = cloud_answer_error(l->c.request, r, &error);
    else if (!l->parsed)
        err = parse_page(l, &r->body, &again, &error);
    cloud_list_finish(&l->c, err == PB_OK ? NULL : &error);
}

struct store_op *s3_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                         void *ctx, struct error *e)
{
    struct list_op *l = (struct list_op *)cloud_list_new(sizeof *l, s, S3_LIST, r->container, r,
                                                         r->token, answered, done, ctx, e);
    struct s3_bucket *b;

    if (!l)
        return NULL;
    l->c.request->reject = reject;
    b = s3_bucket(store_of(l), r->container);
    l->v1 = l->c.token ? l->c.token[0] == '1' : b && b->list_v1;
    return cloud_list_send(&l->c, add_params(l, e), e);
}

struct store_op *s3_list_containers(struct store *s, const char *token, store_page_fn done,
                                    void *ctx, struct error *e)
{
    struct list_op *l = (struct list_op *)cloud_list_new(sizeof *l, s, S3_LIST_BUCKETS, NULL, NULL,
                                                         token, answered, done, ctx, e);
    enum pb_err err = PB_OK;

    if (!l)
        return NULL;
    l->buckets = true;
    l->c.request->reject = reject;
    /* Only the paged form answers accounts with very many buckets; others may not know it. */
    if (store_of(l)->amazon)
        err = cloud_param(l->c.request, "max-buckets", "1000", e);
    if (err == PB_OK && token)
        err = cloud_param(l->c.request, "continuation-token", token + 1, e);
    return cloud_list_send(&l->c, err, e);
}

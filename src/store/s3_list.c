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

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "s3.h"

struct list_op {
    struct store_op op; /* first */
    struct s3_request request;
    bool buckets, recursive, v1, fell_back;
    char *prefix, *token, *start_after;
    size_t prefix_len;
    unsigned max;
    store_page_fn done;
    void *ctx;
    struct store_page *page; /* of the last answer */
    bool parsed;             /* ... which was found good before it was accepted */
};

static struct s3_store *store_of(const struct list_op *l)
{
    return (struct s3_store *)l->op.store;
}

static void list_free(struct list_op *l)
{
    store_op_end(&l->op);
    cloud_request_release(&l->request.q);
    store_page_free(l->page);
    free(l->prefix);
    free(l->token);
    free(l->start_after);
    free(l);
}

static void list_stop(struct store_op *op)
{
    list_free((struct list_op *)op);
}

static void list_progress(const struct store_op *op, struct http_progress *out)
{
    const struct list_op *l = (const struct list_op *)op;

    if (l->request.q.call)
        http_progress(l->request.q.call, out);
}

static const struct store_op_class list_class = {.stop = list_stop, .progress = list_progress};

static void finish(struct list_op *l, struct store_page *page, const struct error *e)
{
    struct error copy = e ? *e : (struct error){0};
    store_page_fn done = l->done;
    void *ctx = l->ctx;

    if (l->page == page)
        l->page = NULL;
    list_free(l);
    done(ctx, page, e ? &copy : NULL);
}

/* ---------------------------------------------------------------------------- parsing */

struct parse {
    struct list_op *l;
    struct store_page *page;
    size_t cap;
    bool known_root, url_encoded, truncated, key_count;
    /* Of the element that is open; decoded at its end. */
    char *name, *etag, *storage_class;
    size_t name_len;
    uint64_t size;
    int64_t mtime;
    char *next_token, *next_marker; /* as received */
    size_t next_token_len, next_marker_len;
    const char *last; /* the last name of the page, for a first version without NextMarker */
    size_t last_len;
    bool nomem;
};

static void keep(struct parse *p, char **to, size_t *len, const char *text, size_t n)
{
    *to = arena_strndup(&p->page->mem, text, n);
    if (len)
        *len = n;
    if (!*to)
        p->nomem = true;
}

static bool under_prefix(const struct list_op *l, const char *name, size_t n)
{
    return n >= l->prefix_len && memcmp(name, l->prefix, l->prefix_len) == 0;
}

/* As received: whether names are encoded may be said after them. */
static void add_entry(struct parse *p, enum store_kind kind)
{
    struct store_entry *entry;

    if (!p->name)
        return;
    entry = store_page_add(p->page, &p->cap, kind, p->name, p->name_len);
    if (entry) {
        entry->size = p->size;
        entry->mtime = p->mtime;
        entry->etag = p->etag;
        entry->storage_class = p->storage_class;
    } else {
        p->nomem = true;
    }
    p->name = p->etag = p->storage_class = NULL;
    p->size = 0;
    p->mtime = 0;
}

/* In a url-encoded listing '+' is a blank; a real plus comes as %2B.  Decoding never makes it
 * longer. */
static void decode_name(const struct parse *p, struct store_entry *entry, struct buf *room)
{
    if (!memchr(entry->name, '%', entry->len) && !memchr(entry->name, '+', entry->len))
        return;
    buf_clear(room);
    uri_decode(room, entry->name, entry->len, true);
    /* Some servers leave the folders of an encoded listing as they are. */
    if (room->failed != PB_OK || room->len > entry->len ||
        (entry->kind == STORE_PREFIX && !under_prefix(p->l, room->data, room->len)))
        return;
    memcpy(entry->name, room->data, room->len);
    entry->name[room->len] = '\0';
    entry->len = room->len;
}

/* Names decoded, strangers left out, the greatest name found. */
static enum pb_err settle_names(struct parse *p, struct error *e)
{
    struct store_page *page = p->page;
    struct buf room;
    size_t i, kept = 0;
    enum pb_err err;

    buf_init(&room, BUF_MAX_TEXT);
    for (i = 0; i < page->count; i++) {
        struct store_entry *entry = &page->entries[i];

        if (p->url_encoded)
            decode_name(p, entry, &room);
        if (!under_prefix(p->l, entry->name, entry->len)) {
            log_line("left out: a name in a listing that is not below its prefix");
            continue;
        }
        if (!p->last || strcmp(entry->name, p->last) > 0) {
            p->last = entry->name;
            p->last_len = entry->len;
        }
        page->entries[kept++] = *entry;
    }
    page->count = kept;
    err = buf_status(&room, e);
    buf_release(&room);
    return err;
}

static void object_element(struct parse *p, const char *name, const char *text, size_t n)
{
    if (strcmp(name, "Key") == 0)
        keep(p, &p->name, &p->name_len, text, n);
    else if (strcmp(name, "Size") == 0 && !num_parse_u64(text, n, &p->size))
        p->size = 0;
    else if (strcmp(name, "LastModified") == 0 && !clock_parse_iso(text, n, &p->mtime))
        p->mtime = 0;
    else if (strcmp(name, "ETag") == 0)
        keep(p, &p->etag, NULL, text, n);
    else if (strcmp(name, "StorageClass") == 0)
        keep(p, &p->storage_class, NULL, text, n);
}

static void list_element(struct parse *p, const char *name, const char *text, size_t n)
{
    if (strncmp(name, "Contents/", 9) == 0)
        object_element(p, name + 9, text, n);
    else if (strcmp(name, "Contents") == 0)
        add_entry(p, STORE_OBJECT);
    else if (strcmp(name, "CommonPrefixes/Prefix") == 0)
        keep(p, &p->name, &p->name_len, text, n);
    else if (strcmp(name, "CommonPrefixes") == 0)
        add_entry(p, STORE_PREFIX);
    else if (strcmp(name, "IsTruncated") == 0)
        p->truncated = strcmp(text, "true") == 0;
    else if (strcmp(name, "EncodingType") == 0)
        p->url_encoded = strcmp(text, "url") == 0;
    else if (strcmp(name, "KeyCount") == 0)
        p->key_count = true;
    else if (strcmp(name, "NextContinuationToken") == 0)
        keep(p, &p->next_token, &p->next_token_len, text, n);
    else if (strcmp(name, "NextMarker") == 0)
        keep(p, &p->next_marker, &p->next_marker_len, text, n);
}

static void bucket_element(struct parse *p, const char *name, const char *text, size_t n)
{
    if (strcmp(name, "Buckets/Bucket/Name") == 0)
        keep(p, &p->name, &p->name_len, text, n);
    else if (strcmp(name, "Buckets/Bucket/CreationDate") == 0 &&
             !clock_parse_iso(text, n, &p->mtime))
        p->mtime = 0;
    else if (strcmp(name, "Buckets/Bucket") == 0)
        add_entry(p, STORE_CONTAINER);
    else if (strcmp(name, "ContinuationToken") == 0 && n > 0)
        keep(p, &p->next_token, &p->next_token_len, text, n);
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct parse *p = ctx;
    const char *root = p->l->buckets ? "ListAllMyBucketsResult" : "ListBucketResult";
    size_t n = strlen(root);

    if (p->nomem || strncmp(path, root, n) != 0)
        return;
    if (path[n] == '\0')
        p->known_root = true;
    else if (path[n] == '/' && p->l->buckets)
        bucket_element(p, path + n + 1, text, len);
    else if (path[n] == '/')
        list_element(p, path + n + 1, text, len);
}

static enum pb_err run_parser(const struct buf *body, struct parse *p, bool *forbidden,
                              struct error *e)
{
    struct xml_handler handler = {.end = on_end, .ctx = p};
    struct xml *x = NULL;
    bool plain;
    enum pb_err err = xml_plain(&handler, body->data, body->len, &plain, e);

    if (err != PB_OK || plain)
        return err;
    err = xml_new(&handler, &x, e);
    if (err != PB_OK)
        return err;
    err = xml_feed(x, body->data, body->len, e);
    if (err == PB_OK)
        err = xml_finish(x, e);
    *forbidden = err != PB_OK && xml_forbidden_char(x);
    xml_free(x);
    return err;
}

static enum pb_err set_next(struct parse *p, char version, const char *text, size_t n,
                            struct error *e)
{
    struct list_op *l = p->l;

    p->page->next = arena_alloc(&p->page->mem, n + 2);
    if (!p->page->next)
        return error_nomem(e);
    p->page->next[0] = version;
    memcpy(p->page->next + 1, text, n);
    /* A marker that does not move on would show the same page for ever. */
    if (l->token && strcmp(l->token, p->page->next) == 0)
        return cloud_error(&l->request.q, PB_ESERVER,
                           "the server sends the same page of the listing again and again", e);
    return PB_OK;
}

static bool is_last(const struct parse *p, const char *name, size_t n)
{
    return p->last && p->last_len == n && memcmp(p->last, name, n) == 0;
}

/* The first version of the request: NextMarker, or the last name.  Some servers (Ceph) leave
 * NextMarker as it is in an encoded listing: then it is the last name without being decoded. */
static enum pb_err find_marker(struct parse *p, struct error *e)
{
    bool named = p->next_marker && p->next_marker_len > 0;
    struct buf marker;
    enum pb_err err;

    if (!named && !p->last)
        return cloud_error(&p->l->request.q, PB_ESERVER,
                           "the listing goes on, but the server does not say where", e);
    if (!named || is_last(p, p->next_marker, p->next_marker_len))
        return set_next(p, '1', p->last, p->last_len, e);
    buf_init(&marker, BUF_MAX_LINE);
    if (p->url_encoded)
        uri_decode(&marker, p->next_marker, p->next_marker_len, true);
    else
        buf_append(&marker, p->next_marker, p->next_marker_len);
    err = buf_status(&marker, e);
    if (err == PB_OK)
        err = set_next(p, '1', marker.data, marker.len, e);
    buf_release(&marker);
    return err;
}

static enum pb_err find_next(struct parse *p, struct error *e)
{
    struct list_op *l = p->l;

    if (p->next_token && (l->buckets || (p->truncated && !l->v1)))
        return set_next(p, '2', p->next_token, p->next_token_len, e);
    if (l->buckets || !p->truncated)
        return PB_OK;
    if (!l->v1 && p->key_count)
        return cloud_error(&l->request.q, PB_ESERVER,
                           "the listing goes on, but the server does not say where", e);
    /* Asked for the first version, or answered as if. */
    return find_marker(p, e);
}

static enum pb_err broken_xml(struct list_op *l, bool forbidden, const struct error *why,
                              struct error *e)
{
    struct buf text;
    enum pb_err err;

    if (forbidden)
        return cloud_error(&l->request.q, PB_ESERVER,
                           "a name on this page of the listing holds a character that XML forbids, "
                           "and the server does not encode names",
                           e);
    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the server's answer cannot be read: %s"), why->msg);
    err = cloud_error(&l->request.q, why->code, text.data, e);
    buf_release(&text);
    return err;
}

/* The page of one answer, into l->page.  *again: it may be better the next time. */
static enum pb_err parse_page(struct list_op *l, const struct buf *body, bool *again,
                              struct error *e)
{
    struct parse p = {.l = l};
    struct error why = {0};
    bool forbidden = false;
    enum pb_err err;

    *again = false;
    store_page_free(l->page);
    l->page = p.page = store_page_new();
    if (!p.page)
        return error_nomem(e);
    err = run_parser(body, &p, &forbidden, &why);
    if (err != PB_OK) {
        *again = err == PB_ESERVER && !forbidden;
        return broken_xml(l, forbidden, &why, e);
    }
    if (p.nomem)
        return error_nomem(e);
    if (!p.known_root) {
        *again = s3_is_error_body(body);
        return cloud_error(&l->request.q, PB_ESERVER,
                           "what answers there is no object store (or hides it)", e);
    }
    err = settle_names(&p, e);
    return err == PB_OK ? find_next(&p, e) : err;
}

/* ---------------------------------------------------------------------------- asking */

static enum pb_err add_v2(struct list_op *l, struct error *e)
{
    enum pb_err err = cloud_param(&l->request.q, "list-type", "2", e);

    if (err == PB_OK && l->token)
        err = cloud_param(&l->request.q, "continuation-token", l->token + 1, e);
    if (err == PB_OK && l->start_after && !l->token)
        err = cloud_param(&l->request.q, "start-after", l->start_after, e);
    return err;
}

static enum pb_err add_v1(struct list_op *l, struct error *e)
{
    const char *marker = l->token ? l->token + 1 : l->start_after;

    return marker ? cloud_param(&l->request.q, "marker", marker, e) : PB_OK;
}

/* The prefix is sent even when it is empty: permissions may hang on it. */
static enum pb_err add_params(struct list_op *l, struct error *e)
{
    enum pb_err err;
    char max[16];

    aws_query_release(&l->request.q.params);
    err = l->v1 ? add_v1(l, e) : add_v2(l, e);
    if (err == PB_OK)
        err = aws_query_add(&l->request.q.params, "prefix", l->prefix, l->prefix_len, e);
    if (err == PB_OK)
        err = cloud_param(&l->request.q, "encoding-type", "url", e);
    if (err == PB_OK && !l->recursive)
        err = cloud_param(&l->request.q, "delimiter", "/", e);
    if (err == PB_OK && l->max > 0) {
        (void)snprintf(max, sizeof max, "%u", l->max);
        err = cloud_param(&l->request.q, "max-keys", max, e);
    }
    return err;
}

/* The second version of the request is not known there? */
static bool should_fall_back(struct list_op *l, const struct http_result *r)
{
    struct cloud_problem p;

    if (l->buckets || l->v1 || l->fell_back || l->token)
        return false;
    s3_problem_read(&p, r);
    return r->status == 501 || r->status == 405 || cloud_problem_is(&p, "NotImplemented") ||
           (r->status == 400 && (cloud_problem_is(&p, "InvalidArgument") ||
                                 cloud_problem_is(&p, "InvalidRequest") || !*p.code));
}

static enum pb_err fall_back(struct list_op *l, struct error *e)
{
    struct s3_bucket *b = s3_bucket(store_of(l), l->request.q.container);
    enum pb_err err;

    log_line("listing again with the first version of the request");
    l->v1 = l->fell_back = true;
    if (b)
        b->list_v1 = true;
    err = add_params(l, e);
    return err == PB_OK ? cloud_request_send(&l->request.q, e) : err;
}

/* A good status may still come with an error, or cut short. */
static bool reject(void *ctx, const struct http_result *r)
{
    struct list_op *l = ctx;
    bool again = false;

    l->parsed = parse_page(l, &r->body, &again, NULL) == PB_OK;
    return !l->parsed && again;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct list_op *l = ctx;
    struct error error = {0};
    struct store_page *page;
    enum pb_err err = PB_OK;
    bool again;

    if (e) {
        finish(l, NULL, e);
        return;
    }
    if (should_fall_back(l, r)) {
        if (fall_back(l, &error) != PB_OK)
            finish(l, NULL, &error);
        return;
    }
    if (r->status / 100 != 2)
        err = cloud_answer_error(&l->request.q, r, &error);
    else if (s3_is_error_body(&r->body))
        err = cloud_answer_error(&l->request.q, r, &error);
    else if (!l->parsed)
        err = parse_page(l, &r->body, &again, &error);
    page = l->page;
    finish(l, err == PB_OK ? page : NULL, err == PB_OK ? NULL : &error);
}

static enum pb_err copy_request(struct list_op *l, const struct store_list_request *r,
                                struct error *e)
{
    l->prefix = mem_strndup(r->prefix, r->prefix_len);
    l->prefix_len = r->prefix_len;
    l->recursive = r->recursive;
    l->max = r->max;
    if (r->token)
        l->token = mem_strdup(r->token);
    if (r->start_after)
        l->start_after = mem_strdup(r->start_after);
    if (!l->prefix || (r->token && !l->token) || (r->start_after && !l->start_after))
        return error_nomem(e);
    return PB_OK;
}

static struct list_op *list_new(struct store *s, enum s3_action action, const char *bucket,
                                store_page_fn done, void *ctx, struct error *e)
{
    struct list_op *l = mem_alloc(sizeof *l);

    if (!l) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&l->op, &list_class, s);
    l->done = done;
    l->ctx = ctx;
    if (cloud_request_init(&l->request.q, s, action, bucket, NULL, 0, e) != PB_OK) {
        list_free(l);
        return NULL;
    }
    l->request.q.reject = reject;
    l->request.q.done = answered;
    l->request.q.ctx = l;
    return l;
}

struct store_op *s3_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                         void *ctx, struct error *e)
{
    struct list_op *l = list_new(s, S3_LIST, r->container, done, ctx, e);
    struct s3_bucket *b;
    enum pb_err err;

    if (!l)
        return NULL;
    err = copy_request(l, r, e);
    b = s3_bucket(store_of(l), r->container);
    l->v1 = l->token ? l->token[0] == '1' : b && b->list_v1;
    if (err == PB_OK)
        err = add_params(l, e);
    if (err == PB_OK)
        err = cloud_request_send(&l->request.q, e);
    if (err == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
}

struct store_op *s3_list_containers(struct store *s, const char *token, store_page_fn done,
                                    void *ctx, struct error *e)
{
    struct list_op *l = list_new(s, S3_LIST_BUCKETS, NULL, done, ctx, e);
    struct store_list_request all = {.prefix = "", .token = token};
    enum pb_err err;

    if (!l)
        return NULL;
    l->buckets = true;
    err = copy_request(l, &all, e);
    /* Only the paged form answers accounts with very many buckets; others may not know it. */
    if (err == PB_OK && store_of(l)->amazon)
        err = cloud_param(&l->request.q, "max-buckets", "1000", e);
    if (err == PB_OK && token)
        err = cloud_param(&l->request.q, "continuation-token", token + 1, e);
    if (err == PB_OK)
        err = cloud_request_send(&l->request.q, e);
    if (err == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
}

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
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "cloud_list.h"
#include "s3.h"

struct list_op {
    struct cloud_list c; /* first */
    bool buckets, v1, fell_back;
    bool parsed; /* the page of the last answer, which was found good before it was accepted */
};

static struct s3_store *store_of(const struct list_op *l)
{
    return (struct s3_store *)l->c.op.store;
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
        (entry->kind == STORE_PREFIX && !cloud_list_under_prefix(&p->l->c, room->data, room->len)))
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
        if (!cloud_list_under_prefix(&p->l->c, entry->name, entry->len)) {
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

static enum pb_err set_next(struct parse *p, char version, const char *text, size_t n,
                            struct error *e)
{
    p->page->next = arena_alloc(&p->page->mem, n + 2);
    if (!p->page->next)
        return error_nomem(e);
    p->page->next[0] = version;
    memcpy(p->page->next + 1, text, n);
    return cloud_list_check_next(&p->l->c, e);
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
        return cloud_list_aimless(&p->l->c, e);
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
        return cloud_list_aimless(&l->c, e);
    /* Asked for the first version, or answered as if. */
    return find_marker(p, e);
}

/* The page of one answer, into l->page.  *again: it may be better the next time. */
static enum pb_err parse_page(struct list_op *l, const struct buf *body, bool *again,
                              struct error *e)
{
    struct parse p = {.l = l};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    enum pb_err err = cloud_list_page(&l->c, e);

    *again = false;
    p.page = l->c.page;
    if (err == PB_OK)
        err = cloud_list_xml(&l->c, body, &handler, again, e);
    if (err != PB_OK)
        return err;
    if (p.nomem)
        return error_nomem(e);
    if (!p.known_root) {
        *again = s3_is_error_body(body);
        return cloud_error(l->c.request, PB_ESERVER,
                           "what answers there is no object store (or hides it)", e);
    }
    err = settle_names(&p, e);
    return err == PB_OK ? find_next(&p, e) : err;
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

/*
 * Pages of versions: every version of every key, delete markers among them.
 *
 * A token is ours: the length of the key marker, ':', the key marker, the version marker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/num.h>
#include <pklbrowse/xml.h>

#include "cloud_list.h"
#include "s3.h"

struct versions_op {
    struct cloud_list c; /* first */
    bool parsed; /* the page of the last answer, which was found good before it was accepted */
};

/* ---------------------------------------------------------------------------- parsing */

struct parse {
    struct store_page *page;
    size_t cap;
    bool known_root, url_encoded, truncated, nomem;
    struct store_entry entry; /* of the element that is open */
    char *key_marker, *version_marker;
};

static void keep(struct parse *p, char **to, const char *text, size_t n)
{
    *to = arena_strndup(&p->page->mem, text, n);
    if (!*to)
        p->nomem = true;
}

static void add_entry(struct parse *p, enum store_kind kind, bool deleted)
{
    struct store_entry *to;

    if (!p->entry.name)
        return;
    to = store_page_add(p->page, &p->cap, kind, p->entry.name, p->entry.len);
    if (to) {
        char *name = to->name;

        *to = p->entry;
        to->name = name;
        to->kind = kind;
        to->deleted = deleted;
    } else {
        p->nomem = true;
    }
    p->entry = (struct store_entry){0};
}

static void take_name(struct parse *p, const char *text, size_t n)
{
    keep(p, &p->entry.name, text, n);
    p->entry.len = n;
}

static void version_element(struct parse *p, const char *name, const char *text, size_t n)
{
    struct store_entry *e = &p->entry;

    if (strcmp(name, "Key") == 0)
        take_name(p, text, n);
    else if (strcmp(name, "VersionId") == 0)
        keep(p, &e->version_id, text, n);
    else if (strcmp(name, "IsLatest") == 0)
        e->latest = strcmp(text, "true") == 0;
    else if (strcmp(name, "Size") == 0 && !num_parse_u64(text, n, &e->size))
        e->size = 0;
    else if (strcmp(name, "LastModified") == 0 && !clock_parse_iso(text, n, &e->mtime))
        e->mtime = 0;
    else if (strcmp(name, "ETag") == 0)
        keep(p, &e->etag, text, n);
    else if (strcmp(name, "StorageClass") == 0)
        keep(p, &e->storage_class, text, n);
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    static const char root[] = "ListVersionsResult";
    struct parse *p = ctx;
    const char *name = path + sizeof root;

    if (p->nomem || strncmp(path, root, sizeof root - 1) != 0)
        return;
    if (path[sizeof root - 1] == '\0')
        p->known_root = true;
    else if (strncmp(name, "Version/", 8) == 0)
        version_element(p, name + 8, text, len);
    else if (strncmp(name, "DeleteMarker/", 13) == 0)
        version_element(p, name + 13, text, len);
    else if (strcmp(name, "Version") == 0 || strcmp(name, "DeleteMarker") == 0)
        add_entry(p, STORE_OBJECT, name[0] == 'D');
    else if (strcmp(name, "CommonPrefixes/Prefix") == 0)
        take_name(p, text, len);
    else if (strcmp(name, "CommonPrefixes") == 0)
        add_entry(p, STORE_PREFIX, false);
    else if (strcmp(name, "IsTruncated") == 0)
        p->truncated = strcmp(text, "true") == 0;
    else if (strcmp(name, "EncodingType") == 0)
        p->url_encoded = strcmp(text, "url") == 0;
    else if (strcmp(name, "NextKeyMarker") == 0)
        keep(p, &p->key_marker, text, len);
    else if (strcmp(name, "NextVersionIdMarker") == 0)
        keep(p, &p->version_marker, text, len);
}

/* Decoding never makes a text longer. */
static size_t decode(char *text, size_t n)
{
    struct buf plain;

    buf_init(&plain, BUF_MAX_TEXT);
    uri_decode(&plain, text, n, true);
    if (plain.failed == PB_OK && plain.len <= n) {
        memcpy(text, plain.data, plain.len);
        text[plain.len] = '\0';
        n = plain.len;
    }
    buf_release(&plain);
    return n;
}

static enum pb_err settle(struct versions_op *v, struct parse *p, struct error *e)
{
    const char *version = p->version_marker ? p->version_marker : "";
    size_t i, n, size;

    for (i = 0; p->url_encoded && i < p->page->count; i++)
        p->page->entries[i].len = decode(p->page->entries[i].name, p->page->entries[i].len);
    if (!p->truncated)
        return PB_OK;
    if (!p->key_marker || !*p->key_marker)
        return cloud_list_aimless(&v->c, e);
    n = strlen(p->key_marker);
    if (p->url_encoded)
        n = decode(p->key_marker, n);
    size = n + strlen(version) + 32;
    p->page->next = arena_alloc(&p->page->mem, size);
    if (!p->page->next)
        return error_nomem(e);
    (void)snprintf(p->page->next, size, "%zu:%s%s", n, p->key_marker, version);
    return cloud_list_check_next(&v->c, e);
}

/* The page of one answer, into v->page.  *again: it may be better the next time. */
static enum pb_err parse_page(struct versions_op *v, const struct buf *body, bool *again,
                              struct error *e)
{
    struct parse p = {.page = NULL};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    enum pb_err err = cloud_list_page(&v->c, e);

    *again = false;
    p.page = v->c.page;
    if (err == PB_OK)
        err = cloud_list_xml(&v->c, body, &handler, again, e);
    if (err != PB_OK)
        return err;
    if (p.nomem)
        return error_nomem(e);
    if (p.known_root)
        return settle(v, &p, e);
    *again = s3_is_error_body(body);
    return cloud_error(v->c.request, PB_ESERVER, "the answer is no list of versions", e);
}

/* ---------------------------------------------------------------------------- asking */

static bool reject(void *ctx, const struct http_result *r)
{
    struct versions_op *v = ctx;
    bool again = false;

    v->parsed = parse_page(v, &r->body, &again, NULL) == PB_OK;
    return !v->parsed && again;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct versions_op *v = ctx;
    struct error error = {0};
    bool again;

    if (e)
        error = *e;
    else if (r->status / 100 != 2 || s3_is_error_body(&r->body))
        (void)cloud_answer_error(v->c.request, r, &error);
    else if (!v->parsed)
        (void)parse_page(v, &r->body, &again, &error);
    cloud_list_finish(&v->c, error.code == PB_OK ? NULL : &error);
}

static enum pb_err add_token(struct versions_op *v, const char *token, struct error *e)
{
    uint64_t n = 0;
    size_t digits = strcspn(token, ":");
    enum pb_err err;

    if (!num_parse_u64(token, digits, &n) || token[digits] != ':' || n > strlen(token + digits + 1))
        return error_set(e, PB_EUSAGE, "this is no place in a list of versions");
    token += digits + 1;
    err = aws_query_add(&v->c.request->params, "key-marker", token, (size_t)n, e);
    if (err == PB_OK && token[n])
        err = cloud_param(v->c.request, "version-id-marker", token + n, e);
    return err;
}

static enum pb_err add_params(struct versions_op *v, const struct store_list_request *r,
                              struct error *e)
{
    char max[16];
    enum pb_err err = cloud_param(v->c.request, "versions", NULL, e);

    if (err == PB_OK)
        err = aws_query_add(&v->c.request->params, "prefix", r->prefix, r->prefix_len, e);
    if (err == PB_OK)
        err = cloud_param(v->c.request, "encoding-type", "url", e);
    if (err == PB_OK && !r->recursive)
        err = cloud_param(v->c.request, "delimiter", "/", e);
    if (err == PB_OK && r->max > 0) {
        (void)snprintf(max, sizeof max, "%u", r->max);
        err = cloud_param(v->c.request, "max-keys", max, e);
    }
    return err == PB_OK && r->token ? add_token(v, r->token, e) : err;
}

struct store_op *s3_list_versions(struct store *s, const struct store_list_request *r,
                                  store_page_fn done, void *ctx, struct error *e)
{
    struct versions_op *v;

    if (((const struct s3_store *)s)->google) {
        (void)error_set(e, PB_EUNSUPPORTED,
                        "with an HMAC key the generations of Google's store are "
                        "not listed: sign in with an account or a token");
        return NULL;
    }
    v = (struct versions_op *)cloud_list_new(sizeof *v, s, S3_LIST_VERSIONS, r->container, r,
                                             r->token, answered, done, ctx, e);

    if (!v)
        return NULL;
    v->c.request->reject = reject;
    return cloud_list_send(&v->c, add_params(v, r, e), e);
}

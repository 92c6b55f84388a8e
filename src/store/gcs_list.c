/*
 * Buckets, pages of objects, pages of generations.
 *
 * A token of generations is ours: 'v' and the service's for what the bucket holds, then 's' and the
 * service's for what is soft-deleted, which cannot be asked for together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>

#include "cloud_list.h"
#include "gcs.h"

enum what { BUCKETS, OBJECTS, VERSIONS, SOFT_DELETED };

struct list_op {
    struct cloud_list c; /* first; its token is the service's */
    enum what what;
};

/* --------------------------------------------------------------------------- a page */

struct page {
    struct list_op *l;
    struct store_page *page;
    size_t cap;
};

static enum pb_err keep(struct page *p, char **to, const char *text, struct error *e)
{
    if (!*text)
        return PB_OK;
    *to = arena_strndup(&p->page->mem, text, strlen(text));
    return *to ? PB_OK : error_nomem(e);
}

static enum pb_err set_generation(struct page *p, struct store_entry *x, const json_t *o,
                                  struct error *e)
{
    const char *generation = gcs_text(o, "generation");
    enum pb_err err = keep(p, &x->etag, generation, e);

    if (p->l->what != VERSIONS && p->l->what != SOFT_DELETED)
        return err;
    x->latest = p->l->what == VERSIONS && !*gcs_text(o, "timeDeleted");
    return err == PB_OK ? keep(p, &x->version_id, generation, e) : err;
}

static enum pb_err add_object(struct page *p, const json_t *o, struct error *e)
{
    const char *updated = gcs_text(o, "updated");
    const json_t *name = json_object_get(o, "name");
    struct store_entry *x;
    enum pb_err err;

    if (!json_is_string(name) ||
        (p->l->c.start_after && strcmp(json_string_value(name), p->l->c.start_after) == 0))
        return PB_OK;
    x = store_page_add(p->page, &p->cap, STORE_OBJECT, json_string_value(name),
                       json_string_length(name));
    if (!x)
        return error_nomem(e);
    if (!gcs_number(o, "size", &x->size))
        x->size = 0;
    if (!clock_parse_iso(updated, strlen(updated), &x->mtime))
        x->mtime = 0;
    err = keep(p, &x->storage_class,
               p->l->what == SOFT_DELETED ? "soft-deleted" : gcs_text(o, "storageClass"), e);
    return err == PB_OK ? set_generation(p, x, o, e) : err;
}

static enum pb_err add_named(struct page *p, enum store_kind kind, const json_t *name,
                             const json_t *o, struct error *e)
{
    const char *created = gcs_text(o, "timeCreated");
    struct store_entry *x;

    if (!json_is_string(name))
        return PB_OK;
    x = store_page_add(p->page, &p->cap, kind, json_string_value(name), json_string_length(name));
    if (!x)
        return error_nomem(e);
    if (!clock_parse_iso(created, strlen(created), &x->mtime))
        x->mtime = 0;
    return PB_OK;
}

static bool same_name(const struct store_entry *a, const struct store_entry *b)
{
    return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

/* The service has the oldest generation of a name first. */
static void newest_first(struct store_page *p)
{
    size_t i, end;

    for (i = 0; i < p->count; i = end) {
        size_t a = i, b;

        for (end = i + 1; end < p->count && same_name(&p->entries[i], &p->entries[end]);)
            end++;
        for (b = end; a + 1 < b; a++) {
            struct store_entry swap = p->entries[a];

            p->entries[a] = p->entries[--b];
            p->entries[b] = swap;
        }
    }
}

static enum pb_err set_next(struct page *p, const char *next, struct error *e)
{
    struct list_op *l = p->l;
    bool versions = l->what == VERSIONS || l->what == SOFT_DELETED;
    size_t size = strlen(next) + 2;

    if (*next && l->c.token && strcmp(next, l->c.token) == 0)
        return cloud_error(l->c.request, PB_ESERVER,
                           "the server sends the same page of the listing again and again", e);
    if (!*next && l->what != VERSIONS)
        return PB_OK;
    p->page->next = arena_alloc(&p->page->mem, size);
    if (!p->page->next)
        return error_nomem(e);
    (void)snprintf(p->page->next, size, "%s%s",
                   !versions                           ? ""
                   : l->what == SOFT_DELETED || !*next ? "s"
                                                       : "v",
                   next);
    return PB_OK;
}

static enum pb_err read_page(struct page *p, const json_t *o, struct error *e)
{
    const json_t *items = json_object_get(o, "items"), *prefixes = json_object_get(o, "prefixes");
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; err == PB_OK && i < json_array_size(items); i++) {
        const json_t *one = json_array_get(items, i);

        if (p->l->what == BUCKETS)
            err = add_named(p, STORE_CONTAINER, json_object_get(one, "name"), one, e);
        else
            err = add_object(p, one, e);
    }
    if (err == PB_OK && p->l->what == VERSIONS)
        newest_first(p->page);
    for (i = 0; err == PB_OK && p->l->what != SOFT_DELETED && i < json_array_size(prefixes); i++)
        err = add_named(p, STORE_PREFIX, json_array_get(prefixes, i), NULL, e);
    return err == PB_OK ? set_next(p, gcs_text(o, "nextPageToken"), e) : err;
}

static enum pb_err parse(struct list_op *l, const struct buf *body, struct error *e)
{
    json_t *o = json_loadb(body->data, body->len, 0, NULL);
    struct page p = {.l = l};
    enum pb_err err = cloud_list_page(&l->c, e);

    p.page = l->c.page;
    if (err == PB_OK && !json_is_object(o))
        err = cloud_error(l->c.request, PB_ESERVER, "what answers there is no Cloud Storage", e);
    else if (err == PB_OK)
        err = read_page(&p, o, e);
    json_decref(o);
    return err;
}

/* A bucket or a server that knows no soft deletion has none of it to list. */
static bool has_none(const struct list_op *l, const struct http_result *r)
{
    return l->what == SOFT_DELETED && !l->c.token &&
           (r->status == 400 || r->status == 403 || r->status == 412 || r->status == 501);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct list_op *l = ctx;
    struct error error = {0};

    if (e)
        error = *e;
    else if (has_none(l, r))
        error.code = cloud_list_page(&l->c, &error);
    else if (r->status / 100 != 2)
        (void)cloud_answer_error(l->c.request, r, &error);
    else
        (void)parse(l, &r->body, &error);
    cloud_list_finish(&l->c, error.code == PB_OK ? NULL : &error);
}

/* ---------------------------------------------------------------------------- asking */

static enum pb_err add_params(struct list_op *l, const struct store_list_request *r,
                              struct error *e)
{
    struct cloud_request *q = l->c.request;
    enum pb_err err = cloud_param(
        q, "fields",
        "nextPageToken,prefixes,items(name,size,updated,generation,storageClass,timeDeleted)", e);

    /* The prefix is sent even when it is empty: permissions may hang on it. */
    if (err == PB_OK)
        err = aws_query_add(&q->params, "prefix", r->prefix, r->prefix_len, e);
    if (err == PB_OK && !r->recursive)
        err = cloud_param(q, "delimiter", "/", e);
    if (err == PB_OK && l->c.start_after && !l->c.token)
        err = cloud_param(q, "startOffset", l->c.start_after, e);
    if (err == PB_OK && r->max > 0)
        err = cloud_param_number(q, "maxResults", r->max, e);
    if (err == PB_OK && l->what == VERSIONS)
        err = cloud_param(q, "versions", "true", e);
    if (err == PB_OK && l->what == SOFT_DELETED)
        err = cloud_param(q, "softDeleted", "true", e);
    return err;
}

static struct store_op *list_start(struct store *s, enum what what, const char *bucket,
                                   const struct store_list_request *r, const char *token,
                                   store_page_fn done, void *ctx, struct error *e)
{
    struct list_op *l = (struct list_op *)cloud_list_new(
        sizeof *l, s, what == BUCKETS ? GCS_LIST_BUCKETS : GCS_LIST, bucket, r,
        token && *token ? token : NULL, answered, done, ctx, e);
    enum pb_err err = PB_OK;

    if (!l)
        return NULL;
    l->what = what;
    if (r)
        err = add_params(l, r, e);
    if (err == PB_OK && l->c.token)
        err = cloud_param(l->c.request, "pageToken", l->c.token, e);
    return cloud_list_send(&l->c, err, e);
}

struct store_op *gcs_list_containers(struct store *s, const char *token, store_page_fn done,
                                     void *ctx, struct error *e)
{
    return list_start(s, BUCKETS, NULL, NULL, token, done, ctx, e);
}

struct store_op *gcs_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                          void *ctx, struct error *e)
{
    return list_start(s, OBJECTS, r->container, r, r->token, done, ctx, e);
}

struct store_op *gcs_list_versions(struct store *s, const struct store_list_request *r,
                                   store_page_fn done, void *ctx, struct error *e)
{
    bool soft = r->token && *r->token == 's';

    return list_start(s, soft ? SOFT_DELETED : VERSIONS, r->container, r,
                      r->token ? r->token + 1 : NULL, done, ctx, e);
}

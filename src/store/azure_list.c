/*
 * Listings: the accounts that are named, the containers of one, pages of blobs, and of their
 * versions and snapshots.
 *
 * A page may be short or empty and still not be the last: only its marker says.  A name that XML
 * cannot hold comes percent-encoded and says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "azure.h"
#include "cloud_list.h"

/* ----------------------------------------------------------------------------- parsing */

struct parse {
    struct cloud_list *l;
    struct store_page *page;
    size_t cap;
    struct buf name; /* of the element that is open, decoded */
    bool known_root, encoded, soft_deleted, nomem;
    bool versions_only; /* the blob is deleted, its versions are not */
    struct store_entry entry;
    char *snapshot;
};

static bool is_containers(const struct parse *p)
{
    return p->l->request->action == AZURE_LIST_CONTAINERS;
}

static void keep(struct parse *p, char **to, const char *text, size_t n)
{
    *to = arena_strndup(&p->page->mem, text, n);
    p->nomem |= !*to;
}

static void take_name(struct parse *p, const char *text, size_t n)
{
    buf_clear(&p->name);
    if (is_containers(p))
        buf_printf(&p->name, "%s/", ((const struct azure_request *)p->l->request)->spot.account);
    if (p->encoded)
        uri_decode(&p->name, text, n, false);
    else
        buf_append(&p->name, text, n);
    p->encoded = false;
}

/* Below what was asked for, and behind where it was to begin. */
static bool is_wanted(const struct parse *p)
{
    const struct cloud_list *l = p->l;
    const struct buf *n = &p->name;

    if (!cloud_list_under_prefix(l, n->data, n->len)) {
        log_line("left out: a name in a listing that is not below its prefix");
        return false;
    }
    return !l->start_after || strcmp(n->data, l->start_after) > 0;
}

static void name_version(struct parse *p, struct store_entry *x, const char *prefix,
                         const char *name)
{
    size_t n = strlen(prefix) + strlen(name) + 1;

    x->version_id = arena_alloc(&p->page->mem, n);
    if (x->version_id)
        (void)snprintf(x->version_id, n, "%s%s", prefix, name);
}

static void set_version(struct parse *p, struct store_entry *x)
{
    if (p->l->request->action != AZURE_LIST_VERSIONS || x->kind != STORE_OBJECT)
        return;
    if (p->versions_only) {
        x->deleted = x->latest = true;
        name_version(p, x, AZURE_VERSIONS_ONLY, "");
    } else if (p->soft_deleted) {
        bool old = p->snapshot || (x->version_id && !x->latest);

        name_version(p, x, old ? AZURE_DELETED ":" : AZURE_DELETED,
                     p->snapshot ? p->snapshot
                     : old       ? x->version_id
                                 : "");
        x->deleted = true;
        x->latest = !old;
    } else if (p->snapshot) {
        x->latest = false;
        name_version(p, x, AZURE_SNAPSHOT, p->snapshot);
    } else if (!x->version_id) {
        x->latest = true;
        name_version(p, x, AZURE_CURRENT, "");
    }
    p->nomem |= !x->version_id;
}

static void entry_over(struct parse *p)
{
    p->entry = (struct store_entry){.name = NULL};
    p->snapshot = NULL;
    p->soft_deleted = p->versions_only = false;
}

/* Versions and a delimiter cannot be asked for together: what is further down is folded here, into
 * a prefix, or into nothing when that stands there already (false). */
static bool fold(struct parse *p, enum store_kind *kind)
{
    const struct cloud_list *l = p->l;
    const struct store_entry *last =
        p->page->count > 0 ? &p->page->entries[p->page->count - 1] : NULL;
    const char *name = p->name.data, *slash;

    if (l->request->action != AZURE_LIST_VERSIONS || l->recursive)
        return true;
    slash = memchr(name + l->prefix_len, '/', p->name.len - l->prefix_len);
    if (!slash)
        return true;
    buf_truncate(&p->name, (size_t)(slash - name) + 1);
    p->entry = (struct store_entry){.name = NULL};
    *kind = STORE_PREFIX;
    return !last || last->kind != STORE_PREFIX || last->len != p->name.len ||
           memcmp(last->name, name, last->len) != 0;
}

static void add_entry(struct parse *p, enum store_kind kind)
{
    struct store_entry *x;

    if (p->name.failed != PB_OK) {
        p->nomem = true;
        return;
    }
    if (!is_wanted(p) || !fold(p, &kind)) {
        entry_over(p);
        return;
    }
    x = store_page_add(p->page, &p->cap, kind, p->name.data, p->name.len);
    if (x) {
        p->entry.kind = kind;
        p->entry.name = x->name;
        p->entry.len = x->len;
        *x = p->entry;
        set_version(p, x);
    } else {
        p->nomem = true;
    }
    entry_over(p);
}

static void property(struct parse *p, const char *name, const char *text, size_t n)
{
    struct store_entry *x = &p->entry;

    if (strcmp(name, "Content-Length") == 0 && !num_parse_u64(text, n, &x->size))
        x->size = 0;
    else if (strcmp(name, "Last-Modified") == 0 && !clock_parse_http(text, n, &x->mtime))
        x->mtime = 0;
    else if (strcmp(name, "Etag") == 0)
        keep(p, &x->etag, text, n);
    else if (strcmp(name, "AccessTier") == 0)
        keep(p, &x->storage_class, text, n);
}

static void element(struct parse *p, const char *path, const char *text, size_t n)
{
    static const char blob[] = "Blobs/Blob/", container[] = "Containers/Container/";
    const char *root = is_containers(p) ? container : blob;
    size_t len = strlen(root);

    if (strcmp(path, "NextMarker") == 0) {
        if (n > 0)
            keep(p, &p->page->next, text, n);
    } else if (strcmp(path, "Blobs/BlobPrefix/Name") == 0) {
        take_name(p, text, n);
    } else if (strcmp(path, "Blobs/BlobPrefix") == 0) {
        add_entry(p, STORE_PREFIX);
    } else if (strncmp(path, root, len - 1) == 0 && path[len - 1] == '\0') {
        add_entry(p, is_containers(p) ? STORE_CONTAINER : STORE_OBJECT);
    } else if (strncmp(path, root, len) != 0) {
        return;
    } else if (strcmp(path + len, "Name") == 0) {
        take_name(p, text, n);
    } else if (strcmp(path + len, "VersionId") == 0 && n > 0) {
        keep(p, &p->entry.version_id, text, n);
    } else if (strcmp(path + len, "IsCurrentVersion") == 0) {
        p->entry.latest = strcmp(text, "true") == 0;
    } else if (strcmp(path + len, "Deleted") == 0) {
        p->soft_deleted = strcmp(text, "true") == 0;
    } else if (strcmp(path + len, "HasVersionsOnly") == 0) {
        p->versions_only = strcmp(text, "true") == 0;
    } else if (strcmp(path + len, "Snapshot") == 0 && n > 0) {
        keep(p, &p->snapshot, text, n);
    } else if (strncmp(path + len, "Properties/", 11) == 0) {
        property(p, path + len + 11, text, n);
    }
}

#define ROOT "EnumerationResults"

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct parse *p = ctx;
    size_t n = sizeof ROOT - 1;

    if (p->nomem || strncmp(path, ROOT, n) != 0)
        return;
    if (path[n] == '\0')
        p->known_root = true;
    else if (path[n] == '/')
        element(p, path + n + 1, text, len);
}

static void on_attribute(void *ctx, const char *path, const char *name, const char *value,
                         size_t len)
{
    struct parse *p = ctx;

    (void)path, (void)len;
    if (strcmp(name, "Encoded") == 0)
        p->encoded = strcmp(value, "true") == 0;
}

/* Of a version or snapshot: their times sort as text. */
static const char *time_of(const struct store_entry *x)
{
    static const char *const prefixes[] = {AZURE_SNAPSHOT, AZURE_DELETED ":"};

    if (!x->version_id)
        return "";
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(x->version_id, prefixes[i], strlen(prefixes[i])) == 0)
            return x->version_id + strlen(prefixes[i]);
    return x->version_id;
}

/* Does a come before b?  What stands for the name first, then the newest. */
static bool is_newer(const struct store_entry *a, const struct store_entry *b)
{
    if (a->kind != b->kind || a->len != b->len || memcmp(a->name, b->name, a->len) != 0)
        return false;
    return a->latest != b->latest ? a->latest : strcmp(time_of(a), time_of(b)) > 0;
}

/* Those of one name stand together; servers differ in their order. */
static void newest_first(struct store_page *page)
{
    for (size_t i = 1; i < page->count; i++) {
        struct store_entry x = page->entries[i];
        size_t k = i;

        for (; k > 0 && is_newer(&x, &page->entries[k - 1]); k--)
            page->entries[k] = page->entries[k - 1];
        page->entries[k] = x;
    }
}

static enum pb_err parse_page(struct cloud_list *l, const struct buf *body, struct error *e)
{
    struct parse p = {.l = l};
    struct xml_handler handler = {.end = on_end, .attribute = on_attribute, .ctx = &p};
    enum pb_err err = cloud_list_page(l, e);
    bool again;

    p.page = l->page;
    buf_init(&p.name, BUF_MAX_LINE);
    if (err == PB_OK)
        err = cloud_list_xml(l, body, &handler, &again, e);
    buf_release(&p.name);
    if (err != PB_OK)
        return err;
    if (p.nomem)
        return error_nomem(e);
    if (!p.known_root)
        return cloud_error(l->request, PB_ESERVER,
                           "what answers there is no blob service (or hides it)", e);
    if (l->request->action == AZURE_LIST_VERSIONS)
        newest_first(l->page);
    return cloud_list_check_next(l, e);
}

/* ------------------------------------------------------------------------------ asking */

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_list *l = ctx;
    struct error error = {0};

    if (e)
        error = *e;
    else if (r->status / 100 != 2)
        (void)cloud_answer_error(l->request, r, &error);
    else
        (void)parse_page(l, &r->body, &error);
    cloud_list_finish(l, error.code == PB_OK ? NULL : &error);
}

static enum pb_err add_params(struct cloud_list *l, struct error *e)
{
    struct cloud_request *r = l->request;
    enum pb_err err = cloud_param(r, "comp", "list", e);
    char max[16];

    if (err == PB_OK && r->action != AZURE_LIST_CONTAINERS) {
        err = cloud_param(r, "restype", "container", e);
        if (err == PB_OK)
            err = aws_query_add(&r->params, "prefix", l->prefix, l->prefix_len, e);
        if (err == PB_OK && !l->recursive && r->action != AZURE_LIST_VERSIONS)
            err = cloud_param(r, "delimiter", "/", e);
    }
    if (err == PB_OK && r->action == AZURE_LIST_VERSIONS)
        err = cloud_param(r, "include", "snapshots,versions,deleted,deletedwithversions", e);
    if (err == PB_OK && l->token)
        err = cloud_param(r, "marker", l->token, e);
    if (err == PB_OK && l->max > 0) {
        (void)snprintf(max, sizeof max, "%u", l->max);
        err = cloud_param(r, "maxresults", max, e);
    }
    return err;
}

static struct store_op *list(struct store *s, enum azure_action action,
                             const struct store_list_request *r, store_page_fn done, void *ctx,
                             struct error *e)
{
    struct store_list_request all = *r;
    struct cloud_list *l;

    if (!strchr(r->container, '/')) { /* an account alone: its containers */
        action = AZURE_LIST_CONTAINERS;
        all.prefix_len = 0;
    }
    l = cloud_list_new(sizeof *l, s, action, r->container, &all, r->token, answered, done, ctx, e);
    return l ? cloud_list_send(l, add_params(l, e), e) : NULL;
}

struct store_op *azure_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                            void *ctx, struct error *e)
{
    return list(s, AZURE_LIST, r, done, ctx, e);
}

struct store_op *azure_list_versions(struct store *s, const struct store_list_request *r,
                                     store_page_fn done, void *ctx, struct error *e)
{
    return list(s, AZURE_LIST_VERSIONS, r, done, ctx, e);
}

/* ---------------------------------------------------------------------------- accounts */

static bool add_account(struct store_page *page, size_t *cap, const char *name)
{
    for (size_t i = 0; i < page->count; i++)
        if (strcmp(page->entries[i].name, name) == 0)
            return true;
    return store_page_add(page, cap, STORE_CONTAINER, name, strlen(name)) != NULL;
}

static void tell_accounts(void *ctx)
{
    struct cloud_list *l = ctx;
    const struct azure_setup *s = &((struct azure_store *)l->op.store)->setup;
    struct error e = {0};
    size_t cap = 0;
    bool ok = cloud_list_page(l, &e) == PB_OK;

    if (ok && s->account)
        ok = add_account(l->page, &cap, s->account);
    for (size_t i = 0; ok && i < s->places.len; i++)
        ok = add_account(l->page, &cap, s->places.data[i].account);
    if (!ok)
        (void)error_nomem(&e);
    else if (l->page->count == 0)
        (void)error_set(&e, PB_EUSAGE,
                        "no storage account is named: open az://ACCOUNT, or set "
                        "AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING");
    cloud_list_finish(l, e.code != PB_OK ? &e : NULL);
}

struct store_op *azure_list_containers(struct store *s, const char *token, store_page_fn done,
                                       void *ctx, struct error *e)
{
    struct cloud_list *l = cloud_list_new(sizeof *l, s, 0, NULL, NULL, NULL, NULL, done, ctx, e);

    (void)token; /* there is but one page */
    if (!l)
        return NULL;
    if (loop_post(s->loop, tell_accounts, l, e) == PB_OK)
        return &l->op;
    cloud_list_free(l);
    return NULL;
}

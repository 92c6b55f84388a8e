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
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "azure.h"

struct list_op {
    struct store_op op; /* first */
    struct azure_request request;
    char *prefix, *token, *start_after;
    size_t prefix_len;
    bool recursive;
    unsigned max;
    store_page_fn done;
    void *ctx;
};

static void list_free(struct list_op *l)
{
    store_op_end(&l->op);
    loop_unpost(l->op.store->loop, l);
    cloud_request_release(&l->request.q);
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

    list_free(l);
    done(ctx, page, e ? &copy : NULL);
}

/* ----------------------------------------------------------------------------- parsing */

struct parse {
    struct list_op *l;
    struct store_page *page;
    size_t cap;
    struct buf name; /* of the element that is open, decoded */
    bool known_root, encoded, nomem;
    struct store_entry entry;
    char *snapshot;
};

static bool is_containers(const struct parse *p)
{
    return p->l->request.q.action == AZURE_LIST_CONTAINERS;
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
        buf_printf(&p->name, "%s/", p->l->request.spot.account);
    if (p->encoded)
        uri_decode(&p->name, text, n, false);
    else
        buf_append(&p->name, text, n);
    p->encoded = false;
}

/* Below what was asked for, and behind where it was to begin. */
static bool is_wanted(const struct parse *p)
{
    const struct list_op *l = p->l;
    const struct buf *n = &p->name;

    if (n->len < l->prefix_len || memcmp(n->data, l->prefix, l->prefix_len) != 0) {
        log_line("left out: a name in a listing that is not below its prefix");
        return false;
    }
    return !l->start_after || strcmp(n->data, l->start_after) > 0;
}

static void set_version(struct parse *p, struct store_entry *x)
{
    if (p->l->request.q.action != AZURE_LIST_VERSIONS || x->kind != STORE_OBJECT)
        return;
    if (p->snapshot) {
        size_t n = strlen(AZURE_SNAPSHOT) + strlen(p->snapshot) + 1;

        x->latest = false;
        x->version_id = arena_alloc(&p->page->mem, n);
        if (x->version_id)
            (void)snprintf(x->version_id, n, AZURE_SNAPSHOT "%s", p->snapshot);
    } else if (!x->version_id) {
        x->latest = true;
        x->version_id = arena_strndup(&p->page->mem, AZURE_CURRENT, strlen(AZURE_CURRENT));
    }
    p->nomem |= !x->version_id;
}

static void add_entry(struct parse *p, enum store_kind kind)
{
    struct store_entry *x;

    if (p->name.failed != PB_OK) {
        p->nomem = true;
        return;
    }
    if (!is_wanted(p)) {
        p->entry = (struct store_entry){.name = NULL};
        p->snapshot = NULL;
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
    p->entry = (struct store_entry){.name = NULL};
    p->snapshot = NULL;
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
    size_t n = strlen(AZURE_SNAPSHOT);

    if (!x->version_id)
        return "";
    return strncmp(x->version_id, AZURE_SNAPSHOT, n) == 0 ? x->version_id + n : x->version_id;
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

static enum pb_err run_parser(struct parse *p, const struct buf *body, struct error *e)
{
    struct xml_handler handler = {.end = on_end, .attribute = on_attribute, .ctx = p};
    size_t bom = body->len >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct error why = {0};
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err != PB_OK)
        return err;
    err = xml_feed(x, body->data + bom, body->len - bom, &why);
    if (err == PB_OK)
        err = xml_finish(x, &why);
    if (err != PB_OK)
        err = broken_xml(p->l, xml_forbidden_char(x), &why, e);
    xml_free(x);
    return err;
}

static enum pb_err parse_page(struct list_op *l, const struct buf *body, struct store_page **out,
                              struct error *e)
{
    struct parse p = {.l = l, .page = store_page_new()};
    enum pb_err err;

    if (!p.page)
        return error_nomem(e);
    buf_init(&p.name, BUF_MAX_LINE);
    err = run_parser(&p, body, e);
    if (err == PB_OK && p.nomem)
        err = error_nomem(e);
    else if (err == PB_OK && !p.known_root)
        err = cloud_error(&l->request.q, PB_ESERVER,
                          "what answers there is no blob service (or hides it)", e);
    else if (err == PB_OK && l->token && p.page->next && strcmp(l->token, p.page->next) == 0)
        err = cloud_error(&l->request.q, PB_ESERVER,
                          "the server sends the same page of the listing again and again", e);
    buf_release(&p.name);
    if (err != PB_OK) {
        store_page_free(p.page);
        return err;
    }
    if (l->request.q.action == AZURE_LIST_VERSIONS)
        newest_first(p.page);
    *out = p.page;
    return PB_OK;
}

/* ------------------------------------------------------------------------------ asking */

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct list_op *l = ctx;
    struct store_page *page = NULL;
    struct error error = {0};
    enum pb_err err;

    if (e) {
        finish(l, NULL, e);
        return;
    }
    if (r->status / 100 != 2)
        err = cloud_answer_error(&l->request.q, r, &error);
    else
        err = parse_page(l, &r->body, &page, &error);
    finish(l, page, err == PB_OK ? NULL : &error);
}

static enum pb_err add_params(struct list_op *l, struct error *e)
{
    struct azure_request *r = &l->request;
    enum pb_err err = cloud_param(&r->q, "comp", "list", e);
    char max[16];

    if (err == PB_OK && r->q.action != AZURE_LIST_CONTAINERS) {
        err = cloud_param(&r->q, "restype", "container", e);
        if (err == PB_OK)
            err = aws_query_add(&r->q.params, "prefix", l->prefix, l->prefix_len, e);
        if (err == PB_OK && !l->recursive)
            err = cloud_param(&r->q, "delimiter", "/", e);
    }
    if (err == PB_OK && r->q.action == AZURE_LIST_VERSIONS)
        err = cloud_param(&r->q, "include", "snapshots,versions", e);
    if (err == PB_OK && l->token)
        err = cloud_param(&r->q, "marker", l->token, e);
    if (err == PB_OK && l->max > 0) {
        (void)snprintf(max, sizeof max, "%u", l->max);
        err = cloud_param(&r->q, "maxresults", max, e);
    }
    return err;
}

static enum pb_err copy_request(struct list_op *l, const struct store_list_request *r,
                                struct error *e)
{
    bool containers = l->request.q.action == AZURE_LIST_CONTAINERS;

    l->prefix = mem_strndup(r->prefix, containers ? 0 : r->prefix_len);
    l->prefix_len = containers ? 0 : r->prefix_len;
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

static struct list_op *list_new(struct store *s, store_page_fn done, void *ctx, struct error *e)
{
    struct list_op *l = mem_alloc(sizeof *l);

    if (!l) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&l->op, &list_class, s);
    l->done = done;
    l->ctx = ctx;
    return l;
}

static struct store_op *list(struct store *s, enum azure_action action,
                             const struct store_list_request *r, store_page_fn done, void *ctx,
                             struct error *e)
{
    struct list_op *l = list_new(s, done, ctx, e);
    enum pb_err err;

    if (!l)
        return NULL;
    /* An account alone: its containers. */
    if (!strchr(r->container, '/'))
        action = AZURE_LIST_CONTAINERS;
    err = cloud_request_init(&l->request.q, s, action, r->container, NULL, 0, e);
    l->request.q.done = answered;
    l->request.q.ctx = l;
    if (err == PB_OK)
        err = copy_request(l, r, e);
    if (err == PB_OK)
        err = add_params(l, e);
    if (err == PB_OK)
        err = cloud_request_send(&l->request.q, e);
    if (err == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
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
    struct list_op *l = ctx;
    const struct azure_setup *s = &((struct azure_store *)l->op.store)->setup;
    struct store_page *page = store_page_new();
    struct error e = {0};
    size_t cap = 0;
    bool ok = page != NULL;

    if (ok && s->account)
        ok = add_account(page, &cap, s->account);
    for (size_t i = 0; ok && i < s->places.len; i++)
        ok = add_account(page, &cap, s->places.data[i].account);
    if (!ok)
        (void)error_nomem(&e);
    else if (page->count == 0)
        (void)error_set(&e, PB_EUSAGE,
                        "no storage account is named: open az://ACCOUNT, or set "
                        "AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING");
    if (e.code != PB_OK) {
        store_page_free(page);
        page = NULL;
    }
    finish(l, page, e.code != PB_OK ? &e : NULL);
}

struct store_op *azure_list_containers(struct store *s, const char *token, store_page_fn done,
                                       void *ctx, struct error *e)
{
    struct list_op *l = list_new(s, done, ctx, e);

    (void)token; /* there is but one page */
    if (!l)
        return NULL;
    if (loop_post(s->loop, tell_accounts, l, e) == PB_OK)
        return &l->op;
    list_free(l);
    return NULL;
}

#include <string.h>

#include "apart.h"

/* ------------------------------------------------------------------------------ putting */

void apart_put(struct buf *b, uint64_t n)
{
    buf_append(b, &n, sizeof n);
}

void apart_put_bytes(struct buf *b, const void *p, size_t n)
{
    apart_put(b, n);
    if (n > 0)
        buf_append(b, p, n);
    buf_putc(b, '\0');
}

void apart_put_text(struct buf *b, const char *s)
{
    apart_put(b, s != NULL);
    if (s != NULL)
        apart_put_bytes(b, s, strlen(s));
}

void apart_put_identity(struct buf *b, const struct store_identity *id)
{
    apart_put_text(b, id->etag);
    apart_put_text(b, id->version_id);
    apart_put(b, id->size);
    apart_put(b, (uint64_t)id->mtime);
}

static void put_headers(struct buf *b, const struct http_headers *h)
{
    apart_put(b, h->len);
    for (size_t i = 0; i < h->len; i++) {
        apart_put_text(b, h->data[i].name);
        apart_put_text(b, h->data[i].value);
    }
}

void apart_put_object(struct buf *b, const struct store_object *o)
{
    apart_put_identity(b, &o->identity);
    put_headers(b, &o->keep);
    put_headers(b, &o->shown);
    apart_put(b, o->tags);
    apart_put(b, (uint64_t)o->mode);
    apart_put(b, o->loses);
}

void apart_put_page(struct buf *b, const struct store_page *p)
{
    apart_put(b, p->count);
    for (size_t i = 0; i < p->count; i++) {
        const struct store_entry *x = &p->entries[i];

        apart_put(b, x->kind);
        apart_put_bytes(b, x->name, x->len);
        apart_put(b, x->size);
        apart_put(b, (uint64_t)x->mtime);
        apart_put_text(b, x->etag);
    }
    apart_put_text(b, p->next);
}

void apart_begin(struct buf *b, enum apart_word word)
{
    struct apart_head head = {.word = word};

    buf_clear(b);
    buf_append(b, &head, sizeof head);
}

enum pb_err apart_end(struct buf *b, struct error *e)
{
    struct apart_head head;
    enum pb_err err = buf_status(b, e);

    if (err != PB_OK)
        return err;
    memcpy(&head, b->data, sizeof head);
    head.len = (uint32_t)(b->len - sizeof head); /* the buffer holds APART_MAX at most */
    memcpy(b->data, &head, sizeof head);
    return PB_OK;
}

/* ------------------------------------------------------------------------------ getting */

uint64_t apart_get(struct apart_reader *r)
{
    uint64_t n = 0;

    if ((size_t)(r->end - r->p) < sizeof n) {
        r->bad = true;
        r->p = r->end;
        return 0;
    }
    memcpy(&n, r->p, sizeof n);
    r->p += sizeof n;
    return n;
}

const char *apart_get_bytes(struct apart_reader *r, size_t *n)
{
    uint64_t len = apart_get(r);
    const char *p = r->p;

    if (len >= (uint64_t)(r->end - r->p)) { /* no room for it and its NUL */
        r->bad = true;
        r->p = r->end;
        *n = 0;
        return "";
    }
    *n = (size_t)len;
    r->p += *n + 1;
    return p;
}

const char *apart_get_text(struct apart_reader *r)
{
    size_t n;

    return apart_get(r) != 0 ? apart_get_bytes(r, &n) : NULL;
}

static enum pb_err status(const struct apart_reader *r, struct error *e)
{
    return r->bad ? error_set(e, PB_EIO, "the helper for local folders talks nonsense") : PB_OK;
}

enum pb_err apart_get_identity(struct apart_reader *r, struct store_identity *id, struct error *e)
{
    const char *etag = apart_get_text(r), *version = apart_get_text(r);

    *id = (struct store_identity){.size = apart_get(r), .mtime = 0};
    id->mtime = (int64_t)apart_get(r);
    id->etag = etag != NULL ? mem_strdup(etag) : NULL;
    id->version_id = version != NULL ? mem_strdup(version) : NULL;
    if ((etag != NULL && id->etag == NULL) || (version != NULL && id->version_id == NULL)) {
        store_identity_release(id);
        return error_nomem(e);
    }
    return PB_OK;
}

static enum pb_err get_headers(struct apart_reader *r, struct http_headers *h, struct error *e)
{
    uint64_t count = apart_get(r);
    enum pb_err err = PB_OK;

    for (uint64_t i = 0; i < count && err == PB_OK && !r->bad; i++) {
        const char *name = apart_get_text(r), *value = apart_get_text(r);

        err = http_headers_add(h, name != NULL ? name : "", value != NULL ? value : "", e);
    }
    return err;
}

enum pb_err apart_get_object(struct apart_reader *r, struct store_object *o, struct error *e)
{
    enum pb_err err;

    store_object_init(o);
    err = apart_get_identity(r, &o->identity, e);
    if (err == PB_OK)
        err = get_headers(r, &o->keep, e);
    if (err == PB_OK)
        err = get_headers(r, &o->shown, e);
    o->tags = (unsigned)apart_get(r);
    o->mode = (int)apart_get(r);
    o->loses = (unsigned)apart_get(r);
    if (err == PB_OK)
        err = status(r, e);
    if (err != PB_OK)
        store_object_release(o);
    return err;
}

static bool get_entry(struct apart_reader *r, struct store_page *page, size_t *cap)
{
    enum store_kind kind = (enum store_kind)apart_get(r);
    size_t n;
    const char *name = apart_get_bytes(r, &n), *etag;
    struct store_entry *x = store_page_add(page, cap, kind, name, n);

    if (x == NULL)
        return false;
    x->size = apart_get(r);
    x->mtime = (int64_t)apart_get(r);
    etag = apart_get_text(r);
    if (etag != NULL)
        x->etag = arena_strndup(&page->mem, etag, strlen(etag));
    return etag == NULL || x->etag != NULL;
}

struct store_page *apart_get_page(struct apart_reader *r, struct error *e)
{
    struct store_page *page = store_page_new();
    uint64_t count = apart_get(r);
    const char *next;
    size_t cap = 0;
    bool ok = page != NULL;

    for (uint64_t i = 0; i < count && ok && !r->bad; i++)
        ok = get_entry(r, page, &cap);
    next = apart_get_text(r);
    if (ok && next != NULL)
        ok = (page->next = arena_strndup(&page->mem, next, strlen(next))) != NULL;
    if (ok && status(r, e) == PB_OK)
        return page;
    if (!ok)
        (void)error_nomem(e);
    store_page_free(page);
    return NULL;
}

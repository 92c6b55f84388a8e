/* What is known of a blob beyond its headers: its tags.  What may not be read says so. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "azure.h"

struct details_op {
    struct store_op op; /* first */
    struct azure_request request;
    struct http_headers rows;
    store_details_fn done;
    void *ctx;
};

static void details_free(struct details_op *d)
{
    store_op_end(&d->op);
    cloud_request_release(&d->request.q);
    http_headers_release(&d->rows);
    free(d);
}

static void details_stop(struct store_op *op)
{
    details_free((struct details_op *)op);
}

static const struct store_op_class details_class = {.stop = details_stop};

/* Takes the operation with it. */
static void finish(struct details_op *d, const struct error *e)
{
    struct error error = e ? *e : (struct error){0};
    struct http_headers rows = d->rows;
    store_details_fn done = d->done;
    void *ctx = d->ctx;

    d->rows = (struct http_headers){0};
    details_free(d);
    done(ctx, e ? NULL : &rows, e ? &error : NULL);
    http_headers_release(&rows);
}

struct parse {
    struct http_headers *rows;
    struct buf key;
    bool known_root, failed;
};

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct parse *p = ctx;
    struct buf row;

    buf_init(&row, BUF_MAX_LINE);
    if (strcmp(path, "Tags") == 0) {
        p->known_root = true;
    } else if (strcmp(path, "Tags/TagSet/Tag/Key") == 0) {
        buf_clear(&p->key);
        text_escape(&p->key, text, len);
    } else if (strcmp(path, "Tags/TagSet/Tag/Value") == 0) {
        buf_printf(&row, "%s = ", p->key.data);
        text_escape(&row, text, len);
        p->failed |=
            row.failed != PB_OK || http_headers_add(p->rows, "Tag", row.data, NULL) != PB_OK;
    }
    buf_release(&row);
}

static enum pb_err read_rows(struct details_op *d, const struct buf *body, struct error *e)
{
    struct parse p = {.rows = &d->rows};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    size_t bom = body->len >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err != PB_OK)
        return err;
    buf_init(&p.key, BUF_MAX_LINE);
    err = xml_feed(x, body->data + bom, body->len - bom, NULL);
    if (err == PB_OK)
        err = xml_finish(x, NULL);
    xml_free(x);
    buf_release(&p.key);
    if (p.failed)
        return error_nomem(e);
    return err == PB_OK && p.known_root
               ? PB_OK
               : error_set(e, PB_ESERVER, "the server's answer cannot be read");
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct details_op *d = ctx;
    struct error why = {0}, error = {0};

    if (e) {
        finish(d, e);
        return;
    }
    if (r->status / 100 != 2)
        (void)cloud_answer_error(&d->request.q, r, &why);
    else
        (void)read_rows(d, &r->body, &why);
    if (why.code == PB_ENOMEM)
        error = why;
    else if (why.code != PB_OK)
        (void)http_headers_add(&d->rows, "Tags",
                               why.code == PB_EDENIED        ? _("may not be read")
                               : why.code == PB_EUNSUPPORTED ? _("not known there")
                                                             : _("cannot be read"),
                               &error);
    finish(d, error.code == PB_OK ? NULL : &error);
}

struct store_op *azure_details(struct store *s, const char *container, const char *key,
                               size_t key_len, const char *version_id, store_details_fn done,
                               void *ctx, struct error *e)
{
    struct details_op *d = mem_alloc(sizeof *d);
    enum pb_err err;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &details_class, s);
    d->done = done;
    d->ctx = ctx;
    err = cloud_request_init(&d->request.q, s, AZURE_TAGS, container, key, key_len, e);
    d->request.q.done = answered;
    d->request.q.ctx = d;
    if (err == PB_OK)
        err = cloud_param(&d->request.q, "comp", "tags", e);
    if (err == PB_OK)
        err = cloud_version(&d->request.q, version_id, e);
    if (err == PB_OK)
        err = cloud_request_send(&d->request.q, e);
    if (err == PB_OK)
        return &d->op;
    details_free(d);
    return NULL;
}

/*
 * What is known of an object beyond its headers: its tags, and who may do what with it.  Each is
 * asked for by itself; what may not be read says so in its place.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "s3.h"

struct details_op {
    struct store_op op;        /* first */
    struct s3_request request; /* the one that runs */
    char *bucket, *key, *version_id;
    size_t key_len;
    struct http_headers rows;
    store_details_fn done;
    void *ctx;
};

static void details_free(struct details_op *d)
{
    store_op_end(&d->op);
    cloud_request_release(&d->request.q);
    http_headers_release(&d->rows);
    free(d->bucket);
    free(d->key);
    free(d->version_id);
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

/* ---------------------------------------------------------------------------- parsing */

struct parse {
    struct http_headers *rows;
    struct buf key, who;
    bool known_root, failed;
};

static void add(struct parse *p, const char *name, const char *value)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, value, strlen(value)); /* a header's value holds no line ends */
    if (shown.failed != PB_OK || http_headers_add(p->rows, name, shown.data, NULL) != PB_OK)
        p->failed = true;
    buf_release(&shown);
}

/* Somebody is known by a name, or else by what else there is; groups by the end of their address.
 */
static void take_who(struct parse *p, const char *path, const char *text, size_t n)
{
    const char *slash = strrchr(text, '/');

    if (n == 0)
        return;
    if (strcmp(path, "DisplayName") == 0) {
        buf_clear(&p->who);
        buf_append(&p->who, text, n);
    } else if (strcmp(path, "URI") == 0) {
        buf_clear(&p->who);
        buf_printf(&p->who, "group %s", slash ? slash + 1 : text);
    } else if ((strcmp(path, "ID") == 0 || strcmp(path, "EmailAddress") == 0) && p->who.len == 0) {
        buf_append(&p->who, text, n);
    }
}

static const char *below(const char *path, const char *parent)
{
    size_t n = strlen(parent);

    return strncmp(path, parent, n) == 0 ? path + n : NULL;
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct parse *p = ctx;
    const char *rest;
    struct buf row;

    buf_init(&row, BUF_MAX_LINE);
    if (strcmp(path, "Tagging") == 0 || strcmp(path, "AccessControlPolicy") == 0) {
        p->known_root = true;
    } else if (strcmp(path, "Tagging/TagSet/Tag/Key") == 0) {
        buf_clear(&p->key);
        buf_append(&p->key, text, len);
    } else if (strcmp(path, "Tagging/TagSet/Tag/Value") == 0) {
        buf_printf(&row, "%s = %s", p->key.data, text);
        add(p, "Tag", row.data);
    } else if ((rest = below(path, "AccessControlPolicy/Owner/")) != NULL) {
        take_who(p, rest, text, len);
    } else if (strcmp(path, "AccessControlPolicy/Owner") == 0) {
        add(p, "Owner", p->who.data);
        buf_clear(&p->who);
    } else if ((rest = below(path, "AccessControlPolicy/AccessControlList/Grant/Grantee/")) !=
               NULL) {
        take_who(p, rest, text, len);
    } else if (strcmp(path, "AccessControlPolicy/AccessControlList/Grant/Permission") == 0) {
        buf_printf(&row, "%s: %s", p->who.len > 0 ? p->who.data : "somebody", text);
        add(p, "Grant", row.data);
        buf_clear(&p->who);
    }
    p->failed |= row.failed != PB_OK;
    buf_release(&row);
}

static enum pb_err read_rows(struct details_op *d, const struct buf *body, struct error *e)
{
    struct parse p = {.rows = &d->rows};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err != PB_OK)
        return err;
    buf_init(&p.key, BUF_MAX_LINE);
    buf_init(&p.who, BUF_MAX_LINE);
    err = xml_feed(x, body->data, body->len, NULL);
    if (err == PB_OK)
        err = xml_finish(x, NULL);
    xml_free(x);
    buf_release(&p.key);
    buf_release(&p.who);
    if (p.failed)
        return error_nomem(e);
    return err == PB_OK && p.known_root
               ? PB_OK
               : error_set(e, PB_ESERVER, "the server's answer cannot be read");
}

/* ---------------------------------------------------------------------------- asking */

static const struct {
    enum s3_action action;
    const char *param, *name;
} parts[] = {{S3_TAGS, "tagging", "Tags"}, {S3_ACL, "acl", "ACL"}};

static enum pb_err ask(struct details_op *d, size_t part, struct error *e);

/* Which of the parts the running request asks for. */
static size_t part_of(const struct details_op *d)
{
    return d->request.q.action == parts[0].action ? 0 : 1;
}

static enum pb_err note(struct details_op *d, size_t part, const struct error *why, struct error *e)
{
    const char *text = why->code == PB_EDENIED        ? _("may not be read")
                       : why->code == PB_EUNSUPPORTED ? _("not known there")
                                                      : _("cannot be read");

    return http_headers_add(&d->rows, parts[part].name, text, e);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct details_op *d = ctx;
    size_t part = part_of(d);
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
        (void)note(d, part, &why, &error);
    if (error.code == PB_OK && part + 1 < sizeof parts / sizeof *parts) {
        if (ask(d, part + 1, &error) == PB_OK)
            return;
    }
    finish(d, error.code == PB_OK ? NULL : &error);
}

static enum pb_err ask(struct details_op *d, size_t part, struct error *e)
{
    enum pb_err err;

    cloud_request_release(&d->request.q);
    err = cloud_request_init(&d->request.q, d->op.store, parts[part].action, d->bucket, d->key,
                             d->key_len, e);
    d->request.q.done = answered;
    d->request.q.ctx = d;
    if (err == PB_OK)
        err = cloud_param(&d->request.q, parts[part].param, NULL, e);
    if (err == PB_OK && d->version_id)
        err = cloud_param(&d->request.q, "versionId", d->version_id, e);
    return err == PB_OK ? cloud_request_send(&d->request.q, e) : err;
}

struct store_op *s3_details(struct store *s, const char *container, const char *key, size_t key_len,
                            const char *version_id, store_details_fn done, void *ctx,
                            struct error *e)
{
    struct details_op *d = mem_alloc(sizeof *d);
    enum pb_err err = PB_OK;

    if (!d) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&d->op, &details_class, s);
    d->done = done;
    d->ctx = ctx;
    d->bucket = mem_strdup(container);
    d->key = mem_strndup(key, key_len);
    d->key_len = key_len;
    if (version_id)
        d->version_id = mem_strdup(version_id);
    if (!d->bucket || !d->key || (version_id && !d->version_id))
        err = error_nomem(e);
    if (err == PB_OK)
        err = ask(d, 0, e);
    if (err == PB_OK)
        return &d->op;
    details_free(d);
    return NULL;
}

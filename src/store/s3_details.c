/* What is known of an object beyond its headers: its tags, and who may do what with it. */
#include <string.h>

#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "cloud_xml.h"
#include "s3.h"

struct parse {
    struct http_headers *rows;
    struct buf who;
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
    if (strcmp(path, "AccessControlPolicy") == 0) {
        p->known_root = true;
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

static enum pb_err read_acl(struct http_headers *rows, const struct buf *body, struct error *e)
{
    struct parse p = {.rows = rows};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err != PB_OK)
        return err;
    buf_init(&p.who, BUF_MAX_LINE);
    err = xml_feed(x, body->data, body->len, NULL);
    if (err == PB_OK)
        err = xml_finish(x, NULL);
    xml_free(x);
    buf_release(&p.who);
    if (p.failed)
        return error_nomem(e);
    return err == PB_OK && p.known_root
               ? PB_OK
               : error_set(e, PB_ESERVER, "the server's answer cannot be read");
}

static enum pb_err read_tags(struct http_headers *rows, const struct buf *body, struct error *e)
{
    return cloud_tags_rows(rows, body, "Tagging", e);
}

const struct cloud_detail s3_parts_of_details[] = {
    {S3_TAGS, "tagging", NULL, "Tags", NULL, false, read_tags},
    {S3_ACL, "acl", NULL, "ACL", NULL, false, read_acl},
    {0},
};

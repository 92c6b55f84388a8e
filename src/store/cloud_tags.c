/* Lists of tags: services differ in the name of the root alone. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/text.h>
#include <pklbrowse/uri.h>
#include <pklbrowse/xml.h>

#include "cloud.h"
#include "cloud_xml.h"

struct tags {
    const char *root;
    struct buf key;
    bool known_root, nomem;
    /* One of both. */
    struct buf *query;
    struct http_headers *rows;
};

static void add_tag(struct tags *t, const char *value, size_t n)
{
    struct buf row;

    if (t->query) {
        if (t->query->len > 0)
            buf_putc(t->query, '&');
        uri_encode(t->query, t->key.data, t->key.len, false);
        buf_putc(t->query, '=');
        uri_encode(t->query, value, n, false);
        return;
    }
    buf_init(&row, BUF_MAX_LINE);
    text_escape(&row, t->key.data, t->key.len); /* a header's value holds no line ends */
    buf_puts(&row, " = ");
    text_escape(&row, value, n);
    t->nomem |= row.failed != PB_OK || http_headers_add(t->rows, "Tag", row.data, NULL) != PB_OK;
    buf_release(&row);
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct tags *t = ctx;
    size_t n = strlen(t->root);

    if (strncmp(path, t->root, n) != 0)
        return;
    path += n;
    if (*path == '\0') {
        t->known_root = true;
    } else if (strcmp(path, "/TagSet/Tag/Key") == 0) {
        buf_clear(&t->key);
        buf_append(&t->key, text, len);
    } else if (strcmp(path, "/TagSet/Tag/Value") == 0) {
        add_tag(t, text, len);
    }
}

static enum pb_err read(struct tags *t, const struct buf *body, struct error *e)
{
    struct xml_handler handler = {.end = on_end, .ctx = t};
    size_t bom = cloud_bom(body);
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err != PB_OK)
        return err;
    buf_init(&t->key, BUF_MAX_LINE);
    err = xml_feed(x, body->data + bom, body->len - bom, e);
    if (err == PB_OK)
        err = xml_finish(x, e);
    xml_free(x);
    if (t->nomem || t->key.failed != PB_OK)
        err = error_nomem(e);
    buf_release(&t->key);
    if (err == PB_OK && !t->known_root)
        err = error_set(e, PB_ESERVER, "the server's list of tags cannot be read");
    return err;
}

enum pb_err cloud_tags_query(struct buf *out, const struct buf *body, const char *root,
                             struct error *e)
{
    struct tags t = {.root = root, .query = out};
    enum pb_err err = read(&t, body, e);

    return err == PB_OK ? buf_status(out, e) : err;
}

enum pb_err cloud_tags_rows(struct http_headers *rows, const struct buf *body, const char *root,
                            struct error *e)
{
    struct tags t = {.root = root, .rows = rows};

    return read(&t, body, e);
}

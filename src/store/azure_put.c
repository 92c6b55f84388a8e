/* What a write carries: the blob's own properties, its tags, the condition, the checksum. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/xml.h>

#include "azure_write.h"

struct tags {
    struct buf *out;
    char *key;
    size_t key_len;
    bool known_root, nomem;
};

static void on_tag(void *ctx, const char *path, const char *text, size_t len)
{
    struct tags *t = ctx;

    if (strcmp(path, "Tags") == 0) {
        t->known_root = true;
    } else if (strcmp(path, "Tags/TagSet/Tag/Key") == 0) {
        free(t->key);
        t->key = mem_strndup(text, len);
        t->key_len = len;
        t->nomem |= !t->key;
    } else if (strcmp(path, "Tags/TagSet/Tag/Value") == 0 && t->key) {
        if (t->out->len > 0)
            buf_putc(t->out, '&');
        uri_encode(t->out, t->key, t->key_len, false);
        buf_putc(t->out, '=');
        uri_encode(t->out, text, len, false);
    }
}

enum pb_err azure_tagging_from(struct buf *out, const struct buf *body, struct error *e)
{
    struct tags t = {.out = out};
    struct xml_handler handler = {.end = on_tag, .ctx = &t};
    size_t bom = body->len >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct xml *x = NULL;
    enum pb_err err = xml_new(&handler, &x, e);

    if (err == PB_OK)
        err = xml_feed(x, body->data + bom, body->len - bom, e);
    if (err == PB_OK)
        err = xml_finish(x, e);
    xml_free(x);
    free(t.key);
    if (err == PB_OK && t.nomem)
        err = error_nomem(e);
    if (err == PB_OK && !t.known_root)
        err = error_set(e, PB_ESERVER, "the server's list of tags cannot be read");
    return err == PB_OK ? buf_status(out, e) : err;
}

/* Those on the server now, when it is what was read (nothing that changed since is set back) or
 * when nobody said which. */
static const struct http_headers *properties(const struct azure_write_op *w)
{
    bool same = w->condition == STORE_IF_SAME && !w->keep_as_given;

    return same || !w->has_keep ? &w->before.keep : &w->keep.keep;
}

static enum pb_err put_condition(struct azure_write_op *w, struct error *e)
{
    if (w->condition == STORE_IF_ABSENT)
        return cloud_header(&w->request.q, "If-None-Match", "*", e);
    if (w->condition == STORE_IF_SAME && w->before.identity.etag)
        return cloud_header(&w->request.q, "If-Match", w->before.identity.etag, e);
    return PB_OK;
}

enum pb_err azure_put_headers(struct azure_write_op *w, struct error *e)
{
    enum pb_err err = azure_put_kept(&w->request, properties(w), e);

    if (err == PB_OK && w->tagging.len > 0)
        err = cloud_header(&w->request.q, "x-ms-tags", w->tagging.data, e);
    if (err == PB_OK)
        err = cloud_header(&w->request.q, "x-ms-blob-content-md5", w->digest.checks.md5, e);
    return err == PB_OK ? put_condition(w, e) : err;
}

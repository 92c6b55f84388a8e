/*
 * Rewrite: as many requests as the service wants for it.  And restore, which makes a soft-deleted
 * generation the one that the name stands for again.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud_copy.h"
#include "gcs.h"

static bool is_soft_deleted(const struct cloud_copy *c)
{
    return http_headers_get(&c->c.keep.shown, "Soft-Deleted") != NULL;
}

static enum pb_err check(const struct cloud_copy *c, struct error *e)
{
    if (!is_soft_deleted(c))
        return PB_OK;
    if (strcmp(c->from_container, c->c.container) != 0 || c->from_len != c->c.key_len ||
        memcmp(c->from_key, c->c.key, c->from_len) != 0)
        return cloud_error(c->c.request, PB_EUSAGE,
                           "what is soft-deleted can only be restored under its own name", e);
    return PB_OK;
}

static enum pb_err add_condition(struct cloud_copy *c, struct error *e)
{
    if (c->c.condition == STORE_ALWAYS)
        return PB_OK;
    return cloud_param(c->c.request, "ifGenerationMatch",
                       c->c.there ? c->c.before.identity.etag : "0", e);
}

static enum pb_err fill_restore(struct cloud_copy *c, struct error *e)
{
    enum pb_err err = cloud_param(c->c.request, "generation", c->c.keep.identity.etag, e);

    c->c.request->action = c->c.request->speaks_of = GCS_RESTORE;
    return err == PB_OK ? add_condition(c, e) : err;
}

/* Where it is, in `text`. */
static enum pb_err set_source(struct cloud_copy *c, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_puts(&path, "/b/");
    uri_encode(&path, c->from_container, strlen(c->from_container), false);
    buf_puts(&path, "/o/");
    uri_encode(&path, c->from_key, c->from_len, false);
    err = buf_status(&path, e);
    free(c->text);
    c->text = err == PB_OK ? mem_strdup(path.data) : NULL;
    if (err == PB_OK && !c->text)
        err = error_nomem(e);
    buf_release(&path);
    ((struct gcs_request *)c->c.request)->source = c->text;
    return err;
}

/* Whatever is not said with a resource would be as if it had never been set. */
static enum pb_err set_body(struct cloud_copy *c, struct error *e)
{
    char *json;
    enum pb_err err = gcs_object_json(c->c.request, &c->c.keep.keep, NULL, NULL, &json, e);

    if (err != PB_OK)
        return err;
    source_free(c->payload);
    c->payload = source_mem(json, strlen(json), true);
    c->c.request->body = c->payload;
    if (!c->payload) {
        free(json);
        return error_nomem(e);
    }
    return cloud_header(c->c.request, "Content-Type", "application/json; charset=UTF-8", e);
}

static enum pb_err fill(struct cloud_copy *c, struct error *e)
{
    struct cloud_request *r = c->c.request;
    const char *generation = c->c.keep.identity.etag;
    enum pb_err err;

    if (is_soft_deleted(c))
        return fill_restore(c, e);
    err = set_source(c, e);
    if (err == PB_OK)
        err = set_body(c, e);
    if (err == PB_OK)
        err = cloud_param(r, "sourceGeneration", generation, e);
    if (err == PB_OK && c->token)
        err = cloud_param(r, "rewriteToken", c->token, e);
    return err == PB_OK ? add_condition(c, e) : err;
}

static enum pb_err take_token(struct cloud_copy *c, const json_t *o, struct error *e)
{
    const char *token = gcs_text(o, "rewriteToken");

    free(c->token);
    c->token = *token ? mem_strdup(token) : NULL;
    if (!gcs_number(o, "totalBytesRewritten", &c->copied))
        c->copied = 0;
    if (!*token)
        return cloud_error(c->c.request, PB_ESERVER, "the server's answer makes no sense", e);
    return c->token ? PB_OK : error_nomem(e);
}

static enum cloud_copied answered(struct cloud_copy *c, const struct http_result *r,
                                  struct error *e)
{
    json_t *o = json_loadb(r->body.data, r->body.len, 0, NULL);
    const json_t *done = json_object_get(o, "done");
    const json_t *resource = done ? json_object_get(o, "resource") : o;
    const char *generation = gcs_text(resource, "generation");
    enum cloud_copied how = CLOUD_COPIED;

    if (done && !json_is_true(done)) {
        how = take_token(c, o, e) == PB_OK ? CLOUD_GO_ON : CLOUD_FAILED;
    } else if (!*generation) {
        (void)cloud_error(c->c.request, PB_ESERVER, "the server's answer makes no sense", e);
        how = CLOUD_UNCLEAR;
    } else {
        store_identity_release(&c->c.put);
        c->c.put.size = c->c.size;
        c->c.put.etag = mem_strdup(generation); /* without it there is less to compare */
        c->c.put.version_id = mem_strdup(generation);
    }
    json_decref(o);
    return how;
}

static bool same_bytes(const struct store_object *a, const struct store_object *b)
{
    const char *x = http_headers_get(&a->shown, "CRC32C");
    const char *y = http_headers_get(&b->shown, "CRC32C");

    return x && y && strcmp(x, y) == 0;
}

static bool is_checked(const struct store *s)
{
    (void)s;
    return true;
}

const struct cloud_copy_kind gcs_copies = {
    .action = GCS_REWRITE,
    .is_checked = is_checked,
    .check = check,
    .fill = fill,
    .answered = answered,
    .same_bytes = same_bytes,
};

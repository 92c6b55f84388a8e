/* The requests of a resumable upload: one that was broken off goes on where it was. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>

#include "gcs_write.h"

void gcs_upload_forget(struct gcs_write_op *w)
{
    if (w->upload)
        explicit_bzero(w->upload, strlen(w->upload));
    free(w->upload);
    w->upload = NULL;
    w->sent = 0;
}

static enum pb_err set_body(struct gcs_write_op *w, struct source *body, struct error *e)
{
    source_free(w->out);
    w->out = body;
    w->request.q.body = body;
    return body ? PB_OK : error_nomem(e);
}

static enum pb_err add_conditions(struct gcs_write_op *w, struct error *e)
{
    struct cloud_request *r = &w->request.q;
    const char *generation = w->c.there ? w->c.before.identity.etag : "0";
    const char *meta = http_headers_get(&w->c.before.shown, "Metageneration");
    enum pb_err err;

    if (w->c.condition == STORE_ALWAYS)
        return PB_OK;
    err = cloud_param(r, "ifGenerationMatch", generation, e);
    if (err == PB_OK && w->c.there)
        err = cloud_param(r, "ifMetagenerationMatch", meta ? meta : "0", e);
    return err;
}

static enum pb_err add_sizes(struct gcs_write_op *w, struct error *e)
{
    struct buf text;
    enum pb_err err = http_headers_add(&w->request.q.headers, "Content-Type",
                                       "application/json; charset=UTF-8", e);

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%llu", (unsigned long long)w->c.body->size);
    if (err == PB_OK)
        err = buf_status(&text, e);
    if (err == PB_OK)
        err = http_headers_add(&w->request.q.headers, "X-Upload-Content-Length", text.data, e);
    buf_release(&text);
    return err;
}

enum pb_err gcs_upload_begin(struct gcs_write_op *w, cloud_answer_fn done, struct error *e)
{
    enum pb_err err = cloud_write_begin(&w->c, GCS_BEGIN, done, e);

    gcs_upload_forget(w);
    w->begun++;
    free(w->json);
    w->json = NULL;
    if (err == PB_OK)
        err = gcs_object_json(&w->request.q, cloud_write_properties(&w->c),
                              w->c.digest.checks.crc32c, w->c.digest.checks.md5, &w->json, e);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "uploadType", "resumable", e);
    if (err == PB_OK)
        err = add_conditions(w, e);
    if (err == PB_OK)
        err = add_sizes(w, e);
    if (err == PB_OK)
        err = set_body(w, source_mem(w->json, strlen(w->json), false), e);
    return err == PB_OK ? cloud_request_send(&w->request.q, e) : err;
}

/* The bytes go there: to where the service is, or at least not in the open. */
enum pb_err gcs_upload_take(struct gcs_write_op *w, const struct http_result *r, struct error *e)
{
    const char *where = http_headers_get(&r->headers, "Location");
    const char *service = gcs_of(&w->request.q)->setup->endpoint;
    size_t n = strlen(service);

    if (!where || (strncmp(where, "https://", 8) != 0 &&
                   (strncmp(where, service, n) != 0 || where[n] != '/')))
        return cloud_error(&w->request.q, PB_ESERVER, "the server does not say where to send it to",
                           e);
    w->upload = mem_strdup(where);
    return w->upload ? PB_OK : error_nomem(e);
}

static enum pb_err add_range(struct gcs_write_op *w, bool ask, struct error *e)
{
    unsigned long long total = w->c.body->size, first = w->sent;
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    if (ask || total == 0)
        buf_printf(&text, "bytes */%llu", total);
    else
        buf_printf(&text, "bytes %llu-%llu/%llu", first, total - 1, total);
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = http_headers_add(&w->request.q.headers, "Content-Range", text.data, e);
    buf_release(&text);
    return err;
}

enum pb_err gcs_upload_send(struct gcs_write_op *w, cloud_answer_fn done, struct error *e)
{
    enum pb_err err = cloud_write_begin(&w->c, GCS_SEND, done, e);

    w->request.upload = w->upload;
    if (err == PB_OK)
        err = add_range(w, false, e);
    if (err == PB_OK)
        err = set_body(w, source_slice(w->c.body, w->sent, w->c.body->size - w->sent), e);
    return err == PB_OK ? cloud_request_send(&w->request.q, e) : err;
}

enum pb_err gcs_upload_ask(struct gcs_write_op *w, cloud_answer_fn done, struct error *e)
{
    enum pb_err err = cloud_write_begin(&w->c, GCS_ASK, done, e);

    w->request.upload = w->upload;
    if (err == PB_OK)
        err = add_range(w, true, e);
    if (err == PB_OK)
        err = set_body(w, source_mem("", 0, false), e);
    return err == PB_OK ? cloud_request_send(&w->request.q, e) : err;
}

bool gcs_upload_progress(struct gcs_write_op *w, const struct http_result *r)
{
    const char *range = http_headers_get(&r->headers, "Range");
    uint64_t last = 0, before = w->sent;
    const char *dash = range ? strchr(range, '-') : NULL;

    if (range && (strncmp(range, "bytes=0-", 8) != 0 || !dash ||
                  !num_parse_u64(dash + 1, strlen(dash + 1), &last) || last >= w->c.body->size))
        return false;
    w->sent = range ? last + 1 : 0;
    w->fruitless = w->sent > before ? 0 : w->fruitless + 1;
    return true;
}

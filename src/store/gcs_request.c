/* One request of the JSON API: made anew for every attempt, with the token of the moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "gcs.h"

static struct gcs_request *own(struct cloud_request *r)
{
    return (struct gcs_request *)r;
}

static void forget_token(struct cloud_request *q)
{
    struct gcs_request *r = own(q);

    if (r->token)
        explicit_bzero(r->token, strlen(r->token));
    free(r->token);
    r->token = NULL;
}

/* -------------------------------------------------------------------------- attempts */

#define TO_WRITE "storage.objects.create and, to replace something, storage.objects.delete"

const struct cloud_action gcs_actions[] = {
    [GCS_LIST_BUCKETS] = {"GET", HTTP_READ, N_("list the buckets of"), "storage.buckets.list"},
    [GCS_LIST] = {"GET", HTTP_READ, N_("list"), "storage.objects.list"},
    [GCS_HEAD] = {"GET", HTTP_READ, N_("look at"), "storage.objects.get"},
    [GCS_GET] = {"GET", HTTP_READ, N_("read"), "storage.objects.get"},
    [GCS_BEGIN] = {"POST", HTTP_READ, N_("save"), TO_WRITE},
    [GCS_SEND] = {"PUT", HTTP_WRITE, N_("save"), TO_WRITE},
    [GCS_ASK] = {"PUT", HTTP_READ, N_("save"), "storage.objects.create"},
    [GCS_REWRITE] = {"POST", HTTP_WRITE, N_("copy to"), TO_WRITE},
    [GCS_RESTORE] = {"POST", HTTP_WRITE, N_("restore"), "storage.objects.restore"},
    [GCS_DELETE] = {"DELETE", HTTP_READ, N_("remove"), "storage.objects.delete"},
};

static bool is_upload(const struct cloud_request *r)
{
    return r->action == GCS_SEND || r->action == GCS_ASK;
}

/* "/b/BUCKET/o/KEY" */
static void put_path(const struct cloud_request *r, bool key, struct buf *out)
{
    buf_puts(out, "/b");
    if (r->container) {
        buf_putc(out, '/');
        uri_encode(out, r->container, strlen(r->container), false);
        buf_puts(out, "/o");
    }
    if (key) {
        buf_putc(out, '/');
        uri_encode(out, r->key, r->key_len, false);
    }
}

static void put_url(const struct cloud_request *r, struct buf *out)
{
    buf_puts(out, gcs_of(r)->setup->endpoint);
    buf_puts(out, r->action == GCS_BEGIN ? "/upload/storage/v1" : "/storage/v1");
    if (r->action == GCS_REWRITE)
        buf_printf(out, "%s/rewriteTo", ((const struct gcs_request *)r)->source);
    put_path(r, r->key && r->action != GCS_BEGIN, out);
    if (r->action == GCS_RESTORE)
        buf_puts(out, "/restore");
    if (r->query.len > 0)
        buf_printf(out, "?%s", r->query.data);
}

/* The project may have been found with the token. */
static enum pb_err add_project(const struct cloud_request *r, struct buf *url, struct error *e)
{
    const char *project = google_session_project(gcs_of(r)->session);

    if (!project)
        return error_set(e, PB_EUSAGE,
                         "cannot list the buckets: of which Google Cloud project? --project ID or "
                         "GOOGLE_CLOUD_PROJECT says it; a bucket opens by its name without");
    buf_printf(url, "%cproject=", r->query.len > 0 ? '&' : '?');
    uri_encode(url, project, strlen(project), false);
    return PB_OK;
}

static enum pb_err authorize(struct cloud_request *r, struct http_message *m, struct error *e)
{
    const char *token = google_session_token(gcs_of(r)->session);

    forget_token(r);
    if (!token)
        return PB_OK;
    own(r)->token = mem_strdup(token);
    return own(r)->token ? cloud_add_bearer(m, token, e) : error_nomem(e);
}

static enum pb_err prepare(struct cloud_request *r, struct http_message *out, struct error *e)
{
    enum pb_err err = PB_OK;

    if (is_upload(r))
        buf_puts(&out->url, own(r)->upload);
    else
        put_url(r, &out->url);
    if (r->action == GCS_LIST_BUCKETS)
        err = add_project(r, &out->url, e);
    if (err == PB_OK)
        err = buf_status(&out->url, e);
    if (err == PB_OK)
        err = cloud_add_headers(r, out, e);
    return err == PB_OK && !is_upload(r) ? authorize(r, out, e) : err;
}

static bool again(struct cloud_request *r, const struct http_result *a)
{
    static const char *const reasons[] = {"rateLimitExceeded", "userRateLimitExceeded",
                                          "backendError", "internalError"};
    struct cloud_problem p;
    size_t i;

    (void)r;
    if (a->status == 408)
        return true;
    gcs_problem_read(&p, a);
    for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (cloud_problem_is(&p, reasons[i]))
            return true;
    return false;
}

/* --------------------------------------------------------------------------- sending */

static bool waits(const struct cloud_request *r)
{
    return !is_upload(r) && !google_session_ready(gcs_of(r)->session);
}

static enum pb_err wait(struct cloud_request *r, void (*ready)(void *ctx, const struct error *e),
                        struct error *e)
{
    return google_session_wait(gcs_of(r)->session, ready, r, e);
}

static void forget(struct cloud_request *r)
{
    google_session_forget(gcs_of(r)->session, r);
}

/* Nothing was done for a token that is not taken (any more): once more with another one. */
static bool refused(struct cloud_request *r, const struct http_result *a)
{
    if (a->status != 401 || !own(r)->token ||
        !google_session_refuse(gcs_of(r)->session, own(r)->token))
        return false;
    log_line("the access token is refused: another one is asked for");
    return true;
}

static enum pb_err check(struct cloud_request *r, struct error *e)
{
    const char *payer = gcs_of(r)->setup->user_project;

    if (r->key && utf8_check(r->key, r->key_len, false, NULL) != r->key_len)
        return cloud_error(r, PB_EUSAGE, "the names of objects are UTF-8 there", e);
    return payer && !is_upload(r) ? cloud_param(r, "userProject", payer, e) : PB_OK;
}

static enum pb_err ask_version(struct cloud_request *r, const char *version_id, struct error *e)
{
    return cloud_param(r, "generation", version_id, e);
}

static enum pb_err object_from(struct store_object *o, const struct http_result *r, struct error *e)
{
    struct gcs_object g;
    enum pb_err err = gcs_object_from(&g, r, e);

    *o = g.o;
    return err;
}

static enum pb_err hold(struct cloud_request *r, const struct store_identity *identity,
                        struct error *e)
{
    return cloud_param(r, "ifGenerationMatch", identity->etag, e);
}

/* A generation that is not there may be soft-deleted. */
static enum pb_err deeper(struct cloud_request *r, struct error *e)
{
    return cloud_param(r, "softDeleted", "true", e);
}

const struct cloud_kind gcs_kind = {
    .actions = gcs_actions,
    .head = GCS_HEAD,
    .get = GCS_GET,
    .put = GCS_SEND,
    .remove = GCS_DELETE,
    .request_size = sizeof(struct gcs_request),
    .release = forget_token,
    .check = check,
    .prepare = prepare,
    .again = again,
    .waits = waits,
    .wait = wait,
    .forget = forget,
    .refused = refused,
    .where = gcs_where,
    .read_problem = gcs_problem_read,
    .answers = gcs_answers,
    .quotes_message = true,
    .words = gcs_words,
    .object_from = object_from,
    .version = ask_version,
    .details = gcs_parts_of_details,
    .copies = &gcs_copies,
    .deeper = deeper,
    .hold = hold,
};

/* What an answer that is no success says, and in which words we pass it on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/text.h>

#include "gcs.h"

/* --------------------------------------------------------------------------- reading */

static void keep(char *to, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, text, n);
    to[n] = '\0';
}

void gcs_problem_read(struct gcs_problem *p, const struct http_result *r)
{
    const char *id = http_headers_get(&r->headers, "X-GUploader-UploadID");
    const char *type = http_headers_get(&r->headers, "Content-Type");
    json_t *o = r->body.len > 0 ? json_loadb(r->body.data, r->body.len, 0, NULL) : NULL;
    const json_t *inner = json_object_get(o, "error");

    *p = (struct gcs_problem){0};
    if (id)
        keep(p->request_id, sizeof p->request_id, id);
    if (inner) {
        keep(p->reason, sizeof p->reason,
             gcs_text(json_array_get(json_object_get(inner, "errors"), 0), "reason"));
        keep(p->message, sizeof p->message, gcs_text(inner, "message"));
    } else if (r->body.len > 0 && type && strncmp(type, "text/", 5) == 0 &&
               r->body.data[0] != '<') {
        keep(p->message, sizeof p->message, r->body.data); /* the media's way of saying it */
    }
    json_decref(o);
}

bool gcs_problem_is(const struct gcs_problem *p, const char *reason)
{
    return strcmp(p->reason, reason) == 0;
}

/* ----------------------------------------------------------------------------- words */

static const struct {
    const char *what, *permission;
} actions[] = {
    [GCS_LIST_BUCKETS] = {"list the buckets of", "storage.buckets.list"},
    [GCS_LIST] = {"list", "storage.objects.list"},
    [GCS_HEAD] = {"look at", "storage.objects.get"},
    [GCS_GET] = {"read", "storage.objects.get"},
    [GCS_BEGIN] = {"save",
                   "storage.objects.create and, to replace something, storage.objects.delete"},
    [GCS_SEND] = {"save",
                  "storage.objects.create and, to replace something, storage.objects.delete"},
    [GCS_ASK] = {"save", "storage.objects.create"},
    [GCS_DELETE] = {"remove", "storage.objects.delete"},
};

static const struct {
    const char *reason; /* or NULL: of the status */
    int status;
    enum pb_err err;
    const char *words;
} answers[] = {
    {"authError", 0, PB_EDENIED, "the access token is not valid (any more)"},
    {"insufficientPermissions", 0, PB_EDENIED,
     "the access token was made for something else: its scopes do not hold Cloud Storage"},
    {"retentionPolicyNotMet", 0, PB_EDENIED,
     "it must be kept as it is: its retention has not ended"},
    {"objectUnderActiveHold", 0, PB_EDENIED, "it must be kept as it is: there is a hold on it"},
    {"accountDisabled", 0, PB_EDENIED, "the account is disabled, for want of billing perhaps"},
    {"userProjectMissing", 0, PB_EDENIED, "the requester pays there: --request-payer agrees to"},
    {"quotaExceeded", 0, PB_ESERVER, "the quota is used up"},
    {"conditionNotMet", 0, PB_ECHANGED, "it was changed by someone else"},
    {NULL, 308, PB_ESERVER, "the upload is not complete"},
    {NULL, 400, PB_ESERVER, "the server does not accept the request"},
    {NULL, 401, PB_EDENIED, "access denied"},
    {NULL, 404, PB_ENOTFOUND, "there is no such object"},
    {NULL, 405, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 408, PB_ESERVER, "the server had to wait for too long"},
    {NULL, 409, PB_ESERVER, "something else is being done with it right now"},
    {NULL, 410, PB_ESERVER, "the upload has ended"},
    {NULL, 412, PB_ECHANGED, "it was changed by someone else"},
    {NULL, 416, PB_ECHANGED, "it is shorter than expected"},
    {NULL, 429, PB_ESERVER, "too many requests, or too many writes of one object: try again later"},
    {NULL, 501, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 503, PB_ESERVER, "the server is busy: try again later"},
};

static enum pb_err classify(const struct gcs_problem *p, int status, const char **words)
{
    size_t i;

    for (i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (answers[i].reason ? !gcs_problem_is(p, answers[i].reason) : answers[i].status != status)
            continue;
        *words = answers[i].words;
        return answers[i].err;
    }
    *words = "the server answered with an error";
    return PB_ESERVER;
}

static void put_denied(struct buf *out, const struct gcs_request *q)
{
    const struct google_setup *s = q->gcs->setup;

    if (!google_session_token(q->gcs->session))
        buf_printf(out, "access denied without credentials%s",
                   s->kind == GOOGLE_MACHINE
                       ? " (none in GOOGLE_APPLICATION_CREDENTIALS, from gcloud auth "
                         "application-default login, or from a metadata server)"
                       : "");
    else
        buf_printf(out, "access denied: the %s needs %s, or it does not exist", s->origin,
                   actions[q->action].permission);
}

static void put_where(struct buf *out, const struct gcs_request *q)
{
    const char *project = google_session_project(q->gcs->session);

    if (q->bucket) {
        store_show(out, "gs", q->bucket, q->key, q->key_len);
    } else {
        buf_puts(out, "project ");
        text_escape_cols(out, project ? project : "?", project ? strlen(project) : 1, 100);
    }
}

enum pb_err gcs_error(const struct gcs_request *q, enum pb_err code, const char *why,
                      struct error *e)
{
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    put_where(&where, q);
    code = error_set(e, code, "cannot %s %s: %s", actions[q->speaks_of].what, where.data, why);
    buf_release(&where);
    return code;
}

static void put_detail(struct buf *out, const struct gcs_problem *p, int status)
{
    buf_printf(out, "HTTP %d", status);
    if (*p->reason) {
        buf_putc(out, ' ');
        text_escape(out, p->reason, strlen(p->reason));
    }
    if (*p->message) {
        buf_puts(out, ": ");
        text_escape(out, p->message, strlen(p->message));
    }
    if (*p->request_id) {
        buf_puts(out, "; request id ");
        text_escape(out, p->request_id, strlen(p->request_id));
    }
}

static enum pb_err put_why(struct buf *why, const struct gcs_problem *p,
                           const struct gcs_request *q, int status)
{
    const char *words = NULL;
    enum pb_err err = classify(p, status, &words);
    bool no_bucket = status == 404 && (!q->key || strstr(p->message, "bucket does not exist"));

    if (gcs_problem_is(p, "required") && strstr(p->message, "requester pays")) {
        buf_puts(why, "the requester pays there: --request-payer agrees to (and --project says "
                      "which project is billed)");
        return PB_EDENIED;
    }
    if ((status == 401 && !gcs_problem_is(p, "authError")) ||
        (status == 403 && (!*p->reason || gcs_problem_is(p, "forbidden")))) {
        put_denied(why, q);
        return PB_EDENIED;
    }
    buf_puts(why, no_bucket ? "there is no such bucket" : words);
    if (err == PB_ESERVER) {
        buf_printf(why, " (HTTP %d%s", status, *p->reason ? " " : "");
        text_escape(why, p->reason, strlen(p->reason));
        buf_putc(why, ')');
    }
    if (status == 400 && *p->message) {
        buf_puts(why, ": ");
        text_escape_cols(why, p->message, strlen(p->message), 160);
    }
    return err;
}

enum pb_err gcs_answer_error(const struct gcs_request *q, const struct http_result *r,
                             struct error *e)
{
    struct gcs_problem p;
    struct buf why, detail;
    enum pb_err err;

    gcs_problem_read(&p, r);
    if (q->action == GCS_BEGIN || q->action == GCS_SEND || q->action == GCS_ASK)
        p.request_id[0] = '\0'; /* of an upload it is what allows to go on with it */
    buf_init(&why, BUF_MAX_LINE);
    buf_init(&detail, BUF_MAX_LINE);
    err = put_why(&why, &p, q, r->status);
    put_detail(&detail, &p, r->status);
    err = gcs_error(q, err, why.data, e);
    if (e) {
        e->http_status = r->status;
        keep(e->server_code, sizeof e->server_code, p.reason);
        keep(e->detail, sizeof e->detail, detail.data);
    }
    buf_release(&why);
    buf_release(&detail);
    return err;
}

/* What an answer that is no success says, and in which words we pass it on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "gcs.h"

/* --------------------------------------------------------------------------- reading */

static void keep(char *to, size_t size, const char *text)
{
    cloud_keep_text(to, size, text, strlen(text), false);
}

void gcs_problem_read(struct cloud_problem *p, const struct http_result *r)
{
    const char *id = http_headers_get(&r->headers, "X-GUploader-UploadID");
    const char *type = http_headers_get(&r->headers, "Content-Type");
    json_t *o = r->body.len > 0 ? json_loadb(r->body.data, r->body.len, 0, NULL) : NULL;
    const json_t *inner = json_object_get(o, "error");

    *p = (struct cloud_problem){0};
    if (id)
        keep(p->request_id, sizeof p->request_id, id);
    if (inner) {
        keep(p->code, sizeof p->code,
             gcs_text(json_array_get(json_object_get(inner, "errors"), 0), "reason"));
        keep(p->message, sizeof p->message, gcs_text(inner, "message"));
    } else if (r->body.len > 0 && type && strncmp(type, "text/", 5) == 0 &&
               r->body.data[0] != '<') {
        keep(p->message, sizeof p->message, r->body.data); /* the media's way of saying it */
    }
    json_decref(o);
}

/* ----------------------------------------------------------------------------- words */

const struct cloud_answer gcs_answers[] = {
    {"authError", 0, PB_EDENIED, N_("the access token is not valid (any more)")},
    {"insufficientPermissions", 0, PB_EDENIED,
     N_("the access token was made for something else: its scopes do not hold Cloud Storage")},
    {"retentionPolicyNotMet", 0, PB_EDENIED,
     N_("it must be kept as it is: its retention has not ended")},
    {"objectUnderActiveHold", 0, PB_EDENIED, N_("it must be kept as it is: there is a hold on it")},
    {"accountDisabled", 0, PB_EDENIED, N_("the account is disabled, for want of billing perhaps")},
    {"userProjectMissing", 0, PB_EDENIED,
     N_("the requester pays there: --request-payer agrees to")},
    {"quotaExceeded", 0, PB_ESERVER, N_("the quota is used up")},
    {"conditionNotMet", 0, PB_ECHANGED, N_("it was changed by someone else")},
    {NULL, 308, PB_ESERVER, N_("the upload is not complete")},
    {NULL, 408, PB_ESERVER, N_("the server had to wait for too long")},
    {NULL, 410, PB_ESERVER, N_("the upload has ended")},
    {NULL, 429, PB_ESERVER,
     N_("too many requests, or too many writes of one object: try again later")},
    {NULL, 0, PB_OK, NULL},
};

static void put_denied(struct buf *out, const struct cloud_request *q)
{
    const struct google_setup *s = gcs_of(q)->setup;

    if (!google_session_token(gcs_of(q)->session))
        buf_printf(out, _("access denied without credentials%s"),
                   s->kind == GOOGLE_MACHINE
                       ? " (none in GOOGLE_APPLICATION_CREDENTIALS, from gcloud auth "
                         "application-default login, or from a metadata server)"
                       : "");
    else
        buf_printf(out, _("access denied: the %s needs %s, or it does not exist"), s->origin,
                   gcs_actions[q->action].needs);
}

void gcs_where(const struct cloud_request *q, struct buf *out)
{
    const char *project = google_session_project(gcs_of(q)->session);

    if (q->container) {
        store_show(out, "gs", q->container, q->key, q->key_len);
    } else {
        buf_puts(out, _("project "));
        text_escape_cols(out, project ? project : "?", project ? strlen(project) : 1, 100);
    }
}

static bool is_upload(const struct cloud_request *q)
{
    return q->action == GCS_BEGIN || q->action == GCS_SEND || q->action == GCS_ASK;
}

bool gcs_words(const struct cloud_request *q, struct cloud_problem *p, int status, struct buf *why,
               enum pb_err *err)
{
    if (is_upload(q))
        p->request_id[0] = '\0'; /* of an upload it is what allows to go on with it */
    if (cloud_problem_is(p, "required") && strstr(p->message, "requester pays")) {
        buf_puts(why, _("the requester pays there: --request-payer agrees to (and --project says "
                        "which project is billed)"));
        *err = PB_EDENIED;
    } else if ((status == 401 && !cloud_problem_is(p, "authError")) ||
               (status == 403 && (!*p->code || cloud_problem_is(p, "forbidden")))) {
        put_denied(why, q);
        *err = PB_EDENIED;
    } else if (status == 404 && (!q->key || strstr(p->message, "bucket does not exist"))) {
        buf_puts(why, _("there is no such bucket"));
    } else {
        return false;
    }
    return true;
}

/* A credentials file as gcloud and the console write it. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/text.h>

#include "google.h"

void google_key_free(struct google_key *k)
{
    if (!k)
        return;
    google_key_free(k->source);
    aws_wipe(&k->private_key);
    aws_wipe(&k->client_secret);
    aws_wipe(&k->refresh_token);
    free(k->account);
    free(k->token_uri);
    free(k->key_id);
    free(k->client_id);
    free(k->impersonate);
    free(k->delegates);
    free(k->project);
    free(k->quota_project);
    free(k);
}

/* --------------------------------------------------------------------------- members */

struct reader {
    const json_t *o;
    const char *name;
    struct error *e;
    enum pb_err err; /* the first that went wrong */
};

static void optional(struct reader *r, const char *member, char **to)
{
    const char *text = aws_json_text(r->o, member);

    if (r->err != PB_OK || !text)
        return;
    *to = mem_strdup(text);
    if (!*to)
        r->err = error_nomem(r->e);
}

static void needed(struct reader *r, const char *member, char **to)
{
    optional(r, member, to);
    if (r->err == PB_OK && !*to)
        r->err = error_set(r->e, PB_EDENIED, "%s has no \"%s\"", r->name, member);
}

/* Secrets go there. */
static void address(struct reader *r, const char *member, const char *otherwise, char **to)
{
    optional(r, member, to);
    if (r->err == PB_OK && !*to && otherwise && !(*to = mem_strdup(otherwise)))
        r->err = error_nomem(r->e);
    if (r->err == PB_OK && (!*to || !url_is_safe(*to)))
        r->err =
            error_set(r->e, PB_EDENIED, "%s names no https address as \"%s\"", r->name, member);
}

/* -------------------------------------------------------------------------- the kinds */

static void service_account(struct reader *r, struct google_key *k)
{
    needed(r, "client_email", &k->account);
    needed(r, "private_key", &k->private_key);
    optional(r, "private_key_id", &k->key_id);
    optional(r, "project_id", &k->project);
    address(r, "token_uri", GOOGLE_TOKEN_URI, &k->token_uri);
}

static void user(struct reader *r, struct google_key *k)
{
    needed(r, "client_id", &k->client_id);
    needed(r, "client_secret", &k->client_secret);
    needed(r, "refresh_token", &k->refresh_token);
    optional(r, "account", &k->account);
    address(r, "token_uri", GOOGLE_TOKEN_URI, &k->token_uri);
}

static enum pb_err read_key(const json_t *o, const char *name, bool as_source,
                            struct google_key **out, struct error *e);

/* ".../serviceAccounts/E-MAIL:generateAccessToken" */
static void impersonated(struct reader *r, struct google_key *k)
{
    const json_t *delegates = json_object_get(r->o, "delegates");
    const char *at, *end;

    address(r, "service_account_impersonation_url", NULL, &k->impersonate);
    if (r->err != PB_OK)
        return;
    at = strrchr(k->impersonate, '/');
    end = at ? strchr(at, ':') : NULL;
    if (at && end && !(k->account = mem_strndup(at + 1, (size_t)(end - at - 1))))
        r->err = error_nomem(r->e);
    if (r->err == PB_OK && json_array_size(delegates) > 0 &&
        !(k->delegates = json_dumps(delegates, JSON_COMPACT)))
        r->err = error_nomem(r->e);
    if (r->err == PB_OK)
        r->err =
            read_key(json_object_get(r->o, "source_credentials"), r->name, true, &k->source, r->e);
}

static void unknown(struct reader *r, const char *type)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, type ? type : "", type ? strlen(type) : 0, 60);
    if (type && strncmp(type, "external_account", 16) == 0)
        r->err = error_set(r->e, PB_EUNSUPPORTED,
                           "%s is of workload identity federation (\"%s\"), which is not supported "
                           "here: set GOOGLE_OAUTH_ACCESS_TOKEN=$(gcloud auth "
                           "application-default print-access-token)",
                           r->name, shown.data);
    else if (type)
        r->err = error_set(r->e, PB_EUNSUPPORTED,
                           "%s holds credentials of an unknown type, \"%s\": set "
                           "GOOGLE_OAUTH_ACCESS_TOKEN=$(gcloud auth print-access-token)",
                           r->name, shown.data);
    else
        r->err = error_set(r->e, PB_EDENIED, "%s is no Google credentials file: it has no \"type\"",
                           r->name);
    buf_release(&shown);
}

static enum pb_err read_key(const json_t *o, const char *name, bool as_source,
                            struct google_key **out, struct error *e)
{
    struct reader r = {.o = o, .name = name, .e = e};
    const char *type = aws_json_text(o, "type");
    struct google_key *k = mem_alloc(sizeof *k);

    *out = NULL;
    if (!k)
        return error_nomem(e);
    if (type && strcmp(type, "service_account") == 0) {
        k->kind = GOOGLE_SERVICE_ACCOUNT;
        service_account(&r, k);
    } else if (type && strcmp(type, "authorized_user") == 0) {
        k->kind = GOOGLE_USER;
        user(&r, k);
    } else if (type && strcmp(type, "impersonated_service_account") == 0 && !as_source) {
        k->kind = GOOGLE_IMPERSONATED;
        impersonated(&r, k);
    } else {
        unknown(&r, type);
    }
    optional(&r, "quota_project_id", &k->quota_project);
    if (r.err != PB_OK)
        google_key_free(k);
    else
        *out = k;
    return r.err;
}

enum pb_err google_key_parse(const char *text, size_t n, const char *name, struct google_key **out,
                             struct error *e)
{
    json_t *o = aws_json_object(text, n);
    enum pb_err err;

    *out = NULL;
    if (!o)
        return error_set(e, PB_EDENIED, "%s is no JSON object", name);
    err = read_key(o, name, false, out, e);
    json_decref(o);
    return err;
}

/* IAM Identity Center: the token of a sign-on buys a role's credentials. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

struct sign_on {
    struct aws_sso sso;
    struct aws_sso_token *token;
    struct aws_request request;
};

static bool configured(const struct aws_lookup *k)
{
    return aws_lookup_setting(k, "sso_role_name") || aws_lookup_setting(k, "sso_account_id");
}

static void stop(struct aws_lookup *k)
{
    struct sign_on *s = k->state;

    aws_request_release(&s->request);
    aws_sso_token_free(s->token);
    free(s);
}

/* Of the profile or its sso-session, which must not contradict each other. */
static enum pb_err option(const struct aws_lookup *k, const char *session, const char *key,
                          const char **out, struct error *e)
{
    const char *mine = aws_lookup_setting(k, key);
    const char *theirs = session ? aws_config_sso(k->config, session, key) : NULL;

    *out = mine ? mine : theirs && *theirs ? theirs : NULL;
    if (mine && theirs && strcmp(mine, theirs) != 0)
        return aws_lookup_error(k, e, PB_EUSAGE, "it and its sso_session say different things: %s",
                                key);
    if (!*out)
        return aws_lookup_error(k, e, PB_EUSAGE, "it signs in through SSO, but has no %s", key);
    return PB_OK;
}

static enum pb_err read_settings(const struct aws_lookup *k, struct aws_sso *s, struct error *e)
{
    struct buf shown;
    enum pb_err err = PB_OK;

    s->session = aws_lookup_setting(k, "sso_session");
    if (s->session && !aws_config_has_sso(k->config, s->session)) {
        buf_init(&shown, BUF_MAX_LINE);
        text_escape_cols(&shown, s->session, strlen(s->session), 100);
        err = aws_lookup_error(k, e, PB_EUSAGE, "its sso_session %s does not exist", shown.data);
        buf_release(&shown);
    }
    if (err == PB_OK)
        err = option(k, s->session, "sso_role_name", &s->role, e);
    if (err == PB_OK)
        err = option(k, s->session, "sso_account_id", &s->account, e);
    if (err == PB_OK)
        err = option(k, s->session, "sso_start_url", &s->start_url, e);
    if (err == PB_OK)
        err = option(k, s->session, "sso_region", &s->region, e);
    return err;
}

/* ------------------------------------------------------------------- the role's credentials */

static enum pb_err take(struct aws_lookup *k, const struct http_result *r, struct error *e)
{
    const struct sign_on *s = k->state;
    json_t *o = aws_json_object(r->body.data, r->body.len);
    const json_t *c = json_object_get(o, "roleCredentials");
    const char *access = aws_json_text(c, "accessKeyId");
    const char *secret = aws_json_text(c, "secretAccessKey");
    const char *token = aws_json_text(c, "sessionToken");
    json_int_t ms = json_integer_value(json_object_get(c, "expiration"));
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, s->sso.role, strlen(s->sso.role), 100);
    buf_puts(&shown, " in account ");
    text_escape_cols(&shown, s->sso.account, strlen(s->sso.account), 100);
    if (!access || !secret || !token || ms <= 0)
        err = aws_lookup_error(k, e, PB_ESERVER, "SSO answered without credentials");
    else
        err = aws_lookup_take(k, access, secret, token, ms / 1000, e, "SSO, role %s", shown.data);
    buf_release(&shown);
    json_decref(o);
    return err;
}

static enum pb_err refused(struct aws_lookup *k, const struct http_result *r, struct error *e)
{
    json_t *o = aws_json_object(r->body.data, r->body.len);
    const char *message = aws_json_text(o, "message");
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    if (message)
        text_escape_cols(&shown, message, strcspn(message, "\r\n"), 200);
    if (r->status == 401)
        err = aws_sso_login_error(k, "the sign-on has expired or was ended", e);
    else
        err = aws_lookup_error(k, e, r->status / 100 == 4 ? PB_EDENIED : PB_ESERVER,
                               "SSO gives no credentials (HTTP %d%s%s)", r->status,
                               message ? ": " : "", shown.data);
    buf_release(&shown);
    json_decref(o);
    return err;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct error why = {0};

    if (e)
        (void)aws_lookup_error(k, &why, e->code, "SSO: %s", e->msg);
    else if (r->status != 200)
        (void)refused(k, r, &why);
    else
        (void)take(k, r, &why);
    aws_lookup_end(k, why.code == PB_OK ? AWS_FOUND : AWS_FAILED, &why);
}

static enum pb_err call(struct aws_lookup *k, const char *token, struct error *e)
{
    struct sign_on *s = k->state;
    struct aws_query q = {0};
    struct buf base, query;
    enum pb_err err;

    buf_init(&base, BUF_MAX_LINE);
    buf_init(&query, BUF_MAX_LINE);
    aws_request_init(&s->request, k->session->http, "GET");
    err = aws_sso_endpoint(&base, k, "sso", "portal.sso", s->sso.region, e);
    if (err == PB_OK)
        err = aws_query_add(&q, "role_name", s->sso.role, strlen(s->sso.role), e);
    if (err == PB_OK)
        err = aws_query_add(&q, "account_id", s->sso.account, strlen(s->sso.account), e);
    if (err == PB_OK)
        err = aws_query_format(&q, &query, e);
    if (err == PB_OK)
        err =
            aws_request_url(&s->request, e, "%s/federation/credentials?%s", base.data, query.data);
    if (err == PB_OK && strpbrk(token, "\r\n"))
        err = aws_sso_login_error(k, "what was kept of the sign-on cannot be read", e);
    if (err == PB_OK)
        err = aws_request_header(&s->request, "x-amz-sso_bearer_token", token, e);
    s->request.done = answered;
    s->request.ctx = k;
    if (err == PB_OK)
        err = aws_request_send(&s->request, e);
    aws_query_release(&q);
    buf_release(&base);
    buf_release(&query);
    return err;
}

static void signed_on(void *ctx, const char *token, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct error why = {0};

    if (e)
        why = *e;
    else
        (void)call(k, token, &why);
    if (why.code != PB_OK)
        aws_lookup_end(k, AWS_FAILED, &why);
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct sign_on *s = mem_alloc(sizeof *s);

    if (!s) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = s;
    if (read_settings(k, &s->sso, e) != PB_OK ||
        aws_sso_token_get(k, &s->sso, signed_on, k, &s->token, e) != PB_OK)
        return AWS_FAILED;
    return AWS_LATER; /* k may have ended by now */
}

const struct aws_provider aws_by_sso = {
    .name = "sso", .of_profile = true, .configured = configured, .ask = ask, .stop = stop};

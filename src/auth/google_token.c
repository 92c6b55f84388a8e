/*
 * Access tokens as they stand now: got when they are needed, renewed before they end.
 *
 * One request at a time:
 *   STEP_TOKEN        the token endpoint, with an assertion or a refresh token
 *   STEP_IMPERSONATE  with that token, the one of another account
 *   STEP_MACHINE      the metadata server's; nobody there: anonymous
 *   STEP_PROJECT      and its project
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "google.h"
#include "renewal.h"

#define LIFE_MAX_S 86400
#define SKEW_SUSPECT_S 60
#define MACHINE_MS 1000

enum step { STEP_NONE, STEP_TOKEN, STEP_IMPERSONATE, STEP_MACHINE, STEP_PROJECT };

struct google_session {
    struct loop *loop;
    struct http *http, *machine;
    const struct google_setup *setup;
    struct auth_renewal renewal; /* its skew: the token server's clock less ours */

    char *token;
    bool anonymous; /* nobody has any */
    char *project;  /* the machine's */

    struct aws_request request; /* the one that runs */
    enum step step;
    bool skewed;
};

static void begin(void *ctx);

/* The metadata server gives new ones from 5 minutes before the end. */
static const struct auth_renewal_kind renewal = {
    .what = "the access token", .renew_s = 225, .must_s = 60, .retry_s = 30, .begin = begin};

enum pb_err google_session_new(struct loop *l, struct http *h, const struct google_setup *setup,
                               struct google_session **out, struct error *e)
{
    struct google_session *s = mem_alloc(sizeof *s);

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->loop = l;
    auth_renewal_init(&s->renewal, &renewal, l, s);
    s->http = h;
    s->setup = setup;
    s->anonymous = setup->kind == GOOGLE_ANONYMOUS || setup->kind == GOOGLE_HMAC;
    if (setup->token && !(s->token = mem_strdup(setup->token))) {
        google_session_free(s);
        return error_nomem(e);
    }
    s->renewal.held = s->token != NULL;
    *out = s;
    return PB_OK;
}

void google_session_free(struct google_session *s)
{
    if (!s)
        return;
    auth_renewal_release(&s->renewal);
    aws_request_release(&s->request);
    http_free(s->machine);
    aws_wipe(&s->token);
    free(s->project);
    free(s);
}

const char *google_session_token(const struct google_session *s)
{
    return s->token;
}

const char *google_session_project(const struct google_session *s)
{
    return s->setup->project ? s->setup->project : s->project;
}

const char *google_session_account(const struct google_session *s)
{
    if (s->anonymous)
        return NULL;
    return s->setup->key ? s->setup->key->account : NULL;
}

int64_t google_session_expires(const struct google_session *s)
{
    return s->renewal.expires;
}

/* ---------------------------------------------------------------------------- the end */

static void finish(struct google_session *s, const struct error *e)
{
    aws_request_release(&s->request);
    s->step = STEP_NONE;
    auth_renewal_end(&s->renewal, e);
}

static void fail(struct google_session *s, enum pb_err code, const char *why)
{
    struct error e = {0};

    (void)error_set(&e, code, "no Google access token for the %s: %s", s->setup->origin, _(why));
    finish(s, &e);
}

static void take(struct google_session *s, const char *token, int64_t life)
{
    char *copy = mem_strdup(token);

    if (!copy || strpbrk(token, "\r\n")) {
        aws_wipe(&copy);
        fail(s, PB_ESERVER, "what answers there gave none");
        return;
    }
    aws_wipe(&s->token);
    s->token = copy;
    s->anonymous = false;
    auth_renewal_took(&s->renewal,
                      auth_renewal_now(&s->renewal) + (life > LIFE_MAX_S ? LIFE_MAX_S : life));
}

/* ------------------------------------------------------------------------- in words */

/* What a server said: {"error": "invalid_grant", "error_description": ...}, or Google's form
 * {"error": {"status": ..., "message": ...}}. */
static void put_words(struct buf *out, const struct http_result *r)
{
    json_t *o = aws_json_object(r->body.data, r->body.len);
    const json_t *inner = json_object_get(o, "error");
    const char *code =
        json_is_object(inner) ? aws_json_text(inner, "status") : aws_json_text(o, "error");
    const char *text = json_is_object(inner) ? aws_json_text(inner, "message")
                                             : aws_json_text(o, "error_description");

    buf_printf(out, "HTTP %d", r->status);
    if (code) {
        buf_putc(out, ' ');
        text_escape_cols(out, code, strlen(code), 60);
    }
    if (text) {
        buf_puts(out, ": ");
        text_escape_cols(out, text, strlen(text), 200);
    }
    json_decref(o);
}

static void fail_answer(struct google_session *s, const struct http_result *r)
{
    bool denied = r->status == 400 || r->status == 401 || r->status == 403;
    bool user = s->setup->kind == GOOGLE_USER;
    struct buf why;

    buf_init(&why, BUF_MAX_LINE);
    put_words(&why, r);
    if (denied && user)
        buf_puts(&why, "; sign in again: gcloud auth application-default login");
    fail(s, denied ? PB_EDENIED : PB_ESERVER, why.data);
    buf_release(&why);
}

/* ---------------------------------------------------------------------------- asking */

static void answered(void *ctx, const struct http_result *r, const struct error *e);

static void begin_request(struct google_session *s, enum step step, const char *method)
{
    bool machine = step == STEP_MACHINE || step == STEP_PROJECT;

    aws_request_release(&s->request);
    aws_request_init(&s->request, machine ? s->machine : s->http, method);
    s->request.done = answered;
    s->request.ctx = s;
    s->step = step;
}

static void put_field(struct buf *form, const char *name, const char *value)
{
    buf_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    uri_encode(form, value, strlen(value), false);
}

static enum pb_err put_grant(struct google_session *s, const struct google_key *k, struct buf *form,
                             struct error *e)
{
    const struct google_claims claims = {.issuer = k->account,
                                         .scope = GOOGLE_SCOPE,
                                         .audience = k->token_uri,
                                         .key_id = k->key_id,
                                         .now = auth_renewal_now(&s->renewal)};
    struct buf jwt;
    enum pb_err err = PB_OK;

    if (k->kind == GOOGLE_USER) {
        put_field(form, "grant_type", "refresh_token");
        put_field(form, "client_id", k->client_id);
        put_field(form, "client_secret", k->client_secret);
        put_field(form, "refresh_token", k->refresh_token);
        return PB_OK;
    }
    buf_init(&jwt, BUF_MAX_LINE);
    err = google_jwt(&jwt, &claims, k->private_key, e);
    if (err == PB_OK) {
        put_field(form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
        put_field(form, "assertion", jwt.data);
    }
    aws_wipe_buf(&jwt);
    return err;
}

static enum pb_err ask_token(struct google_session *s, const struct google_key *k, struct error *e)
{
    struct buf form;
    enum pb_err err;

    begin_request(s, STEP_TOKEN, "POST");
    buf_init(&form, BUF_MAX_LINE);
    err = put_grant(s, k, &form, e);
    if (err == PB_OK)
        err = aws_request_url(&s->request, e, "%s", k->token_uri);
    if (err == PB_OK)
        err = aws_request_body(&s->request, &form, "application/x-www-form-urlencoded", e);
    aws_wipe_buf(&form);
    return err == PB_OK ? aws_request_send(&s->request, e) : err;
}

static enum pb_err ask_impersonated(struct google_session *s, const char *token, struct error *e)
{
    const struct google_key *k = s->setup->key;
    struct buf body, bearer;
    enum pb_err err;

    buf_init(&body, BUF_MAX_LINE);
    buf_init(&bearer, BUF_MAX_LINE);
    buf_printf(&bearer, "Bearer %s", token);
    buf_printf(&body, "{\"scope\": [\"%s\"], \"lifetime\": \"3600s\"", GOOGLE_SCOPE);
    if (k->delegates)
        buf_printf(&body, ", \"delegates\": %s", k->delegates);
    buf_putc(&body, '}');
    begin_request(s, STEP_IMPERSONATE, "POST");
    err = buf_status(&bearer, e);
    if (err == PB_OK)
        err = aws_request_url(&s->request, e, "%s", k->impersonate);
    if (err == PB_OK)
        err = aws_request_header(&s->request, "Authorization", bearer.data, e);
    if (err == PB_OK)
        err = aws_request_body(&s->request, &body, "application/json", e);
    aws_wipe_buf(&bearer);
    buf_release(&body);
    return err == PB_OK ? aws_request_send(&s->request, e) : err;
}

/* Most machines have no metadata server: one try, not for long, never through a proxy. */
static enum pb_err ask_machine(struct google_session *s, enum step step, struct error *e)
{
    const struct http_options o = {.direct = true,
                                   .connect_ms = MACHINE_MS,
                                   .stall_ms = MACHINE_MS,
                                   .attempts = 1,
                                   .user_agent = "pklbrowse"};
    const char *host = aws_environment("GCE_METADATA_HOST");
    enum pb_err err = PB_OK;

    if (!s->machine)
        err = http_new(s->loop, &o, &s->machine, e);
    begin_request(s, step, "GET");
    if (err == PB_OK)
        err = aws_request_url(&s->request, e, "http://%s/computeMetadata/v1/%s",
                              host ? host : "169.254.169.254",
                              step == STEP_PROJECT ? "project/project-id"
                                                   : "instance/service-accounts/default/token");
    if (err == PB_OK)
        err = aws_request_header(&s->request, "Metadata-Flavor", "Google", e);
    return err == PB_OK ? aws_request_send(&s->request, e) : err;
}

/* ---------------------------------------------------------------------------- answers */

/* {"access_token": ..., "expires_in": 3599} */
static bool read_token(const struct http_result *r, char **token, int64_t *life)
{
    json_t *o = aws_json_object(r->body.data, r->body.len);
    const char *text = aws_json_text(o, "access_token");
    const json_t *n = json_object_get(o, "expires_in");

    *token = text ? mem_strdup(text) : NULL;
    *life = json_is_integer(n) ? (int64_t)json_integer_value(n) : 0;
    json_decref(o);
    return *token && *life > 0;
}

static void token_answered(struct google_session *s, const struct http_result *r)
{
    struct error e = {0};
    int64_t life;
    char *token;
    int64_t off = r->date != 0 ? r->date - auth_renewal_now(&s->renewal) : 0;

    if (r->status == 400 && !s->skewed && (off > SKEW_SUSPECT_S || off < -SKEW_SUSPECT_S)) {
        const struct google_key *k = s->setup->key;

        log_line("the token server's clock is %lld s ahead of ours", (long long)off);
        s->skewed = true;
        s->renewal.skew += off;
        if (ask_token(s, k->source ? k->source : k, &e) != PB_OK)
            fail(s, e.code, e.msg);
        return;
    }
    if (r->status / 100 != 2) {
        fail_answer(s, r);
        return;
    }
    if (!read_token(r, &token, &life)) {
        fail(s, PB_ESERVER, "what answers there gave none");
    } else if (s->setup->kind == GOOGLE_IMPERSONATED) {
        if (ask_impersonated(s, token, &e) != PB_OK)
            fail(s, e.code, e.msg);
    } else {
        take(s, token, life);
        if (s->step != STEP_NONE)
            finish(s, NULL);
    }
    aws_wipe(&token);
}

/* {"accessToken": ..., "expireTime": "2026-11-22T20:00:00Z"} */
static void impersonated(struct google_session *s, const struct http_result *r)
{
    json_t *o = aws_json_object(r->body.data, r->body.len);
    const char *token = aws_json_text(o, "accessToken");
    int64_t until = 0, now = auth_renewal_now(&s->renewal);

    if (r->status / 100 != 2) {
        fail_answer(s, r);
    } else if (!token || !aws_json_time(o, "expireTime", &until) || until <= now) {
        fail(s, PB_ESERVER, "what answers there gave none");
    } else {
        take(s, token, until - now);
        if (s->step != STEP_NONE)
            finish(s, NULL);
    }
    json_decref(o);
}

static void machine_answered(struct google_session *s, const struct http_result *r,
                             const struct error *e)
{
    const char *flavor = r ? http_headers_get(&r->headers, "Metadata-Flavor") : NULL;
    bool google = !e && flavor && strcmp(flavor, "Google") == 0;
    char *token = NULL;
    int64_t life;

    if (!google || r->status != 200 || !read_token(r, &token, &life)) {
        aws_wipe(&token);
        if (google && r->status / 100 == 5) {
            fail(s, PB_ESERVER, "the metadata server is in trouble");
            return;
        }
        log_line("there is no metadata server with an account: requests are anonymous");
        s->anonymous = true;
        finish(s, NULL);
        return;
    }
    take(s, token, life);
    aws_wipe(&token);
    if (s->step == STEP_NONE)
        return;
    if (google_session_project(s) || ask_machine(s, STEP_PROJECT, NULL) != PB_OK)
        finish(s, NULL);
}

static void project_answered(struct google_session *s, const struct http_result *r,
                             const struct error *e)
{
    size_t n = e || r->status != 200 ? 0 : r->body.len;

    if (n > 0 && n < 64 && strspn(r->body.data, "abcdefghijklmnopqrstuvwxyz0123456789-:.") == n)
        s->project = mem_strndup(r->body.data, n);
    finish(s, NULL);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct google_session *s = ctx;
    enum step step = s->step;

    if (e && (e->code == PB_ECANCELED || step == STEP_TOKEN || step == STEP_IMPERSONATE)) {
        if (e->code == PB_ECANCELED)
            finish(s, e);
        else
            fail(s, e->code, e->msg);
    } else if (step == STEP_TOKEN) {
        token_answered(s, r);
    } else if (step == STEP_IMPERSONATE) {
        impersonated(s, r);
    } else if (step == STEP_MACHINE) {
        machine_answered(s, r, e);
    } else {
        project_answered(s, r, e);
    }
}

/* --------------------------------------------------------------------------- waiting */

static void begin(void *ctx)
{
    struct google_session *s = ctx;
    const struct google_setup *setup = s->setup;
    struct error e = {0};
    enum pb_err err = PB_OK;

    if (setup->problem.code != PB_OK) {
        finish(s, &setup->problem);
    } else if (setup->kind == GOOGLE_MACHINE) {
        err = ask_machine(s, STEP_MACHINE, &e);
    } else if (setup->key) {
        err = ask_token(s, setup->key->source ? setup->key->source : setup->key, &e);
    } else {
        finish(s, NULL);
    }
    if (err != PB_OK)
        fail(s, e.code, e.msg);
}

bool google_session_ready(struct google_session *s)
{
    if (s->setup->problem.code != PB_OK)
        return false;
    return s->anonymous || auth_renewal_ready(&s->renewal);
}

enum pb_err google_session_wait(struct google_session *s, google_ready_fn ready, void *ctx,
                                struct error *e)
{
    return auth_renewal_wait(&s->renewal, ready, ctx, e);
}

void google_session_forget(struct google_session *s, void *ctx)
{
    auth_renewal_forget(&s->renewal, ctx);
}

bool google_session_refuse(struct google_session *s, const char *token)
{
    if (!s->token || s->setup->kind == GOOGLE_TOKEN)
        return false;
    if (strcmp(s->token, token) == 0)
        s->renewal.refused = true;
    return true;
}

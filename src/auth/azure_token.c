/*
 * The sources of tokens: a client's secret, a workload's federated token, a managed identity of App
 * Service and its like, the az command line, the managed identity of a virtual machine.
 *
 * The last is a guess and asked last, with a short limit: most machines are none in Azure.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "azure_chain.h"

#define RESOURCE "https://storage.azure.com/"
#define SCOPE "https://storage.azure.com/.default"
#define TOKEN_FILE_MAX ((size_t)64 * 1024)
#define OUTPUT_MAX ((size_t)256 * 1024)
#define AZ_MS 120000
#define METADATA_MS 1000
#define DEAD_US 60000000ull

enum verdict { NOT_MINE, FAILED, LATER };

struct azure_lookup {
    struct azure_session *session;
    azure_lookup_fn done;
    const struct source_of *asked;
    size_t at;
    struct aws_request request;
    struct loop_child *child;
    struct azure_token found;
    char origin[300];
};

struct source_of {
    const char *provider;
    bool guess; /* no answer means that it is not there */
    enum verdict (*ask)(struct azure_lookup *k, struct error *e);
};

static void finish(struct azure_lookup *k, const struct error *e)
{
    k->done(k->session, &k->found, e); /* frees k */
}

static void walk(struct azure_lookup *k);

/* ------------------------------------------------------------------------------ answers */

static bool whole_number(const json_t *o, const char *key, int64_t *out)
{
    const json_t *v = json_object_get(o, key);

    if (json_is_integer(v)) {
        *out = json_integer_value(v);
        return true;
    }
    return json_is_string(v) && num_parse_i64(json_string_value(v), json_string_length(v), out);
}

/* "2026-11-22 10:02:03.000000" of this machine's zone, as older az command lines say it. */
static bool local_time(const char *text, int64_t *out)
{
    struct tm tm = {.tm_isdst = -1};
    const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
    time_t t = end ? mktime(&tm) : (time_t)-1;

    *out = (int64_t)t;
    return end && t != (time_t)-1;
}

static int64_t end_of(const json_t *o)
{
    const char *text = aws_json_text(o, "expiresOn");
    int64_t n;

    if (whole_number(o, "expires_on", &n))
        return n;
    if (whole_number(o, "expires_in", &n))
        return clock_now() + n;
    return text && local_time(text, &n) ? n : 0;
}

/* PB_OK: k->found is the token of `o`. */
static enum pb_err take(struct azure_lookup *k, const json_t *o, const char *key, struct error *e)
{
    const char *text = aws_json_text(o, key);
    int64_t expires = end_of(o);

    if (!text || strpbrk(text, "\r\n"))
        return error_set(e, PB_ESERVER, "the %s gave no token", k->origin);
    if (expires != 0 && expires <= clock_now())
        return error_set(e, PB_EDENIED, "the %s gave a token that has ended already", k->origin);
    k->found.text = mem_strdup(text);
    k->found.origin = mem_strdup(k->origin);
    k->found.provider = k->asked->provider;
    k->found.expires = expires;
    return k->found.text && k->found.origin ? PB_OK : error_nomem(e);
}

/* What Entra or a metadata service says instead of a token, its first line. */
static enum pb_err refused(struct azure_lookup *k, const json_t *o, int status, struct error *e)
{
    const char *code = aws_json_text(o, "error"), *text = aws_json_text(o, "error_description");
    struct buf words, detail;

    buf_init(&words, BUF_MAX_LINE);
    buf_init(&detail, BUF_MAX_LINE);
    if (text) {
        buf_puts(&words, ": ");
        text_escape_cols(&words, text, strcspn(text, "\r\n"), 300);
        text_escape_cols(&detail, text, strlen(text), 600);
    }
    (void)error_set(e, PB_EDENIED, "the %s is refused%s", k->origin, words.data);
    if (e) {
        e->http_status = status;
        (void)snprintf(e->server_code, sizeof e->server_code, "%s", code ? code : "");
        (void)snprintf(e->detail, sizeof e->detail, "%s", detail.data);
    }
    buf_release(&words);
    buf_release(&detail);
    return PB_EDENIED;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_lookup *k = ctx;
    struct error why = {0};
    json_t *o;

    if (k->asked->guess && (e ? e->code != PB_ECANCELED : r->status == 400 || r->status == 404)) {
        if (e)
            k->session->metadata_dead_until_us = clock_mono_us() + DEAD_US;
        aws_request_release(&k->request);
        walk(k);
        return;
    }
    if (e) {
        (void)error_set(&why, e->code, "the %s cannot be used: %s", k->origin, e->msg);
        finish(k, &why);
        return;
    }
    o = aws_json_object(r->body.data, r->body.len);
    if (r->status / 100 != 2)
        (void)refused(k, o, r->status, &why);
    else
        (void)take(k, o, "access_token", &why);
    json_decref(o);
    finish(k, why.code == PB_OK ? NULL : &why);
}

/* ----------------------------------------------------------------- a client of Entra's */

static bool is_plain(const char *text)
{
    return *text &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") ==
               strlen(text);
}

static void put_field(struct buf *out, const char *name, const char *value)
{
    if (out->len > 0)
        buf_putc(out, '&');
    buf_printf(out, "%s=", name);
    uri_encode(out, value, strlen(value), false);
}

static enum verdict post(struct azure_lookup *k, const char *tenant, struct buf *form,
                         struct error *e)
{
    struct aws_request *r = &k->request;
    enum pb_err err;

    if (!is_plain(tenant)) {
        (void)error_set(e, PB_EUSAGE, "AZURE_TENANT_ID is not the name of a tenant");
        return FAILED;
    }
    if (!url_is_safe(k->session->authority)) {
        (void)error_set(
            e, PB_EDENIED,
            "AZURE_AUTHORITY_HOST is not reached by https: no token is asked for there");
        return FAILED;
    }
    aws_request_init(r, k->session->http, "POST");
    r->done = answered;
    r->ctx = k;
    err = aws_request_url(r, e, "%s/%s/oauth2/v2.0/token", k->session->authority, tenant);
    if (err == PB_OK)
        err = aws_request_body(r, form, "application/x-www-form-urlencoded", e);
    if (err == PB_OK)
        err = aws_request_header(r, "Accept", "application/json", e);
    if (err == PB_OK)
        err = aws_request_send(r, e);
    return err == PB_OK ? LATER : FAILED;
}

static enum verdict ask_secret(struct azure_lookup *k, struct error *e)
{
    const char *tenant = aws_environment("AZURE_TENANT_ID");
    const char *client = aws_environment("AZURE_CLIENT_ID");
    const char *secret = aws_environment("AZURE_CLIENT_SECRET");
    struct buf form;
    enum verdict v;

    if (!client || (!tenant && !secret))
        return NOT_MINE;
    if (!secret && aws_environment("AZURE_CLIENT_CERTIFICATE_PATH")) {
        (void)error_set(
            e, PB_EUNSUPPORTED,
            "AZURE_CLIENT_CERTIFICATE_PATH: certificates are not supported; use "
            "AZURE_CLIENT_SECRET, or `az login --service-principal` with the certificate "
            "and unset AZURE_CLIENT_ID");
        return FAILED;
    }
    if (!secret && aws_environment("AZURE_USERNAME") && aws_environment("AZURE_PASSWORD")) {
        (void)error_set(e, PB_EUNSUPPORTED,
                        "AZURE_USERNAME: names and passwords are not supported; use `az login`");
        return FAILED;
    }
    if (!secret)
        return NOT_MINE;
    if (!tenant) {
        (void)error_set(e, PB_EUSAGE, "AZURE_CLIENT_SECRET is set, but AZURE_TENANT_ID is not");
        return FAILED;
    }
    (void)snprintf(k->origin, sizeof k->origin, "client secret of the environment");
    buf_init(&form, BUF_MAX_LINE);
    put_field(&form, "client_id", client);
    put_field(&form, "client_secret", secret);
    put_field(&form, "grant_type", "client_credentials");
    put_field(&form, "scope", SCOPE);
    v = post(k, tenant, &form, e);
    aws_wipe_buf(&form);
    return v;
}

/* The file is read anew each time: whoever writes it does so before the token in it ends. */
static enum verdict ask_workload(struct azure_lookup *k, struct error *e)
{
    const char *tenant = aws_environment("AZURE_TENANT_ID");
    const char *client = aws_environment("AZURE_CLIENT_ID");
    const char *file = aws_environment("AZURE_FEDERATED_TOKEN_FILE");
    struct error why = {0};
    struct buf form, token;
    enum verdict v = FAILED;

    if (!file)
        return NOT_MINE;
    if (!tenant || !client) {
        (void)error_set(e, PB_EUSAGE, "AZURE_FEDERATED_TOKEN_FILE is set, but %s is not",
                        tenant ? "AZURE_CLIENT_ID" : "AZURE_TENANT_ID");
        return FAILED;
    }
    (void)snprintf(k->origin, sizeof k->origin, "workload identity of the environment");
    buf_init(&form, TOKEN_FILE_MAX * 4);
    buf_init(&token, TOKEN_FILE_MAX);
    if (aws_read_file(file, &token, &why) != PB_OK) {
        (void)error_set(e, why.code == PB_ENOMEM ? PB_ENOMEM : PB_EDENIED,
                        "AZURE_FEDERATED_TOKEN_FILE: %s", why.msg);
    } else {
        while (token.len > 0 && strchr("\r\n \t", token.data[token.len - 1]))
            buf_truncate(&token, token.len - 1);
        put_field(&form, "client_id", client);
        put_field(&form, "client_assertion_type",
                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        put_field(&form, "client_assertion", token.data);
        put_field(&form, "grant_type", "client_credentials");
        put_field(&form, "scope", SCOPE);
        v = post(k, tenant, &form, e);
    }
    aws_wipe_buf(&token);
    aws_wipe_buf(&form);
    return v;
}

/* ------------------------------------------------------------------- managed identities */

static enum pb_err metadata_client(struct azure_session *s, struct error *e)
{
    const struct http_options o = {.direct = true,
                                   .connect_ms = METADATA_MS,
                                   .stall_ms = 5 * METADATA_MS,
                                   .attempts = 1,
                                   .user_agent = "pklbrowse"};

    return s->metadata ? PB_OK : http_new(s->loop, &o, &s->metadata, e);
}

static enum pb_err get(struct azure_lookup *k, const char *url, const char *version,
                       const char *header, const char *value, struct error *e)
{
    const char *client = aws_environment("AZURE_CLIENT_ID");
    struct aws_request *r = &k->request;
    struct buf query;
    enum pb_err err = metadata_client(k->session, e);

    buf_init(&query, BUF_MAX_LINE);
    put_field(&query, "api-version", version);
    put_field(&query, "resource", RESOURCE);
    if (client)
        put_field(&query, "client_id", client);
    aws_request_init(r, k->session->metadata, "GET");
    r->done = answered;
    r->ctx = k;
    if (err == PB_OK)
        err = buf_status(&query, e);
    if (err == PB_OK)
        err = aws_request_url(r, e, "%s%c%s", url, strchr(url, '?') ? '&' : '?', query.data);
    if (err == PB_OK)
        err = aws_request_header(r, header, value, e);
    if (err == PB_OK)
        err = aws_request_send(r, e);
    buf_release(&query);
    return err;
}

/* App Service, Functions, Container Apps. */
static enum verdict ask_app_service(struct azure_lookup *k, struct error *e)
{
    const char *endpoint = aws_environment("IDENTITY_ENDPOINT");
    const char *header = aws_environment("IDENTITY_HEADER");

    if (!endpoint || !header)
        return NOT_MINE;
    (void)snprintf(k->origin, sizeof k->origin, "managed identity (IDENTITY_ENDPOINT)");
    if (strpbrk(header, "\r\n")) {
        (void)error_set(e, PB_EUSAGE, "IDENTITY_HEADER is more than one line");
        return FAILED;
    }
    return get(k, endpoint, "2019-08-01", "X-IDENTITY-HEADER", header, e) == PB_OK ? LATER : FAILED;
}

static enum verdict ask_machine(struct azure_lookup *k, struct error *e)
{
    const char *host = aws_environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct buf url;
    enum pb_err err;

    if (clock_mono_us() < k->session->metadata_dead_until_us)
        return NOT_MINE;
    (void)snprintf(k->origin, sizeof k->origin, "managed identity of the machine");
    buf_init(&url, BUF_MAX_LINE);
    buf_puts(&url, host ? host : "http://169.254.169.254");
    while (url.len > 0 && url.data[url.len - 1] == '/')
        buf_truncate(&url, url.len - 1);
    buf_puts(&url, "/metadata/identity/oauth2/token");
    err = buf_status(&url, e);
    if (err == PB_OK)
        err = get(k, url.data, "2018-02-01", "Metadata", "true", e);
    buf_release(&url);
    return err == PB_OK ? LATER : FAILED;
}

/* ------------------------------------------------------------------ the az command line */

/* The first line that it wrote to stderr. */
static void put_complaint(struct buf *out, const struct buf *text)
{
    const char *p = text->data;
    size_t n = text->len, skip = strspn(p, " \t\r\n");

    skip = skip < n ? skip : n;
    p += skip;
    text_escape_cols(out, p, strcspn(p, "\r\n"), 300);
}

static void az_ended(void *ctx, int status, const struct buf *out, const struct error *e)
{
    struct azure_lookup *k = ctx;
    struct error why = {0};
    struct buf words;
    json_t *o;

    buf_init(&words, BUF_MAX_LINE);
    if (e && e->code == PB_ENOTFOUND) { /* signed in once, but the program is not here */
        k->child = NULL;
        walk(k);
        buf_release(&words);
        return;
    }
    if (e) {
        (void)error_set(&why, e->code, "the %s cannot be used: %s", k->origin, e->msg);
    } else if (status != 0) {
        put_complaint(&words, loop_child_stderr(k->child));
        (void)error_set(&why, PB_EDENIED, "`az account get-access-token` ended with status %d%s%s",
                        status, words.len > 0 ? ": " : "", words.data);
    } else {
        o = aws_json_object(out->data, out->len);
        (void)take(k, o, "accessToken", &why);
        json_decref(o);
    }
    if (out->len > 0)
        explicit_bzero(out->data, out->len);
    buf_release(&words);
    k->child = NULL;
    finish(k, why.code == PB_OK ? NULL : &why);
}

/* Somebody has signed in with it: it keeps a list of subscriptions. */
static bool az_is_used(void)
{
    struct buf path;
    struct stat st;
    bool used;

    buf_init(&path, BUF_MAX_LINE);
    azure_home_file(&path, "azureProfile.json");
    used = path.len > 0 && path.failed == PB_OK && stat(path.data, &st) == 0 && st.st_size > 0;
    buf_release(&path);
    return used;
}

static enum verdict ask_az(struct azure_lookup *k, struct error *e)
{
    char az[] = "az", account[] = "account", token[] = "get-access-token";
    char resource[] = "--resource", value[] = RESOURCE, output[] = "--output", json[] = "json";
    char *const argv[] = {az, account, token, resource, value, output, json, NULL};
    enum pb_err err;

    if (!az_is_used())
        return NOT_MINE;
    (void)snprintf(k->origin, sizeof k->origin, "az command line");
    err = loop_spawn(k->session->loop, argv, OUTPUT_MAX, AZ_MS, az_ended, k, &k->child, e);
    if (err == PB_ENOTFOUND)
        return NOT_MINE;
    return err == PB_OK ? LATER : FAILED;
}

/* ------------------------------------------------------------------------------ the walk */

static const struct source_of sources[] = {
    {"environment", false, ask_secret},           {"workload-identity", false, ask_workload},
    {"managed-identity", false, ask_app_service}, {"az", false, ask_az},
    {"managed-identity", true, ask_machine},
};

static void walk(struct azure_lookup *k)
{
    while (k->at < sizeof sources / sizeof *sources) {
        struct error e = {0};

        k->asked = &sources[k->at++];
        switch (k->asked->ask(k, &e)) {
        case LATER:
            return;
        case FAILED:
            finish(k, &e);
            return;
        case NOT_MINE:
            break;
        }
    }
    finish(k, NULL);
}

struct azure_lookup *azure_lookup_new(struct azure_session *s, azure_lookup_fn done)
{
    struct azure_lookup *k = mem_alloc(sizeof *k);

    if (k) {
        k->session = s;
        k->done = done;
    }
    return k;
}

void azure_lookup_start(struct azure_lookup *k)
{
    walk(k);
}

void azure_lookup_free(struct azure_lookup *k)
{
    if (!k)
        return;
    if (k->child)
        loop_kill(k->session->loop, k->child);
    aws_request_release(&k->request);
    azure_token_release(&k->found);
    free(k);
}

/*
 * The token of a sign-on, as `aws sso login` left it in ~/.aws/sso/cache.  One of an sso-session is
 * renewed a quarter of an hour before its end and written back; the older form cannot be.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

#define WINDOW_S 900
#define FILE_MAX ((size_t)256 * 1024)

struct aws_sso_token {
    struct aws_lookup *lookup;
    struct aws_sso sso;
    struct buf path;
    json_t *kept; /* the file */
    int64_t expires;
    struct aws_request request;
    aws_sso_token_fn done;
    void *ctx;
};

/* The profile that it would take without being told. */
static bool is_usual(const char *profile)
{
    const char *usual = aws_environment("AWS_DEFAULT_PROFILE");

    if (!usual)
        usual = aws_environment("AWS_PROFILE");
    return strcmp(profile, usual ? usual : "default") == 0 && strcmp(profile, "default") == 0;
}

static enum pb_err offer_command(struct aws_lookup *k, const char *shown, struct error *e)
{
    static const char *const login[] = {"aws", "sso", "login"};
    struct aws_words words = {0};
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < sizeof login / sizeof login[0] && err == PB_OK; i++)
        err = aws_words_add(&words, login[i], e);
    if (err == PB_OK && !is_usual(k->profile))
        err = aws_words_add(&words, "--profile", e);
    if (err == PB_OK && !is_usual(k->profile))
        err = aws_words_add(&words, k->profile, e);
    if (err == PB_OK)
        err = aws_words_add(&words, NULL, e);
    if (err == PB_OK)
        err = aws_lookup_outside(k, &words, shown, e);
    aws_words_release(&words);
    return err;
}

enum pb_err aws_sso_login_error(struct aws_lookup *k, const char *why, struct error *e)
{
    struct buf command;
    enum pb_err err;

    buf_init(&command, BUF_MAX_LINE);
    buf_puts(&command, "aws sso login");
    if (!is_usual(k->profile)) {
        bool plain = strpbrk(k->profile, " \"'\\$`") == NULL;

        buf_puts(&command, plain ? " --profile " : " --profile '");
        text_escape_cols(&command, k->profile, strlen(k->profile), 100);
        buf_puts(&command, plain ? "" : "'");
    }
    err = offer_command(k, command.data, e);
    if (err == PB_OK)
        err = aws_lookup_error(k, e, PB_EDENIED, "%s: run `%s`", why, command.data);
    buf_release(&command);
    return err;
}

enum pb_err aws_sso_endpoint(struct buf *out, const struct aws_lookup *k, const char *service,
                             const char *host, const char *region, struct error *e)
{
    const char *where, *name;
    const char *url =
        aws_configured_endpoint(k->config, k->session->profile, service, &where, &name);

    if (!url && !aws_region_valid(region))
        return aws_lookup_error(k, e, PB_EUSAGE, "its sso_region is not a name like us-east-1");
    if (url)
        buf_puts(out, url);
    else
        buf_printf(out, "https://%s.%s.%s", host, region, aws_partition_domain(region));
    return aws_endpoint_check(out, e);
}

void aws_sso_token_free(struct aws_sso_token *t)
{
    if (!t)
        return;
    aws_request_release(&t->request);
    json_decref(t->kept);
    buf_release(&t->path);
    free(t);
}

/* 2026-11-22T10:02:03Z, or with "UTC" at its end as older tools wrote it. */
static bool moment(const json_t *o, const char *key, int64_t *out)
{
    const char *text = aws_json_text(o, key);
    size_t n = text ? strlen(text) : 0;
    char plain[64];

    if (n < 4 || n >= sizeof plain)
        return false;
    if (strcmp(text + n - 3, "UTC") != 0)
        return clock_parse_iso(text, n, out);
    (void)snprintf(plain, sizeof plain, "%.*sZ", (int)(n - 3), text);
    return clock_parse_iso(plain, n - 2, out);
}

static enum pb_err load(struct aws_sso_token *t, struct error *e)
{
    const char *name = t->sso.session ? t->sso.session : t->sso.start_url;
    uint8_t hash[SHA1_LEN];
    struct buf file, text;
    enum pb_err err = sha1(name, strlen(name), hash, e);

    buf_init(&file, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    buf_puts(&file, "sso/cache/");
    hex_encode(&file, hash, sizeof hash);
    buf_puts(&file, ".json");
    if (err == PB_OK)
        err = buf_status(&file, e);
    if (err == PB_OK)
        aws_home_file(&t->path, file.data);
    if (err == PB_OK)
        err = buf_status(&t->path, e);
    if (err == PB_OK && (t->path.len == 0 || aws_read_file(t->path.data, &text, NULL) != PB_OK))
        err = aws_sso_login_error(t->lookup, "nobody has signed in yet", e);
    if (err == PB_OK) {
        t->kept = aws_json_object(text.data, text.len);
        if (!aws_json_text(t->kept, "accessToken") || !moment(t->kept, "expiresAt", &t->expires))
            err = aws_sso_login_error(t->lookup, "what was kept of the sign-on cannot be read", e);
    }
    aws_wipe_buf(&text);
    buf_release(&file);
    return err;
}

/* ----------------------------------------------------------------------- a new token */

static void save(struct aws_sso_token *t)
{
    struct error e = {0};
    struct buf when;
    char *text;

    buf_init(&when, BUF_MAX_LINE);
    clock_format_iso(&when, t->expires);
    if (buf_status(&when, &e) == PB_OK &&
        json_object_set_new(t->kept, "expiresAt", json_string(when.data)) == 0) {
        text = json_dumps(t->kept, JSON_INDENT(2));
        if (text && aws_write_file(t->path.data, text, strlen(text), &e) != PB_OK)
            log_line("the renewed sign-on is not kept: %s", e.msg);
        aws_wipe(&text);
    }
    buf_release(&when);
}

static bool take_new(struct aws_sso_token *t, const struct http_result *r)
{
    json_t *o = r->status == 200 ? aws_json_object(r->body.data, r->body.len) : NULL;
    const char *token = aws_json_text(o, "accessToken");
    const char *refresh = aws_json_text(o, "refreshToken");
    json_int_t seconds = json_integer_value(json_object_get(o, "expiresIn"));
    bool ok = token && seconds > 0 && seconds < 10 * 365 * 86400 &&
              json_object_set_new(t->kept, "accessToken", json_string(token)) == 0;

    if (ok && refresh)
        ok = json_object_set_new(t->kept, "refreshToken", json_string(refresh)) == 0;
    if (ok) {
        t->expires = clock_now() + seconds;
        save(t);
    }
    json_decref(o);
    return ok;
}

/* What we have may still hold when there is no new one. */
static void conclude(struct aws_sso_token *t)
{
    struct error e = {0};

    if (t->expires > clock_now()) {
        t->done(t->ctx, aws_json_text(t->kept, "accessToken"), NULL);
        return;
    }
    (void)aws_sso_login_error(t->lookup, "the sign-on has expired", &e);
    t->done(t->ctx, NULL, &e);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct aws_sso_token *t = ctx;

    if (e && e->code == PB_ECANCELED) {
        t->done(t->ctx, NULL, e);
        return;
    }
    if (e || !take_new(t, r))
        log_line("the sign-on was not renewed");
    conclude(t);
}

static bool renewable(const struct aws_sso_token *t)
{
    int64_t until;

    return t->sso.session && aws_json_text(t->kept, "refreshToken") &&
           aws_json_text(t->kept, "clientId") && aws_json_text(t->kept, "clientSecret") &&
           moment(t->kept, "registrationExpiresAt", &until) && until > clock_now();
}

static enum pb_err renew(struct aws_sso_token *t, struct error *e)
{
    struct buf base, body;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "grantType", "refresh_token", "clientId",
                          aws_json_text(t->kept, "clientId"), "clientSecret",
                          aws_json_text(t->kept, "clientSecret"), "refreshToken",
                          aws_json_text(t->kept, "refreshToken"));
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    enum pb_err err;

    json_decref(o);
    if (!text)
        return error_nomem(e);
    buf_init(&base, BUF_MAX_LINE);
    buf_init(&body, FILE_MAX);
    buf_puts(&body, text);
    aws_wipe(&text);
    aws_request_init(&t->request, t->lookup->session->http, "POST");
    err = aws_sso_endpoint(&base, t->lookup, "sso_oidc", "oidc", t->sso.region, e);
    if (err == PB_OK)
        err = aws_request_url(&t->request, e, "%s/token", base.data);
    if (err == PB_OK)
        err = aws_request_body(&t->request, &body, "application/json", e);
    t->request.done = answered;
    t->request.ctx = t;
    if (err == PB_OK)
        err = aws_request_send(&t->request, e);
    aws_wipe_buf(&body);
    buf_release(&base);
    return err;
}

enum pb_err aws_sso_token_get(struct aws_lookup *k, const struct aws_sso *sso,
                              aws_sso_token_fn done, void *ctx, struct aws_sso_token **out,
                              struct error *e)
{
    struct aws_sso_token *t = mem_alloc(sizeof *t);
    enum pb_err err;

    *out = t;
    if (!t)
        return error_nomem(e);
    t->lookup = k;
    t->sso = *sso;
    t->done = done;
    t->ctx = ctx;
    buf_init(&t->path, BUF_MAX_LINE);
    err = load(t, e);
    if (err != PB_OK)
        return err;
    if (t->expires - clock_now() < WINDOW_S && renewable(t))
        return renew(t, e);
    conclude(t);
    return PB_OK;
}

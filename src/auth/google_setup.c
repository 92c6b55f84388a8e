/*
 * What option, environment and files add up to, in Google's order; nobody is asked.
 *
 *   token          CLOUDSDK_AUTH_ACCESS_TOKEN, GOOGLE_OAUTH_ACCESS_TOKEN
 *   key file       GOOGLE_APPLICATION_CREDENTIALS
 *   HMAC key       GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY
 *   key file       gcloud's own: application_default_credentials.json
 *   machine        the metadata server; where nobody answers: anonymous
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/text.h>

#include "google.h"

#define CONFIG_MAX ((size_t)1024 * 1024)

const char *google_kind_name(enum google_kind kind)
{
    switch (kind) {
    case GOOGLE_ANONYMOUS:
        return "anonymous";
    case GOOGLE_TOKEN:
        return "access token";
    case GOOGLE_SERVICE_ACCOUNT:
        return "service account";
    case GOOGLE_USER:
        return "user";
    case GOOGLE_IMPERSONATED:
        return "impersonated service account";
    case GOOGLE_MACHINE:
        return "metadata server";
    case GOOGLE_HMAC:
        return "HMAC key";
    }
    return "";
}

void google_setup_release(struct google_setup *s)
{
    google_key_free(s->key);
    aws_wipe(&s->token);
    aws_wipe(&s->hmac_secret);
    free(s->hmac_key);
    free(s->origin);
    free(s->project);
    free(s->project_origin);
    free(s->endpoint);
    free(s->endpoint_origin);
    free(s->user_project);
    *s = (struct google_setup){0};
}

static enum pb_err keep(char **to, const char *text, struct error *e)
{
    free(*to);
    *to = mem_strdup(text);
    return *to ? PB_OK : error_nomem(e);
}

static enum pb_err set_kind(struct google_setup *s, enum google_kind kind, const char *account,
                            const char *where, struct error *e)
{
    struct buf text;
    enum pb_err err;

    s->kind = kind;
    buf_init(&text, BUF_MAX_LINE);
    buf_puts(&text, google_kind_name(kind));
    if (account) {
        buf_putc(&text, ' ');
        text_escape_cols(&text, account, strlen(account), 120);
    }
    if (where)
        buf_printf(&text, " (%s)", where);
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = keep(&s->origin, text.data, e);
    buf_release(&text);
    return err;
}

/* ---------------------------------------------------------------------------- gcloud */

/* $CLOUDSDK_CONFIG/NAME, or ~/.config/gcloud/NAME; nothing without a home folder. */
static void gcloud_file(struct buf *out, const char *name)
{
    const char *folder = aws_environment("CLOUDSDK_CONFIG");
    const char *aws;

    if (folder) {
        buf_printf(out, "%s/%s", folder, name);
        return;
    }
    aws_home_file(out, "");
    aws = out->len > 6 ? out->data + out->len - 6 : "";
    if (strcmp(aws, "/.aws/") != 0)
        return;
    buf_truncate(out, out->len - 5);
    buf_printf(out, ".config/gcloud/%s", name);
}

/* false: it is not there, or cannot be read. */
static bool read_gcloud_file(const char *name, struct buf *text)
{
    struct buf path;
    bool ok;

    buf_init(&path, BUF_MAX_LINE);
    gcloud_file(&path, name);
    ok = path.len > 0 && buf_status(&path, NULL) == PB_OK &&
         aws_read_file(path.data, text, NULL) == PB_OK;
    buf_release(&path);
    return ok;
}

static const char *trim(const char *p, size_t *n)
{
    while (*n > 0 && strchr(" \t\r", *p) && *p) {
        p++;
        --*n;
    }
    while (*n > 0 && p[*n - 1] && strchr(" \t\r", p[*n - 1]))
        --*n;
    return p;
}

/* "project = x" below "[core]". */
static void find_project(const char *text, struct buf *out)
{
    bool core = false;

    while (*text) {
        size_t n = strcspn(text, "\n"), len = n, name;
        const char *line = trim(text, &len), *value;

        if (len > 0 && *line == '[')
            core = len == 6 && strncmp(line, "[core]", 6) == 0;
        name = strcspn(line, "=\n");
        if (core && name < len) {
            size_t name_len = name, value_len = len - name - 1;

            line = trim(line, &name_len);
            value = trim(line + name + 1, &value_len);
            if (name_len == 7 && strncmp(line, "project", 7) == 0) {
                buf_clear(out);
                buf_append(out, value, value_len);
            }
        }
        text += n + (text[n] == '\n');
    }
}

/* Of the configuration that is active. */
static void gcloud_project(struct buf *out)
{
    const char *name = aws_environment("CLOUDSDK_ACTIVE_CONFIG_NAME");
    struct buf active, file, text;
    size_t n;

    buf_init(&active, BUF_MAX_LINE);
    buf_init(&file, BUF_MAX_LINE);
    buf_init(&text, CONFIG_MAX);
    if (!name && read_gcloud_file("active_config", &active)) {
        n = strcspn(active.data, "\r\n");
        buf_truncate(&active, n);
        name = active.len > 0 ? active.data : NULL;
    }
    if (!name)
        name = "default";
    if (!strchr(name, '/')) {
        buf_printf(&file, "configurations/config_%s", name);
        if (buf_status(&file, NULL) == PB_OK && read_gcloud_file(file.data, &text))
            find_project(text.data, out);
    }
    buf_release(&active);
    buf_release(&file);
    buf_release(&text);
}

static enum pb_err set_project(struct google_setup *s, const struct google_options *o,
                               struct error *e)
{
    static const char *const names[] = {"GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT",
                                        "GCLOUD_PROJECT"};
    const char *project = o->project && *o->project ? o->project : NULL, *origin = "--project";
    struct buf text;
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; !project && i < sizeof names / sizeof *names; i++) {
        project = aws_environment(names[i]);
        origin = names[i];
    }
    s->named |= project != NULL;
    if (!project && s->key) {
        project = s->key->project ? s->key->project : NULL;
        origin = "key file";
    }
    buf_init(&text, BUF_MAX_LINE);
    if (!project) {
        gcloud_project(&text);
        project = text.len > 0 && text.failed == PB_OK ? text.data : NULL;
        origin = "gcloud's configuration";
    }
    if (project) {
        err = keep(&s->project, project, e);
        if (err == PB_OK)
            err = keep(&s->project_origin, origin, e);
    }
    buf_release(&text);
    return err;
}

static enum pb_err set_payer(struct google_setup *s, const struct google_options *o,
                             struct error *e)
{
    const char *project = aws_environment("GOOGLE_CLOUD_QUOTA_PROJECT");

    if (!o->user_pays)
        return PB_OK;
    if (!project && s->key)
        project = s->key->quota_project;
    if (!project)
        project = s->project;
    if (project)
        return keep(&s->user_project, project, e);
    if (s->problem.code == PB_OK)
        (void)error_set(&s->problem, PB_EUSAGE,
                        "--request-payer needs a Google Cloud project: --project ID");
    return PB_OK;
}

/* --------------------------------------------------------------------------- address */

static enum pb_err set_endpoint(struct google_setup *s, struct error *e)
{
    const char *host = aws_environment("STORAGE_EMULATOR_HOST");
    struct buf url;
    enum pb_err err;

    if (!host)
        return keep(&s->endpoint, GOOGLE_STORAGE, e);
    s->named = true;
    buf_init(&url, BUF_MAX_LINE);
    buf_printf(&url, "%s%s", strstr(host, "://") ? "" : "http://", host);
    while (url.len > 0 && url.data[url.len - 1] == '/')
        buf_truncate(&url, url.len - 1);
    err = buf_status(&url, e);
    if (err == PB_OK)
        err = keep(&s->endpoint, url.data, e);
    if (err == PB_OK)
        err = keep(&s->endpoint_origin, "STORAGE_EMULATOR_HOST", e);
    buf_release(&url);
    return err;
}

/* ----------------------------------------------------------------------- credentials */

static enum pb_err use_key_file(struct google_setup *s, const char *path, const char *where,
                                struct error *e)
{
    struct buf text, shown;
    enum pb_err err;

    buf_init(&text, CONFIG_MAX);
    buf_init(&shown, BUF_MAX_LINE);
    buf_puts(&shown, where ? where : "");
    buf_puts(&shown, where ? ": " : "");
    text_escape_cols(&shown, path, strlen(path), 160);
    s->named = true;
    err = aws_read_file(path, &text, &s->problem);
    if (err == PB_OK)
        err = google_key_parse(text.data, text.len, shown.data, &s->key, &s->problem);
    aws_wipe_buf(&text);
    if (err == PB_ENOMEM) {
        s->problem = (struct error){0};
        err = error_nomem(e);
    } else if (err == PB_OK) {
        err = set_kind(s, s->key->kind, s->key->account, where ? where : shown.data, e);
    } else {
        /* A file that is missing is about credentials, not about an object. */
        s->problem.code = err == PB_EUNSUPPORTED ? err : PB_EDENIED;
        err = PB_OK;
    }
    buf_release(&shown);
    return err;
}

static enum pb_err use_token(struct google_setup *s, const char *token, const char *where,
                             struct error *e)
{
    enum pb_err err = keep(&s->token, token, e);

    s->named = true;
    return err == PB_OK ? set_kind(s, GOOGLE_TOKEN, NULL, where, e) : err;
}

static enum pb_err use_hmac(struct google_setup *s, const char *key, const char *secret,
                            struct error *e)
{
    enum pb_err err = keep(&s->hmac_key, key, e);

    s->named = true;
    if (err == PB_OK)
        err = keep(&s->hmac_secret, secret, e);
    return err == PB_OK ? set_kind(s, GOOGLE_HMAC, key, "GS_ACCESS_KEY_ID", e) : err;
}

/* The machine says so itself, or its environment does; nobody is asked. */
static bool is_at_google(void)
{
    struct buf product;
    bool is;

    if (aws_environment("GCE_METADATA_HOST") || aws_environment("K_SERVICE"))
        return true;
    buf_init(&product, BUF_MAX_LINE);
    is = aws_read_file("/sys/class/dmi/id/product_name", &product, NULL) == PB_OK &&
         product.len >= 6 && strncmp(product.data, "Google", 6) == 0;
    buf_release(&product);
    return is;
}

/* gcloud's file, if there is one; else the machine's, unless that cannot be meant. */
static enum pb_err use_what_is_there(struct google_setup *s, struct error *e)
{
    struct buf path, text;
    bool there, emulated = s->endpoint_origin && !aws_environment("GCE_METADATA_HOST");
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, CONFIG_MAX);
    gcloud_file(&path, "application_default_credentials.json");
    there = read_gcloud_file("application_default_credentials.json", &text);
    if (there)
        err = use_key_file(s, path.data, NULL, e);
    else if (emulated || aws_is_true(aws_environment("NO_GCE_CHECK")))
        err = set_kind(s, GOOGLE_ANONYMOUS, NULL, "no credentials were found", e);
    else
        err = set_kind(s, GOOGLE_MACHINE, NULL, NULL, e);
    s->at_google = s->kind == GOOGLE_MACHINE && is_at_google();
    aws_wipe_buf(&text);
    buf_release(&path);
    return err;
}

static enum pb_err set_credentials(struct google_setup *s, const struct google_options *o,
                                   struct error *e)
{
    static const char *const tokens[] = {"CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"};
    const char *file = aws_environment("GOOGLE_APPLICATION_CREDENTIALS");
    const char *hmac = aws_environment("GS_ACCESS_KEY_ID");
    const char *secret = aws_environment("GS_SECRET_ACCESS_KEY");
    size_t i;

    if (o->anonymous)
        return set_kind(s, GOOGLE_ANONYMOUS, NULL, "--no-sign-request", e);
    if (!url_is_safe(s->endpoint))
        return set_kind(s, GOOGLE_ANONYMOUS, NULL, "no secrets without https to another machine",
                        e);
    for (i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (aws_environment(tokens[i]))
            return use_token(s, aws_environment(tokens[i]), tokens[i], e);
    if (file)
        return use_key_file(s, file, "GOOGLE_APPLICATION_CREDENTIALS", e);
    if (hmac && secret)
        return use_hmac(s, hmac, secret, e);
    if (hmac || secret) {
        s->named = true;
        (void)error_set(&s->problem, PB_EDENIED, "%s is set, but %s is not",
                        hmac ? "GS_ACCESS_KEY_ID" : "GS_SECRET_ACCESS_KEY",
                        hmac ? "GS_SECRET_ACCESS_KEY" : "GS_ACCESS_KEY_ID");
        return PB_OK;
    }
    return use_what_is_there(s, e);
}

enum pb_err google_setup_resolve(struct google_setup *out, const struct google_options *o,
                                 struct error *e)
{
    enum pb_err err;

    *out = (struct google_setup){0};
    err = set_endpoint(out, e);
    if (err == PB_OK)
        err = set_credentials(out, o, e);
    if (err == PB_OK)
        err = set_project(out, o, e);
    if (err == PB_OK)
        err = set_payer(out, o, e);
    if (err != PB_OK)
        google_setup_release(out);
    return err;
}

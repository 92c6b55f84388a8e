/*
 * Which account and which credentials: the environment first, then ~/.azure/config, value by value,
 * as the az command line does.  A connection string comes before account, signature and key; where
 * none of them is, a token is asked for.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/text.h>

#include "azure_chain.h"

static const struct cloud {
    const char *name, *suffix, *authority;
} clouds[] = {
    {"AzureCloud", "core.windows.net", "https://login.microsoftonline.com"},
    {"AzureChinaCloud", "core.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
    {"AzureUSGovernment", "core.usgovcloudapi.net", "https://login.microsoftonline.us"},
    {"AzureGermanCloud", "core.cloudapi.de", "https://login.microsoftonline.de"},
};

struct found {
    const char *value; /* NULL: nowhere */
    const char *where; /* for people */
};

/* AZURE_SECTION_NAME, or [section] name in the file. */
static struct found find(const struct azure_config *c, const char *variable, const char *section,
                         const char *key)
{
    struct found f = {aws_environment(variable), variable};

    if (!f.value) {
        f.value = azure_config_get(c, section, key);
        f.where = "~/.azure/config";
    }
    return f;
}

static struct found storage(const struct azure_config *c, const char *variable, const char *key)
{
    return find(c, variable, "storage", key);
}

static bool set_origin(struct azure_setup *s, const char *what, const char *where)
{
    struct buf text;
    bool ok;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%s of %s", what, where);
    free(s->origin);
    s->origin = buf_take(&text, NULL);
    ok = s->origin != NULL;
    buf_release(&text);
    return ok;
}

static enum pb_err set_cloud(struct azure_setup *s, const struct azure_config *c, struct error *e)
{
    struct found name = find(c, "AZURE_CLOUD_NAME", "cloud", "name");
    const char *authority = aws_environment("AZURE_AUTHORITY_HOST");
    const struct cloud *cloud = &clouds[0];
    struct buf url;
    bool ok;

    for (size_t i = 0; name.value && i < sizeof clouds / sizeof *clouds; i++)
        if (strcasecmp(clouds[i].name, name.value) == 0)
            cloud = &clouds[i];
    buf_init(&url, BUF_MAX_LINE);
    if (authority && !strstr(authority, "://"))
        buf_puts(&url, "https://");
    buf_puts(&url, authority ? authority : cloud->authority);
    while (url.len > 0 && url.data[url.len - 1] == '/')
        buf_truncate(&url, url.len - 1);
    s->authority = buf_take(&url, NULL);
    ok = azure_copy(&s->suffix, cloud->suffix) && s->authority;
    buf_release(&url);
    return ok ? PB_OK : error_nomem(e);
}

static enum pb_err by_connection(struct azure_setup *s, struct found f, struct error *e)
{
    struct azure_connection c;
    struct error why = {0};
    enum pb_err err = azure_connection_parse(&c, f.value, &why);

    if (err == PB_ENOMEM)
        return error_nomem(e);
    if (err != PB_OK)
        return error_set(e, err, "%s: %s", f.where, why.msg);
    s->account = c.account;
    s->endpoint = c.endpoint;
    s->key = c.key;
    s->sas = c.sas;
    s->http = c.http;
    if (c.suffix) {
        free(s->suffix);
        s->suffix = c.suffix;
    }
    s->auth = c.sas ? AZURE_SAS : c.key ? AZURE_KEY : AZURE_ANONYMOUS;
    return azure_copy(&s->account_origin, f.where) && set_origin(s,
                                                                 c.sas   ? "shared access signature"
                                                                 : c.key ? "account key"
                                                                         : "nothing",
                                                                 f.where)
               ? PB_OK
               : error_nomem(e);
}

static enum pb_err set_account(struct azure_setup *s, const struct azure_config *c, struct error *e)
{
    struct found account = storage(c, "AZURE_STORAGE_ACCOUNT", "account");
    struct found endpoint = storage(c, "AZURE_STORAGE_SERVICE_ENDPOINT", "service_endpoint");
    struct endpoint ep = {0};
    struct azure_spot spot;
    enum pb_err err;

    if (account.value && (!azure_spot_split(&spot, account.value) || spot.container))
        return error_set(e, PB_EUSAGE, "%s does not hold the name of a storage account",
                         account.where);
    if (account.value &&
        !(azure_copy(&s->account, account.value) && azure_copy(&s->account_origin, account.where)))
        return error_nomem(e);
    if (!endpoint.value)
        return PB_OK;
    err = endpoint_parse(&ep, endpoint.value, e);
    endpoint_release(&ep);
    if (err == PB_OK && !azure_copy(&s->endpoint, endpoint.value))
        err = error_nomem(e);
    return err;
}

static enum pb_err by_parts(struct azure_setup *s, const struct azure_config *c, struct error *e)
{
    struct found sas = storage(c, "AZURE_STORAGE_SAS_TOKEN", "sas_token");
    struct found key = storage(c, "AZURE_STORAGE_KEY", "key");
    enum pb_err err;

    if (!key.value)
        key =
            (struct found){aws_environment("AZURE_STORAGE_ACCESS_KEY"), "AZURE_STORAGE_ACCESS_KEY"};
    if (sas.value) {
        s->auth = AZURE_SAS;
        return azure_copy(&s->sas, sas.value + (*sas.value == '?')) &&
                       set_origin(s, "shared access signature", sas.where)
                   ? PB_OK
                   : error_nomem(e);
    }
    if (!key.value || !s->account) {
        s->auth = AZURE_TOKEN;
        return PB_OK;
    }
    err = azure_key_check(key.value, e);
    if (err == PB_EUSAGE)
        return error_set(e, PB_EUSAGE, "the account's key in %s is no base64 text", key.where);
    if (err != PB_OK)
        return err;
    s->auth = AZURE_KEY;
    return azure_copy(&s->key, key.value) && set_origin(s, "account key", key.where)
               ? PB_OK
               : error_nomem(e);
}

static enum pb_err resolve(struct azure_setup *s, const struct azure_config *c, bool anonymous,
                           struct error *e)
{
    struct found connection = storage(c, "AZURE_STORAGE_CONNECTION_STRING", "connection_string");
    struct found mode = storage(c, "AZURE_STORAGE_AUTH_MODE", "auth_mode");
    bool login = mode.value && strcasecmp(mode.value, "login") == 0;
    enum pb_err err = set_cloud(s, c, e);

    if (err != PB_OK)
        return err;
    if (mode.value && !login && strcasecmp(mode.value, "key") != 0)
        return error_set(e, PB_EUSAGE, "the auth mode of %s is neither key nor login", mode.where);
    if (connection.value && !login)
        err = by_connection(s, connection, e);
    else
        err = set_account(s, c, e);
    if (err == PB_OK && login)
        s->auth = AZURE_TOKEN;
    else if (err == PB_OK && !connection.value)
        err = by_parts(s, c, e);
    if (anonymous)
        s->auth = AZURE_ANONYMOUS;
    return err;
}

enum pb_err azure_setup_resolve(struct azure_setup *out, bool anonymous, struct error *e)
{
    struct azure_config *c = NULL;
    enum pb_err err;

    *out = (struct azure_setup){0};
    err = azure_config_load(&c, e);
    if (err == PB_OK)
        err = resolve(out, c, anonymous, e);
    azure_config_free(c);
    if (err != PB_OK)
        azure_setup_release(out);
    return err;
}

bool azure_setup_likely(const struct azure_setup *s)
{
    return s->account || s->sas || s->places.len > 0;
}

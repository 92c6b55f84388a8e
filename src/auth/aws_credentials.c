#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void aws_credentials_release(struct aws_credentials *c)
{
    wipe(&c->access_key);
    wipe(&c->secret_key);
    wipe(&c->session_token);
    free(c->origin);
    c->origin = NULL;
}

const char *aws_environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static enum pb_err take(struct aws_setup *s, const char *access, const char *secret,
                        const char *token, const char *origin, struct error *e)
{
    struct aws_credentials *c = &s->credentials;

    c->access_key = mem_strdup(access);
    c->secret_key = mem_strdup(secret);
    c->session_token = token ? mem_strdup(token) : NULL;
    c->origin = mem_strdup(origin);
    if (!c->access_key || !c->secret_key || !c->origin || (token && !c->session_token)) {
        aws_credentials_release(c);
        return error_nomem(e);
    }
    s->has_credentials = true;
    return PB_OK;
}

static enum pb_err from_environment(struct aws_setup *s, struct error *e)
{
    const char *access = aws_environment("AWS_ACCESS_KEY_ID");
    const char *secret = aws_environment("AWS_SECRET_ACCESS_KEY");
    const char *token = aws_environment("AWS_SESSION_TOKEN");

    if (!access)
        return PB_OK;
    if (!secret)
        return error_set(e, PB_EDENIED,
                         "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both "
                         "or neither");
    if (!token)
        token = aws_environment("AWS_SECURITY_TOKEN"); /* its old name */
    return take(s, access, secret, token, "environment", e);
}

/* NULL when absent or empty. */
static const char *setting(const struct aws_config *c, const char *profile, const char *key)
{
    const char *value = aws_config_get(c, profile, NULL, key);

    return value && *value ? value : NULL;
}

/* Ways to get credentials that are known but not followed yet: saying so beats "access denied". */
static enum pb_err refuse_indirect(const struct aws_config *c, const char *profile, bool fixed_keys,
                                   struct error *e)
{
    static const struct {
        const char *key, *what;
        bool before_keys; /* the aws command line asks it before keys in the files */
    } ways[] = {
        {"role_arn", "assumes a role (role_arn)", true},
        {"web_identity_token_file", "uses a web identity token", true},
        {"sso_session", "signs in through SSO", true},
        {"sso_start_url", "signs in through SSO", true},
        {"credential_process", "runs a command (credential_process)", false},
    };
    struct buf shown;
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!setting(c, profile, ways[i].key) || (fixed_keys && !ways[i].before_keys))
            continue;
        buf_init(&shown, BUF_MAX_LINE);
        text_escape(&shown, profile, strlen(profile));
        err = error_set(e, PB_EUNSUPPORTED,
                        "profile %s %s, which is not supported; run `aws configure "
                        "export-credentials --profile %s --format env` and set what it prints",
                        shown.data, ways[i].what, shown.data);
        buf_release(&shown);
        break;
    }
    return err;
}

static enum pb_err from_profile(struct aws_setup *s, const struct aws_config *c, struct error *e)
{
    const char *access = setting(c, s->profile, "aws_access_key_id");
    const char *secret = setting(c, s->profile, "aws_secret_access_key");
    const char *token = setting(c, s->profile, "aws_session_token");
    bool credentials_file = false;
    struct buf text;
    enum pb_err err = refuse_indirect(c, s->profile, access && secret, e);

    if (err != PB_OK || !access)
        return err;
    if (!token)
        token = setting(c, s->profile, "aws_security_token");
    (void)aws_config_find(c, s->profile, NULL, "aws_access_key_id", &credentials_file);
    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%s file, profile ", credentials_file ? "credentials" : "config");
    text_escape(&text, s->profile, strlen(s->profile));
    err = buf_status(&text, e);
    if (err == PB_OK && !secret)
        err = error_set(e, PB_EDENIED,
                        "%s: aws_access_key_id is there, but no "
                        "aws_secret_access_key",
                        text.data);
    if (err == PB_OK)
        err = take(s, access, secret, token, text.data, e);
    buf_release(&text);
    return err;
}

static enum pb_err say_where(struct aws_setup *s, const struct aws_config *c, bool environment,
                             struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    if (environment)
        buf_puts(&text, "AWS_ACCESS_KEY_ID in the environment, ");
    buf_puts(&text, "profile ");
    text_escape(&text, s->profile, strlen(s->profile));
    buf_puts(&text, " in ~/.aws/credentials and ~/.aws/config");
    if (aws_config_warning(c))
        buf_printf(&text, "; %s", aws_config_warning(c));
    err = buf_status(&text, e);
    if (err == PB_OK && !(s->looked_at = buf_take(&text, NULL)))
        err = error_nomem(e);
    buf_release(&text);
    return err;
}

enum pb_err aws_chain_resolve(struct aws_setup *s, const struct aws_config *c, bool use_environment,
                              struct error *e)
{
    enum pb_err err = PB_OK;

    if (use_environment)
        err = from_environment(s, e);
    if (err == PB_OK && !s->has_credentials)
        err = from_profile(s, c, e);
    if (err == PB_OK && !s->has_credentials)
        err = say_where(s, c, use_environment, e);
    return err;
}

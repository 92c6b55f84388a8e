/* Keys that stand in ~/.aws/credentials or ~/.aws/config. */
#include <string.h>

#include <pklbrowse/text.h>

#include "aws_chain.h"

static const char *value(const struct aws_lookup *k, const char *key, bool credentials_file)
{
    const char *text = aws_config_of(k->config, k->profile, key, credentials_file);

    return text && *text ? text : NULL;
}

static enum aws_verdict take(struct aws_lookup *k, bool credentials_file, struct error *e)
{
    const char *access = value(k, "aws_access_key_id", credentials_file);
    const char *secret = value(k, "aws_secret_access_key", credentials_file);
    const char *token = value(k, "aws_session_token", credentials_file);
    const char *file = credentials_file ? "credentials" : "config";
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, k->profile, strlen(k->profile), 100);
    if (!token)
        token = value(k, "aws_security_token", credentials_file);
    if (!secret)
        err = error_set(e, PB_EDENIED,
                        "%s file, profile %s: aws_access_key_id is there, but no "
                        "aws_secret_access_key",
                        file, shown.data);
    else
        err = aws_lookup_take(k, access, secret, token, 0, e, "%s file, profile %s", file,
                              shown.data);
    buf_release(&shown);
    return err == PB_OK ? AWS_FOUND : AWS_FAILED;
}

static bool in_credentials(const struct aws_lookup *k)
{
    return value(k, "aws_access_key_id", true) != NULL;
}

static enum aws_verdict ask_credentials(struct aws_lookup *k, struct error *e)
{
    return take(k, true, e);
}

static bool in_config(const struct aws_lookup *k)
{
    return value(k, "aws_access_key_id", false) != NULL;
}

static enum aws_verdict ask_config(struct aws_lookup *k, struct error *e)
{
    return take(k, false, e);
}

const struct aws_provider aws_by_credentials_file = {.name = "shared-credentials-file",
                                                     .of_profile = true,
                                                     .configured = in_credentials,
                                                     .ask = ask_credentials};
const struct aws_provider aws_by_config_file = {
    .name = "config-file", .of_profile = true, .configured = in_config, .ask = ask_config};

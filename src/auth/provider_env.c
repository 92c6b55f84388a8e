/* Keys in the environment.  They do not count when the profile was named on the command line. */
#include <string.h>

#include <pklbrowse/clock.h>

#include "aws_chain.h"

static bool configured(const struct aws_lookup *k)
{
    return (k->use_environment || k->only) && aws_environment("AWS_ACCESS_KEY_ID");
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    const char *secret = aws_environment("AWS_SECRET_ACCESS_KEY");
    const char *token = aws_environment("AWS_SESSION_TOKEN");
    const char *until = aws_environment("AWS_CREDENTIAL_EXPIRATION");
    int64_t expires = 0;

    if (!secret) {
        (void)error_set(e, PB_EDENIED,
                        "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both "
                        "or neither");
        return AWS_FAILED;
    }
    if (!token)
        token = aws_environment("AWS_SECURITY_TOKEN"); /* its old name */
    if (until && !clock_parse_iso(until, strlen(until), &expires)) {
        (void)error_set(e, PB_EDENIED, "AWS_CREDENTIAL_EXPIRATION is no time");
        return AWS_FAILED;
    }
    if (expires != 0 && expires <= clock_now()) {
        (void)error_set(e, PB_EDENIED,
                        "the credentials of the environment have expired "
                        "(AWS_CREDENTIAL_EXPIRATION)");
        return AWS_FAILED;
    }
    /* Nothing in our environment will ever change: no end to prepare for. */
    if (aws_lookup_take(k, aws_environment("AWS_ACCESS_KEY_ID"), secret, token, 0, e,
                        "environment") != PB_OK)
        return AWS_FAILED;
    return AWS_FOUND;
}

const struct aws_provider aws_by_environment = {
    .name = "env", .source = "Environment", .configured = configured, .ask = ask};

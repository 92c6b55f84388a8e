/* `aws login` keeps keys that only its own kind of proof (DPoP) can use: said so, not tried. */
#include <string.h>

#include <pklbrowse/text.h>

#include "aws_chain.h"

static bool configured(const struct aws_lookup *k)
{
    return aws_lookup_setting(k, "login_session") != NULL;
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, k->profile, strlen(k->profile), 100);
    (void)aws_lookup_error(k, e, PB_EUNSUPPORTED,
                           "it signs in through `aws login` (login_session), which is not "
                           "supported; run `aws configure export-credentials --profile %s "
                           "--format env` and set what it prints",
                           shown.data);
    buf_release(&shown);
    return AWS_FAILED;
}

const struct aws_provider aws_by_login = {
    .name = "login", .of_profile = true, .configured = configured, .ask = ask};

/* whoami: what is in force, and why. */
#include <stdio.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "whoami.h"

/* --- lines -------------------------------------------------------------------------------------
 */

static void put_endpoint(struct buf *out, const struct aws_setup *s)
{
    struct aws_url url;

    aws_url_init(&url);
    if (aws_url_make(&url, s, s->region, NULL, NULL, 0, "", NULL) == PB_OK) {
        buf_append(out, url.url.data, url.url.len);
        if (out->len > 0 && out->data[out->len - 1] == '/')
            buf_truncate(out, out->len - 1);
    }
    aws_url_release(&url);
}

static const char *addressing_name(enum aws_addressing how)
{
    return how == AWS_ADDRESSING_PATH ? "path" : how == AWS_ADDRESSING_VIRTUAL ? "virtual" : "auto";
}

static void put_credentials(struct buf *out, const struct whoami *w, const struct app_who *who)
{
    const struct aws_credentials *c = who->credentials;
    struct buf nobody;

    if (who->setup->anonymous)
        whoami_line(out, N_("credentials"), _("none: anonymous (--no-sign-request)"), NULL);
    if (c == NULL)
        return;
    whoami_line(out, N_("credentials"), c->origin, NULL);
    whoami_line(out, N_("access key"), c->access_key, NULL);
    whoami_expires(out, c->expires);
    if (who->identity != NULL) {
        whoami_line(out, N_("identity"), who->identity->arn, NULL);
        whoami_line(out, N_("account"), who->identity->account, NULL);
        whoami_line(out, N_("user id"), who->identity->user_id, NULL);
    } else {
        buf_init(&nobody, BUF_MAX_TEXT);
        buf_printf(&nobody, _("not known: %s"), w->nobody.msg);
        whoami_line(out, N_("identity"), nobody.data, NULL);
        buf_release(&nobody);
    }
}

static void put_text(struct buf *out, const struct whoami *w, const struct app_who *who)
{
    const struct aws_setup *s = who->setup;
    struct buf endpoint;

    buf_init(&endpoint, BUF_MAX_LINE);
    put_endpoint(&endpoint, s);
    whoami_line(out, N_("profile"), s->profile, s->profile_origin);
    put_credentials(out, w, who);
    whoami_line(out, N_("region"), s->region, s->region_origin);
    whoami_line(out, N_("endpoint"), endpoint.data,
                s->endpoint_origin != NULL ? s->endpoint_origin : _("Amazon's own"));
    whoami_line(out, N_("addressing"), addressing_name(s->addressing), NULL);
    buf_release(&endpoint);
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void put_json_credentials(struct buf *out, const struct aws_credentials *c)
{
    json_name(out, "credentials");
    if (c == NULL) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '{');
    whoami_member(out, "provider", c->provider);
    whoami_member(out, "from", c->origin);
    whoami_member(out, "access_key_id", c->access_key);
    json_member_time(out, "expires", c->expires);
    buf_putc(out, '}');
}

static void put_json(struct buf *out, const struct whoami *w, const struct app_who *who)
{
    const struct aws_setup *s = who->setup;
    const struct error *why = w->error.code != PB_OK ? &w->error : &w->nobody;
    struct buf endpoint;

    buf_init(&endpoint, BUF_MAX_LINE);
    put_endpoint(&endpoint, s);
    buf_putc(out, '{');
    whoami_member(out, "profile", s->profile);
    whoami_member(out, "profile_from", s->profile_origin);
    put_json_credentials(out, who->credentials);
    json_member_bool(out, "anonymous", s->anonymous);
    json_name(out, "identity");
    if (who->identity != NULL) {
        buf_putc(out, '{');
        whoami_member(out, "arn", who->identity->arn);
        whoami_member(out, "account", who->identity->account);
        whoami_member(out, "user_id", who->identity->user_id);
        buf_putc(out, '}');
    } else {
        buf_puts(out, "null");
    }
    whoami_member(out, "error", why->code != PB_OK ? why->msg : NULL);
    whoami_member(out, "region", s->region);
    whoami_member(out, "region_from", s->region_origin);
    whoami_member(out, "endpoint", endpoint.data);
    whoami_member(out, "endpoint_from", s->endpoint_origin);
    whoami_member(out, "addressing", addressing_name(s->addressing));
    buf_puts(out, "}\n");
    buf_release(&endpoint);
}

/* --- the command -------------------------------------------------------------------------------
 */

static void on_known(void *ctx, const struct app_who *who, const struct error *e)
{
    struct whoami *w = ctx;
    struct buf text;

    w->done = true;
    if (e != NULL && who->credentials == NULL)
        w->error = *e;
    else if (e != NULL)
        w->nobody = *e;
    buf_init(&text, BUF_MAX_TEXT);
    if (w->c->args->given[OPT_json])
        put_json(&text, w, who);
    else
        put_text(&text, w, who);
    whoami_print(w, &text);
    /* A server that only speaks S3 need not know people: that is no failure of theirs. */
    if (w->nobody.code != PB_OK && who->setup->endpoint == NULL)
        w->error = w->nobody;
}

static int whoami_s3(struct cli *c)
{
    struct whoami w = {.c = c};
    struct app_whoami *job;
    struct error error;
    enum pb_err err = app_whoami_start(c->app, on_known, &w, &job, &error);

    if (err != PB_OK)
        return cli_fail(c, &error);
    err = cli_wait(c, &w.done, NULL, NULL, &error);
    app_whoami_free(job);
    return whoami_end(&w, err, &error);
}

int cmd_whoami(struct cli *c)
{
    enum loc_scheme scheme = LOC_S3;
    struct location where;
    struct error error;

    if (c->args->count > 0) {
        if (cli_location(c->args->operands[0], &where, &error) != PB_OK)
            return cli_fail(c, &error);
        scheme = where.scheme;
        location_release(&where);
    }
    if (scheme == LOC_S3)
        return whoami_s3(c);
    if (scheme == LOC_GS)
        return whoami_google(c);
    if (scheme == LOC_AZ)
        return whoami_azure(c);
    (void)error_set(&error, PB_EUSAGE,
                    "whoami is for s3://, gs:// and az://: nobody is anybody there");
    return cli_fail(c, &error);
}

/*
 * A profile that assumes a role (role_arn) with the credentials of another profile
 * (source_profile), which may do the same, or of the environment, the container or the instance
 * (credential_source).
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

struct role {
    struct aws_role_key key;
    struct aws_lookup *source; /* running */
    struct aws_credentials base;
    struct aws_request request;
    char *code; /* of the person */
};

static bool has_keys(const struct aws_config *c, const char *profile)
{
    return aws_config_get(c, profile, NULL, "aws_access_key_id") ||
           aws_config_get(c, profile, NULL, "aws_secret_access_key");
}

static bool assumes(const struct aws_config *c, const char *profile)
{
    return aws_setting(c, profile, "role_arn") &&
           !aws_setting(c, profile, "web_identity_token_file");
}

/* A profile that another one's role needs gives the keys it has, if it has any. */
static bool configured(const struct aws_lookup *k)
{
    return assumes(k->config, k->profile) && !(k->parent && has_keys(k->config, k->profile));
}

static void stop(struct aws_lookup *k)
{
    struct role *r = k->state;

    aws_session_question_close(k->session, k);
    aws_lookup_free(r->source);
    aws_credentials_release(&r->base);
    aws_request_release(&r->request);
    aws_wipe(&r->code);
    free(r);
}

/* "role arn:... by way of profile base" */
static void put_origin(struct buf *out, const struct aws_lookup *k, const char *from)
{
    const struct role *r = k->state;

    buf_puts(out, "role ");
    text_escape_cols(out, r->key.role_arn, strlen(r->key.role_arn), 200);
    buf_puts(out, " of profile ");
    text_escape_cols(out, k->profile, strlen(k->profile), 100);
    if (from)
        buf_printf(out, ", by way of %s", from);
}

static enum pb_err take(struct aws_lookup *k, const struct aws_sts_answer *a, const char *from,
                        struct error *e)
{
    struct buf origin;
    enum pb_err err;

    buf_init(&origin, BUF_MAX_LINE);
    put_origin(&origin, k, from);
    err = buf_status(&origin, e);
    if (err == PB_OK)
        err = aws_lookup_take(k, a->access_key, a->secret_key, a->session_token, a->expires, e,
                              "%s", origin.data);
    buf_release(&origin);
    return err;
}

/* ------------------------------------------------------------------------------ the call */

static void answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct role *r = k->state;
    struct aws_sts_answer answer = {0};
    struct error why = {0};
    struct buf what;

    buf_init(&what, BUF_MAX_LINE);
    buf_puts(&what, _("cannot assume the "));
    put_origin(&what, k, NULL);
    if (aws_role_read(&answer, a, e, what.data, &why) == PB_OK)
        (void)take(k, &answer, r->base.origin, &why);
    if (why.code == PB_OK)
        aws_role_cache_write(&r->key, &answer);
    aws_sts_answer_release(&answer);
    buf_release(&what);
    aws_lookup_end(k, why.code == PB_OK ? AWS_FOUND : AWS_FAILED, &why);
}

static enum pb_err add(struct aws_query *p, const char *name, const char *value, struct error *e)
{
    return value ? aws_query_add(p, name, value, strlen(value), e) : PB_OK;
}

static enum pb_err call(struct aws_lookup *k, struct error *e)
{
    struct role *r = k->state;
    struct aws_query p = {0};
    char name[64], duration[32];
    enum pb_err err;

    (void)snprintf(name, sizeof name, "pklbrowse-%lld", (long long)clock_now());
    (void)snprintf(duration, sizeof duration, "%lld", (long long)r->key.duration);
    err = add(&p, "RoleArn", r->key.role_arn, e);
    if (err == PB_OK)
        err = add(&p, "RoleSessionName", r->key.session_name ? r->key.session_name : name, e);
    if (err == PB_OK)
        err = add(&p, "ExternalId", r->key.external_id, e);
    if (err == PB_OK)
        err = add(&p, "DurationSeconds", r->key.duration ? duration : NULL, e);
    if (err == PB_OK && r->code)
        err = add(&p, "SerialNumber", r->key.serial, e);
    if (err == PB_OK)
        err = add(&p, "TokenCode", r->code, e);
    if (err == PB_OK)
        err = aws_sts_request(&r->request, k->session, "AssumeRole", &p, e);
    aws_query_release(&p);
    r->request.credentials = &r->base;
    r->request.retry = r->code ? HTTP_WRITE : HTTP_READ; /* a code is good for once */
    r->request.done = answered;
    r->request.ctx = k;
    return err == PB_OK ? aws_request_send(&r->request, e) : err;
}

static void on_code(struct aws_lookup *k, const char *answer)
{
    struct role *r = k->state;
    struct error e = {0};
    enum pb_err err = PB_OK;

    if (!answer || !*answer) {
        err = aws_lookup_error(k, &e, PB_ECANCELED, "no MFA code was given");
    } else {
        r->code = mem_strdup(answer);
        err = r->code ? call(k, &e) : error_nomem(&e);
    }
    if (err != PB_OK)
        aws_lookup_end(k, AWS_FAILED, &e);
}

/* With the base's credentials here: a question first, or the call at once. */
static enum pb_err go_on(struct aws_lookup *k, struct error *e)
{
    struct role *r = k->state;
    struct buf question;
    enum pb_err err;

    if (!r->key.serial)
        return call(k, e);
    buf_init(&question, BUF_MAX_LINE);
    buf_puts(&question, "MFA code of ");
    text_escape_cols(&question, r->key.serial, strlen(r->key.serial), 200);
    err = buf_status(&question, e);
    if (err == PB_OK)
        err = aws_session_question(k->session, k, question.data, on_code, e);
    buf_release(&question);
    return err;
}

/* ---------------------------------------------------------------------------- the source */

static void sourced(void *ctx, struct aws_lookup *source, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct role *r = k->state;
    struct error why = {0};
    struct buf shown;
    enum pb_err err = PB_OK;

    r->source = NULL;
    if (e) {
        why = *e;
        err = why.code;
    } else if (source->found.access_key) {
        r->base = source->found;
        source->found = (struct aws_credentials){0};
        err = go_on(k, &why);
    } else {
        buf_init(&shown, BUF_MAX_LINE);
        text_escape_cols(&shown, source->profile, strlen(source->profile), 100);
        err = aws_lookup_error(k, &why, PB_EDENIED, "its %s %s has no credentials",
                               source->only ? "credential_source" : "source_profile",
                               source->only ? source->only->source : shown.data);
        buf_release(&shown);
    }
    aws_lookup_free(source);
    if (err != PB_OK)
        aws_lookup_end(k, AWS_FAILED, &why);
}

/* Is the profile already on the way?  It may name itself, for the keys that it has. */
static bool in_circle(const struct aws_lookup *k, const char *profile)
{
    const struct aws_lookup *up;

    if (strcmp(k->profile, profile) == 0 && has_keys(k->config, profile))
        return false;
    for (up = k; up; up = up->parent)
        if (strcmp(up->profile, profile) == 0)
            return true;
    return false;
}

static enum pb_err look_for_source(struct aws_lookup *k, struct error *e)
{
    struct role *r = k->state;
    const char *profile = aws_lookup_setting(k, "source_profile");
    const char *source = aws_lookup_setting(k, "credential_source");
    const struct aws_provider *only = source ? aws_provider_of_source(source) : NULL;
    struct buf shown;
    enum pb_err err = PB_OK;

    buf_init(&shown, BUF_MAX_LINE);
    if (profile)
        text_escape_cols(&shown, profile, strlen(profile), 100);
    else if (source)
        text_escape_cols(&shown, source, strlen(source), 100);
    if (profile && source)
        err = aws_lookup_error(k, e, PB_EUSAGE,
                               "it has both a source_profile and a credential_source");
    else if (!profile && !source)
        err = aws_lookup_error(k, e, PB_EUSAGE,
                               "its role_arn needs a source_profile or a credential_source");
    else if (source && !only)
        err = aws_lookup_error(k, e, PB_EUSAGE,
                               "its credential_source is Environment, EcsContainer or "
                               "Ec2InstanceMetadata, not %s",
                               shown.data);
    else if (profile && !aws_config_has_profile(k->config, profile))
        err = aws_lookup_error(k, e, PB_EUSAGE, "its source_profile %s does not exist", shown.data);
    else if (profile && in_circle(k, profile))
        err = aws_lookup_error(k, e, PB_EUSAGE, "its source_profile %s leads in a circle",
                               shown.data);
    buf_release(&shown);
    if (err != PB_OK)
        return err;
    r->source = aws_lookup_new(k->session, profile ? profile : k->profile);
    if (!r->source)
        return error_nomem(e);
    r->source->config = k->config;
    r->source->use_environment = false;
    r->source->parent = k;
    r->source->only = only;
    r->source->done = sourced;
    r->source->ctx = k;
    return PB_OK;
}

static enum pb_err read_settings(struct aws_lookup *k, struct error *e)
{
    struct role *r = k->state;
    const char *duration = aws_lookup_setting(k, "duration_seconds");
    uint64_t seconds = 0;

    if (duration &&
        (!num_parse_u64(duration, strlen(duration), &seconds) || seconds == 0 || seconds > 604800))
        return aws_lookup_error(k, e, PB_EUSAGE, "its duration_seconds is no number of seconds");
    r->key = (struct aws_role_key){.role_arn = aws_lookup_setting(k, "role_arn"),
                                   .session_name = aws_lookup_setting(k, "role_session_name"),
                                   .serial = aws_lookup_setting(k, "mfa_serial"),
                                   .external_id = aws_lookup_setting(k, "external_id"),
                                   .duration = (int64_t)seconds};
    return PB_OK;
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct role *r = mem_alloc(sizeof *r);
    struct aws_sts_answer kept;
    enum pb_err err;

    if (!r) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = r;
    err = read_settings(k, e);
    if (err == PB_OK)
        err = look_for_source(k, e);
    if (err != PB_OK)
        return AWS_FAILED;
    if (!k->session->renewal.refused && aws_role_cache_read(&r->key, &kept, NULL) == PB_OK) {
        err = take(k, &kept, "the aws command line's cache", e);
        aws_sts_answer_release(&kept);
        return err == PB_OK ? AWS_FOUND : AWS_FAILED;
    }
    aws_lookup_start(r->source); /* k may have ended when it returns */
    return AWS_LATER;
}

const struct aws_provider aws_by_role = {
    .name = "assume-role", .of_profile = true, .configured = configured, .ask = ask, .stop = stop};

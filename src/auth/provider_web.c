/* A role for a token that somebody else's identity provider wrote into a file (EKS, CI systems). */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

#define TOKEN_MAX ((size_t)64 * 1024)

struct web {
    struct aws_role_key key;
    struct aws_request request;
};

/* The environment goes before the profile, unless the profile was named. */
static const char *option(const struct aws_lookup *k, const char *variable, const char *key)
{
    const char *value = k->use_environment ? aws_environment(variable) : NULL;

    return value ? value : aws_lookup_setting(k, key);
}

static const char *token_file(const struct aws_lookup *k)
{
    return option(k, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
}

static bool configured(const struct aws_lookup *k)
{
    return token_file(k) != NULL;
}

static void stop(struct aws_lookup *k)
{
    struct web *w = k->state;

    aws_request_release(&w->request);
    free(w);
}

static enum pb_err take(struct aws_lookup *k, const struct aws_sts_answer *a, struct error *e)
{
    const struct web *w = k->state;
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, w->key.role_arn, strlen(w->key.role_arn), 200);
    err = buf_status(&shown, e);
    if (err == PB_OK)
        err = aws_lookup_take(k, a->access_key, a->secret_key, a->session_token, a->expires, e,
                              "role %s by a web identity token", shown.data);
    buf_release(&shown);
    return err;
}

static void answered(void *ctx, const struct http_result *a, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct web *w = k->state;
    struct aws_sts_answer answer = {0};
    struct error why = {0};
    struct buf what;

    buf_init(&what, BUF_MAX_LINE);
    buf_puts(&what, _("cannot assume the role "));
    text_escape_cols(&what, w->key.role_arn, strlen(w->key.role_arn), 200);
    buf_puts(&what, " by a web identity token");
    if (aws_role_read(&answer, a, e, what.data, &why) == PB_OK)
        (void)take(k, &answer, &why);
    if (why.code == PB_OK)
        aws_role_cache_write(&w->key, &answer);
    aws_sts_answer_release(&answer);
    buf_release(&what);
    aws_lookup_end(k, why.code == PB_OK ? AWS_FOUND : AWS_FAILED, &why);
}

static enum pb_err add(struct aws_query *p, const char *name, const char *value, struct error *e)
{
    return aws_query_add(p, name, value, strlen(value), e);
}

/* The file is read anew each time: whoever writes it does so before the token ends. */
static enum pb_err call(struct aws_lookup *k, struct error *e)
{
    struct web *w = k->state;
    struct aws_query p = {0};
    struct buf token;
    char name[64];
    enum pb_err err;

    (void)snprintf(name, sizeof name, "pklbrowse-%lld", (long long)clock_now());
    buf_init(&token, TOKEN_MAX);
    err = aws_read_file(token_file(k), &token, e);
    if (err != PB_OK && e) { /* that the file is not there is no "not found" of what was asked */
        e->code = err == PB_ENOMEM ? err : PB_EDENIED;
        err = e->code;
    }
    while (token.len > 0 && strchr("\r\n \t", token.data[token.len - 1]))
        buf_truncate(&token, token.len - 1);
    if (err == PB_OK)
        err = add(&p, "RoleArn", w->key.role_arn, e);
    if (err == PB_OK)
        err = add(&p, "RoleSessionName", w->key.session_name ? w->key.session_name : name, e);
    if (err == PB_OK)
        err = add(&p, "WebIdentityToken", token.data, e);
    if (err == PB_OK)
        err = aws_sts_request(&w->request, k->session, "AssumeRoleWithWebIdentity", &p, e);
    aws_query_release(&p);
    aws_wipe_buf(&token);
    w->request.done = answered;
    w->request.ctx = k;
    return err == PB_OK ? aws_request_send(&w->request, e) : err;
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct web *w = mem_alloc(sizeof *w);
    struct aws_sts_answer kept;
    enum pb_err err;

    if (!w) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = w;
    w->key.role_arn = option(k, "AWS_ROLE_ARN", "role_arn");
    w->key.session_name = option(k, "AWS_ROLE_SESSION_NAME", "role_session_name");
    if (!w->key.role_arn) {
        (void)aws_lookup_error(k, e, PB_EUSAGE,
                               "a web identity token is there, but no role (AWS_ROLE_ARN or "
                               "role_arn)");
        return AWS_FAILED;
    }
    if (!k->session->renewal.refused && aws_role_cache_read(&w->key, &kept, NULL) == PB_OK) {
        err = take(k, &kept, e);
        aws_sts_answer_release(&kept);
        return err == PB_OK ? AWS_FOUND : AWS_FAILED;
    }
    return call(k, e) == PB_OK ? AWS_LATER : AWS_FAILED;
}

const struct aws_provider aws_by_web_identity = {.name = "assume-role-with-web-identity",
                                                 .of_profile = true,
                                                 .configured = configured,
                                                 .ask = ask,
                                                 .stop = stop};

/* Credentials as they stand now: found when they are needed, renewed before they expire. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

static void begin(void *ctx);

static const struct auth_renewal_kind renewal = {
    .what = "the credentials", .renew_s = 900, .must_s = 600, .retry_s = 60, .begin = begin};

void aws_credentials_release(struct aws_credentials *c)
{
    aws_wipe(&c->access_key);
    aws_wipe(&c->secret_key);
    aws_wipe(&c->session_token);
    free(c->origin);
    *c = (struct aws_credentials){0};
}

enum pb_err aws_session_new(struct loop *l, struct http *h, const struct aws_config *c,
                            const struct aws_setup *setup, struct aws_session **out,
                            struct error *e)
{
    struct aws_session *s = mem_alloc(sizeof *s);

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->loop = l;
    auth_renewal_init(&s->renewal, &renewal, l, s);
    s->http = h;
    s->config = c;
    s->profile = mem_strdup(setup->profile);
    s->region = mem_strdup(setup->region);
    s->profile_named = setup->profile_named;
    s->region_named = strcmp(setup->region_origin, "default") != 0;
    s->fips = setup->fips;
    if (!s->profile || !s->region) {
        aws_session_free(s);
        return error_nomem(e);
    }
    *out = s;
    return PB_OK;
}

enum pb_err aws_session_new_fixed(struct loop *l, struct aws_credentials *c,
                                  struct aws_session **out, struct error *e)
{
    struct aws_session *s = mem_alloc(sizeof *s);

    *out = s;
    if (!s) {
        aws_credentials_release(c);
        return error_nomem(e);
    }
    s->loop = l;
    auth_renewal_init(&s->renewal, &renewal, l, s);
    s->fixed = s->renewal.held = true;
    s->now = *c;
    *c = (struct aws_credentials){0};
    return PB_OK;
}

void aws_session_free(struct aws_session *s)
{
    if (!s)
        return;
    auth_renewal_release(&s->renewal);
    aws_lookup_free(s->lookup);
    http_free(s->metadata);
    http_free(s->container);
    aws_credentials_release(&s->now);
    aws_config_free(s->reread);
    free(s->profile);
    free(s->region);
    free(s);
}

const struct aws_credentials *aws_session_credentials(const struct aws_session *s)
{
    return s->now.access_key ? &s->now : NULL;
}

const char *aws_session_source(const struct aws_config *c, const struct aws_setup *setup)
{
    struct aws_session s = {.config = c, .profile_named = setup->profile_named};
    const struct aws_lookup k = {.session = &s,
                                 .config = c,
                                 .profile = setup->profile,
                                 .use_environment = !setup->profile_named};

    return aws_lookup_source(&k);
}

/* --------------------------------------------------------------------------- waiting */

/* Where credentials were looked for, when nobody had any. */
static enum pb_err none_found(const struct aws_session *s, struct error *e)
{
    const char *warning = aws_config_warning(s->config);
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    if (!s->profile_named)
        buf_puts(&text, "AWS_ACCESS_KEY_ID in the environment, ");
    buf_puts(&text, "profile ");
    text_escape_cols(&text, s->profile, strlen(s->profile), 100);
    buf_puts(&text, " in ~/.aws/credentials and ~/.aws/config");
    if (aws_by_metadata.configured(&(struct aws_lookup){.config = s->config}))
        buf_puts(&text, ", the metadata of an EC2 instance");
    if (warning)
        buf_printf(&text, "; %s", warning);
    err = error_set(e, PB_EDENIED,
                    "no AWS credentials were found (%s); for public data there is "
                    "--no-sign-request",
                    text.data);
    buf_release(&text);
    return err;
}

static void looked_up(void *ctx, struct aws_lookup *k, const struct error *e)
{
    struct aws_session *s = ctx;
    struct error why = {0};

    s->lookup = NULL;
    if (e)
        why = *e;
    if (!e && k->found.access_key) {
        aws_credentials_release(&s->now);
        s->now = k->found;
        k->found = (struct aws_credentials){0};
        auth_renewal_took(&s->renewal, s->now.expires);
    } else if (!e) {
        (void)none_found(s, &why);
        e = &why;
    }
    aws_lookup_free(k);
    auth_renewal_end(&s->renewal, e ? &why : NULL);
}

/* The files may say something else by now. */
static void read_again(struct aws_session *s)
{
    struct aws_config *c = NULL;
    struct error e = {0};

    if (aws_config_load(&c, &e) != PB_OK) {
        log_line("the configuration is not read again: %s", e.msg);
        return;
    }
    aws_config_free(s->reread);
    s->reread = c;
    s->config = c;
}

static void begin(void *ctx)
{
    struct aws_session *s = ctx;
    struct error e = {0};

    if (s->now.access_key)
        read_again(s);
    s->lookup = aws_lookup_new(s, s->profile);
    if (!s->lookup) {
        (void)error_nomem(&e);
        auth_renewal_end(&s->renewal, &e);
        return;
    }
    s->lookup->done = looked_up;
    s->lookup->ctx = s;
    aws_lookup_start(s->lookup);
}

bool aws_session_ready(struct aws_session *s)
{
    return auth_renewal_ready(&s->renewal);
}

enum pb_err aws_session_wait(struct aws_session *s, aws_ready_fn ready, void *ctx, struct error *e)
{
    return auth_renewal_wait(&s->renewal, ready, ctx, e);
}

void aws_session_forget(struct aws_session *s, void *ctx)
{
    auth_renewal_forget(&s->renewal, ctx);
}

void aws_session_refuse(struct aws_session *s, const char *access_key)
{
    if (!s->fixed && s->now.access_key && strcmp(s->now.access_key, access_key) == 0)
        s->renewal.refused = true;
}

/* ---------------------------------------------------------------------------- asking */

void aws_session_on_ask(struct aws_session *s, aws_ask_fn ask, void *ctx)
{
    s->ask = ask;
    s->ask_ctx = ctx;
}

enum pb_err aws_session_question(struct aws_session *s, struct aws_lookup *k, const char *question,
                                 void (*answered)(struct aws_lookup *k, const char *answer),
                                 struct error *e)
{
    if (!s->ask)
        return aws_lookup_error(
            k, e, PB_EDENIED, "it needs a code (%s), and there is nobody to ask for it", question);
    s->asking = k;
    s->answered = answered;
    s->ask(s->ask_ctx, question, false);
    return PB_OK;
}

void aws_session_question_close(struct aws_session *s, const struct aws_lookup *k)
{
    if (s->asking != k)
        return;
    s->asking = NULL;
    if (s->ask)
        s->ask(s->ask_ctx, "", true);
}

void aws_session_answer(struct aws_session *s, const char *answer)
{
    struct aws_lookup *k = s->asking;

    s->asking = NULL;
    if (k)
        s->answered(k, answer);
}

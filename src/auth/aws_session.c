/* Credentials as they stand now: found when they are needed, renewed before they expire. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

/* How long before their end they are renewed: beside the work, and before anything else.  Those of
 * a short life get a part of it. */
#define RENEW_S 900
#define MUST_S 600
/* After a renewal beside the work failed. */
#define RETRY_S 60

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
    s->fixed = true;
    s->now = *c;
    *c = (struct aws_credentials){0};
    return PB_OK;
}

void aws_session_free(struct aws_session *s)
{
    if (!s)
        return;
    loop_unpost(s->loop, s);
    aws_lookup_free(s->lookup);
    vec_release(&s->waiters);
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

/* By the clock of whoever gave them, as far as that is known. */
static int64_t time_of(const struct aws_session *s)
{
    return clock_now() + s->skew;
}

static void set_times(struct aws_session *s)
{
    int64_t now = time_of(s), life = s->now.expires - now;

    s->renew_at = s->must_at = 0;
    if (s->now.expires == 0)
        return;
    s->renew_at = s->now.expires - (life / 2 < RENEW_S ? life / 2 : RENEW_S);
    s->must_at = s->now.expires - (life / 4 < MUST_S ? life / 4 : MUST_S);
}

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
    int64_t now = time_of(s);
    struct error why = {0};
    bool usable;

    s->lookup = NULL;
    if (e)
        why = *e;
    if (!e && k->found.access_key) {
        aws_credentials_release(&s->now);
        s->now = k->found;
        k->found = (struct aws_credentials){0};
        s->refused = false;
        set_times(s);
    } else if (!e) {
        (void)none_found(s, &why);
        e = &why;
    }
    aws_lookup_free(k);
    usable = s->now.access_key && !s->refused && (s->now.expires == 0 || s->now.expires > now);
    if (e && usable) { /* what we have still holds: later again */
        log_line("the credentials could not be renewed: %s", why.msg);
        s->renew_at = now + RETRY_S;
        if (s->must_at < s->renew_at)
            s->must_at = s->now.expires < s->renew_at ? s->now.expires : s->renew_at;
        e = NULL;
    }
    auth_waiters_tell(&s->waiters, e ? &why : NULL);
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

    s->starting = false;
    if (loop_interrupted(s->loop)) {
        (void)error_set(&e, PB_ECANCELED, "cancelled");
        auth_waiters_tell(&s->waiters, &e);
        return;
    }
    if (s->now.access_key)
        read_again(s);
    s->lookup = aws_lookup_new(s, s->profile);
    if (!s->lookup) {
        (void)error_nomem(&e);
        auth_waiters_tell(&s->waiters, &e);
        return;
    }
    s->lookup->done = looked_up;
    s->lookup->ctx = s;
    aws_lookup_start(s->lookup);
}

static enum pb_err look_up(struct aws_session *s, struct error *e)
{
    enum pb_err err = PB_OK;

    if (s->lookup || s->starting)
        return PB_OK;
    err = loop_post(s->loop, begin, s, e);
    s->starting = err == PB_OK;
    return err;
}

bool aws_session_ready(struct aws_session *s)
{
    int64_t now = time_of(s);

    if (!s->now.access_key || s->refused || (s->must_at != 0 && now >= s->must_at))
        return false;
    if (s->renew_at != 0 && now >= s->renew_at && look_up(s, NULL) != PB_OK)
        log_line("no memory to renew the credentials");
    return true;
}

enum pb_err aws_session_wait(struct aws_session *s, aws_ready_fn ready, void *ctx, struct error *e)
{
    enum pb_err err = look_up(s, e);

    if (err == PB_OK && !auth_waiters_add(&s->waiters, ready, ctx))
        err = error_nomem(e);
    return err;
}

void aws_session_forget(struct aws_session *s, void *ctx)
{
    auth_waiters_forget(&s->waiters, ctx);
}

void aws_session_refuse(struct aws_session *s, const char *access_key)
{
    if (!s->fixed && s->now.access_key && strcmp(s->now.access_key, access_key) == 0)
        s->refused = true;
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

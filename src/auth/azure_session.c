/* The token as it stands now: found when it is needed, renewed before it ends. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>

#include "azure_chain.h"

/* Before its end: renewed beside the work, and before anything else. */
#define RENEW_S 600
#define MUST_S 120
/* After a renewal beside the work failed. */
#define RETRY_S 60

void azure_token_release(struct azure_token *t)
{
    aws_wipe(&t->text);
    free(t->origin);
    *t = (struct azure_token){0};
}

enum pb_err azure_session_new(struct loop *l, struct http *h, const char *authority,
                              struct azure_session **out, struct error *e)
{
    struct azure_session *s = mem_alloc(sizeof *s);

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->loop = l;
    s->http = h;
    s->authority = mem_strdup(authority);
    if (!s->authority) {
        free(s);
        return error_nomem(e);
    }
    *out = s;
    return PB_OK;
}

void azure_session_free(struct azure_session *s)
{
    if (!s)
        return;
    loop_unpost(s->loop, s);
    azure_lookup_free(s->lookup);
    vec_release(&s->waiters);
    http_free(s->metadata);
    azure_token_release(&s->now);
    free(s->authority);
    free(s);
}

const struct azure_token *azure_session_token(const struct azure_session *s)
{
    return s->now.text ? &s->now : NULL;
}

static void set_times(struct azure_session *s)
{
    int64_t life = s->now.expires - clock_now();

    s->renew_at = s->must_at = 0;
    if (s->now.expires == 0)
        return;
    s->renew_at = s->now.expires - (life / 2 < RENEW_S ? life / 2 : RENEW_S);
    s->must_at = s->now.expires - (life / 4 < MUST_S ? life / 4 : MUST_S);
}

static void looked_up(struct azure_session *s, struct azure_token *found, const struct error *e)
{
    int64_t now = clock_now();
    struct error why = {0};

    if (e)
        why = *e;
    if (!e && found->text) {
        azure_token_release(&s->now);
        s->now = *found;
        *found = (struct azure_token){0};
        s->refused = false;
        set_times(s);
        log_line("credentials: %s", s->now.origin);
    } else if (!e) {
        e = &why;
        (void)error_set(
            &why, PB_EDENIED,
            "no Azure credentials were found (AZURE_STORAGE_CONNECTION_STRING, _KEY and "
            "_SAS_TOKEN, AZURE_CLIENT_ID with a secret or a federated token, ~/.azure, a "
            "managed identity); `az login` makes some; for public data there is "
            "--no-sign-request");
    }
    azure_lookup_free(s->lookup);
    s->lookup = NULL;
    if (e && s->now.text && !s->refused && (s->now.expires == 0 || s->now.expires > now)) {
        log_line("the token could not be renewed: %s", why.msg); /* what we have still holds */
        s->renew_at = now + RETRY_S;
        if (s->must_at < s->renew_at)
            s->must_at = s->now.expires < s->renew_at ? s->now.expires : s->renew_at;
        e = NULL;
    }
    auth_waiters_tell(&s->waiters, e ? &why : NULL);
}

static void begin(void *ctx)
{
    struct azure_session *s = ctx;
    struct error e = {0};

    s->starting = false;
    if (loop_interrupted(s->loop)) {
        (void)error_set(&e, PB_ECANCELED, "cancelled");
        auth_waiters_tell(&s->waiters, &e);
        return;
    }
    s->lookup = azure_lookup_new(s, looked_up);
    if (s->lookup) {
        azure_lookup_start(s->lookup);
        return;
    }
    (void)error_nomem(&e);
    auth_waiters_tell(&s->waiters, &e);
}

static enum pb_err look_up(struct azure_session *s, struct error *e)
{
    enum pb_err err = PB_OK;

    if (s->lookup || s->starting)
        return PB_OK;
    err = loop_post(s->loop, begin, s, e);
    s->starting = err == PB_OK;
    return err;
}

bool azure_session_ready(struct azure_session *s)
{
    int64_t now = clock_now();

    if (!s->now.text || s->refused || (s->must_at != 0 && now >= s->must_at))
        return false;
    if (s->renew_at != 0 && now >= s->renew_at && look_up(s, NULL) != PB_OK)
        log_line("no memory to renew the token");
    return true;
}

enum pb_err azure_session_wait(struct azure_session *s, azure_ready_fn ready, void *ctx,
                               struct error *e)
{
    enum pb_err err = look_up(s, e);

    if (err == PB_OK && !auth_waiters_add(&s->waiters, ready, ctx))
        err = error_nomem(e);
    return err;
}

void azure_session_forget(struct azure_session *s, void *ctx)
{
    auth_waiters_forget(&s->waiters, ctx);
}

void azure_session_refuse(struct azure_session *s, const char *token)
{
    if (s->now.text && strcmp(s->now.text, token) == 0)
        s->refused = true;
}

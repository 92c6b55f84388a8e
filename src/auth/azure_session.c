/* The token as it stands now: found when it is needed, renewed before it ends. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>

#include "azure_chain.h"

static void begin(void *ctx);

static const struct auth_renewal_kind renewal = {
    .what = "the token", .renew_s = 600, .must_s = 120, .retry_s = 60, .begin = begin};

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
    auth_renewal_init(&s->renewal, &renewal, l, s);
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
    auth_renewal_release(&s->renewal);
    azure_lookup_free(s->lookup);
    http_free(s->metadata);
    azure_token_release(&s->now);
    free(s->authority);
    free(s);
}

const struct azure_token *azure_session_token(const struct azure_session *s)
{
    return s->now.text ? &s->now : NULL;
}

static void looked_up(struct azure_session *s, struct azure_token *found, const struct error *e)
{
    struct error why = {0};

    if (e)
        why = *e;
    if (!e && found->text) {
        azure_token_release(&s->now);
        s->now = *found;
        *found = (struct azure_token){0};
        auth_renewal_took(&s->renewal, s->now.expires);
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
    auth_renewal_end(&s->renewal, e ? &why : NULL);
}

static void begin(void *ctx)
{
    struct azure_session *s = ctx;
    struct error e = {0};

    s->lookup = azure_lookup_new(s, looked_up);
    if (s->lookup) {
        azure_lookup_start(s->lookup);
        return;
    }
    (void)error_nomem(&e);
    auth_renewal_end(&s->renewal, &e);
}

bool azure_session_ready(struct azure_session *s)
{
    return auth_renewal_ready(&s->renewal);
}

enum pb_err azure_session_wait(struct azure_session *s, azure_ready_fn ready, void *ctx,
                               struct error *e)
{
    return auth_renewal_wait(&s->renewal, ready, ctx, e);
}

void azure_session_forget(struct azure_session *s, void *ctx)
{
    auth_renewal_forget(&s->renewal, ctx);
}

void azure_session_refuse(struct azure_session *s, const char *token)
{
    if (s->now.text && strcmp(s->now.text, token) == 0)
        s->renewal.refused = true;
}

/* whoami az://...: what is in force for Azure Blob Storage, and why. */
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "whoami.h"

static const char *const kinds[] = {
    [AZURE_ANONYMOUS] = "anonymous",
    [AZURE_KEY] = "key",
    [AZURE_SAS] = "signature",
    [AZURE_TOKEN] = "token",
};

static const char *origin_of(const struct app_azure_who *who)
{
    if (who->setup->auth == AZURE_ANONYMOUS)
        return _("none: anonymous");
    if (who->setup->auth == AZURE_TOKEN)
        return who->token != NULL ? who->token->origin : NULL;
    return who->setup->origin;
}

/* Where the account's blobs are asked for; nothing without an account. */
static void put_endpoint(struct buf *out, const struct azure_setup *s)
{
    struct azure_url url;

    azure_url_init(&url);
    if (s->account != NULL && azure_url_make(&url, s, s->account, NULL, NULL, 0, NULL) == PB_OK)
        buf_append(out, url.url.data, url.url.len - 1); /* without its '/' */
    azure_url_release(&url);
}

static void put_text(struct buf *out, const struct app_azure_who *who,
                     const struct azure_identity *id, const char *endpoint)
{
    const struct azure_setup *s = who->setup;

    whoami_line(out, N_("credentials"), origin_of(who), NULL);
    whoami_line(out, N_("identity"), id->name, NULL);
    whoami_line(out, N_("client"), id->client, NULL);
    whoami_line(out, N_("object"), id->object, NULL);
    whoami_line(out, N_("tenant"), id->tenant, NULL);
    whoami_expires(out, who->token != NULL ? who->token->expires : 0);
    whoami_line(out, N_("account"), s->account, s->account_origin);
    whoami_line(out, N_("endpoint"), endpoint, s->endpoint == NULL ? _("Azure's own") : NULL);
}

static void put_json(struct buf *out, const struct app_azure_who *who,
                     const struct azure_identity *id, const char *endpoint, const struct error *e)
{
    const struct azure_setup *s = who->setup;

    buf_putc(out, '{');
    whoami_member(out, "kind", kinds[s->auth]);
    whoami_member(out, "provider", who->token != NULL ? who->token->provider : NULL);
    whoami_member(out, "from", origin_of(who));
    whoami_member(out, "identity", id->name);
    whoami_member(out, "client", id->client);
    whoami_member(out, "object", id->object);
    whoami_member(out, "tenant", id->tenant);
    json_member_time(out, "expires", who->token != NULL ? who->token->expires : 0);
    whoami_member(out, "account", s->account);
    whoami_member(out, "account_from", s->account_origin);
    whoami_member(out, "endpoint", endpoint);
    whoami_member(out, "error", e != NULL ? e->msg : NULL);
    buf_puts(out, "}\n");
}

static void on_known(void *ctx, const struct app_azure_who *who, const struct error *e)
{
    struct azure_identity id = {.name = ""};
    struct whoami *w = ctx;
    struct buf text, endpoint;

    w->done = true;
    if (e != NULL)
        w->error = *e;
    buf_init(&text, BUF_MAX_TEXT);
    buf_init(&endpoint, BUF_MAX_LINE);
    put_endpoint(&endpoint, who->setup);
    if (who->token != NULL)
        azure_token_identity(who->token->text, &id);
    if (w->c->args->given[OPT_json])
        put_json(&text, who, &id, endpoint.data, e);
    else
        put_text(&text, who, &id, endpoint.data);
    whoami_print(w, &text);
    buf_release(&endpoint);
}

int whoami_azure(struct cli *c)
{
    struct whoami w = {.c = c};
    struct app_azure_whoami *job;
    struct error error;
    enum pb_err err = app_azure_whoami_start(c->app, on_known, &w, &job, &error);

    if (err != PB_OK)
        return cli_fail(c, &error);
    err = cli_wait(c, &w.done, NULL, NULL, &error);
    app_azure_whoami_free(job);
    return whoami_end(&w, err, &error);
}

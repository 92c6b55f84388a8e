/* whoami az://...: what is in force for Azure Blob Storage, and why. */
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "cli.h"
#include "whoami.h"

struct asking {
    struct cli *c;
    bool done;
    struct error error;
    enum pb_err printed;
    struct error output; /* when printing failed */
};

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

static void put_line(struct buf *out, const char *name, const char *value, const char *why)
{
    if (value == NULL || *value == '\0')
        return;
    cli_label(out, name);
    text_escape(out, value, strlen(value));
    if (why != NULL) {
        buf_puts(out, " (");
        text_escape(out, why, strlen(why));
        buf_putc(out, ')');
    }
    buf_putc(out, '\n');
}

static void put_text(struct buf *out, const struct app_azure_who *who,
                     const struct azure_identity *id, const char *endpoint)
{
    const struct azure_setup *s = who->setup;
    struct buf when;

    put_line(out, N_("credentials"), origin_of(who), NULL);
    put_line(out, N_("identity"), id->name, NULL);
    put_line(out, N_("client"), id->client, NULL);
    put_line(out, N_("object"), id->object, NULL);
    put_line(out, N_("tenant"), id->tenant, NULL);
    if (who->token != NULL && who->token->expires != 0) {
        buf_init(&when, BUF_MAX_LINE);
        clock_format_iso(&when, who->token->expires);
        put_line(out, N_("expires"), when.data, NULL);
        buf_release(&when);
    }
    put_line(out, N_("account"), s->account, s->account_origin);
    put_line(out, N_("endpoint"), endpoint, s->endpoint == NULL ? _("Azure's own") : NULL);
}

static void put_member(struct buf *out, const char *name, const char *value)
{
    if (out->len > 1)
        buf_puts(out, ", ");
    json_text(out, name);
    buf_puts(out, ": ");
    json_text(out, value != NULL && *value != '\0' ? value : NULL);
}

static void put_json(struct buf *out, const struct app_azure_who *who,
                     const struct azure_identity *id, const char *endpoint, const struct error *e)
{
    const struct azure_setup *s = who->setup;

    buf_putc(out, '{');
    put_member(out, "kind", kinds[s->auth]);
    put_member(out, "provider", who->token != NULL ? who->token->provider : NULL);
    put_member(out, "from", origin_of(who));
    put_member(out, "identity", id->name);
    put_member(out, "client", id->client);
    put_member(out, "object", id->object);
    put_member(out, "tenant", id->tenant);
    buf_puts(out, ", \"expires\": ");
    json_time(out, who->token != NULL ? who->token->expires : 0);
    put_member(out, "account", s->account);
    put_member(out, "account_from", s->account_origin);
    put_member(out, "endpoint", endpoint);
    put_member(out, "error", e != NULL ? e->msg : NULL);
    buf_puts(out, "}\n");
}

static void on_known(void *ctx, const struct app_azure_who *who, const struct error *e)
{
    struct azure_identity id = {.name = ""};
    struct asking *w = ctx;
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
    w->printed = out_buf(&w->c->out, &text, &w->output);
    buf_release(&text);
    buf_release(&endpoint);
}

int whoami_azure(struct cli *c)
{
    struct asking w = {.c = c};
    struct app_azure_whoami *job;
    struct error error;
    enum pb_err err = app_azure_whoami_start(c->app, on_known, &w, &job, &error);

    if (err != PB_OK)
        return cli_fail(c, &error);
    err = cli_wait(c, &w.done, NULL, NULL, &error);
    app_azure_whoami_free(job);
    if (err != PB_OK)
        return cli_fail(c, &error);
    if (w.printed != PB_OK)
        return cli_fail(c, &w.output);
    return w.error.code != PB_OK ? cli_fail(c, &w.error) : STATUS_OK;
}

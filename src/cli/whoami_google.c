/* whoami gs://...: what is in force for Google Cloud Storage, and why. */
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

static void put_line(struct buf *out, const char *name, const char *value, const char *why)
{
    cli_label(out, name);
    text_escape(out, value, strlen(value));
    if (why != NULL) {
        buf_puts(out, " (");
        text_escape(out, why, strlen(why));
        buf_putc(out, ')');
    }
    buf_putc(out, '\n');
}

static const char *api_name(const struct google_setup *s)
{
    return s->kind == GOOGLE_HMAC ? _("S3 (writes are held against a HEAD only)") : "JSON";
}

static const char *credentials_of(const struct app_google_who *who)
{
    if (who->setup->kind == GOOGLE_MACHINE && who->anonymous)
        return _("none: anonymous");
    return who->setup->origin != NULL ? who->setup->origin : "none";
}

static void put_text(struct buf *out, const struct app_google_who *who)
{
    const struct google_setup *s = who->setup;
    struct buf when;

    put_line(out, N_("credentials"), credentials_of(who), NULL);
    if (who->account != NULL)
        put_line(out, N_("account"), who->account, NULL);
    if (who->expires != 0) {
        buf_init(&when, BUF_MAX_LINE);
        clock_format_iso(&when, who->expires);
        put_line(out, N_("expires"), when.data, NULL);
        buf_release(&when);
    }
    if (who->project != NULL)
        put_line(out, N_("project"), who->project,
                 s->project_origin != NULL ? s->project_origin : _("metadata server"));
    if (s->user_project != NULL)
        put_line(out, N_("pays"), s->user_project, NULL);
    put_line(out, N_("endpoint"), s->endpoint,
             s->endpoint_origin != NULL ? s->endpoint_origin : _("Google's own"));
    put_line(out, N_("API"), api_name(s), NULL);
}

static void put_member(struct buf *out, const char *name, const char *value)
{
    if (out->len > 1)
        buf_puts(out, ", ");
    json_text(out, name);
    buf_puts(out, ": ");
    json_text(out, value);
}

static void put_json(struct buf *out, const struct app_google_who *who, const struct error *e)
{
    const struct google_setup *s = who->setup;

    buf_putc(out, '{');
    put_member(out, "kind", google_kind_name(who->anonymous ? GOOGLE_ANONYMOUS : s->kind));
    put_member(out, "from", credentials_of(who));
    put_member(out, "account", who->account);
    buf_puts(out, ", \"expires\": ");
    json_time(out, who->expires);
    put_member(out, "project", who->project);
    put_member(out, "project_from", s->project_origin);
    put_member(out, "user_project", s->user_project);
    put_member(out, "endpoint", s->endpoint);
    put_member(out, "endpoint_from", s->endpoint_origin);
    put_member(out, "api", s->kind == GOOGLE_HMAC ? "S3" : "JSON");
    put_member(out, "error", e != NULL ? e->msg : NULL);
    buf_puts(out, "}\n");
}

static void on_known(void *ctx, const struct app_google_who *who, const struct error *e)
{
    struct asking *w = ctx;
    struct buf text;

    w->done = true;
    if (e != NULL)
        w->error = *e;
    buf_init(&text, BUF_MAX_TEXT);
    if (w->c->args->given[OPT_json])
        put_json(&text, who, e);
    else
        put_text(&text, who);
    w->printed = out_buf(&w->c->out, &text, &w->output);
    buf_release(&text);
}

int whoami_google(struct cli *c)
{
    struct asking w = {.c = c};
    struct app_google_whoami *job;
    struct error error;
    enum pb_err err = app_google_whoami_start(c->app, on_known, &w, &job, &error);

    if (err != PB_OK)
        return cli_fail(c, &error);
    err = cli_wait(c, &w.done, NULL, NULL, &error);
    app_google_whoami_free(job);
    if (err != PB_OK)
        return cli_fail(c, &error);
    if (w.printed != PB_OK)
        return cli_fail(c, &w.output);
    return w.error.code != PB_OK ? cli_fail(c, &w.error) : STATUS_OK;
}

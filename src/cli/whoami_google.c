/* whoami gs://...: what is in force for Google Cloud Storage, and why. */
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "whoami.h"

static const char *api_name(const struct google_setup *s)
{
    return s->kind == GOOGLE_HMAC ? _("XML, as S3 (writes are held to the generation: GOOG4)")
                                  : "JSON";
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

    whoami_line(out, N_("credentials"), credentials_of(who), NULL);
    whoami_line(out, N_("account"), who->account, NULL);
    whoami_expires(out, who->expires);
    whoami_line(out, N_("project"), who->project,
                s->project_origin != NULL ? s->project_origin : _("metadata server"));
    whoami_line(out, N_("pays"), s->user_project, NULL);
    whoami_line(out, N_("endpoint"), s->endpoint,
                s->endpoint_origin != NULL ? s->endpoint_origin : _("Google's own"));
    whoami_line(out, N_("API"), api_name(s), NULL);
}

static void put_json(struct buf *out, const struct app_google_who *who, const struct error *e)
{
    const struct google_setup *s = who->setup;

    buf_putc(out, '{');
    whoami_member(out, "kind", google_kind_name(who->anonymous ? GOOGLE_ANONYMOUS : s->kind));
    whoami_member(out, "from", credentials_of(who));
    whoami_member(out, "account", who->account);
    json_member_time(out, "expires", who->expires);
    whoami_member(out, "project", who->project);
    whoami_member(out, "project_from", s->project_origin);
    whoami_member(out, "user_project", s->user_project);
    whoami_member(out, "endpoint", s->endpoint);
    whoami_member(out, "endpoint_from", s->endpoint_origin);
    whoami_member(out, "api", s->kind == GOOGLE_HMAC ? "S3" : "JSON");
    whoami_member(out, "error", e != NULL ? e->msg : NULL);
    buf_puts(out, "}\n");
}

static void on_known(void *ctx, const struct app_google_who *who, const struct error *e)
{
    struct whoami *w = ctx;
    struct buf text;

    w->done = true;
    if (e != NULL)
        w->error = *e;
    buf_init(&text, BUF_MAX_TEXT);
    if (w->c->args->given[OPT_json])
        put_json(&text, who, e);
    else
        put_text(&text, who);
    whoami_print(w, &text);
}

int whoami_google(struct cli *c)
{
    struct whoami w = {.c = c};
    struct app_google_whoami *job;
    struct error error;
    enum pb_err err = app_google_whoami_start(c->app, on_known, &w, &job, &error);

    if (err != PB_OK)
        return cli_fail(c, &error);
    err = cli_wait(c, &w.done, NULL, NULL, &error);
    app_google_whoami_free(job);
    return whoami_end(&w, err, &error);
}

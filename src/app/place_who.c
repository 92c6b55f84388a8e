/*
 * What authenticates at a place: every place is asked beside the others and has its own time; one
 * that does not answer says so, and keeps nobody waiting.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

struct place_who {
    struct app *app;
    struct app_place *place;
    struct app_whoami *s3;
    struct app_google_whoami *google;
    struct app_azure_whoami *azure;
    loop_timer limit;
    struct buf text; /* place->who */
    void (*changed)(void *ctx);
    void *ctx;
};

void place_who_free(struct place_who *w)
{
    if (w == NULL)
        return;
    loop_timer_stop(w->app->loop, w->limit);
    app_whoami_free(w->s3);
    app_google_whoami_free(w->google);
    app_azure_whoami_free(w->azure);
    buf_release(&w->text);
    free(w);
}

static void put(struct place_who *w, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    if (w->text.len > 0)
        buf_puts(&w->text, " \xc2\xb7 ");
    text_escape(&w->text, text, strlen(text));
}

static void settle(struct place_who *w, enum app_place_state state, const struct error *e)
{
    if (e != NULL) {
        buf_clear(&w->text);
        put(w, e->msg);
    }
    w->place->state = state;
    w->place->who = w->text.len > 0 ? w->text.data : "";
    if (state != APP_PLACE_ASKING && state != APP_PLACE_LATE)
        loop_timer_stop(w->app->loop, w->limit);
    w->changed(w->ctx);
}

static void too_late(void *ctx)
{
    struct place_who *w = ctx;

    buf_printf(&w->text, _("no answer for %d s"), APP_PLACE_SECONDS);
    settle(w, APP_PLACE_LATE, NULL);
}

/* --- each cloud's answer -------------------------------------------------------------------- */

static void known_s3(void *ctx, const struct app_who *who, const struct error *e)
{
    struct place_who *w = ctx;
    bool nobody = who->credentials == NULL && !who->setup->anonymous;

    buf_clear(&w->text);
    if (who->setup->anonymous)
        put(w, _("anonymous"));
    if (who->credentials != NULL)
        put(w, who->credentials->origin);
    if (who->identity != NULL)
        put(w, who->identity->arn);
    /* A server that only speaks S3 need not know people; Amazon's does. */
    settle(w,
           e != NULL && (nobody || who->setup->endpoint == NULL) ? APP_PLACE_WRONG
                                                                 : APP_PLACE_KNOWN,
           nobody || (e != NULL && who->setup->endpoint == NULL) ? e : NULL);
}

static void known_google(void *ctx, const struct app_google_who *who, const struct error *e)
{
    struct place_who *w = ctx;

    buf_clear(&w->text);
    put(w, who->anonymous ? _("anonymous") : who->setup->origin);
    if (!who->anonymous && who->account != NULL &&
        (who->setup->origin == NULL || strstr(who->setup->origin, who->account) == NULL))
        put(w, who->account);
    settle(w, e != NULL ? APP_PLACE_WRONG : APP_PLACE_KNOWN, e);
}

static void known_azure(void *ctx, const struct app_azure_who *who, const struct error *e)
{
    struct azure_identity id = {.name = ""};
    struct place_who *w = ctx;

    buf_clear(&w->text);
    if (who->setup->auth == AZURE_ANONYMOUS)
        put(w, _("anonymous"));
    else
        put(w, who->token != NULL ? who->token->origin : who->setup->origin);
    if (who->token != NULL) {
        azure_token_identity(who->token->text, &id);
        put(w, id.name);
    }
    settle(w, e != NULL ? APP_PLACE_WRONG : APP_PLACE_KNOWN, e);
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum pb_err ask(struct place_who *w, struct error *e)
{
    struct app_choice now = app_chosen(w->app);

    switch (w->place->where.scheme) {
    case LOC_S3:
        return app_whoami_apart(w->app, w->place->choice != NULL ? w->place->choice : &now,
                                known_s3, w, &w->s3, e);
    case LOC_GS:
        return app_google_whoami_start(w->app, known_google, w, &w->google, e);
    case LOC_AZ:
        return app_azure_whoami_start(w->app, known_azure, w, &w->azure, e);
    case LOC_LOCAL:
    case LOC_HTTP:
    case LOC_STDIO:
        break;
    }
    put(w, getenv("LOGNAME"));
    return PB_OK;
}

void app_place_ask(struct app *a, size_t i, void (*changed)(void *ctx), void *ctx)
{
    struct app_place_row *row = i < a->places.len ? a->places.data[i] : NULL;
    struct place_who *w;
    struct error e;

    if (row == NULL || row->who != NULL)
        return;
    w = mem_alloc(sizeof *w);
    if (w == NULL)
        return; /* asked again with the next frame */
    row->who = w;
    w->app = a;
    w->place = &row->pub;
    w->changed = changed;
    w->ctx = ctx;
    buf_init(&w->text, BUF_MAX_LINE);
    w->place->state = APP_PLACE_ASKING;
    if (ask(w, &e) != PB_OK)
        settle(w, e.code == PB_EUNSUPPORTED ? APP_PLACE_KNOWN : APP_PLACE_WRONG, &e);
    else if (row->pub.where.scheme == LOC_LOCAL)
        settle(w, APP_PLACE_KNOWN, NULL);
    else
        w->limit = loop_timer_start(a->loop, 1000 * APP_PLACE_SECONDS, too_late, w);
}

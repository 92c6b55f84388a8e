/* Google's store as the app has it: by its JSON API, or with HMAC keys by the S3 client. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

struct app_google {
    struct google_setup setup;
    struct google_session *session;
    struct aws_session *keys; /* HMAC */
    struct store *store;
};

enum pb_err app_google_setup(struct app *a, const struct google_setup **out, struct error *e)
{
    const struct google_options o = {
        .project = a->options.project,
        .anonymous = a->options.aws.no_sign_request,
        .user_pays = a->options.request_payer,
    };
    struct app_google *g = a->google;
    enum pb_err err = PB_OK;

    *out = NULL;
    if (g == NULL) {
        g = mem_alloc(sizeof *g);
        if (g == NULL)
            return error_nomem(e);
        err = google_setup_resolve(&g->setup, &o, e);
        if (err != PB_OK) {
            free(g);
            return err;
        }
        a->google = g;
    }
    *out = &g->setup;
    return PB_OK;
}

void app_google_free(struct app *a)
{
    struct app_google *g = a->google;

    if (g == NULL)
        return;
    if (g->store != NULL)
        store_free(g->store);
    google_session_free(g->session);
    aws_session_free(g->keys);
    google_setup_release(&g->setup);
    free(g);
    a->google = NULL;
}

/* ----------------------------------------------------------------------------- HMAC keys */

static bool copy_text(char **to, const char *text)
{
    *to = mem_strdup(text);
    return *to != NULL;
}

static enum pb_err keys_of(struct app *a, struct app_google *g, struct error *e)
{
    struct aws_credentials c = {.provider = "env"};
    bool ok = copy_text(&c.access_key, g->setup.hmac_key) &&
              copy_text(&c.secret_key, g->setup.hmac_secret) &&
              copy_text(&c.origin, g->setup.origin);

    if (!ok) {
        aws_credentials_release(&c);
        return error_nomem(e);
    }
    return aws_session_new_fixed(a->loop, &c, &g->keys, e);
}

static enum pb_err make_by_keys(struct app *a, struct app_google *g, struct http *http,
                                struct error *e)
{
    struct aws_setup s = {.addressing = AWS_ADDRESSING_PATH};
    bool ok = copy_text(&s.profile, "default") && copy_text(&s.profile_origin, "default") &&
              copy_text(&s.region, "auto") && copy_text(&s.region_origin, "Google's own") &&
              copy_text(&s.endpoint, g->setup.endpoint) &&
              copy_text(&s.endpoint_origin, "Google's own");
    enum pb_err err = ok ? PB_OK : error_nomem(e);

    if (err == PB_OK && g->keys == NULL)
        err = keys_of(a, g, e);
    if (err == PB_OK)
        err = store_s3_new(a->loop, http, &s, g->keys, &g->store, e);
    if (err == PB_OK)
        err = store_s3_of_google(g->store, g->setup.project, e);
    aws_setup_release(&s);
    return err;
}

/* ------------------------------------------------------------------------------- the store */

static enum pb_err session_of(struct app *a, struct http **http, struct error *e)
{
    const struct google_setup *setup;
    enum pb_err err = app_google_setup(a, &setup, e);

    if (err == PB_OK)
        err = app_http(a, http, e);
    if (err == PB_OK && a->google->session == NULL)
        err = google_session_new(a->loop, *http, setup, &a->google->session, e);
    return err;
}

enum pb_err app_google_store(struct app *a, struct store **out, struct error *e)
{
    struct http *http;
    struct app_google *g;
    enum pb_err err = session_of(a, &http, e);

    *out = NULL;
    g = a->google;
    if (err == PB_OK && g->store == NULL && g->setup.kind == GOOGLE_HMAC)
        err = make_by_keys(a, g, http, e);
    else if (err == PB_OK && g->store == NULL)
        err = store_gcs_new(a->loop, http, &g->setup, g->session, &g->store, e);
    if (err == PB_OK)
        *out = g->store;
    return err;
}

void app_google_describe(struct app *a, struct buf *out)
{
    const struct google_setup *s;

    if (app_google_setup(a, &s, NULL) != PB_OK) {
        buf_puts(out, "Google");
        return;
    }
    if (s->project != NULL) {
        text_escape_cols(out, s->project, strlen(s->project), 60);
        buf_puts(out, " · ");
    }
    if (s->key != NULL && s->key->account != NULL)
        text_escape_cols(out, s->key->account, strlen(s->key->account), 100);
    else
        buf_puts(out, google_kind_name(s->kind));
    if (s->endpoint_origin != NULL) {
        buf_puts(out, " · ");
        text_escape_cols(out, s->endpoint, strlen(s->endpoint), 100);
    }
}

/* ------------------------------------------------------------------------------ who am I */

struct app_google_whoami {
    struct app *app;
    app_google_who_fn done;
    void *ctx;
};

static void known(void *ctx, const struct error *e)
{
    struct app_google_whoami *w = ctx;
    const struct google_session *s = w->app->google->session;
    const struct google_setup *setup = &w->app->google->setup;
    const struct app_google_who who = {
        .setup = setup,
        .account = google_session_account(s),
        .project = google_session_project(s),
        .expires = google_session_expires(s),
        .anonymous = setup->kind != GOOGLE_HMAC && google_session_token(s) == NULL,
    };

    w->done(w->ctx, &who, e);
}

enum pb_err app_google_whoami_start(struct app *a, app_google_who_fn done, void *ctx,
                                    struct app_google_whoami **out, struct error *e)
{
    struct app_google_whoami *w = mem_alloc(sizeof *w);
    struct http *http;
    enum pb_err err;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    w->app = a;
    w->done = done;
    w->ctx = ctx;
    err = session_of(a, &http, e);
    if (err == PB_OK)
        err = google_session_wait(a->google->session, known, w, e);
    if (err != PB_OK)
        free(w);
    else
        *out = w;
    return err;
}

void app_google_whoami_free(struct app_google_whoami *w)
{
    if (w == NULL)
        return;
    google_session_forget(w->app->google->session, w);
    free(w);
}

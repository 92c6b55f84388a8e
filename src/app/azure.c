/* Azure in the app: what is in force, its store, who one is there. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

struct app_azure {
    struct azure_setup setup;
    bool have_setup;
    struct azure_session *session; /* at first use */
    struct store *store;           /* at first use */
};

static struct app_azure *azure_of(struct app *a)
{
    if (a->azure == NULL)
        a->azure = mem_alloc(sizeof *a->azure);
    return a->azure;
}

void app_azure_free(struct app *a)
{
    if (a->azure == NULL)
        return;
    store_free(a->azure->store);
    azure_session_free(a->azure->session);
    if (a->azure->have_setup)
        azure_setup_release(&a->azure->setup);
    free(a->azure);
}

enum pb_err app_azure_setup(struct app *a, const struct azure_setup **out, struct error *e)
{
    struct app_azure *z = azure_of(a);
    enum pb_err err = PB_OK;

    if (z == NULL)
        return error_nomem(e);
    if (!z->have_setup) {
        err = azure_setup_resolve(&z->setup, a->options.aws.no_sign_request, e);
        z->have_setup = err == PB_OK;
    }
    *out = &z->setup;
    return err;
}

static enum pb_err session_of(struct app *a, struct http **http, struct error *e)
{
    const struct azure_setup *setup = NULL;
    enum pb_err err = app_azure_setup(a, &setup, e);

    if (err == PB_OK)
        err = app_http(a, http, e);
    if (err == PB_OK && a->azure->session == NULL && setup->auth == AZURE_TOKEN)
        err = azure_session_new(a->loop, *http, setup->authority, &a->azure->session, e);
    return err;
}

enum pb_err app_azure_store(struct app *a, struct store **out, struct error *e)
{
    struct http *http;
    enum pb_err err = session_of(a, &http, e);

    if (err == PB_OK && a->azure->store == NULL)
        err = store_azure_new(a->loop, http, &a->azure->setup, a->azure->session, &a->azure->store,
                              e);
    *out = err == PB_OK ? a->azure->store : NULL;
    return err;
}

const char *app_azure_kind(const struct azure_setup *s)
{
    static const char *const kinds[] = {N_("anonymous"), N_("key"), N_("signature"), N_("token")};

    return kinds[s->auth];
}

void app_azure_describe(struct app *a, const struct location *loc, struct buf *out)
{
    const struct azure_setup *s;

    buf_puts(out, "azure");
    if (*loc->container != '\0') {
        buf_puts(out, " · ");
        text_escape(out, loc->container, strcspn(loc->container, "/"));
    }
    if (app_azure_setup(a, &s, NULL) == PB_OK)
        buf_printf(out, " · %s", app_azure_kind(s));
}

/* ------------------------------------------------------------------------------ who am I */

struct app_azure_whoami {
    struct app *app;
    app_azure_who_fn done;
    void *ctx;
};

static void known(void *ctx, const struct error *e)
{
    struct app_azure_whoami *w = ctx;
    const struct app_azure *z = w->app->azure;
    const struct azure_token *token = z->session != NULL ? azure_session_token(z->session) : NULL;
    const struct app_azure_who who = {.setup = &z->setup, .token = token};

    w->done(w->ctx, &who, e);
}

static void nobody_asked(void *ctx)
{
    known(ctx, NULL);
}

enum pb_err app_azure_whoami_start(struct app *a, app_azure_who_fn done, void *ctx,
                                   struct app_azure_whoami **out, struct error *e)
{
    struct app_azure_whoami *w = mem_alloc(sizeof *w);
    struct http *http;
    enum pb_err err;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    w->app = a;
    w->done = done;
    w->ctx = ctx;
    err = session_of(a, &http, e);
    if (err == PB_OK && a->azure->session != NULL)
        err = azure_session_wait(a->azure->session, known, w, e);
    else if (err == PB_OK)
        err = loop_post(a->loop, nobody_asked, w, e);
    if (err != PB_OK)
        free(w);
    else
        *out = w;
    return err;
}

void app_azure_whoami_free(struct app_azure_whoami *w)
{
    if (w == NULL)
        return;
    loop_unpost(w->app->loop, w);
    if (w->app->azure->session != NULL)
        azure_session_forget(w->app->azure->session, w);
    free(w);
}

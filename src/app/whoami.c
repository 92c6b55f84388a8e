/* Which credentials, region and endpoint are in force, and whose they are. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_whoami {
    struct app *app;
    struct app_aws *apart; /* or NULL */
    const struct aws_setup *setup;
    struct aws_session *session; /* NULL: anonymous */
    struct aws_identify *identify;
    app_whoami_fn done;
    void *ctx;
};

static void identified(void *ctx, const struct aws_identity *id, const struct error *e)
{
    struct app_whoami *w = ctx;
    struct app_who who = {
        .setup = w->setup,
        .credentials = aws_session_credentials(w->session),
        .identity = id,
    };

    w->done(w->ctx, &who, e);
}

static void anonymous(void *ctx)
{
    struct app_whoami *w = ctx;
    struct app_who who = {.setup = w->setup};

    w->done(w->ctx, &who, NULL);
}

static enum pb_err begin(struct app_whoami *w, struct error *e)
{
    if (w->session == NULL)
        return loop_post(w->app->loop, anonymous, w, e);
    return aws_identify_start(w->session, w->setup->endpoint, identified, w, &w->identify, e);
}

static struct app_whoami *whoami_new(struct app *a, app_whoami_fn done, void *ctx)
{
    struct app_whoami *w = mem_alloc(sizeof *w);

    if (w == NULL)
        return NULL;
    w->app = a;
    w->done = done;
    w->ctx = ctx;
    return w;
}

enum pb_err app_whoami_start(struct app *a, app_whoami_fn done, void *ctx, struct app_whoami **out,
                             struct error *e)
{
    struct app_whoami *w = whoami_new(a, done, ctx);
    enum pb_err err;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    err = app_setup(a, &w->setup, e);
    if (err == PB_OK)
        err = app_session(a, &w->session, e);
    if (err == PB_OK)
        err = begin(w, e);
    if (err != PB_OK)
        app_whoami_free(w);
    else
        *out = w;
    return err;
}

enum pb_err app_whoami_apart(struct app *a, const struct app_choice *c, app_whoami_fn done,
                             void *ctx, struct app_whoami **out, struct error *e)
{
    struct app_whoami *w = whoami_new(a, done, ctx);
    enum pb_err err;
    const char *source;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    err = app_aws_apart(a, c, &w->apart, e);
    source = err == PB_OK ? app_aws_source(w->apart) : NULL;
    if (source != NULL && strcmp(source, "custom-process") == 0)
        err = error_set(e, PB_EUNSUPPORTED, "credential_process: run when it is opened");
    if (err == PB_OK) {
        w->setup = app_aws_setup(w->apart);
        w->session = app_aws_session(w->apart);
        err = begin(w, e);
    }
    if (err != PB_OK)
        app_whoami_free(w);
    else
        *out = w;
    return err;
}

void app_whoami_free(struct app_whoami *w)
{
    if (w == NULL)
        return;
    loop_unpost(w->app->loop, w);
    aws_identify_free(w->identify);
    app_aws_apart_free(w->apart);
    free(w);
}

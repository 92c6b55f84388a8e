/* Which credentials, region and endpoint are in force, and whose they are. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_whoami {
    struct app *app;
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

enum pb_err app_whoami_start(struct app *a, app_whoami_fn done, void *ctx, struct app_whoami **out,
                             struct error *e)
{
    struct app_whoami *w = mem_alloc(sizeof *w);
    enum pb_err err;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    w->app = a;
    w->done = done;
    w->ctx = ctx;
    err = app_setup(a, &w->setup, e);
    if (err == PB_OK)
        err = app_session(a, &w->session, e);
    if (err == PB_OK && w->session == NULL)
        err = loop_post(a->loop, anonymous, w, e);
    else if (err == PB_OK)
        err = aws_identify_start(w->session, w->setup->endpoint, identified, w, &w->identify, e);
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
    free(w);
}

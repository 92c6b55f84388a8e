#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

enum pb_err app_new(const struct app_options *o, struct app **out, struct error *e)
{
    struct app *a = mem_alloc(sizeof *a);
    enum pb_err err;

    *out = NULL;
    if (a == NULL)
        return error_nomem(e);
    a->options = *o;
    if (a->options.big == 0)
        a->options.big = APP_BIG;
    err = loop_new(&a->loop, e);
    if (err == PB_OK && o->sse_c_key)
        err = aws_customer_key_read(o->sse_c_key, &a->customer, e);
    if (err == PB_OK)
        err = app_aws_init(a, e);
    if (err == PB_OK && o->demo)
        err = demo_new(&a->demo, e);
    if (err == PB_OK)
        err = app_find_places(a, e);
    if (err != PB_OK) {
        app_free(a);
        return err;
    }
    *out = a;
    return PB_OK;
}

void app_free(struct app *a)
{
    if (a == NULL)
        return;
    app_release_places(a);
    archives_free(a->archives);
    if (a->local != NULL)
        store_free(a->local);
    app_google_free(a);
    app_azure_free(a);
    app_aws_free(a);
    if (a->history != NULL)
        history_close(a->history);
    if (a->loop != NULL)
        loop_free(a->loop);
    demo_free(a->demo);
    app_protect_nothing(a);
    explicit_bzero(&a->customer, sizeof a->customer);
    free(a);
}

struct loop *app_loop(struct app *a)
{
    return a->loop;
}

const struct app_options *app_get_options(const struct app *a)
{
    return &a->options;
}

enum pb_err app_history(struct app *a, struct history **out, struct error *e)
{
    enum pb_err err = PB_OK;

    if (a->history == NULL)
        err = history_open(NULL, &a->history, e);
    *out = a->history;
    return err;
}

enum pb_err app_history_each(struct app *a, const struct location *where, history_fn fn, void *ctx,
                             struct error *e)
{
    struct history *h;
    enum pb_err err = app_history(a, &h, e);

    return err == PB_OK ? history_each(h, where, fn, ctx, e) : err;
}

enum pb_err app_store(struct app *a, enum loc_scheme scheme, struct store **out, struct error *e)
{
    enum pb_err err = PB_OK;

    *out = NULL;
    switch (scheme) {
    case LOC_S3:
        return app_s3_store(a, out, e);
    case LOC_LOCAL:
        if (a->local == NULL)
            err = a->options.screen ? store_local_apart_new(a->loop, &a->local, e)
                                    : store_local_new(a->loop, &a->local, e);
        *out = a->local;
        return err;
    case LOC_GS:
        return app_google_store(a, out, e);
    case LOC_AZ:
        return app_azure_store(a, out, e);
    case LOC_HTTP:
        return error_set(e, PB_EUNSUPPORTED, "http:// and https:// locations are not supported");
    case LOC_STDIO:
        break;
    }
    return error_set(e, PB_EUSAGE, "- (standard input or output) is no place in a store");
}

static void describe_s3(struct app *a, struct buf *out)
{
    const struct aws_setup *s;

    if (app_setup(a, &s, NULL) != PB_OK) {
        buf_puts(out, "s3");
        return;
    }
    if (strcmp(s->profile, "default") != 0) {
        text_escape(out, s->profile, strlen(s->profile));
        buf_puts(out, " · ");
    }
    if (s->endpoint != NULL) {
        text_escape(out, s->endpoint, strlen(s->endpoint));
        buf_puts(out, " · ");
    }
    text_escape(out, s->region, strlen(s->region));
    if (s->anonymous)
        buf_puts(out, _(" · anonymous"));
}

static bool in_demo(const struct app *a, const struct location *loc)
{
    const char *folder = a->demo != NULL ? demo_folder(a->demo) : NULL;

    return folder != NULL && loc->scheme == LOC_LOCAL &&
           strncmp(loc->key, folder, strlen(folder)) == 0;
}

void app_describe(struct app *a, const struct location *loc, struct buf *out)
{
    switch (loc->scheme) {
    case LOC_S3:
        describe_s3(a, out);
        break;
    case LOC_LOCAL:
        buf_puts(out, in_demo(a, loc) ? _("demo") : _("local"));
        break;
    case LOC_STDIO:
        buf_puts(out, _("standard input"));
        break;
    case LOC_GS:
        app_google_describe(a, out);
        break;
    case LOC_AZ:
        app_azure_describe(a, loc, out);
        break;
    case LOC_HTTP:
        buf_puts(out, _("not supported"));
        break;
    }
    buf_puts(out, a->options.read_only ? _(" · read-only") : _(" · read-write"));
}

/* Two versions of a pickle held against each other, by path: both are opened, then walked. */
#include <stdlib.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

struct app_contrast {
    struct job job; /* first: steps the comparer's */
    struct app *app;
    struct app_object *sides[2];
    struct comparer *comparer;
    bool running; /* the loop has the job */
    bool over;    /* done() was called */
    app_contrasted_fn done;
    void *ctx;
};

static void finish(struct app_contrast *c, const struct error *e)
{
    const struct app_difference *d = NULL;
    size_t count = 0;
    uint64_t total = 0;

    c->over = true;
    if (e == NULL)
        d = comparer_found(c->comparer, &count, &total);
    c->done(c->ctx, d, count, total, e);
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct job *inner = comparer_job(((struct app_contrast *)j)->comparer);
    enum job_state state = job_step(inner, budget_us);

    j->done = inner->done;
    j->error = inner->error;
    return state;
}

static void finished(struct job *j, enum job_state state)
{
    struct app_contrast *c = (struct app_contrast *)j;
    struct error error = j->error;

    c->running = false;
    finish(c, state == JOB_DONE ? NULL : &error);
}

static enum pb_err compare(struct app_contrast *c, struct error *e)
{
    enum pb_err err = comparer_new(pkl_doc_view(app_object_doc(c->sides[0])),
                                   pkl_doc_view(app_object_doc(c->sides[1])), &c->comparer, e);

    c->job.step = step;
    c->job.finished = finished;
    if (err == PB_OK)
        err = loop_add_job(c->app->loop, &c->job, e);
    c->running = err == PB_OK;
    return err;
}

static void on_side(void *ctx, struct app_object *o)
{
    struct app_contrast *c = ctx;
    struct error error;

    if (c->over || c->running)
        return;
    switch (app_object_state(o)) {
    case APP_HEAD:
    case APP_FETCHING:
    case APP_INDEXING:
        return;
    case APP_BIG_ASK: /* who compares wants the bytes */
        app_object_fetch(o);
        return;
    case APP_READY:
        break;
    case APP_BROKEN:
    case APP_NOT_PICKLE:
    case APP_FAILED:
        error = *app_object_error(o);
        finish(c, &error);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (c->sides[i] == NULL || app_object_state(c->sides[i]) != APP_READY)
            return;
    }
    if (compare(c, &error) != PB_OK)
        finish(c, &error);
}

enum pb_err app_contrast_start(struct app *a, const struct app_version_at *was,
                               const struct app_version_at *now, app_contrasted_fn done, void *ctx,
                               struct app_contrast **out, struct error *e)
{
    struct app_contrast *c = mem_alloc(sizeof *c);
    enum pb_err err;

    *out = NULL;
    if (c == NULL)
        return error_nomem(e);
    c->app = a;
    c->done = done;
    c->ctx = ctx;
    err = app_object_look(a, was->where, was->version_id, on_side, c, &c->sides[0], e);
    if (err == PB_OK)
        err = app_object_look(a, now->where, now->version_id, on_side, c, &c->sides[1], e);
    if (err != PB_OK)
        app_contrast_free(c);
    else
        *out = c;
    return err;
}

void app_contrast_progress(const struct app_contrast *c, struct http_progress *out)
{
    struct http_progress one;

    *out = (struct http_progress){0};
    for (unsigned i = 0; i < 2; i++) {
        app_object_progress(c->sides[i], &one);
        out->received += one.received;
        out->receive_total += one.receive_total;
    }
}

void app_contrast_free(struct app_contrast *c)
{
    if (c == NULL)
        return;
    if (c->running)
        loop_remove_job(c->app->loop, &c->job);
    comparer_free(c->comparer);
    app_object_close(c->sides[0]);
    app_object_close(c->sides[1]);
    free(c);
}

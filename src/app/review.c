/*
 * What a save would write, and the proof that it is right: planned, then verified, in many steps.
 */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define MUCH (1024u * 1024) /* untouched bytes that are worth copying where they are */

struct review *review_of(struct app_review *r)
{
    return (struct review *)(void *)((char *)r - offsetof(struct review, pub));
}

void review_ref(struct review *r)
{
    r->refs++;
}

void review_unref(struct review *r)
{
    if (r == NULL || --r->refs > 0)
        return;
    pkl_splice_free(r->plan);
    pkl_verify_free(r->verify);
    rewrap_free(r->rewrap);
    source_free(r->plain);
    review_unref(r->same);
    if (r->planned)
        pkl_splice_release(&r->pub.splice);
    free(r);
}

/* Of what the store holds now, which is another save's result once there was one. */
static enum pb_err count_untouched(const struct review *r, uint64_t *untouched, struct error *e)
{
    const struct review *stored = r->object->stored;

    *untouched = r->pub.splice.untouched;
    return stored != NULL ? unchanged_bytes(&r->pub.splice, &stored->pub.splice, untouched, e)
                          : PB_OK;
}

static enum pb_err planned(struct review *r, struct error *e)
{
    struct app_object *o = r->object;
    struct app_review *pub = &r->pub;
    enum pb_err err;

    pkl_splice_free(r->plan);
    r->plan = NULL;
    r->planned = true;
    pub->size_before = app_object_stored(o)->size;
    pub->plain_before = o->stored != NULL ? o->stored->plain->size : pub->splice.original->size;
    pub->plain_after = pub->splice.size;
    pub->nothing = !pkl_edit_dirty(o->edit);
    err = count_untouched(r, &pub->plain_untouched, e);
    if (err == PB_OK)
        err = pkl_splice_source(&pub->splice, &r->plain, e);
    if (err == PB_OK)
        err = pkl_verify_new(o->edit, &pub->splice, r->plain, &r->verify, e);
    return err;
}

/* The pickle is right: what will be stored is that, or it with all around it again. */
static enum job_state verified(struct review *r, struct error *e)
{
    struct app_object *o = r->object;
    struct app_review *pub = &r->pub;

    if (unwrap_any(o->unwrap) && !pub->nothing)
        return rewrap_new(o->unwrap, app_object_stored(o), r->plain, &r->rewrap, e) == PB_OK
                   ? JOB_MORE
                   : JOB_FAILED;
    pub->result = r->plain;
    if (unwrap_any(o->unwrap)) {
        pub->result = app_object_stored(o);
        r->same = o->stored;
        if (r->same != NULL)
            review_ref(r->same);
    }
    pub->size_after = pub->result->size;
    pub->untouched = unwrap_any(o->unwrap) ? pub->size_after : pub->plain_untouched;
    return JOB_DONE;
}

static enum job_state rewrap_some(struct review *r, uint64_t budget_us)
{
    uint64_t until = clock_mono_us() + budget_us;
    bool done = false;

    do {
        if (rewrap_step(r->rewrap, &done, &r->job.error) != PB_OK)
            return JOB_FAILED;
    } while (!done && clock_mono_us() < until);
    rewrap_progress(r->rewrap, &r->job.done, &r->job.total);
    if (!done)
        return JOB_MORE;
    r->pub.result = rewrap_result(r->rewrap);
    r->pub.size_after = r->pub.result->size;
    r->pub.untouched = rewrap_untouched(r->rewrap);
    return JOB_DONE;
}

/* Progress: planning reads the object once, the proof about four times. */
static enum job_state review_step(struct job *j, uint64_t budget_us)
{
    struct review *r = (struct review *)j;
    struct job *now = r->verify != NULL ? r->verify : r->plan;
    enum job_state state;

    if (r->rewrap != NULL)
        return rewrap_some(r, budget_us);
    if (now == NULL)
        return pkl_splice_new(r->object->edit, &r->pub.splice, &r->plan, &j->error) == PB_OK
                   ? JOB_MORE
                   : JOB_FAILED;
    state = job_step(now, budget_us);
    j->total = now->total * 5;
    j->done = r->verify != NULL ? now->total + now->done * 4 : now->done;
    if (state == JOB_FAILED)
        j->error = now->error;
    if (state == JOB_DONE && r->verify == NULL)
        state = planned(r, &j->error) == PB_OK ? JOB_MORE : JOB_FAILED;
    else if (state == JOB_DONE)
        state = verified(r, &j->error);
    return state;
}

/* Rewrite and compose, which are all that Google has, join and copy whole objects. */
static const char *why_all(const struct review *r)
{
    const struct app_review *pub = &r->pub;

    if (pub->nothing || r->object->at.scheme != LOC_GS || pub->untouched < MUCH)
        return NULL;
    return _("Google's store copies whole objects, no part of one");
}

static void add_notes(const struct app_object *o, struct app_review *pub)
{
    size_t n = 0;

    if (pub->nothing)
        return;
    if (o->unwrap != NULL && unwrap_joins(o->unwrap))
        pub->notes[n++] = _("its compressed members become one");
    if ((o->info.loses & STORE_LOSES_LINKS) != 0)
        pub->notes[n++] = _("its other names (hard links) keep what is there now");
    if ((o->info.loses & STORE_LOSES_OWNER) != 0)
        pub->notes[n++] = _("it will be yours: its owner or group cannot be kept");
}

static void review_finished(struct job *j, enum job_state state)
{
    struct review *r = (struct review *)j;
    struct error error = j->error;

    r->pub.sends_all = why_all(r);
    add_notes(r->object, &r->pub);
    r->object->reviewing = NULL;
    r->object = NULL;
    if (state == JOB_DONE) {
        pkl_verify_free(r->verify);
        r->verify = NULL;
        r->done(r->ctx, &r->pub, NULL);
        return;
    }
    app_review_fn done = r->done;
    void *ctx = r->ctx;

    review_unref(r);
    done(ctx, NULL, &error);
}

enum pb_err app_review_start(struct app_object *o, app_review_fn done, void *ctx, struct error *e)
{
    struct review *r;
    enum pb_err err;

    if (o->edit == NULL && o->app->options.read_only)
        return app_fail(e, PB_EREADONLY, &o->loc, "opened read-only");
    if (o->edit == NULL && app_object_fixed(o) != NULL)
        return app_fail(e, PB_EREADONLY, &o->loc, app_object_fixed(o));
    if (o->edit == NULL)
        return app_fail(e, PB_EREADONLY, &o->loc, "only a whole pickle can be changed");
    app_review_cancel(o);
    r = mem_alloc(sizeof *r);
    if (r == NULL)
        return error_nomem(e);
    r->job.step = review_step;
    r->job.finished = review_finished;
    r->refs = 1;
    r->object = o;
    r->done = done;
    r->ctx = ctx;
    err = loop_add_job(o->app->loop, &r->job, e);
    if (err != PB_OK) {
        review_unref(r);
        return err;
    }
    o->reviewing = r;
    return PB_OK;
}

void app_review_cancel(struct app_object *o)
{
    struct review *r = o->reviewing;

    if (r == NULL)
        return;
    loop_remove_job(o->app->loop, &r->job);
    o->reviewing = NULL;
    review_unref(r);
}

void app_review_release(struct app_review *r)
{
    if (r != NULL)
        review_unref(review_of(r));
}

void app_review_progress(const struct app_object *o, uint64_t *done, uint64_t *total)
{
    *done = o->reviewing != NULL ? o->reviewing->job.done : 0;
    *total = o->reviewing != NULL ? o->reviewing->job.total : 0;
}

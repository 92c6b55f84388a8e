/* "Put my changes on theirs": the object as it is now, with the edits of another opening of it. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "merge_move.h"

#define TOLD 200 /* changes of mine that are told in words */
#define PREVIEW 200

/* Theirs is read; then either compared with what mine was made from, or changed as mine was. */
struct merge {
    struct job job; /* first: the comparison */
    struct app_object *mine;
    struct app_object *theirs;
    app_merged_fn merged; /* one of the two */
    app_compared_fn compared;
    void *ctx;
    bool running; /* the loop has the job */
    bool ready;   /* compared: theirs waits to be merged */

    struct pkl_doc *stored; /* what I saved since it was opened, indexed; or NULL */
    bool stored_indexed;
    struct comparer *comparer;
    bool walked; /* it is through */
    struct {
        struct app_difference *data;
        size_t len, cap;
    } differences; /* mine */
    struct {
        struct app_clash *data;
        size_t len, cap;
    } clashes;
    struct app_comparison result;
};

void merge_free(struct merge *m)
{
    if (m == NULL)
        return;
    loop_unpost(m->mine->app->loop, m);
    if (m->running)
        loop_remove_job(m->mine->app->loop, &m->job);
    comparer_free(m->comparer);
    if (m->stored != NULL)
        pkl_doc_free(m->stored);
    for (size_t i = 0; i < m->differences.len; i++)
        difference_release(&m->differences.data[i]);
    vec_release(&m->differences);
    for (size_t i = 0; i < m->clashes.len; i++) {
        free(m->clashes.data[i].path);
        free(m->clashes.data[i].was);
        free(m->clashes.data[i].mine);
        free(m->clashes.data[i].theirs);
        free(m->clashes.data[i].why);
    }
    vec_release(&m->clashes);
    app_object_close(m->theirs);
    free(m);
}

/* --- telling ------------------------------------------------------------------------------- */

static char *shown(struct pkl_view *v, const struct pkl_node *node, struct error *e)
{
    struct buf text;
    char *out = NULL;

    buf_init(&text, BUF_MAX_LINE);
    if (pkl_preview(v, node, PREVIEW, &text, e) == PB_OK && (out = buf_take(&text, NULL)) == NULL)
        error_nomem(e);
    buf_release(&text);
    return out;
}

static char *shown_path(struct merge *m, const struct pkl_change *change, struct error *e)
{
    struct buf path, text;
    char *out = NULL;

    buf_init(&path, BUF_MAX_TEXT);
    buf_init(&text, BUF_MAX_LINE);
    if (app_change_path(m->mine, change, PATH_FORM_PYTHON, &path, e) == PB_OK) {
        (void)text_escape_cols(&text, path.data, path.len, 1000);
        out = buf_take(&text, NULL);
        if (out == NULL)
            error_nomem(e);
    }
    buf_release(&path);
    buf_release(&text);
    return out;
}

static enum pb_err tell_mine(struct merge *m, const struct moved *c, struct error *e)
{
    struct pkl_view *mine = pkl_edit_view(m->mine->edit);
    struct pkl_view *was = pkl_edit_saved_view(m->mine->edit);
    struct app_difference d = {0};
    bool ok;

    ok = (d.path = shown_path(m, &c->change, e)) != NULL &&
         (c->change.old.id == 0 || (d.was = shown(was, &c->change.old, e)) != NULL) &&
         ((c->change.what & PKL_CHANGE_DELETED) ||
          (d.now = shown(mine, &c->change.place.value, e)) != NULL);
    if (ok && vec_push(&m->differences, d))
        return PB_OK;
    difference_release(&d);
    return ok ? error_nomem(e) : e->code;
}

static enum pb_err tell_clash(struct merge *m, const struct moved *c, struct error *e)
{
    struct pkl_view *mine = pkl_edit_view(m->mine->edit), *theirs = app_object_view(m->theirs);
    struct pkl_view *was = pkl_edit_saved_view(m->mine->edit);
    struct app_clash d = {0};
    bool ok;

    ok = (d.path = shown_path(m, &c->change, e)) != NULL &&
         (c->change.old.id == 0 || (d.was = shown(was, &c->change.old, e)) != NULL) &&
         ((c->change.what & PKL_CHANGE_DELETED) ||
          (d.mine = shown(mine, &c->change.place.value, e)) != NULL) &&
         (!c->found || (d.theirs = shown(theirs, &c->place.value, e)) != NULL);
    if (ok && (d.why = mem_strdup(c->why)) != NULL && vec_push(&m->clashes, d))
        return PB_OK;
    free(d.path);
    free(d.was);
    free(d.mine);
    free(d.theirs);
    free(d.why);
    return ok ? error_nomem(e) : e->code;
}

/* Clashes are all told: each of them is somebody's decision. */
static enum pb_err tell(struct merge *m, size_t i, struct error *e)
{
    struct moved c;
    struct arena mem;
    enum pb_err err;

    arena_init(&mem);
    moved_init(&c);
    err = moved_look(m->mine, m->theirs, i, &mem, &c, e);
    if (err == PB_OK && i < TOLD)
        err = tell_mine(m, &c, e);
    if (err == PB_OK && c.why != NULL)
        err = tell_clash(m, &c, e);
    moved_release(&c);
    arena_release(&mem);
    return err;
}

/* --- comparing ----------------------------------------------------------------------------- */

static enum pb_err compare_begin(struct merge *m, struct error *e)
{
    struct pkl_doc *was = m->stored != NULL ? m->stored : m->mine->doc;

    return comparer_new(pkl_doc_view(was), pkl_doc_view(m->theirs->doc), &m->comparer, e);
}

/* What was saved since is what they began with; then what they did; then every change of mine. */
static enum job_state compare_step(struct job *j, uint64_t budget_us)
{
    struct merge *m = (struct merge *)j;
    struct job *inner;
    enum job_state state = JOB_MORE;
    enum pb_err err = PB_OK;

    if (m->stored != NULL && !m->stored_indexed) {
        err = pkl_doc_step(m->stored, budget_us * 100, &m->stored_indexed, &j->error);
    } else if (m->comparer == NULL) {
        err = compare_begin(m, &j->error);
    } else if (!m->walked) {
        inner = comparer_job(m->comparer);
        state = job_step(inner, budget_us);
        j->done = inner->done;
        if (state == JOB_FAILED)
            j->error = inner->error;
        if (state != JOB_DONE)
            return state;
        m->result.theirs =
            comparer_found(m->comparer, &m->result.their_count, &m->result.their_total);
        m->result.mine_total = pkl_edit_unsaved(m->mine->edit);
        m->walked = true;
        state = JOB_MORE;
    } else if (m->result.mine_count < m->result.mine_total) {
        err = tell(m, m->result.mine_count++, &j->error);
    } else {
        return JOB_DONE;
    }
    return err == PB_OK ? state : JOB_FAILED;
}

static void compare_finished(struct job *j, enum job_state state)
{
    struct merge *m = (struct merge *)j;
    struct error error = j->error;
    app_compared_fn done = m->compared;
    void *ctx = m->ctx;

    m->running = false;
    m->ready = state == JOB_DONE;
    m->compared = NULL;
    if (m->ready) {
        m->result.mine = m->differences.data;
        m->result.mine_count = m->differences.len;
        m->result.clashes = m->clashes.data;
        m->result.clash_count = m->clashes.len;
        done(ctx, &m->result, NULL);
        return;
    }
    m->mine->merge = NULL;
    merge_free(m);
    done(ctx, NULL, &error);
}

static enum pb_err start_compare(struct merge *m, struct error *e)
{
    struct source *stored = m->mine->stored != NULL ? m->mine->stored->plain : NULL;
    enum pb_err err = PB_OK;

    m->job.step = compare_step;
    m->job.finished = compare_finished;
    if (stored != NULL)
        err = pkl_doc_new(stored, 0, NULL, &m->stored, e);
    if (err == PB_OK)
        err = loop_add_job(m->mine->app->loop, &m->job, e);
    m->running = err == PB_OK;
    return err;
}

/* --- for the owner ------------------------------------------------------------------------- */

static void finish(struct merge *m, const struct error *e)
{
    struct app_object *merged = m->theirs;
    app_merged_fn done = m->merged;
    app_compared_fn compared = m->compared;
    void *ctx = m->ctx;

    m->mine->merge = NULL;
    if (e == NULL)
        m->theirs = NULL;
    if (merged != NULL)
        merged->changed = NULL;
    merge_free(m);
    if (compared != NULL)
        compared(ctx, NULL, e);
    else
        done(ctx, e == NULL ? merged : NULL, e);
}

static void put_on_theirs(void *ctx)
{
    struct merge *m = ctx;
    struct error error;

    if (moved_all(m->mine, m->theirs, &error) == PB_OK)
        finish(m, NULL);
    else
        finish(m, &error);
}

static void on_theirs(void *ctx, struct app_object *theirs)
{
    struct merge *m = ctx;
    struct error error;

    switch (theirs->state) {
    case APP_HEAD:
    case APP_FETCHING:
    case APP_INDEXING:
        break;
    case APP_BIG_ASK:
        app_object_fetch(theirs);
        break;
    case APP_READY:
        if (m->running || m->ready)
            break;
        if (m->compared == NULL)
            put_on_theirs(m);
        else if (start_compare(m, &error) != PB_OK)
            finish(m, &error);
        break;
    case APP_BROKEN:
    case APP_NOT_PICKLE:
    case APP_FAILED:
        error = theirs->error;
        finish(m, &error);
        break;
    }
}

static enum pb_err start(struct app_object *mine, app_merged_fn merged, app_compared_fn compared,
                         void *ctx, struct error *e)
{
    struct merge *m;
    enum pb_err err;

    if (mine->edit == NULL || mine->merge != NULL)
        return app_fail(e, PB_EUSAGE, &mine->loc, "there is nothing to put on what is there");
    m = mem_alloc(sizeof *m);
    if (m == NULL)
        return error_nomem(e);
    m->mine = mine;
    m->merged = merged;
    m->compared = compared;
    m->ctx = ctx;
    err = app_object_open_now(mine->app, &mine->loc, on_theirs, m, &m->theirs, e);
    if (err != PB_OK) {
        merge_free(m);
        return err;
    }
    mine->merge = m;
    return PB_OK;
}

enum pb_err app_compare_start(struct app_object *mine, app_compared_fn done, void *ctx,
                              struct error *e)
{
    app_merge_cancel(mine);
    return start(mine, NULL, done, ctx, e);
}

enum pb_err app_merge_start(struct app_object *mine, app_merged_fn done, void *ctx, struct error *e)
{
    struct merge *m = mine->merge;

    if (m == NULL || !m->ready)
        return start(mine, done, NULL, ctx, e);
    m->ready = false;
    m->merged = done;
    m->ctx = ctx;
    return loop_post(mine->app->loop, put_on_theirs, m, e);
}

void app_merge_cancel(struct app_object *mine)
{
    merge_free(mine->merge);
    mine->merge = NULL;
}

/*
 * "Put my changes on theirs": the object as it is now, with the edits of another opening of it.
 *
 * By path.  A place counts as changed by both when what stands there now is neither what I changed
 * nor what I changed it to.  A path through a list, tuple or set says only a number, so when one on
 * the way has another length now, nobody knows which item was meant: refused as well.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "app_private.h"

struct merge {
    struct app_object *mine;
    struct app_object *theirs;
    app_merged_fn done;
    void *ctx;
};

/* One change of mine, on its way to a place of theirs. */
struct moved {
    struct buf path; /* as a person types it */
    struct pkl_path steps;
    struct pkl_child place; /* of theirs */
    struct literal *value;
    bool needless; /* they made the same change */
};

void merge_free(struct merge *m)
{
    if (m == NULL)
        return;
    app_object_close(m->theirs);
    free(m);
}

/* --- are two values the same? -------------------------------------------------------------- */

static enum pb_err into_digest(void *ctx, const void *p, size_t n, struct error *e)
{
    return digest_update(ctx, p, n, e);
}

enum pb_err app_value_digest(struct pkl_view *v, const struct pkl_node *node,
                             uint8_t out[SHA256_LEN], struct error *e)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE};
    struct digest *d;
    struct sink sink;
    size_t len;
    enum pb_err err = digest_new(DIGEST_SHA256, &d, e);

    if (err != PB_OK)
        return err;
    sink = (struct sink){into_digest, d};
    err = pkl_repr(v, node, &opts, &sink, e);
    if (err != PB_OK) {
        digest_free(d);
        return err;
    }
    return digest_final(d, out, &len, e);
}

static enum pb_err same_value(struct pkl_view *va, const struct pkl_node *a, struct pkl_view *vb,
                              const struct pkl_node *b, bool *same, struct error *e)
{
    uint8_t da[SHA256_LEN], db[SHA256_LEN];
    enum pb_err err;

    *same = false;
    if (a->kind != b->kind)
        return PB_OK;
    err = app_value_digest(va, a, da, e);
    if (err == PB_OK)
        err = app_value_digest(vb, b, db, e);
    if (err == PB_OK)
        *same = memcmp(da, db, SHA256_LEN) == 0;
    return err;
}

/* --- where is it? -------------------------------------------------------------------------- */

static enum pb_err refuse(const struct moved *c, const char *why, struct error *e)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, c->path.data, c->path.len, 200);
    error_set(e, PB_ECHANGED, "%s %s", shown.data, why);
    buf_release(&shown);
    return PB_ECHANGED;
}

static bool counts_by_number(enum pkl_kind kind, const struct path_step *step)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_SET || kind == PKL_FROZENSET ||
           step->kind == PATH_NTH;
}

static enum pb_err check_way(struct pkl_view *mine, struct pkl_view *theirs, const struct moved *c,
                             struct error *e)
{
    struct pkl_path way = c->steps;

    for (way.count = 0; way.count < c->steps.count; way.count++) {
        struct pkl_child was, is;
        enum pb_err err = pkl_path_follow(mine, &way, &was, e);

        if (err != PB_OK)
            return err;
        err = pkl_path_follow(theirs, &way, &is, e);
        if (err == PB_ENOTFOUND)
            return refuse(c, "is not there any more", e);
        if (err != PB_OK)
            return err;
        if (counts_by_number(was.value.kind, &c->steps.steps[way.count]) &&
            (was.value.kind != is.value.kind || was.value.count != is.value.count))
            return refuse(c, "may be another item now: what holds it has another length", e);
    }
    return PB_OK;
}

/* --- moving -------------------------------------------------------------------------------- */

static enum pb_err read_value(struct pkl_view *v, const struct pkl_node *node, struct arena *mem,
                              struct literal **out, struct error *e)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE};
    struct buf text;
    struct sink sink = sink_buf(&text);
    size_t at;
    enum pb_err err;

    buf_init(&text, SIZE_MAX / 2);
    err = pkl_repr(v, node, &opts, &sink, e);
    if (err == PB_OK)
        err = literal_parse(mem, text.data, text.len, out, &at, e);
    buf_release(&text);
    return err;
}

static enum pb_err prepare(struct merge *m, size_t i, struct arena *mem, struct moved *c,
                           struct error *e)
{
    struct pkl_view *mine = pkl_edit_view(m->mine->edit);
    struct pkl_view *theirs = pkl_edit_view(m->theirs->edit);
    struct pkl_change change;
    bool same = false;
    size_t at;
    enum pb_err err = pkl_edit_unsaved_change(m->mine->edit, i, &change, e);

    if (err == PB_OK)
        err = app_change_path(m->mine, &change, PATH_FORM_PATH, &c->path, e);
    if (err == PB_OK)
        err = pkl_path_parse(mem, c->path.data, c->path.len, &c->steps, &at, e);
    if (err == PB_OK)
        err = check_way(mine, theirs, c, e);
    if (err != PB_OK)
        return err;
    err = pkl_path_follow(theirs, &c->steps, &c->place, e);
    if (err == PB_ENOTFOUND)
        return refuse(c, "is not there any more", e);
    if (err == PB_OK && change.old.id != 0)
        err = same_value(mine, &change.old, theirs, &c->place.value, &same, e);
    if (err == PB_OK && !same) {
        err = same_value(mine, &change.place.value, theirs, &c->place.value, &c->needless, e);
        if (err == PB_OK && !c->needless)
            return refuse(c, "was changed by both", e);
    }
    if (err == PB_OK && !c->needless)
        err = read_value(mine, &change.place.value, mem, &c->value, e);
    return err;
}

static enum pb_err apply(struct merge *m, const struct moved *changes, size_t n, struct error *e)
{
    struct pkl_edit *ed = m->theirs->edit;
    enum pb_err err = PB_OK;

    pkl_edit_group_begin(ed);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        if (!changes[i].needless)
            err = pkl_edit_set(ed, &changes[i].place, changes[i].value, e);
    }
    pkl_edit_group_end(ed);
    return err;
}

/* All places are found and checked in what they wrote before the first is changed. */
static enum pb_err move_changes(struct merge *m, struct error *e)
{
    size_t n = pkl_edit_unsaved(m->mine->edit);
    struct moved *changes = n > 0 ? mem_realloc(NULL, n, sizeof *changes) : NULL;
    struct arena mem;
    enum pb_err err = PB_OK;

    if (n == 0)
        return PB_OK;
    if (changes == NULL)
        return error_nomem(e);
    memset(changes, 0, n * sizeof *changes);
    arena_init(&mem);
    for (size_t i = 0; i < n; i++)
        buf_init(&changes[i].path, BUF_MAX_TEXT);
    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = prepare(m, i, &mem, &changes[i], e);
    if (err == PB_OK)
        err = apply(m, changes, n, e);
    for (size_t i = 0; i < n; i++)
        buf_release(&changes[i].path);
    arena_release(&mem);
    free(changes);
    return err;
}

/* --- for the owner ------------------------------------------------------------------------- */

static void finish(struct merge *m, const struct error *e)
{
    struct app_object *merged = m->theirs;
    app_merged_fn done = m->done;
    void *ctx = m->ctx;

    m->mine->merge = NULL;
    if (e == NULL)
        m->theirs = NULL;
    if (merged != NULL)
        merged->changed = NULL;
    merge_free(m);
    done(ctx, e == NULL ? merged : NULL, e);
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
        if (move_changes(m, &error) == PB_OK)
            finish(m, NULL);
        else
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

enum pb_err app_merge_start(struct app_object *mine, app_merged_fn done, void *ctx, struct error *e)
{
    struct merge *m;
    enum pb_err err;

    if (mine->edit == NULL || mine->merge != NULL)
        return app_fail(e, PB_EUSAGE, &mine->loc, "there is nothing to put on what is there");
    m = mem_alloc(sizeof *m);
    if (m == NULL)
        return error_nomem(e);
    m->mine = mine;
    m->done = done;
    m->ctx = ctx;
    err = app_object_open_version(mine->app, &mine->loc, NULL, on_theirs, m, &m->theirs, e);
    if (err != PB_OK) {
        merge_free(m);
        return err;
    }
    mine->merge = m;
    return PB_OK;
}

void app_merge_cancel(struct app_object *mine)
{
    merge_free(mine->merge);
    mine->merge = NULL;
}

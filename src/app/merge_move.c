/* My changes, made once more on what is there now. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "merge_move.h"

/* All sides of it: with my changes, as I read it, as I last saved it, as it is now. */
struct sides {
    struct pkl_view *mine, *read, *was, *theirs;
};

static struct sides sides_of(struct app_object *mine, struct app_object *theirs)
{
    return (struct sides){pkl_edit_view(mine->edit), pkl_doc_view(mine->doc),
                          pkl_edit_saved_view(mine->edit), app_object_view(theirs)};
}

void moved_init(struct moved *c)
{
    *c = (struct moved){0};
    buf_init(&c->path, BUF_MAX_TEXT);
}

void moved_release(struct moved *c)
{
    buf_release(&c->path);
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

static bool counts_by_number(enum pkl_kind kind, const struct path_step *step)
{
    return kind == PKL_LIST || kind == PKL_TUPLE || kind == PKL_SET || kind == PKL_FROZENSET ||
           step->kind == PATH_NTH;
}

static bool same_length(const struct pkl_node *a, const struct pkl_node *b)
{
    return a->kind == b->kind && a->count == b->count;
}

/* One step on the way: c->why says so when it no longer leads to what was meant.  Paths are those
 * of what was read; that of what I added counts what is there with it, but where it comes into
 * there must be as much as there was without. */
static enum pb_err check_step(const struct sides *s, const struct pkl_path *way, struct moved *c,
                              struct error *e)
{
    bool added = (c->change.what & PKL_CHANGE_ADDED) != 0;
    bool last = way->count + 1 == c->steps.count;
    struct pkl_child from, was, is;
    enum pb_err err = pkl_path_follow(added ? s->mine : s->read, way, &from, e);

    if (err == PB_OK)
        err = pkl_path_follow(s->was, way, &was, e);
    if (err == PB_OK)
        err = pkl_path_follow(s->theirs, way, &is, e);
    if (err == PB_ENOTFOUND)
        c->why = N_("is not there any more");
    else if (err != PB_OK)
        return err;
    else if (counts_by_number(was.value.kind, &c->steps.steps[way->count]) &&
             (!same_length(&was.value, &is.value) ||
              (!(added && last) && !same_length(&from.value, &was.value))))
        c->why = N_("may be another item now: what holds it has another length");
    return PB_OK;
}

static enum pb_err check_way(const struct sides *s, struct moved *c, struct error *e)
{
    struct pkl_path way = c->steps;
    enum pb_err err = PB_OK;

    for (way.count = 0; way.count < c->steps.count && c->why == NULL && err == PB_OK; way.count++)
        err = check_step(s, &way, c, e);
    return err;
}

/* What was set, renamed or deleted. */
static enum pb_err look_there(const struct sides *s, struct moved *c, struct error *e)
{
    bool deleted = (c->change.what & PKL_CHANGE_DELETED) != 0, same = false;
    enum pb_err err = pkl_path_follow(s->theirs, &c->steps, &c->place, e);

    c->found = err == PB_OK;
    if (err == PB_ENOTFOUND) {
        c->needless = deleted;
        c->why = deleted ? NULL : N_("is not there any more");
        return PB_OK;
    }
    if (err == PB_OK && c->change.old.id != 0)
        err = same_value(s->was, &c->change.old, s->theirs, &c->place.value, &same, e);
    if (err != PB_OK || same)
        return err;
    if (c->change.what == PKL_CHANGE_SET)
        err = same_value(s->mine, &c->change.place.value, s->theirs, &c->place.value, &c->needless,
                         e);
    if (err == PB_OK && !c->needless)
        c->why = N_("was changed by both");
    return err;
}

/* What was added: an item where it came between others, a key that they do not have. */
static enum pb_err look_added(const struct sides *s, struct moved *c, struct error *e)
{
    struct pkl_path into = c->steps;
    enum pb_err err;

    if (c->steps.count == 0 || c->change.place.step > PKL_STEP_MEMBER) {
        c->why = N_("was added, and has no such place in theirs");
        return PB_OK;
    }
    if (c->change.place.step == PKL_STEP_KEY || c->change.place.step == PKL_STEP_ATTR) {
        err = pkl_path_follow(s->theirs, &c->steps, &c->place, e);
        c->found = err == PB_OK;
        if (err == PB_OK)
            err = same_value(s->mine, &c->change.place.value, s->theirs, &c->place.value,
                             &c->needless, e);
        if (err != PB_ENOTFOUND) {
            c->why = c->needless ? NULL : N_("was added by both");
            return err;
        }
    }
    into.count--;
    return pkl_path_follow(s->theirs, &into, &c->place, e);
}

enum pb_err moved_look(struct app_object *mine, struct app_object *theirs, size_t i,
                       struct arena *mem, struct moved *c, struct error *e)
{
    const struct sides s = sides_of(mine, theirs);
    size_t at;
    enum pb_err err = pkl_edit_unsaved_change(mine->edit, i, &c->change, e);

    if (err == PB_OK)
        err = app_change_path(mine, &c->change, PATH_FORM_PATH, &c->path, e);
    if (err == PB_OK && (c->change.what & PKL_CHANGE_MOVED)) {
        c->why = N_("was moved among its neighbours");
        return PB_OK;
    }
    if (err == PB_OK)
        err = pkl_path_parse(mem, c->path.data, c->path.len, &c->steps, &at, e);
    if (err == PB_OK)
        err = check_way(&s, c, e);
    if (err != PB_OK || c->why != NULL)
        return err;
    return c->change.what & PKL_CHANGE_ADDED ? look_added(&s, c, e) : look_there(&s, c, e);
}

/* --- making them --------------------------------------------------------------------------- */

static enum pb_err refused(const struct moved *c, struct error *e)
{
    struct buf shown;

    if (c->why == NULL)
        return PB_OK;
    buf_init(&shown, BUF_MAX_LINE);
    (void)text_escape_cols(&shown, c->path.data, c->path.len, 200);
    error_set(e, PB_ECHANGED, "%s %s", shown.data, c->why);
    buf_release(&shown);
    return PB_ECHANGED;
}

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

static enum pb_err prepare(struct app_object *mine, struct arena *mem, struct moved *c,
                           struct error *e)
{
    struct pkl_view *v = pkl_edit_view(mine->edit);
    const struct pkl_change *x = &c->change;
    const struct pkl_node *key = x->what & PKL_CHANGE_RENAMED ? &x->new_key
                                 : x->what & PKL_CHANGE_ADDED && x->place.key.id != 0
                                     ? &x->place.key
                                     : NULL;
    enum pb_err err = PB_OK;
    struct error no_literal;

    if (key != NULL)
        err = read_value(v, key, mem, &c->key, e);
    if (err != PB_OK || !(x->what & (PKL_CHANGE_SET | PKL_CHANGE_ADDED)))
        return err;
    err = read_value(v, &x->place.value, mem, &c->value, &no_literal);
    if (err == PB_EUSAGE) { /* an object: no literal says it */
        c->value = NULL;
        return PB_OK;
    }
    return err == PB_OK ? PB_OK : error_set(e, err, "%s", no_literal.msg);
}

static enum pb_err set(struct pkl_edit *ed, struct pkl_view *mine, const struct moved *c,
                       struct error *e)
{
    enum pb_err err = PB_OK;

    if (c->change.what & PKL_CHANGE_SET)
        err = c->value != NULL ? pkl_edit_set(ed, &c->place, c->value, e)
                               : pkl_edit_set_copy(ed, &c->place, mine, &c->change.place.value, e);
    if (err == PB_OK && (c->change.what & PKL_CHANGE_RENAMED))
        err = pkl_edit_rename(ed, &c->place, c->key, e);
    return err;
}

static enum pb_err delete (struct pkl_edit *ed, struct moved *c, struct error *e) {
    return pkl_edit_find(ed, c->place.owner, c->place.index, &c->place.index)
               ? pkl_edit_delete(ed, &c->place, e)
               : PB_OK;
}

static enum pb_err add(struct pkl_edit *ed, struct pkl_view *mine, const struct moved *c,
                       struct error *e)
{
    const struct pkl_child *x = &c->change.place;
    enum pb_err err = c->value != NULL ? pkl_edit_insert(ed, &c->place.value, x->step, x->index,
                                                         c->key, c->value, e)
                                       : pkl_edit_insert_copy(ed, &c->place.value, x->step,
                                                              x->index, c->key, mine, &x->value, e);

    return err == PB_EEXIST && x->step == PKL_STEP_MEMBER ? PB_OK : err;
}

/* Items that were added come last, the first ones first: then each stands where it does in mine. */
static int by_position(const void *a, const void *b)
{
    const struct pkl_child *x = &((const struct moved *)a)->change.place;
    const struct pkl_child *y = &((const struct moved *)b)->change.place;

    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static enum pb_err make(struct pkl_edit *ed, struct pkl_view *mine, struct moved *changes, size_t n,
                        struct error *e)
{
    /* As long as items have the numbers they were found by. */
    static const unsigned turns[] = {PKL_CHANGE_SET | PKL_CHANGE_RENAMED, PKL_CHANGE_DELETED,
                                     PKL_CHANGE_ADDED};
    enum pb_err err = PB_OK;

    qsort(changes, n, sizeof *changes, by_position);
    pkl_edit_group_begin(ed);
    for (size_t turn = 0; turn < sizeof turns / sizeof *turns; turn++) {
        for (size_t i = 0; i < n && err == PB_OK; i++) {
            struct moved *c = &changes[i];

            if (c->needless || !(c->change.what & turns[turn]))
                continue;
            err = c->change.what & PKL_CHANGE_DELETED ? delete (ed, c, e)
                  : c->change.what & PKL_CHANGE_ADDED ? add(ed, mine, c, e)
                                                      : set(ed, mine, c, e);
        }
    }
    pkl_edit_group_end(ed);
    return err;
}

enum pb_err moved_all(struct app_object *mine, struct app_object *theirs, struct error *e)
{
    size_t n = pkl_edit_unsaved(mine->edit);
    struct moved *changes = n > 0 ? mem_realloc(NULL, n, sizeof *changes) : NULL;
    struct arena mem;
    enum pb_err err = PB_OK;

    if (n == 0)
        return PB_OK;
    if (changes == NULL)
        return error_nomem(e);
    arena_init(&mem);
    for (size_t i = 0; i < n; i++)
        moved_init(&changes[i]);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        err = moved_look(mine, theirs, i, &mem, &changes[i], e);
        if (err == PB_OK)
            err = refused(&changes[i], e);
        if (err == PB_OK && !changes[i].needless)
            err = prepare(mine, &mem, &changes[i], e);
    }
    if (err == PB_OK)
        err = make(theirs->edit, pkl_edit_view(mine->edit), changes, n, e);
    for (size_t i = 0; i < n; i++)
        moved_release(&changes[i]);
    arena_release(&mem);
    free(changes);
    return err;
}

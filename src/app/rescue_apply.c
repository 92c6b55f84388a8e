/*
 * Unsaved edits of an earlier run, made again.
 *
 * All places are found in the object as it was opened; edits move them, and pkl_edit_find() says
 * where to.  What is added comes last, in its order, so that every index is the one that it had.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "rescue.h"

struct again {
    struct app_object *o;
    struct arena mem;
    bool other_version;
};
struct step {
    const struct kept_change *kept;
    struct pkl_path path;
    struct pkl_child place; /* in the document */
    bool needless;          /* it is so already: the save that was cut off had arrived */
    bool failed;
    struct error why;
};

static enum pb_err parse_literal(struct again *a, const char *text, struct literal **out,
                                 struct error *e)
{
    size_t at;

    return literal_parse(&a->mem, text, strlen(text), out, &at, e);
}

/* Does this value look as that text? */
static enum pb_err is_as(struct again *a, const struct pkl_node *value, const char *text,
                         bool *same, struct error *e)
{
    uint8_t hash[SHA256_LEN], wanted[SHA256_LEN];
    enum pb_err err = app_value_digest(pkl_edit_view(a->o->edit), value, hash, e);

    if (err == PB_OK)
        err = sha256(text, strlen(text), wanted, e);
    *same = err == PB_OK && memcmp(hash, wanted, sizeof hash) == 0;
    return err;
}

static enum pb_err is_untouched(struct again *a, const struct step *s, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    struct buf hex;
    enum pb_err err = app_value_digest(pkl_edit_view(a->o->edit), &s->place.value, hash, e);

    if (err != PB_OK)
        return err;
    buf_init(&hex, 2 * sizeof hash);
    hex_encode(&hex, hash, sizeof hash);
    if (strcmp(hex.data, s->kept->digest) != 0)
        err = error_set(e, PB_ECHANGED, "something else stands there now");
    buf_release(&hex);
    return err;
}

/* Where it is, and whether what stands there is what was changed. */
static enum pb_err look(struct again *a, struct step *s, struct error *e)
{
    enum kept_kind kind = s->kept->kind;
    size_t at;
    enum pb_err err;

    if (kind == KEPT_OTHER)
        return error_set(e, PB_EUNSUPPORTED, "was moved; do it again");
    err = pkl_path_parse(&a->mem, s->kept->path, strlen(s->kept->path), &s->path, &at, e);
    if (err != PB_OK || kind == KEPT_ADDED)
        return err;
    err = pkl_path_follow(pkl_edit_view(a->o->edit), &s->path, &s->place, e);
    if (err == PB_ENOTFOUND && kind != KEPT_SET && a->other_version) {
        s->needless = true;
        return PB_OK;
    }
    if (err == PB_OK && kind == KEPT_SET)
        err = is_as(a, &s->place.value, s->kept->literal, &s->needless, e);
    if (err == PB_OK && !s->needless)
        err = is_untouched(a, s, e);
    return err;
}

/* Behind the last item of a list, or what the path says. */
static enum pb_err insert(struct again *a, const struct pkl_node *into,
                          const struct path_step *step, bool at_end, const struct literal *value,
                          struct error *e)
{
    struct pkl_edit *ed = a->o->edit;
    struct pkl_spot spot;
    enum pb_err err;

    if (at_end && into->kind == PKL_LIST)
        return pkl_edit_insert(ed, into, PKL_STEP_INDEX, UINT64_MAX, NULL, value, e);
    err = pkl_edit_spot(ed, &a->mem, into, step, &spot, e);
    if (err == PB_OK)
        err = pkl_edit_insert(ed, &spot.into, spot.step, spot.index, spot.key, value, e);
    return err;
}

/* In a list only when it is the one that was changed: else its numbers mean other items. */
static enum pb_err add(struct again *a, struct step *s, struct error *e)
{
    struct pkl_view *v = pkl_edit_view(a->o->edit);
    struct pkl_path way = s->path;
    struct pkl_child into, there;
    struct literal *value;
    bool same = false, found = pkl_path_follow(v, &s->path, &there, NULL) == PB_OK;
    enum pb_err err;

    if (way.count-- == 0)
        return error_set(e, PB_EUNSUPPORTED, "was added; do it again");
    err = pkl_path_follow(v, &way, &into, e);
    if (err == PB_OK && found && a->other_version)
        err = is_as(a, &there.value, s->kept->literal, &same, e);
    if (err != PB_OK || same)
        return err;
    if (into.value.kind == PKL_LIST && a->other_version)
        return error_set(e, PB_ECHANGED, "was added to a list that may be another one now");
    err = parse_literal(a, s->kept->literal, &value, e);
    if (err == PB_OK)
        err = insert(a, &into.value, &s->path.steps[way.count], !found, value, e);
    return err;
}

static enum pb_err make(struct again *a, struct step *s, struct error *e)
{
    struct pkl_edit *ed = a->o->edit;
    struct pkl_child *place = &s->place;
    struct literal *value;
    enum pb_err err = PB_OK;

    if (s->needless)
        return PB_OK;
    if (s->kept->kind == KEPT_ADDED)
        return add(a, s, e);
    if (s->kept->kind == KEPT_DELETED)
        return pkl_edit_find(ed, place->owner, place->index, &place->index)
                   ? pkl_edit_delete(ed, place, e)
                   : PB_OK; /* it went with what held it */
    err = parse_literal(a, s->kept->literal, &value, e);
    if (err == PB_OK && s->kept->kind == KEPT_SET)
        err = pkl_edit_set(ed, place, value, e);
    else if (err == PB_OK)
        err = pkl_edit_rename(ed, place, value, e);
    return err;
}

static void make_all(struct again *a, struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        steps[i].failed = look(a, &steps[i], &steps[i].why) != PB_OK;
    for (enum kept_kind kind = KEPT_SET; kind < KEPT_OTHER; kind++)
        for (size_t i = 0; i < n; i++)
            if (steps[i].kept->kind == kind && !steps[i].failed)
                steps[i].failed = make(a, &steps[i], &steps[i].why) != PB_OK;
}

static size_t count_failed(const struct step *steps, size_t n, struct error *e)
{
    size_t left = 0;
    struct buf path;

    for (size_t i = 0; i < n; i++) {
        if (!steps[i].failed || left++ > 0)
            continue;
        buf_init(&path, BUF_MAX_LINE);
        (void)text_escape_cols(&path, steps[i].kept->path, strlen(steps[i].kept->path), 200);
        (void)error_set(e, steps[i].why.code, "%s: %s", path.data, steps[i].why.msg);
        buf_release(&path);
    }
    return left;
}

size_t app_rescue_apply(struct app_object *o, const struct app_rescue *rescue, struct error *e)
{
    const struct rescue *r = (const struct rescue *)rescue;
    struct again a = {.o = o, .other_version = rescue->other_version};
    size_t n = r->changes.len, left;
    struct step *steps;

    if (o->edit == NULL || n == 0)
        return n;
    steps = mem_realloc(NULL, n, sizeof *steps);
    if (steps == NULL) {
        (void)error_nomem(e);
        return n;
    }
    memset(steps, 0, n * sizeof *steps);
    arena_init(&a.mem);
    for (size_t i = 0; i < n; i++)
        steps[i].kept = &r->changes.data[i];
    pkl_edit_group_begin(o->edit);
    make_all(&a, steps, n);
    pkl_edit_group_end(o->edit);
    left = count_failed(steps, n, e);
    arena_release(&a.mem);
    free(steps);
    return left;
}

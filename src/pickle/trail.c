#include "trail.h"

#include <stdlib.h>

#include "path_private.h"

void trail_init(struct trail *t, struct pkl_view *view, pkl_id root)
{
    *t = (struct trail){.view = view, .root = root};
}

void trail_release(struct trail *t)
{
    vec_release(&t->steps);
    vec_release(&t->open);
    idmap_release(&t->seen);
}

static uint64_t top(const struct trail *t)
{
    return t->open.len > 0 ? t->open.data[t->open.len - 1] : 0;
}

void trail_child(struct trail *t, pkl_id container, pkl_id list, uint64_t pos, bool key)
{
    t->next = (struct trail_step){.parent = top(t),
                                  .list = list,
                                  .pos = pos,
                                  .part = key ? PKL_KEY : PKL_PART_NONE,
                                  .inner = list != container};
}

void trail_part(struct trail *t, enum pkl_part part)
{
    t->next = (struct trail_step){.parent = top(t), .part = part};
}

enum pb_err trail_meet(struct trail *t, pkl_id id, bool *is_new, struct error *e)
{
    if (!idmap_put_new(&t->seen, id, t->steps.len + 1, is_new))
        return error_nomem(e);
    return !*is_new || vec_push(&t->steps, t->next) ? PB_OK : error_nomem(e);
}

enum pb_err trail_open(struct trail *t, pkl_id id, struct error *e)
{
    uint64_t step = 0;

    /* An empty container is no place where another value stands. */
    if (!idmap_get(&t->seen, id, &step))
        step = 0;
    return vec_push(&t->open, step) ? PB_OK : error_nomem(e);
}

void trail_close(struct trail *t)
{
    t->open.len--;
}

/* Which pickle of the stream the walk began in, or where in one. */
static enum pb_err root_text(struct trail *t, struct buf *out, struct error *e)
{
    uint64_t roots = t->view->roots(t->view);
    struct pkl_child root;
    struct error why;

    for (uint64_t i = 0; i < roots; i++) {
        enum pb_err err = t->view->root(t->view, i, &root, e);

        if (err != PB_OK)
            return err;
        if (root.value.target == t->root) {
            buf_printf(out, "@%llu", (unsigned long long)i);
            return PB_OK;
        }
    }
    if (pkl_path_of(t->view, t->root, PATH_FORM_PATH, out, &why) != PB_OK)
        buf_puts(out, "@0");
    return PB_OK;
}

static enum pb_err step_text(struct trail *t, const struct trail_step *s, struct buf *out,
                             struct error *e)
{
    struct pkl_child child;
    size_t got;
    enum pb_err err;

    if (s->part != PKL_PART_NONE && s->part != PKL_KEY) {
        buf_printf(out, "@%s", path_part_name(s->part));
        return PB_OK;
    }
    if (s->inner)
        buf_puts(out, "@args[0]");
    if (s->part == PKL_KEY) {
        buf_printf(out, "[#%llu]@key", (unsigned long long)s->pos);
        return PB_OK;
    }
    err = t->view->children(t->view, s->list, s->pos, 1, &child, &got, e);
    if (err == PB_OK && got == 1)
        err = pkl_path_step_text(t->view, &child, PATH_FORM_PATH, out, e);
    return err;
}

enum pb_err trail_path(struct trail *t, pkl_id id, struct buf *out, struct error *e)
{
    struct {
        uint64_t *data;
        size_t len, cap;
    } chain = {0};
    uint64_t at = 0;
    enum pb_err err = PB_OK;
    size_t before = out->len;

    if (!idmap_get(&t->seen, id, &at))
        return error_set(e, PB_ENOTFOUND, "the value was not met yet");
    /* The first step is that of the value with which the walk began. */
    for (; at > 1 && err == PB_OK; at = t->steps.data[at - 1].parent) {
        if (!vec_push(&chain, at))
            err = error_nomem(e);
    }
    if (err == PB_OK)
        err = root_text(t, out, e);
    /* "@0" is said only of the whole. */
    if (err == PB_OK && chain.len > 0 && out->len - before == 2 && out->data[before + 1] == '0')
        buf_truncate(out, before);
    while (chain.len > 0 && err == PB_OK)
        err = step_text(t, &t->steps.data[chain.data[--chain.len] - 1], out, e);
    vec_release(&chain);
    return err == PB_OK ? buf_status(out, e) : err;
}

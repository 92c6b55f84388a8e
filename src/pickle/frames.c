#include "frames.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 128u
#define WINDOWS_KEPT 16u

void frames_init(struct frames *f, struct pkl_view *view)
{
    *f = (struct frames){.view = view};
}

static void drop_window(struct frame *fr)
{
    free(fr->kids);
    fr->kids = NULL;
    fr->kids_len = 0;
}

void frames_release(struct frames *f)
{
    while (f->stack.len > 0)
        frames_pop(f);
    vec_release(&f->stack);
    free(f->ids);
}

/* -------------------------------------------------------------------- children */

static enum pb_err fetch(struct frames *f, struct frame *fr, struct error *e)
{
    uint64_t left = fr->count - fr->pos;
    size_t want = left < WINDOW ? (size_t)left : WINDOW;
    enum pb_err err;

    drop_window(fr);
    fr->kids = mem_realloc(NULL, want, sizeof *fr->kids);
    if (fr->kids == NULL)
        return error_nomem(e);
    fr->kids_first = fr->pos;
    err = f->view->children(f->view, fr->list, fr->pos, want, fr->kids, &fr->kids_len, e);
    if (err == PB_OK && fr->kids_len == 0)
        err = error_set(e, PB_EPICKLE, "a container has fewer children than it says");
    return err;
}

/* The child at pos of those that have an order of their own. */
static enum pb_err ordered_child(struct frames *f, const struct frame *fr, struct pkl_child *out,
                                 struct error *e)
{
    uint64_t at = fr->order[fr->pos], shown = equals_shown(&fr->equal, at);
    struct pkl_child other;
    size_t got;
    enum pb_err err = f->view->children(f->view, fr->list, at, 1, out, &got, e);

    if (err == PB_OK && got == 1 && shown != at) {
        err = f->view->children(f->view, fr->list, shown, 1, &other, &got, e);
        if (err == PB_OK && got == 1)
            out->value = other.value;
    }
    if (err == PB_OK && got != 1)
        err = error_set(e, PB_EPICKLE, "a container has fewer children than it says");
    return err;
}

/* ------------------------------------------------------------- ids on the stack */

static size_t slot_of(const struct frames *f, pkl_id id)
{
    size_t i = (size_t)((id * 0x9e3779b97f4a7c15u) >> 20) & (f->ids_size - 1);

    while (f->ids[i] != 0 && f->ids[i] != id)
        i = (i + 1) & (f->ids_size - 1);
    return i;
}

bool frames_has(const struct frames *f, pkl_id id)
{
    return f->ids_used > 0 && f->ids[slot_of(f, id)] == id;
}

/* Entered again in the order of the stack, so that leaving in reverse order still just clears
 * slots. */
static bool ids_grow(struct frames *f)
{
    size_t size = f->ids_size == 0 ? 64 : f->ids_size * 2;
    uint64_t *ids;

    if ((f->ids_used + 1) * 2 < f->ids_size)
        return true;
    ids = mem_alloc(size * sizeof *ids);
    if (ids == NULL)
        return false;
    free(f->ids);
    f->ids = ids;
    f->ids_size = size;
    for (size_t i = 0; i < f->stack.len; i++) {
        if (f->stack.data[i].node.target != 0)
            f->ids[slot_of(f, f->stack.data[i].node.target)] = f->stack.data[i].node.target;
    }
    return true;
}

enum pb_err frames_push(struct frames *f, const struct pkl_node *node, pkl_id list, uint64_t count,
                        uint8_t shape, enum frame_equals how, struct error *e)
{
    struct frame fr = {.node = *node, .list = list, .count = count, .shape = shape};
    enum pb_err err = PB_OK;

    if (how != FRAME_ALL && count > 1 && count <= WINDOW)
        err = fetch(f, &fr, e);
    if (err == PB_OK && how != FRAME_ALL)
        err = equals_find(f->view, list, count, fr.kids_len == count ? fr.kids : NULL,
                          how == FRAME_DICT, &fr.equal, e);
    if (err == PB_OK && (!ids_grow(f) || !vec_push(&f->stack, fr)))
        err = error_nomem(e);
    if (err != PB_OK) {
        drop_window(&fr);
        equals_release(&fr.equal);
        return err;
    }
    if (node->target != 0) {
        f->ids[slot_of(f, node->target)] = node->target;
        f->ids_used++;
    }
    if (f->stack.len > WINDOWS_KEPT)
        drop_window(&f->stack.data[f->stack.len - 1 - WINDOWS_KEPT]);
    return PB_OK;
}

void frames_pop(struct frames *f)
{
    struct frame *fr = frames_top(f);

    if (fr->node.target != 0) {
        f->ids[slot_of(f, fr->node.target)] = 0;
        f->ids_used--;
    }
    drop_window(fr);
    free(fr->order);
    equals_release(&fr->equal);
    f->stack.len--;
}

enum pb_err frames_child(struct frames *f, struct pkl_child *out, bool *end, struct error *e)
{
    struct frame *fr = frames_top(f);
    struct pkl_child other;
    uint64_t shown;
    size_t got;
    enum pb_err err = PB_OK;

    *end = false;
    if (fr->order != NULL) {
        *end = fr->pos >= fr->count;
        return *end ? PB_OK : ordered_child(f, fr, out, e);
    }
    while (fr->pos < fr->count && equals_shown(&fr->equal, fr->pos) == EQUAL_GONE)
        fr->pos++;
    if (fr->pos >= fr->count) {
        *end = true;
        return PB_OK;
    }
    if (fr->kids == NULL || fr->pos < fr->kids_first || fr->pos - fr->kids_first >= fr->kids_len)
        err = fetch(f, fr, e);
    if (err != PB_OK)
        return err;
    *out = fr->kids[fr->pos - fr->kids_first];
    shown = equals_shown(&fr->equal, fr->pos);
    if (shown == fr->pos)
        return PB_OK;
    err = f->view->children(f->view, fr->list, shown, 1, &other, &got, e);
    if (err == PB_OK && got == 1)
        out->value = other.value;
    return err;
}

/*
 * What is in the object under the cursor of the listing, shown beside it after a short rest.
 *
 * It is only looked at: nothing of it goes into the history or can be edited, and whatever is open
 * is still open when one goes to its pane.  Moving on stops it.
 */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "state.h"
#include "tree_look.h"

#define REST_MS 400
#define PREVIEW_MAX (1024u * 1024u) /* bytes of an object */

void preview_init(struct ui *u)
{
    list_init(&u->preview.list);
    tree_row_init(&u->preview.row);
}

void preview_drop(struct ui *u)
{
    struct preview *p = &u->preview;

    loop_timer_stop(u->loop, p->rest);
    p->rest = 0;
    tree_free(p->tree);
    p->tree = NULL;
    app_object_close(p->object);
    p->object = NULL;
    if (p->wanted)
        location_release(&p->of);
    p->wanted = false;
}

void preview_release(struct ui *u)
{
    preview_drop(u);
    tree_row_release(&u->preview.row);
}

bool preview_shown(const struct ui *u)
{
    const struct app_object *o = u->preview.object;

    return o != NULL && (u->preview.tree != NULL || app_object_state(o) == APP_NOT_PICKLE ||
                         app_object_state(o) == APP_FAILED);
}

static void on_changed(void *ctx, struct app_object *o)
{
    struct ui *u = ctx;
    struct preview *p = &u->preview;
    enum app_state s = app_object_state(o);
    enum pb_err err;
    struct error e;

    if (o != p->object)
        return;
    if ((s == APP_READY || s == APP_BROKEN) && p->tree == NULL && app_object_view(o) != NULL) {
        list_init(&p->list);
        err = tree_new(app_object_view(o), NULL, &p->tree, &e);
        if (err == PB_OK)
            err = tree_expand(p->tree, 0, &e);
        (void)err; /* what can be read is shown all the same */
    }
    ui_changed(u);
    u->dirty |= preview_shown(u);
}

static void on_rest(void *ctx)
{
    struct ui *u = ctx;
    struct preview *p = &u->preview;
    struct error e;

    p->rest = 0;
    /* Nobody asked for it: when it cannot be, nothing is said. */
    if (app_object_look(u->app, &p->of, NULL, on_changed, u, &p->object, &e) != PB_OK)
        p->object = NULL;
}

void preview_now(struct ui *u)
{
    if (u->preview.wanted && u->preview.object == NULL) {
        loop_timer_stop(u->loop, u->preview.rest);
        on_rest(u);
    }
}

/* Nothing that is at work, or would be lost from sight, stands in its place. */
static bool has_room(const struct ui *u)
{
    return u->settings.preview && !layout_narrow(u) && !u->right_focus && !right_unsaved(u) &&
           !right_loading(u) && u->right.mine == NULL && u->saving.step == SAVE_IDLE &&
           !many_running(u);
}

static bool under_cursor(struct ui *u, struct location *out)
{
    const struct left *l = &u->left;
    struct listing_row row;
    enum store_kind kind;

    if (l->places || l->listing == NULL || !listing_row(l->listing, l->list.cur, &row) ||
        row.kind != STORE_OBJECT || row.size > PREVIEW_MAX)
        return false;
    return left_location(u, out, &kind);
}

void preview_follow(struct ui *u)
{
    struct preview *p = &u->preview;
    const struct app_object *open = u->right.object;
    struct location where = {0};
    bool found = has_room(u) && under_cursor(u, &where);

    if (found && open != NULL && location_same(app_object_location(open), &where)) {
        location_release(&where);
        found = false;
    }
    if (found && p->wanted && location_same(&p->of, &where)) {
        location_release(&where);
        return;
    }
    preview_drop(u);
    if (!found)
        return;
    p->of = where;
    p->wanted = true;
    if (u->script == NULL) /* a script says when it rests */
        p->rest = loop_timer_start(u->loop, REST_MS, on_rest, u);
}

/* --- drawing -------------------------------------------------------------------------------- */

void preview_title(struct ui *u, struct buf *name, struct buf *state)
{
    const struct app_object *o = u->preview.object;

    location_show_name(name, &u->preview.of);
    buf_puts(state, _("preview"));
    if (app_object_state(o) != APP_FAILED)
        buf_printf(state, " \xc2\xb7 %s", TEXT_SIZE(app_object_info(o)->identity.size));
}

static void draw_why(struct ui *u, const struct region *r)
{
    const struct error *e = app_object_error(u->preview.object);
    struct region in = region_part(r, 0, 1, r->h, r->w - 2);
    struct lines lines;

    lines_init(&lines);
    (void)lines_add(&lines, STYLE_DIM, e->msg);
    for (size_t i = 0; i < lines_wrap(&lines, r->s, in.w) && (int)i < in.h; i++)
        lines_draw(&lines, i, &in, (int)i);
    lines_release(&lines);
}

void preview_draw(struct ui *u, const struct region *r)
{
    struct preview *p = &u->preview;
    struct tree_look t = {p->tree, &p->list, &p->row, false, &p->stuck};

    if (p->tree != NULL)
        tree_look_draw(u, &t, r, MARK_NONE, NULL);
    else
        draw_why(u, r);
}

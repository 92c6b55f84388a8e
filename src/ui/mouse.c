/* The mouse: whatever it does a key does as well. */
#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>

#include "commands.h"
#include "state.h"
#include "term.h"

#define TWICE_US 400000u /* between the two clicks of a double one */
#define WHEEL_ROWS 3

static bool inside(const struct region *r, const struct mouse *m)
{
    return m->y >= r->y && m->y < r->y + r->h && m->x >= r->x && m->x < r->x + r->w;
}

static void wheel(struct ui *u, const struct mouse *m)
{
    struct view *v = ui_top(u);

    if (u->over == NULL && !layout_narrow(u)) { /* where the pointer is, whoever has the keys */
        if (inside(&u->left.view.at, m))
            v = &u->left.view;
        else if (inside(&u->right.view.at, m))
            v = &u->right.view;
    }
    for (int i = 0; i < WHEEL_ROWS; i++)
        v->ops->move(u, v, m->act == MOUSE_WHEEL_UP ? MOVE_UP : MOVE_DOWN);
}

/* A key of the last line is pressed by clicking on it. */
static bool click_hint(struct ui *u, const struct mouse *m)
{
    if (m->y != u->screen.rows - 1)
        return false;
    for (size_t i = 0; i < u->pointer.hint_count; i++) {
        if (m->x >= u->pointer.hints[i].from && m->x < u->pointer.hints[i].to) {
            ui_key(u, u->pointer.hints[i].key);
            break;
        }
    }
    return true;
}

/* A part of the path in the status line: what it names. */
static bool click_path(struct ui *u, const struct mouse *m)
{
    const struct pointer *p = &u->pointer;

    if (m->y != u->screen.rows - 2 || u->over != NULL || m->x < p->path.from || m->x >= p->path.to)
        return false;
    tree_click_path(u, m->x - p->path.from + p->path.cut);
    return true;
}

static void press(struct ui *u, const struct mouse *m)
{
    struct pointer *p = &u->pointer;
    uint64_t now = clock_mono_us();
    bool twice =
        m->twice || (p->when != 0 && now - p->when < TWICE_US && p->y == m->y && p->x == m->x);
    struct view *v = u->over;
    int edge = layout_left_width(u);

    p->when = twice ? 0 : now;
    p->y = m->y;
    p->x = m->x;
    if (click_hint(u, m) || click_path(u, m))
        return;
    if (v == NULL && !layout_narrow(u) && (m->x == edge - 1 || m->x == edge) && m->y > 0 &&
        m->y < u->screen.rows - 2) {
        p->dragging = true;
        return;
    }
    if (v == NULL && !layout_narrow(u)) {
        if (inside(&u->left.view.at, m))
            u->right_focus = false;
        else if (inside(&u->right.view.at, m))
            u->right_focus = true;
    }
    if (v == NULL)
        v = ui_top(u);
    if (v->ops->click != NULL && inside(&v->at, m))
        v->ops->click(u, v, m->y - v->at.y, m->x - v->at.x, twice);
}

void ui_mouse(struct ui *u, const struct mouse *m)
{
    u->dirty = true;
    switch (m->act) {
    case MOUSE_WHEEL_UP:
    case MOUSE_WHEEL_DOWN:
        wheel(u, m);
        break;
    case MOUSE_PRESS:
        press(u, m);
        break;
    case MOUSE_DRAG:
        if (u->pointer.dragging)
            u->pointer.divider = m->x + 1;
        break;
    case MOUSE_RELEASE:
        u->pointer.dragging = false;
        break;
    }
}

void cmd_mouse(struct ui *u, int arg)
{
    (void)arg;
    if (u->settings.no_mouse) {
        ui_say(u, SAY_INFO, "The mouse was turned off by an option or in the configuration.");
        return;
    }
    u->mouse_off = !u->mouse_off;
    if (u->term != NULL)
        term_use_mouse(u->term, !u->mouse_off);
    ui_say(u, SAY_INFO,
           u->mouse_off
               ? _("The mouse selects text of the terminal now; the same key gives it back.")
               : _("The mouse is used here again."));
}

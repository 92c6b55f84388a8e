/* Keys that are typed faster than a dialog comes. */
#include <pklbrowse/clock.h>

#include "state.h"

#define WAIT_US 1500000u /* longer nobody types blindly; then keys move again */
#define DEAF_US 500000u  /* for what was meant for something else */

void ahead_begin(struct ui *u)
{
    u->ahead.open = true;
    u->ahead.since = clock_mono_us();
}

void ahead_end(struct ui *u, bool keep)
{
    struct ahead ahead = u->ahead;

    u->ahead.open = false;
    u->ahead.len = 0;
    if (!keep)
        return;
    if (!ahead.open) { /* it came late: what is typed now is meant for the panes */
        ahead_guard(u);
        return;
    }
    for (size_t i = 0; i < ahead.len && !u->quit; i++)
        ui_key(u, ahead.keys[i]);
}

void ahead_guard(struct ui *u)
{
    uint64_t now = clock_mono_us();

    /* A script types only when nothing is pending: it has seen the dialog. */
    if (u->script == NULL && u->ahead.last_key != 0 && now - u->ahead.last_key < DEAF_US)
        u->ahead.deaf_until = now + DEAF_US;
}

/* What stops or redraws acts at once. */
static bool at_once(uint32_t key)
{
    return key == K_ESC || key == K_CTRL('C') || key == K_CTRL('L') || key == K_CTRL('Z');
}

bool ahead_takes(struct ui *u, uint32_t key)
{
    struct ahead *a = &u->ahead;
    uint64_t now = clock_mono_us();

    if (a->deaf_until != 0) {
        bool deaf = u->over != NULL && now < a->deaf_until && key != K_CTRL('C');

        a->deaf_until = deaf ? a->deaf_until : 0;
        if (deaf)
            return true;
    }
    a->last_key = now;
    if (!a->open || at_once(key))
        return false;
    if (now - a->since > WAIT_US) {
        a->open = false;
        a->len = 0;
        return false;
    }
    if (a->len < AHEAD_MOST)
        a->keys[a->len++] = key;
    return true;
}

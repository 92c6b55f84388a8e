/* Looking for a text in the open value: asked for, searched beside everything else, walked along.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/search.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

struct find {
    struct job job; /* first: steps the search's own */
    struct ui *u;
    struct search *search;
    bool running;
    size_t shown;  /* the hit that was gone to last, */
    uint64_t said; /* and the message that says which */
    int wanted;    /* 1, -1: to the next or previous hit as soon as one is known */
};

/* --- going to a hit ------------------------------------------------------------------------- */

static void say_position(struct find *f, size_t hit, const char *more)
{
    struct ui *u = f->u;

    ui_say(u, SAY_INFO, "%s of %s%s%s", TEXT_COUNT(hit + 1), TEXT_COUNT(search_hits(f->search)),
           f->running ? "+" : "", more);
    f->shown = hit;
    f->said = u->messages.said;
}

static bool show(struct find *f, size_t hit, const char *more)
{
    struct ui *u = f->u;
    const struct search_hit *h = search_hit(f->search, hit);
    struct pkl_child place = {
        .owner = h->owner, .index = h->index, .step = h->step, .part = h->part};
    struct buf path;
    struct error e;
    bool ok;

    buf_init(&path, BUF_MAX_TEXT);
    ok = h->step == PKL_STEP_ROOT ||
         pkl_path_of_place(tree_view(u->right.tree), &place, PATH_FORM_PATH, &path, &e) == PB_OK;
    if (ok && path.len == 0)
        buf_printf(&path, "@%llu", (unsigned long long)h->index);
    ok = ok && tree_show_path(u, path.data, path.len, &e);
    if (ok)
        say_position(f, hit, more);
    else
        ui_error(u, &e);
    buf_release(&path);
    u->dirty = true;
    return ok;
}

/* Goes on from the cursor; false: no hit is known there yet. */
static bool go(struct find *f, int direction)
{
    struct ui *u = f->u;
    struct pkl_child here;
    size_t hit;

    if (tree_child(u->right.tree, u->right.list.cur, &here, NULL) != PB_OK)
        return true;
    if (search_next(f->search, &here, direction < 0, &hit)) {
        (void)show(f, hit, "");
        return true;
    }
    if (f->running)
        return false;
    if (search_kept(f->search) == 0)
        ui_say(u, SAY_INFO, "It is nowhere in this value.");
    else if (direction > 0)
        (void)show(f, 0, _(", from the beginning again"));
    else
        (void)show(f, search_kept(f->search) - 1, _(", from the end again"));
    return true;
}

/* --- the job -------------------------------------------------------------------------------- */

static enum job_state find_step(struct job *j, uint64_t budget_us)
{
    struct find *f = (struct find *)j;
    struct job *inner = search_job(f->search);
    enum job_state state = job_step(inner, budget_us);

    j->done = inner->done;
    if (state == JOB_FAILED)
        j->error = inner->error;
    if (f->wanted != 0 && state == JOB_MORE && go(f, f->wanted))
        f->wanted = 0;
    ui_changed(f->u);
    return state;
}

static void find_finished(struct job *j, enum job_state state)
{
    struct find *f = (struct find *)j;

    f->running = false;
    if (state == JOB_FAILED)
        ui_error(f->u, &j->error);
    if (f->wanted != 0)
        (void)go(f, f->wanted);
    else if (f->said != 0 && f->said == f->u->messages.said && f->u->messages.shown)
        say_position(f, f->shown, ""); /* now of how many is known */
    f->wanted = 0;
    f->u->dirty = true;
}

bool find_running(const struct ui *u)
{
    return u->right.find != NULL && u->right.find->running;
}

void find_cancel(struct ui *u)
{
    struct find *f = u->right.find;

    loop_remove_job(u->loop, &f->job);
    f->running = false;
    f->wanted = 0;
    ui_say(u, SAY_INFO, "Stopped looking; n goes through what was found.");
}

void find_drop(struct ui *u)
{
    struct find *f = u->right.find;

    u->right.find = NULL;
    if (f == NULL)
        return;
    if (f->running)
        loop_remove_job(u->loop, &f->job);
    search_free(f->search);
    free(f);
}

void find_status(struct ui *u, struct buf *out)
{
    const struct find *f = u->right.find;

    if (!find_running(u))
        return;
    buf_printf(out, _("Looking\xe2\x80\xa6 %s %s found in %s values   Esc stops it"), ui_spinner(u),
               TEXT_COUNT(search_hits(f->search)), TEXT_COUNT(f->job.done));
}

static void start(struct ui *u, const char *text, size_t n, int direction)
{
    struct find *f = mem_alloc(sizeof *f);
    struct error e;
    enum pb_err err = PB_OK;

    find_drop(u);
    if (f == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    u->right.find = f;
    f->u = u;
    f->wanted = direction;
    f->job.step = find_step;
    f->job.finished = find_finished;
    err = search_new(tree_view(u->right.tree), text, n, &f->search, &e);
    if (err == PB_OK)
        err = loop_add_job(u->loop, &f->job, &e);
    f->running = err == PB_OK;
    if (err != PB_OK) {
        ui_error(u, &e);
        find_drop(u);
    }
}

/* --- asking --------------------------------------------------------------------------------- */

static void find_check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    struct search *s = NULL;
    struct error e;

    if (n == 0) {
        buf_puts(&note->text, u->right.sought.len > 0
                                  ? _("Enter: the same again    re: k: v: in front, see help")
                                  : _("re:\xe2\x80\xa6 an expression   k:\xe2\x80\xa6 only keys   "
                                      "v:\xe2\x80\xa6 only values"));
        return;
    }
    if (search_new(tree_view(u->right.tree), text, n, &s, &e) != PB_OK) {
        note->wrong = true;
        buf_puts(&note->text, e.msg);
    }
    search_free(s);
}

static bool find_accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    (void)ctx;
    (void)note;
    if (u->right.tree == NULL)
        return true;
    if (n > 0) {
        buf_clear(&u->right.sought);
        buf_append(&u->right.sought, text, n);
    }
    if (u->right.sought.len > 0)
        start(u, u->right.sought.data, u->right.sought.len, 1);
    return true;
}

static const struct ask_ops find_ops = {
    .label = N_("look for: "),
    .check = find_check,
    .accept = find_accept,
};

void cmd_find(struct ui *u, int arg)
{
    (void)arg;
    ask_open(u, &find_ops, NULL, "", 0);
}

void cmd_find_next(struct ui *u, int direction)
{
    struct find *f = u->right.find;

    if (f != NULL)
        f->wanted = go(f, direction) ? 0 : direction;
    else if (u->right.sought.len > 0)
        start(u, u->right.sought.data, u->right.sought.len, direction);
    else
        ui_say(u, SAY_INFO, "Look for something first: /");
}

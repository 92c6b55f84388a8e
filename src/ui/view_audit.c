/* What the open pickle would import: found beside everything else, said in the title, listed. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_audit.h>

#include "commands.h"
#include "state.h"

#define PIECE ((uint64_t)64 * 1024) /* bytes between two looks at the clock */

/* --- finding out ---------------------------------------------------------------------------- */

struct audit {
    struct job job; /* first */
    struct ui *u;
    struct pkl_audit *found;
    bool running, done;
    struct error error;
};

static enum job_state audit_step(struct job *j, uint64_t budget_us)
{
    struct audit *a = (struct audit *)j;
    uint64_t until = clock_mono_us() + budget_us;
    bool done = false;

    do {
        if (pkl_audit_step(a->found, PIECE, &done, &j->error) != PB_OK)
            return JOB_FAILED;
        j->done = pkl_audit_passed(a->found);
    } while (!done && clock_mono_us() < until);
    return done ? JOB_DONE : JOB_MORE;
}

static void audit_finished(struct job *j, enum job_state state)
{
    struct audit *a = (struct audit *)j;

    a->running = false;
    a->done = state == JOB_DONE;
    a->error = j->error;
    a->u->dirty = true;
}

void audit_start(struct ui *u)
{
    struct pkl_doc *doc = app_object_doc(u->right.object);
    struct audit *a;

    audit_stop(u);
    a = doc != NULL ? mem_alloc(sizeof *a) : NULL;
    if (a == NULL)
        return;
    u->right.audit = a;
    a->u = u;
    a->job.step = audit_step;
    a->job.finished = audit_finished;
    if (pkl_audit_new(doc, &a->found, &a->error) == PB_OK &&
        loop_add_job(u->loop, &a->job, &a->error) == PB_OK)
        a->running = true;
}

void audit_stop(struct ui *u)
{
    struct audit *a = u->right.audit;

    u->right.audit = NULL;
    if (a == NULL)
        return;
    if (a->running)
        loop_remove_job(u->loop, &a->job);
    pkl_audit_free(a->found);
    free(a);
}

/* A pickle without names is safe as well. */
const char *audit_grade(const struct ui *u, bool *alarming)
{
    const struct audit *a = u->right.audit;
    enum pkl_grade worst;

    *alarming = false;
    if (a == NULL || !a->done)
        return NULL;
    worst = pkl_audit_verdict(a->found);
    *alarming = worst != PKL_SAFE;
    return pkl_grade_name(worst);
}

/* --- the list ------------------------------------------------------------------------------- */

/* The rows in the order of the list: the worst first. */
struct order {
    size_t *rows, count;
};

static const struct pkl_audit_row *row_at(const struct ui *u, const struct order *o, uint64_t i)
{
    return pkl_audit_row(u->right.audit->found, o->rows[i]);
}

static uint64_t audit_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct order *)ctx)->count;
}

static void audit_draw(struct ui *u, void *ctx, uint64_t i, const struct region *r)
{
    static const enum style styles[] = {
        [PKL_SAFE] = STYLE_MESSAGE, [PKL_UNKNOWN] = STYLE_WARNING, [PKL_DANGEROUS] = STYLE_ERROR};
    const struct pkl_audit_row *row = row_at(u, ctx, i);
    struct buf name, rest;
    int x = 10, width;

    buf_init(&name, BUF_MAX_LINE);
    buf_init(&rest, BUF_MAX_LINE);
    app_audit_name(&name, row);
    app_audit_uses(&rest, row);
    buf_puts(&rest, "  ");
    app_audit_place(&rest, u->right.audit->found, row->path, row->pickle);
    (void)screen_puts(r, 0, 0, styles[row->grade], _(pkl_grade_name(row->grade)));
    width = screen_width(r->s, STYLE_NAME, name.data, name.len);
    if (width > (r->w - x) * 3 / 5 && r->w >= 60)
        width = (r->w - x) * 3 / 5;
    (void)screen_field(r, 0, x, width < r->w - x ? width : r->w - x, STYLE_NAME, name.data,
                       name.len);
    x += width + 2;
    if (x < r->w)
        (void)screen_field(r, 0, x, r->w - x, STYLE_VALUE, rest.data, rest.len);
    buf_release(&name);
    buf_release(&rest);
}

static void audit_note(struct ui *u, void *ctx, uint64_t i, struct lines *out)
{
    const struct pkl_audit_row *row = row_at(u, ctx, i);
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    app_audit_uses(&text, row);
    buf_puts(&text, " \xc2\xb7 ");
    app_audit_place(&text, u->right.audit->found, row->path, row->pickle);
    (void)lines_add(out, STYLE_VALUE, text.data);
    if (row->why != NULL)
        (void)lines_printf(out, STYLE_WARNING, "%s: %s", _(pkl_grade_name(row->grade)),
                           _(row->why));
    buf_release(&text);
}

/* To the value it stands in; of a pickle inside of another: to what holds that one. */
static void audit_take(struct ui *u, void *ctx, uint64_t i)
{
    const struct pkl_audit_row *row = row_at(u, ctx, i);
    const char *path = row->path, *cut;
    uint64_t offset = row->offset;
    size_t n;

    for (size_t p = row->pickle; p > 0;) {
        const struct pkl_audit_pickle *inner = pkl_audit_pickle(u->right.audit->found, p);

        path = inner->path;
        offset = inner->offset;
        p = inner->inside;
    }
    if (path == NULL || u->right.tree == NULL) {
        ui_say(u, SAY_INFO, "It is in no part of the value that is left; its bytes are at 0x%llx.",
               (unsigned long long)offset);
        return;
    }
    n = strlen(path);
    /* What a lens covers is not shown by itself: then its object is. */
    while (!tree_show_path(u, path, n, NULL) && (cut = memrchr(path, '@', n)) != NULL && cut > path)
        n = (size_t)(cut - path);
    tree_go_path(u, path, n);
}

static void audit_release(void *ctx)
{
    free(((struct order *)ctx)->rows);
    free(ctx);
}

static const struct picker_ops audit_ops = {
    .count = audit_count,
    .draw = audit_draw,
    .note = audit_note,
    .take = audit_take,
    .release = audit_release,
    .empty = N_("It imports nothing: plain data."),
};

static struct order *sorted(const struct pkl_audit *found)
{
    static const enum pkl_grade grades[] = {PKL_DANGEROUS, PKL_UNKNOWN, PKL_SAFE};
    size_t n = pkl_audit_rows(found);
    struct order *o = mem_alloc(sizeof *o);

    if (o == NULL || (o->rows = mem_realloc(NULL, n + 1, sizeof *o->rows)) == NULL) {
        free(o);
        return NULL;
    }
    for (size_t g = 0; g < sizeof grades / sizeof grades[0]; g++) {
        for (size_t i = 0; i < n; i++) {
            if (pkl_audit_row(found, i)->grade == grades[g])
                o->rows[o->count++] = i;
        }
    }
    return o;
}

void cmd_audit(struct ui *u, int arg)
{
    const struct audit *a = u->right.audit;
    struct order *o;
    struct buf title;

    (void)arg;
    if (a == NULL || !a->done) {
        if (a != NULL && a->running)
            ui_say(u, SAY_INFO, "What it imports is still being looked for.");
        else if (a != NULL)
            ui_error(u, &a->error);
        return;
    }
    o = sorted(a->found);
    if (o == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    buf_init(&title, BUF_MAX_LINE);
    buf_printf(&title, _("Imports: %s \xc2\xb7 "), _(pkl_grade_name(pkl_audit_verdict(a->found))));
    location_show_name(&title, app_object_location(u->right.object));
    picker_open(u, &audit_ops, o, title.data);
    buf_release(&title);
}

/* Every command by what it does: some letters, Enter. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "commands.h"
#include "fuzzy.h"
#include "state.h"

struct found {
    const struct command *command;
    int score;
};

struct palette {
    enum context context; /* that is covered */
    struct {
        struct found *data;
        size_t len, cap;
    } rows;
};

static int better(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->command < y->command ? -1 : 1;
}

/* A command fits by its help, or by its name. */
static int score_of(const struct command *c, const char *typed)
{
    int help = fuzzy_score(_(c->help), typed), name = fuzzy_score(c->name, typed);

    return name >= 0 && name + 4 > help ? name + 4 : help;
}

static void collect(struct palette *p, const char *typed)
{
    p->rows.len = 0;
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);
        struct found f = {c, 0};

        if (c->name == NULL || (c->contexts & p->context) == 0 || c->run == cmd_palette)
            continue;
        f.score = score_of(c, typed);
        if (f.score >= 0 && !vec_push(&p->rows, f))
            return;
    }
    if (typed[0] != '\0' && p->rows.len > 0)
        qsort(p->rows.data, p->rows.len, sizeof *p->rows.data, better);
}

static uint64_t palette_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct palette *)ctx)->rows.len;
}

static void palette_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const struct command *c = ((const struct palette *)ctx)->rows.data[row].command;
    bool missing = need_missing(u, c->needs) != NULL;
    struct buf keys;
    int width = r->w < 60 ? 8 : 16;

    buf_init(&keys, BUF_MAX_LINE);
    keymap_keys(&u->keymap, c, &keys);
    (void)screen_field(r, 0, 0, width, missing ? STYLE_DIM : STYLE_KEY, keys.data, keys.len);
    (void)screen_field(r, 0, width + 1, r->w - width - 1, missing ? STYLE_DIM : STYLE_NORMAL,
                       _(c->help), strlen(_(c->help)));
    buf_release(&keys);
}

/* What cannot be done now says why, as its key would. */
static void palette_take(struct ui *u, void *ctx, uint64_t row)
{
    const struct command *c = ((const struct palette *)ctx)->rows.data[row].command;
    const char *missing = need_missing(u, c->needs);

    if (missing != NULL) {
        ui_say(u, SAY_INFO, "%s", missing);
        return;
    }
    u->key = keymap_key(&u->keymap, c, 0);
    c->run(u, c->arg);
}

static void palette_typed(struct ui *u, void *ctx, const char *text, size_t n)
{
    (void)u;
    (void)n;
    collect(ctx, text);
}

static void palette_release(void *ctx)
{
    struct palette *p = ctx;

    vec_release(&p->rows);
    free(p);
}

static const struct picker_ops palette_ops = {
    .count = palette_count,
    .draw = palette_draw,
    .take = palette_take,
    .typed = palette_typed,
    .release = palette_release,
    .empty = N_("No command fits these letters."),
};

void cmd_palette(struct ui *u, int arg)
{
    struct palette *p = mem_alloc(sizeof *p);
    struct view *top = ui_top(u);

    (void)arg;
    if (p == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    p->context = top->ops->context(u);
    collect(p, "");
    picker_open(u, &palette_ops, p, _("Commands"));
}

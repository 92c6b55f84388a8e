/* A code that only the person knows (MFA), asked for when credentials need it. */
#include <stdio.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>

#include "commands.h"
#include "state.h"

/* Whose code it is stands below the line. */
static void check(struct ui *u, const char *text, size_t n, struct ask_note *note)
{
    (void)text;
    (void)n;
    buf_puts(&note->text, u->code_question);
}

static bool accept(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note)
{
    (void)n;
    (void)ctx;
    (void)note;
    app_answer(u->app, text);
    return true;
}

static void cancelled(struct ui *u)
{
    app_answer(u->app, NULL);
}

static const struct ask_ops code_ops = {.label = N_("MFA code: "),
                                        .secret = true,
                                        .unasked = true,
                                        .check = check,
                                        .accept = accept,
                                        .cancelled = cancelled};

static bool is_open(const struct ui *u)
{
    const struct ask *a = ask_top(u);

    return a != NULL && a->ops == &code_ops;
}

static void nobody_answers(void *ctx)
{
    struct ui *u = ctx;

    app_answer(u->app, NULL);
}

static void on_ask(void *ctx, const char *question, bool close)
{
    struct ui *u = ctx;

    u->dirty = true;
    if (close) {
        if (is_open(u))
            ui_pop(u, u->over);
        return;
    }
    ahead_guard(u);
    (void)snprintf(u->code_question, sizeof u->code_question, "%s", question);
    ask_open(u, &code_ops, NULL, "", 0);
    if (!is_open(u) && loop_post(u->loop, nobody_answers, u, NULL) != PB_OK)
        app_answer(u->app, NULL);
}

void code_init(struct ui *u)
{
    app_on_ask(u->app, on_ask, u);
}

void code_release(struct ui *u)
{
    app_on_ask(u->app, NULL, NULL);
    loop_unpost(u->loop, u);
}

/*
 * Commands that have the terminal to themselves: the screen is left, and comes back after them.
 * One of them is offered when credentials need a person: a sign-on that has expired, a
 * credential_process that asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

#include "commands.h"
#include "state.h"
#include "term.h"

#define NOT_FOUND 127
#define OUTPUT_MAX ((size_t)256 * 1024)

/* --- running -------------------------------------------------------------------------------- */

static void run_child(const char *file, char *const argv[], int out)
{
    sigset_t none;

    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGQUIT, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (out < 0 || dup2(out, STDOUT_FILENO) == STDOUT_FILENO)
        (void)execvp(file, argv);
    _exit(NOT_FOUND);
}

/* Until its end: also one that writes more than there is room for must not wait for us. */
static void read_all(int fd, struct buf *out)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n > 0)
            buf_append(out, piece, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    explicit_bzero(piece, sizeof piece);
}

static int spawn_and_wait(const char *file, char *const argv[], struct buf *out)
{
    int ends[2] = {-1, -1}, status = 0;
    pid_t pid;

    if (out != NULL && pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        run_child(file, argv, ends[1]);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    if (pid > 0 && out != NULL)
        read_all(ends[0], out);
    if (ends[0] >= 0)
        (void)close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Waits for it: the terminal is its own until then, and so are ^C and ^Z. */
int outside_run(struct ui *u, const char *file, char *const argv[], struct buf *out)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, stop = {.sa_handler = SIG_DFL}, old[3];
    int status;

    if (u->term != NULL)
        term_leave(u->term);
    (void)sigemptyset(&ignore.sa_mask);
    (void)sigemptyset(&stop.sa_mask);
    (void)sigaction(SIGINT, &ignore, &old[0]);
    (void)sigaction(SIGQUIT, &ignore, &old[1]);
    (void)sigaction(SIGTSTP, &stop, &old[2]);
    status = spawn_and_wait(file, argv, out);
    (void)sigaction(SIGINT, &old[0], NULL);
    (void)sigaction(SIGQUIT, &old[1], NULL);
    (void)sigaction(SIGTSTP, &old[2], NULL);
    if (u->term != NULL) {
        int rows, cols;

        term_return(u->term);
        term_size(u->term, &rows, &cols);
        (void)ui_resize(u, rows, cols);
    }
    return status;
}

/* --- what credentials ask for --------------------------------------------------------------- */

enum { NOT_NOW, RUN };
static const struct dialog_button buttons[] = {
    [NOT_NOW] = {'n', N_("Not now")},
    [RUN] = {'r', N_("Run it, outside the screen")},
};

static void run_it(struct ui *u)
{
    const struct aws_outside *what = u->outside.what;
    struct buf out;
    int status;

    buf_init(&out, OUTPUT_MAX);
    status = outside_run(u, what->argv[0], what->argv, what->capture ? &out : NULL);
    if (status == NOT_FOUND)
        ui_say(u, SAY_WARNING, "%s is not there, or cannot be run.", what->argv[0]);
    else if (status != 0)
        ui_say(u, SAY_WARNING, "%s did not end well.", what->argv[0]);
    u->outside.what = NULL;
    app_outside_done(u->app, status == 0 && buf_status(&out, NULL) == PB_OK, &out);
    buf_release(&out);
}

static void on_button(struct ui *u, int button)
{
    u->outside.dialog = NULL;
    if (u->outside.what == NULL)
        return;
    if (button == RUN) {
        run_it(u);
        return;
    }
    u->outside.what = NULL;
    app_outside_done(u->app, false, NULL);
}

/* In a later turn: who offers it does not expect the answer yet. */
static void nobody_answers(void *ctx)
{
    on_button(((struct outside *)ctx)->ui, NOT_NOW);
}

static void close_dialog(struct ui *u)
{
    struct dialog *d = u->outside.dialog;

    u->outside.what = NULL;
    u->outside.dialog = NULL;
    if (d != NULL)
        ui_pop(u, &d->view);
}

static void on_offer(void *ctx, const struct aws_outside *what)
{
    struct ui *u = ctx;
    struct dialog *d;

    u->dirty = true;
    if (what == NULL) {
        close_dialog(u);
        return;
    }
    u->outside.offer = *what;
    u->outside.what = &u->outside.offer;
    ahead_guard(u);
    d = dialog_new(u, _("Credentials"), buttons, 2, NOT_NOW, on_button);
    u->outside.dialog = d;
    if (d != NULL) {
        (void)lines_add(&d->head, STYLE_VALUE, what->why);
        (void)lines_add(&d->head, STYLE_VALUE, "");
        (void)lines_add(&d->head, STYLE_HEADING, what->shown);
        dialog_open(u, d);
    } else if (loop_post(u->loop, nobody_answers, &u->outside, NULL) != PB_OK) {
        nobody_answers(&u->outside);
    }
}

void outside_init(struct ui *u)
{
    u->outside.ui = u;
    app_on_outside(u->app, on_offer, u);
}

void outside_release(struct ui *u)
{
    u->outside.dialog = NULL; /* it goes with the others */
    u->outside.what = NULL;
    app_on_outside(u->app, NULL, NULL);
    loop_unpost(u->loop, &u->outside);
}

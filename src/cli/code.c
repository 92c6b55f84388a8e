/* A code that only the person knows (MFA), asked for at the terminal without showing it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <pklbrowse/loop.h>

#include "cli.h"

/* The terminal, whatever stdin and stdout are; -1: there is none, and nobody to be asked. */
static int open_terminal(void)
{
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

static void say(const struct cli_code *code, const char *text)
{
    int fd = code->fd;
    struct sink to = sink_fd(&fd);
    enum pb_err err = sink_write(&to, text, strlen(text), NULL);

    (void)err; /* whoever does not see the question will not answer it */
}

static void put_back(struct cli_code *code)
{
    if (code->fd < 0)
        return;
    loop_unwatch_fd(app_loop(code->app), code->fd);
    if (code->quiet)
        (void)tcsetattr(code->fd, TCSAFLUSH, &code->before);
    say(code, "\n");
    (void)close(code->fd);
    code->fd = -1;
    code->quiet = false;
}

static void answer(struct cli_code *code, bool given)
{
    char text[sizeof code->text];

    memcpy(text, code->text, sizeof text);
    text[code->len] = '\0';
    put_back(code);
    explicit_bzero(code->text, sizeof code->text);
    app_answer(code->app, given ? text : NULL);
    explicit_bzero(text, sizeof text);
}

/* The terminal gives whole lines. */
static void on_typed(void *ctx)
{
    struct cli_code *code = ctx;

    for (;;) {
        size_t room = sizeof code->text - 1 - code->len;
        ssize_t n = read(code->fd, code->text + code->len, room);
        const char *end;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            answer(code, false);
            return;
        }
        code->len += (size_t)n;
        end = memchr(code->text, '\n', code->len);
        if (end != NULL || code->len == sizeof code->text - 1) {
            code->len = end != NULL ? (size_t)(end - code->text) : code->len;
            answer(code, true);
            return;
        }
    }
}

static void on_nobody(void *ctx)
{
    app_answer(((struct cli_code *)ctx)->app, NULL);
}

static void ask(void *ctx, const char *question, bool close_it)
{
    struct cli_code *code = ctx;
    struct termios quiet;
    struct error e;

    if (close_it) {
        put_back(code);
        return;
    }
    code->len = 0;
    code->fd = open_terminal();
    if (code->fd < 0 || loop_watch_fd(app_loop(code->app), code->fd, on_typed, code, &e) != PB_OK) {
        if (loop_post(app_loop(code->app), on_nobody, code, &e) != PB_OK)
            app_answer(code->app, NULL);
        return;
    }
    code->quiet = tcgetattr(code->fd, &code->before) == 0;
    quiet = code->before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (code->quiet)
        (void)tcsetattr(code->fd, TCSAFLUSH, &quiet);
    say(code, "pklbrowse: ");
    say(code, question);
    say(code, ": ");
}

void cli_code_init(struct cli_code *code, struct app *a)
{
    *code = (struct cli_code){.app = a, .fd = -1};
    app_on_ask(a, ask, code);
}

void cli_code_release(struct cli_code *code)
{
    loop_unpost(app_loop(code->app), code);
    put_back(code);
    app_on_ask(code->app, NULL, NULL);
}

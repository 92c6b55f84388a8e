/* No command: the screen. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <pklbrowse/ui.h>

#include "cli.h"

/* Keys and screen use /dev/tty when stdin or stdout is something else. */
static bool has_terminal(void)
{
    int fd;

    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return true;
    fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0';
}

int cmd_screen(struct cli *c)
{
    const struct args *a = c->args;
    struct ui_options o = {
        .no_color = a->given[OPT_no_color] || is_set("NO_COLOR"),
        .ascii = a->given[OPT_ascii],
        .no_mouse = a->given[OPT_no_mouse],
        .config = a->given[OPT_config] ? a->text[OPT_config] : NULL,
        .script = is_set("PKLBROWSE_SCRIPT") ? getenv("PKLBROWSE_SCRIPT") : NULL,
        .insecure = a->given[OPT_no_verify_ssl],
    };
    struct location start = {0};
    struct error error;
    enum pb_err err = PB_OK;

    if (o.script == NULL && !has_terminal()) /* a script brings its own screen */
        err = error_set(&error, PB_EUSAGE,
                        "the screen needs a terminal; for scripts see pklbrowse --help");
    if (err == PB_OK && a->count > 0)
        err = location_parse(&start, a->operands[0], &error); /* looked at later: it may hang */
    if (err == PB_OK)
        err = ui_run(c->app, &o, a->count > 0 ? &start : NULL, &error);
    location_release(&start);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}

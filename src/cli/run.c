#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>
#include <pklbrowse/ui.h>

#include "cli.h"

#define PROGRESS_AFTER_US 1000000u /* shorter waits need no progress line */
#define PROGRESS_MS 200
#define LABEL_WIDTH 13

/* --- messages -----------------------------------------------------------------------------------
 */

/* A line that cannot be written has nowhere else to go. */
void cli_print_stderr(const struct buf *line)
{
    int fd = STDERR_FILENO;
    struct sink to = sink_fd(&fd);
    enum pb_err err = sink_write(&to, line->data, line->len, NULL);

    (void)err;
}

int cli_error(const struct error *e)
{
    struct buf line;

    buf_init(&line, BUF_MAX_LINE);
    buf_printf(&line, "pklbrowse: %s", e->msg[0] != '\0' ? e->msg : error_name(e->code));
    if (e->detail[0] != '\0')
        buf_printf(&line, " (%s)", e->detail);
    buf_putc(&line, '\n');
    cli_print_stderr(&line);
    buf_release(&line);
    return (int)status_of(e->code);
}

int cli_fail(struct cli *c, const struct error *e)
{
    enum pb_err err = out_flush(&c->out, NULL);

    (void)err; /* said by finish_output(), if it is not what e says */
    return c->out.reader_gone ? STATUS_NO_READER : cli_error(e);
}

PB_PRINTF(2, 0)
static void say(const char *before, const char *fmt, va_list ap)
{
    char text[1024];
    struct buf line;

    buf_init(&line, BUF_MAX_LINE);
    vsnprintf(text, sizeof text, _(fmt), ap);
    text[utf8_check(text, strlen(text), false, NULL)] = '\0'; /* cut within a character */
    buf_printf(&line, "%spklbrowse: %s\n", before, text);
    cli_print_stderr(&line);
    buf_release(&line);
}

void cli_label(struct buf *out, const char *label)
{
    size_t width = text_width(_(label), strlen(_(label)));

    buf_puts(out, _(label));
    buf_fill(out, ' ', width < LABEL_WIDTH ? LABEL_WIDTH - width : 1);
}

void cli_note(const struct cli *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c->progress_shown ? "\r\x1b[K" : "", fmt, ap);
    va_end(ap);
}

void cli_verbose(const struct cli *c, const char *fmt, ...)
{
    va_list ap;

    if (!c->args->given[OPT_verbose])
        return;
    va_start(ap, fmt);
    say(c->progress_shown ? "\r\x1b[K" : "", fmt, ap);
    va_end(ap);
}

void cli_kept(const struct cli *c, const char *file, bool not_kept)
{
    struct buf shown;

    if (not_kept)
        cli_note(c, "what was there is not kept: more than %llu MiB",
                 (unsigned long long)(HISTORY_BYTES_MAX >> 20));
    if (file == NULL)
        return;
    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, file, strlen(file));
    cli_verbose(c, "what was there is kept in %s", shown.data);
    buf_release(&shown);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static void wipe_progress(struct cli *c)
{
    struct buf line;

    if (!c->progress_shown)
        return;
    buf_init(&line, BUF_MAX_LINE);
    buf_puts(&line, "\r\x1b[K");
    cli_print_stderr(&line);
    buf_release(&line);
    c->progress_shown = false;
}

static void show_progress(struct cli *c, const struct http_progress *p)
{
    uint64_t done = p->received > 0 ? p->received : p->sent;
    uint64_t total = p->received > 0 ? p->receive_total : p->send_total;
    struct buf line;

    buf_init(&line, BUF_MAX_LINE);
    buf_puts(&line, "\r\x1b[K");
    if (total > 0)
        buf_printf(&line, _("%s of %s"), TEXT_SIZE(done), TEXT_SIZE(total));
    else
        text_size(&line, done);
    if (p->rate >= 1)
        buf_printf(&line, _(", %s/s"), TEXT_SIZE((uint64_t)p->rate));
    if (p->attempt > 1)
        buf_printf(&line, _(", attempt %u"), p->attempt);
    cli_print_stderr(&line);
    buf_release(&line);
    c->progress_shown = true;
}

enum pb_err cli_wait(struct cli *c, const bool *done,
                     void (*transfers)(void *ctx, struct http_progress *out), void *ctx,
                     struct error *e)
{
    struct loop *l = app_loop(c->app);
    bool show = c->progress && transfers != NULL;
    enum pb_err err = PB_OK;

    while (!*done && err == PB_OK) {
        /* Once interrupted, what was under way says so in the next turns; what cannot, is left. */
        if (c->interrupted && loop_idle(l))
            return error_set(e, PB_ECANCELED, "interrupted");
        err = loop_turn(l, c->interrupted ? 0 : show ? PROGRESS_MS : -1, e);
        if (show && !*done && clock_mono_us() - c->started > PROGRESS_AFTER_US) {
            struct http_progress p = {0};

            transfers(ctx, &p);
            show_progress(c, &p);
        }
    }
    wipe_progress(c);
    return err;
}

static void on_signal(void *ctx)
{
    struct cli *c = ctx;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    enum pb_err err = PB_OK;

    c->interrupted = true;
    loop_interrupt(app_loop(c->app));
    /* The second one ends us at once: nothing that we write is ever half there under its name. */
    for (size_t i = 0; i < sizeof signals / sizeof *signals && err == PB_OK; i++)
        err = loop_on_signal(app_loop(c->app), signals[i], NULL, NULL, NULL);
}

static enum pb_err watch_signals(struct cli *c, struct error *e)
{
    enum pb_err err = loop_on_signal(app_loop(c->app), SIGINT, on_signal, c, e);

    if (err == PB_OK)
        err = loop_on_signal(app_loop(c->app), SIGTERM, on_signal, c, e);
    if (err == PB_OK)
        err = loop_on_signal(app_loop(c->app), SIGHUP, on_signal, c, e);
    return err;
}

/* A long output is no wait, but it is to be interrupted all the same. */
static enum pb_err check_output(void *ctx, struct error *e)
{
    struct cli *c = ctx;
    enum pb_err err = PB_OK;

    if (!c->interrupted)
        err = loop_turn(app_loop(c->app), 0, e);
    if (err == PB_OK && c->interrupted)
        err = error_set(e, PB_ECANCELED, "interrupted");
    return err;
}

/* --- running ------------------------------------------------------------------------------------
 */

/* What writes nothing by itself may edit its copy in memory, read-only or not. */
static bool read_only(const struct args *a)
{
    bool to_stdout = a->given[OPT_output] && strcmp(a->text[OPT_output], "-") == 0;

    return a->given[OPT_read_only] && !a->given[OPT_dry_run] && !to_stdout;
}

static void app_options_of(const struct args *a, struct app_options *o)
{
    *o = (struct app_options){
        .aws =
            {
                .profile = a->text[OPT_profile],
                .region = a->text[OPT_region],
                .endpoint_url = a->text[OPT_endpoint_url],
                .addressing = a->addressing,
                .no_sign_request = a->given[OPT_no_sign_request],
            },
        .demo = a->given[OPT_demo],
        .read_only = read_only(a),
        .insecure = a->given[OPT_no_verify_ssl],
        .request_payer = a->given[OPT_request_payer],
        .project = a->text[OPT_project],
        .sse_c_key = a->text[OPT_sse_c_key],
        .screen = a->command == CMD_screen,
        .version_id = a->text[OPT_version_id],
        .decode_limit = a->decode_limit,
    };
}

static int dispatch(struct cli *c)
{
    switch (c->args->command) {
#define COMMAND(id, name, min, max, operands, help)                                                \
    case CMD_##id:                                                                                 \
        return cmd_##id(c);
#include "commands.def"
#undef COMMAND
    case CMD_screen:
        break;
    }
    return cmd_screen(c);
}

/* The status of the whole run: a reader that went away or a full disk outweigh what the command
 * said. */
static int finish_output(struct cli *c, int status)
{
    struct error error;

    if (out_flush(&c->out, &error) == PB_OK)
        return status;
    if (c->out.reader_gone)
        return STATUS_NO_READER;
    return status == STATUS_OK ? cli_error(&error) : status;
}

/* Settings that are there but cannot be read may say that something is read-only: so all is. */
static enum pb_err protect(struct cli *c, struct error *e)
{
    const char *named = c->args->text[OPT_config];
    enum pb_err err = ui_config_protect(named, c->app, e);

    if (err == PB_OK || named != NULL || err == PB_ENOMEM)
        return err;
    cli_note(c, "warning: %s: nothing is written", e->msg);
    return app_protect(c->app, "*", e);
}

static int run_with_app(struct cli *c)
{
    struct error error;
    enum pb_err err = PB_OK;
    int status;

    if (c->args->command != CMD_screen) {
        cli_code_init(&c->code, c->app);
        err = watch_signals(c, &error);
        if (err == PB_OK)
            err = protect(c, &error);
        if (c->args->given[OPT_no_verify_ssl])
            cli_note(c, "warning: certificates are not checked (--no-verify-ssl)");
    }
    status = err != PB_OK ? cli_error(&error) : finish_output(c, dispatch(c));
    if (c->args->command != CMD_screen)
        cli_code_release(&c->code);
    return status;
}

static int print_text(struct cli *c)
{
    struct buf text;
    struct error error;
    enum pb_err err;

    buf_init(&text, BUF_MAX_TEXT);
    if (c->args->given[OPT_help])
        help_command(&text, c->args->command);
    else
        buf_puts(&text, PACKAGE_STRING "\n");
    err = out_buf(&c->out, &text, &error);
    buf_release(&text);
    return finish_output(c, err == PB_OK || c->out.reader_gone ? STATUS_OK : cli_error(&error));
}

static enum pb_err open_log(const struct args *a, struct error *e)
{
    if (a->given[OPT_log_file])
        return log_open(a->text[OPT_log_file], e);
    /* The screen owns the terminal; a batch command may talk. */
    if (a->given[OPT_verbose] && a->command != CMD_screen)
        return log_open("/dev/stderr", e);
    return PB_OK;
}

int cli_run(const struct args *args)
{
    struct cli *c = mem_alloc(sizeof *c);
    struct app_options o;
    struct error error;
    int status;

    if (c == NULL) {
        error_nomem(&error);
        return cli_error(&error);
    }
    c->args = args;
    c->progress = isatty(STDERR_FILENO) == 1;
    c->started = clock_mono_us();
    out_init(&c->out, STDOUT_FILENO);
    app_options_of(args, &o);
    if (args->given[OPT_help] || args->given[OPT_version]) {
        status = print_text(c);
    } else if (open_log(args, &error) != PB_OK || app_new(&o, &c->app, &error) != PB_OK) {
        status = cli_error(&error);
    } else {
        c->out.check = check_output;
        c->out.ctx = c;
        status = run_with_app(c);
        app_free(c->app);
    }
    out_release(&c->out);
    log_close();
    free(c);
    return status;
}

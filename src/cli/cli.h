/*
 * The command line program below main(): one struct cli per run, one function per command.
 *
 * Commands start operations of the app and turn the loop until they are done; they print results to
 * stdout, messages to stderr, and return the exit status.  Only main() ends the process.
 */
#ifndef PKLBROWSE_CLI_CLI_H
#define PKLBROWSE_CLI_CLI_H

#include <termios.h>

#include <pklbrowse/app.h>
#include <pklbrowse/pkl_path.h>

#include "args.h"
#include "out.h"
#include "status.h"

/* code.c: a code that only the person knows, asked for at the terminal while the loop turns. */
struct cli_code {
    struct app *app;
    int fd;     /* the terminal while a question is open, or -1 */
    bool quiet; /* it does not show what is typed; `before` did */
    struct termios before;
    char text[128];
    size_t len;
};
void cli_code_init(struct cli_code *code, struct app *a);
void cli_code_release(struct cli_code *code);

struct cli {
    const struct args *args;
    struct app *app;
    struct out out;
    bool interrupted;
    bool progress;       /* stderr is a terminal */
    bool progress_shown; /* a line to wipe */
    uint64_t started;
    struct cli_code code;
};

/* Does what the arguments say; the exit status.  LC_CTYPE is set already. */
int cli_run(const struct args *args);
/* "pklbrowse: what, where, why (request id)" on stderr; the status that goes with it. */
int cli_error(const struct error *e);
/* The same for a command: what it printed comes first; silent when nobody reads our output any
 * more. */
int cli_fail(struct cli *c, const struct error *e);
void cli_print_stderr(const struct buf *text);
/* "region       ": a label of a line, in the person's language. */
void cli_label(struct buf *out, const char *label);
void cli_note(const struct cli *c, const char *fmt, ...) PB_PRINTF(2, 3); /* a message on stderr */
void cli_verbose(const struct cli *c, const char *fmt, ...) PB_PRINTF(2, 3); /* with --verbose */
/* What became of the bytes that were written over. */
void cli_kept(const struct cli *c, const char *file, bool not_kept);

/* Turns the loop until *done; transfers shows how far it is.  PB_ECANCELED once interrupted. */
enum pb_err cli_wait(struct cli *c, const bool *done,
                     void (*transfers)(void *ctx, struct http_progress *out), void *ctx,
                     struct error *e) PB_CHECK;
/* A LOCATION as typed: local ones made absolute. */
enum pb_err cli_location(const char *text, struct location *out, struct error *e) PB_CHECK;
/* Opens and waits until it is READY, BROKEN or NOT_PICKLE (then e is the object's own error, and
 * *out is given as well); anything else is the error. */
enum pb_err cli_open(struct cli *c, const struct location *loc, struct app_object **out,
                     struct error *e) PB_CHECK;
/* A whole file, "-" is stdin; at most BUF_MAX_TEXT. */
enum pb_err cli_read_file(struct cli *c, const char *name, struct buf *out,
                          struct error *e) PB_CHECK;
/* PATH of the command line; the message says at which character it is wrong. */
enum pb_err cli_path(struct arena *mem, const char *text, struct pkl_path *out,
                     struct error *e) PB_CHECK;
/* Of what takes whole objects only: what LOCATION!/FILE is when no object has that name. */
void cli_whole(struct error *e, const struct location *where);
/* "TEXT: why (at byte N)" */
enum pb_err cli_at(struct error *e, const char *text, size_t at);
/* "TEXT: why", of one operand among several */
void cli_of(struct error *e, const char *text);

/* help.c */
void help_program(struct buf *out);
void help_command(struct buf *out, enum command_id id);

/* json.c: names are bytes; what is not UTF-8 becomes \udcXX, as Python's surrogateescape reads it.
 */
void json_bytes(struct buf *out, const char *s, size_t n);
void json_time(struct buf *out, int64_t t);     /* ISO 8601, or null for 0 */
void json_text(struct buf *out, const char *s); /* a string, or null for NULL */
/* Members of an object, after a comma unless they are the first of it. */
void json_name(struct buf *out, const char *name);
void json_member(struct buf *out, const char *name, const char *value);
void json_member_time(struct buf *out, const char *name, int64_t t);
void json_member_number(struct buf *out, const char *name, uint64_t n);
void json_member_bool(struct buf *out, const char *name, bool yes);

#define COMMAND(id, name, min, max, operands, help) int cmd_##id(struct cli *c);
#include "commands.def"
#undef COMMAND
int cmd_screen(struct cli *c);

#endif

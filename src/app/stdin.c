/*
 * Standard input, read as it comes, without ever waiting for it.
 *
 * The descriptor may be shared with other programs, so it is not made non-blocking: it is read once
 * each time poll() says that there is something.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define PIECE ((size_t)64 * 1024)

struct stdin_reader {
    struct loop *loop;
    struct source *spool;
    void (*done)(void *ctx, const struct error *e);
    void *ctx;
    bool watching;
    char piece[PIECE];
};

static void stop(struct stdin_reader *r)
{
    if (r->watching)
        loop_unwatch_fd(r->loop, STDIN_FILENO);
    r->watching = false;
}

static void on_input(void *ctx)
{
    struct stdin_reader *r = ctx;
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    struct error error;
    enum pb_err err = PB_OK;
    ssize_t n;

    if (poll(&p, 1, 0) <= 0)
        return;
    n = read(STDIN_FILENO, r->piece, sizeof r->piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0)
        err = error_errno(&error, errno, "cannot read", _("standard input"));
    else if (n > 0)
        err = source_spool_append(r->spool, r->piece, (size_t)n, &error);
    if (err == PB_OK && n > 0) {
        loop_wake_jobs(r->loop);
        return;
    }
    stop(r);
    r->done(r->ctx, err != PB_OK ? &error : NULL);
}

enum pb_err stdin_reader_start(struct loop *l, struct source *spool,
                               void (*done)(void *ctx, const struct error *e), void *ctx,
                               struct stdin_reader **out, struct error *e)
{
    struct stdin_reader *r;
    enum pb_err err;

    *out = NULL;
    if (isatty(STDIN_FILENO))
        return error_set(e, PB_EUSAGE, "-: standard input is the terminal, not an object");
    r = mem_alloc(sizeof *r);
    if (r == NULL)
        return error_nomem(e);
    r->loop = l;
    r->spool = spool;
    r->done = done;
    r->ctx = ctx;
    err = loop_watch_fd(l, STDIN_FILENO, on_input, r, e);
    if (err != PB_OK) {
        free(r);
        return err;
    }
    r->watching = true;
    *out = r;
    return PB_OK;
}

void stdin_reader_free(struct stdin_reader *r)
{
    if (r == NULL)
        return;
    stop(r);
    free(r);
}

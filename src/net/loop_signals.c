/*
 * Signals through a pipe: the handler notes which and writes one byte.
 *
 * A handler has no argument of ours, so what it needs is static: for each signal the pipe of the
 * loop that asked for it, and whether it came.  The note is kept beside the byte because a full
 * pipe takes no more bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/mem.h>

#include "loop_internal.h"

static volatile sig_atomic_t wake_fd[NSIG]; /* descriptor + 1; 0: nobody's */
static volatile sig_atomic_t came[NSIG];

static void handler(int signo)
{
    int saved = errno, fd = wake_fd[signo] - 1;
    ssize_t n = 0;

    came[signo] = 1;
    if (fd >= 0)
        n = write(fd, "", 1);
    (void)n; /* full: then there is a byte already */
    errno = saved;
}

enum pb_err loop_signals_init(struct loop *l, struct error *e)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (pipe2(l->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_errno(e, errno, "cannot make", "a pipe");
    if (sigaction(SIGPIPE, NULL, &l->sigpipe_before) == 0 &&
        l->sigpipe_before.sa_handler == SIG_DFL && sigaction(SIGPIPE, &ignore, NULL) == 0)
        l->sigpipe_ours = true;
    return PB_OK;
}

static struct loop_signal *find(struct loop *l, int signo)
{
    for (size_t i = 0; i < l->signals.len; i++) {
        if (l->signals.data[i].signo == signo)
            return &l->signals.data[i];
    }
    return NULL;
}

static void give_back(struct loop *l, struct loop_signal *s)
{
    if (wake_fd[s->signo] == l->pipe[1] + 1) {
        sigaction(s->signo, &s->before, NULL);
        wake_fd[s->signo] = 0;
        came[s->signo] = 0;
    }
    *s = l->signals.data[--l->signals.len];
}

enum pb_err loop_on_signal(struct loop *l, int signo, loop_fn fn, void *ctx, struct error *e)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct loop_signal *known, s = {.signo = signo, .fn = fn, .ctx = ctx};

    if (signo <= 0 || signo >= NSIG)
        return error_set(e, PB_EIO, "there is no signal %d", signo);
    known = find(l, signo);
    if (fn == NULL) {
        if (known != NULL)
            give_back(l, known);
        return PB_OK;
    }
    if (known != NULL) {
        known->fn = fn;
        known->ctx = ctx;
        return PB_OK;
    }
    if (!vec_reserve(&l->signals, l->signals.len + 1))
        return error_nomem(e);
    came[signo] = 0;
    wake_fd[signo] = l->pipe[1] + 1;
    sigemptyset(&action.sa_mask);
    if (sigaction(signo, &action, &s.before) != 0) {
        wake_fd[signo] = 0;
        return error_errno(e, errno, "cannot handle", strsignal(signo));
    }
    l->signals.data[l->signals.len++] = s;
    return PB_OK;
}

bool loop_signals_run(struct loop *l)
{
    char bytes[64];
    bool some = false;

    while (read(l->pipe[0], bytes, sizeof bytes) > 0)
        some = true;
    if (!some)
        return false;
    loop_children_reap(l);
    /* By number, since a function may take itself or others out of the list. */
    for (int signo = 1; signo < NSIG; signo++) {
        struct loop_signal *s = wake_fd[signo] == l->pipe[1] + 1 ? find(l, signo) : NULL;

        if (s == NULL || !came[signo])
            continue;
        came[signo] = 0;
        l->ran = true;
        s->fn(s->ctx);
    }
    return true;
}

void loop_signals_free(struct loop *l)
{
    while (l->signals.len > 0)
        give_back(l, &l->signals.data[l->signals.len - 1]);
    vec_release(&l->signals);
    if (l->sigpipe_ours)
        sigaction(SIGPIPE, &l->sigpipe_before, NULL);
    for (int i = 0; i < 2; i++) {
        if (l->pipe[i] >= 0)
            close(l->pipe[i]);
    }
}

/* Children: a command run beside the loop, its output read as it comes, its end told by SIGCHLD. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "loop_internal.h"

#define STDERR_MAX ((size_t)4096)
/* How long loop_free() waits for what it has killed; what is left then becomes init's. */
#define REAP_MS 100

struct loop_child {
    struct ring ring; /* first */
    struct loop *loop;
    pid_t pid;
    bool ended, orphan; /* orphan: killed by loop_kill(), only to be reaped */
    int status;
    int out, err, exec; /* our ends of the pipes, or -1; exec tells why it could not be started */
    struct buf output, errors;
    size_t max_output;
    loop_timer timer;
    uint64_t timeout_ms;
    char name[128];
    struct error error; /* why we killed it */
    void (*done)(void *ctx, int status, const struct buf *out, const struct error *e);
    void *ctx;
};

/* ---------------------------------------------------------------------------- in the child */

/* Between fork and exec: only what may be called in a signal handler (a look-up thread may have
 * held any lock when we forked). */

static void close_above(int last)
{
    long most;

    if (close_range((unsigned)last + 1, ~0u, 0) == 0)
        return;
    most = sysconf(_SC_OPEN_MAX);
    if (most < 0 || most > 65536)
        most = 65536;
    for (int fd = last + 1; fd < (int)most; fd++)
        close(fd);
}

static void default_signals(void)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The descriptors given are all above 3. */
__attribute__((noreturn)) static void become(char *const argv[], int in, int out, int err, int exec)
{
    int why;

    setsid();
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2 &&
        dup3(exec, 3, O_CLOEXEC) == 3) {
        close_above(3);
        default_signals();
        execvp(argv[0], argv);
        exec = 3;
    }
    why = errno;
    if (write(exec, &why, sizeof why) < 0)
        _exit(126);
    _exit(127);
}

/* --------------------------------------------------------------------------- in the parent */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe whose ends are above 3, so that the child can put them in their places in any order. */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        int high = fcntl(ends[i], F_DUPFD_CLOEXEC, 4);

        close(ends[i]);
        ends[i] = high;
    }
    return ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static pid_t start(struct loop_child *c, char *const argv[])
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int in, null, why = 0;
    sigset_t all, before;
    pid_t pid = -1;

    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    in = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, 4);
    close_fd(&null);
    if (in >= 0 && make_pipe(pipes[0]) && make_pipe(pipes[1]) && make_pipe(pipes[2])) {
        /* No signal may reach our handlers in the child: they would write into the parent's pipe.
         */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = fork();
        if (pid == 0)
            become(argv, in, pipes[0][1], pipes[1][1], pipes[2][1]);
        why = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    } else {
        why = errno;
    }
    close_fd(&in);
    for (int i = 0; i < 3; i++) {
        close_fd(&pipes[i][1]);
        if (pid < 0)
            close_fd(&pipes[i][0]);
    }
    c->out = pipes[0][0];
    c->err = pipes[1][0];
    c->exec = pipes[2][0];
    errno = why;
    return pid;
}

static void child_kill(struct loop_child *c)
{
    if (c->ended)
        return;
    /* Before it has called setsid() there is no such group. */
    if (kill(-c->pid, SIGKILL) != 0)
        kill(c->pid, SIGKILL);
}

static void fail(struct loop_child *c, enum pb_err code, const char *why)
{
    if (c->error.code == PB_OK)
        error_set(&c->error, code, "%s %s", c->name, _(why));
    child_kill(c);
}

static void child_close(struct loop_child *c)
{
    loop_timer_stop(c->loop, c->timer);
    c->timer = 0;
    if (c->out >= 0)
        loop_unwatch_fd(c->loop, c->out);
    if (c->err >= 0)
        loop_unwatch_fd(c->loop, c->err);
    close_fd(&c->out);
    close_fd(&c->err);
    close_fd(&c->exec);
}

static void child_free(struct loop_child *c)
{
    child_close(c);
    ring_remove(&c->ring);
    buf_release(&c->output);
    buf_release(&c->errors);
    free(c);
}

static void read_output(void *ctx)
{
    struct loop_child *c = ctx;
    char bytes[16384];
    ssize_t n;

    while (c->out >= 0 && (n = read(c->out, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if ((size_t)n > c->max_output - c->output.len) {
            fail(c, PB_ELIMIT, "wrote more than is wanted of it");
            break;
        }
        buf_append(&c->output, bytes, (size_t)n);
        if (c->output.failed != PB_OK) {
            fail(c, PB_ENOMEM, "wrote more than there is memory for");
            break;
        }
    }
    if (c->out >= 0) {
        loop_unwatch_fd(c->loop, c->out);
        close_fd(&c->out);
    }
}

static void read_errors(void *ctx)
{
    struct loop_child *c = ctx;
    char bytes[4096];
    ssize_t n;

    while ((n = read(c->err, bytes, sizeof bytes)) != 0) {
        size_t room = STDERR_MAX - c->errors.len;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        buf_append(&c->errors, bytes, (size_t)n < room ? (size_t)n : room);
    }
    loop_unwatch_fd(c->loop, c->err);
    close_fd(&c->err);
}

static void timed_out(void *ctx)
{
    struct loop_child *c = ctx;
    char why[64];

    c->timer = 0;
    snprintf(why, sizeof why, _("did not end within %.1f s"), (double)c->timeout_ms / 1000);
    fail(c, PB_ETIMEOUT, why);
}

/* It has ended; what it wrote is in the pipes.  We do not wait for their ends: a grandchild may
 * keep them open. */
static void conclude(struct loop_child *c)
{
    void (*done)(void *, int, const struct buf *, const struct error *) = c->done;
    int why = 0;

    if (c->out >= 0)
        read_output(c);
    if (c->err >= 0)
        read_errors(c);
    if (c->error.code == PB_OK && read(c->exec, &why, sizeof why) == (ssize_t)sizeof why)
        error_errno(&c->error, why, "cannot run", c->name);
    log_line("%s ended with status %d", c->name, c->status);
    child_close(c);
    ring_remove(&c->ring);
    c->loop->ran = c->loop->wake = true;
    done(c->ctx, c->status, &c->output, c->error.code == PB_OK ? NULL : &c->error);
    child_free(c);
}

static bool reap(struct loop_child *c)
{
    int status;
    pid_t pid;

    do {
        pid = waitpid(c->pid, &status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    c->ended = true;
    /* Reaped by somebody else (a SIGCHLD that was ignored): its status is lost. */
    c->status = pid < 0 ? 127 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (pid < 0)
        error_set(&c->error, PB_EIO, "the exit status of %s is lost", c->name);
    return true;
}

void loop_children_reap(struct loop *l)
{
    struct ring ended;

    ring_init(&ended);
    for (struct ring *r = l->children.next, *next; r != &l->children; r = next) {
        struct loop_child *c = (struct loop_child *)r;

        next = r->next;
        if (!reap(c))
            continue;
        ring_remove(r);
        ring_append(&ended, r);
    }
    /* One at a time: done() may kill another that has ended as well. */
    while (!ring_empty(&ended)) {
        struct loop_child *c = (struct loop_child *)ended.next;

        if (c->orphan)
            child_free(c);
        else
            conclude(c);
    }
}

static void nothing(void *ctx)
{
    (void)ctx; /* every signal makes the loop look after its children */
}

static void set_name(struct loop_child *c, const char *name)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    text_escape_cols(&text, name, strlen(name), sizeof c->name / 4 - 1);
    snprintf(c->name, sizeof c->name, "%s", text.data);
    buf_release(&text);
}

enum pb_err loop_spawn(struct loop *l, char *const argv[], size_t max_output, uint64_t timeout_ms,
                       void (*done)(void *ctx, int status, const struct buf *out,
                                    const struct error *e),
                       void *ctx, struct loop_child **child, struct error *e)
{
    struct loop_child *c;
    enum pb_err rc = PB_OK;

    *child = NULL;
    if (l->interrupted)
        return error_set(e, PB_ECANCELED, "cancelled");
    if (!l->sigchld) {
        rc = loop_on_signal(l, SIGCHLD, nothing, NULL, e);
        if (rc != PB_OK)
            return rc;
        l->sigchld = true;
    }
    c = mem_alloc(sizeof *c);
    if (c == NULL)
        return error_nomem(e);
    ring_init(&c->ring);
    c->loop = l;
    c->done = done;
    c->ctx = ctx;
    c->timeout_ms = timeout_ms;
    c->max_output = max_output;
    buf_init(&c->output, max_output);
    buf_init(&c->errors, STDERR_MAX);
    c->out = c->err = c->exec = -1;
    set_name(c, argv[0]);
    c->pid = start(c, argv);
    if (c->pid < 0) {
        rc = error_errno(e, errno, "cannot start", c->name);
        child_free(c);
        return rc;
    }
    ring_append(&l->children, &c->ring);
    rc = loop_watch_fd(l, c->out, read_output, c, e);
    if (rc == PB_OK)
        rc = loop_watch_fd(l, c->err, read_errors, c, e);
    if (rc == PB_OK && timeout_ms > 0) {
        c->timer = loop_timer_start(l, timeout_ms, timed_out, c);
        if (c->timer == 0)
            rc = error_nomem(e);
    }
    if (rc != PB_OK) {
        loop_kill(l, c);
        return rc;
    }
    *child = c;
    return PB_OK;
}

const struct buf *loop_child_stderr(const struct loop_child *child)
{
    return &child->errors;
}

void loop_kill(struct loop *l, struct loop_child *child)
{
    (void)l;
    child_kill(child);
    child_close(child);
    child->orphan = true; /* freed when it is reaped */
}

bool loop_children_pending(const struct loop *l)
{
    for (const struct ring *r = l->children.next; r != &l->children; r = r->next) {
        if (!((const struct loop_child *)r)->orphan)
            return true;
    }
    return false;
}

void loop_children_cancel(struct loop *l)
{
    for (struct ring *r = l->children.next; r != &l->children; r = r->next)
        fail((struct loop_child *)r, PB_ECANCELED, "was cancelled");
}

void loop_children_free(struct loop *l)
{
    for (struct ring *r = l->children.next; r != &l->children; r = r->next)
        child_kill((struct loop_child *)r);
    for (int ms = 0; ms <= REAP_MS && !ring_empty(&l->children); ms++) {
        for (struct ring *r = l->children.next, *next; r != &l->children; r = next) {
            next = r->next;
            if (reap((struct loop_child *)r))
                child_free((struct loop_child *)r);
        }
        if (!ring_empty(&l->children))
            poll(NULL, 0, 1);
    }
    while (!ring_empty(&l->children))
        child_free((struct loop_child *)l->children.next);
}

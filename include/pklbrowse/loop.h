/* floor 2: net */
/*
 * One thread, one wait.
 *
 * The loop owns the only wait of the program: curl_multi_poll on the transfers, the terminal, a
 * self-pipe (signals write to it) and the next timer.  Everything that takes long is a transfer, a
 * job (stepped a few milliseconds a turn) or a child process.  Callbacks are called from
 * loop_turn() only, never from inside the function that registered them; a callback may register,
 * cancel and free freely (but not the loop itself).  Single thread: no other thread sees our state,
 * no work is done in signal handlers.
 *
 * While a loop lives SIGPIPE is ignored (a connection that went away is an error value), unless the
 * program has a handler of its own.
 */
#ifndef PKLBROWSE_LOOP_H
#define PKLBROWSE_LOOP_H

#include <pklbrowse/buf.h>
#include <pklbrowse/job.h>

struct loop;
typedef void (*loop_fn)(void *ctx);

enum pb_err loop_new(struct loop **out, struct error *e) PB_CHECK;
/* Cancels transfers and jobs (their callbacks are not called), ends children.  NULL is fine. */
void loop_free(struct loop *l);

/* One turn: transfers, due timers, posted calls, jobs; then, when nothing was to do, a wait of at
 * most max_wait_ms (-1: until something happens), and what it brought: signals, readable
 * descriptors. PB_OK, or the loop itself is broken. */
enum pb_err loop_turn(struct loop *l, int max_wait_ms, struct error *e) PB_CHECK;
/* Turns until *done is true.  For batch commands.  An error when nothing is left that could make it
 * true. */
enum pb_err loop_until(struct loop *l, const bool *done, struct error *e) PB_CHECK;
/* No transfer, job, posted call, child or due timer pending (timers in the future do not count):
 * screen scripts read their next key only then. */
bool loop_idle(const struct loop *l);

/* The person pressed ^C in a batch command: transfers, jobs and children that are pending fail with
 * PB_ECANCELED (their callbacks come in the next turns), and so does whatever is started from now
 * on. */
void loop_interrupt(struct loop *l);
bool loop_interrupted(const struct loop *l);

/* A descriptor to read from (the terminal): fn is called in every turn in which it is readable or
 * at its end, and after a signal or an early return of the wait, since a read may have more than
 * poll sees: so fn must not block when there is nothing.  One watch a descriptor; unwatch before
 * closing it. */
enum pb_err loop_watch_fd(struct loop *l, int fd, loop_fn fn, void *ctx, struct error *e) PB_CHECK;
void loop_unwatch_fd(struct loop *l, int fd);

/* Timers: one shot, never early.  id 0 is none (out of memory). */
typedef uint64_t loop_timer;
loop_timer loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn fn, void *ctx);
void loop_timer_stop(struct loop *l, loop_timer id); /* unknown ids are fine */

/* Calls fn(ctx) in the next turn, in the order of posting.  loop_unpost withdraws all with this
 * ctx. */
enum pb_err loop_post(struct loop *l, loop_fn fn, void *ctx, struct error *e) PB_CHECK;
void loop_unpost(struct loop *l, void *ctx);

/* Jobs share JOB_BUDGET_US a turn, one after the other; when one is done job->finished is called
 * and the loop forgets it.  A JOB_WAITING job is stepped again when anything has happened since:
 * bytes of a transfer, a timer, a posted call, output of a child, a step of another job; or
 * loop_wake_jobs(). */
enum pb_err loop_add_job(struct loop *l, struct job *j, struct error *e) PB_CHECK;
void loop_remove_job(struct loop *l, struct job *j); /* without calling finished */
void loop_wake_jobs(struct loop *l);

/* Signals through the self-pipe: fn runs in a turn, not in the handler; several of the same signal
 * may become one call.  One fn a signal; NULL gives the signal back to whoever had it before.  A
 * signal belongs to the loop that asked last. */
enum pb_err loop_on_signal(struct loop *l, int signo, loop_fn fn, void *ctx,
                           struct error *e) PB_CHECK;

/* A command run beside the loop (credential_process): argv without a shell, in a session of its own
 * (it cannot touch our terminal), no descriptor of ours open, stdin from /dev/null, stdout captured
 * up to max_output bytes.  done() gets the exit status (128 + signal when killed) and what it
 * wrote; e is NULL when it ran to its end, whatever the status.  Else: PB_ENOTFOUND, PB_EDENIED,
 * PB_EIO (not started), PB_ETIMEOUT (timeout_ms, 0: none), PB_ELIMIT (more than max_output),
 * PB_ECANCELED; it was killed, and its whole process group. */
struct loop_child;
enum pb_err loop_spawn(struct loop *l, char *const argv[], size_t max_output, uint64_t timeout_ms,
                       void (*done)(void *ctx, int status, const struct buf *out,
                                    const struct error *e),
                       void *ctx, struct loop_child **child, struct error *e) PB_CHECK;
/* The beginning of what it wrote to stderr, raw.  Valid until done() returns. */
const struct buf *loop_child_stderr(const struct loop_child *child);
void loop_kill(struct loop *l, struct loop_child *child); /* done() is not called */

#endif

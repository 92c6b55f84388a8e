/* floor 2: net */
/*
 * One thread, one wait.
 *
 * The loop owns the only wait of the program: curl_multi_poll on the transfers, the terminal, a
 * self-pipe (signals write to it) and the next timer.  Everything that takes long is a transfer, a
 * job (stepped a few milliseconds a turn) or a child process.  Callbacks are called from
 * loop_turn() only, never from inside the function that registered them; a callback may register,
 * cancel and free freely.  Single thread: no other thread sees our state, no work is done in signal
 * handlers.
 */
#ifndef PKLBROWSE_LOOP_H
#define PKLBROWSE_LOOP_H

#include <pklbrowse/buf.h>
#include <pklbrowse/job.h>

struct loop;
typedef void (*loop_fn)(void *ctx);

enum pb_err loop_new(struct loop **out, struct error *e) PB_CHECK;
void loop_free(struct loop *l); /* cancels transfers and jobs (their callbacks are not called), ends
                                   children */

/* One turn: transfers, due timers, posted calls, jobs, then wait at most max_wait_ms (-1: until
 * something happens) when nothing was to do.  PB_OK, or the loop itself is broken. */
enum pb_err loop_turn(struct loop *l, int max_wait_ms, struct error *e) PB_CHECK;
/* Turns until *done is true.  For batch commands.  A cancel (loop_interrupt) makes pending work
 * fail, so that *done comes. */
enum pb_err loop_until(struct loop *l, const bool *done, struct error *e) PB_CHECK;
/* No transfer, job, posted call, child or due timer pending (timers in the future do not count):
 * screen scripts read their next key only then. */
bool loop_idle(const struct loop *l);

/* A descriptor to read from (the terminal): fn is called every turn in which it is readable, and
 * after a signal, since a read may have more than poll sees. */
enum pb_err loop_watch_fd(struct loop *l, int fd, loop_fn fn, void *ctx, struct error *e) PB_CHECK;
void loop_unwatch_fd(struct loop *l, int fd);

/* Timers: one shot.  id 0 is none. */
typedef uint64_t loop_timer;
loop_timer loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn fn, void *ctx);
void loop_timer_stop(struct loop *l, loop_timer id); /* unknown ids are fine */

/* Calls fn(ctx) in the next turn.  A pending call can be withdrawn by its ctx. */
enum pb_err loop_post(struct loop *l, loop_fn fn, void *ctx, struct error *e) PB_CHECK;
void loop_unpost(struct loop *l, void *ctx);

/* Jobs are stepped in turn until they are done; then job->finished is called and the loop forgets
 * them. A JOB_WAITING job is stepped again after any transfer made progress. */
enum pb_err loop_add_job(struct loop *l, struct job *j, struct error *e) PB_CHECK;
void loop_remove_job(struct loop *l, struct job *j); /* without calling finished */

/* Signals through the self-pipe: fn runs in a turn, not in the handler. */
enum pb_err loop_on_signal(struct loop *l, int signo, loop_fn fn, void *ctx,
                           struct error *e) PB_CHECK;

/* A command run beside the loop (credential_process): argv without a shell, stdin from /dev/null,
 * stdout captured up to max_output bytes.  done() gets the exit status (128 + signal when killed).
 */
struct loop_child;
enum pb_err loop_spawn(struct loop *l, char *const argv[], size_t max_output, uint64_t timeout_ms,
                       void (*done)(void *ctx, int status, const struct buf *out,
                                    const struct error *e),
                       void *ctx, struct loop_child **child, struct error *e) PB_CHECK;
void loop_kill(struct loop *l, struct loop_child *child); /* done() is not called */

#endif

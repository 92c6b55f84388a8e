/*
 * Credentials that end: who waits for them, when they are renewed.  Knows neither whose they are
 * nor how they are got.  Private to auth.
 */
#ifndef AUTH_RENEWAL_H
#define AUTH_RENEWAL_H

#include <pklbrowse/loop.h>

#include <pklbrowse/mem.h>

typedef void (*auth_ready_fn)(void *ctx, const struct error *e);

struct auth_renewal_kind {
    const char *what; /* "the token": for the log */
    /* Before their end: they are renewed beside the work, and before anything else.  Those of a
     * short life get a part of it. */
    int64_t renew_s, must_s;
    int64_t retry_s; /* after a renewal beside the work failed */
    /* Begins to get new ones; auth_renewal_end() comes, perhaps at once. */
    void (*begin)(void *ctx);
};

struct auth_renewal {
    const struct auth_renewal_kind *kind;
    struct loop *loop;
    void *ctx;
    struct auth_waiters {
        struct auth_waiter {
            auth_ready_fn ready;
            void *ctx;
        } * data;
        size_t len, cap;
    } waiters;              /* in the order of their coming */
    bool held;              /* there are some */
    bool refused;           /* a server said that they have ended */
    bool starting, running; /* starting: in the next turn */
    int64_t expires;        /* 0: not known */
    int64_t renew_at, must_at;
    int64_t skew; /* the clock of whoever gives them less ours, once it complained */
};

void auth_renewal_init(struct auth_renewal *r, const struct auth_renewal_kind *kind, struct loop *l,
                       void *ctx);
void auth_renewal_release(
    struct auth_renewal *r); /* nobody is told; one that was never begun too */
/* By the clock of whoever gives them, as far as that is known. */
int64_t auth_renewal_now(const struct auth_renewal *r);
/* There are new ones, until expires (0: not known). */
void auth_renewal_took(struct auth_renewal *r, int64_t expires);
/* What begin() began is over: who waits is told, of e only if those that there are do not hold. */
void auth_renewal_end(struct auth_renewal *r, const struct error *e);

/* May they be used at once?  May begin to renew them. */
bool auth_renewal_ready(struct auth_renewal *r);
/* ready() comes once, in a later turn. */
enum pb_err auth_renewal_wait(struct auth_renewal *r, auth_ready_fn ready, void *ctx,
                              struct error *e) PB_CHECK;
void auth_renewal_forget(struct auth_renewal *r, const void *ctx);

#endif

/* Who waits for credentials: told once, in the order of their coming.  Private to auth. */
#ifndef AUTH_WAITERS_H
#define AUTH_WAITERS_H

#include <pklbrowse/mem.h>

typedef void (*auth_ready_fn)(void *ctx, const struct error *e);
struct auth_waiters {
    struct auth_waiter {
        auth_ready_fn ready;
        void *ctx;
    } * data;
    size_t len, cap; /* vec_release() when it is over: nobody is told */
};

bool auth_waiters_add(struct auth_waiters *w, auth_ready_fn ready,
                      void *ctx); /* false: no memory */
void auth_waiters_forget(struct auth_waiters *w, const void *ctx);
/* Everybody who waits now; whoever comes during that waits anew. */
void auth_waiters_tell(struct auth_waiters *w, const struct error *e);

#endif

#include "renewal.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>

static void take_out(struct auth_waiters *w, size_t i)
{
    w->len--;
    memmove(w->data + i, w->data + i + 1, (w->len - i) * sizeof *w->data);
}

/* Everybody who waits now; whoever comes during that waits anew. */
static void tell(struct auth_waiters *w, const struct error *e)
{
    size_t left = w->len;

    while (left-- > 0 && w->len > 0) {
        struct auth_waiter first = w->data[0];

        take_out(w, 0);
        first.ready(first.ctx, e);
    }
}

void auth_renewal_init(struct auth_renewal *r, const struct auth_renewal_kind *kind, struct loop *l,
                       void *ctx)
{
    *r = (struct auth_renewal){.kind = kind, .loop = l, .ctx = ctx};
}

void auth_renewal_release(struct auth_renewal *r)
{
    if (r->loop)
        loop_unpost(r->loop, r);
    vec_release(&r->waiters);
}

int64_t auth_renewal_now(const struct auth_renewal *r)
{
    return clock_now() + r->skew;
}

void auth_renewal_took(struct auth_renewal *r, int64_t expires)
{
    int64_t life = expires - auth_renewal_now(r);
    int64_t renew_s = r->kind->renew_s, must_s = r->kind->must_s;

    r->held = true;
    r->refused = false;
    r->expires = expires;
    r->renew_at = r->must_at = 0;
    if (expires == 0)
        return;
    r->renew_at = expires - (life / 2 < renew_s ? life / 2 : renew_s);
    r->must_at = expires - (life / 4 < must_s ? life / 4 : must_s);
}

void auth_renewal_end(struct auth_renewal *r, const struct error *e)
{
    int64_t now = auth_renewal_now(r);
    bool usable = r->held && !r->refused && (r->expires == 0 || r->expires > now);

    r->running = false;
    if (e && usable) { /* what we have still holds: later again */
        log_line("%s could not be renewed: %s", r->kind->what, e->msg);
        r->renew_at = now + r->kind->retry_s;
        if (r->must_at < r->renew_at)
            r->must_at = r->expires < r->renew_at ? r->expires : r->renew_at;
        e = NULL;
    }
    tell(&r->waiters, e);
}

static void begin(void *ctx)
{
    struct auth_renewal *r = ctx;
    struct error e = {0};

    r->starting = false;
    if (loop_interrupted(r->loop)) {
        (void)error_set(&e, PB_ECANCELED, "cancelled");
        tell(&r->waiters, &e);
        return;
    }
    r->running = true;
    r->kind->begin(r->ctx);
}

static enum pb_err begin_soon(struct auth_renewal *r, struct error *e)
{
    enum pb_err err;

    if (r->running || r->starting)
        return PB_OK;
    err = loop_post(r->loop, begin, r, e);
    r->starting = err == PB_OK;
    return err;
}

bool auth_renewal_ready(struct auth_renewal *r)
{
    int64_t now = auth_renewal_now(r);

    if (!r->held || r->refused || (r->must_at != 0 && now >= r->must_at))
        return false;
    if (r->renew_at != 0 && now >= r->renew_at && begin_soon(r, NULL) != PB_OK)
        log_line("no memory to renew %s", r->kind->what);
    return true;
}

enum pb_err auth_renewal_wait(struct auth_renewal *r, auth_ready_fn ready, void *ctx,
                              struct error *e)
{
    const struct auth_waiter one = {ready, ctx};
    enum pb_err err = begin_soon(r, e);

    if (err == PB_OK && !vec_push(&r->waiters, one))
        err = error_nomem(e);
    return err;
}

void auth_renewal_forget(struct auth_renewal *r, const void *ctx)
{
    for (size_t i = 0; i < r->waiters.len;) {
        if (r->waiters.data[i].ctx == ctx)
            take_out(&r->waiters, i);
        else
            i++;
    }
}

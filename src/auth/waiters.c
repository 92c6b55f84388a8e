#include <string.h>

#include "waiters.h"

static void take_out(struct auth_waiters *w, size_t i)
{
    w->len--;
    memmove(w->data + i, w->data + i + 1, (w->len - i) * sizeof *w->data);
}

bool auth_waiters_add(struct auth_waiters *w, auth_ready_fn ready, void *ctx)
{
    const struct auth_waiter one = {ready, ctx};

    return vec_push(w, one);
}

void auth_waiters_forget(struct auth_waiters *w, const void *ctx)
{
    size_t i;

    for (i = 0; i < w->len;) {
        if (w->data[i].ctx == ctx)
            take_out(w, i);
        else
            i++;
    }
}

void auth_waiters_tell(struct auth_waiters *w, const struct error *e)
{
    size_t left = w->len;

    while (left-- > 0 && w->len > 0) {
        struct auth_waiter first = w->data[0];

        take_out(w, 0);
        first.ready(first.ctx, e);
    }
}

/*
 * A local file that is open is watched: what somebody else does to it is noticed when it happens,
 * or, where the system tells nothing (a network folder), when the person comes back to it.
 *
 * The system only says that something happened to the file; the store is asked what is there now.
 * A save of ours puts another file in its place, which is then the one to watch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define SETTLE_MS 150 /* a writer seldom stops after one call */

struct watch {
    struct app_object *o;
    int fd;
    loop_timer timer;
    struct store_op *op; /* the look, or the opening of what is to be watched next */
    bool lost;           /* the file that was watched may not be the one that is there */
};

static void look_later(struct watch *w);

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    loop_timer_stop(w->o->app->loop, w->timer);
    store_op_cancel(w->op);
    if (w->fd >= 0) {
        loop_unwatch_fd(w->o->app->loop, w->fd);
        (void)close(w->fd);
    }
    free(w);
}

/* By its descriptor: looking a path up could hang. */
static bool add(const struct watch *w, int file)
{
    char path[40];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return inotify_add_watch(w->fd, path,
                             IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF |
                                 IN_DELETE_SELF) >= 0;
}

static void on_event(void *ctx)
{
    struct watch *w = ctx;
    char events[4096];
    bool any = false;

    while (read(w->fd, events, sizeof events) > 0)
        any = true;
    if (any)
        look_later(w);
}

/* What is watched next: what is there now, which is ours. */
static void on_opened(void *ctx, int fd, const struct error *e)
{
    struct watch *w = ctx;

    w->op = NULL;
    if (e != NULL)
        return;
    if (add(w, fd))
        look_later(w); /* it may have been exchanged just before */
    (void)close(fd);
}

static void outdated(struct watch *w, const char *how)
{
    struct app_object *o = w->o;

    if (o->outdated == how)
        return;
    o->outdated = how;
    if (o->changed != NULL)
        o->changed(o->ctx, o);
}

static void on_look(void *ctx, const struct store_object *now, const struct error *e)
{
    struct watch *w = ctx;
    struct app_object *o = w->o;
    bool again = w->lost;
    struct error error;

    w->op = NULL;
    w->lost = false;
    if (o->save != NULL) { /* ours: looked at again when it is over */
        look_later(w);
    } else if (e != NULL && e->code == PB_ENOTFOUND) {
        outdated(w, N_("removed"));
    } else if (e == NULL && !store_identity_same(&o->info.identity, &now->identity)) {
        outdated(w, N_("changed"));
    } else if (e == NULL && again && w->fd >= 0) {
        w->op = o->spot.store->ops->open(o->spot.store, o->spot.container, o->spot.key,
                                         o->spot.key_len, on_opened, w, &error);
    }
}

static void look(void *ctx)
{
    struct watch *w = ctx;
    struct app_object *o = w->o;
    struct error error;

    w->timer = 0;
    if (o->save != NULL) {
        look_later(w);
        return;
    }
    if (w->op == NULL)
        w->op = o->spot.store->ops->head(o->spot.store, o->spot.container, o->spot.key,
                                         o->spot.key_len, NULL, on_look, w, &error);
}

static void look_later(struct watch *w)
{
    if (w->timer == 0)
        w->timer = loop_timer_start(w->o->app->loop, SETTLE_MS, look, w);
}

void watch_start(struct app_object *o, int file)
{
    struct watch *w;
    struct error e;

    if (o->watch != NULL) { /* begun again: it was exchanged while it was opened */
        (void)add(o->watch, file);
        return;
    }
    w = mem_alloc(sizeof *w);
    if (w == NULL)
        return; /* noticed by whoever saves */
    w->o = o;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0 &&
        (!add(w, file) || loop_watch_fd(o->app->loop, w->fd, on_event, w, &e) != PB_OK)) {
        (void)close(w->fd);
        w->fd = -1;
    }
    if (w->fd < 0)
        log_line("the system does not tell when a file changes: looked at on return");
    o->watch = w;
}

void watch_saved(struct app_object *o)
{
    o->outdated = NULL;
    if (o->watch == NULL)
        return;
    o->watch->lost = true;
    look_later(o->watch);
}

void app_object_glance(struct app_object *o)
{
    if (o->watch != NULL && o->outdated == NULL)
        look_later(o->watch);
}

const char *app_object_outdated(const struct app_object *o)
{
    return o->outdated;
}

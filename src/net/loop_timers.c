/* Timers: a binary heap by due time; equal times in the order they were started. */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>

#include "loop_internal.h"

static bool earlier(const struct loop_timer_entry *a, const struct loop_timer_entry *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->id < b->id;
}

static void swap(struct loop_timer_entry *a, struct loop_timer_entry *b)
{
    struct loop_timer_entry t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct loop *l, size_t i)
{
    struct loop_timer_entry *v = l->timers.data;

    while (i > 0 && earlier(&v[i], &v[(i - 1) / 2])) {
        swap(&v[i], &v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct loop *l, size_t i)
{
    struct loop_timer_entry *v = l->timers.data;
    size_t n = l->timers.len;

    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            if (earlier(&v[child], &v[least]))
                least = child;
        }
        if (least == i)
            return;
        swap(&v[i], &v[least]);
        i = least;
    }
}

static void remove_at(struct loop *l, size_t i)
{
    l->timers.data[i] = l->timers.data[--l->timers.len];
    if (i < l->timers.len) {
        sift_up(l, i);
        sift_down(l, i);
    }
}

loop_timer loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn fn, void *ctx)
{
    uint64_t now = clock_mono_us(), wait;
    struct loop_timer_entry t = {.fn = fn, .ctx = ctx};

    if (__builtin_mul_overflow(after_ms, (uint64_t)1000, &wait) ||
        __builtin_add_overflow(now, wait, &t.due_us))
        t.due_us = UINT64_MAX;
    t.id = l->last_timer + 1;
    if (!vec_push(&l->timers, t))
        return 0;
    l->last_timer++;
    sift_up(l, l->timers.len - 1);
    return t.id;
}

/* Linear: there are as many timers as transfers under way, and most are short-lived. */
void loop_timer_stop(struct loop *l, loop_timer id)
{
    for (size_t i = 0; id != 0 && i < l->timers.len; i++) {
        if (l->timers.data[i].id == id) {
            remove_at(l, i);
            return;
        }
    }
}

/* What is started by a timer's function, even with no delay, waits for the next turn: otherwise two
 * that start each other would keep the turn from ending. */
void loop_timers_run(struct loop *l)
{
    uint64_t now = clock_mono_us();
    loop_timer last = l->last_timer;

    while (l->timers.len > 0 && l->timers.data[0].due_us <= now && l->timers.data[0].id <= last) {
        struct loop_timer_entry t = l->timers.data[0];

        remove_at(l, 0);
        l->ran = l->wake = true;
        t.fn(t.ctx);
    }
}

uint64_t loop_timers_next(const struct loop *l)
{
    uint64_t now;

    if (l->timers.len == 0)
        return UINT64_MAX;
    now = clock_mono_us();
    return l->timers.data[0].due_us > now ? l->timers.data[0].due_us - now : 0;
}

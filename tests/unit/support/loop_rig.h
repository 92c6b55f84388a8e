/* A loop for a test's whole life, and how long things took.  Include after cmocka.h. */
#ifndef LOOP_RIG_H
#define LOOP_RIG_H

#include <pklbrowse/clock.h>
#include <pklbrowse/loop.h>

static int loop_setup(void **state)
{
    struct loop *l;

    if (loop_new(&l, NULL) != PB_OK)
        return -1;
    *state = l;
    return 0;
}

static int loop_teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void turn(struct loop *l, int max_wait_ms)
{
    struct error e;

    if (loop_turn(l, max_wait_ms, &e) != PB_OK)
        fail_msg("%s", e.msg);
}

/* In ms, of clock_mono_us(). */
static uint64_t since(uint64_t before)
{
    return (clock_mono_us() - before) / 1000;
}

#endif

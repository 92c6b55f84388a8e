/* Credentials that end: when they count, when new ones are asked for, who is told what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pklbrowse/clock.h>

#include "auth/renewal.h"

struct rig {
    struct loop *loop;
    struct auth_renewal r;
    unsigned begun, told, told_of_error;
};

static void begin(void *ctx)
{
    ((struct rig *)ctx)->begun++;
}

static const struct auth_renewal_kind kind = {
    .what = "the token", .renew_s = 600, .must_s = 120, .retry_s = 60, .begin = begin};

static void ready(void *ctx, const struct error *e)
{
    struct rig *g = ctx;

    g->told++;
    g->told_of_error += e != NULL;
}

static void start(struct rig *g)
{
    struct error e;

    *g = (struct rig){0};
    assert_int_equal(loop_new(&g->loop, &e), PB_OK);
    auth_renewal_init(&g->r, &kind, g->loop, g);
}

static void stop(struct rig *g)
{
    auth_renewal_release(&g->r);
    loop_free(g->loop);
}

static void turn(struct rig *g)
{
    struct error e;

    assert_int_equal(loop_turn(g->loop, 0, &e), PB_OK);
}

static void held_until(void **state)
{
    /* Left seconds of life; are they used, are new ones asked for beside that? */
    static const struct {
        int64_t whole, left;
        bool ready, renewed;
    } rows[] = {
        {0, 0, true, false}, /* nobody said */
        {3600, 3600, true, false}, {3600, 610, true, false},  {3600, 590, true, true},
        {3600, 130, true, true},   {3600, 110, false, false}, {100, 100, true, false},
        {100, 40, true, true},     {100, 20, false, false}, /* a short life: parts of it */
        {3600, -1, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig g;
        bool is_ready;

        start(&g);
        assert_false(auth_renewal_ready(&g.r));
        if (rows[i].whole) {
            g.r.skew = 0;
            auth_renewal_took(&g.r, clock_now() + rows[i].whole);
            g.r.skew = rows[i].whole - rows[i].left; /* so much later */
        } else {
            auth_renewal_took(&g.r, 0);
        }
        is_ready = auth_renewal_ready(&g.r);
        turn(&g);
        if (is_ready != rows[i].ready || (g.begun == 1) != rows[i].renewed)
            fail_msg("row %zu: ready %d, begun %u", i, is_ready, g.begun);
        stop(&g);
    }
}

static void refused(void **state)
{
    struct rig g;

    (void)state;
    start(&g);
    auth_renewal_took(&g.r, 0);
    g.r.refused = true;
    assert_false(auth_renewal_ready(&g.r));
    auth_renewal_took(&g.r, 0);
    assert_true(auth_renewal_ready(&g.r));
    stop(&g);
}

static void told(void **state)
{
    /* What there is when getting new ones fails: is who waits told of the error? */
    static const struct {
        int64_t left; /* of an hour; 0: none are held */
        bool refused, error;
    } rows[] = {{0, false, true}, {300, false, false}, {300, true, true}, {-5, false, true}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {.code = PB_ENET};
        struct rig g;

        start(&g);
        if (rows[i].left) {
            auth_renewal_took(&g.r, clock_now() + 3600);
            g.r.skew = 3600 - rows[i].left;
            g.r.refused = rows[i].refused;
        }
        assert_int_equal(auth_renewal_wait(&g.r, ready, &g, &e), PB_OK);
        assert_int_equal(auth_renewal_wait(&g.r, ready, &g, &e), PB_OK);
        assert_int_equal(auth_renewal_wait(&g.r, ready, &e, &e), PB_OK);
        auth_renewal_forget(&g.r, &e);
        turn(&g);
        assert_int_equal(g.begun, 1); /* once for all of them */
        assert_int_equal(g.told, 0);
        auth_renewal_end(&g.r, &e);
        assert_int_equal(g.told, 2);
        assert_int_equal(g.told_of_error, rows[i].error ? 2 : 0);
        if (!rows[i].error) { /* later again, not at once */
            assert_true(auth_renewal_ready(&g.r));
            turn(&g);
            assert_int_equal(g.begun, 1);
            g.r.skew += 61;
            (void)auth_renewal_ready(&g.r);
            turn(&g);
            assert_int_equal(g.begun, 2);
        }
        stop(&g);
    }
}

static void interrupted(void **state)
{
    struct error e;
    struct rig g;

    (void)state;
    start(&g);
    assert_int_equal(auth_renewal_wait(&g.r, ready, &g, &e), PB_OK);
    loop_interrupt(g.loop);
    turn(&g);
    assert_int_equal(g.begun, 0);
    assert_int_equal(g.told_of_error, 1);
    stop(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_until),
        cmocka_unit_test(refused),
        cmocka_unit_test(told),
        cmocka_unit_test(interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

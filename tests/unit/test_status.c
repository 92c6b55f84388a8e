/* Exit statuses, and what standard output says about itself. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>

#include "cli/out.h"
#include "cli/status.h"

static const struct {
    enum pb_err code;
    int status;
} statuses[] = {
    {PB_OK, 0},           {PB_EUSAGE, 2},       {PB_ENOTFOUND, 3},   {PB_ECHANGED, 4},
    {PB_EDENIED, 5},      {PB_EPICKLE, 6},      {PB_ENOMEM, 7},      {PB_ELIMIT, 7},
    {PB_EEXIST, 7},       {PB_EREADONLY, 7},    {PB_EREFUSED, 7},    {PB_EIO, 7},
    {PB_ENET, 7},         {PB_ETIMEOUT, 7},     {PB_ESERVER, 7},     {PB_EAGAIN, 7},
    {(enum pb_err)99, 7}, {PB_EUNSUPPORTED, 7}, {PB_ECANCELED, 130},
};

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        assert_int_equal(status_of(statuses[i].code), statuses[i].status);
}

static struct out *new_out(int fd)
{
    struct out *o = mem_alloc(sizeof *o);

    assert_non_null(o);
    out_init(o, fd);
    return o;
}

static void free_out(struct out *o)
{
    out_release(o);
    free(o);
}

static void test_reader_gone(void **state)
{
    struct error e;
    struct out *o;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    o = new_out(ends[1]);
    assert_int_equal(out_write(o, "x", 1, &e), PB_OK); /* still in the buffer */
    assert_int_equal(out_flush(o, &e), PB_EIO);
    assert_true(o->reader_gone);
    assert_int_equal(out_write(o, "y", 1, &e), PB_EIO); /* the first failure stays */
    close(ends[1]);
    free_out(o);
}

static void test_full_disk(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct error e;
    struct out *o;

    (void)state;
    if (fd < 0)
        skip();
    o = new_out(fd);
    assert_int_equal(out_write(o, "x", 1, &e), PB_OK);
    assert_int_equal(out_flush(o, &e), PB_EIO);
    assert_false(o->reader_gone);
    assert_non_null(strstr(e.msg, "standard output"));
    close(fd);
    free_out(o);
}

static enum pb_err refuse(void *ctx, struct error *e)
{
    return ++*(int *)ctx >= 3 ? error_set(e, PB_ECANCELED, "interrupted") : PB_OK;
}

static void test_interrupted(void **state)
{
    static const char piece[1000];
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), asked = 0, written = 0;
    struct error e;
    struct out *o = new_out(fd);

    (void)state;
    o->check = refuse;
    o->ctx = &asked;
    while (written < 1000 && out_write(o, piece, sizeof piece, &e) == PB_OK)
        written++;
    assert_int_equal(e.code, PB_ECANCELED);
    assert_int_equal(written, (int)(3 * OUT_PIECE / sizeof piece)); /* the third piece is not */
    close(fd);
    free_out(o);
}

/* In a callback of the loop nobody waits for a reader. */
static void test_offer(void **state)
{
    static char piece[10000], got[sizeof piece];
    struct error e;
    struct out *o;
    int ends[2];
    size_t offered = 0, taken = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    o = new_out(ends[1]);
    for (;;) {
        enum pb_err err;

        memset(piece, (int)(offered % 251), sizeof piece);
        err = out_offer(o, piece, sizeof piece, &e);
        if (err == PB_EAGAIN)
            break;
        assert_int_equal(err, PB_OK);
        assert_true(++offered < 1000);
    }
    assert_int_equal(out_offer(o, piece, sizeof piece, &e), PB_EAGAIN);
    for (size_t at = 0; taken < offered; taken++, at = 0) {
        while (at < sizeof piece) {
            ssize_t n = read(ends[0], got + at, sizeof piece - at);

            if (n < 0)
                assert_int_equal(out_flush(o, &e), PB_OK);
            else
                at += (size_t)n;
        }
        memset(piece, (int)(taken % 251), sizeof piece);
        assert_memory_equal(got, piece, sizeof piece);
    }
    assert_int_equal(out_offer(o, piece, sizeof piece, &e), PB_OK); /* there is room again */
    close(ends[0]);
    assert_int_equal(out_offer(o, piece, sizeof piece, &e), PB_EIO);
    assert_true(o->reader_gone);
    close(ends[1]);
    free_out(o);
}

static void test_whole(void **state)
{
    char name[] = "/tmp/pklbrowse-test-out.XXXXXX";
    int fd = mkstemp(name);
    size_t n = 3 * OUT_PIECE + 17;
    char *bytes = mem_alloc(n), *again = mem_alloc(n + 1);
    struct error e;
    struct out *o;

    (void)state;
    assert_true(fd >= 0);
    unlink(name);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    o = new_out(fd);
    for (size_t at = 0, step = 1; at < n; at += step, step = step * 3 % 40001) {
        size_t part = step < n - at ? step : n - at;

        assert_int_equal(out_write(o, bytes + at, part, &e), PB_OK);
        step = part;
    }
    assert_int_equal(out_flush(o, &e), PB_OK);
    assert_int_equal(pread(fd, again, n + 1, 0), (ssize_t)n);
    assert_memory_equal(bytes, again, n);
    close(fd);
    free_out(o);
    free(bytes);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),  cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_offer),     cmocka_unit_test(test_whole),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

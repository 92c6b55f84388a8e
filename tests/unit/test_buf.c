/* Buffers: growth, the limit, the first failure that stays, splicing; sinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <pklbrowse/buf.h>
#include <pklbrowse/mem.h>

static void starts_empty(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_string_equal(b.data, "");
    assert_int_equal(b.cap, 0); /* allocates nothing */
    buf_append(&b, NULL, 0);
    buf_puts(&b, "");
    buf_fill(&b, 'x', 0);
    buf_printf(&b, "%s", "");
    buf_splice(&b, 0, 0, NULL, 0);
    buf_truncate(&b, 0);
    buf_clear(&b);
    assert_int_equal(b.cap, 0);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_status(&b, NULL), PB_OK);
    buf_release(&b);
    buf_release(&b);
}

static void appends_everything(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    buf_append(&b, "a\0b", 3);
    buf_puts(&b, "cd");
    buf_putc(&b, 'e');
    buf_fill(&b, '.', 3);
    buf_printf(&b, "%d-%s", 42, "x");
    assert_int_equal(b.len, 13);
    assert_memory_equal(b.data, "a\0bcde...42-x", 14);
    for (size_t i = 0; i < 100; i++) {
        buf_printf(&b, "%zu", i % 10);
        assert_int_equal(b.len, 14 + i);
        assert_int_equal(b.data[b.len - 1], '0' + (char)(i % 10));
        assert_int_equal(b.data[b.len], '\0');
    }
    buf_truncate(&b, 2);
    assert_int_equal(b.len, 2);
    assert_memory_equal(b.data, "a\0", 3);
    buf_release(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(b.max, 1000);
}

/* One way to append n bytes of 'x'. */
static void append_by(struct buf *b, int way, size_t n)
{
    char text[64];

    memset(text, 'x', sizeof text);
    switch (way) {
    case 0:
        buf_append(b, text, n);
        break;
    case 1:
        buf_printf(b, "%.*s", (int)n, text);
        break;
    case 2:
        buf_fill(b, 'x', n);
        break;
    case 3:
        buf_splice(b, b->len, 0, text, n);
        break;
    case 4:
        buf_splice(b, 0, 0, text, n);
        break;
    default:
        text[n] = '\0';
        buf_puts(b, text);
        break;
    }
}

static void keeps_its_limit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 40; max++) {
        for (size_t before = 0; before <= max; before++) {
            for (int way = 0; way < 6; way++) {
                struct error e;
                struct buf b;

                buf_init(&b, max);
                buf_fill(&b, 'x', before);
                append_by(&b, way, max - before);
                assert_int_equal(buf_status(&b, NULL), PB_OK);
                assert_int_equal(b.len, max);
                append_by(&b, way, 1);
                assert_int_equal(buf_status(&b, &e), PB_ELIMIT);
                assert_int_equal(e.code, PB_ELIMIT);
                assert_int_equal(b.len, max); /* as it was */
                assert_int_equal(strspn(b.data, "x"), max);
                assert_int_equal(b.data[max], '\0');
                buf_release(&b);
            }
        }
    }
}

static void stays_failed(void **state)
{
    struct error e;
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    buf_puts(&b, "12345");
    buf_puts(&b, "6789");
    assert_int_equal(buf_status(&b, &e), PB_ELIMIT);
    assert_string_equal(e.msg, "longer than the limit of 8 bytes");
    buf_putc(&b, 'x'); /* would fit, but there is a hole before it */
    buf_printf(&b, "y");
    buf_splice(&b, 0, 1, "z", 1);
    assert_string_equal(b.data, "12345");
    assert_int_equal(buf_status(&b, NULL), PB_ELIMIT);
    assert_null(buf_take(&b, NULL));
    assert_int_equal(buf_status(&b, NULL), PB_OK);
    assert_int_equal(b.len, 0);
    buf_fill(&b, 'a', SIZE_MAX);
    assert_int_equal(buf_status(&b, NULL), PB_ELIMIT);
    buf_clear(&b);
    buf_puts(&b, "12345678");
    assert_int_equal(buf_status(&b, NULL), PB_OK);
    buf_release(&b);
}

static void memory_that_runs_out(void **state)
{
    (void)state;
    for (int way = 0; way < 6; way++) {
        struct buf b;

        buf_init(&b, 100);
        mem_fail_after(2);
        append_by(&b, way, 10);
        append_by(&b, way, 60);
        mem_fail_after(-1);
        assert_int_equal(buf_status(&b, NULL), PB_ENOMEM);
        assert_string_equal(b.data, "xxxxxxxxxx");
        buf_release(&b);
    }
}

static void splices(void **state)
{
    static const struct {
        size_t at, remove;
        const char *put, *result;
    } cases[] = {
        {0, 0, "", "hello"},
        {0, 0, "ab", "abhello"},
        {5, 0, "ab", "helloab"},
        {1, 3, "", "ho"},
        {1, 3, "a", "hao"},
        {1, 3, "abc", "habco"},
        {1, 3, "abcdef", "habcdefo"},
        {0, 5, "", ""},
        {0, 5, "x", "x"},
        {2, 3, "XYZ!", "heXYZ!"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;

        buf_init(&b, 50);
        buf_puts(&b, "hello");
        buf_splice(&b, cases[i].at, cases[i].remove, cases[i].put, strlen(cases[i].put));
        assert_string_equal(b.data, cases[i].result);
        assert_int_equal(b.len, strlen(cases[i].result));
        buf_release(&b);
    }
}

static void gives_its_bytes_away(void **state)
{
    struct buf b;
    size_t len = 99;
    char *p;

    (void)state;
    buf_init(&b, 50);
    p = buf_take(&b, &len);
    assert_string_equal(p, "");
    assert_int_equal(len, 0);
    free(p);
    buf_append(&b, "a\0b", 3);
    p = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(p, "a\0b", 4);
    assert_int_equal(b.len, 0);
    buf_puts(&b, "again");
    assert_string_equal(b.data, "again");
    assert_memory_equal(p, "a\0b", 4);
    free(p);
    buf_release(&b);
}

static void a_sink_into_a_buffer(void **state)
{
    struct buf b;
    struct sink s = sink_buf(&b);
    struct error e;

    (void)state;
    buf_init(&b, 6);
    assert_int_equal(sink_write(&s, "abc", 3, &e), PB_OK);
    assert_int_equal(sink_write(&s, NULL, 0, &e), PB_OK);
    assert_int_equal(sink_write(&s, "def", 3, &e), PB_OK);
    assert_int_equal(sink_write(&s, "g", 1, &e), PB_ELIMIT);
    assert_string_equal(b.data, "abcdef");
    buf_release(&b);
}

struct reader {
    int fd;
    size_t bytes;
    unsigned sum;
};

static void *read_slowly(void *arg)
{
    struct reader *r = arg;
    unsigned char block[777];
    ssize_t n;

    while ((n = read(r->fd, block, sizeof block)) > 0) {
        r->bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++)
            r->sum = r->sum * 31 + block[i];
    }
    return NULL;
}

/* A pipe takes 64 KiB at a time, and when it is non-blocking it refuses in between. */
static void write_through_pipe(int flags)
{
    enum { SIZE = 1000000 };
    unsigned char *bytes = malloc(SIZE);
    struct reader r = {0};
    struct error e;
    pthread_t thread;
    unsigned sum = 0;
    int ends[2];

    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 1000);
        sum = sum * 31 + bytes[i];
    }
    assert_int_equal(pipe2(ends, 0), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_WRONLY | flags), 0);
    r.fd = ends[0];
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
    struct sink s = sink_fd(&ends[1]);
    assert_int_equal(sink_write(&s, bytes, SIZE, &e), PB_OK);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_int_equal(r.bytes, SIZE);
    assert_int_equal(r.sum, sum);
    free(bytes);
}

static void a_sink_into_a_descriptor(void **state)
{
    (void)state;
    write_through_pipe(0);
    write_through_pipe(O_NONBLOCK);
}

static void a_sink_that_fails(void **state)
{
    struct error e;
    int ends[2], none = -1, full;
    struct sink s = sink_fd(&ends[1]);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    (void)state;
    assert_int_equal(pipe2(ends, 0), 0);
    close(ends[0]);
    assert_int_equal(sink_write(&s, "x", 1, &e), PB_EIO);
    assert_string_equal(e.msg, "EPIPE");
    close(ends[1]);
    s = sink_fd(&none);
    assert_int_equal(sink_write(&s, "x", 1, &e), PB_EIO);
    assert_string_equal(e.msg, "cannot write: Bad file descriptor");
    full = open("/dev/full", O_WRONLY);
    if (full >= 0) {
        s = sink_fd(&full);
        assert_int_equal(sink_write(&s, "x", 1, &e), PB_EIO);
        assert_string_equal(e.msg, "cannot write: No space left on device");
        close(full);
    }
    signal(SIGPIPE, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(appends_everything),
        cmocka_unit_test(keeps_its_limit),
        cmocka_unit_test(stays_failed),
        cmocka_unit_test(memory_that_runs_out),
        cmocka_unit_test(splices),
        cmocka_unit_test(gives_its_bytes_away),
        cmocka_unit_test(a_sink_into_a_buffer),
        cmocka_unit_test(a_sink_into_a_descriptor),
        cmocka_unit_test(a_sink_that_fails),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}

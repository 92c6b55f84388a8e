/* Sources: memory, growing memory, files that change, spools that grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>

/* --- a folder of our own, emptied after each test -------------------------------------------- */

struct folder {
    char path[64];
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);

    if (f == NULL)
        return -1;
    snprintf(f->path, sizeof f->path, "/tmp/pklbrowse-test-XXXXXX");
    *state = f;
    return mkdtemp(f->path) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    char path[128];

    snprintf(path, sizeof path, "%s/x", f->path);
    unlink(path);
    rmdir(f->path);
    free(f);
    return 0;
}

static int open_in(const struct folder *f, int flags)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/x", f->path);
    fd = open(path, flags | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static uint8_t byte_at(uint64_t off)
{
    return (uint8_t)(off * 7 + (off >> 8) * 13 + (off >> 16) * 31);
}

static void fill(uint8_t *p, uint64_t off, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = byte_at(off + i);
}

static void write_file(const struct folder *f, size_t n)
{
    int fd = open_in(f, O_WRONLY | O_CREAT | O_TRUNC);
    uint8_t *p = malloc(n + 1);

    assert_non_null(p);
    fill(p, 0, n);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
    free(p);
}

/* The promise of source_view(), for bytes that are all here. */
static void check_view(struct source *s, uint64_t off, size_t want)
{
    const uint8_t *p = NULL;
    size_t n = 0, least = want;
    struct error e;

    assert_int_equal(source_view(s, off, want, &p, &n, &e), PB_OK);
    assert_non_null(p);
    if (off >= s->size) {
        assert_int_equal(n, 0);
        return;
    }
    if (least > s->size - off)
        least = (size_t)(s->size - off);
    assert_true(n >= least && n > 0 && n <= s->size - off);
    for (size_t i = 0; i < n; i += i < 64 || i + 64 > n ? 1 : 61) {
        if (p[i] != byte_at(off + i))
            fail_msg("byte %llu", (unsigned long long)(off + i));
    }
}

static void check_all(struct source *s)
{
    static const size_t wants[] = {0, 1, 2, 100, 4096, 300000, SOURCE_VIEW_MAX};
    uint32_t random = 3;

    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        for (uint64_t off = 0; off < s->size; off += s->size / 7 + 1)
            check_view(s, off, wants[i]);
        check_view(s, s->size, wants[i]);
        check_view(s, s->size + 1, wants[i]);
        check_view(s, UINT64_MAX, wants[i]);
        check_view(s, s->size > 0 ? s->size - 1 : 0, wants[i]);
    }
    for (int i = 0; i < 2000 && s->size > 0; i++) {
        random = random * 1664525 + 1013904223;
        check_view(s, random % s->size, random >> 16);
    }
}

/* --- memory ----------------------------------------------------------------------------------- */

static void memory(void **state)
{
    uint8_t *p = malloc(3000);
    struct source *s;

    (void)state;
    assert_non_null(p);
    fill(p, 0, 3000);
    s = source_mem(p, 3000, false);
    assert_true(s->stable);
    assert_int_equal(s->size, 3000);
    assert_int_equal(s->here, 3000);
    check_all(s);
    source_free(s);
    s = source_mem(p, 3000, true);
    check_all(s);
    source_free(s);
    s = source_mem(NULL, 0, true);
    check_all(s);
    source_free(s);
    source_free(NULL);
}

static void growing_memory(void **state)
{
    struct source *s = source_mem_growing(5000);
    uint8_t bytes[1000];
    struct error e;

    (void)state;
    assert_non_null(s);
    assert_false(s->stable);
    check_all(s);
    for (uint64_t off = 0; off < 5000; off += 1000) {
        fill(bytes, off, 1000);
        assert_int_equal(source_mem_append(s, bytes, 1000, &e), PB_OK);
        assert_int_equal(s->size, off + 1000);
        check_all(s);
    }
    /* What does not fit adds nothing and spoils nothing. */
    assert_int_equal(source_mem_append(s, bytes, 1, &e), PB_ELIMIT);
    assert_int_equal(s->size, 5000);
    check_all(s);
    source_mem_truncate(s, 4500);
    assert_int_equal(s->here, 4500);
    check_all(s);
    fill(bytes, 4500, 500);
    assert_int_equal(source_mem_append(s, bytes, 501, &e), PB_ELIMIT);
    assert_int_equal(source_mem_append(s, bytes, 500, &e), PB_OK);
    check_all(s);
    source_free(s);
}

/* --- files ------------------------------------------------------------------------------------ */

static struct source *open_source(const struct folder *f)
{
    struct source *s = NULL;
    struct error e;

    assert_int_equal(source_file(open_in(f, O_RDONLY), "x.pkl", &s, &e), PB_OK);
    return s;
}

static void files(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 65536, 262144, 262145, 3000000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct source *s;

        write_file(*state, sizes[i]);
        s = open_source(*state);
        assert_int_equal(s->size, sizes[i]);
        assert_false(s->stable);
        check_all(s);
        source_free(s);
    }
}

/* A window that is still good stays; a new one sees the change. */
static void files_that_change(void **state)
{
    enum { SIZE = 2000000 };

    for (int how = 0; how < 4; how++) {
        const uint8_t *p;
        struct source *s;
        struct error e;
        size_t n;
        int fd;

        write_file(*state, SIZE);
        s = open_source(*state);
        check_view(s, 0, 100);
        fd = open_in(*state, O_RDWR);
        switch (how) {
        case 0: /* the same size, other bytes, the times put back */
            assert_int_equal(pwrite(fd, "!", 1, SIZE - 1), 1);
            assert_int_equal(futimens(fd, (struct timespec[2]){{0}, {0}}), 0);
            break;
        case 1:
            assert_int_equal(ftruncate(fd, 1000), 0);
            break;
        case 2:
            assert_int_equal(ftruncate(fd, SIZE + 1), 0);
            break;
        default:
            assert_int_equal(ftruncate(fd, 0), 0);
            break;
        }
        close(fd);
        check_view(s, 0, 100);
        assert_int_equal(source_view(s, SIZE - 10, 10, &p, &n, &e), PB_ECHANGED);
        assert_string_equal(e.msg, "x.pkl was changed meanwhile");
        assert_int_equal(n, 0);
        source_free(s);
    }
}

/* Puts an empty file in the place of x. */
static void replace_file(const struct folder *f)
{
    char from[128], to[128];
    int fd;

    snprintf(from, sizeof from, "%s/y", f->path);
    snprintf(to, sizeof to, "%s/x", f->path);
    fd = open(from, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(rename(from, to), 0);
}

/* Whoever replaces a file leaves the old one to those who have it open.  That changes its ctime, so
 * it is said, not passed over, unless it was ourselves. */
static void files_that_are_replaced(void **state)
{
    for (int ours = 0; ours < 3; ours++) {
        struct source *s;
        struct error e;
        const uint8_t *p;
        size_t n;
        int fd;

        write_file(*state, 1000000);
        s = open_source(*state);
        check_view(s, 0, 10);
        fd = open_in(*state, O_WRONLY);
        replace_file(*state);
        if (ours == 2) { /* and yet somebody wrote into it before */
            assert_int_equal(pwrite(fd, "!", 1, 999999), 1);
            assert_int_equal(futimens(fd, (struct timespec[2]){{1, 0}, {1, 0}}), 0);
        }
        close(fd);
        if (ours > 0)
            source_file_replaced(s);
        if (ours == 1)
            check_view(s, 900000, 10);
        else
            assert_int_equal(source_view(s, 900000, 10, &p, &n, &e), PB_ECHANGED);
        source_free(s);
    }
    struct source *other = source_mem("x", 1, false);
    source_file_replaced(other); /* nothing happens */
    source_free(other);
}

static void what_is_no_file(void **state)
{
    const struct folder *f = *state;
    struct source *s;
    struct error e;
    char path[128];
    int ends[2];

    assert_int_equal(source_file(open(f->path, O_RDONLY), "here", &s, &e), PB_EUNSUPPORTED);
    assert_string_equal(e.msg, "here is a folder, not a file");
    assert_null(s);
    assert_int_equal(source_file(open("/dev/zero", O_RDONLY), "/dev/zero", &s, &e),
                     PB_EUNSUPPORTED);
    assert_string_equal(e.msg, "/dev/zero is a device, not a file");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(source_file(ends[0], "fifo", &s, &e), PB_EUNSUPPORTED);
    assert_string_equal(e.msg, "fifo is a pipe, not a file");
    assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* closed, although it failed */
    close(ends[1]);
    assert_int_equal(source_file(-1, "gone", &s, &e), PB_EIO);
    snprintf(path, sizeof path, "%s/x", f->path);
    write_file(f, 10);
    for (long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth);
        assert_int_equal(source_file(open(path, O_RDONLY), "x", &s, &e), PB_ENOMEM);
        mem_fail_after(-1);
    }
    s = open_source(f);
    const uint8_t *p;
    size_t n;
    mem_fail_after(1);
    assert_int_equal(source_view(s, 0, 1, &p, &n, &e), PB_ENOMEM);
    mem_fail_after(-1);
    check_view(s, 0, 10);
    source_free(s);
}

/* --- spools ----------------------------------------------------------------------------------- */

static void a_spool_grows(void **state)
{
    enum { STEP = 77777, STEPS = 60 };
    static uint8_t bytes[STEP];
    const uint8_t *first, *p;
    struct source *s;
    struct error e;
    size_t n;

    (void)state;
    assert_int_equal(source_spool(SOURCE_SIZE_UNKNOWN, &s, &e), PB_OK);
    assert_true(s->stable);
    assert_int_equal(s->here, 0);
    assert_true(s->size == SOURCE_SIZE_UNKNOWN);
    assert_int_equal(source_view(s, 0, 1, &first, &n, &e), PB_EAGAIN);
    assert_int_equal(n, 0);
    for (uint64_t i = 0; i < STEPS; i++) {
        fill(bytes, i * STEP, STEP);
        assert_int_equal(source_spool_append(s, bytes, STEP, &e), PB_OK);
        assert_int_equal(s->here, (i + 1) * STEP);
        assert_int_equal(source_view(s, 0, 1, &p, &n, &e), PB_OK);
        if (i == 0)
            first = p;
        assert_ptr_equal(p, first); /* stable */
        assert_int_equal(n, s->here);
        /* Fewer than asked for: says which there are. */
        assert_int_equal(source_view(s, s->here - 5, 6, &p, &n, &e), PB_EAGAIN);
        assert_int_equal(n, 5);
        assert_int_equal(p[4], byte_at(s->here - 1));
        assert_int_equal(source_view(s, s->here + 5, 1, &p, &n, &e), PB_EAGAIN);
        assert_int_equal(n, 0);
    }
    assert_int_equal(source_spool_append(s, NULL, 0, &e), PB_OK);
    source_spool_done(s);
    assert_int_equal(s->size, STEP * STEPS);
    check_all(s);
    for (uint64_t i = 0; i < s->size; i++) {
        if (first[i] != byte_at(i))
            fail_msg("byte %llu", (unsigned long long)i);
    }
    source_free(s);
}

static void a_spool_of_nothing(void **state)
{
    struct source *s;
    struct error e;

    (void)state;
    assert_int_equal(source_spool(0, &s, &e), PB_OK);
    source_spool_done(s);
    check_all(s);
    source_free(s);
}

static void a_spool_is_nobodys_elses(void **state)
{
    struct folder *f = *state;
    struct source *s;
    struct error e;
    char command_path[128];

    assert_int_equal(setenv("TMPDIR", f->path, 1), 0);
    assert_int_equal(source_spool(10, &s, &e), PB_OK);
    assert_int_equal(source_spool_append(s, "secret", 6, &e), PB_OK);
    assert_int_equal(rmdir(f->path), 0); /* the folder is empty: the file has no name */
    assert_int_equal(mkdir(f->path, 0700), 0);
    source_free(s);
    snprintf(command_path, sizeof command_path, "%s/\033nowhere", f->path);
    assert_int_equal(setenv("TMPDIR", command_path, 1), 0);
    assert_int_equal(source_spool(10, &s, &e), PB_EIO);
    assert_non_null(strstr(e.msg, "\\x1bnowhere: No such file or directory"));
    assert_null(s);
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

/* Leaves 600 MiB of addresses; false where the program itself has taken more (a sanitizer). */
static bool few_addresses(void)
{
    struct rlimit limit, before;
    void *p;

    if (getrlimit(RLIMIT_AS, &before) != 0)
        return false;
    limit = before;
    limit.rlim_cur = (rlim_t)600 << 20;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return false;
    p = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        (void)setrlimit(RLIMIT_AS, &before);
        return false;
    }
    munmap(p, 64 << 20);
    return true;
}

/* In a child, because limits stay: few addresses, then a file that must not grow. */
static int in_small_quarters(void)
{
    static uint8_t bytes[1 << 20];
    const struct rlimit limit = {(3 << 20) + 12345, (3 << 20) + 12345};
    struct source *s;
    struct error e;
    const uint8_t *p;
    size_t n;

    if (few_addresses() && source_spool((uint64_t)4 << 30, &s, &e) != PB_ELIMIT)
        return 11;
    if (source_spool(SOURCE_SIZE_UNKNOWN, &s, &e) != PB_OK)
        return 12;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 13;
    do {
        fill(bytes, s->here, sizeof bytes);
    } while (source_spool_append(s, bytes, sizeof bytes, &e) == PB_OK);
    if (e.code != PB_EIO || strstr(e.msg, "cannot write a temporary file: ") != e.msg)
        return 14;
    /* The bytes of the piece that failed do not count, the ones before are all there. */
    if (s->here != 3 << 20 || source_view(s, 0, 1, &p, &n, &e) != PB_OK || n != 3 << 20)
        return 15;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != byte_at(i))
            return 16;
    }
    source_free(s);
    return 0;
}

static void a_spool_on_a_full_disk(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(in_small_quarters());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- copying ---------------------------------------------------------------------------------- */

static void copies(void **state)
{
    enum { SIZE = 2500000 };
    struct source *s;
    struct error e;
    struct buf out;
    struct sink to = sink_buf(&out);

    buf_init(&out, SIZE);
    write_file(*state, SIZE);
    s = open_source(*state);
    assert_int_equal(source_copy(s, 0, SIZE, &to, &e), PB_OK);
    assert_int_equal(out.len, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        if ((uint8_t)out.data[i] != byte_at(i))
            fail_msg("byte %zu", i);
    }
    buf_clear(&out);
    assert_int_equal(source_copy(s, 1000, 3, &to, &e), PB_OK);
    assert_int_equal(out.len, 3);
    assert_int_equal((uint8_t)out.data[0], byte_at(1000));
    assert_int_equal(source_copy(s, 5, 0, &to, &e), PB_OK);
    assert_int_equal(out.len, 3);
    assert_int_equal(source_copy(s, SIZE - 1, 2, &to, &e), PB_EIO);
    assert_string_equal(e.msg, "the bytes end at 2500000, 1 more were expected");
    buf_clear(&out);
    assert_int_equal(source_copy(s, 0, SIZE, &to, &e), PB_OK);
    assert_int_equal(source_copy(s, 0, 1, &to, &e), PB_ELIMIT); /* the sink is full */
    buf_release(&out);
    source_free(s);
}

static void copies_what_has_not_come(void **state)
{
    struct source *s;
    struct error e;
    struct buf out;
    struct sink to = sink_buf(&out);

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(source_spool(10, &s, &e), PB_OK);
    assert_int_equal(source_spool_append(s, "abc", 3, &e), PB_OK);
    assert_int_equal(source_copy(s, 0, 3, &to, &e), PB_OK);
    assert_int_equal(source_copy(s, 0, 4, &to, &e), PB_EAGAIN);
    source_free(s);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),
        cmocka_unit_test(growing_memory),
        cmocka_unit_test_setup_teardown(files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(files_that_change, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(files_that_are_replaced, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_file, make_folder, remove_folder),
        cmocka_unit_test(a_spool_grows),
        cmocka_unit_test(a_spool_of_nothing),
        cmocka_unit_test_setup_teardown(a_spool_is_nobodys_elses, make_folder, remove_folder),
        cmocka_unit_test(a_spool_on_a_full_disk),
        cmocka_unit_test_setup_teardown(copies, make_folder, remove_folder),
        cmocka_unit_test(copies_what_has_not_come),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}

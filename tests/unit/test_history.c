/* What is replaced: kept whole, found again, not more than the newest few. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/job.h>
#include <pklbrowse/store.h>

struct fixture {
    char top[64];
    char dir[128];
    struct history *h;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    (void)snprintf(f->top, sizeof f->top, "/tmp/test_history.XXXXXX");
    assert_non_null(mkdtemp(f->top));
    (void)snprintf(f->dir, sizeof f->dir, "%s/a/b", f->top);
    assert_int_equal(history_open(f->dir, &f->h, NULL), PB_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    pid_t pid;

    history_close(f->h);
    (void)unsetenv("PKLBROWSE_NOW");
    pid = fork();
    if (pid == 0) {
        (void)execlp("rm", "rm", "-rf", f->top, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    free(f);
    return 0;
}

static enum pb_err keep(struct fixture *f, const char *key, const void *p, size_t n, char **name)
{
    struct store_identity id = {.etag = (char[]){"\"ab c\""},
                                .version_id = (char[]){"v\n1"},
                                .size = n,
                                .mtime = 1700000000};
    struct source *old = source_mem(p, n, false);
    struct location where = {0};
    enum pb_err err;

    assert_non_null(old);
    assert_int_equal(location_make(&where, LOC_S3, "bucket", key, strlen(key), NULL), PB_OK);
    err = history_keep(f->h, &where, &id, old, name, NULL);
    location_release(&where);
    source_free(old);
    return err;
}

static void read_file(const char *path, char *out, size_t size)
{
    FILE *in = fopen(path, "r");
    size_t n;

    assert_non_null(in);
    n = fread(out, 1, size - 1, in);
    out[n] = '\0';
    (void)fclose(in);
}

static unsigned count_files(const char *dir, const char *ending)
{
    DIR *d = opendir(dir);
    const struct dirent *x;
    unsigned n = 0;

    assert_non_null(d);
    while ((x = readdir(d))) {
        size_t len = strlen(x->d_name), m = strlen(ending);

        n += len >= m && strcmp(x->d_name + len - m, ending) == 0;
    }
    (void)closedir(d);
    return n;
}

static void expect_mode(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void test_keep(void **state)
{
    struct fixture *f = *state;
    char *name = NULL, record[256], text[1024];
    static const char want[] =
        "location: s3%3A//bucket/a%0Ab\netag: %22ab%20c%22\nversion: v%0A1\nsize: 3\n"
        "modified: 2023-11-14T22:13:20Z\nreplaced: 2026-11-22T10:02:03Z\n"
        "sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n"
        "bytes: 20261122T100203Z-000.bytes\n";

    assert_int_equal(setenv("PKLBROWSE_NOW", "1795341723", 1), 0);
    assert_int_equal(keep(f, "a\nb", "foo", 3, &name), PB_OK);
    assert_int_equal(strncmp(name, f->dir, strlen(f->dir)), 0);
    read_file(name, text, sizeof text);
    assert_string_equal(text, "foo");
    expect_mode(name, 0600);
    (void)snprintf(record, sizeof record, "%.*s.record", (int)(strlen(name) - 6), name);
    expect_mode(record, 0600);
    read_file(record, text, sizeof text);
    assert_string_equal(text, want);
    expect_mode(f->dir, 0700);
    *strrchr(record, '/') = '\0';
    expect_mode(record, 0700);
    assert_int_equal(count_files(record, ".part"), 0);
    free(name);
}

/* In the same second too, when the clock goes back, and each object for itself. */
static void test_newest_stay(void **state)
{
    struct fixture *f = *state;
    char *name = NULL, dir[256], text[16], kept[16];
    unsigned i;

    assert_int_equal(setenv("PKLBROWSE_NOW", "1795341723", 1), 0);
    assert_int_equal(keep(f, "other", "x", 1, NULL), PB_OK);
    for (i = 0; i < 12; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        if (i == 7)
            assert_int_equal(setenv("PKLBROWSE_NOW", "1795341600", 1), 0);
        if (i == 9)
            assert_int_equal(setenv("PKLBROWSE_NOW", "1795341800", 1), 0);
        free(name);
        assert_int_equal(keep(f, "k", text, strlen(text), &name), PB_OK);
        read_file(name, kept, sizeof kept);
        assert_string_equal(kept, text);
    }
    (void)snprintf(dir, sizeof dir, "%s", name);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(count_files(dir, ".record"), HISTORY_NEWEST);
    assert_int_equal(count_files(dir, ".bytes"), HISTORY_NEWEST);
    read_file(name, text, sizeof text);
    assert_string_equal(text, "11");
    assert_non_null(strstr(name, "/20261122T100320Z-002.bytes"));
    assert_int_equal(count_files(f->dir, ""), 4); /* two objects, "." and ".." */
    free(name);
}

static bool is_there(const char *name)
{
    return access(name, F_OK) == 0;
}

/* Of every object: what is too old, and the oldest when there are too many bytes in all. */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    char *names[4] = {NULL};
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const char *const days[] = {"1780000000", "1795300000", "1795310000", "1795341723"};

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(setenv("PKLBROWSE_NOW", days[i], 1), 0);
        assert_int_equal(keep(f, keys[i], "x", 1, &names[i]), PB_OK);
    }
    assert_false(is_there(names[0]));
    assert_true(is_there(names[1]) && is_there(names[2]));
    /* Sparse: they take no room. */
    assert_int_equal(truncate(names[1], (off_t)600 << 20), 0);
    assert_int_equal(truncate(names[2], (off_t)600 << 20), 0);
    assert_int_equal(setenv("PKLBROWSE_NOW", days[3], 1), 0);
    assert_int_equal(keep(f, keys[3], "x", 1, &names[3]), PB_OK);
    assert_false(is_there(names[1]));
    assert_true(is_there(names[2]) && is_there(names[3]));
    assert_int_equal(setenv("PKLBROWSE_NOW", "1803300000", 1), 0);
    free(names[3]);
    assert_int_equal(keep(f, keys[0], "x", 1, &names[3]), PB_OK);
    assert_false(is_there(names[2]));
    assert_true(is_there(names[3]));
    for (unsigned i = 0; i < 4; i++)
        free(names[i]);
}

static void test_empty(void **state)
{
    struct fixture *f = *state;
    char *name = NULL;
    struct stat st;

    assert_int_equal(keep(f, "k", "", 0, &name), PB_OK);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_size, 0);
    free(name);
}

/* Too much to keep: the record says so and has the digest. */
static void test_too_large(void **state)
{
    struct fixture *f = *state;
    size_t n = HISTORY_BYTES_MAX + 1;
    char *bytes = calloc(1, n), *name = NULL, text[1024], dir[256];

    assert_non_null(bytes);
    assert_int_equal(keep(f, "k", bytes, n, &name), PB_OK);
    assert_non_null(strstr(name, ".record"));
    read_file(name, text, sizeof text);
    assert_non_null(strstr(text, "size: 67108865\n"));
    assert_non_null(strstr(text, "bytes: not kept, more than 67108864\n"));
    /* sha256 of 64 MiB + 1 zero bytes, by coreutils */
    assert_non_null(
        strstr(text, "sha256: 91990977345985aaf03af1358f4f989d7eaf985b58529efb72f613c588f6599a"));
    (void)snprintf(dir, sizeof dir, "%s", name);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(count_files(dir, ".bytes"), 0);
    free(name);
    free(bytes);
}

/* Given up half-way: nothing is left. */
static void test_half_way(void **state)
{
    struct fixture *f = *state;
    size_t n = 32u * 1024 * 1024;
    struct source *old = source_mem(calloc(1, n), n, true);
    struct store_identity id = {.size = n};
    struct location where = {0};
    char *name = NULL, dir[256];
    struct job *j = NULL;

    assert_int_equal(keep(f, "k", "x", 1, &name), PB_OK);
    assert_int_equal(location_make(&where, LOC_S3, "bucket", "k", 1, NULL), PB_OK);
    assert_int_equal(history_job_new(f->h, &where, &id, old, &j, NULL), PB_OK);
    assert_int_equal(job_step(j, 1000), JOB_MORE);
    assert_true(j->done > 0 && j->done < n);
    history_job_free(j);
    (void)snprintf(dir, sizeof dir, "%s", name);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(count_files(dir, ""), 4); /* bytes, record, "." and ".." */
    location_release(&where);
    source_free(old);
    free(name);
}

static void leave(const char *dir, const char *name)
{
    char path[512];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
}

/* What is in the folder already, and the name under which the next is kept there. */
static void test_next_stem(void **state)
{
    static const struct {
        const char *there[3], *next;
    } rows[] = {
        {{NULL}, "20261122T100203Z-000.bytes"},
        {{"20261122T100202Z-007.record"}, "20261122T100203Z-000.bytes"},
        {{"20261122T100203Z-007.record"}, "20261122T100203Z-008.bytes"},
        {{"20261122T100203Z-999.record"}, "20261122T100204Z-000.bytes"},
        {{"20301231T235959Z-999.record"}, "20310101T000000Z-000.bytes"},
        /* Of programs that were killed, or are at it. */
        {{"20261122T100203Z-000.bytes"}, "20261122T100203Z-001.bytes"},
        {{"20261122T100203Z-000.bytes", "20261122T100203Z-001.part"}, "20261122T100203Z-002.bytes"},
        {{"20261122T100203Z-000.record", "20261122T100203Z-001.bytes", "20261122T100203Z-002.part"},
         "20261122T100203Z-003.bytes"},
        /* Of nobody here. */
        {{"notes of mine, kept here.record"}, "20261122T100203Z-000.bytes"},
        {{"99999999T999999Z-000.record"}, "20261122T100203Z-000.bytes"},
    };
    struct fixture *f = *state;

    assert_int_equal(setenv("PKLBROWSE_NOW", "1795341723", 1), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[32], dir[256], record[300], *name = NULL, *first = NULL;

        (void)snprintf(key, sizeof key, "stem %zu", i);
        assert_int_equal(keep(f, key, "a", 1, &first), PB_OK);
        (void)snprintf(dir, sizeof dir, "%s", first);
        *strrchr(dir, '/') = '\0';
        (void)snprintf(record, sizeof record, "%s/20261122T100203Z-000.record", dir);
        assert_int_equal(unlink(first), 0);
        assert_int_equal(unlink(record), 0);
        for (size_t n = 0; n < 3 && rows[i].there[n]; n++)
            leave(dir, rows[i].there[n]);
        assert_int_equal(keep(f, key, "b", 1, &name), PB_OK);
        assert_string_equal(strrchr(name, '/') + 1, rows[i].next);
        free(name);
        free(first);
    }
}

#define WRITERS 6
#define KEPT_EACH 25

/* What one of many keeps, each time other bytes; and what it was told of is what it kept. */
static int keep_many(struct fixture *f, int writer)
{
    for (int i = 0; i < KEPT_EACH; i++) {
        char bytes[32], *name = NULL, got[32] = "";
        FILE *in;
        size_t n = (size_t)snprintf(bytes, sizeof bytes, "writer %d, %d", writer, i);

        if (keep(f, "k", bytes, n, &name) != PB_OK)
            return 1;
        in = fopen(name, "r");
        free(name);
        if (in == NULL) /* the others have kept so much since that it is none of the newest */
            continue;
        n = fread(got, 1, sizeof got - 1, in);
        (void)fclose(in);
        if (n != strlen(bytes) || strcmp(got, bytes) != 0)
            return 2;
    }
    return 0;
}

/* Several programs replace one object in the same second: all is kept, nothing is taken for
 * another's. */
static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    char *name = NULL, dir[256];
    pid_t writers[WRITERS];

    assert_int_equal(setenv("PKLBROWSE_NOW", "1795341723", 1), 0);
    for (int w = 0; w < WRITERS; w++) {
        writers[w] = fork();
        assert_true(writers[w] >= 0);
        if (writers[w] == 0)
            _exit(keep_many(f, w));
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;

        assert_int_equal(waitpid(writers[w], &status, 0), writers[w]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(keep(f, "k", "last", 4, &name), PB_OK);
    (void)snprintf(dir, sizeof dir, "%s", name);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(count_files(dir, ".bytes"), count_files(dir, ".record"));
    assert_int_equal(count_files(dir, "part"), 0);
    free(name);
}

static void test_default_folder(void **state)
{
    struct fixture *f = *state;
    struct history *h = NULL;
    struct error e = {0};
    char dir[256];

    assert_int_equal(setenv("HOME", f->top, 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    assert_int_equal(history_open(NULL, &h, NULL), PB_OK);
    history_close(h);
    (void)snprintf(dir, sizeof dir, "%s/.local/state/pklbrowse/history", f->top);
    expect_mode(dir, 0700);
    (void)snprintf(dir, sizeof dir, "%s/state", f->top);
    assert_int_equal(setenv("XDG_STATE_HOME", dir, 1), 0);
    assert_int_equal(history_open(NULL, &h, NULL), PB_OK);
    history_close(h);
    (void)snprintf(dir, sizeof dir, "%s/state/pklbrowse/history", f->top);
    expect_mode(dir, 0700);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(history_open(NULL, &h, &e), PB_EIO);
    assert_null(h);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keep),      TEST(test_many_at_once), TEST(test_newest_stay),
        TEST(test_next_stem), TEST(test_empty),        TEST(test_limits),
        TEST(test_too_large), TEST(test_half_way),     TEST(test_default_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
